/* The passes of domain_fill. Inside conf only; included by fill*.c. Each pass fills in one part of
 * the definition, and fails with an error when that cannot be done. */
#pragma once

#include "conf/board.h"
#include "conf/lists.h"

typedef struct Fill {
    DomainDef *def;
    const EmulatorCaps *caps;
    const ConfContext *context;
    /* What is known of the machine, once fill_machine has chosen it. */
    const Board *board;
    gboolean x86, i440fx, q35, isapc;
    const ControllerDef
        *pci_root; /* cached by fill_pci_kind.c; NULL: not looked for, or not there yet */
} Fill;

typedef gboolean (*FillPass)(Fill *f, GError **err);

void set_text(char **at, const char *text); /* a copy of text replaces the old text */

/* Sets *at where it is 0, which means that the document does not say it. */
static inline void
default_int(int *at, int value)
{
    if (!*at)
        *at = value;
}

static inline void
default_u32(guint32 *at, guint32 value)
{
    if (!*at)
        *at = value;
}

/* fill_machine.c */
gboolean fill_machine(Fill *f, GError **err);
gboolean fill_memory(Fill *f, GError **err);
gboolean fill_processors(Fill *f, GError **err);
gboolean fill_cpu(Fill *f, GError **err);
gboolean fill_features(Fill *f, GError **err);
gboolean fill_lifecycle(Fill *f, GError **err);
gboolean fill_sysinfo(Fill *f, GError **err);
gboolean fill_seclabels(Fill *f, GError **err);

/* fill_firmware.c */
gboolean fill_firmware(Fill *f, GError **err);

/* fill_tune.c */
gboolean fill_tuning(Fill *f, GError **err);

/* fill_disk.c */
gboolean fill_disks(Fill *f, GError **err);
gboolean fill_disk_order(Fill *f, GError **err);
void fill_disk_source(DiskSource *source); /* also for NVRAM */

/* fill_char.c */
gboolean fill_chars(Fill *f, GError **err);

/* fill_graphics.c */
gboolean fill_graphics(Fill *f, GError **err);

/* fill_devices.c */
gboolean fill_devices(Fill *f, GError **err);
gboolean fill_implicit_devices(Fill *f, GError **err);

/* fill_controller.c */
gboolean fill_controllers(Fill *f, GError **err); /* controllers that the document names */
gboolean fill_controller_numbers(Fill *f, GError **err);
gboolean fill_machine_controllers(Fill *f, GError **err); /* controllers that the board has */
gboolean fill_hostdev_controllers(Fill *f, GError **err); /* controllers that host devices need */
gboolean fill_needed_controllers(Fill *f, GError **err);  /* controllers that other devices need */
gboolean fill_controller_order(Fill *f, GError **err);
void fill_pci_roots(Fill *f); /* names and numbers of the PCI roots */
ControllerDef *controller_find(const DomainDef *def, int type, guint32 index);
/* Adds a controller in the place where the dump shows it: behind the last one of its type with a
 * smaller index. Returns it, borrowed. */
ControllerDef *controller_add(DomainDef *def, int type, guint32 index, int model);
gboolean controller_is_ich9(const ControllerDef *c); /* it is a part of a USB 2 controller */
gboolean
controller_is_companion(const ControllerDef *c); /* it is such a part, and not the first one */

/* fill_address.c */
gboolean fill_drive_addresses(Fill *f, GError **err);
gboolean fill_serial_addresses(Fill *f, GError **err); /* virtio-serial, CCID, memory slots */

/* fill_spapr.c */
gboolean fill_spapr_addresses(Fill *f, GError **err);

/* fill_virtio.c */
gboolean fill_virtio_addresses(Fill *f, GError **err); /* all but those on PCI */

/* fill_usb.c */
gboolean fill_usb_addresses(Fill *f, GError **err);

/* fill_pci.c */
gboolean fill_pci_addresses(Fill *f, GError **err);

/* fill_zpci.c */
gboolean fill_zpci_named(Fill *f, GError **err); /* those whose numbers the document gives */
gboolean fill_zpci_numbers(Fill *f, GError **err);
