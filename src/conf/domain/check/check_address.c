/* Rules about addresses of devices, and about settings that all devices have. Free addresses on PCI
 * and USB buses are known where they are given out (fill_pci.c, fill_usb.c). */
#include "check.h"
#include "conf/keys.h"

#include <string.h>

/* ---- every device */

typedef struct AddressWalk {
    const DomainDef *def;
    GHashTable *seen; /* aliases, or places on buses */
    GError **err;
} AddressWalk;

/* Devices whose address is of one type. */
typedef struct InfoSeat {
    const Schema *schema;
    gboolean (*is)(gconstpointer device); /* NULL: all of the schema */
    AddressType type;
    Err code;
} InfoSeat;

static gboolean
is_usb_input(gconstpointer device)
{
    return ((const InputDef *)device)->bus == INPUT_USB;
}

static gboolean
is_usb_hostdev(gconstpointer device)
{
    return ((const HostdevDef *)device)->source.type == HOSTDEV_USB;
}

static gboolean
is_pci_net(gconstpointer device)
{
    const NetDef *net = device;

    return net->source.host && net->source.host->type == NET_HOST_PCI;
}

static gboolean
is_usb_net(gconstpointer device)
{
    return net_is_usb_host(device);
}

static gboolean
is_usb_serial(gconstpointer device)
{
    return ((const CharDef *)device)->target_type == SERIAL_USB;
}

static gboolean
is_isa_serial(gconstpointer device)
{
    return ((const CharDef *)device)->target_type == SERIAL_ISA;
}

static gboolean
is_pci_watchdog(gconstpointer device)
{
    return ((const WatchdogDef *)device)->model == WATCHDOG_I6300ESB;
}

static gboolean
check_info_seat(const DeviceInfo *info, const Schema *schema, gconstpointer device, GError **err)
{
    static const InfoSeat rows[] = {
        { &input_schema, is_usb_input, ADDRESS_USB, ERR_XML },
        { &redirdev_schema, NULL, ADDRESS_USB, ERR_XML },
        { &hostdev_schema, is_usb_hostdev, ADDRESS_USB, ERR_CONFIG_UNSUPPORTED },
        { &net_schema, is_usb_net, ADDRESS_USB, ERR_CONFIG_UNSUPPORTED },
        { &net_schema, is_pci_net, ADDRESS_PCI, ERR_PLAIN },
        { &serial_schema, is_usb_serial, ADDRESS_USB, ERR_CONFIG_UNSUPPORTED },
        { &serial_schema, is_isa_serial, ADDRESS_ISA, ERR_CONFIG_UNSUPPORTED },
        { &watchdog_schema, is_pci_watchdog, ADDRESS_PCI, ERR_CONFIG_UNSUPPORTED },
    };

    for (guint i = 0; info->address.type && i < G_N_ELEMENTS(rows); i++)
        if (schema == rows[i].schema && (!rows[i].is || rows[i].is(device)) &&
            info->address.type != (int)rows[i].type)
            return fail(err, rows[i].code, "%s: its address must be of type '%s'", schema->name,
                        word_of(address_types, rows[i].type));
    return TRUE;
}

static gboolean
check_rom(const DeviceInfo *info, const char *what, GError **err)
{
    return !info->rom || info->rom->enabled != NO || (!info->rom->bar && !info->rom->file) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "%s: <rom> that is not enabled has 'bar' or 'file'",
                what);
}

static gboolean
check_info(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    const AddressWalk *w = user;
    int type = info->address.type;

    if (info->alias && !g_hash_table_add(w->seen, info->alias))
        return fail(w->err, ERR_CONFIG_UNSUPPORTED, "%s: alias '%s' is that of another device too",
                    schema->name, info->alias);
    if (info->acpi_index && type && type != ADDRESS_PCI)
        return fail(w->err, ERR_CONFIG_UNSUPPORTED, "%s: an ACPI index is of PCI devices only",
                    schema->name);
    if (type == ADDRESS_UNASSIGNED && schema != &hostdev_schema)
        return fail(w->err, ERR_CONFIG_UNSUPPORTED,
                    "%s: an address of type 'unassigned' is of hostdev only", schema->name);
    if (type == ADDRESS_VIRTIO_S390)
        return fail(w->err, ERR_XML, "%s: an address of type 'virtio-s390' is not supported",
                    schema->name);
    return check_info_seat(info, schema, device, w->err) && check_rom(info, schema->name, w->err);
}

