/* Writes XML by the rows that also read it (xml.c). An element is opened when the first row inside
 * it has a value. */
#include "base.h"

#include <libxml/tree.h>
#include <string.h>

typedef enum TagState { TAG_WANTED, TAG_OPEN, TAG_CHILDREN, TAG_TEXT } TagState;

typedef struct Tag {
    const char *name;
    gsize len;
    TagState state;
} Tag;

typedef struct Writer {
    GString *out;
    GArray *tags;   /* of Tag: the path to where we are; the last ones may be only wanted */
    GString *value; /* that is being written, not escaped */
    guint flags;
    guint unwritten; /* flags of rows that are not for such a document */
    const XmlNamespace *namespaces;
    guint used;      /* bit n: a tag of namespaces[n] was written */
    gsize root_end;  /* offset in out, after the attributes of the root */
    gboolean secret; /* something was written, or left out, that XML_SECURE shows */
} Writer;

static void write_rows(Writer *w, guint base, const Schema *s, gconstpointer def);

/* Most of the time of a document goes into pieces of a few bytes: where they fit they are copied
 * here, without a call. */
static inline void
put(GString *out, const char *text, gsize len)
{
    if (len >= out->allocated_len - out->len) {
        g_string_append_len(out, text, (gssize)len);
        return;
    }
    memcpy(out->str + out->len, text, len);
    out->len += len;
    out->str[out->len] = '\0';
}
#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static Tag *
tag_at(Writer *w, guint i)
{
    return &g_array_index(w->tags, Tag, i);
}

static void
write_indent(Writer *w, guint depth)
{
    static const char blanks[] = "                                        ";

    for (gsize left = 2 * (gsize)depth; left > 0;) {
        gsize n = MIN(left, sizeof(blanks) - 1);

        put(w->out, blanks, n);
        left -= n;
    }
}

/* White space of an attribute would be read as blanks, and a carriage return as a new line. */
void
xml_escape(GString *out, const char *text, gboolean attribute)
{
    static const char *const words[] = {
        ['<'] = "&lt;",    ['>'] = "&gt;",   ['&'] = "&amp;",  ['"'] = "&quot;",
        ['\''] = "&apos;", ['\r'] = "&#13;", ['\n'] = "&#10;", ['\t'] = "&#9;",
    };

    const char *plain = text, *p; /* what needs no word is appended at once */

    for (p = text; *p; p++) {
        const char *word = (guchar)*p < G_N_ELEMENTS(words) ? words[(guchar)*p] : NULL;

        if (!word || (!attribute && (*p == '\n' || *p == '\t')))
            continue;
        put(out, plain, (gsize)(p - plain));
        put(out, word, strlen(word));
        plain = p + 1;
    }
    put(out, plain, (gsize)(p - plain));
}

