/* A device comes to a guest that runs: what a start does for one device, and how it is taken back.
 *
 * The table changes the persistent definition as well, or alone: rows about the live one then have
 * nothing to do. QEMU gets the device itself last, when nothing else can fail any more: what it has
 * shown to the guest is only taken back with the guest's leave.
 *
 * Lines of the ledger have the device's alias as their key. Of a finished plug those stay that a
 * stop has to undo on the host; all else ends with QEMU.
 */
#include <string.h>

#include "life.h"

void
device_change_free(gpointer data)
{
    DeviceChange *c = data;

    g_ptr_array_unref(c->unknown);
    device_done(&c->device);
    g_clear_pointer(&c->added, g_array_unref);
    g_clear_pointer(&c->files, g_ptr_array_unref);
    g_clear_pointer(&c->parts, g_ptr_array_unref);
    g_clear_pointer(&c->nets, g_ptr_array_unref);
    g_free(c->old_node);
    tray_free(c->tray);
    g_free(c->node);
    g_clear_pointer(&c->keys, g_ptr_array_unref);
    g_free(c->alias);
    g_free(c->text);
    g_free(c);
}

DeviceChange *
device_live_change(Flow *f)
{
    Edit *e = flow_user(f);

    return e->new_live ? e->data : NULL;
}

static const Device *
device_at(const DeviceChange *c, guint i)
{
    return &g_array_index(c->added, Device, i);
}

const Device *
device_own(const DeviceChange *c)
{
    return c->added && c->added->len > 0 ? device_at(c, c->added->len - 1) : NULL;
}

/* ---- what comes */

/* A serial port said once more is no device of its own. */
static gboolean
is_twin(const DeviceChange *c, const Device *device)
{
    return device->schema == &console_schema && c->device.schema == &serial_schema;
}

/* Whether this is the device of the document, and not a controller that comes along with it. */
static gboolean
is_own(const DeviceChange *c, const Device *device)
{
    const ControllerDef *a = device->def, *b = c->device.def;

    return device->schema == c->device.schema &&
           (device->schema != &controller_schema || a->type == b->type);
}

/* The document's own device comes last: the others are controllers that it sits on. */
static gboolean
sort_added(DeviceChange *c)
{
    for (guint i = c->added->len; i-- > 0;)
        if (is_twin(c, device_at(c, i)))
            g_array_remove_index(c->added, i);
    for (guint i = 0; i < c->added->len; i++) {
        Device own = *device_at(c, i);

        if (!is_own(c, &own))
            continue;
        g_array_remove_index(c->added, i);
        g_array_append_val(c->added, own);
        return TRUE;
    }
    return FALSE;
}

/* Whether the devices that the new one needs may come along: they must be pluggable too. */
static gboolean
may_come_along(const Vm *vm, const Device *device, GError **err)
{
    static const guint64 may = BIT(CONTROLLER_SCSI) | BIT(CONTROLLER_VIRTIO_SERIAL);
    const ControllerDef *c = device->schema == &controller_schema ? device->def : NULL;

    if (c && c->type == CONTROLLER_PCI)
        return fail(err, ERR_PLAIN, "No more available PCI slots");
    return (c && (may & BIT(c->type))) ||
           fail(err, ERR_OPERATION_UNSUPPORTED,
                "domain '%s' needs a <%s> for that device, which cannot come while it runs",
                vm->obj.name, device->schema->name);
}

gboolean
plug_names(DomainDef *live, const Edit *e, GError **err)
{
    DeviceChange *c = e->data;

    aliases_add(live, e->vm->run->live, e->vm->run->dir);
    g_clear_pointer(&c->added, g_array_unref);
    c->added = domain_missing(e->vm->run->live, live);
    if (!sort_added(c))
        return fail(err, ERR_OPERATION_UNSUPPORTED, "live attach of device '%s' is not supported",
                    c->device.schema->name);
    for (guint i = 0; i + 1 < c->added->len; i++)
        if (!may_come_along(e->vm, device_at(c, i), err))
            return FALSE;
    g_free(c->alias);
    c->alias = g_strdup(device_alias(device_at(c, c->added->len - 1)));
    return confine_allows(e->vm, live, err);
}

