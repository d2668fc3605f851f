/* Writing XML; see the header. */
#include "xmlout.h"

#include <stdarg.h>

#include "base.h"

static void
put_start(XmlOut *x, const char *name, va_list attributes)
{
    const char *key;

    g_string_append_printf(x->text, "%*s<%s", (int)x->depth * 2, "", name);
    while ((key = va_arg(attributes, const char *)) != NULL) {
        const char *value = va_arg(attributes, const char *);

        if (value == NULL)
            continue;
        g_string_append_printf(x->text, " %s='", key);
        xml_escape(x->text, value, TRUE);
        g_string_append_c(x->text, '\'');
    }
}

void
xml_open(XmlOut *x, const char *name, ...)
{
    va_list ap;

    va_start(ap, name);
    put_start(x, name, ap);
    va_end(ap);
    g_string_append(x->text, ">\n");
    x->depth++;
}

void
xml_leaf(XmlOut *x, const char *name, ...)
{
    va_list ap;

    va_start(ap, name);
    put_start(x, name, ap);
    va_end(ap);
    g_string_append(x->text, "/>\n");
}

void
xml_text(XmlOut *x, const char *name, const char *text, ...)
{
    va_list ap;

    if (text == NULL)
        return;
    va_start(ap, text);
    put_start(x, name, ap);
    va_end(ap);
    g_string_append_c(x->text, '>');
    xml_escape(x->text, text, FALSE);
    g_string_append_printf(x->text, "</%s>\n", name);
}

void
xml_close(XmlOut *x, const char *name)
{
    x->depth--;
    g_string_append_printf(x->text, "%*s</%s>\n", (int)x->depth * 2, "", name);
}

void
xml_blank(XmlOut *x)
{
    g_string_append_c(x->text, '\n');
}

const char *
xml_number(guint64 n)
{
    static char ring[4][24];
    static guint next;
    char *at = ring[next++ % G_N_ELEMENTS(ring)];

    g_snprintf(at, sizeof(ring[0]), "%" G_GUINT64_FORMAT, n);
    return at;
}
