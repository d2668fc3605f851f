/* Consoles, channels, pictures and graphics: what a client sees of the guest itself. */
#include <errno.h>
#include <sys/socket.h>

#include "on_domain.h"

/* ---- consoles and channels: a stream both ways */

typedef struct Console {
    Vm *vm; /* referenced */
    guint64 ticket;
} Console;

static void
console_close(gpointer user)
{
    Console *k = user;

    vm_console_close(k->vm, k->ticket);
    object_unref(k->vm);
    g_free(k);
}

/* Takes fd. */
static void
console_serve(Call *c, Vm *vm, int fd, guint64 ticket)
{
    Console *k = g_new0(Console, 1);

    k->vm = object_ref(vm);
    k->ticket = ticket;
    if (!call_splice(c, fd, console_close, k))
        console_close(k);
    call_reply_none(c);
}

static void
open_console(Call *c, Vm *vm)
{
    const DomainOpenConsoleArgs *in = call_in(c);
    GError *err = NULL;
    guint64 ticket;
    int fd;

    if (vm_console_open(vm, in->dev_name, in->flags, &fd, &ticket, &err))
        console_serve(c, vm, fd, ticket);
    else
        call_fail(c, err);
}

static void
open_channel(Call *c, Vm *vm)
{
    const DomainOpenChannelArgs *in = call_in(c);
    GError *err = NULL;
    guint64 ticket;
    int fd;

    if (vm_channel_open(vm, in->name, in->flags, &fd, &ticket, &err))
        console_serve(c, vm, fd, ticket);
    else
        call_fail(c, err);
}

/* ---- pictures */

static void
on_picture(int fd, const char *mime, const GError *err, gpointer user)
{
    Call *c = user;
    DomainScreenshotRet out = { .mime = mime };

    if (err) {
        call_fail(c, g_error_copy(err));
        return;
    }
    call_splice(c, fd, NULL, NULL);
    call_reply(c, &out);
}

static void
screenshot(Call *c, Vm *vm)
{
    const DomainScreenshotArgs *in = call_in(c);

    vm_screenshot(vm, in->screen, call_asker(c), on_picture, c);
}

/* ---- graphics */

static void
on_graphics(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
open_graphics(Call *c, Vm *vm)
{
    const DomainOpenGraphicsArgs *in = call_in(c);
    GError *err = NULL;
    int fd = call_socket(c, 0, &err);

    if (fd < 0)
        call_fail(c, err);
    else
        vm_open_graphics(vm, in->idx, fd, in->flags, call_asker(c), on_graphics, c);
}

/* The other way round: we make the pair and the client gets one end. */
typedef struct Pair {
    Call *call;
    int fd;
} Pair;

static void
on_graphics_fd(Vm *vm, const GError *err, gpointer user)
{
    Pair *p = user; /* lies in the call's arena */
    fd_auto fd = p->fd;

    if (err)
        call_fail(p->call, g_error_copy(err));
    else
        call_reply_fds(p->call, "", 0, &fd, 1);
}

static void
open_graphics_fd(Call *c, Vm *vm)
{
    const DomainOpenGraphicsFdArgs *in = call_in(c);
    GError *err = NULL;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        fail_errno(&err, errno, "cannot make a pair of sockets");
        call_fail(c, err);
        return;
    }
    fd_auto theirs = ends[1];
    Pair *p = arena_new(call_arena(c), Pair, 1);
    *p = (Pair){ c, ends[0] };
    vm_open_graphics(vm, in->idx, theirs, in->flags, call_asker(c), on_graphics_fd, p);
}

enum { CONSOLE_FORCE = 1, CONSOLE_SAFE = 2 };
enum { CHANNEL_FORCE = 1 };
enum { GRAPHICS_SKIP_AUTH = 1 };

const Method console_methods[] = {
    { ON_DOMAIN(DOMAIN_OPEN_CONSOLE, open_console), FLAGS(CONSOLE_FORCE | CONSOLE_SAFE),
      MAY(DOMAIN_OPEN_DEVICE) },
    { ON_DOMAIN(DOMAIN_OPEN_CHANNEL, open_channel), FLAGS(CHANNEL_FORCE), MAY(DOMAIN_OPEN_DEVICE) },
    { ON_DOMAIN(DOMAIN_SCREENSHOT, screenshot), MAY(DOMAIN_SCREENSHOT) },
    { ON_DOMAIN(DOMAIN_OPEN_GRAPHICS, open_graphics), FLAGS(GRAPHICS_SKIP_AUTH),
      MAY(DOMAIN_OPEN_GRAPHICS) },
    { ON_DOMAIN(DOMAIN_OPEN_GRAPHICS_FD, open_graphics_fd), FLAGS(GRAPHICS_SKIP_AUTH),
      MAY(DOMAIN_OPEN_GRAPHICS) },
    { 0 },
};
