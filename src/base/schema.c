/* The kinds of fields, and the functions that need only the rows: free, copy, compare. */
#include "base.h"

#include <errno.h>
#include <string.h>

const char *const yes_no[] = { NULL, "yes", "no", NULL };
const char *const on_off[] = { NULL, "on", "off", NULL };

const SizeSpec size_kib = { 1024, 1024, "KiB",
                            G_MAXINT64 >> 10 }; /* bytes are a gint64 to clients */
const SizeSpec size_bytes = { 1, 1, "bytes", 0 };

int
word_find(Words words, const char *word)
{
    for (int i = 1; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return 0;
}

const char *
word_of(Words words, int value)
{
    for (int i = 1; words[i]; i++)
        if (i == value)
            return words[i];
    return NULL;
}

/* ---- strings */

static gboolean
string_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    g_free(*(char **)at);
    *(char **)at = g_strdup(text);
    return TRUE;
}

static void
string_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append(out, *(char *const *)at);
}

static void
string_clear(gpointer at)
{
    g_clear_pointer((char **)at, g_free);
}

static void
string_copy(gpointer to, gconstpointer from)
{
    *(char **)to = g_strdup(*(char *const *)from);
}

static gboolean
string_equal(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(char *const *)a, *(char *const *)b) == 0;
}

static void
strings_clear(gpointer at)
{
    g_clear_pointer((char ***)at, g_strfreev);
}

static void
strings_copy(gpointer to, gconstpointer from)
{
    *(char ***)to = g_strdupv(*(char **const *)from);
}

static gboolean
strings_equal(gconstpointer a, gconstpointer b)
{
    const char *const *sa = *(const char *const *const *)a;
    const char *const *sb = *(const char *const *const *)b;

    return sa && sb ? g_strv_equal(sa, sb) : sa == sb;
}

/* ---- numbers */

static const NumSpec any_u32 = { 0, G_MAXUINT32 }, any_u64 = { 0, G_MAXUINT64 },
                     any_i32 = { G_MININT32, G_MAXINT32 }, any_i64 = { G_MININT64, G_MAXINT64 };

static const NumSpec *
num_spec(const Field *f, const NumSpec *any)
{
    return f->arg ? f->arg : any;
}

static int
num_base(const NumSpec *spec)
{
    static const int bases[] = { 10, 0, 0, 16 }; /* by NumText; 0: as in C */

    return bases[spec->text];
}

/* As C reads numbers, but for a minus: blanks and a plus may stand before it, nothing behind it. */
gboolean
number_read(const char *text, int base, guint64 *ret_n)
{
    const char *p = text;
    guint64 n;
    char *end;

    while (g_ascii_isspace(*p))
        p++;
    if (*p == '+')
        p++;
    if (!(base == 16 ? g_ascii_isxdigit(*p) : g_ascii_isdigit(*p)))
        return FALSE;
    errno = 0;
    n = g_ascii_strtoull(p, &end, base);
    if (errno || *end)
        return FALSE;
    *ret_n = n;
    return TRUE;
}

static gboolean
read_signed(const char *text, int base, gint64 *ret_n)
{
    char *end;

    errno = 0;
    *ret_n = g_ascii_strtoll(text, &end, base);
    return errno == 0 && end != text && !*end;
}

static gboolean
read_wrapped(const char *text, guint64 *ret_n)
{
    char *end;

    errno = 0;
    *ret_n = g_ascii_strtoull(text, &end, 10);
    return errno == 0 && end != text && !*end;
}

static gboolean
u32_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    const NumSpec *spec = num_spec(f, &any_u32);
    guint64 n;

    if (spec->wrap) {
        if (!read_wrapped(text, &n) || (n > G_MAXUINT32 && -n > G_MAXUINT32))
            return FALSE;
        *(guint32 *)at = n;
        return TRUE;
    }
    if (!number_read(text, num_base(spec), &n) || n > spec->max || (gint64)n < spec->min ||
        n > G_MAXUINT32)
        return FALSE;
    *(guint32 *)at = n;
    return TRUE;
}

