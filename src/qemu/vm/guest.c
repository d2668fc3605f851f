/* The agent in a guest: JSON lines through the virtio channel org.qemu.guest_agent.0, of which QEMU
 * has the host's end as a listening socket. One question is out at a time; others wait for it.
 *
 * The guest is nobody's friend. Every question begins with guest-sync-delimited (QEMU's guest agent
 * protocol reference): what comes before the byte 0xff and our number is left over from a question
 * that was given up, or junk, and is read past up to a bound. What an answer may weigh is bounded,
 * how long it may take, and how much of it is looked at in one turn of the loop; while nothing is
 * asked nothing is read. Whatever goes over a bound ends the question, and the connection with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vm.h"

#define SYNC_S     5
#define WAIT_S     30 /* for those before it */
#define WAITERS    32
#define JUNK_LINE  (64 << 10)
#define JUNK_MAX   (4 << 20)
#define TURN_LINES 64

static const JsonBudget usual = { 1 << 20, 32 << 10, 32 };
static const JsonBudget raw = { 10 << 20, 256 << 10, 64 };

typedef enum Phase { PHASE_CONNECT, PHASE_SYNC, PHASE_ANSWER } Phase;

typedef struct AgentQuestion {
    Vm *vm; /* referenced */
    char *command;
    char *text; /* the line to send */
    gsize text_len;
    gint64 id; /* 0: it carries one of the client's, or none */
    int seconds;
    guint flags;
    guint timer; /* of the wait, then of each phase */
    GuestAnswer answer;
    gpointer user;
} AgentQuestion;

typedef struct Guest {
    guint refs; /* the Run's, and one for each worker and each callback under way */
    Vm *vm;     /* not referenced; NULL: the Run is over */
    Lines *lines;
    GQueue waiting; /* of AgentQuestion */
    AgentQuestion *now;
    Phase phase;
    gint64 sync;  /* the number that must come back */
    gsize junk;   /* bytes read past */
    gint64 round; /* of the loop, in which that many lines were read: */
    guint lines_read;
} Guest;

static void next_question(Guest *g);

static void
guest_unref(gpointer data)
{
    Guest *g = data;

    if (--g->refs == 0)
        g_free(g);
}

static void
question_free(AgentQuestion *q)
{
    if (q->timer)
        g_source_remove(q->timer);
    explicit_bzero(q->text, q->text_len);
    g_free(q->text);
    g_free(q->command);
    object_unref(q->vm);
    g_free(q);
}

static void
drop_lines(Guest *g)
{
    g_clear_pointer(&g->lines, lines_free);
}

/* ret is borrowed; takes q. */
static void
give(AgentQuestion *q, json_object *ret, const GError *err)
{
    if (q->answer)
        q->answer(q->vm, ret, err, q->user);
    question_free(q);
}

/* The question that is out is over; drop: what else comes on this connection means nothing. */
static void
end_now(Guest *g, json_object *ret, const GError *err, gboolean drop)
{
    AgentQuestion *q = g_steal_pointer(&g->now);

    if (drop)
        drop_lines(g);
    else if (g->lines)
        lines_pause(g->lines, TRUE);
    g->refs++;
    give(q, ret, err);
    if (g->vm && !g->now)
        next_question(g);
    guest_unref(g);
}

static void fail_now(Guest *g, gboolean drop, Err code, const char *fmt, ...) G_GNUC_PRINTF(4, 5);

static void
fail_now(Guest *g, gboolean drop, Err code, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    fail(&err, code, "domain '%s': %s", g->vm->obj.name, text);
    end_now(g, NULL, err, drop);
}

/* ---- deadlines */

static gboolean
on_late(gpointer user)
{
    Guest *g = user;
    AgentQuestion *q = g->now;

    q->timer = 0;
    if (g->phase != PHASE_ANSWER)
        fail_now(g, g->phase == PHASE_CONNECT, ERR_AGENT_UNRESPONSIVE,
                 "the guest agent did not answer within %d s; is it running in the guest?", SYNC_S);
    else if (q->seconds == 0)
        end_now(g, NULL, NULL, FALSE);
    else
        fail_now(g, FALSE, ERR_AGENT_TIMEOUT,
                 "the guest agent did not answer '%s' within %d s; what it does may still happen",
                 q->command, q->seconds);
    return G_SOURCE_REMOVE;
}

/* seconds < 0: no deadline. */
static void
enter(Guest *g, Phase phase, int seconds)
{
    g->phase = phase;
    if (g->now->timer)
        g_source_remove(g->now->timer);
    g->now->timer = seconds < 0 ? 0 : g_timeout_add((guint)seconds * 1000, on_late, g);
}

