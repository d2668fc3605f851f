/* Inside the network room. */
#pragma once

#include "host/host.h"
#include "network.h"

typedef struct Serving Serving; /* dnsmasq.c */

/* What is watched of an active network, and put right (heal.c). */
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
    guint times;       /* since this daemon began */
    guint in_a_row;    /* of those that did not last */
    gint64 at, before; /* monotonic: the last one; no other one before that */
    gint64 when;       /* of the last one, microseconds since 1970 */
    char *cause;       /* of the last one */
} Mended;

/* What only an active network has, beside its ledger. */
struct NetworkRun {
    Process *dnsmasq;    /* NULL: it has none, or it ended */
    Serving *serving;    /* it was spawned, and is not heard of yet */
    FlowToken exit_wait; /* who waits for dnsmasq's end */
    guint restart;       /* timer of the next try to start it again */
    guint failures;      /* tries in a row that did not last */
    gint64 started;      /* monotonic, of dnsmasq */
    gboolean stopping;
    gboolean renewing;   /* dnsmasq was ended to be started anew */
    char *rules;         /* how the packet filter lists our table; NULL: there is none */
    gboolean rules_due;  /* they may have been changed */
    gboolean others_due; /* others' chains, likewise */
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
/* It is down; a transient one is gone. */
void network_forget_run(Network *n);

/* The files of one network, by what they end in; caller frees. */
char *network_file(const Network *n, const char *ending);  /* below the run folder */
char *network_state(const Network *n, const char *ending); /* below the folder of data */

/* ---- dnsmasq (dnsmasq.c) ------------------------------------------------------------------ */

/* Whether the network needs one: DHCP, DNS, or router advertisements. */
gboolean dnsmasq_is_wanted(const NetworkDef *def);
/* Its configuration, and the files that it reads again on a signal: reservations, names. Pure;
 * caller frees. */
char *dnsmasq_conf(const Network *n);
char *dnsmasq_hosts(const NetworkDef *def); /* --dhcp-hostsfile */
char *dnsmasq_names(const NetworkDef *def); /* --addn-hosts */
/* Rows of start. */
StepResult dnsmasq_start(Flow *f, gpointer obj, GError **err);
StepResult dnsmasq_stop(Flow *f, gpointer obj);
/* The live definition has changed: reservations and names are read again; where that is not enough
 * it is started anew. */
gboolean dnsmasq_reload(Network *n, GError **err);
/* The one that an earlier daemon started is looked for on the host, and started again where it is
 * not. */
void dnsmasq_adopt(Network *n);
void dnsmasq_forget(Network *n); /* it runs on; what is kept of it here goes */

/* It is ended, and started anew at once: what it stands on is another one now. */
void dnsmasq_renew(Network *n);
/* Whether somebody has stopped it (SIGSTOP); then it is told to go on, or, where that was in vain,
 * ended. Caller frees; NULL: it runs. */
char *dnsmasq_unstop(Network *n);
/* A copy of the file of leases that it writes to, where that has lost its name; NULL: it has not.
 * Caller frees. */
char *dnsmasq_lost_leases(const Network *n, gsize *ret_len);

/* ---- the packet filter (firewall.c) -------------------------------------------------------- */

/* Rules of the network in a table of its own, in one transaction that replaces what was there. */
gboolean firewall_apply(const NetworkDef *def, GError **err);
/* Where there is no such table that is success. */
gboolean firewall_remove(const char *bridge, GError **err);

/* What the packet filter has of it now, as text to be compared; NULL: no such table. Caller frees.
 */
char *firewall_listing(const char *bridge);
char *firewall_table(const char *bridge); /* its name; caller frees */

/* ---- chains of other programs (others.c) ----------------------------------------------------- */

/* There is one for others' rules, and it has not all of the network's. */
gboolean others_lack(const NetworkDef *def);
/* Where there is one, the network's rules in it accept what goes by its bridge. */
gboolean others_accept(const NetworkDef *def, GError **err);
gboolean others_forget(const char *bridge, GError **err);

/* ---- flows (steps.c) ------------------------------------------------------------------------ */

extern const FlowTable network_start_table;
/* The live definition on disk, by which a later daemon finds what it runs. */
gboolean network_save_live(const Network *n, GError **err);
/* Lines that the ledger has lost, as the live definition says: undone, they take nothing of others.
 */
void network_restore(Network *n);
/* The first virbrN that neither another network (n may be NULL) nor a link of the host has; NULL:
 * all are taken. Caller frees. */
char *network_free_bridge(const Network *n);
/* Parts of a start: what is there already is left as it is. */
gboolean network_set_bridge_up(const NetworkDef *def,
                               GError **err); /* makes it, with all of those */
gboolean network_set_switches(const NetworkDef *def, GError **err);
gboolean network_set_addresses(const NetworkDef *def, GError **err); /* and routes */
gboolean network_set_rules(Network *n, GError **err);
gboolean network_set_v6(const NetworkDef *def, GError **err);
/* Each route that its bridge has: those of its addresses, and the definition's. */
typedef gboolean (*NetworkRouteEach)(const RouteSpec *spec, gpointer user); /* FALSE: enough */
void network_each_route(const NetworkDef *def, NetworkRouteEach each, gpointer user);
/* How its bridge is made. alias is what spec->alias points to. */
#define BRIDGE_ALIAS_LEN 64
BridgeSpec network_bridge_spec(const NetworkDef *def, char alias[BRIDGE_ALIAS_LEN]);
gboolean network_has_v6(const NetworkDef *def);
gboolean network_has_v4(const NetworkDef *def);

/* ---- what an earlier daemon has begun (recover.c) ---------------------------------------------
 */

/* folder: where live definitions are. FALSE: it cannot be read. */
gboolean networks_recover(const char *folder, GError **err);

/* ---- healing (heal.c) ------------------------------------------------------------------------ */

void heal_init(void);
void heal_done(void);
/* All that is active is looked at, soon. */
void heal_soon(void);
void heal_learn(void); /* and what networks have lent or reserved, for filters */
/* It was put right by itself, or by its owner. */
void heal_count(Network *n, Care care, const char *cause);
/* Guests that run with an interface in it are plugged in again. */
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
/* Some interface has it, or a filter that refers to it. */
gboolean filter_in_force(const char *name);
/* The definition of a filter has changed: so do the interfaces that have it, or none does. */
gboolean filter_rebind(const char *name, GError **err);
void filters_learn(void); /* networks may have lent or reserved other addresses */
void filters_doubt(void); /* somebody may have changed their table */
/* *ret_cause: what was put right; NULL: nothing. Caller frees. Returns in how many milliseconds it
 * wants to be called again; 0: need not. */
guint filters_heal(char **ret_cause);
gboolean filters_have(const char *bridge); /* a link in that bridge has one */
