/* qemu/emulator: what an installed QEMU binary can do, and the processors that it gives to guests.
 * A binary is probed when it is first needed (probe.c), and its answers are kept on disk
 * (emucache.c). The capability documents, the rules of conf and the builder of the command line
 * read them here.
 *
 * All strings of an Emulator live in one chunk. A set of CPU features is a bit set over the
 * emulator's own list of feature names. An Emulator is borrowed and lives until capable_done. */
#pragma once

#include "qemu/qemu.h"

typedef enum Accel { ACCEL_TCG, ACCEL_KVM, N_ACCELS } Accel;

#define FEATURE_WORDS 10
typedef struct FeatureSet {
    guint64 word[FEATURE_WORDS];
} FeatureSet;

typedef struct Machine {
    const char *name;
    const char *alias;    /* "pc"; NULL: none */
    const char *cpu;      /* model of its default CPU; NULL: it has no name */
    const char *cpu_type; /* QEMU's type of that CPU; only while the emulator is probed */
    const char *ram_id;
    guint max_cpus;
    gboolean is_default, deprecated, hotplug_cpus, numa_mem, acpi;
} Machine;

typedef struct CpuModel {
    const char *name;
    const char *alias_of; /* the version that the name stands for, or NULL */
    const char *vendor;   /* as CPUID spells it; NULL: unknown */
    guint family, model, stepping;
    gboolean deprecated;
    FeatureSet features; /* of the model itself */
    struct {
        gboolean known; /* whether this accelerator has the model */
        FeatureSet blockers;
    } on[N_ACCELS];
} CpuModel;

/* The CPU that an accelerator can give a guest: QEMU's expansion of "host" or "max". */
typedef struct HostCpu {
    gboolean known;
    const char *vendor;
    guint family, model, stepping, phys_bits;
    FeatureSet features;
    FeatureSet bound; /* further features, which keep a guest from being migrated */
} HostCpu;

/* Abilities that a QEMU may have; rows in probe_read.c say how each is found. */
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

typedef struct Emulator {
    char *path;
    const char *arch; /* "x86_64" */
    const char *package;
    guint64 version;
    gboolean kvm;
    guint64 able;     /* bits of Ability */
    GArray *machines; /* of Machine, in QEMU's order with the default first */
    GArray *models;   /* of CpuModel, by name */
    HostCpu host[N_ACCELS];
    FeatureSet switches; /* features that documents name and QEMU can turn on or off */
    GPtrArray *features; /* const char *: QEMU's names, by bit */
    GHashTable *bits;    /* name -> its bit + 1 */
    GPtrArray *types;    /* const char *: QOM types, sorted */
    GPtrArray *tpm_models;
    GPtrArray *tpm_types;
    GPtrArray *gics;   /* versions of Arm's interrupt controller, as text */
    GPtrArray *hyperv; /* Hyper-V features that KVM has, as documents name them */
    GStringChunk *strings;
    char *identity; /* identity of the binary when it was probed; see emulator_identity */
    EmulatorCaps *caps[N_ACCELS]; /* the view of conf, made when it is first needed */
} Emulator;

Emulator *emulator_new(const char *path);
void emulator_free(Emulator *e);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Emulator, emulator_free)
const char *emulator_keep(Emulator *e,
                          const char *text); /* copies text into the chunk; NULL stays NULL */
gboolean emulator_able(const Emulator *e, Ability what);
gboolean emulator_has_type(const Emulator *e, const char *type);
/* The machine of that name or alias, borrowed; NULL: none. */
const Machine *emulator_machine(const Emulator *e, const char *name);
const Machine *emulator_default_machine(const Emulator *e);
CpuModel *emulator_model(const Emulator *e, const char *name);

int feature_find(const Emulator *e, const char *name); /* the bit; -1: unknown */
/* The bit, added if it is new; -1: the list is full. */
int feature_add(Emulator *e, const char *name);
/* Adds all features that documents name, known to this QEMU or not. */
void feature_add_places(Emulator *e);
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

/* The view of an emulator for conf (confcaps.c). Borrowed; NULL: it has no such accelerator. */
const EmulatorCaps *emulator_caps(Emulator *e, gboolean kvm);

/* ---- the emulator (capable.c) ------------------------------------------------------------ */

/* Finds an emulator in memory or in the cache on disk; probes a binary that is new or has changed.
 * done is called from the loop, never from within this call; e is borrowed. */
typedef void (*EmulatorFound)(const Emulator *e, const GError *err, gpointer user);
void emulator_get(const char *path, EmulatorFound done, gpointer user);
/* The last known state of an emulator, however old, without a look at the binary. NULL with
 * ERR_AWAITED while it is being probed, or with the error of the probe. */
const Emulator *emulator_known(const char *path, GError **err);
/* The same as a view for conf. virt_type: a VirtType. */
const EmulatorCaps *emulator_known_caps(const char *path, int virt_type, GError **err);
guint64 emulator_version(const Emulator *e); /* major * 1000000 + minor * 1000 + micro */
/* The context by which conf finds emulators, for domain_parse and domain_fill. For a binary that is
 * unknown, or was not looked at within the last second, it answers ERR_AWAITED. */
const ConfContext *emulator_context(void);
gboolean capable_init(const Paths *paths, GError **err);
void capable_done(void);

/* ---- the CPU that a guest got (cpu_guest.c) */

/* Spells out a CPU for QEMU: a host's model becomes a named one with its features. FALSE: the
 * host's CPU is unknown. */
gboolean cpu_spell(CpuDef *cpu, const Emulator *e, Accel accel);
/* Writes the CPU that the guest got into a live definition, from QEMU's answer "feature-words". An
 * error when the document wants a full check and the guest got another CPU. */
gboolean cpu_guest_learn(DomainDef *live, const Emulator *e, json_object *words, GError **err);
/* Whether a domain may be started with its CPU, where the document wants that checked. */
gboolean cpu_check_start(const DomainDef *def, const Emulator *e, GError **err);
const char *cpu_feature_to_qemu(const char *name);

/* Whether the definition's architecture is x86. */
gboolean guest_is_x86(const DomainDef *def);

/* The folders of the daemon, as passed to capable_init (capable.c). */
extern const Paths *qemu_paths;
