/* Rules of network interfaces. */
#include "check.h"

#include <string.h>

#define ETHERNET BIT(NET_ETHERNET)
#define WITH_TAP (ETHERNET | BIT(NET_NETWORK) | BIT(NET_BRIDGE))

typedef gboolean (*NetCheck)(const DomainDef *def, const NetDef *net, GError **err);

static const char *
type_of(const NetDef *net)
{
    return net_types[net->source.net_type];
}

static gboolean
is_of(const NetDef *net, guint64 types)
{
    return (types & BIT(net->source.net_type)) != 0;
}

static gboolean
is_passt(const NetDef *net)
{
    enum { PASST = 2 };

    return net->backend && net->backend->type == PASST;
}

static gboolean
is_virtio(const NetDef *net)
{
    return net->model && word_find(virtio_models, net->model) != 0;
}

static gboolean
check_vhost_user(const DomainDef *def, const NetDef *net, GError **err)
{
    if (!is_of(net, BIT(NET_VHOST_USER) | BIT(NET_VDPA)))
        return TRUE;
    if (!is_virtio(net))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "interface of type '%s' needs model 'virtio'",
                    type_of(net));
    return is_of(net, BIT(NET_VDPA)) || domain_shares_memory(def) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "interface of type 'vhostuser' needs memoryBacking with access mode 'shared'");
}

static gboolean
check_backend(const DomainDef *def, const NetDef *net, GError **err)
{
    gboolean can = is_of(net, BIT(NET_USER) | BIT(NET_VHOST_USER));

    if (is_passt(net) && !can)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "backend 'passt' is for interfaces of type 'user' and 'vhostuser'");
    return !net->forwards || (is_passt(net) && can) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "'portForward' needs backend 'passt' and type 'user' or 'vhostuser'");
}

static gboolean
check_addresses(const DomainDef *def, const NetDef *net, GError **err)
{
    enum { V4 = 1, FAMILIES = 3 };
    guint seen[FAMILIES] = { 0 };

    if ((net->source.ips || net->source.routes) && !is_of(net, ETHERNET))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "addresses and routes in 'source' are for interfaces of type 'ethernet'");
    if (net->routes)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "QEMU cannot set a 'route' in the guest");
    if (net->ips && !is_of(net, BIT(NET_USER)) && !is_passt(net))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "QEMU can set an 'ip' in the guest for interfaces of type 'user' only");
    EACH (NetIp, ip, net->ips) {
        if (ip->peer)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "'peer' of an 'ip' in the guest cannot be set");
        if (ip->family == V4 && ip->prefix && (ip->prefix < 4 || ip->prefix > 27))
            return fail(err, ERR_XML, "prefix of an IPv4 address in the guest is 4 to 27, not %u",
                        ip->prefix);
        if (seen[ip->family]++)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "interface has more than one %s address",
                        ip->family == V4 ? "IPv4" : "IPv6");
    }
    return TRUE;
}

static gboolean
check_ports(const DomainDef *def, const NetDef *net, GError **err)
{
    static const guint64 can_isolate = BIT(NET_BRIDGE) | BIT(NET_NETWORK);

    if (net->port_isolated != YES)
        return TRUE;
    if (!is_of(net, can_isolate))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "port of an interface of type '%s' cannot be isolated", type_of(net));
    return !net->vport || !net->vport->type ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "port with virtualport of type '%s' cannot be isolated",
                virtual_port_types[net->vport->type]);
}

static gboolean
check_target(const DomainDef *def, const NetDef *net, GError **err)
{
    return net->target_managed != NO || is_of(net, ETHERNET) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "target of an interface of type '%s' is always made by us, not 'managed'='no'",
                type_of(net));
}

static gboolean
check_limits(const DomainDef *def, const NetDef *net, GError **err)
{
    const BandwidthDef *b = net->bandwidth;
    static const guint64 with_mtu = WITH_TAP | BIT(NET_VHOST_USER);

    if (b && ((b->outbound && b->outbound->has_floor) ||
              (b->inbound && b->inbound->has_floor && !is_of(net, BIT(NET_NETWORK)))))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'floor' is allowed only in 'inbound' of an interface of type 'network'");
    if (net->has_coalesce && !is_of(net, BIT(NET_NETWORK) | BIT(NET_BRIDGE)))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "interface of type '%s' has no 'coalesce'",
                    type_of(net));
    return !net->mtu || is_of(net, with_mtu) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "MTU of an interface of type '%s' cannot be set",
                type_of(net));
}

static gboolean
check_queue_size(const char *name, guint32 size, GError **err)
{
    return (size & (size - 1)) == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "'%s' of an interface is no power of two: %u", name,
                size);
}

static gboolean
check_driver(const DomainDef *def, const NetDef *net, GError **err)
{
    return check_queue_size("rx_queue_size", net->driver.rx_queue_size, err) &&
           check_queue_size("tx_queue_size", net->driver.tx_queue_size, err);
}

static gboolean
check_teaming(const DomainDef *def, const NetDef *net, GError **err)
{
    enum { PERSISTENT = 1, TRANSIENT };

    if (net->teaming && net->teaming->type == TRANSIENT &&
        !is_of(net, BIT(NET_HOSTDEV) | BIT(NET_NETWORK)))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "the transient half of a 'teaming' is of type 'hostdev', not '%s'",
                    type_of(net));
    return !net->teaming || net->teaming->type != PERSISTENT || is_virtio(net) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "the persistent half of a 'teaming' is of model 'virtio', not '%s'",
                net->model ? net->model : "");
}

static gboolean
check_nets(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    static const NetCheck checks[] = { check_ports,     check_vhost_user, check_backend,
                                       check_addresses, check_target,     check_limits,
                                       check_driver,    check_teaming };

    EACH (NetDef, net, def->devices.nets)
        for (gsize i = 0; i < G_N_ELEMENTS(checks); i++)
            if (!checks[i](def, net, err))
                return FALSE;
    return TRUE;
}

const Rule net_rules[] = {
    { "interface", check_nets },
    { NULL },
};
