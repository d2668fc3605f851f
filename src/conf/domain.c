/* Rows of the domain around its devices, and its life. */
#include "check.h"

#include <string.h>

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

const char *const virt_types[] = { NULL, "qemu", "kvm", "hyperv", NULL };

/* ---- memory */

static const char *const memory_sources[] = { NULL, "file", "anonymous", "memfd", NULL };
static const char *const accesses[] = { NULL, "shared", "private", NULL };
static const char *const allocations[] = { NULL, "immediate", "ondemand", NULL };

static const Field page_fields[] = {
    ROW(HugePage, "@size", F_SIZE, size, F_REQUIRED, &size_kib, "Size of a page."),
    ROW(HugePage, "@nodeset", F_BITMAP, nodes, 0, NULL, "Cells of the guest."), ROW_END
};
static const Schema page_schema = { "page", sizeof(HugePage), page_fields };

static const Field backing_fields[] = {
    ROW(MemoryBacking, "hugepages", F_FLAG, hugepages, 0, NULL, "Huge pages."),
    ROW(MemoryBacking, "hugepages/page", F_LIST, pages, 0, &page_schema, "Of which size."),
    ROW(MemoryBacking, "nosharepages", F_FLAG, nosharepages, 0, NULL, "No merging."),
    ROW(MemoryBacking, "locked", F_FLAG, locked, 0, NULL, "No swapping."),
    ROW(MemoryBacking, "source/@type", F_ENUM, source, UNSUPPORTED | F_NONEMPTY, memory_sources,
        "What holds it."),
    ROW(MemoryBacking, "access/@mode", F_ENUM, access, UNSUPPORTED | F_NONEMPTY, accesses,
        "Shared or not."),
    ROW(MemoryBacking, "allocation/@mode", F_ENUM, allocation, UNSUPPORTED | F_NONEMPTY,
        allocations, "When."),
    ROW(MemoryBacking, "allocation/@threads", F_U32, alloc_threads, F_NONEMPTY, NULL,
        "Threads that allocate."),
    ROW(MemoryBacking, "discard", F_FLAG, discard, 0, NULL, "Throw contents away at the end."),
    ROW_END
};
static const Schema backing_schema = { "memoryBacking", sizeof(MemoryBacking), backing_fields };

static const Field memtune_fields[] = {
    ROW(MemtuneDef, "hard_limit", F_SIZE, hard_limit, 0, &size_kib, "At most."),
    ROW(MemtuneDef, "soft_limit", F_SIZE, soft_limit, 0, &size_kib, "When memory is scarce."),
    ROW(MemtuneDef, "min_guarantee", F_SIZE, min_guarantee, 0, &size_kib, "At least."),
    ROW(MemtuneDef, "swap_hard_limit", F_SIZE, swap_hard_limit, 0, &size_kib, "With swap."), ROW_END
};
static const Schema memtune_schema = { "memtune", sizeof(MemtuneDef), memtune_fields };

static const Field blkio_device_fields[] = {
    ROW(BlkioDevice, "path", F_STRING, path, F_MISSING(ERR_CONFIG_UNSUPPORTED), NULL,
        "Device of the host."),
    ROW(BlkioDevice, "weight", F_U32, weight, UNSUPPORTED, WRAPS, "Weight."),
    ROW(BlkioDevice, "read_iops_sec", F_U32, read_iops, UNSUPPORTED, WRAPS, "Reads a second."),
    ROW(BlkioDevice, "write_iops_sec", F_U32, write_iops, UNSUPPORTED, WRAPS, "Writes a second."),
    ROW(BlkioDevice, "read_bytes_sec", F_U64, read_bytes, UNSUPPORTED, WRAPS,
        "Bytes read a second."),
    ROW(BlkioDevice, "write_bytes_sec", F_U64, write_bytes, UNSUPPORTED, WRAPS,
        "Bytes written a second."),
    ROW_END
};
static const Schema blkio_device_schema = { "device", sizeof(BlkioDevice), blkio_device_fields };

/* What is no number says nothing. */
static gboolean
weight_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    char *end;
    guint64 n = g_ascii_strtoull(text, &end, 10);

    if (g_ascii_isdigit(*text) && !*end && n <= G_MAXUINT32)
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
    ROW(BlkiotuneDef, "weight", F_OWN, weight, 0, &weight_type, "Weight."),
    ROW(BlkiotuneDef, "device", F_LIST, devices, 0, &blkio_device_schema, "Of one device."), ROW_END
};
static const Schema blkiotune_schema = { "blkiotune", sizeof(BlkiotuneDef), blkiotune_fields };

/* ---- operating system */

static const char *const firmwares[] = { NULL, "bios", "efi", NULL };
static const char *const firmware_features[] = { NULL, "enrolled-keys", "secure-boot", NULL };
static const char *const loader_types[] = { NULL, "rom", "pflash", NULL };
static const char *const boot_devices[] = { NULL, "fd", "hd", "cdrom", "network", NULL };
static const char *const smbios_modes[] = { NULL, "emulate", "host", "sysinfo", NULL };
static const char *const acpi_tables[] = { NULL, "raw", "rawset", "slic", "msdm", NULL };

