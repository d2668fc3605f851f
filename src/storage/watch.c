/* Pools notice by themselves: a watch on each folder (inotify(7)) tells which names have changed,
 * and a worker looks at these. What comes within a moment is looked at at once; of too much at a
 * time the whole folder is. A watch touches the path, so it is set by a worker too, which may hang
 * there. */
#include "backend.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR)
/* From the first change on, so that a burst is looked at once. */
#define NAMES_MS 100
#define ALL_MS   1000
/* With more names the whole folder is looked at. */
#define NAMES_MAX 256

struct PoolWatch {
    Pool *pool;        /* its owner */
    int wd;            /* 0: none */
    gboolean setting;  /* a worker is setting it */
    GHashTable *names; /* that have changed */
    gboolean all;      /* anything may have */
    gboolean out;      /* a look is under way */
    guint timer;
};

static int watch_fd = -1;
static guint watch_source;
static GHashTable *watches; /* wd: PoolWatch */

/* ---- looking */

typedef struct Names {
    char *folder;
    GPtrArray *names; /* char * */
    GPtrArray *known; /* VolumeDef, where one is known; else NULL */
} Names;

static void
free_known(gpointer def)
{
    volume_free(def);
}

static void
names_free(Names *n)
{
    if (!n)
        return;
    g_free(n->folder);
    g_ptr_array_unref(n->names);
    g_ptr_array_unref(n->known);
    g_free(n);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Names, names_free)

/* In a worker. What is known becomes what is there, or NULL. */
static gpointer
look_at_names(gpointer in, gint *progress, GError **err)
{
    g_autoptr(Names) n = in;

    for (guint i = 0; i < n->names->len; i++) {
        VolumeDef *known = n->known->pdata[i];

        g_atomic_int_inc(progress);
        if (!known)
            n->known->pdata[i] = volume_find(n->folder, n->names->pdata[i]);
        else if (!volume_refresh(known, FALSE, NULL)) {
            volume_free(known);
            n->known->pdata[i] = NULL;
        }
    }
    return g_steal_pointer(&n);
}

static gboolean
was_touched(const Pool *pool, const char *name)
{
    return pool->touched && g_hash_table_contains(pool->touched, name);
}

/* TRUE: a volume came or went. */
static gboolean
take_name(Pool *pool, const char *name, VolumeDef *seen)
{
    gboolean was_there = g_hash_table_contains(pool->volumes->by_name, name);

    if (was_touched(pool, name)) {
        volume_free(seen);
        return FALSE;
    }
    if (seen)
        volumes_put(pool->volumes, seen);
    else
        volumes_cut(pool->volumes, name);
    pool_touched(pool, name); /* a look at the whole folder may have begun before */
    return was_there != (seen != NULL);
}

static void schedule(PoolWatch *w);

static void
on_names(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    g_autoptr(Names) n = out;
    gboolean changed = FALSE, is_same = pool->live && pool->run == GPOINTER_TO_UINT(user);

    for (guint i = 0; n && is_same && i < n->names->len; i++)
        changed |= take_name(pool, n->names->pdata[i], g_steal_pointer(&n->known->pdata[i]));
    pool_look_ends(pool, NULL);
    if (changed)
        pool_tell_refreshed(pool);
    if (!pool->watch || !is_same)
        return;
    pool->watch->out = FALSE;
    schedule(pool->watch);
}

static void
look_at(PoolWatch *w)
{
    Pool *pool = w->pool;
    ErrandSpec spec = { .work = look_at_names,
                        .back = on_names,
                        .user = GUINT_TO_POINTER(pool->run) };
    Names *n = g_new(Names, 1);
    GHashTableIter iter;
    gpointer name;

    *n = (Names){ g_strdup(pool->live->path), g_ptr_array_new_with_free_func(g_free),
                  g_ptr_array_new_with_free_func(free_known) };
    g_hash_table_iter_init(&iter, w->names);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const VolumeDef *known = g_hash_table_lookup(pool->volumes->by_name, name);

        g_ptr_array_add(n->names, g_strdup(name));
        g_ptr_array_add(n->known, known ? volume_copy(known) : NULL);
    }
    g_hash_table_remove_all(w->names);
    spec.in = n;
    pool_look_begins(pool);
    errand_send(pool, &spec);
}

static void
on_all(Pool *pool, const GError *err, gpointer user)
{
    if (err)
        log_info("storage pool '%s': %s", pool->obj.name, err->message);
    if (!pool->watch)
        return;
    pool->watch->out = FALSE;
    schedule(pool->watch);
}

static gboolean
on_time(gpointer data)
{
    PoolWatch *w = data;

    w->timer = 0;
    w->out = TRUE;
    if (w->all) {
        w->all = FALSE;
        g_hash_table_remove_all(w->names);
        pool_refresh(w->pool, "inotify", on_all, NULL);
    } else {
        look_at(w);
    }
    return G_SOURCE_REMOVE;
}

static void
schedule(PoolWatch *w)
{
    if (w->timer || w->out || !w->pool->live || (!w->all && g_hash_table_size(w->names) == 0))
        return;
    w->timer = g_timeout_add(w->all ? ALL_MS : NAMES_MS, on_time, w);
}

