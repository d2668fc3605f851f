/* Rows of the domain around its devices, and its life. */
#include "conf/conf.h"

#include <errno.h>
#include <string.h>

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

const char *const virt_types[] = { NULL, "qemu", "kvm", "hyperv", NULL };

/* ---- memory */

static const char *const memory_sources[] = { NULL, "file", "anonymous", "memfd", NULL };
static const char *const accesses[] = { NULL, "shared", "private", NULL };
static const char *const allocations[] = { NULL, "immediate", "ondemand", NULL };

static const Field page_fields[] = {
    ROW(HugePage, "@size", F_SIZE, size, F_REQUIRED, &size_kib,
        "Size of one huge page of the host."),
    ROW(HugePage, "@nodeset", F_BITMAP, nodes, 0, NULL,
        "NUMA cells of the guest whose memory is of such pages; without it all."),
    ROW_END
};
static const Schema page_schema = { "page", sizeof(HugePage), page_fields };

static const Field backing_fields[] = {
    ROW(MemoryBacking, "hugepages", F_FLAG, hugepages, 0, NULL,
        "The guest's memory is made of huge pages of the host."),
    ROW(MemoryBacking, "hugepages/page", F_LIST, pages, 0, &page_schema,
        "Size of the huge pages, for all NUMA cells or for some."),
    ROW(MemoryBacking, "nosharepages", F_FLAG, nosharepages, 0, NULL,
        "The host does not merge the guest's pages with equal pages of other processes."),
    ROW(MemoryBacking, "locked", F_FLAG, locked, 0, NULL,
        "The host does not swap the guest's memory out."),
    ROW(MemoryBacking, "source/@type", F_ENUM, source, UNSUPPORTED | F_NONEMPTY, memory_sources,
        "Whether the memory is anonymous, a file or a memfd."),
    ROW(MemoryBacking, "access/@mode", F_ENUM, access, UNSUPPORTED | F_NONEMPTY, accesses,
        "Whether other processes of the host can share the memory."),
    ROW(MemoryBacking, "allocation/@mode", F_ENUM, allocation, UNSUPPORTED | F_NONEMPTY,
        allocations,
        "Whether the host's memory is taken at the start or when the guest first uses it."),
    ROW(MemoryBacking, "allocation/@threads", F_U32, alloc_threads, F_NONEMPTY, NULL,
        "Number of threads that allocate the memory at the start."),
    ROW(MemoryBacking, "discard", F_FLAG, discard, 0, NULL,
        "The content of file-backed memory is thrown away when QEMU ends."),
    ROW_END
};
static const Schema backing_schema = { "memoryBacking", sizeof(MemoryBacking), backing_fields,
                                       .several = SEVERAL_FIRST_FIELD };

static const Field memtune_fields[] = {
    ROW(MemtuneDef, "hard_limit", F_SIZE, hard_limit, F_HOT, &size_kib,
        "Largest amount of the host's memory that QEMU may use."),
    ROW(MemtuneDef, "soft_limit", F_SIZE, soft_limit, F_HOT, &size_kib,
        "Amount of memory that QEMU is held to when the host is short of memory."),
    ROW(MemtuneDef, "min_guarantee", F_SIZE, min_guarantee, 0, &size_kib,
        "Memory that is always left to the guest; without effect on QEMU."),
    ROW(MemtuneDef, "swap_hard_limit", F_SIZE, swap_hard_limit, F_HOT, &size_kib,
        "Largest amount of memory and swap together that QEMU may use."),
    ROW_END
};
static const Schema memtune_schema = { "memtune", sizeof(MemtuneDef), memtune_fields,
                                       .several = SEVERAL_FIRST_FIELD };

static const Field blkio_device_fields[] = {
    ROW(BlkioDevice, "path", F_STRING, path, F_HOT | F_MISSING(ERR_CONFIG_UNSUPPORTED), NULL,
        "Path of the host's block device that the limits are for."),
    ROW(BlkioDevice, "weight", F_U32, weight, UNSUPPORTED | F_HOT, WRAPS,
        "Weight of the domain's I/O on this device beside others."),
    ROW(BlkioDevice, "read_iops_sec", F_U32, read_iops, UNSUPPORTED | F_HOT, WRAPS,
        "Most reads a second from this device."),
    ROW(BlkioDevice, "write_iops_sec", F_U32, write_iops, UNSUPPORTED | F_HOT, WRAPS,
        "Most writes a second to this device."),
    ROW(BlkioDevice, "read_bytes_sec", F_U64, read_bytes, UNSUPPORTED | F_HOT, WRAPS,
        "Most bytes a second that may be read from this device."),
    ROW(BlkioDevice, "write_bytes_sec", F_U64, write_bytes, UNSUPPORTED | F_HOT, WRAPS,
        "Most bytes a second that may be written to this device."),
    ROW_END
};
static const Schema blkio_device_schema = { "device", sizeof(BlkioDevice), blkio_device_fields };

/* What is no number says nothing. */
static gboolean
weight_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    guint64 n;

    if (number_read(text, 10, &n) && n <= G_MAXUINT32)
        *(guint32 *)at = n;
    return TRUE;
}

static void
weight_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append_printf(out, "%u", *(const guint32 *)at);
}

static const FieldType weight_type = { "non-negative integer",
                                       NULL,
                                       sizeof(guint32),
                                       weight_parse,
                                       weight_format,
                                       NULL,
                                       NULL,
                                       NULL,
                                       NULL };

static const Field blkiotune_fields[] = {
    ROW(BlkiotuneDef, "weight", F_OWN, weight, F_HOT, &weight_type,
        "Weight of the domain's I/O beside others."),
    ROW(BlkiotuneDef, "device", F_LIST, devices, F_HOT, &blkio_device_schema,
        "Weight and limits on one device of the host."),
    ROW_END
};
static const Schema blkiotune_schema = { "blkiotune", sizeof(BlkiotuneDef), blkiotune_fields,
                                         .several = SEVERAL_FIRST_FIELD };

/* ---- operating system */

static const char *const firmwares[] = { NULL, "bios", "efi", NULL };
static const char *const firmware_features[] = { NULL, "enrolled-keys", "secure-boot", NULL };
static const char *const loader_types[] = { NULL, "rom", "pflash", NULL };
static const char *const boot_devices[] = { NULL, "fd", "hd", "cdrom", "network", NULL };
static const char *const smbios_modes[] = { NULL, "emulate", "host", "sysinfo", "none", NULL };
static const char *const acpi_tables[] = { NULL, "raw", "rawset", "slic", "msdm", NULL };

static const Field firmware_feature_fields[] = {
    ROW(FirmwareFeature, "@enabled", F_ENUM, enabled, F_REQUIRED, yes_no,
        "Whether the firmware must have the feature or must not."),
    ROW(FirmwareFeature, "@name", F_ENUM, name, F_REQUIRED, firmware_features,
        "Name of the firmware feature."),
    ROW_END
};
const Schema firmware_feature_schema = { "feature", sizeof(FirmwareFeature),
                                         firmware_feature_fields };

