/* The packets that a filter's rule matches, as expressions of nftables in the family bridge. Fields
 * that libnftables has no word for are found by their offset behind the Ethernet header. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "filter_priv.h"

/* ---- where values are in a packet */

typedef enum LookAs { AS_TEXT, AS_NUMBER, AS_MAC, AS_IP } LookAs;

typedef struct MatchLook {
    FilterValue value, mask, hi; /* BY_MATCH: it has none */
    LookAs as;
    const char *protocol, *field; /* NULL: by its place */
    guint offset, bits;           /* behind the Ethernet header */
} MatchLook;

#define NONE BY_MATCH

static const MatchLook looks[] = {
    { BY_SRC_MAC, BY_SRC_MAC_MASK, NONE, AS_MAC, "ether", "saddr" },
    { BY_DST_MAC, BY_DST_MAC_MASK, NONE, AS_MAC, "ether", "daddr" },
    { BY_PROTOCOL_ID, NONE, NONE, AS_NUMBER, "ether", "type" },
    { BY_VLAN_ID, NONE, NONE, AS_NUMBER, "vlan", "id" },
    { BY_ENCAP_PROTOCOL, NONE, NONE, AS_NUMBER, "vlan", "type" },
    { BY_STP_TYPE, NONE, NONE, AS_NUMBER, NULL, NULL, 48, 8 },
    { BY_STP_FLAGS, NONE, NONE, AS_NUMBER, NULL, NULL, 56, 8 },
    { BY_ROOT_PRIORITY, NONE, BY_ROOT_PRIORITY_HI, AS_NUMBER, NULL, NULL, 64, 16 },
    { BY_ROOT_ADDRESS, BY_ROOT_ADDRESS_MASK, NONE, AS_MAC, NULL, NULL, 80, 48 },
    { BY_ROOT_COST, NONE, BY_ROOT_COST_HI, AS_NUMBER, NULL, NULL, 128, 32 },
    { BY_SENDER_PRIORITY, NONE, BY_SENDER_PRIORITY_HI, AS_NUMBER, NULL, NULL, 160, 16 },
    { BY_SENDER_ADDRESS, BY_SENDER_ADDRESS_MASK, NONE, AS_MAC, NULL, NULL, 176, 48 },
    { BY_PORT, NONE, BY_PORT_HI, AS_NUMBER, NULL, NULL, 224, 16 },
    { BY_AGE, NONE, BY_AGE_HI, AS_NUMBER, NULL, NULL, 240, 16 },
    { BY_MAX_AGE, NONE, BY_MAX_AGE_HI, AS_NUMBER, NULL, NULL, 256, 16 },
    { BY_HELLO_TIME, NONE, BY_HELLO_TIME_HI, AS_NUMBER, NULL, NULL, 272, 16 },
    { BY_FORWARD_DELAY, NONE, BY_FORWARD_DELAY_HI, AS_NUMBER, NULL, NULL, 288, 16 },
    { BY_HW_TYPE, NONE, NONE, AS_NUMBER, NULL, NULL, 0, 16 },
    { BY_PROTOCOL_TYPE, NONE, NONE, AS_NUMBER, NULL, NULL, 16, 16 },
    { BY_OPCODE, NONE, NONE, AS_NUMBER, NULL, NULL, 48, 16 },
    { BY_ARP_SRC_MAC, NONE, NONE, AS_MAC, NULL, NULL, 64, 48 },
    { BY_ARP_SRC_IP, BY_ARP_SRC_IP_MASK, NONE, AS_IP, NULL, NULL, 112, 32 },
    { BY_ARP_DST_MAC, NONE, NONE, AS_MAC, NULL, NULL, 144, 48 },
    { BY_ARP_DST_IP, BY_ARP_DST_IP_MASK, NONE, AS_IP, NULL, NULL, 192, 32 },
    { BY_SRC_IP, BY_SRC_IP_MASK, NONE, AS_IP, "ip", "saddr" },
    { BY_DST_IP, BY_DST_IP_MASK, NONE, AS_IP, "ip", "daddr" },
    { BY_SRC_IP_FROM, NONE, BY_SRC_IP_TO, AS_TEXT, "ip", "saddr" },
    { BY_DST_IP_FROM, NONE, BY_DST_IP_TO, AS_TEXT, "ip", "daddr" },
    { BY_PROTOCOL, NONE, NONE, AS_NUMBER, "meta", "l4proto" },
    { BY_SRC_PORT_START, NONE, BY_SRC_PORT_END, AS_NUMBER, "th", "sport" },
    { BY_DST_PORT_START, NONE, BY_DST_PORT_END, AS_NUMBER, "th", "dport" },
    { BY_ICMP_TYPE, NONE, BY_ICMP_TYPE_END, AS_NUMBER, "icmp", "type" },
    { BY_ICMP_CODE, NONE, BY_ICMP_CODE_END, AS_NUMBER, "icmp", "code" },
    { BY_DSCP, NONE, NONE, AS_NUMBER, "ip", "dscp" },
};

