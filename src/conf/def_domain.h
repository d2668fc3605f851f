/* The domain: everything around its devices. Included by conf.h only. */
#pragma once

#include "def_devices.h"

typedef enum VirtType { VIRT_QEMU = 1, VIRT_KVM, VIRT_HYPERV, VIRT_OTHER } VirtType;
extern const char *const virt_types[];

/* ---- memory */

typedef struct HugePage {
    guint64 size; /* KiB */
    Bitmap *nodes;
} HugePage;

typedef struct MemoryBacking {
    gboolean hugepages; /* without pages: the default size */
    GPtrArray *pages;   /* HugePage */
    int source;         /* file 1, anonymous 2, memfd 3 */
    int access;         /* shared 1, private 2 */
    int allocation;     /* immediate 1, ondemand 2 */
    guint32 alloc_threads;
    gboolean locked, nosharepages, discard;
} MemoryBacking;
enum { MEMORY_SOURCE_FILE = 1, MEMORY_SOURCE_ANONYMOUS, MEMORY_SOURCE_MEMFD };
enum { MEMORY_SHARED = 1, MEMORY_PRIVATE };
enum { MEMORY_IMMEDIATE = 1, MEMORY_ONDEMAND };

typedef struct MemtuneDef {
    guint64 hard_limit, soft_limit, min_guarantee, swap_hard_limit; /* KiB */
} MemtuneDef;

typedef struct BlkioDevice {
    char *path;
    guint32 weight, read_iops, write_iops;
    guint64 read_bytes, write_bytes;
} BlkioDevice;

typedef struct BlkiotuneDef {
    guint32 weight;
    GPtrArray *devices; /* BlkioDevice */
} BlkiotuneDef;

typedef struct NumaMemnode {
    guint32 cell;
    int mode;
    Bitmap *nodes;
} NumaMemnode;

typedef struct NumatuneDef {
    int mode;      /* strict 1, preferred 2, interleave 3, restrictive 4 */
    int placement; /* static 1, auto 2 */
    Bitmap *nodes;
    gboolean has_memory;
    GPtrArray *memnodes; /* NumaMemnode */
} NumatuneDef;
enum { NUMA_STRICT = 1, NUMA_PREFERRED, NUMA_INTERLEAVE, NUMA_RESTRICTIVE };
enum { PLACEMENT_STATIC = 1, PLACEMENT_AUTO };

/* ---- processors */

typedef struct VcpuSlot {
    guint32 id;
    int enabled, hotpluggable; /* YES, NO */
    guint32 order;
} VcpuSlot;

typedef struct VcpuPin {
    guint32 id; /* of the vcpu or iothread */
    Bitmap *cpus;
} VcpuPin;

typedef struct SchedDef {
    Bitmap *ids;
    int scheduler; /* batch 1, idle 2, fifo 3, rr 4 */
    gint32 priority;
    guint8 has_priority;
} SchedDef;
enum { SCHEDULER_BATCH = 1, SCHEDULER_IDLE, SCHEDULER_FIFO, SCHEDULER_RR };

typedef struct CacheAllocation {
    guint32 id, level;
    int type;     /* both 1, code 2, data 3 */
    guint64 size; /* bytes */
} CacheAllocation;
enum { CACHE_BOTH = 1, CACHE_CODE, CACHE_DATA };

typedef struct CacheMonitor {
    guint32 level;
    Bitmap *vcpus;
} CacheMonitor;

typedef struct CacheTune {
    Bitmap *vcpus;
    char *id;
    GPtrArray *caches;   /* CacheAllocation */
    GPtrArray *monitors; /* CacheMonitor */
} CacheTune;
extern const Schema cachetune_schema;

typedef struct MemoryBandwidth {
    guint32 id, bandwidth;
} MemoryBandwidth;

typedef struct MemoryTune {
    Bitmap *vcpus;
    GPtrArray *nodes;    /* MemoryBandwidth */
    GPtrArray *monitors; /* CacheMonitor */
} MemoryTune;
extern const Schema memorytune_schema;