/* ---- what it says */

static gssize
cut_line(const guint8 *data, gsize len, gpointer user)
{
    Guest *g = user;
    const guint8 *end = memchr(data, '\n', len);
    const JsonBudget *budget = g->now && g->now->flags & GUEST_RAW ? &raw : &usual;

    if (end)
        return (gssize)(end - data) + 1;
    if (g->phase != PHASE_ANSWER)
        return len >= JUNK_LINE ? (gssize)len : 0;
    return len > budget->bytes ? -1 : 0;
}

static gboolean
may_go_on(gint64 round, gpointer user)
{
    Guest *g = user;

    if (round != g->round)
        g->lines_read = 0;
    g->round = round;
    return g->lines_read++ < TURN_LINES;
}

static void
read_past(Guest *g, gsize len)
{
    g->junk += len;
    if (g->junk > JUNK_MAX)
        fail_now(g, TRUE, ERR_AGENT_UNSYNCED,
                 "the guest agent sent more than %d MiB that answer nothing", JUNK_MAX >> 20);
}

static void
send_question(Guest *g)
{
    AgentQuestion *q = g->now;

    enter(g, PHASE_ANSWER, q->seconds);
    lines_send_secret(g->lines, q->text, q->text_len);
}

/* 0xff is in no JSON: what follows the last one is an answer from its beginning. */
static void
on_sync_line(Guest *g, const guint8 *data, gsize len)
{
    const guint8 *mark = memrchr(data, 0xff, len);
    gsize n = mark ? (gsize)(data + len - (mark + 1)) : 0;
    g_autofree char *wrong = NULL;
    json_object *message = NULL;
    gboolean ours;

    if (n > 0 && n < 1024)
        message = json_parse_bounded((const char *)mark + 1, n, &usual, &wrong);
    ours = message && json_int(message, "return", -1) == g->sync;
    json_object_put(message);
    if (ours)
        send_question(g);
    else
        read_past(g, len);
}

static void
on_answer_line(Guest *g, const guint8 *data, gsize len)
{
    AgentQuestion *q = g->now;
    const JsonBudget *budget = q->flags & GUEST_RAW ? &raw : &usual;
    g_autofree char *wrong = NULL;
    json_object *message = json_parse_bounded((const char *)data, len, budget, &wrong);
    json_object *failure = message ? json_at(message, "error") : NULL;
    g_autoptr(GError) err = NULL;

    if (q->flags & GUEST_SECRET)
        lines_wipe_input(g->lines);
    if (!message) {
        fail_now(g, TRUE, ERR_AGENT_UNSYNCED, "the guest agent sent %s", wrong);
        return;
    }
    if ((q->id && json_int(message, "id", q->id) != q->id) ||
        (!failure && !json_object_object_get_ex(message, "return", NULL))) {
        json_object_put(message);
        read_past(g, len);
        return;
    }
    if (failure) {
        const char *text = json_str(failure, "desc"), *class = json_str(failure, "class");
        gboolean unknown = g_strcmp0(class, "CommandNotFound") == 0 ||
                           g_strcmp0(class, "CommandDisabled") == 0 ||
                           (text && strstr(text, "has been disabled")) ||
                           g_strcmp0(text, "this feature or command is not currently supported") ==
                               0;
        fail(&err, unknown ? ERR_AGENT_CANNOT : ERR_AGENT_FAILED,
             "unable to execute QEMU agent command '%s': %s", q->command,
             text ? text : "no reason");
    }
    end_now(g, q->flags & GUEST_RAW ? message : json_at(message, "return"), err, FALSE);
    json_object_put(message);
}

static void
on_frame(Lines *l, const guint8 *data, gsize len, gpointer user)
{
    Guest *g = user;

    if (g->now && g->phase == PHASE_SYNC)
        on_sync_line(g, data, len);
    else if (g->now && g->phase == PHASE_ANSWER)
        on_answer_line(g, data, len);
}

/* QEMU has hung up, or a line was longer than any may be. */
static void
on_end(Lines *l, const GError *err, gpointer user)
{
    Guest *g = user;

    if (g->now && err)
        fail_now(g, TRUE, ERR_AGENT_UNSYNCED, "the guest agent sent a line that is too long");
    else if (g->now)
        fail_now(g, TRUE, ERR_AGENT_UNRESPONSIVE, "the channel of the guest agent was closed");
    else
        drop_lines(g);
}

/* ---- connecting */

static const CharDef *
channel_of(const DomainDef *live)
{
    GPtrArray *channels = live->devices.channels;

    for (guint i = 0; channels && i < channels->len; i++) {
        const CharDef *c = channels->pdata[i];
        if (g_strcmp0(c->name, GUEST_CHANNEL) == 0)
            return c;
    }
    return NULL;
}

