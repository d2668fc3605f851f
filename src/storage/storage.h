/* storage: pools, their volumes, and secrets. Pools are folders of this host, file systems, volume
 * groups and partition tables so far.
 *
 * A folder may be on a server that does not answer. So nothing here looks at a folder while a
 * caller waits: all reads are answered from memory, as of the last look, and a worker does the
 * looking (errand.c). */
#pragma once

#include "conf/conf.h"
#include "core/core.h"
#include "image.h"

/* Registers the tables of flows; call it before anything else. */
void storage_register(void);
/* Reads the definitions, finds the pools that were active, and starts those that are marked for it.
 * Waits a short time for folders; one that does not answer in that time comes later. */
gboolean storage_init(const Paths *paths, GError **err);
/* Writes the files of active pools below the run folder again, after somebody has removed them.
 * FALSE: a pool is being changed at the moment; call it again. */
gboolean storage_save_runs(void);
void storage_done(void);

/* ---- pools (pool.c) ---------------------------------------------------------------------- */

/* The volumes that were found in a pool's folder. */
typedef struct Volumes {
    GPtrArray *list; /* of VolumeDef, by name */
    GHashTable *by_name;
} Volumes;

typedef struct Pool {
    Object obj;
    PoolDef *def;  /* NULL: transient, or broken */
    PoolDef *next; /* of a start that is under way: the definition that will be live; else NULL */
    PoolDef *live; /* NULL: inactive */
    Volumes *volumes; /* NULL: inactive */
    gboolean autostart;
    char *broken;                /* why its definition cannot be read; NULL: it can */
    guint late;                  /* number of errands to its folder that are late */
    guint slow_looks;            /* looks at single volumes that took too long to wait for */
    guint run;                   /* number of its starts */
    guint looks;                 /* at its folder, under way */
    GHashTable *touched;         /* names of volumes that were changed since; NULL: none */
    guint stops;                 /* asked for, or under way */
    struct PoolWatch *watch;     /* of its folder; NULL: none */
    gint64 seen;                 /* time of the folder as of the last look: watch_folder_time */
    struct PoolProgram *program; /* the program that a row of its flow waits for */
} Pool;

/* Borrowed; NULL and ERR_NO_POOL when there is none. */
Pool *pool_get_name(const char *name, GError **err);
Pool *pool_get_uuid(const guint8 uuid[UUID_LEN], GError **err);
Pool *pool_get_path(const char *path, GError **err);
GPtrArray *pool_list(void); /* referenced; free with g_ptr_array_unref */
gboolean pool_needs_active(const Pool *pool, GError **err);

/* States of a pool; the numbers are those of virStoragePoolState. */
typedef enum PoolState {
    POOL_INACTIVE = 0,
    POOL_RUNNING = 2,
    POOL_INACCESSIBLE = 4, /* its folder does not answer, or its definition cannot be read */
} PoolState;
PoolState pool_state(const Pool *pool);

enum { POOL_XML_INACTIVE = 1 };
/* The pool's document; the caller frees it. NULL and an error: the definition cannot be read. */
char *pool_xml(const Pool *pool, guint flags, GError **err);

/* ---- kinds of pools (capabilities.c) ---- */

char *storage_capabilities(void); /* the capability document; the caller frees it */
/* What pools of that type could be made of, as a <sources> document. done is called once, perhaps
 * from within the call; xml is valid during it, and NULL with err. */
typedef void (*SourcesDone)(const char *xml, const GError *err, gpointer user);
void storage_find_sources(const char *type_word, SourcesDone done, gpointer user);

/* ---- changing a pool (pool_change.c): jobs of the pool; who: the client that asks ---------- */

/* Called once, perhaps from within the call. pool is NULL when there is none afterwards. */
typedef void (*PoolDone)(Pool *pool, const GError *err, gpointer user);

