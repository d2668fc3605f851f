/* What a definition does not say and its dump shows: the order of the passes. What a later pass
 * reads an earlier one has settled. Doing it twice changes nothing. */
#include "fill.h"

#include <string.h>

static const FillPass passes[] = {
    /* the domain around its devices */
    fill_machine,
    fill_memory,
    fill_processors,
    fill_cpu,
    fill_features,
    fill_numatune,
    fill_lifecycle,
    /* devices: what is written, then what the machine and the others bring along */
    fill_disks,
    fill_chars,
    fill_devices,
    fill_implicit_devices,
};

gboolean
domain_is_q35(const DomainDef *def)
{
    const char *machine = def->os.machine;

    return machine && (strcmp(machine, "q35") == 0 || g_str_has_prefix(machine, "pc-q35-"));
}

gboolean
domain_is_i440fx(const DomainDef *def)
{
    const char *machine = def->os.machine;

    return machine && (strcmp(machine, "pc") == 0 || g_str_has_prefix(machine, "pc-i440fx-") ||
                       g_str_has_prefix(machine, "pc-0.") || g_str_has_prefix(machine, "pc-1."));
}

gboolean
domain_fill(DomainDef *def, const EmulatorCaps *caps, const ConfContext *context, GError **err)
{
    Fill fill = { .def = def, .caps = caps, .context = context };

    for (gsize i = 0; i < G_N_ELEMENTS(passes); i++)
        if (!passes[i](&fill, err))
            return FALSE;
    return TRUE;
}
