/* What devices the host has, and what each can do: one walk through sysfs, with what udev knows
 * beside it where udev runs. Nothing is kept between walks, and no object of the daemon is touched,
 * so that a worker can do it.
 */
#include "devices.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <systemd/sd-device.h>
#include <unistd.h>

typedef sd_device_enumerator DeviceEnumerator;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeviceEnumerator, sd_device_enumerator_unref)

/* "Vendor" and "product" of PCI in words, where the file of them is installed. */
#define PCI_IDS     "/usr/share/misc/pci.ids"
#define PCI_IDS_MAX (16 << 20)
#define CONFIG_MAX  4096

typedef struct DeviceScan {
    GPtrArray *seen;
    GHashTable *names; /* path: name */
    char *pci_ids;     /* NULL: not read yet, or there is none */
    gboolean pci_ids_read;
    XmlOut x; /* of the device that is being described */
} DeviceScan;

void
device_seen_free(gpointer data)
{
    DeviceSeen *seen = data;

    if (!seen)
        return;
    g_free(seen->name);
    g_free(seen->path);
    g_free(seen->parent);
    g_free(seen->xml);
    g_free(seen);
}

static const char *
attr(sd_device *d, const char *name)
{
    const char *value;

    return sd_device_get_sysattr_value(d, name, &value) < 0 ? NULL : value;
}

static const char *
property(sd_device *d, const char *name)
{
    const char *value;

    return sd_device_get_property_value(d, name, &value) < 0 || !*value ? NULL : value;
}

static gboolean
number(const char *text, int base, guint64 *ret_n)
{
    char *end;

    if (!text || !g_ascii_isxdigit(*text))
        return FALSE;
    *ret_n = g_ascii_strtoull(text, &end, (guint)base);
    return *end == '\0';
}

static void
put_number(DeviceScan *s, const char *element, const char *text, int base)
{
    guint64 n;

    if (number(text, base, &n))
        xml_text(&s->x, element, xml_number(n), NULL);
}

static const char *
sysname(sd_device *d)
{
    const char *name = "";

    sd_device_get_sysname(d, &name);
    return name;
}

/* ---- the machine */

static char *
dmi(const char *name)
{
    g_autofree char *path = g_strconcat("/sys/class/dmi/id/", name, NULL);
    char *text = NULL;

    if (file_read(path, 4096, &text, NULL, NULL))
        g_strstrip(text);
    if (text && !*text)
        g_clear_pointer(&text, g_free);
    return text;
}

static void
put_dmi(DeviceScan *s, const char *element, const char *name)
{
    g_autofree char *text = dmi(name);

    xml_text(&s->x, element, text, NULL);
}

static void
describe_machine(DeviceScan *s)
{
    g_autofree char *uuid = dmi("product_uuid");

    xml_open(&s->x, "capability", "type", "system", NULL);
    put_dmi(s, "product", "product_name");
    xml_open(&s->x, "hardware", NULL);
    put_dmi(s, "vendor", "sys_vendor");
    put_dmi(s, "version", "product_version");
    put_dmi(s, "serial", "product_serial");
    xml_text(&s->x, "uuid", uuid ? uuid : "00000000-0000-0000-0000-000000000000", NULL);
    xml_close(&s->x, "hardware");
    xml_open(&s->x, "firmware", NULL);
    put_dmi(s, "vendor", "bios_vendor");
    put_dmi(s, "version", "bios_version");
    put_dmi(s, "release_date", "bios_date");
    xml_close(&s->x, "firmware");
    xml_close(&s->x, "capability");
}

/* ---- cards of the network */

static gboolean
ethtool_says(int fd, const char *link, guint32 command, guint32 bit)
{
    struct ethtool_value value = { .cmd = command };
    struct ifreq req = { .ifr_data = (void *)&value };

    g_strlcpy(req.ifr_name, link, IFNAMSIZ);
    return fd >= 0 && ioctl(fd, SIOCETHTOOL, &req) == 0 && value.data & bit;
}

