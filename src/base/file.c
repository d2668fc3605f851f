/* Descriptors, whole files and folders. Writes are atomic: a reader sees the old or the new file.
 */
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
fd_close(int *fd)
{
    int errnum = errno;

    if (!fd || *fd < 0)
        return;
    close(fd_steal(fd));
    errno = errnum;
}

gboolean
fd_set_nonblock(int fd, GError **err)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        return fail_errno(err, errno, "cannot make descriptor %d non-blocking", fd);
    return TRUE;
}

/* Reads to the end, at most max bytes; the size of stat(2) is only a guess (it is 0 in /proc). */
static gboolean
read_all(int fd, const char *path, gsize max, GByteArray *buf, GError **err)
{
    struct stat st;
    gsize room = 4096;

    if (fstat(fd, &st) < 0)
        return fail_errno(err, errno, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode))
        return fail_errno(err, EISDIR, "cannot read '%s'", path);
    if (st.st_size > 0)
        room = MIN((gsize)st.st_size, max) + 1;
    for (gsize len = 0;;) {
        gssize n;

        g_byte_array_set_size(buf, len + room);
        n = TEMP_FAILURE_RETRY(read(fd, buf->data + len, room));
        if (n < 0)
            return fail_errno(err, errno, "cannot read '%s'", path);
        len += n;
        g_byte_array_set_size(buf, len);
        if (len > max)
            return fail_errno(err, EFBIG, "cannot read '%s'", path);
        if (n == 0)
            return TRUE;
        room = MAX(4096, len / 2);
    }
}

gboolean
file_read(const char *path, gsize max, char **ret_data, gsize *ret_len, GError **err)
{
    fd_auto fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    g_autoptr(GByteArray) buf = g_byte_array_new();

    if (fd < 0)
        return fail_errno(err, errno, "cannot open '%s'", path);
    if (!read_all(fd, path, max, buf, err))
        return FALSE;
    if (ret_len)
        *ret_len = buf->len;
    g_byte_array_append(buf, (const guint8 *)"", 1);
    *ret_data = (char *)g_byte_array_free(g_steal_pointer(&buf), FALSE);
    return TRUE;
}

/* ---- regular files alone */

static FileStamp
stamp_of(const struct stat *st)
{
    return (FileStamp){ st->st_ino, st->st_size, st->st_ctim.tv_sec, st->st_ctim.tv_nsec };
}

gboolean
file_stamp(const char *path, FileStamp *ret_stamp)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return FALSE;
    *ret_stamp = stamp_of(&st);
    return TRUE;
}

gboolean
file_stamp_equal(const FileStamp *a, const FileStamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->seconds == b->seconds &&
           a->nanoseconds == b->nanoseconds;
}

static const char *
file_kind(mode_t mode)
{
    if (S_ISLNK(mode))
        return "a symbolic link";
    if (S_ISDIR(mode))
        return "a folder";
    return S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/* The file's kind is checked before it is opened, because opening a device can have effects, and
 * again afterwards, because the name may mean another file by then. */
static int
open_regular(const char *path, struct stat *ret_st, GError **err)
{
    fd_auto fd = -1;

    if (lstat(path, ret_st) < 0) {
        fail_errno(err, errno, "cannot open '%s'", path);
        return -1;
    }
    if (S_ISREG(ret_st->st_mode)) {
        fd = TEMP_FAILURE_RETRY(
            open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK));
        if (fd < 0 || fstat(fd, ret_st) < 0) {
            fail_errno(err, errno, "cannot open '%s'", path);
            return -1;
        }
    }
    if (S_ISREG(ret_st->st_mode))
        return fd_steal(&fd);
    fail(err, ERR_OPEN_FAILED, "'%s': it is %s, not a file", path, file_kind(ret_st->st_mode));
    return -1;
}

gboolean
file_read_regular(const char *path, gsize max, char **ret_data, gsize *ret_len,
                  FileStamp *ret_stamp, GError **err)
{
    struct stat st;
    fd_auto fd = open_regular(path, &st, err);
    g_autoptr(GByteArray) buf = g_byte_array_new();

    if (fd < 0)
        return FALSE;
    if (st.st_size > (gint64)max)
        return fail_errno(err, EFBIG, "cannot read '%s'", path);
    if (!read_all(fd, path, max, buf, err))
        return FALSE;
    if (ret_stamp)
        *ret_stamp = stamp_of(&st);
    *ret_len = buf->len;
    g_byte_array_append(buf, (const guint8 *)"", 1);
    *ret_data = (char *)g_byte_array_free(g_steal_pointer(&buf), FALSE);
    return TRUE;
}

