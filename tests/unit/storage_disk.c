/* What is read of sfdisk's reports: text that sfdisk 2.38 printed, and text that it would not. */
#include "storage/backend.h"

#include "unit.h"

#define MIB 1048576

static const char gpt[] =
    "{\"partitiontable\": {\"label\": \"gpt\", \"id\": \"4DCD6945-B0B1-A94E-9122-264D15247505\","
    " \"device\": \"/dev/loop19\", \"unit\": \"sectors\", \"firstlba\": 2048, \"lastlba\": 131038,"
    " \"sectorsize\": 512, \"partitions\": ["
    "{\"node\": \"/dev/loop19p2\", \"start\": 10240, \"size\": 4096,"
    " \"type\": \"0657FD6D-A4AB-43C4-84E5-0933C84B4F4F\"},"
    "{\"node\": \"/dev/loop19p1\", \"start\": 2048, \"size\": 4096,"
    " \"type\": \"0FC63DAF-8483-4772-8E79-3D69D8477DE4\"}]}}";
static const char dos[] =
    "{\"partitiontable\": {\"label\": \"dos\", \"id\": \"0x061b3493\", \"device\": \"/dev/sdb\","
    " \"unit\": \"sectors\", \"sectorsize\": 512, \"partitions\": ["
    "{\"node\": \"/dev/sdb1\", \"start\": 2048, \"size\": 40960, \"type\": \"5\"},"
    "{\"node\": \"/dev/sdb5\", \"start\": 4096, \"size\": 2048, \"type\": \"83\"},"
    "{\"node\": \"/dev/sdb2\", \"start\": 43008, \"size\": 2048, \"type\": \"da\"}]}}";

static void
write_free(guint64 from, guint64 to, gpointer user)
{
    g_string_append_printf(user, "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT " ", from, to);
}

static char *
free_text(const DiskReport *r, gboolean logical)
{
    GString *text = g_string_new(NULL);

    disk_free_each(r, logical, write_free, text);
    return g_string_free(text, FALSE);
}

static PoolDef *
pool(const char *device)
{
    g_autofree char *xml = g_strdup_printf(
        "<pool type='disk'><name>p</name><source><device path='%s'/></source>"
        "<target><path>/dev</path></target></pool>",
        device);

    return pool_parse(xml, -1, FALSE, FALSE, NULL);
}

static void
a_gpt_is_read(void **state)
{
    g_auto(DiskReport) r = { 0 };
    g_autoptr(PoolDef) def = pool("/dev/loop19");
    g_autoptr(GPtrArray) volumes = NULL;
    g_autofree char *room = NULL;
    const VolumeDef *v;

    assert_true(disk_report_read(gpt, 64 * MIB, &r, NULL));
    assert_true(r.is_gpt);
    assert_null(disk_extended(&r));
    room = free_text(&r, FALSE);
    assert_string_equal(room, "6144-10240 14336-131039 ");
    volumes = disk_volumes_of(def, &r);
    assert_int_equal(volumes->len, 2);
    v = volumes->pdata[0];
    assert_string_equal(v->name, "loop19p1");
    assert_string_equal(v->format, "linux");
    v = volumes->pdata[1];
    assert_string_equal(v->format, "linux-swap");
    assert_int_equal(v->capacity, 2 * MIB);
    disk_space_take(def, &r);
    disk_space_take(def, &r);
    assert_int_equal(def->available, (4096 + 131039 - 14336) * 512);
    assert_int_equal(list_length(((PoolDevice *)def->source.devices->pdata[0])->free), 2);
}

/* 1 MiB before each logical partition is for its head. */
static void
an_extended_partition_has_room_in_it(void **state)
{
    g_auto(DiskReport) r = { 0 };
    g_autofree char *primary = NULL, *logical = NULL;

    assert_true(disk_report_read(dos, 32 * MIB, &r, NULL));
    assert_true(r.is_dos);
    assert_int_equal(disk_extended(&r)->number, 1);
    primary = free_text(&r, FALSE);
    assert_string_equal(primary, "45056-65536 ");
    logical = free_text(&r, TRUE);
    assert_string_equal(logical, "8192-43008 ");
}

static void
types_have_words(void **state)
{
    assert_string_equal(disk_type_of("linux-lvm", FALSE), "8e");
    assert_string_equal(disk_type_of("extended", FALSE), "5");
    assert_null(disk_type_of("extended", TRUE));
    assert_null(disk_type_of("bsd", FALSE));
}

static void
nonsense_is_an_error_or_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"partitiontable\": []}",
        "{\"partitiontable\": {\"label\": 1}}",
        "{\"partitiontable\": {\"label\": \"gpt\", \"sectorsize\": 0}}",
    };
    static const char odd[] =
        "{\"partitiontable\": {\"label\": \"gpt\", \"firstlba\": -5, \"lastlba\": -9,"
        " \"partitions\": [1, {}, {\"node\": \"x1\", \"start\": 1, \"size\": 1, \"type\": \"\"},"
        "{\"node\": \"/dev/x\", \"start\": 1, \"size\": 1, \"type\": \"83\"},"
        "{\"node\": \"/dev/x1\", \"start\": -1, \"size\": 1, \"type\": \"83\"},"
        "{\"node\": \"/dev/x1\", \"start\": 1, \"size\": 9223372036854775807, \"type\": \"83\"}]}}";
    g_auto(DiskReport) r = { 0 };
    g_autofree char *room = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_auto(DiskReport) none = { 0 };
        g_autoptr(GError) err = NULL;

        assert_false(disk_report_read(wrong[i], MIB, &none, &err));
        assert_non_null(err);
    }
    assert_true(disk_report_read(odd, MIB, &r, NULL));
    assert_int_equal(r.parts->len, 0);
    room = free_text(&r, FALSE);
    assert_string_equal(room, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gpt_is_read),
        cmocka_unit_test(an_extended_partition_has_room_in_it),
        cmocka_unit_test(types_have_words),
        cmocka_unit_test(nonsense_is_an_error_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