static gboolean
check_infos(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    AddressWalk w = { def, seen, err };

    return domain_each_device((DomainDef *)def, check_info, &w);
}

/* ---- disks: the type of their address */

typedef struct DiskSeat {
    int bus;
    guint types; /* BIT(ADDRESS_...) that it takes; 0: any */
    Err code;
} DiskSeat;

static const DiskSeat disk_seats[] = {
    { DISK_BUS_IDE, BIT(ADDRESS_DRIVE), ERR_CONFIG_UNSUPPORTED },
    { DISK_BUS_FDC, BIT(ADDRESS_DRIVE), ERR_CONFIG_UNSUPPORTED },
    { DISK_BUS_SCSI, BIT(ADDRESS_DRIVE), ERR_CONFIG_UNSUPPORTED },
    { DISK_BUS_SATA, BIT(ADDRESS_DRIVE), ERR_CONFIG_UNSUPPORTED },
    { DISK_BUS_USB, BIT(ADDRESS_USB), ERR_PLAIN },
    { DISK_BUS_VIRTIO,
      BIT(ADDRESS_PCI) | BIT(ADDRESS_CCW) | BIT(ADDRESS_VIRTIO_S390) | BIT(ADDRESS_VIRTIO_MMIO),
      ERR_CONFIG_UNSUPPORTED },
};

static gboolean
check_disk_seat(const DiskDef *d, GError **err)
{
    int type = d->info.address.type;

    for (guint i = 0; i < G_N_ELEMENTS(disk_seats); i++) {
        const DiskSeat *s = &disk_seats[i];

        if (d->bus == s->bus && type && !(s->types & BIT(type)))
            return fail(err, s->code, "disk '%s': its <address> is not of bus '%s'", d->target,
                        word_of(disk_buses, d->bus));
    }
    return TRUE;
}

/* ---- drive addresses */

typedef struct DriveSeat {
    int bus;
    gboolean one_controller, one_bus, one_target;
    Err bus_code; /* what a second bus is */
} DriveSeat;

static const DriveSeat drive_seats[] = {
    { DISK_BUS_FDC, TRUE, TRUE, TRUE, ERR_PLAIN },
    { DISK_BUS_IDE, TRUE, FALSE, TRUE, ERR_PLAIN },
    { DISK_BUS_SATA, FALSE, TRUE, TRUE, ERR_CONFIG_UNSUPPORTED },
    { DISK_BUS_SCSI, FALSE, TRUE, FALSE, ERR_PLAIN },
};

static int
scsi_model(const DomainDef *def, guint32 index)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_SCSI && c->index == index)
            return c->model;
    return MODEL_NONE_GIVEN;
}

static gboolean
check_drive(const DomainDef *def, const DiskDef *d, GError **err)
{
    const DriveAddress *a = &d->info.address.drive;
    const char *bus = word_of(disk_buses, d->bus);

    if (d->info.address.type != ADDRESS_DRIVE)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(drive_seats); i++) {
        const DriveSeat *s = &drive_seats[i];
        gboolean lsi = d->bus == DISK_BUS_SCSI && scsi_model(def, a->controller) == MODEL_LSILOGIC;

        if (s->bus != d->bus)
            continue;
        if (s->one_controller && a->controller > 0)
            return fail(err, ERR_PLAIN, "disk '%s': controller %u, '%s' has controller 0 only",
                        d->target, a->controller, bus);
        if (s->one_bus && a->bus > 0)
            return fail(err, s->bus_code, "disk '%s': bus %u, a controller of '%s' has bus 0 only",
                        d->target, a->bus, bus);
        if ((s->one_target || lsi) && a->target > 0)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "disk '%s': target %u, this controller of '%s' has target 0 only",
                        d->target, a->target, bus);
    }
    return TRUE;
}

