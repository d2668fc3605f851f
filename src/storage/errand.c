/* Errands to the folder of a pool: done by a worker, which may hang there. While it does, the pool
 * is marked as one that does not answer; a flow that waits for it gives up in the end; and when it
 * comes back after all, it is listened to and the mark goes.
 */
#include "pool.h"

/* The longest wait of a flow without any progress. */
#define GIVE_UP_US (30 * G_USEC_PER_SEC)

/* The data that the worker and the main loop share; the last of the two frees it, which is the main
 * loop. */
typedef struct Trip {
    ErrandWork work;
    gpointer in;
    gint progress; /* atomic */
} Trip;

typedef struct Errand {
    Pool *pool; /* referenced */
    ErrandSpec spec;
    Trip *trip;
    gint seen;    /* of its progress */
    gint64 moved; /* monotonic: when that had changed */
    guint timer;
    gboolean late;
} Errand;

static guint n_out;

guint
errands_out(void)
{
    return n_out;
}

/* ---- the mark */

static void
errand_set_late(Errand *e, gboolean late)
{
    Pool *pool = e->pool;
    const PoolDef *def = pool_newest(pool);

    if (e->late == late)
        return;
    e->late = late;
    pool->late += late ? 1 : -1;
    if (late && pool->late == 1)
        log_warning("storage pool '%s': '%s' does not answer", pool->obj.name,
                    def ? def->path : "?");
    if (pool->late == 0)
        log_info("storage pool '%s' answers again", pool->obj.name);
}

static void
give_up(const Errand *e)
{
    g_autoptr(GError) err = NULL;
    const PoolDef *def = pool_newest(e->pool);

    fail(&err, ERR_TIMEOUT, "'%s' of storage pool '%s' has not answered for %d s; it is waited for",
         def ? def->path : "?", e->pool->obj.name, (int)(GIVE_UP_US / G_USEC_PER_SEC));
    flow_wake(e->spec.token, err);
}

static gboolean
on_time(gpointer data)
{
    Errand *e = data;
    gint progress = g_atomic_int_get(&e->trip->progress);
    gint64 now = g_get_monotonic_time();

    errand_set_late(e, progress == e->seen);
    if (progress != e->seen)
        e->moved = now;
    e->seen = progress;
    if (now - e->moved > GIVE_UP_US && flow_waits(e->spec.token))
        give_up(e);
    return G_SOURCE_CONTINUE;
}

/* ---- there and back */

static gpointer
travel(gpointer in, GError **err)
{
    Trip *t = in;

    return t->work(t->in, &t->progress, err);
}

static void
on_back(gpointer out, const GError *err, gpointer user)
{
    Errand *e = user;
    FlowToken token = e->spec.token;

    n_out--;
    g_source_remove(e->timer);
    errand_set_late(e, FALSE);
    e->spec.back(e->pool, out, err, token == 0 || flow_waits(token), e->spec.user);
    flow_wake(token, err);
    object_unref(e->pool);
    g_free(e);
}

void
errand_send(Pool *pool, const ErrandSpec *spec)
{
    Errand *e = g_new0(Errand, 1);
    Trip *t = g_new0(Trip, 1);

    *t = (Trip){ .work = spec->work, .in = spec->in };
    e->pool = object_ref(pool);
    e->spec = *spec;
    e->trip = t;
    e->moved = g_get_monotonic_time();
    e->timer = g_timeout_add(ERRAND_PATIENCE_MS, on_time, e);
    n_out++;
    offload_for(spec->sender ? spec->sender : &pool->obj, travel, t, g_free, on_back, e);
}
