/* The host's ends of interfaces: a tap each, made on the bridge that the definition or its network
 * names, and its place among vhosts. */
#include <string.h>

#include "host/host.h"
#include "life.h"
#include "network/network.h"

void
host_net_free(HostNet *n)
{
    if (!n)
        return;
    for (guint i = 0; i < n->taps->len; i++)
        fd_close(&g_array_index(n->taps, int, i));
    for (guint i = 0; i < n->vhosts->len; i++)
        fd_close(&g_array_index(n->vhosts, int, i));
    g_array_unref(n->taps);
    g_array_unref(n->vhosts);
    g_free(n);
}

static HostNet *
host_net_new(void)
{
    HostNet *n = g_new0(HostNet, 1);

    n->taps = g_array_new(FALSE, FALSE, sizeof(int));
    n->vhosts = g_array_new(FALSE, FALSE, sizeof(int));
    return n;
}

static gboolean
net_is_virtio(const NetDef *net)
{
    return net->model && g_str_has_prefix(net->model, "virtio");
}

/* vhost only speeds things up: a host without it does without, unless it was asked for. */
static gboolean
open_vhosts(const NetDef *net, HostNet *host, GError **err)
{
    enum { BACKEND_QEMU = 1, BACKEND_VHOST };

    if (!net_is_virtio(net) || net->driver.name == BACKEND_QEMU)
        return TRUE;
    for (guint i = 0; i < host->taps->len; i++) {
        g_autoptr(HostFd) h = host_fd_new(HOST_DEVICE, "/dev/vhost-net", "interface");
        if (!host_open(h, net->driver.name == BACKEND_VHOST ? err : NULL))
            return net->driver.name != BACKEND_VHOST;
        g_array_append_val(host->vhosts, h->fd);
        h->fd = -1;
    }
    return TRUE;
}

/* A name that we count is counted anew at every start. */
static gboolean
name_is_ours(const char *name)
{
    return !name || g_str_has_prefix(name, "vnet");
}

/* An interface of a network goes to that network's bridge, and what it became is part of what runs.
 */
gboolean
link_join(NetDef *net, GError **err)
{
    NetworkPlug plug;

    if (net->source.net_type != NET_NETWORK)
        return TRUE;
    if (!network_plug(net->source.network, net->source.portgroup, &plug, err))
        return fail_prefix(err, "interface '%s': ", net->info.alias);
    g_free(net->source.bridge);
    net->source.bridge = g_strdup(plug.bridge);
    if (!net->mtu)
        net->mtu = plug.mtu;
    if (uuid_is_zero(net->source.portid))
        uuid_make(net->source.portid);
    if (!net->bandwidth && plug.bandwidth)
        net->bandwidth = schema_copy(&bandwidth_schema, plug.bandwidth);
    return TRUE;
}

/* A name is one VM's from before its link is made until its undo is over: no other start takes it
 * in between, whatever the host has meanwhile. */
static gboolean
claim_link(Vm *vm, const char *name, GError **err)
{
    const Claim claim = { .kind = CLAIM_LINK, .key = (char *)name, .owner = OWNER(vm) };

    return !name || claim_take(&claim, err);
}

/* NULL: it is chosen while the link is made. */
static const char *
name_asked(const TapSpec *spec)
{
    return spec->name && !strchr(spec->name, '%') ? spec->name : NULL;
}

static gboolean
is_there_before(const NetDef *net)
{
    return net->source.net_type == NET_ETHERNET && net->target_managed == NO;
}

/* What the kernel keeps with the link of an interface: which VM's, and which of it. */
static char *
link_alias(const Vm *vm, const char *alias)
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(vm->obj.uuid, uuid);
    return g_strdup_printf("vmd:%s:%s", uuid, alias);
}

