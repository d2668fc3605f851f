/* Rows of network interfaces. */
#include "conf/lists.h"
#include "conf/rows.h"

#include <string.h>

const char *const net_types[] = { NULL,     "user",    "ethernet",  "server", "client",
                                  "mcast",  "udp",     "network",   "bridge", "internal",
                                  "direct", "hostdev", "vhostuser", "vdpa",   "null",
                                  "vds",    NULL };
const char *const virtual_port_types[] = { NULL,          "none",    "802.1Qbg", "802.1Qbh",
                                           "openvswitch", "midonet", NULL };

static const char *const families[] = { NULL, "ipv4", "ipv6", NULL };
static const char *const native_modes[] = { NULL, "tagged", "untagged", NULL };
static const char *const protocols[] = { NULL, "tcp", "udp", NULL };
static const char *const driver_names[] = { NULL, "qemu", "vhost", NULL };
static const char *const txmodes[] = { NULL, "iothread", "timer", NULL };
static const char *const backends[] = { NULL, "default", "passt", NULL };
static const char *const teaming_types[] = { NULL, "persistent", "transient", NULL };
static const char *const link_states[] = { NULL, "up", "down", NULL };
static const char *const mac_types[] = { NULL, "generated", "static", NULL };
static const char *const direct_modes[] = {
    NULL, "vepa", "private", "bridge", "passthrough", NULL
};
static const char *const vhost_modes[] = { NULL, "client", "server", NULL };
static const char *const vhost_types[] = { NULL, "unix", NULL };
static const char *const host_types[] = { NULL, "pci", "usb", NULL };

/* ---- parts */

static const Field virtual_port_fields[] = {
    ROW(VirtualPort, "@type", F_ENUM, type, UNSUPPORTED, virtual_port_types,
        "Kind of switch that the interface is a port of, such as openvswitch or 802.1Qbh."),
    ROW_HAS(VirtualPort, "parameters/@managerid", F_U32, managerid, 0, RANGE(0, 255),
            "Number of the database that the VSI type is from (802.1Qbg)."),
    ROW_HAS(VirtualPort, "parameters/@typeid", F_U32, typeid, 0, RANGE(0, 0xffffff),
            "Number of the VSI type (802.1Qbg)."),
    ROW_HAS(VirtualPort, "parameters/@typeidversion", F_U32, typeidversion, 0, RANGE(0, 255),
            "Version of the VSI type (802.1Qbg)."),
    ROW(VirtualPort, "parameters/@instanceid", F_UUID, instanceid, 0, NULL,
        "UUID of the VSI instance (802.1Qbg)."),
    ROW(VirtualPort, "parameters/@interfaceid", F_UUID, interfaceid, 0, NULL,
        "UUID by which Open vSwitch or midonet knows the interface."),
    ROW(VirtualPort, "parameters/@profileid", F_STRING, profileid, F_NONEMPTY, NULL,
        "Name of the port profile."),
    ROW_END
};

/* Which parameters a kind of switch takes; what it needs is asked later (check_net.c). */
static gboolean
virtual_port_settle(gpointer def, GError **err)
{
    const VirtualPort *v = def;
    const guint64 qbg = BIT(VPORT_8021QBG), qbh = BIT(VPORT_8021QBH), ovs = BIT(VPORT_OPENVSWITCH);
    const struct {
        const char *name;
        gboolean set;
        guint64 types;
    } rows[] = {
        { "managerid", v->has_managerid, qbg },
        { "typeid", v->has_typeid, qbg },
        { "typeidversion", v->has_typeidversion, qbg },
        { "instanceid", !uuid_is_zero(v->instanceid), qbg },
        { "profileid", v->profileid != NULL, qbh | ovs },
        { "interfaceid", !uuid_is_zero(v->interfaceid), ovs | BIT(VPORT_MIDONET) },
    };

    for (gsize i = 0; v->type && i < G_N_ELEMENTS(rows); i++)
        if (rows[i].set && !(rows[i].types & BIT(v->type)))
            return fail(err, ERR_XML, "virtualport of type '%s' takes no '%s'",
                        virtual_port_types[v->type], rows[i].name);
    return TRUE;
}

const Schema virtual_port_schema = { "virtualport", sizeof(VirtualPort), virtual_port_fields,
                                     virtual_port_settle };

static const Field vlan_tag_fields[] = {
    ROW(VlanTag, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, RANGE(0, 4095),
        "Number of the VLAN, 0 to 4095."),
    ROW(VlanTag, "@nativeMode", F_ENUM, native_mode, 0, native_modes,
        "Whether frames of this VLAN are tagged on the trunk."),
    ROW_END
};
static const Schema vlan_tag_schema = { "tag", sizeof(VlanTag), vlan_tag_fields };

static const Field vlan_fields[] = { ROW(VlanDef, "@trunk", F_ENUM, trunk, F_NONEMPTY, yes_no,
                                         "Whether the interface carries several VLANs."),
                                     ROW(VlanDef, "tag", F_LIST, tags, 0, &vlan_tag_schema,
                                         "VLANs that the interface is in."),
                                     ROW_END };

