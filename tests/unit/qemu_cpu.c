/* CPUs that documents describe, beside what a real QEMU tells of its models. Skipped where there is
 * no QEMU. */
#include "probed.h"
#include "unit.h"

#include "qemu/emulator/cpu.h"

static const char *const binary = "/usr/bin/qemu-system-x86_64";

static Emulator *
probe_or_skip(void)
{
    g_autoptr(GError) err = NULL;
    Emulator *e;

    if (access(binary, X_OK) < 0)
        skip();
    e = probe_to_end(binary, &err);
    assert_null(err);
    assert_non_null(e);
    return e;
}

static CpuDoc *
cpu_of(const char *text)
{
    g_autoptr(GError) err = NULL;
    CpuDoc *doc = cpu_doc_parse(text, 0, &err);

    assert_null(err);
    return doc;
}

static void
doc_free(gpointer doc)
{
    cpu_doc_free(doc);
}

/* ---- CPUID */

static void
test_words(void **state)
{
    g_autoptr(GHashTable) has = NULL;
    json_object *words = json_tokener_parse(
        "[{\"cpuid-input-eax\": 1, \"cpuid-register\": \"ECX\", \"features\": 2147483649},"
        " {\"cpuid-input-eax\": 7, \"cpuid-input-ecx\": 0, \"cpuid-register\": \"EBX\","
        "  \"features\": 32},"
        " {\"cpuid-input-eax\": 7, \"cpuid-input-ecx\": 1, \"cpuid-register\": \"EBX\","
        "  \"features\": 4294967295}]");

    has = cpuid_read(words);
    assert_int_equal(g_hash_table_size(has), 3);
    assert_true(g_hash_table_contains(has, "pni"));
    assert_true(g_hash_table_contains(has, "hypervisor"));
    assert_true(g_hash_table_contains(has, "avx2"));
    assert_true(cpuid_order("pni") < cpuid_order("vme"));
    assert_true(cpuid_order("vme") < cpuid_order("avx2"));
    assert_true(cpuid_order("rdctl-no") >= cpuid_features());
    assert_true(cpuid_order("no-such-feature") > cpuid_order("rdctl-no"));
    json_object_put(words);
}

/* ---- compare */

typedef struct Case {
    const char *cpu;
    int match;       /* CpuMatch; -1: the description is wrong */
    const char *why; /* in the error; NULL: there is none */
} Case;

static void
try_case(const CpuOffer *offer, const Case *c)
{
    g_autoptr(CpuDoc) cpu = cpu_of(c->cpu);
    g_autoptr(GError) why = NULL, err = NULL;
    CpuMatch match;
    gboolean ok = cpu_compare(cpu, offer, &match, &why, &err);
    const GError *told = ok ? why : err;

    assert_int_equal(ok ? (int)match : -1, c->match);
    assert_int_equal(told != NULL, c->why != NULL);
    if (told != NULL)
        assert_non_null(strstr(told->message, c->why));
}

static void
test_compare(void **state)
{
    static const Case cases[] = {
        { "<cpu><model>qemu64</model></cpu>", CPU_SUPERSET, NULL },
        { "<cpu match='strict'><model>qemu64</model></cpu>", CPU_SUPERSET, NULL },
        { "<cpu match='strict'><model>qemu64</model><feature name='sse2'/></cpu>", CPU_INCOMPATIBLE,
          "strictly" },
        { "<cpu><arch>ppc64</arch><model>qemu64</model></cpu>", CPU_INCOMPATIBLE, "arch ppc64" },
        { "<cpu><model>qemu64</model><feature policy='force' name='pcid'/></cpu>", CPU_SUPERSET,
          NULL },
        { "<cpu><arch>x86_64</arch><model>qemu64</model>"
          "<feature policy='optional' name='pcid'/></cpu>",
          CPU_INCOMPATIBLE, "features: pcid" },
        { "<cpu><model>Haswell</model></cpu>", CPU_INCOMPATIBLE, "features: pcid, " },
        { "<cpu><model>qemu64</model><feature name='tsc-deadline'/><feature name='pcid'/></cpu>",
          CPU_INCOMPATIBLE, "features: pcid, tsc-deadline" },
        { "<cpu><model>qemu64</model><feature policy='forbid' name='sse4.1'/></cpu>",
          CPU_INCOMPATIBLE, "forbidden features: sse4.1" },
        { "<cpu><model>qemu64</model><feature policy='optional' name='pcid'/></cpu>", CPU_SUPERSET,
          NULL },
        { "<cpu><model>qemu64</model><feature policy='require' name='pcid'/></cpu>",
          CPU_INCOMPATIBLE, "features: pcid" },
        { "<cpu><model>qemu64</model><feature name='pcid'/></cpu>", CPU_INCOMPATIBLE,
          "features: pcid" },
        { "<cpu><model>qemu64</model><vendor>Zhaoxin</vendor></cpu>", CPU_SUPERSET, NULL },
        { "<cpu><model>qemu64</model><vendor>Zhaoxin</vendor><feature name='sse2'/></cpu>",
          CPU_INCOMPATIBLE, "vendor Zhaoxin" },
        { "<cpu><model>nosuch</model></cpu>", -1, "Unknown CPU model nosuch" },
        { "<cpu><model>qemu64</model><feature name='nosuch'/></cpu>", -1,
          "Unknown CPU feature nosuch" },
    };
    g_autoptr(Emulator) e = probe_or_skip();
    CpuOffer offer = cpu_offer_of(e, ACCEL_TCG);

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        try_case(&offer, &cases[i]);
}

