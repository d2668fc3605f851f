/* One CPU for several hosts: the features that all of them have, as the nearest named model and
 * what it takes to make that CPU of it. */
#include "cpu.h"

#include <string.h>

#include "args.h"

typedef struct Baseline {
    const CpuBaseline *in;
    const Emulator *e;
    FeatureSet common;
    const char *vendor;   /* as documents spell it; NULL: of no one vendor */
    gboolean say_vendor;  /* every CPU names it */
    const CpuModel *best; /* a version */
    const char *name;     /* the name for it */
} Baseline;

static const CpuDef *
given_cpu(const Baseline *b, guint i)
{
    return b->in->cpus->pdata[i];
}

/* ---- what all have */

static const char *
vendor_of(const Baseline *b, const CpuDef *cpu)
{
    const CpuModel *m = cpu->model != NULL ? emulator_model(b->e, cpu->model) : NULL;

    if (cpu->vendor != NULL || m == NULL)
        return cpu->vendor;
    return cpu_is_generic(m) ? NULL : cpu_vendor(cpu_version(b->e, m)->vendor);
}

static gboolean
take_vendors(Baseline *b, GError **err)
{
    const char *said = NULL;

    b->vendor = vendor_of(b, given_cpu(b, 0));
    b->say_vendor = TRUE;
    for (guint i = 0; i < b->in->cpus->len; i++) {
        const CpuDef *cpu = given_cpu(b, i);

        if (said != NULL && cpu->vendor != NULL && !g_str_equal(said, cpu->vendor))
            return fail(err, ERR_OPERATION_FAILED, "CPU vendors do not match");
        said = cpu->vendor != NULL ? cpu->vendor : said;
        b->say_vendor = b->say_vendor && cpu->vendor != NULL;
        if (g_strcmp0(b->vendor, vendor_of(b, cpu)) != 0)
            b->vendor = NULL;
    }
    return TRUE;
}

static gboolean
take_common(Baseline *b, GError **err)
{
    for (guint i = 0; i < b->in->cpus->len; i++) {
        const CpuDef *cpu = given_cpu(b, i);
        FeatureSet set;

        if (cpu->model == NULL)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "no CPU model specified at index %u", i);
        if (!cpu_described(cpu, b->e, &set, err))
            return FALSE;
        b->common = i > 0 ? cpu_both(&b->common, &set) : set;
    }
    /* Not of the CPU: its operating system turned it on. */
    cpu_drop(&b->common, feature_find(b->e, "osxsave"));
    cpu_drop(&b->common, feature_find(b->e, "ospke"));
    if (!b->in->hypervisor && b->in->migratable)
        cpu_drop(&b->common, feature_find(b->e, "invtsc"));
    return TRUE;
}

/* ---- the model */

static guint
distance(const Baseline *b, const CpuModel *m)
{
    FeatureSet meant = cpu_meaning(b->e, m);
    guint n = 0;

    for (guint bit = 0; bit < b->e->features->len; bit++) {
        gboolean has = feature_in(&b->common, (int)bit);

        if (has != feature_in(&meant, (int)bit))
            n += has ? 1 : 2;
    }
    return n;
}

static gboolean
may_stand(const Baseline *b, const CpuModel *m)
{
    if (m->alias_of != NULL || m->vendor == NULL || cpu_is_own_mode(m))
        return FALSE;
    if (b->in->hypervisor && !m->on[b->in->accel].known)
        return FALSE;
    return cpu_is_generic(m) ||
           (b->vendor != NULL && g_strcmp0(cpu_vendor(m->vendor), b->vendor) == 0);
}

static void
choose_model(Baseline *b)
{
    guint least = G_MAXUINT;

    for (guint i = 0; i < b->e->models->len; i++) {
        const CpuModel *m = &g_array_index(b->e->models, CpuModel, i);
        guint n = may_stand(b, m) ? distance(b, m) : G_MAXUINT;

        if (n < least) {
            least = n;
            b->best = m;
        }
    }
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
put_all(XmlOut *x, const Baseline *b)
{
    g_autofree char *names = cpu_names(b->e, &b->common, " ");
    g_auto(GStrv) list = g_strsplit(names, " ", 0);

    qsort(list, g_strv_length(list), sizeof *list, word_order);
    for (guint i = 0; list[i] != NULL; i++)
        xml_leaf(x, "feature", "policy", "require", "name", list[i], NULL);
}

static void
put_differences(XmlOut *x, const Baseline *b)
{
    FeatureSet meant = cpu_meaning(b->e, b->best), more = cpu_less(&b->common, &meant);
    FeatureSet less = cpu_less(&meant, &b->common);

    /* Here it is to run as well: without what the accelerator has not. */
    if (b->in->hypervisor)
        cpu_add(&less, &b->best->on[b->in->accel].blockers);
    put_features(x, b, &more, "require");
    put_features(x, b, &less, "disable");
}

/* What some accelerators leave off is said, so that it is off with all. */
static void
put_left_off(XmlOut *x, const Baseline *b)
{
    FeatureSet tcg = cpu_given(b->e, b->best, ACCEL_TCG);
    FeatureSet kvm = cpu_given(b->e, b->best, ACCEL_KVM);
    FeatureSet meant = cpu_meaning(b->e, b->best), off = cpu_less(&tcg, &kvm);

    off = cpu_less(&off, &meant);
    off = cpu_less(&off, &b->common);
    put_features(x, b, &off, "disable");
}

static char *
baseline_format(const Baseline *b)
{
    XmlOut x = { g_string_new(NULL), 0 };
    gboolean same = b->in->hypervisor ||
                    (b->in->cpus->len == 1 && g_str_equal(b->name, given_cpu(b, 0)->model));

    xml_open(&x, "cpu", "mode", "custom", "match", "exact", NULL);
    xml_text(&x, "model", b->name, "fallback", same ? "forbid" : "allow", NULL);
    if (b->say_vendor && b->vendor != NULL)
        xml_text(&x, "vendor", b->vendor, NULL);
    if (b->in->expand)
        put_all(&x, b);
    else
        put_differences(&x, b);
    if (b->in->hypervisor && !b->in->expand)
        put_left_off(&x, b);
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
