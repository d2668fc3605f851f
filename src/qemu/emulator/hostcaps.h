/* The capability documents: of the host, and of one emulator. The caller frees them. */
#pragma once

#include "emulator_priv.h"

/* An architecture of guests that this host can run. Several may have the same emulator. */
typedef struct GuestArch {
    const char *arch;
    guint bits;
    const Emulator *emulator;
} GuestArch;

char *hostcaps_format(const GArray *guests); /* of GuestArch, in the order of the document */
char *domcaps_format(const Emulator *e, const char *arch, const Machine *machine, gboolean kvm);

/* Finds the machine and the accelerator that a question means; each of the three strings may be
 * NULL. */
gboolean domcaps_target(const Emulator *e, const char *arch, const char *machine,
                        const char *virttype, const Machine **ret_machine, gboolean *ret_kvm,
                        GError **err);

/* Architectures that documents may name. */
guint emulator_arches(void);
const char *emulator_arch(guint i, guint *ret_bits);
const char *emulator_host_arch(void);
/* Path of the binary for an architecture; the caller frees it. NULL and an error: none is
 * installed. */
char *emulator_binary(const char *arch, GError **err);
