/* Building the command line; shared by args*.c only.
 *
 * The same code runs in three ways: to collect the files that must be opened (args_files), to build
 * the real command line with the numbers of the open descriptors, and to show it with plain paths
 * (native form). Devices are built as parts (parts.h), which hot-plug sends to QEMU by its monitor.
 */
#pragma once

#include "args.h"
#include "parts.h"

typedef struct ArgsOut {
    const ArgsIn *in;
    const DomainDef *def;
    const Emulator *e;
    const Machine *machine;
    GPtrArray *argv; /* of char * */
    GPtrArray
        *parts; /* of Part: for the parts of one device; NULL: a whole command line is built */
    const void *only;   /* with parts: the struct of that device in def */
    GPtrArray *collect; /* of HostFd; NULL: not collecting */
    guint next_set;
    gboolean reservations; /* the helper that all disks share has been named */
    guint boot[5]; /* by BootDevice: the boot index for the first device of its kind; 0: none is
                      left */
} ArgsOut;

typedef gboolean (*ArgsPut)(ArgsOut *a, GError **err);

/* ---- words and options */

void args_add(ArgsOut *a, const char *word);
void args_pair(ArgsOut *a, const char *option, const char *value);
void args_pairf(ArgsOut *a, const char *option, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* Adds a part, to argv or to parts; takes props. */
void args_part(ArgsOut *a, PartVerb verb, json_object *props);
/* Adds an option that is no part; takes value. */
void args_json(ArgsOut *a, const char *option, json_object *value);
/* Adds a device with the overrides of the qemu namespace; takes props. */
void args_device(ArgsOut *a, json_object *props);
/* The same at the address in info; takes props. */
gboolean args_device_at(ArgsOut *a, json_object *props, const DeviceInfo *info, GError **err);
/* Whether a device is to be built: all are for a command line, one when its parts are wanted. */
static inline gboolean
is_asked(const ArgsOut *a, const void *device)
{
    return a->only == NULL || a->only == device;
}

/* Walks the devices of a list that are to be built. */
#define EACH_DEVICE(a, T, item, list)                                                              \
    EACH (const T, item, list)                                                                     \
        if (is_asked(a, item))

/* Doubles the commas in a value, as QEMU's older option syntax needs it. The caller frees it. */
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

/* The path by which QEMU opens a file: "/dev/fdset/3"; in native form the path itself. what is for
 * errors. Borrowed. */
const char *args_open(ArgsOut *a, HostKind kind, const char *path, const char *what);
/* The same without the host's page cache (O_DIRECT). */
const char *args_open_direct(ArgsOut *a, HostKind kind, const char *path, const char *what);
/* The same for a file that QEMU opens by open(2): "/proc/self/fd/12". The caller frees it. */
char *args_fd_path(ArgsOut *a, const char *path, const char *what);
/* The same for an unnamed file in a folder, for the object of that id. The caller frees it. */
char *args_memory_path(ArgsOut *a, const char *folder, const char *id);
/* A path relative to QEMU's run folder, which is its working directory. Borrowed. */
const char *args_own_path(const ArgsOut *a, const char *path);
/* The number of a file's descriptor; -1 in native form. */
int args_fd(ArgsOut *a, HostKind kind, const char *path, const char *what);
/* Adds QEMU's object of that id, which holds the value of a secret; what is for errors. In native
 * form nothing is added. */
gboolean args_secret(ArgsOut *a, const SecretRef *ref, const char *id, const char *what,
                     GError **err);
/* Lists a file that QEMU gets through its monitor. */
void args_fd_later(ArgsOut *a, HostKind kind, const char *path, const char *what);
gboolean args_is_native(const ArgsOut *a);
/* The path of an overlay above the image at path, for the guest's writes. */
const char *args_open_overlay(ArgsOut *a, const char *path, int format, const char *what);
/* Notes that several guests may write the image at path. */
void args_share(ArgsOut *a, const char *path);
/* Notes the format in which the image at path is opened; its head is read before QEMU reads it. */
void args_format(ArgsOut *a, const DiskSource *source, int format);
/* Adds -add-fd for everything that was opened. */
gboolean args_put_fds(ArgsOut *a, GError **err);

/* ---- what devices share (args_address.c) */

gboolean address_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err);
void virtio_props(json_object *o, const VirtioOptions *options);
/* Name of a virtio device for an address and model: "virtio-net" becomes
 * "virtio-net-pci-transitional". The caller frees it. */
char *virtio_driver(const DeviceInfo *info, const char *base, int model);
void rom_props(ArgsOut *a, json_object *o, const DeviceInfo *info);
/* The boot index of a device: its own, or the one that <boot dev> gives to the first device of its
 * kind. */
guint boot_index(ArgsOut *a, const DeviceInfo *info, int dev);
/* The parameter that the firmware of s390 passes to the system that it boots; NULL on other
 * machines, whose devices have none. */
const char *boot_parameter(const ArgsOut *a, const DeviceInfo *info);
const ControllerDef *args_controller(const DomainDef *def, int type, guint32 index);
gboolean guest_is_pc(const DomainDef *def); /* its machine is i440fx or q35 */

/* NULL: the definition does not have it. */
const TimerDef *args_timer(const DomainDef *def, int name);

/* ---- of other machines than PCs (args_arch.c) */

gboolean guest_is_pseries(const DomainDef *def);
gboolean args_choose_acpi(const ArgsOut *a);
const char *args_root_bus(const DomainDef *def, const ControllerDef *root);
void args_put_zpci(ArgsOut *a, const char *alias); /* comes before its device */
json_object *spapr_bridge(const ControllerDef *c);
gboolean args_put_nvram(ArgsOut *a, GError **err);
guint64 args_memory_block(const DomainDef *def); /* unit of memory in KiB */
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
json_object *queue_map(const GPtrArray *maps);           /* maps: of IothreadMap */
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

/* Adds the chardev of a device; id is its alias with "char" before it. */
gboolean args_chardev(ArgsOut *a, const CharSource *source, const char *id, const char *what,
                      GError **err);
/* The same for a chardev that is just a unix socket, end. */
gboolean args_socket(ArgsOut *a, CharEnd *end, const char *id, const char *what, GError **err);
