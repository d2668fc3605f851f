/* One peer: its frames go to calls and streams, its flow is held within bounds, its pings are
 * answered. Nothing here waits. */
#include <unistd.h>

#include "rpc_priv.h"

/* With more than this unsent no call is read; it is read again below the low mark of base. */
#define QUEUE_SOFT_MAX (1024 * 1024)
/* Events come unasked: a client that lets this much pile up does not read and is let go. */
#define QUEUE_HARD_MAX (G_GUINT64_CONSTANT(256) * 1024 * 1024)

#define PING_SECONDS 5
#define PING_MAX     5

void
registration_clear(gpointer registration)
{
    Registration *r = registration;

    g_clear_pointer(&r->name, g_free);
}

/* ---- life */

void
client_free(Client *c)
{
    c->dropped = TRUE;
    g_clear_handle_id(&c->ping_timer, g_source_remove);
    g_clear_handle_id(&c->drop_idle, g_source_remove);
    g_clear_handle_id(&c->missed_timer, g_source_remove);
    while (c->calls.head) {
        GList *link = g_queue_pop_head_link(&c->calls);
        call_forget_client(link->data);
    }
    while (c->streams.head)
        stream_forget_client(c->streams.head->data);
    server_forget(c->server, c);
    lines_free(c->lines);
    client_destroy_owned(&c->state);
    g_array_unref(c->state.registrations);
    g_array_unref(c->state.owned);
    g_free(c);
}

void
client_drop(Client *c, const char *why)
{
    if (c->dropped)
        return;
    c->dropped = TRUE;
    if (why)
        log_warning("client %" G_GUINT64_FORMAT " (pid %d, uid %u) is disconnected: %s",
                    c->state.id, (int)c->state.creds.pid, (guint)c->state.creds.uid, why);
    if (!c->busy)
        client_free(c);
}

static gboolean
on_idle_drop(gpointer user)
{
    Client *c = user;

    c->drop_idle = 0;
    client_free(c);
    return G_SOURCE_REMOVE;
}

/* Lines are handed over: they write what is queued and then free themselves. */
void
client_close(Client *c)
{
    Lines *lines = g_steal_pointer(&c->lines);

    lines_close_when_sent(lines);
    client_drop(c, NULL);
}

/* ---- out */

void
client_send(Client *c, const WireBuf *message)
{
    if (c->dropped || !c->lines)
        return;
    lines_send(c->lines, message->data, message->len);
    if (lines_queued(c->lines) > QUEUE_HARD_MAX) {
        log_warning("client %" G_GUINT64_FORMAT " does not read its answers", c->state.id);
        c->dropped = TRUE;
        /* The sender may stand on this client's stack of calls and streams. */
        if (!c->busy)
            c->drop_idle = g_idle_add(on_idle_drop, c);
    }
}

void
client_update_flow(Client *c)
{
    gboolean paused;

    if (c->dropped || !c->lines)
        return;
    paused = c->calls.length >= c->server->limits.requests || c->paused_streams > 0 ||
             lines_queued(c->lines) > QUEUE_SOFT_MAX;
    if (paused == c->paused)
        return;
    c->paused = paused;
    lines_pause(c->lines, paused);
}

/* ---- keepalive */

static void
send_keepalive(Client *c, gint32 procedure)
{
    WireHeader h = {
        .program = PROGRAM_KEEPALIVE,
        .version = 1,
        .procedure = procedure,
        .kind = MSG_EVENT,
    };

    wire_begin(&c->server->out, &h);
    if (wire_end(&c->server->out, NULL))
        client_send(c, &c->server->out);
}

static gboolean
on_ping_timer(gpointer user)
{
    Client *c = user;

    if (c->unanswered_pings++ < PING_MAX) {
        send_keepalive(c, KEEPALIVE_PING);
        return G_SOURCE_CONTINUE;
    }
    c->ping_timer = 0;
    client_drop(c, "it answers no pings");
    return G_SOURCE_REMOVE;
}

void
client_start_keepalive(Client *c)
{
    c->state.keepalive = TRUE;
    if (!c->ping_timer)
        c->ping_timer = g_timeout_add_seconds(PING_SECONDS, on_ping_timer, c);
}

/* ---- in */

static void
refuse_kind(Client *c, const WireHeader *h)
{
    GError *err = NULL;

    fail(&err, ERR_RPC, "a message of type %u from a client", h->kind);
    call_refuse(c, h, FROM_RPC, err);
}

static void
receive(Client *c, const WireHeader *h, const guint8 *payload, gsize len)
{
    if (h->program == PROGRAM_KEEPALIVE) {
        if (h->procedure == KEEPALIVE_PING)
            send_keepalive(c, KEEPALIVE_PONG);
    } else if (h->kind == MSG_CALL || h->kind == MSG_CALL_FDS) {
        call_receive(c, h, payload, len);
    } else if (h->kind == MSG_STREAM || h->kind == MSG_HOLE) {
        stream_receive(c, h, payload, len);
    } else {
        refuse_kind(c, h);
    }
}

static void
on_frame(Lines *l, const guint8 *data, gsize len, gpointer user)
{
    Client *c = user;
    WireHeader h;

    wire_header_decode(data, &h);
    c->unanswered_pings = 0;
    c->busy++;
    receive(c, &h, data + WIRE_HEADER, h.size - WIRE_HEADER);
    if (--c->busy == 0 && c->dropped)
        client_free(c);
    else
        client_update_flow(c);
}

static void
on_ended(Lines *l, const GError *err, gpointer user)
{
    client_drop(user, err ? err->message : NULL);
}

static void
on_drained(Lines *l, gpointer user)
{
    Client *c = user;

    c->busy++;
    streams_have_room(c);
    if (--c->busy == 0 && c->dropped)
        client_free(c);
    else
        client_update_flow(c);
}

static const LinesOps client_lines = {
    .cut = wire_cut,
    .frame = on_frame,
    .ended = on_ended,
    .drained = on_drained,
};

void
client_new(Server *s, int fd, const Creds *creds)
{
    Client *c = g_new0(Client, 1);

    c->server = s;
    c->state.id = ++s->last_client;
    c->state.creds = *creds;
    c->state.authenticated = TRUE; /* the socket's mode has let it in */
    c->state.registrations = g_array_new(FALSE, FALSE, sizeof(Registration));
    g_array_set_clear_func(c->state.registrations, registration_clear);
    c->state.owned = g_array_new(FALSE, FALSE, sizeof(Owned));
    c->link.data = c;
    g_queue_push_tail_link(&s->clients, &c->link);
    if (!c->state.authenticated)
        s->n_anonymous++;
    c->lines = lines_new(fd, WIRE_MAX + WIRE_FDS_MAX, &client_lines, c);
}