static void
put_features(DeviceScan *s, const char *link)
{
    static const struct {
        const char *name;
        guint32 command, bit;
    } rows[] = {
        { "rx", ETHTOOL_GRXCSUM, 1 },
        { "tx", ETHTOOL_GTXCSUM, 1 },
        { "sg", ETHTOOL_GSG, 1 },
        { "tso", ETHTOOL_GTSO, 1 },
        { "ufo", ETHTOOL_GUFO, 1 },
        { "gso", ETHTOOL_GGSO, 1 },
        { "gro", ETHTOOL_GGRO, 1 },
        { "lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO },
        { "rxvlan", ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN },
        { "txvlan", ETHTOOL_GFLAGS, ETH_FLAG_TXVLAN },
        { "ntuple", ETHTOOL_GFLAGS, ETH_FLAG_NTUPLE },
        { "rxhash", ETHTOOL_GFLAGS, ETH_FLAG_RXHASH },
    };
    fd_auto fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (ethtool_says(fd, link, rows[i].command, rows[i].bit))
            xml_leaf(&s->x, "feature", "name", rows[i].name, NULL);
}

static gboolean
describe_net(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    const char *state = attr(d, "operstate"), *devtype = NULL;
    gboolean up = g_strcmp0(state, "up") == 0;
    guint64 speed;

    sd_device_get_devtype(d, &devtype);
    xml_open(&s->x, "capability", "type", "net", NULL);
    xml_text(&s->x, "interface", sysname(d), NULL);
    xml_text(&s->x, "address", attr(d, "address"), NULL);
    xml_leaf(&s->x, "link", "speed",
             up && number(attr(d, "speed"), 10, &speed) ? xml_number(speed) : NULL, "state",
             state ? state : "unknown", NULL);
    put_features(s, sysname(d));
    xml_leaf(&s->x, "capability", "type", g_strcmp0(devtype, "wlan") == 0 ? "80211" : "80203",
             NULL);
    xml_close(&s->x, "capability");
    return TRUE;
}

/* ---- PCI */

typedef struct PciPlace {
    guint domain, bus, slot, function;
} PciPlace;

static gboolean
pci_place(const char *name, PciPlace *ret)
{
    char more;

    return sscanf(name, "%x:%x:%x.%x%c", &ret->domain, &ret->bus, &ret->slot, &ret->function,
                  &more) == 4;
}

static void
put_pci_address(DeviceScan *s, const char *name)
{
    PciPlace p;
    char domain[16], bus[16], slot[16], function[16];

    if (!name || !pci_place(name, &p))
        return;
    g_snprintf(domain, sizeof domain, "0x%04x", p.domain);
    g_snprintf(bus, sizeof bus, "0x%02x", p.bus);
    g_snprintf(slot, sizeof slot, "0x%02x", p.slot);
    g_snprintf(function, sizeof function, "0x%x", p.function);
    xml_leaf(&s->x, "address", "domain", domain, "bus", bus, "slot", slot, "function", function,
             NULL);
}

static const char *
pci_ids(DeviceScan *s)
{
    if (!s->pci_ids_read)
        file_read(PCI_IDS, PCI_IDS_MAX, &s->pci_ids, NULL, NULL);
    s->pci_ids_read = TRUE;
    return s->pci_ids;
}

/* The rest of the line that begins with prefix, between from and end (NULL: the end of the text).
 */
static char *
line_after(const char *from, const char *end, const char *prefix)
{
    const char *at = from ? strstr(from, prefix) : NULL;

    if (!at || (end && at >= end))
        return NULL;
    at += strlen(prefix);
    return g_strstrip(g_strndup(at, strcspn(at, "\n")));
}

/* Lines of vendors begin with their number, lines of their products, below, with a tab. */
static void
pci_words(DeviceScan *s, const char *vendor, const char *product, char **ret_vendor,
          char **ret_product)
{
    g_autofree char *v = g_strdup_printf("\n%s  ", vendor + 2);
    g_autofree char *p = g_strdup_printf("\n\t%s  ", product + 2);
    const char *ids = pci_ids(s), *from = ids ? strstr(ids, v) : NULL, *end = from;

    *ret_vendor = line_after(from, NULL, v);
    while (end && (end = strchr(end + 1, '\n')) && (end[1] == '\t' || end[1] == '#'))
        ;
    *ret_product = line_after(from, end, p);
}

static void
put_ids(DeviceScan *s, const char *vendor, const char *product, const char *vendor_words,
        const char *product_words)
{
    if (product_words)
        xml_text(&s->x, "product", product_words, "id", product, NULL);
    else
        xml_leaf(&s->x, "product", "id", product, NULL);
    if (vendor_words)
        xml_text(&s->x, "vendor", vendor_words, "id", vendor, NULL);
    else
        xml_leaf(&s->x, "vendor", "id", vendor, NULL);
}

static char *
link_name(const char *path, const char *link)
{
    g_autofree char *full = g_build_filename(path, link, NULL);
    g_autofree char *target = g_file_read_link(full, NULL);

    return target ? g_path_get_basename(target) : NULL;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder that begin so, sorted. */
static GPtrArray *
names_in(const char *folder, const char *prefix)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, prefix))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_text);
    return names;
}

