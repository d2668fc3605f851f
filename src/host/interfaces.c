/* The links of the host as clients see interfaces: asked of the kernel whenever somebody wants to
 * know, in one short request. They are looked at and not changed: that is for the host's own tools.
 */
#include "host.h"

#include <linux/if.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vlan.h>
#include <string.h>

typedef struct nl_sock NlSock;
typedef struct rtnl_link NlLink;
typedef struct nl_cache NlCache;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlSock, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlCache, nl_cache_free)

static NlCache *
links_read(GError **err)
{
    g_autoptr(NlSock) sock = nl_socket_alloc();
    NlCache *cache = NULL;
    int rc = nl_connect(sock, NETLINK_ROUTE);

    if (rc < 0 || (rc = rtnl_link_alloc_cache(sock, AF_UNSPEC, &cache)) < 0) {
        fail(err, ERR_SYSTEM, "cannot list the host's links: %s", nl_geterror(rc));
        return NULL;
    }
    return cache;
}

static gboolean
is_kind(NlLink *link, const char *kind)
{
    return g_strcmp0(rtnl_link_get_type(link), kind) == 0;
}

static char *
mac_of(NlLink *link)
{
    struct nl_addr *address = rtnl_link_get_addr(link);
    char text[64];

    if (!address || nl_addr_get_len(address) == 0)
        return g_strdup("");
    return g_strdup(nl_addr2str(address, text, sizeof text));
}

static gboolean
is_up(NlLink *link)
{
    return rtnl_link_get_operstate(link) == IF_OPER_UP;
}

/* ---- lists */

static void
interface_free(gpointer data)
{
    HostInterface *i = data;

    g_free(i->name);
    g_free(i->mac);
    g_free(i);
}

static void
take_link(struct nl_object *o, void *user)
{
    NlLink *link = (NlLink *)o;
    HostInterface *i;

    if (is_kind(link, "tun")) /* of guests */
        return;
    i = g_new0(HostInterface, 1);
    i->name = g_strdup(rtnl_link_get_name(link));
    i->mac = mac_of(link);
    i->active = is_up(link);
    g_ptr_array_add(user, i);
}

GPtrArray *
interfaces_list(GError **err)
{
    g_autoptr(NlCache) cache = links_read(err);
    GPtrArray *all;

    if (!cache)
        return NULL;
    all = g_ptr_array_new_with_free_func(interface_free);
    nl_cache_foreach(cache, take_link, all);
    return all;
}

/* ---- XML */

static char *
link_file(const char *name, const char *file)
{
    g_autofree char *path = g_strdup_printf("/sys/class/net/%s/%s", name, file);
    char *text = NULL;

    if (file_read(path, 4096, &text, NULL, NULL))
        g_strstrip(text);
    return text;
}

static const char *
state_word(NlLink *link)
{
    static const char *const words[] = { "unknown", "notpresent", "down", "lowerlayerdown",
                                         "testing", "dormant",    "up" };
    guint8 state = rtnl_link_get_operstate(link);

    return state < G_N_ELEMENTS(words) ? words[state] : "unknown";
}

static void
put_link(XmlOut *x, NlLink *link)
{
    g_autofree char *speed = is_up(link) ? link_file(rtnl_link_get_name(link), "speed") : NULL;
    g_autofree char *mac = mac_of(link);

    xml_leaf(x, "link", "speed", speed && g_ascii_isdigit(*speed) ? speed : NULL, "state",
             state_word(link), NULL);
    if (*mac)
        xml_leaf(x, "mac", "address", mac, NULL);
}

static void
put_mtu(XmlOut *x, NlLink *link)
{
    xml_leaf(x, "mtu", "size", xml_number(rtnl_link_get_mtu(link)), NULL);
}

typedef struct Members {
    XmlOut *x;
    int master;
} Members;

static void
put_member(struct nl_object *o, void *user)
{
    const Members *m = user;
    NlLink *link = (NlLink *)o;

    if (rtnl_link_get_master(link) != m->master)
        return;
    xml_open(m->x, "interface", "type", "ethernet", "name", rtnl_link_get_name(link), NULL);
    put_link(m->x, link);
    xml_close(m->x, "interface");
}

static void
put_members(XmlOut *x, NlCache *cache, NlLink *link)
{
    Members m = { x, rtnl_link_get_ifindex(link) };

    nl_cache_foreach(cache, put_member, &m);
}

static void
put_bridge(XmlOut *x, NlCache *cache, NlLink *link)
{
    const char *name = rtnl_link_get_name(link);
    g_autofree char *stp = link_file(name, "bridge/stp_state");
    g_autofree char *delay = link_file(name, "bridge/forward_delay"); /* in hundredths of seconds */
    guint64 seconds = delay ? g_ascii_strtoull(delay, NULL, 10) / 100 : 0;

    put_mtu(x, link);
    xml_open(x, "bridge", "stp", stp && *stp != '0' ? "on" : "off", "delay", xml_number(seconds),
             NULL);
    put_members(x, cache, link);
    xml_close(x, "bridge");
}

static void
put_bond(XmlOut *x, NlCache *cache, NlLink *link)
{
    const char *name = rtnl_link_get_name(link);
    g_autofree char *mode = link_file(name, "bonding/mode"); /* "active-backup 1" */
    g_autofree char *miimon = link_file(name, "bonding/miimon");

    if (mode)
        mode[strcspn(mode, " ")] = '\0';
    put_mtu(x, link);
    xml_open(x, "bond", "mode", mode, NULL);
    if (miimon && strcmp(miimon, "0") != 0)
        xml_leaf(x, "miimon", "freq", miimon, NULL);
    put_members(x, cache, link);
    xml_close(x, "bond");
}

static void
put_vlan(XmlOut *x, NlCache *cache, NlLink *link)
{
    g_autoptr(NlLink) below = rtnl_link_get(cache, rtnl_link_get_link(link));
    int tag = rtnl_link_vlan_get_id(link);

    put_link(x, link);
    put_mtu(x, link);
    xml_open(x, "vlan", "tag", xml_number((guint64)MAX(tag, 0)), NULL);
    if (below)
        xml_leaf(x, "interface", "name", rtnl_link_get_name(below), NULL);
    xml_close(x, "vlan");
}

static void
put_ethernet(XmlOut *x, NlCache *cache, NlLink *link)
{
    put_link(x, link);
    put_mtu(x, link);
}

static const struct {
    const char *kind; /* of the kernel; NULL: any other */
    const char *type; /* in documents */
    void (*put)(XmlOut *x, NlCache *cache, NlLink *link);
} kinds[] = {
    { "bridge", "bridge", put_bridge },
    { "bond", "bond", put_bond },
    { "vlan", "vlan", put_vlan },
    { NULL, "ethernet", put_ethernet },
};

char *
interface_xml(const char *name, GError **err)
{
    g_autoptr(NlCache) cache = links_read(err);
    g_autoptr(NlLink) link = cache ? rtnl_link_get_by_name(cache, name) : NULL;
    XmlOut x = { 0 };
    gsize i = 0;

    if (!cache)
        return NULL;
    if (!link || is_kind(link, "tun")) {
        fail(err, ERR_NO_INTERFACE, "couldn't find interface named '%s'", name);
        return NULL;
    }
    while (kinds[i].kind && !is_kind(link, kinds[i].kind))
        i++;
    x.text = g_string_new(NULL);
    xml_open(&x, "interface", "type", kinds[i].type, "name", name, NULL);
    kinds[i].put(&x, cache, link);
    xml_close(&x, "interface");
    return g_string_free(x.text, FALSE);
}