static const Field firmware_feature_fields[] = {
    ROW(FirmwareFeature, "@enabled", F_ENUM, enabled, F_REQUIRED, yes_no, "Wanted or not."),
    ROW(FirmwareFeature, "@name", F_ENUM, name, F_REQUIRED, firmware_features, "Feature."), ROW_END
};
static const Schema firmware_feature_schema = { "feature", sizeof(FirmwareFeature),
                                                firmware_feature_fields };

static const Field loader_fields[] = {
    ROW(LoaderDef, "@readonly", F_ENUM, readonly, 0, yes_no, "The guest cannot write."),
    ROW(LoaderDef, "@secure", F_ENUM, secure, 0, yes_no, "Needs SMM."),
    ROW(LoaderDef, "@type", F_ENUM, type, 0, loader_types, "How it is mapped."),
    ROW(LoaderDef, "@stateless", F_ENUM, stateless, 0, yes_no, "Without NVRAM."),
    ROW(LoaderDef, "@format", F_ENUM, format, 0, disk_formats, "Format."),
    ROW(LoaderDef, ".", F_STRING, path, 0, NULL, "Path of the firmware."),
    ROW_END
};
static const Schema loader_schema = { "loader", sizeof(LoaderDef), loader_fields };

static const Field nvram_fields[] = {
    ROW(NvramDef, "@template", F_STRING, template, 0, NULL, "What a new one begins with."),
    ROW(NvramDef, "@templateFormat", F_ENUM, template_format, 0, disk_formats, "Its format."),
    ROW(NvramDef, "@type", F_ENUM, source.type, 0, source_types, "Kind of source."),
    ROW(NvramDef, "@format", F_ENUM, format, 0, disk_formats, "Format."),
    WHEN(NvramDef, source.type, BIT(SOURCE_NONE)),
    ROW(NvramDef, ".", F_STRING, path, 0, NULL, "Path."),
    WHEN(NvramDef, source.type, ~BIT(SOURCE_NONE)),
    ROW(NvramDef, "source", F_STRUCT, source, F_REQUIRED | F_ALWAYS, &disk_source_schema,
        "Where it is."),
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

static const Schema nvram_schema = { "nvram", sizeof(NvramDef), nvram_fields, nvram_settle };

static const Field boot_fields[] = {
    ROW(BootDef, "@dev", F_ENUM, dev, F_REQUIRED, boot_devices, "Kind of device."), ROW_END
};
static const Schema boot_schema = { "boot", sizeof(BootDef), boot_fields };

static const Field acpi_table_fields[] = {
    ROW(AcpiTable, "@type", F_ENUM, type, F_REQUIRED, acpi_tables, "Kind of table."),
    ROW(AcpiTable, ".", F_STRING, path, 0, NULL, "File with the table."), ROW_END
};
static const Schema acpi_table_schema = { "table", sizeof(AcpiTable), acpi_table_fields };

static const Field os_fields[] = {
    ROW(OsDef, "@firmware", F_ENUM, firmware, 0, firmwares, "Choose the firmware."),
    ROW(OsDef, "type/@arch", F_STRING, arch, F_NONEMPTY, NULL, "Architecture."),
    ROW(OsDef, "type/@machine", F_STRING, machine, F_NONEMPTY, NULL, "Machine type."),
    ROW(OsDef, "type", F_STRING, type, F_MISSING(ERR_XML), NULL, "hvm."),
    ROW_IGNORED("init"),
    ROW_IGNORED("initarg"),
    ROW(OsDef, "firmware/feature", F_LIST, firmware_features, 0, &firmware_feature_schema,
        "What the firmware must have."),
    ROW(OsDef, "loader", F_PTR, loader, 0, &loader_schema, "Firmware."),
    ROW(OsDef, "nvram", F_PTR, nvram, 0, &nvram_schema, "Its variables."),
    ROW(OsDef, "kernel", F_STRING, kernel, 0, NULL, "Kernel."),
    ROW(OsDef, "initrd", F_STRING, initrd, 0, NULL, "Initial ramdisk."),
    ROW(OsDef, "cmdline", F_STRING, cmdline, 0, NULL, "Command line of the kernel."),
    ROW(OsDef, "shim", F_STRING, shim, 0, NULL, "Shim for secure boot."),
    ROW(OsDef, "root", F_STRING, root, 0, NULL, "Of paravirtual guests."),
    ROW(OsDef, "dtb", F_STRING, dtb, 0, NULL, "Device tree."),
    ROW(OsDef, "acpi/table", F_LIST, acpi_tables, 0, &acpi_table_schema, "ACPI tables."),
    ROW(OsDef, "boot", F_LIST, boots, 0, &boot_schema, "Boot order by kind."),
    ROW(OsDef, "bootmenu/@enable", F_ENUM, bootmenu, 0, yes_no, "A menu at boot."),
    WHEN(OsDef, bootmenu, BIT(YES)),
    ROW_HAS(OsDef, "bootmenu/@timeout", F_U32, bootmenu_timeout, 0, NULL, "Milliseconds it stays."),
    WHEN_END,
    ROW(OsDef, "bios/@useserial", F_ENUM, useserial, 0, yes_no, "Output to the serial port."),
    ROW_HAS(OsDef, "bios/@rebootTimeout", F_I32, reboot_timeout, 0, NULL,
            "Milliseconds until it tries again."),
    ROW(OsDef, "smbios/@mode", F_ENUM, smbios, F_NONEMPTY | UNSUPPORTED, smbios_modes,
        "Where SMBIOS comes from."),
    ROW_END
};
const Schema os_schema = { "os", sizeof(OsDef), os_fields };

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
    ROW(State, "@state", F_ENUM, state, F_REQUIRED, on_off, "On or off."), ROW_END
};
static const Schema state_schema = { "state", sizeof(State), state_fields };

