/* Rows to and from XML. Reading goes row by row over a libxml2 tree and marks what a row knows
 * (node->_private); what is left unmarked at the end is unknown: warned of, or refused. Writing
 * goes over the same rows and opens elements when the first row below them has something to say. */
#include "base.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#define MAX_DOCUMENT (8 << 20)
#define MAX_WARNINGS 8 /* of one document */

static char seen[] = "seen", whole[] = "whole"; /* marks; whole: and everything below */

typedef struct Reader {
    const XmlNamespace *namespaces;
    guint flags;
    guint warnings;
} Reader;

/* Where a path leads from an element. */
typedef struct Place {
    xmlNode *el;
    xmlAttr *attr; /* NULL: the element itself */
} Place;

/* The element which the last path led to: rows of one element mostly stand together. */
typedef struct Finder {
    Reader *r;
    xmlNode *base;
    const char *prefix;
    gsize len;
    xmlNode *el;
} Finder;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

static gboolean read_fields(Reader *r, const Schema *s, xmlNode *el, gpointer def, guint *found,
                            GError **err);

static gboolean fail_line(GError **err, Err code, const xmlNode *at, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);

static gboolean
fail_line(GError **err, Err code, const xmlNode *at, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return fail(err, code, "%s (line %ld)", text, xmlGetLineNo(at));
}

/* Adds the line to the error of a room's own rule. */
static gboolean
add_line(GError **err, const xmlNode *at)
{
    char *text;

    if (!err || !*err)
        return FALSE;
    text = g_strdup_printf("%s (line %ld)", (*err)->message, xmlGetLineNo(at));
    g_free((*err)->message);
    (*err)->message = text;
    return FALSE;
}

static Err
code_of(guint packed)
{
    return (packed & 0xff) ? (Err)((packed & 0xff) - 1) : ERR_XML;
}

/* ---- finding */

static const char *
namespace_uri(const XmlNamespace *all, const char *prefix, gsize len)
{
    for (; all && all->prefix; all++)
        if (strlen(all->prefix) == len && strncmp(all->prefix, prefix, len) == 0)
            return all->uri;
    return NULL;
}

static gboolean
node_is(const Reader *r, const xmlNode *n, const char *name, gsize len)
{
    const char *colon;
    const char *uri;

    if (n->type != XML_ELEMENT_NODE)
        return FALSE;
    if (!(colon = memchr(name, ':', len)))
        return !(n->ns && n->ns->prefix) && strncmp((const char *)n->name, name, len) == 0 &&
               !n->name[len];
    if (!n->ns)
        return FALSE;
    uri = namespace_uri(r->namespaces, name, colon - name);
    len -= colon + 1 - name;
    return uri && strcmp(uri, (const char *)n->ns->href) == 0 &&
           strncmp((const char *)n->name, colon + 1, len) == 0 && !n->name[len];
}

static xmlNode *
next_named(const Reader *r, xmlNode *n, const char *name, gsize len)
{
    for (; n; n = n->next)
        if (node_is(r, n, name, len))
            return n;
    return NULL;
}

static void
mark(gpointer *slot, char *how)
{
    if (*slot != whole)
        *slot = how;
}

static xmlNode *
child_element(Reader *r, xmlNode *el, const char *name, gsize len)
{
    xmlNode *child = next_named(r, el->children, name, len);

    if (child)
        for (xmlNode *n = child; n; n = next_named(r, n->next, name, len))
            mark(&n->_private, seen);
    return child;
}

/* The element at path[0..len), a list of names between slashes; NULL when it is not there. */
static xmlNode *
find_element(Finder *f, const char *path, gsize len)
{
    xmlNode *el = f->base;
    gsize at = 0;

    if (f->prefix && f->len == len && strncmp(f->prefix, path, len) == 0)
        return f->el;
    while (el && at < len) {
        const char *slash = memchr(path + at, '/', len - at);
        gsize n = slash ? (gsize)(slash - path) - at : len - at;

        el = child_element(f->r, el, path + at, n);
        at += n + 1;
    }
    f->prefix = path;
    f->len = len;
    f->el = el;
    return el;
}

