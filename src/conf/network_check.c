/* Rules of virtual networks: what a mode takes, what addresses must agree. Pure; an error names the
 * network and what is wrong in it.
 */
#include <arpa/inet.h>
#include <netinet/ether.h>
#include <string.h>

#include "conf.h"
#include "lists.h"

/* ---- addresses as numbers */

/* An address of either family, in network order: 4 or 16 bytes are used. */
typedef struct IpAddress {
    int family;
    guint8 bytes[16];
} IpAddress;

static gboolean
address_parse(const char *text, IpAddress *ret_address)
{
    IpAddress a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

    if (inet_pton(a.family, text, a.bytes) != 1)
        return FALSE;
    *ret_address = a;
    return TRUE;
}

static guint
address_bits(const IpAddress *a)
{
    return a->family == AF_INET ? 32 : 128;
}

/* Whether the first bits of both are the same. */
static gboolean
same_network(const IpAddress *a, const IpAddress *b, guint bits)
{
    guint whole = bits / 8, rest = bits % 8;
    guint8 mask = (guint8)(0xff00 >> rest);

    return a->family == b->family && memcmp(a->bytes, b->bytes, whole) == 0 &&
           (rest == 0 || (a->bytes[whole] & mask) == (b->bytes[whole] & mask));
}

/* Whether all bits after the first are `ones`: the address of the network itself, or its broadcast.
 */
static gboolean
host_part_is(const IpAddress *a, guint bits, gboolean ones)
{
    for (guint i = bits; i < address_bits(a); i++)
        if ((a->bytes[i / 8] >> (7 - i % 8) & 1) != ones)
            return FALSE;
    return TRUE;
}

/* ---- <ip> */

static gboolean
ip_check(const NetworkDef *def, const NetworkIp *ip, IpAddress *ret_address, guint *ret_bits,
         GError **err)
{
    int bits;

    if (!address_parse(ip->address, ret_address))
        return fail(err, ERR_XML, "Invalid address '%s' in network '%s'", ip->address, def->name);
    if (ret_address->family != network_family(ip->family))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s address '%s' in network '%s' needs family='%s'",
                    ret_address->family == AF_INET6 ? "IPv6" : "IPv4", ip->address, def->name,
                    ret_address->family == AF_INET6 ? "ipv6" : "ipv4");
    if (ip->netmask && ip->has_prefix)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "network '%s' cannot have both prefix='%u' and a netmask", def->name,
                    ip->prefix);
    if (ip->netmask && ret_address->family == AF_INET6)
        return fail(err, ERR_XML,
                    "netmask not supported for address '%s' in network '%s' (IPv6 has a prefix)",
                    ip->address, def->name);
    bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
    if (bits < 0 || (guint)bits > address_bits(ret_address))
        return fail(err, ERR_XML, "network '%s' has invalid netmask '%s' for address '%s'",
                    def->name, ip->netmask ? ip->netmask : "", ip->address);
    *ret_bits = (guint)bits;
    return TRUE;
}

static gboolean
range_check(const DhcpRange *r, const char *ip, const IpAddress *address, guint bits, GError **err)
{
    IpAddress start, end;
    gboolean v4 = address->family == AF_INET;

    if (!address_parse(r->start, &start) || !address_parse(r->end, &end))
        return fail(err, ERR_XML, "range %s - %s: not an IP address", r->start, r->end);
    if (start.family != address->family || end.family != address->family)
        return fail(err, ERR_PLAIN,
                    "range %s - %s and address %s are not of one family, IPv4 or IPv6", r->start,
                    r->end, ip);
    if (memcmp(start.bytes, end.bytes, sizeof start.bytes) > 0)
        return fail(err, ERR_PLAIN, "range %s - %s is reversed ", r->start, r->end);
    if (!same_network(&start, address, bits) || !same_network(&end, address, bits))
        return fail(err, ERR_PLAIN, "range %s - %s is not entirely within network %s/%u", r->start,
                    r->end, ip, bits);
    if (v4 && bits < 31 && host_part_is(&start, bits, FALSE))
        return fail(err, ERR_PLAIN,
                    "start of range %s - %s in network %s/%u is the network address", r->start,
                    r->end, ip, bits);
    if (v4 && bits < 31 && host_part_is(&end, bits, TRUE))
        return fail(err, ERR_PLAIN,
                    "end of range %s - %s in network %s/%u is the broadcast address", r->start,
                    r->end, ip, bits);
    return TRUE;
}

