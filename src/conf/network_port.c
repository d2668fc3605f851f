/* Rows of what networks and filters have of an interface: its port, and its binding. */
#include <string.h>

#include "conf.h"
#include "lists.h"

static const char *const plug_types[] = { NULL,     "none",        "network", "bridge",
                                          "direct", "hostdev-pci", NULL };

static const Field port_fields[] = {
    ROW(NetworkPortDef, "uuid", F_UUID, uuid, 0, NULL, "What it is known by."),
    ROW(NetworkPortDef, "owner/name", F_STRING, owner, 0, NULL, "The domain's name."),
    ROW(NetworkPortDef, "owner/uuid", F_UUID, owner_uuid, 0, NULL, "The domain's UUID."),
    ROW(NetworkPortDef, "group", F_STRING, group, 0, NULL, "The portgroup."),
    ROW(NetworkPortDef, "mac/@address", F_MAC, mac, 0, NULL, "MAC address of the guest's card."),
    ROW(NetworkPortDef, "vlan", F_PTR, vlan, 0, &vlan_schema, "VLAN tags."),
    ROW(NetworkPortDef, "virtualport", F_PTR, vport, 0, &virtual_port_schema, "Port of a switch."),
    ROW(NetworkPortDef, "bandwidth", F_PTR, bandwidth, 0, &bandwidth_schema, "Its limits."),
    ROW(NetworkPortDef, "port/@isolated", F_ENUM, isolated, 0, yes_no,
        "Sees no other isolated port."),
    ROW(NetworkPortDef, "rxfilters/@trustGuest", F_ENUM, trust, 0, yes_no,
        "The link follows the guest's filters."),
    ROW(NetworkPortDef, "plug/@type", F_ENUM, plug_type, 0, plug_types, "How it is plugged in."),
    ROW(NetworkPortDef, "plug/@bridge", F_STRING, plug_bridge, 0, NULL, "The bridge."),
    ROW_END
};
static const Schema port_schema = { "networkport", sizeof(NetworkPortDef), port_fields };

static const Field port_list_fields[] = { ROW(NetworkPortList, "networkport", F_LIST, ports, 0,
                                              &port_schema, "Ports of one network."),
                                          ROW_END };
static const Schema port_list_schema = { "networkports", sizeof(NetworkPortList),
                                         port_list_fields };

static gboolean
port_check(const NetworkPortDef *def, GError **err)
{
    static const guint8 none[6];
    const struct {
        gboolean lacks;
        const char *what;
    } rows[] = { { uuid_is_zero(def->uuid), "uuid" },
                 { !def->owner, "owner name" },
                 { uuid_is_zero(def->owner_uuid), "owner UUID" },
                 { memcmp(def->mac, none, sizeof none) == 0, "mac" } };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].lacks)
            return fail(err, ERR_INTERNAL, "network port has no %s", rows[i].what);
    return TRUE;
}

NetworkPortDef *
network_port_parse(const char *xml, guint flags, GError **err)
{
    g_autoptr(NetworkPortDef) def = xml_parse(&port_schema, NULL, xml, -1, flags, err);

    return def && port_check(def, err) ? g_steal_pointer(&def) : NULL;
}

char *
network_port_format(const NetworkPortDef *def)
{
    return xml_format(&port_schema, NULL, def, 0);
}

void
network_port_free(gpointer def)
{
    schema_free(&port_schema, def);
}

NetworkPortDef *
network_port_copy(const NetworkPortDef *def)
{
    return schema_copy(&port_schema, def);
}

NetworkPortList *
network_ports_parse(const char *xml, GError **err)
{
    return xml_parse(&port_list_schema, NULL, xml, -1, 0, err);
}

char *
network_ports_format(const NetworkPortList *list)
{
    return xml_format(&port_list_schema, NULL, list, 0);
}

void
network_ports_free(NetworkPortList *list)
{
    schema_free(&port_list_schema, list);
}

/* ---- bindings of filters */

static const Field binding_fields[] = {
    ROW(FilterBindingDef, "owner/name", F_STRING, owner, 0, NULL, "The domain's name."),
    ROW(FilterBindingDef, "owner/uuid", F_UUID, owner_uuid, 0, NULL, "The domain's UUID."),
    ROW(FilterBindingDef, "portdev/@name", F_STRING, portdev, 0, NULL, "The link."),
    ROW(FilterBindingDef, "mac/@address", F_MAC, mac, 0, NULL, "MAC address of the guest's card."),
    ROW(FilterBindingDef, "filterref", F_PTR, ref, 0, &filter_ref_schema, "The filter."),
    ROW_END
};
static const Schema binding_schema = { "filterbinding", sizeof(FilterBindingDef), binding_fields };

static gboolean
binding_check(const FilterBindingDef *def, GError **err)
{
    static const guint8 none[6];
    const struct {
        gboolean lacks;
        const char *what;
    } rows[] = { { !def->portdev || !*def->portdev, "port dev name" },
                 { !def->ref, "filter reference" },
                 { memcmp(def->mac, none, sizeof none) == 0, "MAC address" },
                 { !def->owner, "owner name" },
                 { uuid_is_zero(def->owner_uuid), "owner UUID" } };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].lacks)
            return fail(err, ERR_INTERNAL, "filter binding has no %s", rows[i].what);
    return TRUE;
}

FilterBindingDef *
filter_binding_parse(const char *xml, guint flags, GError **err)
{
    g_autoptr(FilterBindingDef) def = xml_parse(&binding_schema, NULL, xml, -1, flags, err);

    return def && binding_check(def, err) ? g_steal_pointer(&def) : NULL;
}

void
filter_binding_def_free(FilterBindingDef *def)
{
    schema_free(&binding_schema, def);
}
