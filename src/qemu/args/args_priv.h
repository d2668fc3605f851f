/* Building the command line; shared by args*.c only.
 *
 * The same code runs in three ways: to collect what must be opened (args_files), to build the real
 * command line with the numbers of what was opened, and to show it with plain paths (native form).
 * Device builders return JSON and know nothing of the command line, so that hot-plug can use them.
 */
#pragma once

#include "args.h"
#include "parts.h"

typedef struct ArgsOut {
    const ArgsIn *in;
    const DomainDef *def;
    const Emulator *e;
    const Machine *machine;
    GPtrArray *argv;    /* of char * */
    GPtrArray *parts;   /* of Part: those of one device are asked for; NULL: a whole command line */
    const void *only;   /* with parts: the struct of that device in def */
    GPtrArray *collect; /* of HostFd; NULL: not collecting */
    guint next_set;
    gboolean reservations; /* the helper that all disks share is named */
    guint boot[5]; /* by BootDevice: the boot index that its first device gets; 0: none left */
} ArgsOut;

typedef gboolean (*ArgsPut)(ArgsOut *a, GError **err);

/* ---- words and options */

void args_add(ArgsOut *a, const char *word);
void args_pair(ArgsOut *a, const char *option, const char *value);
void args_pairf(ArgsOut *a, const char *option, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* Takes props: one more part, which goes to argv or to parts. */
void args_part(ArgsOut *a, PartVerb verb, json_object *props);
/* Takes value: an option that is no part. */
void args_json(ArgsOut *a, const char *option, json_object *value);
/* Takes props; adds the overrides of the qemu namespace. */
void args_device(ArgsOut *a, json_object *props);
/* Takes props; the same at the address that info says. */
gboolean args_device_at(ArgsOut *a, json_object *props, const DeviceInfo *info, GError **err);
/* Whether a device is wanted: all are on a command line, one when its parts are asked for. */
static inline gboolean
is_asked(const ArgsOut *a, const void *device)
{
    return a->only == NULL || a->only == device;
}

/* Walks those devices of a list that are asked for. */
#define EACH_DEVICE(a, T, item, list)                                                              \
    EACH (const T, item, list)                                                                     \
        if (is_asked(a, item))

/* A comma in a value of the older option syntax is written twice. */
char *args_escape(const char *value);

/* Adds members to o. A name starts with its kind and a colon:
 *     s  char *, left out when NULL          b  gboolean
 *     i  int                                 n  guint, left out when 0
 *     U  guint64                             u  guint64, left out when 0
 *     B  ON or OFF as a boolean              w  ON or OFF as the word; both left out when 0
 *     o  json_object *, taken, left out when NULL
 */
void props_add(json_object *o, ...) G_GNUC_NULL_TERMINATED;
json_object *props_new(const char *driver);

/* ---- the host's side (args_files.c) */

/* A path as QEMU may open it: "/dev/fdset/3"; in native form the path itself. */
const char *args_open(ArgsOut *a, HostKind kind, const char *path, const char *what);
/* The same, past the host's cache. */
const char *args_open_direct(ArgsOut *a, HostKind kind, const char *path, const char *what);
/* The same for what QEMU opens by itself with open(2): "/proc/self/fd/12". */
char *args_fd_path(ArgsOut *a, const char *path, const char *what);
/* The same of a file without a name in a folder, for the object of that id. */
char *args_memory_path(ArgsOut *a, const char *folder, const char *id);
/* How QEMU finds a path in its run folder, which is where it is. */
const char *args_own_path(const ArgsOut *a, const char *path);
/* A descriptor by number; -1 in native form. */
int args_fd(ArgsOut *a, HostKind kind, const char *path, const char *what);
/* The part that is QEMU's object of that id with the value of a secret; what is for errors. In
 * native form there is none. */
gboolean args_secret(ArgsOut *a, const SecretRef *ref, const char *id, const char *what,
                     GError **err);
/* One that QEMU gets by its monitor. */
void args_fd_later(ArgsOut *a, HostKind kind, const char *path, const char *what);
gboolean args_is_native(const ArgsOut *a);
/* What is written above the image at path. */
const char *args_open_overlay(ArgsOut *a, const char *path, int format, const char *what);
/* Several guests may write it. */
void args_share(ArgsOut *a, const char *path);
/* What that path is opened as, whose head is read before QEMU reads it. */
void args_format(ArgsOut *a, const DiskSource *source, int format);
/* The -add-fd of everything that was opened. */
gboolean args_put_fds(ArgsOut *a, GError **err);

/* ---- what devices share (args_address.c) */

gboolean address_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err);
void virtio_props(json_object *o, const VirtioOptions *options);
/* "virtio-net" for an address and model: "virtio-net-pci-transitional". */
char *virtio_driver(const DeviceInfo *info, const char *base, int model);
void rom_props(ArgsOut *a, json_object *o, const DeviceInfo *info);
/* A boot index: the device's own, or what <boot dev> gives the first of its kind. */
guint boot_index(ArgsOut *a, const DeviceInfo *info, int dev);
/* What s390's firmware hands to what it boots; NULL on other machines, whose devices have none. */
const char *boot_parameter(const ArgsOut *a, const DeviceInfo *info);
const ControllerDef *args_controller(const DomainDef *def, int type, guint32 index);
gboolean guest_is_pc(const DomainDef *def); /* i440fx or q35 */

