/* core: the machinery that every managed object stands on. Objects and their registries, flows
 * (tables of steps with undo) and their ledgers, jobs and what clashes, events, typed parameters,
 * who may, saved state, and the one place with threads.
 *
 * Everything here runs in the main-loop thread; offload() is the only way out of it.
 */
#pragma once

#include "base/base.h"
#include "event.h"
#include "params.h"

/* ---- where things are (state.c) --------------------------------------------------------- */

/* The folders of one daemon. All absolute, without a trailing slash, made by paths_make. */
typedef struct Paths {
    char *run;        /* /run/vmd: sockets, state of what runs; gone after a boot */
    char *etc;        /* /etc/vmd: definitions */
    char *lib;        /* /var/lib/vmd: data */
    char *cache;      /* /var/cache/vmd */
    char *log;        /* /var/log/vmd */
    gboolean session; /* an ordinary user's daemon */
} Paths;

/* The system's folders below root ("" for the real ones). */
void paths_init_system(Paths *paths, const char *root);
/* A user's: $XDG_RUNTIME_DIR/vmd, $XDG_CONFIG_HOME/vmd, $XDG_DATA_HOME/vmd, $XDG_CACHE_HOME/vmd. */
void paths_init_session(Paths *paths);
gboolean paths_make(const Paths *paths, GError **err);
void paths_done(Paths *paths);

/* ---- objects (object.c) ----------------------------------------------------------------- */

/* What clients name an object by; the first member of every managed object's struct. */
typedef struct Object {
    char *name;
    guint8 uuid[UUID_LEN];
    int id; /* of a running domain; else -1 */
    guint refs;
    void (*destroy)(struct Object *o); /* frees the whole object when refs fall to 0 */
} Object;

void object_init(Object *o, const char *name, const guint8 uuid[UUID_LEN],
                 void (*destroy)(Object *o)); /* one reference, id -1 */
void object_done(Object *o);                  /* frees the name; for destroy */
gpointer object_ref(gpointer o);
void object_unref(gpointer o); /* NULL is fine */

/* Names and UUIDs of one kind of object; each is there once. Holds one reference on each. */
typedef struct Registry Registry;

Registry *registry_new(void);
void registry_free(Registry *r);
gboolean registry_add(Registry *r, Object *o); /* FALSE: name or UUID is taken; nothing changed */
void registry_remove(Registry *r, Object *o);  /* drops the reference */
gboolean registry_rename(Registry *r, Object *o, const char *name); /* FALSE: taken */
void registry_set_id(Registry *r, Object *o, int id);               /* -1: none */
gpointer registry_find_name(Registry *r, const char *name);         /* borrowed, or NULL */
gpointer registry_find_uuid(Registry *r, const guint8 uuid[UUID_LEN]);
gpointer registry_find_id(Registry *r, int id);
guint registry_size(const Registry *r);
/* All objects in order of creation, each referenced; free with g_ptr_array_unref. */
GPtrArray *registry_list(Registry *r);

/* ---- flows (flow.c) --------------------------------------------------------------------- */

/* A change is a flow: a table of steps, each with its undo. The driver runs the rows downwards; a
 * row that can leave something behind (it has an undo) is entered in the object's ledger, on disk
 * and before its effect. Failure, cancel, stop and recovery read the ledger upwards.
 *
 * Rules for a row:
 *   - it completes (STEP_DONE), waits for exactly one thing (STEP_WAIT), or fails (STEP_FAILED with
 *     *err set; FALSE-style helpers read well: return fail(...) ? STEP_DONE : STEP_FAILED is not
 *     needed, see step_of);
 *   - what it waits for calls flow_wake with the token from flow_wait; a stale token is ignored, so
 *     a late answer cannot reach a flow that is gone;
 *   - its undo may wait, cannot fail, may run twice, and runs also when the row failed half way:
 *     a row never cleans up after itself;
 *   - after a wait the row is done; a row that must look at the outcome returns STEP_WAIT from a
 *     flow_wait_again token and is asked again.
 */
typedef struct Flow Flow;
typedef struct Ledger Ledger;

typedef enum StepResult { STEP_DONE, STEP_WAIT, STEP_FAILED } StepResult;

static inline StepResult
step_of(gboolean ok)
{
    return ok ? STEP_DONE : STEP_FAILED;
}

typedef struct Step {
    const char *name; /* unique in its table; stands in the ledger, so it is an interface */
    StepResult (*run)(Flow *f, gpointer obj, GError **err);
    StepResult (*undo)(Flow *f, gpointer obj); /* NULL: leaves nothing behind */
} Step;

typedef struct FlowTable {
    const char *name;  /* unique in the daemon: "start" */
    const Step *steps; /* ended by a zeroed row */
} FlowTable;

/* Tables must be registered once, so that a ledger read from disk finds its rows again, and so
 * that tests can list them (vmd --list-steps). */
void flow_register(const FlowTable *table);
void flow_list(void (*each)(const char *table, const Step *step, gpointer user), gpointer user);

/* What an object has done and can undo. path: file that keeps it (parent folder exists); NULL:
 * in memory only. Opening reads what an earlier daemon left. */
Ledger *ledger_open(const char *path, GError **err);
void ledger_free(Ledger *l); /* the file stays when rows are left in it */
gboolean ledger_empty(const Ledger *l);
/* Detail of the newest row of that name (table may be NULL: any), or NULL. Borrowed. */
const char *ledger_detail(const Ledger *l, const char *table, const char *step);
gboolean ledger_has(const Ledger *l, const char *table, const char *step);

