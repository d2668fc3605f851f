/* Who else drops packets of a network: all chains of the packet filter that a packet of its guests
 * comes by are followed with that packet. A rule whose condition cannot be told from what is known
 * of the packet counts as one that does not apply, and the answer says that there were such rules.
 *
 * In Docker's chain DOCKER-USER, which is there for others' rules, the network puts rules of its
 * own that accept: what guests may do is decided in its own table.
 */
#include <arpa/inet.h>
#include <string.h>

#include "network_priv.h"
#include "nf.h"

#define DEPTH_MOST 32

/* ---- a packet, as far as it is known */

typedef struct Packet {
    const char *direction; /* as clients read it */
    const char *hook;      /* "forward", "input" */
    const char *in, *out;  /* links; NULL: none */
    const char *state;     /* of its connection */
    const char *family;    /* "ip", "ip6" */
    const char *src, *dst; /* NULL: not known */
    const char *protocol;  /* "tcp" */
    int port;              /* that it is sent to */
} Packet;

typedef enum Truth { IS_NOT, IS, UNKNOWN } Truth;

static Truth
answer(gboolean is)
{
    return is ? IS : IS_NOT;
}

static Truth
negated(Truth a, gboolean negate)
{
    return !negate || a == UNKNOWN ? a : a == IS_NOT ? IS : IS_NOT;
}

/* ---- values */

static gboolean
address_in(const char *address, const char *net, gint64 bits)
{
    guint8 a[16] = { 0 }, b[16] = { 0 };
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;

    if (inet_pton(family, address, a) != 1 || inet_pton(family, net, b) != 1)
        return FALSE;
    for (gint64 i = 0; i < bits; i++)
        if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
            return FALSE;
    return TRUE;
}

static gboolean
word_is(const char *word, const char *pattern)
{
    gsize len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(word, pattern, len - 1) == 0;
    return strcmp(word, pattern) == 0;
}

static Truth text_is(const char *text, json_object *right, gboolean address);

static Truth
any_of(const char *text, json_object *list, gboolean address)
{
    Truth all = IS_NOT;

    for (gsize i = 0; i < json_length(list) && all != IS; i++) {
        Truth one = text_is(text, json_object_array_get_idx(list, i), address);
        all = one == IS_NOT ? all : one;
    }
    return all;
}

/* Whether a text is what the right side of a match says: a word, an address, a network, a list. */
static Truth
text_is(const char *text, json_object *right, gboolean address)
{
    json_object *inner;

    if (json_object_is_type(right, json_type_array))
        return any_of(text, right, address);
    if (json_object_is_type(right, json_type_string) || json_object_is_type(right, json_type_int)) {
        const char *word = json_object_get_string(right);
        if (*word == '@')
            return UNKNOWN;
        return answer(address ? address_in(text, word, strchr(text, ':') ? 128 : 32)
                              : word_is(text, word));
    }
    if (json_object_object_get_ex(right, "set", &inner))
        return text_is(text, inner, address);
    if (address && json_object_object_get_ex(right, "prefix", &inner))
        return answer(address_in(text, json_str(inner, "addr"), json_int(inner, "len", 0)));
    return UNKNOWN;
}

/* ---- what a packet has of what rules look at */

/* NULL: it is not known. */
static const char *
value_of(const Packet *p, json_object *left, gboolean *ret_address, char buffer[16])
{
    const char *meta = json_str(left, "meta.key"), *field = json_str(left, "payload.field");
    const char *protocol = json_str(left, "payload.protocol");

    *ret_address = FALSE;
    if (g_strcmp0(json_str(left, "ct.key"), "state") == 0)
        return p->state;
    if (meta && g_str_has_prefix(meta, "iif"))
        return p->in;
    if (meta && g_str_has_prefix(meta, "oif"))
        return p->out;
    if (g_strcmp0(meta, "nfproto") == 0)
        return strcmp(p->family, "ip") == 0 ? "ipv4" : "ipv6";
    if (g_strcmp0(meta, "l4proto") == 0 || (protocol && g_strcmp0(field, "protocol") == 0))
        return p->protocol;
    if (!protocol || !field)
        return NULL;
    *ret_address = strcmp(protocol, p->family) == 0;
    if (*ret_address)
        return strcmp(field, "saddr") == 0 ? p->src : strcmp(field, "daddr") == 0 ? p->dst : NULL;
    if (strcmp(field, "dport") == 0 &&
        (strcmp(protocol, p->protocol) == 0 || strcmp(protocol, "th") == 0)) {
        g_snprintf(buffer, 16, "%d", p->port);
        return buffer;
    }
    return NULL;
}

