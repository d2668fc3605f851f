/* Files of volumes: made in a folder beside them, given their names when they are whole, sized,
 * zeroed and removed. All of this may block, and runs in workers.
 */
#define _GNU_SOURCE 1 /* fallocate, renameat2 */
#include "volume_work.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Between two looks at whether anybody still wants it. */
#define PIECE       (16 << 20)
#define ZEROS       (1 << 20)
#define MADE_MODE   0600
#define FOLDER_MODE 0700

void
volume_work_free(VolumeWork *w)
{
    if (!w)
        return;
    if (w->pace)
        g_atomic_rc_box_release(w->pace);
    volume_free(w->def);
    volume_free(w->source);
    g_free(w->folder);
    g_strfreev(w->folders);
    g_clear_pointer(&w->images, g_ptr_array_unref);
    g_free(w->image);
    g_free(w->trouble);
    g_free(w->said);
    g_free(w->tag);
    g_free(w->thin_pool);
    pool_def_free(w->pool_def);
    g_free(w);
}

char *
volume_work_path(const VolumeWork *w)
{
    return w->folder ? g_build_filename(w->folder, w->def->name, NULL) : g_strdup(w->def->path);
}

static gboolean
is_wanted(const VolumeWork *w, GError **err)
{
    return !w->pace || !g_atomic_int_get(&w->pace->stop) ||
           fail(err, ERR_ABORTED, "volume '%s' is not wanted any more", w->def->name);
}

static gboolean
went_on(const VolumeWork *w, gint *progress, GError **err)
{
    g_atomic_int_inc(progress);
    return is_wanted(w, err);
}

/* The same, so many bytes from its beginning. */
static gboolean
went_on_to(const VolumeWork *w, guint64 done, guint64 total, gint *progress, GError **err)
{
    if (w->pace) {
        __atomic_store_n(&w->pace->total, total, __ATOMIC_RELAXED);
        __atomic_store_n(&w->pace->done, done, __ATOMIC_RELAXED);
    }
    return went_on(w, progress, err);
}

/* The work itself, or NULL: as its functions end. */
static gpointer
ended(VolumeWork **w, gboolean ok)
{
    return ok ? g_steal_pointer(w) : NULL;
}

static gboolean
is_folder(const VolumeDef *def)
{
    return g_strcmp0(def->format, "dir") == 0;
}

FileMark
file_mark(const struct stat *st)
{
    return S_ISBLK(st->st_mode) ? (FileMark){ 0, st->st_rdev }
                                : (FileMark){ st->st_dev, st->st_ino };
}

static gboolean
is_same(FileMark a, FileMark b)
{
    return a.dev == b.dev && a.ino == b.ino;
}

/* FALSE: there is nothing, or something else. */
static gboolean
is_marked(const char *path, FileMark mark)
{
    struct stat st;

    return lstat(path, &st) == 0 && is_same(file_mark(&st), mark);
}

/* ---- what is there before */

static gboolean
work_measure_def(VolumeWork *w, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(w->def->path);

    return volume_refresh(w->def, FALSE, err) &&
           (w->def->type == VOLUME_BLOCK || space_measure(folder, &w->space) ||
            fail_errno(err, errno, "cannot stat directory '%s'", folder));
}

static gboolean
backing_check(const char *path, VolumeDef *def, GError **err)
{
    g_auto(ImageHead) head = { 0 };
    int format = word_find(disk_formats, def->backing->format);
    struct stat st;
    fd_auto fd = -1;

    if (stat(path, &st) < 0)
        return fail_errno(err, errno, "inaccessible backing store volume %s", path);
    if (S_ISCHR(st.st_mode))
        return def->has_capacity ||
               fail(err, ERR_OPERATION_FAILED, "'%s' has no size, say 'capacity'", path);
    fd = image_open(path, O_RDONLY, IMAGE_FILES, &st, err);
    if (fd < 0 || !image_read(fd, format, path, &head, err))
        return FALSE;
    if (!def->has_capacity)
        def->capacity = head.capacity;
    return TRUE;
}

