#include "base/base.h"
#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* A frame is one byte that gives its length, itself included, for short ones; for long ones a zero
 * and four bytes of length in native order. Length 1 is not a frame. */
static gssize
cut(const guint8 *data, gsize len, gpointer user)
{
    guint32 n = data[0];

    if (n == 1)
        return -1;
    if (n == 0) {
        if (len < 5)
            return 0;
        memcpy(&n, data + 1, 4);
    }
    return n <= len ? n : 0;
}

typedef struct Peer {
    Lines *l;
    int other;      /* our end of the test */
    GString *heard; /* frames' contents, '|' between */
    gsize frames, bytes;
    int ended, drained;
    char *why;
    int free_after, pause_after, close_after; /* this many frames */
    gboolean free_when_drained, go_on_when_drained;
} Peer;

static void
on_frame(Lines *l, const guint8 *data, gsize len, gpointer user)
{
    Peer *p = user;
    gsize head = data[0] ? 1 : 5;

    assert_ptr_equal(l, p->l);
    assert_int_equal(p->ended, 0);
    p->frames++;
    p->bytes += len;
    if (len < 100)
        g_string_append_printf(p->heard, "%.*s|", (int)(len - head), data + head);
    if (p->free_after && (int)p->frames == p->free_after) {
        g_clear_pointer(&p->l, lines_free);
        assert_true(data[len - 1] != 0); /* still ours to read */
    }
    if (p->pause_after && (int)p->frames == p->pause_after)
        lines_pause(l, TRUE);
    if (p->close_after && (int)p->frames == p->close_after)
        lines_close_when_sent(g_steal_pointer(&p->l));
}

static void
on_ended(Lines *l, const GError *err, gpointer user)
{
    Peer *p = user;

    p->ended++;
    if (p->free_after < 0)
        g_clear_pointer(&p->l, lines_free);
    p->why = g_strdup(err ? err->message : "");
}

static void
on_drained(Lines *l, gpointer user)
{
    Peer *p = user;

    p->drained++;
    if (p->free_when_drained)
        g_clear_pointer(&p->l, lines_free);
    if (p->go_on_when_drained)
        lines_pause(l, FALSE);
}

static gboolean
takes_all(const guint8 *data, gsize len, gpointer user)
{
    return TRUE;
}

static const LinesOps ops = { cut, on_frame, on_ended, on_drained, takes_all };

static void
peer_done(Peer *p)
{
    lines_free(p->l);
    fd_close(&p->other);
    g_string_free(p->heard, TRUE);
    g_free(p->why);
    while (g_main_context_iteration(NULL, FALSE))
        ;
}
#define peer_auto __attribute__((cleanup(peer_done))) Peer

static Peer
peer_new(Peer *at, gsize max)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    return (Peer){ .l = lines_new(ends[0], max, &ops, at),
                   .other = ends[1],
                   .heard = g_string_new(NULL) };
}
#define PEER(name, max) peer_auto name = peer_new(&name, max)

static int
loop(void)
{
    int n = 0;

    while (g_main_context_iteration(NULL, FALSE))
        assert_true(++n < 1000);
    return n;
}

static void
put(const Peer *p, const void *data, gsize len)
{
    assert_int_equal(send(p->other, data, len, 0), len);
}

static void
say(const Peer *p, const char *frames)
{
    put(p, frames, strlen(frames));
}

static void
check_end(Peer *p, const char *why)
{
    loop();
    assert_int_equal(p->ended, 1);
    assert_non_null(p->why);
    if (!strstr(p->why, why) || (!why[0] && p->why[0]))
        unit_fail("%s\n", p->why);
}

static void
test_frames(void **state)
{
    PEER(p, 100);

    say(&p, "\4abc\3de\2f\5g");
    loop();
    assert_string_equal(p.heard->str, "abc|de|f|");
    for (const char *c = "hij\4klm"; *c; c++) {
        put(&p, c, 1);
        loop();
    }
    assert_string_equal(p.heard->str, "abc|de|f|ghij|klm|");
    fd_close(&p.other);
    check_end(&p, "");
}

