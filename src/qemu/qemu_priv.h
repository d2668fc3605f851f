/* qemu, inside: what the files of this room share. Nobody else includes it.
 *
 * A Vm is always there while it is defined or runs; what only a running one has is in its Run. The
 * rows of start (steps.c) fill the Run in, their undo empties it, and recovery (recover.c) rebuilds
 * it from the runtime folder, so no member of Run may be known only to memory:
 *
 *     run/qemu/UUID.ledger       rows of start and hot-plug that can be undone
 *     run/qemu/UUID/status       JSON: see status_save
 *     run/qemu/UUID/live.xml     the live definition
 *     run/qemu/UUID/monitor      QEMU's listening monitor socket
 */
#pragma once

#include <json-c/json.h>

#include "qemu.h"

/* ---- the emulator (capable.c) ------------------------------------------------------------ */

/* What a probed binary can do. Borrowed; lives until qemu_done. */
typedef struct Emulator Emulator;

/* From memory or the cache on disk. A binary that was never seen, or has changed, is probed. */
typedef void (*EmulatorFound)(const Emulator *e, const GError *err, gpointer user);
void emulator_get(const char *path, EmulatorFound done, gpointer user);
/* The same for who cannot wait (define): blocks the loop when the binary must be probed. */
const Emulator *emulator_get_now(const char *path, GError **err);
guint64 emulator_version(const Emulator *e); /* major * 1000000 + minor * 1000 + micro */
/* How conf asks for emulators: for domain_parse and domain_fill. A binary that is not known yet is
 * probed while the loop waits. */
const ConfContext *emulator_context(void);
gboolean capable_init(const Paths *paths, GError **err);
void capable_done(void);

/* ---- the command line (args*.c, aliases.c) ----------------------------------------------- */

/* Gives every device of a live definition its name, every image its number, sockets without a path
 * one below run_dir, and settles what the definition leaves to the start. Twice is as once. */
void aliases_assign(DomainDef *def, const char *run_dir);

typedef enum HostKind {
    HOST_READ,    /* an image, kernel, firmware: read only */
    HOST_WRITE,   /* an image: read and write */
    HOST_CREATE,  /* output of a chardev: made and truncated */
    HOST_APPEND,  /* the same, kept */
    HOST_LISTEN,  /* a unix socket that we make and QEMU accepts on */
    HOST_CONNECT, /* a unix socket that we connect to */
    HOST_DEVICE,  /* a character device, opened for both: /dev/vhost-vsock */
} HostKind;

/* One thing of the host that the command line uses. QEMU opens nothing by path: a row of start
 * opens it and the number is handed over, the same in the child. */
typedef struct HostFd {
    HostKind kind;
    char *path;
    char *what;       /* "disk 'vda'": for errors */
    int fd;           /* -1: not open */
    guint set;        /* number of its fd set (/dev/fdset/N); 0: handed over as fd=N */
    gboolean shared;  /* several may write it: no lock is asked for */
    gboolean direct;  /* O_DIRECT: QEMU wants the flags that it would have opened it with */
    guint64 dev, ino; /* of an open image; a block device has no dev */
} HostFd;
HostFd *host_fd_new(HostKind kind, const char *path, const char *what);
HostFd *host_fd_copy(const HostFd *h); /* not open */
void host_fd_free(HostFd *h);          /* closes it */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostFd, host_fd_free)

/* The descriptors of one <interface>, in the order of the definition. */
typedef struct HostNet {
    GArray *taps;   /* int, one a queue */
    GArray *vhosts; /* int, one a queue, or empty */
} HostNet;

/* Everything that the command line is made from. */
typedef struct ArgsIn {
    const DomainDef *def; /* the live definition: ports, ptys, aliases are decided */
    const Emulator *emulator;
    GPtrArray *files;    /* of HostFd, as args_files made them; NULL: by path (native form) */
    GPtrArray *nets;     /* of HostNet, one an interface; NULL: none */
    int monitor_fd;      /* listening socket; -1: no monitor (native form) */
    const char *run_dir; /* this VM's runtime folder */
} ArgsIn;

/* Every file and socket that args_build will name, not yet open: images with their backing files,
 * kernel, firmware, chardevs, TPM. set is filled in. */
