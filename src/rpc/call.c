/* One call: let in or refused, decoded, handed to its method, answered, forgotten. */
#include <string.h>

#include "rpc_priv.h"

/* With its arena a call fits in one small allocation, and most calls need no other. */
#define CALL_SIZE 1024

struct Call {
    Client *client; /* NULL: it is gone, the answer has no audience */
    Server *server;
    GList link; /* in client->calls */
    const Procedure *procedure;
    WireHeader header;
    gpointer in;
    const char *asker;
    int *fds;
    guint n_fds;
    guint64 client_id;
    Creds creds;
    Arena arena;
};

static void
call_free(Call *c)
{
    if (c->client) {
        g_queue_unlink(&c->client->calls, &c->link);
        client_update_flow(c->client);
    }
    for (guint i = 0; i < c->n_fds; i++)
        fd_close(&c->fds[i]);
    arena_done(&c->arena);
    g_free(c);
}

void
call_forget_client(Call *c)
{
    c->client = NULL;
}

/* ---- what handlers ask */

gconstpointer
call_in(const Call *c)
{
    return c->in;
}

Arena *
call_arena(Call *c)
{
    return &c->arena;
}

Client *
call_client(const Call *c)
{
    return c->client;
}

Server *
call_server(const Call *c)
{
    return c->server;
}

guint
call_flags(const Call *c)
{
    return c->procedure->flags;
}

const char *
call_asker(Call *c)
{
    if (!c->asker) {
        g_autofree char *text = g_strdup_printf("client %" G_GUINT64_FORMAT " (pid %d, uid %u)",
                                                c->client_id, (int)c->creds.pid,
                                                (guint)c->creds.uid);
        c->asker = arena_strdup(&c->arena, text);
    }
    return c->asker;
}

int
call_fd(const Call *c, guint i)
{
    return i < c->n_fds ? c->fds[i] : -1;
}

guint
call_n_fds(const Call *c)
{
    return c->n_fds;
}

/* ---- answers */

static void
answer_begin(WireBuf *out, const WireHeader *call, MessageKind kind, MessageStatus status)
{
    WireHeader h = *call;

    h.kind = kind;
    h.status = status;
    wire_begin(out, &h);
}

void
error_fill(const GError *err, int from, Arena *a, RemoteError *ret)
{
    WireError wire;

    error_to_wire(err, &wire);
    *ret = (RemoteError){
        .code = wire.code,
        .domain = wire.from ? wire.from : from,
        .message = arena_strdup(a, wire.message),
        .level = 2,
        .str1 = arena_strdup(a, wire.message),
        .str2 = arena_strdup(a, wire.detail),
        .int1 = wire.saved_errno,
        .int2 = -1,
    };
    wire_error_done(&wire);
}

static void
send_error(Client *c, const WireHeader *h, int from, const GError *err)
{
    WireBuf *out = &c->server->out;
    RemoteError e;
    Arena a;

    arena_init(&a, NULL, 0);
    error_fill(err, from, &a, &e);
    answer_begin(out, h, MSG_REPLY, STATUS_ERROR);
    if (xdr_encode(out, &RemoteError_type, &e, NULL) && wire_end(out, NULL))
        client_send(c, out);
    arena_done(&a);
}

void
call_refuse(Client *c, const WireHeader *h, int from, GError *err)
{
    send_error(c, h, from, err);
    g_error_free(err);
}

static gboolean
encode_reply(Call *c, gconstpointer message, guint n_fds, GError **err)
{
    WireBuf *out = &c->server->out;

    answer_begin(out, &c->header, n_fds ? MSG_REPLY_FDS : MSG_REPLY, STATUS_OK);
    if (n_fds)
        wire_put_u32(out, n_fds);
    return xdr_encode(out, c->procedure->ret, message, err) && wire_end(out, err);
}

void
call_reply_fds(Call *c, gconstpointer message, gsize size, const int *fds, guint n_fds)
{
    g_autoptr(GError) err = NULL;

    g_assert(size == c->procedure->ret->size && n_fds <= WIRE_FDS_MAX);
    if (c->client && encode_reply(c, message, n_fds, &err)) {
        client_send(c->client, &c->server->out);
        for (guint i = 0; i < n_fds; i++)
            lines_send_fd(c->client->lines, fds[i], 0);
    } else if (c->client) {
        send_error(c->client, &c->header, (int)c->procedure->family, err);
    }
    call_free(c);
}

void
call_reply_sized(Call *c, gconstpointer out, gsize size)
{
    call_reply_fds(c, out, size, NULL, 0);
}

void
call_reply_none(Call *c)
{
    call_reply_fds(c, "", 0, NULL, 0);
}

void
call_fail_from(Call *c, int from, GError *err)
{
    if (c->client)
        send_error(c->client, &c->header, from, err);
    g_error_free(err);
    call_free(c);
}

/* Who speaks when a method fails: the driver behind the object. */
static int
driver_of(Family family)
{
    return family == FAMILY_CONNECT || family == FAMILY_DOMAIN ? FROM_QEMU : (int)family;
}

void
call_fail(Call *c, GError *err)
{
    call_fail_from(c, driver_of(c->procedure->family), err);
}