/* One that need not: being there means on. */
static const Field switch_fields[] = {
    ROW(State, "@state", F_ENUM, state, 0, on_off, "On, the default, or off."), ROW_END
};

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
    ROW(HypervFeatures, "@mode", F_ENUM, mode, 0, hyperv_modes, "Given here, or the host's."),
    STATE(HypervFeatures, "relaxed", relaxed, "Relaxed timers."),
    STATE(HypervFeatures, "vapic", vapic, "Virtual APIC."),
    STATE(HypervFeatures, "spinlocks", spinlocks, "Spinlocks."),
    WHEN(HypervFeatures, spinlocks, BIT(ON)),
    ROW(HypervFeatures, "spinlocks/@retries", F_U32, spinlock_retries, F_REQUIRED, NULL,
        "Tries before the host is told."),
    WHEN_END,
    STATE(HypervFeatures, "vpindex", vpindex, "Index of a processor."),
    STATE(HypervFeatures, "runtime", runtime, "Time that a processor ran."),
    STATE(HypervFeatures, "synic", synic, "Interrupt controller."),
    STATE(HypervFeatures, "stimer", stimer, "Timers."),
    WHEN(HypervFeatures, stimer, BIT(ON)),
    STATE(HypervFeatures, "stimer/direct", stimer_direct, "Timers without messages."),
    WHEN_END,
    STATE(HypervFeatures, "reset", reset, "Reset by the guest."),
    STATE(HypervFeatures, "vendor_id", vendor_id, "Vendor."),
    WHEN(HypervFeatures, vendor_id, BIT(ON)),
    ROW(HypervFeatures, "vendor_id/@value", F_STRING, vendor_id_value, F_REQUIRED, NULL,
        "Its name."),
    WHEN_END,
    STATE(HypervFeatures, "frequencies", frequencies, "Frequencies."),
    STATE(HypervFeatures, "reenlightenment", reenlightenment, "After migration."),
    STATE(HypervFeatures, "tlbflush", tlbflush, "TLB flushes."),
    WHEN(HypervFeatures, tlbflush, BIT(ON)),
    STATE(HypervFeatures, "tlbflush/direct", tlbflush_direct, "Of nested guests."),
    STATE(HypervFeatures, "tlbflush/extended", tlbflush_extended, "Of ranges."),
    WHEN_END,
    STATE(HypervFeatures, "ipi", ipi, "Interprocessor interrupts."),
    STATE(HypervFeatures, "evmcs", evmcs, "Nested VMX."),
    STATE(HypervFeatures, "avic", avic, "AVIC."),
    STATE(HypervFeatures, "emsr_bitmap", emsr_bitmap, "MSR bitmap."),
    STATE(HypervFeatures, "xmm_input", xmm_input, "Hypercall input in XMM."),
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
    STATE(KvmFeatures, "hidden", hidden, "Hide KVM."),
    STATE(KvmFeatures, "hint-dedicated", hint_dedicated, "Vcpus are dedicated."),
    STATE(KvmFeatures, "poll-control", poll_control, "The guest may stop polling."),
    STATE(KvmFeatures, "pv-ipi", pv_ipi, "Paravirtual IPIs."),
    STATE(KvmFeatures, "dirty-ring", dirty_ring, "Dirty ring."),
    WHEN(KvmFeatures, dirty_ring, BIT(ON)),
    ROW(KvmFeatures, "dirty-ring/@size", F_U32, dirty_ring_size, F_REQUIRED, NULL,
        "Entries of it."),
    WHEN_END,
    ROW_END
};
static const Schema kvm_schema = { "kvm", sizeof(KvmFeatures), kvm_fields, NULL, "feature of KVM" };

static const char *const passthrough_modes[] = { NULL, "sync_pt", "share_pt", NULL };

static const Field xen_fields[] = {
    STATE(XenFeatures, "e820_host", e820_host, "The host's memory map."),
    STATE(XenFeatures, "passthrough", passthrough, "Mappings of passed-through devices."),
    WHEN(XenFeatures, passthrough, BIT(ON)),
    ROW(XenFeatures, "passthrough/@mode", F_ENUM, passthrough_mode, 0, passthrough_modes,
        "How they are kept."),
    WHEN_END,
    ROW_END
};
static const Schema xen_schema = { "xen", sizeof(XenFeatures), xen_fields, NULL, "feature of Xen" };

static const char *const unknown_msrs[] = { NULL, "ignore", "fault", NULL };

