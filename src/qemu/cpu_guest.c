/* The CPU that a guest really got, in the words of documents: a model's name, and each feature by
 * which this CPU differs from what the name means. Another host makes the same CPU of it.
 */
#include "cpu.h"

#include <string.h>

#include "args.h"

/* What the names of models mean to documents is older than what QEMU means by them today: it
 * counts these features to the models as well. A document that names the model therefore says
 * them, so that who knows only the older meaning makes the same CPU of it. */
static const struct {
    const char *models; /* a pattern */
    const char *features;
} unsaid[] = {
    { "*", "hypervisor" },
    { "qemu*", "vme" },
    { "kvm*", "vme" },
    { "pentium*", "apic" },
    { "coreduo*", "acpi ss" },
    { "n270*", "acpi lahf-lm movbe ss" },
    { "core2duo*", "acpi cx16 lahf-lm ss" },
    { "qemu64*", "lahf-lm" },
    { "Conroe*", "vme" },
    { "Penryn*", "vme" },
    { "Nehalem*", "vme" },
    { "Westmere*", "vme arat pclmulqdq" },
    { "SandyBridge*", "vme arat xsaveopt" },
    { "IvyBridge*", "arat xsaveopt" },
    { "Haswell*", "vme abm arat f16c rdrand xsaveopt" },
    { "Broadwell*", "vme abm arat f16c rdrand xsaveopt" },
    { "Skylake-Server*", "pku" },
    { "Skylake-Server-v1", "clflushopt" },
    { "Cascadelake-Server*", "pku" },
    { "Snowridge*", "monitor" },
    { "Snowridge-v1", "mpx" },
    { "Denverton*", "monitor" },
    { "athlon*", "mca" },
    { "phenom*", "vme abm cx16 lahf-lm npt pdpe1gb popcnt rdtscp sse4a" },
    { "Opteron*", "vme" },
    { "Opteron_G3*", "monitor" },
    { "Opteron_G4*", "npt nrip-save" },
    { "Opteron_G5*", "npt nrip-save" },
    { "EPYC*", "monitor topoext" },
    { "EPYC-v1", "npt nrip-save" },
    { "EPYC-v2", "npt nrip-save" },
    { "EPYC-Rome-v1", "xsaves" },
    { "Dhyana*", "monitor topoext" },
    { "Dhyana-v1", "npt nrip-save" },
};

/* Of what a model has, an accelerator leaves these off unless they are asked for. */
static const char *const left_off[N_ACCELS] = {
    [ACCEL_TCG] = "vme",
    [ACCEL_KVM] = "acpi monitor svm",
};

static gboolean
is_among(const char *list, const char *name)
{
    gsize len = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len)
        if ((at == list || at[-1] == ' ') && (at[len] == 0 || at[len] == ' '))
            return TRUE;
    return FALSE;
}

static gboolean
is_unsaid(const CpuModel *version, const char *feature)
{
    for (guint i = 0; i < G_N_ELEMENTS(unsaid); i++)
        if (g_pattern_match_simple(unsaid[i].models, version->name) &&
            is_among(unsaid[i].features, feature))
            return TRUE;
    return FALSE;
}

/* QEMU expands a model without what TCG cannot do, and tells that aside. */
static gboolean
model_has(const Emulator *e, const CpuModel *version, const char *feature)
{
    int bit = feature_find(e, feature);

    return feature_in(&version->features, bit) || feature_in(&version->on[ACCEL_TCG].blockers, bit);
}

static gboolean
is_meant(const Emulator *e, const CpuModel *version, const char *feature)
{
    return (model_has(e, version, feature) || is_among(left_off[ACCEL_TCG], feature)) &&
           !is_unsaid(version, feature);
}

/* ---- the document's <cpu> */

static CpuFeature *
find_feature(const CpuDef *cpu, const char *name)
{
    for (guint i = 0; i < LIST_LEN(cpu->features); i++) {
        CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);

        if (g_str_equal(cpu_feature_to_qemu(f->name), name))
            return f;
    }
    return NULL;
}