static gboolean
host_mac_check(const NetworkDef *def, const DhcpHost *h, gboolean v6, GError **err)
{
    struct ether_addr mac;

    if (!h->mac)
        return TRUE;
    if (v6)
        return fail(
            err, ERR_XML,
            "Invalid to specify MAC address '%s' in network '%s' IPv6 static host definition",
            h->mac, def->name);
    if (!ether_aton_r(h->mac, &mac))
        return fail(err, ERR_XML, "Cannot parse MAC address '%s' in network '%s'", h->mac,
                    def->name);
    return !(mac.ether_addr_octet[0] & 1) ||
           fail(err, ERR_XML, "expected unicast mac address, found multicast '%s' in network '%s'",
                h->mac, def->name);
}

static gboolean
host_names_check(const NetworkDef *def, const DhcpHost *h, gboolean v6, GError **err)
{
    const char *odd = h->id ? h->id + strspn(h->id, "0123456789abcdefABCDEF:") : "";

    if (*odd)
        return fail(err, ERR_XML, "Invalid character '%c' in id '%s' of network '%s'", *odd, h->id,
                    def->name);
    if (h->name && !g_ascii_isalpha(h->name[0]))
        return fail(err, ERR_XML, "Cannot use host name '%s' in network '%s'", h->name, def->name);
    if (v6 && !h->name && !h->id)
        return fail(err, ERR_XML,
                    "Static host definition in IPv6 network '%s' must have id or name attribute",
                    def->name);
    return v6 || h->mac || h->name ||
           fail(err, ERR_XML,
                "Static host definition in IPv4 network '%s' must have mac or name attribute",
                def->name);
}

static gboolean
host_check(const NetworkDef *def, const DhcpHost *h, const IpAddress *address, GError **err)
{
    gboolean v6 = address->family == AF_INET6;
    IpAddress ip;

    if (!host_mac_check(def, h, v6, err) || !host_names_check(def, h, v6, err))
        return FALSE;
    if (!h->ip)
        return fail(err, ERR_XML, "Missing IP address in static host definition for network '%s'",
                    def->name);
    return (address_parse(h->ip, &ip) && ip.family == address->family) ||
           fail(err, ERR_XML, "Invalid IP address '%s' in static host definition for network '%s'",
                h->ip, def->name);
}

static gboolean
dhcp_check(const NetworkDef *def, const NetworkIp *ip, const IpAddress *address, guint bits,
           GError **err)
{
    IpAddress server;

    EACH (const DhcpRange, range, ip->dhcp->ranges)
        if (!range_check(range, ip->address, address, bits, err))
            return FALSE;
    EACH (const DhcpHost, host, ip->dhcp->hosts)
        if (!host_check(def, host, address, err))
            return FALSE;
    if (ip->dhcp->bootp && ip->dhcp->bootp->server && address->family == AF_INET6 &&
        !address_parse(ip->dhcp->bootp->server, &server))
        return fail(err, ERR_XML, "Invalid address '%s' of 'bootp' in network '%s'",
                    ip->dhcp->bootp->server, def->name);
    return TRUE;
}

/* Only one of each family may give out addresses: guests ask without saying which they mean. */
static gboolean
ips_check(const NetworkDef *def, GError **err)
{
    const char *giver[2] = { NULL, NULL };

    EACH (const NetworkIp, ip, def->ips) {
        IpAddress address;
        guint bits;
        const char **mine;

        if (!ip_check(def, ip, &address, &bits, err))
            return FALSE;
        if (!ip->dhcp)
            continue;
        if (!dhcp_check(def, ip, &address, bits, err))
            return FALSE;
        mine = &giver[address.family == AF_INET6];
        if ((ip->dhcp->ranges || ip->dhcp->hosts) && *mine)
            return fail(
                err, ERR_CONFIG_UNSUPPORTED,
                "Multiple %s dhcp sections found -- dhcp is supported only for a single %s address on each network",
                address.family == AF_INET6 ? "IPv6" : "IPv4",
                address.family == AF_INET6 ? "IPv6" : "IPv4");
        if (ip->dhcp->ranges || ip->dhcp->hosts)
            *mine = ip->address;
    }
    return TRUE;
}

/* ---- <route> */

