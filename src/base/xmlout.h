/* Writing small XML documents that nobody ever parses back here: capabilities. */
#pragma once

#include <glib.h>

typedef struct XmlOut {
    GString *text;
    guint depth;
} XmlOut;

/* Names and values of attributes follow, ended by NULL; one with a NULL value is left out. */
void xml_open(XmlOut *x, const char *name, ...) G_GNUC_NULL_TERMINATED;
void xml_leaf(XmlOut *x, const char *name, ...) G_GNUC_NULL_TERMINATED;
/* text NULL: nothing is written. */
void xml_text(XmlOut *x, const char *name, const char *text, ...) G_GNUC_NULL_TERMINATED;
void xml_close(XmlOut *x, const char *name);
void xml_blank(XmlOut *x);
/* A number as an attribute's value; good until the fourth call after it. */
const char *xml_number(guint64 n);
