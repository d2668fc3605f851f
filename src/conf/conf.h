/* conf: the definitions that people write. Each definition has a struct, which is read from XML and
 * written back, completed (fill) and checked (check). All of it is pure: no file is opened, and of
 * the host it knows only what the caller passes in as EmulatorCaps. */
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
    char *default_cpu; /* "qemu64", for QEMU's "qemu64-x86_64-cpu"; may be NULL */
    guint max_cpus;
    gboolean is_default, hotplug_cpus, deprecated, numa_mem, acpi;
} MachineCaps;

typedef enum CpuUsable { CPU_USABLE_UNKNOWN, CPU_USABLE_YES, CPU_USABLE_NO } CpuUsable;

typedef struct CpuModelCaps {
    char *name;
    CpuUsable usable;
    gboolean deprecated;
} CpuModelCaps;

/* What one emulator can do, for one architecture and one virt type. Filled by
 * qemu/emulator/capable.c, or by a test from a file; immutable once other code has it. */
typedef struct EmulatorCaps {
    char *path;    /* path of the binary */
    char *arch;    /* "x86_64" */
    guint version; /* 10000002: major * 1000000 + minor * 1000 + micro */
    gboolean kvm;  /* the emulator can use KVM on this host */
    gboolean tcg;
    GHashTable *devices;   /* set of char *: QOM types that -device takes ("virtio-blk-pci") */
    GHashTable *features;  /* set of char *: all else that rules ask for ("spice", "vnc",
                              "memory-backend-memfd", "TYPE.PROPERTY", "tpm-emulator") */
    GPtrArray *machines;   /* MachineCaps */
    GPtrArray *cpu_models; /* CpuModelCaps */
} EmulatorCaps;

EmulatorCaps *caps_new(void);
void caps_free(EmulatorCaps *caps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmulatorCaps, caps_free)
gboolean caps_has_device(const EmulatorCaps *caps, const char *type);
gboolean caps_has(const EmulatorCaps *caps, const char *feature);
/* The machine of that canonical name or alias, borrowed; NULL when the emulator has none. */
const MachineCaps *caps_machine(const EmulatorCaps *caps, const char *name);
const MachineCaps *caps_default_machine(const EmulatorCaps *caps);
/* An emulator's caps as one JSON object, for tests and for the cache on disk. caps_from_json: free
 * with caps_free; NULL and an error when the text is no such object. caps_to_json: the caller frees
 * the text. */
EmulatorCaps *caps_from_json(const char *text, gsize len, GError **err);
char *caps_to_json(const EmulatorCaps *caps);

/* Finds the caps of an emulator. path NULL: the default emulator for arch; arch NULL: the host's.
 * NULL and an error when there is none. The result is borrowed and lives at least as long as the
 * call. */
typedef const EmulatorCaps *(*CapsLookup)(const char *path, const char *arch, int virt_type,
                                          gpointer user, GError **err);

/* A firmware of the host, as its descriptor file (QEMU's docs/interop/firmware.json) describes it.
 */
typedef struct FirmwareCaps {
    gboolean uefi, bios;
    int loader;               /* LOADER_PFLASH, LOADER_ROM */
    gboolean stateless;       /* flash without variables */
    gboolean combined;        /* code and variables in one file, which the guest writes */
    char *path, *nvram;       /* nvram: path of the template of its variables; NULL: none */
    int format, nvram_format; /* DiskFormat */
    gboolean enrolled_keys, secure_boot, requires_smm;
    gboolean sev, sev_es, sev_snp, tdx;
} FirmwareCaps;

/* Returns the firmwares (FirmwareCaps) for a machine, the preferred one first. Free with
 * g_ptr_array_unref. */
typedef GPtrArray *(*FirmwareLookup)(const char *arch, const char *machine, gpointer user);

typedef struct ConfContext {
    CapsLookup lookup;
    FirmwareLookup firmwares; /* NULL: the host has none */
    gpointer user;
    gboolean session;        /* the daemon of an ordinary user, not of the system */
    const char *nvram_dir;   /* "/var/lib/vmd/qemu/nvram" */
    const char *channel_dir; /* "/run/vmd/channel": sockets of channels without a path */
} ConfContext;

/* ---- domains ------------------------------------------------------------------------------ */

typedef enum DefFlags {
    DEF_LIVE = 1 << 0,     /* parse: keep, format: write fields that only a running domain has */
    DEF_SECURE = 1 << 1,   /* format: with secrets */
    DEF_VALIDATE = 1 << 2, /* parse: refuse unknown elements and attributes */
    DEF_MIGRATABLE =
        1 << 3, /* format: for another host: with secrets, without what that host makes itself */
    DEF_BARE = 1 << 4,  /* parse: neither fill nor check (for files that vmd wrote itself) */
    DEF_SAVED = 1 << 5, /* with fields for the daemon's own files */
} DefFlags;