/* ---- what is told */

static void
changed(PoolWatch *w, const char *name)
{
    if (!name || g_hash_table_size(w->names) >= NAMES_MAX)
        w->all = TRUE;
    else if (volume_name_is_shown(name))
        g_hash_table_add(w->names, g_strdup(name));
    schedule(w);
}

/* The kernel had no room for all of it. */
static void
all_changed(void)
{
    GHashTableIter iter;
    gpointer w;

    g_hash_table_iter_init(&iter, watches);
    while (g_hash_table_iter_next(&iter, NULL, &w))
        changed(w, NULL);
}

static void
on_event(const struct inotify_event *e)
{
    PoolWatch *w = g_hash_table_lookup(watches, GINT_TO_POINTER(e->wd));

    if (e->mask & IN_Q_OVERFLOW) {
        all_changed();
        return;
    }
    if (!w)
        return;
    if (e->mask & IN_IGNORED) { /* the folder is gone */
        g_hash_table_remove(watches, GINT_TO_POINTER(e->wd));
        w->wd = 0;
        return;
    }
    if (e->len > 0)
        changed(w, e->name);
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer user)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    gssize n = read(fd, buffer, sizeof buffer);

    for (gssize at = 0; at < n;) {
        const struct inotify_event *e = (const void *)(buffer + at);

        on_event(e);
        at += (gssize)(sizeof *e + e->len);
    }
    return G_SOURCE_CONTINUE;
}

/* ---- setting it */

typedef struct Place {
    char *path;
    int fd, wd;
    gint64 changed; /* the folder, in nanoseconds of the Unix time */
} Place;

gint64
watch_folder_time(const struct stat *st)
{
    return (gint64)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static gpointer
set_watch(gpointer in, gint *progress, GError **err)
{
    Place *p = in;
    struct stat st;

    p->wd = inotify_add_watch(p->fd, p->path, CHANGES);
    if (p->wd < 0)
        fail_errno(err, errno, "'%s' cannot be watched", p->path);
    else if (stat(p->path, &st) == 0)
        p->changed = watch_folder_time(&st);
    if (p->wd > 0)
        return p;
    g_free(p->path);
    g_free(p);
    return NULL;
}

static void
forget(PoolWatch *w)
{
    if (w->wd <= 0)
        return;
    g_hash_table_remove(watches, GINT_TO_POINTER(w->wd));
    inotify_rm_watch(watch_fd, w->wd);
    w->wd = 0;
}

/* The same folder has the same number, and was watched all the time. */
static void
take_watch(PoolWatch *w, const Place *p)
{
    if (w->wd == p->wd)
        return;
    forget(w);
    w->wd = p->wd;
    g_hash_table_insert(watches, GINT_TO_POINTER(p->wd), w);
    if (p->changed != w->pool->seen)
        changed(w, NULL);
}

static void
on_set(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
    Place *p = out;
    PoolWatch *w = pool->run == GPOINTER_TO_UINT(user) && pool->live ? pool->watch : NULL;

    if (err)
        log_info("storage pool '%s' notices no changes of others: %s", pool->obj.name,
                 err->message);
    if (w)
        w->setting = FALSE;
    if (!p)
        return;
    if (w)
        take_watch(w, p);
    else if (!g_hash_table_contains(watches, GINT_TO_POINTER(p->wd)))
        inotify_rm_watch(watch_fd, p->wd);
    g_free(p->path);
    g_free(p);
}

void
watch_begin(Pool *pool)
{
    ErrandSpec spec = { .work = set_watch, .back = on_set, .user = GUINT_TO_POINTER(pool->run) };
    Place *p;

    if (watch_fd < 0 || !pool->live || !backend_of(pool->live->type)->is_watched)
        return;
    if (!pool->watch) {
        pool->watch = g_new0(PoolWatch, 1);
        pool->watch->pool = pool;
        pool->watch->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    if (pool->watch->setting)
        return;
    pool->watch->setting = TRUE;
    p = g_new0(Place, 1);
    *p = (Place){ .path = g_strdup(pool->live->path), .fd = watch_fd };
    spec.in = p;
    errand_send(pool, &spec);
}

void
watch_end(Pool *pool)
{
    PoolWatch *w = g_steal_pointer(&pool->watch);

    if (!w)
        return;
    if (watches)
        forget(w);
    g_clear_handle_id(&w->timer, g_source_remove);
    g_hash_table_unref(w->names);
    g_free(w);
}

void
watches_init(void)
{
    watches = g_hash_table_new(NULL, NULL);
    watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch_fd >= 0)
        watch_source = g_unix_fd_add(watch_fd, G_IO_IN, on_readable, NULL);
    else
        log_warning("pools notice no changes of others: inotify: %s", g_strerror(errno));
}

void
watches_done(void)
{
    g_clear_handle_id(&watch_source, g_source_remove);
    fd_close(&watch_fd);
    g_clear_pointer(&watches, g_hash_table_unref);
}