static gboolean
find_place(Finder *f, const char *path, Place *ret)
{
    const char *last = strrchr(path, '/');
    const char *name = last ? last + 1 : path;
    gsize len = strlen(path);
    xmlNode *el;

    if (*name == '@') {
        el = find_element(f, path, last ? (gsize)(last - path) : 0);
        for (xmlAttr *a = el ? el->properties : NULL; a; a = a->next) {
            if (strcmp((const char *)a->name, name + 1) == 0) {
                mark(&a->_private, seen);
                *ret = (Place){ el, a };
                return TRUE;
            }
        }
        return FALSE;
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "#") == 0)
        len = last ? (gsize)(last - path) : 0;
    el = find_element(f, path, len);
    *ret = (Place){ el, NULL };
    return el != NULL;
}

static xmlNode *
last_same(const Reader *r, xmlNode *el)
{
    xmlNode *n = el;

    while ((n = next_named(r, n->next, (const char *)el->name, strlen((const char *)el->name))))
        el = n;
    return el;
}

/* The text of a place: borrowed when it is one run, else in *ret_own. */
static const char *
place_text(const Place *p, char **ret_own)
{
    xmlNode *first = p->attr ? p->attr->children : p->el->children;
    xmlChar *text;

    if (!first)
        return "";
    if (first->type == XML_TEXT_NODE && !first->next)
        return (const char *)first->content;
    text = xmlNodeGetContent(p->attr ? (xmlNode *)p->attr : p->el);
    *ret_own = g_strdup((const char *)text);
    xmlFree(text);
    return *ret_own;
}

/* ---- reading */

static gboolean
wrong_value(const Field *f, const Place *p, const char *text, GError **err)
{
    const FieldType *t = field_type(f);
    const char *want = t->want ? t->want : "";
    const char *sep = t->want ? " Expected " : "";
    Err code = code_of(f->flags >> 24);

    if (p->attr)
        return fail_line(err, code, p->el,
                         "Invalid value for attribute '%s' in element '%s': '%s'.%s%s",
                         p->attr->name, p->el->name, text, sep, want);
    return fail_line(err, code, p->el, "Invalid value for element '%s': '%s'.%s%s", p->el->name,
                     text, sep, want);
}

static gboolean
missing(const Field *f, const xmlNode *el, GError **err)
{
    const char *name = strrchr(f->path, '/');
    Err code = code_of(f->flags >> 16);

    name = name ? name + 1 : f->path;
    if (*name == '@')
        return fail_line(err, code, el, "Missing required attribute '%s' in element '%s'", name + 1,
                         el->name);
    return fail_line(err, code, el, "Missing required element '%s' in element '%s'", f->path,
                     el->name);
}

/* The number is read; its unit stands beside it. */
static gboolean
read_unit(const Field *f, const Place *p, gpointer at, GError **err)
{
    const SizeSpec *spec = f->arg;
    guint64 *n = at, scale = spec->bare, limit = spec->max ? spec->max : G_MAXUINT64;
    xmlAttr *unit = xmlHasProp(p->el, BAD_CAST "unit");
    g_autofree char *own = NULL;

    if (unit) {
        const char *text = place_text(&(Place){ p->el, unit }, &own);

        mark(&unit->_private, seen);
        if (*text && !size_unit_find(text, &scale))
            return fail_line(err, ERR_INVALID_ARG, p->el, "unknown suffix '%s'", text);
    }
    if (*n > G_MAXUINT64 / scale || *n * scale > G_MAXUINT64 - spec->stored)
        return fail_line(err, ERR_OVERFLOW, p->el, "value too large: %" G_GUINT64_FORMAT "%s", *n,
                         unit ? " in this unit" : "");
    *n = (*n * scale + spec->stored - 1) / spec->stored;
    if (*n > limit)
        return fail_line(err, ERR_OVERFLOW, p->el, "value too large in element '%s'", p->el->name);
    return TRUE;
}

static gboolean
read_value(const Field *f, const Place *p, gpointer def, guint *found, GError **err)
{
    gpointer at = G_STRUCT_MEMBER_P(def, f->offset);
    const FieldType *t = field_type(f);
    g_autofree char *own = NULL;
    const char *text = NULL;

    if (g_str_has_suffix(f->path, "#"))
        text = (const char *)p->el->name;
    else
        text = place_text(p, &own);
    if (!*text && (!p->attr || (f->flags & F_NONEMPTY)) && f->kind != F_FLAG)
        return !(f->flags & F_REQUIRED) || missing(f, p->el, err);
    if (!t->parse(f, text, at, err))
        return err && *err ? add_line(err, p->el) : wrong_value(f, p, text, err);
    if (f->kind == F_SIZE && !read_unit(f, p, at, err))
        return FALSE;
    if (f->has)
        G_STRUCT_MEMBER(guint8, def, f->has) = 1;
    *found += 1;
    return TRUE;
}

