/* Ledgers on disk: words of any kind, what a killed daemon leaves, files that were damaged. */
#include "core/core.h"
#include "unit.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>

#define UUID_TEXT "01000000-0000-0000-0000-000000000000"

typedef struct Thing {
    Object obj;
    GString *undone;
} Thing;

static const ObjectKind kind = { "thing", "things" };
/* A TAB, a newline, a percent sign, an umlaut, a byte that is no UTF-8, nothing at all. */
static const char *const odd[] = { "a b", "\t\n\r", "%20", "\303\244", "\377\001", "", "#0", NULL };

static StepResult
run_nothing(Flow *f, gpointer o, GError **err)
{
    return STEP_DONE;
}

static StepResult
run_links(Flow *f, gpointer o, GError **err)
{
    return step_of(flow_note(f, "net 0", WORDS(NULL), err) && flow_note(f, "net 0", odd, err) &&
                   flow_note(f, "net%1", WORDS("vnet8"), err));
}

static StepResult
undo(Flow *f, gpointer o)
{
    Thing *t = o;

    g_string_append_printf(t->undone, "%s[%s]", flow_step(f), flow_key(f) ? flow_key(f) : "-");
    for (guint i = 0; flow_word(f, i); i++)
        g_string_append_printf(t->undone, "(%s)", flow_word(f, i));
    g_string_append_c(t->undone, ' ');
    return STEP_DONE;
}

static const Step up_steps[] = {
    { "make folder", run_nothing, undo },
    { "links", run_links, undo, STEP_KEYED },
    { "go", run_nothing, NULL },
    { 0 },
};
static const FlowTable up = { "up", up_steps };
static const Step plug_steps[] = {
    { "plug", run_nothing, undo },
    { "tell", run_nothing, NULL },
    { 0 },
};
static const FlowTable plug = { "plug in", plug_steps };
static const FlowTable build = { "build", plug_steps, TRUE };

static Paths paths;
static char *file;

static int
setup(void **state)
{
    paths.run = g_dir_make_tmp("vmd-ledger-XXXXXX", NULL);
    file = g_build_filename(paths.run, "things", UUID_TEXT ".ledger", NULL);
    assert_true(dir_make(paths.run, 0700, NULL));
    objects_init(&paths);
    flow_register(&up);
    flow_register(&plug);
    flow_register(&build);
    return 0;
}

static int
teardown(void **state)
{
    dir_remove(paths.run, NULL);
    g_clear_pointer(&paths.run, g_free);
    g_clear_pointer(&file, g_free);
    return 0;
}

static void
thing_destroy(Object *o)
{
    Thing *t = (Thing *)o;

    object_done(o);
    g_string_free(t->undone, TRUE);
    g_free(t);
}

static Thing *
thing_new(void)
{
    static const guint8 uuid[UUID_LEN] = { 1 };
    Thing *t = g_new0(Thing, 1);

    object_init(&t->obj, &kind, "a thing", uuid, thing_destroy);
    t->undone = g_string_new(NULL);
    return t;
}

static void
on_done(gpointer o, const GError *err, gpointer user)
{
    gboolean *ok = user;

    if (ok)
        *ok = err == NULL;
}

/* Runs tables in a process that then dies; fault may be NULL. */
static void
run_and_die(const FlowTable *const *tables, const char *fault)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        Thing *t = thing_new();
        if (fault)
            flow_set_fault(fault, NULL);
        for (int i = 0; tables[i]; i++)
            flow_run(tables[i], t, on_done, NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#define TABLES(...) ((const FlowTable *const[]){ __VA_ARGS__, NULL })
#define LINKS_DOWN                                                                                 \
    "links[net%1](vnet8) "                                                                         \
    "links[net 0](a b)(\t\n\r)(%20)(\303\244)(\377\001)()(#0) "
#define UP_DOWN LINKS_DOWN "make folder[-] "

static void
any_word_survives(void **state)
{
    Thing *t;

    run_and_die(TABLES(&up), NULL);
    t = thing_new();
    assert_null(ledger_broken(object_ledger(t)));
    assert_true(ledger_committed(object_ledger(t), &up));
    assert_false(ledger_unwinding(object_ledger(t)));
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str, UP_DOWN);
    assert_int_not_equal(access(file, F_OK), 0); /* an empty ledger leaves no file */
    object_unref(t);
}

