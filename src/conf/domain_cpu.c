/* Rows of processors: model, topology, NUMA, tuning, iothreads. */
#include "conf.h"

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
    ROW(CpuTopology, "@sockets", F_U32, sockets, F_REQUIRED, RANGE(1, G_MAXUINT32), "Sockets."),
    ROW(CpuTopology, "@dies", F_U32, dies, 0, RANGE(1, G_MAXUINT32), "Dies of a socket."),
    ROW(CpuTopology, "@clusters", F_U32, clusters, 0, RANGE(1, G_MAXUINT32), "Clusters of a die."),
    ROW(CpuTopology, "@cores", F_U32, cores, F_REQUIRED, RANGE(1, G_MAXUINT32), "Cores."),
    ROW(CpuTopology, "@threads", F_U32, threads, F_REQUIRED, RANGE(1, G_MAXUINT32), "Threads."),
    ROW_END
};
static const Schema topology_schema = { "topology", sizeof(CpuTopology), topology_fields };

static const Field cpu_cache_fields[] = {
    ROW_HAS(CpuCache, "@level", F_U32, level, 0, RANGE(1, 3), "Level."),
    ROW(CpuCache, "@mode", F_ENUM, mode, F_REQUIRED, cache_modes, "What the guest sees."), ROW_END
};
static const Schema cpu_cache_schema = { "cache", sizeof(CpuCache), cpu_cache_fields };

static const Field maxphysaddr_fields[] = {
    ROW(CpuMaxphysaddr, "@mode", F_ENUM, mode, F_REQUIRED, physaddr_modes, "Whose number."),
    ROW(CpuMaxphysaddr, "@bits", F_U32, bits, 0, NULL, "Bits of an address."),
    ROW(CpuMaxphysaddr, "@limit", F_U32, limit, 0, NULL, "At most so many."), ROW_END
};
static const Schema maxphysaddr_schema = { "maxphysaddr", sizeof(CpuMaxphysaddr),
                                           maxphysaddr_fields };

static const Field feature_fields[] = {
    ROW(CpuFeature, "@policy", F_ENUM, policy, UNSUPPORTED, policies, "Whether the guest gets it."),
    ROW(CpuFeature, "@name", F_STRING, name, F_REQUIRED, NULL, "Feature."), ROW_END
};
static const Schema feature_schema = { "feature", sizeof(CpuFeature), feature_fields };

static const Field distance_fields[] = {
    ROW(NumaDistance, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL, "Other cell."),
    ROW(NumaDistance, "@value", F_U32, value, F_REQUIRED, RANGE(10, 255), "Distance."), ROW_END
};
static const Schema distance_schema = { "sibling", sizeof(NumaDistance), distance_fields };

static const SizeSpec cache_size = { 1, 1024, "KiB", 0 }, line_size = { 1, 1, "B", 0 };

static const Field numa_cache_fields[] = {
    ROW(NumaCache, "@level", F_U32, level, F_REQUIRED, RANGE(1, G_MAXUINT32), "Level."),
    ROW(NumaCache, "@associativity", F_ENUM, associativity, F_REQUIRED, associativities, "Kind."),
    ROW(NumaCache, "@policy", F_ENUM, policy, F_REQUIRED, cache_policies, "Write policy."),
    ROW(NumaCache, "size/@value", F_SIZE, size, F_REQUIRED | F_ALWAYS, &cache_size, "Size."),
    ROW(NumaCache, "line/@value", F_SIZE, line, F_REQUIRED | F_ALWAYS, &line_size, "Of a line."),
    ROW_END
};
static const Schema numa_cache_schema = { "cache", sizeof(NumaCache), numa_cache_fields };

static const Field cell_fields[] = {
    ROW_HAS(NumaCell, "@id", F_U32, id, 0, NULL, "Number."),
    ROW(NumaCell, "@cpus", F_BITMAP, cpus, 0, NULL, "Its vcpus."),
    ROW(NumaCell, "@memory", F_SIZE, memory, F_REQUIRED | F_ALWAYS, &size_kib, "Its memory."),
    ROW(NumaCell, "@memAccess", F_ENUM, access, 0, accesses, "Shared with the host or not."),
    ROW(NumaCell, "@discard", F_ENUM, discard, 0, yes_no, "Throw contents away at the end."),
    ROW(NumaCell, "distances/sibling", F_LIST, distances, F_NEAR, &distance_schema, "Distances."),
    ROW(NumaCell, "cache", F_LIST, caches, 0, &numa_cache_schema, "Memory side caches."),
    ROW_END
};
static const Schema cell_schema = { "cell", sizeof(NumaCell), cell_fields };

static const SizeSpec bandwidth_size = { 1024, 1024, "KiB", 0 };

