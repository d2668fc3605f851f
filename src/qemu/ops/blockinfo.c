/* How large an image is: its file and its head are looked at by a worker. */
#include <fcntl.h>

#include "ops.h"
#include "storage/storage.h"

#define BLOCK_BYTES 512 /* of stat's st_blocks, whatever the file system's are */

typedef struct Question {
    Vm *vm;
    VmBlockInfoDone done;
    gpointer user;
} Question;

/* What the worker has of it. */
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
    g_autofree Question *q = user;

    q->done(info, err, q->user);
    object_unref(q->vm);
}

void
vm_block_info(Vm *vm, const char *name, VmBlockInfoDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    const DomainDef *def = vm_def(vm, &err);
    const DiskDef *disk = def ? disk_find(def, name, &err) : NULL;
    Question *q;
    Image *image;

    if (disk && !disk->source.path)
        fail(&err, ERR_INVALID_ARG, "disk '%s' does not currently have a source assigned", name);
    if (err) {
        done(NULL, err, user);
        return;
    }
    q = g_new(Question, 1);
    *q = (Question){ object_ref(vm), done, user };
    image = g_new(Image, 1);
    *image = (Image){ g_strdup(disk->source.path), disk->driver.format };
    offload_for(vm_object(vm), look, image, image_free, on_looked, q);
}
