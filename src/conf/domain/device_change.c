/* Copies of a definition with one device added, removed or changed. Clients expect certain error
 * codes for each kind of device; the table has those. */
#include "check/check.h"
#include "device.h"
#include "fill/fill.h"

#include <string.h>

#include "conf/lists.h"

enum {
    ATTACH = 1 << 0,
    DETACH = 1 << 1,
    UPDATE = 1 << 2,
    UNIQUE = 1 << 3,   /* a second one that is the same is refused */
    COMPLETE = 1 << 4, /* compared with defaults filled in */
    JUDGED = 1 << 5,   /* what is wrong with it comes before that it cannot be done at all */
};

typedef struct ChangeKind {
    const Schema *schema;
    guint can;
    DeviceSame same;
    Err absent; /* code when there is none to detach */
} ChangeKind;

static const ChangeKind kinds[] = {
    { &disk_schema, ATTACH | DETACH | UPDATE | UNIQUE, disk_same, ERR_DEVICE_MISSING },
    { &controller_schema, ATTACH | DETACH | UNIQUE, controller_same, ERR_DEVICE_MISSING },
    { &lease_schema, ATTACH | DETACH | UNIQUE, lease_same, ERR_DEVICE_MISSING },
    { &filesystem_schema, ATTACH | DETACH | UNIQUE, filesystem_same, ERR_DEVICE_MISSING },
    { &net_schema, ATTACH | DETACH | UPDATE, net_same, ERR_DEVICE_MISSING },
    { &serial_schema, ATTACH | DETACH | UNIQUE | COMPLETE, serial_same, ERR_INVALID_ARG },
    { &parallel_schema, ATTACH | DETACH | UNIQUE | COMPLETE, serial_same, ERR_INVALID_ARG },
    { &console_schema, ATTACH | DETACH | UNIQUE | COMPLETE, console_same, ERR_INVALID_ARG },
    { &channel_schema, ATTACH | DETACH | UNIQUE | COMPLETE, channel_same, ERR_INVALID_ARG },
    { &input_schema, ATTACH | DETACH | COMPLETE, input_same, ERR_DEVICE_MISSING },
    { &graphics_schema, UPDATE, graphics_same, ERR_INVALID_ARG },
    { &sound_schema, ATTACH | DETACH | COMPLETE, sound_same, ERR_DEVICE_MISSING },
    { &hostdev_schema, ATTACH | DETACH | UNIQUE, hostdev_same, ERR_DEVICE_MISSING },
    { &redirdev_schema, ATTACH | DETACH, redirdev_same, ERR_DEVICE_MISSING },
    { &watchdog_schema, ATTACH | DETACH | UNIQUE | COMPLETE, watchdog_same, ERR_DEVICE_MISSING },
    { &rng_schema, ATTACH | DETACH | COMPLETE, rng_same, ERR_DEVICE_MISSING },
    { &shmem_schema, ATTACH | DETACH | UNIQUE | COMPLETE, shmem_same, ERR_DEVICE_MISSING },
    { &memory_schema, ATTACH | DETACH | UPDATE | COMPLETE, memory_same, ERR_DEVICE_MISSING },
    { &iommu_schema, ATTACH | DETACH | UNIQUE, any_same, ERR_OPERATION_FAILED },
    { &vsock_schema, ATTACH | DETACH | COMPLETE, vsock_same, ERR_OPERATION_FAILED },
    { &audio_schema, JUDGED, NULL, 0 },
    { &video_schema, JUDGED, NULL, 0 },
    { &smartcard_schema, JUDGED, NULL, 0 },
    { &nvram_device_schema, JUDGED, NULL, 0 },
};

static const ChangeKind *
kind_find(const Schema *schema)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (kinds[i].schema == schema)
            return &kinds[i];
    return NULL;
}

/* ---- where a definition keeps devices of a kind: a list or a single pointer */

typedef struct DevicePlace {
    gboolean single;
    gpointer at;
} DevicePlace;

static DevicePlace
place_of(DomainDef *def, const Schema *schema)
{
    for (const Field *f = devices_schema.fields; f->kind != F_END; f++)
        if ((f->kind == F_LIST || f->kind == F_PTR) && f->arg == schema)
            return (DevicePlace){ f->kind == F_PTR, G_STRUCT_MEMBER_P(&def->devices, f->offset) };
    g_assert_not_reached();
}

