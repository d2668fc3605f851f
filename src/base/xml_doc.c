/* What can be asked of a document that no rows describe: whether it is XML, how its root is called,
 * on which line a path leads to an element. */
#include "xml_priv.h"

#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

static gboolean
fail_syntax(const char *what, xmlParserCtxt *ctxt, GError **err)
{
    const xmlError *e = xmlCtxtGetLastError(ctxt);
    g_autofree char *text = g_strdup(e && e->message ? e->message : "not XML");

    return fail(err, ERR_XML_DETAIL, "(%s_definition):%d: %s", what, e ? e->line : 0,
                g_strchomp(text));
}

xmlDoc *
xml_document(const char *what, const char *text, gsize len, GError **err)
{
    xmlParserCtxt *ctxt;
    xmlDoc *doc;

    if (len > XML_DOCUMENT_MAX) {
        fail(err, ERR_XML_DETAIL, "document of %zu bytes is larger than %d", len, XML_DOCUMENT_MAX);
        return NULL;
    }
    ctxt = xmlNewParserCtxt();
    doc = xmlCtxtReadMemory(ctxt, text, len, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOERROR);
    if (!doc)
        fail_syntax(what, ctxt, err);
    xmlFreeParserCtxt(ctxt);
    return doc;
}

static void G_GNUC_PRINTF(2, 3) say_nothing(void *user, const char *text, ...)
{
}

gboolean
xml_is_well_formed(const char *text, gsize len)
{
    xmlSAXHandler handler = { .initialized = XML_SAX2_MAGIC,
                              .warning = say_nothing,
                              .error = say_nothing,
                              .fatalError = say_nothing };

    return len <= XML_DOCUMENT_MAX && xmlSAXUserParseMemory(&handler, NULL, text, (int)len) == 0;
}

/* Removes an element and the white space before it. */
static void
drop_node(xmlNode *el)
{
    xmlNode *blank = el->prev;

    if (blank && xmlIsBlankNode(blank)) {
        xmlUnlinkNode(blank);
        xmlFreeNode(blank);
    }
    xmlUnlinkNode(el);
    xmlFreeNode(el);
}

char *
xml_one_per_namespace(const char *text)
{
    g_autoptr(xmlDoc) doc = xml_document("metadata", text, strlen(text), NULL);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gboolean dropped = FALSE;

    for (xmlNode *n = root ? root->children : NULL, *next; n; n = next) {
        next = n->next;
        if (n->type != XML_ELEMENT_NODE ||
            (n->ns && g_hash_table_add(known, g_strdup((const char *)n->ns->href))))
            continue;
        drop_node(n);
        dropped = TRUE;
    }
    if (!dropped)
        return NULL;
    if (!xmlFirstElementChild(root))
        return g_strdup("");
    return xml_dump(root, FALSE);
}

char *
xml_root_name(const char *text, gssize len, GError **err)
{
    g_autoptr(xmlDoc) doc = xml_document("device", text, len < 0 ? strlen(text) : (gsize)len, err);

    return doc ? g_strdup((const char *)xmlDocGetRootElement(doc)->name) : NULL;
}

/* The nth child of that name; a prefix only says that it is in a namespace. */
static xmlNode *
nth_child(xmlNode *el, const char *name, gsize len, guint nth)
{
    const char *colon = memchr(name, ':', len);
    gsize skip = colon ? (gsize)(colon + 1 - name) : 0;

    for (xmlNode *n = el->children; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && strlen((const char *)n->name) == len - skip &&
            strncmp((const char *)n->name, name + skip, len - skip) == 0 && nth-- == 0)
            return n;
    return NULL;
}

glong
xml_line(const char *text, const char *path)
{
    g_autoptr(xmlDoc) doc = xml_document("document", text, strlen(text), NULL);
    xmlNode *el = doc ? xmlDocGetRootElement(doc) : NULL, *next = el;
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);

    for (char **step = steps; *step && next; step++) {
        gsize len = strcspn(*step, "[");
        guint nth = (*step)[len] ? (guint)atoi(*step + len + 1) : 0;

        if (**step == '@' || **step == '.' || **step == '#')
            break;
        next = nth_child(el, *step, len, nth);
        el = next ? next : el;
    }
    return el ? xmlGetLineNo(el) : 0;
}
