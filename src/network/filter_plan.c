/* What a filter makes of an interface: chains of nftables, from all the filters that it refers to
 * and the values of their variables.
 *
 * Packets are looked at twice each way. The chains "out" and "in" have the rules about frames
 * (mac, vlan, stp, arp, rarp, ip, ipv6), and jump to those of filters that name another chain than
 * root; "out-l3" and "in-l3" have the rules about connections (tcp, udp, all, ...). A packet must
 * pass both: "accept" ends one of them. "out" is what the guest sends.
 */
#include <stdlib.h>
#include <string.h>

#include "filter_priv.h"

#define RULES_MOST 8192
#define DEPTH_MOST 64

const char *const filter_sides[] = { "out", "in", "out-l3", "in-l3", NULL };
enum { SIDE_OUT, SIDE_IN, SIDE_OUT_L3, SIDE_IN_L3, N_SIDES };
enum { ACTION_DROP = 1, ACTION_ACCEPT, ACTION_REJECT, ACTION_RETURN, ACTION_CONTINUE };
enum { DIRECTION_IN = 1, DIRECTION_OUT, DIRECTION_INOUT };

typedef struct PlanRule {
    gint32 priority;
    json_object *expressions;
} PlanRule;

typedef struct PlanChain {
    guint side;
    char *name; /* "root", "arp-ip" */
    gint32 priority;
    GPtrArray *rules; /* PlanRule */
} PlanChain;

struct FilterPlan {
    GPtrArray *chains; /* PlanChain; roots and others, as they were met */
    GHashTable *filters;
    guint rules;
};

/* ---- variables */

static void
values_free(gpointer values)
{
    g_ptr_array_unref(values);
}

GHashTable *
filter_vars_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, values_free);
}

void
filter_vars_add(GHashTable *vars, const char *name, const char *value)
{
    GPtrArray *values = g_hash_table_lookup(vars, name);

    if (!values) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(vars, g_strdup(name), values);
    }
    g_ptr_array_add(values, g_strdup(value));
}

/* The variables for a referenced filter: values in the reference replace earlier ones. */
static GHashTable *
vars_with(GHashTable *vars, const GPtrArray *params)
{
    GHashTable *all = filter_vars_new();
    GHashTableIter at;
    gpointer name, values;

    EACH (const FilterParam, p, params)
        filter_vars_add(all, p->name, p->value);
    g_hash_table_iter_init(&at, vars);
    while (g_hash_table_iter_next(&at, &name, &values))
        if (!g_hash_table_contains(all, name))
            g_hash_table_insert(all, g_strdup(name), g_ptr_array_ref(values));
    return all;
}

/* "$A", "$A[3]", "$A[@1]": which values of A are meant. */
typedef struct Variable {
    char *name;
    gboolean in_step;
    guint64 number; /* in step: of who goes in step; else the one that is meant */
} Variable;

static Variable
variable_of(const char *text)
{
    gsize len = strcspn(text + 1, "[");
    const char *inside = text[1 + len] ? text + 2 + len : "@0";
    gboolean in_step = *inside == '@';

    return (Variable){ g_strndup(text + 1, len), in_step,
                       g_ascii_strtoull(inside + in_step, NULL, 10) };
}

/* ---- a rule for each combination of its variables' values */

typedef struct RulePlan {
    FilterPlan *plan;
    const NwfilterDef *filter;
    const FilterEntry *entry;
    GHashTable *vars;
    GArray *steps; /* StepOf: of those numbers that go on by themselves */
} RulePlan;

typedef struct StepOf {
    guint64 number;
    guint length, at;
} StepOf;

static StepOf *
step_find(const RulePlan *r, guint64 number)
{
    for (guint i = 0; i < r->steps->len; i++)
        if (g_array_index(r->steps, StepOf, i).number == number)
            return &g_array_index(r->steps, StepOf, i);
    return NULL;
}

static gboolean
note_variable(RulePlan *r, const Variable *v, GError **err)
{
    const GPtrArray *values = g_hash_table_lookup(r->vars, v->name);
    StepOf *step = v->in_step ? step_find(r, v->number) : NULL;

    if (!values)
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "filter '%s' needs a value for its variable '%s': a <parameter> of <filterref>%s",
            r->filter->name, v->name,
            strcmp(v->name, "IP") == 0 ? ", or an address of a network with DHCP" : "");
    if (!v->in_step && v->number >= values->len)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "filter '%s': variable '%s' has no value number %" G_GUINT64_FORMAT,
                    r->filter->name, v->name, v->number);
    if (step && step->length != values->len)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "filter '%s': variable '%s' must have as many values as those beside it",
                    r->filter->name, v->name);
    if (v->in_step && !step) {
        const StepOf added = { v->number, values->len, 0 };
        g_array_append_val(r->steps, added);
    }
    return TRUE;
}

