/* core: the machinery that every managed object stands on. Objects and their registries, flows
 * (tables of steps with undo) and their ledgers, jobs and what clashes, definitions on disk,
 * events, typed parameters, who may, saved state, the message bus, and the one place with threads.
 *
 * Everything here runs in the main-loop thread; offload() is the only way out of it.
 */
#pragma once

#include "access.h"
#include "base/base.h"
#include "bus.h"
#include "event.h"
#include "params.h"
#include "task.h"

/* ---- where things are (state.c) --------------------------------------------------------- */

/* The folders of one daemon. All absolute, without a trailing slash, made by paths_make. */
typedef struct Paths {
    char *run;         /* /run/vmd: sockets, state of what runs; gone after a boot */
    char *etc;         /* /etc/vmd: definitions */
    char *lib;         /* /var/lib/vmd: data */
    char *cache;       /* /var/cache/vmd */
    char *log;         /* /var/log/vmd */
    gboolean session;  /* an ordinary user's daemon */
    gboolean trusting; /* what it starts is not confined */
    gint64 output_max; /* bytes of a file that a guest writes into; 0: any */
} Paths;

/* The system's folders below root ("" for the real ones). */
void paths_init_system(Paths *paths, const char *root);
/* A user's: $XDG_RUNTIME_DIR/vmd, $XDG_CONFIG_HOME/vmd, $XDG_DATA_HOME/vmd, $XDG_CACHE_HOME/vmd. */
void paths_init_session(Paths *paths);
gboolean paths_make(const Paths *paths, GError **err);
void paths_done(Paths *paths);

/* ---- objects (object.c) ----------------------------------------------------------------- */

typedef struct Ledger Ledger;
typedef struct JobQueue JobQueue;
typedef struct Flow Flow;
typedef struct FlowTable FlowTable;

/* What a room manages; a constant. */
typedef struct ObjectKind {
    const char *name;   /* as errors say it: "domain", "pool" */
    const char *folder; /* of the ledgers, below the daemon's run folder: "qemu" */
    const char *field;  /* that has its name in the journal: "VMD_DOMAIN" */
} ObjectKind;

/* What clients name an object by, and how it changes; the first member of every managed object's
 * struct. */
typedef struct Object {
    const ObjectKind *kind;
    char *name;
    guint8 uuid[UUID_LEN];
    int id; /* of a running domain; else -1 */
    guint refs;
    void (*destroy)(struct Object *o); /* frees the whole object when refs fall to 0 */
    Flow *flow;                        /* the one that changes it now, or NULL */
    /* private: NULL until somebody asks for them */
    Ledger *ledger;
    JobQueue *jobs;
} Object;

/* Below which run folder the ledgers are; once, before the first object. Without it they are in
 * memory only. */
void objects_init(const Paths *paths);
void object_init(Object *o, const ObjectKind *kind, const char *name, const guint8 uuid[UUID_LEN],
                 void (*destroy)(Object *o)); /* one reference, id -1 */
void object_done(Object *o);                  /* frees what is in it; for destroy */
gpointer object_ref(gpointer o);
void object_unref(gpointer o); /* NULL is fine */
/* What the object has done and can undo: opened at the first call, with what an earlier daemon
 * left. Borrowed. */
Ledger *object_ledger(gpointer o);
/* The object's queue, made at the first call. Borrowed. A job holds a reference on its object. */
JobQueue *object_jobs(gpointer o);

/* Names and UUIDs of one kind of object; each is there once. Holds one reference on each. */
typedef struct Registry Registry;

