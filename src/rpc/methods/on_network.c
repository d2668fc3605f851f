/* Virtual networks. All reads answer from memory, but leases, which are one small file. */
#include <string.h>

#include "network/network.h"
#include "qemu/qemu.h"
#include "rpc/rpc_priv.h"

/* ---- shared */

static NetworkRef
network_ref(const Network *n)
{
    NetworkRef ref = { .name = n->obj.name };

    memcpy(ref.uuid, n->obj.uuid, sizeof ref.uuid);
    return ref;
}

static void
reply_network(Call *c, Network *n)
{
    NetworkRef out = network_ref(n);

    call_reply(c, &out);
}

/* The answer to what gives a network or an error. */
static void
end_with(Call *c, Network *n, GError *err)
{
    if (err)
        call_fail(c, err);
    else
        reply_network(c, n);
}

static void
on_done(Network *n, const GError *err, gpointer user)
{
    call_done(user, err);
}

/* ---- listing */

enum {
    LIST_INACTIVE = 1 << 0,
    LIST_ACTIVE = 1 << 1,
    LIST_PERSISTENT = 1 << 2,
    LIST_TRANSIENT = 1 << 3,
    LIST_AUTOSTART = 1 << 4,
    LIST_NO_AUTOSTART = 1 << 5,
    LIST_FLAGS = 0x3f,
};

static gboolean
passes(gpointer item, guint32 flags)
{
    const Network *n = item;
    static const guint32 questions[] = {
        LIST_ACTIVE | LIST_INACTIVE,
        LIST_PERSISTENT | LIST_TRANSIENT,
        LIST_AUTOSTART | LIST_NO_AUTOSTART,
    };
    guint32 is = (n->live ? LIST_ACTIVE : LIST_INACTIVE) |
                 (n->persistent ? LIST_PERSISTENT : LIST_TRANSIENT) |
                 (n->autostart ? LIST_AUTOSTART : LIST_NO_AUTOSTART);

    return list_filter(flags, is, questions, G_N_ELEMENTS(questions));
}

static GPtrArray *
networks_matching(guint32 flags)
{
    return list_keep(network_list(), passes, flags);
}

static void
list_all(Call *c)
{
    const ConnectListAllNetworksArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = networks_matching(in->flags);
    ConnectListAllNetworksRet out = { .ret = all->len };

    if (in->need_results) {
        out.nets.n = all->len;
        out.nets.v = arena_new(call_arena(c), NetworkRef, all->len);
        for (guint i = 0; i < all->len; i++)
            out.nets.v[i] = network_ref(all->pdata[i]);
    }
    call_reply(c, &out);
}

static void
count(Call *c, guint32 flags)
{
    g_autoptr(GPtrArray) all = networks_matching(flags);
    ConnectNumOfNetworksRet out = { .num = (gint32)all->len };

    call_reply(c, &out);
}

static void
name_some(Call *c, guint32 flags)
{
    const ConnectListNetworksArgs *in = call_in(c);
    g_autoptr(GPtrArray) all = networks_matching(flags);

    call_reply_names(c, all, in->maxnames);
}

static void
count_active(Call *c)
{
    count(c, LIST_ACTIVE);
}

static void
count_defined(Call *c)
{
    count(c, LIST_INACTIVE);
}

static void
list_active(Call *c)
{
    name_some(c, LIST_ACTIVE);
}

static void
list_defined(Call *c)
{
    name_some(c, LIST_INACTIVE);
}

/* ---- the life of a network */

static void
on_made(Network *n, const GError *err, gpointer user)
{
    end_with(user, n, err ? g_error_copy(err) : NULL);
}

static void
define_xml(Call *c)
{
    const NetworkDefineXmlArgs *in = call_in(c);

    network_define(in->xml, 0, on_made, c);
}

static void
define_xml_flags(Call *c)
{
    const NetworkDefineXmlFlagsArgs *in = call_in(c);

    network_define(in->xml, in->flags, on_made, c);
}

