/* Flows: order, failure, cancel, waiting, ledgers on disk, faults. */
#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail /* ours, not cmocka's */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct World {
    GString *log;
    Ledger *ledger;
    Flow *flow;
    FlowToken token;
    int asked;      /* how often the polling row was asked */
    char *fails_at; /* step that fails */
    GError *err;
    gboolean done;
} World;

static StepResult
run_plain(Flow *f, gpointer obj, GError **err)
{
    World *w = obj;

    g_string_append_printf(w->log, "+%s ", flow_step(f));
    if (w->fails_at && strcmp(w->fails_at, flow_step(f)) == 0)
        return step_of(fail(err, ERR_OPERATION_FAILED, "%s broke", flow_step(f)));
    return STEP_DONE;
}

static StepResult
run_note(Flow *f, gpointer obj, GError **err)
{
    if (!flow_note(f, "vnet7", err))
        return STEP_FAILED;
    return run_plain(f, obj, err);
}

static StepResult
run_wait(Flow *f, gpointer obj, GError **err)
{
    World *w = obj;

    w->token = flow_wait(f);
    run_plain(f, obj, NULL);
    return STEP_WAIT;
}

static StepResult
run_poll(Flow *f, gpointer obj, GError **err)
{
    World *w = obj;

    if (++w->asked == 3)
        return run_plain(f, obj, err);
    w->token = flow_wait_again(f);
    return STEP_WAIT;
}

static StepResult
undo_plain(Flow *f, gpointer obj)
{
    World *w = obj;

    g_string_append_printf(w->log, "-%s", flow_step(f));
    if (flow_detail(f))
        g_string_append_printf(w->log, "(%s)", flow_detail(f));
    g_string_append_c(w->log, ' ');
    return STEP_DONE;
}

static StepResult
undo_wait(Flow *f, gpointer obj)
{
    World *w = obj;

    w->token = flow_wait(f);
    undo_plain(f, obj);
    return STEP_WAIT;
}

static const Step plain_steps[] = {
    { "one", run_plain, undo_plain },
    { "two", run_plain, NULL },
    { "three", run_note, undo_plain },
    { "four", run_plain, undo_plain },
    { 0 },
};
static const FlowTable plain = { "plain", plain_steps };

static const Step waiting_steps[] = {
    { "link", run_plain, undo_plain },
    { "spawn", run_wait, undo_wait },
    { "poll", run_poll, NULL },
    { "go", run_plain, NULL },
    { 0 },
};
static const FlowTable waiting_table = { "waiting", waiting_steps };

static void
on_done(gpointer obj, const GError *err, gpointer user)
{
    World *w = obj;

    assert_false(w->done);
    assert_null(w->flow);
    w->done = TRUE;
    w->err = err ? g_error_copy(err) : NULL;
}

static World *
world_new(const char *path)
{
    World *w = g_new0(World, 1);

    flow_register(&plain);
    flow_register(&waiting_table);
    w->log = g_string_new(NULL);
    w->ledger = ledger_open(path, NULL);
    assert_non_null(w->ledger);
    return w;
}

static void
world_free(World *w)
{
    g_string_free(w->log, TRUE);
    ledger_free(w->ledger);
    g_clear_error(&w->err);
    g_free(w);
}

static void
start(World *w, const FlowTable *table)
{
    w->done = FALSE;
    g_clear_error(&w->err);
    g_string_truncate(w->log, 0);
    flow_run(table, w->ledger, w, on_done, NULL, &w->flow);
}

static void
rows_run_downwards_and_unwind_upwards(void **state)
{
    World *w = world_new(NULL);

    start(w, &plain);
    assert_true(w->done);
    assert_null(w->err);
    assert_string_equal(w->log->str, "+one +two +three +four ");
    assert_true(ledger_has(w->ledger, "plain", "three"));
    assert_false(ledger_has(w->ledger, "plain", "two"));
    assert_string_equal(ledger_detail(w->ledger, NULL, "three"), "vnet7");

    w->done = FALSE;
    g_string_truncate(w->log, 0);
    flow_unwind(w->ledger, w, on_done, NULL, &w->flow);
    assert_true(w->done);
    assert_string_equal(w->log->str, "-four -three(vnet7) -one ");
    assert_true(ledger_empty(w->ledger));
    world_free(w);
}

static void
a_failing_row_is_undone_too(void **state)
{
    World *w = world_new(NULL);

    w->fails_at = "three";
    start(w, &plain);
    assert_true(w->done);
    assert_true(error_is(w->err, ERR_OPERATION_FAILED));
    assert_string_equal(w->log->str, "+one +two +three -three(vnet7) -one ");
    world_free(w);
}

static void
a_failure_unwinds_only_its_own_flow(void **state)
{
    World *w = world_new(NULL);

    start(w, &plain);
    w->fails_at = "one";
    start(w, &plain);
    assert_non_null(w->err);
    assert_string_equal(w->log->str, "+one -one ");
    assert_true(ledger_has(w->ledger, "plain", "four"));
    world_free(w);
}