static void
put_functions(DeviceScan *s, sd_device *d, const char *path)
{
    g_autofree char *physical = link_name(path, "physfn");
    g_autoptr(GPtrArray) virtual = names_in(path, "virtfn");
    guint64 most = 0;

    if (physical) {
        xml_open(&s->x, "capability", "type", "phys_function", NULL);
        put_pci_address(s, physical);
        xml_close(&s->x, "capability");
    }
    if (!number(attr(d, "sriov_totalvfs"), 10, &most) || most == 0)
        return;
    xml_open(&s->x, "capability", "type", "virt_functions", "maxCount", xml_number(most), NULL);
    for (guint i = 0; i < virtual->len; i++) {
        g_autofree char *place = link_name(path, virtual->pdata[i]);
        put_pci_address(s, place);
    }
    xml_close(&s->x, "capability");
}

static void
put_iommu_group(DeviceScan *s, const char *path)
{
    g_autofree char *group = link_name(path, "iommu_group");
    g_autofree char *folder = g_build_filename(path, "iommu_group/devices", NULL);
    g_autoptr(GPtrArray) others = NULL;

    if (!group)
        return;
    others = names_in(folder, "");
    xml_open(&s->x, "iommuGroup", "number", group, NULL);
    for (guint i = 0; i < others->len; i++)
        put_pci_address(s, others->pdata[i]);
    xml_close(&s->x, "iommuGroup");
}

enum {
    PCI_STATUS = 6,
    PCI_HEADER = 0xe,
    PCI_FIRST_CAPABILITY = 0x34,
    PCI_CAPABILITY_EXPRESS = 0x10,
    PCI_CONFIG_OLD = 256, /* bytes; only PCI Express has more */
};

/* Where the capability for PCI Express is; 0: there is none. */
static guint
express_at(const guint8 *config, gsize len)
{
    guint at = len > PCI_FIRST_CAPABILITY && config[PCI_STATUS] & 0x10
                   ? config[PCI_FIRST_CAPABILITY]
                   : 0;

    for (guint tries = 0; tries < 48 && at >= 0x40 && at + 0x14u <= len; tries++) {
        if (config[at] == PCI_CAPABILITY_EXPRESS)
            return at;
        at = config[at + 1];
    }
    return 0;
}

static const char *
express_speed(guint speed)
{
    static const char *const speeds[] = { NULL, "2.5", "5", "8", "16", "32", "64" };

    return speed < G_N_ELEMENTS(speeds) ? speeds[speed] : NULL;
}

static void
put_express(DeviceScan *s, const guint8 *config, gsize len)
{
    guint at = express_at(config, len), kind;
    guint32 can;
    guint16 has;

    if (at == 0 && len <= PCI_CONFIG_OLD)
        return;
    kind = at ? config[at + 2] >> 4 : 0;
    if (at == 0 || kind == 9 || kind == 10) { /* of the root itself: no link */
        xml_leaf(&s->x, "pci-express", NULL);
        return;
    }
    memcpy(&can, config + at + 0xc, sizeof can);
    memcpy(&has, config + at + 0x12, sizeof has);
    can = GUINT32_FROM_LE(can);
    has = GUINT16_FROM_LE(has);
    xml_open(&s->x, "pci-express", NULL);
    xml_leaf(&s->x, "link", "validity", "cap", "port", xml_number(can >> 24), "speed",
             express_speed(can & 0xf), "width", xml_number(can >> 4 & 0x3f), NULL);
    xml_leaf(&s->x, "link", "validity", "sta", "speed", express_speed(has & 0xf), "width",
             xml_number(has >> 4 & 0x3f), NULL);
    xml_close(&s->x, "pci-express");
}

