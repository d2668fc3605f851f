/* The life of pools. A definition is one file in etc/storage, with a symbolic link in its folder
 * autostart; an active pool is one in run/storage, so that the next daemon finds it active.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan.h"

#define FILE_MAX (1 << 20)

enum { TOLD_DEFINED, TOLD_UNDEFINED, TOLD_STARTED, TOLD_STOPPED, TOLD_CREATED };
enum { EVENT_ID_LIFECYCLE, EVENT_ID_REFRESH };

static const Paths *storage_paths;
static Registry *pools;

/* ---- names of files */

static char *
def_path(const Pool *pool)
{
    return g_strdup_printf("%s/storage/%s.xml", storage_paths->etc, pool->obj.name);
}

static char *
link_path(const Pool *pool)
{
    return g_strdup_printf("%s/storage/autostart/%s.xml", storage_paths->etc, pool->obj.name);
}

static char *
live_path(const Pool *pool)
{
    return g_strdup_printf("%s/storage/%s.xml", storage_paths->run, pool->obj.name);
}

/* ---- finding */

Pool *
pool_get_name(const char *name, GError **err)
{
    Pool *pool = registry_find_name(pools, name);

    if (!pool)
        fail(err, ERR_NO_POOL, "no storage pool with matching name '%s'", name);
    return pool;
}

Pool *
pool_get_uuid(const guint8 uuid[UUID_LEN], GError **err)
{
    Pool *pool = registry_find_uuid(pools, uuid);
    char text[UUID_TEXT_LEN];

    uuid_format(uuid, text);
    if (!pool)
        fail(err, ERR_NO_POOL, "no storage pool with matching uuid '%s'", text);
    return pool;
}

GPtrArray *
pool_list(void)
{
    return registry_list(pools);
}

static const PoolDef *
newest_def(const Pool *pool)
{
    return pool->live ? pool->live : pool->def;
}

static Pool *
find_path(const char *path)
{
    g_autoptr(GPtrArray) all = pool_list();

    for (guint i = 0; i < all->len; i++)
        if (strcmp(newest_def(all->pdata[i])->path, path) == 0)
            return all->pdata[i];
    return NULL;
}

Pool *
pool_get_path(const char *path, GError **err)
{
    Pool *pool = find_path(path);

    if (!pool)
        fail(err, ERR_NO_POOL, "no storage pool with matching target path '%s'", path);
    return pool;
}

gboolean
pool_needs_active(const Pool *pool, GError **err)
{
    return pool->live ||
           fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is not active", pool->obj.name);
}

char *
pool_xml(const Pool *pool, guint flags)
{
    const PoolDef *def = flags & POOL_XML_INACTIVE ? pool->def : NULL;

    return pool_format(def ? def : newest_def(pool), TRUE);
}

/* ---- coming and going */

static void
pool_tell(const Pool *pool, int id, int what)
{
    Event event = { .family = EVENT_POOL, .id = id, .name = pool->obj.name, .object_id = -1 };

    memcpy(event.uuid, pool->obj.uuid, UUID_LEN);
    event.n[0] = what;
    event_emit(&event);
}

static void
pool_free(Object *o)
{
    Pool *pool = (Pool *)o;

    pool_def_free(pool->def);
    pool_def_free(pool->live);
    g_clear_pointer(&pool->volumes, g_ptr_array_unref);
    object_done(o);
    g_free(pool);
}

static Pool *
pool_add(const PoolDef *def)
{
    Pool *pool = g_new0(Pool, 1);

    object_init(&pool->obj, def->name, def->uuid, pool_free);
    registry_add(pools, &pool->obj);
    object_unref(pool); /* the registry has it */
    return pool;
}

/* *ret_pool: the pool that has the definition's name and UUID, or NULL for a new one. */
static gboolean
pool_may_have(const PoolDef *def, Pool **ret_pool, GError **err)
{
    Pool *same_uuid = registry_find_uuid(pools, def->uuid);
    Pool *same_name = registry_find_name(pools, def->name), *same_path = find_path(def->path);
    char uuid[UUID_TEXT_LEN];

    if (same_uuid && same_uuid != same_name) {
        uuid_format(def->uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "pool '%s' is already defined with uuid %s",
                    same_uuid->obj.name, uuid);
    }
    if (same_name && !same_uuid) {
        uuid_format(same_name->obj.uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "pool '%s' already exists with uuid %s", def->name,
                    uuid);
    }
    if (same_path && same_path != same_uuid)
        return fail(err, ERR_OPERATION_FAILED, "Storage source conflict with pool: '%s'",
                    same_path->obj.name);
    *ret_pool = same_uuid;
    return TRUE;
}

