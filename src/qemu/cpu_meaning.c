/* What the name of a CPU model means: to QEMU, as it told when it was probed, and to documents. */
#include "cpu.h"

/* Documents have used these names for longer than QEMU counts these features to the models. Who
 * wrote a name has not asked for them, so a document says them beside the name; found by asking
 * libvirtd for each model, with QEMU 10.0. */
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

/* Names that meant more to documents than the models of today's QEMU have, or all accelerators
 * give: who writes one gets it without these, wherever it runs, unless the document asks for them.
 * A name with a version never meant them. Found in the same way. */
static const struct {
    const char *model;
    const char *const features[3];
} given_up[] = {
    { "Cascadelake-Server", { "mpx" } },
    { "Dhyana", { "monitor" } },
    { "EPYC", { "monitor" } },
    { "EPYC-IBPB", { "monitor" } },
    { "Icelake-Server", { "intel-pt", "mpx" } },
    { "Opteron_G3", { "monitor" } },
    { "Skylake-Client", { "mpx" } },
    { "Skylake-Client-IBRS", { "mpx" } },
    { "Skylake-Server", { "mpx" } },
    { "Skylake-Server-IBRS", { "mpx" } },
};

const char *const *
cpu_given_up(const char *model)
{
    static const char *const nothing[] = { NULL };

    for (guint i = 0; i < G_N_ELEMENTS(given_up); i++)
        if (g_strcmp0(given_up[i].model, model) == 0)
            return given_up[i].features;
    return nothing;
}

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

FeatureSet
cpu_meaning(const Emulator *e, const CpuModel *version)
{
    FeatureSet set = whole_model(version), hidden = named_set(e, left_off[ACCEL_TCG]);

    cpu_add(&set, &hidden);
    for (guint i = 0; i < G_N_ELEMENTS(unsaid); i++)
        if (g_pattern_match_simple(unsaid[i].models, version->name)) {
            FeatureSet less = named_set(e, unsaid[i].features);

            set = cpu_less(&set, &less);
        }
    return set;
}

FeatureSet
cpu_given(const Emulator *e, const CpuModel *version, Accel accel)
{
    FeatureSet set = whole_model(version), less = named_set(e, left_off[accel]);

    return cpu_less(&set, &less);
}
