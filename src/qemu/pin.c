/* Threads and the processors of the host: which ones each vcpu, iothread and QEMU itself may run
 * on, and the iothreads that a domain has. Pinning needs no cgroup: it is said to the threads.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_priv.h"

#define LEN(list) ((list) != NULL ? (list)->len : 0)

/* ---- in the definition */

static VcpuPin *
pin_find(GPtrArray *pins, guint id)
{
    for (guint i = 0; i < LEN(pins); i++)
        if (((VcpuPin *)pins->pdata[i])->id == id)
            return pins->pdata[i];
    return NULL;
}

/* Of the thread's own, else of all that the domain has. */
static const Bitmap *
pin_of(const DomainDef *def, VmThread thread, guint id)
{
    const CputuneDef *tune = def->cputune;
    const Bitmap *own = NULL;
    const VcpuPin *pin;

    if (tune && thread == VM_THREAD_EMULATOR)
        own = tune->emulator_pin;
    if (tune && thread != VM_THREAD_EMULATOR) {
        pin = pin_find(thread == VM_THREAD_VCPU ? tune->vcpu_pins : tune->iothread_pins, id);
        own = pin ? pin->cpus : NULL;
    }
    return own ? own : def->cpuset;
}

static IothreadDef *
iothread_find(const DomainDef *def, guint id)
{
    for (guint i = 0; i < LEN(def->iothread_ids); i++)
        if (((IothreadDef *)def->iothread_ids->pdata[i])->id == id)
            return def->iothread_ids->pdata[i];
    return NULL;
}

static gboolean
has_iothread(const DomainDef *def, guint id)
{
    return iothread_find(def, id) ||
           (LEN(def->iothread_ids) == 0 && id > 0 && id <= def->iothreads);
}

/* Without numbers of their own they count from 1; a change of one gives numbers to all. */
static void
name_iothreads(DomainDef *def)
{
    guint n = LEN(def->iothread_ids) ? 0 : def->iothreads;

    if (!def->iothread_ids)
        def->iothread_ids = g_ptr_array_new();
    for (guint id = 1; id <= n; id++) {
        IothreadDef *t = schema_new(&iothread_schema);
        t->id = id;
        g_ptr_array_add(def->iothread_ids, t);
    }
}

static gboolean
has_thread(const DomainDef *def, const char *which, VmThread thread, guint id, GError **err)
{
    guint vcpus = def->vcpus_current ? def->vcpus_current : def->vcpus;

    if (thread == VM_THREAD_VCPU && id >= vcpus)
        return fail(err, ERR_INVALID_ARG, "vcpu %u is out of range of %s cpu count %u", id, which,
                    vcpus);
    return thread != VM_THREAD_IOTHREAD || has_iothread(def, id) ||
           fail(err, ERR_INVALID_ARG, "iothreadid %u not found in the %s definition", id, which);
}

static void
pin_put(DomainDef *def, VmThread thread, guint id, const Bitmap *cpus)
{
    GPtrArray **pins;
    VcpuPin *pin;

    if (!def->cputune)
        def->cputune = schema_new(&cputune_schema);
    if (thread == VM_THREAD_EMULATOR) {
        bitmap_free(def->cputune->emulator_pin);
        def->cputune->emulator_pin = bitmap_copy(cpus);
        return;
    }
    pins = thread == VM_THREAD_VCPU ? &def->cputune->vcpu_pins : &def->cputune->iothread_pins;
    if (!*pins)
        *pins = g_ptr_array_new();
    if (!(pin = pin_find(*pins, id))) {
        pin = g_new0(VcpuPin, 1);
        pin->id = id;
        g_ptr_array_add(*pins, pin);
    }
    bitmap_free(pin->cpus);
    pin->cpus = bitmap_copy(cpus);
}

static const DomainDef *
def_meant(Vm *vm, guint impact, GError **err)
{
    if (impact == (IMPACT_LIVE | IMPACT_CONFIG)) {
        fail(err, ERR_INVALID_ARG, "one definition is read, live or config");
        return NULL;
    }
    if (!vm_resolve_impact(vm, &impact, err))
        return NULL;
    return impact & IMPACT_LIVE ? vm->run->live : define_get(vm);
}

