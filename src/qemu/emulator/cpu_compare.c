/* CPUs that documents describe, as sets of features: whether a host has what one needs. */
#include "cpu.h"

#include <string.h>

CpuOffer
cpu_offer_of(const Emulator *e, Accel accel)
{
    const HostCpu *host = &e->host[accel];

    CpuOffer offer = { e, host->features, host->vendor, TRUE, accel };
    CpuChoice choice;

    cpu_add(&offer.features, &host->bound);
    /* Of its own model a QEMU may refuse what it has told: then it has it not. */
    if (cpu_host_choice(e, accel, TRUE, &choice))
        offer.features = cpu_less(&offer.features, &choice.less);
    return offer;
}

CpuOffer
cpu_offer_here(const Emulator *e)
{
    g_autoptr(GHashTable) has = cpuid_here();
    CpuOffer offer = { .emulator = e };
    GHashTableIter iter;
    CpuSelf self;
    gpointer name;

    if (cpuid_self(&self))
        offer.vendor = g_intern_string(self.vendor);
    g_hash_table_iter_init(&iter, has);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        feature_set(&offer.features, feature_find(e, name));
    return offer;
}

/* ---- sets as words */

static int
cpuid_compare(gconstpointer a, gconstpointer b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    guint at = cpuid_order(x), other = cpuid_order(y);

    return at != other ? (at < other ? -1 : 1) : strcmp(x, y);
}

char *
cpu_names(const Emulator *e, const FeatureSet *set, const char *separator)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint bit = 0; bit < e->features->len; bit++)
        if (feature_in(set, (int)bit))
            g_ptr_array_add(names, e->features->pdata[bit]);
    g_ptr_array_sort(names, cpuid_compare);
    for (guint i = 0; i < names->len; i++)
        names->pdata[i] = (gpointer)cpu_feature_from_qemu(names->pdata[i]);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(separator, (char **)names->pdata);
}

FeatureSet
cpu_both(const FeatureSet *a, const FeatureSet *b)
{
    FeatureSet both;

    for (guint i = 0; i < FEATURE_WORDS; i++)
        both.word[i] = a->word[i] & b->word[i];
    return both;
}

FeatureSet
cpu_less(const FeatureSet *set, const FeatureSet *less)
{
    FeatureSet rest;

    for (guint i = 0; i < FEATURE_WORDS; i++)
        rest.word[i] = set->word[i] & ~less->word[i];
    return rest;
}

void
cpu_add(FeatureSet *set, const FeatureSet *more)
{
    for (guint i = 0; i < FEATURE_WORDS; i++)
        set->word[i] |= more->word[i];
}

void
cpu_drop(FeatureSet *set, int bit)
{
    FeatureSet one = { { 0 } };

    feature_set(&one, bit);
    *set = cpu_less(set, &one);
}

/* ---- what a document describes */

static gboolean
known_feature(const Emulator *e, const char *name, int *ret_bit, GError **err)
{
    *ret_bit = feature_find(e, cpu_feature_to_qemu(name));
    return *ret_bit >= 0 || fail(err, ERR_INTERNAL, "Unknown CPU feature %s", name);
}

gboolean
cpu_described(const CpuDef *cpu, const Emulator *e, FeatureSet *ret_set, GError **err)
{
    const CpuModel *m = cpu->model != NULL ? emulator_model(e, cpu->model) : NULL;
    FeatureSet set = { { 0 } };
    CpuName name;

    if (m != NULL)
        set = cpu_meaning(e, m);
    else if (cpu_name_find(cpu->model, &name))
        set = cpu_name_features(e, &name);
    else if (cpu->model != NULL)
        return fail(err, ERR_INTERNAL, "Unknown CPU model %s", cpu->model);
    for (guint i = 0; i < list_length(cpu->features); i++) {
        const CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);
        int bit;

        if (!known_feature(e, f->name, &bit, err))
            return FALSE;
        if (f->policy == POLICY_DISABLE || f->policy == POLICY_FORBID)
            cpu_drop(&set, bit);
        else if (f->policy != POLICY_OPTIONAL)
            feature_set(&set, bit);
    }
    *ret_set = set;
    return TRUE;
}

static FeatureSet
of_policy(const CpuDef *cpu, const Emulator *e, int policy)
{
    FeatureSet set = { { 0 } };

    for (guint i = 0; i < list_length(cpu->features); i++) {
        const CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);

        if (f->policy == policy)
            feature_set(&set, feature_find(e, cpu_feature_to_qemu(f->name)));
    }
    return set;
}

/* ---- one beside the other */