/* What a host says of itself, given back, is that host. */
static void
test_host_is_itself(void **state)
{
    g_autoptr(Emulator) e = probe_or_skip();
    g_autoptr(GArray) policies = NULL;
    g_autoptr(GString) text = g_string_new("<cpu>");
    const char *model = cpu_here_model(e, &policies);
    CpuOffer here = cpu_offer_here(e);
    Case c = { NULL, CPU_IDENTICAL, NULL };

    if (model == NULL)
        skip();
    g_string_append_printf(text, "<model>%s</model>", model);
    for (guint i = 0; i < policies->len; i++)
        g_string_append_printf(text, "<feature name='%s'/>",
                               g_array_index(policies, CpuPolicy, i).name);
    c.cpu = g_string_append(text, "</cpu>")->str;
    try_case(&here, &c);
}

/* ---- what is started */

static void
test_start(void **state)
{
    static const Case cases[] = {
        { "<cpu mode='custom' check='partial'><model>qemu64</model></cpu>", 0, NULL },
        { "<cpu mode='custom' check='partial' match='strict'><model>qemu64</model></cpu>", 0,
          NULL },
        { "<cpu mode='custom' check='partial'><model>Haswell</model></cpu>", ERR_CPU_INCOMPATIBLE,
          "features: pcid, " },
        { "<cpu mode='custom' check='none'><model>Haswell</model></cpu>", 0, NULL },
        { "<cpu mode='custom' check='none'><model>qemu64</model><feature name='nosuch'/></cpu>",
          ERR_CONFIG_UNSUPPORTED, "unknown CPU feature: nosuch" },
        { "<cpu mode='custom' check='none'><model>qemu64</model><feature name='invtsc'/></cpu>",
          ERR_CONFIG_UNSUPPORTED, "invariant TSC" },
        { "<cpu mode='custom' check='none'><model>qemu64</model>"
          "<feature policy='optional' name='invtsc'/></cpu>",
          0, NULL },
        { "<cpu mode='host-model' check='partial'><feature policy='forbid' name='sse2'/></cpu>",
          ERR_CPU_INCOMPATIBLE, "forbidden features: sse2" },
        { "<cpu mode='custom' check='full'><model>qemu64</model>"
          "<feature policy='forbid' name='sse2'/></cpu>",
          0, NULL },
        { "<cpu mode='custom' check='partial'><model>qemu64</model>"
          "<feature policy='forbid' name='sse2'/></cpu>",
          ERR_CPU_INCOMPATIBLE, "forbidden features: sse2" },
        { "<cpu mode='custom' check='none'><model>qemu64</model>"
          "<feature policy='forbid' name='sse2'/></cpu>",
          0, NULL },
    };
    g_autoptr(Emulator) e = probe_or_skip();

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(CpuDoc) doc = cpu_of(cases[i].cpu);
        g_autoptr(GError) err = NULL;
        DomainDef def = { .virt_type = VIRT_QEMU, .cpu = &doc->cpu };

        def.os.arch = (char *)"x86_64";
        assert_int_equal(cpu_check_start(&def, e, &err), cases[i].match == 0);
        assert_int_equal(err != NULL ? err->code : 0, cases[i].match);
        if (err != NULL)
            assert_non_null(strstr(err->message, cases[i].why));
    }
}

