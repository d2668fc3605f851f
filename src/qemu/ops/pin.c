/* Which processors of the host each vcpu, iothread and QEMU itself may run on, as a client asks for
 * it, and the iothreads that a domain has.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops.h"

/* ---- in the definition */

static IothreadDef *
iothread_find(const DomainDef *def, guint id)
{
    for (guint i = 0; i < list_length(def->iothread_ids); i++)
        if (((IothreadDef *)def->iothread_ids->pdata[i])->id == id)
            return def->iothread_ids->pdata[i];
    return NULL;
}

static gboolean
has_iothread(const DomainDef *def, guint id)
{
    return iothread_find(def, id) ||
           (list_length(def->iothread_ids) == 0 && id > 0 && id <= def->iothreads);
}

/* Iothreads without numbers count from 1; a change of one gives numbers to all. */
static void
name_iothreads(DomainDef *def)
{
    guint n = list_length(def->iothread_ids) ? 0 : def->iothreads;

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
        fail(err, ERR_INVALID_ARG,
             "name one definition, live or config: both cannot be read at once");
        return NULL;
    }
    if (!vm_resolve_impact(vm, &impact, err))
        return NULL;
    return impact & IMPACT_LIVE ? vm->run->live : define_get(vm, err);
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

/* ---- pinned */

typedef struct Pinning {
    VmThread thread;
    guint id;
    Bitmap *cpus;
} Pinning;

static void
pinning_free(gpointer data)
{
    Pinning *p = data;

    bitmap_free(p->cpus);
    g_free(p);
}

static gboolean
may_pin(const Edit *e, GError **err)
{
    return bitmap_count(((Pinning *)e->data)->cpus) > 0 ||
           fail(err, ERR_INVALID_ARG, "Empty cpu list for pinning");
}

static gboolean
put_pin(DomainDef *def, const Edit *e, GError **err)
{
    const Pinning *p = e->data;

    if (!has_thread(def, e->live ? "live" : "persistent", p->thread, p->id, err))
        return FALSE;
    pin_put(def, p->thread, p->id, p->cpus);
    return TRUE;
}

static char *
pinned_thread(const Edit *e)
{
    const Pinning *p = e->data;

    return g_strdup_printf("%s %u", thread_words[p->thread], p->id);
}

static Bitmap *
all_cpus(void)
{
    Bitmap *all = bitmap_new();

    for (long cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++)
        bitmap_set(all, (guint)cpu);
    return all;
}

/* A thread without a pin of its own gets that of the whole domain. */
static gboolean
tell_pin(EditTell *t, GError **err)
{
    const char *number = strchr(t->thing, ' ');
    VmThread thread = VM_THREAD_VCPU;
    guint id = number ? (guint)strtoul(number + 1, NULL, 10) : 0;
    g_autoptr(Bitmap) all = NULL;
    const Bitmap *cpus;

    while (thread < VM_THREAD_IOTHREAD && !g_str_has_prefix(t->thing, thread_words[thread]))
        thread++;
    if (!(cpus = pin_of(t->def, thread, id)))
        cpus = all = all_cpus();
    return pin_live(t->vm->run, thread, id, cpus, err);
}

static void
tell_pinned(const Edit *e)
{
    const Pinning *p = e->data;
    g_autofree char *text = bitmap_format(p->cpus);
    Event event = vm_event(e->vm, DOMAIN_EVENT_TUNABLE);
    Params params;

    if (!(e->impact & IMPACT_LIVE))
        return;
    params_init(&params);
    if (p->thread == VM_THREAD_EMULATOR)
        params_add_string(&params, text, "cputune.emulatorpin");
    else
        params_add_string(&params, text, "cputune.%spin%u", thread_words[p->thread], p->id);
    event.params = &params;
    event_emit(&event);
    params_done(&params);
}

static const EditKind pin_kind = { .what = "pin a thread",
                                   .check = may_pin,
                                   .change = put_pin,
                                   .tell = tell_pin,
                                   .thing = pinned_thread,
                                   .done = tell_pinned };

void
pin_register(void)
{
    edit_register(&pin_kind);
}

