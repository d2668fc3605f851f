/* Processors that come to a guest that runs, and leave it with its leave. QEMU has a seat for each
 * that the domain could have; one that comes is a device of its own, "vcpu2", and one that was
 * there at the start goes by its path in QEMU.
 *
 * The definitions are written before the guest is asked, so that all of it can be taken back until
 * then. Whatever became of a change, what QEMU has in the end is what the live definition says.
 */
#include <string.h>

#include "life.h"

#define LATER_S 1

void
vcpu_change_free(gpointer data)
{
    VcpuChange *c = data;

    bitmap_free(c->wanted);
    bitmap_free(c->come);
    bitmap_free(c->go);
    json_object_put(c->seats);
    g_free(c);
}

/* ---- what a definition says */

static VcpuSlot *
slot_of(const DomainDef *def, guint id)
{
    for (guint i = 0; i < list_length(def->vcpu_slots); i++) {
        VcpuSlot *slot = def->vcpu_slots->pdata[i];
        if (slot->id == id)
            return slot;
    }
    return NULL;
}

gboolean
vcpu_is_on(const DomainDef *def, guint id)
{
    const VcpuSlot *slot = slot_of(def, id);

    return slot ? slot->enabled == YES
                : id < (def->vcpus_current ? def->vcpus_current : def->vcpus);
}

gboolean
vcpu_may_go(const DomainDef *def, guint id)
{
    const VcpuSlot *slot = slot_of(def, id);

    return slot && slot->enabled == YES && slot->hotpluggable == YES;
}

/* One by one from now on. */
static void
spell_out(DomainDef *def)
{
    if (!def->vcpu_slots)
        def->vcpu_slots = g_ptr_array_new();
    for (guint id = 0; id < def->vcpus; id++) {
        gboolean on = vcpu_is_on(def, id);
        VcpuSlot *slot = slot_of(def, id);

        if (slot)
            continue;
        slot = schema_new(&vcpu_slot_schema);
        slot->id = id;
        slot->enabled = on ? YES : NO;
        slot->hotpluggable = on ? NO : YES;
        g_ptr_array_add(def->vcpu_slots, slot);
    }
    for (guint i = 0, n = 0; i < def->vcpu_slots->len; i++) {
        VcpuSlot *slot = def->vcpu_slots->pdata[i];
        if (slot->enabled == YES && !slot->order)
            slot->order = ++n;
    }
}

static guint
count_on(const DomainDef *def)
{
    guint n = 0;

    for (guint id = 0; id < def->vcpus; id++)
        n += vcpu_is_on(def, id);
    return n;
}

/* Gives a vcpu that comes the last place in the order of plugging; the places behind one that
 * leaves move up. */
static void
set_on(DomainDef *def, guint id, gboolean on)
{
    VcpuSlot *slot = slot_of(def, id);

    for (guint i = 0; !on && i < def->vcpu_slots->len; i++) {
        VcpuSlot *other = def->vcpu_slots->pdata[i];
        if (other->order > slot->order)
            other->order--;
    }
    slot->order = on ? count_on(def) + 1 : 0;
    slot->enabled = on ? YES : NO;
    slot->hotpluggable = YES;
}

void
vcpus_change(DomainDef *def, const Bitmap *come, const Bitmap *go)
{
    guint n;

    if (bitmap_count(come) + bitmap_count(go) == 0)
        return;
    spell_out(def);
    for (int id = bitmap_next(come, -1); id >= 0; id = bitmap_next(come, id))
        set_on(def, (guint)id, TRUE);
    for (int id = bitmap_next(go, -1); id >= 0; id = bitmap_next(go, id))
        set_on(def, (guint)id, FALSE);
    n = count_on(def);
    def->vcpus_current = n < def->vcpus ? n : 0;
}

void
vcpus_apply(DomainDef *live, const Edit *e)
{
    const VcpuChange *c = e->data;

    vcpus_change(live, c->come, c->go);
}

/* ---- what QEMU has */

/* A number that QEMU says is one only if the domain has it. */
static Bitmap *
numbers_of(const Vm *vm, json_object *ret)
{
    Bitmap *all = bitmap_new();

    for (gsize i = 0; i < json_length(ret); i++) {
        gint64 id = json_int(json_object_array_get_idx(ret, i), "cpu-index", -1);
        if (id >= 0 && id < vm->run->live->vcpus)
            bitmap_set(all, (guint)id);
    }
    return all;
}

