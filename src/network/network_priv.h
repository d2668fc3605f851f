/* Inside the network room. */
#pragma once

#include "host/host.h"
#include "network.h"

typedef struct Serving Serving; /* dnsmasq.c */

/* What only an active network has, beside its ledger. */
struct NetworkRun {
    Process *dnsmasq;    /* NULL: it has none, or it ended */
    Serving *serving;    /* it was spawned, and is not heard of yet */
    FlowToken exit_wait; /* who waits for dnsmasq's end */
    guint restart;       /* timer of the next try to start it again */
    guint failures;      /* tries in a row that did not last */
    gint64 started;      /* monotonic, of dnsmasq */
    gboolean stopping;
};

extern const Paths *network_paths;

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

/* ---- the packet filter (firewall.c) -------------------------------------------------------- */

/* Rules of the network in a table of its own, in one transaction that replaces what was there. */
gboolean firewall_apply(const NetworkDef *def, GError **err);
/* Where there is no such table that is success. */
gboolean firewall_remove(const char *bridge, GError **err);

/* ---- flows (steps.c) ------------------------------------------------------------------------ */

extern const FlowTable network_start_table;
/* The first virbrN that neither another network (n may be NULL) nor a link of the host has; NULL:
 * all are taken. Caller frees. */
char *network_free_bridge(const Network *n);

/* ---- filters of packets (filter.c) ------------------------------------------------------- */

gboolean filters_init(const Paths *paths, GError **err);
void filters_done(void);
