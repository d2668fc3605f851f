/* systemd's side of the daemon: see sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

/* The socket's maker may have left it blocking, so that is set here. */
static gboolean
take_socket(int fd, const char *name, int *ret_fd, GError **err)
{
    int is_socket = sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0);

    if (is_socket < 0)
        return fail_errno(err, -is_socket, "cannot look at descriptor %d ('%s')", fd, name);
    if (!is_socket)
        return fail(err, ERR_INVALID_ARG,
                    "descriptor %d ('%s') is no UNIX stream socket that listens", fd, name);
    if (*ret_fd >= 0)
        return fail(err, ERR_INVALID_ARG, "two descriptors came as '%s'", name);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return fail_errno(err, errno, "cannot set up descriptor %d", fd);
    *ret_fd = fd;
    return TRUE;
}

gboolean
service_sockets(ServerSockets *ret_sockets, GError **err)
{
    ServerSockets given = { -1, -1 };
    g_auto(GStrv) names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    if (n < 0)
        return fail_errno(err, -n, "cannot tell which sockets the daemon was started with");
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        gboolean is_ro = strcmp(names[i], "vmd-ro") == 0;
        if (!is_ro && strcmp(names[i], "vmd") != 0)
            return fail(err, ERR_INVALID_ARG,
                        "descriptor %d came as '%s'; its FileDescriptorName= must be vmd or vmd-ro",
                        fd, names[i]);
        if (!take_socket(fd, names[i], is_ro ? &given.ro : &given.rw, err))
            return FALSE;
    }
    *ret_sockets = given;
    return TRUE;
}

void
service_ready(void)
{
    sd_notify(0, "READY=1\nSTATUS=serves clients");
}

void
service_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
}

void
service_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

static gboolean
on_watch(gpointer user)
{
    sd_notify(0, "WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

guint
service_watch(void)
{
    guint64 us;

    if (sd_watchdog_enabled(0, &us) <= 0)
        return 0;
    return g_timeout_add((guint)MIN(us / 1000 / 3 + 1, G_MAXUINT), on_watch, NULL);
}
