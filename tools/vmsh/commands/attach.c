/* Commands that give a domain devices, take them away and change them. */
#include <libxml/tree.h>
#include <string.h>
#include <sys/stat.h>

#include "vmsh/vmsh.h"

#define IMPACT_OPTIONS                                                                             \
    FLAG("persistent", "make live change persistent"), FLAG("config", "affect next boot"),         \
        FLAG("live", "affect running domain"), FLAG("current", "affect current domain")
#define PRINT_OPTION FLAG("print-xml", "print the XML rather than use it")
#define TEXT(name, doc)                                                                            \
    {                                                                                              \
        name, OPTION_STRING, OPTION_NAMED, NULL, doc                                               \
    }
#define NEEDED(name, doc)                                                                          \
    {                                                                                              \
        name, OPTION_STRING, OPTION_REQUIRED, NULL, doc                                            \
    }

/* ---- one change */

typedef struct AttachChange {
    DomainRef dom;
    guint flags;
} AttachChange;

/* Without any word about when, the running domain is meant. */
static gboolean
change_begin(Shell *s, const Args *a, AttachChange *ret_change, GError **err)
{
    AttachChange change = { 0 };

    if (!args_exclusive(a, "current", "persistent", err) || !domain_impact(a, &change.flags, err) ||
        !domain_get(s, a, &change.dom, err))
        return FALSE;
    if (args_flag(a, "persistent"))
        change.flags |= change.dom.id != -1 ? LIVE | CONFIG : CONFIG;
    if (!change.flags && !args_flag(a, "current"))
        change.flags = LIVE;
    *ret_change = change;
    return TRUE;
}

static gboolean
attach(Shell *s, const AttachChange *c, const char *xml, GError **err)
{
    DomainAttachDeviceFlagsArgs args = { c->dom, xml, c->flags };

    return call(s, PROC_DOMAIN_ATTACH_DEVICE_FLAGS, &args, NULL, err);
}

static gboolean
detach(Shell *s, const AttachChange *c, const char *xml, GError **err)
{
    DomainDetachDeviceFlagsArgs args = { c->dom, xml, c->flags };

    return call(s, PROC_DOMAIN_DETACH_DEVICE_FLAGS, &args, NULL, err);
}

static gboolean
update(Shell *s, const AttachChange *c, const char *xml, GError **err)
{
    DomainUpdateDeviceFlagsArgs args = { c->dom, xml, c->flags };

    return call(s, PROC_DOMAIN_UPDATE_DEVICE_FLAGS, &args, NULL, err);
}

typedef gboolean (*Send)(Shell *s, const AttachChange *c, const char *xml, GError **err);

/* Does it, or shows what it would do. */
static gboolean
send_or_print(Shell *s, const Args *a, Send send, const AttachChange *c, const char *xml,
              const char *done, GError **err)
{
    if (args_flag(a, "print-xml")) {
        put(s, "%s", xml);
        return TRUE;
    }
    if (!send(s, c, xml, err))
        return FALSE;
    remark(s, "%s", done);
    return TRUE;
}

/* ---- from a file */

static const Option file_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("file", "file with a device's XML"),
    IMPACT_OPTIONS,
    OPTION_END,
};

static const Option update_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("file", "file with a device's XML"),
    IMPACT_OPTIONS,
    FLAG("force", "open a locked tray"),
    OPTION_END,
};

static gboolean
send_file(Shell *s, const Args *a, Send send, const char *verb, const char *done, GError **err)
{
    enum { FORCE = 4 };
    const char *path = args_string(a, "file");
    g_autofree char *xml = NULL;
    AttachChange c;

    if (!change_begin(s, a, &c, err) || !xml_file(path, &xml, err))
        return FALSE;
    if (args_flag(a, "force"))
        c.flags |= FORCE;
    doing(s, "Failed to %s device from %s", verb, path);
    if (!send(s, &c, xml, err))
        return FALSE;
    remark(s, "Device %s successfully\n", done);
    return TRUE;
}

static gboolean
run_attach_device(Shell *s, const Args *a, GError **err)
{
    return send_file(s, a, attach, "attach", "attached", err);
}

