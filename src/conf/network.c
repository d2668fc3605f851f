/* Rows of virtual networks. */
#include <arpa/inet.h>
#include <string.h>

#include "lists.h"
#include "rows.h"

const char *const forward_modes[] = { NULL,      "nat",  "route",       "open",    "bridge",
                                      "private", "vepa", "passthrough", "hostdev", NULL };
static const char *const families[] = { NULL, "ipv4", "ipv6", NULL };
static const char *const drivers[] = { NULL, "kvm", "vfio", "xen", NULL };
static const char *const card_types[] = { NULL, "pci", NULL };
static const char *const mac_tables[] = { NULL, "kernel", "libvirt", NULL };
static const char *const lease_units[] = { NULL, "seconds", "minutes", "hours", NULL };

enum { LEASE_SECONDS = 1, LEASE_MINUTES, LEASE_HOURS };

/* ---- <forward> */

static const Field nat_fields[] = {
    ROW(NatDef, "@ipv6", F_ENUM, ipv6, 0, yes_no,
        "Whether IPv6 guests are hidden behind the host's address too."),
    ROW(NatDef, "address/@start", F_STRING, start, 0, NULL,
        "First of the addresses that guests are seen under; without it the host's own."),
    ROW(NatDef, "address/@end", F_STRING, end, 0, NULL, "Last of these addresses."),
    ROW(NatDef, "port/@start", F_U32, port_start, 0, RANGE(0, 65535),
        "First of the ports that guests' connections are given; without it 1024."),
    ROW(NatDef, "port/@end", F_U32, port_end, 0, RANGE(0, 65535),
        "Last of these ports; without it 65535."),
    ROW_END
};

static gboolean
nat_settle(gpointer data, GError **err)
{
    NatDef *nat = data;

    if (!nat->start != !nat->end)
        return fail(err, ERR_XML, "the range of addresses of 'nat' needs both start and end");
    if (nat->port_start > nat->port_end)
        return fail(err, ERR_XML, "the range of ports of 'nat' ends at %u, before its start at %u",
                    nat->port_end, nat->port_start);
    return TRUE;
}
static const Schema nat_schema = { "nat", sizeof(NatDef), nat_fields, nat_settle };

static const Field forward_pf_fields[] = {
    ROW(ForwardPf, "@dev", F_STRING, dev, F_REQUIRED, NULL,
        "Network card of the host whose virtual functions guests get."),
    ROW_END
};
static const Schema forward_pf_schema = { "pf", sizeof(ForwardPf), forward_pf_fields };

static const Field forward_interface_fields[] = {
    ROW(ForwardInterface, "@dev", F_STRING, dev, F_REQUIRED, NULL,
        "Name of a link of the host that guests use."),
    ROW(ForwardInterface, "@connections", F_U32, connections, F_LIVE | F_STATE, NULL,
        "Number of guests' interfaces that use the link."),
    ROW_END
};
const Schema forward_interface_schema = { "interface", sizeof(ForwardInterface),
                                          forward_interface_fields };

static const Field forward_pci_fields[] = {
    ROW(ForwardPci, "@type", F_ENUM, type, F_REQUIRED, card_types,
        "Kind of address; pci is the only one."),
    ROW(ForwardPci, "", F_STRUCT, pci, 0, &pci_address_schema, NULL),
    ROW(ForwardPci, "@connections", F_U32, connections, F_LIVE | F_STATE, NULL,
        "Number of guests' interfaces that use the card."),
    ROW_END
};
static const Schema forward_pci_schema = { "address", sizeof(ForwardPci), forward_pci_fields };

