/* Rules of the small devices: watchdog, panic, shmem, iommu, TPM, memory devices, filesystems, host
 * devices and so on. */
#include "check.h"
#include "conf/keys.h"

#include <string.h>

static gboolean
is_arch(const DomainDef *def, const char *prefix)
{
    return g_str_has_prefix(def->os.arch, prefix);
}

static gboolean
is_arm_virt(const DomainDef *def)
{
    return board_has(board_of(def), BOARD_GIC);
}

/* ---- watchdog, panic, nvram, rng */

static gboolean
check_watchdog(const DomainDef *def, const WatchdogDef *w, GError **err)
{
    const char *model = watchdog_models[w->model];
    gboolean built_in = w->model == WATCHDOG_ITCO || w->model == WATCHDOG_IB700;

    if (w->model == WATCHDOG_DIAG288 && !is_arch(def, "s390"))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "watchdog model 'diag288' is of s390");
    if (w->model == WATCHDOG_ITCO && !domain_is_q35(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "watchdog model 'itco' is part of q35 machines");
    if (w->model == WATCHDOG_IB700 && (!domain_is_x86(def) || domain_is_q35(def)))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "watchdog model 'ib700' is of i440fx machines");
    return !built_in || !w->info.address.type ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "watchdog model '%s' has no address", model);
}

static gboolean
check_watchdogs(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const WatchdogDef *first = list_item(def->devices.watchdogs, 0);
    guint64 seen = 0;

    EACH (WatchdogDef, w, def->devices.watchdogs) {
        if (!check_watchdog(def, w, err))
            return FALSE;
        if (w->model != WATCHDOG_I6300ESB && (seen & BIT(w->model)))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "domain has two watchdogs of model '%s'",
                        watchdog_models[w->model]);
        if (w->action != first->action)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "watchdogs have different actions: '%s' and '%s'",
                        watchdog_actions[first->action], watchdog_actions[w->action]);
        seen |= BIT(w->model);
    }
    return TRUE;
}

/* Also before anything else is judged; a model may be known only later. */
static gboolean
check_panic_models(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint64 seen = 0;

    EACH (PanicDef, p, def->devices.panics) {
        if (seen & BIT(p->model))
            return fail(err, ERR_XML, "domain has two panic devices of model '%s'",
                        p->model ? panic_models[p->model] : "");
        seen |= BIT(p->model);
    }
    return TRUE;
}

static gboolean
check_panics(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (PanicDef, p, def->devices.panics) {
        if (p->model == PANIC_PSERIES && !is_arch(def, "ppc64"))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "panic model 'pseries' is of pSeries guests");
        if (p->model == PANIC_S390 && !is_arch(def, "s390"))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "panic model 's390' is of S390 guests");
        if (p->model == PANIC_HYPERV && p->info.address.type)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "panic model 'hyperv' has no address");
        if (p->model == PANIC_ISA && p->info.address.type && p->info.address.type != ADDRESS_ISA)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "panic model 'isa' needs an ISA address");
        if (p->model == PANIC_PVPANIC && p->info.address.type &&
            p->info.address.type != ADDRESS_PCI)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "panic model 'pvpanic' needs a PCI address");
    }
    return check_panic_models(def, caps, err);
}

static gboolean
check_nvram(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->devices.nvram || board_has(board_of(def), BOARD_SPAPR) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "device 'nvram' is of PPC64 guests");
}

static gboolean
check_cryptos(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    enum { LKCF = 2 };

    EACH (CryptoDef, c, def->devices.cryptos)
        if (c->backend == LKCF && !caps_has(caps, "cryptodev-backend-lkcf"))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "crypto backend 'lkcf' is not supported by %s",
                        caps->path);
    return TRUE;
}

static gboolean
check_balloon(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->devices.balloon || def->devices.balloon->model != BALLOON_XEN ||
           fail(err, ERR_PLAIN, "memballoon model 'xen' is not known to QEMU");
}

/* ---- shmem, iommu, TPM */

