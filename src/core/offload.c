/* The only threads. Workers get copies and return copies; no live object is ever seen here. */
#include <malloc.h>

#include "core.h"

/* Many, for most are there to wait: a server of images that does not answer keeps one for every
 * start that it holds up, and the others must go on. They come when needed and go when idle. */
#define WORKERS 64

typedef struct Parcel {
    OffloadWork work;
    gpointer in;
    GDestroyNotify free_in;
    OffloadDone done;
    gpointer user;
    gpointer out;
    GError *err;
} Parcel;

static GThreadPool *pool;

static gboolean
deliver(gpointer data)
{
    Parcel *p = data;

    p->done(p->out, p->err, p->user);
    if (p->free_in)
        p->free_in(p->in);
    g_clear_error(&p->err);
    g_free(p);
    return G_SOURCE_REMOVE;
}

static void
work_in_thread(gpointer data, gpointer unused)
{
    Parcel *p = data;

    p->out = p->work(p->in, &p->err);
    g_idle_add_full(G_PRIORITY_DEFAULT, deliver, p, NULL);
}

void
offload(OffloadWork work, gpointer in, GDestroyNotify free_in, OffloadDone done, gpointer user)
{
    Parcel *p = g_new0(Parcel, 1);

    p->work = work;
    p->in = in;
    p->free_in = free_in;
    p->done = done;
    p->user = user;
    if (!pool) {
        mallopt(M_ARENA_MAX, 1); /* a heap for every thread would be most of the daemon's memory */
        pool = g_thread_pool_new(work_in_thread, NULL, WORKERS, FALSE, NULL);
    }
    g_thread_pool_push(pool, p, NULL);
}