static gboolean
is_xml_char(gunichar c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xd800) ||
           (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

gboolean
xml_text_check(const char *what, const char *text, GError **err)
{
    const char *end;

    if (!g_utf8_validate(text, -1, &end))
        return fail(err, ERR_INVALID_ARG, "the %s is not UTF-8: byte %zu is %#x", what,
                    (gsize)(end - text), (guint)(guchar)*end);
    for (const char *p = text; *p; p = g_utf8_next_char(p))
        if (!is_xml_char(g_utf8_get_char(p)))
            return fail(err, ERR_INVALID_ARG, "the %s has a character that XML has not: %#x", what,
                        (guint)g_utf8_get_char(p));
    return TRUE;
}

static void
note_namespace(Writer *w, const Tag *t)
{
    const char *colon = memchr(t->name, ':', t->len);

    for (guint i = 0; colon && w->namespaces && w->namespaces[i].prefix; i++)
        if (strncmp(t->name, w->namespaces[i].prefix, colon - t->name) == 0)
            w->used |= 1u << i;
}

/* Opens the elements at the end of the path that are wanted and not open yet. */
static void
write_open(Writer *w)
{
    guint first = w->tags->len;

    while (first > 0 && tag_at(w, first - 1)->state == TAG_WANTED)
        first--;
    for (guint i = first; i < w->tags->len; i++) {
        Tag *t = tag_at(w, i);

        if (i > 0 && tag_at(w, i - 1)->state == TAG_OPEN) {
            if (i == 1)
                w->root_end = w->out->len;
            PUT(w->out, ">\n");
            tag_at(w, i - 1)->state = TAG_CHILDREN;
        }
        write_indent(w, i);
        PUT(w->out, "<");
        put(w->out, t->name, t->len);
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
            PUT(w->out, "/>\n");
        } else if (t->state != TAG_WANTED) {
            PUT(w->out, "</");
            put(w->out, t->name, t->len);
            PUT(w->out, ">\n");
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
    PUT(w->out, " ");
    put(w->out, name, strlen(name));
    PUT(w->out, "='");
    xml_escape(w->out, value, TRUE);
    PUT(w->out, "'");
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
    PUT(w->out, ">");
    xml_escape(w->out, value, FALSE);
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
        PUT(w->out, ">\n");
        t->state = TAG_CHILDREN;
    }
    write_indent(w, w->tags->len);
    put(w->out, xml, strlen(xml));
    PUT(w->out, "\n");
}

static void
write_value(Writer *w, guint base, const Field *f, gconstpointer at)
{
    const FieldType *t = field_type(f);
    const SizeSpec *size = f->kind == F_SIZE ? f->arg : NULL;
    const char *last = strrchr(f->path, '/');
    const char *name = last ? last + 1 : f->path;
    gboolean attr = *name == '@', own_text = strcmp(name, ".") == 0;
    GString *text = g_string_truncate(w->value, 0);

    write_goto(w, base, f->path,
               attr || own_text ? (last ? (gsize)(last - f->path) : 0) : strlen(f->path));
    t->format(f, at, text);
    if (attr)
        write_attr(w, name + 1, text->str);
    if (size && size->unit)
        write_attr(w, "unit", size_unit_of(size, &(guint64){ *(const guint64 *)at }));
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

/* Whether an element is written although it is empty, because a reader requires it. */
static gboolean
is_needed(const Field *f)
{
    return (f->flags & F_ALWAYS) || (f->kind == F_STRUCT && (f->flags & F_REQUIRED));
}

static gboolean
is_written(Writer *w, const Field *f, gconstpointer def)
{
    if ((f->flags & w->unwritten) || f->kind == F_REFUSED || f->kind == F_IGNORED)
        return FALSE;
    if (!is_needed(f) && !field_present(f, def))
        return FALSE;
    if (f->path[0] == '#' && !f->path[1])
        return FALSE;
    if (!(f->flags & F_SECRET))
        return TRUE;
    w->secret = TRUE;
    return (w->flags & XML_SECURE) != 0;
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
    if (*f->path && !(f->flags & F_FILLED) && (f->kind == F_PTR || is_needed(f)))
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
    gboolean secret;

    return xml_format_noting(s, namespaces, def, flags, &secret);
}

char *
xml_format_noting(const Schema *s, const XmlNamespace *namespaces, gconstpointer def, guint flags,
                  gboolean *ret_secret)
{
    Writer w = { .out = g_string_sized_new(4096),
                 .tags = g_array_new(FALSE, FALSE, sizeof(Tag)),
                 .value = g_string_sized_new(256),
                 .flags = flags,
                 .unwritten = F_READ | (flags & XML_LIVE ? 0 : F_LIVE) |
                              (flags & XML_SAVED ? 0 : F_SAVED),
                 .namespaces = namespaces };

    write_push(&w, s->name, strlen(s->name));
    write_open(&w);
    write_rows(&w, 1, s, def);
    write_close(&w, 0);
    write_namespaces(&w);
    g_array_unref(w.tags);
    g_string_free(w.value, TRUE);
    *ret_secret = w.secret;
    return g_string_free(w.out, FALSE);
}

/* ---- trees of libxml2 */

static char *
dump(xmlNode *el, gboolean indent)
{
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, el->doc, el, 0, indent);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

/* Before its version 2.14 or so, libxml2 writes the URI of a namespace as it is, '&' and all. */
static gboolean
writes_raw_uris(void)
{
    xmlNode *probe = xmlNewNode(NULL, BAD_CAST "a");
    g_autofree char *text = NULL;

    xmlNewNs(probe, BAD_CAST "&", BAD_CAST "b");
    text = dump(probe, FALSE);
    xmlFreeNode(probe);
    return !strstr(text, "&amp;");
}

char *
xml_uri_plain(const char *href)
{
    g_auto(GStrv) parts = g_strsplit(href ? href : "", "&#38;", -1);

    return g_strjoinv("&", parts);
}

static void
settle_uris(xmlNode *el, gboolean raw)
{
    for (xmlNs *ns = el->nsDef; ns; ns = ns->next) {
        g_autofree char *plain = xml_uri_plain((const char *)ns->href);
        g_autoptr(GString) escaped = g_string_new(NULL);

        xml_escape(escaped, plain, TRUE);
        xmlFree((gpointer)ns->href);
        ns->href = xmlStrdup(BAD_CAST(raw ? escaped->str : plain));
    }
    for (xmlNode *n = el->children; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE)
            settle_uris(n, raw);
}

char *
xml_dump(gpointer element, gboolean indent)
{
    xmlNode *el = element, *copy = xmlDocCopyNode(el, el->doc, 1);
    char *text;

    settle_uris(copy, writes_raw_uris());
    text = dump(copy, indent);
    xmlFreeNode(copy);
    return text;
}
