/* One call: let in or refused, decoded, handed to its method, answered, forgotten. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit.h"
#include "qemu/qemu.h"
#include "rpc_priv.h"

/* With its arena a call fits in one small allocation, and most calls need no other. */
#define CALL_SIZE 1024

/* Calls that have waited begin again for so long at a time. */
#define UNPARK_US 1000

struct Call {
    Client *client; /* NULL: it is gone, the answer has no audience */
    Server *server;
    GList link; /* in client->calls */
    Account *account;
    GList parked; /* in server->parked, while it waits to begin */
    gboolean is_parked, holds_errand;
    const Procedure *procedure;
    const Slot *slot;
    Found found;
    AccessCase access;
    GArray *groups;  /* of gid_t, of who asks; NULL: none */
    guint64 awaited; /* ticket of what it waits for before it is asked again; 0: nothing */
    guint again;     /* source: it is asked again */
    WireHeader header;
    gpointer in;
    const char *asker;
    TaskOwner who;
    int *fds;
    guint n_fds;
    GBytes *question; /* of an answer that is kept: its arguments as they came */
    GList asking;     /* in server->asking, until it is answered */
    gboolean is_asking;
    SliceFn slice;
    gpointer slice_user;
    guint slices; /* idle */
    guint64 client_id;
    Creds creds;
    Arena arena;
};

static void
fds_let_go(Call *c)
{
    for (; c->n_fds > 0; c->n_fds--) {
        account_give_back(c->account, BUDGET_DESCRIPTORS, 1);
        account_discard(c->fds[c->n_fds - 1], c->account);
    }
}

static void
stop_asking(Call *c)
{
    if (c->is_asking)
        g_queue_unlink(&c->server->asking, &c->asking);
    c->is_asking = FALSE;
}

static void
call_free(Call *c)
{
    account_give_back(c->account, BUDGET_CALLS, 1);
    account_give_back(c->account, BUDGET_INPUT, c->header.size);
    if (c->client) {
        g_queue_unlink(&c->client->calls, &c->link);
        client_update_flow(c->client);
    }
    if (c->is_parked)
        g_queue_unlink(&c->server->parked, &c->parked);
    stop_asking(c);
    if (c->holds_errand)
        account_give_back(c->account, BUDGET_ERRANDS, 1);
    fds_let_go(c);
    if (c->awaited)
        qemu_await_end(c->awaited);
    g_clear_handle_id(&c->again, g_source_remove);
    g_clear_handle_id(&c->slices, g_source_remove);
    g_clear_pointer(&c->question, g_bytes_unref);
    account_unref(c->account);
    object_unref(c->found.object);
    access_case_done(&c->access);
    g_clear_pointer(&c->groups, g_array_unref);
    if (c->slot->method->wiped) {
        arena_wipe(&c->arena);
        explicit_bzero(c + 1, CALL_SIZE - sizeof(*c));
    }
    arena_done(&c->arena);
    g_free(c);
}

/* A call that is to be asked again has done nothing yet, and nobody may say yes to one whose client
 * has left before it was allowed. */
