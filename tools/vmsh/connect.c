/* From a URI to an open connection: unix sockets, ssh, and a session's daemon that is started when
 * it does not run yet. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmsh.h"

enum { START_SECONDS = 30 };

/* *ret_errno tells why not, for who can do something about it. flags: as of socket(2). */
static gboolean
socket_connect_with(const char *path, int flags, int *ret_fd, int *ret_errno, GError **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    gsize len = strlen(path);
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    *ret_errno = 0;
    if (fd < 0)
        return fail_errno(err, errno, "cannot make a socket");
    if (len >= sizeof(address.sun_path))
        return refuse(err, "the socket's path is longer than %zu bytes: %s",
                      sizeof(address.sun_path) - 1, path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        *ret_errno = errno;
        return fail_errno(err, errno, "Failed to connect socket to '%s'", path);
    }
    *ret_fd = fd_steal(&fd);
    return TRUE;
}

static gboolean
socket_connect(const char *path, int *ret_fd, int *ret_errno, GError **err)
{
    return socket_connect_with(path, 0, ret_fd, ret_errno, err);
}

Conn *
conn_try(const char *path, gint64 until)
{
    Conn *c;
    int fd, errnum;

    if (!socket_connect_with(path, SOCK_NONBLOCK, &fd, &errnum, NULL))
        return NULL;
    c = conn_new(fd, 0);
    conn_limit(c, until);
    return c;
}

/* ---- a session's daemon */

/* vmd as it lies beside this binary: in a build tree, installed, or in PATH. */
static char *
daemon_path(void)
{
    static const char *const places[] = { "vmd", "../daemon/vmd", "../sbin/vmd", "../bin/vmd" };
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;

    for (gsize i = 0; folder && i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(folder, places[i], NULL);
        if (access(path, X_OK) == 0 && !g_file_test(path, G_FILE_TEST_IS_DIR))
            return g_steal_pointer(&path);
    }
    return g_find_program_in_path("vmd");
}

/* Where what the daemon says goes, until it has a log of its own. */
static char *
daemon_log_path(void)
{
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "vmd", "log", NULL);

    dir_make(folder, 0700, NULL);
    return g_build_filename(folder, "vmd.log", NULL);
}

static void
daemon_child(gpointer log)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    setsid();
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
}

static gboolean
daemon_ended(GPid pid, const char *log, GError **err)
{
    g_autofree char *said = NULL;
    g_autofree char *how = NULL;
    int status;

    if (waitpid(pid, &status, WNOHANG) != pid)
        return TRUE;
    how = process_status_text(status);
    file_read(log, 65536, &said, NULL, NULL);
    return refuse(err, "vmd was started and %s: %s", how ? how : "ended",
                  said && *said ? g_strchomp(said) : log);
}

/* Starts it and waits until its socket answers. */
static gboolean
daemon_start(const char *socket, int *ret_fd, GError **err)
{
    g_autofree char *path = daemon_path();
    g_autofree char *log = daemon_log_path();
    char *argv[] = { path, (char *)"--session", NULL };
    gint64 end = g_get_monotonic_time() + START_SECONDS * G_USEC_PER_SEC;
    g_autoptr(GError) why = NULL;
    GPid pid;
    int errnum;

    if (!path)
        return refuse(err, "vmd is neither beside vmsh nor in PATH");
    if (!g_spawn_async("/", argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                       daemon_child, log, &pid, &why))
        return refuse(err, "cannot start %s: %s", path, why->message);
    for (;;) {
        if (socket_connect(socket, ret_fd, &errnum, NULL))
            return TRUE;
        /* It may end because another one was quicker, which then answers. */
        if (!daemon_ended(pid, log, err))
            return socket_connect(socket, ret_fd, &errnum, NULL) ? (g_clear_error(err), TRUE)
                                                                 : FALSE;
        if (g_get_monotonic_time() > end)
            return refuse(err, "vmd does not open %s within %d s; see %s", socket, START_SECONDS,
                          log);
        g_usleep(10000);
    }
}

