/* The number of processors and the amount of memory of a domain. */
#include <string.h>

#include "ops.h"

/* ---- processors */

gboolean
vm_vcpu_count(Vm *vm, guint flags, guint *ret_count, GError **err)
{
    guint impact = flags & (VM_VCPU_LIVE | VM_VCPU_CONFIG);
    const DomainDef *def;

    if (impact == (VM_VCPU_LIVE | VM_VCPU_CONFIG))
        return fail(
            err, ERR_INVALID_ARG,
            "name one definition, live or config: the processors of both cannot be counted at once");
    if (flags & VM_VCPU_GUEST && !vm->run)
        return fail(err, ERR_INVALID_ARG,
                    "the guest's own count of processors is there only while the domain runs");
    if (flags & VM_VCPU_GUEST)
        return fail(err, ERR_INVALID_ARG, "the guest counts the processors that it has now");
    if (!vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (!(def = impact & IMPACT_LIVE ? vm->run->live : define_get(vm, err)))
        return FALSE;
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
may_set_vcpus(const Edit *e, GError **err)
{
    const VcpuChange *c = e->data;

    if (c->count == 0)
        return fail(err, ERR_INVALID_ARG, "a domain has one processor at least");
    if (c->flags & VM_VCPU_MAXIMUM && !(c->flags & VM_VCPU_CONFIG))
        return fail(err, ERR_INVALID_ARG, "the maximum of processors is changed with config alone");
    if (c->flags & VM_VCPU_MAXIMUM && e->impact & IMPACT_LIVE)
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "the most processors that domain '%s' can have are changed with config alone",
                    e->vm->obj.name);
    if (c->flags & VM_VCPU_GUEST && c->flags & VM_VCPU_CONFIG)
        return fail(err, ERR_INVALID_ARG, "the guest's processors are no part of the definition");
    if (c->flags & VM_VCPU_GUEST)
        return fail(err, ERR_INVALID_ARG, "the guest's processors are not those it could have");
    return !(e->impact & IMPACT_LIVE) || vm_need_running(e->vm, err);
}

/* The lowest ones come first, the highest ones go first. */
static gboolean
choose_count(VcpuChange *c, const DomainDef *live, GError **err)
{
    guint now = live->vcpus_current ? live->vcpus_current : live->vcpus;

    if (c->count > live->vcpus)
        return fail(err, ERR_INVALID_ARG,
                    "requested vcpus is greater than max allowable vcpus for the live domain: "
                    "%u > %u",
                    c->count, live->vcpus);
    for (guint id = 0; id < live->vcpus && now < c->count; id++)
        if (!vcpu_is_on(live, id)) {
            bitmap_set(c->come, id);
            now++;
        }
    for (guint id = live->vcpus; id-- > 1 && now > c->count;)
        if (vcpu_may_go(live, id)) {
            bitmap_set(c->go, id);
            now--;
        }
    return now == c->count ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu "
                "count: %u of domain '%s' were there at its start to stay",
                now, live->name);
}

static gboolean
choose_single(VcpuChange *c, const DomainDef *live, GError **err)
{
    for (int id = bitmap_next(c->wanted, -1); id >= 0; id = bitmap_next(c->wanted, id)) {
        if ((guint)id >= live->vcpus)
            return fail(err, ERR_INVALID_ARG, "vcpu %d is not present in live config", id);
        if (id == 0)
            return fail(err, ERR_OPERATION_UNSUPPORTED, "vCPU '%d' can't be modified", id);
        if (vcpu_is_on(live, (guint)id) == c->on)
            return fail(err, ERR_INVALID_ARG, "vCPU '%d' is already in requested state", id);
        if (!c->on && !vcpu_may_go(live, (guint)id))
            return fail(err, ERR_INVALID_ARG,
                        "vcpu '%d' can't be hotunplugged: it was there at the start to stay", id);
        bitmap_set(c->on ? c->come : c->go, (guint)id);
    }
    return TRUE;
}

/* Asked again after a wait: of what there is then. */
static gboolean
put_live(DomainDef *live, VcpuChange *c, GError **err)
{
    g_clear_pointer(&c->come, bitmap_free);
    g_clear_pointer(&c->go, bitmap_free);
    c->come = bitmap_new();
    c->go = bitmap_new();
    if (!(c->wanted ? choose_single : choose_count)(c, live, err))
        return FALSE;
    vcpus_change(live, c->come, c->go);
    return TRUE;
}

