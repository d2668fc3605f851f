/* The grammar: one define for each schema, the rows of one element put together again. It takes
 * elements in any order and does not know WHEN: it accepts more than vmd, never less. */
#include <string.h>

#include "schemadoc.h"

/* An element or attribute of a define, and the rows that speak of it. */
typedef struct Node {
    char *name; /* without the '@' */
    gboolean is_attr, needed, many, any;
    GPtrArray *values; /* of const Field *: what its text may be */
    GPtrArray *refs;   /* of const Schema * */
    GPtrArray *kids;   /* of Node */
} Node;

typedef struct Writer {
    const GPtrArray *sections;
    GString *out;
    guint depth;
    gboolean flat; /* all on one line */
} Writer;

static void
node_free(gpointer p)
{
    Node *node = p;

    g_ptr_array_unref(node->values);
    g_ptr_array_unref(node->refs);
    g_ptr_array_unref(node->kids);
    g_free(node->name);
    g_free(node);
}

static Node *
node_new(const char *name)
{
    Node *node = g_new0(Node, 1);

    node->is_attr = *name == '@';
    node->name = g_strdup(name + node->is_attr);
    node->values = g_ptr_array_new();
    node->refs = g_ptr_array_new();
    node->kids = g_ptr_array_new_with_free_func(node_free);
    return node;
}

static Node *
node_kid(Node *node, const char *name)
{
    Node *kid;

    for (guint i = 0; i < node->kids->len; i++) {
        kid = node->kids->pdata[i];
        if (kid->is_attr == (*name == '@') && strcmp(kid->name, name + kid->is_attr) == 0)
            return kid;
    }
    kid = node_new(name);
    g_ptr_array_add(node->kids, kid);
    return kid;
}

static Node *
node_at(Node *node, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (char **p = parts; *p; p++)
        if (strcmp(*p, ".") != 0)
            node = node_kid(node, *p);
    return node;
}

/* The unit of a size is an attribute of the element that the number is in. */
static void
note_unit(Node *root, const Field *f)
{
    static const Field unit = { .path = "@unit", .kind = F_STRING };
    const char *attr = strchr(f->path, '@');
    g_autofree char *path = attr ? g_strdup_printf("%.*s@unit", (int)(attr - f->path), f->path)
                                 : g_strconcat(f->path, "/@unit", NULL);
    Node *node = node_at(root, path);

    if (node->values->len == 0)
        g_ptr_array_add(node->values, (gpointer)&unit);
}

static void
note_schema(Node *root, const Field *f, const char *path)
{
    Node *node = node_at(root, path);

    node->many |= f->kind == F_LIST;
    if (!g_ptr_array_find(node->refs, f->arg, NULL))
        g_ptr_array_add(node->refs, (gpointer)f->arg);
}

static void
note_row(Node *root, const Row *row)
{
    const Field *f = row->field;
    const char *star = strstr(f->path, "/*");
    const Schema *inner = f->arg;
    Node *node;

    if (f->kind == F_REFUSED || strcmp(f->path, "#") == 0)
        return;
    if (star) { /* a list of several names */
        for (Words w = inner->fields[0].arg; w[1]; w++) {
            g_autofree char *path = g_strdup_printf("%.*s/%s", (int)(star - f->path), f->path,
                                                    w[1]);

            note_schema(root, f, path);
        }
        return;
    }
    if (holds_schema(f))
        note_schema(root, f, f->path);
    node = node_at(root, f->path);
    node->many |= f->kind == F_STRINGS;
    node->any |= f->kind == F_IGNORED || f->kind == F_XML;
    node->needed |= row->sure && (f->flags & F_REQUIRED) && !(f->flags & (F_READ | F_LIVE)) &&
                    !strchr(f->path, '/');
    if (f->kind == F_SIZE)
        note_unit(root, f);
    if (!holds_schema(f) && !node->any)
        g_ptr_array_add(node->values, (gpointer)f);
}

/* ---- writing */

