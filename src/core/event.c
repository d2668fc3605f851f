/* Publish and subscribe. */
#include "event.h"

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