static gboolean
pool_save(const Pool *pool, const PoolDef *def, GError **err)
{
    g_autofree char *path = def_path(pool), *xml = pool_format(def, FALSE);

    return file_write(path, xml, -1, 0600, err);
}

Pool *
pool_define(const char *xml, gboolean validate, GError **err)
{
    g_autoptr(PoolDef) def = pool_parse(xml, -1, FALSE, validate, err);
    Pool *pool, *old;

    if (!def || !pool_may_have(def, &old, err))
        return NULL;
    pool = old ? old : pool_add(def);
    if (!pool_save(pool, def, err)) {
        if (!old)
            registry_remove(pools, &pool->obj);
        return NULL;
    }
    pool_def_free(pool->def);
    pool->def = g_steal_pointer(&def);
    pool_tell(pool, EVENT_ID_LIFECYCLE, TOLD_DEFINED);
    return pool;
}

gboolean
pool_undefine(Pool *pool, GError **err)
{
    g_autofree char *path = def_path(pool), *link = link_path(pool);

    if (pool->live)
        return fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is still active",
                    pool->obj.name);
    if (!file_remove(link, err) || !file_remove(path, err))
        return FALSE;
    pool_tell(pool, EVENT_ID_LIFECYCLE, TOLD_UNDEFINED);
    registry_remove(pools, &pool->obj);
    return TRUE;
}

gboolean
pool_set_autostart(Pool *pool, gboolean on, GError **err)
{
    g_autofree char *path = def_path(pool), *link = link_path(pool);

    if (!pool->def)
        return fail(err, ERR_OPERATION_INVALID,
                    "storage pool '%s' is transient: it cannot be started by itself",
                    pool->obj.name);
    if (on && symlink(path, link) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "cannot make autostart link %s", link);
    if (!on && !file_remove(link, err))
        return FALSE;
    pool->autostart = on;
    return TRUE;
}

/* ---- active */

/* Scans def's folder, and makes it the pool's live one. */
static gboolean
pool_enter(Pool *pool, const PoolDef *def, GError **err)
{
    g_autoptr(PoolDef) live = pool_copy(def);
    g_autoptr(GPtrArray) volumes = NULL;

    if (!folder_scan(live, &volumes, err))
        return FALSE;
    pool_def_free(pool->live);
    pool->live = g_steal_pointer(&live);
    g_clear_pointer(&pool->volumes, g_ptr_array_unref);
    pool->volumes = g_steal_pointer(&volumes);
    return TRUE;
}

static void
pool_leave(Pool *pool)
{
    g_clear_pointer(&pool->live, pool_def_free);
    g_clear_pointer(&pool->volumes, g_ptr_array_unref);
}

static gboolean
pool_activate(Pool *pool, const PoolDef *def, GError **err)
{
    g_autofree char *path = live_path(pool), *xml = NULL;

    if (pool->live)
        return fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is already active",
                    pool->obj.name);
    if (!pool_enter(pool, def, err))
        return FALSE;
    xml = pool_format(pool->live, TRUE);
    if (!file_write_volatile(path, xml, -1, 0600, err)) {
        pool_leave(pool);
        return FALSE;
    }
    pool_tell(pool, EVENT_ID_LIFECYCLE, TOLD_STARTED);
    return TRUE;
}

/* What libvirt gives a pool's folder that it makes. */
#define BUILT_MODE 0711

gboolean
pool_build(Pool *pool, GError **err)
{
    const PoolDef *def = newest_def(pool);
    const Permissions *p = def->permissions;

    if (pool->live)
        return fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is already active",
                    pool->obj.name);
    if (!dir_make(def->path, p ? p->mode : BUILT_MODE, err))
        return FALSE;
    if (p && (chown(def->path, p->owner, p->group) < 0 || chmod(def->path, p->mode) < 0))
        return fail_errno(err, errno, "cannot set owner and mode of '%s'", def->path);
    pool_tell(pool, EVENT_ID_LIFECYCLE, TOLD_CREATED);
    return TRUE;
}

gboolean
pool_start(Pool *pool, GError **err)
{
    return pool_activate(pool, newest_def(pool), err);
}

Pool *
pool_create(const char *xml, gboolean validate, GError **err)
{
    g_autoptr(PoolDef) def = pool_parse(xml, -1, FALSE, validate, err);
    Pool *pool, *old;

    if (!def || !pool_may_have(def, &old, err))
        return NULL;
    pool = old ? old : pool_add(def);
    if (pool_activate(pool, def, err))
        return pool;
    if (!old)
        registry_remove(pools, &pool->obj);
    return NULL;
}

