/* Network interfaces: the host's end as -netdev, the guest's as -device. Taps come open. */
#include "args_priv.h"

#include <string.h>

/* The state of one interface while its options are built. */
typedef struct Nic {
    const NetDef *net;
    const HostNet *host; /* NULL: nothing is open */
    const char *id;      /* "hostnet0" */
    DeviceInfo info;     /* the interface's; borrowed */
} Nic;

typedef gboolean (*NetPut)(ArgsOut *a, json_object *o, const Nic *nic, GError **err);

/* ---- -netdev, one function a type */

static char *
fd_list(const GArray *fds)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < fds->len; i++)
        g_string_append_printf(s, "%s%d", i > 0 ? ":" : "", g_array_index(fds, int, i));
    return g_string_free(s, FALSE);
}

char *
args_passt_path(const char *run_dir, const NetDef *net)
{
    return g_strdup_printf("%s/passt-%s.sock", run_dir, net->info.alias);
}

static gboolean
net_tap(ArgsOut *a, json_object *o, const Nic *nic, GError **err)
{
    const HostNet *host = nic->host;
    g_autofree char *taps = NULL, *vhosts = NULL;

    props_add(o, "s:type", "tap", NULL);
    if (host == NULL || host->taps->len == 0) {
        props_add(o, "s:fd", "0", NULL);
        return TRUE;
    }
    taps = fd_list(host->taps);
    props_add(o, host->taps->len > 1 ? "s:fds" : "s:fd", taps, NULL);
    if (host->vhosts->len > 0) {
        vhosts = fd_list(host->vhosts);
        props_add(o, "b:vhost", TRUE, host->vhosts->len > 1 ? "s:vhostfds" : "s:vhostfd", vhosts,
                  NULL);
    }
    if (nic->net->has_sndbuf)
        props_add(o, "U:sndbuf", nic->net->sndbuf, NULL);
    return TRUE;
}

/* QEMU connects to it, again and again, and so has to know the path itself; a QEMU that cannot has
 * an end of its sockets. */
static gboolean
net_passt(const ArgsOut *a, json_object *o, const Nic *nic)
{
    json_object *addr = json_object_new_object();

    if (nic->host->taps->len > 0) {
        g_autofree char *fd = fd_list(nic->host->taps);
        props_add(addr, "s:type", "fd", "s:str", fd, NULL);
    } else {
        g_autofree char *path = args_passt_path(a->in->run_dir, nic->net);
        props_add(addr, "s:type", "unix", "s:path", args_own_path(a, path), NULL);
    }
    props_add(o, "s:type", "stream", "b:server", FALSE, "o:addr", addr, NULL);
    if (nic->host->taps->len == 0 && emulator_able(a->e, ABLE_RECONNECT_MS))
        props_add(o, "n:reconnect-ms", 1000, NULL);
    else if (nic->host->taps->len == 0)
        props_add(o, "n:reconnect", 1, NULL);
    return TRUE;
}

static gboolean
net_user(ArgsOut *a, json_object *o, const Nic *nic, GError **err)
{
    const NetDef *x = nic->net;

    if (net_has_passt(x))
        return nic->host != NULL ? net_passt(a, o, nic) : net_tap(a, o, nic, err);
    props_add(o, "s:type", "user", NULL);
    for (guint i = 0; i < list_length(x->ips); i++) {
        const NetIp *ip = LIST_AT(NetIp, x->ips, i);
        g_autofree char *net = ip->has_prefix ? g_strdup_printf("%s/%u", ip->address, ip->prefix)
                                              : g_strdup(ip->address);

        if (strchr(ip->address, ':') != NULL)
            props_add(o, "s:ipv6-prefix", ip->address, "n:ipv6-prefixlen", ip->prefix, NULL);
        else
            props_add(o, "s:net", net, NULL);
    }
    return TRUE;
}

static gboolean
net_socket(ArgsOut *a, json_object *o, const Nic *nic, GError **err)
{
    const NetSource *s = &nic->net->source;
    g_autofree char *at = g_strdup_printf("%s:%d", s->address != NULL ? s->address : "", s->port);
    g_autofree char *local = s->local_address != NULL || s->local_port != 0
                                 ? g_strdup_printf("%s:%u",
                                                   s->local_address != NULL ? s->local_address : "",
                                                   s->local_port)
                                 : NULL;
    const char *key = nic->net->source.net_type == NET_SERVER   ? "s:listen"
                      : nic->net->source.net_type == NET_CLIENT ? "s:connect"
                      : nic->net->source.net_type == NET_MCAST  ? "s:mcast"
                                                                : "s:udp";

    props_add(o, "s:type", "socket", key, at, "s:localaddr", local, NULL);
    return TRUE;
}

