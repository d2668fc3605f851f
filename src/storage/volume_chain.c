/* The source of a copy, with the images below it. A head may name anything, and a guest may have
 * written it: what it names is read here, is refused unless it lies in a pool, and is told to
 * qemu-img in full, so that qemu-img opens nothing by a name in a head. Runs in a worker.
 */
#include "volume_work.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 200

/* Formats that are copied from, and what QEMU calls them. */
static const struct {
    const char *word, *driver;
    int format;
    gboolean has_backing;
} kinds[] = {
    { "raw", "raw", FORMAT_RAW },          { "iso", "raw", FORMAT_RAW },
    { "qcow", "qcow", FORMAT_QCOW, TRUE }, { "qcow2", "qcow2", FORMAT_QCOW2, TRUE },
    { "qed", "qed", FORMAT_QED, TRUE },    { "vmdk", "vmdk", FORMAT_VMDK, TRUE },
    { "vdi", "vdi", FORMAT_VDI },          { "vpc", "vpc", FORMAT_VPC },
};

static void
read_image_free(gpointer data)
{
    ReadImage *image = data;

    g_free(image->path);
    g_free(image);
}

static gboolean
enter(VolumeWork *w, const char *path, const struct stat *st, GError **err)
{
    const FileMark mark = file_mark(st);
    ReadImage *image;

    for (guint i = 0; i < w->images->len; i++) {
        const ReadImage *other = w->images->pdata[i];
        if (other->mark.dev == mark.dev && other->mark.ino == mark.ino)
            return fail(err, ERR_OPERATION_FAILED, "image '%s' is in its own backing chain", path);
    }
    if (w->images->len == DEPTH_MAX)
        return fail(err, ERR_OPERATION_FAILED, "image '%s' is one too many, a chain has at most %d",
                    path, DEPTH_MAX);
    image = g_new(ReadImage, 1);
    *image = (ReadImage){ g_strdup(path), mark };
    g_ptr_array_add(w->images, image);
    return TRUE;
}

/* Refuses images of which QEMU would open other files by itself, or that need a secret. */
static gboolean
head_check(const char *path, const ImageHead *head, GError **err)
{
    if (head->encryption)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "image '%s' is encrypted: it is not read yet",
                    path);
    if (head->extent || head->has_data)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "image '%s' has its data in another file; make one file of it first "
                    "(qemu-img convert)",
                    path);
    return TRUE;
}

static char *
below(const VolumeWork *w, const char *path, const ImageHead *head, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_is_absolute(head->backing)
                                ? g_strdup(head->backing)
                                : g_build_filename(folder, head->backing, NULL);
    g_autofree char *place = g_path_get_dirname(name);

    if (image_name_is_foreign(head->backing) ||
        !g_strv_contains((const char *const *)w->folders, place)) {
        fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "image '%s' is backed by '%s', which lies in no active pool: make a pool of its folder, "
            "if that is meant",
            path, head->backing);
        return NULL;
    }
    return g_steal_pointer(&name);
}

static json_object *describe(VolumeWork *w, const char *path, const char *word, GError **err);

/* Takes node, which describes all but what lies below; *err tells of a failure. */
static json_object *
add_below(VolumeWork *w, json_object *node, const char *path, const ImageHead *head, GError **err)
{
    g_autofree char *name = NULL;
    json_object *deeper = NULL;

    if (head->backing && !head->backing_format)
        fail(err, ERR_CONFIG_UNSUPPORTED,
             "image '%s' does not name the format of its backing image '%s'; set it (qemu-img "
             "rebase -u -F)",
             path, head->backing);
    else if (head->backing && (name = below(w, path, head, err)))
        deeper = describe(w, name, head->backing_format, err);
    if (head->backing && !deeper) {
        json_object_put(node);
        return NULL;
    }
    json_object_object_add(node, "backing", deeper);
    return node;
}

static json_object *
describe(VolumeWork *w, const char *path, const char *word, GError **err)
{
    g_auto(ImageHead) head = { 0 };
    gsize kind = 0;
    struct stat st;
    fd_auto fd = -1;
    json_object *node;

    while (kind < G_N_ELEMENTS(kinds) && g_strcmp0(kinds[kind].word, word) != 0)
        kind++;
    if (kind == G_N_ELEMENTS(kinds)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "'%s' is of format '%s', which is not copied from", path,
             word ? word : "?");
        return NULL;
    }
    fd = image_open(path, O_RDONLY, IMAGE_FILES, &st, err);
    if (fd < 0 || !enter(w, path, &st, err) ||
        !image_read(fd, kinds[kind].format, path, &head, err) || !head_check(path, &head, err))
        return NULL;
    if (w->images->len == 1)
        w->image_size = head.capacity;
    node = json_make("driver", 's', kinds[kind].driver, "file", 'o',
                     json_make("driver", 's', S_ISBLK(st.st_mode) ? "host_device" : "file",
                               "filename", 's', path, NULL),
                     NULL);
    return kinds[kind].has_backing ? add_below(w, node, path, &head, err) : node;
}

/* Looks at the backing image of the copy as well, because qemu-img opens it. */
static gboolean
backing_walk(VolumeWork *w, GError **err)
{
    const VolumeBacking *b = w->def->backing;
    g_autofree char *folder = g_path_get_dirname(w->def->path);
    g_autofree char *path = NULL;
    json_object *node;
    guint64 size = w->image_size;

    if (!b || !b->path)
        return TRUE;
    path = g_path_is_absolute(b->path) ? g_strdup(b->path)
                                       : g_build_filename(folder, b->path, NULL);
    g_clear_pointer(&w->images, g_ptr_array_unref);
    w->images = g_ptr_array_new_with_free_func(read_image_free);
    node = describe(w, path, b->format, err);
    json_object_put(node);
    w->image_size = size;
    return node != NULL;
}

gpointer
work_look_at_source(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    json_object *node;

    if (!backing_walk(w, err))
        return NULL;
    g_clear_pointer(&w->images, g_ptr_array_unref);
    w->images = g_ptr_array_new_with_free_func(read_image_free);
    node = describe(w, w->source->path, w->source->type == VOLUME_BLOCK ? "raw" : w->source->format,
                    err);
    if (!node)
        return NULL;
    w->image = g_strconcat("json:", json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN),
                           NULL);
    json_object_put(node);
    return g_steal_pointer(&w);
}
