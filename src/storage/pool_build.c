/* The folder of a pool: made, with all that is missing of its path, and removed. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"

/* ---- build */

/* The mode that libvirt gives to a pool's folder that it makes. */
#define BUILT_MODE 0711

/* A part of the path to the folder: to be made, or (the last one) there already. */
typedef struct Level {
    char *path;
    gboolean there;
    struct stat st; /* of what is there */
} Level;

static void
level_free(gpointer data)
{
    g_free(((Level *)data)->path);
    g_free(data);
}

/* In a worker. Returns the Levels from the first that is missing down to the folder itself. */
static gpointer
find_levels(gpointer in, gint *progress, GError **err)
{
    g_autofree char *path = in;
    g_autoptr(GPtrArray) levels = g_ptr_array_new_with_free_func(level_free);

    for (;;) {
        Level *l = g_new0(Level, 1);
        l->path = g_strdup(path);
        l->there = stat(path, &l->st) == 0;
        if (!l->there && errno != ENOENT) {
            fail_errno(err, errno, "cannot look at '%s'", path);
            level_free(l);
            return NULL;
        }
        if (l->there && levels->len > 0) {
            level_free(l);
            return g_steal_pointer(&levels);
        }
        g_ptr_array_insert(levels, 0, l);
        if (l->there)
            return g_steal_pointer(&levels);
        char *up = g_path_get_dirname(path);
        g_free(path);
        path = up;
    }
}

static void
on_levels(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    if (wanted)
        ((PoolChange *)user)->levels = out;
    else
        g_clear_pointer((GPtrArray **)&out, g_ptr_array_unref);
}

/* The definition to build: that of a pool that is being created is not the pool's yet. */
static const PoolDef *
built_def(const Flow *f, const Pool *pool)
{
    const PoolChange *c = flow_user(f);

    return c->def ? c->def : pool->def;
}

static gboolean
format_may(const PoolDef *def, const PoolChange *c, GError **err)
{
    const PoolBackend *b = backend_of(def->type);

    if (!c->flags && !b->is_formatted)
        return TRUE;
    if (c->flags == (BUILD_OVERWRITE | BUILD_NO_OVERWRITE))
        return fail(err, ERR_INVALID_ARG,
                    "storage pool '%s': to overwrite and not to overwrite exclude each other",
                    def->name);
    if (!b->format)
        return fail(err, ERR_INVALID_ARG,
                    "storage pool '%s': there is nothing to overwrite in a pool of type '%s'",
                    def->name, pool_types[def->type]);
    return b->format_check(def, err);
}

static StepResult
build_look(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolDef *def = built_def(f, pool);
    ErrandSpec spec = { .work = find_levels, .back = on_levels, .user = flow_user(f) };

    if (!pool_needs_inactive(pool, "already", err) || (!def && !pool_needs_def(pool, err)) ||
        !pool_can(def, "built", err) || !format_may(def, flow_user(f), err))
        return STEP_FAILED;
    if (backend_of(def->type)->is_formatted)
        return STEP_DONE;
    spec.in = g_strdup(def->path);
    spec.token = flow_wait(f);
    errand_send(pool, &spec);
    return STEP_WAIT;
}

typedef struct Make {
    GPtrArray *paths; /* char *: to be made, from the top */
    char *folder;
    Permissions p;
} Make;

static Make *
make_new(const PoolDef *def, const GPtrArray *levels)
{
    Make *m = g_new0(Make, 1);

    m->paths = g_ptr_array_new_with_free_func(g_free);
    m->folder = g_strdup(def->path);
    if (def->permissions)
        m->p = *def->permissions;
    m->p.label = NULL;
    for (guint i = 0; i < levels->len; i++) {
        const Level *l = levels->pdata[i];
        if (!l->there)
            g_ptr_array_add(m->paths, g_strdup(l->path));
    }
    return m;
}

static void
make_free(Make *m)
{
    g_ptr_array_unref(m->paths);
    g_free(m->folder);
    g_free(m);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Make, make_free)

