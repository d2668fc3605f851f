/* Pools without a daemon: what is found of volumes, errands that hang, changes that clash, and what
 * the next daemon finds. */
#include "storage/pool.h"

#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static Paths paths;
static char *root, *folder;

static int
set_up(void **state)
{
    root = g_dir_make_tmp("vmd-unit-XXXXXX", NULL);
    folder = g_build_filename(root, "images", NULL);
    paths_init_system(&paths, root);
    assert_true(paths_make(&paths, NULL));
    assert_int_equal(mkdir(folder, 0755), 0);
    objects_init(&paths);
    storage_register();
    assert_true(storage_init(&paths, NULL));
    return 0;
}

static int
tear_down(void **state)
{
    while (errands_out() > 0)
        g_main_context_iteration(NULL, TRUE);
    storage_done();
    paths_done(&paths);
    assert_true(dir_remove(root, NULL));
    g_clear_pointer(&root, g_free);
    g_clear_pointer(&folder, g_free);
    return 0;
}

static void
restart(void)
{
    storage_done();
    assert_true(storage_init(&paths, NULL));
}

/* ---- changes, waited for */

typedef struct Outcome {
    gboolean over;
    Pool *pool;
    GError *err;
} Outcome;

static void
on_done(Pool *pool, const GError *err, gpointer user)
{
    Outcome *o = user;

    assert_false(o->over);
    *o = (Outcome){ TRUE, pool, err ? g_error_copy(err) : NULL };
}

static void
spin_until(const gboolean *what)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    while (!*what && g_get_monotonic_time() < end)
        if (!g_main_context_iteration(NULL, FALSE))
            usleep(1000);
    assert_true(*what);
}

static void
ends_well(Outcome *o)
{
    spin_until(&o->over);
    if (o->err)
        unit_fail("%s\n", o->err->message);
}

static void
ends_badly(Outcome *o, Err code)
{
    spin_until(&o->over);
    assert_true(error_is(o->err, code));
    g_clear_error(&o->err);
}

static char *
document(const char *name, const char *path)
{
    return g_strdup_printf("<pool type='dir'><name>%s</name><target><path>%s</path></target>"
                           "</pool>",
                           name, path);
}

static Pool *
define(const char *name, const char *path)
{
    g_autofree char *xml = document(name, path);
    Outcome o = { 0 };

    pool_define(xml, FALSE, "test", on_done, &o);
    ends_well(&o);
    return o.pool;
}

static void
start(Pool *pool)
{
    Outcome o = { 0 };

    pool_start(pool, "test", on_done, &o);
    ends_well(&o);
}

static void
put_file(const char *name, gsize size)
{
    g_autofree char *path = g_build_filename(folder, name, NULL), *data = g_malloc0(size + 1);

    assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
}

/* ---- volumes */

static void
volumes_are_found_by_name_path_and_key(void **state)
{
    g_autofree char *path = g_strdup_printf("%s//b", folder);
    Pool *pool = define("p", folder), *in = NULL;
    g_autoptr(GError) err = NULL;

    put_file("b", 3);
    put_file("a", 1);
    assert_null(volume_get_name(pool, "a", NULL)); /* inactive */
    start(pool);
    assert_int_equal(pool->volumes->list->len, 2);
    assert_string_equal(((VolumeDef *)pool->volumes->list->pdata[0])->name, "a");
    assert_int_equal(volume_get_name(pool, "b", NULL)->physical, 3);
    assert_ptr_equal(volume_get_path(path, &in, NULL), volume_get_name(pool, "b", NULL));
    assert_ptr_equal(in, pool);
    assert_null(volume_get_key("/b", &in, &err));
    assert_true(error_is(err, ERR_NO_VOLUME));
}

static guint64 looked_size;
static gboolean looked;

static void
on_look(const VolumeDef *volume, const GError *err, gpointer user)
{
    looked_size = volume ? volume->physical : 0;
    looked = TRUE;
    assert_true((volume != NULL) != (err != NULL));
}

static void
look(Pool *pool, const char *name)
{
    looked = FALSE;
    volume_look(pool, volume_get_name(pool, name, NULL), on_look, NULL);
    spin_until(&looked);
}

static void
a_look_renews_what_is_known(void **state)
{
    Pool *pool = define("p", folder);

    put_file("a", 1);
    start(pool);
    put_file("a", 5);
    assert_int_equal(volume_get_name(pool, "a", NULL)->physical, 1);
    look(pool, "a");
    assert_int_equal(looked_size, 5);
    assert_int_equal(volume_get_name(pool, "a", NULL)->physical, 5);
    assert_ptr_equal(volume_get_name(pool, "a", NULL), pool->volumes->list->pdata[0]);
    g_autofree char *path = g_build_filename(folder, "a", NULL);
    assert_int_equal(unlink(path), 0);
    look(pool, "a");
    assert_int_equal(looked_size, 0);
    assert_non_null(volume_get_name(pool, "a", NULL)); /* until the next refresh */
}

/* ---- errands that hang */

