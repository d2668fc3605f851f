/* Start of a network, as a table; its stop is the same table upwards. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "network_priv.h"

/* ---- what the definition leaves to the host */

#define BRIDGES_MOST 256

static gboolean
bridge_is_taken(const Network *n, const char *name)
{
    g_autoptr(GPtrArray) all = network_list();

    for (guint i = 0; i < all->len; i++) {
        const Network *other = all->pdata[i];
        const NetworkDef *def = other->live ? other->live : other->def;
        if (other != n && def && def->bridge && g_strcmp0(def->bridge->name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

char *
network_free_bridge(const Network *n)
{
    for (guint i = 0; i < BRIDGES_MOST; i++) {
        g_autofree char *name = g_strdup_printf("virbr%u", i);
        if (!bridge_is_taken(n, name) && !link_exists(name))
            return g_steal_pointer(&name);
    }
    return NULL;
}

/* A network of the host's that ours would hide. */
static gboolean
check_overlap(const Network *n, GError **err)
{
    EACH (const NetworkIp, ip, n->live->ips) {
        int bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
        g_autofree char *link = link_with_network(ip->address, (guint)bits, n->live->bridge->name);
        if (link)
            return fail(err, ERR_INTERNAL, "network '%s': %s/%d is already in use by interface %s",
                        n->obj.name, ip->address, bits, link);
    }
    return TRUE;
}

static StepResult
settle_names(Flow *f, gpointer obj, GError **err)
{
    Network *n = obj;
    BridgeDef *bridge = n->live->bridge;

    if (!network_owns_bridge(n->live))
        return STEP_DONE;
    if (!bridge->name && !(bridge->name = network_free_bridge(n)))
        return step_of(
            fail(err, ERR_INTERNAL, "network '%s': all names of bridges are taken", n->obj.name));
    if (bridge_is_taken(n, bridge->name))
        return step_of(fail(err, ERR_INTERNAL,
                            "network '%s': bridge '%s' belongs to another network", n->obj.name,
                            bridge->name));
    return step_of(check_overlap(n, err));
}

/* ---- modes that cannot be had yet */

static StepResult
check_mode(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;
    ForwardMode mode = network_mode(def);
    const struct {
        const char *what;
        gboolean asked;
    } rows[] = {
        { "forward mode 'private'", mode == FORWARD_PRIVATE },
        { "forward mode 'vepa'", mode == FORWARD_VEPA },
        { "forward mode 'passthrough'", mode == FORWARD_PASSTHROUGH },
        { "forward mode 'hostdev'", mode == FORWARD_HOSTDEV },
        { "forward mode 'bridge' without a bridge",
          mode == FORWARD_BRIDGE && !(def->bridge && def->bridge->name) },
        { "'virtualport'", def->vport != NULL },
        { "'vlan'", def->vlan != NULL },
        { "'bandwidth'", def->bandwidth != NULL },
        { "'port' with isolated='yes'", def->port_isolated == YES },
        { "'zone' of 'bridge'", def->bridge && def->bridge->zone },
        { "macTableManager='libvirt'", def->bridge && def->bridge->mac_table == 2 },
        { "'domain' with register='yes'", def->domain && def->domain->registered == YES },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].asked)
            return step_of(fail(err, ERR_CONFIG_UNSUPPORTED, "network '%s': %s cannot be had yet",
                                def->name, rows[i].what));
    return STEP_DONE;
}

/* A bridge of the host's own must be there; it is left as it is. */
static StepResult
find_bridge(Flow *f, gpointer obj, GError **err)
{
    const Network *n = obj;

    if (network_owns_bridge(n->live) || link_exists(n->live->bridge->name))
        return STEP_DONE;
    return step_of(fail(err, ERR_OPERATION_FAILED, "network '%s': bridge '%s' does not exist",
                        n->obj.name, n->live->bridge->name));
}

/* ---- the bridge */

static void
format_mac(const guint8 mac[6], char ret_text[18])
{
    g_snprintf(ret_text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
               mac[4], mac[5]);
}

static gboolean
parse_mac(const char *text, guint8 ret_mac[6])
{
    return text && sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &ret_mac[0], &ret_mac[1],
                          &ret_mac[2], &ret_mac[3], &ret_mac[4], &ret_mac[5]) == 6;
}

static StepResult
make_bridge(Flow *f, gpointer obj, GError **err)
{
    Network *n = obj;
    const NetworkDef *def = n->live;
    const BridgeSpec spec = {
        .name = def->bridge ? def->bridge->name : NULL,
        .mac = def->mac,
        .stp = def->bridge && def->bridge->stp == ON,
        .delay = def->bridge ? def->bridge->delay : 0,
        .mtu = def->mtu,
    };
    char mac[18];

    if (!network_owns_bridge(def))
        return STEP_DONE;
    if (link_exists(spec.name))
        return step_of(fail(err, ERR_OPERATION_FAILED,
                            "network '%s': there is a link '%s' that is not its own", n->obj.name,
                            spec.name));
    format_mac(def->mac, mac);
    return step_of(flow_note(f, spec.name, WORDS(mac), err) && bridge_create(&spec, err));
}

/* The MAC address tells ours from another of its name. */
static StepResult
delete_bridge(Flow *f, gpointer obj)
{
    g_autoptr(GError) err = NULL;
    guint8 mac[6];

    if (parse_mac(flow_word(f, 0), mac) && !bridge_delete(flow_key(f), mac, &err))
        log_warning("network '%s': %s", ((Object *)obj)->name, err->message);
    return STEP_DONE;
}

/* ---- the kernel's switches */

/* A network that only connects guests does not speak IPv6 itself unless it has an address of it. */
static gboolean
set_v6(const NetworkDef *def, GError **err)
{
    const char *bridge = def->bridge->name;
    g_autofree char *off = g_strdup_printf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", bridge);
    g_autofree char *ra = g_strdup_printf("/proc/sys/net/ipv6/conf/%s/accept_ra", bridge);
    gboolean v6 = FALSE;

    EACH (const NetworkIp, ip, def->ips)
        v6 = v6 || network_family(ip->family) == AF_INET6;
    if (!g_file_test(off, G_FILE_TEST_EXISTS))
        return !v6 ||
               fail(err, ERR_CONFIG_UNSUPPORTED,
                    "network '%s' has an IPv6 address, and this host has no IPv6", def->name);
    return kernel_write(off, v6 ? "0" : "1", err) && kernel_write(ra, "0", err);
}

static gboolean
set_forwarding(const NetworkDef *def, GError **err)
{
    gboolean v4 = FALSE, v6 = FALSE;

    if (network_mode(def) == FORWARD_NONE)
        return TRUE;
    EACH (const NetworkIp, ip, def->ips) {
        v4 = v4 || network_family(ip->family) == AF_INET;
        v6 = v6 || network_family(ip->family) == AF_INET6;
    }
    return (!v4 || kernel_write("/proc/sys/net/ipv4/ip_forward", "1", err)) &&
           (!v6 || kernel_write("/proc/sys/net/ipv6/conf/all/forwarding", "1", err));
}

static StepResult
set_switches(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    if (!network_owns_bridge(def))
        return STEP_DONE;
    return step_of(set_v6(def, err) && set_forwarding(def, err));
}

/* ---- addresses, routes */

static StepResult
add_addresses(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    EACH (const NetworkIp, ip, def->ips) {
        int bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
        if (!link_add_address(def->bridge->name, ip->address, (guint)bits, err))
            return STEP_FAILED;
    }
    return STEP_DONE;
}

static StepResult
bring_up(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    return step_of(!network_owns_bridge(def) || link_set_up(def->bridge->name, err));
}

static guint
route_bits(const NetworkRoute *r)
{
    if (r->netmask || r->has_prefix)
        return (guint)network_prefix(r->family, r->address, r->netmask, r->prefix, r->has_prefix);
    return strcmp(r->address, "0.0.0.0") == 0 || strcmp(r->address, "::") == 0 ? 0
           : network_family(r->family) == AF_INET6                             ? 128
                                                                               : 32;
}

static StepResult
add_routes(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    EACH (const NetworkRoute, r, def->routes) {
        const RouteSpec spec = { r->address, r->gateway, route_bits(r), r->metric };
        if (!link_add_route(def->bridge->name, &spec, err))
            return STEP_FAILED;
    }
    return STEP_DONE;
}

/* ---- rules */

static StepResult
add_filter(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    if (!network_owns_bridge(def) || network_mode(def) == FORWARD_OPEN)
        return STEP_DONE;
    return step_of(flow_note(f, def->bridge->name, WORDS("table"), err) &&
                   firewall_apply(def, err));
}

static StepResult
remove_filter(Flow *f, gpointer obj)
{
    g_autoptr(GError) err = NULL;

    if (!firewall_remove(flow_key(f), &err))
        log_warning("network '%s': %s", ((Object *)obj)->name, err->message);
    return STEP_DONE;
}

/* ---- for the next daemon */

static StepResult
save_live(Flow *f, gpointer obj, GError **err)
{
    Network *n = obj;
    g_autofree char *path = network_file(n, "live"), *xml = network_format(n->live, XML_LIVE);

    return step_of(file_write_volatile(path, xml, -1, 0600, err));
}

static StepResult
drop_live(Flow *f, gpointer obj)
{
    g_autofree char *path = network_file(obj, "live");

    file_remove(path, NULL);
    return STEP_DONE;
}

/* The rules stand before the bridge can carry a packet. */
static const Step start_steps[] = {
    { "check mode", check_mode, NULL },
    { "settle names", settle_names, NULL },
    { "find bridge", find_bridge, NULL },
    { "save live", save_live, drop_live },
    { "make bridge", make_bridge, delete_bridge, STEP_KEYED },
    { "set switches", set_switches, NULL },
    { "add filter", add_filter, remove_filter, STEP_KEYED },
    { "add addresses", add_addresses, NULL },
    { "bring up", bring_up, NULL },
    { "add routes", add_routes, NULL },
    { "start dnsmasq", dnsmasq_start, dnsmasq_stop, STEP_KEYED },
    { 0 },
};

const FlowTable network_start_table = { "network start", start_steps };
