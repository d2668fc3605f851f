/* Rows of filters of packets. Rules are kept in the spelling that documents have. */
#include <string.h>

#include "lists.h"
#include "nwfilter_values.h"

static const char *const kinds[] = { NULL, "rule", "filterref", NULL };
static const char *const actions[] = {
    NULL, "drop", "accept", "reject", "return", "continue", NULL
};
static const char *const directions[] = { NULL, "in", "out", "inout", NULL };
static const char *const protocols[] = {
    NULL,       "mac",      "vlan",    "stp",          "arp",      "rarp",      "ip",
    "ipv6",     "tcp",      "udp",     "sctp",         "icmp",     "igmp",      "all",
    "esp",      "ah",       "udplite", "tcp-ipv6",     "udp-ipv6", "sctp-ipv6", "icmpv6",
    "all-ipv6", "esp-ipv6", "ah-ipv6", "udplite-ipv6", NULL,
};

/* ---- what packets are looked at for */

#define BY(path, index, type, doc)                                                                 \
    ROW(FilterMatch, "@" path, F_OWN, values[index], F_ERR(ERR_PLAIN), &filter_##type, doc)
#define OF(protocol) BIT(FILTER_##protocol)

/* By frames, and by what is in them. */
#define FRAMES   (OF(MAC) | OF(VLAN) | OF(STP) | OF(ARP) | OF(RARP) | OF(IP) | OF(IPV6))
#define BOTH_MAC (FRAMES & ~OF(STP))
#define ARPS     (OF(ARP) | OF(RARP))
/* By connections. */
#define TRAFFIC4                                                                                   \
    (OF(TCP) | OF(UDP) | OF(SCTP) | OF(ICMP) | OF(IGMP) | OF(ALL) | OF(ESP) | OF(AH) | OF(UDPLITE))
#define TRAFFIC6                                                                                   \
    (OF(TCP6) | OF(UDP6) | OF(SCTP6) | OF(ICMP6) | OF(ALL6) | OF(ESP6) | OF(AH6) | OF(UDPLITE6))
#define TRAFFIC (TRAFFIC4 | TRAFFIC6)
#define PORTS   (OF(TCP) | OF(UDP) | OF(SCTP) | OF(TCP6) | OF(UDP6) | OF(SCTP6))

static const Field match_fields[] = {
    ROW(FilterMatch, "#", F_ENUM, protocol, 0, protocols,
        "Protocol of the packets that the rule looks at."),
    BY("match", BY_MATCH, no, "'no': what is said of a packet must not be so."),
    BY("srcmacaddr", BY_SRC_MAC, mac, "MAC address of the sender."),
    WHEN(FilterMatch, protocol, FRAMES),
    BY("srcmacmask", BY_SRC_MAC_MASK, mac_mask, "Bits of it that count."),
    WHEN(FilterMatch, protocol, BOTH_MAC),
    BY("dstmacaddr", BY_DST_MAC, mac, "MAC address of the receiver."),
    BY("dstmacmask", BY_DST_MAC_MASK, mac_mask, "Bits of it that count."),
    WHEN(FilterMatch, protocol, OF(MAC)),
    BY("protocolid", BY_PROTOCOL_ID, ethertype, "Protocol in the frame."),
    WHEN(FilterMatch, protocol, OF(VLAN)),
    BY("vlanid", BY_VLAN_ID, vlan_id, "Tag of the VLAN."),
    BY("encap-protocol", BY_ENCAP_PROTOCOL, encap, "Protocol in the tagged frame."),
    WHEN(FilterMatch, protocol, OF(STP)),
    BY("type", BY_STP_TYPE, u8, "Type of the spanning tree's message."),
    BY("flags", BY_STP_FLAGS, u8, "Its flags."),
    BY("root-priority", BY_ROOT_PRIORITY, u16, "Priority of the root, or the least of a range."),
    BY("root-priority-hi", BY_ROOT_PRIORITY_HI, u16, "Largest of the range."),
    BY("root-address", BY_ROOT_ADDRESS, mac, "MAC address of the root."),
    BY("root-address-mask", BY_ROOT_ADDRESS_MASK, mac_mask, "Bits of it that count."),
    BY("root-cost", BY_ROOT_COST, u32, "Cost of the way to the root, or the least of a range."),
    BY("root-cost-hi", BY_ROOT_COST_HI, u32, "Largest of the range."),
    BY("sender-priority", BY_SENDER_PRIORITY, u16, "Priority of the sender, or the least."),
    BY("sender-priority-hi", BY_SENDER_PRIORITY_HI, u16, "Largest of the range."),
    BY("sender-address", BY_SENDER_ADDRESS, mac, "MAC address of the sender's bridge."),
    BY("sender-address-mask", BY_SENDER_ADDRESS_MASK, mac_mask, "Bits of it that count."),
    BY("port", BY_PORT, u16, "Port of the bridge, or the least of a range."),
    BY("port-hi", BY_PORT_HI, u16, "Largest of the range."),
    BY("age", BY_AGE, u16, "Age of the message, or the least of a range."),
    BY("age-hi", BY_AGE_HI, u16, "Largest of the range."),
    BY("max-age", BY_MAX_AGE, u16, "Largest age, or the least of a range."),
    BY("max-age-hi", BY_MAX_AGE_HI, u16, "Largest of the range."),
    BY("hello-time", BY_HELLO_TIME, u16, "Time between messages, or the least of a range."),
    BY("hello-time-hi", BY_HELLO_TIME_HI, u16, "Largest of the range."),
    BY("forward-delay", BY_FORWARD_DELAY, u16, "Delay of forwarding, or the least of a range."),
    BY("forward-delay-hi", BY_FORWARD_DELAY_HI, u16, "Largest of the range."),
    WHEN(FilterMatch, protocol, ARPS),
    BY("hwtype", BY_HW_TYPE, u16, "Kind of hardware."),
    BY("protocoltype", BY_PROTOCOL_TYPE, u16, "Protocol of the addresses."),
    BY("opcode", BY_OPCODE, opcode, "What is asked or answered."),
    BY("arpsrcmacaddr", BY_ARP_SRC_MAC, mac, "MAC address of who asks."),
    BY("arpdstmacaddr", BY_ARP_DST_MAC, mac, "MAC address of who is asked."),
    BY("arpsrcipaddr", BY_ARP_SRC_IP, ip, "Address of who asks."),
    BY("arpsrcipmask", BY_ARP_SRC_IP_MASK, ip_mask, "Bits of it that count."),
    BY("arpdstipaddr", BY_ARP_DST_IP, ip, "Address of who is asked."),
    BY("arpdstipmask", BY_ARP_DST_IP_MASK, ip_mask, "Bits of it that count."),
    BY("gratuitous", BY_GRATUITOUS, bool, "It is about its sender alone."),
    WHEN(FilterMatch, protocol, OF(IP) | TRAFFIC4),
    BY("srcipaddr", BY_SRC_IP, ip, "Address of the sender."),
    BY("srcipmask", BY_SRC_IP_MASK, ip_mask, "Bits of it that count."),
    BY("dstipaddr", BY_DST_IP, ip, "Address of the receiver."),
    BY("dstipmask", BY_DST_IP_MASK, ip_mask, "Bits of it that count."),
    WHEN(FilterMatch, protocol, OF(IPV6) | TRAFFIC6),
    BY("srcipaddr", BY_SRC_IP, ip6, "Address of the sender."),
    BY("srcipmask", BY_SRC_IP_MASK, ip6_mask, "Bits of it that count."),
    BY("dstipaddr", BY_DST_IP, ip6, "Address of the receiver."),
    BY("dstipmask", BY_DST_IP_MASK, ip6_mask, "Bits of it that count."),
    WHEN(FilterMatch, protocol, OF(IP) | OF(IPV6)),
    BY("protocol", BY_PROTOCOL, protocol, "Protocol in the packet."),
    BY("srcportstart", BY_SRC_PORT_START, u16, "Port of the sender, or the first of a range."),
    BY("srcportend", BY_SRC_PORT_END, u16, "Last of the range."),
    BY("dstportstart", BY_DST_PORT_START, u16, "Port of the receiver, or the first of a range."),
    BY("dstportend", BY_DST_PORT_END, u16, "Last of the range."),
    WHEN(FilterMatch, protocol, OF(IP)),
    BY("dscp", BY_DSCP, dscp, "Class of service."),
    WHEN(FilterMatch, protocol, OF(IPV6)),
    BY("type", BY_ICMP_TYPE, u8, "Type of an ICMPv6 message, or the first of a range."),
    BY("typeend", BY_ICMP_TYPE_END, u8, "Last of the range."),
    BY("code", BY_ICMP_CODE, u8, "Code of an ICMPv6 message, or the first of a range."),
    BY("codeend", BY_ICMP_CODE_END, u8, "Last of the range."),
    WHEN(FilterMatch, protocol, TRAFFIC4),
    BY("srcipfrom", BY_SRC_IP_FROM, ip, "First address of a range of senders."),
    BY("srcipto", BY_SRC_IP_TO, ip, "Last one."),
    BY("dstipfrom", BY_DST_IP_FROM, ip, "First address of a range of receivers."),
    BY("dstipto", BY_DST_IP_TO, ip, "Last one."),
    WHEN(FilterMatch, protocol, TRAFFIC6),
    BY("srcipfrom", BY_SRC_IP_FROM, ip6, "First address of a range of senders."),
    BY("srcipto", BY_SRC_IP_TO, ip6, "Last one."),
    BY("dstipfrom", BY_DST_IP_FROM, ip6, "First address of a range of receivers."),
    BY("dstipto", BY_DST_IP_TO, ip6, "Last one."),
    WHEN(FilterMatch, protocol, TRAFFIC),
    BY("dscp", BY_DSCP, dscp, "Class of service."),
    BY("connlimit-above", BY_CONNLIMIT, limit, "More connections than so many."),
    BY("state", BY_STATE, state, "States of the connection."),
    WHEN(FilterMatch, protocol, PORTS),
    BY("srcportstart", BY_SRC_PORT_START, u16, "Port of the sender, or the first of a range."),
    BY("srcportend", BY_SRC_PORT_END, u16, "Last of the range."),
    BY("dstportstart", BY_DST_PORT_START, u16, "Port of the receiver, or the first of a range."),
    BY("dstportend", BY_DST_PORT_END, u16, "Last of the range."),
    WHEN(FilterMatch, protocol, OF(TCP) | OF(TCP6)),
    BY("option", BY_TCP_OPTION, u8, "An option that is set."),
    WHEN(FilterMatch, protocol, OF(TCP)),
    BY("flags", BY_TCP_FLAGS, flags, "Flags that are looked at, and those of them that are set."),
    WHEN(FilterMatch, protocol, OF(ICMP) | OF(ICMP6)),
    BY("type", BY_ICMP_TYPE, u8, "Type of the message."),
    BY("code", BY_ICMP_CODE, u8, "Its code."),
    WHEN(FilterMatch, protocol, OF(ALL) | OF(ALL6)),
    BY("ipset", BY_IPSET, ipset, "A set of addresses."),
    BY("ipsetflags", BY_IPSET_FLAGS, ipset_dir, "What of a packet is looked for in it."),
    WHEN_END,
    BY("comment", BY_COMMENT, comment, "Words for people."),
    ROW_END
};

static const Field *
match_field(const FilterMatch *m, FilterValue v)
{
    guint offset = (guint)(G_STRUCT_OFFSET(FilterMatch, values) + v * sizeof(char *));
    gboolean there = TRUE;

    for (const Field *f = match_fields; f->kind != F_END; f++) {
        if (f->kind == F_WHEN)
            there = !m || f->mask == 0 || f->mask & BIT(m->protocol);
        else if (there && f->kind == F_OWN && f->offset == offset)
            return f;
    }
    return NULL;
}

gboolean
filter_match_set(FilterMatch *m, FilterValue v, const char *text)
{
    const Field *f = match_field(m, v);
    const FieldType *type = f ? f->arg : NULL;

    return type && *text != '$' && type->parse(f, text, &m->values[v], NULL);
}

const char *
filter_protocol_word(FilterProtocol protocol)
{
    return protocols[protocol];
}

const char *
filter_value_word(FilterValue v)
{
    return match_field(NULL, v)->path + 1;
}

/* Only these protocols have ports. */
static gboolean
match_settle(gpointer data, GError **err)
{
    const FilterMatch *m = data;
    int protocol = filter_protocol_number(m->values[BY_PROTOCOL]);
    gboolean has_port = FALSE;

    if (m->protocol != FILTER_IP && m->protocol != FILTER_IPV6)
        return TRUE;
    for (FilterValue v = BY_SRC_PORT_START; v <= BY_DST_PORT_END; v++)
        has_port = has_port || m->values[v];
    if (!has_port || protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132)
        return TRUE;
    return fail(err, ERR_PLAIN,
                "%s rule with port specification requires protocol specification with protocol to "
                "be either one of tcp(6), udp(17), dccp(33), or sctp(132)",
                m->protocol == FILTER_IP ? "IP" : "IPv6");
}
static const Schema match_schema = { "all", sizeof(FilterMatch), match_fields, match_settle };

/* ---- rules and references */

static const Field param_fields[] = {
    ROW(FilterParam, "@name", F_STRING, name, 0, NULL, "Name of a variable of the filter."),
    ROW(FilterParam, "@value", F_STRING, value, 0, NULL,
        "Value of that variable; several elements of one name make a list."),
    ROW_END
};
static const Schema param_schema = { "parameter", sizeof(FilterParam), param_fields };

static gboolean
statematch_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    gboolean off = strcmp(text, "0") == 0 || g_ascii_strcasecmp(text, "false") == 0;

    g_free(*(char **)at);
    *(char **)at = off ? g_strdup("false") : NULL;
    return TRUE;
}
static const FieldType statematch = { "false",          NULL,        sizeof(char *),
                                      statematch_parse, text_format, NULL,
                                      text_clear,       text_copy,   text_equal };

