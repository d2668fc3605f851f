/* Block nodes of disks; for args_disk.c. */
#pragma once

#include "args_priv.h"

/* Adds the -blockdev of a disk that is not empty; *ret_node is the name of the node that the device
 * uses; the caller frees it. */
gboolean block_put_disk(ArgsOut *a, const DiskDef *disk, char **ret_node, GError **err);
/* Whether QEMU looks for a backing image of an image of that format, unless it is told that there
 * is none. */
gboolean block_has_backing(int format);
