/* Which devices are on PCI, and their kind of plug. On a conventional root everything is
 * conventional. */
#include "fill_pci.h"

#include <string.h>

/* A kind of device that PCI knows. */
typedef struct PciKind {
    gsize list, info; /* in Devices, in the device */
    gboolean single;  /* a pointer rather than a list */
    guint rank;       /* in the order in which seats that are named are taken */
    guint (*connect)(const Fill *f, gconstpointer device); /* 0: not on PCI */
} PciKind;

static guint
virtio(int model)
{
    return model == VIRTIO_MODEL_TRANSITIONAL ? PCI_LEGACY : PCI_EXPRESS;
}

enum { OTHER_ROW = 1 << 30 }; /* controllers have two */

static guint
pci_controller(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    static const struct {
        int model;
        guint connect;
    } models[] = {
        { MODEL_PCI_BRIDGE, PCI_BRIDGE },
        { MODEL_DMI_TO_PCI_BRIDGE, PCI_DMI_BRIDGE },
        { MODEL_PCIE_TO_PCI_BRIDGE, PCIE_TO_PCI },
        { MODEL_PCIE_ROOT_PORT, PCIE_ROOT_PORT },
        { MODEL_PCIE_SWITCH_UPSTREAM_PORT, PCIE_UPSTREAM },
        { MODEL_PCIE_SWITCH_DOWNSTREAM_PORT, PCIE_DOWNSTREAM },
        { MODEL_PCI_EXPANDER_BUS, PCI_EXPANDER },
        { MODEL_PCIE_EXPANDER_BUS, PCIE_EXPANDER },
    };
    const ControllerDef *c = device;

    for (gsize i = 0; c->type == CONTROLLER_PCI && i < G_N_ELEMENTS(models); i++)
        if (models[i].model == c->model)
            return models[i].connect;
    return c->type == CONTROLLER_PCI ? 0 : OTHER_ROW;
}

static guint
usb_controller(const ControllerDef *c)
{
    if (!c->model || c->model == MODEL_NONE || c->model == MODEL_QUSB1 || c->model == MODEL_QUSB2)
        return 0;
    if (controller_is_ich9(c))
        return PCI_LEGACY | PCI_PART;
    return c->model == MODEL_QEMU_XHCI || c->model == MODEL_NEC_XHCI ? PCI_EXPRESS : PCI_LEGACY;
}

static guint
scsi_controller(const ControllerDef *c)
{
    if (c->model == MODEL_IBMVSCSI || c->model == MODEL_NCR53C90)
        return 0;
    return c->model == MODEL_VIRTIO_SCSI || c->model == MODEL_VIRTIO_NON_TRANSITIONAL ? PCI_EXPRESS
                                                                                      : PCI_LEGACY;
}

static guint
other_controller(const Fill *f, gconstpointer device)
{
    const ControllerDef *c = device;

    switch ((ControllerType)c->type) {
    case CONTROLLER_USB:
        return usb_controller(c);
    case CONTROLLER_SCSI:
        return scsi_controller(c);
    case CONTROLLER_SATA:
        return PCI_LEGACY;
    case CONTROLLER_IDE:
        return f->i440fx && c->index == 0 ? PCI_INTEGRATED : 0;
    case CONTROLLER_VIRTIO_SERIAL:
        return c->model == MODEL_VIRTIO_TRANSITIONAL ? PCI_LEGACY : PCI_EXPRESS;
    case CONTROLLER_NVME:
        return PCI_EXPRESS;
    case CONTROLLER_PCI:
        return OTHER_ROW;
    case CONTROLLER_FDC:
    case CONTROLLER_CCID:
    case CONTROLLER_XENBUS:
    case CONTROLLER_ISA:
        return 0;
    }
    return 0;
}

static guint
filesystem(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    static const guint64 none = BIT(FS_LOOP) | BIT(FS_NBD) | BIT(FS_PLOOP) | BIT(FS_MTP);
    const FsDef *fs = device;

    return (none & BIT(fs->driver)) ? 0 : virtio(fs->model);
}