static const Field loader_fields[] = {
    ROW(LoaderDef, "@readonly", F_ENUM, readonly, 0, yes_no,
        "Whether the guest is kept from writing to the firmware."),
    ROW(LoaderDef, "@secure", F_ENUM, secure, 0, yes_no,
        "Whether the firmware needs system management mode, to keep its variables from the guest."),
    ROW(LoaderDef, "@type", F_ENUM, type, 0, loader_types,
        "Whether the firmware is a flash memory (pflash) or a ROM."),
    ROW(LoaderDef, "@stateless", F_ENUM, stateless, 0, yes_no,
        "Whether the firmware stores no variables."),
    ROW(LoaderDef, "@format", F_ENUM, format, 0, disk_formats, "Format of the firmware's image."),
    ROW(LoaderDef, ".", F_STRING, path, 0, NULL, "Path of the firmware's image on the host."),
    ROW_END
};
static const Schema loader_schema = { "loader", sizeof(LoaderDef), loader_fields };

static const Field nvram_fields[] = {
    ROW(NvramDef, "@template", F_STRING, template, 0, NULL,
        "Path of the file that is copied when the domain has no variables of its own yet."),
    ROW(NvramDef, "@templateFormat", F_ENUM, template_format, 0, disk_formats,
        "Image format of the template."),
    ROW(NvramDef, "@type", F_ENUM, source.type, 0, source_types,
        "Whether the variables are in a file, on a device or on the network."),
    ROW(NvramDef, "@format", F_ENUM, format, 0, disk_formats,
        "Format of the image of the variables."),
    WHEN(NvramDef, source.type, BIT(SOURCE_NONE)),
    ROW(NvramDef, ".", F_STRING, path, 0, NULL, "Path of the guest's own copy of the variables."),
    WHEN(NvramDef, source.type, ~BIT(SOURCE_NONE)),
    ROW(NvramDef, "source", F_STRUCT, source, F_REQUIRED | F_ALWAYS, &disk_source_schema,
        "Where the guest's own copy of the variables is."),
    WHEN_END,
    ROW_END
};

/* Blanks around elements that mean nothing here are no path. */
static gboolean
nvram_settle(gpointer def, GError **err)
{
    NvramDef *nvram = def;

    if (nvram->path && !*g_strstrip(nvram->path))
        g_clear_pointer(&nvram->path, g_free);
    return TRUE;
}

const Schema nvram_schema = { "nvram", sizeof(NvramDef), nvram_fields, nvram_settle };

static const Field boot_fields[] = { ROW(BootDef, "@dev", F_ENUM, dev, F_REQUIRED, boot_devices,
                                         "Kind of device that the firmware boots from."),
                                     ROW_END };
static const Schema boot_schema = { "boot", sizeof(BootDef), boot_fields };

static const Field acpi_table_fields[] = { ROW(AcpiTable, "@type", F_ENUM, type, F_REQUIRED,
                                               acpi_tables,
                                               "Whether the file holds one ACPI table or several."),
                                           ROW(AcpiTable, ".", F_STRING, path, 0, NULL,
                                               "Path of the file with the ACPI table on the host."),
                                           ROW_END };
static const Schema acpi_table_schema = { "table", sizeof(AcpiTable), acpi_table_fields };

static const Field os_fields[] = {
    ROW(OsDef, "@firmware", F_ENUM, firmware, F_NONEMPTY, firmwares,
        "Kind of firmware to choose for the domain, instead of naming a file."),
    ROW(OsDef, "type/@arch", F_STRING, arch, F_NONEMPTY, NULL,
        "Architecture of the guest; without it the host's."),
    ROW(OsDef, "type/@machine", F_STRING, machine, F_NONEMPTY, NULL,
        "Machine type of QEMU; it is fixed when the domain is defined."),
    ROW(OsDef, "type", F_STRING, type, F_MISSING(ERR_XML), NULL,
        "Kind of guest; hvm (the guest needs no changes) is the only one that QEMU runs."),
    ROW_IGNORED("init"),
    ROW_IGNORED("initarg"),
    ROW(OsDef, "firmware/feature", F_LIST, firmware_features, 0, &firmware_feature_schema,
        "Features that the chosen firmware must have, or must not have."),
    ROW(OsDef, "loader", F_PTR, loader, 0, &loader_schema,
        "The firmware's image, and how the guest sees it."),
    ROW(OsDef, "nvram", F_PTR, nvram, 0, &nvram_schema,
        "File that keeps the firmware's variables."),
    ROW(OsDef, "kernel", F_STRING, kernel, 0, NULL, "Path of the kernel on the host."),
    ROW(OsDef, "initrd", F_STRING, initrd, 0, NULL, "Path of the initial ramdisk on the host."),
    ROW(OsDef, "cmdline", F_STRING, cmdline, 0, NULL, "Command line that the kernel gets."),
    ROW(OsDef, "shim", F_STRING, shim, 0, NULL,
        "Path of the shim that checks the kernel's signature (secure boot)."),
    ROW(OsDef, "root", F_STRING, root, 0, NULL,
        "Root device of a paravirtual guest; without effect on QEMU."),
    ROW(OsDef, "dtb", F_STRING, dtb, 0, NULL, "Path of the device tree file on the host."),
    ROW(OsDef, "acpi/table", F_LIST, acpi_tables, 0, &acpi_table_schema,
        "Files with ACPI tables that the guest gets."),
    ROW(OsDef, "boot", F_LIST, boots, 0, &boot_schema,
        "Kinds of device that the firmware tries, in this order."),
    ROW(OsDef, "bootmenu/@enable", F_ENUM, bootmenu, 0, yes_no,
        "Whether the firmware offers a menu of boot devices."),
    WHEN(OsDef, bootmenu, BIT(YES)),
    ROW_HAS(OsDef, "bootmenu/@timeout", F_U32, bootmenu_timeout, 0, NULL,
            "Time that the boot menu waits for a key, in milliseconds."),
    WHEN_END,
    ROW(OsDef, "bios/@useserial", F_ENUM, useserial, 0, yes_no,
        "Whether the firmware writes its messages to the serial port."),
    ROW_HAS(OsDef, "bios/@rebootTimeout", F_I32, reboot_timeout, 0, NULL,
            "Milliseconds until the firmware tries to boot again; -1: it does not."),
    ROW(OsDef, "smbios/@mode", F_ENUM, smbios, F_NONEMPTY | UNSUPPORTED, smbios_modes,
        "Whether the guest's SMBIOS tables are QEMU's own, the host's, or those of sysinfo."),
    ROW_END
};

static gboolean
os_settle(gpointer def, GError **err)
{
    OsDef *os = def;

    if (os->smbios == SMBIOS_NONE)
        os->smbios = 0;
    return TRUE;
}

const Schema os_schema = { "os", sizeof(OsDef), os_fields, os_settle,
                           .several = SEVERAL_FIRST_FIELD };

