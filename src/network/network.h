/* network: virtual networks, and filters of packets. A Network is a bridge of the host with
 * addresses, rules of the packet filter and a dnsmasq; or a bridge, links or cards of the host that
 * guests are connected to.
 *
 * Reads answer at once from memory. Changes are jobs of the network's queue and answer through a
 * NetworkDone, from within the call or later. A Network that is handed to a callback or returned by
 * a find is borrowed; keep one with object_ref.
 */
#pragma once

#include "conf/conf.h"
#include "core/core.h"

/* ---- the room (network.c) ---------------------------------------------------------------- */

/* Makes the tables of this room's flows known. */
void network_register(void);
/* Reads every definition and finds what an earlier daemon left running. paths must live as long as
 * the daemon. */
gboolean network_init(const Paths *paths, GError **err);
void network_autostart(void); /* starts what is marked so and is not active */
/* Writes anew what is kept of active networks below the run folder, for somebody has emptied it.
 * FALSE: one of them is just being changed; to be asked again. */
gboolean network_save_runs(void);
void network_done(void); /* drops what is in memory; networks run on */

/* ---- networks ---------------------------------------------------------------------------- */

typedef struct NetworkRun NetworkRun; /* network_priv.h */

typedef struct Network Network;
struct Network {
    Object obj;
    NetworkDef *def;  /* persistent; NULL: transient, or broken */
    NetworkDef *live; /* NULL: inactive */
    char *broken;     /* why its file cannot be used; NULL: it can */
    gboolean persistent, autostart;
    NetworkRun *run; /* of an active one; private to the room */
};
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, object_unref)

Network *network_get_name(const char *name, GError **err);
Network *network_get_uuid(const guint8 uuid[UUID_LEN], GError **err);
GPtrArray *network_list(void); /* referenced; free with g_ptr_array_unref */

/* flags: NETWORK_XML_INACTIVE: the definition that the next start uses. Caller frees. */
enum { NETWORK_XML_INACTIVE = 1 << 0 };
char *network_xml(Network *n, guint flags, GError **err);
/* Name of the bridge of an active network, or of one whose definition has it. */
const char *network_bridge(const Network *n, GError **err);

typedef void (*NetworkDone)(Network *n, const GError *err, gpointer user);

/* Reads a definition and keeps it. flags: NETWORK_DEFINE_VALIDATE. These three are done once the
 * disk has the change; n is NULL where there is none. */
enum { NETWORK_DEFINE_VALIDATE = 1 << 0 };
void network_define(const char *xml, guint flags, NetworkDone done, gpointer user);
void network_undefine(Network *n, NetworkDone done, gpointer user); /* active: becomes transient */
void network_set_autostart(Network *n, gboolean on, NetworkDone done, gpointer user);
void network_start(Network *n, const char *asker, NetworkDone done, gpointer user);
/* Starts a network that is not kept. n is NULL in done when it failed. */
void network_create(const char *xml, guint flags, const char *asker, NetworkDone done,
                    gpointer user);
void network_destroy(Network *n, const char *asker, NetworkDone done, gpointer user);
/* virNetworkUpdate: flags current 0, live 1, config 2. The strings of this and of
 * network_set_metadata live until done is called: once the disk has the change. */
void network_change(Network *n, guint command, guint section, int parent, const char *xml,
                    guint flags, NetworkDone done, gpointer user);

/* What users write about it: type is a NoteType. flags are virNetworkUpdate's. Caller frees. */
char *network_metadata(Network *n, int type, const char *uri, guint flags, GError **err);
void network_set_metadata(Network *n, int type, const char *value, const char *key, const char *uri,
                          guint flags, NetworkDone done, gpointer user);

/* What dnsmasq has lent. */
typedef struct NetworkLease {
    gint64 expiry; /* seconds since 1970; 0: for ever */
    gboolean v6;
    char *mac, *iaid, *address, *hostname, *clientid; /* NULL where it is not known */
    guint prefix;
} NetworkLease;
void network_lease_free(gpointer lease);
/* GPtrArray of NetworkLease; mac NULL: all. */
GPtrArray *network_leases(Network *n, const char *mac, GError **err);

/* ---- ports (ports.c) ----------------------------------------------------------------------- */

/* Those of guests that run, and those that clients have made: GPtrArray of NetworkPortDef; free
 * with g_ptr_array_unref. */
GPtrArray *network_port_list(const Network *n, GError **err);
/* Caller frees. *ret_link: of the guest's interface; NULL: it is no guest's. ret_link may be NULL.
 */
NetworkPortDef *network_port_get(const Network *n, const guint8 uuid[UUID_LEN], char **ret_link,
                                 GError **err);
/* A port that is kept for a client, until the network ends. flags: NETWORK_PORT_*. */
enum { NETWORK_PORT_RECLAIM = 1 << 0, NETWORK_PORT_VALIDATE = 1 << 1 };
gboolean network_port_create(Network *n, const char *xml, guint flags, guint8 ret_uuid[UUID_LEN],
                             GError **err);
/* Not one of a guest's, which has it as long as its interface. */
gboolean network_port_delete(Network *n, const guint8 uuid[UUID_LEN], GError **err);

/* What was put right of an active network since the daemon began (heal.c). */
typedef struct NetworkRepair {
    const char *what;  /* "bridge", "rules", ...; constant */
    guint times;       /* 0: never, and what follows says nothing */
    gint64 when;       /* of the last time, seconds since 1970 */
    const char *cause; /* borrowed */
} NetworkRepair;
/* GArray of NetworkRepair, one for each thing that is watched; free with g_array_unref. */
GArray *network_repairs(const Network *n, GError **err);

