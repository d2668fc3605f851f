/* CPU models of an emulator. */
#pragma once

#include "emulator.h"
#include "xmlout.h"

const char *cpu_feature_to_qemu(const char *name);
const char *cpu_feature_from_qemu(const char *name);
const char *cpu_vendor(const char *cpuid); /* "Intel"; NULL: unknown */
guint cpu_phys_bits(void);                 /* of this host; 0: not told */

typedef struct CpuPolicy {
    const char *name; /* as documents spell it */
    gboolean on;
} CpuPolicy;

/* The version that a name stands for, or the model itself. */
const CpuModel *cpu_version(const Emulator *e, const CpuModel *m);
/* What a document means by the name of a version; what QEMU gives who names it (cpu_meaning.c). */
FeatureSet cpu_meaning(const Emulator *e, const CpuModel *version);
FeatureSet cpu_given(const Emulator *e, const CpuModel *version, Accel accel);
/* The named version that is nearest to what the accelerator gives; NULL: none is told. */
const CpuModel *cpu_nearest(const Emulator *e, Accel accel);
/* The same as a name, with the features (GArray of CpuPolicy) that make up the difference. */
const char *cpu_host_model(const Emulator *e, Accel accel, GArray **ret_policies);
/* The <cpu> of domain capabilities. */
void cpu_put_modes(XmlOut *x, const Emulator *e, Accel accel);

/* ---- bits of CPUID (cpuid.c); features in QEMU's spelling */

guint cpuid_features(void); /* how many QEMU tells of a guest's CPU */
const char *cpuid_feature(guint i);
/* For a sort; what has no place comes after all that has one. */
guint cpuid_order(const char *name);
/* The features (a set of borrowed names) in an answer of QEMU's "feature-words". */
GHashTable *cpuid_read(json_object *answer);

/* ---- the CPU that a guest got (cpu_guest.c) */

/* Writes into a live definition what the guest's CPU is, as its "feature-words" tell. */
void cpu_guest_learn(DomainDef *live, const Emulator *e, json_object *words);