/* ---- features */

static const char *const hyperv_modes[] = { NULL, "custom", "passthrough", NULL };
static const char *const gic_versions[] = { NULL, "2", "3", "host", NULL };
static const char *const ioapics[] = { NULL, "qemu", "kvm", NULL };
static const char *const hpt_resizings[] = { NULL, "enabled", "disabled", "required", NULL };

/* An element that says on or off. */
typedef struct State {
    int state; /* ON, OFF */
} State;

static const Field state_fields[] = {
    ROW(State, "@state", F_ENUM, state, F_REQUIRED, on_off, "Whether the feature is on."), ROW_END
};
static const Schema state_schema = { "state", sizeof(State), state_fields };

/* One that need not: being there means on. */
static const Field switch_fields[] = { ROW(State, "@state", F_ENUM, state, 0, on_off,
                                           "Whether the feature is on; without it on."),
                                       ROW_END };

static gboolean
switch_settle(gpointer def, GError **err)
{
    State *s = def;

    if (!s->state)
        s->state = ON;
    return TRUE;
}

static const Schema switch_schema = { "switch", sizeof(State), switch_fields, switch_settle };

#define STATE(type, path, member, doc)  ROW(type, path, F_STRUCT, member, 0, &state_schema, doc)
#define SWITCH(type, path, member, doc) ROW(type, path, F_STRUCT, member, 0, &switch_schema, doc)

static const Field hyperv_fields[] = {
    ROW(HypervFeatures, "@mode", F_ENUM, mode, 0, hyperv_modes,
        "custom: the features that are named here; passthrough: all that the host offers."),
    STATE(HypervFeatures, "relaxed", relaxed,
          "Whether Windows relaxes its checks of timers, which a busy host could upset."),
    STATE(HypervFeatures, "vapic", vapic,
          "Whether the guest has Hyper-V's virtual interrupt controller (APIC)."),
    STATE(HypervFeatures, "spinlocks", spinlocks,
          "Whether the guest tells the hypervisor when it waits long for a spinlock."),
    WHEN(HypervFeatures, spinlocks, BIT(ON)),
    ROW(HypervFeatures, "spinlocks/@retries", F_U32, spinlock_retries, F_REQUIRED, NULL,
        "Number of tries for a spinlock before the hypervisor is told."),
    WHEN_END,
    STATE(HypervFeatures, "vpindex", vpindex,
          "Whether the guest can read the index of its virtual processors."),
    STATE(HypervFeatures, "runtime", runtime,
          "Whether the guest can read how long its virtual processors ran."),
    STATE(HypervFeatures, "synic", synic,
          "Whether the guest has Hyper-V's synthetic interrupt controller."),
    STATE(HypervFeatures, "stimer", stimer, "Whether the guest has Hyper-V's synthetic timers."),
    WHEN(HypervFeatures, stimer, BIT(ON)),
    STATE(HypervFeatures, "stimer/direct", stimer_direct,
          "Whether synthetic timers interrupt the guest directly, without a message."),
    WHEN_END,
    STATE(HypervFeatures, "reset", reset,
          "Whether the guest can reset itself through Hyper-V's interface."),
    STATE(HypervFeatures, "vendor_id", vendor_id,
          "Whether the guest reads another name of the hypervisor's vendor."),
    WHEN(HypervFeatures, vendor_id, BIT(ON)),
    ROW(HypervFeatures, "vendor_id/@value", F_STRING, vendor_id_value, F_REQUIRED, NULL,
        "Name of the hypervisor that the guest reads, at most 12 letters."),
    WHEN_END,
    STATE(HypervFeatures, "frequencies", frequencies,
          "Whether the guest can read the frequencies of its timers."),
    STATE(HypervFeatures, "reenlightenment", reenlightenment,
          "Whether the guest is told when its time stamp counter changes after a migration."),
    STATE(HypervFeatures, "tlbflush", tlbflush,
          "Whether the guest asks the hypervisor to flush TLBs of several processors at once."),
    WHEN(HypervFeatures, tlbflush, BIT(ON)),
    STATE(HypervFeatures, "tlbflush/direct", tlbflush_direct,
          "Whether a nested guest's TLB flushes go directly to the outer hypervisor."),
    STATE(HypervFeatures, "tlbflush/extended", tlbflush_extended,
          "Whether the guest can ask to flush ranges of addresses from TLBs."),
    WHEN_END,
    STATE(HypervFeatures, "ipi", ipi,
          "Whether the guest asks the hypervisor to send interrupts between processors."),
    STATE(HypervFeatures, "evmcs", evmcs,
          "Whether nested guests use the enlightened VMCS, which makes nested VMX faster."),
    STATE(HypervFeatures, "avic", avic,
          "Whether the processor's AVIC or APICv is used beside Hyper-V's interrupt controller."),
    STATE(HypervFeatures, "emsr_bitmap", emsr_bitmap,
          "Whether nested guests use the enlightened bitmap of model specific registers."),
    STATE(HypervFeatures, "xmm_input", xmm_input,
          "Whether the guest may pass input of hypercalls in XMM registers."),
    WHEN_END,
    ROW_END
};

static const Schema hyperv_schema;

/* Parts of a feature that are off need not be said, nor any that the host decides about. */
static gboolean
hyperv_settle(gpointer def, GError **err)
{
    HypervFeatures *h = def;
    int *const parts[] = { &h->stimer_direct, &h->tlbflush_direct, &h->tlbflush_extended };

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        if (*parts[i] == OFF)
            *parts[i] = 0;
    if (h->mode == HYPERV_PASSTHROUGH) {
        schema_done(&hyperv_schema, h);
        *h = (HypervFeatures){ .mode = HYPERV_PASSTHROUGH };
    }
    return TRUE;
}

static const Schema hyperv_schema = { "hyperv", sizeof(HypervFeatures), hyperv_fields,
                                      hyperv_settle, "feature of Hyper-V" };

static const Field kvm_fields[] = {
    STATE(KvmFeatures, "hidden", hidden,
          "Whether the guest is kept from seeing that it runs on KVM."),
    STATE(KvmFeatures, "hint-dedicated", hint_dedicated,
          "Whether the guest is told that its vcpus have host processors of their own."),
    STATE(KvmFeatures, "poll-control", poll_control,
          "Whether the guest may tell the host to stop polling for its idle vcpus."),
    STATE(KvmFeatures, "pv-ipi", pv_ipi,
          "Whether the guest sends interrupts between its vcpus through KVM."),
    STATE(KvmFeatures, "dirty-ring", dirty_ring,
          "Whether KVM tracks memory that the guest has written in a ring, not in a bitmap."),
    WHEN(KvmFeatures, dirty_ring, BIT(ON)),
    ROW(KvmFeatures, "dirty-ring/@size", F_U32, dirty_ring_size, F_REQUIRED, NULL,
        "Number of entries of the dirty ring of each vcpu, a power of two."),
    WHEN_END,
    ROW_END
};
static const Schema kvm_schema = { "kvm", sizeof(KvmFeatures), kvm_fields, NULL, "feature of KVM" };