static gboolean
u64_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    const NumSpec *spec = num_spec(f, &any_u64);
    guint64 n;

    if (spec->wrap)
        return read_wrapped(text, at);
    if (!number_read(text, num_base(spec), &n) || n > spec->max || n < (guint64)spec->min)
        return FALSE;
    *(guint64 *)at = n;
    return TRUE;
}

static gboolean
i64_in(const NumSpec *spec, const char *text, gint64 *ret_n)
{
    return read_signed(text, num_base(spec), ret_n) && *ret_n >= spec->min &&
           (*ret_n < 0 || (guint64)*ret_n <= spec->max);
}

static gboolean
i32_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    gint64 n;

    if (!i64_in(num_spec(f, &any_i32), text, &n) || n < G_MININT32 || n > G_MAXINT32)
        return FALSE;
    *(gint32 *)at = n;
    return TRUE;
}

static gboolean
i64_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    return i64_in(num_spec(f, &any_i64), text, at);
}

/* Numbers are much of every document, and printf(3) takes ten times as long. */
static void
put_number(GString *out, gboolean minus, guint64 n, guint base, guint digits)
{
    char text[24], *at = text + sizeof(text);

    do {
        *--at = "0123456789abcdef"[n % base];
        n /= base;
    } while (n > 0 || at > text + sizeof(text) - digits);
    if (base == 16) {
        *--at = 'x';
        *--at = '0';
    }
    if (minus)
        *--at = '-';
    g_string_append_len(out, at, text + sizeof(text) - at);
}

static void
unsigned_format(const NumSpec *spec, guint64 n, GString *out)
{
    gboolean hex = spec && (spec->text == NUM_HEX || spec->text == NUM_HEX_ONLY);

    put_number(out, FALSE, n, hex ? 16 : 10, hex ? spec->digits : 0);
}

static void
signed_format(gint64 n, GString *out)
{
    put_number(out, n < 0, n < 0 ? -(guint64)n : (guint64)n, 10, 0);
}

static void
u32_format(const Field *f, gconstpointer at, GString *out)
{
    unsigned_format(f->arg, *(const guint32 *)at, out);
}

static void
u64_format(const Field *f, gconstpointer at, GString *out)
{
    unsigned_format(f->arg, *(const guint64 *)at, out);
}

static void
i32_format(const Field *f, gconstpointer at, GString *out)
{
    signed_format(*(const gint32 *)at, out);
}

static void
i64_format(const Field *f, gconstpointer at, GString *out)
{
    signed_format(*(const gint64 *)at, out);
}

/* ---- words and flags */

static gboolean
enum_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    int value = word_find(f->arg, text);

    if (!value && !((f->flags & F_DEFAULT) && strcmp(text, "default") == 0))
        return FALSE;
    *(int *)at = value;
    return TRUE;
}

static void
enum_format(const Field *f, gconstpointer at, GString *out)
{
    const char *word = word_of(f->arg, *(const int *)at);

    if (word)
        g_string_append(out, word);
}

static gboolean
flag_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    *(gboolean *)at = TRUE;
    return TRUE;
}

static void
flag_format(const Field *f, gconstpointer at, GString *out)
{
}

/* ---- uuid, mac, size, bitmap */

static gboolean
uuid_field_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    return uuid_parse(text, at);
}

static void
uuid_field_format(const Field *f, gconstpointer at, GString *out)
{
    char text[37];

    uuid_format(at, text);
    g_string_append(out, text);
}

static gboolean
mac_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    guint8 mac[6];
    const char *p = text;

    for (gsize i = 0; i < sizeof mac; i++) {
        char *end;
        guint64 n = g_ascii_strtoull(p, &end, 16);

        if (!g_ascii_isxdigit(*p) || n > 0xff || *end != (i < sizeof mac - 1 ? ':' : '\0'))
            return FALSE;
        mac[i] = n;
        p = end + 1;
    }
    memcpy(at, mac, sizeof mac);
    return TRUE;
}