gpointer
work_look_for_room(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    const VolumeBacking *b = w->def->backing;
    g_autofree char *folder = g_path_get_dirname(w->def->path);
    g_autofree char *below = NULL;
    struct stat st;

    if (lstat(w->def->path, &st) == 0) {
        fail(err, ERR_OPERATION_INVALID, "volume target path '%s' already exists", w->def->path);
        return NULL;
    }
    if (errno != ENOENT) {
        fail_errno(err, errno, "Failed to create file '%s'", w->def->path);
        return NULL;
    }
    if (!b || !b->path)
        return g_steal_pointer(&w);
    if (image_name_is_foreign(b->path)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "backing store '%s' is no file of this host", b->path);
        return NULL;
    }
    below = g_path_is_absolute(b->path) ? g_strdup(b->path)
                                        : g_build_filename(folder, b->path, NULL);
    return ended(&w, backing_check(below, w->def, err));
}

gpointer
work_look_at(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    struct stat st;

    if (stat(w->def->path, &st) < 0) {
        fail_errno(err, errno, "Unable to open '%s'", w->def->path);
        return NULL;
    }
    w->mark = file_mark(&st);
    return ended(&w, work_measure_def(w, err));
}

/* The mark is none where there is nothing. Of a link it is the file's: that is what is in use. */
gpointer
work_look_at_any(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    struct stat st;

    if (stat(w->def->path, &st) == 0)
        w->mark = file_mark(&st);
    return g_steal_pointer(&w);
}

gpointer
work_measure(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;

    return ended(&w, work_measure_def(w, err));
}

/* ---- the folder in which it is made */

/* Sets the flag "no copy on write", which works only for an empty file of btrfs. */
static gboolean
set_nocow(int fd, const char *path, GError **err)
{
    struct statfs fs;
    int flags = 0;

    if (fstatfs(fd, &fs) == 0 && fs.f_type != BTRFS_SUPER_MAGIC)
        return fail_errno(err, ENOSYS, "unable to control COW flag on '%s', not btrfs", path);
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_NOCOW_FL;
        if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
            return TRUE;
    }
    return fail_errno(err, errno, "unable to set COW flag on '%s'", path);
}

static gboolean
make_file(VolumeWork *w, const char *path, GError **err)
{
    struct stat st;
    fd_auto fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MADE_MODE);

    if (fd < 0 || fchmod(fd, MADE_MODE) < 0 || fstat(fd, &st) < 0)
        return fail_errno(err, errno, "Failed to create file '%s'", w->def->path);
    w->mark = file_mark(&st);
    return !w->def->nocow || set_nocow(fd, w->def->path, err);
}

static gboolean
make_inner_folder(VolumeWork *w, const char *path, GError **err)
{
    struct stat st;

    if (mkdir(path, FOLDER_MODE) < 0 || stat(path, &st) < 0)
        return fail_errno(err, errno, "cannot create path '%s'", w->def->path);
    w->mark = file_mark(&st);
    return TRUE;
}

gpointer
work_make_folder(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *path = volume_work_path(w);

    if (!is_wanted(w, err))
        return NULL;
    if (mkdir(w->folder, FOLDER_MODE) < 0) {
        fail_errno(err, errno, "Failed to create file '%s'", w->def->path);
        return NULL;
    }
    return ended(&w, is_folder(w->def) ? make_inner_folder(w, path, err) : make_file(w, path, err));
}

static gboolean
remove_either(const char *path, GError **err)
{
    if (unlink(path) == 0 || errno == ENOENT || errno == ENAMETOOLONG)
        return TRUE;
    if ((errno == EISDIR || errno == EPERM) && rmdir(path) == 0)
        return TRUE;
    return fail_errno(err, errno, "cannot remove '%s'", path);
}

