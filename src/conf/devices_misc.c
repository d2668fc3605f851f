/* Rows of host devices, filesystems, memory devices and the small ones. */
#include "rows.h"

/* ---- host devices */

static const char *const hostdev_modes[] = { NULL, "subsystem", "capabilities", NULL };
static const char *const hostdev_types[] = { NULL,   "usb",     "pci",  "scsi", "scsi_host",
                                             "mdev", "storage", "misc", "net",  NULL };
const char *const hostdev_models[] = {
    NULL,      "virtio", "virtio-transitional", "virtio-non-transitional", "vfio-pci", "vfio-ccw",
    "vfio-ap", NULL
};
static const char *const hostdev_drivers[] = { NULL, "kvm", "vfio", "xen", NULL };
static const char *const sgios[] = { NULL, "filtered", "unfiltered", NULL };
static const char *const startup_policies[] = { NULL, "mandatory", "requisite", "optional", NULL };
static const char *const guest_resets[] = { NULL, "off", "uninitialized", "on", NULL };
static const char *const vhost_protocols[] = { NULL, "vhost", NULL };

static const Field usb_fields[] = {
    ROW_HAS(HostdevUsb, "vendor/@id", F_U32, vendor, 0, HEX(4, 0xffff), "USB vendor."),
    ROW_HAS(HostdevUsb, "product/@id", F_U32, product, 0, HEX(4, 0xffff), "USB product."),
    ROW_HAS(HostdevUsb, "address/@bus", F_U32, bus, 0, NULL, "Bus of the host."),
    ROW(HostdevUsb, "address/@port", F_STRING, port, 0, NULL, "Port of the host."),
    ROW_HAS(HostdevUsb, "address/@device", F_U32, device, 0, NULL, "Device on the bus."),
    ROW_END
};
static const Schema usb_schema = { "source", sizeof(HostdevUsb), usb_fields };

static const Field scsi_fields[] = {
    ROW(HostdevScsi, "@protocol", F_ENUM, protocol, 0, source_protocols, "iscsi."),
    ROW(HostdevScsi, "@name", F_STRING, name, 0, NULL, "IQN and LUN."),
    ROW(HostdevScsi, "adapter/@name", F_STRING, adapter, 0, NULL, "Adapter of the host."),
    ROW(HostdevScsi, "host", F_LIST, hosts, 0, &source_host_schema, "Servers."),
    ROW(HostdevScsi, "auth", F_PTR, auth, 0, &auth_schema, "Login."),
    ROW(HostdevScsi, "initiator/iqn/@name", F_STRING, initiator, 0, NULL, "Our iSCSI name."),
    WHEN(HostdevScsi, protocol, BIT(0)),
    ROW(HostdevScsi, "address/@bus", F_U32, address.bus, F_ALWAYS, NULL, "Bus."),
    ROW(HostdevScsi, "address/@target", F_U32, address.target, F_ALWAYS, NULL, "Target."),
    ROW(HostdevScsi, "address/@unit", F_U32, address.unit, F_ALWAYS, NULL, "Unit."),
    WHEN_END,
    ROW_END
};
static const Schema scsi_schema = { "source", sizeof(HostdevScsi), scsi_fields };

static const Field vhost_fields[] = {
    ROW(HostdevVhost, "@protocol", F_ENUM, protocol, F_REQUIRED, vhost_protocols, "vhost."),
    ROW(HostdevVhost, "@wwpn", F_STRING, wwpn, F_REQUIRED, NULL, "Name of the target."), ROW_END
};
static const Schema vhost_schema = { "source", sizeof(HostdevVhost), vhost_fields };

