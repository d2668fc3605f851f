/* Tasks: their rows on disk, claims, abort, limits, and what the next daemon makes of them. */
#include "core/core.h"
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

static const ObjectKind pool_kind = { "pool", "pools", NULL };
static Paths paths;
static char *root;

static void
destroy(Object *o)
{
    object_done(o);
    g_free(o);
}

static Object *
new_subject(const char *name, guint8 number)
{
    guint8 uuid[UUID_LEN] = { number };
    Object *o = g_new0(Object, 1);

    object_init(o, &pool_kind, name, uuid, destroy);
    return o;
}

/* ---- work with rows: it waits in its second one */

typedef struct Work {
    FlowToken token;
    TaskProgress progress;
    guint ended;
    GError *err;
    gboolean held; /* its claim was still there when it was told */
} Work;

static GString *undone;

static StepResult
run_make(Flow *f, gpointer o, GError **err)
{
    const Claim claim = { .kind = CLAIM_VOLUME, .key = (char *)"v", .owner = OWNER(o) };

    return step_of(claim_take(&claim, err) && flow_note(f, "v", WORDS("made"), err));
}

static StepResult
undo_make(Flow *f, gpointer o)
{
    g_string_append_printf(undone, "%s:%s ", flow_key(f), flow_word(f, 0));
    return STEP_DONE;
}

static StepResult
run_write(Flow *f, gpointer o, GError **err)
{
    Work *w = flow_user(f);

    w->token = flow_wait(f);
    return STEP_WAIT;
}

static const Step make_steps[] = {
    { "make", run_make, undo_make, STEP_KEYED },
    { "write", run_write, NULL },
    { 0 },
};
static const FlowTable make_table = { "make", make_steps, .for_good = TRUE };

static void
look(gpointer user, TaskProgress *ret)
{
    *ret = ((Work *)user)->progress;
}

static const TaskKind make_kind = { "make", "bytes", &make_table, .holds = TRUE, .look = look };

static void
on_done(gpointer task, const GError *err, gpointer user)
{
    Work *w = user;

    w->ended++;
    w->err = err ? g_error_copy(err) : NULL;
    w->held = claim_find(CLAIM_VOLUME, "v") != NULL;
}

/* ---- work without rows */

static Task *ended_task;

static void
abort_elsewhere(Task *t, gpointer user, const GError *why)
{
    assert_true(error_is(why, ERR_ABORTED));
    ended_task = t;
    task_end(t);
}

static guint adopted;

static gboolean
adopt(Task *t)
{
    adopted++;
    task_set_user(t, &adopted);
    return TRUE;
}

static const TaskKind copy_kind = { "block-copy", "bytes", .abort = abort_elsewhere,
                                    .adopt = adopt };
static const TaskKind *const kinds[] = { &make_kind, &copy_kind, NULL };

static Task *
begin(const TaskKind *kind, Object *subject, const char *thing, gpointer user, GError **err)
{
    const TaskSpec spec = { kind, subject, thing, { 1000, "client 1 (pid 2, uid 1000)" }, user };

    return task_begin(&spec, err);
}

static const TaskOwner somebody = { 0, "client 2 (pid 3, uid 0)" };

static guint
files(const char *suffix)
{
    g_autofree char *folder = g_build_filename(paths.run, "tasks", NULL);
    g_autoptr(GPtrArray) names = state_names(folder, suffix, NULL);

    return names->len;
}

/* ---- tests */

static void
one_runs_to_its_end(void **state)
{
    Object *pool = new_subject("p", 1);
    Work w = { 0 };
    Task *t = begin(&make_kind, pool, "v", &w, NULL);
    TaskInfo info;

    task_run(t, on_done);
    assert_int_equal(w.ended, 0);
    assert_int_equal(files(".json"), 1);
    assert_ptr_equal(task_holding(pool), t);
    assert_string_equal(((Object *)claim_find(CLAIM_VOLUME, "v")->owner.object)->name, "1 (make)");
    w.progress = (TaskProgress){ 50, 100 };
    task_info(t, &info);
    assert_int_equal(info.id, 1);
    assert_int_equal(info.progress.done, 50);
    assert_int_equal(info.state, TASK_RUNNING);
    assert_int_equal(info.uid, 1000);
    assert_true(info.speed > 0);
    assert_string_equal(info.thing, "v");
    assert_string_equal(info.subject_kind, "pool");
    flow_wake(w.token, NULL);
    assert_int_equal(w.ended, 1);
    assert_null(w.err);
    assert_false(w.held);
    assert_null(task_holding(pool));
    assert_null(task_find(1, NULL));
    assert_int_equal(files(".json") + files(".ledger"), 0);
    assert_string_equal(undone->str, "");
    object_unref(pool);
}

static void
one_fails_and_is_undone(void **state)
{
    Object *pool = new_subject("p", 1);
    Work w = { 0 };
    g_autoptr(GError) err = NULL;

    task_run(begin(&make_kind, pool, "v", &w, NULL), on_done);
    fail(&err, ERR_SYSTEM, "the disk is full");
    flow_wake(w.token, err);
    assert_true(error_is(w.err, ERR_SYSTEM));
    assert_string_equal(undone->str, "v:made ");
    assert_int_equal(files(".json") + files(".ledger"), 0);
    g_error_free(w.err);
    object_unref(pool);
}

