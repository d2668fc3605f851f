/* Flows: step tables with undo. The driver runs rows downwards, enters them in the ledger, and
 * reads it upwards.
 */
#include "ledger.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

struct Flow {
    const FlowTable *table; /* NULL: only unwinds */
    Object *obj;            /* referenced */
    Ledger *ledger;         /* the object's */
    FlowDone done;
    gpointer user;
    Job *job;        /* that ends with the flow; NULL: done is called */
    guint at;        /* row that runs */
    guint64 no;      /* in the ledger; 0: it has no line yet */
    Rows undo_rows;  /* what it undoes */
    char *undo_key;  /* of ROWS_OF_KEY */
    guint64 undo_no; /* the line whose undo runs; 0: none */
    gboolean undoing;
    gboolean noted;  /* the running row has its own line in the ledger */
    gboolean busy;   /* a row's function is on the stack */
    gboolean again;  /* after the wait the row is asked again */
    FlowToken token; /* what the row waits for; 0: nothing */
    GError *why;     /* first failure */
    GError *outcome; /* failure brought by a wake or a cancel while the row was busy */
};

/* ---- tables */

static GPtrArray *tables;

void
flow_register(const FlowTable *table)
{
    if (!tables)
        tables = g_ptr_array_new();
    if (!g_ptr_array_find(tables, table, NULL))
        g_ptr_array_add(tables, (gpointer)table);
}

void
flow_list(void (*each)(const FlowTable *table, const Step *step, gpointer user), gpointer user)
{
    for (guint i = 0; tables && i < tables->len; i++) {
        const FlowTable *t = tables->pdata[i];
        for (const Step *s = t->steps; s->name; s++)
            each(t, s, user);
    }
}

const FlowTable *
flow_find(const char *table)
{
    for (guint i = 0; tables && i < tables->len; i++)
        if (strcmp(((const FlowTable *)tables->pdata[i])->name, table) == 0)
            return tables->pdata[i];
    return NULL;
}

/* ---- faults, for tests */

typedef enum FaultHow {
    FAULT_NONE,
    FAULT_BEFORE,
    FAULT_AFTER,
    FAULT_CANCEL,
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
    FAULT_KILL_INTENT,
    FAULT_KILL_FACT,
    FAULT_KILL_COMMIT,
    FAULT_UNDO_KILL,
} FaultHow;

static const char *const fault_words[] = { NULL,          "before",     "after",       "cancel",
                                           "kill-before", "kill-after", "kill-intent", "kill-fact",
                                           "kill-commit", "undo-kill",  NULL };

typedef struct Fault {
    const FlowTable *table;
    const Step *step;
    FaultHow how; /* FAULT_NONE: not set, or it has struck */
} Fault;

/* One that fails a row, and one that strikes in its undo. */
static Fault faults[2];

