/* The values that a definition gets for one run: aliases of devices, numbers of images, paths of
 * sockets, addresses that were left to vmd. QEMU's ids, events and the live document use them. They
 * depend on the definition only, so that a client can predict them. */
#include <string.h>

#include "args.h"

#define MIB            1024 /* in KiB */
#define DEFAULT_LISTEN "127.0.0.1"

static void name_it(DeviceInfo *info, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void
name_it(DeviceInfo *info, const char *fmt, ...)
{
    va_list ap;

    if (info->alias != NULL)
        return;
    va_start(ap, fmt);
    info->alias = g_strdup_vprintf(fmt, ap);
    va_end(ap);
}

/* ---- disks */

/* "vda" is 0, "vdz" 25, "vdaa" 26. */
static guint
target_number(const char *target)
{
    const char *end = target + strlen(target);
    const char *at;
    guint n = 0;

    while (end > target && g_ascii_isdigit(end[-1]))
        end--; /* a partition */
    at = target + MIN(strlen(target), 2);
    if (g_str_has_prefix(target, "xvd"))
        at = target + 3;
    for (; at < end && g_ascii_islower(*at); at++)
        n = n * 26 + (guint)(*at - 'a') + 1;
    return n > 0 ? n - 1 : 0;
}

static gboolean
is_lsilogic(const DomainDef *def, guint32 index)
{
    for (guint i = 0; i < list_length(def->devices.controllers); i++) {
        const ControllerDef *c = def->devices.controllers->pdata[i];

        if (c->type == CONTROLLER_SCSI && c->index == index)
            return c->model == MODEL_LSILOGIC || c->model == MODEL_NONE_GIVEN;
    }
    return FALSE;
}

static void
name_disk(const DomainDef *def, DiskDef *disk)
{
    const DriveAddress *d = &disk->info.address.drive;
    const char *bus = word_of(disk_buses, disk->bus);

    if (disk->info.address.type != ADDRESS_DRIVE)
        name_it(&disk->info, "%s-disk%u", bus, target_number(disk->target));
    else if (disk->bus == DISK_BUS_SCSI && !is_lsilogic(def, d->controller))
        name_it(&disk->info, "%s%u-%u-%u-%u", bus, d->controller, d->bus, d->target, d->unit);
    else
        name_it(&disk->info, "%s%u-%u-%u", bus, d->controller, d->bus, d->unit);
}

static void
number_source(DiskSource *s, guint32 *next)
{
    s->index = ++*next;
    if (s->data_store != NULL)
        s->data_store->source.index = ++*next;
}

/* Guests that share an image would not see data in each other's page cache. */
static void
share_disk(DiskDef *disk)
{
    if (disk->shareable && !disk->readonly && disk->driver.cache == CACHE_DEFAULT)
        disk->driver.cache = CACHE_NONE;
}

/* Each from its top downwards. */
static void
number_disk(DiskDef *disk, guint32 *next)
{
    if (disk->bus == DISK_BUS_SD || disk->source.type == SOURCE_VHOST_USER)
        return;
    share_disk(disk);
    /* A tray starts closed; one without a medium has a number all the same. */
    disk->tray = 0;
    if (disk_is_empty(disk)) {
        disk->driver.format = FORMAT_NONE;
        ++*next;
        return;
    }
    number_source(&disk->source, next);
    for (BackingStore *b = disk->backing; b != NULL && b->source.type != SOURCE_NONE;
         b = b->backing) {
        number_source(&b->source, next);
        b->index = b->source.index;
    }
}

/* From the last disk to the first. */
static void
number_images(DomainDef *def)
{
    guint32 next = 0;

    for (guint i = list_length(def->devices.disks); i > 0; i--)
        number_disk(def->devices.disks->pdata[i - 1], &next);
}

/* ---- controllers */

static void
name_controller(const DomainDef *def, ControllerDef *c)
{
    const char *type = word_of(controller_types, c->type);

    switch ((ControllerType)c->type) {
    case CONTROLLER_PCI:
        if (c->model == MODEL_PCIE_ROOT)
            name_it(&c->info, "pcie.%u", c->index);
        else
            name_it(&c->info, "pci.%u", c->index);
        return;
    case CONTROLLER_IDE:
        if (c->index == 0)
            name_it(&c->info, "ide");
        break;
    case CONTROLLER_SATA:
        if (c->index == 0 && domain_is_q35(def))
            name_it(&c->info, "ide");
        break;
    case CONTROLLER_USB:
        if (c->index == 0)
            name_it(&c->info, "usb");
        break;
    case CONTROLLER_FDC:
    case CONTROLLER_SCSI:
    case CONTROLLER_VIRTIO_SERIAL:
    case CONTROLLER_CCID:
    case CONTROLLER_XENBUS:
    case CONTROLLER_ISA:
    case CONTROLLER_NVME:
        break;
    }
    name_it(&c->info, "%s%u", type, c->index);
}

/* ---- lists of one name */

typedef struct AliasKind {
    const char *prefix;
    gsize list; /* in Devices */
    gsize info; /* in the device */
} AliasKind;

#define KIND(prefix, list, type)                                                                   \
    {                                                                                              \
        prefix, G_STRUCT_OFFSET(Devices, list), G_STRUCT_OFFSET(type, info)                        \
    }

static const AliasKind kinds[] = {
    KIND("fs", filesystems, FsDef),
    KIND("smartcard", smartcards, SmartcardDef),
    KIND("serial", serials, CharDef),
    KIND("parallel", parallels, CharDef),
    KIND("channel", channels, CharDef),
    KIND("input", inputs, InputDef),
    KIND("tpm", tpms, TpmDef),
    KIND("sound", sounds, SoundDef),
    KIND("video", videos, VideoDef),
    KIND("hostdev", hostdevs, HostdevDef),
    KIND("redir", redirdevs, RedirDef),
    KIND("hub", hubs, HubDef),
    KIND("watchdog", watchdogs, WatchdogDef),
    KIND("rng", rngs, RngDef),
    KIND("shmem", shmems, ShmemDef),
    KIND("iommu", iommus, IommuDef),
    KIND("crypto", cryptos, CryptoDef),
};

static void
name_lists(Devices *d)
{
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const GPtrArray *list = G_STRUCT_MEMBER(GPtrArray *, d, kinds[k].list);

        for (guint i = 0; i < list_length(list); i++)
            name_it(G_STRUCT_MEMBER_P(list->pdata[i], kinds[k].info), "%s%u", kinds[k].prefix, i);
    }
}

