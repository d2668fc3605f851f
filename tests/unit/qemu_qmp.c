/* The monitor client against a script that plays QEMU. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qemu/life/life.h"

typedef struct Talk {
    Qmp *qmp;
    int peer;
    GString *events;
    GString *answers;
    gboolean ended;
} Talk;

static void
on_event(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros, gpointer user)
{
    Talk *t = user;

    g_string_append_printf(t->events, "%s@%d.%u ", name, (int)seconds, micros);
}

static void
on_ended(Qmp *q, const GError *err, gpointer user)
{
    Talk *t = user;

    t->ended = TRUE;
    t->qmp = NULL;
    qmp_free(q);
}

static const QmpOps ops = { on_event, on_ended };

static void
on_answer(json_object *ret, const GError *err, gpointer user)
{
    Talk *t = user;

    g_string_append_printf(t->answers, "%s; ",
                           err ? err->message : json_object_to_json_string(ret));
}

/* Whether something goes on by itself in a moment. */
static gboolean
goes_on(void)
{
    enum { MOMENT_MS = 100, FDS = 16 };
    GMainContext *context = g_main_context_default();
    GPollFD fds[FDS];
    int priority, timeout = -1, n;

    assert_true(g_main_context_acquire(context));
    g_main_context_prepare(context, &priority);
    n = g_main_context_query(context, G_MAXINT, &timeout, fds, FDS);
    for (int i = 0; i < MIN(n, FDS); i++)
        fds[i].revents = 0;
    g_main_context_check(context, G_MAXINT, fds, MIN(n, FDS));
    g_main_context_release(context);
    return timeout >= 0 && timeout <= MOMENT_MS;
}

/* Who takes long for a message gives the others a turn and goes on some milliseconds later: on a
 * slow machine that may be after any message. */
static void
turn(void)
{
    do {
        while (g_main_context_iteration(NULL, FALSE))
            ;
    } while (goes_on() && g_main_context_iteration(NULL, TRUE));
}

static void
say(Talk *t, const char *text)
{
    assert_int_equal(write(t->peer, text, strlen(text)), strlen(text));
    turn();
}

static char *
hear(Talk *t)
{
    char text[4096] = "";

    turn();
    if (recv(t->peer, text, sizeof text - 1, MSG_DONTWAIT) < 0)
        return g_strdup("");
    return g_strdup(text);
}

static void
begin(Talk *t)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *t = (Talk){ .peer = ends[1], .events = g_string_new(NULL), .answers = g_string_new(NULL) };
    t->qmp = qmp_new(ends[0], &ops, t);
}

static void
finish(Talk *t)
{
    qmp_free(t->qmp);
    close(t->peer);
    g_string_free(t->events, TRUE);
    g_string_free(t->answers, TRUE);
}

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

/* Greets, and answers the first call, the only one with an id. Returns the calls behind it. */
static char *
greet(Talk *t)
{
    g_autofree char *heard = hear(t), *answer = NULL;
    int id, length;

    assert_int_equal(
        sscanf(heard, "{\"execute\":\"qmp_capabilities\",\"id\":%d}\n%n", &id, &length), 1);
    answer = g_strdup_printf(GREETING "{\"return\": {}, \"id\": %d}\r\n", id);
    say(t, answer);
    return g_strdup(heard + length);
}

static void
calls_are_pipelined_and_answered_in_order(void **state)
{
    Talk t;
    g_autofree char *heard = NULL;

    begin(&t);
    qmp_call(t.qmp, "query-a", NULL, on_answer, &t);
    qmp_call(t.qmp, "query-b", json_make("n", 'i', (gint64)7, "s", 's', NULL, NULL), on_answer, &t);
    assert_int_equal(qmp_pending(t.qmp), 3);
    heard = greet(&t);
    assert_string_equal(heard, "{\"execute\":\"query-a\"}\n"
                               "{\"execute\":\"query-b\",\"arguments\":{\"n\":7}}\n");
    assert_int_equal(qmp_pending(t.qmp), 2);
    say(&t, "{\"return\": 2}\r\n{\"return\":");
    assert_string_equal(t.answers->str, "2; ");
    say(&t, " 3}\r\n{\"return\": 4}\r\n"); /* the last one answers nothing */
    assert_string_equal(t.answers->str, "2; 3; ");
    assert_int_equal(qmp_pending(t.qmp), 0);
    assert_int_equal(qmp_waits_since(t.qmp), 0);
    finish(&t);
}

