/* qemu: virtual machines. A Vm is a domain: a persistent definition, a running QEMU, or both.
 *
 * Functions that read answer at once from memory. Functions that change something submit a job
 * (core/jobs) made of flows (core/flow), and report its end through a VmDone, from within the call
 * or later. A Vm that is passed to a VmDone or returned by a find is borrowed; keep one with
 * object_ref. */
#pragma once

#include "conf/conf.h"
#include "core/core.h"

typedef struct Vm Vm; /* begins with an Object; vm_object is the cast */

/* ---- the room itself (vm.c, recover.c) --------------------------------------------------- */

/* Registers the tables of this room's flows, for --list-steps and VMD_FAULT. */
void qemu_register(void);
/* Calls each for every setting that a start refuses, with its path in a domain's XML and the
 * reason. */
typedef void (*QemuRefused)(const char *path, const char *why, gpointer user);
void qemu_list_refused(QemuRefused each, gpointer user);
/* Reads every definition, recovers running VMs and prepares autostart. It never waits for a QEMU
 * and never probes one, so clients are served at once. paths must live as long as the daemon. FALSE
 * and an error: the daemon cannot work. */
gboolean qemu_init(const Paths *paths, GError **err);
/* Starts the domains that are marked for autostart and do not run; called when the sockets are
 * open. Autostart happens once after each boot of the host, not at every start of the daemon. */
void qemu_autostart(void);
/* Writes anew what is kept below the run folder of VMs that run: somebody has emptied it. FALSE:
 * one of them is just being changed; to be asked again. */
gboolean qemu_save_runs(void);
/* Drops everything in memory and leaves every QEMU running. */
void qemu_done(void);

/* ---- with the host, up and down (host_plans.c) ------------------------------------------- */

/* Sets the plan for domains whose metadata has none; it is copied. */
void qemu_set_host_plan(const HostPlan *plan);

typedef struct HostDown {
    guint off;    /* guests that shut down by themselves */
    guint forced; /* guests that were ended at once */
    guint left;   /* guests that still run: by their policy, or because nothing has ended them */
} HostDown;
typedef void (*HostDownDone)(const HostDown *down, gpointer user);
/* Ends all guests according to their plans: guests of the same order together, the highest order
 * first. done is called when that is over, from within the call or later. A second caller is
 * answered at the same time. */
void qemu_host_down(const char *who, HostDownDone done, gpointer user);

/* ---- finding ---------------------------------------------------------------------------- */

Object *vm_object(Vm *vm);
Vm *vm_find_name(const char *name);
Vm *vm_find_uuid(const guint8 uuid[UUID_LEN]);
Vm *vm_find_id(int id);
/* All VMs in order of creation, each referenced; free with g_ptr_array_unref. */
GPtrArray *vm_list(void);

/* ---- reading ---------------------------------------------------------------------------- */

/* The numbers are those of virDomainState. */
typedef enum VmState {
    VM_NOSTATE = 0,
    VM_RUNNING = 1,
    VM_BLOCKED = 2,
    VM_PAUSED = 3,
    VM_SHUTDOWN = 4,
    VM_SHUTOFF = 5,
    VM_CRASHED = 6,
    VM_PMSUSPENDED = 7,
    N_VM_STATES
} VmState;

typedef struct VmInfo {
    VmState state;
    int reason;
    guint64 max_memory_kib;
    guint64 memory_kib; /* the balloon's actual size where it is known */
    guint vcpus;
    guint64 cpu_time_ns;
} VmInfo;