/* err: NULL when all rows are done; else why the flow failed, after all its undo has run. */
typedef void (*FlowDone)(gpointer obj, const GError *err, gpointer user);

/* Runs table's rows; done is called from the main loop or from within this call. The flow frees
 * itself. slot (may be NULL) is the owner's pointer to it: set before the first row, cleared before
 * done. */
void flow_run(const FlowTable *table, Ledger *ledger, gpointer obj, FlowDone done, gpointer user,
              Flow **slot);
/* Runs the undo of every row in the ledger, newest first. done's err is always NULL. */
void flow_unwind(Ledger *ledger, gpointer obj, FlowDone done, gpointer user, Flow **slot);
/* The waiting row fails with code and text; its undo and those above it run. A flow that already
 * unwinds is left alone. */
void flow_cancel(Flow *f, Err code, const char *why);
const char *flow_step(const Flow *f); /* name of the row it is at; for logs and job info */
gboolean flow_undoing(const Flow *f);
gpointer flow_user(const Flow *f);

/* Inside a row: words that its undo will need, on disk before the row's effect. At most one line.
 */
gboolean flow_note(Flow *f, const char *detail, GError **err);
/* Inside an undo: the row's words, or NULL. */
const char *flow_detail(const Flow *f);

typedef guint64 FlowToken;
FlowToken flow_wait(Flow *f);       /* then return STEP_WAIT; the row is done on wake */
FlowToken flow_wait_again(Flow *f); /* then return STEP_WAIT; the row is asked again on wake */
/* err: NULL, or the failure of the waiting row (copied). In an undo an error is logged. */
void flow_wake(FlowToken token, const GError *err);
gboolean flow_waits(FlowToken token); /* is anybody still waiting for it? */

/* Faults for tests: "TABLE/STEP:HOW", HOW one of before, after, cancel, kill-before, kill-after,
 * undo-kill. Set once from the environment variable VMD_FAULT; the daemon logs that it is set. */
gboolean flow_set_fault(const char *spec, GError **err);

/* ---- jobs (jobs.c) ---------------------------------------------------------------------- */

/* One queue an object. A table says what an asked job does beside the running one: run beside it,
 * wait, be refused, or preempt (the running one is cancelled, its undo runs, then the new starts).
 */
typedef enum JobKind { JOB_LOOK, JOB_CHANGE, JOB_START, JOB_MOVE, JOB_STOP, N_JOB_KINDS } JobKind;

typedef struct Job Job;
typedef struct JobQueue JobQueue;

typedef struct JobSpec {
    JobKind kind;
    const char *what;  /* "start", "block-copy": for errors and job info; constant */
    const char *owner; /* who asked: "client 12 (pid 4711)"; copied */
    guint wait_ms;     /* how long it may wait in the queue; 0: 30 s. Past that: ERR_TIMEOUT */
    guint deadline_ms; /* how long it may run; 0: for ever. Past that it is cancelled */
    gboolean (*run)(Job *j, gpointer obj, GError **err); /* FALSE ends the job with err */
    void (*cancel)(Job *j, gpointer obj, Err code, const char *why); /* NULL: cannot be cancelled */
    void (*done)(Job *j, gpointer obj, const GError *err);           /* once; NULL err: success */
    gpointer user;
} JobSpec;

JobQueue *job_queue_new(gpointer obj);
void job_queue_free(JobQueue *q); /* ends waiting jobs with ERR_ABORTED; none may be running */
/* Runs it, now or later. FALSE: refused by the clash table (done is not called). */
gboolean job_submit(JobQueue *q, const JobSpec *spec, GError **err);
void job_end(Job *j, const GError *err); /* the work is over */
gpointer job_user(const Job *j);
Job *job_running(const JobQueue *q); /* the exclusive one, or NULL */
const char *job_what(const Job *j);
const char *job_owner(const Job *j);
JobKind job_kind(const Job *j);
gint64 job_started(const Job *j); /* g_get_monotonic_time; 0 while it waits */
/* Cancels the running job; ERR_OPERATION_INVALID when there is none or it cannot be. */
gboolean job_cancel(JobQueue *q, const char *why, GError **err);

/* ---- saved state (state.c) -------------------------------------------------------------- */

/* Names of the regular files in folder that end in suffix, without it, sorted. A folder that is
 * not there is empty. */
GPtrArray *state_names(const char *folder, const char *suffix, GError **err);

/* ---- who may (access.c) ----------------------------------------------------------------- */

/* Who is behind a connection. */
typedef struct Creds {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    guint64 start_time; /* of pid; see process_start_time */
    gboolean readonly;
} Creds;

typedef enum Access { ACCESS_READ, ACCESS_WRITE } Access;

/* NULL error: allowed. Later also asks polkit; the dispatcher then replays the call. */
gboolean access_check(const Creds *creds, Access wanted, const char *what, GError **err);

/* ---- the only threads (offload.c) ------------------------------------------------------- */

/* work runs in a worker with what it was given and nothing else; it returns its result or sets
 * *err. done runs in the main loop. in is freed with free_in after done. */
typedef gpointer (*OffloadWork)(gpointer in, GError **err);
typedef void (*OffloadDone)(gpointer out, const GError *err, gpointer user);
void offload(OffloadWork work, gpointer in, GDestroyNotify free_in, OffloadDone done,
             gpointer user);