gboolean
vm_pin(Vm *vm, VmThread thread, guint id, guint impact, const Bitmap **ret_cpus, GError **err)
{
    const DomainDef *def = def_meant(vm, impact, err);

    if (!def)
        return FALSE;
    *ret_cpus = pin_of(def, thread, id);
    return TRUE;
}

/* ---- the threads */

static const char *const thread_words[] = { "vcpu", "emulator", "iothread" };

static gboolean
pin_thread(pid_t tid, const Bitmap *cpus, const char *what, guint id, GError **err)
{
    cpu_set_t *set = CPU_ALLOC((gsize)bitmap_last(cpus) + 1);
    gsize size = CPU_ALLOC_SIZE((gsize)bitmap_last(cpus) + 1);
    int failed = 0;

    CPU_ZERO_S(size, set);
    for (int cpu = bitmap_next(cpus, -1); cpu >= 0; cpu = bitmap_next(cpus, cpu))
        CPU_SET_S((gsize)cpu, size, set);
    /* A thread that has just ended runs nowhere. */
    if (sched_setaffinity(tid, size, set) < 0 && errno != ESRCH)
        failed = errno;
    CPU_FREE(set);
    if (failed) {
        g_autofree char *text = bitmap_format(cpus);
        return fail_errno(err, failed, "cannot pin %s %u to the host's processors %s", what, id,
                          text);
    }
    return TRUE;
}

static gboolean
is_named_thread(const Run *run, pid_t tid)
{
    for (guint i = 0; i < run->vcpu_tids->len; i++)
        if (g_array_index(run->vcpu_tids, pid_t, i) == tid)
            return TRUE;
    for (guint i = 0; i < run->iothreads->len; i++)
        if (g_array_index(run->iothreads, Iothread, i).tid == tid)
            return TRUE;
    return FALSE;
}

/* Every thread of QEMU that is neither a processor nor an iothread. */
static gboolean
pin_emulator(const Run *run, const Bitmap *cpus, GError **err)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/task", (int)run->pid);
    g_autoptr(GDir) tasks = g_dir_open(folder, 0, NULL);
    const char *name;

    while (tasks && (name = g_dir_read_name(tasks)))
        if (!is_named_thread(run, (pid_t)atoi(name)) &&
            !pin_thread((pid_t)atoi(name), cpus, thread_words[VM_THREAD_EMULATOR], 0, err))
            return FALSE;
    return TRUE;
}

static gboolean
pin_live(const Run *run, VmThread thread, guint id, const Bitmap *cpus, GError **err)
{
    if (thread == VM_THREAD_EMULATOR)
        return pin_emulator(run, cpus, err);
    if (thread == VM_THREAD_VCPU && id < run->vcpu_tids->len &&
        g_array_index(run->vcpu_tids, pid_t, id) > 0)
        return pin_thread(g_array_index(run->vcpu_tids, pid_t, id), cpus, thread_words[thread], id,
                          err);
    for (guint i = 0; thread == VM_THREAD_IOTHREAD && i < run->iothreads->len; i++) {
        const Iothread *t = &g_array_index(run->iothreads, Iothread, i);
        if (t->id == id)
            return pin_thread(t->tid, cpus, thread_words[thread], id, err);
    }
    return TRUE; /* a vcpu that is unplugged is pinned when it comes */
}

static void
tell_pinned(Vm *vm, VmThread thread, guint id, const Bitmap *cpus)
{
    g_autofree char *text = bitmap_format(cpus);
    Event e = vm_event(vm, DOMAIN_EVENT_TUNABLE);
    Params params;

    params_init(&params);
    if (thread == VM_THREAD_EMULATOR)
        params_add_string(&params, text, "cputune.emulatorpin");
    else
        params_add_string(&params, text, "cputune.%spin%u", thread_words[thread], id);
    e.params = &params;
    event_emit(&e);
    params_done(&params);
}

