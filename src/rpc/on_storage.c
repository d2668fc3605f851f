/* Storage pools and volumes. A refresh reads one folder; all else answers from memory. */
#include <string.h>

#include "on_domain.h"
#include "storage/storage.h"

/* ---- shared */

static PoolRef
pool_ref(const Pool *pool)
{
    PoolRef ref = { .name = pool->obj.name };

    memcpy(ref.uuid, pool->obj.uuid, sizeof(ref.uuid));
    return ref;
}

static VolumeRef
volume_ref(const Pool *pool, const VolumeDef *volume)
{
    return (VolumeRef){ .pool = pool->obj.name, .name = volume->name, .key = volume->key };
}

static void
reply_pool(Call *c, const Pool *pool, GError *err)
{
    if (pool) {
        PoolRef out = pool_ref(pool);
        call_reply(c, &out);
    } else {
        call_fail(c, err);
    }
}

static void
reply_volume(Call *c, const Pool *pool, const VolumeDef *volume, GError *err)
{
    if (volume) {
        VolumeRef out = volume_ref(pool, volume);
        call_reply(c, &out);
    } else {
        call_fail(c, err);
    }
}

/* The pool that the arguments begin with; NULL: there is none, and the call is answered. */
static Pool *
call_pool(Call *c)
{
    const PoolRef *ref = call_in(c);
    GError *err = NULL;
    Pool *pool = pool_get_uuid(ref->uuid, &err);

    if (!pool)
        call_fail(c, err);
    return pool;
}

static Pool *
call_active_pool(Call *c)
{
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (!pool || pool_needs_active(pool, &err))
        return pool;
    call_fail(c, err);
    return NULL;
}

static VolumeDef *
find_volume(const VolumeRef *ref, Pool **ret_pool, GError **err)
{
    Pool *pool = pool_get_name(ref->pool, err);
    VolumeDef *volume = NULL;

    if (pool && pool_needs_active(pool, err))
        volume = volume_get_name(pool, ref->name, err);
    if (volume)
        *ret_pool = pool;
    return volume;
}

/* The same for volumes. */
static VolumeDef *
call_volume(Call *c, Pool **ret_pool)
{
    GError *err = NULL;
    VolumeDef *volume = find_volume(call_in(c), ret_pool, &err);

    if (!volume)
        call_fail(c, err);
    return volume;
}

/* ---- finding and listing pools */

static void
pool_by_name(Call *c)
{
    const StoragePoolLookupByNameArgs *in = call_in(c);
    GError *err = NULL;
    Pool *pool = pool_get_name(in->name, &err);

    reply_pool(c, pool, err);
}

static void
pool_by_uuid(Call *c)
{
    Pool *pool = call_pool(c);

    if (pool)
        reply_pool(c, pool, NULL);
}

static void
pool_by_path(Call *c)
{
    const StoragePoolLookupByTargetPathArgs *in = call_in(c);
    GError *err = NULL;
    Pool *pool = pool_get_path(in->path, &err);

    reply_pool(c, pool, err);
}

static void
pool_by_volume(Call *c)
{
    Pool *pool;

    if (call_volume(c, &pool))
        reply_pool(c, pool, NULL);
}

enum {
    LIST_INACTIVE = 1 << 0,
    LIST_ACTIVE = 1 << 1,
    LIST_PERSISTENT = 1 << 2,
    LIST_TRANSIENT = 1 << 3,
    LIST_AUTOSTART = 1 << 4,
    LIST_NO_AUTOSTART = 1 << 5,
    LIST_DIR = 1 << 6,
    LIST_KINDS = 0x1fffc0, /* a bit for each kind of pool */
    LIST_FLAGS = 0x1fffff,
};

/* A filter is the bits of several questions; a question without any bit lets all pass. */
static gboolean
passes(const Pool *pool, guint32 flags)
{
    static const guint32 questions[] = {
        LIST_ACTIVE | LIST_INACTIVE,
        LIST_PERSISTENT | LIST_TRANSIENT,
        LIST_AUTOSTART | LIST_NO_AUTOSTART,
        LIST_KINDS,
    };
    guint32 is = LIST_DIR;

    is |= pool->live ? LIST_ACTIVE : LIST_INACTIVE;
    is |= pool->def ? LIST_PERSISTENT : LIST_TRANSIENT;
    is |= pool->autostart ? LIST_AUTOSTART : LIST_NO_AUTOSTART;
    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++)
        if ((flags & questions[i]) && !(flags & questions[i] & is))
            return FALSE;
    return TRUE;
}

