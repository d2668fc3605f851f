/* A server with methods of the test's own: answers that come later, streams both ways, slow
 * readers, events, clients that leave. */
#include "rpc_world.h"

/* ---- answers that come later */

static void
expect_pong(void)
{
    WireHeader ping = {
        .program = PROGRAM_KEEPALIVE, .version = 1, .procedure = KEEPALIVE_PING, .kind = MSG_EVENT
    };
    const guint8 *payload;
    WireBuf b = { 0 };
    WireHeader h;

    wire_begin(&b, &ping);
    assert_true(wire_end(&b, NULL));
    assert_int_equal(send(world.fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    wire_buf_done(&b);
    assert_true(next_message(&h, &payload));
    assert_int_equal(h.program, PROGRAM_KEEPALIVE);
    assert_int_equal(h.procedure, KEEPALIVE_PONG);
}

static void
answer_now(Call *c)
{
    AuthListRet out = { 0 };

    call_reply(c, &out);
}

static void
answer_version_now(Call *c)
{
    ConnectGetLibVersionRet out = { .lib_ver = 1 };

    call_reply(c, &out);
}

/* Calls that wait for a guest that hangs are no reason to keep others waiting. */
static void
calls_that_wait_stop_no_others(void **state)
{
    ConnectGetLibVersionRet out = { .lib_ver = 1 };

    serve(PROC_CONNECT_GET_LIB_VERSION, answer_later);
    serve(PROC_AUTH_LIST, answer_now);
    for (guint32 serial = 1; serial <= 8; serial++)
        send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, serial, "", 0);
    send_message(PROC_AUTH_LIST, MSG_CALL, STATUS_OK, 9, "", 0);
    expect(MSG_REPLY, STATUS_OK, 9, 4);
    expect_pong();
    for (guint i = 0; i < 8; i++)
        call_reply(pending[i], &out);
}

/* A client may neither fill the memory with calls that wait, ... */
static void
what_waits_is_bounded(void **state)
{
    static char block[65536 - WIRE_HEADER];
    ConnectGetLibVersionRet out = { .lib_ver = 1 };
    int sent = 0;

    world.server->budgets->rows[BUDGET_CALLS].trusted = 1;
    serve(PROC_CONNECT_GET_LIB_VERSION, answer_later);
    send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, 1, "", 0);
    for (; sent < 100 && !the_client()->paused; sent++) {
        struct pollfd p = { .fd = world.fd, .events = POLLOUT };
        if (poll(&p, 1, 0) == 1)
            send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, 1, block, 32768);
        spin();
    }
    assert_true(the_client()->paused);
    assert_int_equal(n_pending, 1);
    assert_in_range(sent, 32, 36);
    serve(PROC_CONNECT_GET_LIB_VERSION, answer_version_now);
    call_reply(pending[0], &out);
    spin();
    assert_false(the_client()->paused);
    assert_int_equal(the_client()->held_bytes, 0);
}

/* ... nor with what these have brought. */
static void
what_calls_bring_is_bounded(void **state)
{
    ConnectGetLibVersionRet out = { .lib_ver = 1 };

    world.server->budgets->rows[BUDGET_INPUT].trusted = 3 * WIRE_HEADER;
    serve(PROC_CONNECT_GET_LIB_VERSION, answer_later);
    for (guint32 serial = 1; serial <= 8; serial++)
        send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, serial, "", 0);
    spin();
    assert_in_range(n_pending, 3, 4);
    for (guint i = 0; i < 8; i++) {
        call_reply(pending[i], &out);
        spin();
    }
    assert_int_equal(n_pending, 8);
    assert_int_equal(account_used(the_client()->account, BUDGET_INPUT), 0);
}

