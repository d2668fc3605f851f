/* Rows of network interfaces. */
#include "rows.h"

const char *const net_types[] = { NULL,     "user",    "ethernet",  "server", "client",
                                  "mcast",  "udp",     "network",   "bridge", "internal",
                                  "direct", "hostdev", "vhostuser", "vdpa",   "null",
                                  "vds",    NULL };
const char *const virtual_port_types[] = { NULL,          "none",    "802.1Qbg", "802.1Qbh",
                                           "openvswitch", "midonet", NULL };

static const char *const families[] = { NULL, "ipv4", "ipv6", NULL };
static const char *const native_modes[] = { NULL, "tagged", "untagged", NULL };
static const char *const protocols[] = { NULL, "tcp", "udp", NULL };
static const char *const driver_names[] = { NULL, "qemu", "vhost", NULL };
static const char *const txmodes[] = { NULL, "iothread", "timer", NULL };
static const char *const backends[] = { NULL, "default", "passt", NULL };
static const char *const teaming_types[] = { NULL, "persistent", "transient", NULL };
static const char *const link_states[] = { NULL, "up", "down", NULL };
static const char *const mac_types[] = { NULL, "generated", "static", NULL };
static const char *const direct_modes[] = {
    NULL, "vepa", "private", "bridge", "passthrough", NULL
};
static const char *const vhost_modes[] = { NULL, "client", "server", NULL };
static const char *const vhost_types[] = { NULL, "unix", NULL };
static const char *const pci_types[] = { NULL, "pci", NULL };

/* ---- parts */

static const Field virtual_port_fields[] = {
    ROW(VirtualPort, "@type", F_ENUM, type, UNSUPPORTED, virtual_port_types, "Kind of switch."),
    ROW_HAS(VirtualPort, "parameters/@managerid", F_U32, managerid, 0, RANGE(0, 255),
            "VSI manager."),
    ROW_HAS(VirtualPort, "parameters/@typeid", F_U32, typeid, 0, RANGE(0, 0xffffff), "VSI type."),
    ROW_HAS(VirtualPort, "parameters/@typeidversion", F_U32, typeidversion, 0, RANGE(0, 255),
            "Version of the VSI type."),
    ROW(VirtualPort, "parameters/@instanceid", F_UUID, instanceid, 0, NULL, "VSI instance."),
    ROW(VirtualPort, "parameters/@interfaceid", F_UUID, interfaceid, 0, NULL, "Interface."),
    ROW(VirtualPort, "parameters/@profileid", F_STRING, profileid, 0, NULL, "Port profile."),
    ROW_END
};
const Schema virtual_port_schema = { "virtualport", sizeof(VirtualPort), virtual_port_fields };

static const Field vlan_tag_fields[] = {
    ROW(VlanTag, "@id", F_U32, id, F_ALWAYS | F_REQUIRED, RANGE(0, 4095), "VLAN id."),
    ROW(VlanTag, "@nativeMode", F_ENUM, native_mode, UNSUPPORTED, native_modes, "Of the trunk."),
    ROW_END
};
static const Schema vlan_tag_schema = { "tag", sizeof(VlanTag), vlan_tag_fields };

static const Field vlan_fields[] = {
    ROW(VlanDef, "@trunk", F_ENUM, trunk, 0, yes_no, "Several tags."),
    ROW(VlanDef, "tag", F_LIST, tags, 0, &vlan_tag_schema, "Tags."), ROW_END
};
const Schema vlan_schema = { "vlan", sizeof(VlanDef), vlan_fields };

static const Field rate_fields[] = {
    ROW(BandwidthRate, "@average", F_U64, average, 0, NULL, "KiB a second."),
    ROW(BandwidthRate, "@peak", F_U64, peak, 0, NULL, "KiB a second in a burst."),
    ROW(BandwidthRate, "@floor", F_U64, floor, 0, NULL, "KiB a second that are promised."),
    ROW(BandwidthRate, "@burst", F_U64, burst, 0, NULL, "KiB of a burst."), ROW_END
};
static const Schema rate_schema = { "inbound", sizeof(BandwidthRate), rate_fields };

static const Field bandwidth_fields[] = {
    ROW(BandwidthDef, "inbound", F_PTR, inbound, 0, &rate_schema, "To the guest."),
    ROW(BandwidthDef, "outbound", F_PTR, outbound, 0, &rate_schema, "From the guest."), ROW_END
};
const Schema bandwidth_schema = { "bandwidth", sizeof(BandwidthDef), bandwidth_fields };

