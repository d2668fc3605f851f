/* conf: what people write. Every definition's struct, read from XML and written back, completed
 * (fill) and judged (check). Pure: no file is opened, nothing is asked of the host but what the
 * caller hands in as EmulatorCaps.
 */
#pragma once

#include "base/base.h"

#include "def_domain.h"
#include "def_network.h"
#include "def_nwfilter.h"
#include "def_secret.h"
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
    DEF_LIVE = 1 << 0,     /* parse: keep, format: write what only a running domain has */
    DEF_SECURE = 1 << 1,   /* format: with secrets */
    DEF_VALIDATE = 1 << 2, /* parse: refuse what is not known */
    DEF_MIGRATABLE =
        1 << 3,         /* format: for another host: with secrets, without what it makes itself */
    DEF_BARE = 1 << 4,  /* parse: neither fill nor check (files we wrote ourselves) */
    DEF_SAVED = 1 << 5, /* with what the daemon has for itself, in files of its own */
} DefFlags;

/* Reads, fills and checks. */
DomainDef *domain_parse(const char *xml, gssize len, guint flags, const ConfContext *context,
                        GError **err);
/* The same. What no row knows is added to unknown, a sentence each; NULL: it is logged. */
DomainDef *domain_parse_noting(const char *xml, gssize len, guint flags, const ConfContext *context,
                               GPtrArray *unknown, GError **err);
char *domain_format(const DomainDef *def, guint flags);
/* The same. *ret_secret: the text with DEF_SECURE and the one without it differ. */
char *domain_format_noting(const DomainDef *def, guint flags, gboolean *ret_secret);
DomainDef *domain_copy(const DomainDef *def);
/* A copy without what every host makes by itself, or an older one would not know (migratable.c). */
DomainDef *domain_migratable(const DomainDef *def);
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
/* The same. What no row knows is added to unknown, a sentence each; NULL: it is logged. */
gboolean device_parse_noting(const char *xml, gssize len, guint flags, GPtrArray *unknown,
                             Device *ret_device, GError **err);
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

/* Of live definitions, whose devices have names (device_live.c). */
const char *device_alias(const Device *device); /* borrowed; NULL: it has none */
/* FALSE: there is none. ret_device (may be NULL) is borrowed. */
gboolean domain_find_alias(const DomainDef *def, const char *alias, Device *ret_device);
/* Those of from that def has none of the same name of: of Device, borrowed, in the order of the
 * document. The caller frees the array. */
GArray *domain_missing(const DomainDef *def, const DomainDef *from);
void domain_add_missing(DomainDef *def,
                        const DomainDef *from); /* copies of them, in their places */
void domain_remove_alias(DomainDef *def, const char *alias);
/* That device of def becomes a copy of that of from. */
void domain_replace_alias(DomainDef *def, const DomainDef *from, const char *alias);
/* def is before with one device changed to what device says, which may have left its name out: it
 * has it again. The caller frees the name; NULL: it has another now. */
char *domain_keep_alias(DomainDef *def, const DomainDef *before, const Device *device);

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

/* ---- what users write about an object (notes.c) ------------------------------------------- */

/* virDomainMetadataType, virNetworkMetadataType. */
typedef enum NoteType { NOTE_DESCRIPTION, NOTE_TITLE, NOTE_ELEMENT } NoteType;

/* What a definition has of them, and where. */
typedef struct Notes {
    const char *title, *description, *metadata;
} Notes;
typedef struct NotesAt {
    char **title, **description, **metadata;
} NotesAt;
#define NOTES_IN(def) ((Notes){ (def)->title, (def)->description, (def)->metadata })
#define NOTES_AT(def) ((NotesAt){ &(def)->title, &(def)->description, &(def)->metadata })

/* The door for texts that come without a document around them. key, uri: the prefix and the
 * namespace of a NOTE_ELEMENT. */
gboolean notes_check(int type, const char *value, const char *key, const char *uri, GError **err);
/* Caller frees; NULL: there is none. */
char *notes_get(const Notes *w, int type, const char *uri);
/* value NULL: none from now on. */
gboolean notes_set(const NotesAt *w, int type, const char *value, const char *key, const char *uri,
                   GError **err);

/* ---- with the host, up and down (host_plan.c) --------------------------------------------- */

/* What becomes of a guest when its host goes down: its power button is pressed, its plug is pulled,
 * or nothing. */
typedef enum DownPolicy { DOWN_SHUTDOWN, DOWN_DESTROY, DOWN_NONE, N_DOWN_POLICIES } DownPolicy;
const char *down_policy_word(DownPolicy policy);
gboolean down_policy_parse(const char *text, DownPolicy *ret_policy);

enum { HOST_ORDER_DEFAULT = 500, HOST_ORDER_MAX = 9999, HOST_SECONDS_MAX = 86400 };

typedef struct HostPlan {
    guint order;   /* guests of a lower one come up before, and go down after */
    guint delay;   /* seconds from its start until those of a higher order are started */
    guint timeout; /* seconds that it has to go down; then its plug is pulled */
    DownPolicy policy;
} HostPlan;

#define HOST_PLAN_URI "urn:vmd:host:1"
/* Over what plan has: what <host order= delay= timeout= policy=/> says, in that namespace. FALSE
 * and ERR_XML: it has what it may not have, and plan is as it was. */
gboolean host_plan_read(const Notes *notes, HostPlan *plan, GError **err);

/* ---- smaller questions -------------------------------------------------------------------- */

/* Where the disk's bytes come from, for messages: path, network name or target. Borrowed. */
const char *disk_source_name(const DiskDef *disk);
/* SourceType of what QEMU opens: of a volume that has been found, what that is. */
int disk_source_kind(const DiskSource *s);
int disk_name_index(const char *target);     /* "vdc" is 2; -1: no name of a disk */
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
