/* Tasks: the register, their rows on disk, their end, and what becomes of those of an earlier
 * daemon. */
#include "core.h"

#include <string.h>

/* Between two looks at the speed that count. */
#define SPEED_US G_USEC_PER_SEC

typedef struct TaskRow {
    guint64 id;
    char *kind;
    char *subject_kind, *subject;
    guint8 subject_uuid[UUID_LEN];
    char *thing;
    guint32 uid;
    char *owner;
    gint64 started;
    int state;
} TaskRow;

struct Task {
    Object obj;
    const TaskKind *kind;
    TaskRow row;
    gpointer user;
    FlowDone done;
    gint64 looked; /* monotonic: when its progress was seen last, for the speed */
    guint64 seen;
    guint64 speed;
    gboolean ended;
};

static const ObjectKind task_kind = { "task", "tasks", "VMD_TASK" };
/* Of a ledger whose row is lost: what is undone, its lines say themselves. */
static const TaskKind lost_kind = { "lost", "bytes" };

static char *folder;     /* NULL: in memory alone */
static GPtrArray *tasks; /* by number; holds a reference on each */
static guint64 last_id;

/* ---- the row */

static const char *const states[] = { NULL, "running", "aborting", "undoing", NULL };

static const Field row_fields[] = {
    ROW(TaskRow, "id", F_U64, id, F_REQUIRED, NULL, "Its number."),
    ROW(TaskRow, "kind", F_STRING, kind, F_REQUIRED, NULL, "What is done."),
    ROW(TaskRow, "subject-kind", F_STRING, subject_kind, F_REQUIRED, NULL, "Kind of object."),
    ROW(TaskRow, "subject", F_STRING, subject, F_REQUIRED, NULL, "Name of the object."),
    ROW(TaskRow, "subject-uuid", F_UUID, subject_uuid, F_REQUIRED, NULL, "UUID of the object."),
    ROW(TaskRow, "thing", F_STRING, thing, 0, NULL, "What of the object it is about."),
    ROW(TaskRow, "uid", F_U32, uid, F_ALWAYS, NULL, "User who asked for it."),
    ROW(TaskRow, "owner", F_STRING, owner, 0, NULL, "Client that asked for it."),
    ROW(TaskRow, "started", F_I64, started, F_ALWAYS, NULL, "Unix time in milliseconds."),
    ROW(TaskRow, "state", F_ENUM, state, F_REQUIRED, states, "How it stands."),
    ROW_END,
};
static const Schema row_schema = { "task", sizeof(TaskRow), row_fields };

static char *
row_path(const char *uuid)
{
    return folder ? g_strdup_printf("%s/%s.json", folder, uuid) : NULL;
}

static char *
path_of(const Task *t)
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(t->obj.uuid, uuid);
    return row_path(uuid);
}

static gboolean
save(const Task *t, GError **err)
{
    g_autofree char *path = path_of(t);
    json_object *o = schema_to_json(&row_schema, &t->row, 0);
    gboolean ok = !path || json_file_write(path, o, err);

    json_object_put(o);
    return ok;
}

/* A state that cannot be written costs a later daemon one word of its log. */
static void
enter(Task *t, TaskState state)
{
    g_autoptr(GError) err = NULL;

    t->row.state = (int)state;
    if (!save(t, &err))
        log_warning("task %s: %s", t->obj.name, err->message);
}

/* ---- coming and going */

static void
task_free(Object *o)
{
    Task *t = (Task *)o;

    schema_done(&row_schema, &t->row);
    object_done(o);
    g_free(t);
}

/* Takes what is in the row. */
static Task *
task_new(const TaskKind *kind, const guint8 uuid[UUID_LEN], const TaskRow *row)
{
    g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT " (%s)", row->id, row->kind);
    Task *t = g_new0(Task, 1);

    object_init(&t->obj, &task_kind, name, uuid, task_free);
    t->kind = kind;
    t->row = *row;
    t->looked = g_get_monotonic_time();
    last_id = MAX(last_id, row->id);
    if (!tasks)
        tasks = g_ptr_array_new_with_free_func(object_unref);
    g_ptr_array_add(tasks, t);
    return t;
}

static gboolean
is_about(const Task *t, const Object *subject)
{
    return memcmp(t->row.subject_uuid, subject->uuid, UUID_LEN) == 0 &&
           strcmp(t->row.subject_kind, subject->kind->name) == 0;
}

static gboolean
there_is_room(const Object *subject, GError **err)
{
    guint same = 0;

    EACH (const Task, t, tasks)
        same += is_about(t, subject);
    if (same >= TASKS_OF_ONE)
        return fail(err, ERR_OPERATION_FAILED,
                    "%s '%s' has %u tasks already; wait until one is done", subject->kind->name,
                    subject->name, same);
    return list_length(tasks) < TASKS_OF_ALL ||
           fail(err, ERR_OPERATION_FAILED, "there are %d tasks already; wait until one is done",
                TASKS_OF_ALL);
}

