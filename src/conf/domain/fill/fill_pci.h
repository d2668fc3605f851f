/* How devices plug into PCI buses. Inside conf only, shared by fill_pci*.c. */
#pragma once

#include "fill.h"

/* Kinds of plug: those that a device needs, and those that a bus accepts. */
enum {
    PCI_LEGACY = 1 << 0,     /* an endpoint of conventional PCI */
    PCI_EXPRESS = 1 << 1,    /* an endpoint of PCI Express */
    PCI_INTEGRATED = 1 << 2, /* part of the board: only on the root bus */
    PCI_BRIDGE = 1 << 3,     /* the controllers */
    PCI_DMI_BRIDGE = 1 << 4,
    PCI_EXPANDER = 1 << 5,
    PCIE_EXPANDER = 1 << 6,
    PCIE_ROOT_PORT = 1 << 7,
    PCIE_UPSTREAM = 1 << 8,
    PCIE_DOWNSTREAM = 1 << 9,
    PCIE_TO_PCI = 1 << 10,
    PCI_PART = 1 << 11, /* in addition: it is a function of a controller that has several */
};
#define PCI_ENDPOINT (PCI_LEGACY | PCI_EXPRESS | PCI_INTEGRATED)

/* Called for each PCI device in the order in which slots are given out; FALSE stops. */
typedef gboolean (*PciVisit)(DeviceInfo *info, guint connect, gpointer device, gpointer user,
                             GError **err);
/* fill_pci_kind.c */
gboolean pci_each(Fill *f, PciVisit visit, gpointer user, GError **err);
/* The same in the order in which addresses that the document gives are taken. */
gboolean pci_each_named(Fill *f, PciVisit visit, gpointer user, GError **err);

/* ---- the buses (fill_pci_bus.c) */

enum { PCI_SLOTS = 32, PCI_FUNCTIONS = 8 };

typedef struct PciBus {
    int model;
    gboolean added;          /* no controller of the definition provides it yet */
    gboolean carries_bridge; /* it is a port that was added for the bridge behind it */
    guint first, last;       /* first and last slot */
    guint accepts,
        offers; /* kinds of plug: accepts for devices that name a slot, offers for others */
    guint8 functions[PCI_SLOTS]; /* bits of the functions that are taken */
    gboolean ports[PCI_SLOTS];   /* the slot holds root ports, which share it */
} PciBus;

typedef struct PciTopology {
    GPtrArray *buses;    /* PciBus by number */
    gboolean express;    /* the root is PCI Express */
    gboolean many_roots; /* a new bus is a new root */
    gboolean grows;      /* buses may be added */
    gboolean grown;
} PciTopology;

PciTopology *pci_topology_new(gboolean express, gboolean grows);
void pci_topology_free(PciTopology *t);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PciTopology, pci_topology_free)
/* Adds the bus of a controller of that model; its number is the controller's index. */
void pci_topology_set(PciTopology *t, guint number, int model);
PciBus *pci_bus(const PciTopology *t, guint number); /* NULL: none */
/* Adds buses until bus `number` exists. */
gboolean pci_topology_reach(PciTopology *t, guint number, guint connect, GError **err);
/* Takes the function that the address names. If it names the port that comes with a new bridge, the
 * device moves to the bus below the bridge. */
gboolean pci_take(PciTopology *t, PciAddress *a, guint connect, GError **err);
gboolean pci_slot_is_free(const PciTopology *t, guint bus, guint slot);
/* Finds a free address and takes it. function: for a part of a multifunction device its function,
 * else 0. */
gboolean pci_find(PciTopology *t, guint connect, guint function, PciAddress *ret_address,
                  GError **err);