static const Field entry_fields[] = {
    ROW(FilterEntry, "#", F_ENUM, kind, 0, kinds, "A rule, or a reference to another filter."),
    WHEN(FilterEntry, kind, BIT(FILTER_RULE)),
    ROW(FilterEntry, "@action", F_ENUM, action, F_REQUIRED, actions,
        "What happens with a packet that matches: drop, reject, accept, return or continue."),
    ROW(FilterEntry, "@direction", F_ENUM, direction, F_REQUIRED, directions,
        "Whether the rule is for packets to the guest (in), from it (out), or both."),
    ROW_HAS(FilterEntry, "@priority", F_I32, priority, 0, NULL,
            "Place of the rule among others: lower ones go first; without it 500."),
    ROW(FilterEntry, "@statematch", F_OWN, statematch, 0, &statematch,
        "Whether the state of the connection counts; 'false': it does not."),
    ROW(FilterEntry, "*", F_LIST, matches, 0, &match_schema,
        "Properties that a packet must have to match."),
    WHEN(FilterEntry, kind, BIT(FILTER_REF)),
    ROW(FilterEntry, "@filter", F_STRING, filter, F_REQUIRED, NULL,
        "Name of the filter whose rules are included."),
    ROW(FilterEntry, "parameter", F_LIST, params, 0, &param_schema, "Variables of that filter."),
    WHEN_END,
    ROW_END
};

