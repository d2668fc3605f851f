/* Changing what a domain has: devices, processors, memory. */
#include "on_domain.h"

static void
on_done(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

/* ---- devices */

enum { LIVE = 1, CONFIG = 2, FORCE = 4 };

static void
attach_device(Call *c)
{
    const DomainAttachDeviceArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm)
        vm_attach_device(vm, in->xml, LIVE, call_asker(c), on_done, c);
}

static void
attach_device_flags(Call *c)
{
    const DomainAttachDeviceFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, LIVE | CONFIG))
        vm_attach_device(vm, in->xml, in->flags, call_asker(c), on_done, c);
}

static void
detach_device(Call *c)
{
    const DomainDetachDeviceArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm)
        vm_detach_device(vm, in->xml, LIVE, call_asker(c), on_done, c);
}

static void
detach_device_flags(Call *c)
{
    const DomainDetachDeviceFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, LIVE | CONFIG))
        vm_detach_device(vm, in->xml, in->flags, call_asker(c), on_done, c);
}

static void
detach_device_alias(Call *c)
{
    const DomainDetachDeviceAliasArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, LIVE | CONFIG))
        vm_detach_alias(vm, in->alias, in->flags, call_asker(c), on_done, c);
}

static void
update_device_flags(Call *c)
{
    const DomainUpdateDeviceFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, LIVE | CONFIG | FORCE))
        vm_update_device(vm, in->xml, in->flags, call_asker(c), on_done, c);
}

/* ---- processors */

static void
set_vcpus(Call *c)
{
    const DomainSetVcpusArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm)
        call_end(c, vm_set_vcpus(vm, in->nvcpus, VM_VCPU_LIVE, &err), &err);
}

static void
set_vcpus_flags(Call *c)
{
    const DomainSetVcpusFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm && call_flags_ok(c, in->flags, 0x1f))
        call_end(c, vm_set_vcpus(vm, in->nvcpus, in->flags, &err), &err);
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
get_vcpus_flags(Call *c)
{
    const DomainGetVcpusFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0xf))
        reply_vcpus(c, vm, in->flags);
}

/* Its reply is the same single number. */
static void
get_max_vcpus(Call *c)
{
    Vm *vm = call_vm(c);

    if (vm)
        reply_vcpus(c, vm, VM_VCPU_LIVE | VM_VCPU_MAXIMUM);
}

/* ---- memory */

static void
set_memory(Call *c)
{
    const DomainSetMemoryArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm)
        vm_set_memory(vm, in->memory, LIVE, call_asker(c), on_done, c);
}

static void
set_memory_flags(Call *c)
{
    const DomainSetMemoryFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, LIVE | CONFIG | VM_MEMORY_MAXIMUM))
        vm_set_memory(vm, in->memory, in->flags, call_asker(c), on_done, c);
}

static void
set_max_memory(Call *c)
{
    const DomainSetMaxMemoryArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm)
        vm_set_memory(vm, in->memory, VM_MEMORY_MAXIMUM, call_asker(c), on_done, c);
}

static void
set_memory_stats_period(Call *c)
{
    const DomainSetMemoryStatsPeriodArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, LIVE | CONFIG))
        vm_set_memory_period(vm, in->period, in->flags, call_asker(c), on_done, c);
}

/* ---- labels: there is no security driver, and none of its labels */

static void
get_security_label_list(Call *c)
{
    DomainGetSecurityLabelListRet out = { 0 };

    if (call_vm(c))
        call_reply(c, &out);
}

const Method device_methods[] = {
    { PROC_DOMAIN_ATTACH_DEVICE, attach_device },
    { PROC_DOMAIN_ATTACH_DEVICE_FLAGS, attach_device_flags },
    { PROC_DOMAIN_DETACH_DEVICE, detach_device },
    { PROC_DOMAIN_DETACH_DEVICE_FLAGS, detach_device_flags },
    { PROC_DOMAIN_DETACH_DEVICE_ALIAS, detach_device_alias },
    { PROC_DOMAIN_UPDATE_DEVICE_FLAGS, update_device_flags },
    { PROC_DOMAIN_SET_VCPUS, set_vcpus },
    { PROC_DOMAIN_SET_VCPUS_FLAGS, set_vcpus_flags },
    { PROC_DOMAIN_GET_VCPUS_FLAGS, get_vcpus_flags },
    { PROC_DOMAIN_GET_MAX_VCPUS, get_max_vcpus },
    { PROC_DOMAIN_SET_MEMORY, set_memory },
    { PROC_DOMAIN_SET_MEMORY_FLAGS, set_memory_flags },
    { PROC_DOMAIN_SET_MAX_MEMORY, set_max_memory },
    { PROC_DOMAIN_SET_MEMORY_STATS_PERIOD, set_memory_stats_period },
    { PROC_DOMAIN_GET_SECURITY_LABEL_LIST, get_security_label_list },
    { 0 },
};
