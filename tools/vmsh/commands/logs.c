/* logs: what QEMU said, from the file that the daemon keeps on this host. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

static const Option options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("follow", "go on with what is added, until interrupted"),
    { "lines", OPTION_NUMBER, OPTION_NAMED, NULL, "only so many of the last lines" },
    OPTION_END,
};

/* ---- where it is */

/* A daemon below another root has its logs there, too: its socket tells. */
static char *
folder_of(const Target *t, gboolean readonly)
{
    static const char *const ends[] = { "/run/vmd/vmd.sock", "/run/vmd/vmd-ro.sock" };
    g_autofree char *socket = target_socket(t, readonly);

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++)
        if ((t->socket || !t->session) && g_str_has_suffix(socket, ends[i])) {
            g_autofree char *root = g_strndup(socket, strlen(socket) - strlen(ends[i]));
            return g_strconcat(root, "/var/log/vmd/qemu", NULL);
        }
    return t->session && !t->socket
               ? g_build_filename(g_get_user_cache_dir(), "vmd", "log", "qemu", NULL)
               : NULL;
}

static gboolean
log_path(Shell *s, const char *name, char **ret_path, GError **err)
{
    Target t = { 0 };
    g_autofree char *folder = NULL;
    gboolean here;

    if (!target_parse(s->uri, &t, err))
        return FALSE;
    here = !t.ssh;
    folder = here ? folder_of(&t, s->readonly) : NULL;
    target_done(&t);
    if (!here)
        return refuse(err, "the log of '%s' is a file of the daemon's host: run vmsh there", name);
    if (!folder)
        return refuse(err, "it is not known where the daemon of %s has its logs", s->uri);
    *ret_path = g_strdup_printf("%s/%s.log", folder, name);
    return TRUE;
}

/* ---- what is in it */

/* Where the last n lines begin. */
static gsize
last_lines(const char *text, gsize len, gint64 n)
{
    gsize at = len;

    if (n == 0)
        return len;
    while (at > 0 && (at == len || text[at - 1] != '\n' || --n > 0))
        at--;
    return at;
}

/* From where it was left; a file that became shorter is read from its beginning. */
static gboolean
put_rest(Shell *s, int fd, GError **err)
{
    char buffer[65536];
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_CUR) > st.st_size)
        lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        put(s, "%.*s", (int)n, buffer);
    fflush(stdout);
    return n == 0 || fail_errno(err, errno, "cannot read the log");
}

/* The descriptor stands behind what was put. */
static gboolean
put_log(Shell *s, int fd, gint64 lines, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[65536];
    gsize from = 0;
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    if (n < 0)
        return fail_errno(err, errno, "cannot read the log");
    if (lines >= 0)
        from = last_lines(text->str, text->len, lines);
    put(s, "%s", text->str + from);
    fflush(stdout);
    return TRUE;
}

/* A new file of that name takes the old one's place when it has grown large. */
static gboolean
follow(Shell *s, const char *path, int *fd, GError **err)
{
    fd_auto watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd changed = { .fd = watch, .events = POLLIN };
    g_autofree char *folder = g_path_get_dirname(path);

    if (watch < 0 || inotify_add_watch(watch, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return fail_errno(err, errno, "cannot watch %s", folder);
    for (;;) {
        char events[4096];
        struct stat here, there;

        if (!put_rest(s, *fd, err) || !conn_wait(s->conn, &changed, 1, -1, err))
            return FALSE;
        while (read(watch, events, sizeof events) > 0)
            ;
        if (stat(path, &there) == 0 && fstat(*fd, &here) == 0 && here.st_ino != there.st_ino) {
            fd_auto fresh = open(path, O_RDONLY | O_CLOEXEC);
            if (fresh >= 0 && put_rest(s, *fd, err)) {
                fd_close(fd);
                *fd = fd_steal(&fresh);
            }
        }
    }
}

static gboolean
run(Shell *s, const Args *a, GError **err)
{
    g_autofree char *path = NULL;
    fd_auto fd = -1;
    gint64 lines = -1;
    DomainRef dom;

    if (!args_number(a, "lines", 0, G_MAXINT32, &lines, err) || !domain_get(s, a, &dom, err) ||
        !log_path(s, dom.name, &path, err))
        return FALSE;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return refuse(err, "domain '%s' was never started: there is no %s", dom.name, path);
    if (fd < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    return put_log(s, fd, lines, err) && (!args_flag(a, "follow") || follow(s, path, &fd, err));
}

const Command logs_commands[] = {
    { "logs", "what QEMU said", "Print the domain's log, of a daemon on this host.", options, run,
      COMMAND_TALKS },
    { 0 },
};