static const Field hostdev_source_fields[] = {
    WHEN(HostdevSource, type, BIT(HOSTDEV_USB)),
    ROW(HostdevSource, "@startupPolicy", F_ENUM, startup_policy, F_DEFAULT, startup_policies,
        "What a missing device does to a start."),
    ROW(HostdevSource, "@autoaddress", F_ENUM, autoaddress, F_LIVE, yes_no, "Was found by vendor."),
    ROW(HostdevSource, "@missing", F_ENUM, missing, F_LIVE, yes_no, "Was not there."),
    ROW(HostdevSource, "@guestReset", F_ENUM, guest_reset, 0, guest_resets, "Guest may reset it."),
    ROW(HostdevSource, "", F_PTR, usb, 0, &usb_schema, NULL),
    WHEN(HostdevSource, type, BIT(HOSTDEV_PCI)),
    ROW(HostdevSource, "@writeFiltering", F_ENUM, write_filtering, 0, yes_no, "Of config space."),
    ROW(HostdevSource, "address", F_PTR, pci, F_REQUIRED, &pci_address_schema, "The device."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_SCSI)),
    ROW(HostdevSource, "", F_PTR, scsi, 0, &scsi_schema, NULL),
    WHEN(HostdevSource, type, BIT(HOSTDEV_SCSI_HOST)),
    ROW(HostdevSource, "", F_PTR, vhost, 0, &vhost_schema, NULL),
    WHEN(HostdevSource, type, BIT(HOSTDEV_MDEV)),
    ROW(HostdevSource, "address/@uuid", F_UUID, mdev_uuid, F_REQUIRED, NULL, "Mediated device."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_STORAGE)),
    ROW(HostdevSource, "block", F_STRING, block, 0, NULL, "Block device."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_MISC)),
    ROW(HostdevSource, "char", F_STRING, chardev, 0, NULL, "Character device."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_NET)),
    ROW(HostdevSource, "interface", F_STRING, interface, 0, NULL, "Interface."),
    WHEN_END,
    ROW_END
};
static const Schema hostdev_source_schema = { "source", sizeof(HostdevSource),
                                              hostdev_source_fields };

static const Field hostdev_fields[] = {
    ROW(HostdevDef, "@mode", F_ENUM, mode, UNSUPPORTED, hostdev_modes, "subsystem."),
    ROW(HostdevDef, "@type", F_ENUM, source.type, UNSUPPORTED | F_MISSING(ERR_CONFIG_UNSUPPORTED),
        hostdev_types, "Kind of device."),
    ROW(HostdevDef, "@managed", F_ENUM, managed, 0, yes_no, "Detach it from the host."),
    ROW(HostdevDef, "@sgio", F_ENUM, sgio, UNSUPPORTED, sgios, "Whether commands are filtered."),
    ROW(HostdevDef, "@rawio", F_ENUM, rawio, UNSUPPORTED, yes_no, "Needs the rawio capability."),
    ROW(HostdevDef, "@model", F_ENUM, model, UNSUPPORTED, hostdev_models, "Model."),
    ROW(HostdevDef, "@display", F_ENUM, display, 0, on_off, "Display of a mediated device."),
    ROW(HostdevDef, "@ramfb", F_ENUM, ramfb, 0, on_off, "Its boot framebuffer."),
    ROW(HostdevDef, "driver/@name", F_ENUM, driver_name, UNSUPPORTED, hostdev_drivers, "vfio."),
    ROW(HostdevDef, "driver/@model", F_STRING, driver_model, 0, NULL, "Driver of the host."),
    ROW(HostdevDef, "source", F_STRUCT, source, F_REQUIRED, &hostdev_source_schema, "The device."),
    ROW(HostdevDef, "teaming", F_PTR, teaming, 0, &teaming_schema, "Pair for migration."),
    ROW(HostdevDef, "readonly", F_FLAG, readonly, 0, NULL, "The guest cannot write."),
    ROW(HostdevDef, "shareable", F_FLAG, shareable, 0, NULL, "Others may use it too."),
    INFO(HostdevDef),
    ROW_END
};
const Schema hostdev_schema = { "hostdev", sizeof(HostdevDef), hostdev_fields };

/* ---- filesystems */

static const char *const fs_types[] = { NULL,  "mount", "block",  "file", "template",
                                        "ram", "bind",  "volume", NULL };
