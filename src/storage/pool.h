/* Shared by the files of this room. */
#pragma once

#include "storage.h"

/* ---- secrets (secret.c) ---- */

gboolean secrets_init(const Paths *paths, GError **err);
void secrets_done(void);

/* ---- the folder (scan.c): in workers only ---- */

typedef struct PoolScan {
    PoolDef *def; /* with sizes and permissions of the folder */
    Volumes *volumes;
    gint64 seen; /* time of the folder: watch_folder_time; 0: it is none */
} PoolScan;

/* in: a PoolDef, which it takes. Returns a PoolScan. */
gpointer scan_folder(gpointer in, gint *progress, GError **err);
/* in: a VolumeDef, which it takes and returns with the file's sizes and times. */
gpointer scan_volume(gpointer in, gint *progress, GError **err);
void scan_free(PoolScan *scan);
/* Reads a volume's head and sizes, in a worker. anew: also values that only the head can tell;
 * otherwise those of the document stay. */
gboolean volume_refresh(VolumeDef *volume, gboolean anew, GError **err);
/* The volume of that name that is there; NULL: there is none. In a worker. */
VolumeDef *volume_find(const char *folder, const char *name);
/* Prefix of the folders in which volumes are being made. */
#define MAKING_PREFIX ".vmd-"
gboolean volume_name_is_shown(const char *name);

typedef struct PoolSpace {
    guint64 capacity, available; /* bytes of its file system */
} PoolSpace;
gboolean space_measure(const char *folder, PoolSpace *ret_space);
void space_take(PoolDef *def, const PoolSpace *space);

/* Removes folders in which this daemon was making volumes when its host lost power. In a worker;
 * in: a PoolDef. Their names begin with making_mark, which is another one on each host. */
gpointer sweep_folder(gpointer in, gint *progress, GError **err);
void making_mark_init(void);
/* A UUID for such a folder. */
void making_uuid(guint8 ret_uuid[UUID_LEN]);

/* ---- changes of others (watch.c) ---- */

typedef struct PoolWatch PoolWatch;
struct stat;
void watches_init(void);
void watches_done(void);
/* Of an active pool, whenever its folder has been looked at: its path may be another folder by
 * then. */
void watch_begin(Pool *pool);
void watch_end(Pool *pool);
gint64 watch_folder_time(const struct stat *st);

/* ---- errands (errand.c) ---- */

/* Runs in a worker on in, which it takes; adds to *progress (atomically) as it goes on. */
typedef gpointer (*ErrandWork)(gpointer in, gint *progress, GError **err);
/* Called in the main loop when the errand is back, however late. out is taken, and NULL with err.
 * wanted: a flow waits for it, or the token was 0. */
typedef void (*ErrandBack)(Pool *pool, gpointer out, const GError *err, gboolean wanted,
                           gpointer user);
/* After so many milliseconds without progress the pool counts as one that does not answer. */
#define ERRAND_PATIENCE_MS 1000
typedef struct ErrandSpec {
    ErrandWork work;
    gpointer in;
    ErrandBack back;
    FlowToken token; /* woken after back, or with ERR_TIMEOUT after a long time without progress */
    const Object *sender; /* whose other errands it may have to wait for; NULL: the pool's */
    gpointer user;        /* passed to back */
} ErrandSpec;
void errand_send(Pool *pool, const ErrandSpec *spec);
guint errands_out(void); /* number of errands under way */

/* ---- volumes (volume.c) ---- */

Volumes *volumes_new(GPtrArray *list); /* takes the list and sorts it */
/* Takes def, which replaces one of the same name. */
void volumes_put(Volumes *volumes, VolumeDef *def);
void volumes_cut(Volumes *volumes, const char *name);
void volumes_free(Volumes *volumes);
/* Frees the volumes, in a worker when they are many. */
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
/* The newest definition: the live one, or that of a start under way, or the persistent one; NULL:
 * it cannot be read. */
const PoolDef *pool_newest(const Pool *pool);
/* Whether a pool of this name and UUID may exist; *ret_pool is the one that has both, or NULL for a
 * new one. */
gboolean pool_may_have(const PoolDef *def, Pool **ret_pool, GError **err);
char *pool_live_path(const Pool *pool);
/* Makes live and volumes the pool's; takes both. */
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
/* For the name and the reason. */
#define POOL_BROKEN                                                                                \
    "the definition of storage pool '%s' cannot be read: %s; define it anew, or undefine it"

/* ---- changes (pool_change.c, pool_build.c) ---- */

/* The data of a pool's change. */
typedef struct PoolChange {
    PoolDef *def;      /* the definition to use; NULL: the pool's own */
    Pool *pool;        /* the pool that is defined; the flow's */
    PoolScan *scan;    /* the findings of a start */
    GPtrArray *levels; /* of Level: the parts of the path that a build finds */
    gboolean is_new;   /* the pool was made for this change, and goes if it fails */
    gboolean on;       /* the value of autostart */
    guint32 flags;     /* flags of a build */
    gboolean attached; /* the source was in place already */
    char *said;        /* of the pool's program, for a worker */
    gboolean looks;    /* a look has begun that no errand ends */
    char *who;         /* the client, for a start that comes after a build */
    gboolean quiet;    /* the daemon is starting: no events */
    gboolean was_live;
    PoolDone done;
    gpointer user;
} PoolChange;

PoolChange *change_new(PoolDone done, gpointer user);
void change_over(PoolChange *c, Pool *pool, const GError *err); /* calls done and frees c */
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
/* Makes a pool active that an earlier daemon had active with the definition live, which is taken.
 * Sends no event. */
void pool_resume(Pool *pool, PoolDef *live);
/* Undoes unfinished changes of an earlier daemon; a pool without a definition goes. */
void pool_settle(Pool *pool);