/* The kind of packet that a protocol needs before its fields are compared. */
static const struct {
    guint ether; /* type of the frame; 0: any */
    int l4;      /* protocol of IP; 0: any */
} kinds[] = {
    [FILTER_MAC] = { 0, 0 },          [FILTER_VLAN] = { 0x8100, 0 },
    [FILTER_STP] = { 0, 0 },          [FILTER_ARP] = { 0x806, 0 },
    [FILTER_RARP] = { 0x8035, 0 },    [FILTER_IP] = { 0x800, 0 },
    [FILTER_IPV6] = { 0x86dd, 0 },    [FILTER_TCP] = { 0x800, 6 },
    [FILTER_UDP] = { 0x800, 17 },     [FILTER_SCTP] = { 0x800, 132 },
    [FILTER_ICMP] = { 0x800, 1 },     [FILTER_IGMP] = { 0x800, 2 },
    [FILTER_ALL] = { 0x800, 0 },      [FILTER_ESP] = { 0x800, 50 },
    [FILTER_AH] = { 0x800, 51 },      [FILTER_UDPLITE] = { 0x800, 136 },
    [FILTER_TCP6] = { 0x86dd, 6 },    [FILTER_UDP6] = { 0x86dd, 17 },
    [FILTER_SCTP6] = { 0x86dd, 132 }, [FILTER_ICMP6] = { 0x86dd, 58 },
    [FILTER_ALL6] = { 0x86dd, 0 },    [FILTER_ESP6] = { 0x86dd, 50 },
    [FILTER_AH6] = { 0x86dd, 51 },    [FILTER_UDPLITE6] = { 0x86dd, 136 },
};

/* ---- values */

static guint64
mac_number(const char *text)
{
    guint64 n = 0;
    guint b[6];

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) == 6)
        for (guint i = 0; i < 6; i++)
            n = n << 8 | b[i];
    return n;
}

static json_object *
mac_text(guint64 n)
{
    char text[18];

    g_snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", (guint)(n >> 40) & 0xff,
               (guint)(n >> 32) & 0xff, (guint)(n >> 24) & 0xff, (guint)(n >> 16) & 0xff,
               (guint)(n >> 8) & 0xff, (guint)n & 0xff);
    return json_object_new_string(text);
}

static guint32
ip_number(const char *text)
{
    struct in_addr a = { 0 };

    inet_pton(AF_INET, text, &a);
    return g_ntohl(a.s_addr);
}

static guint32
bits_mask(guint bits)
{
    return bits ? G_MAXUINT32 << (32 - MIN(bits, 32)) : 0;
}

/* The network that an address is in: nftables compares all bits of what it is given. */
static json_object *
ip_prefix(const char *address, guint bits)
{
    guint8 bytes[16] = { 0 };
    char text[INET6_ADDRSTRLEN] = "";
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;

    inet_pton(family, address, bytes);
    for (guint i = 0; i < sizeof bytes * 8; i++)
        if (i >= bits)
            bytes[i / 8] &= (guint8) ~(0x80 >> i % 8);
    inet_ntop(family, bytes, text, sizeof text);
    return nf_prefix(text, (int)bits);
}

/* ---- comparing */

static json_object *
left_of(const MatchLook *look, gboolean v6)
{
    const char *protocol = look->protocol;

    if (!protocol)
        return nf_raw("nh", look->offset, look->bits);
    if (strcmp(protocol, "meta") == 0)
        return nf_meta(look->field);
    if (v6 && strcmp(protocol, "ip") == 0)
        protocol = "ip6";
    if (v6 && strcmp(protocol, "icmp") == 0)
        protocol = "icmpv6";
    return nf_field(protocol, look->field);
}

static json_object *
compare_mac(const char *op, json_object *left, const MatchLook *look, const char *value,
            const char *mask)
{
    guint64 n = mac_number(value),
            bits = mask ? mac_number(mask) : G_GUINT64_CONSTANT(0xffffffffffff);
    gboolean by_place = look->protocol == NULL;

    if (mask)
        left = nf_masked(left, by_place ? nf_number(bits) : mac_text(bits));
    return nf_match(op, left, by_place ? nf_number(n & bits) : mac_text(n & bits));
}

static json_object *
compare_ip(const char *op, json_object *left, const MatchLook *look, const char *value,
           const char *mask)
{
    guint bits = mask ? (guint)atoi(mask) : 128;

    if (look->protocol)
        return nf_match(op, left, mask ? ip_prefix(value, bits) : json_object_new_string(value));
    if (mask)
        left = nf_masked(left, nf_number(bits_mask(bits)));
    return nf_match(op, left, nf_number(ip_number(value) & (mask ? bits_mask(bits) : G_MAXUINT32)));
}

static json_object *
one_of(LookAs as, const char *text)
{
    return as == AS_NUMBER ? nf_number(filter_number(text)) : json_object_new_string(text);
}