static gboolean
net_vhost_user(ArgsOut *a, json_object *o, const Nic *nic, GError **err)
{
    const NetSource *s = &nic->net->source;
    g_autofree char *chardev = g_strconcat("char", nic->net->info.alias, NULL);
    CharEnd end = { .path = s->path,
                    .mode = s->mode == NET_CLIENT_MODE ? CHAR_CONNECT : CHAR_BIND,
                    .reconnect = s->reconnect };

    if (!args_socket(a, &end, chardev, "vhost-user interface", err))
        return FALSE;
    props_add(o, "s:type", "vhost-user", "s:chardev", chardev, NULL);
    if (nic->net->driver.queues > 1)
        props_add(o, "n:queues", nic->net->driver.queues, NULL);
    return TRUE;
}

static gboolean
net_vdpa(ArgsOut *a, json_object *o, const Nic *nic, GError **err)
{
    props_add(o, "s:type", "vhost-vdpa", "s:vhostdev",
              args_open(a, HOST_DEVICE, nic->net->source.dev, "vdpa interface"), NULL);
    if (nic->net->driver.queues > 1)
        props_add(o, "n:queues", nic->net->driver.queues, NULL);
    return TRUE;
}

static const struct {
    int type;
    NetPut put;
} net_rows[] = {
    { NET_USER, net_user },     { NET_ETHERNET, net_tap },
    { NET_BRIDGE, net_tap },    { NET_NETWORK, net_tap },
    { NET_DIRECT, net_tap },    { NET_SERVER, net_socket },
    { NET_CLIENT, net_socket }, { NET_MCAST, net_socket },
    { NET_UDP, net_socket },    { NET_VHOST_USER, net_vhost_user },
    { NET_VDPA, net_vdpa },
};

static gboolean
put_netdev(ArgsOut *a, const Nic *nic, GError **err)
{
    json_object *o = json_object_new_object();
    gboolean ok = FALSE, found = FALSE;

    /* The native form shows every interface as a tap that somebody else makes. */
    for (guint i = 0; i < G_N_ELEMENTS(net_rows) && !found; i++) {
        found = net_rows[i].type == (args_is_native(a) ? NET_ETHERNET : nic->net->source.net_type);
        if (found)
            ok = net_rows[i].put(a, o, nic, err);
    }
    if (!ok) {
        json_object_put(o);
        return found ? FALSE
                     : fail(err, ERR_CONFIG_UNSUPPORTED, "interface type '%s' is not supported",
                            word_of(net_types, nic->net->source.net_type));
    }
    props_add(o, "s:id", nic->id, NULL);
    args_part(a, ADD_NETDEV, o);
    return TRUE;
}

/* ---- -device */

static int
net_model(const NetDef *net)
{
    return g_strcmp0(net->model, "virtio-transitional") == 0       ? VIRTIO_MODEL_TRANSITIONAL
           : g_strcmp0(net->model, "virtio-non-transitional") == 0 ? VIRTIO_MODEL_NON_TRANSITIONAL
                                                                   : VIRTIO_MODEL_DEFAULT;
}

static gboolean
is_virtio(const NetDef *net)
{
    return net->model != NULL && g_str_has_prefix(net->model, "virtio");
}

static void
offload_props(json_object *o, const NetOffloads *offloads, gboolean guest)
{
    if (offloads == NULL)
        return;
    if (guest)
        props_add(o, "B:guest_csum", offloads->csum, "B:guest_tso4", offloads->tso4, "B:guest_tso6",
                  offloads->tso6, "B:guest_ecn", offloads->ecn, "B:guest_ufo", offloads->ufo, NULL);
    else
        props_add(o, "B:csum", offloads->csum, "B:gso", offloads->gso, "B:host_tso4",
                  offloads->tso4, "B:host_tso6", offloads->tso6, "B:host_ecn", offloads->ecn,
                  "B:host_ufo", offloads->ufo, "B:mrg_rxbuf", offloads->mrg_rxbuf, NULL);
}

