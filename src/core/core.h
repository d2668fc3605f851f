/* core: the machinery that every managed object uses. Objects and their registries, flows (tables
 * of steps with undo) and their ledgers, jobs and the rules of which may run together, definitions
 * on disk, claims, events, typed parameters, access rights, saved state, the message bus, and the
 * only place with threads.
 * Everything here runs in the main-loop thread; offload() is the only way to run something
 * elsewhere. */
#pragma once

#include "access.h"
#include "base/base.h"
#include "bus.h"
#include "event.h"
#include "params.h"
#include "task.h"

/* ---- where things are (state.c) --------------------------------------------------------- */

/* The folders of one daemon: absolute paths without a trailing slash. paths_make makes them. */
typedef struct Paths {
    char *run;            /* /run/vmd: sockets, state of running objects; gone after a boot */
    char *etc;            /* /etc/vmd: definitions */
    char *lib;            /* /var/lib/vmd: data */
    char *cache;          /* /var/cache/vmd */
    char *log;            /* /var/log/vmd */
    gboolean session;     /* the daemon of an ordinary user, not of the system */
    gboolean trusting;    /* the programs that it starts are not confined */
    char *groups;         /* where control groups are made: "none", a folder, or else by itself */
    gboolean limits_warn; /* a limit that the host cannot hold does not refuse a start */
    gint64 output_max;    /* bytes of a file that a guest writes into; 0: any */
} Paths;

/* Sets the system's folders, below root ("" for the real ones). Free the content with paths_done.
 */
void paths_init_system(Paths *paths, const char *root);
/* Sets a user's folders: $XDG_RUNTIME_DIR/vmd, $XDG_CONFIG_HOME/vmd, $XDG_DATA_HOME/vmd,
 * $XDG_CACHE_HOME/vmd. */
void paths_init_session(Paths *paths);
gboolean paths_make(const Paths *paths, GError **err);
void paths_done(Paths *paths);

/* ---- objects (object.c) ----------------------------------------------------------------- */

typedef struct Ledger Ledger;
typedef struct JobQueue JobQueue;
typedef struct Flow Flow;
typedef struct FlowTable FlowTable;

/* A kind of managed object; a constant. */
typedef struct ObjectKind {
    const char *name;   /* the word in errors: "domain", "pool" */
    const char *folder; /* the folder of its ledgers, below the daemon's run folder: "qemu" */
    const char *field;  /* the journal's field for its name: "VMD_DOMAIN" */
} ObjectKind;

/* What all managed objects have in common: names and the state of changes. It is the first member
 * of the struct of every managed object. */
typedef struct Object {
    const ObjectKind *kind;
    char *name;
    guint8 uuid[UUID_LEN];
    int id; /* number of a running domain; else -1 */
    guint refs;
    void (*destroy)(struct Object *o); /* frees the whole object when refs fall to 0 */
    Flow *flow;                        /* the flow that changes it now, or NULL */
    /* private: NULL until object_ledger and object_jobs are first called */
    Ledger *ledger;
    JobQueue *jobs;
} Object;

/* Sets the run folder that ledgers are below. Call it once, before the first object; without it
 * ledgers are in memory only. */
void objects_init(const Paths *paths);
void object_init(Object *o, const ObjectKind *kind, const char *name, const guint8 uuid[UUID_LEN],
                 void (*destroy)(Object *o)); /* one reference, id -1; name is copied */
void object_done(Object *o);                  /* frees its content; for destroy */
gpointer object_ref(gpointer o);
void object_unref(gpointer o); /* NULL is fine */
/* The ledger of what the object has done and can undo. Opened at the first call, with the lines
 * that an earlier daemon left. Borrowed. */
Ledger *object_ledger(gpointer o);
/* The object's queue of jobs, made at the first call. Borrowed. A job holds a reference on its
 * object. */
JobQueue *object_jobs(gpointer o);

/* The objects of one kind, by name, UUID and id, none of which occurs twice. Holds one reference on
 * each. */
typedef struct Registry Registry;

