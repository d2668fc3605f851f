/* The files of a start: looking below the disks' images, opening everything, and the claim that
 * keeps two VMs from writing one image. Whatever touches a file is done by offload, on copies: an
 * image on a server that does not answer holds up its own start and nobody else.
 */
#include <string.h>
#include <unistd.h>

#include "life.h"

/* A row that waits for a worker. When its flow is gone, what the worker brings is dropped. */
typedef struct Away {
    Vm *vm;
    FlowToken token;
    GPtrArray *files; /* that it opens; they live as long as the flow */
} Away;

static Away *
away_new(Vm *vm, GPtrArray *files, FlowToken token)
{
    Away *a = g_new(Away, 1);

    *a = (Away){ vm, token, files };
    return a;
}

/* ---- images below images */

static gpointer
look(gpointer in, GError **err)
{
    g_autoptr(DomainDef) live = in;

    tpm_look(live);
    return missing_settle(live, err) && chain_fill(live, err) ? g_steal_pointer(&live) : NULL;
}

static void
on_looked(gpointer out, const GError *err, gpointer user)
{
    g_autofree Away *a = user;
    g_autoptr(DomainDef) live = out;

    if (live && flow_waits(a->token)) {
        missing_tell(a->vm, a->vm->run->live, live);
        run_put(a->vm->run, g_steal_pointer(&live));
    }
    flow_wake(a->token, err);
}

StepResult
images_look(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;

    if (!volumes_settle(run_alter(vm->run), err))
        return STEP_FAILED;
    offload_for(&vm->obj, look, domain_copy(vm->run->live), NULL, on_looked,
                away_new(vm, NULL, flow_wait(f)));
    return STEP_WAIT;
}

/* ---- files and sockets */

static gboolean
open_those(const GPtrArray *files, gboolean sockets, GError **err)
{
    for (guint i = 0; i < files->len; i++) {
        HostFd *h = files->pdata[i];
        if ((h->kind == HOST_LISTEN) == sockets && !host_open(h, err))
            return FALSE;
    }
    return TRUE;
}

/* What is made comes last: there is nothing to take away when something cannot be opened. */
static gpointer
open_all(gpointer in, GError **err)
{
    g_autoptr(GPtrArray) files = in;

    return open_those(files, FALSE, err) && open_those(files, TRUE, err) ? g_steal_pointer(&files)
                                                                         : NULL;
}

/* A flow that is gone leaves no socket behind, however late it was made. */
static void
drop_sockets(const GPtrArray *opened)
{
    for (guint i = 0; i < opened->len; i++) {
        const HostFd *h = opened->pdata[i];
        if (h->kind == HOST_LISTEN && h->fd >= 0)
            socket_drop(h);
    }
}

/* Those beyond the list were only looked at. */
static void
take_opened(GPtrArray *files, const GPtrArray *opened)
{
    for (guint i = 0; i < files->len; i++) {
        HostFd *from = opened->pdata[i], *to = files->pdata[i];
        if (from->fd < 0)
            continue;
        to->fd = fd_steal(&from->fd);
        to->dev = from->dev;
        to->ino = from->ino;
    }
}

static void
on_opened(gpointer out, const GError *err, gpointer user)
{
    g_autofree Away *a = user;
    g_autoptr(GPtrArray) opened = out;

    if (opened && flow_waits(a->token))
        take_opened(a->files, opened);
    else if (opened)
        drop_sockets(opened);
    flow_wake(a->token, err);
}

static gboolean
is_listed(const GPtrArray *files, const char *path)
{
    EACH (const HostFd, h, files)
        if (h->kind == HOST_LISTEN && strcmp(h->path, path) == 0)
            return TRUE;
    return FALSE;
}

/* QEMU makes these itself, over whatever is there. */
static gboolean
note_displays(Flow *f, const DomainDef *live, const GPtrArray *files, GPtrArray *wanted,
              GError **err)
{
    const GPtrArray *graphics = live->devices.graphics;

    for (guint i = 0; i < list_length(graphics); i++) {
        const GraphicsDef *g = graphics->pdata[i];
        const GraphicsListen *l = list_length(g->listens) > 0 ? g->listens->pdata[0] : NULL;

        if (!l || l->type != LISTEN_SOCKET || !l->socket || is_listed(files, l->socket))
            continue;
        if (!flow_note(f, l->socket, WORDS(NULL), err))
            return FALSE;
        g_ptr_array_add(wanted, host_fd_new(HOST_PLACE, l->socket, "graphics"));
    }
    return TRUE;
}

/* Each socket by its path before it is made, and by its file once it is there. */
static gboolean
note_sockets(Flow *f, const GPtrArray *files, guint *ret_count, gboolean *ret_made, GError **err)
{
    *ret_count = 0;
    *ret_made = FALSE;
    for (guint i = 0; i < files->len; i++) {
        const HostFd *h = files->pdata[i];
        if (h->kind != HOST_LISTEN)
            continue;
        if (!socket_note(f, h, err))
            return FALSE;
        *ret_made = h->fd >= 0;
        ++*ret_count;
    }
    return TRUE;
}

/* displays: whose sockets are looked at as well; NULL: none. */
static StepResult
open_these(Flow *f, Vm *vm, GPtrArray *files, const DomainDef *displays, GError **err)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    guint sockets;
    gboolean made;

    if (!note_sockets(f, files, &sockets, &made, err))
        return STEP_FAILED;
    if (made)
        return STEP_DONE;
    for (guint i = 0; i < files->len; i++)
        g_ptr_array_add(wanted, host_fd_copy(files->pdata[i]));
    if (displays && !note_displays(f, displays, files, wanted, err))
        return STEP_FAILED;
    offload_for(&vm->obj, open_all, g_steal_pointer(&wanted), NULL, on_opened,
                away_new(vm, files, sockets > 0 ? flow_wait_again(f) : flow_wait(f)));
    return STEP_WAIT;
}

StepResult
files_open(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;

    if (!keys_take(vm->run->start.files, err))
        return STEP_FAILED;
    return open_these(f, vm, vm->run->start.files, vm->run->live, err);
}

StepResult
files_open_these(Flow *f, Vm *vm, GPtrArray *files, GError **err)
{
    return open_these(f, vm, files, NULL, err);
}

StepResult
files_close(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    GPtrArray *files = vm->run->start.files;

    if (files)
        keys_wipe(files);
    /* The names are kept: QEMU's last words are told with them. */
    for (guint i = 0; files && i < files->len; i++)
        fd_close(&((HostFd *)files->pdata[i])->fd);
    return socket_undo(f, vm);
}

/* ---- who writes what */

char *
image_key(const HostFd *h)
{
    return g_strdup_printf("%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT, h->dev, h->ino);
}

gboolean
host_fd_is_image(const HostFd *h)
{
    return h->kind == HOST_READ || h->kind == HOST_WRITE;
}

gboolean
image_claim(Vm *vm, const HostFd *h, GError **err)
{
    g_autofree char *key = image_key(h);
    const Claim claim = { .kind = CLAIM_IMAGE,
                          .key = key,
                          .label = h->path,
                          .reads = h->kind == HOST_READ,
                          .shares = h->shared,
                          .owner = OWNER(vm) };

    return claim_take(&claim, err);
}

StepResult
images_claim(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    GPtrArray *files = vm->run->start.files;

    for (guint i = 0; i < files->len; i++) {
        const HostFd *h = files->pdata[i];
        if (host_fd_is_image(h) && !image_claim(vm, h, err))
            return STEP_FAILED;
    }
    return STEP_DONE;
}
