/* Devices that come, go and change after a domain was defined: in the persistent definition, in a
 * guest that runs, or in both by one call. */
#include "ops.h"

#include <string.h>

#include "storage/storage.h"

/* A disk that is added has its volume already. */
static gboolean
check_volume(const Device *device, GError **err)
{
    const DiskDef *disk = device->schema == &disk_schema ? device->def : NULL;
    const VolumeSource *v = disk && disk->source.type == SOURCE_VOLUME ? disk->source.volume : NULL;
    Pool *pool;

    if (!v || !v->pool)
        return TRUE;
    if (!(pool = pool_get_name(v->pool, err)))
        return FALSE;
    if (!pool->live && pool->autostart) /* the plug starts it */
        return TRUE;
    return pool_needs_active(pool, err) && volume_get_name(pool, v->volume, err);
}

/* ---- what can come to a guest that runs */

static gboolean
may_plug_disk(gconstpointer def, GError **err)
{
    static const guint64 buses = BIT(DISK_BUS_VIRTIO) | BIT(DISK_BUS_SCSI) | BIT(DISK_BUS_USB);
    const DiskDef *disk = def;

    if (disk->device == DISK_FLOPPY)
        return fail(err, ERR_OPERATION_UNSUPPORTED, "cdrom/floppy device hotplug isn't supported");
    return !disk->bus || (buses & BIT(disk->bus)) ||
           fail(err, ERR_OPERATION_UNSUPPORTED, "disk bus '%s' cannot be hotplugged.",
                word_of(disk_buses, disk->bus));
}

static gboolean
may_plug_net(gconstpointer def, GError **err)
{
    static const guint64 types = BIT(NET_BRIDGE) | BIT(NET_NETWORK) | BIT(NET_USER) |
                                 BIT(NET_ETHERNET);
    const NetDef *net = def;

    if (!(types & BIT(net->source.net_type)))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "hotplug of interface type of %s is not implemented yet",
                    word_of(net_types, net->source.net_type));
    return !net_has_passt(net) ||
           fail(err, ERR_OPERATION_UNSUPPORTED,
                "an interface with passt comes with the start alone: add it to the persistent "
                "definition (--config)");
}

static gboolean
may_plug_input(gconstpointer def, GError **err)
{
    const InputDef *input = def;

    return input->bus == INPUT_BUS_USB || input->bus == INPUT_BUS_VIRTIO || !input->bus ||
           fail(err, ERR_OPERATION_UNSUPPORTED, "input device on bus '%s' cannot be hot plugged.",
                word_of(input_buses, input->bus));
}

static gboolean
may_plug_controller(gconstpointer def, GError **err)
{
    const ControllerDef *c = def;

    return c->type == CONTROLLER_SCSI ||
           fail(err, ERR_OPERATION_UNSUPPORTED, "'%s' controller cannot be hot plugged.",
                word_of(controller_types, c->type));
}

static gboolean
may_plug_channel(gconstpointer def, GError **err)
{
    return ((const CharDef *)def)->target_type == CHANNEL_VIRTIO ||
           fail(err, ERR_OPERATION_UNSUPPORTED,
                "a channel that is added to a guest that runs must be of type 'virtio'");
}

static gboolean
may_plug_console(gconstpointer def, GError **err)
{
    return ((const CharDef *)def)->target_type == CONSOLE_VIRTIO ||
           fail(err, ERR_OPERATION_UNSUPPORTED, "Unsupported address type for character device");
}

static gboolean
may_plug_serial(gconstpointer def, GError **err)
{
    const CharDef *serial = def;

    return serial->target_type == SERIAL_PCI || serial->target_type == SERIAL_USB ||
           fail(err, ERR_OPERATION_UNSUPPORTED, "Unsupported address type for character device");
}

static gboolean
may_plug_memory(gconstpointer def, GError **err)
{
    return ((const MemoryDevice *)def)->model == MEMORY_DIMM ||
           fail(err, ERR_OPERATION_UNSUPPORTED,
                "memory of model '%s' comes with the start alone: add it to the persistent "
                "definition (--config)",
                word_of(memory_models, ((const MemoryDevice *)def)->model));
}