static gboolean
put_vcpus(DomainDef *def, const Edit *e, GError **err)
{
    VcpuChange *c = e->data;

    if (e->live)
        return put_live(def, c, err);
    return (c->flags & VM_VCPU_MAXIMUM ? set_maximum : set_current)(def, c->count, err);
}

/* Whatever became of it, what QEMU has is what is shown. */
typedef struct VcpuDone {
    VmDone done;
    gpointer user;
} VcpuDone;

static void
on_vcpus_changed(Vm *vm, const GError *err, gpointer user)
{
    g_autofree VcpuDone *d = user;

    if (err)
        vcpus_look(vm);
    d->done(vm, err, d->user);
}

static void
run_vcpus(Vm *vm, const EditKind *kind, const VcpuChange *how, guint impact, Asker who, VmDone done,
          gpointer user)
{
    VcpuChange *c = g_memdup2(how, sizeof *how);
    VcpuDone *d = g_new(VcpuDone, 1);

    *d = (VcpuDone){ done, user };
    edit_run(edit_new(vm, kind, impact, c, vcpu_change_free), who, on_vcpus_changed, d);
}

void
vm_set_vcpus(Vm *vm, guint count, guint flags, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "set the number of processors",
                                   .check = may_set_vcpus,
                                   .change = put_vcpus,
                                   .apply = vcpus_apply,
                                   .table = &vcpus_table };

    run_vcpus(vm, &kind, &(VcpuChange){ .count = count, .flags = flags }, flags, who, done, user);
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

static gboolean
may_plug(const Edit *e, GError **err)
{
    return !(e->impact & IMPACT_LIVE) || vm_need_running(e->vm, err);
}

static gboolean
put_plugged(DomainDef *def, const Edit *e, GError **err)
{
    VcpuChange *c = e->data;
    guint n;

    if (e->live)
        return put_live(def, c, err);
    for (int id = bitmap_next(c->wanted, -1); id >= 0; id = bitmap_next(c->wanted, id))
        if (!plug(def, (guint)id, c->on, err))
            return FALSE;
    n = count_plugged(def);
    if (n > 0)
        def->vcpus_current = n < def->vcpus ? n : 0;
    return TRUE;
}

void
vm_set_vcpu(Vm *vm, const Bitmap *vcpus, gboolean on, guint impact, Asker who, VmDone done,
            gpointer user)
{
    static const EditKind kind = { .what = "plug a processor",
                                   .check = may_plug,
                                   .change = put_plugged,
                                   .apply = vcpus_apply,
                                   .table = &vcpus_table };

    run_vcpus(vm, &kind, &(VcpuChange){ .wanted = bitmap_copy(vcpus), .on = on }, impact, who, done,
              user);
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
fits_memory(const DomainDef *def, guint64 kib, GError **err)
{
    return kib <= def->memory ||
           fail(err, ERR_INVALID_ARG,
                "%" G_GUINT64_FORMAT " KiB are more than domain '%s' can have: %" G_GUINT64_FORMAT,
                kib, def->name, def->memory);
}

static gboolean
set_current_memory(DomainDef *def, guint64 kib, GError **err)
{
    if (!fits_memory(def, kib, err))
        return FALSE;
    def->current_memory = kib;
    return TRUE;
}

static BalloonDef *
balloon_of(const DomainDef *def)
{
    BalloonDef *b = def->devices.balloon;

    return b && b->model != BALLOON_NONE && b->model != BALLOON_XEN ? b : NULL;
}

typedef struct Amount {
    guint64 value;
    guint flags;
} Amount;

static Amount *
amount_new(guint64 value, guint flags)
{
    Amount *amount = g_new(Amount, 1);

    *amount = (Amount){ value, flags };
    return amount;
}

static gboolean
may_set_memory(const Edit *e, GError **err)
{
    const Amount *amount = e->data;

    if (amount->value == 0)
        return fail(err, ERR_INVALID_ARG, "a domain cannot do without memory");
    return !(e->impact & IMPACT_LIVE) || !(amount->flags & VM_MEMORY_MAXIMUM) ||
           fail(err, ERR_OPERATION_INVALID,
                "domain '%s' runs: the most memory it can have is changed with config alone",
                e->vm->obj.name);
}

/* The balloon reports what the guest has afterwards; until then it is what it had before. */
static gboolean
put_memory(DomainDef *def, const Edit *e, GError **err)
{
    const Amount *amount = e->data;

    if (amount->flags & VM_MEMORY_MAXIMUM)
        return set_max_memory(def, amount->value, err);
    if (!e->live)
        return set_current_memory(def, amount->value, err);
    if (!balloon_of(def))
        return fail(err, ERR_OPERATION_INVALID,
                    "domain '%s' has no memory balloon: its memory cannot change while it runs",
                    def->name);
    return fits_memory(def, amount->value, err);
}

static char *
memory_amount(const Edit *e)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, ((Amount *)e->data)->value);
}