static const Field interconnect_fields[] = {
    ROW(NumaInterconnect, "#", F_ENUM, kind, 0, interconnect_kinds, "Latency or bandwidth."),
    ROW(NumaInterconnect, "@initiator", F_U32, initiator, F_ALWAYS | F_REQUIRED, NULL, "From."),
    ROW(NumaInterconnect, "@target", F_U32, target, F_ALWAYS | F_REQUIRED, NULL, "To."),
    ROW(NumaInterconnect, "@cache", F_U32, cache, 0, NULL, "Level of the cache."),
    ROW(NumaInterconnect, "@type", F_ENUM, type, F_REQUIRED, access_types, "Access."),
    WHEN(NumaInterconnect, kind, BIT(1)),
    ROW(NumaInterconnect, "@value", F_U64, value, F_REQUIRED, RANGE(1, G_MAXUINT64), "Ns."),
    WHEN(NumaInterconnect, kind, BIT(2)),
    ROW(NumaInterconnect, "@value", F_SIZE, value, F_REQUIRED, &bandwidth_size, "A second."),
    WHEN_END,
    ROW_END
};
static const Schema interconnect_schema = { "latency", sizeof(NumaInterconnect),
                                            interconnect_fields };

static const Field numa_fields[] = { ROW(CpuNuma, "cell", F_LIST, cells, 0, &cell_schema, "Cells."),
                                     ROW(CpuNuma, "interconnects/*", F_LIST, interconnects, F_NEAR,
                                         &interconnect_schema, "HMAT."),
                                     ROW_END };
static const Schema numa_schema = { "numa", sizeof(CpuNuma), numa_fields };

static const Field cpu_fields[] = {
    ROW(CpuDef, "@mode", F_ENUM, mode, UNSUPPORTED, cpu_modes, "Where the model comes from."),
    ROW(CpuDef, "@match", F_ENUM, match, 0, cpu_matches, "How exact it is."),
    ROW(CpuDef, "@check", F_ENUM, check, 0, cpu_checks, "What is checked at start."),
    ROW(CpuDef, "@migratable", F_ENUM, migratable, 0, on_off, "Only what can migrate."),
    ROW(CpuDef, "@deprecated_features", F_ENUM, deprecated_features, 0, on_off, "Of s390x."),
    ROW(CpuDef, "model/@fallback", F_ENUM, fallback, UNSUPPORTED | F_NONEMPTY, fallbacks,
        "Whether another may stand in."),
    ROW(CpuDef, "model/@vendor_id", F_STRING, vendor_id, 0, NULL, "Vendor that the guest sees."),
    ROW(CpuDef, "model", F_STRING, model, 0, NULL, "Model."),
    ROW(CpuDef, "vendor", F_STRING, vendor, 0, NULL, "Vendor that the host must have."),
    ROW(CpuDef, "topology", F_PTR, topology, 0, &topology_schema, "Sockets, cores, threads."),
    ROW(CpuDef, "cache", F_PTR, cache, F_ONCE | F_NEAR, &cpu_cache_schema, "Cache."),
    ROW(CpuDef, "maxphysaddr", F_PTR, maxphysaddr, 0, &maxphysaddr_schema, "Physical addresses."),
    ROW(CpuDef, "feature", F_LIST, features, F_NEAR, &feature_schema, "Features."),
    ROW(CpuDef, "numa", F_PTR, numa, F_JOINED | F_NEAR, &numa_schema, "NUMA cells of the guest."),
    ROW_END
};
const Schema cpu_schema = { "cpu", sizeof(CpuDef), cpu_fields };

/* ---- slots, iothreads */

static const Field vcpu_slot_fields[] = {
    ROW(VcpuSlot, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL, "Number of the vcpu."),
    ROW(VcpuSlot, "@enabled", F_ENUM, enabled, F_REQUIRED, yes_no, "Whether it is plugged."),
    ROW(VcpuSlot, "@hotpluggable", F_ENUM, hotpluggable, 0, yes_no, "Whether it can go."),
    ROW(VcpuSlot, "@order", F_U32, order, 0, NULL, "Order of plugging."), ROW_END
};
const Schema vcpu_slot_schema = { "vcpu", sizeof(VcpuSlot), vcpu_slot_fields };

static const Field default_iothread_fields[] = {
    ROW_HAS(IothreadDef, "@thread_pool_min", F_I32, pool_min, 0, RANGE(0, G_MAXINT32),
            "Workers kept."),
    ROW_HAS(IothreadDef, "@thread_pool_max", F_I32, pool_max, 0, RANGE(0, G_MAXINT32),
            "Workers at most."),
    ROW_END
};
const Schema default_iothread_schema = { "defaultiothread", sizeof(IothreadDef),
                                         default_iothread_fields };