static const Field forward_fields[] = {
    ROW(ForwardDef, "@dev", F_STRING, dev, 0, NULL,
        "The only link of the host that guests' packets may leave by."),
    ROW(ForwardDef, "@mode", F_ENUM, mode, 0, forward_modes,
        "How guests reach the world; without it nat."),
    ROW(ForwardDef, "@managed", F_ENUM, managed, 0, yes_no,
        "Whether a card is taken from its driver of the host when a guest gets it."),
    ROW(ForwardDef, "driver/@name", F_ENUM, driver, 0, drivers, "How the guest is given the card."),
    ROW(ForwardDef, "driver/@model", F_STRING, driver_model, 0, NULL,
        "Driver of the host that the card is bound to."),
    ROW(ForwardDef, "nat", F_PTR, nat, F_FILLED, &nat_schema,
        "Addresses and ports that guests' packets have outside."),
    ROW(ForwardDef, "pf", F_PTR, pf, F_ONCE, &forward_pf_schema,
        "Name of a card of the host that has virtual functions."),
    ROW(ForwardDef, "interface", F_LIST, interfaces, 0, &forward_interface_schema,
        "Links of the host that guests use."),
    ROW(ForwardDef, "address", F_LIST, addresses, 0, &forward_pci_schema,
        "PCI addresses of host cards that guests get."),
    ROW_END
};

/* The attribute dev and the first interface are one thing. */
static gboolean
forward_settle(gpointer data, GError **err)
{
    ForwardDef *forward = data;
    const ForwardInterface *first = list_item(forward->interfaces, 0);

    if (forward->mode == 0)
        forward->mode = FORWARD_NAT;
    if (first && forward->dev && strcmp(first->dev, forward->dev) != 0)
        return fail(err, ERR_XML,
                    "'forward' names dev='%s', but its first interface is '%s'; they must agree",
                    forward->dev, first->dev);
    if (first && !forward->dev)
        forward->dev = g_strdup(first->dev);
    if (!first && forward->dev) {
        ForwardInterface *own = list_grow(&forward->interfaces, &forward_interface_schema);
        own->dev = g_strdup(forward->dev);
    }
    return TRUE;
}
static const Schema forward_schema = { "forward", sizeof(ForwardDef), forward_fields,
                                       forward_settle };

/* ---- the bridge */

static const Field bridge_fields[] = {
    ROW(BridgeDef, "@name", F_STRING, name, F_NONEMPTY, NULL,
        "Name of the bridge on the host; without it the first free virbrN."),
    ROW(BridgeDef, "@zone", F_STRING, zone, F_NONEMPTY, NULL,
        "Zone of firewalld that the bridge is in."),
    ROW(BridgeDef, "@stp", F_ENUM, stp, 0, on_off,
        "Whether the bridge uses the spanning tree protocol; without it on."),
    ROW_HAS(BridgeDef, "@delay", F_U64, delay, 0, NULL,
            "Seconds that a new port only listens; without it 0."),
    ROW(BridgeDef, "@macTableManager", F_ENUM, mac_table, 0, mac_tables,
        "Whether the kernel or vmd fills the bridge's table of MAC addresses."),
    ROW_END
};
static const Schema bridge_schema = { "bridge", sizeof(BridgeDef), bridge_fields };

/* ---- names */

static const Field network_domain_fields[] = {
    ROW(NetworkDomain, "@name", F_STRING, name, F_REQUIRED, NULL, "DNS domain of the guests."),
    ROW(NetworkDomain, "@localOnly", F_ENUM, local_only, 0, yes_no,
        "Whether names of this domain that are unknown here are asked of no other server."),
    ROW(NetworkDomain, "@register", F_ENUM, registered, 0, yes_no,
        "Whether the host's resolver (systemd-resolved) is told of the domain."),
    ROW_END
};
static const Schema network_domain_schema = { "domain", sizeof(NetworkDomain),
                                              network_domain_fields };

static const Field forwarder_fields[] = {
    ROW(DnsForwarder, "@domain", F_STRING, domain, 0, NULL,
        "DNS domain whose names are asked of this server."),
    ROW(DnsForwarder, "@addr", F_STRING, addr, 0, NULL, "IP address of the DNS server."),
    ROW(DnsForwarder, "@port", F_U32, port, 0, RANGE(0, 65535),
        "UDP port of the DNS server; without it 53."),
    ROW_END
};
static const Schema forwarder_schema = { "forwarder", sizeof(DnsForwarder), forwarder_fields };

static const Field txt_fields[] = {
    ROW(DnsTxt, "@name", F_STRING, name, F_MISSING(ERR_XML_DETAIL), NULL,
        "Name of the TXT record."),
    ROW(DnsTxt, "@value", F_STRING, value, 0, NULL, "Text of the TXT record."), ROW_END
};
const Schema dns_txt_schema = { "txt", sizeof(DnsTxt), txt_fields };