static gboolean
is_other_transport(const char *protocol, const char *own)
{
    static const char *const names[] = { "tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", NULL };

    return g_strv_contains(names, protocol) && strcmp(protocol, own) != 0;
}

static Truth
match_applies(const Packet *p, json_object *m)
{
    json_object *left = NULL, *right = NULL;
    const char *op = json_str(m, "op"), *value, *protocol;
    gboolean address;
    char buffer[16];

    if (!json_object_object_get_ex(m, "left", &left) ||
        !json_object_object_get_ex(m, "right", &right))
        return UNKNOWN;
    protocol = json_str(left, "payload.protocol");
    if (protocol && (strcmp(protocol, "ip") == 0 || strcmp(protocol, "ip6") == 0) &&
        strcmp(protocol, p->family) != 0)
        return IS_NOT;
    if (protocol && is_other_transport(protocol, p->protocol))
        return IS_NOT;
    value = value_of(p, left, &address, buffer);
    if (!value)
        return UNKNOWN;
    return negated(text_is(value, right, address), g_strcmp0(op, "!=") == 0);
}

/* ---- following it */

typedef struct RuleWalk {
    const Packet *packet;
    json_object *all; /* the ruleset */
    const char *family, *table;
    char *where, *rule; /* of the verdict that ended it */
    gboolean unsure;    /* rules were met that nobody can judge */
} RuleWalk;

typedef enum End { GOES_ON, RETURNS, ACCEPTED, DROPPED } End;

static End walk_chain(RuleWalk *w, const char *chain, guint depth);

static void
note_end(RuleWalk *w, const char *chain, const char *what)
{
    if (w->where)
        return;
    w->where = g_strdup_printf("%s %s %s", w->family, w->table, chain);
    w->rule = g_strdup(what);
}

/* The verdict of a statement; GOES_ON: it is no verdict. */
static End
verdict_of(RuleWalk *w, const char *chain, const char *name, json_object *value, guint depth)
{
    if (strcmp(name, "accept") == 0)
        return ACCEPTED;
    if (strcmp(name, "return") == 0)
        return RETURNS;
    if (strcmp(name, "drop") == 0 || strcmp(name, "reject") == 0) {
        note_end(w, chain, name);
        return DROPPED;
    }
    if (strcmp(name, "jump") == 0 || strcmp(name, "goto") == 0) {
        End end = walk_chain(w, json_str(value, "target"), depth + 1);
        if (end == RETURNS || end == GOES_ON)
            return strcmp(name, "goto") == 0 ? RETURNS : GOES_ON;
        return end;
    }
    return GOES_ON;
}

static gboolean
is_harmless(const char *name)
{
    static const char *const names[] = { "counter", "log",  "comment", "mangle", "accept", "drop",
                                         "reject",  "jump", "goto",    "return", NULL };

    return g_strv_contains(names, name);
}

/* An element of a map: [key, {verdict: ...}]. */
static End
walk_vmap(RuleWalk *w, const char *chain, json_object *vmap, guint depth)
{
    json_object *key = NULL, *set = NULL, *data = NULL;
    gboolean address;
    char buffer[16];
    const char *value;

    json_object_object_get_ex(vmap, "key", &key);
    json_object_object_get_ex(vmap, "data", &data);
    value = key ? value_of(w->packet, key, &address, buffer) : NULL;
    if (!value || !json_object_object_get_ex(data, "set", &set)) {
        w->unsure = TRUE;
        return GOES_ON;
    }
    for (gsize i = 0; i < json_length(set); i++) {
        json_object *pair = json_object_array_get_idx(set, i);
        json_object *what = json_object_array_get_idx(pair, 1);
        if (text_is(value, json_object_array_get_idx(pair, 0), address) != IS || !what)
            continue;
        json_object_object_foreach(what, name, inner) return verdict_of(w, chain, name, inner,
                                                                        depth);
    }
    return GOES_ON;
}