static const char *const accessmodes[] = { NULL, "passthrough", "mapped", "squash", NULL };
static const char *const multidevs[] = { NULL, "remap", "forbid", "warn", NULL };
static const char *const fs_drivers[] = { NULL,    "path",     "handle", "loop", "nbd",
                                          "ploop", "virtiofs", "mtp",    NULL };
static const char *const wrpolicies[] = { NULL, "immediate", NULL };
static const char *const fs_caches[] = { NULL, "none", "always", NULL };
static const char *const sandboxes[] = { NULL, "namespace", "chroot", NULL };
enum { FS_MOUNT = 1, FS_BLOCK, FS_FILE, FS_TEMPLATE, FS_RAM, FS_BIND, FS_VOLUME };

static gboolean
octal_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    char *end;
    guint64 mode = g_ascii_strtoull(text, &end, 8);

    if (!g_ascii_isdigit(*text) || *end || mode > 0777)
        return FALSE;
    *(guint32 *)at = mode;
    return TRUE;
}

static void
octal_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append_printf(out, "%04o", *(const guint32 *)at);
}

static const FieldType file_mode = { "octal mode", "octal value up to 0777", 4, octal_parse,
                                     octal_format };

static const Field idmap_entry_fields[] = {
    ROW_HAS(IdmapEntry, "@start", F_U32, start, F_REQUIRED, NULL, "First id in the guest."),
    ROW_HAS(IdmapEntry, "@target", F_U32, target, F_REQUIRED, NULL, "First id of the host."),
    ROW_HAS(IdmapEntry, "@count", F_U32, count, F_REQUIRED, NULL, "How many."), ROW_END
};
const Schema idmap_entry_schema = { "uid", sizeof(IdmapEntry), idmap_entry_fields };

static const Field filesystem_fields[] = {
    ROW(FsDef, "@type", F_ENUM, type, UNSUPPORTED, fs_types, "Kind of source."),
    ROW(FsDef, "@accessmode", F_ENUM, accessmode, UNSUPPORTED, accessmodes, "Whose owner counts."),
    ROW(FsDef, "@model", F_ENUM, model, 0, virtio_models, "Model."),
    ROW(FsDef, "@multidevs", F_ENUM, multidevs, UNSUPPORTED | F_DEFAULT, multidevs,
        "What several devices below do."),
    ROW_HAS(FsDef, "@fmode", F_OWN, fmode, 0, &file_mode, "Mode of new files."),
    ROW_HAS(FsDef, "@dmode", F_OWN, dmode, 0, &file_mode, "Mode of new folders."),
    ROW(FsDef, "driver/@type", F_ENUM, driver, UNSUPPORTED, fs_drivers, "Driver."),
    ROW(FsDef, "driver/@format", F_ENUM, driver_format, UNSUPPORTED, disk_formats, "Format."),
    ROW(FsDef, "driver/@wrpolicy", F_ENUM, wrpolicy, UNSUPPORTED, wrpolicies, "When it writes."),
    ROW(FsDef, "driver/@queue", F_U32, queue, 0, NULL, "Length of the virtqueue."),
    VIRTIO(FsDef),
    ROW(FsDef, "binary/@path", F_STRING, binary, 0, NULL, "The virtiofsd."),
    ROW(FsDef, "binary/@xattr", F_ENUM, xattr, 0, on_off, "Extended attributes."),
    ROW(FsDef, "binary/cache/@mode", F_ENUM, cache, F_DEFAULT, fs_caches, "Cache."),
    ROW(FsDef, "binary/sandbox/@mode", F_ENUM, sandbox, 0, sandboxes, "Confinement."),
    ROW(FsDef, "binary/lock/@posix", F_ENUM, posix_lock, 0, on_off, "POSIX locks."),
    ROW(FsDef, "binary/lock/@flock", F_ENUM, flock, 0, on_off, "BSD locks."),
    ROW_HAS(FsDef, "binary/thread_pool/@size", F_I32, thread_pool, 0, NULL, "Threads."),
    ROW(FsDef, "binary/openfiles/@max", F_U64, openfiles, 0, NULL, "Open files."),
    ROW(FsDef, "idmap/uid", F_LIST, uids, 0, &idmap_entry_schema, "Users."),
    ROW(FsDef, "idmap/gid", F_LIST, gids, 0, &idmap_entry_schema, "Groups."),
    ROW(FsDef, "source/@socket", F_STRING, socket, 0, NULL, "Socket of a virtiofsd."),
    WHEN(FsDef, type, BIT(0) | BIT(FS_MOUNT) | BIT(FS_BIND)),
    ROW(FsDef, "source/@dir", F_STRING, source, 0, NULL, "Folder."),
    WHEN(FsDef, type, BIT(FS_BLOCK)),
    ROW(FsDef, "source/@dev", F_STRING, source, 0, NULL, "Block device."),
    WHEN(FsDef, type, BIT(FS_FILE)),
    ROW(FsDef, "source/@file", F_STRING, source, 0, NULL, "Image."),
    WHEN(FsDef, type, BIT(FS_TEMPLATE)),
    ROW(FsDef, "source/@name", F_STRING, source, 0, NULL, "Template."),
    WHEN(FsDef, type, BIT(FS_RAM)),
    ROW(FsDef, "source/@usage", F_STRING, source, 0, NULL, "Size."),
    WHEN_END,
    ROW(FsDef, "target/@dir", F_STRING, target, F_REQUIRED, NULL, "Tag in the guest."),
    ROW(FsDef, "readonly", F_FLAG, readonly, 0, NULL, "The guest cannot write."),
    INFO(FsDef),
    ROW_END
};
const Schema filesystem_schema = { "filesystem", sizeof(FsDef), filesystem_fields };