static const Field srv_fields[] = {
    ROW(DnsSrv, "@service", F_STRING, service, 0, NULL, "Name of the service, without underscore."),
    ROW(DnsSrv, "@protocol", F_STRING, protocol, 0, NULL, "Protocol of the service: tcp or udp."),
    ROW(DnsSrv, "@domain", F_STRING, domain, 0, NULL, "Domain that has the service."),
    ROW(DnsSrv, "@target", F_STRING, target, 0, NULL, "Name of the host that offers the service."),
    ROW(DnsSrv, "@port", F_U32, port, 0, RANGE(1, 65535), "Port of the service."),
    ROW(DnsSrv, "@priority", F_U32, priority, 0, RANGE(0, 65535),
        "Priority of the target; lower ones are tried first."),
    ROW(DnsSrv, "@weight", F_U32, weight, 0, RANGE(0, 65535),
        "Weight of the target among those of equal priority."),
    ROW_END
};
const Schema dns_srv_schema = { "srv", sizeof(DnsSrv), srv_fields };

static const Field dns_host_fields[] = {
    ROW(DnsHost, "@ip", F_STRING, ip, 0, NULL, "IP address of the host."),
    ROW(DnsHost, "hostname", F_STRINGS, names, 0, NULL, "Names of the host."), ROW_END
};
const Schema dns_host_schema = { "host", sizeof(DnsHost), dns_host_fields };

static const Field dns_fields[] = {
    ROW(DnsDef, "@enable", F_ENUM, enable, 0, yes_no,
        "Whether the network has a DNS server; without it yes."),
    ROW(DnsDef, "@forwardPlainNames", F_ENUM, forward_plain_names, 0, yes_no,
        "Whether names without a dot are asked of other servers too."),
    ROW(DnsDef, "forwarder", F_LIST, forwarders, 0, &forwarder_schema,
        "DNS servers that are asked for names that are unknown here."),
    ROW(DnsDef, "txt", F_LIST, txts, 0, &dns_txt_schema,
        "TXT records that the DNS server answers with."),
    ROW(DnsDef, "srv", F_LIST, srvs, 0, &dns_srv_schema,
        "SRV records that the DNS server answers with."),
    ROW(DnsDef, "host", F_LIST, hosts, 0, &dns_host_schema,
        "Names and addresses of hosts that the DNS server answers with."),
    ROW_END
};
static const Schema dns_schema = { "dns", sizeof(DnsDef), dns_fields };

/* ---- addresses */

static const Field lease_fields[] = {
    ROW_HAS(LeaseTime, "@expiry", F_U64, expiry, F_REQUIRED, NULL,
            "Time that a lease is valid, in @unit; 0: for ever."),
    ROW(LeaseTime, "@unit", F_ENUM, unit, 0, lease_units,
        "Unit of the time: seconds, minutes or hours; without it minutes."),
    ROW_END
};

static gboolean
lease_settle(gpointer data, GError **err)
{
    static const guint per[] = { [LEASE_SECONDS] = 1, [LEASE_MINUTES] = 60, [LEASE_HOURS] = 3600 };
    LeaseTime *lease = data;

    if (lease->expiry == 0) {
        lease->unit = 0;
        return TRUE;
    }
    if (lease->unit == 0)
        lease->unit = LEASE_MINUTES;
    if (lease->expiry > G_MAXUINT32 / per[lease->unit])
        return fail(err, ERR_XML, "expiry %" G_GUINT64_FORMAT " %s of a lease is too long",
                    lease->expiry, lease_units[lease->unit]);
    if (lease->expiry * per[lease->unit] < 120)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "expiry %" G_GUINT64_FORMAT
                    " %s of a lease is too short: two minutes is the least",
                    lease->expiry, lease_units[lease->unit]);
    return TRUE;
}
static const Schema lease_time_schema = { "lease", sizeof(LeaseTime), lease_fields, lease_settle };

