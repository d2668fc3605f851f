/* CPU models of an emulator. */
#pragma once

#include "emulator_priv.h"
#include "host/host.h"

const char *cpu_feature_from_qemu(const char *name);
const char *cpu_vendor(const char *cpuid); /* "Intel"; NULL: unknown */
gboolean cpu_vendor_is_known(const char *name);
guint cpu_phys_bits(void); /* of this host; 0: not told */

typedef struct CpuPolicy {
    const char *name; /* as documents spell it */
    gboolean on;
} CpuPolicy;

gboolean cpu_is_generic(const CpuModel *m);  /* imitates nobody's CPU: any vendor's */
gboolean cpu_is_own_mode(const CpuModel *m); /* "host" and its like, which documents say as modes */
const char *cpu_plain_name(const Emulator *e, const CpuModel *version);
/* The version that a name stands for, or the model itself. */
const CpuModel *cpu_version(const Emulator *e, const CpuModel *m);
/* What a document means by the name of a model; what QEMU gives who names it (cpu_meaning.c). */
FeatureSet cpu_meaning(const Emulator *e, const CpuModel *m);
FeatureSet cpu_given(const Emulator *e, const CpuModel *version, Accel accel);
/* The features that a document gets its model without, as QEMU spells them. Caller frees. */
char **cpu_given_up(const char *model);
/* Whether a document leaves the model to the host: by mode, or as the least that it takes. */
gboolean cpu_takes_host_model(const CpuDef *cpu);
/* What the accelerator gives as a model's name, with the features (GArray of CpuPolicy) that make
 * up the difference; bound: also those that keep a guest from being migrated. NULL: it is not
 * known. */
const char *cpu_host_model(const Emulator *e, Accel accel, gboolean bound, GArray **ret_policies);
/* This machine's processor likewise, which has all that comes with the name. */
const char *cpu_here_model(const Emulator *e, GArray **ret_policies);
/* The <cpu> of domain capabilities. */
void cpu_put_modes(XmlOut *x, const Emulator *e, Accel accel);

/* ---- names of models, as documents know them (cpu_models.c) */

typedef enum CpuNameUse {
    OF_ALL,    /* a host or a guest may be told as such */
    OF_HOSTS,  /* a host may */
    OF_NOBODY, /* it is read only */
} CpuNameUse;

typedef struct CpuName {
    const char *name;
    const char *same;        /* another name for this; in the table only */
    const char *like;        /* starts from what that one means; NULL: from nothing */
    const char *more, *less; /* features, beside what like means */
    const char *gone;        /* features that came with the name once: off unless asked for */
    const char *vendor;      /* as documents spell it; NULL: anybody's */
    const char
        *signatures; /* "6/85/0-4": family, model number, steppings where not all; NULL: none */
    CpuNameUse use;
    gboolean exact; /* documents leave it to QEMU what comes with it */
} CpuName;

guint cpu_name_rows(void);
CpuName cpu_name_at(guint i);
gboolean cpu_name_find(const char *text, CpuName *ret_name);
FeatureSet cpu_name_features(const Emulator *e, const CpuName *name);
FeatureSet cpu_name_gone(const Emulator *e, const CpuName *name);
gboolean cpu_name_is(const CpuName *name, const CpuSelf *self);

/* ---- the name for a processor (cpu_choice.c) */

typedef enum CpuTask {
    CPU_TO_TELL, /* a machine's own: nothing can be left off */
    CPU_TO_WANT, /* a guest's, anywhere */
    CPU_TO_RUN,  /* a guest's, with an emulator and accelerator: names are its models */
} CpuTask;

typedef struct CpuSubject {
    const Emulator *emulator;
    FeatureSet has;      /* nothing that documents have no name for */
    const char *vendor;  /* as documents spell it; NULL: any */
    const CpuSelf *self; /* NULL: not told */
    CpuTask task;
    Accel accel;           /* to run */
    const GPtrArray *said; /* const char *: names that who asks has used; may be NULL */
} CpuSubject;

typedef struct CpuChoice {
    CpuName name;
    FeatureSet more, less; /* to be named beside it, to be left off */
    FeatureSet gone;       /* to be left off since the name is not what it was */
} CpuChoice;

/* What an accelerator gives (cpu.c); bound: also what keeps a guest from being migrated. FALSE: it
 * is not known. */
gboolean cpu_host_choice(const Emulator *e, Accel accel, gboolean bound, CpuChoice *ret_choice);
/* FALSE: no name will do. */
gboolean cpu_choose(const CpuSubject *s, CpuChoice *ret_choice);
/* The same with a name that is to stay; FALSE: it cannot be used for this. */
gboolean cpu_choose_named(const CpuSubject *s, const char *text, CpuChoice *ret_choice);

/* ---- CPUs that documents describe (cpu_compare.c) */

typedef enum CpuMatch { CPU_INCOMPATIBLE, CPU_IDENTICAL, CPU_SUPERSET } CpuMatch;

/* What a host, or an accelerator on it, has for guests. */
typedef struct CpuOffer {
    const Emulator *emulator;
    FeatureSet features;
    const char *vendor; /* as CPUID spells it; NULL: not told */
    gboolean to_guests; /* of accel */
    Accel accel;
} CpuOffer;

CpuOffer cpu_offer_here(const Emulator *e); /* this machine itself */
CpuOffer cpu_offer_of(const Emulator *e, Accel accel);
/* The features of the CPU that a document describes; unknown names are errors. */
gboolean cpu_described(const CpuDef *cpu, const Emulator *e, FeatureSet *ret_set, GError **err);
/* FALSE: the description is wrong. *ret_why tells what makes them incompatible. */
gboolean cpu_compare(const CpuDoc *doc, const CpuOffer *offer, CpuMatch *ret_match,
                     GError **ret_why, GError **err);
FeatureSet cpu_both(const FeatureSet *a, const FeatureSet *b);
FeatureSet cpu_less(const FeatureSet *set, const FeatureSet *less);
void cpu_add(FeatureSet *set, const FeatureSet *more);
void cpu_drop(FeatureSet *set, int bit);
guint cpu_count(const FeatureSet *set);
FeatureSet cpu_real(const Emulator *e, const FeatureSet *set); /* what documents have names for */
/* The names of a set as documents spell them, in CPUID's order. */
char *cpu_names(const Emulator *e, const FeatureSet *set, const char *separator);

/* ---- one CPU for several (cpu_baseline.c) */

typedef struct CpuBaseline {
    GPtrArray *cpus;     /* CpuDoc, at least one */
    gboolean hypervisor; /* it is to run on accel */
    Accel accel;
    gboolean expand; /* every feature, not just what the name does not mean */
    gboolean migratable;
} CpuBaseline;

/* A <cpu> document; caller frees. */
char *cpu_baseline(const CpuBaseline *in, const Emulator *e, GError **err);
