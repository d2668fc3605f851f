/* Counters of domains. What QEMU counts is refreshed first, within the few milliseconds that
 * vm_refresh allows; then everything is answered from memory. */
#include <string.h>

#include "on_domain.h"

/* ---- a call that waits for a refresh */

typedef struct Refresh {
    Call *call;
    GPtrArray *vms; /* of Vm, referenced */
    void (*answer)(Call *c, GPtrArray *vms);
} Refresh;

static void
on_refreshed(gpointer user)
{
    Refresh *r = user; /* lies in the call's arena */
    g_autoptr(GPtrArray) vms = r->vms;

    r->answer(r->call, vms);
}

static void
refresh(Call *c, GPtrArray *vms, guint groups, void (*answer)(Call *c, GPtrArray *vms))
{
    Refresh *r = arena_new(call_arena(c), Refresh, 1);

    *r = (Refresh){ c, vms, answer };
    vm_refresh(vms, groups, on_refreshed, r);
}

static void
refresh_one(Call *c, guint groups, void (*answer)(Call *c, GPtrArray *vms))
{
    Vm *vm = call_vm(c);

    if (!vm)
        return;
    GPtrArray *vms = g_ptr_array_new_with_free_func(object_unref);
    g_ptr_array_add(vms, object_ref(vm));
    refresh(c, vms, groups, answer);
}

/* ---- all at once */

#define STATS_BACKING (1u << 30)
#define STATS_ENFORCE (1u << 31)
#define STATS_NOWAIT  (1u << 29)

static void
answer_all(Call *c, GPtrArray *vms)
{
    const ConnectGetAllDomainStatsArgs *in = call_in(c);
    guint groups = in->stats ? in->stats & VM_STATS_DONE : VM_STATS_DONE;
    g_autofree Params *params = g_new0(Params, MAX(vms->len, 1));
    ConnectGetAllDomainStatsRet out = { 0 };

    out.ret_stats.n = vms->len;
    out.ret_stats.v = arena_new(call_arena(c), DomainStatsRecord, vms->len);
    for (guint i = 0; i < vms->len; i++) {
        DomainStatsRecord *record = &out.ret_stats.v[i];
        params_init(&params[i]);
        vm_stats(vms->pdata[i], groups, &params[i]);
        record->dom = domain_ref(vms->pdata[i]);
        params_to_wire(&params[i], call_arena(c), &record->params.v, &record->params.n);
    }
    guint n = vms->len;
    call_reply(c, &out);
    for (guint i = 0; i < n; i++)
        params_done(&params[i]);
}

/* The domains asked for; those that are gone are left out, as the list may be old. */
static GPtrArray *
vms_of(const ConnectGetAllDomainStatsArgs *in)
{
    GPtrArray *vms;

    if (in->doms.n == 0)
        return domains_matching(in->flags & DOMAIN_LIST_FLAGS);
    vms = g_ptr_array_new_with_free_func(object_unref);
    for (guint i = 0; i < in->doms.n; i++) {
        Vm *vm = vm_find_uuid(in->doms.v[i].uuid);
        if (vm)
            g_ptr_array_add(vms, object_ref(vm));
    }
    return vms;
}

static void
get_all_stats(Call *c)
{
    const ConnectGetAllDomainStatsArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_flags_ok(c, in->flags,
                       DOMAIN_LIST_FLAGS | STATS_NOWAIT | STATS_BACKING | STATS_ENFORCE))
        return;
    if ((in->flags & STATS_ENFORCE) && (in->stats & ~(guint32)VM_STATS_DONE)) {
        fail(&err, ERR_ARG_UNSUPPORTED, "the statistics %#x are not kept",
             in->stats & ~(guint32)VM_STATS_DONE);
        call_fail(c, err);
        return;
    }
    refresh(c, vms_of(in), in->stats ? in->stats & VM_STATS_DONE : VM_STATS_DONE, answer_all);
}

/* ---- one disk */

static void
answer_block(Call *c, GPtrArray *vms)
{
    const DomainBlockStatsArgs *in = call_in(c);
    VmBlockStats s;
    GError *err = NULL;

    if (!vm_block_stats(vms->pdata[0], in->path, &s, &err)) {
        call_fail(c, err);
        return;
    }
    DomainBlockStatsRet out = { s.rd_req, s.rd_bytes, s.wr_req, s.wr_bytes, -1 };
    call_reply(c, &out);
}