static void
mac_format(const Field *f, gconstpointer at, GString *out)
{
    const guint8 *m = at;

    g_string_append_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
                           m[5]);
}

gboolean
size_unit_find(const char *unit, guint64 *ret_bytes)
{
    static const char letters[] = "kmgtpe";
    const char *letter;
    guint64 step, bytes = 1;
    char *low;

    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strncasecmp(unit, "byte", 4) == 0) {
        *ret_bytes = 1;
        return !unit[1] || !unit[4] || g_ascii_strcasecmp(unit + 4, "s") == 0;
    }
    if (!*unit || !(letter = strchr(letters, g_ascii_tolower(*unit))))
        return FALSE;
    if (!unit[1] || g_ascii_strcasecmp(unit + 1, "ib") == 0)
        step = 1024;
    else if (g_ascii_strcasecmp(unit + 1, "b") == 0)
        step = 1000;
    else
        return FALSE;
    low = (char *)letters;
    for (; low <= letter; low++)
        bytes *= step;
    *ret_bytes = bytes;
    return TRUE;
}

const char *
size_unit_of(const SizeSpec *spec, guint64 *n)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    gsize i = 0;

    if (!spec->unit || *spec->unit)
        return spec->unit;
    for (*n *= spec->stored; *n > 0 && *n % 1024 == 0 && i + 1 < G_N_ELEMENTS(units); i++)
        *n /= 1024;
    return units[i];
}

static gboolean
size_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    return number_read(text, 10, at);
}

static void
size_format(const Field *f, gconstpointer at, GString *out)
{
    guint64 n = *(const guint64 *)at;

    size_unit_of(f->arg, &n);
    unsigned_format(NULL, n, out);
}

static gboolean
bitmap_field_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    Bitmap *b;

    if (!text[strspn(text, " \t\r\n")])
        return fail(err, ERR_INVALID_ARG, "a set of numbers is empty");
    if (!(b = bitmap_parse(text, err)))
        return FALSE;
    bitmap_free(*(Bitmap **)at);
    *(Bitmap **)at = b;
    return TRUE;
}

static void
bitmap_field_format(const Field *f, gconstpointer at, GString *out)
{
    g_autofree char *text = bitmap_format(*(Bitmap *const *)at);

    g_string_append(out, text);
}

static void
bitmap_field_clear(gpointer at)
{
    g_clear_pointer((Bitmap **)at, bitmap_free);
}

static void
bitmap_field_copy(gpointer to, gconstpointer from)
{
    *(Bitmap **)to = bitmap_copy(*(Bitmap *const *)from);
}

static gboolean
bitmap_field_equal(gconstpointer a, gconstpointer b)
{
    return bitmap_equal(*(Bitmap *const *)a, *(Bitmap *const *)b);
}

/* ---- the table */

static const FieldType types[] = {
    [F_STRING] = { "text", NULL, sizeof(char *), string_parse, string_format, NULL, string_clear,
                   string_copy, string_equal },
    [F_I32] = { "integer", "integer value", 4, i32_parse, i32_format },
    [F_U32] = { "non-negative integer", "non-negative integer value", 4, u32_parse, u32_format },
    [F_I64] = { "integer", "integer value", 8, i64_parse, i64_format },
    [F_U64] = { "non-negative integer", "non-negative integer value", 8, u64_parse, u64_format },
    [F_ENUM] = { "word", NULL, sizeof(int), enum_parse, enum_format },
    [F_FLAG] = { "presence", NULL, sizeof(gboolean), flag_parse, flag_format },
    [F_UUID] = { "UUID", "UUID", 16, uuid_field_parse, uuid_field_format },
    [F_MAC] = { "MAC address", "MAC address", 6, mac_parse, mac_format },
    [F_SIZE] = { "size", "non-negative integer value", 8, size_parse, size_format },
    [F_BITMAP] = { "set of numbers", NULL, sizeof(Bitmap *), bitmap_field_parse,
                   bitmap_field_format, NULL, bitmap_field_clear, bitmap_field_copy,
                   bitmap_field_equal },
    [F_XML] = { "any XML", NULL, sizeof(char *), string_parse, string_format, NULL, string_clear,
                string_copy, string_equal },
    [F_STRINGS] = { "texts", NULL, sizeof(char **), NULL, NULL, NULL, strings_clear, strings_copy,
                    strings_equal },
};

