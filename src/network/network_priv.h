/* Inside the network room. */
#pragma once

#include "host/host.h"
#include "network.h"

typedef struct Serving Serving; /* dnsmasq.c */

/* The things of an active network that are watched and repaired (heal.c). */
typedef enum Care {
    CARE_BRIDGE,
    CARE_LINK,
    CARE_ADDRESSES,
    CARE_ROUTES,
    CARE_SWITCHES,
    CARE_V6,
    CARE_RULES,
    CARE_OTHERS,
    CARE_PORTS,
    CARE_SPEED,
    CARE_FILTERS,
    CARE_LEASES,
    CARE_DNSMASQ,
    N_CARES
} Care;

typedef struct Mended {
    guint times;       /* since this daemon started */
    guint in_a_row;    /* repairs in a row that did not last */
    gint64 at, before; /* monotonic: time of the last repair; no other one before that time */
    gint64 when;       /* time of the last repair, microseconds since 1970 */
    char *cause;       /* cause of the last repair */
} Mended;

/* The state of an active network, in addition to its ledger. */
struct NetworkRun {
    Process *dnsmasq;    /* NULL: it has none, or it has ended */
    Serving *serving;    /* set while a spawned dnsmasq is not ready yet */
    FlowToken exit_wait; /* the flow that waits for dnsmasq's end */
    guint restart;       /* timer of the next restart */
    guint failures;      /* restarts in a row that did not last */
    gint64 started;      /* monotonic, of dnsmasq */
    gboolean stopping;
    gboolean renewing;   /* dnsmasq was ended to be started again */
    char *rules;         /* the packet filter's listing of vmd's table; NULL: there is none */
    gboolean rules_due;  /* rules may have been changed */
    gboolean others_due; /* chains of other programs, likewise */
    gboolean leases_due;
    gboolean routes_due;
    gboolean was_stopped; /* dnsmasq, when it was last looked at */
    GPtrArray *ports;     /* NetworkPortDef, of clients; NULL: none */
    guint link;           /* number of the bridge, as of the last look */
    Mended mended[N_CARES];
};

extern const Paths *network_paths;
extern const ObjectKind network_kind;
/* The network of that UUID, made where it is not there. One of that name that is not active gets
 * the UUID: its file cannot be read, or says another one. NULL: an active one has the name. */
Network *network_find_for(const char *name, const guint8 uuid[UUID_LEN]);
/* Notes that the network is inactive; a transient one is removed. */
void network_forget_run(Network *n);

/* Paths of a network's files, by the end of their name; the caller frees them. */
char *network_file(const Network *n, const char *ending);  /* below the run folder */
char *network_state(const Network *n, const char *ending); /* below the folder of data */

/* ---- dnsmasq (dnsmasq.c) ------------------------------------------------------------------ */

/* Whether the network needs one: DHCP, DNS, or router advertisements. */
gboolean dnsmasq_is_wanted(const NetworkDef *def);
/* The text of its configuration, and of the files that it reads again on a signal: reservations,
 * names. Pure; the caller frees it. */
char *dnsmasq_conf(const Network *n);
char *dnsmasq_hosts(const NetworkDef *def); /* --dhcp-hostsfile */
char *dnsmasq_names(const NetworkDef *def); /* --addn-hosts */
/* Rows of start. */
StepResult dnsmasq_start(Flow *f, gpointer obj, GError **err);
StepResult dnsmasq_stop(Flow *f, gpointer obj);
/* Called when the live definition has changed: makes dnsmasq read reservations and names again, or
 * starts it anew where that is not enough. */
gboolean dnsmasq_reload(Network *n, GError **err);
/* Finds the dnsmasq that an earlier daemon started, or starts it again where it is gone. */
void dnsmasq_adopt(Network *n);
void dnsmasq_forget(Network *n); /* frees what is kept of it here; it runs on */

/* Ends dnsmasq and starts it again, because the bridge that it serves is a new one. */
void dnsmasq_renew(Network *n);
/* Whether another process has stopped dnsmasq (SIGSTOP); it is continued then, or ended where that
 * was in vain. Returns the cause, which the caller frees; NULL: it runs. */
char *dnsmasq_unstop(Network *n);
/* A copy of the lease file that dnsmasq writes to, if that file has lost its name; NULL: it has
 * not. The caller frees it. */
char *dnsmasq_lost_leases(const Network *n, gsize *ret_len);

/* ---- the packet filter (firewall.c) -------------------------------------------------------- */

