/* The end of a VM. There is one way out, whoever asks: the ledger is read upwards, the VM enters
 * "shut off", its end is told. A client's destroy, a guest that powers off, a QEMU that dies and a
 * recovered corpse differ in their StopWhy only.
 */
#include <signal.h>

#include "life.h"

#define GRACE_LONG_MS 15000 /* the same, when the client would rather fail than kill */
#define LAST_WORDS_MS 2000  /* for what a QEMU that has ended had said before */

static void begin(Vm *vm, Ask *a);

/* ---- the last undo has run */

static const char *const reason_words[] = {
    [SHUTOFF_UNKNOWN] = "unknown",     [SHUTOFF_SHUTDOWN] = "shutdown",
    [SHUTOFF_DESTROYED] = "destroyed", [SHUTOFF_CRASHED] = "crashed",
    [SHUTOFF_FAILED] = "failed",
};

static const char *
reason_word(int reason)
{
    const char *word = reason >= 0 && reason < (int)G_N_ELEMENTS(reason_words)
                           ? reason_words[reason]
                           : NULL;

    return word ? word : "unknown";
}

/* A log that the definition names is its user's. */
static void
remove_logs(const Vm *vm)
{
    const GPtrArray *nets = vm->run->live->devices.nets;

    vmlog_remove(vm);
    vmlog_remove_helper(vm, "swtpm");
    for (guint i = 0; i < list_length(nets); i++) {
        const NetDef *net = nets->pdata[i];
        g_autofree char *helper = g_strdup_printf("%s-passt", net->info.alias);

        if (net->info.alias && net_has_passt(net))
            vmlog_remove_helper(vm, helper);
    }
}

/* The VM may be only in the caller's hands after this. */
static void
bury(Vm *vm)
{
    StopWhy why = vm->run->why;

    vmlog_line(vm, "shutting down, reason=%s", reason_word(why.reason));
    log_info("domain '%s': stopped (%s)", vm->obj.name, reason_word(why.reason));
    remains_end(vm); /* undefined while its last rows were undone */
    if (vm->run->remove_logs)
        remove_logs(vm);
    vm_run_over(vm);
    vm_enter(vm, VM_SHUTOFF, why.reason);
    vm_tell(vm, LIFECYCLE_STOPPED, why.detail);
    vm->catching_up = FALSE;
    registry_set_id(qemu_vms, &vm->obj, -1);
    if (!vm->persistent)
        vm_remove(vm);
}

static void
on_unwound(gpointer obj, const GError *err, gpointer user)
{
    Vm *vm = obj;
    Ask *a = user;

    bury(vm);
    ask_end(a, NULL);
}

/* From here on only undo happens to the VM; if the daemon dies now, the next one goes on with it.
 */