static GPtrArray *
pools_matching(guint32 flags)
{
    GPtrArray *all = pool_list();

    for (guint i = all->len; i-- > 0;)
        if (!passes(all->pdata[i], flags))
            g_ptr_array_remove_index(all, i);
    return all;
}

static void
list_all_pools(Call *c)
{
    const ConnectListAllStoragePoolsArgs *in = call_in(c);
    ConnectListAllStoragePoolsRet out = { 0 };

    if (!call_flags_ok(c, in->flags, LIST_FLAGS))
        return;
    g_autoptr(GPtrArray) all = pools_matching(in->flags);
    out.ret = all->len;
    if (in->need_results) {
        out.pools.n = all->len;
        out.pools.v = arena_new(call_arena(c), PoolRef, all->len);
        for (guint i = 0; i < all->len; i++)
            out.pools.v[i] = pool_ref(all->pdata[i]);
    }
    call_reply(c, &out);
}

static void
count_pools(Call *c, guint32 flags)
{
    g_autoptr(GPtrArray) all = pools_matching(flags);
    ConnectNumOfStoragePoolsRet out = { .num = (gint32)all->len };

    call_reply(c, &out);
}

static void
name_pools(Call *c, guint32 flags)
{
    const ConnectListStoragePoolsArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = pools_matching(flags);
    ConnectListStoragePoolsRet out = {
        .names = { .n = (guint32)CLAMP(in->maxnames, 0, (gint)all->len) },
    };

    out.names.v = arena_new(call_arena(c), const char *, out.names.n);
    for (guint i = 0; i < out.names.n; i++)
        out.names.v[i] = ((Pool *)all->pdata[i])->obj.name;
    call_reply(c, &out);
}

static void
count_active(Call *c)
{
    count_pools(c, LIST_ACTIVE);
}

static void
count_defined(Call *c)
{
    count_pools(c, LIST_INACTIVE);
}

static void
list_active(Call *c)
{
    name_pools(c, LIST_ACTIVE);
}

static void
list_defined(Call *c)
{
    name_pools(c, LIST_INACTIVE);
}

/* ---- the life of a pool */

enum { DEFINE_VALIDATE = 1 << 0 };
enum { CREATE_VALIDATE = 1 << 3 };

static void
define(Call *c)
{
    const StoragePoolDefineXmlArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_flags_ok(c, in->flags, DEFINE_VALIDATE))
        return;
    Pool *pool = pool_define(in->xml, (in->flags & DEFINE_VALIDATE) != 0, &err);
    reply_pool(c, pool, err);
}

static void
create_xml(Call *c)
{
    const StoragePoolCreateXmlArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_flags_ok(c, in->flags, CREATE_VALIDATE))
        return;
    Pool *pool = pool_create(in->xml, (in->flags & CREATE_VALIDATE) != 0, &err);
    reply_pool(c, pool, err);
}

static void
build(Call *c)
{
    const StoragePoolBuildArgs *in = call_in(c);
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (pool && call_flags_ok(c, in->flags, 0))
        call_end(c, pool_build(pool, &err), &err);
}

static void
start(Call *c)
{
    const StoragePoolCreateArgs *in = call_in(c);
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (pool && call_flags_ok(c, in->flags, 0))
        call_end(c, pool_start(pool, &err), &err);
}

static void
destroy(Call *c)
{
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (pool)
        call_end(c, pool_destroy(pool, &err), &err);
}

static void
undefine(Call *c)
{
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (pool)
        call_end(c, pool_undefine(pool, &err), &err);
}

static void
refresh(Call *c)
{
    const StoragePoolRefreshArgs *in = call_in(c);
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (pool && call_flags_ok(c, in->flags, 0))
        call_end(c, pool_refresh(pool, &err), &err);
}

static void
set_autostart(Call *c)
{
    const StoragePoolSetAutostartArgs *in = call_in(c);
    Pool *pool = call_pool(c);
    GError *err = NULL;

    if (pool)
        call_end(c, pool_set_autostart(pool, in->autostart != 0, &err), &err);
}

/* ---- reading a pool */