void
plug_apply(DomainDef *live, const Edit *e)
{
    const Device *own = device_own(e->data);

    domain_add_missing(live, e->new_live);
    if (own->schema == &net_schema)
        confine_plugged(e->vm, own->def);
    if (own->schema != &memory_schema)
        return;
    live->memory = e->new_live->memory;
    live->current_memory += ((const MemoryDevice *)own->def)->size;
}

/* ---- rows: what must be known */

typedef struct PlugAsked {
    Edit *edit;
    FlowToken token;
} PlugAsked;

static PlugAsked *
asked_new(Flow *f, gboolean again)
{
    PlugAsked *a = g_new(PlugAsked, 1);

    *a = (PlugAsked){ flow_user(f), again ? flow_wait_again(f) : flow_wait(f) };
    return a;
}

static void
on_emulator(const Emulator *emulator, const GError *err, gpointer user)
{
    g_autofree PlugAsked *a = user;

    if (flow_waits(a->token) && emulator)
        ((DeviceChange *)a->edit->data)->emulator = emulator;
    flow_wake(a->token, err);
}

StepResult
device_find_emulator(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Edit *e = flow_user(f);

    if (!device_live_change(f))
        return STEP_DONE;
    e->waited = TRUE;
    emulator_get(vm->run->live->devices.emulator, on_emulator, asked_new(f, FALSE));
    return STEP_WAIT;
}

static gpointer
look(gpointer in, GError **err)
{
    DiskDef *disk = in;

    if (chain_fill_disk(disk, err))
        return disk;
    schema_free(&disk_schema, disk);
    return NULL;
}

static void
on_looked(gpointer out, const GError *err, gpointer user)
{
    g_autofree PlugAsked *a = user;
    DiskDef *found = out;

    if (found && flow_waits(a->token)) {
        DeviceChange *c = a->edit->data;
        DiskDef *disk = device_own(c)->def, before = *disk;

        *disk = *found;
        *found = before;
        disk->source.index = 0; /* what is below has numbers after it */
        aliases_add(a->edit->new_live, a->edit->vm->run->live, a->edit->vm->run->dir);
    }
    schema_free(&disk_schema, found);
    flow_wake(a->token, err);
}

/* Finds the backing images of a disk. */
StepResult
device_look(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const Device *own = c ? device_own(c) : NULL;
    Vm *vm = obj;

    if (!own || own->schema != &disk_schema)
        return STEP_DONE;
    if (!volume_settle_disk(own->def, err))
        return STEP_FAILED;
    offload_for(&vm->obj, look, schema_copy(&disk_schema, own->def), NULL, on_looked,
                asked_new(f, FALSE));
    return STEP_WAIT;
}

static void
on_sets(json_object *ret, const GError *err, gpointer user)
{
    g_autofree PlugAsked *a = user;
    DeviceChange *c = flow_waits(a->token) ? a->edit->data : NULL;

    for (gsize i = 0; c && i < json_length(ret); i++) {
        gint64 id = json_int(json_object_array_get_idx(ret, i), "fdset-id", 0);

        if (id > 0 && id < G_MAXINT32)
            c->last_set = MAX(c->last_set, (guint)id);
    }
    flow_wake(a->token, err);
}

/* Numbers of descriptor sets that QEMU has are not ours to give. */
StepResult
device_ask_for_sets(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);

    if (!c || !device_own(c))
        return STEP_DONE;
    qmp_call(((Vm *)obj)->run->qmp, "query-fdsets", NULL, on_sets, asked_new(f, FALSE));
    return STEP_WAIT;
}

/* ---- rows: what is taken from the host */

/* The others' ends are of no interest, and stay empty. */
static StepResult
make_link(Flow *f, gpointer obj, GError **err)
{
    const DomainDef *live = ((Edit *)flow_user(f))->new_live;
    DeviceChange *c = device_live_change(f);
    const Device *own = c ? device_own(c) : NULL;
    HostNet *host;
    gboolean ok;

    if (!own || own->schema != &net_schema)
        return STEP_DONE;
    c->nets = g_ptr_array_new_with_free_func((GDestroyNotify)host_net_free);
    g_ptr_array_set_size(c->nets, (int)list_length(live->devices.nets));
    ok = link_make(f, obj, own->def, &host, err);
    for (guint i = 0; i < list_length(live->devices.nets); i++)
        if (live->devices.nets->pdata[i] == own->def)
            c->nets->pdata[i] = host;
    return step_of(ok);
}

