/* Opening images, and reading their heads: one row a format, whose readers are in image_head.c. */
#include "image_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void
image_head_done(ImageHead *head)
{
    g_clear_pointer(&head->backing, g_free);
    g_clear_pointer(&head->backing_format, g_free);
    g_clear_pointer(&head->data_file, g_free);
    g_clear_pointer(&head->extent, g_free);
}

/* ---- opening */

static const char *
kind_of(mode_t mode, ImageKinds kinds)
{
    static const struct {
        mode_t kind;
        const char *word;
    } words[] = {
        { S_IFDIR, "a folder" },
        { S_IFIFO, "a pipe" },
    };

    if (S_ISCHR(mode))
        return kinds == IMAGE_FILES ? "a character device" : NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if ((mode & S_IFMT) == words[i].kind)
            return words[i].word;
    return NULL;
}

int
image_place(const char *path, ImageKinds kinds, struct stat *ret_st, GError **err)
{
    fd_auto place = file_reach(path, ret_st);

    if (place < 0) {
        fail_errno(err, errno, "Cannot access storage file '%s'", path);
        return -1;
    }
    if (kind_of(ret_st->st_mode, kinds)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "'%s' is %s, not a file or block device", path,
             kind_of(ret_st->st_mode, kinds));
        return -1;
    }
    return fd_steal(&place);
}

int
image_reopen(int place, const char *path, int flags, GError **err)
{
    int fd = fd_reopen(place, flags | O_NONBLOCK);

    if (fd < 0)
        fail_errno(err, errno, "Cannot access storage file '%s'", path);
    return fd;
}

int
image_open(const char *path, int flags, ImageKinds kinds, struct stat *ret_st, GError **err)
{
    fd_auto place = image_place(path, kinds, ret_st, err);

    return place < 0 ? -1 : image_reopen(place, path, flags, err);
}

/* ---- formats */

static const struct {
    int format;
    gboolean (*is)(const ImageSource *s);
    gboolean (*read)(const ImageSource *s, ImageHead *ret_head, GError **err);
    gboolean by_foot; /* one without that head may be one all the same: read() tells */
} formats[] = {
    { FORMAT_QCOW2, qcow2_is, qcow2_read }, { FORMAT_QCOW, qcow_is, qcow_read },
    { FORMAT_QED, qed_is, qed_read },       { FORMAT_VMDK, vmdk_is, vmdk_read },
    { FORMAT_VDI, vdi_is, vdi_read },       { FORMAT_VPC, vpc_is, vpc_read, TRUE },
    { FORMAT_VHD, vpc_is, vpc_read, TRUE }, { FORMAT_PLOOP, ploop_is, ploop_read },
    { FORMAT_LUKS, luks_is, luks_read },
};

gssize
source_read(const ImageSource *s, gpointer bytes, gsize len, guint64 at)
{
    if (at >= s->size)
        return 0;
    return pread(s->fd, bytes, MIN(len, s->size - at), (off_t)(s->base + at));
}

static gboolean
source_open(ImageSource *s, int fd, const char *name, guint64 base, guint64 size, GError **err)
{
    off_t end = lseek(fd, 0, SEEK_END);
    guint64 there = end > 0 && (guint64)end > base ? (guint64)end - base : 0;
    gssize got;

    s->fd = fd;
    s->name = name;
    s->base = base;
    s->size = MIN(there, size);
    got = end < 0 ? -1 : source_read(s, s->head, sizeof s->head, 0);
    if (got < 0)
        return fail_errno(err, errno, "cannot read the head of image '%s'", name);
    memset(s->head + got, 0, sizeof s->head - (gsize)got);
    s->len = (gsize)got;
    return TRUE;
}

/* The word of a format that it is in; raw is what nothing tells apart. */
static const char *
format_seen(const ImageSource *s)
{
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
        if (formats[i].is && !formats[i].by_foot && formats[i].is(s))
            return word_of(disk_formats, formats[i].format);
    return "raw";
}

gboolean
image_read(int fd, int format, const char *name, ImageHead *ret_head, GError **err)
{
    return image_read_part(fd, 0, G_MAXUINT64, format, name, ret_head, err);
}

gboolean
image_read_part(int fd, guint64 offset, guint64 size, int format, const char *name,
                ImageHead *ret_head, GError **err)
{
    g_autofree ImageSource *s = g_new(ImageSource, 1);
    g_auto(ImageHead) head = { .format = format };

    if (!source_open(s, fd, name, offset, size, err))
        return FALSE;
    head.capacity = s->size;
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i].format != format)
            continue;
        if (!formats[i].by_foot && !formats[i].is(s))
            return fail(err, ERR_OPERATION_FAILED,
                        "'%s': Image is not in %s format: it looks like %s, so write type='%s'",
                        name, word_of(disk_formats, format), format_seen(s), format_seen(s));
        if (!formats[i].read(s, &head, err))
            return FALSE;
    }
    if (head.backing && !*head.backing)
        g_clear_pointer(&head.backing, g_free);
    *ret_head = head;
    head = (ImageHead){ 0 };
    return TRUE;
}

int
image_probe(int fd)
{
    g_autofree ImageSource *s = g_new(ImageSource, 1);

    if (!source_open(s, fd, "", 0, G_MAXUINT64, NULL))
        return FORMAT_RAW;
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
        if (formats[i].is(s))
            return formats[i].format;
    return FORMAT_RAW;
}

/* QEMU recognizes such a name by a colon before any slash. */
gboolean
image_name_is_foreign(const char *name)
{
    gsize word = strcspn(name, ":/");

    return name[word] == ':' && !g_str_has_prefix(name, "file:");
}
