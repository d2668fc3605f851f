/* The NUMA nodes that a definition binds the guest's memory to: looked for before QEMU is spawned,
 * which would end with a message that names none of them. */
#include "host/host.h"
#include "life.h"

static gboolean
are_there(const Bitmap *nodes, GError **err)
{
    for (int n = bitmap_next(nodes, -1); n >= 0; n = bitmap_next(nodes, n))
        if (!node_exists((guint)n))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "NUMA node %d is not there on this host", n);
    return TRUE;
}

gboolean
nodes_check(const DomainDef *def, GError **err)
{
    const NumatuneDef *tune = def->numatune;
    const GPtrArray *cells = tune ? tune->memnodes : NULL, *devices = def->devices.memories;

    if (tune && !are_there(tune->nodes, err))
        return FALSE;
    for (guint i = 0; i < list_length(cells); i++)
        if (!are_there(((const NumaMemnode *)cells->pdata[i])->nodes, err))
            return FALSE;
    for (guint i = 0; i < list_length(devices); i++)
        if (!are_there(((const MemoryDevice *)devices->pdata[i])->source_nodes, err))
            return FALSE;
    return TRUE;
}
