/* The images below a disk's own, and what else their heads name. QEMU opens nothing that a head
 * names: what lies below is written into the live definition as backing stores, whose files the
 * daemon opens, and where nothing does, that is said too. What cannot be said is refused: a data
 * file that the definition does not name, extents, whatever is no file of this host.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "life.h"
#include "storage/storage.h"

#define DEPTH_MAX 200

/* One disk's walk, from the top down. */
typedef struct ChainWalk {
    const char *what; /* "disk 'vda'" */
    GArray *seen;     /* of FileId: images are below themselves, or the walk ends */
} ChainWalk;

typedef struct FileId {
    guint64 dev, ino;
} FileId;

static FileId
id_of(const struct stat *st)
{
    return S_ISBLK(st->st_mode) ? (FileId){ 0, st->st_rdev } : (FileId){ st->st_dev, st->st_ino };
}

static gboolean
is_seen(const ChainWalk *w, FileId id)
{
    for (guint i = 0; i < w->seen->len; i++) {
        const FileId *other = &g_array_index(w->seen, FileId, i);

        if (other->dev == id.dev && other->ino == id.ino)
            return TRUE;
    }
    return FALSE;
}

static gboolean
walk_enter(ChainWalk *w, const struct stat *st, const char *path, GError **err)
{
    FileId id = id_of(st);

    if (is_seen(w, id))
        return fail(err, ERR_OPERATION_FAILED, "%s: image '%s' is in its own backing chain",
                    w->what, path);
    if (w->seen->len == DEPTH_MAX)
        return fail(err, ERR_OPERATION_FAILED,
                    "%s: image '%s' is one too many, a chain has at most %d", w->what, path,
                    DEPTH_MAX);
    g_array_append_val(w->seen, id);
    return TRUE;
}

/* ---- what a head names */

/* Members that QEMU would open by itself, whatever it is told. */
static gboolean
members_check(const char *what, const char *path, const ImageHead *head, gboolean has_data_store,
              GError **err)
{
    if (head->extent)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: image '%s' is made up of files that it names itself, as '%s', which QEMU "
                    "would open by name; make one file of it (qemu-img convert)",
                    what, path, head->extent);
    if (head->has_data && !has_data_store)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: image '%s' names '%s' as its data file; say so in <dataStore>, if that is "
                    "meant",
                    what, path, head->data_file ? head->data_file : "");
    return TRUE;
}

static gboolean
head_read(int fd, const char *what, const char *path, int format, const SliceDef *slice,
          gboolean has_data_store, ImageHead *ret_head, GError **err)
{
    g_auto(ImageHead) head = { 0 };
    gboolean is_part = slice && slice->size > 0;

    if (!image_read_part(fd, is_part ? slice->offset : 0, is_part ? slice->size : G_MAXUINT64,
                         format, path, &head, err))
        return fail_prefix(err, "%s: ", what);
    if (!members_check(what, path, &head, has_data_store, err))
        return FALSE;
    *ret_head = head;
    head = (ImageHead){ 0 };
    return TRUE;
}

/* Opened anew: reads from a descriptor with O_DIRECT must be aligned. */
gboolean
image_check_opened(const HostFd *h, int fd, GError **err)
{
    g_auto(ImageHead) head = { 0 };
    fd_auto plain = -1;

    if (h->format == FORMAT_NONE || h->format == FORMAT_RAW)
        return TRUE;
    plain = fd_reopen(fd, O_RDONLY | O_NONBLOCK);
    return plain < 0 ? fail_errno(err, errno, "Cannot access storage file '%s'", h->path)
                     : head_read(plain, h->what, h->path, h->format, &h->slice, h->has_data_store,
                                 &head, err);
}

/* Relative to the folder of the image that names it; only files can be handed to QEMU. */
static char *
resolve(const ChainWalk *w, const char *path, const char *name, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(path);

    if (image_name_is_foreign(name)) {
        fail(err, ERR_CONFIG_UNSUPPORTED,
             "%s: image '%s' is backed by '%s', which is no file: describe it in the disk's "
             "<backingStore>",
             w->what, path, name);
        return NULL;
    }
    if (g_str_has_prefix(name, "file:"))
        name += strlen("file:");
    return g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(folder, name, NULL);
}

/* One that looks like an image of a format could be meant as such, or be a raw disk whose guest has
 * written that: nobody guesses. One that looks like none is raw. */