gboolean
vm_set_pin(Vm *vm, VmThread thread, guint id, const Bitmap *cpus, guint impact, GError **err)
{
    g_autoptr(DomainDef) def = NULL;

    if (!vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (impact & IMPACT_LIVE && !vm_need_running(vm, err))
        return FALSE;
    if (bitmap_count(cpus) == 0)
        return fail(err, ERR_INVALID_ARG, "Empty cpu list for pinning");
    if (impact & IMPACT_LIVE && !has_thread(vm->run->live, "live", thread, id, err))
        return FALSE;
    if (impact & IMPACT_CONFIG) {
        def = domain_copy(define_get(vm));
        if (!has_thread(def, "persistent", thread, id, err))
            return FALSE;
        pin_put(def, thread, id, cpus);
    }
    if (impact & IMPACT_LIVE) {
        if (!pin_live(vm->run, thread, id, cpus, err))
            return FALSE;
        pin_put(vm->run->live, thread, id, cpus);
        if (!live_save(vm, err))
            return FALSE;
        tell_pinned(vm, thread, id, cpus);
    }
    return !def || define_change(vm, g_steal_pointer(&def), err);
}

/* ---- a row of start */

gboolean
take_iothreads(gpointer obj, json_object *ret, GError **err)
{
    static const char *const prefix = "iothread";
    Run *run = ((Vm *)obj)->run;

    g_array_set_size(run->iothreads, 0);
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        const char *name = json_str(row, "id");
        Iothread t = {
            .tid = (pid_t)json_int(row, "thread-id", 0),
            .poll_max = (guint64)json_int(row, "poll-max-ns", 0),
            .poll_grow = (guint64)json_int(row, "poll-grow", 0),
            .poll_shrink = (guint64)json_int(row, "poll-shrink", 0),
        };

        if (!name || !g_str_has_prefix(name, prefix))
            continue;
        t.id = (guint)atoi(name + strlen(prefix));
        g_array_append_val(run->iothreads, t);
    }
    return TRUE;
}

StepResult
pin_threads(Flow *f, gpointer obj, GError **err)
{
    Run *run = ((Vm *)obj)->run;
    const DomainDef *live = run->live;
    const Bitmap *cpus;

    for (guint i = 0; i < run->vcpu_tids->len; i++)
        if ((cpus = pin_of(live, VM_THREAD_VCPU, i)) &&
            !pin_live(run, VM_THREAD_VCPU, i, cpus, err))
            return STEP_FAILED;
    for (guint i = 0; i < run->iothreads->len; i++) {
        guint id = g_array_index(run->iothreads, Iothread, i).id;
        if ((cpus = pin_of(live, VM_THREAD_IOTHREAD, id)) &&
            !pin_live(run, VM_THREAD_IOTHREAD, id, cpus, err))
            return STEP_FAILED;
    }
    if ((cpus = pin_of(live, VM_THREAD_EMULATOR, 0)) && !pin_emulator(run, cpus, err))
        return STEP_FAILED;
    return STEP_DONE;
}

/* ---- iothreads */

GArray *
vm_iothreads(Vm *vm, guint impact, GError **err)
{
    const DomainDef *def = def_meant(vm, impact, err);
    GArray *ids;

    if (!def)
        return NULL;
    ids = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < LEN(def->iothread_ids); i++) {
        guint id = ((IothreadDef *)def->iothread_ids->pdata[i])->id;
        g_array_append_val(ids, id);
    }
    for (guint id = 1; LEN(def->iothread_ids) == 0 && id <= def->iothreads; id++)
        g_array_append_val(ids, id);
    return ids;
}

/* Those of a running QEMU are as they are. */
static DomainDef *
config_copy(Vm *vm, guint impact, GError **err)
{
    DomainDef *def;

    if (!vm_resolve_impact(vm, &impact, err))
        return NULL;
    if (impact & IMPACT_LIVE) {
        fail(err, ERR_OPERATION_UNSUPPORTED,
             "domain '%s' runs, and hot-plug of iothreads is not there yet: change its persistent "
             "definition (--config)",
             vm->obj.name);
        return NULL;
    }
    def = domain_copy(define_get(vm));
    name_iothreads(def);
    return def;
}