Registry *registry_new(void);
void registry_free(Registry *r);
gboolean registry_add(Registry *r, Object *o); /* FALSE: name or UUID is taken; nothing changed */
void registry_remove(Registry *r, Object *o);  /* drops the reference */
gboolean registry_rename(Registry *r, Object *o, const char *name); /* FALSE: taken */
/* FALSE: another object has that UUID. */
gboolean registry_set_uuid(Registry *r, Object *o, const guint8 uuid[UUID_LEN]);
void registry_set_id(Registry *r, Object *o, int id);       /* -1: none */
gpointer registry_find_name(Registry *r, const char *name); /* borrowed, or NULL */
gpointer registry_find_uuid(Registry *r, const guint8 uuid[UUID_LEN]);
gpointer registry_find_id(Registry *r, int id);
guint registry_size(const Registry *r);
/* All objects in order of creation, each referenced; free with g_ptr_array_unref. */
GPtrArray *registry_list(Registry *r);
/* Writes the ledgers of all these objects again, after somebody has removed the files. FALSE: one
 * is busy, and its ledger was left out. */
gboolean registry_save_ledgers(Registry *r);

/* ---- ledgers (ledger.c) ----------------------------------------------------------------- */

/* The file is RUN/FOLDER/UUID.ledger, with one line for each thing; ledger.c describes its form. It
 * exists as long as there is something to undo. */
gboolean ledger_empty(const Ledger *l);
/* Why the file that was found could not be understood, or NULL. Such a file was set aside under
 * another name and logged; the lines that could be read are in the ledger, and the owner must look
 * for the rest on the host. */
const char *ledger_broken(const Ledger *l);
/* Whether an earlier daemon was undoing all of it when it ended (flow_unwind). */
gboolean ledger_unwinding(const Ledger *l);
/* Whether a flow of that table is committed and its lines are still there. */
gboolean ledger_committed(const Ledger *l, const FlowTable *table);
/* Whether a row has that key. */
gboolean ledger_has_key(const Ledger *l, const char *key);
/* Whether there are rows of a flow of that table (NULL: of any) that was never committed: the
 * daemon died during it. */
gboolean ledger_loose(const Ledger *l, const FlowTable *table);
/* The words of the newest row of that step and key (key NULL: the step's own row), NULL-terminated;
 * NULL when there is no such row. Borrowed until the ledger changes. */
const char *const *ledger_words(const Ledger *l, const FlowTable *table, const char *step,
                                const char *key);
/* For an owner whose ledger was lost or cut off while the object is in use: enters the lines that
 * the owner found again on the host, in the order of the table's steps, as those of a committed
 * flow of that table. A line that is there already (same step and key) stays as it is, and all
 * others in the ledger count as committed too. Written in one piece. */
typedef struct LedgerLine {
    const char *step; /* of the table, with an undo */
    const char *key;  /* NULL: the step's own line */
    char **words;     /* NULL: none */
} LedgerLine;
void ledger_restore(Ledger *l, const FlowTable *table, const LedgerLine *lines, gsize n);
/* UUIDs, as text, of all objects of a kind that have a ledger on disk. Free with g_ptr_array_unref.
 */
GPtrArray *ledger_names(const ObjectKind *kind, GError **err);
/* The name that an object had when its ledger was begun; NULL: there is no such ledger. The caller
 * frees it. */
char *ledger_object_name(const ObjectKind *kind, const char *uuid);

/* ---- flows (flow.c) --------------------------------------------------------------------- */