static const char *const passthrough_modes[] = { NULL, "sync_pt", "share_pt", NULL };

static const Field xen_fields[] = {
    STATE(XenFeatures, "e820_host", e820_host,
          "Whether the guest sees the host's memory map; without effect on QEMU."),
    STATE(XenFeatures, "passthrough", passthrough,
          "Whether devices of the host may be passed through; without effect on QEMU."),
    WHEN(XenFeatures, passthrough, BIT(ON)),
    ROW(XenFeatures, "passthrough/@mode", F_ENUM, passthrough_mode, 0, passthrough_modes,
        "How mappings of passed-through devices are kept; without effect on QEMU."),
    WHEN_END,
    ROW_END
};
static const Schema xen_schema = { "xen", sizeof(XenFeatures), xen_fields, NULL, "feature of Xen" };

static const char *const unknown_msrs[] = { NULL, "ignore", "fault", NULL };

static const Field teardown_fields[] = {
    ROW(State, "@enabled", F_ENUM, state, 0, yes_no,
        "Whether memory is given back in the background; without it yes."),
    ROW_END
};

static gboolean
teardown_settle(gpointer def, GError **err)
{
    State *s = def;

    if (!s->state)
        s->state = YES;
    return TRUE;
}

static const Schema teardown_schema = { "async-teardown", sizeof(State), teardown_fields,
                                        teardown_settle };

static const SizeSpec tseg_size = { 1048576, 1, "", 0 };

const char *const mitigations[] = { NULL, "broken", "workaround", "fixed", NULL };
const char *const branch_mitigations[] = { NULL,        "broken",   "workaround", "fixed-ibs",
                                           "fixed-ccd", "fixed-na", NULL };
const char *const aia_modes[] = { NULL, "none", "aplic", "aplic-imsic", NULL };

static const Field features_fields[] = {
    ROW(FeaturesDef, "acpi", F_FLAG, acpi, 0, NULL,
        "Whether the guest has ACPI tables, which tell of its devices and its power button."),
    ROW(FeaturesDef, "apic", F_FLAG, apic, 0, NULL,
        "Whether the guest of x86 has an advanced interrupt controller."),
    ROW(FeaturesDef, "apic/@eoi", F_ENUM, apic_eoi, 0, on_off,
        "Whether the guest may end interrupts without leaving to the host."),
    ROW(FeaturesDef, "pae", F_FLAG, pae, 0, NULL,
        "Whether a 32-bit guest can address more than 4 GiB; QEMU always offers it."),
    SWITCH(FeaturesDef, "hap", hap,
           "Whether the processor's own paging is used; without effect on QEMU."),
    ROW(FeaturesDef, "viridian", F_FLAG, viridian, 0, NULL,
        "Hyper-V's features under Xen; without effect on QEMU."),
    ROW(FeaturesDef, "privnet", F_FLAG, privnet, 0, NULL,
        "Private network of a container; without effect on QEMU."),
    ROW(FeaturesDef, "hyperv", F_PTR, hyperv, 0, &hyperv_schema,
        "Features of Hyper-V that help a guest with Windows."),
    ROW(FeaturesDef, "kvm", F_PTR, kvm, 0, &kvm_schema, "Features of KVM that the guest sees."),
    SWITCH(FeaturesDef, "pvspinlock", pvspinlock,
           "Whether a guest that waits for a lock gives its processor back to the host."),
    SWITCH(FeaturesDef, "pmu", pmu, "Whether the guest has the processor's performance counters."),
    SWITCH(FeaturesDef, "vmport", vmport,
           "Whether the guest of x86 has VMware's I/O port, for its pointer."),
    ROW(FeaturesDef, "gic", F_FLAG, gic, 0, NULL,
        "The generic interrupt controller of a guest of Arm."),
    ROW(FeaturesDef, "gic/@version", F_ENUM, gic_version, 0, gic_versions,
        "Version of the interrupt controller; host: that of the host."),
    SWITCH(FeaturesDef, "smm", smm,
           "Whether the guest of x86 has system management mode; secure boot needs it."),
    WHEN(FeaturesDef, smm, BIT(ON)),
    ROW_HAS(FeaturesDef, "smm/tseg", F_SIZE, tseg, 0, &tseg_size,
            "Size of the memory that system management mode takes."),
    WHEN_END,
    ROW(FeaturesDef, "ioapic/@driver", F_ENUM, ioapic, 0, ioapics,
        "Whether KVM or QEMU emulates the I/O interrupt controller."),
    ROW(FeaturesDef, "hpt/@resizing", F_ENUM, hpt_resizing, 0, hpt_resizings,
        "Whether a guest of pSeries can or must resize its hashed page table."),
    ROW(FeaturesDef, "hpt/maxpagesize", F_SIZE, hpt_maxpagesize, 0, &size_kib,
        "Largest page that a guest of pSeries may have."),
    SWITCH(FeaturesDef, "vmcoreinfo", vmcoreinfo,
           "Whether the guest can leave notes that help to read a dump of its memory."),
    STATE(FeaturesDef, "htm", htm, "Whether a guest of pSeries has transactional memory."),
    STATE(FeaturesDef, "nested-hv", nested_hv,
          "Whether a guest of pSeries can run guests of its own."),
    ROW(FeaturesDef, "msrs/@unknown", F_ENUM, unknown_msrs, F_REQUIRED | F_HELD, unknown_msrs,
        "What bhyve does at a register that it does not know; without effect on QEMU."),
    STATE(FeaturesDef, "ccf-assist", ccf_assist,
          "Whether a guest of pSeries has help to flush the count cache."),
    ROW(FeaturesDef, "xen", F_PTR, xen, 0, &xen_schema, "Features of Xen; without effect on QEMU."),
    ROW(FeaturesDef, "cfpc/@value", F_ENUM, cfpc, 0, mitigations,
        "What a guest of pSeries is told of its protection by flushing caches."),
    ROW(FeaturesDef, "sbbc/@value", F_ENUM, sbbc, 0, mitigations,
        "What a guest of pSeries is told of its protection by bounds checks."),
    ROW(FeaturesDef, "ibs/@value", F_ENUM, ibs, 0, branch_mitigations,
        "What a guest of pSeries is told of its protection of indirect branches."),
    ROW(FeaturesDef, "tcg/tb-cache", F_SIZE, tb_cache, 0, &size_kib,
        "Size of the cache of translated code, where QEMU emulates the processor."),
    ROW(FeaturesDef, "async-teardown", F_STRUCT, async_teardown, 0, &teardown_schema,
        "Whether the guest's memory is given back after QEMU has ended, in the background."),
    STATE(FeaturesDef, "ras", ras, "Whether a guest of Arm is told of errors of its memory."),
    STATE(FeaturesDef, "ps2", ps2, "Whether the machine has a PS/2 controller."),
    ROW(FeaturesDef, "aia/@value", F_ENUM, aia, 0, aia_modes,
        "The advanced interrupt architecture of a guest of RISC-V."),
    ROW_REFUSED("capabilities", "Capabilities of a container; without effect on QEMU."),
    ROW_END
};
const Schema features_schema = { "features", sizeof(FeaturesDef), features_fields,
                                 NULL,       "feature",           SEVERAL_LAST_FIELD };