Task *
task_begin(const TaskSpec *spec, GError **err)
{
    guint8 uuid[UUID_LEN];
    TaskRow row = { 0 };
    Task *t;

    if (!there_is_room(spec->subject, err))
        return NULL;
    row = (TaskRow){
        .id = last_id + 1,
        .kind = g_strdup(spec->kind->word),
        .subject_kind = g_strdup(spec->subject->kind->name),
        .subject = g_strdup(spec->subject->name),
        .thing = g_strdup(spec->thing),
        .uid = spec->who.uid,
        .owner = g_strdup(spec->who.words),
        .started = g_get_real_time() / 1000,
        .state = TASK_RUNNING,
    };
    memcpy(row.subject_uuid, spec->subject->uuid, UUID_LEN);
    uuid_make(uuid);
    t = task_new(spec->kind, uuid, &row);
    t->user = spec->user;
    if (save(t, err))
        return t;
    g_ptr_array_remove(tasks, t);
    return NULL;
}

void
task_end(Task *t)
{
    g_autofree char *path = path_of(t);
    g_autoptr(GError) err = NULL;

    if (t->ended)
        return;
    t->ended = TRUE;
    claims_drop(OWNER(t));
    if (path && !file_remove(path, &err))
        log_warning("task %s: %s", t->obj.name, err->message);
    g_ptr_array_remove(tasks, t);
}

static void
on_run(gpointer o, const GError *err, gpointer user)
{
    Task *t = object_ref(o);

    task_end(t);
    t->done(t, err, user);
    object_unref(t);
}

void
task_run(Task *t, FlowDone done)
{
    const JobSpec spec = {
        .kind = JOB_CHANGE, .what = t->kind->word, .owner = t->row.owner, .user = t->user
    };

    t->done = done;
    object_run(t, &spec, t->kind->table, on_run);
}

gboolean
task_abort(Task *t, const TaskOwner *who, GError **err)
{
    g_autofree char *why = g_strdup_printf("task '%s' was aborted by %s", t->obj.name, who->words);
    g_autoptr(GError) end = NULL;
    gboolean ok = TRUE;

    if (t->row.state != TASK_RUNNING)
        return fail(err, ERR_OPERATION_INVALID, "task '%s' is being undone already", t->obj.name);
    if (!t->kind->table && !t->kind->abort)
        return fail(err, ERR_OPERATION_INVALID, "task '%s' cannot be aborted", t->obj.name);
    log_info("%s", why);
    object_ref(t);
    enter(t, TASK_ABORTING);
    fail(&end, ERR_ABORTED, "%s", why);
    if (t->kind->table)
        ok = job_cancel(object_jobs(t), why, err);
    else
        t->kind->abort(t, t->user, end);
    object_unref(t);
    return ok;
}

/* ---- those of an earlier daemon */

static void
on_undone(gpointer o, const GError *err, gpointer user)
{
    task_end(o);
}

/* What is to be undone stands in the ledger, also where the row is lost. There is nothing where the
 * flow was finished, or had not begun. */
static void
undo(Task *t)
{
    const JobSpec spec = { .kind = JOB_STOP, .what = t->row.kind, .owner = t->row.owner };
    gboolean loose = ledger_loose(object_ledger(t), NULL);

    log_warning("task %s of %s '%s'%s%s%s, of %s, has ended with its daemon%s", t->obj.name,
                t->row.subject_kind, t->row.subject, t->row.thing ? ": '" : "",
                t->row.thing ? t->row.thing : "", t->row.thing ? "'" : "",
                t->row.owner ? t->row.owner : "somebody", loose ? " and is undone" : "");
    enter(t, TASK_UNDOING);
    object_recover(t, &spec, on_undone);
}

static const TaskKind *
kind_among(const TaskKind *const *kinds, const char *word)
{
    for (; *kinds; kinds++)
        if (strcmp((*kinds)->word, word) == 0)
            return *kinds;
    return NULL;
}

/* NULL: it cannot be read, and was set aside. */
static TaskRow *
read_row(const char *uuid)
{
    g_autofree char *path = row_path(uuid);
    g_autoptr(GError) err = NULL;
    json_object *o = json_file_read(path, &err);
    TaskRow *row = o ? schema_from_json(&row_schema, o, 0, &err) : NULL;

    json_object_put(o);
    if (err)
        file_set_aside(path, err->message);
    return row;
}

