/* Where VNC is listened for: the daemon makes the socket, in the host's network and as who it is,
 * and QEMU, which has neither, gets it by its monitor. Nobody is let in before: passwords are set
 * by then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "life.h"

#define BACKLOG 16

typedef union ListenPlace {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
} ListenPlace;

static gboolean
place_of(const char *address, guint16 port, ListenPlace *ret_place, socklen_t *ret_len)
{
    memset(ret_place, 0, sizeof *ret_place);
    if (inet_pton(AF_INET, address, &ret_place->four.sin_addr) == 1) {
        ret_place->four.sin_family = AF_INET;
        ret_place->four.sin_port = htons(port);
        *ret_len = sizeof ret_place->four;
        return TRUE;
    }
    ret_place->six.sin6_family = AF_INET6;
    ret_place->six.sin6_port = htons(port);
    *ret_len = sizeof ret_place->six;
    return inet_pton(AF_INET6, address, &ret_place->six.sin6_addr) == 1;
}

/* The error has wire code 1, as it would if QEMU had reported it. */
static gboolean
listen_failed(const Vm *vm, const char *address, guint16 port, int errnum, GError **err)
{
    g_autofree char *taken = errnum == EADDRINUSE ? start_port_taken(vm, port) : NULL;

    if (taken)
        return fail(err, ERR_PLAIN, "%s", taken);
    if (errnum == EADDRNOTAVAIL)
        return fail(err, ERR_PLAIN,
                    "VNC: this host has no address '%s'; name one that it has in <listen "
                    "address=''>, or leave it out",
                    address);
    return fail_errno(err, errnum, "graphics 'vnc': cannot listen on port %u of '%s'", port,
                      address);
}

/* Listens at "::" for both families, as QEMU does. */
static int
listen_on(const Vm *vm, const char *address, guint16 port, GError **err)
{
    const int on = 1, off = 0;
    ListenPlace place;
    socklen_t len;
    fd_auto fd = -1;

    if (!place_of(address, port, &place, &len)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "graphics 'vnc': '%s' is no address", address);
        return -1;
    }
    fd = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (fd >= 0 && bind(fd, &place.any, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd_steal(&fd);
    listen_failed(vm, address, port, errno, err);
    return -1;
}

static const GraphicsDef *
find_handed(const Run *run)
{
    EACH (const GraphicsDef, g, run->live->devices.graphics)
        if (args_vnc_is_handed(g, run->start.emulator))
            return g;
    return NULL;
}

static void
hand_over(Calls *c, int fd)
{
    json_object *address = json_make("type", 's', "fd", "str", 's', "vnc", NULL);
    json_object *list = json_object_new_array();

    json_object_array_add(list, address);
    calls_add(c, "getfd", json_make("fdname", 's', "vnc", NULL), fd);
    calls_add(c, "display-update", json_make("type", 's', "vnc", "addresses", 'o', list, NULL), -1);
}

StepResult
displays_hand_over(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    const GraphicsDef *g = find_handed(vm->run);
    const GraphicsListen *l = g ? list_item(g->listens, 0) : NULL;
    fd_auto own = -1;
    int fd = -1;
    Calls *c;

    if (!g)
        return STEP_DONE;
    if (l && l->type == LISTEN_SOCKET) {
        ArgsIn in = { .files = vm->run->start.files };
        const HostFd *h = args_file_find(&in, l->socket, HOST_LISTEN);
        fd = h ? h->fd : -1;
    } else {
        fd = own = listen_on(vm, args_listen_address(g), (guint16)g->port, err);
    }
    if (fd < 0)
        return STEP_FAILED;
    c = calls_new(vm, FALSE);
    hand_over(c, fd);
    return calls_wait(c, f);
}