/* The first element decides about the protocol; of others of its kind the last ones count. */
static void
settle_matches(FilterEntry *e)
{
    FilterMatch *first = list_item(e->matches, 0);

    while (list_length(e->matches) > 1) {
        FilterMatch *m = list_item(e->matches, 1);
        for (guint v = 0; m->protocol == first->protocol && v < N_FILTER_VALUES; v++) {
            if (!m->values[v])
                continue;
            g_free(first->values[v]);
            first->values[v] = g_steal_pointer(&m->values[v]);
        }
        list_remove(&e->matches, 1);
        schema_free(&match_schema, m);
    }
}

#define NAME_CHARS  G_CSET_a_2_z G_CSET_A_2_Z "0123456789_"
#define VALUE_CHARS NAME_CHARS ".:"

static gboolean
is_made_of(const char *text, const char *chars)
{
    return text && *text && !text[strspn(text, chars)];
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const FilterParam *const *)a)->name, (*(const FilterParam *const *)b)->name);
}

static void
settle_params(FilterEntry *e)
{
    for (guint i = list_length(e->params); i-- > 0;) {
        FilterParam *p = e->params->pdata[i];
        if (is_made_of(p->name, NAME_CHARS) && is_made_of(p->value, VALUE_CHARS))
            continue;
        schema_free(&param_schema, p);
        list_remove(&e->params, i);
    }
    if (e->params)
        g_ptr_array_sort(e->params, by_name); /* which is stable */
}

