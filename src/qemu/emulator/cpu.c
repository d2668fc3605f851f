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
    { "vmx-invvpid-single-context-noglobals", "vmx-invept-single-context-noglobals" },
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
    { "GenuineIntel", "Intel" },
    { "AuthenticAMD", "AMD" },
    { "HygonGenuine", "Hygon" },
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

FeatureSet
cpu_real(const Emulator *e, const FeatureSet *set)
{
    FeatureSet real = { { 0 } };

    for (guint bit = 0; bit < e->features->len; bit++)
        if (feature_in(set, (int)bit) && cpuid_order(e->features->pdata[bit]) < cpuid_places())
            feature_set(&real, (int)bit);
    return real;
}

guint
cpu_count(const FeatureSet *set)
{
    guint n = 0;

    for (guint i = 0; i < FEATURE_WORDS; i++)
        n += (guint)__builtin_popcountll(set->word[i]);
    return n;
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

/* ---- what an accelerator gives, and this machine itself */

static int
cpuid_compare(gconstpointer a, gconstpointer b)
{
    guint at = cpuid_order(cpu_feature_to_qemu(((const CpuPolicy *)a)->name));
    guint other = cpuid_order(cpu_feature_to_qemu(((const CpuPolicy *)b)->name));

    return at < other ? -1 : at > other;
}

static int
name_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(((const CpuPolicy *)a)->name, ((const CpuPolicy *)b)->name);
}

gboolean
cpu_takes_host_model(const CpuDef *cpu)
{
    return cpu->mode == CPU_HOST_MODEL ||
           (cpu->mode == CPU_CUSTOM && cpu->model != NULL && cpu->match == CPU_MATCH_MINIMUM);
}

static void
add_policies(GArray *policies, const Emulator *e, const FeatureSet *set, gboolean on,
             GCompareFunc order)
{
    guint from = policies->len;

    for (guint bit = 0; bit < e->features->len; bit++) {
        CpuPolicy p = { cpu_feature_from_qemu(e->features->pdata[bit]), on };

        if (feature_in(set, (int)bit))
            g_array_append_val(policies, p);
    }
    qsort((CpuPolicy *)policies->data + from, policies->len - from, sizeof(CpuPolicy), order);
}

static GArray *
choice_policies(const Emulator *e, const CpuChoice *c)
{
    GArray *policies = g_array_new(FALSE, FALSE, sizeof(CpuPolicy));

    add_policies(policies, e, &c->more, TRUE, cpuid_compare);
    add_policies(policies, e, &c->less, FALSE, cpuid_compare);
    add_policies(policies, e, &c->gone, FALSE, name_compare);
    return policies;
}

gboolean
cpu_host_choice(const Emulator *e, Accel accel, gboolean bound, CpuChoice *ret_choice)
{
    const HostCpu *host = &e->host[accel];
    CpuSelf self = { .family = host->family, .model = host->model, .stepping = host->stepping };
    CpuSubject s = { .emulator = e,
                     .has = host->features,
                     .vendor = cpu_vendor(host->vendor),
                     .self = &self,
                     .task = CPU_TO_RUN,
                     .accel = accel };

    if (bound)
        cpu_add(&s.has, &host->bound);
    s.has = cpu_real(e, &s.has);
    return host->known && cpu_choose(&s, ret_choice);
}

const char *
cpu_host_model(const Emulator *e, Accel accel, gboolean bound, GArray **ret_policies)
{
    CpuChoice choice;

    if (!cpu_host_choice(e, accel, bound, &choice))
        return NULL;
    *ret_policies = choice_policies(e, &choice);
    return choice.name.name;
}

const char *
cpu_here_model(const Emulator *e, GArray **ret_policies)
{
    CpuOffer here = cpu_offer_here(e);
    CpuSelf self;
    CpuSubject s = { .emulator = e, .has = here.features, .vendor = cpu_vendor(here.vendor) };
    CpuChoice choice;

    if (!cpuid_self(&self))
        return NULL;
    s.self = &self;
    if (!cpu_choose(&s, &choice))
        return NULL;
    choice.gone = (FeatureSet){ { 0 } };
    *ret_policies = choice_policies(e, &choice);
    return choice.name.name;
}

/* ---- <cpu> */

guint
cpu_phys_bits(void)
{
    g_autofree char *sizes = processor_info("address sizes");

    return sizes != NULL ? (guint)strtoul(sizes, NULL, 10) : 0;
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
