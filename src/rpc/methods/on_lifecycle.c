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
define_xml(Call *c)
{
    const DomainDefineXmlArgs *in = call_in(c);

    vm_define(in->xml, 0, on_vm_done, c);
}

static void
define_xml_flags(Call *c)
{
    const DomainDefineXmlFlagsArgs *in = call_in(c);

    vm_define(in->xml, in->flags, on_vm_done, c);
}

static void
undefine(Call *c, Vm *vm)
{
    vm_undefine(vm, 0, on_done, c);
}

static void
undefine_flags(Call *c, Vm *vm)
{
    const DomainUndefineFlagsArgs *in = call_in(c);

    vm_undefine(vm, in->flags, on_done, c);
}

static void
on_renamed(Vm *vm, const GError *err, gpointer user)
{
    Call *c = user;
    DomainRenameRet out = { .retcode = 0 };

    if (err)
        call_fail(c, g_error_copy(err));
    else
        call_reply(c, &out);
}

static void
rename_to(Call *c, Vm *vm)
{
    const DomainRenameArgs *in = call_in(c);

    vm_rename(vm, in->new_name ? in->new_name : "", call_asker(c), on_renamed, c);
}

static void
mark_autostart(Call *c, Vm *vm, AutostartKind kind, gboolean on)
{
    vm_set_autostart(vm, kind, on, call_asker(c), on_done, c);
}

static void
set_autostart(Call *c, Vm *vm)
{
    const DomainSetAutostartArgs *in = call_in(c);

    mark_autostart(c, vm, AUTOSTART_ALWAYS, in->autostart != 0);
}

static void
set_autostart_once(Call *c, Vm *vm)
{
    const DomainSetAutostartOnceArgs *in = call_in(c);

    mark_autostart(c, vm, AUTOSTART_ONCE, in->autostart != 0);
}

static void
set_metadata(Call *c, Vm *vm)
{
    const DomainSetMetadataArgs *in = call_in(c);

    vm_set_metadata(vm, in->type, in->metadata, in->key, in->uri, in->flags, call_asker(c), on_done,
                    c);
}

static void
set_lifecycle_action(Call *c, Vm *vm)
{
    const DomainSetLifecycleActionArgs *in = call_in(c);

    vm_set_lifecycle(vm, in->type, in->action, in->flags, call_asker(c), on_done, c);
}

/* ---- running */

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
        client_left_domain(vm);
    on_vm_done(vm, err, user);
}

static VmDone
done_for(guint32 flags)
{
    return flags & VM_START_AUTODESTROY ? on_owned_started : on_vm_done;
}

static void
create(Call *c, Vm *vm)
{
    vm_start(vm, 0, call_asker(c), on_done, c);
}

static void
create_with_flags(Call *c, Vm *vm)
{
    const DomainCreateWithFlagsArgs *in = call_in(c);

    vm_start(vm, in->flags, call_asker(c), done_for(in->flags), c);
}

static void
create_xml(Call *c)
{
    const DomainCreateXmlArgs *in = call_in(c);

    vm_create(in->xml_desc, in->flags, call_asker(c), done_for(in->flags), c);
}

static void
destroy(Call *c, Vm *vm)
{
    vm_destroy(vm, 0, call_asker(c), on_done, c);
}

static void
destroy_flags(Call *c, Vm *vm)
{
    const DomainDestroyFlagsArgs *in = call_in(c);

    vm_destroy(vm, in->flags, call_asker(c), on_done, c);
}

static void
shutdown_plain(Call *c, Vm *vm)
{
    vm_shutdown(vm, 0, call_asker(c), on_done, c);
}

static void
shutdown_flags(Call *c, Vm *vm)
{
    const DomainShutdownFlagsArgs *in = call_in(c);

    vm_shutdown(vm, in->flags, call_asker(c), on_done, c);
}

static void
reboot(Call *c, Vm *vm)
{
    const DomainRebootArgs *in = call_in(c);

    vm_reboot(vm, in->flags, call_asker(c), on_done, c);
}

static void
reset(Call *c, Vm *vm)
{
    vm_reset(vm, call_asker(c), on_done, c);
}

static void
suspend(Call *c, Vm *vm)
{
    vm_suspend(vm, call_asker(c), on_done, c);
}

static void
resume(Call *c, Vm *vm)
{
    vm_resume(vm, call_asker(c), on_done, c);
}

static void
pm_wakeup(Call *c, Vm *vm)
{
    vm_pm_wakeup(vm, call_asker(c), on_done, c);
}

static void
inject_nmi(Call *c, Vm *vm)
{
    vm_inject_nmi(vm, call_asker(c), on_done, c);
}

static void
send_key(Call *c, Vm *vm)
{
    const DomainSendKeyArgs *in = call_in(c);

    vm_send_key(vm, in->codeset, in->holdtime, in->keycodes.v, in->keycodes.n, call_asker(c),
                on_done, c);
}

