/* All links of the host and their addresses, as of one moment, and the routes by one of them: for
 * who wants to know of many. Of links what libnl has no word for is wanted too (ports of bridges),
 * so their messages are read here. */
#include "host.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <string.h>
#include <sys/socket.h>

struct HostLinks {
    GHashTable *links;     /* name: HostLink */
    GHashTable *addresses; /* "INDEX ADDRESS/BITS" */
};

static char *
address_key(guint index, const struct nl_addr *address, guint bits)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(nl_addr_get_family(address), nl_addr_get_binary_addr(address), text, sizeof text);
    return g_strdup_printf("%u %s/%u", index, text, bits);
}

/* ---- links */

static guint
get_u8(struct nlattr *a, guint otherwise)
{
    return a && nla_len(a) >= 1 ? nla_get_u8(a) : otherwise;
}

static guint32
get_u32(struct nlattr *a)
{
    return a && nla_len(a) >= 4 ? nla_get_u32(a) : 0;
}

/* What a bridge says of its port; what a kernel does not say is as it was made. */
static void
take_port(HostLink *seen, struct nlattr *data)
{
    struct nlattr *port[IFLA_BRPORT_MAX + 1];
    static const int flags[] = { IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD,
                                 IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD };

    if (!data || nla_parse_nested(port, IFLA_BRPORT_MAX, data, NULL) < 0)
        return;
    seen->isolated = get_u8(port[IFLA_BRPORT_ISOLATED], 0) != 0;
    seen->deaf = get_u8(port[IFLA_BRPORT_STATE], BR_STATE_FORWARDING) == BR_STATE_DISABLED;
    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++)
        seen->deaf |= get_u8(port[flags[i]], 1) == 0;
}

static void
take_bridge(HostLink *seen, struct nlattr *data)
{
    struct nlattr *bridge[IFLA_BR_MAX + 1];

    if (!data || nla_parse_nested(bridge, IFLA_BR_MAX, data, NULL) < 0)
        return;
    seen->stp = get_u32(bridge[IFLA_BR_STP_STATE]) != 0;
    seen->vlan_filtering = get_u8(bridge[IFLA_BR_VLAN_FILTERING], 0) != 0;
}

static void
take_info(HostLink *seen, struct nlattr *data)
{
    struct nlattr *info[IFLA_INFO_MAX + 1];

    if (!data || nla_parse_nested(info, IFLA_INFO_MAX, data, NULL) < 0)
        return;
    if (info[IFLA_INFO_KIND]) {
        seen->is_tap = nla_strcmp(info[IFLA_INFO_KIND], "tun") == 0;
        seen->is_bridge = nla_strcmp(info[IFLA_INFO_KIND], "bridge") == 0;
    }
    if (seen->is_bridge)
        take_bridge(seen, info[IFLA_INFO_DATA]);
    if (info[IFLA_INFO_SLAVE_KIND] && nla_strcmp(info[IFLA_INFO_SLAVE_KIND], "bridge") == 0)
        take_port(seen, info[IFLA_INFO_SLAVE_DATA]);
}

static int
take_link(struct nl_msg *msg, void *user)
{
    HostLinks *all = user;
    struct nlmsghdr *h = nlmsg_hdr(msg);
    const struct ifinfomsg *head;
    struct nlattr *a[IFLA_MAX + 1];
    HostLink *seen;

    if (h->nlmsg_type != RTM_NEWLINK || nlmsg_parse(h, sizeof *head, a, IFLA_MAX, NULL) < 0 ||
        !a[IFLA_IFNAME])
        return NL_OK;
    head = nlmsg_data(h);
    seen = g_new0(HostLink, 1);
    seen->index = (guint)head->ifi_index;
    seen->up = (head->ifi_flags & IFF_UP) != 0;
    seen->master = get_u32(a[IFLA_MASTER]);
    seen->mtu = get_u32(a[IFLA_MTU]);
    if (a[IFLA_ADDRESS] && nla_len(a[IFLA_ADDRESS]) == sizeof seen->mac)
        memcpy(seen->mac, nla_data(a[IFLA_ADDRESS]), sizeof seen->mac);
    if (a[IFLA_IFALIAS])
        g_strlcpy(seen->alias, nla_get_string(a[IFLA_IFALIAS]), sizeof seen->alias);
    take_info(seen, a[IFLA_LINKINFO]);
    g_strlcpy(seen->name, nla_get_string(a[IFLA_IFNAME]), sizeof seen->name);
    g_hash_table_replace(all->links, seen->name, seen);
    return NL_OK;
}

/* A list of the kernel's, as messages; flags of its socket may be set before. */
static int
dump(struct nl_sock *sock, int type, void *head, gsize len, nl_recvmsg_msg_cb_t each, gpointer user)
{
    int rc = nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, each, user);

    if (rc >= 0 && (rc = nl_send_simple(sock, type, NLM_F_DUMP, head, len)) >= 0)
        rc = nl_recvmsgs_default(sock);
    return rc;
}

static void
take_address(struct nl_object *o, void *user)
{
    HostLinks *all = user;
    struct rtnl_addr *address = (struct rtnl_addr *)o;
    struct nl_addr *local = rtnl_addr_get_local(address);

    if (local)
        g_hash_table_add(all->addresses, address_key((guint)rtnl_addr_get_ifindex(address), local,
                                                     nl_addr_get_prefixlen(local)));
}

