/* Memory and processors: -m, memory backends, NUMA cells, -smp, iothreads, memory devices. */
#include "args_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB_IN_KIB 1024
#define MODULE_KIB 2048 /* what the size of a memory module is a multiple of */

enum { ALLOCATE_AT_ONCE = 1 };
static const char *const numa_modes[] = { NULL, "bind", "preferred", "interleave", NULL };

/* ---- sizes */

/* QEMU's own granularity; what is less would be refused. */
static guint64
aligned(const DomainDef *def, guint64 kib)
{
    const guint64 block = args_memory_block(def);

    return (kib + block - 1) / block * block;
}

static const GPtrArray *
numa_cells(const DomainDef *def)
{
    return def->cpu != NULL && def->cpu->numa != NULL ? def->cpu->numa->cells : NULL;
}

/* The memory that is there from the start: without what memory devices bring. */
static guint64
initial_memory(const DomainDef *def)
{
    const GPtrArray *cells = numa_cells(def), *devices = def->devices.memories;
    guint64 sum = 0;

    for (guint i = 0; i < list_length(cells); i++)
        sum += aligned(def, LIST_AT(NumaCell, cells, i)->memory);
    if (list_length(cells) > 0)
        return sum;
    for (guint i = 0; i < list_length(devices); i++)
        sum += LIST_AT(MemoryDevice, devices, i)->size;
    return aligned(def, def->memory > sum ? def->memory - sum : 0);
}

/* ---- huge pages */

static guint64
system_page_kib(void)
{
    return (guint64)sysconf(_SC_PAGESIZE) / 1024;
}

static guint64
default_huge_kib(void)
{
    g_autofree char *info = NULL;
    const char *at;

    if (!g_file_get_contents("/proc/meminfo", &info, NULL, NULL))
        return 0;
    at = strstr(info, "Hugepagesize:");
    return at != NULL ? g_ascii_strtoull(at + strlen("Hugepagesize:"), NULL, 10) : 0;
}

static guint64
mount_page_kib(const char *options)
{
    const char *at = strstr(options, "pagesize=");
    char *end;
    guint64 n;

    if (at == NULL)
        return default_huge_kib();
    n = g_ascii_strtoull(at + strlen("pagesize="), &end, 10);
    return *end == 'G' ? n << 20 : *end == 'M' ? n << 10 : n;
}

/* QEMU puts an unnamed file into the folder that it is given. */
static char *
hugetlbfs_find(guint64 kib)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/mounts", &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", 0);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 0);

        if (g_strv_length(words) >= 4 && g_str_equal(words[2], "hugetlbfs") &&
            mount_page_kib(words[3]) == kib)
            return g_strdup(words[1]);
    }
    return NULL;
}

/* 0: ordinary pages. cell -1: the whole guest. */
static guint64
page_size(const DomainDef *def, int cell)
{
    const MemoryBacking *b = def->backing;
    guint64 size = 0;

    if (b == NULL || !b->hugepages)
        return 0;
    if (list_length(b->pages) == 0)
        return default_huge_kib();
    for (guint i = 0; i < b->pages->len; i++) {
        const HugePage *p = LIST_AT(HugePage, b->pages, i);

        if (p->nodes == NULL && size == 0)
            size = p->size;
        if (p->nodes != NULL && bitmap_test(p->nodes, cell < 0 ? 0 : (guint)cell))
            size = p->size;
    }
    return size == system_page_kib() ? 0 : size;
}

/* ---- one memory backend */

typedef struct MemoryBackend {
    const char *id;
    guint64 kib;
    int cell;         /* -1: the whole guest */
    int access;       /* MEMORY_SHARED, MEMORY_PRIVATE, 0: as the guest's */
    int discard;      /* YES, NO, 0: as the guest's */
    gboolean is_ram;  /* the machine's own memory, whose name must stay as it was */
    const char *path; /* of a file, or NULL */
    guint64 page_kib; /* huge pages; 0: ordinary */
    guint64 align_kib;
    gboolean pmem;
    const Bitmap *nodes; /* of the host */
    int mode;
} MemoryBackend;

static void
backend_policy(const DomainDef *def, MemoryBackend *b)
{
    const NumatuneDef *tune = def->numatune;

    if (tune == NULL || b->nodes != NULL)
        return;
    for (guint i = 0; i < list_length(tune->memnodes); i++) {
        const NumaMemnode *m = LIST_AT(NumaMemnode, tune->memnodes, i);

        if ((int)m->cell == b->cell) {
            b->nodes = m->nodes;
            b->mode = m->mode;
            return;
        }
    }
    if (tune->has_memory && tune->nodes != NULL) {
        b->nodes = tune->nodes;
        b->mode = tune->mode;
    }
}