const TimerDef *args_timer(const DomainDef *def, int name); /* NULL: not in the definition */

/* ---- of other machines than PCs (args_arch.c) */

gboolean guest_is_pseries(const DomainDef *def);
gboolean args_choose_acpi(const ArgsOut *a);
const char *args_root_bus(const DomainDef *def, const ControllerDef *root);
void args_put_zpci(ArgsOut *a, const char *alias); /* before the device it is about */
json_object *spapr_bridge(const ControllerDef *c);
gboolean args_put_nvram(ArgsOut *a, GError **err);
guint64 args_memory_block(const DomainDef *def); /* KiB: memory comes by so much */
gboolean nic_is_onboard(const DomainDef *def, const NetDef *net);
gboolean args_put_teardown(ArgsOut *a, GError **err);

/* ---- sections, by file */

gboolean args_put_machine(ArgsOut *a, GError **err); /* args_machine.c */
gboolean args_put_clock(ArgsOut *a, GError **err);
gboolean args_put_boot(ArgsOut *a, GError **err);
gboolean args_put_pm(ArgsOut *a, GError **err);
gboolean args_put_kernel(ArgsOut *a, GError **err);
gboolean args_put_smbios(ArgsOut *a, GError **err);
gboolean args_put_cpu(ArgsOut *a, GError **err);    /* args_cpu.c */
gboolean args_put_memory(ArgsOut *a, GError **err); /* args_memory.c */
gboolean args_put_smp(ArgsOut *a, GError **err);
gboolean args_put_numa(ArgsOut *a, GError **err);
gboolean args_put_memory_devices(ArgsOut *a, GError **err);
gboolean args_put_controllers(ArgsOut *a, GError **err); /* args_controller.c */
json_object *queue_map(const GPtrArray *maps);           /* of IothreadMap: which queue is whose */
gboolean args_put_firmware(ArgsOut *a, GError **err);    /* args_disk.c */
gboolean args_put_disks(ArgsOut *a, GError **err);
gboolean args_put_nets(ArgsOut *a, GError **err);    /* args_net.c */
gboolean args_put_serials(ArgsOut *a, GError **err); /* args_char.c */
gboolean args_put_smartcards(ArgsOut *a, GError **err);
gboolean args_put_redirdevs(ArgsOut *a, GError **err);
gboolean args_put_monitor(ArgsOut *a, GError **err);
gboolean args_put_graphics(ArgsOut *a, GError **err); /* args_display.c */
gboolean args_put_displays(ArgsOut *a, GError **err);
gboolean args_put_videos(ArgsOut *a, GError **err);
gboolean args_put_audios(ArgsOut *a, GError **err);
gboolean args_put_sounds(ArgsOut *a, GError **err);
gboolean args_put_inputs(ArgsOut *a, GError **err); /* args_device.c */
gboolean args_put_hubs(ArgsOut *a, GError **err);
gboolean args_put_watchdogs(ArgsOut *a, GError **err);
gboolean args_put_balloon(ArgsOut *a, GError **err);
gboolean args_put_rngs(ArgsOut *a, GError **err);
gboolean args_put_tpms(ArgsOut *a, GError **err);
gboolean args_put_panics(ArgsOut *a, GError **err);
gboolean args_put_shmems(ArgsOut *a, GError **err);
gboolean args_put_vsock(ArgsOut *a, GError **err);
gboolean args_put_iommus(ArgsOut *a, GError **err);
gboolean args_put_cryptos(ArgsOut *a, GError **err);
gboolean args_put_small(ArgsOut *a, GError **err);    /* vmcoreinfo, genid, pstore */
gboolean args_put_hostdevs(ArgsOut *a, GError **err); /* args_hostdev.c */
gboolean args_put_filesystems(ArgsOut *a, GError **err);

/* A chardev for a device: "-chardev"; id is its alias with "char" before it. */
gboolean args_chardev(ArgsOut *a, const CharSource *source, const char *id, const char *what,
                      GError **err);
/* The same where end, a unix socket, is all of it. */
gboolean args_socket(ArgsOut *a, CharEnd *end, const char *id, const char *what, GError **err);
