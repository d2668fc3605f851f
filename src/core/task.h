/* Tasks: work that outlives the call that asked for it, such as a copy of a volume. A task has a
 * number by which people name it, a subject (a pool) and a part of it (a volume), an owner,
 * progress and an end: it is done, it fails, or somebody aborts it. It goes on when its client
 * leaves.
 *
 * A task is an object, so that it has a ledger, a queue and claims of its own. It holds no job of
 * its subject, and errors about the things that it holds name it ("in use by task '7 (clone)'").
 *
 * A task is saved as a row, the file RUN/tasks/UUID.json, which is written when it begins and when
 * its state changes; progress is not saved. A daemon that finds a row asks the kind whether the
 * work goes on without the daemon that began it (a job of QEMU); then it adopts the task. Any other
 * task has ended with its daemon: the lines of its ledger are undone, and the log says so. */
#pragma once

#include <glib.h>

typedef struct Object Object;
typedef struct FlowTable FlowTable;
typedef struct Paths Paths;
typedef struct Task Task; /* starts with its Object */

/* Most tasks at once, of one subject and of all. */
#define TASKS_OF_ONE 128
#define TASKS_OF_ALL 1024

/* The client that asks for a task. */
typedef struct TaskOwner {
    guint32 uid;
    const char *words; /* "client 12 (pid 4711, uid 0)" */
} TaskOwner;

typedef struct TaskProgress {
    guint64 done, total; /* in the kind's unit; total 0: unknown */
} TaskProgress;

typedef struct TaskKind {
    const char *word; /* "clone": also in saved rows, so it is an interface */
    const char *unit; /* "bytes" */
    /* Its rows (for_good) are a flow of the task: what they do is undone when the task fails or is
     * aborted, or has ended with its daemon. NULL: the work is done elsewhere, and ends by
     * task_end. */
    const FlowTable *table;
    gboolean holds; /* its subject must stay as it is: a pool is not stopped meanwhile */
    /* Its progress, from memory. NULL: unknown. */
    void (*look)(gpointer user, TaskProgress *ret_progress);
    /* For a kind without a table: ends the work, and so the task. NULL: it cannot be aborted. */
    void (*abort)(Task *t, gpointer user, const GError *why);
    /* Of a row that an earlier daemon left. TRUE: the work goes on, and the task is the same (see
     * task_set_user). NULL, or FALSE: it has ended with its daemon. */
    gboolean (*adopt)(Task *t);
} TaskKind;

typedef enum TaskState {
    TASK_RUNNING = 1,
    TASK_ABORTING, /* it was aborted and is being undone */
    TASK_UNDOING,  /* its daemon has ended, and the work with it: it is being undone */
} TaskState;

typedef struct TaskSpec {
    const TaskKind *kind;
    const Object *subject;
    const char *thing; /* the part of the subject; NULL: all of it */
    TaskOwner who;
    gpointer user; /* of the kind's functions; flow_user in the rows of its table */
} TaskSpec;

/* Sets the folder of the rows; call it once, before the first task. Without it they are in memory
 * only. */
gboolean tasks_init(const Paths *paths, GError **err);
/* Adopts or undoes the rows on disk of these kinds (ended by NULL); called by the room that has the
 * kinds, once its objects exist. */
void tasks_recover(const TaskKind *const *kinds);
/* Called when all rooms have done that: sets rows of unknown kinds aside, and undoes ledgers
 * without a row. */
void tasks_settle(void);

/* Makes a task, with its row on disk; borrowed until its end. NULL and an error: there are too
 * many, or the row cannot be written. */
Task *task_begin(const TaskSpec *spec, GError **err);
/* Runs the rows of its table. done is called once, perhaps from within this call; the task has
 * ended by then, and its claims are dropped. */
void task_run(Task *t, void (*done)(gpointer task, const GError *err, gpointer user));
/* For a kind without a table: ends the task when the work is over. Its claims are dropped. */
void task_end(Task *t);
/* Ends it early, with ERR_ABORTED; what it has done is undone. The task may be gone when this
 * returns. FALSE: it is ending already, or its kind cannot. */
gboolean task_abort(Task *t, const TaskOwner *who, GError **err);

void task_set_user(Task *t, gpointer user); /* for an adopted task */
gpointer task_user(const Task *t); /* NULL: the task is of an earlier daemon, and not adopted */
Task *task_find(guint64 id, GError **err); /* borrowed */
/* The first task whose subject must stay as it is; borrowed; NULL: none. */
Task *task_holding(const Object *subject);
/* All tasks in order of their numbers, each referenced; free with g_ptr_array_unref. */
GPtrArray *task_list(void);

/* Strings are borrowed from the task. */
typedef struct TaskInfo {
    guint64 id; /* counts up from 1 in each daemon, and past those that an earlier one left */
    const char *kind, *unit;
    const char *subject_kind, *subject;
    const guint8 *subject_uuid;
    const char *thing; /* may be NULL */
    guint32 uid;       /* the client's user */
    const char *owner;
    gint64 started; /* Unix time, milliseconds */
    TaskState state;
    TaskProgress progress;
    guint64 speed; /* recent speed, units a second */
} TaskInfo;
void task_info(Task *t, TaskInfo *ret_info);
const char *task_state_word(TaskState state);
