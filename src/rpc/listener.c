/* The sockets: ours, those that somebody else listens on for us, and those where clients of libvirt
 * look. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc_priv.h"

#define BACKLOG 1000

/* Where libvirt's daemons listen, below the folder libvirt beside ours. A client that names no
 * socket takes that of the daemon for its URI, or else the one of the daemon for all. */
static const char *const libvirt_daemons[] = {
    "libvirt",     "virtqemud",    "virtnetworkd",  "virtstoraged",
    "virtsecretd", "virtnodedevd", "virtnwfilterd", "virtinterfaced",
};
G_STATIC_ASSERT(2 + 2 * G_N_ELEMENTS(libvirt_daemons) == N_LISTENERS);

/* A session's sockets are its user's alone. Without a group nobody but root gets what the group
 * would. */
static gboolean
listener_permit(const Listener *l, GError **err)
{
    const ServerSettings *settings = l->server->settings;
    mode_t mode = l->readonly ? settings->ro_perms : settings->rw_perms;
    const ServerGroup *group = &settings->group;

    if (l->server->paths->session) {
        mode = 0600;
    } else {
        if (chown(l->path, (uid_t)-1, group->is_there ? group->gid : 0) < 0)
            return fail_errno(err, errno, "cannot give %s to group %s", l->path,
                              group->is_there ? group->name : "root");
        if (!group->is_there && !l->readonly)
            mode &= ~(mode_t)070;
    }
    return chmod(l->path, mode) == 0 ||
           fail_errno(err, errno, "cannot set the mode of %s", l->path);
}

static gboolean
address_of(const char *path, struct sockaddr_un *ret_address, GError **err)
{
    *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(ret_address->sun_path))
        return fail(err, ERR_INVALID_ARG, "the socket path %s is longer than %zu characters", path,
                    sizeof(ret_address->sun_path) - 1);
    strcpy(ret_address->sun_path, path);
    return TRUE;
}

static gboolean
bind_socket(Listener *l, GError **err)
{
    struct sockaddr_un address;
    struct stat st;

    if (!address_of(l->path, &address, err) || !file_remove(l->path, err))
        return FALSE;
    /* Nobody may slip in between bind and chmod. */
    mode_t old = umask(0777);
    int rc = bind(l->fd, (struct sockaddr *)&address, sizeof(address));
    int errnum = errno;
    umask(old);
    if (rc < 0 || stat(l->path, &st) < 0)
        return fail_errno(err, rc < 0 ? errnum : errno, "cannot bind %s", l->path);
    l->device = st.st_dev;
    l->inode = st.st_ino;
    return TRUE;
}

/* Takes path. */
static gboolean
listener_open(Listener *l, char *path, GError **err)
{
    l->path = path;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return fail_errno(err, errno, "cannot make a socket");
    if (!bind_socket(l, err) || !listener_permit(l, err))
        return FALSE;
    return listen(l->fd, BACKLOG) == 0 || fail_errno(err, errno, "cannot listen on %s", l->path);
}

/* What took the place of its file is somebody else's. */
static void
listener_close(Listener *l)
{
    struct stat st;

    g_clear_handle_id(&l->watch, g_source_remove);
    if (l->inode && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        file_remove(l->path, NULL);
    l->inode = 0;
    fd_close(&l->fd);
    g_clear_pointer(&l->path, g_free);
}

/* ---- the names that clients of libvirt try */

static gboolean
somebody_listens(const char *path)
{
    struct sockaddr_un address;
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || !address_of(path, &address, NULL))
        return FALSE;
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
}

static char *
libvirt_path(const Server *s, gsize daemon, gboolean readonly)
{
    g_autofree char *run = g_path_get_dirname(s->paths->run);
    g_autofree char *name = g_strconcat(libvirt_daemons[daemon], readonly ? "-sock-ro" : "-sock",
                                        NULL);

    return g_build_filename(run, "libvirt", name, NULL);
}