/* Sets the rules of the network in a table of its own, in one transaction that replaces earlier
 * ones. */
gboolean firewall_apply(const NetworkDef *def, GError **err);
/* Removes the table; success where there is none. */
gboolean firewall_remove(const char *bridge, GError **err);

/* The packet filter's listing of that table now, as text to be compared; NULL: there is no such
 * table. The caller frees it. */
char *firewall_listing(const char *bridge);
char *firewall_table(const char *bridge); /* the name of that table; the caller frees it */

/* ---- chains of other programs (others.c) ----------------------------------------------------- */

/* Whether another program's chain lacks rules of the network that it needs. */
gboolean others_lack(const NetworkDef *def);
/* Adds rules that accept packets of the network's bridge to other programs' chains, where there are
 * any. */
gboolean others_accept(const NetworkDef *def, GError **err);
gboolean others_forget(const char *bridge, GError **err);

/* ---- flows (steps.c) ------------------------------------------------------------------------ */

extern const FlowTable network_start_table;
/* Writes the live definition to disk, by which a later daemon finds an active network. */
gboolean network_save_live(const Network *n, GError **err);
/* Lines that the ledger has lost, as the live definition says: undone, they take nothing of others.
 */
void network_restore(Network *n);
/* The first virbrN that neither another network (n may be NULL) nor a link of the host has; NULL:
 * all are taken. The caller frees it. */
char *network_free_bridge(const Network *n);
/* Parts of a start; things that exist already are left as they are. */
/* Makes the bridge, with all of the following. */
gboolean network_set_bridge_up(const NetworkDef *def, GError **err);
gboolean network_set_switches(const NetworkDef *def, GError **err);
gboolean network_set_addresses(const NetworkDef *def, GError **err); /* and routes */
gboolean network_set_rules(Network *n, GError **err);
gboolean network_set_v6(const NetworkDef *def, GError **err);
/* Calls each for all routes of the network's bridge: those of its addresses, and the definition's.
 */
typedef gboolean (*NetworkRouteEach)(const RouteSpec *spec, gpointer user); /* FALSE: stop */
void network_each_route(const NetworkDef *def, NetworkRouteEach each, gpointer user);
/* How the network's bridge is made; alias is the memory that spec->alias points to. */
#define BRIDGE_ALIAS_LEN 64
BridgeSpec network_bridge_spec(const NetworkDef *def, char alias[BRIDGE_ALIAS_LEN]);
gboolean network_has_v6(const NetworkDef *def);
gboolean network_has_v4(const NetworkDef *def);

/* ---- what an earlier daemon has begun (recover.c) ---------------------------------------------
 */

/* Finds what an earlier daemon left. folder: of the live definitions. FALSE: it cannot be read. */
gboolean networks_recover(const char *folder, GError **err);

/* ---- healing (heal.c) ------------------------------------------------------------------------ */

void heal_init(void);
void heal_done(void);
/* Checks all active networks soon. */
void heal_soon(void);
void heal_learn(void); /* also learns leases and reservations, for filters */
/* Counts a repair; cause says what had gone wrong. */
void heal_count(Network *n, Care care, const char *cause);
/* Connects the interfaces of running guests to the network's bridge again. */
gboolean heal_ports(Network *n, GError **err);
void heal_adopt(Network *n);
void heal_forget(Network *n);
void ports_forget(Network *n, gboolean ended); /* ended: the network has */

/* ---- filters of packets (filter.c) ------------------------------------------------------- */

gboolean filters_init(const Paths *paths, GError **err);
void filters_done(void);

/* ---- filters in force (bindings.c) --------------------------------------------------------- */

void bindings_init(void);
void bindings_done(void);
gboolean bindings_load(GError **err); /* those that clients have made; once filters are known */
/* Whether an interface has this filter, or one that refers to it. */
gboolean filter_in_force(const char *name);
/* Called when the definition of a filter has changed: changes the rules of all interfaces that have
 * it, or of none. */
gboolean filter_rebind(const char *name, GError **err);
void filters_learn(void); /* leases and reservations of networks may have changed */
void filters_doubt(void); /* another program may have changed the table */
/* Repairs the filters. *ret_cause says what was wrong; NULL: nothing; the caller frees it. Returns
 * the milliseconds until it wants to be called again; 0: not needed. */
guint filters_heal(char **ret_cause);
gboolean filters_have(const char *bridge); /* whether a link of that bridge has a filter */