static char *
backing_folder(const ArgsOut *a, const char *id)
{
    g_autofree char *guest = g_strdup_printf("-1-%s", a->def->name);

    /* QEMU makes a file without a name in the folder; nothing is left behind. */
    if (!args_is_native(a))
        return g_build_filename(qemu_paths->lib, "qemu", "ram", NULL);
    return g_build_filename(qemu_paths->lib, "qemu", "ram", guest, id, NULL);
}

static void
backend_nodes(json_object *o, const MemoryBackend *b)
{
    json_object *nodes;

    if (b->nodes == NULL || numa_modes[b->mode] == NULL)
        return;
    nodes = json_object_new_array();
    for (int n = bitmap_next(b->nodes, -1); n >= 0; n = bitmap_next(b->nodes, n))
        json_object_array_add(nodes, json_object_new_int(n));
    props_add(o, "o:host-nodes", nodes, "s:policy", numa_modes[b->mode], NULL);
}

static int
backend_access(const ArgsOut *a, const MemoryBackend *b)
{
    const MemoryBacking *m = a->def->backing;

    return b->access != 0 ? b->access : m != NULL ? m->access : 0;
}

static gboolean
backend_kind(ArgsOut *a, json_object *o, const MemoryBackend *b, GError **err)
{
    const MemoryBacking *m = a->def->backing;
    int source = m != NULL ? m->source : 0;
    g_autofree char *folder = NULL, *path = NULL;

    /* Only memory with a file behind it can be shared with other processes. */
    if (source == 0 && backend_access(a, b) == MEMORY_SHARED)
        source = MEMORY_SOURCE_FILE;

    if (b->path != NULL) {
        props_add(o, "s:qom-type", "memory-backend-file", "s:id", b->id, "s:mem-path", b->path,
                  NULL);
    } else if (source == MEMORY_SOURCE_MEMFD) {
        props_add(o, "s:qom-type", "memory-backend-memfd", "s:id", b->id, NULL);
        if (b->page_kib != 0)
            props_add(o, "b:hugetlb", TRUE, "U:hugetlbsize", b->page_kib << 10, NULL);
    } else if (b->page_kib != 0) {
        folder = hugetlbfs_find(b->page_kib);
        if (folder == NULL)
            return fail(err, ERR_INTERNAL,
                        "hugetlbfs filesystem is not mounted or disabled by administrator config");
        path = args_memory_path(a, folder, b->id);
        props_add(o, "s:qom-type", "memory-backend-file", "s:id", b->id, "s:mem-path", path, NULL);
    } else if (source == MEMORY_SOURCE_FILE) {
        folder = backing_folder(a, b->id);
        path = args_memory_path(a, folder, b->id);
        props_add(o, "s:qom-type", "memory-backend-file", "s:id", b->id, "s:mem-path", path, NULL);
    } else {
        props_add(o, "s:qom-type", "memory-backend-ram", "s:id", b->id, NULL);
    }
    return TRUE;
}

static gboolean
put_backend(ArgsOut *a, MemoryBackend *b, GError **err)
{
    json_object *o = json_object_new_object();
    const MemoryBacking *m = a->def->backing;
    int access = backend_access(a, b);
    gboolean named, prealloc;

    backend_policy(a->def, b);
    if (!backend_kind(a, o, b, err)) {
        json_object_put(o);
        return FALSE;
    }
    named = !g_str_equal(json_str(o, "qom-type"), "memory-backend-ram");
    if (b->path != NULL && b->access == 0)
        access = 0;
    /* Persistent memory is there already, and wears with every page that is touched. */
    prealloc = (m != NULL && m->allocation == ALLOCATE_AT_ONCE) || b->page_kib != 0 ||
               (b->path != NULL && !b->pmem);
    if (m != NULL && (b->discard != 0 ? b->discard == YES : m->discard) && named)
        props_add(o, "b:discard-data", TRUE, NULL);
    if (access != 0)
        props_add(o, "b:share", access == MEMORY_SHARED, NULL);
    if (b->is_ram && named)
        props_add(o, "b:x-use-canonical-path-for-ramblock-id", FALSE, NULL);
    if (prealloc)
        props_add(o, "b:prealloc", TRUE, "n:prealloc-threads", m != NULL ? m->alloc_threads : 0,
                  NULL);
    props_add(o, "U:size", b->kib << 10, "u:align", b->align_kib << 10, NULL);
    if (b->pmem)
        props_add(o, "b:pmem", TRUE, NULL);
    backend_nodes(o, b);
    args_part(a, ADD_OBJECT, o);
    return TRUE;
}

