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

/* A floor is a share of what all have, which nobody divides here. */
static gboolean
promises(const BandwidthDef *b)
{
    return b && ((b->inbound && b->inbound->floor) || (b->outbound && b->outbound->floor));
}

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
        { "'bandwidth' of a bridge of the host's own",
          def->bandwidth != NULL && !network_owns_bridge(def) },
        { "'floor' of 'bandwidth'", promises(def->bandwidth) },
        { "'port' with isolated='yes'", def->port_isolated == YES },
        { "'zone' of 'bridge'", def->bridge && def->bridge->zone },
        { "macTableManager='libvirt'", def->bridge && def->bridge->mac_table == 2 },
        { "'domain' with register='yes'", def->domain && def->domain->registered == YES },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].asked)
            return step_of(fail(err, ERR_CONFIG_UNSUPPORTED,
                                "network '%s': %s: this is not supported yet", def->name,
                                rows[i].what));
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

BridgeSpec
network_bridge_spec(const NetworkDef *def, char alias[BRIDGE_ALIAS_LEN])
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(def->uuid, uuid);
    g_snprintf(alias, BRIDGE_ALIAS_LEN, "vmd network %s", uuid);
    return (BridgeSpec){
        .name = def->bridge->name,
        .mac = def->mac,
        .stp = def->bridge->stp == ON,
        .delay = def->bridge->delay,
        .mtu = def->mtu,
        .alias = alias,
    };
}

static gboolean
create_bridge(const NetworkDef *def, GError **err)
{
    char alias[BRIDGE_ALIAS_LEN];
    const BridgeSpec spec = network_bridge_spec(def, alias);

    return bridge_create(&spec, err);
}

static gboolean
name_is_free(const NetworkDef *def, GError **err)
{
    return !link_exists(def->bridge->name) ||
           fail(err, ERR_OPERATION_FAILED, "network '%s': there is a link '%s' that is not its own",
                def->name, def->bridge->name);
}

