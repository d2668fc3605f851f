/* Expressions and commands of nftables' JSON (libnftables-json(5)). The constructors take the
 * objects that they are given, and the caller owns the result. Inside the network room only. */
#pragma once

#include "base/base.h"

json_object *nf_wrap(const char *name, json_object *inner); /* {name: inner} */
json_object *nf_array(json_object *first, ...) G_GNUC_NULL_TERMINATED;
json_object *nf_words(const char *a, const char *b);
json_object *nf_match(const char *op, json_object *left, json_object *right);
json_object *nf_meta(const char *key);
json_object *nf_meta_is(const char *key, const char *op, const char *value);
json_object *nf_field(const char *protocol, const char *name);
json_object *nf_raw(const char *base, guint offset, guint bits); /* offset and length in bits */
json_object *nf_prefix(const char *address, int bits);
json_object *nf_range(json_object *from, json_object *to);
json_object *nf_masked(json_object *what, json_object *mask);
json_object *nf_number(guint64 n);
json_object *nf_verdict(const char *name); /* "accept" */
json_object *nf_reject(void);

/* Runs all commands as one transaction; commands is borrowed. *ret_output (ret_output may be NULL)
 * is nftables' output; the caller frees it. */
gboolean nf_run(json_object *commands, char **ret_output, GError **err);
/* Rules of chains as the kernel numbers them, in their order: it never gives a number twice, so the
 * same numbers are the same rules. Text by name of chain, from what nf_run says of commands
 * (told by nf_run_told) or of a listing; those of other tables are left out. */
GHashTable *nf_marks(const char *said, const char *table);
gboolean nf_marks_same(GHashTable *a, GHashTable *b, const char *chain);
/* As nf_run; *ret_said: the commands with the numbers that the kernel has given. */
gboolean nf_run_told(json_object *commands, char **ret_said, GError **err);
/* Removes the kernel's handles, which differ each time, from a listing in o. */
void nf_drop_handles(json_object *o);
