/* A line to words, and words to the options of a command's rows. Pure: nothing here prints. */
#include <string.h>

#include "vmsh.h"

/* ---- a line to words */

typedef struct Splitter {
    const char *p;
    GPtrArray *commands; /* of GPtrArray of char * */
    GPtrArray *words;
    GString *word; /* NULL between words */
} Splitter;

static void
words_free(gpointer words)
{
    g_ptr_array_unref(words);
}

static void
splitter_end_word(Splitter *s)
{
    if (s->word)
        g_ptr_array_add(s->words, g_string_free(g_steal_pointer(&s->word), FALSE));
}

static void
splitter_end_command(Splitter *s)
{
    splitter_end_word(s);
    if (!s->words->len)
        return;
    g_ptr_array_add(s->commands, s->words);
    s->words = g_ptr_array_new_with_free_func(g_free);
}

static void
splitter_put(Splitter *s, char c)
{
    if (!s->word)
        s->word = g_string_new(NULL);
    g_string_append_c(s->word, c);
}

/* p stands behind the opening quote; afterwards behind the closing one. */
static gboolean
splitter_quoted(Splitter *s, char quote, GError **err)
{
    if (!s->word)
        s->word = g_string_new(NULL);
    for (; *s->p && *s->p != quote; s->p++) {
        if (quote == '"' && *s->p == '\\' && s->p[1])
            s->p++;
        splitter_put(s, *s->p);
    }
    if (!*s->p)
        return refuse(err, "missing %c", quote);
    s->p++;
    return TRUE;
}

static gboolean
splitter_next(Splitter *s, GError **err)
{
    char c = *s->p++;

    if (c == ';' || c == '\n') {
        splitter_end_command(s);
    } else if (g_ascii_isspace(c)) {
        splitter_end_word(s);
    } else if (c == '\'' || c == '"') {
        return splitter_quoted(s, c, err);
    } else if (c == '#' && !s->word) {
        s->p += strcspn(s->p, "\n");
    } else if (c == '\\') {
        if (!*s->p)
            return refuse(err, "dangling \\");
        if (*s->p != '\n')
            splitter_put(s, *s->p);
        s->p++;
    } else {
        splitter_put(s, c);
    }
    return TRUE;
}

GPtrArray *
line_split(const char *line, GError **err)
{
    Splitter s = {
        .p = line,
        .commands = g_ptr_array_new_with_free_func(words_free),
        .words = g_ptr_array_new_with_free_func(g_free),
    };
    gboolean ok = TRUE;

    while (ok && *s.p)
        ok = splitter_next(&s, err);
    splitter_end_command(&s);
    g_ptr_array_unref(s.words);
    if (ok)
        return s.commands;
    g_ptr_array_unref(s.commands);
    return NULL;
}

/* ---- words to options */

void
args_free(Args *a)
{
    if (!a)
        return;
    g_hash_table_unref(a->values);
    g_free(a);
}

static GPtrArray *
args_values(const Args *a, const char *option)
{
    return g_hash_table_lookup(a->values, option);
}

static void
args_add(Args *a, const Option *o, const char *value)
{
    GPtrArray *values = args_values(a, o->name);

    if (!values) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(a->values, (gpointer)o->name, values);
    }
    g_ptr_array_add(values, g_strdup(value));
}

/* "total_bytes_sec" is "total-bytes-sec", as it is written in XML. */
static gboolean
option_is(const Option *o, const char *name, gsize len)
{
    if (strlen(o->name) != len)
        return FALSE;
    for (gsize i = 0; i < len; i++)
        if (o->name[i] != name[i] && !(o->name[i] == '-' && name[i] == '_'))
            return FALSE;
    return TRUE;
}

static const Option *
option_find(const Command *c, const char *name, gsize len)
{
    const Option *o;

    for (guint i = 0; (o = command_option(c, i)); i++)
        if (option_is(o, name, len))
            return o;
    return NULL;
}