/* The first console is a serial port, said once more: it has that one's name. */
static void
name_first_console(Devices *d)
{
    CharDef *c = list_item(d->consoles, 0);
    const CharDef *serial = list_item(d->serials, 0);

    if (c != NULL && serial != NULL && c->target_type == CONSOLE_SERIAL)
        name_it(&c->info, "%s", serial->info.alias);
}

static void
name_consoles(Devices *d)
{
    name_first_console(d);
    for (guint i = 0; i < list_length(d->consoles); i++)
        name_it(&((CharDef *)d->consoles->pdata[i])->info, "console%u", i);
}

static void
name_nets(Devices *d)
{
    guint hostdevs = list_length(d->hostdevs), nets = 0;

    for (guint i = 0; i < list_length(d->nets); i++) {
        NetDef *net = d->nets->pdata[i];

        if (net->info.alias != NULL)
            continue;
        if (net->source.net_type == NET_HOSTDEV)
            name_it(&net->info, "hostdev%u", hostdevs++);
        else
            name_it(&net->info, "net%u", nets++);
    }
}

static void
name_memories(Devices *d)
{
    static const char *const prefixes[] = {
        NULL, "dimm", "nvdimm", "virtiopmem", "virtiomem", "epc"
    };
    guint counts[G_N_ELEMENTS(prefixes)] = { 0 };

    for (guint i = 0; i < list_length(d->memories); i++) {
        MemoryDevice *m = d->memories->pdata[i];
        const Address *at = &m->info.address;
        guint n = counts[CLAMP(m->model, 0, 5)]++;

        if (at->type == ADDRESS_DIMM)
            n = at->dimm.slot;
        name_it(&m->info, "%s%u", prefixes[CLAMP(m->model, 1, 5)], n);
    }
}

