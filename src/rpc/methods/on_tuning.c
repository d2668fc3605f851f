/* Limits of the host's resources for a domain: typed parameters, pinning of threads, iothreads,
 * single processors. */
#include <string.h>

#include "on_domain.h"

static void
on_done(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

/* ---- limits */

/* Clients ask twice: how many there are, then for that many. One that does not know strings gets
 * none. */
static guint32
reply_list(Call *c, Params *params, guint32 flags, gint32 room, TypedParam **ret_v)
{
    guint32 n, kept = 0;
    TypedParam *v;

    params_to_wire(params, call_arena(c), &v, &n);
    for (guint32 i = 0; i < n; i++)
        if (v[i].value.type != VALUE_STRING || flags & TYPED_STRINGS)
            v[kept++] = v[i];
    *ret_v = v;
    return room > 0 ? MIN(kept, (guint32)room) : kept;
}

static gboolean
read_limits(Call *c, Vm *vm, VmLimits kind, const char *device, guint32 flags, Params *params)
{
    GError *err = NULL;

    params_init(params);
    if (vm_limits(vm, kind, device, flags & IMPACT, params, &err))
        return TRUE;
    params_done(params);
    call_fail(c, err);
    return FALSE;
}

/* A reply of a list and a count; the first of two calls gets the count alone. */
#define LIMITS_METHOD(method, T, kind, device)                                                     \
    static void method(Call *c, Vm *vm)                                                            \
    {                                                                                              \
        const T##Args *in = call_in(c);                                                            \
        T##Ret out = { 0 };                                                                        \
        Params params;                                                                             \
                                                                                                   \
        if (!read_limits(c, vm, kind, device, in->flags, &params))                                 \
            return;                                                                                \
        out.nparams = (gint32)reply_list(c, &params, in->flags, in->nparams, &out.params.v);       \
        out.params.n = in->nparams > 0 ? (guint32)out.nparams : 0;                                 \
        call_reply(c, &out);                                                                       \
        params_done(&params);                                                                      \
    }
LIMITS_METHOD(get_blkio, DomainGetBlkioParameters, VM_LIMITS_BLKIO, NULL)
LIMITS_METHOD(get_memory, DomainGetMemoryParameters, VM_LIMITS_MEMORY, NULL)
LIMITS_METHOD(get_numa, DomainGetNumaParameters, VM_LIMITS_NUMA, NULL)
LIMITS_METHOD(get_interface, DomainGetInterfaceParameters, VM_LIMITS_INTERFACE, in->device)
LIMITS_METHOD(get_block, DomainGetBlockIoTune, VM_LIMITS_BLOCK, in->disk)

static void
reply_scheduler(Call *c, Vm *vm, guint32 flags, gint32 room)
{
    DomainGetSchedulerParametersRet out = { 0 };
    Params params;

    if (!read_limits(c, vm, VM_LIMITS_SCHEDULER, NULL, flags, &params))
        return;
    out.params.n = reply_list(c, &params, flags, room, &out.params.v);
    call_reply(c, &out);
    params_done(&params);
}

static void
get_scheduler(Call *c, Vm *vm)
{
    const DomainGetSchedulerParametersArgs *in = call_in(c);

    reply_scheduler(c, vm, 0, in->nparams);
}

static void
get_scheduler_flags(Call *c, Vm *vm)
{
    const DomainGetSchedulerParametersFlagsArgs *in = call_in(c);

    reply_scheduler(c, vm, in->flags, in->nparams);
}

/* The same for all; a running domain's definition has its parameters too. */
static void
get_scheduler_type(Call *c, Vm *vm)
{
    DomainGetSchedulerTypeRet out = { .type = "posix" };
    Params params;

    params_init(&params);
    vm_limits(vm, VM_LIMITS_SCHEDULER, NULL, vm_is_persistent(vm) ? CONFIG : 0, &params, NULL);
    out.nparams = (gint32)params_count(&params);
    params_done(&params);
    call_reply(c, &out);
}

static void
set_limits(Call *c, Vm *vm, VmLimits kind, const char *device, const TypedParam *v, guint32 n,
           guint32 flags)
{
    Params params;

    params_from_wire(v, n, &params);
    vm_set_limits(vm, kind, device, &params, flags, call_asker(c), on_done, c);
    params_done(&params);
}

#define SET_LIMITS_METHOD(method, T, kind, device, flags)                                          \
    static void method(Call *c, Vm *vm)                                                            \
    {                                                                                              \
        const T##Args *in = call_in(c);                                                            \
                                                                                                   \
        set_limits(c, vm, kind, device, in->params.v, in->params.n, flags);                        \
    }
SET_LIMITS_METHOD(set_scheduler, DomainSetSchedulerParameters, VM_LIMITS_SCHEDULER, NULL, 0)
SET_LIMITS_METHOD(set_scheduler_flags, DomainSetSchedulerParametersFlags, VM_LIMITS_SCHEDULER, NULL,
                  in->flags)
SET_LIMITS_METHOD(set_blkio, DomainSetBlkioParameters, VM_LIMITS_BLKIO, NULL, in->flags)
SET_LIMITS_METHOD(set_memory, DomainSetMemoryParameters, VM_LIMITS_MEMORY, NULL, in->flags)
SET_LIMITS_METHOD(set_numa, DomainSetNumaParameters, VM_LIMITS_NUMA, NULL, in->flags)
SET_LIMITS_METHOD(set_interface, DomainSetInterfaceParameters, VM_LIMITS_INTERFACE, in->device,
                  in->flags)
SET_LIMITS_METHOD(set_block, DomainSetBlockIoTune, VM_LIMITS_BLOCK, in->disk, in->flags)

/* ---- pinning */

static Bitmap *
bitmap_from_map(const guint8 *map, guint32 len)
{
    Bitmap *cpus = bitmap_new();

    for (guint cpu = 0; cpu < len * 8; cpu++)
        if (map[cpu / 8] & 1 << cpu % 8)
            bitmap_set(cpus, cpu);
    return cpus;
}

/* cpus NULL: every processor that is online. */
static void
map_from_bitmap(const Bitmap *cpus, guint8 *map, guint32 len)
{
    guint online;
    g_autoptr(GByteArray) all = cpus ? NULL : host_cpu_map(FALSE, &online);

    if (len == 0)
        return;
    memset(map, 0, len);
    if (!cpus)
        memcpy(map, all->data, MIN(len, all->len));
    for (int cpu = cpus ? bitmap_next(cpus, -1) : -1; cpu >= 0 && (guint32)cpu < len * 8;
         cpu = bitmap_next(cpus, cpu))
        map[cpu / 8] |= (guint8)(1 << cpu % 8);
}

#define MAPLEN_MAX 2048

static void
get_vcpu_pin_info(Call *c, Vm *vm)
{
    const DomainGetVcpuPinInfoArgs *in = call_in(c);
    guint32 maplen = (guint32)CLAMP(in->maplen, 0, MAPLEN_MAX), n;
    GError *err = NULL;
    const Bitmap *cpus;
    guint8 *maps;
    guint count;

    if (!vm_vcpu_count(vm, in->flags, &count, &err)) {
        call_fail(c, err);
        return;
    }
    n = (guint32)CLAMP(in->ncpumaps, 0, (gint)count);
    maps = arena_new(call_arena(c), guint8, (gsize)n * maplen);
    for (guint32 i = 0; i < n; i++)
        if (vm_pin(vm, VM_THREAD_VCPU, i, in->flags, &cpus, NULL))
            map_from_bitmap(cpus, maps + (gsize)i * maplen, maplen);
    DomainGetVcpuPinInfoRet out = { .cpumaps = { .v = maps, .n = n * maplen }, .num = (gint32)n };
    call_reply(c, &out);
}

static void
get_emulator_pin_info(Call *c, Vm *vm)
{
    const DomainGetEmulatorPinInfoArgs *in = call_in(c);
    guint32 maplen = (guint32)CLAMP(in->maplen, 0, MAPLEN_MAX);
    GError *err = NULL;
    const Bitmap *cpus;
    guint8 *map;

    if (!vm_pin(vm, VM_THREAD_EMULATOR, 0, in->flags, &cpus, &err)) {
        call_fail(c, err);
        return;
    }
    map = arena_new(call_arena(c), guint8, maplen);
    map_from_bitmap(cpus, map, maplen);
    DomainGetEmulatorPinInfoRet out = { .cpumaps = { .v = map, .n = maplen }, .ret = 1 };
    call_reply(c, &out);
}

static void
set_pin(Call *c, Vm *vm, VmThread thread, guint id, const guint8 *map, guint32 len, guint32 flags)
{
    g_autoptr(Bitmap) cpus = bitmap_from_map(map, len);

    vm_set_pin(vm, thread, id, cpus, flags, call_asker(c), on_done, c);
}

static void
pin_vcpu(Call *c, Vm *vm)
{
    const DomainPinVcpuArgs *in = call_in(c);

    set_pin(c, vm, VM_THREAD_VCPU, in->vcpu, in->cpumap.v, in->cpumap.n, LIVE);
}

static void
pin_vcpu_flags(Call *c, Vm *vm)
{
    const DomainPinVcpuFlagsArgs *in = call_in(c);

    set_pin(c, vm, VM_THREAD_VCPU, in->vcpu, in->cpumap.v, in->cpumap.n, in->flags);
}

static void
pin_emulator(Call *c, Vm *vm)
{
    const DomainPinEmulatorArgs *in = call_in(c);

    set_pin(c, vm, VM_THREAD_EMULATOR, 0, in->cpumap.v, in->cpumap.n, in->flags);
}

static void
pin_iothread(Call *c, Vm *vm)
{
    const DomainPinIothreadArgs *in = call_in(c);

    set_pin(c, vm, VM_THREAD_IOTHREAD, in->iothreads_id, in->cpumap.v, in->cpumap.n, in->flags);
}

/* ---- iothreads */

static void
fill_iothread(Call *c, Vm *vm, guint id, guint32 flags, DomainIothreadInfo *ret_info)
{
    guint present;
    g_autoptr(GByteArray) all = host_cpu_map(TRUE, &present);
    guint8 *map = arena_new(call_arena(c), guint8, all->len);
    const Bitmap *cpus = NULL;

    vm_pin(vm, VM_THREAD_IOTHREAD, id, flags, &cpus, NULL);
    map_from_bitmap(cpus, map, all->len);
    ret_info->iothread_id = id;
    ret_info->cpumap.v = map;
    ret_info->cpumap.n = all->len;
}

static void
get_iothread_info(Call *c, Vm *vm)
{
    const DomainGetIothreadInfoArgs *in = call_in(c);
    DomainGetIothreadInfoRet out = { 0 };
    g_autoptr(GArray) ids = NULL;
    GError *err = NULL;

    if (!(ids = vm_iothreads(vm, in->flags, &err))) {
        call_fail(c, err);
        return;
    }
    out.ret = out.info.n = ids->len;
    out.info.v = arena_new(call_arena(c), DomainIothreadInfo, ids->len);
    for (guint i = 0; i < ids->len; i++)
        fill_iothread(c, vm, g_array_index(ids, guint, i), in->flags, &out.info.v[i]);
    call_reply(c, &out);
}

static void
add_iothread(Call *c, Vm *vm)
{
    const DomainAddIothreadArgs *in = call_in(c);

    vm_add_iothread(vm, in->iothread_id, in->flags, call_asker(c), on_done, c);
}

static void
del_iothread(Call *c, Vm *vm)
{
    const DomainDelIothreadArgs *in = call_in(c);

    vm_del_iothread(vm, in->iothread_id, in->flags, call_asker(c), on_done, c);
}

static void
set_iothread_params(Call *c, Vm *vm)
{
    const DomainSetIothreadParamsArgs *in = call_in(c);
    Params params;

    params_from_wire(in->params.v, in->params.n, &params);
    vm_set_iothread(vm, in->iothread_id, &params, in->flags, call_asker(c), on_done, c);
}

/* ---- single processors */

static void
set_vcpu(Call *c, Vm *vm)
{
    const DomainSetVcpuArgs *in = call_in(c);
    g_autoptr(Bitmap) vcpus = NULL;
    GError *err = NULL;

    if (!(vcpus = bitmap_parse(in->cpumap, NULL)) || bitmap_count(vcpus) == 0) {
        fail(&err, ERR_INVALID_ARG, "'%s' names no processors", in->cpumap);
        call_fail(c, err);
        return;
    }
    vm_set_vcpu(vm, vcpus, in->state != 0, in->flags, call_asker(c), on_done, c);
}

const Method tuning_methods[] = {
    { ON_DOMAIN(DOMAIN_GET_SCHEDULER_TYPE, get_scheduler_type), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_SCHEDULER_PARAMETERS, get_scheduler), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS, get_scheduler_flags),
      FLAGS(IMPACT | TYPED_STRINGS), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_SCHEDULER_PARAMETERS, set_scheduler), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS, set_scheduler_flags), FLAGS(IMPACT),
      MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_BLKIO_PARAMETERS, get_blkio), FLAGS(IMPACT | TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_BLKIO_PARAMETERS, set_blkio), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_MEMORY_PARAMETERS, get_memory), FLAGS(IMPACT | TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_MEMORY_PARAMETERS, set_memory), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_NUMA_PARAMETERS, get_numa), FLAGS(IMPACT | TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_NUMA_PARAMETERS, set_numa), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_INTERFACE_PARAMETERS, get_interface), FLAGS(IMPACT | TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_INTERFACE_PARAMETERS, set_interface), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_BLOCK_IO_TUNE, get_block), FLAGS(IMPACT | TYPED_STRINGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_BLOCK_IO_TUNE, set_block), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_VCPU_PIN_INFO, get_vcpu_pin_info), FLAGS(IMPACT), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_EMULATOR_PIN_INFO, get_emulator_pin_info), FLAGS(IMPACT),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_PIN_VCPU, pin_vcpu), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_PIN_VCPU_FLAGS, pin_vcpu_flags), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_PIN_EMULATOR, pin_emulator), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_PIN_IOTHREAD, pin_iothread), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_IOTHREAD_INFO, get_iothread_info), FLAGS(IMPACT), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_ADD_IOTHREAD, add_iothread), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_DEL_IOTHREAD, del_iothread), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_SET_IOTHREAD_PARAMS, set_iothread_params), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_SET_VCPU, set_vcpu), FLAGS(IMPACT), MAY_CHANGE },
    { 0 },
};
