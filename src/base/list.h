/* Lists of structs as definitions hold them: a GPtrArray that is NULL while it is empty. The owner
 * of the list owns its items.
 */
#pragma once

#include <glib.h>

/* Walks a list; it must not grow or shrink meanwhile. */
#define EACH(T, item, list)                                                                        \
    for (T **item##_at = list_items(list), **item##_end = list_end(list), *item = NULL;            \
         item##_at < item##_end && (item = *item##_at, TRUE); item##_at++)

/* The item at index i, which must exist. */
#define LIST_AT(type, list, i) ((type *)(list)->pdata[i])

static inline guint
list_length(const GPtrArray *list)
{
    return list ? list->len : 0;
}

/* First item and end of a list; both are NULL for an empty one, for not even 0 may be added to
 * NULL. */
static inline gpointer
list_items(const GPtrArray *list)
{
    return list_length(list) ? list->pdata : NULL;
}

static inline gpointer
list_end(const GPtrArray *list)
{
    return list_length(list) ? list->pdata + list->len : NULL;
}

static inline gpointer
list_item(const GPtrArray *list, guint n)
{
    return n < list_length(list) ? list->pdata[n] : NULL;
}

static inline void
list_insert(GPtrArray **list, guint at, gpointer item)
{
    if (!*list)
        *list = g_ptr_array_new();
    g_ptr_array_insert(*list, (int)at, item);
}

static inline void
list_append(GPtrArray **list, gpointer item)
{
    list_insert(list, list_length(*list), item);
}

/* Takes an item out of the list; the caller owns it from then on. */
static inline void
list_remove(GPtrArray **list, guint at)
{
    g_ptr_array_remove_index(*list, at);
    if ((*list)->len == 0)
        g_clear_pointer(list, g_ptr_array_unref);
}
