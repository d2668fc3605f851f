/* What clients ask of the agent in a guest. vmd does not speak with agents yet; a domain without
 * one, or with one that is not there, is told from one whose agent nobody talks to. */
#include <string.h>

#include "on_domain.h"

static void
ask_agent(Call *c, Vm *vm)
{
    GError *err = NULL;

    vm_agent_check(vm, &err);
    call_fail(c, err);
}

static void
pm_suspend(Call *c, Vm *vm)
{
    enum { MEMORY, DISK, HYBRID };
    const DomainPmSuspendForDurationArgs *in = call_in(c);
    GError *err = NULL;

    if (in->target <= HYBRID) {
        ask_agent(c, vm);
        return;
    }
    fail(&err, ERR_INVALID_ARG, "Unknown suspend target: %u", in->target);
    call_fail(c, err);
}

/* ---- names and addresses: leases and the host's neighbours know some as well */

enum { BY_LEASE = 1, BY_AGENT = 2 };

static void
get_hostname(Call *c, Vm *vm)
{
    const DomainGetHostnameArgs *in = call_in(c);
    GError *err = NULL;

    if (in->flags != BY_LEASE) {
        ask_agent(c, vm);
        return;
    }
    if (!call_needs_active(c, vm))
        return;
    fail(&err, ERR_NO_HOSTNAME, "no hostname found for domain %s", vm_object(vm)->name);
    call_fail(c, err);
}

static void
fill_interface(Call *c, const VmAddresses *from, DomainInterface *ret_iface)
{
    enum { IPV4, IPV6 };
    Arena *arena = call_arena(c);

    ret_iface->name = arena_strdup(arena, from->name);
    ret_iface->hwaddr = arena_strdup(arena, from->mac);
    ret_iface->addrs.n = from->addresses->len;
    ret_iface->addrs.v = arena_new(arena, DomainIpAddr, from->addresses->len);
    for (guint i = 0; i < from->addresses->len; i++) {
        const char *text = from->addresses->pdata[i];
        ret_iface->addrs.v[i] = (DomainIpAddr){
            .type = strchr(text, ':') ? IPV6 : IPV4,
            .addr = arena_strdup(arena, text),
        };
    }
}

static void
get_addresses(Call *c, Vm *vm)
{
    const DomainInterfaceAddressesArgs *in = call_in(c);
    DomainInterfaceAddressesRet out = { 0 };
    g_autoptr(GPtrArray) list = NULL;
    GError *err = NULL;

    if (!(list = vm_addresses(vm, in->source, &err))) {
        call_fail(c, err);
        return;
    }
    out.ifaces.n = list->len;
    out.ifaces.v = arena_new(call_arena(c), DomainInterface, list->len);
    for (guint i = 0; i < list->len; i++)
        fill_interface(c, list->pdata[i], &out.ifaces.v[i]);
    call_reply(c, &out);
}

enum { TIME_SYNC = 1 };
enum { PASSWORD_ENCRYPTED = 1 };
enum { KEYS_APPEND = 1, KEYS_REMOVE = 2 };

const Method agent_methods[] = {
    { ON_DOMAIN(DOMAIN_GET_HOSTNAME, get_hostname), FLAGS(BY_LEASE | BY_AGENT), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_INTERFACE_ADDRESSES, get_addresses),
      MAY_OR_WRITE(DOMAIN_READ, DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_PM_SUSPEND_FOR_DURATION, pm_suspend), MAY(DOMAIN_PM_CONTROL) },
    { ON_DOMAIN(DOMAIN_GET_TIME, ask_agent), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_TIME, ask_agent), FLAGS(TIME_SYNC), MAY(DOMAIN_SET_TIME) },
    { ON_DOMAIN(DOMAIN_GET_FSINFO, ask_agent), MAY(DOMAIN_FS_FREEZE) },
    { ON_DOMAIN(DOMAIN_FSFREEZE, ask_agent), MAY(DOMAIN_FS_FREEZE) },
    { ON_DOMAIN(DOMAIN_FSTHAW, ask_agent), MAY(DOMAIN_FS_FREEZE) },
    { ON_DOMAIN(DOMAIN_FSTRIM, ask_agent), MAY(DOMAIN_FS_TRIM) },
    { ON_DOMAIN(DOMAIN_GET_GUEST_INFO, ask_agent), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_GET_GUEST_VCPUS, ask_agent), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_GUEST_VCPUS, ask_agent), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_USER_PASSWORD, ask_agent), FLAGS(PASSWORD_ENCRYPTED),
      MAY(DOMAIN_SET_PASSWORD) },
    { ON_DOMAIN(DOMAIN_AUTHORIZED_SSH_KEYS_GET, ask_agent), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_AUTHORIZED_SSH_KEYS_SET, ask_agent), FLAGS(KEYS_APPEND | KEYS_REMOVE),
      MAY(DOMAIN_WRITE) },
    { 0 },
};

/* Of the QEMU program. */
const Method qemu_agent_methods[] = {
    { ON_DOMAIN(QEMU_DOMAIN_AGENT_COMMAND, ask_agent), MAY(DOMAIN_WRITE) },
    { 0 },
};