/* ---- -m */

gboolean
args_put_memory(ArgsOut *a, GError **err)
{
    const DomainDef *def = a->def;
    const char *ram = a->machine != NULL ? a->machine->ram_id : NULL;
    guint64 kib = initial_memory(def);
    g_autoptr(GString) s = g_string_new(NULL);
    MemoryBackend b = {
        .id = ram, .kib = kib, .cell = -1, .is_ram = TRUE, .page_kib = page_size(def, -1)
    };

    g_string_printf(s, "size=%" G_GUINT64_FORMAT "k", kib);
    if (def->max_memory != 0 && def->max_memory_slots != 0)
        g_string_append_printf(s, ",slots=%u", def->max_memory_slots);
    if (def->max_memory != 0)
        g_string_append_printf(s, ",maxmem=%" G_GUINT64_FORMAT "k", aligned(def, def->max_memory));
    args_pair(a, "-m", s->str);
    if (list_length(numa_cells(def)) == 0 && ram != NULL && *ram != 0 && !put_backend(a, &b, err))
        return FALSE;
    args_pairf(a, "-overcommit", "mem-lock=%s",
               def->backing != NULL && def->backing->locked ? "on" : "off");
    return TRUE;
}

/* ---- -smp and iothreads */

static void
put_iothread(ArgsOut *a, const IothreadDef *t, const char *type, const char *id)
{
    json_object *o = json_object_new_object();

    props_add(o, "s:qom-type", type, "s:id", id, NULL);
    if (t->has_pool_min)
        props_add(o, "i:thread-pool-min", t->pool_min, NULL);
    if (t->has_pool_max)
        props_add(o, "i:thread-pool-max", t->pool_max, NULL);
    if (t->has_poll_max)
        props_add(o, "U:poll-max-ns", t->poll_max, NULL);
    if (t->has_poll_grow)
        props_add(o, "U:poll-grow", t->poll_grow, NULL);
    if (t->has_poll_shrink)
        props_add(o, "U:poll-shrink", t->poll_shrink, NULL);
    args_part(a, ADD_OBJECT, o);
}

static gboolean
iothread_is_named(const GPtrArray *ids, guint32 id)
{
    for (guint i = 0; i < list_length(ids); i++)
        if (LIST_AT(IothreadDef, ids, i)->id == id)
            return TRUE;
    return FALSE;
}

static void
put_iothreads(ArgsOut *a)
{
    const GPtrArray *ids = a->def->iothread_ids;
    guint unnamed = a->def->iothreads > list_length(ids) ? a->def->iothreads - list_length(ids) : 0;

    for (guint i = 0; i < list_length(ids); i++) {
        const IothreadDef *t = LIST_AT(IothreadDef, ids, i);
        g_autofree char *id = g_strdup_printf("iothread%u", t->id);

        put_iothread(a, t, "iothread", id);
    }
    for (guint32 n = 1; unnamed > 0; n++) {
        g_autofree char *id = g_strdup_printf("iothread%u", n);
        IothreadDef plain = { .id = n };

        if (iothread_is_named(ids, n))
            continue;
        put_iothread(a, &plain, "iothread", id);
        unnamed--;
    }
    if (a->def->default_iothread != NULL)
        put_iothread(a, a->def->default_iothread, "main-loop", "main-loop");
}

gboolean
args_put_smp(ArgsOut *a, GError **err)
{
    const DomainDef *def = a->def;
    const CpuTopology *t = def->cpu != NULL ? def->cpu->topology : NULL;
    guint now = def->vcpus_current != 0 ? def->vcpus_current : def->vcpus;
    g_autoptr(GString) s = g_string_new(NULL);

    g_string_printf(s, "%u", now);
    if (now != def->vcpus)
        g_string_append_printf(s, ",maxcpus=%u", def->vcpus);
    if (t == NULL) {
        g_string_append_printf(s, ",sockets=%u,cores=1,threads=1", def->vcpus);
    } else {
        g_string_append_printf(s, ",sockets=%u", t->sockets);
        g_string_append_printf(s, ",dies=%u", MAX(t->dies, 1));
        if (emulator_able(a->e, ABLE_SMP_CLUSTERS))
            g_string_append_printf(s, ",clusters=%u", MAX(t->clusters, 1));
        g_string_append_printf(s, ",cores=%u,threads=%u", t->cores, t->threads);
    }
    args_pair(a, "-smp", s->str);
    put_iothreads(a);
    return TRUE;
}