/* ---- watchdog, balloon, rng, tpm */

static const char *const watchdog_models[] = { NULL, "i6300esb", "ib700", "diag288", "itco", NULL };
static const char *const watchdog_actions[] = { NULL,   "reset", "shutdown",   "poweroff", "pause",
                                                "none", "dump",  "inject-nmi", NULL };

static const Field watchdog_fields[] = {
    ROW(WatchdogDef, "@model", F_ENUM, model, F_REQUIRED, watchdog_models, "Model."),
    ROW(WatchdogDef, "@action", F_ENUM, action, 0, watchdog_actions, "What it does."),
    INFO(WatchdogDef), ROW_END
};
const Schema watchdog_schema = { "watchdog", sizeof(WatchdogDef), watchdog_fields };

static const char *const balloon_models[] = {
    NULL, "virtio", "xen", "none", "virtio-transitional", "virtio-non-transitional", NULL
};

static const Field memballoon_fields[] = {
    ROW(BalloonDef, "@model", F_ENUM, model, F_REQUIRED, balloon_models, "Model."),
    ROW(BalloonDef, "@autodeflate", F_ENUM, autodeflate, 0, on_off, "Give back under pressure."),
    ROW(BalloonDef, "@freePageReporting", F_ENUM, free_page_reporting, 0, on_off,
        "Tell the host what is free."),
    ROW(BalloonDef, "stats/@period", F_U32, stats_period, 0, NULL, "Seconds between figures."),
    INFO(BalloonDef),
    VIRTIO(BalloonDef),
    ROW_END
};
const Schema memballoon_schema = { "memballoon", sizeof(BalloonDef), memballoon_fields };

static const char *const rng_backends[] = { NULL, "random", "egd", "builtin", NULL };