static const Field dhcp_range_fields[] = {
    ROW(DhcpRange, "@start", F_STRING, start, F_REQUIRED, NULL, "First address that is given out."),
    ROW(DhcpRange, "@end", F_STRING, end, F_REQUIRED, NULL, "Last address that is given out."),
    ROW(DhcpRange, "lease", F_PTR, lease, 0, &lease_time_schema,
        "Time that addresses of the range are leased for."),
    ROW_END
};
const Schema dhcp_range_schema = { "range", sizeof(DhcpRange), dhcp_range_fields };

static const Field dhcp_host_fields[] = {
    ROW(DhcpHost, "@mac", F_STRING, mac, 0, NULL, "MAC address of the guest's card."),
    ROW(DhcpHost, "@id", F_STRING, id, F_NONEMPTY, NULL, "DUID of the guest, for DHCPv6."),
    ROW(DhcpHost, "@name", F_STRING, name, F_NONEMPTY, NULL, "Host name that the guest gets."),
    ROW(DhcpHost, "@ip", F_STRING, ip, 0, NULL, "IP address that is reserved for the guest."),
    ROW(DhcpHost, "lease", F_PTR, lease, 0, &lease_time_schema,
        "Time that the guest's address is leased for."),
    ROW_END
};
const Schema dhcp_host_schema = { "host", sizeof(DhcpHost), dhcp_host_fields };

static const Field bootp_fields[] = {
    ROW(DhcpBootp, "@file", F_STRING, file, F_REQUIRED, NULL,
        "Name of the file that guests boot from the network."),
    ROW(DhcpBootp, "@server", F_STRING, server, 0, NULL,
        "Address of the server that has the file; without it this host."),
    ROW_END
};
static const Schema bootp_schema = { "bootp", sizeof(DhcpBootp), bootp_fields };

static const Field dhcp_fields[] = { ROW(DhcpDef, "range", F_LIST, ranges, 0, &dhcp_range_schema,
                                         "Ranges of addresses that the DHCP server gives out."),
                                     ROW(DhcpDef, "host", F_LIST, hosts, 0, &dhcp_host_schema,
                                         "Addresses that are reserved for one guest each."),
                                     ROW(DhcpDef, "bootp", F_PTR, bootp, 0, &bootp_schema,
                                         "File and server for guests that boot from the network."),
                                     ROW_END };
static const Schema dhcp_schema = { "dhcp", sizeof(DhcpDef), dhcp_fields };

static const Field network_ip_fields[] = {
    ROW(NetworkIp, "@family", F_ENUM, family, 0, families,
        "Family of the address: ipv4 or ipv6; without it ipv4."),
    ROW(NetworkIp, "@address", F_STRING, address, F_REQUIRED, NULL,
        "IP address of the host on this network."),
    ROW(NetworkIp, "@netmask", F_STRING, netmask, 0, NULL,
        "Netmask of the network, in place of @prefix."),
    ROW_HAS(NetworkIp, "@prefix", F_U32, prefix, 0, RANGE(0, 128),
            "Length of the network's prefix, in bits."),
    ROW(NetworkIp, "@localPtr", F_ENUM, local_ptr, 0, yes_no,
        "Whether names for addresses of this network are asked of no other server."),
    ROW(NetworkIp, "tftp/@root", F_STRING, tftp_root, 0, NULL,
        "Path of the host's folder that is served by TFTP."),
    ROW(NetworkIp, "dhcp", F_PTR, dhcp, F_FILLED, &dhcp_schema,
        "Addresses and settings that guests get by DHCP."),
    ROW_END
};
const Schema network_ip_schema = { "ip", sizeof(NetworkIp), network_ip_fields };

static const Field network_route_fields[] = {
    ROW(NetworkRoute, "@family", F_ENUM, family, 0, families,
        "Family of the route: ipv4 or ipv6; without it ipv4."),
    ROW(NetworkRoute, "@address", F_STRING, address, F_REQUIRED, NULL,
        "Network that the route leads to."),
    ROW(NetworkRoute, "@netmask", F_STRING, netmask, 0, NULL,
        "Netmask of that network, in place of @prefix."),
    ROW_HAS(NetworkRoute, "@prefix", F_U32, prefix, 0, RANGE(0, 128),
            "Length of that network's prefix, in bits."),
    ROW(NetworkRoute, "@gateway", F_STRING, gateway, F_REQUIRED, NULL,
        "IP address of the guest that the route goes through."),
    ROW(NetworkRoute, "@metric", F_U32, metric, 0, RANGE(1, G_MAXUINT32),
        "Cost of the route; lower ones go first."),
    ROW_END
};
const Schema network_route_schema = { "route", sizeof(NetworkRoute), network_route_fields };

