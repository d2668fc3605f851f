/* Rules of controllers: which the machine has, their models, options and places. */
#include "check.h"

#include <string.h>

#define BETWEEN(first, last) (BIT((last) + 1) - BIT(first))

static const char *
model_of(const ControllerDef *c)
{
    return c->model ? word_of(controller_models, c->model) : "none";
}

/* ---- all types */

typedef struct TypeModels {
    guint64 models; /* BIT(MODEL_...) that go with a type */
} TypeModels;

static const TypeModels models_of_type[] = {
    [CONTROLLER_IDE] = { BETWEEN(MODEL_PIIX3, MODEL_ICH6) },
    [CONTROLLER_SCSI] = { BETWEEN(MODEL_AUTO, MODEL_VIRTIO_NON_TRANSITIONAL) },
    [CONTROLLER_VIRTIO_SERIAL] = { BETWEEN(MODEL_VIRTIO_TRANSITIONAL,
                                           MODEL_VIRTIO_NON_TRANSITIONAL) |
                                   BIT(MODEL_VIRTIO) },
    [CONTROLLER_USB] = { BETWEEN(MODEL_PIIX3_UHCI, MODEL_NONE) },
    [CONTROLLER_PCI] = { BETWEEN(MODEL_PCI_ROOT, MODEL_PCIE_EXPANDER_BUS) },
    [CONTROLLER_NVME] = { 0 },
};

static gboolean
check_model(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (ControllerDef, c, def->devices.controllers) {
        guint64 models = c->type < (int)G_N_ELEMENTS(models_of_type)
                             ? models_of_type[c->type].models
                             : 0;

        if (c->model && !(models & BIT(c->model)))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: model '%s' is not of type '%s'",
                        model_of(c), word_of(controller_types, c->type));
    }
    return TRUE;
}

static gboolean
is_companion(const ControllerDef *c)
{
    return c->info.has_startport || c->info.has_master ||
           (c->model >= MODEL_ICH9_UHCI1 && c->model <= MODEL_ICH9_UHCI3);
}

/* USB 2 controllers share an index with the companions that serve their slow devices. */
static gboolean
is_companion_group(const ControllerDef *a, const ControllerDef *b)
{
    return a->type == CONTROLLER_USB && a->model != b->model &&
           (is_companion(a) || is_companion(b));
}

static guint
index_hash(gconstpointer controller)
{
    const ControllerDef *c = controller;

    return c->index * 31 + (guint)c->type;
}

static gboolean
index_equal(gconstpointer a, gconstpointer b)
{
    const ControllerDef *c = a, *other = b;

    return c->type == other->type && c->index == other->index && !is_companion_group(c, other);
}

static gboolean
check_indexes(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(index_hash, index_equal);

    EACH (ControllerDef, c, def->devices.controllers)
        if (c->has_index && !g_hash_table_add(seen, c))
            return fail(err, ERR_XML, "controller: two of type '%s' have index %u",
                        word_of(controller_types, c->type), c->index);
    return TRUE;
}

/* ---- IDE, SCSI */

static gboolean
check_ide(const DomainDef *def, const ControllerDef *c, GError **err)
{
    gboolean isa = g_strcmp0(def->os.machine, "isapc") == 0;

    return c->index == 0 || isa || !domain_is_x86(def) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "controller: IDE with index %u, machine '%s' has index 0 only", c->index,
                def->os.machine);
}

static gboolean
check_scsi(const DomainDef *def, const ControllerDef *c, const EmulatorCaps *caps, GError **err)
{
    static const struct {
        int model;
        const char *device; /* NULL: QEMU has none that could be plugged */
    } rows[] = {
        { MODEL_BUSLOGIC, NULL },         { MODEL_NCR53C90, NULL },
        { MODEL_LSILOGIC, "lsi53c895a" }, { MODEL_LSISAS1068, "mptsas1068" },
        { MODEL_LSISAS1078, "megasas" },  { MODEL_VMPVSCSI, "pvscsi" },
        { MODEL_DC390, "dc390" },         { MODEL_AM53C974, "am53c974" },
    };

    if (c->model == MODEL_NCR53C90 && c->model == board_of(def)->scsi_model && c->index == 0)
        return TRUE; /* the machine's own */
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].model == c->model &&
            (!rows[i].device || !caps_has_device(caps, rows[i].device)))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: SCSI model '%s' is not supported by '%s'", model_of(c),
                        caps->path);
    return TRUE;
}

