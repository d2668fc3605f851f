/* What vmd says of recorded processors, beside what libvirtd 11.3 said of the same: the lines of
 * questions.py, answered by the functions behind the calls, without a QEMU.
 *
 *     processors QEMU_7.2.json QEMU_10.0.json FOLDER     compares FOLDER/NAME.txt, NAME.answers;
 * TAP processors QEMU_7.2.json QEMU_10.0.json FILE.txt   prints the answers
 */
#include <stdio.h>
#include <string.h>

#include "qemu/emulator/cpu.h"

static const char *const versions[] = { "7.2", "10.0" };

static const char *const models[] = {
    "486",
    "pentium3",
    "qemu64",
    "kvm32",
    "kvm64",
    "kvm64-v1",
    "Conroe",
    "Penryn",
    "Nehalem",
    "Westmere",
    "Westmere-v2",
    "SandyBridge",
    "IvyBridge",
    "Haswell",
    "Haswell-noTSX",
    "Broadwell",
    "Skylake-Client",
    "Skylake-Server",
    "Skylake-Server-v1",
    "Cascadelake-Server",
    "Icelake-Server",
    "SapphireRapids",
    "Denverton",
    "Opteron_G1",
    "Opteron_G3",
    "Opteron_G4",
    "EPYC",
    "EPYC-v3",
    "EPYC-Rome",
    "EPYC-Milan",
    "EPYC-Genoa",
    "Dhyana",
};
static const char *const others[] = { "kvm64", "Westmere", "Haswell-noTSX", "EPYC" };

/* ---- the QEMU of a recording */

