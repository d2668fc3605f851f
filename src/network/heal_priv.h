/* Between what is cared for (cares.c, ports.c) and who cares (heal.c). Inside the network room. */
#pragma once

#include "filter_priv.h"

/* The host's links as of this look; NULL: they must be looked at (again). */
typedef struct HostView {
    HostLinks *links;
} HostView;

const HostLink *view_link(HostView *p, const char *name); /* NULL: none, or nobody knows */
/* Our bridge, under its name. */
const HostLink *view_bridge(HostView *p, const Network *n);

typedef struct CareKind {
    const char *what;
    gboolean others; /* also where the bridge is not the network's own */
    char *(*wrong)(const Network *n, HostView *p); /* NULL: nothing is. Caller frees */
    gboolean (*repair)(Network *n, HostView *p, GError **err);
} CareKind;
extern const CareKind cares[N_CARES];

/* Somebody who undoes it so often, each time before it has held so long, means it: then it is put
 * right less and less often. */
#define HEAL_IN_A_ROW  10
#define HEAL_LASTS_US  (5 * G_USEC_PER_SEC)
#define HEAL_SLOWEST_S 60

#define BUSY_MS 1000 /* until those are looked at again that were just being changed */
void heal_in(guint ms);
gboolean heal_leases_folder(GError **err); /* where there is none, it is made */

/* ---- links of guests (ports.c) ----------------------------------------------------------------
 */

char *ports_wrong(const Network *n, HostView *p);
gboolean ports_repair(Network *n, HostView *p, GError **err);
/* Those in bridges that no network has. */
void ports_heal_others(HostView *p);
void ports_adopt(Network *n);
/* Whether one of the network's ports has that link. */
gboolean ports_have(const Network *n, const char *link);

/* ---- how fast links are (speed.c) -------------------------------------------------------------
 */

/* Told for each link whose limit somebody has taken away, after it is in force again. */
typedef void (*SpeedHealed)(const char *link, const char *cause);
void speed_doubt_table(const char *table); /* NULL: of any */
void speed_doubt_link(guint index);        /* 0: of any */
guint speed_heal(SpeedHealed healed); /* in how many ms it wants to be called again; 0: need not */
void speed_done(void);
