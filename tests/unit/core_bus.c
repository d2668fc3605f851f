/* The message bus, against a dbus-daemon of its own: answers, errors, deadlines, signals, and a bus
 * that is not there, goes away and comes back. */
#include "core/core.h"

#include <signal.h>
#include <sys/wait.h>

#include "unit.h"

static const BusMethod get_id = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus", "GetId" };
static const BusMethod get_owner = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetNameOwner" };
static const BusMethod owner_changed = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                         "org.freedesktop.DBus", "NameOwnerChanged" };

typedef struct Bus {
    char *dir, *address, *config;
    GPid pid;
} Bus;

typedef struct Heard {
    guint n;
    gboolean replied;
    char *text;
    GError *err;
} Heard;

static void
heard_done(Heard *h)
{
    g_clear_pointer(&h->text, g_free);
    g_clear_error(&h->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Heard, heard_done)

static void
on_answer(sd_bus_message *reply, const GError *err, gpointer user)
{
    Heard *h = user;
    const char *text;

    h->n++;
    h->replied = reply != NULL;
    h->err = err ? g_error_copy(err) : NULL;
    if (!err && bus_read(reply, NULL, "s", &text))
        h->text = g_strdup(text);
}

static gboolean
on_late(gpointer user)
{
    *(gboolean *)user = TRUE;
    return G_SOURCE_REMOVE;
}

static void
wait_for(const guint *n, guint wanted)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add_seconds(30, on_late, &late);

    while (*n < wanted && !late)
        g_main_context_iteration(NULL, TRUE);
    assert_false(late);
    g_source_remove(timer);
}

/* ready when it has said its address */
static void
bus_start(Bus *b)
{
    char *argv[] = { (char *)"dbus-daemon",     (char *)"--nofork", (char *)"--nopidfile",
                     (char *)"--print-address", b->config,          NULL };
    char line[512] = "";
    int out;

    assert_true(g_spawn_async_with_pipes(NULL, argv, NULL,
                                         G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                                         NULL, &b->pid, NULL, &out, NULL, NULL));
    assert_true(read(out, line, sizeof line - 1) > 0);
    close(out);
}

static void
bus_kill(Bus *b)
{
    kill(b->pid, SIGKILL);
    waitpid(b->pid, NULL, 0);
}

static int
setup(void **state)
{
    static Bus bus;
    g_autofree char *program = g_find_program_in_path("dbus-daemon"), *text = NULL, *path = NULL;

    if (!program)
        return 0;
    bus.dir = g_dir_make_tmp("vmd-bus-XXXXXX", NULL);
    bus.address = g_strdup_printf("unix:path=%s/bus", bus.dir);
    path = g_build_filename(bus.dir, "conf", NULL);
    text = g_strdup_printf(
        "<busconfig><type>session</type><listen>%s</listen>"
        "<policy context='default'><allow send_destination='*' eavesdrop='true'/>"
        "<allow eavesdrop='true'/><allow own='*'/></policy></busconfig>",
        bus.address);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    bus.config = g_strconcat("--config-file=", path, NULL);
    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address, TRUE);
    bus_start(&bus);
    *state = &bus;
    return 0;
}

static int
teardown(void **state)
{
    Bus *b = *state;
    g_autofree char *socket = NULL, *conf = NULL;

    if (!b)
        return 0;
    bus_kill(b);
    socket = g_build_filename(b->dir, "bus", NULL);
    conf = g_build_filename(b->dir, "conf", NULL);
    unlink(socket);
    unlink(conf);
    assert_int_equal(rmdir(b->dir), 0);
    g_free(b->dir);
    g_free(b->address);
    g_free(b->config);
    return 0;
}

#define NEED_BUS(state)                                                                            \
    if (!*(state))                                                                                 \
    skip()

