/* What clients ask of the agent in a guest, and the addresses and names that are known without one.
 */
#include <string.h>

#include "on_domain.h"

/* ---- answers of one kind */

static void
on_done(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    call_done(user, err);
}

/* FALSE: the call was answered. */
static gboolean
answered(Call *c, const GError *err)
{
    if (err)
        call_fail(c, g_error_copy(err));
    return !err;
}

static const char *
copied(Call *c, const char *text)
{
    return arena_strdup(call_arena(c), text);
}

static const char **
copied_names(Call *c, const GPtrArray *list)
{
    const char **names = arena_new(call_arena(c), const char *, list->len);

    for (guint i = 0; i < list->len; i++)
        names[i] = copied(c, list->pdata[i]);
    return names;
}

/* ---- sleep */

static void
pm_suspend(Call *c, Vm *vm)
{
    const DomainPmSuspendForDurationArgs *in = call_in(c);

    vm_guest_sleep(vm, in->target, in->duration, on_done, c);
}

/* ---- names and addresses: leases and the host's neighbours know some as well */

enum { BY_LEASE = 1, BY_AGENT = 2 };

static void
on_hostname(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    Call *c = user;
    DomainGetHostnameRet out = { 0 };

    if (!answered(c, err))
        return;
    out.hostname = copied(c, answer->text);
    call_reply(c, &out);
}