/* *ret_reason is one of the reason enum of that state (virDomainRunningReason ...). */
void vm_state(const Vm *vm, VmState *ret_state, int *ret_reason);
/* FALSE and an error: the domain is off, and its definition cannot be read. */
gboolean vm_info(Vm *vm, VmInfo *ret_info, GError **err);
gboolean vm_is_active(const Vm *vm); /* it has a QEMU, or is being started */
/* When its QEMU was started: Unix time in milliseconds; 0: there is none. */
gint64 vm_started(const Vm *vm);
gboolean vm_is_persistent(const Vm *vm); /* it has a definition on disk */
gboolean vm_is_updated(const Vm *vm);    /* the persistent definition was changed since the start */
gboolean vm_autostart(const Vm *vm, AutostartKind kind);
gboolean vm_has_managed_save(const Vm *vm);
/* The live definition of a domain that runs, else the persistent one. Borrowed until the next turn
 * of the loop. NULL and an error: it is off, and its definition cannot be read. */
const DomainDef *vm_def(Vm *vm, GError **err);
/* The domain's document. flags: virDomainXMLFlags (secure 1, inactive 2, migratable 8). The caller
 * frees it; NULL and an error as vm_def. */
char *vm_xml(Vm *vm, guint flags, GError **err);
/* The same; with the flag "update cpu" the host's CPU model is spelled out, which takes a probe if
 * the emulator was never probed. text is valid during the callback. */
typedef void (*VmText)(const char *text, const GError *err, gpointer user);
void vm_ask_xml(Vm *vm, guint flags, VmText done, gpointer user);

/* The user and group that QEMU runs as, "+2130706433:+2130706433"; NULL: the domain is off, or QEMU
 * has no user of its own. The caller frees it. */
char *vm_label(const Vm *vm);
/* One aspect of how the QEMU of a running VM is confined, asked of the kernel now. */
typedef struct VmConfinement {
    const char *what;
    char *is, *why; /* what it is now, and why it is not as it should be; why NULL: it is */
} VmConfinement;
/* An array of VmConfinement; free with g_array_unref. NULL and an error: it does not run. */
GArray *vm_confinement(Vm *vm, GError **err);
/* The range of users, and of groups, that QEMUs run as: one each (docs/confinement.md). */
enum { VM_USERS_FIRST = 0x7f000000, VM_USERS = 0x00010000 };
/* Whether uid is in that range: only QEMUs of this daemon's kind run as such users. */
gboolean vm_owns_user(uid_t uid);

/* A domain's title, description or metadata element. type: virDomainMetadataType (description 0,
 * title 1, element 2, which uri names). impact: virDomainModificationImpact (current 0, live 1,
 * config 2). The caller frees it; NULL and ERR_NO_METADATA when there is none. */
char *vm_metadata(Vm *vm, int type, const char *uri, guint impact, GError **err);

/* State of the connection to QEMU, as virDomainGetControlInfo: 0 ok, 1 job, 2 occupied, 3 error;
 * *ret_ms: since how many milliseconds. */
void vm_control(Vm *vm, int *ret_state, int *ret_details, guint64 *ret_ms);

/* Messages about the VM: deprecated features (1), tainting (2); and, whatever types are asked for,
 * why its definition cannot be read. NULL-terminated; the caller frees it. NULL with ERR_AWAITED:
 * ask again later. */
char **vm_messages(Vm *vm, guint types, GError **err);

/* The running job, for job info. type: virDomainJobType (0 none, 1 bounded, 2 unbounded, 3
 * completed); elapsed_ms in milliseconds. */
typedef struct VmJobInfo {
    int type;
    int operation;
    guint64 elapsed_ms;
} VmJobInfo;
void vm_job_info(Vm *vm, VmJobInfo *ret_info);

/* ---- statistics (stats.c) --------------------------------------------------------------- */

/* Bits of virDomainStatsTypes, and VM_STATS_BACKING, which is none of them: together with
 * VM_STATS_BLOCK it adds the backing images of the disks. */
