/* Writes the reference page of domain definitions, their RELAX NG grammar, a dictionary for the
 * fuzzer or the paths that are refused, from the rows that read and write them:
 *     schemadoc reference | rng | words | refused */
#include "schemadoc.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

/* ---- rows */

static void
row_free(gpointer p)
{
    SchemaRow *row = p;

    g_free(row->where);
    g_free(row);
}

gboolean
holds_schema(const Field *f)
{
    return (f->kind == F_STRUCT || f->kind == F_PTR || f->kind == F_LIST) && *f->path;
}

/* The words of the member that a WHEN looks at; *ret_path is where the document says it. */
static Words
words_at(const Schema *s, guint offset, const char **ret_path)
{
    for (const Field *f = s->fields; f->kind != F_END; f++) {
        const Schema *inner = f->arg;

        if (f->offset != offset || (f->kind != F_ENUM && f->kind != F_STRUCT))
            continue;
        *ret_path = f->path;
        if (f->kind == F_ENUM)
            return f->arg;
        if (*f->path && inner->fields[0].kind == F_ENUM) /* an element of one attribute */
            return inner->fields[0].arg;
    }
    return NULL;
}

/* When the rows after a WHEN hold: the values of the deciding field that make them hold, or those
 * that do not, whichever list is shorter. The caller frees it; NULL: they hold always. */
static char *
when_text(const Schema *s, const Field *when)
{
    const char *path = NULL;
    Words words = when->mask ? words_at(s, when->offset, &path) : NULL;
    g_autoptr(GString) yes = g_string_new(NULL), no = g_string_new(NULL);
    guint n_yes = 0, n_no = 0;

    if (!words)
        return when->mask ? g_strdup("the type allows it") : NULL;
    for (guint i = 0; i == 0 || words[i]; i++) {
        gboolean in = (when->mask & BIT(i)) != 0;
        GString *list = in ? yes : no;

        g_string_append_printf(list, "%s%s", list->len ? ", " : "", i ? words[i] : "absent");
        *(in ? &n_yes : &n_no) += 1;
    }
    if (n_no == 0)
        return NULL;
    if (n_yes <= n_no)
        return g_strdup_printf("%s is %s", path, yes->str);
    return g_strdup_printf("%s is not %s", path, no->str);
}

static char *
both_texts(const char *a, const char *b)
{
    if (a && b && strcmp(a, b) != 0)
        return g_strdup_printf("%s; %s", a, b);
    return g_strdup(a ? a : b);
}

/* Whether the page leaves a row out: another row of the same path tells of it, or no document has
 * it (F_SAVED). */
static gboolean
is_early_look(const Field *f)
{
    return (!f->doc && (f->flags & F_READ) && !(f->flags & F_LIVE)) || f->flags & F_SAVED ||
           f->doc == told_below;
}

static void
rows_add(GPtrArray *rows, const Schema *s, const char *outer, gboolean sure)
{
    g_autofree char *inner = NULL;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        g_autofree char *where = both_texts(outer, inner);

        if (f->kind == F_WHEN) {
            g_free(inner);
            inner = when_text(s, f);
        } else if ((f->kind == F_STRUCT || f->kind == F_PTR) && !*f->path) {
            rows_add(rows, f->arg, where, sure && !where && f->kind == F_STRUCT);
        } else if (!is_early_look(f)) {
            SchemaRow *row = g_new0(SchemaRow, 1);

            row->field = f;
            row->sure = sure && !where;
            row->where = g_steal_pointer(&where);
            g_ptr_array_add(rows, row);
        }
    }
}

/* ---- sections */

static void
section_free(gpointer p)
{
    PageSection *section = p;

    g_ptr_array_unref(section->rows);
    g_ptr_array_unref(section->paths);
    g_free(section->id);
    g_free(section);
}