/* ---- writing */

static gboolean
write_all(int fd, const char *path, const char *data, gsize len, GError **err)
{
    while (len > 0) {
        gssize n = TEMP_FAILURE_RETRY(write(fd, data, len));

        if (n < 0)
            return fail_errno(err, errno, "cannot write '%s'", path);
        data += n;
        len -= n;
    }
    return TRUE;
}

gboolean
dir_sync(const char *path, GError **err)
{
    fd_auto fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* EINVAL: a file system that has nothing to sync for a folder. */
    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
        return fail_errno(err, errno, "cannot sync folder '%s'", path);
    return TRUE;
}

/* The new file beside the old one; a leftover of a crash is not reused, for its mode is unknown. */
static gboolean
write_new(const char *path, const char *data, gsize len, mode_t mode, gboolean sync, GError **err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    fd_auto fd = TEMP_FAILURE_RETRY(open(path, flags, mode));

    if (fd < 0 && errno == EEXIST && unlink(path) == 0)
        fd = TEMP_FAILURE_RETRY(open(path, flags, mode));
    if (fd < 0)
        return fail_errno(err, errno, "cannot create '%s'", path);
    if (fchmod(fd, mode) < 0)
        return fail_errno(err, errno, "cannot set the mode of '%s'", path);
    if (!write_all(fd, path, data, len, err))
        return FALSE;
    if (sync && fsync(fd) < 0)
        return fail_errno(err, errno, "cannot sync '%s'", path);
    if (close(fd_steal(&fd)) < 0)
        return fail_errno(err, errno, "cannot write '%s'", path);
    return TRUE;
}

#define FRESH ".new"

void
dir_sweep(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_str_has_suffix(name, FRESH) && unlink(path) == 0)
            log_info("'%s' was never finished and is removed", path);
    }
}

void
file_abandon(const char *path)
{
    g_autofree char *fresh = g_strconcat(path, FRESH, NULL);

    unlink(fresh);
}

static gboolean
prepare(const char *path, const char *data, gssize len, mode_t mode, gboolean sync, GError **err)
{
    g_autofree char *fresh = g_strconcat(path, FRESH, NULL);

    if (write_new(fresh, data, len < 0 ? strlen(data) : (gsize)len, mode, sync, err))
        return TRUE;
    unlink(fresh);
    return FALSE;
}

gboolean
file_write_beside(const char *path, const char *data, gssize len, mode_t mode, GError **err)
{
    if (write_new(path, data, len < 0 ? strlen(data) : (gsize)len, mode, TRUE, err))
        return TRUE;
    unlink(path);
    return FALSE;
}

gboolean
file_prepare(const char *path, const char *data, gssize len, mode_t mode, GError **err)
{
    return prepare(path, data, len, mode, TRUE, err);
}

static gboolean
put_in_place(const char *path, GError **err)
{
    g_autofree char *fresh = g_strconcat(path, FRESH, NULL);

    if (rename(fresh, path) == 0)
        return TRUE;
    fail_errno(err, errno, "cannot replace '%s'", path);
    unlink(fresh);
    return FALSE;
}

gboolean
file_commit(const char *path, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(path);

    return put_in_place(path, err) && dir_sync(folder, err);
}

gboolean
file_write(const char *path, const char *data, gssize len, mode_t mode, GError **err)
{
    return file_prepare(path, data, len, mode, err) && file_commit(path, err);
}

gboolean
file_write_volatile(const char *path, const char *data, gssize len, mode_t mode, GError **err)
{
    return prepare(path, data, len, mode, FALSE, err) && put_in_place(path, err);
}

gboolean
file_remove(const char *path, GError **err)
{
    /* No file can have a name that is too long for one. */
    if (unlink(path) < 0 && errno != ENOENT && errno != ENAMETOOLONG)
        return fail_errno(err, errno, "cannot remove '%s'", path);
    return TRUE;
}

void
file_set_aside(const char *path, const char *why)
{
    for (guint n = 1; n < 1000; n++) {
        g_autofree char *aside = g_strdup_printf("%s.broken-%u", path, n);

        /* Never over an earlier one. */
        if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0) {
            log_warning("'%s' cannot be read and is now '%s': %s", path, aside, why);
            return;
        }
        if (errno != EEXIST)
            break;
    }
    log_error("'%s' cannot be read (%s) and not be set aside: %s", path, why, g_strerror(errno));
}

