/* What an active network stands on, row by row: when it is wrong, and how it is put right. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heal_priv.h"

/* ---- the bridge, its addresses, the kernel's switches */

static gboolean
has_mac(const HostLink *link, const NetworkDef *def)
{
    return memcmp(link->mac, def->mac, sizeof link->mac) == 0;
}

/* By another name, or another MAC address. */
static const HostLink *
bridge_astray(const Network *n, HostView *p)
{
    char alias[BRIDGE_ALIAS_LEN];
    const BridgeSpec spec = network_bridge_spec(n->live, alias);

    return p->links ? host_links_find_alias(p->links, spec.alias) : NULL;
}

static char *
bridge_wrong(const Network *n, HostView *p)
{
    const char *name = n->live->bridge->name;
    const HostLink *link = view_bridge(p, n), *astray;

    if (!p->links)
        return NULL;
    n->run->link = link ? link->index : 0;
    astray = !link || !has_mac(link, n->live) ? bridge_astray(n, p) : NULL;
    if (!link && astray)
        return g_strdup_printf("bridge '%s' was renamed to '%s'", name, astray->name);
    if (!link)
        return g_strdup_printf("bridge '%s' was deleted", name);
    if (!has_mac(link, n->live))
        return g_strdup_printf(astray == link ? "bridge '%s' had another MAC address"
                                              : "another link has the name of bridge '%s'",
                               name);
    if (link->stp != (n->live->bridge->stp == ON))
        return g_strdup_printf("the spanning tree of bridge '%s' was %s", name,
                               link->stp ? "on" : "off");
    if (link->vlan_filtering)
        return g_strdup_printf("bridge '%s' filtered by VLANs", name);
    if (n->live->mtu && link->mtu != n->live->mtu)
        return g_strdup_printf("bridge '%s' had an MTU of %u", name, link->mtu);
    return NULL;
}

/* Name and MAC address first, which are what it is known by. */
static gboolean
bridge_repair(Network *n, HostView *p, GError **err)
{
    const HostLink *link = view_bridge(p, n), *astray = bridge_astray(n, p);
    char alias[BRIDGE_ALIAS_LEN];
    const BridgeSpec spec = network_bridge_spec(n->live, alias);

    if (link && (has_mac(link, n->live) || link == astray))
        return (has_mac(link, n->live) || link_set_mac(spec.name, spec.mac, err)) &&
               (link->stp == spec.stp || bridge_tune(&spec, err)) &&
               bridge_ignore_vlans(spec.name, err) &&
               (!spec.mtu || link_set_mtu(spec.name, spec.mtu, err));
    if (!link && astray && !link_rename(astray->name, spec.name, err))
        return FALSE;
    if ((link || !astray) && !network_set_bridge_up(n->live, err))
        return FALSE;
    n->run->routes_due = TRUE;
    dnsmasq_renew(n); /* its sockets are bound to the old one */
    return TRUE;
}

static char *
link_wrong(const Network *n, HostView *p)
{
    const HostLink *link = view_bridge(p, n);

    return link && !link->up ? g_strdup_printf("bridge '%s' was down", n->live->bridge->name)
                             : NULL;
}

static gboolean
addresses_repair(Network *n, HostView *p, GError **err)
{
    n->run->routes_due = TRUE;
    return network_set_switches(n->live, err) && network_set_addresses(n->live, err);
}

static char *
addresses_wrong(const Network *n, HostView *p)
{
    const HostLink *link = view_bridge(p, n);

    EACH (const NetworkIp, ip, link ? n->live->ips : NULL) {
        int bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
        if (!host_links_has_address(p->links, link, ip->address, (guint)bits))
            return g_strdup_printf("bridge '%s' had lost %s/%d", n->live->bridge->name, ip->address,
                                   bits);
    }
    return NULL;
}

/* ---- routes */

typedef struct RouteSearch {
    HostRoutes *there;
    char *missing;
} RouteSearch;

static gboolean
search_route(const RouteSpec *spec, gpointer user)
{
    RouteSearch *search = user;

    if (!host_routes_have(search->there, spec))
        search->missing = g_strdup_printf("the route to %s/%u by %s was gone", spec->to,
                                          spec->prefix,
                                          spec->gateway ? spec->gateway : "the bridge");
    return search->missing == NULL;
}

static char *
missing_route(const Network *n)
{
    g_autoptr(GError) err = NULL;
    RouteSearch search = { host_routes_look(n->run->link, &err), NULL };

    if (!search.there) {
        log_warning("network '%s': %s", n->obj.name, err->message);
        return NULL;
    }
    network_each_route(n->live, search_route, &search);
    host_routes_free(search.there);
    return search.missing;
}

static char *
routes_wrong(const Network *n, HostView *p)
{
    if (!n->run->routes_due || !view_bridge(p, n))
        return NULL;
    n->run->routes_due = FALSE;
    return missing_route(n);
}

/* One to the same place by somebody else's way is in the way. */
static gboolean
routes_repair(Network *n, HostView *p, GError **err)
{
    g_autofree char *still = NULL;

    if (!network_set_addresses(n->live, err))
        return FALSE;
    still = missing_route(n);
    return !still ||
           fail(err, ERR_OPERATION_FAILED, "%s; there is another one to that place", still);
}

/* ---- the kernel's switches */