static StepResult
make_bridge(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;
    char mac[18];

    if (!network_owns_bridge(def))
        return STEP_DONE;
    format_mac(def->mac, mac);
    return step_of(name_is_free(def, err) && flow_note(f, def->bridge->name, WORDS(mac), err) &&
                   create_bridge(def, err));
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

/* ---- how fast it is, with all its guests */

static StepResult
limit_speed(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    if (!def->bandwidth)
        return STEP_DONE;
    return step_of(flow_note(f, def->bridge->name, WORDS("speed"), err) &&
                   link_limit(def->bridge->name, def->bandwidth, err));
}

static StepResult
lift_limits(Flow *f, gpointer obj)
{
    g_autoptr(GError) err = NULL;

    if (!link_limit(flow_key(f), NULL, &err))
        log_warning("network '%s': %s", ((Object *)obj)->name, err->message);
    return STEP_DONE;
}

/* ---- the kernel's switches */

static gboolean
has_family(const NetworkDef *def, int family)
{
    EACH (const NetworkIp, ip, def->ips)
        if (network_family(ip->family) == family)
            return TRUE;
    return FALSE;
}

gboolean
network_has_v4(const NetworkDef *def)
{
    return has_family(def, AF_INET);
}

gboolean
network_has_v6(const NetworkDef *def)
{
    return has_family(def, AF_INET6);
}

/* A network that only connects guests does not speak IPv6 itself unless it has an address of it. */
gboolean
network_set_v6(const NetworkDef *def, GError **err)
{
    const char *bridge = def->bridge->name;
    g_autofree char *off = g_strdup_printf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", bridge);
    g_autofree char *ra = g_strdup_printf("/proc/sys/net/ipv6/conf/%s/accept_ra", bridge);
    gboolean v6 = network_has_v6(def);

    if (!g_file_test(off, G_FILE_TEST_EXISTS))
        return !v6 ||
               fail(err, ERR_CONFIG_UNSUPPORTED,
                    "network '%s' has an IPv6 address, and this host has no IPv6", def->name);
    return kernel_write(off, v6 ? "0" : "1", err) && kernel_write(ra, "0", err);
}

/* Switches forwarding on for all links, and for the bridge where it alone was off. */
static gboolean
set_forwarding(const NetworkDef *def, const char *family, const char *all, GError **err)
{
    g_autofree char *own = g_strdup_printf("/proc/sys/net/%s/conf/%s/forwarding", family,
                                           def->bridge->name);

    return kernel_write(all, "1", err) && kernel_write(own, "1", err);
}

gboolean
network_set_switches(const NetworkDef *def, GError **err)
{
    if (!network_set_v6(def, err))
        return FALSE;
    if (network_mode(def) == FORWARD_NONE)
        return TRUE;
    return (!network_has_v4(def) ||
            set_forwarding(def, "ipv4", "/proc/sys/net/ipv4/ip_forward", err)) &&
           (!network_has_v6(def) ||
            set_forwarding(def, "ipv6", "/proc/sys/net/ipv6/conf/all/forwarding", err));
}

static StepResult
set_switches(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    return step_of(!network_owns_bridge(def) || network_set_switches(def, err));
}

/* ---- addresses, routes */

static gboolean
put_addresses(const NetworkDef *def, GError **err)
{
    EACH (const NetworkIp, ip, def->ips) {
        int bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
        if (!link_add_address(def->bridge->name, ip->address, (guint)bits, err))
            return FALSE;
    }
    return TRUE;
}

static StepResult
add_addresses(Flow *f, gpointer obj, GError **err)
{
    return step_of(put_addresses(((Network *)obj)->live, err));
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

/* The route that comes with an address, as the kernel makes it. */
static RouteSpec
own_route(const NetworkIp *ip)
{
    enum { V6_METRIC = 256 };
    int bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
    gboolean v6 = network_family(ip->family) == AF_INET6;

    return (RouteSpec){ ip->address, NULL, (guint)bits, v6 ? V6_METRIC : 0,
                        v6 ? NULL : ip->address };
}

void
network_each_route(const NetworkDef *def, NetworkRouteEach each, gpointer user)
{
    EACH (const NetworkIp, ip, def->ips) {
        const RouteSpec spec = own_route(ip);
        if (spec.prefix < 32 + (spec.metric ? 96 : 0) && !each(&spec, user))
            return;
    }
    EACH (const NetworkRoute, r, def->routes) {
        const RouteSpec spec = { r->address, r->gateway, route_bits(r), r->metric, NULL };
        if (!each(&spec, user))
            return;
    }
}

typedef struct PutRoute {
    const char *bridge;
    gboolean ok;
    GError **err;
} PutRoute;

static gboolean
put_route(const RouteSpec *spec, gpointer user)
{
    PutRoute *put = user;

    return put->ok = link_add_route(put->bridge, spec, put->err);
}

static gboolean
put_routes(const NetworkDef *def, GError **err)
{
    PutRoute put = { def->bridge ? def->bridge->name : NULL, TRUE, err };

    if (network_owns_bridge(def))
        network_each_route(def, put_route, &put);
    return put.ok;
}

static StepResult
add_routes(Flow *f, gpointer obj, GError **err)
{
    return step_of(put_routes(((Network *)obj)->live, err));
}

/* Routes go with the link's "up", and with the address that leads to their gateway. */
gboolean
network_set_addresses(const NetworkDef *def, GError **err)
{
    return put_addresses(def, err) && link_set_up(def->bridge->name, err) && put_routes(def, err);
}

gboolean
network_set_bridge_up(const NetworkDef *def, GError **err)
{
    return name_is_free(def, err) && create_bridge(def, err) &&
           (!def->bandwidth || link_limit(def->bridge->name, def->bandwidth, err)) &&
           network_set_switches(def, err) && network_set_addresses(def, err);
}

/* ---- rules */

static gboolean
has_rules(const NetworkDef *def)
{
    return network_owns_bridge(def) && network_mode(def) != FORWARD_OPEN;
}

/* Sets the rules, and saves their listing for the next daemon. */
gboolean
network_set_rules(Network *n, GError **err)
{
    const char *bridge = n->live->bridge->name;
    g_autofree char *path = network_file(n, "rules");
    char *now;

    if (!has_rules(n->live))
        return TRUE;
    if (!firewall_apply(n->live, err))
        return FALSE;
    if (!(now = firewall_listing(bridge))) /* taken away again; what they were is still wanted */
        return fail(err, ERR_OPERATION_FAILED, "the packet filter lost the rules");
    g_free(n->run->rules);
    n->run->rules = now;
    return file_write_volatile(path, n->run->rules, -1, 0600, err);
}

static StepResult
add_filter(Flow *f, gpointer obj, GError **err)
{
    Network *n = obj;

    if (!has_rules(n->live))
        return STEP_DONE;
    return step_of(flow_note(f, n->live->bridge->name, WORDS("table"), err) &&
                   network_set_rules(n, err));
}

static StepResult
remove_filter(Flow *f, gpointer obj)
{
    g_autofree char *path = network_file(obj, "rules");
    g_autoptr(GError) err = NULL;

    file_remove(path, NULL);
    if (!firewall_remove(flow_key(f), &err))
        log_warning("network '%s': %s", ((Object *)obj)->name, err->message);
    return STEP_DONE;
}

/* ---- chains of other programs */

static StepResult
open_others(Flow *f, gpointer obj, GError **err)
{
    const NetworkDef *def = ((Network *)obj)->live;

    if (!network_owns_bridge(def) || network_mode(def) == FORWARD_NONE)
        return STEP_DONE;
    return step_of(flow_note(f, def->bridge->name, WORDS("others"), err) &&
                   others_accept(def, err));
}

static StepResult
close_others(Flow *f, gpointer obj)
{
    g_autoptr(GError) err = NULL;

    if (!others_forget(flow_key(f), &err))
        log_warning("network '%s': %s", ((Object *)obj)->name, err->message);
    return STEP_DONE;
}

/* ---- guests that run */

/* Their taps lost the bridge with its last end; they leave it with its next one. */
static StepResult
plug_guests(Flow *f, gpointer obj, GError **err)
{
    return step_of(heal_ports(obj, err));
}

/* ---- for the next daemon */

gboolean
network_save_live(const Network *n, GError **err)
{
    g_autofree char *path = network_file(n, "live"), *xml = network_format(n->live, XML_LIVE);

    return file_write_volatile(path, xml, -1, 0600, err);
}

static StepResult
save_live(Flow *f, gpointer obj, GError **err)
{
    return step_of(network_save_live(obj, err));
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
    { "limit speed", limit_speed, lift_limits, STEP_KEYED },
    { "set switches", set_switches, NULL },
    { "add filter", add_filter, remove_filter, STEP_KEYED },
    { "open others' chains", open_others, close_others, STEP_KEYED },
    { "add addresses", add_addresses, NULL },
    { "bring up", bring_up, NULL },
    { "add routes", add_routes, NULL },
    { "start dnsmasq", dnsmasq_start, dnsmasq_stop, STEP_KEYED },
    { "plug guests in", plug_guests, NULL },
    { 0 },
};

const FlowTable network_start_table = { "network start", start_steps };

/* ---- a ledger that was lost */

void
network_restore(Network *n)
{
    const NetworkDef *def = n->live;
    const char *bridge = def->bridge ? def->bridge->name : NULL;
    gboolean own = network_owns_bridge(def);
    char mac[18], *words[] = { mac, NULL };
    const struct {
        gboolean has;
        LedgerLine line;
    } rows[] = {
        { TRUE, { "save live", NULL, NULL } },
        { own && bridge, { "make bridge", bridge, words } },
        { bridge && def->bandwidth, { "limit speed", bridge, NULL } },
        { own && bridge && has_rules(def), { "add filter", bridge, NULL } },
        { own && bridge && network_mode(def) != FORWARD_NONE,
          { "open others' chains", bridge, NULL } },
        { dnsmasq_is_wanted(def), { "start dnsmasq", "dnsmasq", NULL } },
    };

    format_mac(def->mac, mac);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].has)
            ledger_restore(object_ledger(n), &network_start_table, &rows[i].line, 1);
}
