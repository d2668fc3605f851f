/* PCI addresses. First everything is placed on trial, with buses added as they are needed; the
 * added buses become controllers; then everything is placed again, for good. */
#include "fill_pci.h"

#include <string.h>

typedef struct Placing {
    Fill *fill;
    PciTopology *topology;
    GPtrArray *placed; /* Address: given out here */
} Placing;

static gboolean
is_placed(const DeviceInfo *info)
{
    return info->address.type == ADDRESS_PCI && !pci_address_is_empty(&info->address.pci);
}

static gboolean
is_homeless(const DeviceInfo *info)
{
    return info->address.type == ADDRESS_NONE ||
           (info->address.type == ADDRESS_PCI && pci_address_is_empty(&info->address.pci));
}

static void
settle_at(Placing *p, DeviceInfo *info, PciAddress at)
{
    if (info->address.type == ADDRESS_PCI) {
        at.multifunction = info->address.pci.multifunction;
        at.zpci = info->address.pci.zpci;
    }
    info->address.type = ADDRESS_PCI;
    info->address.pci = at;
    g_ptr_array_add(p->placed, &info->address);
}

static gboolean
place_at(Placing *p, DeviceInfo *info, guint connect, guint slot, guint function, GError **err)
{
    PciAddress at = { .slot = slot, .function = function };

    if (!pci_take(p->topology, &at, connect, err))
        return FALSE;
    settle_at(p, info, at);
    return TRUE;
}

/* ---- what has a place already */

static gboolean
take_named(DeviceInfo *info, guint connect, gpointer device G_GNUC_UNUSED, gpointer user,
           GError **err)
{
    Placing *p = user;

    return !is_placed(info) || pci_take(p->topology, &info->address.pci, connect, err);
}

/* ---- what the board puts in fixed places */

enum {
    PC_SLOT = 0x01, /* ISA bridge, IDE, USB, power management */
    PC_IDE = 1,
    PC_USB = 2,
    PC_VIDEO_SLOT = 0x02,
    Q35_SLOT = 0x1f, /* ISA bridge, SATA, SMBus */
    Q35_SATA = 2,
    Q35_VIDEO_SLOT = 0x01,
    Q35_DMI_SLOT = 0x1e,
    Q35_SOUND_SLOT = 0x1b,
};

static gboolean
pin(Placing *p, ControllerDef *c, const char *what, guint slot, guint function, GError **err)
{
    const PciAddress *a = &c->info.address.pci;

    if (is_placed(&c->info)) {
        if (a->bus == 0 && a->slot == slot && a->function == function)
            return TRUE;
        return fail(err, ERR_PLAIN, "%s must have PCI address 0:0:%x.%x", what, slot, function);
    }
    return !is_homeless(&c->info) || place_at(p, &c->info, PCI_INTEGRATED, slot, function, err);
}

/* Functions of the board that no device of the definition stands for. */
static gboolean
block(Placing *p, guint slot, guint functions, GError **err)
{
    PciBus *root = pci_bus(p->topology, 0);

    for (guint i = 0; i < PCI_FUNCTIONS; i++)
        if ((functions & (1u << i)) != 0 && (root->functions[slot] & (1 << i)) != 0)
            return fail(err, ERR_XML, "Attempted double use of PCI Address 0000:00:%02x.%x", slot,
                        i);
    root->functions[slot] |= (guint8)functions;
    return TRUE;
}

/* The first card, before any other device, wherever its slot is taken. */
static gboolean
place_video(Placing *p, guint slot, GError **err)
{
    VideoDef *video = list_item(p->fill->def->devices.videos, 0);
    guint connect = p->fill->q35 && video && video->type == VIDEO_VIRTIO ? PCI_EXPRESS : PCI_LEGACY;
    PciAddress at;

    if (!video || video->type == VIDEO_NONE || video->type == VIDEO_RAMFB ||
        !is_homeless(&video->info))
        return TRUE;
    if (pci_slot_is_free(p->topology, 0, slot))
        return place_at(p, &video->info, connect, slot, 0, err);
    if (!pci_find(p->topology, connect, 0, &at, err))
        return FALSE;
    settle_at(p, &video->info, at);
    return TRUE;
}

