/* A device of a guest that runs changes: another medium in a drive, a link that goes down, an
 * interface on another bridge. All else is refused by name: a guest would not notice it.
 */
#include <string.h>

#include "host/host.h"
#include "life.h"

/* ---- what may change */

typedef struct UpdateDifference {
    const char *const *may; /* paths, and beginnings of paths */
    char *path;             /* NULL: all that differs may */
} UpdateDifference;

static gboolean
look_at(const char *path, const Field *f, gpointer user)
{
    UpdateDifference *d = user;

    for (int i = 0; d->may[i]; i++)
        if (g_str_has_prefix(path, d->may[i]))
            return TRUE;
    d->path = g_strdup(path);
    return FALSE;
}

static gboolean
differs_only(const Device *old, const Device *new, const char *const *may, GError **err)
{
    UpdateDifference d = { .may = may };
    g_autofree char *path = NULL;

    schema_compare(old->schema, old->def, new->def, look_at, &d);
    path = d.path;
    return !path || fail(err, ERR_OPERATION_UNSUPPORTED,
                         "'%s' of <%s> '%s' cannot change while the domain runs", path,
                         old->schema->name, device_alias(old));
}

static gboolean
same_net(const NetDef *a, const NetDef *b)
{
    return a->source.net_type == b->source.net_type &&
           g_strcmp0(a->source.bridge, b->source.bridge) == 0 &&
           g_strcmp0(a->source.network, b->source.network) == 0;
}

/* Keeps values that were chosen for this run, where the document does not give others. */
static gboolean
settle_net(const NetDef *old, NetDef *new, GError **err)
{
    static const guint64 bridged = BIT(NET_BRIDGE) | BIT(NET_NETWORK);
    static const char *const may[] = { "@type", "source", "link", "bandwidth", "filterref", NULL };
    Device a = { &net_schema, (gpointer)old }, b = { &net_schema, new };

    if (!new->ifname)
        new->ifname = g_strdup(old->ifname);
    if (!new->mtu)
        new->mtu = old->mtu;
    if (g_strcmp0(new->source.network, old->source.network) == 0)
        memcpy(new->source.portid, old->source.portid, sizeof new->source.portid);
    if (new->source.net_type == NET_NETWORK && !link_join(new, err))
        return FALSE;
    if (!differs_only(&a, &b, may, err))
        return FALSE;
    return same_net(old, new) ||
           ((bridged & BIT(old->source.net_type)) && (bridged & BIT(new->source.net_type))) ||
           fail(err, ERR_OPERATION_UNSUPPORTED, "unable to change config on '%s' network type",
                word_of(net_types, old->source.net_type));
}

static gboolean
same_medium(const DiskDef *old, const DiskDef *new)
{
    const DiskSource *a = &old->source, *b = &new->source;

    if (disk_is_empty(old) || disk_is_empty(new) || a->type != b->type)
        return disk_is_empty(old) && disk_is_empty(new);
    if (a->type == SOURCE_VOLUME)
        return g_strcmp0(a->volume->pool, b->volume->pool) == 0 &&
               g_strcmp0(a->volume->volume, b->volume->volume) == 0;
    return a->path && g_strcmp0(a->path, b->path) == 0;
}

/* Clients know this one by its code. */
static gboolean
may_have_source(const DiskDef *old, const DiskDef *new, GError **err)
{
    return old->device == DISK_CDROM || old->device == DISK_FLOPPY || same_medium(old, new) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "disk '%s': disk source can be changed only in removable drives", old->target);
}

static gboolean
settle_disk(DeviceChange *c, const DiskDef *old, DiskDef *new, GError **err)
{
    static const char *const media[] = { "@type",  "source", "backingStore",
                                         "driver", "mirror", "target/@tray",
                                         NULL };
    static const char *const others[] = { "source/@index", "backingStore", NULL };
    Device a = { &disk_schema, (gpointer)old }, b = { &disk_schema, new };
    gboolean drive = old->device == DISK_CDROM || old->device == DISK_FLOPPY;

    new->tray = old->tray;
    c->medium = drive && !same_medium(old, new);
    if (disk_is_empty(new)) /* as at a start */
        new->driver.format = FORMAT_NONE;
    if (!c->medium) { /* the document need not say what the run has found */
        new->source.index = old->source.index;
        if (new->source.type == SOURCE_VOLUME &&new->source.volume && old->source.volume) {
            g_free(new->source.path);
            new->source.path = g_strdup(old->source.path);
            new->source.volume->kind = old->source.volume->kind;
        }
        schema_free(&backing_store_schema, new->backing);
        new->backing = old->backing ? schema_copy(&backing_store_schema, old->backing) : NULL;
    }
    return may_have_source(old, new, err) && differs_only(&a, &b, drive ? media : others, err);
}