static const struct {
    const Schema *schema;
    gboolean (*may)(gconstpointer def, GError **err); /* NULL: any */
} live_kinds[] = {
    { &disk_schema, may_plug_disk },
    { &net_schema, may_plug_net },
    { &rng_schema, NULL },
    { &watchdog_schema, NULL },
    { &input_schema, may_plug_input },
    { &redirdev_schema, NULL },
    { &controller_schema, may_plug_controller },
    { &channel_schema, may_plug_channel },
    { &console_schema, may_plug_console },
    { &serial_schema, may_plug_serial },
    { &memory_schema, may_plug_memory },
};

static gboolean
may_plug(const Device *device, const char *what, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(live_kinds); i++)
        if (live_kinds[i].schema == device->schema)
            return !live_kinds[i].may || live_kinds[i].may(device->def, err);
    return fail(
        err, ERR_OPERATION_UNSUPPORTED,
        "live %s of device '%s' is not supported: change the persistent definition (--config), "
        "which takes effect at the next start",
        what, device->schema->name);
}

/* ---- reading what a client wants */

static gboolean
may_unplug_disk(const DiskDef *disk, GError **err)
{
    static const guint64 buses = BIT(DISK_BUS_VIRTIO) | BIT(DISK_BUS_SCSI) | BIT(DISK_BUS_USB);

    if (disk->bus && !(buses & BIT(disk->bus)))
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "disk '%s': This type of disk cannot be hot unplugged, as it is on bus '%s'",
                    disk->target, word_of(disk_buses, disk->bus));
    return TRUE;
}

/* Detaching asks for less: what is there can go. */
static gboolean
may_unplug(const Device *device, GError **err)
{
    if (device->schema == &disk_schema)
        return may_unplug_disk(device->def, err);
    return device->schema == &net_schema || may_plug(device, "detach", err);
}

static gboolean
change_read(const Edit *e, GError **err)
{
    DeviceChange *c = e->data;

    device_done(&c->device);
    return (!(e->impact & IMPACT_LIVE) || vm_need_running(e->vm, err)) &&
           device_parse_noting(c->text, -1, 0, c->unknown, &c->device, err);
}

/* Both definitions get the same card. */
static void
settle_mac(const Device *device)
{
    static const guint8 unsaid[sizeof(((NetDef *)NULL)->mac)];
    NetDef *net = device->schema == &net_schema ? device->def : NULL;

    if (net && memcmp(net->mac, unsaid, sizeof unsaid) == 0)
        net_make_mac(net->mac);
}

static gboolean
attach_read(const Edit *e, GError **err)
{
    const DeviceChange *c = e->data;

    if (!change_read(e, err))
        return FALSE;
    settle_mac(&c->device);
    return check_volume(&c->device, err) &&
           (!(e->impact & IMPACT_LIVE) || may_plug(&c->device, "attach", err));
}

static gboolean
detach_read(const Edit *e, GError **err)
{
    const DeviceChange *c = e->data;

    return change_read(e, err) && (!(e->impact & IMPACT_LIVE) || may_unplug(&c->device, err));
}

static gboolean
may_update(const Device *device, GError **err)
{
    return device->schema == &disk_schema || device->schema == &net_schema ||
           fail(err, ERR_OPERATION_UNSUPPORTED,
                "live update of device '%s' is not supported: change the persistent definition "
                "(--config), which takes effect at the next start",
                device->schema->name);
}

static gboolean
update_read(const Edit *e, GError **err)
{
    const DeviceChange *c = e->data;

    return change_read(e, err) && check_volume(&c->device, err) &&
           (!(e->impact & IMPACT_LIVE) || may_update(&c->device, err));
}

static gboolean
alias_read(const Edit *e, GError **err)
{
    return !(e->impact & IMPACT_LIVE) || vm_need_running(e->vm, err);
}

/* ---- the change */

/* def becomes what changed is, which is taken; NULL: it could not be made. */
static gboolean
become(DomainDef *def, DomainDef *changed)
{
    DomainDef before = *def;

    if (!changed)
        return FALSE;
    *def = *changed;
    *changed = before;
    domain_free(changed);
    return TRUE;
}

