/* A probed QEMU binary, as probe.c finds it out, emucache.c keeps it on disk and the capability
 * documents and the command line read it. All strings live in one chunk; a set of CPU features is
 * a bit set over the emulator's own list of feature names. */
#pragma once

#include "qemu_priv.h"

typedef enum Accel { ACCEL_TCG, ACCEL_KVM, N_ACCELS } Accel;

#define FEATURE_WORDS 8
typedef struct FeatureSet {
    guint64 word[FEATURE_WORDS];
} FeatureSet;

typedef struct Machine {
    const char *name;
    const char *alias;    /* "pc"; NULL */
    const char *cpu;      /* model of its default CPU; NULL: it has no name */
    const char *cpu_type; /* QEMU's type of that; only while it is probed */
    const char *ram_id;
    guint max_cpus;
    gboolean is_default, deprecated, hotplug_cpus, numa_mem, acpi;
} Machine;

typedef struct CpuModel {
    const char *name;
    const char *alias_of; /* the version that stands behind the name, or NULL */
    const char *vendor;   /* as CPUID spells it; NULL: not told */
    guint family, model, stepping;
    gboolean deprecated;
    FeatureSet features; /* of the model itself */
    struct {
        gboolean known; /* this accelerator has the model */
        FeatureSet blockers;
    } on[N_ACCELS];
} CpuModel;

/* What an accelerator can give a guest: the expansion of "host" or "max". */
typedef struct HostCpu {
    gboolean known;
    const char *vendor;
    guint family, model, stepping, phys_bits;
    FeatureSet features;
    FeatureSet bound; /* more, which keep a guest from being migrated */
} HostCpu;

/* Things that QEMU has or has not; rows in probe_read.c say how each is found. */
typedef enum Ability {
    ABLE_VNC,
    ABLE_SPICE,
    ABLE_SDL,
    ABLE_EGL_HEADLESS,
    ABLE_DBUS_DISPLAY,
    ABLE_RECONNECT_MS, /* of a chardev; before, only whole seconds */
    ABLE_RUN_WITH,     /* -run-with async-teardown=on */
    ABLE_SMP_CLUSTERS,
    ABLE_SMP_MODULES,
    ABLE_SEV,
    ABLE_SGX,
    ABLE_DIRTY_RATE,
    ABLE_BACKUP,
    N_ABILITIES
} Ability;

struct Emulator {
    char *path;
    const char *arch; /* "x86_64" */
    const char *package;
    guint64 version;
    gboolean kvm;
    guint64 able;     /* bits of Ability */
    GArray *machines; /* of Machine, in QEMU's order with the default first */
    GArray *models;   /* of CpuModel, by name */
    HostCpu host[N_ACCELS];
    GPtrArray *features; /* const char *: QEMU's names, by bit */
    GPtrArray *types;    /* const char *: QOM types, sorted */
    GPtrArray *tpm_models;
    GPtrArray *tpm_types;
    GPtrArray *gics;   /* versions, as text */
    GPtrArray *hyperv; /* enlightenments that the KVM has, as documents name them */
    GStringChunk *strings;
    char *identity;               /* what it was when it was probed; see emulator_identity */
    EmulatorCaps *caps[N_ACCELS]; /* conf's view, made when it is first asked for */
};

Emulator *emulator_new(const char *path);
void emulator_free(Emulator *e);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Emulator, emulator_free)
const char *emulator_keep(Emulator *e, const char *text); /* NULL stays NULL */
gboolean emulator_able(const Emulator *e, Ability what);
gboolean emulator_has_type(const Emulator *e, const char *type);
/* By its name or its alias. */
const Machine *emulator_machine(const Emulator *e, const char *name);
const Machine *emulator_default_machine(const Emulator *e);
CpuModel *emulator_model(const Emulator *e, const char *name);

int feature_find(const Emulator *e, const char *name); /* -1 */
int feature_add(Emulator *e, const char *name);        /* -1: the set is full */
static inline void
feature_set(FeatureSet *set, int bit)
{
    if (bit >= 0)
        set->word[bit / 64] |= G_GUINT64_CONSTANT(1) << (bit % 64);
}
static inline gboolean
feature_in(const FeatureSet *set, int bit)
{
    return bit >= 0 && (set->word[bit / 64] >> (bit % 64) & 1);
}
gboolean feature_set_empty(const FeatureSet *set);

/* What conf reads of it (confcaps.c). Borrowed; NULL: no such accelerator. */
const EmulatorCaps *emulator_caps(Emulator *e, gboolean kvm);

/* ---- the probe (probe.c, probe_read.c) */

typedef struct Probe Probe;
/* Takes nothing over; e is the caller's in done. Ends by itself within its deadline. */
typedef void (*ProbeDone)(Emulator *e, const GError *err, gpointer user);
Probe *probe_start(const char *path, ProbeDone done, gpointer user, GError **err);
void probe_free(Probe *p);
/* The same, blocking. */
Emulator *probe_now(const char *path, GError **err);

/* Readers of single answers; ret is NULL where QEMU refused the question. */
typedef struct Answer {
    Emulator *emulator;
    Accel accel;       /* of the QEMU that was asked */
    const char *about; /* the model of an expansion; else NULL */
    json_object *ret;  /* NULL: QEMU refused the question */
} Answer;

void read_version(const Answer *a);
void read_target(const Answer *a);
void read_machines(const Answer *a);
void read_types(const Answer *a);
void read_commands(const Answer *a);
void read_options(const Answer *a);
void read_schema(const Answer *a);
void read_tpm_models(const Answer *a);
void read_tpm_types(const Answer *a);
void read_gics(const Answer *a);
void read_sev(const Answer *a);
void read_sgx(const Answer *a);
void read_models(const Answer *a);
void read_host(const Answer *a);
void read_bound(const Answer *a);
void read_hyperv(const Answer *a);
void read_expansion(const Answer *a);
void read_finish(Emulator *e); /* sorts, after the last answer */

/* ---- the cache (emucache.c) */

/* What makes a probe stale: the binary, its modules, this program, the kernel and the CPU. */
char *emulator_identity(const char *path, GError **err);
gboolean emucache_save(const Emulator *e, const char *file, GError **err);
/* NULL: not there, not readable, or of another identity; the reason does not matter. */
Emulator *emucache_load(const char *path, const char *identity, const char *file);
