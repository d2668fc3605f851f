/* Commands about devices of the host. */
#include <string.h>

#include "vmsh/vmsh.h"

static char **complete_devices(Shell *s);

#define DEVICE_OPTION                                                                              \
    {                                                                                              \
        "device", OPTION_STRING, OPTION_REQUIRED, complete_devices, "device name"                  \
    }

enum { LIST_PERSISTENT = 1 << 28, LIST_TRANSIENT = 1 << 29, LIST_INACTIVE = 1 << 30 };
#define LIST_ACTIVE (1u << 31)

static gboolean
list_devices(Shell *s, guint32 flags, ConnectListAllNodeDevicesRet *ret, GError **err)
{
    const ConnectListAllNodeDevicesArgs args = { .need_results = 1, .flags = flags };

    return call(s, PROC_CONNECT_LIST_ALL_NODE_DEVICES, &args, ret, err);
}

static char **
complete_devices(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    ConnectListAllNodeDevicesRet ret = { 0 };

    if (list_devices(s, 0, &ret, NULL))
        for (guint i = 0; i < ret.devices.n; i++)
            g_strv_builder_add(names, ret.devices.v[i].name);
    return g_strv_builder_end(names);
}

/* ---- the list */

/* In order of their bits. */
static const char *const caps[] = { "system",    "pci",        "usb_device",  "usb",
                                    "net",       "scsi_host",  "scsi_target", "scsi",
                                    "storage",   "fc_host",    "vports",      "scsi_generic",
                                    "drm",       "mdev_types", "mdev",        "ccw",
                                    "css",       "vdpa",       "ap_card",     "ap_queue",
                                    "ap_matrix", "vpd",        "ccwgroup" };

static gboolean
cap_bits(const char *text, guint32 *ret_bits, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);

    *ret_bits = 0;
    for (char **word = words; *word; word++) {
        gsize i = 0;
        while (i < G_N_ELEMENTS(caps) && strcmp(caps[i], *word) != 0)
            i++;
        if (i == G_N_ELEMENTS(caps))
            return refuse(err, "Invalid capability type");
        *ret_bits |= 1u << i;
    }
    return TRUE;
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
sorted_names(const ConnectListAllNodeDevicesRet *ret)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < ret->devices.n; i++)
        g_ptr_array_add(names, (char *)ret->devices.v[i].name);
    g_ptr_array_sort(names, by_text);
    return names;
}

/* name: parent. */
static GHashTable *
parents_of(Shell *s, const GPtrArray *names)
{
    GHashTable *parents = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < names->len; i++) {
        const NodeDeviceGetParentArgs args = { .name = names->pdata[i] };
        NodeDeviceGetParentRet ret = { 0 };
        if (call(s, PROC_NODE_DEVICE_GET_PARENT, &args, &ret, NULL) && ret.parent_name)
            g_hash_table_insert(parents, names->pdata[i], (char *)ret.parent_name);
    }
    return parents;
}

typedef struct Tree {
    const GPtrArray *names;
    GHashTable *parents;
} Tree;

static gboolean
is_child(const Tree *t, const char *name, const char *parent)
{
    return g_strcmp0(g_hash_table_lookup(t->parents, name), parent) == 0;
}

static void
print_below(Shell *s, const Tree *t, const char *parent, const char *indent, guint depth)
{
    guint last = t->names->len;

    for (guint i = 0; i < t->names->len; i++)
        if (is_child(t, t->names->pdata[i], parent))
            last = i;
    for (guint i = 0; depth < 64 && i < t->names->len; i++) {
        g_autofree char *deeper = g_strconcat(indent, i == last ? "    " : "|   ", NULL);
        if (!is_child(t, t->names->pdata[i], parent))
            continue;
        put(s, "%s+- %s\n", indent, (const char *)t->names->pdata[i]);
        print_below(s, t, t->names->pdata[i], deeper, depth + 1);
    }
}

static void
print_tree(Shell *s, const GPtrArray *names)
{
    g_autoptr(GHashTable) parents = parents_of(s, names);
    const Tree tree = { names, parents };

    for (guint i = 0; i < names->len; i++) {
        if (g_hash_table_lookup(parents, names->pdata[i]))
            continue;
        put(s, "%s\n", (const char *)names->pdata[i]);
        print_below(s, &tree, names->pdata[i], "  ", 0);
    }
}

