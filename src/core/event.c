/* Publish and subscribe. */
#include "event.h"

#include <string.h>

typedef struct Subscriber {
    guint id;
    EventFn fn; /* NULL: gone, removed when no emit is under way */
    gpointer user;
} Subscriber;

static GArray *subscribers;
static guint last_id;
static guint emitting;

guint
event_subscribe(EventFn fn, gpointer user)
{
    Subscriber s = { ++last_id, fn, user };

    if (!subscribers)
        subscribers = g_array_new(FALSE, FALSE, sizeof(Subscriber));
    g_array_append_val(subscribers, s);
    return s.id;
}

/* An emit walks the array by index, so rows leave it only when none is under way. */
static void
sweep(void)
{
    if (emitting || !subscribers)
        return;
    for (guint i = subscribers->len; i-- > 0;)
        if (!g_array_index(subscribers, Subscriber, i).fn)
            g_array_remove_index(subscribers, i);
    if (subscribers->len == 0)
        g_clear_pointer(&subscribers, g_array_unref);
}

void
event_unsubscribe(guint id)
{
    for (guint i = 0; subscribers && i < subscribers->len; i++) {
        Subscriber *s = &g_array_index(subscribers, Subscriber, i);
        if (s->id == id)
            s->fn = NULL;
    }
    sweep();
}

void
event_emit(const Event *event)
{
    emitting++;
    for (guint i = 0; subscribers && i < subscribers->len; i++) {
        Subscriber s = g_array_index(subscribers, Subscriber, i);
        if (s.fn)
            s.fn(event, s.user);
    }
    emitting--;
    sweep();
}

/* ---- what nobody could hear */

#define KEEP_US (30 * G_USEC_PER_SEC)

typedef struct Missed {
    Event event;
    char *name;
    gint64 until; /* monotonic */
} Missed;

static GQueue missed = G_QUEUE_INIT;

static void
drop_old(void)
{
    gint64 now = g_get_monotonic_time();

    while (missed.head && ((Missed *)missed.head->data)->until < now) {
        Missed *m = g_queue_pop_head(&missed);
        g_free(m->name);
        g_free(m);
    }
}

void
event_emit_missed(const Event *event)
{
    Missed *m = g_new0(Missed, 1);

    m->name = g_strdup(event->name);
    m->until = g_get_monotonic_time() + KEEP_US;
    m->event = (Event){ .family = event->family, .id = event->id, .name = m->name };
    memcpy(m->event.uuid, event->uuid, sizeof m->event.uuid);
    memcpy(m->event.n, event->n, sizeof m->event.n);
    m->event.object_id = event->object_id;
    drop_old();
    g_queue_push_tail(&missed, m);
    event_emit(event);
}

void
event_replay(EventFn fn, gpointer user)
{
    drop_old();
    for (GList *l = missed.head; l; l = l->next)
        fn(&((Missed *)l->data)->event, user);
}
