/* Rules of tuning: pins, schedulers, periods, resource control, iothreads, NUMA placement. */
#include "check.h"

#include <string.h>

/* ---- iothreads */

static gboolean
check_pool(const IothreadDef *t, const char *what, GError **err)
{
    if (t->has_pool_max && t->pool_max == 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s %u: thread_pool_max must be above 0", what,
                    t->id);
    return !t->has_pool_min || (t->has_pool_max && t->pool_min <= t->pool_max) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "%s %u: thread_pool_min %d needs a thread_pool_max that is not below it", what,
                t->id, t->pool_min);
}

static gboolean
check_iothreads(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(NULL, NULL);

    EACH (IothreadDef, t, def->iothread_ids) {
        if (!g_hash_table_add(ids, GUINT_TO_POINTER(t->id)))
            return fail(err, ERR_XML, "iothreadids: iothread %u is there twice", t->id);
        if (!check_pool(t, "iothread", err))
            return FALSE;
    }
    return !def->default_iothread || check_pool(def->default_iothread, "defaultiothread", err);
}

static gboolean
note_queues(const IothreadMap *map, Bitmap *taken, guint32 queues, GError **err)
{
    EACH (IothreadQueue, q, map->queues) {
        if (!queues)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "driver: 'queues' must be set where iothreads have queues of their own");
        if (q->id >= queues)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "driver: queue %u of iothread %u, it has %u",
                        q->id, map->id, queues);
        if (bitmap_test(taken, q->id))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "driver: queue %u has two iothreads", q->id);
        bitmap_set(taken, q->id);
    }
    return TRUE;
}

gboolean
iothread_maps_check(const DomainDef *def, const GPtrArray *maps, guint32 queues, GError **err)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(NULL, NULL);
    g_autoptr(Bitmap) taken = bitmap_new();
    guint with_queues = 0;

    EACH (IothreadMap, m, maps) {
        if (!domain_has_iothread(def, m->id))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "driver: the domain has no iothread %u",
                        m->id);
        if (!g_hash_table_add(ids, GUINT_TO_POINTER(m->id)))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "driver: iothread %u is there twice", m->id);
        if (!note_queues(m, taken, queues, err))
            return FALSE;
        with_queues += m->queues ? 1 : 0;
    }
    if (with_queues && with_queues < maps->len)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "driver: all iothreads have <queue> elements, or none has");
    return !with_queues || bitmap_count(taken) == queues ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "driver: %u of %u queues have no iothread",
                queues - bitmap_count(taken), queues);
}

/* ---- pins */

static gboolean
check_pin_list(const GPtrArray *pins, const char *what, GError **err)
{
    for (guint i = 0; i < list_length(pins); i++) {
        const VcpuPin *pin = list_item(pins, i);

        for (guint k = 0; k < i; k++)
            if (((VcpuPin *)list_item(pins, k))->id == pin->id)
                return fail(err, ERR_PLAIN, "cputune: %s %u is there twice", what, pin->id);
        if (bitmap_count(pin->cpus) == 0)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "cputune: the cpuset of %s %u is empty", what,
                        pin->id);
    }
    return TRUE;
}

static gboolean
check_pins(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CputuneDef *c = def->cputune;

    if (!c)
        return TRUE;
    EACH (VcpuPin, pin, c->iothread_pins)
        if (!domain_has_iothread(def, pin->id))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "cputune: iothreadpin names iothread %u, which the domain does not have",
                        pin->id);
    if (c->emulator_pin && bitmap_count(c->emulator_pin) == 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "cputune: the cpuset of emulatorpin is empty");
    return check_pin_list(c->vcpu_pins, "vcpupin", err) &&
           check_pin_list(c->iothread_pins, "iothreadpin", err);
}

/* ---- shares of time */

#define MIN_PERIOD 1000
#define MAX_PERIOD 1000000
#define MAX_QUOTA  (G_MAXUINT64 >> 20)