static gboolean
is_virtio_scsi(const ControllerDef *c)
{
    return c->type == CONTROLLER_SCSI &&
           (c->model == MODEL_VIRTIO_SCSI || c->model == MODEL_VIRTIO_TRANSITIONAL ||
            c->model == MODEL_VIRTIO_NON_TRANSITIONAL);
}

static gboolean
check_driver(const DomainDef *def, const ControllerDef *c, GError **err)
{
    const ControllerDriver *v = c->driver;
    const struct {
        const char *name;
        gboolean set;
        Err code;
    } rows[] = {
        { "queues", v && v->queues, ERR_CONFIG_UNSUPPORTED },
        { "cmd_per_lun", v && v->cmd_per_lun, ERR_CONFIG_UNSUPPORTED },
        { "max_sectors", v && v->max_sectors, ERR_CONFIG_UNSUPPORTED },
        { "ioeventfd", v && v->ioeventfd, ERR_CONFIG_UNSUPPORTED },
        { "iothread", v && v->iothread, ERR_XML },
        { "iothreads", v && v->iothread_maps, ERR_CONFIG_UNSUPPORTED },
    };

    for (guint i = 0; !is_virtio_scsi(c) && i < G_N_ELEMENTS(rows); i++)
        if (rows[i].set)
            return fail(err, rows[i].code,
                        "controller: driver '%s' is of SCSI model 'virtio-scsi' only",
                        rows[i].name);
    if (v && v->iothread && !domain_has_iothread(def, v->iothread))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "controller: driver names iothread %u, which the domain does not have",
                    v->iothread);
    return !v || iothread_maps_check(def, v->iothread_maps, v->queues, err);
}

/* ---- USB */

#define MAX_XHCI_PORTS 15

static gboolean
check_usb(const DomainDef *def, const ControllerDef *c, GError **err)
{
    if (c->model == MODEL_QUSB1 || c->model == MODEL_QUSB2)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: USB model '%s' is of Xen",
                    model_of(c));
    return (c->model != MODEL_NEC_XHCI && c->model != MODEL_QEMU_XHCI) ||
           c->ports <= MAX_XHCI_PORTS ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "controller: USB model '%s' has %d ports at most, not %u", model_of(c),
                MAX_XHCI_PORTS, c->ports);
}

static guint
usb_controllers(const DomainDef *def)
{
    guint n = 0;

    EACH (ControllerDef, c, def->devices.controllers)
        n += c->type == CONTROLLER_USB ? 1 : 0;
    return n;
}

static gboolean
needs_usb(const DomainDef *def)
{
    EACH (DiskDef, d, def->devices.disks)
        if (d->bus == DISK_BUS_USB)
            return TRUE;
    EACH (InputDef, i, def->devices.inputs)
        if (i->bus == INPUT_USB)
            return TRUE;
    EACH (HostdevDef, h, def->devices.hostdevs)
        if (h->source.type == HOSTDEV_USB)
            return TRUE;
    EACH (NetDef, n, def->devices.nets)
        if (net_is_usb_host(n))
            return TRUE;
    EACH (SoundDef, s, def->devices.sounds)
        if (s->model == SOUND_USB)
            return TRUE;
    EACH (CharDef, p, def->devices.serials)
        if (p->target_type == SERIAL_USB)
            return TRUE;
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_CCID)
            return TRUE;
    return list_length(def->devices.hubs) > 0 || list_length(def->devices.redirdevs) > 0;
}

/* Model 'none' is the only one, or one with a number of its own beside others: so it stands where
 * the machine has got its own as number 0, or where it was attached. */