typedef struct CputuneDef {
    guint64 shares, period, global_period, emulator_period, iothread_period;
    gint64 quota, global_quota, emulator_quota, iothread_quota;
    guint8 has_shares;
    GPtrArray *vcpu_pins; /* VcpuPin */
    Bitmap *emulator_pin;
    GPtrArray *iothread_pins; /* VcpuPin */
    SchedDef *emulator_sched;
    GPtrArray *vcpu_scheds, *iothread_scheds; /* SchedDef */
    GPtrArray *cachetunes;                    /* CacheTune */
    GPtrArray *memorytunes;                   /* MemoryTune */
} CputuneDef;

typedef struct IothreadDef {
    guint32 id;
    gint32 pool_min, pool_max;
    guint8 has_pool_min, has_pool_max;
    guint64 poll_max, poll_grow, poll_shrink;
    guint8 has_poll_max, has_poll_grow, has_poll_shrink;
} IothreadDef;

typedef struct CpuFeature {
    int policy; /* force 1, require 2, optional 3, disable 4, forbid 5 */
    char *name;
} CpuFeature;
enum { POLICY_FORCE = 1, POLICY_REQUIRE, POLICY_OPTIONAL, POLICY_DISABLE, POLICY_FORBID };

typedef struct NumaDistance {
    guint32 id, value;
} NumaDistance;

typedef struct NumaCache {
    guint32 level;
    int associativity, policy;
    guint64 size, line; /* KiB, bytes */
    char *size_unit, *line_unit;
} NumaCache;

typedef struct NumaCell {
    guint32 id;
    guint8 has_id;
    Bitmap *cpus;
    guint64 memory;       /* KiB */
    int access;           /* shared 1, private 2 */
    int discard;          /* YES, NO */
    GPtrArray *distances; /* NumaDistance */
    GPtrArray *caches;    /* NumaCache */
} NumaCell;

typedef struct NumaInterconnect {
    int kind; /* latency 1, bandwidth 2 */
    guint32 initiator, target, cache;
    int type;
    guint64 value;
} NumaInterconnect;
enum { NUMA_LATENCY = 1, NUMA_BANDWIDTH };

typedef struct CpuNuma {
    GPtrArray *cells;         /* NumaCell */
    GPtrArray *interconnects; /* NumaInterconnect */
} CpuNuma;

typedef struct CpuTopology {
    guint32 sockets, dies, clusters, cores, threads;
} CpuTopology;

typedef struct CpuCache {
    guint32 level;
    guint8 has_level;
    int mode; /* emulate 1, passthrough 2, disable 3 */
} CpuCache;
enum { CPU_CACHE_EMULATE = 1, CPU_CACHE_PASSTHROUGH, CPU_CACHE_DISABLE };

typedef struct CpuMaxphysaddr {
    int mode; /* emulate 1, passthrough 2 */
    guint32 bits, limit;
} CpuMaxphysaddr;
enum { PHYSADDR_EMULATE = 1, PHYSADDR_PASSTHROUGH };

enum { GIC_2 = 1, GIC_3, GIC_HOST };

typedef enum CpuMode { CPU_CUSTOM = 1, CPU_HOST_MODEL, CPU_HOST_PASSTHROUGH, CPU_MAXIMUM } CpuMode;
enum { CPU_MATCH_MINIMUM = 1, CPU_MATCH_EXACT, CPU_MATCH_STRICT };
enum { CPU_CHECK_NONE = 1, CPU_CHECK_PARTIAL, CPU_CHECK_FULL };
enum { CPU_FALLBACK_ALLOW = 1, CPU_FALLBACK_FORBID };

typedef struct CpuDef {
    int mode, match, check;
    int migratable; /* ON, OFF */
    int deprecated_features;
    char *model;
    int fallback;
    char *vendor_id;
    char *vendor;
    CpuTopology *topology;
    CpuCache *cache;
    CpuMaxphysaddr *maxphysaddr;
    GPtrArray *features; /* CpuFeature */
    CpuNuma *numa;
} CpuDef;
extern const Schema cpu_schema;

/* ---- operating system */

