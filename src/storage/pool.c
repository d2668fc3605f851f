/* Pools: their definitions, what is known of them, and how a daemon finds them again. A definition
 * is a file of the store in etc/storage; an active pool is a file in run/storage and a line in its
 * ledger. */
#include "pool.h"

#include <string.h>

#define FILE_MAX (1 << 20)
/* The longest wait of a starting daemon for folders to answer. */
#define BOOT_MS 2000

enum { EVENT_ID_LIFECYCLE, EVENT_ID_REFRESH };

const Paths *storage_paths;
Store *pool_store;
static Registry *pools;

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

const PoolDef *
pool_newest(const Pool *pool)
{
    if (pool->live)
        return pool->live;
    return pool->next ? pool->next : pool->def;
}

static Pool *
find_path(const char *path)
{
    g_autoptr(GPtrArray) all = pool_list();

    for (guint i = 0; path && i < all->len; i++) {
        const PoolDef *def = pool_newest(all->pdata[i]);
        if (def && g_strcmp0(def->path, path) == 0)
            return all->pdata[i];
    }
    return NULL;
}

/* The folder of partitions is all such pools'. */
static Pool *
find_rival(const PoolDef *def)
{
    g_autoptr(GPtrArray) all = pool_list();
    const PoolDevice *device = list_item(def->source.devices, 0);

    if (def->type != POOL_DISK)
        return find_path(def->path);
    EACH (Pool, pool, all) {
        const PoolDef *other = pool_newest(pool);
        const PoolDevice *theirs = other ? list_item(other->source.devices, 0) : NULL;

        if (other && other->type == POOL_DISK && g_strcmp0(device->path, theirs->path) == 0)
            return pool;
    }
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

PoolState
pool_state(const Pool *pool)
{
    if (pool->late || (pool->broken && !pool->live))
        return POOL_INACCESSIBLE;
    return pool->live ? POOL_RUNNING : POOL_INACTIVE;
}

char *
pool_xml(const Pool *pool, guint flags, GError **err)
{
    const PoolDef *def = flags & POOL_XML_INACTIVE ? pool->def : NULL;

    if (!def)
        def = pool_newest(pool);
    if (def)
        return pool_format(def, TRUE);
    pool_needs_def(pool, err);
    return NULL;
}

/* ---- coming and going */

static void
emit(const Pool *pool, int id, int what)
{
    Event event = { .family = EVENT_POOL, .id = id, .name = pool->obj.name, .object_id = -1 };

    memcpy(event.uuid, pool->obj.uuid, UUID_LEN);
    event.n[0] = what;
    event_emit(&event);
}

void
pool_tell(const Pool *pool, PoolTold what)
{
    emit(pool, EVENT_ID_LIFECYCLE, what);
}

void
pool_tell_refreshed(const Pool *pool)
{
    emit(pool, EVENT_ID_REFRESH, 0);
}

static void
pool_free(Object *o)
{
    Pool *pool = (Pool *)o;

    watch_end(pool);
    pool_leave(pool);
    pool_def_free(pool->def);
    pool_def_free(pool->next);
    g_free(pool->broken);
    g_clear_pointer(&pool->touched, g_hash_table_unref);
    object_done(o);
    g_free(pool);
}

static const ObjectKind pool_kind = { "storage pool", "storage", "VMD_POOL" };

gboolean
pool_is(gconstpointer object)
{
    return ((const Object *)object)->kind == &pool_kind;
}

Pool *
pool_stand_in(const char *name, const guint8 uuid[UUID_LEN])
{
    Pool *pool = g_new0(Pool, 1);

    object_init(&pool->obj, &pool_kind, name, uuid, pool_free);
    return pool;
}

Pool *
pool_add(const char *name, const guint8 uuid[UUID_LEN])
{
    Pool *pool = pool_stand_in(name, uuid);

    registry_add(pools, &pool->obj);
    object_unref(pool); /* the registry has it */
    return pool;
}

void
pool_remove(Pool *pool)
{
    registry_remove(pools, &pool->obj);
}

gboolean
pool_may_have(const PoolDef *def, Pool **ret_pool, GError **err)
{
    Pool *same_uuid = registry_find_uuid(pools, def->uuid);
    Pool *same_name = registry_find_name(pools, def->name), *same_path = find_rival(def);
    char uuid[UUID_TEXT_LEN];

    if (same_name && same_name->broken && !same_name->live)
        same_name = same_uuid; /* it makes room */
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

/* ---- active */

char *
pool_live_path(const Pool *pool)
{
    return g_strdup_printf("%s/storage/%s.xml", storage_paths->run, pool->obj.name);
}

gboolean
storage_save_runs(void)
{
    g_autofree char *folder = g_strconcat(storage_paths->run, "/storage", NULL);
    g_autoptr(GPtrArray) all = registry_list(pools);
    gboolean done = registry_save_ledgers(pools);

    EACH (Pool, pool, all) {
        g_autofree char *path = pool_live_path(pool);
        g_autofree char *xml = pool->live ? pool_format(pool->live, TRUE) : NULL;
        g_autoptr(GError) err = NULL;

        if (xml && !pool->obj.flow &&
            (!dir_make(folder, 0700, &err) || !file_write_volatile(path, xml, -1, 0600, &err)))
            log_error("storage pool '%s': %s", pool->obj.name, err->message);
    }
    return done;
}

void
pool_take(Pool *pool, PoolDef *live, Volumes *volumes)
{
    pool_leave(pool);
    pool->live = live;
    pool->volumes = volumes;
}

void
pool_leave(Pool *pool)
{
    g_clear_pointer(&pool->live, pool_def_free);
    g_clear_pointer(&pool->volumes, volumes_drop);
}

/* ---- looks at the folder, beside which volumes come and go */

void
pool_touched(Pool *pool, const char *volume)
{
    if (pool->looks == 0)
        return;
    if (!pool->touched)
        pool->touched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(pool->touched, g_strdup(volume));
}

void
pool_look_begins(Pool *pool)
{
    pool->looks++;
}

static void
keep_known(const Pool *pool, Volumes *seen)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, pool->touched);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const VolumeDef *known = g_hash_table_lookup(pool->volumes->by_name, name);

        if (known)
            volumes_put(seen, volume_copy(known));
        else
            volumes_cut(seen, name);
    }
}