static const Field teardown_fields[] = {
    ROW(State, "@enabled", F_ENUM, state, 0, yes_no, "Yes, the default, or no."), ROW_END
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
    ROW(FeaturesDef, "acpi", F_FLAG, acpi, 0, NULL, "ACPI."),
    ROW(FeaturesDef, "apic", F_FLAG, apic, 0, NULL, "APIC."),
    ROW(FeaturesDef, "apic/@eoi", F_ENUM, apic_eoi, 0, on_off, "End of interrupt."),
    ROW(FeaturesDef, "pae", F_FLAG, pae, 0, NULL, "PAE."),
    SWITCH(FeaturesDef, "hap", hap, "Hardware assisted paging."),
    ROW(FeaturesDef, "viridian", F_FLAG, viridian, 0, NULL, "Of Xen."),
    ROW(FeaturesDef, "privnet", F_FLAG, privnet, 0, NULL, "Of containers."),
    ROW(FeaturesDef, "hyperv", F_PTR, hyperv, 0, &hyperv_schema, "Hyper-V's features."),
    ROW(FeaturesDef, "kvm", F_PTR, kvm, 0, &kvm_schema, "KVM's features."),
    SWITCH(FeaturesDef, "pvspinlock", pvspinlock, "Paravirtual spinlocks."),
    SWITCH(FeaturesDef, "pmu", pmu, "Performance counters."),
    SWITCH(FeaturesDef, "vmport", vmport, "VMware's port."),
    ROW(FeaturesDef, "gic", F_FLAG, gic, 0, NULL, "Interrupt controller of Arm."),
    ROW(FeaturesDef, "gic/@version", F_ENUM, gic_version, 0, gic_versions, "Its version."),
    SWITCH(FeaturesDef, "smm", smm, "System management mode."),
    WHEN(FeaturesDef, smm, BIT(ON)),
    ROW_HAS(FeaturesDef, "smm/tseg", F_SIZE, tseg, 0, &tseg_size, "Size of its memory."),
    WHEN_END,
    ROW(FeaturesDef, "ioapic/@driver", F_ENUM, ioapic, 0, ioapics, "Who emulates it."),
    ROW(FeaturesDef, "hpt/@resizing", F_ENUM, hpt_resizing, 0, hpt_resizings, "Of pSeries."),
    ROW(FeaturesDef, "hpt/maxpagesize", F_SIZE, hpt_maxpagesize, 0, &size_kib, "Of pSeries."),
    SWITCH(FeaturesDef, "vmcoreinfo", vmcoreinfo, "Debug information."),
    STATE(FeaturesDef, "htm", htm, "Of pSeries."),
    STATE(FeaturesDef, "nested-hv", nested_hv, "Of pSeries."),
    ROW(FeaturesDef, "msrs/@unknown", F_ENUM, unknown_msrs, F_REQUIRED | F_HELD, unknown_msrs,
        "Of bhyve; nothing to QEMU."),
    STATE(FeaturesDef, "ccf-assist", ccf_assist, "Of pSeries."),
    ROW(FeaturesDef, "xen", F_PTR, xen, 0, &xen_schema, "Of Xen; nothing to QEMU."),
    ROW(FeaturesDef, "cfpc/@value", F_ENUM, cfpc, 0, mitigations, "Of pSeries: cache flush."),
    ROW(FeaturesDef, "sbbc/@value", F_ENUM, sbbc, 0, mitigations, "Of pSeries: bounds checks."),
    ROW(FeaturesDef, "ibs/@value", F_ENUM, ibs, 0, branch_mitigations,
        "Of pSeries: indirect branches."),
    ROW(FeaturesDef, "tcg/tb-cache", F_SIZE, tb_cache, 0, &size_kib, "TCG's cache."),
    ROW(FeaturesDef, "async-teardown", F_STRUCT, async_teardown, 0, &teardown_schema,
        "Give memory back after the end."),
    STATE(FeaturesDef, "ras", ras, "Of Arm."),
    STATE(FeaturesDef, "ps2", ps2, "PS/2 controller."),
    ROW(FeaturesDef, "aia/@value", F_ENUM, aia, 0, aia_modes, "Interrupts of RISC-V."),
    ROW_REFUSED("capabilities", "Of containers."),
    ROW_END
};
const Schema features_schema = { "features", sizeof(FeaturesDef), features_fields, NULL,
                                 "feature" };

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
    ROW(TimerCatchup, "@threshold", F_U64, threshold, 0, NULL, "Ticks behind."),
    ROW(TimerCatchup, "@slew", F_U64, slew, 0, NULL, "How fast."),
    ROW(TimerCatchup, "@limit", F_U64, limit, 0, NULL, "At most."), ROW_END
};
static const Schema catchup_schema = { "catchup", sizeof(TimerCatchup), catchup_fields };

static const Field timer_fields[] = {
    ROW(TimerDef, "@name", F_ENUM, name, F_REQUIRED, timer_names, "Timer."),
    ROW(TimerDef, "@present", F_ENUM, present, 0, yes_no, "Whether the guest has it."),
    ROW(TimerDef, "@tickpolicy", F_ENUM, tickpolicy, 0, tickpolicies, "What missed ticks do."),
    ROW(TimerDef, "@track", F_ENUM, track, 0, tracks, "What it follows."),
    ROW(TimerDef, "@frequency", F_U64, frequency, 0, NULL, "Hertz."),
    ROW(TimerDef, "@mode", F_ENUM, mode, 0, timer_modes, "Mode."),
    ROW(TimerDef, "catchup", F_PTR, catchup, F_FILLED, &catchup_schema, "How it catches up."),
    ROW_END
};
static const Schema timer_schema = { "timer", sizeof(TimerDef), timer_fields };