static void
test_long_frame(void **state)
{
    PEER(p, 3 << 20);
    gsize len = 3 << 20;
    g_autofree char *big = g_malloc0(len);
    guint32 n = len;

    memcpy(big + 1, &n, 4);
    for (int round = 0; round < 3; round++) {
        for (gsize at = 0; at < len;) {
            gssize sent = send(p.other, big + at, len - at, MSG_DONTWAIT);

            at += MAX(sent, 0);
            loop();
        }
        say(&p, "\2x");
    }
    loop();
    assert_int_equal(p.frames, 6);
    assert_int_equal(p.bytes, 3 * (len + 2));
    assert_string_equal(p.heard->str, "x|x|x|");
}

static void
test_eof_inside(void **state)
{
    PEER(p, 100);

    say(&p, "\2a\5bc");
    fd_close(&p.other);
    check_end(&p, "middle of a message");
    assert_string_equal(p.heard->str, "a|");
}

static void
test_too_long(void **state)
{
    PEER(whole, 10);
    PEER(part, 10);

    say(&whole, "\2a\14bbbbbbbbbbb\2c");
    check_end(&whole, "too long");
    assert_string_equal(whole.heard->str, "a|");
    say(&part, "\2a\77bbbbbbbbbbb");
    check_end(&part, "too long");
}

static void
test_no_frame(void **state)
{
    PEER(p, 100);

    say(&p, "\2a\1\2b");
    check_end(&p, "no message");
    say(&p, "\2c");
    loop();
    assert_string_equal(p.heard->str, "a|");
    lines_send(p.l, "late", 4);
    assert_int_equal(lines_queued(p.l), 0);
}

static void
test_free_inside(void **state)
{
    PEER(frame, 100);
    PEER(end, 100);
    PEER(sending, 100);

    frame.free_after = 2;
    say(&frame, "\2a\2b\2c");
    loop();
    assert_string_equal(frame.heard->str, "a|b|");
    assert_null(frame.l);
    assert_int_equal(frame.ended, 0);

    end.free_after = -1;
    say(&end, "\1");
    check_end(&end, "no message");
    assert_null(end.l);

    sending.free_after = -1;
    shutdown(sending.other, SHUT_RD);
    lines_send(sending.l, "x", 1);
    assert_int_equal(sending.ended, 0);
    check_end(&sending, "cannot write");
}

static void
test_pause(void **state)
{
    PEER(p, 100);

    p.pause_after = 1;
    say(&p, "\2a\2b");
    loop();
    assert_string_equal(p.heard->str, "a|");
    say(&p, "\2c");
    fd_close(&p.other);
    assert_int_equal(loop(), 0); /* a hangup does not spin the loop */
    lines_pause(p.l, FALSE);
    assert_int_equal(p.frames, 1); /* not from inside the call */
    check_end(&p, "");
    assert_string_equal(p.heard->str, "a|b|c|");
}

static void
test_pipe(void **state)
{
    Peer p = { .heard = g_string_new(NULL), .other = -1 };
    int in[2], out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    p.l = lines_new(in[0], 100, &ops, &p);
    assert_int_equal(lines_fd(p.l), in[0]);
    assert_int_equal(write(in[1], "\3ab\2c", 5), 5);
    loop();
    close(in[1]);
    check_end(&p, "");
    assert_string_equal(p.heard->str, "ab|c|");
    lines_free(p.l);
    g_clear_pointer(&p.why, g_free);

    p.ended = 0;
    p.l = lines_new(out[1], 100, &ops, &p);
    lines_send(p.l, "out", 3);
    close(out[0]);
    lines_send(p.l, "lost", 4);
    check_end(&p, "Broken pipe");
    peer_done(&p);
}

/* Reads what waits at the other end, at most n bytes, checking the running pattern. */
static gsize
drain(const Peer *p, gsize n, gsize *at)
{
    guint8 buf[4096];
    gsize got = 0;

    while (got < n) {
        gssize r = recv(p->other, buf, MIN(sizeof(buf), n - got), MSG_DONTWAIT);

        if (r <= 0)
            break;
        for (gssize i = 0; i < r; i++, ++*at)
            if (buf[i] != (guint8)(*at * 7 % 251))
                unit_fail("byte %zu is wrong\n", *at);
        got += r;
    }
    return got;
}

