/* Rows of processors: model, topology, NUMA, tuning, iothreads. */
#include "conf/conf.h"

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

static const char *const cpu_modes[] = { NULL,      "custom", "host-model", "host-passthrough",
                                         "maximum", NULL };
static const char *const cpu_matches[] = { NULL, "minimum", "exact", "strict", NULL };
static const char *const cpu_checks[] = { NULL, "none", "partial", "full", NULL };
static const char *const fallbacks[] = { NULL, "allow", "forbid", NULL };
static const char *const policies[] = { NULL,      "force",  "require", "optional",
                                        "disable", "forbid", NULL };
static const char *const cache_modes[] = { NULL, "emulate", "passthrough", "disable", NULL };
static const char *const physaddr_modes[] = { NULL, "emulate", "passthrough", NULL };
static const char *const accesses[] = { NULL, "shared", "private", NULL };
static const char *const associativities[] = { NULL, "none", "direct", "full", NULL };
static const char *const cache_policies[] = { NULL, "none", "writeback", "writethrough", NULL };
static const char *const access_types[] = { NULL, "access", "read", "write", NULL };
static const char *const interconnect_kinds[] = { NULL, "latency", "bandwidth", NULL };
static const char *const schedulers[] = { NULL, "batch", "idle", "fifo", "rr", NULL };
static const char *const numa_modes[] = { NULL,         "strict",      "preferred",
                                          "interleave", "restrictive", NULL };
static const char *const cache_types[] = { NULL, "both", "code", "data", NULL };

/* ---- cpu */

