/* How large an image is: its file and its head are looked at by a worker. And how far its file may
 * be written before clients are told. */
#include <fcntl.h>
#include <string.h>

#include "ops.h"
#include "storage/storage.h"

#define BLOCK_BYTES 512 /* of stat's st_blocks, whatever the file system's are */

typedef struct BlockQuestion {
    Vm *vm;
    VmBlockInfoDone done;
    gpointer user;
} BlockQuestion;

/* The data that the worker gets and returns. */
typedef struct Image {
    char *path;
    int format;
} Image;

static void
image_free(gpointer data)
{
    Image *image = data;

    g_free(image->path);
    g_free(image);
}

static gpointer
look(gpointer in, GError **err)
{
    const Image *image = in;
    g_auto(ImageHead) head = { 0 }, file = { 0 };
    struct stat st;
    fd_auto fd = image_open(image->path, O_RDONLY, IMAGE_FILES, &st, err);
    VmBlockInfo *info;

    if (fd < 0 || !image_read(fd, FORMAT_RAW, image->path, &file, err) ||
        !image_read(fd, image->format, image->path, &head, err))
        return NULL;
    info = g_new(VmBlockInfo, 1);
    *info = (VmBlockInfo){
        .capacity = head.capacity,
        .allocation = (guint64)st.st_blocks * BLOCK_BYTES,
        .physical = file.capacity,
    };
    return info;
}

static void
on_looked(gpointer out, const GError *err, gpointer user)
{
    g_autofree VmBlockInfo *info = out;
    g_autofree BlockQuestion *q = user;

    q->done(info, err, q->user);
    object_unref(q->vm);
}

void
vm_block_info(Vm *vm, const char *name, VmBlockInfoDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    const DomainDef *def = vm_def(vm, &err);
    const DiskDef *disk = def ? disk_find(def, name, &err) : NULL;
    BlockQuestion *q;
    Image *image;

    if (disk && !disk->source.path)
        fail(&err, ERR_INVALID_ARG, "disk '%s' does not currently have a source assigned", name);
    if (err) {
        done(NULL, err, user);
        return;
    }
    q = g_new(BlockQuestion, 1);
    *q = (BlockQuestion){ object_ref(vm), done, user };
    image = g_new(Image, 1);
    *image = (Image){ g_strdup(disk->source.path), disk->driver.format };
    offload_for(vm_object(vm), look, image, image_free, on_looked, q);
}

/* ---- how far it may be written */

typedef struct Threshold {
    char *disk;
    guint64 bytes;
} Threshold;

static void
threshold_free(gpointer data)
{
    Threshold *t = data;

    g_free(t->disk);
    g_free(t);
}

static gboolean
has_index(const DiskDef *disk, guint64 index)
{
    if (disk->source.index == index)
        return TRUE;
    for (const BackingStore *s = disk->backing; s; s = s->backing)
        if (s->source.index == index)
            return TRUE;
    return FALSE;
}

/* "vda" is the image of a disk, "vda[3]" the one below it that has that number. 0: an error. */
static guint32
image_of(const DomainDef *live, const char *name, GError **err)
{
    const char *bracket = strchr(name, '[');
    g_autofree char *target = bracket ? g_strndup(name, bracket - name) : g_strdup(name);
    const DiskDef *disk = disk_find(live, target, err);
    guint64 index;

    if (!disk)
        return 0;
    index = bracket ? g_ascii_strtoull(bracket + 1, NULL, 10) : disk->source.index;
    if (index == 0 || index > G_MAXUINT32 || !has_index(disk, index)) {
        fail(err, ERR_INVALID_ARG, "disk '%s' has no image%s%s in domain '%s'", target,
             bracket ? " " : "", bracket ? bracket : "", live->name);
        return 0;
    }
    if (disk->transient) {
        fail(err, ERR_OPERATION_UNSUPPORTED,
             "disk '%s' is transient: what is written to it goes elsewhere", target);
        return 0;
    }
    return (guint32)index;
}

static gboolean
threshold_run(Ask *a, GError **err)
{
    const Threshold *t = a->data;
    guint32 index = image_of(a->vm->run->live, t->disk, err);
    g_autofree char *node = g_strdup_printf("libvirt-%u-storage", index);

    if (index == 0)
        return FALSE;
    if (t->bytes > G_MAXINT64)
        return fail(err, ERR_INVALID_ARG, "no image is %" G_GUINT64_FORMAT " bytes large",
                    t->bytes);
    ask_call(a, "block-set-write-threshold",
             json_make("node-name", 's', node, "write-threshold", 'i', (gint64)t->bytes, NULL),
             NULL);
    return TRUE;
}

void
vm_set_block_threshold(Vm *vm, const char *disk, guint64 bytes, Asker who, VmDone done,
                       gpointer user)
{
    static const AskKind kind = { .what = "set a threshold of a disk of",
                                  .job = JOB_CHANGE,
                                  .run = threshold_run };
    Threshold *t = g_new(Threshold, 1);

    *t = (Threshold){ g_strdup(disk), bytes };
    vm_ask(vm, &kind, 0, t, threshold_free, who, done, user);
}