static guint8 *
pattern(gsize len)
{
    guint8 *data = g_malloc(len);

    for (gsize i = 0; i < len; i++)
        data[i] = i * 7 % 251;
    return data;
}

static void
test_queue(void **state)
{
    PEER(p, 100);
    gsize len = 4 << 20, half = len / 2, at = 0;
    g_autofree guint8 *data = pattern(len);

    lines_send(p.l, data, 10);
    assert_int_equal(lines_queued(p.l), 0);
    for (gsize i = 10; i < half; i += 1013)
        lines_send(p.l, data + i, MIN(1013, half - i));
    assert_true(lines_queued(p.l) > half / 2);
    lines_send_bytes(p.l, g_bytes_new(data + half, len - half));
    while (at < len) {
        drain(&p, 50000, &at);
        loop();
    }
    assert_int_equal(p.drained, 1);
    assert_int_equal(lines_queued(p.l), 0);
    lines_send_bytes(p.l, g_bytes_new_static("", 0));
    lines_send(p.l, "", 0);
    assert_int_equal(p.ended, 0);
}

static void
test_free_when_drained(void **state)
{
    PEER(p, 100);
    gsize len = 1 << 20, at = 0;
    g_autofree guint8 *data = pattern(len);

    p.free_when_drained = TRUE;
    lines_send(p.l, data, len);
    while (p.l && at < len) {
        drain(&p, len, &at);
        loop();
    }
    assert_null(p.l);
    assert_int_equal(p.drained, 1);
}

/* It is not read while its queue is long, and hangs up. */
static void
test_a_deaf_peer_hangs_up(void **state)
{
    PEER(p, 100);
    gsize len = 1 << 20;
    g_autofree guint8 *data = pattern(len);

    p.go_on_when_drained = TRUE;
    lines_send(p.l, data, len);
    lines_pause(p.l, TRUE);
    fd_close(&p.other);
    for (int i = 0; i < 10 && !p.ended; i++)
        loop();
    assert_int_equal(p.drained, 1);
    assert_int_equal(p.ended, 1);
}

static void
test_close_when_sent(void **state)
{
    PEER(p, 100);
    PEER(empty, 100);
    gsize len = 1 << 20, at = 0;
    g_autofree guint8 *data = pattern(len);
    char c;

    p.close_after = 1;
    lines_send(p.l, data, len);
    say(&p, "\2a\2b");
    loop();
    assert_null(p.l);
    while (at < len) {
        assert_true(drain(&p, len, &at) > 0);
        loop();
    }
    assert_int_equal(recv(p.other, &c, 1, MSG_DONTWAIT), 0);
    assert_string_equal(p.heard->str, "a|");
    assert_int_equal(p.ended + p.drained, 0);

    lines_close_when_sent(g_steal_pointer(&empty.l));
    assert_int_equal(recv(empty.other, &c, 1, MSG_DONTWAIT), 0);
}

/* The peer is gone before it read all: its last words still count, and what waits goes nowhere. */
static void
test_last_words(void **state)
{
    PEER(p, 100);
    PEER(closing, 100);
    g_autofree guint8 *data = pattern(1 << 20);

    say(&p, "\2a");
    fd_close(&p.other);
    lines_send(p.l, data, 10);
    check_end(&p, "");
    assert_string_equal(p.heard->str, "a|");

    lines_send(closing.l, data, 1 << 20);
    lines_close_when_sent(g_steal_pointer(&closing.l));
    fd_close(&closing.other);
    loop();
}

/* A peer that closes its sending side may still wait for the reply. */
static void
test_half_close(void **state)
{
    PEER(p, 100);
    char buf[8];

    say(&p, "\2a");
    shutdown(p.other, SHUT_WR);
    check_end(&p, "");
    lines_send(p.l, "reply", 5);
    lines_close_when_sent(g_steal_pointer(&p.l));
    assert_int_equal(recv(p.other, buf, sizeof(buf), 0), 5);
}

