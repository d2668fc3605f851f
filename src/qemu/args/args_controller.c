/* Controllers: PCI topology, USB, controllers of disks and serial ports. Controllers that the
 * machine has by itself are left out. */
#include "args_priv.h"

#include <string.h>

/* ---- PCI */

typedef struct PciRow {
    int model;
    const char *driver; /* when the document names none */
} PciRow;

static const PciRow pci_rows[] = {
    { MODEL_PCI_BRIDGE, "pci-bridge" },
    { MODEL_DMI_TO_PCI_BRIDGE, "i82801b11-bridge" },
    { MODEL_PCIE_TO_PCI_BRIDGE, "pcie-pci-bridge" },
    { MODEL_PCIE_ROOT_PORT, "pcie-root-port" },
    { MODEL_PCIE_SWITCH_UPSTREAM_PORT, "x3130-upstream" },
    { MODEL_PCIE_SWITCH_DOWNSTREAM_PORT, "xio3130-downstream" },
    { MODEL_PCI_EXPANDER_BUS, "pxb" },
    { MODEL_PCIE_EXPANDER_BUS, "pxb-pcie" },
};

static const char *
pci_driver(const ControllerDef *c)
{
    const char *named = c->pci != NULL ? word_of(pci_model_names, c->pci->model_name) : NULL;

    if (named != NULL)
        return named;
    for (guint i = 0; i < G_N_ELEMENTS(pci_rows); i++)
        if (pci_rows[i].model == c->model)
            return pci_rows[i].driver;
    return NULL;
}

static json_object *
pci_device(const ControllerDef *c)
{
    static const ControllerPci none;
    const ControllerPci *p = c->pci != NULL ? c->pci : &none;
    const char *driver = pci_driver(c);
    json_object *o;

    if (c->model == MODEL_PCI_ROOT)
        return spapr_bridge(c);
    o = driver != NULL ? props_new(driver) : NULL;
    if (o == NULL)
        return NULL;
    if (p->has_chassis_nr)
        props_add(o, "i:chassis_nr", (int)p->chassis_nr, NULL);
    if (p->has_port)
        props_add(o, "i:port", (int)p->port, NULL);
    if (p->has_chassis)
        props_add(o, "i:chassis", (int)p->chassis, NULL);
    if (p->has_bus_nr)
        props_add(o, "i:bus_nr", (int)p->bus_nr, NULL);
    props_add(o, "s:id", c->info.alias, "B:hotplug", p->hotplug, NULL);
    if (p->has_mem_reserve)
        props_add(o, "U:mem-reserve", p->mem_reserve * 1024, NULL);
    if (p->has_node)
        props_add(o, "i:numa_node", (int)p->node, NULL);
    return o;
}

/* ---- USB */

typedef struct UsbRow {
    int model;
    const char *driver;
} UsbRow;

static const UsbRow usb_rows[] = {
    { MODEL_PIIX3_UHCI, "piix3-usb-uhci" },
    { MODEL_PIIX4_UHCI, "piix4-usb-uhci" },
    { MODEL_EHCI, "usb-ehci" },
    { MODEL_ICH9_EHCI1, "ich9-usb-ehci1" },
    { MODEL_ICH9_UHCI1, "ich9-usb-uhci1" },
    { MODEL_ICH9_UHCI2, "ich9-usb-uhci2" },
    { MODEL_ICH9_UHCI3, "ich9-usb-uhci3" },
    { MODEL_VT82C686B_UHCI, "vt82c686b-usb-uhci" },
    { MODEL_PCI_OHCI, "pci-ohci" },
    { MODEL_NEC_XHCI, "nec-usb-xhci" },
    { MODEL_QEMU_XHCI, "qemu-xhci" },
};

static const char *
usb_driver(const ControllerDef *c)
{
    for (guint i = 0; i < G_N_ELEMENTS(usb_rows); i++)
        if (usb_rows[i].model == c->model)
            return usb_rows[i].driver;
    return NULL;
}

static gboolean
is_companion(const ControllerDef *c)
{
    return c->model == MODEL_ICH9_UHCI1 || c->model == MODEL_ICH9_UHCI2 ||
           c->model == MODEL_ICH9_UHCI3;
}

