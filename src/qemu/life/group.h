/* Inner door of the groups of a VM: what its definition wants to be limited (limit.c), and the
 * group in which that is in force (group.c). Others find the rows in life.h. */
#pragma once

#include "host/host.h"
#include "qemu/vm/vm.h"

#define WEIGHT_MAX      10000 /* of cpu.weight and io.weight */
#define WEIGHT_DEFAULT  ((guint64)100)
#define GROUP_TASKS_MAX "8448" /* QEMU's own limit is 8192; the rest is for its helpers */

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"

typedef enum LimitOf { LIMIT_OF_GROUP, LIMIT_OF_GUEST, LIMIT_OF_VCPU, LIMIT_OF_IOTHREAD } LimitOf;

/* One limit, as it is written into a file of the kernel's. */
typedef struct Limit {
    const char *what;       /* where it stands in a definition: "memtune/hard_limit" */
    const char *controller; /* who does it: "memory" */
    LimitOf of;             /* GROUP: it weighs the VM against others */
    const char *file;       /* below the VM's group; of a thread: below the thread's */
    char *device;           /* path of a block device; NULL: it is of none */
    char *text;
} Limit;

/* The limits in a definition, of Limit; free with g_ptr_array_unref. all: those too that are not
 * set, with the text that lifts them. kind: only those whose path begins like that ("memtune/");
 * NULL: all kinds. */
GPtrArray *limits_of(const DomainDef *def, gboolean all, const char *kind);
/* Why the group cannot hold a VM to that limit; NULL: it can. The caller frees it. */
char *limit_why_not(const Limit *l, const char *group);
/* Takes a limit, by its path, out of a definition. */
void limit_forget(DomainDef *def, const char *what);
/* Adds the writing of a limit, where that is not systemd's to do nor one of a thread's. */
void group_plan_limit(CgroupPlan *plan, const Run *run, const Limit *l);
/* Appends what weighs a scope against others as properties of systemd's, "(sv)" each; kind and all
 * as in limits_of. FALSE: the message is of no use any more. */
gboolean group_append_weights(sd_bus_message *m, const DomainDef *def, const char *kind,
                              gboolean all);
