/* Flows: order, failure, cancel, waiting, lines of keyed rows, faults, flows that are jobs. Ledgers
 * on disk have core_ledger.c. */
#include "core/core.h"
#include "unit.h"

typedef struct World {
    Object obj;
    GString *log;
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

/* Two things: the first is noted before and after its effect, the second only before. */
static StepResult
run_keyed(Flow *f, gpointer obj, GError **err)
{
    if (!flow_note(f, "net0", WORDS(NULL), err) ||
        !flow_note(f, "net0", WORDS("vnet7", "12"), err) ||
        !flow_note(f, "net1", WORDS("vnet8"), err))
        return STEP_FAILED;
    return run_plain(f, obj, err);
}

static StepResult
run_own_line(Flow *f, gpointer obj, GError **err)
{
    return run_plain(f, obj, err) == STEP_DONE ? step_of(flow_note(f, NULL, WORDS("4711"), err))
                                               : STEP_FAILED;
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
    if (flow_key(f))
        g_string_append_printf(w->log, ":%s", flow_key(f));
    for (guint i = 0; flow_word(f, i); i++)
        g_string_append_printf(w->log, "(%s)", flow_word(f, i));
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
    { "three", run_keyed, undo_plain, STEP_KEYED },
    { "four", run_own_line, undo_plain },
    { 0 },
};
static const FlowTable plain = { "plain", plain_steps };

static const FlowTable lasting = { "lasting", plain_steps, TRUE };

#define THREE "-three:net1(vnet8) -three:net0(vnet7)(12) "
#define UP    "+one +two +three +four "
#define DOWN  "-four(4711) " THREE "-one "

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
    assert_null(w->obj.flow);
    w->done = TRUE;
    w->err = err ? g_error_copy(err) : NULL;
}

static void
world_destroy(Object *o)
{
    World *w = (World *)o;

    object_done(o);
    g_string_free(w->log, TRUE);
    g_clear_error(&w->err);
    g_free(w);
}

static World *
world_new(void)
{
    static const ObjectKind kind = { "world", "worlds" };
    static const guint8 uuid[UUID_LEN] = { 1 };
    World *w = g_new0(World, 1);

    flow_register(&plain);
    flow_register(&lasting);
    flow_register(&waiting_table);
    object_init(&w->obj, &kind, "w", uuid, world_destroy);
    w->log = g_string_new(NULL);
    return w;
}

static void
world_free(World *w)
{
    assert_int_equal(w->obj.refs, 1);
    object_unref(w);
}

static void
forget(World *w)
{
    w->done = FALSE;
    g_clear_error(&w->err);
    g_string_truncate(w->log, 0);
}

static void
start(World *w, const FlowTable *table)
{
    forget(w);
    flow_run(table, w, on_done, NULL);
}

static void
unwind(World *w)
{
    forget(w);
    flow_unwind(w, on_done, NULL);
}

static void
rows_run_downwards_and_unwind_upwards(void **state)
{
    World *w = world_new();
    Ledger *l = object_ledger(w);

    start(w, &plain);
    assert_true(w->done);
    assert_null(w->err);
    assert_string_equal(w->log->str, UP);
    assert_string_equal(ledger_words(l, &plain, "three", "net0")[1], "12");
    assert_string_equal(ledger_words(l, &plain, "four", NULL)[0], "4711");
    assert_null(ledger_words(l, &plain, "two", NULL));
    assert_true(ledger_committed(l, &plain));
    assert_false(ledger_loose(l, NULL));

    unwind(w);
    assert_true(w->done);
    assert_string_equal(w->log->str, DOWN);
    assert_true(ledger_empty(l));
    assert_false(ledger_committed(l, &plain));
    world_free(w);
}

static void
a_failing_row_is_undone_too(void **state)
{
    World *w = world_new();

    w->fails_at = "three";
    start(w, &plain);
    assert_true(w->done);
    assert_true(error_is(w->err, ERR_OPERATION_FAILED));
    assert_string_equal(w->log->str,
                        "+one +two +three -three:net1(vnet8) -three:net0(vnet7)(12) -one ");
    assert_true(ledger_empty(object_ledger(w)));
    world_free(w);
}

static void
a_failure_unwinds_only_its_own_flow(void **state)
{
    World *w = world_new();

    start(w, &plain);
    w->fails_at = "one";
    start(w, &plain);
    assert_non_null(w->err);
    assert_string_equal(w->log->str, "+one -one ");
    assert_non_null(ledger_words(object_ledger(w), &plain, "four", NULL));
    world_free(w);
}