enum {
    VM_STATS_STATE = 1 << 0,
    VM_STATS_CPU_TOTAL = 1 << 1,
    VM_STATS_BALLOON = 1 << 2,
    VM_STATS_VCPU = 1 << 3,
    VM_STATS_INTERFACE = 1 << 4,
    VM_STATS_BLOCK = 1 << 5,
    VM_STATS_PERF = 1 << 6,
    VM_STATS_IOTHREAD = 1 << 7,
    VM_STATS_MEMORY = 1 << 8,
    VM_STATS_DIRTYRATE = 1 << 9,
    VM_STATS_VM = 1 << 10,
    VM_STATS_BACKING = 1 << 30,
};
#define VM_STATS_DONE                                                                              \
    (VM_STATS_STATE | VM_STATS_CPU_TOTAL | VM_STATS_BALLOON | VM_STATS_VCPU | VM_STATS_INTERFACE | \
     VM_STATS_BLOCK | VM_STATS_IOTHREAD)

/* Asks the QEMUs of these VMs (GPtrArray of Vm) for the counters of these groups, all at once, and
 * calls done when all have answered, or after 5 ms. A QEMU that has not answered by then keeps its
 * last counters, and is not waited for again until it has answered. */
typedef void (*VmRefreshed)(gpointer user);
void vm_refresh(GPtrArray *vms, guint groups, VmRefreshed done, gpointer user);
/* Appends the cached counters of these groups as bulk statistics; from memory. */
void vm_stats(Vm *vm, guint groups, Params *params);

typedef struct VmBlockStats {
    gint64 rd_req, rd_bytes, rd_ns, wr_req, wr_bytes, wr_ns, flush_req, flush_ns; /* -1: unknown */
} VmBlockStats;
/* Counters of a disk. disk: its target or source path; "" means the sum of all disks. */
gboolean vm_block_stats(Vm *vm, const char *disk, VmBlockStats *ret_stats, GError **err);

typedef struct VmBlockInfo {
    guint64 capacity, allocation, physical; /* bytes */
} VmBlockInfo;
/* Sizes of a disk. Works for a domain that is off too: a worker reads the head of the image. */
typedef void (*VmBlockInfoDone)(const VmBlockInfo *info, const GError *err, gpointer user);
void vm_block_info(Vm *vm, const char *disk, VmBlockInfoDone done, gpointer user);

typedef struct VmNetStats {
    gint64 rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
} VmNetStats;
gboolean vm_net_stats(Vm *vm, const char *device, VmNetStats *ret_stats, GError **err);

/* The running VM's interfaces whose IP addresses are known: a GPtrArray of VmAddresses. The numbers
 * are those of virDomainInterfaceAddressesSource; the agent is asked by vm_guest_addresses. */
typedef enum VmAddressSource { VM_BY_LEASE, VM_BY_AGENT, VM_BY_ARP } VmAddressSource;
typedef struct VmAddress {
    char *text;
    guint prefix;
} VmAddress;
typedef struct VmAddresses {
    char *name; /* name of the host's end of the link; where there is none, the MAC address */
    char *mac;  /* NULL: it has none */
    GArray *addresses; /* of VmAddress */
} VmAddresses;
GPtrArray *vm_addresses(Vm *vm, guint source, GError **err);
/* The disks that have failed, as of the last refresh: a GArray of VmDiskError. */
typedef struct VmDiskError {
    const char *disk; /* borrowed */
    int error;        /* virDomainDiskErrorCode: unspecified 1, no space 2 */
} VmDiskError;
GArray *vm_disk_errors(Vm *vm);
/* Whether the running VM has a disk of that target or source. FALSE and an error: it has none. */
gboolean vm_has_disk(Vm *vm, const char *disk, GError **err);
/* User and system time that the running VM has used, in nanoseconds. */
gboolean vm_cpu_times(Vm *vm, guint64 *ret_user, guint64 *ret_system, GError **err);

/* virDomainMemoryStatTags. */
typedef struct VmMemoryStat {
    int tag;
    guint64 value;
} VmMemoryStat;
/* Writes at most max statistics of the guest's memory, and returns how many. */
guint vm_memory_stats(Vm *vm, VmMemoryStat *stats, guint max);