/* Several tags are a trunk. */
static gboolean
vlan_settle(gpointer def, GError **err)
{
    VlanDef *v = def;
    guint native = 0;

    if (!v->tags)
        return fail(err, ERR_XML, "'vlan' needs at least one 'tag' with an 'id'");
    for (guint i = 0; i < v->tags->len; i++)
        native += ((const VlanTag *)v->tags->pdata[i])->native_mode != 0;
    if (native > 1)
        return fail(err, ERR_XML, "'vlan' has more than one tag with 'nativeMode'");
    if (v->tags->len > 1 && v->trunk == NO)
        return fail(err, ERR_XML, "'vlan' with several tags is a trunk");
    if (v->trunk == NO)
        v->trunk = 0;
    if (v->tags->len > 1)
        v->trunk = YES;
    return TRUE;
}

const Schema vlan_schema = { "vlan", sizeof(VlanDef), vlan_fields, vlan_settle };

static const Field rate_fields[] = {
    ROW_HAS(BandwidthRate, "@average", F_U64, average, F_HOT, NULL,
            "Kilobytes (1000 bytes) a second; 0: no limit."),
    ROW(BandwidthRate, "@peak", F_U64, peak, F_HOT, NULL,
        "Most kilobytes (1000 bytes) a second during a burst."),
    ROW_HAS(BandwidthRate, "@floor", F_U64, floor, F_READ | F_HOT, NULL, NULL),
    ROW(BandwidthRate, "@floor", F_U64, floor, F_WRITE | F_HOT, NULL,
        "Kilobytes (1000 bytes) a second that the interface is promised."),
    ROW(BandwidthRate, "@burst", F_U64, burst, F_HOT, NULL,
        "Most KiB (1024 bytes) that are sent at peak speed."),
    ROW_END
};
static const Schema rate_schema = { "inbound", sizeof(BandwidthRate), rate_fields };

static const Field bandwidth_fields[] = { ROW(BandwidthDef, "inbound", F_PTR, inbound, F_HOT,
                                              &rate_schema, "Limits of what the guest receives."),
                                          ROW(BandwidthDef, "outbound", F_PTR, outbound, F_HOT,
                                              &rate_schema, "Limits of what the guest sends."),
                                          ROW_END };

static gboolean
rate_check(const BandwidthRate *r, const char *name, GError **err)
{
    if (!r || r->has_average)
        return TRUE;
    if (r->peak || r->burst)
        return fail(err, r->floor ? ERR_CONFIG_UNSUPPORTED : ERR_XML_DETAIL,
                    "'peak' and 'burst' of '%s' need an 'average'", name);
    return r->floor ||
           fail(err, ERR_XML_DETAIL, "'%s' of 'bandwidth' needs an 'average' or a 'floor'", name);
}

/* A rate without a limit promises at most. */
static void
rate_drop_idle(BandwidthRate **at)
{
    BandwidthRate *r = *at;

    if (!r || r->average)
        return;
    if (r->floor) {
        r->has_average = FALSE;
        r->peak = r->burst = 0;
        return;
    }
    schema_free(&rate_schema, r);
    *at = NULL;
}

static gboolean
bandwidth_settle(gpointer def, GError **err)
{
    BandwidthDef *b = def;

    b->idle = !b->inbound && !b->outbound;
    if (!rate_check(b->inbound, "inbound", err) || !rate_check(b->outbound, "outbound", err))
        return FALSE;
    rate_drop_idle(&b->inbound);
    rate_drop_idle(&b->outbound);
    return TRUE;
}

const Schema bandwidth_schema = { "bandwidth", sizeof(BandwidthDef), bandwidth_fields,
                                  bandwidth_settle };

/* A word that is none says nothing: the address has a family of its own. */
static gboolean
family_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    *(int *)at = word_find(families, text);
    return TRUE;
}

static void
family_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append(out, word_of(families, *(const int *)at));
}

static const FieldType loose_family = { "address family", NULL, sizeof(int), family_parse,
                                        family_format };

static const Field ip_fields[] = {
    ROW(NetIp, "@address", F_STRING, address, F_REQUIRED, NULL, "IP address of the interface."),
    ROW(NetIp, "@family", F_OWN, family, 0, &loose_family,
        "Family of the address; without it ipv4."),
    ROW_HAS(NetIp, "@prefix", F_U32, prefix, 0, RANGE(0, 128),
            "Length of the network's prefix, in bits."),
    ROW(NetIp, "@peer", F_STRING, peer, 0, NULL, "Address of the other end of the link."), ROW_END
};

enum { IPV4 = 1, IPV6 };

/* The address, which must be of the family when one is given; *family is completed. */
static GInetAddress *
take_address(const char *text, int *family)
{
    g_autoptr(GInetAddress) address = text ? g_inet_address_new_from_string(text) : NULL;
    int its;

    if (!address)
        return NULL;
    its = g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6 ? IPV6 : IPV4;
    if (*family && *family != its)
        return NULL;
    *family = its;
    return g_steal_pointer(&address);
}

