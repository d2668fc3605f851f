/* Virtual networks: the struct of <network>. Included by conf.h only. The element is described in
 * libvirt's "Network XML format". */
#pragma once

#include "def_net.h"

typedef enum ForwardMode {
    FORWARD_NONE, /* no <forward>: isolated */
    FORWARD_NAT,
    FORWARD_ROUTE,
    FORWARD_OPEN,
    FORWARD_BRIDGE,
    FORWARD_PRIVATE,
    FORWARD_VEPA,
    FORWARD_PASSTHROUGH,
    FORWARD_HOSTDEV,
} ForwardMode;
extern const char *const forward_modes[];

typedef struct ForwardInterface {
    char *dev;
    guint32 connections; /* live: guests that use it */
} ForwardInterface;

typedef struct ForwardPci {
    int type; /* "pci", the only word */
    PciAddress pci;
    guint32 connections; /* live */
} ForwardPci;

typedef struct ForwardPf {
    char *dev;
} ForwardPf;

typedef struct NatDef {
    int ipv6;          /* YES, NO */
    char *start, *end; /* addresses that guests are seen under; NULL: the host's own */
    guint32 port_start, port_end;
} NatDef;

typedef struct ForwardDef {
    int mode;    /* ForwardMode */
    char *dev;   /* of the first interface */
    int managed; /* hostdev: YES, NO */
    int driver;  /* hostdev: word of its table */
    char *driver_model;
    NatDef *nat;
    ForwardPf *pf;
    GPtrArray *interfaces; /* ForwardInterface */
    GPtrArray *addresses;  /* ForwardPci */
    guint32 connections;   /* live */
} ForwardDef;

typedef struct BridgeDef {
    char *name, *zone;
    int stp;       /* ON, OFF */
    guint64 delay; /* seconds for which a new port does not forward */
    guint8 has_delay;
    int mac_table; /* kernel 1, libvirt 2: who fills the table of MAC addresses */
} BridgeDef;

typedef struct NetworkDomain {
    char *name;
    int local_only, registered; /* YES, NO */
} NetworkDomain;

typedef struct DnsForwarder {
    char *domain, *addr;
    guint32 port; /* 0: 53 */
} DnsForwarder;

typedef struct DnsTxt {
    char *name, *value;
} DnsTxt;

typedef struct DnsSrv {
    char *service, *protocol, *domain, *target;
    guint32 port, priority, weight;
} DnsSrv;

typedef struct DnsHost {
    char *ip;
    char **names;
} DnsHost;

typedef struct DnsDef {
    int enable, forward_plain_names; /* YES, NO */
    GPtrArray *forwarders;           /* DnsForwarder */
    GPtrArray *txts;                 /* DnsTxt */
    GPtrArray *srvs;                 /* DnsSrv */
    GPtrArray *hosts;                /* DnsHost */
} DnsDef;

typedef struct LeaseTime {
    guint64 expiry; /* in units; 0: for ever */
    guint8 has_expiry;
    int unit; /* seconds 1, minutes 2, hours 3 */
} LeaseTime;

typedef struct DhcpRange {
    char *start, *end;
    LeaseTime *lease;
} DhcpRange;

typedef struct DhcpHost {
    char *mac, *id, *name, *ip;
    LeaseTime *lease;
} DhcpHost;

typedef struct DhcpBootp {
    char *file, *server;
} DhcpBootp;

typedef struct DhcpDef {
    GPtrArray *ranges; /* DhcpRange */
    GPtrArray *hosts;  /* DhcpHost */
    DhcpBootp *bootp;
} DhcpDef;

typedef struct NetworkIp {
    int family; /* ipv4 1, ipv6 2; 0: ipv4 */
    char *address, *netmask;
    guint32 prefix;
    guint8 has_prefix;
    int local_ptr; /* YES, NO: reverse names are answered here alone */
    char *tftp_root;
    DhcpDef *dhcp;
} NetworkIp;

typedef struct NetworkRoute {
    int family;
    char *address, *netmask, *gateway;
    guint32 prefix, metric;
    guint8 has_prefix;
} NetworkRoute;

typedef struct Portgroup {
    char *name;
    int is_default, trust_guest_rx_filters; /* YES, NO */
    VlanDef *vlan;
    BandwidthDef *bandwidth;
    VirtualPort *vport;
} Portgroup;

typedef struct DnsmasqOption {
    char *value; /* a line for dnsmasq's configuration, unchecked */
} DnsmasqOption;

