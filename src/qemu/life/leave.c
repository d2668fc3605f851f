/* A device leaves a guest that runs. The guest is asked, and QEMU tells when it has let go: at
 * once, much later, or never. What the device held is released then, and only then; so it is when
 * nobody has asked, and when the daemon was away.
 */
#include <string.h>

#include "life.h"

#define LEAVE_WAIT_MS     5000
#define RECONCILE_LATER_S 1

/* A device that was asked for. */
typedef struct Leave {
    Vm *vm; /* whose Run has it */
    char *alias;
    gboolean answered, gone, refused, late;
    GError *err; /* QEMU does not even ask the guest */
    FlowToken token;
    guint timer;
} Leave;

/* A part of the Run. */
typedef struct Leaves {
    GHashTable *asked; /* by alias: Leave */
    GArray *sets;      /* of guint: QEMU removes them once the guest runs again */
} Leaves;

static void
leave_free(gpointer data)
{
    Leave *l = data;

    if (l->timer)
        g_source_remove(l->timer);
    g_clear_error(&l->err);
    g_free(l->alias);
    g_free(l);
}

static void
leaves_free(gpointer data)
{
    Leaves *all = data;

    g_hash_table_unref(all->asked);
    g_array_unref(all->sets);
    g_free(all);
}

static Leaves *
leaves_of(Run *run)
{
    Leaves *all;

    if (!run->leaving.data) {
        all = g_new(Leaves, 1);
        all->asked = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, leave_free);
        all->sets = g_array_new(FALSE, FALSE, sizeof(guint));
        run->leaving = (RunPart){ all, leaves_free };
    }
    return run->leaving.data;
}

static Leave *
leave_find(const Vm *vm, const char *alias)
{
    return vm->run && alias ? g_hash_table_lookup(leaves_of(vm->run)->asked, alias) : NULL;
}

void
leave_forget(Vm *vm, const char *alias)
{
    if (leave_find(vm, alias))
        g_hash_table_remove(leaves_of(vm->run)->asked, alias);
}

static gboolean
on_late(gpointer data)
{
    Leave *l = data;

    l->timer = 0;
    l->late = TRUE;
    flow_wake(l->token, NULL);
    return G_SOURCE_REMOVE;
}

typedef struct LeaveQuestion {
    Vm *vm;
    char *alias;
} LeaveQuestion;

static void
on_answer(json_object *ret, const GError *err, gpointer user)
{
    g_autofree LeaveQuestion *q = user;
    Leave *l = leave_find(q->vm, q->alias);

    if (l) {
        l->answered = TRUE;
        /* QEMU has none of that name: so it is gone, and somebody missed it. */
        l->gone |= err && strstr(err->message, "not found") != NULL;
        if (err && !l->gone && !l->err)
            l->err = g_error_copy(err);
        flow_wake(l->token, NULL);
    }
    g_free(q->alias);
    object_unref(q->vm);
}

static Leave *
leave_ask(Vm *vm, const char *alias)
{
    Leave *l = g_new0(Leave, 1);
    LeaveQuestion *q = g_new(LeaveQuestion, 1);

    *l = (Leave){ .vm = vm, .alias = g_strdup(alias) };
    *q = (LeaveQuestion){ object_ref(vm), g_strdup(alias) };
    g_hash_table_replace(leaves_of(vm->run)->asked, l->alias, l);
    l->timer = g_timeout_add(LEAVE_WAIT_MS, on_late, l);
    qmp_call(vm->run->qmp, "device_del", json_make("id", 's', alias, NULL), on_answer, q);
    return l;
}

static gboolean
is_settled(const Leave *l)
{
    return l->gone || l->refused || l->late;
}

/* An undo: a device that stays is QEMU's until it ends. One that was asked for already is waited
 * for. */
