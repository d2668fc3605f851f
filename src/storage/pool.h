/* What the files of this room share. */
#pragma once

#include "storage.h"

/* ---- secrets (secret.c) ---- */

gboolean secrets_init(const Paths *paths, GError **err);
void secrets_done(void);

/* ---- the folder (scan.c): in a worker, and nowhere else ---- */

typedef struct PoolScan {
    PoolDef *def; /* with the sizes and permissions of the folder */
    Volumes *volumes;
} PoolScan;

/* in: a PoolDef, which it takes. Returns a PoolScan. */
gpointer scan_folder(gpointer in, gint *progress, GError **err);
/* in: a VolumeDef, which it takes and returns with the file's sizes and times. */
gpointer scan_volume(gpointer in, gint *progress, GError **err);
void scan_free(PoolScan *scan);
/* The same of a file that is looked at already. anew: also what can only be known of its head,
 * where else stays what a document said. */
gboolean volume_refresh(VolumeDef *volume, gboolean anew, GError **err);
/* What is being made lies in a folder of the pool's that begins so. */
#define MAKING_PREFIX ".vmd-"
gboolean volume_name_is_shown(const char *name);

typedef struct PoolSpace {
    guint64 capacity, available; /* bytes of its file system */
} PoolSpace;
gboolean space_measure(const char *folder, PoolSpace *ret_space);
void space_take(PoolDef *def, const PoolSpace *space);

/* ---- errands (errand.c) ---- */

/* Runs in a worker on in, which it takes, and counts *progress up (atomically) as it goes on. */
typedef gpointer (*ErrandWork)(gpointer in, gint *progress, GError **err);
/* The errand is back, in the main loop, however late. out is taken, NULL with err. wanted: a flow
 * waits for it, or the token was 0. */
typedef void (*ErrandBack)(Pool *pool, gpointer out, const GError *err, gboolean wanted,
                           gpointer user);
/* Without progress for so long, its pool counts as one that does not answer. */
#define ERRAND_PATIENCE_MS 1000
typedef struct ErrandSpec {
    ErrandWork work;
    gpointer in;
    ErrandBack back;
    FlowToken token; /* woken after back; also, with ERR_TIMEOUT, when nothing has moved for long */
    const Object *sender; /* whose other errands it may have to wait for; NULL: the pool's */
    gpointer user;        /* of back */
} ErrandSpec;
void errand_send(Pool *pool, const ErrandSpec *spec);
guint errands_out(void); /* how many are under way */

/* ---- volumes (volume.c) ---- */

Volumes *volumes_new(GPtrArray *list);              /* takes the list, sorts it */
void volumes_put(Volumes *volumes, VolumeDef *def); /* takes it, in the place of one of its name */
void volumes_cut(Volumes *volumes, const char *name);
void volumes_free(Volumes *volumes);
/* Frees it, elsewhere when that takes long. */
void volumes_drop(Volumes *volumes);

/* What an earlier daemon has begun is undone. */
void volumes_recover(void);

/* ---- pools (pool.c) ---- */

extern const Paths *storage_paths;
extern Store *pool_store;

/* Not among the others, for errands about what an earlier daemon has left of one that is gone; one
 * reference. */
Pool *pool_stand_in(const char *name, const guint8 uuid[UUID_LEN]);
gboolean pool_is(gconstpointer object);
Pool *pool_add(const char *name, const guint8 uuid[UUID_LEN]);
void pool_remove(Pool *pool);
/* What it is, or will be in a moment; NULL: nobody can say. */
const PoolDef *pool_newest(const Pool *pool);
/* *ret_pool: the pool that has the definition's name and UUID, or NULL for a new one. */
gboolean pool_may_have(const PoolDef *def, Pool **ret_pool, GError **err);
char *pool_live_path(const Pool *pool);
/* What was seen becomes what is known of it; takes both. */
void pool_take(Pool *pool, PoolDef *live, Volumes *volumes);
void pool_leave(Pool *pool);
/* A change of a volume that is known now: looks at the folder that are under way may not have seen
 * it. */
void pool_touched(Pool *pool, const char *volume);
/* Around each look at the folder. */
void pool_look_begins(Pool *pool);
/* scan: NULL where nothing was seen; of volumes that were touched meanwhile, it then has what is
 * known. */
void pool_look_ends(Pool *pool, PoolScan *scan);

typedef enum PoolTold {
    TOLD_DEFINED,
    TOLD_UNDEFINED,
    TOLD_STARTED,
    TOLD_STOPPED,
    TOLD_CREATED,
    TOLD_DELETED,
} PoolTold;
void pool_tell(const Pool *pool, PoolTold what);
void pool_tell_refreshed(const Pool *pool);

extern const StoreKind pool_store_kind;
/* Name and reason. */
#define POOL_BROKEN                                                                                \
    "the definition of storage pool '%s' cannot be read: %s; define it anew, or undefine it"

/* ---- changes (pool_change.c, pool_build.c) ---- */

/* What a change carries along. */
typedef struct PoolChange {
    PoolDef *def;      /* of a definition; NULL: the pool has what it takes */
    Pool *pool;        /* which is defined; the flow's */
    PoolScan *scan;    /* what a start saw */
    GPtrArray *levels; /* of Level: what a build finds of the path to the folder */
    gboolean is_new;   /* the pool was made for this, and goes when it fails */
    gboolean on;       /* of autostart */
    guint32 flags;     /* of a build */
    gboolean attached; /* the source was in place already */
    char *who;         /* of a start that comes after a build */
    gboolean quiet;    /* the daemon is just coming: nobody is told */
    gboolean was_live;
    PoolDone done;
    gpointer user;
} PoolChange;

PoolChange *change_new(PoolDone done, gpointer user);
void change_over(PoolChange *c, Pool *pool, const GError *err); /* tells, and frees it */
/* A FlowDone whose user is a PoolChange. */
void change_done(gpointer o, const GError *err, gpointer user);
void change_submit(Pool *pool, JobKind kind, const char *what, const char *who,
                   const FlowTable *table, FlowDone done, PoolChange *c);

gboolean pool_can(const PoolDef *def, const char *what, GError **err);
/* how: "already", "still". */
gboolean pool_needs_inactive(const Pool *pool, const char *how, GError **err);
gboolean pool_needs_def(const Pool *pool, GError **err);
void pool_log_failure(Pool *pool, const GError *err, gpointer user); /* a PoolDone */

extern const FlowTable pool_start_table, pool_build_table, pool_delete_table;
/* live: what an earlier daemon had active. Takes it. Nobody is told. */
void pool_resume(Pool *pool, PoolDef *live);
/* Undoes what is left of an earlier daemon's changes; a pool that nobody has defined goes. */
void pool_settle(Pool *pool);
