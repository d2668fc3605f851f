/* Storage pools and volumes. All that is read is in memory; what looks at a folder is waited for.
 */
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
reply_pool(Call *c, Pool *pool)
{
    PoolRef out = pool_ref(pool);

    call_reply(c, &out);
}

static void
reply_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    VolumeRef out = volume_ref(pool, volume);

    call_reply(c, &out);
}

/* ---- finding and listing pools: the dispatcher has found the one that is asked for */

static void
pool_of_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    reply_pool(c, pool);
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

static gboolean
passes(gpointer item, guint32 flags)
{
    const Pool *pool = item;
    static const guint32 questions[] = {
        LIST_ACTIVE | LIST_INACTIVE,
        LIST_PERSISTENT | LIST_TRANSIENT,
        LIST_AUTOSTART | LIST_NO_AUTOSTART,
        LIST_KINDS,
    };
    guint32 is = LIST_DIR;

    is |= pool->live ? LIST_ACTIVE : LIST_INACTIVE;
    is |= pool->def || pool->broken ? LIST_PERSISTENT : LIST_TRANSIENT;
    is |= pool->autostart ? LIST_AUTOSTART : LIST_NO_AUTOSTART;
    return list_filter(flags, is, questions, G_N_ELEMENTS(questions));
}

static GPtrArray *
pools_matching(guint32 flags)
{
    return list_keep(pool_list(), passes, flags);
}