/* ---- clock */

static const char *const timer_names[] = { NULL,  "platform", "pit",         "rtc",       "hpet",
                                           "tsc", "kvmclock", "hypervclock", "armvtimer", NULL };
static const char *const tickpolicies[] = { NULL, "delay", "catchup", "merge", "discard", NULL };
static const char *const tracks[] = { NULL, "boot", "guest", "wall", "realtime", NULL };
static const char *const timer_modes[] = { NULL,       "auto",    "native", "emulate",
                                           "paravirt", "smpsafe", NULL };
static const char *const clock_offsets[] = { NULL,       "utc",      "localtime", "variable",
                                             "timezone", "absolute", NULL };
static const char *const clock_bases[] = { NULL, "utc", "localtime", NULL };

static const Field catchup_fields[] = {
    ROW(TimerCatchup, "@threshold", F_U64, threshold, 0, NULL,
        "Ticks that the guest may lag behind before lost ticks are made up for."),
    ROW(TimerCatchup, "@slew", F_U64, slew, 0, NULL, "Most ticks that are made up for at a time."),
    ROW(TimerCatchup, "@limit", F_U64, limit, 0, NULL, "Most ticks that are made up for at all."),
    ROW_END
};
static const Schema catchup_schema = { "catchup", sizeof(TimerCatchup), catchup_fields };

static const Field timer_fields[] = {
    ROW(TimerDef, "@name", F_ENUM, name, F_REQUIRED, timer_names,
        "Name of the timer that the settings are for."),
    ROW(TimerDef, "@present", F_ENUM, present, 0, yes_no, "Whether the guest has the timer."),
    ROW(TimerDef, "@tickpolicy", F_ENUM, tickpolicy, 0, tickpolicies,
        "What happens with ticks that the guest missed: delivered late, faster, merged or "
        "dropped."),
    ROW(TimerDef, "@track", F_ENUM, track, 0, tracks,
        "Whether the timer follows the guest's time or the host's."),
    ROW(TimerDef, "@frequency", F_U64, frequency, 0, NULL, "Frequency of the timer, in Hertz."),
    ROW(TimerDef, "@mode", F_ENUM, mode, 0, timer_modes,
        "Whether the guest reads the time stamp counter itself."),
    ROW(TimerDef, "catchup", F_PTR, catchup, F_FILLED, &catchup_schema,
        "How fast the guest catches up with ticks that it missed."),
    ROW_END
};

/* A <catchup> that says nothing is none. */
static gboolean
timer_settle(gpointer def, GError **err)
{
    TimerDef *t = def;
    const TimerCatchup *c = t->catchup;

    if (c && !c->threshold && !c->slew && !c->limit) {
        schema_free(&catchup_schema, t->catchup);
        t->catchup = NULL;
    }
    return TRUE;
}

static const Schema timer_schema = { "timer", sizeof(TimerDef), timer_fields, timer_settle };

static const Field clock_fields[] = {
    ROW(ClockDef, "@offset", F_ENUM, offset, UNSUPPORTED | F_NONEMPTY, clock_offsets,
        "What the guest's clock shows when the guest starts."),
    WHEN(ClockDef, offset, ~(BIT(CLOCK_TIMEZONE) | BIT(CLOCK_ABSOLUTE))),
    ROW(ClockDef, "@adjustment", F_STRING, adjustment_word, F_READ | F_NONEMPTY, NULL,
        "Seconds that the guest's clock is ahead of the host's, or the word reset."),
    WHEN(ClockDef, offset, BIT(CLOCK_VARIABLE)),
    ROW_HAS(ClockDef, "@adjustment", F_I64, adjustment, F_WRITE, NULL,
            "Seconds that the guest's clock is ahead of the host's."),
    ROW(ClockDef, "@basis", F_ENUM, basis, F_NONEMPTY | UNSUPPORTED, clock_bases,
        "Whether the adjustment is counted from UTC or from the host's local time."),
    WHEN(ClockDef, offset, BIT(0) | BIT(CLOCK_UTC) | BIT(CLOCK_LOCALTIME)),
    ROW(ClockDef, "@adjustment", F_STRING, adjustment_word, F_WRITE, NULL,
        "reset: what the guest has set its clock to is forgotten."),
    WHEN(ClockDef, offset, BIT(CLOCK_TIMEZONE)),
    ROW(ClockDef, "@timezone", F_STRING, timezone, F_NONEMPTY | F_MISSING(ERR_PLAIN), NULL,
        "Time zone of the guest's clock, such as Europe/Berlin."),
    WHEN(ClockDef, offset, BIT(CLOCK_ABSOLUTE)),
    ROW(ClockDef, "@start", F_I64, start, F_ALWAYS | F_ERR(ERR_PLAIN) | F_MISSING(ERR_PLAIN),
        RANGE(0, G_MAXINT64), "Time that the clock begins with, in seconds since 1970."),
    WHEN_END,
    ROW(ClockDef, "timer", F_LIST, timers, 0, &timer_schema, "Settings of the guest's timers."),
    ROW_END
};

static gboolean
seconds_read(const char *text, gint64 *ret_n)
{
    char *end;
    gint64 n;

    errno = 0;
    n = g_ascii_strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return FALSE;
    *ret_n = n;
    return TRUE;
}

/* A number makes any clock a variable one, where "reset", or what is no number, is 0. */
static gboolean
clock_settle(gpointer def, GError **err)
{
    ClockDef *clock = def;
    const char *word = clock->adjustment_word;
    gboolean variable = clock->offset == CLOCK_VARIABLE, reset = g_strcmp0(word, "reset") == 0;
    gint64 seconds = 0;

    if (!word || (reset && !variable))
        return TRUE;
    if (!seconds_read(word, &seconds) && !variable)
        return fail(err, ERR_XML,
                    "Invalid value for attribute 'adjustment' in element "
                    "'clock': '%s'. Expected a number or 'reset'",
                    word);
    g_clear_pointer(&clock->adjustment_word, g_free);
    clock->adjustment = seconds;
    if (!variable)
        clock->basis = clock->offset == CLOCK_LOCALTIME ? CLOCK_BASIS_LOCALTIME : CLOCK_BASIS_UTC;
    clock->offset = CLOCK_VARIABLE;
    return TRUE;
}

const Schema clock_schema = { "clock", sizeof(ClockDef), clock_fields, clock_settle };

/* ---- the small ones */

static const char *const actions[] = { NULL,       "destroy", "restart", "rename-restart",
                                       "preserve", NULL };
