/* The shape of a document, derived from the rows: which elements and attributes may be in which,
 * how often, and with which text. WHEN and the order of elements are left out. The grammar
 * (docs/domain.rng) is written from the shape, and documents are checked against it when a client
 * asks for validation. */
#include "base.h"

#include <string.h>

/* ---- building */

static void
shape_clear(Shape *shape)
{
    g_ptr_array_unref(shape->values);
    g_ptr_array_unref(shape->refs);
    g_ptr_array_unref(shape->kids);
    g_free(shape->name);
}

void
shape_free(Shape *shape)
{
    if (!shape)
        return;
    shape_clear(shape);
    g_free(shape);
}

static Shape *
shape_named(const char *name)
{
    Shape *shape = g_new0(Shape, 1);

    shape->is_attr = *name == '@';
    shape->name = g_strdup(name + shape->is_attr);
    shape->values = g_ptr_array_new();
    shape->refs = g_ptr_array_new();
    shape->kids = g_ptr_array_new_with_free_func((GDestroyNotify)shape_free);
    return shape;
}

static Shape *
find_kid(Shape *shape, const char *name)
{
    Shape *kid;

    for (guint i = 0; i < shape->kids->len; i++) {
        kid = shape->kids->pdata[i];
        if (kid->is_attr == (*name == '@') && strcmp(kid->name, name + kid->is_attr) == 0)
            return kid;
    }
    kid = shape_named(name);
    g_ptr_array_add(shape->kids, kid);
    return kid;
}

static Shape *
find_below(Shape *shape, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (char **p = parts; *p; p++)
        if (strcmp(*p, ".") != 0)
            shape = find_kid(shape, *p);
    return shape;
}

static gboolean
holds_schema(const Field *f)
{
    return (f->kind == F_STRUCT || f->kind == F_PTR || f->kind == F_LIST) && *f->path;
}

/* The unit of a size is an attribute of the element that the number is in. */
static void
note_unit(Shape *root, const Field *f)
{
    static const Field unit = { .path = "@unit", .kind = F_STRING };
    const char *attr = strchr(f->path, '@');
    g_autofree char *path = attr ? g_strdup_printf("%.*s@unit", (int)(attr - f->path), f->path)
                                 : g_strconcat(f->path, "/@unit", NULL);
    Shape *shape = find_below(root, path);

    if (shape->values->len == 0)
        g_ptr_array_add(shape->values, (gpointer)&unit);
}

static void
note_schema(Shape *root, const Field *f, const char *path)
{
    Shape *shape = find_below(root, path);

    shape->many |= f->kind == F_LIST;
    if (!g_ptr_array_find(shape->refs, f->arg, NULL))
        g_ptr_array_add(shape->refs, (gpointer)f->arg);
}

/* A list of several names. */
static void
note_names(Shape *root, const Field *f, const char *star)
{
    const Schema *inner = f->arg;

    for (Words w = inner->fields[0].arg; w[1]; w++) {
        g_autofree char *path = g_strdup_printf("%.*s/%s", (int)(star - f->path), f->path, w[1]);

        note_schema(root, f, path);
    }
}

static void
note_row(Shape *root, const Field *f, gboolean sure)
{
    const char *star = strstr(f->path, "/*");
    Shape *shape;

    if (strcmp(f->path, "#") == 0)
        return;
    if (star) {
        note_names(root, f, star);
        return;
    }
    if (holds_schema(f))
        note_schema(root, f, f->path);
    shape = find_below(root, f->path);
    shape->many |= f->kind == F_STRINGS;
    shape->any |= f->kind == F_IGNORED || f->kind == F_XML;
    shape->refused |= f->kind == F_REFUSED;
    shape->needed |= sure && (f->flags & F_REQUIRED) && !(f->flags & (F_READ | F_LIVE)) &&
                     !strchr(f->path, '/');
    if (f->kind == F_SIZE)
        note_unit(root, f);
    if (!holds_schema(f) && !shape->any && !shape->refused)
        g_ptr_array_add(shape->values, (gpointer)f);
}

/* Of a row that tells all there is to know: only its turn differs. Nor counts what no document has.
 */
static gboolean
is_early_look(const Field *f)
{
    return (!f->doc && (f->flags & F_READ) && !(f->flags & F_LIVE)) || f->flags & F_SAVED ||
           f->doc == told_below;
}

static void
note_rows(Shape *root, const Schema *s, gboolean sure)
{
    gboolean always = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            always = !f->mask;
        else if ((f->kind == F_STRUCT || f->kind == F_PTR) && !*f->path)
            note_rows(root, f->arg, sure && always && f->kind == F_STRUCT);
        else if (!is_early_look(f))
            note_row(root, f, sure && always);
    }
}

Shape *
shape_new(const Schema *s)
{
    Shape *shape = shape_named(s->name);

    note_rows(shape, s, TRUE);
    return shape;
}

void
shape_merge(Shape *shape)
{
    g_autoptr(GPtrArray) refs = NULL;

    if (shape->refs->len + (shape->kids->len + shape->values->len > 0) < 2)
        return;
    refs = g_steal_pointer(&shape->refs);
    shape->refs = g_ptr_array_new();
    for (guint i = 0; i < refs->len; i++)
        note_rows(shape, refs->pdata[i], FALSE);
    for (guint i = 0; i < shape->kids->len; i++)
        ((Shape *)shape->kids->pdata[i])->needed = FALSE;
}

gboolean
shape_has_elements(const Shape *shape)
{
    for (guint i = 0; i < shape->kids->len; i++)
        if (!((const Shape *)shape->kids->pdata[i])->is_attr)
            return TRUE;
    return FALSE;
}

gboolean
shape_is_text(const Shape *shape)
{
    for (guint i = 0; i < shape->values->len; i++) {
        FieldKind kind = ((const Field *)shape->values->pdata[i])->kind;

        if (kind == F_STRING || kind == F_STRINGS || kind == F_OWN)
            return TRUE;
    }
    return FALSE;
}
