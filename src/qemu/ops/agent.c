/* Who is in the guest and where it can be reached: its agent, and the addresses that the host knows
 * without one. */
#include "host/host.h"
#include "ops.h"

static const CharDef *
agent_channel(const DomainDef *live)
{
    GPtrArray *channels = live->devices.channels;

    for (guint i = 0; channels && i < channels->len; i++) {
        const CharDef *c = channels->pdata[i];
        if (g_strcmp0(c->name, "org.qemu.guest_agent.0") == 0)
            return c;
    }
    return NULL;
}

gboolean
vm_agent_check(Vm *vm, GError **err)
{
    const CharDef *channel;

    if (!vm_need_running(vm, err))
        return FALSE;
    if (!(channel = agent_channel(vm->run->live)))
        return fail(err, ERR_ARG_UNSUPPORTED, "QEMU guest agent is not configured");
    if (channel->state != CHANNEL_CONNECTED)
        return fail(err, ERR_AGENT_UNRESPONSIVE, "QEMU guest agent is not connected");
    return fail(err, ERR_OPERATION_UNSUPPORTED, "vmd does not speak with the guest agent yet");
}

/* ---- addresses */

static void
addresses_free(gpointer data)
{
    VmAddresses *a = data;

    g_free(a->name);
    g_free(a->mac);
    g_clear_pointer(&a->addresses, g_ptr_array_unref);
    g_free(a);
}

static gboolean
add_neighbours(GPtrArray *list, const NetDef *net, GError **err)
{
    g_autoptr(GPtrArray) found = neighbours_of(net->mac, err);
    const guint8 *m = net->mac;
    VmAddresses *a;

    if (!found)
        return FALSE;
    if (found->len == 0)
        return TRUE;
    a = g_new(VmAddresses, 1);
    a->mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    a->name = g_strdup(net->ifname ? net->ifname : a->mac);
    a->addresses = g_steal_pointer(&found);
    g_ptr_array_add(list, a);
    return TRUE;
}

/* vmd hands out no leases yet: of those there are none. */
GPtrArray *
vm_addresses(Vm *vm, guint source, GError **err)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(addresses_free);
    GPtrArray *nets;

    if (!vm->run || !vm->run->complete) {
        fail(err, ERR_NOT_RUNNING, "domain is not running");
        return NULL;
    }
    if (source > VM_BY_ARP) {
        fail(err, ERR_ARG_UNSUPPORTED, "Unknown IP address data source %u", source);
        return NULL;
    }
    if (source == VM_BY_AGENT && !vm_agent_check(vm, err))
        return NULL;
    nets = vm->run->live->devices.nets;
    for (guint i = 0; source == VM_BY_ARP && nets && i < nets->len; i++)
        if (!add_neighbours(list, nets->pdata[i], err))
            return NULL;
    return g_steal_pointer(&list);
}
