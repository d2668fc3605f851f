/* What all changes of volumes share: the task, the worker's way there and back, claims. */
#include "volume_priv.h"

#include <string.h>

VolumeChange *
volume_change_new(Pool *pool, VolumeDef *def, guint32 flags, VolumeDone done, gpointer user)
{
    VolumeChange *c = g_new0(VolumeChange, 1);

    *c = (VolumeChange){ .pool = object_ref(pool),
                         .run = pool->run,
                         .def = def,
                         .flags = flags,
                         .key = -1,
                         .done = done,
                         .user = user };
    c->pace = g_atomic_rc_box_new0(VolumePace);
    return c;
}

static void
volume_change_free(VolumeChange *c)
{
    volume_free(c->def);
    volume_free(c->source);
    volume_work_free(c->found);
    g_atomic_rc_box_release(c->pace);
    secret_file_wipe(&c->key);
    g_free(c->folder);
    g_free(c->image);
    g_free(c->tool_error);
    g_clear_pointer(&c->tool_argv, g_ptr_array_unref);
    g_free(c->said);
    g_free(c->tag);
    g_free(c->thin_pool);
    g_free(c->tool_input);
    object_unref(c->pool);
    g_free(c);
}

static void
on_finished(gpointer task, const GError *err, gpointer user)
{
    VolumeChange *c = user;

    c->finish(task, err, c);
}

void
volume_change_run(const TaskKind *kind, const TaskOwner *who, FlowDone finish, VolumeChange *c)
{
    const TaskSpec spec = {
        .kind = kind, .subject = &c->pool->obj, .thing = c->def->name, .who = *who, .user = c
    };
    g_autoptr(GError) err = NULL;
    Task *t = kind && c->pool->stops == 0 ? task_begin(&spec, &err) : NULL;

    c->finish = finish;
    if (t) {
        task_run(t, on_finished);
        return;
    }
    if (!err && !kind)
        fail(&err, ERR_NO_SUPPORT,
             "storage pool '%s': volumes of a pool of type '%s' cannot be made, deleted or resized "
             "by it",
             c->pool->obj.name, pool_types[c->pool->live->type]);
    if (!err)
        fail(&err, ERR_OPERATION_INVALID, "storage pool '%s' is being stopped", c->pool->obj.name);
    volume_change_over(c, err);
}

void
volume_change_over(VolumeChange *c, const GError *err)
{
    c->done(c->pool, err ? NULL : c->def, err, c->user);
    volume_change_free(c);
}

/* ---- errands */

