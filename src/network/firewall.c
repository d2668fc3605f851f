/* The rules of a network in nftables, in a table of its own: inet vmd-BRIDGE. The table is made
 * anew in one transaction, so that there is no moment without it; other tables are never touched.
 *
 * A chain of ours can forbid, but cannot allow what another table drops. What guests may do:
 *     nat, route   out by the forward links; in: answers (nat), or all to its addresses (route)
 *     isolated     only each other
 *     open         all; no rule is made
 */
#include <arpa/inet.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "network_priv.h"

/* ---- JSON of nft: libnftables-json(5) */

static json_object *
wrap(const char *name, json_object *inner)
{
    return json_make(name, 'o', inner, NULL);
}

static json_object *
array_of(json_object *first, ...)
{
    json_object *list = json_object_new_array(), *item = first;
    va_list ap;

    va_start(ap, first);
    while (item) {
        json_object_array_add(list, item);
        item = va_arg(ap, json_object *);
    }
    va_end(ap);
    return list;
}

static json_object *
words_of(const char *a, const char *b)
{
    return array_of(json_object_new_string(a), json_object_new_string(b), NULL);
}

static json_object *
match(const char *op, json_object *left, json_object *right)
{
    return wrap("match", json_make("op", 's', op, "left", 'o', left, "right", 'o', right, NULL));
}

static json_object *
meta_is(const char *key, const char *op, const char *value)
{
    return match(op, wrap("meta", json_make("key", 's', key, NULL)), json_object_new_string(value));
}

static json_object *
field(const char *protocol, const char *name)
{
    return wrap("payload", json_make("protocol", 's', protocol, "field", 's', name, NULL));
}

static json_object *
prefix_of(const char *address, int bits)
{
    return wrap("prefix", json_make("addr", 's', address, "len", 'i', (gint64)bits, NULL));
}

static json_object *
verdict(const char *name)
{
    json_object *o = json_object_new_object();

    json_object_object_add(o, name, NULL);
    return o;
}

static json_object *
reject(void)
{
    return wrap("reject", json_make("type", 's', "icmpx", "expr", 's', "port-unreachable", NULL));
}

/* ---- building */

typedef struct Rules {
    json_object *commands;
    char *table;
    const char *bridge;
} Rules;

static void
command(Rules *r, const char *verb, const char *kind, json_object *what)
{
    json_object_array_add(r->commands, wrap(verb, wrap(kind, what)));
}

static json_object *
table_ref(const Rules *r)
{
    return json_make("family", 's', "inet", "name", 's', r->table, NULL);
}

static void
add_chain(Rules *r, const char *name, const char *type, const char *hook, int priority)
{
    command(r, "add", "chain",
            json_make("family", 's', "inet", "table", 's', r->table, "name", 's', name, "type", 's',
                      type, "hook", 's', hook, "prio", 'i', (gint64)priority, "policy", 's',
                      "accept", NULL));
}

static void
add_rule(Rules *r, const char *chain, json_object *expressions)
{
    command(r, "add", "rule",
            json_make("family", 's', "inet", "table", 's', r->table, "chain", 's', chain, "expr",
                      'o', expressions, NULL));
}

static json_object *
from_bridge(const Rules *r)
{
    return meta_is("iifname", "==", r->bridge);
}

static json_object *
to_bridge(const Rules *r)
{
    return meta_is("oifname", "==", r->bridge);
}

/* ---- what a network lets through */

typedef struct Net {
    const char *protocol; /* "ip", "ip6" */
    const char *address;
    int bits;
    gboolean nat;
} Net;

static Net
net_of(const NetworkDef *def, const NetworkIp *ip)
{
    gboolean v6 = network_family(ip->family) == AF_INET6;
    const ForwardDef *forward = def->forward;

    return (Net){
        .protocol = v6 ? "ip6" : "ip",
        .address = ip->address,
        .bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix),
        .nat = network_mode(def) == FORWARD_NAT &&
               (!v6 || (forward->nat && forward->nat->ipv6 == YES)),
    };
}