static gboolean
fault_find_step(Fault *f, const char *name)
{
    const char *slash = strchr(name, '/');
    g_autofree char *table = slash ? g_strndup(name, slash - name) : NULL;

    f->table = table ? flow_find(table) : NULL;
    for (f->step = f->table ? f->table->steps : NULL; f->step; f->step++) {
        if (!f->step->name)
            return FALSE;
        if (strcmp(f->step->name, slash + 1) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
fault_read(Fault *f, const char *spec, GError **err)
{
    g_autofree char *name = g_strdup(spec);
    char *colon = strrchr(name, ':');

    if (!colon)
        return fail(err, ERR_INVALID_ARG, "fault '%s' is not TABLE/STEP:HOW", spec);
    *colon = '\0';
    if (!fault_find_step(f, name))
        return fail(err, ERR_INVALID_ARG, "fault '%s': there is no step '%s'", spec, name);
    for (int how = 1; fault_words[how]; how++)
        if (strcmp(fault_words[how], colon + 1) == 0)
            f->how = (FaultHow)how;
    return f->how != FAULT_NONE ||
           fail(err, ERR_INVALID_ARG, "fault '%s': unknown kind '%s'", spec, colon + 1);
}

gboolean
flow_set_fault(const char *spec, GError **err)
{
    g_auto(GStrv) specs = g_strsplit(spec, ",", -1);

    memset(faults, 0, sizeof faults);
    if (g_strv_length(specs) > G_N_ELEMENTS(faults))
        return fail(err, ERR_INVALID_ARG, "'%s': too many faults", spec);
    for (int i = 0; specs[i]; i++) {
        if (!fault_read(&faults[i], specs[i], err)) {
            memset(faults, 0, sizeof faults);
            return FALSE;
        }
    }
    return TRUE;
}

/* Whether a fault strikes here; it strikes once. */
static gboolean
faulty(const Step *step, FaultHow how)
{
    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
        Fault *f = &faults[i];
        if (f->how != how || f->step != step)
            continue;
        log_warning("fault: %s/%s: %s", f->table->name, step->name, fault_words[how]);
        f->how = FAULT_NONE;
        return TRUE;
    }
    return FALSE;
}

static void
die_if_faulty(const Step *step, FaultHow how)
{
    if (faulty(step, how))
        kill(getpid(), SIGKILL);
}

/* ---- lines in the ledger */

static const Step *
step_at(const Flow *f)
{
    return &f->table->steps[f->at];
}

gboolean
flow_note(Flow *f, const char *key, const char *const *words, GError **err)
{
    const Step *step = step_at(f);
    gboolean known;

    g_assert(f->busy && !f->undoing && step->undo);
    if (key && !key[0]) /* an empty key would mean the row's own line */
        return fail(err, ERR_INVALID_ARG, "%s: a thing without a name", step->name);
    key = key ? key : "";
    known = f->no && ledger_find(f->ledger, f->no, step, key);
    if (known)
        die_if_faulty(step, FAULT_KILL_FACT);
    if (!ledger_note(f->ledger, &f->no, f->table, step, key, words, err))
        return FALSE;
    if (!known)
        die_if_faulty(step, FAULT_KILL_INTENT);
    return TRUE;
}

/* The line of a row that has only one. */
static gboolean
note_row(Flow *f, GError **err)
{
    const Step *step = step_at(f);
    static const char *const none[] = { NULL };

    if (!step->undo || step->flags & STEP_KEYED || f->noted)
        return TRUE;
    f->noted = ledger_note(f->ledger, &f->no, f->table, step, "", none, err);
    if (f->noted)
        die_if_faulty(step, FAULT_KILL_INTENT);
    return f->noted;
}

const char *
flow_key(const Flow *f)
{
    const LedgerRow *row = ledger_at(f->ledger, f->undo_no);

    return row && row->key[0] ? row->key : NULL;
}

const char *
flow_word(const Flow *f, guint index)
{
    const LedgerRow *row = ledger_at(f->ledger, f->undo_no);

    return row && index < g_strv_length(row->words) ? row->words[index] : NULL;
}

/* ---- waiting */

static GHashTable *waiting; /* FlowToken -> Flow */
static FlowToken last_token;

static FlowToken
wait_for(Flow *f, gboolean again)
{
    g_assert(f->busy && !f->token);
    if (!waiting)
        waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    f->token = ++last_token;
    f->again = again;
    g_hash_table_insert(waiting, g_memdup2(&f->token, sizeof f->token), f);
    return f->token;
}

FlowToken
flow_wait(Flow *f)
{
    return wait_for(f, FALSE);
}

FlowToken
flow_wait_again(Flow *f)
{
    return wait_for(f, TRUE);
}

static void
stop_waiting(Flow *f)
{
    if (f->token)
        g_hash_table_remove(waiting, &f->token);
    f->token = 0;
}

gboolean
flow_waits(FlowToken token)
{
    return waiting && g_hash_table_contains(waiting, &token);
}

/* ---- the driver */

/* Logs each row of a flow at level debug, with its time and its undo. */
static void
tell_row(const Flow *f, const Step *step, const char *became, const GError *err)
{
    const char *job = f->job ? job_what(f->job) : f->table ? f->table->name : "undo";
    char uuid[UUID_TEXT_LEN];
    const LogField fields[] = {
        { f->obj->kind->field, f->obj->name },
        { "VMD_UUID", uuid },
        { "VMD_JOB", job },
        { "VMD_STEP", step->name },
        { "VMD_OWNER", f->job ? job_owner(f->job) : NULL },
        { NULL, NULL },
    };

    uuid_format(f->obj->uuid, uuid);
    log_event(__FILE__, LOG_LEVEL_DEBUG, NULL, fields, "%s '%s': %s: %s: %s%s%s",
              f->obj->kind->name, f->obj->name, job, step->name, became, err ? ": " : "",
              err ? err->message : "");
}

static void
start_undo(Flow *f, GError *why)
{
    f->undoing = TRUE;
    f->again = FALSE;
    f->why = why;
}

/* The undo of a line has finished, and counts as done whatever happens. */
static void
settle_undo(Flow *f)
{
    g_autoptr(GError) outcome = g_steal_pointer(&f->outcome);

    if (outcome)
        log_warning("undo of %s '%s': %s", f->obj->kind->name, f->obj->name, outcome->message);
    if (!f->again) {
        const Step *step = ledger_at(f->ledger, f->undo_no)->step;
        tell_row(f, step, "undone", NULL);
        die_if_faulty(step, FAULT_UNDO_KILL);
        ledger_undone(f->ledger, f->undo_no);
        f->undo_no = 0;
    }
    f->again = FALSE;
}

/* The row at f->at has finished, well or (outcome set) badly. */
static void
settle_row(Flow *f)
{
    GError *outcome = g_steal_pointer(&f->outcome);

    if (!outcome && f->again) {
        f->again = FALSE;
        return;
    }
    if (!outcome) {
        const Step *step = step_at(f);
        die_if_faulty(step, FAULT_KILL_AFTER);
        if (faulty(step, FAULT_AFTER))
            fail(&outcome, ERR_INTERNAL, "fault after '%s'", step->name);
    }
    tell_row(f, step_at(f), outcome ? "failed" : "done", outcome);
    if (outcome) {
        start_undo(f, outcome);
        return;
    }
    f->at++;
    f->noted = FALSE;
}

static void
settle(Flow *f)
{
    if (f->undoing)
        settle_undo(f);
    else
        settle_row(f);
}

/* Calls one row's run or undo. TRUE: it finished; FALSE: it waits. */
static gboolean
call_row(Flow *f, const Step *step)
{
    StepResult result;

    f->busy = TRUE;
    if (f->undoing)
        result = step->undo(f, f->obj);
    else
        result = step->run(f, f->obj, &f->outcome);
    f->busy = FALSE;
    if (result == STEP_WAIT)
        return f->token == 0; /* woken, or cancelled, before it returned */
    stop_waiting(f);
    f->again = FALSE;
    g_assert(f->undoing || (result == STEP_FAILED) == (f->outcome != NULL));
    return TRUE;
}

/* TRUE: there may be more to do; FALSE: the row waits or the flow is over. */
static gboolean
do_row(Flow *f)
{
    const Step *step = step_at(f);
    gboolean finished;

    if (!note_row(f, &f->outcome)) {
        start_undo(f, g_steal_pointer(&f->outcome));
        return TRUE;
    }
    die_if_faulty(step, FAULT_KILL_BEFORE);
    if (faulty(step, FAULT_BEFORE)) {
        fail(&f->outcome, ERR_INTERNAL, "fault before '%s'", step->name);
        settle(f);
        return TRUE;
    }
    finished = call_row(f, step);
    if (faulty(step, FAULT_CANCEL)) {
        stop_waiting(f);
        g_clear_error(&f->outcome);
        fail(&f->outcome, ERR_ABORTED, "cancelled at '%s'", step->name);
        finished = TRUE;
    }
    if (finished)
        settle(f);
    return finished;
}

/* The line to undo: the one that was begun, else the newest. NULL: there is none left. */
static const LedgerRow *
find_undo(Flow *f)
{
    const LedgerRow *row = NULL;

    if (f->undo_no)
        row = ledger_at(f->ledger, f->undo_no);
    else if (f->undo_rows != ROWS_OF_FLOW || f->no)
        row = ledger_newest(f->ledger, f->undo_rows, f->no, f->undo_key);
    f->undo_no = row ? row->no : 0;
    return row;
}

static gboolean
undo_row(Flow *f, const Step *step)
{
    gboolean finished = call_row(f, step);

    if (finished)
        settle(f);
    return finished;
}

/* All rows are done. FALSE: the ledger cannot say so, and they are undone. */
static gboolean
commit(Flow *f)
{
    GError *err = NULL;

    if (!ledger_commit(f->ledger, f->no, &err)) {
        start_undo(f, err);
        return FALSE;
    }
    if (f->at > 0)
        die_if_faulty(&f->table->steps[f->at - 1], FAULT_KILL_COMMIT);
    return TRUE;
}

static void
finish(Flow *f)
{
    Object *o = f->obj;

    o->flow = NULL;
    if (f->job)
        job_end(f->job, f->why);
    else if (f->done)
        f->done(o, f->why, f->user);
    g_clear_error(&f->why);
    g_free(f->undo_key);
    g_free(f);
    object_unref(o);
}

static void
advance(Flow *f)
{
    const LedgerRow *row;

    for (;;) {
        if (!f->undoing && f->table->steps[f->at].name) {
            if (!do_row(f))
                return;
        } else if (!f->undoing) {
            if (commit(f))
                break;
        } else if ((row = find_undo(f))) {
            if (!undo_row(f, row->step))
                return;
        } else {
            break;
        }
    }
    finish(f);
}

static Flow *
flow_new(const FlowTable *table, gpointer o, FlowDone done, gpointer user)
{
    Object *obj = o;
    Flow *f = g_new0(Flow, 1);

    g_assert(!obj->flow);
    f->table = table;
    f->obj = object_ref(obj);
    f->ledger = object_ledger(obj);
    f->done = done;
    f->user = user;
    f->undo_rows = ROWS_OF_FLOW;
    obj->flow = f;
    return f;
}

static Flow *
flow_new_undo(Rows rows, const char *key, gpointer o, FlowDone done, gpointer user)
{
    Flow *f = flow_new(NULL, o, done, user);

    f->undoing = TRUE;
    f->undo_rows = rows;
    f->undo_key = g_strdup(key);
    if (rows == ROWS_ALL)
        ledger_unwind(f->ledger);
    return f;
}

void
flow_run(const FlowTable *table, gpointer o, FlowDone done, gpointer user)
{
    advance(flow_new(table, o, done, user));
}

void
flow_unwind(gpointer o, FlowDone done, gpointer user)
{
    advance(flow_new_undo(ROWS_ALL, NULL, o, done, user));
}

void
flow_unwind_key(gpointer o, const char *key, FlowDone done, gpointer user)
{
    advance(flow_new_undo(ROWS_OF_KEY, key, o, done, user));
}

void
flow_recover(gpointer o, FlowDone done, gpointer user)
{
    advance(flow_new_undo(ROWS_LOOSE, NULL, o, done, user));
}

void
flow_wake(FlowToken token, const GError *err)
{
    Flow *f = waiting ? g_hash_table_lookup(waiting, &token) : NULL;

    if (!f)
        return;
    stop_waiting(f);
    f->outcome = err ? g_error_copy(err) : NULL;
    if (f->busy)
        return;
    settle(f);
    advance(f);
}

void
flow_cancel(Flow *f, Err code, const char *why)
{
    if (f->undoing)
        return;
    stop_waiting(f);
    g_clear_error(&f->outcome);
    fail(&f->outcome, code, "%s", why);
    if (f->busy)
        return;
    settle(f);
    advance(f);
}

const char *
flow_step(const Flow *f)
{
    const LedgerRow *row;

    if (!f->undoing)
        return step_at(f)->name;
    row = ledger_at(f->ledger, f->undo_no);
    return row ? row->step->name : NULL;
}

gboolean
flow_undoing(const Flow *f)
{
    return f->undoing;
}

gpointer
flow_user(const Flow *f)
{
    return f->user;
}

/* ---- flows that are jobs */

typedef struct ObjectChange {
    Flow *(*begin)(const struct ObjectChange *c, Object *o);
    const FlowTable *table;
    char *key; /* of begin_unwind_key */
    FlowDone done;
    gpointer user;
} ObjectChange;

static Flow *
begin_table(const ObjectChange *c, Object *o)
{
    return flow_new(c->table, o, NULL, c->user);
}

static Flow *
begin_unwind(const ObjectChange *c, Object *o)
{
    return flow_new_undo(ROWS_ALL, NULL, o, NULL, c->user);
}

static Flow *
begin_unwind_key(const ObjectChange *c, Object *o)
{
    return flow_new_undo(ROWS_OF_KEY, c->key, o, NULL, c->user);
}

static Flow *
begin_recover(const ObjectChange *c, Object *o)
{
    return flow_new_undo(ROWS_LOOSE, NULL, o, NULL, c->user);
}

static gboolean
on_change_run(Job *j, gpointer o, GError **err)
{
    const ObjectChange *c = job_user(j);
    Flow *f = c->begin(c, o);

    f->job = j;
    advance(f);
    return TRUE;
}

static void
on_change_cancel(Job *j, gpointer o, Err code, const char *why)
{
    Flow *f = ((Object *)o)->flow;

    if (f)
        flow_cancel(f, code, why);
}

static void
on_change_done(Job *j, gpointer o, const GError *err)
{
    g_autofree ObjectChange *c = job_user(j);

    if (c->done)
        c->done(o, err, c->user);
    g_free(c->key);
}

static void
submit(gpointer o, const JobSpec *spec, ObjectChange change, FlowDone done)
{
    ObjectChange *c = g_memdup2(&change, sizeof change);
    g_autoptr(GError) err = NULL;
    JobSpec job = *spec;

    c->done = done;
    c->user = spec->user;
    job.run = on_change_run;
    job.cancel = on_change_cancel;
    job.done = on_change_done;
    job.user = c;
    if (job_submit(object_jobs(o), &job, &err))
        return;
    if (done)
        done(o, err, spec->user);
    g_free(c->key);
    g_free(c);
}

void
object_run(gpointer o, const JobSpec *spec, const FlowTable *table, FlowDone done)
{
    submit(o, spec, (ObjectChange){ .begin = begin_table, .table = table }, done);
}

void
object_unwind(gpointer o, const JobSpec *spec, FlowDone done)
{
    submit(o, spec, (ObjectChange){ .begin = begin_unwind }, done);
}

void
object_unwind_key(gpointer o, const JobSpec *spec, const char *key, FlowDone done)
{
    submit(o, spec, (ObjectChange){ .begin = begin_unwind_key, .key = g_strdup(key) }, done);
}

void
object_recover(gpointer o, const JobSpec *spec, FlowDone done)
{
    submit(o, spec, (ObjectChange){ .begin = begin_recover }, done);
}