static gboolean
run_detach_device(Shell *s, const Args *a, GError **err)
{
    return send_file(s, a, detach, "detach", "detached", err);
}

static gboolean
run_update_device(Shell *s, const Args *a, GError **err)
{
    return send_file(s, a, update, "update", "updated", err);
}

static const Option alias_options[] = {
    DOMAIN_OPTION(complete_domains),          NEEDED("alias", "device alias"),
    FLAG("config", "affect next boot"),       FLAG("live", "affect running domain"),
    FLAG("current", "affect current domain"), OPTION_END,
};

static gboolean
run_detach_device_alias(Shell *s, const Args *a, GError **err)
{
    DomainDetachDeviceAliasArgs args = { .alias = args_string(a, "alias") };

    if (!domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to detach device with alias %s", args.alias);
    if (!call(s, PROC_DOMAIN_DETACH_DEVICE_ALIAS, &args, NULL, err))
        return FALSE;
    remark(s, "Device detach request sent successfully\n");
    return TRUE;
}

/* ---- XML from options */

/* " name='value'", unless there is no value. */
static void
add_attribute(GString *xml, const char *name, const char *value)
{
    g_autofree char *text = value ? g_markup_escape_text(value, -1) : NULL;

    if (text)
        g_string_append_printf(xml, " %s='%s'", name, text);
}

/* An element with one attribute, or with a text. */
static void
add_element(GString *xml, const char *element, const char *attribute, const char *value)
{
    if (!value)
        return;
    g_string_append_printf(xml, "  <%s", element);
    add_attribute(xml, attribute, value);
    g_string_append(xml, "/>\n");
}

static void
add_text(GString *xml, const char *element, const char *value)
{
    g_autofree char *text = value ? g_markup_escape_text(value, -1) : NULL;

    if (text)
        g_string_append_printf(xml, "  <%s>%s</%s>\n", element, text, element);
}

/* "pci:0000.00.05.0" and its kin. */
static gboolean
add_address(GString *xml, const char *text, gboolean multifunction, GError **err)
{
    static const struct {
        const char *prefix, *type;
        const char *names[5];
        int base;
    } forms[] = {
        { "pci:", "pci", { "domain", "bus", "slot", "function" }, 16 },
        { "ccw:", "ccw", { "cssid", "ssid", "devno" }, 16 },
        { "usb:", "usb", { "bus", "port" }, 10 },
        { "scsi:", "drive", { "controller", "bus", "unit" }, 10 },
        { "sata:", "drive", { "controller", "bus", "unit" }, 10 },
        { "ide:", "drive", { "controller", "bus", "unit" }, 10 },
    };

    for (gsize i = 0; text && i < G_N_ELEMENTS(forms); i++) {
        g_auto(GStrv) parts = NULL;

        if (!g_str_has_prefix(text, forms[i].prefix))
            continue;
        parts = g_strsplit(text + strlen(forms[i].prefix), ".", -1);
        if (g_strv_length(parts) != g_strv_length((char **)forms[i].names))
            break;
        g_string_append_printf(xml, "  <address type='%s'", forms[i].type);
        for (guint k = 0; parts[k]; k++)
            g_string_append_printf(xml, forms[i].base == 16 ? " %s='0x%s'" : " %s='%s'",
                                   forms[i].names[k], parts[k]);
        add_attribute(xml, "multifunction", multifunction ? "on" : NULL);
        g_string_append(xml, "/>\n");
        return TRUE;
    }
    return !text || refuse(err,
                           "'%s' is no address: pci:0000.00.00.0, ccw:fe.0.0000, usb:0.0, "
                           "scsi:0.0.0, sata:0.0.0 or ide:0.0.0 is one",
                           text);
}

/* ---- disks */

static const Option attach_disk_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("source", "source of disk device or name of network disk"),
    NEEDED("target", "target of disk device"),
    TEXT("targetbus", "target bus of disk device"),
    TEXT("driver", "driver of disk device"),
    TEXT("subdriver", "subdriver of disk device"),
    TEXT("iothread", "IOThread to be used by supported device"),
    TEXT("cache", "cache mode of disk device"),
    TEXT("io", "io policy of disk device"),
    TEXT("type", "target device type"),
    TEXT("mode", "mode of device reading and writing"),
    TEXT("sourcetype", "type of source (block|file|network)"),
    TEXT("serial", "serial of disk device"),
    TEXT("wwn", "wwn of disk device"),
    TEXT("alias", "custom alias name of disk device"),
    FLAG("rawio", "needs rawio capability"),
    TEXT("address", "address of disk device"),
    FLAG("multifunction", "use multifunction pci under specified address"),
    PRINT_OPTION,
    TEXT("source-protocol", "protocol used by disk device source"),
    TEXT("source-host-name", "host name for source of disk device"),
    TEXT("source-host-transport", "host transport for source of disk device"),
    TEXT("source-host-socket", "host socket for source of disk device"),
    IMPACT_OPTIONS,
    OPTION_END,
};