static const Field rng_fields[] = {
    ROW(RngDef, "@model", F_ENUM, model, F_REQUIRED, virtio_models, "Model."),
    ROW(RngDef, "rate/@bytes", F_U32, rate_bytes, 0, RANGE(1, G_MAXUINT32), "Bytes of a period."),
    ROW(RngDef, "rate/@period", F_U32, rate_period, 0, NULL, "Milliseconds."),
    ROW(RngDef, "backend/@model", F_ENUM, backend, F_REQUIRED, rng_backends,
        "Where it comes from."),
    WHEN(RngDef, backend, BIT(RNG_RANDOM)),
    ROW(RngDef, "backend", F_STRING, random_device, 0, NULL, "Device of the host."),
    WHEN(RngDef, backend, BIT(RNG_EGD)),
    ROW(RngDef, "backend/@type", F_ENUM, source.type, F_REQUIRED, char_types, "Of the daemon."),
    ROW(RngDef, "backend/source", F_LIST, source.ends, 0, &char_end_schema, "Of the daemon."),
    ROW(RngDef, "backend/protocol/@type", F_ENUM, source.protocol, 0, char_protocols, "Of tcp."),
    WHEN_END,
    VIRTIO(RngDef),
    INFO(RngDef),
    ROW_END
};
const Schema rng_schema = { "rng", sizeof(RngDef), rng_fields };

static const char *const tpm_models[] = { NULL,        "tpm-tis",         "tpm-crb",
                                          "tpm-spapr", "tpm-spapr-proxy", NULL };
static const char *const tpm_backends[] = { NULL, "passthrough", "emulator", "external", NULL };
static const char *const tpm_versions[] = { NULL, "1.2", "2.0", NULL };
enum { TPM_PASSTHROUGH = 1, TPM_EMULATOR, TPM_EXTERNAL };

static const Field tpm_fields[] = {
    ROW(TpmDef, "@model", F_ENUM, model, UNSUPPORTED, tpm_models, "Model."),
    ROW(TpmDef, "backend/@type", F_ENUM, backend, F_REQUIRED | UNSUPPORTED, tpm_backends,
        "What is behind it."),
    WHEN(TpmDef, backend, BIT(TPM_EMULATOR)),
    ROW(TpmDef, "backend/@version", F_ENUM, version, UNSUPPORTED | F_DEFAULT, tpm_versions,
        "Version."),
    ROW(TpmDef, "backend/@persistent_state", F_ENUM, persistent_state, 0, yes_no,
        "Survives an undefine."),
    ROW(TpmDef, "backend/@debug", F_U32, debug, 0, NULL, "Log level of swtpm."),
    ROW(TpmDef, "backend/encryption/@secret", F_UUID, encryption, 0, NULL, "Secret of the state."),
    WHEN(TpmDef, backend, BIT(TPM_PASSTHROUGH)),
    ROW(TpmDef, "backend/device/@path", F_STRING, device, 0, NULL, "Device of the host."),
    WHEN(TpmDef, backend, BIT(TPM_EXTERNAL)),
    ROW(TpmDef, "backend/source/@type", F_ENUM, source.type, 0, char_types, "Of the emulator."),
    ROW(TpmDef, "backend/source", F_LIST, source.ends, 0, &char_end_schema, "Of the emulator."),
    WHEN_END,
    INFO(TpmDef),
    ROW_END
};
const Schema tpm_schema = { "tpm", sizeof(TpmDef), tpm_fields };

/* ---- panic, shmem, memory */

static const char *const panic_models[] = { NULL,   "isa",     "pseries", "hyperv",
                                            "s390", "pvpanic", NULL };

static const Field panic_fields[] = {
    ROW(PanicDef, "@model", F_ENUM, model, 0, panic_models, "Model."), INFO(PanicDef), ROW_END
};
const Schema panic_schema = { "panic", sizeof(PanicDef), panic_fields };

static const char *const shmem_roles[] = { NULL, "master", "peer", NULL };
static const char *const shmem_models[] = { NULL, "ivshmem", "ivshmem-plain", "ivshmem-doorbell",
                                            NULL };
static const SizeSpec shmem_size = { 1, 1048576, "M", 0 };

