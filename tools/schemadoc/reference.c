/* The reference page: a table for each element with all that may stand in it. */
#include <string.h>

#include "schemadoc.h"

static const char preamble[] =
    "# Domain XML\n"
    "\n"
    "Every element and attribute that vmd knows in a domain definition. This page is written by\n"
    "`schemadoc reference` from the rows that read and write definitions; change those, not this.\n"
    "\n"
    "A path that begins with `@` is an attribute, `.` is the text of the element itself, `#` its\n"
    "name. The status of a row: *done*: vmd reads, keeps and writes it; *live*: only while the domain\n"
    "runs; *read*: an older spelling, which vmd writes in the newer way; *refused*: a definition that\n"
    "has it is an error; *ignored*: it is accepted and has no effect. An element or attribute that is\n"
    "not here is dropped with a warning; `define --validate` refuses it.\n"
    "\n"
    "A definition may hold settings that a start of the domain refuses: `docs/refused.md` lists them.\n";

static void
write_cell(GString *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '|' || *p == '<')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *p);
    }
}

static void
write_words(GString *out, Words words)
{
    for (guint i = 1; words[i]; i++)
        g_string_append_printf(out, "%s`%s`", i > 1 ? " " : "", words[i]);
}

static void
write_range(GString *out, const NumSpec *spec)
{
    static const char *const spelled[] = {
        [NUM_ANY] = "decimal, or hexadecimal behind 0x",
        [NUM_HEX] = "hexadecimal",
        [NUM_HEX_ONLY] = "hexadecimal",
    };
    const char *text = spelled[spec->text];

    if (text)
        g_string_append(out, text);
    if (spec->max < G_MAXUINT32 || spec->min)
        g_string_append_printf(out, "%s%" G_GINT64_FORMAT, text ? ", " : "", spec->min);
    if (spec->max < G_MAXUINT32)
        g_string_append_printf(out, " to %" G_GUINT64_FORMAT, spec->max);
    else if (spec->min)
        g_string_append(out, " or more");
}

static void
write_size(GString *out, const SizeSpec *spec)
{
    if (spec->bare == 1)
        g_string_append(out, "bytes, or `@unit`");
    else
        g_string_append_printf(out, "units of %" G_GUINT64_FORMAT " bytes, or `@unit`", spec->bare);
}

static void
write_values(GString *out, const GPtrArray *sections, const Field *f)
{
    if (holds_schema(f)) {
        const PageSection *inner = section_find(sections, f->arg);

        g_string_append_printf(out, "[%s](#%s)", (const char *)inner->paths->pdata[0], inner->id);
    } else if (f->kind == F_ENUM) {
        write_words(out, f->arg);
    } else if (f->kind == F_SIZE) {
        write_size(out, f->arg);
    } else if (f->arg &&
               (f->kind == F_I32 || f->kind == F_U32 || f->kind == F_I64 || f->kind == F_U64)) {
        write_range(out, f->arg);
    }
}

static const char *
kind_name(const Field *f)
{
    const FieldType *type = field_type(f);

    switch (f->kind) {
    case F_LIST:
        return "elements";
    case F_STRUCT:
    case F_PTR:
        return "element";
    case F_STRINGS:
        return "texts";
    case F_XML:
        return "any XML";
    case F_REFUSED:
    case F_IGNORED:
        return strchr(f->path, '@') ? "attribute" : "element";
    case F_STRING:
    case F_I32:
    case F_U32:
    case F_I64:
    case F_U64:
    case F_ENUM:
    case F_FLAG:
    case F_UUID:
    case F_MAC:
    case F_SIZE:
    case F_BITMAP:
    case F_OWN:
    case F_END:
    case F_WHEN:
        break;
    }
    return type ? type->name : "";
}

static const char *
status_name(const SchemaRow *row)
{
    const Field *f = row->field;

    if (f->kind == F_REFUSED)
        return "refused";
    if (f->kind == F_IGNORED)
        return "ignored";
    if (f->flags & F_LIVE)
        return "done, live";
    if (f->flags & F_READ)
        return "done, read";
    return f->flags & F_REQUIRED ? "done, required" : "done";
}

static void
write_row(GString *out, const GPtrArray *sections, const SchemaRow *row)
{
    const Field *f = row->field;

    g_string_append_printf(out, "| `%s` | %s | ", f->path, kind_name(f));
    write_values(out, sections, f);
    g_string_append_printf(out, " | %s | ", status_name(row));
    if (f->doc)
        write_cell(out, f->doc);
    if (row->where) {
        g_string_append(out, f->doc ? " Only where " : "Only where ");
        write_cell(out, row->where);
        g_string_append_c(out, '.');
    }
    g_string_append(out, " |\n");
}

/* How a member is written when that differs from how it is read: nothing for a reader to know. */
static gboolean
is_echo(const PageSection *section, guint at)
{
    const Field *f = ((const SchemaRow *)section->rows->pdata[at])->field;

    for (guint i = 0; i < at && !f->doc; i++)
        if (strcmp(((const SchemaRow *)section->rows->pdata[i])->field->path, f->path) == 0)
            return TRUE;
    return strcmp(f->path, "#") == 0;
}

static void
write_section(GString *out, const GPtrArray *sections, const PageSection *section)
{
    g_string_append_printf(out, "\n<a id=\"%s\"></a>\n## %s\n\n", section->id,
                           (const char *)section->paths->pdata[0]);
    for (guint i = 1; i < section->paths->len; i++)
        g_string_append_printf(out, "%s`%s`%s", i == 1 ? "The same: " : ", ",
                               (const char *)section->paths->pdata[i],
                               i + 1 == section->paths->len ? ".\n\n" : "");
    g_string_append(out, "| Path | Kind | Values | Status | Meaning |\n|---|---|---|---|---|\n");
    for (guint i = 0; i < section->rows->len; i++)
        if (!is_echo(section, i))
            write_row(out, sections, section->rows->pdata[i]);
}

void
reference_write(const GPtrArray *sections, GString *out)
{
    g_string_append(out, preamble);
    for (guint i = 0; i < sections->len; i++)
        write_section(out, sections, sections->pdata[i]);
}
