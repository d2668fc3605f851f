/* The monitor: JSON lines over a connected socket. Calls are pipelined and answered by a
 * continuation; everything else that QEMU says is an event. Negotiation needs no wait: QEMU reads
 * its input in order, so the first call opens command mode for the ones behind it.
 *
 * QEMU answers in order too (QMP specification, 2.4), so only the first call has an id: a QEMU that
 * was taken over may still owe an answer to the daemon before us, and everything up to our first
 * answer is not for us. The others save the id, and QEMU the time to read it: it reads its monitor
 * a byte at a time, in five system calls.
 *
 * A guest that has broken out of its QEMU says what it likes. What a message may weigh, how many
 * members and levels it may have, and how long this QEMU may have the loop for itself are bounded
 * here; what goes over that ends the monitor with a reason. Types are checked by whoever reads.
 */
#include <stdarg.h>
#include <string.h>

#include "vm.h"

/* Of a message that nothing large was asked for, and of the answer to what has large ones. */
static const JsonBudget usual = { 1 << 20, 16 << 10, 32 };
static const JsonBudget large = { 16 << 20, 256 << 10, 512 }; /* a chain of images is deep */

/* Answers that grow with the number of disks or processors. */
static const char *const large_commands[] = {
    "query-block",     "query-blockstats",        "query-named-block-nodes",
    "query-cpus-fast", "query-hotpluggable-cpus", NULL
};

/* So long may one QEMU have the loop before the others get their turn, and so long it then waits.
 */
#define TURN_US  2000
#define PAUSE_MS 4

typedef struct QmpCall {
    gint64 since;
    const char *command; /* interned */
    QmpAnswer answer;    /* NULL: nobody cares */
    gpointer user;
    gboolean raw;   /* wants the whole reply */
    gboolean large; /* the answer may be */
} QmpCall;

struct Qmp {
    guint refs;        /* the owner's, and one while a callback is on the stack */
    Lines *lines;      /* NULL: ended */
    const QmpOps *ops; /* NULL: the owner has freed it */
    gpointer user;
    GQueue pending; /* of QmpCall, oldest first */
    gint64 first;   /* id of the first call; 0: it was answered */
    gsize scanned;  /* bytes of the next message that have no end of a line */
    char *wrong;    /* why it was ended; NULL: it was not */
    gint64 turn;    /* the turn of the loop in which messages are read, and */
    gint64 turn_began;
    guint resume; /* source: paused until then */
};

static void
qmp_unref(Qmp *q)
{
    if (--q->refs > 0)
        return;
    lines_free(q->lines);
    g_free(q->wrong);
    g_free(q);
}

/* The stream ends here; nothing is read any more. */
static void
drop_lines(Qmp *q)
{
    g_clear_pointer(&q->lines, lines_free);
    if (q->resume)
        g_source_remove(q->resume);
    q->resume = 0;
}

static void
answer_call(QmpCall *call, json_object *ret, const GError *err)
{
    if (call->answer)
        call->answer(ret, err, call->user);
    g_free(call);
}

/* A continuation may make new calls on a monitor that has ended: those are answered as well. */
static void
answer_all(Qmp *q, const GError *err)
{
    QmpCall *call;

    while ((call = g_queue_pop_head(&q->pending)))
        answer_call(call, NULL, err);
}

static GError *
gone_error(void)
{
    GError *err = NULL;

    fail(&err, ERR_OPERATION_FAILED, "domain is no longer running");
    return err;
}

/* ---- what QEMU says */

/* A QEMU that was taken over may still owe an answer of any size. */
static const JsonBudget *
budget_of(const Qmp *q)
{
    const QmpCall *next = q->pending.head ? q->pending.head->data : NULL;

    return q->first || (next && next->large) ? &large : &usual;
}

/* Looks at each byte once, however slowly they come. */
static gssize
cut_line(const guint8 *data, gsize len, gpointer user)
{
    Qmp *q = user;
    const guint8 *end = memchr(data + q->scanned, '\n', len - q->scanned);
    gsize size = end ? (gsize)(end - data) + 1 : len;

    if (size > budget_of(q)->bytes) {
        q->wrong = g_strdup_printf("a message of more than %zu bytes", budget_of(q)->bytes);
        return -1;
    }
    q->scanned = end ? 0 : len;
    return end ? (gssize)size : 0;
}

