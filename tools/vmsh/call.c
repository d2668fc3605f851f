/* One connection: calls and their replies, events, one stream, keepalive. Nothing runs behind the
 * caller's back: messages are handled inside conn_call, conn_wait and the stream functions. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmsh.h"

enum { FEATURE_KEEPALIVE = 10 };
enum { AUTH_NONE = 0, AUTH_POLKIT = 2 };

typedef struct ConnStream {
    gint32 procedure;
    guint32 serial;
    gboolean open;     /* the other side has not said its last word */
    gboolean ended;    /* no more data will come */
    GByteArray *input; /* not yet taken */
    GError *error;     /* it was ended with */
} ConnStream;

/* A call that is answered late, and those that are made meanwhile. */
typedef struct Awaited {
    guint32 serial;
    WireHeader answer;
    GBytes *payload; /* of the answer, NULL until it is there */
    struct Awaited *before;
} Awaited;

struct Conn {
    int fd;
    pid_t helper;
    gboolean dead;
    GByteArray *in, *out; /* bytes not yet handled, not yet written */
    WireBuf message;      /* that is being encoded */

    guint32 serial;       /* of the last call */
    struct Awaited *last; /* call whose answer is not there; NULL: none */
    ConnWaiting waiting;
    gpointer waiting_user;

    ConnStream stream;
    ConnHole hole;
    gpointer hole_user;
    ConnEvent tell;
    gpointer user;
    gint64 until; /* monotonic, when calls are given up; 0: never */

    KeepAlive keepalive;
    gint64 heard; /* when something came last */
    int pings;    /* since then */
};

Conn *
conn_new(int fd, pid_t helper)
{
    Conn *c = g_new0(Conn, 1);

    c->fd = fd;
    c->helper = helper;
    c->in = g_byte_array_new();
    c->out = g_byte_array_new();
    c->stream.input = g_byte_array_new();
    c->heard = g_get_monotonic_time();
    fd_set_nonblock(fd, NULL);
    return c;
}

void
conn_free(Conn *c)
{
    if (!c)
        return;
    fd_close(&c->fd);
    if (c->helper > 0)
        waitpid(c->helper, NULL, 0);
    g_byte_array_unref(c->in);
    g_byte_array_unref(c->out);
    g_byte_array_unref(c->stream.input);
    g_clear_error(&c->stream.error);
    wire_buf_done(&c->message);
    g_free(c);
}

int
conn_fd(const Conn *c)
{
    return c->fd;
}

gboolean
conn_alive(const Conn *c)
{
    return !c->dead;
}

void
conn_on_event(Conn *c, ConnEvent tell, gpointer user)
{
    c->tell = tell;
    c->user = user;
}

static gboolean
conn_fail(Conn *c, GError **err, const char *why)
{
    c->dead = TRUE;
    return fail(err, ERR_RPC, "the connection to vmd is lost: %s", why);
}

/* ---- writing */