static void
one_thing_is_undone_by_its_key(void **state)
{
    World *w = world_new();

    start(w, &plain);
    forget(w);
    flow_unwind_key(w, "net0", on_done, NULL);
    assert_string_equal(w->log->str, "-three:net0(vnet7)(12) ");
    unwind(w);
    assert_string_equal(w->log->str, "-four(4711) -three:net1(vnet8) -one ");
    world_free(w);
}

static void
what_is_done_for_good_is_not_undone(void **state)
{
    World *w = world_new();

    start(w, &lasting);
    assert_true(ledger_empty(object_ledger(w)));
    start(w, &plain);
    start(w, &lasting);
    unwind(w);
    assert_string_equal(w->log->str, DOWN);
    w->fails_at = "four";
    start(w, &lasting);
    assert_true(g_str_has_suffix(w->log->str, "-one "));
    world_free(w);
}

static void
a_row_may_be_done_for_good_alone(void **state)
{
    static const Step steps[] = {
        { "one", run_plain, undo_plain },
        { "three", run_keyed, undo_plain, STEP_KEYED | STEP_FOR_GOOD },
        { "four", run_own_line, undo_plain },
        { 0 },
    };
    static const FlowTable mixed = { "mixed", steps };
    World *w = world_new();

    start(w, &mixed);
    assert_false(ledger_has_key(object_ledger(w), "net0"));
    unwind(w);
    assert_string_equal(w->log->str, "-four(4711) -one ");
    w->fails_at = "four";
    start(w, &mixed);
    assert_true(g_str_has_suffix(w->log->str, THREE "-one "));
    world_free(w);
}

static void
one_key_is_undone_as_a_job(void **state)
{
    const JobSpec spec = { .kind = JOB_CHANGE, .what = "release" };
    World *w = world_new();

    start(w, &plain);
    assert_true(ledger_has_key(object_ledger(w), "net0"));
    forget(w);
    object_unwind_key(w, &spec, "net0", on_done);
    assert_string_equal(w->log->str, "-three:net0(vnet7)(12) ");
    assert_false(ledger_has_key(object_ledger(w), "net0"));
    unwind(w);
    world_free(w);
}

static void
a_waiting_row_goes_on_when_woken(void **state)
{
    World *w = world_new();
    FlowToken old;

    start(w, &waiting_table);
    assert_false(w->done);
    assert_string_equal(flow_step(w->obj.flow), "spawn");
    old = w->token;
    flow_wake(old, NULL);
    assert_string_equal(flow_step(w->obj.flow), "poll");
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
    World *w = world_new();

    start(w, &waiting_table);
    flow_cancel(w->obj.flow, ERR_ABORTED, "not wanted");
    assert_false(w->done);
    assert_true(flow_undoing(w->obj.flow));
    flow_cancel(w->obj.flow, ERR_ABORTED, "twice"); /* an undo cannot be cancelled */
    flow_wake(w->token, NULL);
    assert_true(w->done);
    assert_true(error_is(w->err, ERR_ABORTED));
    assert_string_equal(w->log->str, "+link +spawn -spawn -link ");
    world_free(w);
}

static void
a_wake_with_an_error_fails_the_row(void **state)
{
    World *w = world_new();
    g_autoptr(GError) err = NULL;

    start(w, &waiting_table);
    fail(&err, ERR_SYSTEM, "gone");
    flow_wake(w->token, err);
    flow_wake(w->token, err); /* the undo of spawn; its error is only logged */
    assert_true(error_is(w->err, ERR_SYSTEM));
    assert_true(ledger_empty(object_ledger(w)));
    world_free(w);
}

static void
faults_strike_once_where_they_are_set(void **state)
{
    static const struct {
        const char *spec, *log;
        Err code;
    } rows[] = {
        { "plain/three:before", "+one +two -one ", ERR_INTERNAL },
        { "plain/three:after", "+one +two +three " THREE "-one ", ERR_INTERNAL },
        { "plain/three:cancel", "+one +two +three " THREE "-one ", ERR_ABORTED },
        { "plain/three:after,plain/four:before", "+one +two +three " THREE "-one ", ERR_INTERNAL },
        { "plain/four:before", "+one +two +three -four " THREE "-one ", ERR_INTERNAL },
    };
    World *w = world_new();

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        assert_true(flow_set_fault(rows[i].spec, NULL));
        start(w, &plain);
        assert_true(error_is(w->err, rows[i].code));
        assert_string_equal(w->log->str, rows[i].log);
        assert_true(ledger_empty(object_ledger(w)));
    }
    start(w, &plain);
    assert_null(w->err);
    assert_false(flow_set_fault("plain/nine:before", NULL));
    assert_false(flow_set_fault("plain/one:sideways", NULL));
    assert_false(flow_set_fault("plain", NULL));
    assert_false(flow_set_fault("plain/one:after,plain", NULL));
    world_free(w);
}

