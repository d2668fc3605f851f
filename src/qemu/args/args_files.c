/* Files that the command line opens. While files are collected, every one becomes a HostFd; while
 * the command line is built, it is found again by its path. */
#include "args_priv.h"

#include <string.h>

gboolean
args_is_native(const ArgsOut *a)
{
    return a->in->files == NULL;
}

static HostFd *
file_find(const GPtrArray *files, const char *path, HostKind kind, gboolean direct)
{
    for (guint i = 0; i < list_length(files); i++) {
        HostFd *h = LIST_AT(HostFd, files, i);

        if (h->kind == kind && h->direct == direct && g_str_equal(h->path, path))
            return h;
    }
    return NULL;
}

HostFd *
args_file_find(const ArgsIn *in, const char *path, HostKind kind)
{
    HostFd *h = file_find(in->files, path, kind, FALSE);

    return h != NULL ? h : file_find(in->files, path, kind, TRUE);
}

/* Readers and writers of one path share a set: QEMU takes the one that its open flags fit. */
static guint
set_of(ArgsOut *a, HostKind kind, const char *path)
{
    for (guint i = 0; i < a->collect->len; i++) {
        const HostFd *h = LIST_AT(HostFd, a->collect, i);
        gboolean same = (h->kind == HOST_OVERLAY) == (kind == HOST_OVERLAY);

        if (h->set != 0 && same && g_str_equal(h->path, path))
            return h->set;
    }
    return ++a->next_set;
}

typedef enum Hand { BY_NUMBER, BY_SET, BY_SET_DIRECT } Hand;

static HostFd *
file_need(ArgsOut *a, HostKind kind, const char *path, const char *what, Hand hand)
{
    HostFd *h = file_find(a->in->files, path, kind, hand == BY_SET_DIRECT);

    if (h != NULL || a->collect == NULL)
        return h;
    h = host_fd_new(kind, path, what);
    h->set = hand != BY_NUMBER ? set_of(a, kind, path) : 0;
    h->direct = hand == BY_SET_DIRECT;
    g_ptr_array_add(a->collect, h);
    return h;
}

static const char *
open_by_set(ArgsOut *a, HostKind kind, const char *path, const char *what, Hand hand)
{
    const HostFd *h = args_is_native(a) ? NULL : file_need(a, kind, path, what, hand);
    g_autofree char *text = NULL;

    if (h == NULL)
        return path;
    text = g_strdup_printf("/dev/fdset/%u", h->set);
    return g_intern_string(text);
}

const char *
args_open(ArgsOut *a, HostKind kind, const char *path, const char *what)
{
    return open_by_set(a, kind, path, what, BY_SET);
}

const char *
args_open_direct(ArgsOut *a, HostKind kind, const char *path, const char *what)
{
    return open_by_set(a, kind, path, what, BY_SET_DIRECT);
}

const char *
args_open_overlay(ArgsOut *a, const char *path, int format, const char *what)
{
    const char *name = open_by_set(a, HOST_OVERLAY, path, what, BY_SET);
    HostFd *h = args_is_native(a) ? NULL : file_find(a->in->files, path, HOST_OVERLAY, FALSE);

    if (h != NULL)
        h->format = format;
    return name;
}

void
args_format(ArgsOut *a, const DiskSource *source, int format)
{
    const GPtrArray *slices = source->slices;

    for (guint i = 0; a->collect != NULL && i < a->collect->len; i++) {
        HostFd *h = LIST_AT(HostFd, a->collect, i);

        if ((h->kind != HOST_READ && h->kind != HOST_WRITE) ||
            g_strcmp0(h->path, source->path) != 0)
            continue;
        h->format = format;
        h->has_data_store = source->data_store != NULL;
        if (list_length(slices) > 0)
            h->slice = *LIST_AT(SliceDef, slices, 0);
    }
}

char *
args_fd_path(ArgsOut *a, const char *path, const char *what)
{
    HostFd *h = args_is_native(a) ? NULL : file_need(a, HOST_READ, path, what, BY_NUMBER);

    if (h != NULL)
        h->by_name = TRUE;
    return args_is_native(a) ? g_strdup(path)
                             : g_strdup_printf("/proc/self/fd/%d", h != NULL ? h->fd : -1);
}