static gboolean
check_periods(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CputuneDef *c = def->cputune;
    const struct {
        const char *name;
        guint64 period;
        gint64 quota;
    } rows[] = {
        { "", c ? c->period : 0, c ? c->quota : 0 },
        { "global_", c ? c->global_period : 0, c ? c->global_quota : 0 },
        { "emulator_", c ? c->emulator_period : 0, c ? c->emulator_quota : 0 },
        { "iothread_", c ? c->iothread_period : 0, c ? c->iothread_quota : 0 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].period && (rows[i].period < MIN_PERIOD || rows[i].period > MAX_PERIOD))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "cputune: %speriod %" G_GUINT64_FORMAT " is not in %d-%d", rows[i].name,
                        rows[i].period, MIN_PERIOD, MAX_PERIOD);
        if (rows[i].quota > 0 && (rows[i].quota < MIN_PERIOD || (guint64)rows[i].quota > MAX_QUOTA))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "cputune: %squota %" G_GINT64_FORMAT " is not in %d-%" G_GUINT64_FORMAT,
                        rows[i].name, rows[i].quota, MIN_PERIOD, MAX_QUOTA);
    }
    return TRUE;
}

/* ---- schedulers */

static gboolean
check_sched(const SchedDef *s, const char *what, GError **err)
{
    return (s->scheduler != SCHEDULER_FIFO && s->scheduler != SCHEDULER_RR) || s->has_priority ||
           fail(err, ERR_XML, "cputune: %s with scheduler 'fifo' or 'rr' needs a 'priority'", what);
}

static gboolean
check_sched_list(const GPtrArray *list, const char *what, GError **err)
{
    g_autoptr(Bitmap) had = bitmap_new();

    EACH (SchedDef, s, list) {
        if (!check_sched(s, what, err))
            return FALSE;
        if (bitmap_count(s->ids) == 0)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "cputune: %s names no threads", what);
        if (bitmap_overlaps(had, s->ids))
            return fail(err, ERR_XML_DETAIL, "cputune: two %s are for the same thread", what);
        bitmap_add(had, s->ids);
    }
    return TRUE;
}

static gboolean
check_schedulers(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CputuneDef *c = def->cputune;

    if (!c)
        return TRUE;
    if ((c->emulator_sched && !check_sched(c->emulator_sched, "emulatorsched", err)) ||
        !check_sched_list(c->vcpu_scheds, "vcpusched", err) ||
        !check_sched_list(c->iothread_scheds, "iothreadsched", err))
        return FALSE;
    EACH (SchedDef, s, c->vcpu_scheds)
        if (bitmap_last(s->ids) >= (int)MAX(def->vcpus, 1))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "cputune: vcpusched names vcpu %d, which the domain does not have",
                        bitmap_last(s->ids));
    return TRUE;
}

static gboolean
check_iothread_scheds(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (SchedDef, io, def->cputune ? def->cputune->iothread_scheds : NULL)
        for (int id = bitmap_next(io->ids, -1); id >= 0; id = bitmap_next(io->ids, id))
            if (!domain_has_iothread(def, id))
                return fail(
                    err, ERR_CONFIG_UNSUPPORTED,
                    "cputune: iothreadsched names iothread %d, which the domain does not have", id);
    return TRUE;
}

/* ---- resource control: caches and bandwidth */

static gboolean
check_allocations(const CacheTune *c, GError **err)
{
    for (guint i = 0; i < list_length(c->caches); i++) {
        const CacheAllocation *a = list_item(c->caches, i);

        for (guint k = 0; k < i; k++) {
            const CacheAllocation *b = list_item(c->caches, k);
            gboolean collide = a->type == b->type || a->type == CACHE_BOTH || b->type == CACHE_BOTH;

            if (a->level == b->level && a->id == b->id && collide)
                return fail(err, ERR_XML, "cachetune: two allocations of cache %u of level %u",
                            a->id, a->level);
        }
    }
    return TRUE;
}

/* A monitor watches all vcpus of its group or some that no other one watches. */
static gboolean
check_monitors(const GPtrArray *monitors, const Bitmap *group, gboolean cache, GError **err)
{
    for (guint i = 0; i < list_length(monitors); i++) {
        const CacheMonitor *a = list_item(monitors, i);

        if (cache && a->level != 3)
            return fail(err, ERR_XML, "cachetune: a monitor of cache level %u, only 3 is allowed",
                        a->level);
        if (!bitmap_contains(group, a->vcpus))
            return fail(err, ERR_INVALID_ARG,
                        "cputune: a monitor has vcpus that its group has not");
        for (guint k = 0; k < i; k++) {
            const CacheMonitor *b = list_item(monitors, k);

            if (bitmap_overlaps(a->vcpus, b->vcpus) &&
                (bitmap_equal(a->vcpus, b->vcpus) ||
                 !(bitmap_equal(a->vcpus, group) || bitmap_equal(b->vcpus, group))))
                return fail(err, ERR_INVALID_ARG, "cputune: two monitors watch the same vcpu");
        }
    }
    return TRUE;
}