/* An interface that is a device of the host is handled among host devices. */
static guint
host_net(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const NetDef *n = device;

    if (n->source.net_type != NET_HOSTDEV)
        return OTHER_ROW;
    return net_is_usb_host(n) ? 0 : PCI_EXPRESS;
}

static guint
net(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    static const char *const legacy[] = {
        "rtl8139",   "e1000",   "vmxnet3",   "virtio-transitional",
        "netfront",  "lan9118", "scm91c111", "Am79C973",
        "82543GC",   "vlance",  "vmxnet",    "vmxnet2",
        "Am79C970A", "82540EM", "82545EM"
    };
    const NetDef *n = device;

    if (n->source.net_type == NET_HOSTDEV)
        return OTHER_ROW;
    if (g_strcmp0(n->model, "usb-net") == 0)
        return 0;
    for (gsize i = 0; n->model && i < G_N_ELEMENTS(legacy); i++)
        if (strcmp(n->model, legacy[i]) == 0)
            return PCI_LEGACY;
    return PCI_EXPRESS;
}

static guint
sound(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const int model = ((const SoundDef *)device)->model;

    if (model == SOUND_VIRTIO)
        return PCI_EXPRESS;
    return model == SOUND_ES1370 || model == SOUND_AC97 || model == SOUND_ICH6 ||
                   model == SOUND_ICH9
               ? PCI_LEGACY
               : 0;
}

static guint
disk(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const DiskDef *d = device;

    return d->bus == DISK_BUS_VIRTIO ? virtio(d->model) : 0;
}

static guint
hostdev(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    enum { MODEL_TRANSITIONAL = 2, MODEL_VFIO_PCI = 4 };
    const HostdevDef *h = device;

    if (h->source.type == HOSTDEV_SCSI_HOST)
        return h->model == MODEL_TRANSITIONAL ? PCI_LEGACY : PCI_EXPRESS;
    if (h->source.type == HOSTDEV_PCI ||
        (h->source.type == HOSTDEV_MDEV && h->model == MODEL_VFIO_PCI))
        return PCI_EXPRESS;
    return 0;
}

static guint
balloon(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    switch (((const BalloonDef *)device)->model) {
    case BALLOON_VIRTIO:
    case BALLOON_NON_TRANSITIONAL:
        return PCI_EXPRESS;
    case BALLOON_TRANSITIONAL:
        return PCI_LEGACY;
    default:
        return 0;
    }
}

static guint
rng(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    return virtio(((const RngDef *)device)->model);
}

static guint
watchdog(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    return ((const WatchdogDef *)device)->model == WATCHDOG_I6300ESB ? PCI_LEGACY : 0;
}

static guint
video(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const int type = ((const VideoDef *)device)->type;

    if (type == VIDEO_NONE || type == VIDEO_RAMFB)
        return 0;
    return type == VIDEO_VIRTIO || type == VIDEO_BOCHS ? PCI_EXPRESS : PCI_LEGACY;
}

static guint
shmem(const Fill *f G_GNUC_UNUSED, gconstpointer device G_GNUC_UNUSED)
{
    return PCI_LEGACY;
}

static guint
input(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const InputDef *i = device;

    return i->bus == INPUT_VIRTIO ? virtio(i->model) : 0;
}

static guint
serial(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    return ((const CharDef *)device)->target_type == SERIAL_PCI ? PCI_LEGACY : 0;
}

static guint
vsock(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    return virtio(((const VsockDef *)device)->model);
}

static guint
memory(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const int model = ((const MemoryDevice *)device)->model;

    return model == MEMORY_VIRTIO_PMEM || model == MEMORY_VIRTIO_MEM ? PCI_EXPRESS : 0;
}

static guint
crypto(const Fill *f G_GNUC_UNUSED, gconstpointer device G_GNUC_UNUSED)
{
    return PCI_LEGACY;
}

static guint
iommu(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    const int model = ((const IommuDef *)device)->model;

    return model == IOMMU_VIRTIO || model == IOMMU_AMD ? PCI_INTEGRATED : 0;
}

static guint
panic(const Fill *f G_GNUC_UNUSED, gconstpointer device)
{
    return ((const PanicDef *)device)->model == PANIC_PVPANIC ? PCI_INTEGRATED : 0;
}

