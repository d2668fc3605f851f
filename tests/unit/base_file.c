#include "base/base.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *
below(void **state, const char *name)
{
    return g_build_filename(*state, name, NULL);
}

static int
setup(void **state)
{
    umask(022);
    *state = g_dir_make_tmp("unit-XXXXXX", NULL);
    return *state ? 0 : -1;
}

static int
teardown(void **state)
{
    g_autofree char *dir = *state;

    return dir_remove(dir, NULL) && access(dir, F_OK) < 0 ? 0 : -1;
}

static guint
entries(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void
check_content(const char *path, const char *want)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) err = NULL;
    gsize len;

    assert_true(file_read(path, 1 << 20, &data, &len, &err));
    assert_int_equal(len, strlen(want));
    assert_string_equal(data, want);
}

static void
check_errno(GError **err, int errnum)
{
    WireError w;

    assert_true(error_is(*err, ERR_SYSTEM));
    error_to_wire(*err, &w);
    assert_int_equal(w.saved_errno, errnum);
    wire_error_done(&w);
    g_clear_error(err);
}

static void
test_write_read(void **state)
{
    g_autofree char *path = below(state, "f");
    g_autoptr(GError) err = NULL;
    struct stat st;

    assert_true(file_write(path, "one", -1, 0600, &err));
    check_content(path, "one");
    assert_true(file_write(path, "two!", 3, 0666, &err));
    check_content(path, "two");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);
    assert_true(file_write_volatile(path, "", 0, 0600, &err));
    check_content(path, "");
    assert_int_equal(entries(*state), 1);
}

/* A crash between write and rename leaves PATH.new; it must not stop the next write, nor may a link
 * planted there be followed. */
static void
test_write_over_leftover(void **state)
{
    g_autofree char *path = below(state, "f");
    g_autofree char *fresh = below(state, "f.new");
    g_autofree char *victim = below(state, "victim");
    g_autoptr(GError) err = NULL;

    assert_true(file_write(victim, "untouched", -1, 0600, &err));
    assert_int_equal(symlink(victim, fresh), 0);
    assert_true(file_write(path, "new", -1, 0600, &err));
    check_content(path, "new");
    check_content(victim, "untouched");
    assert_int_equal(entries(*state), 2);
}

static void
test_read_limits(void **state)
{
    g_autofree char *path = below(state, "f");
    g_autoptr(GError) err = NULL;
    char *data = NULL;
    gsize len = 77;

    assert_true(file_write(path, "12345", -1, 0600, &err));
    assert_false(file_read(path, 4, &data, &len, &err));
    check_errno(&err, EFBIG);
    assert_true(file_read(path, 5, &data, &len, &err));
    assert_int_equal(len, 5);
    g_clear_pointer(&data, g_free);
    assert_true(file_read("/proc/self/status", 1 << 20, &data, NULL, &err));
    assert_non_null(strstr(data, "Pid:"));
    g_clear_pointer(&data, g_free);
    assert_false(file_read("/dev/zero", 1 << 16, &data, NULL, &err));
    check_errno(&err, EFBIG);
    assert_false(file_read(*state, 100, &data, NULL, &err));
    check_errno(&err, EISDIR);
    assert_false(file_read("/nowhere/f", 100, &data, NULL, &err));
    check_errno(&err, ENOENT);
    assert_null(data);
}

static void
test_write_nowhere(void **state)
{
    g_autofree char *path = below(state, "missing/f");
    g_autofree char *folder = below(state, "folder");
    g_autoptr(GError) err = NULL;

    assert_false(file_write(path, "x", -1, 0600, &err));
    check_errno(&err, ENOENT);
    assert_true(dir_make(folder, 0700, &err));
    assert_false(file_write(folder, "x", -1, 0600, &err));
    check_errno(&err, EISDIR);
    assert_int_equal(entries(*state), 1);
}

/* The disk fills up in the middle: RLIMIT_FSIZE works everywhere, as write(2) sees it. */
static void
test_write_limit(void **state)
{
    g_autofree char *path = below(state, "f");
    g_autofree char *big = g_strnfill(1 << 16, 'x');
    g_autoptr(GError) err = NULL;
    struct rlimit old, small;

    assert_true(file_write(path, "old", -1, 0600, &err));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){ 4096, old.rlim_max };
    setrlimit(RLIMIT_FSIZE, &small);
    assert_false(file_write(path, big, -1, 0600, &err));
    setrlimit(RLIMIT_FSIZE, &old);
    check_errno(&err, EFBIG);
    check_content(path, "old");
    assert_int_equal(entries(*state), 1);
}

static void
test_write_full_disk(void **state)
{
    g_autofree char *path = below(state, "f");
    g_autofree char *big = g_strnfill(1 << 18, 'x');
    g_autoptr(GError) err = NULL;

    if (mount("unit", *state, "tmpfs", 0, "size=64k") < 0) {
        print_message("no mount here: %s\n", strerror(errno));
        skip();
    }
    assert_true(file_write(path, "old", -1, 0600, &err));
    assert_false(file_write(path, big, -1, 0600, &err));
    check_errno(&err, ENOSPC);
    check_content(path, "old");
    assert_int_equal(entries(*state), 1);
    assert_int_equal(umount(*state), 0);
}

