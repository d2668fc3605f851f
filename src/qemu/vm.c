/* The live object: its registry, its state and the table of legal moves, and what is read of it
 * from memory. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "qemu_priv.h"

const Paths *qemu_paths;
Registry *qemu_vms;

static int last_id;

/* ---- life */

static void
vm_free(Object *o)
{
    Vm *vm = (Vm *)o;

    define_forget(vm);
    run_free(vm->run);
    job_queue_free(vm->jobs);
    domain_free(vm->def);
    object_done(o);
    g_free(vm);
}

Vm *
vm_add(const char *name, const guint8 uuid[UUID_LEN], GError **err)
{
    Vm *vm = g_new0(Vm, 1);

    object_init(&vm->obj, name, uuid, vm_free);
    vm->state = VM_SHUTOFF;
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
run_new(Vm *vm, DomainDef *live, GError **err)
{
    char uuid[UUID_TEXT_LEN];
    g_autofree char *ledger_path = NULL;
    Run *run = g_new0(Run, 1);

    uuid_format(vm->obj.uuid, uuid);
    ledger_path = g_strdup_printf("%s/qemu/%s.ledger", qemu_paths->run, uuid);
    run->dir = g_strdup_printf("%s/qemu/%s", qemu_paths->run, uuid);
    run->start.monitor_fd = -1;
    run->vcpu_tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    run->iothreads = g_array_new(FALSE, FALSE, sizeof(Iothread));
    run->ports = g_array_new(FALSE, FALSE, sizeof(guint16));
    run->images = g_array_new(FALSE, TRUE, sizeof(Image));
    g_array_set_clear_func(run->images, image_done);
    run->ledger = ledger_open(ledger_path, err);
    if (!run->ledger) {
        run_free(run);
        return NULL;
    }
    run->live = live;
    return run;
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
    process_free(run->process);
    process_free(run->tpm);
    process_free(run->passt);
    consoles_free(run->consoles);
    counters_free(run->counters);
    g_clear_pointer(&run->start.files, g_ptr_array_unref);
    g_clear_pointer(&run->start.nets, g_ptr_array_unref);
    fd_close(&run->start.monitor_fd);
    g_free(run->start.first_cpu);
    g_array_unref(run->vcpu_tids);
    g_array_unref(run->iothreads);
    g_array_unref(run->ports);
    g_array_unref(run->images);
    ledger_free(run->ledger);
    domain_free(run->live);
    g_free(run->dir);
    g_free(run);
}

void
image_done(gpointer image)
{
    g_free(((Image *)image)->path);
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
    [VM_CRASHED] = STATE(VM_SHUTOFF) | STATE(VM_RUNNING) | STATE(VM_PAUSED),
    [VM_PMSUSPENDED] = STATE(VM_SHUTOFF) | STATE(VM_RUNNING) | STATE(VM_PAUSED) |
                       STATE(VM_SHUTDOWN),
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
vm_enter(Vm *vm, VmState to, int reason)
{
    g_assert(vm->state == to || next_states[vm->state] & STATE(to));
    vm->state = to;
    vm->reason = reason;
    vm->state_since = g_get_monotonic_time();
    if (vm->run && vm->run->complete && !vm->run->save_source)
        vm->run->save_source = g_idle_add_full(G_PRIORITY_DEFAULT, on_save, vm, NULL);
}

Event
vm_event(Vm *vm, DomainEventId id)
{
    Event e = { .family = EVENT_DOMAIN, .id = (int)id, .name = vm->obj.name };

    memcpy(e.uuid, vm->obj.uuid, UUID_LEN);
    e.object_id = vm->obj.id;
    return e;
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

/* utime and stime, fields 14 and 15; the command in field 2 may hold blanks and parentheses. */
static guint64
cpu_time_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    unsigned long user = 0, sys = 0;
    const char *rest;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(rest = strrchr(text, ')')))
        return 0;
    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    return (guint64)(user + sys) * (1000000000ULL / (guint64)sysconf(_SC_CLK_TCK));
}

void
vm_info(Vm *vm, VmInfo *ret_info)
{
    const DomainDef *def = vm_def(vm);
    Run *run = vm->run;

    *ret_info = (VmInfo){
        .state = vm->state,
        .reason = vm->reason,
        .max_memory_kib = def->memory,
        .memory_kib = def->current_memory ? def->current_memory : def->memory,
        .vcpus = def->vcpus_current ? def->vcpus_current : def->vcpus,
        .cpu_time_ns = run && run->pid ? cpu_time_of(run->pid) : 0,
    };
    if (run && run->balloon_kib)
        ret_info->memory_kib = run->balloon_kib;
}

gboolean
vm_is_active(const Vm *vm)
{
    return vm->run != NULL;
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
vm_def(const Vm *vm)
{
    return vm->run ? vm->run->live : define_get((Vm *)vm);
}

void
vm_control(Vm *vm, int *ret_state, int *ret_details, guint64 *ret_ms)
{
    enum { CONTROL_OK, CONTROL_JOB, CONTROL_OCCUPIED, CONTROL_ERROR };
    gint64 since = vm->run && vm->run->qmp ? qmp_waits_since(vm->run->qmp) : 0;
    Job *job = vm->jobs ? job_running(vm->jobs) : NULL;

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

/* ---- the room */

void
qemu_register(void)
{
    flow_register(&start_table);
}

gboolean
qemu_init(const Paths *paths, GError **err)
{
    g_autofree char *logs = g_strconcat(paths->log, "/qemu", NULL);

    qemu_paths = paths;
    qemu_vms = registry_new();
    qemu_register();
    if (!dir_make(logs, 0700, err) || !capable_init(paths, err) || !define_load_all(err) ||
        !recover_all(err))
        return FALSE;
    vmlog_watch(TRUE);
    return TRUE;
}

/* A host that boots has more to do than to start all its guests in one breath. */
#define AUTOSTART_AT_ONCE 4

static GQueue to_start = G_QUEUE_INIT; /* of Vm, referenced */

static void start_next(void);

static void
on_autostarted(Vm *vm, const GError *err, gpointer user)
{
    if (err)
        log_error("autostart of domain '%s': %s", vm->obj.name, err->message);
    start_next();
}

static void
start_next(void)
{
    gboolean started = FALSE;
    Vm *vm;

    while (!started && (vm = g_queue_pop_head(&to_start))) {
        started = !vm->run && vm->persistent;
        if (started)
            vm_start(vm, 0, "autostart", on_autostarted, NULL);
        object_unref(vm);
    }
}

/* Whether it starts with this boot of the host; "once" is used up by it. */
static gboolean
is_wanted(Vm *vm)
{
    gboolean wanted = vm->autostart[AUTOSTART_ALWAYS] || vm->autostart[AUTOSTART_ONCE];
    g_autoptr(GError) err = NULL;

    if (vm->autostart[AUTOSTART_ONCE] && !vm_set_autostart(vm, AUTOSTART_ONCE, FALSE, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return wanted;
}

/* The folder is gone after a boot of the host, and this mark with it. */
void
qemu_autostart(void)
{
    g_autofree char *mark = g_strconcat(qemu_paths->run, "/qemu/autostarted", NULL);
    g_autoptr(GPtrArray) vms = NULL;

    if (access(mark, F_OK) == 0 || !file_write_volatile(mark, "", 0, 0600, NULL))
        return;
    vms = vm_list();
    for (guint i = 0; i < vms->len; i++)
        if (is_wanted(vms->pdata[i]))
            g_queue_push_tail(&to_start, object_ref(vms->pdata[i]));
    for (int i = 0; i < AUTOSTART_AT_ONCE; i++)
        start_next();
}

void
qemu_done(void)
{
    vmlog_watch(FALSE);
    g_queue_clear_full(&to_start, object_unref);
    g_clear_pointer(&qemu_vms, registry_free);
    capable_done();
}