static gboolean
read_struct(Reader *r, const Schema *s, xmlNode *el, gpointer def, GError **err)
{
    guint found = 0;

    return read_fields(r, s, el, def, &found, err);
}

/* Rows spliced into this element. A pointer's struct comes to be when one of them is there. */
static gboolean
read_spliced(Reader *r, const Field *f, xmlNode *el, gpointer at, guint *found, GError **err)
{
    guint inner = 0;
    gpointer def;

    if (f->kind == F_STRUCT)
        return read_fields(r, f->arg, el, at, found, err);
    def = schema_new(f->arg);
    if (!read_fields(r, f->arg, el, def, &inner, err) || inner == 0) {
        schema_free(f->arg, def);
        return inner == 0 && !(err && *err);
    }
    schema_free(f->arg, *(gpointer *)at);
    *(gpointer *)at = def;
    *found += inner;
    return TRUE;
}

static gboolean
read_inner(Reader *r, const Field *f, xmlNode *el, gpointer at, guint *found, GError **err)
{
    gpointer def;

    *found += 1;
    if (f->kind == F_STRUCT)
        return read_struct(r, f->arg, el, at, err);
    def = schema_new(f->arg);
    if (!read_struct(r, f->arg, el, def, err)) {
        schema_free(f->arg, def);
        return FALSE;
    }
    schema_free(f->arg, *(gpointer *)at);
    *(gpointer *)at = def;
    return TRUE;
}

/* The words of the "#" row, for lists whose path ends in "*". */
static Words
list_words(const Schema *s)
{
    for (const Field *f = s->fields; f->kind != F_END; f++)
        if (strcmp(f->path, "#") == 0)
            return f->arg;
    return NULL;
}

static gboolean
list_takes(Reader *r, const Field *f, const char *name, xmlNode *n)
{
    if (*name == '*')
        return n->type == XML_ELEMENT_NODE &&
               word_find(list_words(f->arg), (const char *)n->name) != 0;
    return node_is(r, n, name, strlen(name));
}

static gboolean
read_item(Reader *r, const Field *f, xmlNode *n, gpointer at, GError **err)
{
    GPtrArray **list = at;
    gpointer item = schema_new(f->arg);

    if (!read_struct(r, f->arg, n, item, err)) {
        schema_free(f->arg, item);
        return FALSE;
    }
    if (!*list)
        *list = g_ptr_array_sized_new(1);
    g_ptr_array_add(*list, item);
    return TRUE;
}

static gboolean
read_list(Finder *finder, const Field *f, gpointer at, guint *found, GError **err)
{
    const char *last = strrchr(f->path, '/');
    const char *name = last ? last + 1 : f->path;
    xmlNode *holder = find_element(finder, f->path, last ? (gsize)(last - f->path) : 0);
    g_autoptr(GPtrArray) texts = NULL;

    for (xmlNode *n = holder ? holder->children : NULL; n; n = n->next) {
        if (!list_takes(finder->r, f, name, n))
            continue;
        mark(&n->_private, seen);
        *found += 1;
        if (f->kind == F_LIST) {
            if (!read_item(finder->r, f, n, at, err))
                return FALSE;
            continue;
        }
        if (!texts)
            texts = g_ptr_array_new();
        {
            xmlChar *text = xmlNodeGetContent(n);

            g_ptr_array_add(texts, g_strdup((const char *)text));
            xmlFree(text);
        }
    }
    if (texts) {
        g_ptr_array_add(texts, NULL);
        *(char ***)at = (char **)g_ptr_array_free(g_steal_pointer(&texts), FALSE);
    }
    return TRUE;
}

/* A copy carries the namespaces that were declared further up. Without elements there is nothing to
 * keep. */