/* Removes the folder of an unfinished volume, whose name only vmd can have made. */
gpointer
work_unmake_folder(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *path = volume_work_path(w);

    if (remove_either(path, err) && rmdir(w->folder) < 0 && errno != ENOENT)
        fail_errno(err, errno, "cannot remove '%s'", w->folder);
    return NULL;
}

/* ---- what is in it */

static gboolean
write_zeros(const VolumeWork *w, int fd, guint64 at, guint64 end, gint *progress, GError **err)
{
    g_autofree char *zeros = g_malloc0(ZEROS);

    while (at < end) {
        gssize n = pwrite(fd, zeros, MIN(ZEROS, end - at), (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "cannot fill file '%s'", w->def->path);
        at += (guint64)n;
        if (!went_on_to(w, at, end, progress, err))
            return FALSE;
    }
    return TRUE;
}

static gboolean
no_room(const VolumeWork *w, guint64 bytes, guint64 free_bytes, GError **err)
{
    return fail_errno(err, ENOSPC,
                      "file '%s' needs %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
                      " are free, %" G_GUINT64_FORMAT " are missing",
                      w->def->path, bytes, free_bytes, bytes > free_bytes ? bytes - free_bytes : 0);
}

/* Known before, so that what does not fit fills no disk that others need. */
static gboolean
has_room(const VolumeWork *w, int fd, guint64 size, GError **err)
{
    struct statfs fs;
    struct stat st;
    guint64 has, room;

    if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return fail_errno(err, errno, "cannot look at '%s'", w->def->path);
    has = (guint64)st.st_blocks * 512;
    room = (guint64)fs.f_bfree * (guint64)fs.f_bsize;
    return size <= has || size - has <= room || no_room(w, size - has, room, err);
}

/* Allocates space; where the file system cannot do that, zeros are written. */
static gboolean
allocate(const VolumeWork *w, int fd, guint64 from, guint64 to, gint *progress, GError **err)
{
    guint64 at = from;

    if (!has_room(w, fd, to, err))
        return FALSE;
    while (at < to) {
        guint64 n = MIN((guint64)PIECE, to - at);
        if (fallocate(fd, 0, (off_t)at, (off_t)n) < 0) {
            if (errno == EINTR)
                continue;
            return errno == EOPNOTSUPP
                       ? write_zeros(w, fd, at, to, progress, err)
                       : fail_errno(err, errno,
                                    "cannot allocate %" G_GUINT64_FORMAT " bytes in file '%s'", to,
                                    w->def->path);
        }
        at += n;
        /* Of a copy what is written counts. */
        if (!(w->source ? went_on(w, progress, err) : went_on_to(w, at, to, progress, err)))
            return FALSE;
    }
    return TRUE;
}

/* Allocates everything first, so that a lack of space shows before the disk is full. */
static gboolean
size_file(const VolumeWork *w, int fd, gint *progress, GError **err)
{
    guint64 size = MAX(w->def->capacity, w->def->allocation);

    if (!has_room(w, fd, w->def->allocation, err))
        return FALSE;
    if (ftruncate(fd, (off_t)size) < 0)
        return fail_errno(err, errno, "cannot extend file '%s'", w->def->path);
    return allocate(w, fd, 0, w->def->allocation, progress, err);
}

gpointer
work_fill(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *path = volume_work_path(w);
    fd_auto fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        fail_errno(err, errno, "cannot open '%s'", path);
        return NULL;
    }
    return ended(&w, size_file(w, fd, progress, err));
}