static gboolean
settle_change(Vm *vm, DomainDef *def, GError **err)
{
    g_autoptr(DomainDef) changed = def;

    return domain_settle(changed, emulator_context(), err) &&
           define_change(vm, g_steal_pointer(&changed), err);
}

gboolean
vm_add_iothread(Vm *vm, guint id, guint impact, GError **err)
{
    g_autoptr(DomainDef) def = NULL;
    IothreadDef *t;

    if (id == 0)
        return fail(err, ERR_INVALID_ARG, "iothreads are numbered from 1");
    if (!(def = config_copy(vm, impact, err)))
        return FALSE;
    if (iothread_find(def, id))
        return fail(err, ERR_INVALID_ARG, "an IOThread is already using iothread_id '%u'", id);
    t = schema_new(&iothread_schema);
    t->id = id;
    g_ptr_array_add(def->iothread_ids, t);
    def->iothreads = def->iothread_ids->len;
    return settle_change(vm, g_steal_pointer(&def), err);
}

gboolean
vm_del_iothread(Vm *vm, guint id, guint impact, GError **err)
{
    g_autoptr(DomainDef) def = config_copy(vm, impact, err);
    IothreadDef *t;
    VcpuPin *pin;

    if (!def)
        return FALSE;
    if (!(t = iothread_find(def, id)))
        return fail(err, ERR_INVALID_ARG, "cannot find IOThread '%u' in iothreadids list", id);
    g_ptr_array_remove(def->iothread_ids, t);
    schema_free(&iothread_schema, t);
    def->iothreads = def->iothread_ids->len;
    pin = def->cputune ? pin_find(def->cputune->iothread_pins, id) : NULL;
    if (pin) {
        g_ptr_array_remove(def->cputune->iothread_pins, pin);
        bitmap_free(pin->cpus);
        g_free(pin);
    }
    return settle_change(vm, g_steal_pointer(&def), err);
}

/* ---- what one iothread does while it waits */

static const struct {
    const char *name;
    gsize number, has;
} poll_rows[] = {
    { "poll_max_ns", G_STRUCT_OFFSET(IothreadDef, poll_max),
      G_STRUCT_OFFSET(IothreadDef, has_poll_max) },
    { "poll_grow", G_STRUCT_OFFSET(IothreadDef, poll_grow),
      G_STRUCT_OFFSET(IothreadDef, has_poll_grow) },
    { "poll_shrink", G_STRUCT_OFFSET(IothreadDef, poll_shrink),
      G_STRUCT_OFFSET(IothreadDef, has_poll_shrink) },
};

static gboolean
poll_set(IothreadDef *t, const Param *p, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(poll_rows); i++) {
        if (strcmp(p->name, poll_rows[i].name) != 0)
            continue;
        if (p->type != PARAM_ULLONG && p->type != PARAM_UINT)
            return fail(err, ERR_INVALID_ARG, "parameter '%s' is of another type", p->name);
        *(guint64 *)((guint8 *)t + poll_rows[i].number) = p->type == PARAM_UINT ? p->u : p->ul;
        *((guint8 *)t + poll_rows[i].has) = TRUE;
        return TRUE;
    }
    return fail(err, ERR_ARG_UNSUPPORTED, "parameter '%s' not supported", p->name);
}

gboolean
vm_set_iothread(Vm *vm, guint id, const Params *params, guint impact, GError **err)
{
    g_autoptr(DomainDef) def = config_copy(vm, impact, err);
    IothreadDef *t;

    if (!def)
        return FALSE;
    if (!(t = iothread_find(def, id)))
        return fail(err, ERR_INVALID_ARG, "cannot find IOThread '%u' in iothreadids", id);
    for (guint i = 0; i < params_count(params); i++)
        if (!poll_set(t, params_get(params, i), err))
            return FALSE;
    return settle_change(vm, g_steal_pointer(&def), err);
}
