/* Commands about interfaces of the host. */
#include "vmsh/vmsh.h"

static char **complete_interfaces(Shell *s);

#define INTERFACE_OPTION(doc)                                                                      \
    {                                                                                              \
        "interface", OPTION_STRING, OPTION_REQUIRED, complete_interfaces, doc                      \
    }

enum { LIST_INACTIVE = 1, LIST_ACTIVE = 2 };

static gboolean
list_interfaces(Shell *s, guint32 flags, ConnectListAllInterfacesRet *ret, GError **err)
{
    const ConnectListAllInterfacesArgs args = { .need_results = 1, .flags = flags };

    return call(s, PROC_CONNECT_LIST_ALL_INTERFACES, &args, ret, err);
}

static char **
complete_interfaces(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    ConnectListAllInterfacesRet ret = { 0 };

    if (list_interfaces(s, 0, &ret, NULL))
        for (guint i = 0; i < ret.ifaces.n; i++)
            g_strv_builder_add(names, ret.ifaces.v[i].name);
    return g_strv_builder_end(names);
}

/* By name or MAC address. */
static gboolean
interface_get(Shell *s, const Args *a, gboolean by_name, gboolean by_mac, InterfaceRef *ret_iface,
              GError **err)
{
    const char *text = args_string(a, "interface");
    const InterfaceLookupByNameArgs name = { .name = text };
    const InterfaceLookupByMacStringArgs mac = { .mac = text };
    InterfaceLookupByNameRet ret = { 0 };

    doing(s, "failed to get interface '%s'", text);
    if (!(by_name && call(s, PROC_INTERFACE_LOOKUP_BY_NAME, &name, &ret, by_mac ? NULL : err)) &&
        !(by_mac && call(s, PROC_INTERFACE_LOOKUP_BY_MAC_STRING, &mac, &ret, err)))
        return FALSE;
    *ret_iface = ret.iface;
    g_clear_pointer(&s->doing, g_free);
    return TRUE;
}

static const Option list_options[] = {
    FLAG("inactive", "list inactive interfaces"),
    FLAG("all", "list inactive & active interfaces"),
    OPTION_END,
};

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "Name", "name", COLUMN_TEXT },
                                      { "State", "state", COLUMN_TEXT },
                                      { "MAC Address", "mac", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    guint32 flags = args_flag(a, "all")        ? LIST_ACTIVE | LIST_INACTIVE
                    : args_flag(a, "inactive") ? LIST_INACTIVE
                                               : LIST_ACTIVE;
    ConnectListAllInterfacesRet ret = { 0 };

    doing(s, "Failed to list interfaces");
    if (!list_interfaces(s, flags, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.ifaces.n; i++) {
        const InterfaceIsActiveArgs args = { .iface = ret.ifaces.v[i] };
        InterfaceIsActiveRet active = { 0 };
        /* One that has gone meanwhile is not there any more. */
        if (call(s, PROC_INTERFACE_IS_ACTIVE, &args, &active, NULL))
            table_add(table, ret.ifaces.v[i].name, active.active ? "active" : "inactive",
                      ret.ifaces.v[i].mac);
    }
    table_print(s, table);
    return TRUE;
}

static const Option dumpxml_options[] = {
    INTERFACE_OPTION("interface name or MAC address"),
    FLAG("inactive", "show inactive defined XML"),
    XPATH_OPTIONS,
    OPTION_END,
};

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    InterfaceGetXmlDescArgs args = { .flags = args_flag(a, "inactive") };
    InterfaceGetXmlDescRet ret = { 0 };

    return interface_get(s, a, TRUE, TRUE, &args.iface, err) &&
           call(s, PROC_INTERFACE_GET_XML_DESC, &args, &ret, err) && doc_print(s, a, ret.xml, err);
}

static const Option name_options[] = { INTERFACE_OPTION("interface mac"), OPTION_END };

static gboolean
run_name(Shell *s, const Args *a, GError **err)
{
    InterfaceRef iface;

    if (!interface_get(s, a, FALSE, TRUE, &iface, err))
        return FALSE;
    put(s, "%s\n", iface.name);
    return TRUE;
}

static const Option mac_options[] = { INTERFACE_OPTION("interface name"), OPTION_END };

static gboolean
run_mac(Shell *s, const Args *a, GError **err)
{
    InterfaceRef iface;

    if (!interface_get(s, a, TRUE, FALSE, &iface, err))
        return FALSE;
    put(s, "%s\n", iface.mac);
    return TRUE;
}

const Command interface_commands[] = {
    { "iface-dumpxml", "interface information in XML",
      "Output the physical host interface information as an XML dump to stdout.", dumpxml_options,
      run_dumpxml, 0 },
    { "iface-list", "list physical host interfaces", "Returns list of physical host interfaces.",
      list_options, run_list, COMMAND_JSON },
    { "iface-mac", "convert an interface name to interface MAC address", NULL, mac_options, run_mac,
      0 },
    { "iface-name", "convert an interface MAC address to interface name", NULL, name_options,
      run_name, 0 },
    { 0 },
};
