/* Changing what a domain has: devices, processors, memory. */
#include "on_domain.h"

static void
on_done(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

/* ---- devices */

enum { FORCE = 4 };

static void
attach_device(Call *c, Vm *vm)
{
    const DomainAttachDeviceArgs *in = call_in(c);

    vm_attach_device(vm, in->xml, LIVE, call_asker(c), on_done, c);
}

static void
attach_device_flags(Call *c, Vm *vm)
{
    const DomainAttachDeviceFlagsArgs *in = call_in(c);

    vm_attach_device(vm, in->xml, in->flags, call_asker(c), on_done, c);
}

static void
detach_device(Call *c, Vm *vm)
{
    const DomainDetachDeviceArgs *in = call_in(c);

    vm_detach_device(vm, in->xml, LIVE, call_asker(c), on_done, c);
}

static void
detach_device_flags(Call *c, Vm *vm)
{
    const DomainDetachDeviceFlagsArgs *in = call_in(c);

    vm_detach_device(vm, in->xml, in->flags, call_asker(c), on_done, c);
}

static void
detach_device_alias(Call *c, Vm *vm)
{
    const DomainDetachDeviceAliasArgs *in = call_in(c);

    vm_detach_alias(vm, in->alias, in->flags, call_asker(c), on_done, c);
}

static void
update_device_flags(Call *c, Vm *vm)
{
    const DomainUpdateDeviceFlagsArgs *in = call_in(c);

    vm_update_device(vm, in->xml, in->flags, call_asker(c), on_done, c);
}

/* ---- processors */

static void
set_vcpus(Call *c, Vm *vm)
{
    const DomainSetVcpusArgs *in = call_in(c);

    vm_set_vcpus(vm, in->nvcpus, VM_VCPU_LIVE, call_asker(c), on_done, c);
}

static void
on_guest_set(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
set_vcpus_flags(Call *c, Vm *vm)
{
    const DomainSetVcpusFlagsArgs *in = call_in(c);

    if (in->nvcpus > 0 && (in->flags & ~VM_VCPU_LIVE) == VM_VCPU_GUEST) {
        vm_guest_use_vcpus(vm, in->nvcpus, on_guest_set, c);
        return;
    }
    vm_set_vcpus(vm, in->nvcpus, in->flags, call_asker(c), on_done, c);
}

static void
reply_vcpus(Call *c, Vm *vm, guint flags)
{
    GError *err = NULL;
    guint count;

    if (!vm_vcpu_count(vm, flags, &count, &err)) {
        call_fail(c, err);
        return;
    }
    DomainGetVcpusFlagsRet out = { .num = (gint32)count };
    call_reply(c, &out);
}

static void
on_guest_count(const VmGuestAnswer *answer, const GError *err, gpointer user)
{
    DomainGetVcpusFlagsRet out = { 0 };

    if (err) {
        call_fail(user, g_error_copy(err));
        return;
    }
    out.num = (gint32)answer->number;
    call_reply(user, &out);
}

static void
get_vcpus_flags(Call *c, Vm *vm)
{
    const DomainGetVcpusFlagsArgs *in = call_in(c);

    if (in->flags & VM_VCPU_GUEST && !(in->flags & VM_VCPU_CONFIG) && vm_is_active(vm)) {
        vm_guest_count_vcpus(vm, in->flags & VM_VCPU_MAXIMUM, on_guest_count, c);
        return;
    }
    reply_vcpus(c, vm, in->flags);
}

/* Its reply is the same single number. */
static void
get_max_vcpus(Call *c, Vm *vm)
{
    reply_vcpus(c, vm, VM_VCPU_LIVE | VM_VCPU_MAXIMUM);
}

/* ---- memory */

static void
set_memory(Call *c, Vm *vm)
{
    const DomainSetMemoryArgs *in = call_in(c);

    vm_set_memory(vm, in->memory, LIVE, call_asker(c), on_done, c);
}

static void
set_memory_flags(Call *c, Vm *vm)
{
    const DomainSetMemoryFlagsArgs *in = call_in(c);

    vm_set_memory(vm, in->memory, in->flags, call_asker(c), on_done, c);
}

static void
set_max_memory(Call *c, Vm *vm)
{
    const DomainSetMaxMemoryArgs *in = call_in(c);

    vm_set_memory(vm, in->memory, VM_MEMORY_MAXIMUM, call_asker(c), on_done, c);
}

static void
set_memory_stats_period(Call *c, Vm *vm)
{
    const DomainSetMemoryStatsPeriodArgs *in = call_in(c);

    vm_set_memory_period(vm, in->period, in->flags, call_asker(c), on_done, c);
}

/* ---- labels: of each model of the capability document, in its order: none, and dac */

static void
get_security_label_list(Call *c, Vm *vm)
{
    g_autofree char *label = vm_label(vm);
    DomainGetSecurityLabelRet labels[] = {
        { .label = { "", 1 } },
        { .label = { label, label ? (guint32)strlen(label) + 1 : 0 }, .enforcing = 1 },
    };
    DomainGetSecurityLabelListRet out = { 0 };

    if (label) {
        out.labels.v = labels;
        out.labels.n = G_N_ELEMENTS(labels);
        out.ret = G_N_ELEMENTS(labels);
    }
    call_reply(c, &out);
}

/* ---- what QEMU has of the host */

static void
get_confinement(Call *c, Vm *vm)
{
    GError *err = NULL;
    g_autoptr(GArray) rows = vm_confinement(vm, &err);
    VmdDomainConfinementRet out = { 0 };

    if (!rows) {
        call_fail(c, err);
        return;
    }
    out.rows.n = rows->len;
    out.rows.v = arena_new(call_arena(c), VmdConfinement, rows->len);
    for (guint i = 0; i < rows->len; i++) {
        const VmConfinement *r = &g_array_index(rows, VmConfinement, i);
        out.rows.v[i] = (VmdConfinement){ r->what, r->is, r->why ? r->why : "" };
    }
    call_reply(c, &out);
}

static void
get_started(Call *c, Vm *vm)
{
    VmdDomainStartedRet out = { .when = vm_started(vm) };

    call_reply(c, &out);
}

const Method vmd_domain_methods[] = {
    { ON_DOMAIN(VMD_DOMAIN_CONFINEMENT, get_confinement), MAY(DOMAIN_READ) },
    { ON_DOMAIN(VMD_DOMAIN_STARTED, get_started), MAY(DOMAIN_READ) },
    { 0 },
};

const Method device_methods[] = {
    { ON_DOMAIN(DOMAIN_ATTACH_DEVICE, attach_device), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_ATTACH_DEVICE_FLAGS, attach_device_flags), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_DETACH_DEVICE, detach_device), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_DETACH_DEVICE_FLAGS, detach_device_flags), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_DETACH_DEVICE_ALIAS, detach_device_alias), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_UPDATE_DEVICE_FLAGS, update_device_flags), FLAGS(IMPACT | FORCE),
      MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_SET_VCPUS, set_vcpus), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_VCPUS_FLAGS, set_vcpus_flags),
      FLAGS(IMPACT | VM_VCPU_MAXIMUM | VM_VCPU_GUEST | VM_VCPU_HOTPLUGGABLE), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_VCPUS_FLAGS, get_vcpus_flags),
      FLAGS(IMPACT | VM_VCPU_MAXIMUM | VM_VCPU_GUEST), MAY_OR_WRITE(DOMAIN_READ, DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_GET_MAX_VCPUS, get_max_vcpus), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SET_MEMORY, set_memory), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_MEMORY_FLAGS, set_memory_flags), FLAGS(IMPACT | VM_MEMORY_MAXIMUM),
      MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_SET_MAX_MEMORY, set_max_memory), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_MEMORY_STATS_PERIOD, set_memory_stats_period), FLAGS(IMPACT),
      MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_GET_SECURITY_LABEL_LIST, get_security_label_list), MAY(DOMAIN_READ) },
    { 0 },
};