static void
test_answers(void **state)
{
    g_auto(Heard) id = { 0 }, owner = { 0 }, wrong = { 0 };

    NEED_BUS(state);
    bus_init(BUS_SYSTEM);
    assert_true(bus_is_there(NULL));
    bus_call(&get_id, 5000, on_answer, &id, "");
    bus_call(&get_owner, 5000, on_answer, &owner, "s", "org.nobody.Here");
    bus_call(&get_owner, 5000, on_answer, &wrong, "u", 7);
    assert_int_equal(id.n, 0);
    wait_for(&wrong.n, 1);
    assert_int_equal(id.n, 1);
    assert_int_equal(strlen(id.text), 32);
    assert_int_equal(owner.n, 1);
    assert_true(owner.replied && error_is(owner.err, ERR_OPERATION_FAILED));
    assert_non_null(strstr(owner.err->message, "org.nobody.Here"));
    assert_true(error_is(wrong.err, ERR_OPERATION_FAILED));
    bus_done();
}

/* A service that has a name and never answers: this test itself. */
static void
test_deadline(void **state)
{
    g_auto(Heard) h = { 0 };
    sd_bus *other = NULL;
    static const BusMethod silent = { "org.silent", "/", "org.silent", "Say" };
    gint64 before;

    NEED_BUS(state);
    assert_true(sd_bus_open_system(&other) >= 0);
    assert_true(sd_bus_request_name(other, "org.silent", 0) >= 0);
    bus_init(BUS_SYSTEM);
    before = g_get_monotonic_time();
    bus_call(&silent, 50, on_answer, &h, "");
    wait_for(&h.n, 1);
    assert_true(error_is(h.err, ERR_TIMEOUT) && !h.replied);
    assert_true(g_get_monotonic_time() - before >= 50 * 1000);
    bus_done();
    sd_bus_close_unref(other);
}

typedef struct Ear {
    guint again, told;
    char *name;
} Ear;

static void
on_owner(sd_bus_message *m, gpointer user)
{
    Ear *ear = user;
    const char *name, *from, *to;

    if (!m) {
        ear->again++;
        return;
    }
    assert_true(bus_read(m, NULL, "sss", &name, &from, &to));
    if (!g_str_equal(name, "org.comes"))
        return;
    g_free(ear->name);
    ear->name = g_strdup(name);
    ear->told++;
}

static void
test_signals_and_a_lost_bus(void **state)
{
    g_auto(Heard) lost = { 0 }, after = { 0 };
    static const BusMethod silent = { "org.comes", "/", "org.comes", "Say" };
    Ear ear = { 0 };
    sd_bus *other = NULL;
    BusWatch *w;

    NEED_BUS(state);
    bus_init(BUS_SYSTEM);
    w = bus_watch(&owner_changed, on_owner, &ear);
    wait_for(&ear.again, 1);
    assert_true(sd_bus_open_system(&other) >= 0);
    assert_true(sd_bus_request_name(other, "org.comes", 0) >= 0);
    wait_for(&ear.told, 1);
    bus_call(&silent, 30000, on_answer, &lost, "");
    bus_kill(*state);
    wait_for(&lost.n, 1);
    assert_false(lost.replied);
    assert_non_null(lost.err);
    sd_bus_close_unref(other);
    bus_call(&get_id, 5000, on_answer, &after, ""); /* nobody there */
    assert_int_equal(after.n, 0);
    wait_for(&after.n, 1);
    assert_true(error_is(after.err, ERR_SYSTEM));
    heard_done(&after);
    bus_start(*state);
    bus_call(&get_id, 5000, on_answer, &after, "");
    wait_for(&after.n, 2);
    assert_null(after.err);
    wait_for(&ear.again, 2); /* it listens again */
    bus_unwatch(w);
    g_free(ear.name);
    bus_done();
}

static void
test_end_and_none(void **state)
{
    g_auto(Heard) left = { 0 }, none = { 0 };

    bus_init(BUS_NONE);
    assert_false(bus_is_there(NULL));
    assert_null(bus_message(&get_id, NULL));
    bus_call(&get_id, 1000, on_answer, &none, "");
    wait_for(&none.n, 1);
    assert_true(error_is(none.err, ERR_SYSTEM));
    bus_done();
    bus_done();
    NEED_BUS(state);
    bus_init(BUS_SYSTEM);
    bus_call(&get_id, 5000, on_answer, &left, "");
    bus_done();
    assert_int_equal(left.n, 1);
    assert_true(left.err && !left.replied);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_signals_and_a_lost_bus),
        cmocka_unit_test(test_end_and_none),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
