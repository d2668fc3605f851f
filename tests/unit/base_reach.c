/* Files reached through folders that others may write: root's links and ours lead anywhere,
 * somebody else's only to what is theirs. Links of others can be made by root alone. */
#include "base/base.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#define OTHER 65534

static char *
below(void **state, const char *name)
{
    return g_build_filename(*state, name, NULL);
}

static int
set_up(void **state)
{
    *state = g_dir_make_tmp("unit-XXXXXX", NULL);
    return *state ? 0 : -1;
}

static int
tear_down(void **state)
{
    g_autofree char *dir = *state;

    return dir_remove(dir, NULL) ? 0 : -1;
}

static void
put(const char *path)
{
    assert_true(g_file_set_contents(path, "PRECIOUS", -1, NULL));
}

static int
reach(const char *path)
{
    struct stat st;
    fd_auto fd = file_reach(path, &st);

    return fd < 0 ? errno : 0;
}

static gboolean
is_root(void)
{
    return geteuid() == 0;
}

static void
links_of_ours_are_followed(void **state)
{
    g_autofree char *file = below(state, "file"), *link = below(state, "link");
    g_autofree char *folder = below(state, "folder"),
                    *round = below(state, "folder/up/folder/up/file");
    g_autofree char *up = below(state, "folder/up");

    put(file);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("..", up), 0);
    assert_int_equal(reach(file), 0);
    assert_int_equal(reach(link), 0);
    assert_int_equal(reach(round), 0);
}

static void
ways_that_lead_nowhere_are_told(void **state)
{
    g_autofree char *loop = below(state, "loop"), *dangling = below(state, "dangling");

    assert_int_equal(symlink("loop", loop), 0);
    assert_int_equal(symlink("missing", dangling), 0);
    assert_int_equal(reach(loop), ELOOP);
    assert_int_equal(reach(dangling), ENOENT);
    assert_int_equal(reach("/proc/self/exe/x"), ENOTDIR);
}

static void
links_of_others_lead_to_what_is_theirs(void **state)
{
    g_autofree char *ours = below(state, "ours"), *theirs = below(state, "theirs");
    g_autofree char *bad = below(state, "bad"), *good = below(state, "good");

    if (!is_root())
        return;
    put(ours);
    put(theirs);
    assert_int_equal(chown(theirs, OTHER, OTHER), 0);
    assert_int_equal(symlink(ours, bad), 0);
    assert_int_equal(symlink(theirs, good), 0);
    assert_int_equal(lchown(bad, OTHER, OTHER), 0);
    assert_int_equal(lchown(good, OTHER, OTHER), 0);
    assert_int_equal(reach(bad), EACCES);
    assert_int_equal(reach(good), 0);
}

/* A folder of theirs leads to one of root's, in which the name is looked up. */
static void
folders_behind_links_of_others_are_not_entered(void **state)
{
    g_autofree char *folder = below(state, "folder"), *link = below(state, "link");
    g_autofree char *through = below(state, "link/file"), *file = below(state, "folder/file");
    struct stat st;

    if (!is_root())
        return;
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(symlink("folder", link), 0);
    assert_int_equal(lchown(link, OTHER, OTHER), 0);
    assert_int_equal(file_open_output(through, O_WRONLY, 0600, &st), -1);
    assert_int_equal(access(file, F_OK), -1);
    put(file);
    assert_int_equal(reach(through), EACCES);
}

static void
outputs_are_made_or_opened(void **state)
{
    g_autofree char *path = below(state, "out"), *other = below(state, "other");
    struct stat st;

    for (int i = 0; i < 2; i++) {
        fd_auto fd = file_open_output(path, O_WRONLY | O_TRUNC, 0640, &st);
        assert_int_equal(write(fd, "x", 1), 1);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(file_open_output(path, O_WRONLY | O_TRUNC, 0640, &st), -1);
    assert_int_equal(errno, EMLINK);
}

static void
a_pipe_without_a_reader_is_not_waited_for(void **state)
{
    g_autofree char *path = below(state, "pipe");
    struct stat st;

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_open_output(path, O_WRONLY | O_NONBLOCK, 0600, &st), -1);
    assert_int_equal(errno, ENXIO);
}

static guint8
last_of(int dir, const char *name, gint64 *ret_size)
{
    fd_auto fd = openat(dir, name, O_RDONLY);
    struct stat st;
    guint8 byte = 0;

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    *ret_size = st.st_size;
    if (st.st_size > 0)
        assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
    return byte;
}

static void
what_is_long_is_cut(void **state)
{
    static const char *const names[] = { "out.0", "out.1", "out.2" };
    fd_auto dir = open(*state, O_PATH | O_DIRECTORY);
    fd_auto out = openat(dir, "out", O_WRONLY | O_CREAT | O_APPEND, 0640);
    gint64 size;

    for (guint8 n = 1; n <= 5; n++) {
        guint8 bytes[100];

        memset(bytes, n, sizeof bytes);
        assert_int_equal(write(out, bytes, sizeof bytes), sizeof bytes);
        assert_int_equal(file_rotate(dir, "out", 101, 3), 0);
        assert_int_equal(write(out, bytes, sizeof bytes), sizeof bytes);
        assert_int_equal(file_rotate(dir, "out", 101, 3), 1);
        last_of(dir, "out", &size);
        assert_int_equal(size, 0);
    }
    for (guint8 i = 0; i < G_N_ELEMENTS(names); i++) {
        assert_int_equal(last_of(dir, names[i], &size), 5 - i);
        assert_int_equal(size, 101);
    }
    assert_int_equal(faccessat(dir, "out.3", F_OK, 0), -1);
}

static void
what_may_be_anothers_is_not_cut(void **state)
{
    fd_auto dir = open(*state, O_PATH | O_DIRECTORY);
    g_autofree char *file = below(state, "precious"), *twice = below(state, "twice");
    g_autofree char *alias = below(state, "alias"), *pipe = below(state, "pipe");
    struct stat st;

    put(file);
    assert_int_equal(link(file, twice), 0);
    assert_int_equal(symlink(file, alias), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(file_rotate(dir, "twice", 1, 3), -1);
    assert_int_equal(errno, EMLINK);
    assert_int_equal(file_rotate(dir, "alias", 1, 3), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(file_rotate(dir, "pipe", 0, 3), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, strlen("PRECIOUS"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_of_ours_are_followed),
        TEST(ways_that_lead_nowhere_are_told),
        TEST(links_of_others_lead_to_what_is_theirs),
        TEST(folders_behind_links_of_others_are_not_entered),
        TEST(outputs_are_made_or_opened),
        TEST(a_pipe_without_a_reader_is_not_waited_for),
        TEST(what_is_long_is_cut),
        TEST(what_may_be_anothers_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
