/* Changing domains: define to undefine, start to destroy. Most calls are answered when the change
 * is done, so a Call is what a change carries along. */
#include <string.h>

#include "on_domain.h"

static void
on_done(Vm *vm, const GError *err, gpointer user)
{
    call_done(user, err);
}

static void
on_vm_done(Vm *vm, const GError *err, gpointer user)
{
    if (err)
        call_fail(user, g_error_copy(err));
    else
        call_reply_vm(user, vm);
}

/* ---- definitions */

static void
define(Call *c, const char *xml, guint flags)
{
    GError *err = NULL;
    Vm *vm;

    if (!call_flags_ok(c, flags, 1))
        return;
    if (vm_define(xml, flags, &vm, &err))
        call_reply_vm(c, vm);
    else
        call_fail(c, err);
}

static void
define_xml(Call *c)
{
    const DomainDefineXmlArgs *in = call_in(c);

    define(c, in->xml, 0);
}

static void
define_xml_flags(Call *c)
{
    const DomainDefineXmlFlagsArgs *in = call_in(c);

    define(c, in->xml, in->flags);
}

static void
undefine(Call *c)
{
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm)
        call_end(c, vm_undefine(vm, 0, &err), &err);
}

static void
undefine_flags(Call *c)
{
    const DomainUndefineFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm && call_flags_ok(c, in->flags, 0x7f))
        call_end(c, vm_undefine(vm, in->flags, &err), &err);
}

static void
rename_to(Call *c)
{
    const DomainRenameArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    DomainRenameRet out = { .retcode = 0 };
    GError *err = NULL;

    if (!vm || !call_flags_ok(c, in->flags, 0))
        return;
    if (vm_rename(vm, in->new_name ? in->new_name : "", &err))
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
mark_autostart(Call *c, AutostartKind kind, gboolean on)
{
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm)
        call_end(c, vm_set_autostart(vm, kind, on, &err), &err);
}

static void
set_autostart(Call *c)
{
    const DomainSetAutostartArgs *in = call_in(c);

    mark_autostart(c, AUTOSTART_ALWAYS, in->autostart != 0);
}

static void
set_autostart_once(Call *c)
{
    const DomainSetAutostartOnceArgs *in = call_in(c);

    mark_autostart(c, AUTOSTART_ONCE, in->autostart != 0);
}

static void
set_metadata(Call *c)
{
    const DomainSetMetadataArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm && call_flags_ok(c, in->flags, 3))
        call_end(c, vm_set_metadata(vm, in->type, in->metadata, in->key, in->uri, in->flags, &err),
                 &err);
}

static void
set_lifecycle_action(Call *c)
{
    const DomainSetLifecycleActionArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm && call_flags_ok(c, in->flags, 3))
        call_end(c, vm_set_lifecycle(vm, in->type, in->action, in->flags, &err), &err);
}

/* ---- running */

static void
on_left_destroyed(Vm *vm, const GError *err, gpointer user)
{
    if (err)
        log_warning("a domain that should end with its client runs on: %s", err->message);
}

static void
destroy_left(Vm *vm)
{
    if (vm_is_active(vm))
        vm_destroy(vm, 0, "the client that started it has left", on_left_destroyed, NULL);
}

void
client_destroy_owned(const ClientState *state)
{
    for (guint i = 0; i < state->owned->len; i++) {
        const Owned *owned = &g_array_index(state->owned, Owned, i);
        Vm *vm = vm_find_uuid(owned->uuid);
        if (vm && vm_object(vm)->id == owned->id)
            destroy_left(vm);
    }
}

static void
client_own(Client *client, Vm *vm)
{
    Owned owned = { .id = vm_object(vm)->id };

    memcpy(owned.uuid, vm_object(vm)->uuid, sizeof(owned.uuid));
    g_array_append_val(client->state.owned, owned);
}

/* The client may have left while the start ran. */
static void
on_owned_started(Vm *vm, const GError *err, gpointer user)
{
    Client *client = call_client(user);

    if (!err && client)
        client_own(client, vm);
    else if (!err)
        destroy_left(vm);
    on_vm_done(vm, err, user);
}

static VmDone
done_for(guint32 flags)
{
    return flags & VM_START_AUTODESTROY ? on_owned_started : on_vm_done;
}

static void
create(Call *c)
{
    Vm *vm = call_vm(c);

    if (vm)
        vm_start(vm, 0, call_asker(c), on_done, c);
}

static void
create_with_flags(Call *c)
{
    const DomainCreateWithFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    /* There is no document to validate. */
    if (vm && call_flags_ok(c, in->flags, 0x3f & ~VM_START_VALIDATE))
        vm_start(vm, in->flags, call_asker(c), done_for(in->flags), c);
}

