/* The grammar: one define for each schema, the rows of one element put together again. It takes
 * elements in any order and does not know WHEN: it accepts more than vmd, never less. */
#include <string.h>

#include "schemadoc.h"

typedef struct RngWriter {
    const GPtrArray *sections;
    GString *out;
    guint depth;
    gboolean flat; /* all on one line */
} RngWriter;

/* ---- writing */

static void write_open(RngWriter *w, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void write_line(RngWriter *w, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void
write_indented(RngWriter *w, const char *fmt, va_list ap)
{
    for (guint i = 0; i < w->depth && !w->flat; i++)
        g_string_append(w->out, "  ");
    g_string_append_vprintf(w->out, fmt, ap);
    if (!w->flat)
        g_string_append_c(w->out, '\n');
}

static void
write_line(RngWriter *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_indented(w, fmt, ap);
    va_end(ap);
}

static void
write_open(RngWriter *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_indented(w, fmt, ap);
    va_end(ap);
    w->depth++;
}

static void
write_close(RngWriter *w, const char *name)
{
    w->depth--;
    write_line(w, "</%s>", name);
}

static void
write_pattern(RngWriter *w, const char *pattern)
{
    write_line(w, "<data type=\"string\"><param name=\"pattern\">%s</param></data>", pattern);
}

static void
write_number(RngWriter *w, const Field *f)
{
    const NumSpec *spec = f->arg;

    if (spec && spec->text != NUM_DECIMAL) {
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
write_words(RngWriter *w, const Field *f)
{
    for (Words word = f->arg; word[1]; word++)
        write_line(w, "<value>%s</value>", word[1]);
    if (f->flags & F_DEFAULT)
        write_line(w, "<value>default</value>");
}

static void
write_value(RngWriter *w, const Field *f)
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

/* Only attributes and elements without anything beside their text may have a datatype. */
static void
write_values(RngWriter *w, const Shape *node, gboolean has_elements)
{
    if (node->values->len == 0)
        return;
    if (shape_is_text(node) || has_elements) {
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

static void write_kid(RngWriter *w, Shape *node);

static void
write_content(RngWriter *w, Shape *node)
{
    gboolean elements;

    shape_merge(node);
    elements = shape_has_elements(node);
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
write_node(RngWriter *w, Shape *node)
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
write_kid(RngWriter *w, Shape *node)
{
    if (node->refused)
        return;
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
write_define(RngWriter *w, const PageSection *section)
{
    g_autoptr(Shape) root = shape_new(section->schema);

    write_open(w, "<define name=\"%s\">", section->id);
    write_content(w, root);
    write_close(w, "define");
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
    const PageSection *root = sections->pdata[0];
    RngWriter w = { .sections = sections, .out = out, .depth = 1 };

    g_string_append(out, head);
    write_line(&w, "<start><element name=\"%s\"><ref name=\"%s\"/></element></start>",
               root->schema->name, root->id);
    for (guint i = 0; i < sections->len; i++)
        write_define(&w, sections->pdata[i]);
    g_string_append(out, tail);
}
