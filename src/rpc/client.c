/* One peer: its frames go to calls and streams, its flow is held within bounds, its pings are
 * answered. Nothing here waits. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qemu/qemu.h"
#include "rpc_priv.h"

/* With more than this unsent no call is read, or a quarter of the budget where that is less; it is
 * read again below the low mark of base. */
#define QUEUE_SOFT_MAX ((gsize)1024 * 1024)

/* What cannot be handled yet is held, so that pings are still read and answered; with more than
 * this held, or a quarter of the budget, the client is not read. */
#define HELD_MAX ((gsize)1024 * 1024)

/* Half a message that is no more than this costs nobody anything. */
#define PARTIAL_FREE 8192

/* A turn of one connection, in one round of the loop. */
#define TURN_FRAMES 64
#define TURN_US     500

#define PING_SECONDS 5
#define PING_MAX     5

void
registration_clear(gpointer registration)
{
    Registration *r = registration;

    g_clear_pointer(&r->name, g_free);
}

/* ---- domains that should end with it */

static void
on_left_destroyed(Vm *vm, const GError *err, gpointer user)
{
    if (err)
        log_warning("a domain that should end with its client runs on: %s", err->message);
}

void
client_left_domain(Vm *vm)
{
    if (vm_is_active(vm))
        vm_destroy(vm, 0, "the client that started it has left", on_left_destroyed, NULL);
}

static void
destroy_owned(const ClientState *state)
{
    for (guint i = 0; i < state->owned->len; i++) {
        const Owned *owned = &g_array_index(state->owned, Owned, i);
        Vm *vm = vm_find_uuid(owned->uuid);
        if (vm && vm_object(vm)->id == owned->id)
            client_left_domain(vm);
    }
}

/* ---- life */

/* Its calls that run on without an audience have their own part in the account. */
static void
close_account(Client *c)
{
    account_give_back(c->account, BUDGET_CONNECTIONS, 1);
    account_give_back(c->account, BUDGET_DESCRIPTORS, 1);
    account_give_back(c->account, BUDGET_REGISTRATIONS, c->state.registrations->len);
    account_give_back(c->account, BUDGET_INPUT, c->held_bytes + c->partial);
    account_give_back(c->account, BUDGET_OUTPUT, c->counted_output);
}