static void write_open(Writer *w, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void write_line(Writer *w, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void
write_indented(Writer *w, const char *fmt, va_list ap)
{
    for (guint i = 0; i < w->depth && !w->flat; i++)
        g_string_append(w->out, "  ");
    g_string_append_vprintf(w->out, fmt, ap);
    if (!w->flat)
        g_string_append_c(w->out, '\n');
}

static void
write_line(Writer *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_indented(w, fmt, ap);
    va_end(ap);
}

static void
write_open(Writer *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_indented(w, fmt, ap);
    va_end(ap);
    w->depth++;
}

static void
write_close(Writer *w, const char *name)
{
    w->depth--;
    write_line(w, "</%s>", name);
}

static void
write_pattern(Writer *w, const char *pattern)
{
    write_line(w, "<data type=\"string\"><param name=\"pattern\">%s</param></data>", pattern);
}

static void
write_number(Writer *w, const Field *f)
{
    const NumSpec *spec = f->arg;

    if (spec && spec->format) {
        write_pattern(w, "(0x)?[0-9a-fA-F]+");
        return;
    }
    write_open(w, "<data type=\"integer\">");
    if (spec || f->kind == F_U32 || f->kind == F_U64)
        write_line(w, "<param name=\"minInclusive\">%" G_GINT64_FORMAT "</param>",
                   spec ? spec->min : 0);
    if (spec && spec->max < G_MAXINT64)
        write_line(w, "<param name=\"maxInclusive\">%" G_GUINT64_FORMAT "</param>", spec->max);
    write_close(w, "data");
}

static void
write_words(Writer *w, const Field *f)
{
    for (Words word = f->arg; word[1]; word++)
        write_line(w, "<value>%s</value>", word[1]);
    if (f->flags & F_DEFAULT)
        write_line(w, "<value>default</value>");
}

static void
write_value(Writer *w, const Field *f)
{
    switch (f->kind) {
    case F_I32:
    case F_U32:
    case F_I64:
    case F_U64:
        write_number(w, f);
        break;
    case F_ENUM:
        write_words(w, f);
        break;
    case F_SIZE:
        write_line(w, "<data type=\"nonNegativeInteger\"/>");
        break;
    case F_UUID:
        write_pattern(w, "[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}");
        break;
    case F_MAC:
        write_pattern(w, "[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}");
        break;
    case F_BITMAP:
        write_pattern(w, "[0-9,^ -]*");
        break;
    case F_FLAG:
        write_line(w, "<empty/>");
        break;
    case F_STRING:
    case F_STRINGS:
    case F_OWN:
        write_line(w, "<text/>");
        break;
    case F_END:
    case F_XML:
    case F_STRUCT:
    case F_PTR:
    case F_LIST:
    case F_REFUSED:
    case F_IGNORED:
    case F_WHEN:
        break;
    }
    if (f->flags & F_NONEMPTY)
        write_line(w, "<value></value>");
}

static gboolean
is_text(const Node *node)
{
    for (guint i = 0; i < node->values->len; i++) {
        FieldKind kind = ((const Field *)node->values->pdata[i])->kind;

        if (kind == F_STRING || kind == F_STRINGS || kind == F_OWN)
            return TRUE;
    }
    return FALSE;
}

/* Only attributes and elements without anything beside their text may have a datatype. */
static void
write_values(Writer *w, const Node *node, gboolean has_elements)
{
    if (node->values->len == 0)
        return;
    if (is_text(node) || has_elements) {
        write_line(w, "<text/>");
        return;
    }
    write_open(w, "<choice>");
    for (guint i = 0; i < node->values->len; i++)
        write_value(w, node->values->pdata[i]);
    if (!node->is_attr)
        write_line(w, "<empty/>");
    write_close(w, "choice");
}

static void write_kid(Writer *w, Node *node);

static gboolean
has_elements(const Node *node)
{
    for (guint i = 0; i < node->kids->len; i++)
        if (!((const Node *)node->kids->pdata[i])->is_attr)
            return TRUE;
    return FALSE;
}

/* An element of several schemas, or of one and rows beside it: put together, for an attribute may
 * be in one pattern only. */
static void
merge_refs(const Writer *w, Node *node)
{
    g_autoptr(GPtrArray) refs = NULL;

    if (node->refs->len + (node->kids->len + node->values->len > 0) < 2)
        return;
    refs = g_steal_pointer(&node->refs);
    node->refs = g_ptr_array_new();
    for (guint i = 0; i < refs->len; i++) {
        const Section *section = section_find(w->sections, refs->pdata[i]);

        for (guint k = 0; k < section->rows->len; k++)
            note_row(node, section->rows->pdata[k]);
    }
    for (guint i = 0; i < node->kids->len; i++)
        ((Node *)node->kids->pdata[i])->needed = FALSE;
}

static void
write_content(Writer *w, Node *node)
{
    gboolean elements;

    merge_refs(w, node);
    elements = has_elements(node);
    if (node->any) {
        write_line(w, node->is_attr ? "<text/>" : "<ref name=\"anything\"/>");
        return;
    }
    if (node->kids->len + node->refs->len + node->values->len == 0)
        write_line(w, "<empty/>");
    if (elements)
        write_open(w, "<interleave>");
    for (guint i = 0; i < node->refs->len; i++)
        write_line(w, "<ref name=\"%s\"/>", section_find(w->sections, node->refs->pdata[i])->id);
    for (guint i = 0; i < node->kids->len; i++)
        write_kid(w, node->kids->pdata[i]);
    write_values(w, node, elements);
    if (elements)
        write_close(w, "interleave");
}

static void
write_node(Writer *w, Node *node)
{
    const char *tag = node->is_attr ? "attribute" : "element";
    const char *times = node->many ? "zeroOrMore" : "optional";

    if (!node->needed)
        write_open(w, "<%s>", times);
    write_open(w, "<%s name=\"%s\">", tag, node->name);
    write_content(w, node);
    write_close(w, tag);
    if (!node->needed)
        write_close(w, times);
}

/* What holds nothing but text is one line. */
static void
write_kid(Writer *w, Node *node)
{
    if (node->kids->len > 0 || w->flat) {
        write_node(w, node);
        return;
    }
    for (guint i = 0; i < w->depth; i++)
        g_string_append(w->out, "  ");
    w->flat = TRUE;
    write_node(w, node);
    w->flat = FALSE;
    g_string_append_c(w->out, '\n');
}

static void
write_define(Writer *w, const Section *section)
{
    Node *root = node_new("");

    for (guint i = 0; i < section->rows->len; i++)
        note_row(root, section->rows->pdata[i]);
    write_open(w, "<define name=\"%s\">", section->id);
    write_content(w, root);
    write_close(w, "define");
    node_free(root);
}

static const char head[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!-- Written by `schemadoc rng` from the rows that read and write domain definitions. -->\n"
    "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\"\n"
    "         xmlns:qemu=\"http://libvirt.org/schemas/domain/qemu/1.0\"\n"
    "         datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n";

static const char tail[] = "  <define name=\"anything\">\n"
                           "    <zeroOrMore>\n"
                           "      <choice>\n"
                           "        <attribute><anyName/></attribute>\n"
                           "        <text/>\n"
                           "        <element><anyName/><ref name=\"anything\"/></element>\n"
                           "      </choice>\n"
                           "    </zeroOrMore>\n"
                           "  </define>\n"
                           "</grammar>\n";

void
rng_write(const GPtrArray *sections, GString *out)
{
    const Section *root = sections->pdata[0];
    Writer w = { .sections = sections, .out = out, .depth = 1 };

    g_string_append(out, head);
    write_line(&w, "<start><element name=\"%s\"><ref name=\"%s\"/></element></start>",
               root->schema->name, root->id);
    for (guint i = 0; i < sections->len; i++)
        write_define(&w, sections->pdata[i]);
    g_string_append(out, tail);
}
