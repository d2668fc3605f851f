/* One CPU for several hosts: the features that all of them have, as the nearest named model and
 * what it takes to make that CPU of it. */
#include "cpu.h"

#include <string.h>

#include "args.h"

typedef struct Baseline {
    const CpuBaseline *in;
    const Emulator *e;
    FeatureSet common;
    const char *vendor;   /* of all their models, as documents spell it; NULL: of no one vendor */
    const char *said;     /* as the CPUs name it */
    gboolean say_vendor;  /* every CPU does */
    const CpuModel *best; /* a version */
    const char *name;     /* the name for it */
} Baseline;

static const CpuDef *
given_cpu(const Baseline *b, guint i)
{
    return &((const CpuDoc *)b->in->cpus->pdata[i])->cpu;
}

/* ---- what all have */

/* NULL: of no one vendor. */
static const char *
model_vendor(const Baseline *b, const CpuDef *cpu)
{
    const CpuModel *m = emulator_model(b->e, cpu->model);

    return cpu_is_generic(m) ? NULL : cpu_vendor(cpu_version(b->e, m)->vendor);
}

static gboolean
check_vendor(const Baseline *b, const CpuDef *cpu, GError **err)
{
    const char *vendor = model_vendor(b, cpu);

    if (cpu->vendor == NULL)
        return TRUE;
    if (!cpu_vendor_is_known(cpu->vendor))
        return fail(err, ERR_OPERATION_FAILED, "Unknown CPU vendor %s", cpu->vendor);
    if (b->said != NULL && !g_str_equal(b->said, cpu->vendor))
        return fail(err, ERR_OPERATION_FAILED, "CPU vendors do not match");
    return b->in->cpus->len == 1 || vendor == NULL || g_str_equal(vendor, cpu->vendor) ||
           fail(err, ERR_OPERATION_FAILED, "CPU vendor %s of model %s differs from vendor %s",
                vendor, cpu->model, cpu->vendor);
}

/* A CPU that is said to be of another vendor than its model is of nobody's model. */
static gboolean
take_vendors(Baseline *b, GError **err)
{
    b->vendor = model_vendor(b, given_cpu(b, 0));
    b->say_vendor = TRUE;
    for (guint i = 0; i < b->in->cpus->len; i++) {
        const CpuDef *cpu = given_cpu(b, i);

        if (!check_vendor(b, cpu, err))
            return FALSE;
        b->said = cpu->vendor != NULL ? cpu->vendor : b->said;
        b->say_vendor = b->say_vendor && cpu->vendor != NULL;
        if (g_strcmp0(b->vendor, model_vendor(b, cpu)) != 0)
            b->vendor = NULL;
    }
    if (b->said != NULL && g_strcmp0(b->vendor, b->said) != 0)
        b->vendor = NULL;
    return TRUE;
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
    /* Not of the CPU: its operating system turned it on. */
    cpu_drop(&b->common, feature_find(b->e, "osxsave"));
    cpu_drop(&b->common, feature_find(b->e, "ospke"));
    if (b->in->migratable && (!b->in->hypervisor || b->in->accel == ACCEL_KVM))
        cpu_drop(&b->common, feature_find(b->e, "invtsc"));
    return TRUE;
}

/* ---- the model */

/* What is to be said beside the model's name. Where the CPU is to run, what an accelerator has not
 * is off. */
static void
differences(const Baseline *b, const CpuModel *m, FeatureSet *ret_more, FeatureSet *ret_less)
{
    FeatureSet meant = cpu_meaning(b->e, m);

    *ret_more = cpu_less(&b->common, &meant);
    *ret_less = cpu_less(&meant, &b->common);
    if (b->in->hypervisor) {
        cpu_add(ret_less, &m->on[b->in->accel].blockers);
        *ret_more = cpu_less(ret_more, ret_less);
    }
}

/* Something taken away from a model makes it less that model than something added. */
static guint
distance(const Baseline *b, const CpuModel *m)
{
    FeatureSet more, less;

    differences(b, m, &more, &less);
    return cpu_count(&more) + 2 * cpu_count(&less);
}

