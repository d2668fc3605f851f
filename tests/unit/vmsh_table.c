/* Tables and sheets, as text and as JSON; help in its forms. */
#include "unit.h"

#include "vmsh/vmsh.h"

static const Column columns[] = { { "Id", "id", TRUE }, { "Name", "name" }, { "State", "state" } };

static Table *
sample(void)
{
    Table *t = table_new(columns, G_N_ELEMENTS(columns));

    table_add(t, "1", "vm1", "running");
    table_add(t, NULL, "a longer name", "shut off");
    return t;
}

static void
test_text(void **state)
{
    g_autoptr(Table) t = sample();
    g_autofree char *text = table_format(t, TRUE, 0);
    g_autofree char *bare = table_format(t, FALSE, 0);

    assert_string_equal(text, " Id   Name            State\n"
                              "--------------------------------\n"
                              " 1    vm1             running\n"
                              " -    a longer name   shut off\n");
    assert_string_equal(bare, " 1   vm1             running\n"
                              " -   a longer name   shut off\n");
}

static void
test_empty(void **state)
{
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    g_autofree char *text = table_format(t, TRUE, 0);
    g_autofree char *bare = table_format(t, FALSE, 80);

    assert_string_equal(text, " Id   Name   State\n--------------------\n");
    assert_string_equal(bare, "");
}

/* The widest column gives way first, and says that it did. */
static void
test_narrow(void **state)
{
    g_autoptr(Table) t = sample();
    g_autofree char *text = table_format(t, TRUE, 30);
    g_autofree char *least = table_format(t, TRUE, 1);

    assert_string_equal(text, " Id   Name          State\n"
                              "------------------------------\n"
                              " 1    vm1           running\n"
                              " -    a longer n…   shut off\n");
    assert_non_null(strstr(least, "a longe…"));
}

static void
test_characters(void **state)
{
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    g_autofree char *text = NULL;

    table_add(t, "1", "漢字", "x");
    table_add(t, "2", "a\x1b[31m\xff", "");
    text = table_format(t, FALSE, 0);
    assert_string_equal(text, " 1   漢字            x\n"
                              " 2   a\\x1b[31m\\xff   \n");
    assert_int_equal(text_width("e\xcc\x81"), 1);
}

static void
test_json(void **state)
{
    g_autoptr(Table) t = sample();
    json_object *o = table_json(t);

    assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
                        "[{\"id\":1,\"name\":\"vm1\",\"state\":\"running\"},"
                        "{\"id\":null,\"name\":\"a longer name\",\"state\":\"shut off\"}]");
    json_object_put(o);
}

static void
test_sheet(void **state)
{
    g_autoptr(Sheet) t = sheet_new(16);
    g_autofree char *text = NULL;
    json_object *o;

    sheet_add(t, "Name", "%s", "vm1");
    sheet_add_number(t, "CPU(s)", 2, NULL);
    sheet_add_number(t, "Max memory", 65536, "KiB");
    sheet_add(t, "Core(s) per socket", "x");
    sheet_add_line(t, "rss", json_object_new_int(5), "rss %d", 5);
    text = sheet_format(t);
    assert_string_equal(text, "Name:           vm1\nCPU(s):         2\n"
                              "Max memory:     65536 KiB\nCore(s) per socket: x\nrss 5\n");
    o = sheet_json(t);
    assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
                        "{\"name\":\"vm1\",\"cpus\":2,\"max_memory\":67108864,"
                        "\"cores_per_socket\":\"x\",\"rss\":5}");
    json_object_put(o);
}

static void
test_sizes(void **state)
{
    g_autofree char *none = text_human_size(0);
    g_autofree char *some = text_human_size(10 << 20);
    g_autofree char *most = text_human_size(G_MAXUINT64);

    assert_string_equal(none, "0.000 B");
    assert_string_equal(some, "10.000 MiB");
    assert_string_equal(most, "16.000 EiB");
}

static void
test_cpu_map(void **state)
{
    static const guint8 map[] = { 0x0b, 0x03 };
    g_autofree char *marks = cpu_map_text(map, 10, FALSE);
    g_autofree char *ranges = cpu_map_text(map, 10, TRUE);

    assert_string_equal(marks, "yy-y----yy");
    assert_string_equal(ranges, "0-1,3,8-9");
}

static void
test_help(void **state)
{
    g_autofree char *text = help_command(command_find("domstate"));
    g_autofree char *man = help_man_page();

    assert_string_equal(text, "  NAME\n"
                              "    domstate - domain state\n"
                              "\n"
                              "  SYNOPSIS\n"
                              "    domstate <domain> [--reason] [--json] [--format <string>]\n"
                              "\n"
                              "  DESCRIPTION\n"
                              "    Returns state about a domain.\n"
                              "\n"
                              "  OPTIONS\n"
                              "    [--domain] <string>  domain name, id or uuid\n"
                              "    --reason         also print reason for the state\n"
                              "    --json           answer in JSON\n"
                              "    --format <string>  answer in these words: {key} is a value of "
                              "the JSON\n");
    assert_non_null(strstr(man, ".B domstate <domain> [\\-\\-reason] [\\-\\-json] "));
    /* A line that begins with a quote would be a request of roff's. */
    assert_null(strstr(man, "\n'"));
}

static void
test_keys(void **state)
{
    guint code;

    assert_true(key_code("linux", "KEY_A", &code));
    assert_int_equal(code, 30);
    assert_true(key_code("linux", "KEY_DELETE", &code));
    assert_int_equal(code, 111);
    assert_true(key_code("xt", "0x1e", &code));
    assert_int_equal(code, 30);
    assert_false(key_code("xt", "KEY_A", &code));
    assert_false(key_code("linux", "KEY_FROB", &code));
    assert_int_equal(key_codeset("linux"), 0);
    assert_int_equal(key_codeset("qnum"), 9);
    assert_int_equal(key_codeset("frob"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_empty),
        cmocka_unit_test(test_narrow), cmocka_unit_test(test_characters),
        cmocka_unit_test(test_json),   cmocka_unit_test(test_sheet),
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_cpu_map),
        cmocka_unit_test(test_help),   cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