const FieldType *
field_type(const Field *f)
{
    if (f->kind == F_OWN)
        return f->arg;
    if (f->kind < G_N_ELEMENTS(types) && types[f->kind].name)
        return &types[f->kind];
    return NULL;
}

static gboolean
all_zero(const guint8 *p, gsize n)
{
    /* Nearly every member is a number or a pointer. */
    if (n == sizeof(guint32)) {
        guint32 word;
        memcpy(&word, p, sizeof word);
        return word == 0;
    }
    if (n == sizeof(guint64)) {
        guint64 word;
        memcpy(&word, p, sizeof word);
        return word == 0;
    }
    for (gsize i = 0; i < n; i++)
        if (p[i])
            return FALSE;
    return TRUE;
}

gboolean
field_present(const Field *f, gconstpointer def)
{
    gconstpointer at = G_STRUCT_MEMBER_P(def, f->offset);
    const FieldType *t = field_type(f);

    if (f->has)
        return G_STRUCT_MEMBER(guint8, def, f->has);
    if (!t)
        return f->kind == F_STRUCT || *(gconstpointer const *)at != NULL;
    return t->present ? t->present(at) : !all_zero(at, t->size);
}

gboolean
when_holds(const Field *when, gconstpointer def)
{
    int value;

    if (!when->mask)
        return TRUE;
    value = G_STRUCT_MEMBER(int, def, when->offset);
    return value >= 0 && value < 64 && (when->mask & BIT(value));
}

/* ---- life */

gpointer
schema_new(const Schema *s)
{
    return g_malloc0(s->size);
}

static void
list_free(const Schema *s, GPtrArray *list)
{
    for (guint i = 0; list && i < list->len; i++)
        schema_free(s, list->pdata[i]);
    if (list)
        g_ptr_array_unref(list);
}

const char told_below[] = "";

static void
field_clear(const Field *f, gpointer at)
{
    const FieldType *t = field_type(f);

    if (f->kind == F_STRUCT) {
        schema_done(f->arg, at);
    } else if (f->kind == F_PTR) {
        schema_free(f->arg, *(gpointer *)at);
        *(gpointer *)at = NULL;
    } else if (f->kind == F_LIST) {
        list_free(f->arg, *(GPtrArray **)at);
        *(GPtrArray **)at = NULL;
    } else if (t && t->clear) {
        t->clear(at);
    }
}

/* Rows without a member. */
static gboolean
is_pseudo(const Field *f)
{
    return f->kind == F_REFUSED || f->kind == F_IGNORED;
}

/* Whether f is a second spelling of a member that another row stands for. */
static gboolean
is_second(const Schema *s, const Field *f)
{
    if (!(f->flags & F_READ))
        return FALSE;
    for (const Field *other = s->fields; other->kind != F_END; other++)
        if (other->offset == f->offset && !is_pseudo(other) && other->kind != F_WHEN &&
            !(other->flags & F_READ))
            return TRUE;
    return FALSE;
}

void
schema_done(const Schema *s, gpointer def)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, def);
        else if (holds && !is_pseudo(f))
            field_clear(f, G_STRUCT_MEMBER_P(def, f->offset));
    }
}

void
schema_free(const Schema *s, gpointer def)
{
    if (!def)
        return;
    schema_done(s, def);
    g_free(def);
}

static void own_contents(const Schema *s, gpointer copy);