gboolean
update_settle(DomainDef *live, const Edit *e, GError **err)
{
    DeviceChange *c = e->data;
    const DomainDef *before = e->vm->run->live;
    Device old, new;

    g_free(c->alias);
    c->alias = domain_keep_alias(live, before, &c->device);
    if (!c->alias || !domain_find_alias(live, c->alias, &new) ||
        !domain_find_alias(before, c->alias, &old))
        return fail(err, ERR_OPERATION_UNSUPPORTED, "changing device alias is not allowed");
    g_clear_pointer(&c->added, g_array_unref);
    c->added = g_array_new(FALSE, FALSE, sizeof(Device));
    if (new.schema == &net_schema)
        return settle_net(old.def, new.def, err);
    if (!settle_disk(c, old.def, new.def, err))
        return FALSE;
    if (c->medium && !disk_is_empty(new.def)) {
        ((DiskDef *)new.def)->source.index = 0;
        aliases_add(live, before, e->vm->run->dir);
        g_array_append_val(c->added, new);
    }
    return TRUE;
}

void
update_apply(DomainDef *live, const Edit *e)
{
    domain_replace_alias(live, e->new_live, ((const DeviceChange *)e->data)->alias);
}

/* The device as it was and as it will be; FALSE: the live definition is not meant. */
static gboolean
find_both(Flow *f, const Vm *vm, Device *ret_old, Device *ret_new)
{
    const Edit *e = flow_user(f);
    const DeviceChange *c = e->data;

    return e->new_live && domain_find_alias(vm->run->live, c->alias, ret_old) &&
           domain_find_alias(e->new_live, c->alias, ret_new);
}

/* ---- an interface */

static gboolean
same_filter(const NetDef *a, const NetDef *b)
{
    if (!a->filter || !b->filter)
        return a->filter == b->filter;
    return schema_equal(&filter_ref_schema, a->filter, b->filter);
}

static gboolean
put_filter(const NetDef *net, const DomainDef *owner, GError **err)
{
    if (net->filter)
        return filter_bind(net->ifname, net, owner, err);
    filter_unbind(net->ifname);
    return TRUE;
}

/* In one transaction: no packet passes between the old rules and the new. */
static StepResult
swap_filter(Flow *f, gpointer obj, GError **err)
{
    const Edit *e = flow_user(f);
    const DeviceChange *c = device_live_change(f);
    Device old, new;

    if (!find_both(f, obj, &old, &new) || old.schema != &net_schema || !link_is_tap(new.def) ||
        same_filter(old.def, new.def))
        return STEP_DONE;
    return step_of(flow_note(f, c->alias, WORDS(((const NetDef *)new.def)->ifname), err) &&
                   put_filter(new.def, e->new_live, err));
}

