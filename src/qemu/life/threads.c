/* Threads of a running QEMU: the processors of the host that each may run on, and how the kernel
 * schedules it. That needs no cgroup: it is said to the threads.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "host/host.h"
#include "life.h"

VcpuPin *
pin_find(GPtrArray *pins, guint id)
{
    for (guint i = 0; i < list_length(pins); i++)
        if (((VcpuPin *)pins->pdata[i])->id == id)
            return pins->pdata[i];
    return NULL;
}

/* The thread's own pin, else that of the whole domain. */
const Bitmap *
pin_of(const DomainDef *def, VmThread thread, guint id)
{
    const CputuneDef *tune = def->cputune;
    const Bitmap *own = NULL;
    const VcpuPin *pin;

    if (tune && thread == VM_THREAD_EMULATOR)
        own = tune->emulator_pin;
    if (tune && thread != VM_THREAD_EMULATOR) {
        pin = pin_find(thread == VM_THREAD_VCPU ? tune->vcpu_pins : tune->iothread_pins, id);
        own = pin ? pin->cpus : NULL;
    }
    return own ? own : def->cpuset;
}

const char *const thread_words[] = { "vcpu", "emulator", "iothread" };

static gboolean
pin_thread(pid_t tid, const Bitmap *cpus, const char *what, guint id, GError **err)
{
    cpu_set_t *set = CPU_ALLOC((gsize)bitmap_last(cpus) + 1);
    gsize size = CPU_ALLOC_SIZE((gsize)bitmap_last(cpus) + 1);
    int failed = 0;

    CPU_ZERO_S(size, set);
    for (int cpu = bitmap_next(cpus, -1); cpu >= 0; cpu = bitmap_next(cpus, cpu))
        CPU_SET_S((gsize)cpu, size, set);
    /* A thread that has just ended runs nowhere. */
    if (sched_setaffinity(tid, size, set) < 0 && errno != ESRCH)
        failed = errno;
    CPU_FREE(set);
    if (failed) {
        g_autofree char *text = bitmap_format(cpus);
        return fail_errno(err, failed, "cannot pin %s %u to the host's processors %s", what, id,
                          text);
    }
    return TRUE;
}

static gboolean
is_named_thread(const Run *run, pid_t tid)
{
    for (guint i = 0; i < run->vcpu_tids->len; i++)
        if (g_array_index(run->vcpu_tids, pid_t, i) == tid)
            return TRUE;
    for (guint i = 0; i < run->iothreads->len; i++)
        if (g_array_index(run->iothreads, Iothread, i).tid == tid)
            return TRUE;
    return FALSE;
}

/* Every thread of QEMU that is neither a processor nor an iothread. */
static gboolean
pin_emulator(const Run *run, const Bitmap *cpus, GError **err)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/task", (int)run->pid);
    g_autoptr(GDir) tasks = g_dir_open(folder, 0, NULL);
    const char *name;

    while (tasks && (name = g_dir_read_name(tasks)))
        if (!is_named_thread(run, (pid_t)atoi(name)) &&
            !pin_thread((pid_t)atoi(name), cpus, thread_words[VM_THREAD_EMULATOR], 0, err))
            return FALSE;
    return TRUE;
}

/* A thread that has ended may have left its number to another process. */
static gboolean
pin_own(const Run *run, pid_t tid, const Bitmap *cpus, const char *what, guint id, GError **err)
{
    return !proc_has_thread(run->pid, tid) || pin_thread(tid, cpus, what, id, err);
}