static gboolean
entry_settle(gpointer data, GError **err)
{
    FilterEntry *e = data;

    if (e->kind == FILTER_REF) {
        settle_params(e);
        return TRUE;
    }
    if (!e->has_priority || e->priority < -1000 || e->priority > 1000)
        e->priority = 500;
    e->has_priority = TRUE;
    settle_matches(e);
    return TRUE;
}
static const Schema entry_schema = { "rule", sizeof(FilterEntry), entry_fields, entry_settle };

/* ---- the whole */

static const Field nwfilter_fields[] = {
    ROW(NwfilterDef, "@name", F_STRING, name, F_NONEMPTY, NULL,
        "Name of the filter; no two have the same."),
    ROW(NwfilterDef, "@chain", F_STRING, chain, F_NONEMPTY, NULL,
        "Chain that the rules are in; without it root, where all packets begin."),
    ROW_HAS(NwfilterDef, "@priority", F_I32, priority, F_NONEMPTY | F_ERR(ERR_INVALID_ARG),
            RANGE(-1000, 1000),
            "Place of the chain among others: lower ones go first; without it that of its kind."),
    ROW(NwfilterDef, "uuid", F_UUID, uuid, 0, NULL,
        "UUID of the filter; without it a random one is made."),
    ROW(NwfilterDef, "*", F_LIST, entries, 0, &entry_schema,
        "Rules and references to other filters, in order."),
    ROW_END
};