static StepResult
swap_filter_back(Flow *f, gpointer obj)
{
    const Vm *vm = obj;
    g_autoptr(GError) err = NULL;
    Device old;

    if (vm->run && domain_find_alias(vm->run->live, flow_key(f), &old) &&
        old.schema == &net_schema && !put_filter(old.def, vm->run->live, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return STEP_DONE;
}

static StepResult
move_link(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    g_autofree char *bridge = NULL;
    const NetDef *net;
    Device old, new;

    if (!find_both(f, obj, &old, &new) || old.schema != &net_schema || same_net(old.def, new.def))
        return STEP_DONE;
    net = new.def;
    bridge = link_bridge(net->ifname);
    return step_of(flow_note(f, c->alias, WORDS(net->ifname, bridge ? bridge : ""), err) &&
                   link_set_bridge(net->ifname, net->source.bridge, err));
}

static StepResult
move_link_back(Flow *f, gpointer obj)
{
    const char *name = flow_word(f, 0), *bridge = flow_word(f, 1);
    g_autoptr(GError) err = NULL;

    if (bridge && !link_set_bridge(name, *bridge ? bridge : NULL, &err))
        log_warning("domain '%s': %s", ((Vm *)obj)->obj.name, err->message);
    return STEP_DONE;
}

static StepResult
limit_link(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const NetDef *was, *is;
    Device old, new;

    if (!find_both(f, obj, &old, &new) || old.schema != &net_schema)
        return STEP_DONE;
    was = old.def;
    is = new.def;
    if (!link_is_tap(is) || (!was->bandwidth && !is->bandwidth))
        return STEP_DONE;
    return step_of(flow_note(f, c->alias, WORDS(is->ifname), err) &&
                   link_limit(is->ifname, is->bandwidth, err));
}

static StepResult
limit_link_back(Flow *f, gpointer obj)
{
    const Vm *vm = obj;
    g_autoptr(GError) err = NULL;
    Device old;

    if (vm->run && domain_find_alias(vm->run->live, flow_key(f), &old) &&
        old.schema == &net_schema &&
        !link_limit(flow_word(f, 0), ((const NetDef *)old.def)->bandwidth, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return STEP_DONE;
}

enum { LINK_DOWN = 2 };

static void
set_link(Calls *calls, const char *alias, gboolean up)
{
    calls_add(calls, "set_link", json_make("name", 's', alias, "up", 'b', up, NULL), -1);
}

static StepResult
tell_link(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    gboolean was_up, is_up;
    Device old, new;
    Calls *calls;

    if (!find_both(f, obj, &old, &new) || old.schema != &net_schema)
        return STEP_DONE;
    was_up = ((const NetDef *)old.def)->link_state != LINK_DOWN;
    is_up = ((const NetDef *)new.def)->link_state != LINK_DOWN;
    if (was_up == is_up)
        return STEP_DONE;
    if (!flow_note(f, c->alias, WORDS(was_up ? "up" : "down"), err))
        return STEP_FAILED;
    calls = calls_new(obj, FALSE);
    set_link(calls, c->alias, is_up);
    return calls_wait(calls, f);
}

static StepResult
tell_link_back(Flow *f, gpointer obj)
{
    Calls *calls;

    if (!device_qemu_listens(obj) || !flow_word(f, 0))
        return STEP_DONE;
    calls = calls_new(obj, TRUE);
    set_link(calls, flow_key(f), g_str_equal(flow_word(f, 0), "up"));
    return calls_wait(calls, f);
}

/* ---- a medium */

#define TRAY_WAIT_US (5 * G_USEC_PER_SEC)
#define TRAY_LOOK_MS 100

/* The commands are sent one after the other, because each needs the one before. */
typedef struct Tray {
    int at; /* in the commands */
    gboolean asked, answered;
    GError *err;
    gint64 until; /* a guest opens it before then, or it stays shut */
    FlowToken token;
    guint timer;
    gboolean dropped; /* nobody waits: the answer frees it */
} Tray;

void
tray_free(Tray *t)
{
    if (!t)
        return;
    if (t->timer)
        g_source_remove(t->timer);
    t->timer = 0;
    g_clear_error(&t->err);
    t->dropped = t->asked && !t->answered;
    if (!t->dropped)
        g_free(t);
}

static const char *const tray_commands[] = { "blockdev-open-tray", "blockdev-remove-medium",
                                             "blockdev-insert-medium", "blockdev-close-tray" };
enum { TRAY_OPEN, TRAY_REMOVE, TRAY_INSERT, TRAY_CLOSE, TRAY_DONE };

static json_object *
tray_args(int command, const char *alias, const char *node, gboolean force)
{
    json_object *args = json_make("id", 's', alias, NULL);

    if (command == TRAY_OPEN && force)
        json_object_object_add(args, "force", json_object_new_boolean(TRUE));
    if (command == TRAY_INSERT)
        json_object_object_add(args, "node-name", json_object_new_string(node));
    return args;
}

static void
on_tray(json_object *ret, const GError *err, gpointer user)
{
    Tray *t = user;

    t->answered = TRUE;
    if (t->dropped) {
        g_free(t);
        return;
    }
    t->err = err ? g_error_copy(err) : NULL;
    flow_wake(t->token, NULL);
}

static gboolean
look_again(gpointer data)
{
    Tray *t = data;

    t->timer = 0;
    flow_wake(t->token, NULL);
    return G_SOURCE_REMOVE;
}

static StepResult
tray_ask(Flow *f, Vm *vm, DeviceChange *c)
{
    Tray *t = c->tray;

    t->asked = TRUE;
    t->answered = FALSE;
    t->token = flow_wait_again(f);
    qmp_call(vm->run->qmp, tray_commands[t->at], tray_args(t->at, c->alias, c->node, c->force),
             on_tray, t);
    return STEP_WAIT;
}

/* The guest has locked it, and was asked to open it. */
static gboolean
is_shut(const Tray *t)
{
    return t->err && t->at == TRAY_REMOVE && strstr(t->err->message, "is not open");
}

static StepResult
tray_wait(Flow *f, DeviceChange *c, GError **err)
{
    Tray *t = c->tray;

    if (g_get_monotonic_time() > t->until)
        return step_of(fail(err, ERR_OPERATION_FAILED,
                            "timed out waiting for disk tray status update: the guest keeps the "
                            "tray of '%s' shut (--force opens it)",
                            c->alias));
    g_clear_error(&t->err);
    t->asked = FALSE;
    t->token = flow_wait_again(f);
    t->timer = g_timeout_add(TRAY_LOOK_MS, look_again, t);
    return STEP_WAIT;
}

static char *
guest_node(const DeviceChange *c)
{
    const char *node = NULL;

    for (guint i = 0; c->parts && i < c->parts->len; i++) {
        const Part *part = c->parts->pdata[i];

        if (part->verb == ADD_DEVICE)
            node = json_str(part->props, "drive");
    }
    return g_strdup(node);
}

static gboolean
tray_begin(Flow *f, DeviceChange *c, GError **err)
{
    c->node = guest_node(c);
    c->tray = g_new0(Tray, 1);
    c->tray->until = g_get_monotonic_time() + TRAY_WAIT_US;
    return flow_note(f, c->alias, WORDS(c->old_node ? c->old_node : ""), err);
}

/* An empty drive is left with its tray shut, as it was found. */
static gboolean
tray_skips(const DeviceChange *c, int command)
{
    return command == TRAY_INSERT && !c->node;
}

static StepResult
change_medium(Flow *f, gpointer obj, GError **err)
{
    DeviceChange *c = device_live_change(f);
    Tray *t;

    if (!c || !c->medium)
        return STEP_DONE;
    if (!c->tray && !tray_begin(f, c, err))
        return STEP_FAILED;
    t = c->tray;
    if (t->asked && is_shut(t))
        return tray_wait(f, c, err);
    if (t->asked && t->err) {
        g_propagate_error(err, g_steal_pointer(&t->err));
        return STEP_FAILED;
    }
    if (t->asked)
        t->at++;
    while (t->at < TRAY_DONE && tray_skips(c, t->at))
        t->at++;
    return t->at < TRAY_DONE ? tray_ask(f, obj, c) : STEP_DONE;
}

/* The word is the top node of what was in it. Empty: there was none. */
static StepResult
change_medium_back(Flow *f, gpointer obj)
{
    const char *node = flow_word(f, 0) && *flow_word(f, 0) ? flow_word(f, 0) : NULL;
    Calls *calls;

    if (!device_qemu_listens(obj))
        return STEP_DONE;
    calls = calls_new(obj, TRUE);
    for (int command = TRAY_OPEN; command < TRAY_DONE; command++)
        if (command != TRAY_INSERT || node)
            calls_add(calls, tray_commands[command], tray_args(command, flow_key(f), node, TRUE),
                      -1);
    return calls_wait(calls, f);
}

/* ---- what the old medium has: known by a line of the ledger until it is released */

static char *
medium_key(const char *alias)
{
    return g_strconcat("old medium of ", alias, NULL);
}

static guint
first_new_set(const DeviceChange *c)
{
    for (guint i = 0; i < list_length(c->files); i++)
        if (((const HostFd *)c->files->pdata[i])->set != 0)
            return c->last_set + 1;
    return G_MAXINT32;
}

/* The new medium stands on the same file. */
static gboolean
brings(const DeviceChange *c, const char *path)
{
    for (guint i = 0; i < list_length(c->files); i++)
        if (g_str_equal(((const HostFd *)c->files->pdata[i])->path, path))
            return TRUE;
    return FALSE;
}

/* The commands that take its nodes away, the top one's first. */
static gboolean
old_nodes(const Vm *vm, DeviceChange *c, gconstpointer disk, GPtrArray *words, GError **err)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new(), parts = NULL;
    ArgsIn in = { .def = vm->run->live,
                  .emulator = c->emulator,
                  .files = none,
                  .monitor_fd = -1,
                  .run_dir = vm->run->dir };

    if (!(parts = args_parts(&in, disk, err)))
        return FALSE;
    for (guint i = parts->len; i-- > 0;) {
        const Part *part = parts->pdata[i];

        if (part->verb != ADD_BLOCKDEV)
            continue;
        if (!c->old_node)
            c->old_node = g_strdup(part_id(part));
        g_ptr_array_add(words, g_strdup_printf("blockdev-del %s", part_id(part)));
    }
    return TRUE;
}

/* Words: the drive, the number of its image, where the numbers of other sets begin; then what takes
 * the nodes away, and paths. */
static StepResult
note_old(Flow *f, gpointer obj, GError **err)
{
    DeviceChange *c = device_live_change(f);
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free), paths = NULL;
    g_autofree char *key = NULL;
    Vm *vm = obj;
    Device old;

    if (!c || !c->medium || !domain_find_alias(vm->run->live, c->alias, &old) ||
        disk_is_empty(old.def))
        return STEP_DONE;
    g_ptr_array_add(words, g_strdup(c->alias));
    g_ptr_array_add(words, g_strdup_printf("%u", ((const DiskDef *)old.def)->source.index));
    g_ptr_array_add(words, g_strdup_printf("%u", first_new_set(c)));
    if (!old_nodes(vm, c, old.def, words, err))
        return STEP_FAILED;
    paths = leave_paths(vm, c);
    for (guint i = 0; i < paths->len; i++)
        if (!brings(c, paths->pdata[i]))
            g_ptr_array_add(words, g_strdup(paths->pdata[i]));
    g_ptr_array_add(words, NULL);
    key = medium_key(c->alias);
    return step_of(flow_note(f, key, (const char *const *)words->pdata, err));
}

/* The change was taken back, or a later daemon has not: the live definition says which. */
static gboolean
is_in_drive(const Flow *f, const Vm *vm)
{
    Device device;

    return !domain_find_alias(vm->run->live, flow_word(f, 0), &device) ||
           device.schema != &disk_schema ||
           ((const DiskDef *)device.def)->source.index == strtoul(flow_word(f, 1), NULL, 10);
}

/* QEMU answers in order: the descriptors go after the nodes that use them. */
static StepResult
release_old(Flow *f, gpointer obj)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    Vm *vm = obj;
    Calls *calls;

    if (!flow_word(f, 2) || !device_qemu_listens(vm) || is_in_drive(f, vm))
        return STEP_DONE;
    calls = calls_new(vm, TRUE);
    for (guint i = 3; flow_word(f, i); i++) {
        if (flow_word(f, i)[0] == '/')
            g_ptr_array_add(paths, g_strdup(flow_word(f, i)));
        else
            calls_remove(calls, flow_word(f, i));
    }
    leave_release(vm, paths, (guint)strtoul(flow_word(f, 2), NULL, 10));
    return calls_wait(calls, f);
}

void
update_end(Vm *vm, const DeviceChange *c, VmDone done, gpointer user)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

    if (c->alias)
        g_ptr_array_add(keys, medium_key(c->alias));
    leave_end_keys(vm, keys, done, user);
}

