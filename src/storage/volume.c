/* Volumes as they were seen last, and looking at one of them again. */
#include <string.h>

#include "volume_priv.h"

/* From this number on volumes are freed by a worker, because it takes long. */
#define FREED_ELSEWHERE 1000
/* A question about one volume gets the known values after this time. */
#define LOOK_MS 100

/* ---- all of a pool */

static gint
by_name(gconstpointer a, gconstpointer b)
{
    const VolumeDef *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

Volumes *
volumes_new(GPtrArray *list)
{
    Volumes *volumes = g_new0(Volumes, 1);

    g_ptr_array_sort(list, by_name);
    volumes->list = list;
    volumes->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < list->len; i++)
        g_hash_table_insert(volumes->by_name, ((VolumeDef *)list->pdata[i])->name, list->pdata[i]);
    return volumes;
}

void
volumes_free(Volumes *volumes)
{
    if (!volumes)
        return;
    g_hash_table_unref(volumes->by_name);
    g_ptr_array_unref(volumes->list);
    g_free(volumes);
}

/* The place of a name in the list, or where it belongs. */
static guint
place_of(const Volumes *volumes, const char *name)
{
    guint low = 0, high = volumes->list->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const VolumeDef *v = volumes->list->pdata[middle];
        if (strcmp(v->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
volumes_put(Volumes *volumes, VolumeDef *def)
{
    volumes_cut(volumes, def->name);
    g_ptr_array_insert(volumes->list, (gint)place_of(volumes, def->name), def);
    g_hash_table_insert(volumes->by_name, def->name, def);
}

void
volumes_cut(Volumes *volumes, const char *name)
{
    VolumeDef *v = g_hash_table_lookup(volumes->by_name, name);

    if (!v)
        return;
    g_hash_table_remove(volumes->by_name, name);
    g_ptr_array_remove_index(volumes->list, place_of(volumes, v->name));
}

static gpointer
free_in_worker(gpointer in, GError **err)
{
    volumes_free(in);
    return NULL;
}

static void
on_freed(gpointer out, const GError *err, gpointer user)
{
}

void
volumes_drop(Volumes *volumes)
{
    if (volumes && volumes->list->len > FREED_ELSEWHERE)
        offload(free_in_worker, volumes, NULL, on_freed, NULL);
    else
        volumes_free(volumes);
}

/* ---- finding */

/* One that is being made is none yet; who makes it is told. */
static void
fail_none(const Pool *pool, const char *name, GError **err)
{
    g_autofree char *key = volume_claim_key(pool, name);
    const Claim *claim = claim_find(CLAIM_VOLUME, key);
    g_autofree char *maker = claim ? owner_text(claim->owner) : NULL;

    if (maker)
        fail(err, ERR_NO_VOLUME, "no storage vol with matching name '%s': %s is making it", name,
             maker);
    else
        fail(err, ERR_NO_VOLUME, "no storage vol with matching name '%s'", name);
}

VolumeDef *
volume_get_name(Pool *pool, const char *name, GError **err)
{
    VolumeDef *v = pool->volumes ? g_hash_table_lookup(pool->volumes->by_name, name) : NULL;

    if (!v && err)
        fail_none(pool, name, err);
    return v;
}

/* A path without needless slashes. The caller frees it. */
static char *
tidy(const char *path)
{
    GString *out = g_string_sized_new(strlen(path));

    for (const char *p = path; *p; p++)
        if (*p != '/' || p[1] != '/')
            g_string_append_c(out, *p);
    return g_string_free(out, FALSE);
}

/* Folders are compared first: there are few of them, and names in each may be many. */
static VolumeDef *
find_volume(const char *given, Pool **ret_pool)
{
    g_autofree char *path = tidy(given), *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GPtrArray) all = pool_list();

    for (guint i = 0; i < all->len; i++) {
        Pool *pool = all->pdata[i];
        VolumeDef *v = NULL;

        if (pool->live && g_strcmp0(pool->live->path, folder) == 0)
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

/* Keys of files are their paths, those of others are whatever their pool's program calls them. */
static VolumeDef *
find_device(const char *key, Pool **ret_pool)
{
    g_autoptr(GPtrArray) all = pool_list();

    EACH (Pool, pool, all) {
        if (!pool->volumes || pool->volumes->list->len == 0 ||
            LIST_AT(VolumeDef, pool->volumes->list, 0)->type != VOLUME_BLOCK)
            continue;
        EACH (VolumeDef, v, pool->volumes->list)
            if (g_strcmp0(v->key, key) == 0) {
                *ret_pool = pool;
                return v;
            }
    }
    return NULL;
}

VolumeDef *
volume_get_key(const char *key, Pool **ret_pool, GError **err)
{
    VolumeDef *v = *key == '/' ? find_volume(key, ret_pool) : find_device(key, ret_pool);

    if (!v)
        fail(err, ERR_NO_VOLUME, "no storage vol with matching key %s", key);
    return v;
}

/* ---- looking again */

typedef struct VolumeLook {
    Pool *pool; /* referenced */
    guint run;  /* of the pool, when it was asked */
    char *name;
    VolumeLooked done; /* NULL: told */
    gpointer user;
    guint timer;
    gboolean slow; /* it was told without its answer */
} VolumeLook;

static void
look_tell(VolumeLook *l, const VolumeDef *v, const GError *err)
{
    VolumeLooked done = l->done;

    l->done = NULL;
    g_clear_handle_id(&l->timer, g_source_remove);
    if (done)
        done(v, err, l->user);
}

static gboolean
on_look_late(gpointer data)
{
    VolumeLook *l = data;
    g_autoptr(GError) err = NULL;
    const VolumeDef *v = volume_get_name(l->pool, l->name, &err);

    l->timer = 0;
    l->slow = TRUE;
    l->pool->slow_looks++;
    look_tell(l, v, err);
    return G_SOURCE_REMOVE;
}

/* Replaces the content of a volume; its place in the list and the table stays. */
static void
volume_renew(Pool *pool, VolumeDef *known, VolumeDef *seen)
{
    VolumeDef old = *known;

    *known = *seen;
    *seen = old;
    g_hash_table_replace(pool->volumes->by_name, known->name, known);
    volume_free(seen);
}

static void
on_looked(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    VolumeLook *l = user;
    g_autoptr(VolumeDef) seen = out;
    VolumeDef *known = l->run == pool->run ? volume_get_name(pool, l->name, NULL) : NULL;

    if (seen && known)
        volume_renew(pool, known, g_steal_pointer(&seen));
    if (l->slow)
        pool->slow_looks--;
    look_tell(l, known && !err ? known : seen, err);
    object_unref(l->pool);
    g_free(l->name);
    g_free(l);
}

void
volume_look(Pool *pool, const VolumeDef *volume, VolumeLooked done, gpointer user)
{
    ErrandSpec spec = { .work = scan_volume, .back = on_looked };
    VolumeLook *l;

    if (pool->late || pool->slow_looks) {
        done(volume, NULL, user);
        return;
    }
    l = g_new(VolumeLook, 1);
    *l = (VolumeLook){ object_ref(pool), pool->run, g_strdup(volume->name), done, user };
    l->timer = g_timeout_add(LOOK_MS, on_look_late, l);
    spec.in = volume_copy(volume);
    spec.user = l;
    errand_send(pool, &spec);
}