static gboolean
make_link(Flow *f, Vm *vm, NetDef *net, HostNet *host, GError **err)
{
    g_autofree char *mark = link_alias(vm, net->info.alias);
    TapSpec spec = {
        .alias = mark,
        .name = name_is_ours(net->ifname) ? NULL : net->ifname,
        .bridge = net->source.net_type == NET_ETHERNET ? NULL : net->source.bridge,
        .mac = net->mac,
        .mtu = net->mtu,
        .queues = net->driver.queues,
        .coalesce = net->coalesce,
        .isolated = net->port_isolated == YES,
        .down = net->filter != NULL,
        .vnet_hdr = net_is_virtio(net),
        .existing = is_there_before(net),
    };
    const char *alias = net->info.alias;
    g_autofree char *name = NULL, *number = NULL;
    guint index;

    /* Nothing is known of it before it is made: nor is anything left of it when the daemon dies
     * then, for a tap goes with its last descriptor. One that was there before is not noted. */
    if (!spec.existing && !flow_note(f, alias, WORDS(NULL), err))
        return FALSE;
    if (!claim_link(vm, name_asked(&spec), err) ||
        !tap_create(&spec, &name, &index, host->taps, err) ||
        !claim_link(vm, name_asked(&spec) ? NULL : name, err))
        return fail_prefix(err, "interface '%s': ", alias);
    number = g_strdup_printf("%u", index);
    if (!spec.existing && !flow_note(f, alias, WORDS(number, name), err))
        return FALSE;
    g_free(net->ifname);
    net->ifname = g_steal_pointer(&name);
    return open_vhosts(net, host, err);
}

gboolean
link_is_tap(const NetDef *net)
{
    static const guint64 taps = BIT(NET_BRIDGE) | BIT(NET_ETHERNET) | BIT(NET_NETWORK);

    return (taps & BIT(net->source.net_type)) != 0;
}

gboolean
link_make(Flow *f, Vm *vm, NetDef *net, HostNet **ret_host, GError **err)
{
    *ret_host = host_net_new();
    return !link_is_tap(net) || (link_join(net, err) && make_link(f, vm, net, *ret_host, err));
}

StepResult
links_make(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    GPtrArray *nets = run_alter(run)->devices.nets;

    run->start.nets = g_ptr_array_new_with_free_func((GDestroyNotify)host_net_free);
    for (guint i = 0; i < list_length(nets); i++) {
        HostNet *host;
        gboolean ok = link_make(f, vm, nets->pdata[i], &host, err);

        g_ptr_array_add(run->start.nets, host);
        if (!ok)
            return STEP_FAILED;
    }
    return STEP_DONE;
}

