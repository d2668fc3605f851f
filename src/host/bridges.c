/* Bridges of the host, their addresses and routes, through rtnetlink; what rtnetlink's library does
 * not know of a bridge is written to /sys. Every call is a short request to the kernel.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>
#include <unistd.h>

typedef struct nl_sock NlSock;
typedef struct rtnl_link NlLink;
typedef struct nl_addr NlAddr;
typedef struct rtnl_addr NlAddress;
typedef struct rtnl_route NlRoute;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlSock, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlAddr, nl_addr_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlAddress, rtnl_addr_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlRoute, rtnl_route_put)

static NlSock *
open_route(GError **err)
{
    g_autoptr(NlSock) sock = nl_socket_alloc();
    int rc = nl_connect(sock, NETLINK_ROUTE);

    if (rc < 0) {
        fail(err, ERR_SYSTEM, "cannot reach the kernel's links: %s", nl_geterror(rc));
        return NULL;
    }
    return g_steal_pointer(&sock);
}

gboolean
kernel_write(const char *path, const char *text, GError **err)
{
    fd_auto fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return fail_errno(err, errno, "cannot write '%s' to %s", text, path);
    return TRUE;
}

/* ---- bridges */

/* With a spanning tree the kernel takes no delay below two seconds, so that comes last. */
gboolean
bridge_tune(const BridgeSpec *spec, GError **err)
{
    g_autofree char *stp = g_strdup_printf("/sys/class/net/%s/bridge/stp_state", spec->name);
    g_autofree char *delay = g_strdup_printf("/sys/class/net/%s/bridge/forward_delay", spec->name);
    g_autofree char *hundredths = g_strdup_printf("%" G_GUINT64_FORMAT, spec->delay * 100);

    return kernel_write(stp, "0", err) && kernel_write(delay, hundredths, err) &&
           (!spec->stp || kernel_write(stp, "1", err));
}

/* A kernel without filtering by VLANs has no switch for it. */
gboolean
bridge_ignore_vlans(const char *name, GError **err)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/bridge/vlan_filtering", name);

    return !g_file_test(path, G_FILE_TEST_EXISTS) || kernel_write(path, "0", err);
}

/* No part of what a link can be made with. */
static gboolean
give_alias(const BridgeSpec *spec, GError **err)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/ifalias", spec->name);

    return !spec->alias || kernel_write(path, spec->alias, err);
}

gboolean
bridge_create(const BridgeSpec *spec, GError **err)
{
    g_autoptr(NlSock) sock = open_route(err);
    g_autoptr(NlLink) link = rtnl_link_bridge_alloc();
    g_autoptr(NlAddr) mac = nl_addr_build(AF_LLC, spec->mac, 6);
    int rc;

    if (!sock)
        return FALSE;
    rtnl_link_set_name(link, spec->name);
    rtnl_link_set_addr(link, mac);
    if (spec->mtu > 0)
        rtnl_link_set_mtu(link, spec->mtu);
    if ((rc = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL)) < 0)
        return fail(err, ERR_SYSTEM, "cannot make bridge '%s': %s", spec->name, nl_geterror(rc));
    return give_alias(spec, err) && bridge_tune(spec, err);
}

gboolean
link_has_mac(const char *name, const guint8 mac[6])
{
    g_autoptr(NlSock) sock = open_route(NULL);
    g_autoptr(NlLink) link = NULL;
    struct nl_addr *have;

    if (!sock || rtnl_link_get_kernel(sock, 0, name, &link) < 0)
        return FALSE;
    have = rtnl_link_get_addr(link);
    return have && nl_addr_get_len(have) == 6 && memcmp(nl_addr_get_binary_addr(have), mac, 6) == 0;
}

gboolean
bridge_delete(const char *name, const guint8 mac[6], GError **err)
{
    g_autoptr(NlSock) sock = NULL;
    g_autoptr(NlLink) link = NULL;
    int rc;

    if (!link_has_mac(name, mac))
        return TRUE;
    if (!(sock = open_route(err)))
        return FALSE;
    link = rtnl_link_alloc();
    rtnl_link_set_name(link, name);
    rc = rtnl_link_delete(sock, link);
    if (rc < 0 && link_has_mac(name, mac))
        return fail(err, ERR_SYSTEM, "cannot delete bridge '%s': %s", name, nl_geterror(rc));
    return TRUE;
}

