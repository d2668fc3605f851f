/* How much a domain has of what it has: processors and memory. */
#include <string.h>

#include "qemu_priv.h"

/* ---- processors */

gboolean
vm_vcpu_count(Vm *vm, guint flags, guint *ret_count, GError **err)
{
    guint impact = flags & (VM_VCPU_LIVE | VM_VCPU_CONFIG);
    const DomainDef *def;

    if (impact == (VM_VCPU_LIVE | VM_VCPU_CONFIG))
        return fail(err, ERR_INVALID_ARG,
                    "processors of one definition are counted, live or config");
    if (flags & VM_VCPU_GUEST && !vm->run)
        return fail(err, ERR_INVALID_ARG,
                    "the guest's own count of processors is there only while the domain runs");
    if (flags & VM_VCPU_GUEST)
        return fail(err, ERR_ARG_UNSUPPORTED, "QEMU guest agent is not configured");
    if (!vm_resolve_impact(vm, &impact, err))
        return FALSE;
    def = impact & IMPACT_LIVE ? vm->run->live : define_get(vm);
    *ret_count = flags & VM_VCPU_MAXIMUM || !def->vcpus_current ? def->vcpus : def->vcpus_current;
    return TRUE;
}

static guint
topology_size(const CpuTopology *t)
{
    return MAX(t->sockets, 1) * MAX(t->dies, 1) * MAX(t->clusters, 1) * MAX(t->cores, 1) *
           MAX(t->threads, 1);
}

static gboolean
cells_fit(const CpuNuma *numa, guint count)
{
    for (guint i = 0; numa && numa->cells && i < numa->cells->len; i++)
        if (bitmap_last(((NumaCell *)numa->cells->pdata[i])->cpus) >= (int)count)
            return FALSE;
    return TRUE;
}

/* The slots themselves are as many as the maximum says: settled again when they are filled in. */
static gboolean
set_maximum(DomainDef *def, guint count, GError **err)
{
    guint current = def->vcpus_current ? def->vcpus_current : def->vcpus;

    if (def->cpu && def->cpu->topology && topology_size(def->cpu->topology) != count)
        return fail(err, ERR_INVALID_ARG, "%u processors do not fit the <topology> of %u", count,
                    topology_size(def->cpu->topology));
    if (def->cpu && !cells_fit(def->cpu->numa, count))
        return fail(err, ERR_INVALID_ARG, "<numa> names processors beyond %u", count);
    def->vcpus = count;
    def->vcpus_current = current < count ? current : 0;
    for (guint i = def->vcpu_slots ? def->vcpu_slots->len : 0; i-- > 0;) {
        VcpuSlot *slot = def->vcpu_slots->pdata[i];

        if (slot->id < count)
            continue;
        g_ptr_array_remove_index(def->vcpu_slots, i);
        g_free(slot);
    }
    return TRUE;
}

static gboolean
set_current(DomainDef *def, guint count, GError **err)
{
    if (count > def->vcpus)
        return fail(err, ERR_INVALID_ARG, "%u processors are more than domain '%s' can have: %u",
                    count, def->name, def->vcpus);
    def->vcpus_current = count < def->vcpus ? count : 0;
    for (guint i = 0; def->vcpu_slots && i < def->vcpu_slots->len; i++) {
        VcpuSlot *slot = def->vcpu_slots->pdata[i];

        slot->enabled = slot->id < count ? YES : NO;
        if (slot->enabled == NO)
            slot->hotpluggable = YES;
    }
    return TRUE;
}

static gboolean
vcpu_flags_check(Vm *vm, guint count, guint flags, GError **err)
{
    if (count == 0)
        return fail(err, ERR_INVALID_ARG, "a domain has one processor at least");
    if (flags & VM_VCPU_MAXIMUM && !(flags & VM_VCPU_CONFIG))
        return fail(err, ERR_INVALID_ARG, "the maximum of processors is changed with config alone");
    if (flags & VM_VCPU_GUEST && flags & VM_VCPU_CONFIG)
        return fail(err, ERR_INVALID_ARG, "the guest's processors are no part of the definition");
    if (flags & VM_VCPU_GUEST)
        return vm_need_running(vm, err) &&
               fail(err, ERR_ARG_UNSUPPORTED, "QEMU guest agent is not configured");
    return TRUE;
}