typedef struct VmVcpu {
    guint number;
    int state; /* virVcpuState */
    guint64 cpu_time_ns;
    int cpu; /* host CPU that it last ran on; -1: unknown */
} VmVcpu;
/* A GArray of VmVcpu; NULL and an error when the VM does not run. */
GArray *vm_vcpus(Vm *vm, GError **err);

/* ---- changing --------------------------------------------------------------------------- */

typedef void (*VmDone)(Vm *vm, const GError *err, gpointer user);

/* A text that names the client that asks for a change, for logs and job info: "client 12 (pid 4711,
 * uid 0)". Copied. */
typedef const char *Asker;

/* Defines a domain, or changes the definition of the one with this UUID. flags:
 * virDomainDefineFlags (validate 1). done is called when the definition is on disk, which the loop
 * does not wait for; on failure its vm is NULL. */
void vm_define(const char *xml, guint flags, VmDone done, gpointer user);
/* Removes the definition; a running domain becomes transient. flags: virDomainUndefineFlagsValues.
 * done as for vm_define. */
void vm_undefine(Vm *vm, guint flags, VmDone done, gpointer user);
/* Changes of definitions wait for the job that runs. A change of the live and of the persistent
 * definition (impact) takes effect in both or in none. It is on disk when done is called. */
void vm_rename(Vm *vm, const char *name, Asker who, VmDone done, gpointer user);
void vm_set_autostart(Vm *vm, AutostartKind kind, gboolean on, Asker who, VmDone done,
                      gpointer user);
/* value NULL removes it. key and uri: prefix and namespace of an element (type 2). */
void vm_set_metadata(Vm *vm, int type, const char *value, const char *key, const char *uri,
                     guint impact, Asker who, VmDone done, gpointer user);

/* Asks for one event when the file of a disk ("vda"), or of a backing image of it ("vda[3]"), has
 * been written beyond so many bytes. 0: no event. */
void vm_set_block_threshold(Vm *vm, const char *disk, guint64 bytes, Asker who, VmDone done,
                            gpointer user);

/* Sets what happens with the domain: type and action are those of virDomainLifecycle and
 * virDomainLifecycleAction. */
void vm_set_lifecycle(Vm *vm, guint type, guint action, guint impact, Asker who, VmDone done,
                      gpointer user);

/* Adds, removes or changes one device. flags: virDomainDeviceModifyFlags (current 0, live 1, config
 * 2, force 4: open a locked tray). */
void vm_attach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user);
void vm_detach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user);
void vm_update_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user);
void vm_detach_alias(Vm *vm, const char *alias, guint flags, Asker who, VmDone done, gpointer user);

/* ---- number of processors, amount of memory (tune.c) ---- */

/* virDomainVcpuFlags. */
enum {
    VM_VCPU_LIVE = 1 << 0,
    VM_VCPU_CONFIG = 1 << 1,
    VM_VCPU_MAXIMUM = 1 << 2,
    VM_VCPU_GUEST = 1 << 3,
    VM_VCPU_HOTPLUGGABLE = 1 << 4,
};
gboolean vm_vcpu_count(Vm *vm, guint flags, guint *ret_count, GError **err);
void vm_set_vcpus(Vm *vm, guint count, guint flags, Asker who, VmDone done, gpointer user);
/* Plugs in or unplugs single processors, of the running guest, of the persistent definition, or of
 * both (impact). */
void vm_set_vcpu(Vm *vm, const Bitmap *vcpus, gboolean on, guint impact, Asker who, VmDone done,
                 gpointer user);
/* virDomainMemoryModFlags (live 1, config 2). */
enum { VM_MEMORY_MAXIMUM = 1 << 2 };
void vm_set_memory(Vm *vm, guint64 kib, guint flags, Asker who, VmDone done, gpointer user);
/* Sets how often the balloon reports the guest's memory, in seconds; 0: never. */
void vm_set_memory_period(Vm *vm, int seconds, guint impact, Asker who, VmDone done, gpointer user);

