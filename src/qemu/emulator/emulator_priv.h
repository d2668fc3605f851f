/* Inside qemu/emulator: how a binary is probed and its answers are kept. */
#pragma once

#include "emulator.h"

/* ---- the probe (probe.c, probe_read.c) */

typedef struct Probe Probe;
/* How long it may take: without a sign of progress, which is an answer, and in all. */
typedef struct ProbePatience {
    guint silent_ms, total_ms;
} ProbePatience;
/* Takes nothing over; e is the caller's in done. Ends by itself within the patience, which lives as
 * long as the probe. What it has started is killed then. */
typedef void (*ProbeDone)(Emulator *e, const GError *err, gpointer user);
Probe *probe_start(const char *path, const ProbePatience *patience, ProbeDone done, gpointer user,
                   GError **err);
void probe_free(Probe *p);

/* Whether the host can emulate a TPM: with swtpm, and swtpm_setup for a new one (confcaps.c). */
gboolean swtpm_is_there(void);

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
char *emucache_text(const Emulator *e); /* what emucache_load reads */
/* NULL: not there, not readable, or of another identity; the reason does not matter. */
Emulator *emucache_load(const char *path, const char *identity, const char *file);