static gboolean
may_stand(const Baseline *b, const CpuModel *m)
{
    if (m->alias_of != NULL || m->vendor == NULL || cpu_is_own_mode(m))
        return FALSE;
    if (b->in->hypervisor && !m->on[b->in->accel].known)
        return FALSE;
    return b->vendor == NULL
               ? cpu_is_generic(m)
               : !cpu_is_generic(m) && g_strcmp0(cpu_vendor(m->vendor), b->vendor) == 0;
}

static const CpuModel *
nearest(const Baseline *b)
{
    const CpuModel *best = NULL;
    guint least = G_MAXUINT;

    for (guint i = 0; i < b->e->models->len; i++) {
        const CpuModel *m = &g_array_index(b->e->models, CpuModel, i);
        guint n = may_stand(b, m) ? distance(b, m) : G_MAXUINT;

        if (n < least) {
            least = n;
            best = m;
        }
    }
    return best;
}

static gboolean
all_name(const Baseline *b, const char *model)
{
    for (guint i = 0; i < b->in->cpus->len; i++)
        if (!g_str_equal(given_cpu(b, i)->model, model))
            return FALSE;
    return TRUE;
}

/* A model that all of them are is meant to stay. */
static void
choose_model(Baseline *b)
{
    const char *named = given_cpu(b, 0)->model;
    const CpuModel *version = cpu_version(b->e, emulator_model(b->e, named));

    b->best = all_name(b, named) && may_stand(b, version) ? version : nearest(b);
}

/* A name that somebody used is better than another one for the same. */
static void
choose_name(Baseline *b)
{
    for (guint i = 0; i < b->in->cpus->len && b->name == NULL; i++) {
        const CpuModel *m = emulator_model(b->e, given_cpu(b, i)->model);

        if (cpu_version(b->e, m) == b->best)
            b->name = m->name;
    }
    if (b->name == NULL)
        b->name = cpu_plain_name(b->e, b->best);
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
    FeatureSet all = b->common;
    g_autofree char *names = NULL;
    g_auto(GStrv) list = NULL;

    cpu_add(&all, off);
    names = cpu_names(b->e, &all, " ");
    list = g_strsplit(names, " ", 0);
    qsort(list, g_strv_length(list), sizeof *list, word_order);
    for (guint i = 0; list[i] != NULL; i++) {
        gboolean is_off = feature_in(off, feature_find(b->e, cpu_feature_to_qemu(list[i])));

        xml_leaf(x, "feature", "policy", is_off ? "disable" : "require", "name", list[i], NULL);
    }
}

static FeatureSet
given_up(const Baseline *b, const FeatureSet *less)
{
    FeatureSet off = { { 0 } };

    for (const char *const *name = cpu_given_up(b->name); *name != NULL; name++)
        feature_set(&off, feature_find(b->e, *name));
    off = cpu_less(&off, less);
    return cpu_less(&off, &b->common);
}

static void
put_policies(XmlOut *x, const Baseline *b)
{
    FeatureSet more, less, off;

    differences(b, b->best, &more, &less);
    off = given_up(b, &less);
    if (b->in->expand) {
        cpu_add(&off, &less);
        put_all(x, b, &off);
        return;
    }
    put_features(x, b, &more, "require");
    put_features(x, b, &less, "disable");
    for (const char *const *name = cpu_given_up(b->name); *name != NULL; name++)
        if (feature_in(&off, feature_find(b->e, *name)))
            xml_leaf(x, "feature", "policy", "disable", "name", *name, NULL);
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
    gboolean same = b->in->hypervisor || all_name(b, b->name);

    xml_open(&x, "cpu", "mode", "custom", "match", "exact", NULL);
    xml_text(&x, "model", b->name, "fallback", same ? "forbid" : "allow", NULL);
    if (b->say_vendor)
        xml_text(&x, "vendor", b->said, NULL);
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
    choose_model(&b);
    if (b.best == NULL) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "no CPU model of emulator %s is like these CPUs",
             e->path);
        return NULL;
    }
    choose_name(&b);
    return baseline_format(&b);
}
