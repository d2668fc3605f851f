/* network: virtual networks, and filters of packets. A Network is a bridge of the host with
 * addresses, rules of the packet filter and a dnsmasq; or just a bridge, links or cards of the host
 * that guests are connected to.
 *
 * Functions that read answer at once from memory. Changes are jobs of the network's queue and
 * report their end through a NetworkDone, from within the call or later. A Network that is passed
 * to a callback or returned by a find is borrowed; keep one with object_ref. */
#pragma once

#include "conf/conf.h"
#include "core/core.h"

/* ---- the room (network.c) ---------------------------------------------------------------- */

/* Registers the tables of this room's flows. */
void network_register(void);
/* Reads every definition and finds the networks that an earlier daemon left running. paths must
 * live as long as the daemon. */
gboolean network_init(const Paths *paths, GError **err);
void network_autostart(void); /* starts networks that are marked for it and are not active */
/* Writes anew what is kept of active networks below the run folder, for somebody has emptied it.
 * FALSE: one of them is just being changed; to be asked again. */
gboolean network_save_runs(void);
void network_done(void); /* frees what is in memory; networks stay active */

/* ---- networks ---------------------------------------------------------------------------- */

typedef struct NetworkRun NetworkRun; /* network_priv.h */

typedef struct Network Network;
struct Network {
    Object obj;
    NetworkDef *def;  /* persistent; NULL: transient, or broken */
    NetworkDef *live; /* NULL: inactive */
    char *broken;     /* why its file cannot be used; NULL: it can */
    gboolean persistent, autostart;
    NetworkRun *run; /* state of an active one; private to the room */
};
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, object_unref)

Network *network_get_name(const char *name, GError **err);
Network *network_get_uuid(const guint8 uuid[UUID_LEN], GError **err);
GPtrArray *network_list(void); /* referenced; free with g_ptr_array_unref */

/* The network's document. flags: NETWORK_XML_INACTIVE (the definition that the next start uses).
 * The caller frees it. */
enum { NETWORK_XML_INACTIVE = 1 << 0 };
char *network_xml(Network *n, guint flags, GError **err);
/* Name of the bridge of an active network, or of one whose definition names it. Borrowed; NULL and
 * an error. */
const char *network_bridge(const Network *n, GError **err);

typedef void (*NetworkDone)(Network *n, const GError *err, gpointer user);

/* Defines a network. flags: NETWORK_DEFINE_VALIDATE. This and the next two call done when the disk
 * has the change; n is NULL when there is no such network afterwards. */
enum { NETWORK_DEFINE_VALIDATE = 1 << 0 };
void network_define(const char *xml, guint flags, NetworkDone done, gpointer user);
/* An active one becomes transient. */
void network_undefine(Network *n, NetworkDone done, gpointer user);
void network_set_autostart(Network *n, gboolean on, NetworkDone done, gpointer user);
void network_start(Network *n, const char *asker, NetworkDone done, gpointer user);
/* Starts a transient network. On failure n is NULL in done. */
void network_create(const char *xml, guint flags, const char *asker, NetworkDone done,
                    gpointer user);
void network_destroy(Network *n, const char *asker, NetworkDone done, gpointer user);
/* Changes one element, as virNetworkUpdate: flags current 0, live 1, config 2. The strings passed
 * to this and to network_set_metadata must live until done is called, when the disk has the change.
 */
void network_change(Network *n, guint command, guint section, int parent, const char *xml,
                    guint flags, NetworkDone done, gpointer user);

/* Title, description or metadata; type is a NoteType, flags as for network_change. The caller frees
 * it. */
char *network_metadata(Network *n, int type, const char *uri, guint flags, GError **err);
void network_set_metadata(Network *n, int type, const char *value, const char *key, const char *uri,
                          guint flags, NetworkDone done, gpointer user);

/* A lease that dnsmasq has given to a guest. */
typedef struct NetworkLease {
    gint64 expiry; /* seconds since 1970; 0: for ever */
    gboolean v6;
    char *mac, *iaid, *address, *hostname, *clientid; /* NULL: unknown */
    guint prefix;
} NetworkLease;
void network_lease_free(gpointer lease);
/* The leases of a network: a GPtrArray of NetworkLease; mac NULL: of all guests. Free with
 * g_ptr_array_unref. */
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

