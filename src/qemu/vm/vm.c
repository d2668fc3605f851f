/* The live object: its registry, its state and the table of legal moves, and what is read of it
 * from memory. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"
#include "vm.h"

Registry *qemu_vms;
const ObjectKind vm_kind = { "domain", "qemu", "VMD_DOMAIN" };

static int last_id;

/* ---- life */

static void
vm_free(Object *o)
{
    Vm *vm = (Vm *)o;

    define_forget(vm);
    run_free(vm->run);
    g_clear_pointer(&vm->unknown, g_ptr_array_unref);
    object_done(o);
    g_free(vm);
}

Vm *
vm_add(const char *name, const guint8 uuid[UUID_LEN], GError **err)
{
    Vm *vm = g_new0(Vm, 1);

    object_init(&vm->obj, &vm_kind, name, uuid, vm_free);
    vm->state = VM_SHUTOFF;
    vm->guest_seconds = GUEST_SECONDS_UNSET;
    vm->state_since = g_get_monotonic_time();
    if (!registry_add(qemu_vms, &vm->obj)) {
        object_unref(vm);
        fail(err, ERR_OPERATION_FAILED, "domain '%s' or its UUID is there already", name);
        return NULL;
    }
    object_unref(vm); /* the registry's reference stays */
    return vm;
}

void
vm_remove(Vm *vm)
{
    registry_remove(qemu_vms, &vm->obj);
}

Run *
run_new(const Vm *vm, DomainDef *live)
{
    char uuid[UUID_TEXT_LEN];
    Run *run = g_new0(Run, 1);

    uuid_format(vm->obj.uuid, uuid);
    run->dir = g_strdup_printf("%s/qemu/%s", qemu_paths->run, uuid);
    run->start.monitor_fd = -1;
    run->vcpu_tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    run->iothreads = g_array_new(FALSE, FALSE, sizeof(Iothread));
    run->live = live;
    return run;
}

DomainDef *
run_alter(Run *run)
{
    g_clear_pointer(&run->live_text, g_free);
    return (DomainDef *)run->live;
}

void
run_put(Run *run, DomainDef *live)
{
    domain_free(run_alter(run));
    run->live = live;
}

static void
run_part_free(RunPart *part)
{
    if (part->data)
        part->free(part->data);
    *part = (RunPart){ 0 };
}

void
run_free(Run *run)
{
    if (!run)
        return;
    g_clear_pointer(&run->qmp, qmp_free);
    if (run->timer)
        g_source_remove(run->timer);
    if (run->save_source)
        g_source_remove(run->save_source);
    if (run->reconnect)
        g_source_remove(run->reconnect);
    if (run->start.watch)
        g_source_remove(run->start.watch);
    process_free(run->process);
    process_free(run->tpm);
    g_clear_pointer(&run->passts, g_ptr_array_unref);
    g_clear_pointer(&run->troubles, g_hash_table_unref);
    run_part_free(&run->consoles);
    run_part_free(&run->counters);
    run_part_free(&run->leaving);
    run_part_free(&run->guest);
    run_part_free(&run->outputs);
    run_part_free(&run->grouping);
    g_clear_pointer(&run->start.files, g_ptr_array_unref);
    g_clear_pointer(&run->start.nets, g_ptr_array_unref);
    fd_close(&run->start.monitor_fd);
    g_free(run->start.first_cpu);
    g_array_unref(run->vcpu_tids);
    g_array_unref(run->iothreads);
    run_put(run, NULL);
    g_free(run->confined.has.reasons);
    g_free(run->confined.has.paths);
    g_free(run->group);
    g_free(run->scope);
    g_free(run->doubt);
    g_free(run->wrong);
    g_free(run->dir);
    g_free(run);
}

void
vm_run_over(Vm *vm)
{
    run_free(g_steal_pointer(&vm->run));
    claims_drop(OWNER(vm));
}

/* ---- state */

#define STATE(s)  (1u << (s))
#define ON_STATES (STATE(VM_RUNNING) | STATE(VM_PAUSED) | STATE(VM_SHUTDOWN) | STATE(VM_CRASHED))