gboolean args_files(const DomainDef *def, const Emulator *emulator, const char *run_dir,
                    GPtrArray *files, GError **err);
/* What the command line says for it: "/dev/fdset/3", or the path when there is no such HostFd. */
HostFd *args_file_find(const ArgsIn *in, const char *path, HostKind kind);
/* argv with the emulator's path first and its NULL last; -S is among it. Pure. */
GPtrArray *args_build(const ArgsIn *in, GError **err);

/* ---- the monitor (qmp.c) ----------------------------------------------------------------- */

typedef struct Qmp Qmp;

typedef struct QmpOps {
    void (*event)(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
                  gpointer user);
    /* EOF or a broken stream, once, after every pending call was answered with an error. */
    void (*ended)(Qmp *q, const GError *err, gpointer user);
} QmpOps;

/* ret is borrowed, NULL when err is set. Called exactly once for every call, also when the monitor
 * ends or is freed. */
typedef void (*QmpAnswer)(json_object *ret, const GError *err, gpointer user);

/* Takes a connected descriptor, negotiates. Calls may be made at once: they are pipelined. */
Qmp *qmp_new(int fd, const QmpOps *ops, gpointer user);
void qmp_free(Qmp *q);
/* args is taken and may be NULL; answer may be NULL. A call on no monitor (NULL) fails as one on a
 * monitor that has ended. */
void qmp_call(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user);
/* The same with one descriptor for getfd and add-fd. */
void qmp_call_with_fd(Qmp *q, const char *command, json_object *args, int fd, QmpAnswer answer,
                      gpointer user);
/* For who passes QEMU's words on: ret is the whole reply, also when it is an error. */
void qmp_call_raw(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user);
/* One call of a batch: what it asks and what becomes of the answer. */
typedef struct QmpRow {
    const char *command;
    gboolean (*wanted)(gpointer obj);                               /* NULL: always */
    json_object *(*args)(gpointer obj);                             /* NULL: none */
    gboolean (*take)(gpointer obj, json_object *ret, GError **err); /* NULL: not looked at */
    gboolean optional;                                              /* an error is no failure */
} QmpRow;
/* Asks all rows (ended by a zeroed one) at once; the last answer, or the first error, wakes the
 * waiting row of a flow. */
void qmp_batch(Qmp *q, const QmpRow *rows, gpointer obj, FlowToken token);
gboolean qmp_has_ended(const Qmp *q); /* already so while its pending calls are answered */
guint qmp_pending(const Qmp *q);
/* Monotonic time since when the oldest pending call waits; 0: none does. */
gint64 qmp_waits_since(const Qmp *q);

/* json_object_new_object with members: name, kind ('s' string, 'i' gint64, 'b' gboolean,
 * 'o' json_object, taken), value; ends with NULL. A NULL string is left out. */
json_object *json_make(const char *name, ...) G_GNUC_NULL_TERMINATED;
const char *json_str(json_object *o, const char *path); /* "a.b"; NULL */
gint64 json_int(json_object *o, const char *path, gint64 otherwise);
gboolean json_flag(json_object *o, const char *path);
json_object *json_at(json_object *o, const char *path); /* borrowed, or NULL */
gsize json_length(json_object *array);                  /* 0 of what is no array */

/* ---- the live object (vm.c) -------------------------------------------------------------- */

/* Why a running VM stops: the reason and the event that its end will have. */
typedef struct StopWhy {
    int reason; /* virDomainShutoffReason */
    int detail; /* virDomainEventStoppedDetailType */
} StopWhy;

