/* Jobs: one queue an object, and the table of what clashes. */
#include "core.h"

#define WAIT_MS_DEFAULT 30000

typedef enum Clash { BESIDE, WAIT, REFUSE, PREEMPT } Clash;

static const Clash clash[N_JOB_KINDS][N_JOB_KINDS] = {
    /* [running][asked] look    change  start   move    stop */
    [JOB_LOOK] = { BESIDE, WAIT, WAIT, WAIT, PREEMPT },
    [JOB_CHANGE] = { BESIDE, WAIT, WAIT, WAIT, PREEMPT },
    [JOB_START] = { BESIDE, WAIT, REFUSE, WAIT, PREEMPT },
    [JOB_MOVE] = { BESIDE, REFUSE, REFUSE, REFUSE, PREEMPT },
    [JOB_STOP] = { BESIDE, REFUSE, WAIT, REFUSE, WAIT },
};

struct Job {
    JobQueue *q;
    JobSpec spec;
    char *owner;
    gint64 started; /* 0: waits */
    guint timer;    /* of the wait, then of the deadline */
    gboolean beside;
    gboolean cancelled;
};

struct JobQueue {
    Object *obj;
    Job *running; /* the exclusive one */
    GQueue waiting;
    guint n_beside;
};

static void start_job(Job *j);
static void start_next(JobQueue *q);

JobQueue *
job_queue_new(Object *o)
{
    JobQueue *q = g_new0(JobQueue, 1);

    q->obj = o;
    return q;
}

static void
job_free(Job *j)
{
    Object *o = j->q->obj;

    if (j->timer)
        g_source_remove(j->timer);
    g_free(j->owner);
    g_free(j);
    object_unref(o); /* perhaps the last one: the queue goes with it */
}

static void
end_waiting(Job *j, const GError *err)
{
    g_queue_remove(&j->q->waiting, j);
    j->spec.done(j, j->q->obj, err);
    job_free(j);
}

void
job_queue_free(JobQueue *q)
{
    g_autoptr(GError) err = NULL;

    if (!q)
        return;
    g_assert(!q->running && q->n_beside == 0);
    fail(&err, ERR_ABORTED, "the object is gone");
    while (q->waiting.head)
        end_waiting(q->waiting.head->data, err);
    g_free(q);
}

static gboolean
waited_too_long(gpointer data)
{
    Job *j = data, *holder = j->q->running;
    g_autoptr(GError) err = NULL;

    j->timer = 0;
    fail(&err, ERR_TIMEOUT, "cannot %s: job '%s' of %s is still under way", j->spec.what,
         holder ? holder->spec.what : "?", holder ? holder->owner : "?");
    end_waiting(j, err);
    return G_SOURCE_REMOVE;
}

static void
cancel_job(Job *j, Err code, const char *why)
{
    if (j->cancelled || !j->spec.cancel)
        return;
    j->cancelled = TRUE;
    j->spec.cancel(j, j->q->obj, code, why);
}

static gboolean
ran_too_long(gpointer data)
{
    Job *j = data;

    j->timer = 0;
    cancel_job(j, ERR_TIMEOUT, "the deadline of the job has passed");
    return G_SOURCE_REMOVE;
}

static void
start_job(Job *j)
{
    GError *err = NULL;

    if (j->timer)
        g_source_remove(j->timer);
    j->timer = j->spec.deadline_ms ? g_timeout_add(j->spec.deadline_ms, ran_too_long, j) : 0;
    j->started = g_get_monotonic_time();
    if (j->beside)
        j->q->n_beside++;
    else
        j->q->running = j;
    if (!j->spec.run(j, j->q->obj, &err)) {
        job_end(j, err);
        g_error_free(err);
    }
}

gboolean
job_submit(JobQueue *q, const JobSpec *spec, GError **err)
{
    Clash c = q->running ? clash[q->running->spec.kind][spec->kind] : BESIDE;
    Job *j;

    if (c == REFUSE)
        return fail(err, ERR_OPERATION_INVALID, "cannot %s: job '%s' of %s is under way",
                    spec->what, q->running->spec.what, q->running->owner);
    j = g_new0(Job, 1);
    j->q = q;
    object_ref(q->obj);
    j->spec = *spec;
    j->owner = g_strdup(spec->owner ? spec->owner : "vmd");
    j->beside = spec->kind == JOB_LOOK;
    /* Waiting jobs go first, unless this one may pass them. */
    if (c == BESIDE && (j->beside || g_queue_is_empty(&q->waiting))) {
        start_job(j);
        return TRUE;
    }
    j->timer = g_timeout_add(spec->wait_ms ? spec->wait_ms : WAIT_MS_DEFAULT, waited_too_long, j);
    if (c != PREEMPT) {
        g_queue_push_tail(&q->waiting, j);
        return TRUE;
    }
    g_queue_push_head(&q->waiting, j);
    cancel_job(q->running, ERR_ABORTED, "a job that outranks it was asked for");
    return TRUE;
}

void
job_end(Job *j, const GError *err)
{
    JobQueue *q = j->q;

    if (j->beside)
        q->n_beside--;
    else if (q->running == j)
        q->running = NULL;
    if (j->timer)
        g_source_remove(j->timer);
    j->timer = 0;
    j->spec.done(j, q->obj, err);
    if (!j->beside)
        start_next(q);
    job_free(j);
}

static void
start_next(JobQueue *q)
{
    if (!q->running && !g_queue_is_empty(&q->waiting))
        start_job(g_queue_pop_head(&q->waiting));
}

gpointer
job_user(const Job *j)
{
    return j->spec.user;
}

Job *
job_running(const JobQueue *q)
{
    return q ? q->running : NULL;
}

const char *
job_what(const Job *j)
{
    return j->spec.what;
}

const char *
job_owner(const Job *j)
{
    return j->owner;
}

JobKind
job_kind(const Job *j)
{
    return j->spec.kind;
}

gint64
job_started(const Job *j)
{
    return j->started;
}

gboolean
job_cancel(JobQueue *q, const char *why, GError **err)
{
    if (!q->running)
        return fail(err, ERR_OPERATION_INVALID, "no job is active on the %s", q->obj->kind->name);
    if (!q->running->spec.cancel)
        return fail(err, ERR_OPERATION_INVALID, "job '%s' cannot be cancelled",
                    q->running->spec.what);
    cancel_job(q->running, ERR_ABORTED, why);
    return TRUE;
}