#define CHAIN_MAX 12

static const struct {
    const char *prefix;
    gint32 priority;
} chains[] = { { "mac", -800 },  { "vlan", -750 }, { "stp", 0 },    { "arp", -500 },
               { "rarp", -400 }, { "ipv4", -700 }, { "ipv6", -600 } };

static gboolean
chain_check(const char *chain, gint32 *ret_priority, GError **err)
{
    gsize i = 0;

    *ret_priority = 0;
    if (strcmp(chain, "root") == 0)
        return TRUE;
    if (strlen(chain) > CHAIN_MAX)
        return fail(err, ERR_INVALID_ARG, "Name of chain is longer than %d characters", CHAIN_MAX);
    while (i < G_N_ELEMENTS(chains) && !g_str_has_prefix(chain, chains[i].prefix))
        i++;
    if (i == G_N_ELEMENTS(chains))
        return fail(err, ERR_INVALID_ARG,
                    "Invalid chain name '%s'. Please use a chain name called 'root' or any of the "
                    "following prefixes: mac, vlan, stp, arp, rarp, ipv4, ipv6",
                    chain);
    if (!is_made_of(chain, NAME_CHARS ".:-"))
        return fail(err, ERR_INVALID_ARG, "Chain name contains invalid characters");
    *ret_priority = chains[i].priority;
    return TRUE;
}

static gboolean
nwfilter_settle(gpointer data, GError **err)
{
    NwfilterDef *def = data;
    gint32 priority;

    if (!def->name)
        return fail(err, ERR_PLAIN, "filter has no name");
    if (!def->chain)
        def->chain = g_strdup("root");
    if (!chain_check(def->chain, &priority, err))
        return FALSE;
    if (!def->has_priority)
        def->priority = priority;
    def->has_priority = def->priority != 0;
    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
    return TRUE;
}
const Schema nwfilter_schema = { "filter", sizeof(NwfilterDef), nwfilter_fields, nwfilter_settle };

NwfilterDef *
nwfilter_parse(const char *xml, gssize len, guint flags, GError **err)
{
    return xml_parse(&nwfilter_schema, NULL, xml, len, flags, err);
}

char *
nwfilter_format(const NwfilterDef *def)
{
    return xml_format(&nwfilter_schema, NULL, def, 0);
}

void
nwfilter_def_free(NwfilterDef *def)
{
    schema_free(&nwfilter_schema, def);
}
