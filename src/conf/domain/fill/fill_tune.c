/* Defaults for threads, pinning and memory placement: vcpus one by one, iothreads, pins,
 * schedulers, NUMA nodes of the host. */
#include "fill.h"

/* ---- vcpus one by one */

static gint
compare_slots(gconstpointer a, gconstpointer b)
{
    const VcpuSlot *x = *(VcpuSlot *const *)a, *y = *(VcpuSlot *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

/* Vcpus that the document does not list are absent at the start. */
static void
add_slots(DomainDef *def)
{
    g_autoptr(Bitmap) known = bitmap_new();

    EACH (VcpuSlot, named, def->vcpu_slots)
        if (named->id < def->vcpus)
            bitmap_set(known, named->id);
    for (guint32 id = 0; id < def->vcpus; id++) {
        VcpuSlot *slot;

        if (bitmap_test(known, id))
            continue;
        slot = list_grow(&def->vcpu_slots, &vcpu_slot_schema);
        slot->id = id;
        slot->enabled = NO;
    }
    g_ptr_array_sort(def->vcpu_slots, compare_slots);
}

/* Absent vcpus can be plugged in; present ones stay. */
static void
fill_slots(DomainDef *def)
{
    guint enabled = 0;

    if (!def->vcpu_slots)
        return;
    add_slots(def);
    EACH (VcpuSlot, slot, def->vcpu_slots) {
        default_int(&slot->hotpluggable, slot->enabled == YES ? NO : YES);
        if (slot->enabled == YES)
            enabled++;
    }
    def->vcpus_current = enabled < def->vcpus ? enabled : 0;
}

/* ---- iothreads */

/* Numbers are written only when somebody wrote one. */
static void
fill_iothreads(DomainDef *def)
{
    g_autoptr(GHashTable) taken = g_hash_table_new(g_direct_hash, g_direct_equal);
    guint named = list_length(def->iothread_ids);
    guint32 id = 1;

    if (named == 0)
        return;
    EACH (IothreadDef, thread, def->iothread_ids)
        g_hash_table_add(taken, GUINT_TO_POINTER(thread->id));
    for (; named < def->iothreads; named++, id++) {
        IothreadDef *thread = list_grow(&def->iothread_ids, &iothread_schema);

        while (g_hash_table_contains(taken, GUINT_TO_POINTER(id)))
            id++;
        thread->id = id;
    }
    def->iothreads = named;
}

/* ---- pins and schedulers */

static gint
compare_pins(gconstpointer a, gconstpointer b)
{
    const VcpuPin *x = *(VcpuPin *const *)a, *y = *(VcpuPin *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static void
fill_pins(GPtrArray *pins)
{
    if (pins)
        g_ptr_array_sort(pins, compare_pins);
}

/* Drops pins of vcpus that the guest does not have. */
static void
drop_pins(GPtrArray **pins, guint vcpus)
{
    for (guint i = list_length(*pins); i-- > 0;) {
        VcpuPin *pin = (*pins)->pdata[i];

        if (pin->id < vcpus)
            continue;
        bitmap_free(pin->cpus);
        g_free(pin);
        list_remove(pins, i);
    }
}

static gint
compare_scheds(gconstpointer a, gconstpointer b)
{
    const SchedDef *x = *(SchedDef *const *)a, *y = *(SchedDef *const *)b;
    int i = bitmap_next(x->ids, -1), k = bitmap_next(y->ids, -1);

    return i < k ? -1 : i > k;
}

/* One thread has one scheduler: an element for several is one for each. */
static void
fill_scheds(GPtrArray **list)
{
    GPtrArray *all = NULL;

    EACH (SchedDef, sched, *list) {
        for (int id = -1; (id = bitmap_next(sched->ids, id)) >= 0;) {
            SchedDef *one = g_memdup2(sched, sizeof(*sched));

            one->ids = bitmap_new();
            bitmap_set(one->ids, (guint)id);
            list_append(&all, one);
        }
        bitmap_free(sched->ids);
        g_free(sched);
    }
    g_clear_pointer(list, g_ptr_array_unref);
    if (all)
        g_ptr_array_sort(all, compare_scheds);
    *list = all;
}

/* Only fifo and rr know priorities. */
static void
fill_priority(SchedDef *sched)
{
    if (sched && sched->scheduler != SCHEDULER_FIFO && sched->scheduler != SCHEDULER_RR)
        sched->has_priority = FALSE;
}

/* Limits a group to vcpus that exist. FALSE: none is left. */
static gboolean
limit_group(Bitmap *group, guint vcpus)
{
    for (int n = bitmap_last(group); n >= (int)vcpus; n = bitmap_last(group))
        bitmap_unset(group, (guint)n);
    return bitmap_last(group) >= 0;
}

/* Drops groups without vcpus or without shares. */
static void
fill_groups(CputuneDef *tune, guint vcpus)
{
    for (guint i = list_length(tune->cachetunes); i-- > 0;) {
        CacheTune *c = tune->cachetunes->pdata[i];

        if (limit_group(c->vcpus, vcpus) && (c->caches || c->monitors))
            continue;
        schema_free(&cachetune_schema, c);
        list_remove(&tune->cachetunes, i);
    }
    for (guint i = list_length(tune->memorytunes); i-- > 0;) {
        MemoryTune *m = tune->memorytunes->pdata[i];

        if (limit_group(m->vcpus, vcpus) && (m->nodes || m->monitors))
            continue;
        schema_free(&memorytune_schema, m);
        list_remove(&tune->memorytunes, i);
    }
}

static void
fill_cputune(CputuneDef *tune, guint vcpus)
{
    if (!tune)
        return;
    drop_pins(&tune->vcpu_pins, vcpus);
    fill_pins(tune->vcpu_pins);
    fill_pins(tune->iothread_pins);
    fill_scheds(&tune->vcpu_scheds);
    fill_scheds(&tune->iothread_scheds);
    fill_groups(tune, vcpus);
    fill_priority(tune->emulator_sched);
    EACH (SchedDef, sched, tune->vcpu_scheds)
        fill_priority(sched);
    EACH (SchedDef, sched, tune->iothread_scheds)
        fill_priority(sched);
}

/* ---- nodes of the host */

static gboolean
has_pins(const CputuneDef *tune)
{
    return tune->emulator_pin || tune->vcpu_pins || tune->iothread_pins;
}

/* If numad places the vcpus it places the memory too; the reverse holds where no vcpu is pinned. */
static void
fill_numatune(DomainDef *def)
{
    NumatuneDef *tune = def->numatune;

    if (tune && !tune->mode && !tune->placement && !tune->nodes)
        tune->has_memory = FALSE; /* it says nothing */
    if (def->vcpu_placement == PLACEMENT_AUTO) {
        g_clear_pointer(&def->cpuset, bitmap_free);
        if (!def->numatune)
            def->numatune = g_new0(NumatuneDef, 1);
        if (!def->numatune->has_memory && !def->numatune->memnodes)
            def->numatune->has_memory = TRUE;
    }
    if (!(tune = def->numatune))
        return;
    EACH (NumaMemnode, node, tune->memnodes)
        default_int(&node->mode, NUMA_STRICT);
    if (!tune->has_memory)
        return;
    default_int(&tune->mode, NUMA_STRICT);
    if (!tune->placement && !tune->nodes)
        tune->placement = def->vcpu_placement;
    if (tune->placement == PLACEMENT_AUTO) {
        g_clear_pointer(&tune->nodes, bitmap_free);
        if (!def->cpuset && !(def->cputune && has_pins(def->cputune)))
            def->vcpu_placement = PLACEMENT_AUTO;
    } else if (tune->nodes)
        tune->placement = 0;
}

/* ---- disks' shares */

/* The largest value means that there is no limit. */
#define UNLIMITED G_GUINT64_CONSTANT(9007199254740991)

static void
fill_memtune(MemtuneDef *tune)
{
    guint64 *const limits[] = { &tune->hard_limit, &tune->soft_limit, &tune->swap_hard_limit };

    for (gsize i = 0; i < G_N_ELEMENTS(limits); i++)
        if (*limits[i] >= UNLIMITED)
            *limits[i] = 0;
}

static void
fill_blkiotune(BlkiotuneDef *tune)
{
    for (guint i = list_length(tune ? tune->devices : NULL); i-- > 0;) {
        BlkioDevice *d = tune->devices->pdata[i];

        if (d->weight || d->read_iops || d->write_iops || d->read_bytes || d->write_bytes)
            continue;
        g_free(d->path);
        g_free(d);
        list_remove(&tune->devices, i);
    }
}

/* The only cell need not be named where no cells are. */
static void
fill_pages(const DomainDef *def)
{
    const GPtrArray *pages = def->backing ? def->backing->pages : NULL;

    if (def->cpu && def->cpu->numa && def->cpu->numa->cells)
        return;
    EACH (HugePage, page, pages) {
        if (!page->nodes || bitmap_last(page->nodes) != 0)
            continue;
        bitmap_free(page->nodes);
        page->nodes = NULL;
    }
}

gboolean
fill_tuning(Fill *f, GError **err G_GNUC_UNUSED)
{
    fill_slots(f->def);
    fill_iothreads(f->def);
    fill_cputune(f->def->cputune, f->def->vcpus);
    fill_numatune(f->def);
    if (f->def->memtune)
        fill_memtune(f->def->memtune);
    fill_blkiotune(f->def->blkiotune);
    fill_pages(f->def);
    return TRUE;
}
