/* Changes of control groups, in a folder that is none: what is written where, and what an error of
 * one change means to the others. What the kernel makes of it is measured in tests/host. */
#include "host/host.h"
#include "unit.h"

#include <sys/stat.h>

static char *
new_folder(void)
{
    char *folder = g_dir_make_tmp("vmd-cgroup-XXXXXX", NULL);

    assert_non_null(folder);
    return folder;
}

static void
put_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
file_is(const char *folder, const char *name, const char *wanted)
{
    g_autofree char *text = cgroup_read(folder, name);

    assert_non_null(text);
    assert_string_equal(text, wanted);
}

static void
note_failed(const char *what, const char *why, gpointer user)
{
    g_string_append_printf(user, "%s;", what);
    assert_non_null(why);
}

static void
changes_are_made_in_order(void **state)
{
    g_autofree char *folder = new_folder();
    g_autoptr(CgroupPlan) plan = cgroup_plan_new(folder);
    g_autoptr(GString) failed = g_string_new(NULL);

    put_file(folder, "memory.max", "");
    cgroup_plan_make(plan, "guest");
    cgroup_plan_make(plan, "guest"); /* it is there */
    cgroup_plan_write(plan, "memory.max", "4096", NULL);
    cgroup_plan_write(plan, "guest/cpu.max", "max", "no file");
    cgroup_plan_write_of(plan, "memory.max", "/dev/null", "rbps=1", "no device");
    assert_int_equal(cgroup_plan_length(plan), 5);
    assert_true(cgroup_plan_run(plan, NULL));
    file_is(folder, "memory.max", "4096");
    cgroup_plan_each_failed(plan, note_failed, failed);
    assert_string_equal(failed->str, "no file;no device;");
    assert_true(dir_remove(folder, NULL));
}

static void
one_without_a_name_ends_the_plan(void **state)
{
    g_autofree char *folder = new_folder();
    g_autoptr(CgroupPlan) plan = cgroup_plan_new(folder);
    g_autoptr(GError) err = NULL;

    put_file(folder, "later", "before");
    cgroup_plan_write(plan, "missing", "1", NULL);
    cgroup_plan_write(plan, "later", "after!", NULL);
    assert_false(cgroup_plan_run(plan, &err));
    assert_non_null(strstr(err->message, "missing"));
    file_is(folder, "later", "before");
    assert_true(dir_remove(folder, NULL));
}

static void
files_are_read(void **state)
{
    g_autofree char *folder = new_folder();
    guint64 n;

    put_file(folder, "cgroup.controllers", "cpuset cpu io memory\n");
    put_file(folder, "memory.events", "low 0\noom 3\noom_kill 12\n");
    assert_true(cgroup_has(folder, "cpu"));
    assert_false(cgroup_has(folder, "mem"));
    assert_true(cgroup_read_key(folder, "memory.events", "oom_kill", &n));
    assert_int_equal(n, 12);
    assert_true(cgroup_read_key(folder, "memory.events", "oom", &n));
    assert_int_equal(n, 3);
    assert_false(cgroup_read_key(folder, "memory.events", "max", &n));
    assert_null(cgroup_read(folder, "cpu.max"));
    assert_true(dir_remove(folder, NULL));
}

static void
groups_in_groups_are_removed(void **state)
{
    g_autofree char *folder = new_folder(), *below = g_build_filename(folder, "a/b/c", NULL);

    assert_int_equal(g_mkdir_with_parents(below, 0700), 0);
    assert_true(cgroup_remove(folder, NULL));
    assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
    assert_true(cgroup_remove(folder, NULL)); /* once more is fine */
    assert_true(cgroup_wait_gone(folder, 0));
}

static void
a_process_is_in_a_group(void **state)
{
    g_autofree char *of_nobody = NULL, *mine = NULL;

    mine = cgroup_of("/mount", getpid(), NULL);
    assert_true(!mine || g_str_has_prefix(mine, "/mount/"));
    of_nobody = cgroup_of("/mount", 0x7ffffffe, NULL);
    assert_null(of_nobody);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_made_in_order),
        cmocka_unit_test(one_without_a_name_ends_the_plan),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(groups_in_groups_are_removed),
        cmocka_unit_test(a_process_is_in_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
