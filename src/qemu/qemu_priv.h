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
/* Fills in what only the emulator knows (path, machine type and so on) and the defaults of conf;
 * the one way from a parsed definition to a stored one. */
gboolean emulator_fill(DomainDef *def, GError **err);
gboolean capable_init(const Paths *paths, GError **err);
void capable_done(void);

/* ---- the command line (args*.c) ---------------------------------------------------------- */

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
    char *what;      /* "disk 'vda'": for errors */
    int fd;          /* -1: not open */
    guint set;       /* number of its fd set (/dev/fdset/N); 0: handed over as fd=N */
    gboolean shared; /* several may write it: no lock is asked for */
} HostFd;
HostFd *host_fd_new(HostKind kind, const char *path, const char *what);
void host_fd_free(HostFd *h); /* closes it */

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
/* args is taken and may be NULL; answer may be NULL. */
void qmp_call(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user);
/* The same with one descriptor for getfd and add-fd. */
void qmp_call_with_fd(Qmp *q, const char *command, json_object *args, int fd, QmpAnswer answer,
                      gpointer user);
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

/* ---- the live object (vm.c) -------------------------------------------------------------- */

/* Why a running VM stops: the state, reason and event that the end will have. */
typedef struct StopWhy {
    int reason; /* virDomainShutoffReason */
    int detail; /* virDomainEventStoppedDetailType */
} StopWhy;

typedef struct Counters Counters; /* stats.c */
typedef struct Consoles Consoles; /* console.c */

/* What only a VM with a QEMU has, from the first row of start to the last undo. */
typedef struct Run {
    char *dir; /* runtime folder */
    Ledger *ledger;
    DomainDef *live;
    guint flags;       /* of start */
    gboolean complete; /* every row of start was done */
    gboolean stopping; /* the stop is decided: nothing but undo from here */
    StopWhy why;       /* valid when stopping */
    Process *process;  /* NULL: not spawned, or its end was seen */
    pid_t pid;
    guint64 start_time;
    gint64 started; /* wall clock, seconds */
    Qmp *qmp;
    gboolean rebooting; /* the next SHUTDOWN is answered by a reset */
    gboolean panicked;
    int pause_reason;    /* of the pause that we asked for; virDomainPausedReason, 0: not ours */
    guint taint;         /* bits of virDomainTaintFlags, ours to tell as messages */
    guint64 balloon_kib; /* 0: unknown */
    GArray *vcpu_tids;   /* pid_t by vcpu number; 0: unplugged */
    int tpm_fd;          /* QEMU's end of swtpm's socket until it is handed over */
    struct {             /* only during start */
        const Emulator *emulator;
        GPtrArray *files;
        GPtrArray *nets;
        int monitor_fd;
        gint64 log_from; /* where this start's words begin in the log */
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
    gboolean autostart;
    gboolean gone;  /* undefined and stopped: only references keep it */
    DomainDef *def; /* the persistent definition; NULL: it is only on disk now */
    Run *run;       /* NULL: off */
    JobQueue *jobs; /* NULL until the first job */
    Flow *flow;     /* that start or stop is in */
};

extern const Paths *qemu_paths;
