/* qemu/vm: the live object, its jobs, its monitor and its files.
 *
 * A Vm exists while its domain is defined or runs; all that only a running domain has is in its
 * Run. The rows of start (steps.c) fill in the Run, their undo empties it, and recovery (recover.c)
 * rebuilds it from the runtime folder. So whatever a later daemon must know is in one of these
 * files, and Run holds besides only what QEMU and the kernel can be asked again:
 * - run/qemu/UUID.ledger: rows of start and of hot-plug that can be undone
 * - run/qemu/UUID/status: JSON, see status_save
 * - run/qemu/UUID/live.xml: the live definition
 * - run/qemu/UUID/monitor: the monitor socket on which QEMU listens */
#pragma once

#include "qemu/emulator/emulator.h"

/* ---- the monitor (qmp.c) ----------------------------------------------------------------- */

typedef struct Qmp Qmp;

typedef struct QmpOps {
    void (*event)(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
                  gpointer user);
    /* Called once, after every pending call was answered with an error: at EOF or when the stream
     * breaks (err NULL), or after a message that is no QMP or too large. */
    void (*ended)(Qmp *q, const GError *err, gpointer user);
} QmpOps;

/* ret is borrowed, and NULL when err is set. Called exactly once for every call, also when the
 * monitor ends or is freed. */
typedef void (*QmpAnswer)(json_object *ret, const GError *err, gpointer user);

/* Makes a monitor over a connected descriptor, which it owns, and negotiates. Calls may be made at
 * once: they are sent without waiting for earlier answers. */
Qmp *qmp_new(int fd, const QmpOps *ops, gpointer user);
void qmp_free(Qmp *q);
/* Sends a command. args is taken and may be NULL; answer may be NULL. With q NULL the call fails as
 * on a monitor that has ended. */
void qmp_call(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user);
/* The same with one descriptor, for getfd and add-fd; fd stays the caller's. */
void qmp_call_with_fd(Qmp *q, const char *command, json_object *args, int fd, QmpAnswer answer,
                      gpointer user);
/* The same for secret arguments, as JSON: no copy of it stays in memory; the caller wipes its own.
 */
void qmp_call_secret(Qmp *q, const char *command, const char *arguments, QmpAnswer answer,
                     gpointer user);
/* The same for a caller that passes QEMU's reply on: ret is the whole reply, even when it is an
 * error. */
void qmp_call_raw(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user);
/* One call of a batch: the command, and what happens with the answer. */
typedef struct QmpRow {
    const char *command;
    gboolean (*wanted)(gpointer obj);   /* NULL: always */
    json_object *(*args)(gpointer obj); /* NULL: none */
    gboolean (*take)(gpointer obj, json_object *ret,
                     GError **err); /* NULL: the answer is not used */
    gboolean optional;              /* an error is no failure */
} QmpRow;
/* Sends the commands of all rows (ended by a zeroed one) at once; the last answer, or the first
 * error, wakes the waiting row of a flow. */
void qmp_batch(Qmp *q, const QmpRow *rows, gpointer obj, FlowToken token);
gboolean qmp_has_ended(const Qmp *q); /* TRUE already while its pending calls are answered */
guint qmp_pending(const Qmp *q);
/* Monotonic time, in microseconds, at which the oldest pending call was made; 0: there is none. */
gint64 qmp_waits_since(const Qmp *q);

/* ---- the live object (vm.c) -------------------------------------------------------------- */

/* Why a running VM stops: the reason of its state, and the detail of the event. */
typedef struct StopWhy {
    int reason; /* virDomainShutoffReason */
    int detail; /* virDomainEventStoppedDetailType */
} StopWhy;

/* virDomainTaintFlags for a client that sent commands to QEMU or to the agent in the guest. */
enum { TAINT_CUSTOM_MONITOR = 1 << 6, TAINT_CUSTOM_GUEST_COMMAND = 1 << 10 };