static GPtrArray *
list_copy(const Schema *s, const GPtrArray *list)
{
    GPtrArray *copy;

    if (!list)
        return NULL;
    copy = g_ptr_array_sized_new(list->len);
    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(copy, schema_copy(s, list->pdata[i]));
    return copy;
}

/* `at` holds a byte copy of the original: replaces everything that it points to by copies. */
static void
field_own(const Field *f, gpointer at)
{
    const FieldType *t = field_type(f);

    if (f->kind == F_STRUCT)
        own_contents(f->arg, at);
    else if (f->kind == F_PTR)
        *(gpointer *)at = *(gpointer *)at ? schema_copy(f->arg, *(gpointer *)at) : NULL;
    else if (f->kind == F_LIST)
        *(GPtrArray **)at = list_copy(f->arg, *(GPtrArray **)at);
    else if (t && t->copy)
        t->copy(at, at);
}

static void
own_contents(const Schema *s, gpointer copy)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, copy);
        else if (holds && !is_pseudo(f) && !is_second(s, f))
            field_own(f, G_STRUCT_MEMBER_P(copy, f->offset));
    }
}

gpointer
schema_copy(const Schema *s, gconstpointer def)
{
    gpointer copy = g_memdup2(def, s->size);

    own_contents(s, copy);
    return copy;
}

/* ---- compare */

typedef struct Compare {
    SchemaVisit visit;
    gpointer user;
    GString *path;
    gboolean equal;
    gboolean stop;
} Compare;

static void compare_structs(Compare *c, const Schema *s, gconstpointer a, gconstpointer b);

static void
compare_differs(Compare *c, const Field *f)
{
    c->equal = FALSE;
    if (!c->visit || !c->visit(c->path->str, f, c->user))
        c->stop = TRUE;
}

static void
compare_lists(Compare *c, const Field *f, const GPtrArray *a, const GPtrArray *b)
{
    gsize len = c->path->len;

    if ((a ? a->len : 0) != (b ? b->len : 0)) {
        compare_differs(c, f);
        return;
    }
    for (guint i = 0; a && i < a->len && !c->stop; i++) {
        if (c->visit)
            g_string_append_printf(c->path, "[%u]", i);
        compare_structs(c, f->arg, a->pdata[i], b->pdata[i]);
        g_string_truncate(c->path, len);
    }
}

static void
compare_field(Compare *c, const Field *f, gconstpointer a, gconstpointer b)
{
    gconstpointer at_a = G_STRUCT_MEMBER_P(a, f->offset), at_b = G_STRUCT_MEMBER_P(b, f->offset);
    const FieldType *t = field_type(f);

    if (f->kind == F_STRUCT) {
        compare_structs(c, f->arg, at_a, at_b);
    } else if (f->kind == F_LIST) {
        compare_lists(c, f, *(GPtrArray *const *)at_a, *(GPtrArray *const *)at_b);
    } else if (field_present(f, a) != field_present(f, b)) {
        compare_differs(c, f);
    } else if (f->kind == F_PTR) {
        if (field_present(f, a))
            compare_structs(c, f->arg, *(gconstpointer const *)at_a, *(gconstpointer const *)at_b);
    } else if (t && !(t->equal ? t->equal(at_a, at_b) : memcmp(at_a, at_b, t->size) == 0)) {
        compare_differs(c, f);
    }
}

static void
compare_structs(Compare *c, const Schema *s, gconstpointer a, gconstpointer b)
{
    gsize len = c->path->len;
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END && !c->stop; f++) {
        if (f->kind == F_WHEN) {
            holds = when_holds(f, a) && when_holds(f, b);
        } else if (holds && !is_pseudo(f) && !(f->flags & (F_READ | F_STATE))) {
            if (c->visit)
                g_string_append_printf(c->path, "%s%s", len && *f->path ? "/" : "", f->path);
            compare_field(c, f, a, b);
            g_string_truncate(c->path, len);
        }
    }
}

