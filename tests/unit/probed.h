/* For programs that have nothing else to do while a binary is probed. */
#pragma once

#include "qemu/emulator/emulator_priv.h"

typedef struct Probed {
    Emulator *emulator;
    GError *err;
    gboolean over;
} Probed;

static void
on_probed(Emulator *e, const GError *err, gpointer user)
{
    *(Probed *)user = (Probed){ e, err ? g_error_copy(err) : NULL, TRUE };
}

/* The caller's; NULL and an error: the probe failed. */
static Emulator *
probe_within(const char *path, guint silent_ms, guint total_ms, GError **err)
{
    const ProbePatience patience = { silent_ms, total_ms };
    Probed p = { 0 };

    if (!probe_start(path, &patience, on_probed, &p, err))
        return NULL;
    while (!p.over)
        g_main_context_iteration(NULL, TRUE);
    if (p.err)
        g_propagate_error(err, p.err);
    return p.emulator;
}

static Emulator *
probe_to_end(const char *path, GError **err)
{
    return probe_within(path, 120000, 120000, err);
}