static void
create_xml(Call *c)
{
    const NetworkCreateXmlArgs *in = call_in(c);

    network_create(in->xml, 0, call_asker(c), on_made, c);
}

static void
create_xml_flags(Call *c)
{
    const NetworkCreateXmlFlagsArgs *in = call_in(c);

    network_create(in->xml, in->flags, call_asker(c), on_made, c);
}

static void
start(Call *c, Network *n)
{
    network_start(n, call_asker(c), on_done, c);
}

static void
destroy(Call *c, Network *n)
{
    network_destroy(n, call_asker(c), on_done, c);
}

static void
undefine(Call *c, Network *n)
{
    network_undefine(n, on_done, c);
}

static void
set_autostart(Call *c, Network *n)
{
    const NetworkSetAutostartArgs *in = call_in(c);

    network_set_autostart(n, in->autostart != 0, on_done, c);
}

/* Clients send command and section in this order to who says that it has the feature
 * "network update in the right order" (on_host.c). */
static void
update(Call *c, Network *n)
{
    const NetworkUpdateArgs *in = call_in(c);

    network_change(n, in->command, in->section, in->parent_index, in->xml, in->flags, on_done, c);
}

/* ---- what users write about it */

static void
set_metadata(Call *c, Network *n)
{
    const NetworkSetMetadataArgs *in = call_in(c);

    network_set_metadata(n, in->type, in->metadata, in->key, in->uri, in->flags, on_done, c);
}