static void
a_finished_change_is_told_from_half_of_one(void **state)
{
    Thing *t;

    run_and_die(TABLES(&up, &plug, &plug), "plug in/tell:kill-before"); /* in the first of them */
    t = thing_new();
    assert_true(ledger_committed(object_ledger(t), &up));
    assert_true(ledger_loose(object_ledger(t), NULL));
    flow_recover(t, on_done, NULL);
    assert_string_equal(t->undone->str, "plug[-] ");
    assert_false(ledger_loose(object_ledger(t), NULL));
    flow_run(&plug, t, on_done, NULL);
    assert_true(ledger_committed(object_ledger(t), &plug));
    object_unref(t);

    t = thing_new(); /* as the daemon after that */
    assert_false(ledger_loose(object_ledger(t), NULL));
    flow_recover(t, on_done, NULL);
    assert_string_equal(t->undone->str, "");
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str, "plug[-] " UP_DOWN);
    object_unref(t);
}

static void
a_kill_between_intent_and_fact_leaves_the_intent(void **state)
{
    static const struct {
        const char *fault, *undone;
    } rows[] = {
        { "up/make folder:kill-intent", "make folder[-] " },
        { "up/links:kill-before", "make folder[-] " },
        { "up/links:kill-intent", "links[net 0] make folder[-] " },
        { "up/links:kill-fact", "links[net 0] make folder[-] " },
        { "up/links:kill-after", UP_DOWN },
        { "up/go:kill-after", UP_DOWN },
        { "up/go:kill-commit", "" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Thing *t;
        run_and_die(TABLES(&up), rows[i].fault);
        t = thing_new();
        flow_recover(t, on_done, NULL);
        assert_string_equal(t->undone->str, rows[i].undone);
        flow_unwind(t, on_done, NULL);
        object_unref(t);
    }
}

static void
a_killed_undo_goes_on(void **state)
{
    pid_t child;
    Thing *t;

    run_and_die(TABLES(&up), NULL);
    child = fork();
    if (child == 0) {
        flow_set_fault("up/links:undo-kill", NULL);
        flow_unwind(thing_new(), on_done, NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
    t = thing_new();
    assert_true(ledger_unwinding(object_ledger(t)));
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str, UP_DOWN); /* net%1 for the second time */
    assert_false(ledger_unwinding(object_ledger(t)));
    object_unref(t);
}

static void
what_is_for_good_leaves_nothing(void **state)
{
    Thing *t;

    run_and_die(TABLES(&build), NULL);
    assert_int_not_equal(access(file, F_OK), 0);
    run_and_die(TABLES(&up, &build), NULL);
    run_and_die(TABLES(&build), "build/plug:kill-after"); /* of the same object */
    t = thing_new();
    flow_recover(t, on_done, NULL);
    assert_string_equal(t->undone->str, "plug[-] ");
    assert_true(ledger_committed(object_ledger(t), &up));
    flow_unwind(t, on_done, NULL);
    object_unref(t);
}

static gsize
size_of(const char *path)
{
    GStatBuf st;

    assert_int_equal(g_stat(path, &st), 0);
    return (gsize)st.st_size;
}

static void
a_ledger_does_not_grow_for_ever(void **state)
{
    gsize first;
    Thing *t;

    run_and_die(TABLES(&up), NULL);
    first = size_of(file);
    t = thing_new();
    object_ledger(t);
    for (int i = 0; i < 1000; i++)
        flow_run(&build, t, on_done, NULL);
    assert_true(size_of(file) < 100 * first);
    object_unref(t);
    t = thing_new();
    flow_unwind(t, on_done, NULL);
    object_unref(t);
    run_and_die(TABLES(&up, &build, &build, &build), NULL);
    assert_true(size_of(file) > first);
    t = thing_new();
    assert_false(ledger_empty(object_ledger(t)));
    assert_true(size_of(file) <= first);
    flow_unwind(t, on_done, NULL);
    object_unref(t);
}

static void
its_object_can_be_told(void **state)
{
    g_autoptr(GPtrArray) names = NULL;
    g_autofree char *name = NULL;

    run_and_die(TABLES(&up), NULL);
    names = ledger_names(&kind, NULL);
    assert_int_equal(names->len, 1);
    assert_string_equal(names->pdata[0], UUID_TEXT);
    name = ledger_object_name(&kind, UUID_TEXT);
    assert_string_equal(name, "a thing");
}

static void
no_disk_no_change(void **state)
{
    g_autofree char *folder = g_path_get_dirname(file);
    gboolean ok = TRUE;
    Thing *t = thing_new();

    assert_true(g_file_set_contents(folder, "in the way", -1, NULL));
    flow_run(&up, t, on_done, &ok);
    assert_false(ok);
    assert_string_equal(t->undone->str, "");
    object_unref(t);
    unlink(folder);
}

/* ---- damage */

static guint
count_aside(void)
{
    g_autofree char *folder = g_path_get_dirname(file);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir)))
        n += strstr(name, ".broken-") != NULL;
    return n;
}