/* A tap goes with its last descriptor, which QEMU had; this is for one that is held elsewhere. */
StepResult
links_delete(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    guint64 index;
    g_autofree char *mark = link_alias(vm, flow_key(f));
    g_autoptr(GError) err = NULL;

    g_clear_pointer(&vm->run->start.nets, g_ptr_array_unref);
    if (flow_word(f, 0) &&
        g_ascii_string_to_unsigned(flow_word(f, 0), 10, 1, G_MAXINT32, &index, NULL) &&
        !tap_delete((guint)index, flow_word(f, 1), mark, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    if (flow_word(f, 1))
        claim_drop(CLAIM_LINK, flow_word(f, 1), OWNER(vm));
    return STEP_DONE;
}

/* ---- how fast they are */

/* Limits can come later, and have a line for when they go. */
gboolean
link_slow(Flow *f, const NetDef *net, GError **err)
{
    if (!link_is_tap(net))
        return TRUE;
    if (!flow_note(f, net->info.alias, WORDS(net->ifname), err))
        return FALSE;
    return !net->bandwidth || link_limit(net->ifname, net->bandwidth, err) ||
           fail_prefix(err, "interface '%s': ", net->info.alias);
}

StepResult
links_slow(Flow *f, gpointer obj, GError **err)
{
    EACH (const NetDef, net, ((Vm *)obj)->run->live->devices.nets)
        if (!link_slow(f, net, err))
            return STEP_FAILED;
    return STEP_DONE;
}

/* The kernel need not be asked about a tap that has no limits. */
static gboolean
may_be_slow(const Vm *vm, const char *alias)
{
    Device device;

    return !domain_find_alias(vm->run->live, alias, &device) || device.schema != &net_schema ||
           ((const NetDef *)device.def)->bandwidth || is_there_before(device.def);
}

StepResult
links_hasten(Flow *f, gpointer obj)
{
    const Vm *vm = obj;
    g_autoptr(GError) err = NULL;

    if (flow_word(f, 0) && may_be_slow(vm, flow_key(f)) && !link_limit(flow_word(f, 0), NULL, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return STEP_DONE;
}

/* ---- filters: in force before the link is up; they can come later, and have a line for when they
 * go. */

gboolean
link_filter(Flow *f, const DomainDef *def, const NetDef *net, GError **err)
{
    if (!link_is_tap(net))
        return TRUE;
    if (!flow_note(f, net->info.alias, WORDS(net->ifname), err))
        return FALSE;
    return !net->filter ||
           (filter_bind(net->ifname, net, def, err) &&
            (is_there_before(net) || link_set_up(net->ifname, err))) ||
           fail_prefix(err, "interface '%s': ", net->info.alias);
}

StepResult
links_filter(Flow *f, gpointer obj, GError **err)
{
    const DomainDef *live = ((Vm *)obj)->run->live;

    EACH (const NetDef, net, live->devices.nets)
        if (!link_filter(f, live, net, err))
            return STEP_FAILED;
    return STEP_DONE;
}

StepResult
links_unfilter(Flow *f, gpointer obj)
{
    if (flow_word(f, 0))
        filter_unbind(flow_word(f, 0));
    return STEP_DONE;
}

/* Whether the ledger has it, so that it is undone. */
static gboolean
is_filtered(const Vm *vm, const char *alias)
{
    const Ledger *l = object_ledger((gpointer)vm);

    return ledger_words(l, &start_table, "filter links", alias) ||
           ledger_words(l, &plug_table, "filter link", alias);
}

/* A filter that an earlier daemon has put in force stays if it cannot be made again. */
void
links_filter_again(const Vm *vm)
{
    EACH (const NetDef, net, vm->run->live->devices.nets) {
        g_autoptr(GError) err = NULL;
        if (net->filter && net->ifname && is_filtered(vm, net->info.alias) &&
            !filter_bind(net->ifname, net, vm->run->live, &err))
            log_warning("domain '%s': interface '%s' keeps the rules that it has: %s", vm->obj.name,
                        net->info.alias, err->message);
    }
}

void
links_limit_again(const Vm *vm)
{
    EACH (const NetDef, net, vm->run->live->devices.nets)
        if (net->bandwidth && net->ifname && link_is_tap(net))
            link_limit_again(net->ifname, net->bandwidth);
}

/* ---- what networks ask of guests that run */

static void
tell_ports(const Vm *vm, NetworkPortEach each, gpointer user)
{
    EACH (const NetDef, net, vm->run->live->devices.nets) {
        const NetworkPort port = {
            .network = net->source.net_type == NET_NETWORK ? net->source.network : NULL,
            .bridge = net->source.bridge,
            .link = net->ifname,
            .isolated = net->port_isolated == YES,
            .mtu = net->mtu,
            .busy = vm->obj.flow != NULL,
            .domain = vm->run->live,
            .net = net,
            .owner = (gpointer)vm,
        };
        if (port.network || net->source.net_type == NET_BRIDGE)
            each(&port, user);
    }
}

/* A link that a change has just put elsewhere stands elsewhere in the definition only at its end.
 */
void
links_each_port(NetworkPortEach each, gpointer user)
{
    g_autoptr(GPtrArray) all = registry_list(qemu_vms);

    for (guint i = 0; i < all->len; i++) {
        const Vm *vm = all->pdata[i];
        if (vm->run && vm->run->live && !vm->run->stopping)
            tell_ports(vm, each, user);
    }
}

/* What the guest's card is on the host's side: the same link again, for the same descriptors. */
gboolean
links_revive(const NetworkPort *port, const char *bridge, GError **err)
{
    const Vm *vm = port->owner;

    EACH (const NetDef, net, vm->run->live->devices.nets) {
        g_autofree char *mark = link_alias(vm, net->info.alias);
        const TapSpec spec = {
            .name = net->ifname,
            .alias = mark,
            .bridge = bridge,
            .mac = net->mac,
            .mtu = net->mtu,
            .queues = net->driver.queues,
            .coalesce = net->coalesce,
            .isolated = net->port_isolated == YES,
            .vnet_hdr = net_is_virtio(net),
        };
        guint index;

        if (g_strcmp0(net->ifname, port->link) != 0)
            continue;
        if (is_there_before(net))
            return fail(err, ERR_OPERATION_FAILED, "link '%s' is not the domain's own", port->link);
        if (!tap_revive(&spec, vm->run->pid, &index, err) ||
            (net->bandwidth && !link_limit(net->ifname, net->bandwidth, err)))
            return fail_prefix(err, "domain '%s': ", vm->obj.name);
    }
    return TRUE;
}