static gboolean
check_shmems(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (ShmemDef, s, def->devices.shmems) {
        if (strchr(s->name, '/'))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "name of shmem '%s' has a '/'", s->name);
        if (s->model != SHMEM_PLAIN && s->model != SHMEM_DOORBELL)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "shmem '%s' is of model 'ivshmem', which QEMU has no more", s->name);
        if ((s->model == SHMEM_DOORBELL) != s->has_server)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "shmem '%s': 'server' goes with model 'ivshmem-doorbell' and only with it",
                        s->name);
        if (s->model == SHMEM_DOORBELL && s->size)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "shmem '%s': the server knows its size, which cannot be set", s->name);
    }
    return TRUE;
}

static gboolean
has_iommu_driver(const IommuDef *i)
{
    return i->intremap || i->caching_mode || i->eim || i->iotlb || i->xtsup || i->passthrough ||
           i->dma_translation || i->aw_bits;
}

static gboolean
check_iommu(const DomainDef *def, const IommuDef *i, GError **err)
{
    const char *model = iommu_models[i->model];
    gboolean x86_only = i->model == IOMMU_INTEL || i->model == IOMMU_AMD;

    if (x86_only && !domain_is_q35(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "iommu model '%s' is of q35 machines", model);
    if (i->model == IOMMU_SMMUV3 && !is_arm_virt(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "iommu model 'smmuv3' is of ARM virt machines");
    if (i->model == IOMMU_INTEL && i->eim == ON && i->intremap != ON)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'eim' of an iommu needs intremap='on'");
    if (i->model != IOMMU_VIRTIO)
        return TRUE;
    if (!(def->features && def->features->acpi))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "iommu model 'virtio' needs the feature 'acpi'");
    if (!domain_is_q35(def) && !is_arm_virt(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "iommu model 'virtio' is of q35 and ARM virt machines");
    if (!domain_is_x86(def) && !(def->features && def->features->acpi))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "iommu model 'virtio' needs the feature 'acpi'");
    if (has_iommu_driver(i))
        return fail(err, ERR_XML, "iommu model 'virtio' has no 'driver' settings");
    return i->info.address.type == ADDRESS_PCI ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "iommu model 'virtio' needs a PCI address");
}

/* Before the devices are filled. */
static gboolean
check_one_iommu(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return list_length(def->devices.iommus) <= 1 ||
           fail(err, ERR_XML, "domain has more than one iommu");
}

static gboolean
check_iommus(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (IommuDef, i, def->devices.iommus)
        if (!check_iommu(def, i, err))
            return FALSE;
    return TRUE;
}

static gboolean
check_tpm_version(const DomainDef *def, const TpmDef *t, GError **err)
{
    const TpmBanks *b = t->pcr_banks;
    const char *of_2 = NULL;

    if (t->version == TPM_1_2 && !domain_is_x86(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "TPM 1.2 is of x86, not of '%s'", def->os.arch);
    if (t->version == TPM_1_2 && t->model == TPM_CRB)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "TPM model 'tpm-crb' has no version 1.2");
    if (t->profile && t->profile->source)
        of_2 = "profile";
    if (b && (b->sha1 || b->sha256 || b->sha384 || b->sha512))
        of_2 = "active_pcr_banks";
    return t->version == TPM_2_0 || !of_2 ||
           fail(err, ERR_XML, "'%s' of a TPM needs version='2.0'", of_2);
}

static gboolean
check_tpms(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint proxies = 0, others = 0;

    EACH (TpmDef, t, def->devices.tpms) {
        const char *model = tpm_models[t->model];
        /* the same, where there is no ISA bus */
        gboolean alike = t->model == TPM_TIS && caps_has_device(caps, "tpm-tis-device");

        if (!alike && !caps_has_device(caps, model))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "TPM model '%s' is not supported by %s", model,
                        caps->path);
        if (!check_tpm_version(def, t, err))
            return FALSE;
        if (t->backend == TPM_EMULATOR && !caps_has(caps, "swtpm"))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "TPM backend 'emulator' needs the program swtpm, which this host lacks");
        if (t->model == TPM_SPAPR_PROXY ? ++proxies > 1 : ++others > 1)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "domain has more than one TPM");
    }
    return TRUE;
}

/* ---- memory devices */

static guint64
huge_or_base(const MemoryDevice *m)
{
    static const guint64 base = 4; /* KiB */

    return m->page_size ? m->page_size : base;
}

