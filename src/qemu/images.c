/* The files of a start: looking below the disks' images, opening everything, and the claim that
 * keeps two VMs from writing one image. Whatever touches a file is done by offload, on copies: an
 * image on a server that does not answer holds up its own start and nobody else.
 */
#include <string.h>
#include <unistd.h>

#include "qemu_priv.h"

/* A row that waits for a worker. When its flow is gone, what the worker brings is dropped. */
typedef struct Away {
    Vm *vm;
    FlowToken token;
} Away;

static Away *
away_new(Vm *vm, Flow *f)
{
    Away *a = g_new(Away, 1);

    *a = (Away){ vm, flow_wait(f) };
    return a;
}

/* ---- images below images */

static gpointer
look(gpointer in, GError **err)
{
    g_autoptr(DomainDef) live = in;

    return chain_fill(live, err) ? g_steal_pointer(&live) : NULL;
}

static void
on_looked(gpointer out, const GError *err, gpointer user)
{
    g_autofree Away *a = user;
    g_autoptr(DomainDef) live = out;

    if (live && flow_waits(a->token)) {
        domain_free(a->vm->run->live);
        a->vm->run->live = g_steal_pointer(&live);
    }
    flow_wake(a->token, err);
}

StepResult
images_look(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;

    offload(look, domain_copy(vm->run->live), NULL, on_looked, away_new(vm, f));
    return STEP_WAIT;
}

/* ---- files and sockets */

static gpointer
open_all(gpointer in, GError **err)
{
    g_autoptr(GPtrArray) files = in;

    for (guint i = 0; i < files->len; i++) {
        HostFd *h = files->pdata[i];
        if (h->kind != HOST_LISTEN && !host_open(h, err))
            return NULL;
    }
    return g_steal_pointer(&files);
}

static void
on_opened(gpointer out, const GError *err, gpointer user)
{
    g_autofree Away *a = user;
    g_autoptr(GPtrArray) opened = out;

    for (guint i = 0; opened && flow_waits(a->token) && i < opened->len; i++) {
        HostFd *from = opened->pdata[i], *to = a->vm->run->start.files->pdata[i];
        if (from->fd < 0)
            continue;
        to->fd = fd_steal(&from->fd);
        to->dev = from->dev;
        to->ino = from->ino;
    }
    flow_wake(a->token, err);
}

/* On disk before the first of them is made. */
static gboolean
note_sockets(Flow *f, GPtrArray *files, GError **err)
{
    g_autoptr(GString) sockets = g_string_new(NULL);

    for (guint i = 0; i < files->len; i++) {
        const HostFd *h = files->pdata[i];
        if (h->kind == HOST_LISTEN)
            g_string_append_printf(sockets, "%s\t", h->path);
    }
    return flow_note(f, sockets->str, err);
}

StepResult
files_open(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    GPtrArray *files = vm->run->start.files;
    g_autoptr(GPtrArray) copies = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);

    if (!note_sockets(f, files, err))
        return STEP_FAILED;
    for (guint i = 0; i < files->len; i++) {
        HostFd *h = files->pdata[i];
        /* Here: a worker that comes late, to a flow that is gone, must leave no file behind. */
        if (h->kind == HOST_LISTEN && !host_open(h, err))
            return STEP_FAILED;
        g_ptr_array_add(copies, host_fd_copy(h));
    }
    offload(open_all, g_steal_pointer(&copies), NULL, on_opened, away_new(vm, f));
    return STEP_WAIT;
}

StepResult
files_close(Flow *f, gpointer obj)
{
    GPtrArray *files = ((Vm *)obj)->run->start.files;
    g_auto(GStrv) sockets = g_strsplit(flow_detail(f) ? flow_detail(f) : "", "\t", -1);

    /* The names are kept: QEMU's last words are told with them. */
    for (guint i = 0; files && i < files->len; i++)
        fd_close(&((HostFd *)files->pdata[i])->fd);
    for (int i = 0; sockets[i]; i++)
        if (sockets[i][0])
            unlink(sockets[i]);
    return STEP_DONE;
}

/* ---- who writes what */

static gboolean
same_image(const Image *a, const Image *b)
{
    if (a->ino && b->ino)
        return a->dev == b->dev && a->ino == b->ino;
    return strcmp(a->path, b->path) == 0;
}

/* Both may read, or both say that they can share. */
static gboolean
may_share(const Image *a, const Image *b)
{
    return (!a->write && !b->write) || (a->shared && b->shared);
}

static const Image *
find_clash(const Run *run, const Image *mine)
{
    for (guint i = 0; i < run->images->len; i++) {
        const Image *other = &g_array_index(run->images, Image, i);
        if (same_image(mine, other) && !may_share(mine, other))
            return other;
    }
    return NULL;
}

static gboolean
image_check(Vm *vm, const Image *mine, GPtrArray *vms, GError **err)
{
    for (guint i = 0; i < vms->len; i++) {
        Vm *other = vms->pdata[i];
        if (other == vm || !other->run || !find_clash(other->run, mine))
            continue;
        return fail(err, ERR_OPERATION_FAILED,
                    "image '%s' is in use by domain '%s'; mark the disk <shareable/> in both, or "
                    "<readonly/>, if that is meant",
                    mine->path, other->obj.name);
    }
    return TRUE;
}

static void
image_add(Run *run, const HostFd *h)
{
    Image image = { .path = g_strdup(h->path),
                    .dev = h->dev,
                    .ino = h->ino,
                    .write = h->kind == HOST_WRITE,
                    .shared = h->shared };

    g_array_append_val(run->images, image);
}

StepResult
images_claim(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    GPtrArray *files = vm->run->start.files;
    g_autoptr(GPtrArray) vms = vm_list();

    for (guint i = 0; i < files->len; i++) {
        const HostFd *h = files->pdata[i];
        if (h->kind == HOST_READ || h->kind == HOST_WRITE)
            image_add(vm->run, h);
    }
    for (guint i = 0; i < vm->run->images->len; i++)
        if (!image_check(vm, &g_array_index(vm->run->images, Image, i), vms, err))
            return STEP_FAILED;
    return STEP_DONE;
}
