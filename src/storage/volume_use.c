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
    VolumeDef *def;
    gboolean writes;
    guint number; /* among the uses there are: the owner of its claim */
    VolumeOpened done;
    gpointer user;
};

/* ---- owners are words, and words stay in memory: few are used, again and again */

static GArray *numbers; /* of gboolean: taken */

static guint
number_take(void)
{
    const gboolean taken = TRUE;

    if (!numbers)
        numbers = g_array_new(FALSE, TRUE, sizeof(gboolean));
    for (guint i = 0; i < numbers->len; i++)
        if (!g_array_index(numbers, gboolean, i)) {
            g_array_index(numbers, gboolean, i) = TRUE;
            return i;
        }
    g_array_append_val(numbers, taken);
    return numbers->len - 1;
}

static Owner
owner_of(const VolumeUse *use, char words[32])
{
    g_snprintf(words, 32, "transfer %u", use->number);
    return (Owner){ .words = words };
}

static void
use_free(VolumeUse *use)
{
    char words[32];

    claims_drop(owner_of(use, words));
    g_array_index(numbers, gboolean, use->number) = FALSE;
    object_unref(use->pool);
    volume_free(use->def);
    g_free(use);
}

/* ---- opening */

typedef struct Open {
    VolumeDef *def;
    gboolean writes;
    int fd;
    FileMark mark;
} Open;

static void
open_free(Open *o)
{
    fd_close(&o->fd);
    volume_free(o->def);
    g_free(o);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Open, open_free)

static gpointer
open_file(gpointer in, gint *progress, GError **err)
{
    g_autoptr(Open) o = in;
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
    o->mark = (FileMark){ st.st_dev, st.st_ino };
    return o->fd < 0 ? NULL : g_steal_pointer(&o);
}

static gboolean
claim_file(const VolumeUse *use, const Open *o, GError **err)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT,
                                           o->mark.dev, o->mark.ino);
    const Claim *other = claim_find(CLAIM_IMAGE, key);
    g_autofree char *holder = other ? owner_text(other->owner) : NULL;
    char words[32];
    const Claim claim = { .kind = CLAIM_IMAGE,
                          .key = key,
                          .label = use->def->path,
                          .reads = !use->writes,
                          .owner = owner_of(use, words) };

    return claim_take(&claim, NULL) ||
           fail(err, ERR_OPERATION_INVALID, "volume '%s' is in use by %s", use->def->path,
                holder ? holder : "somebody");
}

static void
on_opened(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    g_autoptr(Open) o = out;
    VolumeUse *use = user;
    g_autoptr(GError) refused = NULL;

    if (!o || !claim_file(use, o, &refused)) {
        use->done(-1, NULL, o ? refused : err, use->user);
        use_free(use);
        return;
    }
    use->done(fd_steal(&o->fd), use, NULL, use->user);
}

void
volume_open(Pool *pool, const VolumeDef *volume, gboolean writes, VolumeOpened done, gpointer user)
{
    VolumeUse *use = g_new0(VolumeUse, 1);
    Open *o = g_new0(Open, 1);
    const ErrandSpec spec = { .work = open_file, .in = o, .back = on_opened, .user = use };

    *use = (VolumeUse){ .pool = object_ref(pool),
                        .run = pool->run,
                        .def = volume_copy(volume),
                        .writes = writes,
                        .number = number_take(),
                        .done = done,
                        .user = user };
    *o = (Open){ .def = volume_copy(volume), .writes = writes, .fd = -1 };
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
    space_measure(folder, &w->space);
    return g_steal_pointer(&w);
}

static void
on_looked(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    VolumeUse *use = user;
    g_autoptr(VolumeWork) w = out;

    if (w && pool->live && pool->run == use->run && volume_get_name(pool, use->def->name, NULL)) {
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
    char words[32];

    if (!use->writes) {
        use_free(use);
        return;
    }
    claims_drop(owner_of(use, words)); /* nobody writes any more: the client may use it at once */
    w = g_new0(VolumeWork, 1);
    w->def = volume_copy(use->def);
    spec.in = w;
    errand_send(use->pool, &spec);
}