static End
walk_rule(RuleWalk *w, const char *chain, json_object *expressions, guint depth)
{
    for (gsize i = 0; i < json_length(expressions); i++) {
        json_object *e = json_object_array_get_idx(expressions, i);
        json_object_object_foreach(e, name, value)
        {
            Truth applies = strcmp(name, "match") == 0  ? match_applies(w->packet, value)
                            : strcmp(name, "vmap") == 0 ? IS
                            : is_harmless(name)         ? IS
                                                        : UNKNOWN;
            End end;
            w->unsure |= applies == UNKNOWN;
            if (applies != IS)
                return GOES_ON;
            end = strcmp(name, "vmap") == 0 ? walk_vmap(w, chain, value, depth)
                                            : verdict_of(w, chain, name, value, depth);
            if (end != GOES_ON)
                return end;
        }
    }
    return GOES_ON;
}

static gboolean
is_of(const RuleWalk *w, json_object *o)
{
    return g_strcmp0(json_str(o, "family"), w->family) == 0 &&
           g_strcmp0(json_str(o, "table"), w->table) == 0;
}

static End
walk_chain(RuleWalk *w, const char *chain, guint depth)
{
    if (!chain || depth > DEPTH_MOST)
        return GOES_ON;
    for (gsize i = 0; i < json_length(w->all); i++) {
        json_object *rule = NULL, *expressions = NULL;
        End end;

        if (!json_object_object_get_ex(json_object_array_get_idx(w->all, i), "rule", &rule) ||
            !is_of(w, rule) || g_strcmp0(json_str(rule, "chain"), chain) != 0)
            continue;
        json_object_object_get_ex(rule, "expr", &expressions);
        end = walk_rule(w, chain, expressions, depth);
        if (end != GOES_ON)
            return end;
    }
    return GOES_ON;
}

static End
walk_base(RuleWalk *w, json_object *chain)
{
    const char *name = json_str(chain, "name"), *policy = json_str(chain, "policy");
    End end = walk_chain(w, name, 0);

    if (end == ACCEPTED || end == DROPPED)
        return end;
    if (g_strcmp0(policy, "drop") != 0)
        return ACCEPTED;
    note_end(w, name, "policy drop");
    return DROPPED;
}

/* ---- what to do */

static char *
advice(const Network *n, const RuleWalk *w)
{
    const char *bridge = n->live->bridge->name;
    const Packet *p = w->packet;
    g_autofree char *own = firewall_table(bridge);
    gboolean input = strcmp(p->hook, "input") == 0;

    if (strcmp(w->table, own) == 0)
        return g_strdup("these are the network's own rules: its forward mode says so");
    if (strstr(w->where, "ufw"))
        return input
                   ? g_strdup_printf("ufw allow in on %s to any port %d proto udp", bridge, p->port)
                   : g_strdup_printf("ufw route allow %s on %s", p->in == bridge ? "in" : "out",
                                     bridge);
    if (strcmp(w->table, "firewalld") == 0)
        return g_strdup_printf("firewall-cmd --permanent --zone=trusted --add-interface=%s && "
                               "firewall-cmd --reload",
                               bridge);
    return g_strdup_printf("nft insert rule %s %sname %s accept", w->where,
                           p->in == bridge ? "iif" : "oif", bridge);
}

static void
explain_free(gpointer data)
{
    NetworkExplained *e = data;

    g_free(e->chain);
    g_free(e->rule);
    g_free(e->advice);
    g_free(e);
}

static NetworkExplained *
row_new(GPtrArray *rows, const Packet *p)
{
    NetworkExplained *e = g_new0(NetworkExplained, 1);

    e->direction = p->direction;
    e->family = strcmp(p->family, "ip") == 0 ? "IPv4" : "IPv6";
    g_ptr_array_add(rows, e);
    return e;
}