static guint
place_count(DevicePlace place)
{
    return place.single ? *(gpointer *)place.at != NULL : list_length(*(GPtrArray **)place.at);
}

static gpointer *
place_item(DevicePlace place, guint n)
{
    return place.single ? place.at : &(*(GPtrArray **)place.at)->pdata[n];
}

static void
place_add(DevicePlace place, gpointer device)
{
    if (place.single)
        *(gpointer *)place.at = device;
    else
        list_append(place.at, device);
}

static gpointer
place_take(DevicePlace place, guint n)
{
    gpointer device = *place_item(place, n);

    if (place.single) {
        *(gpointer *)place.at = NULL;
        return device;
    }
    g_ptr_array_remove_index(*(GPtrArray **)place.at, n);
    if (place_count(place) == 0)
        g_clear_pointer((GPtrArray **)place.at, g_ptr_array_unref);
    return device;
}

/* ---- which one */

/* For messages: "<disk> 'vda'". */
static char *
device_title(const Schema *schema, gconstpointer device)
{
    const char *name = NULL;

    if (schema == &disk_schema)
        name = ((const DiskDef *)device)->target;
    else if (schema == &filesystem_schema)
        name = ((const FsDef *)device)->target;
    else if (schema == &lease_schema)
        name = ((const LeaseDef *)device)->key;
    else if (schema == &controller_schema)
        name = word_of(controller_types, ((const ControllerDef *)device)->type);
    return g_strdup_printf(name ? "<%s> '%s'" : "<%s>", schema->name, name);
}

static gboolean
is_char(const Schema *schema)
{
    return schema == &serial_schema || schema == &parallel_schema || schema == &console_schema ||
           schema == &channel_schema;
}

/* Restores what the document says: filling has added addresses and numbers, which would otherwise
 * be compared. */
static void
keep_written(const Schema *schema, gpointer filled, gconstpointer written)
{
    DeviceInfo *info = device_info(schema, filled);
    g_autofree DeviceInfo *said = schema_copy(&device_info_schema,
                                              device_info(schema, (gpointer)written));

    schema_done(&device_info_schema, info);
    *info = *said;
    if (is_char(schema)) {
        ((CharDef *)filled)->port = ((const CharDef *)written)->port;
        ((CharDef *)filled)->has_port = ((const CharDef *)written)->has_port;
    }
}

/* The device with the values that this domain's machine would fill in. */
static gpointer
device_completed(const DomainDef *def, const Device *device, const ConfContext *context)
{
    g_autoptr(DomainDef) scratch = domain_copy(def);
    g_autofree char *emulator = g_steal_pointer(&scratch->devices.emulator);
    gpointer copy = schema_copy(device->schema, device->def);
    DevicePlace place;

    schema_done(&devices_schema, &scratch->devices);
    scratch->devices.emulator = g_steal_pointer(&emulator);
    place = place_of(scratch, device->schema);
    place_add(place, copy);
    domain_complete(scratch, context, NULL); /* it may well not stand alone */
    for (guint i = 0; i < place_count(place); i++)
        if (*place_item(place, i) == copy)
            place_take(place, i);
    keep_written(device->schema, copy, device->def);
    return copy;
}

/* The device must be filled in before it is compared, which takes a known emulator. */
static gboolean
knows_machine(const DomainDef *def, const ConfContext *context, GError **err)
{
    return context->lookup(def->devices.emulator, def->os.arch, def->virt_type, context->user,
                           err) != NULL;
}

/* The number of devices that match; *ret_at is the place of the first. */
static guint
count_same(DomainDef *def, const ChangeKind *kind, const Device *device, const ConfContext *context,
           guint *ret_at)
{
    DevicePlace place = place_of(def, kind->schema);
    gpointer completed = kind->can & COMPLETE && place_count(place) > 0
                             ? device_completed(def, device, context)
                             : NULL;
    guint n = 0;

    for (guint i = place_count(place); i-- > 0;) {
        if (!kind->same(*place_item(place, i), completed ?: device->def))
            continue;
        n++;
        *ret_at = i;
    }
    schema_free(kind->schema, completed);
    return n;
}

