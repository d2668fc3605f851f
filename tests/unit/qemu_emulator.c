/* Probing a real QEMU, keeping what it said on disk, the domain capabilities made of it. Skipped
 * where there is no QEMU. */
#include "unit.h"

#include <sys/stat.h>

#include "qemu/cpu.h"
#include "qemu/hostcaps.h"

static const char *const binary = "/usr/bin/qemu-system-x86_64";

static Emulator *
probe_or_skip(void)
{
    g_autoptr(GError) err = NULL;
    Emulator *e;

    if (access(binary, X_OK) < 0)
        skip();
    e = probe_now(binary, &err);
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

    e->identity = emulator_identity(binary, &err);
    assert_non_null(e->identity);
    assert_true(emucache_save(e, file, &err));
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

    assert_null(probe_now("/bin/true", &silent));
    assert_non_null(strstr(silent->message, "/bin/true"));
    write_script(path, "#!/bin/sh\necho no such luck >&2\nexit 1\n");
    assert_null(probe_now(path, &err));
    assert_non_null(strstr(err->message, "no such luck"));
    assert_null(emulator_identity("/nowhere/qemu", &none));
    assert_non_null(strstr(none->message, "/nowhere/qemu"));
    dir_remove(folder, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_conf_view),
        cmocka_unit_test(test_bad_binaries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