/* Appends a row for each chain that drops the packet, or one that says that none does. */
static void
explain_packet(const Network *n, json_object *all, const Packet *p, GPtrArray *rows)
{
    gboolean unsure = FALSE, dropped = FALSE;

    for (gsize i = 0; i < json_length(all); i++) {
        json_object *chain = NULL;
        RuleWalk w = { .packet = p, .all = all };

        if (!json_object_object_get_ex(json_object_array_get_idx(all, i), "chain", &chain) ||
            g_strcmp0(json_str(chain, "hook"), p->hook) != 0)
            continue;
        w.family = json_str(chain, "family");
        w.table = json_str(chain, "table");
        if (strcmp(w.family, "inet") != 0 && strcmp(w.family, p->family) != 0)
            continue;
        if (walk_base(&w, chain) == DROPPED) {
            NetworkExplained *e = row_new(rows, p);
            e->verdict = w.unsure ? "may be dropped" : "dropped";
            e->advice = advice(n, &w);
            e->chain = g_steal_pointer(&w.where);
            e->rule = g_steal_pointer(&w.rule);
            dropped = TRUE;
        }
        unsure |= w.unsure;
        g_free(w.where);
        g_free(w.rule);
    }
    if (!dropped)
        row_new(rows, p)->verdict = unsure ? "passes, as far as can be told" : "passes";
}

static json_object *
ruleset(GError **err)
{
    json_object *commands = json_object_new_array(), *said;
    g_autofree char *text = NULL;
    gboolean ok;

    json_object_array_add(commands, nf_wrap("list", nf_wrap("ruleset", json_object_new_object())));
    ok = nf_run(commands, &text, err);
    json_object_put(commands);
    said = text ? json_tokener_parse(text) : NULL;
    if (ok && !said)
        fail(err, ERR_INTERNAL, "the packet filter's rules cannot be read");
    return said;
}

/* The link by which the host reaches the world, from its default route of IPv4. "?": there is none.
 */
static char *
outer_link(const Network *n)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (n->live->forward && n->live->forward->dev)
        return g_strdup(n->live->forward->dev);
    g_file_get_contents("/proc/net/route", &text, NULL, NULL);
    lines = g_strsplit(text ? text : "", "\n", -1);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) words = g_strsplit(*line, "\t", 3);
        if (g_strv_length(words) == 3 && strcmp(words[1], "00000000") == 0)
            return g_strdup(words[0]);
    }
    return g_strdup("?");
}

static void
explain_ip(const Network *n, json_object *all, const NetworkIp *ip, GPtrArray *rows)
{
    g_autofree char *world = outer_link(n);
    const char *bridge = n->live->bridge->name, *address = ip->address;
    gboolean v6 = network_family(ip->family) == AF_INET6;
    gboolean nat = network_mode(n->live) == FORWARD_NAT;
    const char *family = v6 ? "ip6" : "ip";
    const Packet packets[] = {
        { "guests to the world", "forward", bridge, world, "new", family, address, NULL, "tcp",
          443 },
        { nat ? "answers to guests" : "the world to guests", "forward", world, bridge,
          nat ? "established" : "new", family, NULL, address, "tcp", 443 },
        { "guests to the host's DHCP", "input", bridge, NULL, "new", family, NULL, NULL, "udp",
          v6 ? 547 : 67 },
        { "guests to the host's DNS", "input", bridge, NULL, "new", family, address, address, "udp",
          53 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(packets); i++)
        explain_packet(n, all, &packets[i], rows);
}

GPtrArray *
network_explain(const Network *n, GError **err)
{
    GPtrArray *rows;
    json_object *said, *all = NULL;

    if (!n->live) {
        fail(err, ERR_OPERATION_INVALID, "network '%s' is not active", n->obj.name);
        return NULL;
    }
    if (!network_owns_bridge(n->live)) {
        fail(err, ERR_OPERATION_UNSUPPORTED,
             "network '%s' is a bridge of the host: its packets are "
             "not routed here",
             n->obj.name);
        return NULL;
    }
    if (!(said = ruleset(err)))
        return NULL;
    rows = g_ptr_array_new_with_free_func(explain_free);
    json_object_object_get_ex(said, "nftables", &all);
    EACH (const NetworkIp, ip, n->live->ips)
        explain_ip(n, all, ip, rows);
    json_object_put(said);
    return rows;
}
