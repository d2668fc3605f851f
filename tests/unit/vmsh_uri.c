/* What connection URIs mean. */
#include "unit.h"

#include "vmsh/vmsh.h"

static void
check_local(const char *uri, gboolean readonly, const char *name, const char *socket)
{
    Target t;
    g_autofree char *path = NULL;

    if (!target_parse(uri, &t, NULL))
        unit_fail("%s: refused\n", uri);
    path = target_socket(&t, readonly);
    assert_false(t.ssh);
    assert_string_equal(t.name, name);
    assert_string_equal(path, socket);
    target_done(&t);
    target_done(&t);
}

static void
test_local(void **state)
{
    g_autofree char *session = g_build_filename(g_get_user_runtime_dir(), "vmd/vmd.sock", NULL);

    check_local("vmd:///system", FALSE, "qemu:///system", "/run/vmd/vmd.sock");
    check_local("vmd:///system", TRUE, "qemu:///system", "/run/vmd/vmd-ro.sock");
    check_local("qemu:///system", FALSE, "qemu:///system", "/run/vmd/vmd.sock");
    check_local("vmd:///session", FALSE, "qemu:///session", session);
    check_local("vmd:///session", TRUE, "qemu:///session", session);
    check_local("qemu+unix:///system?socket=/a/b.sock", FALSE, "qemu:///system", "/a/b.sock");
    check_local("qemu+unix:///session?socket=/a%20b&mode=legacy", TRUE, "qemu:///session", "/a b");
    check_local("vmd:///system?name=qemu:///session", FALSE, "qemu:///session",
                "/run/vmd/vmd.sock");
}

static void
test_refused(void **state)
{
    static const char *const uris[] = {
        "",
        "system",
        "xen:///system",
        "qemu:///",
        "vmd:///sys",
        "qemu+tcp://h/system",
        "qemu://host/system",
        "vmd+ssh:///system",
        "qemu:///system?frob=1",
        "vmd:///system?socket=%zz",
        "vmd+ssh://h/system?proxy=some",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(uris); i++) {
        g_autoptr(GError) err = NULL;
        Target t = { .port = -7 };
        if (target_parse(uris[i], &t, &err))
            unit_fail("%s: taken\n", uris[i]);
        assert_non_null(err);
        assert_int_equal(t.port, -7);
    }
}

static void
test_ssh(void **state)
{
    g_auto(GStrv) argv = NULL;
    g_autofree char *line = NULL;
    Target t;

    assert_true(target_parse("qemu+ssh://me@far:2222/system?keyfile=/k&no_tty=1", &t, NULL));
    argv = target_ssh_argv(&t, TRUE);
    line = g_strjoinv(" ", argv);
    assert_true(g_str_has_prefix(
        line, "ssh -p 2222 -l me -i /k -T -e none -o BatchMode=yes -- far sh -c "));
    assert_non_null(strstr(line, "vmsh -r --relay"));
    assert_non_null(strstr(line, "vmd:///system"));
    assert_non_null(strstr(line, "/run/vmd/vmd-ro.sock"));
    target_done(&t);
}

static void
check_proxy(const char *proxy, gboolean vmsh, gboolean netcat)
{
    g_autofree char *uri = g_strdup_printf(
        "qemu+ssh://far/system?proxy=%s&netcat=ncat&command=/bin/ssh2&mode=direct", proxy);
    g_auto(GStrv) argv = NULL;
    const char *last;
    Target t;

    assert_true(target_parse(uri, &t, NULL));
    argv = target_ssh_argv(&t, FALSE);
    last = argv[g_strv_length(argv) - 1];
    assert_string_equal(argv[0], "/bin/ssh2");
    assert_int_equal(strstr(last, "vmsh --relay") != NULL, vmsh);
    assert_int_equal(strstr(last, "ncat") != NULL, netcat);
    target_done(&t);
}

static void
test_proxy(void **state)
{
    check_proxy("auto", TRUE, TRUE);
    check_proxy("native", TRUE, FALSE);
    check_proxy("netcat", FALSE, TRUE);
}

/* A path with a quote in it goes through two shells unharmed. */
static void
test_ssh_quoting(void **state)
{
    g_auto(GStrv) argv = NULL;
    g_auto(GStrv) words = NULL;
    g_auto(GStrv) inner = NULL;
    Target t;
    int n;

    assert_true(target_parse("vmd+ssh://far/system?socket=/a'b%20c", &t, NULL));
    argv = target_ssh_argv(&t, FALSE);
    assert_true(g_shell_parse_argv(argv[g_strv_length(argv) - 1], &n, &words, NULL));
    assert_int_equal(n, 3);
    assert_string_equal(words[0], "sh");
    assert_true(g_shell_parse_argv(words[2], &n, &inner, NULL));
    assert_true(g_strv_contains((const char *const *)inner, "/a'b c"));
    target_done(&t);
}

static void
check_default(uid_t uid, const char *want)
{
    g_autofree char *uri = uri_default(uid);

    assert_string_equal(uri, want);
}

static void
test_default(void **state)
{
    g_unsetenv("VMSH_DEFAULT_URI");
    g_unsetenv("LIBVIRT_DEFAULT_URI");
    check_default(0, "vmd:///system");
    check_default(1000, "vmd:///session");
    g_setenv("LIBVIRT_DEFAULT_URI", "qemu:///system", TRUE);
    check_default(1000, "qemu:///system");
    g_setenv("VMSH_DEFAULT_URI", "vmd:///session", TRUE);
    check_default(0, "vmd:///session");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_ssh),   cmocka_unit_test(test_ssh_quoting),
        cmocka_unit_test(test_proxy), cmocka_unit_test(test_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
