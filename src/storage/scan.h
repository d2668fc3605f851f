/* Looking at folders and images. Inside storage only. */
#pragma once

#include "storage.h"

/* Fills sizes and permissions of def, and lists its volumes, sorted by name. */
gboolean folder_scan(PoolDef *def, GPtrArray **ret_volumes, GError **err);
