/* Helpers over json-c (json.c). The readers take any object, also NULL, and never fail: when a
 * member is missing or has another type, the result is NULL, 0 or the value given for that case. */
#pragma once

#include <glib.h>
#include <json-c/json.h>

/* Makes an object from triples of name, kind and value, ended by NULL. Kinds: 's' string, 'i'
 * gint64, 'b' gboolean, 'o' json_object (owned by the new object from then on). A NULL string is
 * left out. The caller frees it with json_object_put. */
json_object *json_make(const char *name, ...) G_GNUC_NULL_TERMINATED;
/* The string at a path of names ("a.b"), borrowed from o; NULL when there is none. json_int returns
 * otherwise, json_flag FALSE, json_at (a borrowed object) NULL in that case. */
const char *json_str(json_object *o, const char *path);
gint64 json_int(json_object *o, const char *path, gint64 otherwise);
gboolean json_flag(json_object *o, const char *path);
json_object *json_at(json_object *o, const char *path); /* borrowed; NULL: none */
gsize json_length(json_object *array);                  /* 0 when it is no array */

/* Bounds of a text from outside: its bytes, the members in it (each takes some 100 bytes of memory
 * once it is read), and the levels of nesting. */
typedef struct JsonBudget {
    gsize bytes, members;
    int depth;
} JsonBudget;
/* Reads an object, which the caller puts. NULL: the text is none, or is too large; then *ret_wrong
 * says what is wrong, and the caller frees it. */
json_object *json_parse_bounded(const char *text, gsize len, const JsonBudget *budget,
                                char **ret_wrong);

/* A file of state, which is read whole and unchanged or not at all: {"sum": ..., "what": object}.
 * json_file_write writes it by file_write_volatile, mode 0600. json_file_read returns an object
 * that the caller puts; NULL with an error for a file that is cut off, damaged or no JSON, and NULL
 * without an error when there is no such file. */
gboolean json_file_write(const char *path, json_object *o, GError **err);
json_object *json_file_read(const char *path, GError **err);