static gboolean
ip_settle(gpointer def, GError **err)
{
    NetIp *ip = def;
    g_autoptr(GInetAddress) address = take_address(ip->address, &ip->family);
    g_autoptr(GInetAddress) peer = NULL;

    if (!address)
        return fail(err, ERR_XML, "Invalid address '%s' in <ip>", ip->address);
    if (ip->prefix > 8 * g_inet_address_get_native_size(address))
        return fail(err, ERR_XML, "Invalid prefix value '%u' in <ip>", ip->prefix);
    if (ip->peer && !(peer = g_inet_address_new_from_string(ip->peer)))
        return fail(err, ERR_INVALID_ARG, "Invalid peer '%s' in <ip>", ip->peer);
    ip->has_prefix &= ip->prefix != 0;
    return TRUE;
}

static const Schema ip_schema = { "ip", sizeof(NetIp), ip_fields, ip_settle };

static const Field route_fields[] = { ROW(NetRoute, "@family", F_ENUM, family, 0, families,
                                          "Family of the addresses; without it ipv4."),
                                      ROW(NetRoute, "@address", F_STRING, address, F_REQUIRED, NULL,
                                          "Network that the route leads to."),
                                      ROW(NetRoute, "@netmask", F_STRING, netmask, 0, NULL,
                                          "Netmask of that network, in place of @prefix."),
                                      ROW_HAS(NetRoute, "@prefix", F_U32, prefix, 0, RANGE(0, 128),
                                              "Length of that network's prefix, in bits."),
                                      ROW(NetRoute, "@gateway", F_STRING, gateway, F_REQUIRED, NULL,
                                          "Address that the route goes through."),
                                      ROW(NetRoute, "@metric", F_U32, metric, 0,
                                          RANGE(1, G_MAXUINT32),
                                          "Cost of the route; lower ones go first."),
                                      ROW_END };

/* Whether the address has only zeroes past its first bits. */
static gboolean
is_network(GInetAddress *address, guint bits)
{
    const guint8 *bytes = g_inet_address_to_bytes(address);

    for (guint i = bits; i < 8 * g_inet_address_get_native_size(address); i++)
        if (bytes[i / 8] & (0x80 >> (i % 8)))
            return FALSE;
    return TRUE;
}

/* Leading ones of a mask; G_MAXUINT: it is none. */
static guint
mask_bits(GInetAddress *mask)
{
    const guint8 *bytes = g_inet_address_to_bytes(mask);
    guint bits = 0;

    while (bits < 32 && (bytes[bits / 8] & (0x80 >> (bits % 8))))
        bits++;
    return is_network(mask, bits) ? bits : G_MAXUINT;
}

static gboolean
route_prefix(const NetRoute *r, int family, guint *ret_bits, GError **err)
{
    int v4 = IPV4;
    g_autoptr(GInetAddress) mask = r->netmask ? take_address(r->netmask, &v4) : NULL;

    *ret_bits = r->prefix;
    if (!r->netmask)
        return TRUE;
    if (r->has_prefix || family != IPV4 || !mask)
        return fail(err, ERR_XML, "'netmask' '%s' of a 'route' is for IPv4 without 'prefix'",
                    r->netmask);
    *ret_bits = mask_bits(mask);
    return *ret_bits <= 32 || fail(err, ERR_XML, "'%s' is no netmask of a 'route'", r->netmask);
}

static gboolean
route_settle(gpointer def, GError **err)
{
    const NetRoute *r = def;
    int family = r->family ? r->family : IPV4;
    g_autoptr(GInetAddress) address = take_address(r->address, &family);
    g_autoptr(GInetAddress) gateway = take_address(r->gateway, &family);
    guint bits;

    if (!address)
        return fail(err, ERR_XML, "bad network address '%s' in 'route'", r->address);
    if (!gateway)
        return fail(err, ERR_XML, "bad gateway address '%s' in 'route'", r->gateway);
    if (!route_prefix(r, family, &bits, err))
        return FALSE;
    return is_network(address, bits) ||
           fail(err, ERR_XML, "address '%s' of a 'route' is no network of %u bits", r->address,
                bits);
}

static const Schema route_schema = { "route", sizeof(NetRoute), route_fields, route_settle };

static const Field range_fields[] = {
    ROW(PortRange, "@start", F_U32, start, F_MISSING(ERR_CONFIG_UNSUPPORTED), RANGE(1, 65535),
        "First port of the range, on the host."),
    ROW(PortRange, "@end", F_U32, end, 0, RANGE(1, 65535),
        "Last port of the range; without it the range is one port."),
    ROW(PortRange, "@to", F_U32, to, 0, RANGE(1, 65535),
        "Port in the guest that the first port is forwarded to; without it the same."),
    ROW(PortRange, "@exclude", F_ENUM, exclude, 0, yes_no, "Whether these ports are left out."),
    ROW_END
};
static const Schema range_schema = { "range", sizeof(PortRange), range_fields };

static const Field forward_fields[] = {
    ROW(PortForward, "@proto", F_ENUM, proto, F_REQUIRED, protocols,
        "Protocol of the ports: tcp or udp."),
    ROW(PortForward, "@address", F_STRING, address, 0, NULL,
        "Address of the host on which the ports are."),
    ROW(PortForward, "@dev", F_STRING, dev, 0, NULL,
        "Interface of the host on which the ports are."),
    ROW(PortForward, "range", F_LIST, ranges, 0, &range_schema,
        "Ports that are forwarded to the guest; without any all are."),
    ROW_END
};

