/* Virtio devices that are not on PCI: on the channels of s390x (ccw), or at fixed places of memory
 * (mmio), which need no number. */
#include "fill.h"

#include <string.h>

enum {
    CCW_CSSID = 0xfe, /* of everything that is virtual */
    CCW_LAST = 0xffff,
};

/* ---- who is of virtio */

static gboolean
always(gconstpointer device G_GNUC_UNUSED)
{
    return TRUE;
}

static gboolean
disk_is_virtio(gconstpointer device)
{
    return ((const DiskDef *)device)->bus == DISK_BUS_VIRTIO;
}

static gboolean
net_is_virtio(gconstpointer device)
{
    const char *model = ((const NetDef *)device)->model;

    return model && g_str_has_prefix(model, "virtio");
}

static gboolean
controller_is_virtio(gconstpointer device)
{
    const ControllerDef *c = device;

    return c->type == CONTROLLER_VIRTIO_SERIAL ||
           (c->type == CONTROLLER_SCSI && c->model == MODEL_VIRTIO_SCSI);
}

/* Every SCSI controller of such a machine, whether it could sit there or not. */
static gboolean
controller_is_mapped(gconstpointer device)
{
    const int type = ((const ControllerDef *)device)->type;

    return type == CONTROLLER_VIRTIO_SERIAL || type == CONTROLLER_SCSI;
}

static gboolean
filesystem_is_virtio(gconstpointer device)
{
    return ((const FsDef *)device)->driver != FS_MTP;
}

static gboolean
input_is_virtio(gconstpointer device)
{
    return ((const InputDef *)device)->bus == INPUT_VIRTIO;
}

static gboolean
sound_is_virtio(gconstpointer device)
{
    return ((const SoundDef *)device)->model == SOUND_VIRTIO;
}

static gboolean
video_is_virtio(gconstpointer device)
{
    return ((const VideoDef *)device)->type == VIDEO_VIRTIO;
}

static gboolean
hostdev_is_channel(gconstpointer device)
{
    const HostdevDef *h = device;

    return h->source.type == HOSTDEV_SCSI_HOST ||
           (h->source.type == HOSTDEV_MDEV && h->model == HOSTDEV_MODEL_VFIO_CCW);
}

static gboolean
balloon_is_virtio(gconstpointer device)
{
    const int model = ((const BalloonDef *)device)->model;

    return model != BALLOON_NONE && model != BALLOON_XEN;
}

static gboolean
memory_is_virtio(gconstpointer device)
{
    const int model = ((const MemoryDevice *)device)->model;

    return model == MEMORY_VIRTIO_MEM || model == MEMORY_VIRTIO_PMEM;
}

/* In the order in which numbers are given out. */
typedef struct Seeker {
    gsize list, info;
    gboolean single;                        /* a pointer rather than a list */
    gboolean (*ccw)(gconstpointer device);  /* NULL: never */
    gboolean (*mmio)(gconstpointer device); /* NULL: never */
} Seeker;

#define SEEK(list, type, ccw, mmio)                                                                \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, list), G_STRUCT_OFFSET(type, info), FALSE, ccw, mmio              \
    }
#define SEEK_ONE(member, type, ccw, mmio)                                                          \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, member), G_STRUCT_OFFSET(type, info), TRUE, ccw, mmio             \
    }
static const Seeker seekers[] = {
    SEEK(disks, DiskDef, disk_is_virtio, disk_is_virtio),
    SEEK(nets, NetDef, net_is_virtio, net_is_virtio),
    SEEK(hostdevs, HostdevDef, hostdev_is_channel, NULL),
    SEEK(videos, VideoDef, video_is_virtio, video_is_virtio),
    SEEK(controllers, ControllerDef, controller_is_virtio, controller_is_mapped),
    SEEK(inputs, InputDef, input_is_virtio, input_is_virtio),
    SEEK(filesystems, FsDef, filesystem_is_virtio, NULL),
    SEEK(sounds, SoundDef, sound_is_virtio, sound_is_virtio),
    SEEK_ONE(balloon, BalloonDef, balloon_is_virtio, balloon_is_virtio),
    SEEK(rngs, RngDef, always, always),
    SEEK_ONE(vsock, VsockDef, always, NULL),
    SEEK(memories, MemoryDevice, memory_is_virtio, NULL),
    SEEK(cryptos, CryptoDef, always, always),
};

