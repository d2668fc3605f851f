/* Heads of images: what the head of an image says about it, and which files it names. Images come
 * from other people: a head is read with bounds, no file that it names is touched here, and a head
 * that makes no sense is an error. All of these functions may block: call them in a worker. */
#pragma once

#include <sys/stat.h>

#include "conf/conf.h"

typedef struct ImageHead {
    int format; /* DiskFormat */
    guint64
        capacity;   /* bytes that the guest sees; of a format without a head the size of the file */
    int encryption; /* ENCRYPTION_LUKS, or the old ENCRYPTION_QCOW; both take a secret; 0: none */
    char *backing;  /* name of the backing image, as written; NULL: none */
    char *backing_format; /* as written; NULL: the head does not name it */
    gboolean has_data;    /* the guest's data is in another file */
    char *data_file;      /* name of that file, as written; NULL: none, or not named */
    char *extent; /* the first of several files that make up the image; NULL: it is one file */
    guint64 cluster_size; /* of qcow2, in bytes; else 0 */
    gboolean is_v3;       /* qcow2 of version 3, which has features (compat 1.1) */
    gboolean lazy_refcounts, extended_l2;
} ImageHead;
void image_head_done(ImageHead *head);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageHead, image_head_done)

/* Opens a file that may be an image, with the flags of open(2) and O_NONBLOCK. The kind of file is
 * checked before it is opened: a pipe is never waited for, and a device is opened only if kinds
 * allows it. Returns the descriptor; -1 and an error that names path. */
typedef enum ImageKinds {
    IMAGE_FILES,   /* regular files and block devices */
    IMAGE_DEVICES, /* also character devices, such as /dev/sg0 */
} ImageKinds;
int image_open(const char *path, int flags, ImageKinds kinds, struct stat *ret_st, GError **err);
/* The two halves of image_open, for a caller that looks at the file in between: place is a
 * descriptor with O_PATH. image_reopen opens that very file, whatever path means by then. */
int image_place(const char *path, ImageKinds kinds, struct stat *ret_st, GError **err);
int image_reopen(int place, const char *path, int flags, GError **err);
/* Reads the head of fd as an image of that format; a format without a head is treated as raw: the
 * file is all of it. name is for errors. FALSE and an error: it is no such image, or is broken, cut
 * short, or of a kind that QEMU does not support. *ret_head is written on success; free its content
 * with image_head_done. */
gboolean image_read(int fd, int format, const char *name, ImageHead *ret_head, GError **err);
/* The same of an image that is a part of the file: size bytes, beginning at offset. */
gboolean image_read_part(int fd, guint64 offset, guint64 size, int format, const char *name,
                         ImageHead *ret_head, GError **err);
/* Guesses the format from the head; FORMAT_RAW if it looks like none. A guest can write such a head
 * onto a raw disk, so the answer is good only for showing it, and for refusing. */
int image_probe(int fd);
/* Whether QEMU would take a name in a head for something other than a file: "nbd:host:1",
 * "json:{}", "https:
 * x". "file:" is only a file. */
gboolean image_name_is_foreign(const char *name);