static gboolean
forward_settle(gpointer def, GError **err)
{
    const PortForward *f = def;
    int any = 0;
    g_autoptr(GInetAddress) address = take_address(f->address, &any);

    return !f->address || address ||
           fail(err, ERR_XML, "Invalid address '%s' in <portForward>", f->address);
}

static const Schema forward_schema = { "portForward", sizeof(PortForward), forward_fields,
                                       forward_settle };

static const Field filter_param_fields[] = {
    ROW(FilterParam, "@name", F_STRING, name, 0, NULL, "Name of a variable of the filter."),
    ROW(FilterParam, "@value", F_STRING, value, 0, NULL,
        "Value of that variable; several elements of one name make a list."),
    ROW_END
};
static const Schema filter_param_schema = { "parameter", sizeof(FilterParam), filter_param_fields };

static const Field filter_ref_fields[] = { ROW(FilterRef, "@filter", F_STRING, filter, F_NONEMPTY,
                                               NULL, "Name of the packet filter (nwfilter)."),
                                           ROW(FilterRef, "parameter", F_LIST, params, 0,
                                               &filter_param_schema,
                                               "Variables that the filter's rules use."),
                                           ROW_END };

/* A parameter that lacks a half says nothing. */
static gboolean
filter_ref_settle(gpointer def, GError **err)
{
    FilterRef *ref = def;

    for (guint i = list_length(ref->params); i-- > 0;) {
        FilterParam *p = ref->params->pdata[i];

        if (p->name && p->value)
            continue;
        schema_free(&filter_param_schema, p);
        list_remove(&ref->params, i);
    }
    return TRUE;
}

const Schema filter_ref_schema = { "filterref", sizeof(FilterRef), filter_ref_fields,
                                   filter_ref_settle };

static const Field teaming_fields[] = {
    ROW(Teaming, "@type", F_ENUM, type, UNSUPPORTED, teaming_types,
        "Whether this card stays in the guest (persistent) or is taken out for a "
        "migration (transient)."),
    ROW(Teaming, "@persistent", F_STRING, persistent, F_NONEMPTY, NULL,
        "Alias of the persistent card that stands in for this one."),
    ROW_END
};

static gboolean
teaming_settle(gpointer def, GError **err)
{
    enum { PERSISTENT = 1, TRANSIENT };
    const Teaming *t = def;

    return (t->type == TRANSIENT) == (t->persistent != NULL) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "'persistent' of 'teaming' is needed with type 'transient' and only there");
}

const Schema teaming_schema = { "teaming", sizeof(Teaming), teaming_fields, teaming_settle };

/* ---- source: which rows hold is decided by the interface's type, kept in it */

#define IP_ENDS (BIT(NET_SERVER) | BIT(NET_CLIENT) | BIT(NET_MCAST) | BIT(NET_UDP))

static const Field net_host_fields[] = {
    ROW(NetHost, "@type", F_ENUM, type, UNSUPPORTED | F_MISSING(ERR_CONFIG_UNSUPPORTED), host_types,
        "Whether the card is on PCI or USB."),
    WHEN(NetHost, type, BIT(NET_HOST_PCI)),
    ROW(NetHost, "", F_STRUCT, pci, 0, &pci_address_schema, NULL),
    WHEN(NetHost, type, BIT(NET_HOST_USB)),
    ROW(NetHost, "@bus", F_U32, bus, F_REQUIRED | F_ALWAYS, ANY_BASE,
        "Number of the host's USB bus."),
    ROW(NetHost, "@device", F_U32, device, F_REQUIRED | F_ALWAYS, ANY_BASE,
        "Number of the device on the bus."),
    WHEN_END,
    ROW_END
};
const Schema net_host_schema = { "address", sizeof(NetHost), net_host_fields };

