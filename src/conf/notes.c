/* What users write about a domain or a network: its title, its description, and elements of other
 * programs within <metadata>, one a namespace. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "conf.h"

/* ---- the element of a namespace within <metadata> */

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

static XmlDoc *
parse_metadata(const char *text)
{
    const char *xml = text ? text : "<metadata/>";

    return xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

static gboolean
namespace_is(const xmlNs *ns, const char *uri)
{
    g_autofree char *plain = ns ? xml_uri_plain((const char *)ns->href) : NULL;

    return plain && g_strcmp0(plain, uri) == 0;
}

static xmlNode *
find_element(XmlDoc *doc, const char *uri)
{
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

    for (xmlNode *n = root ? root->children : NULL; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && namespace_is(n->ns, uri))
            return n;
    return NULL;
}

static void
drop_declarations(xmlNode *n, const char *uri)
{
    for (xmlNs **at = &n->nsDef; *at;) {
        xmlNs *ns = *at;

        if (namespace_is(ns, uri)) {
            *at = ns->next;
            xmlFreeNs(ns);
        } else {
            at = &ns->next;
        }
    }
}

/* The declarations go last: until then elements and attributes point to them. */
static void
strip_namespace(xmlNode *n, const char *uri)
{
    if (namespace_is(n->ns, uri))
        xmlSetNs(n, NULL);
    for (xmlAttr *a = n->properties; a; a = a->next)
        if (namespace_is(a->ns, uri))
            a->ns = NULL;
    for (xmlNode *child = n->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            strip_namespace(child, uri);
    drop_declarations(n, uri);
}

static char *
get_element(const char *metadata, const char *uri)
{
    g_autoptr(XmlDoc) doc = parse_metadata(metadata);
    xmlNode *n = find_element(doc, uri);

    if (!n)
        return NULL;
    strip_namespace(n, uri);
    return xml_dump(n, TRUE);
}

static void
put_in_namespace(xmlNode *n, xmlNs *ns)
{
    if (!n->ns)
        xmlSetNs(n, ns);
    for (xmlNode *child = n->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            put_in_namespace(child, ns);
}

static gboolean
add_element(XmlDoc *doc, const char *value, const char *key, const char *uri, GError **err)
{
    g_autoptr(XmlDoc) given = xmlReadMemory(value, (int)strlen(value), NULL, NULL,
                                            XML_PARSE_NONET | XML_PARSE_NOERROR |
                                                XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
    xmlNode *root = xmlDocGetRootElement(doc), *copy;
    xmlNs *ns;

    if (!given)
        return fail(err, ERR_XML_DETAIL, "metadata is not well-formed XML");
    if (given->intSubset)
        return fail(err, ERR_XML_DETAIL, "metadata cannot declare entities of its own");
    copy = xmlDocCopyNode(xmlDocGetRootElement(given), doc, 1);
    ns = xmlNewNs(copy, (const xmlChar *)uri, (const xmlChar *)key);
    if (!ns) {
        xmlFreeNode(copy);
        return fail(err, ERR_INVALID_ARG, "namespace prefix '%s' is used in the metadata itself",
                    key);
    }
    put_in_namespace(copy, ns);
    xmlAddChild(root, copy);
    return TRUE;
}

static gboolean
set_element(char **metadata, const char *value, const char *key, const char *uri, GError **err)
{
    g_autoptr(XmlDoc) doc = parse_metadata(*metadata);
    g_autoptr(XmlDoc) again = NULL;
    g_autofree char *text = NULL;
    xmlNode *old, *root;

    if (!doc)
        return fail(err, ERR_INTERNAL, "the metadata cannot be read");
    root = xmlDocGetRootElement(doc);
    if ((old = find_element(doc, uri))) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (value && !add_element(doc, value, key, uri, err))
        return FALSE;
    if (xmlChildElementCount(root) > 0)
        text = xml_dump(root, TRUE);
    again = text ? parse_metadata(text) : NULL;
    if (value && !find_element(again, uri))
        return fail(err, ERR_INVALID_ARG,
                    "metadata with the prefix '%s' and the namespace '%s' could not be read again",
                    key, uri);
    g_free(*metadata);
    *metadata = g_steal_pointer(&text);
    return TRUE;
}

/* The door for texts that come without a document around them. */
gboolean
notes_check(int type, const char *value, const char *key, const char *uri, GError **err)
{
    static const char *const what[] = { "description", "title", "metadata" };

    if (type < NOTE_DESCRIPTION || type > NOTE_ELEMENT)
        return fail(err, ERR_INVALID_ARG, "unknown metadata type %d", type);
    if ((value && !xml_text_check(what[type], value, err)) ||
        (key && !xml_text_check("prefix", key, err)) ||
        (uri && !xml_text_check("namespace URI", uri, err)))
        return FALSE;
    if (type == NOTE_TITLE && value && strchr(value, '\n'))
        return fail(err, ERR_INVALID_ARG, "metadata title can't contain newlines");
    if (type == NOTE_ELEMENT && (!uri || (value && !key)))
        return fail(err, ERR_INVALID_ARG, "a metadata element needs a namespace URI and a prefix");
    if (type == NOTE_ELEMENT && value && xmlValidateNCName(BAD_CAST key, 0) != 0)
        return fail(err, ERR_INVALID_ARG,
                    "'%s' cannot be the prefix of a namespace: it is no name without colons", key);
    return TRUE;
}

char *
notes_get(const Notes *w, int type, const char *uri)
{
    if (type == NOTE_ELEMENT)
        return get_element(w->metadata, uri);
    return g_strdup(type == NOTE_TITLE ? w->title : w->description);
}

gboolean
notes_set(const NotesAt *w, int type, const char *value, const char *key, const char *uri,
          GError **err)
{
    char **text = type == NOTE_TITLE ? w->title : w->description;

    if (type == NOTE_ELEMENT)
        return set_element(w->metadata, value, key, uri, err);
    g_free(*text);
    *text = value && value[0] ? g_strdup(value) : NULL;
    return TRUE;
}