static gboolean
format_unsaid(const ChainWalk *w, const char *path, const char *below, int *ret_format,
              GError **err)
{
    struct stat st;
    fd_auto fd = image_open(below, O_RDONLY, IMAGE_FILES, &st, err);

    if (fd < 0)
        return FALSE;
    *ret_format = image_probe(fd);
    return *ret_format == FORMAT_RAW ||
           fail(err, ERR_OPERATION_FAILED,
                "%s: Requested operation is not valid: format of backing image '%s' of image '%s' "
                "was not specified in the image metadata",
                w->what, below, path);
}

static gboolean
format_below(const ChainWalk *w, const char *path, const char *below, const char *word,
             int *ret_format, GError **err)
{
    if (!word)
        return format_unsaid(w, path, below, ret_format, err);
    *ret_format = word_find(disk_formats, word);
    return *ret_format > FORMAT_NONE ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "%s: format '%s' of backing image '%s' of image '%s' is not known", w->what, word,
                below, path);
}

/* ---- the walk */

static BackingStore *
backing_new(int type, const char *path, int format)
{
    BackingStore *b = schema_new(&backing_store_schema);

    b->format = format;
    b->source.type = type;
    b->source.path = g_strdup(path);
    return b;
}

static gboolean
is_here(const DiskSource *source)
{
    int kind = disk_source_kind(source);

    return (kind == SOURCE_FILE || kind == SOURCE_BLOCK) && source->path;
}

/* Puts the backing image that the head names, or the end of the chain, into *at. */
static gboolean
below_add(const ChainWalk *w, const char *path, const ImageHead *head, BackingStore **at,
          GError **err)
{
    g_autofree char *below = NULL;
    int format;

    if (!head->backing) {
        *at = backing_new(SOURCE_NONE, NULL, FORMAT_NONE);
        return TRUE;
    }
    if (!(below = resolve(w, path, head->backing, err)) ||
        !format_below(w, path, below, head->backing_format, &format, err))
        return FALSE;
    *at = backing_new(SOURCE_FILE, below, format);
    return TRUE;
}

/* An explicit chain in the definition is believed; only where it stops the images are asked. What
 * lies on a server is not read here, and has below it what the definition says. */
static gboolean
walk_server(const ChainWalk *w, int format, BackingStore **below, GError **err)
{
    if (format == FORMAT_VMDK)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: a vmdk image may name files, and is taken from files of this host alone",
                    w->what);
    if (!*below)
        *below = backing_new(SOURCE_NONE, NULL, FORMAT_NONE);
    return TRUE;
}

static const SliceDef *
slice_of(const DiskSource *source)
{
    return list_length(source->slices) > 0 ? LIST_AT(SliceDef, source->slices, 0) : NULL;
}

static gboolean
walk_image(ChainWalk *w, const DiskSource *source, int format, ImageKinds kinds,
           BackingStore **below, GError **err)
{
    g_auto(ImageHead) head = { 0 };
    struct stat st;
    fd_auto fd = -1;

    if (!is_here(source))
        return walk_server(w, format, below, err);
    fd = image_open(source->path, O_RDONLY, kinds, &st, err);
    if (fd < 0)
        return error_is(*err, ERR_SYSTEM) ? FALSE : fail_prefix(err, "%s: ", w->what);
    return walk_enter(w, &st, source->path, err) &&
           head_read(fd, w->what, source->path, format, slice_of(source),
                     source->data_store != NULL, &head, err) &&
           (*below || below_add(w, source->path, &head, below, err));
}

/* No device is opened that an image alone has named. */
static gboolean
walk_chain(ChainWalk *w, DiskDef *disk, GError **err)
{
    const DiskSource *source = &disk->source;
    ImageKinds kinds = IMAGE_DEVICES;
    BackingStore **below = &disk->backing;
    int format = disk->driver.format;

    for (;;) {
        ImageKinds next = *below ? kinds : IMAGE_FILES;

        if (!walk_image(w, source, format, kinds, below, err))
            return FALSE;
        if ((*below)->source.type == SOURCE_NONE)
            return TRUE;
        source = &(*below)->source;
        format = (*below)->format;
        kinds = next;
        below = &(*below)->backing;
    }
}

gboolean
chain_fill_disk(DiskDef *disk, GError **err)
{
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->target);
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(FileId));
    ChainWalk w = { what, seen };

    /* An empty drive, or one that no image of ours is in. */
    if (disk->source.type == SOURCE_VHOST_USER ||
        (disk->source.type <= SOURCE_BLOCK && !disk->source.path))
        return TRUE;
    return walk_chain(&w, disk, err);
}

gboolean
chain_fill(DomainDef *live, GError **err)
{
    GPtrArray *disks = live->devices.disks;

    for (guint i = 0; disks && i < disks->len; i++)
        if (!chain_fill_disk(disks->pdata[i], err))
            return FALSE;
    return TRUE;
}
