/* PCI buses while addresses are given out: which slots are free, and buses that are added when none
 * is. */
#include "fill_pci.h"

#include <string.h>

static const struct {
    int model;
    guint first, last, accepts, offers;
} bus_kinds[] = {
    { MODEL_PCI_ROOT, 1, 31, PCI_LEGACY | PCI_INTEGRATED | PCI_BRIDGE | PCI_EXPANDER,
      PCI_LEGACY | PCI_INTEGRATED | PCI_BRIDGE | PCI_EXPANDER },
    /* endpoints that name no slot are for ports, where they can be unplugged */
    { MODEL_PCIE_ROOT, 1, 31, PCI_ENDPOINT | PCIE_ROOT_PORT | PCI_DMI_BRIDGE | PCIE_EXPANDER,
      PCI_INTEGRATED | PCIE_ROOT_PORT | PCI_DMI_BRIDGE | PCIE_EXPANDER },
    { MODEL_PCI_BRIDGE, 1, 31, PCI_LEGACY | PCI_BRIDGE, PCI_LEGACY | PCI_BRIDGE },
    { MODEL_PCIE_TO_PCI_BRIDGE, 1, 31, PCI_LEGACY | PCI_BRIDGE, PCI_LEGACY | PCI_BRIDGE },
    { MODEL_DMI_TO_PCI_BRIDGE, 0, 31, PCI_LEGACY | PCI_BRIDGE, PCI_BRIDGE },
    { MODEL_PCIE_ROOT_PORT, 0, 0, PCI_EXPRESS | PCIE_UPSTREAM | PCIE_TO_PCI | PCI_DMI_BRIDGE,
      PCI_EXPRESS | PCIE_UPSTREAM | PCIE_TO_PCI },
    { MODEL_PCIE_SWITCH_DOWNSTREAM_PORT, 0, 0,
      PCI_EXPRESS | PCIE_UPSTREAM | PCIE_TO_PCI | PCI_DMI_BRIDGE,
      PCI_EXPRESS | PCIE_UPSTREAM | PCIE_TO_PCI },
    { MODEL_PCIE_SWITCH_UPSTREAM_PORT, 0, 31, PCIE_DOWNSTREAM, PCIE_DOWNSTREAM },
    { MODEL_PCI_EXPANDER_BUS, 0, 31, PCI_LEGACY | PCI_BRIDGE, PCI_LEGACY | PCI_BRIDGE },
    { MODEL_PCIE_EXPANDER_BUS, 0, 31, PCIE_ROOT_PORT | PCI_DMI_BRIDGE,
      PCIE_ROOT_PORT | PCI_DMI_BRIDGE },
};

PciTopology *
pci_topology_new(gboolean express, gboolean grows)
{
    PciTopology *t = g_new0(PciTopology, 1);

    t->buses = g_ptr_array_new_with_free_func(g_free);
    t->express = express;
    t->grows = grows;
    return t;
}

void
pci_topology_free(PciTopology *t)
{
    if (!t)
        return;
    g_ptr_array_unref(t->buses);
    g_free(t);
}

void
pci_topology_set(PciTopology *t, guint number, int model)
{
    if (t->buses->len <= number)
        g_ptr_array_set_size(t->buses, (int)number + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(bus_kinds); i++) {
        PciBus *bus;

        if (bus_kinds[i].model != model)
            continue;
        bus = g_new0(PciBus, 1);
        bus->model = model;
        bus->first = bus_kinds[i].first;
        bus->last = bus_kinds[i].last;
        bus->accepts = bus_kinds[i].accepts;
        bus->offers = bus_kinds[i].offers;
        g_free(t->buses->pdata[number]);
        t->buses->pdata[number] = bus;
    }
}

PciBus *
pci_bus(const PciTopology *t, guint number)
{
    return number < t->buses->len ? t->buses->pdata[number] : NULL;
}

