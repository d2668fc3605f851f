/* Files that a definition names and a guest fills: what its serial ports, consoles and channels
 * say, and logs of these. QEMU writes into them itself, so that nothing is lost while the daemon is
 * away. What grew too long is copied aside and cut, as the logs of VMs are: no guest fills its
 * host. The files lie where others may write, and all that touches them is a worker's.
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "life.h"

#define BACKUPS 3
#define LOOK_MS 100 /* after the first write that was heard */

static struct {
    int inotify; /* -1: nobody writes anywhere */
    guint source;
    GHashTable *runs;  /* number of a watch -> UUID of its VM, as text */
    GHashTable *early; /* numbers that were heard before the worker had told whose they are */
} watch = { .inotify = -1 };

/* Of a run: when it is looked at next. */
typedef struct Outputs {
    Vm *vm;
    guint timer;
} Outputs;

static void
outputs_free(gpointer data)
{
    Outputs *o = data;

    g_clear_handle_id(&o->timer, g_source_remove);
    g_free(o);
}

/* ---- which files */

static void
add_source(GPtrArray *paths, const CharSource *s)
{
    const CharEnd *end = char_end(s, 0);

    if (s->type == CHAR_FILE && end && end->path)
        g_ptr_array_add(paths, g_strdup(end->path));
    if (s->log && s->log->file)
        g_ptr_array_add(paths, g_strdup(s->log->file));
}

static GPtrArray *
outputs_of(const DomainDef *live)
{
    const Devices *d = &live->devices;
    GPtrArray *lists[] = { d->serials, d->parallels, d->consoles, d->channels };
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        EACH (const CharDef, c, lists[i])
            add_source(paths, &c->source);
    EACH (const SmartcardDef, s, d->smartcards)
        add_source(paths, &s->source);
    EACH (const RedirDef, r, d->redirdevs)
        add_source(paths, &r->source);
    EACH (const RngDef, r, d->rngs)
        add_source(paths, &r->source);
    return paths;
}

/* ---- in a worker */

/* By the name that it has where it is, whatever links led there. */
static int
cut(const char *path, int place)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", place);
    g_autofree char *file = g_file_read_link(link, NULL), *name = NULL;
    fd_auto dir = file ? file_reach_folder(file, &name) : -1;

    return dir < 0 ? -1 : file_rotate(dir, name, qemu_paths->output_max, BACKUPS);
}

/* A write that comes between the two is heard, and looked at once more. */
static int
look_at(const char *path)
{
    struct stat st;
    fd_auto place = file_reach(path, &st);
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", place);
    int wd;

    if (place < 0 || !S_ISREG(st.st_mode))
        return -1;
    wd = inotify_add_watch(watch.inotify, link, IN_MODIFY | IN_ONESHOT);
    if (st.st_size >= qemu_paths->output_max && cut(path, place) < 0)
        log_warning("cannot cut '%s', which a guest writes into: %s", path, strerror(errno));
    return wd;
}

static gpointer
look(gpointer in, GError **err)
{
    const GPtrArray *paths = in;
    GArray *watches = g_array_new(FALSE, FALSE, sizeof(int));

    EACH (const char, path, paths) {
        int wd = look_at(path);
        g_array_append_val(watches, wd);
    }
    return watches;
}

/* ---- when */

static void on_looked(gpointer out, const GError *err, gpointer user);

static void
look_now(Vm *vm)
{
    g_autoptr(GPtrArray) paths = outputs_of(vm->run->live);
    char uuid[UUID_TEXT_LEN];

    uuid_format(vm->obj.uuid, uuid);
    if (paths->len > 0)
        offload_for(&vm->obj, look, g_ptr_array_ref(paths), (GDestroyNotify)g_ptr_array_unref,
                    on_looked, g_strdup(uuid));
}

static gboolean
on_time(gpointer user)
{
    Outputs *o = user;

    o->timer = 0;
    look_now(o->vm);
    return G_SOURCE_REMOVE;
}

static void
look_soon(const char *uuid_text)
{
    guint8 uuid[UUID_LEN];
    Vm *vm = uuid_parse(uuid_text, uuid) ? registry_find_uuid(qemu_vms, uuid) : NULL;
    Outputs *o = vm && vm->run ? vm->run->outputs.data : NULL;

    if (o && !o->timer)
        o->timer = g_timeout_add(LOOK_MS, on_time, o);
}

static void
on_looked(gpointer out, const GError *err, gpointer user)
{
    g_autoptr(GArray) watches = out;
    g_autofree char *uuid = user;

    for (guint i = 0; watch.runs && watches && i < watches->len; i++) {
        gpointer wd = GINT_TO_POINTER(g_array_index(watches, int, i));

        if (GPOINTER_TO_INT(wd) < 0)
            continue;
        if (g_hash_table_remove(watch.early, wd))
            look_soon(uuid);
        else
            g_hash_table_insert(watch.runs, wd, g_strdup(uuid));
    }
}

static void
heard(int wd)
{
    gpointer uuid = NULL;

    if (!g_hash_table_steal_extended(watch.runs, GINT_TO_POINTER(wd), NULL, &uuid)) {
        g_hash_table_add(watch.early, GINT_TO_POINTER(wd));
        return;
    }
    look_soon(uuid);
    g_free(uuid);
}

/* Each watch is heard once, and set again by the look that it leads to. */
static gboolean
on_written(int fd, GIOCondition condition, gpointer unused)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    gssize len;

    while ((len = read(fd, buffer, sizeof buffer)) > 0) {
        const struct inotify_event *e;

        for (gssize at = 0; at < len; at += (gssize)(sizeof *e + e->len)) {
            e = (const struct inotify_event *)(buffer + at);
            if (e->mask & IN_MODIFY)
                heard(e->wd);
        }
    }
    return G_SOURCE_CONTINUE;
}

void
outputs_watch(Vm *vm)
{
    g_autoptr(GPtrArray) paths = outputs_of(vm->run->live);
    Outputs *o;

    if (paths->len == 0 || qemu_paths->output_max == 0 || watch.inotify < 0)
        return;
    if (!vm->run->outputs.data) {
        o = g_new0(Outputs, 1);
        o->vm = vm;
        vm->run->outputs = (RunPart){ o, outputs_free };
    }
    look_now(vm);
}

void
outputs_init(gboolean on)
{
    g_clear_handle_id(&watch.source, g_source_remove);
    fd_close(&watch.inotify);
    g_clear_pointer(&watch.runs, g_hash_table_unref);
    g_clear_pointer(&watch.early, g_hash_table_unref);
    if (!on)
        return;
    watch.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    watch.runs = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    watch.early = g_hash_table_new(NULL, NULL);
    if (watch.inotify >= 0)
        watch.source = g_unix_fd_add(watch.inotify, G_IO_IN, on_written, NULL);
}
