/* Checks a document against the shape of its schema, when a client asks for validation: whatever
 * docs/domain.rng refuses is refused here, with name and line. Rows that hold only sometimes, and
 * rules across rows, are checked by the reader. */
#include "xml_priv.h"

#include <libxml/xmlmemory.h>
#include <string.h>

typedef struct Validator {
    const XmlNamespace *namespaces;
    GHashTable *shapes; /* of a Schema: its Shape */
} Validator;

static gboolean validate_element(Validator *v, const xmlNode *el, Shape *shape, GError **err);

/* ---- values */

#define BLANKS " \t\r\n"
#define DIGITS "0123456789"
#define HEXES  DIGITS "abcdefABCDEF"

static gboolean
is_blank(const char *text)
{
    return text[strspn(text, BLANKS)] == '\0';
}

/* An integer as XML Schema has it: a sign, digits, blanks around them. */
static gboolean
integer_read(const char *text, gboolean *ret_negative, guint64 *ret_n)
{
    g_autofree char *bare = g_strstrip(g_strdup(text));
    const char *digits = bare + (*bare == '-' || *bare == '+');

    if (!*digits || digits[strspn(digits, DIGITS)])
        return FALSE;
    *ret_negative = *bare == '-';
    return number_read(digits, 10, ret_n);
}

static gboolean
is_number(const Field *f, const char *text)
{
    const NumSpec *spec = f->arg;
    gint64 least = spec ? spec->min : f->kind == F_U32 || f->kind == F_U64 ? 0 : G_MININT64;
    gboolean negative;
    guint64 n;

    if (spec && spec->text != NUM_DECIMAL) {
        text += g_str_has_prefix(text, "0x") ? 2 : 0;
        return *text && !text[strspn(text, HEXES)];
    }
    if (!integer_read(text, &negative, &n))
        return FALSE;
    if (negative && n > 0)
        return least < 0 && n <= (guint64) - (least + 1) + 1;
    return (least <= 0 || n >= (guint64)least) && (!spec || n <= spec->max);
}

static gboolean
is_size(const char *text)
{
    gboolean negative;
    guint64 n;

    return integer_read(text, &negative, &n) && (!negative || n == 0);
}

static gboolean
is_word(const Field *f, const char *text)
{
    g_autofree char *bare = g_strstrip(g_strdup(text));

    return word_find(f->arg, bare) != 0 || (f->flags & F_DEFAULT && strcmp(bare, "default") == 0);
}

/* 36 characters, or fewer where dashes are left out. */
static gboolean
is_uuid(const char *text)
{
    guint digits = 0;

    for (const char *p = text; *p; p++) {
        if (g_ascii_isxdigit(*p))
            digits++;
        else if (*p != '-' || p == text || p[-1] == '-' || digits < 8 || digits > 20 || digits % 4)
            return FALSE;
    }
    return digits == 32;
}

static gboolean
is_mac(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);

    for (char **p = parts; *p; p++)
        if (strlen(*p) < 1 || strlen(*p) > 2 || (*p)[strspn(*p, HEXES)])
            return FALSE;
    return g_strv_length(parts) == 6;
}

static gboolean
is_value(const Field *f, const char *text)
{
    switch (f->kind) {
    case F_I32:
    case F_U32:
    case F_I64:
    case F_U64:
        return is_number(f, text);
    case F_ENUM:
        return is_word(f, text);
    case F_SIZE:
        return is_size(text);
    case F_UUID:
        return is_uuid(text);
    case F_MAC:
        return is_mac(text);
    case F_BITMAP:
        return !text[strspn(text, DIGITS ",^ -")];
    case F_FLAG:
        return is_blank(text);
    case F_STRING:
    case F_STRINGS:
    case F_OWN:
    case F_END:
    case F_XML:
    case F_STRUCT:
    case F_PTR:
    case F_LIST:
    case F_REFUSED:
    case F_IGNORED:
    case F_WHEN:
        break;
    }
    return TRUE;
}

/* Describes the values that the shape allows: "one of yes, no", "an integer". */
static char *
wanted(const Shape *shape)
{
    const Field *f = shape->values->pdata[shape->values->len - 1];
    const FieldType *t = field_type(f);

    if (f->kind != F_ENUM)
        return g_strdup(t ? t->name : "empty");
    return g_strjoinv(", ", (char **)(gpointer)((Words)f->arg + 1));
}

static gboolean
wrong_value(const Shape *shape, const xmlNode *el, const char *text, GError **err)
{
    g_autofree char *want = wanted(shape);

    if (shape->is_attr)
        return fail_line(err, ERR_XML_SCHEMA, el,
                         "value '%s' of attribute '%s' in element '%s' is wrong, expected: %s",
                         text, shape->name, el->name, want);
    return fail_line(err, ERR_XML_SCHEMA, el, "value '%s' of element '%s' is wrong, expected: %s",
                     text, el->name, want);
}

static gboolean
validate_value(const Shape *shape, const xmlNode *el, const char *text, GError **err)
{
    if (shape_is_text(shape) || shape_has_elements(shape) || (!shape->is_attr && is_blank(text)))
        return TRUE;
    for (guint i = 0; i < shape->values->len; i++) {
        const Field *f = shape->values->pdata[i];
        if (is_value(f, text) || (f->flags & F_NONEMPTY && is_blank(text)))
            return TRUE;
    }
    return wrong_value(shape, el, text, err);
}

