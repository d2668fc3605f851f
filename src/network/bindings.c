/* Filters in force: which interface of a guest has which, and the table of nftables that does it,
 * bridge vmd-filter. A base chain for each way looks the link up in a map, and jumps to its chains:
 * a packet costs the same however many guests there are. The chains of a link are replaced in one
 * transaction. A packet that is under way at that very moment may find the base chain of before and
 * a link's chain of after, which is empty to it: so chains of links end with "accept", and what
 * comes back to the base chain is dropped if its link is in the set of those that have a filter.
 *
 * What the kernel has is read once, when the daemon begins; from then on it is known, rule by rule.
 */
#include <string.h>
#include <sys/socket.h>

#include "heal_priv.h"

#define LINKS "links"

struct FilterBinding {
    char *link, *filter, *owner;
    char *network;     /* that tells its address; NULL: none does */
    char *bridge;      /* that its link is in; NULL: none */
    GPtrArray *params; /* FilterParam, as the interface has them */
    guint8 mac[6], owner_uuid[UUID_LEN];
    GHashTable *vars;
    FilterPlan *plan;
};

static GHashTable *bindings; /* by link */
static GHashTable *chains;   /* link: GHashTable of names of its chains that the kernel has */
static gboolean table_known; /* the kernel has the table with its base chains and maps */
static gboolean table_due;   /* it may have been changed by others */
static gboolean all_known;   /* the links of all guests that an earlier daemon has left */
static GHashTable *marks;    /* of rules, by chain, as the kernel gave them; NULL: none are known */
static gint64 rebuilt;       /* monotonic */
static guint in_a_row;       /* times that it was put right, each soon after the one before */

/* ---- the table */

static const struct {
    const char *hook, *key;
    gint64 priority;
} bases[] = { { "prerouting", "iifname", -300 },
              { "postrouting", "oifname", -300 },
              { "prerouting", "iifname", 0 },
              { "postrouting", "oifname", 0 } };

static json_object *
look_up(guint side)
{
    g_autofree char *map = g_strconcat("@", filter_sides[side], NULL);

    return nf_wrap("vmap", json_make("key", 'o', nf_meta(bases[side].key), "data", 's', map, NULL));
}

static json_object *
is_filtered(guint side)
{
    return nf_match("==", nf_meta(bases[side].key), json_object_new_string("@" LINKS));
}

static void
add_base_rule(json_object *commands, const char *chain, json_object *expressions)
{
    filter_command(commands, "add", "rule",
                   json_make("family", 's', "bridge", "table", 's', FILTER_TABLE, "chain", 's',
                             chain, "expr", 'o', expressions, NULL));
}

static void
add_base_chain(json_object *commands, const char *name, const char *hook, gint64 priority)
{
    json_object *chain = filter_thing(name);

    json_object_object_add(chain, "type", json_object_new_string("filter"));
    json_object_object_add(chain, "hook", json_object_new_string(hook));
    json_object_object_add(chain, "prio", json_object_new_int64(priority));
    json_object_object_add(chain, "policy", json_object_new_string("accept"));
    filter_command(commands, "add", "chain", chain);
}

static void
add_base(json_object *commands, guint side)
{
    const char *name = filter_sides[side];
    json_object *map = filter_thing(name);

    json_object_object_add(map, "type", json_object_new_string("ifname"));
    json_object_object_add(map, "map", json_object_new_string("verdict"));
    filter_command(commands, "add", "map", map);
    add_base_chain(commands, name, bases[side].hook, bases[side].priority);
    add_base_rule(commands, name, nf_array(look_up(side), NULL));
    add_base_rule(commands, name, nf_array(is_filtered(side), nf_verdict("drop"), NULL));
}

static json_object *
is_reserved(void)
{
    return nf_match(
        "==", nf_masked(nf_field("ether", "daddr"), json_object_new_string("ff:ff:ff:ff:ff:f0")),
        json_object_new_string("01:80:c2:00:00:00"));
}

/* Adds the chain for frames that a bridge does not forward (spanning tree): they do not pass the
 * hooks of the other chains. */