static void
what_an_earlier_daemon_asked_is_no_answer(void **state)
{
    Talk t;

    begin(&t);
    qmp_call(t.qmp, "query-a", NULL, on_answer, &t);
    say(&t, GREETING "{\"return\": 1}\r\n{\"error\": {\"class\": \"E\", \"desc\": \"e\"}}\r\n");
    assert_int_equal(qmp_pending(t.qmp), 2);
    g_free(greet(&t));
    say(&t, "{\"return\": 2}\r\n");
    assert_string_equal(t.answers->str, "2; ");
    finish(&t);
}

static void
errors_and_events_are_told_apart(void **state)
{
    Talk t;

    begin(&t);
    qmp_call(t.qmp, "query-a", NULL, on_answer, &t);
    g_free(greet(&t));
    say(&t, "{\"timestamp\": {\"seconds\": 5, \"microseconds\": 6}, \"event\": \"STOP\"}\r\n"
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\r\n");
    assert_string_equal(t.events->str, "STOP@5.6 ");
    assert_string_equal(t.answers->str, "unable to execute QEMU command 'query-a': no; ");
    finish(&t);
}

static void
the_end_answers_every_call(void **state)
{
    Talk t;

    begin(&t);
    qmp_call(t.qmp, "query-a", NULL, on_answer, &t);
    qmp_call(t.qmp, "query-b", NULL, on_answer, &t);
    shutdown(t.peer, SHUT_RDWR);
    turn();
    assert_true(t.ended);
    assert_string_equal(t.answers->str,
                        "domain is no longer running; domain is no longer running; ");
    qmp_call(t.qmp, "query-c", NULL, on_answer, &t); /* on no monitor at all */
    assert_true(g_str_has_suffix(t.answers->str, "running; domain is no longer running; "));
    finish(&t);
}

static void
what_is_not_json_ends_it(void **state)
{
    Talk t;

    begin(&t);
    say(&t, "Hello\r\n");
    assert_true(t.ended);
    finish(&t);
}

static void
free_answers_too(void **state)
{
    Talk t;

    begin(&t);
    qmp_call(t.qmp, "query-a", NULL, on_answer, &t);
    qmp_free(g_steal_pointer(&t.qmp));
    assert_string_equal(t.answers->str, "domain is no longer running; ");
    assert_false(t.ended);
    finish(&t);
}

static void
json_paths_find_members(void **state)
{
    json_object *o = json_tokener_parse("{\"a\": {\"b\": {\"c\": 5, \"s\": \"x\", \"t\": true}}}");

    assert_int_equal(json_int(o, "a.b.c", 0), 5);
    assert_int_equal(json_int(o, "a.b.d", 9), 9);
    assert_string_equal(json_str(o, "a.b.s"), "x");
    assert_null(json_str(o, "a.b.c"));
    assert_null(json_at(o, "a.x.c"));
    assert_true(json_flag(o, "a.b.t"));
    json_object_put(o);
}

/* ---- answers of another shape than QEMU's are */

static void
lists_that_are_none_are_empty(void **state)
{
    g_autoptr(GArray) tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    g_autoptr(GArray) iothreads = g_array_new(FALSE, FALSE, sizeof(Iothread));
    DomainDef live = { .vcpus = 2 };
    Run run = { .live = &live, .vcpu_tids = tids, .iothreads = iothreads };
    Vm vm = { .run = &run };
    json_object *odd = json_make("cpu-index", 'i', (gint64)0, NULL);

    assert_int_equal(json_length(odd), 0);
    assert_int_equal(json_length(NULL), 0);
    assert_true(take_vcpus(&vm, odd, NULL) && take_vcpus(&vm, NULL, NULL));
    assert_true(take_iothreads(&vm, odd, NULL) && take_iothreads(&vm, NULL, NULL));
    assert_int_equal(tids->len, 0);
    assert_int_equal(iothreads->len, 0);
    json_object_put(odd);
}

/* Only the main thread of this program is one of it: not the first process, nor one that never was.
 */
static void
processors_and_threads_that_there_are_not_are_left_out(void **state)
{
    static const gint64 indexes[] = { 1, 2, G_MAXUINT32, -1, G_MAXINT64 };
    static const gint64 threads[] = { 1, 0, -1, G_MAXINT64 };
    g_autoptr(GArray) tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    g_autoptr(GArray) iothreads = g_array_new(FALSE, FALSE, sizeof(Iothread));
    DomainDef live = { .vcpus = 2 };
    Run run = { .live = &live, .pid = getpid(), .vcpu_tids = tids, .iothreads = iothreads };
    Vm vm = { .obj = { .name = (char *)"a" }, .run = &run };
    json_object *list = json_object_new_array();

    for (gsize i = 0; i < G_N_ELEMENTS(indexes); i++)
        json_object_array_add(list, json_make("cpu-index", 'i', indexes[i], "thread-id", 'i',
                                              (gint64)getpid(), "id", 's', "iothread1",
                                              "poll-max-ns", 'i', (gint64)-1, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        json_object_array_add(list, json_make("cpu-index", 'i', (gint64)0, "thread-id", 'i',
                                              threads[i], "id", 's', "iothread2", NULL));
    assert_true(take_vcpus(&vm, list, NULL) && take_iothreads(&vm, list, NULL));
    assert_int_equal(tids->len, 2);
    assert_int_equal(g_array_index(tids, pid_t, 0), 0);
    assert_int_equal(g_array_index(tids, pid_t, 1), getpid());
    assert_int_equal(iothreads->len, G_N_ELEMENTS(indexes));
    assert_int_equal(g_array_index(iothreads, Iothread, 0).poll_max, 0);
    json_object_put(list);
}

/* ---- more than QEMU says */

/* count times piece, as one message. */
static void
say_much(Talk *t, const char *start, const char *piece, gsize count, const char *end)
{
    g_autoptr(GString) text = g_string_new(start);
    gsize at = 0;

    for (gsize i = 0; i < count; i++)
        g_string_append(text, piece);
    g_string_append(text, end);
    while (at < text->len && !t->ended) {
        gssize n = send(t->peer, text->str + at, text->len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        at += n > 0 ? (gsize)n : 0;
        turn();
    }
}

static void
messages_over_their_budget_end_it(void **state)
{
    static const struct {
        const char *start, *piece, *end;
        gsize count;
        gboolean ends;
    } rows[] = {
        { "{\"event\":\"X\",\"data\":\"", "xxxxxxxx", "\"}\n", 100000, FALSE },
        { "{\"event\":\"X\",\"data\":\"", "xxxxxxxx", "\"}\n", 200000, TRUE },
        { "{\"event\":\"X\",\"data\":[0", ",0", "]}\n", 16000, FALSE },
        { "{\"event\":\"X\",\"data\":[0", ",0", "]}\n", 20000, TRUE },
        { "{\"event\":\"X\",\"data\":\"", "\\\",[{", "\"}\n", 20000, FALSE },
        { "{\"event\":\"X\",\"data\":", "[", "\n", 64, TRUE },
        { "{\"event\":\"\xff\"", "", "}\n", 0, TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Talk t;
        begin(&t);
        g_free(greet(&t));
        say_much(&t, rows[i].start, rows[i].piece, rows[i].count, rows[i].end);
        assert_int_equal(t.ended, rows[i].ends);
        finish(&t);
    }
}

static void
a_large_answer_may_come_where_it_was_asked_for(void **state)
{
    static const char *const commands[] = { "query-block", "query-status" };

    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        Talk t;
        begin(&t);
        qmp_call(t.qmp, commands[i], NULL, on_answer, &t);
        g_free(greet(&t));
        say_much(&t, "{\"return\":\"", "xxxxxxxx", 200000, "\"}\n");
        assert_int_equal(t.ended, i == 1);
        assert_true(i == 1 || t.answers->len > 1000000);
        finish(&t);
    }
}

/* Between two turns of the loop comes what others want. */
static void
a_flood_leaves_turns_to_others(void **state)
{
    static const char *const line = "{\"event\":\"X\",\"data\":{\"a\":[1,2,3,4,5,6,7,8]}}\n";
    gint64 longest = 0;
    Talk t;

    begin(&t);
    g_free(greet(&t));
    for (gint64 until = g_get_monotonic_time() + 300000; g_get_monotonic_time() < until;) {
        gint64 began;
        while (send(t.peer, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            ;
        began = g_get_monotonic_time();
        g_main_context_iteration(NULL, FALSE);
        longest = MAX(longest, g_get_monotonic_time() - began);
    }
    assert_true(t.events->len > 0);
    assert_true(longest < 50000);
    finish(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_pipelined_and_answered_in_order),
        cmocka_unit_test(what_an_earlier_daemon_asked_is_no_answer),
        cmocka_unit_test(errors_and_events_are_told_apart),
        cmocka_unit_test(the_end_answers_every_call),
        cmocka_unit_test(what_is_not_json_ends_it),
        cmocka_unit_test(free_answers_too),
        cmocka_unit_test(json_paths_find_members),
        cmocka_unit_test(lists_that_are_none_are_empty),
        cmocka_unit_test(processors_and_threads_that_there_are_not_are_left_out),
        cmocka_unit_test(messages_over_their_budget_end_it),
        cmocka_unit_test(a_large_answer_may_come_where_it_was_asked_for),
        cmocka_unit_test(a_flood_leaves_turns_to_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