static gboolean
libvirt_is_away(const Server *s, GError **err)
{
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(libvirt_daemons); i++) {
        g_autofree char *path = libvirt_path(s, i / 2, i % 2);
        if (somebody_listens(path))
            return fail(err, ERR_BUSY,
                        "a daemon of libvirt's listens at %s: stop it and its sockets (systemctl), "
                        "or say compat_sockets = no in vmd.conf",
                        path);
    }
    return TRUE;
}

static gboolean
compat_open(Server *s, GError **err)
{
    g_autofree char *run = g_path_get_dirname(s->paths->run);
    g_autofree char *folder = g_build_filename(run, "libvirt", NULL);
    gboolean readonly = !s->paths->session && s->settings->readonly;

    s->made_folder = !g_file_test(folder, G_FILE_TEST_EXISTS);
    if (!libvirt_is_away(s, err) || !dir_make(folder, s->paths->session ? 0700 : 0755, err))
        return FALSE;
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(libvirt_daemons); i++) {
        Listener *l = &s->listeners[2 + i];
        if ((!l->readonly || readonly) &&
            !listener_open(l, libvirt_path(s, i / 2, l->readonly), err))
            return FALSE;
    }
    return TRUE;
}

static void
compat_close(Server *s)
{
    g_autofree char *run = g_path_get_dirname(s->paths->run);
    g_autofree char *folder = g_build_filename(run, "libvirt", NULL);

    for (gsize i = 2; i < N_LISTENERS; i++)
        listener_close(&s->listeners[i]);
    if (s->made_folder)
        rmdir(folder); /* unless somebody else has something in it */
    s->made_folder = FALSE;
}

/* ---- all */

static gboolean
own_open(Server *s, gsize i, const char *name, int given, GError **err)
{
    Listener *l = &s->listeners[i];
    char *path = g_build_filename(s->paths->run, name, NULL);

    if (given < 0)
        return listener_open(l, path, err);
    l->path = path;
    l->fd = given;
    return TRUE;
}

/* Without the names of libvirt's the daemon is as good as ever. */
gboolean
listeners_open(Server *s, const ServerSockets *given, GError **err)
{
    g_autoptr(GError) why = NULL;

    for (gsize i = 0; i < N_LISTENERS; i++)
        s->listeners[i] = (Listener){ .server = s, .fd = -1, .readonly = i % 2 };
    if (!own_open(s, 0, "vmd.sock", given->rw, err))
        return FALSE;
    if ((given->ro >= 0 || (!s->paths->session && s->settings->readonly)) &&
        !own_open(s, 1, "vmd-ro.sock", given->ro, err))
        return FALSE;
    if (s->settings->compat && !compat_open(s, &why)) {
        compat_close(s);
        log_error("no sockets under libvirt's names: %s", why->message);
    }
    return TRUE;
}

/* Those that were given have the group and mode of whoever made them. */
void
listeners_permit(Server *s)
{
    for (gsize i = 0; i < N_LISTENERS; i++) {
        g_autoptr(GError) err = NULL;
        if (s->listeners[i].inode && !listener_permit(&s->listeners[i], &err))
            log_error("%s", err->message);
    }
}

static gboolean
is_in_place(const Listener *l)
{
    struct stat st;

    return lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode;
}

/* Only what is not there any more: what took the place of a socket stays. */
gboolean
listeners_again(Server *s, GError **err)
{
    for (gsize i = 0; i < N_LISTENERS; i++) {
        Listener *l = &s->listeners[i];
        g_autofree char *folder = l->path ? g_path_get_dirname(l->path) : NULL;

        if (!l->inode || is_in_place(l) || access(l->path, F_OK) == 0)
            continue;
        g_clear_handle_id(&l->watch, g_source_remove);
        fd_close(&l->fd);
        if (!dir_make(folder, s->paths->session ? 0700 : 0755, err) ||
            !listener_open(l, g_steal_pointer(&l->path), err))
            return FALSE;
    }
    return TRUE;
}

void
listeners_close(Server *s)
{
    compat_close(s);
    for (gsize i = 0; i < 2; i++)
        listener_close(&s->listeners[i]);
}