static void
add_own_base(json_object *commands)
{
    add_base_chain(commands, "own", "input", -300);
    add_base_rule(commands, "own", nf_array(is_reserved(), look_up(0), NULL));
    add_base_rule(commands, "own",
                  nf_array(is_reserved(), is_filtered(0), nf_verdict("drop"), NULL));
}

static json_object *
whole_table(void)
{
    return json_make("family", 's', "bridge", "name", 's', FILTER_TABLE, NULL);
}

/* Adding what is there is no error, deleting what is not there is one. */
static void
remove_table(json_object *commands)
{
    filter_command(commands, "add", "table", whole_table());
    filter_command(commands, "delete", "table", whole_table());
}

static void
add_table(json_object *commands)
{
    json_object *set = filter_thing(LINKS);

    remove_table(commands);
    filter_command(commands, "add", "table", whole_table());
    json_object_object_add(set, "type", json_object_new_string("ifname"));
    filter_command(commands, "add", "set", set);
    for (guint side = 0; filter_sides[side]; side++)
        add_base(commands, side);
    add_own_base(commands);
}

/* ---- the chains of a link */

/* Adding a link that is there is no error, so it stays in the set while its chains are replaced. */
static void
put_in_set(json_object *commands, const char *verb, const char *link)
{
    json_object *what = filter_thing(LINKS);

    json_object_object_add(what, "elem", nf_array(json_object_new_string(link), NULL));
    filter_command(commands, verb, "element", what);
}

static void
remove_elements(json_object *commands, const char *link, GHashTable *names)
{
    for (guint side = 0; filter_sides[side]; side++) {
        g_autofree char *root = g_strdup_printf("%s/%s", link, filter_sides[side]);
        json_object *what;

        if (!g_hash_table_contains(names, root))
            continue;
        what = filter_thing(filter_sides[side]);
        json_object_object_add(what, "elem", nf_array(json_object_new_string(link), NULL));
        filter_command(commands, "delete", "element", what);
    }
}

static void
remove_chains(json_object *commands, const char *link)
{
    GHashTable *names = g_hash_table_lookup(chains, link);
    static const char *const verbs[] = { "flush", "delete" };

    if (!names)
        return;
    remove_elements(commands, link, names);
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        GHashTableIter at;
        gpointer name;

        g_hash_table_iter_init(&at, names);
        while (g_hash_table_iter_next(&at, &name, NULL))
            filter_command(commands, verbs[i], "chain", filter_thing(name));
    }
}

static GHashTable *
names_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* Whatever is said of chains takes the place of what was known of them. */
static gboolean
tell_kernel(json_object *commands, GError **err)
{
    g_autofree char *said = NULL;
    g_autoptr(GHashTable) told = NULL;
    GHashTableIter at;
    gpointer chain, mark;
    gboolean ok = nf_run_told(commands, &said, err);

    json_object_put(commands);
    if (!ok)
        return FALSE;
    if (!marks)
        marks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    told = nf_marks(said, FILTER_TABLE);
    g_hash_table_iter_init(&at, told);
    while (g_hash_table_iter_next(&at, &chain, &mark))
        g_hash_table_replace(marks, g_strdup(chain), g_strdup(mark));
    return TRUE;
}

/* Everything anew. */
static gboolean
put_all(GError **err)
{
    json_object *commands = json_object_new_array();
    g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                      (GDestroyNotify)g_hash_table_unref);
    GHashTableIter at;
    gpointer link, binding;

    add_table(commands);
    g_hash_table_iter_init(&at, bindings);
    while (g_hash_table_iter_next(&at, &link, &binding)) {
        GHashTable *names = names_new();
        put_in_set(commands, "add", link);
        filter_plan_put(((FilterBinding *)binding)->plan, link, commands, names);
        g_hash_table_insert(all, g_strdup(link), names);
    }
    g_clear_pointer(&marks, g_hash_table_unref);
    if (!tell_kernel(commands, err))
        return FALSE;
    table_known = TRUE;
    g_hash_table_unref(chains);
    chains = g_steal_pointer(&all);
    return TRUE;
}

