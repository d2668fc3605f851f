/* qemu: virtual machines. A Vm is a domain: a persistent definition, a running QEMU, or both.
 *
 * Reads answer at once from memory. Changes are asked here, run as jobs (core/jobs) made of flows
 * (core/flow), and answer through a VmDone, from within the call or later. A Vm handed to a VmDone
 * or returned by a find is borrowed; keep one with object_ref.
 */
#pragma once

#include "conf/conf.h"
#include "core/core.h"

typedef struct Vm Vm; /* starts with an Object; vm_object is the cast */

/* ---- the room itself (vm.c, recover.c) --------------------------------------------------- */

/* Makes the tables of this room's flows known: for --list-steps and VMD_FAULT. */
void qemu_register(void);
/* Calls each for every row of what a start refuses: where it stands in a domain's XML and why. */
typedef void (*QemuRefused)(const char *path, const char *why, gpointer user);
void qemu_list_refused(QemuRefused each, gpointer user);
/* Reads every definition, recovers what runs, arms autostart. Never waits for a QEMU and never
 * probes one: clients are served at once. paths must live as long as the daemon. */
gboolean qemu_init(const Paths *paths, GError **err);
/* Starts what is marked autostart and was not running; called when the sockets are open. autostart
 * happens once a boot of the host, not at every start of the daemon. */
void qemu_autostart(void);
/* Writes anew what is kept below the run folder of VMs that run: somebody has emptied it. FALSE:
 * one of them is just being changed; to be asked again. */
gboolean qemu_save_runs(void);
/* Drops everything in memory and leaves every QEMU running. */
void qemu_done(void);

/* ---- with the host, up and down (host_plans.c) ------------------------------------------- */

/* What holds for a domain whose metadata says nothing of it: copied. */
void qemu_set_host_plan(const HostPlan *plan);

typedef struct HostDown {
    guint off;    /* guests that went down by themselves */
    guint forced; /* whose plug was pulled */
    guint left;   /* that run on: as their policy says, or as nothing has helped */
} HostDown;
typedef void (*HostDownDone)(const HostDown *down, gpointer user);
/* Ends all guests as their plans say: those of one order at once, the highest order first. done is
 * called when that is over, from within the call or later; who asks meanwhile is answered then,
 * too. */
void qemu_host_down(const char *who, HostDownDone done, gpointer user);

/* ---- finding ---------------------------------------------------------------------------- */

Object *vm_object(Vm *vm);
Vm *vm_find_name(const char *name);
Vm *vm_find_uuid(const guint8 uuid[UUID_LEN]);
Vm *vm_find_id(int id);
/* In order of creation; each referenced; free with g_ptr_array_unref. */
GPtrArray *vm_list(void);

/* ---- reading ---------------------------------------------------------------------------- */

/* The numbers are virDomainState's; VmInfo.reason is one of that state's reason enum. */
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
    guint64 memory_kib; /* balloon's actual when known */
    guint vcpus;
    guint64 cpu_time_ns;
} VmInfo;

/* reason is one of that state's reason enum. */
void vm_state(const Vm *vm, VmState *ret_state, int *ret_reason);
/* FALSE: it is off, and its definition cannot be read. */
gboolean vm_info(Vm *vm, VmInfo *ret_info, GError **err);
gboolean vm_is_active(const Vm *vm);     /* has a QEMU, or is just getting one */
/* When its QEMU was started: Unix time in milliseconds; 0: there is none. */
gint64 vm_started(const Vm *vm);
gboolean vm_is_persistent(const Vm *vm); /* has a definition on disk */
gboolean vm_is_updated(const Vm *vm);    /* the definition differs from what runs */
gboolean vm_autostart(const Vm *vm, AutostartKind kind);
gboolean vm_has_managed_save(const Vm *vm);
/* The live definition when it runs, else the persistent one. Borrowed until the next turn of the
 * loop; NULL and an error: it is off, and its definition cannot be read. */
const DomainDef *vm_def(Vm *vm, GError **err);
/* flags: virDomainXMLFlags (secure 1, inactive 2, migratable 8). Caller frees. */
char *vm_xml(Vm *vm, guint flags, GError **err);
/* The same; with "update cpu" the model of the host is spelled out, which takes a probe where the
 * emulator was never asked. text is valid during the callback. */
typedef void (*VmText)(const char *text, const GError *err, gpointer user);
void vm_ask_xml(Vm *vm, guint flags, VmText done, gpointer user);

