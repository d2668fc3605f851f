/* The CPU that a guest really got, in the words of documents: a model's name, and each feature by
 * which this CPU differs from what the name means. Another host makes the same CPU of it.
 */
#include "cpu.h"

#include <string.h>

/* ---- the document's <cpu> */

static CpuFeature *
find_feature(const CpuDef *cpu, const char *name)
{
    for (guint i = 0; i < list_length(cpu->features); i++) {
        CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);

        if (g_str_equal(cpu_feature_to_qemu(f->name), name))
            return f;
    }
    return NULL;
}

static gboolean
find_said(const GPtrArray *said, const char *name, guint *ret_at)
{
    for (guint i = 0; i < said->len; i++)
        if (g_str_equal(((const CpuFeature *)said->pdata[i])->name, name)) {
            *ret_at = i;
            return TRUE;
        }
    return FALSE;
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

/* A host's model is the nearest one with the differences. What the document says of one of these
 * counts there, what else it says comes after them. */
static gboolean
spell_host_model(CpuDef *cpu, const Emulator *e, Accel accel)
{
    g_autoptr(GArray) policies = NULL;
    g_autoptr(GPtrArray) said = NULL;
    const char *name = cpu_host_model(e, accel, FALSE, &policies);

    if (name == NULL)
        return FALSE;
    g_free(cpu->model);
    cpu->model = g_strdup(name);
    if (cpu->mode == CPU_HOST_MODEL) {
        g_free(cpu->vendor);
        cpu->vendor = g_strdup(cpu_vendor(e->host[accel].vendor));
    }
    cpu->mode = CPU_CUSTOM;
    said = cpu->features != NULL ? cpu->features : g_ptr_array_new();
    cpu->features = g_ptr_array_new();
    for (guint i = 0; i < policies->len; i++) {
        const CpuPolicy *p = &g_array_index(policies, CpuPolicy, i);
        guint at;

        if (find_said(said, p->name, &at))
            g_ptr_array_add(cpu->features, g_ptr_array_remove_index(said, at));
        else
            add_feature(cpu, cpu_feature_to_qemu(p->name), p->on ? POLICY_REQUIRE : POLICY_DISABLE);
    }
    g_ptr_array_extend(cpu->features, said, NULL, NULL);
    return TRUE;
}

gboolean
cpu_spell(CpuDef *cpu, const Emulator *e, Accel accel)
{
    if (cpu_takes_host_model(cpu))
        return spell_host_model(cpu, e, accel);
    if (cpu->mode == CPU_CUSTOM && cpu->model != NULL) {
        g_auto(GStrv) names = cpu_given_up(cpu->model);

        for (guint i = 0; names[i] != NULL; i++)
            if (find_feature(cpu, names[i]) == NULL)
                add_feature(cpu, names[i], POLICY_DISABLE);
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

/* Features that the guest has without being asked for, and the other way round. */
typedef struct Surprises {
    GString *extra, *missing;
} Surprises;

static void
surprise(GString *names, const char *name)
{
    g_string_append_printf(names, "%s%s", names->len > 0 ? "," : "", cpu_feature_from_qemu(name));
}

static void
compare_named(CpuDef *cpu, const Emulator *e, Accel accel, GHashTable *has, Surprises *s)
{
    for (guint i = 0; i < list_length(cpu->features); i++) {
        CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);
        const char *name = cpu_feature_to_qemu(f->name);
        gboolean told = cpuid_order(name) < cpuid_features();
        gboolean there = told ? g_hash_table_contains(has, name)
                              : feature_in(&e->host[accel].features, feature_find(e, name));

        if (told && there && (f->policy == POLICY_DISABLE || f->policy == POLICY_FORBID))
            surprise(s->extra, name);
        if (told && !there && f->policy == POLICY_REQUIRE)
            surprise(s->missing, name);
        if (told || f->policy == POLICY_OPTIONAL)
            f->policy = policy_met(f->policy, there);
    }
}

/* What the words of CPUID do not tell is there when QEMU's model has it and nothing keeps it off.
 */
static gboolean
guest_has(const CpuModel *version, const FeatureSet *given, Accel accel, GHashTable *has,
          const char *name, int bit)
{
    if (cpuid_order(name) < cpuid_features())
        return g_hash_table_contains(has, name);
    return feature_in(given, bit) && !feature_in(&version->on[accel].blockers, bit);
}

static void
compare_model(CpuDef *cpu, const Emulator *e, Accel accel, GHashTable *has, Surprises *s)
{
    const CpuModel *m = emulator_model(e, cpu->model), *version = cpu_version(e, m);
    FeatureSet meant = cpu_meaning(e, m), given = cpu_given(e, version, accel);

    for (guint i = 0; i < cpuid_places(); i++) {
        const char *name = cpuid_feature(i);
        int bit = feature_find(e, name);
        gboolean there = guest_has(version, &given, accel, has, name, bit);

        if (find_feature(cpu, name) != NULL)
            continue;
        if (there && !feature_in(&meant, bit)) {
            add_feature(cpu, name, POLICY_REQUIRE);
            surprise(s->extra, name);
        } else if (!there && (feature_in(&meant, bit) || feature_in(&given, bit))) {
            add_feature(cpu, name, POLICY_DISABLE);
            if (feature_in(&meant, bit))
                surprise(s->missing, name);
        }
    }
}

static gboolean
refuse_surprises(const Surprises *s, GError **err)
{
    if (s->extra->len == 0 && s->missing->len == 0)
        return TRUE;
    return fail(err, ERR_OPERATION_FAILED, "guest CPU doesn't match specification: %s%s%s%s%s",
                s->extra->len > 0 ? "extra features: " : "", s->extra->str,
                s->extra->len > 0 && s->missing->len > 0 ? ", " : "",
                s->missing->len > 0 ? "missing features: " : "", s->missing->str);
}

gboolean
cpu_guest_learn(DomainDef *live, const Emulator *e, json_object *words, GError **err)
{
    Accel accel = live->virt_type == VIRT_KVM ? ACCEL_KVM : ACCEL_TCG;
    CpuDef *cpu = live->cpu;
    g_autoptr(GString) extra = g_string_new(NULL), missing = g_string_new(NULL);
    g_autoptr(GHashTable) has = NULL;
    Surprises s = { extra, missing };
    gboolean strict = cpu != NULL && cpu->check == CPU_CHECK_FULL;

    if (cpu == NULL || !guest_is_x86(live) || !json_object_is_type(words, json_type_array))
        return TRUE;
    if (!cpu_spell(cpu, e, accel))
        return TRUE;
    if (cpu->mode != CPU_CUSTOM || cpu->model == NULL || emulator_model(e, cpu->model) == NULL)
        return TRUE;
    has = cpuid_read(words);
    compare_named(cpu, e, accel, has, &s);
    compare_model(cpu, e, accel, has, &s);
    if (cpu->match != CPU_MATCH_STRICT)
        cpu->match = CPU_MATCH_EXACT;
    cpu->check = CPU_CHECK_FULL;
    cpu->fallback = CPU_FALLBACK_FORBID;
    return !strict || refuse_surprises(&s, err);
}