static void
get_metadata(Call *c, Network *n)
{
    const NetworkGetMetadataArgs *in = call_in(c);
    GError *err = NULL;
    g_autofree char *text = network_metadata(n, in->type, in->uri, in->flags, &err);
    NetworkGetMetadataRet out = { .metadata = text };

    if (text)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

/* ---- reading */

static void
get_autostart(Call *c, Network *n)
{
    NetworkGetAutostartRet out = { .autostart = n->autostart };

    call_reply(c, &out);
}

static void
get_is_active(Call *c, Network *n)
{
    NetworkIsActiveRet out = { .active = n->live != NULL };

    call_reply(c, &out);
}

static void
get_is_persistent(Call *c, Network *n)
{
    NetworkIsPersistentRet out = { .persistent = n->persistent };

    call_reply(c, &out);
}

static void
get_xml(Call *c, Network *n)
{
    const NetworkGetXmlDescArgs *in = call_in(c);
    GError *err = NULL;
    g_autofree char *xml = network_xml(n, in->flags, &err);
    NetworkGetXmlDescRet out = { .xml = xml };

    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
get_bridge_name(Call *c, Network *n)
{
    GError *err = NULL;
    NetworkGetBridgeNameRet out = { .name = network_bridge(n, &err) };

    if (out.name)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

/* The numbers are virIPAddrType's. */
static void
fill_lease(const Network *n, const NetworkLease *lease, NetworkDhcpLease *out)
{
    *out = (NetworkDhcpLease){
        .iface = n->live->bridge->name,
        .expirytime = lease->expiry,
        .type = lease->v6 ? 1 : 0,
        .ipaddr = lease->address,
        .prefix = lease->prefix,
    };
}

static void
get_leases(Call *c, Network *n)
{
    const NetworkGetDhcpLeasesArgs *in = call_in(c);
    GError *err = NULL;
    g_autoptr(GPtrArray) leases = network_leases(n, in->mac, &err);
    NetworkGetDhcpLeasesRet out = { 0 };

    if (!leases) {
        call_fail(c, err);
        return;
    }
    out.ret = leases->len;
    out.leases.n = in->need_results ? leases->len : 0;
    out.leases.v = arena_new(call_arena(c), NetworkDhcpLease, out.leases.n);
    for (guint i = 0; i < out.leases.n; i++) {
        const NetworkLease *lease = leases->pdata[i];
        NetworkDhcpLease *row = &out.leases.v[i];
        fill_lease(n, lease, row);
        row->mac = lease->mac;
        row->iaid = lease->iaid;
        row->hostname = lease->hostname;
        row->clientid = lease->clientid;
    }
    call_reply(c, &out);
}

/* What was put right of what it stands on. */
static void
get_repairs(Call *c, Network *n)
{
    GError *err = NULL;
    g_autoptr(GArray) rows = network_repairs(n, &err);
    VmdNetworkRepairsRet out = { 0 };

    if (!rows) {
        call_fail(c, err);
        return;
    }
    out.repairs.n = rows->len;
    out.repairs.v = arena_new(call_arena(c), VmdNetworkRepair, rows->len);
    for (guint i = 0; i < rows->len; i++) {
        const NetworkRepair *r = &g_array_index(rows, NetworkRepair, i);
        out.repairs.v[i] = (VmdNetworkRepair){
            .what = r->what, .times = r->times, .when = r->when, .cause = r->cause ? r->cause : ""
        };
    }
    call_reply(c, &out);
}

/* ---- ports */

static NetworkPortRef
port_ref(const Network *n, const guint8 uuid[UUID_LEN])
{
    NetworkPortRef ref = { .net = network_ref(n) };

    memcpy(ref.uuid, uuid, UUID_LEN);
    return ref;
}

static void
list_ports(Call *c, Network *n)
{
    const NetworkListAllPortsArgs *in = call_in(c);
    GError *err = NULL;
    g_autoptr(GPtrArray) all = network_port_list(n, &err);
    NetworkListAllPortsRet out = { 0 };

    if (!all) {
        call_fail(c, err);
        return;
    }
    out.ret = all->len;
    out.ports.n = in->need_results ? all->len : 0;
    out.ports.v = arena_new(call_arena(c), NetworkPortRef, out.ports.n);
    for (guint i = 0; i < out.ports.n; i++)
        out.ports.v[i] = port_ref(n, ((const NetworkPortDef *)all->pdata[i])->uuid);
    call_reply(c, &out);
}

static void
find_port(Call *c, Network *n)
{
    const NetworkPortLookupByUuidArgs *in = call_in(c);
    NetworkPortLookupByUuidRet out = { .port = port_ref(n, in->uuid) };
    GError *err = NULL;
    g_autoptr(NetworkPortDef) def = network_port_get(n, in->uuid, NULL, &err);

    if (def)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
create_port(Call *c, Network *n)
{
    const NetworkPortCreateXmlArgs *in = call_in(c);
    NetworkPortCreateXmlRet out = { 0 };
    GError *err = NULL;
    guint8 uuid[UUID_LEN];

    if (!network_port_create(n, in->xml, in->flags, uuid, &err)) {
        call_fail(c, err);
        return;
    }
    out.port = port_ref(n, uuid);
    call_reply(c, &out);
}

/* What a port's own procedures are about. ret_link may be NULL. Caller frees; NULL: it has
 * failed. */
static NetworkPortDef *
port_of(Call *c, const NetworkPortRef *ref, Network **ret_network, char **ret_link)
{
    GError *err = NULL;
    Network *n = network_get_uuid(ref->net.uuid, &err);
    NetworkPortDef *def = n ? network_port_get(n, ref->uuid, ret_link, &err) : NULL;

    if (!def)
        call_fail(c, err);
    else if (ret_network)
        *ret_network = n;
    return def;
}

static void
get_port_xml(Call *c)
{
    const NetworkPortGetXmlDescArgs *in = call_in(c);
    g_autoptr(NetworkPortDef) def = port_of(c, &in->port, NULL, NULL);
    g_autofree char *xml = def ? network_port_format(def) : NULL;
    NetworkPortGetXmlDescRet out = { .xml = xml };

    if (def)
        call_reply(c, &out);
}

static void
delete_port(Call *c)
{
    const NetworkPortDeleteArgs *in = call_in(c);
    g_autoptr(GError) err = NULL;
    Network *n;
    g_autoptr(NetworkPortDef) def = port_of(c, &in->port, &n, NULL);

    if (!def)
        return;
    network_port_delete(n, in->port.uuid, &err);
    call_done(c, err);
}

/* Limits of a port are those of the interface that has it. NULL: it has failed. */
static Vm *
guest_of(Call *c, const NetworkPortRef *ref, char **ret_link)
{
    g_autoptr(NetworkPortDef) def = port_of(c, ref, NULL, ret_link);
    Vm *vm = def && *ret_link ? vm_find_uuid(def->owner_uuid) : NULL;
    GError *err = NULL;

    if (!def || vm)
        return vm;
    fail(&err, ERR_OPERATION_INVALID, "no interface of a domain has this port");
    call_fail(c, err);
    return NULL;
}

enum { TYPED_STRINGS = 4, LIVE = 1 };

static void
get_port_parameters(Call *c)
{
    const NetworkPortGetParametersArgs *in = call_in(c);
    NetworkPortGetParametersRet out = { 0 };
    g_autofree char *link = NULL;
    Vm *vm = guest_of(c, &in->port, &link);
    GError *err = NULL;
    Params params;

    if (!vm)
        return;
    params_init(&params);
    if (vm_limits(vm, VM_LIMITS_INTERFACE, link, LIVE, &params, &err)) {
        guint32 count;
        params_to_wire(&params, call_arena(c), &out.params.v, &count);
        out.nparams = (gint32)(in->nparams > 0 ? MIN((guint32)in->nparams, count) : count);
        out.params.n = in->nparams > 0 ? (guint32)out.nparams : 0;
        call_reply(c, &out);
    } else {
        call_fail(c, err);
    }
    params_done(&params);
}

static void
on_limited(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
set_port_parameters(Call *c)
{
    const NetworkPortSetParametersArgs *in = call_in(c);
    g_autofree char *link = NULL;
    Vm *vm = guest_of(c, &in->port, &link);
    Params params;

    if (!vm)
        return;
    params_from_wire(in->params.v, in->params.n, &params);
    vm_set_limits(vm, VM_LIMITS_INTERFACE, link, &params, LIVE, call_asker(c), on_limited, c);
    params_done(&params);
}

const Method network_methods[] = {
    { ON_NETWORK(NETWORK_LIST_ALL_PORTS, list_ports), MAY(NETWORK_SEARCH_PORTS) },
    { ON_NETWORK(NETWORK_PORT_LOOKUP_BY_UUID, find_port), MAY(NETWORK_PORT_GETATTR) },
    { ON_NETWORK(NETWORK_PORT_CREATE_XML, create_port),
      FLAGS(NETWORK_PORT_RECLAIM | NETWORK_PORT_VALIDATE), MAY(NETWORK_PORT_CREATE) },
    { ON_NONE(NETWORK_PORT_GET_XML_DESC, get_port_xml), MAY(NETWORK_PORT_READ) },
    { ON_NONE(NETWORK_PORT_DELETE, delete_port), MAY(NETWORK_PORT_DELETE) },
    { ON_NONE(NETWORK_PORT_GET_PARAMETERS, get_port_parameters), FLAGS(TYPED_STRINGS),
      MAY(NETWORK_PORT_READ) },
    { ON_NONE(NETWORK_PORT_SET_PARAMETERS, set_port_parameters), MAY(NETWORK_PORT_WRITE) },
    { ON_NETWORK_BY(name, NETWORK_LOOKUP_BY_NAME, reply_network), MAY(NETWORK_GETATTR) },
    { ON_NETWORK_BY(uuid, NETWORK_LOOKUP_BY_UUID, reply_network), MAY(NETWORK_GETATTR) },
    { ON_NONE(CONNECT_LIST_ALL_NETWORKS, list_all), FLAGS(LIST_FLAGS),
      MAY(CONNECT_SEARCH_NETWORKS) },
    { ON_NONE(CONNECT_NUM_OF_NETWORKS, count_active), MAY(CONNECT_SEARCH_NETWORKS) },
    { ON_NONE(CONNECT_NUM_OF_DEFINED_NETWORKS, count_defined), MAY(CONNECT_SEARCH_NETWORKS) },
    { ON_NONE(CONNECT_LIST_NETWORKS, list_active), MAY(CONNECT_SEARCH_NETWORKS) },
    { ON_NONE(CONNECT_LIST_DEFINED_NETWORKS, list_defined), MAY(CONNECT_SEARCH_NETWORKS) },
    { ON_NONE(NETWORK_DEFINE_XML, define_xml), MAY_BOTH(NETWORK_WRITE, NETWORK_SAVE) },
    { ON_NONE(NETWORK_DEFINE_XML_FLAGS, define_xml_flags), FLAGS(NETWORK_DEFINE_VALIDATE),
      MAY_BOTH(NETWORK_WRITE, NETWORK_SAVE) },
    { ON_NONE(NETWORK_CREATE_XML, create_xml), MAY_BOTH(NETWORK_WRITE, NETWORK_START) },
    { ON_NONE(NETWORK_CREATE_XML_FLAGS, create_xml_flags), FLAGS(NETWORK_DEFINE_VALIDATE),
      MAY_BOTH(NETWORK_WRITE, NETWORK_START) },
    { ON_NETWORK(NETWORK_CREATE, start), MAY(NETWORK_START) },
    { ON_NETWORK(NETWORK_DESTROY, destroy), MAY(NETWORK_STOP) },
    { ON_NETWORK(NETWORK_UNDEFINE, undefine), MAY(NETWORK_DELETE) },
    { ON_NETWORK(NETWORK_UPDATE, update), FLAGS(3), MAY_BOTH(NETWORK_WRITE, NETWORK_SAVE) },
    { ON_NETWORK(NETWORK_SET_METADATA, set_metadata), FLAGS(3),
      .needs = { { RIGHT_NETWORK_WRITE }, { RIGHT_NETWORK_SAVE, NEED_TO_CHANGE } } },
    { ON_NETWORK(NETWORK_GET_METADATA, get_metadata), FLAGS(3), MAY(NETWORK_READ) },
    { ON_NETWORK(NETWORK_SET_AUTOSTART, set_autostart), MAY(NETWORK_WRITE) },
    { ON_NETWORK(NETWORK_GET_AUTOSTART, get_autostart), MAY(NETWORK_READ) },
    { ON_NETWORK(NETWORK_IS_ACTIVE, get_is_active), MAY(NETWORK_READ) },
    { ON_NETWORK(NETWORK_IS_PERSISTENT, get_is_persistent), MAY(NETWORK_READ) },
    { ON_NETWORK(NETWORK_GET_XML_DESC, get_xml), FLAGS(NETWORK_XML_INACTIVE), MAY(NETWORK_READ) },
    { ON_NETWORK(NETWORK_GET_BRIDGE_NAME, get_bridge_name), MAY(NETWORK_READ) },
    { ON_NETWORK(NETWORK_GET_DHCP_LEASES, get_leases), MAY(NETWORK_READ) },
    { 0 },
};

/* What the host's packet filter does with its packets. */
static void
explain(Call *c, Network *n)
{
    GError *err = NULL;
    g_autoptr(GPtrArray) rows = network_explain(n, &err);
    VmdNetworkExplainRet out = { 0 };

    if (!rows) {
        call_fail(c, err);
        return;
    }
    out.rows.n = rows->len;
    out.rows.v = arena_new(call_arena(c), VmdNetworkExplained, rows->len);
    for (guint i = 0; i < rows->len; i++) {
        const NetworkExplained *e = rows->pdata[i];
        out.rows.v[i] = (VmdNetworkExplained){ e->direction, e->family, e->verdict,
                                               e->chain,     e->rule,   e->advice };
    }
    call_reply(c, &out);
}

const Method vmd_network_methods[] = {
    { ON_NETWORK(VMD_NETWORK_EXPLAIN, explain), MAY(NETWORK_READ) },
    { ON_NETWORK(VMD_NETWORK_REPAIRS, get_repairs), MAY(NETWORK_READ) },
    { 0 },
};
