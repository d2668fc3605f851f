/* A VM that is found again, for the fuzz targets about what comes from its files and its QEMU: a
 * runtime folder with a ledger beside it, and a process that bears its mark. What a file says may
 * make the daemon remove things, so all of it happens where only folders of the run can be written.
 */
#pragma once

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu/life/life.h"
#include "qemu/qemu.h"

#define FOUND_UUID "11111111-2222-3333-4444-555555555555"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static struct {
    char *dir;    /* run/qemu/UUID */
    char *ledger; /* beside it */
} found;

#define FOUND_CHANGES                                                                              \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                              \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |   \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static void
found_allow(int rules, const char *path, guint64 access)
{
    struct landlock_path_beneath_attr rule = { .parent_fd = open(path, O_PATH | O_CLOEXEC),
                                               .allowed_access = access };

    g_assert_true(rule.parent_fd >= 0);
    g_assert_true(syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0);
    close(rule.parent_fd);
}

/* Writes and removes nothing but in these folders, makes nothing of the kernel's but in a network
 * of its own. */
static void
found_confine(const char *root, int argc, char **argv)
{
    struct landlock_ruleset_attr all = { .handled_access_fs = FOUND_CHANGES };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);

    g_assert_true(geteuid() != 0 || unshare(CLONE_NEWNET) == 0);
    g_assert_true(rules >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    found_allow(rules, root, FOUND_CHANGES);
    found_allow(rules, ".", FOUND_CHANGES);
    found_allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-' && g_file_test(argv[i], G_FILE_TEST_IS_DIR))
            found_allow(rules, argv[i], FOUND_CHANGES);
    g_assert_true(syscall(SYS_landlock_restrict_self, rules, 0) == 0);
    close(rules);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static Paths paths;
    g_autofree char *root = g_dir_make_tmp("vmd-fuzz-XXXXXX", NULL);

    g_assert_nonnull(root);
    found_confine(root, *argc, *argv); /* before there are other threads */
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_LEVEL_ERROR + 1);
    paths_init_system(&paths, root);
    objects_init(&paths);
    bus_init(BUS_NONE);
    g_assert_true(paths_make(&paths, NULL) && qemu_init(&paths, NULL));
    vmlog_watch(FALSE);
    found.dir = g_build_filename(paths.run, "qemu", FOUND_UUID, NULL);
    found.ledger = g_strconcat(found.dir, ".ledger", NULL);
    return 0;
}

static gboolean
found_has_text(const char *path)
{
    g_autofree char *text = NULL;
    gsize len = 0;

    return g_file_get_contents(path, &text, &len, NULL) && len > 0;
}

/* One that sleeps until it is ended, and keeps nobody waiting for the end of our output. */
static pid_t
found_qemu(void)
{
    g_autofree char *mark = g_strconcat(RUN_MARK "=", found.dir, NULL);
    char *argv[] = { "sleep", "600", NULL }, *envp[] = { mark, NULL };
    g_autofree char *path = NULL;
    pid_t pid;

    g_assert_true(g_mkdir_with_parents(found.dir, 0700) == 0);
    pid = vfork();
    if (pid == 0) {
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        execve("/bin/sleep", argv, envp);
        _exit(127);
    }
    g_assert_true(pid > 0);
    path = g_strdup_printf("/proc/%d/environ", (int)pid);
    while (!found_has_text(path)) /* execve lets go of us a little before */
        g_thread_yield();
    return pid;
}

static void
found_write(const char *path, const guint8 *data, gsize len)
{
    g_assert_true(g_file_set_contents_full(path, (const char *)data, (gssize)len,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void
found_turns(int n)
{
    while (n-- > 0)
        g_main_context_iteration(NULL, FALSE);
}

/* Its process ends, and with it all that there is of it. A VM that stays is a finding. */
static void
found_end(pid_t pid)
{
    gint64 until = g_get_monotonic_time() + 8 * G_TIME_SPAN_SECOND;

    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    while (registry_size(qemu_vms) > 0 && g_get_monotonic_time() < until)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint(registry_size(qemu_vms), ==, 0);
    found_turns(4);
}