static gboolean
check_virtio_mem(const MemoryDevice *m, GError **err)
{
    const char *model = memory_models[m->model];

    if (m->block == 0 || (m->block & (m->block - 1)) != 0)
        return fail(err, ERR_XML_DETAIL, "'block' of memory device '%s' is no power of two", model);
    if (m->block < huge_or_base(m))
        return fail(err, ERR_XML_DETAIL, "'block' of memory device '%s' is below its page size",
                    model);
    if (m->requested > m->size)
        return fail(err, ERR_XML_DETAIL, "'requested' of memory device '%s' is above its 'size'",
                    model);
    if (m->requested % m->block != 0)
        return fail(err, ERR_XML_DETAIL,
                    "'requested' of memory device '%s' is no multiple of 'block'", model);
    return m->target_base % (m->block * 1024) == 0 ||
           fail(err, ERR_XML_DETAIL, "address of memory device '%s' is no multiple of 'block'",
                model);
}

static gboolean
check_memory_kind(const DomainDef *def, const EmulatorCaps *caps, const MemoryDevice *m,
                  GError **err)
{
    static const guint64 page = 4096;
    const char *model = memory_models[m->model];
    gboolean has_file = m->model == MEMORY_NVDIMM || m->model == MEMORY_VIRTIO_PMEM;

    if (has_file && !m->path)
        return fail(err, ERR_XML_DETAIL, "memory device '%s' needs a 'path' in its 'source'",
                    model);
    if ((m->label_size || m->model == MEMORY_NVDIMM) && m->label_size >= m->size)
        return fail(err, ERR_XML, "label of memory device '%s' is not smaller than the device",
                    model);
    if (m->model == MEMORY_NVDIMM && !uuid_is_zero(m->uuid) && !is_arch(def, "ppc64"))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'uuid' of an NVDIMM is of PPC64 guests");
    if (m->model == MEMORY_VIRTIO_PMEM && m->has_node)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "memory device 'virtio-pmem' has no NUMA node");
    if (m->model == MEMORY_VIRTIO_PMEM && m->target_base % page != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "address of memory device '%s' is no multiple of %" G_GUINT64_FORMAT, model,
                    page);
    if (m->model == MEMORY_SGX_EPC && !caps_has(caps, "sgx"))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s has no SGX on this host", caps->path);
    return m->model != MEMORY_VIRTIO_MEM || check_virtio_mem(m, err);
}

static gboolean
check_memory_place(const DomainDef *def, const MemoryDevice *m, GError **err)
{
    const CpuNuma *numa = def->cpu ? def->cpu->numa : NULL;
    const Address *a = &m->info.address;

    if (!def->max_memory)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "memory device '%s' needs 'maxMemory'",
                    memory_models[m->model]);
    if (m->model == MEMORY_SGX_EPC)
        return TRUE;
    if (numa && numa->cells && !m->has_node && memory_has_node(m))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "memory device '%s' needs a NUMA 'node'",
                    memory_models[m->model]);
    if (m->has_node && m->node >= list_length(numa ? numa->cells : NULL) && memory_has_node(m))
        return fail(err, ERR_XML_DETAIL, "memory device '%s' of NUMA node %u: the guest has %u",
                    memory_models[m->model], m->node, list_length(numa ? numa->cells : NULL));
    return a->type != ADDRESS_DIMM || a->dimm.slot < def->max_memory_slots ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "slot %u of a memory device: there are %u",
                a->dimm.slot, def->max_memory_slots);
}

/* First byte of where it was told to be; 0: it was not told. */
static guint64
base_of(const MemoryDevice *m)
{
    const Address *a = &m->info.address;

    return a->type == ADDRESS_DIMM ? a->dimm.base : m->target_base;
}

static gboolean
check_memory_pair(const MemoryDevice *a, const MemoryDevice *b, GError **err)
{
    const Address *x = &a->info.address, *y = &b->info.address;
    guint64 from = base_of(a), other = base_of(b);

    if (x->type == ADDRESS_DIMM && y->type == ADDRESS_DIMM && x->dimm.slot == y->dimm.slot)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "two memory devices are in slot %u", x->dimm.slot);
    return !from || !other || from + a->size * 1024 <= other || other + b->size * 1024 <= from ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "memory devices at 0x%" G_GINT64_MODIFIER "x and 0x%" G_GINT64_MODIFIER "x overlap",
                from, other);
}

