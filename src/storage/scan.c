/* Looks at folders and images: what is there, how large. Images are other people's files: nothing
 * in them is believed but the numbers that are shown. All of this runs in workers.
 */
#include "pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCK_BYTES 512 /* of stat's st_blocks, whatever the file system's are */

/* ---- one image */

/* The word for a volume's format: an image that is encrypted as a whole is raw inside. */
static const char *
format_word(int format)
{
    return word_of(disk_formats, format == FORMAT_LUKS ? FORMAT_RAW : format);
}

static void
set_time(char **time, const struct timespec *ts)
{
    g_free(*time);
    *time = g_strdup_printf("%" G_GINT64_FORMAT ".%09ld", (gint64)ts->tv_sec, ts->tv_nsec);
}

/* stat(2) does not tell when a file was made. */
static void
set_no_time(char **time)
{
    g_free(*time);
    *time = g_strdup("0");
}

/* Reads owner and mode of the file; a label of the definition stays. */
static void
permissions_read(Permissions **at, const struct stat *st)
{
    Permissions *p = *at ? *at : (*at = g_new0(Permissions, 1));

    p->mode = st->st_mode & 07777;
    p->owner = st->st_uid;
    p->group = st->st_gid;
    p->has_mode = p->has_owner = p->has_group = TRUE;
}

static char *
beside(const char *path, const char *name)
{
    g_autofree char *folder = g_path_get_dirname(path);

    return g_path_is_absolute(name) || image_name_is_foreign(name)
               ? g_strdup(name)
               : g_build_filename(folder, name, NULL);
}

/* Measures a backing image that is a file; other values stay as they are. */
static void
backing_measure(VolumeBacking *b, const char *path)
{
    struct stat st;

    if (image_name_is_foreign(path) || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    permissions_read(&b->permissions, &st);
    set_time(&b->atime, &st.st_atim);
    set_time(&b->mtime, &st.st_mtim);
    set_time(&b->ctime, &st.st_ctim);
    set_no_time(&b->btime);
}

/* Keeps the definition of the backing image, in its own words, as long as the head names that
 * image. */
static void
backing_read(VolumeDef *v, const ImageHead *head)
{
    g_autofree char *path = head->backing ? beside(v->path, head->backing) : NULL;

    if (!path || !v->backing || g_strcmp0(v->backing->path, head->backing) != 0) {
        schema_free(&volume_backing_schema, v->backing);
        v->backing = path ? schema_new(&volume_backing_schema) : NULL;
    }
    if (!path)
        return;
    if (!v->backing->path) {
        v->backing->path = g_strdup(path);
        v->backing->format = g_strdup(head->backing_format);
    }
    backing_measure(v->backing, path);
}

/* Keeps the definition of the encryption, its secret above all, as long as the image is encrypted
 * in that way. */
static void
encryption_read(VolumeDef *v, int format)
{
    if (v->encryption && v->encryption->format == format)
        return;
    schema_free(&encryption_schema, v->encryption);
    v->encryption = format ? schema_new(&encryption_schema) : NULL;
    if (format)
        v->encryption->format = format;
}

/* Reads the options of qcow2 from the head. */
static void
options_read(VolumeDef *v, const ImageHead *head)
{
    g_clear_pointer(&v->compat, g_free);
    g_clear_pointer(&v->features, g_free);
    v->cluster_size = head->cluster_size;
    if (!head->is_v3)
        return;
    v->compat = g_strdup("1.1");
    v->features = g_new0(VolumeFeatures, 1);
    v->features->lazy_refcounts = head->lazy_refcounts;
    v->features->extended_l2 = head->extended_l2;
}

#define ISO_MARK    "CD001"
#define ISO_MARK_AT 32769

static const char *
raw_word(int fd, const char *known)
{
    char mark[sizeof ISO_MARK] = "";

    if (fd >= 0 && pread(fd, mark, sizeof ISO_MARK - 1, ISO_MARK_AT) > 0 &&
        strcmp(mark, ISO_MARK) == 0)
        return "iso";
    return g_strcmp0(known, "iso") == 0 ? "iso" : "raw";
}

/* An image whose head makes no sense is shown as a raw file. anew: also reads the options that it
 * was made with. */
static void
head_measure(VolumeDef *v, gboolean anew)
{
    g_auto(ImageHead) head = { 0 };
    struct stat st;
    fd_auto fd = image_open(v->path, O_RDONLY, IMAGE_FILES, &st, NULL);
    int format = fd < 0 ? FORMAT_RAW : image_probe(fd);
    g_autofree char *known = v->format;

    v->format = g_strdup(format == FORMAT_RAW ? raw_word(fd, known) : format_word(format));
    v->capacity = v->physical;
    if (fd < 0 || format == FORMAT_RAW || !image_read(fd, format, v->path, &head, NULL)) {
        image_head_done(&head);
        head = (ImageHead){ .capacity = v->physical };
    }
    v->capacity = head.capacity;
    encryption_read(v, head.encryption);
    backing_read(v, &head);
    if (anew)
        options_read(v, &head);
}

static void
folder_is_volume(VolumeDef *v)
{
    v->type = VOLUME_FOLDER;
    v->capacity = v->allocation = v->physical = 0;
    g_free(v->format);
    v->format = g_strdup("dir");
}

static void
volume_measure(VolumeDef *v, const struct stat *st, gboolean anew)
{
    if (S_ISDIR(st->st_mode)) {
        folder_is_volume(v);
    } else {
        v->type = VOLUME_FILE;
        v->physical = (guint64)st->st_size;
        v->allocation = (guint64)st->st_blocks * BLOCK_BYTES;
        head_measure(v, anew);
    }
    permissions_read(&v->permissions, st);
    set_time(&v->atime, &st->st_atim);
    set_time(&v->mtime, &st->st_mtim);
    set_time(&v->ctime, &st->st_ctim);
    set_no_time(&v->btime);
}

/* Its sizes are whatever its pool's program says. One that is not active has no device. */
static gboolean
device_refresh(VolumeDef *v, GError **err)
{
    struct stat st;

    if (stat(v->path, &st) < 0)
        return errno == ENOENT || fail_errno(err, errno, "cannot stat device '%s'", v->path);
    if (!S_ISBLK(st.st_mode))
        return fail(err, ERR_NO_VOLUME, "'%s' is no block device any more", v->path);
    permissions_read(&v->permissions, &st);
    set_time(&v->atime, &st.st_atim);
    set_time(&v->mtime, &st.st_mtim);
    set_time(&v->ctime, &st.st_ctim);
    set_no_time(&v->btime);
    return TRUE;
}

gboolean
volume_refresh(VolumeDef *volume, gboolean anew, GError **err)
{
    struct stat st;

    if (volume->type == VOLUME_BLOCK)
        return device_refresh(volume, err);
    if (stat(volume->path, &st) < 0)
        return errno == ENOENT
                   ? fail(err, ERR_NO_VOLUME,
                          "no storage vol with matching path '%s': No such file or directory",
                          volume->path)
                   : fail_errno(err, errno, "cannot stat file '%s'", volume->path);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return fail(err, ERR_NO_VOLUME, "'%s' is no regular file any more", volume->path);
    volume_measure(volume, &st, anew);
    return TRUE;
}

gpointer
scan_volume(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeDef) volume = in;

    return volume_refresh(volume, FALSE, err) ? g_steal_pointer(&volume) : NULL;
}

