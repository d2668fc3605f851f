/* Changes of existing volumes: delete, resize, wipe. A volume that somebody uses is refused. */
#include "backend.h"

#include <errno.h>
#include <string.h>

/* ---- shared */

/* And nobody else's from now on. */
gboolean
volume_is_there(Task *t, VolumeChange *c, GError **err)
{
    const VolumeDef *v;

    if (!pool_needs_active(c->pool, err) || !(v = volume_get_name(c->pool, c->def->name, err)) ||
        !volume_hold(t, c->pool, v->name, FALSE, err))
        return FALSE;
    volume_free(c->def);
    c->def = volume_copy(v);
    return TRUE;
}

static StepResult
change_look(Flow *f, gpointer obj, GError **err)
{
    return volume_is_there(obj, flow_user(f), err) ? volume_errand(f, obj, work_look_at)
                                                   : STEP_FAILED;
}

static StepResult
change_claim(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    return step_of(volume_claim(obj, c->def->path, c->mark, FALSE, err));
}

static void
on_changed(gpointer task, const GError *err, gpointer user)
{
    if (!err)
        volume_known(user);
    volume_change_over(user, err);
}

static void
look(gpointer user, TaskProgress *ret)
{
    volume_progress(user, ret);
}

static StepResult
change_measure(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_measure);
}

/* ---- delete */

StepResult
volume_look_at_it(Flow *f, gpointer obj, GError **err)
{
    return volume_is_there(obj, flow_user(f), err) ? volume_errand(f, obj, work_look_at_any)
                                                   : STEP_FAILED;
}

static StepResult
delete_remove(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_remove);
}

/* A volume whose file is gone already counts as deleted. The removal is the last row, because it
 * cannot be undone. */
static const Step delete_steps[] = {
    { "look at volume", volume_look_at_it, NULL },
    { "take image", volume_claim_found, NULL },
    { "remove volume", delete_remove, NULL },
    { 0 },
};
const FlowTable volume_delete_table = { "volume-delete", delete_steps, .for_good = TRUE };

/* As good as known until the next refresh. */
static void
device_is_free(PoolDef *def, guint64 bytes)
{
    bytes = MIN(bytes, def->allocation);
    def->allocation -= bytes;
    def->available += bytes;
}

static void
on_deleted(gpointer task, const GError *err, gpointer user)
{
    VolumeChange *c = user;
    Pool *pool = c->pool;

    if (!err && pool->live && pool->run == c->run) {
        volumes_cut(pool->volumes, c->def->name);
        pool_touched(pool, c->def->name);
        if (c->found && c->found->space.capacity)
            space_take(pool->live, &c->found->space);
        else if (c->def->devices) /* a thin one had nothing of it */
            device_is_free(pool->live, c->def->allocation);
    }
    volume_change_over(c, err);
}

const TaskKind delete_kind = { "delete", "bytes", &volume_delete_table, .holds = TRUE };

void
volume_delete(Pool *pool, const VolumeDef *volume, const TaskOwner *who, VolumeDone done,
              gpointer user)
{
    volume_change_run(volume_kinds(pool)->remove, who, on_deleted,
                      volume_change_new(pool, volume_copy(volume), 0, done, user));
}

/* ---- resize */

#define SECTOR 512

static gboolean
is_file(const VolumeDef *def)
{
    return g_strcmp0(def->format, "raw") == 0 || g_strcmp0(def->format, "iso") == 0;
}

/* What is asked, in bytes. */
gboolean
volume_wanted_size(VolumeChange *c, GError **err)
{
    guint64 now = c->def->capacity, by = c->size;

    if (!(c->flags & RESIZE_DELTA))
        return TRUE;
    if (c->flags & RESIZE_SHRINK)
        c->size = by < now ? now - by : 0;
    else if (by > G_MAXUINT64 - now)
        return fail(err, ERR_OVERFLOW, "volume '%s' cannot be so large", c->def->name);
    else
        c->size = now + by;
    return TRUE;
}

/* An allocation that is counted in blocks may be more than the size of the file. */
static gboolean
size_check(const Pool *pool, const VolumeChange *c, GError **err)
{
    const VolumeDef *def = c->def;

    if (c->size < MIN(def->allocation, is_file(def) ? def->capacity : def->allocation))
        return fail(err, ERR_INVALID_ARG,
                    "can't shrink capacity of volume '%s' below existing allocation", def->name);
    if (c->size < def->capacity && !(c->flags & RESIZE_SHRINK))
        return fail(err, ERR_INVALID_ARG,
                    "Can't shrink capacity of volume '%s' below current capacity unless shrink "
                    "flag explicitly specified",
                    def->name);
    if (c->flags & RESIZE_ALLOCATE && c->size > def->capacity &&
        c->size - def->capacity > pool->live->available)
        return fail(err, ERR_OPERATION_FAILED,
                    "Not enough space left in storage pool '%s': %" G_GUINT64_FORMAT
                    " bytes more are wanted, %" G_GUINT64_FORMAT " are free",
                    pool->obj.name, c->size - def->capacity, pool->live->available);
    if (c->flags & RESIZE_ALLOCATE && !is_file(def))
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "preallocate is only supported for raw type volume");
    return TRUE;
}

static StepResult
resize_check(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    if (c->def->encryption)
        return step_of(fail(err, ERR_OPERATION_UNSUPPORTED,
                            "volume '%s' is encrypted: such an image cannot be resized yet",
                            c->def->path));
    return step_of(volume_wanted_size(c, err) && size_check(c->pool, c, err));
}

static char *
number_text(guint64 n)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, n);
}

