/* The only threads. Workers get copies and return copies; no live object is ever seen here.
 *
 * A worker may hang: on a file server that does not answer, for ever. So errands have senders, and
 * of one sender only a few are out at once; and a worker that has been away for long does not count
 * among those that others have to share.
 */
#include "core.h"

#include <malloc.h>
#include <string.h>

/* Many workers, because most of them wait. They start when needed and end when idle. */
#define WORKERS    64
#define PER_SENDER 2
#define STUCK_MS   1000
#define COUNTED_MS 1000 /* how often, while errands wait for a worker */

typedef struct Sender {
    guint8 uuid[UUID_LEN];
    guint out;
    GQueue waiting; /* of Parcel */
} Sender;

typedef struct Parcel {
    OffloadWork work;
    gpointer in;
    GDestroyNotify free_in;
    OffloadDone done;
    gpointer user;
    gpointer out;
    GError *err;
    Sender *sender; /* NULL: nobody's */
    GList link;     /* in handed_out */
    gint started;   /* atomic: ms of now_ms, set by the worker; 0: not yet */
} Parcel;

static GThreadPool *pool;
static GHashTable *senders; /* uuid -> Sender */
static GQueue handed_out;   /* of Parcel: with a worker, or waiting for one */
static guint counter;

static void hand_out(Parcel *p);

/* Never 0. */
static gint
now_ms(void)
{
    return (gint)(g_get_monotonic_time() / 1000 % G_MAXINT32) | 1;
}

guint
offload_stuck(void)
{
    gint now = now_ms();
    guint n = 0;

    for (GList *l = handed_out.head; l; l = l->next) {
        gint started = g_atomic_int_get(&((Parcel *)l->data)->started);
        if (started && now - started > STUCK_MS)
            n++;
    }
    return n;
}

/* Allows one more worker for each that hangs. */
static gboolean
make_room(gpointer unused)
{
    g_thread_pool_set_max_threads(pool, (gint)(WORKERS + offload_stuck()), NULL);
    if (handed_out.length >= WORKERS)
        return G_SOURCE_CONTINUE;
    counter = 0;
    return G_SOURCE_REMOVE;
}

/* ---- senders */

static guint
uuid_hash(gconstpointer uuid)
{
    guint32 word;

    memcpy(&word, uuid, sizeof word);
    return word;
}

static gboolean
uuid_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, UUID_LEN) == 0;
}

static Sender *
sender_get(const guint8 uuid[UUID_LEN])
{
    Sender *sender;

    if (!senders)
        senders = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, g_free);
    sender = g_hash_table_lookup(senders, uuid);
    if (sender)
        return sender;
    sender = g_new0(Sender, 1);
    memcpy(sender->uuid, uuid, UUID_LEN);
    g_hash_table_insert(senders, sender->uuid, sender);
    return sender;
}

static void
sender_came_back(Sender *sender)
{
    if (!sender)
        return;
    sender->out--;
    if (!g_queue_is_empty(&sender->waiting))
        hand_out(g_queue_pop_head(&sender->waiting));
    else if (sender->out == 0)
        g_hash_table_remove(senders, sender->uuid);
}

/* ---- errands */

static gboolean
deliver(gpointer data)
{
    Parcel *p = data;

    g_queue_unlink(&handed_out, &p->link);
    sender_came_back(p->sender);
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

    g_atomic_int_set(&p->started, now_ms());
    p->out = p->work(p->in, &p->err);
    g_idle_add_full(G_PRIORITY_DEFAULT, deliver, p, NULL);
}

static void
hand_out(Parcel *p)
{
    if (p->sender)
        p->sender->out++;
    g_queue_push_tail_link(&handed_out, &p->link);
    if (!pool) {
        mallopt(M_ARENA_MAX, 1); /* a heap for every thread would be most of the daemon's memory */
        pool = g_thread_pool_new(work_in_thread, NULL, WORKERS, FALSE, NULL);
    }
    g_thread_pool_push(pool, p, NULL);
    if (handed_out.length >= WORKERS && !counter)
        counter = g_timeout_add(COUNTED_MS, make_room, NULL);
}

void
offload_as(const guint8 sender[UUID_LEN], OffloadWork work, gpointer in, GDestroyNotify free_in,
           OffloadDone done, gpointer user)
{
    Parcel *p = g_new0(Parcel, 1);

    p->work = work;
    p->in = in;
    p->free_in = free_in;
    p->done = done;
    p->user = user;
    p->sender = sender ? sender_get(sender) : NULL;
    p->link.data = p;
    if (p->sender && p->sender->out >= PER_SENDER)
        g_queue_push_tail(&p->sender->waiting, p);
    else
        hand_out(p);
}

void
offload_for(const Object *o, OffloadWork work, gpointer in, GDestroyNotify free_in,
            OffloadDone done, gpointer user)
{
    offload_as(o ? o->uuid : NULL, work, in, free_in, done, user);
}

void
offload(OffloadWork work, gpointer in, GDestroyNotify free_in, OffloadDone done, gpointer user)
{
    offload_as(NULL, work, in, free_in, done, user);
}