HostLinks *
host_links_look(GError **err)
{
    struct nl_sock *sock = nl_socket_alloc();
    struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
    struct nl_cache *addresses = NULL;
    HostLinks *all = g_new0(HostLinks, 1);
    int rc = nl_connect(sock, NETLINK_ROUTE);

    all->links = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    all->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (rc >= 0 && (rc = rtnl_addr_alloc_cache(sock, &addresses)) >= 0) {
        nl_cache_foreach(addresses, take_address, all);
        rc = dump(sock, RTM_GETLINK, &head, sizeof head, take_link, all);
    }
    nl_cache_free(addresses);
    nl_socket_free(sock);
    if (rc >= 0)
        return all;
    host_links_free(all);
    fail(err, ERR_SYSTEM, "cannot list the host's links: %s", nl_geterror(rc));
    return NULL;
}

void
host_links_free(HostLinks *all)
{
    if (!all)
        return;
    g_hash_table_unref(all->links);
    g_hash_table_unref(all->addresses);
    g_free(all);
}

const HostLink *
host_links_find(const HostLinks *all, const char *name)
{
    return g_hash_table_lookup(all->links, name);
}

const HostLink *
host_links_find_alias(const HostLinks *all, const char *alias)
{
    GHashTableIter at;
    gpointer link;

    g_hash_table_iter_init(&at, all->links);
    while (g_hash_table_iter_next(&at, NULL, &link))
        if (strcmp(((HostLink *)link)->alias, alias) == 0)
            return link;
    return NULL;
}

gboolean
host_links_has_address(const HostLinks *all, const HostLink *link, const char *address, guint bits)
{
    struct nl_addr *local = NULL;
    gboolean has;

    if (nl_addr_parse(address, AF_UNSPEC, &local) < 0)
        return FALSE;
    {
        g_autofree char *key = address_key(link->index, local, bits);
        has = g_hash_table_contains(all->addresses, key);
    }
    nl_addr_put(local);
    return has;
}

/* ---- routes */

typedef struct RouteLook {
    guint index;
    GHashTable *found;
} RouteLook;

static char *
route_key(int family, const void *to, guint bits, const void *gateway, guint metric)
{
    guint8 net[16] = { 0 };
    char to_text[INET6_ADDRSTRLEN] = "", by[INET6_ADDRSTRLEN] = "-";
    guint most = family == AF_INET6 ? 128 : 32;

    if (to)
        memcpy(net, to, most / 8);
    for (guint i = 0; i < most; i++)
        if (i >= bits)
            net[i / 8] &= (guint8) ~(0x80 >> i % 8);
    inet_ntop(family, net, to_text, sizeof to_text);
    if (gateway)
        inet_ntop(family, gateway, by, sizeof by);
    return g_strdup_printf("%s/%u %s %u", to_text, bits, by, metric);
}

static int
take_route(struct nl_msg *msg, void *user)
{
    RouteLook *look = user;
    struct nlmsghdr *h = nlmsg_hdr(msg);
    const struct rtmsg *head;
    struct nlattr *a[RTA_MAX + 1];
    const void *to, *by;

    if (h->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(h, sizeof *head, a, RTA_MAX, NULL) < 0 ||
        get_u32(a[RTA_OIF]) != look->index)
        return NL_OK;
    head = nlmsg_data(h);
    if (head->rtm_table != RT_TABLE_MAIN || head->rtm_type != RTN_UNICAST)
        return NL_OK;
    to = a[RTA_DST] ? nla_data(a[RTA_DST]) : NULL;
    by = a[RTA_GATEWAY] ? nla_data(a[RTA_GATEWAY]) : NULL;
    g_hash_table_add(look->found, route_key(head->rtm_family, to, head->rtm_dst_len, by, 0));
    g_hash_table_add(look->found, route_key(head->rtm_family, to, head->rtm_dst_len, by,
                                            get_u32(a[RTA_PRIORITY])));
    return NL_OK;
}

/* The kernel picks them by the link; one that cannot lists all of its routes. */
static int
dump_routes(struct nl_sock *sock, int family, RouteLook *look)
{
    struct {
        struct rtmsg head;
        struct nlattr oif;
        guint32 index;
    } ask = { .head = { .rtm_family = (guint8)family },
              .oif = { NLA_HDRLEN + sizeof(guint32), RTA_OIF },
              .index = look->index };
    const int on = 1;

    setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    return dump(sock, RTM_GETROUTE, &ask, sizeof ask, take_route, look);
}

HostRoutes *
host_routes_look(guint index, GError **err)
{
    struct nl_sock *sock = nl_socket_alloc();
    RouteLook look = { index, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) };
    static const int families[] = { AF_INET, AF_INET6 };
    int rc = nl_connect(sock, NETLINK_ROUTE);

    for (gsize i = 0; i < G_N_ELEMENTS(families) && rc >= 0; i++)
        rc = dump_routes(sock, families[i], &look);
    nl_socket_free(sock);
    if (rc >= 0 || rc == -NLE_OBJ_NOTFOUND)
        return look.found;
    g_hash_table_unref(look.found);
    fail(err, ERR_SYSTEM, "cannot list the host's routes: %s", nl_geterror(rc));
    return NULL;
}

void
host_routes_free(HostRoutes *all)
{
    g_hash_table_unref(all);
}

gboolean
host_routes_have(HostRoutes *all, const RouteSpec *spec)
{
    guint8 to[16], gateway[16];
    int family = strchr(spec->to, ':') ? AF_INET6 : AF_INET;
    g_autofree char *key = NULL;

    if (inet_pton(family, spec->to, to) != 1 ||
        (spec->gateway && inet_pton(family, spec->gateway, gateway) != 1))
        return FALSE;
    key = route_key(family, to, spec->prefix, spec->gateway ? gateway : NULL, spec->metric);
    return g_hash_table_contains(all, key);
}