/* The document may be wanted again, for the other definition. */
static Device
device_of(const Edit *e)
{
    const DeviceChange *c = e->data;

    return (Device){ c->device.schema, schema_copy(c->device.schema, c->device.def) };
}

static gboolean
attach(DomainDef *def, const Edit *e, GError **err)
{
    const DeviceChange *c = e->data;
    Device device = device_of(e);
    gboolean ok = become(def, domain_attach(def, &device, emulator_context(), err));

    device_done(&device);
    /* Of a domain that runs it is the document that is wrong. */
    if (!ok && e->live && c->device.schema == &disk_schema && err &&
        error_is(*err, ERR_OPERATION_INVALID))
        (*err)->code = ERR_XML;
    return ok && (!e->live || (refused_check(def, NULL, err) && plug_names(def, e, err)));
}

static gboolean
is_free(const DomainDef *live, const Device *device, GError **err)
{
    const ControllerDef *c = device->schema == &controller_schema ? device->def : NULL;

    EACH (const DiskDef, disk, c ? live->devices.disks : NULL)
        if (disk->bus == DISK_BUS_SCSI && disk->info.address.drive.controller == c->index)
            return fail(err, ERR_OPERATION_FAILED, "device cannot be detached: device is busy");
    EACH (const HostdevDef, h, c ? live->devices.hostdevs : NULL)
        if (h->source.type == HOSTDEV_SCSI && h->info.address.drive.controller == c->index)
            return fail(err, ERR_OPERATION_FAILED, "device cannot be detached: device is busy");
    return TRUE;
}

/* Notes which device of the live definition leaves. */
static gboolean
note_leaving(const DomainDef *rest, const Edit *e, GError **err)
{
    DeviceChange *c = e->data;
    g_autoptr(GArray) missing = domain_missing(rest, e->vm->run->live);

    if (missing->len == 0)
        return fail(err, ERR_OPERATION_UNSUPPORTED, "live detach of device '%s' is not supported",
                    c->device.schema ? c->device.schema->name : c->text);
    g_free(c->alias);
    c->alias = g_strdup(device_alias(&g_array_index(missing, Device, 0)));
    return may_unplug(&g_array_index(missing, Device, 0), err) &&
           is_free(e->vm->run->live, &g_array_index(missing, Device, 0), err);
}

static gboolean
detach(DomainDef *def, const Edit *e, GError **err)
{
    const DeviceChange *c = e->data;

    return become(def, domain_detach(def, &c->device, emulator_context(), err)) &&
           (!e->live || note_leaving(def, e, err));
}

static gboolean
detach_alias(DomainDef *def, const Edit *e, GError **err)
{
    const DeviceChange *c = e->data;

    return become(def, domain_detach_alias(def, c->text, emulator_context(), err)) &&
           (!e->live || note_leaving(def, e, err));
}

static gboolean
update(DomainDef *def, const Edit *e, GError **err)
{
    Device device = device_of(e);
    gboolean ok = become(def, domain_update(def, &device, emulator_context(), err));

    device_done(&device);
    return ok && (!e->live || (refused_check(def, NULL, err) && update_settle(def, e, err)));
}

/* ---- its end */

static void
tell_changed(const Edit *e)
{
    DeviceChange *c = e->data;

    vm_note_unknown(e->vm, g_ptr_array_ref(c->unknown), TRUE);
    if (e->impact & IMPACT_CONFIG)
        vm_tell(e->vm, LIFECYCLE_DEFINED, 1);
}

static void
tell_added(const Edit *e)
{
    const DeviceChange *c = e->data;
    Event added = vm_event(e->vm, DOMAIN_EVENT_DEVICE_ADDED);

    added.s[0] = c->alias;
    if (e->impact & IMPACT_LIVE) {
        event_emit(&added);
        outputs_watch(e->vm);
        vm_save_soon(e->vm);
    }
    tell_changed(e);
}

static void
tell_removed(const Edit *e)
{
    const DeviceChange *c = e->data;

    if (c->gone)
        leave_tell(e->vm, c->alias, TRUE);
    tell_changed(e);
}