/* Names of features, as QEMU spells them, in the line "WORD VERSION NAME ...". */
static char **
told_by_qemu(const char *recording, const char *word, const char *version)
{
    g_autofree char *text = NULL, *head = g_strdup_printf("%s %s ", word, version);
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(recording, &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", 0);
    for (guint i = 0; lines[i] != NULL; i++)
        if (g_str_has_prefix(lines[i], head))
            return g_strsplit(lines[i] + strlen(head), " ", 0);
    return NULL;
}

static FeatureSet
set_of(Emulator *e, char **names)
{
    FeatureSet set = { { 0 } };

    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        feature_set(&set, feature_add(e, names[i]));
    return set;
}

/* What KVM has not of a model, QEMU says, but for what it leaves off without a word; of some models
 * it refuses what the host has: its room in the state of XSAVE is another one. */
static void
block_models(Emulator *e, const FeatureSet *has, const FeatureSet *refused)
{
    static const char *const unsaid[] = { "topoext", "svme-addr-chk", "vnmi" };

    for (guint i = 0; i < e->models->len; i++) {
        CpuModel *m = &g_array_index(e->models, CpuModel, i);
        FeatureSet given = cpu_given(e, cpu_version(e, m), ACCEL_KVM), kept;

        kept = cpu_both(&given, refused);
        given = cpu_less(&given, has);
        cpu_add(&given, &kept);
        for (guint u = 0; u < G_N_ELEMENTS(unsaid); u++)
            cpu_drop(&given, feature_find(e, unsaid[u]));
        m->on[ACCEL_KVM].blockers = given;
    }
}

/* NULL: this QEMU was not asked on that processor. */
static Emulator *
emulator_on(const char *file, const char *recording, const char *version)
{
    g_auto(GStrv) names = told_by_qemu(recording, "qemu", version);
    g_auto(GStrv) refusals = told_by_qemu(recording, "refused", version);
    FeatureSet refused;
    Emulator *e = emucache_load("/usr/bin/qemu-system-x86_64", "golden", file);
    int invtsc;
    HostCpu *host;
    CpuSelf self;

    if (e == NULL || names == NULL || !cpuid_self(&self)) {
        emulator_free(e);
        return NULL;
    }
    host = &e->host[ACCEL_KVM];
    *host = (HostCpu){ .known = TRUE,
                       .vendor = emulator_keep(e, self.vendor),
                       .family = self.family,
                       .model = self.model,
                       .stepping = self.stepping };
    host->features = set_of(e, names);
    refused = set_of(e, refusals);
    block_models(e, &host->features, &refused);
    invtsc = feature_find(e, "invtsc");
    if (feature_in(&host->features, invtsc)) {
        cpu_drop(&host->features, invtsc);
        feature_set(&host->bound, invtsc);
    }
    return e;
}

/* ---- answers */

static void
add_policies(GString *s, GArray *policies)
{
    for (guint i = 0; i < policies->len; i++) {
        const CpuPolicy *p = &g_array_index(policies, CpuPolicy, i);

        g_string_append_printf(s, " %c%s", p->on ? '+' : '-', p->name);
    }
}

/* A processor as a document, and as a line. */
typedef struct Told {
    GString *doc, *line;
} Told;

static Told
told_as(const char *model, const char *vendor, GArray *policies, gboolean host)
{
    Told t = { g_string_new("<cpu>"), g_string_new(NULL) };

    g_string_append_printf(t.line, "%s %s", model, vendor != NULL ? vendor : "-");
    add_policies(t.line, policies);
    if (host)
        g_string_append(t.doc, "<arch>x86_64</arch>");
    g_string_append_printf(t.doc, "<model>%s</model>", model);
    if (vendor != NULL)
        g_string_append_printf(t.doc, "<vendor>%s</vendor>", vendor);
    for (guint i = 0; i < policies->len; i++) {
        const CpuPolicy *p = &g_array_index(policies, CpuPolicy, i);

        g_string_append_printf(t.doc, "<feature %s name='%s'/>",
                               host    ? ""
                               : p->on ? "policy='require'"
                                       : "policy='disable'",
                               p->name);
    }
    g_string_append(t.doc, "</cpu>");
    return t;
}

static Told
told_here(const Emulator *e)
{
    g_autoptr(GArray) policies = NULL;
    const char *model = cpu_here_model(e, &policies);
    CpuSelf self = { .vendor = "" };

    cpuid_self(&self);
    return told_as(model, cpu_vendor(self.vendor), policies, TRUE);
}

static Told
told_of_kvm(const Emulator *e)
{
    g_autoptr(GArray) policies = NULL;
    const char *model = cpu_host_model(e, ACCEL_KVM, TRUE, &policies);

    return told_as(model, cpu_vendor(e->host[ACCEL_KVM].vendor), policies, FALSE);
}

static void
told_free(Told *t)
{
    g_string_free(t->doc, TRUE);
    g_string_free(t->line, TRUE);
}

static CpuDoc *
doc_of(const char *text, gboolean host)
{
    return cpu_doc_parse(text, host ? CPU_DOC_HOST : 0, NULL);
}

static char *
doc_of_model(const char *model)
{
    return g_strdup_printf("<cpu><arch>x86_64</arch><model>%s</model></cpu>", model);
}

static void
put_error(GString *out, const GError *err)
{
    WireError wire;

    error_to_wire(err, &wire);
    g_string_append_printf(out, "error %d", wire.code);
    wire_error_done(&wire);
}

static void
put_compare(GString *out, const char *head, const char *name, const CpuOffer *offer,
            const char *text)
{
    static const char *const words[] = { "incompatible", "identical", "superset" };
    g_autoptr(CpuDoc) doc = doc_of(text, FALSE);
    g_autoptr(GError) why = NULL, err = NULL;
    CpuMatch match;

    g_string_append_printf(out, "%scompare %s: ", head, name);
    if (cpu_compare(doc, offer, &match, &why, &err))
        g_string_append(out, words[match]);
    else
        put_error(out, err);
    g_string_append_c(out, '\n');
}

/* A <cpu> document on one line, as questions.py has it. */
static void
put_short(GString *out, const char *text)
{
    g_autoptr(CpuDoc) doc = doc_of(text, FALSE);
    const CpuDef *cpu = &doc->cpu;

    g_string_append_printf(out, "%s %s", cpu->model, cpu->vendor != NULL ? cpu->vendor : "-");
    for (guint i = 0; i < list_length(cpu->features); i++) {
        const CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);

        g_string_append_printf(out, " %c%s", f->policy == POLICY_DISABLE ? '-' : '+', f->name);
    }
}

static void
put_baseline(GString *out, const char *head, const char *name, CpuBaseline in, const Emulator *e,
             const char *a, const char *b)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;

    in.cpus = g_ptr_array_new_with_free_func((GDestroyNotify)cpu_doc_free);
    g_ptr_array_add(in.cpus, doc_of(a, !in.hypervisor));
    if (b != NULL)
        g_ptr_array_add(in.cpus, doc_of(b, !in.hypervisor));
    text = cpu_baseline(&in, e, &err);
    g_string_append_printf(out, "%sbaseline%s: ", head, name);
    if (text != NULL)
        put_short(out, text);
    else
        put_error(out, err);
    g_string_append_c(out, '\n');
    g_ptr_array_unref(in.cpus);
}

static void
put_baselines_with(GString *out, const char *head, CpuBaseline in, const Emulator *e,
                   const char *host)
{
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *doc = doc_of_model(others[i]);
        g_autofree char *name = g_strconcat(" with ", others[i], NULL);

        put_baseline(out, head, name, in, e, host, doc);
    }
}

