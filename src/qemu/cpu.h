/* CPU models of an emulator. */
#pragma once

#include "emulator.h"
#include "xmlout.h"

const char *cpu_feature_to_qemu(const char *name);
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
/* What a document means by the name of a version; what QEMU gives who names it (cpu_meaning.c). */
FeatureSet cpu_meaning(const Emulator *e, const CpuModel *version);
FeatureSet cpu_given(const Emulator *e, const CpuModel *version, Accel accel);
/* What a document gets its model without, as QEMU spells it; ends in NULL. */
const char *const *cpu_given_up(const char *model);
/* The named version that is nearest to what the accelerator gives; NULL: none is told. */
const CpuModel *cpu_nearest(const Emulator *e, Accel accel);
/* Whether a document leaves the model to the host: by mode, or as the least that it takes. */
gboolean cpu_takes_host_model(const CpuDef *cpu);
/* The same as a name, with the features (GArray of CpuPolicy) that make up the difference; bound:
 * also those that keep a guest from being migrated. */
const char *cpu_host_model(const Emulator *e, Accel accel, gboolean bound, GArray **ret_policies);
/* The nearest one that has nothing which this machine itself has not. */
const char *cpu_here_model(const Emulator *e, GArray **ret_policies);
/* The <cpu> of domain capabilities. */
void cpu_put_modes(XmlOut *x, const Emulator *e, Accel accel);

/* ---- bits of CPUID (cpuid.c); features in QEMU's spelling */

guint cpuid_features(void); /* how many QEMU tells of a guest's CPU */
const char *cpuid_feature(guint i);
/* For a sort; what has no place comes after all that has one. */
guint cpuid_order(const char *name);
/* The features (a set of borrowed names) in an answer of QEMU's "feature-words". */
GHashTable *cpuid_read(json_object *answer);
GHashTable *cpuid_here(void); /* the same of this machine; empty where there is no CPUID */
typedef struct CpuSelf {
    char vendor[13];
    guint family, model, stepping;
} CpuSelf;
/* Who this machine's CPU says it is; FALSE where there is no CPUID. */
gboolean cpuid_self(CpuSelf *ret_self);

/* ---- the CPU that a guest got (cpu_guest.c) */

/* Names all that QEMU is to be told of a CPU: a host's model becomes a named one. FALSE: nothing is
 * known of the host's. */
gboolean cpu_spell(CpuDef *cpu, const Emulator *e, Accel accel);
/* Writes into a live definition what the guest's CPU is, as its "feature-words" tell. An error when
 * the document wants it checked in full and it is not what the document says. */
gboolean cpu_guest_learn(DomainDef *live, const Emulator *e, json_object *words, GError **err);

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
/* Whether a domain's CPU may be started where the document wants that checked. */
gboolean cpu_check_start(const DomainDef *def, const Emulator *e, GError **err);
FeatureSet cpu_both(const FeatureSet *a, const FeatureSet *b);
FeatureSet cpu_less(const FeatureSet *set, const FeatureSet *less);
void cpu_add(FeatureSet *set, const FeatureSet *more);
void cpu_drop(FeatureSet *set, int bit);
guint cpu_count(const FeatureSet *set);
FeatureSet cpu_real(const Emulator *e, const FeatureSet *set); /* what a processor of silicon has */
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
