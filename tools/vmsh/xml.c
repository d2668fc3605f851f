/* Looking into XML that the daemon gave: paths, and what --xpath prints of it. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <string.h>

#include "vmsh.h"

static void
keep_quiet(void *context, const char *fmt, ...)
{
}

Doc *
doc_parse(const char *text, GError **err)
{
    xmlDocPtr doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOERROR |
                                      XML_PARSE_NOWARNING);

    if (!doc) {
        const xmlError *why = xmlGetLastError();
        g_autofree char *said = g_strdup(why && why->message ? why->message : "it is empty");
        refuse(err, "this is no XML: line %d: %s", why ? why->line : 1, g_strchomp(said));
    }
    return doc;
}

void
doc_free(Doc *doc)
{
    if (doc)
        xmlFreeDoc(doc);
}

/* Every prefix that the root declares may stand in a path. */
static void
register_namespaces(xmlXPathContextPtr context, xmlNodePtr root)
{
    for (xmlNsPtr ns = root ? root->nsDef : NULL; ns; ns = ns->next)
        if (ns->prefix)
            xmlXPathRegisterNs(context, ns->prefix, ns->href);
}

/* NULL when the path is wrong, or gives something else than nodes. */
static GPtrArray *
find_nodes(Doc *doc, Node *at, const char *path)
{
    xmlXPathContextPtr context = xmlXPathNewContext(doc);
    GPtrArray *nodes = NULL;
    xmlXPathObjectPtr found;

    xmlSetGenericErrorFunc(NULL, keep_quiet);
    register_namespaces(context, xmlDocGetRootElement(doc));
    context->node = at ? at : xmlDocGetRootElement(doc);
    found = xmlXPathEval((const xmlChar *)path, context);
    if (found && found->type == XPATH_NODESET) {
        nodes = g_ptr_array_new();
        for (int i = 0; found->nodesetval && i < found->nodesetval->nodeNr; i++)
            g_ptr_array_add(nodes, found->nodesetval->nodeTab[i]);
    }
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    return nodes;
}

GPtrArray *
doc_nodes(Doc *doc, Node *at, const char *path)
{
    GPtrArray *nodes = find_nodes(doc, at, path);

    return nodes ? nodes : g_ptr_array_new();
}

char *
doc_text(Doc *doc, Node *at, const char *path)
{
    g_autoptr(GPtrArray) nodes = doc_nodes(doc, at, path);
    xmlChar *content;
    char *text;

    if (!nodes->len)
        return NULL;
    content = xmlNodeGetContent(nodes->pdata[0]);
    text = g_strdup((const char *)content);
    xmlFree(content);
    return text;
}

char *
node_xml(Doc *doc, Node *node, const char *name)
{
    xmlBufferPtr buffer = xmlBufferCreate();
    char *text;

    xmlNodeSetName(node, (const xmlChar *)name);
    xmlNodeDump(buffer, doc, node, 0, 1);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

static void
print_node(Shell *s, Doc *doc, Node *node)
{
    xmlBufferPtr buffer = xmlBufferCreate();

    xmlNodeDump(buffer, doc, node, 0, 1);
    put(s, "%s\n", (const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
}

static void
print_wrapped(Shell *s, GPtrArray *nodes)
{
    xmlDocPtr doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr root = xmlNewDocNode(doc, NULL, (const xmlChar *)"nodes", NULL);

    xmlDocSetRootElement(doc, root);
    for (guint i = 0; i < nodes->len; i++)
        xmlAddChild(root, xmlDocCopyNode(nodes->pdata[i], doc, 1));
    print_node(s, doc, root);
    xmlFreeDoc(doc);
}

gboolean
doc_print(Shell *s, const Args *a, const char *text, GError **err)
{
    const char *path = args_string(a, "xpath");
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) nodes = NULL;

    if (!path) {
        put(s, "%s", text);
        return TRUE;
    }
    doc = doc_parse(text, err);
    if (!doc)
        return FALSE;
    nodes = find_nodes(doc, NULL, path);
    if (!nodes)
        return refuse(err, "'%s' is not an XPath expression that finds nodes", path);
    if (args_flag(a, "wrap"))
        print_wrapped(s, nodes);
    else
        for (guint i = 0; i < nodes->len; i++)
            print_node(s, doc, nodes->pdata[i]);
    return TRUE;
}
