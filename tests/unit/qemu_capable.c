/* Who asks for an emulator: several at once share a probe, a later daemon reads the cache, a
 * changed binary is asked anew, one that hangs is not waited for twice. A script stands before the
 * real QEMU and counts. */
#include "unit.h"

#include <glib.h>

#include "qemu/emulator.h"

static const char real[] = "/usr/bin/qemu-system-x86_64";

typedef struct Place {
    char *folder, *binary, *count;
    Paths paths;
} Place;

static void
write_binary(const Place *p, const char *command)
{
    g_autofree char *text = g_strdup_printf("#!/bin/sh\necho >> %s\n%s\n", p->count, command);

    assert_true(file_write_volatile(p->binary, text, -1, 0755, NULL));
}

static void
use_real_binary(const Place *p, const char *comment)
{
    g_autofree char *command = g_strdup_printf("# %s\nexec %s \"$@\"", comment, real);

    write_binary(p, command);
}

static guint
count_starts(const Place *p)
{
    g_autofree char *text = NULL;
    gsize len = 0;

    return g_file_get_contents(p->count, &text, &len, NULL) ? (guint)len : 0;
}

static int
set_up(void **state)
{
    Place *p = g_new0(Place, 1);

    p->folder = g_dir_make_tmp("capable-XXXXXX", NULL);
    p->binary = g_build_filename(p->folder, "emulator", NULL);
    p->count = g_build_filename(p->folder, "count", NULL);
    p->paths = (Paths){
        .run = p->folder, .etc = p->folder, .lib = p->folder, .cache = p->folder, .log = p->folder
    };
    *state = p;
    return capable_init(&p->paths, NULL) ? 0 : -1;
}

static int
tear_down(void **state)
{
    Place *p = *state;

    capable_done();
    dir_remove(p->folder, NULL);
    g_free(p->folder);
    g_free(p->binary);
    g_free(p->count);
    g_free(p);
    return 0;
}

typedef struct Seen {
    guint answers, errors;
    const Emulator *last;
} Seen;

static void
on_found(const Emulator *e, const GError *err, gpointer user)
{
    Seen *s = user;

    s->answers++;
    s->errors += err != NULL;
    s->last = e;
}

static void
wait_for(const Seen *s, guint answers)
{
    while (s->answers < answers)
        g_main_context_iteration(NULL, TRUE);
}

static void
test_shared_and_cached(void **state)
{
    Place *p = *state;
    Seen seen = { 0 };
    guint starts;

    if (access(real, X_OK) < 0)
        skip();
    use_real_binary(p, "first");
    emulator_get(p->binary, on_found, &seen);
    emulator_get(p->binary, on_found, &seen);
    wait_for(&seen, 2);
    assert_int_equal(seen.errors, 0);
    starts = count_starts(p);
    assert_in_range(starts, 1, 2); /* one for each accelerator */
    emulator_get(p->binary, on_found, &seen);
    assert_int_equal(seen.answers, 3); /* from memory, at once */

    capable_done();
    assert_true(capable_init(&p->paths, NULL));
    assert_non_null(emulator_get_now(p->binary, NULL));
    assert_int_equal(count_starts(p), starts); /* from disk */

    use_real_binary(p, "second");
    assert_non_null(emulator_get_now(p->binary, NULL));
    assert_true(count_starts(p) > starts);
}

static void
test_failure_is_kept(void **state)
{
    Place *p = *state;
    g_autoptr(GError) first = NULL, second = NULL;
    Seen seen = { 0 };

    write_binary(p, "echo broken >&2; exit 1");
    assert_null(emulator_get_now(p->binary, &first));
    assert_non_null(strstr(first->message, "broken"));
    assert_null(emulator_get_now(p->binary, &second));
    assert_int_equal(count_starts(p), 1);
    write_binary(p, "echo other >&2; exit 1");
    emulator_get(p->binary, on_found, &seen);
    wait_for(&seen, 1);
    assert_int_equal(seen.errors, 1);
    assert_int_equal(count_starts(p), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shared_and_cached, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_is_kept, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
