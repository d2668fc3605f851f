/* USB ports. A hub takes one port and gives eight; hubs are added when ports run out. Free ports
 * are taken nearest to the root first. */
#include "fill.h"

#include <stdlib.h>
#include <string.h>

enum {
    HUB_PORTS = 8,
    TIERS = 4, /* of ports, the root's with them: the standard has no more hubs in a row */
};

typedef struct UsbHub UsbHub;
struct UsbHub {
    guint ports;
    gboolean full;   /* no port is free, on those below it neither */
    Bitmap *taken;   /* from 1 */
    GPtrArray *hubs; /* UsbHub by port, NULL where there is none */
};

typedef struct UsbBuses {
    GPtrArray *roots; /* UsbHub by number, NULL where there is none */
} UsbBuses;

static void usb_hub_free(UsbHub *hub);

static UsbHub *
usb_hub_new(guint ports)
{
    UsbHub *hub = g_new0(UsbHub, 1);

    hub->ports = ports;
    hub->taken = bitmap_new();
    hub->hubs = g_ptr_array_new_with_free_func((GDestroyNotify)usb_hub_free);
    g_ptr_array_set_size(hub->hubs, (int)ports + 1);
    return hub;
}

static void
usb_hub_free(UsbHub *hub)
{
    if (!hub)
        return;
    g_ptr_array_unref(hub->hubs);
    bitmap_free(hub->taken);
    g_free(hub);
}

static guint
root_ports(const ControllerDef *c)
{
    if (c->has_ports && c->ports)
        return c->ports;
    switch ((ControllerModel)c->model) {
    case MODEL_EHCI:
    case MODEL_ICH9_EHCI1:
        return 6;
    case MODEL_NEC_XHCI:
    case MODEL_QEMU_XHCI:
        return 4;
    case MODEL_PCI_OHCI:
        return 3;
    case MODEL_QUSB1:
    case MODEL_QUSB2:
        return 8;
    default:
        return 2;
    }
}

static void
add_roots(UsbBuses *buses, const DomainDef *def)
{
    EACH (ControllerDef, c, def->devices.controllers) {
        if (c->type != CONTROLLER_USB || c->model == MODEL_NONE || controller_is_companion(c) ||
            c->index >= 1024)
            continue;
        if (buses->roots->len <= c->index)
            g_ptr_array_set_size(buses->roots, (int)c->index + 1);
        if (!buses->roots->pdata[c->index])
            buses->roots->pdata[c->index] = usb_hub_new(root_ports(c));
    }
}

/* ---- who sits on USB, in the order in which ports are given out */

static gboolean
disk_is_usb(gconstpointer device)
{
    return ((const DiskDef *)device)->bus == DISK_BUS_USB;
}

static gboolean
net_is_usb(gconstpointer device)
{
    const NetDef *net = device;

    return net_is_usb_host(net) || g_strcmp0(net->model, "usb-net") == 0;
}

static gboolean
sound_is_usb(gconstpointer device)
{
    return ((const SoundDef *)device)->model == SOUND_USB;
}

static gboolean
hostdev_is_usb(gconstpointer device)
{
    return ((const HostdevDef *)device)->source.type == HOSTDEV_USB;
}

static gboolean
controller_is_usb_device(gconstpointer device)
{
    return ((const ControllerDef *)device)->type == CONTROLLER_CCID;
}

static gboolean
serial_is_usb(gconstpointer device)
{
    return ((const CharDef *)device)->target_type == SERIAL_USB;
}

static gboolean
input_is_usb(gconstpointer device)
{
    return ((const InputDef *)device)->bus == INPUT_USB;
}

static gboolean
filesystem_is_usb(gconstpointer device)
{
    enum { DRIVER_MTP = 7 };

    return ((const FsDef *)device)->driver == DRIVER_MTP;
}

static gboolean
always(gconstpointer device G_GNUC_UNUSED)
{
    return TRUE;
}

static const struct {
    gsize list, info;
    gboolean (*wants)(gconstpointer device);
} seekers[] = {
#define SEEK(list, type, wants)                                                                    \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, list), G_STRUCT_OFFSET(type, info), wants                         \
    }
    SEEK(hubs, HubDef, always),
    SEEK(disks, DiskDef, disk_is_usb),
    SEEK(nets, NetDef, net_is_usb),
    SEEK(sounds, SoundDef, sound_is_usb),
    SEEK(hostdevs, HostdevDef, hostdev_is_usb),
    SEEK(controllers, ControllerDef, controller_is_usb_device),
    SEEK(serials, CharDef, serial_is_usb),
    SEEK(inputs, InputDef, input_is_usb),
    SEEK(filesystems, FsDef, filesystem_is_usb),
    SEEK(redirdevs, RedirDef, always),
#undef SEEK
};

static void
collect(DomainDef *def, GPtrArray *infos, gboolean hubs)
{
    for (gsize i = 0; i < G_N_ELEMENTS(seekers); i++) {
        GPtrArray *list = G_STRUCT_MEMBER(GPtrArray *, &def->devices, seekers[i].list);

        if (hubs != (i == 0))
            continue;
        EACH (void, device, list)
            if (seekers[i].wants(device))
                g_ptr_array_add(infos, G_STRUCT_MEMBER_P(device, seekers[i].info));
    }
}

/* ---- ports */

static gboolean
has_port(const DeviceInfo *info)
{
    return info->address.type == ADDRESS_USB && info->address.usb.port;
}

