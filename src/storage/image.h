/* Heads of images: what an image says of itself, and whom it names. Images are other people's
 * files: a head is read with bounds, nothing that it names is touched here, and what makes no sense
 * is an error. All of this may block, and belongs into a worker.
 */
#pragma once

#include <sys/stat.h>

#include "conf/conf.h"

typedef struct ImageHead {
    int format;           /* DiskFormat */
    guint64 capacity;     /* bytes that the guest sees; the size of the file where no head tells */
    int encryption;       /* ENCRYPTION_LUKS, or _QCOW of old: it takes a secret; 0: none */
    char *backing;        /* as written, the image below; NULL: none */
    char *backing_format; /* as written; NULL: the head does not say */
    gboolean has_data;    /* the guest's bytes lie in another file */
    char *data_file;      /* as written; NULL: none, or a name is not told */
    char *extent;         /* the first file of those that make up the image; NULL: it is all */
    guint64 cluster_size; /* of qcow2, in bytes; else 0 */
    gboolean is_v3;       /* qcow2 of the version that has features (compat 1.1) */
    gboolean lazy_refcounts, extended_l2;
} ImageHead;
void image_head_done(ImageHead *head);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageHead, image_head_done)

/* Opens what may be an image, with the flags of open(2) and O_NONBLOCK. What it is, is known before
 * it is opened: a pipe is not waited for, and a device is not woken unless somebody who may has
 * named it. -1 and an error that names path. */
typedef enum ImageKinds {
    IMAGE_FILES,   /* and block devices */
    IMAGE_DEVICES, /* and character devices, as /dev/sg0 */
} ImageKinds;
int image_open(const char *path, int flags, ImageKinds kinds, struct stat *ret_st, GError **err);
/* Its two halves, for who looks at the file in between: place is a descriptor with O_PATH. What is
 * opened is that file, whatever its name means by now. */
int image_place(const char *path, ImageKinds kinds, struct stat *ret_st, GError **err);
int image_reopen(int place, const char *path, int flags, GError **err);
/* Reads fd as an image of that format (one that has no head here, as raw: the file is all of it).
 * name is for errors. FALSE: it is none, or one that is broken, cut short, or of a kind that QEMU
 * does not do. ret_head is written on success; image_head_done frees what is in it. */
gboolean image_read(int fd, int format, const char *name, ImageHead *ret_head, GError **err);
/* The same of an image that is a part of the file: size bytes, beginning at offset. */
gboolean image_read_part(int fd, guint64 offset, guint64 size, int format, const char *name,
                         ImageHead *ret_head, GError **err);
/* The format that the head looks like; FORMAT_RAW where it looks like none. A guest can write the
 * head of a raw disk: good for showing, and for saying no. */
int image_probe(int fd);
/* Whether QEMU would take a name in a head for something else than a file: "nbd:host:1", "json:{}",
 * "https://x". "file:" alone is a file. */
gboolean image_name_is_foreign(const char *name);