static StepResult
limit_link(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const Device *own = c ? device_own(c) : NULL;

    return own && own->schema == &net_schema ? step_of(link_slow(f, own->def, err)) : STEP_DONE;
}

static StepResult
filter_link(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const Device *own = c ? device_own(c) : NULL;

    if (!own || own->schema != &net_schema)
        return STEP_DONE;
    return step_of(link_filter(f, ((Edit *)flow_user(f))->new_live, own->def, err));
}

static ArgsIn
args_in(const Vm *vm, const DomainDef *def, const DeviceChange *c)
{
    return (ArgsIn){ .def = def,
                     .emulator = c->emulator,
                     .files = c->files,
                     .nets = c->nets,
                     .monitor_fd = -1,
                     .run_dir = vm->run->dir };
}

StepResult
device_list_files(Flow *f, gpointer obj, GError **err)
{
    DeviceChange *c = device_live_change(f);
    ArgsIn in;

    if (!c)
        return STEP_DONE;
    c->files = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    in = args_in(obj, ((Edit *)flow_user(f))->new_live, c);
    for (guint i = 0; i < c->added->len; i++)
        if (!args_part_files(&in, device_at(c, i)->def, c->last_set + 1, c->files, err))
            return STEP_FAILED;
    return STEP_DONE;
}

StepResult
device_open_files(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);

    return c && c->files->len > 0 ? files_open_these(f, obj, c->files, err) : STEP_DONE;
}

/* Words: the keys of the claims. They are saved at once: a daemon that is killed leaves them to the
 * next one, which drops them with the rest. */
StepResult
device_claim_images(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; c && i < c->files->len; i++)
        if (host_fd_is_image(c->files->pdata[i]))
            g_ptr_array_add(keys, image_key(c->files->pdata[i]));
    if (keys->len == 0)
        return STEP_DONE;
    g_ptr_array_add(keys, NULL);
    if (!flow_note(f, c->alias, (const char *const *)keys->pdata, err))
        return STEP_FAILED;
    for (guint i = 0; i < c->files->len; i++)
        if (host_fd_is_image(c->files->pdata[i]) && !image_claim(obj, c->files->pdata[i], err))
            return STEP_FAILED;
    return step_of(status_save(obj, err));
}

StepResult
device_drop_claims(Flow *f, gpointer obj)
{
    for (guint i = 0; flow_word(f, i); i++)
        claim_drop(CLAIM_IMAGE, flow_word(f, i), OWNER(obj));
    vm_save_soon(obj);
    return STEP_DONE;
}

/* ---- rows: QEMU's end of it */

/* Members whose value is a descriptor, or several with colons between them. QEMU that runs has no
 * use for our numbers: each is sent, under a name. */
static const char *const fd_members[] = { "fd", "fds", "vhostfd", "vhostfds", NULL };

static void
send_numbers(json_object *props, const char *member, Calls *calls, GPtrArray *words)
{
    const char *text = json_object_get_string(json_object_object_get(props, member));
    g_auto(GStrv) numbers = g_strsplit(text, ":", -1);

    for (int i = 0; numbers[i]; i++) {
        g_autofree char *name = g_strconcat("vmd-", numbers[i], NULL);
        int fd = atoi(numbers[i]);

        g_ptr_array_add(words, g_strconcat("closefd ", name, NULL));
        if (calls)
            calls_add(calls, "getfd", json_make("fdname", 's', name, NULL), fd);
        g_free(numbers[i]);
        numbers[i] = g_steal_pointer(&name);
    }
    if (calls) {
        g_autofree char *names = g_strjoinv(":", numbers);
        json_object_object_add(props, member, json_object_new_string(names));
    }
}

static gboolean
hands_over(const Part *part, const char *member)
{
    return json_object_object_get_ex(part->props, member, NULL) &&
           json_object_is_type(json_object_object_get(part->props, member), json_type_string) ==
               (part->verb != ADD_CHARDEV);
}

/* Every word says what takes it back: the command and its argument. calls NULL: nothing is sent. */
static void
add_part_backend(const GPtrArray *files, const Part *part, Calls *calls, GPtrArray *words)
{
    json_object *args = NULL;
    const char *command;

    for (int i = 0; fd_members[i]; i++)
        if (hands_over(part, fd_members[i]))
            send_numbers(part->props, fd_members[i], calls, words);
    if (part->verb == ADD_DEVICE)
        return;
    command = part_remove(part, &args);
    json_object_put(args);
    g_ptr_array_add(words, g_strdup_printf("%s %s", command, part_id(part)));
    if (!calls || keys_send(files, part, calls))
        return;
    command = part_add(part, &args);
    calls_add(calls, command, args, -1);
}

