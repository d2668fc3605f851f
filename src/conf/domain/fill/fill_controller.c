/* Controllers: their numbers, order and models; those that a machine has, and those that devices
 * need. */
#include "conf/rows.h"
#include "fill.h"

#include <string.h>

gboolean
controller_is_ich9(const ControllerDef *c)
{
    return c->type == CONTROLLER_USB && c->model >= MODEL_ICH9_EHCI1 &&
           c->model <= MODEL_ICH9_UHCI3;
}

gboolean
controller_is_companion(const ControllerDef *c)
{
    return controller_is_ich9(c) && c->model != MODEL_ICH9_EHCI1;
}

ControllerDef *
controller_find(const DomainDef *def, int type, guint32 index)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == type && c->has_index && c->index == index)
            return c;
    return NULL;
}

/* One without a number goes behind those of its type, and lets others pass only when they are told
 * apart by numbers. */
static gboolean
stands_before(const ControllerDef *c, const ControllerDef *other)
{
    if (!c->has_index || !other->has_index || c->index > other->index)
        return FALSE;
    /* the master of a USB 2 controller leads its companions */
    return c->index < other->index || (c->type == CONTROLLER_USB && !controller_is_companion(c) &&
                                       controller_is_companion(other));
}

static void
controller_insert(DomainDef *def, ControllerDef *controller)
{
    GPtrArray *all = def->devices.controllers;
    guint at = list_length(all);
    gboolean found = FALSE;

    for (guint i = list_length(all); i-- > 0;) {
        const ControllerDef *other = all->pdata[i];

        if (other->type != controller->type)
            continue;
        if (stands_before(controller, other))
            at = i;
        else if (!found)
            at = i + 1;
        found = TRUE;
    }
    list_insert(&def->devices.controllers, at, controller);
}

ControllerDef *
controller_add(DomainDef *def, int type, guint32 index, int model)
{
    ControllerDef *c = schema_new(&controller_schema);

    c->type = type;
    c->index = index;
    c->has_index = TRUE;
    c->model = model;
    controller_insert(def, c);
    return c;
}

/* ---- numbers, order and models of what is written */

static gboolean
has_model_at(const DomainDef *def, const ControllerDef *like, guint32 index)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == like->type && c->has_index && c->index == index && c->model == like->model)
            return TRUE;
    return FALSE;
}

/* The numbers of one type that are given out, and where the search for a free one goes on. */
typedef struct ControllerNumbers {
    GHashTable *taken; /* index */
    guint32 next;
} ControllerNumbers;

/* By type. */
static GArray *
numbers_new(const DomainDef *def)
{
    GArray *all = g_array_new(FALSE, TRUE, sizeof(ControllerNumbers));

    g_array_set_size(all, CONTROLLER_NVME + 1);
    for (guint i = 0; i < all->len; i++)
        g_array_index(all, ControllerNumbers, i).taken = g_hash_table_new(NULL, NULL);
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->has_index)
            g_hash_table_add(g_array_index(all, ControllerNumbers, c->type).taken,
                             GUINT_TO_POINTER(c->index));
    return all;
}

static void
numbers_free(GArray *all)
{
    for (guint i = 0; i < all->len; i++)
        g_hash_table_unref(g_array_index(all, ControllerNumbers, i).taken);
    g_array_unref(all);
}

static guint32
numbers_take(GArray *all, int type)
{
    ControllerNumbers *n = &g_array_index(all, ControllerNumbers, type);

    while (!g_hash_table_add(n->taken, GUINT_TO_POINTER(n->next)))
        n->next++;
    return n->next++;
}

/* Parts of one USB 2 controller that follow each other share their number. */
static void
number_controller(const DomainDef *def, GArray *numbers, ControllerDef *c,
                  const ControllerDef *last)
{
    if (last && controller_is_ich9(c) && controller_is_ich9(last) &&
        !has_model_at(def, c, last->index))
        c->index = last->index;
    else
        c->index = numbers_take(numbers, c->type);
    c->has_index = TRUE;
}

static gboolean
check_root(const Fill *f, GError **err)
{
    const ControllerDef *root = controller_find(f->def, CONTROLLER_PCI, 0);
    int model = f->board->root;

    if (!root || !model || root->model == model)
        return TRUE;
    return fail(err, ERR_XML,
                "The PCI controller with index='0' must be model='%s' for this machine type, "
                "but model='%s' was found instead",
                word_of(controller_models, model), word_of(controller_models, root->model) ?: "");
}

static void
sort_controllers(DomainDef *def)
{
    g_autoptr(GPtrArray) written = g_steal_pointer(&def->devices.controllers);

    EACH (ControllerDef, c, written)
        controller_insert(def, c);
}

