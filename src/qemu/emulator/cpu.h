/* CPU models of an emulator. */
#pragma once

#include "emulator_priv.h"
#include "host/host.h"

const char *cpu_feature_from_qemu(const char *name);
const char *cpu_vendor(const char *cpuid); /* "Intel"; NULL: unknown */
gboolean cpu_vendor_is_known(const char *name);
guint cpu_phys_bits(void); /* width of a physical address of this host, in bits; 0: unknown */

typedef struct CpuPolicy {
    const char *name; /* as documents spell it */
    gboolean on;
} CpuPolicy;

gboolean cpu_is_generic(const CpuModel *m); /* it imitates no real CPU, and is of any vendor */
gboolean
cpu_is_own_mode(const CpuModel *m); /* "host" and the like, which documents express as modes */
const char *cpu_plain_name(const Emulator *e, const CpuModel *version);
/* The version that a name stands for, or the model itself. */
const CpuModel *cpu_version(const Emulator *e, const CpuModel *m);
/* cpu_meaning: the features that a document means by the name of a model; cpu_given: those that
 * QEMU gives for that name (cpu_meaning.c). */
FeatureSet cpu_meaning(const Emulator *e, const CpuModel *m);
FeatureSet cpu_given(const Emulator *e, const CpuModel *version, Accel accel);
/* The features that are turned off when a document names this model, as QEMU spells them. The
 * caller frees them. */
char **cpu_given_up(const char *model);
/* Whether a document leaves the choice of the model to the host: by its mode, or because it names a
 * minimum. */
gboolean cpu_takes_host_model(const CpuDef *cpu);
/* The CPU that the accelerator gives, as a model's name and the features (GArray of CpuPolicy) that
 * make up the difference. bound: include features that keep a guest from being migrated. NULL: it
 * is unknown. */
const char *cpu_host_model(const Emulator *e, Accel accel, gboolean bound, GArray **ret_policies);
/* The same for this machine's own processor, which has all features of the named model. */
const char *cpu_here_model(const Emulator *e, GArray **ret_policies);
/* Writes the <cpu> of domain capabilities. */
void cpu_put_modes(XmlOut *x, const Emulator *e, Accel accel);

/* ---- names of models, as documents know them (cpu_models.c) */

typedef enum CpuNameUse {
    OF_ALL,    /* for hosts and guests */
    OF_HOSTS,  /* for hosts only */
    OF_NOBODY, /* accepted in documents, and never chosen */
} CpuNameUse;

typedef struct CpuName {
    const char *name;
    const char *same;        /* another name for the same; in the table only */
    const char *like;        /* the model that it starts from; NULL: none */
    const char *more, *less; /* features added to and taken from that model's */
    const char *gone;        /* features that the name once included: off unless asked for */
    const char *vendor;      /* as documents spell it; NULL: any */
    const char
        *signatures; /* "6/85/0-4": family, model number, steppings where not all; NULL: none */
    CpuNameUse use;
    gboolean exact; /* documents leave the features to QEMU */
} CpuName;

guint cpu_name_rows(void);
CpuName cpu_name_at(guint i);
gboolean cpu_name_find(const char *text, CpuName *ret_name);
FeatureSet cpu_name_features(const Emulator *e, const CpuName *name);
FeatureSet cpu_name_gone(const Emulator *e, const CpuName *name);
gboolean cpu_name_is(const CpuName *name, const CpuSelf *self);

/* ---- the name for a processor (cpu_choice.c) */

typedef enum CpuTask {
    CPU_TO_TELL, /* the name of a machine's own CPU: no feature can be left off */
    CPU_TO_WANT, /* the name of a CPU for guests anywhere */
    CPU_TO_RUN,  /* the name of a CPU for an emulator and accelerator: names are its models */
} CpuTask;

typedef struct CpuSubject {
    const Emulator *emulator;
    FeatureSet has;      /* only features that documents name */
    const char *vendor;  /* as documents spell it; NULL: any */
    const CpuSelf *self; /* NULL: unknown */
    CpuTask task;
    Accel accel;           /* for CPU_TO_RUN */
    const GPtrArray *said; /* const char *: names that the asker has used; may be NULL */
} CpuSubject;

typedef struct CpuChoice {
    CpuName name;
    FeatureSet more, less; /* features to name in addition, and to turn off */
    FeatureSet gone;       /* features to turn off because the name once included them */
} CpuChoice;

/* The CPU that an accelerator gives (cpu.c). bound: include features that keep a guest from being
 * migrated. FALSE: it is unknown. */
gboolean cpu_host_choice(const Emulator *e, Accel accel, gboolean bound, CpuChoice *ret_choice);
/* Chooses the name that fits a processor best. FALSE: none fits. */
gboolean cpu_choose(const CpuSubject *s, CpuChoice *ret_choice);
/* The same for a given name; FALSE: it cannot be used for this. */
gboolean cpu_choose_named(const CpuSubject *s, const char *text, CpuChoice *ret_choice);

/* ---- CPUs that documents describe (cpu_compare.c) */

typedef enum CpuMatch { CPU_INCOMPATIBLE, CPU_IDENTICAL, CPU_SUPERSET } CpuMatch;

/* The CPU that a host, or an accelerator on it, has for guests. */
typedef struct CpuOffer {
    const Emulator *emulator;
    FeatureSet features;
    const char *vendor; /* as CPUID spells it; NULL: not told */
    gboolean to_guests; /* of the accelerator, not of the host itself */
    Accel accel;
} CpuOffer;

CpuOffer cpu_offer_here(const Emulator *e); /* the machine itself */
CpuOffer cpu_offer_of(const Emulator *e, Accel accel);
/* The features of the CPU that a document describes; unknown names are errors. */
gboolean cpu_described(const CpuDef *cpu, const Emulator *e, FeatureSet *ret_set, GError **err);
/* Compares the CPU of a document with an offer. *ret_why says why they are incompatible. FALSE: the
 * document is wrong. */
gboolean cpu_compare(const CpuDoc *doc, const CpuOffer *offer, CpuMatch *ret_match,
                     GError **ret_why, GError **err);
FeatureSet cpu_both(const FeatureSet *a, const FeatureSet *b);
FeatureSet cpu_less(const FeatureSet *set, const FeatureSet *less);
void cpu_add(FeatureSet *set, const FeatureSet *more);
void cpu_drop(FeatureSet *set, int bit);
guint cpu_count(const FeatureSet *set);
/* The features that documents name. */
FeatureSet cpu_real(const Emulator *e, const FeatureSet *set);
/* The names of a set's features as documents spell them, in CPUID's order. The caller frees it. */
char *cpu_names(const Emulator *e, const FeatureSet *set, const char *separator);

/* ---- one CPU for several (cpu_baseline.c) */

typedef struct CpuBaseline {
    GPtrArray *cpus;     /* CpuDoc, at least one */
    gboolean hypervisor; /* it must run on accel */
    Accel accel;
    gboolean expand; /* list every feature, not only those that the name does not include */
    gboolean migratable;
} CpuBaseline;

/* One CPU that all of them have, as a <cpu> document; the caller frees it. */
char *cpu_baseline(const CpuBaseline *in, const Emulator *e, GError **err);
