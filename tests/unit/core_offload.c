/* Errands that are done by workers, and workers that hang: the other objects' errands go on. */
#include "core/core.h"

#include <unistd.h>

#include "unit.h"

typedef struct Gate {
    GMutex lock;
    GCond opened;
    gboolean open;
} Gate;

static guint n_done;
static guint n_freed;

/* A file server that does not answer until somebody opens the gate. */
static gpointer
hang(gpointer in, GError **err)
{
    Gate *g = in;

    g_mutex_lock(&g->lock);
    while (!g->open)
        g_cond_wait(&g->opened, &g->lock);
    g_mutex_unlock(&g->lock);
    return in;
}

static void
gate_open(Gate *g)
{
    g_mutex_lock(&g->lock);
    g->open = TRUE;
    g_cond_broadcast(&g->opened);
    g_mutex_unlock(&g->lock);
}

static gpointer
answer(gpointer in, GError **err)
{
    if (in)
        return in;
    fail(err, ERR_SYSTEM, "nothing");
    return NULL;
}

static void
on_done(gpointer out, const GError *err, gpointer user)
{
    assert_true((out != NULL) != (err != NULL));
    assert_ptr_equal(user, &n_done);
    n_done++;
}

static void
on_freed(gpointer in)
{
    n_freed++;
}

static void
wait_for(guint n, guint ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;

    while (n_done < n && g_get_monotonic_time() < end)
        if (!g_main_context_iteration(NULL, FALSE))
            usleep(1000);
}

static Object
object_with(guint8 last)
{
    Object o = { 0 };

    o.uuid[0] = last;
    return o;
}

static int
set_up(void **state)
{
    n_done = n_freed = 0;
    return 0;
}

/* The last of them may have begun to hang when the answer came: it counts a second later. */
static void
wait_stuck(guint n, guint ms)
{
    gint64 end = g_get_monotonic_time() + ms * G_GINT64_CONSTANT(1000);

    while (offload_stuck() < n && g_get_monotonic_time() < end)
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(1000);
}

static void
results_and_errors_come_back(void **state)
{
    int in;

    offload(answer, &in, on_freed, on_done, &n_done);
    offload(answer, NULL, NULL, on_done, &n_done);
    wait_for(2, 5000);
    assert_int_equal(n_done, 2);
    assert_int_equal(n_freed, 1);
}

static void
one_object_has_two_at_once(void **state)
{
    Object o = object_with(1), other = object_with(2);
    Gate gate = { 0 };
    int in;

    offload_for(&o, hang, &gate, NULL, on_done, &n_done);
    offload_for(&o, hang, &gate, NULL, on_done, &n_done);
    offload_for(&o, answer, &in, NULL, on_done, &n_done); /* waits for one of them */
    offload_for(&other, answer, &in, NULL, on_done, &n_done);
    wait_for(2, 300);
    assert_int_equal(n_done, 1);
    gate_open(&gate);
    wait_for(4, 5000);
    assert_int_equal(n_done, 4);
}

static void
many_that_hang_leave_room(void **state)
{
    Gate gate = { 0 };
    int in;

    for (guint8 i = 0; i < 100; i++) {
        Object o = object_with(i);
        offload_for(&o, hang, &gate, NULL, on_done, &n_done);
    }
    offload(answer, &in, NULL, on_done, &n_done);
    wait_for(1, 10000);
    assert_int_equal(n_done, 1);
    wait_stuck(64, 10000);
    assert_true(offload_stuck() >= 64);
    gate_open(&gate);
    wait_for(101, 10000);
    assert_int_equal(n_done, 101);
    assert_int_equal(offload_stuck(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(results_and_errors_come_back, set_up),
        cmocka_unit_test_setup(one_object_has_two_at_once, set_up),
        cmocka_unit_test_setup(many_that_hang_leave_room, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