static json_object *
compare(const char *op, const MatchLook *look, const FilterMatch *m, gboolean v6)
{
    const char *value = m->values[look->value], *hi = look->hi ? m->values[look->hi] : NULL;
    const char *mask = look->mask ? m->values[look->mask] : NULL;
    json_object *left = left_of(look, v6);

    if (look->as == AS_MAC)
        return compare_mac(op, left, look, value, mask);
    if (look->as == AS_IP)
        return compare_ip(op, left, look, value, mask);
    return nf_match(op, left,
                    hi ? nf_range(one_of(look->as, value), one_of(look->as, hi))
                       : one_of(look->as, value));
}

/* ---- flags and options of TCP */

static guint
flags_bits(const char *text)
{
    static const char *const words[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", NULL };
    g_auto(GStrv) said = g_strsplit(text, ",", -1);
    guint bits = 0;

    for (char **word = said; *word; word++) {
        if (strcmp(*word, "ALL") == 0)
            bits = 0x3f;
        for (guint i = 0; words[i]; i++)
            bits |= strcmp(*word, words[i]) == 0 ? 1u << i : 0;
    }
    return bits;
}

/* NULL: nftables has no name for it. */
static const char *
option_name(const char *kind)
{
    static const char *const names[] = { "eol",  "nop", "maxseg", "window",   "sack-perm",
                                         "sack", NULL,  NULL,     "timestamp" };
    guint64 n = filter_number(kind);

    return n < G_N_ELEMENTS(names) ? names[n] : NULL;
}

static void
add_tcp(json_object *list, const char *op, const FilterMatch *m)
{
    const char *flags = m->values[BY_TCP_FLAGS], *option = m->values[BY_TCP_OPTION];

    if (flags) {
        g_auto(GStrv) halves = g_strsplit(flags, "/", 2);
        json_object *left = nf_masked(nf_field("tcp", "flags"), nf_number(flags_bits(halves[0])));
        json_object_array_add(list, nf_match(op, left, nf_number(flags_bits(halves[1]))));
    }
    if (option)
        json_object_array_add(
            list,
            nf_match("==", nf_wrap("tcp option", json_make("name", 's', option_name(option), NULL)),
                     json_object_new_boolean(strcmp(op, "==") == 0)));
}

/* ---- the whole */

static gboolean
check(const FilterMatch *m, GError **err)
{
    const struct {
        FilterValue value;
        gboolean odd;
    } rows[] = {
        { BY_IPSET, m->values[BY_IPSET] != NULL },
        { BY_GRATUITOUS, g_strcmp0(m->values[BY_GRATUITOUS], "true") == 0 },
        { BY_TCP_OPTION, m->values[BY_TCP_OPTION] && !option_name(m->values[BY_TCP_OPTION]) },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].odd)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "'%s' (%s) of <%s> is not supported: nftables cannot match it",
                        filter_value_word(rows[i].value), m->values[rows[i].value],
                        filter_protocol_word((FilterProtocol)m->protocol));
    return TRUE;
}

static FilterMatch
turned(const FilterMatch *m)
{
    static const FilterValue pairs[][2] = {
        { BY_SRC_MAC, BY_DST_MAC },
        { BY_SRC_MAC_MASK, BY_DST_MAC_MASK },
        { BY_ARP_SRC_MAC, BY_ARP_DST_MAC },
        { BY_ARP_SRC_IP, BY_ARP_DST_IP },
        { BY_ARP_SRC_IP_MASK, BY_ARP_DST_IP_MASK },
        { BY_SRC_IP, BY_DST_IP },
        { BY_SRC_IP_MASK, BY_DST_IP_MASK },
        { BY_SRC_IP_FROM, BY_DST_IP_FROM },
        { BY_SRC_IP_TO, BY_DST_IP_TO },
        { BY_SRC_PORT_START, BY_DST_PORT_START },
        { BY_SRC_PORT_END, BY_DST_PORT_END },
    };
    FilterMatch other = *m;

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        other.values[pairs[i][0]] = m->values[pairs[i][1]];
        other.values[pairs[i][1]] = m->values[pairs[i][0]];
    }
    return other;
}

json_object *
filter_match_expressions(const FilterMatch *given, gboolean reversed, GError **err)
{
    const FilterMatch m = reversed ? turned(given) : *given;
    const char *op = m.values[BY_MATCH] ? "!=" : "==";
    gboolean v6 = kinds[m.protocol].ether == 0x86dd;
    json_object *list;

    if (!check(&m, err))
        return NULL;
    list = json_object_new_array();
    if (kinds[m.protocol].ether)
        json_object_array_add(
            list, nf_match("==", nf_field("ether", "type"), nf_number(kinds[m.protocol].ether)));
    if (m.protocol == FILTER_STP)
        json_object_array_add(list, nf_match("==", nf_field("ether", "daddr"),
                                             json_object_new_string("01:80:c2:00:00:00")));
    if (kinds[m.protocol].l4)
        json_object_array_add(
            list, nf_match("==", nf_meta("l4proto"), nf_number((guint64)kinds[m.protocol].l4)));
    for (gsize i = 0; i < G_N_ELEMENTS(looks); i++)
        if (m.values[looks[i].value])
            json_object_array_add(list, compare(op, &looks[i], &m, v6));
    add_tcp(list, op, &m);
    return list;
}
