/* Commands about virtual networks. */
#include <string.h>

#include "vmsh/named.h"

enum { INACTIVE = 1 << 0, ACTIVE = 1 << 1 };

/* ---- finding */

char **
complete_networks(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const ConnectListAllNetworksArgs args = { .need_results = 1 };
    ConnectListAllNetworksRet ret = { 0 };

    if (call(s, PROC_CONNECT_LIST_ALL_NETWORKS, &args, &ret, NULL))
        for (guint i = 0; i < ret.nets.n; i++)
            g_strv_builder_add(names, ret.nets.v[i].name);
    return g_strv_builder_end(names);
}

gboolean
network_lookup(Shell *s, const char *text, NetworkRef *ret_net, GError **err)
{
    NetworkLookupByUuidArgs by_uuid;
    const NetworkLookupByNameArgs by_name = { .name = text };
    NetworkLookupByNameRet ret = { 0 };

    if (uuid_parse(text, by_uuid.uuid) &&
        call(s, PROC_NETWORK_LOOKUP_BY_UUID, &by_uuid, &ret, NULL)) {
        *ret_net = ret.net;
        return TRUE;
    }
    doing(s, "failed to get network '%s'", text);
    if (!call(s, PROC_NETWORK_LOOKUP_BY_NAME, &by_name, &ret, err))
        return FALSE;
    *ret_net = ret.net;
    g_clear_pointer(&s->doing, g_free);
    return TRUE;
}

static gboolean
network_get(Shell *s, const Args *a, NetworkRef *ret_net, GError **err)
{
    return network_lookup(s, args_string(a, "network"), ret_net, err);
}

static const Option network_options[] = { NETWORK_OPTION, OPTION_END };

/* ---- definitions */

