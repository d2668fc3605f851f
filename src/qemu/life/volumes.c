/* Disks that are volumes of pools: a start finds what they are, and the live definition keeps it
 * beside their names, for QEMU and for the next daemon.
 */
#include "life.h"

#include <string.h>

#include "storage/storage.h"

/* ---- pools that start when a guest needs them */

static gboolean
is_volume(const DiskDef *disk)
{
    const DiskSource *s = &disk->source;

    return s->type == SOURCE_VOLUME && s->volume && s->volume->volume;
}

typedef struct Wake {
    Pool *pool;
    FlowToken token;
} Wake;

/* Somebody else may have started the pool meanwhile. */
static void
on_awake(Pool *pool, const GError *err, gpointer user)
{
    g_autofree Wake *w = user;

    flow_wake(w->token, w->pool->live ? NULL : err);
    object_unref(w->pool);
}

static gboolean
wake(Flow *f, const Vm *vm, const DiskDef *disk)
{
    g_autofree char *who = g_strdup_printf("domain '%s'", vm->obj.name);
    Pool *pool = is_volume(disk) ? pool_get_name(disk->source.volume->pool, NULL) : NULL;
    Wake *w;

    if (!pool || pool->live || !pool->autostart || !pool->def)
        return FALSE;
    w = g_new(Wake, 1);
    *w = (Wake){ object_ref(pool), flow_wait_again(f) };
    log_info("domain '%s' needs storage pool '%s', which is marked for autostart", vm->obj.name,
             pool->obj.name);
    pool_start(pool, who, on_awake, w);
    return TRUE;
}

StepResult
volumes_wake_pools(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;

    EACH (DiskDef, disk, vm->run->live->devices.disks)
        if (wake(f, vm, disk))
            return STEP_WAIT;
    return STEP_DONE;
}

StepResult
device_wake_pool(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const Device *own = c ? device_own(c) : NULL;

    if (!own || own->schema != &disk_schema || !wake(f, obj, own->def))
        return STEP_DONE;
    ((Edit *)flow_user(f))->waited = TRUE;
    return STEP_WAIT;
}

/* ---- what a volume is */

static const VolumeDef *
volume_find(const VolumeSource *v, GError **err)
{
    Pool *pool = pool_get_name(v->pool, err);

    if (!pool)
        return NULL;
    if (!pool->live) {
        fail(err, ERR_CONFIG_UNSUPPORTED,
             "storage pool '%s' containing volume '%s' is not active; start it first", v->pool,
             v->volume);
        return NULL;
    }
    if (v->mode) {
        fail(err, ERR_XML, "disk source mode is only valid when storage pool is of iscsi type");
        return NULL;
    }
    return volume_get_name(pool, v->volume, err);
}

/* The format of an image is never guessed: without one it is raw. */
gboolean
volume_settle_disk(DiskDef *disk, GError **err)
{
    static const int kinds[] = { [VOLUME_FILE] = SOURCE_FILE, [VOLUME_BLOCK] = SOURCE_BLOCK };
    DiskSource *s = &disk->source;
    const VolumeDef *volume;
    int kind;

    if (!is_volume(disk))
        return TRUE;
    if (!(volume = volume_find(s->volume, err)))
        return FALSE;
    kind = volume->type < (int)G_N_ELEMENTS(kinds) ? kinds[volume->type] : SOURCE_NONE;
    if (!kind)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk '%s': volume '%s' of pool '%s' is a folder, not an image", disk->target,
                    s->volume->volume, s->volume->pool);
    if (disk->device == DISK_LUN && kind != SOURCE_BLOCK)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk '%s': device 'lun' needs a block device, and volume '%s' of pool '%s' is "
                    "a file",
                    disk->target, s->volume->volume, s->volume->pool);
    g_free(s->path);
    s->path = g_strdup(volume->path);
    s->volume->kind = kind;
    if (!disk->driver.format)
        disk->driver.format = FORMAT_RAW;
    return TRUE;
}

gboolean
volumes_settle(DomainDef *live, GError **err)
{
    GPtrArray *disks = live->devices.disks;

    for (guint i = 0; disks && i < disks->len; i++)
        if (!volume_settle_disk(disks->pdata[i], err))
            return FALSE;
    return TRUE;
}