static void
test_folders(void **state)
{
    g_autofree char *deep = below(state, "a/b//c/");
    g_autofree char *a = below(state, "a");
    g_autofree char *file = below(state, "a/file");
    g_autofree char *through = below(state, "a/file/d");
    g_autofree char *dangling = below(state, "dangling");
    g_autoptr(GError) err = NULL;
    struct stat st;

    assert_true(dir_make(deep, 0750, &err));
    assert_int_equal(stat(a, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_true(dir_make(deep, 0700, &err));
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_true(file_write(file, "x", -1, 0600, &err));
    assert_false(dir_make(file, 0700, &err));
    check_errno(&err, EEXIST);
    assert_false(dir_make(through, 0700, &err));
    check_errno(&err, ENOTDIR);
    assert_int_equal(symlink("nowhere", dangling), 0);
    assert_false(dir_make(dangling, 0700, &err));
    check_errno(&err, EEXIST);
}

static void
test_remove(void **state)
{
    g_autofree char *dir = below(state, "d");
    g_autofree char *sub = below(state, "d/e/f");
    g_autofree char *file = below(state, "d/e/g");
    g_autofree char *link = below(state, "d/link");
    g_autofree char *keep = below(state, "keep");
    g_autofree char *kept = below(state, "keep/me");
    g_autoptr(GError) err = NULL;

    assert_true(dir_make(sub, 0700, &err));
    assert_true(dir_make(keep, 0700, &err));
    assert_true(file_write(file, "x", -1, 0000, &err));
    assert_true(file_write(kept, "x", -1, 0600, &err));
    assert_int_equal(symlink(keep, link), 0);
    assert_false(dir_remove(file, &err));
    check_errno(&err, ENOTDIR);
    assert_true(dir_remove(dir, &err));
    assert_true(dir_remove(dir, &err));
    assert_int_equal(access(dir, F_OK), -1);
    check_content(kept, "x");
    assert_true(file_remove(kept, &err));
    assert_true(file_remove(kept, &err));
    assert_false(file_remove(keep, &err));
    check_errno(&err, EISDIR);
}

/* Deeper than there are descriptors, and than a path is long. */
static void
test_remove_deep(void **state)
{
    enum { LEVELS = 5000 };
    g_autofree char *dir = below(state, "d");
    fd_auto at = -1;
    g_autoptr(GError) err = NULL;

    assert_true(dir_make(dir, 0700, &err));
    at = open(dir, O_PATH | O_DIRECTORY);
    for (int i = 0; i < LEVELS; i++) {
        int next;

        assert_int_equal(mkdirat(at, "deeper", 0700), 0);
        assert_int_equal(mkdirat(at, ".removed-3", 0700), 0);
        next = openat(at, "deeper", O_PATH | O_DIRECTORY);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    assert_true(dir_remove(dir, &err));
    assert_int_equal(access(dir, F_OK), -1);
}

static void
test_set_aside(void **state)
{
    g_autofree char *path = below(state, "f.xml");
    g_autofree char *first = below(state, "f.xml.broken-1");
    g_autofree char *second = below(state, "f.xml.broken-2");

    log_init(LOG_LEVEL_ERROR);
    assert_true(file_write(path, "1", -1, 0600, NULL));
    file_set_aside(path, "it is empty");
    assert_true(file_write(path, "2", -1, 0600, NULL));
    file_set_aside(path, "it is empty");
    check_content(first, "1");
    check_content(second, "2");
    assert_int_equal(entries(*state), 2);
}

static void
test_descriptors(void **state)
{
    g_autoptr(GError) err = NULL;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), none = -1;
    int stolen = fd_steal(&fd);

    assert_int_equal(fd, -1);
    assert_true(fd_set_nonblock(stolen, &err));
    assert_true(fcntl(stolen, F_GETFL) & O_NONBLOCK);
    errno = EXDEV;
    fd_close(&stolen);
    fd_close(&stolen);
    fd_close(&none);
    fd_close(NULL);
    assert_int_equal(errno, EXDEV);
    assert_false(fd_set_nonblock(-1, &err));
    check_errno(&err, EBADF);
}

/* What a process with its stderr in a pipe says. */
static char *
said(LogLevel least, const char *journal_stream)
{
    char buf[1024] = "";
    int p[2];
    pid_t pid;

    assert_int_equal(pipe(p), 0);
    pid = fork();
    if (pid == 0) {
        dup2(p[1], STDERR_FILENO);
        if (journal_stream)
            setenv("JOURNAL_STREAM", journal_stream, 1);
        log_init(least);
        log_debug("d %d", 1);
        log_info("i %d", 2);
        g_warning("from %s", "glib");
        log_error("e %d", 3);
        _exit(0);
    }
    close(p[1]);
    assert_true(read(p[0], buf, 1) >= 0);
    waitpid(pid, NULL, 0);
    if (buf[0])
        assert_true(read(p[0], buf + 1, sizeof(buf) - 2) >= 0);
    close(p[0]);
    return g_strdup(buf);
}

static void
test_log(void **state)
{
    g_autofree char *all = said(LOG_LEVEL_DEBUG, NULL);
    g_autofree char *errors = said(LOG_LEVEL_ERROR, NULL);
    g_autofree char *inherited = said(LOG_LEVEL_ERROR, "1:2");
    LogLevel level;

    assert_string_equal(all, "debug: d 1\ninfo: i 2\nwarning: from glib\nerror: e 3\n");
    assert_string_equal(errors, "error: e 3\n");
    assert_string_equal(inherited, errors);
    assert_true(log_level_parse("warning", &level));
    assert_int_equal(level, LOG_LEVEL_WARNING);
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse(NULL, &level));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_read),
        TEST(test_write_over_leftover),
        TEST(test_read_limits),
        TEST(test_write_nowhere),
        TEST(test_write_limit),
        TEST(test_write_full_disk),
        TEST(test_folders),
        TEST(test_remove),
        TEST(test_remove_deep),
        TEST(test_set_aside),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