static gboolean
tell_balloon(EditTell *t, GError **err)
{
    guint64 kib = t->back ? t->def->current_memory : g_ascii_strtoull(t->thing, NULL, 10);

    edit_call(t, "balloon", json_make("value", 'i', (gint64)(kib * 1024), NULL));
    return TRUE;
}

static const EditKind memory_kind = { .what = "set the memory",
                                      .check = may_set_memory,
                                      .change = put_memory,
                                      .tell = tell_balloon,
                                      .thing = memory_amount };

void
vm_set_memory(Vm *vm, guint64 kib, guint flags, Asker who, VmDone done, gpointer user)
{
    edit_run(edit_new(vm, &memory_kind, flags, amount_new(kib, flags), g_free), who, done, user);
}

/* ---- how often the balloon counts */

static gboolean
may_set_period(const Edit *e, GError **err)
{
    gint64 seconds = (gint64)((Amount *)e->data)->value;

    return seconds >= 0 || fail(err, ERR_INVALID_ARG,
                                "the period cannot be %" G_GINT64_FORMAT
                                " seconds: name 0, for no statistics, or more",
                                seconds);
}

static gboolean
put_period(DomainDef *def, const Edit *e, GError **err)
{
    BalloonDef *balloon = balloon_of(def);

    if (!balloon || (e->live && !balloon->info.alias))
        return fail(err, ERR_INTERNAL,
                    "domain '%s' has no memory balloon, which would keep the statistics",
                    def->name);
    balloon->stats_period = (guint32)((Amount *)e->data)->value;
    return TRUE;
}

static gboolean
tell_period(EditTell *t, GError **err)
{
    const BalloonDef *balloon = balloon_of(t->def);
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", balloon->info.alias);

    edit_call(t, "qom-set",
              json_make("path", 's', path, "property", 's', "guest-stats-polling-interval", "value",
                        'i', (gint64)balloon->stats_period, NULL));
    return TRUE;
}

static const EditKind period_kind = { .what = "set the statistics period",
                                      .check = may_set_period,
                                      .change = put_period,
                                      .tell = tell_period };

void
vm_set_memory_period(Vm *vm, int seconds, guint impact, Asker who, VmDone done, gpointer user)
{
    edit_run(edit_new(vm, &period_kind, impact, amount_new((guint64)(gint64)seconds, 0), g_free),
             who, done, user);
}

/* ---- what becomes of it when it ends */

/* The place in a definition of what clients call that type; it holds their action + 1. */
static int *
lifecycle_place(DomainDef *def, guint type, guint action, GError **err)
{
    int *const actions[] = { &def->on_poweroff, &def->on_reboot, &def->on_crash };
    /* Only a crash has actions that dump a core. */
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

typedef struct Lifecycles {
    guint type, action;
} Lifecycles;

static gboolean
put_lifecycle(DomainDef *def, const Edit *e, GError **err)
{
    const Lifecycles *l = e->data;
    int *place = lifecycle_place(def, l->type, l->action, err);

    if (!place)
        return FALSE;
    *place = (int)l->action + 1;
    return TRUE;
}

/* QEMU itself turns a reboot into an end. */
static gboolean
tell_reboot(EditTell *t, GError **err)
{
    edit_call(
        t, "set-action",
        json_make("reboot", 's', t->def->on_reboot == ACTION_DESTROY ? "shutdown" : "reset", NULL));
    return TRUE;
}

static const EditKind lifecycle_kind = { .what = "set a lifecycle action",
                                         .change = put_lifecycle,
                                         .tell = tell_reboot };

void
tune_register(void)
{
    edit_register(&memory_kind);
    edit_register(&period_kind);
    edit_register(&lifecycle_kind);
}

void
vm_set_lifecycle(Vm *vm, guint type, guint action, guint impact, Asker who, VmDone done,
                 gpointer user)
{
    Lifecycles *l = g_new(Lifecycles, 1);

    *l = (Lifecycles){ type, action };
    edit_run(edit_new(vm, &lifecycle_kind, impact, l, g_free), who, done, user);
}