char *
args_memory_path(ArgsOut *a, const char *folder, const char *id)
{
    g_autofree char *path = g_build_filename(folder, id, NULL);

    if (args_is_native(a) || a->parts != NULL)
        return g_strdup(folder);
    return g_strdup_printf("/proc/self/fd/%d", args_fd(a, HOST_MEMORY, path, "memory"));
}

/* QEMU is in the run folder, which it finds whoever it is. */
const char *
args_own_path(const ArgsOut *a, const char *path)
{
    gsize len = a->in->run_dir != NULL ? strlen(a->in->run_dir) : 0;

    if (args_is_native(a) || len == 0 || strncmp(path, a->in->run_dir, len) != 0 ||
        path[len] != '/')
        return path;
    return path + len + 1;
}

int
args_fd(ArgsOut *a, HostKind kind, const char *path, const char *what)
{
    const HostFd *h = args_is_native(a) ? NULL : file_need(a, kind, path, what, BY_NUMBER);

    return h != NULL ? h->fd : -1;
}

/* QEMU reads it when it makes the object, and what it holds is wiped then. */
gboolean
args_secret(ArgsOut *a, const SecretRef *ref, const char *id, const char *what, GError **err)
{
    HostFd *h = args_is_native(a) ? NULL : file_need(a, HOST_SECRET, id, what, BY_NUMBER);
    g_autofree char *file = g_strdup_printf("/proc/self/fd/%d", h != NULL ? h->fd : -1);
    json_object *o;

    if (args_is_native(a))
        return fail(err, ERR_NO_SECRET, "no secret with matching usage '%s'",
                    ref->usage != NULL ? ref->usage : "");
    if (h != NULL && h->secret == NULL)
        h->secret = schema_copy(&secret_ref_schema, ref);
    o = json_object_new_object();
    props_add(o, "s:qom-type", "secret", "s:id", id, "s:format", "raw", "s:file", file, NULL);
    args_part(a, ADD_OBJECT, o);
    return TRUE;
}

void
args_fd_later(ArgsOut *a, HostKind kind, const char *path, const char *what)
{
    HostFd *h = args_is_native(a) ? NULL : file_need(a, kind, path, what, BY_NUMBER);

    if (h != NULL)
        h->by_monitor = TRUE;
}

void
args_share(ArgsOut *a, const char *path)
{
    for (guint i = 0; a->collect != NULL && i < a->collect->len; i++) {
        HostFd *h = LIST_AT(HostFd, a->collect, i);

        if (g_str_equal(h->path, path))
            h->shared = TRUE;
    }
}

/* While collecting there is nothing to say yet: the words are thrown away anyway. */
gboolean
args_put_fds(ArgsOut *a, GError **err)
{
    const GPtrArray *files = a->collect == NULL ? a->in->files : NULL;

    for (guint i = 0; i < list_length(files); i++) {
        const HostFd *h = LIST_AT(HostFd, files, i);
        g_autofree char *path = args_escape(h->path);

        if (h->set != 0)
            args_pairf(a, "-add-fd", "set=%u,fd=%d,opaque=%s", h->set, h->fd, path);
    }
    return TRUE;
}

/* ---- descriptors to open */

HostFd *
host_fd_new(HostKind kind, const char *path, const char *what)
{
    HostFd *h = g_new0(HostFd, 1);

    *h = (HostFd){ .kind = kind, .path = g_strdup(path), .what = g_strdup(what), .fd = -1 };
    return h;
}

HostFd *
host_fd_copy(const HostFd *h)
{
    HostFd *copy = host_fd_new(h->kind, h->path, h->what);

    copy->set = h->set;
    copy->format = h->format;
    copy->has_data_store = h->has_data_store;
    copy->slice = h->slice;
    copy->shared = h->shared;
    copy->direct = h->direct;
    copy->by_monitor = h->by_monitor;
    copy->by_name = h->by_name;
    copy->owner = h->owner;
    copy->secret = h->secret ? schema_copy(&secret_ref_schema, h->secret) : NULL;
    return copy;
}

void
host_fd_free(HostFd *h)
{
    if (!h)
        return;
    fd_close(&h->fd);
    g_free(h->path);
    g_free(h->what);
    schema_free(&secret_ref_schema, h->secret);
    g_free(h);
}
