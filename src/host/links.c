/* Links of the host through rtnetlink. Every call is one short request to the kernel. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
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

/* exclusive: for the first queue, when the link must not exist yet. */
static gboolean
tap_open_queue(const TapSpec *spec, gboolean exclusive, char name[IFNAMSIZ], GArray *fds,
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
    if (exclusive)
        req.ifr_flags |= IFF_TUN_EXCL;
    g_strlcpy(req.ifr_name, name, IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &req) < 0) {
        if (exclusive && errno == EBUSY)
            return fail(err, ERR_OPERATION_INVALID, "The %s interface already exists", name);
        return fail_errno(err, errno,
                          errno != EPERM ? spec->existing ? "cannot open link '%s' as a tap"
                                                          : "cannot make tap '%s'"
                                         : "tap '%s': bridges and taps need root; in a session use "
                                           "<interface type='user'>",
                          name);
    }
    g_strlcpy(name, req.ifr_name, IFNAMSIZ);
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

/* Alias, master, address, mtu and (mostly) "up" in one request. */
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
            return fail(
                err, ERR_SYSTEM,
                "bridge '%s' does not exist; make it, or name another in <source bridge=''>",
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
    if (spec->alias)
        rtnl_link_set_ifalias(change, spec->alias);
    if (mtu > 0)
        rtnl_link_set_mtu(change, mtu);
    if (!spec->down)
        rtnl_link_set_flags(change, IFF_UP);
    if ((rc = rtnl_link_change(sock, old, change, 0)) < 0)
        return fail(err, ERR_SYSTEM, "cannot set up link '%s'%s%s: %s", name,
                    spec->bridge ? " in bridge " : "", spec->bridge ? spec->bridge : "",
                    nl_geterror(rc));
    return TRUE;
}

char *
link_bridge(const char *name)
{
    g_autoptr(NlSock) sock = route_open(NULL);
    g_autoptr(NlLink) link = NULL;
    char bridge[IFNAMSIZ] = "";

    if (!sock || rtnl_link_get_kernel(sock, 0, name, &link) < 0 || !rtnl_link_get_master(link))
        return NULL;
    return if_indextoname((unsigned)rtnl_link_get_master(link), bridge) ? g_strdup(bridge) : NULL;
}

gboolean
link_set_bridge(const char *name, const char *bridge, GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    g_autoptr(NlLink) old = NULL, change = rtnl_link_alloc();
    unsigned int master = bridge ? if_nametoindex(bridge) : 0;
    int rc;

    if (!sock)
        return FALSE;
    if (bridge && master == 0)
        return fail(err, ERR_SYSTEM, "cannot put link '%s' into bridge '%s': No such device", name,
                    bridge);
    rtnl_link_set_master(change, (int)master);
    if ((rc = rtnl_link_get_kernel(sock, 0, name, &old)) < 0 ||
        (rc = rtnl_link_change(sock, old, change, 0)) < 0)
        return fail(err, ERR_SYSTEM, "cannot put link '%s' into bridge '%s': %s", name,
                    bridge ? bridge : "", nl_geterror(rc));
    return TRUE;
}

typedef struct PortFlag {
    int attribute;
    guint8 value;
} PortFlag;

/* libnl has no word for some of them yet. */
static gboolean
port_set(const char *name, const PortFlag *flags, gsize n, GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    struct ifinfomsg port = { .ifi_family = AF_BRIDGE, .ifi_index = (int)if_nametoindex(name) };
    struct nl_msg *msg = sock ? nlmsg_alloc_simple(RTM_SETLINK, 0) : NULL;
    struct nlattr *inside;
    int rc;

    if (!sock)
        return FALSE;
    nlmsg_append(msg, &port, sizeof port, NLMSG_ALIGNTO);
    inside = nla_nest_start(msg, IFLA_PROTINFO | NLA_F_NESTED);
    for (gsize i = 0; i < n; i++)
        nla_put_u8(msg, flags[i].attribute, flags[i].value);
    nla_nest_end(msg, inside);
    rc = nl_send_sync(sock, msg); /* frees msg */
    return rc >= 0 || fail(err, ERR_SYSTEM, "cannot set up port '%s' of its bridge: %s", name,
                           nl_geterror(rc));
}