static json_object *
in_net(const Net *net, const char *field_name, const char *op)
{
    return match(op, field(net->protocol, field_name), prefix_of(net->address, net->bits));
}

static json_object *
answers(void)
{
    return match("in", wrap("ct", json_make("key", 's', "state", NULL)),
                 words_of("established", "related"));
}

/* Guests out, and the world in: answers alone where guests hide behind the host. */
static void
forward_net(Rules *r, const Net *net, const char *dev)
{
    json_object *in = array_of(to_bridge(r), in_net(net, "daddr", "=="), NULL);
    json_object *out = array_of(from_bridge(r), in_net(net, "saddr", "=="), NULL);

    if (dev) {
        json_object_array_add(in, meta_is("iifname", "==", dev));
        json_object_array_add(out, meta_is("oifname", "==", dev));
    }
    if (net->nat)
        json_object_array_add(in, answers());
    json_object_array_add(in, verdict("accept"));
    json_object_array_add(out, verdict("accept"));
    add_rule(r, "forward", in);
    add_rule(r, "forward", out);
}

/* The source that packets of a protocol leave with. */
static json_object *
disguise(const NatDef *nat, gboolean ports, gboolean v6)
{
    json_object *how = NULL;

    if (ports)
        how = json_make(
            "port", 'o',
            wrap("range",
                 array_of(json_object_new_int(nat && nat->port_start ? (int)nat->port_start : 1024),
                          json_object_new_int(nat && nat->port_end ? (int)nat->port_end : 65535),
                          NULL)),
            NULL);
    if (!nat || !nat->start || v6 != (strchr(nat->start, ':') != NULL)) {
        json_object *o = json_object_new_object();
        json_object_object_add(o, "masquerade", how);
        return o;
    }
    if (!how)
        how = json_object_new_object();
    json_object_object_add(how, "family", json_object_new_string(v6 ? "ip6" : "ip"));
    json_object_object_add(how, "addr",
                           strcmp(nat->start, nat->end) == 0
                               ? json_object_new_string(nat->start)
                               : wrap("range", words_of(nat->start, nat->end)));
    return wrap("snat", how);
}

/* Multicast and broadcast stay what they are: they are for the link, not for the world. */
static const char *const unhidden[2][2] = { { "224.0.0.0/24", "255.255.255.255/32" },
                                            { "ff02::/16", NULL } };

static void
hide_net(Rules *r, const Net *net, const NatDef *nat, const char *dev)
{
    static const char *const protocols[] = { "tcp", "udp", NULL };
    gboolean v6 = net->protocol[2] == '6';

    for (gsize i = 0; i < 2 && unhidden[v6][i]; i++) {
        g_auto(GStrv) parts = g_strsplit(unhidden[v6][i], "/", 2);
        add_rule(r, "postrouting",
                 array_of(in_net(net, "saddr", "=="),
                          match("==", field(net->protocol, "daddr"),
                                prefix_of(parts[0], atoi(parts[1]))),
                          verdict("return"), NULL));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(protocols); i++) {
        json_object *rule = array_of(in_net(net, "saddr", "=="), in_net(net, "daddr", "!="), NULL);
        if (dev)
            json_object_array_add(rule, meta_is("oifname", "==", dev));
        if (protocols[i])
            json_object_array_add(rule, meta_is("l4proto", "==", protocols[i]));
        json_object_array_add(rule, disguise(nat, protocols[i] != NULL, v6));
        add_rule(r, "postrouting", rule);
    }
}