/* What a tool wrote is still there, and what it wanted is what it would have had in the end. */
gpointer
work_no_room(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *path = volume_work_path(w);
    guint64 room = 0;
    struct statfs fs;
    struct stat st;

    if (statfs(w->folder, &fs) == 0 && stat(path, &st) == 0)
        room = (guint64)fs.f_bavail * (guint64)fs.f_bsize + (guint64)st.st_blocks * 512;
    if (w->size > room && room > 0)
        fail(err, ERR_INTERNAL,
             "%s; %" G_GUINT64_FORMAT " bytes are needed, %" G_GUINT64_FORMAT
             " are free, %" G_GUINT64_FORMAT " are missing",
             w->trouble, w->size, room, w->size - room);
    else
        fail(err, ERR_INTERNAL, "%s", w->trouble);
    return NULL;
}

/* ---- copies of raw images */

/* Bytes of the source from there on that are no holes. */
static guint64
data_left(int from, off_t at, off_t size)
{
    guint64 sum = 0;

    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0)
            return errno == ENXIO ? sum : sum + (guint64)(size - at);
        at = hole < 0 || hole > size ? size : hole;
        sum += (guint64)(at - data);
    }
    return sum;
}

static gboolean
cannot_write(const VolumeWork *w, int from, int to, off_t at, GError **err)
{
    int errnum = errno;
    struct statfs fs;
    struct stat st;

    if (errnum != ENOSPC || fstatfs(to, &fs) < 0 || fstat(from, &st) < 0)
        return fail_errno(err, errnum, "cannot write '%s'", w->def->path);
    return no_room(w, data_left(from, at, st.st_size), (guint64)fs.f_bavail * (guint64)fs.f_bsize,
                   err);
}

static gboolean
copy_plainly(const VolumeWork *w, int from, int to, off_t *at, off_t end, GError **err)
{
    g_autofree char *bytes = g_malloc(ZEROS);
    gssize got = pread(from, bytes, (gsize)MIN(ZEROS, end - *at), *at);

    if (got < 0)
        return fail_errno(err, errno, "cannot read '%s'", w->source->path);
    if (got == 0)
        return fail(err, ERR_OPERATION_FAILED, "'%s' became shorter while it was copied",
                    w->source->path);
    for (gssize done = 0; done < got;) {
        gssize n = pwrite(to, bytes + done, (gsize)(got - done), *at + done);
        if (n < 0 && errno != EINTR)
            return cannot_write(w, from, to, *at + done, err);
        done += MAX(n, 0);
    }
    *at += got;
    return TRUE;
}

/* Copies a piece by copy_file_range(2), where the kernel can do that between the two file systems.
 */
static gboolean
copy_piece(const VolumeWork *w, int from, int to, off_t *at, off_t end, GError **err)
{
    off_t in = *at, out = *at;
    gssize n = copy_file_range(from, &in, to, &out, (gsize)MIN(PIECE, end - *at), 0);

    if (n <= 0)
        return (n < 0 && errno == ENOSPC) ? cannot_write(w, from, to, *at, err)
                                          : copy_plainly(w, from, to, at, end, err);
    *at += n;
    return TRUE;
}

/* Holes of the source become holes of the copy. */
static gboolean
copy_data(const VolumeWork *w, int from, int to, off_t size, gint *progress, GError **err)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;
        if (data < 0 && errno == ENXIO)
            return TRUE;
        data = data < 0 ? at : data;
        hole = lseek(from, data, SEEK_HOLE);
        hole = hole < 0 || hole > size ? size : hole;
        for (at = data; at < hole;)
            if (!copy_piece(w, from, to, &at, hole, err) ||
                !went_on_to(w, (guint64)at, (guint64)size, progress, err))
                return FALSE;
    }
    return TRUE;
}

static gboolean
copy_file(VolumeWork *w, int from, int to, gint *progress, GError **err)
{
    struct stat st;

    if (fstat(from, &st) < 0)
        return fail_errno(err, errno, "cannot read '%s'", w->source->path);
    w->def->capacity = MAX(w->def->capacity, (guint64)st.st_size);
    if (w->reflink) {
        if (ioctl(to, FICLONE, from) < 0)
            return fail_errno(err, errno, "failed to clone files from '%s'", w->source->path);
        return ftruncate(to, (off_t)w->def->capacity) == 0 ||
               fail_errno(err, errno, "cannot extend file '%s'", w->def->path);
    }
    return size_file(w, to, progress, err) && copy_data(w, from, to, st.st_size, progress, err);
}