StepResult
leave_all(Flow *f, Vm *vm, const GPtrArray *aliases)
{
    gboolean all = TRUE;
    FlowToken token;

    for (guint i = 0; i < aliases->len; i++) {
        Leave *l = leave_find(vm, aliases->pdata[i]);

        all &= is_settled(l ? l : leave_ask(vm, aliases->pdata[i]));
    }
    token = all ? 0 : flow_wait_again(f);
    for (guint i = 0; i < aliases->len; i++) {
        Leave *l = leave_find(vm, aliases->pdata[i]);

        l->token = token;
        if (all && !l->gone)
            log_warning("domain '%s': the guest keeps device '%s', which was taken back",
                        vm->obj.name, l->alias);
        if (all)
            leave_forget(vm, aliases->pdata[i]);
    }
    return all ? STEP_DONE : STEP_WAIT;
}

static gboolean
leave_end_of(const Vm *vm, const Leave *l, GError **err)
{
    if (l->gone)
        return TRUE;
    if (l->err) {
        g_propagate_error(err, g_error_copy(l->err));
        return FALSE;
    }
    if (l->refused)
        return fail(err, ERR_OPERATION_FAILED,
                    "unplug of '%s' was rejected by the guest of domain '%s'", l->alias,
                    vm->obj.name);
    return fail(err, ERR_TIMEOUT,
                "the guest of domain '%s' has not released device '%s' within %d s; if it does so "
                "later, an event says so",
                vm->obj.name, l->alias, LEAVE_WAIT_MS / 1000);
}

StepResult
leave_each(Flow *f, Vm *vm, const GPtrArray *aliases, GError **err)
{
    gboolean all = TRUE, ok = TRUE;
    FlowToken token;

    for (guint i = 0; i < aliases->len; i++) {
        Leave *l = leave_find(vm, aliases->pdata[i]);

        l = l ? l : leave_ask(vm, aliases->pdata[i]);
        all &= is_settled(l) || l->err;
    }
    token = all ? 0 : flow_wait_again(f);
    for (guint i = 0; i < aliases->len; i++) {
        Leave *l = leave_find(vm, aliases->pdata[i]);

        l->token = token;
        if (!all)
            continue;
        ok = ok && leave_end_of(vm, l, err);
        leave_forget(vm, aliases->pdata[i]);
    }
    return all ? step_of(ok) : STEP_WAIT;
}

/* ---- rows of both tables */

static DeviceChange *
gone_change(Flow *f)
{
    DeviceChange *c = ((Edit *)flow_user(f))->data;

    return c->gone ? c : NULL;
}

/* Woken by the answer, by the event, or when it has taken too long. */
static StepResult
ask_guest(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);
    DeviceChange *c = e->data;
    Vm *vm = obj;
    Leave *l;

    if (!e->new_live)
        return STEP_DONE;
    l = leave_find(vm, c->alias);
    if (!l)
        l = leave_ask(vm, c->alias);
    c->gone = l->gone;
    if (l->gone)
        return STEP_DONE;
    if (l->err) {
        g_propagate_error(err, g_error_copy(l->err));
        return STEP_FAILED;
    }
    if (l->refused)
        return step_of(
            fail(err, ERR_OPERATION_FAILED, "unplug of device was rejected by the guest"));
    if (l->late || (l->answered && !c->patient))
        return STEP_DONE;
    l->token = flow_wait_again(f);
    return STEP_WAIT;
}

static ArgsIn
args_in(const Vm *vm, const DeviceChange *c, GPtrArray *files)
{
    return (ArgsIn){ .def = vm->run->live,
                     .emulator = c->emulator,
                     .files = files,
                     .monitor_fd = -1,
                     .run_dir = vm->run->dir };
}