/* As whom QEMU runs, "+2130706433:+2130706433"; NULL: it is off, or has no user of its own to tell
 * of. Caller frees. */
char *vm_label(const Vm *vm);
/* What the QEMU of a running VM has of the host, asked of the kernel now. */
typedef struct VmConfinement {
    const char *what;
    char *is, *why; /* why NULL: that is as it should be */
} VmConfinement;
/* Free with g_array_unref. */
GArray *vm_confinement(Vm *vm, GError **err);
/* The users that QEMUs are, and groups: one each (docs/confinement.md). */
enum { VM_USERS_FIRST = 0x7f000000, VM_USERS = 0x00010000 };
/* Whether that is a user that only QEMUs of this daemon's kind run as. */
gboolean vm_owns_user(uid_t uid);

/* virDomainMetadataType: description 0, title 1, element 2. NULL and ERR_NO_METADATA when there is
 * none. impact: virDomainModificationImpact (current 0, live 1, config 2). */
char *vm_metadata(Vm *vm, int type, const char *uri, guint impact, GError **err);

/* virDomainGetControlInfo: state 0 ok, 1 job, 2 occupied, 3 error; ms since. */
void vm_control(Vm *vm, int *ret_state, int *ret_details, guint64 *ret_ms);

/* Messages about the VM: deprecated features (1), tainting (2); and why its definition cannot be
 * read, whatever is asked for. NULL-terminated, caller frees. NULL: ERR_AWAITED. */
char **vm_messages(Vm *vm, guint types, GError **err);

/* The job that runs, as job info speaks of it. type: virDomainJobType (0 none, 1 bounded,
 * 2 unbounded, 3 completed); elapsed in ms. */
typedef struct VmJobInfo {
    int type;
    int operation;
    guint64 elapsed_ms;
} VmJobInfo;
void vm_job_info(Vm *vm, VmJobInfo *ret_info);

/* ---- statistics (stats.c) --------------------------------------------------------------- */

/* virDomainStatsTypes bits. VM_STATS_BACKING is none of them: with VM_STATS_BLOCK also the images
 * below the disks' own. */
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
 * calls done when all have answered or after 5 ms, whatever comes first; a QEMU that did not answer
 * in time keeps its last counters and is not waited for again until it speaks. */
typedef void (*VmRefreshed)(gpointer user);
void vm_refresh(GPtrArray *vms, guint groups, VmRefreshed done, gpointer user);
/* From memory: the cached counters as bulk statistics. */
void vm_stats(Vm *vm, guint groups, Params *params);

typedef struct VmBlockStats {
    gint64 rd_req, rd_bytes, rd_ns, wr_req, wr_bytes, wr_ns, flush_req, flush_ns; /* -1: unknown */
} VmBlockStats;
/* disk: target name or source path; "" sums all. */
gboolean vm_block_stats(Vm *vm, const char *disk, VmBlockStats *ret_stats, GError **err);

typedef struct VmBlockInfo {
    guint64 capacity, allocation, physical; /* bytes */
} VmBlockInfo;
/* Works for a VM that is off too: a worker reads the head of the image. */
typedef void (*VmBlockInfoDone)(const VmBlockInfo *info, const GError *err, gpointer user);
void vm_block_info(Vm *vm, const char *disk, VmBlockInfoDone done, gpointer user);

typedef struct VmNetStats {
    gint64 rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
} VmNetStats;
gboolean vm_net_stats(Vm *vm, const char *device, VmNetStats *ret_stats, GError **err);

/* What is known of a guest's interface: GPtrArray of VmAddresses of the running VM's interfaces
 * that have an address. The numbers are virDomainInterfaceAddressesSource's; the agent is asked by
 * vm_guest_addresses. */
typedef enum VmAddressSource { VM_BY_LEASE, VM_BY_AGENT, VM_BY_ARP } VmAddressSource;
typedef struct VmAddress {
    char *text;
    guint prefix;
} VmAddress;
typedef struct VmAddresses {
    char *name;        /* of the host's end, or the MAC address where there is none */
    char *mac;         /* NULL: it has none */
    GArray *addresses; /* of VmAddress */
} VmAddresses;
GPtrArray *vm_addresses(Vm *vm, guint source, GError **err);
/* Which disks have failed: GArray of VmDiskError, from the last refresh. */
typedef struct VmDiskError {
    const char *disk; /* borrowed */
    int error;        /* virDomainDiskErrorCode: unspecified 1, no space 2 */
} VmDiskError;
GArray *vm_disk_errors(Vm *vm);
/* FALSE when the running VM has no such disk. */
gboolean vm_has_disk(Vm *vm, const char *disk, GError **err);
/* User and system time of the running VM, in ns. */
gboolean vm_cpu_times(Vm *vm, guint64 *ret_user, guint64 *ret_system, GError **err);