static void
sweep(void)
{
    g_autofree char *folder = g_path_get_dirname(file);

    assert_true(dir_remove(folder, NULL) && dir_make(folder, 0700, NULL));
}

static void
put_back(const char *text, gsize len)
{
    sweep();
    assert_true(file_write_volatile(file, text, (gssize)len, 0600, NULL));
}

/* No line is taken for what it is not: all that is undone was done. */
static void
assert_true_lines(const char *undone)
{
    static const char *const lines[] = {
        "make folder[-] ",
        "links[net 0] ",
        "links[net%1](vnet8) ",
        "links[net 0](a b)(\t\n\r)(%20)(\303\244)(\377\001)()(#0) ",
    };

    while (undone[0]) {
        gsize i = 0;
        while (i < G_N_ELEMENTS(lines) && !g_str_has_prefix(undone, lines[i]))
            i++;
        if (i == G_N_ELEMENTS(lines))
            unit_fail("was never done: %s", undone);
        undone += strlen(lines[i]);
    }
}

static void
any_changed_bit_is_noticed(void **state)
{
    g_autofree char *text = NULL;
    gsize len;

    run_and_die(TABLES(&up), NULL);
    assert_true(g_file_get_contents(file, &text, &len, NULL));
    for (gsize bit = 0; bit < len * 8; bit++) {
        Thing *t = thing_new();
        text[bit / 8] ^= (char)(1 << bit % 8);
        put_back(text, len);
        text[bit / 8] ^= (char)(1 << bit % 8);
        /* The last newline alone: then the last line was never written. */
        if (bit / 8 != len - 1) {
            assert_non_null(ledger_broken(object_ledger(t)));
            assert_int_equal(count_aside(), 1);
        }
        flow_unwind(t, on_done, NULL);
        assert_true_lines(t->undone->str);
        object_unref(t);
    }
    sweep();
}

/* The file may end anywhere: what was whole counts, and what was not had no effect yet. */
static void
a_torn_end_is_no_line(void **state)
{
    g_autofree char *text = NULL;
    gsize len, head;

    run_and_die(TABLES(&up), NULL);
    assert_true(g_file_get_contents(file, &text, &len, NULL));
    head = strchr(text, '\n') + 1 - text;
    for (gsize n = 0; n < len; n++) {
        Thing *t = thing_new();
        put_back(text, n);
        assert_int_equal(ledger_broken(object_ledger(t)) != NULL, n < head);
        assert_int_equal(count_aside(), n < head);
        assert_false(ledger_committed(object_ledger(t), &up));
        flow_unwind(t, on_done, NULL);
        assert_true_lines(t->undone->str);
        object_unref(t);
    }
    sweep();
}

/* A torn line is gone before another one is written after it. */
static void
a_torn_end_spoils_nothing(void **state)
{
    g_autofree char *text = NULL;
    gsize len;
    Thing *t;

    run_and_die(TABLES(&up), NULL);
    assert_true(g_file_get_contents(file, &text, &len, NULL));
    put_back(text, len - 5);
    t = thing_new();
    flow_run(&plug, t, on_done, NULL);
    object_unref(t);
    t = thing_new();
    assert_null(ledger_broken(object_ledger(t)));
    assert_true(ledger_committed(object_ledger(t), &plug));
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str, "plug[-] " UP_DOWN);
    object_unref(t);
}

/* Of another daemon, older or newer, or no ledger at all. */
static void
what_makes_no_sense_is_set_aside(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "+start/make folder\n=a\n",
        "<domain/>\n",
        "vmd-ledger 1 thing a\n",
        "vmd-ledger 2 thing a #00000000\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        Thing *t = thing_new();
        g_autofree char *kept = g_strconcat(file, ".broken-1", NULL), *text = NULL;
        put_back(texts[i], strlen(texts[i]));
        assert_non_null(ledger_broken(object_ledger(t)));
        assert_true(ledger_empty(object_ledger(t)));
        assert_true(g_file_get_contents(kept, &text, NULL, NULL));
        assert_string_equal(text, texts[i]);
        flow_run(&up, t, on_done, NULL); /* and there is a new one */
        assert_int_equal(access(file, F_OK), 0);
        flow_unwind(t, on_done, NULL);
        object_unref(t);
    }
    sweep();
}

