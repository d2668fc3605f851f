/* What start takes from the host: descriptors of files and sockets, and ports. */
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

HostFd *
host_fd_copy(const HostFd *h)
{
    HostFd *copy = host_fd_new(h->kind, h->path, h->what);

    copy->set = h->set;
    copy->shared = h->shared;
    copy->direct = h->direct;
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

static const char *
kind_of_file(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    default:
        return NULL;
    }
}

/* O_NONBLOCK: a pipe would be waited for. It means nothing to what an image may be, and is taken
 * back, for QEMU looks at the flags. */
static gboolean
open_image(HostFd *h, GError **err)
{
    int flags = open_flags[h->kind] | (h->direct ? O_DIRECT : 0);
    fd_auto fd = open(h->path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(err, errno, "Cannot access storage file '%s'", h->path);
    if (kind_of_file(st.st_mode))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: '%s' is %s, not a file or block device",
                    h->what, h->path, kind_of_file(st.st_mode));
    if (fcntl(fd, F_SETFL, flags) < 0)
        return fail_errno(err, errno, "%s: '%s'", h->what, h->path);
    h->dev = S_ISBLK(st.st_mode) ? 0 : st.st_dev;
    h->ino = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_ino;
    h->fd = fd_steal(&fd);
    return TRUE;
}

gboolean
host_open(HostFd *h, GError **err)
{
    if (h->kind == HOST_LISTEN || h->kind == HOST_CONNECT)
        return open_socket(h, err);
    if (h->kind == HOST_READ || h->kind == HOST_WRITE)
        return open_image(h, err);
    h->fd = open(h->path, open_flags[h->kind] | O_CLOEXEC | O_NOCTTY, 0600);
    return h->fd >= 0 || fail_errno(err, errno, "%s: cannot open '%s'", h->what, h->path);
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