static gboolean
note_variables(RulePlan *r, const FilterMatch *m, GError **err)
{
    for (FilterValue v = 0; v < N_FILTER_VALUES; v++) {
        gboolean ok = TRUE;
        if (m->values[v] && m->values[v][0] == '$') {
            Variable variable = variable_of(m->values[v]);
            ok = note_variable(r, &variable, err);
            g_free(variable.name);
        }
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean
next_combination(const RulePlan *r)
{
    for (guint i = 0; i < r->steps->len; i++) {
        StepOf *step = &g_array_index(r->steps, StepOf, i);
        if (++step->at < step->length)
            return TRUE;
        step->at = 0;
    }
    return FALSE;
}

static void
match_clear(FilterMatch *m)
{
    for (FilterValue v = 0; v < N_FILTER_VALUES; v++)
        g_clear_pointer(&m->values[v], g_free);
}

static gboolean
set_variable(const RulePlan *r, FilterMatch *m, FilterValue v, const char *text, GError **err)
{
    Variable variable = variable_of(text);
    const GPtrArray *values = g_hash_table_lookup(r->vars, variable.name);
    guint64 at = variable.in_step ? step_find(r, variable.number)->at : variable.number;
    const char *value = values->pdata[at];
    gboolean ok = filter_match_set(m, v, value);

    if (!ok)
        fail(err, ERR_CONFIG_UNSUPPORTED, "filter '%s': '%s' cannot be the value of '%s' of <%s>",
             r->filter->name, value, filter_value_word(v),
             filter_protocol_word((FilterProtocol)m->protocol));
    g_free(variable.name);
    return ok;
}

static gboolean
match_with_values(const RulePlan *r, const FilterMatch *m, FilterMatch *ret_match, GError **err)
{
    *ret_match = (FilterMatch){ .protocol = m->protocol };
    for (FilterValue v = 0; v < N_FILTER_VALUES; v++) {
        const char *text = m->values[v];
        if (text && text[0] == '$') {
            if (!set_variable(r, ret_match, v, text, err))
                return FALSE;
        } else {
            ret_match->values[v] = g_strdup(text);
        }
    }
    return TRUE;
}

/* ---- into chains */

static void
rule_free(gpointer data)
{
    PlanRule *rule = data;

    json_object_put(rule->expressions);
    g_free(rule);
}

static void
chain_free(gpointer data)
{
    PlanChain *chain = data;

    g_ptr_array_unref(chain->rules);
    g_free(chain->name);
    g_free(chain);
}

static PlanChain *
plan_chain(FilterPlan *plan, guint side, const char *name, gint32 priority)
{
    PlanChain *chain;

    for (guint i = 0; i < plan->chains->len; i++) {
        chain = plan->chains->pdata[i];
        if (chain->side == side && strcmp(chain->name, name) == 0)
            return chain;
    }
    chain = g_new0(PlanChain, 1);
    *chain = (PlanChain){ side, g_strdup(name), priority,
                          g_ptr_array_new_with_free_func(rule_free) };
    g_ptr_array_add(plan->chains, chain);
    return chain;
}

static void
chain_add(PlanChain *chain, gint32 priority, json_object *expressions)
{
    PlanRule *rule = g_new(PlanRule, 1);

    *rule = (PlanRule){ priority, expressions };
    g_ptr_array_add(chain->rules, rule);
}

/* "reject" drops without an answer, because bridges cannot answer in both directions. A root chain
 * is left only by "accept": see bindings.c. */
static const char *
verdict_of(const RulePlan *r, const PlanChain *chain)
{
    static const char *const verdicts[] = { NULL, "drop", "accept", "drop", "return", NULL };
    gboolean leaves = r->entry->action == ACTION_RETURN && strcmp(chain->name, "root") == 0;

    return verdicts[leaves ? ACTION_ACCEPT : r->entry->action];
}

static gboolean
put_rule(const RulePlan *r, guint side, json_object *expressions, GError **err)
{
    gboolean l3 = side >= SIDE_OUT_L3;
    PlanChain *chain = l3 ? plan_chain(r->plan, side, "root", 0)
                          : plan_chain(r->plan, side, r->filter->chain, r->filter->priority);

    if (!expressions)
        return fail_prefix(err, "filter '%s': ", r->filter->name);
    json_object_array_add(expressions, nf_verdict(verdict_of(r, chain)));
    chain_add(chain, r->entry->priority, expressions);
    return ++r->plan->rules <= RULES_MOST ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "filter '%s' makes more than %d rules",
                r->filter->name, RULES_MOST);
}

static json_object *
expressions_of(const FilterMatch *m, gboolean reversed, GError **err)
{
    return m ? filter_match_expressions(m, reversed, err) : json_object_new_array();
}

/* A rule for both directions describes packets to the guest; for packets from it the rule is
 * reversed. */
static gboolean
put_frames(const RulePlan *r, const FilterMatch *m, GError **err)
{
    int direction = r->entry->direction;

    return (direction == DIRECTION_IN ||
            put_rule(r, SIDE_OUT, expressions_of(m, direction == DIRECTION_INOUT, err), err)) &&
           (direction == DIRECTION_OUT || put_rule(r, SIDE_IN, expressions_of(m, FALSE, err), err));
}

/* ---- connections */

/* Whether the kernel can tell connections apart in the family bridge: asked once. */
static gboolean
kernel_has_ct(void)
{
    static int known; /* 1: no, 2: yes */
    json_object *commands;

    if (known)
        return known == 2;
    commands = json_object_new_array();
#define PROBE "vmd-filter-probe"
    filter_command(commands, "add", "table",
                   json_make("family", 's', "bridge", "name", 's', PROBE, NULL));
    filter_command(commands, "add", "chain",
                   json_make("family", 's', "bridge", "table", 's', PROBE, "name", 's', "c", NULL));
    filter_command(
        commands, "add", "rule",
        json_make("family", 's', "bridge", "table", 's', PROBE, "chain", 's', "c", "expr", 'o',
                  nf_array(nf_match("in", nf_wrap("ct", json_make("key", 's', "state", NULL)),
                                    nf_words("new", "established")),
                           NULL),
                  NULL));
    filter_command(commands, "delete", "table",
                   json_make("family", 's', "bridge", "name", 's', PROBE, NULL));
    known = nf_run(commands, NULL, NULL) ? 2 : 1;
    json_object_put(commands);
    return known == 2;
}

static gboolean
needs_ct(const RulePlan *r, const FilterMatch *m, GError **err)
{
    return kernel_has_ct() ||
           fail(
               err, ERR_CONFIG_UNSUPPORTED,
               "filter '%s': a rule for <%s> asks for connections, which this kernel cannot follow "
               "on bridges (no nf_conntrack_bridge); rules with statematch='false' work",
               r->filter->name, filter_protocol_word((FilterProtocol)m->protocol));
}

/* words: "NEW,ESTABLISHED". */
static void
add_state(json_object *expressions, const char *words)
{
    g_autofree char *small = g_ascii_strdown(words, -1);
    g_auto(GStrv) said = g_strsplit(small, ",", -1);
    json_object *list = json_object_new_array();

    for (char **word = said; *word; word++)
        json_object_array_add(list, json_object_new_string(*word));
    json_object_array_add(
        expressions, nf_match("in", nf_wrap("ct", json_make("key", 's', "state", NULL)), list));
}

static void
add_limit(json_object *expressions, const FilterMatch *m)
{
    json_object_array_add(
        expressions,
        nf_wrap("ct count", json_make("val", 'i', (gint64)filter_number(m->values[BY_CONNLIMIT]),
                                      "inv", 'b', m->values[BY_MATCH] == NULL, NULL)));
}

typedef struct RuleWay {
    guint side;
    gboolean reversed;
    const char *state; /* NULL: whatever it is */
} RuleWay;

static gboolean
put_way(const RulePlan *r, const FilterMatch *m, const RuleWay *way, GError **err)
{
    json_object *expressions = filter_match_expressions(m, way->reversed, err);

    if (expressions && way->state)
        add_state(expressions, way->state);
    if (expressions && m->values[BY_CONNLIMIT])
        add_limit(expressions, m);
    return put_rule(r, way->side, expressions, err);
}

/* A packet that a rule accepts is accepted in the other direction too: its answers only, or, where
 * states of connections do not count, all packets with its addresses and ports exchanged. */
static gboolean
put_traffic(const RulePlan *r, const FilterMatch *m, GError **err)
{
    const FilterEntry *e = r->entry;
    const char *asked = m->values[BY_STATE];
    gboolean accepts = e->action == ACTION_ACCEPT, none = asked && strcmp(asked, "NONE") == 0;
    gboolean follows = accepts && !asked && !e->statematch;
    gboolean out = e->direction == DIRECTION_OUT;
    const char *state = follows ? "NEW,ESTABLISHED" : none ? NULL : asked;
    const char *answers = follows ? "ESTABLISHED" : state ? "ESTABLISHED,RELATED" : NULL;
    RuleWay ways[] = { { out ? SIDE_OUT_L3 : SIDE_IN_L3, FALSE, state },
                       { out ? SIDE_IN_L3 : SIDE_OUT_L3, TRUE, answers } };

    if ((state || m->values[BY_CONNLIMIT]) && !needs_ct(r, m, err))
        return FALSE;
    if (e->direction == DIRECTION_INOUT)
        ways[1].state = state;
    if (!put_way(r, m, &ways[0], err))
        return FALSE;
    return !(accepts || e->direction == DIRECTION_INOUT) || m->values[BY_CONNLIMIT] ||
           put_way(r, m, &ways[1], err);
}

/* ---- walking through filters */

static gboolean
put_combination(const RulePlan *r, const FilterMatch *m, GError **err)
{
    FilterMatch values;
    gboolean ok = match_with_values(r, m, &values, err);

    if (ok)
        ok = m->protocol >= FILTER_TCP ? put_traffic(r, &values, err) : put_frames(r, &values, err);
    match_clear(&values);
    return ok;
}

static gboolean
put_entry(RulePlan *r, GError **err)
{
    const FilterMatch *m = list_item(r->entry->matches, 0);

    if (r->entry->action == ACTION_CONTINUE)
        return TRUE;
    if (!m)
        return put_frames(r, NULL, err);
    if (!note_variables(r, m, err))
        return FALSE;
    do {
        if (!put_combination(r, m, err))
            return FALSE;
    } while (next_combination(r));
    return TRUE;
}

static gboolean walk(FilterPlan *plan, const char *name, GHashTable *vars, guint depth,
                     GError **err);

static gboolean
walk_entry(FilterPlan *plan, const NwfilterDef *def, const FilterEntry *e, GHashTable *vars,
           guint depth, GError **err)
{
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(StepOf));
    RulePlan r = { plan, def, e, vars, steps };

    if (e->kind == FILTER_REF) {
        g_autoptr(GHashTable) inner = vars_with(vars, e->params);
        return walk(plan, e->filter, inner, depth + 1, err);
    }
    return put_entry(&r, err);
}