static gboolean
check_usb_none(const DomainDef *def, GError **err)
{
    guint none = 0, all = usb_controllers(def);
    gboolean first = FALSE;

    EACH (ControllerDef, c, def->devices.controllers) {
        if (c->type != CONTROLLER_USB || c->model != MODEL_NONE)
            continue;
        none++;
        first = first || c->index == 0;
    }
    if (none == 0)
        return TRUE;
    if (none > 1 || (first && all > 1))
        return fail(err, ERR_XML_DETAIL,
                    "controller: USB model 'none' does not go with other USB controllers");
    return !needs_usb(def) || fail(err, ERR_CONFIG_UNSUPPORTED,
                                   "controller: USB model 'none', but there are USB devices");
}

static gboolean
check_usb_controllers(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint companions = 0;

    EACH (ControllerDef, c, def->devices.controllers)
        companions += c->type == CONTROLLER_USB && is_companion(c) ? 1 : 0;
    if (companions > 0 && companions == usb_controllers(def))
        return fail(err, ERR_XML_DETAIL,
                    "controller: the USB companions have no master, such as model 'ich9-ehci1'");
    return check_usb_none(def, err);
}

/* ---- PCI */

enum {
    OPTION_CHASSIS_NR = 1 << 0,
    OPTION_CHASSIS = 1 << 1,
    OPTION_PORT = 1 << 2,
    OPTION_BUS_NR = 1 << 3,
    OPTION_INDEX = 1 << 4,
    OPTION_NODE = 1 << 5,
    OPTION_HOTPLUG = 1 << 6,
    OPTION_MEMORY = 1 << 7,
};

typedef struct PciModel {
    guint options;        /* that it takes */
    const char *names[2]; /* of QEMU's devices that are one */
} PciModel;

#define BRIDGE_OPTIONS (OPTION_CHASSIS_NR | OPTION_MEMORY)
#define PORT_OPTIONS   (OPTION_CHASSIS | OPTION_PORT | OPTION_HOTPLUG)

static const PciModel pci_models[] = {
    [MODEL_PCI_ROOT] = { OPTION_NODE | OPTION_HOTPLUG | OPTION_INDEX, { NULL } },
    [MODEL_PCIE_ROOT] = { OPTION_NODE, { NULL } },
    [MODEL_PCI_BRIDGE] = { BRIDGE_OPTIONS, { "pci-bridge" } },
    [MODEL_DMI_TO_PCI_BRIDGE] = { 0, { "i82801b11-bridge" } },
    [MODEL_PCIE_TO_PCI_BRIDGE] = { 0, { "pcie-pci-bridge" } },
    [MODEL_PCIE_ROOT_PORT] = { PORT_OPTIONS | OPTION_MEMORY, { "pcie-root-port", "ioh3420" } },
    [MODEL_PCIE_SWITCH_UPSTREAM_PORT] = { 0, { "x3130-upstream" } },
    [MODEL_PCIE_SWITCH_DOWNSTREAM_PORT] = { PORT_OPTIONS, { "xio3130-downstream" } },
    [MODEL_PCI_EXPANDER_BUS] = { OPTION_BUS_NR | OPTION_NODE, { "pxb" } },
    [MODEL_PCIE_EXPANDER_BUS] = { OPTION_BUS_NR | OPTION_NODE, { "pxb-pcie" } },
};