/* ---- sockets that the document leaves to us */

static void
place_listen(GraphicsDef *g, const char *run_dir)
{
    GraphicsListen *l = list_length(g->listens) > 0 ? g->listens->pdata[0] : NULL;

    if (g->type != GRAPHICS_VNC && g->type != GRAPHICS_SPICE)
        return;
    if (l != NULL && l->type == LISTEN_SOCKET && l->socket == NULL)
        l->socket = g_strdup_printf("%s/own/%s.sock", run_dir,
                                    g->type == GRAPHICS_SPICE ? "spice" : "vnc");
    if (l != NULL && l->type == LISTEN_SOCKET && g->type == GRAPHICS_VNC && g->socket == NULL)
        g->socket = g_strdup(l->socket);
    if (l != NULL && l->type == LISTEN_ADDRESS && l->address == NULL) {
        l->address = g_strdup(DEFAULT_LISTEN);
        g_free(g->listen);
        g->listen = g_strdup(DEFAULT_LISTEN);
    }
}

static void
place_sockets(Devices *d, const char *run_dir)
{
    for (guint i = 0; i < list_length(d->channels); i++) {
        CharDef *c = d->channels->pdata[i];
        CharEnd *end = c->source.type == CHAR_UNIX ? char_end_need(&c->source) : NULL;

        if (c->target_type == CHANNEL_VIRTIO)
            c->state = CHANNEL_DISCONNECTED;
        if (end == NULL || end->path != NULL)
            continue;
        /* By number: a name could be that of another file of the run, or lead out of its folder. */
        end->mode = CHAR_BIND;
        end->path = g_strdup_printf("%s/channel%u", run_dir, i);
    }
    for (guint i = 0; i < list_length(d->graphics); i++)
        place_listen(d->graphics->pdata[i], run_dir);
}

/* ---- memory */

static guint64
whole_mib(guint64 kib)
{
    return (kib + MIB - 1) / MIB * MIB;
}

/* QEMU counts it in MiB; the live document says what the guest really has. */
static void
round_memory(DomainDef *def)
{
    const CpuNuma *numa = def->cpu != NULL ? def->cpu->numa : NULL;
    const GPtrArray *cells = numa != NULL ? numa->cells : NULL;
    gboolean full = def->current_memory == def->memory;
    guint64 sum = 0;

    for (guint i = 0; i < list_length(cells); i++) {
        NumaCell *cell = cells->pdata[i];

        cell->memory = whole_mib(cell->memory);
        sum += cell->memory;
    }
    for (guint i = 0; sum > 0 && i < list_length(def->devices.memories); i++)
        sum += ((MemoryDevice *)def->devices.memories->pdata[i])->size;
    def->memory = sum > 0 ? sum : whole_mib(def->memory);
    def->max_memory = whole_mib(def->max_memory);
    if (full)
        def->current_memory = def->memory;
}

/* ---- clock */

/* What is local moves with the seasons; from now on it is as far from UTC as it is today. */
static void
settle_clock(ClockDef *clock)
{
    g_autoptr(GDateTime) now = NULL;

    if (clock->offset != CLOCK_VARIABLE || clock->basis != CLOCK_BASIS_LOCALTIME)
        return;
    now = g_date_time_new_now_local();
    clock->adjustment += g_date_time_get_utc_offset(now) / G_TIME_SPAN_SECOND;
    clock->basis = CLOCK_BASIS_UTC;
}

