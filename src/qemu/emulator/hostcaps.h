/* The capability documents. */
#pragma once

#include "emulator_priv.h"

/* A guest that this host can run. One emulator may be that of several. */
typedef struct GuestArch {
    const char *arch;
    guint bits;
    const Emulator *emulator;
} GuestArch;

char *hostcaps_format(const GArray *guests); /* of GuestArch, in the order of the document */
char *domcaps_format(const Emulator *e, const char *arch, const Machine *machine, gboolean kvm);

/* Which machine and accelerator a question means; each of the three strings may be NULL. */
gboolean domcaps_target(const Emulator *e, const char *arch, const char *machine,
                        const char *virttype, const Machine **ret_machine, gboolean *ret_kvm,
                        GError **err);

/* Architectures that documents may name. */
guint emulator_arches(void);
const char *emulator_arch(guint i, guint *ret_bits);
const char *emulator_host_arch(void);
/* The binary that serves an architecture. */
char *emulator_binary(const char *arch, GError **err);