static void
one_is_aborted(void **state)
{
    Object *pool = new_subject("p", 1);
    Work w = { 0 };
    Task *t = begin(&make_kind, pool, "v", &w, NULL);
    g_autoptr(GError) err = NULL;

    task_run(t, on_done);
    assert_true(task_abort(t, &somebody, NULL));
    assert_int_equal(w.ended, 1);
    assert_true(error_is(w.err, ERR_ABORTED));
    assert_non_null(strstr(w.err->message, "aborted by client 2"));
    assert_string_equal(undone->str, "v:made ");
    assert_false(flow_waits(w.token));
    g_error_free(w.err);
    t = begin(&copy_kind, pool, NULL, &w, NULL);
    assert_null(task_holding(pool)); /* its kind leaves the subject alone */
    assert_true(task_abort(t, &somebody, NULL));
    assert_ptr_equal(ended_task, t);
    assert_int_equal(files(".json"), 0);
    assert_null(task_find(77, &err));
    assert_true(error_is(err, ERR_INVALID_ARG));
    object_unref(pool);
}

static void
there_are_not_too_many(void **state)
{
    Object *pool = new_subject("p", 1), *other = new_subject("o", 2);
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GError) err = NULL;
    Work w = { 0 };

    for (guint i = 0; i < TASKS_OF_ONE; i++)
        assert_non_null(begin(&copy_kind, pool, NULL, &w, NULL));
    assert_null(begin(&copy_kind, pool, NULL, &w, &err));
    assert_non_null(strstr(err->message, "pool 'p' has 128 tasks already"));
    assert_non_null(begin(&copy_kind, other, NULL, &w, NULL));
    all = task_list();
    assert_int_equal(all->len, TASKS_OF_ONE + 1);
    for (guint i = 0; i < all->len; i++)
        task_end(all->pdata[i]);
    object_unref(pool);
    object_unref(other);
}

/* In a daemon that is killed while all of them are under way. */
static void
begin_and_die(void)
{
    Object *pool = new_subject("p", 1);
    static Work w;
    static const TaskKind foreign = { "foreign", "bytes" };

    if (fork() == 0) {
        task_run(begin(&make_kind, pool, "v", &w, NULL), on_done);
        begin(&copy_kind, pool, NULL, &w, NULL);
        begin(&foreign, pool, NULL, &w, NULL);
        kill(getpid(), SIGKILL);
    }
    wait(NULL);
    object_unref(pool);
}

static void
the_next_daemon_undoes_or_adopts(void **state)
{
    g_autoptr(GPtrArray) all = NULL;
    TaskInfo info;

    begin_and_die();
    assert_int_equal(files(".json"), 3);
    assert_int_equal(files(".ledger"), 1);
    tasks_recover(kinds);
    assert_string_equal(undone->str, "v:made ");
    assert_int_equal(adopted, 1);
    all = task_list();
    assert_int_equal(all->len, 1);
    task_info(all->pdata[0], &info);
    assert_string_equal(info.kind, "block-copy");
    assert_string_equal(info.owner, "client 1 (pid 2, uid 1000)");
    assert_int_equal(files(".ledger"), 0);
    tasks_settle();
    assert_int_equal(files(".json"), 1); /* what no room knows is set aside */
    task_end(all->pdata[0]);
    assert_int_equal(files(".json"), 0);
}

static void
a_lost_row_is_no_lost_ledger(void **state)
{
    g_autofree char *folder = g_build_filename(paths.run, "tasks", NULL);
    g_autoptr(GPtrArray) names = NULL;

    begin_and_die();
    names = state_names(folder, ".json", NULL);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.json", folder, (char *)names->pdata[i]);
        assert_true(g_file_set_contents(path, "{\"sum\": 0, \"wh", -1, NULL));
    }
    tasks_recover(kinds);
    assert_string_equal(undone->str, "");
    tasks_settle();
    assert_string_equal(undone->str, "v:made ");
    assert_int_equal(files(".json") + files(".ledger"), 0);
}

static int
set_up(void **state)
{
    undone = g_string_new(NULL);
    root = g_dir_make_tmp("vmd-task-XXXXXX", NULL);
    paths_init_system(&paths, root);
    objects_init(&paths);
    adopted = 0;
    return tasks_init(&paths, NULL) ? 0 : -1;
}

static int
tear_down(void **state)
{
    dir_remove(root, NULL);
    paths_done(&paths);
    g_free(root);
    g_string_free(undone, TRUE);
    return 0;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_runs_to_its_end),
        TEST(one_fails_and_is_undone),
        TEST(one_is_aborted),
        TEST(there_are_not_too_many),
        TEST(the_next_daemon_undoes_or_adopts),
        TEST(a_lost_row_is_no_lost_ledger),
    };

    log_init(LOG_LEVEL_ERROR);
    flow_register(&make_table);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
