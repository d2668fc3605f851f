/* One CPU for several hosts: the features that all of them have, as the nearest named model and
 * what it takes to make that CPU of it. */
#include "cpu.h"

#include <string.h>

typedef struct Baseline {
    const CpuBaseline *in;
    const Emulator *e;
    FeatureSet common;
    const char *vendor;  /* of all of them, as documents spell it; NULL: nobody says */
    gboolean say_vendor; /* every CPU does */
    CpuChoice choice;
} Baseline;

static const CpuDef *
given_cpu(const Baseline *b, guint i)
{
    return &((const CpuDoc *)b->in->cpus->pdata[i])->cpu;
}

/* ---- whose they are */

/* NULL: nobody's. */
static const char *
model_vendor(const Baseline *b, const CpuDef *cpu)
{
    const CpuModel *m = emulator_model(b->e, cpu->model);
    CpuName name;

    if (cpu_name_find(cpu->model, &name))
        return name.vendor;
    return m == NULL || cpu_is_generic(m) ? NULL : cpu_vendor(cpu_version(b->e, m)->vendor);
}

/* The first one is taken at its word, and its model does not speak for it. */
static gboolean
take_vendor(Baseline *b, guint i, GError **err)
{
    const CpuDef *cpu = given_cpu(b, i);
    const char *of_model = i > 0 ? model_vendor(b, cpu) : NULL;
    const char *vendor = cpu->vendor != NULL ? cpu->vendor : of_model;

    if (cpu->vendor != NULL && !cpu_vendor_is_known(cpu->vendor))
        return fail(err, ERR_OPERATION_FAILED, "Unknown CPU vendor %s", cpu->vendor);
    if (cpu->vendor != NULL && of_model != NULL && !g_str_equal(of_model, cpu->vendor))
        return fail(err, ERR_OPERATION_FAILED, "CPU vendor %s of model %s differs from vendor %s",
                    of_model, cpu->model, cpu->vendor);
    if (b->vendor != NULL && vendor != NULL && !g_str_equal(b->vendor, vendor))
        return fail(err, ERR_OPERATION_FAILED, "CPU vendors do not match");
    b->vendor = vendor != NULL ? vendor : b->vendor;
    b->say_vendor = b->say_vendor && cpu->vendor != NULL;
    return TRUE;
}

static gboolean
take_vendors(Baseline *b, GError **err)
{
    b->say_vendor = TRUE;
    for (guint i = 0; i < b->in->cpus->len; i++)
        if (!take_vendor(b, i, err))
            return FALSE;
    return TRUE;
}

/* ---- what all have */

static void
drop_all(const Baseline *b, FeatureSet *set, const char *const *names)
{
    for (; *names != NULL; names++)
        cpu_drop(set, feature_find(b->e, *names));
}

/* What is no guest's to have, and what this QEMU has no switch for. */
static void
drop_useless(Baseline *b)
{
    static const char *const no_guests[] = { "osxsave",    "ospke",
                                             "cmt",        "mbm_total",
                                             "mbm_local",  "vmx-ept-uc",
                                             "vmx-ept-wb", "vmx-invvpid-single-context",
                                             NULL };

    drop_all(b, &b->common, no_guests);
    if (b->in->hypervisor)
        b->common = cpu_both(&b->common, &b->e->switches);
}

static gboolean
take_common(Baseline *b, GError **err)
{
    for (guint i = 0; i < b->in->cpus->len; i++) {
        const CpuDef *cpu = given_cpu(b, i);
        FeatureSet set;

        if (cpu->model == NULL)
            return fail(err, ERR_INVALID_ARG, "no CPU model specified at index %u", i);
        if (!cpu_described(cpu, b->e, &set, err))
            return FALSE;
        b->common = i > 0 ? cpu_both(&b->common, &set) : set;
    }
    b->common = cpu_real(b->e, &b->common);
    drop_useless(b);
    return TRUE;
}

/* ---- the model */

static gboolean
all_name(const Baseline *b, const char *model)
{
    for (guint i = 0; i < b->in->cpus->len; i++)
        if (!g_str_equal(given_cpu(b, i)->model, model))
            return FALSE;
    return TRUE;
}

/* What keeps a guest where it is, is not asked for; what comes with the model's name comes. */
static void
drop_bound(Baseline *b)
{
    static const char *const anywhere[] = { "invtsc", "xsaves", NULL };
    static const char *const with_kvm[] = { "invtsc", NULL };

    if (!b->in->hypervisor)
        drop_all(b, &b->choice.more, anywhere);
    else if (b->in->accel == ACCEL_KVM)
        drop_all(b, &b->choice.more, with_kvm);
}