static void
add_set(const HostFd *h, Calls *calls, GPtrArray *words)
{
    if (h->set == 0)
        return;
    g_ptr_array_add(words, g_strdup_printf("remove-fd %u", h->set));
    if (calls)
        calls_add(calls, "add-fd",
                  json_make("fdset-id", 'i', (gint64)h->set, "opaque", 's', h->path, NULL), h->fd);
}

/* Run twice: once to learn what will be made, and once to make it. */
static GPtrArray *
add_all(const DeviceChange *c, Calls *calls)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < c->files->len; i++)
        add_set(c->files->pdata[i], calls, words);
    for (guint i = 0; i < c->parts->len; i++)
        add_part_backend(c->files, c->parts->pdata[i], calls, words);
    return words;
}

static gboolean
make_parts(DeviceChange *c, const Vm *vm, const DomainDef *def, GError **err)
{
    ArgsIn in = args_in(vm, def, c);

    c->parts = g_ptr_array_new_with_free_func((GDestroyNotify)part_free);
    for (guint i = 0; i < c->added->len; i++) {
        g_autoptr(GPtrArray) parts = args_parts(&in, device_at(c, i)->def, err);

        if (!parts)
            return FALSE;
        g_ptr_array_extend_and_steal(c->parts, g_steal_pointer(&parts));
    }
    return TRUE;
}

StepResult
device_add_backends(Flow *f, gpointer obj, GError **err)
{
    DeviceChange *c = device_live_change(f);
    g_autoptr(GPtrArray) words = NULL, done = NULL;
    Calls *calls;

    if (!c)
        return STEP_DONE;
    if (!make_parts(c, obj, ((Edit *)flow_user(f))->new_live, err))
        return STEP_FAILED;
    words = add_all(c, NULL);
    if (words->len == 0)
        return STEP_DONE;
    g_ptr_array_add(words, NULL);
    if (!flow_note(f, c->alias, (const char *const *)words->pdata, err))
        return STEP_FAILED;
    if (!keys_take(c->files, err))
        return STEP_FAILED;
    calls = calls_new(obj, FALSE);
    done = add_all(c, calls);
    keys_wipe(c->files);
    return calls_wait(calls, f);
}

static void
on_chardevs(json_object *ret, const GError *err, gpointer user)
{
    g_autofree PlugAsked *a = user;

    if (flow_waits(a->token) && !err)
        chardevs_learn(a->edit->vm, a->edit->new_live, ret);
    flow_wake(a->token, err);
}

/* Which terminal it is. */
static StepResult
read_back(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const Schema *s = c ? c->device.schema : NULL;

    if (s != &serial_schema && s != &console_schema && s != &channel_schema)
        return STEP_DONE;
    qmp_call(((Vm *)obj)->run->qmp, "query-chardev", NULL, on_chardevs, asked_new(f, FALSE));
    return STEP_WAIT;
}

/* By command: the name of its argument. */
static const struct {
    const char *command, *argument;
    gboolean number;
} removals[] = {
    { "remove-fd", "fdset-id", TRUE },      { "closefd", "fdname", FALSE },
    { "blockdev-del", "node-name", FALSE }, { "object-del", "id", FALSE },
    { "chardev-remove", "id", FALSE },      { "netdev_del", "id", FALSE },
};

void
calls_remove(Calls *calls, const char *word)
{
    const char *thing = strchr(word, ' ');

    for (gsize i = 0; thing && i < G_N_ELEMENTS(removals); i++) {
        if (strncmp(word, removals[i].command, thing - word) != 0 ||
            removals[i].command[thing - word] != '\0')
            continue;
        calls_add(calls, removals[i].command,
                  removals[i].number ? json_make(removals[i].argument, 'i',
                                                 g_ascii_strtoll(thing + 1, NULL, 10), NULL)
                                     : json_make(removals[i].argument, 's', thing + 1, NULL),
                  -1);
    }
}

/* A QEMU that is about to end takes all of it along. */
gboolean
device_qemu_listens(const Vm *vm)
{
    return vm->run && vm->run->complete && !vm->run->stopping && vm->run->qmp &&
           !qmp_has_ended(vm->run->qmp);
}