static gboolean
put_link(const char *link, const FilterPlan *plan, GError **err)
{
    json_object *commands = json_object_new_array();
    GHashTable *names = names_new();
    gboolean ok;

    if (!table_known)
        add_table(commands);
    put_in_set(commands, "add", link);
    remove_chains(commands, link);
    filter_plan_put(plan, link, commands, names);
    ok = tell_kernel(commands, err);
    if (ok) {
        table_known = TRUE;
        g_hash_table_replace(chains, g_strdup(link), names);
    } else {
        g_hash_table_unref(names);
    }
    return ok;
}

/* Removes a link's chains; with the last link the table goes too. */
static gboolean
remove_link(const char *link, GError **err)
{
    json_object *commands = json_object_new_array();
    gboolean last = g_hash_table_size(chains) == 1, ok;

    if (last) {
        remove_table(commands);
    } else {
        put_in_set(commands, "delete", link);
        remove_chains(commands, link);
    }
    ok = nf_run(commands, NULL, err);
    json_object_put(commands);
    if (!ok)
        return FALSE;
    g_hash_table_remove(chains, link);
    if (last)
        g_clear_pointer(&marks, g_hash_table_unref);
    table_known = table_known && !last;
    return TRUE;
}

/* ---- bindings */

static void
binding_free(gpointer data)
{
    FilterBinding *b = data;

    EACH (FilterParam, p, b->params) {
        g_free(p->name);
        g_free(p->value);
        g_free(p);
    }
    g_clear_pointer(&b->params, g_ptr_array_unref);
    g_clear_pointer(&b->vars, g_hash_table_unref);
    filter_plan_free(b->plan);
    g_free(b->link);
    g_free(b->filter);
    g_free(b->owner);
    g_free(b->network);
    g_free(b->bridge);
    g_free(b);
}

static void
mac_text(const guint8 mac[6], char ret_text[18])
{
    g_snprintf(ret_text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
               mac[4], mac[5]);
}

/* The address of a guest that has none yet: with it a guest may ask for one by DHCP, and check
 * whether an address is free. */
#define NO_ADDRESS "0.0.0.0"

/* The address that the network has reserved for a MAC address or leased to it. The caller frees it;
 * NULL: none. */
static char *
address_of(Network *n, const char *mac)
{
    g_autoptr(GPtrArray) leases = NULL;

    EACH (const NetworkIp, ip, n->live->ips)
        EACH (const DhcpHost, host, ip->dhcp ? ip->dhcp->hosts : NULL)
            if (host->ip && host->mac && network_family(ip->family) == AF_INET &&
                g_ascii_strcasecmp(host->mac, mac) == 0)
                return g_strdup(host->ip);
    leases = network_leases(n, mac, NULL);
    for (guint i = 0; leases && i < leases->len; i++) {
        const NetworkLease *lease = leases->pdata[i];
        if (!lease->v6)
            return g_strdup(lease->address);
    }
    return NULL;
}

static gboolean
lends(const Network *n)
{
    EACH (const NetworkIp, ip, n->live->ips)
        if (ip->dhcp && ip->dhcp->ranges && network_family(ip->family) == AF_INET)
            return TRUE;
    return FALSE;
}

/* The network that knows the interface's address; NULL: none does. */
static Network *
teller(const NetDef *net, GHashTable *vars)
{
    Network *n = net->source.net_type == NET_NETWORK && net->source.network &&
                         !g_hash_table_contains(vars, "IP")
                     ? network_get_name(net->source.network, NULL)
                     : NULL;

    return n && n->live ? n : NULL;
}

static GHashTable *
vars_of(const NetDef *net, char **ret_network)
{
    GHashTable *vars = filter_vars_new();
    g_autofree char *address = NULL;
    char mac[18];
    Network *n;

    EACH (const FilterParam, p, net->filter->params)
        filter_vars_add(vars, p->name, p->value);
    mac_text(net->mac, mac);
    if (!g_hash_table_contains(vars, "MAC"))
        filter_vars_add(vars, "MAC", mac);
    if (!(n = teller(net, vars)))
        return vars;
    address = address_of(n, mac);
    if (address || lends(n))
        filter_vars_add(vars, "IP", address ? address : NO_ADDRESS);
    *ret_network = g_strdup(n->obj.name);
    return vars;
}

