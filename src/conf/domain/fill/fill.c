/* Fills in the values that a definition leaves out and its dump shows: the order of the passes. A
 * pass may use what earlier passes have settled. Filling a second time changes nothing. */
#include "fill.h"

#include <string.h>

static const FillPass passes[] = {
    /* the domain without its devices */
    fill_machine,
    fill_firmware,
    fill_memory,
    fill_processors,
    fill_cpu,
    fill_tuning,
    fill_lifecycle,
    fill_sysinfo,
    fill_seclabels,
    /* devices: those of the document, then those that the machine and other devices bring along */
    fill_controllers,
    fill_disks,
    fill_chars,
    fill_graphics,
    fill_devices,
    fill_drive_addresses,
    fill_hostdev_controllers,
    fill_controller_numbers,
    fill_machine_controllers,
    fill_implicit_devices,
    /* what the machine needs because of its devices */
    fill_features,
    /* controllers for devices that have none, and the addresses of all */
    fill_needed_controllers,
    fill_serial_addresses,
    fill_spapr_addresses,
    fill_virtio_addresses,
    fill_usb_addresses,
    fill_zpci_named,
    fill_pci_addresses,
    fill_zpci_numbers,
    /* seats went by the order of the document; now all have a bus and a number, and stand as they
     * will when their dump is read */
    fill_disk_order,
    fill_controller_order,
};

void
set_text(char **at, const char *text)
{
    char *copy = g_strdup(text);

    g_free(*at);
    *at = copy;
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
