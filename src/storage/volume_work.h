/* The parts of volumes' changes that touch files; they run in workers only. Each takes a
 * VolumeWork, and returns it with its findings, or NULL with an error that names the file. */
#pragma once

#include "pool.h"

/* Identity of a file, independent of its name. */
typedef struct FileMark {
    guint64 dev, ino;
} FileMark;

struct stat;
/* As domains claim what they use: a device by its number, whatever its node is. */
FileMark file_mark(const struct stat *st);

/* An image that is read: the source of a copy, or a backing image of it. */
typedef struct ReadImage {
    char *path;
    FileMark mark;
} ReadImage;

/* What the loop and a worker tell each other while it works; of g_atomic_rc_box, all atomic. */
typedef struct VolumePace {
    gint stop;           /* nobody wants it any more */
    guint64 done, total; /* bytes; total 0: nothing is counted yet */
} VolumePace;

typedef struct VolumeWork {
    VolumePace *pace; /* NULL: nobody asks */
    VolumeDef *def;   /* the volume that is made or changed */
    char *folder;     /* the folder in which it is made; NULL: it exists already */
    FileMark mark;    /* identity of its file */
    PoolSpace space;
    /* of a copy */
    VolumeDef *source;
    char **folders;     /* folders of active pools: backing images must be in one of them */
    GPtrArray *images;  /* of ReadImage */
    char *image;        /* the source and its backing images in the JSON of QEMU's block layer */
    guint64 image_size; /* bytes that a guest would see */
    gboolean reflink;
    /* of a volume group: what its program said, the mark of the volume that is being made, and the
     * thin pool that it goes to; NULL: none */
    char *said, *tag, *thin_pool;
    PoolDef *pool_def; /* of a partition table; tag is the type of the partition then */
    guint number;
    guint64 start;           /* sectors; so is size */
    gboolean origin_is_thin; /* or the volume itself, when it is there */
    guint64 extent;          /* bytes */
    char *trouble;           /* of a tool that found no room; size is what it wanted */
    /* of a resize, in bytes */
    guint64 size, old_size;
    gboolean allocate;
} VolumeWork;
void volume_work_free(VolumeWork *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VolumeWork, volume_work_free)

/* The path of the volume while it is made. The caller frees it. */
char *volume_work_path(const VolumeWork *w);

gpointer work_look_for_room(gpointer in, gint *progress,
                            GError **err);                        /* checks that its path is free */
gpointer work_look_at(gpointer in, gint *progress, GError **err); /* checks that its file exists */
/* Finds its file, if there is one. */
gpointer work_look_at_any(gpointer in, gint *progress, GError **err);
gpointer work_look_at_source(gpointer in, gint *progress, GError **err); /* volume_chain.c */
/* Makes the folder, and an empty file in it. */
gpointer work_make_folder(gpointer in, gint *progress, GError **err);
gpointer work_unmake_folder(gpointer in, gint *progress, GError **err);
gpointer work_fill(gpointer in, gint *progress, GError **err); /* raw: gives the file its size */
/* Copies a raw image into a raw one. */
gpointer work_copy(gpointer in, gint *progress, GError **err);
/* Gives the file owner, mode and its name, and measures it. */
gpointer work_place(gpointer in, gint *progress, GError **err);
gpointer work_unplace(gpointer in, gint *progress, GError **err);
gpointer work_remove(gpointer in, gint *progress, GError **err);
gpointer work_set_size(gpointer in, gint *progress, GError **err);
gpointer work_set_size_back(gpointer in, gint *progress, GError **err);
gpointer work_zero(gpointer in, gint *progress, GError **err);
gpointer work_no_room(gpointer in, gint *progress, GError **err); /* an error, always */
gpointer work_measure(gpointer in, gint *progress, GError **err);
