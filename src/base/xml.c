/* XML by rows. Reading goes row by row over a libxml2 tree and marks what a row knows
 * (node->_private); what is left unmarked at the end is unknown: warned of, or refused. */
#include "xml_priv.h"

#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WARNINGS 8 /* of one document */

static char seen[] = "seen", whole[] = "whole"; /* marks; whole: and everything below */

typedef struct XmlReader {
    const XmlNamespace *namespaces;
    guint flags;
    guint warnings;
    GPtrArray *unknown; /* of texts; NULL: what no row knows is logged */
    const Schema *schema;
    GPtrArray *words; /* that its rows know, ended by NULL; NULL until they are asked for */
} XmlReader;

/* Where a path leads from an element. */
typedef struct XmlPlace {
    xmlNode *el;
    xmlAttr *attr; /* NULL: the element itself */
} XmlPlace;

/* The element which the last path led to: rows of one element mostly stand together. */
typedef struct Finder {
    XmlReader *r;
    xmlNode *base;
    const GPtrArray *bases; /* of xmlNode: joined elements, base the first of them; or NULL */
    gboolean any_base;      /* a field may stand in any of them */
    guint64 names;          /* see names_in */
    const char *prefix;
    gsize len;
    xmlNode *el;
} Finder;

static gboolean read_fields(Finder *finder, const Schema *s, gpointer def, guint *found,
                            GError **err);

gboolean
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
code_of(guint8 said)
{
    return said ? (Err)(said - 1) : ERR_XML_VALUE;
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

gboolean
node_is(const XmlNamespace *namespaces, const xmlNode *n, const char *name, gsize len)
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
    uri = namespace_uri(namespaces, name, colon - name);
    len -= colon + 1 - name;
    return uri && strcmp(uri, (const char *)n->ns->href) == 0 &&
           strncmp((const char *)n->name, colon + 1, len) == 0 && !n->name[len];
}

static xmlNode *
next_named(const XmlReader *r, xmlNode *n, const char *name, gsize len)
{
    for (; n; n = n->next)
        if (node_is(r->namespaces, n, name, len))
            return n;
    return NULL;
}

/* One bit for the beginning of a name. Most rows are about elements and attributes that are absent;
 * the bits of all names that are there spare the search for those. */
static guint64
name_bit(const char *name)
{
    guint second = name[1] == '/' ? 0 : (guchar)name[1];

    return BIT(((guchar)name[0] * 7 + second) & 63);
}

static guint64
names_in(const xmlNode *el)
{
    guint64 names = 0;

    for (const xmlAttr *a = el->properties; a; a = a->next)
        names |= name_bit((const char *)a->name);
    for (const xmlNode *n = el->children; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE)
            names |= n->ns && n->ns->prefix ? G_MAXUINT64 : name_bit((const char *)n->name);
    return names;
}

/* FALSE: no name in the element begins like this one. */
static gboolean
may_be_there(const Finder *finder, const char *path)
{
    if (*path == '@')
        path++;
    return !g_ascii_isalpha(*path) || finder->names & name_bit(path);
}

static Finder
finder_of(XmlReader *r, const Schema *s, xmlNode *base, const GPtrArray *bases)
{
    Finder finder = { .r = r,
                      .base = base,
                      .bases = bases,
                      .any_base = bases && s->several == SEVERAL_FIRST_FIELD,
                      .names = names_in(base) };

    for (guint i = 0; bases && i < bases->len; i++)
        finder.names |= names_in(bases->pdata[i]);
    return finder;
}

static void
mark(gpointer *slot, char *how)
{
    if (*slot != whole)
        *slot = how;
}

static xmlNode *
child_element(XmlReader *r, xmlNode *el, const char *name, gsize len)
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