static gboolean
walk(FilterPlan *plan, const char *name, GHashTable *vars, guint depth, GError **err)
{
    const Nwfilter *f = nwfilter_get_name(name, err);

    if (!f)
        return FALSE;
    if (!f->def)
        return fail(err, ERR_XML, "definition of filter '%s' cannot be read: %s", name, f->broken);
    if (depth > DEPTH_MOST)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "filter '%s' stands too deep in others", name);
    g_hash_table_add(plan->filters, g_strdup(name));
    EACH (const FilterEntry, e, f->def->entries)
        if (!walk_entry(plan, f->def, e, vars, depth, err))
            return FALSE;
    return TRUE;
}

/* ---- order, and roots */

static gint
by_priority(gconstpointer a, gconstpointer b)
{
    const PlanRule *x = *(const PlanRule *const *)a, *y = *(const PlanRule *const *)b;

    return x->priority < y->priority ? -1 : x->priority > y->priority;
}

/* The packets that a chain is for, by how its name begins. */
static json_object *
packets_of(const char *chain)
{
    static const struct {
        const char *prefix;
        guint ether;
    } kinds[] = { { "vlan", 0x8100 },
                  { "arp", 0x806 },
                  { "rarp", 0x8035 },
                  { "ipv4", 0x800 },
                  { "ipv6", 0x86dd } };
    json_object *list = json_object_new_array();

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(chain, kinds[i].prefix))
            json_object_array_add(
                list, nf_match("==", nf_field("ether", "type"), nf_number(kinds[i].ether)));
    if (g_str_has_prefix(chain, "stp"))
        json_object_array_add(list, nf_match("==", nf_field("ether", "daddr"),
                                             json_object_new_string("01:80:c2:00:00:00")));
    return list;
}

