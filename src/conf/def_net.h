/* Network interfaces of a guest. Included by conf.h only. */
#pragma once

#include "def_common.h"

typedef enum NetType {
    NET_NONE,
    NET_USER,
    NET_ETHERNET,
    NET_SERVER,
    NET_CLIENT,
    NET_MCAST,
    NET_UDP,
    NET_NETWORK,
    NET_BRIDGE,
    NET_INTERNAL,
    NET_DIRECT,
    NET_HOSTDEV,
    NET_VHOST_USER,
    NET_VDPA,
    NET_NULL,
    NET_VDS,
} NetType;
extern const char *const net_types[];

typedef struct VirtualPort {
    int type; /* word of virtual_port_types */
    guint32 managerid, typeid, typeidversion;
    guint8 has_managerid, has_typeid, has_typeidversion;
    guint8 instanceid[16], interfaceid[16];
    char *profileid;
} VirtualPort;
extern const char *const virtual_port_types[];
enum { VPORT_NONE = 1, VPORT_8021QBG, VPORT_8021QBH, VPORT_OPENVSWITCH, VPORT_MIDONET };
extern const Schema virtual_port_schema;

typedef struct VlanTag {
    guint32 id;
    int native_mode; /* tagged 1, untagged 2 */
} VlanTag;

typedef struct VlanDef {
    int trunk;       /* YES, NO */
    GPtrArray *tags; /* VlanTag */
} VlanDef;
extern const Schema vlan_schema;

typedef struct BandwidthRate {
    guint64 average, peak, floor, burst; /* kilobytes (1000) a second; burst: KiB */
    guint8 has_average, has_floor;
} BandwidthRate;

typedef struct BandwidthDef {
    BandwidthRate *inbound, *outbound;
    gboolean idle; /* neither element was there; those of no limit were */
} BandwidthDef;
extern const Schema bandwidth_schema;

typedef struct NetIp {
    char *address;
    int family; /* ipv4 1, ipv6 2 */
    guint32 prefix;
    guint8 has_prefix;
    char *peer;
} NetIp;

typedef struct NetRoute {
    int family;
    char *address, *netmask, *gateway;
    guint32 prefix, metric;
    guint8 has_prefix;
} NetRoute;

typedef struct PortRange {
    guint32 start, end, to;
    int exclude; /* YES, NO */
} PortRange;

typedef struct PortForward {
    int proto; /* tcp 1, udp 2 */
    char *address, *dev;
    GPtrArray *ranges; /* PortRange */
} PortForward;

typedef struct FilterParam {
    char *name, *value;
} FilterParam;

typedef struct FilterRef {
    char *filter;
    GPtrArray *params; /* FilterParam */
} FilterRef;
extern const Schema filter_ref_schema;

/* host and guest offload switches of <driver>. */
typedef struct NetOffloads {
    int csum, gso, tso4, tso6, ecn, ufo, mrg_rxbuf; /* ON, OFF */
} NetOffloads;

typedef struct NetDriver {
    int name;   /* qemu 1, vhost 2 */
    int txmode; /* iothread 1, timer 2 */
    int ioeventfd, event_idx, rss, rss_hash_report;
    guint32 queues, rx_queue_size, tx_queue_size;
    VirtioOptions virtio;
    NetOffloads *host, *guest;
} NetDriver;

typedef enum NetBackendType { BACKEND_DEFAULT = 1, BACKEND_PASST } NetBackendType;

typedef struct NetBackend {
    int type; /* NetBackendType */
    char *tap, *vhost;
    char *log_file;
} NetBackend;

typedef struct Teaming {
    int type; /* persistent 1, transient 2 */
    char *persistent;
} Teaming;
extern const Schema teaming_schema;

enum { NET_HOST_PCI = 1, NET_HOST_USB };

/* The card of the host that a guest gets whole. */
typedef struct NetHost {
    int type; /* NET_HOST_PCI, NET_HOST_USB */
    PciAddress pci;
    guint32 bus, device; /* usb */
} NetHost;
extern const Schema net_host_schema;

typedef struct NetSource {
    int net_type; /* NetType: the interface's */
    char *bridge; /* bridge; live also of network */
    char *network;
    char *portgroup;
    guint8 portid[16]; /* live */
    char *dev;         /* direct, vdpa, user */
    int mode;          /* direct: NET_VEPA ...; vhostuser: NET_CLIENT_MODE, NET_SERVER_MODE */
    int type;          /* vhostuser: unix 1 */
    char *path;        /* vhostuser */
    char *address;     /* server, client, mcast, udp */
    gint32 port;
    guint8 has_port;
    char *local_address;
    gint32 local_port;
    ReconnectDef *reconnect;
    NetHost *host;           /* hostdev */
    char *name;              /* internal */
    GPtrArray *ips, *routes; /* ethernet: NetIp, NetRoute of the host's end */
    guint8 switchid[16];     /* vds */
    char *portgroupid;
    gint64 switch_portid, connectionid;
} NetSource;

typedef struct NetDef {
    int managed; /* hostdev: YES, NO */
    int trust_guest_rx_filters;
    guint8 mac[6];
    guint8 has_sndbuf;
    int mac_type;     /* generated 1, static 2 */
    int mac_check;    /* YES, NO */
    NetSource source; /* with the type of the interface */
    char *script, *downscript;
    char *backenddomain;
    char *ifname; /* <target dev> */
    int target_managed;
    char *guest_dev;
    VlanDef *vlan;
    VirtualPort *vport;
    int port_isolated;   /* YES, NO */
    int link_state;      /* up 1, down 2 */
    GPtrArray *ips;      /* NetIp */
    GPtrArray *routes;   /* NetRoute */
    GPtrArray *forwards; /* PortForward */
    BandwidthDef *bandwidth;
    char *model;
    NetDriver driver;    /* virtio */
    int hostdev_driver;  /* hostdev: word of hostdev_drivers */
    char *hostdev_model; /* its driver of the host */
    NetBackend *backend;
    FilterRef *filter;
    guint64 sndbuf;
    guint32 mtu, coalesce; /* coalesce: frames received */
    guint8 has_coalesce;
    Teaming *teaming;
    DeviceInfo info;
} NetDef;
extern const Schema net_schema;
void net_make_mac(guint8 *mac);            /* 6 bytes: a random one of QEMU's own range */
gboolean net_has_passt(const NetDef *net); /* not QEMU itself nor the host moves its packets */
enum { NET_VEPA = 1, NET_PRIVATE, NET_BRIDGE_MODE, NET_PASSTHROUGH };
enum { NET_CLIENT_MODE = 1, NET_SERVER_MODE };