static gboolean look_now(gpointer data);

void
vcpus_learn(Vm *vm, json_object *ret)
{
    const DomainDef *live = vm->run->live;
    g_autoptr(Bitmap) now = numbers_of(vm, ret), come = bitmap_new(), go = bitmap_new();
    g_autoptr(GError) err = NULL;

    take_vcpus(vm, ret, NULL);
    if (vm->edit)
        g_timeout_add_seconds(LATER_S, look_now, object_ref(vm));
    if (vm->edit || !bitmap_test(now, 0))
        return;
    for (guint id = 0; id < live->vcpus; id++)
        if (bitmap_test(now, id) != vcpu_is_on(live, id))
            bitmap_set(bitmap_test(now, id) ? come : go, id);
    if (bitmap_count(come) + bitmap_count(go) == 0)
        return;
    vcpus_change(run_alter(vm->run), come, go);
    if (!live_save(vm, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
}

static void
on_vcpus(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && device_qemu_listens(vm))
        vcpus_learn(vm, ret);
    object_unref(vm);
}

void
vcpus_look(Vm *vm)
{
    if (device_qemu_listens(vm))
        qmp_call(vm->run->qmp, "query-cpus-fast", NULL, on_vcpus, object_ref(vm));
}

static gboolean
look_now(gpointer data)
{
    vcpus_look(data);
    object_unref(data);
    return G_SOURCE_REMOVE;
}

/* ---- rows */

static VcpuChange *
live_change(Flow *f)
{
    Edit *e = flow_user(f);
    VcpuChange *c = e->data;

    return e->new_live && bitmap_count(c->come) + bitmap_count(c->go) > 0 ? c : NULL;
}

typedef struct VcpuAsked {
    VcpuChange *change;
    FlowToken token;
} VcpuAsked;

static void
on_seats(json_object *ret, const GError *err, gpointer user)
{
    g_autofree VcpuAsked *a = user;

    if (!err && flow_waits(a->token)) {
        json_object_put(a->change->seats);
        a->change->seats = json_object_get(ret);
    }
    flow_wake(a->token, err);
}

static StepResult
ask_for_seats(Flow *f, gpointer obj, GError **err)
{
    VcpuChange *c = live_change(f);
    VcpuAsked *a;

    if (!c)
        return STEP_DONE;
    ((Edit *)flow_user(f))->waited = TRUE;
    a = g_new(VcpuAsked, 1);
    *a = (VcpuAsked){ c, flow_wait(f) };
    qmp_call(((Vm *)obj)->run->qmp, "query-hotpluggable-cpus", NULL, on_seats, a);
    return STEP_WAIT;
}

/* QEMU lists them from the last to the first. */
static json_object *
seat_of(const Vm *vm, const VcpuChange *c, guint id, gboolean taken, GError **err)
{
    gsize n = json_length(c->seats);
    json_object *seat = id < n ? json_object_array_get_idx(c->seats, n - 1 - id) : NULL;

    if (!seat || n != vm->run->live->vcpus || json_int(seat, "vcpus-count", 1) != 1 ||
        !json_str(seat, "type") || (json_str(seat, "qom-path") != NULL) != taken) {
        fail(err, ERR_OPERATION_UNSUPPORTED,
             "QEMU of domain '%s' does not list processor %u alone as one that is %s", vm->obj.name,
             id, taken ? "taken" : "free");
        return NULL;
    }
    return seat;
}

static StepResult
find_seats(Flow *f, gpointer obj, GError **err)
{
    const VcpuChange *c = live_change(f);

    for (int id = c ? bitmap_next(c->come, -1) : -1; id >= 0; id = bitmap_next(c->come, id))
        if (!seat_of(obj, c, (guint)id, FALSE, err))
            return STEP_FAILED;
    for (int id = c ? bitmap_next(c->go, -1) : -1; id >= 0; id = bitmap_next(c->go, id))
        if (!seat_of(obj, c, (guint)id, TRUE, err))
            return STEP_FAILED;
    return STEP_DONE;
}

/* The vcpu's device by its alias, or, where it has none, by its path, as the event of its leaving
 * does. */
static const char *
name_of(const VcpuChange *c, guint id)
{
    static const char *const named = "/machine/peripheral/";
    json_object *seat = json_object_array_get_idx(c->seats, json_length(c->seats) - 1 - id);
    const char *path = json_str(seat, "qom-path");

    return g_str_has_prefix(path, named) ? path + strlen(named) : path;
}

static StepResult
ask_guest(Flow *f, gpointer obj, GError **err)
{
    const VcpuChange *c = live_change(f);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (int id = c ? bitmap_next(c->go, -1) : -1; id >= 0; id = bitmap_next(c->go, id))
        g_ptr_array_insert(names, 0, (gpointer)name_of(c, (guint)id));
    return leave_each(f, obj, names, err);
}

static json_object *
arguments_of(json_object *seat, const char *name)
{
    json_object *o = json_make("driver", 's', json_str(seat, "type"), "id", 's', name, NULL);
    json_object *props = json_at(seat, "props");
    json_object_iter i;

    if (!json_object_is_type(props, json_type_object))
        return o;
    json_object_object_foreachC(props, i)
    {
        json_object_object_add(o, i.key, json_object_get(i.val));
    }
    return o;
}

static StepResult
plug_in(Flow *f, gpointer obj, GError **err)
{
    const VcpuChange *c = live_change(f);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    Calls *calls;

    if (!c || bitmap_count(c->come) == 0)
        return STEP_DONE;
    for (int id = bitmap_next(c->come, -1); id >= 0; id = bitmap_next(c->come, id))
        g_ptr_array_add(names, g_strdup_printf("vcpu%d", id));
    g_ptr_array_add(names, NULL);
    if (!flow_note(f, "vcpus", (const char *const *)names->pdata, err))
        return STEP_FAILED;
    calls = calls_new(obj, FALSE);
    for (int id = bitmap_next(c->come, -1), n = 0; id >= 0; id = bitmap_next(c->come, id), n++)
        calls_add(calls, "device_add",
                  arguments_of(seat_of(obj, c, (guint)id, FALSE, NULL), names->pdata[n]), -1);
    return calls_wait(calls, f);
}

/* Unplugs vcpus if the guest agrees; those that it keeps are shown again. */
static StepResult
pull_out(Flow *f, gpointer obj)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    StepResult r;

    if (!device_qemu_listens(obj))
        return STEP_DONE;
    for (guint i = 0; flow_word(f, i); i++)
        g_ptr_array_insert(names, 0, (gpointer)flow_word(f, i));
    r = leave_all(f, obj, names);
    if (r == STEP_DONE)
        g_timeout_add_seconds(LATER_S, look_now, object_ref(obj));
    return r;
}

