/* Disks: their order, bus, driver and reading-only; sources' default ports. */
#include "fill.h"

#include <string.h>

/* "vdab" is 27: the letters behind the prefix count in base 26; a partition's number may follow.
 * -1: no such name. */
int
disk_name_index(const char *target)
{
    static const char *const prefixes[] = { "fd", "hd", "vd", "sd", "xvd", "ubd" };
    int index = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        const char *p = target;

        if (!target || !g_str_has_prefix(target, prefixes[i]))
            continue;
        for (p += strlen(prefixes[i]); g_ascii_islower(*p) && index < 1 << 24; p++)
            index = index * 26 + (*p - 'a' + 1);
        p += strspn(p, "0123456789");
        return *p ? -1 : index - 1;
    }
    return -1;
}

/* Among disks of one bus the targets are in order; a bus stays where its first disk stood. Those
 * that name no bus are together as well. */
static void
insert_sorted(GPtrArray *disks, DiskDef *disk)
{
    guint at = disks->len;
    gboolean found = FALSE;

    for (guint i = disks->len; i-- > 0;) {
        const DiskDef *other = disks->pdata[i];

        if (other->bus != disk->bus)
            continue;
        if (disk_name_index(disk->target) < disk_name_index(other->target))
            at = i;
        else if (!found)
            at = i + 1;
        found = TRUE;
    }
    g_ptr_array_insert(disks, (int)at, disk);
}

static void
sort_disks(DomainDef *def)
{
    GPtrArray *sorted;

    if (!def->devices.disks)
        return;
    sorted = g_ptr_array_sized_new(def->devices.disks->len);
    EACH (DiskDef, disk, def->devices.disks)
        insert_sorted(sorted, disk);
    g_ptr_array_unref(def->devices.disks);
    def->devices.disks = sorted;
}

static int
bus_of_target(const Fill *f, const DiskDef *disk)
{
    static const struct {
        const char *prefix;
        int bus;
    } buses[] = { { "fd", DISK_BUS_FDC },
                  { "hd", DISK_BUS_IDE },
                  { "sd", DISK_BUS_SCSI },
                  { "vd", DISK_BUS_VIRTIO },
                  { "xvd", DISK_BUS_XEN } };

    if (disk->device == DISK_FLOPPY)
        return DISK_BUS_FDC;
    for (gsize i = 0; disk->target && i < G_N_ELEMENTS(buses); i++)
        if (g_str_has_prefix(disk->target, buses[i].prefix))
            return buses[i].bus;
    return f->x86 ? DISK_BUS_IDE : DISK_BUS_SCSI;
}

static const char *const default_ports[] = {
    [PROTOCOL_NBD] = "10809",  [PROTOCOL_SHEEPDOG] = "7000", [PROTOCOL_GLUSTER] = "24007",
    [PROTOCOL_ISCSI] = "3260", [PROTOCOL_HTTP] = "80",       [PROTOCOL_HTTPS] = "443",
    [PROTOCOL_FTP] = "21",     [PROTOCOL_FTPS] = "990",      [PROTOCOL_TFTP] = "69",
    [PROTOCOL_SSH] = "22",     [PROTOCOL_VXHS] = "9999",     [PROTOCOL_NFS] = NULL,
};

/* Ports are of TCP, and 0 is as none. */
static void
fill_ports(const NetworkSource *net)
{
    const char *port = default_ports[net->protocol];

    EACH (SourceHost, host, net->hosts) {
        if (host->transport == TRANSPORT_TCP)
            host->transport = 0;
        if (host->transport)
            continue;
        if (port && (!host->port || strcmp(host->port, "0") == 0))
            set_text(&host->port, port);
    }
}

/* An iSCSI target without a unit means its first one. */
static void
fill_iscsi_name(NetworkSource *net)
{
    g_autofree char *name = NULL;

    if (net->protocol != PROTOCOL_ISCSI || !net->name || strchr(net->name, '/'))
        return;
    name = g_strconcat(net->name, "/0", NULL);
    set_text(&net->name, name);
}

void
fill_disk_source(DiskSource *source)
{
    if (source->net && (gsize)source->net->protocol < G_N_ELEMENTS(default_ports))
        fill_ports(source->net);
    if (source->encryption)
        default_int(&source->encryption->engine, ENGINE_QEMU);
}

static void
fill_sources(DiskDef *disk)
{
    fill_disk_source(&disk->source);
    for (BackingStore *b = disk->backing; b; b = b->backing)
        fill_disk_source(&b->source);
    if (disk->encryption && !disk->encryption->engine)
        disk->encryption->engine = 1;
}

/* A drive without a medium is of no kind but file, unless it says something of it. */
static void
fill_source_type(DiskDef *disk)
{
    DiskSource *s = &disk->source;
    gboolean told = s->startup_policy || s->seclabels;

    if (!s->type || (disk_is_empty(disk) && !(s->type == SOURCE_BLOCK && told)))
        s->type = SOURCE_FILE;
}

static void
fill_driver(DiskDef *disk)
{
    if (disk->source.type == SOURCE_VHOST_USER)
        disk->snapshot = DISK_SNAPSHOT_NO;
    else if (disk->readonly && disk->snapshot == DISK_SNAPSHOT_NO)
        disk->snapshot = 0;
    if (!disk->driver.name)
        disk->driver.name = g_strdup("qemu");
    if (!disk->driver.format && disk->source.type != SOURCE_VOLUME)
        disk->driver.format = FORMAT_RAW;
}

/* What goes without saying, or has no meaning here, is not said. */
static void
drop_idle(DiskDef *disk)
{
    enum { TRAY_CLOSED = 1 };

    if (disk->tray == TRAY_CLOSED)
        disk->tray = 0;
    if (disk->bus != DISK_BUS_USB)
        disk->removable = 0;
    if (disk->geometry && !disk->geometry->discard_granularity)
        disk->geometry->has_discard_granularity = FALSE;
}

gboolean
fill_disks(Fill *f, GError **err G_GNUC_UNUSED)
{
    sort_disks(f->def);
    EACH (DiskDef, disk, f->def->devices.disks) {
        default_int(&disk->device, DISK_DISK);
        default_int(&disk->bus, bus_of_target(f, disk));
        if (disk->device == DISK_CDROM)
            disk->readonly = TRUE;
        fill_source_type(disk);
        fill_driver(disk);
        fill_sources(disk);
        if (disk->source.net)
            fill_iscsi_name(disk->source.net);
        drop_idle(disk);
    }
    return TRUE;
}

gboolean
fill_disk_order(Fill *f, GError **err G_GNUC_UNUSED)
{
    sort_disks(f->def);
    return TRUE;
}
