/* Links of the host through rtnetlink. Every call is one short request to the kernel. */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* libnl's headers know nothing of GLib's cleanup. */
typedef struct nl_sock NlSock;
typedef struct rtnl_link NlLink;
typedef struct nl_cache NlCache;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlSock, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlCache, nl_cache_free)

static NlSock *
route_open(GError **err)
{
    g_autoptr(NlSock) sock = nl_socket_alloc();
    int rc = nl_connect(sock, NETLINK_ROUTE);

    if (rc < 0) {
        fail(err, ERR_SYSTEM, "cannot reach the kernel's routes: %s", nl_geterror(rc));
        return NULL;
    }
    return g_steal_pointer(&sock);
}

gboolean
link_exists(const char *name)
{
    return if_nametoindex(name) > 0;
}

static gboolean
tap_open_queue(const TapSpec *spec, const char *name, char ret_name[IFNAMSIZ], GArray *fds,
               GError **err)
{
    struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    fd_auto fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fail_errno(err, errno, "cannot open /dev/net/tun");
    if (spec->vnet_hdr)
        req.ifr_flags |= IFF_VNET_HDR;
    if (spec->queues > 1)
        req.ifr_flags |= IFF_MULTI_QUEUE;
    g_strlcpy(req.ifr_name, name, IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &req) < 0)
        return fail_errno(err, errno, "cannot make tap '%s'", name);
    g_strlcpy(ret_name, req.ifr_name, IFNAMSIZ);
    g_array_append_val(fds, fd);
    fd_steal(&fd);
    return TRUE;
}

static guint
bridge_mtu(NlSock *sock, const char *bridge)
{
    g_autoptr(NlLink) link = NULL;

    return rtnl_link_get_kernel(sock, 0, bridge, &link) == 0 ? rtnl_link_get_mtu(link) : 0;
}

/* Master, address, mtu and "up" in one request. */
static gboolean
tap_set_up(const TapSpec *spec, const char *name, GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    g_autoptr(NlLink) old = NULL, change = rtnl_link_alloc();
    guint mtu = spec->mtu;
    int rc;

    if (!sock)
        return FALSE;
    if ((rc = rtnl_link_get_kernel(sock, 0, name, &old)) < 0)
        return fail(err, ERR_SYSTEM, "cannot find link '%s': %s", name, nl_geterror(rc));
    if (spec->bridge) {
        unsigned int master = if_nametoindex(spec->bridge);
        if (master == 0)
            return fail(err, ERR_SYSTEM, "cannot get interface MTU on '%s': No such device",
                        spec->bridge);
        rtnl_link_set_master(change, (int)master);
        if (mtu == 0)
            mtu = bridge_mtu(sock, spec->bridge);
    }
    if (spec->mac) {
        guint8 mac[6];
        struct nl_addr *addr;
        memcpy(mac, spec->mac, sizeof mac);
        mac[0] = 0xfe;
        addr = nl_addr_build(AF_LLC, mac, sizeof mac);
        rtnl_link_set_addr(change, addr);
        nl_addr_put(addr);
    }
    if (mtu > 0)
        rtnl_link_set_mtu(change, mtu);
    rtnl_link_set_flags(change, IFF_UP);
    if ((rc = rtnl_link_change(sock, old, change, 0)) < 0)
        return fail(err, ERR_SYSTEM, "cannot set up link '%s'%s%s: %s", name,
                    spec->bridge ? " in bridge " : "", spec->bridge ? spec->bridge : "",
                    nl_geterror(rc));
    return TRUE;
}

gboolean
tap_create(const TapSpec *spec, char **ret_name, GArray *fds, GError **err)
{
    char name[IFNAMSIZ];

    g_strlcpy(name, spec->name, sizeof name);
    for (guint i = 0; i < MAX(spec->queues, 1); i++)
        if (!tap_open_queue(spec, name, name, fds, err))
            return FALSE;
    if (!spec->existing && !tap_set_up(spec, name, err))
        return FALSE;
    *ret_name = g_strdup(name);
    return TRUE;
}

gboolean
tap_delete(const char *name, GError **err)
{
    g_autoptr(NlSock) sock = NULL;
    g_autoptr(NlLink) link = NULL;
    int rc;

    if (!link_exists(name))
        return TRUE;
    if (!(sock = route_open(err)))
        return FALSE;
    link = rtnl_link_alloc();
    rtnl_link_set_name(link, name);
    rc = rtnl_link_delete(sock, link);
    if (rc < 0 && link_exists(name))
        return fail(err, ERR_SYSTEM, "cannot delete link '%s': %s", name, nl_geterror(rc));
    return TRUE;
}

gboolean
link_stats(const char *name, LinkStats *ret_stats, GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    g_autoptr(NlLink) link = NULL;
    int rc;

    if (!sock)
        return FALSE;
    if ((rc = rtnl_link_get_kernel(sock, 0, name, &link)) < 0)
        return fail(err, ERR_SYSTEM, "cannot find link '%s': %s", name, nl_geterror(rc));
    *ret_stats = (LinkStats){
        .rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES),
        .rx_packets = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS),
        .rx_errs = rtnl_link_get_stat(link, RTNL_LINK_RX_ERRORS),
        .rx_drop = rtnl_link_get_stat(link, RTNL_LINK_RX_DROPPED),
        .tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES),
        .tx_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS),
        .tx_errs = rtnl_link_get_stat(link, RTNL_LINK_TX_ERRORS),
        .tx_drop = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED),
    };
    return TRUE;
}

/* ---- neighbours */

typedef struct Neighbours {
    const guint8 *mac;
    GPtrArray *found;
} Neighbours;

static void
take_neighbour(struct nl_object *o, void *user)
{
    Neighbours *n = user;
    struct rtnl_neigh *neighbour = (struct rtnl_neigh *)o;
    struct nl_addr *link = rtnl_neigh_get_lladdr(neighbour);
    struct nl_addr *address = rtnl_neigh_get_dst(neighbour);
    char text[64], *slash;

    if (!link || !address || nl_addr_get_len(link) != 6 ||
        memcmp(nl_addr_get_binary_addr(link), n->mac, 6) != 0)
        return;
    nl_addr2str(address, text, sizeof(text));
    if ((slash = strchr(text, '/')))
        *slash = '\0';
    g_ptr_array_add(n->found, g_strdup(text));
}

GPtrArray *
neighbours_of(const guint8 mac[6], GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    g_autoptr(NlCache) cache = NULL;
    Neighbours n = { .mac = mac };
    int rc;

    if (!sock)
        return NULL;
    if ((rc = rtnl_neigh_alloc_cache(sock, &cache)) < 0) {
        fail(err, ERR_SYSTEM, "cannot list the host's neighbours: %s", nl_geterror(rc));
        return NULL;
    }
    n.found = g_ptr_array_new_with_free_func(g_free);
    nl_cache_foreach(cache, take_neighbour, &n);
    return n.found;
}