static StepResult
remove_backends(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = gone_change(f);
    g_autoptr(GPtrArray) none = g_ptr_array_new(), parts = NULL;
    g_autoptr(GError) why = NULL;
    Vm *vm = obj;
    Calls *calls;
    Device device;
    ArgsIn in;

    if (!c || !domain_find_alias(vm->run->live, c->alias, &device))
        return STEP_DONE;
    in = args_in(vm, c, none);
    if (!(parts = args_parts(&in, device.def, &why))) {
        log_warning("domain '%s': device '%s' is gone, and its backends are not known: %s",
                    vm->obj.name, c->alias, why->message);
        return STEP_DONE;
    }
    calls = calls_new(vm, TRUE);
    for (guint i = parts->len; i-- > 0;) {
        json_object *args = NULL;
        const Part *part = parts->pdata[i];
        const char *command = part_remove(part, &args);

        if (part->verb != ADD_DEVICE)
            calls_add(calls, command, args, -1);
        else
            json_object_put(args);
    }
    return calls_wait(calls, f);
}

/* ---- what of the host it held */

typedef struct Held {
    const ArgsIn *in;
    gconstpointer device;
    GPtrArray *own, *others; /* of HostFd */
} Held;

static gboolean
note_files(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    const Held *h = user;

    args_part_files(h->in, device, 1, device == h->device ? h->own : h->others, NULL);
    return TRUE;
}

static gboolean
is_listed(const GPtrArray *files, const char *path)
{
    for (guint i = 0; i < files->len; i++)
        if (g_strcmp0(((const HostFd *)files->pdata[i])->path, path) == 0)
            return TRUE;
    return FALSE;
}

/* Paths that no other device has open. */
GPtrArray *
leave_paths(const Vm *vm, const DeviceChange *c)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    ArgsIn in = args_in(vm, c, NULL);
    Device device = { 0 };
    Held held = { &in, NULL, own, others };

    if (!domain_find_alias(vm->run->live, c->alias, &device))
        return paths;
    held.device = device.def;
    domain_each_device((DomainDef *)vm->run->live, note_files, &held);
    for (guint i = 0; i < own->len; i++) {
        const char *path = ((const HostFd *)own->pdata[i])->path;

        if (!is_listed(others, path))
            g_ptr_array_add(paths, g_strdup(path));
    }
    return paths;
}

/* Sockets have lines of their own in the ledger, by their paths. */
static GPtrArray *
socket_keys(const Vm *vm, const DeviceChange *c, const Device *device)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    ArgsIn in = args_in(vm, c, NULL);

    args_part_files(&in, device->def, 1, files, NULL);
    for (guint i = 0; i < files->len; i++)
        if (((const HostFd *)files->pdata[i])->kind == HOST_LISTEN)
            g_ptr_array_add(keys, g_strdup(((const HostFd *)files->pdata[i])->path));
    return keys;
}

static gboolean
has_path(const GPtrArray *paths, const char *path)
{
    return path && g_ptr_array_find_with_equal_func((GPtrArray *)paths, path, g_str_equal, NULL);
}

/* Keys of the claims of those paths, one as often as it is held. */
static GPtrArray *
keys_of(Vm *vm, const GPtrArray *paths)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) claims = claims_list(OWNER(vm));

    for (guint i = 0; i < claims->len; i++) {
        const Claim *claim = claims->pdata[i];

        if (claim->kind == CLAIM_IMAGE && has_path(paths, claim->label))
            g_ptr_array_add(keys, g_strdup(claim->key));
    }
    return keys;
}

static void
drop_claims(Vm *vm, const GPtrArray *paths)
{
    g_autoptr(GPtrArray) keys = keys_of(vm, paths);

    for (guint i = 0; i < keys->len; i++)
        claim_drop(CLAIM_IMAGE, keys->pdata[i], OWNER(vm));
}

typedef struct Release {
    Vm *vm;
    GPtrArray *paths;
    guint below;     /* sets from there on are another's */
    FlowToken token; /* 0: nobody waits */
} Release;

static void
tell_to_remove(Vm *vm, guint set)
{
    qmp_call(vm->run->qmp, "remove-fd", json_make("fdset-id", 'i', (gint64)set, NULL), NULL, NULL);
}