static const Field shmem_fields[] = {
    ROW(ShmemDef, "@name", F_STRING, name, F_REQUIRED, NULL, "Name of the memory."),
    ROW(ShmemDef, "@role", F_ENUM, role, 0, shmem_roles, "Whether it migrates."),
    ROW(ShmemDef, "model/@type", F_ENUM, model, 0, shmem_models, "Model."),
    ROW(ShmemDef, "size", F_SIZE, size, 0, &shmem_size, "Size."),
    ROW(ShmemDef, "server", F_FLAG, has_server, 0, NULL, "An ivshmem server."),
    ROW(ShmemDef, "server/@path", F_STRING, server, 0, NULL, "Its socket."),
    ROW(ShmemDef, "msi", F_FLAG, msi, 0, NULL, "Interrupts."),
    ROW(ShmemDef, "msi/@vectors", F_U32, msi_vectors, 0, NULL, "How many."),
    ROW(ShmemDef, "msi/@ioeventfd", F_ENUM, msi_ioeventfd, 0, on_off, "Notify by eventfd."),
    INFO(ShmemDef),
    ROW_END
};
const Schema shmem_schema = { "shmem", sizeof(ShmemDef), shmem_fields };

static const char *const memory_models[] = { NULL,         "dimm",    "nvdimm", "virtio-pmem",
                                             "virtio-mem", "sgx-epc", NULL };
static const char *const accesses[] = { NULL, "shared", "private", NULL };

static const Field memory_fields[] = {
    ROW(MemoryDevice, "@model", F_ENUM, model, F_REQUIRED, memory_models, "Model."),
    ROW(MemoryDevice, "@access", F_ENUM, access, 0, accesses, "Shared with the host or not."),
    ROW(MemoryDevice, "@discard", F_ENUM, discard, 0, yes_no, "Throw contents away at the end."),
    ROW(MemoryDevice, "uuid", F_UUID, uuid, 0, NULL, "UUID of an NVDIMM."),
    ROW(MemoryDevice, "source/path", F_STRING, path, 0, NULL, "File behind it."),
    ROW(MemoryDevice, "source/alignsize", F_SIZE, align_size, 0, &size_kib, "Its alignment."),
    ROW(MemoryDevice, "source/pmem", F_FLAG, pmem, 0, NULL, "The file is persistent memory."),
    ROW(MemoryDevice, "source/nodemask", F_BITMAP, source_nodes, 0, NULL, "Nodes of the host."),
    ROW(MemoryDevice, "source/pagesize", F_SIZE, page_size, 0, &size_kib, "Size of its pages."),
    ROW(MemoryDevice, "target/@dynamicMemslots", F_ENUM, dynamic_slots, 0, yes_no,
        "Of virtio-mem."),
    ROW(MemoryDevice, "target/size", F_SIZE, size, F_REQUIRED, &size_kib, "Size."),
    ROW_HAS(MemoryDevice, "target/node", F_U32, node, 0, NULL, "NUMA node of the guest."),
    ROW(MemoryDevice, "target/label/size", F_SIZE, label_size, 0, &size_kib, "Of the label area."),
    ROW(MemoryDevice, "target/readonly", F_FLAG, readonly, 0, NULL, "The guest cannot write."),
    ROW(MemoryDevice, "target/block", F_SIZE, block, 0, &size_kib, "Block of virtio-mem."),
    ROW_HAS(MemoryDevice, "target/requested", F_SIZE, requested, 0, &size_kib, "Of virtio-mem."),
    ROW(MemoryDevice, "target/current", F_SIZE, current, F_LIVE, &size_kib, "Of virtio-mem."),
    ROW(MemoryDevice, "target/address/@base", F_U64, target_base, 0, HEX_BARE(G_MAXUINT64),
        "Guest physical address."),
    INFO(MemoryDevice),
    ROW_END
};
const Schema memory_schema = { "memory", sizeof(MemoryDevice), memory_fields };

/* ---- iommu, vsock, crypto, pstore, lease, nvram */

static const char *const iommu_models[] = { NULL, "intel", "smmuv3", "virtio", "amd", NULL };