static const char *
connect_name(guint connect)
{
    static const struct {
        guint connect;
        const char *name;
    } names[] = {
        { PCI_LEGACY, "standard PCI device" },
        { PCI_EXPRESS, "PCI Express device" },
        { PCI_BRIDGE, "pci-bridge" },
        { PCI_DMI_BRIDGE, "dmi-to-pci-bridge" },
        { PCI_EXPANDER, "pci-expander-bus" },
        { PCIE_EXPANDER, "pcie-expander-bus" },
        { PCIE_ROOT_PORT, "pcie-root-port" },
        { PCIE_UPSTREAM, "pcie-switch-upstream-port" },
        { PCIE_DOWNSTREAM, "pcie-switch-downstream-port" },
        { PCIE_TO_PCI, "pcie-to-pci-bridge" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].connect & connect)
            return names[i].name;
    return "integrated device";
}

/* ---- more buses */

static void
add_bus(PciTopology *t, int model)
{
    guint number = t->buses->len;

    pci_topology_set(t, number, model);
    pci_bus(t, number)->added = TRUE;
    t->grown = TRUE;
}

static gboolean
has_legacy_bus(const PciTopology *t)
{
    for (guint i = 0; i < t->buses->len; i++)
        if (pci_bus(t, i) && (pci_bus(t, i)->offers & PCI_BRIDGE))
            return TRUE;
    return FALSE;
}

/* A document may ask for any bus number; numbers above twice the possible ones are refused. */
enum { BUSES_MOST = 512 };

static gboolean
grow(PciTopology *t, guint connect, GError **err)
{
    gboolean grows = t->grows && t->buses->len < BUSES_MOST;

    if (grows && !t->express && (connect & PCI_LEGACY)) {
        add_bus(t, t->many_roots ? MODEL_PCI_ROOT : MODEL_PCI_BRIDGE);
    } else if (grows && t->express && (connect & (PCI_LEGACY | PCI_BRIDGE))) {
        if (has_legacy_bus(t)) {
            add_bus(t, MODEL_PCI_BRIDGE);
        } else {
            add_bus(t, MODEL_PCIE_ROOT_PORT);
            pci_bus(t, t->buses->len - 1)->functions[0] = 1;
            pci_bus(t, t->buses->len - 1)->carries_bridge = TRUE;
            add_bus(t, MODEL_PCIE_TO_PCI_BRIDGE);
        }
    } else if (grows && t->express && (connect & (PCI_EXPRESS | PCIE_UPSTREAM))) {
        add_bus(t, MODEL_PCIE_ROOT_PORT);
    } else if (connect & PCI_INTEGRATED) {
        return fail(err, ERR_PLAIN, "No free slot for an integrated device on PCI bus 0");
    } else if (connect & PCI_ENDPOINT) {
        return fail(err, ERR_PLAIN, "No more available PCI slots");
    } else {
        return fail(err, ERR_PLAIN,
                    "a PCI slot is needed to connect a PCI controller model='%s', but none is "
                    "available, and it cannot be automatically added",
                    connect_name(connect));
    }
    return TRUE;
}

gboolean
pci_topology_reach(PciTopology *t, guint number, guint connect, GError **err)
{
    enum { MOST = 256 };

    if (number >= MOST)
        return fail(err, ERR_XML, "Invalid PCI bus %u", number);
    if (number > 0 && (connect & PCI_INTEGRATED))
        return fail(err, ERR_XML, "PCI bus %u: the device is part of the machine, on bus 0",
                    number);
    while (t->buses->len <= number)
        if (!grow(t, connect, err))
            return FALSE;
    return TRUE;
}

/* ---- slots */

gboolean
pci_slot_is_free(const PciTopology *t, guint bus, guint slot)
{
    return pci_bus(t, bus) && pci_bus(t, bus)->functions[slot] == 0;
}