static const Field net_source_fields[] = {
    WHEN(NetSource, net_type, BIT(NET_NETWORK)),
    ROW(NetSource, "@network", F_STRING, network, F_REQUIRED, NULL, "Name of the virtual network."),
    ROW(NetSource, "@portgroup", F_STRING, portgroup, 0, NULL,
        "Name of the network's port group whose settings the interface gets."),
    ROW(NetSource, "@portid", F_UUID, portid, F_LIVE, NULL,
        "UUID of the interface's port on the network, while the domain runs."),
    WHEN(NetSource, net_type, BIT(NET_BRIDGE)),
    ROW(NetSource, "@bridge", F_STRING, bridge, F_REQUIRED, NULL,
        "Name of the host's bridge that the tap is connected to."),
    WHEN(NetSource, net_type, BIT(NET_NETWORK)),
    ROW(NetSource, "@bridge", F_STRING, bridge, F_LIVE, NULL,
        "Name of the network's bridge, while the domain runs."),
    WHEN(NetSource, net_type, BIT(NET_INTERNAL)),
    ROW(NetSource, "@name", F_STRING, name, F_REQUIRED, NULL,
        "Name of the switch, or of the network that is inside QEMU."),
    WHEN(NetSource, net_type, BIT(NET_DIRECT)),
    ROW(NetSource, "@dev", F_STRING, dev, F_REQUIRED, NULL,
        "Name of the host's interface that the guest's is made on (macvtap)."),
    ROW(NetSource, "@mode", F_ENUM, mode, 0, direct_modes,
        "Which of the guests on one interface of the host reach each other."),
    WHEN(NetSource, net_type, BIT(NET_VDPA)),
    ROW(NetSource, "@dev", F_STRING, dev, F_REQUIRED, NULL,
        "Path of the host's vhost-vdpa device."),
    WHEN(NetSource, net_type, BIT(NET_NONE) | BIT(NET_USER) | BIT(NET_VHOST_USER)),
    ROW(NetSource, "@dev", F_STRING, dev, 0, NULL,
        "Name of the host's interface that passt takes addresses and routes from."),
    WHEN(NetSource, net_type, BIT(NET_VHOST_USER)),
    ROW(NetSource, "@type", F_ENUM, type, UNSUPPORTED, vhost_types,
        "Kind of socket; unix is the only one."),
    ROW(NetSource, "@path", F_STRING, path, 0, NULL,
        "Path of the UNIX socket of the vhost-user switch."),
    ROW(NetSource, "@mode", F_ENUM, mode, 0, vhost_modes,
        "Whether QEMU listens on the socket or connects to it."),
    ROW(NetSource, "reconnect", F_PTR, reconnect, 0, &reconnect_schema,
        "Whether QEMU connects again when the switch has gone away."),
    WHEN(NetSource, net_type, IP_ENDS & ~BIT(NET_SERVER)),
    ROW(NetSource, "@address", F_STRING, address, F_REQUIRED, NULL,
        "Address of the other end, or to listen at."),
    WHEN(NetSource, net_type, BIT(NET_SERVER)),
    ROW(NetSource, "@address", F_STRING, address, 0, NULL,
        "Address of the other end, or to listen at."),
    WHEN(NetSource, net_type, IP_ENDS),
    ROW_HAS(NetSource, "@port", F_I32, port, F_REQUIRED, NULL, "Port number at that address."),
    WHEN(NetSource, net_type, BIT(NET_UDP)),
    ROW(NetSource, "local/@address", F_STRING, local_address, F_REQUIRED, NULL,
        "Address of the host that packets are sent from."),
    ROW(NetSource, "local/@port", F_I32, local_port, F_REQUIRED | F_ALWAYS, NULL,
        "Port that packets are sent from."),
    WHEN(NetSource, net_type, BIT(NET_HOSTDEV)),
    ROW(NetSource, "address", F_PTR, host, F_MISSING(ERR_CONFIG_UNSUPPORTED), &net_host_schema,
        "Address of the host's device that the guest gets."),
    WHEN(NetSource, net_type, BIT(NET_VDS)),
    ROW(NetSource, "@switchid", F_UUID, switchid, F_REQUIRED, NULL,
        "Name of VMware's distributed switch; without effect on QEMU."),
    ROW(NetSource, "@portid", F_I64, switch_portid, F_ALWAYS, NULL,
        "Number of the port of that switch; without effect on QEMU."),
    ROW(NetSource, "@portgroupid", F_STRING, portgroupid, 0, NULL,
        "Group of ports of that switch; without effect on QEMU."),
    ROW(NetSource, "@connectionid", F_I64, connectionid, F_ALWAYS, NULL,
        "Number of the connection to that switch; without effect on QEMU."),
    WHEN(NetSource, net_type, BIT(NET_ETHERNET)),
    ROW(NetSource, "ip", F_LIST, ips, 0, &ip_schema, "IP addresses of the host's end of the link."),
    ROW(NetSource, "route", F_LIST, routes, 0, &route_schema,
        "Routes that the host gets through the link."),
    WHEN_END,
    ROW_END
};

static gboolean
net_source_settle(gpointer def, GError **err)
{
    NetSource *s = def;

    if (s->net_type == NET_DIRECT && !s->mode)
        s->mode = NET_VEPA;
    if (s->host)
        s->host->pci.multifunction = 0;
    if (s->reconnect && !s->reconnect->enabled) {
        schema_free(&reconnect_schema, s->reconnect);
        s->reconnect = NULL;
    }
    if (s->reconnect && s->reconnect->enabled == YES && s->mode == NET_SERVER_MODE)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'reconnect' of a vhostuser interface goes with mode 'client' only");
    return TRUE;
}

static const Schema net_source_schema = { "source", sizeof(NetSource), net_source_fields,
                                          net_source_settle };

/* ---- driver, backend */

#define SWITCH(type, path, member)                                                                 \
    ROW(type, path, F_ENUM, member, 0, on_off, "Whether this offload is on; without it on.")

static const Field host_offload_fields[] = { SWITCH(NetOffloads, "@csum", csum),
                                             SWITCH(NetOffloads, "@gso", gso),
                                             SWITCH(NetOffloads, "@tso4", tso4),
                                             SWITCH(NetOffloads, "@tso6", tso6),
                                             SWITCH(NetOffloads, "@ecn", ecn),
                                             SWITCH(NetOffloads, "@ufo", ufo),
                                             SWITCH(NetOffloads, "@mrg_rxbuf", mrg_rxbuf),
                                             ROW_END };
static const Schema offload_schema = { "host", sizeof(NetOffloads), host_offload_fields };

