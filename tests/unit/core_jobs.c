/* Jobs: the clash table, waiting, preempting, deadlines. */
#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#undef fail /* ours, not cmocka's */
#include <string.h>

typedef struct World {
    Object obj;
    GString *log;
    JobQueue *q;
    Job *job[N_JOB_KINDS]; /* running jobs by kind */
} World;

static const char *const names[] = { "look", "change", "start", "move", "stop" };

static gboolean
run(Job *j, gpointer obj, GError **err)
{
    World *w = obj;

    g_string_append_printf(w->log, "+%s ", job_what(j));
    w->job[job_kind(j)] = j;
    return TRUE;
}

static gboolean
run_fails(Job *j, gpointer obj, GError **err)
{
    return fail(err, ERR_OPERATION_FAILED, "no");
}

static void
cancel(Job *j, gpointer obj, Err code, const char *why)
{
    g_autoptr(GError) err = NULL;

    fail(&err, code, "%s", why);
    job_end(j, err);
}

static void
done(Job *j, gpointer obj, const GError *err)
{
    World *w = obj;

    g_string_append_printf(w->log, "%s%s ", err ? "!" : "-", job_what(j));
}

static gboolean
ask(World *w, JobKind kind)
{
    JobSpec spec = {
        .kind = kind, .what = names[kind], .run = run, .cancel = cancel, .done = done
    };

    return job_submit(w->q, &spec, NULL);
}

static void
world_destroy(Object *o)
{
    World *w = (World *)o;

    object_done(o);
    g_string_free(w->log, TRUE);
    g_free(w);
}

static World *
world_new(void)
{
    static const ObjectKind kind = { "world", "worlds" };
    static const guint8 uuid[UUID_LEN] = { 1 };
    World *w = g_new0(World, 1);

    object_init(&w->obj, &kind, "w", uuid, world_destroy);
    w->log = g_string_new(NULL);
    w->q = object_jobs(w);
    return w;
}

static void
world_free(World *w)
{
    assert_int_equal(w->obj.refs, 1); /* no job is left that holds one */
    object_unref(w);
}

static void
a_change_waits_for_a_change(void **state)
{
    World *w = world_new();
    Job *first;

    assert_true(ask(w, JOB_CHANGE));
    first = w->job[JOB_CHANGE];
    assert_true(ask(w, JOB_CHANGE));
    assert_true(ask(w, JOB_LOOK));
    job_end(w->job[JOB_LOOK], NULL);
    assert_string_equal(w->log->str, "+change +look -look ");
    job_end(first, NULL);
    assert_string_equal(w->log->str, "+change +look -look -change +change ");
    job_end(w->job[JOB_CHANGE], NULL);
    world_free(w);
}

static void
a_second_start_is_refused_and_a_stop_preempts(void **state)
{
    World *w = world_new();
    g_autoptr(GError) err = NULL;
    JobSpec second = { .kind = JOB_START, .what = "start", .run = run, .done = done };

    ask(w, JOB_START);
    assert_false(job_submit(w->q, &second, &err));
    assert_true(error_is(err, ERR_OPERATION_INVALID));
    assert_true(ask(w, JOB_STOP));
    assert_string_equal(w->log->str, "+start !start +stop ");
    job_end(w->job[JOB_STOP], NULL);
    world_free(w);
}

static void
a_job_that_cannot_run_ends_and_the_next_runs(void **state)
{
    World *w = world_new();
    JobSpec bad = { .kind = JOB_CHANGE, .what = "bad", .run = run_fails, .done = done };

    assert_true(job_submit(w->q, &bad, NULL));
    assert_null(job_running(w->q));
    ask(w, JOB_CHANGE);
    assert_string_equal(w->log->str, "!bad +change ");
    job_end(w->job[JOB_CHANGE], NULL);
    world_free(w);
}

static void
stop_the_loop(Job *j, gpointer obj, const GError *err)
{
    g_string_append_printf(((World *)obj)->log, "%s ", err ? err->message : "fine");
    g_main_loop_quit(job_user(j));
}

static void
waiting_and_running_have_their_limits(void **state)
{
    World *w = world_new();
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    JobSpec impatient = { .kind = JOB_CHANGE,
                          .what = "poke",
                          .wait_ms = 20,
                          .run = run,
                          .done = stop_the_loop,
                          .user = loop };
    JobSpec slow = { .kind = JOB_CHANGE,
                     .what = "slow",
                     .deadline_ms = 20,
                     .run = run,
                     .cancel = cancel,
                     .done = stop_the_loop,
                     .user = loop };

    ask(w, JOB_CHANGE);
    assert_true(job_submit(w->q, &impatient, NULL));
    g_main_loop_run(loop);
    assert_non_null(strstr(w->log->str, "cannot poke: job 'change' of vmd is still under way"));
    job_end(w->job[JOB_CHANGE], NULL);
    assert_true(job_submit(w->q, &slow, NULL));
    g_main_loop_run(loop);
    assert_non_null(strstr(w->log->str, "the deadline of the job has passed"));
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_waits_for_a_change),
        cmocka_unit_test(a_second_start_is_refused_and_a_stop_preempts),
        cmocka_unit_test(a_job_that_cannot_run_ends_and_the_next_runs),
        cmocka_unit_test(waiting_and_running_have_their_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