static gboolean
check_pci_options(const ControllerDef *c, GError **err)
{
    const ControllerPci *p = c->pci;
    const struct {
        const char *name;
        guint option;
        gboolean set;
        guint value, least, most;
    } rows[] = {
        { "chassisNr", OPTION_CHASSIS_NR, p && p->has_chassis_nr, p ? p->chassis_nr : 0, 1, 255 },
        { "chassis", OPTION_CHASSIS, p && p->has_chassis, p ? p->chassis : 0, 0, 255 },
        { "port", OPTION_PORT, p && p->has_port, p ? p->port : 0, 0, 255 },
        { "busNr", OPTION_BUS_NR, p && p->has_bus_nr, p ? p->bus_nr : 0, 1, 254 },
        { "index", OPTION_INDEX, p && p->has_index, p ? p->index : 0, 0, 30 },
        { "node", OPTION_NODE, p && p->has_node, 0, 0, 0 },
        { "memReserve", OPTION_MEMORY, p && p->has_mem_reserve, 0, 0, 0 },
        { "hotplug", OPTION_HOTPLUG, p && p->hotplug, 0, 0, 0 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!rows[i].set)
            continue;
        if (rows[i].value < rows[i].least || rows[i].value > rows[i].most)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: PCI %u: target '%s' is %u, %u-%u is allowed", c->index,
                        rows[i].name, rows[i].value, rows[i].least, rows[i].most);
        if (!(pci_models[c->model].options & rows[i].option))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: PCI %u: model '%s' has no target '%s'", c->index, model_of(c),
                        rows[i].name);
    }
    return TRUE;
}

static gboolean
check_pci_name(const DomainDef *def, const ControllerDef *c, GError **err)
{
    const char *const *names = pci_models[c->model].names;
    const char *name = c->pci ? word_of(pci_model_names, c->pci->model_name) : NULL;

    if (!name || (c->model == MODEL_PCI_ROOT && board_has(board_of(def), BOARD_SPAPR) &&
                  strcmp(name, "spapr-pci-host-bridge") == 0))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(pci_models[0].names); i++)
        if (g_strcmp0(names[i], name) == 0)
            return TRUE;
    return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: PCI %u: '%s' is no %s%s%s", c->index,
                name, model_of(c), names[0] ? ", it would be " : "", names[0] ? names[0] : "");
}

static gboolean
check_pci_root(const DomainDef *def, const ControllerDef *c, GError **err)
{
    const char *want = domain_is_q35(def) ? "pcie-root" : "pci-root";
    gboolean root = c->model == MODEL_PCI_ROOT || c->model == MODEL_PCIE_ROOT;

    if (root && c->index != 0 && def->os.machine && !board_has(board_of(def), BOARD_SPAPR))
        return fail(err, ERR_XML, "controller: PCI root '%s' has index %u, it must be 0",
                    model_of(c), c->index);
    if (c->index == 0 && (domain_is_q35(def) || domain_is_i440fx(def)) &&
        g_strcmp0(model_of(c), want) != 0)
        return fail(err, ERR_XML, "controller: PCI 0 of machine '%s' is of model '%s', not '%s'",
                    def->os.machine, want, model_of(c));
    return !root || !c->info.address.type ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "controller: PCI root '%s' has an <address>",
                model_of(c));
}

/* What the machine decides about a PCI controller, before seats are looked for on it. */
static gboolean
check_pci_written(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (ControllerDef, c, def->devices.controllers) {
        if (c->type == CONTROLLER_NVME)
            return fail(err, ERR_XML, "controller: type 'nvme' is not supported");
        if (c->type != CONTROLLER_PCI || !c->has_index)
            continue;
        if (c->index > 255)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: PCI index %u is above 255",
                        c->index);
        if (!check_pci_root(def, c, err))
            return FALSE;
        if (!c->model)
            return fail(err, ERR_PLAIN, "controller: PCI %u has no 'model'", c->index);
        if (c->model == MODEL_PCI_EXPANDER_BUS && domain_is_q35(def))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: model 'pci-expander-bus' needs an i440fx machine, not '%s'",
                        def->os.machine);
        if (c->model == MODEL_PCIE_EXPANDER_BUS && def->os.arch && !domain_is_x86(def) &&
            !board_has(board_of(def), BOARD_GIC))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: model 'pcie-expander-bus' is not for architecture '%s'",
                        def->os.arch);
        if (c->model == MODEL_PCIE_EXPANDER_BUS && domain_is_i440fx(def))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: model 'pcie-expander-bus' needs a q35 machine, not '%s'",
                        def->os.machine);
    }
    return TRUE;
}

