/* What is read of LVM's reports: text that lvm 2.03.16 printed, and text that it would not. */
#include "storage/backend.h"

#include "unit.h"

#define HEAD                                                                                       \
    "{\"report\": [{\"vg\": [{\"vg_name\":\"vgt\", \"vg_size\":\"264241152\", \"vg_free\":\"239075328\", \"vg_extent_size\":\"4194304\"}],\"pv\": [{\"pv_name\":\"/dev/loop18\"},{\"pv_name\":\"/dev/loop19\"}],"
#define LV(name, size, attr, tags, origin, origin_size, used)                                      \
    "{\"lv_name\":\"" name "\", \"lv_uuid\":\"u-" name "\", \"lv_size\":\"" size                   \
    "\", \"lv_attr\":\"" attr "\", \"lv_tags\":\"" tags "\", \"origin\":\"" origin                 \
    "\", \"origin_size\":\"" origin_size "\", \"data_percent\":\"" used "\"}"

static const char report[] = HEAD "\"lv\": [" LV("one", "12582912", "-wi-a-----", "", "", "", "") "," LV(
    "snap",
    "8388608",
    "swi-a-s---", "", "one", "12582912",
    "0.00") "," LV("sparse", "12582912", "swi-a-s---", "", "[sparse_vorigin]", "104857600",
                   "0.00") "," LV("small", "4194304", "twi-a-tz--", "", "", "",
                                  "0.00") "," LV("tp", "41943040", "twi-aotz--", "", "", "",
                                                 "10.00") "," LV("thin", "104857600", "Vwi-a-tz--",
                                                                 "x,y", "",
                                                                 "",
                                                                 "25.00") "," LV("half", "4194304",
                                                                                 "-wi-a-----",
                                                                                 "x,vmd_making_1",
                                                                                 "",
                                                                                 "",
                                                                                 "") "],\"pvseg\": [{\"pvseg_start\":\"0\"}],\"seg\": ["
                                                                                     "{\"lv_name\":\"one\", \"seg_start_pe\":\"0\", \"seg_pe_ranges\":\"/dev/loop18:0-1\"},"
                                                                                     "{\"lv_name\":\"one\", \"seg_start_pe\":\"2\", \"seg_pe_ranges\":\"/dev/loop19:5-5 /dev/loop18:9-9\"},"
                                                                                     "{\"lv_name\":\"thin\", \"seg_start_pe\":\"0\", \"seg_pe_ranges\":\"\"},"
                                                                                     "{\"lv_name\":\"tp\", \"seg_start_pe\":\"0\", \"seg_pe_ranges\":\"tp_tdata:0-9\"}]}]}";

static const VolumeDef *
find(const LvmReport *r, const char *name)
{
    EACH (VolumeDef, v, r->volumes)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static void
volumes_are_read(void **state)
{
    g_auto(LvmReport) r = { 0 };
    const VolumeDef *v;
    const VolumeDevice *device;

    assert_true(lvm_report_read(report, "/dev/vgt", NULL, &r, NULL));
    assert_int_equal(r.space.capacity, 264241152);
    assert_int_equal(r.space.available, 239075328);
    assert_int_equal(r.extent, 4194304);
    assert_int_equal(r.volumes->len, 4);
    assert_null(find(&r, "half"));
    assert_string_equal(r.pool, "tp");
    v = find(&r, "one");
    assert_string_equal(v->path, "/dev/vgt/one");
    assert_string_equal(v->key, "u-one");
    assert_int_equal(v->type, VOLUME_BLOCK);
    assert_int_equal(list_length(v->devices), 2);
    device = v->devices->pdata[0];
    assert_string_equal(device->path, "/dev/loop18");
    assert_int_equal(LIST_AT(PoolExtent, device->extents, 0)->end, 2 * 4194304);
    assert_int_equal(LIST_AT(PoolExtent, device->extents, 1)->start, 9 * 4194304);
    v = find(&r, "snap");
    assert_int_equal(v->capacity, 12582912);
    assert_int_equal(v->allocation, 8388608);
    assert_string_equal(v->backing->path, "/dev/vgt/one");
    v = find(&r, "sparse");
    assert_int_equal(v->capacity, 104857600);
    assert_null(v->backing);
    v = find(&r, "thin");
    assert_int_equal(v->allocation, 104857600 / 4);
    assert_null(v->devices);
}

static void
its_maker_finds_what_is_marked(void **state)
{
    g_auto(LvmReport) r = { 0 };

    assert_true(lvm_report_read(report, "/dev/vgt", "vmd_making_1", &r, NULL));
    assert_non_null(find(&r, "half"));
}

static void
groups_are_sources(void **state)
{
    static const char two[] =
        "{\"report\": [{\"vg\": [{\"vg_name\":\"a\"}], \"pv\": [{\"pv_name\":\"/dev/a&b\"}]},"
        "{\"vg\": [], \"pv\": [{\"pv_name\":\"/dev/c\"}]}]}";
    g_autofree char *xml = lvm_sources(two, NULL);

    assert_string_equal(
        xml, "<sources>\n  <source>\n    <device path='/dev/a&amp;b'/>\n    <name>a</name>\n"
             "    <format type='lvm2'/>\n  </source>\n</sources>\n");
}

/* It is a program's text, and may be of another version, or of somebody else's. */
static void
nonsense_is_an_error_or_nothing(void **state)
{
    static const char *const wrong[] = {
        "", "x", "[]", "{}", "{\"report\": 1}", "{\"report\": []}"
    };
    static const char *const empty[] = {
        "{\"report\": [1]}",
        "{\"report\": [{\"vg\": 1, \"lv\": {}, \"seg\": \"\"}]}",
        ("{\"report\": [{\"lv\": [1, {}, {\"lv_name\": \"a/b\", \"lv_uuid\": \"u\", \"lv_attr\": \"-\"},"
         " {\"lv_name\": \"\", \"lv_uuid\": \"u\", \"lv_attr\": \"\"}], \"seg\": [2, {}]}]}"),
    };

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_auto(LvmReport) r = { 0 };
        g_autoptr(GError) err = NULL;

        assert_false(lvm_report_read(wrong[i], "/dev/a", NULL, &r, &err));
        assert_non_null(err);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(empty); i++) {
        g_auto(LvmReport) r = { 0 };
        g_autofree char *xml = lvm_sources(empty[i], NULL);

        assert_true(lvm_report_read(empty[i], "/dev/a", NULL, &r, NULL));
        assert_int_equal(r.volumes->len, 0);
        assert_string_equal(xml, "<sources>\n</sources>\n");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_are_read),
        cmocka_unit_test(its_maker_finds_what_is_marked),
        cmocka_unit_test(groups_are_sources),
        cmocka_unit_test(nonsense_is_an_error_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