/* QEMU before 9.1 closes nothing while its guest stands still. */
void
leave_resumed(Vm *vm)
{
    GArray *sets = leaves_of(vm->run)->sets;

    for (guint i = 0; i < sets->len; i++)
        tell_to_remove(vm, g_array_index(sets, guint, i));
    g_array_set_size(sets, 0);
}

static void
remove_set(Vm *vm, json_object *set, const Release *r)
{
    json_object *fds = json_at(set, "fds");
    guint id = (guint)CLAMP(json_int(set, "fdset-id", 0), 0, G_MAXINT32);

    for (gsize i = 0; i < json_length(fds); i++) {
        if (id >= r->below ||
            !has_path(r->paths, json_str(json_object_array_get_idx(fds, i), "opaque")))
            continue;
        tell_to_remove(vm, id);
        if (vm->state != VM_RUNNING)
            g_array_append_val(leaves_of(vm->run)->sets, id);
        return;
    }
}

static void
on_sets(json_object *ret, const GError *err, gpointer user)
{
    g_autofree Release *r = user;

    for (gsize i = 0; r->vm->run && i < json_length(ret); i++)
        remove_set(r->vm, json_object_array_get_idx(ret, i), r);
    g_ptr_array_unref(r->paths);
    if (r->token)
        flow_wake(r->token, NULL);
    object_unref(r->vm);
}

/* token: who waits for it; 0: nobody. */
static void
release_paths(Vm *vm, const GPtrArray *paths, guint below, FlowToken token)
{
    Release *r = g_new(Release, 1);

    *r = (Release){ .vm = object_ref(vm),
                    .paths = g_ptr_array_ref((GPtrArray *)paths),
                    .below = below,
                    .token = token };
    drop_claims(vm, paths);
    qmp_call(vm->run->qmp, "query-fdsets", NULL, on_sets, r);
}

void
leave_release(Vm *vm, const GPtrArray *paths, guint below)
{
    release_paths(vm, paths, below, 0);
    vm_save_soon(vm);
}

static StepResult
release(Flow *f, gpointer obj, GError **err)
{
    DeviceChange *c = gone_change(f);
    g_autoptr(GPtrArray) paths = NULL;
    const NetDef *net;
    Vm *vm = obj;
    Device device;

    if (!c || !domain_find_alias(vm->run->live, c->alias, &device))
        return STEP_DONE;
    net = device.schema == &net_schema ? device.def : NULL;
    if (net && net->ifname)
        claim_drop(CLAIM_LINK, net->ifname, OWNER(vm));
    g_clear_pointer(&c->keys, g_ptr_array_unref);
    c->keys = socket_keys(vm, c, &device);
    paths = leave_paths(vm, c);
    release_paths(vm, paths, G_MAXUINT, flow_wait(f));
    return STEP_WAIT;
}

static StepResult
forget_device(Flow *f, gpointer obj, GError **err)
{
    return step_of(!gone_change(f) || (edit_save_live(flow_user(f), err) && status_save(obj, err)));
}

void
unplug_apply(DomainDef *live, const Edit *e)
{
    const DeviceChange *c = e->data;
    Device device;

    if (!c->gone || !domain_find_alias(live, c->alias, &device))
        return;
    if (device.schema == &memory_schema) {
        guint64 size = ((const MemoryDevice *)device.def)->size;

        live->memory -= MIN(live->memory, size);
        live->current_memory -= MIN(live->current_memory, size);
    }
    domain_remove_alias(live, c->alias);
}

static const Step unplug_steps[] = {
    { "try change", edit_try, NULL },
    { "find emulator", device_find_emulator, NULL },
    { "mark outdated", edit_mark_outdated, edit_unmark_outdated, STEP_KEYED },
    { "write definition", edit_write_definition, edit_write_definition_back, STEP_KEYED },
    { "ask guest", ask_guest, NULL },
    { "remove backends", remove_backends, NULL },
    { "release", release, NULL },
    { "forget device", forget_device, NULL },
    { 0 },
};
const FlowTable unplug_table = { "unplug", unplug_steps, .for_good = TRUE };

