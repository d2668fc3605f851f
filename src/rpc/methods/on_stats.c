/* Counters of domains. What QEMU counts is refreshed first, within the few milliseconds that
 * vm_refresh allows; then everything is answered from memory. */
#include <string.h>

#include "on_domain.h"

/* ---- a call that waits for a refresh */

typedef struct StatsAnswer {
    Call *call;
    GPtrArray *vms; /* of Vm, referenced */
    void (*answer)(Call *c, GPtrArray *vms);
} StatsAnswer;

static void
on_refreshed(gpointer user)
{
    StatsAnswer *r = user; /* lies in the call's arena */
    g_autoptr(GPtrArray) vms = r->vms;

    r->answer(r->call, vms);
}

static void
refresh(Call *c, GPtrArray *vms, guint groups, void (*answer)(Call *c, GPtrArray *vms))
{
    StatsAnswer *r = arena_new(call_arena(c), StatsAnswer, 1);

    *r = (StatsAnswer){ c, vms, answer };
    vm_refresh(vms, groups, on_refreshed, r);
}

static void
refresh_one(Call *c, Vm *vm, guint groups, void (*answer)(Call *c, GPtrArray *vms))
{
    GPtrArray *vms = g_ptr_array_new_with_free_func(object_unref);

    g_ptr_array_add(vms, object_ref(vm));
    refresh(c, vms, groups, answer);
}

/* ---- all at once */

#define STATS_BACKING  (1u << 30)
#define STATS_ENFORCE  (1u << 31)
#define STATS_OF_STATE 0xff /* those of the list of domains that tell of states */
#define STATS_NOWAIT   (1u << 29)

/* The statistics of many domains are made in slices of this length. */
#define SLICE_US 500

typedef struct Bulk {
    Call *call;
    GPtrArray *vms; /* of Vm, referenced */
    guint groups, done;
    Params *params;
    DomainStatsRecord *records;
} Bulk;

static void
bulk_answer(Bulk *b)
{
    ConnectGetAllDomainStatsRet out = { .ret_stats = { b->records, b->done } };
    GPtrArray *vms = b->vms;
    Params *params = b->params;
    guint n = b->done;

    call_reply(b->call, &out); /* with the call goes b */
    for (guint i = 0; i < n; i++)
        params_done(&params[i]);
    g_free(params);
    g_ptr_array_unref(vms);
}

/* A client that has left needs no more of them. */
static gboolean
bulk_slice(gpointer user)
{
    Bulk *b = user; /* lies in the call's arena */
    gint64 until = g_get_monotonic_time() + SLICE_US;

    for (; b->done < b->vms->len && call_client(b->call); b->done++) {
        Params *params = &b->params[b->done];
        DomainStatsRecord *record = &b->records[b->done];
        if (g_get_monotonic_time() > until)
            return TRUE;
        params_init(params);
        vm_stats(b->vms->pdata[b->done], b->groups, params);
        record->dom = domain_ref(b->vms->pdata[b->done]);
        /* The domain may be renamed before the answer is sent, so its name is copied. */
        record->dom.name = arena_strdup(call_arena(b->call), record->dom.name);
        params_to_wire(params, call_arena(b->call), &record->params.v, &record->params.n);
    }
    bulk_answer(b);
    return FALSE;
}

static void
answer_all(Call *c, GPtrArray *vms)
{
    const ConnectGetAllDomainStatsArgs *in = call_in(c);
    Bulk *b = arena_new(call_arena(c), Bulk, 1);

    *b = (Bulk){ .call = c, .vms = g_ptr_array_ref(vms) };
    b->groups = (in->stats ? in->stats & VM_STATS_DONE : VM_STATS_DONE) |
                (in->flags & STATS_BACKING ? VM_STATS_BACKING : 0);
    b->params = g_new0(Params, MAX(vms->len, 1));
    b->records = arena_new(call_arena(c), DomainStatsRecord, vms->len);
    if (bulk_slice(b))
        call_in_slices(c, bulk_slice, b);
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
        if (vm && domain_matches(vm, in->flags & DOMAIN_LIST_FLAGS))
            g_ptr_array_add(vms, object_ref(vm));
    }
    return vms;
}