void
call_forget_client(Call *c)
{
    gboolean goes = c->access.waiting || c->is_parked || c->awaited || c->again;

    c->client = NULL;
    stop_asking(c); /* its answer goes nowhere, and is not kept */
    if (goes)
        call_free(c);
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

const TaskOwner *
call_who(Call *c)
{
    c->who = (TaskOwner){ .uid = c->creds.uid, .words = call_asker(c) };
    return &c->who;
}

/* Sockets alone, and none whose other end is ours: one that holds itself open is never closed. What
 * it is is asked of the socket, as fstat may wait for a file server. */
int
call_socket(const Call *c, guint i, GError **err)
{
    struct ucred peer = { 0 };
    socklen_t len = sizeof(peer);

    if (i >= c->n_fds)
        fail(err, ERR_INVALID_ARG, "a descriptor must come with the call");
    else if (getsockopt(c->fds[i], SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        fail(err, ERR_INVALID_ARG, "the descriptor is no socket");
    else if (peer.pid == getpid())
        fail(err, ERR_INVALID_ARG, "the descriptor is a connection to this daemon");
    else
        return c->fds[i];
    return -1;
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

/* ---- answers that are dear and seldom change: the same question gets the same bytes for a second
 */

#define KEPT_US           G_USEC_PER_SEC
#define KEPT_MAX          32
#define KEPT_SIZE         ((gsize)256 * 1024)
#define KEPT_QUESTION_MAX 4096

typedef struct Kept {
    const Procedure *procedure;
    GBytes *question, *answer;
    gint64 until;
} Kept;

static void
kept_free(Kept *k)
{
    g_bytes_unref(k->question);
    g_bytes_unref(k->answer);
    g_free(k);
}

void
kept_clear(Server *s)
{
    g_queue_clear_full(&s->kept, (GDestroyNotify)kept_free);
}

/* They are all kept equally long, so the oldest are those that are over. */
static void
kept_put(Call *c)
{
    const WireBuf *out = &c->server->out;
    Kept *k;

    if (out->len > KEPT_SIZE)
        return;
    if (c->server->kept.length == KEPT_MAX)
        kept_free(g_queue_pop_head(&c->server->kept));
    k = g_new(Kept, 1);
    *k = (Kept){ c->procedure, g_bytes_ref(c->question),
                 g_bytes_new(out->data + WIRE_HEADER, out->len - WIRE_HEADER),
                 g_get_monotonic_time() + KEPT_US };
    g_queue_push_tail(&c->server->kept, k);
}

static const Kept *
kept_find(const Call *c)
{
    GQueue *kept = &c->server->kept;
    gint64 now = g_get_monotonic_time();

    while (kept->head && ((Kept *)kept->head->data)->until < now)
        kept_free(g_queue_pop_head(kept));
    for (GList *l = kept->head; l; l = l->next) {
        const Kept *k = l->data;
        if (k->procedure == c->procedure && g_bytes_equal(k->question, c->question))
            return k;
    }
    return NULL;
}

static gconstpointer
argument(const Call *c, gsize offset)
{
    return c->in ? (const guint8 *)c->in + offset : NULL; /* a procedure without arguments */
}

static gboolean
is_write(const Call *c)
{
    const Procedure *p = c->procedure;

    if (p->flags & PROC_WRITE)
        return TRUE;
    return p->write_bits && c->in &&
           (*(const guint32 *)argument(c, p->write_offset) & p->write_bits);
}

/* Every call that changes things comes by here once, with the end of it. */
static void
audit(const Call *c, gconstpointer out, const GError *err)
{
    const Audit a = { c->procedure, &c->creds, c->client_id, c->found.object, c->in, out, err };

    if (c->server->settings->audit && is_write(c))
        audit_log(&a);
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
    audit(c, message, NULL);
    if (c->client && encode_reply(c, message, n_fds, &err)) {
        if (c->question)
            kept_put(c);
        if (c->slot->method->wiped)
            client_send_secret(c->client, &c->server->out);
        else
            client_send(c->client, &c->server->out);
        for (guint i = 0; i < n_fds; i++)
            lines_send_fd(c->client->lines, fds[i], 0);
    } else if (c->client) {
        send_error(c->client, &c->header, (int)c->procedure->family, err);
    }
    call_free(c);
}

static gboolean
is_asked(const Call *c)
{
    for (GList *l = c->server->asking.head; l; l = l->next) {
        const Call *other = l->data;
        if (other != c && other->procedure == c->procedure &&
            g_bytes_equal(other->question, c->question))
            return TRUE;
    }
    return FALSE;
}

/* TRUE: it is answered as another was a moment ago. */
static gboolean
answer_kept(Call *c)
{
    const Kept *k = c->question && c->client ? kept_find(c) : NULL;
    WireBuf *out = &c->server->out;
    gconstpointer bytes;
    gsize len;

    if (!k)
        return FALSE;
    bytes = g_bytes_get_data(k->answer, &len);
    answer_begin(out, &c->header, MSG_REPLY, STATUS_OK);
    wire_put(out, bytes, len);
    if (wire_end(out, NULL))
        client_send(c->client, out);
    call_free(c);
    return TRUE;
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

static void call_dispatch(gpointer user);

static gboolean
on_again(gpointer user)
{
    Call *c = user;

    c->again = 0;
    call_dispatch(c);
    return G_SOURCE_REMOVE;
}

/* Many may have waited for the same: each has its own turn of the loop. */
static void
on_known(gpointer user)
{
    Call *c = user;

    c->awaited = 0;
    c->again = g_idle_add_full(G_PRIORITY_DEFAULT, on_again, c, NULL);
}

/* A call that failed for want of something that is being found out is asked again from the top. */
static gboolean
call_await(Call *c, const GError *err)
{
    const char *awaited = error_awaited(err);

    if (awaited && c->client)
        c->awaited = qemu_await(awaited, on_known, c);
    return c->awaited != 0;
}

void
call_fail_from(Call *c, int from, GError *err)
{
    if (call_await(c, err)) {
        g_error_free(err);
        return;
    }
    audit(c, NULL, err);
    if (c->client)
        send_error(c->client, &c->header, from, err);
    g_error_free(err);
    call_free(c);
}

/* Who speaks when a method fails. */
static int
origin_of(const GError *err, Family family)
{
    gboolean document = error_origin(err) == ORIGIN_DOCUMENT;

    if (family == FAMILY_CONNECT || family == FAMILY_DOMAIN)
        return document ? (int)FAMILY_DOMAIN : FROM_QEMU;
    return (int)family;
}

void
call_fail(Call *c, GError *err)
{
    call_fail_from(c, origin_of(err, c->procedure->family), err);
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

static const Slot *
slot_find(const Server *s, const WireHeader *h)
{
    if (h->program == PROGRAM_VMD)
        return &s->own[h->procedure];
    return h->program == PROGRAM_QEMU ? &s->qemu[h->procedure] : &s->remote[h->procedure];
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
    if (!slot_find(c->server, h)->method)
        return fail(err, ERR_NO_SUPPORT, "%s", p->name);
    return TRUE;
}

static guint32
flags_of(const Call *c)
{
    gint32 offset = c->slot->flags_offset;

    return offset < 0 ? 0 : *(const guint32 *)argument(c, (gsize)offset);
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
        account_charge(c->account, BUDGET_DESCRIPTORS, 1);
    }
    return account_check(c->account, BUDGET_DESCRIPTORS, 0, err);
}

/* A stream has a descriptor for as long as it lasts. */
static gboolean
has_room_for_stream(Call *c, GError **err)
{
    return !(c->procedure->flags & (PROC_UPLOAD | PROC_DOWNLOAD)) ||
           account_check(c->account, BUDGET_DESCRIPTORS, 1, err);
}

static gboolean
call_decode(Call *c, const guint8 *payload, gsize len, GError **err)
{
    if (!take_fds(c, &payload, &len, err) || !has_room_for_stream(c, err))
        return FALSE;
    if (c->slot->method->kept && len <= KEPT_QUESTION_MAX)
        c->question = g_bytes_new(payload, len);
    c->in = arena_alloc(&c->arena, 1, c->procedure->args->size);
    return xdr_decode_call(c->procedure->args, payload, len, &c->arena, c->in, err);
}

/* The frame is its reader's own, who is done with it after this. */
static void
wipe_frame(const Call *c, const guint8 *payload, gsize len)
{
    explicit_bzero((guint8 *)payload, len);
    if (c->client->lines)
        lines_wipe_input(c->client->lines);
}

/* ---- from the top: once for most calls, and again when somebody has said who may */

static gboolean
flags_check(const Call *c, GError **err)
{
    guint32 unknown = flags_of(c) & ~c->slot->method->flags;

    return !unknown || fail(err, ERR_INVALID_ARG, "unsupported flags (0x%x) in %s", unknown,
                            c->procedure->name);
}

static gboolean
find_subject(Call *c, GError **err)
{
    object_unref(c->found.object);
    c->found = (Found){ 0 };
    return c->slot->method->subject->find(argument(c, c->slot->subject_offset), &c->found, err);
}

static gboolean
is_needed(const Call *c, const Need *need)
{
    enum { LIVE = 1, CONFIG = 2 };
    guint32 flags = flags_of(c);

    switch (need->when) {
    case NEED_ALWAYS:
        return TRUE;
    case NEED_TO_WRITE:
        return is_write(c);
    case NEED_IF_FLAGS:
        return (flags & need->flags) != 0;
    case NEED_TO_CHANGE:
        return flags & CONFIG || !(flags & LIVE);
    }
    return TRUE;
}

static AccessAnswer
ask_rights(Call *c, GError **err)
{
    AccessAnswer answer = ACCESS_YES;

    for (gsize i = 0; i < NEEDS_MAX && answer == ACCESS_YES; i++) {
        const Need *need = &c->slot->method->needs[i];
        AccessQuestion q = { &c->creds, c->groups, need->right, c->found.object };
        if (need->right != RIGHT_NONE && is_needed(c, need))
            answer = access_check(&c->access, &q, err);
    }
    return answer;
}

static void
park(Call *c)
{
    g_queue_push_tail_link(&c->server->parked, &c->parked);
    c->is_parked = TRUE;
    server_ask_room(c->server);
}

/* A call that sends an errand waits until there is room for one more, and one that asks what
 * another is asking just now waits for that one's answer. */
static gboolean
may_begin(const Call *c)
{
    if (c->question && is_asked(c))
        return FALSE;
    return !c->slot->method->errand || c->holds_errand ||
           account_has_room(c->account, BUDGET_ERRANDS, 1);
}

/* What a call that is asked again had, it has still: it kept others waiting meanwhile. */
static gboolean
begin(Call *c)
{
    if (!may_begin(c)) {
        account_slowed(c->account, c->question ? BUDGET_CALLS : BUDGET_ERRANDS);
        park(c);
        return FALSE;
    }
    if (c->question && !c->is_asking) {
        g_queue_push_tail_link(&c->server->asking, &c->asking);
        c->is_asking = TRUE;
    }
    if (c->slot->method->errand && !c->holds_errand) {
        account_charge(c->account, BUDGET_ERRANDS, 1);
        c->holds_errand = TRUE;
    }
    return TRUE;
}

/* What needs no object is settled before one is looked for, as clients expect of the errors. */
static void
call_dispatch(gpointer user)
{
    Call *c = user;
    const Method *m = c->slot->method;
    g_autoptr(GError) err = NULL;

    if (is_write(c) && !access_may_write(&c->creds, c->procedure->name, c->server->who_may, &err)) {
        call_fail_from(c, (int)c->procedure->family, g_steal_pointer(&err));
        return;
    }
    if (flags_check(c, &err) && find_subject(c, &err) && ask_rights(c, &err) == ACCESS_ASK)
        return; /* it comes back here with the answer */
    if (err)
        call_fail(c, g_steal_pointer(&err));
    else if (!answer_kept(c) && begin(c))
        m->subject->run(m, c, &c->found);
}

/* The objects may have changed meanwhile: such a call starts from the top. */
void
calls_unpark(Server *s)
{
    gint64 until = g_get_monotonic_time() + UNPARK_US;
    GList *next;

    for (GList *l = s->parked.head; l && g_get_monotonic_time() < until; l = next) {
        Call *c = l->data;
        next = l->next;
        if (!may_begin(c))
            continue;
        g_queue_unlink(&s->parked, &c->parked);
        c->is_parked = FALSE;
        call_dispatch(c);
    }
}

static Call *
call_new(Client *client, const WireHeader *h, const Procedure *p)
{
    Call *c = g_malloc(CALL_SIZE);

    *c = (Call){
        .client = client,
        .server = client->server,
        .account = account_ref(client->account),
        .procedure = p,
        .slot = slot_find(client->server, h),
        .access = { .again = call_dispatch, .user = c },
        .header = *h,
        .client_id = client->state.id,
        .creds = client->state.creds,
        .groups = client->groups ? g_array_ref(client->groups) : NULL,
    };
    arena_init(&c->arena, c + 1, CALL_SIZE - sizeof(*c));
    c->link.data = c;
    c->parked.data = c;
    c->asking.data = c;
    g_queue_push_tail_link(&client->calls, &c->link);
    account_charge(c->account, BUDGET_CALLS, 1);
    account_charge(c->account, BUDGET_INPUT, h->size);
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
            if (unwanted >= 0)
                account_discard(unwanted, client->account);
        }
        call_refuse(client, h, from, g_steal_pointer(&err));
        return;
    }
    Call *c = call_new(client, h, p);
    gboolean fits = call_decode(c, payload, len, &err);
    if (c->slot->method->wiped)
        wipe_frame(c, payload, len);
    if (fits)
        call_dispatch(c);
    else
        call_fail_from(c, FROM_RPC, g_steal_pointer(&err));
}

/* ---- answers that are made in slices */

static gboolean
on_slice(gpointer user)
{
    Call *c = user;
    Account *a = c->account;
    guint64 connection = c->client_id;
    gint64 began = g_get_monotonic_time();
    gboolean more;

    if (!account_may_run(a, connection, g_source_get_time(g_main_current_source())))
        return G_SOURCE_CONTINUE;
    account_ref(a); /* with the answer c is gone */
    more = c->slice(c->slice_user);
    account_ran(a, connection, g_get_monotonic_time() - began);
    account_unref(a);
    return more;
}

void
call_in_slices(Call *c, SliceFn slice, gpointer user)
{
    c->slice = slice;
    c->slice_user = user;
    c->slices = g_idle_add_full(G_PRIORITY_DEFAULT, on_slice, c, NULL);
}

/* ---- streams begin with a call */

Stream *
call_open_stream(Call *c, const StreamOps *ops, gpointer user)
{
    return c->client ? stream_new(c->client, &c->header, ops, user) : NULL;
}