/* A change is a flow: a table of steps, each with its undo. The driver runs the rows downwards.
 * Everything that a row may leave behind is written to the object's ledger before the effect.
 * Failure, cancel, stop and recovery read the ledger upwards. A flow whose rows are all done is
 * committed: by that a later daemon tells a finished change from half of one.
 *
 * A line of the ledger is one thing: the step, a key, and the words that the undo needs ("make
 * links", "net1", "vnet7 12"). The undo is called once for each line, the newest first.
 * - For a plain row with an undo the driver enters one line, without a key, before the row runs.
 * - A STEP_KEYED row enters its own lines by flow_note, as many as it needs, each before its
 *   effect.
 * - Whatever is known only after the effect (a pid, an index) is noted again under the same key:
 *   the new words replace the old ones. A daemon that is killed in between leaves the first words,
 *   so an undo that finds too few words looks on the host for the thing.
 *
 * Rules for a row:
 * - It completes (STEP_DONE), waits for exactly one thing (STEP_WAIT), or fails (STEP_FAILED with
 *   *err set; step_of makes a result of a gboolean).
 * - Whatever it waits for calls flow_wake with the token from flow_wait. A stale token is ignored,
 *   so a late answer cannot reach a flow that is gone.
 * - Its undo may wait, cannot fail, may run twice, and runs also when the row failed half way: a
 *   row never cleans up after itself.
 * - Its undo touches only what it knows to be its own: a pid with its start time, a link with its
 *   index, a file with its device and inode.
 * - After a wait the row is done. A row that must look at the outcome returns STEP_WAIT with a
 *   token of flow_wait_again, and is run again. */

typedef enum StepResult { STEP_DONE, STEP_WAIT, STEP_FAILED } StepResult;

static inline StepResult
step_of(gboolean ok)
{
    return ok ? STEP_DONE : STEP_FAILED;
}

typedef enum StepFlags {
    STEP_KEYED = 1 << 0,    /* it enters its own lines; without lines there is nothing to undo */
    STEP_FOR_GOOD = 1 << 1, /* its lines leave the ledger when the flow is finished */
} StepFlags;

typedef struct Step {
    const char *name; /* unique in its table; ledgers on disk have it, so it must not change */
    StepResult (*run)(Flow *f, gpointer obj, GError **err);
    StepResult (*undo)(Flow *f, gpointer obj); /* NULL: the row leaves nothing behind */
    guint flags;                               /* StepFlags */
} Step;

struct FlowTable {
    const char *name;  /* unique in the daemon: "start" */
    const Step *steps; /* ended by a zeroed row */
    gboolean for_good; /* a committed flow is never undone: its rows leave the ledger */
};

/* Registers a table; each must be registered once, so that a ledger read from disk finds its rows,
 * and tests can list them (vmd --list-steps). */
void flow_register(const FlowTable *table);
const FlowTable *flow_find(const char *table); /* NULL: not registered */
void flow_list(void (*each)(const FlowTable *table, const Step *step, gpointer user),
               gpointer user);

/* Called once, when the flow is over. err: NULL when all rows are done; else why the flow failed,
 * after all its undo has run. o is the object, user what flow_run was given. */
typedef void (*FlowDone)(gpointer o, const GError *err, gpointer user);

/* Runs the table's rows on the object; done is called from the main loop or from within this call.
 * The flow holds a reference on the object, is its o->flow until done, and frees itself. An object
 * is in one flow at a time: code that is not itself a job of the object calls object_run instead.
 */
void flow_run(const FlowTable *table, gpointer o, FlowDone done, gpointer user);
/* Runs the undo of every line in the object's ledger, newest first. done's err is always NULL. */
void flow_unwind(gpointer o, FlowDone done, gpointer user);
/* The same for the lines with that key only, whichever step entered them: for the end of one
 * device. */
void flow_unwind_key(gpointer o, const char *key, FlowDone done, gpointer user);
/* The same for the lines of flows that were never committed: changes that a killed daemon had
 * begun. */
void flow_recover(gpointer o, FlowDone done, gpointer user);
/* Makes the waiting row fail with code and text; its undo and those of the rows above it run. A
 * flow that already unwinds is left alone. */
void flow_cancel(Flow *f, Err code, const char *why);
const char *flow_step(const Flow *f); /* name of the row it is at; for logs and job info */
gboolean flow_undoing(const Flow *f);
gpointer flow_user(const Flow *f);

/* For a row: enters a line in the ledger, which is in the ledger's file when this returns. key:
 * NULL for the row's own line, else any text that is not empty. words: NULL-terminated, any text. A
 * key that this row has noted before gets the new words. FALSE: the line could not be written, and
 * the row must fail. */
gboolean flow_note(Flow *f, const char *key, const char *const *words, GError **err);
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
/* For an undo: the key and the words of the line that it is called for; borrowed. */
const char *flow_key(const Flow *f);               /* NULL: the row's own line */
const char *flow_word(const Flow *f, guint index); /* NULL: there are fewer */