static void
put_compares(GString *out, const char *head, const CpuOffer *offer)
{
    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        g_autofree char *doc = doc_of_model(models[i]);

        put_compare(out, head, models[i], offer, doc);
    }
}

static void
answer_host(GString *out, const Emulator *e)
{
    Told host = told_here(e);
    CpuOffer offer = cpu_offer_here(e);
    CpuBaseline plain = { .accel = ACCEL_KVM }, migratable = plain;

    migratable.migratable = TRUE;
    g_string_append_printf(out, "host: %s\n", host.line->str);
    put_compares(out, "", &offer);
    put_compare(out, "", "itself", &offer, host.doc->str);
    put_baseline(out, "", "", plain, e, host.doc->str, NULL);
    put_baseline(out, "", ", migratable", migratable, e, host.doc->str, NULL);
    put_baselines_with(out, "", plain, e, host.doc->str);
    told_free(&host);
}

static void
answer_kvm(GString *out, const Emulator *e, const char *version)
{
    g_autofree char *head = g_strdup_printf("%s kvm ", version);
    Told host = told_here(e), kvm = told_of_kvm(e);
    CpuOffer offer = cpu_offer_of(e, ACCEL_KVM);
    CpuBaseline plain = { .hypervisor = TRUE, .accel = ACCEL_KVM }, migratable = plain;

    migratable.migratable = TRUE;
    g_string_append_printf(out, "%s kvm: %s\n", version, kvm.line->str);
    put_compares(out, head, &offer);
    put_compare(out, head, "itself", &offer, kvm.doc->str);
    put_compare(out, head, "host", &offer, host.doc->str);
    put_baseline(out, head, "", plain, e, kvm.doc->str, NULL);
    put_baseline(out, head, ", migratable", migratable, e, kvm.doc->str, NULL);
    put_baseline(out, head, " of host", plain, e, host.doc->str, NULL);
    put_baselines_with(out, head, plain, e, host.doc->str);
    told_free(&host);
    told_free(&kvm);
}

static GString *
answers_of(char *const *emulators, const char *recording)
{
    GString *out = g_string_new(NULL);
    g_autoptr(GError) err = NULL;

    if (!processor_play(recording, &err)) {
        g_string_append_printf(out, "%s\n", err->message);
        return out;
    }
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
        g_autoptr(Emulator) e = emulator_on(emulators[i], recording, versions[i]);

        if (e == NULL)
            continue;
        if (i == 0)
            answer_host(out, e);
        answer_kvm(out, e, versions[i]);
    }
    processor_play(NULL, NULL);
    return out;
}

/* ---- all of a folder */

static guint
print_differences(const char *mine, const char *theirs)
{
    g_auto(GStrv) a = g_strsplit(mine, "\n", 0), b = g_strsplit(theirs, "\n", 0);
    guint n = 0;

    for (guint i = 0; a[i] != NULL && b[i] != NULL; i++)
        if (strcmp(a[i], b[i]) != 0 && n++ < 10)
            printf("# vmd:      %s\n# libvirtd: %s\n", a[i], b[i]);
    if (g_strv_length(a) != g_strv_length(b))
        printf("# %u answers, libvirtd gave %u\n", g_strv_length(a), g_strv_length(b));
    return n + (g_strv_length(a) != g_strv_length(b));
}

static guint
compare_folder(char *const *emulators, const char *folder)
{
    g_autoptr(GPtrArray) names = state_names(folder, ".txt", NULL);
    guint failed = 0;

    printf("1..%u\n", names->len);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *file = g_strdup_printf("%s/%s.txt", folder, name);
        g_autofree char *wanted = g_strdup_printf("%s/%s.answers", folder, name);
        g_autofree char *theirs = NULL;
        GString *mine = answers_of(emulators, file);
        guint n = !g_file_get_contents(wanted, &theirs, NULL, NULL) ||
                  print_differences(mine->str, theirs);

        printf("%sok %u %s\n", n > 0 ? "not " : "", i + 1, name);
        failed += n > 0;
        g_string_free(mine, TRUE);
    }
    return failed;
}

int
main(int argc, char **argv)
{
    if (argc == 4 && g_file_test(argv[3], G_FILE_TEST_IS_DIR))
        return compare_folder(argv + 1, argv[3]) > 0;
    if (argc == 4) {
        GString *text = answers_of(argv + 1, argv[3]);

        fputs(text->str, stdout);
        g_string_free(text, TRUE);
        return 0;
    }
    fprintf(stderr, "usage: processors QEMU_7.2.json QEMU_10.0.json FOLDER|FILE\n");
    return 2;
}