static const Step gone_steps[] = {
    { "try change", edit_try, NULL },
    { "find emulator", device_find_emulator, NULL },
    { "remove backends", remove_backends, NULL },
    { "release", release, NULL },
    { "forget device", forget_device, NULL },
    { 0 },
};
const FlowTable gone_table = { "device-gone", gone_steps, .for_good = TRUE };

/* ---- afterwards */

void
leave_tell(Vm *vm, const char *alias, gboolean gone)
{
    Event e = vm_event(vm, gone ? DOMAIN_EVENT_DEVICE_REMOVED : DOMAIN_EVENT_DEVICE_REMOVAL_FAILED);

    e.s[0] = alias;
    event_emit(&e);
}

static gboolean
reconcile_now(gpointer data)
{
    Vm *vm = data;

    if (vm->run && vm->run->complete && !vm->run->stopping)
        leave_reconcile(vm);
    object_unref(vm);
    return G_SOURCE_REMOVE;
}

void
leave_reconcile_later(Vm *vm)
{
    g_timeout_add_seconds(RECONCILE_LATER_S, reconcile_now, object_ref(vm));
}

typedef struct LeaveEnding {
    GPtrArray *keys;
    VmDone done;
    gpointer user;
} LeaveEnding;

static void end_next(Vm *vm, LeaveEnding *end);

static void
on_unwound(gpointer obj, const GError *err, gpointer user)
{
    end_next(obj, user);
}

static void
end_next(Vm *vm, LeaveEnding *end)
{
    const JobSpec spec = { .kind = JOB_CHANGE, .what = "release a device", .user = end };

    while (end->keys->len > 0) {
        g_autofree char *key = g_ptr_array_steal_index(end->keys, 0);

        if (!ledger_has_key(object_ledger(vm), key))
            continue;
        object_unwind_key(vm, &spec, key, on_unwound);
        return;
    }
    if (end->done)
        end->done(vm, NULL, end->user);
    g_ptr_array_unref(end->keys);
    g_free(end);
}

void
leave_end_keys(Vm *vm, GPtrArray *keys, VmDone done, gpointer user)
{
    LeaveEnding *end = g_new(LeaveEnding, 1);

    *end = (LeaveEnding){ keys, done, user };
    end_next(vm, end);
}

/* The device's lines in the ledger are undone as well. */
void
leave_end(Vm *vm, const DeviceChange *c, VmDone done, gpointer user)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *of = g_strdup_printf("interface '%s'", c->alias);

    if (vm->run && vm->run->troubles) /* what does not work is not there any more */
        g_hash_table_remove(vm->run->troubles, of);
    g_ptr_array_add(keys, g_strdup(c->alias));
    for (guint i = 0; i < list_length(c->keys); i++)
        g_ptr_array_add(keys, g_strdup(c->keys->pdata[i]));
    leave_end_keys(vm, keys, done, user);
}

/* ---- one that went by itself */

static gboolean
change_gone(DomainDef *def, const Edit *e, GError **err)
{
    DeviceChange *c = e->data;

    c->gone = domain_find_alias(def, c->alias, NULL);
    return TRUE;
}

static void
tell_gone(const Edit *e)
{
    const DeviceChange *c = e->data;

    if (c->gone)
        leave_tell(e->vm, c->alias, TRUE);
}

static void
on_gone(Vm *vm, const GError *err, gpointer user)
{
    const DeviceChange *c = user; /* of the Edit */

    if (!err)
        leave_end(vm, c, NULL, NULL);
    else if (vm->run && !vm->run->stopping) {
        log_warning("domain '%s': device '%s' is gone and shown still: %s", vm->obj.name, c->alias,
                    err->message);
        leave_reconcile_later(vm);
    }
}