static void
get_block_stats(Call *c)
{
    refresh_one(c, VM_STATS_BLOCK, answer_block);
}

static const struct {
    const char *name;
    gsize offset;
} block_counters[] = {
    { "rd_bytes", G_STRUCT_OFFSET(VmBlockStats, rd_bytes) },
    { "rd_operations", G_STRUCT_OFFSET(VmBlockStats, rd_req) },
    { "rd_total_times", G_STRUCT_OFFSET(VmBlockStats, rd_ns) },
    { "wr_bytes", G_STRUCT_OFFSET(VmBlockStats, wr_bytes) },
    { "wr_operations", G_STRUCT_OFFSET(VmBlockStats, wr_req) },
    { "wr_total_times", G_STRUCT_OFFSET(VmBlockStats, wr_ns) },
    { "flush_operations", G_STRUCT_OFFSET(VmBlockStats, flush_req) },
    { "flush_total_times", G_STRUCT_OFFSET(VmBlockStats, flush_ns) },
};

static void
answer_block_flags(Call *c, GPtrArray *vms)
{
    const DomainBlockStatsFlagsArgs *in = call_in(c);
    TypedParam params[G_N_ELEMENTS(block_counters)];
    DomainBlockStatsFlagsRet out = { 0 };
    VmBlockStats s;
    GError *err = NULL;

    if (!vm_block_stats(vms->pdata[0], in->path, &s, &err)) {
        call_fail(c, err);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(block_counters); i++) {
        gint64 value = *(const gint64 *)((const guint8 *)&s + block_counters[i].offset);
        if (value >= 0)
            params[out.nparams++] = (TypedParam){ block_counters[i].name,
                                                  { .type = VALUE_LLONG, .l = value } };
    }
    out.params.v = params;
    out.params.n = (guint32)CLAMP(in->nparams, 0, out.nparams);
    /* The first of two calls asks how many there are; the second is told how many it got. */
    if (in->nparams > 0)
        out.nparams = (gint32)out.params.n;
    call_reply(c, &out);
}

static void
get_block_stats_flags(Call *c)
{
    const DomainBlockStatsFlagsArgs *in = call_in(c);

    if (call_flags_ok(c, in->flags, 4))
        refresh_one(c, VM_STATS_BLOCK, answer_block_flags);
}

static void
on_block_info(const VmBlockInfo *info, const GError *err, gpointer user)
{
    if (err) {
        call_fail(user, g_error_copy(err));
        return;
    }
    DomainGetBlockInfoRet out = { info->allocation, info->capacity, info->physical };
    call_reply((Call *)user, &out);
}

static void
get_block_info(Call *c)
{
    const DomainGetBlockInfoArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0))
        vm_block_info(vm, in->path, on_block_info, c);
}

/* ---- one interface, memory, vcpus */

static void
get_interface_stats(Call *c)
{
    const DomainInterfaceStatsArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    VmNetStats s;
    GError *err = NULL;

    if (!vm)
        return;
    if (!vm_net_stats(vm, in->device, &s, &err)) {
        call_fail(c, err);
        return;
    }
    DomainInterfaceStatsRet out = {
        s.rx_bytes, s.rx_packets, s.rx_errs, s.rx_drop,
        s.tx_bytes, s.tx_packets, s.tx_errs, s.tx_drop,
    };
    call_reply(c, &out);
}

static void
answer_memory(Call *c, GPtrArray *vms)
{
    const DomainMemoryStatsArgs *in = call_in(c);
    VmMemoryStat stats[32];
    DomainMemoryStat wire[G_N_ELEMENTS(stats)];
    DomainMemoryStatsRet out = { 0 };

    if (!call_needs_active(c, vms->pdata[0]))
        return;
    out.stats.n = vm_memory_stats(vms->pdata[0], stats, MIN(in->max_stats, G_N_ELEMENTS(stats)));
    out.stats.v = wire;
    for (guint i = 0; i < out.stats.n; i++)
        wire[i] = (DomainMemoryStat){ stats[i].tag, stats[i].value };
    call_reply(c, &out);
}