/* A model that all of them are is meant to stay. */
static gboolean
choose(Baseline *b)
{
    g_autoptr(GPtrArray) said = g_ptr_array_new();
    CpuSubject s = { .emulator = b->e,
                     .has = b->common,
                     .vendor = b->vendor,
                     .task = b->in->hypervisor ? CPU_TO_RUN : CPU_TO_WANT,
                     .accel = b->in->accel,
                     .said = said };

    for (guint i = 0; i < b->in->cpus->len; i++)
        g_ptr_array_add(said, given_cpu(b, i)->model);
    return (all_name(b, said->pdata[0]) && cpu_choose_named(&s, said->pdata[0], &b->choice)) ||
           cpu_choose(&s, &b->choice);
}

/* ---- as a document */

static void
put_features(XmlOut *x, const Baseline *b, const FeatureSet *set, const char *policy)
{
    g_autofree char *names = cpu_names(b->e, set, " ");
    g_auto(GStrv) list = g_strsplit(names, " ", 0);

    for (guint i = 0; list[i] != NULL; i++)
        xml_leaf(x, "feature", "policy", policy, "name", list[i], NULL);
}

static int
word_order(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In full they come by name: who reads them looks for one. */
static void
put_all(XmlOut *x, const Baseline *b, const FeatureSet *off)
{
    FeatureSet all = cpu_name_features(b->e, &b->choice.name);
    g_autofree char *names = NULL;
    g_auto(GStrv) list = NULL;

    cpu_add(&all, &b->choice.more);
    cpu_add(&all, off);
    names = cpu_names(b->e, &all, " ");
    list = g_strsplit(names, " ", 0);
    qsort(list, g_strv_length(list), sizeof *list, word_order);
    for (guint i = 0; list[i] != NULL; i++) {
        gboolean is_off = feature_in(off, feature_find(b->e, cpu_feature_to_qemu(list[i])));

        xml_leaf(x, "feature", "policy", is_off ? "disable" : "require", "name", list[i], NULL);
    }
}

static void
put_policies(XmlOut *x, const Baseline *b)
{
    g_auto(GStrv) names = cpu_given_up(b->choice.name.name);
    FeatureSet off = b->choice.less;

    if (b->in->expand) {
        cpu_add(&off, &b->choice.gone);
        put_all(x, b, &off);
        return;
    }
    put_features(x, b, &b->choice.more, "require");
    put_features(x, b, &b->choice.less, "disable");
    for (guint i = 0; names[i] != NULL; i++)
        if (feature_in(&b->choice.gone, feature_find(b->e, names[i])))
            xml_leaf(x, "feature", "policy", "disable", "name", names[i], NULL);
}

/* A guest's addresses end where the least of these hosts' do. */
static void
put_address_limit(XmlOut *x, const Baseline *b)
{
    guint32 limit = G_MAXUINT32;

    for (guint i = 0; i < b->in->cpus->len; i++) {
        const CpuMaxphysaddr *bits = given_cpu(b, i)->maxphysaddr;

        if (bits == NULL || bits->mode != PHYSADDR_PASSTHROUGH || bits->limit == 0)
            return;
        limit = MIN(limit, bits->limit);
    }
    xml_leaf(x, "maxphysaddr", "mode", "passthrough", "limit", xml_number(limit), NULL);
}

static char *
baseline_format(const Baseline *b)
{
    XmlOut x = { g_string_new(NULL), 0 };
    const char *name = b->choice.name.name;
    gboolean same = b->in->hypervisor || all_name(b, name);

    xml_open(&x, "cpu", "mode", "custom", "match", "exact", NULL);
    xml_text(&x, "model", name, "fallback", same ? "forbid" : "allow", NULL);
    if (b->say_vendor)
        xml_text(&x, "vendor", b->vendor, NULL);
    put_address_limit(&x, b);
    put_policies(&x, b);
    xml_close(&x, "cpu");
    return g_string_free(x.text, FALSE);
}

char *
cpu_baseline(const CpuBaseline *in, const Emulator *e, GError **err)
{
    Baseline b = { .in = in, .e = e };

    if (in->cpus->len == 0) {
        fail(err, ERR_INVALID_ARG, "no CPUs given");
        return NULL;
    }
    if (!arch_runs("x86_64", e->arch)) {
        fail(err, ERR_NO_SUPPORT, "cannot compute baseline CPU of %s architecture", e->arch);
        return NULL;
    }
    if (!take_common(&b, err) || !take_vendors(&b, err))
        return NULL;
    if (!choose(&b)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "no CPU model of emulator %s is like these CPUs",
             e->path);
        return NULL;
    }
    if (in->migratable)
        drop_bound(&b);
    return baseline_format(&b);
}