typedef guint64 FlowToken;
FlowToken flow_wait(Flow *f); /* return STEP_WAIT after it; the row is done when it is woken */
FlowToken flow_wait_again(Flow *f); /* return STEP_WAIT after it; the row is run again when woken */
/* Ends a wait. err: NULL, or the reason for which the waiting row fails (copied). In an undo an
 * error is only logged. */
void flow_wake(FlowToken token, const GError *err);
gboolean flow_waits(FlowToken token); /* whether a row still waits for it */

/* Faults for tests: "TABLE/STEP:HOW". HOW is one of
 * before, after, cancel: the flow fails there, before or after the row's effect;
 * kill-before, kill-after: the daemon dies by SIGKILL, before or after the row;
 * kill-intent, kill-fact: after the row's first note; before it notes what it learned;
 * kill-commit: after the commit; only at a table's last row;
 * undo-kill: after the undo of the row's first line, before that is noted.
 * Two faults with a comma between them strike both. Set once from the environment variable
 * VMD_FAULT; the daemon logs when one strikes. FALSE: the text is no such fault. */
gboolean flow_set_fault(const char *spec, GError **err);

/* ---- jobs (jobs.c) ---------------------------------------------------------------------- */

/* Each object has one queue of jobs. A table (jobs.c) says what a submitted job does while another
 * runs: run beside it, wait, be refused, or preempt it (the running one is cancelled, its undo
 * runs, then the new one starts). */
typedef enum JobKind { JOB_LOOK, JOB_CHANGE, JOB_START, JOB_MOVE, JOB_STOP, N_JOB_KINDS } JobKind;

typedef struct Job Job;

typedef struct JobSpec {
    JobKind kind;
    const char *what;  /* "start", "block-copy": for errors and job info; constant */
    const char *owner; /* who asked for it: "client 12 (pid 4711)"; copied */
    guint wait_ms;     /* longest wait in the queue; 0: 30 s. After that: ERR_TIMEOUT */
    guint deadline_ms; /* longest run; 0: no limit. After that it is cancelled */
    gboolean (*run)(Job *j, gpointer o,
                    GError **err); /* starts the work; FALSE ends the job with err */
    void (*cancel)(Job *j, gpointer o, Err code, const char *why); /* NULL: cannot be cancelled */
    void (*done)(Job *j, gpointer o,
                 const GError *err); /* called once at the end; err NULL: success */
    gpointer user;
} JobSpec;

/* Runs the job, now or later, with q's object as o. spec is copied. FALSE: the clash table refuses
 * it (done is not called). */
gboolean job_submit(JobQueue *q, const JobSpec *spec, GError **err);
void job_end(Job *j, const GError *err); /* the job's owner calls it when the work is over */
gpointer job_user(const Job *j);
Job *
job_running(const JobQueue *q); /* the running job that is not a JOB_LOOK, or NULL; q may be NULL */
const char *job_what(const Job *j);
const char *job_owner(const Job *j);
JobKind job_kind(const Job *j);
gint64 job_started(const Job *j); /* g_get_monotonic_time; 0 while it waits */
/* Cancels the running job. ERR_OPERATION_INVALID when there is none or it cannot be cancelled. */
gboolean job_cancel(JobQueue *q, const char *why, GError **err);
/* For object.c. Freeing ends waiting jobs with ERR_ABORTED; none may be running. */
JobQueue *job_queue_new(Object *o);
void job_queue_free(JobQueue *q);

/* Runs a flow as a job of its object: the table's rows run when the queue lets them, a cancel of
 * the job cancels the flow, and the job ends with the flow. Of spec only kind, what, owner,
 * wait_ms, deadline_ms and user are used (user is flow_user in the rows, and is given to done).
 * done is called once in any case, also when the job is refused or has waited too long, perhaps
 * from within this call. done may be NULL. */
void object_run(gpointer o, const JobSpec *spec, const FlowTable *table, FlowDone done);
/* The same for flow_unwind (such as the stop of a pool), flow_unwind_key and flow_recover. */
void object_unwind(gpointer o, const JobSpec *spec, FlowDone done);
void object_unwind_key(gpointer o, const JobSpec *spec, const char *key, FlowDone done);
void object_recover(gpointer o, const JobSpec *spec, FlowDone done);