static void
list_all_pools(Call *c)
{
    const ConnectListAllStoragePoolsArgs *in = call_in(c);
    ConnectListAllStoragePoolsRet out = { 0 };

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

    call_reply_names(c, all, in->maxnames);
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

/* ---- the life of a pool: calls are answered when the change is done */

enum { DEFINE_VALIDATE = 1 << 0 };

static void
on_pool(Pool *pool, const GError *err, gpointer user)
{
    if (err)
        call_fail(user, g_error_copy(err));
    else
        reply_pool(user, pool);
}

static void
on_done(Pool *pool, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
define(Call *c)
{
    const StoragePoolDefineXmlArgs *in = call_in(c);

    pool_define(in->xml, (in->flags & DEFINE_VALIDATE) != 0, call_asker(c), on_pool, c);
}

static void
create_xml(Call *c)
{
    const StoragePoolCreateXmlArgs *in = call_in(c);

    pool_create(in->xml, in->flags, call_asker(c), on_pool, c);
}

#define CHANGE_METHOD(method, change)                                                              \
    static void method(Call *c, Pool *pool)                                                        \
    {                                                                                              \
        change(pool, call_asker(c), on_done, c);                                                   \
    }
CHANGE_METHOD(delete, pool_delete)
CHANGE_METHOD(destroy, pool_stop)
CHANGE_METHOD(undefine, pool_undefine)
CHANGE_METHOD(refresh, pool_refresh)

static void
build(Call *c, Pool *pool)
{
    const StoragePoolBuildArgs *in = call_in(c);

    pool_build(pool, in->flags, call_asker(c), on_done, c);
}

static void
start(Call *c, Pool *pool)
{
    const StoragePoolCreateArgs *in = call_in(c);

    pool_start_with(pool, in->flags, call_asker(c), on_done, c);
}

static void
set_autostart(Call *c, Pool *pool)
{
    const StoragePoolSetAutostartArgs *in = call_in(c);

    pool_set_autostart(pool, in->autostart != 0, call_asker(c), on_done, c);
}

/* ---- reading a pool */

/* Replies that are one number. */
static void
reply_number(Call *c, gint32 number)
{
    call_reply(c, &number);
}

static void
get_is_active(Call *c, Pool *pool)
{
    reply_number(c, pool->live != NULL);
}

static void
get_is_persistent(Call *c, Pool *pool)
{
    reply_number(c, pool->def || pool->broken);
}

static void
get_autostart(Call *c, Pool *pool)
{
    reply_number(c, pool->autostart);
}

static void
get_info(Call *c, Pool *pool)
{
    StoragePoolGetInfoRet out = { .state = (guint8)pool_state(pool) };
    if (pool->live) {
        out.capacity = pool->live->capacity;
        out.allocation = pool->live->allocation;
        out.available = pool->live->available;
    }
    call_reply(c, &out);
}

static void
get_xml(Call *c, Pool *pool)
{
    const StoragePoolGetXmlDescArgs *in = call_in(c);

    GError *err = NULL;

    g_autofree char *xml = pool_xml(pool, in->flags, &err);
    StoragePoolGetXmlDescRet out = { .xml = xml };
    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

/* ---- listing volumes */

static void
count_volumes(Call *c, Pool *pool)
{
    reply_number(c, (gint32)pool->volumes->list->len);
}

static void
name_volumes(Call *c, Pool *pool)
{
    const StoragePoolListVolumesArgs *in = call_in(c);

    StoragePoolListVolumesRet out = {
        .names = { .n = (guint32)CLAMP(in->maxnames, 0, (gint)pool->volumes->list->len) },
    };
    out.names.v = arena_new(call_arena(c), const char *, out.names.n);
    for (guint i = 0; i < out.names.n; i++)
        out.names.v[i] = ((VolumeDef *)pool->volumes->list->pdata[i])->name;
    call_reply(c, &out);
}

static void
list_all_volumes(Call *c, Pool *pool)
{
    const StoragePoolListAllVolumesArgs *in = call_in(c);

    StoragePoolListAllVolumesRet out = { .ret = pool->volumes->list->len };
    if (in->need_results) {
        out.vols.n = pool->volumes->list->len;
        out.vols.v = arena_new(call_arena(c), VolumeRef, out.vols.n);
        for (guint i = 0; i < out.vols.n; i++)
            out.vols.v[i] = volume_ref(pool, pool->volumes->list->pdata[i]);
    }
    call_reply(c, &out);
}

/* ---- reading a volume */

/* Sizes of a volume are those of the file now, not of the last refresh. */

enum { INFO_PHYSICAL = 1 };

static void
reply_volume_info(Call *c, const VolumeDef *volume, guint32 flags)
{
    StorageVolGetInfoRet out = {
        .type = volume->type - 1,
        .capacity = volume->capacity,
        .allocation = flags & INFO_PHYSICAL ? volume->physical : volume->allocation,
    };

    call_reply(c, &out);
}

static void
on_volume_info(const VolumeDef *volume, const GError *err, gpointer user)
{
    if (err)
        call_fail(user, g_error_copy(err));
    else
        reply_volume_info(user, volume, 0);
}

static void
get_volume_info(Call *c, Pool *pool, VolumeDef *volume)
{
    volume_look(pool, volume, on_volume_info, c);
}

static void
on_volume_info_flags(const VolumeDef *volume, const GError *err, gpointer user)
{
    const StorageVolGetInfoFlagsArgs *in = call_in(user);

    if (err)
        call_fail(user, g_error_copy(err));
    else
        reply_volume_info(user, volume, in->flags);
}

static void
get_volume_info_flags(Call *c, Pool *pool, VolumeDef *volume)
{
    volume_look(pool, volume, on_volume_info_flags, c);
}

static void
on_volume_xml(const VolumeDef *volume, const GError *err, gpointer user)
{
    if (err) {
        call_fail(user, g_error_copy(err));
        return;
    }
    g_autofree char *xml = volume_format(volume);
    StorageVolGetXmlDescRet out = { .xml = xml };
    call_reply((Call *)user, &out);
}

static void
get_volume_xml(Call *c, Pool *pool, VolumeDef *volume)
{
    volume_look(pool, volume, on_volume_xml, c);
}

static void
get_volume_path(Call *c, Pool *pool, VolumeDef *volume)
{
    StorageVolGetPathRet out = { .name = volume->path };

    call_reply(c, &out);
}

/* ---- making and changing volumes */

static void
on_volume(Pool *pool, const VolumeDef *volume, const GError *err, gpointer user)
{
    VolumeRef out;

    if (err) {
        call_fail(user, g_error_copy(err));
        return;
    }
    out = volume_ref(pool, volume);
    call_reply((Call *)user, &out);
}

static void
on_volume_done(Pool *pool, const VolumeDef *volume, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
create_volume(Call *c, Pool *pool)
{
    const StorageVolCreateXmlArgs *in = call_in(c);

    volume_create(pool, in->xml, in->flags, call_who(c), on_volume, c);
}

static void
create_volume_from(Call *c, Pool *pool)
{
    const StorageVolCreateXmlFromArgs *in = call_in(c);
    GError *err = NULL;
    Pool *source_pool = pool_get_name(in->clonevol.pool, &err);
    const VolumeDef *source = NULL;

    if (source_pool && pool_needs_active(source_pool, &err))
        source = volume_get_name(source_pool, in->clonevol.name, &err);
    if (source)
        volume_create_from(pool, in->xml, source_pool, source, in->flags, call_who(c), on_volume,
                           c);
    else
        call_fail(c, err);
}

static void
delete_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    volume_delete(pool, volume, call_who(c), on_volume_done, c);
}

static void
resize_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    const StorageVolResizeArgs *in = call_in(c);

    volume_resize(pool, volume, in->capacity, in->flags, call_who(c), on_volume_done, c);
}

static void
wipe_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    volume_wipe(pool, volume, 0, call_who(c), on_volume_done, c);
}

static void
wipe_volume_by_pattern(Call *c, Pool *pool, VolumeDef *volume)
{
    const StorageVolWipePatternArgs *in = call_in(c);

    volume_wipe(pool, volume, in->algorithm, call_who(c), on_volume_done, c);
}

/* ---- what is in a volume */

enum { SPARSE = 1 << 0 };

static void
on_stream_over(gpointer use)
{
    volume_close(use);
}

static void
look_at_stream(gpointer stream, TaskProgress *ret)
{
    file_stream_look(stream, &ret->done, &ret->total);
}

static void
abort_stream(gpointer stream, const GError *why)
{
    file_stream_abort(stream, why);
}

static void
serve_file(Call *c, int fd, VolumeUse *use, const GError *err, FileStreamSpec spec)
{
    VolumeMove move = { look_at_stream, abort_stream, NULL };

    if (err) {
        call_fail_from(c, FROM_STREAMS, g_error_copy(err));
        return;
    }
    spec.fd = fd;
    move.user = call_stream_file(c, &spec, on_stream_over, use);
    if (move.user)
        volume_moves(use, &move);
    call_reply_none(c);
}

static void
on_upload(int fd, VolumeUse *use, const GError *err, gpointer user)
{
    const StorageVolUploadArgs *in = call_in(user);

    serve_file(user, fd, use, err,
               (FileStreamSpec){ .offset = in->offset,
                                 .length = in->length,
                                 .sparse = (in->flags & SPARSE) != 0 });
}

static void
on_download(int fd, VolumeUse *use, const GError *err, gpointer user)
{
    const StorageVolDownloadArgs *in = call_in(user);

    serve_file(user, fd, use, err,
               (FileStreamSpec){ .offset = in->offset,
                                 .length = in->length,
                                 .sparse = (in->flags & SPARSE) != 0,
                                 .size = use ? volume_use_size(use) : 0 });
}

static gboolean
range_check(guint64 offset, guint64 length, GError **err)
{
    return (offset <= G_MAXINT64 && length <= G_MAXINT64) ||
           fail(err, ERR_OVERFLOW, "offset or length is larger than a file can be");
}

static void
upload_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    const StorageVolUploadArgs *in = call_in(c);
    GError *err = NULL;

    if (range_check(in->offset, in->length, &err))
        volume_open(pool, volume, TRUE, call_who(c), on_upload, c);
    else
        call_fail(c, err);
}