static gboolean
same_drive(const DeviceInfo *a, const DeviceInfo *b)
{
    return a->address.type == ADDRESS_DRIVE && b->address.type == ADDRESS_DRIVE &&
           memcmp(&a->address.drive, &b->address.drive, sizeof(DriveAddress)) == 0;
}

static gboolean
check_disk_addresses(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (DiskDef, d, def->devices.disks) {
        if (!check_disk_seat(d, err) || !check_drive(def, d, err))
            return FALSE;
        EACH (DiskDef, other, def->devices.disks) {
            if (other == d)
                break;
            if (other->bus == d->bus && same_drive(&other->info, &d->info))
                return fail(err, ERR_CONFIG_UNSUPPORTED,
                            "disk '%s': its address is that of disk '%s'", d->target,
                            other->target);
        }
    }
    return TRUE;
}

static gboolean
check_scsi_hostdevs(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) disks = g_hash_table_new(drive_address_hash, drive_address_equal);
    g_autoptr(GHashTable) seen = g_hash_table_new(drive_address_hash, drive_address_equal);
    const DiskDef *d;

    EACH (DiskDef, disk, def->devices.disks)
        if (disk->bus == DISK_BUS_SCSI && disk->info.address.type == ADDRESS_DRIVE)
            g_hash_table_insert(disks, &disk->info.address.drive, disk);
    EACH (HostdevDef, h, def->devices.hostdevs) {
        const DriveAddress *a = &h->info.address.drive;

        if (h->source.type != HOSTDEV_SCSI || h->info.address.type != ADDRESS_DRIVE)
            continue;
        if (a->target > 0 && scsi_model(def, a->controller) == MODEL_LSILOGIC)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "hostdev: target %u, a controller 'lsilogic' has target 0 only", a->target);
        if ((d = g_hash_table_lookup(disks, a)))
            return fail(err, ERR_XML, "hostdev: its address is that of disk '%s'", d->target);
        if (!g_hash_table_add(seen, (gpointer)a))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "hostdev: two SCSI ones have the same address");
    }
    return TRUE;
}

/* ---- virtio-serial */

#define VIRTIO_SERIAL_PORTS 31 /* of a controller that does not say */

static const ControllerDef *
serial_controller(const DomainDef *def, guint32 index)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_VIRTIO_SERIAL && c->index == index)
            return c;
    return NULL;
}

static gboolean
check_serial_port(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    const AddressWalk *w = user;
    guint32 index = info->address.vserial.controller, port = info->address.vserial.port;
    const ControllerDef *c;

    if (info->address.type != ADDRESS_VIRTIO_SERIAL)
        return TRUE;
    if (!(c = serial_controller(w->def, index)))
        return fail(w->err, ERR_XML, "%s: there is no virtio-serial controller %u", schema->name,
                    index);
    if (port >= (c->has_ports ? c->ports : VIRTIO_SERIAL_PORTS))
        return fail(w->err, ERR_XML, "%s: virtio-serial controller %u has no port %u", schema->name,
                    index, port);
    return g_hash_table_add(w->seen, GUINT_TO_POINTER(index * 512 + port)) ||
           fail(w->err, ERR_XML, "%s: port %u of virtio-serial controller %u is taken",
                schema->name, port, index);
}

static gboolean
check_serial_ports(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    AddressWalk w = { def, seen, err };

    return domain_each_device((DomainDef *)def, check_serial_port, &w);
}

const Rule address_rules[] = {
    { "alias, acpi, rom, address of every device", check_infos },
    { "disk/address", check_disk_addresses },
    { "hostdev/address of SCSI", check_scsi_hostdevs },
    { "address of virtio-serial", check_serial_ports },
    { NULL },
};
