/* Requests of clients: each is a job that calls QEMU a few times and tells its client the result.
 */
#include "vm.h"

static void
ask_unref(Ask *a)
{
    if (--a->refs > 0)
        return;
    if (a->free_data)
        a->free_data(a->data);
    object_unref(a->vm);
    g_free(a);
}

static gboolean
on_run(Job *j, gpointer obj, GError **err)
{
    Ask *a = job_user(j);

    a->job = j;
    if (!a->kind->when_off && !vm_need_running(a->vm, err))
        return FALSE;
    return a->kind->run(a, err);
}

static void
on_cancel(Job *j, gpointer obj, Err code, const char *why)
{
    Ask *a = job_user(j);
    g_autoptr(GError) err = NULL;

    if (a->kind->cancel) {
        a->kind->cancel(a, code, why);
        return;
    }
    fail(&err, code, "cannot %s domain '%s': %s", a->kind->what, a->vm->obj.name, why);
    ask_end(a, err);
}

static void
on_done(Job *j, gpointer obj, const GError *err)
{
    Ask *a = job_user(j);

    a->job = NULL;
    if (a->done)
        a->done(a->vm, err, a->user);
    ask_unref(a);
}

void
ask_end(Ask *a, const GError *err)
{
    if (a->job)
        job_end(a->job, err);
}

void
vm_ask(Vm *vm, const AskKind *kind, guint flags, gpointer data, GDestroyNotify free_data, Asker who,
       VmDone done, gpointer user)
{
    Ask *a = g_new0(Ask, 1);
    g_autoptr(GError) err = NULL;
    JobSpec spec = {
        .kind = kind->job,
        .what = kind->what,
        .owner = who,
        .run = on_run,
        .cancel = on_cancel,
        .done = on_done,
        .user = a,
    };

    *a = (Ask){ .kind = kind, .vm = object_ref(vm), .flags = flags, .data = data };
    a->free_data = free_data;
    a->refs = 1;
    a->done = done;
    a->user = user;
    if (job_submit(object_jobs(vm), &spec, &err))
        return;
    if (done)
        done(vm, err, user);
    ask_unref(a);
}

/* ---- calls to QEMU */

typedef struct AskCall {
    Ask *ask;
    AskNext next;
} AskCall;

static void
on_answer(json_object *ret, const GError *err, gpointer user)
{
    g_autofree AskCall *c = user;

    if (c->ask->job && c->next)
        c->next(c->ask, ret, err);
    else
        ask_end(c->ask, err);
    ask_unref(c->ask);
}

/* A continuation may come when the monitor is gone: its call is then made on none, and fails. */
static Qmp *
monitor_of(const Ask *a)
{
    return a->vm->run ? a->vm->run->qmp : NULL;
}

static AskCall *
ask_call_new(Ask *a, AskNext next)
{
    AskCall *c = g_new0(AskCall, 1);

    a->refs++;
    *c = (AskCall){ a, next };
    return c;
}

void
ask_call(Ask *a, const char *command, json_object *args, AskNext next)
{
    qmp_call(monitor_of(a), command, args, on_answer, ask_call_new(a, next));
}

void
ask_call_with_fd(Ask *a, const char *command, json_object *args, int fd, AskNext next)
{
    qmp_call_with_fd(monitor_of(a), command, args, fd, on_answer, ask_call_new(a, next));
}

void
ask_call_raw(Ask *a, const char *command, json_object *args, AskNext next)
{
    qmp_call_raw(monitor_of(a), command, args, on_answer, ask_call_new(a, next));
}

/* ---- what is known of the running one */

void
vm_job_info(Vm *vm, VmJobInfo *ret_info)
{
    Job *job = job_running(vm->obj.jobs);

    *ret_info = (VmJobInfo){ 0 };
    if (!job)
        return;
    ret_info->type = 2;
    ret_info->operation = job_kind(job) == JOB_START ? 1 : 0;
    ret_info->elapsed_ms = (guint64)(g_get_monotonic_time() - job_started(job)) / 1000;
}

gboolean
vm_abort_job(Vm *vm, GError **err)
{
    if (!vm->run)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    return job_cancel(object_jobs(vm), "the job was aborted", err);
}