/* Takes the port an address names; a hub opens there. */
static gboolean
reserve(UsbBuses *buses, const DeviceInfo *info, gboolean is_hub, GError **err)
{
    const guint32 bus = info->address.usb.bus;
    const char *text = info->address.usb.port;
    UsbHub *hub = bus < buses->roots->len ? buses->roots->pdata[bus] : NULL;

    if (!hub)
        return fail(err, ERR_XML, "Missing USB bus %u", bus);
    for (const char *p = text;;) {
        char *end;
        gulong port = strtoul(p, &end, 10);

        if (port == 0 || port > hub->ports)
            return fail(err, ERR_XML, "requested USB port %s not present on USB bus %u", text, bus);
        if (*end != '.') {
            if (bitmap_test(hub->taken, (guint)port))
                return fail(err, ERR_XML, "Duplicate USB address bus %u port %s", bus, text);
            bitmap_set(hub->taken, (guint)port);
            if (is_hub)
                hub->hubs->pdata[port] = usb_hub_new(HUB_PORTS);
            return TRUE;
        }
        if (!hub->hubs->pdata[port])
            return fail(err, ERR_XML, "there is no hub at port %lu in USB address bus: %u port: %s",
                        port, bus, text);
        hub = hub->hubs->pdata[port];
        p = end + 1;
    }
}

/* The dotted path of the first free port of hub, or below it; NULL: all taken. Ports are given out
 * and never back, so what was full once is not looked at again. */
static char *
find_port(UsbHub *hub, guint tiers)
{
    if (hub->full)
        return NULL;
    for (guint i = 1; i <= hub->ports; i++)
        if (!bitmap_test(hub->taken, i))
            return g_strdup_printf("%u", i);
    for (guint i = 1; tiers > 1 && i <= hub->ports; i++) {
        UsbHub *below = hub->hubs->pdata[i];
        g_autofree char *rest = below ? find_port(below, tiers - 1) : NULL;

        if (rest)
            return g_strdup_printf("%u.%s", i, rest);
    }
    hub->full = TRUE;
    return NULL;
}

static gboolean
assign(UsbBuses *buses, DeviceInfo *info, gboolean is_hub, GError **err)
{
    for (guint bus = 0; bus < buses->roots->len; bus++) {
        char *port;

        if (!buses->roots->pdata[bus] ||
            (info->address.type == ADDRESS_USB && info->address.usb.bus != bus))
            continue;
        port = find_port(buses->roots->pdata[bus], TIERS);
        if (!port)
            continue;
        info->address.type = ADDRESS_USB;
        info->address.usb.bus = bus;
        info->address.usb.port = port;
        return reserve(buses, info, is_hub, err);
    }
    return fail(err, ERR_PLAIN, "No free USB ports");
}

static gboolean
place(UsbBuses *buses, GPtrArray *infos, gboolean hubs, gboolean named, GError **err)
{
    for (guint i = 0; i < infos->len; i++) {
        DeviceInfo *info = infos->pdata[i];

        if (info->address.type != ADDRESS_NONE && info->address.type != ADDRESS_USB)
            continue;
        if (named ? has_port(info) && !reserve(buses, info, hubs, err)
                  : !has_port(info) && !assign(buses, info, hubs, err))
            return FALSE;
    }
    return TRUE;
}

static void
add_missing_hubs(DomainDef *def, const UsbBuses *buses, guint devices)
{
    guint ports = 0, hubs = list_length(def->devices.hubs);

    for (guint i = 0; i < buses->roots->len; i++)
        if (buses->roots->pdata[i])
            ports += ((const UsbHub *)buses->roots->pdata[i])->ports;
    ports += hubs * HUB_PORTS;
    if (ports == 0 || devices + hubs <= ports)
        return;
    /* each gives one port less than it has, and one stays free for the next */
    for (guint n = (devices + hubs - ports + HUB_PORTS - 1) / (HUB_PORTS - 1); n > 0; n--) {
        HubDef *hub = list_grow(&def->devices.hubs, &hub_schema);

        hub->type = 1;
    }
}

static gboolean
check_usb_is_there(const Fill *f, guint devices, GError **err)
{
    const ControllerDef *c = controller_find(f->def, CONTROLLER_USB, 0);

    if (devices == 0 || (c && c->model && c->model != MODEL_NONE))
        return TRUE;
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "USB is disabled for this domain, but USB devices are present in the domain XML");
}

gboolean
fill_usb_addresses(Fill *f, GError **err)
{
    g_autoptr(GPtrArray) roots = g_ptr_array_new_with_free_func((GDestroyNotify)usb_hub_free);
    g_autoptr(GPtrArray) infos = g_ptr_array_new();
    g_autoptr(GPtrArray) hubs = g_ptr_array_new();
    UsbBuses buses = { roots };

    collect(f->def, infos, FALSE);
    if (!check_usb_is_there(f, infos->len + list_length(f->def->devices.hubs), err))
        return FALSE;
    add_roots(&buses, f->def);
    add_missing_hubs(f->def, &buses, infos->len);
    collect(f->def, hubs, TRUE);
    return place(&buses, hubs, TRUE, TRUE, err) && place(&buses, infos, FALSE, TRUE, err) &&
           place(&buses, hubs, TRUE, FALSE, err) && place(&buses, infos, FALSE, FALSE, err);
}
