/* Sockets with a path, which a start makes and its undo takes away: nobody else's file is in the
 * way of the one, nor gone after the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "life.h"

/* The longest wait for a process that listens and accepts no connection. */
#define CONNECT_WAIT_S 10

static gboolean
address_of(const char *path, const char *what, struct sockaddr_un *ret_addr, GError **err)
{
    *ret_addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof ret_addr->sun_path)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: UNIX socket path '%s' is too long", what,
                    path);
    for (const char *p = path; *p; p++)
        if (g_ascii_iscntrl(*p))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "%s: UNIX socket path has the control character 0x%02x", what, (guint)*p);
    strcpy(ret_addr->sun_path, path);
    return TRUE;
}

/* A socket file that a process left when it died. One of a kind that we do not make is not. */
static gboolean
is_left_behind(const struct sockaddr_un *addr)
{
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 &&
           errno == ECONNREFUSED;
}

gboolean
socket_place(const char *path, const char *what, GError **err)
{
    g_autofree char *name = NULL;
    struct sockaddr_un addr;
    struct stat st;
    fd_auto dir = -1;

    if (!address_of(path, what, &addr, err))
        return FALSE;
    dir = file_reach_folder(path, &name);
    if (dir < 0)
        return fail_errno(err, errno, "%s: folder of socket '%s'", what, path);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || fail_errno(err, errno, "%s: socket '%s'", what, path);
    if (!S_ISSOCK(st.st_mode))
        return fail(err, ERR_OPERATION_FAILED,
                    "%s: '%s' is there already and is no socket; remove it, or name another path",
                    what, path);
    if (!is_left_behind(&addr))
        return fail(err, ERR_OPERATION_FAILED, "%s: somebody listens on socket '%s'", what, path);
    return unlinkat(dir, name, 0) == 0 ||
           fail_errno(err, errno, "%s: cannot remove the old socket '%s'", what, path);
}

static gboolean
listen_on(HostFd *h, int fd, const struct sockaddr_un *addr, GError **err)
{
    struct stat st;

    if (!socket_place(h->path, h->what, err))
        return FALSE;
    if (bind(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 || listen(fd, 4) < 0 ||
        lstat(h->path, &st) < 0)
        return fail_errno(err, errno, "%s: cannot listen on socket '%s'", h->what, h->path);
    h->dev = st.st_dev;
    h->ino = st.st_ino;
    return TRUE;
}

gboolean
socket_open(HostFd *h, GError **err)
{
    struct sockaddr_un addr;
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = { .tv_sec = CONNECT_WAIT_S }, none = { 0 };

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
        return fail_errno(err, errno, "%s: cannot make a socket", h->what);
    if (!address_of(h->path, h->what, &addr, err))
        return FALSE;
    if (h->kind == HOST_LISTEN
            ? !listen_on(h, fd, &addr, err)
            : connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0 &&
                  !fail_errno(err, errno, "%s: cannot connect to socket '%s'", h->what, h->path))
        return FALSE;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    h->fd = fd_steal(&fd);
    return TRUE;
}

/* ---- the ledger's part of it */

gboolean
socket_note(Flow *f, const HostFd *h, GError **err)
{
    g_autofree char *dev = g_strdup_printf("%" G_GUINT64_FORMAT, h->dev);
    g_autofree char *ino = g_strdup_printf("%" G_GUINT64_FORMAT, h->ino);

    return h->fd < 0 ? flow_note(f, h->path, WORDS(NULL), err)
                     : flow_note(f, h->path, WORDS(dev, ino), err);
}

/* ---- removing */

#define REMOVE_WAIT_MS 10000

typedef struct SocketRemoval {
    char *path;
    gboolean known; /* the file, by the ledger or by who made it */
    guint64 dev, ino;
} SocketRemoval;

static void
removal_free(gpointer data)
{
    SocketRemoval *r = data;

    g_free(r->path);
    g_free(r);
}

/* Whoever made it is dead by now. Where the ledger does not know its file (QEMU made it, or a
 * daemon that died just then), it is one that nobody listens on any more. */
static gboolean
is_of_the_start(const SocketRemoval *r, const struct stat *st)
{
    struct sockaddr_un addr;

    if (!S_ISSOCK(st->st_mode))
        return FALSE;
    if (r->known)
        return r->dev == st->st_dev && r->ino == st->st_ino;
    return address_of(r->path, "socket", &addr, NULL) && is_left_behind(&addr);
}

static gpointer
remove_in_worker(gpointer in, GError **err)
{
    const SocketRemoval *r = in;
    g_autofree char *name = NULL;
    struct stat st;
    fd_auto dir = file_reach_folder(r->path, &name);

    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    if (!is_of_the_start(r, &st))
        fail(err, ERR_OPERATION_FAILED, "'%s' is not the socket that was made there, and stays",
             r->path);
    else if (unlinkat(dir, name, 0) < 0)
        fail_errno(err, errno, "cannot remove '%s'", r->path);
    return NULL;
}

static void
on_removed(gpointer out, const GError *err, gpointer user)
{
    g_autofree FlowToken *token = user;

    if (err)
        log_warning("%s", err->message);
    flow_wake(*token, NULL);
}

/* A folder that does not answer keeps no guest from being gone. */
static gboolean
on_removal_late(gpointer user)
{
    flow_wake(*(const FlowToken *)user, NULL);
    return G_SOURCE_REMOVE;
}

static gboolean
word_read(const Flow *f, guint index, guint64 *ret_number)
{
    return flow_word(f, index) &&
           g_ascii_string_to_unsigned(flow_word(f, index), 10, 0, G_MAXUINT64, ret_number, NULL);
}

static SocketRemoval *
removal_new(const Flow *f)
{
    SocketRemoval *r = g_new0(SocketRemoval, 1);

    r->path = g_strdup(flow_key(f));
    r->known = word_read(f, 0, &r->dev) && word_read(f, 1, &r->ino);
    return r;
}

/* The daemon's own folder answers. */
static gboolean
is_in_run_folder(const char *path)
{
    gsize len = strlen(qemu_paths->run);

    return strncmp(path, qemu_paths->run, len) == 0 && path[len] == '/';
}

static void
remove_now(SocketRemoval *r)
{
    g_autoptr(GError) err = NULL;

    remove_in_worker(r, &err);
    if (err)
        log_warning("%s", err->message);
    removal_free(r);
}

StepResult
socket_undo(Flow *f, Vm *vm)
{
    FlowToken token;

    if (!flow_key(f))
        return STEP_DONE;
    if (is_in_run_folder(flow_key(f))) {
        remove_now(removal_new(f));
        return STEP_DONE;
    }
    token = flow_wait(f);
    offload_for(&vm->obj, remove_in_worker, removal_new(f), removal_free, on_removed,
                g_memdup2(&token, sizeof token));
    g_timeout_add_full(G_PRIORITY_DEFAULT, REMOVE_WAIT_MS, on_removal_late,
                       g_memdup2(&token, sizeof token), g_free);
    return STEP_WAIT;
}

void
socket_drop(const HostFd *h)
{
    SocketRemoval *r = g_new0(SocketRemoval, 1);
    const FlowToken nobody = 0;

    *r = (SocketRemoval){ g_strdup(h->path), TRUE, h->dev, h->ino };
    offload(remove_in_worker, r, removal_free, on_removed, g_memdup2(&nobody, sizeof nobody));
}