void
update_recover(Vm *vm)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

    EACH (const DiskDef, disk, vm->run->live->devices.disks)
        if (disk->info.alias)
            g_ptr_array_add(keys, medium_key(disk->info.alias));
    leave_end_keys(vm, keys, NULL, NULL);
}

static const Step update_steps[] = {
    { "try change", edit_try, NULL },
    { "find emulator", device_find_emulator, NULL },
    { "start pool", device_wake_pool, NULL },
    { "look at images", device_look, NULL },
    { "ask for sets", device_ask_for_sets, NULL },
    { "list files", device_list_files, NULL },
    { "note old medium", note_old, release_old, STEP_KEYED },
    { "open files", device_open_files, NULL },
    { "claim images", device_claim_images, device_drop_claims, STEP_KEYED | STEP_FOR_GOOD },
    { "add backends", device_add_backends, device_remove_backends, STEP_KEYED | STEP_FOR_GOOD },
    { "look at what is open", device_look_opened, NULL },
    { "swap filter", swap_filter, swap_filter_back, STEP_KEYED | STEP_FOR_GOOD },
    { "move link", move_link, move_link_back, STEP_KEYED | STEP_FOR_GOOD },
    { "limit link", limit_link, limit_link_back, STEP_KEYED | STEP_FOR_GOOD },
    { "change medium", change_medium, change_medium_back, STEP_KEYED | STEP_FOR_GOOD },
    { "tell link", tell_link, tell_link_back, STEP_KEYED | STEP_FOR_GOOD },
    { "write live definition", edit_write_live, edit_write_live_back, STEP_KEYED | STEP_FOR_GOOD },
    { "mark outdated", edit_mark_outdated, edit_unmark_outdated, STEP_KEYED | STEP_FOR_GOOD },
    { "write definition", edit_write_definition, edit_write_definition_back,
      STEP_KEYED | STEP_FOR_GOOD },
    { 0 },
};
const FlowTable update_table = { "update", update_steps };