static gboolean
check_bandwidths(const MemoryTune *m, GError **err)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(NULL, NULL);

    EACH (MemoryBandwidth, b, m->nodes)
        if (!g_hash_table_add(ids, GUINT_TO_POINTER(b->id)))
            return fail(err, ERR_XML, "memorytune: node %u is there twice", b->id);
    return TRUE;
}

/* Groups of vcpus are apart from each other, but a cachetune and a memorytune may be of the same.
 */
static gboolean
note_group(GPtrArray *groups, const Bitmap *vcpus, guint first, GError **err)
{
    for (guint i = 0; i < groups->len; i++)
        if (bitmap_overlaps(groups->pdata[i], vcpus) &&
            (i >= first || !bitmap_equal(groups->pdata[i], vcpus)))
            return fail(err, ERR_XML,
                        "cputune: two groups of cachetune and memorytune share a vcpu");
    g_ptr_array_add(groups, (gpointer)vcpus);
    return TRUE;
}

static gboolean
check_resource_control(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new();
    const CputuneDef *c = def->cputune;
    guint first;

    if (!c)
        return TRUE;
    EACH (CacheTune, ct, c->cachetunes)
        if (!check_allocations(ct, err) || !note_group(groups, ct->vcpus, 0, err) ||
            !check_monitors(ct->monitors, ct->vcpus, TRUE, err))
            return FALSE;
    first = groups->len;
    EACH (MemoryTune, mt, c->memorytunes)
        if (!check_bandwidths(mt, err) || !note_group(groups, mt->vcpus, first, err) ||
            !check_monitors(mt->monitors, mt->vcpus, FALSE, err))
            return FALSE;
    return groups->len == 0 || def->virt_type == VIRT_KVM ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "cputune: cachetune and memorytune need a domain of type 'kvm'");
}

/* ---- NUMA nodes of the host */

static gboolean
check_memnode(const DomainDef *def, const NumaMemnode *node, GError **err)
{
    const NumatuneDef *n = def->numatune;
    const GPtrArray *cells = def->cpu && def->cpu->numa ? def->cpu->numa->cells : NULL;

    if (!cells)
        return fail(err, ERR_XML, "numatune: <memnode> of cell %u, but the guest has no <numa>",
                    node->cell);
    if (node->cell >= cells->len)
        return fail(err, ERR_XML, "numatune: <memnode> of cell %u, the guest has 0-%u", node->cell,
                    cells->len - 1);
    return !n->has_memory || (n->mode == NUMA_RESTRICTIVE) == (node->mode == NUMA_RESTRICTIVE) ||
           fail(err, ERR_XML,
                "numatune: mode 'restrictive' must be that of <memory> and of all <memnode>, or "
                "of none");
}

static gboolean
check_memnodes(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) cells = g_hash_table_new(NULL, NULL);

    EACH (NumaMemnode, node, def->numatune ? def->numatune->memnodes : NULL) {
        if (!check_memnode(def, node, err))
            return FALSE;
        if (!g_hash_table_add(cells, GUINT_TO_POINTER(node->cell)))
            return fail(err, ERR_XML, "numatune: two <memnode> of cell %u", node->cell);
    }
    return TRUE;
}

const Rule tune_written_rules[] = {
    { "cputune: schedulers", check_schedulers },
    { "numatune/memnode", check_memnodes },
    { NULL },
};

const Rule tune_rules[] = {
    { "iothreadids, defaultiothread", check_iothreads },
    { "cputune: pins", check_pins },
    { "cputune/iothreadsched", check_iothread_scheds },
    { "cputune: periods and quotas", check_periods },
    { "cputune/cachetune, cputune/memorytune", check_resource_control },
    { NULL },
};