static int
count_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 200; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* What recvmsg(2) of the other end gives: bytes, and how many descriptors came with them. */
static gssize
take(const Peer *p, char *buf, gsize len, int *ret_fd)
{
    char control[CMSG_SPACE(sizeof(int) * 8)];
    struct iovec iov = { buf, len };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    gssize n = recvmsg(p->other, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;

    *ret_fd = -1;
    if (c)
        memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
    return n;
}

static void
test_fds_out(void **state)
{
    PEER(p, 100);
    fd_auto file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    gsize len = 1 << 20, at = 0;
    g_autofree guint8 *data = pattern(len);
    char buf[100];
    int fd;

    lines_send(p.l, "ab", 2);
    lines_send_fd(p.l, file, 'F');
    lines_send(p.l, "cd", 2);
    assert_int_equal(take(&p, buf, sizeof(buf), &fd), 3);
    assert_memory_equal(buf, "abF", 3);
    assert_true(fd >= 0 && lseek(fd, 5, SEEK_SET) == 5 && lseek(file, 0, SEEK_CUR) == 5);
    close(fd);
    assert_int_equal(take(&p, buf, sizeof(buf), &fd), 2);
    assert_int_equal(fd, -1);

    /* The same behind a full queue: the descriptor is a duplicate by then. */
    lines_send(p.l, data, len);
    lines_send_with_fds(p.l, "GHI", 3, &file, 1);
    lines_send(p.l, "jk", 2);
    fd_close(&file);
    while (at < len) {
        drain(&p, len - at, &at);
        loop();
    }
    assert_int_equal(take(&p, buf, 1, &fd), 1);
    assert_int_equal(buf[0], 'G');
    assert_true(fd >= 0 && lseek(fd, 0, SEEK_CUR) == 5);
    close(fd);
    loop();
    assert_int_equal(take(&p, buf, sizeof(buf), &fd), 4);
    assert_memory_equal(buf, "HIjk", 4);
}

static void
give(const Peer *p, const char *data, const int *fds, gsize n_fds)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * 250)];
    } control = { .head = { .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int) * n_fds) } };
    struct iovec iov = { (char *)data, strlen(data) };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds) };

    memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * n_fds);
    assert_int_equal(sendmsg(p->other, &msg, 0), strlen(data));
}

static void
test_fds_in(void **state)
{
    int before = count_fds();
    PEER(p, 100);
    int pair[2], first, second;

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    say(&p, "\3a");
    give(&p, "F", pair, 1);
    give(&p, "\2G", pair, 2);
    loop();
    assert_string_equal(p.heard->str, "aF|G|");
    close(pair[0]);
    close(pair[1]);
    first = lines_take_fd(p.l);
    second = lines_take_fd(p.l);
    assert_true(first >= 0 && second > first);
    assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
    close(first);
    close(second);
    /* One more was sent and is not taken; the stream closes it. */
    g_clear_pointer(&p.l, lines_free);
    assert_int_equal(count_fds(), before + 1);
}

static void
test_fds_flood(void **state)
{
    int before = count_fds();
    PEER(p, 100);
    int fds[250];

    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
        fds[i] = 1;
    give(&p, "\2a", fds, 250);
    give(&p, "\2b", fds, 250);
    check_end(&p, "cannot read");
    g_clear_pointer(&p.l, lines_free);
    assert_int_equal(count_fds(), before + 1);
}

/* No descriptor is free: those of the peer are lost, which must not go unnoticed. */
static void
test_fds_lost(void **state)
{
    PEER(p, 100);
    struct rlimit old, none;
    int one = 1;

    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){ 3, old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    give(&p, "\2a", &one, 1);
    loop();
    setrlimit(RLIMIT_NOFILE, &old);
    check_end(&p, "Too many open files");
}

/* ---- descriptors that nobody asked for, and those that take long to close */

static const LinesOps ops_of_no_fds = { cut, on_frame, on_ended, on_drained };

static int discarded[4];
static int n_discarded, n_kept_freed;

static void
keep(int fd, gpointer keeper)
{
    assert_string_equal(keeper, "keeper");
    discarded[n_discarded++] = fd;
}

static void
on_keeper_freed(gpointer keeper)
{
    n_kept_freed++;
}