typedef struct Looked {
    Vm *vm; /* referenced */
    FlowToken token;
} Looked;

static void
on_threads(json_object *ret, const GError *err, gpointer user)
{
    g_autofree Looked *l = user;

    if (!err && l->vm->run)
        take_vcpus(l->vm, ret, NULL);
    flow_wake(l->token, err);
    object_unref(l->vm);
}

static StepResult
learn_threads(Flow *f, gpointer obj, GError **err)
{
    Looked *l;

    if (!live_change(f))
        return STEP_DONE;
    l = g_new(Looked, 1);
    *l = (Looked){ object_ref(obj), flow_wait(f) };
    qmp_call(((Vm *)obj)->run->qmp, "query-cpus-fast", NULL, on_threads, l);
    return STEP_WAIT;
}

static StepResult
pin_new(Flow *f, gpointer obj, GError **err)
{
    return live_change(f) ? pin_threads(f, obj, err) : STEP_DONE;
}

static StepResult
place_new(Flow *f, gpointer obj, GError **err)
{
    return live_change(f) ? group_place_threads(f, obj, err) : STEP_DONE;
}

static const Step vcpus_steps[] = {
    { "try change", edit_try, NULL },
    { "ask for seats", ask_for_seats, NULL },
    { "find seats", find_seats, NULL },
    { "write live definition", edit_write_live, edit_write_live_back, STEP_KEYED },
    { "mark outdated", edit_mark_outdated, edit_unmark_outdated, STEP_KEYED },
    { "write definition", edit_write_definition, edit_write_definition_back, STEP_KEYED },
    { "ask guest", ask_guest, NULL },
    { "plug in", plug_in, pull_out, STEP_KEYED },
    { "learn threads", learn_threads, NULL },
    { "place threads", place_new, NULL },
    { "pin threads", pin_new, NULL },
    { 0 },
};

const FlowTable vcpus_table = { "vcpus", vcpus_steps, .for_good = TRUE };