static const Field net_driver_fields[] = {
    ROW(NetDriver, "driver/@name", F_ENUM, name, 0, driver_names,
        "Whether the host's kernel (vhost) or QEMU moves the packets."),
    ROW(NetDriver, "driver/@txmode", F_ENUM, txmode, 0, txmodes,
        "Whether packets are sent at once or by a timer."),
    ROW(NetDriver, "driver/@ioeventfd", F_ENUM, ioeventfd, 0, on_off,
        "Whether a thread other than the vcpu's takes the guest's notifications."),
    ROW(NetDriver, "driver/@event_idx", F_ENUM, event_idx, 0, on_off,
        "Whether host and guest notify each other less often."),
    ROW(NetDriver, "driver/@queues", F_U32, queues, 0, NULL,
        "Number of pairs of queues, so that several vcpus can send at the same time."),
    ROW(NetDriver, "driver/@rx_queue_size", F_U32, rx_queue_size, 0, NULL,
        "Packets that a queue holds on their way to the guest."),
    ROW(NetDriver, "driver/@tx_queue_size", F_U32, tx_queue_size, 0, NULL,
        "Packets that a queue holds on their way from the guest."),
    ROW(NetDriver, "driver/@rss", F_ENUM, rss, 0, on_off,
        "Whether packets are spread over the queues by a hash of their addresses (RSS)."),
    ROW(NetDriver, "driver/@rss_hash_report", F_ENUM, rss_hash_report, 0, on_off,
        "Whether the guest is told the hash of each packet."),
    ROW(NetDriver, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL),
    ROW(NetDriver, "driver/host", F_PTR, host, 0, &offload_schema,
        "Offloads that QEMU and the tap do for packets from the guest."),
    ROW(NetDriver, "driver/guest", F_PTR, guest, 0, &offload_schema,
        "Offloads that the guest does for packets that it receives."),
    ROW_END
};

static void
drop_offloads(NetOffloads **at)
{
    static const NetOffloads none;

    if (!*at || memcmp(*at, &none, sizeof(none)) != 0)
        return;
    schema_free(&offload_schema, *at);
    *at = NULL;
}

static gboolean
net_driver_settle(gpointer def, GError **err)
{
    NetDriver *d = def;

    drop_offloads(&d->host);
    drop_offloads(&d->guest);
    return TRUE;
}

static const Schema net_driver_schema = { "driver", sizeof(NetDriver), net_driver_fields,
                                          net_driver_settle };

static const Field backend_fields[] = {
    ROW(NetBackend, "@type", F_ENUM, type, F_DEFAULT, backends,
        "What moves the packets: passt, or QEMU and the host's kernel (default)."),
    ROW(NetBackend, "@tap", F_STRING, tap, 0, NULL,
        "Path of the host's device that taps are made with; without it /dev/net/tun."),
    ROW(NetBackend, "@vhost", F_STRING, vhost, 0, NULL,
        "Path of the host's vhost device; without it /dev/vhost-net."),
    ROW(NetBackend, "@logFile", F_STRING, log_file, 0, NULL,
        "Path of the file that passt logs to."),
    ROW_END
};
static const Schema backend_schema = { "backend", sizeof(NetBackend), backend_fields };

/* ---- the interface */

/* Names that a daemon gives to what it makes are not part of a definition. */
static gboolean
ifname_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    static const char *const ours[] = { "vnet", "macvtap", "macvlan" };

    for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
        gsize len = strlen(ours[i]);

        if (g_str_has_prefix(text, ours[i]) &&
            strspn(text + len, "0123456789") == strlen(text + len))
            return TRUE;
    }
    text_clear(at);
    *(char **)at = g_strdup(text);
    return TRUE;
}

static const FieldType chosen_ifname = { "interface name", NULL,        sizeof(char *),
                                         ifname_parse,     text_format, NULL,
                                         text_clear,       text_copy,   text_equal };

#define WITH_SOURCE                                                                                \
    (BIT(NET_BRIDGE) | BIT(NET_NETWORK) | BIT(NET_DIRECT) | BIT(NET_INTERNAL) | BIT(NET_VDPA) |    \
     BIT(NET_VDS) | IP_ENDS)

#define FILTERED (BIT(NET_ETHERNET) | BIT(NET_NETWORK) | BIT(NET_BRIDGE))