/* ---- definitions on disk (store.c) ------------------------------------------------------ */

/* The definitions of one kind of object on disk: a file NAME.xml for each, in one folder. A file
 * that cannot be read stays where it is and is reported with the reason. */
typedef struct Store Store;

typedef struct StoreKind {
    const char *what; /* "domain": for errors */
    const char *root; /* name of the root element of each file */
    /* Whether text is a definition of this kind. *ret_name is the caller's; ret_uuid is zero where
     * the text has none. */
    gboolean (*check)(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN],
                      GError **err);
} StoreKind;

/* When an object starts by itself: at each boot of the host, or at the next boot only. */
typedef enum AutostartKind { AUTOSTART_ALWAYS, AUTOSTART_ONCE, AUTOSTART_KINDS } AutostartKind;

/* Opens a store; makes the folder where it is missing, and finishes a change that a daemon had
 * begun when it died. kind must live as long as the store. NULL and an error: the folder cannot be
 * made. */
Store *store_open(const StoreKind *kind, const char *folder, GError **err);
void store_free(Store *s);

/* A definition that store_load found; valid during the callback. */
typedef struct StoreFound {
    const char *name;
    guint8 uuid[UUID_LEN]; /* zero: the file can be read, and has no UUID */
    gboolean autostart[AUTOSTART_KINDS];
    GError *broken;   /* why the file cannot be used; NULL: it can */
    gboolean made_up; /* the file's own UUID is unknown; this one is derived from the name */
} StoreFound;
typedef void (*StoreEach)(const StoreFound *found, gpointer user);
/* Calls each for every definition, in the order of names. A file that looks as store_put wrote it
 * is read only up to its name and UUID. FALSE: the folder cannot be read. */
gboolean store_load(Store *s, StoreEach each, gpointer user, GError **err);

/* The text of the file as it is now; the caller frees it. ret_stamp (may be NULL) gets the file's
 * stamp from that moment. */
char *store_text(const Store *s, const char *name, gsize *ret_len, FileStamp *ret_stamp,
                 GError **err);
/* The stamp of a definition's file. FALSE: there is no file. */
gboolean store_stamp(const Store *s, const char *name, FileStamp *ret_stamp);
char *store_path(const Store *s, const char *name); /* caller frees */
/* Whether a file can be named after this name; else an error says why. */
gboolean store_name_check(const StoreKind *kind, const char *name, GError **err);

/* Writes a definition: the file is written, synced and in its place when this returns TRUE, and
 * nothing has changed when it returns FALSE. The main loop stands still meanwhile. The text is read
 * back before it takes the place of another: store_load must accept it. */
gboolean store_put(Store *s, const char *name, const char *text, GError **err);
/* The same without stopping the loop (store_write.c). may is called right before the file takes its
 * place (NULL: no check); when it returns FALSE everything stays as it was. taken is called in the
 * turn of the loop in which the file takes its place (may be NULL). done is called once, when the
 * change is on disk or has failed; an error after taken means that the disk did not confirm the
 * change. Writes of the same name follow each other; after store_free none of the three is called.
 * All three may be called from within store_write. how and the texts are copied. */
typedef struct StoreWrite {
    gboolean (*may)(gpointer user, GError **err);
    void (*taken)(gpointer user);
    void (*done)(const GError *err, gpointer user);
    gpointer user;
} StoreWrite;
void store_write(Store *s, const char *name, const char *text, const StoreWrite *how);
/* Calls done once when everything that was removed or marked until now is on disk, perhaps from
 * within this call. */
typedef void (*StoreSettled)(const GError *err, gpointer user);
void store_settle(Store *s, StoreSettled done, gpointer user);
/* The same for a row of a flow, which is done when the change is on disk: the row returns what
 * these return. For a flow that was cancelled meanwhile nothing is put in place. before: the stamp
 * of the file that the text is made from; a file that was removed or replaced meanwhile is left as
 * it is, and the row fails (NULL: any file is replaced, or none). taken: as above, or NULL. */