static const Field topology_fields[] = {
    ROW(CpuTopology, "@sockets", F_U32, sockets, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Number of sockets of the guest's processors."),
    ROW(CpuTopology, "@dies", F_U32, dies, 0, RANGE(1, G_MAXUINT32),
        "Number of dies in each socket; without it 1."),
    ROW(CpuTopology, "@clusters", F_U32, clusters, 0, RANGE(1, G_MAXUINT32),
        "Number of clusters in each die; without it 1."),
    ROW(CpuTopology, "@cores", F_U32, cores, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Number of cores in each cluster."),
    ROW(CpuTopology, "@threads", F_U32, threads, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Number of threads of each core."),
    ROW_END
};
static const Schema topology_schema = { "topology", sizeof(CpuTopology), topology_fields };

static const Field cpu_cache_fields[] = {
    ROW_HAS(CpuCache, "@level", F_U32, level, 0, RANGE(1, 3),
            "Level of the cache that is emulated."),
    ROW(CpuCache, "@mode", F_ENUM, mode, F_REQUIRED, cache_modes,
        "Whether the guest sees an emulated cache, the host's, or none."),
    ROW_END
};
static const Schema cpu_cache_schema = { "cache", sizeof(CpuCache), cpu_cache_fields };

static const Field maxphysaddr_fields[] = {
    ROW(CpuMaxphysaddr, "@mode", F_ENUM, mode, F_REQUIRED, physaddr_modes,
        "Whether the width is the host's or the one in bits."),
    ROW(CpuMaxphysaddr, "@bits", F_U32, bits, 0, NULL,
        "Width of a physical address of the guest, in bits."),
    ROW(CpuMaxphysaddr, "@limit", F_U32, limit, 0, NULL,
        "Upper bound, in bits, to the width that comes from the host."),
    ROW_END
};
static const Schema maxphysaddr_schema = { "maxphysaddr", sizeof(CpuMaxphysaddr),
                                           maxphysaddr_fields };

static const Field feature_fields[] = {
    ROW(CpuFeature, "@policy", F_ENUM, policy, UNSUPPORTED, policies,
        "Whether the guest must, may or must not get the feature."),
    ROW(CpuFeature, "@name", F_STRING, name, F_REQUIRED, NULL, "Name of the CPU feature."), ROW_END
};
static const Schema feature_schema = { "feature", sizeof(CpuFeature), feature_fields };

static const Field distance_fields[] = {
    ROW(NumaDistance, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the NUMA cell that the distance leads to."),
    ROW(NumaDistance, "@value", F_U32, value, F_REQUIRED, RANGE(10, 255),
        "Distance to that cell; 10 is the distance of a cell to itself."),
    ROW_END
};
static const Schema distance_schema = { "sibling", sizeof(NumaDistance), distance_fields };

static const SizeSpec cache_size = { 1, 1024, "KiB", 0 }, line_size = { 1, 1, "B", 0 };

static const Field numa_cache_fields[] = {
    ROW(NumaCache, "@level", F_U32, level, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Level of the memory side cache."),
    ROW(NumaCache, "@associativity", F_ENUM, associativity, F_REQUIRED, associativities,
        "How the cache maps addresses to its lines."),
    ROW(NumaCache, "@policy", F_ENUM, policy, F_REQUIRED, cache_policies,
        "When the cache writes to memory: at once or later."),
    ROW(NumaCache, "size/@value", F_SIZE, size, F_REQUIRED | F_ALWAYS, &cache_size,
        "Size of the memory side cache."),
    ROW(NumaCache, "line/@value", F_SIZE, line, F_REQUIRED | F_ALWAYS, &line_size,
        "Size of one line of the cache."),
    ROW_END
};
static const Schema numa_cache_schema = { "cache", sizeof(NumaCache), numa_cache_fields };

static const Field cell_fields[] = {
    ROW_HAS(NumaCell, "@id", F_U32, id, 0, NULL,
            "Number of the cell, from 0; without it its place in the list."),
    ROW(NumaCell, "@cpus", F_BITMAP, cpus, 0, NULL, "Vcpus that belong to the cell."),
    ROW(NumaCell, "@memory", F_SIZE, memory, F_REQUIRED | F_ALWAYS, &size_kib,
        "Memory that belongs to the NUMA cell."),
    ROW(NumaCell, "@memAccess", F_ENUM, access, 0, accesses,
        "Whether other processes of the host can share the memory."),
    ROW(NumaCell, "@discard", F_ENUM, discard, 0, yes_no,
        "Whether QEMU drops the memory's content when it ends, and writes none of it back."),
    ROW(NumaCell, "distances/sibling", F_LIST, distances, F_NEAR, &distance_schema,
        "Distances from this cell to others."),
    ROW(NumaCell, "cache", F_LIST, caches, 0, &numa_cache_schema,
        "Memory side caches that the guest is told of."),
    ROW_END
};
static const Schema cell_schema = { "cell", sizeof(NumaCell), cell_fields };

static const SizeSpec bandwidth_size = { 1024, 1024, "KiB", 0 };

static const Field interconnect_fields[] = {
    ROW(NumaInterconnect, "#", F_ENUM, kind, 0, interconnect_kinds,
        "Whether the value is a latency or a bandwidth."),
    ROW(NumaInterconnect, "@initiator", F_U32, initiator, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the cell whose processors access the memory."),
    ROW(NumaInterconnect, "@target", F_U32, target, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the cell whose memory is accessed."),
    ROW(NumaInterconnect, "@cache", F_U32, cache, 0, NULL,
        "Level of the memory side cache that is meant; without it the memory itself."),
    ROW(NumaInterconnect, "@type", F_ENUM, type, F_REQUIRED, access_types,
        "Kind of access that the value is for."),
    WHEN(NumaInterconnect, kind, BIT(1)),
    ROW(NumaInterconnect, "@value", F_U64, value, F_REQUIRED, RANGE(1, G_MAXUINT64),
        "Latency of an access, in nanoseconds."),
    WHEN(NumaInterconnect, kind, BIT(2)),
    ROW(NumaInterconnect, "@value", F_SIZE, value, F_REQUIRED, &bandwidth_size,
        "Most bytes a second that can be moved."),
    WHEN_END,
    ROW_END
};
static const Schema interconnect_schema = { "latency", sizeof(NumaInterconnect),
                                            interconnect_fields };

static const Field numa_fields[] = {
    ROW(CpuNuma, "cell", F_LIST, cells, 0, &cell_schema, "NUMA cells of the guest."),
    ROW(CpuNuma, "interconnects/*", F_LIST, interconnects, F_NEAR, &interconnect_schema,
        "Latencies and bandwidths between cells, which the guest reads in its HMAT table."),
    ROW_END
};
static const Schema numa_schema = { "numa", sizeof(CpuNuma), numa_fields };

static const Field cpu_fields[] = {
    ROW(CpuDef, "@mode", F_ENUM, mode, UNSUPPORTED, cpu_modes,
        "Whether the model is named here (custom), the host's, or the best that the host "
        "runs (maximum)."),
    ROW(CpuDef, "@match", F_ENUM, match, 0, cpu_matches,
        "Whether the guest may get more features than are named, or just those."),
    ROW(CpuDef, "@check", F_ENUM, check, 0, cpu_checks,
        "Whether the start is refused when the guest gets other features than are named."),
    ROW(CpuDef, "@migratable", F_ENUM, migratable, 0, on_off,
        "Whether features that would keep the guest from being migrated are left out."),
    ROW(CpuDef, "@deprecated_features", F_ENUM, deprecated_features, 0, on_off,
        "Whether a guest of s390x gets features that are deprecated."),
    ROW(CpuDef, "model/@fallback", F_ENUM, fallback, UNSUPPORTED | F_NONEMPTY, fallbacks,
        "Whether a similar model may stand in where the host cannot run this one."),
    ROW(CpuDef, "model/@vendor_id", F_STRING, vendor_id, 0, NULL, "Vendor that the guest sees."),
    ROW(CpuDef, "model", F_STRING, model, 0, NULL, "Name of the CPU model that the guest sees."),
    ROW(CpuDef, "vendor", F_STRING, vendor, 0, NULL, "Vendor that the host's processor must have."),
    ROW(CpuDef, "topology", F_PTR, topology, 0, &topology_schema,
        "How the vcpus are divided into sockets, dies, cores and threads."),
    ROW(CpuDef, "cache", F_PTR, cache, F_ONCE | F_NEAR, &cpu_cache_schema,
        "Cache of the processor that the guest sees."),
    ROW(CpuDef, "maxphysaddr", F_PTR, maxphysaddr, 0, &maxphysaddr_schema,
        "Width of the guest's physical addresses."),
    ROW(CpuDef, "feature", F_LIST, features, F_NEAR, &feature_schema,
        "Features that the guest gets or must not get."),
    ROW(CpuDef, "numa", F_PTR, numa, F_JOINED | F_NEAR, &numa_schema, "NUMA cells of the guest."),
    ROW_END
};
const Schema cpu_schema = { "cpu", sizeof(CpuDef), cpu_fields };

/* ---- slots, iothreads */

static const Field vcpu_slot_fields[] = {
    ROW(VcpuSlot, "@id", F_U32, id, F_ALWAYS | F_REQUIRED | F_HOT, NULL,
        "Number of the vcpu, from 0."),
    ROW(VcpuSlot, "@enabled", F_ENUM, enabled, F_REQUIRED, yes_no,
        "Whether the vcpu is there at the start."),
    ROW(VcpuSlot, "@hotpluggable", F_ENUM, hotpluggable, 0, yes_no,
        "Whether the vcpu can be unplugged while the guest runs."),
    ROW(VcpuSlot, "@order", F_U32, order, 0, NULL, "Place of the vcpu in the order of plugging."),
    ROW_END
};
const Schema vcpu_slot_schema = { "vcpu", sizeof(VcpuSlot), vcpu_slot_fields };

static const Field default_iothread_fields[] = {
    ROW_HAS(IothreadDef, "@thread_pool_min", F_I32, pool_min, 0, RANGE(0, G_MAXINT32),
            "Worker threads that are kept when there is nothing to do."),
    ROW_HAS(IothreadDef, "@thread_pool_max", F_I32, pool_max, 0, RANGE(0, G_MAXINT32),
            "Most worker threads at a time."),
    ROW_END
};
const Schema default_iothread_schema = { "defaultiothread", sizeof(IothreadDef),
                                         default_iothread_fields };

static const Field iothread_fields[] = {
    ROW(IothreadDef, "@id", F_U32, id, F_REQUIRED, RANGE(1, G_MAXUINT32),
        "Number of the iothread, from 1."),
    ROW_HAS(IothreadDef, "@thread_pool_min", F_I32, pool_min, 0, RANGE(0, G_MAXINT32),
            "Worker threads that are kept when there is nothing to do."),
    ROW_HAS(IothreadDef, "@thread_pool_max", F_I32, pool_max, 0, RANGE(0, G_MAXINT32),
            "Most worker threads at a time."),
    ROW_HAS(IothreadDef, "poll/@max", F_U64, poll_max, 0, NULL,
            "Longest time that the thread polls before it sleeps, in nanoseconds."),
    ROW_HAS(IothreadDef, "poll/@grow", F_U64, poll_grow, 0, NULL,
            "Factor by which the polling time grows when it was too short."),
    ROW_HAS(IothreadDef, "poll/@shrink", F_U64, poll_shrink, 0, NULL,
            "Divisor by which the polling time shrinks when it was too long; 0: it starts anew."),
    ROW_END
};
const Schema iothread_schema = { "iothread", sizeof(IothreadDef), iothread_fields };

/* ---- cputune */

static const Field vcpupin_fields[] = {
    ROW(VcpuPin, "@vcpu", F_U32, id, F_ALWAYS | F_REQUIRED | F_HOT, NULL,
        "Number of the vcpu, from 0."),
    ROW(VcpuPin, "@cpuset", F_BITMAP, cpus, F_HOT | F_MISSING(ERR_PLAIN), NULL,
        "Processors of the host that the thread may run on."),
    ROW_END
};
static const Schema vcpupin_schema = { "vcpupin", sizeof(VcpuPin), vcpupin_fields };

static const Field iothreadpin_fields[] = {
    ROW(VcpuPin, "@iothread", F_U32, id, F_REQUIRED | F_HOT, RANGE(1, G_MAXUINT32),
        "Number of the iothread, from 1."),
    ROW(VcpuPin, "@cpuset", F_BITMAP, cpus, F_HOT | F_MISSING(ERR_PLAIN), NULL,
        "Processors of the host that the thread may run on."),
    ROW_END
};
static const Schema iothreadpin_schema = { "iothreadpin", sizeof(VcpuPin), iothreadpin_fields };

#define SCHEDULER                                                                                  \
    ROW(SchedDef, "@scheduler", F_ENUM, scheduler, F_REQUIRED, schedulers,                         \
        "Scheduler of the threads."),                                                              \
        ROW_HAS(SchedDef, "@priority", F_I32, priority, 0, NULL,                                   \
                "Priority of the threads, for the schedulers fifo and rr only."),                  \
        ROW_END

static const Field emulatorsched_fields[] = { SCHEDULER };
static const Schema emulatorsched_schema = { "emulatorsched", sizeof(SchedDef),
                                             emulatorsched_fields };
static const Field vcpusched_fields[] = { ROW(SchedDef, "@vcpus", F_BITMAP, ids, F_REQUIRED, NULL,
                                              "Vcpus whose threads get the scheduler."),
                                          SCHEDULER };
static const Schema vcpusched_schema = { "vcpusched", sizeof(SchedDef), vcpusched_fields };
static const Field iothreadsched_fields[] = { ROW(SchedDef, "@iothreads", F_BITMAP, ids, F_REQUIRED,
                                                  NULL, "Iothreads that get the scheduler."),
                                              SCHEDULER };
static const Schema iothreadsched_schema = { "iothreadsched", sizeof(SchedDef),
                                             iothreadsched_fields };

static const SizeSpec allocation_size = { 1024, 1, "", 0 };

static const Field allocation_fields[] = {
    ROW(CacheAllocation, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the host's cache."),
    ROW(CacheAllocation, "@level", F_U32, level, F_REQUIRED | F_ALWAYS, NULL,
        "Level of the host's cache, such as 3."),
    ROW(CacheAllocation, "@type", F_ENUM, type, F_REQUIRED, cache_types,
        "Whether the share is for code, for data or for both."),
    ROW(CacheAllocation, "@size", F_SIZE, size, F_REQUIRED | F_ALWAYS, &allocation_size,
        "Size of the share of the host's cache."),
    ROW_END
};
static const Schema allocation_schema = { "cache", sizeof(CacheAllocation), allocation_fields };

static const Field monitor_fields[] = {
    ROW(CacheMonitor, "@level", F_U32, level, 0, NULL, "Level of the cache whose use is counted."),
    ROW(CacheMonitor, "@vcpus", F_BITMAP, vcpus, F_REQUIRED | F_ERR(ERR_XML), NULL,
        "Vcpus whose use is counted."),
    ROW_END
};
static const Schema monitor_schema = { "monitor", sizeof(CacheMonitor), monitor_fields };

static const Field cachetune_fields[] = {
    ROW(CacheTune, "@vcpus", F_BITMAP, vcpus, F_REQUIRED | F_ERR(ERR_XML), NULL,
        "Vcpus that the share is for."),
    ROW(CacheTune, "@id", F_STRING, id, F_LIVE, NULL, "Name that the allocation has on the host."),
    ROW(CacheTune, "cache", F_LIST, caches, 0, &allocation_schema, "Shares of the host's caches."),
    ROW(CacheTune, "monitor", F_LIST, monitors, 0, &monitor_schema,
        "Counters of how much of the caches is used."),
    ROW_END
};
const Schema cachetune_schema = { "cachetune", sizeof(CacheTune), cachetune_fields };

static const Field memory_node_fields[] = {
    ROW(MemoryBandwidth, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the host's memory node."),
    ROW(MemoryBandwidth, "@bandwidth", F_U32, bandwidth, F_REQUIRED | F_ALWAYS, NULL,
        "Share of the node's bandwidth, in percent."),
    ROW_END
};
static const Schema memory_node_schema = { "node", sizeof(MemoryBandwidth), memory_node_fields };

static const Field memorytune_fields[] = {
    ROW(MemoryTune, "@vcpus", F_BITMAP, vcpus, F_REQUIRED | F_ERR(ERR_XML), NULL,
        "Vcpus that the limit is for."),
    ROW(MemoryTune, "node", F_LIST, nodes, 0, &memory_node_schema,
        "Shares of the bandwidth of the host's memory nodes."),
    ROW(MemoryTune, "monitor", F_LIST, monitors, 0, &monitor_schema,
        "Counters of how much of the bandwidth is used."),
    ROW_END
};
const Schema memorytune_schema = { "memorytune", sizeof(MemoryTune), memorytune_fields };

static const Field cputune_fields[] = {
    ROW_HAS(CputuneDef, "shares", F_U64, shares, F_HOT, NULL,
            "Weight of the domain beside others when processors are short."),
    ROW(CputuneDef, "period", F_U64, period, F_HOT, NULL,
        "Period that each vcpu's quota is for, in microseconds."),
    ROW(CputuneDef, "quota", F_I64, quota, F_HOT, NULL,
        "Time that each vcpu may run in a period, in microseconds; -1: no limit."),
    ROW(CputuneDef, "global_period", F_U64, global_period, F_HOT, NULL,
        "Period that the whole domain's quota is for, in microseconds."),
    ROW(CputuneDef, "global_quota", F_I64, global_quota, F_HOT, NULL,
        "Time that the whole domain may run in a period, in microseconds; -1: no limit."),
    ROW(CputuneDef, "emulator_period", F_U64, emulator_period, F_HOT, NULL,
        "Period that the emulator's quota is for, in microseconds."),
    ROW(CputuneDef, "emulator_quota", F_I64, emulator_quota, F_HOT, NULL,
        "Time that QEMU's other threads may run in a period, in microseconds; -1: no limit."),
    ROW(CputuneDef, "iothread_period", F_U64, iothread_period, F_HOT, NULL,
        "Period that each iothread's quota is for, in microseconds."),
    ROW(CputuneDef, "iothread_quota", F_I64, iothread_quota, F_HOT, NULL,
        "Time that each iothread may run in a period, in microseconds; -1: no limit."),
    ROW(CputuneDef, "vcpupin", F_LIST, vcpu_pins, F_HOT, &vcpupin_schema,
        "Processors of the host that each vcpu may run on."),
    ROW(CputuneDef, "emulatorpin/@cpuset", F_BITMAP, emulator_pin,
        F_ONCE | F_REQUIRED | F_HELD | F_HOT | F_MISSING(ERR_PLAIN), NULL,
        "Processors of the host that QEMU's other threads may run on."),
    ROW(CputuneDef, "iothreadpin", F_LIST, iothread_pins, F_HOT, &iothreadpin_schema,
        "Processors of the host that each iothread may run on."),
    ROW(CputuneDef, "emulatorsched", F_PTR, emulator_sched, F_ONCE, &emulatorsched_schema,
        "Scheduler of QEMU's other threads."),
    ROW(CputuneDef, "vcpusched", F_LIST, vcpu_scheds, 0, &vcpusched_schema,
        "Schedulers of the vcpus."),
    ROW(CputuneDef, "iothreadsched", F_LIST, iothread_scheds, 0, &iothreadsched_schema,
        "Schedulers of the iothreads."),
    ROW(CputuneDef, "cachetune", F_LIST, cachetunes, 0, &cachetune_schema,
        "Shares of the host's caches."),
    ROW(CputuneDef, "memorytune", F_LIST, memorytunes, 0, &memorytune_schema,
        "Shares of the host's memory bandwidth."),
    ROW_END
};
const Schema cputune_schema = { "cputune", sizeof(CputuneDef), cputune_fields,
                                .several = SEVERAL_FIRST_FIELD };

/* ---- numatune */

static const char *const placements[] = { NULL, "static", "auto", NULL };

static const Field memnode_fields[] = {
    ROW(NumaMemnode, "@cellid", F_U32, cell, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the guest's NUMA cell."),
    ROW(NumaMemnode, "@mode", F_ENUM, mode, 0, numa_modes,
        "Whether the memory must, should, or alternately does come from those nodes."),
    ROW(NumaMemnode, "@nodeset", F_BITMAP, nodes, F_REQUIRED, NULL,
        "NUMA nodes of the host that the cell's memory comes from."),
    ROW_END
};
static const Schema memnode_schema = { "memnode", sizeof(NumaMemnode), memnode_fields };

static const Field numatune_fields[] = {
    ROW(NumatuneDef, "memory", F_FLAG, has_memory, 0, NULL,
        "Host nodes that the memory of all cells comes from."),
    ROW(NumatuneDef, "memory/@mode", F_ENUM, mode, UNSUPPORTED, numa_modes,
        "Whether the memory must, should, or alternately does come from those nodes."),
    ROW(NumatuneDef, "memory/@nodeset", F_BITMAP, nodes, F_HOT, NULL,
        "NUMA nodes of the host that the memory comes from."),
    ROW(NumatuneDef, "memory/@placement", F_ENUM, placement, UNSUPPORTED, placements,
        "Whether the nodes are those that are named, or chosen by the host."),
    ROW(NumatuneDef, "memnode", F_LIST, memnodes, 0, &memnode_schema,
        "Host nodes that the memory of one cell comes from."),
    ROW_END
};
const Schema numatune_schema = { "numatune", sizeof(NumatuneDef), numatune_fields };