gpointer
work_copy(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *path = volume_work_path(w);
    struct stat st;
    fd_auto from = image_open(w->source->path, O_RDONLY, IMAGE_FILES, &st, err);
    fd_auto to = from < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (from < 0)
        return NULL;
    if (to < 0) {
        fail_errno(err, errno, "cannot open '%s'", path);
        return NULL;
    }
    return ended(&w, copy_file(w, from, to, progress, err));
}

/* ---- its name */

static gboolean
set_permissions(const VolumeWork *w, int fd, GError **err)
{
    const Permissions *p = w->def->permissions;
    mode_t mode = p && p->has_mode ? p->mode : MADE_MODE;
    uid_t owner = p && p->has_owner ? p->owner : (uid_t)-1;
    gid_t group = p && p->has_group ? p->group : (gid_t)-1;

    if ((owner != (uid_t)-1 || group != (gid_t)-1) && fchown(fd, owner, group) < 0)
        return fail_errno(err, errno, "cannot chown '%s' to (%u, %u)", w->def->path, owner, group);
    return fchmod(fd, mode) == 0 ||
           fail_errno(err, errno, "cannot set mode of '%s' to %04o", w->def->path, mode);
}

/* Nothing is overwritten. Where the file system cannot promise that of a rename, a second name that
 * takes the first one's place can. */
static gboolean
rename_anew(const VolumeWork *w, const char *path, GError **err)
{
    int done = renameat2(AT_FDCWD, path, AT_FDCWD, w->def->path, RENAME_NOREPLACE);

    if (done < 0 && (errno == EINVAL || errno == ENOSYS) && !is_folder(w->def)) {
        done = link(path, w->def->path);
        if (done == 0)
            unlink(path);
    } else if (done < 0 && (errno == EINVAL || errno == ENOSYS)) {
        done = rename(path, w->def->path); /* of a folder: only an empty one is replaced */
    }
    if (done == 0)
        return TRUE;
    if (errno == EEXIST || errno == ENOTEMPTY)
        return fail(err, ERR_OPERATION_INVALID, "volume target path '%s' already exists",
                    w->def->path);
    return fail_errno(err, errno, "Failed to create file '%s'", w->def->path);
}

/* A large file takes long to reach the disk: piece by piece, each while the next one is on its way,
 * so that it is seen to go on and can be given up. What the file system cannot do so, fsync does.
 */
static gboolean
sync_file(const VolumeWork *w, int fd, gint *progress, GError **err)
{
    const guint wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                       SYNC_FILE_RANGE_WAIT_AFTER;
    struct stat st;
    off_t end = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;

    for (off_t at = 0; at < end; at += PIECE) {
        if (sync_file_range(fd, at, PIECE, SYNC_FILE_RANGE_WRITE) < 0 ||
            (at > 0 && sync_file_range(fd, at - PIECE, PIECE, wait) < 0))
            break;
        if (!went_on(w, progress, err))
            return FALSE;
    }
    return fsync(fd) == 0 || fail_errno(err, errno, "cannot write '%s'", w->def->path);
}

static gboolean
place(VolumeWork *w, const char *path, gint *progress, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(w->def->path);
    fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return fail_errno(err, errno, "cannot open '%s'", path);
    if (!set_permissions(w, fd, err) || !sync_file(w, fd, progress, err))
        return FALSE;
    if (!is_wanted(w, err) || !rename_anew(w, path, err))
        return FALSE;
    rmdir(w->folder);
    return dir_sync(folder, err) && work_measure_def(w, err);
}

gpointer
work_place(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *path = volume_work_path(w);

    return ended(&w, place(w, path, progress, err));
}