static const Field iommu_fields[] = {
    ROW(IommuDef, "@model", F_ENUM, model, F_REQUIRED, iommu_models, "Model."),
    ROW(IommuDef, "driver/@intremap", F_ENUM, intremap, 0, on_off, "Interrupt remapping."),
    ROW(IommuDef, "driver/@caching_mode", F_ENUM, caching_mode, 0, on_off, "Needed by VFIO."),
    ROW(IommuDef, "driver/@eim", F_ENUM, eim, 0, on_off, "Extended interrupts."),
    ROW(IommuDef, "driver/@iotlb", F_ENUM, iotlb, 0, on_off, "Device TLB."),
    ROW(IommuDef, "driver/@aw_bits", F_U32, aw_bits, 0, NULL, "Address width."),
    ROW(IommuDef, "driver/@dma_translation", F_ENUM, dma_translation, 0, on_off, "Of DMA."),
    ROW(IommuDef, "driver/@xtsup", F_ENUM, xtsup, 0, on_off, "x2APIC."),
    ROW(IommuDef, "driver/@passthrough", F_ENUM, passthrough, 0, on_off, "Identity mapping."),
    INFO(IommuDef),
    ROW_END
};
const Schema iommu_schema = { "iommu", sizeof(IommuDef), iommu_fields };

static const Field vsock_fields[] = {
    ROW(VsockDef, "@model", F_ENUM, model, F_DEFAULT, virtio_models, "Model."),
    ROW(VsockDef, "cid/@auto", F_ENUM, auto_cid, 0, yes_no, "Pick a free CID."),
    ROW(VsockDef, "cid/@address", F_U32, cid, 0, RANGE(3, G_MAXUINT32), "Fixed CID."),
    VIRTIO(VsockDef),
    INFO(VsockDef),
    ROW_END
};
const Schema vsock_schema = { "vsock", sizeof(VsockDef), vsock_fields };

static const char *const crypto_models[] = { NULL, "virtio", NULL };
static const char *const crypto_types[] = { NULL, "qemu", NULL };
static const char *const crypto_backends[] = { NULL, "builtin", "lkcf", NULL };

static const Field crypto_fields[] = {
    ROW(CryptoDef, "@model", F_ENUM, model, F_REQUIRED, crypto_models, "Model."),
    ROW(CryptoDef, "@type", F_ENUM, type, F_REQUIRED, crypto_types, "qemu."),
    ROW(CryptoDef, "backend/@model", F_ENUM, backend, F_REQUIRED, crypto_backends, "Backend."),
    ROW(CryptoDef, "backend/@queues", F_U32, queues, 0, NULL, "Virtqueues."),
    VIRTIO(CryptoDef),
    INFO(CryptoDef),
    ROW_END
};
const Schema crypto_schema = { "crypto", sizeof(CryptoDef), crypto_fields };

static const char *const pstore_backends[] = { NULL, "acpi-erst", NULL };

static const Field pstore_fields[] = {
    ROW(PstoreDef, "@backend", F_ENUM, backend, F_REQUIRED, pstore_backends, "Backend."),
    ROW(PstoreDef, "path", F_STRING, path, 0, NULL, "File behind it."),
    ROW(PstoreDef, "size", F_SIZE, size, 0, &size_kib, "Size."), INFO(PstoreDef), ROW_END
};
const Schema pstore_schema = { "pstore", sizeof(PstoreDef), pstore_fields };

static const Field lease_fields[] = {
    ROW(LeaseDef, "lockspace", F_STRING, lockspace, 0, NULL, "Lock space."),
    ROW(LeaseDef, "key", F_STRING, key, F_REQUIRED, NULL, "Key."),
    ROW(LeaseDef, "target/@path", F_STRING, path, F_REQUIRED, NULL, "File of the lease."),
    ROW(LeaseDef, "target/@offset", F_U64, offset, 0, NULL, "Byte in it."), ROW_END
};
const Schema lease_schema = { "lease", sizeof(LeaseDef), lease_fields };

static const Field nvram_device_fields[] = { INFO(NvramDevice), ROW_END };
const Schema nvram_device_schema = { "nvram", sizeof(NvramDevice), nvram_device_fields };