static const Field iothread_fields[] = {
    ROW(IothreadDef, "@id", F_U32, id, F_REQUIRED, RANGE(1, G_MAXUINT32), "Number."),
    ROW_HAS(IothreadDef, "@thread_pool_min", F_I32, pool_min, 0, RANGE(0, G_MAXINT32),
            "Workers kept."),
    ROW_HAS(IothreadDef, "@thread_pool_max", F_I32, pool_max, 0, RANGE(0, G_MAXINT32),
            "Workers at most."),
    ROW_HAS(IothreadDef, "poll/@max", F_U64, poll_max, 0, NULL, "Nanoseconds to poll."),
    ROW_HAS(IothreadDef, "poll/@grow", F_U64, poll_grow, 0, NULL, "Factor up."),
    ROW_HAS(IothreadDef, "poll/@shrink", F_U64, poll_shrink, 0, NULL, "Factor down."),
    ROW_END
};
const Schema iothread_schema = { "iothread", sizeof(IothreadDef), iothread_fields };

/* ---- cputune */

static const Field vcpupin_fields[] = {
    ROW(VcpuPin, "@vcpu", F_U32, id, F_ALWAYS | F_REQUIRED, NULL, "Vcpu."),
    ROW(VcpuPin, "@cpuset", F_BITMAP, cpus, F_MISSING(ERR_INTERNAL), NULL, "CPUs of the host."),
    ROW_END
};
static const Schema vcpupin_schema = { "vcpupin", sizeof(VcpuPin), vcpupin_fields };

static const Field iothreadpin_fields[] = {
    ROW(VcpuPin, "@iothread", F_U32, id, F_REQUIRED, RANGE(1, G_MAXUINT32), "Iothread."),
    ROW(VcpuPin, "@cpuset", F_BITMAP, cpus, F_MISSING(ERR_INTERNAL), NULL, "CPUs of the host."),
    ROW_END
};
static const Schema iothreadpin_schema = { "iothreadpin", sizeof(VcpuPin), iothreadpin_fields };

#define SCHEDULER                                                                                  \
    ROW(SchedDef, "@scheduler", F_ENUM, scheduler, F_REQUIRED, schedulers, "Scheduler."),          \
        ROW_HAS(SchedDef, "@priority", F_I32, priority, 0, NULL, "Priority of fifo and rr."),      \
        ROW_END

static const Field emulatorsched_fields[] = { SCHEDULER };
static const Schema emulatorsched_schema = { "emulatorsched", sizeof(SchedDef),
                                             emulatorsched_fields };
static const Field vcpusched_fields[] = {
    ROW(SchedDef, "@vcpus", F_BITMAP, ids, F_REQUIRED, NULL, "Vcpus."), SCHEDULER
};
static const Schema vcpusched_schema = { "vcpusched", sizeof(SchedDef), vcpusched_fields };
static const Field iothreadsched_fields[] = {
    ROW(SchedDef, "@iothreads", F_BITMAP, ids, F_REQUIRED, NULL, "Iothreads."), SCHEDULER
};
static const Schema iothreadsched_schema = { "iothreadsched", sizeof(SchedDef),
                                             iothreadsched_fields };

static const SizeSpec allocation_size = { 1024, 1, "", 0 };

static const Field allocation_fields[] = {
    ROW(CacheAllocation, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL, "Cache of the host."),
    ROW(CacheAllocation, "@level", F_U32, level, F_REQUIRED | F_ALWAYS, NULL, "Its level."),
    ROW(CacheAllocation, "@type", F_ENUM, type, F_REQUIRED, cache_types, "What it holds."),
    ROW(CacheAllocation, "@size", F_SIZE, size, F_REQUIRED | F_ALWAYS, &allocation_size, "Share."),
    ROW_END
};
static const Schema allocation_schema = { "cache", sizeof(CacheAllocation), allocation_fields };

static const Field monitor_fields[] = {
    ROW(CacheMonitor, "@level", F_U32, level, 0, NULL, "Level of the cache."),
    ROW(CacheMonitor, "@vcpus", F_BITMAP, vcpus, F_REQUIRED | F_ERR(ERR_XML), NULL, "Vcpus."),
    ROW_END
};
static const Schema monitor_schema = { "monitor", sizeof(CacheMonitor), monitor_fields };

static const Field cachetune_fields[] = {
    ROW(CacheTune, "@vcpus", F_BITMAP, vcpus, F_REQUIRED | F_ERR(ERR_XML), NULL, "Vcpus."),
    ROW(CacheTune, "@id", F_STRING, id, F_LIVE, NULL, "Name of the allocation."),
    ROW(CacheTune, "cache", F_LIST, caches, 0, &allocation_schema, "Allocations."),
    ROW(CacheTune, "monitor", F_LIST, monitors, 0, &monitor_schema, "Monitors."), ROW_END
};
const Schema cachetune_schema = { "cachetune", sizeof(CacheTune), cachetune_fields };

