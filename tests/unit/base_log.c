/* The log: lines of one cause are counted, and no text makes a line of its own. */
#include "base/base.h"
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#define PATH "/tmp/vmd-unit-log-XXXXXX"

static char path[] = PATH;
static int real_stderr;

static int
set_up(void **state)
{
    int fd;

    strcpy(path, PATH);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(fd, STDERR_FILENO);
    fd_close(&fd);
    log_init(LOG_LEVEL_INFO);
    return 0;
}

static int
tear_down(void **state)
{
    dup2(real_stderr, STDERR_FILENO);
    fd_close(&real_stderr);
    unlink(path);
    return 0;
}

static guint
lines_with(const char *what)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint n = 0;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        n += strstr(lines[i], what) != NULL;
    return n;
}

static void
lines_of_one_cause_are_counted(void **state)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    for (guint i = 0; i < 5000; i++)
        log_warning("noise %u", i);
    log_warning("something else");
    assert_in_range(lines_with("noise "), 1, 200);
    assert_int_equal(lines_with("something else"), 1);
    while (!lines_with("more lines like this were left out") && g_get_monotonic_time() < deadline)
        g_main_context_iteration(NULL, TRUE);
    assert_int_equal(lines_with("4900 more lines like this were left out: noise %u"), 1);
    log_warning("noise %u", 1u); /* another place, and the while is over */
    assert_int_equal(lines_with("noise 1"), 12);
}

static void
text_is_no_line(void **state)
{
    g_autofree char *much = g_strnfill(1 << 20, 'x');

    log_info("name %s", "a\nerror: the host is on fire\x1b[2J");
    assert_int_equal(lines_with("on fire"), 1);
    assert_int_equal(lines_with("info: name a error: the host"), 1);
    log_info("%s", much);
    assert_int_equal(lines_with("xxxxxxxxxx"), 1);
    assert_true(lseek(STDERR_FILENO, 0, SEEK_CUR) < 1 << 16);
}

static void
rooms_have_thresholds_of_their_own(void **state)
{
    g_autofree char *text = NULL;
    LogFilters filters;

    assert_true(log_filters_parse(" rpc:debug, qemu:error", &filters, NULL));
    text = log_filters_format(&filters);
    assert_string_equal(text, "qemu:error rpc:debug");
    log_set(LOG_LEVEL_WARNING, &filters);
    log_from("../src/rpc/call.c", LOG_LEVEL_DEBUG, "of rpc");
    log_from("../src/qemu/life/start.c", LOG_LEVEL_WARNING, "of qemu");
    log_from("../src/core/flow.c", LOG_LEVEL_INFO, "of core");
    log_from("../src/core/flow.c", LOG_LEVEL_WARNING, "warned of core");
    assert_int_equal(lines_with("of rpc"), 1);
    assert_int_equal(lines_with("of qemu"), 0);
    assert_int_equal(lines_with("of core"), 1);
}

static void
a_filter_that_names_nothing_is_refused(void **state)
{
    static const char *const bad[] = { "rpc", "rpc:", "rpc:loud", "rp:debug", "qemuu:info", ":" };
    LogFilters filters;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(log_filters_parse(bad[i], &filters, NULL));
    assert_true(log_filters_parse("", &filters, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rooms_have_thresholds_of_their_own, set_up, tear_down),
        cmocka_unit_test(a_filter_that_names_nothing_is_refused),
        cmocka_unit_test_setup_teardown(text_is_no_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_one_cause_are_counted, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