void
pool_look_ends(Pool *pool, PoolScan *scan)
{
    if (scan && pool->touched && pool->volumes)
        keep_known(pool, scan->volumes);
    if (--pool->looks == 0)
        g_clear_pointer(&pool->touched, g_hash_table_unref);
}

/* ---- the daemon comes and goes */

static gboolean
check_def(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN], GError **err)
{
    g_autoptr(PoolDef) def = pool_parse(text, (gssize)len, FALSE, FALSE, err);

    if (!def)
        return FALSE;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    return TRUE;
}

const StoreKind pool_store_kind = { "storage pool", "pool", check_def };

static PoolDef *
load_def(const StoreFound *found, GError **err)
{
    g_autofree char *text = NULL;
    g_autoptr(PoolDef) def = NULL;
    Pool *other;
    gsize len;

    if (found->broken) {
        g_propagate_error(err, g_error_copy(found->broken));
        return NULL;
    }
    if (!(text = store_text(pool_store, found->name, &len, NULL, err)) ||
        !(def = pool_parse(text, (gssize)len, FALSE, FALSE, err)) ||
        !pool_may_have(def, &other, err))
        return NULL;
    if (other) {
        fail(err, ERR_XML, "its pool is there already");
        return NULL;
    }
    return g_steal_pointer(&def);
}

/* A pool whose definition cannot be read is listed too, and its file stays. */
static void
load_found(const StoreFound *found, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(PoolDef) def = load_def(found, &err);
    guint8 uuid[UUID_LEN];
    Pool *pool;

    memcpy(uuid, def ? def->uuid : found->uuid, UUID_LEN);
    if (registry_find_uuid(pools, uuid) || uuid_is_zero(uuid))
        uuid_of_text(found->name, uuid);
    pool = pool_add(found->name, uuid);
    pool->def = g_steal_pointer(&def);
    pool->autostart = found->autostart[AUTOSTART_ALWAYS];
    if (err) {
        pool->broken = g_strdup(err->message);
        log_error("the definition of storage pool '%s' cannot be read: %s", found->name,
                  err->message);
    }
}

