/* Links of guests that run: in the bridge that their definition names, up, and as its ports were
 * made. Links that nobody's definition has are their admin's.
 */
#include <string.h>

#include "heal_priv.h"

static struct {
    NetworkPorts each;
    NetworkPortRevive revive;
} guests;

void
network_on_ports(NetworkPorts each, NetworkPortRevive revive)
{
    guests.each = each;
    guests.revive = revive;
}

typedef struct PortLook {
    const Network *network; /* NULL: ports of bridges that no network has */
    HostView *view;
    gboolean put; /* what is wrong is put right */
    char *first;  /* that was wrong; NULL: none is */
    GError *err;
} PortLook;

static gboolean
port_is_of(const NetworkPort *port, const Network *n)
{
    const BridgeDef *bridge = n->live ? n->live->bridge : NULL;

    return port->network ? strcmp(port->network, n->obj.name) == 0
                         : bridge && g_strcmp0(port->bridge, bridge->name) == 0;
}

static gboolean
port_is_nobodys(const NetworkPort *port)
{
    g_autoptr(GPtrArray) all = port->network ? NULL : network_list();

    for (guint i = 0; all && i < all->len; i++)
        if (port_is_of(port, all->pdata[i]))
            return FALSE;
    return !port->network;
}

static const char *
bridge_of(const PortLook *look, const NetworkPort *port)
{
    return look->network ? look->network->live->bridge->name : port->bridge;
}

/* ---- one port */

static char *
port_wrong(const NetworkPort *port, const HostLink *link, const HostLink *bridge)
{
    if (!link)
        return g_strdup_printf("link '%s' was deleted", port->link);
    if (link->master != bridge->index)
        return g_strdup_printf("link '%s' was not in bridge '%s'", port->link, bridge->name);
    if (!link->up)
        return g_strdup_printf("link '%s' was down", port->link);
    if (link->isolated != port->isolated)
        return g_strdup_printf("port '%s' of bridge '%s' was %s", port->link, bridge->name,
                               port->isolated ? "not isolated" : "isolated");
    if (link->deaf)
        return g_strdup_printf("port '%s' of bridge '%s' did not forward, learn or get all",
                               port->link, bridge->name);
    if (port->mtu && link->mtu != port->mtu)
        return g_strdup_printf("link '%s' had an MTU of %u", port->link, link->mtu);
    return NULL;
}

/* A link that goes and comes, or that enters a bridge, is as it was made but for its place. */
static gboolean
port_repair(const NetworkPort *port, const HostLink *link, const HostLink *bridge, GError **err)
{
    if (!link && !guests.revive(port, bridge->name, err))
        return FALSE;
    if (link && link->master != bridge->index && !link_set_bridge(port->link, bridge->name, err))
        return FALSE;
    if (link && port->mtu && link->mtu != port->mtu && !link_set_mtu(port->link, port->mtu, err))
        return FALSE;
    return link_set_up(port->link, err) && port_reset(port->link, port->isolated, err);
}

static void
look_at_port(const NetworkPort *port, gpointer user)
{
    PortLook *look = user;
    const HostLink *link, *bridge;
    g_autofree char *cause = NULL;

    if (look->network ? !port_is_of(port, look->network) : !port_is_nobodys(port))
        return;
    if (look->err || !(bridge = view_link(look->view, bridge_of(look, port))))
        return;
    link = view_link(look->view, port->link);
    if ((link && !link->is_tap) || !(cause = port_wrong(port, link, bridge)))
        return;
    if (look->put && !port_repair(port, link, bridge, &look->err))
        return;
    if (!look->first)
        look->first = g_steal_pointer(&cause);
}

static void
look_at_ports(PortLook *look)
{
    if (guests.each && !guests.each(look_at_port, look))
        heal_in(BUSY_MS);
}

/* ---- those of a network */

char *
ports_wrong(const Network *n, HostView *p)
{
    PortLook look = { .network = n, .view = p };

    if (view_bridge(p, n))
        look_at_ports(&look);
    return look.first;
}

gboolean
ports_repair(Network *n, HostView *p, GError **err)
{
    PortLook look = { .network = n, .view = p, .put = TRUE };

    look_at_ports(&look);
    g_free(look.first);
    if (look.err)
        g_propagate_error(err, look.err);
    return look.err == NULL;
}

gboolean
heal_ports(Network *n, GError **err)
{
    HostView p = { NULL };
    gboolean ok = !n->live->bridge || !n->live->bridge->name || ports_repair(n, &p, err);

    host_links_free(p.links);
    return ok;
}

/* ---- those of nobody's bridges */

/* Once in so long at most, whoever fights with us. */
#define OTHERS_REST_US G_USEC_PER_SEC

void
ports_heal_others(HostView *p)
{
    static gint64 before;
    PortLook look = { .view = p, .put = TRUE };
    gint64 left = before - g_get_monotonic_time();

    if (left > 0) {
        heal_in((guint)(left / 1000) + 1);
        return;
    }
    look_at_ports(&look);
    if (look.first || look.err)
        before = g_get_monotonic_time() + OTHERS_REST_US;
    if (look.first)
        log_warning("%s; it is put right", look.first);
    if (look.err)
        log_error("a guest's link cannot be put right now: %s", look.err->message);
    g_free(look.first);
    g_clear_error(&look.err);
}

/* ---- whose a link is */

typedef struct Wanted {
    const Network *network;
    const char *link;
    gboolean found;
} Wanted;

static void
compare_port(const NetworkPort *port, gpointer user)
{
    Wanted *w = user;

    w->found |= strcmp(port->link, w->link) == 0 && port_is_of(port, w->network);
}

gboolean
ports_have(const Network *n, const char *link)
{
    Wanted w = { n, link, FALSE };

    if (guests.each)
        guests.each(compare_port, &w);
    return w.found;
}
