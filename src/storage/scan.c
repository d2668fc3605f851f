/* Looks at folders and images: what is there, how large. Images are other people's files: nothing
 * in them is believed but the numbers that are shown.
 */
#include "scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCK_BYTES 512 /* of stat's st_blocks, whatever the file system's are */

/* ---- one image */

/* The head of a qcow2 image as it lies in the file, big-endian. */
typedef struct Qcow2Head {
    guint8 magic[4];
    guint32 version;
    guint64 backing_offset;
    guint32 backing_len;
    guint32 cluster_bits;
    guint64 size;
} Qcow2Head;
G_STATIC_ASSERT(sizeof(Qcow2Head) == 32);

static gboolean
qcow2_size(const char *path, guint64 *ret_size)
{
    static const guint8 magic[4] = { 'Q', 'F', 'I', 0xfb };
    fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    Qcow2Head head;

    if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
        memcmp(head.magic, magic, sizeof(magic)) != 0 || GUINT32_FROM_BE(head.version) < 2)
        return FALSE;
    *ret_size = GUINT64_FROM_BE(head.size);
    return TRUE;
}

static void
set_time(char **time, const struct timespec *ts)
{
    g_free(*time);
    *time = g_strdup_printf("%" G_GINT64_FORMAT ".%09ld", (gint64)ts->tv_sec, ts->tv_nsec);
}

static void
volume_measure(VolumeDef *v, const struct stat *st)
{
    guint64 size;
    gboolean qcow2 = qcow2_size(v->path, &size);

    v->type = VOLUME_FILE;
    v->format = qcow2 ? VOLUME_QCOW2 : VOLUME_RAW;
    v->physical = (guint64)st->st_size;
    v->allocation = (guint64)st->st_blocks * BLOCK_BYTES;
    v->capacity = qcow2 ? size : v->physical;
    v->permissions.mode = st->st_mode & 07777;
    v->permissions.owner = st->st_uid;
    v->permissions.group = st->st_gid;
    set_time(&v->atime, &st->st_atim);
    set_time(&v->mtime, &st->st_mtim);
    set_time(&v->ctime, &st->st_ctim);
}

gboolean
volume_refresh(VolumeDef *volume, GError **err)
{
    struct stat st;

    if (stat(volume->path, &st) < 0)
        return fail_errno(err, errno, "cannot stat file '%s'", volume->path);
    if (!S_ISREG(st.st_mode))
        return fail(err, ERR_NO_VOLUME, "'%s' is no regular file any more", volume->path);
    volume_measure(volume, &st);
    return TRUE;
}

/* ---- a folder */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, closedir)

static gint
by_name(gconstpointer a, gconstpointer b)
{
    const VolumeDef *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* The name is spoken of in XML, which cannot say what is not UTF-8. */
static VolumeDef *
volume_find(const char *folder, const char *name)
{
    g_autoptr(VolumeDef) v = NULL;

    if (!g_utf8_validate(name, -1, NULL) || strchr(name, '\n'))
        return NULL;
    v = schema_new(&volume_def_schema);
    v->name = g_strdup(name);
    v->path = g_build_filename(folder, name, NULL);
    v->key = g_strdup(v->path);
    return volume_refresh(v, NULL) ? g_steal_pointer(&v) : NULL;
}

static gboolean
folder_measure(PoolDef *def, GError **err)
{
    struct statvfs fs;
    struct stat st;

    if (stat(def->path, &st) < 0 || statvfs(def->path, &fs) < 0)
        return fail_errno(err, errno, "cannot stat directory '%s'", def->path);
    def->capacity = (guint64)fs.f_blocks * fs.f_frsize;
    def->available = (guint64)fs.f_bfree * fs.f_frsize;
    def->allocation = def->capacity - def->available;
    if (!def->permissions)
        def->permissions = g_new0(Permissions, 1);
    def->permissions->mode = st.st_mode & 07777;
    def->permissions->owner = st.st_uid;
    def->permissions->group = st.st_gid;
    return TRUE;
}

gboolean
folder_scan(PoolDef *def, GPtrArray **ret_volumes, GError **err)
{
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func((GDestroyNotify)volume_free);
    g_autoptr(DIR) dir = opendir(def->path);
    const struct dirent *entry;

    if (!dir)
        return fail_errno(err, errno, "cannot open directory '%s'", def->path);
    if (!folder_measure(def, err))
        return FALSE;
    while ((entry = readdir(dir))) {
        VolumeDef *v = volume_find(def->path, entry->d_name);

        if (v)
            g_ptr_array_add(volumes, v);
    }
    g_ptr_array_sort(volumes, by_name);
    *ret_volumes = g_steal_pointer(&volumes);
    return TRUE;
}
