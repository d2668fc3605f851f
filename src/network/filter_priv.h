/* Filters of packets in force, inside the network room: from rules to what nftables has of them. */
#pragma once

#include "network_priv.h"
#include "nf.h"

/* ---- one rule (filter_match.c) -------------------------------------------------------------- */

/* What packets m is about: a list of expressions. Its values are no variables. reversed: packets
 * that go the other way. NULL: nftables cannot; err names what. */
json_object *filter_match_expressions(const FilterMatch *m, gboolean reversed, GError **err);

/* ---- all rules of one interface (filter_plan.c) -----------------------------------------------
 */

/* Of variables: GPtrArray of values (char *) by name. */
GHashTable *filter_vars_new(void);
void filter_vars_add(GHashTable *vars, const char *name, const char *value);

typedef struct FilterPlan FilterPlan;
/* What a filter and all that it refers to say. */
FilterPlan *filter_plan_new(const char *filter, GHashTable *vars, GError **err);
void filter_plan_free(FilterPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterPlan, filter_plan_free)
gboolean filter_plan_has(const FilterPlan *plan, const char *filter); /* it is part of it */
/* Adds commands that make the chains of a link, and the names of those to a set. */
void filter_plan_put(const FilterPlan *plan, const char *link, json_object *commands,
                     GHashTable *names);

/* The table of all: bridge vmd-filter. A chain of a link is LINK/out, LINK/out/arp-ip, LINK/in-l3;
 * base chains and maps have the second word as their name. */
#define FILTER_TABLE "vmd-filter"
extern const char *const filter_sides[]; /* "out", "in", "out-l3", "in-l3"; ended by NULL */
void filter_command(json_object *commands, const char *verb, const char *kind, json_object *what);
json_object *filter_thing(const char *name); /* a member of that table */