static void
answers_in_any_order(void **state)
{
    world.server->budgets->rows[BUDGET_CALLS].trusted = 5;
    serve(PROC_CONNECT_GET_LIB_VERSION, answer_later);
    for (guint32 serial = 1; serial <= 7; serial++)
        send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, serial, "", 0);
    spin();
    assert_int_equal(n_pending, 5); /* the limit: the others wait for their turn */
    expect_pong();
    ConnectGetLibVersionRet out = { .lib_ver = 1 };
    call_reply(pending[3], &out);
    expect(MSG_REPLY, STATUS_OK, 4, 8);
    assert_int_equal(n_pending, 6);
    call_reply(pending[0], &out);
    expect(MSG_REPLY, STATUS_OK, 1, 8);
    assert_int_equal(n_pending, 7);
    GError *err = NULL;
    fail(&err, ERR_INVALID_ARG, "no");
    call_fail(pending[6], err);
    const guint8 *payload;
    WireHeader h;
    assert_true(next_message(&h, &payload));
    assert_int_equal(h.status, STATUS_ERROR);
    assert_int_equal(h.serial, 7);
    call_reply(pending[1], &out);
    call_reply(pending[2], &out);
    call_reply(pending[4], &out);
    call_reply(pending[5], &out);
}

static void
an_answer_without_audience(void **state)
{
    serve(PROC_CONNECT_GET_LIB_VERSION, answer_later);
    send_message(PROC_CONNECT_GET_LIB_VERSION, MSG_CALL, STATUS_OK, 1, "", 0);
    spin();
    assert_int_equal(n_pending, 1);
    fd_close(&world.fd);
    spin();
    assert_int_equal(server_n_clients(world.server), 0);
    assert_null(call_client(pending[0]));
    assert_non_null(strstr(call_asker(pending[0]), "client 1"));
    assert_null(call_open_stream(pending[0], NULL, NULL));
    ConnectGetLibVersionRet out = { .lib_ver = 1 };
    call_reply(pending[0], &out);
}

static void
an_answer_that_cannot_be_encoded(void **state)
{
    serve(PROC_AUTH_LIST, answer_later);
    send_message(PROC_AUTH_LIST, MSG_CALL, STATUS_OK, 1, "", 0);
    spin();
    gint32 many[21] = { 0 };
    AuthListRet out = { .types = { many, 21 } };
    call_reply(pending[0], &out);
    const guint8 *payload;
    WireHeader h;
    assert_true(next_message(&h, &payload));
    assert_int_equal(h.status, STATUS_ERROR);
}

/* ---- a read-only client */

static void
read_only_is_asked_per_call(void **state)
{
    DomainGetXmlDescArgs in = { .dom = { .name = "a", .id = -1 }, .flags = 2 };
    DomainDestroyArgs destroy = { .dom = in.dom };
    const guint8 *payload;
    WireHeader h;

    the_client()->state.creds.readonly = TRUE;
    serve(PROC_DOMAIN_GET_XML_DESC, answer_later)->flags = 3;
    serve(PROC_DOMAIN_DESTROY, answer_later);
    call(PROC_DOMAIN_GET_XML_DESC, 1, &DomainGetXmlDescArgs_type, &in);
    spin();
    assert_int_equal(n_pending, 1);
    in.flags = 1; /* with secrets */
    call(PROC_DOMAIN_GET_XML_DESC, 2, &DomainGetXmlDescArgs_type, &in);
    call(PROC_DOMAIN_DESTROY, 3, &DomainDestroyArgs_type, &destroy);
    for (guint32 serial = 2; serial <= 3; serial++) {
        assert_true(next_message(&h, &payload));
        assert_int_equal(h.serial, serial);
        assert_int_equal(h.status, STATUS_ERROR);
        guint32 code;
        memcpy(&code, payload, 4);
        assert_int_equal(GUINT32_FROM_BE(code), 29);
    }
    assert_int_equal(n_pending, 1);
    DomainGetXmlDescRet out = { .xml = "<domain/>" };
    call_reply(pending[0], &out);
}

/* ---- streams */

static int spliced;
static int spliced_done;

static void
on_splice_done(gpointer user)
{
    spliced_done++;
}

static void
open_console(Call *c)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    spliced = ends[1];
    assert_true(call_splice(c, ends[0], on_splice_done, NULL));
    call_reply_none(c);
}

static void
start_console(guint32 serial)
{
    DomainOpenConsoleArgs in = { .dom = { .name = "a", .id = 1 } };

    spliced_done = 0;
    serve(PROC_DOMAIN_OPEN_CONSOLE, open_console);
    call(PROC_DOMAIN_OPEN_CONSOLE, serial, &DomainOpenConsoleArgs_type, &in);
    expect(MSG_REPLY, STATUS_OK, serial, 0);
}