static const char *
source_type(const Args *a)
{
    const char *said = args_string(a, "sourcetype");
    struct stat st;

    if (said)
        return said;
    if (args_string(a, "source-protocol"))
        return "network";
    return stat(args_string(a, "source"), &st) == 0 && S_ISBLK(st.st_mode) ? "block" : "file";
}

static void
add_network_source(GString *xml, const Args *a)
{
    const char *host = args_string(a, "source-host-name");
    const char *colon = host ? strrchr(host, ':') : NULL;
    g_autofree char *name = colon ? g_strndup(host, (gsize)(colon - host)) : g_strdup(host);

    g_string_append(xml, "  <source");
    add_attribute(xml, "protocol", args_string(a, "source-protocol"));
    add_attribute(xml, "name", args_string(a, "source"));
    g_string_append(xml, ">\n    <host");
    add_attribute(xml, "name", name);
    add_attribute(xml, "port", colon ? colon + 1 : NULL);
    add_attribute(xml, "transport", args_string(a, "source-host-transport"));
    add_attribute(xml, "socket", args_string(a, "source-host-socket"));
    g_string_append(xml, "/>\n  </source>\n");
}

static gboolean
add_source(GString *xml, const Args *a, const char *type, GError **err)
{
    static const char *const attributes[][2] = { { "file", "file" }, { "block", "dev" } };
    const char *source = args_string(a, "source");

    if (strcmp(type, "network") == 0) {
        add_network_source(xml, a);
        return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(attributes); i++) {
        if (strcmp(type, attributes[i][0]) != 0)
            continue;
        add_element(xml, "source", attributes[i][1], *source ? source : NULL);
        return TRUE;
    }
    return refuse(err, "Unknown source type: '%s'", type);
}

static void
add_driver(GString *xml, const Args *a)
{
    static const char *const names[][2] = { { "name", "driver" },
                                            { "type", "subdriver" },
                                            { "iothread", "iothread" },
                                            { "cache", "cache" },
                                            { "io", "io" } };
    gboolean any = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        any = any || args_string(a, names[i][1]);
    if (!any)
        return;
    g_string_append(xml, "  <driver");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        add_attribute(xml, names[i][0], args_string(a, names[i][1]));
    g_string_append(xml, "/>\n");
}

static gboolean
disk_xml(const Args *a, GString *xml, GError **err)
{
    const char *type = source_type(a), *mode = args_string(a, "mode");

    if (mode && strcmp(mode, "readonly") != 0 && strcmp(mode, "shareable") != 0)
        return refuse(err, "No support for %s in command 'attach-disk'", mode);
    g_string_append(xml, "<disk");
    add_attribute(xml, "type", type);
    add_attribute(xml, "device", args_string(a, "type"));
    add_attribute(xml, "rawio", args_flag(a, "rawio") ? "yes" : NULL);
    g_string_append(xml, ">\n");
    add_driver(xml, a);
    if (!add_source(xml, a, type, err))
        return FALSE;
    g_string_append(xml, "  <target");
    add_attribute(xml, "dev", args_string(a, "target"));
    add_attribute(xml, "bus", args_string(a, "targetbus"));
    g_string_append(xml, "/>\n");
    if (mode)
        g_string_append_printf(xml, "  <%s/>\n", mode);
    add_text(xml, "serial", args_string(a, "serial"));
    add_element(xml, "alias", "name", args_string(a, "alias"));
    add_text(xml, "wwn", args_string(a, "wwn"));
    if (!add_address(xml, args_string(a, "address"), args_flag(a, "multifunction"), err))
        return FALSE;
    g_string_append(xml, "</disk>\n");
    return TRUE;
}