/* In a worker. Parents get the usual mode, the folder its own. */
static gpointer
make_folders(gpointer in, gint *progress, GError **err)
{
    g_autoptr(Make) m = in;
    mode_t mode = m->p.has_mode ? m->p.mode : BUILT_MODE;

    for (guint i = 0; i < m->paths->len; i++)
        if (mkdir(m->paths->pdata[i], i + 1 < m->paths->len ? 0755 : mode) < 0 && errno != EEXIST) {
            fail_errno(err, errno, "cannot create '%s'", (char *)m->paths->pdata[i]);
            return NULL;
        }
    if (chown(m->folder, m->p.has_owner ? m->p.owner : (uid_t)-1,
              m->p.has_group ? m->p.group : (gid_t)-1) < 0 ||
        ((m->p.has_mode || m->paths->len > 0) && chmod(m->folder, mode) < 0)) {
        fail_errno(err, errno, "cannot set owner and mode of '%s'", m->folder);
        return NULL;
    }
    return g_strdup(m->folder);
}

static void
on_made(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    g_free(out);
}

/* Each level that is missing is a line; the folder that is there is one with what it was. */
static gboolean
note_level(Flow *f, const Level *l, GError **err)
{
    g_autofree char *mode = NULL, *uid = NULL, *gid = NULL;

    if (!l->there)
        return flow_note(f, l->path, WORDS(NULL), err);
    mode = g_strdup_printf("%o", l->st.st_mode & 07777);
    uid = g_strdup_printf("%u", l->st.st_uid);
    gid = g_strdup_printf("%u", l->st.st_gid);
    return flow_note(f, l->path, WORDS(mode, uid, gid), err);
}

static StepResult
build_make(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolChange *c = flow_user(f);
    ErrandSpec spec = { .work = make_folders, .back = on_made };

    if (!c->levels)
        return STEP_DONE;
    for (guint i = 0; i < c->levels->len; i++)
        if (!note_level(f, c->levels->pdata[i], err))
            return STEP_FAILED;
    spec.in = make_new(built_def(f, pool), c->levels);
    spec.token = flow_wait(f);
    errand_send(pool, &spec);
    return STEP_WAIT;
}

typedef struct Unmake {
    char *path;
    gboolean was_there;
    mode_t mode;
    uid_t uid;
    gid_t gid;
} Unmake;

/* In a worker. A folder that was not there, and is empty, is ours. */
static gpointer
unmake_folder(gpointer in, gint *progress, GError **err)
{
    g_autofree Unmake *u = in;
    g_autofree char *path = u->path;

    if (u->was_there && (chown(path, u->uid, u->gid) < 0 || chmod(path, u->mode) < 0))
        fail_errno(err, errno, "cannot give '%s' its owner and mode back", path);
    if (!u->was_there && rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY)
        fail_errno(err, errno, "cannot remove '%s'", path);
    return NULL;
}

static StepResult
build_unmake(Flow *f, gpointer obj)
{
    ErrandSpec spec = { .work = unmake_folder, .back = on_made, .token = flow_wait(f) };
    Unmake *u = g_new0(Unmake, 1);

    u->path = g_strdup(flow_key(f));
    if ((u->was_there = flow_word(f, 2) != NULL)) {
        u->mode = (mode_t)g_ascii_strtoull(flow_word(f, 0), NULL, 8);
        u->uid = (uid_t)g_ascii_strtoull(flow_word(f, 1), NULL, 10);
        u->gid = (gid_t)g_ascii_strtoull(flow_word(f, 2), NULL, 10);
    }
    spec.in = u;
    errand_send(obj, &spec);
    return STEP_WAIT;
}

/* blkid: 2, nothing was found (blkid(8)). */
static gboolean
has_nothing(const ProcessEnd *end, const char *pool, GError **err)
{
    enum { FOUND = 0, NOTHING = 2 };
    int status = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;

    if (status == FOUND)
        return fail(err, ERR_OPERATION_FAILED,
                    "the device of storage pool '%s' has something on it; 'overwrite' destroys it",
                    pool);
    return status == NOTHING ||
           fail(err, ERR_OPERATION_FAILED, "the device of storage pool '%s' cannot be read: %s",
                pool, end->errors);
}