/* Reads a document, fills it in and checks it (without filling and checking with DEF_BARE). len in
 * bytes, -1: strlen. flags: DefFlags. Free with domain_free. NULL and an error, which has the line,
 * when the document is wrong; ERR_AWAITED while the emulator is being probed. */
DomainDef *domain_parse(const char *xml, gssize len, guint flags, const ConfContext *context,
                        GError **err);
/* The same. Elements and attributes that no row knows are added to unknown, a sentence each;
 * unknown NULL: they are logged. */
DomainDef *domain_parse_noting(const char *xml, gssize len, guint flags, const ConfContext *context,
                               GPtrArray *unknown, GError **err);
char *domain_format(const DomainDef *def, guint flags);
/* The same. *ret_secret is set to whether the text would differ with DEF_SECURE. */
char *domain_format_noting(const DomainDef *def, guint flags, gboolean *ret_secret);
DomainDef *domain_copy(const DomainDef *def);
/* A copy without the parts that every host makes by itself, or that an older daemon would not know
 * (migratable.c). Free with domain_free. */
DomainDef *domain_migratable(const DomainDef *def);
gboolean domain_equal(const DomainDef *a, const DomainDef *b);
void domain_free(DomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainDef, domain_free)
/* domain_complete fills in a definition that was read or changed; domain_settle fills it in and
 * checks it. They look up the emulator through context. */
gboolean domain_complete(DomainDef *def, const ConfContext *context, GError **err);
gboolean domain_settle(DomainDef *def, const ConfContext *context, GError **err);
/* Fills in a definition for an emulator (fill.c): machine, cpu, controllers, addresses and so on.
 * Filling a second time changes nothing. */
gboolean domain_fill(DomainDef *def, const EmulatorCaps *caps, const ConfContext *context,
                     GError **err);
/* Checks the rules across rows (check.c); the definition must be filled in. */
gboolean domain_check(const DomainDef *def, const EmulatorCaps *caps, GError **err);

/* Whether a domain may have this name, which also names files. FALSE: an error says why not. */
gboolean domain_name_check(const char *name, GError **err);

/* ---- one device (attach, detach, update) -------------------------------------------------- */

typedef struct Device {
    const Schema *schema; /* its kind: &disk_schema, &net_schema ... */
    gpointer def;
} Device;

/* Reads one device element: <disk>, <interface> ... Free the content of *ret_device with
 * device_done. */
gboolean device_parse(const char *xml, gssize len, guint flags, Device *ret_device, GError **err);
/* The same. Elements and attributes that no row knows are added to unknown, a sentence each;
 * unknown NULL: they are logged. */
gboolean device_parse_noting(const char *xml, gssize len, guint flags, GPtrArray *unknown,
                             Device *ret_device, GError **err);
void device_done(Device *device);
char *device_format(const Device *device, guint flags);

/* Return a copy of the definition with one device added, removed or changed. The copy is filled in
 * and, except after a detach, checked; NULL and an error when that fails. domain_attach and
 * domain_update take device->def. A device is found by what identifies its kind (a disk's target,
 * an interface's MAC address ...), and also by its address where one is given. */
DomainDef *domain_attach(const DomainDef *def, Device *device, const ConfContext *context,
                         GError **err);
DomainDef *domain_detach(const DomainDef *def, const Device *device, const ConfContext *context,
                         GError **err);
DomainDef *domain_detach_alias(const DomainDef *def, const char *alias, const ConfContext *context,
                               GError **err);
DomainDef *domain_update(const DomainDef *def, Device *device, const ConfContext *context,
                         GError **err);

/* For live definitions, whose devices all have aliases (device_live.c). */
const char *device_alias(const Device *device); /* borrowed; NULL: it has none */
/* Finds a device by its alias. FALSE: there is none. *ret_device is borrowed; ret_device may be
 * NULL. */
gboolean domain_find_alias(const DomainDef *def, const char *alias, Device *ret_device);
/* The devices of from whose alias no device of def has: an array of Device, borrowed, in the order
 * of the document. The caller frees the array. */
GArray *domain_missing(const DomainDef *def, const DomainDef *from);
/* Adds copies of those devices to def, in the same places. */
void domain_add_missing(DomainDef *def, const DomainDef *from);
void domain_remove_alias(DomainDef *def, const char *alias);
/* Replaces the device of that alias in def by a copy of the one in from. */
void domain_replace_alias(DomainDef *def, const DomainDef *from, const char *alias);
/* def is the definition before with one device changed to device, whose document may have left the
 * alias out. Gives the device in def its old alias again and returns it; the caller frees it. NULL:
 * the device has another alias now. */
char *domain_keep_alias(DomainDef *def, const DomainDef *before, const Device *device);

/* ---- a <cpu> alone (cpu_doc.c) ------------------------------------------------------------ */

typedef struct CpuPages {
    char *unit;
    guint64 size;
} CpuPages;