Registry *registry_new(void);
void registry_free(Registry *r);
gboolean registry_add(Registry *r, Object *o); /* FALSE: name or UUID is taken; nothing changed */
void registry_remove(Registry *r, Object *o);  /* drops the reference */
gboolean registry_rename(Registry *r, Object *o, const char *name); /* FALSE: taken */
/* FALSE: another object has it. */
gboolean registry_set_uuid(Registry *r, Object *o, const guint8 uuid[UUID_LEN]);
void registry_set_id(Registry *r, Object *o, int id);       /* -1: none */
gpointer registry_find_name(Registry *r, const char *name); /* borrowed, or NULL */
gpointer registry_find_uuid(Registry *r, const guint8 uuid[UUID_LEN]);
gpointer registry_find_id(Registry *r, int id);
guint registry_size(const Registry *r);
/* All objects in order of creation, each referenced; free with g_ptr_array_unref. */
GPtrArray *registry_list(Registry *r);
/* Writes the ledgers of all of them anew, for somebody has removed the files. FALSE: one is busy,
 * and its own was left out. */
gboolean registry_save_ledgers(Registry *r);

/* ---- ledgers (ledger.c) ----------------------------------------------------------------- */

/* The file is RUN/FOLDER/UUID.ledger, one line a thing; ledger.c has its form. It is there as long
 * as there is something to undo. */
gboolean ledger_empty(const Ledger *l);
/* Why the file that was found could not be understood, or NULL. It was set aside under another name
 * and logged; what could be read of it is in the ledger, and its owner looks for the rest on the
 * host. */
const char *ledger_broken(const Ledger *l);
/* Its daemon was undoing all of it. */
gboolean ledger_unwinding(const Ledger *l);
/* A flow of that table was finished, and what it did is not undone. */
gboolean ledger_committed(const Ledger *l, const FlowTable *table);
/* There are rows with that key. */
gboolean ledger_has_key(const Ledger *l, const char *key);
/* There are rows of a flow of that table (NULL: any) that was not finished: its daemon died in it.
 */
gboolean ledger_loose(const Ledger *l, const FlowTable *table);
/* The words of the newest row of that step and key (NULL: the step's own row), NULL-terminated;
 * NULL when there is no such row. Borrowed until the next change. */
const char *const *ledger_words(const Ledger *l, const FlowTable *table, const char *step,
                                const char *key);
/* For an owner whose ledger was lost or cut off while the object is in use: the lines that it found
 * again on the host, as of a finished flow of that table. One that is there already (step and key)
 * stays as it is, and whatever else is in the ledger counts as finished too. They stand in the
 * order of the table's steps. Written in one piece.
 */
typedef struct LedgerLine {
    const char *step; /* of the table, with an undo */
    const char *key;  /* NULL: the step's own line */
    char **words;     /* NULL: none */
} LedgerLine;
void ledger_restore(Ledger *l, const FlowTable *table, const LedgerLine *lines, gsize n);
/* UUIDs, as text, of the objects of a kind that have a ledger on disk. */
GPtrArray *ledger_names(const ObjectKind *kind, GError **err);
/* The name that an object had when its ledger was begun, or NULL. Caller frees. */
char *ledger_object_name(const ObjectKind *kind, const char *uuid);

/* ---- flows (flow.c) --------------------------------------------------------------------- */

/* A change is a flow: a table of steps, each with its undo. The driver runs the rows downwards.
 * What a row may leave behind stands in the object's ledger, on disk before the effect. Failure,
 * cancel, stop and recovery read the ledger upwards. A flow whose rows are all done is committed: a
 * later daemon tells a finished change from half of one by that.
 *
 * A line of the ledger is one thing: the step, a key, and the words that the undo needs ("make
 * links", "net1", "vnet7 12"). The undo is called once for each line, the newest first.
 *   - For a plain row with an undo the driver enters one line, without a key, before the row runs.
 *   - A STEP_KEYED row enters its own by flow_note, each before its effect, as many as it needs.
 *   - What is known only after the effect (a pid, an index) is noted again under the same key: the
 *     new words replace the old ones. A daemon that is killed in between leaves the first words,
 *     so an undo with too few words looks on the host for what they mean.
 *
 * Rules for a row:
 *   - it completes (STEP_DONE), waits for exactly one thing (STEP_WAIT), or fails (STEP_FAILED with
 *     *err set; step_of makes one of a gboolean);
 *   - what it waits for calls flow_wake with the token from flow_wait; a stale token is ignored, so
 *     a late answer cannot reach a flow that is gone;
 *   - its undo may wait, cannot fail, may run twice, and runs also when the row failed half way:
 *     a row never cleans up after itself;
 *   - its undo touches only what it knows to be its own: a pid with its start time, a link with its
 *     index, a file with its device and inode;
 *   - after a wait the row is done; a row that must look at the outcome returns STEP_WAIT from a
 *     flow_wait_again token and is asked again.
 */