/* How readily an option takes a word without a name; the first of the readiest gets it. */
static int
readiness(const Option *o, gboolean set)
{
    enum { NEVER, BY_NAME_RATHER, OPTIONAL, REST_REQUIRED, REQUIRED };

    if (o->kind == OPTION_FLAG || (o->flags & OPTION_NAME_NEEDED) ||
        (set && o->kind != OPTION_REST))
        return NEVER;
    if (o->flags & OPTION_REQUIRED)
        return set ? REST_REQUIRED : REQUIRED;
    return o->flags & OPTION_NAMED ? BY_NAME_RATHER : OPTIONAL;
}

static gboolean
takes_many(const Args *a, const Option *o)
{
    return (a->command->flags & COMMAND_MANY) && strcmp(o->name, "domain") == 0;
}

static const Option *
option_for_word(const Args *a)
{
    const Option *o, *best = NULL;
    int most = 0;

    for (guint i = 0; (o = command_option(a->command, i)); i++) {
        int ready = readiness(o, args_values(a, o->name) != NULL);
        if (ready > most) {
            most = ready;
            best = o;
        }
    }
    return best;
}

void
args_set(Args *a, const char *option, const char *value)
{
    const Option *o = option_find(a->command, option, strlen(option));
    g_autofree char *copy = g_strdup(value);

    g_hash_table_remove(a->values, o->name);
    args_add(a, o, copy);
}

/* words[*i] is --NAME, --NAME=VALUE, or has its value in the next word. */
static gboolean
args_bind_named(Args *a, const char *const *words, guint n, guint *i, GError **err)
{
    const char *text = words[*i] + 2;
    gsize len = strcspn(text, "=");
    const char *value = text[len] ? text + len + 1 : NULL;
    const Option *o = option_find(a->command, text, len);

    if (!o && strcmp(text, "help") == 0)
        return a->help = TRUE;
    if (!o)
        return refuse(err, "command '%s' doesn't support option --%.*s", a->command->name, (int)len,
                      text);
    if (o->kind != OPTION_REST && args_values(a, o->name) && !takes_many(a, o))
        return refuse(err, "option --%s already seen", o->name);
    if (o->kind == OPTION_FLAG && value)
        return refuse(err, "invalid '=' after option --%s", o->name);
    if (o->kind != OPTION_FLAG && !value) {
        if (*i + 1 >= n)
            return refuse(err, "expected syntax: --%s <%s>", o->name,
                          o->kind == OPTION_NUMBER ? "number" : "string");
        value = words[++*i];
    }
    args_add(a, o, value ? value : "");
    return TRUE;
}

static gboolean
args_complete(const Args *a, GError **err)
{
    const Option *o;

    for (guint i = 0; !a->help && (o = command_option(a->command, i)); i++)
        if ((o->flags & OPTION_REQUIRED) && !args_values(a, o->name))
            return refuse(err, "command '%s' requires <%s> option", a->command->name, o->name);
    return TRUE;
}

static gboolean
args_bind_words(Args *a, const char *const *words, guint n, GError **err)
{
    gboolean names = TRUE;

    for (guint i = 1; i < n; i++) {
        const Option *o;

        if (names && strcmp(words[i], "--") == 0) {
            names = FALSE;
            continue;
        }
        if (names && strcmp(words[i], "-o") == 0 && option_find(a->command, "columns", 7)) {
            const char *const long_words[] = { "--columns", i + 1 < n ? words[i + 1] : NULL };
            guint first = 0;
            if (!args_bind_named(a, long_words, MIN(n - i, 2), &first, err))
                return FALSE;
            i += first;
            continue;
        }
        if (names && g_str_has_prefix(words[i], "--")) {
            if (!args_bind_named(a, words, n, &i, err))
                return FALSE;
            continue;
        }
        o = option_for_word(a);
        if (!o && (o = option_find(a->command, "domain", strlen("domain"))) && !takes_many(a, o))
            o = NULL;
        if (!o)
            return refuse(err, "unexpected data '%s'", words[i]);
        args_add(a, o, words[i]);
    }
    return TRUE;
}

static Args *
args_new(const Command *c)
{
    Args *a = g_new0(Args, 1);

    a->command = c;
    a->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, words_free);
    return a;
}