static const Field clock_fields[] = {
    ROW(ClockDef, "@offset", F_ENUM, offset, UNSUPPORTED | F_NONEMPTY, clock_offsets,
        "What it shows at start."),
    WHEN(ClockDef, offset, ~(BIT(CLOCK_TIMEZONE) | BIT(CLOCK_ABSOLUTE))),
    ROW(ClockDef, "@adjustment", F_STRING, adjustment_word, F_READ, NULL, "Seconds, or reset."),
    WHEN(ClockDef, offset, BIT(CLOCK_VARIABLE)),
    ROW_HAS(ClockDef, "@adjustment", F_I64, adjustment, F_WRITE, NULL, "Seconds."),
    ROW(ClockDef, "@basis", F_ENUM, basis, F_NONEMPTY | UNSUPPORTED, clock_bases,
        "Seconds from what."),
    WHEN(ClockDef, offset, BIT(0) | BIT(CLOCK_UTC) | BIT(CLOCK_LOCALTIME)),
    ROW(ClockDef, "@adjustment", F_STRING, adjustment_word, F_WRITE, NULL, "reset."),
    WHEN(ClockDef, offset, BIT(CLOCK_TIMEZONE)),
    ROW(ClockDef, "@timezone", F_STRING, timezone, F_NONEMPTY | F_MISSING(ERR_INTERNAL), NULL,
        "Zone."),
    WHEN(ClockDef, offset, BIT(CLOCK_ABSOLUTE)),
    ROW(ClockDef, "@start", F_I64, start, F_ALWAYS | F_ERR(ERR_INTERNAL) | F_MISSING(ERR_INTERNAL),
        RANGE(0, G_MAXINT64), "Epoch."),
    WHEN_END,
    ROW(ClockDef, "timer", F_LIST, timers, 0, &timer_schema, "Timers."),
    ROW_END
};