/* ---- the whole */

static const Field portgroup_fields[] = {
    ROW(Portgroup, "@name", F_STRING, name, F_REQUIRED, NULL,
        "Name by which interfaces choose the port group."),
    ROW(Portgroup, "@default", F_ENUM, is_default, 0, yes_no,
        "Whether interfaces that name no port group get this one."),
    ROW(Portgroup, "@trustGuestRxFilters", F_ENUM, trust_guest_rx_filters, 0, yes_no,
        "Whether the host's link follows the MAC and multicast filters that the guest sets."),
    ROW(Portgroup, "vlan", F_PTR, vlan, 0, &vlan_schema,
        "VLANs that interfaces of the group are in."),
    ROW(Portgroup, "bandwidth", F_PTR, bandwidth, 0, &bandwidth_schema,
        "Limits of each interface of the group."),
    ROW(Portgroup, "virtualport", F_PTR, vport, 0, &virtual_port_schema,
        "Settings of the interfaces' ports on their switch."),
    ROW_END
};

static gboolean
portgroup_settle(gpointer data, GError **err)
{
    Portgroup *group = data;

    if (group->is_default == NO)
        group->is_default = 0;
    return TRUE;
}
const Schema portgroup_schema = { "portgroup", sizeof(Portgroup), portgroup_fields,
                                  portgroup_settle };

static const XmlNamespace namespaces[] = {
    { "dnsmasq", "http://libvirt.org/schemas/network/dnsmasq/1.0" }, { 0 }
};

static const Field dnsmasq_option_fields[] = {
    ROW(DnsmasqOption, "@value", F_STRING, value, F_REQUIRED, NULL,
        "A line that is added to the configuration of dnsmasq."),
    ROW_END
};
static const Schema dnsmasq_option_schema = { "dnsmasq:option", sizeof(DnsmasqOption),
                                              dnsmasq_option_fields };

static const Field network_fields[] = {
    ROW(NetworkDef, "@connections", F_U32, connections, F_LIVE | F_STATE, NULL,
        "Number of guests' interfaces that are on the network."),
    ROW(NetworkDef, "@ipv6", F_ENUM, ipv6, 0, yes_no,
        "Whether guests may speak IPv6 with each other where the network has no IPv6 address."),
    ROW(NetworkDef, "@trustGuestRxFilters", F_ENUM, trust_guest_rx_filters, 0, yes_no,
        "Whether the host's links follow the MAC and multicast filters that guests set."),
    ROW(NetworkDef, "name", F_STRING, name, F_MISSING(ERR_NO_NAME), NULL,
        "Name of the network; no two have the same."),
    ROW(NetworkDef, "uuid", F_UUID, uuid, 0, NULL,
        "UUID of the network; without it a random one is made."),
    ROW(NetworkDef, "title", F_STRING, title, 0, NULL, "Title of the network, one line."),
    ROW(NetworkDef, "description", F_STRING, description, 0, NULL,
        "Description of the network, of any length."),
    ROW(NetworkDef, "metadata", F_XML, metadata, 0, NULL,
        "Elements of other programs, each in a namespace of its own; they are kept unchanged."),
    ROW(NetworkDef, "forward", F_PTR, forward, F_ONCE, &forward_schema,
        "How guests reach the world outside; without it they do not."),
    ROW(NetworkDef, "bridge", F_PTR, bridge, F_FILLED, &bridge_schema,
        "Bridge of the host that the network's guests are connected to."),
    ROW(NetworkDef, "mtu/@size", F_U32, mtu, 0, RANGE(1, G_MAXUINT32),
        "Largest packet in bytes, of the bridge and of guests' cards."),
    ROW(NetworkDef, "mac/@address", F_MAC, mac, 0, NULL, "MAC address of the bridge."),
    ROW(NetworkDef, "domain", F_PTR, domain, 0, &network_domain_schema,
        "DNS domain of the guests."),
    ROW(NetworkDef, "dns", F_PTR, dns, F_FILLED | F_ONCE, &dns_schema,
        "Settings of the network's DNS server."),
    ROW(NetworkDef, "vlan", F_PTR, vlan, 0, &vlan_schema, "VLANs that guests' interfaces are in."),
    ROW(NetworkDef, "bandwidth", F_PTR, bandwidth, 0, &bandwidth_schema,
        "Limits of the whole network."),
    ROW(NetworkDef, "port/@isolated", F_ENUM, port_isolated, 0, yes_no,
        "Whether guests are kept from reaching each other."),
    ROW(NetworkDef, "ip", F_LIST, ips, 0, &network_ip_schema,
        "IP addresses that the host has on the network."),
    ROW(NetworkDef, "route", F_LIST, routes, 0, &network_route_schema,
        "Networks that are reached through a guest."),
    ROW(NetworkDef, "virtualport", F_PTR, vport, 0, &virtual_port_schema,
        "Settings of the interfaces' ports on their switch."),
    ROW(NetworkDef, "portgroup", F_LIST, portgroups, 0, &portgroup_schema,
        "Settings that interfaces choose by name."),
    ROW(NetworkDef, "dnsmasq:options/dnsmasq:option", F_LIST, dnsmasq, 0, &dnsmasq_option_schema,
        "Lines for the configuration of dnsmasq, unchecked."),
    ROW_END
};