static gboolean
run_attach_disk(Shell *s, const Args *a, GError **err)
{
    g_autoptr(GString) xml = g_string_new(NULL);
    AttachChange c;

    if (!change_begin(s, a, &c, err) || !disk_xml(a, xml, err))
        return FALSE;
    doing(s, "Failed to attach disk");
    return send_or_print(s, a, attach, &c, xml->str, "Disk attached successfully\n", err);
}

/* ---- devices that a domain has */

static char *
node_text(Doc *doc, Node *node)
{
    xmlBufferPtr buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, doc, node, 0, 1);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

/* The definition that a change is about. */
static Doc *
domain_doc(Shell *s, const DomainRef *dom, guint impact, GError **err)
{
    gboolean inactive = impact & CONFIG && !(impact & LIVE);
    const char *xml;

    return domain_xml(s, dom, inactive ? DUMP_INACTIVE : 0, &xml, err) ? doc_parse(xml, err) : NULL;
}

static gboolean
is_any(Doc *doc, Node *node, const char *const *paths, const char *text)
{
    for (guint i = 0; paths[i]; i++) {
        g_autofree char *value = doc_text(doc, node, paths[i]);

        if (value && g_ascii_strcasecmp(value, text) == 0)
            return TRUE;
    }
    return FALSE;
}

static Node *
find_node(Doc *doc, const char *path, const char *const *keys, const char *text)
{
    g_autoptr(GPtrArray) nodes = doc_nodes(doc, NULL, path);

    for (guint i = 0; i < nodes->len; i++)
        if (is_any(doc, nodes->pdata[i], keys, text))
            return nodes->pdata[i];
    return NULL;
}

static const char *const disk_keys[] = { "target/@dev", "source/@file", "source/@dev",
                                         "source/@name", NULL };
static const char *const interface_keys[] = { "mac/@address", "target/@dev", NULL };

static Node *
find_disk(Doc *doc, const char *text, GError **err)
{
    Node *node = find_node(doc, "/domain/devices/disk", disk_keys, text);

    if (!node)
        refuse(err, "No disk found whose source path or target is %s", text);
    return node;
}

static const Option detach_disk_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("target", "target of disk device"),
    IMPACT_OPTIONS,
    PRINT_OPTION,
    OPTION_END,
};

static gboolean
run_detach_disk(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    g_autofree char *xml = NULL;
    Node *node;
    AttachChange c;

    if (!change_begin(s, a, &c, err) || !(doc = domain_doc(s, &c.dom, c.flags, err)) ||
        !(node = find_disk(doc, args_string(a, "target"), err)))
        return FALSE;
    xml = node_text(doc, node);
    doing(s, "Failed to detach disk");
    return send_or_print(s, a, detach, &c, xml, "Disk detached successfully\n", err);
}

/* ---- media */

static const Option media_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("path", "fully-qualified path or target of disk device"),
    { "source", OPTION_STRING, 0, NULL, "source of the media" },
    FLAG("eject", "Eject the media"),
    FLAG("insert", "Insert the media"),
    FLAG("update", "Update the media"),
    FLAG("current", "affect current domain"),
    FLAG("live", "affect running domain"),
    FLAG("config", "affect next boot"),
    FLAG("force", "force media changing"),
    PRINT_OPTION,
    FLAG("block", "source media is a block device"),
    OPTION_END,
};

