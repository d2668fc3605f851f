/* Lists of structs that a schema describes. Inside conf only. */
#pragma once

#include "base/base.h"

/* Appends a zeroed item of the schema and returns it, borrowed. */
static inline gpointer
list_grow(GPtrArray **list, const Schema *schema)
{
    gpointer item = schema_new(schema);

    list_append(list, item);
    return item;
}

/* Frees the items and the list. */
static inline void
list_drop(GPtrArray **list, const Schema *schema)
{
    EACH (void, item, *list)
        schema_free(schema, item);
    g_clear_pointer(list, g_ptr_array_unref);
}
