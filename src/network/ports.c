/* Links of guests that run: in the bridge that their definition names, up, and as its ports were
 * made. Links that nobody's definition has are their admin's.
 */
#include <string.h>

#include "heal_priv.h"

#define FILE_MOST (8 << 20)

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
    gboolean put;  /* what is wrong is put right */
    gboolean busy; /* some could not be looked at */
    char *first;   /* that was wrong; NULL: none is */
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

    look->busy |= port->busy;
    if (port->busy || !port->link)
        return;
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
    if (guests.each)
        guests.each(look_at_port, look);
    if (look->busy)
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

    w->found |= g_strcmp0(port->link, w->link) == 0 && port_is_of(port, w->network);
}

gboolean
ports_have(const Network *n, const char *link)
{
    Wanted w = { n, link, FALSE };

    if (guests.each)
        guests.each(compare_port, &w);
    return w.found;
}

/* ---- as clients see them */

/* Clients' own, in a file for the next daemon. */
static gboolean
save_ports(const Network *n, GError **err)
{
    g_autofree char *path = network_file(n, "ports"), *xml = NULL;
    const NetworkPortList list = { n->run->ports };

    if (list_length(list.ports) == 0) {
        file_remove(path, NULL);
        return TRUE;
    }
    xml = network_ports_format(&list);
    return file_write_volatile(path, xml, -1, 0600, err);
}

void
ports_adopt(Network *n)
{
    g_autofree char *path = network_file(n, "ports"), *text = NULL;
    g_autoptr(GError) err = NULL;
    NetworkPortList *list;
    gsize len;

    if (!file_read_regular(path, FILE_MOST, &text, &len, NULL, NULL))
        return;
    if (!(list = network_ports_parse(text, &err))) {
        log_warning("network '%s': its ports cannot be read: %s", n->obj.name, err->message);
        return;
    }
    n->run->ports = g_ptr_array_new_with_free_func(network_port_free);
    EACH (const NetworkPortDef, def, list->ports)
        g_ptr_array_add(n->run->ports, network_port_copy(def));
    network_ports_free(list);
}

/* ended: the network has. */
void
ports_forget(Network *n, gboolean ended)
{
    g_autofree char *path = network_file(n, "ports");

    g_clear_pointer(&n->run->ports, g_ptr_array_unref);
    if (ended)
        file_remove(path, NULL);
}

static NetworkPortDef *
port_def(const NetworkPort *port)
{
    const NetDef *net = port->net;
    NetworkPortDef def = {
        .owner = port->domain->name,
        .group = net->source.portgroup,
        .bandwidth = net->bandwidth,
        .isolated = net->port_isolated,
        .trust = net->trust_guest_rx_filters,
        .plug_type = PLUG_NETWORK,
        .plug_bridge = (char *)port->bridge,
    };

    memcpy(def.uuid, net->source.portid, UUID_LEN);
    memcpy(def.owner_uuid, port->domain->uuid, UUID_LEN);
    memcpy(def.mac, net->mac, sizeof def.mac);
    return network_port_copy(&def);
}

typedef struct PortSearch {
    const Network *network;
    const guint8 *uuid; /* NULL: all */
    GPtrArray *found;   /* NetworkPortDef */
    char *link;         /* of the last one */
} PortSearch;

static void
find_port(const NetworkPort *port, gpointer user)
{
    PortSearch *s = user;

    if (!port->network || !port_is_of(port, s->network) || uuid_is_zero(port->net->source.portid) ||
        (s->uuid && memcmp(s->uuid, port->net->source.portid, UUID_LEN) != 0))
        return;
    g_ptr_array_add(s->found, port_def(port));
    g_free(s->link);
    s->link = g_strdup(port->link);
}

static gboolean
is_active(const Network *n, GError **err)
{
    return (n->live && n->run) ||
           fail(err, ERR_OPERATION_INVALID, "network '%s' is not active", n->obj.name);
}

static GPtrArray *
search_ports(const Network *n, const guint8 *uuid, char **ret_link)
{
    PortSearch s = { n, uuid, g_ptr_array_new_with_free_func(network_port_free), NULL };

    if (guests.each)
        guests.each(find_port, &s);
    EACH (const NetworkPortDef, def, n->run->ports)
        if (!uuid || memcmp(def->uuid, uuid, UUID_LEN) == 0)
            g_ptr_array_add(s.found, network_port_copy(def));
    if (ret_link)
        *ret_link = s.link;
    else
        g_free(s.link);
    return s.found;
}