typedef enum StepResult { STEP_DONE, STEP_WAIT, STEP_FAILED } StepResult;

static inline StepResult
step_of(gboolean ok)
{
    return ok ? STEP_DONE : STEP_FAILED;
}

typedef enum StepFlags {
    STEP_KEYED = 1 << 0,    /* enters its own lines; none of them: nothing to undo */
    STEP_FOR_GOOD = 1 << 1, /* its lines leave the ledger when the flow is finished */
} StepFlags;

typedef struct Step {
    const char *name; /* unique in its table; stands in the ledger, so it is an interface */
    StepResult (*run)(Flow *f, gpointer obj, GError **err);
    StepResult (*undo)(Flow *f, gpointer obj); /* NULL: leaves nothing behind */
    guint flags;                               /* StepFlags */
} Step;

struct FlowTable {
    const char *name;  /* unique in the daemon: "start" */
    const Step *steps; /* ended by a zeroed row */
    gboolean for_good; /* a finished flow is never undone: its rows leave the ledger (a volume that
                          was built stays, a VM that was started will be stopped) */
};

/* Tables must be registered once, so that a ledger read from disk finds its rows again, and so
 * that tests can list them (vmd --list-steps). */
void flow_register(const FlowTable *table);
const FlowTable *flow_find(const char *table); /* NULL: not registered */
void flow_list(void (*each)(const FlowTable *table, const Step *step, gpointer user),
               gpointer user);

/* Called once, when the flow is over. err: NULL when all rows are done; else why the flow failed,
 * after all its undo has run. o is the object, user what flow_run was given. */
typedef void (*FlowDone)(gpointer o, const GError *err, gpointer user);

/* Runs table's rows on the object; done is called from the main loop or from within this call. The
 * flow holds a reference on the object, is its o->flow until done, and frees itself. An object is
 * in one flow at a time: who is not a job of the object already uses object_run. */
void flow_run(const FlowTable *table, gpointer o, FlowDone done, gpointer user);
/* Runs the undo of every line in the object's ledger, newest first. done's err is always NULL. */
void flow_unwind(gpointer o, FlowDone done, gpointer user);
/* Of every line with that key, whichever step entered it: the end of one device. */
void flow_unwind_key(gpointer o, const char *key, FlowDone done, gpointer user);
/* Of every line of flows that were never committed: what a daemon that was killed had begun. */
void flow_recover(gpointer o, FlowDone done, gpointer user);
/* The waiting row fails with code and text; its undo and those above it run. A flow that already
 * unwinds is left alone. */
void flow_cancel(Flow *f, Err code, const char *why);
const char *flow_step(const Flow *f); /* name of the row it is at; for logs and job info */
gboolean flow_undoing(const Flow *f);
gpointer flow_user(const Flow *f);

/* Inside a row: a line for the ledger, on disk when this returns. key: NULL for the row's own line,
 * else any text that is not empty; words: NULL-terminated, any text. A key that was noted before by
 * this row gets the new words. FALSE: it could not be written, and the row must fail. */
gboolean flow_note(Flow *f, const char *key, const char *const *words, GError **err);
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
/* Inside an undo: the line it is called for. */
const char *flow_key(const Flow *f);               /* NULL: the row's own line */
const char *flow_word(const Flow *f, guint index); /* NULL: there are fewer */

