/* JSON of QEMU, caches and status files: objects are made in one call and read by path. A missing
 * member, or one of another type, reads as nothing, so that callers need no checks. */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

json_object *
json_make(const char *name, ...)
{
    json_object *o = json_object_new_object();
    va_list ap;

    va_start(ap, name);
    for (; name; name = va_arg(ap, const char *)) {
        json_object *value = NULL;
        int kind = va_arg(ap, int);

        if (kind == 's') {
            const char *text = va_arg(ap, const char *);
            value = text ? json_object_new_string(text) : NULL;
        } else if (kind == 'i') {
            value = json_object_new_int64(va_arg(ap, gint64));
        } else if (kind == 'b') {
            value = json_object_new_boolean(va_arg(ap, gboolean));
        } else {
            value = va_arg(ap, json_object *);
        }
        if (value)
            json_object_object_add(o, name, value);
    }
    va_end(ap);
    return o;
}

/* An upper bound for the number of members: the commas and opening brackets outside of strings. */
static gsize
count_members(const char *text, gsize len)
{
    gsize n = 0;
    gboolean quoted = FALSE;

    for (gsize i = 0; i < len; i++) {
        if (text[i] == '"')
            quoted = !quoted;
        else if (quoted)
            i += text[i] == '\\';
        else
            n += text[i] == ',' || text[i] == '[' || text[i] == '{';
    }
    return n;
}

json_object *
json_parse_bounded(const char *text, gsize len, const JsonBudget *budget, char **ret_wrong)
{
    json_tokener *tok;
    json_object *message;

    if (len > budget->bytes) {
        *ret_wrong = g_strdup_printf("a message of more than %zu bytes", budget->bytes);
        return NULL;
    }
    if (count_members(text, len) > budget->members) {
        *ret_wrong = g_strdup_printf("a message of more than %zu members", budget->members);
        return NULL;
    }
    tok = json_tokener_new_ex(budget->depth);
    json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
    message = json_tokener_parse_ex(tok, text, (int)len);
    if (!json_object_is_type(message, json_type_object)) {
        g_autofree char *start = g_strndup(text, MIN(len, 80));
        g_autofree char *shown = g_strescape(g_strchomp(start), NULL);
        enum json_tokener_error why = json_tokener_get_error(tok);
        *ret_wrong = g_strdup_printf(
            "what is no JSON object (%s): %s",
            why == json_tokener_success ? "another type" : json_tokener_error_desc(why), shown);
        json_object_put(message);
        message = NULL;
    }
    json_tokener_free(tok);
    return message;
}

json_object *
json_at(json_object *o, const char *path)
{
    const char *dot;

    while ((dot = strchr(path, '.'))) {
        g_autofree char *name = g_strndup(path, dot - path);
        if (!json_object_object_get_ex(o, name, &o))
            return NULL;
        path = dot + 1;
    }
    return json_object_object_get_ex(o, path, &o) ? o : NULL;
}

const char *
json_str(json_object *o, const char *path)
{
    json_object *value = json_at(o, path);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

gint64
json_int(json_object *o, const char *path, gint64 otherwise)
{
    json_object *value = json_at(o, path);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

gboolean
json_flag(json_object *o, const char *path)
{
    json_object *value = json_at(o, path);

    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

gsize
json_length(json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* ---- files of state */

#define FILE_MAX (64 << 20)

/* The sum of a fixed spelling of the members, so that white space in the file does not matter. */
static gint64
sum_of(json_object *o)
{
    const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

    return bytes_sum(text, strlen(text));
}

gboolean
json_file_write(const char *path, json_object *o, GError **err)
{
    json_object *file = json_make("sum", 'i', sum_of(o), "what", 'o', json_object_get(o), NULL);
    gboolean ok = file_write_volatile(
        path, json_object_to_json_string_ext(file, JSON_C_TO_STRING_PRETTY), -1, 0600, err);

    json_object_put(file);
    return ok;
}

/* Nothing but blanks may follow. */
static json_object *
parse_whole(const char *text, gsize len, GError **err)
{
    json_tokener *t = json_tokener_new();
    json_object *o = json_tokener_parse_ex(t, text, (int)len);
    enum json_tokener_error why = json_tokener_get_error(t);
    gsize end = json_tokener_get_parse_end(t);

    json_tokener_free(t);
    if (o && end + strspn(text + end, " \n") == len)
        return o;
    json_object_put(o);
    fail(err, ERR_INVALID_ARG, "no JSON from byte %zu on: %s", end,
         why == json_tokener_success    ? "something follows"
         : why == json_tokener_continue ? "it is cut off"
                                        : json_tokener_error_desc(why));
    return NULL;
}

json_object *
json_file_read(const char *path, GError **err)
{
    g_autofree char *text = NULL;
    json_object *file, *what;
    gint64 sum;
    gsize len;

    if (access(path, F_OK) < 0 && errno == ENOENT)
        return NULL;
    if (!file_read(path, FILE_MAX, &text, &len, err) || !(file = parse_whole(text, len, err)))
        return NULL;
    what = json_object_get(json_at(file, "what"));
    sum = json_int(file, "sum", -1);
    json_object_put(file);
    if (what && sum == sum_of(what))
        return what;
    json_object_put(what);
    fail(err, ERR_INVALID_ARG, "its sum is wrong: it was damaged, or changed by hand");
    return NULL;
}
