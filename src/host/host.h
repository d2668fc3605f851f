/* host: what the kernel and the processors of this machine tell and give. Links (taps so far), the
 * processor and the bits of its CPUID, the time stamp counter, time zones. Nothing here knows a
 * domain.
 */
#pragma once

#include "core/core.h"

/* ---- taps (links.c) -------------------------------------------------------------------- */

typedef struct TapSpec {
    const char *name;   /* NULL: the next "vnet" and a number; "x%d": the kernel counts */
    const char *alias;  /* what the kernel keeps of whose it is (ip link show); NULL: nothing */
    const char *bridge; /* NULL: none */
    const guint8 *mac;  /* of the guest's card: the tap gets it with 0xfe in front; NULL: random */
    guint mtu;          /* 0: the bridge's */
    guint queues;       /* 0: 1 */
    guint coalesce;     /* frames of the guest that are told to the host at once; 0: as it is */
    gboolean vnet_hdr;
    gboolean isolated; /* reaches no other isolated port of its bridge */
    gboolean down;     /* it is not brought up yet */
    gboolean existing; /* the tap is there and stays as it is: no bridge, no mtu, not set up */
} TapSpec;

/* Makes a tap and opens its queues; brings it up. It lives as long as one of the descriptors, so a
 * daemon or QEMU that dies leaves no link behind. fds: gets one int a queue. *ret_index is the
 * kernel's number of the link. A link that is there already is refused unless spec says that it is;
 * then one that is not there, or is no tap, is refused. */
gboolean tap_create(const TapSpec *spec, char **ret_name, guint *ret_index, GArray *fds,
                    GError **err);
/* For a tap whose descriptors are in other hands. Names are soon another link's, and numbers, too,
 * where somebody asks for one or a namespace is made anew: what has the number and another name,
 * or another alias, stays. One that is not there is success. */
gboolean tap_delete(guint index, const char *name, const char *alias, GError **err);
/* A running VM has this name: "vnet7" is not made again before all numbers after it. */
void tap_name_used(const char *name);

/* ---- links (links.c) ------------------------------------------------------------------- */

gboolean link_exists(const char *name);
char *link_bridge(const char *name); /* that it is a port of; NULL: none. Caller frees */
/* bridge NULL: none any more. */
gboolean link_set_bridge(const char *name, const char *bridge, GError **err);
/* Isolated ports of a bridge do not reach each other. A port that comes to a bridge is not. */
gboolean port_isolate(const char *name, GError **err);
/* As a port that comes to a bridge is: it forwards, learns, and gets what is for nobody known. */
gboolean port_reset(const char *name, gboolean isolated, GError **err);
/* A tap that somebody has deleted is made again under its name and with its queues, on the
 * descriptors that process pid still has of it: whoever reads them goes on. What its user told the
 * kernel of the old one (offloads) is as at the beginning. spec->name is the link's name. */
gboolean tap_revive(const TapSpec *spec, pid_t pid, guint *ret_index, GError **err);

typedef struct LinkStats {
    guint64 rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
} LinkStats;
/* As the host sees it: what a guest sends is received by its tap. */
gboolean link_stats(const char *name, LinkStats *ret_stats, GError **err);

/* Addresses of neighbours with this MAC address, as text: what the host has spoken with lately.
 * GPtrArray of char *; free with g_ptr_array_unref. */
GPtrArray *neighbours_of(const guint8 mac[6], GError **err);

/* ---- how fast a link sends (tc.c) ------------------------------------------------------ */

typedef struct LinkRate {
    guint64 rate;  /* bytes a second in the long run; not 0 */
    guint64 peak;  /* bytes a second of a burst; 0 or less than rate: as fast as the link is */
    guint64 burst; /* bytes; 0: a hundredth of a second. At least a packet */
} LinkRate;
/* Holds what the link sends to that rate from now on, by token buckets (tc-htb(8)), or lifts such
 * a limit: rate NULL. For a tap that is what its guest receives. A queueing discipline at the
 * link's root that somebody else has set is left alone: ERR_OPERATION_FAILED where a limit is asked
 * for. A link that is not there has no limit to lift. */
gboolean link_limit_rate(const char *name, const LinkRate *rate, GError **err);
/* Whether it is held to that rate now. */
gboolean link_has_rate(const char *name, const LinkRate *rate);

/* ---- links as interfaces (interfaces.c) -------------------------------------------------- */

typedef struct HostInterface {
    char *name;
    char *mac; /* "": it has none */
    gboolean active;
} HostInterface;
/* All links but taps: of HostInterface; free with g_ptr_array_unref. */
GPtrArray *interfaces_list(GError **err);
char *interface_xml(const char *name, GError **err); /* caller frees; ERR_NO_INTERFACE */

