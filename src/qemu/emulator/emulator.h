/* qemu/emulator: what an installed QEMU binary can do, and the processors that it gives to guests.
 * A binary is probed when it is first needed (probe.c), what it said is kept on disk (emucache.c),
 * and the capability documents, the rules of conf and the command line read it here.
 *
 * All strings of an Emulator live in one chunk; a set of CPU features is a bit set over the
 * emulator's own list of feature names. An Emulator is borrowed and lives until capable_done.
 */
#pragma once

#include "qemu/qemu.h"

typedef enum Accel { ACCEL_TCG, ACCEL_KVM, N_ACCELS } Accel;

#define FEATURE_WORDS 10
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
    FeatureSet switches; /* features of documents that it can turn on or off */
    GPtrArray *features; /* const char *: QEMU's names, by bit */
    GHashTable *bits;    /* name: its bit and 1 */
    GPtrArray *types;    /* const char *: QOM types, sorted */
    GPtrArray *tpm_models;
    GPtrArray *tpm_types;
    GPtrArray *gics;   /* versions, as text */
    GPtrArray *hyperv; /* enlightenments that the KVM has, as documents name them */
    GStringChunk *strings;
    char *identity;               /* what it was when it was probed; see emulator_identity */
    EmulatorCaps *caps[N_ACCELS]; /* conf's view, made when it is first asked for */
} Emulator;

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
void feature_add_places(Emulator *e); /* all that documents name, told by this QEMU or not */
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

/* ---- the emulator (capable.c) ------------------------------------------------------------ */

/* From memory or the cache on disk. A binary that was never seen, or has changed, is probed. done
 * is called from the loop, never from within. */
typedef void (*EmulatorFound)(const Emulator *e, const GError *err, gpointer user);
void emulator_get(const char *path, EmulatorFound done, gpointer user);
/* What was found out last, however long ago, without a look at the binary. NULL: ERR_AWAITED where
 * that is being found out, or why it cannot be. */
const Emulator *emulator_known(const char *path, GError **err);
/* The same, as conf sees it. virt_type: a VirtType. */
const EmulatorCaps *emulator_known_caps(const char *path, int virt_type, GError **err);
guint64 emulator_version(const Emulator *e); /* major * 1000000 + minor * 1000 + micro */
/* How conf asks for emulators: for domain_parse and domain_fill. Of a binary that is not known, or
 * was not looked at within the last second, the answer is ERR_AWAITED. */
const ConfContext *emulator_context(void);
gboolean capable_init(const Paths *paths, GError **err);
void capable_done(void);

/* ---- the CPU that a guest got (cpu_guest.c) */

/* Names all that QEMU is to be told of a CPU: a host's model becomes a named one. FALSE: nothing is
 * known of the host's. */
gboolean cpu_spell(CpuDef *cpu, const Emulator *e, Accel accel);
/* Writes into a live definition what the guest's CPU is, as its "feature-words" tell. An error when
 * the document wants it checked in full and it is not what the document says. */
gboolean cpu_guest_learn(DomainDef *live, const Emulator *e, json_object *words, GError **err);
/* Whether a domain's CPU may be started where the document wants that checked. */
gboolean cpu_check_start(const DomainDef *def, const Emulator *e, GError **err);
const char *cpu_feature_to_qemu(const char *name);

/* Of the architecture that a definition names. */
gboolean guest_is_x86(const DomainDef *def);

/* The folders of the daemon, as the room was given them (capable.c). */
extern const Paths *qemu_paths;