static DeviceChange *
change_new(const char *text)
{
    DeviceChange *c = g_new0(DeviceChange, 1);

    c->text = g_strdup(text);
    c->unknown = g_ptr_array_new_with_free_func(g_free);
    return c;
}

static void
run_change(Vm *vm, const EditKind *kind, const char *text, guint flags, Asker who, VmDone done,
           gpointer user)
{
    edit_run(edit_new(vm, kind, flags, change_new(text), device_change_free), who, done, user);
}

/* A detach, or another medium: the client hears of it when all is released. */
typedef struct Detach {
    DeviceChange *change; /* of the Edit */
    VmDone done;
    gpointer user;
} Detach;

static void
on_detached(Vm *vm, const GError *err, gpointer user)
{
    g_autofree Detach *d = user;
    const DeviceChange *c = d->change;

    leave_forget(vm, c->alias);
    if (err && c->gone && vm->run && !vm->run->stopping)
        leave_reconcile_later(vm);
    if (!err && c->gone)
        leave_end(vm, c, d->done, d->user);
    else
        d->done(vm, err, d->user);
}

static void
on_updated(Vm *vm, const GError *err, gpointer user)
{
    g_autofree Detach *d = user;

    if (err)
        d->done(vm, err, d->user);
    else
        update_end(vm, d->change, d->done, d->user);
}

static void
run_detach(Vm *vm, const EditKind *kind, DeviceChange *change, guint flags, Asker who, VmDone done,
           gpointer user)
{
    Detach *d = g_new(Detach, 1);

    *d = (Detach){ change, done, user };
    edit_run(edit_new(vm, kind, flags, change, device_change_free), who, on_detached, d);
}

/* A drive that is attached where there is one already: its medium is meant. */
static gboolean
means_medium(Vm *vm, const char *xml, guint flags)
{
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    Device device = { 0 };
    const DiskDef *disk;
    gboolean found = FALSE;

    if (!vm->run || flags & IMPACT_CONFIG ||
        !device_parse_noting(xml, -1, 0, unknown, &device, NULL))
        return FALSE;
    disk = device.schema == &disk_schema ? device.def : NULL;
    if (disk && (disk->device == DISK_CDROM || disk->device == DISK_FLOPPY))
        EACH (const DiskDef, have, vm->run->live->devices.disks)
            found |= g_strcmp0(have->target, disk->target) == 0 && have->device == disk->device;
    device_done(&device);
    return found;
}

void
vm_attach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "attach a device",
                                   .check = attach_read,
                                   .change = attach,
                                   .apply = plug_apply,
                                   .done = tell_added,
                                   .table = &plug_table };

    if (means_medium(vm, xml, flags)) {
        vm_update_device(vm, xml, IMPACT_LIVE, who, done, user);
        return;
    }
    run_change(vm, &kind, xml, flags, who, done, user);
}

void
vm_detach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "detach a device",
                                   .check = detach_read,
                                   .change = detach,
                                   .apply = unplug_apply,
                                   .done = tell_removed,
                                   .table = &unplug_table };
    DeviceChange *c = change_new(xml);

    c->patient = TRUE;
    run_detach(vm, &kind, c, flags, who, done, user);
}

void
vm_update_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    enum { FORCE = 4 };
    static const EditKind kind = { .what = "update a device",
                                   .check = update_read,
                                   .change = update,
                                   .apply = update_apply,
                                   .done = tell_changed,
                                   .table = &update_table };
    DeviceChange *c = change_new(xml);

    Detach *d;

    c->force = (flags & FORCE) != 0;
    d = g_new(Detach, 1);
    *d = (Detach){ c, done, user };
    edit_run(edit_new(vm, &kind, flags, c, device_change_free), who, on_updated, d);
}

void
vm_detach_alias(Vm *vm, const char *alias, guint flags, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "detach a device by alias",
                                   .check = alias_read,
                                   .change = detach_alias,
                                   .apply = unplug_apply,
                                   .done = tell_removed,
                                   .table = &unplug_table };

    run_detach(vm, &kind, change_new(alias), flags, who, done, user);
}
