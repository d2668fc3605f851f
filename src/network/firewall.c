/* The rules of a network in nftables, in a table of its own: inet vmd-BRIDGE. The table is made
 * anew in one transaction, so that there is no moment without it; other tables are never touched.
 *
 * A chain of ours can forbid, but cannot allow what another table drops. What guests may do:
 *     nat, route   out by the forward links; in: answers (nat), or all to its addresses (route)
 *     isolated     only each other
 *     open         all; no rule is made
 */
#include <arpa/inet.h>
#include <string.h>

#include "network_priv.h"
#include "nf.h"

/* ---- building */

typedef struct Rules {
    json_object *commands;
    char *table;
    const char *bridge;
} Rules;

static void
command(Rules *r, const char *verb, const char *kind, json_object *what)
{
    json_object_array_add(r->commands, nf_wrap(verb, nf_wrap(kind, what)));
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
    return nf_meta_is("iifname", "==", r->bridge);
}

static json_object *
to_bridge(const Rules *r)
{
    return nf_meta_is("oifname", "==", r->bridge);
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
    return nf_match(op, nf_field(net->protocol, field_name), nf_prefix(net->address, net->bits));
}

static json_object *
answers(void)
{
    return nf_match("in", nf_wrap("ct", json_make("key", 's', "state", NULL)),
                    nf_words("established", "related"));
}

/* Guests out, and the world in: answers alone where guests hide behind the host. */
static void
forward_net(Rules *r, const Net *net, const char *dev)
{
    json_object *in = nf_array(to_bridge(r), in_net(net, "daddr", "=="), NULL);
    json_object *out = nf_array(from_bridge(r), in_net(net, "saddr", "=="), NULL);

    if (dev) {
        json_object_array_add(in, nf_meta_is("iifname", "==", dev));
        json_object_array_add(out, nf_meta_is("oifname", "==", dev));
    }
    if (net->nat)
        json_object_array_add(in, answers());
    json_object_array_add(in, nf_verdict("accept"));
    json_object_array_add(out, nf_verdict("accept"));
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
            nf_wrap(
                "range",
                nf_array(json_object_new_int(nat && nat->port_start ? (int)nat->port_start : 1024),
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
                               : nf_wrap("range", nf_words(nat->start, nat->end)));
    return nf_wrap("snat", how);
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
                 nf_array(in_net(net, "saddr", "=="),
                          nf_match("==", nf_field(net->protocol, "daddr"),
                                   nf_prefix(parts[0], atoi(parts[1]))),
                          nf_verdict("return"), NULL));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(protocols); i++) {
        json_object *rule = nf_array(in_net(net, "saddr", "=="), in_net(net, "daddr", "!="), NULL);
        if (dev)
            json_object_array_add(rule, nf_meta_is("oifname", "==", dev));
        if (protocols[i])
            json_object_array_add(rule, nf_meta_is("l4proto", "==", protocols[i]));
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
    add_rule(r, "forward", nf_array(from_bridge(r), to_bridge(r), nf_verdict("accept"), NULL));
    if (mode != FORWARD_NONE)
        EACH (const NetworkIp, ip, def->ips) {
            Net net = net_of(def, ip);
            forward_net(r, &net, dev);
        }
    add_rule(r, "forward", nf_array(from_bridge(r), nf_reject(), NULL));
    add_rule(r, "forward", nf_array(to_bridge(r), nf_reject(), NULL));
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
    gboolean ok = nf_run(r->commands, NULL, err);

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

char *
firewall_listing(const char *bridge)
{
    Rules r = { json_object_new_array(), firewall_table(bridge), bridge };
    g_autofree char *text = NULL;
    json_object *said;
    char *listing = NULL;

    command(&r, "list", "table", table_ref(&r));
    nf_run(r.commands, &text, NULL);
    json_object_put(r.commands);
    g_free(r.table);
    said = text ? json_tokener_parse(text) : NULL;
    if (!said)
        return NULL;
    nf_drop_handles(said);
    listing = g_strdup(json_object_to_json_string_ext(said, JSON_C_TO_STRING_PLAIN));
    json_object_put(said);
    return listing;
}