static StepResult
resize_file(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *dev = number_text(c->mark.dev), *ino = number_text(c->mark.ino);
    g_autofree char *size = number_text(c->def->physical);

    if (!is_file(c->def))
        return STEP_DONE;
    return flow_note(f, c->def->path, WORDS(dev, ino, size), err)
               ? volume_errand(f, obj, work_set_size)
               : STEP_FAILED;
}

static StepResult
resize_file_back(Flow *f, gpointer obj)
{
    VolumeWork *w;

    if (!flow_word(f, 2))
        return STEP_DONE;
    volume_stop(f);
    w = volume_undo_work(flow_key(f), NULL);
    w->mark.dev = g_ascii_strtoull(flow_word(f, 0), NULL, 10);
    w->mark.ino = g_ascii_strtoull(flow_word(f, 1), NULL, 10);
    w->old_size = g_ascii_strtoull(flow_word(f, 2), NULL, 10);
    return volume_undo_errand(f, obj, work_set_size_back, w);
}

/* qemu-img writes the new size last: if it is ended early, nothing that counts has changed. */
static StepResult
resize_image(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *size = number_text((c->size + SECTOR - 1) / SECTOR * SECTOR);
    GPtrArray *argv;

    if (is_file(c->def))
        return STEP_DONE;
    argv = tool_words("qemu-img", "resize", "-q", "-f", c->def->format, NULL);
    if (c->size < c->def->capacity)
        tool_add(argv, "--shrink");
    tool_add(argv, c->def->path);
    tool_add(argv, size);
    return tool_run(f, c, argv, err);
}

static const Step resize_steps[] = {
    { "look at volume", change_look, NULL },
    { "may be resized", resize_check, NULL },
    { "take image", change_claim, NULL },
    { "resize file", resize_file, resize_file_back, STEP_KEYED },
    { "resize image", resize_image, tool_stop },
    { "look again", change_measure, NULL },
    { 0 },
};
const FlowTable volume_resize_table = { "volume-resize", resize_steps, .for_good = TRUE };

const TaskKind resize_kind = { "resize", "bytes", &volume_resize_table, .holds = TRUE,
                               .look = look };

void
volume_resize(Pool *pool, const VolumeDef *volume, guint64 size, guint32 flags,
              const TaskOwner *who, VolumeDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    VolumeChange *c;

    if (size == 0 && !(flags & (RESIZE_DELTA | RESIZE_SHRINK))) {
        fail(&err, ERR_INVALID_ARG,
             "the capacity of volume '%s' cannot be zero without 'delta' or 'shrink'",
             volume->name);
        done(pool, NULL, err, user);
        return;
    }
    c = volume_change_new(pool, volume_copy(volume), flags, done, user);
    c->size = size;
    volume_change_run(volume_kinds(pool)->resize, who, on_changed, c);
}

/* ---- wipe */

enum { WIPE_ZERO, WIPE_RANDOM = 8, WIPE_TRIM };

/* Of scrub, by the number of the protocol. */
static const char *const patterns[] = { NULL,       "nnsa",      "dod",        "bsi",   "gutmann",
                                        "schneier", "pfitzner7", "pfitzner33", "random" };

static StepResult
wipe_check(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    if (c->algorithm == WIPE_TRIM)
        return step_of(fail(err, ERR_ARG_UNSUPPORTED, "'trim' algorithm not supported"));
    if (g_strcmp0(c->def->format, "extended") == 0)
        return step_of(fail(err, ERR_NO_SUPPORT,
                            "volume '%s' is an extended partition: it has nothing but the places "
                            "of others in it",
                            c->def->path));
    if (c->def->type == VOLUME_BLOCK && c->def->allocation < c->def->capacity)
        return step_of(fail(err, ERR_NO_SUPPORT,
                            "volume '%s' is sparse: overwriting it would fill its pool",
                            c->def->path));
    if (c->algorithm > WIPE_TRIM)
        return step_of(
            fail(err, ERR_INVALID_ARG, "wiping algorithm %d not supported", (int)c->algorithm));
    return step_of(volume_is_there(obj, flow_user(f), err));
}

static StepResult
wipe_look(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_look_at);
}

static StepResult
wipe_is_file(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    if (c->def->type == VOLUME_FOLDER)
        return step_of(
            fail_errno(err, EISDIR, "Failed to open storage volume with path '%s'", c->def->path));
    return change_claim(f, obj, err);
}

/* A wipe cannot be undone; one that is ended early is half done. */
static StepResult
wipe_write(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    if (c->algorithm == WIPE_ZERO)
        return volume_errand(f, obj, work_zero);
    return tool_run(
        f, c, tool_words("scrub", "-f", "-p", patterns[c->algorithm], c->def->path, NULL), err);
}

static const Step wipe_steps[] = {
    { "may be wiped", wipe_check, NULL },   { "look at volume", wipe_look, NULL },
    { "take image", wipe_is_file, NULL },   { "overwrite", wipe_write, tool_stop },
    { "look again", change_measure, NULL }, { 0 },
};
const FlowTable volume_wipe_table = { "volume-wipe", wipe_steps, .for_good = TRUE };

const TaskKind wipe_kind = { "wipe", "bytes", &volume_wipe_table, .holds = TRUE, .look = look };

void
volume_wipe(Pool *pool, const VolumeDef *volume, guint32 algorithm, const TaskOwner *who,
            VolumeDone done, gpointer user)
{
    VolumeChange *c = volume_change_new(pool, volume_copy(volume), 0, done, user);

    c->algorithm = algorithm;
    volume_change_run(&wipe_kind, who, on_changed, c);
}