static const char *
socket_of(const CharDef *channel)
{
    const CharEnd *end = char_end(&channel->source, 0);

    return channel->source.type == CHAR_UNIX && end && end->mode != CHAR_CONNECT ? end->path : NULL;
}

static gpointer
connect_in_worker(gpointer in, GError **err)
{
    const char *path = in;
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (strlen(path) >= sizeof addr.sun_path)
        fail(err, ERR_AGENT_UNRESPONSIVE, "the path '%s' is too long for a socket", path);
    else if (fd < 0 || (strcpy(addr.sun_path, path),
                        connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0))
        fail(err, ERR_AGENT_UNRESPONSIVE, "cannot connect to the guest agent's socket '%s': %s",
             path, g_strerror(errno));
    else
        return GINT_TO_POINTER(fd_steal(&fd));
    return NULL;
}

static void
begin_sync(Guest *g)
{
    g_autofree char *text = NULL;

    g->sync = g_random_int_range(1, G_MAXINT32);
    g->junk = 0;
    enter(g, PHASE_SYNC, SYNC_S);
    text = g_strdup_printf(
        "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%" G_GINT64_FORMAT "}}\n",
        g->sync);
    lines_send(g->lines, text, strlen(text));
    lines_pause(g->lines, FALSE);
}

/* The question that wanted the connection may have been given up meanwhile: the next one uses it.
 */
static void
on_connected(gpointer out, const GError *err, gpointer user)
{
    static const LinesOps ops = {
        .cut = cut_line, .frame = on_frame, .ended = on_end, .may_go_on = may_go_on
    };
    Guest *g = user;
    fd_auto fd = err ? -1 : GPOINTER_TO_INT(out);
    gboolean wanted = g->vm && !g->lines;

    if (wanted && !err)
        g->lines = lines_new(fd_steal(&fd), raw.bytes + 1, &ops, g);
    if (wanted && g->now && g->phase == PHASE_CONNECT) {
        if (err)
            fail_now(g, TRUE, ERR_AGENT_UNRESPONSIVE, "%s", err->message);
        else
            begin_sync(g);
    } else if (g->lines && !g->now) {
        lines_pause(g->lines, TRUE);
    }
    guest_unref(g);
}

static void
begin(Guest *g)
{
    g_autoptr(GError) err = NULL;

    if (!guest_check(g->vm, &err)) {
        end_now(g, NULL, err, FALSE);
        return;
    }
    if (g->lines) {
        begin_sync(g);
        return;
    }
    enter(g, PHASE_CONNECT, SYNC_S);
    g->refs++;
    offload_for(&g->vm->obj, connect_in_worker, g_strdup(socket_of(channel_of(g->vm->run->live))),
                g_free, on_connected, g);
}

static void
next_question(Guest *g)
{
    AgentQuestion *q = g_queue_pop_head(&g->waiting);

    if (!q)
        return;
    g->now = q;
    begin(g);
}

/* ---- who asks */

gboolean
guest_check(const Vm *vm, GError **err)
{
    const CharDef *channel;

    if (!vm_need_running((Vm *)vm, err))
        return FALSE;
    if (!(channel = channel_of(vm->run->live)))
        return fail(err, ERR_ARG_UNSUPPORTED, "QEMU guest agent is not configured");
    if (!socket_of(channel))
        return fail(err, ERR_ARG_UNSUPPORTED,
                    "QEMU guest agent is not configured: its channel is no UNIX socket that QEMU "
                    "listens on");
    if (vm->state != VM_RUNNING)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    if (channel->state != CHANNEL_CONNECTED)
        return fail(err, ERR_AGENT_UNRESPONSIVE, "QEMU guest agent is not connected");
    return TRUE;
}

/* The Run is over; what was to end it has done so. */
static void
guest_end(gpointer data)
{
    Guest *g = data;
    AgentQuestion *q = g_steal_pointer(&g->now);
    gboolean reached = q && g->phase == PHASE_ANSWER && q->flags & GUEST_ENDS;
    g_autoptr(GError) err = NULL;

    fail(&err, ERR_AGENT_UNRESPONSIVE, "domain '%s' is no longer running", g->vm->obj.name);
    drop_lines(g);
    if (q)
        give(q, NULL, reached ? NULL : err);
    while ((q = g_queue_pop_head(&g->waiting)))
        give(q, NULL, err);
    g->vm = NULL;
    guest_unref(g);
}

