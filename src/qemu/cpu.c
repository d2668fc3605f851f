/* CPU models as QEMU tells them: names of features, which named model is nearest to a host, and the
 * <cpu> part of the capability documents. */
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Documents keep the older spelling of some names; QEMU has both. */
static const struct {
    const char *document, *qemu;
} spellings[] = {
    { "cmp_legacy", "cmp-legacy" },
    { "ds_cpl", "ds-cpl" },
    { "fxsr_opt", "fxsr-opt" },
    { "kvm_asyncpf", "kvm-asyncpf" },
    { "kvm_mmu", "kvm-mmu" },
    { "kvm_nopiodelay", "kvm-nopiodelay" },
    { "kvm_pv_eoi", "kvm-pv-eoi" },
    { "kvm_pv_unhalt", "kvm-pv-unhalt" },
    { "kvm_steal_time", "kvm-steal-time" },
    { "lahf_lm", "lahf-lm" },
    { "nodeid_msr", "nodeid-msr" },
    { "pclmuldq", "pclmulqdq" },
    { "perfctr_core", "perfctr-core" },
    { "perfctr_nb", "perfctr-nb" },
    { "tsc_adjust", "tsc-adjust" },
};

const char *
cpu_feature_to_qemu(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(spellings); i++)
        if (g_str_equal(spellings[i].document, name))
            return spellings[i].qemu;
    return name;
}

const char *
cpu_feature_from_qemu(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(spellings); i++)
        if (g_str_equal(spellings[i].qemu, name))
            return spellings[i].document;
    return name;
}

static const struct {
    const char *cpuid, *name;
} vendors[] = {
    { "GenuineIntel", "Intel" },   { "AuthenticAMD", "AMD" },     { "HygonGenuine", "Hygon" },
    { "CentaurHauls", "Centaur" }, { "  Shanghai  ", "Zhaoxin" },
};

const char *
cpu_vendor(const char *cpuid)
{
    for (guint i = 0; i < G_N_ELEMENTS(vendors); i++)
        if (g_strcmp0(vendors[i].cpuid, cpuid) == 0)
            return vendors[i].name;
    return NULL;
}

gboolean
cpu_vendor_is_known(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(vendors); i++)
        if (g_str_equal(vendors[i].name, name))
            return TRUE;
    return FALSE;
}

/* Models that imitate nobody's CPU: the vendor in their CPUID is only a default. */
gboolean
cpu_is_generic(const CpuModel *m)
{
    static const char *const names[] = { "486",      "kvm32",  "kvm64",  "pentium", "pentium2",
                                         "pentium3", "qemu32", "qemu64", "base" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        gsize len = strlen(names[i]);

        if (strncmp(m->name, names[i], len) == 0 && (m->name[len] == 0 || m->name[len] == '-'))
            return TRUE;
    }
    return FALSE;
}

gboolean
cpu_is_own_mode(const CpuModel *m)
{
    return g_str_equal(m->name, "host") || g_str_equal(m->name, "max") ||
           g_str_equal(m->name, "base");
}

const CpuModel *
cpu_version(const Emulator *e, const CpuModel *m)
{
    const CpuModel *version = m->alias_of != NULL ? emulator_model(e, m->alias_of) : NULL;

    return version != NULL ? version : m;
}

static gboolean
is_paravirtual(const Emulator *e, guint bit)
{
    const char *name = e->features->pdata[bit];

    return g_str_has_prefix(name, "kvm") || g_str_has_prefix(name, "hv-");
}

FeatureSet
cpu_real(const Emulator *e, const FeatureSet *set)
{
    FeatureSet real = *set;

    for (guint bit = 0; bit < e->features->len; bit++)
        if (is_paravirtual(e, bit))
            cpu_drop(&real, (int)bit);
    return real;
}

/* ---- the nearest model */

/* What tells the host from a model: 1 it has more, -1 it has less, 0 neither. */
static int
differs(const FeatureSet *has, const FeatureSet *meant, const FeatureSet *given, int bit)
{
    if (feature_in(has, bit))
        return feature_in(meant, bit) ? 0 : 1;
    return feature_in(meant, bit) || feature_in(given, bit) ? -1 : 0;
}

static guint
count_differences(const Emulator *e, Accel accel, const CpuModel *m)
{
    FeatureSet meant = cpu_meaning(e, m), given = cpu_given(e, m, accel);
    guint n = 0;

    for (guint bit = 0; bit < e->features->len; bit++) {
        int how = differs(&e->host[accel].features, &meant, &given, (int)bit);

        /* Something taken away from a model makes it less that model than something added. */
        if (!is_paravirtual(e, bit) && how != 0)
            n += how > 0 ? 1 : 2;
    }
    return n;
}