/* Jumps go before rules of the root with the same priority. Where a jump leads stands in place of
 * its verdict until the link is known. */
static void
add_jumps(FilterPlan *plan)
{
    for (guint i = 0, n = plan->chains->len; i < n; i++) {
        PlanChain *chain = plan->chains->pdata[i], *root;
        json_object *expressions;

        if (strcmp(chain->name, "root") == 0)
            continue;
        expressions = packets_of(chain->name);
        json_object_array_add(expressions, json_object_new_string(chain->name));
        root = plan_chain(plan, chain->side, "root", 0);
        chain_add(root, chain->priority, expressions);
        g_ptr_array_insert(root->rules, 0,
                           g_ptr_array_steal_index(root->rules, root->rules->len - 1));
    }
    for (guint side = 0; side < N_SIDES; side++)
        plan_chain(plan, side, "root", 0);
    for (guint i = 0; i < plan->chains->len; i++)
        g_ptr_array_sort(((PlanChain *)plan->chains->pdata[i])->rules, by_priority); /* stable */
}

FilterPlan *
filter_plan_new(const char *filter, GHashTable *vars, GError **err)
{
    g_autoptr(FilterPlan) plan = g_new0(FilterPlan, 1);

    plan->chains = g_ptr_array_new_with_free_func(chain_free);
    plan->filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!walk(plan, filter, vars, 0, err))
        return NULL;
    add_jumps(plan);
    return g_steal_pointer(&plan);
}