static gboolean
is_off(const char *path)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) && atoi(text) == 0;
}

static char *
family_off(const Network *n, const char *family)
{
    g_autofree char *all = g_strdup_printf("/proc/sys/net/%s/conf/all/forwarding", family);
    g_autofree char *own = g_strdup_printf("/proc/sys/net/%s/conf/%s/forwarding", family,
                                           n->live->bridge->name);

    if (is_off(all))
        return g_strdup_printf("%s was 0", all);
    return is_off(own) ? g_strdup_printf("%s was 0", own) : NULL;
}

static char *
switches_wrong(const Network *n, HostView *p)
{
    char *off = NULL;

    if (network_mode(n->live) == FORWARD_NONE || !view_bridge(p, n))
        return NULL;
    if (network_has_v4(n->live))
        off = family_off(n, "ipv4");
    if (!off && network_has_v6(n->live))
        off = family_off(n, "ipv6");
    return off;
}

/* Some of these the kernel does not tell of: they are looked at when all else is, and now and then.
 */
static char *
v6_wrong(const Network *n, HostView *p)
{
    static const char *const names[] = { "disable_ipv6", "accept_ra" };
    gboolean v6 = network_has_v6(n->live);

    for (gsize i = 0; view_bridge(p, n) && i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("/proc/sys/net/ipv6/conf/%s/%s",
                                                n->live->bridge->name, names[i]);
        g_autofree char *text = NULL;
        gboolean wanted = i == 0 && !v6;

        if (g_file_get_contents(path, &text, NULL, NULL) && (atoi(text) != 0) != wanted)
            return g_strdup_printf("%s was %d", path, atoi(text));
    }
    return NULL;
}

static gboolean
switches_repair(Network *n, HostView *p, GError **err)
{
    return network_set_switches(n->live, err);
}

/* ---- rules */

static char *
rules_wrong(const Network *n, HostView *p)
{
    g_autofree char *now = NULL, *table = NULL;

    if (!n->run->rules || !n->run->rules_due)
        return NULL;
    n->run->rules_due = FALSE;
    now = firewall_listing(n->live->bridge->name);
    if (g_strcmp0(now, n->run->rules) == 0)
        return NULL;
    table = firewall_table(n->live->bridge->name);
    return g_strdup_printf(now ? "table 'inet %s' of the packet filter was changed"
                               : "table 'inet %s' of the packet filter was deleted",
                           table);
}

static gboolean
rules_repair(Network *n, HostView *p, GError **err)
{
    if (network_set_rules(n, err))
        return TRUE;
    n->run->rules_due = TRUE;
    return FALSE;
}

static char *
others_wrong(const Network *n, HostView *p)
{
    if (!n->run->others_due || network_mode(n->live) == FORWARD_NONE)
        return NULL;
    n->run->others_due = FALSE;
    return others_lack(n->live) ? g_strdup("chain 'DOCKER-USER' did not accept its packets") : NULL;
}

static gboolean
others_repair(Network *n, HostView *p, GError **err)
{
    return others_accept(n->live, err);
}

/* ---- leases */

static char *
leases_wrong(const Network *n, HostView *p)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!n->run->leases_due)
        return NULL;
    n->run->leases_due = FALSE;
    text = dnsmasq_lost_leases(n, &len);
    return text ? g_strdup("its file of leases was removed") : NULL;
}

/* dnsmasq goes on to write to what has no name any more. Somebody may have put another file there:
 * then that is what counts. */
static gboolean
leases_repair(Network *n, HostView *p, GError **err)
{
    g_autofree char *path = network_state(n, "leases"), *text = NULL;
    gsize len;

    if (!heal_leases_folder(err))
        return FALSE;
    text = dnsmasq_lost_leases(n, &len);
    if (text && access(path, F_OK) != 0 && !file_write_volatile(path, text, (gssize)len, 0644, err))
        return FALSE;
    dnsmasq_renew(n);
    return TRUE;
}

/* ---- all that is cared for, in the order in which it stands on each other */

const CareKind cares[N_CARES] = {
    [CARE_BRIDGE] = { "bridge", FALSE, bridge_wrong, bridge_repair },
    [CARE_LINK] = { "link", FALSE, link_wrong, addresses_repair },
    [CARE_ADDRESSES] = { "addresses", FALSE, addresses_wrong, addresses_repair },
    [CARE_ROUTES] = { "routes", FALSE, routes_wrong, routes_repair },
    [CARE_SWITCHES] = { "forwarding", FALSE, switches_wrong, switches_repair },
    [CARE_V6] = { "ipv6", FALSE, v6_wrong, switches_repair },
    [CARE_RULES] = { "rules", FALSE, rules_wrong, rules_repair },
    [CARE_OTHERS] = { "others", FALSE, others_wrong, others_repair },
    [CARE_PORTS] = { "ports", TRUE, ports_wrong, ports_repair },
    [CARE_SPEED] = { "speed", TRUE, NULL, NULL },     /* heal.c */
    [CARE_FILTERS] = { "filters", TRUE, NULL, NULL }, /* heal.c */
    [CARE_LEASES] = { "leases", FALSE, leases_wrong, leases_repair },
    [CARE_DNSMASQ] = { "dnsmasq", FALSE, NULL, NULL }, /* dnsmasq.c */
};