typedef struct CpuDoc {
    CpuDef cpu; /* of a host: each of its features is required */
    char *arch; /* the host's architecture; NULL: the document describes a guest's CPU */
    guint32 microcode;
    GPtrArray *pages; /* CpuPages */
} CpuDoc;

typedef enum CpuDocFlags {
    CPU_DOC_VALIDATE = 1 << 0, /* refuse unknown elements and attributes */
    CPU_DOC_HOST = 1 << 1,     /* accept only the CPU of a host */
} CpuDocFlags;

CpuDoc *cpu_doc_parse(const char *xml, guint flags, GError **err);
void cpu_doc_free(CpuDoc *doc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuDoc, cpu_doc_free)

/* ---- what users write about an object: title, description, metadata (notes.c) ------------ */

/* virDomainMetadataType, virNetworkMetadataType. */
typedef enum NoteType { NOTE_DESCRIPTION, NOTE_TITLE, NOTE_ELEMENT } NoteType;

/* The notes of a definition (borrowed), and the places that hold them. */
typedef struct Notes {
    const char *title, *description, *metadata;
} Notes;
typedef struct NotesAt {
    char **title, **description, **metadata;
} NotesAt;
#define NOTES_IN(def) ((Notes){ (def)->title, (def)->description, (def)->metadata })
#define NOTES_AT(def) ((NotesAt){ &(def)->title, &(def)->description, &(def)->metadata })

/* Checks a note that comes without a document around it. key, uri: the prefix and the namespace of
 * a NOTE_ELEMENT. */
gboolean notes_check(int type, const char *value, const char *key, const char *uri, GError **err);
/* The note of that type, and of that namespace for a NOTE_ELEMENT. The caller frees it; NULL: there
 * is none. */
char *notes_get(const Notes *w, int type, const char *uri);
/* Sets a note; value NULL: removes it. FALSE and an error: it is no possible note, and nothing has
 * changed. */
gboolean notes_set(const NotesAt *w, int type, const char *value, const char *key, const char *uri,
                   GError **err);

/* ---- with the host, up and down (host_plan.c) --------------------------------------------- */

/* What happens to a guest when its host goes down: vmd presses its power button, ends it at once
 * (pulls the plug), or does nothing. */
typedef enum DownPolicy { DOWN_SHUTDOWN, DOWN_DESTROY, DOWN_NONE, N_DOWN_POLICIES } DownPolicy;
const char *down_policy_word(DownPolicy policy);
gboolean down_policy_parse(const char *text, DownPolicy *ret_policy);

/* When a guest counts as up for those that start after it: it was started, its agent is there, or
 * the host knows an address of it. */
typedef enum GuestReady { READY_STARTED, READY_AGENT, READY_ADDRESS, N_GUEST_READY } GuestReady;
const char *guest_ready_word(GuestReady ready);

enum { HOST_ORDER_DEFAULT = 500, HOST_ORDER_MAX = 9999, HOST_SECONDS_MAX = 86400 };

typedef struct HostPlan {
    guint order;   /* guests with a lower number start earlier and are ended later */
    guint delay;   /* seconds from its start until guests with a higher number start */
    guint timeout; /* seconds that it has to shut down; after that it is ended at once */
    DownPolicy policy;
    GuestReady ready;    /* what guests with a higher number wait for */
    guint ready_timeout; /* seconds, after which they do not */
} HostPlan;

#define HOST_PLAN_URI "urn:vmd:host:1"
/* Overwrites plan with the attributes of <host order= delay= timeout= policy=/> in the metadata, in
 * that namespace, and of ready= and ready_timeout=. FALSE and ERR_XML: the element is wrong, and
 * plan is unchanged. */
gboolean host_plan_read(const Notes *notes, HostPlan *plan, GError **err);

/* ---- smaller questions -------------------------------------------------------------------- */

/* The name of the disk's source, for messages: its path, network name or target. Borrowed. */
const char *disk_source_name(const DiskDef *disk);
/* The SourceType that QEMU opens: for a volume that has been found, that of the volume. */
int disk_source_kind(const DiskSource *s);
int disk_name_index(const char *target);     /* "vdc" is 2; -1: it is no name of a disk */
gboolean disk_is_empty(const DiskDef *disk); /* it has no source at all, like an open tray */
gboolean net_is_usb_host(const NetDef *net); /* it is a USB device of the host */
/* Whether an emulator of one architecture runs guests of the other. */
gboolean arch_runs(const char *emulator, const char *guest);
gboolean domain_is_q35(const DomainDef *def);
gboolean domain_is_i440fx(const DomainDef *def);
/* Calls visit for every DeviceInfo of the domain in the order of the dump; visit returns FALSE to
 * stop. schema and device tell which device has it. */
typedef gboolean (*DeviceVisit)(DeviceInfo *info, const Schema *schema, gpointer device,
                                gpointer user);
gboolean domain_each_device(DomainDef *def, DeviceVisit visit, gpointer user);
