/* host: what the kernel and the processors of this machine offer: taps and other links, bridges,
 * addresses and routes, limits of links, devices, the processor and the bits of its CPUID, the time
 * stamp counter, other processes, time zones. Nothing here knows a domain. */
#pragma once

#include "cgroup.h"
#include "core/core.h"

/* ---- taps (links.c) -------------------------------------------------------------------- */

typedef struct TapSpec {
    const char *name;   /* NULL: "vnet" and the next number; "x%d": the kernel chooses the number */
    const char *alias;  /* alias of the link, which tells its owner (ip link show); NULL: none */
    const char *bridge; /* NULL: none */
    const guint8 *mac;  /* MAC address of the guest's card: the tap gets it with 0xfe as its first
                           byte; NULL: random */
    guint mtu;          /* bytes; 0: the bridge's */
    guint queues;       /* 0: 1 */
    guint coalesce;     /* frames of the guest that are collected before the host is told; 0: the
                           kernel's default */
    gboolean vnet_hdr;
    gboolean isolated; /* it reaches no other isolated port of its bridge */
    gboolean down;     /* the link is not brought up */
    gboolean
        existing; /* the tap exists already and stays as it is: bridge, mtu and state are not set */
} TapSpec;

/* Makes a tap, opens its queues and brings it up. It lives as long as one of its descriptors is
 * open, so a daemon or QEMU that dies leaves no link behind. fds gets one descriptor (int) for each
 * queue, which the caller closes. *ret_name is the caller's; *ret_index is the kernel's number of
 * the link. A link of that name must not exist, or, with spec->existing, must exist and be a tap;
 * otherwise it fails. */
gboolean tap_create(const TapSpec *spec, char **ret_name, guint *ret_index, GArray *fds,
                    GError **err);
/* Deletes a tap whose descriptors are in other hands. A name may soon be another link's, and so may
 * a number, when somebody asks for it or a namespace is made anew. So a link with this number but
 * another name or another alias stays. A link that does not exist is success. */
gboolean tap_delete(guint index, const char *name, const char *alias, GError **err);
/* Notes that a running VM has this name: "vnet7" is not made again before all numbers after it. */
void tap_name_used(const char *name);

/* ---- links (links.c) ------------------------------------------------------------------- */

gboolean link_exists(const char *name);
/* The bridge that the link is a port of; NULL: none. The caller frees it. */
char *link_bridge(const char *name);
/* Makes the link a port of the bridge; bridge NULL: of none. */
gboolean link_set_bridge(const char *name, const char *bridge, GError **err);
/* Makes the link an isolated port: such ports of a bridge do not reach each other. Joining a bridge
 * ends the isolation. */
gboolean port_isolate(const char *name, GError **err);
/* Sets a port as a new port of a bridge is: it forwards, learns, and gets frames for unknown
 * addresses. */
gboolean port_reset(const char *name, gboolean isolated, GError **err);
/* Makes a tap that somebody has deleted again, under its name and with its queues, on the
 * descriptors that process pid still has of it: the process goes on using them. Offloads that it
 * had set for the old tap are at their defaults. spec->name is the link's name. */
gboolean tap_revive(const TapSpec *spec, pid_t pid, guint *ret_index, GError **err);

typedef struct LinkStats {
    guint64 rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
} LinkStats;
/* Counters of a link as the host sees them: what a guest sends is received by its tap. */
gboolean link_stats(const char *name, LinkStats *ret_stats, GError **err);

/* IP addresses, as text, of neighbours with this MAC address: those that the host has recently
 * spoken with. An array of char *; free with g_ptr_array_unref. */
GPtrArray *neighbours_of(const guint8 mac[6], GError **err);

/* ---- how fast a link sends (tc.c) ------------------------------------------------------ */

typedef struct LinkRate {
    guint64 rate;  /* bytes a second on average; not 0 */
    guint64 peak;  /* bytes a second during a burst; 0 or less than rate: as fast as the link is */
    guint64 burst; /* bytes of a burst; 0: a hundredth of a second's. At least one packet */
} LinkRate;
/* Limits what the link sends from now on, by token buckets (tc-htb(8)); rate NULL lifts the limit.
 * For a tap that is what its guest receives. A queueing discipline that somebody else has set at
 * the link's root is left alone, and is ERR_OPERATION_FAILED where a limit is asked for. Lifting
 * the limit of a link that does not exist is success. */
