/* Rows to JSON and back. A row's path is where its member stands: "pid" in the object itself,
 * "cid/@auto" in an object called "cid", the '@' left out. Numbers are JSON's numbers, F_FLAG is
 * true, lists and F_STRINGS are arrays; everything else is the text that XML would have.
 */
#include "base.h"

#include <string.h>

typedef struct Json {
    guint flags; /* XmlFlags */
    gboolean reading;
} Json;

/* The member at the end of path's names, with the objects on the way made. *ret_name: its name. */
static json_object *
holder_of(json_object *o, const char *path, gboolean make, char **ret_name)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    int i = 0;

    for (; names[i + 1]; i++) {
        json_object *inner = NULL;
        if (!json_object_object_get_ex(o, names[i], &inner) && make) {
            inner = json_object_new_object();
            json_object_object_add(o, names[i], inner);
        }
        o = inner;
    }
    *ret_name = g_strdup(names[i][0] == '@' ? names[i] + 1 : names[i]);
    return o;
}

/* Whether a row has a member in this JSON. */
static gboolean
takes_part(const Json *j, const Field *f)
{
    if (f->kind == F_REFUSED || f->kind == F_IGNORED ||
        (f->flags & (j->reading ? F_WRITE : F_READ)))
        return FALSE;
    if (f->flags & F_LIVE && !(j->flags & XML_LIVE))
        return FALSE;
    if (f->flags & F_SAVED && !(j->flags & XML_SAVED))
        return FALSE;
    return !(f->flags & F_SECRET) || j->flags & XML_SECURE;
}

/* ---- writing */

static void write_rows(const Json *j, const Schema *s, gconstpointer def, json_object *o);

static json_object *
write_struct(const Json *j, const Schema *s, gconstpointer def)
{
    json_object *o = json_object_new_object();

    write_rows(j, s, def, o);
    return o;
}

static json_object *
write_list(const Json *j, const Schema *s, const GPtrArray *list)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < list_length(list); i++)
        json_object_array_add(array, write_struct(j, s, list->pdata[i]));
    return array;
}

static json_object *
write_strings(const char *const *strings)
{
    json_object *array = json_object_new_array();

    for (int i = 0; strings && strings[i]; i++)
        json_object_array_add(array, json_object_new_string(strings[i]));
    return array;
}

static json_object *
write_text(const Field *f, gconstpointer at)
{
    g_autoptr(GString) text = g_string_new(NULL);

    field_type(f)->format(f, at, text);
    return json_object_new_string_len(text->str, (int)text->len);
}

/* A number with a spelling of its own (hexadecimal) is a text. */
static gboolean
is_spelled(const Field *f)
{
    const NumSpec *spec = f->arg;

    return spec && spec->text != NUM_DECIMAL;
}

static json_object *
write_value(const Json *j, const Field *f, gconstpointer at)
{
    switch (f->kind) {
    case F_STRUCT:
        return write_struct(j, f->arg, at);
    case F_PTR:
        return write_struct(j, f->arg, *(gconstpointer const *)at);
    case F_LIST:
        return write_list(j, f->arg, *(GPtrArray *const *)at);
    case F_STRINGS:
        return write_strings(*(const char *const *const *)at);
    case F_FLAG:
        return json_object_new_boolean(*(const gboolean *)at);
    case F_I32:
        return json_object_new_int(*(const gint32 *)at);
    case F_I64:
        return json_object_new_int64(*(const gint64 *)at);
    case F_U32:
        return is_spelled(f) ? write_text(f, at) : json_object_new_int64(*(const guint32 *)at);
    case F_U64:
        return is_spelled(f) ? write_text(f, at) : json_object_new_uint64(*(const guint64 *)at);
    case F_SIZE:
        return json_object_new_uint64(*(const guint64 *)at);
    default:
        return write_text(f, at);
    }
}

static void
write_row(const Json *j, const Field *f, gconstpointer def, json_object *o)
{
    gconstpointer at = G_STRUCT_MEMBER_P(def, f->offset);
    g_autofree char *name = NULL;

    if (!field_present(f, def) && !(f->flags & F_ALWAYS && field_type(f)))
        return;
    if ((f->kind == F_STRUCT || f->kind == F_PTR) && !f->path[0]) {
        write_rows(j, f->arg, f->kind == F_PTR ? *(gconstpointer const *)at : at, o);
        return;
    }
    o = holder_of(o, f->path, TRUE, &name);
    json_object_object_add(o, name, write_value(j, f, at));
}

static void
write_rows(const Json *j, const Schema *s, gconstpointer def, json_object *o)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, def);
        else if (holds && takes_part(j, f))
            write_row(j, f, def, o);
    }
}

json_object *
schema_to_json(const Schema *s, gconstpointer def, guint flags)
{
    const Json j = { .flags = flags };

    return write_struct(&j, s, def);
}

/* ---- reading */

static gboolean read_rows(const Json *j, const Schema *s, json_object *o, gpointer def,
                          GError **err);

static gboolean
is_wrong(const Field *f, json_object *value, GError **err)
{
    static const struct {
        FieldKind kind;
        const char *want;
    } wants[] = {
        { F_STRUCT, "an object" },         { F_PTR, "an object" },
        { F_LIST, "an array of objects" }, { F_STRINGS, "an array of texts" },
        { F_FLAG, "true or false" },
    };
    const FieldType *t = field_type(f);
    const char *want = t ? t->name : NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(wants); i++)
        if (wants[i].kind == f->kind)
            want = wants[i].want;
    return fail(err, ERR_INVALID_ARG, "member '%s' is '%s': expected %s", f->path,
                json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), want);
}