static void
put_config(DeviceScan *s, sd_device *d, const char *path)
{
    g_autofree char *file = g_build_filename(path, "config", NULL), *config = NULL;
    gsize len = 0;
    guint64 node;

    file_read(file, CONFIG_MAX, &config, &len, NULL);
    if (len > PCI_HEADER && (config[PCI_HEADER] & 0x7f) == 1)
        xml_leaf(&s->x, "capability", "type", "pci-bridge", NULL);
    put_iommu_group(s, path);
    if (number(attr(d, "numa_node"), 10, &node))
        xml_leaf(&s->x, "numa", "node", xml_number(node), NULL);
    if (config)
        put_express(s, (const guint8 *)config, len);
}

static gboolean
describe_pci(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    const char *vendor = attr(d, "vendor"), *product = attr(d, "device");
    g_autofree char *vendor_words = NULL, *product_words = NULL;
    guint64 class = 0;
    PciPlace p;
    char text[16];

    if (!pci_place(sysname(d), &p) || !vendor || !product || strlen(vendor) < 3 ||
        strlen(product) < 3)
        return FALSE;
    pci_words(s, vendor, product, &vendor_words, &product_words);
    number(attr(d, "class"), 16, &class);
    g_snprintf(text, sizeof text, "0x%06x", (guint) class);
    xml_open(&s->x, "capability", "type", "pci", NULL);
    xml_text(&s->x, "class", text, NULL);
    xml_text(&s->x, "domain", xml_number(p.domain), NULL);
    xml_text(&s->x, "bus", xml_number(p.bus), NULL);
    xml_text(&s->x, "slot", xml_number(p.slot), NULL);
    xml_text(&s->x, "function", xml_number(p.function), NULL);
    put_ids(s, vendor, product, vendor_words, product_words);
    put_functions(s, d, seen->path);
    put_config(s, d, seen->path);
    xml_close(&s->x, "capability");
    return TRUE;
}

/* ---- USB */

static gboolean
describe_usb_device(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    g_autofree char *vendor = g_strconcat("0x", attr(d, "idVendor"), NULL);
    g_autofree char *product = g_strconcat("0x", attr(d, "idProduct"), NULL);
    const char *vendor_words = property(d, "ID_VENDOR_FROM_DATABASE");
    const char *product_words = property(d, "ID_MODEL_FROM_DATABASE");

    xml_open(&s->x, "capability", "type", "usb_device", NULL);
    put_number(s, "bus", attr(d, "busnum"), 10);
    put_number(s, "device", attr(d, "devnum"), 10);
    put_ids(s, vendor, product, vendor_words ? vendor_words : attr(d, "manufacturer"),
            product_words ? product_words : attr(d, "product"));
    xml_close(&s->x, "capability");
    return TRUE;
}

static gboolean
describe_usb_interface(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    xml_open(&s->x, "capability", "type", "usb", NULL);
    put_number(s, "number", attr(d, "bInterfaceNumber"), 16);
    put_number(s, "class", attr(d, "bInterfaceClass"), 16);
    put_number(s, "subclass", attr(d, "bInterfaceSubClass"), 16);
    put_number(s, "protocol", attr(d, "bInterfaceProtocol"), 16);
    xml_text(&s->x, "description", attr(d, "interface"), NULL);
    xml_close(&s->x, "capability");
    return TRUE;
}

/* ---- SCSI */