typedef guint64 FlowToken;
FlowToken flow_wait(Flow *f);       /* then return STEP_WAIT; the row is done on wake */
FlowToken flow_wait_again(Flow *f); /* then return STEP_WAIT; the row is asked again on wake */
/* err: NULL, or the failure of the waiting row (copied). In an undo an error is logged. */
void flow_wake(FlowToken token, const GError *err);
gboolean flow_waits(FlowToken token); /* is anybody still waiting for it? */

/* Faults for tests: "TABLE/STEP:HOW", HOW one of
 *     before, after, cancel      the flow fails there
 *     kill-before, kill-after    the daemon dies by SIGKILL, before or after the row
 *     kill-intent, kill-fact     after the row's first note; before it notes what it learned
 *     kill-commit                after the commit; only at a table's last row
 *     undo-kill                  after the undo of the row's first line, before that is noted
 * Two with a comma between them strike both. Set once from the environment variable VMD_FAULT; the
 * daemon logs when one strikes. */
gboolean flow_set_fault(const char *spec, GError **err);

/* ---- jobs (jobs.c) ---------------------------------------------------------------------- */

/* One queue an object. A table says what an asked job does beside the running one: run beside it,
 * wait, be refused, or preempt (the running one is cancelled, its undo runs, then the new starts).
 */
typedef enum JobKind { JOB_LOOK, JOB_CHANGE, JOB_START, JOB_MOVE, JOB_STOP, N_JOB_KINDS } JobKind;

typedef struct Job Job;

typedef struct JobSpec {
    JobKind kind;
    const char *what;  /* "start", "block-copy": for errors and job info; constant */
    const char *owner; /* who asked: "client 12 (pid 4711)"; copied */
    guint wait_ms;     /* how long it may wait in the queue; 0: 30 s. Past that: ERR_TIMEOUT */
    guint deadline_ms; /* how long it may run; 0: for ever. Past that it is cancelled */
    gboolean (*run)(Job *j, gpointer o, GError **err);             /* FALSE ends the job with err */
    void (*cancel)(Job *j, gpointer o, Err code, const char *why); /* NULL: cannot be cancelled */
    void (*done)(Job *j, gpointer o, const GError *err);           /* once; NULL err: success */
    gpointer user;
} JobSpec;

/* Runs it, now or later, with q's object as o. FALSE: refused by the clash table (done is not
 * called). */
gboolean job_submit(JobQueue *q, const JobSpec *spec, GError **err);
void job_end(Job *j, const GError *err); /* the work is over */
gpointer job_user(const Job *j);
Job *job_running(const JobQueue *q); /* the exclusive one, or NULL; q may be NULL */
const char *job_what(const Job *j);
const char *job_owner(const Job *j);
JobKind job_kind(const Job *j);
gint64 job_started(const Job *j); /* g_get_monotonic_time; 0 while it waits */
/* Cancels the running job; ERR_OPERATION_INVALID when there is none or it cannot be. */
gboolean job_cancel(JobQueue *q, const char *why, GError **err);
/* For object.c. Freeing ends waiting jobs with ERR_ABORTED; none may be running. */
JobQueue *job_queue_new(Object *o);
void job_queue_free(JobQueue *q);

/* A flow as a job of its object: table's rows run when the queue lets them, a cancel of the job
 * cancels the flow, and the job ends with it. Of spec count kind, what, owner, wait_ms, deadline_ms
 * and user (which is flow_user in the rows, and what done gets). done is called once in any case:
 * also when the job is refused or has waited too long, maybe from within this call. done may be
 * NULL. */
void object_run(gpointer o, const JobSpec *spec, const FlowTable *table, FlowDone done);
/* The same for flow_unwind (a pool's stop), flow_unwind_key and flow_recover. */
void object_unwind(gpointer o, const JobSpec *spec, FlowDone done);
void object_unwind_key(gpointer o, const JobSpec *spec, const char *key, FlowDone done);
void object_recover(gpointer o, const JobSpec *spec, FlowDone done);