gpointer
work_unplace(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;

    return ended(&w, is_marked(w->def->path, w->mark) && remove_either(w->def->path, err));
}

/* ---- volumes that are there */

static gboolean
remove_folder(const char *path, GError **err)
{
    return rmdir(path) == 0 || errno == ENOENT ||
           fail_errno(err, errno, "cannot remove directory '%s'", path);
}

static gboolean
remove_file(const char *path, GError **err)
{
    return unlink(path) == 0 || errno == ENOENT ||
           fail_errno(err, errno, "cannot unlink file '%s'", path);
}

gpointer
work_remove(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_autofree char *folder = g_path_get_dirname(w->def->path);
    struct stat st;
    gboolean gone = lstat(w->def->path, &st) < 0;
    gboolean ok = gone || (S_ISDIR(st.st_mode) ? remove_folder(w->def->path, err)
                                               : remove_file(w->def->path, err));

    if (ok && w->def->type != VOLUME_BLOCK)
        space_measure(folder, &w->space);
    return ended(&w, ok);
}

/* The file that was looked at; -1: it is another one by now. */
static int
open_marked(const VolumeWork *w, int flags, GError **err)
{
    struct stat st;
    fd_auto fd = image_open(w->def->path, flags, IMAGE_FILES, &st, err);

    if (fd >= 0 && !is_same(file_mark(&st), w->mark)) {
        fail(err, ERR_OPERATION_FAILED, "'%s' is not the file any more that it was", w->def->path);
        return -1;
    }
    return fd_steal(&fd);
}

static gboolean
set_size(VolumeWork *w, int fd, gint *progress, GError **err)
{
    if (ftruncate(fd, (off_t)w->size) < 0)
        return fail_errno(err, errno, "Failed to truncate file '%s'", w->def->path);
    if (w->allocate && !allocate(w, fd, 0, w->size, progress, err))
        return FALSE;
    return sync_file(w, fd, progress, err);
}

gpointer
work_set_size(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    fd_auto fd = is_wanted(w, err) ? open_marked(w, O_RDWR, err) : -1;

    return ended(&w, fd >= 0 && set_size(w, fd, progress, err) && work_measure_def(w, err));
}

/* Restores the old size; data that was cut off is lost. */
gpointer
work_set_size_back(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    fd_auto fd = open_marked(w, O_RDWR, err);

    if (fd >= 0 && ftruncate(fd, (off_t)w->old_size) < 0)
        fail_errno(err, errno, "cannot give '%s' its size back", w->def->path);
    return NULL;
}

static gboolean
zero_device(VolumeWork *w, int fd, gint *progress, GError **err)
{
    guint64 size;

    if (ioctl(fd, BLKGETSIZE64, &size) < 0)
        return fail_errno(err, errno, "cannot look at '%s'", w->def->path);
    return write_zeros(w, fd, 0, size, progress, err) && sync_file(w, fd, progress, err);
}

/* Zeroes a file; one with holes consists of a single hole afterwards. */
static gboolean
zero_file(VolumeWork *w, int fd, gint *progress, GError **err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail_errno(err, errno, "cannot look at '%s'", w->def->path);
    if (S_ISBLK(st.st_mode))
        return zero_device(w, fd, progress, err);
    if ((guint64)st.st_blocks * 512 < (guint64)st.st_size) {
        if (ftruncate(fd, 0) < 0 || ftruncate(fd, st.st_size) < 0)
            return fail_errno(err, errno, "Failed to truncate file '%s'", w->def->path);
    } else if (!write_zeros(w, fd, 0, (guint64)st.st_size, progress, err)) {
        return FALSE;
    }
    return sync_file(w, fd, progress, err);
}

gpointer
work_zero(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    fd_auto fd = open_marked(w, O_RDWR, err);

    return ended(&w, fd >= 0 && zero_file(w, fd, progress, err) && work_measure_def(w, err));
}