static gboolean
read_struct(const Json *j, const Field *f, json_object *value, gpointer def, GError **err)
{
    if (!json_object_is_type(value, json_type_object))
        return is_wrong(f, value, err);
    return read_rows(j, f->arg, value, def, err) || fail_prefix(err, "in '%s': ", f->path);
}

/* Into the struct that is there, or a new one. */
static gboolean
read_pointer(const Json *j, const Field *f, json_object *value, gpointer *at, GError **err)
{
    if (!*at)
        *at = schema_new(f->arg);
    return read_struct(j, f, value, *at, err);
}

static gboolean
read_list(const Json *j, const Field *f, json_object *value, GPtrArray **at, GError **err)
{
    if (!json_object_is_type(value, json_type_array))
        return is_wrong(f, value, err);
    for (gsize i = 0; i < json_length(value); i++) {
        gpointer item = schema_new(f->arg);
        list_append(at, item);
        if (!read_struct(j, f, json_object_array_get_idx(value, i), item, err))
            return FALSE;
    }
    return TRUE;
}

/* NULL: it is no string, or one with a NUL in it. */
static const char *
text_of(json_object *value)
{
    const char *text;

    if (!json_object_is_type(value, json_type_string))
        return NULL;
    text = json_object_get_string(value);
    return strlen(text) == (gsize)json_object_get_string_len(value) ? text : NULL;
}

static gboolean
read_strings(const Field *f, json_object *value, char ***at, GError **err)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    if (!json_object_is_type(value, json_type_array))
        return is_wrong(f, value, err);
    for (gsize i = 0; i < json_length(value); i++) {
        const char *text = text_of(json_object_array_get_idx(value, i));
        if (!text)
            return is_wrong(f, value, err);
        g_ptr_array_add(list, g_strdup(text));
    }
    g_strfreev(*at);
    g_ptr_array_set_free_func(list, NULL);
    g_ptr_array_add(list, NULL);
    *at = list->len > 1 ? (char **)g_ptr_array_steal(list, NULL) : NULL;
    return TRUE;
}

static gboolean
is_number(const Field *f)
{
    return f->kind == F_I32 || f->kind == F_I64 || f->kind == F_SIZE ||
           ((f->kind == F_U32 || f->kind == F_U64) && !is_spelled(f));
}

/* The bounds are those of the row's own type. */
static gboolean
read_text(const Field *f, json_object *value, gpointer at, GError **err)
{
    const char *text = is_number(f) && json_object_is_type(value, json_type_int)
                           ? json_object_get_string(value)
                           : text_of(value);

    if (!text || is_number(f) != json_object_is_type(value, json_type_int) ||
        !field_type(f)->parse(f, text, at, NULL))
        return is_wrong(f, value, err);
    return TRUE;
}

static gboolean
read_value(const Json *j, const Field *f, json_object *value, gpointer at, GError **err)
{
    switch (f->kind) {
    case F_STRUCT:
        return read_struct(j, f, value, at, err);
    case F_PTR:
        return read_pointer(j, f, value, at, err);
    case F_LIST:
        return read_list(j, f, value, at, err);
    case F_STRINGS:
        return read_strings(f, value, at, err);
    case F_FLAG:
        if (!json_object_is_type(value, json_type_boolean))
            return is_wrong(f, value, err);
        *(gboolean *)at = json_object_get_boolean(value);
        return TRUE;
    default:
        return read_text(f, value, at, err);
    }
}

static gboolean
read_row(const Json *j, const Field *f, json_object *o, gpointer def, GError **err)
{
    gpointer at = G_STRUCT_MEMBER_P(def, f->offset);
    g_autofree char *name = NULL;
    json_object *value = NULL;

    if (f->kind == F_STRUCT && !f->path[0])
        return read_rows(j, f->arg, o, at, err);
    if (f->kind == F_PTR && !f->path[0])
        return read_pointer(j, f, o, at, err);
    o = holder_of(o, f->path, FALSE, &name);
    if (!json_object_object_get_ex(o, name, &value))
        return !(f->flags & F_REQUIRED) ||
               fail(err, ERR_INVALID_ARG, "member '%s' is missing", f->path);
    if (!read_value(j, f, value, at, err))
        return FALSE;
    if (f->has)
        G_STRUCT_MEMBER(guint8, def, f->has) = TRUE;
    return TRUE;
}

static gboolean
read_rows(const Json *j, const Schema *s, json_object *o, gpointer def, GError **err)
{
    gboolean holds = TRUE;

    for (const Field *f = s->fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            holds = when_holds(f, def);
        else if (holds && takes_part(j, f) && !read_row(j, f, o, def, err))
            return FALSE;
    }
    return TRUE;
}

gboolean
schema_read_json(const Schema *s, json_object *o, guint flags, gpointer def, GError **err)
{
    const Json j = { .flags = flags, .reading = TRUE };

    if (!json_object_is_type(o, json_type_object))
        return fail(err, ERR_INVALID_ARG, "%s: not a JSON object", s->name);
    return read_rows(&j, s, o, def, err) || fail_prefix(err, "%s: ", s->name);
}

gpointer
schema_from_json(const Schema *s, json_object *o, guint flags, GError **err)
{
    gpointer def = schema_new(s);

    if (schema_read_json(s, o, flags, def, err))
        return def;
    schema_free(s, def);
    return NULL;
}