static gboolean
lacks(GError **why, const CpuOffer *offer, const char *what, const FeatureSet *set)
{
    g_autofree char *names = cpu_names(offer->emulator, set, ", ");

    return fail(why, ERR_CPU_INCOMPATIBLE, "Host CPU %s: %s", what, names);
}

/* Features with policy "force" are given to a guest whatever the host has. */
static gboolean
fits(const CpuDef *cpu, const FeatureSet *wanted, const CpuOffer *offer, GError **why)
{
    FeatureSet forced = of_policy(cpu, offer->emulator, POLICY_FORCE);
    FeatureSet never = of_policy(cpu, offer->emulator, POLICY_FORBID);
    FeatureSet wrong = cpu_both(&never, &offer->features);
    FeatureSet missing = cpu_less(wanted, &offer->features);
    const char *vendor = cpu_vendor(offer->vendor);

    missing = cpu_less(&missing, &forced);
    if (cpu->vendor != NULL && offer->vendor != NULL && g_strcmp0(cpu->vendor, vendor) != 0)
        return fail(why, ERR_CPU_INCOMPATIBLE,
                    "Host CPU vendor does not match required CPU vendor %s", cpu->vendor);
    if (!feature_set_empty(&wrong))
        return lacks(why, offer, "provides forbidden features", &wrong);
    return feature_set_empty(&missing) ||
           lacks(why, offer, "does not provide required features", &missing);
}

static gboolean
fits_strictly(const CpuDef *cpu, const FeatureSet *more, GError **why)
{
    return cpu->match != CPU_MATCH_STRICT || feature_set_empty(more) ||
           fail(why, ERR_CPU_INCOMPATIBLE, "Host CPU does not strictly match guest CPU");
}

static gboolean
asks_for_features(const CpuDef *cpu)
{
    for (guint i = 0; i < list_length(cpu->features); i++)
        if (LIST_AT(CpuFeature, cpu->features, i)->policy != POLICY_DISABLE)
            return TRUE;
    return FALSE;
}

static const CpuModel *
model_on(const CpuDef *cpu, const CpuOffer *offer)
{
    const CpuModel *m = cpu->model != NULL ? emulator_model(offer->emulator, cpu->model) : NULL;

    return m != NULL && offer->to_guests && m->on[offer->accel].known ? m : NULL;
}

/* A model that QEMU calls usable is so for who wants just that: QEMU knows best, also where a name
 * means something to documents that the accelerator has not, and whose vendor it has. */
static gboolean
is_usable(const CpuDef *cpu, const CpuOffer *offer)
{
    const CpuModel *m = model_on(cpu, offer);

    return m != NULL && feature_set_empty(&m->on[offer->accel].blockers) && !asks_for_features(cpu);
}

/* What a name with a version means QEMU alone knows: whether it is usable, and what is wanted
 * beside it, decides. A host's document wants nothing. */
static gboolean
fits_exactly(const CpuDef *cpu, gboolean of_host, const CpuOffer *offer, GError **why)
{
    FeatureSet blockers = model_on(cpu, offer)->on[offer->accel].blockers;
    FeatureSet off = of_policy(cpu, offer->emulator, POLICY_DISABLE);
    FeatureSet asked = of_policy(cpu, offer->emulator, POLICY_REQUIRE), missing;
    FeatureSet listed = of_policy(cpu, offer->emulator, 0); /* which asks for it as well */

    cpu_add(&asked, &listed);
    blockers = cpu_less(&blockers, &off);
    if (!feature_set_empty(&blockers))
        return lacks(why, offer, "does not provide required features", &blockers);
    missing = cpu_less(&asked, &offer->features);
    return of_host || feature_set_empty(&missing) ||
           lacks(why, offer, "does not provide required features", &missing);
}

/* Documents have always told these by what the name means to them. */
static gboolean
is_exact(const CpuDef *cpu, const CpuOffer *offer)
{
    CpuName name;

    return model_on(cpu, offer) != NULL && (!cpu_name_find(cpu->model, &name) || name.exact);
}

static gboolean
same_arch(const CpuDoc *doc, const CpuOffer *offer, GError **why)
{
    return doc->arch == NULL || arch_runs(offer->emulator->arch, doc->arch) ||
           fail(why, ERR_CPU_INCOMPATIBLE, "CPU arch %s does not match host arch", doc->arch);
}