/* virDomainRunningReason and its companions, as far as vmd uses them. */
enum {
    RUNNING_UNKNOWN = 0,
    RUNNING_BOOTED = 1,
    RUNNING_UNPAUSED = 5,
    RUNNING_WAKEUP = 8,
    RUNNING_CRASHED = 9
};
enum {
    PAUSED_UNKNOWN = 0,
    PAUSED_USER = 1,
    PAUSED_IOERROR = 5,
    PAUSED_WATCHDOG = 6,
    PAUSED_CRASHED = 10,
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
/* Details of lifecycle events. */
enum { STARTED_BOOTED = 0, STARTED_WAKEUP = 4 };
enum { SUSPENDED_PAUSED = 0, SUSPENDED_IOERROR = 2, SUSPENDED_WATCHDOG = 3 };
enum { STOPPED_SHUTDOWN = 0, STOPPED_DESTROYED = 1, STOPPED_CRASHED = 2, STOPPED_FAILED = 5 };
enum { SHUTDOWN_FINISHED = 0, SHUTDOWN_GUEST = 1, SHUTDOWN_HOST = 2 };

typedef struct Iothread {
    guint id;
    pid_t tid;
    guint64 poll_max, poll_grow, poll_shrink; /* poll_max in ns; the others are factors */
} Iothread;

/* State that another wing keeps with a running VM: the wing makes it, and it is freed with the Run.
 */
typedef struct RunPart {
    gpointer data;
    GDestroyNotify free;
} RunPart;

/* What happens to a TPM's state at the end of the run; an undefine may change it. */
typedef enum TpmFate { TPM_FATE_AS_DEFINED, TPM_FATE_KEPT, TPM_FATE_GONE } TpmFate;

/* As which user QEMU runs. */
typedef enum ConfineHow {
    CONFINE_UNKNOWN, /* not known: never set, or not saved */
    CONFINE_NOT,     /* as the daemon's user, because that was asked for */
    CONFINE_OWN,     /* as a user that no other VM has */
    CONFINE_CHOSEN,  /* as the user that its definition names */
    CONFINE_DAEMON,  /* as the daemon's user, but without its further rights */
    N_CONFINE_HOWS
} ConfineHow;

/* Rights that a VM gets in spite of its confinement. */
typedef struct Needs {
    guint32 needs; /* bits of ConfineNeed */
    char *reasons; /* the reasons, one a line; NULL: none */
    char *paths;   /* paths that QEMU opens itself, one a line; NULL: none */
} Needs;

typedef struct Confined {
    gint32 how; /* ConfineHow */
    guint32 uid, gid;
    guint32 group;   /* a supplementary group; 0: none */
    gint32 landlock; /* version of Landlock in force; 0: none; -1: unknown */
    Needs has;
} Confined;
enum ConfineNeed {
    NEED_USER = 1 << 0,  /* opens files that only the daemon's user may open */
    NEED_OWNER = 1 << 1, /* makes files that belong to other users */
    NEED_LOCKS = 1 << 2, /* locks memory */
    NEED_NET = 1 << 3,   /* uses the host's network */
    NEED_SLIRP = 1 << 4, /* the same, for a guest that has only QEMU's user network */
    NEED_FILES = 1 << 5, /* opens files whose names are not known beforehand */
    NEED_IPC = 1 << 6,   /* shares memory by its number (System V) */
};

/* The state of a VM with a QEMU, from the first row of start to the last undo. */
typedef struct Run {
    char *dir;             /* runtime folder */
    const DomainDef *live; /* what runs; run_alter and run_put change it */
    char *live_text;       /* its document without secrets; NULL: not formatted since it changed */
    gboolean live_secret;  /* it has text that is not in that document */
    guint flags;           /* of start */
    gboolean complete;     /* all rows of start are done */
    gboolean folder_goes;  /* its folder is being removed: nothing is saved any more */
    gboolean stopping;     /* the undo has begun: nothing else may happen from here on */
    gboolean outdated;     /* the persistent definition was changed since the start */
    gint32 tpm_fate;       /* TpmFate: for the end of a run without a definition */
    gboolean lost;         /* QEMU or its monitor has ended without being asked to */
    char *doubt;           /* which of its files could not be read back, for people; NULL: none */
    gboolean ending;       /* a job that stops it is queued or runs */
    gboolean graceful;     /* QEMU may end by itself first */
    gboolean remove_logs;  /* remove its logs when it has ended */
    StopWhy why;           /* valid while stopping */
    Process *process;      /* NULL: not spawned, or it has ended */
    FlowToken exit_wait;   /* the flow that waits for that end */
    guint save_source;     /* source: the status file must be written */
    guint reconnect;       /* source: the next try to connect to the monitor */
    char *wrong;           /* the message that ended the monitor; NULL: none */
    guint timer;           /* until QEMU is killed, or a graceful destroy gives up */
    struct Ask *graceful_destroy; /* a destroy that waits for QEMU to end by itself */
    pid_t pid;
    guint64 start_time;
    gint64 started; /* microseconds since 1970 */
    Process *tpm;   /* swtpm_setup; then swtpm, from its start to its end */
    FlowToken tpm_wait;
    guint64 tpm_progress;   /* progress of swtpm_setup, and the time of the last one */
    gint64 tpm_progress_at; /* monotonic */
    GPtrArray *passts;      /* the passts; NULL: none; see passt.c */
    GHashTable *troubles;   /* name of a thing that does not work -> the text about it */
    Qmp *qmp;
    gboolean rebooting;  /* the next event SHUTDOWN is answered by a reset */
    gboolean restarting; /* that reset is under way: QEMU's events about stopping are not the user's
                            doing */
    guint taint;         /* bits of virDomainTaintFlags */
    Confined confined;
    char *group;         /* folder of its control group; NULL: it has none */
    char *scope;         /* systemd's unit for that; NULL: none */
    guint64 balloon_kib; /* 0: unknown */
    GArray *vcpu_tids;   /* pid_t by vcpu number; 0: unplugged */
    GArray *iothreads;   /* of Iothread */
    struct {             /* only during start */
        const Emulator *emulator;
        GPtrArray *files; /* of HostFd */
        GPtrArray *nets;  /* of HostNet */
        int monitor_fd;
        char *first_cpu; /* QOM path */
        gint64 log_from; /* offset at which QEMU's own output begins in the log */
        guint watch;     /* source: checks whether QEMU answers */
        guint64 cpu_ns;  /* processor time that it had used at the last look, */
        gint64 busy_at;  /* and when it had last grown: monotonic */
    } start;
    RunPart counters; /* ops/stats.c */
    RunPart consoles; /* ops/console.c */
    RunPart leaving;  /* life/leave.c */
    RunPart guest;    /* guest.c */
    RunPart outputs;  /* life/outputs.c */
    RunPart grouping; /* life/group.c */
} Run;

struct Vm {
    Object obj;
    VmState state;
    int reason;
    gint64 state_since; /* monotonic */
    gboolean persistent;
    gboolean autostart[AUTOSTART_KINDS];
    gboolean catching_up;          /* events that arrive now happened before this daemon */
    gboolean uuid_made_up;         /* its file cannot be read, so its real UUID is unknown */
    struct Definition *definition; /* define.c; NULL: it is not in memory now */
    struct Edit *edit;             /* the edit that changes it now; NULL: none */
    FileStamp shown; /* stamp of the definition's file, whose text dumpxml --inactive shows; zero:
                        unknown */
    gboolean shown_secret; /* that file has text that only --security-info may show */
    GPtrArray *unknown;    /* sentences about unknown parts of its last document; or NULL */
    gint32 guest_seconds;  /* for guest_call, as a client has set it; or GUEST_SECONDS_UNSET */
    Run *run;              /* NULL: off */
};

extern Registry *qemu_vms;
extern const ObjectKind vm_kind;

/* Makes a Vm that is off, in the registry. Borrowed; NULL with an error when name or UUID is taken.
 */
Vm *vm_add(const char *name, const guint8 uuid[UUID_LEN], GError **err);
void vm_remove(Vm *vm); /* takes it out of the registry */
int vm_next_id(void);
void vm_id_used(int id);
/* Changes the state; nothing else does. Saves it, and sends no event. A change that should not
 * happen is logged. */
void vm_enter(Vm *vm, VmState to, int reason);
void vm_tell(Vm *vm, Lifecycle what, int detail);
/* Notes the sentences about parts of a document that no row knows: they are logged with the
 * domain's name and kept for vm_messages. unknown is taken. Those of a whole document replace
 * earlier ones; more: those of a part are added. */
void vm_note_unknown(Vm *vm, GPtrArray *unknown, gboolean more);
/* An event about vm in which only the object is filled in. */
Event vm_event(Vm *vm, DomainEventId id);
Run *run_new(const Vm *vm, DomainDef *live); /* takes live */
void run_free(Run *run);
/* The live definition, to change it or what it points to before this turn of the loop ends: the
 * text that is kept of it is dropped. Borrowed. */
DomainDef *run_alter(Run *run);
void run_put(Run *run, DomainDef *live); /* takes live, which replaces the live definition */
/* Ends the run: frees the Run and all claims. The caller sets state and id. */
void vm_run_over(Vm *vm);
/* Notes that saved state of a running VM has changed; it is written once, when the loop has time.
 */
void vm_save_soon(Vm *vm);
/* Settles which definitions a change or a question is about: with neither bit, the live one of a VM
 * that runs, else the persistent one. FALSE and an error when it has no such definition. */
enum { IMPACT_LIVE = 1, IMPACT_CONFIG = 2 };
gboolean vm_resolve_impact(const Vm *vm, guint *impact, GError **err);
/* Notes that something of a running VM ("interface 'net0'") does not work, or works again (text
 * NULL). It is logged, in the VM's own log too, and shown by "dommessages" as long as it lasts. */
void vm_trouble(Vm *vm, const char *of, const char *text);
/* Whether a QEMU runs that can be asked; FALSE and "domain is not running" otherwise. */
gboolean vm_need_running(Vm *vm, GError **err);

/* ---- other files of a domain: NVRAM, TPM state (remains.c) -------------------------------- */

/* virDomainUndefineFlagsValues */
enum {
    UNDEFINE_MANAGED_SAVE = 1 << 0,
    UNDEFINE_NVRAM = 1 << 2,
    UNDEFINE_KEEP_NVRAM = 1 << 3,
    UNDEFINE_TPM = 1 << 5,
    UNDEFINE_KEEP_TPM = 1 << 6,
};
char *tpm_state_dir(const Vm *vm); /* the folder where swtpm keeps it; the caller frees it */
/* Whether the flags of an undefine do not contradict each other. */
gboolean remains_check(guint flags, GError **err);
/* A worker looks for the variables that def has, which may lie on a server that does not answer,
 * and removes them where the flags say so; done gets an error where they do not say enough. FALSE:
 * def has none, and done is not called. */
gboolean remains_settle_nvram(Vm *vm, const DomainDef *def, guint flags, OffloadDone done,
                              gpointer user);
/* Called before def (NULL: it cannot be read) is removed: removes the files that the flags name, or
 * notes that they must go at the end of the run. FALSE and an error when the flags do not decide
 * about a file, or it cannot be removed. */
gboolean remains_undefine(Vm *vm, const DomainDef *def, guint flags, GError **err);
/* Called when swtpm has ended: removes the TPM's state of a domain without a definition. A second
 * call does nothing. */
void remains_end(Vm *vm);

/* ---- definitions (define.c) -------------------------------------------------------------- */

gboolean define_load_all(GError **err);
void define_done(void);
/* The persistent definition as its file has it, borrowed until the next turn of the loop. NULL and
 * an error that names the file: it cannot be read, or there is none. A domain whose file cannot be
 * read can only be undefined or defined anew. */
const DomainDef *define_get(Vm *vm, GError **err);
DomainDef *define_copy(Vm *vm, GError **err); /* the copy is the caller's */
/* The document of the persistent definition, as domain_format writes it; secure: with its secrets.
 * The caller frees it. NULL: as define_get. */
char *define_text(Vm *vm, gboolean secure, GError **err);
/* Fills in values that the file lacks and define would have filled in, and saves the result. FALSE
 * and an error: the file cannot be read, breaks a rule, or its emulator is missing. */
gboolean define_complete(Vm *vm, GError **err);
/* Notes that the file now has the definition def, which is taken; the domain gets def's name.
 * complete: it is filled in; FALSE: as complete as it was before. secret: the file has text that
 * only DEF_SECURE shows. */
void define_take(Vm *vm, DomainDef *def, gboolean complete, gboolean secret);
/* Sets whether it starts by itself, on disk first. FALSE: nothing has changed. */
gboolean define_mark(Vm *vm, AutostartKind kind, gboolean on, GError **err);
StepResult define_settle(Flow *f); /* for a row, after define_mark: waits until it is on disk */
/* A new text for the file of a definition, perhaps under a new name. */
typedef struct Rewrite {
    char *old_name, *new_name;
    char *before;    /* the file's text now */
    FileStamp stamp; /* the file's, with that text */
    char *after;
    char *sum;       /* of after */
    gboolean secret; /* after has text that only DEF_SECURE shows */
} Rewrite;
/* Prepares the change of the file to def. NULL and an error: the file cannot be read, or could not
 * be with this change. */
Rewrite *rewrite_new(Vm *vm, const DomainDef *def, GError **err);
/* The stamp of the file of the domain's definition. FALSE: there is none. */
gboolean define_stamp(const Vm *vm, FileStamp *ret_stamp);
void rewrite_free(Rewrite *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rewrite, rewrite_free)
/* For a row. taken: called when the file takes its place, not for one with a new name, which has it
 * when this returns. */
StepResult rewrite_do(Flow *f, const Rewrite *w, void (*taken)(gpointer user), gpointer user,
                      GError **err);
/* Writes the text before back, if the file has the text of that sum; any other file is not this
 * change's and stays. Also for a change of an earlier daemon: the domain gets its old name back. */
gboolean rewrite_undo(Vm *vm, const char *old_name, const char *new_name, const char *before,
                      const char *sum, GError **err);
void define_forget(Vm *vm); /* for a vm that is removed */
/* Whether a domain of this name and UUID may exist; *ret_vm is the one that has both, or NULL. */
gboolean define_may_have(const DomainDef *def, Vm **ret_vm, GError **err);
/* The domain of that name whose definition cannot be read, if it has this UUID, which another
 * source tells; NULL: there is none. */
Vm *define_find_broken(const char *name, const guint8 uuid[UUID_LEN]);

/* ---- requests (ask.c) -------------------------------------------------------------------- */

/* A change that a client asked for, as a job of the VM. */
typedef struct Ask Ask;

typedef struct AskKind {
    const char *what;
    JobKind job;
    int operation;                         /* virDomainJobOperation */
    gboolean when_off;                     /* also for a VM without a QEMU */
    gboolean (*run)(Ask *a, GError **err); /* starts the work, which ends with ask_end, now or
                                              later; FALSE: it failed */
    void (*cancel)(Ask *a, Err code,
                   const char *why); /* NULL: a cancelled job does not wait for an answer */
} AskKind;

struct Ask {
    const AskKind *kind;
    Vm *vm; /* referenced */
    guint flags;
    gpointer data;
    GDestroyNotify free_data;
    /* private to ask.c */
    guint refs;
    Job *job; /* NULL: it is over */
    VmDone done;
    gpointer user;
};

void vm_ask(Vm *vm, const AskKind *kind, guint flags, gpointer data, GDestroyNotify free_data,
            Asker who, VmDone done, gpointer user);
void ask_end(Ask *a, const GError *err);
/* Sends a command to QEMU; next gets the answer unless the job was over by then. next NULL: the
 * answer ends the job. */
typedef void (*AskNext)(Ask *a, json_object *ret, const GError *err);
void ask_call(Ask *a, const char *command, json_object *args, AskNext next);
void ask_call_with_fd(Ask *a, const char *command, json_object *args, int fd, AskNext next);
void ask_call_raw(Ask *a, const char *command, json_object *args, AskNext next);

/* ---- changes of its definitions (edit.c) -------------------------------------------------- */

/* A change of the live definition, of the persistent one, or of both. It is a job of the VM, which
 * waits for the one that runs, and takes effect as a whole or not at all. */
typedef struct Edit Edit;

/* Tells QEMU about a change, or about taking it back. */
typedef struct EditTell {
    Vm *vm;
    const DomainDef *def; /* the definition as it is to be */
    const char *thing;    /* EditKind.thing */
    gboolean back;        /* the change is taken back: def is the definition before it */
    /* private to edit.c */
    gboolean asked;
    FlowToken token;
} EditTell;

typedef enum EditFlags {
    EDIT_WORDS =
        1 << 0, /* changes only texts for people: the definition is not filled in and checked */
    EDIT_ARGUMENTS = 1 << 1,    /* breaking a rule is a wrong argument, not wrong XML */
    EDIT_CONFIG_ALONE = 1 << 2, /* changes the persistent definition, whatever was asked for */
    EDIT_AUTOSTART = 1 << 3,    /* Edit.mark and mark_on say when the domain starts by itself */
} EditFlags;

typedef struct EditKind {
    const char *what; /* "set memory": for errors, job info and the ledger */
    guint flags;      /* EditFlags */
    /* Called when its turn has come and impact is known, before anything is tried. NULL: no check.
     */
    gboolean (*check)(const Edit *e, GError **err);
    /* Changes def, a copy of the definition that e->live names. May be called again with a fresh
     * copy. Of the live definition only rows with F_HOT may change. NULL: no change. */
    gboolean (*change)(DomainDef *def, const Edit *e, GError **err);
    /* Tells the running QEMU by edit_call, at most once, or changes its threads itself. NULL: QEMU
     * need not know. A kind with this function is registered (edit_register). */
    gboolean (*tell)(EditTell *t, GError **err);
    /* Name of the part that is changed, not empty; the caller frees it. NULL: there is only one. */
    char *(*thing)(const Edit *e);
    void (*done)(const Edit *e); /* the change holds: for events; may be NULL */
    /* For devices that come and go: the table of the rows that do that, among rows of "edit". NULL:
     * "edit" itself. */
    const FlowTable *table;
    /* With such a table: applies the change that was tried to the live definition as it is now;
     * nothing else of it changes. */
    void (*apply)(DomainDef *live, const Edit *e);
} EditKind;

struct Edit {
    const EditKind *kind;
    Vm *vm; /* referenced */
    gpointer data;
    GDestroyNotify free_data; /* may be NULL */
    guint asked, impact;      /* IMPACT_ bits: as asked for, and as settled when its turn came */
    gboolean live;            /* for EditKind.change: def is the live one */
    AutostartKind mark;       /* EDIT_AUTOSTART */
    gboolean mark_on;
    /* private to edit.c */
    DomainDef *new_live, *new_config; /* a table of devices fills in new_live */
    gboolean same_live;               /* new_live equals the old one */
    gboolean secret;                  /* the file of new_config shows secrets */
    gboolean waited;                  /* it has waited for QEMU */
    FileStamp based_on, placed; /* of the definition's file before and after; zero: not that far */
    guint tries;
    char *who;
    VmDone on_done;
    gpointer user;
};

extern const FlowTable edit_table;
/* Rows of edit_table, for other tables; flow_user is the Edit. */
StepResult edit_try(Flow *f, gpointer obj, GError **err);
StepResult edit_write_live(Flow *f, gpointer obj, GError **err);
StepResult edit_write_live_back(Flow *f, gpointer obj);
/* Writes live.xml as it is when the Edit holds; not undone. */
gboolean edit_save_live(const Edit *e, GError **err);
StepResult edit_mark_outdated(Flow *f, gpointer obj, GError **err);
StepResult edit_unmark_outdated(Flow *f, gpointer obj);
StepResult edit_write_definition(Flow *f, gpointer obj, GError **err);
StepResult edit_write_definition_back(Flow *f, gpointer obj);

/* Makes an Edit; data is taken. impact: IMPACT_LIVE, IMPACT_CONFIG, both, or neither (see
 * vm_resolve_impact). */
Edit *edit_new(Vm *vm, const EditKind *kind, guint impact, gpointer data, GDestroyNotify free_data);
/* Submits the edit, which it takes. done (may be NULL) is called once, perhaps from within this
 * call. */
void edit_run(Edit *e, Asker who, VmDone done, gpointer user);
void edit_call(EditTell *t, const char *command, json_object *args); /* takes args */
/* The same for a change that somebody other than QEMU is told of: whoever answers calls flow_wake
 * with the token. 0: the change is taken back, and nobody waits. */
FlowToken edit_wait(EditTell *t);
/* Registers a kind, so that a later daemon can take back what this one has told QEMU. */
void edit_register(const EditKind *kind);

/* ---- saved state of a running VM (status.c) ------------------------------------------------ */

/* Write to the runtime folder at once; vm_save_soon does it when the loop has time. */
gboolean status_save(Vm *vm, GError **err);
gboolean live_save(Vm *vm, GError **err);
/* Writes a live definition into a runtime folder, without changing vm. */
gboolean live_write(const char *dir, const DomainDef *live, GError **err);
/* The saved status; the caller puts it. NULL with an error: the file is damaged; NULL without one:
 * there is none. */
json_object *status_read(const char *dir, GError **err);
/* The saved live definition; free with domain_free. *ret_changed: the file is not as it was saved,
 * but still a definition. */
DomainDef *live_read(const char *dir, gboolean *ret_changed, GError **err);
/* Applies a saved status to vm, its Run and its claims. FALSE: it makes no sense, and nothing has
 * changed except some claims. */
gboolean status_apply(Vm *vm, json_object *status, GError **err);

/* ---- the agent in the guest (guest.c) ------------------------------------------------------- */

#define GUEST_CHANNEL "org.qemu.guest_agent.0"
/* Whether an agent can be asked; from memory. FALSE and an error: the domain is off or paused, has
 * no channel for an agent, or nobody in the guest listens. */
gboolean guest_check(const Vm *vm, GError **err);

enum {
    GUEST_ENDS_SHUTDOWN = 1 << 0, /* the guest's end counts as the answer, */
    GUEST_ENDS_RESET = 1 << 1,    /* or its reset, */
    GUEST_ENDS_SUSPEND = 1 << 2,  /* or its sleep */
    GUEST_ENDS = GUEST_ENDS_SHUTDOWN | GUEST_ENDS_RESET | GUEST_ENDS_SUSPEND,
    GUEST_RAW = 1 << 3,         /* args is the whole request, and ret the whole reply */
    GUEST_SECRET = 1 << 4,      /* no copy of question and answer stays in memory */
    GUEST_OWN_SECONDS = 1 << 5, /* ignore a timeout that a client has set */
};
enum { GUEST_SECONDS_BLOCK = -2, GUEST_SECONDS_UNSET = -3 };
typedef struct GuestCall {
    const char *command;
    json_object *args; /* taken; NULL: none */
    /* Seconds to wait for the answer, after the agent is known to listen, which takes 5 s at most.
     * Negative: as long as the domain runs and the agent is there; 0: do not wait, and succeed
     * without an answer. */
    int seconds;
    guint flags;
} GuestCall;
/* Called once, from the loop or from within guest_call. ret is borrowed and outside input; NULL
 * when err is set, or when the command took effect without an answer. */
typedef void (*GuestAnswer)(Vm *vm, json_object *ret, const GError *err, gpointer user);
/* Sends a command to the agent, after those before it have been answered, for which it waits at
 * most 30 s. Errors: ERR_AGENT_UNRESPONSIVE (nobody answers), ERR_AGENT_TIMEOUT (the agent listens,
 * and takes too long), ERR_AGENT_UNSYNCED (its answers make no sense), ERR_AGENT_CANNOT (it does
 * not know the command), ERR_AGENT_FAILED (its own error), ERR_BUSY and ERR_TIMEOUT (other commands
 * are in the way). */
void guest_call(Vm *vm, const GuestCall *call, GuestAnswer answer, gpointer user);
void guest_heard(Vm *vm, guint what); /* notes that one of GUEST_ENDS has happened */
void guest_left(Vm *vm);              /* notes that the agent has closed its end */

/* ---- QEMU's answers (learn.c) --------------------------------------------------------------- */

/* Readers of the answers to query-cpus-fast, query-iothreads and query-chardev, for QmpRow.take. */
gboolean take_vcpus(gpointer obj, json_object *ret, GError **err);
gboolean take_iothreads(gpointer obj, json_object *ret, GError **err);
gboolean take_chardevs(gpointer obj, json_object *ret, GError **err);
/* The guest's memory in KiB from query-balloon or the balloon's event, at most all that it has; 0:
 * unknown. */
guint64 take_memory(const Run *run, json_object *data);

/* The character device of that name in a list of CharDef; NULL: there is none. */
CharDef *char_find_alias(GPtrArray *list, const char *alias);
/* Notes what QEMU reports of a chardev ("charserial0"): the pseudo-terminal that it opened (NULL:
 * none), and whether the guest has it open. */
void consoles_learn(DomainDef *live, const char *label, const char *pty, gboolean open);
/* The same for all of query-chardev. */
void chardevs_learn(const Vm *vm, DomainDef *live, json_object *ret);

/* ---- its log (vmlog.c) ----------------------------------------------------------------------- */

/* Rotates the log and opens it, for QEMU's stdout and stderr. */
int vmlog_open(Vm *vm, GError **err);
void vmlog_header(int fd, const Emulator *e, const char *const *argv);
void vmlog_line(Vm *vm, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* The log from offset on, trimmed; the caller frees it. */
char *vmlog_read_from(Vm *vm, gint64 offset);
void vmlog_remove(const Vm *vm); /* with its older files */
/* Path of the log of a process beside QEMU: "swtpm", "net0-passt". The caller frees it. */
char *vmlog_helper_path(const Vm *vm, const char *helper);
void vmlog_remove_helper(const Vm *vm, const char *helper);
/* Starts or stops keeping all logs of the folder short, those of helpers too: they are looked at
 * 100 ms after a write. */
void vmlog_watch(gboolean on);