static gboolean
place_i440fx(Placing *p, GError **err)
{
    DomainDef *def = p->fill->def;
    ControllerDef *ide = controller_find(def, CONTROLLER_IDE, 0);
    ControllerDef *usb = controller_find(def, CONTROLLER_USB, 0);

    if (ide && !pin(p, ide, "Primary IDE controller", PC_SLOT, PC_IDE, err))
        return FALSE;
    if (usb && usb->model == MODEL_PIIX3_UHCI &&
        !pin(p, usb, "PIIX3 USB controller at index 0", PC_SLOT, PC_USB, err))
        return FALSE;
    return block(p, PC_SLOT, 1 << 0 | 1 << 3, err) && place_video(p, PC_VIDEO_SLOT, err);
}

/* Two USB 2 controllers have seats on the board. */
static gboolean
place_ich9_usb(Placing *p, GError **err)
{
    static const guint slots[] = { 0x1d, 0x1a };

    EACH (ControllerDef, c, p->fill->def->devices.controllers) {
        if (c->type != CONTROLLER_USB || c->model != MODEL_ICH9_UHCI1 || !is_homeless(&c->info))
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(slots); i++) {
            if (!pci_slot_is_free(p->topology, 0, slots[i]))
                continue;
            if (!place_at(p, &c->info, PCI_LEGACY, slots[i], 0, err))
                return FALSE;
            c->info.address.pci.multifunction = ON;
            break;
        }
    }
    return TRUE;
}

static gboolean
place_first(Placing *p, DeviceInfo *info, guint connect, guint slot, GError **err)
{
    if (!is_homeless(info) || !pci_slot_is_free(p->topology, 0, slot))
        return TRUE;
    return place_at(p, info, connect, slot, 0, err);
}

static gboolean
place_q35(Placing *p, GError **err)
{
    DomainDef *def = p->fill->def;
    ControllerDef *sata = controller_find(def, CONTROLLER_SATA, 0);

    if (sata && !pin(p, sata, "Primary SATA controller", Q35_SLOT, Q35_SATA, err))
        return FALSE;
    if (!block(p, Q35_SLOT, 1 << 0 | 1 << 3, err) || !place_ich9_usb(p, err))
        return FALSE;
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_PCI && c->model == MODEL_DMI_TO_PCI_BRIDGE &&
            !place_first(p, &c->info, PCI_DMI_BRIDGE, Q35_DMI_SLOT, err))
            return FALSE;
    EACH (SoundDef, sound, def->devices.sounds)
        if (sound->model == SOUND_ICH9 &&
            !place_first(p, &sound->info, PCI_LEGACY, Q35_SOUND_SLOT, err))
            return FALSE;
    return place_video(p, Q35_VIDEO_SLOT, err);
}

/* ---- everything else */

static guint
ich9_function(const ControllerDef *c)
{
    enum { EHCI = 7 };

    return controller_is_companion(c) ? (guint)(c->model - MODEL_ICH9_UHCI1) : EHCI;
}

/* The parts of one USB 2 controller are functions of one slot. */
static gboolean
place_ich9(Placing *p, ControllerDef *c, guint connect, GError **err)
{
    PciAddress at = { .function = ich9_function(c) };
    const ControllerDef *sibling = NULL;

    EACH (ControllerDef, other, p->fill->def->devices.controllers)
        if (!sibling && other != c && controller_is_ich9(other) && other->index == c->index &&
            is_placed(&other->info))
            sibling = other;
    if (sibling) {
        at.bus = sibling->info.address.pci.bus;
        at.slot = sibling->info.address.pci.slot;
        if (!pci_take(p->topology, &at, connect, err))
            return FALSE;
    } else if (!pci_find(p->topology, connect, at.function, &at, err)) {
        return FALSE;
    }
    settle_at(p, &c->info, at);
    if (at.function == 0)
        c->info.address.pci.multifunction = ON;
    return TRUE;
}

static gboolean
place_any(DeviceInfo *info, guint connect, gpointer device, gpointer user, GError **err)
{
    Placing *p = user;
    PciAddress at;

    if (!is_homeless(info))
        return TRUE;
    if (connect & PCI_PART)
        return place_ich9(p, device, connect, err);
    if (!pci_find(p->topology, connect, 0, &at, err))
        return FALSE;
    settle_at(p, info, at);
    return TRUE;
}