static void
get_memory_stats(Call *c)
{
    const DomainMemoryStatsArgs *in = call_in(c);

    if (call_flags_ok(c, in->flags, 0))
        refresh_one(c, VM_STATS_BALLOON, answer_memory);
}

/* Every vcpu may run on every CPU that is online: nothing pins them. */
static void
fill_cpumaps(guint8 *maps, guint32 n, guint32 maplen)
{
    guint online;
    g_autoptr(GByteArray) map = host_cpu_map(FALSE, &online);

    for (guint32 i = 0; i < n; i++)
        memcpy(maps + (gsize)i * maplen, map->data, MIN(maplen, map->len));
}

static void
answer_vcpus(Call *c, GPtrArray *vms)
{
    const DomainGetVcpusArgs *in = call_in(c);
    DomainGetVcpusRet out = { 0 };
    GError *err = NULL;
    g_autoptr(GArray) vcpus = vm_vcpus(vms->pdata[0], &err);

    if (!vcpus) {
        call_fail(c, err);
        return;
    }
    guint32 n = (guint32)CLAMP(in->maxinfo, 0, (gint)vcpus->len);
    guint32 maplen = (guint32)CLAMP(in->maplen, 0, 2048);
    guint8 *maps = arena_new(call_arena(c), guint8, (gsize)n * maplen);
    out.info.v = arena_new(call_arena(c), VcpuInfo, n);
    out.info.n = n;
    for (guint32 i = 0; i < n; i++) {
        const VmVcpu *v = &g_array_index(vcpus, VmVcpu, i);
        out.info.v[i] = (VcpuInfo){ v->number, v->state, v->cpu_time_ns, v->cpu };
    }
    fill_cpumaps(maps, n, maplen);
    out.cpumaps.v = maps;
    out.cpumaps.n = n * maplen;
    call_reply(c, &out);
}

static void
get_vcpus(Call *c)
{
    refresh_one(c, VM_STATS_VCPU, answer_vcpus);
}

/* One vcpu's pin over the map that says "any CPU". */
static void
pin_into(const VcpuPin *pin, guint8 *map, guint32 maplen)
{
    memset(map, 0, maplen);
    for (int cpu = bitmap_next(pin->cpus, -1); cpu >= 0 && (guint32)cpu < maplen * 8;
         cpu = bitmap_next(pin->cpus, cpu))
        map[cpu / 8] |= (guint8)(1 << cpu % 8);
}

static void
get_vcpu_pin_info(Call *c)
{
    const DomainGetVcpuPinInfoArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (!vm || !call_flags_ok(c, in->flags, 3))
        return;
    const DomainDef *def = vm_def(vm);
    guint32 n = (guint32)CLAMP(in->ncpumaps, 0, (gint)def->vcpus);
    guint32 maplen = (guint32)CLAMP(in->maplen, 0, 2048);
    guint8 *maps = arena_new(call_arena(c), guint8, (gsize)n * maplen);
    GPtrArray *pins = def->cputune ? def->cputune->vcpu_pins : NULL;

    fill_cpumaps(maps, n, maplen);
    for (guint i = 0; pins && i < pins->len; i++) {
        const VcpuPin *pin = pins->pdata[i];
        if (pin->id < n)
            pin_into(pin, maps + (gsize)pin->id * maplen, maplen);
    }
    DomainGetVcpuPinInfoRet out = { .cpumaps = { .v = maps, .n = n * maplen }, .num = (gint32)n };
    call_reply(c, &out);
}

const Method stats_methods[] = {
    { PROC_CONNECT_GET_ALL_DOMAIN_STATS, get_all_stats },
    { PROC_DOMAIN_BLOCK_STATS, get_block_stats },
    { PROC_DOMAIN_BLOCK_STATS_FLAGS, get_block_stats_flags },
    { PROC_DOMAIN_GET_BLOCK_INFO, get_block_info },
    { PROC_DOMAIN_INTERFACE_STATS, get_interface_stats },
    { PROC_DOMAIN_MEMORY_STATS, get_memory_stats },
    { PROC_DOMAIN_GET_VCPUS, get_vcpus },
    { PROC_DOMAIN_GET_VCPU_PIN_INFO, get_vcpu_pin_info },
    { 0 },
};