static void
begin(Vm *vm, Ask *a)
{
    Run *run = vm->run;
    g_autoptr(GError) err = NULL;

    run->stopping = TRUE;
    if (run->complete && !status_save(vm, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    g_clear_pointer(&run->qmp, qmp_free);
    flow_unwind(vm, on_unwound, a);
}

/* ---- it ends by itself */

typedef struct StopEnding {
    StopWhy why;
    gboolean graceful;
} StopEnding;

static gboolean
end_run(Ask *a, GError **err)
{
    StopEnding *e = a->data;

    if (!a->vm->run || !a->vm->run->complete) { /* a destroy came first */
        ask_end(a, NULL);
        return TRUE;
    }
    a->vm->run->why = e->why;
    a->vm->run->graceful = e->graceful;
    begin(a->vm, a);
    return TRUE;
}

static void
cannot_cancel(Ask *a, Err code, const char *why)
{
}

static const AskKind end_kind = {
    .what = "end", .job = JOB_STOP, .when_off = TRUE, .run = end_run, .cancel = cannot_cancel
};

void
vm_stop(Vm *vm, StopWhy why, gboolean graceful)
{
    StopEnding *e = g_new(StopEnding, 1);

    if (vm->run->stopping || vm->run->ending) {
        g_free(e);
        return;
    }
    vm->run->ending = TRUE;
    *e = (StopEnding){ why, graceful };
    vm_ask(vm, &end_kind, 0, e, g_free, "vmd", NULL, NULL);
}

/* Its log and the daemon's say what no number of a state or an event can. */
static gboolean
ran_out(Vm *vm)
{
    g_autofree char *said = group_ran_out(vm->run);

    if (!said)
        return FALSE;
    log_error("domain '%s': %s", vm->obj.name, said);
    vmlog_line(vm, "QEMU has ended: %s", said);
    return TRUE;
}

/* Both the process and its monitor have ended: what the monitor said last tells why. */
void
stop_check(Vm *vm)
{
    Run *run = vm->run;
    Ask *a = run->graceful_destroy;

    if (run->process || run->qmp || !run->complete || run->stopping)
        return;
    if (a) {
        run->graceful_destroy = NULL;
        begin(vm, a);
    } else if (vm->state == VM_SHUTDOWN) {
        vm_stop(vm, (StopWhy){ SHUTOFF_SHUTDOWN, STOPPED_SHUTDOWN }, FALSE);
    } else if (vm->state == VM_CRASHED) {
        vm_stop(vm, (StopWhy){ SHUTOFF_CRASHED, STOPPED_CRASHED }, FALSE);
    } else {
        vm_stop(vm, (StopWhy){ SHUTOFF_CRASHED, ran_out(vm) ? STOPPED_CRASHED : STOPPED_FAILED },
                FALSE);
    }
}

/* A child of its has the monitor open. */
static gboolean
hear_no_more(gpointer data)
{
    Vm *vm = data;

    vm->run->timer = 0;
    g_clear_pointer(&vm->run->qmp, qmp_free);
    stop_check(vm);
    return G_SOURCE_REMOVE;
}

void
stop_on_exit(Process *p, const ProcessEnd *end, gpointer user)
{
    Vm *vm = user;
    Run *run = vm->run;
    g_autofree char *how = process_status_text(end->status);

    process_free(p);
    run->process = NULL;
    if (run->timer)
        g_source_remove(run->timer);
    run->timer = 0;
    if (how && end->status != -1 && !run->exit_wait)
        log_info("domain '%s': QEMU %s", vm->obj.name, how);
    if (run->exit_wait) {
        FlowToken token = run->exit_wait;
        run->exit_wait = 0;
        flow_wake(token, NULL);
    } else if (!run->complete && vm->obj.flow && !flow_undoing(vm->obj.flow)) {
        run->lost = TRUE; /* the start tells QEMU's last words as the reason */
        flow_cancel(vm->obj.flow, ERR_INTERNAL, "QEMU has ended");
    } else {
        if (run->qmp && run->complete && !run->stopping)
            stop_timer(run, LAST_WORDS_MS, hear_no_more, vm);
        stop_check(vm);
    }
}

void
stop_timer(Run *run, guint ms, GSourceFunc fn, gpointer data)
{
    if (run->timer)
        g_source_remove(run->timer);
    run->timer = g_timeout_add(ms, fn, data);
}

static void
on_monitor_end(Qmp *q, const GError *err, gpointer user)
{
    Vm *vm = user;
    Run *run = vm->run;

    run->qmp = NULL;
    /* While the VM is being undone, QEMU's end is the daemon's own doing (stop_qemu knows when it
     * is not). */
    if (!vm->obj.flow || !flow_undoing(vm->obj.flow))
        run->lost = TRUE;
    qmp_free(q);
    talk_ended(vm, err);
    stop_check(vm);
}

const QmpOps vm_qmp_ops = { .event = events_on_qemu, .ended = on_monitor_end };

/* ---- destroy */

static gboolean
grace_is_over(gpointer data)
{
    Vm *vm = data;
    Ask *a = vm->run->graceful_destroy;
    g_autoptr(GError) err = NULL;

    vm->run->timer = 0;
    vm->run->graceful_destroy = NULL;
    fail(&err, ERR_OPERATION_FAILED,
         "QEMU of domain '%s' did not end within %d s; destroy without the graceful flag kills it",
         vm->obj.name, GRACE_LONG_MS / 1000);
    ask_end(a, err);
    return G_SOURCE_REMOVE;
}

/* Clients know a destroy as two events; QEMU tells of the first only when it may end by itself. */
static void
tell_shutdown(Vm *vm)
{
    if (vm->state != VM_SHUTDOWN)
        vm_tell(vm, LIFECYCLE_SHUTDOWN, SHUTDOWN_HOST);
}

static gboolean
destroy_run(Ask *a, GError **err)
{
    Vm *vm = a->vm;
    Run *run = vm->run;
    gboolean *starting = a->data;

    if (!run && *starting) { /* the start was undone on our behalf: it is off, as asked */
        ask_end(a, NULL);
        return TRUE;
    }
    if (!run)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    run->why = (StopWhy){ SHUTOFF_DESTROYED, STOPPED_DESTROYED };
    run->remove_logs = (a->flags & VM_DESTROY_REMOVE_LOGS) != 0;
    if (a->flags & VM_DESTROY_GRACEFUL && run->process) {
        run->graceful_destroy = a;
        stop_timer(run, GRACE_LONG_MS, grace_is_over, vm);
        return process_signal(run->process, SIGTERM, err);
    }
    tell_shutdown(vm);
    begin(vm, a);
    return TRUE;
}

static const AskKind destroy_kind = { .what = "destroy",
                                      .job = JOB_STOP,
                                      .when_off = TRUE,
                                      .run = destroy_run,
                                      .cancel = cannot_cancel };

void
vm_destroy(Vm *vm, guint flags, Asker who, VmDone done, gpointer user)
{
    gboolean *starting = g_new(gboolean, 1);

    *starting = vm->run && !vm->run->complete;
    vm_ask(vm, &destroy_kind, flags, starting, g_free, who, done, user);
}
