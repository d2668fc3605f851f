/* Rules of processors: how many, their model, topology, caches, NUMA cells. */
#include "check.h"

#include <string.h>

/* ---- how many */

static gboolean
check_vcpus(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const MachineCaps *m = caps_machine(caps, def->os.machine);

    if (def->vcpus_current > def->vcpus)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "vcpu: 'current' is %u, above the maximum of %u",
                    def->vcpus_current, def->vcpus);
    if (m && m->max_cpus && def->vcpus > m->max_cpus)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "vcpu: %u, machine '%s' has %u at most",
                    def->vcpus, m->name, m->max_cpus);
    return !def->cpuset || bitmap_count(def->cpuset) > 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "vcpu: its 'cpuset' is empty");
}

static gboolean
check_vcpu_slots(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (VcpuSlot, s, def->vcpu_slots) {
        if (s->enabled == NO && s->hotpluggable == NO)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "vcpus: vcpu %u is off but not 'hotpluggable', it could never be used",
                        s->id);
        if (s->id == 0 && s->enabled == NO)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "vcpus: vcpu 0 cannot be off");
        if (s->id == 0 && s->hotpluggable == YES && domain_is_x86(def))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "vcpus: vcpu 0 cannot be 'hotpluggable'");
    }
    return TRUE;
}

static gboolean
check_topology(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CpuTopology *t = def->cpu ? def->cpu->topology : NULL;
    guint64 seats;

    if (!t)
        return TRUE;
    seats = (guint64)t->sockets * MAX(t->dies, 1) * MAX(t->clusters, 1) * t->cores * t->threads;
    return seats == def->vcpus ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "cpu topology: it has seats for %" G_GUINT64_FORMAT " vcpus, the domain has %u",
                seats, def->vcpus);
}

/* ---- model */

gboolean
cpu_vendor_id_check(const CpuDef *cpu, GError **err)
{
    const char *vendor = cpu->vendor_id;

    if (!vendor || !*vendor)
        return TRUE;
    if (strlen(vendor) != 12)
        return fail(err, ERR_XML, "cpu model: vendor_id '%s' must have 12 characters", vendor);
    return !strchr(vendor, ',') ||
           fail(err, ERR_XML, "cpu model: vendor_id '%s' has a comma", vendor);
}

static gboolean
check_model(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->cpu || cpu_vendor_id_check(def->cpu, err);
}

gboolean
cpu_features_check(const CpuDef *cpu, GError **err)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    EACH (CpuFeature, f, cpu->features) {
        if (!f->name || !*f->name)
            return fail(err, ERR_XML, "cpu: a feature has no name");
        if (!g_hash_table_add(names, f->name))
            return fail(err, ERR_XML, "cpu: feature '%s' is there twice", f->name);
    }
    return TRUE;
}

static gboolean
check_cpu_features(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->cpu || cpu_features_check(def->cpu, err);
}

static gboolean
is_host_cpu(const CpuDef *cpu)
{
    return cpu->mode == CPU_HOST_PASSTHROUGH || cpu->mode == CPU_MAXIMUM;
}

/* Of i686 and others QEMU has no such property: no guest of theirs can ask for it. */
static gboolean
check_migratable(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CpuDef *cpu = def->cpu;

    return !cpu || cpu->mode != CPU_HOST_PASSTHROUGH || cpu->migratable != ON ||
           strcmp(caps->arch, "x86_64") == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "cpu: '%s' has no 'migratable' for mode 'host-passthrough'", caps->path);
}

static gboolean
check_cpu_cache(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CpuCache *c = def->cpu ? def->cpu->cache : NULL;

    if (!c)
        return TRUE;
    if (c->mode == CPU_CACHE_EMULATE)
        return (c->has_level && c->level == 3) ||
               fail(err, ERR_CONFIG_UNSUPPORTED, "cpu cache: mode 'emulate' needs level 3");
    if (c->mode == CPU_CACHE_PASSTHROUGH && !is_host_cpu(def->cpu))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "cpu cache: mode 'passthrough' needs cpu mode 'host-passthrough' or 'maximum'");
    return !c->has_level ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "cpu cache: only mode 'emulate' has a level");
}

/* No x86 processor has more; the host's own number is asked for at start. */
#define MAX_PHYS_BITS 52

static gboolean
check_maxphysaddr(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CpuMaxphysaddr *m = def->cpu ? def->cpu->maxphysaddr : NULL;

    if (!m)
        return TRUE;
    if (m->mode == PHYSADDR_PASSTHROUGH && m->bits)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "cpu maxphysaddr: mode 'passthrough' takes 'limit', not 'bits'");
    if (m->mode == PHYSADDR_EMULATE && m->limit)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "cpu maxphysaddr: mode 'emulate' takes 'bits', not 'limit'");
    return m->bits <= MAX_PHYS_BITS ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "cpu maxphysaddr: %u bits, %d at most", m->bits,
                MAX_PHYS_BITS);
}

/* ---- NUMA */

static const GPtrArray *
cells_of(const DomainDef *def)
{
    return def->cpu && def->cpu->numa ? def->cpu->numa->cells : NULL;
}