static const char *const crash_actions[] = {
    NULL,       "destroy",          "restart",          "rename-restart",
    "preserve", "coredump-destroy", "coredump-restart", NULL
};
static const char *const lock_actions[] = { NULL, "poweroff", "restart", "pause", "ignore", NULL };
static const char *const placements[] = { NULL, "static", "auto", NULL };
static const char *const sysinfo_types[] = { NULL, "smbios", "fwcfg", NULL };
static const char *const keywrap_names[] = { NULL, "aes", "dea", NULL };
static const char *const security_types[] = { NULL, "sev", "sev-snp", "s390-pv", "tdx", NULL };
static const char *const property_types[] = { NULL,     "unsigned", "signed", "bool",
                                              "string", "remove",   NULL };

static const Field pm_fields[] = { ROW(PmDef, "suspend-to-mem/@enabled", F_ENUM, suspend_to_mem, 0,
                                       yes_no, "Whether the guest can sleep with its memory on."),
                                   ROW(PmDef, "suspend-to-disk/@enabled", F_ENUM, suspend_to_disk,
                                       0, yes_no, "Whether the guest can hibernate."),
                                   ROW_END };
static const Schema pm_schema = { "pm", sizeof(PmDef), pm_fields, .several = SEVERAL_FIRST_FIELD };

static const Field perf_event_fields[] = { ROW(PerfEvent, "@name", F_STRING, name, F_REQUIRED, NULL,
                                               "Name of the performance event."),
                                           ROW(PerfEvent, "@enabled", F_ENUM, enabled, F_REQUIRED,
                                               yes_no, "Whether the event is counted."),
                                           ROW_END };
static const Schema perf_event_schema = { "event", sizeof(PerfEvent), perf_event_fields };

static const Field sysinfo_entry_fields[] = {
    ROW(SysinfoEntry, "@name", F_STRING, name, 0, NULL,
        "Name of the SMBIOS field or of the fw_cfg file."),
    ROW(SysinfoEntry, "@file", F_STRING, file, 0, NULL,
        "Path of the host's file whose content the guest reads."),
    ROW(SysinfoEntry, ".", F_STRING, value, 0, NULL, "Value of the field or content of the file."),
    ROW_END
};
static gboolean
sysinfo_entry_settle(gpointer def, GError **err)
{
    SysinfoEntry *e = def;

    if (e->file)
        g_clear_pointer(&e->value, g_free);
    return TRUE;
}

static const Schema sysinfo_entry_schema = { "entry", sizeof(SysinfoEntry), sysinfo_entry_fields,
                                             sysinfo_entry_settle };

SysinfoEntry *
sysinfo_entry_find(const GPtrArray *entries, const char *name)
{
    EACH (SysinfoEntry, entry, entries)
        if (g_strcmp0(entry->name, name) == 0 && entry->value)
            return entry;
    return NULL;
}

static const Field board_fields[] = { ROW(SysinfoBlock, "entry", F_LIST, entries, 0,
                                          &sysinfo_entry_schema, "Fields of one board, by name."),
                                      ROW_END };
static const Schema board_schema = { "baseBoard", sizeof(SysinfoBlock), board_fields };

#define ENTRIES(path, member)                                                                      \
    ROW(SysinfoDef, path "/entry", F_LIST, member, 0, &sysinfo_entry_schema,                       \
        "Fields of this table of SMBIOS, by name.")

static const Field sysinfo_fields[] = {
    ROW(SysinfoDef, "@type", F_ENUM, type, F_REQUIRED, sysinfo_types,
        "Whether the entries are fields of SMBIOS or files of fw_cfg."),
    WHEN(SysinfoDef, type, BIT(SYSINFO_SMBIOS)),
    ENTRIES("bios", bios),
    ENTRIES("system", system),
    ROW(SysinfoDef, "baseBoard", F_LIST, boards, 0, &board_schema,
        "Boards that the guest sees in SMBIOS."),
    ENTRIES("chassis", chassis),
    ENTRIES("oemStrings", oem),
    WHEN(SysinfoDef, type, BIT(SYSINFO_FWCFG)),
    ROW(SysinfoDef, "entry", F_LIST, fwcfg, 0, &sysinfo_entry_schema,
        "Files that the guest reads through fw_cfg."),
    WHEN_END,
    ROW_END
};
static const Schema sysinfo_schema = { "sysinfo", sizeof(SysinfoDef), sysinfo_fields };

static const Field idmap_fields[] = {
    ROW(IdmapDef, "uid", F_LIST, uids, 0, &idmap_entry_schema,
        "Users of the guest and the users of the host that stand for them."),
    ROW(IdmapDef, "gid", F_LIST, gids, 0, &idmap_entry_schema,
        "Groups of the guest and the groups of the host that stand for them."),
    ROW_END
};
static const Schema idmap_schema = { "idmap", sizeof(IdmapDef), idmap_fields };

static const Field resource_fields[] = {
    ROW(ResourceDef, "partition", F_STRING, partition, 0, NULL,
        "Control group of the host that the domain's own group is made in."),
    ROW(ResourceDef, "fibrechannel/@appid", F_STRING, appid, 0, NULL,
        "Name that marks the domain's traffic on Fibre Channel."),
    ROW_END
};
static const Schema resource_schema = { "resource", sizeof(ResourceDef), resource_fields };

static const Field keywrap_fields[] = {
    ROW(KeywrapCipher, "@name", F_ENUM, name, F_REQUIRED, keywrap_names,
        "Cipher whose keys can be wrapped."),
    ROW(KeywrapCipher, "@state", F_ENUM, state, F_REQUIRED, on_off,
        "Whether the guest can use wrapped keys of this cipher."),
    ROW_END
};
static const Schema keywrap_schema = { "cipher", sizeof(KeywrapCipher), keywrap_fields };