static gboolean
is_known(const guint8 uuid[UUID_LEN])
{
    EACH (const Task, t, tasks)
        if (memcmp(t->obj.uuid, uuid, UUID_LEN) == 0)
            return TRUE;
    return FALSE;
}

static void
recover(const TaskKind *const *kinds, const char *name)
{
    guint8 uuid[UUID_LEN];
    TaskRow *row = uuid_parse(name, uuid) && !is_known(uuid) ? read_row(name) : NULL;
    const TaskKind *kind = row ? kind_among(kinds, row->kind) : NULL;
    Task *t;

    if (!kind) {
        schema_free(&row_schema, row);
        return;
    }
    t = task_new(kind, uuid, row);
    g_free(row); /* the task has what was in it */
    if (t->row.state != TASK_RUNNING || !kind->adopt || !kind->adopt(t))
        undo(t);
}

static void
each_name(const char *suffix, void (*look)(const TaskKind *const *kinds, const char *name),
          const TaskKind *const *kinds)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GPtrArray) names = folder ? state_names(folder, suffix, &err) : NULL;

    for (guint i = 0; names && i < names->len; i++)
        look(kinds, names->pdata[i]);
    if (err)
        log_warning("tasks: %s", err->message);
}

void
tasks_recover(const TaskKind *const *kinds)
{
    each_name(".json", recover, kinds);
}

static void
set_aside(const TaskKind *const *kinds, const char *name)
{
    g_autofree char *path = row_path(name);
    guint8 uuid[UUID_LEN];

    if (!uuid_parse(name, uuid) || !is_known(uuid))
        file_set_aside(path, "it is of no task that this daemon knows");
}

static void
undo_lost(const TaskKind *const *kinds, const char *name)
{
    guint8 uuid[UUID_LEN];
    TaskRow row;

    if (!uuid_parse(name, uuid) || is_known(uuid))
        return;
    row = (TaskRow){ .id = last_id + 1,
                     .kind = g_strdup(lost_kind.word),
                     .subject_kind = g_strdup("object"),
                     .subject = g_strdup("?"),
                     .started = g_get_real_time() / 1000 };
    undo(task_new(&lost_kind, uuid, &row));
}

void
tasks_settle(void)
{
    each_name(".json", set_aside, NULL);
    each_name(".ledger", undo_lost, NULL);
}

gboolean
tasks_init(const Paths *paths, GError **err)
{
    g_free(folder);
    folder = g_build_filename(paths->run, task_kind.folder, NULL);
    if (!dir_make(folder, 0700, err))
        return FALSE;
    dir_sweep(folder);
    return TRUE;
}

/* ---- asking */

void
task_set_user(Task *t, gpointer user)
{
    t->user = user;
}

gpointer
task_user(const Task *t)
{
    return t->user;
}

Task *
task_find(guint64 id, GError **err)
{
    EACH (Task, t, tasks)
        if (t->row.id == id)
            return t;
    fail(err, ERR_INVALID_ARG, "there is no task %" G_GUINT64_FORMAT, id);
    return NULL;
}

Task *
task_holding(const Object *subject)
{
    EACH (Task, t, tasks)
        if (t->kind->holds && is_about(t, subject))
            return t;
    return NULL;
}

GPtrArray *
task_list(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(object_unref);

    EACH (Task, t, tasks)
        g_ptr_array_add(list, object_ref(t));
    return list;
}

/* Work that goes on in another part counts from there. */
static void
look_at_speed(Task *t, guint64 done)
{
    gint64 now = g_get_monotonic_time(), passed = MAX(now - t->looked, 1);

    if (done < t->seen) {
        t->seen = done;
        t->looked = now;
    } else if (passed >= SPEED_US || t->speed == 0) {
        t->speed = (guint64)((double)(done - t->seen) * G_USEC_PER_SEC / (double)passed);
    }
    if (passed >= SPEED_US) {
        t->seen = done;
        t->looked = now;
    }
}

void
task_info(Task *t, TaskInfo *ret_info)
{
    TaskProgress progress = { 0 };

    if (t->user && t->kind->look)
        t->kind->look(t->user, &progress);
    look_at_speed(t, progress.done);
    *ret_info = (TaskInfo){
        .id = t->row.id,
        .kind = t->row.kind,
        .unit = t->kind->unit,
        .subject_kind = t->row.subject_kind,
        .subject = t->row.subject,
        .subject_uuid = t->row.subject_uuid,
        .thing = t->row.thing,
        .uid = t->row.uid,
        .owner = t->row.owner,
        .started = t->row.started,
        .state = (TaskState)t->row.state,
        .progress = progress,
        .speed = t->speed,
    };
}

const char *
task_state_word(TaskState state)
{
    return word_of(states, (int)state);
}
