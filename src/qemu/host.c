/* What start takes from the host: descriptors of files and sockets, ports, and the claim on images
 * that keeps two VMs from writing one. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu_priv.h"

/* ---- descriptors */

HostFd *
host_fd_new(HostKind kind, const char *path, const char *what)
{
    HostFd *h = g_new0(HostFd, 1);

    *h = (HostFd){ .kind = kind, .path = g_strdup(path), .what = g_strdup(what), .fd = -1 };
    return h;
}

void
host_fd_free(HostFd *h)
{
    if (!h)
        return;
    fd_close(&h->fd);
    g_free(h->path);
    g_free(h->what);
    g_free(h);
}

static gboolean
unix_address(const HostFd *h, struct sockaddr_un *ret_addr, GError **err)
{
    *ret_addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(h->path) >= sizeof ret_addr->sun_path)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: UNIX socket path '%s' is too long", h->what,
                    h->path);
    strcpy(ret_addr->sun_path, h->path);
    return TRUE;
}

static gboolean
open_socket(HostFd *h, GError **err)
{
    struct sockaddr_un addr;
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return fail_errno(err, errno, "%s: cannot make a socket", h->what);
    if (!unix_address(h, &addr, err))
        return FALSE;
    if (h->kind == HOST_CONNECT) {
        rc = connect(fd, (struct sockaddr *)&addr, sizeof addr);
    } else {
        unlink(h->path); /* what a dead QEMU left */
        rc = bind(fd, (struct sockaddr *)&addr, sizeof addr);
        if (rc == 0)
            rc = listen(fd, 4);
    }
    if (rc < 0)
        return fail_errno(err, errno, "%s: cannot %s socket '%s'", h->what,
                          h->kind == HOST_CONNECT ? "connect to" : "listen on", h->path);
    h->fd = fd_steal(&fd);
    return TRUE;
}

static const int open_flags[] = {
    [HOST_READ] = O_RDONLY,
    [HOST_WRITE] = O_RDWR,
    [HOST_CREATE] = O_WRONLY | O_CREAT | O_TRUNC,
    [HOST_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
    [HOST_DEVICE] = O_RDWR,
};

gboolean
host_open(HostFd *h, GError **err)
{
    if (h->kind == HOST_LISTEN || h->kind == HOST_CONNECT)
        return open_socket(h, err);
    h->fd = open(h->path,
                 open_flags[h->kind] | (h->direct ? O_DIRECT : 0) | O_CLOEXEC | O_NOCTTY, 0600);
    if (h->fd >= 0)
        return TRUE;
    if (h->kind == HOST_READ || h->kind == HOST_WRITE)
        return fail_errno(err, errno, "Cannot access storage file '%s'", h->path);
    return fail_errno(err, errno, "%s: cannot open '%s'", h->what, h->path);
}

/* ---- ports */

static gboolean
port_is_leased(guint16 port)
{
    g_autoptr(GPtrArray) vms = vm_list();

    for (guint i = 0; i < vms->len; i++) {
        const Run *run = ((Vm *)vms->pdata[i])->run;
        for (guint j = 0; run && j < run->ports->len; j++)
            if (g_array_index(run->ports, guint16, j) == port)
                return TRUE;
    }
    return FALSE;
}

/* Somebody else may listen on one of the addresses; a port that is free on the wildcard of both
 * families is free on all. */
static gboolean
port_is_free(guint16 port)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
    fd_auto a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fd_auto b = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(a, (struct sockaddr *)&four, sizeof four) < 0 || listen(a, 1) < 0)
        return FALSE;
    if (b < 0)
        return TRUE;
    setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(b, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return bind(b, (struct sockaddr *)&six, sizeof six) == 0 || errno != EADDRINUSE;
}

gboolean
port_lease(Run *run, guint16 from, guint16 to, guint16 *ret_port, GError **err)
{
    for (guint port = from; port <= to; port++) {
        guint16 p = (guint16)port;
        if (port_is_leased(p) || !port_is_free(p))
            continue;
        g_array_append_val(run->ports, p);
        *ret_port = p;
        return TRUE;
    }
    return fail(err, ERR_INTERNAL, "Unable to find an unused port in range '%u-%u'", from, to);
}

/* ---- images */

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
    Image image = { .path = g_strdup(h->path), .write = h->kind == HOST_WRITE };
    struct stat st;

    image.shared = h->shared;
    if (stat(h->path, &st) == 0) {
        image.dev = S_ISBLK(st.st_mode) ? 0 : st.st_dev;
        image.ino = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_ino;
    }
    g_array_append_val(run->images, image);
}

gboolean
images_claim(Vm *vm, GError **err)
{
    GPtrArray *files = vm->run->start.files;
    g_autoptr(GPtrArray) vms = vm_list();

    for (guint i = 0; i < files->len; i++) {
        const HostFd *h = files->pdata[i];
        if (h->kind == HOST_READ || h->kind == HOST_WRITE)
            image_add(vm->run, h);
    }
    for (guint i = 0; i < vm->run->images->len; i++)
        if (!image_check(vm, &g_array_index(vm->run->images, Image, i), vms, err))
            return FALSE;
    return TRUE;
}