static gboolean
check_pci_node(const DomainDef *def, const ControllerDef *c, GError **err)
{
    guint cells = def->cpu && def->cpu->numa ? list_length(def->cpu->numa->cells) : 0;

    return !c->pci || !c->pci->has_node || !(pci_models[c->model].options & OPTION_NODE) ||
           c->pci->node < cells ||
           fail(err, ERR_XML, "controller: PCI %u is of NUMA node %u, <numa> has %u cells",
                c->index, c->pci->node, cells);
}

static gboolean
check_pci(const DomainDef *def, const ControllerDef *c, GError **err)
{
    const Address *a = &c->info.address;

    if (!c->model)
        return fail(err, ERR_PLAIN, "controller: PCI %u has no 'model'", c->index);
    if (!check_pci_root(def, c, err))
        return FALSE;
    if (c->model == MODEL_PCI_EXPANDER_BUS && !domain_is_i440fx(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "controller: model 'pci-expander-bus' needs an i440fx machine, not '%s'",
                    def->os.machine);
    if (c->model == MODEL_PCIE_EXPANDER_BUS && domain_is_x86(def) && !domain_is_q35(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "controller: model 'pcie-expander-bus' needs a q35 machine, not '%s'",
                    def->os.machine);
    if (c->model == MODEL_PCI_BRIDGE && a->type == ADDRESS_PCI && c->index <= a->pci.bus &&
        !pci_address_is_empty(&a->pci))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "controller: PCI %u sits on bus %u, whose index must be smaller", c->index,
                    a->pci.bus);
    return check_pci_options(c, err) && check_pci_name(def, c, err) && check_pci_node(def, c, err);
}

/* ---- devices of the board, which cannot be elsewhere */

typedef struct ControllerSeat {
    int type, model; /* model 0: any */
    gboolean (*machine)(const DomainDef *def);
    guint slot, function;
} ControllerSeat;

static const ControllerSeat seats[] = {
    { CONTROLLER_IDE, 0, domain_is_i440fx, 0x01, 1 },
    { CONTROLLER_USB, MODEL_PIIX3_UHCI, domain_is_i440fx, 0x01, 2 },
    { CONTROLLER_SATA, 0, domain_is_q35, 0x1f, 2 },
};

static gboolean
check_seat(const DomainDef *def, const ControllerDef *c, GError **err)
{
    const PciAddress *at = &c->info.address.pci;

    if (c->index != 0 || c->info.address.type != ADDRESS_PCI || pci_address_is_empty(at))
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(seats); i++) {
        const ControllerSeat *s = &seats[i];

        if (c->type == s->type && (!s->model || c->model == s->model) && s->machine(def) &&
            (at->domain || at->bus || at->slot != s->slot || at->function != s->function))
            return fail(err, ERR_PLAIN,
                        "controller: the first one of type '%s' sits at PCI address "
                        "0000:00:%02x.%u, not %04x:%02x:%02x.%u",
                        word_of(controller_types, c->type), s->slot, s->function, at->domain,
                        at->bus, at->slot, at->function);
    }
    return TRUE;
}

static gboolean
check_controllers(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (ControllerDef, c, def->devices.controllers) {
        if (c->type == CONTROLLER_XENBUS || c->type == CONTROLLER_ISA)
            return fail(err, ERR_PLAIN, "controller: a machine of QEMU has none of type '%s'",
                        word_of(controller_types, c->type));
        if ((c->type == CONTROLLER_IDE && !check_ide(def, c, err)) ||
            (c->type == CONTROLLER_SCSI && !check_scsi(def, c, caps, err)) ||
            (c->type == CONTROLLER_USB && !check_usb(def, c, err)) ||
            (c->type == CONTROLLER_PCI && !check_pci(def, c, err)) || !check_driver(def, c, err) ||
            !check_seat(def, c, err))
            return FALSE;
    }
    return TRUE;
}

const Rule controller_written_rules[] = {
    { "controller/@model", check_model },
    { "controller of USB", check_usb_controllers },
    { "controller/@index", check_indexes },
    { "controller of PCI", check_pci_written },
    { NULL },
};

const Rule controller_rules[] = {
    { "controller", check_controllers },
    { NULL },
};