static gboolean
no_hotplug(const Vm *vm, GError **err)
{
    return fail(err, ERR_OPERATION_UNSUPPORTED,
                "domain '%s' runs, and hot-plug of processors is not there yet: change its "
                "persistent definition (--config)",
                vm->obj.name);
}

/* What runs keeps its processors; who asks for as many as there are asks for nothing. */
static gboolean
keeps_vcpus(const Vm *vm, guint count, GError **err)
{
    const DomainDef *live = vm->run->live;

    if (count > live->vcpus)
        return fail(err, ERR_INVALID_ARG,
                    "requested vcpus is greater than max allowable vcpus for the live domain: "
                    "%u > %u",
                    count, live->vcpus);
    return count == (live->vcpus_current ? live->vcpus_current : live->vcpus) ||
           no_hotplug(vm, err);
}

gboolean
vm_set_vcpus(Vm *vm, guint count, guint flags, GError **err)
{
    guint impact = flags & (VM_VCPU_LIVE | VM_VCPU_CONFIG);
    g_autoptr(DomainDef) def = NULL;

    if (!vcpu_flags_check(vm, count, flags, err) || !vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (impact & IMPACT_LIVE && !keeps_vcpus(vm, count, err))
        return FALSE;
    if (!(impact & IMPACT_CONFIG))
        return TRUE;
    def = domain_copy(define_get(vm));
    if (!(flags & VM_VCPU_MAXIMUM ? set_maximum : set_current)(def, count, err) ||
        !domain_settle(def, emulator_context(), err))
        return FALSE;
    return define_change(vm, g_steal_pointer(&def), err);
}

/* Without slots the first ones are on; the definition is given one a processor. */
static gboolean
plug(DomainDef *def, guint id, gboolean on, GError **err)
{
    guint current = def->vcpus_current ? def->vcpus_current : def->vcpus;

    if (id >= def->vcpus)
        return fail(err, ERR_INVALID_ARG, "vcpu %u is not present in persistent config", id);
    if (id == 0)
        return on || fail(err, ERR_INVALID_ARG, "vCPU '%u' can't be modified", id);
    if (!def->vcpu_slots)
        def->vcpu_slots = g_ptr_array_new();
    for (guint i = def->vcpu_slots->len; i < def->vcpus; i++) {
        VcpuSlot *slot = schema_new(&vcpu_slot_schema);
        slot->id = i;
        slot->enabled = i < current ? YES : NO;
        slot->hotpluggable = i > 0 ? YES : NO;
        g_ptr_array_add(def->vcpu_slots, slot);
    }
    for (guint i = 0; i < def->vcpu_slots->len; i++) {
        VcpuSlot *slot = def->vcpu_slots->pdata[i];
        if (slot->id != id)
            continue;
        slot->enabled = on ? YES : NO;
        slot->hotpluggable = YES;
    }
    return TRUE;
}

static guint
count_plugged(const DomainDef *def)
{
    guint n = 0;

    for (guint i = 0; def->vcpu_slots && i < def->vcpu_slots->len; i++)
        if (((VcpuSlot *)def->vcpu_slots->pdata[i])->enabled == YES)
            n++;
    return n;
}

gboolean
vm_set_vcpu(Vm *vm, const Bitmap *vcpus, gboolean on, guint impact, GError **err)
{
    g_autoptr(DomainDef) def = NULL;
    guint n;

    if (!vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (impact & IMPACT_LIVE)
        return no_hotplug(vm, err);
    def = domain_copy(define_get(vm));
    for (int id = bitmap_next(vcpus, -1); id >= 0; id = bitmap_next(vcpus, id))
        if (!plug(def, (guint)id, on, err))
            return FALSE;
    n = count_plugged(def);
    if (n > 0)
        def->vcpus_current = n < def->vcpus ? n : 0;
    return domain_settle(def, emulator_context(), err) &&
           define_change(vm, g_steal_pointer(&def), err);
}

/* ---- memory: what the balloon leaves to the guest, and the most it can have */

static gboolean
set_max_memory(DomainDef *def, guint64 kib, GError **err)
{
    if (def->cpu && def->cpu->numa && def->cpu->numa->cells)
        return fail(err, ERR_OPERATION_INVALID,
                    "the memory of domain '%s' is the sum of its NUMA cells and memory devices",
                    def->name);
    def->memory = kib;
    def->current_memory = MIN(def->current_memory, kib);
    return TRUE;
}

static gboolean
set_current_memory(DomainDef *def, guint64 kib, GError **err)
{
    if (kib > def->memory)
        return fail(err, ERR_INVALID_ARG,
                    "%" G_GUINT64_FORMAT
                    " KiB are more than domain '%s' can have: %" G_GUINT64_FORMAT,
                    kib, def->name, def->memory);
    def->current_memory = kib;
    return TRUE;
}

static gboolean
set_config_memory(Vm *vm, guint64 kib, guint flags, GError **err)
{
    g_autoptr(DomainDef) def = domain_copy(define_get(vm));

    if (!(flags & VM_MEMORY_MAXIMUM ? set_max_memory : set_current_memory)(def, kib, err) ||
        !domain_settle(def, emulator_context(), err))
        return FALSE;
    return define_change(vm, g_steal_pointer(&def), err);
}

static BalloonDef *
balloon_of(const DomainDef *def)
{
    BalloonDef *b = def->devices.balloon;

    return b && b->model != BALLOON_NONE && b->model != BALLOON_XEN ? b : NULL;
}

/* What a live change carries along: the persistent one follows it. */
typedef struct Amount {
    guint64 value;
    gboolean config;
} Amount;

static Amount *
amount_new(guint64 value, guint impact)
{
    Amount *amount = g_new0(Amount, 1);

    *amount = (Amount){ value, (impact & IMPACT_CONFIG) != 0 };
    return amount;
}

static void
after_balloon(Ask *a, json_object *ret, const GError *err)
{
    const Amount *amount = a->data;
    g_autoptr(GError) own = NULL;

    if (!err && amount->config)
        set_config_memory(a->vm, amount->value, 0, &own);
    ask_end(a, err ?: own);
}

static gboolean
balloon_run(Ask *a, GError **err)
{
    const Amount *amount = a->data;
    const DomainDef *live = a->vm->run->live;

    if (!balloon_of(live))
        return fail(err, ERR_OPERATION_INVALID,
                    "domain '%s' has no memory balloon: its memory cannot change while it runs",
                    live->name);
    if (amount->value > live->memory)
        return fail(err, ERR_INVALID_ARG,
                    "%" G_GUINT64_FORMAT
                    " KiB are more than domain '%s' can have: %" G_GUINT64_FORMAT,
                    amount->value, live->name, live->memory);
    ask_call(a, "balloon", json_make("value", 'i', (gint64)(amount->value * 1024), NULL),
             after_balloon);
    return TRUE;
}

static gboolean
set_memory(Vm *vm, guint64 kib, guint flags, guint *impact, GError **err)
{
    if (kib == 0)
        return fail(err, ERR_INVALID_ARG, "a domain cannot do without memory");
    if (!vm_resolve_impact(vm, impact, err))
        return FALSE;
    if (!(*impact & IMPACT_LIVE))
        return set_config_memory(vm, kib, flags, err);
    return !(flags & VM_MEMORY_MAXIMUM) ||
           fail(err, ERR_OPERATION_INVALID,
                "domain '%s' runs: the most memory it can have is changed with config alone",
                vm->obj.name);
}

void
vm_set_memory(Vm *vm, guint64 kib, guint flags, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "balloon", .job = JOB_CHANGE, .run = balloon_run };
    guint impact = flags & (IMPACT_LIVE | IMPACT_CONFIG);
    g_autoptr(GError) err = NULL;

    if (set_memory(vm, kib, flags, &impact, &err) && impact & IMPACT_LIVE)
        vm_ask(vm, &kind, flags, amount_new(kib, impact), g_free, who, done, user);
    else
        done(vm, err, user);
}

/* ---- how often the balloon counts */

static gboolean
set_config_period(Vm *vm, guint seconds, GError **err)
{
    g_autoptr(DomainDef) def = domain_copy(define_get(vm));
    BalloonDef *balloon = balloon_of(def);

    if (!balloon)
        return fail(err, ERR_INTERNAL, "domain '%s' has no memory balloon that could count",
                    def->name);
    balloon->stats_period = seconds;
    return define_change(vm, g_steal_pointer(&def), err);
}

static void
after_period(Ask *a, json_object *ret, const GError *err)
{
    const Amount *amount = a->data;
    g_autoptr(GError) own = NULL;

    if (!err) {
        a->vm->run->live->devices.balloon->stats_period = (guint32)amount->value;
        live_save(a->vm, &own);
    }
    if (!err && !own && amount->config)
        set_config_period(a->vm, (guint)amount->value, &own);
    ask_end(a, err ?: own);
}

static gboolean
period_run(Ask *a, GError **err)
{
    const Amount *amount = a->data;
    const BalloonDef *balloon = balloon_of(a->vm->run->live);
    g_autofree char *path = NULL;

    if (!balloon || !balloon->info.alias)
        return fail(err, ERR_INTERNAL, "domain '%s' has no memory balloon that could count",
                    a->vm->obj.name);
    path = g_strdup_printf("/machine/peripheral/%s", balloon->info.alias);
    ask_call(a, "qom-set",
             json_make("path", 's', path, "property", 's', "guest-stats-polling-interval", "value",
                       'i', (gint64)amount->value, NULL),
             after_period);
    return TRUE;
}

static gboolean
set_period(Vm *vm, int seconds, guint *impact, GError **err)
{
    if (seconds < 0)
        return fail(err, ERR_INVALID_ARG, "a period of %d seconds is none", seconds);
    if (!vm_resolve_impact(vm, impact, err))
        return FALSE;
    return *impact & IMPACT_LIVE || set_config_period(vm, (guint)seconds, err);
}

void
vm_set_memory_period(Vm *vm, int seconds, guint impact, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "set the statistics period of",
                                  .job = JOB_CHANGE,
                                  .run = period_run };
    g_autoptr(GError) err = NULL;

    if (set_period(vm, seconds, &impact, &err) && impact & IMPACT_LIVE)
        vm_ask(vm, &kind, 0, amount_new((guint64)seconds, impact), g_free, who, done, user);
    else
        done(vm, err, user);
}