gboolean link_limit_rate(const char *name, const LinkRate *rate, GError **err);
/* Whether the link is limited to that rate now. */
gboolean link_has_rate(const char *name, const LinkRate *rate);

/* ---- links as interfaces (interfaces.c) -------------------------------------------------- */

typedef struct HostInterface {
    char *name;
    char *mac; /* "": it has none */
    gboolean active;
} HostInterface;
/* All links except taps: an array of HostInterface; free with g_ptr_array_unref. */
GPtrArray *interfaces_list(GError **err);
/* The document of an interface; the caller frees it. NULL with ERR_NO_INTERFACE. */
char *interface_xml(const char *name, GError **err);

/* ---- bridges, addresses, routes (bridges.c) ----------------------------------------------- */

typedef struct BridgeSpec {
    const char *name;
    const guint8 *mac; /* 6 bytes; they tell this bridge from another one of its name */
    gboolean stp;
    guint64 delay; /* seconds for which a new port does not forward */
    guint mtu;     /* 0: the kernel's */
    const char
        *alias; /* alias of the link, which tells its owner even after a rename; NULL: none */
} BridgeSpec;
/* Makes a bridge, which is down. A link of that name is an error, and stays. */
gboolean bridge_create(const BridgeSpec *spec, GError **err);
/* Whether a link of that name exists and has that MAC address. */
gboolean link_has_mac(const char *name, const guint8 mac[6]);
/* Deletes the bridge if it has that MAC address; if there is none, it is success. */
gboolean bridge_delete(const char *name, const guint8 mac[6], GError **err);
gboolean link_set_up(const char *name, GError **err);
gboolean link_set_mac(const char *name, const guint8 mac[6], GError **err);
gboolean link_set_mtu(const char *name, guint mtu, GError **err);
/* Renames a link, which is down after that. */
gboolean link_rename(const char *name, const char *new_name, GError **err);
/* Sets the spanning tree and its delay as in spec; one that is on starts anew. */
gboolean bridge_tune(const BridgeSpec *spec, GError **err);
/* The bridge does not filter by VLANs. */
gboolean bridge_ignore_vlans(const char *name, GError **err);
/* Adds an IP address to a link; one that it has already is success. */
gboolean link_add_address(const char *name, const char *address, guint prefix, GError **err);
typedef struct RouteSpec {
    const char *to, *gateway; /* gateway NULL: directly on the link */
    guint prefix, metric;     /* metric 0: the kernel's */
    const char *from;         /* source address for packets; NULL: the kernel chooses */
} RouteSpec;
/* Adds a route; one to the same network that is there already, with whatever gateway, is success.
 */
gboolean link_add_route(const char *name, const RouteSpec *spec, GError **err);
/* The name of a link, other than `except` (may be NULL), that has an address in a network that
 * overlaps the given one; NULL: none. The caller frees it. */
char *link_with_network(const char *address, guint prefix, const char *except);
/* Writes a text to a file of /sys or /proc/sys. */
gboolean kernel_write(const char *path, const char *text, GError **err);

/* ---- changes (changes.c) ----------------------------------------------------------------- */

typedef enum HostChange {
    CHANGED_LINKS = 1, /* links, addresses, whether packets are forwarded */
    CHANGED_ROUTES,
    CHANGED_QUEUES, /* queueing disciplines of links, tc(8) */
    CHANGED_RULES,  /* rules of the packet filter */
} HostChange;
typedef struct HostNews {
    HostChange what;
    const char *table; /* the table whose rules have changed; NULL: unknown, or not about rules */
    guint link;        /* the link whose routes or queues have changed; 0: unknown */
} HostNews;
/* Called when something has changed, which is a reason to look. */
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
/* The routes of the main table through the link with that number. */
typedef GHashTable HostRoutes;
HostRoutes *host_routes_look(guint index, GError **err);
void host_routes_free(HostRoutes *all);
/* Whether there is such a route, through that gateway or none; metric 0: any. */
gboolean host_routes_have(HostRoutes *all, const RouteSpec *spec);

/* ---- devices (devices.c) ---------------------------------------------------------------- */

/* Kinds of devices; the bits are those of virConnectListAllNodeDevicesFlags. */
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

/* A device of the host, named as libvirt names it: "pci_0000_00_1f_2",
 * "net_eth0_52_54_00_01_02_03", "computer". */
typedef struct NodeDevice {
    Object obj;
    char *parent; /* NULL: the machine itself */
    char *xml;
    guint32 kinds; /* DeviceKind */
} NodeDevice;