static gboolean
find_same(DomainDef *def, const ChangeKind *kind, const Device *device, const ConfContext *context,
          Err absent, guint *ret_at, GError **err)
{
    g_autofree char *title = device_title(device->schema, device->def);
    guint n = count_same(def, kind, device, context, ret_at);

    if (n == 0)
        return fail(err, absent, "domain '%s' has no such %s", def->name, title);
    if (n > 1 && kind->schema == &net_schema)
        return fail(err, ERR_OPERATION_FAILED,
                    "domain '%s' has %u such %s: tell them apart by MAC address and <address>",
                    def->name, n, title);
    return TRUE;
}

/* ---- attach */

/* Checks the controller on its own, before filling gives it numbers. */
static gboolean
check_pci_controller(const ControllerDef *c, GError **err)
{
    static const ControllerPci none;
    const ControllerPci *pci = c->pci ? c->pci : &none;
    gboolean port = c->model == MODEL_PCIE_ROOT_PORT ||
                    c->model == MODEL_PCIE_SWITCH_DOWNSTREAM_PORT;
    gboolean expander = c->model == MODEL_PCI_EXPANDER_BUS || c->model == MODEL_PCIE_EXPANDER_BUS;
    const char *missing = NULL;

    if (c->type != CONTROLLER_PCI || c->model == MODEL_PCI_ROOT || c->model == MODEL_PCIE_ROOT)
        return TRUE;
    if (!pci->model_name)
        missing = "<model name>";
    else if (port && !pci->has_chassis)
        missing = "<target chassis>";
    else if (port && !pci->has_port)
        missing = "<target port>";
    else if (c->model == MODEL_PCI_BRIDGE && !pci->has_chassis_nr)
        missing = "<target chassisNr>";
    else if (expander && !pci->has_bus_nr)
        missing = "<target busNr>";
    return !missing || fail(err, ERR_PLAIN, "controller of type 'pci', model '%s', needs %s",
                            word_of(controller_models, c->model) ?: "", missing);
}

static gboolean
check_memory_device(const DomainDef *def, const MemoryDevice *m, GError **err)
{
    const GPtrArray *cells = def->cpu && def->cpu->numa ? def->cpu->numa->cells : NULL;

    if (list_length(cells) == 0)
        return fail(err, ERR_XML_DETAIL, "domain '%s' has no NUMA cells that memory could join",
                    def->name);
    if (m->has_node && m->node >= list_length(cells))
        return fail(err, ERR_XML_DETAIL, "domain '%s' has no NUMA cell %u, only %u of them",
                    def->name, m->node, list_length(cells));
    return def->memory + m->size <= def->max_memory ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "memory of %" G_GUINT64_FORMAT " KiB more is beyond the <maxMemory> of "
                "domain '%s', %" G_GUINT64_FORMAT " KiB",
                m->size, def->name, def->max_memory);
}

/* The first console is the first serial port, and comes and goes with it. */
static gboolean
is_serial_console(const Device *device)
{
    const CharDef *c = device->def;

    return device->schema == &console_schema &&
           (!c->target_type || c->target_type == CONSOLE_SERIAL);
}

/* In a whole definition port 0 may be written where it does not matter; a port that is added
 * matters. */
static gboolean
check_port_free(const DomainDef *def, const CharDef *serial, GError **err)
{
    EACH (CharDef, other, def->devices.serials)
        if (serial->has_port && serial->port == other->port && other->target_type == SERIAL_ISA &&
            (!serial->target_type || serial->target_type == SERIAL_ISA))
            return fail(err, ERR_PLAIN, "domain '%s' has a <serial> with port %d already",
                        def->name, serial->port);
    return TRUE;
}

static gboolean
may_attach(DomainDef *def, const ChangeKind *kind, const Device *device, const ConfContext *context,
           GError **err)
{
    DevicePlace place = place_of(def, kind->schema);
    g_autofree char *title = device_title(device->schema, device->def);
    guint at;

    if (is_serial_console(device))
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "a console of target type 'serial' comes with its <serial>");
    if (device->schema == &controller_schema && !check_pci_controller(device->def, err))
        return FALSE;
    if (device->schema == &memory_schema && !check_memory_device(def, device->def, err))
        return FALSE;
    if (place.single ? place_count(place) > 0
                     : kind->can & UNIQUE && count_same(def, kind, device, context, &at) > 0)
        return fail(err, ERR_OPERATION_INVALID, "domain '%s' has such a %s already", def->name,
                    title);
    return device->schema != &serial_schema || check_port_free(def, device->def, err);
}