static void
abort_job(Call *c, Vm *vm)
{
    GError *err = NULL;

    call_end(c, vm_abort_job(vm, &err), &err);
}

enum { POSTCOPY = 1 };

static void
abort_job_flags(Call *c, Vm *vm)
{
    const DomainAbortJobFlagsArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_needs_active(c, vm))
        return;
    if (in->flags & POSTCOPY)
        call_end(c,
                 fail(&err, ERR_OPERATION_INVALID,
                      "current job is not outgoing migration in post-copy mode"),
                 &err);
    else
        call_end(c, vm_abort_job(vm, &err), &err);
}

enum { DEFINE_VALIDATE = 1 };
/* Managed save images, snapshots and checkpoints (1, 2, 16) are not kept yet: there are none to
 * remove, none to be loaded (4) or passed over (8) at a start. */
enum { UNDEFINE_FLAGS = 0x7f };
enum {
    START_FLAGS = VM_START_PAUSED | VM_START_AUTODESTROY | VM_START_BYPASS_CACHE |
                  VM_START_FORCE_BOOT | VM_START_RESET_NVRAM
};
enum { BY_ACPI = 1, BY_AGENT = 2 };

const Method lifecycle_methods[] = {
    { ON_NONE(DOMAIN_DEFINE_XML, define_xml), MAY_BOTH(DOMAIN_WRITE, DOMAIN_SAVE) },
    { ON_NONE(DOMAIN_DEFINE_XML_FLAGS, define_xml_flags), FLAGS(DEFINE_VALIDATE),
      MAY_BOTH(DOMAIN_WRITE, DOMAIN_SAVE) },
    { ON_DOMAIN(DOMAIN_UNDEFINE, undefine), MAY(DOMAIN_DELETE) },
    { ON_DOMAIN(DOMAIN_UNDEFINE_FLAGS, undefine_flags), FLAGS(UNDEFINE_FLAGS), MAY(DOMAIN_DELETE) },
    { ON_DOMAIN(DOMAIN_RENAME, rename_to), MAY_BOTH(DOMAIN_WRITE, DOMAIN_SAVE) },
    { ON_DOMAIN(DOMAIN_SET_AUTOSTART, set_autostart), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_AUTOSTART_ONCE, set_autostart_once), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_SET_METADATA, set_metadata), FLAGS(IMPACT), MAY_CHANGE },
    { ON_DOMAIN(DOMAIN_SET_LIFECYCLE_ACTION, set_lifecycle_action), FLAGS(IMPACT),
      MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_CREATE, create), MAY(DOMAIN_START) },
    { ON_DOMAIN(DOMAIN_CREATE_WITH_FLAGS, create_with_flags), FLAGS(START_FLAGS),
      MAY(DOMAIN_START) },
    { ON_NONE(DOMAIN_CREATE_XML, create_xml), FLAGS(START_FLAGS | VM_START_VALIDATE),
      MAY_BOTH(DOMAIN_WRITE, DOMAIN_START) },
    { ON_DOMAIN(DOMAIN_DESTROY, destroy), MAY(DOMAIN_STOP) },
    { ON_DOMAIN(DOMAIN_DESTROY_FLAGS, destroy_flags),
      FLAGS(VM_DESTROY_GRACEFUL | VM_DESTROY_REMOVE_LOGS), MAY(DOMAIN_STOP) },
    { ON_DOMAIN(DOMAIN_SHUTDOWN, shutdown_plain), MAY(DOMAIN_INIT_CONTROL) },
    { ON_DOMAIN(DOMAIN_SHUTDOWN_FLAGS, shutdown_flags), FLAGS(BY_ACPI | BY_AGENT),
      MAY_IF(DOMAIN_INIT_CONTROL, BY_AGENT, DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_REBOOT, reboot), FLAGS(BY_ACPI | BY_AGENT),
      MAY_IF(DOMAIN_INIT_CONTROL, BY_AGENT, DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_RESET, reset), MAY(DOMAIN_RESET) },
    { ON_DOMAIN(DOMAIN_SUSPEND, suspend), MAY(DOMAIN_SUSPEND) },
    { ON_DOMAIN(DOMAIN_RESUME, resume), MAY(DOMAIN_SUSPEND) },
    { ON_DOMAIN(DOMAIN_PM_WAKEUP, pm_wakeup), MAY(DOMAIN_PM_CONTROL) },
    { ON_DOMAIN(DOMAIN_INJECT_NMI, inject_nmi), MAY(DOMAIN_INJECT_NMI) },
    { ON_DOMAIN(DOMAIN_SEND_KEY, send_key), MAY(DOMAIN_SEND_INPUT) },
    { ON_DOMAIN(DOMAIN_ABORT_JOB, abort_job), MAY(DOMAIN_WRITE) },
    { ON_DOMAIN(DOMAIN_ABORT_JOB_FLAGS, abort_job_flags), FLAGS(POSTCOPY), MAY(DOMAIN_WRITE) },
    { 0 },
};
