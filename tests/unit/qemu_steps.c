/* The undo of each row of a start beside lines that a killed daemon or somebody's hand may leave:
 * too few words, odd ones, and names of what is somebody else's. It comes to its end, twice, and
 * takes nothing that is not its own. */
#include "vm_world.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "network/network_priv.h"

static const char document[] =
    "<domain type='qemu'><name>a</name><uuid>6ba7b810-9dad-41d1-80b4-00c04fd430c8</uuid>"
    "<memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>"
    "<devices><interface type='user'><mac address='52:54:00:00:00:01'/><backend type='passt'/></interface>"
    "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices></domain>";

static int
set_up(void **state)
{
    bindings_init();
    vm_world_begin(document);
    vm_world_start();
    return 0;
}

static int
tear_down(void **state)
{
    vm_world_end();
    bindings_done();
    return 0;
}

static void
on_over(gpointer o, const GError *err, gpointer user)
{
    assert_null(err);
    *(gboolean *)user = TRUE;
}

/* As a daemon would that finds this line, twice: the first one died before it had noted the end. */
static void
undo(const char *step, const char *key, char **words)
{
    LedgerLine line = { step, key, words };

    for (guint i = 0; i < 2; i++) {
        gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
        gboolean over = FALSE;

        ledger_restore(object_ledger(vm), &start_table, &line, 1);
        assert_false(ledger_empty(object_ledger(vm)));
        flow_unwind(vm, on_over, &over);
        while (!over && g_get_monotonic_time() < end)
            g_main_context_iteration(NULL, TRUE);
        if (!over)
            unit_fail("the undo of '%s' does not end\n", step);
        assert_true(ledger_empty(object_ledger(vm)));
    }
}

static void
names_are_said_once(void **state)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (const Step *s = start_table.steps; s->name; s++) {
        assert_true(g_hash_table_add(names, (gpointer)s->name));
        assert_true(s->run != NULL);
        assert_true(s->undo || !s->flags); /* lines of a row without an undo would be for nothing */
    }
}

static void
few_words_and_odd_ones_come_to_an_end(void **state)
{
    static char *none[] = { NULL };
    static char *odd[][3] = {
        { (char *)"", (char *)"", NULL },
        { (char *)"x", (char *)"-1", NULL },
        { (char *)"-1", (char *)"\t\n", NULL },
        { (char *)"99999999999999999999", (char *)"99999999999999999999", NULL },
        { (char *)"0", (char *)"0", NULL },
        { (char *)"/nowhere/at/all", (char *)"/nowhere/either", NULL },
    };

    for (const Step *s = start_table.steps; s->name; s++) {
        gboolean keyed = s->flags & STEP_KEYED;

        if (!s->undo)
            continue;
        undo(s->name, keyed ? "net0" : NULL, none);
        undo(s->name, keyed ? "nobody" : NULL, none);
        for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
            undo(s->name, keyed ? "net0" : NULL, odd[i]);
    }
}

/* A process that has got the number of one that has ended. */
static void
another_process_is_left_alone(void **state)
{
    static const struct {
        const char *step, *key;
    } rows[] = { { "spawn qemu", NULL }, { "start helpers", "swtpm" }, { "start passt", "net0" } };
    pid_t pid = fork();
    g_autofree char *number = NULL, *other_time = NULL;

    assert_true(pid >= 0);
    if (pid == 0) {
        pause();
        _exit(0);
    }
    number = g_strdup_printf("%d", (int)pid);
    other_time = g_strdup_printf("%" G_GUINT64_FORMAT, process_start_time(pid) + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *words[] = { number, other_time, NULL }, *few[] = { number, NULL };
        undo(rows[i].step, rows[i].key, words);
        undo(rows[i].step, rows[i].key, few);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static gboolean
is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* Under the name of a socket of the guest's stands a file, and a socket that is another one. */
static void
files_of_others_stay(void **state)
{
    g_autofree char *file = g_build_filename(root, "file", NULL),
                    *path = g_build_filename(root, "socket", NULL);
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *odd[] = { (char *)"1", (char *)"2", NULL };

    assert_true(g_file_set_contents(file, "kept", -1, NULL));
    g_strlcpy(a.sun_path, path, sizeof a.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    undo("open files", file, odd);
    undo("open files", path, odd);
    undo("open files", root, odd);
    undo("open files", "not/absolute", odd);
    assert_true(is_there(file));
    assert_true(is_there(path));
    fd_close(&fd);
}

/* Link 1 is the loopback device; its name is none that a start gives. */
static void
links_of_others_stay(void **state)
{
    char *words[] = { (char *)"1", (char *)"vnet0", NULL };

    undo("make links", "net0", words);
    assert_true(is_there("/sys/class/net/lo"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_said_once),
        TEST(few_words_and_odd_ones_come_to_an_end),
        TEST(another_process_is_left_alone),
        TEST(files_of_others_stay),
        TEST(links_of_others_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