/* virDomainRunningReason and so on, as far as we use them. */
enum { RUNNING_BOOTED = 1, RUNNING_UNPAUSED = 5, RUNNING_WAKEUP = 8, RUNNING_CRASHED = 9 };
enum {
    PAUSED_UNKNOWN = 0,
    PAUSED_USER = 1,
    PAUSED_IOERROR = 5,
    PAUSED_WATCHDOG = 6,
    PAUSED_STARTING_UP = 11
};
enum {
    SHUTOFF_UNKNOWN = 0,
    SHUTOFF_SHUTDOWN = 1,
    SHUTOFF_DESTROYED = 2,
    SHUTOFF_CRASHED = 3,
    SHUTOFF_FAILED = 6
};
enum { CRASHED_PANICKED = 1 };
enum { CHANNEL_CONNECTED = 1, CHANNEL_DISCONNECTED = 2 }; /* CharDef.state */
/* Details of lifecycle events. */
enum { STARTED_BOOTED = 0, STARTED_WAKEUP = 4 };
enum { SUSPENDED_PAUSED = 0, SUSPENDED_IOERROR = 2, SUSPENDED_WATCHDOG = 3 };
enum { STOPPED_SHUTDOWN = 0, STOPPED_DESTROYED = 1, STOPPED_CRASHED = 2, STOPPED_FAILED = 5 };
enum { SHUTDOWN_FINISHED = 0, SHUTDOWN_GUEST = 1, SHUTDOWN_HOST = 2 };

/* An image that a running VM has open; what refuses a second writer by name. */
typedef struct Image {
    char *path;
    guint64 dev, ino;
    gboolean write, shared;
} Image;

typedef struct Iothread {
    guint id;
    pid_t tid;
    guint64 poll_max, poll_grow, poll_shrink; /* ns, factors */
} Iothread;

typedef struct Counters Counters; /* stats.c */
typedef struct Consoles Consoles; /* console.c */

/* What only a VM with a QEMU has, from the first row of start to the last undo. */
typedef struct Run {
    char *dir; /* runtime folder */
    Ledger *ledger;
    DomainDef *live;
    guint flags;                  /* of start */
    gboolean complete;            /* every row of start was done */
    gboolean stopping;            /* the undo has begun: nothing else happens from here */
    gboolean outdated;            /* the persistent definition was changed since the start */
    gboolean lost;                /* QEMU or its monitor ended unasked */
    gboolean ending;              /* a job that will stop it is queued or runs */
    gboolean graceful;            /* QEMU may end by itself first */
    StopWhy why;                  /* valid when stopping */
    Process *process;             /* NULL: not spawned, or its end was seen */
    FlowToken exit_wait;          /* who waits for that end */
    guint save_source;            /* the status file is behind */
    guint timer;                  /* until QEMU is killed, or a graceful destroy gives up */
    struct Ask *graceful_destroy; /* waits for QEMU to end by itself */
    pid_t pid;
    guint64 start_time;
    gint64 started; /* wall clock, microseconds */
    Process *tpm;   /* swtpm, from its start or its end */
    FlowToken tpm_wait;
    Process *passt; /* the one that gets ready, or that ends */
    FlowToken passt_wait;
    Qmp *qmp;
    gboolean rebooting;  /* the next SHUTDOWN is answered by a reset */
    gboolean restarting; /* it was: what QEMU then says of stopping is not the user's doing */
    guint taint;         /* bits of virDomainTaintFlags */
    guint64 balloon_kib; /* 0: unknown */
    GArray *vcpu_tids;   /* pid_t by vcpu number; 0: unplugged */
    GArray *iothreads;   /* of Iothread */
    GArray *images;      /* of Image */
    GArray *ports;       /* guint16, leased */
    struct {             /* only during start */
        const Emulator *emulator;
        GPtrArray *files; /* of HostFd */
        GPtrArray *nets;  /* of HostNet */
        int monitor_fd;
        char *first_cpu; /* QOM path */
        gint64 log_from; /* where QEMU's own words begin in the log */
    } start;
    Counters *counters;
    Consoles *consoles;
} Run;

struct Vm {
    Object obj;
    VmState state;
    int reason;
    gint64 state_since; /* monotonic */
    gboolean persistent;
    gboolean autostart[AUTOSTART_KINDS];
    gboolean catching_up; /* what is heard of it now happened before this daemon */
    DomainDef *def;       /* the persistent definition; NULL: it is only on disk now */
    Run *run;             /* NULL: off */
    JobQueue *jobs;       /* NULL until the first job */
    Flow *flow;           /* that start or stop is in */
};

extern const Paths *qemu_paths;
extern Registry *qemu_vms;

