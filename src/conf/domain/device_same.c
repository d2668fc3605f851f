/* Finding the device that a document means, by the fields that identify each kind. */
#include "device.h"

#include <string.h>

#include "conf/lists.h"

/* ---- parts */

static gboolean
text_same(const char *have, const char *want)
{
    return g_strcmp0(have, want) == 0;
}

/* An address that the document leaves out, or leaves to be chosen, matches any. */
static gboolean
place_same(const DeviceInfo *have, const DeviceInfo *want)
{
    const Address *a = &have->address, *b = &want->address;

    switch ((AddressType)b->type) {
    case ADDRESS_NONE:
        return TRUE;
    case ADDRESS_PCI:
        return pci_address_is_empty(&b->pci) ||
               (a->type == b->type && a->pci.domain == b->pci.domain && a->pci.bus == b->pci.bus &&
                a->pci.slot == b->pci.slot && a->pci.function == b->pci.function);
    case ADDRESS_USB:
        return a->type == b->type && a->usb.bus == b->usb.bus &&
               (!b->usb.port || text_same(a->usb.port, b->usb.port));
    case ADDRESS_DRIVE:
    case ADDRESS_VIRTIO_SERIAL:
    case ADDRESS_CCID:
    case ADDRESS_SPAPR_VIO:
    case ADDRESS_VIRTIO_S390:
    case ADDRESS_CCW:
    case ADDRESS_VIRTIO_MMIO:
    case ADDRESS_ISA:
    case ADDRESS_DIMM:
    case ADDRESS_UNASSIGNED:
        break;
    }
    return schema_equal(&address_schema, a, b);
}

static gboolean
end_same(const CharEnd *have, const CharEnd *want)
{
    static const CharEnd none;
    const CharEnd *a = have ? have : &none, *b = want ? want : &none;

    return a->mode == b->mode && text_same(a->path, b->path) && text_same(a->host, b->host) &&
           text_same(a->service, b->service) && text_same(a->channel, b->channel) &&
           text_same(a->master, b->master) && text_same(a->slave, b->slave);
}

/* The path of a pty is the daemon's choice, and different every time. */
static gboolean
source_same(const CharSource *have, const CharSource *want)
{
    guint n = MAX(list_length(have->ends), list_length(want->ends));

    if (have->type != want->type || have->protocol != want->protocol)
        return FALSE;
    for (guint i = 0; i < n && want->type != CHAR_PTY; i++)
        if (!end_same(list_item(have->ends, i), list_item(want->ends, i)))
            return FALSE;
    return TRUE;
}

static gboolean
pci_same(const PciAddress *a, const PciAddress *b)
{
    return a && b && a->domain == b->domain && a->bus == b->bus && a->slot == b->slot &&
           a->function == b->function;
}

/* ---- kinds */

gboolean
any_same(gconstpointer have G_GNUC_UNUSED, gconstpointer want G_GNUC_UNUSED)
{
    return TRUE;
}

gboolean
disk_same(gconstpointer have, gconstpointer want)
{
    return text_same(((const DiskDef *)have)->target, ((const DiskDef *)want)->target);
}

gboolean
controller_same(gconstpointer have, gconstpointer want)
{
    const ControllerDef *a = have, *b = want;

    return a->type == b->type && b->has_index && a->index == b->index;
}

gboolean
lease_same(gconstpointer have, gconstpointer want)
{
    const LeaseDef *a = have, *b = want;

    return text_same(a->key, b->key) && text_same(a->lockspace, b->lockspace);
}

gboolean
filesystem_same(gconstpointer have, gconstpointer want)
{
    return text_same(((const FsDef *)have)->target, ((const FsDef *)want)->target);
}

gboolean
net_same(gconstpointer have, gconstpointer want)
{
    static const guint8 unsaid[sizeof(((NetDef *)NULL)->mac)];
    const NetDef *a = have, *b = want;

    return (memcmp(b->mac, unsaid, sizeof(unsaid)) == 0 ||
            memcmp(a->mac, b->mac, sizeof(a->mac)) == 0) &&
           (!b->info.alias || text_same(a->info.alias, b->info.alias)) &&
           place_same(&a->info, &b->info);
}

gboolean
serial_same(gconstpointer have, gconstpointer want)
{
    const CharDef *a = have, *b = want;

    return b->has_port && a->port == b->port && a->target_type == b->target_type &&
           source_same(&a->source, &b->source);
}

/* A console is identified by its port only, whatever its target is. */
gboolean
console_same(gconstpointer have, gconstpointer want)
{
    const CharDef *a = have, *b = want;

    return b->has_port && a->port == b->port && source_same(&a->source, &b->source);
}

gboolean
channel_same(gconstpointer have, gconstpointer want)
{
    const CharDef *a = have, *b = want;

    return a->target_type == b->target_type && text_same(a->name, b->name) &&
           text_same(a->address, b->address) && text_same(a->guest_port, b->guest_port) &&
           source_same(&a->source, &b->source);
}