static const Field ip_fields[] = {
    ROW(NetIp, "@address", F_STRING, address, F_REQUIRED, NULL, "Address."),
    ROW(NetIp, "@family", F_ENUM, family, 0, families, "Family."),
    ROW_HAS(NetIp, "@prefix", F_U32, prefix, 0, RANGE(0, 128), "Bits of the network."),
    ROW(NetIp, "@peer", F_STRING, peer, 0, NULL, "Other end."), ROW_END
};
static const Schema ip_schema = { "ip", sizeof(NetIp), ip_fields };

static const Field route_fields[] = {
    ROW(NetRoute, "@family", F_ENUM, family, 0, families, "Family."),
    ROW(NetRoute, "@address", F_STRING, address, 0, NULL, "Network."),
    ROW(NetRoute, "@netmask", F_STRING, netmask, 0, NULL, "Its mask."),
    ROW_HAS(NetRoute, "@prefix", F_U32, prefix, 0, RANGE(0, 128), "Its bits."),
    ROW(NetRoute, "@gateway", F_STRING, gateway, F_REQUIRED, NULL, "Gateway."),
    ROW(NetRoute, "@metric", F_U32, metric, 0, NULL, "Metric."),
    ROW_END
};
static const Schema route_schema = { "route", sizeof(NetRoute), route_fields };

static const Field range_fields[] = {
    ROW(PortRange, "@start", F_U32, start, F_REQUIRED, RANGE(1, 65535), "First port."),
    ROW(PortRange, "@end", F_U32, end, 0, RANGE(1, 65535), "Last port."),
    ROW(PortRange, "@to", F_U32, to, 0, RANGE(1, 65535), "Port in the guest."),
    ROW(PortRange, "@exclude", F_ENUM, exclude, 0, yes_no, "All but these."), ROW_END
};
static const Schema range_schema = { "range", sizeof(PortRange), range_fields };

static const Field forward_fields[] = {
    ROW(PortForward, "@proto", F_ENUM, proto, F_REQUIRED, protocols, "Protocol."),
    ROW(PortForward, "@address", F_STRING, address, 0, NULL, "Address of the host."),
    ROW(PortForward, "@dev", F_STRING, dev, 0, NULL, "Device of the host."),
    ROW(PortForward, "range", F_LIST, ranges, 0, &range_schema, "Ports."), ROW_END
};
static const Schema forward_schema = { "portForward", sizeof(PortForward), forward_fields };

static const Field filter_param_fields[] = {
    ROW(FilterParam, "@name", F_STRING, name, F_REQUIRED, NULL, "Parameter."),
    ROW(FilterParam, "@value", F_STRING, value, F_REQUIRED, NULL, "Its value."), ROW_END
};
static const Schema filter_param_schema = { "parameter", sizeof(FilterParam), filter_param_fields };

static const Field filter_ref_fields[] = {
    ROW(FilterRef, "@filter", F_STRING, filter, F_REQUIRED, NULL, "Name of the filter."),
    ROW(FilterRef, "parameter", F_LIST, params, 0, &filter_param_schema, "Its parameters."), ROW_END
};
const Schema filter_ref_schema = { "filterref", sizeof(FilterRef), filter_ref_fields };

static const Field teaming_fields[] = {
    ROW(Teaming, "@type", F_ENUM, type, F_REQUIRED, teaming_types, "Which half of the pair."),
    ROW(Teaming, "@persistent", F_STRING, persistent, 0, NULL, "Alias of the other half."), ROW_END
};
const Schema teaming_schema = { "teaming", sizeof(Teaming), teaming_fields };

/* ---- source: which rows hold is decided by the interface's type, kept in it */

#define IP_ENDS (BIT(NET_SERVER) | BIT(NET_CLIENT) | BIT(NET_MCAST) | BIT(NET_UDP))

static const Field source_pci_fields[] = {
    ROW(NetSourcePci, "@type", F_ENUM, type, F_REQUIRED, pci_types, "pci."),
    ROW(NetSourcePci, "", F_STRUCT, pci, 0, &pci_address_schema, NULL), ROW_END
};
static const Schema source_pci_schema = { "address", sizeof(NetSourcePci), source_pci_fields };