static const Field launch_security_fields[] = {
    ROW(LaunchSecurity, "@type", F_ENUM, type, F_REQUIRED, security_types,
        "Technology that keeps the guest's memory from its host."),
    ROW(LaunchSecurity, "@kernelHashes", F_ENUM, kernel_hashes, 0, yes_no,
        "Whether kernel, initrd and command line are part of what is measured."),
    ROW(LaunchSecurity, "@authorKey", F_ENUM, author_key, 0, yes_no,
        "Whether the identity block has a key of its author."),
    ROW(LaunchSecurity, "@vcek", F_ENUM, vcek, 0, yes_no,
        "Whether the guest's reports are signed with the chip's own key."),
    ROW_HAS(LaunchSecurity, "cbitpos", F_U32, cbitpos, 0, NULL,
            "Bit of an address that says that the page is encrypted."),
    ROW_HAS(LaunchSecurity, "reducedPhysBits", F_U32, reduced_phys_bits, 0, NULL,
            "Bits of a physical address that encryption takes."),
    WHEN(LaunchSecurity, type, BIT(SECURITY_SEV) | BIT(SECURITY_SEV_SNP)),
    ROW(LaunchSecurity, "policy", F_U64, policy, F_REQUIRED | F_ALWAYS, HEX(4, G_MAXUINT64),
        "Policy bits: what the host may do with the guest, as the guest's owner allows it."),
    WHEN(LaunchSecurity, type, ~(BIT(SECURITY_SEV) | BIT(SECURITY_SEV_SNP))),
    ROW(LaunchSecurity, "policy", F_U64, policy, 0, HEX(4, G_MAXUINT64),
        "Policy bits: what the host may do with the guest, as the guest's owner allows it."),
    WHEN_END,
    ROW(LaunchSecurity, "dhCert", F_STRING, dh_cert, 0, NULL,
        "Key of the guest's owner for the exchange, in base64."),
    ROW(LaunchSecurity, "session", F_STRING, session, 0, NULL,
        "Session of the guest's owner, in base64."),
    ROW(LaunchSecurity, "guestVisibleWorkarounds", F_STRING, guest_visible_workarounds, 0, NULL,
        "Workarounds of the hypervisor that the guest is told of, in base64."),
    ROW(LaunchSecurity, "idBlock", F_STRING, id_block, 0, NULL,
        "Identity that the guest must have, in base64."),
    ROW(LaunchSecurity, "idAuth", F_STRING, id_auth, 0, NULL,
        "Signature of the identity, in base64."),
    ROW(LaunchSecurity, "hostData", F_STRING, host_data, 0, NULL,
        "Data of the host that stands in the guest's reports, in base64."),
    ROW_END
};
static const Schema launch_security_schema = { "launchSecurity", sizeof(LaunchSecurity),
                                               launch_security_fields };

static const Field throttle_group_fields[] = {
    ROW(ThrottleGroup, "", F_STRUCT, limits, 0, &iotune_schema, NULL), ROW_END
};
static const Schema throttle_group_schema = { "throttlegroup", sizeof(ThrottleGroup),
                                              throttle_group_fields };

/* ---- the qemu namespace */

const XmlNamespace domain_namespaces[] = { { "qemu", "http://libvirt.org/schemas/domain/qemu/1.0" },
                                           { 0 } };

static const Field qemu_arg_fields[] = {
    ROW(QemuArg, "@value", F_STRING, value, F_MISSING(ERR_PLAIN), NULL,
        "A word that is added to QEMU's command line as it is."),
    ROW_END
};
static const Schema qemu_arg_schema = { "qemu:arg", sizeof(QemuArg), qemu_arg_fields };

static const Field qemu_env_fields[] = {
    ROW(QemuEnv, "@name", F_STRING, name, F_MISSING(ERR_PLAIN), NULL,
        "Name of a variable in QEMU's environment."),
    ROW(QemuEnv, "@value", F_STRING, value, 0, NULL,
        "Value of the environment variable; without it an empty one."),
    ROW_END
};
static const Schema qemu_env_schema = { "qemu:env", sizeof(QemuEnv), qemu_env_fields };

static const Field qemu_capability_fields[] = { ROW(QemuCapability, "@capability", F_STRING,
                                                    capability, F_MISSING(ERR_PLAIN), NULL,
                                                    "Name of a capability of QEMU."),
                                                ROW_END };
static const Schema qemu_capability_schema = { "qemu:add", sizeof(QemuCapability),
                                               qemu_capability_fields };

static const Field qemu_property_fields[] = {
    ROW(QemuProperty, "@name", F_STRING, name, F_REQUIRED, NULL,
        "Name of a property of QEMU's device."),
    ROW(QemuProperty, "@type", F_ENUM, type, F_REQUIRED, property_types,
        "Type of the value; remove: the property is not set."),
    ROW(QemuProperty, "@value", F_STRING, value, 0, NULL, "Value that the property gets."), ROW_END
};
static const Schema qemu_property_schema = { "qemu:property", sizeof(QemuProperty),
                                             qemu_property_fields };

static const Field qemu_override_fields[] = {
    ROW(QemuOverride, "@alias", F_STRING, alias, F_REQUIRED, NULL,
        "Alias of the device that is changed."),
    ROW(QemuOverride, "qemu:frontend/qemu:property", F_LIST, properties, F_JOINED,
        &qemu_property_schema, "Properties that replace those that vmd would set."),
    ROW_END
};
static const Schema qemu_override_schema = { "qemu:device", sizeof(QemuOverride),
                                             qemu_override_fields };

static const Field qemu_fields[] = {
    ROW(QemuNamespace, "qemu:commandline/qemu:arg", F_LIST, args, 0, &qemu_arg_schema,
        "Words that are added to QEMU's command line."),
    ROW(QemuNamespace, "qemu:commandline/qemu:env", F_LIST, envs, 0, &qemu_env_schema,
        "Variables that QEMU's environment gets."),
    ROW(QemuNamespace, "qemu:capabilities/qemu:add", F_LIST, caps_add, 0, &qemu_capability_schema,
        "Capabilities that QEMU is taken to have, although its probe did not show them."),
    ROW(QemuNamespace, "qemu:capabilities/qemu:del", F_LIST, caps_del, 0, &qemu_capability_schema,
        "Capabilities of QEMU that are not used."),
    ROW(QemuNamespace, "qemu:override/qemu:device", F_LIST, overrides, 0, &qemu_override_schema,
        "Devices some of whose properties are replaced."),
    ROW(QemuNamespace, "qemu:deprecation/@behavior", F_STRING, deprecation_behavior, F_NONEMPTY,
        NULL, "What QEMU does when a deprecated option is used: accept, hide, reject or crash."),
    ROW_END
};
static const Schema qemu_schema = { "qemu", sizeof(QemuNamespace), qemu_fields };

/* ---- the domain */