static FilterBinding *
binding_new(const char *link, const NetDef *net, const DomainDef *owner)
{
    FilterBinding *b = g_new0(FilterBinding, 1);

    b->link = g_strdup(link);
    b->filter = g_strdup(net->filter->filter);
    b->owner = g_strdup(owner->name);
    b->bridge = g_strdup(net->source.bridge);
    memcpy(b->owner_uuid, owner->uuid, UUID_LEN);
    memcpy(b->mac, net->mac, sizeof b->mac);
    EACH (const FilterParam, p, net->filter->params) {
        FilterParam *copy = g_new(FilterParam, 1);
        *copy = (FilterParam){ g_strdup(p->name), g_strdup(p->value) };
        if (!b->params)
            b->params = g_ptr_array_new();
        g_ptr_array_add(b->params, copy);
    }
    b->vars = vars_of(net, &b->network);
    return b;
}

gboolean
filter_bind(const char *link, const NetDef *net, const DomainDef *owner, GError **err)
{
    FilterBinding *b = binding_new(link, net, owner);

    b->plan = filter_plan_new(b->filter, b->vars, err);
    if (!b->plan || !put_link(link, b->plan, err)) {
        binding_free(b);
        return FALSE;
    }
    g_hash_table_replace(bindings, b->link, b);
    return TRUE;
}

void
filter_unbind(const char *link)
{
    g_autoptr(GError) err = NULL;

    if (g_hash_table_contains(chains, link) && !remove_link(link, &err))
        log_warning("filters of link '%s' cannot be removed: %s", link, err->message);
    g_hash_table_remove(bindings, link);
}

/* ---- addresses that change */

/* An address that is gone is kept until another one is known: files of leases are read while they
 * are written. */
static void
learn(FilterBinding *b)
{
    Network *n = b->network ? network_get_name(b->network, NULL) : NULL;
    const GPtrArray *known = g_hash_table_lookup(b->vars, "IP");
    g_autoptr(FilterPlan) plan = NULL;
    g_autoptr(GError) err = NULL;
    g_autofree char *address = NULL;
    char mac[18];

    if (!n || !n->live)
        return;
    mac_text(b->mac, mac);
    address = address_of(n, mac);
    if (!address || (known && strcmp(known->pdata[0], address) == 0))
        return;
    g_hash_table_remove(b->vars, "IP");
    filter_vars_add(b->vars, "IP", address);
    plan = filter_plan_new(b->filter, b->vars, &err);
    if (!plan || !put_link(b->link, plan, &err)) {
        log_warning("domain '%s': the filter of link '%s' does not follow its address %s: %s",
                    b->owner, b->link, address, err->message);
        return;
    }
    filter_plan_free(b->plan);
    b->plan = g_steal_pointer(&plan);
    log_info("domain '%s': link '%s' has the address %s for its filter", b->owner, b->link,
             address);
}

void
filters_learn(void)
{
    GHashTableIter at;
    gpointer binding;

    g_hash_table_iter_init(&at, bindings);
    while (g_hash_table_iter_next(&at, NULL, &binding))
        learn(binding);
}

/* ---- filters that change */

gboolean
filter_in_force(const char *name)
{
    GHashTableIter at;
    gpointer binding;

    g_hash_table_iter_init(&at, bindings);
    while (g_hash_table_iter_next(&at, NULL, &binding))
        if (((FilterBinding *)binding)->plan &&
            filter_plan_has(((FilterBinding *)binding)->plan, name))
            return TRUE;
    return FALSE;
}

/* New plans for the interfaces that have this filter, an array of (FilterBinding, new FilterPlan);
 * NULL: one of them cannot be made. */
static GPtrArray *
plans_with(const char *name, GPtrArray *ret_bindings, GError **err)
{
    g_autoptr(GPtrArray) plans = g_ptr_array_new_with_free_func((GDestroyNotify)filter_plan_free);
    GHashTableIter at;
    gpointer binding;

    g_hash_table_iter_init(&at, bindings);
    while (g_hash_table_iter_next(&at, NULL, &binding)) {
        const FilterBinding *b = binding;
        FilterPlan *plan;

        if (!filter_plan_has(b->plan, name))
            continue;
        if (!(plan = filter_plan_new(b->filter, b->vars, err))) {
            fail_prefix(err, "interface '%s' of domain '%s': ", b->link, b->owner);
            return NULL;
        }
        g_ptr_array_add(ret_bindings, binding);
        g_ptr_array_add(plans, plan);
    }
    return g_steal_pointer(&plans);
}