/* Defines a pool. */
void pool_define(const char *xml, gboolean validate, const char *who, PoolDone done, gpointer user);
/* The numbers are the protocol's. */
enum { BUILD_NO_OVERWRITE = 1 << 2, BUILD_OVERWRITE = 1 << 3 };
enum {
    CREATE_BUILD = 1 << 0,
    CREATE_OVERWRITE = 1 << 1,
    CREATE_NO_OVERWRITE = 1 << 2,
    CREATE_VALIDATE = 1 << 3, /* refuse unknown elements of the document */
    CREATE_BUILDS = CREATE_BUILD | CREATE_OVERWRITE | CREATE_NO_OVERWRITE,
};
/* Starts a transient pool, or an inactive pool with a new definition for this run. */
void pool_create(const char *xml, guint32 flags, const char *who, PoolDone done, gpointer user);
void pool_undefine(Pool *pool, const char *who, PoolDone done, gpointer user);
void pool_set_autostart(Pool *pool, gboolean on, const char *who, PoolDone done, gpointer user);
/* Makes the pool's folder with the owner and mode of the definition; an existing folder gets them
 * too. With a flag it also makes the file system; a device that has something on it is only
 * overwritten with BUILD_OVERWRITE. */
void pool_build(Pool *pool, guint32 flags, const char *who, PoolDone done, gpointer user);
/* Removes the pool's folder, which must be empty. */
void pool_delete(Pool *pool, const char *who, PoolDone done, gpointer user);
void pool_start(Pool *pool, const char *who, PoolDone done, gpointer user);
/* The same; builds the pool first if a flag of CREATE_BUILDS is set. */
void pool_start_with(Pool *pool, guint32 flags, const char *who, PoolDone done, gpointer user);
/* Stops a pool, also one that is being started. A transient pool is gone afterwards. */
void pool_stop(Pool *pool, const char *who, PoolDone done, gpointer user);
void pool_refresh(Pool *pool, const char *who, PoolDone done, gpointer user);

/* ---- volumes (volume.c) ------------------------------------------------------------------ */

/* The volume of that name, borrowed for this turn of the loop; NULL and ERR_NO_VOLUME when there is
 * none. */
VolumeDef *volume_get_name(Pool *pool, const char *name, GError **err);
/* The same among all active pools, by path or key; a volume's key is its path. */
VolumeDef *volume_get_path(const char *path, Pool **ret_pool, GError **err);
VolumeDef *volume_get_key(const char *key, Pool **ret_pool, GError **err);
/* Reads the sizes and times of the volume's file again; when that takes long, the known ones are
 * given instead. volume is valid during the callback. */
typedef void (*VolumeLooked)(const VolumeDef *volume, const GError *err, gpointer user);
void volume_look(Pool *pool, const VolumeDef *volume, VolumeLooked done, gpointer user);

/* ---- changing a volume (volume_make.c, volume_change.c): a task of the pool's ------------- */

/* Each change is a task that holds its volume: another one that wants the volume, or wants to stop
 * the pool, gets an error with the task's name. Other volumes and the pool's own jobs are not
 * affected. The client may leave before the end. */

/* Called once, perhaps from within the call. volume is valid during the callback; it is NULL on
 * failure, and for a volume that was deleted. */
typedef void (*VolumeDone)(Pool *pool, const VolumeDef *volume, const GError *err, gpointer user);

/* The numbers are the protocol's. */
enum {
    VOLUME_PREALLOCATE = 1 << 0, /* allocate the tables of a qcow2 image */
    VOLUME_REFLINK = 1 << 1,
    VOLUME_VALIDATE = 1 << 2,
};
enum { RESIZE_ALLOCATE = 1 << 0, RESIZE_DELTA = 1 << 1, RESIZE_SHRINK = 1 << 2 };

/* Makes a volume from a document. It appears when it is complete, or not at all. */
void volume_create(Pool *pool, const char *xml, guint32 flags, const TaskOwner *who,
                   VolumeDone done, gpointer user);
/* The same with the content of another volume, in the format of the document. */
void volume_create_from(Pool *pool, const char *xml, Pool *source_pool, const VolumeDef *source,
                        guint32 flags, const TaskOwner *who, VolumeDone done, gpointer user);
