/* From a definition to the words that the kernel takes in the files of a control group, and back.
 */
#include <string.h>

#include "group.h"
#include "life.h"

#define PERIOD_US 100000 /* the kernel's, where a definition names none */

/* ---- the texts; NULL: not set */

static char *
kib_text(guint64 kib)
{
    return kib ? g_strdup_printf("%" G_GUINT64_FORMAT, kib * 1024) : NULL;
}

static char *
quota_text(gint64 quota, guint64 period)
{
    return quota > 0 ? g_strdup_printf("%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT, quota,
                                       period ? period : PERIOD_US)
                     : NULL;
}

static char *
hard_text(const DomainDef *d)
{
    return d->memtune ? kib_text(d->memtune->hard_limit) : NULL;
}

static char *
soft_text(const DomainDef *d)
{
    return d->memtune ? kib_text(d->memtune->soft_limit) : NULL;
}

/* A definition counts memory and swap together, the kernel swap alone. */
static char *
swap_text(const DomainDef *d)
{
    const MemtuneDef *m = d->memtune;

    if (!m || !m->swap_hard_limit)
        return NULL;
    return g_strdup_printf("%" G_GUINT64_FORMAT,
                           (m->swap_hard_limit - MIN(m->hard_limit, m->swap_hard_limit)) * 1024);
}

static char *
shares_text(const DomainDef *d)
{
    return d->cputune && d->cputune->has_shares && d->cputune->shares
               ? g_strdup_printf("%" G_GUINT64_FORMAT, d->cputune->shares)
               : NULL;
}

#define QUOTA_TEXT(prefix)                                                                         \
    static char *prefix##quota_text(const DomainDef *d)                                            \
    {                                                                                              \
        return d->cputune ? quota_text(d->cputune->prefix##quota, d->cputune->prefix##period)      \
                          : NULL;                                                                  \
    }
QUOTA_TEXT(global_)
QUOTA_TEXT(emulator_)
QUOTA_TEXT(iothread_)

static char *
vcpu_quota_text(const DomainDef *d)
{
    return d->cputune ? quota_text(d->cputune->quota, d->cputune->period) : NULL;
}

static char *
io_weight_text(const DomainDef *d)
{
    return d->blkiotune && d->blkiotune->weight ? g_strdup_printf("%u", d->blkiotune->weight)
                                                : NULL;
}

/* With 'strict' QEMU binds the guest's memory itself. */
static char *
nodes_text(const DomainDef *d)
{
    const NumatuneDef *n = d->numatune;

    return n && n->mode == NUMA_RESTRICTIVE && n->nodes ? bitmap_format(n->nodes) : NULL;
}

/* ---- the rows */

static const struct {
    const char *what, *controller;
    LimitOf of;
    const char *file;
    char *(*text)(const DomainDef *d);
    const char *none; /* lifts it */
} rows[] = {
    { "memtune/hard_limit", "memory", LIMIT_OF_GUEST, "guest/memory.max", hard_text, "max" },
    { "memtune/soft_limit", "memory", LIMIT_OF_GUEST, "guest/memory.high", soft_text, "max" },
    { "memtune/swap_hard_limit", "memory", LIMIT_OF_GUEST, "guest/memory.swap.max", swap_text,
      "max" },
    { "cputune/shares", "cpu", LIMIT_OF_GROUP, "cpu.weight", shares_text, "100" },
    { "cputune/global_quota", "cpu", LIMIT_OF_GUEST, "guest/cpu.max", global_quota_text, "max" },
    { "cputune/emulator_quota", "cpu", LIMIT_OF_GUEST, "guest/emulator/cpu.max",
      emulator_quota_text, "max" },
    { "cputune/quota", "cpu", LIMIT_OF_VCPU, "cpu.max", vcpu_quota_text, "max" },
    { "cputune/iothread_quota", "cpu", LIMIT_OF_IOTHREAD, "cpu.max", iothread_quota_text, "max" },
    { "blkiotune/weight", "io", LIMIT_OF_GROUP, "io.weight", io_weight_text, "100" },
    { "numatune/memory/@mode", "cpuset", LIMIT_OF_GUEST, "guest/cpuset.mems", nodes_text, "" },
};

static const char device_weight[] = "blkiotune/device/weight";
static const char device_speed[] = "blkiotune/device";

static void
limit_free(gpointer data)
{
    Limit *l = data;

    g_free(l->device);
    g_free(l->text);
    g_free(l);
}

static void
add(GPtrArray *to, Limit limit)
{
    g_ptr_array_add(to, g_memdup2(&limit, sizeof limit));
}

static void
put_speed(GString *text, const char *key, guint64 most)
{
    if (most)
        g_string_append_printf(text, "%s%s=%" G_GUINT64_FORMAT, text->len ? " " : "", key, most);
    else
        g_string_append_printf(text, "%s%s=max", text->len ? " " : "", key);
}

static void
add_device(GPtrArray *to, const BlkioDevice *d, gboolean all)
{
    if (d->weight || all)
        add(to, (Limit){ device_weight, "io", LIMIT_OF_GROUP, "io.weight", g_strdup(d->path),
                         d->weight ? g_strdup_printf("%u", d->weight) : g_strdup("default") });
    if (all || d->read_bytes || d->write_bytes || d->read_iops || d->write_iops) {
        GString *text = g_string_new(NULL);
        put_speed(text, "rbps", d->read_bytes);
        put_speed(text, "wbps", d->write_bytes);
        put_speed(text, "riops", d->read_iops);
        put_speed(text, "wiops", d->write_iops);
        add(to, (Limit){ device_speed, "io", LIMIT_OF_GUEST, "guest/io.max", g_strdup(d->path),
                         g_string_free(text, FALSE) });
    }
}

GPtrArray *
limits_of(const DomainDef *def, gboolean all, const char *kind)
{
    GPtrArray *to = g_ptr_array_new_with_free_func(limit_free);
    const BlkiotuneDef *io = def->blkiotune;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *text = !kind || g_str_has_prefix(rows[i].what, kind) ? rows[i].text(def) : NULL;
        if (!text && all && g_str_has_prefix(rows[i].what, kind ? kind : ""))
            text = g_strdup(rows[i].none);
        if (text)
            add(to,
                (Limit){ rows[i].what, rows[i].controller, rows[i].of, rows[i].file, NULL, text });
    }
    for (guint i = 0; io && i < list_length(io->devices); i++)
        if (!kind || g_str_has_prefix(device_speed, kind))
            add_device(to, io->devices->pdata[i], all);
    return to;
}