/* ---- limits of the host's resources (limits.c) ---- */

typedef enum VmLimits {
    VM_LIMITS_SCHEDULER,
    VM_LIMITS_BLKIO,
    VM_LIMITS_MEMORY,
    VM_LIMITS_NUMA,
    VM_LIMITS_INTERFACE, /* device: name or MAC address */
    VM_LIMITS_BLOCK,     /* device: target or source */
} VmLimits;
gboolean vm_limits(Vm *vm, VmLimits kind, const char *device, guint impact, Params *params,
                   GError **err);
/* Takes the content of params. */
void vm_set_limits(Vm *vm, VmLimits kind, const char *device, Params *params, guint impact,
                   Asker who, VmDone done, gpointer user);

/* ---- pinning to processors, and iothreads (pin.c) ---- */

typedef enum VmThread { VM_THREAD_VCPU, VM_THREAD_EMULATOR, VM_THREAD_IOTHREAD } VmThread;
/* The host's processors that a thread may run on, borrowed; NULL: all. id: number of the vcpu or
 * iothread. */
gboolean vm_pin(Vm *vm, VmThread thread, guint id, guint impact, const Bitmap **ret_cpus,
                GError **err);
void vm_set_pin(Vm *vm, VmThread thread, guint id, const Bitmap *cpus, guint impact, Asker who,
                VmDone done, gpointer user);
/* Numbers of its iothreads: a GArray of guint. */
GArray *vm_iothreads(Vm *vm, guint impact, GError **err);
void vm_add_iothread(Vm *vm, guint id, guint impact, Asker who, VmDone done, gpointer user);
void vm_del_iothread(Vm *vm, guint id, guint impact, Asker who, VmDone done, gpointer user);
/* Takes the content of params. */
void vm_set_iothread(Vm *vm, guint id, Params *params, guint impact, Asker who, VmDone done,
                     gpointer user);

/* virDomainCreateFlags bits. */
enum {
    VM_START_PAUSED = 1 << 0,
    VM_START_AUTODESTROY = 1 << 1,
    VM_START_BYPASS_CACHE = 1 << 2,
    VM_START_FORCE_BOOT = 1 << 3,
    VM_START_VALIDATE = 1 << 4,
    VM_START_RESET_NVRAM = 1 << 5,
};
void vm_start(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);
/* Starts a transient domain, or runs an existing one with another definition. On failure vm is NULL
 * in done. */
void vm_create(const char *xml, guint flags, Asker who, VmDone done, gpointer user);

enum { VM_DESTROY_GRACEFUL = 1 << 0, VM_DESTROY_REMOVE_LOGS = 1 << 1 };
void vm_destroy(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);

/* Presses the power button. flags: virDomainShutdownFlagValues (0 and 1: ACPI, 2: agent). done is
 * called when the button is pressed, not when the guest has shut down. */
