/* What differs by the type of a pool: a table of operations for each. Flows
 * of pools (pool_attach.c, pool_build.c) call them; NULL: nothing to do, the source is a folder
 * here.
 */
#pragma once

#include "volume_priv.h"

typedef struct PoolBackend {
    int type; /* PoolType */
    /* What of the definition cannot be had; before anything is done. */
    gboolean (*check)(const PoolDef *def, GError **err);
    /* Works of errands. in: a PoolDef, which they take. */
    ErrandWork look;   /* whether the source is in place: a PoolDef, or NULL without an error */
    ErrandWork detach; /* takes it away where look would find it; a PoolDef */
    ErrandWork scan;   /* as scan_folder */
    /* Words of programs; the array is the caller's. */
    GPtrArray *(*attach)(const PoolDef *def); /* brings the source in place */
    GPtrArray *(*probe)(const PoolDef *def);  /* ends with 0 where the source has something on it,
                                                 with 2 where it has nothing */
    GPtrArray *(*format)(const PoolDef *def); /* makes it what its format says */
    gboolean (*format_check)(const PoolDef *def, GError **err);
} PoolBackend;

/* NULL: no code does pools of that type. */
const PoolBackend *backend_of(int type);
extern const PoolBackend backend_dir, backend_fs, backend_netfs;

/* Rows of "pool-start": what is to be looked at is PoolChange.def, or the pool's. */
StepResult attach_look(Flow *f, gpointer obj, GError **err);
StepResult attach_plan(Flow *f, gpointer obj, GError **err);
StepResult attach_undo(Flow *f, gpointer obj);
StepResult attach_run(Flow *f, gpointer obj, GError **err);
/* Whether no image of it is in use that would be out of reach once its source is gone. */
gboolean attach_may_end(const Pool *pool, GError **err);
/* An undo of rows that run a program: ends it, and waits for that. */
StepResult attach_stop(Flow *f, gpointer obj);

/* ---- programs of pools (pool_attach.c) ---- */

typedef struct PoolProgram PoolProgram;
/* Whether that is the end of a program that a row can go on with. */
typedef gboolean (*ProgramFine)(const ProcessEnd *end, const char *pool, GError **err);
/* Runs it; the row then waits. argv is taken. fine NULL: its status must be 0. */
StepResult program_run(Flow *f, Pool *pool, GPtrArray *argv, ProgramFine fine, GError **err);