VolumeWork *
volume_work_new(const VolumeChange *c)
{
    VolumeWork *w = g_new0(VolumeWork, 1);

    w->pace = g_atomic_rc_box_acquire(c->pace);
    w->def = volume_copy(c->def);
    w->folder = g_strdup(c->folder);
    w->mark = c->mark;
    w->source = c->source ? volume_copy(c->source) : NULL;
    w->reflink = (c->flags & VOLUME_REFLINK) != 0;
    w->size = c->size;
    w->allocate = (c->flags & RESIZE_ALLOCATE) != 0;
    w->said = g_strdup(c->said);
    w->tag = g_strdup(c->tag);
    if (c->pool->live && c->pool->live->type == POOL_DISK)
        w->pool_def = pool_copy(c->pool->live);
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

typedef struct VolumeTicket {
    VolumeChange *change; /* gone when it comes too late */
    ErrandWork regret;
} VolumeTicket;

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
    if (w->thin_pool) {
        g_free(c->thin_pool);
        c->thin_pool = g_strdup(w->thin_pool);
    }
    c->origin_is_thin = w->origin_is_thin;
    c->extent = w->extent;
    if (w->number) {
        c->number = w->number;
        c->start = w->start;
    }
    if (w->tag) {
        g_free(c->tag);
        c->tag = g_strdup(w->tag);
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
    g_autofree VolumeTicket *t = user;
    ErrandSpec spec = { .work = t->regret, .in = out, .back = on_regretted };

    if (wanted && out)
        take_found(t->change, out);
    else if (out && t->regret)
        errand_send(pool, &spec);
    else
        volume_work_free(out);
}

StepResult
volume_errand_or(Flow *f, Task *task, ErrandWork work, ErrandWork regret)
{
    VolumeChange *c = flow_user(f);
    VolumeWork *w = volume_work_new(c);
    ErrandSpec spec = { .work = work,
                        .in = w,
                        .back = on_back,
                        .token = flow_wait(f),
                        .sender = (const Object *)task };
    VolumeTicket *t = g_new(VolumeTicket, 1);

    if (work == work_look_at_source)
        w->folders = active_folders();
    *t = (VolumeTicket){ c, regret };
    spec.user = t;
    errand_send(c->pool, &spec);
    return STEP_WAIT;
}

StepResult
volume_errand(Flow *f, Task *task, ErrandWork work)
{
    return volume_errand_or(f, task, work, NULL);
}

/* What a refresh has seen of a volume that is taken away again. */
static void
forget(Pool *pool, const VolumeWork *w)
{
    g_autofree char *folder = g_path_get_dirname(w->def->path);

    if (!pool->live || g_strcmp0(pool->live->path, folder) != 0)
        return;
    volumes_cut(pool->volumes, w->def->name);
    pool_touched(pool, w->def->name);
}

static void
on_undone(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    if (out)
        forget(pool, out);
    volume_work_free(out);
}

/* A pool that nobody has defined, and that ended with its daemon, is known by its name alone. */
static Pool *
pool_of(gpointer obj)
{
    TaskInfo info;
    Pool *pool;

    if (pool_is(obj)) /* lines of a daemon whose changes were jobs of their pools */
        return object_ref(obj);
    task_info(obj, &info);
    pool = pool_get_uuid(info.subject_uuid, NULL);
    return pool ? object_ref(pool) : pool_stand_in(info.subject, info.subject_uuid);
}

Pool *
volume_undo_pool(Flow *f, gpointer obj)
{
    const VolumeChange *c = flow_user(f);

    return c ? object_ref(c->pool) : pool_of(obj);
}

void
volume_forget(Pool *pool, const char *name)
{
    if (!pool->live)
        return;
    volumes_cut(pool->volumes, name);
    pool_touched(pool, name);
}

StepResult
volume_undo_errand(Flow *f, gpointer obj, ErrandWork work, VolumeWork *in)
{
    Pool *pool = volume_undo_pool(f, obj);
    const ErrandSpec spec = {
        .work = work, .in = in, .back = on_undone, .token = flow_wait(f), .sender = obj
    };

    errand_send(pool, &spec);
    object_unref(pool);
    return STEP_WAIT;
}

void
volume_stop(Flow *f)
{
    VolumeChange *c = flow_user(f);

    if (c)
        g_atomic_int_set(&c->pace->stop, 1);
}

/* ---- claims */

/* A claim may be had twice by its task, but not by another one. */
static gboolean
hold(Task *t, ClaimKind kind, const char *key, const char *label, gboolean reads, GError **err)
{
    const Claim *other = claim_find(kind, key);
    const Claim claim = {
        .kind = kind, .key = (char *)key, .label = (char *)label, .reads = reads, .owner = OWNER(t)
    };
    g_autofree char *holder = other ? owner_text(other->owner) : NULL;

    return claim_take(&claim, NULL) ||
           fail(err, ERR_OPERATION_INVALID, "volume '%s' is in use by %s", label,
                holder ? holder : "somebody");
}

gboolean
volume_claim(Task *t, const char *path, FileMark mark, gboolean reads, GError **err)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT, mark.dev,
                                           mark.ino);

    return hold(t, CLAIM_IMAGE, key, path, reads, err);
}

StepResult
volume_claim_found(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    return step_of(!c->mark.ino || volume_claim(obj, c->def->path, c->mark, FALSE, err));
}

char *
volume_claim_key(const Pool *pool, const char *name)
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(pool->obj.uuid, uuid);
    return g_strdup_printf("%s/%s", uuid, name);
}

gboolean
volume_hold(Task *t, const Pool *pool, const char *name, gboolean reads, GError **err)
{
    g_autofree char *key = volume_claim_key(pool, name);
    g_autofree char *path = pool->live ? g_build_filename(pool->live->path, name, NULL)
                                       : g_strdup(name);

    return hold(t, CLAIM_VOLUME, key, path, reads, err);
}

void
volume_progress(const VolumeChange *c, TaskProgress *ret)
{
    ret->total = __atomic_load_n(&c->pace->total, __ATOMIC_RELAXED);
    ret->done = __atomic_load_n(&c->pace->done, __ATOMIC_RELAXED);
}

void
volume_known(VolumeChange *c)
{
    Pool *pool = c->pool;

    if (!pool->live || !pool->volumes || pool->run != c->run)
        return;
    volumes_put(pool->volumes, volume_copy(c->def));
    pool_touched(pool, c->def->name);
    if (c->found && c->found->space.capacity)
        space_take(pool->live, &c->found->space);
    if (c->found && c->found->pool_def)
        pool_take_space(pool->live, c->found->pool_def);
}

void
volumes_recover(void)
{
    static const TaskKind *const kinds[] = { &create_kind,   &clone_kind, &delete_kind,
                                             &resize_kind,   &wipe_kind,  &upload_kind,
                                             &download_kind, NULL };

    tasks_recover(kinds);
}