void
call_end(Call *c, gboolean ok, GError **err)
{
    if (ok)
        call_reply_none(c);
    else
        call_fail(c, g_steal_pointer(err));
}

void
call_done(Call *c, const GError *err)
{
    if (err)
        call_fail(c, g_error_copy(err));
    else
        call_reply_none(c);
}

/* ---- dispatch */

static MethodRun
method_find(const Server *s, const WireHeader *h)
{
    return h->program == PROGRAM_QEMU ? s->qemu[h->procedure] : s->remote[h->procedure];
}

static const Procedure *
procedure_of(const WireHeader *h, GError **err)
{
    const Procedure *p = procedure_find(h->program, h->procedure);

    if (!procedure_max(h->program) || h->version != 1) {
        fail(err, ERR_RPC, "unknown program %#x version %u", h->program, h->version);
        return NULL;
    }
    if (!p || (p->flags & PROC_EVENT)) {
        /* Clients recognise an older daemon by how this sentence begins. */
        fail(err, ERR_RPC, "unknown procedure: %d", h->procedure);
        return NULL;
    }
    return p;
}

/* May this client call it at all? *ret_from: who refuses. */
static gboolean
let_in(const Client *c, const WireHeader *h, const Procedure *p, int *ret_from, GError **err)
{
    *ret_from = FROM_RPC;
    if (h->status != STATUS_OK)
        return fail(err, ERR_RPC, "a call with status %u", h->status);
    if (!c->state.authenticated && !(p->flags & PROC_ANON))
        return fail(err, ERR_RPC, "authentication is required before %s", p->name);
    if (!c->state.opened && !(p->flags & PROC_EARLY))
        return fail(err, ERR_INTERNAL, "%s before CONNECT_OPEN", p->name);
    *ret_from = (int)p->family;
    if (!method_find(c->server, h))
        return fail(err, ERR_NO_SUPPORT, "%s", p->name);
    return TRUE;
}

static gboolean
is_write(const Procedure *p, gconstpointer in)
{
    if (p->flags & PROC_WRITE)
        return TRUE;
    return p->write_bits &&
           (*(const guint32 *)((const guint8 *)in + p->write_offset) & p->write_bits);
}

/* wire_cut has seen to it that the count is there and sane. */
static guint32
fds_announced(const WireHeader *h, const guint8 *payload)
{
    guint32 n = 0;

    if (h->kind == MSG_CALL_FDS)
        memcpy(&n, payload, 4);
    return GUINT32_FROM_BE(n);
}

static gboolean
take_fds(Call *c, const guint8 **payload, gsize *len, GError **err)
{
    guint32 n = fds_announced(&c->header, *payload);

    if (c->header.kind != MSG_CALL_FDS)
        return TRUE;
    *payload += 4;
    *len -= 4;
    c->fds = arena_new(&c->arena, int, n);
    for (; c->n_fds < n; c->n_fds++) {
        c->fds[c->n_fds] = lines_take_fd(c->client->lines);
        if (c->fds[c->n_fds] < 0)
            return fail(err, ERR_RPC, "%u descriptors announced, %u came", n, c->n_fds);
    }
    return TRUE;
}

static gboolean
call_decode(Call *c, const guint8 *payload, gsize len, int *ret_from, GError **err)
{
    *ret_from = FROM_RPC;
    if (!take_fds(c, &payload, &len, err))
        return FALSE;
    c->in = arena_alloc(&c->arena, 1, c->procedure->args->size);
    if (!xdr_decode(c->procedure->args, payload, len, &c->arena, c->in, err))
        return FALSE;
    *ret_from = (int)c->procedure->family;
    return access_check(&c->client->state.creds,
                        is_write(c->procedure, c->in) ? ACCESS_WRITE : ACCESS_READ,
                        c->procedure->name, err);
}

static Call *
call_new(Client *client, const WireHeader *h, const Procedure *p)
{
    Call *c = g_malloc(CALL_SIZE);

    *c = (Call){
        .client = client,
        .server = client->server,
        .procedure = p,
        .header = *h,
        .client_id = client->state.id,
        .creds = client->state.creds,
    };
    arena_init(&c->arena, c + 1, CALL_SIZE - sizeof(*c));
    c->link.data = c;
    g_queue_push_tail_link(&client->calls, &c->link);
    return c;
}

void
call_receive(Client *client, const WireHeader *h, const guint8 *payload, gsize len)
{
    g_autoptr(GError) err = NULL;
    int from = FROM_RPC;
    const Procedure *p = procedure_of(h, &err);

    if (!p || !let_in(client, h, p, &from, &err)) {
        /* Descriptors queue up in order: those of a refused call must not reach the next one. */
        for (guint32 n = fds_announced(h, payload); n > 0; n--) {
            int unwanted = lines_take_fd(client->lines);
            fd_close(&unwanted);
        }
        call_refuse(client, h, from, g_steal_pointer(&err));
        return;
    }
    Call *c = call_new(client, h, p);
    if (!call_decode(c, payload, len, &from, &err))
        call_fail_from(c, from, g_steal_pointer(&err));
    else
        method_find(client->server, h)(c);
}

/* ---- streams begin with a call */

Stream *
call_open_stream(Call *c, const StreamOps *ops, gpointer user)
{
    return c->client ? stream_new(c->client, &c->header, ops, user) : NULL;
}