/* Replies that are one number. */
static void
reply_number(Call *c, gint32 number)
{
    call_reply(c, &number);
}

static void
get_is_active(Call *c)
{
    Pool *pool = call_pool(c);

    if (pool)
        reply_number(c, pool->live != NULL);
}

static void
get_is_persistent(Call *c)
{
    Pool *pool = call_pool(c);

    if (pool)
        reply_number(c, pool->def != NULL);
}

static void
get_autostart(Call *c)
{
    Pool *pool = call_pool(c);

    if (pool)
        reply_number(c, pool->autostart);
}

enum { STATE_INACTIVE = 0, STATE_RUNNING = 2 };

static void
get_info(Call *c)
{
    Pool *pool = call_pool(c);

    if (!pool)
        return;
    StoragePoolGetInfoRet out = { .state = STATE_INACTIVE };
    if (pool->live) {
        out.state = STATE_RUNNING;
        out.capacity = pool->live->capacity;
        out.allocation = pool->live->allocation;
        out.available = pool->live->available;
    }
    call_reply(c, &out);
}

static void
get_xml(Call *c)
{
    const StoragePoolGetXmlDescArgs *in = call_in(c);
    Pool *pool = call_pool(c);

    if (!pool || !call_flags_ok(c, in->flags, POOL_XML_INACTIVE))
        return;
    g_autofree char *xml = pool_xml(pool, in->flags);
    StoragePoolGetXmlDescRet out = { .xml = xml };
    call_reply(c, &out);
}

/* ---- finding and listing volumes */

static void
count_volumes(Call *c)
{
    Pool *pool = call_active_pool(c);

    if (pool)
        reply_number(c, (gint32)pool->volumes->len);
}

static void
name_volumes(Call *c)
{
    const StoragePoolListVolumesArgs *in = call_in(c);
    Pool *pool = call_active_pool(c);

    if (!pool)
        return;
    StoragePoolListVolumesRet out = {
        .names = { .n = (guint32)CLAMP(in->maxnames, 0, (gint)pool->volumes->len) },
    };
    out.names.v = arena_new(call_arena(c), const char *, out.names.n);
    for (guint i = 0; i < out.names.n; i++)
        out.names.v[i] = ((VolumeDef *)pool->volumes->pdata[i])->name;
    call_reply(c, &out);
}

static void
list_all_volumes(Call *c)
{
    const StoragePoolListAllVolumesArgs *in = call_in(c);
    Pool *pool = call_active_pool(c);

    if (!pool || !call_flags_ok(c, in->flags, 0))
        return;
    StoragePoolListAllVolumesRet out = { .ret = pool->volumes->len };
    if (in->need_results) {
        out.vols.n = pool->volumes->len;
        out.vols.v = arena_new(call_arena(c), VolumeRef, out.vols.n);
        for (guint i = 0; i < out.vols.n; i++)
            out.vols.v[i] = volume_ref(pool, pool->volumes->pdata[i]);
    }
    call_reply(c, &out);
}

static void
volume_by_name(Call *c)
{
    const StorageVolLookupByNameArgs *in = call_in(c);
    Pool *pool = call_active_pool(c);
    GError *err = NULL;

    if (!pool)
        return;
    VolumeDef *volume = volume_get_name(pool, in->name, &err);
    reply_volume(c, pool, volume, err);
}

static void
volume_by_key(Call *c)
{
    const StorageVolLookupByKeyArgs *in = call_in(c);
    Pool *pool = NULL;
    GError *err = NULL;
    VolumeDef *volume = volume_get_key(in->key, &pool, &err);

    reply_volume(c, pool, volume, err);
}

static void
volume_by_path(Call *c)
{
    const StorageVolLookupByPathArgs *in = call_in(c);
    Pool *pool = NULL;
    GError *err = NULL;
    VolumeDef *volume = volume_get_path(in->path, &pool, &err);

    reply_volume(c, pool, volume, err);
}

/* ---- reading a volume */

/* What is told of a file is as it is now, not as it was at the last refresh. */
static VolumeDef *
call_volume_now(Call *c)
{
    Pool *pool;
    GError *err = NULL;
    VolumeDef *volume = call_volume(c, &pool);

    if (!volume || volume_refresh(volume, &err))
        return volume;
    call_fail(c, err);
    return NULL;
}