static const Field net_source_fields[] = {
    WHEN(NetSource, net_type, BIT(NET_NETWORK)),
    ROW(NetSource, "@network", F_STRING, network, 0, NULL, "Network."),
    ROW(NetSource, "@portgroup", F_STRING, portgroup, 0, NULL, "Group of ports of the network."),
    ROW(NetSource, "@portid", F_UUID, portid, F_LIVE, NULL, "Port of the network."),
    WHEN(NetSource, net_type, BIT(NET_BRIDGE)),
    ROW(NetSource, "@bridge", F_STRING, bridge, F_REQUIRED, NULL, "Bridge of the host."),
    WHEN(NetSource, net_type, BIT(NET_NETWORK)),
    ROW(NetSource, "@bridge", F_STRING, bridge, F_LIVE, NULL, "Bridge of the network."),
    WHEN(NetSource, net_type, BIT(NET_INTERNAL)),
    ROW(NetSource, "@name", F_STRING, name, 0, NULL, "Name."),
    WHEN(NetSource, net_type, BIT(NET_DIRECT)),
    ROW(NetSource, "@dev", F_STRING, dev, F_REQUIRED, NULL, "Interface of the host."),
    ROW(NetSource, "@mode", F_ENUM, mode, 0, direct_modes, "Mode of macvtap."),
    WHEN(NetSource, net_type, BIT(NET_VDPA) | BIT(NET_USER)),
    ROW(NetSource, "@dev", F_STRING, dev, 0, NULL, "Device of the host."),
    WHEN(NetSource, net_type, BIT(NET_VHOST_USER)),
    ROW(NetSource, "@type", F_ENUM, type, 0, vhost_types, "Kind of socket."),
    ROW(NetSource, "@path", F_STRING, path, 0, NULL, "Socket of the switch."),
    ROW(NetSource, "@mode", F_ENUM, mode, 0, vhost_modes, "Who listens."),
    ROW(NetSource, "reconnect", F_PTR, reconnect, 0, &reconnect_schema, "When it goes away."),
    WHEN(NetSource, net_type, IP_ENDS),
    ROW(NetSource, "@address", F_STRING, address, 0, NULL, "Address."),
    ROW_HAS(NetSource, "@port", F_I32, port, F_ERR(ERR_INTERNAL), NULL, "Port."),
    ROW(NetSource, "local/@address", F_STRING, local_address, 0, NULL, "Our address."),
    ROW(NetSource, "local/@port", F_U32, local_port, F_ERR(ERR_INTERNAL), NULL, "Our port."),
    WHEN(NetSource, net_type, BIT(NET_HOSTDEV)),
    ROW(NetSource, "address", F_PTR, pci, 0, &source_pci_schema, "PCI device of the host."),
    WHEN(NetSource, net_type, BIT(NET_ETHERNET)),
    ROW(NetSource, "ip", F_LIST, ips, 0, &ip_schema, "Addresses of the host's end."),
    ROW(NetSource, "route", F_LIST, routes, 0, &route_schema, "Routes of the host."),
    WHEN_END,
    ROW_END
};
static const Schema net_source_schema = { "source", sizeof(NetSource), net_source_fields };

/* ---- driver, backend */

#define SWITCH(type, path, member) ROW(type, path, F_ENUM, member, 0, on_off, "Offload.")

static const Field host_offload_fields[] = { SWITCH(NetOffloads, "@csum", csum),
                                             SWITCH(NetOffloads, "@gso", gso),
                                             SWITCH(NetOffloads, "@tso4", tso4),
                                             SWITCH(NetOffloads, "@tso6", tso6),
                                             SWITCH(NetOffloads, "@ecn", ecn),
                                             SWITCH(NetOffloads, "@ufo", ufo),
                                             SWITCH(NetOffloads, "@mrg_rxbuf", mrg_rxbuf),
                                             ROW_END };
static const Schema offload_schema = { "host", sizeof(NetOffloads), host_offload_fields };

static const Field net_driver_fields[] = {
    ROW(NetDriver, "driver/@name", F_ENUM, name, UNSUPPORTED, driver_names, "Backend."),
    ROW(NetDriver, "driver/@txmode", F_ENUM, txmode, UNSUPPORTED, txmodes, "How it sends."),
    ROW(NetDriver, "driver/@ioeventfd", F_ENUM, ioeventfd, 0, on_off, "Notify by eventfd."),
    ROW(NetDriver, "driver/@event_idx", F_ENUM, event_idx, 0, on_off, "Fewer interrupts."),
    ROW(NetDriver, "driver/@queues", F_U32, queues, 0, NULL, "Pairs of queues."),
    ROW(NetDriver, "driver/@rx_queue_size", F_U32, rx_queue_size, 0, NULL, "Length of a queue."),
    ROW(NetDriver, "driver/@tx_queue_size", F_U32, tx_queue_size, 0, NULL, "Length of a queue."),
    ROW(NetDriver, "driver/@rss", F_ENUM, rss, 0, on_off, "Receive side scaling."),
    ROW(NetDriver, "driver/@rss_hash_report", F_ENUM, rss_hash_report, 0, on_off, "Its hash."),
    ROW(NetDriver, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL),
    ROW(NetDriver, "driver/host", F_PTR, host, 0, &offload_schema, "Offloads of the host."),
    ROW(NetDriver, "driver/guest", F_PTR, guest, 0, &offload_schema, "Offloads of the guest."),
    ROW_END
};
static const Schema net_driver_schema = { "driver", sizeof(NetDriver), net_driver_fields };