static char *
spelled(const Emulator *e, const char *text)
{
    g_autoptr(CpuDoc) doc = cpu_of(text);
    GString *s = g_string_new(NULL);

    assert_true(cpu_spell(&doc->cpu, e, ACCEL_TCG));
    g_string_append(s, doc->cpu.model);
    for (guint i = 0; doc->cpu.features != NULL && i < doc->cpu.features->len; i++) {
        const CpuFeature *f = doc->cpu.features->pdata[i];

        g_string_append_printf(s, " %c%s", f->policy == POLICY_REQUIRE ? '+' : '-', f->name);
    }
    return g_string_free(s, FALSE);
}

static void
test_spelled(void **state)
{
    g_autoptr(Emulator) e = probe_or_skip();
    g_autofree char *plain = spelled(e, "<cpu mode='custom'><model>Penryn</model></cpu>");
    g_autofree char *version = spelled(e, "<cpu mode='custom'><model>EPYC-v1</model></cpu>");
    g_autofree char *less = spelled(e, "<cpu mode='custom'><model>EPYC</model></cpu>");
    g_autofree char *said = spelled(e, "<cpu mode='custom'><model>Icelake-Server</model>"
                                       "<feature policy='require' name='mpx'/></cpu>");
    g_autofree char *host = spelled(e, "<cpu mode='host-model'>"
                                       "<feature policy='disable' name='xop'/>"
                                       "<feature policy='disable' name='hypervisor'/></cpu>");

    assert_string_equal(plain, "Penryn");
    assert_string_equal(version, "EPYC-v1");
    assert_string_equal(less, "EPYC -monitor");
    assert_string_equal(said, "Icelake-Server +mpx -intel-pt");
    assert_non_null(strstr(host, " -hypervisor +"));
    assert_null(strstr(host, " +hypervisor"));
    assert_true(g_str_has_suffix(host, " -xop"));
}

/* ---- baseline */

static char *
baseline_of(const Emulator *e, CpuBaseline in, const char *const *texts)
{
    g_autoptr(GError) err = NULL;
    char *text;

    in.cpus = g_ptr_array_new_with_free_func(doc_free);
    for (guint i = 0; texts[i] != NULL; i++)
        g_ptr_array_add(in.cpus, cpu_of(texts[i]));
    text = cpu_baseline(&in, e, &err);
    assert_null(err);
    g_ptr_array_unref(in.cpus);
    return text;
}

static void
check_baseline(const Emulator *e, CpuBaseline in, const char *a, const char *b, const char *wanted)
{
    const char *const texts[] = { a, b, NULL };
    g_autofree char *text = baseline_of(e, in, texts);

    assert_string_equal(text, wanted);
}

#define CPU(fallback, model, rest)                                                                 \
    "<cpu mode='custom' match='exact'>\n  <model fallback='" fallback "'>" model "</model>\n" rest \
    "</cpu>\n"
#define FEATURE(policy, name) "  <feature policy='" policy "' name='" name "'/>\n"

#define LIMITED(bits)                                                                              \
    "<cpu><model>Penryn</model><maxphysaddr mode='passthrough' limit='" bits "'/></cpu>"

static void
test_baseline(void **state)
{
    static const char penryn[] = "<cpu><model>Penryn</model></cpu>";
    static const char epyc[] = "<cpu><model>EPYC</model></cpu>";
    static const char never[] =
        "<cpu><model>Penryn</model><feature name='invtsc'/><feature name='osxsave'/></cpu>";
    g_autoptr(Emulator) e = probe_or_skip();
    CpuBaseline plain = { 0 }, migratable = { .migratable = TRUE },
                here = { .hypervisor = TRUE, .accel = ACCEL_TCG };

    check_baseline(e, plain, penryn, NULL, CPU("forbid", "Penryn", ""));
    check_baseline(e, plain, penryn, "<cpu><model>Westmere</model><feature name='avx'/></cpu>",
                   CPU("allow", "Penryn", ""));
    check_baseline(e, plain, penryn, epyc,
                   CPU("allow", "kvm64",
                       FEATURE("require", "ssse3") FEATURE("require", "sse4.1")
                           FEATURE("require", "lahf_lm")));
    check_baseline(e, plain, never, NULL, CPU("forbid", "Penryn", FEATURE("require", "invtsc")));
    check_baseline(e, migratable, never, NULL, CPU("forbid", "Penryn", ""));
    check_baseline(e, plain, "<cpu><model>Penryn</model><vendor>Intel</vendor></cpu>", NULL,
                   CPU("forbid", "Penryn", "  <vendor>Intel</vendor>\n"));
    check_baseline(e, plain, "<cpu><model>Penryn</model><vendor>AMD</vendor></cpu>", NULL,
                   CPU("allow", "kvm64",
                       "  <vendor>AMD</vendor>\n" FEATURE("require", "ssse3")
                           FEATURE("require", "sse4.1") FEATURE("require", "lahf_lm")));
    check_baseline(e, here, LIMITED("40"), LIMITED("36"),
                   CPU("forbid", "Penryn", "  <maxphysaddr mode='passthrough' limit='36'/>\n"));
    check_baseline(e, here, LIMITED("40"), penryn, CPU("forbid", "Penryn", ""));
    check_baseline(e, here, "<cpu><model>Haswell</model></cpu>",
                   "<cpu><model>Westmere</model></cpu>", CPU("forbid", "Westmere", ""));
}