/* ---- bridges, addresses, routes (bridges.c) ----------------------------------------------- */

typedef struct BridgeSpec {
    const char *name;
    const guint8 *mac; /* 6 bytes; also what tells this bridge from another of its name */
    gboolean stp;
    guint64 delay;     /* seconds that a new port only listens */
    guint mtu;         /* 0: the kernel's */
    const char *alias; /* of the link: whose it is, whatever becomes of its name; NULL: none */
} BridgeSpec;
/* Makes a bridge, down. A link of that name is an error, and stays. */
gboolean bridge_create(const BridgeSpec *spec, GError **err);
/* Whether there is a link of that name with that MAC address. */
gboolean link_has_mac(const char *name, const guint8 mac[6]);
/* Deletes the bridge if it has that MAC address; success where there is none such. */
gboolean bridge_delete(const char *name, const guint8 mac[6], GError **err);
gboolean link_set_up(const char *name, GError **err);
gboolean link_set_mac(const char *name, const guint8 mac[6], GError **err);
gboolean link_set_mtu(const char *name, guint mtu, GError **err);
/* Sets it down for that. */
gboolean link_rename(const char *name, const char *new_name, GError **err);
/* Spanning tree and its delay as spec says; one that is on begins anew. */
gboolean bridge_tune(const BridgeSpec *spec, GError **err);
gboolean bridge_ignore_vlans(const char *name, GError **err); /* does not filter by them */
/* An address that is there already is success. */
gboolean link_add_address(const char *name, const char *address, guint prefix, GError **err);
typedef struct RouteSpec {
    const char *to, *gateway; /* gateway NULL: on the link itself */
    guint prefix, metric;     /* metric 0: the kernel's */
    const char *from;         /* the address that is used for it; NULL: the kernel chooses */
} RouteSpec;
/* One that is there already, with whatever gateway, is success. */
gboolean link_add_route(const char *name, const RouteSpec *spec, GError **err);
/* The link, other than `except` (may be NULL), with an address whose network overlaps the given
 * one; NULL: none. Caller frees. */
char *link_with_network(const char *address, guint prefix, const char *except);
/* Writes a word to a file of /sys or /proc/sys. */
gboolean kernel_write(const char *path, const char *text, GError **err);

/* ---- changes (changes.c) ----------------------------------------------------------------- */

typedef enum HostChange {
    CHANGED_LINKS = 1, /* links, addresses, whether packets are forwarded */
    CHANGED_ROUTES,
    CHANGED_QUEUES, /* of links that send: tc(8) */
    CHANGED_RULES,  /* of the packet filter */
} HostChange;
typedef struct HostNews {
    HostChange what;
    const char *table; /* whose rules have changed; NULL: nobody knows, or it is about links */
    guint link;        /* whose routes or queues; 0: nobody knows */
} HostNews;
/* A reason to look. */
typedef void (*HostChanged)(const HostNews *news, gpointer user);
typedef struct HostWatch HostWatch;
HostWatch *host_watch_new(HostChanged heard, gpointer user);
void host_watch_free(HostWatch *w);

/* ---- all links at once (look.c) ---------------------------------------------------------- */

typedef struct HostLink {
    char name[16], alias[64]; /* alias "": none */
    guint index, master, mtu; /* master 0: none */
    gboolean up, is_tap, is_bridge;
    gboolean isolated, deaf;      /* a port: deaf: it is disabled, does not learn, or is not told of
                                     what is for nobody known */
    gboolean stp, vlan_filtering; /* of a bridge */
    guint8 mac[6];
} HostLink;
typedef struct HostLinks HostLinks;
HostLinks *host_links_look(GError **err);
void host_links_free(HostLinks *all);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostLinks, host_links_free)
const HostLink *host_links_find(const HostLinks *all, const char *name);        /* NULL: none */
const HostLink *host_links_find_alias(const HostLinks *all, const char *alias); /* likewise */
gboolean host_links_has_address(const HostLinks *all, const HostLink *link, const char *address,
                                guint bits);
/* The main table's routes by the link with that number. */
typedef GHashTable HostRoutes;
HostRoutes *host_routes_look(guint index, GError **err);
void host_routes_free(HostRoutes *all);
/* By that gateway, or by none; a metric of 0: any. */
gboolean host_routes_have(HostRoutes *all, const RouteSpec *spec);

/* ---- devices (devices.c) ---------------------------------------------------------------- */

