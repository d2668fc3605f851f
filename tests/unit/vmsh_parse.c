/* Lines to words, words to options. */
#include "unit.h"

#include "vmsh/vmsh.h"

/* "a|b c/d": words by |, commands by /. */
static char *
split_text(const char *line)
{
    g_autoptr(GPtrArray) commands = line_split(line, NULL);
    GString *s = g_string_new(NULL);

    if (!commands) {
        g_string_free(s, TRUE);
        return NULL;
    }
    for (guint i = 0; i < commands->len; i++) {
        GPtrArray *words = commands->pdata[i];
        for (guint k = 0; k < words->len; k++)
            g_string_append_printf(s, "%s%s", k ? "|" : i ? "/" : "", (char *)words->pdata[k]);
    }
    return g_string_free(s, FALSE);
}

static void
test_split(void **state)
{
    static const char *const rows[][2] = {
        { "list --all", "list|--all" },
        { "  list\t--all ; dominfo x;", "list|--all/dominfo|x" },
        { "echo a;;echo b", "echo|a/echo|b" },
        { "echo 'a; b' \"c \\\" d\" e\\ f", "echo|a; b|c \" d|e f" },
        { "echo a''b '' \"\"", "echo|ab||" },
        { "echo 'a\\b'", "echo|a\\b" },
        { "echo a # the rest; list", "echo|a" },
        { "echo a#b", "echo|a#b" },
        { "echo a\necho b", "echo|a/echo|b" },
        { "echo a\\\nb", "echo|ab" },
        { "", "" },
        { " ; ;", "" },
        { "echo 'a", NULL },
        { "echo \"a", NULL },
        { "echo a\\", NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *got = split_text(rows[i][0]);
        if (g_strcmp0(got, rows[i][1]) != 0)
            unit_fail("%s: %s instead of %s\n", rows[i][0], got, rows[i][1]);
    }
}

static Args *
bind(const char *line, GError **err)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    return args_bind((const char *const *)words, g_strv_length(words), err);
}

static void
check_refused(const char *line, const char *want)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Args) a = bind(line, &err);

    if (a)
        unit_fail("%s: taken\n", line);
    assert_string_equal(err->message, want);
}

static void
test_refused(void **state)
{
    check_refused("frob", "unknown command: 'frob'");
    check_refused("start", "command 'start' requires <domain> option");
    check_refused("start a --frob", "command 'start' doesn't support option --frob");
    check_refused("domstate a b", "unexpected data 'b'");
    check_refused("list x", "unexpected data 'x'");
    check_refused("start --domain", "expected syntax: --domain <string>");
    check_refused("start a --console=3", "invalid '=' after option --console");
    check_refused("dominfo a --domain b", "option --domain already seen");
    check_refused("list --all extra", "unexpected data 'extra'");
    check_refused("console a --json", "command 'console' doesn't support option --json");
}

static void
test_bound(void **state)
{
    g_autoptr(Args) start = bind("start --paused guest", NULL);
    g_autoptr(Args) named = bind("shutdown --mode=acpi,agent --domain guest", NULL);
    g_autoptr(Args) placed = bind("screenshot guest file.png", NULL);
    g_autoptr(Args) dashes = bind("echo -- --err", NULL);
    g_autoptr(Args) json = bind("list --json", NULL);

    assert_true(args_flag(start, "paused"));
    assert_false(args_flag(start, "console"));
    assert_string_equal(args_string(start, "domain"), "guest");
    assert_string_equal(args_string(named, "mode"), "acpi,agent");
    assert_string_equal(args_string(named, "domain"), "guest");
    assert_string_equal(args_string(placed, "file"), "file.png");
    assert_string_equal(args_string(dashes, "string"), "--err");
    assert_true(args_flag(json, "json"));
}

/* The words that may be many go where they belong, past the options that help shows by name. */
static void
test_rest(void **state)
{
    g_autoptr(Args) keys = bind("send-key guest KEY_A KEY_B", NULL);
    g_autoptr(Args) echo = bind("echo one two", NULL);
    g_autoptr(Args) none = bind("domstats --state", NULL);
    g_autofree const char **codes = args_rest(keys, "keycode");
    g_autofree char *joined = args_rest_joined(echo, "string");
    g_autofree const char **domains = args_rest(none, "domain");

    assert_string_equal(codes[0], "KEY_A");
    assert_string_equal(codes[1], "KEY_B");
    assert_null(codes[2]);
    assert_null(args_string(keys, "codeset"));
    assert_string_equal(joined, "one two");
    assert_null(domains[0]);
    assert_null(args_rest_joined(none, "domain"));
}

static void
test_numbers(void **state)
{
    g_autoptr(Args) good = bind("dommemstat a --period 10", NULL);
    g_autoptr(Args) bad = bind("dommemstat a --period 1x", NULL);
    g_autoptr(GError) err = NULL;
    gint64 value = -1;

    assert_true(args_number(good, "period", 0, 100, &value, NULL));
    assert_int_equal(value, 10);
    assert_false(args_number(good, "period", 0, 9, &value, NULL));
    assert_false(args_number(bad, "period", 0, 100, &value, &err));
    assert_string_equal(err->message,
                        "Numeric value '1x' for <period> option is malformed or out of range");
    assert_int_equal(value, 10);
}

static void
test_sizes(void **state)
{
    static const struct {
        const char *text;
        guint64 bytes; /* 0: refused */
    } rows[] = {
        { "1024", 1 << 20 },
        { "1M", 1 << 20 },
        { "1MiB", 1 << 20 },
        { "1MB", 1000000 },
        { "512b", 512 },
        { "2g", 2ull << 30 },
        { "1Q", 0 },
        { "x", 0 },
        { "-1", 0 },
        { "1MBx", 0 },
        { "99999999999999T", 0 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *line = g_strdup_printf("setmem a --size %s", rows[i].text);
        g_autoptr(Args) a = bind(line, NULL);
        guint64 bytes = 0;
        assert_int_equal(args_size(a, "size", 1024, &bytes, NULL), rows[i].bytes != 0);
        assert_int_equal(bytes, rows[i].bytes);
    }
}

static const char *
expected(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    const Option *o = option_expected((const char *const *)words, g_strv_length(words));

    return o ? o->name : NULL;
}

static void
test_expected(void **state)
{
    assert_string_equal(expected("start"), "domain");
    assert_null(expected("start guest"));
    assert_string_equal(expected("shutdown guest"), "mode");
    assert_string_equal(expected("screenshot guest --file"), "file");
    assert_string_equal(expected("send-key guest KEY_A"), "keycode");
    assert_null(expected("list"));
    assert_null(expected("frob"));
}

/* What help, completion and binding take for granted of every row. */
static void
test_rows(void **state)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const Command *c;
    const Option *o;

    for (const CommandGroup *g = command_groups; g->title; g++)
        for (guint i = 0; (c = group_command(g, i)); i++) {
            assert_true(g_hash_table_add(seen, (gpointer)c->name));
            assert_ptr_equal(command_find(c->name), c);
            assert_non_null(c->run);
            assert_non_null(c->summary);
            for (guint k = 0; (o = command_option(c, k)); k++) {
                assert_non_null(o->doc);
                for (guint j = 0; j < k; j++)
                    assert_string_not_equal(command_option(c, j)->name, o->name);
            }
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bound),    cmocka_unit_test(test_rest),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_expected), cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