static void
drop_children(Node *node, const char *name)
{
    for (Node *child = node->children, *next; child; child = next) {
        next = child->next;
        if (child->type != XML_ELEMENT_NODE || strcmp((const char *)child->name, name) != 0)
            continue;
        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
}

static void
set_media(Node *disk, const char *source, gboolean block)
{
    drop_children(disk, "source");
    drop_children(disk, "backingStore");
    xmlSetProp(disk, (const xmlChar *)"type", (const xmlChar *)(block ? "block" : "file"));
    if (source)
        xmlSetProp(xmlNewChild(disk, NULL, (const xmlChar *)"source", NULL),
                   (const xmlChar *)(block ? "dev" : "file"), (const xmlChar *)source);
}

static gboolean
media_check(const Args *a, Doc *doc, Node *disk, GError **err)
{
    const char *path = args_string(a, "path");
    g_autofree char *device = doc_text(doc, disk, "@device");
    g_autofree char *source = doc_text(doc, disk, "source/@*");

    if (!args_exclusive(a, "eject", "insert", err) || !args_exclusive(a, "eject", "update", err) ||
        !args_exclusive(a, "insert", "update", err) || !args_exclusive(a, "eject", "block", err))
        return FALSE;
    if (g_strcmp0(device, "cdrom") != 0 && g_strcmp0(device, "floppy") != 0)
        return refuse(err, "The disk device '%s' is not removable", path);
    if (args_flag(a, "eject") && !source)
        return refuse(err, "The disk device '%s' doesn't have media", path);
    if (args_flag(a, "insert") && source)
        return refuse(err, "The disk device '%s' already has media", path);
    if (!args_flag(a, "eject") && !args_string(a, "source"))
        return refuse(err, "New disk media source was not specified");
    return TRUE;
}

static gboolean
run_change_media(Shell *s, const Args *a, GError **err)
{
    enum { FORCE = 4 };
    gboolean eject = args_flag(a, "eject");
    const char *done = eject                    ? "Successfully ejected media."
                       : args_flag(a, "insert") ? "Successfully inserted media."
                                                : "Successfully updated media.";
    g_autoptr(Doc) doc = NULL;
    g_autofree char *xml = NULL;
    Node *disk;
    AttachChange c = { 0 };

    if (!domain_impact(a, &c.flags, err) || !domain_get(s, a, &c.dom, err) ||
        !(doc = domain_doc(s, &c.dom, c.flags, err)) ||
        !(disk = find_disk(doc, args_string(a, "path"), err)) || !media_check(a, doc, disk, err))
        return FALSE;
    set_media(disk, eject ? NULL : args_string(a, "source"), args_flag(a, "block"));
    xml = node_text(doc, disk);
    c.flags |= args_flag(a, "force") ? FORCE : 0;
    doing(s, "Failed to complete action on media");
    return send_or_print(s, a, update, &c, xml, done, err);
}

/* ---- interfaces */

static const Option attach_interface_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("type", "network interface type"),
    NEEDED("source", "source of network interface"),
    TEXT("target", "target network name"),
    TEXT("mac", "MAC address"),
    TEXT("script", "script used to bridge network interface"),
    TEXT("model", "model type"),
    TEXT("alias", "custom alias name of interface device"),
    TEXT("inbound", "control domain's incoming traffics"),
    TEXT("outbound", "control domain's outgoing traffics"),
    IMPACT_OPTIONS,
    PRINT_OPTION,
    FLAG("managed", "detach a host device from its driver and give it back by itself"),
    TEXT("source-mode", "mode attribute of <source/> element"),
    OPTION_END,
};

/* "0000:05:01.0" */
static gboolean
add_host_device(GString *xml, const char *text, GError **err)
{
    guint part[4];
    char end;

    if (sscanf(text, "%x:%x:%x.%x%c", &part[0], &part[1], &part[2], &part[3], &end) != 4)
        return refuse(err, "cannot parse pci address '%s'", text);
    g_string_append_printf(xml,
                           "  <source>\n    <address type='pci' domain='0x%04x' bus='0x%02x' "
                           "slot='0x%02x' function='0x%x'/>\n  </source>\n",
                           part[0], part[1], part[2], part[3]);
    return TRUE;
}