/* virDomainMemoryStatTags. */
typedef struct VmMemoryStat {
    int tag;
    guint64 value;
} VmMemoryStat;
/* At most max of them; returns how many. */
guint vm_memory_stats(Vm *vm, VmMemoryStat *stats, guint max);

typedef struct VmVcpu {
    guint number;
    int state; /* virVcpuState */
    guint64 cpu_time_ns;
    int cpu; /* host cpu it ran on; -1 unknown */
} VmVcpu;
/* GArray of VmVcpu; only of a running VM. */
GArray *vm_vcpus(Vm *vm, GError **err);

/* ---- changing --------------------------------------------------------------------------- */

typedef void (*VmDone)(Vm *vm, const GError *err, gpointer user);

/* Who asks, for logs and job info: "client 12 (pid 4711, uid 0)". Copied. */
typedef const char *Asker;

/* flags: virDomainDefineFlags (validate 1). Defines, or changes the definition of the domain with
 * this UUID. done is called once the definition is on disk, which the loop does not wait for; its
 * vm is NULL where it failed. */
void vm_define(const char *xml, guint flags, VmDone done, gpointer user);
/* flags: virDomainUndefineFlagsValues. A running domain becomes transient; done as above. */
void vm_undefine(Vm *vm, guint flags, VmDone done, gpointer user);
/* Changes of a definition wait for the job that runs, and hold as a whole or not at all: those of
 * the live and of the persistent one (impact) too. They are on disk when done is called. */
void vm_rename(Vm *vm, const char *name, Asker who, VmDone done, gpointer user);
void vm_set_autostart(Vm *vm, AutostartKind kind, gboolean on, Asker who, VmDone done,
                      gpointer user);
/* value NULL removes. key and uri are for elements (type 2). */
void vm_set_metadata(Vm *vm, int type, const char *value, const char *key, const char *uri,
                     guint impact, Asker who, VmDone done, gpointer user);

/* An event tells when the file of a disk ("vda"), or of an image below it ("vda[3]"), has been
 * written beyond so many bytes, once. 0: none does. */
void vm_set_block_threshold(Vm *vm, const char *disk, guint64 bytes, Asker who, VmDone done,
                            gpointer user);

/* What becomes of it: type and action are virDomainLifecycle's and virDomainLifecycleAction's. */
void vm_set_lifecycle(Vm *vm, guint type, guint action, guint impact, Asker who, VmDone done,
                      gpointer user);

/* One device more, less, or changed. flags: virDomainDeviceModifyFlags (current 0, live 1, config
 * 2, force 4: open a locked tray). */
void vm_attach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user);
void vm_detach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user);
void vm_update_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user);
void vm_detach_alias(Vm *vm, const char *alias, guint flags, Asker who, VmDone done, gpointer user);

/* ---- how much of what it has (tune.c) ---- */

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
/* Plugs and unplugs single processors of the persistent definition. */
void vm_set_vcpu(Vm *vm, const Bitmap *vcpus, gboolean on, guint impact, Asker who, VmDone done,
                 gpointer user);
/* virDomainMemoryModFlags (live 1, config 2). */
enum { VM_MEMORY_MAXIMUM = 1 << 2 };
void vm_set_memory(Vm *vm, guint64 kib, guint flags, Asker who, VmDone done, gpointer user);
/* How often the balloon counts the guest's memory, in seconds; 0: never. */
void vm_set_memory_period(Vm *vm, int seconds, guint impact, Asker who, VmDone done, gpointer user);

/* ---- how much of the host it may use (limits.c) ---- */

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
/* Takes the params' content. */
void vm_set_limits(Vm *vm, VmLimits kind, const char *device, Params *params, guint impact,
                   Asker who, VmDone done, gpointer user);

/* ---- which processors it may run on, threads for its disks (pin.c) ---- */

typedef enum VmThread { VM_THREAD_VCPU, VM_THREAD_EMULATOR, VM_THREAD_IOTHREAD } VmThread;
/* The host's processors that a thread may use, borrowed; NULL: all. id: number of the vcpu. */
gboolean vm_pin(Vm *vm, VmThread thread, guint id, guint impact, const Bitmap **ret_cpus,
                GError **err);