/* A model of the same family and model number is the right one, however the host is curtailed. */
static guint
model_distance(const Emulator *e, Accel accel, const CpuModel *m)
{
    const HostCpu *host = &e->host[accel];
    gboolean same = host->family == m->family && host->model == m->model;

    return count_differences(e, accel, m) + (same ? 0 : FEATURE_WORDS * 128);
}

guint
cpu_count(const FeatureSet *set)
{
    guint n = 0;

    for (guint i = 0; i < FEATURE_WORDS; i++)
        n += (guint)__builtin_popcountll(set->word[i]);
    return n;
}

/* A model that imitates nobody's CPU may be any vendor's. */
static gboolean
may_be(const CpuModel *m, const HostCpu *host)
{
    return m->alias_of == NULL && !cpu_is_own_mode(m) && m->vendor != NULL &&
           (cpu_is_generic(m) || g_strcmp0(m->vendor, host->vendor) == 0);
}

const char *
cpu_plain_name(const Emulator *e, const CpuModel *version)
{
    for (guint i = 0; i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);

        if (g_strcmp0(m->alias_of, version->name) == 0)
            return m->name;
    }
    return version->name;
}

const CpuModel *
cpu_nearest(const Emulator *e, Accel accel)
{
    const HostCpu *host = &e->host[accel];
    const CpuModel *best = NULL;
    guint least = G_MAXUINT;

    for (guint i = 0; host->known && i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);
        guint distance;

        if (!may_be(m, host))
            continue;
        distance = model_distance(e, accel, m);
        if (distance < least) {
            least = distance;
            best = m;
        }
    }
    return best;
}

static int
policy_order(gconstpointer a, gconstpointer b)
{
    const CpuPolicy *x = a, *y = b;

    guint at = cpuid_order(cpu_feature_to_qemu(x->name));
    guint other = cpuid_order(cpu_feature_to_qemu(y->name));

    if (x->on != y->on)
        return y->on - x->on;
    return at != other ? (at < other ? -1 : 1) : strcmp(x->name, y->name);
}

gboolean
cpu_takes_host_model(const CpuDef *cpu)
{
    return cpu->mode == CPU_HOST_MODEL ||
           (cpu->mode == CPU_CUSTOM && cpu->model != NULL && cpu->match == CPU_MATCH_MINIMUM);
}

const char *
cpu_host_model(const Emulator *e, Accel accel, gboolean bound, GArray **ret_policies)
{
    const CpuModel *m = cpu_nearest(e, accel);
    FeatureSet has = e->host[accel].features, meant, given;
    GArray *policies;

    if (m == NULL)
        return NULL;
    policies = g_array_new(FALSE, FALSE, sizeof(CpuPolicy));
    meant = cpu_meaning(e, m);
    given = cpu_given(e, m, accel);
    if (bound)
        cpu_add(&has, &e->host[accel].bound);
    for (guint bit = 0; bit < e->features->len; bit++) {
        int how = differs(&has, &meant, &given, (int)bit);
        CpuPolicy p = { cpu_feature_from_qemu(e->features->pdata[bit]), how > 0 };

        if (!is_paravirtual(e, bit) && how != 0)
            g_array_append_val(policies, p);
    }
    g_array_sort(policies, policy_order);
    *ret_policies = policies;
    return cpu_plain_name(e, m);
}

/* ---- this machine itself */

static const CpuModel *
nearest_here(const Emulator *e, const CpuOffer *here)
{
    const CpuModel *best = NULL;
    guint least = G_MAXUINT;

    for (guint i = 0; i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);
        HostCpu self = { .vendor = here->vendor };
        FeatureSet meant, more, less;
        guint n;

        if (!may_be(m, &self))
            continue;
        meant = cpu_meaning(e, m);
        less = cpu_less(&meant, &here->features);
        more = cpu_less(&here->features, &meant);
        n = cpu_count(&more);
        if (feature_set_empty(&less) && n < least) {
            least = n;
            best = m;
        }
    }
    return best;
}

/* The plain name, unless it means something to documents that this machine has not. */
static const char *
name_here(const Emulator *e, const CpuModel *version, const CpuOffer *here)
{
    const char *plain = cpu_plain_name(e, version);

    for (const char *const *name = cpu_given_up(plain); *name != NULL; name++)
        if (!feature_in(&here->features, feature_find(e, *name)))
            return version->name;
    return plain;
}

const char *
cpu_here_model(const Emulator *e, GArray **ret_policies)
{
    CpuOffer here = cpu_offer_here(e);
    const CpuModel *m = nearest_here(e, &here);
    FeatureSet meant, more;
    GArray *policies;

    if (m == NULL)
        return NULL;
    policies = g_array_new(FALSE, FALSE, sizeof(CpuPolicy));
    meant = cpu_meaning(e, m);
    more = cpu_less(&here.features, &meant);
    for (guint bit = 0; bit < e->features->len; bit++) {
        CpuPolicy p = { cpu_feature_from_qemu(e->features->pdata[bit]), TRUE };

        if (feature_in(&more, (int)bit))
            g_array_append_val(policies, p);
    }
    g_array_sort(policies, policy_order);
    *ret_policies = policies;
    return name_here(e, m, &here);
}