/* A companion has its master's index, and so its master's name. */
static const char *
master_alias(const ArgsOut *a, const ControllerDef *c)
{
    const GPtrArray *list = a->def->devices.controllers;

    EACH (const ControllerDef, m, list) {
        if (m->type == CONTROLLER_USB && m->index == c->index && !is_companion(m))
            return m->info.alias;
    }
    return c->info.alias;
}

static json_object *
usb_device(const ArgsOut *a, const ControllerDef *c)
{
    const char *driver = usb_driver(c);
    json_object *o = driver != NULL ? props_new(driver) : NULL;
    g_autofree char *bus = NULL;

    if (o == NULL)
        return NULL;
    if (c->ports != 0 && (c->model == MODEL_NEC_XHCI || c->model == MODEL_QEMU_XHCI))
        props_add(o, "n:p2", c->ports, "n:p3", c->ports, NULL);
    if (!is_companion(c)) {
        props_add(o, "s:id", c->info.alias, NULL);
        return o;
    }
    bus = g_strconcat(master_alias(a, c), ".0", NULL);
    props_add(o, "s:masterbus", bus, "i:firstport", (int)c->info.startport, NULL);
    return o;
}

json_object *
queue_map(const GPtrArray *maps)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < list_length(maps); i++) {
        const IothreadMap *m = LIST_AT(IothreadMap, maps, i);
        g_autofree char *name = g_strdup_printf("iothread%u", m->id);
        json_object *o = json_object_new_object(), *queues = NULL;

        if (list_length(m->queues) > 0)
            queues = json_object_new_array();
        for (guint q = 0; q < list_length(m->queues); q++)
            json_object_array_add(
                queues, json_object_new_int((int)LIST_AT(IothreadQueue, m->queues, q)->id));
        props_add(o, "s:iothread", name, "o:vqs", queues, NULL);
        json_object_array_add(list, o);
    }
    return list;
}

/* ---- SCSI, SATA, IDE, virtio-serial, CCID */

static const struct {
    int model;
    const char *driver;
} scsi_rows[] = {
    { MODEL_NONE_GIVEN, "lsi" },        { MODEL_LSILOGIC, "lsi" },
    { MODEL_LSISAS1068, "mptsas1068" }, { MODEL_LSISAS1078, "megasas" },
    { MODEL_VMPVSCSI, "pvscsi" },       { MODEL_IBMVSCSI, "spapr-vscsi" },
    { MODEL_AM53C974, "am53c974" },     { MODEL_DC390, "dc390" },
    { MODEL_NCR53C90, "esp" },
};

static int
virtio_model(const ControllerDef *c)
{
    return c->model == MODEL_VIRTIO_TRANSITIONAL       ? VIRTIO_MODEL_TRANSITIONAL
           : c->model == MODEL_VIRTIO_NON_TRANSITIONAL ? VIRTIO_MODEL_NON_TRANSITIONAL
                                                       : VIRTIO_MODEL_DEFAULT;
}

static void
queue_props(json_object *o, const ControllerDef *c)
{
    g_autofree char *iothread = NULL;

    if (c->driver == NULL)
        return;
    if (c->driver->iothread != 0)
        iothread = g_strdup_printf("iothread%u", c->driver->iothread);
    virtio_props(o, &c->driver->virtio);
    props_add(o, "s:iothread", iothread, "n:num_queues", c->driver->queues, NULL);
    if (list_length(c->driver->iothread_maps) > 0)
        props_add(o, "o:iothread-vq-mapping", queue_map(c->driver->iothread_maps), NULL);
    props_add(o, "n:cmd_per_lun", c->driver->cmd_per_lun, "n:max_sectors", c->driver->max_sectors,
              "B:ioeventfd", c->driver->ioeventfd, NULL);
}

static json_object *
scsi_device(const ControllerDef *c)
{
    g_autofree char *virtio = NULL;
    const char *driver = NULL;
    json_object *o;

    for (guint i = 0; i < G_N_ELEMENTS(scsi_rows); i++)
        if (scsi_rows[i].model == c->model)
            driver = scsi_rows[i].driver;
    if (driver == NULL)
        driver = virtio = virtio_driver(&c->info, "virtio-scsi", virtio_model(c));
    o = props_new(driver);
    if (virtio != NULL)
        queue_props(o, c);
    props_add(o, "s:id", c->info.alias, NULL);
    return o;
}