/* Repairs of an active network since the daemon started (heal.c). */
typedef struct NetworkRepair {
    const char *what;  /* "bridge", "rules", ...; constant */
    guint times;       /* 0: never, and the rest has no meaning */
    gint64 when;       /* time of the last repair, in seconds since 1970 */
    const char *cause; /* borrowed */
} NetworkRepair;
/* A GArray of NetworkRepair, one for each thing that is watched; free with g_array_unref. */
GArray *network_repairs(const Network *n, GError **err);

/* What the host's packet filter does with packets of one kind from or to its guests (explain.c). */
typedef struct NetworkExplained {
    const char *direction, *family; /* "guests to the world", "IPv4"; constant */
    const char *verdict;            /* "passes", "dropped", ...; constant */
    char *chain,
        *rule; /* the chain and rule that drop it: "ip filter FORWARD", "policy drop"; NULL: none */
    char *advice; /* what the user can do about it */
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
/* Called when the disk has the change, or when it has failed (err). */
typedef void (*NwfilterDone)(Nwfilter *f, const GError *err, gpointer user);
/* Defines a filter. Filters that it refers to need not exist, but none may refer back to it. */
void nwfilter_define(const char *xml, gboolean validate, NwfilterDone done, gpointer user);
/* Removes a filter. One that other filters refer to can be removed; one that is in force cannot. */
void nwfilter_undefine(Nwfilter *f, NwfilterDone done, gpointer user);

/* ---- filters in force (bindings.c) --------------------------------------------------------- */

/* Puts the filter of an interface in force for its link; rules that the link had are replaced in
 * one transaction. FALSE and an error: nothing has changed. */
gboolean filter_bind(const char *link, const NetDef *net, const DomainDef *owner, GError **err);
void filter_unbind(const char *link); /* success where there is none */
/* By a client, of a link that is there: kept until it is deleted. *ret_link is borrowed. */
gboolean filter_binding_create(const char *xml, gboolean validate, const char **ret_link,
                               GError **err);
gboolean filter_binding_delete(const char *link, GError **err);
/* Removes the rules of links that are gone; called when all running guests are known. */
void filters_sweep(void);

typedef struct FilterBinding FilterBinding;
const FilterBinding *filter_binding_get(const char *link, GError **err); /* borrowed */
GPtrArray *filter_binding_list(void); /* of FilterBinding, borrowed; free with g_ptr_array_unref */
const char *filter_binding_link(const FilterBinding *b);
const char *filter_binding_filter(const FilterBinding *b);
char *filter_binding_xml(const FilterBinding *b); /* caller frees */

/* ---- how fast a link is (speed.c) ----------------------------------------------------------- */

/* Limits a tap or a bridge from now on, in place of earlier limits; b NULL, or without one of the
 * directions: lifts them. 'inbound' limits what the link sends (to the guest, or into the network):
 * packets above it wait in a queue. 'outbound' limits what the link receives: packets above it are
 * dropped. 'floor' has no effect. On an error part of the limits may be in force. Lifting the
 * limits of a missing link is success. */
gboolean link_limit(const char *link, const BandwidthDef *b, GError **err);
/* Likewise, of a link that an earlier daemon has limited: what of that somebody has taken away
 * meanwhile is put right (healing). */
void link_limit_again(const char *link, const BandwidthDef *b);

/* ---- for interfaces of guests ------------------------------------------------------------ */

/* Where an interface of type 'network' is connected. */
typedef struct NetworkPlug {
    const char *bridge; /* borrowed from the network */
    guint mtu;
    const BandwidthDef *bandwidth; /* that of its portgroup, borrowed; NULL: none */
} NetworkPlug;
/* An interface of a running guest, in a network or in a bridge. */
typedef struct NetworkPort {
    const char *network; /* NULL: it is in the bridge only */
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
/* Sets the function that knows the guests' interfaces; it is called when links have changed, and
 * when a network starts. */
void network_on_ports(NetworkPorts ports, NetworkPortRevive revive);
/* Finds where an interface of that network is connected. FALSE and an error: there is no such
 * network, it is not active, or its mode is not supported. */
gboolean network_plug(const char *name, const char *portgroup, NetworkPlug *ret_plug, GError **err);
/* The host's own address in an active network: the first one of its definition, at which a server
 * listens for its guests. Borrowed from the network; NULL and an error: the network is not active,
 * or has no address. */
const char *network_address(const char *name, GError **err);