/* ---- definitions on disk (store.c) ------------------------------------------------------ */

/* The definitions of one kind of object: a file NAME.xml each, in a folder of their own. A file
 * that cannot be read keeps its place and is told of, with the reason. */
typedef struct Store Store;

typedef struct StoreKind {
    const char *what; /* "domain": for errors */
    const char *root; /* the element that each file is */
    /* Whether text is such a definition. *ret_name is the caller's; ret_uuid is zero where the text
     * has none. */
    gboolean (*check)(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN],
                      GError **err);
} StoreKind;

/* When an object starts by itself: at each boot of the host, or at the next one alone. */
typedef enum AutostartKind { AUTOSTART_ALWAYS, AUTOSTART_ONCE, AUTOSTART_KINDS } AutostartKind;

/* Makes the folder where it is not there, and finishes what a daemon that died had begun. kind must
 * live as long as the store. NULL and an error: there can be no such folder. */
Store *store_open(const StoreKind *kind, const char *folder, GError **err);
void store_free(Store *s);

/* A file of the folder, valid during the callback. */
typedef struct StoreFound {
    const char *name;
    guint8 uuid[UUID_LEN]; /* zero: it can be read, and has none */
    gboolean autostart[AUTOSTART_KINDS];
    GError *broken;   /* why it cannot be used; NULL: it can */
    gboolean made_up; /* the UUID is the name's, for nobody knows its own */
} StoreFound;
typedef void (*StoreEach)(const StoreFound *found, gpointer user);
/* All of them, in order of their names. A file that looks as store_put wrote it is not read beyond
 * its name and UUID. FALSE: the folder cannot be read. */
gboolean store_load(Store *s, StoreEach each, gpointer user, GError **err);

/* What its file says now; caller frees. ret_stamp (may be NULL) is what the file was then. */
char *store_text(const Store *s, const char *name, gsize *ret_len, FileStamp *ret_stamp,
                 GError **err);
/* FALSE: there is no file. */
gboolean store_stamp(const Store *s, const char *name, FileStamp *ret_stamp);
char *store_path(const Store *s, const char *name); /* caller frees */
/* Whether a file can be called after it. */
gboolean store_name_check(const StoreKind *kind, const char *name, GError **err);

/* Written, synced and in place when it returns TRUE, nothing changed when it returns FALSE; the
 * loop stands still meanwhile. text must be what a load would find before it takes the place of
 * another: it is read back. */
gboolean store_put(Store *s, const char *name, const char *text, GError **err);
/* The same while the loop goes on (store_write.c). may is asked right before the file takes its
 * place (NULL: yes), where FALSE leaves everything as it was; taken is called in the turn in which
 * it does (NULL: nobody); done once, when the change is on disk or has failed. An error after taken
 * says that the disk did not confirm it. Writes of one name follow each other; a store that is
 * freed meanwhile tells nobody. All three may be called from within. how and the texts are copied.
 */
typedef struct StoreWrite {
    gboolean (*may)(gpointer user, GError **err);
    void (*taken)(gpointer user);
    void (*done)(const GError *err, gpointer user);
    gpointer user;
} StoreWrite;
void store_write(Store *s, const char *name, const char *text, const StoreWrite *how);
/* done is called once all that was removed and marked until now is on disk, perhaps from within. */
typedef void (*StoreSettled)(const GError *err, gpointer user);
void store_settle(Store *s, StoreSettled done, gpointer user);
/* The same inside a row of a flow, which ends when the change is on disk: return what these return.
 * Nothing is put in place for a flow that was cancelled meanwhile. taken as above, or NULL. */
StepResult store_write_row(Flow *f, Store *s, const char *name, const char *text,
                           void (*taken)(gpointer user), gpointer user);