static void
add_rules(Rules *r, const NetworkDef *def)
{
    const char *dev = def->forward ? def->forward->dev : NULL;
    ForwardMode mode = network_mode(def);

    add_chain(r, "forward", "filter", "forward", 0);
    add_rule(r, "forward", array_of(from_bridge(r), to_bridge(r), verdict("accept"), NULL));
    if (mode != FORWARD_NONE)
        EACH (const NetworkIp, ip, def->ips) {
            Net net = net_of(def, ip);
            forward_net(r, &net, dev);
        }
    add_rule(r, "forward", array_of(from_bridge(r), reject(), NULL));
    add_rule(r, "forward", array_of(to_bridge(r), reject(), NULL));
    if (mode != FORWARD_NAT)
        return;
    add_chain(r, "postrouting", "nat", "postrouting", 100);
    EACH (const NetworkIp, ip, def->ips) {
        Net net = net_of(def, ip);
        if (net.nat)
            hide_net(r, &net, def->forward->nat, dev);
    }
}

/* ---- telling the kernel */

/* ret_output: what it says, or NULL. */
static gboolean
run_commands(json_object *commands, char **ret_output, GError **err)
{
    json_object *whole = json_make("nftables", 'o', json_object_get(commands), NULL);
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    gboolean ok;

    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
    nft_ctx_buffer_output(nft);
    nft_ctx_buffer_error(nft);
    ok = nft_run_cmd_from_buffer(
             nft, json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PLAIN)) == 0;
    if (!ok) {
        g_autofree char *why = g_strdup(nft_ctx_get_error_buffer(nft));
        g_strstrip(why);
        fail(err, ERR_OPERATION_FAILED, "the packet filter refuses the rules: %s",
             *why ? why : "no reason given");
    } else if (ret_output) {
        *ret_output = g_strdup(nft_ctx_get_output_buffer(nft));
    }
    nft_ctx_free(nft);
    json_object_put(whole);
    return ok;
}

char *
firewall_table(const char *bridge)
{
    return g_strconcat("vmd-", bridge, NULL);
}

static Rules
rules_new(const char *bridge)
{
    Rules r = { json_object_new_array(), firewall_table(bridge), bridge };

    /* Adding what is there is no error, deleting what is not there is one. */
    command(&r, "add", "table", table_ref(&r));
    command(&r, "delete", "table", table_ref(&r));
    return r;
}

static gboolean
rules_commit(Rules *r, GError **err)
{
    gboolean ok = run_commands(r->commands, NULL, err);

    json_object_put(r->commands);
    g_free(r->table);
    return ok;
}

gboolean
firewall_apply(const NetworkDef *def, GError **err)
{
    Rules r;

    if (network_mode(def) == FORWARD_OPEN)
        return TRUE;
    r = rules_new(def->bridge->name);
    command(&r, "add", "table", table_ref(&r));
    add_rules(&r, def);
    return rules_commit(&r, err);
}

gboolean
firewall_remove(const char *bridge, GError **err)
{
    Rules r = rules_new(bridge);

    return rules_commit(&r, err);
}

/* ---- what is there */

/* Numbers that the kernel gives, and that differ each time. */
static void
drop_handles(json_object *o)
{
    if (json_object_is_type(o, json_type_array))
        for (gsize i = 0; i < json_length(o); i++)
            drop_handles(json_object_array_get_idx(o, i));
    if (!json_object_is_type(o, json_type_object))
        return;
    json_object_object_del(o, "handle");
    json_object_object_del(o, "metainfo");
    json_object_object_foreach(o, key, value)
    {
        (void)key;
        drop_handles(value);
    }
}

char *
firewall_listing(const char *bridge)
{
    Rules r = { json_object_new_array(), firewall_table(bridge), bridge };
    g_autofree char *text = NULL;
    json_object *said;
    char *listing = NULL;

    command(&r, "list", "table", table_ref(&r));
    run_commands(r.commands, &text, NULL);
    json_object_put(r.commands);
    g_free(r.table);
    said = text ? json_tokener_parse(text) : NULL;
    if (!said)
        return NULL;
    drop_handles(said);
    listing = g_strdup(json_object_to_json_string_ext(said, JSON_C_TO_STRING_PLAIN));
    json_object_put(said);
    return listing;
}