gboolean
pin_live(const Run *run, VmThread thread, guint id, const Bitmap *cpus, GError **err)
{
    if (thread == VM_THREAD_EMULATOR)
        return pin_emulator(run, cpus, err);
    if (thread == VM_THREAD_VCPU && id < run->vcpu_tids->len &&
        g_array_index(run->vcpu_tids, pid_t, id) > 0)
        return pin_own(run, g_array_index(run->vcpu_tids, pid_t, id), cpus, thread_words[thread],
                       id, err);
    for (guint i = 0; thread == VM_THREAD_IOTHREAD && i < run->iothreads->len; i++) {
        const Iothread *t = &g_array_index(run->iothreads, Iothread, i);
        if (t->id == id)
            return pin_own(run, t->tid, cpus, thread_words[thread], id, err);
    }
    return TRUE; /* a vcpu that is unplugged is pinned when it comes */
}

/* ---- all threads, once they are there */

typedef gboolean (*ThreadVisit)(const DomainDef *def, VmThread thread, guint id, pid_t tid,
                                GError **err);

static gboolean
each_emulator_thread(const Run *run, ThreadVisit visit, GError **err)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/task", (int)run->pid);
    g_autoptr(GDir) tasks = g_dir_open(folder, 0, NULL);
    const char *name;

    while (tasks && (name = g_dir_read_name(tasks)))
        if (!is_named_thread(run, (pid_t)atoi(name)) &&
            !visit(run->live, VM_THREAD_EMULATOR, 0, (pid_t)atoi(name), err))
            return FALSE;
    return TRUE;
}

static gboolean
each_thread(const Run *run, ThreadVisit visit, GError **err)
{
    for (guint i = 0; i < run->vcpu_tids->len; i++) {
        pid_t tid = g_array_index(run->vcpu_tids, pid_t, i);
        if (tid > 0 && !visit(run->live, VM_THREAD_VCPU, i, tid, err))
            return FALSE;
    }
    for (guint i = 0; i < run->iothreads->len; i++) {
        const Iothread *t = &g_array_index(run->iothreads, Iothread, i);
        if (!visit(run->live, VM_THREAD_IOTHREAD, t->id, t->tid, err))
            return FALSE;
    }
    return each_emulator_thread(run, visit, err);
}

static gboolean
pin_one(const DomainDef *def, VmThread thread, guint id, pid_t tid, GError **err)
{
    const Bitmap *cpus = pin_of(def, thread, id);

    return !cpus || pin_thread(tid, cpus, thread_words[thread], id, err);
}

static const SchedDef *
sched_of(const CputuneDef *tune, VmThread thread, guint id)
{
    const GPtrArray *list = thread == VM_THREAD_VCPU ? tune->vcpu_scheds : tune->iothread_scheds;

    if (thread == VM_THREAD_EMULATOR)
        return tune->emulator_sched;
    for (guint i = 0; i < list_length(list); i++) {
        const SchedDef *s = list->pdata[i];
        if (bitmap_test(s->ids, id))
            return s;
    }
    return NULL;
}

static gboolean
schedule_one(const DomainDef *def, VmThread thread, guint id, pid_t tid, GError **err)
{
    static const struct {
        const char *word;
        int policy;
    } schedulers[] = {
        [SCHEDULER_BATCH] = { "batch", SCHED_BATCH },
        [SCHEDULER_IDLE] = { "idle", SCHED_IDLE },
        [SCHEDULER_FIFO] = { "fifo", SCHED_FIFO },
        [SCHEDULER_RR] = { "rr", SCHED_RR },
    };
    const SchedDef *s = def->cputune ? sched_of(def->cputune, thread, id) : NULL;
    struct sched_param param = { .sched_priority = s ? s->priority : 0 };

    if (!s || !s->scheduler ||
        sched_setscheduler(tid, schedulers[s->scheduler].policy, &param) == 0 || errno == ESRCH)
        return TRUE;
    return fail_errno(err, errno, "cannot give %s %u the scheduler '%s' with priority %d",
                      thread_words[thread], id, schedulers[s->scheduler].word, s->priority);
}

StepResult
pin_threads(Flow *f, gpointer obj, GError **err)
{
    const Run *run = ((Vm *)obj)->run;

    return step_of(each_thread(run, pin_one, err) && each_thread(run, schedule_one, err));
}