/* virConnectListAllNodeDevicesFlags. */
typedef enum DeviceKind {
    DEVICE_SYSTEM = 1 << 0,
    DEVICE_PCI = 1 << 1,
    DEVICE_USB = 1 << 2,
    DEVICE_USB_INTERFACE = 1 << 3,
    DEVICE_NET = 1 << 4,
    DEVICE_SCSI_HOST = 1 << 5,
    DEVICE_SCSI_TARGET = 1 << 6,
    DEVICE_SCSI = 1 << 7,
    DEVICE_STORAGE = 1 << 8,
    DEVICE_FC_HOST = 1 << 9,
    DEVICE_SCSI_GENERIC = 1 << 11,
    DEVICE_DRM = 1 << 12,
} DeviceKind;

/* Its name is libvirt's: "pci_0000_00_1f_2", "net_eth0_52_54_00_01_02_03", "computer". */
typedef struct NodeDevice {
    Object obj;
    char *parent; /* NULL: the machine itself */
    char *xml;
    guint32 kinds; /* DeviceKind */
} NodeDevice;

/* Looks once, and from then on when the kernel says that something has changed. */
void devices_init(void);
void devices_done(void);
/* Borrowed; NULL and ERR_NO_NODE_DEVICE when there is none. */
NodeDevice *device_get_name(const char *name, GError **err);
GPtrArray *devices_list(void);              /* referenced; free with g_ptr_array_unref */
const char *device_kind_word(guint bit);    /* "pci" for 1; NULL: no such bit */
guint32 device_kind_find(const char *word); /* 0: no such word */

/* ---- the processor (processor.c) -------------------------------------------------------- */

/* What CPUID answers: EAX, EBX, ECX, EDX. FALSE, and zeros: there is no such leaf. */
gboolean processor_cpuid(guint32 leaf, guint32 subleaf, guint32 ret[4]);
/* A model specific register that tells features, of those that KVM reads for everybody. FALSE:
 * there is none, or no KVM. */
gboolean processor_msr(guint32 index, guint64 *ret_value);
/* A value of the first processor in /proc/cpuinfo, as "microcode". Caller frees; NULL: not told. */
char *processor_info(const char *key);
/* For tests: lets a recording (tests/processors/README.md) stand for this machine's processor from
 * now on; NULL: the machine speaks again. An error leaves things as they are. */
gboolean processor_play(const char *file, GError **err);

/* ---- bits of CPUID (cpuid.c); features in QEMU's spelling ------------------------------- */

/* Of the features that documents name, how many CPUID tells; those of model specific registers come
 * after them. */
guint cpuid_features(void);
guint cpuid_places(void); /* how many there are */
const char *cpuid_feature(guint i);
/* For a sort; what documents do not name has cpuid_places(). */
guint cpuid_order(const char *name);
/* The features (a set of borrowed names) in an answer of QEMU's "feature-words". */
GHashTable *cpuid_read(json_object *answer);
GHashTable *cpuid_here(void);         /* of this machine; empty where there is no CPUID */
gboolean cpuid_has(const char *name); /* this machine */
typedef struct CpuSelf {
    char vendor[13];
    guint family, model, stepping;
} CpuSelf;
/* Who this machine's CPU says it is; FALSE where there is no CPUID. */
gboolean cpuid_self(CpuSelf *ret_self);

/* ---- other processes (proc.c) */

typedef void (*ProcFd)(pid_t pid, int fd, const char *target, gpointer user);

/* Every descriptor that it has open, and what /proc says it points to. */
void proc_each_fd(pid_t pid, ProcFd each, gpointer user);
/* What /proc/PID/fdinfo/FD says after "name:". Caller frees; NULL: nothing. */
char *proc_fd_says(pid_t pid, int fd, const char *name);
guint64 proc_cpu_ns(pid_t pid); /* the time of processors that it has used; 0: it has ended */
/* Whether that is a thread of this process, and no other's. */
gboolean proc_has_thread(pid_t pid, gint64 tid);
/* Whether path is a pseudo-terminal ("/dev/pts/3") whose other end this process has open. */
gboolean proc_has_pty(pid_t pid, const char *path);

/* ---- KVM (kvm.c) */

/* Whether KVM can be used. /dev/kvm is there before the module for this machine's processor is, and
 * opening it may wait for the kernel to load one: for workers. */
gboolean kvm_answers(void);

/* ---- the time stamp counter (tsc.c) */

typedef struct Tsc {
    guint64 frequency; /* Hz */
    gboolean scaling;  /* a guest may have another */
} Tsc;

/* FALSE: nobody here tells. */
gboolean tsc_read(Tsc *ret_tsc);

/* ---- NUMA nodes (node.c) ------------------------------------------------------------------- */

/* Whether the machine has that NUMA node. */
gboolean node_exists(guint node);

/* ---- time zones (zone.c) */

/* The rules of a zone ("Europe/Berlin") in the form that the variable TZ takes without looking at a
 * file: "CET-1CEST,M3.5.0,M10.5.0/3". Caller frees. NULL: this host has no such zone. */
char *zone_rules(const char *name, GError **err);
