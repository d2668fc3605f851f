/* Resources of the host that a start takes: descriptors of files and sockets, and ports. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "life.h"
#include "storage/storage.h"

/* ---- descriptors */

static const int open_flags[] = {
    [HOST_READ] = O_RDONLY,
    [HOST_WRITE] = O_RDWR,
    [HOST_CREATE] = O_WRONLY | O_TRUNC | O_APPEND,
    [HOST_APPEND] = O_WRONLY | O_APPEND,
    [HOST_DEVICE] = O_RDWR,
};

/* Whatever links led there, and before it is opened. The firmware of a host, for one, is every
 * guest's. */
static gboolean
may_write(const HostFd *h, int fd, GError **err)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *file = g_file_read_link(link, NULL);

    if (h->kind != HOST_WRITE || !path_is_installed(file ? file : h->path))
        return TRUE;
    return fail(
        err, ERR_CONFIG_UNSUPPORTED,
        "%s: '%s' is a file that the distribution has installed, and no guest may write it; "
        "make it read-only, or name a copy",
        h->what, file ? file : h->path);
}

/* A copy in memory that nobody can write: the file is root's alone, or its owner's, and QEMU opens
 * what it is given once more. */
static int
copy_sealed(int fd, off_t size)
{
    fd_auto copy = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    off_t at = 0;

    if (copy < 0)
        return -1;
    while (at < size) {
        gssize n = sendfile(copy, fd, &at, (gsize)(size - at));
        if (n < 0)
            return -1;
        if (n == 0)
            break; /* it was cut meanwhile */
    }
    if (fcntl(copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -1;
    return fd_steal(&copy);
}

static gboolean
open_for_others(const HostFd *h, int *fd, const struct stat *st, GError **err)
{
    int copy;

    if (!h->by_name || !h->owner || !S_ISREG(st->st_mode) || st->st_mode & S_IROTH)
        return TRUE;
    copy = copy_sealed(*fd, st->st_size);
    if (copy < 0)
        return fail_errno(err, errno, "%s: cannot copy '%s'", h->what, h->path);
    fd_close(fd);
    *fd = copy;
    return TRUE;
}

/* O_NONBLOCK: a pipe would be waited for. It means nothing to what an image may be, and is taken
 * back, for QEMU looks at the flags. */
static gboolean
open_image(HostFd *h, GError **err)
{
    int flags = open_flags[h->kind] | (h->direct ? O_DIRECT : 0);
    struct stat st;
    fd_auto place = image_place(h->path, IMAGE_DEVICES, &st, err), fd = -1;

    if (place < 0)
        return err && error_is(*err, ERR_SYSTEM) ? FALSE : fail_prefix(err, "%s: ", h->what);
    if (!may_write(h, place, err) || (fd = image_reopen(place, h->path, flags, err)) < 0 ||
        !image_check_opened(h, fd, err))
        return FALSE;
    if (fcntl(fd, F_SETFL, flags) < 0)
        return fail_errno(err, errno, "%s: '%s'", h->what, h->path);
    if (!open_for_others(h, &fd, &st, err))
        return FALSE;
    h->dev = S_ISBLK(st.st_mode) ? 0 : st.st_dev;
    h->ino = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_ino;
    h->fd = fd_steal(&fd);
    return TRUE;
}

#define READER_WAIT_US (30 * G_USEC_PER_SEC)
#define READER_LOOK_US (50 * 1000)

static int
open_place(const HostFd *h, int flags, struct stat *ret_st)
{
    fd_auto place = -1;

    if (h->kind != HOST_DEVICE)
        return file_open_output(h->path, flags, 0600, ret_st);
    place = file_reach(h->path, ret_st);
    return place < 0 ? -1 : fd_reopen(place, flags);
}

/* A pipe is there for who reads it: that is waited for, holding nothing, and not for ever. */
static int
open_patiently(const HostFd *h, int flags)
{
    gint64 until = g_get_monotonic_time() + READER_WAIT_US;
    struct stat st = { 0 };
    int fd;

    while ((fd = open_place(h, flags, &st)) < 0 && errno == ENXIO && S_ISFIFO(st.st_mode) &&
           g_get_monotonic_time() < until)
        g_usleep(READER_LOOK_US);
    return fd;
}

static gboolean
open_other(HostFd *h, GError **err)
{
    int flags = open_flags[h->kind];
    fd_auto fd = open_patiently(h, flags | O_NONBLOCK);

    if (fd < 0 || fcntl(fd, F_SETFL, flags & O_APPEND) < 0)
        return fail_errno(err, errno, "%s: cannot open '%s'", h->what, h->path);
    h->fd = fd_steal(&fd);
    return TRUE;
}

/* Not every file system makes files without a name. */
static int
make_nameless(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_strdup_printf("%s/vmd-XXXXXX", folder);
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static gboolean
open_memory(HostFd *h, GError **err)
{
    fd_auto fd = make_nameless(h->path);

    if (fd < 0 || (h->owner && fchown(fd, h->owner, (gid_t)-1) < 0))
        return fail_errno(err, errno, "%s: cannot make '%s'", h->what, h->path);
    h->fd = fd_steal(&fd);
    return TRUE;
}

gboolean
host_open(HostFd *h, GError **err)
{
    if (h->kind == HOST_SECRET) /* which no worker has */
        return TRUE;
    if (h->kind == HOST_MEMORY)
        return open_memory(h, err);
    if (h->kind == HOST_PLACE)
        return socket_place(h->path, h->what, err);
    if (h->kind == HOST_LISTEN || h->kind == HOST_CONNECT)
        return socket_open(h, err);
    if (h->kind == HOST_OVERLAY)
        return overlay_open(h, err);
    if (h->kind == HOST_READ || h->kind == HOST_WRITE)
        return open_image(h, err);
    return open_other(h, err);
}

/* ---- ports */

/* Several may name one port, each on an address of its own: QEMU finds out. */
static gboolean
port_claim(Vm *vm, guint16 port, GError **err)
{
    char key[8];
    const Claim claim = { .kind = CLAIM_PORT, .key = key, .shares = TRUE, .owner = OWNER(vm) };

    g_snprintf(key, sizeof key, "%u", port);
    return claim_take(&claim, err);
}

static gboolean
port_is_claimed(guint16 port)
{
    char key[8];

    g_snprintf(key, sizeof key, "%u", port);
    return claim_find(CLAIM_PORT, key) != NULL;
}

void
port_note(Vm *vm, guint16 port)
{
    if (port > 0)
        port_claim(vm, port, NULL);
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
port_lease(Vm *vm, guint16 from, guint16 to, guint16 *ret_port, GError **err)
{
    for (guint port = from; port <= to; port++) {
        guint16 p = (guint16)port;
        if (port_is_claimed(p) || !port_is_free(p))
            continue;
        *ret_port = p;
        return port_claim(vm, p, err);
    }
    return fail(err, ERR_INTERNAL, "Unable to find an unused port in range '%u-%u'", from, to);
}