static void
virtio_net_props(ArgsOut *a, json_object *o, const Nic *nic)
{
    enum { TX_IOTHREAD = 1, TEAMING_PERSISTENT = 1 };
    const NetDriver *d = &nic->net->driver;
    guint queues = nic->host != NULL ? MAX(nic->host->taps->len, 1) : d->queues;

    virtio_props(o, &d->virtio);
    if (d->txmode != 0)
        props_add(o, "s:tx", d->txmode == TX_IOTHREAD ? "bh" : "timer", NULL);
    props_add(o, "B:ioeventfd", d->ioeventfd, "B:event_idx", d->event_idx, NULL);
    offload_props(o, d->host, FALSE);
    offload_props(o, d->guest, TRUE);
    /* Two vectors a queue, one for control and one for configuration. */
    if (queues > 1)
        props_add(o, "b:mq", TRUE, "i:vectors", (int)(2 * queues + 2), NULL);
    props_add(o, "n:rx_queue_size", d->rx_queue_size, "n:tx_queue_size", d->tx_queue_size, "B:rss",
              d->rss, "B:hash", d->rss_hash_report, NULL);
    props_add(o, "n:host_mtu", nic->net->mtu, NULL);
    if (nic->net->teaming != NULL && nic->net->teaming->type == TEAMING_PERSISTENT)
        props_add(o, "b:failover", TRUE, NULL);
}

/* A card that is part of the board, found by its model. */
static void
put_onboard_nic(ArgsOut *a, const Nic *nic, const char *mac)
{
    args_pairf(a, "-net", "nic,macaddr=%s,netdev=%s,model=%s,id=%s", mac, nic->id, nic->net->model,
               nic->info.alias);
}

static gboolean
put_nic_device(ArgsOut *a, const Nic *nic, GError **err)
{
    const NetDef *net = nic->net;
    g_autofree char *virtio = is_virtio(net)
                                  ? virtio_driver(&net->info, "virtio-net", net_model(net))
                                  : NULL;
    g_autofree char *mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", net->mac[0],
                                           net->mac[1], net->mac[2], net->mac[3], net->mac[4],
                                           net->mac[5]);
    json_object *o;

    if (nic_is_onboard(a->def, net)) {
        put_onboard_nic(a, nic, mac);
        return TRUE;
    }
    o = props_new(virtio != NULL ? virtio : net->model != NULL ? net->model : "rtl8139");
    if (virtio != NULL && !args_is_native(a))
        virtio_net_props(a, o, nic);
    props_add(o, "s:netdev", nic->id, "s:id", nic->info.alias, "s:mac", mac, "n:bootindex",
              boot_index(a, &nic->info, BOOT_NETWORK), "s:loadparm", boot_parameter(a, &nic->info),
              NULL);
    if (!address_props(a, o, &nic->info, err)) {
        json_object_put(o);
        return FALSE;
    }
    rom_props(a, o, &nic->info);
    args_device(a, o);
    return TRUE;
}

/* A card of the host itself. */
static gboolean
put_host_nic(ArgsOut *a, const NetDef *net, GError **err)
{
    const NetHost *h = net->source.host;
    g_autofree char *host = NULL;
    json_object *o;

    if (h == NULL)
        return fail(err, ERR_XML, "interface '%s' has no host device", net->info.alias);
    if (h->type == NET_HOST_USB)
        host = g_strdup_printf("/dev/bus/usb/%03u/%03u", h->bus, h->device);
    else
        host = g_strdup_printf("%04x:%02x:%02x.%x", h->pci.domain, h->pci.bus, h->pci.slot,
                               h->pci.function);
    o = props_new(h->type == NET_HOST_USB ? "usb-host" : "vfio-pci");
    props_add(o, h->type == NET_HOST_USB ? "s:hostdevice" : "s:host", host, "s:id", net->info.alias,
              "n:bootindex", boot_index(a, &net->info, BOOT_NETWORK), NULL);
    if (!address_props(a, o, &net->info, err)) {
        json_object_put(o);
        return FALSE;
    }
    rom_props(a, o, &net->info);
    args_device(a, o);
    return TRUE;
}

static gboolean
put_net(ArgsOut *a, guint i, GError **err)
{
    const NetDef *net = LIST_AT(NetDef, a->def->devices.nets, i);
    g_autofree char *plain = g_strdup_printf("net%u", i);
    g_autofree char *id = g_strconcat("host", args_is_native(a) ? plain : net->info.alias, NULL);
    Nic nic = { .net = net,
                .host = i < list_length(a->in->nets) ? LIST_AT(HostNet, a->in->nets, i) : NULL,
                .id = id,
                .info = net->info };

    if (args_is_native(a)) {
        nic.info.alias = plain;
        nic.info.boot_order = nic.info.acpi_index = 0;
        nic.info.loadparm = NULL;
        nic.info.rom = NULL;
    }

    if (net->source.net_type == NET_HOSTDEV && !args_is_native(a))
        return put_host_nic(a, net, err);
    return put_netdev(a, &nic, err) && put_nic_device(a, &nic, err);
}

gboolean
args_put_nets(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.nets;

    for (guint i = 0; i < list_length(list); i++)
        if (is_asked(a, list->pdata[i]) && !put_net(a, i, err))
            return FALSE;
    return TRUE;
}