static void
get_all_stats(Call *c)
{
    const ConnectGetAllDomainStatsArgs *in = call_in(c);
    GError *err = NULL;

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
get_block_stats(Call *c, Vm *vm)
{
    refresh_one(c, vm, VM_STATS_BLOCK, answer_block);
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
get_block_stats_flags(Call *c, Vm *vm)
{
    refresh_one(c, vm, VM_STATS_BLOCK, answer_block_flags);
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
get_block_info(Call *c, Vm *vm)
{
    const DomainGetBlockInfoArgs *in = call_in(c);

    vm_block_info(vm, in->path, on_block_info, c);
}

/* ---- one interface, memory, vcpus */

static void
get_interface_stats(Call *c, Vm *vm)
{
    const DomainInterfaceStatsArgs *in = call_in(c);
    VmNetStats s;
    GError *err = NULL;

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
get_memory_stats(Call *c, Vm *vm)
{
    refresh_one(c, vm, VM_STATS_BALLOON, answer_memory);
}

/* Every vcpu may run on every CPU that is online: nothing pins them. */
static void
fill_cpumaps(guint8 *maps, guint32 n, guint32 maplen)
{
    guint online;
    g_autoptr(GByteArray) map = host_cpu_map(FALSE, &online);

    for (guint32 i = 0; maplen && i < n; i++)
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
get_vcpus(Call *c, Vm *vm)
{
    refresh_one(c, vm, VM_STATS_VCPU, answer_vcpus);
}

/* ---- processor time of the whole, disks in trouble */

static void
get_cpu_stats(Call *c, Vm *vm)
{
    const DomainGetCpuStatsArgs *in = call_in(c);
    guint64 user, system;
    GError *err = NULL;

    if (vm_cpu_times(vm, &user, &system, &err) && in->start_cpu != -1)
        fail(&err, ERR_OPERATION_INVALID,
             "domain '%s' runs without a cgroup that counts each of the host's processors",
             vm_object(vm)->name);
    if (err) {
        call_fail(c, err);
        return;
    }
    TypedParam params[] = {
        { "cpu_time", { .type = VALUE_ULLONG, .ul = user + system } },
        { "user_time", { .type = VALUE_ULLONG, .ul = user } },
        { "system_time", { .type = VALUE_ULLONG, .ul = system } },
    };
    DomainGetCpuStatsRet out = { .nparams = G_N_ELEMENTS(params) };
    out.params.v = params;
    out.params.n = MIN(in->nparams, G_N_ELEMENTS(params));
    call_reply(c, &out);
}

static void
answer_disk_errors(Call *c, GPtrArray *vms)
{
    const DomainGetDiskErrorsArgs *in = call_in(c);
    DomainGetDiskErrorsRet out = { 0 };
    g_autoptr(GArray) errors = NULL;

    if (!call_needs_active(c, vms->pdata[0]))
        return;
    /* The first of two calls asks for how many there could be. */
    if (in->maxerrors == 0) {
        const DomainDef *def = vm_def(vms->pdata[0], NULL);
        GPtrArray *disks = def ? def->devices.disks : NULL;
        out.nerrors = disks ? (gint32)disks->len : 0;
        call_reply(c, &out);
        return;
    }
    errors = vm_disk_errors(vms->pdata[0]);
    out.errors.n = MIN(errors->len, in->maxerrors);
    out.errors.v = arena_new(call_arena(c), DomainDiskError, out.errors.n);
    for (guint i = 0; i < out.errors.n; i++) {
        const VmDiskError *e = &g_array_index(errors, VmDiskError, i);
        out.errors.v[i] = (DomainDiskError){ e->disk, e->error };
    }
    out.nerrors = (gint32)out.errors.n;
    call_reply(c, &out);
}

static void
get_disk_errors(Call *c, Vm *vm)
{
    refresh_one(c, vm, VM_STATS_BLOCK, answer_disk_errors);
}

/* There are no block jobs yet, on any disk. */
static void
get_block_job(Call *c, Vm *vm)
{
    const DomainGetBlockJobInfoArgs *in = call_in(c);
    DomainGetBlockJobInfoRet out = { 0 };
    GError *err = NULL;

    if (!call_needs_active(c, vm))
        return;
    if (vm_has_disk(vm, in->path, &err))
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
abort_block_job(Call *c, Vm *vm)
{
    const DomainBlockJobAbortArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_needs_active(c, vm))
        return;
    if (vm_has_disk(vm, in->path, &err))
        fail(&err, ERR_INVALID_ARG, "disk %s does not have an active block job", in->path);
    call_fail(c, err);
}

/* Encrypted guests are refused where they are defined: of none is there anything to tell. */
static void
get_launch_security(Call *c, Vm *vm)
{
    DomainGetLaunchSecurityInfoRet out = { 0 };

    call_reply(c, &out);
}

static void
on_threshold_set(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
set_block_threshold(Call *c, Vm *vm)
{
    const DomainSetBlockThresholdArgs *in = call_in(c);

    vm_set_block_threshold(vm, in->dev, in->threshold, call_asker(c), on_threshold_set, c);
}

enum { JOB_BYTES = 1, JOB_ABORT_FLAGS = 3 };

const Method stats_methods[] = {
    { ON_NONE(CONNECT_GET_ALL_DOMAIN_STATS, get_all_stats),
      FLAGS(STATS_OF_STATE | STATS_NOWAIT | STATS_BACKING | STATS_ENFORCE),
      MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_DOMAIN(DOMAIN_BLOCK_STATS, get_block_stats), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_BLOCK_STATS_FLAGS, get_block_stats_flags), FLAGS(TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_BLOCK_INFO, get_block_info), MAY(DOMAIN_READ), SENDS_ERRAND },
    { ON_DOMAIN(DOMAIN_SET_BLOCK_THRESHOLD, set_block_threshold), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_INTERFACE_STATS, get_interface_stats), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_MEMORY_STATS, get_memory_stats), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_VCPUS, get_vcpus), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_CPU_STATS, get_cpu_stats), FLAGS(TYPED_STRINGS), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_DISK_ERRORS, get_disk_errors), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_BLOCK_JOB_INFO, get_block_job), FLAGS(JOB_BYTES), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_BLOCK_JOB_ABORT, abort_block_job), FLAGS(JOB_ABORT_FLAGS),
      MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_GET_LAUNCH_SECURITY_INFO, get_launch_security), FLAGS(TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { 0 },
};