/* Puts all plans in force at once: either all interfaces get the new rules, or none. */
static gboolean
put_plans(GPtrArray *whose, GPtrArray *plans, GError **err)
{
    json_object *commands = json_object_new_array();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    gboolean ok;

    for (guint i = 0; i < whose->len; i++) {
        const FilterBinding *b = whose->pdata[i];
        remove_chains(commands, b->link);
        g_ptr_array_add(names, names_new());
        filter_plan_put(plans->pdata[i], b->link, commands, names->pdata[i]);
    }
    if (whose->len > 0) {
        ok = tell_kernel(commands, err);
    } else {
        json_object_put(commands);
        ok = TRUE;
    }
    for (guint i = 0; i < whose->len; i++) {
        FilterBinding *b = whose->pdata[i];
        if (!ok) {
            g_hash_table_unref(names->pdata[i]);
            continue;
        }
        g_hash_table_replace(chains, g_strdup(b->link), names->pdata[i]);
        filter_plan_free(b->plan);
        b->plan = plans->pdata[i];
        plans->pdata[i] = NULL;
    }
    return ok;
}

gboolean
filter_rebind(const char *name, GError **err)
{
    g_autoptr(GPtrArray) whose = g_ptr_array_new();
    g_autoptr(GPtrArray) plans = plans_with(name, whose, err);

    return plans && put_plans(whose, plans, err);
}

/* ---- what the kernel has */

/* "vnet0/out/arp" is a chain of vnet0; base chains are nobody's. */
static void
note_chain(GHashTable *by_link, const char *name)
{
    const char *slash = strchr(name, '/');
    g_autofree char *link = slash ? g_strndup(name, (gsize)(slash - name)) : NULL;
    GHashTable *names;

    if (!link)
        return;
    if (!(names = g_hash_table_lookup(by_link, link))) {
        names = names_new();
        g_hash_table_insert(by_link, g_strdup(link), names);
    }
    g_hash_table_add(names, g_strdup(name));
}

static char *
list_table(const char *what)
{
    json_object *commands = json_object_new_array();
    char *said = NULL;

    filter_command(commands, "list", what,
                   strcmp(what, "table") == 0 ? whole_table()
                                              : json_make("family", 's', "bridge", NULL));
    nf_run(commands, &said, NULL);
    json_object_put(commands);
    return said;
}

/* The kernel's chains by link; *ret_bases: number of chains that belong to no link. */
static GHashTable *
kernel_chains(guint *ret_bases)
{
    GHashTable *by_link = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                (GDestroyNotify)g_hash_table_unref);
    json_object *said, *list = NULL;
    g_autofree char *text = list_table("chains");

    *ret_bases = 0;
    said = text ? json_tokener_parse(text) : NULL;
    json_object_object_get_ex(said, "nftables", &list);
    for (gsize i = 0; i < json_length(list); i++) {
        json_object *o = json_object_array_get_idx(list, i);
        const char *table = json_str(o, "chain.table"), *name = json_str(o, "chain.name");
        if (!name || g_strcmp0(table, FILTER_TABLE) != 0)
            continue;
        note_chain(by_link, name);
        *ret_bases += strchr(name, '/') == NULL;
    }
    json_object_put(said);
    return by_link;
}

#define N_BASES (G_N_ELEMENTS(bases) + 1)

/* A set's or map's elements, as "LINK"; an element of a map is [key, value]. */
static void
note_elements(json_object *list, const char *kind, const char *name, GHashTable *ret_links)
{
    for (gsize i = 0; i < json_length(list); i++) {
        json_object *o = NULL, *elements = NULL;
        if (!json_object_object_get_ex(json_object_array_get_idx(list, i), kind, &o) ||
            g_strcmp0(json_str(o, "name"), name) != 0)
            continue;
        json_object_object_get_ex(o, "elem", &elements);
        for (gsize j = 0; j < json_length(elements); j++) {
            json_object *e = json_object_array_get_idx(elements, j);
            if (json_object_is_type(e, json_type_array))
                e = json_object_array_get_idx(e, 0);
            g_hash_table_add(ret_links, g_strdup(json_object_get_string(e)));
        }
    }
}