static gboolean
check_memories(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *list = def->devices.memories;

    for (guint i = 0; i < list_length(list); i++) {
        const MemoryDevice *m = list_item(list, i);

        if (!check_memory_kind(def, caps, m, err) || !check_memory_place(def, m, err))
            return FALSE;
        for (guint k = 0; k < i; k++)
            if (!check_memory_pair(list_item(list, k), m, err))
                return FALSE;
    }
    return TRUE;
}

/* ---- filesystems */

/* Drivers of containers; what stands on no bus is an error of its own. */
static gboolean
check_filesystem_driver(const FsDef *fs, GError **err)
{
    static const guint64 of_containers = BIT(FS_LOOP) | BIT(FS_NBD) | BIT(FS_PLOOP);

    return !(of_containers & BIT(fs->driver)) ||
           fail(err, fs->info.address.type ? ERR_CONFIG_UNSUPPORTED : ERR_PLAIN,
                "the driver of filesystem '%s' is for containers", fs->target);
}

static gboolean
check_filesystems(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) targets = g_hash_table_new(g_str_hash, g_str_equal);

    EACH (FsDef, fs, def->devices.filesystems) {
        gboolean virtiofs = fs->driver == FS_VIRTIOFS;

        if (!check_filesystem_driver(fs, err))
            return FALSE;
        if (fs->type != FS_MOUNT)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "filesystem '%s' is not of type 'mount'",
                        fs->target);
        if ((fs->has_fmode || fs->has_dmode) && fs->accessmode != FS_MAPPED)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "filesystem '%s': 'fmode' and 'dmode' need accessmode 'mapped'",
                        fs->target);
        if (fs->info.boot_order && !virtiofs)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "filesystem '%s': only virtiofs can be booted from", fs->target);
        if (virtiofs && !fs->socket && fs->accessmode != FS_PASSTHROUGH)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "filesystem '%s': virtiofs has accessmode 'passthrough' only", fs->target);
        if (virtiofs && !g_hash_table_add(targets, fs->target))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "filesystem '%s': another one has this target",
                        fs->target);
        if (virtiofs && !domain_shares_memory(def))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "filesystem '%s': virtiofs needs memoryBacking with access mode 'shared'",
                        fs->target);
    }
    return TRUE;
}

/* ---- host devices */

static gboolean
check_hostdev(const DomainDef *def, const HostdevDef *h, const EmulatorCaps *caps, GError **err)
{
    enum { CAPABILITIES = 2 };
    const HostdevSource *s = &h->source;

    if (h->mode == CAPABILITIES)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "hostdev of mode 'capabilities' is for containers");
    if (s->write_filtering)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "hostdev has writeFiltering, which is of Xen");
    if (s->startup_policy && s->type != HOSTDEV_USB)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'startupPolicy' is of USB hostdevs");
    if (h->sgio == SGIO_UNFILTERED)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "sgio='unfiltered' is not supported by Linux");
    if (s->type == HOSTDEV_SCSI_HOST && h->info.boot_order)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "vhost SCSI hostdev cannot be booted from");
    if (s->type == HOSTDEV_MDEV && h->info.boot_order)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "mediated hostdev cannot be booted from");
    if (s->type != HOSTDEV_PCI && h->info.rom)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'rom' of a hostdev is of type 'pci'");
    if (s->type == HOSTDEV_SCSI && s->scsi && s->scsi->auth && s->scsi->auth->secret &&
        g_strcmp0(s->scsi->auth->secret->type, "iscsi") != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "hostdev: its secret is of type 'iscsi', not '%s'",
                    s->scsi->auth->secret->type ? s->scsi->auth->secret->type : "");
    if (h->display == ON && !def->devices.graphics)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "hostdev with display='on' needs graphics");
    if (s->type == HOSTDEV_MDEV && !caps_has_device(caps, hostdev_models[h->model]))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "hostdev model '%s' is not supported by %s",
                    hostdev_models[h->model], caps->path);
    return TRUE;
}

static gboolean
same_usb(const HostdevUsb *a, const HostdevUsb *b)
{
    if (!a || !b)
        return FALSE;
    if (a->has_bus && b->has_bus)
        return a->bus == b->bus && a->device == b->device;
    return !a->has_bus && !b->has_bus && a->vendor == b->vendor && a->product == b->product;
}

