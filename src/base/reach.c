/* Reaching a file through folders that other users may write. A name there can become a link to any
 * file of the host between two looks. So the path is walked once, and the file at its end is held
 * by a descriptor. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */

typedef struct ReachWay {
    int at;      /* O_PATH: the folder that rest begins in, in the end the file */
    char *rest;  /* names to go */
    guint links; /* followed */
    uid_t maker; /* of a link that is neither root's nor ours; 0: there was none */
} ReachWay;

static void
way_done(ReachWay *w)
{
    fd_close(&w->at);
    g_clear_pointer(&w->rest, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReachWay, way_done)

static gboolean
way_go_to(ReachWay *w, int fd)
{
    fd_close(&w->at);
    w->at = fd;
    return fd >= 0;
}

static gboolean
way_count(ReachWay *w, uid_t maker)
{
    gboolean foreign = maker != 0 && maker != geteuid();

    errno = ++w->links > LINKS_MAX ? ELOOP : foreign && w->maker && w->maker != maker ? EACCES : 0;
    if (foreign)
        w->maker = maker;
    return errno == 0;
}

static gboolean
way_follow(ReachWay *w, int link, const struct stat *st, const char *behind)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof target - 1);

    g_clear_pointer(&w->rest, g_free);
    if (n < 0 || !way_count(w, st->st_uid))
        return FALSE;
    target[n] = '\0';
    w->rest = g_strconcat(target, "/", behind, NULL);
    return target[0] != '/' || way_go_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Goes one name further on the path, past any slashes. */
static gboolean
way_step(ReachWay *w)
{
    const char *from = w->rest + strspn(w->rest, "/");
    gsize len = strcspn(from, "/");
    g_autofree char *name = g_strndup(from, len), *behind = g_strdup(from + len);
    fd_auto next = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (next < 0 || fstat(next, &st) < 0)
        return FALSE;
    if (S_ISLNK(st.st_mode))
        return way_follow(w, next, &st, behind);
    g_free(w->rest);
    w->rest = g_steal_pointer(&behind);
    return way_go_to(w, fd_steal(&next));
}

/* A link of another user may lead only to that user's own files. */
static gboolean
way_is_good(const ReachWay *w, const struct stat *st)
{
    if (w->maker == 0 || st->st_uid == w->maker)
        return TRUE;
    errno = EACCES;
    return FALSE;
}

static int
walk(const char *path, struct stat *ret_st)
{
    g_auto(ReachWay) w = { .at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC),
                           .rest = g_strdup(path) };

    while (w.at >= 0 && w.rest[strspn(w.rest, "/")])
        if (!way_step(&w))
            return -1;
    return w.at >= 0 && fstat(w.at, ret_st) == 0 && way_is_good(&w, ret_st) ? fd_steal(&w.at) : -1;
}

int
file_reach(const char *path, struct stat *ret_st)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
    fd_auto fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);

    if (fd >= 0)
        return fstat(fd, ret_st) == 0 ? fd_steal(&fd) : -1;
    return errno == ELOOP || errno == ENOSYS || errno == EPERM ? walk(path, ret_st) : -1;
}

int
file_reach_folder(const char *path, char **ret_name)
{
    g_autofree char *folder = g_path_get_dirname(path);
    struct stat st;
    int dir = file_reach(folder, &st);

    if (dir >= 0)
        *ret_name = g_path_get_basename(path);
    return dir;
}

int
fd_reopen(int fd, int flags)
{
    char same[32];

    g_snprintf(same, sizeof same, "/proc/self/fd/%d", fd);
    return open(same, flags | O_CLOEXEC | O_NOCTTY);
}

/* Makes the file in the folder that was reached; if another process makes it first, the call fails.
 */
static int
make_in_folder(const char *path, int flags, mode_t mode)
{
    g_autofree char *name = NULL;
    fd_auto dir = file_reach_folder(path, &name);

    return dir < 0 ? -1
                   : openat(dir, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
                            mode);
}

int
file_open_output(const char *path, int flags, mode_t mode, struct stat *ret_st)
{
    for (guint tries = 0; tries < 10; tries++) {
        fd_auto place = file_reach(path, ret_st), fd = -1;

        if (place >= 0) {
            if (!S_ISREG(ret_st->st_mode) || ret_st->st_nlink <= 1)
                return fd_reopen(place, flags);
            errno = EMLINK; /* its other name may be anybody's */
            return -1;
        }
        if (errno != ENOENT)
            return -1;
        fd = make_in_folder(path, flags & ~O_TRUNC, mode);
        if (fd >= 0)
            return fstat(fd, ret_st) == 0 ? fd_steal(&fd) : -1;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* ---- what others write into without end */

static void
shift_backups(int dir, const char *name, guint backups)
{
    for (guint i = backups - 1; i > 0; i--) {
        g_autofree char *from = g_strdup_printf("%s.%u", name, i - 1);
        g_autofree char *to = g_strdup_printf("%s.%u", name, i);

        renameat(dir, from, dir, to);
    }
}

/* As a new file, whatever else has its name by now; it is whose the first one is. */
static void
copy_end(int dir, const char *name, int fd, const struct stat *st, gint64 max)
{
    g_autofree char *backup = g_strdup_printf("%s.0", name);
    off_t at = MAX(st->st_size - max, 0);
    fd_auto out = openat(dir, backup, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    gssize n = 1;

    if (out < 0 || fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 0777) < 0)
        return;
    while (n > 0 && at < st->st_size)
        n = sendfile(out, fd, &at, (gsize)(st->st_size - at));
}

int
file_rotate(int dir, const char *name, gint64 max, guint backups)
{
    fd_auto fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    errno = !S_ISREG(st.st_mode) ? EINVAL : st.st_nlink > 1 ? EMLINK : 0;
    if (errno)
        return -1;
    if (st.st_size < max)
        return 0;
    shift_backups(dir, name, backups);
    copy_end(dir, name, fd, &st, max);
    return ftruncate(fd, 0) < 0 ? -1 : 1;
}