gboolean
schema_compare(const Schema *s, gconstpointer a, gconstpointer b, SchemaVisit visit, gpointer user)
{
    Compare c = { visit, user, g_string_new(NULL), TRUE, FALSE };

    compare_structs(&c, s, a, b);
    g_string_free(c.path, TRUE);
    return c.equal;
}

gboolean
schema_equal(const Schema *s, gconstpointer a, gconstpointer b)
{
    return schema_compare(s, a, b, NULL, NULL);
}

/* ---- walk */

typedef struct SchemaWalk {
    SchemaLook look;
    gpointer user;
    GString *path;
} SchemaWalk;

static gboolean walk_struct(SchemaWalk *w, const Schema *s, gconstpointer at);

/* Whether one of the rows would be written. */
static gboolean
is_filled(const Schema *s, gconstpointer at)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, at);
        else if (holds && !is_pseudo(f) && f->kind != F_STRUCT && field_present(f, at))
            return TRUE;
    }
    return FALSE;
}

static const char *
item_name(const Schema *s, gconstpointer at)
{
    for (const Field *f = s->fields; f->kind != F_END; f++)
        if (strcmp(f->path, "#") == 0)
            return word_of(f->arg, G_STRUCT_MEMBER(int, at, f->offset));
    return NULL;
}

/* "devices/disk" becomes "devices/disk[1]"; of a list of several names each is counted by itself.
 */
static gboolean
walk_list(SchemaWalk *w, const Field *f, const GPtrArray *list)
{
    gsize len = w->path->len;
    gboolean named = g_str_has_suffix(f->path, "*");

    for (guint i = 0; i < list->len; i++) {
        const char *name = named ? item_name(f->arg, list->pdata[i]) : NULL;
        guint nth = i;

        if (name) {
            nth = 0;
            for (guint k = 0; k < i; k++)
                nth += g_strcmp0(item_name(f->arg, list->pdata[k]), name) == 0;
            g_string_truncate(w->path, len - 1);
            g_string_append(w->path, name);
        }
        g_string_append_printf(w->path, "[%u]", nth);
        if (!walk_struct(w, f->arg, list->pdata[i]))
            return FALSE;
        g_string_truncate(w->path, len);
    }
    return TRUE;
}

static gboolean
walk_field(SchemaWalk *w, const Schema *s, const Field *f, gconstpointer at)
{
    gconstpointer member = G_STRUCT_MEMBER_P(at, f->offset);

    if (f->kind == F_STRUCT)
        return walk_struct(w, f->arg, member);
    if (!field_present(f, at) || (f->kind == F_PTR && f->flags & F_FILLED &&
                                  !is_filled(f->arg, *(gconstpointer const *)member)))
        return TRUE;
    if (!w->look(w->path->str, s, f, at, w->user))
        return FALSE;
    if (f->kind == F_PTR)
        return walk_struct(w, f->arg, *(gconstpointer const *)member);
    return f->kind != F_LIST || walk_list(w, f, *(GPtrArray *const *)member);
}

static gboolean
walk_struct(SchemaWalk *w, const Schema *s, gconstpointer at)
{
    gsize len = w->path->len;
    gboolean holds = TRUE, go_on = TRUE;

    for (const Field *f = s->fields; f->kind != F_END && go_on; f++) {
        if (f->kind == F_WHEN) {
            holds = when_holds(f, at);
        } else if (holds && !is_pseudo(f) && !is_second(s, f)) {
            g_string_append_printf(w->path, "%s%s", len && *f->path ? "/" : "", f->path);
            go_on = walk_field(w, s, f, at);
            g_string_truncate(w->path, len);
        }
    }
    return go_on;
}

gboolean
schema_walk(const Schema *s, gconstpointer def, SchemaLook look, gpointer user)
{
    SchemaWalk w = { look, user, g_string_new(NULL) };
    gboolean whole = walk_struct(&w, s, def);

    g_string_free(w.path, TRUE);
    return whole;
}