StepResult store_settle_row(Flow *f, Store *s);
/* text is the definition under its new name. Links of autostart go along. */
gboolean store_rename(Store *s, const char *from, const char *to, const char *text, GError **err);
/* These two are on disk once store_settle says so. */
gboolean store_remove(Store *s, const char *name, GError **err); /* with its links */
gboolean store_set_autostart(Store *s, const char *name, AutostartKind kind, gboolean on,
                             GError **err);

/* ---- claims (claims.c) ------------------------------------------------------------------ */

/* What of the host somebody holds. Keys: of an image its device and inode, of a port its
 * number, of a CID its number, of a PCI device "0000:01:00.0", of an address its text, of a volume
 * "POOL-UUID/NAME", of a link its name. */
typedef enum ClaimKind {
    CLAIM_IMAGE,
    CLAIM_PORT,
    CLAIM_CID,
    CLAIM_PCI,
    CLAIM_ADDRESS,
    CLAIM_VOLUME,
    CLAIM_LINK,
    CLAIM_USER,
    N_CLAIM_KINDS
} ClaimKind;

/* Who: an object, or else words for what is none ("volume upload of client 12"), which are the
 * same owner when they are the same text. */
typedef struct Owner {
    gpointer object; /* Object; not referenced: it drops its claims before it goes */
    const char *words;
} Owner;
#define OWNER(o) ((Owner){ .object = (o) })

/* Several owners may hold one thing when all of them only read it, or when all say that they share
 * it. An owner never stands in its own way: it may hold a thing twice, and drops it twice. */
typedef struct Claim {
    ClaimKind kind;
    char *key;
    char *label; /* for errors, where the key tells people nothing: the path of an image */
    gboolean reads, shares;
    Owner owner;
} Claim;

/* All is copied. FALSE: somebody else holds it, and the error names it and them. */
gboolean claim_take(const Claim *claim, GError **err);
void claim_drop(ClaimKind kind, const char *key, Owner who); /* one of them; none is fine */
void claims_drop(Owner who);                                 /* all that it holds */
const Claim *claim_find(ClaimKind kind, const char *key);    /* the first holder's; NULL: free */
/* Of one owner, or (neither object nor words) of everybody, by kind and key; the claims are
 * borrowed. Free with g_ptr_array_unref. */
GPtrArray *claims_list(Owner who);
char *owner_text(Owner who); /* "domain 'a'"; caller frees */
/* To save them and to have them again: those of a file count, whoever holds the same things. FALSE:
 * the JSON is not what claims_to_json gave; what came before the fault is taken. */
json_object *claims_to_json(Owner who);
gboolean claims_from_json(Owner who, json_object *array, GError **err);

/* ---- saved state (state.c) -------------------------------------------------------------- */

/* Names of the regular files in folder that end in suffix, without it, sorted. A folder that is
 * not there is empty. */
GPtrArray *state_names(const char *folder, const char *suffix, GError **err);

/* ---- the only threads (offload.c) ------------------------------------------------------- */

/* work runs in a worker with what it was given and nothing else; it returns its result or sets
 * *err. done runs in the main loop. in is freed with free_in after done. */
typedef gpointer (*OffloadWork)(gpointer in, GError **err);
typedef void (*OffloadDone)(gpointer out, const GError *err, gpointer user);
void offload(OffloadWork work, gpointer in, GDestroyNotify free_in, OffloadDone done,
             gpointer user);
/* The same about an object: two errands of one are out at once, others of it wait for these. What
 * hangs about one object costs the others nothing. */
void offload_for(const Object *o, OffloadWork work, gpointer in, GDestroyNotify free_in,
                 OffloadDone done, gpointer user);
/* The same of a sender that is no object, a user for one; NULL: nobody's. */
void offload_as(const guint8 sender[UUID_LEN], OffloadWork work, gpointer in,
                GDestroyNotify free_in, OffloadDone done, gpointer user);
/* How many workers have been away for a second and longer. */
guint offload_stuck(void);