static gboolean
same_scsi(const HostdevScsi *a, const HostdevScsi *b)
{
    if (a->protocol != b->protocol)
        return FALSE;
    if (a->protocol)
        return g_strcmp0(a->name, b->name) == 0;
    return g_strcmp0(a->adapter, b->adapter) == 0 && a->address.bus == b->address.bus &&
           a->address.target == b->address.target && a->address.unit == b->address.unit;
}

/* Whether both are the same device of the host. */
static gboolean
same_hostdev(const HostdevSource *a, const HostdevSource *b)
{
    if (a->type != b->type)
        return FALSE;
    if (a->type == HOSTDEV_PCI)
        return schema_equal(&pci_address_schema, a->pci, b->pci);
    if (a->type == HOSTDEV_USB)
        return same_usb(a->usb, b->usb);
    if (a->type == HOSTDEV_SCSI)
        return same_scsi(a->scsi, b->scsi);
    if (a->type == HOSTDEV_SCSI_HOST)
        return g_strcmp0(a->vhost->wwpn, b->vhost->wwpn) == 0;
    return memcmp(a->mdev_uuid, b->mdev_uuid, UUID_LEN) == 0;
}

static guint
hostdev_hash(gconstpointer hostdev)
{
    const HostdevSource *s = &((const HostdevDef *)hostdev)->source;

    if (s->type == HOSTDEV_PCI && s->pci)
        return pci_address_hash(s->pci);
    if (s->type == HOSTDEV_USB && s->usb)
        return s->usb->has_bus ? s->usb->bus * 131 + s->usb->device
                               : s->usb->vendor * 131 + s->usb->product;
    if (s->type == HOSTDEV_SCSI && s->scsi && s->scsi->protocol)
        return s->scsi->name ? g_str_hash(s->scsi->name) : 0;
    if (s->type == HOSTDEV_SCSI && s->scsi)
        return (s->scsi->address.bus * 31 + s->scsi->address.target) * 31 + s->scsi->address.unit;
    if (s->type == HOSTDEV_SCSI_HOST && s->vhost && s->vhost->wwpn)
        return g_str_hash(s->vhost->wwpn);
    return s->mdev_uuid[0] | s->mdev_uuid[1] << 8 | s->mdev_uuid[2] << 16;
}

static gboolean
hostdev_equal(gconstpointer a, gconstpointer b)
{
    return same_hostdev(&((const HostdevDef *)a)->source, &((const HostdevDef *)b)->source);
}

static guint
net_host_hash(gconstpointer host)
{
    const NetHost *h = host;

    return h->type == NET_HOST_PCI ? pci_address_hash(&h->pci) : h->bus * 131 + h->device;
}

static gboolean
net_host_equal(gconstpointer a, gconstpointer b)
{
    return schema_equal(&net_host_schema, a, b);
}

static gboolean
check_net_hosts(const DomainDef *def, GError **err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(net_host_hash, net_host_equal);

    EACH (NetDef, net, def->devices.nets)
        if (net->source.host && !g_hash_table_add(seen, net->source.host))
            return fail(err, ERR_XML, "two interfaces are the same device of the host");
    return TRUE;
}

static gboolean
check_hostdevs(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(hostdev_hash, hostdev_equal);
    guint ramfbs = 0;

    if (!check_net_hosts(def, err))
        return FALSE;
    EACH (HostdevDef, h, def->devices.hostdevs) {
        if (!check_hostdev(def, h, caps, err))
            return FALSE;
        if (h->ramfb == ON && ++ramfbs > 1)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "only one hostdev can have ramfb='on'");
        if (!g_hash_table_add(seen, h))
            return fail(err, ERR_XML, "two hostdevs are the same device of the host");
    }
    return TRUE;
}

const Rule device_written_rules[] = {
    { "panic/@model", check_panic_models },
    { "iommu", check_one_iommu },
    { NULL },
};

const Rule device_rules[] = {
    { "watchdog", check_watchdogs }, { "panic", check_panics },
    { "nvram", check_nvram },        { "crypto", check_cryptos },
    { "memballoon", check_balloon }, { "shmem", check_shmems },
    { "iommu", check_iommus },       { "tpm", check_tpms },
    { "memory", check_memories },    { "filesystem", check_filesystems },
    { "hostdev", check_hostdevs },   { NULL },
};