void vm_shutdown(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);
void vm_reboot(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);
void vm_reset(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_suspend(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_resume(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_pm_wakeup(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_inject_nmi(Vm *vm, Asker who, VmDone done, gpointer user);
/* Presses keys for hold_ms milliseconds. codeset: virKeycodeSet. */
void vm_send_key(Vm *vm, guint codeset, guint hold_ms, const guint *keys, guint n_keys, Asker who,
                 VmDone done, gpointer user);
gboolean vm_abort_job(Vm *vm, GError **err);

/* Runs a QMP command for a client of the qemu program, or with flag 1 one of the human monitor.
 * text is valid during the callback. Taints the domain. */
void vm_monitor_command(Vm *vm, const char *command, guint flags, Asker who, VmText done,
                        gpointer user);

/* Opens a console or serial port (name NULL: the first one). *ret_fd is the caller's. flags: force
 * 1 (take it from the client that has it), safe 2. The caller must call vm_console_close with
 * *ret_ticket when its client is gone. */
gboolean vm_console_open(Vm *vm, const char *name, guint flags, int *ret_fd, guint64 *ret_ticket,
                         GError **err);
void vm_console_close(Vm *vm, guint64 ticket);
/* Opens a virtio channel by its target name; the same rules apply. */
gboolean vm_channel_open(Vm *vm, const char *name, guint flags, int *ret_fd, guint64 *ret_ticket,
                         GError **err);

/* Gives fd (a connected stream socket, duplicated) to graphics server number idx, from 0. flags 1:
 * without authentication. */
void vm_open_graphics(Vm *vm, guint idx, int fd, guint flags, Asker who, VmDone done,
                      gpointer user);

/* Takes a picture of a screen, by its number from 0: a readable descriptor, which is the caller's,
 * and its MIME type. */
typedef void (*VmPicture)(int fd, const char *mime, const GError *err, gpointer user);
void vm_screenshot(Vm *vm, guint screen, Asker who, VmPicture done, gpointer user);

/* ---- the agent in a guest (agent.c, guest_info.c) ----------------------------------------- */

/* The answer of a guest's agent; each question says which members it fills in. All of it comes from
 * the guest; only its size and form are checked. */
typedef struct VmGuestAnswer {
    const char *text;
    gint64 number;
    guint nanoseconds;
    GPtrArray *list;
    Params params;
} VmGuestAnswer;
/* Called once, from within the question or later. answer is valid during the callback, and NULL
 * when err is set. ERR_ARG_UNSUPPORTED: the domain has no channel for an agent;
 * ERR_AGENT_UNRESPONSIVE: no agent answers; ERR_AGENT_FAILED: the agent's own error; see
 * docs/agent.md. */
typedef void (*VmGuestDone)(const VmGuestAnswer *answer, const GError *err, gpointer user);

/* Sets how long answers are waited for from now on: seconds, or one of
 * virDomainAgentResponseTimeoutValues (block -2, default -1, at once 0). */
gboolean vm_guest_set_timeout(Vm *vm, int seconds, GError **err);
void vm_guest_hostname(Vm *vm, VmGuestDone done, gpointer user); /* text */
void vm_guest_time(Vm *vm, VmGuestDone done, gpointer user);     /* number: seconds */
/* sync: the guest sets its time from its hardware clock. */
void vm_guest_set_time(Vm *vm, gint64 seconds, guint nanoseconds, gboolean sync, VmGuestDone done,
                       gpointer user);
void vm_guest_addresses(Vm *vm, VmGuestDone done, gpointer user); /* list of VmAddresses */
typedef struct VmGuestFs {
    char *mountpoint, *name, *type;
    GPtrArray *targets; /* of char *: the domain's disks that it is on */
} VmGuestFs;
void vm_guest_file_systems(Vm *vm, VmGuestDone done, gpointer user); /* list of VmGuestFs */
/* Freeze or thaw file systems; the answer's number says how many. n_mountpoints 0: all. */
void vm_guest_freeze(Vm *vm, const char *const *mountpoints, guint n_mountpoints, VmGuestDone done,
                     gpointer user);
void vm_guest_thaw(Vm *vm, guint n_mountpoints, VmGuestDone done, gpointer user);
/* Gives free space back to the disk, in pieces of at least minimum bytes. */
void vm_guest_trim(Vm *vm, const char *mountpoint, guint64 minimum, VmGuestDone done,
                   gpointer user);
void vm_guest_set_password(Vm *vm, const char *account, const char *password, gboolean crypted,
                           VmGuestDone done, gpointer user);
void vm_guest_keys(Vm *vm, const char *account, VmGuestDone done, gpointer user); /* of char * */
/* virDomainAuthorizedSSHKeysSetFlags; 0: the keys replace all others. */
enum { VM_GUEST_KEYS_APPEND = 1 << 0, VM_GUEST_KEYS_REMOVE = 1 << 1 };
void vm_guest_set_keys(Vm *vm, const char *account, const char *const *keys, guint n_keys,
                       guint flags, VmGuestDone done, gpointer user);
/* virDomainGuestInfoTypes; 0: all that the agent knows. The answer is in params. */
enum { VM_GUEST_INFO_ALL = 0xff };
void vm_guest_info(Vm *vm, guint types, VmGuestDone done, gpointer user);
void vm_guest_vcpus(Vm *vm, VmGuestDone done, gpointer user); /* params */
void vm_guest_set_vcpus(Vm *vm, const Bitmap *vcpus, gboolean on, VmGuestDone done, gpointer user);
/* Number of vcpus that the guest uses, or (maximum) could use. */
void vm_guest_count_vcpus(Vm *vm, gboolean maximum, VmGuestDone done, gpointer user);
void vm_guest_use_vcpus(Vm *vm, guint count, VmGuestDone done, gpointer user);
/* Target: virNodeSuspendTarget. */
void vm_guest_sleep(Vm *vm, guint target, guint64 seconds, VmGuestDone done, gpointer user);
/* Sends a command in JSON to the agent; the answer's text is its whole reply (NULL: it was not
 * waited for). seconds: virDomainQemuAgentCommandTimeoutValues. Taints the domain. */
void vm_guest_command(Vm *vm, const char *command, int seconds, VmGuestDone done, gpointer user);

/* ---- the emulators (capable.c) ---------------------------------------------------------- */

/* When a question to this room, or a change, fails with ERR_AWAITED, the emulator that it needs to
 * know is being probed, and nothing was changed. known is called once, from the loop, when that
 * probe has ended (awaited: the path that error_awaited gives); then the caller repeats its call.
 * Returns a ticket; after qemu_await_end with it known is not called any more. */
typedef void (*QemuKnown)(gpointer user);
guint64 qemu_await(const char *awaited, QemuKnown known, gpointer user);
void qemu_await_end(guint64 ticket);

/* The documents of virConnectGetCapabilities and virConnectGetDomainCapabilities. The first
 * question about a binary probes it (asynchronously); later ones are answered from memory or the
 * cache on disk. Any of emulator, arch, machine and virttype may be NULL. */
void qemu_capabilities(VmText done, gpointer user);
void qemu_domain_capabilities(const char *emulator, const char *arch, const char *machine,
                              const char *virttype, VmText done, gpointer user);
/* Which CPUs a question is about: the host's own, or (hypervisor) those that an emulator can give
 * to guests. The strings may be NULL. */
typedef struct CpuQuestion {
    const char *emulator, *arch, *machine, *virttype;
    gboolean hypervisor;
} CpuQuestion;
enum { CPU_COMPARE_FAIL = 1, CPU_COMPARE_VALIDATE = 2 };
enum { CPU_BASELINE_EXPAND = 1, CPU_BASELINE_MIGRATABLE = 2 };
typedef void (*CpuCompared)(int result, const GError *err, gpointer user); /* virCPUCompareResult */
typedef void (*CpuNames)(const char *const *names, guint n, const GError *err, gpointer user);
void qemu_cpu_compare(const CpuQuestion *about, const char *xml, guint flags, CpuCompared done,
                      gpointer user);
void qemu_cpu_baseline(const CpuQuestion *about, const char *const *xmls, guint n, guint flags,
                       VmText done, gpointer user);
void qemu_cpu_models(const char *arch, CpuNames done, gpointer user);
/* Version of the default emulator: major * 1000000 + minor * 1000 + micro. */
typedef void (*QemuVersion)(guint64 version, const GError *err, gpointer user);
void qemu_version(QemuVersion done, gpointer user);
/* Most vcpus of a guest; 0: there is no emulator to ask. FALSE: ERR_AWAITED, and no other error. */
gboolean qemu_max_vcpus(guint *ret_vcpus, GError **err);

/* The command line that a start would use, as one shell line (domxml-to-native). The caller frees
 * it; NULL and an error otherwise. */
char *qemu_xml_to_native(const char *xml, GError **err);