/* A connection whose last close waits for the other end, as long as lingers says. */
static void
lingering_make(int *ret_fd, int *ret_other)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct linger lingers = { 1, 3 };
    static char much[65536];
    socklen_t len = sizeof(at);
    fd_auto listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*ret_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    *ret_other = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(setsockopt(*ret_fd, SOL_SOCKET, SO_LINGER, &lingers, sizeof(lingers)), 0);
    while (send(*ret_fd, much, sizeof(much), MSG_DONTWAIT) > 0)
        ;
}

static void
test_fds_unasked(void **state)
{
    PEER(p, 100);
    int before = count_fds(), fd, other;
    gint64 began = g_get_monotonic_time();

    lines_free(p.l);
    p.l = NULL;
    fd_close(&p.other);
    p = (Peer){ .heard = p.heard };
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    p.l = lines_new(ends[0], 100, &ops_of_no_fds, &p);
    p.other = ends[1];
    n_discarded = n_kept_freed = 0;
    lines_on_discard(p.l, keep, (gpointer) "keeper", on_keeper_freed);
    lingering_make(&fd, &other);
    say(&p, "\3a");
    give(&p, "F", &fd, 1);
    fd_close(&fd); /* the one in the queue is the last */
    check_end(&p, "descriptors that nothing asked for");
    g_clear_pointer(&p.l, lines_free);
    assert_true(g_get_monotonic_time() - began < G_USEC_PER_SEC);
    assert_int_equal(n_kept_freed, 1);
    assert_int_equal(n_discarded, 1); /* the stream's own, for whom it may concern */
    fd_close(&other);                 /* now it is closed at once */
    fd_close(&discarded[0]);
    assert_int_equal(count_fds(), before - 1);
}

/* Where nothing is left in it the stream is closed at once. */
static void
test_nothing_to_discard(void **state)
{
    PEER(p, 100);

    n_discarded = n_kept_freed = 0;
    lines_on_discard(p.l, keep, (gpointer) "keeper", on_keeper_freed);
    say(&p, "\2a");
    loop();
    g_clear_pointer(&p.l, lines_free);
    assert_int_equal(n_discarded, 0);
    assert_int_equal(n_kept_freed, 1);
}

/* ---- turns */

static gint64 last_round;
static guint n_this_round, n_rounds;

static gboolean
two_a_round(gint64 round, gpointer user)
{
    if (round != last_round) {
        n_rounds++;
        n_this_round = 0;
    }
    last_round = round;
    return n_this_round++ < 2;
}

static void
test_turns(void **state)
{
    static const LinesOps turns = { cut, on_frame, on_ended, on_drained, NULL, two_a_round };
    int ends[2];
    PEER(p, 100);

    lines_free(p.l);
    fd_close(&p.other);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    p.l = lines_new(ends[0], 100, &turns, &p);
    p.other = ends[1];
    say(&p, "\2a\2b\2c\2d\2e");
    n_rounds = 0;
    for (gsize before = 0; p.frames < 5; before = p.frames) {
        g_main_context_iteration(NULL, FALSE);
        assert_in_range(p.frames, before, before + 2);
    }
    assert_string_equal(p.heard->str, "a|b|c|d|e|");
    assert_int_equal(n_rounds, 3);
}

static void
test_free_twice(void **state)
{
    PEER(p, 100);

    lines_free(NULL);
    say(&p, "\2a");
    g_clear_pointer(&p.l, lines_free);
    loop();
    assert_int_equal(p.frames + p.ended, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),          cmocka_unit_test(test_long_frame),
        cmocka_unit_test(test_eof_inside),      cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_frame),        cmocka_unit_test(test_free_inside),
        cmocka_unit_test(test_pause),           cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_queue),           cmocka_unit_test(test_free_when_drained),
        cmocka_unit_test(test_close_when_sent), cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_half_close),      cmocka_unit_test(test_fds_out),
        cmocka_unit_test(test_fds_in),          cmocka_unit_test(test_fds_flood),
        cmocka_unit_test(test_fds_lost),        cmocka_unit_test(test_fds_unasked),
        cmocka_unit_test(test_turns),           cmocka_unit_test(test_nothing_to_discard),
        cmocka_unit_test(test_free_twice),      cmocka_unit_test(test_a_deaf_peer_hangs_up),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