gboolean
input_same(gconstpointer have, gconstpointer want)
{
    const InputDef *a = have, *b = want;

    return a->type == b->type && a->bus == b->bus && text_same(a->evdev, b->evdev) &&
           place_same(&a->info, &b->info);
}

gboolean
graphics_same(gconstpointer have, gconstpointer want)
{
    return ((const GraphicsDef *)have)->type == ((const GraphicsDef *)want)->type;
}

gboolean
sound_same(gconstpointer have, gconstpointer want)
{
    const SoundDef *a = have, *b = want;

    if (a->model != b->model || a->multichannel != b->multichannel || a->streams != b->streams ||
        a->audio_id != b->audio_id || list_length(a->codecs) != list_length(b->codecs))
        return FALSE;
    for (guint i = 0; i < list_length(a->codecs); i++) {
        const SoundCodec *c = a->codecs->pdata[i], *d = b->codecs->pdata[i];

        if (c->type != d->type)
            return FALSE;
    }
    return place_same(&a->info, &b->info);
}

/* By its place on the host's bus if both have one, else by vendor and product. */
static gboolean
usb_same(const HostdevUsb *a, const HostdevUsb *b)
{
    if (!a || !b)
        return FALSE;
    if (a->port || b->port)
        return text_same(a->port, b->port) && a->bus == b->bus;
    if (b->has_bus || b->has_device)
        return a->bus == b->bus && a->device == b->device;
    return a->has_vendor && a->vendor == b->vendor && a->product == b->product;
}

static gboolean
scsi_same(const HostdevScsi *a, const HostdevScsi *b)
{
    if (!a || !b || a->protocol != b->protocol)
        return FALSE;
    if (a->protocol)
        return text_same(a->name, b->name);
    return text_same(a->adapter, b->adapter) && a->address.bus == b->address.bus &&
           a->address.target == b->address.target && a->address.unit == b->address.unit;
}

gboolean
hostdev_same(gconstpointer have, gconstpointer want)
{
    const HostdevSource *a = &((const HostdevDef *)have)->source;
    const HostdevSource *b = &((const HostdevDef *)want)->source;

    if (a->type != b->type)
        return FALSE;
    switch ((HostdevType)a->type) {
    case HOSTDEV_USB:
        return usb_same(a->usb, b->usb);
    case HOSTDEV_PCI:
        return pci_same(a->pci, b->pci);
    case HOSTDEV_SCSI:
        return scsi_same(a->scsi, b->scsi);
    case HOSTDEV_SCSI_HOST:
        return a->vhost && b->vhost && text_same(a->vhost->wwpn, b->vhost->wwpn);
    case HOSTDEV_MDEV:
        return memcmp(a->mdev_uuid, b->mdev_uuid, UUID_LEN) == 0;
    case HOSTDEV_STORAGE:
    case HOSTDEV_MISC:
    case HOSTDEV_NET:
        break;
    }
    return text_same(a->block, b->block) && text_same(a->chardev, b->chardev) &&
           text_same(a->interface, b->interface);
}

gboolean
redirdev_same(gconstpointer have, gconstpointer want)
{
    const RedirDef *a = have, *b = want;

    return a->bus == b->bus && source_same(&a->source, &b->source) &&
           place_same(&a->info, &b->info);
}

gboolean
watchdog_same(gconstpointer have, gconstpointer want)
{
    const WatchdogDef *a = have, *b = want;

    return a->model == b->model && a->action == b->action && place_same(&a->info, &b->info);
}

gboolean
rng_same(gconstpointer have, gconstpointer want)
{
    const RngDef *a = have, *b = want;

    return a->model == b->model && a->backend == b->backend && a->rate_bytes == b->rate_bytes &&
           a->rate_period == b->rate_period && text_same(a->random_device, b->random_device) &&
           source_same(&a->source, &b->source) && place_same(&a->info, &b->info);
}

gboolean
shmem_same(gconstpointer have, gconstpointer want)
{
    const ShmemDef *a = have, *b = want;

    return text_same(a->name, b->name) && a->size == b->size && a->model == b->model &&
           a->has_server == b->has_server && text_same(a->server, b->server) && a->msi == b->msi &&
           a->msi_vectors == b->msi_vectors && place_same(&a->info, &b->info);
}

gboolean
memory_same(gconstpointer have, gconstpointer want)
{
    const MemoryDevice *a = have, *b = want;

    return a->model == b->model && a->size == b->size && a->has_node == b->has_node &&
           a->node == b->node && a->page_size == b->page_size && a->block == b->block &&
           a->requested == b->requested && a->label_size == b->label_size &&
           text_same(a->path, b->path) && bitmap_equal(a->source_nodes, b->source_nodes) &&
           place_same(&a->info, &b->info);
}

gboolean
vsock_same(gconstpointer have, gconstpointer want)
{
    const VsockDef *a = have, *b = want;

    return a->model == b->model && a->auto_cid == b->auto_cid && a->cid == b->cid &&
           place_same(&a->info, &b->info);
}