/* ---- -numa */

static void
append_cpus(GString *s, const Bitmap *cpus)
{
    g_autofree char *text = cpus != NULL ? bitmap_format(cpus) : NULL;
    g_auto(GStrv) ranges = g_strsplit(text != NULL ? text : "", ",", 0);

    for (guint i = 0; ranges[i] != NULL && *ranges[i] != 0; i++)
        g_string_append_printf(s, ",cpus=%s", ranges[i]);
}

/* Old machines know memory without an object; their guests must keep that. */
static gboolean
cell_is_plain(const ArgsOut *a, const NumaCell *cell)
{
    const MemoryBacking *m = a->def->backing;

    return a->machine != NULL && a->machine->numa_mem && cell->access != MEMORY_SHARED &&
           (m == NULL || (!m->hugepages && m->access != MEMORY_SHARED &&
                          (m->source == 0 || m->source == MEMORY_SOURCE_ANONYMOUS))) &&
           (a->def->numatune == NULL || list_length(a->def->numatune->memnodes) == 0) &&
           list_length(a->def->devices.memories) == 0;
}

static gboolean
put_cell(ArgsOut *a, const NumaCell *cell, guint id, gboolean plain, GError **err)
{
    g_autofree char *name = g_strdup_printf("ram-node%u", id);
    g_autoptr(GString) s = g_string_new(NULL);
    MemoryBackend b = { .id = name,
                        .kib = aligned(a->def, cell->memory),
                        .cell = (int)id,
                        .access = cell->access,
                        .discard = cell->discard,
                        .page_kib = page_size(a->def, (int)id) };

    g_string_printf(s, "node,nodeid=%u", id);
    append_cpus(s, cell->cpus);
    if (plain)
        g_string_append_printf(s, ",mem=%" G_GUINT64_FORMAT, b.kib / MIB_IN_KIB);
    else if (b.kib > 0)
        g_string_append_printf(s, ",memdev=%s", name);
    if (!plain && b.kib > 0 && !put_backend(a, &b, err))
        return FALSE;
    args_pair(a, "-numa", s->str);
    return TRUE;
}

static void
put_distances(ArgsOut *a, const GPtrArray *cells)
{
    for (guint i = 0; i < list_length(cells); i++) {
        const NumaCell *cell = LIST_AT(NumaCell, cells, i);

        for (guint d = 0; d < list_length(cell->distances); d++) {
            const NumaDistance *distance = LIST_AT(NumaDistance, cell->distances, d);

            args_pairf(a, "-numa", "dist,src=%u,dst=%u,val=%u", cell->has_id ? cell->id : i,
                       distance->id, distance->value);
        }
    }
}

static void
put_interconnects(ArgsOut *a, const CpuNuma *numa)
{
    static const char *const types[] = { NULL, "access", "read", "write" };
    enum { LATENCY = 1 };

    for (guint i = 0; i < list_length(numa->interconnects); i++) {
        const NumaInterconnect *n = LIST_AT(NumaInterconnect, numa->interconnects, i);
        static const char *const levels[] = { "memory", "first-level", "second-level",
                                              "third-level" };
        const char *type = types[CLAMP(n->type, 1, 3)];
        const char *level = levels[MIN(n->cache, 3)];

        if (n->kind == LATENCY)
            args_pairf(a, "-numa",
                       "hmat-lb,initiator=%u,target=%u,hierarchy=%s,data-type=%s-latency,"
                       "latency=%" G_GUINT64_FORMAT,
                       n->initiator, n->target, level, type, n->value);
        else
            args_pairf(a, "-numa",
                       "hmat-lb,initiator=%u,target=%u,hierarchy=%s,data-type=%s-bandwidth,"
                       "bandwidth=%" G_GUINT64_FORMAT "K",
                       n->initiator, n->target, level, type, n->value);
    }
}