static void
print_names(Shell *s, const GPtrArray *names)
{
    json_object *array = s->json ? json_object_new_array() : NULL;

    for (guint i = 0; i < names->len; i++) {
        if (array)
            json_object_array_add(array, json_object_new_string(names->pdata[i]));
        else
            put(s, "%s\n", (const char *)names->pdata[i]);
    }
    if (array)
        print_json(s, array);
}

static const Option list_options[] = {
    FLAG("tree", "list devices in a tree"),
    { "cap", OPTION_STRING, OPTION_NAMED, NULL, "capability names, separated by comma" },
    FLAG("inactive", "list inactive devices"),
    FLAG("all", "list inactive & active devices"),
    FLAG("persistent", "list persistent devices"),
    FLAG("transient", "list transient devices"),
    OPTION_END,
};

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    ConnectListAllNodeDevicesRet ret = { 0 };
    g_autoptr(GPtrArray) names = NULL;
    guint32 flags;

    if (args_flag(a, "tree") && (args_flag(a, "cap") || args_flag(a, "inactive")))
        return refuse(err, "Option --tree is incompatible with --cap and --inactive");
    if (!cap_bits(args_string(a, "cap"), &flags, err))
        return FALSE;
    if (!args_flag(a, "all"))
        flags |= args_flag(a, "inactive") ? LIST_INACTIVE : LIST_ACTIVE;
    flags |= args_flag(a, "persistent") ? LIST_PERSISTENT : 0;
    flags |= args_flag(a, "transient") ? LIST_TRANSIENT : 0;
    doing(s, "Failed to list node devices");
    if (!list_devices(s, flags, &ret, err))
        return FALSE;
    names = sorted_names(&ret);
    if (args_flag(a, "tree"))
        print_tree(s, names);
    else
        print_names(s, names);
    return TRUE;
}

/* ---- one */

static const Option dumpxml_options[] = {
    DEVICE_OPTION,
    FLAG("inactive", "show inactive defined XML"),
    XPATH_OPTIONS,
    OPTION_END,
};

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    const NodeDeviceGetXmlDescArgs args = { .name = args_string(a, "device"),
                                            .flags = args_flag(a, "inactive") };
    NodeDeviceGetXmlDescRet ret = { 0 };

    doing(s, "Could not find matching device '%s'", args.name);
    return call(s, PROC_NODE_DEVICE_GET_XML_DESC, &args, &ret, err) &&
           doc_print(s, a, ret.xml, err);
}

static const Option info_options[] = { DEVICE_OPTION, OPTION_END };

static gboolean
run_info(Shell *s, const Args *a, GError **err)
{
    const char *name = args_string(a, "device");
    const NodeDeviceGetParentArgs args = { .name = name };
    NodeDeviceGetParentRet parent = { 0 };
    NodeDeviceIsActiveRet active = { 0 };
    NodeDeviceIsPersistentRet persistent = { 0 };
    NodeDeviceGetAutostartRet autostart = { 0 };
    g_autoptr(Sheet) sheet = sheet_new(16);

    doing(s, "Could not find matching device '%s'", name);
    if (!call(s, PROC_NODE_DEVICE_GET_PARENT, &args, &parent, err) ||
        !call(s, PROC_NODE_DEVICE_IS_ACTIVE, &args, &active, err) ||
        !call(s, PROC_NODE_DEVICE_IS_PERSISTENT, &args, &persistent, err) ||
        !call(s, PROC_NODE_DEVICE_GET_AUTOSTART, &args, &autostart, err))
        return FALSE;
    sheet_add(sheet, "Name", "%s", name);
    sheet_add(sheet, "Parent", "%s", parent.parent_name ? parent.parent_name : "");
    sheet_add_flag(sheet, "Active", active.active);
    sheet_add_flag(sheet, "Persistent", persistent.persistent);
    sheet_add_flag(sheet, "Autostart", autostart.autostart);
    sheet_print(s, sheet);
    return TRUE;
}

const Command nodedev_commands[] = {
    { "nodedev-dumpxml", "node device details in XML",
      "Output the node device details as an XML dump to stdout.", dumpxml_options, run_dumpxml, 0 },
    { "nodedev-info", "node device information", "Returns basic information about the node device",
      info_options, run_info, COMMAND_JSON },
    { "nodedev-list", "enumerate devices on this host", NULL, list_options, run_list,
      COMMAND_JSON },
    { 0 },
};
