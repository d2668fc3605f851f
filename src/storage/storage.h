/* storage: pools and their volumes. Pools are folders of this host so far, and their volumes are
 * found, not made.
 */
#pragma once

#include "conf/conf.h"
#include "core/core.h"

/* Reads the definitions, finds again what was active, starts what is marked. */
gboolean storage_init(const Paths *paths, GError **err);
void storage_done(void);

/* ---- pools (pool.c) ---------------------------------------------------------------------- */

typedef struct Pool {
    Object obj;
    PoolDef *def;       /* NULL: transient */
    PoolDef *live;      /* NULL: inactive */
    GPtrArray *volumes; /* of VolumeDef, by name; NULL: inactive. As of the last refresh */
    gboolean autostart;
} Pool;

/* Borrowed; NULL and ERR_NO_POOL when there is none. */
Pool *pool_get_name(const char *name, GError **err);
Pool *pool_get_uuid(const guint8 uuid[UUID_LEN], GError **err);
Pool *pool_get_path(const char *path, GError **err);
GPtrArray *pool_list(void); /* referenced; free with g_ptr_array_unref */
gboolean pool_needs_active(const Pool *pool, GError **err);

enum { POOL_XML_INACTIVE = 1 };
char *pool_xml(const Pool *pool, guint flags);

/* Reads a definition and keeps it; the pool is borrowed. */
Pool *pool_define(const char *xml, gboolean validate, GError **err);
/* Starts a pool without keeping its definition, or with an inactive pool's new one. */
Pool *pool_create(const char *xml, gboolean validate, GError **err);
/* Makes the folder, with the definition's owner and mode; one that is there gets them too. */
gboolean pool_build(Pool *pool, GError **err);
gboolean pool_start(Pool *pool, GError **err);
gboolean pool_destroy(Pool *pool, GError **err); /* a transient pool is gone after it */
gboolean pool_undefine(Pool *pool, GError **err);
gboolean pool_set_autostart(Pool *pool, gboolean on, GError **err);
gboolean pool_refresh(Pool *pool, GError **err);

/* ---- volumes (pool.c) -------------------------------------------------------------------- */

/* Borrowed until the pool's next refresh; NULL and ERR_NO_VOLUME when there is none. */
VolumeDef *volume_get_name(Pool *pool, const char *name, GError **err);
/* Of any active pool. A volume's key is its path. */
VolumeDef *volume_get_path(const char *path, Pool **ret_pool, GError **err);
VolumeDef *volume_get_key(const char *key, Pool **ret_pool, GError **err);
/* Looks at the file again: its sizes and times. */
gboolean volume_refresh(VolumeDef *volume, GError **err);