char *
limit_why_not(const Limit *l, const char *group)
{
    gboolean weighs = l->of == LIMIT_OF_GROUP;

    if (!cgroup_has(group, l->controller))
        return g_strdup_printf("the control group '%s' has no controller '%s'", group,
                               l->controller);
    if (weighs && g_ascii_strtoull(l->text, NULL, 10) > WEIGHT_MAX)
        return g_strdup_printf("control groups of version 2 weigh from 1 to %d", WEIGHT_MAX);
    if (weighs && strcmp(l->controller, "io") == 0 && !cgroup_has_file(group, "io.weight") &&
        !cgroup_has_file(group, "io.bfq.weight"))
        return g_strdup("this host's kernel weighs no disks (it has neither 'io.weight' nor "
                        "'io.bfq.weight')");
    return NULL;
}

void
limit_forget(DomainDef *def, const char *what)
{
    CputuneDef *c = def->cputune;
    MemtuneDef *m = def->memtune;

    if (m && strcmp(what, "memtune/hard_limit") == 0)
        m->hard_limit = 0;
    if (m && strcmp(what, "memtune/soft_limit") == 0)
        m->soft_limit = 0;
    if (m && strcmp(what, "memtune/swap_hard_limit") == 0)
        m->swap_hard_limit = 0;
    if (c && strcmp(what, "cputune/shares") == 0)
        c->shares = c->has_shares = 0;
    if (c && strcmp(what, "cputune/global_quota") == 0)
        c->global_quota = 0;
    if (c && strcmp(what, "cputune/emulator_quota") == 0)
        c->emulator_quota = 0;
    if (c && strcmp(what, "cputune/quota") == 0)
        c->quota = 0;
    if (c && strcmp(what, "cputune/iothread_quota") == 0)
        c->iothread_quota = 0;
    if (def->blkiotune && strcmp(what, "blkiotune/weight") == 0)
        def->blkiotune->weight = 0;
    if (def->numatune && strcmp(what, "numatune/memory/@mode") == 0) {
        g_clear_pointer(&def->numatune->nodes, bitmap_free);
        def->numatune->mode = 0;
        def->numatune->has_memory = FALSE;
    }
    for (guint i = 0; def->blkiotune && i < list_length(def->blkiotune->devices); i++) {
        BlkioDevice *d = def->blkiotune->devices->pdata[i];
        if (strcmp(what, device_weight) == 0)
            d->weight = 0;
        if (strcmp(what, device_speed) == 0)
            *d = (BlkioDevice){ .path = d->path, .weight = d->weight };
    }
}