gboolean
cpu_compare(const CpuDoc *doc, const CpuOffer *offer, CpuMatch *ret_match, GError **ret_why,
            GError **err)
{
    FeatureSet wanted, more;
    gboolean fit;

    *ret_match = CPU_INCOMPATIBLE;
    if (!same_arch(doc, offer, ret_why))
        return TRUE;
    if (!cpu_described(&doc->cpu, offer->emulator, &wanted, err))
        return FALSE;
    more = cpu_less(&offer->features, &wanted);
    more = cpu_real(offer->emulator, &more);
    if (is_exact(&doc->cpu, offer)) {
        fit = fits_exactly(&doc->cpu, doc->arch != NULL, offer, ret_why);
        *ret_match = fit ? CPU_SUPERSET : CPU_INCOMPATIBLE;
        return TRUE;
    }
    fit = is_usable(&doc->cpu, offer) ||
          (fits(&doc->cpu, &wanted, offer, ret_why) && fits_strictly(&doc->cpu, &more, ret_why));
    if (fit)
        *ret_match = feature_set_empty(&more) ? CPU_IDENTICAL : CPU_SUPERSET;
    return TRUE;
}

/* KVM may be curtailed and the machine not: what either has will do, QEMU knows the rest. */
static CpuOffer
offer_to_guest(const Emulator *e, Accel accel)
{
    CpuOffer offer = cpu_offer_of(e, accel);

    if (accel == ACCEL_KVM) {
        CpuOffer here = cpu_offer_here(e);

        cpu_add(&offer.features, &here.features);
    }
    return offer;
}

/* ---- whether it may be started */

static gboolean
is_asked_for(const CpuFeature *f)
{
    return f->policy == 0 || f->policy == POLICY_REQUIRE || f->policy == POLICY_FORCE;
}

static gboolean
check_names(const CpuDef *cpu, const Emulator *e, GError **err)
{
    for (guint i = 0; i < list_length(cpu->features); i++) {
        const char *name = LIST_AT(CpuFeature, cpu->features, i)->name;

        if (feature_find(e, cpu_feature_to_qemu(name)) < 0)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "unknown CPU feature: %s", name);
    }
    return TRUE;
}

/* QEMU would leave it off and say nothing. */
static gboolean
check_invtsc(const CpuDef *cpu, const CpuOffer *offer, GError **err)
{
    gboolean has = feature_in(&offer->features, feature_find(offer->emulator, "invtsc"));

    for (guint i = 0; i < list_length(cpu->features); i++) {
        const CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);

        if (!has && is_asked_for(f) && g_str_equal(f->name, "invtsc"))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "host doesn't support invariant TSC");
    }
    return TRUE;
}

static gboolean
check_forbidden(const CpuDef *cpu, const Emulator *e, Accel accel, GError **err)
{
    FeatureSet never = of_policy(cpu, e, POLICY_FORBID);
    CpuOffer offer = cpu_offer_of(e, accel);
    FeatureSet wrong = cpu_both(&never, &offer.features);

    return feature_set_empty(&wrong) || lacks(err, &offer, "provides forbidden features", &wrong);
}

static gboolean
check_partially(const CpuDef *cpu, const CpuOffer *offer, GError **err)
{
    FeatureSet wanted, more;

    if (!cpu_described(cpu, offer->emulator, &wanted, err))
        return FALSE;
    more = cpu_less(&offer->features, &wanted);
    more = cpu_real(offer->emulator, &more);
    if (is_exact(cpu, offer))
        return fits_exactly(cpu, FALSE, offer, err);
    return is_usable(cpu, offer) ||
           (fits(cpu, &wanted, offer, err) && fits_strictly(cpu, &more, err));
}

/* Where it is emulated, what is off is off: who has the guest's CPU checked in full finds out. */
static gboolean
check_as_asked(const CpuDef *cpu, const CpuOffer *offer, GError **err)
{
    gboolean fully = cpu->check == CPU_CHECK_FULL;
    gboolean by_qemu = offer->accel == ACCEL_TCG && (fully || is_exact(cpu, offer));

    if (cpu->check == CPU_CHECK_NONE || (cpu->mode != CPU_CUSTOM && cpu->mode != CPU_HOST_MODEL))
        return TRUE;
    if (!by_qemu && !check_forbidden(cpu, offer->emulator, offer->accel, err))
        return FALSE;
    return fully || cpu->mode == CPU_HOST_MODEL || check_partially(cpu, offer, err);
}

gboolean
cpu_check_start(const DomainDef *def, const Emulator *e, GError **err)
{
    Accel accel = def->virt_type == VIRT_KVM ? ACCEL_KVM : ACCEL_TCG;
    const CpuDef *cpu = def->cpu;
    CpuOffer offer;

    if (cpu == NULL || !guest_is_x86(def) || !e->host[accel].known)
        return TRUE;
    offer = offer_to_guest(e, accel);
    return check_names(cpu, e, err) && check_as_asked(cpu, &offer, err) &&
           check_invtsc(cpu, &offer, err);
}