static gboolean
may_start_daemon(const Target *t, int errnum)
{
    const char *wish = g_getenv("LIBVIRT_AUTOSTART");

    return t->session && !t->socket && (errnum == ENOENT || errnum == ECONNREFUSED) &&
           g_strcmp0(wish, "0") != 0;
}

static gboolean
local_connect(const Target *t, gboolean readonly, int *ret_fd, GError **err)
{
    g_autofree char *path = target_socket(t, readonly);
    g_autoptr(GError) why = NULL;
    int errnum;

    if (socket_connect(path, ret_fd, &errnum, &why))
        return TRUE;
    if (may_start_daemon(t, errnum))
        return daemon_start(path, ret_fd, err);
    g_propagate_error(err, g_steal_pointer(&why));
    return FALSE;
}

/* ---- ssh */

static gboolean
ssh_connect(const Target *t, gboolean readonly, int *ret_fd, pid_t *ret_pid, GError **err)
{
    g_auto(GStrv) argv = target_ssh_argv(t, readonly);
    g_autoptr(GError) why = NULL;
    fd_auto ours = -1;
    fd_auto theirs = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "cannot make a pair of sockets");
    ours = pair[0];
    theirs = pair[1];
    if (!g_spawn_async_with_fds("/", argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                                NULL, NULL, ret_pid, theirs, theirs, -1, &why))
        return refuse(err, "cannot run ssh: %s", why->message);
    *ret_fd = fd_steal(&ours);
    return TRUE;
}

Conn *
conn_open(const char *uri, gboolean readonly, const KeepAlive *keepalive, GError **err)
{
    Target t = { 0 };
    g_autoptr(Conn) c = NULL;
    pid_t helper = 0;
    int fd = -1;
    gboolean ok;

    if (!target_parse(uri, &t, err))
        return NULL;
    ok = t.ssh ? ssh_connect(&t, readonly, &fd, &helper, err)
               : local_connect(&t, readonly, &fd, err);
    if (ok) {
        g_autoptr(GError) why = NULL;

        c = conn_new(fd, helper);
        ok = conn_start(c, t.name, readonly, keepalive, &why);
        if (!ok && t.ssh && !conn_alive(c))
            refuse(err, "ssh to '%s' ended before vmd answered; what it said is above", t.host);
        else if (!ok)
            g_propagate_error(err, g_steal_pointer(&why));
    }
    target_done(&t);
    return ok ? g_steal_pointer(&c) : NULL;
}

/* ---- the other end of ssh, or of TLS */

/* Writes all of it. */
static gboolean
copy_out(int fd, const char *data, gsize len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        data += n;
        len -= (gsize)n;
    }
    return TRUE;
}

/* FALSE at the end of either side. */
static gboolean
copy_some(int from, int to)
{
    char buffer[65536];
    ssize_t n = read(from, buffer, sizeof(buffer));

    if (n < 0 && errno == EINTR)
        return TRUE;
    return n > 0 && copy_out(to, buffer, (gsize)n);
}

gboolean
relay(const char *uri, gboolean readonly, gboolean greets, GError **err)
{
    Target t = { 0 };
    fd_auto fd = -1;
    gboolean ok;

    if (!target_parse(uri, &t, err))
        return FALSE;
    ok = t.ssh ? refuse(err, "%s: one ssh is enough", uri) : local_connect(&t, readonly, &fd, err);
    target_done(&t);
    if (ok && greets)
        ok = copy_out(STDOUT_FILENO, "\1", 1);
    while (ok) {
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                { .fd = fd, .events = POLLIN } };
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
            return fail_errno(err, errno, "poll");
        if ((fds[0].revents && !copy_some(STDIN_FILENO, fd)) ||
            (fds[1].revents && !copy_some(fd, STDOUT_FILENO)))
            break;
    }
    return ok;
}