static void
a_console_goes_both_ways(void **state)
{
    char text[16] = "";

    start_console(9);
    send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_CONTINUE, 9, "hello", 5);
    spin();
    assert_int_equal(recv(spliced, text, sizeof(text), 0), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(send(spliced, "login:", 6, 0), 6);
    expect(MSG_STREAM, STATUS_CONTINUE, 9, 6);
    /* The guest hangs up, then the client is done. */
    fd_close(&spliced);
    expect(MSG_STREAM, STATUS_CONTINUE, 9, 0);
    send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_OK, 9, "", 0);
    expect(MSG_STREAM, STATUS_OK, 9, 0);
    assert_int_equal(spliced_done, 1);
    send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_CONTINUE, 9, "late", 4);
    expect_nothing();
}

static void
an_aborted_console(void **state)
{
    start_console(9);
    send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_ERROR, 9, "", 0);
    expect(MSG_STREAM, STATUS_OK, 9, 0);
    assert_int_equal(spliced_done, 1);
    fd_close(&spliced);
    start_console(10);
    fd_close(&world.fd);
    spin();
    assert_int_equal(spliced_done, 1);
    fd_close(&spliced);
}

static void
a_hole_nobody_asked_for(void **state)
{
    guint8 hole[12] = { 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0 };
    const guint8 *payload;
    WireHeader h;

    start_console(9);
    send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_HOLE, STATUS_CONTINUE, 9, hole, sizeof(hole));
    assert_true(next_message(&h, &payload));
    assert_int_equal(h.kind, MSG_STREAM);
    assert_int_equal(h.status, STATUS_ERROR);
    assert_int_equal(spliced_done, 1);
    fd_close(&spliced);
}

/* A guest that writes without end to a client that does not read: what waits is bounded. */
static void
a_slow_client_slows_the_guest(void **state)
{
    static char block[65536];
    gsize sent = 0, got = 0;
    const guint8 *payload;
    WireHeader h;
    int stuck = 0;

    start_console(9);
    while (stuck < 5) {
        ssize_t n = send(spliced, block, sizeof(block), MSG_DONTWAIT);
        stuck = n > 0 ? 0 : stuck + 1;
        sent += n > 0 ? (gsize)n : 0;
        spin();
        assert_true(sent < 8 * 1024 * 1024);
    }
    assert_true(lines_queued(the_client()->lines) < 1024 * 1024);
    while (next_message(&h, &payload))
        got += h.size - WIRE_HEADER;
    assert_int_equal(got, sent);
    fd_close(&spliced);
}

/* A guest that does not read: the client is not read, and nothing is lost when it wakes up. */
static void
a_slow_guest_slows_the_client(void **state)
{
    static char block[65536 - WIRE_HEADER];
    gsize sent = 0, got = 0;
    ssize_t n;

    start_console(9);
    for (int i = 0; i < 2000 && !the_client()->paused; i++) {
        struct pollfd p = { .fd = world.fd, .events = POLLOUT };
        if (poll(&p, 1, 0) == 1) {
            send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_CONTINUE, 9, block, 4096);
            sent += 4096;
        }
        spin();
    }
    assert_true(the_client()->paused);
    assert_true(sent < 8 * 1024 * 1024);
    for (int idle = 0; idle < 5; idle++) {
        while ((n = recv(spliced, block, sizeof(block), MSG_DONTWAIT)) > 0) {
            got += (gsize)n;
            idle = 0;
        }
        spin();
    }
    assert_int_equal(got, sent);
    assert_false(the_client()->paused);
    fd_close(&spliced);
}

/* ---- events */

static void
register_lifecycle(guint32 serial, DomainRef *only)
{
    ConnectDomainEventCallbackRegisterAnyArgs in = { DOMAIN_EVENT_LIFECYCLE, only };

    call(PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, serial,
         &ConnectDomainEventCallbackRegisterAnyArgs_type, &in);
    expect(MSG_REPLY, STATUS_OK, serial, 4);
}

/* A guest that does not read at all: the connection is as good as any, and the console can be left.
 */