/* ---- flows that are jobs */

static const JobSpec change = { .kind = JOB_CHANGE, .what = "change", .owner = "client 1" };
static const JobSpec begin = { .kind = JOB_START, .what = "start", .owner = "client 1" };
static const JobSpec end = { .kind = JOB_STOP, .what = "end", .owner = "client 2" };

static void
a_flow_is_a_job(void **state)
{
    World *w = world_new();
    Job *job;

    object_run(w, &begin, &waiting_table, on_done);
    job = job_running(object_jobs(w));
    assert_string_equal(job_what(job), "start");
    assert_string_equal(job_owner(job), "client 1");
    flow_wake(w->token, NULL);
    flow_wake(w->token, NULL);
    flow_wake(w->token, NULL);
    assert_true(w->done);
    assert_null(job_running(object_jobs(w)));
    assert_string_equal(w->log->str, "+link +spawn +poll +go ");

    forget(w);
    object_unwind(w, &end, on_done);
    flow_wake(w->token, NULL);
    assert_true(w->done);
    assert_string_equal(w->log->str, "-spawn -link ");
    world_free(w);
}

/* Both answers go to one World. */
static GString *answers;

static void
on_answer(gpointer o, const GError *err, gpointer user)
{
    g_string_append_printf(answers, "%s:%s ", (const char *)user, err ? err->message : "done");
}

static JobSpec
asked(const JobSpec *spec, const char *as)
{
    JobSpec job = *spec;

    job.user = (gpointer)as;
    return job;
}

static void
a_refused_one_is_told_and_a_preempted_one_undone(void **state)
{
    World *w = world_new();
    JobSpec first = asked(&begin, "first"), second = asked(&begin, "second");
    JobSpec waits = asked(&change, "waits"), last = asked(&end, "last");

    answers = g_string_new(NULL);
    object_run(w, &first, &waiting_table, on_answer);
    object_run(w, &second, &waiting_table, on_answer);
    assert_string_equal(answers->str, "second:cannot start: job 'start' of client 1 is under way ");
    g_string_truncate(answers, 0);
    object_run(w, &waits, &lasting, on_answer);
    object_unwind(w, &last, on_answer);
    flow_wake(w->token, NULL); /* the undo of "spawn" */
    assert_string_equal(answers->str,
                        "first:a job that outranks it was asked for last:done waits:done ");
    assert_true(ledger_empty(object_ledger(w)));
    g_string_free(answers, TRUE);
    world_free(w);
}

static void
an_object_lives_as_long_as_its_flow(void **state)
{
    World *w = world_new();

    object_run(w, &begin, &waiting_table, NULL);
    object_unref(w); /* ours */
    assert_int_equal(w->asked, 0);
    flow_wake(w->token, NULL);
    flow_wake(w->token, NULL);
    flow_wake(w->token, NULL); /* and it is gone */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_run_downwards_and_unwind_upwards),
        cmocka_unit_test(a_failing_row_is_undone_too),
        cmocka_unit_test(a_failure_unwinds_only_its_own_flow),
        cmocka_unit_test(one_thing_is_undone_by_its_key),
        cmocka_unit_test(what_is_done_for_good_is_not_undone),
        cmocka_unit_test(a_row_may_be_done_for_good_alone),
        cmocka_unit_test(one_key_is_undone_as_a_job),
        cmocka_unit_test(a_waiting_row_goes_on_when_woken),
        cmocka_unit_test(a_cancel_fails_the_waiting_row_and_undo_may_wait),
        cmocka_unit_test(a_wake_with_an_error_fails_the_row),
        cmocka_unit_test(faults_strike_once_where_they_are_set),
        cmocka_unit_test(a_flow_is_a_job),
        cmocka_unit_test(a_refused_one_is_told_and_a_preempted_one_undone),
        cmocka_unit_test(an_object_lives_as_long_as_its_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
