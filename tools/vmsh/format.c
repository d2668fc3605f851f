/* --format: an answer in the user's own words, a line for each row. */
#include <string.h>

#include "vmsh.h"

/* What {key} stands for; the keys of sheets have blanks, and dots lead into objects. */
static gboolean
value_find(json_object *row, const char *key, json_object **ret_value)
{
    const char *dot = strchr(key, '.');
    g_autofree char *first = NULL;

    if (!*key) {
        *ret_value = row;
        return TRUE;
    }
    if (!json_object_is_type(row, json_type_object))
        return FALSE;
    if (json_object_object_get_ex(row, key, ret_value))
        return TRUE;
    if (!dot)
        return FALSE;
    first = g_strndup(key, (gsize)(dot - key));
    return json_object_object_get_ex(row, first, &row) && value_find(row, dot + 1, ret_value);
}

static gboolean
fail_key(json_object *row, const char *key, GError **err)
{
    g_autoptr(GString) keys = g_string_new(NULL);
    struct json_object_iter at;

    if (!json_object_is_type(row, json_type_object))
        return refuse(err, "there is no '{%s}' in this answer: it is one value, '{}'", key);
    json_object_object_foreachC(row, at)
        g_string_append_printf(keys, "%s%s", keys->len ? ", " : "", at.key);
    return refuse(err, "there is no '{%s}' in this answer; it has %s", key, keys->str);
}

static void
append_value(GString *line, json_object *value)
{
    if (!value)
        g_string_append_c(line, '-');
    else
        g_string_append(line,
                        json_object_is_type(value, json_type_string)
                            ? json_object_get_string(value)
                            : json_object_to_json_string_ext(
                                  value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Of "\n" and the like; any other byte stands for itself. */
static char
escaped(char c)
{
    static const char names[] = "nt", bytes[] = "\n\t";
    const char *at = c ? strchr(names, c) : NULL;

    return at ? bytes[at - names] : c;
}

static gboolean
put_row(Shell *s, const char *format, json_object *row, GError **err)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (const char *p = format; *p; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        g_autofree char *key = end ? g_strndup(p + 1, (gsize)(end - p - 1)) : NULL;
        json_object *value = NULL;

        if (*p == '{' && p[1] == '{') {
            g_string_append_c(line, *p++);
        } else if (*p == '\\' && p[1]) {
            g_string_append_c(line, escaped(*++p));
        } else if (*p != '{') {
            g_string_append_c(line, *p);
        } else if (!end) {
            return refuse(err, "in the format no '}' follows '%s'; write {{ for a brace", p);
        } else if (!value_find(row, key, &value)) {
            return fail_key(row, key, err);
        } else {
            append_value(line, value);
            p = end;
        }
    }
    put(s, "%s\n", line->str);
    return TRUE;
}

gboolean
format_print(Shell *s, const char *format, json_object *answer, GError **err)
{
    if (!json_object_is_type(answer, json_type_array))
        return put_row(s, format, answer, err);
    for (gsize i = 0; i < json_object_array_length(answer); i++)
        if (!put_row(s, format, json_object_array_get_idx(answer, i), err))
            return FALSE;
    return TRUE;
}
