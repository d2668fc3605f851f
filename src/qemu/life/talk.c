/* The conversation with a QEMU: one that was taken over is asked what it has become, one whose
 * monitor ends is tried again, and one that is being started must answer in time. A monitor that is
 * silent, closed or sends nonsense is no reason to end a guest that runs: only the end of its
 * process is.
 */
#include <string.h>

#include "host/host.h"
#include "life.h"

#define RETRY_MS       1000  /* between attempts to reach a monitor */
#define RETRY_WRONG_MS 10000 /* the same, of one that sent nonsense */
#define SILENT_S       60    /* for an answer of a QEMU that uses no processor meanwhile, */
#define BUSY_S         600   /* and of one that does: it may be clearing a terabyte of memory */
#define MONITOR        "monitor"

/* ---- what it has become */

static void
on_state(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run && vm->run->qmp)
        vm_trouble(vm, MONITOR, NULL);
    if (!err && vm->run && !vm->run->stopping)
        events_reconcile(vm, json_str(ret, "status"));
    if (!vm->run || !vm->run->ending)
        vm->catching_up = FALSE;
    object_unref(vm);
}

static void
on_balloon_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        vm->run->balloon_kib = take_memory(vm->run, ret);
    object_unref(vm);
}

static void
on_chardevs_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        take_chardevs(vm, ret, NULL);
    object_unref(vm);
}

static void
on_vcpus_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        vcpus_learn(vm, ret);
    object_unref(vm);
}

static void
on_iothreads_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        take_iothreads(vm, ret, NULL);
    object_unref(vm);
}

/* Sends all questions; until the answers come, the saved state stays. */
static void
ask_all(Vm *vm)
{
    qmp_call(vm->run->qmp, "query-status", NULL, on_state, object_ref(vm));
    qmp_call(vm->run->qmp, "query-balloon", NULL, on_balloon_now, object_ref(vm));
    qmp_call(vm->run->qmp, "query-cpus-fast", NULL, on_vcpus_now, object_ref(vm));
    qmp_call(vm->run->qmp, "query-iothreads", NULL, on_iothreads_now, object_ref(vm));
    qmp_call(vm->run->qmp, "query-chardev", NULL, on_chardevs_now, object_ref(vm));
    leave_reconcile(vm);
}

/* ---- a monitor that cannot be reached, or has ended */

static gboolean
talk_again(gpointer data)
{
    Vm *vm = data;
    Run *run = vm->run;
    g_autoptr(GError) err = NULL;

    if (run->process && !run->stopping && !monitor_connect(vm, &err)) {
        vm_trouble(vm, MONITOR, run->wrong ? run->wrong : err->message);
        return G_SOURCE_CONTINUE;
    }
    run->reconnect = 0;
    g_clear_pointer(&run->wrong, g_free);
    if (run->qmp)
        ask_all(vm);
    return G_SOURCE_REMOVE;
}

static void
try_later(Vm *vm, guint ms)
{
    if (!vm->run->reconnect)
        vm->run->reconnect = g_timeout_add(ms, talk_again, vm);
}

/* The connection may fail: the socket's queue may be full of connections of earlier daemons, or the
 * socket may be gone. */
void
talk_resume(Vm *vm)
{
    g_autoptr(GError) err = NULL;

    if (monitor_connect(vm, &err)) {
        ask_all(vm);
        return;
    }
    vm_trouble(vm, MONITOR, err->message);
    vm->catching_up = FALSE;
    try_later(vm, RETRY_MS);
}

void
talk_ended(Vm *vm, const GError *err)
{
    Run *run = vm->run;

    g_free(run->wrong);
    run->wrong = err ? g_strdup(err->message) : NULL;
    if (!run->complete || run->stopping || !run->process)
        return;
    if (run->wrong)
        vm_trouble(vm, MONITOR, run->wrong);
    vm->catching_up = FALSE;
    try_later(vm, run->wrong ? RETRY_WRONG_MS : RETRY_MS);
}

/* ---- a start */

static gboolean
has_hung(Run *run)
{
    gint64 now = g_get_monotonic_time(), since = run->qmp ? qmp_waits_since(run->qmp) : 0;
    guint64 cpu_ns = proc_cpu_ns(run->pid);

    if (cpu_ns != run->start.cpu_ns)
        run->start.busy_at = now;
    run->start.cpu_ns = cpu_ns;
    return since && (now - MAX(since, run->start.busy_at) > SILENT_S * G_TIME_SPAN_SECOND ||
                     now - since > BUSY_S * G_TIME_SPAN_SECOND);
}

static gboolean
look(gpointer data)
{
    Vm *vm = data;

    if (!has_hung(vm->run))
        return G_SOURCE_CONTINUE;
    vm->run->start.watch = 0;
    if (vm->obj.flow && !flow_undoing(vm->obj.flow))
        flow_cancel(vm->obj.flow, ERR_TIMEOUT, "QEMU does not answer its monitor");
    return G_SOURCE_REMOVE;
}

void
talk_watch(Vm *vm)
{
    if (!vm->run->start.watch)
        vm->run->start.watch = g_timeout_add_seconds(1, look, vm);
}
