/* Addresses on buses other than PCI: drives, virtio-serial and CCID ports, memory slots, USB ports.
 */
#include "conf/keys.h"
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

static GHashTable *
scsi_taken(const DomainDef *def)
{
    GHashTable *taken = g_hash_table_new(drive_address_hash, drive_address_equal);

    EACH (DiskDef, disk, def->devices.disks)
        if (disk->bus == DISK_BUS_SCSI && disk->info.address.type == ADDRESS_DRIVE)
            g_hash_table_add(taken, &disk->info.address.drive);
    EACH (HostdevDef, hostdev, def->devices.hostdevs)
        if (hostdev->source.type == HOSTDEV_SCSI && hostdev->info.address.type == ADDRESS_DRIVE)
            g_hash_table_add(taken, &hostdev->info.address.drive);
    return taken;
}

/* All places before *at are taken. */
static void
fill_scsi_hostdev(GHashTable *taken, HostdevDef *hostdev, DriveAddress *at)
{
    enum { UNITS = 7 };

    while (g_hash_table_contains(taken, at)) {
        at->unit = (at->unit + 1) % UNITS;
        if (at->unit == 0)
            at->controller++;
    }
    hostdev->info.address.type = ADDRESS_DRIVE;
    hostdev->info.address.drive = *at;
    g_hash_table_add(taken, &hostdev->info.address.drive);
}

gboolean
fill_drive_addresses(Fill *f, GError **err)
{
    g_autoptr(GHashTable) taken = NULL;
    DriveAddress at = { 0 };

    EACH (DiskDef, disk, f->def->devices.disks)
        if (disk->info.address.type == ADDRESS_NONE && !fill_drive(disk, err))
            return FALSE;
    taken = scsi_taken(f->def);
    EACH (HostdevDef, hostdev, f->def->devices.hostdevs)
        if (hostdev->source.type == HOSTDEV_SCSI && hostdev->info.address.type == ADDRESS_NONE)
            fill_scsi_hostdev(taken, hostdev, &at);
    return TRUE;
}

/* ---- virtio-serial, CCID, memory slots */

/* While ports are given out. */
typedef struct Ports {
    DomainDef *def;
    GHashTable *taken;   /* port_key */
    guint full;          /* so many controllers, from the first, have no free port */
    guint32 first_index; /* no controller that is missing has a smaller one */
} Ports;

enum { PORTS_MOST = 512 }; /* of a controller, as its rules have it */

static gpointer
port_key(guint32 controller, guint32 port)
{
    return GUINT_TO_POINTER(controller * PORTS_MOST + port);
}

static void
note_port(Ports *p, const CharDef *c)
{
    const Address *a = &c->info.address;

    if (a->type == ADDRESS_VIRTIO_SERIAL && a->vserial.port < PORTS_MOST)
        g_hash_table_add(p->taken, port_key(a->vserial.controller, a->vserial.port));
}

static void
note_ports(Ports *p)
{
    EACH (CharDef, channel, p->def->devices.channels)
        note_port(p, channel);
    EACH (CharDef, console, p->def->devices.consoles)
        note_port(p, console);
}

static guint32
ports_of(const ControllerDef *c)
{
    enum { PORTS = 31 }; /* port 0 is the console's */

    return c->has_ports ? c->ports : PORTS;
}

static gboolean
take_port(Ports *p, const ControllerDef *c, CharDef *channel)
{
    for (guint32 port = 1; port < MIN(ports_of(c), PORTS_MOST); port++) {
        if (!g_hash_table_add(p->taken, port_key(c->index, port)))
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
fill_port_of(Ports *p, CharDef *channel, GError **err)
{
    guint32 index = channel->info.address.vserial.controller;

    EACH (ControllerDef, c, p->def->devices.controllers)
        if (c->type == CONTROLLER_VIRTIO_SERIAL && c->index == index && take_port(p, c, channel))
            return TRUE;
    return fail(err, ERR_XML, "Unable to find a free port on virtio-serial controller %u", index);
}

static gboolean
fill_any_port(Ports *p, CharDef *channel)
{
    GPtrArray *const *all = &p->def->devices.controllers;

    for (; p->full < list_length(*all); p->full++) {
        const ControllerDef *c = list_item(*all, p->full);

        if (c->type == CONTROLLER_VIRTIO_SERIAL && take_port(p, c, channel))
            return TRUE;
    }
    while (controller_find(p->def, CONTROLLER_VIRTIO_SERIAL, p->first_index))
        p->first_index++;
    p->full = 0; /* the new one may stand before others */
    return take_port(p, controller_add(p->def, CONTROLLER_VIRTIO_SERIAL, p->first_index, 0),
                     channel);
}

static gboolean
fill_channels(DomainDef *def, GError **err)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
    Ports p = { .def = def, .taken = taken };

    note_ports(&p);
    EACH (CharDef, channel, def->devices.channels) {
        const Address *a = &channel->info.address;

        if (channel->target_type != CHANNEL_VIRTIO)
            continue;
        if (a->type == ADDRESS_NONE && !fill_any_port(&p, channel))
            return FALSE;
        if (a->type == ADDRESS_VIRTIO_SERIAL && a->vserial.port == 0 &&
            !fill_port_of(&p, channel, err))
            return FALSE;
    }
    return TRUE;
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
            return fail(err, ERR_PLAIN, "memory: all of its %u slots are taken",
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
    if (!fill_channels(f->def, err))
        return FALSE;
    fill_cards(f->def);
    return fill_slots(f->def, err);
}