static gboolean
change_link(const char *name, NlLink *change, const char *what, GError **err)
{
    g_autoptr(NlSock) sock = open_route(err);
    g_autoptr(NlLink) old = NULL;
    int rc;

    if (!sock)
        return FALSE;
    if ((rc = rtnl_link_get_kernel(sock, 0, name, &old)) < 0)
        return fail(err, ERR_SYSTEM, "cannot find link '%s': %s", name, nl_geterror(rc));
    if ((rc = rtnl_link_change(sock, old, change, 0)) < 0)
        return fail(err, ERR_SYSTEM, "cannot %s link '%s': %s", what, name, nl_geterror(rc));
    return TRUE;
}

gboolean
link_set_up(const char *name, GError **err)
{
    g_autoptr(NlLink) change = rtnl_link_alloc();

    rtnl_link_set_flags(change, IFF_UP);
    return change_link(name, change, "set up", err);
}

gboolean
link_set_mac(const char *name, const guint8 mac[6], GError **err)
{
    g_autoptr(NlLink) change = rtnl_link_alloc();
    g_autoptr(NlAddr) address = nl_addr_build(AF_LLC, mac, 6);

    rtnl_link_set_addr(change, address);
    return change_link(name, change, "give its MAC address to", err);
}

gboolean
link_set_mtu(const char *name, guint mtu, GError **err)
{
    g_autoptr(NlLink) change = rtnl_link_alloc();

    rtnl_link_set_mtu(change, mtu);
    return change_link(name, change, "give its MTU to", err);
}

gboolean
link_rename(const char *name, const char *new_name, GError **err)
{
    g_autoptr(NlLink) down = rtnl_link_alloc(), change = rtnl_link_alloc();

    rtnl_link_unset_flags(down, IFF_UP);
    rtnl_link_set_name(change, new_name);
    return change_link(name, down, "set down", err) && change_link(name, change, "rename", err);
}

/* ---- addresses and routes */

static NlAddr *
parse_address(const char *text, guint prefix, GError **err)
{
    NlAddr *address = NULL;
    int rc = nl_addr_parse(text, AF_UNSPEC, &address);

    if (rc < 0) {
        fail(err, ERR_INVALID_ARG, "'%s' is no address: %s", text, nl_geterror(rc));
        return NULL;
    }
    nl_addr_set_prefixlen(address, (int)prefix);
    return address;
}

/* The address after the last of its network, for IPv4. */
static NlAddr *
broadcast_of(const NlAddr *address)
{
    guint prefix = nl_addr_get_prefixlen(address);
    guint32 bits;

    if (nl_addr_get_family(address) != AF_INET || prefix > 30)
        return NULL;
    memcpy(&bits, nl_addr_get_binary_addr(address), sizeof bits);
    bits |= g_htonl(prefix ? G_MAXUINT32 >> prefix : G_MAXUINT32);
    return nl_addr_build(AF_INET, &bits, sizeof bits);
}

gboolean
link_add_address(const char *name, const char *text, guint prefix, GError **err)
{
    g_autoptr(NlSock) sock = open_route(err);
    g_autoptr(NlAddr) local = sock ? parse_address(text, prefix, err) : NULL, broadcast = NULL;
    g_autoptr(NlAddress) address = rtnl_addr_alloc();
    int rc;

    if (!local)
        return FALSE;
    rtnl_addr_set_ifindex(address, (int)if_nametoindex(name));
    rtnl_addr_set_local(address, local);
    if ((broadcast = broadcast_of(local)))
        rtnl_addr_set_broadcast(address, broadcast);
    if (nl_addr_get_family(local) == AF_INET6)
        rtnl_addr_set_flags(address, IFA_F_NODAD); /* nobody else is on a bridge that we made */
    rc = rtnl_addr_add(sock, address, 0);
    return rc >= 0 || rc == -NLE_EXIST ||
           fail(err, ERR_SYSTEM, "cannot give '%s' the address %s/%u: %s", name, text, prefix,
                nl_geterror(rc));
}

