/* The differences between types of pools: a table of operations for each type. Flows of pools
 * (pool_attach.c, pool_build.c) call them. NULL: nothing to do, because the source is a folder of
 * this host. */
#pragma once

#include "volume_priv.h"

typedef struct PoolBackend {
    int type; /* PoolType */
    /* Whether the definition can be used; called before anything is done. */
    gboolean (*check)(const PoolDef *def, GError **err);
    /* Work of errands. in: a PoolDef, which they take. */
    ErrandWork
        look; /* whether the source is mounted: returns a PoolDef, or NULL without an error */
    ErrandWork detach; /* unmounts it if look would find it; returns a PoolDef */
    ErrandWork scan;   /* as scan_folder */
    /* Command lines of programs; the array is the caller's. */
    GPtrArray *(*attach)(const PoolDef *def); /* mounts the source */
    GPtrArray *(*probe)(const PoolDef *def);  /* ends with 0 if the source has something on it, with
                                                 2 if it is empty */
    GPtrArray *(*format)(const PoolDef *def); /* formats the source */
    gboolean (*format_check)(const PoolDef *def, GError **err);
} PoolBackend;

/* The operations of a type; NULL: no pools of that type are supported. */
const PoolBackend *backend_of(int type);
extern const PoolBackend backend_dir, backend_fs, backend_netfs;

/* Rows of "pool-start"; they work on PoolChange.def, or on the pool's definition. */
StepResult attach_look(Flow *f, gpointer obj, GError **err);
StepResult attach_plan(Flow *f, gpointer obj, GError **err);
StepResult attach_undo(Flow *f, gpointer obj);
StepResult attach_run(Flow *f, gpointer obj, GError **err);
/* Whether no image of the pool is in use that could not be reached once its source is gone. */
gboolean attach_may_end(const Pool *pool, GError **err);
/* The undo of rows that run a program: ends it, and waits for its end. */
StepResult attach_stop(Flow *f, gpointer obj);

/* ---- programs of pools (pool_attach.c) ---- */

typedef struct PoolProgram PoolProgram;
/* Whether a row can go on after this end of its program. */
typedef gboolean (*ProgramFine)(const ProcessEnd *end, const char *pool, GError **err);
/* Runs a program; the row then waits. argv is taken. fine NULL: its status must be 0. */
StepResult program_run(Flow *f, Pool *pool, GPtrArray *argv, ProgramFine fine, GError **err);