typedef void (*SeekVisit)(DeviceInfo *info, gpointer user);

static void
each(Fill *f, int type, SeekVisit visit, gpointer user)
{
    for (gsize i = 0; i < G_N_ELEMENTS(seekers); i++) {
        const Seeker *s = &seekers[i];
        gboolean (*wants)(gconstpointer device) = type == ADDRESS_CCW ? s->ccw : s->mmio;
        gpointer at = G_STRUCT_MEMBER(gpointer, &f->def->devices, s->list);

        if (!wants || !at)
            continue;
        if (s->single) {
            if (wants(at))
                visit(G_STRUCT_MEMBER_P(at, s->info), user);
            continue;
        }
        EACH (void, device, (GPtrArray *)at)
            if (wants(device))
                visit(G_STRUCT_MEMBER_P(device, s->info), user);
    }
}

/* ---- memory */

static void
map(DeviceInfo *info, gpointer user G_GNUC_UNUSED)
{
    if (info->address.type == ADDRESS_NONE)
        info->address.type = ADDRESS_VIRTIO_MMIO;
}

static void
note_mapped(DeviceInfo *info, gpointer user)
{
    if (info->address.type == ADDRESS_VIRTIO_MMIO)
        *(gboolean *)user = TRUE;
}

/* ---- channels */

typedef struct Channels {
    Bitmap *taken;
    GError **err;
    gboolean failed;
} Channels;

static gboolean
ccw_is_open(const DeviceInfo *info)
{
    return info->address.type == ADDRESS_CCW && !info->address.ccw.has_cssid;
}

static gboolean
reserve(DeviceInfo *info, const Schema *schema, gpointer device G_GNUC_UNUSED, gpointer user)
{
    Channels *c = user;
    const guint32 devno = info->address.ccw.devno;

    if (info->address.type != ADDRESS_CCW || ccw_is_open(info))
        return TRUE;
    if (info->address.ccw.cssid == CCW_CSSID && info->address.ccw.ssid == 0) {
        if (bitmap_test(c->taken, devno)) {
            c->failed = TRUE;
            fail(c->err, ERR_XML, "%s: the CCW devno '%x.%x.%04x' is in use already", schema->name,
                 info->address.ccw.cssid, info->address.ccw.ssid, devno);
        }
        bitmap_set(c->taken, devno);
    }
    return !c->failed;
}

static void
assign(DeviceInfo *info, gpointer user)
{
    Channels *c = user;
    guint32 devno = 0;

    if (c->failed || (info->address.type != ADDRESS_NONE && !ccw_is_open(info)))
        return;
    while (devno <= CCW_LAST && bitmap_test(c->taken, devno))
        devno++;
    if (devno > CCW_LAST) {
        c->failed = TRUE;
        fail(c->err, ERR_PLAIN, "There are no more free CCW devnos");
        return;
    }
    bitmap_set(c->taken, devno);
    info->address.type = ADDRESS_CCW;
    info->address.ccw = (CcwAddress){ CCW_CSSID, 0, devno, TRUE, TRUE, TRUE };
}

gboolean
fill_virtio_addresses(Fill *f, GError **err)
{
    gboolean mapped = f->board->virtio == ADDRESS_VIRTIO_MMIO;

    if (f->board->virtio == ADDRESS_CCW) {
        g_autoptr(Bitmap) taken = bitmap_new();
        Channels channels = { taken, err, FALSE };

        domain_each_device(f->def, reserve, &channels);
        if (!channels.failed)
            each(f, ADDRESS_CCW, assign, &channels);
        return !channels.failed;
    }
    /* one that is there by request draws the others */
    if (board_has(f->board, BOARD_MMIO) && f->board->root)
        each(f, ADDRESS_VIRTIO_MMIO, note_mapped, &mapped);
    if (mapped)
        each(f, ADDRESS_VIRTIO_MMIO, map, NULL);
    return TRUE;
}
