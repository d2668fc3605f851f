/* Changes of definitions: whole or not at all, one after the other, and of what runs only the rows
 * that may change. */
#include "vm_world.h"

static GString *told, *answers;
static guint unanswered;

static void
on_done(Vm *of, const GError *err, gpointer user)
{
    unanswered--;
    g_string_append_printf(answers, "%s%s; ", (const char *)user, err ? " failed" : "");
    if (err)
        g_string_append_printf(answers, "(%s) ", err->message);
}

static gboolean
put_title(DomainDef *def, const Edit *e, GError **err)
{
    g_free(def->title);
    def->title = g_strconcat(def->description ? def->description : "", e->data, NULL);
    g_free(def->description);
    def->description = g_strdup(def->title);
    return TRUE;
}

/* What cannot be read again is not written. */
static gboolean
put_unreadable(DomainDef *def, const Edit *e, GError **err)
{
    g_free(def->title);
    def->title = g_strdup(e->live ? "new" : "\x01");
    return TRUE;
}

static gboolean
put_memory(DomainDef *def, const Edit *e, GError **err)
{
    def->memory = 65536;
    return TRUE;
}

static gboolean
fail_persistent(DomainDef *def, const Edit *e, GError **err)
{
    return e->live ? put_title(def, e, err) : fail(err, ERR_OPERATION_FAILED, "not that one");
}

static gboolean
tell(EditTell *t, GError **err)
{
    g_string_append_printf(told, "%s%s ", t->back ? "back to " : "",
                           t->def->title ? t->def->title : "none");
    return TRUE;
}

static const EditKind titles = { .what = "set a title", .flags = EDIT_WORDS, .change = put_title };
static const EditKind memory = { .what = "set", .flags = EDIT_WORDS, .change = put_memory };
static const EditKind halves = { .what = "half", .flags = EDIT_WORDS, .change = fail_persistent };
static const EditKind unreadable = {
    .what = "break", .flags = EDIT_WORDS, .change = put_unreadable, .tell = tell
};

static void
ask(const EditKind *kind, guint impact, const char *word)
{
    unanswered++;
    edit_run(edit_new(vm, kind, impact, g_strdup(word), g_free), "test", on_done, (gpointer)word);
}

/* A worker writes definitions. */
static void
wait_for_answers(void)
{
    while (unanswered > 0)
        g_main_context_iteration(NULL, TRUE);
}

static void
edit(const EditKind *kind, guint impact, const char *word)
{
    ask(kind, impact, word);
    wait_for_answers();
}

static char *
on_disk(void)
{
    g_autofree char *path = g_build_filename(paths.etc, "qemu", "a.xml", NULL);
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static const char document[] =
    "<domain type='qemu'>\n  <name>a</name>\n"
    "  <uuid>6ba7b810-9dad-41d1-80b4-00c04fd430c8</uuid>\n  <memory unit='KiB'>32768</memory>\n"
    "  <vcpu>1</vcpu>\n  <os><type arch='x86_64' machine='q35'>hvm</type></os>\n</domain>\n";

static int
setup(void **state)
{
    vm_world_begin(document);
    edit_register(&unreadable);
    told = g_string_new(NULL);
    answers = g_string_new(NULL);
    return 0;
}

static int
teardown(void **state)
{
    vm_world_end();
    g_string_free(told, TRUE);
    g_string_free(answers, TRUE);
    return 0;
}

/* Nobody reads at the far end. */
static void
run_it(void)
{
    static const QmpOps none = { NULL, NULL };

    vm_world_run(&none);
}

static void
test_both(void **state)
{
    g_autofree char *text = NULL;

    run_it();
    edit(&titles, IMPACT_LIVE | IMPACT_CONFIG, "one");
    text = on_disk();
    assert_string_equal(answers->str, "one; ");
    assert_string_equal(vm->run->live->title, "one");
    assert_string_equal(define_get(vm, NULL)->title, "one");
    assert_non_null(strstr(text, "<title>one</title>"));
    assert_true(vm->run->outdated);
    assert_true(ledger_empty(object_ledger(vm)));
}

static void
test_neither(void **state)
{
    g_autofree char *before = on_disk(), *after = NULL;

    run_it();
    edit(&halves, IMPACT_LIVE | IMPACT_CONFIG, "one");
    edit(&unreadable, IMPACT_LIVE | IMPACT_CONFIG, "two");
    after = on_disk();
    assert_non_null(strstr(answers->str, "one failed; (not that one) two failed; "));
    assert_string_equal(told->str, "new back to none ");
    assert_null(vm->run->live->title);
    assert_null(define_get(vm, NULL)->title);
    assert_string_equal(before, after);
    assert_false(vm->run->outdated);
    assert_true(ledger_empty(object_ledger(vm)));
}

static void
test_row_that_may_not(void **state)
{
    run_it();
    edit(&memory, IMPACT_LIVE | IMPACT_CONFIG, "grow");
    assert_non_null(strstr(answers->str, "'memory' cannot change while it does"));
    assert_int_equal(vm->run->live->memory, 32768);
    assert_int_equal(define_get(vm, NULL)->memory, 32768);
    edit(&memory, IMPACT_CONFIG, "later");
    assert_int_equal(define_get(vm, NULL)->memory, 65536);
}

static void
test_which_one(void **state)
{
    edit(&titles, IMPACT_LIVE, "live");
    edit(&titles, 0, "current");
    assert_string_equal(answers->str, "live failed; (domain is not running) current; ");
    run_it();
    vm->persistent = FALSE;
    edit(&titles, IMPACT_CONFIG, "config");
    vm->persistent = TRUE;
    assert_non_null(strstr(answers->str, "transient domains do not have any persistent config"));
}

static Job *other;

static gboolean
other_run(Job *j, gpointer o, GError **err)
{
    other = j;
    return TRUE;
}

static void
other_done(Job *j, gpointer o, const GError *err)
{
}

/* The second is made from what the first has left. */
static void
test_one_after_the_other(void **state)
{
    JobSpec spec = { .kind = JOB_CHANGE, .what = "x", .run = other_run, .done = other_done };

    assert_true(job_submit(object_jobs(vm), &spec, NULL));
    ask(&titles, IMPACT_CONFIG, "one");
    ask(&titles, IMPACT_CONFIG, "two");
    assert_string_equal(answers->str, "");
    job_end(other, NULL);
    wait_for_answers();
    assert_string_equal(answers->str, "one; two; ");
    assert_string_equal(define_get(vm, NULL)->title, "onetwo");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_both),
        TEST(test_neither),
        TEST(test_row_that_may_not),
        TEST(test_which_one),
        TEST(test_one_after_the_other),
    };

    return cmocka_run_group_tests_name("qemu_edit", tests, NULL, NULL);
}