static gboolean
read_raw(const Place *p, gpointer at, guint *found)
{
    xmlBuffer *buf;
    xmlNode *copy;

    if (!xmlFirstElementChild(p->el))
        return TRUE;
    buf = xmlBufferCreate();
    copy = xmlDocCopyNode(p->el, p->el->doc, 1);
    xmlNodeDump(buf, p->el->doc, copy, 0, 0);
    g_free(*(char **)at);
    *(char **)at = g_strdup((const char *)xmlBufferContent(buf));
    xmlFreeNode(copy);
    xmlBufferFree(buf);
    p->el->_private = whole;
    *found += 1;
    return TRUE;
}

static gboolean
read_field(Finder *finder, const Field *f, gpointer def, guint *found, GError **err)
{
    gpointer at = G_STRUCT_MEMBER_P(def, f->offset);
    Reader *r = finder->r;
    Place p;

    if ((f->kind == F_STRUCT || f->kind == F_PTR) && !*f->path)
        return read_spliced(r, f, finder->base, at, found, err);
    if (f->kind == F_LIST || f->kind == F_STRINGS)
        return read_list(finder, f, at, found, err);
    if (!find_place(finder, f->path, &p))
        return !(f->flags & F_REQUIRED) || missing(f, finder->base, err);
    if ((f->flags & F_ONCE) && last_same(r, p.el) != p.el)
        return fail_line(err, code_of(f->flags >> 24), last_same(r, p.el),
                         "only one '%s' element is allowed", p.el->name);
    if ((f->flags & F_LAST) && p.el != finder->base)
        p.el = last_same(r, p.el);
    if (f->kind == F_IGNORED || (f->flags & F_WRITE) ||
        ((f->flags & F_LIVE) && !(r->flags & XML_LIVE))) {
        if (!p.attr)
            p.el->_private = whole;
        return TRUE;
    }
    if (f->kind == F_REFUSED)
        return fail_line(err, ERR_CONFIG_UNSUPPORTED, p.el, "%s '%s' in '%s' is not supported",
                         p.attr ? "attribute" : "element", p.attr ? p.attr->name : p.el->name,
                         p.attr ? p.el->name : finder->base->name);
    if (f->kind == F_XML)
        return read_raw(&p, at, found);
    if (f->kind == F_STRUCT || f->kind == F_PTR)
        return read_inner(r, f, p.el, at, found, err);
    return read_value(f, &p, def, found, err);
}

static gboolean
read_fields(Reader *r, const Schema *s, xmlNode *el, gpointer def, guint *found, GError **err)
{
    Finder finder = { .r = r, .base = el };
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, def);
        else if (holds && !read_field(&finder, f, def, found, err))
            return FALSE;
    }
    if (s->settle && !s->settle(def, err))
        return add_line(err, el);
    return TRUE;
}

/* ---- what no row knew */

static gboolean
unknown(Reader *r, const xmlNode *el, const xmlAttr *attr, GError **err)
{
    const char *what = attr ? "attribute" : "element";
    const xmlChar *name = attr ? attr->name : el->name;
    const xmlChar *in = attr ? el->name : el->parent->name;

    if (r->flags & XML_VALIDATE)
        return fail_line(err, ERR_XML_SCHEMA, el, "unknown %s '%s' in element '%s'", what, name,
                         in);
    if (r->warnings++ < MAX_WARNINGS)
        log_warning("line %ld: %s '%s' in element '%s' is not known and has no effect",
                    xmlGetLineNo(el), what, name, in);
    return TRUE;
}