static void
download_volume(Call *c, Pool *pool, VolumeDef *volume)
{
    const StorageVolDownloadArgs *in = call_in(c);
    GError *err = NULL;

    if (range_check(in->offset, in->length, &err))
        volume_open(pool, volume, FALSE, call_who(c), on_download, c);
    else
        call_fail(c, err);
}

/* ---- kinds of pools */

static void
get_capabilities(Call *c)
{
    g_autofree char *xml = storage_capabilities();
    ConnectGetStoragePoolCapabilitiesRet out = { .capabilities = xml };

    call_reply(c, &out);
}

static void
on_sources(const char *xml, const GError *err, gpointer user)
{
    ConnectFindStoragePoolSourcesRet out = { .xml = xml };

    if (err)
        call_fail_from(user, FROM_STORAGE, g_error_copy(err));
    else
        call_reply(user, &out);
}

static void
find_sources(Call *c)
{
    const ConnectFindStoragePoolSourcesArgs *in = call_in(c);

    storage_find_sources(in->type, on_sources, c);
}

const Method storage_methods[] = {
    { ON_NONE(CONNECT_GET_STORAGE_POOL_CAPABILITIES, get_capabilities), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_FIND_STORAGE_POOL_SOURCES, find_sources), MAY(CONNECT_DETECT_STORAGE_POOLS) },
    { ON_POOL_BY(name, STORAGE_POOL_LOOKUP_BY_NAME, reply_pool), MAY(POOL_GETATTR) },
    { ON_POOL_BY(uuid, STORAGE_POOL_LOOKUP_BY_UUID, reply_pool), MAY(POOL_GETATTR) },
    { ON_POOL_BY(path, STORAGE_POOL_LOOKUP_BY_TARGET_PATH, reply_pool), MAY(POOL_GETATTR) },
    { ON_VOLUME(STORAGE_POOL_LOOKUP_BY_VOLUME, pool_of_volume), MAY(POOL_GETATTR) },
    { ON_NONE(CONNECT_LIST_ALL_STORAGE_POOLS, list_all_pools), FLAGS(LIST_FLAGS),
      MAY(CONNECT_SEARCH_STORAGE_POOLS) },
    { ON_NONE(CONNECT_NUM_OF_STORAGE_POOLS, count_active), MAY(CONNECT_SEARCH_STORAGE_POOLS) },
    { ON_NONE(CONNECT_NUM_OF_DEFINED_STORAGE_POOLS, count_defined),
      MAY(CONNECT_SEARCH_STORAGE_POOLS) },
    { ON_NONE(CONNECT_LIST_STORAGE_POOLS, list_active), MAY(CONNECT_SEARCH_STORAGE_POOLS) },
    { ON_NONE(CONNECT_LIST_DEFINED_STORAGE_POOLS, list_defined),
      MAY(CONNECT_SEARCH_STORAGE_POOLS) },
    { ON_NONE(STORAGE_POOL_DEFINE_XML, define), FLAGS(DEFINE_VALIDATE),
      MAY_BOTH(POOL_WRITE, POOL_SAVE) },
    { ON_NONE(STORAGE_POOL_CREATE_XML, create_xml), FLAGS(CREATE_BUILDS | CREATE_VALIDATE),
      MAY_BOTH(POOL_START, POOL_WRITE) },
    { ON_POOL(STORAGE_POOL_BUILD, build), FLAGS(BUILD_NO_OVERWRITE | BUILD_OVERWRITE),
      MAY(POOL_FORMAT) },
    { ON_POOL(STORAGE_POOL_DELETE, delete), MAY(POOL_FORMAT) },
    { ON_POOL(STORAGE_POOL_CREATE, start), FLAGS(CREATE_BUILDS), MAY(POOL_START) },
    { ON_POOL(STORAGE_POOL_DESTROY, destroy), MAY(POOL_STOP) },
    { ON_POOL(STORAGE_POOL_UNDEFINE, undefine), MAY(POOL_DELETE) },
    { ON_POOL(STORAGE_POOL_REFRESH, refresh), MAY(POOL_REFRESH) },
    { ON_POOL(STORAGE_POOL_SET_AUTOSTART, set_autostart), MAY(POOL_WRITE) },
    { ON_POOL(STORAGE_POOL_GET_AUTOSTART, get_autostart), MAY(POOL_READ) },
    { ON_POOL(STORAGE_POOL_IS_ACTIVE, get_is_active), MAY(POOL_READ) },
    { ON_POOL(STORAGE_POOL_IS_PERSISTENT, get_is_persistent), MAY(POOL_READ) },
    { ON_POOL(STORAGE_POOL_GET_INFO, get_info), MAY(POOL_READ) },
    { ON_POOL(STORAGE_POOL_GET_XML_DESC, get_xml), FLAGS(POOL_XML_INACTIVE), MAY(POOL_READ) },
    { ON_ACTIVE_POOL(STORAGE_POOL_NUM_OF_VOLUMES, count_volumes), MAY(POOL_SEARCH_VOLUMES) },
    { ON_ACTIVE_POOL(STORAGE_POOL_LIST_VOLUMES, name_volumes), MAY(POOL_SEARCH_VOLUMES) },
    { ON_ACTIVE_POOL(STORAGE_POOL_LIST_ALL_VOLUMES, list_all_volumes), MAY(POOL_SEARCH_VOLUMES) },
    { ON_VOLUME_BY(name, STORAGE_VOL_LOOKUP_BY_NAME, reply_volume), MAY(VOLUME_GETATTR) },
    { ON_VOLUME_BY(key, STORAGE_VOL_LOOKUP_BY_KEY, reply_volume), MAY(VOLUME_GETATTR) },
    { ON_VOLUME_BY(path, STORAGE_VOL_LOOKUP_BY_PATH, reply_volume), MAY(VOLUME_GETATTR) },
    { ON_VOLUME(STORAGE_VOL_GET_INFO, get_volume_info), MAY(VOLUME_READ) },
    { ON_VOLUME(STORAGE_VOL_GET_INFO_FLAGS, get_volume_info_flags), FLAGS(INFO_PHYSICAL),
      MAY(VOLUME_READ) },
    { ON_VOLUME(STORAGE_VOL_GET_XML_DESC, get_volume_xml), MAY(VOLUME_READ) },
    { ON_VOLUME(STORAGE_VOL_GET_PATH, get_volume_path), MAY(VOLUME_READ) },
    { ON_ACTIVE_POOL(STORAGE_VOL_CREATE_XML, create_volume),
      FLAGS(VOLUME_PREALLOCATE | VOLUME_VALIDATE), MAY(VOLUME_CREATE) },
    { ON_ACTIVE_POOL(STORAGE_VOL_CREATE_XML_FROM, create_volume_from),
      FLAGS(VOLUME_PREALLOCATE | VOLUME_REFLINK | VOLUME_VALIDATE), MAY(VOLUME_CREATE) },
    { ON_VOLUME(STORAGE_VOL_DELETE, delete_volume), MAY(VOLUME_DELETE) },
    { ON_VOLUME(STORAGE_VOL_RESIZE, resize_volume),
      FLAGS(RESIZE_ALLOCATE | RESIZE_DELTA | RESIZE_SHRINK), MAY(VOLUME_RESIZE) },
    { ON_VOLUME(STORAGE_VOL_UPLOAD, upload_volume), FLAGS(SPARSE), MAY(VOLUME_DATA_WRITE) },
    { ON_VOLUME(STORAGE_VOL_DOWNLOAD, download_volume), FLAGS(SPARSE), MAY(VOLUME_DATA_READ) },
    { ON_VOLUME(STORAGE_VOL_WIPE, wipe_volume), MAY(VOLUME_FORMAT) },
    { ON_VOLUME(STORAGE_VOL_WIPE_PATTERN, wipe_volume_by_pattern), MAY(VOLUME_FORMAT) },
    { 0 },
};