static gboolean
conn_write(Conn *c, GError **err)
{
    while (c->out->len) {
        ssize_t n = send(c->fd, c->out->data, c->out->len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return TRUE;
        if (n < 0)
            return conn_fail(c, err, g_strerror(errno));
        g_byte_array_remove_range(c->out, 0, (guint)n);
    }
    return TRUE;
}

void
conn_on_hole(Conn *c, ConnHole tell, gpointer user)
{
    c->hole = tell;
    c->hole_user = user;
}

gsize
conn_queued(const Conn *c)
{
    return c->out->len;
}

/* Queues the message in c->message. */
static gboolean
conn_send(Conn *c, GError **err)
{
    if (!wire_end(&c->message, err))
        return FALSE;
    g_byte_array_append(c->out, c->message.data, (guint)c->message.len);
    return conn_write(c, err);
}

static void
conn_send_keepalive(Conn *c, gint32 what)
{
    wire_begin(&c->message, &(WireHeader){ .program = PROGRAM_KEEPALIVE,
                                           .version = 1,
                                           .procedure = what,
                                           .kind = MSG_EVENT });
    conn_send(c, NULL);
}

/* ---- what comes */

/* The error that a message with STATUS_ERROR carries. */
static void
error_decode(const guint8 *data, gsize len, GError **err)
{
    Arena arena;
    RemoteError remote;

    arena_init(&arena, NULL, 0);
    if (xdr_decode(&RemoteError_type, data, len, &arena, &remote, err))
        error_from_wire(err, remote.code, remote.message);
    arena_done(&arena);
}

/* Who has no use for holes gets none, as only who asks does. */
static void
hole_take(Conn *c, const guint8 *payload, gsize len)
{
    guint64 length;

    if (!c->hole || len < sizeof(length))
        return;
    memcpy(&length, payload, sizeof(length));
    c->hole((gint64)GUINT64_FROM_BE(length), c->hole_user);
}

static void
stream_take(Conn *c, const WireHeader *h, const guint8 *payload, gsize len)
{
    ConnStream *s = &c->stream;

    if (!s->open || h->serial != s->serial || h->procedure != s->procedure)
        return;
    if (h->status == STATUS_CONTINUE && h->kind == MSG_HOLE) {
        hole_take(c, payload, len);
        return;
    }
    if (h->status == STATUS_CONTINUE && len && h->kind == MSG_STREAM) {
        g_byte_array_append(s->input, payload, (guint)len);
        return;
    }
    s->ended = TRUE;
    if (h->status == STATUS_CONTINUE)
        return;
    s->open = FALSE;
    if (h->status == STATUS_ERROR && !s->error)
        error_decode(payload, len, &s->error);
}

static void
conn_take(Conn *c, const WireHeader *h, const guint8 *payload, gsize len)
{
    if (h->program == PROGRAM_KEEPALIVE) {
        if (h->procedure == KEEPALIVE_PING)
            conn_send_keepalive(c, KEEPALIVE_PONG);
        return;
    }
    switch (h->kind) {
    case MSG_REPLY:
    case MSG_REPLY_FDS:
        for (Awaited *a = c->last; a; a = a->before)
            if (h->serial == a->serial && !a->payload) {
                a->answer = *h;
                a->payload = g_bytes_new(payload, len);
            }
        break;
    case MSG_EVENT:
        if (c->tell)
            c->tell(c, h->procedure, h->program, payload, len, c->user);
        break;
    case MSG_STREAM:
    case MSG_HOLE:
        stream_take(c, h, payload, len);
        break;
    }
}

/* Handles every whole message in the buffer. */
static gboolean
conn_take_all(Conn *c, GError **err)
{
    gsize done = 0;
    gssize n;

    while ((n = wire_cut(c->in->data + done, c->in->len - done, NULL)) > 0) {
        WireHeader h;
        wire_header_decode(c->in->data + done, &h);
        conn_take(c, &h, c->in->data + done + WIRE_HEADER, h.size - WIRE_HEADER);
        done += (gsize)n;
    }
    g_byte_array_remove_range(c->in, 0, (guint)done);
    return n < 0 ? conn_fail(c, err, "what it says is not libvirt's remote protocol") : TRUE;
}

static gboolean
conn_read(Conn *c, GError **err)
{
    enum { CHUNK = 65536 };
    guint had = c->in->len;
    ssize_t n;

    g_byte_array_set_size(c->in, had + CHUNK);
    n = recv(c->fd, c->in->data + had, CHUNK, 0);
    g_byte_array_set_size(c->in, had + (guint)MAX(n, 0));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return TRUE;
    if (n <= 0)
        return conn_fail(c, err, n < 0 ? g_strerror(errno) : "it hung up");
    c->heard = g_get_monotonic_time();
    c->pings = 0;
    return conn_take_all(c, err);
}

/* Milliseconds until the next ping is due; -1: never. */
static int
keepalive_due(const Conn *c)
{
    gint64 at = c->heard + (gint64)(c->pings + 1) * c->keepalive.interval * G_USEC_PER_SEC;

    if (!c->keepalive.interval)
        return -1;
    return (int)(MAX(at - g_get_monotonic_time(), 0) / 1000) + 1;
}

static gboolean
keepalive_tick(Conn *c, GError **err)
{
    gint64 silent = g_get_monotonic_time() - c->heard;

    if (!c->keepalive.interval ||
        silent < (gint64)(c->pings + 1) * c->keepalive.interval * G_USEC_PER_SEC)
        return TRUE;
    if (c->pings >= c->keepalive.count)
        return conn_fail(c, err, "it answers no keepalive");
    c->pings++;
    conn_send_keepalive(c, KEEPALIVE_PING);
    return TRUE;
}

gboolean
conn_wait(Conn *c, struct pollfd *others, int n_others, int timeout, GError **err)
{
    struct pollfd fds[4] = { { .fd = c->fd, .events = POLLIN | (c->out->len ? POLLOUT : 0) } };
    int due = keepalive_due(c);

    g_assert(n_others < (int)G_N_ELEMENTS(fds));
    for (int i = 0; i < n_others; i++)
        fds[i + 1] = others[i];
    if (due >= 0 && (timeout < 0 || due < timeout))
        timeout = due;
    if (poll(fds, (nfds_t)n_others + 1, timeout) < 0) {
        if (errno != EINTR)
            return fail_errno(err, errno, "poll");
        fds[0].revents = 0;
    }
    for (int i = 0; i < n_others; i++)
        others[i].revents = fds[i + 1].revents;
    if ((fds[0].revents & POLLOUT) && !conn_write(c, err))
        return FALSE;
    if ((fds[0].revents & ~POLLOUT) && !conn_read(c, err))
        return FALSE;
    return keepalive_tick(c, err);
}

/* ---- calls */

static gboolean
conn_send_call(Conn *c, guint32 program, gint32 procedure, const Procedure *p, gconstpointer args,
               GError **err)
{
    wire_begin(&c->message, &(WireHeader){ .program = program,
                                           .version = 1,
                                           .procedure = procedure,
                                           .kind = MSG_CALL,
                                           .serial = ++c->serial });
    if (!xdr_encode(&c->message, p->args, args, err))
        return FALSE;
    if (p->flags & PROC_STREAM) {
        g_byte_array_set_size(c->stream.input, 0);
        g_clear_error(&c->stream.error);
        c->stream.procedure = procedure;
        c->stream.serial = c->serial;
        c->stream.open = TRUE;
        c->stream.ended = FALSE;
    }
    return conn_send(c, err);
}

/* How often who waits is told. */
#define WAITING_MS 250

void
conn_limit(Conn *c, gint64 until)
{
    c->until = until;
}

/* Milliseconds, at most so many (-1: no limit). */
static int
time_left(const Conn *c, int most)
{
    gint64 left = (c->until - g_get_monotonic_time()) / 1000 + 1;

    return c->until && (most < 0 || left < most) ? (int)CLAMP(left, 0, G_MAXINT) : most;
}

static gboolean
conn_await(Conn *c, Awaited *a, GError **err)
{
    gboolean ok = TRUE;

    a->before = c->last;
    c->last = a;
    while (ok && !a->payload) {
        gboolean tells = c->waiting && !a->before;
        ok = conn_wait(c, NULL, 0, time_left(c, tells ? WAITING_MS : -1), err);
        if (ok && tells && !a->payload)
            c->waiting(c->waiting_user);
        if (ok && !a->payload && c->until && g_get_monotonic_time() >= c->until)
            ok = conn_fail(c, err, "it takes too long to answer");
    }
    c->last = a->before;
    return ok;
}

void
conn_on_waiting(Conn *c, ConnWaiting tell, gpointer user)
{
    c->waiting = tell;
    c->waiting_user = user;
}

gboolean
conn_call(Conn *c, guint32 program, gint32 procedure, gconstpointer args, Arena *arena,
          gpointer ret, GError **err)
{
    const Procedure *p = procedure_find(program, procedure);
    g_autoptr(GBytes) payload = NULL;
    Awaited a = { 0 };
    const guint8 *data;
    guint8 nothing;
    gsize len;

    g_assert(p && (ret || !p->ret->size));
    if (!conn_send_call(c, program, procedure, p, args, err))
        return FALSE;
    a.serial = c->serial;
    if (!conn_await(c, &a, err))
        return FALSE;
    payload = a.payload;
    data = g_bytes_get_data(payload, &len);
    if (a.answer.status == STATUS_OK)
        return xdr_decode(p->ret, data, len, arena, ret ? ret : &nothing, err);
    if (p->flags & PROC_STREAM)
        c->stream.open = FALSE;
    error_decode(data, len, err);
    return FALSE;
}

static gboolean
conn_authenticate(Conn *c, Arena *arena, GError **err)
{
    AuthListRet list;
    AuthPolkitRet polkit;
    g_autoptr(GError) why = NULL;

    if (!conn_call(c, PROGRAM_REMOTE, PROC_AUTH_LIST, NULL, arena, &list, &why)) {
        if (error_is(why, ERR_NO_SUPPORT))
            return TRUE;
        g_propagate_error(err, g_steal_pointer(&why));
        return FALSE;
    }
    if (!list.types.n || list.types.v[0] == AUTH_NONE)
        return TRUE;
    if (list.types.v[0] != AUTH_POLKIT)
        return fail(err, ERR_AUTH_UNAVAILABLE, "the server asks for SASL, which vmsh does not do");
    return conn_call(c, PROGRAM_REMOTE, PROC_AUTH_POLKIT, NULL, arena, &polkit, err);
}

gboolean
conn_start(Conn *c, const char *name, gboolean readonly, const KeepAlive *keepalive, GError **err)
{
    ConnectSupportsFeatureArgs ask = { .feature = FEATURE_KEEPALIVE };
    ConnectSupportsFeatureRet answer = { 0 };
    ConnectOpenArgs open = { .name = name, .flags = readonly };
    Arena arena;
    gboolean ok;

    arena_init(&arena, NULL, 0);
    ok = conn_authenticate(c, &arena, err);
    if (ok && keepalive->interval &&
        conn_call(c, PROGRAM_REMOTE, PROC_CONNECT_SUPPORTS_FEATURE, &ask, &arena, &answer, NULL) &&
        answer.supported)
        c->keepalive = *keepalive;
    ok = ok && conn_call(c, PROGRAM_REMOTE, PROC_CONNECT_OPEN, &open, &arena, NULL, err);
    arena_done(&arena);
    return ok;
}

/* ---- the stream */

GByteArray *
conn_stream_input(Conn *c)
{
    return c->stream.input;
}

gboolean
conn_stream_ended(const Conn *c)
{
    return c->stream.ended;
}

gboolean
conn_stream_check(Conn *c, GError **err)
{
    if (!c->stream.error)
        return TRUE;
    g_propagate_error(err, g_steal_pointer(&c->stream.error));
    return FALSE;
}

static gboolean
stream_send_packet(Conn *c, guint32 status, const void *data, gsize len, GError **err)
{
    wire_begin(&c->message, &(WireHeader){ .program = PROGRAM_REMOTE,
                                           .version = 1,
                                           .procedure = c->stream.procedure,
                                           .kind = MSG_STREAM,
                                           .serial = c->stream.serial,
                                           .status = status });
    wire_put(&c->message, data, len);
    return conn_send(c, err);
}

void
conn_stream_send(Conn *c, const void *data, gsize len)
{
    for (gsize at = 0; c->stream.open && at < len; at += WIRE_STREAM_CHUNK)
        stream_send_packet(c, STATUS_CONTINUE, (const guint8 *)data + at,
                           MIN(len - at, WIRE_STREAM_CHUNK), NULL);
}

void
conn_stream_send_hole(Conn *c, gint64 length)
{
    const guint32 hole[] = { GUINT32_TO_BE((guint32)((guint64)length >> 32)),
                             GUINT32_TO_BE((guint32)length), 0 };

    if (!c->stream.open)
        return;
    wire_begin(&c->message, &(WireHeader){ .program = PROGRAM_REMOTE,
                                           .version = 1,
                                           .procedure = c->stream.procedure,
                                           .kind = MSG_HOLE,
                                           .serial = c->stream.serial,
                                           .status = STATUS_CONTINUE });
    wire_put(&c->message, hole, sizeof(hole));
    conn_send(c, NULL);
}

static gboolean
stream_close(Conn *c, guint32 status, GError **err)
{
    if (c->stream.open && !stream_send_packet(c, status, NULL, 0, err))
        return FALSE;
    while (c->stream.open)
        if (!conn_wait(c, NULL, 0, -1, err))
            return FALSE;
    return conn_stream_check(c, err);
}

gboolean
conn_stream_finish(Conn *c, GError **err)
{
    return stream_close(c, STATUS_OK, err);
}

gboolean
conn_stream_abort(Conn *c, GError **err)
{
    return stream_close(c, STATUS_ERROR, err);
}
