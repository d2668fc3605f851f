/* qemu/vm: the live object, what a client may ask of it, its monitor and its files.
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

#include "qemu/emulator/emulator.h"

/* ---- the monitor (qmp.c) ----------------------------------------------------------------- */

typedef struct Qmp Qmp;

typedef struct QmpOps {
    void (*event)(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
                  gpointer user);
    /* EOF or a broken stream (err NULL), or a message that is none or is too large, once, after
     * every pending call was answered with an error. */
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
/* arguments: JSON that no copy stays of; the caller wipes its own. */
void qmp_call_secret(Qmp *q, const char *command, const char *arguments, QmpAnswer answer,
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

/* ---- the live object (vm.c) -------------------------------------------------------------- */

/* Why a running VM stops: the reason and the event that its end will have. */
typedef struct StopWhy {
    int reason; /* virDomainShutoffReason */
    int detail; /* virDomainEventStoppedDetailType */
} StopWhy;

/* virDomainTaintFlags that a client earns it: it commanded QEMU, the agent in the guest. */
enum { TAINT_CUSTOM_MONITOR = 1 << 6, TAINT_CUSTOM_GUEST_COMMAND = 1 << 10 };

/* virDomainRunningReason and so on, as far as we use them. */
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
    guint64 poll_max, poll_grow, poll_shrink; /* ns, factors */
} Iothread;

/* What a wing above keeps with a running VM: made by it, freed with the Run. */
typedef struct RunPart {
    gpointer data;
    GDestroyNotify free;
} RunPart;

/* What becomes of a TPM's state; an undefine may have said it. */
typedef enum TpmFate { TPM_FATE_AS_DEFINED, TPM_FATE_KEPT, TPM_FATE_GONE } TpmFate;

/* As whom QEMU runs, and what it has of the host beside what is handed to it. */
typedef enum ConfineHow {
    CONFINE_UNKNOWN, /* nobody has said, or saved it */
    CONFINE_NOT,     /* as the daemon: that was asked for */
    CONFINE_OWN,     /* a user that no other VM has */
    CONFINE_CHOSEN,  /* the user that its definition names */
    CONFINE_DAEMON,  /* the daemon's user, without what that may beside */
    N_CONFINE_HOWS
} ConfineHow;

/* What a VM is given all the same. */
typedef struct Needs {
    guint32 needs; /* bits of ConfineNeed */
    char *reasons; /* why: lines; NULL: nothing */
    char *paths;   /* that QEMU opens itself: lines; NULL: none */
} Needs;

typedef struct Confined {
    gint32 how; /* ConfineHow */
    guint32 uid, gid;
    guint32 group;   /* one more; 0: none */
    gint32 landlock; /* the ABI in force; 0: none is; -1: nobody knows any more */
    Needs has;
} Confined;
enum ConfineNeed {
    NEED_USER = 1 << 0,  /* opens what only the daemon's user may */
    NEED_OWNER = 1 << 1, /* makes files of other users */
    NEED_LOCKS = 1 << 2, /* locks memory */
    NEED_NET = 1 << 3,   /* the host's network */
    NEED_SLIRP = 1 << 4, /* the same, for a guest that has no other */
    NEED_FILES = 1 << 5, /* opens files that nobody can name beforehand */
    NEED_IPC = 1 << 6,   /* shares memory by its number */
};

/* What only a VM with a QEMU has, from the first row of start to the last undo. */
typedef struct Run {
    char *dir; /* runtime folder */
    DomainDef *live;
    guint flags;                  /* of start */
    gboolean complete;            /* every row of start was done */
    gboolean stopping;            /* the undo has begun: nothing else happens from here */
    gboolean outdated;            /* the persistent definition was changed since the start */
    gint32 tpm_fate;              /* TpmFate: at the end, when it has no definition then */
    gboolean lost;                /* QEMU or its monitor ended unasked */
    char *doubt;                  /* what could not be read back of it, for people; NULL: nothing */
    gboolean ending;              /* a job that will stop it is queued or runs */
    gboolean graceful;            /* QEMU may end by itself first */
    gboolean remove_logs;         /* when it has ended */
    StopWhy why;                  /* valid when stopping */
    Process *process;             /* NULL: not spawned, or its end was seen */
    FlowToken exit_wait;          /* who waits for that end */
    guint save_source;            /* the status file is behind */
    guint reconnect;              /* source: the monitor is tried again */
    char *wrong;                  /* what the monitor sent that ended it; NULL: nothing */
    guint timer;                  /* until QEMU is killed, or a graceful destroy gives up */
    struct Ask *graceful_destroy; /* waits for QEMU to end by itself */
    pid_t pid;
    guint64 start_time;
    gint64 started; /* wall clock, microseconds */
    Process *tpm;   /* swtpm_setup; swtpm, from its start or its end */
    FlowToken tpm_wait;
    guint64 tpm_progress;   /* of swtpm_setup, and since when there was no more */
    gint64 tpm_progress_at; /* monotonic */
    GPtrArray *passts;      /* NULL: none; passt.c */
    GHashTable *troubles;   /* of what has failed for now or for good: its name, what to tell */
    Qmp *qmp;
    gboolean rebooting;  /* the next SHUTDOWN is answered by a reset */
    gboolean restarting; /* it was: what QEMU then says of stopping is not the user's doing */
    guint taint;         /* bits of virDomainTaintFlags */
    Confined confined;
    guint64 balloon_kib; /* 0: unknown */
    GArray *vcpu_tids;   /* pid_t by vcpu number; 0: unplugged */
    GArray *iothreads;   /* of Iothread */
    struct {             /* only during start */
        const Emulator *emulator;
        GPtrArray *files; /* of HostFd */
        GPtrArray *nets;  /* of HostNet */
        int monitor_fd;
        char *first_cpu; /* QOM path */
        gint64 log_from; /* where QEMU's own words begin in the log */
        guint watch;     /* source: whether QEMU answers */
        guint64 cpu_ns;  /* that it had used when that was last looked at, */
        gint64 busy_at;  /* and when it last was more: monotonic */
    } start;
    RunPart counters; /* ops/stats.c */
    RunPart consoles; /* ops/console.c */
    RunPart leaving;  /* life/leave.c */
    RunPart guest;    /* guest.c */
    RunPart outputs;  /* life/outputs.c */
} Run;

struct Vm {
    Object obj;
    VmState state;
    int reason;
    gint64 state_since; /* monotonic */
    gboolean persistent;
    gboolean autostart[AUTOSTART_KINDS];
    gboolean catching_up;          /* what is heard of it now happened before this daemon */
    gboolean uuid_made_up;         /* its file cannot be read, and nobody knows the one in it */
    struct Definition *definition; /* define.c; NULL: the definition is only on disk now */
    struct Edit *edit;             /* that changes it now; NULL: none does */
    FileStamp shown; /* of the file that says what dumpxml --inactive shows; zero: not known */
    gboolean shown_secret; /* it shows what only --security-info may */
    GPtrArray *unknown;    /* what its last document said that nobody knows: sentences; or NULL */
    gint32 guest_seconds;  /* guest_call's, as a client has set it; GUEST_SECONDS_UNSET */
    Run *run;              /* NULL: off */
};

extern Registry *qemu_vms;
extern const ObjectKind vm_kind;

/* In the registry, off. Borrowed; NULL with an error when name or UUID is taken. */
Vm *vm_add(const char *name, const guint8 uuid[UUID_LEN], GError **err);
void vm_remove(Vm *vm); /* from the registry */
int vm_next_id(void);
void vm_id_used(int id);
/* The only way to another state: saves it, and tells nobody. A move that should not be is logged.
 */
void vm_enter(Vm *vm, VmState to, int reason);
void vm_tell(Vm *vm, Lifecycle what, int detail);
/* What a document said that no row knows: logged with the domain's name and kept for vm_messages.
 * unknown is taken. A whole document's take the place of those of the one before; more: a part's.
 */
void vm_note_unknown(Vm *vm, GPtrArray *unknown, gboolean more);
/* An event about vm with nothing filled in but the object. */
Event vm_event(Vm *vm, DomainEventId id);
Run *run_new(const Vm *vm, DomainDef *live); /* takes live */
void run_free(Run *run);
/* The run is over: what it held is free again. State and id are the caller's. */
void vm_run_over(Vm *vm);
/* Something that is saved of a running VM has changed: written once, when the loop has time. */
void vm_save_soon(Vm *vm);
/* Which definition a change or a question means: neither bit becomes what the VM is. FALSE when it
 * has no such definition. */
enum { IMPACT_LIVE = 1, IMPACT_CONFIG = 2 };
gboolean vm_resolve_impact(const Vm *vm, guint *impact, GError **err);
/* Something of a running VM does not work ("interface 'net0'"), or does again (text NULL). It is
 * logged, in the VM's own log too, and told by "dommessages" as long as it holds. */
void vm_trouble(Vm *vm, const char *of, const char *text);
/* For what needs a QEMU that listens: FALSE and "domain is not running" otherwise. */
gboolean vm_need_running(Vm *vm, GError **err);

/* ---- what else is left of a domain (remains.c) -------------------------------------------- */

/* virDomainUndefineFlagsValues */
enum {
    UNDEFINE_MANAGED_SAVE = 1 << 0,
    UNDEFINE_NVRAM = 1 << 2,
    UNDEFINE_KEEP_NVRAM = 1 << 3,
    UNDEFINE_TPM = 1 << 5,
    UNDEFINE_KEEP_TPM = 1 << 6,
};
char *tpm_state_dir(const Vm *vm); /* where swtpm keeps it; caller frees */
/* Whether the flags of an undefine say one thing. */
gboolean remains_check(guint flags, GError **err);
/* A worker looks for the variables that def has, which may lie on a server that does not answer,
 * and removes them where the flags say so; done gets an error where they do not say enough. FALSE:
 * def has none, and done is not called. */
gboolean remains_settle_nvram(Vm *vm, const DomainDef *def, guint flags, OffloadDone done,
                              gpointer user);
/* Before def (NULL: it cannot be read, and nobody knows what it has) goes: removes what else the
 * flags say, or keeps in mind that it must go at the end of the run. */
gboolean remains_undefine(Vm *vm, const DomainDef *def, guint flags, GError **err);
/* swtpm has ended: the state of a domain without a definition goes with it. Twice is as once. */
void remains_end(Vm *vm);

/* ---- definitions (define.c) -------------------------------------------------------------- */

gboolean define_load_all(GError **err);
void define_done(void);
/* The persistent definition as its file has it, borrowed until the next turn of the loop. NULL and
 * an error that names the file: it cannot be read, or there is none. Such a domain takes no change
 * but to be undefined and to be defined anew. */
const DomainDef *define_get(Vm *vm, GError **err);
DomainDef *define_copy(Vm *vm, GError **err); /* the caller's */
/* The document of the persistent definition, as domain_format writes it; secure: with its secrets.
 * Caller frees. NULL: as define_get. */
char *define_text(Vm *vm, gboolean secure, GError **err);
/* Fills in what the file does not say and define would have filled in, and saves that. FALSE: it
 * cannot be read, breaks a rule, or its emulator is not there. */
gboolean define_complete(Vm *vm, GError **err);
/* Its file says def now, which is taken. The domain has the name that def has. complete: nothing is
 * missing that define would have filled in; FALSE: it is as complete as it was. secret: the file
 * shows what only DEF_SECURE shows. */
void define_take(Vm *vm, DomainDef *def, gboolean complete, gboolean secret);
/* Whether it starts by itself, on disk first. FALSE: nothing is changed. */
gboolean define_mark(Vm *vm, AutostartKind kind, gboolean on, GError **err);
StepResult define_settle(Flow *f); /* inside a row, after a mark: waits until it is on disk */
/* Another text for the file of a definition, perhaps under another name. */
typedef struct Rewrite {
    char *old_name, *new_name;
    char *before; /* the file's text now */
    char *after;
    char *sum;       /* of after */
    gboolean secret; /* after shows what only DEF_SECURE shows */
} Rewrite;
/* NULL: the file cannot be read. */
Rewrite *rewrite_new(Vm *vm, const DomainDef *def, GError **err);
void rewrite_free(Rewrite *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rewrite, rewrite_free)
StepResult rewrite_do(Flow *f, const Rewrite *w, GError **err);
/* Puts before back, where the file is the one with that sum; any other is not ours and stays. Also
 * what an earlier daemon wrote: the domain has its old name again. */
gboolean rewrite_undo(Vm *vm, const char *old_name, const char *new_name, const char *before,
                      const char *sum, GError **err);
void define_forget(Vm *vm); /* vm goes away */
/* Whether a domain of this name and UUID may be; *ret_vm is the one that has both, or NULL. */
gboolean define_may_have(const DomainDef *def, Vm **ret_vm, GError **err);
/* The domain of that name whose definition cannot be read, now that its UUID is known for another
 * reason; NULL: there is none. */
Vm *define_find_broken(const char *name, const guint8 uuid[UUID_LEN]);

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

/* ---- changes of its definitions (edit.c) -------------------------------------------------- */

/* A change of the live definition, of the persistent one or of both: a job of the VM, which waits
 * for the one that runs. It takes effect as a whole or not at all. */
typedef struct Edit Edit;

/* What QEMU is told of a change, or that it is taken back. */
typedef struct EditTell {
    Vm *vm;
    const DomainDef *def; /* says how it is to be */
    const char *thing;    /* EditKind.thing */
    gboolean back;        /* def is as it was before */
    /* private to edit.c */
    gboolean asked;
    FlowToken token;
} EditTell;

typedef enum EditFlags {
    EDIT_WORDS = 1 << 0,     /* of words for people: the definition is not filled in and checked */
    EDIT_ARGUMENTS = 1 << 1, /* a rule that the change breaks is a wrong argument, not wrong XML */
    EDIT_CONFIG_ALONE = 1 << 2, /* the persistent one is meant, whatever was asked for */
    EDIT_AUTOSTART = 1 << 3,    /* Edit.mark and mark_on say when it starts by itself */
} EditFlags;

typedef struct EditKind {
    const char *what; /* "set memory": for errors and job info; in the ledger */
    guint flags;      /* EditFlags */
    /* When its turn has come and impact is known, before anything is tried; NULL: no more to ask.
     */
    gboolean (*check)(const Edit *e, GError **err);
    /* Changes def, a copy of the definition that e->live says. It may be asked again, with a fresh
     * copy. A change of the live one may be of rows that are F_HOT alone. NULL: none. */
    gboolean (*change)(DomainDef *def, const Edit *e, GError **err);
    /* Tells the running QEMU by edit_call, at most once, or its threads by itself; NULL: QEMU need
     * not know. A kind that has one is registered (edit_register). */
    gboolean (*tell)(EditTell *t, GError **err);
    /* What of the domain is told of, not empty; caller frees. NULL: there is only one. */
    char *(*thing)(const Edit *e);
    void (*done)(const Edit *e); /* it holds: for events; may be NULL */
    /* Of devices that come and go: the rows that make them do so, among which are those of "edit".
     * NULL: "edit" itself. */
    const FlowTable *table;
    /* With such a table: makes a live definition as it is now have what the one that was tried has;
     * nothing else of it changes. */
    void (*apply)(DomainDef *live, const Edit *e);
} EditKind;

struct Edit {
    const EditKind *kind;
    Vm *vm; /* referenced */
    gpointer data;
    GDestroyNotify free_data; /* may be NULL */
    guint asked, impact;      /* IMPACT_: as the call said, and what it meant when its turn came */
    gboolean live;            /* change: def is the live one */
    AutostartKind mark;       /* EDIT_AUTOSTART */
    gboolean mark_on;
    /* private to edit.c */
    DomainDef *new_live, *new_config; /* a table of devices settles new_live */
    gboolean same_live;               /* new_live is as the old one */
    gboolean secret;                  /* the file of new_config shows secrets */
    gboolean waited;                  /* for QEMU */
    VmDone on_done;
    gpointer user;
};

extern const FlowTable edit_table;
/* Its rows, for other tables: flow_user is the Edit. */
StepResult edit_try(Flow *f, gpointer obj, GError **err);
StepResult edit_write_live(Flow *f, gpointer obj, GError **err);
StepResult edit_write_live_back(Flow *f, gpointer obj);
/* live.xml as it is once the Edit holds, for good. */
gboolean edit_save_live(const Edit *e, GError **err);
StepResult edit_mark_outdated(Flow *f, gpointer obj, GError **err);
StepResult edit_unmark_outdated(Flow *f, gpointer obj);
StepResult edit_write_definition(Flow *f, gpointer obj, GError **err);
StepResult edit_write_definition_back(Flow *f, gpointer obj);

/* data is taken. impact: IMPACT_LIVE, IMPACT_CONFIG, both, or neither for what the VM is. */
Edit *edit_new(Vm *vm, const EditKind *kind, guint impact, gpointer data, GDestroyNotify free_data);
/* Takes the edit. done (may be NULL) is called once, maybe from within this call. */
void edit_run(Edit *e, Asker who, VmDone done, gpointer user);
void edit_call(EditTell *t, const char *command, json_object *args); /* takes args */
/* So that a later daemon can take back what this one has told. */
void edit_register(const EditKind *kind);

/* ---- what is saved of a running VM (status.c) ---------------------------------------------- */

/* Both write to the runtime folder at once; who has no hurry uses vm_save_soon. */
gboolean status_save(Vm *vm, GError **err);
gboolean live_save(Vm *vm, GError **err);
/* Another live definition into that runtime folder, of which vm knows nothing yet. */
gboolean live_write(const char *dir, const DomainDef *live, GError **err);
/* What was saved. NULL with an error for a file that was damaged, NULL without one for none. */
json_object *status_read(const char *dir, GError **err);
/* *ret_changed: not as it was saved, though it is a definition still. */
DomainDef *live_read(const char *dir, gboolean *ret_changed, GError **err);
/* Into vm and its Run, and the claims. FALSE: it makes no sense, and vm is as it was but for some
 * of its claims. */
gboolean status_apply(Vm *vm, json_object *status, GError **err);

/* ---- the agent in the guest (guest.c) ------------------------------------------------------- */

#define GUEST_CHANNEL "org.qemu.guest_agent.0"
/* FALSE: no agent can be asked: the domain is off or stands still, has no channel for one, or
 * nobody in the guest listens. From memory. */
gboolean guest_check(const Vm *vm, GError **err);

enum {
    GUEST_ENDS_SHUTDOWN = 1 << 0, /* the guest's end answers too, */
    GUEST_ENDS_RESET = 1 << 1,    /* or its reset, */
    GUEST_ENDS_SUSPEND = 1 << 2,  /* or its sleep */
    GUEST_ENDS = GUEST_ENDS_SHUTDOWN | GUEST_ENDS_RESET | GUEST_ENDS_SUSPEND,
    GUEST_RAW = 1 << 3,         /* args is the whole question, and ret the whole answer */
    GUEST_SECRET = 1 << 4,      /* of question and answer no copy stays in memory */
    GUEST_OWN_SECONDS = 1 << 5, /* a client's setting does not count */
};
enum { GUEST_SECONDS_BLOCK = -2, GUEST_SECONDS_UNSET = -3 };
typedef struct GuestCall {
    const char *command;
    json_object *args; /* taken; NULL: none */
    /* How long the answer is waited for, once the agent is known to listen, which takes 5 s at
     * most; negative: as long as the domain runs and the agent is there; 0: not at all, which ends
     * well without an answer. */
    int seconds;
    guint flags;
} GuestCall;
/* Called once, from the loop or from within guest_call. ret is borrowed and outside input; NULL
 * when err is set, or when what was asked for has happened without an answer. */
typedef void (*GuestAnswer)(Vm *vm, json_object *ret, const GError *err, gpointer user);
/* One question after the other, each waiting 30 s at most for those before it. Errors:
 * ERR_AGENT_UNRESPONSIVE (nobody answers), ERR_AGENT_TIMEOUT (it listens, and takes too long),
 * ERR_AGENT_UNSYNCED (it talks nonsense), ERR_AGENT_CANNOT (it does not know that command),
 * ERR_AGENT_FAILED (as it says), ERR_BUSY and ERR_TIMEOUT (others ask). */
void guest_call(Vm *vm, const GuestCall *call, GuestAnswer answer, gpointer user);
void guest_heard(Vm *vm, guint what); /* one of GUEST_ENDS has happened */
void guest_left(Vm *vm);              /* the agent has closed its end */

/* ---- what QEMU tells (learn.c) -------------------------------------------------------------- */

/* Readers of query-cpus-fast, query-iothreads and query-chardev. */
gboolean take_vcpus(gpointer obj, json_object *ret, GError **err);
gboolean take_iothreads(gpointer obj, json_object *ret, GError **err);
gboolean take_chardevs(gpointer obj, json_object *ret, GError **err);
/* The guest's memory in KiB, as query-balloon and the event of the balloon tell it, at most all
 * that it has; 0: not told. */
guint64 take_memory(const Run *run, json_object *data);

/* The character device of that name in a list of CharDef; NULL: there is none. */
CharDef *char_find_alias(GPtrArray *list, const char *alias);
/* What QEMU says of a chardev ("charserial0"): the pseudo-terminal that it opened (NULL: none), and
 * whether the guest has it open. */
void consoles_learn(DomainDef *live, const char *label, const char *pty, gboolean open);
void chardevs_learn(const Vm *vm, DomainDef *live, json_object *ret); /* all of query-chardev */

/* ---- its log (vmlog.c) ----------------------------------------------------------------------- */

int vmlog_open(Vm *vm, GError **err); /* rotates first; for QEMU's stdout and stderr */
void vmlog_header(int fd, const Emulator *e, const char *const *argv);
void vmlog_line(Vm *vm, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
char *vmlog_read_from(Vm *vm, gint64 offset); /* the last words, trimmed */
void vmlog_remove(const Vm *vm);              /* with its backups */
/* That of a process beside QEMU: "swtpm", "net0-passt". The path is the caller's. */
char *vmlog_helper_path(const Vm *vm, const char *helper);
void vmlog_remove_helper(const Vm *vm, const char *helper);
/* Keeps all logs of the folder short, helpers' as well: looks at them 100 ms after a write. */
void vmlog_watch(gboolean on);
