/* Block nodes of disks; for args_disk.c. */
#pragma once

#include "args_priv.h"

/* What several guests write must not linger in the host's cache. */
/* The -blockdev of a disk that is not empty; *ret_node: the one that the device stands on. */
gboolean block_put_disk(ArgsOut *a, const DiskDef *disk, char **ret_node, GError **err);
/* Whether QEMU looks for an image below one of that format, unless it is told that there is none.
 */
gboolean block_has_backing(int format);