/* Made, or there already: by an earlier run, or by somebody else just now. */
static gboolean
make_one(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0)
        return TRUE;
    if (errno != EEXIST)
        return FALSE;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return TRUE;
    errno = EEXIST;
    return FALSE;
}

gboolean
dir_make(const char *path, mode_t mode, GError **err)
{
    if (make_one(path, mode))
        return TRUE;
    if (errno == ENOENT) {
        g_autofree char *above = g_path_get_dirname(path);

        if (!dir_make(above, mode, err))
            return FALSE;
        if (make_one(path, mode))
            return TRUE;
    }
    return fail_errno(err, errno, "cannot create folder '%s'", path);
}

/* A tree that is being removed. What lies deeper than this many folders is brought to the top
 * first: whoever made it may have made it as deep as they liked, and each level takes a descriptor.
 */
#define DEPTH_MAX 32

typedef struct Removal {
    int top;       /* the folder that goes */
    guint brought; /* to the top: they go in another pass */
} Removal;

static gboolean remove_below(Removal *r, int at, const char *name, const char *path, guint depth,
                             GError **err);

static gboolean
bring_up(Removal *r, int dir, const char *name, const char *path, GError **err)
{
    for (;;) {
        g_autofree char *to = g_strdup_printf(".removed-%u", r->brought++);

        if (renameat2(dir, name, r->top, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
            return TRUE;
        if (errno != EEXIST)
            return fail_errno(err, errno, "cannot remove folder '%s'", path);
    }
}

static gboolean
remove_entry(Removal *r, int dir, const char *name, const char *folder, guint depth, GError **err)
{
    g_autofree char *path = NULL;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(dir, name, 0) == 0 ||
        errno == ENOENT)
        return TRUE;
    path = g_build_filename(folder, name, NULL);
    if (errno != EISDIR)
        return fail_errno(err, errno, "cannot remove '%s'", path);
    return depth == DEPTH_MAX ? bring_up(r, dir, name, path, err)
                              : remove_below(r, dir, name, path, depth + 1, err);
}

static void
dir_close(DIR **d)
{
    if (*d)
        closedir(*d);
}

static gboolean
empty(Removal *r, int fd, const char *path, guint depth, GError **err)
{
    fd_auto mine = fd;
    __attribute__((cleanup(dir_close))) DIR *dir = fdopendir(fd);

    if (!dir)
        return fail_errno(err, errno, "cannot open folder '%s'", path);
    fd_steal(&mine);
    for (const struct dirent *e; (e = readdir(dir));)
        if (!remove_entry(r, dirfd(dir), e->d_name, path, depth, err))
            return FALSE;
    return TRUE;
}

static int
open_folder(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A folder is opened without following links and emptied through its descriptor, so nobody who
 * swaps names meanwhile can lead it elsewhere. */
static gboolean
remove_below(Removal *r, int at, const char *name, const char *path, guint depth, GError **err)
{
    int fd = open_folder(at, name);

    if (fd < 0)
        return errno == ENOENT || fail_errno(err, errno, "cannot open folder '%s'", path);
    if (!empty(r, fd, path, depth, err))
        return FALSE;
    if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail_errno(err, errno, "cannot remove folder '%s'", path);
    return TRUE;
}

gboolean
dir_remove(const char *path, GError **err)
{
    fd_auto top = open_folder(AT_FDCWD, path);
    Removal r = { .top = top };
    guint before;

    if (top < 0)
        return errno == ENOENT || fail_errno(err, errno, "cannot open folder '%s'", path);
    do {
        before = r.brought;
        if (!empty(&r, open_folder(top, "."), path, 0, err))
            return FALSE;
    } while (r.brought > before);
    return rmdir(path) == 0 || errno == ENOENT ||
           fail_errno(err, errno, "cannot remove folder '%s'", path);
}

/* FNV-1a: each byte changes the sum in a way that no other byte does. */
guint32
bytes_sum(const char *data, gsize len)
{
    guint32 sum = 2166136261u;

    for (gsize i = 0; i < len; i++)
        sum = (sum ^ (guchar)data[i]) * 16777619u;
    return sum;
}