const PageSection *
section_find(const GPtrArray *sections, const Schema *schema)
{
    for (guint i = 0; i < sections->len; i++) {
        const PageSection *section = sections->pdata[i];

        if (section->schema == schema)
            return section;
    }
    return NULL;
}

static char *
new_id(const GPtrArray *sections, const char *name)
{
    guint n = 1;

    for (guint i = 0; i < sections->len; i++)
        n += strcmp(((const PageSection *)sections->pdata[i])->schema->name, name) == 0;
    return n == 1 ? g_strdelimit(g_strdup(name), ":", '-')
                  : g_strdelimit(g_strdup_printf("%s-%u", name, n), ":", '-');
}

static void
sections_add(GPtrArray *sections, const Schema *schema, const char *path)
{
    const PageSection *known = section_find(sections, schema);
    PageSection *section;

    if (known) {
        if (!g_ptr_array_find_with_equal_func(known->paths, path, g_str_equal, NULL))
            g_ptr_array_add(known->paths, g_strdup(path));
        return;
    }
    section = g_new0(PageSection, 1);
    section->schema = schema;
    section->id = new_id(sections, schema->name);
    section->paths = g_ptr_array_new_with_free_func(g_free);
    section->rows = g_ptr_array_new_with_free_func(row_free);
    g_ptr_array_add(section->paths, g_strdup(path));
    rows_add(section->rows, schema, NULL, TRUE);
    g_ptr_array_add(sections, section);
    for (guint i = 0; i < section->rows->len; i++) {
        const Field *f = ((const SchemaRow *)section->rows->pdata[i])->field;
        g_autofree char *below = g_strdup_printf("%s/%s", path, f->path);

        if (holds_schema(f))
            sections_add(sections, f->arg, below);
    }
}

GPtrArray *
sections_make(const Schema *root)
{
    GPtrArray *sections = g_ptr_array_new_with_free_func(section_free);

    sections_add(sections, root, root->name);
    return sections;
}

/* ---- words */

static void
word_add(GHashTable *seen, GString *out, const char *word)
{
    if (*word && g_hash_table_add(seen, g_strdup(word)))
        g_string_append_printf(out, "\"%s\"\n", word);
}

static void
words_write(const GPtrArray *sections, GString *out)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < sections->len; i++) {
        const PageSection *section = sections->pdata[i];

        for (guint k = 0; k < section->rows->len; k++) {
            const Field *f = ((const SchemaRow *)section->rows->pdata[k])->field;
            g_auto(GStrv) parts = g_strsplit(f->path, "/", -1);

            for (char **p = parts; *p; p++)
                word_add(seen, out, *p + (**p == '@'));
            for (Words w = f->kind == F_ENUM ? f->arg : NULL; w && w[1]; w++)
                word_add(seen, out, w[1]);
        }
    }
}

/* ---- refused */

static void
refused_write(const GPtrArray *sections, GString *out)
{
    for (guint i = 0; i < sections->len; i++) {
        const PageSection *section = sections->pdata[i];

        for (guint k = 0; k < section->rows->len; k++) {
            const SchemaRow *row = section->rows->pdata[k];

            if (row->field->kind == F_REFUSED)
                g_string_append_printf(out, "%s/%s\t%s\n", (const char *)section->paths->pdata[0],
                                       row->field->path, row->where ? row->where : "");
        }
    }
}

static const struct {
    const char *name;
    void (*write)(const GPtrArray *sections, GString *out);
} writers[] = { { "reference", reference_write },
                { "rng", rng_write },
                { "words", words_write },
                { "refused", refused_write } };

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) sections = sections_make(&domain_schema);
    g_autoptr(GString) out = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(writers); i++) {
        if (argc == 2 && strcmp(argv[1], writers[i].name) == 0) {
            writers[i].write(sections, out);
            return fwrite(out->str, 1, out->len, stdout) == out->len ? 0 : 1;
        }
    }
    fprintf(stderr, "usage: schemadoc reference|rng|words|refused\n");
    return 2;
}
