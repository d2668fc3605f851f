/* Filters of packets: the struct of <filter>. Included by conf.h only. The element is described in
 * libvirt's "Network Filters". */
#pragma once

#include "def_net.h"

/* The protocols that a rule can match, each an element of its own. */
typedef enum FilterProtocol {
    FILTER_MAC = 1,
    FILTER_VLAN,
    FILTER_STP,
    FILTER_ARP,
    FILTER_RARP,
    FILTER_IP,
    FILTER_IPV6,
    FILTER_TCP,
    FILTER_UDP,
    FILTER_SCTP,
    FILTER_ICMP,
    FILTER_IGMP,
    FILTER_ALL,
    FILTER_ESP,
    FILTER_AH,
    FILTER_UDPLITE,
    FILTER_TCP6,
    FILTER_UDP6,
    FILTER_SCTP6,
    FILTER_ICMP6,
    FILTER_ALL6,
    FILTER_ESP6,
    FILTER_AH6,
    FILTER_UDPLITE6,
} FilterProtocol;

/* The properties of a packet that a rule can match. */
typedef enum FilterValue {
    BY_MATCH, /* "no": the packet must not have the other properties */
    BY_SRC_MAC,
    BY_SRC_MAC_MASK,
    BY_DST_MAC,
    BY_DST_MAC_MASK,
    BY_PROTOCOL_ID,
    BY_VLAN_ID,
    BY_ENCAP_PROTOCOL,
    BY_STP_TYPE,
    BY_STP_FLAGS,
    BY_ROOT_PRIORITY,
    BY_ROOT_PRIORITY_HI,
    BY_ROOT_ADDRESS,
    BY_ROOT_ADDRESS_MASK,
    BY_ROOT_COST,
    BY_ROOT_COST_HI,
    BY_SENDER_PRIORITY,
    BY_SENDER_PRIORITY_HI,
    BY_SENDER_ADDRESS,
    BY_SENDER_ADDRESS_MASK,
    BY_PORT,
    BY_PORT_HI,
    BY_AGE,
    BY_AGE_HI,
    BY_MAX_AGE,
    BY_MAX_AGE_HI,
    BY_HELLO_TIME,
    BY_HELLO_TIME_HI,
    BY_FORWARD_DELAY,
    BY_FORWARD_DELAY_HI,
    BY_HW_TYPE,
    BY_PROTOCOL_TYPE,
    BY_OPCODE,
    BY_ARP_SRC_MAC,
    BY_ARP_DST_MAC,
    BY_ARP_SRC_IP,
    BY_ARP_SRC_IP_MASK,
    BY_ARP_DST_IP,
    BY_ARP_DST_IP_MASK,
    BY_GRATUITOUS,
    BY_SRC_IP,
    BY_SRC_IP_MASK,
    BY_DST_IP,
    BY_DST_IP_MASK,
    BY_SRC_IP_FROM,
    BY_SRC_IP_TO,
    BY_DST_IP_FROM,
    BY_DST_IP_TO,
    BY_PROTOCOL,
    BY_SRC_PORT_START,
    BY_SRC_PORT_END,
    BY_DST_PORT_START,
    BY_DST_PORT_END,
    BY_ICMP_TYPE,
    BY_ICMP_TYPE_END,
    BY_ICMP_CODE,
    BY_ICMP_CODE_END,
    BY_DSCP,
    BY_CONNLIMIT,
    BY_STATE,
    BY_TCP_OPTION,
    BY_TCP_FLAGS,
    BY_IPSET,
    BY_IPSET_FLAGS,
    BY_COMMENT,
    N_FILTER_VALUES
} FilterValue;

/* The properties that a rule matches. Each value is a text in the one spelling that documents are
 * written with: a value, or a variable of the filter ("$IP", "$IP[@1]"), whose value comes from the
 * interface that uses the filter. NULL: any packet matches. */
typedef struct FilterMatch {
    int protocol; /* FilterProtocol */
    char *values[N_FILTER_VALUES];
} FilterMatch;

typedef enum FilterEntryKind { FILTER_RULE = 1, FILTER_REF } FilterEntryKind;

/* A rule, or a reference to another filter. */
typedef struct FilterEntry {
    int kind; /* FilterEntryKind */
    /* a rule */
    int action;    /* drop 1, accept 2, reject 3, return 4, continue 5 */
    int direction; /* in 1, out 2, inout 3 */
    gint32 priority;
    guint8 has_priority;
    char *statematch;   /* "false", or NULL */
    GPtrArray *matches; /* FilterMatch; at most one */
    /* another filter */
    char *filter;
    GPtrArray *params; /* FilterParam, by name */
} FilterEntry;

typedef struct NwfilterDef {
    char *name;
    char *chain; /* "root", or another chain's kind and what follows it in its name */
    gint32 priority;
    guint8 has_priority;
    guint8 uuid[UUID_LEN];
    GPtrArray *entries; /* FilterEntry, in order */
} NwfilterDef;

extern const Schema nwfilter_schema;

/* Reads a document. flags: XML_VALIDATE. */
NwfilterDef *nwfilter_parse(const char *xml, gssize len, guint flags, GError **err);
char *nwfilter_format(const NwfilterDef *def); /* caller frees */
void nwfilter_def_free(NwfilterDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NwfilterDef, nwfilter_def_free)

/* Sets the property v to a value, in the spelling that documents have. FALSE: the text is no such
 * value, or the protocol has no such property. */
gboolean filter_match_set(FilterMatch *m, FilterValue v, const char *text);
/* The number that a value means, as digits or as a word: "0x86dd", "ipv6", "tcp", "Reply". */
guint64 filter_number(const char *text);
const char *filter_protocol_word(FilterProtocol protocol); /* "tcp-ipv6" */
const char *filter_value_word(FilterValue v);              /* "srcipaddr" */