typedef enum BootDevice { BOOT_FD = 1, BOOT_HD, BOOT_CDROM, BOOT_NETWORK } BootDevice;

typedef struct BootDef {
    int dev; /* BootDevice */
} BootDef;

typedef struct FirmwareFeature {
    int enabled; /* YES, NO */
    int name;    /* enrolled-keys 1, secure-boot 2 */
} FirmwareFeature;
enum { FIRMWARE_ENROLLED_KEYS = 1, FIRMWARE_SECURE_BOOT };
extern const Schema firmware_feature_schema;

typedef struct LoaderDef {
    int readonly, secure, stateless; /* YES, NO */
    int type;                        /* rom 1, pflash 2 */
    int format;                      /* DiskFormat */
    char *path;
} LoaderDef;
enum { LOADER_ROM = 1, LOADER_PFLASH };

typedef struct NvramDef {
    char *template;
    int template_format, format; /* DiskFormat */
    DiskSource source;
    char *path; /* without a type attribute: the text */
} NvramDef;
extern const Schema nvram_schema;

typedef struct AcpiTable {
    int type; /* ACPI_RAW ... */
    char *path;
} AcpiTable;
enum { ACPI_RAW = 1, ACPI_RAWSET, ACPI_SLIC, ACPI_MSDM };

typedef struct OsDef {
    int firmware; /* bios 1, efi 2 */
    char *type;   /* "hvm" */
    char *arch;
    char *machine;
    GPtrArray *firmware_features; /* FirmwareFeature */
    LoaderDef *loader;
    NvramDef *nvram;
    char *kernel, *initrd, *cmdline, *dtb, *shim, *root;
    GPtrArray *acpi_tables; /* AcpiTable */
    GPtrArray *boots;       /* BootDef */
    int bootmenu;           /* YES, NO */
    guint32 bootmenu_timeout;
    guint8 has_bootmenu_timeout;
    int useserial; /* YES, NO */
    gint32 reboot_timeout;
    guint8 has_reboot_timeout;
    int smbios; /* SMBIOS_SYSINFO ... */
} OsDef;
extern const Schema os_schema;
enum { FIRMWARE_BIOS = 1, FIRMWARE_EFI };
enum { SMBIOS_EMULATE = 1, SMBIOS_HOST, SMBIOS_SYSINFO, SMBIOS_NONE /* not kept */ };

/* ---- features */

typedef struct HypervFeatures {
    int mode; /* custom 1, passthrough 2 */
    int relaxed, vapic, spinlocks, vpindex, runtime, synic, stimer, stimer_direct, reset;
    int vendor_id, frequencies, reenlightenment, tlbflush, tlbflush_direct, tlbflush_extended;
    int ipi, evmcs, avic, emsr_bitmap, xmm_input;
    guint32 spinlock_retries;
    char *vendor_id_value;
} HypervFeatures;
enum { HYPERV_CUSTOM = 1, HYPERV_PASSTHROUGH };

typedef struct KvmFeatures {
    int hidden, hint_dedicated, poll_control, pv_ipi, dirty_ring; /* ON, OFF */
    guint32 dirty_ring_size;
} KvmFeatures;

typedef struct XenFeatures {
    int e820_host, passthrough; /* ON, OFF */
    int passthrough_mode;       /* sync_pt 1, share_pt 2 */
} XenFeatures;

typedef struct FeaturesDef {
    gboolean pae, acpi, apic, viridian, privnet;
    int apic_eoi; /* ON, OFF */
    int hap, pmu, vmport, smm, pvspinlock, vmcoreinfo, htm, nested_hv, ccf_assist, ps2,
        async_teardown, ras;
    guint64 tseg; /* bytes */
    guint8 has_tseg;
    int cfpc, sbbc, ibs; /* words of mitigations, branch_mitigations */
    int aia;             /* word of aia_modes */
    int gic_version;     /* GIC_2 ... */
    gboolean gic;
    int ioapic; /* qemu 1, kvm 2 */
    int hpt_resizing;
    guint64 hpt_maxpagesize;
    guint64 tb_cache; /* KiB */
    HypervFeatures *hyperv;
    KvmFeatures *kvm;
    XenFeatures *xen;
    int unknown_msrs; /* ignore 1, fault 2 */
} FeaturesDef;
extern const char *const mitigations[], *const branch_mitigations[], *const aia_modes[];
extern const Schema features_schema;

