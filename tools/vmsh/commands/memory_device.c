/* update-memory-device: how much of a virtio-mem device the guest is to have. */
#include <libxml/tree.h>

#include "vmsh/vmsh.h"

static const Option options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("config", "affect next boot"),
    FLAG("live", "affect running domain"),
    FLAG("current", "affect current domain"),
    FLAG("print-xml", "print updated memory device XML instead of executing the change"),
    { "alias", OPTION_STRING, OPTION_NAMED, NULL, "memory device alias" },
    { "node", OPTION_NUMBER, OPTION_NAMED, NULL, "memory device target node" },
    { "requested-size", OPTION_NUMBER, OPTION_NAMED, NULL,
      "new value of <requested/> size, as scaled integer (default KiB)" },
    OPTION_END,
};

static Node *
find_device(Doc *doc, const Args *a, GError **err)
{
    const char *alias = args_string(a, "alias"), *node = args_string(a, "node");
    g_autofree char *which = alias  ? g_strdup_printf("[./alias/@name='%s']", alias)
                             : node ? g_strdup_printf("[./target/node='%s']", node)
                                    : g_strdup("");
    g_autofree char *path = g_strconcat("/domain/devices/memory", which, NULL);
    g_autoptr(GPtrArray) found = doc_nodes(doc, NULL, path);

    if (found->len == 1)
        return found->pdata[0];
    if (found->len == 0)
        refuse(err, "no memory device found");
    else
        refuse(err, "multiple memory devices found, use --alias or --node to select one");
    return NULL;
}

static gboolean
set_requested(Doc *doc, Node *device, guint64 kib, GError **err)
{
    g_autoptr(GPtrArray) found = doc_nodes(doc, device, "./target/requested");
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, kib);

    if (!found->len)
        return refuse(err, "virtio-mem device is missing <requested/>");
    xmlNodeSetContent(found->pdata[0], (const xmlChar *)text);
    xmlSetProp(found->pdata[0], (const xmlChar *)"unit", (const xmlChar *)"KiB");
    return TRUE;
}

static gboolean
run(Shell *s, const Args *a, GError **err)
{
    DomainUpdateDeviceFlagsArgs args = { 0 };
    g_autoptr(Doc) doc = NULL;
    g_autofree char *device_xml = NULL;
    const char *xml;
    guint64 bytes = 0;
    gint64 number = 0;
    Node *device;

    if (!args_exclusive(a, "alias", "node", err) || !domain_impact(a, &args.flags, err) ||
        !args_number(a, "node", 0, G_MAXINT32, &number, err) ||
        !args_size(a, "requested-size", 1024, &bytes, err) || !domain_get(s, a, &args.dom, err) ||
        !domain_xml(s, &args.dom, args.flags & CONFIG ? DUMP_INACTIVE : 0, &xml, err) ||
        !(doc = doc_parse(xml, err)) || !(device = find_device(doc, a, err)))
        return FALSE;
    if (args_flag(a, "requested-size") && !set_requested(doc, device, bytes / 1024, err))
        return FALSE;
    device_xml = node_xml(doc, device, "memory");
    if (args_flag(a, "print-xml")) {
        put(s, "%s\n", device_xml);
        return TRUE;
    }
    args.xml = device_xml;
    return call(s, PROC_DOMAIN_UPDATE_DEVICE_FLAGS, &args, NULL, err);
}

const Command memory_device_commands[] = {
    { "update-memory-device", "update memory device of a domain",
      "Update values of a memory device of a domain", options, run },
    { 0 },
};