/* ---- <cpu> */

guint
cpu_phys_bits(void)
{
    g_autofree char *info = NULL;
    const char *at;

    if (!g_file_get_contents("/proc/cpuinfo", &info, NULL, NULL))
        return 0;
    at = strstr(info, "address sizes");
    at = at != NULL ? strchr(at, ':') : NULL;
    return at != NULL ? (guint)strtoul(at + 1, NULL, 10) : 0;
}

static void
put_enum(XmlOut *x, const char *name, const char *first, const char *second)
{
    xml_open(x, "enum", "name", name, NULL);
    xml_text(x, "value", first, NULL);
    xml_text(x, "value", second, NULL);
    xml_close(x, "enum");
}

static void
put_own_mode(XmlOut *x, const char *mode, gboolean supported, const char *migratable)
{
    if (!supported) {
        xml_leaf(x, "mode", "name", mode, "supported", "no", NULL);
        return;
    }
    xml_open(x, "mode", "name", mode, "supported", "yes", NULL);
    put_enum(x, migratable, "on", "off");
    xml_close(x, "mode");
}

static void
put_host_model(XmlOut *x, const Emulator *e, Accel accel)
{
    g_autoptr(GArray) policies = NULL;
    const char *name = cpu_host_model(e, accel, TRUE, &policies);
    guint bits = cpu_phys_bits();

    if (name == NULL) {
        xml_leaf(x, "mode", "name", "host-model", "supported", "no", NULL);
        return;
    }
    xml_open(x, "mode", "name", "host-model", "supported", "yes", NULL);
    xml_text(x, "model", name, "fallback", "forbid", NULL);
    xml_text(x, "vendor", cpu_vendor(e->host[accel].vendor), NULL);
    if (accel == ACCEL_KVM && bits != 0)
        xml_leaf(x, "maxphysaddr", "mode", "passthrough", "limit", xml_number(bits), NULL);
    for (guint i = 0; i < policies->len; i++) {
        const CpuPolicy *p = &g_array_index(policies, CpuPolicy, i);

        xml_leaf(x, "feature", "policy", p->on ? "require" : "disable", "name", p->name, NULL);
    }
    xml_close(x, "mode");
}

static int
text_order(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
put_blockers(XmlOut *x, const Emulator *e, const char *model, const FeatureSet *blockers)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint bit = 0; bit < e->features->len; bit++)
        if (feature_in(blockers, (int)bit))
            g_ptr_array_add(names, (gpointer)cpu_feature_from_qemu(e->features->pdata[bit]));
    g_ptr_array_sort(names, text_order);
    xml_open(x, "blockers", "model", model, NULL);
    for (guint i = 0; i < names->len; i++)
        xml_leaf(x, "feature", "name", names->pdata[i], NULL);
    xml_close(x, "blockers");
}

/* Some QEMUs name what is missing of their models; where none lacks anything nothing is told. */
static gboolean
tells_usable(const Emulator *e, Accel accel)
{
    for (guint i = 0; i < e->models->len; i++)
        if (!feature_set_empty(&g_array_index(e->models, CpuModel, i).on[accel].blockers))
            return TRUE;
    return FALSE;
}

static void
put_model(XmlOut *x, const Emulator *e, const CpuModel *m, Accel accel)
{
    gboolean usable = feature_set_empty(&m->on[accel].blockers);
    const char *word = !usable ? "no" : tells_usable(e, accel) ? "yes" : "unknown";
    const CpuModel *version = cpu_version(e, m);
    const char *vendor = cpu_is_generic(m) ? NULL : cpu_vendor(version->vendor);

    xml_text(x, "model", m->name, "usable", word, "deprecated", m->deprecated ? "yes" : NULL,
             "vendor", vendor != NULL ? vendor : "unknown", "canonical", m->alias_of, NULL);
    if (!usable)
        put_blockers(x, e, m->name, &m->on[accel].blockers);
}

static void
put_custom(XmlOut *x, const Emulator *e, Accel accel)
{
    xml_open(x, "mode", "name", "custom", "supported", "yes", NULL);
    for (guint i = 0; i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);

        if (m->on[accel].known && !cpu_is_own_mode(m))
            put_model(x, e, m, accel);
    }
    xml_close(x, "mode");
}

void
cpu_put_modes(XmlOut *x, const Emulator *e, Accel accel)
{
    xml_open(x, "cpu", NULL);
    put_own_mode(x, "host-passthrough", accel == ACCEL_KVM, "hostPassthroughMigratable");
    put_own_mode(x, "maximum", emulator_model(e, "max") != NULL, "maximumMigratable");
    put_host_model(x, e, accel);
    put_custom(x, e, accel);
    xml_close(x, "cpu");
}
