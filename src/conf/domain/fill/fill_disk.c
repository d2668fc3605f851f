/* Disks: their order, bus, driver and reading-only; sources' default ports. */
#include "fill.h"

#include <string.h>

typedef struct DiskPlace {
    DiskDef *disk;
    guint bus; /* where the first disk of its bus stands */
    int index; /* of its target */
} DiskPlace;

static gint
compare_places(gconstpointer a, gconstpointer b)
{
    const DiskPlace *x = a, *y = b;

    return x->bus != y->bus ? (x->bus < y->bus ? -1 : 1)
                            : (x->index > y->index) - (x->index < y->index);
}

/* Among disks of one bus the targets are in order; a bus stays where its first disk stood. Those
 * that name no bus are together as well. */
static void
sort_disks(DomainDef *def)
{
    GPtrArray *disks = def->devices.disks;
    g_autoptr(GArray)
        places = g_array_sized_new(FALSE, FALSE, sizeof(DiskPlace), list_length(disks));
    g_autoptr(GHashTable) firsts = g_hash_table_new(NULL, NULL); /* by bus, and 1 */

    EACH (DiskDef, disk, disks) {
        gpointer bus = GINT_TO_POINTER(disk->bus);
        DiskPlace place = { disk, GPOINTER_TO_UINT(g_hash_table_lookup(firsts, bus)),
                            disk_name_index(disk->target) };

        if (place.bus == 0)
            g_hash_table_insert(firsts, bus, GUINT_TO_POINTER(place.bus = places->len + 1));
        g_array_append_val(places, place);
    }
    g_array_sort(places, compare_places);
    for (guint i = 0; i < places->len; i++)
        disks->pdata[i] = g_array_index(places, DiskPlace, i).disk;
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

/* Default ports are for TCP only; a port 0 counts as absent. */
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

/* The source of a drive without any settings has the type file. */
static void
fill_source_type(DiskDef *disk)
{
    DiskSource *s = &disk->source;

    if (!s->type || (disk_is_empty(disk) && !disk->has_source))
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

/* Drops settings that are the default or have no meaning for this disk. */
static void
drop_idle(DiskDef *disk)
{
    enum { TRAY_CLOSED = 1 };

    if (disk->tray == TRAY_CLOSED)
        disk->tray = 0;
    if (disk->bus != DISK_BUS_USB && disk->bus != DISK_BUS_SCSI)
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