/* ---- clock, power, lifecycle */

typedef struct TimerCatchup {
    guint64 threshold, slew, limit;
} TimerCatchup;

typedef struct TimerDef {
    int name;       /* TimerName */
    int present;    /* YES, NO */
    int tickpolicy; /* delay 1, catchup 2, merge 3, discard 4 */
    int track;      /* boot 1, guest 2, wall 3, realtime 4 */
    guint64 frequency;
    int mode; /* auto 1, native 2, emulate 3, paravirt 4, smpsafe 5 */
    TimerCatchup *catchup;
} TimerDef;
enum { TICK_DELAY = 1, TICK_CATCHUP, TICK_MERGE, TICK_DISCARD };
enum { TRACK_BOOT = 1, TRACK_GUEST, TRACK_WALL, TRACK_REALTIME };
typedef enum TimerName {
    TIMER_PLATFORM = 1,
    TIMER_PIT,
    TIMER_RTC,
    TIMER_HPET,
    TIMER_TSC,
    TIMER_KVMCLOCK,
    TIMER_HYPERVCLOCK,
    TIMER_ARMVTIMER,
} TimerName;

typedef enum ClockOffset {
    CLOCK_UTC = 1,
    CLOCK_LOCALTIME,
    CLOCK_VARIABLE,
    CLOCK_TIMEZONE,
    CLOCK_ABSOLUTE
} ClockOffset;

typedef struct ClockDef {
    int offset; /* ClockOffset */
    gint64 adjustment;
    guint8 has_adjustment;
    char *adjustment_word; /* "reset" */
    int basis;             /* CLOCK_BASIS_ */
    char *timezone;
    gint64 start;
    GPtrArray *timers; /* TimerDef */
} ClockDef;
extern const Schema clock_schema;
enum { CLOCK_BASIS_UTC = 1, CLOCK_BASIS_LOCALTIME };

enum { ACTION_DESTROY = 1, ACTION_RESTART, ACTION_RENAME_RESTART, ACTION_PRESERVE };
enum {
    CRASH_DESTROY = 1,
    CRASH_RESTART,
    CRASH_RENAME_RESTART,
    CRASH_PRESERVE,
    CRASH_COREDUMP_DESTROY,
    CRASH_COREDUMP_RESTART
};

typedef struct PmDef {
    int suspend_to_mem, suspend_to_disk; /* YES, NO */
} PmDef;

typedef struct PerfEvent {
    char *name;
    int enabled; /* YES, NO */
} PerfEvent;

/* ---- identity and the rest */

typedef struct SysinfoEntry {
    char *name;
    char *file;
    char *value;
} SysinfoEntry;

typedef struct SysinfoBlock {
    GPtrArray *entries; /* SysinfoEntry */
} SysinfoBlock;

typedef struct SysinfoDef {
    int type;                                 /* smbios 1, fwcfg 2 */
    GPtrArray *bios, *system, *chassis, *oem; /* SysinfoEntry */
    GPtrArray *boards;                        /* SysinfoBlock */
    GPtrArray *fwcfg;                         /* SysinfoEntry */
} SysinfoDef;
enum { SYSINFO_SMBIOS = 1, SYSINFO_FWCFG };
/* The first entry of that name that has a value, or NULL; borrowed. */
SysinfoEntry *sysinfo_entry_find(const GPtrArray *entries, const char *name);

typedef struct IdmapDef {
    GPtrArray *uids, *gids; /* IdmapEntry */
} IdmapDef;

typedef struct ResourceDef {
    char *partition;
    char *appid;
} ResourceDef;

typedef struct KeywrapCipher {
    int name;  /* aes 1, dea 2 */
    int state; /* ON, OFF */
} KeywrapCipher;