gboolean
fill_controller_numbers(Fill *f, GError **err)
{
    GPtrArray *all = f->def->devices.controllers;
    GArray *numbers = numbers_new(f->def);
    const ControllerDef *last = NULL;
    gboolean sort = FALSE;

    EACH (ControllerDef, c, all) {
        /* its siblings may stand anywhere */
        sort = sort || (!c->has_index && controller_is_ich9(c) && last);
        if (!c->has_index)
            number_controller(f->def, numbers, c, last);
        last = c;
    }
    numbers_free(numbers);
    if (sort)
        sort_controllers(f->def);
    return check_root(f, err);
}

static int
default_usb_model(const Fill *f)
{
    const int model = f->board->usb_model;

    if (model != MODEL_QEMU_XHCI &&
        (model != MODEL_PIIX3_UHCI || caps_has_device(f->caps, "piix3-usb-uhci")))
        return model;
    return caps_has_device(f->caps, "qemu-xhci") ? MODEL_QEMU_XHCI : MODEL_NEC_XHCI;
}

static int
default_scsi_model(const Fill *f)
{
    const int model = f->board->scsi_model;

    if (model != MODEL_LSILOGIC || caps_has_device(f->caps, "lsi53c895a"))
        return model;
    return MODEL_VIRTIO_SCSI;
}

/* The first port of each companion on the bus of its master. */
static void
fill_companion(ControllerDef *c)
{
    static const guint32 first[] = { 0, 2, 4 };

    if (!controller_is_companion(c) || c->info.has_startport)
        return;
    c->info.startport = c->info.has_master ? 0 : first[c->model - MODEL_ICH9_UHCI1];
    c->info.has_startport = TRUE;
}

/* What is left of a running one is its name. */
static void
drop_seat(DeviceInfo *info)
{
    char *alias = g_steal_pointer(&info->alias);

    if (alias && g_str_has_prefix(alias, USER_ALIAS))
        g_clear_pointer(&alias, g_free);
    schema_done(&device_info_schema, info);
    *info = (DeviceInfo){ .alias = alias };
}

/* Drops fields that belong to other kinds of controllers. */
static void
drop_others(ControllerDef *c)
{
    const guint with_ports = BIT(CONTROLLER_USB) | BIT(CONTROLLER_VIRTIO_SERIAL);

    if (!(with_ports & BIT(c->type)))
        c->has_ports = FALSE;
    if (c->type != CONTROLLER_VIRTIO_SERIAL)
        c->has_vectors = FALSE;
    if (c->type != CONTROLLER_NVME)
        g_clear_pointer(&c->serial, g_free);
    if (c->model != MODEL_PCI_ROOT && c->model != MODEL_PCIE_ROOT)
        c->has_pcihole64 = FALSE;
    if (c->type == CONTROLLER_USB && c->model == MODEL_NONE) /* it has no address */
        drop_seat(&c->info);
}

static void
fill_model(const Fill *f, ControllerDef *c)
{
    if (c->type == CONTROLLER_SCSI && (!c->model || c->model == MODEL_AUTO))
        c->model = default_scsi_model(f);
    else if (c->type == CONTROLLER_USB && !c->model)
        c->model = default_usb_model(f);
    fill_companion(c);
    drop_others(c);
}

gboolean
fill_controllers(Fill *f, GError **err)
{
    EACH (ControllerDef, untyped, f->def->devices.controllers)
        if (!untyped->type)
            untyped->type = CONTROLLER_IDE;
    if (f->def->devices.controllers)
        sort_controllers(f->def);
    EACH (ControllerDef, c, f->def->devices.controllers)
        fill_model(f, c);
    return TRUE;
}

gboolean
fill_controller_order(Fill *f, GError **err G_GNUC_UNUSED)
{
    sort_controllers(f->def);
    return TRUE;
}

/* ---- of the machine */

static void
add_default_usb(Fill *f, int model)
{
    if (controller_find(f->def, CONTROLLER_USB, 0))
        return;
    if (model == MODEL_PIIX3_UHCI ||
        (model == MODEL_QEMU_XHCI && !caps_has_device(f->caps, "qemu-xhci")))
        model = default_usb_model(f);
    controller_add(f->def, CONTROLLER_USB, 0, model);
}

/* Several roots are distinguished by the number of the host bridge; the first is 0. */
void
fill_pci_roots(Fill *f)
{
    g_autoptr(Bitmap) taken = bitmap_new();
    guint32 next = 1;

    if (!board_has(f->board, BOARD_SPAPR))
        return;
    EACH (ControllerDef, c, f->def->devices.controllers)
        if (c->type == CONTROLLER_PCI && c->pci && c->pci->has_index)
            bitmap_set(taken, c->pci->index);
    EACH (ControllerDef, root, f->def->devices.controllers) {
        if (root->type != CONTROLLER_PCI || root->model != MODEL_PCI_ROOT)
            continue;
        if (!root->pci)
            root->pci = g_new0(ControllerPci, 1);
        if (!root->pci->model_name)
            root->pci->model_name = word_find(pci_model_names, "spapr-pci-host-bridge");
        if (root->pci->has_index)
            continue;
        while (root->index > 0 && bitmap_test(taken, next))
            next++;
        root->pci->index = root->index > 0 ? next : 0;
        root->pci->has_index = TRUE;
        bitmap_set(taken, root->pci->index);
    }
}