static void
on_answer(Qmp *q, json_object *message)
{
    json_object *failure = json_at(message, "error");
    g_autoptr(GError) err = NULL;
    QmpCall *call;

    if (q->first && json_int(message, "id", 0) != q->first)
        return; /* the greeting, or what another daemon had asked */
    if (!failure && !json_object_object_get_ex(message, "return", NULL))
        return; /* neither an answer nor an event */
    q->first = 0;
    call = g_queue_pop_head(&q->pending);
    if (!call)
        return;
    if (call->raw) {
        answer_call(call, message, NULL);
        return;
    }
    if (failure) {
        const char *text = json_str(failure, "desc");
        gboolean unknown = g_strcmp0(json_str(failure, "class"), "CommandNotFound") == 0;
        fail(&err, unknown ? ERR_OPERATION_UNSUPPORTED : ERR_INTERNAL,
             "unable to execute QEMU command '%s': %s", call->command, text ? text : "no reason");
    }
    answer_call(call, failure ? NULL : json_at(message, "return"), err);
}

static void
on_message(Qmp *q, json_object *message)
{
    const char *event = json_str(message, "event");

    if (!event) {
        on_answer(q, message);
        return;
    }
    q->ops->event(q, event, json_at(message, "data"), json_int(message, "timestamp.seconds", 0),
                  (guint)json_int(message, "timestamp.microseconds", 0), q->user);
}

static void
end(Qmp *q, const GError *err)
{
    g_autoptr(GError) gone = gone_error();

    q->refs++;
    drop_lines(q);
    answer_all(q, gone);
    if (q->ops)
        q->ops->ended(q, err, q->user);
    qmp_unref(q);
}

static void
end_wrong(Qmp *q)
{
    g_autoptr(GError) err = NULL;

    fail(&err, ERR_INTERNAL, "QEMU's monitor sent %s", q->wrong);
    end(q, err);
}

static gboolean
go_on(gpointer user)
{
    Qmp *q = user;

    q->resume = 0;
    lines_pause(q->lines, FALSE);
    return G_SOURCE_REMOVE;
}

/* Others have their turn before a QEMU that talks without end goes on. */
static void
take_turns(Qmp *q)
{
    gint64 turn = g_source_get_time(g_main_current_source()), now = g_get_monotonic_time();

    if (turn != q->turn) {
        q->turn = turn;
        q->turn_began = now;
    } else if (now - q->turn_began > TURN_US && !q->resume) {
        lines_pause(q->lines, TRUE);
        q->resume = g_timeout_add(PAUSE_MS, go_on, q);
    }
}

static void
on_frame(Lines *l, const guint8 *data, gsize len, gpointer user)
{
    Qmp *q = user;
    json_object *message = json_parse_bounded((const char *)data, len, budget_of(q), &q->wrong);

    if (!message) {
        end_wrong(q);
        return;
    }
    take_turns(q);
    q->refs++;
    on_message(q, message);
    json_object_put(message);
    qmp_unref(q);
}

static void
on_end(Lines *l, const GError *err, gpointer user)
{
    Qmp *q = user;

    if (q->wrong)
        end_wrong(q);
    else
        end(q, NULL);
}

/* ---- what we say */

Qmp *
qmp_new(int fd, const QmpOps *ops, gpointer user)
{
    static const LinesOps lines_ops = { .cut = cut_line, .frame = on_frame, .ended = on_end };
    Qmp *q = g_new0(Qmp, 1);

    q->refs = 1;
    q->ops = ops;
    q->user = user;
    q->first = g_random_int_range(1, G_MAXINT32);
    g_queue_init(&q->pending);
    q->lines = lines_new(fd, large.bytes, &lines_ops, q);
    qmp_call(q, "qmp_capabilities", NULL, NULL, NULL);
    return q;
}

void
qmp_free(Qmp *q)
{
    g_autoptr(GError) gone = NULL;

    if (!q)
        return;
    gone = gone_error();
    q->ops = NULL;
    drop_lines(q);
    answer_all(q, gone);
    qmp_unref(q);
}

static char *
format_call(const QmpCall *call, json_object *args, gint64 id)
{
    json_object *o = json_object_new_object();
    char *text;

    json_object_object_add(o, "execute", json_object_new_string(call->command));
    if (args)
        json_object_object_add(o, "arguments", args);
    if (id)
        json_object_object_add(o, "id", json_object_new_int64(id));
    text = g_strconcat(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), "\n", NULL);
    json_object_put(o);
    return text;
}