void
filter_plan_free(FilterPlan *plan)
{
    if (!plan)
        return;
    g_ptr_array_unref(plan->chains);
    g_hash_table_unref(plan->filters);
    g_free(plan);
}

gboolean
filter_plan_has(const FilterPlan *plan, const char *filter)
{
    return g_hash_table_contains(plan->filters, filter);
}

/* ---- commands */

void
filter_command(json_object *commands, const char *verb, const char *kind, json_object *what)
{
    json_object_array_add(commands, nf_wrap(verb, nf_wrap(kind, what)));
}

json_object *
filter_thing(const char *name)
{
    return json_make("family", 's', "bridge", "table", 's', FILTER_TABLE, "name", 's', name, NULL);
}

static char *
chain_name(const PlanChain *chain, const char *link)
{
    const char *side = filter_sides[chain->side];

    return strcmp(chain->name, "root") == 0 ? g_strdup_printf("%s/%s", link, side)
                                            : g_strdup_printf("%s/%s/%s", link, side, chain->name);
}

static json_object *
jump_to(const char *chain)
{
    return nf_wrap("jump", json_make("target", 's', chain, NULL));
}

/* A copy in which a jump has its target. */
static json_object *
expressions_for(const PlanChain *chain, const PlanRule *rule, const char *link)
{
    json_object *list = json_object_new_array();

    for (gsize i = 0; i < json_length(rule->expressions); i++) {
        json_object *e = json_object_array_get_idx(rule->expressions, i);
        if (json_object_is_type(e, json_type_string)) {
            g_autofree char *target = g_strdup_printf("%s/%s/%s", link, filter_sides[chain->side],
                                                      json_object_get_string(e));
            json_object_array_add(list, jump_to(target));
        } else {
            json_object_array_add(list, json_object_get(e));
        }
    }
    return list;
}

static void
put_rules(const PlanChain *chain, const char *link, json_object *commands)
{
    g_autofree char *name = chain_name(chain, link);

    for (guint i = 0; i < chain->rules->len; i++)
        filter_command(commands, "add", "rule",
                       json_make("family", 's', "bridge", "table", 's', FILTER_TABLE, "chain", 's',
                                 name, "expr", 'o',
                                 expressions_for(chain, chain->rules->pdata[i], link), NULL));
    if (strcmp(chain->name, "root") == 0)
        filter_command(commands, "add", "rule",
                       json_make("family", 's', "bridge", "table", 's', FILTER_TABLE, "chain", 's',
                                 name, "expr", 'o', nf_array(nf_verdict("accept"), NULL), NULL));
}

/* Every side has a root chain, so that a link is in all maps or in none. */
static void
put_element(const PlanChain *chain, const char *link, json_object *commands)
{
    g_autofree char *name = chain_name(chain, link);
    json_object *what = filter_thing(filter_sides[chain->side]);

    json_object_object_add(
        what, "elem", nf_array(nf_array(json_object_new_string(link), jump_to(name), NULL), NULL));
    filter_command(commands, "add", "element", what);
}

void
filter_plan_put(const FilterPlan *plan, const char *link, json_object *commands, GHashTable *names)
{
    for (guint i = 0; i < plan->chains->len; i++) {
        char *name = chain_name(plan->chains->pdata[i], link);
        filter_command(commands, "add", "chain", filter_thing(name));
        g_hash_table_add(names, name);
    }
    for (guint i = 0; i < plan->chains->len; i++)
        put_rules(plan->chains->pdata[i], link, commands);
    for (guint i = 0; i < plan->chains->len; i++)
        if (strcmp(((PlanChain *)plan->chains->pdata[i])->name, "root") == 0)
            put_element(plan->chains->pdata[i], link, commands);
}
