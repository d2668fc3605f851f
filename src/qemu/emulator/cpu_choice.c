/* Which named model a processor is told as: the one of its own family and model number where there
 * is one, else the one that takes the fewest words. Leaving features of a model off is worse than
 * naming more of them, and the worse the more there are: software that knows a processor by its
 * name expects what comes with it.
 */
#include "cpu.h"

#include <string.h>

/* What one name would take. */
typedef struct Candidate {
    CpuChoice choice;
    gboolean other; /* the processor is of another family or model number */
    gboolean said;  /* who asks has used the name */
    guint cost;     /* in features to name, and what leaving some off adds to that */
    guint burden;   /* of that, what leaving off adds */
} Candidate;

/* Every second feature that is left off weighs one more than the last one. */
static guint
burden_of(guint n_off)
{
    guint pairs = (n_off + 1) / 2;

    return pairs * (pairs + 1) / 2;
}

static const CpuModel *
model_of(const CpuSubject *s, const CpuName *name)
{
    const CpuModel *m = s->task == CPU_TO_RUN ? emulator_model(s->emulator, name->name) : NULL;

    return m != NULL && m->on[s->accel].known ? m : NULL;
}

/* What is off: the processor has it not, or the accelerator does not give it to the model. */
static FeatureSet
off_of(const CpuSubject *s, const CpuName *name, const FeatureSet *meant)
{
    const CpuModel *m = model_of(s, name);
    FeatureSet off = cpu_less(meant, &s->has), blockers, kept, beyond;

    if (m == NULL)
        return off;
    blockers = cpu_real(s->emulator, &m->on[s->accel].blockers);
    kept = cpu_both(&blockers, meant);
    beyond = cpu_less(&blockers, &s->has);
    cpu_add(&off, &kept);
    cpu_add(&off, &beyond);
    return off;
}

static gboolean
is_said(const CpuSubject *s, const char *name)
{
    for (guint i = 0; s->said != NULL && i < s->said->len; i++)
        if (g_strcmp0(s->said->pdata[i], name) == 0)
            return TRUE;
    return FALSE;
}

static Candidate
candidate_of(const CpuSubject *s, const CpuName *name)
{
    FeatureSet meant = cpu_name_features(s->emulator, name);
    FeatureSet gone = cpu_name_gone(s->emulator, name);
    Candidate c = { .choice.name = *name };
    guint off;

    c.choice.less = off_of(s, name, &meant);
    c.choice.more = cpu_less(&s->has, &meant);
    c.choice.more = cpu_less(&c.choice.more, &c.choice.less);
    c.choice.gone = cpu_less(&gone, &s->has);
    c.choice.gone = cpu_less(&c.choice.gone, &c.choice.less);
    off = cpu_count(&c.choice.less) + cpu_count(&c.choice.gone);
    c.burden = burden_of(off);
    c.cost = cpu_count(&c.choice.more) + off + c.burden;
    c.other = s->self == NULL || !cpu_name_is(name, s->self);
    c.said = is_said(s, name->name);
    return c;
}

/* A document of a host has no word for what is left off a model. */
static gboolean
may_be_called(const CpuSubject *s, const CpuName *name)
{
    FeatureSet lacking;

    if (name->vendor != NULL && s->vendor != NULL && !g_str_equal(name->vendor, s->vendor))
        return FALSE;
    if (s->task == CPU_TO_RUN)
        return name->use == OF_ALL && model_of(s, name) != NULL;
    if (s->task == CPU_TO_WANT)
        return name->use == OF_ALL;
    lacking = cpu_name_features(s->emulator, name);
    lacking = cpu_less(&lacking, &s->has);
    return name->use != OF_NOBODY && feature_set_empty(&lacking);
}

/* Names come from the latest to the oldest: where two are as good, the later one stays. One that
 * was said is better at any cost when it leaves less off. */
static gboolean
is_better(const Candidate *c, const Candidate *best)
{
    if (c->other != best->other)
        return best->other;
    if (c->said && c->burden < best->burden)
        return TRUE;
    if (c->cost != best->cost)
        return c->cost < best->cost;
    return c->burden < best->burden;
}

gboolean
cpu_choose(const CpuSubject *s, CpuChoice *ret_choice)
{
    Candidate best = { .cost = 0 };
    gboolean any = FALSE;

    for (guint i = cpu_name_rows(); i > 0; i--) {
        CpuName name = cpu_name_at(i - 1);
        Candidate c;

        if (!may_be_called(s, &name))
            continue;
        c = candidate_of(s, &name);
        if (!any || is_better(&c, &best))
            best = c;
        any = TRUE;
    }
    if (any)
        *ret_choice = best.choice;
    return any;
}

gboolean
cpu_choose_named(const CpuSubject *s, const char *text, CpuChoice *ret_choice)
{
    CpuName name;

    if (!cpu_name_find(text, &name) || !may_be_called(s, &name))
        return FALSE;
    *ret_choice = candidate_of(s, &name).choice;
    return TRUE;
}