gboolean
fill_machine_controllers(Fill *f, GError **err G_GNUC_UNUSED)
{
    if (f->board->usb)
        add_default_usb(f, f->board->usb);
    if (f->q35 && !controller_find(f->def, CONTROLLER_SATA, 0))
        controller_add(f->def, CONTROLLER_SATA, 0, 0);
    if (f->board->root && !controller_find(f->def, CONTROLLER_PCI, 0))
        controller_add(f->def, CONTROLLER_PCI, 0, f->board->root);
    fill_pci_roots(f);
    return TRUE;
}

/* ---- of the devices */

static void
need(Fill *f, int type, guint32 index)
{
    if (!controller_find(f->def, type, index))
        controller_add(f->def, type, index, type == CONTROLLER_SCSI ? default_scsi_model(f) : 0);
}

static void
need_upto(Fill *f, int type, int last)
{
    for (int i = 0; i <= last; i++)
        need(f, type, (guint32)i);
}

static const struct {
    int bus, controller;
    gboolean alone; /* a board has one */
} drive_buses[] = {
    { DISK_BUS_SCSI, CONTROLLER_SCSI, FALSE },
    { DISK_BUS_FDC, CONTROLLER_FDC, TRUE },
    { DISK_BUS_IDE, CONTROLLER_IDE, TRUE },
    { DISK_BUS_SATA, CONTROLLER_SATA, FALSE },
};

static int
last_drive_controller(const DomainDef *def, int bus)
{
    int last = -1;

    EACH (DiskDef, disk, def->devices.disks)
        if (disk->bus == bus && disk->info.address.type == ADDRESS_DRIVE)
            last = MAX(last, (int)disk->info.address.drive.controller);
    return last;
}

static void
need_for_chars(Fill *f)
{
    EACH (CharDef, channel, f->def->devices.channels)
        if (channel->target_type == CHANNEL_VIRTIO)
            need(f, CONTROLLER_VIRTIO_SERIAL,
                 channel->info.address.type == ADDRESS_VIRTIO_SERIAL
                     ? channel->info.address.vserial.controller
                     : 0);
    EACH (CharDef, console, f->def->devices.consoles)
        if (console->target_type == CONSOLE_VIRTIO)
            need(f, CONTROLLER_VIRTIO_SERIAL,
                 console->info.address.type == ADDRESS_VIRTIO_SERIAL
                     ? console->info.address.vserial.controller
                     : 0);
}

/* A document may name any number, and each below it is a controller. */
static gboolean
check_number(guint32 last, GError **err)
{
    enum { CONTROLLERS = 1024 };

    return last < CONTROLLERS ||
           fail(err, ERR_XML, "a drive's address names controller %u; %d are the most", last,
                CONTROLLERS);
}

/* Adds SCSI controllers of the model that is there, up to that index. */
static gboolean
need_scsi_upto(Fill *f, guint32 last, GError **err)
{
    int model = default_scsi_model(f);

    if (!check_number(last, err))
        return FALSE;
    for (guint32 i = 0; i <= last; i++) {
        const ControllerDef *c = controller_find(f->def, CONTROLLER_SCSI, i);

        if (c && c->model && c->model != MODEL_AUTO)
            model = c->model;
        if (!c)
            controller_add(f->def, CONTROLLER_SCSI, i, model);
    }
    return TRUE;
}

gboolean
fill_hostdev_controllers(Fill *f, GError **err)
{
    guint32 last = 0;
    gboolean some = FALSE;

    EACH (HostdevDef, hostdev, f->def->devices.hostdevs) {
        if (hostdev->source.type != HOSTDEV_SCSI || hostdev->info.address.type != ADDRESS_DRIVE)
            continue;
        last = MAX(last, hostdev->info.address.drive.controller);
        some = TRUE;
    }
    return !some || need_scsi_upto(f, last, err);
}

gboolean
fill_needed_controllers(Fill *f, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(drive_buses); i++) {
        int last = last_drive_controller(f->def, drive_buses[i].bus);

        if (drive_buses[i].alone && last > 0)
            return fail(err, ERR_PLAIN, "Only 1 %s controller is supported",
                        drive_buses[i].bus == DISK_BUS_IDE ? "IDE" : "fdc");
        if (last > 0 && !check_number((guint32)last, err))
            return FALSE;
        need_upto(f, drive_buses[i].controller, last);
    }
    need_for_chars(f);
    EACH (SmartcardDef, card, f->def->devices.smartcards)
        need(f, CONTROLLER_CCID,
             card->info.address.type == ADDRESS_CCID ? card->info.address.ccid.controller : 0);
    return TRUE;
}