static gboolean
check_cell_ids(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *cells = cells_of(def);
    guint n = list_length(cells);

    for (guint i = 0; i < n; i++) {
        const NumaCell *a = list_item(cells, i);

        for (guint k = 0; a->has_id && k < i; k++)
            if (((NumaCell *)list_item(cells, k))->id == a->id)
                return fail(err, ERR_XML, "numa: cell %u is there twice", a->id);
        if (a->has_id && a->id >= n)
            return fail(err, ERR_XML, "numa: cell %u, %u cells must have the ids 0-%u", a->id, n,
                        n - 1);
    }
    return TRUE;
}

static gboolean
check_cell_cpus(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *cells = cells_of(def);

    for (guint i = 0; i < list_length(cells); i++) {
        const NumaCell *a = list_item(cells, i);

        if (bitmap_last(a->cpus) >= (int)def->vcpus)
            return fail(err, ERR_PLAIN, "numa: cell %u has vcpu %d, the domain has only %u", a->id,
                        bitmap_last(a->cpus), def->vcpus);
        for (guint k = 0; k < i; k++) {
            const NumaCell *b = list_item(cells, k);

            if (bitmap_overlaps(a->cpus, b->cpus))
                return fail(err, ERR_CONFIG_UNSUPPORTED, "numa: cells %u and %u share a vcpu",
                            b->id, a->id);
        }
    }
    return TRUE;
}

#define LOCAL_DISTANCE 10

static gboolean
check_distances(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint n = list_length(cells_of(def));

    EACH (NumaCell, cell, cells_of(def)) {
        EACH (NumaDistance, d, cell->distances) {
            if (d->id >= n)
                return fail(err, ERR_XML,
                            "numa: cell %u has a distance to cell %u, which does not exist",
                            cell->id, d->id);
            if ((d->id == cell->id) != (d->value == LOCAL_DISTANCE))
                return fail(err, ERR_XML,
                            "numa: distance %u of cell %u to %u: it is 10 to itself, 11-255 to "
                            "others",
                            d->value, cell->id, d->id);
        }
    }
    return TRUE;
}

static gboolean
check_cell_caches(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (NumaCell, cell, cells_of(def)) {
        guint levels = 0;

        EACH (NumaCache, c, cell->caches) {
            if (c->level < 1 || c->level > 3)
                return fail(err, ERR_XML, "numa: cell %u has a cache of level %u, 1-3 are allowed",
                            cell->id, c->level);
            if (levels & BIT(c->level))
                return fail(err, ERR_XML, "numa: cell %u has two caches of level %u", cell->id,
                            c->level);
            levels |= BIT(c->level);
        }
    }
    return TRUE;
}

static const NumaCell *
cell_find(const DomainDef *def, guint32 id)
{
    EACH (NumaCell, cell, cells_of(def))
        if (cell->id == id)
            return cell;
    return NULL;
}

static gboolean
cell_has_cache(const NumaCell *cell, guint32 level)
{
    EACH (NumaCache, c, cell->caches)
        if (c->level == level)
            return TRUE;
    return level == 0;
}

static gboolean
same_interconnect(const NumaInterconnect *a, const NumaInterconnect *b)
{
    return a->kind == b->kind && a->initiator == b->initiator && a->target == b->target &&
           a->cache == b->cache && a->type == b->type;
}

static gboolean
check_interconnect(const DomainDef *def, const NumaInterconnect *a, GError **err)
{
    const NumaCell *from = cell_find(def, a->initiator), *to = cell_find(def, a->target);

    if (!from || !to)
        return fail(err, ERR_XML, "numa interconnects: there is no cell %u",
                    from ? a->target : a->initiator);
    if (bitmap_count(from->cpus) == 0)
        return fail(err, ERR_XML, "numa interconnects: cell %u has no vcpus, it cannot initiate",
                    from->id);
    return cell_has_cache(to, a->cache) ||
           fail(err, ERR_XML, "numa interconnects: cell %u has no cache of level %u", to->id,
                a->cache);
}

static gboolean
check_interconnects(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *list = def->cpu && def->cpu->numa ? def->cpu->numa->interconnects : NULL;

    for (guint i = 0; i < list_length(list); i++) {
        if (!check_interconnect(def, list_item(list, i), err))
            return FALSE;
        for (guint k = 0; k < i; k++)
            if (same_interconnect(list_item(list, i), list_item(list, k)))
                return fail(err, ERR_XML, "numa interconnects: that of cells %u and %u is twice",
                            ((NumaInterconnect *)list_item(list, i))->initiator,
                            ((NumaInterconnect *)list_item(list, i))->target);
    }
    return TRUE;
}

const Rule cpu_rules[] = {
    { "vcpu", check_vcpus },
    { "cpu/numa/cell/@cpus", check_cell_cpus },
    { "vcpus", check_vcpu_slots },
    { "cpu/model", check_model },
    { "cpu/feature", check_cpu_features },
    { "cpu/@migratable", check_migratable },
    { "cpu/cache", check_cpu_cache },
    { "cpu/maxphysaddr", check_maxphysaddr },
    { "cpu/numa/cell/distances", check_distances },
    { "cpu/numa/cell/cache", check_cell_caches },
    { "cpu/numa/interconnects", check_interconnects },
    { "cpu/topology", check_topology },
    { NULL },
};

const Rule cpu_written_rules[] = {
    { "cpu/numa/cell/@id", check_cell_ids },
    { NULL },
};
