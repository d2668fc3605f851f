/* Addresses of devices, and other properties that many devices have. */
#include "args_priv.h"

#include <string.h>

gboolean
guest_is_pc(const DomainDef *def)
{
    return domain_is_q35(def) || domain_is_i440fx(def);
}

const ControllerDef *
args_controller(const DomainDef *def, int type, guint32 index)
{
    const GPtrArray *list = def->devices.controllers;

    EACH (const ControllerDef, c, list) {
        if (c->type == type && c->index == index)
            return c;
    }
    return NULL;
}

static gboolean
controller_alias(const DomainDef *def, int type, guint32 index, const char **ret_alias,
                 GError **err)
{
    const ControllerDef *c = args_controller(def, type, index);

    if (c != NULL && type == CONTROLLER_PCI && index == 0) {
        *ret_alias = args_root_bus(def, c);
        return TRUE;
    }
    if (c == NULL || c->info.alias == NULL)
        return fail(err, ERR_INTERNAL,
                    "Could not find %s controller with index %u required for device",
                    word_of(controller_types, type), index);
    *ret_alias = c->info.alias;
    return TRUE;
}

static gboolean
pci_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err)
{
    const PciAddress *p = &info->address.pci;
    g_autofree char *addr = p->function != 0 ? g_strdup_printf("0x%x.0x%x", p->slot, p->function)
                                             : g_strdup_printf("0x%x", p->slot);
    const ControllerDef *c = args_controller(a->def, CONTROLLER_PCI, p->bus);
    g_autofree char *below = NULL;
    const char *bus;

    if (!controller_alias(a->def, CONTROLLER_PCI, p->bus, &bus, err))
        return FALSE;
    /* a host bridge is one thing, its bus another */
    if (p->bus > 0 && c->model == MODEL_PCI_ROOT)
        bus = below = g_strconcat(bus, ".0", NULL);
    props_add(o, "s:bus", bus, "B:multifunction", p->multifunction, "s:addr", addr, "n:acpi-index",
              info->acpi_index, NULL);
    return TRUE;
}

static gboolean
usb_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err)
{
    g_autofree char *bus = NULL;
    const char *alias;

    if (!controller_alias(a->def, CONTROLLER_USB, info->address.usb.bus, &alias, err))
        return FALSE;
    bus = g_strconcat(alias, ".0", NULL);
    props_add(o, "s:bus", bus, "s:port", info->address.usb.port, NULL);
    return TRUE;
}

static gboolean
ccid_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err)
{
    g_autofree char *bus = NULL;
    const char *alias;

    if (!controller_alias(a->def, CONTROLLER_CCID, info->address.ccid.controller, &alias, err))
        return FALSE;
    bus = g_strconcat(alias, ".0", NULL);
    props_add(o, "s:bus", bus, NULL);
    return TRUE;
}

static gboolean
vserial_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err)
{
    g_autofree char *bus = NULL;
    const char *alias;

    if (!controller_alias(a->def, CONTROLLER_VIRTIO_SERIAL, info->address.vserial.controller,
                          &alias, err))
        return FALSE;
    bus = g_strconcat(alias, ".0", NULL);
    props_add(o, "s:bus", bus, "i:nr", info->address.vserial.port, NULL);
    return TRUE;
}

static void
ccw_props(json_object *o, const Address *address)
{
    g_autofree char *devno = g_strdup_printf("%x.%x.%04x", address->ccw.cssid, address->ccw.ssid,
                                             address->ccw.devno);

    props_add(o, "s:devno", devno, NULL);
}

static void
isa_props(json_object *o, const Address *address)
{
    props_add(o, "n:iobase", address->isa.iobase, "n:irq", address->isa.irq, NULL);
}

static void
dimm_props(json_object *o, const Address *address)
{
    props_add(o, "i:slot", (int)address->dimm.slot, "u:addr", address->dimm.base, NULL);
}

static void
spapr_props(json_object *o, const Address *address)
{
    props_add(o, "u:reg", address->spapr.reg, NULL);
}

gboolean
address_props(const ArgsOut *a, json_object *o, const DeviceInfo *info, GError **err)
{
    switch ((AddressType)info->address.type) {
    case ADDRESS_PCI:
        return pci_props(a, o, info, err);
    case ADDRESS_USB:
        return usb_props(a, o, info, err);
    case ADDRESS_CCID:
        return ccid_props(a, o, info, err);
    case ADDRESS_VIRTIO_SERIAL:
        return vserial_props(a, o, info, err);
    case ADDRESS_CCW:
        ccw_props(o, &info->address);
        return TRUE;
    case ADDRESS_ISA:
        isa_props(o, &info->address);
        return TRUE;
    case ADDRESS_DIMM:
        dimm_props(o, &info->address);
        return TRUE;
    case ADDRESS_SPAPR_VIO:
        spapr_props(o, &info->address);
        return TRUE;
    case ADDRESS_NONE:
    case ADDRESS_DRIVE:
    case ADDRESS_VIRTIO_S390:
    case ADDRESS_VIRTIO_MMIO:
    case ADDRESS_UNASSIGNED:
        return TRUE;
    }
    return TRUE;
}

void
virtio_props(json_object *o, const VirtioOptions *options)
{
    props_add(o, "B:iommu_platform", options->iommu, "B:ats", options->ats, "B:packed",
              options->packed, "B:page-per-vq", options->page_per_vq, NULL);
}

char *
virtio_driver(const DeviceInfo *info, const char *base, int model)
{
    const char *bus = info->address.type == ADDRESS_CCW           ? "ccw"
                      : info->address.type == ADDRESS_VIRTIO_MMIO ? "device"
                                                                  : "pci";
    const char *kind = model == VIRTIO_MODEL_TRANSITIONAL       ? "-transitional"
                       : model == VIRTIO_MODEL_NON_TRANSITIONAL ? "-non-transitional"
                                                                : "";

    return g_strdup_printf("%s-%s%s", base, bus, kind);
}

void
rom_props(ArgsOut *a, json_object *o, const DeviceInfo *info)
{
    g_autofree char *file = NULL;

    if (info->rom == NULL)
        return;
    if (info->rom->enabled == NO) {
        props_add(o, "s:romfile", "", NULL);
        return;
    }
    /* Where the guest cannot see it nobody looks at it either. */
    if (info->rom->file != NULL && (info->rom->bar != OFF || args_is_native(a)))
        file = args_fd_path(a, info->rom->file, "option ROM");
    if (info->rom->bar != 0)
        props_add(o, "i:rombar", info->rom->bar == ON, NULL);
    props_add(o, "s:romfile", file, NULL);
}

guint
boot_index(ArgsOut *a, const DeviceInfo *info, int dev)
{
    guint index = info->boot_order;

    if (index == 0 && dev != 0) {
        index = a->boot[dev];
        a->boot[dev] = 0;
    }
    return index;
}

const char *
boot_parameter(const ArgsOut *a, const DeviceInfo *info)
{
    return g_strcmp0(a->def->os.arch, "s390x") == 0 ? info->loadparm : NULL;
}