static gboolean
describe_scsi_host(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    const char *name = sysname(d);
    g_autofree char *unique = g_strdup_printf("scsi_host/%s/unique_id", name);
    g_autofree char *node = g_strdup_printf("fc_host/%s/node_name", name);
    g_autofree char *port = g_strdup_printf("fc_host/%s/port_name", name);
    g_autofree char *fabric = g_strdup_printf("fc_host/%s/fabric_name", name);

    xml_open(&s->x, "capability", "type", "scsi_host", NULL);
    put_number(s, "host", g_str_has_prefix(name, "host") ? name + 4 : NULL, 10);
    put_number(s, "unique_id", attr(d, unique), 10);
    if (attr(d, node) && attr(d, port)) {
        seen->kinds |= DEVICE_FC_HOST;
        xml_open(&s->x, "capability", "type", "fc_host", NULL);
        xml_text(&s->x, "wwnn", attr(d, node) + 2, NULL);
        xml_text(&s->x, "wwpn", attr(d, port) + 2, NULL);
        xml_text(&s->x, "fabric_wwn", attr(d, fabric) ? attr(d, fabric) + 2 : NULL, NULL);
        xml_close(&s->x, "capability");
    }
    xml_close(&s->x, "capability");
    return TRUE;
}

static gboolean
describe_scsi_target(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    xml_open(&s->x, "capability", "type", "scsi_target", NULL);
    xml_text(&s->x, "target", sysname(d), NULL);
    xml_close(&s->x, "capability");
    return TRUE;
}

static gboolean
describe_scsi(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    static const char *const types[] = { "disk",  "tape",    "printer", "processor", "worm",
                                         "cdrom", "scanner", "mod",     "changer" };
    static const char *const places[] = { "host", "bus", "target", "lun" };
    g_auto(GStrv) words = g_strsplit(sysname(d), ":", -1);
    guint64 type;

    if (g_strv_length(words) != G_N_ELEMENTS(places))
        return FALSE;
    xml_open(&s->x, "capability", "type", "scsi", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        xml_text(&s->x, places[i], words[i], NULL);
    if (number(attr(d, "type"), 10, &type) && type < G_N_ELEMENTS(types))
        xml_text(&s->x, "type", types[type], NULL);
    xml_close(&s->x, "capability");
    return TRUE;
}

static gboolean
describe_scsi_generic(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    const char *device = NULL;

    sd_device_get_devname(d, &device);
    xml_open(&s->x, "capability", "type", "scsi_generic", NULL);
    xml_text(&s->x, "char", device, NULL);
    xml_close(&s->x, "capability");
    return TRUE;
}

/* ---- disks */

/* What udev says it is; without udev the name tells of most. NULL: nothing that guests are given
 * (loops, memory). */
static const char *
drive_type(sd_device *d)
{
    static const char *const names[][2] = { { "vd", "disk" },   { "sd", "disk" },
                                            { "xvd", "disk" },  { "nvme", "disk" },
                                            { "sr", "cdrom" },  { "fd", "floppy" },
                                            { "mmcblk", "sd" }, { "dasd", "disk" } };
    const char *type = property(d, "ID_TYPE");

    if (type)
        return strcmp(type, "cd") == 0 ? "cdrom" : type;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_str_has_prefix(sysname(d), names[i][0]))
            return names[i][1];
    return NULL;
}

static void
put_blocks(DeviceScan *s, sd_device *d, gboolean removable)
{
    guint64 sectors = 0, block = 512;

    number(attr(d, "size"), 10, &sectors);
    number(attr(d, "queue/logical_block_size"), 10, &block);
    if (removable) {
        xml_open(&s->x, "capability", "type", "removable", NULL);
        xml_text(&s->x, "media_available", sectors > 0 ? "1" : "0", NULL);
    }
    xml_text(&s->x, removable ? "media_size" : "size", xml_number(sectors * 512), NULL);
    if (removable)
        xml_text(&s->x, "media_label", property(d, "ID_FS_LABEL"), NULL);
    xml_text(&s->x, "logical_block_size", xml_number(block), NULL);
    xml_text(&s->x, "num_blocks", xml_number(sectors * 512 / MAX(block, 1)), NULL);
    if (removable)
        xml_close(&s->x, "capability");
}