/* Looks for devices now, and from then on whenever the kernel says that something has changed. */
void devices_init(void);
void devices_done(void);
/* The device of that name, borrowed; NULL and ERR_NO_NODE_DEVICE when there is none. */
NodeDevice *device_get_name(const char *name, GError **err);
GPtrArray *devices_list(void);              /* referenced; free with g_ptr_array_unref */
const char *device_kind_word(guint bit);    /* "pci" for 1; NULL: no such bit */
guint32 device_kind_find(const char *word); /* 0: no such word */

/* ---- the processor (processor.c) -------------------------------------------------------- */

/* The answer of CPUID in ret: EAX, EBX, ECX, EDX. FALSE, with zeros: the processor has no such
 * leaf. */
gboolean processor_cpuid(guint32 leaf, guint32 subleaf, guint32 ret[4]);
/* Reads a model specific register that describes features, one of those that KVM reads for
 * everybody. FALSE: there is no such register, or no KVM. */
gboolean processor_msr(guint32 index, guint64 *ret_value);
/* A value of the first processor in /proc/cpuinfo, such as "microcode". The caller frees it; NULL:
 * there is none. */
char *processor_info(const char *key);
/* For tests: from now on a recording (tests/processors/README.md) stands in for this machine's
 * processor; NULL: the machine again. After an error nothing has changed. */
gboolean processor_play(const char *file, GError **err);

/* ---- bits of CPUID (cpuid.c); features in QEMU's spelling ------------------------------- */

/* Number of features that documents name and CPUID reports. In the list below those of model
 * specific registers come after them. */
guint cpuid_features(void);
guint cpuid_places(void); /* number of all features in the list */
const char *cpuid_feature(guint i);
/* A feature's place in the list, for sorting; cpuid_places() for one that documents do not name. */
guint cpuid_order(const char *name);
/* The features (a set of borrowed names) in an answer to QEMU's "feature-words". The caller unrefs
 * it. */
GHashTable *cpuid_read(json_object *answer);
GHashTable *
cpuid_here(void); /* of this machine; empty where there is no CPUID. The caller unrefs it */
gboolean cpuid_has(const char *name); /* whether this machine has it */
typedef struct CpuSelf {
    char vendor[13];
    guint family, model, stepping;
} CpuSelf;
/* Vendor, family, model and stepping of this machine's CPU; FALSE where there is no CPUID. */
gboolean cpuid_self(CpuSelf *ret_self);

/* ---- other processes (proc.c) */

typedef void (*ProcFd)(pid_t pid, int fd, const char *target, gpointer user);

/* Calls each for every descriptor that the process has open, with the target of its link in /proc.
 */
void proc_each_fd(pid_t pid, ProcFd each, gpointer user);
/* The value of the line "name:" in /proc/PID/fdinfo/FD. The caller frees it; NULL: there is no such
 * line. */
char *proc_fd_says(pid_t pid, int fd, const char *name);
guint64
proc_cpu_ns(pid_t pid); /* processor time that it has used, in nanoseconds; 0: it has ended */
/* Whether tid is a thread of this process. */
gboolean proc_has_thread(pid_t pid, gint64 tid);
/* Whether path is a pseudo-terminal ("/dev/pts/3") whose other end this process has open. */
gboolean proc_has_pty(pid_t pid, const char *path);

/* ---- KVM (kvm.c) */

/* Whether KVM can be used. /dev/kvm exists before the module for this machine's processor is
 * loaded, and opening it may wait for the kernel to load that; so call this in a worker. */
gboolean kvm_answers(void);

/* ---- the time stamp counter (tsc.c) */

typedef struct Tsc {
    guint64 frequency; /* Hz */
    gboolean scaling;  /* a guest may have another frequency */
} Tsc;

/* Reads the frequency of the time stamp counter. FALSE: KVM does not report it. */
gboolean tsc_read(Tsc *ret_tsc);

/* ---- NUMA nodes (node.c) ------------------------------------------------------------------- */

/* Whether the machine has that NUMA node. */
gboolean node_exists(guint node);

/* ---- time zones (zone.c) */

/* The rules of a time zone ("Europe/Berlin") in the form that the variable TZ takes without a file
 * (tzset(3)): "CET-1CEST,M3.5.0,M10.5.0/3". The caller frees it. NULL and an error: this host has
 * no such zone. */
char *zone_rules(const char *name, GError **err);