void volume_delete(Pool *pool, const VolumeDef *volume, const TaskOwner *who, VolumeDone done,
                   gpointer user);
void volume_resize(Pool *pool, const VolumeDef *volume, guint64 size, guint32 flags,
                   const TaskOwner *who, VolumeDone done, gpointer user);
/* Overwrites the content. algorithm: a number of virStorageVolWipeAlgorithm. */
void volume_wipe(Pool *pool, const VolumeDef *volume, guint32 algorithm, const TaskOwner *who,
                 VolumeDone done, gpointer user);

/* ---- reading and writing a volume (volume_use.c) ------------------------------------------- */

/* A task of a client that reads or writes the file of a volume, and holds the volume meanwhile. */
typedef struct VolumeUse VolumeUse;
/* fd is the caller's; pass use to volume_close when it is done. On failure -1 and NULL, with err.
 */
typedef void (*VolumeOpened)(int fd, VolumeUse *use, const GError *err, gpointer user);
/* Opens a volume's file. Refused while somebody else writes it, or, for writing, while anybody else
 * uses it. */
void volume_open(Pool *pool, const VolumeDef *volume, gboolean writes, const TaskOwner *who,
                 VolumeOpened done, gpointer user);
/* Called by the code that moves the bytes: look says how many have been moved; abort is called when
 * the task is aborted, and ends with volume_close. */
typedef struct VolumeMove {
    void (*look)(gpointer user, TaskProgress *ret_progress);
    void (*abort)(gpointer user, const GError *why);
    gpointer user;
} VolumeMove;
void volume_moves(VolumeUse *use, const VolumeMove *move);
guint64 volume_use_size(const VolumeUse *use); /* of its file, in bytes, as of the last look */
/* Ends the task; after writing, the volume's sizes are read again. */
void volume_close(VolumeUse *use);

/* ---- secrets (secret.c) ------------------------------------------------------------------ */

#define SECRET_VALUE_MAX 65536

typedef struct SecretValue SecretValue; /* private */

/* A secret; its name as an object is the text of its UUID. */
typedef struct Secret {
    Object obj;
    SecretDef *def;
    SecretValue *value; /* NULL: it has none */
} Secret;

/* Borrowed; NULL and ERR_NO_SECRET when there is none. */
Secret *secret_get_uuid(const guint8 uuid[UUID_LEN], GError **err);
Secret *secret_get_usage(int usage, const char *id, GError **err);
GPtrArray *secret_list(void); /* referenced; free with g_ptr_array_unref */
/* Called when the disk has the change, or when it has failed: then s is NULL. */
typedef void (*SecretDone)(Secret *s, const GError *err, gpointer user);
/* Defines a new secret, or changes the description of an existing one. */
void secret_define(const char *xml, gboolean validate, SecretDone done, gpointer user);
void secret_undefine(Secret *s, SecretDone done, gpointer user);
/* Sets the value, of len bytes. value is copied; the caller wipes its own. */
void secret_set_value(Secret *s, const guint8 *value, gsize len, SecretDone done, gpointer user);
/* The value for guests, even of a private secret. Borrowed until the next change; a caller that
 * copies it wipes the copy. NULL and an error: it has none. */
const guint8 *secret_value(const Secret *s, gsize *ret_len, GError **err);
/* The secret that a definition refers to; a passphrase is looked for by the usage of a volume.
 * Borrowed; NULL and an error. */
Secret *secret_get_ref(const SecretRef *ref, GError **err);
/* Puts the value into an unnamed file in memory, for a program that opens the descriptor again as
 * /proc/self/fd/N, as whatever user. Returns the descriptor, which is the caller's; -1 with an
 * error. secret_file_wipe wipes the content, which all copies of the descriptor share, and closes
 * it; -1 is fine. */
int secret_file(const SecretRef *ref, GError **err);
void secret_file_wipe(int *fd);
/* Whether clients may see the value; FALSE and an error for a private secret. */
gboolean secret_may_show(const Secret *s, GError **err);