typedef struct NetworkDef {
    char *name;
    guint8 uuid[UUID_LEN];
    guint32 connections; /* live: interfaces of guests on it */
    int ipv6; /* YES: guests may use IPv6 with each other although the network has no IPv6 address
               */
    int trust_guest_rx_filters;
    char *title, *description, *metadata;
    ForwardDef *forward; /* NULL: isolated */
    BridgeDef *bridge;
    guint32 mtu;
    guint8 mac[6]; /* the bridge's */
    NetworkDomain *domain;
    DnsDef *dns;
    VlanDef *vlan;
    BandwidthDef *bandwidth;
    int port_isolated; /* YES, NO */
    GPtrArray *ips;    /* NetworkIp */
    GPtrArray *routes; /* NetworkRoute */
    VirtualPort *vport;
    GPtrArray *portgroups; /* Portgroup */
    GPtrArray *dnsmasq;    /* DnsmasqOption */
} NetworkDef;

extern const Schema network_schema;
extern const Schema network_ip_schema, network_route_schema, portgroup_schema;
extern const Schema dhcp_range_schema, dhcp_host_schema;
extern const Schema dns_host_schema, dns_txt_schema, dns_srv_schema, forward_interface_schema;

ForwardMode network_mode(const NetworkDef *def);
/* Whether vmd makes the bridge: for the modes nat, route and open, and for isolated networks. */
gboolean network_owns_bridge(const NetworkDef *def);
/* The length of the prefix of an <ip> or <route>, in bits, from its prefix, its netmask or the
 * class of its address; -1: it is IPv6 and has neither, or the netmask is none. */
int network_prefix(int family, const char *address, const char *netmask, guint32 prefix,
                   guint8 has_prefix);
/* The family of an element: AF_INET or AF_INET6. */
int network_family(int family);

/* Reads a document and checks it. flags: XML_LIVE, XML_VALIDATE. Values that a definition leaves
 * out and the host decides (name of the bridge, MAC address) stay out. Free with network_free. */
NetworkDef *network_parse(const char *xml, gssize len, guint flags, GError **err);
char *network_format(const NetworkDef *def, guint flags); /* XML_LIVE; caller frees */
NetworkDef *network_copy(const NetworkDef *def);
void network_free(NetworkDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkDef, network_free)
/* Checks the rules; the definition may lack values that the host decides. Pure. */
gboolean network_check(const NetworkDef *def, GError **err);

/* Adds, removes or replaces one element: command and section are those of virNetworkUpdateCommand
 * and virNetworkUpdateSection; parent_index -1: the parent is found. def is unchanged when it
 * fails. */
gboolean network_update(NetworkDef *def, guint command, guint section, int parent_index,
                        const char *xml, GError **err);

/* ---- ports of a network, bindings of filters (network_port.c) -------------------------------- */

enum { PLUG_NONE = 1, PLUG_NETWORK, PLUG_BRIDGE };

/* <networkport>: what a network has of one interface. */
typedef struct NetworkPortDef {
    guint8 uuid[16], owner_uuid[16], mac[6];
    char *owner; /* the domain's name */
    char *group; /* portgroup; NULL: none */
    VlanDef *vlan;
    VirtualPort *vport;
    BandwidthDef *bandwidth;
    int isolated, trust; /* YES, NO */
    int plug_type;       /* PLUG_*; 0: it is not said */
    char *plug_bridge;
} NetworkPortDef;
/* flags: XML_VALIDATE. What must be there is: UUID, owner, MAC address. */
NetworkPortDef *network_port_parse(const char *xml, guint flags, GError **err);
char *network_port_format(const NetworkPortDef *def); /* caller frees */
NetworkPortDef *network_port_copy(const NetworkPortDef *def);
void network_port_free(gpointer def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkPortDef, network_port_free)

/* Several of them in one file of the daemon's own. */
typedef struct NetworkPortList {
    GPtrArray *ports; /* NetworkPortDef; NULL: none */
} NetworkPortList;
NetworkPortList *network_ports_parse(const char *xml, GError **err);
char *network_ports_format(const NetworkPortList *list); /* caller frees */
void network_ports_free(NetworkPortList *list);

/* <filterbinding>: the filter of one link. */
typedef struct FilterBindingDef {
    char *owner; /* the domain's name */
    guint8 owner_uuid[16], mac[6];
    char *portdev; /* the link */
    FilterRef *ref;
} FilterBindingDef;
/* flags: XML_VALIDATE. All of it is there. */
FilterBindingDef *filter_binding_parse(const char *xml, guint flags, GError **err);
void filter_binding_def_free(FilterBindingDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilterBindingDef, filter_binding_def_free)
