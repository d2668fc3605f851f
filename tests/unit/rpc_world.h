/* A server without a daemon and one client of it, whose bytes the test writes and reads. */
#pragma once

#include "rpc/rpc_priv.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

typedef struct World {
    Paths paths;
    char *root;
    Server *server;
    int fd; /* a client's end */
    guint8 *in;
    gsize in_len;
} World;

static World world;
static Call *pending[8];
static guint n_pending;

static inline void
spin(void)
{
    for (int i = 0; i < 200; i++)
        g_main_context_iteration(NULL, FALSE);
}

/* An account as the server gives one. */
static inline Account *
account_for(const Creds *creds)
{
    Account *a = account_new(world.server->budgets, creds->uid, !creds->readonly);

    account_opened(a);
    return a;
}

static inline void
connect_client(void)
{
    static const Creds creds = { .uid = 0 };
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    client_new(world.server, ends[0], &creds, account_for(&creds));
    world.fd = ends[1];
}

static inline int
set_up(void **state)
{
    world.root = g_dir_make_tmp("vmd-unit-XXXXXX", NULL);
    paths_init_system(&world.paths, world.root);
    assert_true(paths_make(&world.paths, NULL));
    world.server = server_new(&world.paths, NULL, NULL, NULL);
    assert_non_null(world.server);
    connect_client();
    ((Client *)world.server->clients.head->data)->state.opened = TRUE;
    n_pending = 0;
    return 0;
}

static inline int
tear_down(void **state)
{
    fd_close(&world.fd);
    server_free(world.server);
    paths_done(&world.paths);
    dir_remove(world.root, NULL);
    g_clear_pointer(&world.root, g_free);
    g_clear_pointer(&world.in, g_free);
    world.in_len = 0;
    return 0;
}

static inline Client *
the_client(void)
{
    return world.server->clients.head->data;
}

/* ---- methods of the test's own */

static Method rows[8];
static guint n_rows;

static inline Method *
serve(gint32 procedure, void (*run)(Call *c))
{
    Method *m = &rows[n_rows++ % G_N_ELEMENTS(rows)];

    *m = (Method){ .number = procedure, .subject = &subject_none, .run = { .on_none = run } };
    slot_set(&world.server->remote[procedure], PROGRAM_REMOTE, m);
    return m;
}

/* ---- the client's side */

static inline void
send_message(gint32 procedure, guint32 kind, guint32 status, guint32 serial, const void *payload,
             gsize len)
{
    WireHeader h = { .program = PROGRAM_REMOTE,
                     .version = 1,
                     .procedure = procedure,
                     .kind = kind,
                     .serial = serial,
                     .status = status };
    WireBuf b = { 0 };

    wire_begin(&b, &h);
    wire_put(&b, payload, len);
    assert_true(wire_end(&b, NULL));
    assert_int_equal(send(world.fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    wire_buf_done(&b);
}

static inline void
call(gint32 procedure, guint32 serial, const WireType *t, gconstpointer args)
{
    WireBuf b = { 0 };

    assert_true(xdr_encode(&b, t, args, NULL));
    send_message(procedure, MSG_CALL, STATUS_OK, serial, b.data, b.len);
    wire_buf_done(&b);
}

/* Takes the next message; FALSE: none has come. The payload is valid until the next. */
static inline gboolean
next_message(WireHeader *h, const guint8 **payload)
{
    static guint8 *last;
    guint8 bytes[65536];
    gssize n;

    for (int i = 0; i < 100; i++) {
        gssize whole = wire_cut(world.in, world.in_len, NULL);
        if (whole > 0) {
            g_free(last);
            last = g_memdup2(world.in, (gsize)whole);
            world.in_len -= (gsize)whole;
            memmove(world.in, world.in + whole, world.in_len);
            wire_header_decode(last, h);
            *payload = last + WIRE_HEADER;
            return TRUE;
        }
        spin();
        n = recv(world.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n <= 0)
            break;
        world.in = g_realloc(world.in, world.in_len + (gsize)n);
        memcpy(world.in + world.in_len, bytes, (gsize)n);
        world.in_len += (gsize)n;
    }
    g_clear_pointer(&last, g_free);
    return FALSE;
}

static inline void
expect(guint32 kind, guint32 status, guint32 serial, gsize len)
{
    const guint8 *payload;
    WireHeader h;

    assert_true(next_message(&h, &payload));
    assert_int_equal(h.kind, kind);
    assert_int_equal(h.status, status);
    assert_int_equal(h.serial, serial);
    assert_int_equal(h.size - WIRE_HEADER, len);
}

static inline void
expect_nothing(void)
{
    const guint8 *payload;
    WireHeader h;

    assert_false(next_message(&h, &payload));
}

/* A method that keeps its calls for the test to answer. */
static inline void
answer_later(Call *c)
{
    pending[n_pending++] = c;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