void
client_free(Client *c)
{
    c->dropped = TRUE;
    g_clear_handle_id(&c->ping_timer, g_source_remove);
    g_clear_handle_id(&c->drop_idle, g_source_remove);
    g_clear_handle_id(&c->missed_timer, g_source_remove);
    g_clear_handle_id(&c->held_idle, g_source_remove);
    for (gsize i = 0; i < G_N_ELEMENTS(c->held); i++)
        g_queue_clear_full(&c->held[i], (GDestroyNotify)g_bytes_unref);
    while (c->calls.head) {
        GList *link = g_queue_pop_head_link(&c->calls);
        call_forget_client(link->data);
    }
    while (c->streams.head)
        stream_forget_client(c->streams.head->data);
    server_forget(c->server, c);
    close_account(c);
    lines_free(c->lines);
    account_unref(c->account);
    destroy_owned(&c->state);
    g_clear_pointer(&c->groups, g_array_unref);
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

static gsize
soft_max(const Client *c)
{
    return MIN(QUEUE_SOFT_MAX, account_limit(c->account, BUDGET_OUTPUT) / 4);
}

static void
count_output(Client *c)
{
    gsize queued = lines_queued(c->lines);

    if (queued > c->counted_output)
        account_charge(c->account, BUDGET_OUTPUT, queued - c->counted_output);
    else
        account_give_back(c->account, BUDGET_OUTPUT, c->counted_output - queued);
    c->counted_output = queued;
}

/* A client over its own budget has not read for long, and when all together are over theirs, those
 * go that hold much. One answer, however large, is sent to everybody. */
static gboolean
reads_its_answers(Client *c)
{
    gsize queued = lines_queued(c->lines);

    if (queued == 0)
        return TRUE;
    return account_has_own_room(c->account, BUDGET_OUTPUT, 0) &&
           (queued <= soft_max(c) || account_has_room(c->account, BUDGET_OUTPUT, 0));
}

static void
send_by(Client *c, const WireBuf *message, void (*send)(Lines *lines, const void *data, gsize len))
{
    if (c->dropped || !c->lines)
        return;
    if (reads_its_answers(c)) {
        send(c->lines, message->data, message->len);
        count_output(c);
        return;
    }
    log_warning("client %" G_GUINT64_FORMAT " (uid %u) does not read its answers: %zu bytes wait",
                c->state.id, (guint)c->state.creds.uid, lines_queued(c->lines));
    account_dropped(c->account, BUDGET_OUTPUT);
    c->dropped = TRUE;
    /* The sender may stand on this client's stack of calls and streams. */
    if (!c->busy)
        c->drop_idle = g_idle_add(on_idle_drop, c);
}

void
client_send(Client *c, const WireBuf *message)
{
    send_by(c, message, lines_send);
}

void
client_send_secret(Client *c, WireBuf *message)
{
    send_by(c, message, lines_send_secret);
    explicit_bzero(message->data, message->len);
}

/* ---- what must wait */

/* What calls under way have brought; with none under way there would be no end to wait for. */
static gboolean
brings_too_much(const Client *c)
{
    guint64 brought = account_used(c->account, BUDGET_INPUT) - c->held_bytes - c->partial;

    return c->calls.length > 0 && brought >= account_limit(c->account, BUDGET_INPUT);
}

static gboolean
has_room_for_call(const Client *c)
{
    if (brings_too_much(c) || !account_has_own_room(c->account, BUDGET_CALLS, 1))
        return FALSE;
    if (account_has_room(c->account, BUDGET_CALLS, 1))
        return TRUE;
    server_ask_room(c->server);
    return FALSE;
}

/* Calls wait for one another's end, frames of streams for a sink that is slow; neither for the
 * other, and nothing for a client that does not read its answers. */
static gboolean
must_wait(const Client *c, HeldKind kind)
{
    if (lines_queued(c->lines) > soft_max(c))
        return TRUE;
    if (kind == HELD_STREAMS)
        return c->paused_streams > 0;
    return !has_room_for_call(c);
}

static gboolean
can_go_on(const Client *c)
{
    for (HeldKind kind = 0; kind < N_HELD; kind++)
        if (c->held[kind].length > 0 && !must_wait(c, kind))
            return TRUE;
    return FALSE;
}

static void handle(Client *c, const guint8 *data);
static gboolean may_go_on(gint64 round, gpointer user);

/* One frame a turn: it may stop the others again, or end the client. */
static gboolean
on_held_idle(gpointer user)
{
    Client *c = user;

    if (!may_go_on(g_source_get_time(g_main_current_source()), c))
        return G_SOURCE_CONTINUE;
    c->busy++;
    for (HeldKind kind = 0; kind < N_HELD && !c->dropped; kind++) {
        g_autoptr(GBytes) frame = NULL;
        if (c->held[kind].length == 0 || must_wait(c, kind))
            continue;
        frame = g_queue_pop_head(&c->held[kind]);
        c->held_bytes -= g_bytes_get_size(frame);
        account_give_back(c->account, BUDGET_INPUT, g_bytes_get_size(frame));
        handle(c, g_bytes_get_data(frame, NULL));
    }
    if (--c->busy == 0 && c->dropped) {
        c->held_idle = 0;
        client_free(c);
        return G_SOURCE_REMOVE;
    }
    if (!c->dropped && c->lines && can_go_on(c))
        return G_SOURCE_CONTINUE;
    c->held_idle = 0;
    client_update_flow(c);
    return G_SOURCE_REMOVE;
}

static gboolean
holds_too_much(const Client *c)
{
    return c->held_bytes > MIN(HELD_MAX, account_limit(c->account, BUDGET_INPUT) / 4);
}

void
client_update_flow(Client *c)
{
    gboolean paused, deaf;

    if (c->dropped || !c->lines)
        return;
    count_output(c);
    if (!c->held_idle && can_go_on(c))
        c->held_idle = g_idle_add_full(G_PRIORITY_DEFAULT, on_held_idle, c, NULL);
    deaf = lines_queued(c->lines) > soft_max(c);
    paused = deaf || holds_too_much(c);
    if (paused == c->paused)
        return;
    if (paused)
        account_slowed(c->account, deaf ? BUDGET_OUTPUT : BUDGET_INPUT);
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

    /* While it is not read its answers are not heard either; that is not its fault, unless it does
     * not read ours. */
    if (holds_too_much(c))
        c->unanswered_pings = 0;
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
receive(Client *c, const guint8 *data)
{
    const guint8 *payload = data + WIRE_HEADER;
    WireHeader h;

    wire_header_decode(data, &h);
    if (h.program == PROGRAM_KEEPALIVE) {
        if (h.procedure == KEEPALIVE_PING)
            send_keepalive(c, KEEPALIVE_PONG);
    } else if (h.kind == MSG_CALL || h.kind == MSG_CALL_FDS) {
        call_receive(c, &h, payload, h.size - WIRE_HEADER);
    } else if (h.kind == MSG_STREAM || h.kind == MSG_HOLE) {
        stream_receive(c, &h, payload, h.size - WIRE_HEADER);
    } else {
        refuse_kind(c, &h);
    }
}

static void
handle(Client *c, const guint8 *data)
{
    gint64 began = g_get_monotonic_time(), us;

    receive(c, data);
    us = g_get_monotonic_time() - began;
    c->round_us += us;
    account_ran(c->account, c->state.id, us);
}

/* TRUE: it waits for its turn, behind those of its kind that wait. A stream that is given up is
 * given up at once. */
static gboolean
hold(Client *c, const guint8 *data, gsize len)
{
    WireHeader h;
    HeldKind kind;

    wire_header_decode(data, &h);
    if (h.program == PROGRAM_KEEPALIVE)
        return FALSE;
    kind = h.kind == MSG_STREAM || h.kind == MSG_HOLE ? HELD_STREAMS : HELD_CALLS;
    if (kind == HELD_STREAMS && h.status == STATUS_ERROR)
        return FALSE;
    if (c->held[kind].length == 0 && !must_wait(c, kind))
        return FALSE;
    if (kind == HELD_CALLS && c->held[kind].length == 0)
        account_slowed(c->account, BUDGET_CALLS);
    g_queue_push_tail(&c->held[kind], g_bytes_new(data, len));
    c->held_bytes += len;
    account_charge(c->account, BUDGET_INPUT, len);
    return TRUE;
}

static void
on_frame(Lines *l, const guint8 *data, gsize len, gpointer user)
{
    Client *c = user;

    c->unanswered_pings = 0;
    c->busy++;
    if (!hold(c, data, len))
        handle(c, data);
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

/* ---- bounds of what comes */

static gboolean
may_go_on(gint64 round, gpointer user)
{
    Client *c = user;

    if (c->round != round) {
        c->round = round;
        c->round_frames = 0;
        c->round_us = 0;
    }
    return c->round_frames++ < TURN_FRAMES && c->round_us < TURN_US &&
           account_may_run(c->account, c->state.id, round);
}

/* It cannot be answered as others are, for it is not there: the answer is the last. */
static void
refuse_message(Client *c, const guint8 *data, BudgetKind kind, const char *why)
{
    GError *err = NULL;
    WireHeader h;

    wire_header_decode(data, &h);
    account_dropped(c->account, kind);
    fail(&err, ERR_RPC, "a message of %u bytes %s", h.size, why);
    call_refuse(c, &h, FROM_RPC, err);
}

static void
set_partial(Client *c, gsize len)
{
    account_give_back(c->account, BUDGET_INPUT, c->partial);
    account_charge(c->account, BUDGET_INPUT, len);
    c->partial = len;
}

/* A message is refused as soon as its header is there; what is there of one that has not come whole
 * counts, not what it announces. */
static gssize
client_cut(const guint8 *data, gsize len, gpointer user)
{
    Client *c = user;
    gssize n = wire_cut(data, len, NULL);
    guint64 most;
    guint32 size;

    if (n < 0 || len < WIRE_HEADER)
        return n;
    memcpy(&size, data, sizeof size);
    most = account_limit(c->account, BUDGET_MESSAGE);
    if (GUINT32_FROM_BE(size) > most) {
        refuse_message(c, data, BUDGET_MESSAGE, "is more than this connection may send");
        return -1;
    }
    if (n > 0 && c->partial == 0)
        return n;
    set_partial(c, n > 0 ? 0 : len);
    if (c->partial > PARTIAL_FREE && !account_has_room(c->account, BUDGET_INPUT, 0)) {
        refuse_message(c, data, BUDGET_INPUT, "is not taken: too many have come half");
        return -1;
    }
    return n;
}

/* Descriptors come from those alone who may change things, and only where they are announced. */
static gboolean
takes_fds(const guint8 *data, gsize len, gpointer user)
{
    const Client *c = user;
    WireHeader h;

    if (!c->state.opened || !account_trusted(c->account))
        return FALSE;
    for (gsize at = 0; len - at >= WIRE_HEADER; at += h.size) {
        wire_header_decode(data + at, &h);
        if (h.kind == MSG_CALL_FDS)
            return TRUE;
        if (h.size < WIRE_HEADER || h.size > len - at)
            return FALSE;
    }
    return FALSE;
}

static const LinesOps client_lines = {
    .cut = client_cut,
    .frame = on_frame,
    .ended = on_ended,
    .drained = on_drained,
    .takes_fds = takes_fds,
    .may_go_on = may_go_on,
};

/* The kernel knows them as they were at connect: see SO_PEERGROUPS in socket(7). */
static GArray *
peer_groups(int fd)
{
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    socklen_t size = 0;

    while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups->data, &size) < 0) {
        if (errno != ERANGE || size <= groups->len * sizeof(gid_t)) {
            g_array_unref(groups);
            return NULL;
        }
        g_array_set_size(groups, size / sizeof(gid_t));
    }
    g_array_set_size(groups, size / sizeof(gid_t));
    return groups;
}

void
client_new(Server *s, int fd, const Creds *creds, Account *account)
{
    Client *c = g_new0(Client, 1);

    c->server = s;
    c->account = account;
    account_charge(account, BUDGET_CONNECTIONS, 1);
    account_charge(account, BUDGET_DESCRIPTORS, 1);
    c->state.id = ++s->last_client;
    c->state.creds = *creds;
    c->groups = peer_groups(fd);
    c->state.authenticated = TRUE; /* the socket's mode has let it in */
    c->state.registrations = g_array_new(FALSE, FALSE, sizeof(Registration));
    g_array_set_clear_func(c->state.registrations, registration_clear);
    c->state.owned = g_array_new(FALSE, FALSE, sizeof(Owned));
    c->link.data = c;
    g_queue_push_tail_link(&s->clients, &c->link);
    c->lines = lines_new(fd, WIRE_MAX + WIRE_FDS_MAX, &client_lines, c);
    lines_on_discard(c->lines, account_discard, account_ref(account),
                     (GDestroyNotify)account_unref);
}