/* chain: "out" of a link's chains "LINK/out"; NULL: all links are wanted. */
static gboolean
links_stand(json_object *list, const char *kind, const char *name, const char *chain)
{
    g_autoptr(GHashTable) there = names_new();
    GHashTableIter at;
    gpointer link, names;
    guint wanted = 0;

    note_elements(list, kind, name, there);
    g_hash_table_iter_init(&at, chains);
    while (g_hash_table_iter_next(&at, &link, &names)) {
        g_autofree char *root = g_strdup_printf("%s/%s", (char *)link, chain ? chain : "");
        if (chain && !g_hash_table_contains(names, root))
            continue;
        wanted++;
        if (!g_hash_table_contains(there, link))
            return FALSE;
    }
    return wanted == g_hash_table_size(there);
}

static gboolean
policies_stand(json_object *list)
{
    for (gsize i = 0; i < json_length(list); i++) {
        const char *policy = json_str(json_object_array_get_idx(list, i), "chain.policy");
        if (policy && strcmp(policy, "accept") != 0)
            return FALSE;
    }
    return TRUE;
}

/* Chains of links of which an earlier daemon knows the rules are taken as they are. */
static gboolean
rules_stand(GHashTable *now)
{
    GHashTableIter at;
    gpointer link, names, name;
    guint wanted = N_BASES;

    for (guint side = 0; filter_sides[side]; side++)
        if (g_hash_table_contains(marks, filter_sides[side]) &&
            !nf_marks_same(marks, now, filter_sides[side]))
            return FALSE;
    g_hash_table_iter_init(&at, chains);
    while (g_hash_table_iter_next(&at, &link, &names)) {
        GHashTableIter inner;
        g_hash_table_iter_init(&inner, names);
        while (g_hash_table_iter_next(&inner, &name, NULL)) {
            wanted++;
            if (!g_hash_table_contains(now, name) ||
                (g_hash_table_contains(marks, name) && !nf_marks_same(marks, now, name)))
                return FALSE;
        }
    }
    return wanted == g_hash_table_size(now);
}

static gboolean
kernel_has_all(void)
{
    g_autofree char *said = NULL;
    g_autoptr(GHashTable) now = NULL;
    json_object *whole, *list = NULL;
    gboolean all;

    if (g_hash_table_size(bindings) == 0 || !marks)
        return TRUE;
    said = list_table("table");
    now = nf_marks(said, FILTER_TABLE);
    whole = said ? json_tokener_parse(said) : NULL;
    json_object_object_get_ex(whole, "nftables", &list);
    all = list && policies_stand(list) && rules_stand(now) && links_stand(list, "set", LINKS, NULL);
    for (guint side = 0; all && filter_sides[side]; side++)
        all = links_stand(list, "map", filter_sides[side], filter_sides[side]);
    json_object_put(whole);
    return all;
}

void
filters_doubt(void)
{
    table_due = TRUE;
}

gboolean
filters_have(const char *bridge)
{
    GHashTableIter at;
    gpointer binding;

    g_hash_table_iter_init(&at, bindings);
    while (g_hash_table_iter_next(&at, NULL, &binding))
        if (g_strcmp0(((FilterBinding *)binding)->bridge, bridge) == 0)
            return TRUE;
    return FALSE;
}

/* After a while of calm at once, whoever fights with us less often. */
static gint64
rest_us(void)
{
    return rebuilt && in_a_row >= HEAL_IN_A_ROW ? 2 * G_USEC_PER_SEC : G_USEC_PER_SEC / 10;
}

guint
filters_heal(char **ret_cause)
{
    g_autoptr(GError) err = NULL;
    gint64 now = g_get_monotonic_time(), left = rebuilt + rest_us() - now;

    *ret_cause = NULL;
    if (!table_due || !all_known)
        return 0;
    if (rebuilt && left > 0)
        return (guint)(left / 1000) + 1;
    table_due = FALSE;
    if (kernel_has_all())
        return 0;
    in_a_row = rebuilt && now - rebuilt < HEAL_LASTS_US ? in_a_row + 1 : 1;
    rebuilt = now;
    if (put_all(&err)) {
        *ret_cause = g_strdup("table 'bridge " FILTER_TABLE "' of the packet filter was taken away "
                              "or changed");
        return 0;
    }
    log_error("filters of guests' interfaces cannot be put right now: %s", err->message);
    table_due = TRUE;
    return 1000;
}

