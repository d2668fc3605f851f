/* Control groups of version 2 (cgroups(7); in the kernel's documentation admin-guide/cgroup-v2):
 * folders of a file system of the kernel's, in whose files limits are written and read. */
#pragma once

#include "core/core.h"

/* Whether path is there, and in a file system of groups of version 2. */
gboolean cgroup_is_folder(const char *path);
/* The folder where the host has all controllers in version 2; NULL: it has not, as where they are
 * those of version 1. */
const char *cgroup_mount(void);
/* The folder of the group that a process is in, below mount (a cgroup_mount); NULL and an error:
 * there is no such process. The caller frees it. */
char *cgroup_of(const char *mount, pid_t pid, GError **err);
/* Whether a group has that controller ("memory"): it can then be had in groups below it as well. */
gboolean cgroup_has(const char *folder, const char *controller);
gboolean cgroup_has_file(const char *folder, const char *file);
/* The text of a file of a group, without its last newline; it never waits. NULL: it cannot be read,
 * as when the kernel has no such limit. The caller frees it. */
char *cgroup_read(const char *folder, const char *file);
/* The number behind a key of a file such as memory.events or cpu.stat; FALSE: it has none. */
gboolean cgroup_read_key(const char *folder, const char *file, const char *key,
                         guint64 *ret_number);

/* Changes of a group, made one after the other by a worker, for the kernel may take its time: to
 * find pages to free, or until all processors have taken note. */
typedef struct CgroupPlan CgroupPlan;
CgroupPlan *cgroup_plan_new(const char *folder); /* of the group; copied */
void cgroup_plan_free(CgroupPlan *plan);         /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CgroupPlan, cgroup_plan_free)
guint cgroup_plan_length(const CgroupPlan *plan);
/* Adds: make a group in it; one that is there is fine. name "": the folder itself. */
void cgroup_plan_make(CgroupPlan *plan, const char *name);
/* Adds: write text into a file of it ("guest/memory.max"). what: what that is to people
 * ("memtune/hard_limit"); an error of such a change does not end the plan and is told by
 * cgroup_plan_each_failed. NULL: an error ends it. */
void cgroup_plan_write(CgroupPlan *plan, const char *file, const char *text, const char *what);
/* The same, with the numbers of a block device and a blank before the text: the file of the device
 * is at path. */
void cgroup_plan_write_of(CgroupPlan *plan, const char *file, const char *device, const char *text,
                          const char *what);
/* Makes the changes; may wait long, so for a worker. FALSE: one without a name failed, and those
 * behind it were not made. */
gboolean cgroup_plan_run(CgroupPlan *plan, GError **err);
/* An OffloadWork for that: in is the plan, and so is what it returns. */
gpointer cgroup_plan_work(gpointer plan, GError **err);
typedef void (*CgroupFailed)(const char *what, const char *why, gpointer user);
void cgroup_plan_each_failed(const CgroupPlan *plan, CgroupFailed each, gpointer user);

/* Ends whatever is left in a group and removes it with all groups in it; waits at most two seconds,
 * so for a worker. TRUE: there is no such group (any more). */
gboolean cgroup_remove(const char *folder, GError **err);
/* Waits until the group is gone, at most ms milliseconds; for a worker. */
gboolean cgroup_wait_gone(const char *folder, guint ms);