static void
get_hostname(Call *c, Vm *vm)
{
    const DomainGetHostnameArgs *in = call_in(c);
    GError *err = NULL;

    if (in->flags != BY_LEASE) {
        vm_guest_hostname(vm, on_hostname, c);
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

    ret_iface->name = copied(c, from->name);
    ret_iface->hwaddr = from->mac ? copied(c, from->mac) : NULL;
    ret_iface->addrs.n = from->addresses->len;
    ret_iface->addrs.v = arena_new(arena, DomainIpAddr, from->addresses->len);
    for (guint i = 0; i < from->addresses->len; i++) {
        const VmAddress *a = &g_array_index(from->addresses, VmAddress, i);
        ret_iface->addrs.v[i] = (DomainIpAddr){
            .type = strchr(a->text, ':') ? IPV6 : IPV4,
            .addr = copied(c, a->text),
            .prefix = a->prefix,
        };
    }
}

static void
reply_addresses(Call *c, const GPtrArray *list)
{
    DomainInterfaceAddressesRet out = { 0 };

    out.ifaces.n = list->len;
    out.ifaces.v = arena_new(call_arena(c), DomainInterface, list->len);
    for (guint i = 0; i < list->len; i++)
        fill_interface(c, list->pdata[i], &out.ifaces.v[i]);
    call_reply(c, &out);
}

static void
on_addresses(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    if (answered(user, err))
        reply_addresses(user, answer->list);
}

static void
get_addresses(Call *c, Vm *vm)
{
    const DomainInterfaceAddressesArgs *in = call_in(c);
    g_autoptr(GPtrArray) list = NULL;
    GError *err = NULL;

    if (in->source == VM_BY_AGENT)
        vm_guest_addresses(vm, on_addresses, c);
    else if ((list = vm_addresses(vm, in->source, &err)))
        reply_addresses(c, list);
    else
        call_fail(c, err);
}

/* ---- time */

enum { TIME_SYNC = 1 };

static void
on_time(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainGetTimeRet out = { 0 };

    if (!answered(user, err))
        return;
    out.seconds = answer->number;
    out.nseconds = answer->nanoseconds;
    call_reply(user, &out);
}

static void
get_time(Call *c, Vm *vm)
{
    vm_guest_time(vm, on_time, c);
}

static void
set_time(Call *c, Vm *vm)
{
    const DomainSetTimeArgs *in = call_in(c);

    vm_guest_set_time(vm, in->seconds, in->nseconds, in->flags & TIME_SYNC, on_done, c);
}

/* ---- file systems */

static void
on_file_systems(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    Call *c = user;
    DomainGetFsinfoRet out = { 0 };

    if (!answered(c, err))
        return;
    out.ret = out.info.n = answer->list->len;
    out.info.v = arena_new(call_arena(c), DomainFsinfo, out.info.n);
    for (guint i = 0; i < out.info.n; i++) {
        const VmGuestFs *fs = answer->list->pdata[i];
        DomainFsinfo *to = &out.info.v[i];

        to->mountpoint = copied(c, fs->mountpoint);
        to->name = copied(c, fs->name);
        to->fstype = copied(c, fs->type);
        to->dev_aliases.n = fs->targets->len;
        to->dev_aliases.v = copied_names(c, fs->targets);
    }
    call_reply(c, &out);
}

static void
get_fsinfo(Call *c, Vm *vm)
{
    vm_guest_file_systems(vm, on_file_systems, c);
}

/* Both tell how many. */
static void
on_frozen(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainFsfreezeRet out = { 0 };

    if (!answered(user, err))
        return;
    out.filesystems = (gint32)answer->number;
    call_reply(user, &out);
}

static void
freeze(Call *c, Vm *vm)
{
    const DomainFsfreezeArgs *in = call_in(c);

    vm_guest_freeze(vm, in->mountpoints.v, in->mountpoints.n, on_frozen, c);
}

static void
on_thawed(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainFsthawRet out = { 0 };

    if (!answered(user, err))
        return;
    out.filesystems = (gint32)answer->number;
    call_reply(user, &out);
}

static void
thaw(Call *c, Vm *vm)
{
    const DomainFsthawArgs *in = call_in(c);

    vm_guest_thaw(vm, in->mountpoints.n, on_thawed, c);
}

static void
trim(Call *c, Vm *vm)
{
    const DomainFstrimArgs *in = call_in(c);

    vm_guest_trim(vm, in->mount_point, in->minimum, on_done, c);
}

/* ---- what it knows of itself */

static void
on_info(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainGetGuestInfoRet out = { 0 };

    if (!answered(user, err))
        return;
    params_to_wire(&answer->params, call_arena(user), &out.params.v, &out.params.n);
    call_reply(user, &out);
}

static void
get_info(Call *c, Vm *vm)
{
    const DomainGetGuestInfoArgs *in = call_in(c);

    vm_guest_info(vm, in->types, on_info, c);
}

static void
on_vcpus(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainGetGuestVcpusRet out = { 0 };

    if (!answered(user, err))
        return;
    params_to_wire(&answer->params, call_arena(user), &out.params.v, &out.params.n);
    call_reply(user, &out);
}

static void
get_vcpus(Call *c, Vm *vm)
{
    vm_guest_vcpus(vm, on_vcpus, c);
}

static void
set_vcpus(Call *c, Vm *vm)
{
    const DomainSetGuestVcpusArgs *in = call_in(c);
    g_autoptr(Bitmap) vcpus = NULL;
    GError *err = NULL;

    if (in->state != 0 && in->state != 1)
        fail(&err, ERR_INVALID_ARG, "unsupported state value '%d'", in->state);
    else if ((vcpus = bitmap_parse(in->cpumap, &err))) {
        vm_guest_set_vcpus(vm, vcpus, in->state, on_done, c);
        return;
    }
    call_fail(c, err);
}

/* ---- accounts */

enum { PASSWORD_ENCRYPTED = 1 };

static void
set_password(Call *c, Vm *vm)
{
    const DomainSetUserPasswordArgs *in = call_in(c);
    GError *err = NULL;

    if (in->user && in->password) {
        vm_guest_set_password(vm, in->user, in->password, in->flags & PASSWORD_ENCRYPTED, on_done,
                              c);
        return;
    }
    fail(&err, ERR_INVALID_ARG, "a user and a password are wanted");
    call_fail(c, err);
}

static void
on_keys(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainAuthorizedSshKeysGetRet out = { 0 };

    if (!answered(user, err))
        return;
    out.keys.n = answer->list->len;
    out.keys.v = copied_names(user, answer->list);
    call_reply(user, &out);
}

static void
get_keys(Call *c, Vm *vm)
{
    const DomainAuthorizedSshKeysGetArgs *in = call_in(c);

    vm_guest_keys(vm, in->user, on_keys, c);
}

static void
set_keys(Call *c, Vm *vm)
{
    const DomainAuthorizedSshKeysSetArgs *in = call_in(c);

    vm_guest_set_keys(vm, in->user, in->keys.v, in->keys.n, in->flags, on_done, c);
}

/* ---- how long, and any question */

static void
set_timeout(Call *c, Vm *vm)
{
    const DomainAgentSetResponseTimeoutArgs *in = call_in(c);
    DomainAgentSetResponseTimeoutRet out = { 0 };
    GError *err = NULL;

    if (vm_guest_set_timeout(vm, in->timeout, &err))
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
on_text(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    Call *c = user;
    QemuDomainAgentCommandRet out = { 0 };

    if (!answered(c, err))
        return;
    out.result = answer->text ? copied(c, answer->text) : NULL;
    call_reply(c, &out);
}

static void
agent_command(Call *c, Vm *vm)
{
    const QemuDomainAgentCommandArgs *in = call_in(c);

    vm_guest_command(vm, in->cmd, in->timeout, on_text, c);
}

const Method agent_methods[] = {
    { ON_DOMAIN(DOMAIN_GET_HOSTNAME, get_hostname), FLAGS(BY_LEASE | BY_AGENT), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_INTERFACE_ADDRESSES, get_addresses),
      MAY_OR_WRITE(DOMAIN_READ, DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_PM_SUSPEND_FOR_DURATION, pm_suspend), MAY(DOMAIN_PM_CONTROL) },
    { ON_DOMAIN(DOMAIN_GET_TIME, get_time), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_TIME, set_time), FLAGS(TIME_SYNC), MAY(DOMAIN_SET_TIME) },
    { ON_DOMAIN(DOMAIN_GET_FSINFO, get_fsinfo), MAY(DOMAIN_FS_FREEZE) },
    { ON_DOMAIN(DOMAIN_FSFREEZE, freeze), MAY(DOMAIN_FS_FREEZE) },
    { ON_DOMAIN(DOMAIN_FSTHAW, thaw), MAY(DOMAIN_FS_FREEZE) },
    { ON_DOMAIN(DOMAIN_FSTRIM, trim), MAY(DOMAIN_FS_TRIM) },
    { ON_DOMAIN(DOMAIN_GET_GUEST_INFO, get_info), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_GET_GUEST_VCPUS, get_vcpus), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_GUEST_VCPUS, set_vcpus), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_USER_PASSWORD, set_password), FLAGS(PASSWORD_ENCRYPTED),
      MAY(DOMAIN_SET_PASSWORD), WIPED },
    { ON_DOMAIN(DOMAIN_AUTHORIZED_SSH_KEYS_GET, get_keys), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_AUTHORIZED_SSH_KEYS_SET, set_keys),
      FLAGS(VM_GUEST_KEYS_APPEND | VM_GUEST_KEYS_REMOVE), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_AGENT_SET_RESPONSE_TIMEOUT, set_timeout), MAY(DOMAIN_WRITE) },
    { 0 },
};

/* Of the QEMU program. */
const Method qemu_agent_methods[] = {
    { ON_DOMAIN(QEMU_DOMAIN_AGENT_COMMAND, agent_command), MAY(DOMAIN_WRITE) },
    { 0 },
};