/* Rules that an earlier daemon has put there, and nobody here can tell from others', are put there
 * anew once those of all links are known. */
static void
know_rules(void)
{
    g_autoptr(GError) err = NULL;
    GHashTableIter at;
    gpointer link;

    if (g_hash_table_size(bindings) == 0)
        return;
    g_hash_table_iter_init(&at, chains);
    while (g_hash_table_iter_next(&at, &link, NULL))
        if (!g_hash_table_contains(bindings, link))
            return;
    if (!put_all(&err))
        log_warning("rules of filters cannot be made anew: %s", err->message);
}

/* A link that is there may be a guest's of which too little was found. */
void
filters_sweep(void)
{
    g_autoptr(GList) links = chains ? g_hash_table_get_keys(chains) : NULL;

    for (GList *link = links; link; link = link->next)
        if (!g_hash_table_contains(bindings, link->data) && !link_exists(link->data)) {
            g_autofree char *name = g_strdup(link->data);
            filter_unbind(name);
        }
    know_rules();
    all_known = TRUE;
}

/* ---- what clients ask */

const FilterBinding *
filter_binding_get(const char *link, GError **err)
{
    const FilterBinding *b = g_hash_table_lookup(bindings, link);

    if (!b)
        fail(err, ERR_NO_NWFILTER_BINDING, "no nwfilter binding for port dev '%s'", link);
    return b;
}

static gint
by_link(gconstpointer a, gconstpointer b)
{
    const FilterBinding *x = *(const FilterBinding *const *)a,
                        *y = *(const FilterBinding *const *)b;

    return strcmp(x->link, y->link);
}

GPtrArray *
filter_binding_list(void)
{
    GPtrArray *all = g_ptr_array_new();
    GHashTableIter at;
    gpointer binding;

    g_hash_table_iter_init(&at, bindings);
    while (g_hash_table_iter_next(&at, NULL, &binding))
        g_ptr_array_add(all, binding);
    g_ptr_array_sort(all, by_link);
    return all;
}

const char *
filter_binding_link(const FilterBinding *b)
{
    return b->link;
}

const char *
filter_binding_filter(const FilterBinding *b)
{
    return b->filter;
}

char *
filter_binding_xml(const FilterBinding *b)
{
    XmlOut x = { g_string_new(NULL), 0 };
    char mac[18], uuid[UUID_TEXT_LEN];
    gboolean has_mac = FALSE;

    mac_text(b->mac, mac);
    uuid_format(b->owner_uuid, uuid);
    xml_open(&x, "filterbinding", NULL);
    xml_open(&x, "owner", NULL);
    xml_text(&x, "name", b->owner, NULL);
    xml_text(&x, "uuid", uuid, NULL);
    xml_close(&x, "owner");
    xml_leaf(&x, "portdev", "name", b->link, NULL);
    xml_leaf(&x, "mac", "address", mac, NULL);
    xml_open(&x, "filterref", "filter", b->filter, NULL);
    EACH (const FilterParam, p, b->params) {
        has_mac = has_mac || strcmp(p->name, "MAC") == 0;
        xml_leaf(&x, "parameter", "name", p->name, "value", p->value, NULL);
    }
    if (!has_mac)
        xml_leaf(&x, "parameter", "name", "MAC", "value", mac, NULL);
    xml_close(&x, "filterref");
    xml_close(&x, "filterbinding");
    return g_string_free(x.text, FALSE);
}

/* ---- the room */

void
bindings_init(void)
{
    guint n;

    bindings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, binding_free);
    chains = kernel_chains(&n);
    table_known = n == N_BASES;
}

void
bindings_done(void)
{
    g_clear_pointer(&bindings, g_hash_table_unref);
    g_clear_pointer(&chains, g_hash_table_unref);
    g_clear_pointer(&marks, g_hash_table_unref);
}
