/* Volumes whose bytes are read and written by a client: opened by a worker, claimed as long as that
 * lasts, and looked at afterwards. */
#include "volume_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct VolumeUse {
    Pool *pool; /* referenced */
    guint run;  /* of the pool */
    Task *task; /* until it is closed */
    VolumeDef *def;
    gboolean writes;
    VolumeMove move;  /* of who moves the bytes; zeroed until then */
    gboolean aborted; /* before that */
    VolumeOpened done;
    gpointer user;
};

static void
use_free(VolumeUse *use)
{
    if (use->task)
        task_end(use->task);
    object_unref(use->pool);
    volume_free(use->def);
    g_free(use);
}

/* ---- as tasks */

static void
look(gpointer user, TaskProgress *ret)
{
    const VolumeUse *use = user;

    if (use->move.look)
        use->move.look(use->move.user, ret);
}

static void
abort_use(Task *t, gpointer user, const GError *why)
{
    VolumeUse *use = user;

    use->aborted = TRUE;
    if (use->move.abort)
        use->move.abort(use->move.user, why);
}

/* What a client has sent is in the volume and stays there. */
const TaskKind upload_kind = { "upload", "bytes", .holds = TRUE, .look = look, .abort = abort_use };
const TaskKind download_kind = { "download", "bytes", .look = look, .abort = abort_use };

guint64
volume_use_size(const VolumeUse *use)
{
    return use->def->physical;
}

void
volume_moves(VolumeUse *use, const VolumeMove *move)
{
    use->move = *move;
}

/* ---- opening */

typedef struct OpenFile {
    VolumeDef *def;
    gboolean writes;
    int fd;
    FileMark mark;
} OpenFile;

static void
open_free(OpenFile *o)
{
    fd_close(&o->fd);
    volume_free(o->def);
    g_free(o);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OpenFile, open_free)

static gpointer
open_file(gpointer in, gint *progress, GError **err)
{
    g_autoptr(OpenFile) o = in;
    struct stat st;

    if (stat(o->def->path, &st) < 0) {
        fail_errno(err, errno, "Unable to open stream for '%s'", o->def->path);
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        fail_errno(err, EISDIR, "Unable to read %s", o->def->path);
        return NULL;
    }
    o->fd = image_open(o->def->path, o->writes ? O_WRONLY : O_RDONLY, IMAGE_FILES, &st, err);
    o->mark = file_mark(&st);
    return o->fd < 0 ? NULL : g_steal_pointer(&o);
}

static gboolean
may_be_used(const VolumeUse *use, const OpenFile *o, GError **err)
{
    if (use->aborted)
        return fail(err, ERR_ABORTED, "volume '%s': nobody wants it any more", use->def->path);
    return volume_claim(use->task, use->def->path, o->mark, !use->writes, err);
}

static void
on_opened(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    g_autoptr(OpenFile) o = out;
    VolumeUse *use = user;
    g_autoptr(GError) refused = NULL;

    if (!o || !may_be_used(use, o, &refused)) {
        use->done(-1, NULL, o ? refused : err, use->user);
        use_free(use);
        return;
    }
    use->done(fd_steal(&o->fd), use, NULL, use->user);
}

static gboolean
begin(VolumeUse *use, const TaskOwner *who, GError **err)
{
    const TaskSpec spec = { .kind = use->writes ? &upload_kind : &download_kind,
                            .subject = &use->pool->obj,
                            .thing = use->def->name,
                            .who = *who,
                            .user = use };

    if (use->pool->stops)
        return fail(err, ERR_OPERATION_INVALID, "storage pool '%s' is being stopped",
                    use->pool->obj.name);
    use->task = task_begin(&spec, err);
    return use->task && volume_hold(use->task, use->pool, use->def->name, !use->writes, err);
}

void
volume_open(Pool *pool, const VolumeDef *volume, gboolean writes, const TaskOwner *who,
            VolumeOpened done, gpointer user)
{
    VolumeUse *use = g_new0(VolumeUse, 1);
    ErrandSpec spec = { .work = open_file, .back = on_opened, .user = use };
    g_autoptr(GError) err = NULL;
    OpenFile *o;

    *use = (VolumeUse){ .pool = object_ref(pool),
                        .run = pool->run,
                        .def = volume_copy(volume),
                        .writes = writes,
                        .done = done,
                        .user = user };
    if (!begin(use, who, &err)) {
        done(-1, NULL, err, user);
        use_free(use);
        return;
    }
    o = g_new0(OpenFile, 1);
    *o = (OpenFile){ .def = volume_copy(volume), .writes = writes, .fd = -1 };
    spec.in = o;
    errand_send(pool, &spec);
}

/* ---- and what came of it */

/* in: a VolumeWork. All that its head says is new. */
static gpointer
look_anew(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *folder = g_path_get_dirname(w->def->path);

    if (!volume_refresh(w->def, TRUE, err))
        return NULL;
    if (w->def->type != VOLUME_BLOCK)
        space_measure(folder, &w->space);
    return g_steal_pointer(&w);
}

static void
on_looked(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    VolumeUse *use = user;
    g_autoptr(VolumeWork) w = out;

    if (w && pool->live && pool->run == use->run && volume_get_name(pool, use->def->name, NULL)) {
        pool_touched(pool, w->def->name);
        volumes_put(pool->volumes, g_steal_pointer(&w->def));
        if (w->space.capacity)
            space_take(pool->live, &w->space);
    }
    use_free(use);
}

void
volume_close(VolumeUse *use)
{
    ErrandSpec spec = { .work = look_anew, .back = on_looked, .user = use };
    VolumeWork *w;

    task_end(g_steal_pointer(&use->task)); /* the client may use it at once */
    if (!use->writes) {
        use_free(use);
        return;
    }
    w = g_new0(VolumeWork, 1);
    w->def = volume_copy(use->def);
    spec.in = w;
    errand_send(use->pool, &spec);
}