/* A bridge of ours has spanning tree and no delay, unless it says otherwise. */
static gboolean
network_settle(gpointer data, GError **err)
{
    NetworkDef *def = data;

    if (def->port_isolated == NO)
        def->port_isolated = 0;
    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
    if (!network_owns_bridge(def))
        return TRUE;
    if (!def->bridge)
        def->bridge = schema_new(&bridge_schema);
    if (def->bridge->stp == 0)
        def->bridge->stp = ON;
    def->bridge->has_delay = TRUE;
    return TRUE;
}

const Schema network_schema = { "network", sizeof(NetworkDef), network_fields, network_settle };

/* ---- questions */

ForwardMode
network_mode(const NetworkDef *def)
{
    return def->forward ? (ForwardMode)def->forward->mode : FORWARD_NONE;
}

gboolean
network_owns_bridge(const NetworkDef *def)
{
    return network_mode(def) <= FORWARD_OPEN;
}

int
network_family(int family)
{
    return family == 2 ? AF_INET6 : AF_INET;
}

/* Ones without a gap, from the left; -1: it is none. */
static int
netmask_bits(const char *netmask)
{
    struct in_addr a;
    guint32 bits;

    if (inet_pton(AF_INET, netmask, &a) != 1)
        return -1;
    bits = g_ntohl(a.s_addr);
    if (~bits & (~bits + 1))
        return -1;
    return __builtin_popcount(bits);
}

/* What an IPv4 address meant before there were netmasks. */
static int
class_bits(const char *address)
{
    struct in_addr a;
    guint8 first;

    if (inet_pton(AF_INET, address, &a) != 1)
        return -1;
    first = (guint8)(g_ntohl(a.s_addr) >> 24);
    return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : -1;
}

int
network_prefix(int family, const char *address, const char *netmask, guint32 prefix,
               guint8 has_prefix)
{
    if (has_prefix)
        return (int)prefix;
    if (netmask)
        return netmask_bits(netmask);
    return network_family(family) == AF_INET ? class_bits(address) : 64;
}

/* ---- life */

NetworkDef *
network_parse(const char *xml, gssize len, guint flags, GError **err)
{
    g_autoptr(NetworkDef) def = xml_parse(&network_schema, namespaces, xml, len, flags, err);

    if (!def || !network_check(def, err))
        return NULL;
    return g_steal_pointer(&def);
}

char *
network_format(const NetworkDef *def, guint flags)
{
    return xml_format(&network_schema, namespaces, def, flags);
}

NetworkDef *
network_copy(const NetworkDef *def)
{
    return schema_copy(&network_schema, def);
}

void
network_free(NetworkDef *def)
{
    schema_free(&network_schema, def);
}
