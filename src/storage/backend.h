/* The differences between types of pools: a table of operations for each type. Flows of pools
 * (pool_attach.c, pool_build.c) and of volumes call them. NULL: nothing to do, because the source
 * is a folder of this host. */
#pragma once

#include "volume_priv.h"

/* What a pool's program said of what is in it, for a worker. */
typedef struct PoolSurvey {
    PoolDef *def;
    char *said;
} PoolSurvey;
void survey_free(PoolSurvey *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PoolSurvey, survey_free)

/* How volumes are made and changed. NULL: they are not. */
typedef struct VolumeKinds {
    const TaskKind *create, *clone, *remove, *resize;
} VolumeKinds;

typedef struct PoolBackend {
    int type;                   /* PoolType */
    const VolumeKinds *volumes; /* NULL: they are files */
    /* Whether the definition can be used; called before anything is done. */
    gboolean (*check)(const PoolDef *def, GError **err);
    /* Work of errands. in: a PoolDef, which they take. */
    ErrandWork
        look; /* whether the source is mounted: returns a PoolDef, or NULL without an error */
    ErrandWork detach; /* unmounts it if look would find it; returns a PoolDef */
    ErrandWork scan;   /* as scan_folder; NULL: a program is asked */
    ErrandWork read;   /* the same of what survey's program said; in: a PoolSurvey */
    /* Command lines of programs; the array is the caller's. */
    GPtrArray *(*survey)(const PoolDef *def); /* tells what is there */
    GPtrArray *(*attach)(const PoolDef *def); /* mounts the source */
    GPtrArray *(*let_go)(const PoolDef *def); /* in place of detach */
    GPtrArray *(*probe)(const PoolDef *def);  /* ends with 0 if the source has something on it, with
                                                 2 if it is empty */
    GPtrArray *(*format)(const PoolDef *def, gboolean overwrite); /* formats the source */
    char *(*format_input)(const PoolDef *def);                    /* what that program reads */
    gboolean (*format_check)(const PoolDef *def, GError **err);
    gboolean is_watched;                      /* changes of its folder are noticed */
    gboolean is_formatted;                    /* by each build; there is no folder to be made */
    GPtrArray *(*remove)(const PoolDef *def); /* in place of the folder's removal */
    GPtrArray *(*forget)(const PoolDef *def); /* and then; NULL without devices */
} PoolBackend;

/* The operations of a type; NULL: no pools of that type are supported. */
const PoolBackend *backend_of(int type);
/* How volumes of the pool are made and changed; its members are NULL where they are not. */
const VolumeKinds *volume_kinds(const Pool *pool);
extern const PoolBackend backend_dir, backend_fs, backend_netfs, backend_logical, backend_disk;
/* Whether a program is installed; of: its package, for the error. */
gboolean backend_has_program(const PoolDef *def, const char *program, const char *of, GError **err);

/* Rows of "pool-start"; they work on PoolChange.def, or on the pool's definition. */
StepResult attach_look(Flow *f, gpointer obj, GError **err);
StepResult attach_plan(Flow *f, gpointer obj, GError **err);
StepResult attach_undo(Flow *f, gpointer obj);
StepResult attach_run(Flow *f, gpointer obj, GError **err);
/* Whether no image of the pool is in use that could not be reached once its source is gone. */
gboolean attach_may_end(const Pool *pool, GError **err);
/* Whether no domain has an image below the pool's path open. what: "stopped". */
gboolean attach_is_unused(const PoolDef *def, const char *what, GError **err);
/* The undo of rows that run a program: ends it, and waits for its end. */
StepResult attach_stop(Flow *f, gpointer obj);

/* Two rows of a start and of a refresh: the program that is asked, where there is one, and the look
 * of a worker. def: what is looked at. */
StepResult survey_ask(Flow *f, Pool *pool, const PoolDef *def, GError **err);
void survey_look(Pool *pool, const PoolDef *def, PoolChange *c, ErrandSpec *spec);

/* ---- programs of pools (pool_attach.c) ---- */