void vm_set_pin(Vm *vm, VmThread thread, guint id, const Bitmap *cpus, guint impact, Asker who,
                VmDone done, gpointer user);
/* GArray of guint: the numbers of its iothreads. */
GArray *vm_iothreads(Vm *vm, guint impact, GError **err);
void vm_add_iothread(Vm *vm, guint id, guint impact, Asker who, VmDone done, gpointer user);
void vm_del_iothread(Vm *vm, guint id, guint impact, Asker who, VmDone done, gpointer user);
/* Takes the params' content. */
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
/* A transient domain, or an ephemeral run of a defined one. vm is NULL in done when it failed. */
void vm_create(const char *xml, guint flags, Asker who, VmDone done, gpointer user);

enum { VM_DESTROY_GRACEFUL = 1 << 0, VM_DESTROY_REMOVE_LOGS = 1 << 1 };
void vm_destroy(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);

/* flags: virDomainShutdownFlagValues (0 and 1: ACPI, 2: agent). Done when the button is pressed. */
void vm_shutdown(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);
void vm_reboot(Vm *vm, guint flags, Asker who, VmDone done, gpointer user);
void vm_reset(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_suspend(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_resume(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_pm_wakeup(Vm *vm, Asker who, VmDone done, gpointer user);
void vm_inject_nmi(Vm *vm, Asker who, VmDone done, gpointer user);
/* codeset: virKeycodeSet. */
void vm_send_key(Vm *vm, guint codeset, guint hold_ms, const guint *keys, guint n_keys, Asker who,
                 VmDone done, gpointer user);
gboolean vm_abort_job(Vm *vm, GError **err);

/* QMP, or the human monitor with flag 1, from a client of the qemu program. text is valid during
 * the callback. Taints the domain. */
void vm_monitor_command(Vm *vm, const char *command, guint flags, Asker who, VmText done,
                        gpointer user);

/* A console or serial port (name NULL: the first), a descriptor that is now the caller's.
 * flags: force 1 (take it from who has it), safe 2. The console is handed back by
 * vm_console_close, which the caller must call when its client is gone. */
gboolean vm_console_open(Vm *vm, const char *name, guint flags, int *ret_fd, guint64 *ret_ticket,
                         GError **err);
void vm_console_close(Vm *vm, guint64 ticket);
/* A virtio channel by target name; the same rules. */
gboolean vm_channel_open(Vm *vm, const char *name, guint flags, int *ret_fd, guint64 *ret_ticket,
                         GError **err);

/* Gives fd (a connected stream socket, duplicated) to the graphics server number idx.
 * flags 1: without authentication. */
void vm_open_graphics(Vm *vm, guint idx, int fd, guint flags, Asker who, VmDone done,
                      gpointer user);

/* A picture of screen number `screen`: a readable descriptor (caller's) and its mime type. */
typedef void (*VmPicture)(int fd, const char *mime, const GError *err, gpointer user);
void vm_screenshot(Vm *vm, guint screen, Asker who, VmPicture done, gpointer user);

/* ---- what the agent in a guest knows and does (agent.c, guest_info.c) ---------------------- */

/* As much of an answer as the question has. All of it is what the guest says, bounded and checked
 * for its form alone. */
typedef struct VmGuestAnswer {
    const char *text;
    gint64 number;
    guint nanoseconds;
    GPtrArray *list;
    Params params;
} VmGuestAnswer;
/* answer is valid during the callback, and NULL when err is set. Called once, from within the
 * question or later. ERR_ARG_UNSUPPORTED: the domain has no channel for an agent;
 * ERR_AGENT_UNRESPONSIVE: nobody is there; ERR_AGENT_FAILED: as the guest says; docs/agent.md. */
typedef void (*VmGuestDone)(const VmGuestAnswer *answer, const GError *err, gpointer user);

/* How long answers are waited for from now on: seconds, or one of
 * virDomainAgentResponseTimeoutValues (block -2, default -1, at once 0). */
gboolean vm_guest_set_timeout(Vm *vm, int seconds, GError **err);
void vm_guest_hostname(Vm *vm, VmGuestDone done, gpointer user); /* text */
void vm_guest_time(Vm *vm, VmGuestDone done, gpointer user);     /* number: seconds */
/* sync: from its own clock that runs while it sleeps. */
void vm_guest_set_time(Vm *vm, gint64 seconds, guint nanoseconds, gboolean sync, VmGuestDone done,
                       gpointer user);
void vm_guest_addresses(Vm *vm, VmGuestDone done, gpointer user); /* list of VmAddresses */
typedef struct VmGuestFs {
    char *mountpoint, *name, *type;
    GPtrArray *targets; /* of char *: the disks of the domain that it is on */
} VmGuestFs;
void vm_guest_file_systems(Vm *vm, VmGuestDone done, gpointer user); /* list of VmGuestFs */
/* How many file systems: number. n_mountpoints 0: all. */
void vm_guest_freeze(Vm *vm, const char *const *mountpoints, guint n_mountpoints, VmGuestDone done,
                     gpointer user);
void vm_guest_thaw(Vm *vm, guint n_mountpoints, VmGuestDone done, gpointer user);
/* Pieces of that many bytes and more are given back to the disk. */
void vm_guest_trim(Vm *vm, const char *mountpoint, guint64 minimum, VmGuestDone done,
                   gpointer user);
void vm_guest_set_password(Vm *vm, const char *account, const char *password, gboolean crypted,
                           VmGuestDone done, gpointer user);
void vm_guest_keys(Vm *vm, const char *account, VmGuestDone done, gpointer user); /* of char * */
/* virDomainAuthorizedSSHKeysSetFlags; 0: these are all. */
enum { VM_GUEST_KEYS_APPEND = 1 << 0, VM_GUEST_KEYS_REMOVE = 1 << 1 };
void vm_guest_set_keys(Vm *vm, const char *account, const char *const *keys, guint n_keys,
                       guint flags, VmGuestDone done, gpointer user);
/* virDomainGuestInfoTypes; 0: all that the agent can tell. params. */
enum { VM_GUEST_INFO_ALL = 0xff };
void vm_guest_info(Vm *vm, guint types, VmGuestDone done, gpointer user);
void vm_guest_vcpus(Vm *vm, VmGuestDone done, gpointer user); /* params */
void vm_guest_set_vcpus(Vm *vm, const Bitmap *vcpus, gboolean on, VmGuestDone done, gpointer user);
/* How many it uses, or could: number. */
void vm_guest_count_vcpus(Vm *vm, gboolean maximum, VmGuestDone done, gpointer user);
void vm_guest_use_vcpus(Vm *vm, guint count, VmGuestDone done, gpointer user);
void vm_guest_sleep(Vm *vm, guint target, guint64 seconds, VmGuestDone done,
                    gpointer user); /* virNodeSuspendTarget */
/* A question in JSON; text is the whole answer (NULL: it was not waited for). seconds:
 * virDomainQemuAgentCommandTimeoutValues. Taints the domain. */
void vm_guest_command(Vm *vm, const char *command, int seconds, VmGuestDone done, gpointer user);

/* ---- the emulators (capable.c) ---------------------------------------------------------- */

/* Where a question to this room, or a change, fails with ERR_AWAITED, what it needs to know of an
 * emulator is being found out, and nothing was changed. known is called once from the loop when
 * that has come to an end, for the path that error_awaited gives; then the same is asked again.
 * Not any more after qemu_await_end. */
typedef void (*QemuKnown)(gpointer user);
guint64 qemu_await(const char *awaited, QemuKnown known, gpointer user);
void qemu_await_end(guint64 ticket);

/* The XML of virConnectGetCapabilities and virConnectGetDomainCapabilities; the first question
 * about a binary probes it (asynchronously), later ones answer from the cache on disk. Any of
 * emulator, arch, machine and virttype may be NULL. */
void qemu_capabilities(VmText done, gpointer user);
void qemu_domain_capabilities(const char *emulator, const char *arch, const char *machine,
                              const char *virttype, VmText done, gpointer user);
/* CPUs: of this host itself, or (hypervisor) of what guests of an emulator can have; the strings
 * may be NULL. */
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
/* Version of the default emulator, as major * 1000000 + minor * 1000 + micro. */
typedef void (*QemuVersion)(guint64 version, const GError *err, gpointer user);
void qemu_version(QemuVersion done, gpointer user);
/* 0: there is no emulator that could be asked. FALSE: ERR_AWAITED, and nothing else. */
gboolean qemu_max_vcpus(guint *ret_vcpus, GError **err);

/* domxml-to-native: the command line that start would use, one shell line. */
char *qemu_xml_to_native(const char *xml, GError **err);