static guint
pstore(const Fill *f G_GNUC_UNUSED, gconstpointer device G_GNUC_UNUSED)
{
    return PCI_LEGACY;
}

#define LIST(list, type, rank, connect)                                                            \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, list), G_STRUCT_OFFSET(type, info), FALSE, rank, connect          \
    }
#define SINGLE(member, type, rank, connect)                                                        \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, member), G_STRUCT_OFFSET(type, info), TRUE, rank, connect         \
    }

/* The order is that in which slots are given out. */
static const PciKind pci_kinds[] = {
    LIST(controllers, ControllerDef, 4, pci_controller),
    LIST(filesystems, FsDef, 8, filesystem),
    LIST(nets, NetDef, 1, net),
    LIST(sounds, SoundDef, 2, sound),
    LIST(controllers, ControllerDef, 5, other_controller),
    LIST(disks, DiskDef, 0, disk),
    LIST(nets, NetDef, 3, host_net),
    LIST(hostdevs, HostdevDef, 3, hostdev),
    SINGLE(balloon, BalloonDef, 10, balloon),
    LIST(rngs, RngDef, 11, rng),
    LIST(watchdogs, WatchdogDef, 9, watchdog),
    LIST(videos, VideoDef, 14, video),
    LIST(shmems, ShmemDef, 12, shmem),
    LIST(inputs, InputDef, 7, input),
    LIST(serials, CharDef, 6, serial),
    SINGLE(vsock, VsockDef, 16, vsock),
    LIST(memories, MemoryDevice, 15, memory),
    LIST(cryptos, CryptoDef, 17, crypto),
    LIST(iommus, IommuDef, 18, iommu),
    LIST(panics, PanicDef, 13, panic),
    SINGLE(pstore, PstoreDef, 19, pstore),
};

/* Called for each device of each pass, so the root is remembered once it is found. */
static gboolean
root_is_express(Fill *f)
{
    if (!f->pci_root)
        f->pci_root = controller_find(f->def, CONTROLLER_PCI, 0);
    return f->pci_root && f->pci_root->model == MODEL_PCIE_ROOT;
}

static gboolean
visit_one(Fill *f, const PciKind *kind, gpointer device, PciVisit visit, gpointer user,
          GError **err)
{
    const DeviceInfo *info = device ? G_STRUCT_MEMBER_P(device, kind->info) : NULL;
    guint connect = device ? kind->connect(f, device) : 0;

    /* an address is taken by the device that names it, whether it fits there or not */
    if (info && connect == 0 && info->address.type == ADDRESS_PCI &&
        !pci_address_is_empty(&info->address.pci))
        connect = PCI_LEGACY;
    if (connect == 0 || connect == OTHER_ROW)
        return TRUE;
    if ((connect & PCI_EXPRESS) && !root_is_express(f))
        connect = PCI_LEGACY;
    return visit(G_STRUCT_MEMBER_P(device, kind->info), connect, device, user, err);
}

static gboolean
visit_kind(Fill *f, const PciKind *kind, PciVisit visit, gpointer user, GError **err)
{
    gpointer at = G_STRUCT_MEMBER(gpointer, &f->def->devices, kind->list);

    if (kind->single)
        return visit_one(f, kind, at, visit, user, err);
    for (guint n = 0; n < list_length(at); n++)
        if (!visit_one(f, kind, ((GPtrArray *)at)->pdata[n], visit, user, err))
            return FALSE;
    return TRUE;
}

gboolean
pci_each(Fill *f, PciVisit visit, gpointer user, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(pci_kinds); i++)
        if (!visit_kind(f, &pci_kinds[i], visit, user, err))
            return FALSE;
    return TRUE;
}

gboolean
pci_each_named(Fill *f, PciVisit visit, gpointer user, GError **err)
{
    for (guint rank = 0; rank < G_N_ELEMENTS(pci_kinds); rank++)
        for (gsize i = 0; i < G_N_ELEMENTS(pci_kinds); i++)
            if (pci_kinds[i].rank == rank && !visit_kind(f, &pci_kinds[i], visit, user, err))
                return FALSE;
    return TRUE;
}