static void
a_stuck_guest_stops_no_others(void **state)
{
    static char block[65536 - WIRE_HEADER];
    RemoteError why = { .code = 1 };
    WireBuf b = { 0 };

    serve(PROC_AUTH_LIST, answer_now);
    start_console(9);
    for (int i = 0; i < 200 && the_client()->held_bytes == 0; i++) {
        send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_CONTINUE, 9, block, 32768);
        spin();
    }
    assert_true(the_client()->held_bytes > 0 && !the_client()->paused);
    expect_pong();
    send_message(PROC_AUTH_LIST, MSG_CALL, STATUS_OK, 10, "", 0);
    expect(MSG_REPLY, STATUS_OK, 10, 4);
    assert_true(xdr_encode(&b, &RemoteError_type, &why, NULL));
    send_message(PROC_DOMAIN_OPEN_CONSOLE, MSG_STREAM, STATUS_ERROR, 9, b.data, b.len);
    wire_buf_done(&b);
    spin();
    assert_int_equal(spliced_done, 1);
    assert_int_equal(the_client()->held_bytes, 0);
    fd_close(&spliced);
}

static void
events_reach_who_wants_them(void **state)
{
    Event event = { .family = EVENT_DOMAIN,
                    .id = DOMAIN_EVENT_LIFECYCLE,
                    .name = "guest",
                    .uuid = { 1, 2, 3 },
                    .object_id = 7,
                    .n = { LIFECYCLE_STARTED, 1 } };
    DomainRef other = { .name = "other", .uuid = { 9 } };
    DomainEventCallbackLifecycleMsg got;
    const guint8 *payload;
    WireHeader h;
    Arena a;

    event_emit(&event);
    expect_nothing();
    register_lifecycle(1, &other);
    event_emit(&event);
    expect_nothing();
    register_lifecycle(2, NULL);
    event_emit(&event);
    assert_true(next_message(&h, &payload));
    assert_int_equal(h.procedure, PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE);
    assert_int_equal(h.kind, MSG_EVENT);
    arena_init(&a, NULL, 0);
    assert_true(xdr_decode(&DomainEventCallbackLifecycleMsg_type, payload, h.size - WIRE_HEADER, &a,
                           &got, NULL));
    assert_int_equal(got.callback_id, 1);
    assert_string_equal(got.msg.dom.name, "guest");
    assert_int_equal(got.msg.dom.id, 7);
    assert_memory_equal(got.msg.dom.uuid, event.uuid, 16);
    assert_int_equal(got.msg.event, LIFECYCLE_STARTED);
    assert_int_equal(got.msg.detail, 1);
    arena_done(&a);
    expect_nothing();
}

/* Every event there is can be encoded. */
static void
every_event_has_a_message(void **state)
{
    static const int ids[] = { N_DOMAIN_EVENTS, 2, 2, 2, 2, 1 };
    static const struct EventIdentity who[] = { { "x509", "me" } };
    EventGraphics graphics = { 1, { 0, "a", "1" }, { 0, "b", "2" }, "vnc", 1, who };
    Params params;
    GArray *wanted = the_client()->state.registrations;

    params_init(&params);
    params_add_string(&params, "text", "name");
    params_add_ullong(&params, 77, "number");
    for (int family = 0; family < N_EVENT_FAMILIES; family++) {
        for (int id = 0; id < ids[family]; id++) {
            Registration r = { .callback = 5, .family = (EventFamily)family, .event = id };
            Event e = { .family = (EventFamily)family,
                        .id = id,
                        .name = "n",
                        .s = { "a", "b", "c" },
                        .params = &params,
                        .graphics = &graphics };
            const guint8 *payload;
            WireHeader h;
            g_array_append_val(wanted, r);
            event_emit(&e);
            assert_true(next_message(&h, &payload));
            guint32 callback;
            memcpy(&callback, payload, 4);
            assert_int_equal(GUINT32_FROM_BE(callback), 5);
            g_array_set_size(wanted, 0);
        }
    }
    params_done(&params);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_that_wait_stop_no_others),
        TEST(what_waits_is_bounded),
        TEST(what_calls_bring_is_bounded),
        TEST(answers_in_any_order),
        TEST(an_answer_without_audience),
        TEST(an_answer_that_cannot_be_encoded),
        TEST(read_only_is_asked_per_call),
        TEST(a_console_goes_both_ways),
        TEST(an_aborted_console),
        TEST(a_hole_nobody_asked_for),
        TEST(a_slow_client_slows_the_guest),
        TEST(a_slow_guest_slows_the_client),
        TEST(a_stuck_guest_stops_no_others),
        TEST(events_reach_who_wants_them),
        TEST(every_event_has_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
