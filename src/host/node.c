/* NUMA nodes of this machine, as the kernel lists them. */
#include "host.h"

#include <stdio.h>

#define NODES "/sys/devices/system/node"

gboolean
node_exists(guint node)
{
    g_autofree char *path = g_strdup_printf(NODES "/node%u", node);

    return g_file_test(path, G_FILE_TEST_IS_DIR);
}