/* ---- a folder */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, closedir)

/* The name is spoken of in XML, which cannot say what is not UTF-8. What is being made is no volume
 * yet. */
gboolean
volume_name_is_shown(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '\n') &&
           !g_str_has_prefix(name, MAKING_PREFIX) && g_utf8_validate(name, -1, NULL);
}

VolumeDef *
volume_find(const char *folder, const char *name)
{
    g_autoptr(VolumeDef) v = NULL;

    if (!volume_name_is_shown(name))
        return NULL;
    v = schema_new(&volume_def_schema);
    v->name = g_strdup(name);
    v->path = g_build_filename(folder, name, NULL);
    v->key = g_strdup(v->path);
    return volume_refresh(v, TRUE, NULL) ? g_steal_pointer(&v) : NULL;
}

gboolean
space_measure(const char *folder, PoolSpace *ret_space)
{
    struct statvfs fs;

    if (statvfs(folder, &fs) < 0)
        return FALSE;
    ret_space->capacity = (guint64)fs.f_blocks * fs.f_frsize;
    ret_space->available = (guint64)fs.f_bfree * fs.f_frsize;
    return TRUE;
}

void
space_take(PoolDef *def, const PoolSpace *space)
{
    def->capacity = space->capacity;
    def->available = space->available;
    def->allocation = space->capacity - space->available;
}

static gboolean
folder_measure(PoolDef *def, gint64 *ret_seen, GError **err)
{
    PoolSpace space;
    struct stat st;

    if (stat(def->path, &st) < 0 || !space_measure(def->path, &space))
        return fail_errno(err, errno, "cannot stat directory '%s'", def->path);
    space_take(def, &space);
    permissions_read(&def->permissions, &st);
    *ret_seen = watch_folder_time(&st);
    return TRUE;
}

static GPtrArray *
folder_list(PoolDef *def, gint64 *ret_seen, gint *progress, GError **err)
{
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func((GDestroyNotify)volume_free);
    g_autoptr(DIR) dir = opendir(def->path);
    const struct dirent *entry;

    if (!dir) {
        fail_errno(err, errno, "cannot open directory '%s'", def->path);
        return NULL;
    }
    if (!folder_measure(def, ret_seen, err))
        return NULL;
    while ((entry = readdir(dir))) {
        VolumeDef *v = volume_find(def->path, entry->d_name);

        g_atomic_int_inc(progress);
        if (v)
            g_ptr_array_add(volumes, v);
    }
    return g_steal_pointer(&volumes);
}

gpointer
scan_folder(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolDef) def = in;
    gint64 seen = 0;
    GPtrArray *volumes = folder_list(def, &seen, progress, err);
    PoolScan *scan;

    if (!volumes)
        return NULL;
    scan = g_new(PoolScan, 1);
    *scan = (PoolScan){ g_steal_pointer(&def), volumes_new(volumes), seen };
    return scan;
}

void
scan_free(PoolScan *scan)
{
    if (!scan)
        return;
    pool_def_free(scan->def);
    volumes_drop(scan->volumes);
    g_free(scan);
}