/* Disks stand in the order of their buses and targets, so the bus counts before all is filled. */
static void
settle_bus(const DomainDef *def, const Device *device, const ConfContext *context)
{
    DiskDef *disk = device->def, *completed;

    if (device->schema != &disk_schema || disk->bus)
        return;
    completed = device_completed(def, device, context);
    disk->bus = completed->bus;
    schema_free(&disk_schema, completed);
}

/* The first serial port is the console too, where it is added to a machine that had none. */
static void
add_console(DomainDef *def, const CharDef *serial)
{
    const CharDef *first = list_item(def->devices.consoles, 0);
    CharDef *console;

    if (list_length(def->devices.serials) > 0 || (first && first->target_type == CONSOLE_SERIAL))
        return;
    console = schema_new(&console_schema);
    console->target_type = CONSOLE_SERIAL;
    if (serial->info.address.type == ADDRESS_ISA)
        console->info.address = serial->info.address;
    list_insert(&def->devices.consoles, 0, console);
}

/* Gives a USB controller of model 'none' its number, which the checks use. */
static void
number_usb_none(const DomainDef *def, ControllerDef *c)
{
    if (c->type != CONTROLLER_USB || c->model != MODEL_NONE || c->has_index)
        return;
    while (controller_find(def, CONTROLLER_USB, c->index))
        c->index++;
    c->has_index = TRUE;
}

static void
add_device(DomainDef *def, Device *device)
{
    if (device->schema == &console_schema)
        ((CharDef *)device->def)->has_port = FALSE;
    if (device->schema == &controller_schema)
        number_usb_none(def, device->def);
    if (device->schema == &serial_schema)
        add_console(def, device->def);
    if (device->schema == &memory_schema)
        def->current_memory += ((const MemoryDevice *)device->def)->size;
    place_add(place_of(def, device->schema), g_steal_pointer(&device->def));
}

/* Checks a device by itself, before the domain gives it an address. */
static gboolean
judge_alone(const Device *device, GError **err)
{
    const Address *seat = &((const SmartcardDef *)device->def)->info.address;
    const VideoDef *video = device->def;

    if (device->schema == &video_schema)
        return video->primary == YES || video_is_secondary(video) ||
               fail(err, ERR_CONFIG_UNSUPPORTED,
                    "video model '%s' can only be the primary video device",
                    video_types[video->type]);
    return device->schema != &smartcard_schema ||
           (seat->type == ADDRESS_CCID && seat->ccid.controller == 0 && seat->ccid.slot == 0) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "a smartcard that is added must have its <address> in slot 0 of controller 0");
}

/* For kinds of devices that cannot be changed in this way. */
static DomainDef *
refuse(DomainDef *def, const ChangeKind *kind, Device *device, const char *what,
       const ConfContext *context, GError **err)
{
    DevicePlace place = place_of(def, device->schema);
    gboolean full = (place.single || device->schema == &smartcard_schema) && place_count(place) > 0;

    if (kind && !judge_alone(device, err))
        return NULL;
    if (kind && kind->can & JUDGED && device->schema != &video_schema && !full) {
        add_device(def, device);
        if (!domain_settle(def, context, err))
            return NULL;
    }
    fail(err, ERR_OPERATION_UNSUPPORTED, "persistent %s of device '%s' is not supported", what,
         device->schema->name);
    return NULL;
}

DomainDef *
domain_attach(const DomainDef *def, Device *device, const ConfContext *context, GError **err)
{
    g_autoptr(DomainDef) copy = domain_copy(def);
    const ChangeKind *kind = kind_find(device->schema);

    if (!knows_machine(def, context, err))
        return NULL;
    if (!kind || !(kind->can & ATTACH))
        return refuse(copy, kind, device, "attach", context, err);
    if (!may_attach(copy, kind, device, context, err))
        return NULL;
    settle_bus(copy, device, context);
    add_device(copy, device);
    return domain_settle(copy, context, err) ? g_steal_pointer(&copy) : NULL;
}

/* ---- detach */

static void
shrink_memory(DomainDef *def, const MemoryDevice *device)
{
    def->current_memory -= MIN(def->current_memory, device->size);
}

static void
remove_device(DomainDef *def, const Schema *schema, guint at)
{
    const CharDef *console = list_item(def->devices.consoles, 0);
    gpointer device = place_take(place_of(def, schema), at);

    if (schema == &memory_schema)
        shrink_memory(def, device);
    schema_free(schema, device);
    if (schema == &serial_schema && at == 0 && console && console->target_type == CONSOLE_SERIAL)
        schema_free(&console_schema, place_take(place_of(def, &console_schema), 0));
}

