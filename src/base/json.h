/* Helpers over json-c (json.c). They take any object, also NULL, and never fail: an answer that
 * lacks a member, or has it in another type, reads as if the member said nothing.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

/* An object with members: name, kind ('s' string, 'i' gint64, 'b' gboolean,
 * 'o' json_object, taken), value; ends with NULL. A NULL string is left out. The caller puts it. */
json_object *json_make(const char *name, ...) G_GNUC_NULL_TERMINATED;
/* The string at a path of names ("a.b"), borrowed from o; NULL when there is none. */
const char *json_str(json_object *o, const char *path);
gint64 json_int(json_object *o, const char *path, gint64 otherwise);
gboolean json_flag(json_object *o, const char *path);
json_object *json_at(json_object *o, const char *path); /* borrowed, or NULL */
gsize json_length(json_object *array);                  /* 0 of what is no array */

/* Text from outside: what it may weigh, how many members (each costs some 100 bytes once it is
 * read) and levels it may have. */
typedef struct JsonBudget {
    gsize bytes, members;
    int depth;
} JsonBudget;
/* An object, the caller's. NULL: it is none, or too large; *ret_wrong says what it is instead, and
 * is the caller's. */
json_object *json_parse_bounded(const char *text, gsize len, const JsonBudget *budget,
                                char **ret_wrong);

/* A file of state, taken whole and unchanged or not at all: {"sum": ..., "what": object}. Writing
 * is file_write_volatile, mode 0600. Reading gives what the caller puts; NULL with an error for a
 * file that is cut off, damaged or no JSON, and NULL without one when there is no such file. */
gboolean json_file_write(const char *path, json_object *o, GError **err);
json_object *json_file_read(const char *path, GError **err);