static QmpCall *
call_new(const char *command, QmpAnswer answer, gpointer user)
{
    QmpCall *call = g_new0(QmpCall, 1);

    call->since = g_get_monotonic_time();
    call->command = g_intern_string(command);
    call->large = g_strv_contains(large_commands, command);
    call->answer = answer;
    call->user = user;
    return call;
}

static void
send_call(Qmp *q, QmpCall *call, json_object *args, int fd)
{
    gboolean is_first = q && g_queue_is_empty(&q->pending) && q->first;
    g_autofree char *text = format_call(call, args, is_first ? q->first : 0);

    if (!q || !q->lines) {
        g_autoptr(GError) gone = gone_error();
        answer_call(call, NULL, gone);
        return;
    }
    g_queue_push_tail(&q->pending, call);
    if (fd >= 0)
        lines_send_with_fds(q->lines, text, strlen(text), &fd, 1);
    else
        lines_send(q->lines, text, strlen(text));
}

void
qmp_call_secret(Qmp *q, const char *command, const char *arguments, QmpAnswer answer, gpointer user)
{
    QmpCall *call = call_new(command, answer, user);
    char *text;

    if (!q->lines) {
        g_autoptr(GError) gone = gone_error();
        answer_call(call, NULL, gone);
        return;
    }
    text = g_strdup_printf("{\"execute\":\"%s\",\"arguments\":%s}\n", call->command, arguments);
    g_queue_push_tail(&q->pending, call);
    lines_send_secret(q->lines, text, strlen(text));
    explicit_bzero(text, strlen(text));
    g_free(text);
}

void
qmp_call_with_fd(Qmp *q, const char *command, json_object *args, int fd, QmpAnswer answer,
                 gpointer user)
{
    send_call(q, call_new(command, answer, user), args, fd);
}

void
qmp_call_raw(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user)
{
    QmpCall *call = call_new(command, answer, user);

    call->raw = call->large = TRUE;
    send_call(q, call, args, -1);
}

void
qmp_call(Qmp *q, const char *command, json_object *args, QmpAnswer answer, gpointer user)
{
    qmp_call_with_fd(q, command, args, -1, answer, user);
}

gboolean
qmp_has_ended(const Qmp *q)
{
    return !q->lines;
}

guint
qmp_pending(const Qmp *q)
{
    return q->pending.length;
}

gint64
qmp_waits_since(const Qmp *q)
{
    const QmpCall *oldest = q->pending.head ? q->pending.head->data : NULL;

    return oldest ? oldest->since : 0;
}

/* ---- a batch of calls as one row of a flow */

typedef struct Batch {
    const QmpRow *rows;
    gpointer obj;
    FlowToken token;
    guint refs; /* calls that have no answer yet, and the maker */
} Batch;

typedef struct BatchCall {
    Batch *batch;
    const QmpRow *row;
} BatchCall;

static void
batch_step(Batch *b, const GError *err)
{
    if (err)
        flow_wake(b->token, err);
    if (--b->refs > 0)
        return;
    flow_wake(b->token, NULL);
    g_free(b);
}

/* Once the flow is gone its object may be too: a late answer touches neither. */
static void
on_batch_answer(json_object *ret, const GError *err, gpointer user)
{
    g_autofree BatchCall *c = user;
    g_autoptr(GError) wrong = NULL;

    if (err && c->row->optional)
        err = NULL;
    else if (!err && c->row->take && flow_waits(c->batch->token) &&
             !c->row->take(c->batch->obj, ret, &wrong))
        err = wrong;
    batch_step(c->batch, err);
}

void
qmp_batch(Qmp *q, const QmpRow *rows, gpointer obj, FlowToken token)
{
    Batch *b = g_new0(Batch, 1);

    *b = (Batch){ .rows = rows, .obj = obj, .token = token, .refs = 1 };
    for (const QmpRow *row = rows; row->command; row++) {
        BatchCall *c;
        if (row->wanted && !row->wanted(obj))
            continue;
        c = g_new0(BatchCall, 1);
        *c = (BatchCall){ b, row };
        b->refs++;
        qmp_call(q, row->command, row->args ? row->args(obj) : NULL, on_batch_answer, c);
    }
    batch_step(b, NULL);
}