enum { VOLUME_IS_FILE = 0, INFO_PHYSICAL = 1 };

static void
reply_volume_info(Call *c, guint32 flags)
{
    const VolumeDef *volume = call_volume_now(c);

    if (!volume)
        return;
    StorageVolGetInfoRet out = {
        .type = VOLUME_IS_FILE,
        .capacity = volume->capacity,
        .allocation = flags & INFO_PHYSICAL ? volume->physical : volume->allocation,
    };
    call_reply(c, &out);
}

static void
get_volume_info(Call *c)
{
    reply_volume_info(c, 0);
}

static void
get_volume_info_flags(Call *c)
{
    const StorageVolGetInfoFlagsArgs *in = call_in(c);

    if (call_flags_ok(c, in->flags, INFO_PHYSICAL))
        reply_volume_info(c, in->flags);
}

static void
get_volume_xml(Call *c)
{
    const StorageVolGetXmlDescArgs *in = call_in(c);

    if (!call_flags_ok(c, in->flags, 0))
        return;
    const VolumeDef *volume = call_volume_now(c);
    if (!volume)
        return;
    g_autofree char *xml = volume_format(volume);
    StorageVolGetXmlDescRet out = { .xml = xml };
    call_reply(c, &out);
}

static void
get_volume_path(Call *c)
{
    Pool *pool;
    const VolumeDef *volume = call_volume(c, &pool);

    if (!volume)
        return;
    StorageVolGetPathRet out = { .name = volume->path };
    call_reply(c, &out);
}

const Method storage_methods[] = {
    { PROC_STORAGE_POOL_LOOKUP_BY_NAME, pool_by_name },
    { PROC_STORAGE_POOL_LOOKUP_BY_UUID, pool_by_uuid },
    { PROC_STORAGE_POOL_LOOKUP_BY_TARGET_PATH, pool_by_path },
    { PROC_STORAGE_POOL_LOOKUP_BY_VOLUME, pool_by_volume },
    { PROC_CONNECT_LIST_ALL_STORAGE_POOLS, list_all_pools },
    { PROC_CONNECT_NUM_OF_STORAGE_POOLS, count_active },
    { PROC_CONNECT_NUM_OF_DEFINED_STORAGE_POOLS, count_defined },
    { PROC_CONNECT_LIST_STORAGE_POOLS, list_active },
    { PROC_CONNECT_LIST_DEFINED_STORAGE_POOLS, list_defined },
    { PROC_STORAGE_POOL_DEFINE_XML, define },
    { PROC_STORAGE_POOL_CREATE_XML, create_xml },
    { PROC_STORAGE_POOL_BUILD, build },
    { PROC_STORAGE_POOL_CREATE, start },
    { PROC_STORAGE_POOL_DESTROY, destroy },
    { PROC_STORAGE_POOL_UNDEFINE, undefine },
    { PROC_STORAGE_POOL_REFRESH, refresh },
    { PROC_STORAGE_POOL_SET_AUTOSTART, set_autostart },
    { PROC_STORAGE_POOL_GET_AUTOSTART, get_autostart },
    { PROC_STORAGE_POOL_IS_ACTIVE, get_is_active },
    { PROC_STORAGE_POOL_IS_PERSISTENT, get_is_persistent },
    { PROC_STORAGE_POOL_GET_INFO, get_info },
    { PROC_STORAGE_POOL_GET_XML_DESC, get_xml },
    { PROC_STORAGE_POOL_NUM_OF_VOLUMES, count_volumes },
    { PROC_STORAGE_POOL_LIST_VOLUMES, name_volumes },
    { PROC_STORAGE_POOL_LIST_ALL_VOLUMES, list_all_volumes },
    { PROC_STORAGE_VOL_LOOKUP_BY_NAME, volume_by_name },
    { PROC_STORAGE_VOL_LOOKUP_BY_KEY, volume_by_key },
    { PROC_STORAGE_VOL_LOOKUP_BY_PATH, volume_by_path },
    { PROC_STORAGE_VOL_GET_INFO, get_volume_info },
    { PROC_STORAGE_VOL_GET_INFO_FLAGS, get_volume_info_flags },
    { PROC_STORAGE_VOL_GET_XML_DESC, get_volume_xml },
    { PROC_STORAGE_VOL_GET_PATH, get_volume_path },
    { 0 },
};
