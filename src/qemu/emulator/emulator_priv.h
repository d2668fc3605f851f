/* Inside qemu/emulator: how a binary is probed and its answers are kept. */
#pragma once

#include "emulator.h"

/* ---- the probe (probe.c, probe_read.c) */

typedef struct Probe Probe;
/* How long a probe may take: without progress (an answer), and in all. */
typedef struct ProbePatience {
    guint silent_ms, total_ms;
} ProbePatience;
/* Starts a probe; in done e is the caller's. It ends by itself within the patience, whose struct
 * must live as long as the probe; then the processes that it has started are killed. */
typedef void (*ProbeDone)(Emulator *e, const GError *err, gpointer user);
Probe *probe_start(const char *path, const ProbePatience *patience, ProbeDone done, gpointer user,
                   GError **err);
void probe_free(Probe *p);

/* Whether the host can emulate a TPM: with swtpm, and swtpm_setup for a new one (confcaps.c). */
gboolean swtpm_is_there(void);

/* One answer of QEMU's, for the readers below. */
typedef struct Answer {
    Emulator *emulator;
    Accel accel;       /* accelerator of the QEMU that was asked */
    const char *about; /* the model that was expanded; else NULL */
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
void read_finish(Emulator *e); /* sorts the lists; after the last answer */

/* ---- the cache (emucache.c) */

/* A text that differs when a probe is out of date: it covers the binary, its modules, this program,
 * the kernel and the CPU. The caller frees it. */
char *emulator_identity(const char *path, GError **err);
char *emucache_text(const Emulator *e); /* the text that emucache_load reads; the caller frees it */
/* An emulator from the cache; free with emulator_free. NULL: the file is missing, not readable, or
 * of another identity. */
Emulator *emucache_load(const char *path, const char *identity, const char *file);