static gboolean
route_is_reachable(const NetworkDef *def, const IpAddress *gateway)
{
    EACH (const NetworkIp, ip, def->ips) {
        IpAddress address;
        guint bits;

        if (ip_check(def, ip, &address, &bits, NULL) && same_network(&address, gateway, bits))
            return TRUE;
    }
    return FALSE;
}

static gboolean
route_check(const NetworkDef *def, const NetworkRoute *r, GError **err)
{
    IpAddress address, gateway;
    int bits = network_prefix(r->family, r->address, r->netmask, r->prefix, r->has_prefix);

    if (!address_parse(r->address, &address) || address.family != network_family(r->family))
        return fail(err, ERR_XML, "%s: Invalid address '%s' specified in route definition",
                    def->name, r->address);
    if (!address_parse(r->gateway, &gateway) || gateway.family != address.family)
        return fail(err, ERR_XML, "%s: Invalid gateway '%s' specified in route definition",
                    def->name, r->gateway);
    if (r->netmask && (r->has_prefix || address.family == AF_INET6))
        return fail(err, ERR_XML,
                    "%s: Invalid netmask '%s' in the route to '%s': it has a prefix, or is IPv6",
                    def->name, r->netmask, r->address);
    if (!r->netmask && !r->has_prefix)
        bits = host_part_is(&address, 0, FALSE) ? 0 : (int)address_bits(&address);
    if (bits < 0 || (guint)bits > address_bits(&address))
        return fail(err, ERR_XML, "%s: Invalid netmask or prefix in the route to '%s'", def->name,
                    r->address);
    if (!host_part_is(&address, (guint)bits, FALSE))
        return fail(err, ERR_XML,
                    "%s: Address '%s' in route definition is not a network address for prefix %d",
                    def->name, r->address, bits);
    return route_is_reachable(def, &gateway) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "Network '%s' has a route whose gateway '%s' none of its addresses reaches",
                def->name, r->gateway);
}

/* ---- <dns> */

static gboolean
record_check(const NetworkDef *def, const DnsSrv *srv, GError **err)
{
    if (!srv->service || !srv->protocol)
        return fail(err, ERR_XML_DETAIL,
                    "Missing required %s attribute in DNS SRV record of network '%s'",
                    srv->service ? "protocol" : "service", def->name);
    if (strlen(srv->service) > 63)
        return fail(err, ERR_XML_DETAIL,
                    "Invalid service '%s' in DNS SRV record of network '%s': it is over 63 letters",
                    srv->service, def->name);
    if (strcmp(srv->protocol, "tcp") != 0 && strcmp(srv->protocol, "udp") != 0)
        return fail(err, ERR_XML, "Invalid protocol '%s' in DNS SRV record of network '%s'",
                    srv->protocol, def->name);
    return TRUE;
}

static gboolean
dns_check(const NetworkDef *def, GError **err)
{
    const DnsDef *dns = def->dns;
    IpAddress a;

    if (!dns)
        return TRUE;
    if (dns->enable == NO && (dns->forwarders || dns->txts || dns->srvs || dns->hosts))
        return fail(err, ERR_XML, "Extra data in disabled network '%s'", def->name);
    EACH (const DnsForwarder, f, dns->forwarders) {
        if (!f->addr && !f->domain)
            return fail(
                err, ERR_XML,
                "Invalid forwarder element in network %s: it has neither 'addr' nor 'domain'",
                def->name);
        if (f->addr && !address_parse(f->addr, &a))
            return fail(err, ERR_XML, "Invalid forwarder IP address '%s' in network '%s'", f->addr,
                        def->name);
    }
    EACH (const DnsTxt, txt, dns->txts)
        if (strchr(txt->name, ' '))
            return fail(err, ERR_XML_DETAIL,
                        "prohibited space character in DNS TXT record name '%s' of network %s",
                        txt->name, def->name);
    EACH (const DnsSrv, srv, dns->srvs)
        if (!record_check(def, srv, err))
            return FALSE;
    EACH (const DnsHost, host, dns->hosts) {
        if (!host->ip || !address_parse(host->ip, &a))
            return fail(err, ERR_XML_DETAIL,
                        "Missing or invalid IP address in network '%s' DNS HOST record", def->name);
        if (!host->names)
            return fail(err, ERR_XML_DETAIL, "Missing hostname in network '%s' DNS HOST record",
                        def->name);
    }
    return TRUE;
}

/* ---- what a mode takes */