void
vm_set_pin(Vm *vm, VmThread thread, guint id, const Bitmap *cpus, guint impact, Asker who,
           VmDone done, gpointer user)
{
    Pinning *p = g_new(Pinning, 1);

    *p = (Pinning){ thread, id, bitmap_copy(cpus) };
    edit_run(edit_new(vm, &pin_kind, impact, p, pinning_free), who, done, user);
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
    for (guint i = 0; i < list_length(def->iothread_ids); i++) {
        guint id = ((IothreadDef *)def->iothread_ids->pdata[i])->id;
        g_array_append_val(ids, id);
    }
    for (guint id = 1; list_length(def->iothread_ids) == 0 && id <= def->iothreads; id++)
        g_array_append_val(ids, id);
    return ids;
}

typedef struct ThreadChange {
    guint id;
    Params params;
} ThreadChange;

static void
thread_change_free(gpointer data)
{
    ThreadChange *c = data;

    params_done(&c->params);
    g_free(c);
}

/* The iothreads of a running QEMU cannot be changed. */
static gboolean
may_change_threads(const Edit *e, GError **err)
{
    if (((ThreadChange *)e->data)->id == 0)
        return fail(err, ERR_INVALID_ARG, "iothreads are numbered from 1");
    return !(e->impact & IMPACT_LIVE) ||
           fail(err, ERR_OPERATION_UNSUPPORTED,
                "domain '%s' runs, and hot-plug of iothreads is not there yet: change its "
                "persistent definition (--config)",
                e->vm->obj.name);
}

static void
run_thread_change(Vm *vm, const EditKind *kind, guint id, Params *params, guint impact, Asker who,
                  VmDone done, gpointer user)
{
    ThreadChange *c = g_new0(ThreadChange, 1);

    c->id = id;
    if (params) {
        c->params = *params;
        *params = (Params){ 0 };
    } else {
        params_init(&c->params);
    }
    edit_run(edit_new(vm, kind, impact, c, thread_change_free), who, done, user);
}

static gboolean
add_thread(DomainDef *def, const Edit *e, GError **err)
{
    guint id = ((ThreadChange *)e->data)->id;
    IothreadDef *t;

    name_iothreads(def);
    if (iothread_find(def, id))
        return fail(err, ERR_INVALID_ARG, "an IOThread is already using iothread_id '%u'", id);
    t = schema_new(&iothread_schema);
    t->id = id;
    g_ptr_array_add(def->iothread_ids, t);
    def->iothreads = def->iothread_ids->len;
    return TRUE;
}

static gboolean
remove_thread(DomainDef *def, const Edit *e, GError **err)
{
    guint id = ((ThreadChange *)e->data)->id;
    IothreadDef *t;
    VcpuPin *pin;

    name_iothreads(def);
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
    return TRUE;
}

void
vm_add_iothread(Vm *vm, guint id, guint impact, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "add an iothread",
                                   .check = may_change_threads,
                                   .change = add_thread };

    run_thread_change(vm, &kind, id, NULL, impact, who, done, user);
}

void
vm_del_iothread(Vm *vm, guint id, guint impact, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "remove an iothread",
                                   .check = may_change_threads,
                                   .change = remove_thread };

    run_thread_change(vm, &kind, id, NULL, impact, who, done, user);
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

static gboolean
set_polling(DomainDef *def, const Edit *e, GError **err)
{
    const ThreadChange *c = e->data;
    IothreadDef *t;

    name_iothreads(def);
    if (!(t = iothread_find(def, c->id)))
        return fail(err, ERR_INVALID_ARG, "cannot find IOThread '%u' in iothreadids", c->id);
    for (guint i = 0; i < params_count(&c->params); i++)
        if (!poll_set(t, params_get(&c->params, i), err))
            return FALSE;
    return TRUE;
}

void
vm_set_iothread(Vm *vm, guint id, Params *params, guint impact, Asker who, VmDone done,
                gpointer user)
{
    static const EditKind kind = { .what = "tune an iothread",
                                   .check = may_change_threads,
                                   .change = set_polling };

    run_thread_change(vm, &kind, id, params, impact, who, done, user);
}