static gboolean
report_unknown(Reader *r, const xmlNode *el, GError **err)
{
    for (const xmlAttr *a = el->properties; a; a = a->next)
        if (!a->_private && !(a->ns && a->ns->prefix) && !unknown(r, el, a, err))
            return FALSE;
    for (const xmlNode *n = el->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || n->_private == whole)
            continue;
        if (!(n->_private ? report_unknown(r, n, err) : unknown(r, n, NULL, err)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
fail_syntax(const char *what, xmlParserCtxt *ctxt, GError **err)
{
    const xmlError *e = xmlCtxtGetLastError(ctxt);
    g_autofree char *text = g_strdup(e && e->message ? e->message : "not XML");

    return fail(err, ERR_XML_DETAIL, "(%s_definition):%d: %s", what, e ? e->line : 0,
                g_strchomp(text));
}

static xmlDoc *
read_document(const char *what, const char *text, gsize len, GError **err)
{
    xmlParserCtxt *ctxt;
    xmlDoc *doc;

    if (len > MAX_DOCUMENT) {
        fail(err, ERR_XML_DETAIL, "document of %zu bytes is larger than %d", len, MAX_DOCUMENT);
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

gpointer
xml_parse(const Schema *s, const XmlNamespace *namespaces, const char *text, gssize len,
          guint flags, GError **err)
{
    g_autoptr(xmlDoc) doc = read_document(s->name, text, len < 0 ? strlen(text) : (gsize)len, err);
    Reader r = { namespaces, flags, 0 };
    g_autoptr(GError) why = NULL;
    xmlNode *root;
    gpointer def;

    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    if (doc->intSubset && doc->intSubset->entities) {
        fail(err, ERR_XML_DETAIL, "entities are not allowed in a %s", s->name);
        return NULL;
    }
    if (!root || strcmp((const char *)root->name, s->name) != 0) {
        fail(err, ERR_XML, "unexpected root element <%s>, expecting <%s>",
             root ? (const char *)root->name : "", s->name);
        return NULL;
    }
    def = schema_new(s);
    if (read_struct(&r, s, root, def, &why) && report_unknown(&r, root, &why))
        return def;
    g_propagate_error(err, g_steal_pointer(&why));
    schema_free(s, def);
    return NULL;
}

static gboolean
namespace_is_new(const xmlNode *el)
{
    for (const xmlNode *n = el->prev; n; n = n->prev)
        if (n->type == XML_ELEMENT_NODE && n->ns && xmlStrEqual(n->ns->href, el->ns->href))
            return FALSE;
    return TRUE;
}

/* With the blanks before it. */
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
    g_autoptr(xmlDoc) doc = read_document("metadata", text, strlen(text), NULL);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    gboolean dropped = FALSE;
    xmlBuffer *buf;
    char *rest;

    for (xmlNode *n = root ? root->children : NULL, *next; n; n = next) {
        next = n->next;
        if (n->type != XML_ELEMENT_NODE || (n->ns && namespace_is_new(n)))
            continue;
        drop_node(n);
        dropped = TRUE;
    }
    if (!dropped)
        return NULL;
    buf = xmlBufferCreate();
    xmlNodeDump(buf, doc, root, 0, 0);
    rest = g_strdup((const char *)xmlBufferContent(buf));
    xmlBufferFree(buf);
    return rest;
}

char *
xml_root_name(const char *text, gssize len, GError **err)
{
    g_autoptr(xmlDoc) doc = read_document("device", text, len < 0 ? strlen(text) : (gsize)len, err);

    return doc ? g_strdup((const char *)xmlDocGetRootElement(doc)->name) : NULL;
}

/* ---- writing */

typedef enum TagState { TAG_WANTED, TAG_OPEN, TAG_CHILDREN, TAG_TEXT } TagState;

typedef struct Tag {
    const char *name;
    gsize len;
    TagState state;
} Tag;

typedef struct Writer {
    GString *out;
    GArray *tags; /* of Tag: the path to where we are; the last ones may be only wanted */
    guint flags;
    const XmlNamespace *namespaces;
    guint used;     /* bit n: a tag of namespaces[n] was written */
    gsize root_end; /* offset in out, after the attributes of the root */
} Writer;

static void write_rows(Writer *w, guint base, const Schema *s, gconstpointer def);

static Tag *
tag_at(Writer *w, guint i)
{
    return &g_array_index(w->tags, Tag, i);
}

static void
write_indent(Writer *w, guint depth)
{
    for (guint i = 0; i < 2 * depth; i++)
        g_string_append_c(w->out, ' ');
}

static void
write_escaped(Writer *w, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '<':
            g_string_append(w->out, "&lt;");
            break;
        case '>':
            g_string_append(w->out, "&gt;");
            break;
        case '&':
            g_string_append(w->out, "&amp;");
            break;
        case '"':
            g_string_append(w->out, "&quot;");
            break;
        case '\'':
            g_string_append(w->out, "&apos;");
            break;
        default:
            g_string_append_c(w->out, *p);
        }
    }
}

static void
note_namespace(Writer *w, const Tag *t)
{
    const char *colon = memchr(t->name, ':', t->len);

    for (guint i = 0; colon && w->namespaces && w->namespaces[i].prefix; i++)
        if (strncmp(t->name, w->namespaces[i].prefix, colon - t->name) == 0)
            w->used |= 1u << i;
}

/* Opens what is wanted. */
static void
write_open(Writer *w)
{
    for (guint i = 0; i < w->tags->len; i++) {
        Tag *t = tag_at(w, i);

        if (t->state != TAG_WANTED)
            continue;
        if (i > 0 && tag_at(w, i - 1)->state == TAG_OPEN) {
            if (i == 1)
                w->root_end = w->out->len;
            g_string_append(w->out, ">\n");
            tag_at(w, i - 1)->state = TAG_CHILDREN;
        }
        write_indent(w, i);
        g_string_append_c(w->out, '<');
        g_string_append_len(w->out, t->name, t->len);
        note_namespace(w, t);
        t->state = TAG_OPEN;
    }
}

static void
write_close(Writer *w, guint depth)
{
    while (w->tags->len > depth) {
        Tag *t = tag_at(w, w->tags->len - 1);

        if (t->state == TAG_CHILDREN)
            write_indent(w, w->tags->len - 1);
        if (t->state == TAG_OPEN && w->tags->len == 1)
            w->root_end = w->out->len;
        if (t->state == TAG_OPEN) {
            g_string_append(w->out, "/>\n");
        } else if (t->state != TAG_WANTED) {
            g_string_append(w->out, "</");
            g_string_append_len(w->out, t->name, t->len);
            g_string_append(w->out, ">\n");
        }
        g_array_set_size(w->tags, w->tags->len - 1);
    }
}

static void
write_push(Writer *w, const char *name, gsize len)
{
    Tag t = { name, len, TAG_WANTED };

    g_array_append_val(w->tags, t);
}

/* Goes to the element path[0..len) below depth `base`, through elements that are open already. */
static void
write_goto(Writer *w, guint base, const char *path, gsize len)
{
    guint depth = base;
    gsize at = 0;

    while (at < len) {
        const char *slash = memchr(path + at, '/', len - at);
        gsize n = slash ? (gsize)(slash - path) - at : len - at;

        if (depth < w->tags->len) {
            const Tag *t = tag_at(w, depth);

            if (t->len != n || strncmp(t->name, path + at, n) != 0)
                write_close(w, depth);
        }
        if (depth >= w->tags->len)
            write_push(w, path + at, n);
        depth++;
        at += n + 1;
    }
    write_close(w, depth);
}

static void
write_attr(Writer *w, const char *name, const char *value)
{
    write_open(w);
    g_warn_if_fail(tag_at(w, w->tags->len - 1)->state == TAG_OPEN);
    g_string_append_printf(w->out, " %s='", name);
    write_escaped(w, value);
    g_string_append_c(w->out, '\'');
}

static void
write_text(Writer *w, const char *value)
{
    Tag *t;

    write_open(w);
    t = tag_at(w, w->tags->len - 1);
    g_warn_if_fail(t->state == TAG_OPEN);
    if (w->tags->len == 1)
        w->root_end = w->out->len;
    g_string_append_c(w->out, '>');
    write_escaped(w, value);
    t->state = TAG_TEXT;
}

static void
write_raw(Writer *w, const char *xml)
{
    Tag *t;

    write_open(w);
    if (w->tags->len > 0 && (t = tag_at(w, w->tags->len - 1))->state == TAG_OPEN) {
        if (w->tags->len == 1)
            w->root_end = w->out->len;
        g_string_append(w->out, ">\n");
        t->state = TAG_CHILDREN;
    }
    write_indent(w, w->tags->len);
    g_string_append(w->out, xml);
    g_string_append_c(w->out, '\n');
}

static void
write_value(Writer *w, guint base, const Field *f, gconstpointer at)
{
    const FieldType *t = field_type(f);
    const SizeSpec *size = f->kind == F_SIZE ? f->arg : NULL;
    const char *last = strrchr(f->path, '/');
    const char *name = last ? last + 1 : f->path;
    gboolean attr = *name == '@', own_text = strcmp(name, ".") == 0;
    g_autoptr(GString) text = g_string_new(NULL);

    write_goto(w, base, f->path,
               attr || own_text ? (last ? (gsize)(last - f->path) : 0) : strlen(f->path));
    t->format(f, at, text);
    if (attr)
        write_attr(w, name + 1, text->str);
    if (size && size->unit)
        write_attr(w, "unit", size->unit);
    if (f->kind == F_FLAG)
        write_open(w);
    else if (!attr)
        write_text(w, text->str);
}

static void
write_item(Writer *w, guint parent, const char *name, const Schema *s, gconstpointer item)
{
    const Field *first = s->fields;

    write_close(w, parent);
    if (*name == '*') {
        name = word_of(first->arg, G_STRUCT_MEMBER(int, item, first->offset));
        g_return_if_fail(name);
    }
    write_push(w, name, strlen(name));
    write_open(w);
    write_rows(w, parent + 1, s, item);
}

static void
write_list(Writer *w, guint base, const Field *f, gconstpointer at)
{
    const char *last = strrchr(f->path, '/');
    const char *name = last ? last + 1 : f->path;
    guint parent;

    write_goto(w, base, f->path, last ? (gsize)(last - f->path) : 0);
    parent = w->tags->len;
    if (f->kind == F_LIST) {
        const GPtrArray *list = *(GPtrArray *const *)at;

        for (guint i = 0; list && i < list->len; i++)
            write_item(w, parent, name, f->arg, list->pdata[i]);
        write_close(w, parent);
        return;
    }
    for (char *const *texts = *(char *const *const *)at; texts && *texts; texts++) {
        write_close(w, parent);
        write_push(w, name, strlen(name));
        write_text(w, *texts);
    }
    write_close(w, parent);
}

static gboolean
is_written(const Writer *w, const Field *f, gconstpointer def)
{
    if (f->kind == F_REFUSED || f->kind == F_IGNORED || (f->flags & F_READ) ||
        strcmp(f->path, "#") == 0 || ((f->flags & F_SECRET) && !(w->flags & XML_SECURE)) ||
        ((f->flags & F_LIVE) && !(w->flags & XML_LIVE)))
        return FALSE;
    return (f->flags & F_ALWAYS) || field_present(f, def);
}

static void
write_field(Writer *w, guint base, const Field *f, gconstpointer def)
{
    gconstpointer at = G_STRUCT_MEMBER_P(def, f->offset);

    if (f->kind == F_LIST || f->kind == F_STRINGS) {
        write_list(w, base, f, at);
        return;
    }
    if (f->kind != F_STRUCT && f->kind != F_PTR && f->kind != F_XML) {
        write_value(w, base, f, at);
        return;
    }
    if (f->kind == F_XML) {
        const char *last = strrchr(f->path, '/');

        write_goto(w, base, f->path, last ? (gsize)(last - f->path) : 0);
        write_raw(w, *(char *const *)at);
        return;
    }
    if (*f->path)
        write_goto(w, base, f->path, strlen(f->path));
    if (*f->path && !(f->flags & F_FILLED) && (f->kind == F_PTR || (f->flags & F_ALWAYS)))
        write_open(w);
    if (f->kind == F_PTR)
        at = *(gconstpointer const *)at;
    if (!at)
        return;
    write_rows(w, *f->path ? w->tags->len : base, f->arg, at);
}

static void
write_rows(Writer *w, guint base, const Schema *s, gconstpointer def)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, def);
        else if (holds && is_written(w, f, def))
            write_field(w, base, f, def);
    }
}

static void
write_namespaces(Writer *w)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; w->namespaces && w->namespaces[i].prefix; i++)
        if (w->used & (1u << i))
            g_string_append_printf(text, " xmlns:%s='%s'", w->namespaces[i].prefix,
                                   w->namespaces[i].uri);
    g_string_insert(w->out, w->root_end, text->str);
}

char *
xml_format(const Schema *s, const XmlNamespace *namespaces, gconstpointer def, guint flags)
{
    Writer w = { .out = g_string_sized_new(4096),
                 .tags = g_array_new(FALSE, FALSE, sizeof(Tag)),
                 .flags = flags,
                 .namespaces = namespaces };

    write_push(&w, s->name, strlen(s->name));
    write_open(&w);
    write_rows(&w, 1, s, def);
    write_close(&w, 0);
    write_namespaces(&w);
    g_array_unref(w.tags);
    return g_string_free(w.out, FALSE);
}