static void
test_baseline_in_full(void **state)
{
    const char *const texts[] = { "<cpu><model>qemu32</model></cpu>", NULL };
    g_autoptr(Emulator) e = probe_or_skip();
    CpuBaseline full = { .expand = TRUE };
    g_autofree char *text = baseline_of(e, full, texts);

    assert_non_null(strstr(text, "qemu32</model>\n" FEATURE("require", "apic")));
    assert_non_null(strstr(text, FEATURE("require", "sse2") FEATURE("require", "tsc") "</cpu>\n"));
    assert_null(strstr(text, "hypervisor"));
    assert_null(strstr(text, "disable"));
}

/* What is to run is told without what the accelerator lacks, also in full. */
static void
test_baseline_to_run(void **state)
{
    const char *const texts[] = { "<cpu><model>Haswell</model></cpu>", NULL };
    g_autoptr(Emulator) e = probe_or_skip();
    CpuBaseline brief = { .hypervisor = TRUE, .accel = ACCEL_TCG };
    CpuBaseline full = { .hypervisor = TRUE, .accel = ACCEL_TCG, .expand = TRUE };
    g_autofree char *in_brief = baseline_of(e, brief, texts);
    g_autofree char *in_full = baseline_of(e, full, texts);

    assert_non_null(strstr(in_brief, "Haswell</model>\n" FEATURE("disable", "pcid")));
    assert_null(strstr(in_brief, "require"));
    assert_non_null(strstr(in_full, FEATURE("disable", "pcid")));
    assert_null(strstr(in_full, FEATURE("require", "pcid")));
    assert_non_null(strstr(in_full, "Haswell</model>\n" FEATURE("require", "aes")));
}

static void
refuse_baseline(const Emulator *e, const char *a, const char *b, int code, const char *words)
{
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(doc_free);
    g_autoptr(GError) err = NULL;
    CpuBaseline in = { .cpus = cpus };

    if (a != NULL)
        g_ptr_array_add(cpus, cpu_of(a));
    if (b != NULL)
        g_ptr_array_add(cpus, cpu_of(b));
    assert_null(cpu_baseline(&in, e, &err));
    assert_int_equal(err->code, code);
    assert_non_null(strstr(err->message, words));
}

static void
test_baseline_refuses(void **state)
{
    static const char intel[] = "<cpu><model>Penryn</model><vendor>Intel</vendor></cpu>";
    g_autoptr(Emulator) e = probe_or_skip();

    refuse_baseline(e, NULL, NULL, ERR_INVALID_ARG, "no CPUs");
    refuse_baseline(e, intel, "<cpu/>", ERR_INVALID_ARG, "index 1");
    refuse_baseline(e, intel, "<cpu><model>nosuch</model></cpu>", ERR_INTERNAL, "nosuch");
    refuse_baseline(e, intel, "<cpu><model>EPYC</model><vendor>AMD</vendor></cpu>",
                    ERR_OPERATION_FAILED, "vendors do not match");
    refuse_baseline(e, intel, "<cpu><model>EPYC</model><vendor>Intel</vendor></cpu>",
                    ERR_OPERATION_FAILED, "AMD of model EPYC differs");
    refuse_baseline(e, "<cpu><model>Penryn</model><vendor>Acme</vendor></cpu>", NULL,
                    ERR_OPERATION_FAILED, "Unknown CPU vendor Acme");
    e->arch = "ppc64";
    refuse_baseline(e, intel, NULL, ERR_NO_SUPPORT, "of ppc64");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_host_is_itself),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_spelled),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_baseline_in_full),
        cmocka_unit_test(test_baseline_to_run),
        cmocka_unit_test(test_baseline_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
