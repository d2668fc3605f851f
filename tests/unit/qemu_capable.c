/* Who asks for an emulator: several at once share a probe, a later daemon reads the cache, a
 * changed binary is asked anew, one that has failed is not asked twice. A script stands before the
 * real QEMU and counts. */
#include "unit.h"

#include <glib.h>

#include "qemu/emulator/emulator_priv.h"

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
on_known(gpointer user)
{
    ((Seen *)user)->answers++;
}

/* As a document asks that has to be judged now. */
static const EmulatorCaps *
ask_now(const Place *p, GError **err)
{
    const ConfContext *c = emulator_context();

    return c->lookup(p->binary, NULL, VIRT_QEMU, c->user, err);
}

static gboolean
is_awaited(const Place *p)
{
    g_autoptr(GError) err = NULL;

    return !ask_now(p, &err) && g_strcmp0(error_awaited(err), p->binary) == 0;
}

static const Emulator *
find_now(const Place *p, GError **err)
{
    return ask_now(p, err) ? emulator_known(p->binary, err) : NULL;
}

static gboolean
is_cached(const Place *p)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, p->binary, -1);
    g_autofree char *file = g_strdup_printf("%s/capabilities/%s.json", p->folder, sum);

    return access(file, F_OK) == 0;
}

/* A worker writes it. */
static void
wait_for_cache(const Place *p)
{
    while (!is_cached(p))
        g_main_context_iteration(NULL, FALSE);
}

static void
write_go(const Place *p)
{
    g_autofree char *file = g_strconcat(p->binary, ".go", NULL);

    assert_true(file_write_volatile(file, "", 0, 0644, NULL));
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
    wait_for(&seen, 3);
    assert_int_equal(count_starts(p), starts); /* from memory */

    assert_ptr_equal(find_now(p, NULL), seen.last); /* what was looked at just now */

    wait_for_cache(p);
    capable_done();
    assert_true(capable_init(&p->paths, NULL));
    assert_true(is_awaited(p));
    emulator_get(p->binary, on_found, &seen);
    wait_for(&seen, 4);
    assert_int_equal(count_starts(p), starts); /* from disk */
    assert_non_null(find_now(p, NULL));

    use_real_binary(p, "second");
    emulator_get(p->binary, on_found, &seen);
    wait_for(&seen, 5);
    assert_int_equal(seen.errors, 0);
    assert_true(count_starts(p) > starts);
}

static void
test_failure_is_kept(void **state)
{
    Place *p = *state;
    g_autoptr(GError) first = NULL, second = NULL;
    Seen seen = { 0 };

    write_binary(p, "echo broken >&2; exit 1");
    assert_true(is_awaited(p));
    qemu_await(p->binary, on_known, &seen);
    wait_for(&seen, 1);
    assert_null(find_now(p, &first));
    assert_non_null(strstr(first->message, "broken"));
    emulator_get(p->binary, on_found, &seen);
    wait_for(&seen, 2);
    assert_int_equal(seen.errors, 1);
    assert_int_equal(count_starts(p), 1);
    write_binary(p, "echo other >&2; exit 1");
    emulator_get(p->binary, on_found, &seen);
    wait_for(&seen, 3);
    assert_int_equal(seen.errors, 2);
    assert_int_equal(count_starts(p), 2);
    assert_null(find_now(p, &second));
    assert_non_null(strstr(second->message, "other"));
}

/* Fifty who ask for one that hangs share a probe, and those who leave are not told. */
static void
test_many_wait(void **state)
{
    Place *p = *state;
    Seen seen = { 0 }, gone = { 0 };
    guint64 ticket;

    write_binary(p, "while [ ! -e $0.go ]; do sleep 0.01; done; echo enough >&2; exit 1");
    for (int i = 0; i < 50; i++) {
        ticket = qemu_await(p->binary, on_known, &gone);
        emulator_get(p->binary, on_found, &seen);
        qemu_await_end(ticket);
        assert_true(is_awaited(p));
    }
    while (count_starts(p) == 0)
        g_main_context_iteration(NULL, FALSE);
    emulator_get(p->binary, on_found, &seen);
    assert_int_equal(seen.answers, 0);
    write_go(p);
    wait_for(&seen, 51);
    assert_int_equal(seen.errors, 51);
    assert_int_equal(gone.answers, 0);
    assert_int_equal(count_starts(p), 1);
}

/* A client may name as many paths as it likes. */
static void
test_paths_are_forgotten(void **state)
{
    Place *p = *state;
    Seen seen = { 0 };

    for (guint i = 0; i < 500; i++) {
        g_autofree char *path = g_strdup_printf("%s/none-%u", p->folder, i);

        emulator_get(path, on_found, &seen);
        wait_for(&seen, i + 1);
    }
    assert_int_equal(seen.errors, 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shared_and_cached, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths_are_forgotten, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