Args *
args_bind(const char *const *words, guint n, GError **err)
{
    const Command *c = command_find(words[0]);
    g_autoptr(Args) a = c ? args_new(c) : NULL;

    if (!c) {
        refuse(err, "unknown command: '%s'", words[0]);
        return NULL;
    }
    if (!args_bind_words(a, words, n, err) || !args_complete(a, err))
        return NULL;
    return g_steal_pointer(&a);
}

const Option *
option_expected(const char *const *words, guint n)
{
    const Command *c = command_find(words[0]);
    g_autoptr(Args) a = c ? args_new(c) : NULL;
    const char *last = words[n - 1];
    const Option *o;

    if (!c)
        return NULL;
    o = n > 1 && g_str_has_prefix(last, "--") ? option_find(c, last + 2, strlen(last) - 2) : NULL;
    if (o && o->kind != OPTION_FLAG)
        return o;
    return args_bind_words(a, words, n, NULL) ? option_for_word(a) : NULL;
}

/* ---- values */

gboolean
args_flag(const Args *a, const char *option)
{
    return args_values(a, option) != NULL;
}

const char *
args_string(const Args *a, const char *option)
{
    GPtrArray *values = args_values(a, option);

    return values ? values->pdata[0] : NULL;
}

const char **
args_rest(const Args *a, const char *option)
{
    GPtrArray *values = args_values(a, option);
    guint n = values ? values->len : 0;
    const char **rest = g_new0(const char *, n + 1);

    for (guint i = 0; i < n; i++)
        rest[i] = values->pdata[i];
    return rest;
}

char *
args_rest_joined(const Args *a, const char *option)
{
    g_autofree const char **rest = args_rest(a, option);

    return args_values(a, option) ? g_strjoinv(" ", (char **)rest) : NULL;
}

gboolean
args_number(const Args *a, const char *option, gint64 min, gint64 max, gint64 *ret_value,
            GError **err)
{
    const char *text = args_string(a, option);
    char *end;
    gint64 value;

    if (!text)
        return TRUE;
    errno = 0;
    value = g_ascii_strtoll(text, &end, 10);
    if (end == text || *end || errno || value < min || value > max)
        return refuse(err, "Numeric value '%s' for <%s> option is malformed or out of range", text,
                      option);
    *ret_value = value;
    return TRUE;
}

/* "K" and "KiB" are 1024, "KB" is 1000; 0: not a unit. */
static guint64
unit_of(const char *suffix)
{
    static const char letters[] = "KMGTPE";
    const char *letter;
    guint64 base, unit = 1;

    if (!g_ascii_strcasecmp(suffix, "b") || !g_ascii_strcasecmp(suffix, "bytes"))
        return 1;
    letter = strchr(letters, g_ascii_toupper(suffix[0]));
    if (!letter || !*letter)
        return 0;
    if (!suffix[1] || !g_ascii_strcasecmp(suffix + 1, "ib"))
        base = 1024;
    else if (!g_ascii_strcasecmp(suffix + 1, "b"))
        base = 1000;
    else
        return 0;
    for (const char *l = letters; l <= letter; l++)
        unit *= base;
    return unit;
}

gboolean
args_size(const Args *a, const char *option, guint64 unit, guint64 *ret_bytes, GError **err)
{
    const char *text = args_string(a, option);
    guint64 value, bytes;
    char *end;

    if (!text)
        return TRUE;
    errno = 0;
    value = g_ascii_strtoull(text, &end, 10);
    if (end != text && *end)
        unit = unit_of(end);
    if (end == text || errno || !unit || strchr(text, '-') ||
        !g_uint64_checked_mul(&bytes, value, unit))
        return refuse(err, "Scaled numeric value '%s' for <%s> option is malformed or out of range",
                      text, option);
    *ret_bytes = bytes;
    return TRUE;
}

gboolean
args_exclusive(const Args *a, const char *one, const char *other, GError **err)
{
    if (args_flag(a, one) && args_flag(a, other))
        return refuse(err, "Options --%s and --%s are mutually exclusive", one, other);
    return TRUE;
}

guint
args_bits(const Args *a, const FlagBit *rows)
{
    guint bits = 0;

    for (; rows->option; rows++)
        if (args_flag(a, rows->option))
            bits |= rows->bit;
    return bits;
}