static const Field memory_node_fields[] = {
    ROW(MemoryBandwidth, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, NULL, "Node of the host."),
    ROW(MemoryBandwidth, "@bandwidth", F_U32, bandwidth, F_REQUIRED | F_ALWAYS, NULL, "Percent."),
    ROW_END
};
static const Schema memory_node_schema = { "node", sizeof(MemoryBandwidth), memory_node_fields };

static const Field memorytune_fields[] = {
    ROW(MemoryTune, "@vcpus", F_BITMAP, vcpus, F_REQUIRED | F_ERR(ERR_XML), NULL, "Vcpus."),
    ROW(MemoryTune, "node", F_LIST, nodes, 0, &memory_node_schema, "Allocations."),
    ROW(MemoryTune, "monitor", F_LIST, monitors, 0, &monitor_schema, "Monitors."), ROW_END
};
const Schema memorytune_schema = { "memorytune", sizeof(MemoryTune), memorytune_fields };

static const Field cputune_fields[] = {
    ROW_HAS(CputuneDef, "shares", F_U64, shares, 0, NULL, "Weight."),
    ROW(CputuneDef, "period", F_U64, period, 0, NULL, "Microseconds of a vcpu's period."),
    ROW(CputuneDef, "quota", F_I64, quota, 0, NULL, "Microseconds in it; -1: all."),
    ROW(CputuneDef, "global_period", F_U64, global_period, 0, NULL, "Period of all."),
    ROW(CputuneDef, "global_quota", F_I64, global_quota, 0, NULL, "Quota of all."),
    ROW(CputuneDef, "emulator_period", F_U64, emulator_period, 0, NULL, "Period of QEMU itself."),
    ROW(CputuneDef, "emulator_quota", F_I64, emulator_quota, 0, NULL, "Quota of QEMU itself."),
    ROW(CputuneDef, "iothread_period", F_U64, iothread_period, 0, NULL, "Period of iothreads."),
    ROW(CputuneDef, "iothread_quota", F_I64, iothread_quota, 0, NULL, "Quota of iothreads."),
    ROW(CputuneDef, "vcpupin", F_LIST, vcpu_pins, 0, &vcpupin_schema, "Vcpus to CPUs."),
    ROW(CputuneDef, "emulatorpin/@cpuset", F_BITMAP, emulator_pin,
        F_ONCE | F_REQUIRED | F_HELD | F_MISSING(ERR_INTERNAL), NULL, "QEMU to CPUs."),
    ROW(CputuneDef, "iothreadpin", F_LIST, iothread_pins, 0, &iothreadpin_schema, "To CPUs."),
    ROW(CputuneDef, "emulatorsched", F_PTR, emulator_sched, F_ONCE, &emulatorsched_schema, "QEMU."),
    ROW(CputuneDef, "vcpusched", F_LIST, vcpu_scheds, 0, &vcpusched_schema, "Of vcpus."),
    ROW(CputuneDef, "iothreadsched", F_LIST, iothread_scheds, 0, &iothreadsched_schema, "Of io."),
    ROW(CputuneDef, "cachetune", F_LIST, cachetunes, 0, &cachetune_schema, "Cache allocation."),
    ROW(CputuneDef, "memorytune", F_LIST, memorytunes, 0, &memorytune_schema, "Bandwidth."),
    ROW_END
};
const Schema cputune_schema = { "cputune", sizeof(CputuneDef), cputune_fields };

/* ---- numatune */

static const char *const placements[] = { NULL, "static", "auto", NULL };

static const Field memnode_fields[] = {
    ROW(NumaMemnode, "@cellid", F_U32, cell, F_ALWAYS | F_REQUIRED, NULL, "Cell of the guest."),
    ROW(NumaMemnode, "@mode", F_ENUM, mode, 0, numa_modes, "Policy."),
    ROW(NumaMemnode, "@nodeset", F_BITMAP, nodes, F_REQUIRED, NULL, "Nodes of the host."), ROW_END
};
static const Schema memnode_schema = { "memnode", sizeof(NumaMemnode), memnode_fields };

static const Field numatune_fields[] = {
    ROW(NumatuneDef, "memory", F_FLAG, has_memory, 0, NULL, "All memory."),
    ROW(NumatuneDef, "memory/@mode", F_ENUM, mode, UNSUPPORTED, numa_modes, "Policy."),
    ROW(NumatuneDef, "memory/@nodeset", F_BITMAP, nodes, 0, NULL, "Nodes of the host."),
    ROW(NumatuneDef, "memory/@placement", F_ENUM, placement, UNSUPPORTED, placements,
        "Who chooses."),
    ROW(NumatuneDef, "memnode", F_LIST, memnodes, 0, &memnode_schema, "Memory of one cell."),
    ROW_END
};
const Schema numatune_schema = { "numatune", sizeof(NumatuneDef), numatune_fields };
