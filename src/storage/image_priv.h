/* Shared by image.c and image_head.c. */
#pragma once

#include "image.h"

#define IMAGE_HEAD_BYTES 4096

typedef struct ImageSource {
    int fd;
    const char *name;
    guint64 base;                  /* where the image begins in the file */
    guint64 size;                  /* of the image, as much of it as is in the file */
    guint8 head[IMAGE_HEAD_BYTES]; /* zeros after the file's end */
    gsize len;                     /* bytes of head that the file has */
} ImageSource;

/* pread(2) at an offset of the image; what the file has behind its end is not there. */
gssize source_read(const ImageSource *s, gpointer bytes, gsize len, guint64 at);
gboolean qcow2_is(const ImageSource *s);
gboolean qcow2_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean qcow_is(const ImageSource *s);
gboolean qcow_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean qed_is(const ImageSource *s);
gboolean qed_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean vmdk_is(const ImageSource *s);
gboolean vmdk_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean vdi_is(const ImageSource *s);
gboolean vdi_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean vpc_is(const ImageSource *s);
gboolean vpc_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean ploop_is(const ImageSource *s);
gboolean ploop_read(const ImageSource *s, ImageHead *ret_head, GError **err);
gboolean luks_is(const ImageSource *s);
gboolean luks_read(const ImageSource *s, ImageHead *ret_head, GError **err);
