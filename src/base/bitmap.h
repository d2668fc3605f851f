/* Sets of small numbers as people write them: "0-3,^2,8". For CPUs, NUMA nodes, ports. */
#pragma once

#include <glib.h>

typedef struct Bitmap Bitmap;

#define BITMAP_MAX 16384 /* the largest number plus one that a text may name */

Bitmap *bitmap_new(void); /* empty; grows as bits are set */
void bitmap_free(Bitmap *b);
/* NULL gives NULL. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bitmap, bitmap_free) Bitmap *bitmap_copy(const Bitmap *b);
/* NULL with ERR_INVALID_ARG, which names the text, when it is no such set. */
Bitmap *bitmap_parse(const char *text, GError **err);
char *bitmap_format(const Bitmap *b); /* "0-1,3,8"; "" when empty. The caller frees it */
/* The functions below take NULL for an empty set wherever they only read it. */
gboolean bitmap_equal(const Bitmap *a, const Bitmap *b);
void bitmap_set(Bitmap *b, guint n);
void bitmap_unset(Bitmap *b, guint n);
gboolean bitmap_test(const Bitmap *b, guint n);
guint bitmap_count(const Bitmap *b);
int bitmap_next(const Bitmap *b, int after); /* smallest above `after`; -1: none */
int bitmap_last(const Bitmap *b);            /* -1: empty */
gboolean bitmap_overlaps(const Bitmap *a, const Bitmap *b);
gboolean bitmap_contains(const Bitmap *all, const Bitmap *part);
void bitmap_add(Bitmap *b, const Bitmap *more);