static const Field net_fields[] = {
    ROW(NetDef, "@type", F_ENUM, source.net_type, 0, net_types,
        "How the interface is connected to the host; without it user."),
    WHEN(NetDef, source.net_type, BIT(NET_HOSTDEV)),
    ROW(NetDef, "@managed", F_OWN, managed, 0, &loose_yes_no,
        "Whether the device is taken from the host's driver at the start."),
    WHEN_END,
    ROW(NetDef, "@trustGuestRxFilters", F_ENUM, trust_guest_rx_filters, 0, yes_no,
        "Whether the host's link follows the MAC and multicast filters that the guest sets."),
    ROW(NetDef, "mac/@address", F_MAC, mac, 0, NULL,
        "MAC address of the card in the guest; without it a random one is made."),
    ROW(NetDef, "mac/@type", F_ENUM, mac_type, 0, mac_types,
        "Whether the MAC address was generated or is static."),
    ROW(NetDef, "mac/@check", F_ENUM, mac_check, 0, yes_no,
        "Whether VMware checks that the address is in its own range; without effect on QEMU."),
    WHEN(NetDef, source.net_type, BIT(NET_HOSTDEV)),
    ROW(NetDef, "driver/@name", F_ENUM, hostdev_driver, 0, hostdev_drivers,
        "How the card is assigned to the guest; vfio is the only way with QEMU."),
    ROW(NetDef, "driver/@model", F_STRING, hostdev_model, 0, NULL,
        "Driver of the host that the card is bound to."),
    WHEN(NetDef, source.net_type, WITH_SOURCE),
    ROW(NetDef, "source", F_STRUCT, source, F_REQUIRED, &net_source_schema,
        "What the interface is connected to on the host."),
    WHEN(NetDef, source.net_type, BIT(NET_HOSTDEV)),
    ROW(NetDef, "source", F_STRUCT, source, F_MISSING(ERR_CONFIG_UNSUPPORTED), &net_source_schema,
        "What the interface is connected to on the host."),
    WHEN(NetDef, source.net_type, ~(WITH_SOURCE | BIT(NET_HOSTDEV))),
    ROW(NetDef, "source", F_STRUCT, source, 0, &net_source_schema,
        "What the interface is connected to on the host."),
    WHEN_END,
    ROW(NetDef, "vlan", F_PTR, vlan, 0, &vlan_schema, "VLANs that the interface is in."),
    ROW(NetDef, "virtualport", F_PTR, vport, 0, &virtual_port_schema,
        "Settings of the interface's port on its switch."),
    ROW(NetDef, "bandwidth", F_PTR, bandwidth, F_HOT, &bandwidth_schema,
        "Limits of what the guest sends and receives."),
    ROW(NetDef, "ip", F_LIST, ips, 0, &ip_schema, "IP addresses of the guest's end of the link."),
    ROW(NetDef, "route", F_LIST, routes, 0, &route_schema,
        "Routes that the guest has through the link."),
    ROW(NetDef, "portForward", F_LIST, forwards, 0, &forward_schema,
        "Ports of the host that are forwarded to the guest, by passt."),
    ROW(NetDef, "port/@isolated", F_ENUM, port_isolated, 0, yes_no,
        "Whether the interface is kept from reaching other isolated ports of its bridge."),
    ROW(NetDef, "script/@path", F_STRING, script, F_NONEMPTY, NULL,
        "Path of the script that sets the link up."),
    ROW(NetDef, "downscript/@path", F_STRING, downscript, F_NONEMPTY, NULL,
        "Path of the script that takes the link down."),
    ROW(NetDef, "backenddomain/@name", F_STRING, backenddomain, F_NONEMPTY, NULL,
        "Domain of Xen that has the other end; without effect on QEMU."),
    ROW(NetDef, "target/@dev", F_OWN, ifname, 0, &chosen_ifname,
        "Name of the tap on the host; without it a name is chosen at each start."),
    ROW(NetDef, "target/@dev", F_STRING, ifname, F_LIVE | F_READ, NULL, NULL),
    ROW(NetDef, "target/@managed", F_ENUM, target_managed, 0, yes_no,
        "Whether the tap is made at the start; no: it is there already."),
    ROW(NetDef, "guest/@dev", F_STRING, guest_dev, F_NONEMPTY, NULL,
        "Name of the interface in a container; without effect on QEMU."),
    ROW(NetDef, "model/@type", F_STRING, model, F_NONEMPTY, NULL,
        "Model of the network card that the guest sees, such as virtio or e1000e."),
    WHEN(NetDef, source.net_type, ~BIT(NET_HOSTDEV)),
    ROW(NetDef, "", F_STRUCT, driver, 0, &net_driver_schema, NULL),
    WHEN_END,
    ROW(NetDef, "backend", F_PTR, backend, 0, &backend_schema,
        "Program or device that moves the packets."),
    WHEN(NetDef, source.net_type, FILTERED),
    ROW(NetDef, "filterref", F_PTR, filter, 0, &filter_ref_schema,
        "Filter of the packets that the guest sends and receives."),
    WHEN(NetDef, source.net_type, ~FILTERED),
    ROW_IGNORED("filterref"),
    WHEN_END,
    ROW_HAS(NetDef, "tune/sndbuf", F_U64, sndbuf, 0, NULL,
            "Size of the tap's send buffer, in bytes."),
    ROW(NetDef, "teaming", F_PTR, teaming, 0, &teaming_schema,
        "The other half of a pair of cards, of which one stays during a migration."),
    ROW(NetDef, "link/@state", F_ENUM, link_state, F_NONEMPTY | UNSUPPORTED, link_states,
        "Whether the guest sees a network cable that is plugged in; without it yes."),
    ROW(NetDef, "mtu/@size", F_U32, mtu, F_NONEMPTY, NULL,
        "Size of the largest packet (MTU), in bytes."),
    ROW_HAS(NetDef, "coalesce/rx/frames/@max", F_U32, coalesce,
            F_ERR(ERR_XML_DETAIL) | F_NONEMPTY | F_READ, NULL, NULL),
    ROW(NetDef, "coalesce/rx/frames/@max", F_U32, coalesce, F_WRITE, NULL,
        "Most frames that are collected before the host is told of them."),
    INFO(NetDef),
    ROW_END
};

/* ---- what goes together */

