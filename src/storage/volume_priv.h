/* Shared by the changes of volumes: each is a task about its pool, with a table of rows. Such a
 * task and the pool's own jobs do not wait for each other; the task holds what it changes by
 * claims. */
#pragma once

#include "volume_work.h"

/* The data of a volume's change. */
typedef struct VolumeChange {
    Pool *pool;     /* referenced */
    guint run;      /* of the pool */
    VolumeDef *def; /* of a new volume: what is asked, then what is; else the one that is changed */
    guint32 flags;
    guint64 size;                 /* of a resize, as asked; then in bytes */
    guint32 algorithm;            /* of a wipe */
    VolumeDef *source;            /* of a copy */
    guint8 source_uuid[UUID_LEN]; /* of its pool */
    char *folder;                 /* where it is made */
    VolumePace *pace;
    VolumeWork *found; /* by the last errand */
    FileMark mark;     /* of its file */
    char *image;       /* the source in QEMU's JSON, and its bytes as a guest sees them */
    guint64 image_size;
    int key; /* descriptor of a secret that the tool reads; -1: none */
    Process *tool;
    GPtrArray *tool_argv; /* ended by NULL */
    guint tool_tries;
    const char *tool_name;
    char *tool_error;    /* of a tool that found no room, until it is known how much is missing */
    gboolean tool_keeps; /* what it says on its stdout is wanted: */
    char *said;
    char *tag, *thin_pool; /* of a volume group; see VolumeWork */
    gboolean origin_is_thin;
    guint64 extent;
    char *tool_input; /* for the next program */
    guint number;     /* of a partition, and its first sector */
    guint64 start;
    gboolean tool_tells; /* it says on its stdout how far it is */
    FlowToken tool_wait;
    FlowDone finish; /* what is known of the pool after it; then volume_change_over */
    VolumeDone done;
    gpointer user;
} VolumeChange;

/* Takes def. */
VolumeChange *volume_change_new(Pool *pool, VolumeDef *def, guint32 flags, VolumeDone done,
                                gpointer user);
/* Runs the change as a task of that kind; takes c. finish: a FlowDone that ends with
 * volume_change_over. */
void volume_change_run(const TaskKind *kind, const TaskOwner *who, FlowDone finish,
                       VolumeChange *c);
/* Calls done and frees c. */
void volume_change_over(VolumeChange *c, const GError *err);

/* The key of a volume's claim: of a volume of that name in the pool, or of one that is being made.
 * The caller frees it. */
char *volume_claim_key(const Pool *pool, const char *name);
/* Claims the volume for the task, alone or (reads) together with others that only read it. FALSE:
 * the error names the volume and its holder. */
gboolean volume_hold(Task *t, const Pool *pool, const char *name, gboolean reads, GError **err);

/* Sends a worker with the data of the change; the row then waits, and c->found is what the worker
 * found. */
StepResult volume_errand(Flow *f, Task *t, ErrandWork work);
/* The same; if the worker comes back too late, regret undoes its work. */
StepResult volume_errand_or(Flow *f, Task *t, ErrandWork work, ErrandWork regret);
/* For an undo. Takes in. */
StepResult volume_undo_errand(Flow *f, gpointer obj, ErrandWork work, VolumeWork *in);
/* For an undo, which knows only words of the ledger: the work for a volume at path. Never NULL. */
VolumeWork *volume_undo_work(const char *path, const char *folder);
/* For an undo: stops the errand that is under way. */
void volume_stop(Flow *f);
/* A copy of what c has for a worker. */
VolumeWork *volume_work_new(const VolumeChange *c);

/* An image is in use by whoever has claimed it; reads: by whom it is written. Claims of a change go
 * with its task. */
gboolean volume_claim(Task *t, const char *path, FileMark mark, gboolean reads, GError **err);
/* Rows: of what a volume is copied from a worker finds the images, which are claimed, and their
 * size is the least that the copy has; without a source both are done at once. */
StepResult volume_look_at_source(Flow *f, gpointer obj, GError **err);
StepResult volume_claim_source(Flow *f, gpointer obj, GError **err);
/* Rows: a worker looks at the file or device of a volume that the pool has, and what it found there
 * is claimed; there may be nothing. */
StepResult volume_look_at_it(Flow *f, gpointer obj, GError **err);
StepResult volume_claim_found(Flow *f, gpointer obj, GError **err);
/* Checks that the volume is there, claims it for the task, and takes what is known of it. */
gboolean volume_is_there(Task *t, VolumeChange *c, GError **err);
/* For an undo, of an earlier daemon's change too: the pool (a reference), and a volume of it that
 * is none any more, or not as it was known. */
Pool *volume_undo_pool(Flow *f, gpointer obj);
void volume_forget(Pool *pool, const char *name);
/* Gives a device owner and mode as far as p says them; NULL: as they are. In a worker. */
gboolean volume_set_permissions(const char *path, const Permissions *p, GError **err);
/* The size that a resize asks for, in bytes: c->size. */
gboolean volume_wanted_size(VolumeChange *c, GError **err);
/* How far the making of a volume is. */
void volume_create_look(gpointer change, TaskProgress *ret_progress);
/* What its workers count. */
void volume_progress(const VolumeChange *c, TaskProgress *ret_progress);
/* What a worker found becomes what is known. */
void volume_known(VolumeChange *c);

/* ---- programs (volume_tool.c) ---- */

/* Bytes of a report that a program gives, at most; one of 10,000 volumes has some 5 MiB. */
#define REPORT_MAX (32 << 20)

/* Runs a program; the row then waits. argv is taken. */
StepResult tool_run(Flow *f, VolumeChange *c, GPtrArray *argv, GError **err);
/* The same, and keeps what it says: c->said. */
StepResult tool_ask(Flow *f, VolumeChange *c, GPtrArray *argv, GError **err);
/* An undo: ends the program, and waits for its end. */
StepResult tool_stop(Flow *f, gpointer obj);
/* How far the tool says that it is, in hundredths of a percent; -1: it says nothing. */
int tool_progress(const VolumeChange *c);
/* The command line of a program; words follow, ended by NULL. */
GPtrArray *tool_words(const char *program, ...) G_GNUC_NULL_TERMINATED;
void tool_add(GPtrArray *argv, const char *word);
/* What a copy writes at most: to be asked of qemu-img. The array is the caller's. */
GPtrArray *create_measure_words(const VolumeChange *c);

extern const TaskKind create_kind, clone_kind, delete_kind, resize_kind, wipe_kind, upload_kind,
    download_kind;
extern const FlowTable volume_create_table, volume_delete_table, volume_resize_table,
    volume_wipe_table;