static const Option file_options[] = {
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file containing an XML network description" },
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

/* Both procedures take and give the same. */
static gboolean
from_file(Shell *s, const Args *a, gint32 procedure, const char *how, GError **err)
{
    g_autofree char *xml = NULL;
    NetworkDefineXmlFlagsArgs args = { .flags = args_flag(a, "validate") };
    NetworkDefineXmlFlagsRet ret = { 0 };

    if (!xml_file(args_string(a, "file"), &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to %s network from %s", how, args_string(a, "file"));
    if (!call(s, procedure, &args, &ret, err))
        return FALSE;
    remark(s, "Network %s %sd from %s\n", ret.net.name, how, args_string(a, "file"));
    return TRUE;
}

static gboolean
run_define(Shell *s, const Args *a, GError **err)
{
    return from_file(s, a, PROC_NETWORK_DEFINE_XML_FLAGS, "define", err);
}

static gboolean
run_create(Shell *s, const Args *a, GError **err)
{
    return from_file(s, a, PROC_NETWORK_CREATE_XML_FLAGS, "create", err);
}

static const Option dumpxml_options[] = { NETWORK_OPTION,
                                          FLAG("inactive", "show inactive defined XML"),
                                          XPATH_OPTIONS, OPTION_END };

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    NetworkGetXmlDescArgs args = { .flags = args_flag(a, "inactive") };
    NetworkGetXmlDescRet ret = { 0 };

    return network_get(s, a, &args.net, err) &&
           call(s, PROC_NETWORK_GET_XML_DESC, &args, &ret, err) && doc_print(s, a, ret.xml, err);
}

static gboolean
apply_edited(Shell *s, const char *text, gboolean validate, gpointer user, GError **err)
{
    const NetworkDefineXmlFlagsArgs args = { .xml = text, .flags = validate };
    NetworkDefineXmlFlagsRet ret = { 0 };

    return call(s, PROC_NETWORK_DEFINE_XML_FLAGS, &args, &ret, err);
}

static gboolean
run_edit(Shell *s, const Args *a, GError **err)
{
    NetworkGetXmlDescArgs args = { .flags = INACTIVE };
    NetworkGetXmlDescRet ret = { 0 };
    gboolean changed;

    if (!network_get(s, a, &args.net, err) ||
        !call(s, PROC_NETWORK_GET_XML_DESC, &args, &ret, err) ||
        !edit_and_apply(s, ret.xml, ".xml", FALSE, apply_edited, NULL, &changed, err))
        return FALSE;
    remark(s,
           changed ? "Network %s XML configuration edited.\n"
                   : "Network %s XML configuration not changed.\n",
           args.net.name);
    return TRUE;
}

/* ---- parts of a definition */

static const Option update_options[] = {
    NETWORK_OPTION,
    { "command", OPTION_STRING, OPTION_REQUIRED, NULL,
      "type of update (add-first, add-last (add), delete, or modify)" },
    { "section", OPTION_STRING, OPTION_REQUIRED, NULL,
      "which section of network configuration to update" },
    { "xml", OPTION_STRING, OPTION_REQUIRED, NULL,
      "name of file containing xml (or, if it starts with '<', the complete xml element itself) to "
      "add/modify, or to be matched for search" },
    { "parent-index", OPTION_NUMBER, OPTION_NAMED, NULL, "which parent object to search through" },
    FLAG("config", "affect next network startup"),
    FLAG("live", "affect running network"),
    FLAG("current", "affect current state of network"),
    OPTION_END,
};

/* By virNetworkUpdateCommand and virNetworkUpdateSection. */
static const char *const update_commands[] = { "none", "modify", "delete", "add-last",
                                               "add-first" };
static const char *const update_sections[] = {
    "none",         "bridge",        "domain",   "ip",
    "ip-dhcp-host", "ip-dhcp-range", "forward",  "forward-interface",
    "forward-pf",   "portgroup",     "dns-host", "dns-txt",
    "dns-srv"
};

static gboolean
find_word(const char *what, const char *text, const char *const *words, gsize n, guint32 *ret,
          GError **err)
{
    for (gsize i = 1; i < n; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = (guint32)i;
            return TRUE;
        }
    return refuse(err, "unrecognized %s name '%s'", what, text);
}

static gboolean
update_read(const Args *a, NetworkUpdateArgs *args, char **ret_xml, GError **err)
{
    const char *command = args_string(a, "command"), *xml = args_string(a, "xml");
    gint64 parent = -1;

    if (strcmp(command, "add") == 0)
        command = "add-last";
    if (!find_word("command", command, update_commands, G_N_ELEMENTS(update_commands),
                   &args->command, err) ||
        !find_word("section", args_string(a, "section"), update_sections,
                   G_N_ELEMENTS(update_sections), &args->section, err) ||
        !args_number(a, "parent-index", 0, G_MAXINT32, &parent, err) ||
        !domain_impact(a, &args->flags, err))
        return FALSE;
    args->parent_index = (gint32)parent;
    if (*xml != '<')
        return xml_file(xml, ret_xml, err);
    *ret_xml = g_strdup(xml);
    return TRUE;
}

static gboolean
run_update(Shell *s, const Args *a, GError **err)
{
    static const char *const what[] = { "current state", "live state", "persistent config",
                                        "persistent config and live state" };
    g_autofree char *xml = NULL;
    NetworkUpdateArgs args = { 0 };

    if (!network_get(s, a, &args.net, err) || !update_read(a, &args, &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to update network %s", args.net.name);
    if (!call(s, PROC_NETWORK_UPDATE, &args, NULL, err))
        return FALSE;
    remark(s, "Updated network %s %s\n", args.net.name, what[args.flags & 3]);
    return TRUE;
}

/* ---- a network's life */

typedef struct NetworkAction {
    const char *verb, *told;
    gint32 procedure;
} NetworkAction;

static gboolean
change(Shell *s, const Args *a, const NetworkAction *c, GError **err)
{
    NetworkCreateArgs args;

    if (!network_get(s, a, &args.net, err))
        return FALSE;
    doing(s, "Failed to %s network %s", c->verb, args.net.name);
    if (!call(s, c->procedure, &args, NULL, err))
        return FALSE;
    remark(s, "Network %s %s\n", args.net.name, c->told);
    return TRUE;
}

#define CHANGE(function, verb, told, procedure)                                                    \
    static gboolean function(Shell *s, const Args *a, GError **err)                                \
    {                                                                                              \
        static const NetworkAction c = { verb, told, PROC_NETWORK_##procedure };                   \
        return change(s, a, &c, err);                                                              \
    }
CHANGE(run_start, "start", "started", CREATE)
CHANGE(run_destroy, "destroy", "destroyed", DESTROY)
CHANGE(run_undefine, "undefine", "has been undefined", UNDEFINE)

static const Option autostart_options[] = { NETWORK_OPTION, FLAG("disable", "disable autostarting"),
                                            OPTION_END };

static gboolean
lookup(Shell *s, const char *text, NamedRef *ret_ref, GError **err)
{
    NetworkRef net;

    if (!network_lookup(s, text, &net, err))
        return FALSE;
    memcpy(ret_ref, &net, sizeof *ret_ref);
    return TRUE;
}

static const NamedKind kind = { "network", "Network", lookup, PROC_NETWORK_SET_AUTOSTART };

static gboolean
run_autostart(Shell *s, const Args *a, GError **err)
{
    return named_autostart(s, a, &kind, err);
}

static gboolean
run_name(Shell *s, const Args *a, GError **err)
{
    return named_name(s, a, &kind, err);
}

static gboolean
run_uuid(Shell *s, const Args *a, GError **err)
{
    return named_uuid(s, a, &kind, err);
}

/* ---- what is known of them */

typedef struct NetworkFacts {
    NetworkIsActiveRet active;
    NetworkIsPersistentRet persistent;
    NetworkGetAutostartRet autostart;
} NetworkFacts;

static gboolean
facts_get(Shell *s, const NetworkRef *net, NetworkFacts *ret, GError **err)
{
    const NetworkIsActiveArgs args = { .net = *net };

    return call(s, PROC_NETWORK_IS_ACTIVE, &args, &ret->active, err) &&
           call(s, PROC_NETWORK_IS_PERSISTENT, &args, &ret->persistent, err) &&
           call(s, PROC_NETWORK_GET_AUTOSTART, &args, &ret->autostart, err);
}

static const char *
yes_text(int on)
{
    return on ? "yes" : "no";
}

static gboolean
run_info(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) sheet = sheet_new(16);
    NetworkGetBridgeNameArgs args;
    NetworkGetBridgeNameRet bridge = { 0 };
    NetworkFacts f = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (!network_get(s, a, &args.net, err) || !facts_get(s, &args.net, &f, err))
        return FALSE;
    uuid_text(args.net.uuid, uuid);
    sheet_add(sheet, "Name", "%s", args.net.name);
    sheet_add(sheet, "UUID", "%s", uuid);
    sheet_add_flag(sheet, "Active", f.active.active);
    sheet_add_flag(sheet, "Persistent", f.persistent.persistent);
    sheet_add_flag(sheet, "Autostart", f.autostart.autostart);
    if (call(s, PROC_NETWORK_GET_BRIDGE_NAME, &args, &bridge, NULL)) /* not every mode has one */
        sheet_add(sheet, "Bridge", "%s", bridge.name);
    sheet_print(s, sheet);
    return TRUE;
}

static const Option list_options[] = {
    FLAG("inactive", "list inactive networks"),
    FLAG("all", "list inactive & active networks"),
    FLAG("persistent", "list persistent networks"),
    FLAG("transient", "list transient networks"),
    FLAG("autostart", "list networks with autostart enabled"),
    FLAG("no-autostart", "list networks with autostart disabled"),
    FLAG("uuid", "list uuid's only"),
    FLAG("name", "list network names only"),
    FLAG("table", "list table (default)"),
    FLAG("title", "show network title"),
    OPTION_END,
};

static const FlagBit list_bits[] = { { "persistent", 1 << 2 },
                                     { "transient", 1 << 3 },
                                     { "autostart", 1 << 4 },
                                     { "no-autostart", 1 << 5 },
                                     { 0 } };

static const char *
title_of(Shell *s, const NetworkRef *net)
{
    enum { TITLE = 1 };
    NetworkGetMetadataArgs args = { .network = *net, .type = TITLE };
    NetworkGetMetadataRet ret = { 0 };

    return call(s, PROC_NETWORK_GET_METADATA, &args, &ret, NULL) ? ret.metadata : "";
}

static gboolean
print_networks(Shell *s, const ConnectListAllNetworksRet *ret, gboolean titles, GError **err)
{
    static const Column columns[] = { { "Name", "name", COLUMN_TEXT },
                                      { "State", "state", COLUMN_TEXT },
                                      { "Autostart", "autostart", COLUMN_FLAG },
                                      { "Persistent", "persistent", COLUMN_FLAG },
                                      { "Title", "title", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, titles ? G_N_ELEMENTS(columns) : 4);

    for (guint i = 0; i < ret->nets.n; i++) {
        NetworkFacts f = { 0 };

        if (!facts_get(s, &ret->nets.v[i], &f, err))
            return FALSE;
        table_add(table, ret->nets.v[i].name, f.active.active ? "active" : "inactive",
                  yes_text(f.autostart.autostart), yes_text(f.persistent.persistent),
                  titles ? title_of(s, &ret->nets.v[i]) : NULL);
    }
    table_print(s, table);
    return TRUE;
}

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    ConnectListAllNetworksArgs args = { .need_results = 1 };
    ConnectListAllNetworksRet ret = { 0 };

    if (!args_exclusive(a, "all", "inactive", err) || !args_exclusive(a, "name", "uuid", err) ||
        !args_exclusive(a, "name", "table", err) || !args_exclusive(a, "uuid", "table", err))
        return FALSE;
    args.flags = args_bits(a, list_bits);
    if (!args_flag(a, "all"))
        args.flags |= args_flag(a, "inactive") ? INACTIVE : ACTIVE;
    doing(s, "Failed to list networks");
    if (!call(s, PROC_CONNECT_LIST_ALL_NETWORKS, &args, &ret, err))
        return FALSE;
    if (!args_flag(a, "name") && !args_flag(a, "uuid"))
        return print_networks(s, &ret, args_flag(a, "title"), err);
    named_list(s, a, ret.nets.v, ret.nets.n);
    return TRUE;
}

/* ---- what dnsmasq has lent */

static const Option lease_options[] = {
    NETWORK_OPTION,
    { "mac", OPTION_STRING, OPTION_NAMED, NULL, "MAC address" },
    OPTION_END,
};

static char *
expiry_text(gint64 seconds)
{
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_local(seconds);

    return seconds && when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S") : NULL;
}

static gboolean
run_leases(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = {
        { "Expiry Time", "expiry", COLUMN_TEXT }, { "MAC address", "mac", COLUMN_TEXT },
        { "Protocol", "protocol", COLUMN_TEXT },  { "IP address", "address", COLUMN_TEXT },
        { "Hostname", "hostname", COLUMN_TEXT },  { "Client ID or DUID", "client_id", COLUMN_TEXT }
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    NetworkGetDhcpLeasesArgs args = { .mac = args_string(a, "mac"), .need_results = 1 };
    NetworkGetDhcpLeasesRet ret = { 0 };

    if (!network_get(s, a, &args.net, err))
        return FALSE;
    doing(s, "Failed to get leases info for %s", args.net.name);
    if (!call(s, PROC_NETWORK_GET_DHCP_LEASES, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.leases.n; i++) {
        const NetworkDhcpLease *l = &ret.leases.v[i];
        g_autofree char *expiry = expiry_text(l->expirytime);
        g_autofree char *address = g_strdup_printf("%s/%u", l->ipaddr, l->prefix);

        table_add(table, expiry, l->mac, l->type == 1 ? "ipv6" : "ipv4", address, l->hostname,
                  l->clientid);
    }
    table_print(s, table);
    return TRUE;
}

static gboolean
run_repairs(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "What", "what", COLUMN_TEXT },
                                      { "Times", "times", COLUMN_NUMBER },
                                      { "Last", "last", COLUMN_TEXT },
                                      { "Cause", "cause", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    VmdNetworkRepairsArgs args = { 0 };
    VmdNetworkRepairsRet ret = { 0 };

    if (!network_get(s, a, &args.net, err))
        return FALSE;
    doing(s, "failed to get the repairs of network '%s'", args.net.name);
    if (!call_vmd(s, PROC_VMD_NETWORK_REPAIRS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.repairs.n; i++) {
        const VmdNetworkRepair *r = &ret.repairs.v[i];
        g_autofree char *times = g_strdup_printf("%u", r->times);
        g_autofree char *last = r->times ? expiry_text(r->when) : NULL;

        table_add(table, r->what, times, last, r->times ? r->cause : NULL);
    }
    table_print(s, table);
    return TRUE;
}

static gboolean
run_explain(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = {
        { "Packets", "packets", COLUMN_TEXT }, { "Family", "family", COLUMN_TEXT },
        { "Verdict", "verdict", COLUMN_TEXT }, { "Chain", "chain", COLUMN_TEXT },
        { "Rule", "rule", COLUMN_TEXT },       { "What to do", "advice", COLUMN_TEXT },
    };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    VmdNetworkExplainArgs args = { 0 };
    VmdNetworkExplainRet ret = { 0 };

    if (!network_get(s, a, &args.net, err))
        return FALSE;
    doing(s, "failed to explain network '%s'", args.net.name);
    if (!call_vmd(s, PROC_VMD_NETWORK_EXPLAIN, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.rows.n; i++) {
        const VmdNetworkExplained *e = &ret.rows.v[i];
        table_add(table, e->direction, e->family, e->verdict, e->chain, e->rule, e->advice);
    }
    table_print(s, table);
    return TRUE;
}

/* ---- ports */

static const Option port_list_options[] = { NETWORK_OPTION, FLAG("uuid", "list uuid's only"),
                                            FLAG("table", "list table (default)"), OPTION_END };

static gboolean
run_port_list(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "UUID", "uuid", FALSE } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    NetworkListAllPortsArgs args = { .need_results = 1 };
    NetworkListAllPortsRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (!args_exclusive(a, "uuid", "table", err) || !network_get(s, a, &args.network, err))
        return FALSE;
    doing(s, "Failed to list network ports");
    if (!call(s, PROC_NETWORK_LIST_ALL_PORTS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.ports.n; i++) {
        uuid_text(ret.ports.v[i].uuid, uuid);
        if (args_flag(a, "uuid"))
            put(s, "%s\n", uuid);
        else
            table_add(table, uuid);
    }
    if (!args_flag(a, "uuid"))
        table_print(s, table);
    return TRUE;
}

static const Option port_file_options[] = {
    NETWORK_OPTION,
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL,
      "file containing an XML network port description" },
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_port_create(Shell *s, const Args *a, GError **err)
{
    enum { VALIDATE = 2 };
    const char *path = args_string(a, "file");
    g_autofree char *xml = NULL;
    NetworkPortCreateXmlArgs args = { .flags = args_flag(a, "validate") ? VALIDATE : 0 };
    NetworkPortCreateXmlRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (!xml_file(path, &xml, err) || !network_get(s, a, &args.network, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to create network from %s", path);
    if (!call(s, PROC_NETWORK_PORT_CREATE_XML, &args, &ret, err))
        return FALSE;
    uuid_text(ret.port.uuid, uuid);
    remark(s, "Network port %s created from %s\n", uuid, path);
    return TRUE;
}

#define PORT_OPTION                                                                                \
    {                                                                                              \
        "port", OPTION_STRING, OPTION_REQUIRED, NULL, "port UUID"                                  \
    }

static const Option port_options[] = { NETWORK_OPTION, PORT_OPTION, OPTION_END };
static const Option port_dumpxml_options[] = { NETWORK_OPTION, PORT_OPTION, XPATH_OPTIONS,
                                               OPTION_END };

static gboolean
port_get(Shell *s, const Args *a, NetworkPortRef *ret_port, GError **err)
{
    const char *text = args_string(a, "port");
    NetworkPortLookupByUuidArgs args;
    NetworkPortLookupByUuidRet ret = { 0 };

    if (!network_get(s, a, &args.network, err))
        return FALSE;
    doing(s, "failed to get network port '%s'", text);
    if (!uuid_parse(text, args.uuid))
        return fail(err, ERR_INVALID_ARG, "'%s' is no UUID", text);
    if (!call(s, PROC_NETWORK_PORT_LOOKUP_BY_UUID, &args, &ret, err))
        return FALSE;
    *ret_port = ret.port;
    g_clear_pointer(&s->doing, g_free);
    return TRUE;
}

static gboolean
run_port_dumpxml(Shell *s, const Args *a, GError **err)
{
    NetworkPortGetXmlDescArgs args = { 0 };
    NetworkPortGetXmlDescRet ret = { 0 };

    return port_get(s, a, &args.port, err) &&
           call(s, PROC_NETWORK_PORT_GET_XML_DESC, &args, &ret, err) &&
           doc_print(s, a, ret.xml, err);
}

static gboolean
run_port_delete(Shell *s, const Args *a, GError **err)
{
    NetworkPortDeleteArgs args = { 0 };

    if (!port_get(s, a, &args.port, err))
        return FALSE;
    doing(s, "Failed to delete network port %s", args_string(a, "port"));
    if (!call(s, PROC_NETWORK_PORT_DELETE, &args, NULL, err))
        return FALSE;
    remark(s, "Network port %s deleted\n", args_string(a, "port"));
    return TRUE;
}

const Command network_commands[] = {
    { "net-autostart", "autostart a network",
      "Configure a network to be automatically started at boot.", autostart_options,
      run_autostart },
    { "net-create", "create a network from an XML file", "Create a network.", file_options,
      run_create },
    { "net-define",
      "define an inactive persistent virtual network or modify an existing persistent one from an "
      "XML file",
      "Define or modify a persistent virtual network.", file_options, run_define },
    { "net-destroy", "destroy (stop) a network", "Forcefully stop a given network.",
      network_options, run_destroy },
    { "net-dhcp-leases", "print lease info for a given network",
      "Print lease info for a given network", lease_options, run_leases, COMMAND_JSON },
    { "net-dumpxml", "network information in XML",
      "Output the network information as an XML dump to stdout.", dumpxml_options, run_dumpxml },
    { "net-edit", "edit XML configuration for a network",
      "Edit the XML configuration for a network.", network_options, run_edit },
    { "net-explain", "what the host's packet filter does with a network's packets",
      "Follows packets of an active network through all chains of the host's packet filter and says "
      "which chain of which table drops them, and what to do about it.",
      network_options, run_explain, COMMAND_JSON },
    { "net-info", "network information", "Returns basic information about the network",
      network_options, run_info, COMMAND_JSON },
    { "net-list", "list networks", "Returns list of networks.", list_options, run_list,
      COMMAND_JSON },
    { "net-name", "convert a network UUID to network name", NULL, network_options, run_name },
    { "net-port-create", "create a network port from an XML file", "Create a network port.",
      port_file_options, run_port_create },
    { "net-port-delete", "delete the specified network port", "Delete the specified network port.",
      port_options, run_port_delete },
    { "net-port-dumpxml", "network port information in XML",
      "Output the network port information as an XML dump to stdout.", port_dumpxml_options,
      run_port_dumpxml },
    { "net-port-list", "list network ports", "Returns list of network ports.", port_list_options,
      run_port_list, COMMAND_JSON },
    { "net-repairs", "what was put right of an active network",
      "What somebody else has changed of an active network (its bridge, addresses, rules, guests' "
      "links, dnsmasq, ...) and the daemon has put right since it began: how often, when last and "
      "why.",
      network_options, run_repairs, COMMAND_JSON },
    { "net-start", "start a (previously defined) inactive network", "Start a network.",
      network_options, run_start },
    { "net-undefine", "undefine a persistent network",
      "Undefine the configuration for a persistent network.", network_options, run_undefine },
    { "net-update", "update parts of an existing network's configuration", NULL, update_options,
      run_update },
    { "net-uuid", "convert a network name to network UUID", NULL, network_options, run_uuid },
    { 0 },
};
