/* The rows of a start that talk to QEMU, against one that misbehaves: a process of its own behind
 * the socket of the monitor (tests/fake), for what no real QEMU can be brought to do. */
#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "vm_world.h"

static const char document[] =
    "<domain type='qemu'><name>a</name><uuid>6ba7b810-9dad-41d1-80b4-00c04fd430c8</uuid>"
    "<memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>"
    "<devices><emulator>/nowhere/qemu</emulator><serial type='pty'/><memballoon model='virtio'/></devices></domain>";

/* ---- one domain, and a QEMU for each of its runs */

static pid_t qemu;

/* A socket at the monitor's place, as the daemon makes it for QEMU. */
static int
listen_as_monitor(void)
{
    g_autofree char *path = g_build_filename(vm->run->dir, "monitor", NULL);
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(strlen(path) < sizeof at.sun_path);
    unlink(path); /* of the one before */
    g_strlcpy(at.sun_path, path, sizeof at.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void
qemu_start(const char *mode)
{
    g_autofree char *name = NULL, *word = NULL, *chardev = NULL;
    char *argv[] = { (char *)g_getenv("VMD_FAKE_QEMU"), NULL, "-chardev", NULL, NULL };
    fd_auto listener = -1;

    assert_non_null(argv[0]);
    vm_world_start();
    assert_true(dir_make(vm->run->dir, 0700, NULL));
    argv[1] = name = g_build_filename(root, "fake-qemu", NULL);
    word = g_build_filename(root, "mode", NULL);
    unlink(word);
    assert_true(!mode || g_file_set_contents(word, mode, -1, NULL));
    listener = listen_as_monitor();
    argv[3] = chardev = g_strdup_printf("socket,id=charmonitor,fd=%d,server=on", listener);
    assert_true(g_spawn_async(NULL, argv, NULL,
                              G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN |
                                  G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_STDOUT_TO_DEV_NULL |
                                  G_SPAWN_STDERR_TO_DEV_NULL,
                              NULL, NULL, &qemu, NULL));
    vm->run->pid = qemu;
}

static void
qemu_end(void)
{
    kill(qemu, SIGKILL);
    waitpid(qemu, NULL, 0);
    vm_run_over(vm);
}

/* ---- the rows */

static struct {
    gboolean over;
    char *why; /* NULL: it went well */
} end;

static void
on_end(gpointer obj, const GError *err, gpointer user)
{
    end.over = TRUE;
    end.why = err ? g_strdup(err->message) : NULL;
}

static const Step *
row_of_start(const char *name)
{
    for (const Step *s = start_table.steps; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    unit_fail("start has no row '%s'\n", name);
    return NULL;
}

static void
talk_to(const char *mode)
{
    static Step rows[4];
    static const FlowTable table = { "talk", rows };

    rows[0] = *row_of_start("greet monitor");
    rows[1] = *row_of_start("read back");
    rows[2] = *row_of_start("run guest");
    qemu_start(mode);
    g_clear_pointer(&end.why, g_free);
    end.over = FALSE;
    flow_run(&table, vm, on_end, NULL);
}

static gboolean
on_tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

/* Until the rows are over, but at most so long. */
static void
wait_ms(gint64 ms)
{
    gint64 until = g_get_monotonic_time() + ms * 1000;
    guint tick = g_timeout_add(20, on_tick, NULL);

    while (!end.over && g_get_monotonic_time() < until)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(tick);
}

enum { LONG_MS = 60000, MOMENT_MS = 200 };

static void
a_good_one_is_believed(void **state)
{
    talk_to(NULL);
    wait_ms(LONG_MS);
    assert_true(end.over);
    assert_null(end.why);
    assert_int_equal(vm->run->vcpu_tids->len, 1);
    assert_int_equal(g_array_index(vm->run->vcpu_tids, pid_t, 0), qemu);
    assert_int_equal(qmp_pending(vm->run->qmp), 0);
    qemu_end();
}

/* Whatever breaks off the conversation fails the row that waits, once, and leaves no call behind.
 */
static void
one_that_breaks_off_fails_the_row(void **state)
{
    static const char *const modes[] = { "dies-at-once", "dies",           "crashes",
                                         "dies-at-cont", "closes-monitor", "garbage",
                                         "bytes",        "huge-answer",    "deep",
                                         "refuses-all",  "refuses-cont" };

    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        talk_to(modes[i]);
        wait_ms(LONG_MS);
        if (!end.over || !end.why || !*end.why)
            unit_fail("%s: %s\n", modes[i], end.over ? "the start went well" : "nothing is over");
        assert_null(vm->obj.flow);
        assert_true(!vm->run->qmp || qmp_pending(vm->run->qmp) == 0);
        qemu_end();
    }
}

/* Only a cancel ends the wait for one that hangs, and what it may say later reaches nobody. */
static void
one_that_hangs_can_be_given_up(void **state)
{
    static const char *const modes[] = { "silent", "half-greeting", "stops", "no-answer",
                                         "late-silence" };

    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        talk_to(modes[i]);
        wait_ms(MOMENT_MS);
        if (end.over)
            unit_fail("%s: over: %s\n", modes[i], end.why ? end.why : "it went well");
        assert_true(qmp_waits_since(vm->run->qmp) > 0);
        flow_cancel(vm->obj.flow, ERR_ABORTED, "given up");
        wait_ms(LONG_MS);
        assert_string_equal(end.why, "given up");
        qemu_end();
    }
}

/* What cannot be its own is not taken over. */
static void
one_that_lies_is_not_believed(void **state)
{
    static const char *const modes[] = { "strange-threads",    "strange-iothread",
                                         "strange-indexes",    "strange-pty",
                                         "pty-of-another",     "words-in-a-pty",
                                         "balloon-below-zero", "balloon-above-all",
                                         "iothread-below-zero" };

    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *xml = NULL;

        talk_to(modes[i]);
        wait_ms(LONG_MS);
        assert_true(end.over);
        for (guint k = 0; k < vm->run->vcpu_tids->len; k++) {
            pid_t tid = g_array_index(vm->run->vcpu_tids, pid_t, k);
            if (tid != 0 && tid != qemu)
                unit_fail("%s: thread %d is taken for its own\n", modes[i], (int)tid);
        }
        for (guint k = 0; k < vm->run->iothreads->len; k++)
            assert_int_equal(g_array_index(vm->run->iothreads, Iothread, k).tid, qemu);
        assert_true(vm->run->live->current_memory <= vm->run->live->memory);
        xml = domain_format(vm->run->live, DEF_LIVE);
        if (strstr(xml, "/etc/passwd") || strstr(xml, "4000000"))
            unit_fail("%s: its terminal is believed\n", modes[i]);
        qemu_end();
    }
}

static int
set_up(void **state)
{
    vm_world_begin(document);
    return 0;
}

static int
tear_down(void **state)
{
    vm_world_end();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_believed),
        cmocka_unit_test(one_that_breaks_off_fails_the_row),
        cmocka_unit_test(one_that_hangs_can_be_given_up),
        cmocka_unit_test(one_that_lies_is_not_believed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