DomainDef *
domain_detach(const DomainDef *def, const Device *device, const ConfContext *context, GError **err)
{
    g_autoptr(DomainDef) copy = domain_copy(def);
    const ChangeKind *kind = kind_find(device->schema);
    guint at;

    if (!knows_machine(def, context, err))
        return NULL;
    if (!kind || !(kind->can & DETACH))
        return refuse(copy, NULL, (Device *)device, "detach", context, err);
    if (is_serial_console(device)) {
        fail(err, ERR_OPERATION_INVALID,
             "a console of target type 'serial' goes with its <serial>");
        return NULL;
    }
    if (!find_same(copy, kind, device, context, kind->absent, &at, err))
        return NULL;
    remove_device(copy, kind->schema, at);
    return domain_complete(copy, context, err) ? g_steal_pointer(&copy) : NULL;
}

typedef struct NamedDevice {
    const char *alias;
    Device device; /* borrowed */
} NamedDevice;

static gboolean
visit_alias(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    NamedDevice *named = user;

    if (g_strcmp0(info->alias, named->alias) != 0)
        return TRUE;
    named->device = (Device){ schema, device };
    return FALSE;
}

DomainDef *
domain_detach_alias(const DomainDef *def, const char *alias, const ConfContext *context,
                    GError **err)
{
    g_autoptr(DomainDef) copy = domain_copy(def);
    NamedDevice named = { .alias = alias };
    const ChangeKind *kind;
    DevicePlace place;

    if (domain_each_device(copy, visit_alias, &named)) {
        fail(err, ERR_PLAIN, "domain '%s' has no device with alias '%s'", def->name, alias);
        return NULL;
    }
    kind = kind_find(named.device.schema);
    if (!kind || !(kind->can & DETACH))
        return refuse(copy, NULL, &named.device, "detach", context, err);
    place = place_of(copy, kind->schema);
    for (guint i = 0; i < place_count(place); i++) {
        if (*place_item(place, i) == named.device.def) {
            remove_device(copy, kind->schema, i);
            break;
        }
    }
    return domain_complete(copy, context, err) ? g_steal_pointer(&copy) : NULL;
}

/* ---- update */

/* A document without <address> leaves the device where it is, unless it moves to another bus. */
static void
keep_seat(const Schema *schema, gconstpointer old, gpointer changed)
{
    const DeviceInfo *from = device_info(schema, (gpointer)old);
    DeviceInfo *to = device_info(schema, changed);
    g_autofree Address *address = NULL;

    if (!to || to->address.type)
        return;
    if (schema == &disk_schema && ((const DiskDef *)changed)->bus &&
        ((const DiskDef *)changed)->bus != ((const DiskDef *)old)->bus)
        return;
    address = schema_copy(&address_schema, &from->address);
    to->address = *address;
}

/* A memory device keeps its slot, so the new document may not name one. */
static gboolean
check_no_slot(const MemoryDevice *memory, GError **err)
{
    return memory->info.address.type != ADDRESS_DIMM ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "memory slot %u is taken: leave the <address> out to update the device in it",
                memory->info.address.dimm.slot);
}

DomainDef *
domain_update(const DomainDef *def, Device *device, const ConfContext *context, GError **err)
{
    g_autoptr(DomainDef) copy = domain_copy(def);
    const ChangeKind *kind = kind_find(device->schema);
    gpointer *item;
    Err absent;
    guint at;

    if (!knows_machine(def, context, err))
        return NULL;
    if (!kind || !(kind->can & UPDATE))
        return refuse(copy, kind, device, "update", context, err);
    absent = kind->schema == &net_schema ? ERR_DEVICE_MISSING : ERR_INVALID_ARG;
    if (!find_same(copy, kind, device, context, absent, &at, err))
        return NULL;
    if (device->schema == &memory_schema && !check_no_slot(device->def, err))
        return NULL;
    settle_bus(copy, device, context);
    item = place_item(place_of(copy, kind->schema), at);
    keep_seat(kind->schema, *item, device->def);
    schema_free(kind->schema, *item);
    *item = g_steal_pointer(&device->def);
    return domain_settle(copy, context, err) ? g_steal_pointer(&copy) : NULL;
}