#define OWN    (BIT(FORWARD_NONE) | BIT(FORWARD_NAT) | BIT(FORWARD_ROUTE) | BIT(FORWARD_OPEN))
#define BRIDGE BIT(FORWARD_BRIDGE)

static gboolean
has_ips(const NetworkDef *def)
{
    return def->ips != NULL;
}

static gboolean
has_dns(const NetworkDef *def)
{
    return def->dns != NULL;
}

static gboolean
has_domain(const NetworkDef *def)
{
    return def->domain != NULL;
}

static gboolean
has_mac(const NetworkDef *def)
{
    static const guint8 none[6];

    return memcmp(def->mac, none, sizeof none) != 0;
}

static gboolean
has_mtu(const NetworkDef *def)
{
    return def->mtu != 0;
}

static gboolean
has_bridge_name(const NetworkDef *def)
{
    return def->bridge && def->bridge->name;
}

static gboolean
has_spanning_tree(const NetworkDef *def)
{
    return def->bridge && (def->bridge->stp || def->bridge->has_delay);
}

static gboolean
has_zone(const NetworkDef *def)
{
    return def->bridge && def->bridge->zone;
}

static gboolean
has_nat(const NetworkDef *def)
{
    return def->forward && def->forward->nat;
}

static gboolean
has_pf(const NetworkDef *def)
{
    return def->forward && def->forward->pf;
}

static gboolean
has_cards(const NetworkDef *def)
{
    return def->forward && def->forward->addresses;
}

/* It is the first of its interfaces, said in another way. */
static gboolean
has_dev(const NetworkDef *def)
{
    const ForwardDef *f = def->forward;

    return f && (f->dev || (f->mode == FORWARD_OPEN && list_length(f->interfaces) > 0));
}

static const struct {
    const char *what;
    gboolean (*has)(const NetworkDef *def);
    guint64 modes; /* that take it */
    Err code;
} mode_rows[] = {
    { "<ip>", has_ips, OWN, ERR_CONFIG_UNSUPPORTED },
    { "<dns>", has_dns, OWN, ERR_CONFIG_UNSUPPORTED },
    { "<domain>", has_domain, OWN, ERR_CONFIG_UNSUPPORTED },
    { "<mac>", has_mac, OWN, ERR_CONFIG_UNSUPPORTED },
    { "<mtu>", has_mtu, OWN, ERR_XML },
    { "<bridge name>", has_bridge_name, OWN | BRIDGE, ERR_XML },
    { "<bridge stp or delay>", has_spanning_tree, OWN, ERR_XML },
    { "<bridge zone>", has_zone, OWN, ERR_XML },
    { "<nat>", has_nat, BIT(FORWARD_NAT), ERR_XML },
    { "<pf>", has_pf,
      BIT(FORWARD_PASSTHROUGH) | BIT(FORWARD_PRIVATE) | BIT(FORWARD_VEPA) | BRIDGE |
          BIT(FORWARD_HOSTDEV),
      ERR_XML },
    { "<address>", has_cards, BIT(FORWARD_HOSTDEV), ERR_CONFIG_UNSUPPORTED },
    { "<forward dev>", has_dev, ~(BIT(FORWARD_OPEN) | BIT(FORWARD_HOSTDEV)),
      ERR_CONFIG_UNSUPPORTED },
};

static gboolean
mode_check(const NetworkDef *def, GError **err)
{
    ForwardMode mode = network_mode(def);

    for (gsize i = 0; i < G_N_ELEMENTS(mode_rows); i++)
        if (mode_rows[i].has(def) && !(mode_rows[i].modes & BIT(mode)))
            return fail(err, mode_rows[i].code,
                        "Unsupported %s element in network %s with forward mode='%s'",
                        mode_rows[i].what, def->name, mode ? forward_modes[mode] : "none");
    return TRUE;
}