static gboolean
place_all(Placing *p, GError **err)
{
    if (!pci_each_named(p->fill, take_named, p, err))
        return FALSE;
    if (p->fill->i440fx && !place_i440fx(p, err))
        return FALSE;
    if (p->fill->q35 && !place_q35(p, err))
        return FALSE;
    return pci_each(p->fill, place_any, p, err);
}

/* ---- buses and controllers */

static PciTopology *
topology_of(const Fill *f, gboolean grows)
{
    const ControllerDef *root = controller_find(f->def, CONTROLLER_PCI, 0);
    g_autoptr(PciTopology) t = pci_topology_new(root->model == MODEL_PCIE_ROOT, grows);

    EACH (ControllerDef, c, f->def->devices.controllers)
        if (c->type == CONTROLLER_PCI && c->index < 256)
            pci_topology_set(t, c->index, c->model);
    t->many_roots = board_has(f->board, BOARD_SPAPR);
    for (guint i = 0; i < t->buses->len; i++) {
        if (pci_bus(t, i))
            continue;
        pci_topology_set(t, i,
                         t->express      ? MODEL_PCIE_ROOT_PORT
                         : t->many_roots ? MODEL_PCI_ROOT
                                         : MODEL_PCI_BRIDGE);
        pci_bus(t, i)->added = TRUE;
    }
    return g_steal_pointer(&t);
}

static void
take_back(GPtrArray *placed)
{
    for (guint i = 0; i < placed->len; i++) {
        Address *a = placed->pdata[i];
        const ZpciAddress zpci = a->pci.zpci;

        *a = (Address){ .type = zpci.has_uid || zpci.has_fid ? ADDRESS_PCI : ADDRESS_NONE };
        a->pci.zpci = zpci;
    }
    g_ptr_array_set_size(placed, 0);
}

static gboolean
has_written_bus(const DomainDef *def)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_PCI && c->index > 0)
            return TRUE;
    return FALSE;
}

/* A slot to plug something into later, where the buses are of our making; and the seats of the
 * bridges added on trial. */
static gboolean
reserve_spare(Placing *p, gboolean written, GError **err)
{
    PciTopology *t = p->topology;
    PciAddress at;

    if (!t->express && !pci_find(t, PCI_LEGACY, 0, &at, err))
        return FALSE;
    if (t->express && t->grown && !written && !pci_find(t, PCI_EXPRESS, 0, &at, err))
        return FALSE;
    t->grows = FALSE;
    for (guint i = 1; i < t->buses->len; i++)
        if (pci_bus(t, i)->added && pci_bus(t, i)->model == MODEL_PCI_BRIDGE && !t->express &&
            !pci_find(t, PCI_BRIDGE, 0, &at, err))
            return FALSE;
    return TRUE;
}

static gboolean
add_buses(Fill *f, GPtrArray *placed, GError **err)
{
    g_autoptr(PciTopology) t = topology_of(f, TRUE);
    Placing trial = { f, t, placed };
    gboolean written = has_written_bus(f->def);
    gboolean done = place_all(&trial, err) && reserve_spare(&trial, written, err);

    take_back(placed);
    for (guint i = 1; done && i < t->buses->len; i++)
        if (pci_bus(t, i)->added)
            controller_add(f->def, CONTROLLER_PCI, i, pci_bus(t, i)->model);
    return done;
}

/* ---- what follows from the addresses */

/* Function 0 says that there are others. */
static gboolean
mark_multifunction(DeviceInfo *info, guint connect G_GNUC_UNUSED, gpointer device G_GNUC_UNUSED,
                   gpointer user, GError **err G_GNUC_UNUSED)
{
    const PciTopology *t = user;
    PciAddress *a = &info->address.pci;

    if (!is_placed(info) || a->function != 0 || a->multifunction)
        return TRUE;
    if ((pci_bus(t, a->bus)->functions[a->slot] & ~1) != 0)
        a->multifunction = ON;
    return TRUE;
}