static gboolean
describe_block(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    const char *device = NULL, *type = drive_type(d);

    sd_device_get_devname(d, &device);
    if (!type || !device)
        return FALSE;
    xml_open(&s->x, "capability", "type", "storage", NULL);
    xml_text(&s->x, "block", device, NULL);
    xml_text(&s->x, "bus", property(d, "ID_BUS"), NULL);
    xml_text(&s->x, "drive_type", type, NULL);
    xml_text(&s->x, "model", attr(d, "device/model"), NULL);
    xml_text(&s->x, "vendor", attr(d, "device/vendor"), NULL);
    xml_text(&s->x, "serial", property(d, "ID_SERIAL"), NULL);
    put_blocks(s, d, g_strcmp0(attr(d, "removable"), "1") == 0);
    xml_close(&s->x, "capability");
    return TRUE;
}

/* ---- graphics */

static gboolean
describe_drm(DeviceScan *s, sd_device *d, DeviceSeen *seen)
{
    const char *name = sysname(d);

    xml_open(&s->x, "capability", "type", "drm", NULL);
    xml_text(&s->x, "type",
             g_str_has_prefix(name, "card")      ? "primary"
             : g_str_has_prefix(name, "control") ? "control"
                                                 : "render",
             NULL);
    xml_close(&s->x, "capability");
    return TRUE;
}

/* ---- the walk */

const char *const device_subsystems[] = { "pci",   "usb", "net",          "scsi",
                                          "block", "drm", "scsi_generic", NULL };

static const struct {
    const char *subsystem, *devtype; /* NULL: any */
    guint32 kind;
    /* Writes <capability>; FALSE: it is none that is listed. */
    gboolean (*describe)(DeviceScan *s, sd_device *d, DeviceSeen *seen);
    const char *more; /* an attribute, or a PROPERTY of udev's, that ends the name */
} rows[] = {
    { "pci", NULL, DEVICE_PCI, describe_pci, NULL },
    { "usb", "usb_device", DEVICE_USB, describe_usb_device, NULL },
    { "usb", "usb_interface", DEVICE_USB_INTERFACE, describe_usb_interface, NULL },
    { "net", NULL, DEVICE_NET, describe_net, "address" },
    { "scsi", "scsi_host", DEVICE_SCSI_HOST, describe_scsi_host, NULL },
    { "scsi", "scsi_target", DEVICE_SCSI_TARGET, describe_scsi_target, NULL },
    { "scsi", "scsi_device", DEVICE_SCSI, describe_scsi, NULL },
    { "block", "disk", DEVICE_STORAGE, describe_block, "ID_SERIAL" },
    { "scsi_generic", NULL, DEVICE_SCSI_GENERIC, describe_scsi_generic, NULL },
    { "drm", "drm_minor", DEVICE_DRM, describe_drm, NULL },
};

static int
row_of(sd_device *d)
{
    const char *subsystem = "", *devtype = NULL;

    sd_device_get_subsystem(d, &subsystem);
    sd_device_get_devtype(d, &devtype);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].subsystem, subsystem) == 0 &&
            (!rows[i].devtype || g_strcmp0(rows[i].devtype, devtype) == 0))
            return (int)i;
    return -1;
}

static char *
device_name(sd_device *d, int row)
{
    const char *key = rows[row].more;
    const char *more = !key ? NULL : g_ascii_isupper(*key) ? property(d, key) : attr(d, key);
    char *name = g_strconcat(rows[row].subsystem, "_", sysname(d), more ? "_" : NULL, more, NULL);

    for (char *c = name; *c; c++)
        if (!g_ascii_isalnum(*c))
            *c = '_';
    return name;
}

/* The nearest device above that is listed. */
static const char *
parent_of(const DeviceScan *s, const char *path)
{
    g_autofree char *above = g_strdup(path);
    const char *name = NULL;
    char *slash;

    while (!name && (slash = strrchr(above, '/'))) {
        *slash = '\0';
        name = g_hash_table_lookup(s->names, above);
    }
    return name ? name : "computer";
}

