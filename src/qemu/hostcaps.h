/* The capability documents. */
#pragma once

#include "emulator.h"

/* emulators: GPtrArray of const Emulator, one for each guest architecture, in order. */
char *hostcaps_format(const GPtrArray *emulators);
char *domcaps_format(const Emulator *e, const Machine *machine, gboolean kvm);

/* Architectures that documents may name. */
guint emulator_arches(void);
const char *emulator_arch(guint i, guint *ret_bits);
const char *emulator_host_arch(void);
/* The binary that serves an architecture. */
char *emulator_binary(const char *arch, GError **err);