StepResult
device_remove_backends(Flow *f, gpointer obj)
{
    guint n = 0;
    Calls *calls;

    if (!device_qemu_listens(obj))
        return STEP_DONE;
    calls = calls_new(obj, TRUE);
    while (flow_word(f, n))
        n++;
    while (n-- > 0)
        calls_remove(calls, flow_word(f, n));
    return calls_wait(calls, f);
}

static StepResult
plug_in(Flow *f, gpointer obj, GError **err)
{
    DeviceChange *c = device_live_change(f);
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    Calls *calls;

    for (guint i = 0; c && i < c->added->len; i++)
        g_ptr_array_add(ids, (gpointer)device_alias(device_at(c, i)));
    g_ptr_array_add(ids, NULL);
    if (!c)
        return STEP_DONE;
    if (!flow_note(f, c->alias, (const char *const *)ids->pdata, err))
        return STEP_FAILED;
    calls = calls_new(obj, FALSE);
    for (guint i = 0; i < c->parts->len; i++) {
        json_object *args = NULL;
        const Part *part = c->parts->pdata[i];
        const char *command = part_add(part, &args);

        if (part->verb == ADD_DEVICE)
            calls_add(calls, command, args, -1);
        else
            json_object_put(args);
    }
    return calls_wait(calls, f);
}

/* The guest is asked, and may take its time or say no. Without its leave QEMU keeps the device, and
 * what that stands on, until it ends. */
static StepResult
pull_out(Flow *f, gpointer obj)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();

    if (!device_qemu_listens(obj))
        return STEP_DONE;
    for (guint i = 0; flow_word(f, i); i++)
        g_ptr_array_insert(ids, 0, (gpointer)flow_word(f, i));
    return leave_all(f, obj, ids);
}

/* Sends settings that are no options of a device: limits of a disk, and a link that is down. */
static StepResult
tell_device(Flow *f, gpointer obj, GError **err)
{
    enum { LINK_DOWN = 2 };
    const DeviceChange *c = device_live_change(f);
    const Device *d = c ? device_own(c) : NULL;
    Calls *calls;

    if (!d)
        return STEP_DONE;
    calls = calls_new(obj, FALSE);
    if (d->schema == &disk_schema && tell_is_limited(d->def))
        calls_add(calls, "block_set_io_throttle", tell_limits(d->def), -1);
    if (d->schema == &net_schema && ((const NetDef *)d->def)->link_state == LINK_DOWN)
        calls_add(calls, "set_link", json_make("name", 's', c->alias, "up", 'b', FALSE, NULL), -1);
    if (d->schema == &watchdog_schema)
        calls_add(calls, "set-action",
                  json_make("watchdog", 's', args_watchdog_action(d->def), NULL), -1);
    return calls_wait(calls, f);
}

static const Step plug_steps[] = {
    { "try change", edit_try, NULL },
    { "find emulator", device_find_emulator, NULL },
    { "start pool", device_wake_pool, NULL },
    { "look at images", device_look, NULL },
    { "make link", make_link, links_delete, STEP_KEYED },
    { "limit link", limit_link, links_hasten, STEP_KEYED },
    { "filter link", filter_link, links_unfilter, STEP_KEYED },
    { "ask for sets", device_ask_for_sets, NULL },
    { "list files", device_list_files, NULL },
    { "open files", device_open_files, files_close, STEP_KEYED },
    { "claim images", device_claim_images, device_drop_claims, STEP_KEYED | STEP_FOR_GOOD },
    { "add backends", device_add_backends, device_remove_backends, STEP_KEYED | STEP_FOR_GOOD },
    { "read back", read_back, NULL },
    { "look at what is open", device_look_opened, NULL },
    { "write live definition", edit_write_live, edit_write_live_back, STEP_KEYED | STEP_FOR_GOOD },
    { "mark outdated", edit_mark_outdated, edit_unmark_outdated, STEP_KEYED | STEP_FOR_GOOD },
    { "write definition", edit_write_definition, edit_write_definition_back,
      STEP_KEYED | STEP_FOR_GOOD },
    { "plug in", plug_in, pull_out, STEP_KEYED | STEP_FOR_GOOD },
    { "tell device", tell_device, NULL },
    { 0 },
};

const FlowTable plug_table = { "plug", plug_steps };