/* Staying in a state with another reason is always legal. */
static const guint next_states[N_VM_STATES] = {
    [VM_SHUTOFF] = ON_STATES | STATE(VM_PMSUSPENDED), /* the latter when recovered */
    [VM_RUNNING] = ON_STATES | STATE(VM_PMSUSPENDED) | STATE(VM_SHUTOFF),
    [VM_PAUSED] = ON_STATES | STATE(VM_PMSUSPENDED) | STATE(VM_SHUTOFF),
    [VM_SHUTDOWN] = STATE(VM_SHUTOFF) | STATE(VM_RUNNING) | STATE(VM_PAUSED),
    [VM_CRASHED] = STATE(VM_SHUTOFF) | STATE(VM_RUNNING) | STATE(VM_PAUSED) | STATE(VM_SHUTDOWN),
    [VM_PMSUSPENDED] = STATE(VM_SHUTOFF) | STATE(VM_RUNNING) | STATE(VM_PAUSED) |
                       STATE(VM_SHUTDOWN) | STATE(VM_CRASHED),
};

/* Whoever waits for the event goes first. A daemon that dies in between asks QEMU anyway. */
static gboolean
on_save(gpointer data)
{
    Vm *vm = data;
    g_autoptr(GError) err = NULL;

    vm->run->save_source = 0;
    if (!status_save(vm, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return G_SOURCE_REMOVE;
}

void
vm_save_soon(Vm *vm)
{
    if (vm->run && vm->run->complete && !vm->run->save_source)
        vm->run->save_source = g_idle_add_full(G_PRIORITY_DEFAULT, on_save, vm, NULL);
}

void
vm_enter(Vm *vm, VmState to, int reason)
{
    /* QEMU tells, and what it says is how it is: a move that makes no sense is only worth a word.
     */
    if (vm->state != to && !(next_states[vm->state] & STATE(to)))
        log_warning("domain '%s': goes from state %d to %d, which makes no sense", vm->obj.name,
                    (int)vm->state, (int)to);
    vm->state = to;
    vm->reason = reason;
    vm->state_since = g_get_monotonic_time();
    vm_save_soon(vm);
}

Event
vm_event(Vm *vm, DomainEventId id)
{
    Event e = { .family = EVENT_DOMAIN, .id = (int)id, .name = vm->obj.name };

    memcpy(e.uuid, vm->obj.uuid, UUID_LEN);
    e.object_id = vm->obj.id;
    return e;
}

#define UNKNOWN_MAX 32

void
vm_note_unknown(Vm *vm, GPtrArray *unknown, gboolean more)
{
    for (guint i = 0; i < unknown->len; i++)
        log_warning("domain '%s': %s", vm->obj.name, (const char *)unknown->pdata[i]);
    if (more && vm->unknown)
        g_ptr_array_extend_and_steal(unknown, g_steal_pointer(&vm->unknown));
    g_clear_pointer(&vm->unknown, g_ptr_array_unref);
    if (unknown->len > UNKNOWN_MAX)
        g_ptr_array_set_size(unknown, UNKNOWN_MAX);
    vm->unknown = unknown;
}

void
vm_tell(Vm *vm, Lifecycle what, int detail)
{
    Event e = vm_event(vm, DOMAIN_EVENT_LIFECYCLE);

    e.n[0] = (int)what;
    e.n[1] = detail;
    if (vm->catching_up)
        event_emit_missed(&e);
    else
        event_emit(&e);
}

void
vm_trouble(Vm *vm, const char *of, const char *text)
{
    Run *run = vm->run;
    const char *known = run->troubles ? g_hash_table_lookup(run->troubles, of) : NULL;

    if (g_strcmp0(known, text) == 0)
        return;
    if (!run->troubles)
        run->troubles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (text) {
        g_hash_table_replace(run->troubles, g_strdup(of), g_strdup(text));
        log_error("domain '%s': %s: %s", vm->obj.name, of, text);
        vmlog_line(vm, "%s: %s", of, text);
    } else {
        g_hash_table_remove(run->troubles, of);
        log_info("domain '%s': %s works again", vm->obj.name, of);
        vmlog_line(vm, "%s works again", of);
    }
}

gboolean
vm_need_running(Vm *vm, GError **err)
{
    if (!vm->run || !vm->run->complete)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    if (vm->run->stopping)
        return fail(err, ERR_OPERATION_INVALID, "domain is being stopped");
    if (!vm->run->qmp)
        return fail(err, ERR_OPERATION_INVALID, "domain's monitor is not connected");
    return TRUE;
}

int
vm_next_id(void)
{
    return ++last_id;
}

void
vm_id_used(int id)
{
    last_id = MAX(last_id, id);
}

/* ---- finding */

Object *
vm_object(Vm *vm)
{
    return &vm->obj;
}

Vm *
vm_find_name(const char *name)
{
    return registry_find_name(qemu_vms, name);
}

Vm *
vm_find_uuid(const guint8 uuid[UUID_LEN])
{
    return registry_find_uuid(qemu_vms, uuid);
}

Vm *
vm_find_id(int id)
{
    return registry_find_id(qemu_vms, id);
}

GPtrArray *
vm_list(void)
{
    return registry_list(qemu_vms);
}

/* ---- reading */

void
vm_state(const Vm *vm, VmState *ret_state, int *ret_reason)
{
    *ret_state = vm->state;
    *ret_reason = vm->reason;
}

gboolean
vm_info(Vm *vm, VmInfo *ret_info, GError **err)
{
    const DomainDef *def = vm_def(vm, err);
    Run *run = vm->run;

    if (!def)
        return FALSE;
    *ret_info = (VmInfo){
        .state = vm->state,
        .reason = vm->reason,
        .max_memory_kib = def->memory,
        .memory_kib = def->current_memory ? def->current_memory : def->memory,
        .vcpus = def->vcpus_current ? def->vcpus_current : def->vcpus,
        .cpu_time_ns = run && run->pid ? proc_cpu_ns(run->pid) : 0,
    };
    if (run && run->balloon_kib)
        ret_info->memory_kib = run->balloon_kib;
    return TRUE;
}

gboolean
vm_is_active(const Vm *vm)
{
    return vm->run != NULL;
}

/* The kernel tells it in ticks since the host was booted. */
gint64
vm_started(const Vm *vm)
{
    struct timespec boot;
    gint64 ticks = vm->run ? (gint64)vm->run->start_time : 0;

    if (ticks == 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
        return 0;
    return g_get_real_time() / 1000 - ((gint64)boot.tv_sec * 1000 + boot.tv_nsec / 1000000) +
           ticks * 1000 / sysconf(_SC_CLK_TCK);
}

gboolean
vm_is_persistent(const Vm *vm)
{
    return vm->persistent;
}

gboolean
vm_autostart(const Vm *vm, AutostartKind kind)
{
    return vm->autostart[kind];
}

gboolean
vm_has_managed_save(const Vm *vm)
{
    return FALSE;
}

const DomainDef *
vm_def(Vm *vm, GError **err)
{
    return vm->run ? vm->run->live : define_get(vm, err);
}

void
vm_control(Vm *vm, int *ret_state, int *ret_details, guint64 *ret_ms)
{
    enum { CONTROL_OK, CONTROL_JOB, CONTROL_OCCUPIED, CONTROL_ERROR };
    gint64 since = vm->run && vm->run->qmp ? qmp_waits_since(vm->run->qmp) : 0;
    Job *job = job_running(vm->obj.jobs);

    *ret_details = 0;
    if (vm->run && vm->run->complete && !vm->run->qmp) {
        *ret_state = CONTROL_ERROR;
        *ret_details = 2; /* monitor */
        since = 0;
    } else if (since) {
        *ret_state = CONTROL_OCCUPIED;
    } else {
        *ret_state = job ? CONTROL_JOB : CONTROL_OK;
        since = job ? job_started(job) : 0;
    }
    *ret_ms = since ? (guint64)(g_get_monotonic_time() - since) / 1000 : 0;
}
