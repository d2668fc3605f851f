/* What all changes of volumes share: the job, the worker's way there and back, claims. */
#include "volume_priv.h"

#include <string.h>

VolumeChange *
volume_change_new(VolumeDef *def, guint32 flags, VolumeDone done, gpointer user)
{
    VolumeChange *c = g_new0(VolumeChange, 1);

    *c = (VolumeChange){ .def = def, .flags = flags, .key = -1, .done = done, .user = user };
    c->stop = g_atomic_rc_box_new0(gint);
    return c;
}

static void
volume_change_free(VolumeChange *c)
{
    volume_free(c->def);
    volume_free(c->source);
    object_unref(c->source_pool);
    volume_work_free(c->found);
    g_atomic_rc_box_release(c->stop);
    secret_file_wipe(&c->key);
    g_free(c->folder);
    g_free(c->image);
    g_free(c);
}

void
volume_change_submit(Pool *pool, const char *what, const char *who, const FlowTable *table,
                     FlowDone done, VolumeChange *c)
{
    const JobSpec spec = { .kind = JOB_CHANGE, .what = what, .owner = who, .user = c };

    object_run(pool, &spec, table, done);
}

void
volume_change_over(VolumeChange *c, Pool *pool, const GError *err)
{
    if (pool->changing == c) {
        claims_drop(OWNER(pool));
        pool->changing = NULL;
    }
    c->done(pool, err ? NULL : c->def, err, c->user);
    volume_change_free(c);
}

VolumeChange *
volume_change_of(const Pool *pool)
{
    return pool->changing;
}

/* ---- errands */

static VolumeWork *
work_new(const VolumeChange *c)
{
    VolumeWork *w = g_new0(VolumeWork, 1);

    w->stop = g_atomic_rc_box_acquire(c->stop);
    w->def = volume_copy(c->def);
    w->folder = g_strdup(c->folder);
    w->mark = c->mark;
    w->source = c->source ? volume_copy(c->source) : NULL;
    w->reflink = (c->flags & VOLUME_REFLINK) != 0;
    w->size = c->size;
    w->allocate = (c->flags & RESIZE_ALLOCATE) != 0;
    return w;
}

VolumeWork *
volume_undo_work(const char *path, const char *folder)
{
    VolumeWork *w = g_new0(VolumeWork, 1);

    w->def = schema_new(&volume_def_schema);
    w->def->path = g_strdup(path);
    w->def->name = g_path_get_basename(path);
    w->folder = g_strdup(folder);
    return w;
}

/* Images below another one may lie in these alone. */
static char **
active_folders(void)
{
    g_autoptr(GPtrArray) all = pool_list();
    GPtrArray *folders = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++) {
        const Pool *pool = all->pdata[i];
        if (pool->live && pool->live->path)
            g_ptr_array_add(folders, g_strdup(pool->live->path));
    }
    g_ptr_array_add(folders, NULL);
    return (char **)g_ptr_array_free(folders, FALSE);
}

typedef struct Ticket {
    VolumeChange *change; /* gone when it comes too late */
    ErrandWork regret;
} Ticket;

static void
take_found(VolumeChange *c, VolumeWork *w)
{
    volume_work_free(c->found);
    c->found = w;
    c->mark = w->mark;
    if (w->def) {
        volume_free(c->def);
        c->def = g_steal_pointer(&w->def);
    }
    if (w->image) {
        g_free(c->image);
        c->image = g_strdup(w->image);
        c->image_size = w->image_size;
    }
}

static void
on_regretted(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    volume_work_free(out);
    if (err)
        log_warning("storage pool '%s': %s", pool->obj.name, err->message);
}

static void
on_back(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    g_autofree Ticket *t = user;
    ErrandSpec spec = { .work = t->regret, .in = out, .back = on_regretted };

    if (wanted && out)
        take_found(t->change, out);
    else if (out && t->regret)
        errand_send(pool, &spec);
    else
        volume_work_free(out);
}

StepResult
volume_errand_or(Flow *f, Pool *pool, ErrandWork work, ErrandWork regret)
{
    VolumeChange *c = flow_user(f);
    VolumeWork *w = work_new(c);
    ErrandSpec spec = { .work = work, .in = w, .back = on_back, .token = flow_wait(f) };
    Ticket *t = g_new(Ticket, 1);

    if (work == work_look_at_source)
        w->folders = active_folders();
    *t = (Ticket){ c, regret };
    spec.user = t;
    errand_send(pool, &spec);
    return STEP_WAIT;
}

StepResult
volume_errand(Flow *f, Pool *pool, ErrandWork work)
{
    return volume_errand_or(f, pool, work, NULL);
}

static void
on_undone(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    volume_work_free(out);
}

StepResult
volume_undo_errand(Flow *f, Pool *pool, ErrandWork work, VolumeWork *in)
{
    const ErrandSpec spec = { .work = work, .in = in, .back = on_undone, .token = flow_wait(f) };

    errand_send(pool, &spec);
    return STEP_WAIT;
}

void
volume_stop(Pool *pool)
{
    if (pool->changing)
        g_atomic_int_set(pool->changing->stop, 1);
}

/* ---- claims */

gboolean
volume_claim(Pool *pool, const char *path, FileMark mark, gboolean reads, GError **err)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT, mark.dev,
                                           mark.ino);
    const Claim *other = claim_find(CLAIM_IMAGE, key);
    const Claim claim = {
        .kind = CLAIM_IMAGE, .key = key, .label = (char *)path, .reads = reads, .owner = OWNER(pool)
    };
    g_autofree char *holder = other ? owner_text(other->owner) : NULL;

    return claim_take(&claim, NULL) ||
           fail(err, ERR_OPERATION_INVALID, "volume '%s' is in use by %s", path,
                holder ? holder : "somebody");
}

void
volume_known(Pool *pool, VolumeChange *c)
{
    if (!pool->live || !pool->volumes)
        return;
    volumes_put(pool->volumes, volume_copy(c->def));
    if (c->found && c->found->space.capacity)
        space_take(pool->live, &c->found->space);
}