void
aliases_assign(DomainDef *def, const char *run_dir)
{
    Devices *d = &def->devices;

    for (guint i = 0; i < list_length(d->disks); i++)
        name_disk(def, d->disks->pdata[i]);
    for (guint i = 0; i < list_length(d->controllers); i++)
        name_controller(def, d->controllers->pdata[i]);
    name_lists(d);
    name_nets(d);
    name_consoles(d);
    name_memories(d);
    if (d->balloon != NULL && d->balloon->model != BALLOON_NONE)
        name_it(&d->balloon->info, "balloon0");
    if (d->vsock != NULL)
        name_it(&d->vsock->info, "vsock0");
    if (d->pstore != NULL)
        name_it(&d->pstore->info, "pstore0");
    if (d->nvram != NULL)
        name_it(&d->nvram->info, "nvram");
    number_images(def);
    place_sockets(d, run_dir);
    round_memory(def);
    settle_clock(&def->clock);
}

/* ---- what comes later */

static guint32
highest(const DiskSource *s)
{
    return MAX(s->index, s->data_store != NULL ? s->data_store->source.index : 0);
}

static guint32
highest_of_all(const DomainDef *def)
{
    guint32 n = 0;

    EACH (const DiskDef, disk, def->devices.disks) {
        n = MAX(n, highest(&disk->source));
        for (const BackingStore *b = disk->backing; b != NULL; b = b->backing)
            n = MAX(n, highest(&b->source));
    }
    return n;
}

static void
number_new_images(DomainDef *def, const DomainDef *now)
{
    guint32 next = MAX(highest_of_all(def), highest_of_all(now));

    EACH (DiskDef, disk, def->devices.disks)
        if (disk->source.index == 0 && !disk_is_empty(disk))
            number_disk(disk, &next);
}

/* The number behind prefix; -1: it is another name. */
static int
number_of(const DeviceInfo *info, const char *prefix)
{
    guint64 n;

    if (info->alias == NULL || !g_str_has_prefix(info->alias, prefix) ||
        !g_ascii_string_to_unsigned(info->alias + strlen(prefix), 10, 0, G_MAXINT32, &n, NULL))
        return -1;
    return (int)n;
}

static void
name_new(const GPtrArray *list, gsize offset, const char *prefix)
{
    int last = -1;

    for (guint i = 0; i < list_length(list); i++)
        last = MAX(last, number_of(G_STRUCT_MEMBER_P(list->pdata[i], offset), prefix));
    for (guint i = 0; i < list_length(list); i++) {
        DeviceInfo *info = G_STRUCT_MEMBER_P(list->pdata[i], offset);

        if (info->alias == NULL)
            name_it(info, "%s%d", prefix, ++last);
    }
}

/* No socket of the start has such a name. */
static void
place_new_sockets(Devices *d, const char *run_dir)
{
    EACH (CharDef, c, d->channels) {
        CharEnd *end = c->source.type == CHAR_UNIX ? char_end_need(&c->source) : NULL;

        if (c->target_type == CHANNEL_VIRTIO && c->state == 0)
            c->state = CHANNEL_DISCONNECTED;
        if (end == NULL || end->path != NULL)
            continue;
        end->mode = CHAR_BIND;
        end->path = g_strdup_printf("%s/plug-%s", run_dir, c->info.alias);
    }
}

void
aliases_add(DomainDef *live, const DomainDef *now, const char *run_dir)
{
    Devices *d = &live->devices;

    EACH (DiskDef, disk, d->disks)
        name_disk(live, disk);
    EACH (ControllerDef, c, d->controllers)
        name_controller(live, c);
    for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
        name_new(G_STRUCT_MEMBER(GPtrArray *, d, kinds[k].list), kinds[k].info, kinds[k].prefix);
    name_new(d->nets, G_STRUCT_OFFSET(NetDef, info), "net");
    name_first_console(d);
    name_new(d->consoles, G_STRUCT_OFFSET(CharDef, info), "console");
    name_memories(d);
    if (d->vsock != NULL)
        name_it(&d->vsock->info, "vsock0");
    number_new_images(live, now);
    place_new_sockets(d, run_dir);
}
