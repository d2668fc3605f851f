/* What the name of a CPU model means: to documents, and to QEMU, as it told when it was probed. */
#include "cpu.h"

/* Of what a model has, an accelerator leaves these off unless they are asked for, with what hangs
 * on them. QEMU expanded the models under TCG, so it has not told who has what TCG leaves off: all
 * are taken to. */
static const char *const left_off[N_ACCELS] = {
    [ACCEL_TCG] = "vme",
    [ACCEL_KVM] = "acpi monitor svm npt nrip-save",
};

static FeatureSet
named_set(const Emulator *e, const char *names)
{
    g_auto(GStrv) words = g_strsplit(names, " ", 0);
    FeatureSet set = { { 0 } };

    for (guint i = 0; words[i] != NULL; i++)
        feature_set(&set, feature_find(e, words[i]));
    return set;
}

/* QEMU expands a model without what TCG cannot do, and tells that aside. */
static FeatureSet
whole_model(const CpuModel *version)
{
    FeatureSet set = version->features;

    cpu_add(&set, &version->on[ACCEL_TCG].blockers);
    return set;
}

/* A model that documents do not know means what this QEMU has of it. */
FeatureSet
cpu_meaning(const Emulator *e, const CpuModel *m)
{
    CpuName name;
    FeatureSet set, hidden = named_set(e, left_off[ACCEL_TCG]);

    if (cpu_name_find(m->name, &name))
        return cpu_name_features(e, &name);
    set = whole_model(cpu_version(e, m));
    cpu_add(&set, &hidden);
    cpu_drop(&set, feature_find(e, "hypervisor"));
    return set;
}

char **
cpu_given_up(const char *model)
{
    CpuName name;

    return g_strsplit(cpu_name_find(model, &name) && name.gone != NULL ? name.gone : "", " ", 0);
}

FeatureSet
cpu_given(const Emulator *e, const CpuModel *version, Accel accel)
{
    FeatureSet set = whole_model(version), less = named_set(e, left_off[accel]);

    return cpu_less(&set, &less);
}