/* The kernel takes no address of a network that has bits beyond its prefix. */
static void
clear_host_bits(NlAddr *net)
{
    guint8 *bytes = nl_addr_get_binary_addr(net);
    guint bits = nl_addr_get_prefixlen(net);

    for (guint i = bits; i < nl_addr_get_len(net) * 8; i++)
        bytes[i / 8] &= (guint8) ~(0x80 >> i % 8);
}

static NlAddr *
whole_address(const char *text, GError **err)
{
    NlAddr *address = parse_address(text, 0, err);

    if (address)
        nl_addr_set_prefixlen(address, (int)nl_addr_get_len(address) * 8);
    return address;
}

gboolean
link_add_route(const char *name, const RouteSpec *spec, GError **err)
{
    g_autoptr(NlSock) sock = open_route(err);
    g_autoptr(NlAddr) to = sock ? parse_address(spec->to, spec->prefix, err) : NULL;
    g_autoptr(NlAddr) gateway = NULL, from = NULL;
    g_autoptr(NlRoute) route = rtnl_route_alloc();
    struct rtnl_nexthop *hop;
    int rc;

    if (!to || (spec->gateway && !(gateway = whole_address(spec->gateway, err))) ||
        (spec->from && !(from = whole_address(spec->from, err))))
        return FALSE;
    clear_host_bits(to);
    rtnl_route_set_family(route, (guint8)nl_addr_get_family(to));
    rtnl_route_set_dst(route, to);
    rtnl_route_set_scope(route, gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    if (spec->metric)
        rtnl_route_set_priority(route, spec->metric);
    if (from)
        rtnl_route_set_pref_src(route, from);
    if (!gateway)
        rtnl_route_set_protocol(route, RTPROT_KERNEL); /* as it comes with an address */
    hop = rtnl_route_nh_alloc();
    if (gateway)
        rtnl_route_nh_set_gateway(hop, gateway);
    rtnl_route_nh_set_ifindex(hop, (int)if_nametoindex(name));
    rtnl_route_add_nexthop(route, hop);
    rc = rtnl_route_add(sock, route, 0);
    return rc >= 0 || rc == -NLE_EXIST ||
           fail(err, ERR_SYSTEM, "cannot route %s/%u by %s: %s", spec->to, spec->prefix,
                spec->gateway ? spec->gateway : name, nl_geterror(rc));
}

/* ---- what the host has already */

typedef struct Overlap {
    const NlAddr *net;
    const char *except; /* a link that does not count */
    char *link;
} Overlap;

static gboolean
prefixes_meet(const NlAddr *a, const NlAddr *b)
{
    g_autoptr(NlAddr) x = nl_addr_clone(a), y = nl_addr_clone(b);
    guint bits = MIN(nl_addr_get_prefixlen(a), nl_addr_get_prefixlen(b));

    if (nl_addr_get_family(a) != nl_addr_get_family(b) || bits == 0)
        return FALSE;
    nl_addr_set_prefixlen(x, (int)bits);
    nl_addr_set_prefixlen(y, (int)bits);
    return nl_addr_cmp_prefix(x, y) == 0;
}

static void
look_at_address(struct nl_object *o, void *user)
{
    Overlap *overlap = user;
    struct rtnl_addr *address = (struct rtnl_addr *)o;
    struct nl_addr *local = rtnl_addr_get_local(address);
    char name[IFNAMSIZ] = "";

    if (overlap->link || !local || !prefixes_meet(local, overlap->net))
        return;
    if (if_indextoname((guint)rtnl_addr_get_ifindex(address), name) &&
        g_strcmp0(name, overlap->except) != 0)
        overlap->link = g_strdup(name);
}

char *
link_with_network(const char *address, guint prefix, const char *except)
{
    g_autoptr(NlSock) sock = open_route(NULL);
    g_autoptr(NlAddr) net = sock ? parse_address(address, prefix, NULL) : NULL;
    Overlap overlap = { net, except, NULL };
    struct nl_cache *cache;

    if (!net || rtnl_addr_alloc_cache(sock, &cache) < 0)
        return NULL;
    nl_cache_foreach(cache, look_at_address, &overlap);
    nl_cache_free(cache);
    return overlap.link;
}