/* ---- what becomes of it when it ends */

/* The place in a definition of what clients call that type; it holds their action + 1. */
static int *
lifecycle_place(DomainDef *def, guint type, guint action, GError **err)
{
    int *const actions[] = { &def->on_poweroff, &def->on_reboot, &def->on_crash };
    /* Only a crash can leave a core behind. */
    const guint most[] = { ACTION_PRESERVE, ACTION_PRESERVE, CRASH_COREDUMP_RESTART };

    if (type >= G_N_ELEMENTS(actions)) {
        fail(err, ERR_INVALID_ARG, "invalid lifecycle type '%u'", type);
        return NULL;
    }
    if (action >= most[type]) {
        fail(err, ERR_INVALID_ARG, "invalid lifecycle action '%u'", action);
        return NULL;
    }
    return actions[type];
}

static gboolean
set_live_lifecycle(Vm *vm, guint type, guint action, GError **err)
{
    Run *run = vm->run;
    int *place = lifecycle_place(run->live, type, action, err);
    int before = place ? *place : 0;

    if (!place)
        return FALSE;
    *place = (int)action + 1;
    if (!live_save(vm, err)) {
        *place = before;
        return FALSE;
    }
    /* QEMU itself turns a reboot into an end. */
    qmp_call(run->qmp, "set-action",
             json_make("reboot", 's', run->live->on_reboot == ACTION_DESTROY ? "shutdown" : "reset",
                       NULL),
             NULL, NULL);
    return TRUE;
}

gboolean
vm_set_lifecycle(Vm *vm, guint type, guint action, guint impact, GError **err)
{
    g_autoptr(DomainDef) def = NULL;
    int *place;

    if (!vm_resolve_impact(vm, &impact, err) || (impact & IMPACT_LIVE && !vm_need_running(vm, err)))
        return FALSE;
    def = domain_copy(impact & IMPACT_CONFIG ? define_get(vm) : vm->run->live);
    if (!(place = lifecycle_place(def, type, action, err)))
        return FALSE;
    *place = (int)action + 1;
    if (!domain_settle(def, emulator_context(), err))
        return FALSE;
    if (impact & IMPACT_LIVE && !set_live_lifecycle(vm, type, action, err))
        return FALSE;
    return !(impact & IMPACT_CONFIG) || define_change(vm, g_steal_pointer(&def), err);
}
