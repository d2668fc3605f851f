/* conf: what people write. Every definition's struct, read from XML and written back, completed
 * (fill) and judged (check). Pure: no file is opened, nothing is asked of the host but what the
 * caller hands in as EmulatorCaps.
 */
#pragma once

#include "base/base.h"

#include "def_domain.h"
#include "def_storage.h"

/* ---- what fill and check know of an emulator ---------------------------------------------- */

typedef struct MachineCaps {
    char *name;        /* canonical: "pc-q35-10.0" */
    char *alias;       /* "q35"; NULL: none */
    char *default_cpu; /* "qemu64-x86_64-cpu" without the suffix: "qemu64"; may be NULL */
    guint max_cpus;
    gboolean is_default, hotplug_cpus, deprecated, numa_mem, acpi;
} MachineCaps;

typedef enum CpuUsable { CPU_USABLE_UNKNOWN, CPU_USABLE_YES, CPU_USABLE_NO } CpuUsable;

typedef struct CpuModelCaps {
    char *name;
    CpuUsable usable;
    gboolean deprecated;
} CpuModelCaps;

/* One emulator for one arch and one virt type. Filled by qemu/capable.c, or by a test from a file;
 * immutable once handed out. */
typedef struct EmulatorCaps {
    char *path;    /* of the binary */
    char *arch;    /* "x86_64" */
    guint version; /* 10000002: major * 1000000 + minor * 1000 + micro */
    gboolean kvm;  /* this host lets it use KVM */
    gboolean tcg;
    GHashTable *devices;   /* set of char *: QOM types that -device takes ("virtio-blk-pci") */
    GHashTable *features;  /* set of char *: anything else a rule asks for ("spice", "vnc",
                            * "memory-backend-memfd", "TYPE.PROPERTY", "tpm-emulator") */
    GPtrArray *machines;   /* MachineCaps */
    GPtrArray *cpu_models; /* CpuModelCaps */
} EmulatorCaps;

EmulatorCaps *caps_new(void);
void caps_free(EmulatorCaps *caps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmulatorCaps, caps_free)
gboolean caps_has_device(const EmulatorCaps *caps, const char *type);
gboolean caps_has(const EmulatorCaps *caps, const char *feature);
/* By canonical name or alias; NULL when it has no such machine. */
const MachineCaps *caps_machine(const EmulatorCaps *caps, const char *name);
const MachineCaps *caps_default_machine(const EmulatorCaps *caps);
/* For tests and for the cache on disk: one JSON object. */
EmulatorCaps *caps_from_json(const char *text, gsize len, GError **err);
char *caps_to_json(const EmulatorCaps *caps);

/* Finds the caps of an emulator. path NULL: the default one for arch; arch NULL: the host's. NULL
 * and an error when there is none. The result is borrowed and lives at least as long as the call.
 */
typedef const EmulatorCaps *(*CapsLookup)(const char *path, const char *arch, int virt_type,
                                          gpointer user, GError **err);

/* A firmware of the host, as its descriptor has it. */
typedef struct FirmwareCaps {
    gboolean uefi, bios;
    int loader;               /* LOADER_PFLASH, LOADER_ROM */
    gboolean stateless;       /* flash without variables */
    gboolean combined;        /* code and variables in one file, which the guest writes */
    char *path, *nvram;       /* nvram: the template of its variables; NULL: none */
    int format, nvram_format; /* DiskFormat */
    gboolean enrolled_keys, secure_boot, requires_smm;
    gboolean sev, sev_es, sev_snp, tdx;
} FirmwareCaps;

/* Those that fit a machine, the preferred one first. Free with g_ptr_array_unref. */
typedef GPtrArray *(*FirmwareLookup)(const char *arch, const char *machine, gpointer user);

typedef struct ConfContext {
    CapsLookup lookup;
    FirmwareLookup firmwares; /* NULL: the host has none */
    gpointer user;
    gboolean session;        /* an ordinary user's daemon */
    const char *nvram_dir;   /* "/var/lib/vmd/qemu/nvram" */
    const char *channel_dir; /* "/run/vmd/channel": sockets of channels without a path */
} ConfContext;

/* ---- domains ------------------------------------------------------------------------------ */