/* In the registry, off. Borrowed; NULL with an error when name or UUID is taken. */
Vm *vm_add(const char *name, const guint8 uuid[UUID_LEN], GError **err);
void vm_remove(Vm *vm); /* from the registry */
/* The only way to another state: checks that the move is legal and saves it. Tells nobody. */
int vm_next_id(void);
void vm_id_used(int id);
void vm_enter(Vm *vm, VmState to, int reason);
void vm_tell(Vm *vm, Lifecycle what, int detail);
/* An event about vm with nothing filled in but the object. */
Event vm_event(Vm *vm, DomainEventId id);
Run *run_new(Vm *vm, DomainDef *live, GError **err); /* takes live when it returns not NULL */
void run_free(Run *run);
/* Which definition a change or a question means: neither bit becomes what the VM is. FALSE when it
 * has no such definition. */
enum { IMPACT_LIVE = 1, IMPACT_CONFIG = 2 };
gboolean vm_resolve_impact(const Vm *vm, guint *impact, GError **err);
/* For what needs a QEMU that listens: FALSE and "domain is not running" otherwise. */
gboolean vm_need_running(Vm *vm, GError **err);
void image_done(gpointer image); /* for g_array_set_clear_func */

/* ---- definitions (define.c) -------------------------------------------------------------- */

gboolean define_load_all(GError **err);
/* The persistent definition, read from disk when it is not in memory. */
DomainDef *define_get(Vm *vm);
gboolean define_save(Vm *vm, GError **err);
/* Puts another definition of the same domain in its place, on disk first. Frees def when it fails.
 */
gboolean define_change(Vm *vm, DomainDef *def, GError **err);
/* vm->def was filled in, or vm goes away: definitions that are not needed leave the memory. */
void define_keep(Vm *vm);
void define_forget(Vm *vm);
/* Whether a domain of this name and UUID may be; *ret_vm is the one that has both, or NULL. */
gboolean define_may_have(const DomainDef *def, Vm **ret_vm, GError **err);

/* ---- what is asked for (ask.c) ----------------------------------------------------------- */

/* A change that a client asked for, as a job of the VM. */
typedef struct Ask Ask;

typedef struct AskKind {
    const char *what;
    JobKind job;
    int operation;                         /* virDomainJobOperation */
    gboolean when_off;                     /* may be asked of a VM without a QEMU */
    gboolean (*run)(Ask *a, GError **err); /* ends in ask_end, now or later; FALSE: it failed */
    void (*cancel)(Ask *a, Err code, const char *why); /* NULL: the answer is not waited for */
} AskKind;

struct Ask {
    const AskKind *kind;
    Vm *vm; /* referenced */
    guint flags;
    gpointer data;
    GDestroyNotify free_data;
    /* private to ask.c */
    guint refs;
    Job *job; /* NULL: over */
    VmDone done;
    gpointer user;
};

void vm_ask(Vm *vm, const AskKind *kind, guint flags, gpointer data, GDestroyNotify free_data,
            Asker who, VmDone done, gpointer user);
void ask_end(Ask *a, const GError *err);
/* Calls QEMU for it; next gets the answer unless the job was over by then. NULL: it ends it. */
typedef void (*AskNext)(Ask *a, json_object *ret, const GError *err);
void ask_call(Ask *a, const char *command, json_object *args, AskNext next);
void ask_call_with_fd(Ask *a, const char *command, json_object *args, int fd, AskNext next);
void ask_call_raw(Ask *a, const char *command, json_object *args, AskNext next);
/* QEMU's number of a key (keys.c); 0: there is none. */
guint key_number(guint codeset, guint key);

/* ---- start and stop (start.c, steps.c, stop.c)
 * ---------------------------------------------------- */

extern const FlowTable start_table;
/* QEMU is gone, or must go: runs as a job that preempts others. */
void vm_stop(Vm *vm, StopWhy why, gboolean graceful);
void stop_check(Vm *vm); /* has it ended by itself? */
/* The end of QEMU, as the process or the monitor tells it. */
void stop_on_exit(Process *p, const ProcessEnd *end, gpointer user);
extern const QmpOps vm_qmp_ops;
StepResult stop_qemu(Flow *f, gpointer obj); /* the undo of "spawn qemu" */
/* What QEMU wrote since it was spawned, its descriptors' numbers turned back into paths. */
char *start_last_words(Vm *vm);
/* Kills what an earlier daemon started: by the note of a ledger row, or, when it died before it
 * could write one, by the runtime folder in the process's environment. */
