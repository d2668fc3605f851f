/* What the changes of volumes share: each is a job of its pool and a table of rows, as those of the
 * pool itself are. */
#pragma once

#include "volume_work.h"

/* What a change carries along. The pool has it as long as its flow is under way. */
typedef struct VolumeChange {
    VolumeDef *def; /* of a new volume: what is asked, then what is; else the one that is changed */
    guint32 flags;
    guint64 size;      /* of a resize, as asked; then in bytes */
    guint32 algorithm; /* of a wipe */
    Pool *source_pool; /* of a copy; referenced */
    VolumeDef *source;
    char *folder;      /* where it is made */
    gint *stop;        /* of VolumeWork */
    VolumeWork *found; /* by the last errand */
    FileMark mark;     /* of its file */
    char *image;       /* the source, and what it is as a guest sees it */
    guint64 image_size;
    int key; /* a secret's file that the tool reads, -1: none */
    Process *tool;
    const char *tool_name;
    FlowToken tool_wait;
    VolumeDone done;
    gpointer user;
} VolumeChange;

VolumeChange *volume_change_new(VolumeDef *def, guint32 flags, VolumeDone done, gpointer user);
/* kind JOB_CHANGE: a pool changes one thing at a time. Takes c. */
void volume_change_submit(Pool *pool, const char *what, const char *who, const FlowTable *table,
                          FlowDone done, VolumeChange *c);
/* Tells, and frees it. A FlowDone is one of these after what it has to do itself. */
void volume_change_over(VolumeChange *c, Pool *pool, const GError *err);
/* The one whose flow runs on the pool; NULL: an earlier daemon's is undone. */
VolumeChange *volume_change_of(const Pool *pool);

/* Sends a worker with what c has; the row then waits, and c->found is what it came back with. */
StepResult volume_errand(Flow *f, Pool *pool, ErrandWork work);
/* The same, and regret takes back what it has done where it comes too late. */
StepResult volume_errand_or(Flow *f, Pool *pool, ErrandWork work, ErrandWork regret);
/* In an undo. Takes in. */
StepResult volume_undo_errand(Flow *f, Pool *pool, ErrandWork work, VolumeWork *in);
/* In an undo, whose work has words alone: of a volume at path. Never NULL. */
VolumeWork *volume_undo_work(const char *path, const char *folder);
/* In an undo: nobody wants any more what is under way. */
void volume_stop(Pool *pool);

/* An image is in use by whoever has claimed it; reads: by whom it is written. Claims of a change go
 * with it. */
gboolean volume_claim(Pool *pool, const char *path, FileMark mark, gboolean reads, GError **err);
/* What a worker found becomes what is known. */
void volume_known(Pool *pool, VolumeChange *c);

/* ---- programs (volume_tool.c) ---- */

/* Runs one; the row then waits. argv is taken, its words are the array's. */
StepResult tool_run(Flow *f, VolumeChange *c, GPtrArray *argv, GError **err);
/* An undo: ends it, and waits for that. */
StepResult tool_stop(Flow *f, gpointer obj);
/* qemu-img, as the PATH or the environment VMD_QEMU_IMG say; words follow, ended by NULL. */
GPtrArray *tool_words(const char *program, ...) G_GNUC_NULL_TERMINATED;
void tool_add(GPtrArray *argv, const char *word);

extern const FlowTable volume_create_table, volume_delete_table, volume_resize_table,
    volume_wipe_table;