static Guest *
guest_of(Vm *vm)
{
    Guest *g = vm->run->guest.data;

    if (g)
        return g;
    g = g_new0(Guest, 1);
    g->refs = 1;
    g->vm = vm;
    g_queue_init(&g->waiting);
    vm->run->guest = (RunPart){ g, guest_end };
    return g;
}

typedef struct AgentWaiter {
    Guest *guest;
    AgentQuestion *question;
} AgentWaiter;

static gboolean
waited_too_long(gpointer user)
{
    const AgentWaiter *w = user;
    Guest *g = w->guest;
    AgentQuestion *q = w->question;
    g_autoptr(GError) err = NULL;

    q->timer = 0;
    g_queue_remove(&g->waiting, q);
    fail(&err, ERR_TIMEOUT, "domain '%s': the guest agent is still asked '%s'", g->vm->obj.name,
         g->now ? g->now->command : "?");
    give(q, NULL, err);
    return G_SOURCE_REMOVE;
}

/* A copy that is wiped where it is a secret. */
static char *
format_line(json_object *o, gboolean secret)
{
    const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
    char *line = g_strconcat(text, "\n", NULL);

    if (secret)
        explicit_bzero((char *)text, strlen(text));
    return line;
}

static void
wipe_strings(json_object *args)
{
    json_object_iter i;

    json_object_object_foreachC(args, i)
    {
        if (json_object_is_type(i.val, json_type_string))
            explicit_bzero((char *)json_object_get_string(i.val),
                           (gsize)json_object_get_string_len(i.val));
    }
}

/* Takes the arguments. */
static char *
format_question(const GuestCall *call, gint64 id)
{
    gboolean secret = call->flags & GUEST_SECRET;
    json_object *o = call->args;
    char *text;

    if (!(call->flags & GUEST_RAW))
        o = json_make("execute", 's', call->command, "id", 'i', id, "arguments", 'o', call->args,
                      NULL);
    text = format_line(o, secret);
    if (secret && call->args)
        wipe_strings(call->args);
    json_object_put(o);
    return text;
}

static void
refuse_now(Vm *vm, GuestAnswer answer, gpointer user, GError *err)
{
    answer(vm, NULL, err, user);
    g_error_free(err);
}

void
guest_call(Vm *vm, const GuestCall *call, GuestAnswer answer, gpointer user)
{
    GError *err = NULL;
    AgentQuestion *q;
    Guest *g;

    if (!guest_check(vm, &err)) {
        json_object_put(call->args);
        refuse_now(vm, answer, user, err);
        return;
    }
    g = guest_of(vm);
    if (g->waiting.length >= WAITERS) {
        json_object_put(call->args);
        fail(&err, ERR_BUSY, "domain '%s': %d questions wait for the guest agent already",
             vm->obj.name, WAITERS);
        refuse_now(vm, answer, user, err);
        return;
    }
    q = g_new0(AgentQuestion, 1);
    q->vm = object_ref(vm);
    q->command = g_strdup(call->command);
    q->flags = call->flags;
    q->id = call->flags & GUEST_RAW ? 0 : g_random_int_range(1, G_MAXINT32);
    q->text = format_question(call, q->id);
    q->text_len = strlen(q->text);
    q->seconds = call->seconds;
    if (!(call->flags & GUEST_OWN_SECONDS) && vm->guest_seconds != GUEST_SECONDS_UNSET)
        q->seconds = vm->guest_seconds;
    q->answer = answer;
    q->user = user;
    g_queue_push_tail(&g->waiting, q);
    if (!g->now) {
        next_question(g);
        return;
    }
    q->timer = g_timeout_add_full(G_PRIORITY_DEFAULT, WAIT_S * 1000, waited_too_long,
                                  g_memdup2(&(AgentWaiter){ g, q }, sizeof(AgentWaiter)), g_free);
}

void
guest_heard(Vm *vm, guint what)
{
    Guest *g = vm->run ? vm->run->guest.data : NULL;

    if (g && g->now && g->phase == PHASE_ANSWER && g->now->flags & what)
        end_now(g, NULL, NULL, FALSE);
}

/* Commands without an answer are lost; the ones that wait for the guest's end have succeeded. */
void
guest_left(Vm *vm)
{
    Guest *g = vm->run ? vm->run->guest.data : NULL;

    if (!g || !g->now || g->phase == PHASE_CONNECT)
        return;
    if (g->phase == PHASE_ANSWER && g->now->flags & GUEST_ENDS)
        end_now(g, NULL, NULL, FALSE);
    else
        fail_now(g, FALSE, ERR_AGENT_UNRESPONSIVE,
                 "the guest agent went away before it had answered '%s'", g->now->command);
}