/* An attribute of el. */
static gboolean
find_attribute(xmlNode *el, const char *name, XmlPlace *ret)
{
    for (xmlAttr *a = el ? el->properties : NULL; a; a = a->next) {
        if (strcmp((const char *)a->name, name) == 0) {
            mark(&a->_private, seen);
            *ret = (XmlPlace){ el, a };
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
find_place(Finder *f, const char *path, XmlPlace *ret)
{
    const char *last = strrchr(path, '/');
    const char *name = last ? last + 1 : path;
    gsize len = strlen(path);
    xmlNode *el;

    if (*name == '@')
        return find_attribute(find_element(f, path, last ? (gsize)(last - path) : 0), name + 1,
                              ret);
    if (strcmp(name, ".") == 0 || strcmp(name, "#") == 0)
        len = last ? (gsize)(last - path) : 0;
    el = find_element(f, path, len);
    *ret = (XmlPlace){ el, NULL };
    return el != NULL;
}

/* Calls visit for the element that path[0..len) leads to below el, or for all such elements, until
 * it returns FALSE. */
typedef gboolean (*ElementVisit)(XmlReader *r, xmlNode *el, gpointer user);

static gboolean
each_below(XmlReader *r, xmlNode *el, const char *path, gsize len, gboolean all, ElementVisit visit,
           gpointer user)
{
    const char *slash = memchr(path, '/', len);
    gsize n = slash ? (gsize)(slash - path) : len, next = slash ? n + 1 : n;

    if (len == 0)
        return visit(r, el, user);
    for (xmlNode *c = child_element(r, el, path, n); c; c = next_named(r, c->next, path, n)) {
        if (!each_below(r, c, path + next, len - next, all, visit, user))
            return FALSE;
        if (!all)
            break;
    }
    return TRUE;
}

/* The elements that a row gathers from. */
static gboolean
each_element(const Finder *f, const Field *row, gsize len, ElementVisit visit, gpointer user)
{
    gboolean near = row->flags & F_NEAR, joined = row->flags & F_JOINED;

    if (!f->bases || (near && !joined))
        return each_below(f->r, f->base, row->path, len, joined && !near, visit, user);
    for (guint i = 0; i < f->bases->len; i++)
        if (!each_below(f->r, f->bases->pdata[i], row->path, len, !near, visit, user))
            return FALSE;
    return TRUE;
}

static gboolean
add_element(XmlReader *r, xmlNode *el, gpointer list)
{
    g_ptr_array_add(list, el);
    return TRUE;
}

static GPtrArray *
all_elements(const Finder *f, const Field *row)
{
    GPtrArray *all = g_ptr_array_new();

    each_element(f, row, strlen(row->path), add_element, all);
    return all;
}

typedef struct XmlSearch {
    const char *attr; /* NULL: the element itself */
    XmlPlace found;
    gboolean is_found;
} XmlSearch;

static gboolean
search_visit(XmlReader *r, xmlNode *el, gpointer user)
{
    XmlSearch *s = user;

    s->is_found = !s->attr || find_attribute(el, s->attr, &s->found);
    if (!s->attr)
        s->found = (XmlPlace){ el, NULL };
    return !s->is_found;
}

/* The first place that the row's path leads to from any base. */
static gboolean
find_any_place(const Finder *f, const Field *row, XmlPlace *ret)
{
    const char *attr = strrchr(row->path, '@');
    XmlSearch s = { attr ? attr + 1 : NULL, { NULL, NULL }, FALSE };
    gsize len = !attr ? strlen(row->path) : attr > row->path ? (gsize)(attr - row->path) - 1 : 0;

    for (guint i = 0; i < f->bases->len && !s.is_found; i++)
        each_below(f->r, f->bases->pdata[i], row->path, len, TRUE, search_visit, &s);
    *ret = s.found;
    return s.is_found;
}

static xmlNode *
last_same(const XmlReader *r, xmlNode *el)
{
    xmlNode *n = el;

    while ((n = next_named(r, n->next, (const char *)el->name, strlen((const char *)el->name))))
        el = n;
    return el;
}

/* The text of a place: borrowed when it is one run, else in *ret_own. */
static const char *
place_text(const XmlPlace *p, char **ret_own)
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

/* The end of the error for a wrong value: " Expected UUID", " Did you mean 'disk'?" */
static char *
advice(const Field *f, const FieldType *t, const char *text)
{
    enum { FEW = 8 };
    const char *const *words = f->kind == F_ENUM ? f->arg : NULL;
    const char *near = words ? nearest_word(text, words + 1) : NULL;
    g_autofree char *all = NULL;

    if (near)
        return g_strdup_printf(" Did you mean '%s'?", near);
    if (words && g_strv_length((char **)words + 1) <= FEW)
        return g_strdup_printf(" It may be %s", all = g_strjoinv(", ", (char **)words + 1));
    return t->want ? g_strdup_printf(" Expected %s", t->want) : g_strdup("");
}

static gboolean
wrong_value(const Field *f, const XmlPlace *p, const char *text, GError **err)
{
    g_autofree char *more = advice(f, field_type(f), text);
    Err code = code_of(f->wrong);

    if (p->attr)
        return fail_line(err, code, p->el,
                         "Invalid value for attribute '%s' in element '%s': '%s'.%s", p->attr->name,
                         p->el->name, text, more);
    return fail_line(err, code, p->el, "Invalid value for element '%s': '%s'.%s", p->el->name, text,
                     more);
}

/* The value's parser gave an error of its own; a code of the row still replaces its code. */
static gboolean
parse_failed(const Field *f, const XmlPlace *p, const char *text, GError **err)
{
    if (!err || !*err)
        return wrong_value(f, p, text, err);
    if (f->wrong)
        (*err)->code = code_of(f->wrong);
    return add_line(err, p->el);
}

static gboolean
fail_missing(const Field *f, const xmlNode *el, GError **err)
{
    const char *name = strrchr(f->path, '/');
    Err code = code_of(f->missing);

    name = name ? name + 1 : f->path;
    if (*name == '@')
        return fail_line(err, code, el, "Missing required attribute '%s' in element '%s'", name + 1,
                         el->name);
    return fail_line(err, code, el, "Missing required element '%s' in element '%s'", f->path,
                     el->name);
}

static gboolean
missing(Finder *finder, const Field *f, GError **err)
{
    const char *last = strrchr(f->path, '/');
    const xmlNode *el;

    if (!(f->flags & F_HELD))
        return fail_missing(f, finder->base, err);
    el = find_element(finder, f->path, last ? (gsize)(last - f->path) : 0);
    return !el || fail_missing(f, el, err);
}

/* Reads the unit beside the number and applies it. */
static gboolean
read_unit(const Field *f, const XmlPlace *p, gpointer at, GError **err)
{
    const SizeSpec *spec = f->arg;
    guint64 *n = at, scale = spec->bare, limit = spec->max ? spec->max : G_MAXUINT64;
    xmlAttr *unit = xmlHasProp(p->el, BAD_CAST "unit");
    g_autofree char *own = NULL;

    if (unit) {
        const char *text = place_text(&(XmlPlace){ p->el, unit }, &own);

        mark(&unit->_private, seen);
        if (*text && !size_unit_find(text, &scale))
            return fail_line(err, ERR_INVALID_ARG, p->el,
                             "%s: unknown suffix '%s', use b, KiB, MiB, GiB or TiB", p->el->name,
                             text);
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
read_value(const Field *f, const XmlPlace *p, gpointer def, guint *found, GError **err)
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
        return f->flags & F_TEXT ? wrong_value(f, p, text, err)
                                 : !(f->flags & F_REQUIRED) || fail_missing(f, p->el, err);
    if (!t->parse(f, text, at, err))
        return parse_failed(f, p, text, err);
    if (f->kind == F_SIZE && !read_unit(f, p, at, err))
        return FALSE;
    if (f->has)
        G_STRUCT_MEMBER(guint8, def, f->has) = 1;
    *found += 1;
    return TRUE;
}

static gboolean
read_struct(XmlReader *r, const Schema *s, xmlNode *el, const GPtrArray *bases, gpointer def,
            GError **err)
{
    Finder finder = finder_of(r, s, el, bases);
    guint found = 0;

    return read_fields(&finder, s, def, &found, err);
}

/* Rows spliced into this element. A pointer's struct comes to be when one of them is there. */
static gboolean
read_spliced(const Finder *outer, const Field *f, gpointer at, guint *found, GError **err)
{
    Finder finder = *outer;
    guint inner = 0;
    gpointer def;

    if (f->kind == F_STRUCT)
        return read_fields(&finder, f->arg, at, found, err);
    def = schema_new(f->arg);
    if (!read_fields(&finder, f->arg, def, &inner, err) || inner == 0) {
        schema_free(f->arg, def);
        return inner == 0 && !(err && *err);
    }
    schema_free(f->arg, *(gpointer *)at);
    *(gpointer *)at = def;
    *found += inner;
    return TRUE;
}

static void
drop_texts(xmlNode *el)
{
    for (xmlNode *n = el->children, *next; n; n = next) {
        next = n->next;
        if (n->type != XML_TEXT_NODE && n->type != XML_CDATA_SECTION_NODE)
            continue;
        xmlUnlinkNode(n);
        xmlFreeNode(n);
    }
}

/* Moves all that is in another element into el, where attributes and texts take the place of those
 * that are there. */
static void
absorb(xmlNode *el, xmlNode *other)
{
    for (xmlAttr *a = other->properties, *next; a; a = next) {
        xmlAttr *old = xmlHasProp(el, a->name);

        next = a->next;
        if (old)
            xmlRemoveProp(old);
        xmlUnlinkNode((xmlNode *)a);
        xmlAddChild(el, (xmlNode *)a);
    }
    if (!xmlFirstElementChild(other) && other->children)
        drop_texts(el);
    for (xmlNode *n = other->children, *next; n; n = next) {
        next = n->next;
        xmlUnlinkNode(n);
        xmlAddChild(el, n);
    }
    xmlUnlinkNode(other);
    xmlFreeNode(other);
}

/* Joins el and the elements of its name behind it, and in these likewise. */
static void
join_same(const XmlReader *r, xmlNode *el)
{
    gsize len = strlen((const char *)el->name);
    xmlNode *other;

    while ((other = next_named(r, el->next, (const char *)el->name, len)))
        absorb(el, other);
    for (xmlNode *n = xmlFirstElementChild(el); n; n = xmlNextElementSibling(n))
        if (!n->ns)
            join_same(r, n);
}

static gboolean
read_inner(const Finder *outer, const Field *f, xmlNode *el, gpointer at, guint *found,
           GError **err)
{
    g_autoptr(GPtrArray) bases = f->flags & F_JOINED ? all_elements(outer, f) : NULL;
    gpointer def;

    if (((const Schema *)f->arg)->several == SEVERAL_LAST_FIELD)
        join_same(outer->r, el);
    *found += 1;
    if (f->kind == F_STRUCT)
        return read_struct(outer->r, f->arg, el, bases, at, err);
    def = schema_new(f->arg);
    if (!read_struct(outer->r, f->arg, el, bases, def, err)) {
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
list_takes(XmlReader *r, const Field *f, const char *name, xmlNode *n)
{
    if (*name == '*')
        return n->type == XML_ELEMENT_NODE &&
               word_find(list_words(f->arg), (const char *)n->name) != 0;
    return node_is(r->namespaces, n, name, strlen(name));
}

static gboolean
read_item(XmlReader *r, const Field *f, xmlNode *n, gpointer at, GError **err)
{
    GPtrArray **list = at;
    gpointer item = schema_new(f->arg);

    if (!read_struct(r, f->arg, n, NULL, item, err)) {
        schema_free(f->arg, item);
        return FALSE;
    }
    if (!*list)
        *list = g_ptr_array_sized_new(1);
    g_ptr_array_add(*list, item);
    return TRUE;
}

typedef struct ListRead {
    const Field *f;
    const char *name; /* of the items */
    gpointer at;
    guint *found;
    GPtrArray *texts; /* of F_STRINGS */
    GError **err;
} ListRead;

static gboolean
read_items(XmlReader *r, xmlNode *holder, gpointer user)
{
    ListRead *l = user;

    for (xmlNode *n = holder->children; n; n = n->next) {
        xmlChar *text;

        if (!list_takes(r, l->f, l->name, n))
            continue;
        mark(&n->_private, seen);
        *l->found += 1;
        if (l->f->kind == F_LIST) {
            if (!read_item(r, l->f, n, l->at, l->err))
                return FALSE;
            continue;
        }
        if (!l->texts)
            l->texts = g_ptr_array_new();
        text = xmlNodeGetContent(n);
        g_ptr_array_add(l->texts, g_strdup((const char *)text));
        xmlFree(text);
    }
    return TRUE;
}

/* The items of all elements that hold some. */
static gboolean
read_list(const Finder *finder, const Field *f, gpointer at, guint *found, GError **err)
{
    const char *last = strrchr(f->path, '/');
    ListRead l = { f, last ? last + 1 : f->path, at, found, NULL, err };

    if (!each_element(finder, f, last ? (gsize)(last - f->path) : 0, read_items, &l))
        return FALSE;
    if (l.texts) {
        g_ptr_array_add(l.texts, NULL);
        *(char ***)at = (char **)g_ptr_array_free(l.texts, FALSE);
    }
    return TRUE;
}

/* The second element of a row that takes one, or NULL. */
static const xmlNode *
second_element(const Finder *finder, const Field *f, xmlNode *first)
{
    const char *last = strrchr(f->path, '/');
    gsize len = last && last[1] == '@' ? (gsize)(last - f->path) : strlen(f->path);
    g_autoptr(GPtrArray) all = NULL;

    if (!finder->bases || (f->flags & F_NEAR))
        return next_named(finder->r, first->next, (const char *)first->name,
                          strlen((const char *)first->name));
    all = g_ptr_array_new();
    each_element(finder, f, len, add_element, all);
    return all->len > 1 ? all->pdata[1] : NULL;
}

/* Keeps an element as text; one without child elements is not kept. */
static gboolean
read_raw(const XmlPlace *p, gpointer at, guint *found)
{
    if (!xmlFirstElementChild(p->el))
        return TRUE;
    g_free(*(char **)at);
    *(char **)at = xml_dump(p->el, FALSE);
    p->el->_private = whole;
    *found += 1;
    return TRUE;
}

static gboolean
read_field(Finder *finder, const Field *f, gpointer def, guint *found, GError **err)
{
    gpointer at = G_STRUCT_MEMBER_P(def, f->offset);
    XmlReader *r = finder->r;
    const xmlNode *second;
    XmlPlace p;

    if ((f->kind == F_STRUCT || f->kind == F_PTR) && !*f->path)
        return read_spliced(finder, f, at, found, err);
    if ((f->flags & F_SAVED) && !(r->flags & XML_SAVED))
        return TRUE;
    if (f->kind == F_LIST || f->kind == F_STRINGS)
        return !may_be_there(finder, f->path) || read_list(finder, f, at, found, err);
    if (!may_be_there(finder, f->path) ||
        !(finder->any_base ? find_any_place(finder, f, &p) : find_place(finder, f->path, &p)))
        return !(f->flags & F_REQUIRED) || missing(finder, f, err);
    if ((f->flags & F_ONCE) && (second = second_element(finder, f, p.el)))
        return fail_line(err, code_of(f->wrong), second, "only one '%s' element is allowed",
                         p.el->name);
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
        return read_inner(finder, f, p.el, at, found, err);
    return read_value(f, &p, def, found, err);
}

static gboolean
all_known(const Schema *s, const xmlNode *el, GError **err)
{
    for (const xmlNode *n = el->children; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && !n->_private)
            return fail_line(err, ERR_CONFIG_UNSUPPORTED, n, "'%s' is no %s", n->name, s->closed);
    return TRUE;
}

static gboolean
read_fields(Finder *finder, const Schema *s, gpointer def, guint *found, GError **err)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, def);
        else if (holds && !read_field(finder, f, def, found, err))
            return FALSE;
    }
    if (s->closed && !all_known(s, finder->base, err))
        return FALSE;
    if (s->settle && !s->settle(def, err))
        return add_line(err, finder->base);
    return TRUE;
}

/* ---- what no row knew */

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const Schema *
inner_schema(const Field *f)
{
    return f->kind == F_STRUCT || f->kind == F_PTR || f->kind == F_LIST ? f->arg : NULL;
}

/* The names of elements and attributes in all rows from here on, each once. */
static void
collect_words(const Schema *s, GHashTable *seen_schemas, GHashTable *words)
{
    if (!s || !g_hash_table_add(seen_schemas, (gpointer)s))
        return;
    for (const Field *f = s->fields; f->kind != F_END; f++) {
        g_auto(GStrv) names = f->path ? g_strsplit_set(f->path, "/@#*.[]", -1) : NULL;

        for (guint i = 0; names && names[i]; i++)
            if (*names[i])
                g_hash_table_add(words, g_strdup(names[i]));
        collect_words(inner_schema(f), seen_schemas, words);
    }
}

static const char *
probably_meant(XmlReader *r, const char *name)
{
    if (!r->words) {
        g_autoptr(GHashTable) schemas = g_hash_table_new(NULL, NULL);
        g_autoptr(GHashTable) words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        GHashTableIter i;
        gpointer word;

        r->words = g_ptr_array_new_with_free_func(g_free);
        collect_words(r->schema, schemas, words);
        for (g_hash_table_iter_init(&i, words); g_hash_table_iter_next(&i, &word, NULL);)
            g_ptr_array_add(r->words, g_strdup(word));
        g_ptr_array_sort(r->words, by_text);
        g_ptr_array_add(r->words, NULL);
    }
    return nearest_word(name, (const char *const *)r->words->pdata);
}

/* Takes text. */
static void
note(const XmlReader *r, char *text)
{
    if (r->unknown) {
        g_ptr_array_add(r->unknown, text);
        return;
    }
    log_warning("%s", text);
    g_free(text);
}

static gboolean
unknown(XmlReader *r, const xmlNode *el, const xmlAttr *attr, GError **err)
{
    const char *what = attr ? "attribute" : "element";
    const xmlChar *name = attr ? attr->name : el->name;
    const xmlChar *in = attr ? el->name : el->parent->name;

    if (r->flags & XML_VALIDATE)
        return fail_line(err, ERR_XML_SCHEMA, el, "unknown %s '%s' in element '%s'", what, name,
                         in);
    if (r->warnings++ < MAX_WARNINGS) {
        const char *near = probably_meant(r, (const char *)name);
        note(r, g_strdup_printf(
                    "%s '%s' in element '%s' (line %ld) is not known and has no effect%s%s%s", what,
                    name, in, xmlGetLineNo(el), near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : ""));
    }
    return TRUE;
}

static gboolean
report_unknown(XmlReader *r, const xmlNode *el, GError **err)
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

static void
report_rest(const XmlReader *r)
{
    if (r->warnings > MAX_WARNINGS)
        note(r, g_strdup_printf("%u more are not known and have no effect",
                                r->warnings - MAX_WARNINGS));
}

gpointer
xml_parse(const Schema *s, const XmlNamespace *namespaces, const char *text, gssize len,
          guint flags, GError **err)
{
    return xml_parse_noting(s, namespaces, text, len, flags, NULL, err);
}

gpointer
xml_parse_noting(const Schema *s, const XmlNamespace *namespaces, const char *text, gssize len,
                 guint flags, GPtrArray *unknown, GError **err)
{
    g_autoptr(xmlDoc) doc = xml_document(s->name, text, len < 0 ? strlen(text) : (gsize)len, err);
    XmlReader r = { .namespaces = namespaces, .flags = flags, .unknown = unknown, .schema = s };
    g_autoptr(GPtrArray) roots = g_ptr_array_new();
    g_autoptr(GError) why = NULL;
    xmlNode *root;
    gboolean ok;
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
    g_ptr_array_add(roots, root);
    def = schema_new(s);
    ok = (!(flags & XML_VALIDATE) || xml_validate(s, namespaces, root, &why)) &&
         read_struct(&r, s, root, roots, def, &why) && report_unknown(&r, root, &why);
    g_clear_pointer(&r.words, g_ptr_array_unref);
    if (ok) {
        report_rest(&r);
        return def;
    }
    error_of_document(why);
    g_propagate_error(err, g_steal_pointer(&why));
    schema_free(s, def);
    return NULL;
}