static void
put_cell_caches(ArgsOut *a, const GPtrArray *cells)
{
    static const char *const shapes[] = { "none", "none", "direct", "complex" };
    static const char *const policies[] = { "none", "none", "write-back", "write-through" };

    for (guint i = 0; i < list_length(cells); i++) {
        const NumaCell *cell = LIST_AT(NumaCell, cells, i);

        for (guint c = 0; c < list_length(cell->caches); c++) {
            const NumaCache *cache = LIST_AT(NumaCache, cell->caches, c);

            args_pairf(a, "-numa",
                       "hmat-cache,node-id=%u,size=%" G_GUINT64_FORMAT
                       "K,level=%u,associativity=%s,policy=%s,line=%" G_GUINT64_FORMAT,
                       cell->has_id ? cell->id : i, cache->size, cache->level,
                       shapes[CLAMP(cache->associativity, 0, 3)],
                       policies[CLAMP(cache->policy, 0, 3)], cache->line);
        }
    }
}

gboolean
args_put_numa(ArgsOut *a, GError **err)
{
    const GPtrArray *cells = numa_cells(a->def);
    gboolean plain = TRUE;

    for (guint i = 0; i < list_length(cells); i++)
        plain = plain && cell_is_plain(a, LIST_AT(NumaCell, cells, i));
    /* Cells may be written in any order; QEMU wants them as they are numbered. */
    for (guint n = 0; n < list_length(cells); n++)
        for (guint i = 0; i < cells->len; i++) {
            const NumaCell *cell = LIST_AT(NumaCell, cells, i);
            guint id = cell->has_id ? cell->id : i;

            if (id == n && !put_cell(a, cell, id, plain, err))
                return FALSE;
        }
    if (list_length(cells) == 0)
        return TRUE;
    if (plain && a->def->backing != NULL && a->def->backing->allocation == ALLOCATE_AT_ONCE)
        args_add(a, "-mem-prealloc");
    put_distances(a, cells);
    put_interconnects(a, a->def->cpu->numa);
    put_cell_caches(a, cells);
    return TRUE;
}

/* ---- memory devices */

static const struct {
    const char *name;
    gboolean virtio;
} device_drivers[] = {
    { NULL }, { "pc-dimm" }, { "nvdimm" }, { "virtio-pmem", TRUE }, { "virtio-mem", TRUE }
};

static gboolean
put_memory_device(ArgsOut *a, const MemoryDevice *m, GError **err)
{
    g_autofree char *id = g_strconcat("mem", m->info.alias, NULL);
    g_autofree char *virtio = NULL;
    char uuid[UUID_TEXT_LEN] = "";
    json_object *o;
    MemoryBackend b = { .id = id,
                        .kib = m->size,
                        .cell = m->has_node ? (int)m->node : -1,
                        .access = m->access,
                        .discard = m->discard,
                        .page_kib = m->page_size == system_page_kib() ? 0 : m->page_size,
                        .align_kib = m->align_size,
                        .pmem = m->pmem,
                        .path = m->path,
                        .nodes = m->source_nodes };

    if (m->source_nodes != NULL)
        b.mode = 1;
    /* POWER's are in whole blocks already, with their labels on top */
    if (!guest_is_pseries(a->def))
        b.kib = (b.kib + MODULE_KIB - 1) / MODULE_KIB * MODULE_KIB;
    if (m->model >= MEMORY_SGX_EPC)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "memory device model '%s' is not supported",
                    "sgx-epc");
    if (!put_backend(a, &b, err))
        return FALSE;
    if (device_drivers[m->model].virtio)
        virtio = virtio_driver(&m->info, device_drivers[m->model].name, VIRTIO_MODEL_DEFAULT);
    o = props_new(virtio != NULL ? virtio : device_drivers[m->model].name);
    if (m->has_node)
        props_add(o, "i:node", (int)m->node, NULL);
    if (guest_is_pseries(a->def) && !uuid_is_zero(m->uuid))
        uuid_format(m->uuid, uuid);
    props_add(o, "u:label-size", m->label_size << 10, "s:uuid", *uuid ? uuid : NULL, "u:block-size",
              m->block << 10, NULL);
    if (m->model == MEMORY_VIRTIO_MEM)
        props_add(o, "U:requested-size", m->requested << 10, NULL);
    if (m->readonly)
        props_add(o, "b:unarmed", TRUE, NULL);
    props_add(o, "s:memdev", id, "B:dynamic-memslots", m->dynamic_slots, "s:id", m->info.alias,
              NULL);
    if (m->target_base != 0)
        props_add(o, "U:memaddr", m->target_base, NULL);
    if (!address_props(a, o, &m->info, err)) {
        json_object_put(o);
        return FALSE;
    }
    args_device(a, o);
    return TRUE;
}

gboolean
args_put_memory_devices(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.memories;

    EACH_DEVICE (a, MemoryDevice, memory, list)
        if (!put_memory_device(a, memory, err))
            return FALSE;
    return TRUE;
}