static StepResult
build_probe(Flow *f, gpointer obj, GError **err)
{
    const PoolDef *def = built_def(f, obj);
    const PoolChange *c = flow_user(f);
    const PoolBackend *b = backend_of(def->type);

    return b->probe && (c->flags & BUILD_NO_OVERWRITE ||
                        (b->is_formatted && !(c->flags & BUILD_OVERWRITE)))
               ? program_run(f, obj, b->probe(def), has_nothing, err)
               : STEP_DONE;
}

/* The last row: nothing brings back what was there. */
static StepResult
build_format(Flow *f, gpointer obj, GError **err)
{
    const PoolDef *def = built_def(f, obj);
    const PoolChange *c = flow_user(f);
    const PoolBackend *b = backend_of(def->type);

    if (!c->flags && !b->is_formatted)
        return STEP_DONE;
    return program_feed(f, obj, b->format(def, (c->flags & BUILD_OVERWRITE) != 0),
                        b->format_input ? b->format_input(def) : NULL, err);
}

static const Step build_steps[] = {
    { "look at path", build_look, NULL },
    { "make folder", build_make, build_unmake, STEP_KEYED },
    { "look at device", build_probe, attach_stop },
    { "format device", build_format, attach_stop },
    { 0 },
};
const FlowTable pool_build_table = { "pool-build", build_steps, .for_good = TRUE };

static void
on_built(gpointer o, const GError *err, gpointer user)
{
    if (!err)
        pool_tell(o, TOLD_CREATED);
    change_over(user, o, err);
}

void
pool_build(Pool *pool, guint32 flags, const char *who, PoolDone done, gpointer user)
{
    PoolChange *c = change_new(done, user);

    c->flags = flags;
    change_submit(pool, JOB_CHANGE, "build", who, &pool_build_table, on_built, c);
}

/* ---- delete */

static gpointer
remove_folder(gpointer in, gint *progress, GError **err)
{
    g_autofree char *path = in;

    if (rmdir(path) == 0)
        return g_steal_pointer(&path);
    fail_errno(err, errno, "failed to remove pool '%s'", path);
    return NULL;
}

static StepResult
delete_check(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolBackend *b;

    if (!pool_needs_inactive(pool, "still", err) || !pool_needs_def(pool, err) ||
        !pool_can(pool->def, "deleted", err))
        return STEP_FAILED;
    b = backend_of(pool->def->type);
    if (b->is_formatted && !b->remove)
        return step_of(fail(err, ERR_NO_SUPPORT,
                            "storage pool '%s': a pool of type '%s' is not deleted; delete its "
                            "volumes, or build it anew",
                            pool->obj.name, pool_types[pool->def->type]));
    return step_of((!b->check || b->check(pool->def, err)) &&
                   (!b->remove || attach_is_unused(pool->def, "deleted", err)));
}

static StepResult
delete_remove(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolBackend *b = backend_of(pool->def->type);
    ErrandSpec spec = { .work = remove_folder, .back = on_made };

    if (b->remove)
        return program_run(f, pool, b->remove(pool->def), NULL, err);
    spec.in = g_strdup(pool->def->path);
    spec.token = flow_wait(f);
    errand_send(pool, &spec);
    return STEP_WAIT;
}

/* What is gone is gone; this one leaves devices as if they had never been a pool's. */
static StepResult
delete_forget(Flow *f, gpointer obj, GError **err)
{
    Pool *pool = obj;
    const PoolBackend *b = backend_of(pool->def->type);
    GPtrArray *argv = b->forget ? b->forget(pool->def) : NULL;

    return argv ? program_run(f, pool, argv, NULL, err) : STEP_DONE;
}

/* Nothing undoes the removal. */
static const Step delete_steps[] = {
    { "may be deleted", delete_check, NULL },
    { "remove folder", delete_remove, attach_stop },
    { "forget devices", delete_forget, attach_stop },
    { 0 },
};
const FlowTable pool_delete_table = { "pool-delete", delete_steps, .for_good = TRUE };

static void
on_deleted(gpointer o, const GError *err, gpointer user)
{
    if (!err)
        pool_tell(o, TOLD_DELETED);
    change_over(user, o, err);
}

void
pool_delete(Pool *pool, const char *who, PoolDone done, gpointer user)
{
    change_submit(pool, JOB_CHANGE, "delete", who, &pool_delete_table, on_deleted,
                  change_new(done, user));
}