static void
take_leave(Vm *vm, const char *alias)
{
    static const EditKind kind = { .what = "release a device",
                                   .change = change_gone,
                                   .apply = unplug_apply,
                                   .done = tell_gone,
                                   .table = &gone_table };
    DeviceChange *c = g_new0(DeviceChange, 1);

    c->alias = g_strdup(alias);
    c->unknown = g_ptr_array_new_with_free_func(g_free);
    edit_run(edit_new(vm, &kind, IMPACT_LIVE, c, device_change_free), "QEMU", on_gone, c);
}

void
leave_heard(Vm *vm, const char *alias, gboolean gone)
{
    Leave *l = leave_find(vm, alias);

    if (!gone)
        leave_tell(vm, alias, FALSE);
    if (l) {
        l->gone |= gone;
        l->refused |= !gone;
        flow_wake(l->token, NULL);
    } else if (gone && domain_find_alias(vm->run->live, alias, NULL)) {
        take_leave(vm, alias);
    } else if (gone) {
        vcpus_look(vm);
    }
}

/* ---- what went while nobody listened */

typedef struct Roll {
    Vm *vm;
    const Emulator *emulator;
    GPtrArray *gone; /* aliases */
    GHashTable *there;
} Roll;

/* Whether QEMU has it under its own name: not what is part of the machine. */
static gboolean
has_own_name(const Roll *r, gconstpointer device, const char *alias)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new(), parts = NULL;
    ArgsIn in = { .def = r->vm->run->live,
                  .emulator = r->emulator,
                  .files = none,
                  .monitor_fd = -1,
                  .run_dir = r->vm->run->dir };

    parts = args_parts(&in, device, NULL);
    for (guint i = 0; parts && i < parts->len; i++) {
        const Part *part = parts->pdata[i];

        if (part->verb == ADD_DEVICE && g_strcmp0(part_id(part), alias) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
call_out(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    Roll *r = user;

    if (info->alias && !g_hash_table_contains(r->there, info->alias) &&
        has_own_name(r, device, info->alias))
        g_ptr_array_add(r->gone, g_strdup(info->alias));
    return TRUE;
}

static void
compare(Roll *r, json_object *ret)
{
    r->there = g_hash_table_new(g_str_hash, g_str_equal);
    r->gone = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < json_length(ret); i++) {
        const char *name = json_str(json_object_array_get_idx(ret, i), "name");

        if (name)
            g_hash_table_add(r->there, (gpointer)name);
    }
    domain_each_device((DomainDef *)r->vm->run->live, call_out, r);
    for (guint i = 0; i < r->gone->len; i++)
        take_leave(r->vm, r->gone->pdata[i]);
    g_ptr_array_unref(r->gone);
    g_hash_table_unref(r->there);
}

static gboolean
is_up(const Vm *vm)
{
    return vm->run && vm->run->complete && !vm->run->stopping;
}

static void
on_list(json_object *ret, const GError *err, gpointer user)
{
    g_autofree Roll *r = user;

    if (!err && is_up(r->vm) && json_length(ret) > 0)
        compare(r, ret);
    object_unref(r->vm);
}

static void
on_emulator(const Emulator *emulator, const GError *err, gpointer user)
{
    Roll *r = user;

    r->emulator = emulator;
    if (emulator && is_up(r->vm)) {
        qmp_call(r->vm->run->qmp, "qom-list", json_make("path", 's', "/machine/peripheral", NULL),
                 on_list, r);
        return;
    }
    object_unref(r->vm);
    g_free(r);
}

void
leave_reconcile(Vm *vm)
{
    Roll *r = g_new0(Roll, 1);

    r->vm = object_ref(vm);
    emulator_get(vm->run->live->devices.emulator, on_emulator, r);
}