gboolean
net_has_passt(const NetDef *net)
{
    return net->backend && net->backend->type == BACKEND_PASST;
}

static gboolean
is_virtio_model(const NetDef *net)
{
    return net->model && word_find(virtio_models, net->model) != 0;
}

/* Settings of <driver> are those of virtio. */
static gboolean
settle_driver(NetDef *net, GError **err)
{
    static const guint64 may_omit_model = BIT(NET_VDPA) | BIT(NET_VHOST_USER);
    const VirtioOptions *v = &net->driver.virtio;
    gboolean omits = !net->model && (may_omit_model & BIT(net->source.net_type));

    if (net->source.net_type == NET_HOSTDEV || is_virtio_model(net))
        return TRUE;
    if (!omits && (v->iommu || v->ats || v->packed || v->page_per_vq))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "interface has virtio options in its 'driver' but is not of model 'virtio'");
    schema_done(&net_driver_schema, &net->driver);
    memset(&net->driver, 0, sizeof(net->driver));
    if (net->backend)
        g_clear_pointer(&net->backend->vhost, g_free);
    return TRUE;
}

static void
settle_backend(NetDef *net)
{
    NetBackend *b = net->backend;

    if (b && b->type == BACKEND_DEFAULT)
        b->type = 0;
    if (b && !b->type && !b->tap && !b->vhost && !b->log_file) {
        schema_free(&backend_schema, b);
        net->backend = NULL;
    }
    if (net->source.net_type == NET_USER && !net_has_passt(net))
        g_clear_pointer(&net->source.dev, g_free);
}

static gboolean
settle_vhost_user(NetDef *net, GError **err)
{
    enum { UNIX = 1 };
    NetSource *s = &net->source;

    if (s->net_type != NET_VHOST_USER || net_has_passt(net))
        return TRUE;
    if (!s->path)
        return fail(err, ERR_XML, "interface of type 'vhostuser' needs a 'path' in its 'source'");
    s->type = UNIX;
    if (!s->mode)
        s->mode = NET_CLIENT_MODE;
    return TRUE;
}

/* Only a network may leave open which kind of port it has. */
static gboolean
settle_port(NetDef *net, GError **err)
{
    VirtualPort *p = net->vport;
    gboolean open = net->source.net_type == NET_NETWORK;
    const guint64 can = BIT(NET_BRIDGE) | BIT(NET_NETWORK) | BIT(NET_DIRECT) | BIT(NET_HOSTDEV);

    if (!p)
        return TRUE;
    if (!(can & BIT(net->source.net_type)))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "interface of type '%s' has no 'virtualport'",
                    net_types[net->source.net_type]);
    if (p->type == VPORT_NONE)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'virtualport' of an interface has no type 'none'");
    if (!p->type && !open)
        return fail(err, ERR_XML, "'virtualport' needs a 'type'");
    if (!open && p->type == VPORT_8021QBG &&
        !(p->has_managerid && p->has_typeid && p->has_typeidversion))
        return fail(err, ERR_XML, "802.1Qbg port needs 'managerid', 'typeid' and 'typeidversion'");
    if (!open && p->type == VPORT_8021QBH && !p->profileid)
        return fail(err, ERR_XML, "802.1Qbh port needs a 'profileid'");
    if (!open && p->type == VPORT_MIDONET && uuid_is_zero(p->interfaceid))
        return fail(err, ERR_XML, "midonet port needs an 'interfaceid'");
    if ((!p->type || p->type == VPORT_8021QBG) && uuid_is_zero(p->instanceid))
        uuid_make(p->instanceid);
    if ((!p->type || p->type == VPORT_OPENVSWITCH) && uuid_is_zero(p->interfaceid))
        uuid_make(p->interfaceid);
    return TRUE;
}

gboolean
net_is_usb_host(const NetDef *net)
{
    return net->source.host && net->source.host->type == NET_HOST_USB;
}

static void
settle_rest(NetDef *net)
{
    if (net->bandwidth && net->bandwidth->idle) {
        schema_free(&bandwidth_schema, net->bandwidth);
        net->bandwidth = NULL;
    }
    if (net->filter && !net->filter->filter) {
        schema_free(&filter_ref_schema, net->filter);
        net->filter = NULL;
    }
    if (net->teaming && !net->teaming->type) {
        schema_free(&teaming_schema, net->teaming);
        net->teaming = NULL;
    }
    if (net->driver.queues == 1)
        net->driver.queues = 0;
    if (net_is_usb_host(net))
        net->hostdev_driver = 0;
}

static gboolean
net_settle(gpointer def, GError **err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    NetDef *net = def;

    if (!net->source.net_type)
        net->source.net_type = NET_USER;
    if (net->mac[0] & 1)
        return fail(err, ERR_XML, "MAC address of an interface is a multicast address");
    if (net->model && strspn(net->model, letters) != strlen(net->model))
        return fail(err, ERR_INVALID_ARG, "Model name contains invalid characters");
    if (net->managed == NO)
        net->managed = 0;
    if (!settle_driver(net, err))
        return FALSE;
    settle_backend(net);
    settle_rest(net);
    return settle_vhost_user(net, err) && settle_port(net, err);
}

const Schema net_schema = { "interface", sizeof(NetDef), net_fields, net_settle };