gboolean
pool_destroy(Pool *pool, GError **err)
{
    g_autofree char *path = live_path(pool);

    if (!pool_needs_active(pool, err) || !file_remove(path, err))
        return FALSE;
    pool_leave(pool);
    pool_tell(pool, EVENT_ID_LIFECYCLE, TOLD_STOPPED);
    if (!pool->def)
        registry_remove(pools, &pool->obj);
    return TRUE;
}

gboolean
pool_refresh(Pool *pool, GError **err)
{
    if (!pool_needs_active(pool, err) || !pool_enter(pool, pool->live, err))
        return FALSE;
    pool_tell(pool, EVENT_ID_REFRESH, 0);
    return TRUE;
}

/* ---- volumes */

VolumeDef *
volume_get_name(Pool *pool, const char *name, GError **err)
{
    for (guint i = 0; i < pool->volumes->len; i++) {
        VolumeDef *v = pool->volumes->pdata[i];

        if (strcmp(v->name, name) == 0)
            return v;
    }
    fail(err, ERR_NO_VOLUME, "no storage vol with matching name '%s'", name);
    return NULL;
}

/* Folders are compared first: there are few of them, and names in each may be many. */
static VolumeDef *
find_volume(const char *path, Pool **ret_pool)
{
    g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
    g_autoptr(GPtrArray) all = pool_list();

    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];
        VolumeDef *v = NULL;

        if (pool->live && strcmp(pool->live->path, folder) == 0)
            v = volume_get_name(pool, name, NULL);
        if (v) {
            *ret_pool = pool;
            return v;
        }
    }
    return NULL;
}

VolumeDef *
volume_get_path(const char *path, Pool **ret_pool, GError **err)
{
    VolumeDef *v = find_volume(path, ret_pool);

    if (!v)
        fail(err, ERR_NO_VOLUME, "no storage vol with matching path '%s'", path);
    return v;
}

VolumeDef *
volume_get_key(const char *key, Pool **ret_pool, GError **err)
{
    VolumeDef *v = find_volume(key, ret_pool);

    if (!v)
        fail(err, ERR_NO_VOLUME, "no storage vol with matching key %s", key);
    return v;
}

/* ---- the daemon comes and goes */

static PoolDef *
read_def(const char *path, gboolean live, GError **err)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!file_read(path, FILE_MAX, &text, &len, err))
        return NULL;
    return pool_parse(text, (gssize)len, live, FALSE, err);
}

static void
load_def(const char *path)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(PoolDef) def = read_def(path, FALSE, &err);
    g_autofree char *link = NULL;
    Pool *pool = NULL;

    if (!def || !pool_may_have(def, &pool, &err) || pool) {
        file_set_aside(path, err ? err->message : "its pool is there already");
        return;
    }
    pool = pool_add(def);
    pool->def = g_steal_pointer(&def);
    link = link_path(pool);
    pool->autostart = access(link, F_OK) == 0;
}

/* What was active and cannot be any more is inactive. */
static void
load_live(const char *path)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(PoolDef) live = read_def(path, TRUE, &err);
    Pool *pool = NULL;

    if (live && pool_may_have(live, &pool, &err)) {
        if (!pool)
            pool = pool_add(live);
        if (pool_enter(pool, live, &err))
            return;
        if (!pool->def)
            registry_remove(pools, &pool->obj);
    }
    log_warning("%s: the pool is not active any more: %s", path, err->message);
    file_remove(path, NULL);
}

static gboolean
load_folder(const char *folder, void (*load)(const char *path), GError **err)
{
    g_autoptr(GPtrArray) names = NULL;

    if (!dir_make(folder, 0700, err) || !(names = state_names(folder, ".xml", err)))
        return FALSE;
    dir_sweep(folder);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.xml", folder, (char *)names->pdata[i]);

        load(path);
    }
    return TRUE;
}

static void
start_marked(void)
{
    g_autoptr(GPtrArray) all = pool_list();

    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];
        g_autoptr(GError) err = NULL;

        if (pool->autostart && !pool->live && !pool_start(pool, &err))
            log_warning("storage pool '%s': %s", pool->obj.name, err->message);
    }
}

gboolean
storage_init(const Paths *paths, GError **err)
{
    g_autofree char *etc = g_strconcat(paths->etc, "/storage", NULL);
    g_autofree char *run = g_strconcat(paths->run, "/storage", NULL);
    g_autofree char *autostart = g_strconcat(etc, "/autostart", NULL);

    storage_paths = paths;
    pools = registry_new();
    if (!dir_make(autostart, 0700, err) || !load_folder(etc, load_def, err) ||
        !load_folder(run, load_live, err)) {
        storage_done();
        return FALSE;
    }
    start_marked();
    return TRUE;
}

void
storage_done(void)
{
    g_clear_pointer(&pools, registry_free);
}