static const Field backend_fields[] = {
    ROW(NetBackend, "@type", F_ENUM, type, F_DEFAULT, backends, "Who moves the packets."),
    ROW(NetBackend, "@tap", F_STRING, tap, 0, NULL, "Device of taps."),
    ROW(NetBackend, "@vhost", F_STRING, vhost, 0, NULL, "Device of vhost."),
    ROW(NetBackend, "@logFile", F_STRING, log_file, 0, NULL, "Log of passt."),
    ROW(NetBackend, "@hostname", F_STRING, hostname, 0, NULL, "Name told to the guest."),
    ROW(NetBackend, "@fqdn", F_STRING, fqdn, 0, NULL, "Whole name told to the guest."),
    ROW_END
};
static const Schema backend_schema = { "backend", sizeof(NetBackend), backend_fields };

/* ---- the interface */

static const Field net_fields[] = {
    ROW(NetDef, "@type", F_ENUM, source.net_type, UNSUPPORTED, net_types, "How it is connected."),
    ROW(NetDef, "@managed", F_ENUM, managed, 0, yes_no, "Detach the device from the host."),
    ROW(NetDef, "@trustGuestRxFilters", F_ENUM, trust_guest_rx_filters, 0, yes_no,
        "Follow the guest's MAC and multicast filters."),
    ROW(NetDef, "mac/@address", F_MAC, mac, 0, NULL, "MAC address."),
    ROW(NetDef, "mac/@type", F_ENUM, mac_type, 0, mac_types, "Whether it was given."),
    ROW(NetDef, "mac/@check", F_ENUM, mac_check, 0, yes_no, "Whether it must not be a VMware's."),
    ROW(NetDef, "source", F_STRUCT, source, 0, &net_source_schema, "The host's end."),
    ROW(NetDef, "script/@path", F_STRING, script, F_NONEMPTY, NULL, "Run when it comes up."),
    ROW(NetDef, "downscript/@path", F_STRING, downscript, F_NONEMPTY, NULL, "Run when it goes."),
    ROW_IGNORED("backenddomain"),
    ROW(NetDef, "target/@dev", F_STRING, ifname, 0, NULL, "Name of the tap."),
    ROW(NetDef, "target/@managed", F_ENUM, target_managed, 0, yes_no, "Whether we make it."),
    ROW(NetDef, "guest/@dev", F_STRING, guest_dev, 0, NULL, "Name in a container."),
    ROW(NetDef, "vlan", F_PTR, vlan, 0, &vlan_schema, "VLAN tags."),
    ROW(NetDef, "virtualport", F_PTR, vport, 0, &virtual_port_schema, "Port of a switch."),
    ROW(NetDef, "port/@isolated", F_ENUM, port_isolated, 0, yes_no, "Sees no other isolated port."),
    ROW(NetDef, "ip", F_LIST, ips, 0, &ip_schema, "Addresses of the guest's end."),
    ROW(NetDef, "route", F_LIST, routes, 0, &route_schema, "Routes of the guest."),
    ROW(NetDef, "portForward", F_LIST, forwards, 0, &forward_schema, "Ports handed to the guest."),
    ROW(NetDef, "bandwidth", F_PTR, bandwidth, 0, &bandwidth_schema, "Limits."),
    ROW(NetDef, "model/@type", F_STRING, model, F_NONEMPTY, NULL, "Model."),
    ROW(NetDef, "", F_STRUCT, driver, 0, &net_driver_schema, NULL),
    ROW(NetDef, "backend", F_PTR, backend, 0, &backend_schema, "Backend."),
    ROW(NetDef, "filterref", F_PTR, filter, 0, &filter_ref_schema, "Packet filter."),
    ROW_HAS(NetDef, "tune/sndbuf", F_U64, sndbuf, 0, NULL, "Send buffer of the tap."),
    ROW(NetDef, "link/@state", F_ENUM, link_state, 0, link_states, "State of the link."),
    ROW(NetDef, "mtu/@size", F_U32, mtu, 0, RANGE(1, G_MAXUINT32), "MTU."),
    ROW(NetDef, "coalesce/rx/frames/@max", F_U32, coalesce, 0, NULL, "Frames of one interrupt."),
    ROW(NetDef, "teaming", F_PTR, teaming, 0, &teaming_schema, "Pair for migration."),
    ROW(NetDef, "", F_STRUCT, info, 0, &device_info_schema, NULL),
    ROW_END
};
const Schema net_schema = { "interface", sizeof(NetDef), net_fields };