typedef struct LaunchSecurity {
    int type; /* sev 1, sev-snp 2, s390-pv 3, tdx 4 */
    int kernel_hashes;
    guint32 cbitpos, reduced_phys_bits;
    guint8 has_cbitpos, has_reduced_phys_bits;
    guint64 policy;
    char *dh_cert, *session;
    int author_key, vcek;
    char *guest_visible_workarounds, *id_block, *id_auth, *host_data;
} LaunchSecurity;
enum { SECURITY_SEV = 1, SECURITY_SEV_SNP, SECURITY_S390_PV, SECURITY_TDX };

/* qemu:commandline and its kin */
typedef struct QemuEnv {
    char *name, *value;
} QemuEnv;

typedef struct QemuArg {
    char *value;
} QemuArg;

typedef struct QemuCapability {
    char *capability;
} QemuCapability;

typedef struct QemuProperty {
    char *name;
    int type; /* unsigned 1, signed 2, bool 3, string 4, remove 5 */
    char *value;
} QemuProperty;
enum { PROPERTY_UNSIGNED = 1, PROPERTY_SIGNED, PROPERTY_BOOL, PROPERTY_STRING, PROPERTY_REMOVE };

typedef struct QemuOverride {
    char *alias;
    GPtrArray *properties; /* QemuProperty */
} QemuOverride;

typedef struct QemuNamespace {
    GPtrArray *args;                /* QemuArg */
    GPtrArray *envs;                /* QemuEnv */
    GPtrArray *caps_add, *caps_del; /* QemuCapability */
    GPtrArray *overrides;           /* QemuOverride */

    char *deprecation_behavior;
} QemuNamespace;

typedef struct ThrottleGroup {
    IotuneDef limits; /* its group_name is the group's name */
} ThrottleGroup;

extern const Schema vcpu_slot_schema, iothread_schema, default_iothread_schema;
extern const Schema cputune_schema, numatune_schema;

typedef struct DomainDef {
    int virt_type; /* VirtType */
    guint32 id;    /* live; 0: it does not run (-1 on the wire) */
    char *name;
    guint8 uuid[UUID_LEN];
    gboolean genid;
    guint8 genid_uuid[UUID_LEN];
    char *title, *description;
    char *metadata; /* the whole element, as it was written */

    guint64 max_memory; /* KiB, for hotplug */
    guint32 max_memory_slots;
    guint64 memory;         /* KiB */
    int dump_core;          /* ON, OFF */
    guint64 current_memory; /* KiB */
    BlkiotuneDef *blkiotune;
    MemtuneDef *memtune;
    MemoryBacking *backing;

    guint32 vcpus; /* maximum */
    guint8 has_vcpus;
    guint32 vcpus_current; /* 0: all */
    int vcpu_placement;    /* static 1, auto 2 */
    Bitmap *cpuset;
    GPtrArray *vcpu_slots; /* VcpuSlot */
    guint32 iothreads;
    GPtrArray *iothread_ids; /* IothreadDef */
    IothreadDef *default_iothread;
    CputuneDef *cputune;
    NumatuneDef *numatune;
    ResourceDef *resource;
    GPtrArray *sysinfos; /* SysinfoDef */

    char *bootloader, *bootloader_args;
    OsDef os;
    IdmapDef *idmap;
    FeaturesDef *features;
    CpuDef *cpu;
    ClockDef clock;
    int on_poweroff, on_reboot, on_crash; /* ACTION_, CRASH_ */
    int on_lockfailure;                   /* poweroff 1, restart 2, pause 3, ignore 4 */
    PmDef *pm;
    GPtrArray *perf;            /* PerfEvent */
    GPtrArray *throttle_groups; /* ThrottleGroup */

    Devices devices;

    GPtrArray *seclabels; /* SeclabelDef */
    GPtrArray *keywrap;   /* KeywrapCipher */
    LaunchSecurity *launch_security;
    QemuNamespace *qemu;
} DomainDef;
extern const Schema domain_schema;
extern const XmlNamespace domain_namespaces[]; /* of elements that libvirt adds to its own */