static void
a_waiting_row_goes_on_when_woken(void **state)
{
    World *w = world_new(NULL);
    FlowToken old;

    start(w, &waiting_table);
    assert_false(w->done);
    assert_string_equal(flow_step(w->flow), "spawn");
    old = w->token;
    flow_wake(old, NULL);
    assert_string_equal(flow_step(w->flow), "poll");
    flow_wake(old, NULL); /* stale: nothing happens */
    assert_int_equal(w->asked, 1);
    flow_wake(w->token, NULL);
    flow_wake(w->token, NULL);
    assert_true(w->done);
    assert_null(w->err);
    assert_string_equal(w->log->str, "+link +spawn +poll +go ");
    world_free(w);
}

static void
a_cancel_fails_the_waiting_row_and_undo_may_wait(void **state)
{
    World *w = world_new(NULL);

    start(w, &waiting_table);
    flow_cancel(w->flow, ERR_ABORTED, "not wanted");
    assert_false(w->done);
    assert_true(flow_undoing(w->flow));
    flow_cancel(w->flow, ERR_ABORTED, "twice"); /* an undo cannot be cancelled */
    flow_wake(w->token, NULL);
    assert_true(w->done);
    assert_true(error_is(w->err, ERR_ABORTED));
    assert_string_equal(w->log->str, "+link +spawn -spawn -link ");
    world_free(w);
}

static void
a_wake_with_an_error_fails_the_row(void **state)
{
    World *w = world_new(NULL);
    g_autoptr(GError) err = NULL;

    start(w, &waiting_table);
    fail(&err, ERR_SYSTEM, "gone");
    flow_wake(w->token, err);
    flow_wake(w->token, err); /* the undo of spawn; its error is only logged */
    assert_true(error_is(w->err, ERR_SYSTEM));
    assert_true(ledger_empty(w->ledger));
    world_free(w);
}

/* ---- on disk */

static void
a_ledger_is_read_back_after_a_kill(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("vmd-flow-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ledger", NULL);
    World *w;
    int status;
    pid_t child = fork();

    if (child == 0) {
        w = world_new(path);
        flow_set_fault("plain/four:kill-after", NULL);
        start(w, &plain);
        _exit(1); /* not reached */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    w = world_new(path);
    assert_true(ledger_has(w->ledger, "plain", "four"));
    assert_string_equal(ledger_detail(w->ledger, "plain", "three"), "vnet7");
    flow_unwind(w->ledger, w, on_done, NULL, &w->flow);
    assert_string_equal(w->log->str, "-four -three(vnet7) -one ");
    world_free(w);
    assert_int_not_equal(access(path, F_OK), 0); /* an empty ledger leaves no file */
    g_rmdir(dir);
}

static void
a_torn_line_is_ignored(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("vmd-flow-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ledger", NULL);
    World *w;

    flow_register(&plain);
    g_file_set_contents(path, "+plain/one\n+plain/nowhere\n+plain/three\n=vn", -1, NULL);
    w = world_new(path);
    assert_true(ledger_has(w->ledger, "plain", "three"));
    assert_null(ledger_detail(w->ledger, "plain", "three"));
    flow_unwind(w->ledger, w, on_done, NULL, &w->flow);
    assert_string_equal(w->log->str, "-three -one ");
    world_free(w);
    g_rmdir(dir);
}

static void
faults_strike_once_where_they_are_set(void **state)
{
    static const struct {
        const char *spec, *log;
        Err code;
    } rows[] = {
        { "plain/three:before", "+one +two -three -one ", ERR_INTERNAL },
        { "plain/three:after", "+one +two +three -three(vnet7) -one ", ERR_INTERNAL },
        { "plain/three:cancel", "+one +two +three -three(vnet7) -one ", ERR_ABORTED },
    };
    World *w = world_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        assert_true(flow_set_fault(rows[i].spec, NULL));
        start(w, &plain);
        assert_true(error_is(w->err, rows[i].code));
        assert_string_equal(w->log->str, rows[i].log);
        assert_true(ledger_empty(w->ledger));
    }
    start(w, &plain);
    assert_null(w->err);
    assert_false(flow_set_fault("plain/nine:before", NULL));
    assert_false(flow_set_fault("plain/one:sideways", NULL));
    assert_false(flow_set_fault("plain", NULL));
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_run_downwards_and_unwind_upwards),
        cmocka_unit_test(a_failing_row_is_undone_too),
        cmocka_unit_test(a_failure_unwinds_only_its_own_flow),
        cmocka_unit_test(a_waiting_row_goes_on_when_woken),
        cmocka_unit_test(a_cancel_fails_the_waiting_row_and_undo_may_wait),
        cmocka_unit_test(a_wake_with_an_error_fails_the_row),
        cmocka_unit_test(a_ledger_is_read_back_after_a_kill),
        cmocka_unit_test(a_torn_line_is_ignored),
        cmocka_unit_test(faults_strike_once_where_they_are_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