static const struct {
    int model;
    const char *name;
} model_names[] = {
    { MODEL_PCI_BRIDGE, "pci-bridge" },
    { MODEL_DMI_TO_PCI_BRIDGE, "i82801b11-bridge" },
    { MODEL_PCIE_TO_PCI_BRIDGE, "pcie-pci-bridge" },
    { MODEL_PCIE_ROOT_PORT, "pcie-root-port" },
    { MODEL_PCIE_SWITCH_UPSTREAM_PORT, "x3130-upstream" },
    { MODEL_PCIE_SWITCH_DOWNSTREAM_PORT, "xio3130-downstream" },
    { MODEL_PCI_EXPANDER_BUS, "pxb" },
    { MODEL_PCIE_EXPANDER_BUS, "pxb-pcie" },
};

/* Below the lowest that is taken; each has room for one bus beneath. */
static guint32
free_bus_number(const DomainDef *def)
{
    guint32 lowest = 256;

    EACH (ControllerDef, c, def->devices.controllers)
        if (c->pci && c->pci->has_bus_nr)
            lowest = MIN(lowest, c->pci->bus_nr);
    return lowest - 2;
}

static void
default_number(guint32 *at, guint8 *has, guint32 value)
{
    if (*has)
        return;
    *at = value;
    *has = TRUE;
}

static void
fill_target(const DomainDef *def, ControllerDef *c)
{
    const PciAddress *a = &c->info.address.pci;
    ControllerPci *pci;

    if (!c->pci)
        c->pci = g_new0(ControllerPci, 1);
    pci = c->pci;
    for (gsize i = 0; i < G_N_ELEMENTS(model_names); i++)
        if (!pci->model_name && model_names[i].model == c->model)
            pci->model_name = word_find(pci_model_names, model_names[i].name);
    switch ((ControllerModel)c->model) {
    case MODEL_PCI_BRIDGE:
        default_number(&pci->chassis_nr, &pci->has_chassis_nr, c->index);
        break;
    case MODEL_PCIE_ROOT_PORT:
        default_number(&pci->chassis, &pci->has_chassis, c->index);
        default_number(&pci->port, &pci->has_port, a->slot << 3 | a->function);
        break;
    case MODEL_PCIE_SWITCH_DOWNSTREAM_PORT:
        default_number(&pci->chassis, &pci->has_chassis, c->index);
        default_number(&pci->port, &pci->has_port, a->slot);
        break;
    case MODEL_PCI_EXPANDER_BUS:
    case MODEL_PCIE_EXPANDER_BUS:
        default_number(&pci->bus_nr, &pci->has_bus_nr, free_bus_number(def));
        break;
    default:
        break;
    }
}

static gboolean
check_order(const ControllerDef *c, GError **err)
{
    if (c->info.address.pci.bus < c->index || c->model != MODEL_PCI_BRIDGE)
        return TRUE;
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "PCI controller at index %u (0x%02x) has bus='0x%02x', but index must be larger "
                "than bus",
                c->index, c->index, c->info.address.pci.bus);
}

static gboolean
refuse(DeviceInfo *info, guint connect G_GNUC_UNUSED, gpointer device G_GNUC_UNUSED,
       gpointer user G_GNUC_UNUSED, GError **err)
{
    return !(is_homeless(info) || is_placed(info)) || fail(err, ERR_XML, "No PCI buses available");
}

gboolean
fill_pci_addresses(Fill *f, GError **err)
{
    g_autoptr(GPtrArray) placed = g_ptr_array_new();
    g_autoptr(PciTopology) t = NULL;
    Placing placing = { f, NULL, placed };

    if (!controller_find(f->def, CONTROLLER_PCI, 0))
        return board_has(f->board, BOARD_LOOSE) || pci_each(f, refuse, NULL, err);
    if (!add_buses(f, placed, err))
        return FALSE;
    fill_pci_roots(f);
    placing.topology = t = topology_of(f, FALSE);
    if (!place_all(&placing, err))
        return FALSE;
    pci_each(f, mark_multifunction, t, NULL);
    EACH (ControllerDef, c, f->def->devices.controllers) {
        if (c->type != CONTROLLER_PCI || c->index == 0)
            continue;
        if (!check_order(c, err))
            return FALSE;
        fill_target(f->def, c);
    }
    return TRUE;
}