/* Lines that are true, in a place where they cannot be. */
static void
lines_out_of_place_are_noticed(void **state)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    run_and_die(TABLES(&up), NULL);
    assert_true(g_file_get_contents(file, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (guint without = 0; without < g_strv_length(lines) - 1; without++) {
        g_autoptr(GString) rest = g_string_new(NULL);
        Thing *t = thing_new();
        for (guint i = 0; lines[i][0]; i++)
            if (i != without)
                g_string_append_printf(rest, "%s\n", lines[i]);
        put_back(rest->str, rest->len);
        object_ledger(t);
        /* Nothing need come after the others. */
        if (without < 3)
            assert_non_null(ledger_broken(object_ledger(t)));
        flow_unwind(t, on_done, NULL);
        assert_true_lines(t->undone->str);
        object_unref(t);
    }
    sweep();
}

/* A ledger that ends too early, of a thing that is in use. */
static void
what_was_found_again_is_as_if_finished(void **state)
{
    char *words[] = { "vnet8 now", NULL };
    const LedgerLine found[] = { { "make folder", NULL, NULL },
                                 { "links", "net 2", words },
                                 { "links", "net%1", words } };
    Thing *t;

    run_and_die(TABLES(&up), "up/go:kill-before");
    for (int again = 0; again < 2; again++) {
        t = thing_new();
        ledger_restore(object_ledger(t), &up, found, G_N_ELEMENTS(found));
        assert_true(ledger_committed(object_ledger(t), &up));
        object_unref(t);
    }
    t = thing_new();
    assert_null(ledger_broken(object_ledger(t)));
    assert_false(ledger_loose(object_ledger(t), NULL));
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str, "links[net 2](vnet8 now) " UP_DOWN);
    object_unref(t);

    t = thing_new(); /* there was none at all */
    ledger_restore(object_ledger(t), &up, found, G_N_ELEMENTS(found));
    object_unref(t);
    t = thing_new();
    assert_true(ledger_committed(object_ledger(t), &up));
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str,
                        "links[net%1](vnet8 now) links[net 2](vnet8 now) make folder[-] ");
    object_unref(t);
}

/* Whatever stood on it is undone before it, although its line was entered later. */
static void
what_was_lost_from_the_middle_keeps_its_place(void **state)
{
    char *words[] = { "vnet8 now", NULL };
    const LedgerLine found[] = { { "make folder", NULL, NULL }, { "links", "net 2", words } };
    Thing *t = thing_new();

    ledger_restore(object_ledger(t), &up, found + 1, 1);
    object_unref(t);
    for (int again = 0; again < 2; again++) {
        t = thing_new();
        ledger_restore(object_ledger(t), &up, found, G_N_ELEMENTS(found));
        object_unref(t);
    }
    t = thing_new();
    flow_unwind(t, on_done, NULL);
    assert_string_equal(t->undone->str, "links[net 2](vnet8 now) make folder[-] ");
    object_unref(t);
}

static void
a_folder_in_its_place_is_set_aside(void **state)
{
    Thing *t = thing_new();

    assert_true(dir_make(file, 0700, NULL));
    assert_non_null(ledger_broken(object_ledger(t)));
    assert_int_equal(count_aside(), 1);
    object_unref(t);
    sweep();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_word_survives, setup, teardown),
        cmocka_unit_test_setup_teardown(a_finished_change_is_told_from_half_of_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_kill_between_intent_and_fact_leaves_the_intent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_killed_undo_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_for_good_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_ledger_does_not_grow_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(its_object_can_be_told, setup, teardown),
        cmocka_unit_test_setup_teardown(no_disk_no_change, setup, teardown),
        cmocka_unit_test_setup_teardown(any_changed_bit_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_is_no_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_spoils_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_out_of_place_are_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_found_again_is_as_if_finished, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_lost_from_the_middle_keeps_its_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_folder_in_its_place_is_set_aside, setup, teardown),
    };

    log_init(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