#define RUN_MARK "VMD_RUN"
char *note_process(pid_t pid);
gboolean note_read(const char *note, pid_t *ret_pid, guint64 *ret_start_time);
gboolean note_find(const char *run_dir, const char *program, pid_t *ret_pid,
                   guint64 *ret_start_time);
/* Connects to QEMU's listening socket; never blocks. */
gboolean monitor_connect(Vm *vm, GError **err);

/* ---- the rest ---------------------------------------------------------------------------- */

/* events.c */
void events_on_qemu(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
                    gpointer user);
/* What query-status says, told as if its events had been heard. */
void events_reconcile(Vm *vm, const char *run_state);

/* recover.c */
gboolean status_save(Vm *vm, GError **err);
gboolean live_save(Vm *vm, GError **err);
gboolean recover_all(GError **err);

/* host.c */
gboolean host_open(HostFd *h, GError **err);
gboolean port_lease(Run *run, guint16 from, guint16 to, guint16 *ret_port, GError **err);

/* images.c: rows of start */
StepResult images_look(Flow *f, gpointer obj, GError **err);
StepResult files_open(Flow *f, gpointer obj, GError **err);
StepResult files_close(Flow *f, gpointer obj);
/* By name of the VM that has it: refuses an image that another one writes. */
StepResult images_claim(Flow *f, gpointer obj, GError **err);

/* vmlog.c */
int vmlog_open(Vm *vm, GError **err); /* rotates first; for QEMU's stdout and stderr */
void vmlog_header(int fd, const Emulator *e, const char *const *argv);
void vmlog_line(Vm *vm, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
char *vmlog_read_from(Vm *vm, gint64 offset); /* the last words, trimmed */
void vmlog_remove(Vm *vm);
void vmlog_watch(gboolean on); /* rotates the logs of running VMs now and then */

/* What devices are told once QEMU is there: limits, links that are down (tell.c). A row of start.
 */
StepResult tell_devices(Flow *f, gpointer obj, GError **err);
/* The arguments of block_set_io_throttle for a disk with <iotune>. */
json_object *tell_limits(const DiskDef *disk);
/* Every thread goes to the processors that the definition names (pin.c). A row of start. */
StepResult pin_threads(Flow *f, gpointer obj, GError **err);
/* Fills in an automatic CID (vsock.c). vsock may be NULL. */
gboolean vsock_choose(VsockDef *vsock, GError **err);
/* start's helpers: swtpm, and the guest's own copy of the firmware's variables (helpers.c) */
StepResult helpers_start(Flow *f, gpointer obj, GError **err);
StepResult helpers_stop(Flow *f, gpointer obj);
/* One passt for each interface that has it (passt.c); QEMU's end of its sockets becomes the
 * interface's only tap. */
StepResult passt_start(Flow *f, gpointer obj, GError **err);
StepResult passt_stop(Flow *f, gpointer obj);
char *helpers_tpm_socket(const char *run_dir); /* where swtpm listens */
/* Finds the images below the disks' own and writes them into the live definition (chain.c). */
gboolean chain_fill(DomainDef *live, GError **err);
/* Readers of query-cpus-fast, query-iothreads and query-chardev. */
gboolean take_vcpus(gpointer obj, json_object *ret, GError **err);
gboolean take_iothreads(gpointer obj, json_object *ret, GError **err); /* pin.c */
gboolean take_chardevs(gpointer obj, json_object *ret, GError **err);

/* stats.c, console.c */
/* The interface of that device name or MAC address; NULL with an error. */
const NetDef *net_find(const DomainDef *def, const char *name, GError **err);
/* The disk of that target or source, likewise. */
const DiskDef *disk_find(const DomainDef *def, const char *name, GError **err);
/* What QEMU says of a chardev ("charserial0"): the pseudo-terminal that it opened (NULL: none), and
 * whether the guest has it open. */
void consoles_learn(DomainDef *live, const char *label, const char *pty, gboolean open);
void counters_free(Counters *c);
void consoles_free(Consoles *c);
