/* Writes small XML documents that vmd never reads back: capabilities and the like. */
#pragma once

#include <glib.h>

typedef struct XmlOut {
    GString *text;
    guint depth;
} XmlOut;

/* Opens an element, or writes an empty one (xml_leaf). Pairs of an attribute's name and value
 * follow, ended by NULL; an attribute whose value is NULL is left out. */
void xml_open(XmlOut *x, const char *name, ...) G_GNUC_NULL_TERMINATED;
void xml_leaf(XmlOut *x, const char *name, ...) G_GNUC_NULL_TERMINATED;
/* Writes an element with text and attributes as above. text NULL: nothing is written. */
void xml_text(XmlOut *x, const char *name, const char *text, ...) G_GNUC_NULL_TERMINATED;
void xml_close(XmlOut *x, const char *name);
void xml_blank(XmlOut *x);
/* A number as an attribute's value, in a static buffer that is good until the fourth call after it.
 */
const char *xml_number(guint64 n);