static void
create_xml(Call *c)
{
    const DomainCreateXmlArgs *in = call_in(c);

    if (call_flags_ok(c, in->flags, 0x3f))
        vm_create(in->xml_desc, in->flags, call_asker(c), done_for(in->flags), c);
}

static void
destroy(Call *c)
{
    Vm *vm = call_vm(c);

    if (vm)
        vm_destroy(vm, 0, call_asker(c), on_done, c);
}

static void
destroy_flags(Call *c)
{
    const DomainDestroyFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, VM_DESTROY_GRACEFUL | VM_DESTROY_REMOVE_LOGS))
        vm_destroy(vm, in->flags, call_asker(c), on_done, c);
}

static void
shutdown_plain(Call *c)
{
    Vm *vm = call_vm(c);

    if (vm)
        vm_shutdown(vm, 0, call_asker(c), on_done, c);
}

static void
shutdown_flags(Call *c)
{
    const DomainShutdownFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0x1f))
        vm_shutdown(vm, in->flags, call_asker(c), on_done, c);
}

static void
reboot(Call *c)
{
    const DomainRebootArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0x1f))
        vm_reboot(vm, in->flags, call_asker(c), on_done, c);
}

static void
reset(Call *c)
{
    const DomainResetArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0))
        vm_reset(vm, call_asker(c), on_done, c);
}

static void
suspend(Call *c)
{
    Vm *vm = call_vm(c);

    if (vm)
        vm_suspend(vm, call_asker(c), on_done, c);
}

static void
resume(Call *c)
{
    Vm *vm = call_vm(c);

    if (vm)
        vm_resume(vm, call_asker(c), on_done, c);
}

static void
pm_wakeup(Call *c)
{
    const DomainPmWakeupArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0))
        vm_pm_wakeup(vm, call_asker(c), on_done, c);
}

static void
inject_nmi(Call *c)
{
    const DomainInjectNmiArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0))
        vm_inject_nmi(vm, call_asker(c), on_done, c);
}

static void
send_key(Call *c)
{
    const DomainSendKeyArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 0))
        vm_send_key(vm, in->codeset, in->holdtime, in->keycodes.v, in->keycodes.n, call_asker(c),
                    on_done, c);
}

static void
abort_job(Call *c)
{
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (vm)
        call_end(c, vm_abort_job(vm, &err), &err);
}

static void
abort_job_flags(Call *c)
{
    enum { POSTCOPY = 1 };
    const DomainAbortJobFlagsArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (!vm || !call_flags_ok(c, in->flags, POSTCOPY) || !call_needs_active(c, vm))
        return;
    if (in->flags & POSTCOPY)
        call_end(c,
                 fail(&err, ERR_OPERATION_INVALID,
                      "current job is not outgoing migration in post-copy mode"),
                 &err);
    else
        call_end(c, vm_abort_job(vm, &err), &err);
}

const Method lifecycle_methods[] = {
    { PROC_DOMAIN_DEFINE_XML, define_xml },
    { PROC_DOMAIN_DEFINE_XML_FLAGS, define_xml_flags },
    { PROC_DOMAIN_UNDEFINE, undefine },
    { PROC_DOMAIN_UNDEFINE_FLAGS, undefine_flags },
    { PROC_DOMAIN_RENAME, rename_to },
    { PROC_DOMAIN_SET_AUTOSTART, set_autostart },
    { PROC_DOMAIN_SET_AUTOSTART_ONCE, set_autostart_once },
    { PROC_DOMAIN_SET_METADATA, set_metadata },
    { PROC_DOMAIN_SET_LIFECYCLE_ACTION, set_lifecycle_action },
    { PROC_DOMAIN_CREATE, create },
    { PROC_DOMAIN_CREATE_WITH_FLAGS, create_with_flags },
    { PROC_DOMAIN_CREATE_XML, create_xml },
    { PROC_DOMAIN_DESTROY, destroy },
    { PROC_DOMAIN_DESTROY_FLAGS, destroy_flags },
    { PROC_DOMAIN_SHUTDOWN, shutdown_plain },
    { PROC_DOMAIN_SHUTDOWN_FLAGS, shutdown_flags },
    { PROC_DOMAIN_REBOOT, reboot },
    { PROC_DOMAIN_RESET, reset },
    { PROC_DOMAIN_SUSPEND, suspend },
    { PROC_DOMAIN_RESUME, resume },
    { PROC_DOMAIN_PM_WAKEUP, pm_wakeup },
    { PROC_DOMAIN_INJECT_NMI, inject_nmi },
    { PROC_DOMAIN_SEND_KEY, send_key },
    { PROC_DOMAIN_ABORT_JOB, abort_job },
    { PROC_DOMAIN_ABORT_JOB_FLAGS, abort_job_flags },
    { 0 },
};