static gint
by_uuid(gconstpointer a, gconstpointer b)
{
    const NetworkPortDef *x = *(const NetworkPortDef *const *)a,
                         *y = *(const NetworkPortDef *const *)b;

    return memcmp(x->uuid, y->uuid, UUID_LEN);
}

GPtrArray *
network_port_list(const Network *n, GError **err)
{
    GPtrArray *all = is_active(n, err) ? search_ports(n, NULL, NULL) : NULL;

    if (all)
        g_ptr_array_sort(all, by_uuid);
    return all;
}

NetworkPortDef *
network_port_get(const Network *n, const guint8 uuid[UUID_LEN], char **ret_link, GError **err)
{
    g_autoptr(GPtrArray) found = is_active(n, err) ? search_ports(n, uuid, ret_link) : NULL;
    char text[UUID_TEXT_LEN];

    if (!found)
        return NULL;
    if (found->len > 0)
        return network_port_copy(found->pdata[0]);
    uuid_format(uuid, text);
    fail(err, ERR_NO_NETWORK_PORT, "network port with UUID %s does not exist", text);
    return NULL;
}

/* A client plugs its own link in, which nobody here knows: nothing can be done to it. */
static gboolean
check_port(const Network *n, const NetworkPortDef *def, guint flags, GError **err)
{
    const struct {
        gboolean asked;
        const char *what;
    } rows[] = { { def->vlan != NULL, "vlan" },
                 { def->vport != NULL, "virtualport" },
                 { def->bandwidth != NULL, "bandwidth" },
                 { def->isolated == YES, "port" },
                 { def->trust == YES, "rxfilters" } };
    g_autoptr(GPtrArray) same = search_ports(n, def->uuid, NULL);
    char uuid[UUID_TEXT_LEN];

    uuid_format(def->uuid, uuid);
    if (same->len > 0)
        return fail(err, ERR_NETWORK_PORT_EXISTS, "Network port with UUID %s already exists", uuid);
    if (!(flags & NETWORK_PORT_RECLAIM) && def->plug_type > PLUG_NONE)
        return fail(err, ERR_INVALID_ARG, "Port reclaim not requested but plug type is not none");
    if (def->plug_type > PLUG_NONE &&
        (def->plug_type != PLUG_NETWORK ||
         g_strcmp0(def->plug_bridge, n->live->bridge ? n->live->bridge->name : NULL) != 0))
        return fail(err, ERR_INVALID_ARG, "network '%s' has no such plug to reclaim", n->obj.name);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].asked)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "'%s' of a port that no domain's interface has cannot be had: set up the "
                        "link that is plugged in",
                        rows[i].what);
    return TRUE;
}

gboolean
network_port_create(Network *n, const char *xml, guint flags, guint8 ret_uuid[UUID_LEN],
                    GError **err)
{
    g_autoptr(NetworkPortDef)
        def = network_port_parse(xml, flags & NETWORK_PORT_VALIDATE ? XML_VALIDATE : 0, err);

    if (!def || !is_active(n, err) || !check_port(n, def, flags, err))
        return FALSE;
    def->plug_type = PLUG_NETWORK;
    g_free(def->plug_bridge);
    def->plug_bridge = g_strdup(n->live->bridge ? n->live->bridge->name : NULL);
    if (!n->run->ports)
        n->run->ports = g_ptr_array_new_with_free_func(network_port_free);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    g_ptr_array_add(n->run->ports, g_steal_pointer(&def));
    if (save_ports(n, err))
        return TRUE;
    g_ptr_array_set_size(n->run->ports, (int)n->run->ports->len - 1);
    return FALSE;
}

gboolean
network_port_delete(Network *n, const guint8 uuid[UUID_LEN], GError **err)
{
    g_autoptr(NetworkPortDef) def = network_port_get(n, uuid, NULL, err);

    if (!def)
        return FALSE;
    for (guint i = 0; i < list_length(n->run->ports); i++)
        if (memcmp(((NetworkPortDef *)n->run->ports->pdata[i])->uuid, uuid, UUID_LEN) == 0) {
            g_ptr_array_remove_index(n->run->ports, i);
            return save_ports(n, err);
        }
    return fail(err, ERR_OPERATION_INVALID,
                "the port is that of an interface of domain '%s', and goes with it: detach the "
                "interface",
                def->owner);
}