gboolean
port_isolate(const char *name, GError **err)
{
    const PortFlag flag = { IFLA_BRPORT_ISOLATED, 1 };

    return port_set(name, &flag, 1, err);
}

/* The state is the spanning tree's own where there is one, and told to be tried alone. */
gboolean
port_reset(const char *name, gboolean isolated, GError **err)
{
    const PortFlag flags[] = { { IFLA_BRPORT_ISOLATED, isolated != FALSE },
                               { IFLA_BRPORT_LEARNING, 1 },
                               { IFLA_BRPORT_UNICAST_FLOOD, 1 },
                               { IFLA_BRPORT_MCAST_FLOOD, 1 },
                               { IFLA_BRPORT_BCAST_FLOOD, 1 } };
    const PortFlag state = { IFLA_BRPORT_STATE, BR_STATE_FORWARDING };

    port_set(name, &state, 1, NULL);
    return port_set(name, flags, G_N_ELEMENTS(flags), err);
}

/* How many frames the tap gathers before it tells the host's stack of them. */
static gboolean
tap_coalesce(const char *name, guint frames, GError **err)
{
    fd_auto fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
    struct ifreq req = { .ifr_data = (void *)&c };

    g_strlcpy(req.ifr_name, name, IFNAMSIZ);
    if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &req) == 0) {
        c.cmd = ETHTOOL_SCOALESCE;
        c.rx_max_coalesced_frames = frames;
        if (ioctl(fd, SIOCETHTOOL, &req) == 0)
            return TRUE;
    }
    return fail_errno(err, errno, "cannot set 'coalesce' of link '%s'", name);
}

/* ---- names that are counted */

#define COUNTED "vnet"

static guint last_counted = G_MAXUINT;

void
tap_name_used(const char *name)
{
    guint64 number;

    if (!name || !g_str_has_prefix(name, COUNTED) ||
        !g_ascii_string_to_unsigned(name + strlen(COUNTED), 10, 0, G_MAXINT32, &number, NULL))
        return;
    if (last_counted == G_MAXUINT || number > last_counted)
        last_counted = (guint)number;
}

/* The next one that is free. A name is not used again soon: whoever still speaks of the link that
 * had it (a log, a filter, somebody's script) does not mean the new one. */
static gboolean
open_counted(const TapSpec *spec, char name[IFNAMSIZ], GArray *fds, GError **err)
{
    for (guint tries = 0; tries < 100000; tries++) {
        g_autoptr(GError) why = NULL;

        last_counted = (last_counted + 1) & G_MAXINT32;
        g_snprintf(name, IFNAMSIZ, COUNTED "%u", last_counted);
        if (link_exists(name) || claim_find(CLAIM_LINK, name))
            continue;
        if (tap_open_queue(spec, TRUE, name, fds, &why))
            return TRUE;
        if (!error_is(why, ERR_OPERATION_INVALID)) {
            g_propagate_error(err, g_steal_pointer(&why));
            return FALSE;
        }
    }
    return fail(err, ERR_SYSTEM, "every name from " COUNTED "0 on is taken");
}

/* ---- taps */

static gboolean
open_first(const TapSpec *spec, char name[IFNAMSIZ], GArray *fds, GError **err)
{
    if (!spec->name)
        return open_counted(spec, name, fds, err);
    if (strlen(spec->name) >= IFNAMSIZ)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "link name '%s' is too long: %zu characters, Linux has %d", spec->name,
                    strlen(spec->name), IFNAMSIZ - 1);
    g_strlcpy(name, spec->name, IFNAMSIZ);
    if (spec->existing && !link_exists(name))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "target managed='no' but there is no link '%s'; make it first", name);
    return tap_open_queue(spec, !spec->existing, name, fds, err);
}

gboolean
tap_create(const TapSpec *spec, char **ret_name, guint *ret_index, GArray *fds, GError **err)
{
    char name[IFNAMSIZ];
    guint index;

    if (!open_first(spec, name, fds, err))
        return FALSE;
    for (guint i = 1; i < spec->queues; i++)
        if (!tap_open_queue(spec, FALSE, name, fds, err))
            return FALSE;
    if (!spec->existing && !tap_set_up(spec, name, err))
        return FALSE;
    index = if_nametoindex(name);
    if (index == 0)
        return fail_errno(err, errno, "link '%s'", name);
    if ((spec->isolated && !port_isolate(name, err)) ||
        (spec->coalesce > 0 && !tap_coalesce(name, spec->coalesce, err)))
        return FALSE;
    *ret_name = g_strdup(name);
    *ret_index = index;
    return TRUE;
}