/* ---- places */

static Shape *
find_attr(const Shape *shape, const xmlAttr *attr)
{
    for (guint i = 0; i < shape->kids->len; i++) {
        Shape *kid = shape->kids->pdata[i];
        if (kid->is_attr && !(attr->ns && attr->ns->prefix) &&
            strcmp(kid->name, (const char *)attr->name) == 0)
            return kid;
    }
    return NULL;
}

static Shape *
find_element(const Validator *v, const Shape *shape, const xmlNode *el)
{
    for (guint i = 0; i < shape->kids->len; i++) {
        Shape *kid = shape->kids->pdata[i];
        if (!kid->is_attr && node_is(v->namespaces, el, kid->name, strlen(kid->name)))
            return kid;
    }
    return NULL;
}

/* The shape of the content of an element. */
static Shape *
content_of(Validator *v, Shape *shape)
{
    const Schema *alone = shape->refs->len == 1 && shape->kids->len + shape->values->len == 0
                              ? shape->refs->pdata[0]
                              : NULL;
    Shape *content = alone ? g_hash_table_lookup(v->shapes, alone) : NULL;

    if (!alone) {
        shape_merge(shape);
        return shape;
    }
    if (!content) {
        content = shape_new(alone);
        g_hash_table_insert(v->shapes, (gpointer)alone, content);
    }
    return content;
}

static gboolean
is_there(const Validator *v, const xmlNode *el, const Shape *kid)
{
    if (kid->is_attr)
        return xmlHasNsProp((xmlNode *)el, BAD_CAST kid->name, NULL) != NULL;
    for (const xmlNode *n = el->children; n; n = n->next)
        if (node_is(v->namespaces, n, kid->name, strlen(kid->name)))
            return TRUE;
    return FALSE;
}

static gboolean
validate_needed(const Validator *v, const xmlNode *el, const Shape *shape, GError **err)
{
    for (guint i = 0; i < shape->kids->len; i++) {
        const Shape *kid = shape->kids->pdata[i];
        if (kid->needed && !is_there(v, el, kid))
            return fail_line(err, ERR_XML_SCHEMA, el, "%s '%s' is missing in element '%s'",
                             kid->is_attr ? "attribute" : "element", kid->name, el->name);
    }
    return TRUE;
}

static gboolean
validate_attributes(const xmlNode *el, const Shape *shape, GError **err)
{
    for (xmlAttr *a = el->properties; a; a = a->next) {
        const Shape *kid = find_attr(shape, a);
        xmlChar *text;
        gboolean ok;

        if (!kid)
            return fail_line(err, ERR_XML_SCHEMA, el, "unknown attribute '%s' in element '%s'",
                             a->name, el->name);
        if (kid->any || kid->refused)
            continue;
        text = xmlNodeGetContent((xmlNode *)a);
        ok = validate_value(kid, el, (const char *)text, err);
        xmlFree(text);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

/* An element that a row refuses is left to that row, whose error says more. */
static gboolean
validate_child(Validator *v, const xmlNode *child, Shape *kid, gboolean again, GError **err)
{
    if (!kid)
        return fail_line(err, ERR_XML_SCHEMA, child, "unknown element '%s' in element '%s'",
                         child->name, child->parent->name);
    if (again && !kid->many)
        return fail_line(err, ERR_XML_SCHEMA, child, "only one element '%s' can be in element '%s'",
                         child->name, child->parent->name);
    return kid->any || kid->refused || validate_element(v, child, content_of(v, kid), err);
}

static gboolean
validate_text(const xmlNode *el, const Shape *shape, const char *text, GError **err)
{
    if (shape->values->len > 0)
        return validate_value(shape, el, text, err);
    return is_blank(text) ||
           fail_line(err, ERR_XML_SCHEMA, el, "element '%s' holds no text: '%.40s'", el->name,
                     text + strspn(text, BLANKS));
}

static gboolean
validate_element(Validator *v, const xmlNode *el, Shape *shape, GError **err)
{
    g_autoptr(GPtrArray) met = g_ptr_array_new();
    g_autoptr(GString) text = g_string_new(NULL);

    if (!validate_attributes(el, shape, err))
        return FALSE;
    for (const xmlNode *n = el->children; n; n = n->next) {
        Shape *kid;

        if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE)
            g_string_append(text, (const char *)n->content);
        if (n->type != XML_ELEMENT_NODE)
            continue;
        kid = find_element(v, shape, n);
        if (!validate_child(v, n, kid, g_ptr_array_find(met, kid, NULL), err))
            return FALSE;
        g_ptr_array_add(met, kid);
    }
    return validate_text(el, shape, text->str, err) && validate_needed(v, el, shape, err);
}

gboolean
xml_validate(const Schema *s, const XmlNamespace *namespaces, const xmlNode *root, GError **err)
{
    Validator v = { namespaces,
                    g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)shape_free) };
    g_autoptr(Shape) shape = shape_new(s);
    gboolean ok = validate_element(&v, root, shape, err);

    g_hash_table_unref(v.shapes);
    return ok;
}