/* A number makes any clock a variable one; "reset" is 0 there. */
static gboolean
clock_settle(gpointer def, GError **err)
{
    ClockDef *clock = def;
    g_autofree char *word = NULL;
    char *end;

    if (!clock->adjustment_word ||
        (clock->offset != CLOCK_VARIABLE && strcmp(clock->adjustment_word, "reset") == 0))
        return TRUE;
    word = g_steal_pointer(&clock->adjustment_word);
    if (strcmp(word, "reset") != 0) {
        clock->adjustment = g_ascii_strtoll(word, &end, 10);
        if (end == word || *end)
            return fail(err, ERR_XML,
                        "Invalid value for attribute 'adjustment' in element "
                        "'clock': '%s'. Expected a number or 'reset'",
                        word);
    }
    if (clock->offset != CLOCK_VARIABLE)
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

static const Field pm_fields[] = {
    ROW(PmDef, "suspend-to-mem/@enabled", F_ENUM, suspend_to_mem, 0, yes_no, "Sleep."),
    ROW(PmDef, "suspend-to-disk/@enabled", F_ENUM, suspend_to_disk, 0, yes_no, "Hibernate."),
    ROW_END
};
static const Schema pm_schema = { "pm", sizeof(PmDef), pm_fields };

static const Field perf_event_fields[] = {
    ROW(PerfEvent, "@name", F_STRING, name, F_REQUIRED, NULL, "Event."),
    ROW(PerfEvent, "@enabled", F_ENUM, enabled, F_REQUIRED, yes_no, "Counted or not."), ROW_END
};
static const Schema perf_event_schema = { "event", sizeof(PerfEvent), perf_event_fields };

static const Field sysinfo_entry_fields[] = {
    ROW(SysinfoEntry, "@name", F_STRING, name, 0, NULL, "Name."),
    ROW(SysinfoEntry, "@file", F_STRING, file, 0, NULL, "File with the value."),
    ROW(SysinfoEntry, ".", F_STRING, value, 0, NULL, "Value."), ROW_END
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

static const Field board_fields[] = {
    ROW(SysinfoBlock, "entry", F_LIST, entries, 0, &sysinfo_entry_schema, "Entries."), ROW_END
};
static const Schema board_schema = { "baseBoard", sizeof(SysinfoBlock), board_fields };

#define ENTRIES(path, member)                                                                      \
    ROW(SysinfoDef, path "/entry", F_LIST, member, 0, &sysinfo_entry_schema, "Entries.")

static const Field sysinfo_fields[] = {
    ROW(SysinfoDef, "@type", F_ENUM, type, F_REQUIRED, sysinfo_types, "Kind."),
    WHEN(SysinfoDef, type, BIT(SYSINFO_SMBIOS)),
    ENTRIES("bios", bios),
    ENTRIES("system", system),
    ROW(SysinfoDef, "baseBoard", F_LIST, boards, 0, &board_schema, "Boards."),
    ENTRIES("chassis", chassis),
    ENTRIES("oemStrings", oem),
    WHEN(SysinfoDef, type, BIT(SYSINFO_FWCFG)),
    ROW(SysinfoDef, "entry", F_LIST, fwcfg, 0, &sysinfo_entry_schema, "Entries."),
    WHEN_END,
    ROW_END
};
static const Schema sysinfo_schema = { "sysinfo", sizeof(SysinfoDef), sysinfo_fields };

static const Field idmap_fields[] = {
    ROW(IdmapDef, "uid", F_LIST, uids, 0, &idmap_entry_schema, "Users."),
    ROW(IdmapDef, "gid", F_LIST, gids, 0, &idmap_entry_schema, "Groups."), ROW_END
};
static const Schema idmap_schema = { "idmap", sizeof(IdmapDef), idmap_fields };

static const Field resource_fields[] = {
    ROW(ResourceDef, "partition", F_STRING, partition, 0, NULL, "Control group."),
    ROW(ResourceDef, "fibrechannel/@appid", F_STRING, appid, 0, NULL, "Tag of I/O."), ROW_END
};
static const Schema resource_schema = { "resource", sizeof(ResourceDef), resource_fields };

static const Field keywrap_fields[] = {
    ROW(KeywrapCipher, "@name", F_ENUM, name, F_REQUIRED, keywrap_names, "Cipher."),
    ROW(KeywrapCipher, "@state", F_ENUM, state, F_REQUIRED, on_off, "Wrapped or not."), ROW_END
};
static const Schema keywrap_schema = { "cipher", sizeof(KeywrapCipher), keywrap_fields };

static const Field launch_security_fields[] = {
    ROW(LaunchSecurity, "@type", F_ENUM, type, F_REQUIRED, security_types, "Technology."),
    ROW(LaunchSecurity, "@kernelHashes", F_ENUM, kernel_hashes, 0, yes_no, "Measure the kernel."),
    ROW(LaunchSecurity, "@authorKey", F_ENUM, author_key, 0, yes_no, "Author key."),
    ROW(LaunchSecurity, "@vcek", F_ENUM, vcek, 0, yes_no, "VCEK."),
    ROW_HAS(LaunchSecurity, "cbitpos", F_U32, cbitpos, 0, NULL, "Position of the C bit."),
    ROW_HAS(LaunchSecurity, "reducedPhysBits", F_U32, reduced_phys_bits, 0, NULL, "Bits lost."),
    WHEN(LaunchSecurity, type, BIT(SECURITY_SEV) | BIT(SECURITY_SEV_SNP)),
    ROW(LaunchSecurity, "policy", F_U64, policy, F_REQUIRED | F_ALWAYS, HEX(4, G_MAXUINT64),
        "Policy."),
    WHEN(LaunchSecurity, type, ~(BIT(SECURITY_SEV) | BIT(SECURITY_SEV_SNP))),
    ROW(LaunchSecurity, "policy", F_U64, policy, 0, HEX(4, G_MAXUINT64), "Policy."),
    WHEN_END,
    ROW(LaunchSecurity, "dhCert", F_STRING, dh_cert, 0, NULL, "Diffie-Hellman key."),
    ROW(LaunchSecurity, "session", F_STRING, session, 0, NULL, "Session."),
    ROW(LaunchSecurity, "guestVisibleWorkarounds", F_STRING, guest_visible_workarounds, 0, NULL,
        "Workarounds."),
    ROW(LaunchSecurity, "idBlock", F_STRING, id_block, 0, NULL, "Identity block."),
    ROW(LaunchSecurity, "idAuth", F_STRING, id_auth, 0, NULL, "Its authentication."),
    ROW(LaunchSecurity, "hostData", F_STRING, host_data, 0, NULL, "Data of the host."),
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

static const XmlNamespace namespaces[] = { { "qemu", "http://libvirt.org/schemas/domain/qemu/1.0" },
                                           { 0 } };

static const Field qemu_arg_fields[] = {
    ROW(QemuArg, "@value", F_STRING, value, F_MISSING(ERR_INTERNAL), NULL, "Argument."), ROW_END
};
static const Schema qemu_arg_schema = { "qemu:arg", sizeof(QemuArg), qemu_arg_fields };

static const Field qemu_env_fields[] = {
    ROW(QemuEnv, "@name", F_STRING, name, F_MISSING(ERR_INTERNAL), NULL, "Variable."),
    ROW(QemuEnv, "@value", F_STRING, value, 0, NULL, "Its value."), ROW_END
};
static const Schema qemu_env_schema = { "qemu:env", sizeof(QemuEnv), qemu_env_fields };

static const Field qemu_capability_fields[] = { ROW(QemuCapability, "@capability", F_STRING,
                                                    capability, F_MISSING(ERR_INTERNAL), NULL,
                                                    "Name."),
                                                ROW_END };
static const Schema qemu_capability_schema = { "qemu:add", sizeof(QemuCapability),
                                               qemu_capability_fields };

static const Field qemu_property_fields[] = {
    ROW(QemuProperty, "@name", F_STRING, name, F_REQUIRED, NULL, "Property."),
    ROW(QemuProperty, "@type", F_ENUM, type, F_REQUIRED, property_types, "Type."),
    ROW(QemuProperty, "@value", F_STRING, value, 0, NULL, "Value."), ROW_END
};
static const Schema qemu_property_schema = { "qemu:property", sizeof(QemuProperty),
                                             qemu_property_fields };

static const Field qemu_override_fields[] = {
    ROW(QemuOverride, "@alias", F_STRING, alias, F_REQUIRED, NULL, "Device."),
    ROW(QemuOverride, "qemu:frontend/qemu:property", F_LIST, properties, F_JOINED,
        &qemu_property_schema, "Properties."),
    ROW_END
};
static const Schema qemu_override_schema = { "qemu:device", sizeof(QemuOverride),
                                             qemu_override_fields };

static const Field qemu_fields[] = {
    ROW(QemuNamespace, "qemu:commandline/qemu:arg", F_LIST, args, 0, &qemu_arg_schema,
        "Arguments."),
    ROW(QemuNamespace, "qemu:commandline/qemu:env", F_LIST, envs, 0, &qemu_env_schema,
        "Variables."),
    ROW(QemuNamespace, "qemu:capabilities/qemu:add", F_LIST, caps_add, 0, &qemu_capability_schema,
        "Capabilities to assume."),
    ROW(QemuNamespace, "qemu:capabilities/qemu:del", F_LIST, caps_del, 0, &qemu_capability_schema,
        "Capabilities not to use."),
    ROW(QemuNamespace, "qemu:override/qemu:device", F_LIST, overrides, 0, &qemu_override_schema,
        "Properties of devices."),
    ROW(QemuNamespace, "qemu:deprecation/@behavior", F_STRING, deprecation_behavior, F_NONEMPTY,
        NULL, "What QEMU does to deprecated input."),
    ROW_END
};
static const Schema qemu_schema = { "qemu", sizeof(QemuNamespace), qemu_fields };

/* ---- the domain */

static const Field domain_fields[] = {
    ROW(DomainDef, "@type", F_ENUM, virt_type, UNSUPPORTED | F_NONEMPTY | F_MISSING(ERR_INTERNAL),
        virt_types, "Accelerator."),
    ROW(DomainDef, "@id", F_U32, id, F_LIVE | F_STATE, NULL, "Number while it runs."),
    ROW(DomainDef, "name", F_STRING, name, F_MISSING(ERR_NO_NAME), NULL, "Name."),
    ROW(DomainDef, "uuid", F_UUID, uuid, F_ERR(ERR_INTERNAL), NULL, "UUID."),
    ROW(DomainDef, "genid", F_FLAG, genid, F_ONCE, NULL, "Generation id."),
    ROW(DomainDef, "genid", F_UUID, genid_uuid, F_ERR(ERR_INTERNAL), NULL, "Its value."),
    ROW(DomainDef, "title", F_STRING, title, 0, NULL, "One line."),
    ROW(DomainDef, "description", F_STRING, description, 0, NULL, "Text."),
    ROW(DomainDef, "metadata", F_XML, metadata, 0, NULL, "Anything, by namespace."),
    ROW(DomainDef, "maxMemory/@slots", F_U32, max_memory_slots, 0, NULL, "Slots of modules."),
    ROW(DomainDef, "maxMemory", F_SIZE, max_memory, 0, &size_kib, "With all modules."),
    ROW(DomainDef, "memory/@dumpCore", F_ENUM, dump_core, 0, on_off, "In core dumps."),
    ROW(DomainDef, "memory", F_SIZE, memory, 0, &size_kib, "Memory at boot."),
    ROW(DomainDef, "currentMemory", F_SIZE, current_memory, 0, &size_kib, "With the balloon."),
    ROW(DomainDef, "blkiotune", F_PTR, blkiotune, F_FILLED | F_JOINED, &blkiotune_schema,
        "Block I/O."),
    ROW(DomainDef, "memtune", F_PTR, memtune, F_FILLED, &memtune_schema, "Memory limits."),
    ROW(DomainDef, "memoryBacking", F_PTR, backing, F_FILLED | F_JOINED, &backing_schema,
        "What memory is made of."),
    ROW(DomainDef, "vcpu/@placement", F_ENUM, vcpu_placement, 0, placements, "Who pins."),
    ROW(DomainDef, "vcpu/@cpuset", F_BITMAP, cpuset, 0, NULL, "CPUs of the host."),
    ROW(DomainDef, "vcpu/@current", F_U32, vcpus_current, 0, RANGE(1, G_MAXUINT32), "Plugged."),
    ROW_HAS(DomainDef, "vcpu", F_U32, vcpus, F_TEXT, RANGE(0, 65535), "Processors."),
    ROW(DomainDef, "vcpus/vcpu", F_LIST, vcpu_slots, 0, &vcpu_slot_schema, "One by one."),
    ROW(DomainDef, "iothreads", F_U32, iothreads, 0, RANGE(0, 0xffff), "Threads for disks."),
    ROW(DomainDef, "iothreadids/iothread", F_LIST, iothread_ids, 0, &iothread_schema,
        "One by one."),
    ROW(DomainDef, "defaultiothread", F_PTR, default_iothread, F_FILLED, &default_iothread_schema,
        "Main."),
    ROW(DomainDef, "throttlegroups/throttlegroup", F_LIST, throttle_groups, 0,
        &throttle_group_schema, "Limits shared by disks."),
    ROW(DomainDef, "cputune", F_PTR, cputune, F_FILLED | F_JOINED, &cputune_schema,
        "Pinning and shares."),
    ROW(DomainDef, "numatune", F_PTR, numatune, F_FILLED | F_ONCE, &numatune_schema,
        "Nodes of the host."),
    ROW(DomainDef, "resource", F_PTR, resource, F_FILLED | F_ONCE, &resource_schema,
        "Control group."),
    ROW(DomainDef, "sysinfo", F_LIST, sysinfos, 0, &sysinfo_schema, "SMBIOS and fw_cfg."),
    ROW(DomainDef, "bootloader", F_STRING, bootloader, 0, NULL, "Of Xen."),
    ROW(DomainDef, "bootloader_args", F_STRING, bootloader_args, 0, NULL, "Of Xen."),
    ROW(DomainDef, "os", F_STRUCT, os, F_REQUIRED | F_JOINED, &os_schema, "What boots."),
    ROW(DomainDef, "idmap", F_PTR, idmap, F_JOINED, &idmap_schema, "User namespace."),
    ROW(DomainDef, "features", F_PTR, features, F_FILLED, &features_schema,
        "Features of the machine."),
    ROW(DomainDef, "cpu", F_PTR, cpu, F_JOINED, &cpu_schema, "Processor model."),
    ROW(DomainDef, "clock", F_STRUCT, clock, F_JOINED, &clock_schema, "Clock and timers."),
    ROW(DomainDef, "on_poweroff", F_ENUM, on_poweroff, UNSUPPORTED, actions, "When it powers off."),
    ROW(DomainDef, "on_reboot", F_ENUM, on_reboot, UNSUPPORTED, actions, "When it reboots."),
    ROW(DomainDef, "on_crash", F_ENUM, on_crash, UNSUPPORTED, crash_actions, "When it crashes."),
    ROW(DomainDef, "on_lockfailure", F_ENUM, on_lockfailure, UNSUPPORTED, lock_actions, "Locks."),
    ROW(DomainDef, "pm", F_PTR, pm, F_FILLED, &pm_schema, "Power management."),
    ROW(DomainDef, "perf/event", F_LIST, perf, 0, &perf_event_schema, "Counters."),
    ROW(DomainDef, "devices", F_STRUCT, devices, F_ALWAYS | F_JOINED, &devices_schema, "Devices."),
    ROW(DomainDef, "seclabel", F_LIST, seclabels, 0, &seclabel_schema, "Security labels."),
    ROW(DomainDef, "keywrap/cipher", F_LIST, keywrap, 0, &keywrap_schema, "Of s390x."),
    ROW(DomainDef, "launchSecurity", F_PTR, launch_security, 0, &launch_security_schema, "Sealed."),
    ROW(DomainDef, "", F_PTR, qemu, 0, &qemu_schema, NULL),
    ROW_END
};
const Schema domain_schema = { "domain", sizeof(DomainDef), domain_fields };

/* ---- life */

static const EmulatorCaps *
find_caps(const DomainDef *def, const ConfContext *context, GError **err)
{
    return context->lookup(def->devices.emulator, def->os.arch, def->virt_type, context->user, err);
}

gboolean
domain_complete(DomainDef *def, const ConfContext *context, GError **err)
{
    const EmulatorCaps *caps = find_caps(def, context, err);

    return caps && domain_fill(def, caps, context, err);
}

gboolean
domain_settle(DomainDef *def, const ConfContext *context, GError **err)
{
    return domain_check_written(def, err) && domain_complete(def, context, err) &&
           domain_check(def, find_caps(def, context, err), err);
}

/* In a document they are in order, whatever their numbers say. */
static void
forget_console_ports(const DomainDef *def)
{
    if (!def)
        return;
    EACH (CharDef, console, def->devices.consoles)
        console->has_port = FALSE;
}

DomainDef *
domain_parse(const char *xml, gssize len, guint flags, const ConfContext *context, GError **err)
{
    g_autoptr(DomainDef) def = NULL;
    guint xml_flags = (flags & DEF_LIVE ? XML_LIVE : 0) | (flags & DEF_VALIDATE ? XML_VALIDATE : 0);

    def = xml_parse(&domain_schema, namespaces, xml, len, xml_flags, err);
    forget_console_ports(def);
    if (def && !(flags & DEF_BARE) && !domain_settle(def, context, err))
        return NULL;
    return g_steal_pointer(&def);
}

/* The consoles as they are written: the one that is a serial port sits where that sits. Borrows all
 * it shows. */
static GPtrArray *
consoles_shown(const Devices *devices, CharDef *twin)
{
    GPtrArray *shown = g_ptr_array_new();

    g_ptr_array_extend(shown, devices->consoles, NULL, NULL);
    *twin = *(const CharDef *)shown->pdata[0];
    if (devices->serials && twin->target_type == CONSOLE_SERIAL)
        twin->info = ((const CharDef *)devices->serials->pdata[0])->info;
    shown->pdata[0] = twin;
    return shown;
}

char *
domain_format(const DomainDef *def, guint flags)
{
    guint xml_flags = (flags & DEF_LIVE ? XML_LIVE : 0) | (flags & DEF_SECURE ? XML_SECURE : 0);
    g_autoptr(GPtrArray) consoles = NULL;
    DomainDef shown = *def;
    CharDef twin;

    if (def->devices.consoles)
        shown.devices.consoles = consoles = consoles_shown(&def->devices, &twin);
    return xml_format(&domain_schema, namespaces, &shown, xml_flags);
}

DomainDef *
domain_copy(const DomainDef *def)
{
    return schema_copy(&domain_schema, def);
}

gboolean
domain_equal(const DomainDef *a, const DomainDef *b)
{
    return schema_equal(&domain_schema, a, b);
}

void
domain_free(DomainDef *def)
{
    schema_free(&domain_schema, def);
}