StepResult store_write_row(Flow *f, Store *s, const char *name, const char *text,
                           const FileStamp *before, void (*taken)(gpointer user), gpointer user);
StepResult store_settle_row(Flow *f, Store *s);
/* Renames a definition; text is the definition with its new name. The links of autostart are
 * renamed too. */
gboolean store_rename(Store *s, const char *from, const char *to, const char *text, GError **err);
/* These two changes are on disk once store_settle says so. */
gboolean store_remove(Store *s, const char *name, GError **err); /* and its links of autostart */
gboolean store_set_autostart(Store *s, const char *name, AutostartKind kind, gboolean on,
                             GError **err);

/* ---- claims (claims.c) ------------------------------------------------------------------ */

/* Kinds of things of the host that one owner holds. The keys: of an image its device and inode, of
 * a port its number, of a CID its number, of a PCI device "0000:01:00.0", of an address its text,
 * of a volume "POOL-UUID/NAME", of a link its name, of a user its number. */
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

/* The owner of a claim: an object, or a text for an owner that is none ("volume upload of client
 * 12"). Two owners with the same text are the same owner. */
typedef struct Owner {
    gpointer object; /* an Object, not referenced: it drops its claims before it goes */
    const char *words;
} Owner;
#define OWNER(o) ((Owner){ .object = (o) })

/* One claim. Several owners may hold the same thing when all of them only read it, or when all of
 * them share it. An owner does not conflict with itself: it may hold a thing twice, and then drops
 * it twice. */
typedef struct Claim {
    ClaimKind kind;
    char *key;
    char *label; /* for errors, where the key means nothing to people: the path of an image */
    gboolean reads, shares;
    Owner owner;
} Claim;

/* Takes a claim, of which everything is copied. FALSE: another owner holds the thing; the error
 * names both. */
gboolean claim_take(const Claim *claim, GError **err);
void claim_drop(ClaimKind kind, const char *key,
                Owner who);  /* drops one such claim; none is fine */
void claims_drop(Owner who); /* drops all claims of that owner */
/* The claim of the first holder; NULL: nobody holds it. */
const Claim *claim_find(ClaimKind kind, const char *key);
/* The claims of one owner, or (with neither object nor words) of all owners, by kind and key; the
 * claims are borrowed. Free with g_ptr_array_unref. */
GPtrArray *claims_list(Owner who);
char *owner_text(Owner who); /* "domain 'a'"; caller frees */
/* Claims of an owner as JSON, to be saved, and back. Claims from a file are taken even where
 * another owner holds the same things. FALSE: the JSON is not of the form of claims_to_json; the
 * claims before the fault are taken. */
json_object *claims_to_json(Owner who);
gboolean claims_from_json(Owner who, json_object *array, GError **err);

/* ---- saved state (state.c) -------------------------------------------------------------- */

/* Names of the regular files in folder that end in suffix, without the suffix, sorted. A missing
 * folder counts as empty. NULL and an error: the folder cannot be read. Free with
 * g_ptr_array_unref. */
GPtrArray *state_names(const char *folder, const char *suffix, GError **err);

/* ---- the only threads (offload.c) ------------------------------------------------------- */

/* Runs work in a worker thread. work may use only in; it returns a result or sets *err. done runs
 * in the main loop; in is freed with free_in after done. */
typedef gpointer (*OffloadWork)(gpointer in, GError **err);
typedef void (*OffloadDone)(gpointer out, const GError *err, gpointer user);
void offload(OffloadWork work, gpointer in, GDestroyNotify free_in, OffloadDone done,
             gpointer user);
/* The same for work about an object: two errands of one object run at once, others of it wait for
 * these. So a worker that hangs for one object holds up no other object. */
void offload_for(const Object *o, OffloadWork work, gpointer in, GDestroyNotify free_in,
                 OffloadDone done, gpointer user);
/* The same for a sender that is no object, such as a user; NULL: of no sender. */
void offload_as(const guint8 sender[UUID_LEN], OffloadWork work, gpointer in,
                GDestroyNotify free_in, OffloadDone done, gpointer user);
/* Number of workers that have been running for a second or longer. */
guint offload_stuck(void);
