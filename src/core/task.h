/* Tasks: work that outlives the call that asked for it, such as a copy of a volume. A task has a
 * number that people name it by, a subject (a pool) and a thing of it (a volume), an owner,
 * progress and an end: it is done, it fails, or somebody aborts it. That its client leaves ends
 * nothing.
 *
 * A task is an object, so that it has a ledger, a queue and claims of its own: it holds no job of
 * its subject, and what it holds of the host is told by its name ("in use by task '7 (clone)'").
 *
 * What there is to know of it is a row, the file RUN/tasks/UUID.json, written when it begins and
 * when its state changes; progress is asked for, and stands nowhere. A daemon that finds a row asks
 * the kind whether the work lives on without the daemon that began it (a job of QEMU), and adopts
 * it then. Any other task has ended with its daemon: what stands in its ledger is undone, and the
 * log tells of it.
 */
#pragma once

#include <glib.h>

typedef struct Object Object;
typedef struct FlowTable FlowTable;
typedef struct Paths Paths;
typedef struct Task Task; /* starts with its Object */

/* So many at once of one subject, and of all. */
#define TASKS_OF_ONE 128
#define TASKS_OF_ALL 1024

/* Who asks for something. */
typedef struct TaskOwner {
    guint32 uid;
    const char *words; /* "client 12 (pid 4711, uid 0)" */
} TaskOwner;

typedef struct TaskProgress {
    guint64 done, total; /* in the kind's unit; total 0: nobody knows it */
} TaskProgress;

typedef struct TaskKind {
    const char *word; /* "clone": also in saved rows, so it is an interface */
    const char *unit; /* "bytes" */
    /* Its rows (for_good) are a flow of the task: what they do is undone when the task fails or is
     * aborted, or has ended with its daemon. NULL: the work is done elsewhere, and ends by
     * task_end. */
    const FlowTable *table;
    gboolean holds; /* its subject is needed as it is: a pool is not stopped meanwhile */
    /* How far it is, from memory. NULL: nobody can say. */
    void (*look)(gpointer user, TaskProgress *ret_progress);
    /* Of one without a table: ends the work, and by that the task. NULL: it cannot be aborted. */
    void (*abort)(Task *t, gpointer user, const GError *why);
    /* Of a row that an earlier daemon left. TRUE: the work goes on, and the task is the same (see
     * task_set_user). NULL, or FALSE: it has ended with its daemon. */
    gboolean (*adopt)(Task *t);
} TaskKind;

typedef enum TaskState {
    TASK_RUNNING = 1,
    TASK_ABORTING, /* somebody has aborted it: it is being undone */
    TASK_UNDOING,  /* its daemon has ended, and with it the work: it is being undone */
} TaskState;

typedef struct TaskSpec {
    const TaskKind *kind;
    const Object *subject;
    const char *thing; /* of the subject; NULL: all of it */
    TaskOwner who;
    gpointer user; /* of the kind's functions; flow_user in the rows of its table */
} TaskSpec;

/* Where rows are kept; once, before the first task. Without it they are in memory alone. */
gboolean tasks_init(const Paths *paths, GError **err);
/* Of the rows on disk those of these kinds (ended by NULL) are adopted or undone: by the room that
 * has the kinds, once its objects are there. */
void tasks_recover(const TaskKind *const *kinds);
/* Once all rooms have: a row that none of them knows is set aside, a ledger without a row is
 * undone. */
void tasks_settle(void);

/* The task is there, with its row on disk; borrowed until its end. NULL: there are too many, or the
 * row cannot be written. */
Task *task_begin(const TaskSpec *spec, GError **err);
/* Runs the rows of its table. done is called once, perhaps from within this call; the task has
 * ended by then, and its claims are dropped. */
void task_run(Task *t, void (*done)(gpointer task, const GError *err, gpointer user));
/* Of one without a table: the work is over. Its claims go with it. */
void task_end(Task *t);
/* Ends it early, with ERR_ABORTED; what it has done is undone. The task may be gone when this
 * returns. FALSE: it is ending already, or its kind cannot. */
gboolean task_abort(Task *t, const TaskOwner *who, GError **err);

void task_set_user(Task *t, gpointer user); /* of one that was adopted */
gpointer task_user(const Task *t);          /* NULL: it is of an earlier daemon, and not adopted */
Task *task_find(guint64 id, GError **err);  /* borrowed */
/* The first that holds that object as it is; NULL: none. Borrowed. */
Task *task_holding(const Object *subject);
/* All, in order of their numbers, each referenced; free with g_ptr_array_unref. */
GPtrArray *task_list(void);

/* Strings are borrowed from the task. */
typedef struct TaskInfo {
    guint64 id; /* counts up from 1 in each daemon, and past those that an earlier one left */
    const char *kind, *unit;
    const char *subject_kind, *subject;
    const guint8 *subject_uuid;
    const char *thing; /* may be NULL */
    guint32 uid;       /* of who asked for it */
    const char *owner;
    gint64 started; /* Unix time, milliseconds */
    TaskState state;
    TaskProgress progress;
    guint64 speed; /* units a second, as of late */
} TaskInfo;
void task_info(Task *t, TaskInfo *ret_info);
const char *task_state_word(TaskState state);
