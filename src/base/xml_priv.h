/* Shared by the files of base that read and write XML; nobody outside base includes it. */
#pragma once

#include "base.h"

#include <libxml/tree.h>

/* Sets an error with the code of a row, and the line of an element behind the text. Returns FALSE.
 */
gboolean fail_line(GError **err, Err code, const xmlNode *at, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);
/* Whether n is the element that name[0..len) means, with the prefix of a namespace or without. */
gboolean node_is(const XmlNamespace *namespaces, const xmlNode *n, const char *name, gsize len);
/* Whether a document has the shape of its schema (xml_validate.c): each element and attribute in
 * its place, not more often than it may be, and with a text that could be a value. */
gboolean xml_validate(const Schema *s, const XmlNamespace *namespaces, const xmlNode *root,
                      GError **err);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
/* Reads the tree of a document of at most XML_DOCUMENT_MAX bytes (xml_doc.c); entities from
 * elsewhere are not fetched. The caller frees it. NULL and an error with the line: it is too long,
 * or no XML; what says which kind of document was meant. */
xmlDoc *xml_document(const char *what, const char *text, gsize len, GError **err);
