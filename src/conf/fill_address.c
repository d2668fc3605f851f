/* Seats on buses other than PCI: drives, virtio-serial and CCID ports, memory slots, USB ports. */
#include "fill.h"

#include <string.h>

/* ---- drives: the name of the target says where */

typedef struct DriveBus {
    int bus;
    guint per_controller, per_bus;
} DriveBus;

static const DriveBus drive_buses[] = {
    { DISK_BUS_IDE, 4, 2 },
    { DISK_BUS_FDC, 2, 2 },
    { DISK_BUS_SATA, 6, 6 },
    { DISK_BUS_SCSI, 7, 7 },
};

static gboolean
fill_drive(DiskDef *disk, GError **err)
{
    int index = disk_name_index(disk->target);

    if (index < 0)
        return fail(err, ERR_XML, "Unknown disk name '%s' and no address specified",
                    disk->target ?: "");
    for (gsize i = 0; i < G_N_ELEMENTS(drive_buses); i++) {
        const DriveBus *b = &drive_buses[i];

        if (b->bus != disk->bus)
            continue;
        disk->info.address.type = ADDRESS_DRIVE;
        disk->info.address.drive = (DriveAddress){
            .controller = (guint)index / b->per_controller,
            .bus = (guint)index % b->per_controller / b->per_bus,
            .unit = (guint)index % b->per_bus,
        };
    }
    return TRUE;
}

static gboolean
same_drive(const Address *a, const DriveAddress *d)
{
    return a->type == ADDRESS_DRIVE && memcmp(&a->drive, d, sizeof(*d)) == 0;
}

static gboolean
scsi_is_taken(const DomainDef *def, const DriveAddress *d)
{
    EACH (DiskDef, disk, def->devices.disks)
        if (disk->bus == DISK_BUS_SCSI && same_drive(&disk->info.address, d))
            return TRUE;
    EACH (HostdevDef, hostdev, def->devices.hostdevs)
        if (hostdev->source.type == HOSTDEV_SCSI && same_drive(&hostdev->info.address, d))
            return TRUE;
    return FALSE;
}

static void
fill_scsi_hostdev(const DomainDef *def, HostdevDef *hostdev)
{
    enum { UNITS = 7 };
    DriveAddress at = { 0 };

    while (scsi_is_taken(def, &at)) {
        at.unit = (at.unit + 1) % UNITS;
        if (at.unit == 0)
            at.controller++;
    }
    hostdev->info.address.type = ADDRESS_DRIVE;
    hostdev->info.address.drive = at;
}

gboolean
fill_drive_addresses(Fill *f, GError **err)
{
    EACH (DiskDef, disk, f->def->devices.disks)
        if (disk->info.address.type == ADDRESS_NONE && !fill_drive(disk, err))
            return FALSE;
    EACH (HostdevDef, hostdev, f->def->devices.hostdevs)
        if (hostdev->source.type == HOSTDEV_SCSI && hostdev->info.address.type == ADDRESS_NONE)
            fill_scsi_hostdev(f->def, hostdev);
    return TRUE;
}

/* ---- virtio-serial, CCID, memory slots */

static gboolean
port_is_taken(const DomainDef *def, guint32 controller, guint32 port)
{
    GPtrArray *const lists[] = { def->devices.channels, def->devices.consoles };

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        EACH (CharDef, c, lists[i])
            if (c->info.address.type == ADDRESS_VIRTIO_SERIAL &&
                c->info.address.vserial.controller == controller &&
                c->info.address.vserial.port == port)
                return TRUE;
    return FALSE;
}

static guint32
ports_of(const ControllerDef *c)
{
    enum { PORTS = 31 }; /* port 0 is the console's */

    return c->has_ports ? c->ports : PORTS;
}

static gboolean
take_port(const DomainDef *def, const ControllerDef *c, CharDef *channel)
{
    for (guint32 port = 1; port < ports_of(c); port++) {
        if (port_is_taken(def, c->index, port))
            continue;
        channel->info.address.type = ADDRESS_VIRTIO_SERIAL;
        channel->info.address.vserial.controller = c->index;
        channel->info.address.vserial.bus = 0;
        channel->info.address.vserial.port = port;
        return TRUE;
    }
    return FALSE;
}

static gboolean
fill_channel(DomainDef *def, CharDef *channel, GError **err)
{
    const gboolean anywhere = channel->info.address.type == ADDRESS_NONE;
    guint32 index = 0;

    EACH (ControllerDef, c, def->devices.controllers) {
        if (c->type != CONTROLLER_VIRTIO_SERIAL)
            continue;
        if (!anywhere && c->index != channel->info.address.vserial.controller)
            continue;
        if (take_port(def, c, channel))
            return TRUE;
    }
    if (!anywhere)
        return fail(err, ERR_XML, "Unable to find a free port on virtio-serial controller %u",
                    channel->info.address.vserial.controller);
    while (controller_find(def, CONTROLLER_VIRTIO_SERIAL, index))
        index++;
    return take_port(def, controller_add(def, CONTROLLER_VIRTIO_SERIAL, index, 0), channel);
}

static void
fill_cards(const DomainDef *def)
{
    guint32 slot = 0;

    EACH (SmartcardDef, card, def->devices.smartcards) {
        if (card->info.address.type != ADDRESS_NONE)
            continue;
        card->info.address.type = ADDRESS_CCID;
        card->info.address.ccid.controller = 0;
        card->info.address.ccid.slot = slot++;
    }
}

static gboolean
needs_slot(const MemoryDevice *memory)
{
    return memory->model == MEMORY_DIMM || memory->model == MEMORY_NVDIMM;
}

static gboolean
fill_slots(const DomainDef *def, GError **err)
{
    g_autoptr(Bitmap) taken = bitmap_new();
    guint32 slot = 0;

    EACH (MemoryDevice, memory, def->devices.memories)
        if (memory->info.address.type == ADDRESS_DIMM &&
            memory->info.address.dimm.slot < def->max_memory_slots)
            bitmap_set(taken, memory->info.address.dimm.slot);
    EACH (MemoryDevice, m, def->devices.memories) {
        if (m->info.address.type != ADDRESS_NONE || !needs_slot(m))
            continue;
        while (bitmap_test(taken, slot))
            slot++;
        if (slot >= def->max_memory_slots && def->max_memory)
            return fail(err, ERR_INTERNAL, "memory: all of its %u slots are taken",
                        def->max_memory_slots);
        bitmap_set(taken, slot);
        m->info.address.type = ADDRESS_DIMM;
        m->info.address.dimm.slot = slot;
    }
    return TRUE;
}

gboolean
fill_serial_addresses(Fill *f, GError **err)
{
    EACH (CharDef, channel, f->def->devices.channels) {
        const Address *a = &channel->info.address;

        if (channel->target_type == CHANNEL_VIRTIO &&
            (a->type == ADDRESS_NONE ||
             (a->type == ADDRESS_VIRTIO_SERIAL && a->vserial.port == 0)) &&
            !fill_channel(f->def, channel, err))
            return FALSE;
    }
    fill_cards(f->def);
    return fill_slots(f->def, err);
}
