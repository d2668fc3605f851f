/* A <cpu> that stands alone: whose it is, and what it may not say. */
#include "unit.h"

#include "conf/conf.h"

static void
test_host(void **state)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(CpuDoc) doc = cpu_doc_parse(
        "<cpu><arch>x86_64</arch><model>Penryn</model><vendor>Intel</vendor>"
        "<microcode version='7'/><signature family='6' model='23' stepping='1'/>"
        "<topology sockets='1' dies='1' clusters='1' cores='2' threads='1'/>"
        "<feature name='avx'/><feature policy='forbid' name='vmx'/><pages unit='KiB' size='4'/>"
        "<pages unit='KiB' size='2048'/></cpu>",
        0, &err);

    assert_null(err);
    assert_string_equal(doc->arch, "x86_64");
    assert_string_equal(doc->cpu.model, "Penryn");
    assert_int_equal(doc->microcode, 7);
    assert_int_equal(doc->pages->len, 2);
    assert_int_equal(doc->cpu.features->len, 2);
    for (guint i = 0; i < 2; i++)
        assert_int_equal(((CpuFeature *)doc->cpu.features->pdata[i])->policy, POLICY_REQUIRE);
}

/* What capabilities tell is valid. */
static void
test_host_validates(void **state)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(CpuDoc) doc = cpu_doc_parse(
        "<cpu><arch>x86_64</arch><model>Penryn</model><vendor>Intel</vendor>"
        "<microcode version='7'/><signature family='6' model='23' stepping='1'/>"
        "<counter name='tsc' frequency='2000000000' scaling='no'/>"
        "<topology sockets='1' dies='1' clusters='1' cores='2' threads='1'/>"
        "<maxphysaddr mode='emulate' bits='48'/><feature name='avx'/>"
        "<pages unit='KiB' size='4'/><pages unit='KiB' size='2048'/></cpu>",
        CPU_DOC_VALIDATE, &err);

    assert_null(err);
    assert_non_null(doc);
}

static void
test_guest(void **state)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(CpuDoc) doc = cpu_doc_parse("<cpu match='strict' mode='custom'><model>Penryn</model>"
                                          "<feature policy='forbid' name='vmx'/></cpu>",
                                          CPU_DOC_VALIDATE, &err);

    assert_null(err);
    assert_null(doc->arch);
    assert_int_equal(doc->cpu.match, CPU_MATCH_STRICT);
    assert_int_equal(((CpuFeature *)doc->cpu.features->pdata[0])->policy, POLICY_FORBID);
}

#define HOST(rest) "<cpu><arch>x86_64</arch><model>Penryn</model>" rest "</cpu>"

static const struct {
    const char *xml;
    guint flags;
    int code;
    const char *words;
} wrong[] = {
    { "<domain/>", 0, ERR_XML, "expected 'cpu' element" },
    { "<cpu>", 0, ERR_XML_DETAIL, "" },
    { "<cpu match='exact'><arch>x86_64</arch></cpu>", 0, ERR_XML, "no 'match'" },
    { "<cpu mode='custom'><arch>x86_64</arch></cpu>", 0, ERR_CONFIG_UNSUPPORTED, "a 'mode'" },
    { "<cpu><arch>nosuch</arch></cpu>", 0, ERR_CONFIG_UNSUPPORTED, "architecture 'nosuch'" },
    { "<cpu><arch>x86_64</arch></cpu>", 0, ERR_XML, "has a <model>" },
    { "<cpu><arch>x86_64</arch><model/></cpu>", 0, ERR_XML, "has a <model>" },
    { "<cpu><model>Penryn</model></cpu>", CPU_DOC_HOST, ERR_XML, "has an <arch>" },
    { HOST("<feature name='avx'/><feature name='avx'/>"), 0, ERR_XML, "'avx' is there twice" },
    { HOST("<feature/>"), 0, ERR_XML_VALUE, "name" },
    { HOST("<microcode version='one'/>"), 0, ERR_CONFIG_UNSUPPORTED, "version" },
    { HOST("<nosuch/>"), CPU_DOC_VALIDATE, ERR_XML_SCHEMA, "nosuch" },
    { HOST("<feature policy='require' name='avx'/>"), CPU_DOC_VALIDATE, ERR_XML_SCHEMA,
      "no 'policy'" },
    { "<cpu match='exact'><feature name='avx'/></cpu>", 0, ERR_XML, "no <model>" },
    { "<cpu match='odd'><model>Penryn</model></cpu>", 0, ERR_XML_VALUE, "match" },
    { "<cpu><model vendor_id='short'>Penryn</model></cpu>", 0, ERR_XML, "12 characters" },
    { "<cpu match='exact'><model>Penryn</model><feature policy='force' name='avx'/>"
      "<feature policy='disable' name='avx'/></cpu>",
      0, ERR_XML, "'avx' is there twice" },
};

static void
test_wrong(void **state)
{
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) err = NULL;

        assert_null(cpu_doc_parse(wrong[i].xml, wrong[i].flags, &err));
        assert_int_equal(err->code, wrong[i].code);
        assert_non_null(strstr(err->message, wrong[i].words));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_host_validates),
        cmocka_unit_test(test_guest),
        cmocka_unit_test(test_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