static gboolean
add_interface_source(GString *xml, const Args *a, GError **err)
{
    static const char *const attributes[][2] = { { "network", "network" },
                                                 { "bridge", "bridge" },
                                                 { "direct", "dev" } };
    const char *type = args_string(a, "type"), *source = args_string(a, "source");

    for (gsize i = 0; i < G_N_ELEMENTS(attributes); i++) {
        if (strcmp(type, attributes[i][0]) != 0)
            continue;
        g_string_append(xml, "  <source");
        add_attribute(xml, attributes[i][1], source);
        add_attribute(xml, "mode", args_string(a, "source-mode"));
        g_string_append(xml, "/>\n");
        return TRUE;
    }
    if (strcmp(type, "hostdev") == 0)
        return add_host_device(xml, source, err);
    return refuse(err, "No support for %s in command 'attach-interface'", type);
}

/* "average,peak,burst,floor", of which the first must be there. */
static gboolean
add_rate(GString *xml, const char *direction, const char *text, GError **err)
{
    static const char *const names[] = { "average", "peak", "burst", "floor" };
    g_auto(GStrv) parts = text ? g_strsplit(text, ",", -1) : NULL;

    if (!parts)
        return TRUE;
    if (g_strv_length(parts) > G_N_ELEMENTS(names))
        return refuse(err, "%s: '%s' is no average[,peak[,burst[,floor]]]", direction, text);
    g_string_append_printf(xml, "    <%s", direction);
    for (guint i = 0; parts[i]; i++)
        add_attribute(xml, names[i], *parts[i] ? parts[i] : NULL);
    g_string_append(xml, "/>\n");
    return TRUE;
}

static gboolean
interface_xml(const Args *a, GString *xml, GError **err)
{
    const char *in = args_string(a, "inbound"), *out = args_string(a, "outbound");

    g_string_append(xml, "<interface");
    add_attribute(xml, "type", args_string(a, "type"));
    add_attribute(xml, "managed", args_flag(a, "managed") ? "yes" : NULL);
    g_string_append(xml, ">\n");
    if (!add_interface_source(xml, a, err))
        return FALSE;
    add_element(xml, "target", "dev", args_string(a, "target"));
    add_element(xml, "mac", "address", args_string(a, "mac"));
    add_element(xml, "script", "path", args_string(a, "script"));
    add_element(xml, "model", "type", args_string(a, "model"));
    add_element(xml, "alias", "name", args_string(a, "alias"));
    if (in || out)
        g_string_append(xml, "  <bandwidth>\n");
    if (!add_rate(xml, "inbound", in, err) || !add_rate(xml, "outbound", out, err))
        return FALSE;
    if (in || out)
        g_string_append(xml, "  </bandwidth>\n");
    g_string_append(xml, "</interface>\n");
    return TRUE;
}

static gboolean
run_attach_interface(Shell *s, const Args *a, GError **err)
{
    g_autoptr(GString) xml = g_string_new(NULL);
    AttachChange c;

    if (!change_begin(s, a, &c, err) || !interface_xml(a, xml, err))
        return FALSE;
    doing(s, "Failed to attach interface");
    return send_or_print(s, a, attach, &c, xml->str, "Interface attached successfully\n", err);
}

static const Option detach_interface_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("type", "network interface type"),
    TEXT("mac", "MAC address"),
    IMPACT_OPTIONS,
    PRINT_OPTION,
    OPTION_END,
};

static Node *
find_interface(Doc *doc, const char *type, const char *mac, GError **err)
{
    g_autofree char *path = g_strdup_printf("/domain/devices/interface[@type='%s']", type);
    g_autoptr(GPtrArray) all = doc_nodes(doc, NULL, path);
    Node *node;

    if (mac) {
        if (!(node = find_node(doc, path, interface_keys, mac)))
            refuse(err, "No interface with MAC address %s was found", mac);
        return node;
    }
    if (all->len == 0)
        refuse(err, "No interface found whose type is %s", type);
    if (all->len > 1)
        refuse(err, "Domain has %u interfaces. Please specify which one to detach using --mac",
               all->len);
    return all->len == 1 ? all->pdata[0] : NULL;
}

