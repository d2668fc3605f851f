/* Streams: bytes that follow a call, either way, many of them on one connection. The client's data
 * is never queued here beyond what its owner takes; what goes to the client waits in the
 * connection's queue, and owners are told when that is long. */
#include <string.h>

#include "rpc_priv.h"

/* Producers wait while more bytes than this are unsent. */
#define STREAM_QUEUE_MAX (256 * 1024)

struct Stream {
    Client *client;
    GList link; /* in client->streams */
    WireHeader header;
    const StreamOps *ops;
    gpointer user;
    gboolean paused;   /* the client is not read because of this one */
    gboolean starved;  /* waits for room */
    gboolean finished; /* the client has said that it sends no more */
};

Stream *
stream_new(Client *c, const WireHeader *call, const StreamOps *ops, gpointer user)
{
    Stream *s = g_new0(Stream, 1);

    s->client = c;
    s->header = *call;
    s->header.kind = MSG_STREAM;
    s->ops = ops;
    s->user = user;
    s->link.data = s;
    g_queue_push_tail_link(&c->streams, &s->link);
    account_charge(c->account, BUDGET_DESCRIPTORS, 1); /* its own */
    return s;
}

static void
stream_free(Stream *s)
{
    Client *c = s->client;

    g_queue_unlink(&c->streams, &s->link);
    account_give_back(c->account, BUDGET_DESCRIPTORS, 1);
    stream_pause(s, FALSE);
    g_free(s);
}

static void
stream_abort(Stream *s)
{
    if (s->ops->abort)
        s->ops->abort(s, s->user);
    stream_free(s);
}

void
stream_forget_client(Stream *s)
{
    stream_abort(s);
}

/* ---- to the client */

static void
send_packet(Stream *s, MessageKind kind, MessageStatus status, const void *data, gsize len)
{
    WireBuf *out = &s->client->server->out;
    WireHeader h = s->header;

    h.kind = kind;
    h.status = status;
    wire_begin(out, &h);
    wire_put(out, data, len);
    if (wire_end(out, NULL))
        client_send(s->client, out);
}

gboolean
stream_send(Stream *s, const void *data, gsize len)
{
    const guint8 *p = data;

    while (len > 0) {
        gsize n = MIN(len, WIRE_STREAM_CHUNK);
        send_packet(s, MSG_STREAM, STATUS_CONTINUE, p, n);
        p += n;
        len -= n;
    }
    s->starved = s->client->lines && lines_queued(s->client->lines) > STREAM_QUEUE_MAX;
    return !s->starved;
}

void
stream_send_hole(Stream *s, gint64 length)
{
    guint32 hole[3] = {
        GUINT32_TO_BE((guint32)((guint64)length >> 32)),
        GUINT32_TO_BE((guint32)length),
        0,
    };

    send_packet(s, MSG_HOLE, STATUS_CONTINUE, hole, sizeof(hole));
}

void
stream_send_end(Stream *s)
{
    send_packet(s, MSG_STREAM, STATUS_CONTINUE, NULL, 0);
}

void
stream_finish(Stream *s)
{
    send_packet(s, MSG_STREAM, STATUS_OK, NULL, 0);
    stream_free(s);
}

void
stream_fail(Stream *s, GError *err)
{
    const Procedure *p = procedure_find(s->header.program, s->header.procedure);
    WireBuf *out = &s->client->server->out;
    WireHeader h = s->header;
    RemoteError e;
    Arena a;

    arena_init(&a, NULL, 0);
    error_fill(err, (int)p->family, &a, &e);
    h.status = STATUS_ERROR;
    wire_begin(out, &h);
    if (xdr_encode(out, &RemoteError_type, &e, NULL) && wire_end(out, NULL))
        client_send(s->client, out);
    arena_done(&a);
    g_error_free(err);
    stream_free(s);
}

void
stream_pause(Stream *s, gboolean paused)
{
    if (s->paused == paused)
        return;
    s->paused = paused;
    s->client->paused_streams += paused ? 1 : -1;
    client_update_flow(s->client);
}

static Stream *
find_starved(Client *c)
{
    for (GList *l = c->streams.head; l; l = l->next) {
        Stream *s = l->data;
        if (s->starved)
            return s;
    }
    return NULL;
}

/* A stream that is told may end, or starve again at once; so the list is walked anew each time. */
void
streams_have_room(Client *c)
{
    Stream *s;

    while (lines_queued(c->lines) <= STREAM_QUEUE_MAX && (s = find_starved(c))) {
        s->starved = FALSE;
        if (s->ops->room)
            s->ops->room(s, s->user);
    }
}

/* ---- from the client */

static Stream *
find_stream(Client *c, const WireHeader *h)
{
    for (GList *l = c->streams.head; l; l = l->next) {
        Stream *s = l->data;
        if (s->header.serial == h->serial && s->header.procedure == h->procedure &&
            s->header.program == h->program)
            return s;
    }
    return NULL;
}

static void
on_hole(Stream *s, const guint8 *payload, gsize len)
{
    g_autoptr(GError) err = NULL;
    gint64 length = 0;

    if (len >= 8)
        memcpy(&length, payload, 8);
    length = GINT64_FROM_BE(length);
    if (s->ops->hole && length > 0) {
        s->ops->hole(s, length, s->user);
        return;
    }
    fail(&err, ERR_INVALID_STREAM, "a hole of %" G_GINT64_FORMAT " bytes in a stream %s", length,
         s->ops->hole ? "must be larger than 0" : "without holes");
    if (s->ops->abort)
        s->ops->abort(s, s->user);
    stream_fail(s, g_steal_pointer(&err));
}

static void
on_finish(Stream *s)
{
    if (s->finished)
        return;
    s->finished = TRUE;
    if (s->ops->finish)
        s->ops->finish(s, s->user);
    else
        stream_finish(s);
}

/* A packet for a stream that is gone is nothing: both sides may have ended it at the same time. */
void
stream_receive(Client *c, const WireHeader *h, const guint8 *payload, gsize len)
{
    Stream *s = find_stream(c, h);

    if (!s)
        return;
    if (h->status == STATUS_ERROR) {
        send_packet(s, MSG_STREAM, STATUS_OK, NULL, 0);
        stream_abort(s);
    } else if (h->kind == MSG_HOLE) {
        on_hole(s, payload, len);
    } else if (h->status == STATUS_OK) {
        on_finish(s);
    } else if (len > 0 && !s->finished && s->ops->data) {
        s->ops->data(s, payload, len, s->user);
    }
}