static GMutex gate;

static gpointer
hang(gpointer in, gint *progress, GError **err)
{
    g_mutex_lock(&gate);
    g_mutex_unlock(&gate);
    return NULL;
}

static gboolean is_back, was_wanted;

static void
on_back(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    is_back = TRUE;
    was_wanted = wanted;
}

static void
send_one_that_hangs(Pool *pool, FlowToken token)
{
    const ErrandSpec spec = { .work = hang, .back = on_back, .token = token };

    is_back = FALSE;
    errand_send(pool, &spec);
}

static void
who_does_not_answer_is_marked_and_comes_back(void **state)
{
    Pool *pool = define("p", folder);
    gint64 begun;

    put_file("a", 1);
    start(pool);
    assert_int_equal(pool_state(pool), POOL_RUNNING);
    g_mutex_lock(&gate);
    send_one_that_hangs(pool, 0);
    while (!pool->late)
        g_main_context_iteration(NULL, TRUE);
    assert_int_equal(pool_state(pool), POOL_INACCESSIBLE);
    put_file("a", 9);
    begun = g_get_monotonic_time();
    look(pool, "a"); /* it is told from memory, at once */
    assert_true(g_get_monotonic_time() - begun < G_USEC_PER_SEC / 10);
    assert_int_equal(looked_size, 1);
    g_mutex_unlock(&gate);
    spin_until(&is_back);
    assert_true(was_wanted);
    assert_int_equal(pool->late, 0);
    assert_int_equal(pool_state(pool), POOL_RUNNING);
}

static void
a_stop_ends_a_start_that_hangs(void **state)
{
    Pool *pool = define("p", folder);
    Outcome started = { 0 }, stopped = { 0 };

    /* Two of one pool are out at once: the look at the folder waits behind these. */
    g_mutex_lock(&gate);
    send_one_that_hangs(pool, 0);
    send_one_that_hangs(pool, 0);
    pool_start(pool, "first", on_done, &started);
    assert_false(started.over);
    pool_stop(pool, "second", on_done, &stopped);
    ends_badly(&started, ERR_ABORTED);
    ends_well(&stopped);
    assert_null(pool->live);
    g_mutex_unlock(&gate);
    while (errands_out() > 0)
        g_main_context_iteration(NULL, TRUE);
    assert_null(pool->live); /* what came late is of nobody */
    start(pool);
}

/* ---- definitions */

static void
a_definition_that_cannot_be_kept_is_none(void **state)
{
    g_autofree char *etc = g_build_filename(paths.etc, "storage", NULL);
    g_autofree char *xml = document("p", folder);
    Outcome o = { 0 };

    assert_true(dir_remove(etc, NULL));
    pool_define(xml, FALSE, "test", on_done, &o);
    ends_badly(&o, ERR_SYSTEM);
    assert_null(o.pool);
    assert_null(pool_get_name("p", NULL));
}

static void
names_uuids_and_folders_are_there_once(void **state)
{
    g_autofree char *other = document("q", folder), *again = document("p", "/elsewhere");
    Outcome o = { 0 };

    define("p", folder);
    pool_define(other, FALSE, "test", on_done, &o);
    ends_badly(&o, ERR_OPERATION_FAILED);
    o = (Outcome){ 0 };
    pool_create(again, FALSE, "test", on_done, &o);
    ends_badly(&o, ERR_OPERATION_FAILED);
    assert_non_null(pool_get_path(folder, NULL));
}

static void
the_next_daemon_finds_them(void **state)
{
    g_autofree char *xml = document("transient", folder);
    Outcome o = { 0 };
    Pool *pool;

    define("defined", "/nowhere");
    put_file("a", 1);
    pool_create(xml, FALSE, "test", on_done, &o);
    ends_well(&o);
    restart();
    pool = pool_get_name("transient", NULL);
    assert_true(pool->live && !pool->def && pool->volumes->list->len == 1);
    assert_null(pool_get_name("defined", NULL)->live);
    o = (Outcome){ 0 };
    pool_stop(pool, "test", on_done, &o);
    ends_well(&o);
    assert_null(pool_get_name("transient", NULL));
    restart();
    assert_null(pool_get_name("transient", NULL));
}

static void
a_folder_that_went_away_makes_it_inactive(void **state)
{
    Pool *pool = define("p", folder);

    start(pool);
    assert_int_equal(rmdir(folder), 0);
    restart();
    pool = pool_get_name("p", NULL);
    assert_null(pool->live);
    assert_int_equal(mkdir(folder, 0755), 0);
    start(pool);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(volumes_are_found_by_name_path_and_key),
        TEST(a_look_renews_what_is_known),
        TEST(who_does_not_answer_is_marked_and_comes_back),
        TEST(a_stop_ends_a_start_that_hangs),
        TEST(a_definition_that_cannot_be_kept_is_none),
        TEST(names_uuids_and_folders_are_there_once),
        TEST(the_next_daemon_finds_them),
        TEST(a_folder_that_went_away_makes_it_inactive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