static json_object *
vserial_device(const ControllerDef *c)
{
    g_autofree char *driver = virtio_driver(&c->info, "virtio-serial", virtio_model(c));
    json_object *o = props_new(driver);

    queue_props(o, c);
    props_add(o, "s:id", c->info.alias, NULL);
    if (c->has_ports)
        props_add(o, "i:max_ports", (int)c->ports, NULL);
    if (c->has_vectors)
        props_add(o, "i:vectors", (int)c->vectors, NULL);
    return o;
}

static json_object *
plain_device(const ControllerDef *c, const char *driver)
{
    json_object *o = props_new(driver);

    props_add(o, "s:id", c->info.alias, "s:serial", c->serial, NULL);
    return o;
}

/* ---- all of them */

/* The chip set's own; a second one of the kind is a device. */
static gboolean
is_builtin(const ArgsOut *a, const ControllerDef *c)
{
    switch ((ControllerType)c->type) {
    case CONTROLLER_PCI:
        return c->model == MODEL_PCIE_ROOT || (c->model == MODEL_PCI_ROOT && c->index == 0);
    case CONTROLLER_SATA:
        return c->index == 0 && domain_is_q35(a->def);
    case CONTROLLER_IDE:
        return c->index == 0;
    case CONTROLLER_USB:
        return c->model == MODEL_NONE || c->model == MODEL_NONE_GIVEN;
    case CONTROLLER_FDC:
    case CONTROLLER_ISA:
    case CONTROLLER_XENBUS:
        return TRUE;
    case CONTROLLER_SCSI:
        return c->model == MODEL_NCR53C90;
    case CONTROLLER_VIRTIO_SERIAL:
    case CONTROLLER_CCID:
    case CONTROLLER_NVME:
        return FALSE;
    }
    return FALSE;
}

static json_object *
controller_device(const ArgsOut *a, const ControllerDef *c)
{
    switch ((ControllerType)c->type) {
    case CONTROLLER_PCI:
        return pci_device(c);
    case CONTROLLER_USB:
        return usb_device(a, c);
    case CONTROLLER_SCSI:
        return scsi_device(c);
    case CONTROLLER_VIRTIO_SERIAL:
        return vserial_device(c);
    case CONTROLLER_SATA:
        return plain_device(c, "ahci");
    case CONTROLLER_CCID:
        return plain_device(c, "usb-ccid");
    case CONTROLLER_NVME:
        return plain_device(c, "nvme");
    case CONTROLLER_IDE:
    case CONTROLLER_FDC:
    case CONTROLLER_ISA:
    case CONTROLLER_XENBUS:
        break;
    }
    return NULL;
}

static gboolean
put_controller(ArgsOut *a, const ControllerDef *c, GError **err)
{
    json_object *o;

    if (is_builtin(a, c))
        return TRUE;
    o = controller_device(a, c);
    if (o == NULL)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "controller type '%s' model '%s' is not supported",
                    word_of(controller_types, c->type), word_of(controller_models, c->model));
    return args_device_at(a, o, &c->info, err);
}

/* Buses before what hangs on them, masters before companions. */
static gboolean
put_type(ArgsOut *a, int type, gboolean companions, GError **err)
{
    const GPtrArray *list = a->def->devices.controllers;

    EACH_DEVICE (a, ControllerDef, c, list) {
        if (c->type == type && is_companion(c) == companions && !put_controller(a, c, err))
            return FALSE;
    }
    return TRUE;
}

gboolean
args_put_controllers(ArgsOut *a, GError **err)
{
    static const int order[] = { CONTROLLER_PCI,  CONTROLLER_USB, CONTROLLER_SCSI,
                                 CONTROLLER_SATA, CONTROLLER_IDE, CONTROLLER_VIRTIO_SERIAL,
                                 CONTROLLER_CCID, CONTROLLER_NVME };

    for (guint i = 0; i < G_N_ELEMENTS(order); i++)
        if (!put_type(a, order[i], FALSE, err) || !put_type(a, order[i], TRUE, err))
            return FALSE;
    return TRUE;
}