/* What the host's packet filter does with a packet of its guests (explain.c). */
typedef struct NetworkExplained {
    const char *direction, *family; /* "guests to the world", "IPv4"; constant */
    const char *verdict;            /* "passes", "dropped", ...; constant */
    char *chain, *rule; /* that drops it: "ip filter FORWARD", "policy drop"; NULL: none */
    char *advice;       /* what to do then */
} NetworkExplained;
/* GPtrArray of NetworkExplained; free with g_ptr_array_unref. */
GPtrArray *network_explain(const Network *n, GError **err);

/* ---- filters of packets (filter.c) -------------------------------------------------------- */

typedef struct Nwfilter {
    Object obj;
    NwfilterDef *def; /* NULL: broken */
    char *broken;     /* why its file cannot be used; NULL: it can */
} Nwfilter;

/* Borrowed; NULL and ERR_NO_NWFILTER when there is none. */
Nwfilter *nwfilter_get_name(const char *name, GError **err);
Nwfilter *nwfilter_get_uuid(const guint8 uuid[UUID_LEN], GError **err);
GPtrArray *nwfilter_list(void); /* referenced; free with g_ptr_array_unref */
char *nwfilter_xml(const Nwfilter *f, GError **err);
/* Called once the disk has the change, or it has failed: then with err. */
typedef void (*NwfilterDone)(Nwfilter *f, const GError *err, gpointer user);
/* Reads a definition and keeps it. What it refers to need not be there, but must not refer to it.
 */
void nwfilter_define(const char *xml, gboolean validate, NwfilterDone done, gpointer user);
/* Also one that others refer to, but none that is in force. */
void nwfilter_undefine(Nwfilter *f, NwfilterDone done, gpointer user);

/* ---- filters in force (bindings.c) --------------------------------------------------------- */

/* The filter of an interface whose link has that name is in force from here on; what was before it
 * is replaced in one transaction. FALSE: nothing has changed. */
gboolean filter_bind(const char *link, const NetDef *net, const DomainDef *owner, GError **err);
void filter_unbind(const char *link); /* there may be none */
/* By a client, of a link that is there: kept until it is deleted. *ret_link is borrowed. */
gboolean filter_binding_create(const char *xml, gboolean validate, const char **ret_link,
                               GError **err);
gboolean filter_binding_delete(const char *link, GError **err);
/* Once all guests that run are known: rules of links that are gone go. */
void filters_sweep(void);

typedef struct FilterBinding FilterBinding;
const FilterBinding *filter_binding_get(const char *link, GError **err); /* borrowed */
GPtrArray *filter_binding_list(void); /* of FilterBinding, borrowed; free with g_ptr_array_unref */
const char *filter_binding_link(const FilterBinding *b);
const char *filter_binding_filter(const FilterBinding *b);
char *filter_binding_xml(const FilterBinding *b); /* caller frees */

/* ---- how fast a link is (speed.c) ----------------------------------------------------------- */

/* Holds a tap or a bridge to these limits from now on, in place of those that it had; b NULL, or
 * without one of the directions: lifts them. 'inbound' is what the link sends (to the guest, or
 * into the network), 'outbound' what comes from it; what is above a limit waits a while on its way
 * in, and is dropped on its way out. 'floor' promises nothing here. On an error part of it may be
 * in force. Of a link that is not there limits can be lifted. */
gboolean link_limit(const char *link, const BandwidthDef *b, GError **err);
/* Likewise, of a link that an earlier daemon has limited: what of that somebody has taken away
 * meanwhile is put right (healing). */
void link_limit_again(const char *link, const BandwidthDef *b);

/* ---- for interfaces of guests ------------------------------------------------------------ */

/* Where an interface of type 'network' goes. */
typedef struct NetworkPlug {
    const char *bridge; /* borrowed from the network */
    guint mtu;
    const BandwidthDef *bandwidth; /* of its portgroup, borrowed; NULL: none */
} NetworkPlug;
/* An interface of a guest that runs, in a network or in a bridge. */
typedef struct NetworkPort {
    const char *network; /* NULL: in the bridge */
    const char *bridge;
    const char *link; /* the tap */
    gboolean isolated;
    gboolean busy; /* it is just being changed */
    guint mtu;     /* 0: its bridge's */
    const DomainDef *domain;
    const NetDef *net;
    gpointer owner; /* who tells of it knows it by that */
} NetworkPort;
typedef void (*NetworkPortEach)(const NetworkPort *port, gpointer user);
typedef void (*NetworkPorts)(NetworkPortEach each, gpointer user); /* tells of all */
/* Makes the link of a port again that somebody has deleted, in that bridge. */
typedef gboolean (*NetworkPortRevive)(const NetworkPort *port, const char *bridge, GError **err);
/* Who has the guests: asked when something has happened to links, and by a network that starts. */
void network_on_ports(NetworkPorts ports, NetworkPortRevive revive);
/* FALSE: no such network, it is not active, or it is of a mode that cannot be had yet. */
gboolean network_plug(const char *name, const char *portgroup, NetworkPlug *ret_plug, GError **err);
/* The host's own address in an active network, the first that its definition has: where a server
 * listens for its guests. Borrowed from the network; NULL: it is not active, or has none. */
const char *network_address(const char *name, GError **err);