static gboolean
run_detach_interface(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    g_autofree char *xml = NULL;
    Node *node;
    AttachChange c;

    if (!change_begin(s, a, &c, err) || !(doc = domain_doc(s, &c.dom, c.flags, err)))
        return FALSE;
    doing(s, "Failed to detach interface");
    if (!(node = find_interface(doc, args_string(a, "type"), args_string(a, "mac"), err)))
        return FALSE;
    xml = node_text(doc, node);
    return send_or_print(s, a, detach, &c, xml, "Interface detached successfully\n", err);
}

/* ---- links */

static const Option setlink_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("interface", "interface device (MAC Address)"),
    NEEDED("state", "new state of the device"),
    FLAG("config", "affect next boot"),
    PRINT_OPTION,
    OPTION_END,
};

static const Option getlink_options[] = {
    DOMAIN_OPTION(complete_domains),
    NEEDED("interface", "interface device (MAC Address)"),
    FLAG("config", "get persistent interface state"),
    OPTION_END,
};

/* The interface whose link is meant; doc is the caller's. */
static Node *
link_node(Shell *s, const Args *a, AttachChange *ret_change, Doc **ret_doc, GError **err)
{
    const char *name = args_string(a, "interface");
    Node *node;

    *ret_change = (AttachChange){ .flags = args_flag(a, "config") ? CONFIG : 0 };
    if (!domain_get(s, a, &ret_change->dom, err) ||
        !(*ret_doc = domain_doc(s, &ret_change->dom, ret_change->flags, err)))
        return NULL;
    node = find_node(*ret_doc, "/domain/devices/interface", interface_keys, name);
    if (!node)
        refuse(err, "interface '%s' not found", name);
    return node;
}

static gboolean
run_setlink(Shell *s, const Args *a, GError **err)
{
    const char *state = args_string(a, "state");
    g_autoptr(Doc) doc = NULL;
    g_autofree char *xml = NULL;
    Node *node;
    AttachChange c;

    if (strcmp(state, "up") != 0 && strcmp(state, "down") != 0)
        return refuse(err, "invalid link state '%s'", state);
    if (!(node = link_node(s, a, &c, &doc, err)))
        return FALSE;
    drop_children(node, "link");
    xmlSetProp(xmlNewChild(node, NULL, (const xmlChar *)"link", NULL), (const xmlChar *)"state",
               (const xmlChar *)state);
    xml = node_text(doc, node);
    doing(s, "Failed to update interface link state");
    return send_or_print(s, a, update, &c, xml, "Device updated successfully\n", err);
}

static gboolean
run_getlink(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    g_autofree char *state = NULL;
    Node *node;
    AttachChange c;

    if (!(node = link_node(s, a, &c, &doc, err)))
        return FALSE;
    state = doc_text(doc, node, "link/@state");
    put(s, "%s %s", args_string(a, "interface"), state ? state : "up");
    return TRUE;
}

const Command attach_commands[] = {
    { "attach-device", "attach device from an XML file", "Attach device from an XML <file>.",
      file_options, run_attach_device },
    { "attach-disk", "attach disk device", "Attach new disk device.", attach_disk_options,
      run_attach_disk },
    { "attach-interface", "attach network interface", "Attach new network interface.",
      attach_interface_options, run_attach_interface },
    { "change-media", "Change media of CD or floppy drive", "Change media of CD or floppy drive.",
      media_options, run_change_media },
    { "detach-device", "detach device from an XML file", "Detach device from an XML <file>",
      file_options, run_detach_device },
    { "detach-device-alias", "detach device from an alias",
      "Detach device identified by the given alias from a domain", alias_options,
      run_detach_device_alias },
    { "detach-disk", "detach disk device", "Detach disk device.", detach_disk_options,
      run_detach_disk },
    { "detach-interface", "detach network interface", "Detach network interface.",
      detach_interface_options, run_detach_interface },
    { "domif-getlink", "get link state of a virtual interface",
      "Get link state of a domain's virtual interface.", getlink_options, run_getlink },
    { "domif-setlink", "set link state of a virtual interface",
      "Set link state of a domain's virtual interface.", setlink_options, run_setlink },
    { "update-device", "update device from an XML file", "Update device from an XML <file>.",
      update_options, run_update_device },
    { 0 },
};