static void
add_feature(CpuDef *cpu, const char *name, int policy)
{
    CpuFeature *f = g_new0(CpuFeature, 1);

    f->name = g_strdup(cpu_feature_from_qemu(name));
    f->policy = policy;
    if (cpu->features == NULL)
        cpu->features = g_ptr_array_new();
    g_ptr_array_add(cpu->features, f);
}

/* A host's model is the nearest one with the differences; what the document says goes before. */
static gboolean
spell_out(CpuDef *cpu, const Emulator *e, Accel accel)
{
    g_autoptr(GArray) policies = NULL;
    const char *name = cpu_host_model(e, accel, &policies);

    if (name == NULL)
        return FALSE;
    g_free(cpu->model);
    cpu->model = g_strdup(name);
    g_free(cpu->vendor);
    cpu->vendor = g_strdup(cpu_vendor(e->host[accel].vendor));
    cpu->mode = CPU_CUSTOM;
    for (guint i = 0; i < policies->len; i++) {
        const CpuPolicy *p = &g_array_index(policies, CpuPolicy, i);

        if (find_feature(cpu, cpu_feature_to_qemu(p->name)) == NULL)
            add_feature(cpu, cpu_feature_to_qemu(p->name), p->on ? POLICY_REQUIRE : POLICY_DISABLE);
    }
    return TRUE;
}

static int
policy_met(int policy, gboolean has)
{
    if (has)
        return policy == POLICY_FORCE ? POLICY_FORCE : POLICY_REQUIRE;
    return policy == POLICY_FORBID ? POLICY_FORBID : POLICY_DISABLE;
}

static void
compare_named(CpuDef *cpu, const Emulator *e, Accel accel, GHashTable *has)
{
    for (guint i = 0; i < LIST_LEN(cpu->features); i++) {
        CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);
        const char *name = cpu_feature_to_qemu(f->name);

        if (cpuid_order(name) < cpuid_features())
            f->policy = policy_met(f->policy, g_hash_table_contains(has, name));
        else if (f->policy == POLICY_OPTIONAL)
            f->policy = policy_met(f->policy,
                                   feature_in(&e->host[accel].features, feature_find(e, name)));
    }
}

static void
compare_model(CpuDef *cpu, const Emulator *e, Accel accel, GHashTable *has)
{
    const CpuModel *version = cpu_version(e, emulator_model(e, cpu->model));

    for (guint i = 0; i < cpuid_features(); i++) {
        const char *name = cpuid_feature(i);
        gboolean meant = is_meant(e, version, name);
        gboolean given = model_has(e, version, name) && !is_among(left_off[accel], name);

        if (find_feature(cpu, name) != NULL)
            continue;
        if (g_hash_table_contains(has, name) && !meant)
            add_feature(cpu, name, POLICY_REQUIRE);
        else if (!g_hash_table_contains(has, name) && (meant || given))
            add_feature(cpu, name, POLICY_DISABLE);
    }
}

void
cpu_guest_learn(DomainDef *live, const Emulator *e, json_object *words)
{
    Accel accel = live->virt_type == VIRT_KVM ? ACCEL_KVM : ACCEL_TCG;
    CpuDef *cpu = live->cpu;
    g_autoptr(GHashTable) has = NULL;

    if (cpu == NULL || !guest_is_x86(live) || !json_object_is_type(words, json_type_array))
        return;
    if (cpu->mode == CPU_HOST_MODEL && !spell_out(cpu, e, accel))
        return;
    if (cpu->mode != CPU_CUSTOM || cpu->model == NULL || emulator_model(e, cpu->model) == NULL)
        return;
    has = cpuid_read(words);
    compare_named(cpu, e, accel, has);
    compare_model(cpu, e, accel, has);
    cpu->match = CPU_MATCH_EXACT;
    cpu->check = CPU_CHECK_FULL;
    cpu->fallback = CPU_FALLBACK_FORBID;
}
