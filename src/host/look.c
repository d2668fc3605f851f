/* All links of the host and their addresses, as of one moment: for who wants to know of many. */
#include "host.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <string.h>

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

static void
take_link(struct nl_object *o, void *user)
{
    HostLinks *all = user;
    struct rtnl_link *link = (struct rtnl_link *)o;
    struct nl_addr *mac = rtnl_link_get_addr(link);
    HostLink *seen = g_new0(HostLink, 1);

    seen->index = (guint)rtnl_link_get_ifindex(link);
    seen->master = (guint)MAX(rtnl_link_get_master(link), 0);
    seen->up = (rtnl_link_get_flags(link) & IFF_UP) != 0;
    seen->is_tap = g_strcmp0(rtnl_link_get_type(link), "tun") == 0;
    if (mac && nl_addr_get_len(mac) == sizeof seen->mac)
        memcpy(seen->mac, nl_addr_get_binary_addr(mac), sizeof seen->mac);
    g_hash_table_replace(all->links, g_strdup(rtnl_link_get_name(link)), seen);
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
    struct nl_cache *links = NULL, *addresses = NULL;
    HostLinks *all = g_new0(HostLinks, 1);
    int rc = nl_connect(sock, NETLINK_ROUTE);

    all->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    all->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (rc >= 0 && (rc = rtnl_link_alloc_cache(sock, AF_UNSPEC, &links)) >= 0 &&
        (rc = rtnl_addr_alloc_cache(sock, &addresses)) >= 0) {
        nl_cache_foreach(links, take_link, all);
        nl_cache_foreach(addresses, take_address, all);
    }
    nl_cache_free(links);
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