/* ---- a tap that was deleted under its user */

typedef struct Orphans {
    pid_t pid;
    GArray *fds; /* copies of descriptors of taps that have none; int */
} Orphans;

/* A descriptor of the tun driver whose link is gone is free to be given another one. */
static void
take_orphan(pid_t pid, int fd, const char *target, gpointer user)
{
    Orphans *o = user;
    struct ifreq req = { 0 };
    int process, copy;

    if (strcmp(target, "/dev/net/tun") != 0)
        return;
    process = pidfd_open(pid, 0);
    copy = process < 0 ? -1 : pidfd_getfd(process, fd, 0);
    fd_close(&process);
    if (copy < 0 || ioctl(copy, TUNGETIFF, &req) == 0)
        fd_close(&copy);
    else
        g_array_append_val(o->fds, copy);
}

/* Of the largest header that virtio knows: guests of today have that. What a guest may be sent in
 * one piece it has told the old link; so it is sent small pieces. */
static gboolean
adopt_orphan(const TapSpec *spec, int fd, GError **err)
{
    enum { VNET_HEADER = 12 };
    struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    const int size = VNET_HEADER;

    if (spec->vnet_hdr)
        req.ifr_flags |= IFF_VNET_HDR;
    if (spec->queues > 1)
        req.ifr_flags |= IFF_MULTI_QUEUE;
    g_strlcpy(req.ifr_name, spec->name, IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &req) < 0)
        return fail_errno(err, errno, "cannot make tap '%s' again", spec->name);
    return !spec->vnet_hdr || ioctl(fd, TUNSETVNETHDRSZ, &size) == 0 ||
           fail_errno(err, errno, "cannot set the header of tap '%s'", spec->name);
}

gboolean
tap_revive(const TapSpec *spec, pid_t pid, guint *ret_index, GError **err)
{
    Orphans o = { pid, g_array_new(FALSE, FALSE, sizeof(int)) };
    guint queues = MAX(spec->queues, 1);
    gboolean ok = TRUE;

    proc_each_fd(pid, take_orphan, &o);
    if (o.fds->len != queues) /* with more, nobody knows whose they are */
        ok = fail(err, ERR_OPERATION_FAILED,
                  "tap '%s' was deleted, and its user has %u descriptors without a link, not %u: "
                  "stop and start the domain, or detach and attach the interface",
                  spec->name, o.fds->len, queues);
    for (guint i = 0; ok && i < o.fds->len; i++)
        ok = adopt_orphan(spec, g_array_index(o.fds, int, i), err);
    for (guint i = 0; i < o.fds->len; i++)
        fd_close(&g_array_index(o.fds, int, i));
    g_array_unref(o.fds);
    if (ok)
        ok = tap_set_up(spec, spec->name, err) &&
             (!spec->isolated || port_isolate(spec->name, err)) &&
             (spec->coalesce == 0 || tap_coalesce(spec->name, spec->coalesce, err));
    *ret_index = if_nametoindex(spec->name);
    return ok;
}

gboolean
tap_delete(guint index, const char *name, const char *alias, GError **err)
{
    g_autoptr(NlSock) sock = route_open(err);
    g_autoptr(NlLink) link = NULL;
    int rc;

    if (!sock)
        return FALSE;
    rc = rtnl_link_get_kernel(sock, (int)index, NULL, &link);
    if (rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NODEV)
        return TRUE;
    if (rc < 0)
        return fail(err, ERR_SYSTEM, "cannot look at link number %u: %s", index, nl_geterror(rc));
    if (g_strcmp0(rtnl_link_get_type(link), "tun") != 0 ||
        g_strcmp0(rtnl_link_get_name(link), name) != 0 ||
        g_strcmp0(rtnl_link_get_ifalias(link), alias) != 0)
        return fail(err, ERR_SYSTEM, "link '%s' is not the tap that was made, and stays",
                    rtnl_link_get_name(link));
    rc = rtnl_link_delete(sock, link);
    return rc >= 0 || rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NODEV ||
           fail(err, ERR_SYSTEM, "cannot delete link '%s': %s", rtnl_link_get_name(link),
                nl_geterror(rc));
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