static void
put_devnodes(DeviceScan *s, sd_device *d)
{
    const char *device;

    if (sd_device_get_devname(d, &device) < 0)
        return;
    xml_text(&s->x, "devnode", device, "type", "dev", NULL);
    for (const char *l = sd_device_get_devlink_first(d); l; l = sd_device_get_devlink_next(d))
        xml_text(&s->x, "devnode", l, "type", "link", NULL);
}

static void
put_head(DeviceScan *s, sd_device *d, const DeviceSeen *seen)
{
    const char *driver;

    xml_open(&s->x, "device", NULL);
    xml_text(&s->x, "name", seen->name, NULL);
    xml_text(&s->x, "path", seen->path, NULL);
    if (!d)
        return;
    put_devnodes(s, d);
    xml_text(&s->x, "parent", seen->parent, NULL);
    if (sd_device_get_driver(d, &driver) < 0)
        return;
    xml_open(&s->x, "driver", NULL);
    xml_text(&s->x, "name", driver, NULL);
    xml_close(&s->x, "driver");
}

/* What devices say of themselves (a stick's name of its maker) is outside input: it becomes text
 * that documents can hold. */
static char *
plain_text(GString *raw)
{
    char *text = g_utf8_make_valid(raw->str, (gssize)raw->len);

    for (char *c = text; *c; c++)
        if ((guchar)*c < ' ' && *c != '\n')
            *c = ' ';
    g_string_free(raw, TRUE);
    return text;
}

/* Takes seen. */
static void
finish(DeviceScan *s, DeviceSeen *seen, gboolean listed)
{
    xml_close(&s->x, "device");
    seen->xml = plain_text(g_steal_pointer(&s->x.text));
    if (listed)
        g_ptr_array_add(s->seen, seen);
    else
        device_seen_free(seen);
}

static DeviceSeen *
begin(DeviceScan *s, const char *name, guint32 kind)
{
    DeviceSeen *seen = g_new0(DeviceSeen, 1);

    seen->name = g_strdup(name);
    seen->kinds = kind;
    s->x = (XmlOut){ .text = g_string_new(NULL) };
    return seen;
}

static void
look_at(DeviceScan *s, sd_device *d)
{
    const char *path, *name;
    int row = row_of(d);
    DeviceSeen *seen;

    if (row < 0 || sd_device_get_syspath(d, &path) < 0 ||
        !(name = g_hash_table_lookup(s->names, path)))
        return;
    seen = begin(s, name, rows[row].kind);
    seen->path = g_strdup(path);
    seen->parent = g_strdup(parent_of(s, path));
    put_head(s, d, seen);
    finish(s, seen, rows[row].describe(s, d, seen));
}

/* Only what is listed can be a parent, so names go before descriptions. */
static void
name_it(DeviceScan *s, sd_device *d)
{
    const char *path;
    int row = row_of(d);

    if (row < 0 || sd_device_get_syspath(d, &path) < 0 ||
        (rows[row].kind == DEVICE_STORAGE && !drive_type(d)))
        return;
    g_hash_table_insert(s->names, g_strdup(path), device_name(d, row));
}

static void
look_at_machine(DeviceScan *s)
{
    DeviceSeen *seen = begin(s, "computer", DEVICE_SYSTEM);

    put_head(s, NULL, seen);
    describe_machine(s);
    finish(s, seen, TRUE);
}

GPtrArray *
devices_scan(void)
{
    DeviceScan s = { .seen = g_ptr_array_new_with_free_func(device_seen_free),
                     .names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free) };
    g_autoptr(DeviceEnumerator) all = NULL;

    look_at_machine(&s);
    if (sd_device_enumerator_new(&all) >= 0) {
        sd_device_enumerator_allow_uninitialized(all);
        for (const char *const *name = device_subsystems; *name; name++)
            sd_device_enumerator_add_match_subsystem(all, *name, TRUE);
        for (sd_device *d = sd_device_enumerator_get_device_first(all); d;
             d = sd_device_enumerator_get_device_next(all))
            name_it(&s, d);
        for (sd_device *d = sd_device_enumerator_get_device_first(all); d;
             d = sd_device_enumerator_get_device_next(all))
            look_at(&s, d);
    }
    g_hash_table_unref(s.names);
    g_free(s.pci_ids);
    return s.seen;
}
