/* Filters of packets in force: from a filter's rules to nftables' rules. Inside the network room
 * only. */
#pragma once

#include "network_priv.h"
#include "nf.h"

/* ---- one rule (filter_match.c) -------------------------------------------------------------- */

/* The packets that m matches, as a list of nftables' expressions. m must have no variables.
 * reversed: for packets in the other direction. NULL: nftables cannot match that; err names it. */
json_object *filter_match_expressions(const FilterMatch *m, gboolean reversed, GError **err);

/* ---- all rules of one interface (filter_plan.c) -----------------------------------------------
 */

/* Variables of filters: name -> GPtrArray of values (char *). */
GHashTable *filter_vars_new(void);
void filter_vars_add(GHashTable *vars, const char *name, const char *value);

typedef struct FilterPlan FilterPlan;
/* Collects the rules of a filter and of all filters that it refers to. Free with filter_plan_free.
 * NULL and an error: a filter or a variable is missing. */
FilterPlan *filter_plan_new(const char *filter, GHashTable *vars, GError **err);
void filter_plan_free(FilterPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterPlan, filter_plan_free)
gboolean filter_plan_has(const FilterPlan *plan,
                         const char *filter); /* whether the plan has rules of that filter */
/* Appends the commands that make the chains of a link, and adds the names of the chains to the set.
 */
void filter_plan_put(const FilterPlan *plan, const char *link, json_object *commands,
                     GHashTable *names);

/* The one table of all filters, of family bridge. Chains of a link are called LINK/out,
 * LINK/out/arp-ip, LINK/in-l3 and so on; base chains and maps are called by the part after the
 * first slash. */
#define FILTER_TABLE "vmd-filter"
extern const char *const filter_sides[]; /* "out", "in", "out-l3", "in-l3"; ended by NULL */
void filter_command(json_object *commands, const char *verb, const char *kind, json_object *what);
json_object *filter_thing(const char *name); /* the JSON that names a chain or map of that table */
