/* Disks that are volumes of pools: in the live definition they are the files that those are. */
#include "life.h"

#include <string.h>

#include "storage/storage.h"

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

/* What the image is, nobody guesses: without a format it is raw. */
gboolean
volume_settle_disk(DiskDef *disk, GError **err)
{
    DiskSource *s = &disk->source;
    const VolumeDef *volume;

    if (s->type != SOURCE_VOLUME || !s->volume || !s->volume->volume)
        return TRUE;
    if (!(volume = volume_find(s->volume, err)))
        return FALSE;
    if (volume->type != VOLUME_FILE)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk '%s': volume '%s' of pool '%s' is a folder, not an image", disk->target,
                    s->volume->volume, s->volume->pool);
    g_free(s->path);
    s->path = g_strdup(volume->path);
    g_free(s->volume->pool);
    g_free(s->volume->volume);
    g_clear_pointer(&s->volume, g_free);
    s->type = SOURCE_FILE;
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
