/* Flows: step tables with undo, and the ledgers that remember what was done.
 *
 * A ledger on disk is a log of three kinds of lines, appended with one write(2) each:
 *     +TABLE/STEP     the row is about to take effect
 *     =DETAIL         words for the newest row's undo
 *     -INDEX          the row at that place was undone
 * A last line without its newline was never finished and is ignored. /run is memory, so nothing is
 * fsynced: the ledger must outlive the daemon, not the machine.
 */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct Row {
    const FlowTable *table;
    const Step *step;
    char *detail;
} Row;

struct Ledger {
    char *path; /* NULL: in memory only */
    int fd;     /* -1 until something is written */
    GArray *rows;
};

struct Flow {
    const FlowTable *table; /* NULL: only unwinds */
    Ledger *ledger;
    gpointer obj;
    FlowDone done;
    gpointer user;
    Flow **slot; /* the owner's pointer to this flow, or NULL */
    guint at;    /* row that runs */
    guint floor; /* rows of the ledger below this were there before */
    gboolean undoing;
    gboolean noted;  /* the running row is in the ledger */
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
flow_list(void (*each)(const char *table, const Step *step, gpointer user), gpointer user)
{
    for (guint i = 0; tables && i < tables->len; i++) {
        const FlowTable *t = tables->pdata[i];
        for (const Step *s = t->steps; s->name; s++)
            each(t->name, s, user);
    }
}

static gboolean
find_step(const char *name, Row *ret_row)
{
    const char *slash = strchr(name, '/');

    for (guint i = 0; slash && tables && i < tables->len; i++) {
        const FlowTable *t = tables->pdata[i];
        if (strncmp(t->name, name, slash - name) != 0 || t->name[slash - name] != '\0')
            continue;
        for (const Step *s = t->steps; s->name; s++) {
            if (strcmp(s->name, slash + 1) == 0) {
                *ret_row = (Row){ .table = t, .step = s };
                return TRUE;
            }
        }
    }
    return FALSE;
}

/* ---- faults, for tests */

typedef enum FaultHow {
    FAULT_NONE,
    FAULT_BEFORE,
    FAULT_AFTER,
    FAULT_CANCEL,
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
    FAULT_UNDO_KILL,
} FaultHow;

static const char *const fault_words[] = { NULL,          "before",     "after",     "cancel",
                                           "kill-before", "kill-after", "undo-kill", NULL };

static struct {
    Row at;
    FaultHow how;
} fault;

gboolean
flow_set_fault(const char *spec, GError **err)
{
    g_autofree char *name = g_strdup(spec);
    char *colon = strrchr(name, ':');

    if (!colon)
        return fail(err, ERR_INVALID_ARG, "fault '%s' is not TABLE/STEP:HOW", spec);
    *colon = '\0';
    if (!find_step(name, &fault.at))
        return fail(err, ERR_INVALID_ARG, "fault '%s': there is no step '%s'", spec, name);
    for (int how = 1; fault_words[how]; how++)
        if (strcmp(fault_words[how], colon + 1) == 0)
            fault.how = (FaultHow)how;
    if (fault.how == FAULT_NONE)
        return fail(err, ERR_INVALID_ARG, "fault '%s': unknown kind '%s'", spec, colon + 1);
    return TRUE;
}

/* Whether the fault strikes here; it strikes once. */
static gboolean
faulty(const Step *step, FaultHow how)
{
    if (fault.how != how || fault.at.step != step)
        return FALSE;
    log_warning("fault: %s/%s: %s", fault.at.table->name, step->name, fault_words[how]);
    fault.how = FAULT_NONE;
    return TRUE;
}

static void
die_if_faulty(const Step *step, FaultHow how)
{
    if (faulty(step, how))
        kill(getpid(), SIGKILL);
}

/* ---- ledger */

static void
row_done(gpointer data)
{
    g_free(((Row *)data)->detail);
}

static void
replay_line(Ledger *l, char *line)
{
    Row row = { 0 };

    switch (line[0]) {
    case '+':
        if (find_step(line + 1, &row))
            g_array_append_val(l->rows, row);
        else
            log_warning("%s: no step is called '%s'; nothing will undo it", l->path, line + 1);
        break;
    case '=':
        if (l->rows->len > 0) {
            Row *last = &g_array_index(l->rows, Row, l->rows->len - 1);
            g_free(last->detail);
            last->detail = g_strdup(line + 1);
        }
        break;
    case '-': {
        guint64 index = g_ascii_strtoull(line + 1, NULL, 10);
        if (index < l->rows->len)
            g_array_remove_index(l->rows, (guint)index);
        break;
    }
    }
}

Ledger *
ledger_open(const char *path, GError **err)
{
    g_autofree char *text = NULL;
    Ledger *l = g_new0(Ledger, 1);

    l->fd = -1;
    l->path = g_strdup(path);
    l->rows = g_array_new(FALSE, TRUE, sizeof(Row));
    g_array_set_clear_func(l->rows, row_done);
    if (path && access(path, F_OK) == 0) {
        char *line, *end;
        if (!file_read(path, 1 << 20, &text, NULL, err)) {
            ledger_free(l);
            return NULL;
        }
        for (line = text; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            replay_line(l, line);
        }
    }
    return l;
}

/* The file lives as long as rows are in it. */
static void
drop_file_if_empty(Ledger *l)
{
    if (l->rows->len > 0 || !l->path)
        return;
    fd_close(&l->fd);
    unlink(l->path);
}

void
ledger_free(Ledger *l)
{
    if (!l)
        return;
    drop_file_if_empty(l);
    fd_close(&l->fd);
    g_array_unref(l->rows);
    g_free(l->path);
    g_free(l);
}

static gboolean ledger_write(Ledger *l, GError **err, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

static gboolean
ledger_write(Ledger *l, GError **err, const char *fmt, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    if (!l->path)
        return TRUE;
    va_start(args, fmt);
    line = g_strdup_vprintf(fmt, args);
    va_end(args);
    if (l->fd < 0)
        l->fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (l->fd < 0 || write(l->fd, line, strlen(line)) != (gssize)strlen(line))
        return fail_errno(err, errno, "cannot write %s", l->path);
    return TRUE;
}

static gboolean
ledger_push(Ledger *l, const FlowTable *table, const Step *step, GError **err)
{
    Row row = { .table = table, .step = step };

    if (!ledger_write(l, err, "+%s/%s\n", table->name, step->name))
        return FALSE;
    g_array_append_val(l->rows, row);
    return TRUE;
}

static void
ledger_pop(Ledger *l)
{
    g_autoptr(GError) err = NULL;

    g_array_set_size(l->rows, l->rows->len - 1);
    /* Undone twice is harmless, so a full disk here is only worth a word. */
    if (l->rows->len > 0 && !ledger_write(l, &err, "-%u\n", l->rows->len))
        log_warning("%s", err->message);
    drop_file_if_empty(l);
}

static Row *
newest(const Ledger *l, const char *table, const char *step)
{
    for (guint i = l->rows->len; i-- > 0;) {
        Row *row = &g_array_index(l->rows, Row, i);
        if ((!table || strcmp(row->table->name, table) == 0) && strcmp(row->step->name, step) == 0)
            return row;
    }
    return NULL;
}

gboolean
ledger_empty(const Ledger *l)
{
    return l->rows->len == 0;
}

gboolean
ledger_has(const Ledger *l, const char *table, const char *step)
{
    return newest(l, table, step) != NULL;
}

const char *
ledger_detail(const Ledger *l, const char *table, const char *step)
{
    Row *row = newest(l, table, step);

    return row ? row->detail : NULL;
}

gboolean
flow_note(Flow *f, const char *detail, GError **err)
{
    Row *last = &g_array_index(f->ledger->rows, Row, f->ledger->rows->len - 1);

    g_assert(f->noted && !strchr(detail, '\n'));
    if (!ledger_write(f->ledger, err, "=%s\n", detail))
        return FALSE;
    g_free(last->detail);
    last->detail = g_strdup(detail);
    return TRUE;
}

const char *
flow_detail(const Flow *f)
{
    Ledger *l = f->ledger;

    return l->rows->len > 0 ? g_array_index(l->rows, Row, l->rows->len - 1).detail : NULL;
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

static void
start_undo(Flow *f, GError *why)
{
    f->undoing = TRUE;
    f->again = FALSE;
    f->why = why;
}

/* The row at f->at has finished, well or (outcome set) badly. */
static void
settle(Flow *f)
{
    GError *outcome = g_steal_pointer(&f->outcome);

    if (f->undoing) {
        if (outcome)
            log_warning("undo: %s", outcome->message);
        g_clear_error(&outcome);
        if (!f->again) {
            die_if_faulty(g_array_index(f->ledger->rows, Row, f->ledger->rows->len - 1).step,
                          FAULT_UNDO_KILL);
            ledger_pop(f->ledger);
        }
        f->again = FALSE;
        return;
    }
    if (!outcome && f->again) {
        f->again = FALSE;
        return;
    }
    if (!outcome) {
        const Step *step = &f->table->steps[f->at];
        die_if_faulty(step, FAULT_KILL_AFTER);
        if (faulty(step, FAULT_AFTER))
            fail(&outcome, ERR_INTERNAL, "fault after '%s'", step->name);
    }
    if (outcome) {
        start_undo(f, outcome);
        return;
    }
    f->at++;
    f->noted = FALSE;
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
    const Step *step = &f->table->steps[f->at];
    gboolean finished;

    if (step->undo && !f->noted) {
        if (!ledger_push(f->ledger, f->table, step, &f->outcome)) {
            start_undo(f, g_steal_pointer(&f->outcome));
            return TRUE;
        }
        f->noted = TRUE;
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

static gboolean
undo_row(Flow *f)
{
    Row *row = &g_array_index(f->ledger->rows, Row, f->ledger->rows->len - 1);
    gboolean finished = call_row(f, row->step);

    if (finished)
        settle(f);
    return finished;
}

static void
finish(Flow *f)
{
    if (f->slot)
        *f->slot = NULL;
    f->done(f->obj, f->why, f->user);
    g_clear_error(&f->why);
    g_free(f);
}

static void
advance(Flow *f)
{
    for (;;) {
        gboolean over = f->undoing ? f->ledger->rows->len <= f->floor
                                   : !f->table->steps[f->at].name;

        if (over) {
            finish(f);
            return;
        }
        if (!(f->undoing ? undo_row(f) : do_row(f)))
            return;
    }
}

static Flow *
flow_new(const FlowTable *table, Ledger *ledger, gpointer obj, FlowDone done, gpointer user,
         Flow **slot)
{
    Flow *f = g_new0(Flow, 1);

    f->table = table;
    f->ledger = ledger;
    f->obj = obj;
    f->done = done;
    f->user = user;
    f->slot = slot;
    if (slot)
        *slot = f;
    return f;
}

void
flow_run(const FlowTable *table, Ledger *ledger, gpointer obj, FlowDone done, gpointer user,
         Flow **slot)
{
    Flow *f = flow_new(table, ledger, obj, done, user, slot);

    f->floor = ledger->rows->len;
    advance(f);
}

void
flow_unwind(Ledger *ledger, gpointer obj, FlowDone done, gpointer user, Flow **slot)
{
    Flow *f = flow_new(NULL, ledger, obj, done, user, slot);

    f->undoing = TRUE;
    advance(f);
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
    Ledger *l = f->ledger;

    if (!f->undoing)
        return f->table->steps[f->at].name;
    return l->rows->len > 0 ? g_array_index(l->rows, Row, l->rows->len - 1).step->name : NULL;
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
