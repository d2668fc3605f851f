/* What changes of volumes do to files: in workers, and nowhere else. Each takes a VolumeWork, and
 * returns it with what it found, or NULL with an error that names the file. */
#pragma once

#include "pool.h"

/* Which file it is, whatever it is called. */
typedef struct FileMark {
    guint64 dev, ino;
} FileMark;

/* An image that is read: the source of a copy, and what lies below it. */
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
    VolumeDef *def;   /* what is made or changed */
    char *folder;     /* in which it is made; NULL: it is there */
    FileMark mark;    /* of its file */
    PoolSpace space;
    /* of a copy */
    VolumeDef *source;
    char **folders;     /* of active pools: images below another one may lie in them alone */
    GPtrArray *images;  /* of ReadImage */
    char *image;        /* the source with all below it, as QEMU's block layer is told: JSON */
    guint64 image_size; /* that a guest would see */
    gboolean reflink;
    char *trouble; /* of a tool that found no room; size is what it wanted */
    /* of a resize, in bytes */
    guint64 size, old_size;
    gboolean allocate;
} VolumeWork;
void volume_work_free(VolumeWork *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VolumeWork, volume_work_free)

/* Where it lies while it is made. Caller frees. */
char *volume_work_path(const VolumeWork *w);

gpointer work_look_for_room(gpointer in, gint *progress, GError **err);  /* its path must be free */
gpointer work_look_at(gpointer in, gint *progress, GError **err);        /* it must be there */
gpointer work_look_at_any(gpointer in, gint *progress, GError **err);    /* or not */
gpointer work_look_at_source(gpointer in, gint *progress, GError **err); /* volume_chain.c */
gpointer work_make_folder(gpointer in, gint *progress, GError **err); /* and an empty file in it */
gpointer work_unmake_folder(gpointer in, gint *progress, GError **err);
gpointer work_fill(gpointer in, gint *progress, GError **err); /* raw: as large as it says */
gpointer work_copy(gpointer in, gint *progress, GError **err); /* raw of raw */
/* Owner and mode, and its name; measured. */
gpointer work_place(gpointer in, gint *progress, GError **err);
gpointer work_unplace(gpointer in, gint *progress, GError **err);
gpointer work_remove(gpointer in, gint *progress, GError **err);
gpointer work_set_size(gpointer in, gint *progress, GError **err);
gpointer work_set_size_back(gpointer in, gint *progress, GError **err);
gpointer work_zero(gpointer in, gint *progress, GError **err);
gpointer work_no_room(gpointer in, gint *progress, GError **err); /* an error, always */
gpointer work_measure(gpointer in, gint *progress, GError **err);
