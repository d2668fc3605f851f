/* Probing a real QEMU, keeping what it said on disk, the domain capabilities made of it. Skipped
 * where there is no QEMU. */
#include "probed.h"
#include "unit.h"

#include <signal.h>
#include <sys/stat.h>

#include "qemu/emulator/cpu.h"
#include "qemu/emulator/hostcaps.h"

static const char *const binary = "/usr/bin/qemu-system-x86_64";

static Emulator *
probe_or_skip(void)
{
    g_autoptr(GError) err = NULL;
    Emulator *e;

    if (access(binary, X_OK) < 0)
        skip();
    e = probe_to_end(binary, &err);
    assert_null(err);
    assert_non_null(e);
    return e;
}

static void
test_probe(void **state)
{
    g_autoptr(Emulator) e = probe_or_skip();
    const Machine *q35 = emulator_machine(e, "q35");

    assert_string_equal(e->arch, "x86_64");
    assert_true(e->version >= 7000000);
    assert_non_null(emulator_default_machine(e));
    assert_non_null(q35);
    assert_true(g_str_has_prefix(q35->name, "pc-q35-"));
    assert_true(q35->max_cpus >= 255);
    assert_true(emulator_has_type(e, "virtio-blk-pci"));
    assert_true(emulator_has_type(e, "memory-backend-memfd"));
    assert_false(emulator_has_type(e, "no-such-device"));
    assert_true(emulator_able(e, ABLE_VNC));
    assert_true(e->host[ACCEL_TCG].known);
    assert_non_null(emulator_model(e, "EPYC"));
    assert_string_equal(cpu_version(e, emulator_model(e, "EPYC"))->vendor, "AuthenticAMD");
}

static void
test_cache(void **state)
{
    g_autoptr(Emulator) e = probe_or_skip();
    g_autoptr(Emulator) again = NULL;
    g_autoptr(GError) err = NULL;
    g_autofree char *folder = g_dir_make_tmp("emulator-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(folder, "x.json", NULL);
    const Machine *m = emulator_default_machine(e);
    g_autofree char *before = domcaps_format(e, e->arch, m, FALSE), *after = NULL;
    g_autofree char *text = NULL;

    e->identity = emulator_identity(binary, &err);
    assert_non_null(e->identity);
    text = emucache_text(e);
    assert_true(file_write_volatile(file, text, -1, 0644, &err));
    assert_null(emucache_load(binary, "another identity", file));
    again = emucache_load(binary, e->identity, file);
    assert_non_null(again);
    after = domcaps_format(again, again->arch, emulator_default_machine(again), FALSE);
    assert_string_equal(before, after);
    assert_true(file_write_volatile(file, "{\"path\":", -1, 0644, NULL));
    assert_null(emucache_load(binary, e->identity, file));
    dir_remove(folder, NULL);
}

static void
test_conf_view(void **state)
{
    g_autoptr(Emulator) e = probe_or_skip();
    const EmulatorCaps *caps = emulator_caps(e, FALSE);
    g_autofree char *text = caps_to_json(caps), *same = NULL;
    g_autoptr(EmulatorCaps) read = caps_from_json(text, (gssize)strlen(text), NULL);

    assert_non_null(read);
    same = caps_to_json(read);
    assert_string_equal(text, same);
    assert_string_equal(caps_machine(read, "q35")->default_cpu, "qemu64");
    assert_true(caps_has_device(read, "e1000"));
    assert_true(caps_has(read, "memory-backend-memfd"));
}

static void
write_script(const char *path, const char *text)
{
    assert_true(file_write_volatile(path, text, -1, 0755, NULL));
}

/* Not an emulator at all, one that says why it fails, one that is not there. */
static void
test_bad_binaries(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("emulator-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    g_autoptr(GError) err = NULL, none = NULL, silent = NULL;

    assert_null(probe_to_end("/bin/true", &silent));
    assert_non_null(strstr(silent->message, "/bin/true"));
    write_script(path, "#!/bin/sh\necho no such luck >&2\nexit 1\n");
    assert_null(probe_to_end(path, &err));
    assert_non_null(strstr(err->message, "no such luck"));
    assert_null(emulator_identity("/nowhere/qemu", &none));
    assert_non_null(strstr(none->message, "/nowhere/qemu"));
    dir_remove(folder, NULL);
}

static gboolean
is_gone(const char *pid_file)
{
    g_autofree char *text = NULL;
    gboolean said = g_file_get_contents(pid_file, &text, NULL, NULL);

    return said && kill((pid_t)atoi(text), 0) < 0 && errno == ESRCH;
}

/* What it has started is killed with it, and it is named. */
static void
test_hung_binary(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("emulator-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    g_autofree char *pid_file = g_build_filename(folder, "pid", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nsleep 1000 &\necho $! > %s.new\n"
                                            "mv %s.new %s\nwait\n",
                                            pid_file, pid_file, pid_file);
    g_autoptr(GError) err = NULL;

    write_script(path, text);
    assert_null(probe_within(path, 500, 60000, &err));
    assert_true(error_is(err, ERR_TIMEOUT));
    assert_non_null(strstr(err->message, path));
    assert_non_null(strstr(err->message, "said nothing"));
    for (guint i = 0; i < 10000 && !is_gone(pid_file); i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
    assert_true(is_gone(pid_file));
    dir_remove(folder, NULL);
}

/* One that goes on and on makes progress without an end; a slow one that makes some is let. */
static void
test_slow_binary(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("emulator-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    g_autofree char *slow = g_strdup_printf("#!/bin/sh\nsleep 1\nexec %s \"$@\"\n", binary);
    g_autoptr(GError) err = NULL;
    g_autoptr(Emulator) e = NULL;

    write_script(path, "#!/bin/sh\nwhile :; do echo '{\"event\":\"X\"}' >&3; sleep 0.1; done\n");
    assert_null(probe_within(path, 5000, 1500, &err));
    assert_non_null(strstr(err->message, "came to no end"));
    g_clear_error(&err);
    if (access(binary, X_OK) == 0) {
        write_script(path, slow);
        e = probe_within(path, 60000, 120000, &err);
        assert_null(err);
        assert_non_null(e);
    }
    dir_remove(folder, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),       cmocka_unit_test(test_cache),
        cmocka_unit_test(test_conf_view),   cmocka_unit_test(test_bad_binaries),
        cmocka_unit_test(test_hung_binary), cmocka_unit_test(test_slow_binary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