static PoolDef *
read_live(const char *path, GError **err)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!file_read(path, FILE_MAX, &text, &len, err))
        return NULL;
    return pool_parse(text, (gssize)len, TRUE, FALSE, err);
}

/* Nobody knows the UUID of a definition that cannot be read: it is that of the pool that runs. */
static Pool *
pool_that_runs(const PoolDef *live)
{
    Pool *named = registry_find_name(pools, live->name);

    return named && registry_set_uuid(pools, &named->obj, live->uuid)
               ? named
               : pool_add(live->name, live->uuid);
}

static void
load_live(const char *path)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(PoolDef) live = read_live(path, &err);
    Pool *pool = NULL;

    if (!live || !pool_may_have(live, &pool, &err)) {
        file_set_aside(path, err->message);
        return;
    }
    if (!pool)
        pool = pool_that_runs(live);
    if (!ledger_loose(object_ledger(pool), NULL) ||
        ledger_committed(object_ledger(pool), &pool_start_table))
        pool_resume(pool, g_steal_pointer(&live));
}

static gboolean
load_active(const char *folder, GError **err)
{
    g_autoptr(GPtrArray) names = NULL;

    if (!dir_make(folder, 0700, err) || !(names = state_names(folder, ".xml", err)))
        return FALSE;
    dir_sweep(folder);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.xml", folder, (char *)names->pdata[i]);

        load_live(path);
    }
    return TRUE;
}

/* Of a transient pool that was being started or stopped only the ledger is left. */
static void
settle_ledger(const char *uuid_text)
{
    g_autofree char *name = ledger_object_name(&pool_kind, uuid_text);
    guint8 uuid[UUID_LEN];
    Pool *pool;

    if (!name || !uuid_parse(uuid_text, uuid))
        return;
    pool = registry_find_uuid(pools, uuid);
    if (!pool && !registry_find_name(pools, name))
        pool = pool_add(name, uuid);
    if (pool && !pool->live && !pool->next && !ledger_empty(object_ledger(pool)))
        pool_settle(pool);
}

static gboolean
settle_halves(GError **err)
{
    g_autoptr(GPtrArray) uuids = ledger_names(&pool_kind, err);

    for (guint i = 0; uuids && i < uuids->len; i++)
        settle_ledger(uuids->pdata[i]);
    return uuids != NULL;
}

static void
start_marked(void)
{
    g_autoptr(GPtrArray) all = pool_list();

    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];

        if (pool->autostart && !pool->live && !pool->next && !pool->broken)
            pool_start(pool, "autostart", pool_log_failure, NULL);
    }
}

static gboolean
on_boot_time(gpointer user)
{
    *(gboolean *)user = TRUE;
    return G_SOURCE_REMOVE;
}

/* Waits for the folders, since no client is served yet. A folder that has not answered by then is
 * handled when it does. */
static void
wait_for_folders(void)
{
    gboolean over = FALSE;
    guint timer = g_timeout_add(BOOT_MS, on_boot_time, &over);

    while (errands_out() > 0 && !over)
        g_main_context_iteration(NULL, TRUE);
    if (!over)
        g_source_remove(timer);
}

gboolean
storage_init(const Paths *paths, GError **err)
{
    g_autofree char *etc = g_strconcat(paths->etc, "/storage", NULL);
    g_autofree char *run = g_strconcat(paths->run, "/storage", NULL);

    storage_paths = paths;
    pools = registry_new();
    watches_init();
    making_mark_init();
    if (!secrets_init(paths, err) || !(pool_store = store_open(&pool_store_kind, etc, err)) ||
        !store_load(pool_store, load_found, NULL, err) || !load_active(run, err) ||
        !settle_halves(err)) {
        storage_done();
        return FALSE;
    }
    volumes_recover();
    start_marked();
    wait_for_folders();
    return TRUE;
}

void
storage_done(void)
{
    g_clear_pointer(&pools, registry_free);
    watches_done();
    g_clear_pointer(&pool_store, store_free);
    secrets_done();
}