typedef enum DefFlags {
    DEF_LIVE = 1 << 0,       /* parse: keep, format: write what only a running domain has */
    DEF_SECURE = 1 << 1,     /* format: with secrets */
    DEF_VALIDATE = 1 << 2,   /* parse: refuse what is not known */
    DEF_MIGRATABLE = 1 << 3, /* format: nothing that the other side would refuse */
    DEF_BARE = 1 << 4,       /* parse: neither fill nor check (files we wrote ourselves) */
} DefFlags;

/* Reads, fills and checks. */
DomainDef *domain_parse(const char *xml, gssize len, guint flags, const ConfContext *context,
                        GError **err);
char *domain_format(const DomainDef *def, guint flags);
DomainDef *domain_copy(const DomainDef *def);
gboolean domain_equal(const DomainDef *a, const DomainDef *b);
void domain_free(DomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainDef, domain_free)
/* Fills what was read or changed; fills and checks it. */
gboolean domain_complete(DomainDef *def, const ConfContext *context, GError **err);
gboolean domain_settle(DomainDef *def, const ConfContext *context, GError **err);
/* Completes a definition (fill.c): machine, cpu, controllers, addresses and so on. Twice is as
 * once. */
gboolean domain_fill(DomainDef *def, const EmulatorCaps *caps, const ConfContext *context,
                     GError **err);
/* Rules across rows (check.c); pure. */
gboolean domain_check(const DomainDef *def, const EmulatorCaps *caps, GError **err);

/* What a domain may be called: its name names files as well. */
gboolean domain_name_check(const char *name, GError **err);

/* ---- one device (attach, detach, update) -------------------------------------------------- */

typedef struct Device {
    const Schema *schema; /* which it is: &disk_schema, &net_schema ... */
    gpointer def;
} Device;

/* Reads one device element: <disk>, <interface> ... */
gboolean device_parse(const char *xml, gssize len, guint flags, Device *ret_device, GError **err);
void device_done(Device *device);
char *device_format(const Device *device, guint flags);

/* The definition with one device more, less, or changed: filled and, but for what is left after a
 * detach, checked; NULL and an error when that cannot be. attach and update take device->def. A
 * device is found by what identifies its kind (a disk's target, an interface's MAC address ...),
 * and by its address where that is given. */
DomainDef *domain_attach(const DomainDef *def, Device *device, const ConfContext *context,
                         GError **err);
DomainDef *domain_detach(const DomainDef *def, const Device *device, const ConfContext *context,
                         GError **err);
DomainDef *domain_detach_alias(const DomainDef *def, const char *alias, const ConfContext *context,
                               GError **err);
DomainDef *domain_update(const DomainDef *def, Device *device, const ConfContext *context,
                         GError **err);

/* ---- a <cpu> alone (cpu_doc.c) ------------------------------------------------------------ */

typedef struct CpuPages {
    char *unit;
    guint64 size;
} CpuPages;

typedef struct CpuDoc {
    CpuDef cpu; /* a host's: each of its features is required */
    char *arch; /* of a host; NULL: it is what a guest wants */
    guint32 microcode;
    GPtrArray *pages; /* CpuPages */
} CpuDoc;

typedef enum CpuDocFlags {
    CPU_DOC_VALIDATE = 1 << 0, /* refuse what is not known */
    CPU_DOC_HOST = 1 << 1,     /* only a host's will do */
} CpuDocFlags;

CpuDoc *cpu_doc_parse(const char *xml, guint flags, GError **err);
void cpu_doc_free(CpuDoc *doc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuDoc, cpu_doc_free)

/* ---- smaller questions -------------------------------------------------------------------- */

/* Where the disk's bytes come from, for messages: path, network name or target. Borrowed. */
const char *disk_source_name(const DiskDef *disk);
gboolean disk_is_empty(const DiskDef *disk); /* no source at all: an open tray */
gboolean net_is_usb_host(const NetDef *net); /* a USB device of the host */
/* Whether an emulator of one architecture runs guests of the other. */
gboolean arch_runs(const char *emulator, const char *guest);
gboolean domain_is_q35(const DomainDef *def);
gboolean domain_is_i440fx(const DomainDef *def);
/* Every DeviceInfo of the domain in the order of the dump; visit returns FALSE to stop. schema and
 * device tell whose it is. */
typedef gboolean (*DeviceVisit)(DeviceInfo *info, const Schema *schema, gpointer device,
                                gpointer user);
gboolean domain_each_device(DomainDef *def, DeviceVisit visit, gpointer user);