typedef struct PoolProgram PoolProgram;
/* Whether a row can go on after this end of its program. */
typedef gboolean (*ProgramFine)(const ProcessEnd *end, const char *pool, GError **err);
/* Runs a program; the row then waits. argv is taken. fine NULL: its status must be 0. */
StepResult program_run(Flow *f, Pool *pool, GPtrArray *argv, ProgramFine fine, GError **err);
/* The same, and gives it input to read, which is taken. */
StepResult program_feed(Flow *f, Pool *pool, GPtrArray *argv, char *input, GError **err);
/* The same, and keeps what it said: *ret_said is set before the row goes on. */
StepResult program_ask(Flow *f, Pool *pool, GPtrArray *argv, char **ret_said, GError **err);
/* For an undo, of a daemon that may know nothing but the ledger: what fails is logged. look: a pool
 * that is looked at afterwards, if it is active; NULL: none is. */
StepResult program_undo(Flow *f, GPtrArray *argv, Pool *look);

/* ---- LVM (backend_lvm.c, volume_lvm.c) ---- */

/* What one report of LVM says of a group. */
typedef struct LvmReport {
    PoolSpace space;
    guint64 extent;     /* bytes */
    GPtrArray *volumes; /* VolumeDef */
    GPtrArray *thin;    /* char *: names of thin volumes */
    char *pool;         /* the thin pool with the most room; NULL: there is none */
} LvmReport;
void lvm_report_done(LvmReport *r);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LvmReport, lvm_report_done)
/* folder: of the group's devices. Checks no name against the host. Volumes that are being made are
 * left out, but for one with that tag (or NULL). */
gboolean lvm_report_read(const char *said, const char *folder, const char *tag, LvmReport *ret,
                         GError **err);
/* The groups in a report as a <sources> document; the caller frees it. NULL and an error. */
char *lvm_sources(const char *said, GError **err);
GPtrArray *lvm_report_words(const char *group); /* group NULL: all */
GPtrArray *lvm_words(const char *command, ...) G_GNUC_NULL_TERMINATED;
/* Tags of volumes that are being made begin with it. */
#define LVM_MAKING "vmd_making_"
extern const VolumeKinds lvm_volumes;
extern const FlowTable lv_create_table, lv_delete_table, lv_resize_table;

/* ---- partition tables (backend_disk.c, volume_part.c) ---- */

typedef struct DiskPart {
    char *node, *type;
    guint number;
    guint64 start, size; /* sectors */
    gboolean is_extended, is_logical;
} DiskPart;

/* What sfdisk says of a table. */
typedef struct DiskReport {
    gboolean is_gpt, is_dos;
    guint64 sector;     /* bytes */
    guint64 first, end; /* sectors that partitions may have */
    GPtrArray *parts;   /* DiskPart, by their places */
} DiskReport;
void disk_report_done(DiskReport *r);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DiskReport, disk_report_done)
/* bytes: of the device. */
gboolean disk_report_read(const char *said, guint64 bytes, DiskReport *ret, GError **err);
const DiskPart *disk_extended(const DiskReport *r); /* borrowed; NULL: there is none */
/* Calls each for every part of the device in which a partition can be made: sectors from and to
 * (the first that is not free). logical: within the extended partition, which must be there. */
typedef void (*DiskFree)(guint64 from, guint64 to, gpointer user);
void disk_free_each(const DiskReport *r, gboolean logical, DiskFree each, gpointer user);
const char *disk_device(const PoolDef *def);
GPtrArray *disk_report_words(const char *device);
/* For sfdisk, of a document's word; NULL: such a table has none. */
const char *disk_type_of(const char *word, gboolean is_gpt);
guint64 disk_bytes(const char *device, GError **err); /* in a worker; 0: an error */
GPtrArray *disk_volumes_of(const PoolDef *def, const DiskReport *r);
void disk_space_take(PoolDef *def, const DiskReport *r);
extern const VolumeKinds disk_volumes;
extern const FlowTable part_create_table, part_delete_table;