static gboolean
forward_check(const NetworkDef *def, GError **err)
{
    const ForwardDef *f = def->forward;
    guint interfaces = f ? list_length(f->interfaces) : 0;

    if (!f)
        return TRUE;
    for (guint i = 0; i < interfaces; i++)
        for (guint j = 0; j < i; j++)
            if (strcmp(LIST_AT(ForwardInterface, f->interfaces, i)->dev,
                       LIST_AT(ForwardInterface, f->interfaces, j)->dev) == 0)
                return fail(err, ERR_XML, "interface '%s' can only be listed once in network %s",
                            LIST_AT(ForwardInterface, f->interfaces, i)->dev, def->name);
    if ((interfaces > 0) + (f->pf != NULL) + (f->addresses != NULL) > 1)
        return fail(err, ERR_XML,
                    "'forward' of network %s may have one kind of 'interface', 'pf' and 'address'",
                    def->name);
    if (f->mode == FORWARD_HOSTDEV && !f->pf && !f->addresses)
        return fail(err, ERR_XML,
                    "'forward' of network %s with mode='hostdev' needs a 'pf' or 'address'",
                    def->name);
    if (network_owns_bridge(def) && interfaces > 1)
        return fail(
            err, ERR_XML,
            "multiple forwarding interfaces specified for network '%s', only one is supported",
            def->name);
    if (f->mode == FORWARD_BRIDGE && has_bridge_name(def) && (interfaces > 0 || f->pf))
        return fail(err, ERR_XML,
                    "bridge name '%s' and links of the host cannot both be given in network '%s'",
                    def->bridge->name, def->name);
    return TRUE;
}

/* ---- switches */

/* A VLAN needs a switch that knows it: Open vSwitch, a card of the host, or a bridge that we find.
 */
static gboolean
vlan_fits(const NetworkDef *def, const VirtualPort *port)
{
    ForwardMode mode = network_mode(def);

    if (mode == FORWARD_HOSTDEV || mode == FORWARD_PASSTHROUGH)
        return TRUE;
    if (port)
        return mode == FORWARD_BRIDGE && port->type == VPORT_OPENVSWITCH;
    return mode <= FORWARD_OPEN || has_bridge_name(def);
}

static gboolean
vlans_check(const NetworkDef *def, GError **err)
{
    gboolean fits = !def->vlan || vlan_fits(def, def->vport);

    EACH (const Portgroup, group, def->portgroups)
        fits = fits && (!group->vlan || vlan_fits(def, group->vport ? group->vport : def->vport));
    return fits ||
           fail(
               err, ERR_CONFIG_UNSUPPORTED,
               "<vlan> element specified for network %s, whose type doesn't support vlan configuration",
               def->name);
}

static gboolean
portgroups_check(const NetworkDef *def, GError **err)
{
    const Portgroup *first = NULL;

    EACH (const Portgroup, group, def->portgroups) {
        if (group->is_default == YES && first)
            return fail(
                err, ERR_CONFIG_UNSUPPORTED,
                "network '%s' has multiple default <portgroup> elements (%s and %s), but only one default is allowed",
                def->name, first->name, group->name);
        if (group->is_default == YES)
            first = group;
        for (guint i = 0; LIST_AT(Portgroup, def->portgroups, i) != group; i++)
            if (strcmp(LIST_AT(Portgroup, def->portgroups, i)->name, group->name) == 0)
                return fail(err, ERR_CONFIG_UNSUPPORTED,
                            "network '%s' has two 'portgroup' elements named '%s'", def->name,
                            group->name);
    }
    return TRUE;
}

static gboolean
name_check(const NetworkDef *def, GError **err)
{
    if (strchr(def->name, '/'))
        return fail(err, ERR_XML_DETAIL, "name %s cannot contain '/'", def->name);
    if (!*def->name || strchr(def->name, '\n') || *def->name == '.')
        return fail(err, ERR_XML,
                    "name '%s' of a network may not be empty, begin with '.' or have a line break",
                    def->name);
    if (has_mac(def) && def->mac[0] & 1)
        return fail(
            err, ERR_XML,
            "Invalid multicast bridge mac address '%02x:%02x:%02x:%02x:%02x:%02x' in network '%s'",
            def->mac[0], def->mac[1], def->mac[2], def->mac[3], def->mac[4], def->mac[5],
            def->name);
    if (has_bridge_name(def) && strlen(def->bridge->name) > 15)
        return fail(err, ERR_XML, "bridge name '%s' of network '%s' is over 15 letters",
                    def->bridge->name, def->name);
    return TRUE;
}

gboolean
network_check(const NetworkDef *def, GError **err)
{
    if (!name_check(def, err) || !mode_check(def, err) || !forward_check(def, err) ||
        !portgroups_check(def, err) || !vlans_check(def, err) || !dns_check(def, err) ||
        !ips_check(def, err))
        return FALSE;
    EACH (const NetworkRoute, route, def->routes)
        if (!route_check(def, route, err))
            return FALSE;
    return TRUE;
}