static const Field domain_fields[] = {
    /* Who forgets the name is told of it first. */
    ROW(DomainDef, "name", F_STRING, name, F_READ | F_MISSING(ERR_NO_NAME), NULL, NULL),
    ROW(DomainDef, "@type", F_ENUM, virt_type, UNSUPPORTED | F_NONEMPTY | F_MISSING(ERR_PLAIN),
        virt_types, "How the guest's processor is run: kvm by the host's, qemu by emulation."),
    ROW(DomainDef, "@id", F_U32, id, F_LIVE | F_STATE, NULL, "Number of the domain while it runs."),
    ROW(DomainDef, "name", F_STRING, name, F_MISSING(ERR_NO_NAME), NULL,
        "Name of the domain; no two have the same."),
    ROW(DomainDef, "uuid", F_UUID, uuid, F_ERR(ERR_PLAIN), NULL,
        "UUID of the domain; without it a random one is made."),
    ROW(DomainDef, "genid", F_FLAG, genid, F_ONCE, NULL,
        "The guest can see that it was cloned or restored from an earlier state."),
    ROW(DomainDef, "genid", F_UUID, genid_uuid, F_ERR(ERR_PLAIN), NULL,
        "Generation ID that the guest sees; without it a random one is made."),
    ROW(DomainDef, "title", F_STRING, title, F_HOT, NULL, "Title of the domain, one line."),
    ROW(DomainDef, "description", F_STRING, description, F_HOT, NULL,
        "Description of the domain, of any length."),
    ROW(DomainDef, "metadata", F_XML, metadata, F_HOT, NULL,
        "Elements of other programs, each in a namespace of its own; they are kept unchanged."),
    ROW(DomainDef, "maxMemory/@slots", F_U32, max_memory_slots, F_NONEMPTY, NULL,
        "Number of slots for memory modules that can be plugged in."),
    ROW(DomainDef, "maxMemory", F_SIZE, max_memory, 0, &size_kib,
        "Largest amount of memory that the guest can have, with all modules plugged in."),
    ROW(DomainDef, "memory/@dumpCore", F_ENUM, dump_core, 0, on_off,
        "Whether a core dump of QEMU contains the guest's memory."),
    ROW(DomainDef, "memory", F_SIZE, memory, 0, &size_kib,
        "Memory that the guest has when it starts."),
    ROW(DomainDef, "currentMemory", F_SIZE, current_memory, F_HOT, &size_kib,
        "Memory that the balloon leaves to the guest; without it all of it."),
    ROW(DomainDef, "blkiotune", F_PTR, blkiotune, F_FILLED | F_JOINED | F_HOT, &blkiotune_schema,
        "Weights and limits of the domain's block I/O."),
    ROW(DomainDef, "memtune", F_PTR, memtune, F_FILLED | F_JOINED | F_HOT, &memtune_schema,
        "Limits of the memory that QEMU takes from the host."),
    ROW(DomainDef, "memoryBacking", F_PTR, backing, F_FILLED | F_JOINED, &backing_schema,
        "Where the guest's memory comes from on the host: page size, source, sharing."),
    ROW(DomainDef, "vcpu/@placement", F_ENUM, vcpu_placement, 0, placements,
        "Whether the guest runs on the processors of cpuset, or on those that numad advises."),
    ROW(DomainDef, "vcpu/@cpuset", F_BITMAP, cpuset, 0, NULL,
        "Processors of the host that the domain may run on."),
    ROW(DomainDef, "vcpu/@current", F_U32, vcpus_current, 0, RANGE(1, G_MAXUINT32),
        "Number of vcpus that are there at the start; without it all."),
    ROW_HAS(DomainDef, "vcpu", F_U32, vcpus, F_TEXT, RANGE(0, 65535),
            "Largest number of vcpus that the guest can have."),
    ROW(DomainDef, "vcpus/vcpu", F_LIST, vcpu_slots, 0, &vcpu_slot_schema,
        "State of each vcpu: whether it is there, and whether it can be unplugged."),
    ROW(DomainDef, "iothreads", F_U32, iothreads, 0, RANGE(0, 0xffff),
        "Number of QEMU's threads that do the I/O of disks and controllers."),
    ROW(DomainDef, "iothreadids/iothread", F_LIST, iothread_ids, 0, &iothread_schema,
        "Number and settings of each of these threads."),
    ROW(DomainDef, "defaultiothread", F_PTR, default_iothread, F_FILLED, &default_iothread_schema,
        "Settings of the main loop of QEMU."),
    ROW(DomainDef, "throttlegroups/throttlegroup", F_LIST, throttle_groups, 0,
        &throttle_group_schema, "Limits that several disks share."),
    ROW(DomainDef, "cputune", F_PTR, cputune, F_FILLED | F_JOINED | F_HOT, &cputune_schema,
        "Where the domain's threads run, and how much of the host's processors they get."),
    ROW(DomainDef, "numatune", F_PTR, numatune, F_FILLED | F_ONCE, &numatune_schema,
        "NUMA nodes of the host that the guest's memory comes from."),
    ROW(DomainDef, "resource", F_PTR, resource, F_FILLED | F_ONCE, &resource_schema,
        "Control group and Fibre Channel tag of the domain."),
    ROW(DomainDef, "sysinfo", F_LIST, sysinfos, 0, &sysinfo_schema,
        "What the guest reads of its machine in SMBIOS, and files of fw_cfg."),
    ROW(DomainDef, "bootloader", F_STRING, bootloader, 0, NULL,
        "Program of the host that finds the kernel under Xen; without effect on QEMU."),
    ROW(DomainDef, "bootloader_args", F_STRING, bootloader_args, 0, NULL,
        "Arguments of that program; without effect on QEMU."),
    ROW(DomainDef, "os", F_STRUCT, os, F_REQUIRED | F_JOINED, &os_schema,
        "Architecture, machine, and the firmware or kernel that boots."),
    ROW(DomainDef, "idmap", F_PTR, idmap, F_JOINED, &idmap_schema,
        "User namespace of a container: its users and groups, and those of the host."),
    ROW(DomainDef, "features", F_PTR, features, F_FILLED, &features_schema,
        "Features of the machine that are on or off."),
    ROW(DomainDef, "cpu", F_PTR, cpu, F_JOINED, &cpu_schema,
        "Model, features and topology of the guest's processor."),
    ROW(DomainDef, "clock", F_STRUCT, clock, F_JOINED, &clock_schema,
        "Time that the guest's clock starts with, and the guest's timers."),
    ROW(DomainDef, "on_poweroff", F_ENUM, on_poweroff, UNSUPPORTED | F_HOT, actions,
        "What happens with the domain when the guest powers off."),
    ROW(DomainDef, "on_reboot", F_ENUM, on_reboot, UNSUPPORTED | F_HOT, actions,
        "What happens with the domain when the guest reboots."),
    ROW(DomainDef, "on_crash", F_ENUM, on_crash, UNSUPPORTED | F_HOT, crash_actions,
        "What happens with the domain when the guest crashes."),
    ROW(DomainDef, "on_lockfailure", F_ENUM, on_lockfailure, UNSUPPORTED, lock_actions,
        "What happens with the domain when it loses the lock of a disk; without effect on QEMU."),
    ROW(DomainDef, "pm", F_PTR, pm, F_FILLED | F_JOINED, &pm_schema,
        "Whether the guest can suspend to memory and to disk."),
    ROW(DomainDef, "perf/event", F_LIST, perf, 0, &perf_event_schema,
        "Events of the host's processors that are counted for the domain."),
    ROW(DomainDef, "devices", F_STRUCT, devices, F_ALWAYS | F_JOINED, &devices_schema,
        "The emulator, and the devices of the guest."),
    ROW(DomainDef, "seclabel", F_LIST, seclabels, 0, &seclabel_schema,
        "Labels that confine QEMU on the host."),
    ROW(DomainDef, "keywrap/cipher", F_LIST, keywrap, 0, &keywrap_schema,
        "Whether a guest of s390x can use keys that the host wraps."),
    ROW(DomainDef, "launchSecurity", F_PTR, launch_security, 0, &launch_security_schema,
        "Technology and keys that keep the guest's memory secret from the host."),
    ROW(DomainDef, "", F_PTR, qemu, 0, &qemu_schema, NULL),
    ROW_END
};
const Schema domain_schema = { "domain", sizeof(DomainDef), domain_fields };