static gboolean
check_seat(const PciBus *bus, const PciAddress *a, guint connect, GError **err)
{
    g_autofree char *name = g_strdup_printf("%04x:%02x:%02x.%x", a->domain, a->bus, a->slot,
                                            a->function);

    if (a->domain != 0)
        return fail(err, ERR_XML, "Invalid PCI address %s. Only PCI domain 0 is available", name);
    if (a->slot >= PCI_SLOTS || a->slot > bus->last)
        return fail(err, ERR_XML, "Invalid PCI address %s. slot must be <= %u", name, bus->last);
    if (a->slot < bus->first)
        return fail(err, ERR_XML, "Invalid PCI address %s. slot must be >= %u", name, bus->first);
    if (a->function >= PCI_FUNCTIONS)
        return fail(err, ERR_XML, "Invalid PCI address %s. function must be <= 7", name);
    if ((bus->functions[a->slot] & (1 << a->function)) != 0)
        return fail(err, ERR_XML, "Attempted double use of PCI Address %s", name);
    /* a device that names its address may be an endpoint of the other sort, or a bridge for one */
    if ((bus->accepts & connect) != 0 ||
        ((connect & (PCI_LEGACY | PCI_EXPRESS | PCI_BRIDGE)) != 0 &&
         (bus->accepts & (PCI_LEGACY | PCI_EXPRESS)) != 0))
        return TRUE;
    if (connect & PCI_INTEGRATED)
        return fail(err, ERR_XML,
                    "The device at PCI address %s needs to be an integrated device (bus=0)", name);
    return fail(err, ERR_XML,
                "The device at PCI address %s cannot be plugged into the PCI controller with "
                "index='%u'. It requires a controller that accepts a %s.",
                name, a->bus, connect_name(connect));
}

gboolean
pci_take(PciTopology *t, PciAddress *a, guint connect, GError **err)
{
    const gboolean is_new = a->bus >= t->buses->len;
    PciBus *bus;

    if (!pci_topology_reach(t, a->bus, connect, err))
        return FALSE;
    bus = pci_bus(t, a->bus);
    if (is_new && bus->carries_bridge)
        bus = pci_bus(t, a->bus + 1);
    if (!check_seat(bus, a, connect, err))
        return FALSE;
    if (bus != pci_bus(t, a->bus))
        a->bus++;
    bus->functions[a->slot] |= (guint8)(1 << a->function);
    bus->ports[a->slot] = connect == PCIE_ROOT_PORT;
    return TRUE;
}

/* Root ports share a slot; everything else starts an empty one. */
static gboolean
find_in_slot(const PciBus *bus, guint slot, guint connect, guint *function)
{
    if (bus->functions[slot] == 0)
        return TRUE;
    if (connect != PCIE_ROOT_PORT || !bus->ports[slot])
        return FALSE;
    for (guint i = 0; i < PCI_FUNCTIONS; i++) {
        if ((bus->functions[slot] & (1 << i)) != 0)
            continue;
        *function = i;
        return TRUE;
    }
    return FALSE;
}

static gboolean
find_on_bus(PciTopology *t, guint number, guint connect, guint function, PciAddress *ret_address)
{
    PciBus *bus = pci_bus(t, number);

    if (!bus || (bus->offers & connect) == 0)
        return FALSE;
    for (guint slot = bus->first; slot <= bus->last; slot++) {
        guint at = function;

        if (!find_in_slot(bus, slot, connect, &at))
            continue;
        bus->functions[slot] |= (guint8)(1 << at);
        bus->ports[slot] = connect == PCIE_ROOT_PORT;
        *ret_address = (PciAddress){ .bus = number, .slot = slot, .function = at };
        return TRUE;
    }
    return FALSE;
}

gboolean
pci_find(PciTopology *t, guint connect, guint function, PciAddress *ret_address, GError **err)
{
    for (guint number = 0;; number++) {
        if (number == t->buses->len && !grow(t, connect, err))
            return FALSE;
        if (find_on_bus(t, number, connect, function, ret_address))
            return TRUE;
    }
}
