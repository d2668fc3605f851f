/* Framed streams. A Lines is a GSource of its own: while it is dispatched the main loop holds a
 * reference, so any callback may free it; what is left to do then is ask gone() and return. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    IN_FIRST = 8192,    /* the input buffer a quiet stream keeps */
    IN_KEPT = 64 << 10, /* a larger one is given back when it is empty */
    READS_AT_ONCE = 4,  /* before other sources get their turn */
    OUT_LOW = 64 << 10, /* see LinesOps.drained */
    GATHER = 16,        /* pieces in one system call */
    FDS_AT_ONCE = 253,  /* what the kernel lets one message carry */
    FDS_WAITING = 256,  /* received and not taken; a peer that sends more is cut off */
    LAST_WORDS_S = 10,  /* how long lines_close_when_sent waits for the peer to read */
};

/* One piece of output: a copy behind the struct, or borrowed from bytes. */
typedef struct LinesPiece {
    struct LinesPiece *next;
    GBytes *bytes;
    int *fds; /* go with the first byte */
    gsize n_fds;
    gboolean secret;
    const guint8 *at;
    gsize left;
    guint8 copy[];
} LinesPiece;

struct Lines {
    GSource source;
    int fd;
    gpointer tag; /* in the poll set, NULL: not */
    GIOCondition polled;
    gboolean is_socket;
    gsize max;
    const LinesOps *ops;
    gpointer user;

    guint8 *in;
    gsize in_len, in_size;
    GArray *in_fds;

    LinesPiece *out, **out_end;
    gsize queued;
    gboolean above;    /* the queue has been above OUT_LOW */
    GError *out_error; /* writing is over; told after what can still be read was delivered */

    gboolean wipe; /* what stands in the input behind its end is secret */
    gboolean out_closed, paused, ended, closing;
    gboolean later; /* its turn is over, until the loop comes round */

    LinesDiscard discard;
    gpointer keeper;
    GDestroyNotify free_keeper;
};

/* Freed: only the memory is still there. */
static gboolean
gone(Lines *l)
{
    return g_source_is_destroyed(&l->source);
}

/* A descriptor that is neither read nor written leaves the poll set, because poll(2) would report a
 * hangup of it again and again. */
static void
update_poll(Lines *l)
{
    GIOCondition want = 0;

    if (!l->paused && !l->ended && !l->closing)
        want |= G_IO_IN;
    if (l->out)
        want |= G_IO_OUT;
    if (want == l->polled)
        return;
    if (!l->tag)
        l->tag = g_source_add_unix_fd(&l->source, l->fd, want);
    else if (want)
        g_source_modify_unix_fd(&l->source, l->tag, want);
    else
        g_source_remove_unix_fd(&l->source, g_steal_pointer(&l->tag));
    l->polled = want;
}

static void
wake(Lines *l)
{
    g_source_set_ready_time(&l->source, 0);
}

/* ---- output */

static void
fds_close(int *fds, gsize n)
{
    for (gsize i = 0; i < n; i++)
        fd_close(&fds[i]);
}

static void
piece_free(LinesPiece *p)
{
    fds_close(p->fds, p->n_fds);
    g_free(p->fds);
    if (p->secret)
        explicit_bzero(p->copy, (gsize)(p->at + p->left - p->copy));
    g_bytes_unref(p->bytes);
    g_free(p);
}

static void
out_drop(Lines *l)
{
    while (l->out) {
        LinesPiece *p = l->out;

        l->out = p->next;
        piece_free(p);
    }
    l->out_end = &l->out;
    l->queued = 0;
}

static void
out_fail(Lines *l, int errnum)
{
    out_drop(l);
    l->out_closed = TRUE;
    if (!l->out_error)
        fail_errno(&l->out_error, errnum, "cannot write to the peer");
    update_poll(l);
    wake(l);
}

static gssize
transmit(Lines *l, struct iovec *iov, gsize n, const int *fds, gsize n_fds)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int) * FDS_AT_ONCE)];
    } control;
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };

    if (!l->is_socket && n_fds == 0)
        return TEMP_FAILURE_RETRY(writev(l->fd, iov, n));
    if (n_fds > FDS_AT_ONCE) {
        errno = ETOOMANYREFS;
        return -1;
    }
    if (n_fds > 0) {
        memset(&control, 0, CMSG_SPACE(sizeof(int) * n_fds));
        control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS,
                                         .cmsg_len = CMSG_LEN(sizeof(int) * n_fds) };
        memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * n_fds);
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
    }
    return TEMP_FAILURE_RETRY(sendmsg(l->fd, &msg, MSG_NOSIGNAL));
}

/* Writes at once if the queue is empty. Returns the number of bytes written, -1 when writing is
 * over. */
static gssize
transmit_now(Lines *l, const void *data, gsize len, const int *fds, gsize n_fds)
{
    struct iovec iov = { (void *)data, len };
    gssize n;

    if (l->out || len == 0)
        return 0;
    n = transmit(l, &iov, 1, fds, n_fds);
    if (n >= 0)
        return n;
    if (errno == EAGAIN)
        return 0;
    out_fail(l, errno);
    return -1;
}

static void
out_push(Lines *l, LinesPiece *p)
{
    *l->out_end = p;
    l->out_end = &p->next;
    l->queued += p->left;
    if (l->queued > OUT_LOW)
        l->above = TRUE;
    update_poll(l);
}

static LinesPiece *
piece_copy(const guint8 *data, gsize len)
{
    LinesPiece *p = g_malloc(sizeof(LinesPiece) + len);

    *p = (LinesPiece){ .at = p->copy, .left = len };
    memcpy(p->copy, data, len);
    return p;
}

/* Pieces up to the next one with descriptors, which must begin a message of its own. */
static gsize
out_gather(const Lines *l, struct iovec *iov)
{
    gsize n = 0;

    for (const LinesPiece *p = l->out; p && n < GATHER; p = p->next) {
        if (n > 0 && p->n_fds > 0)
            break;
        iov[n++] = (struct iovec){ (void *)p->at, p->left };
        if (p->n_fds > 0)
            break;
    }
    return n;
}

static void
out_consume(Lines *l, gsize n)
{
    l->queued -= n;
    while (l->out && n >= l->out->left) {
        LinesPiece *p = l->out;

        n -= p->left;
        l->out = p->next;
        piece_free(p);
    }
    if (!l->out) {
        l->out_end = &l->out;
        return;
    }
    if (n == 0)
        return;
    fds_close(l->out->fds, l->out->n_fds);
    l->out->n_fds = 0;
    l->out->at += n;
    l->out->left -= n;
}

static void
out_tell_drained(Lines *l)
{
    if (!l->above || l->queued >= OUT_LOW)
        return;
    l->above = FALSE;
    if (l->ops->drained && !l->closing)
        l->ops->drained(l, l->user);
}

static void
out_flush(Lines *l)
{
    while (l->out) {
        struct iovec iov[GATHER];
        gsize pieces = out_gather(l, iov);
        gssize n = transmit(l, iov, pieces, l->out->fds, l->out->n_fds);

        if (n < 0 && errno != EAGAIN) {
            out_fail(l, errno);
            return;
        }
        if (n < 0)
            break;
        out_consume(l, n);
    }
    update_poll(l);
    out_tell_drained(l);
}

/* ---- input */

static void
end(Lines *l, const GError *err)
{
    if (l->ended)
        return;
    l->ended = TRUE;
    if (err) {
        out_drop(l);
        l->out_closed = TRUE;
    }
    update_poll(l);
    l->ops->ended(l, err, l->user);
}

static void
end_because(Lines *l, const char *why)
{
    g_autoptr(GError) err = NULL;

    fail(&err, ERR_RPC, "%s", why);
    end(l, err);
}

/* A write that failed before this is the better reason. */
static void
end_errno(Lines *l, int errnum)
{
    g_autoptr(GError) err = g_steal_pointer(&l->out_error);

    if (!err)
        fail_errno(&err, errnum, "cannot read from the peer");
    end(l, err);
}

static gboolean
reading(Lines *l)
{
    return !gone(l) && !l->paused && !l->ended && !l->closing && !l->later;
}

static gboolean
turn_is_over(Lines *l)
{
    if (!l->ops->may_go_on || l->ops->may_go_on(g_source_get_time(&l->source), l->user))
        return FALSE;
    l->later = TRUE;
    wake(l);
    return TRUE;
}

static void
in_keep_from(Lines *l, gsize at)
{
    l->in_len -= at;
    if (l->in_len > 0)
        memmove(l->in, l->in + at, l->in_len);
    if (l->wipe)
        explicit_bzero(l->in + l->in_len, l->in_size - l->in_len);
    l->wipe = FALSE;
    if (l->in_len > 0)
        return;
    if (l->in_size > IN_KEPT) {
        g_clear_pointer(&l->in, g_free);
        l->in_size = 0;
    }
}

static void
deliver(Lines *l)
{
    gsize at = 0;
    gssize n = 0;

    while (reading(l) && at < l->in_len) {
        n = l->ops->cut(l->in + at, l->in_len - at, l->user);
        if (n <= 0 || (gsize)n > l->max)
            break;
        if (turn_is_over(l)) {
            n = 0;
            break;
        }
        l->ops->frame(l, l->in + at, n, l->user);
        at += n;
        n = 0;
    }
    if (gone(l))
        return;
    in_keep_from(l, at);
    if (n < 0)
        end_because(l, "the peer sent what is no message");
    else if ((gsize)n > l->max || (reading(l) && l->in_len > l->max))
        end_because(l, "the peer sent a message that is too long");
}

static gboolean
take_in_fds(Lines *l, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        if (!l->in_fds)
            l->in_fds = g_array_new(FALSE, FALSE, sizeof(int));
        g_array_append_vals(l->in_fds, CMSG_DATA(c), (c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    }
    /* Truncated: this process may open no more, and what was sent is lost. */
    return !(msg->msg_flags & MSG_CTRUNC) && (!l->in_fds || l->in_fds->len <= FDS_WAITING);
}

static gssize
receive_with_fds(Lines *l, guint8 *to, gsize room)
{
    char control[CMSG_SPACE(sizeof(int) * FDS_AT_ONCE)];
    struct iovec iov = { to, room };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    gssize n = TEMP_FAILURE_RETRY(recvmsg(l->fd, &msg, MSG_CMSG_CLOEXEC));

    if (n < 0 || take_in_fds(l, &msg))
        return n;
    errno = EMFILE;
    return -1;
}

static gboolean
takes_fds(const Lines *l, gsize peeked)
{
    return l->ops->takes_fds && l->ops->takes_fds(l->in, l->in_len + peeked, l->user);
}

/* Reading bytes that carry descriptors without room for them closes these here and now, and the
 * last close of a socket that lingers, or of a file on a server, waits as long as its sender likes.
 * So the bytes are looked at first: the kernel says whether descriptors come along, and those that
 * nobody asked for stay in the queue, for discard to let go of. */
static gssize
receive(Lines *l, guint8 *to, gsize room)
{
    struct iovec iov = { to, room };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    gssize n;

    if (!l->is_socket)
        return TEMP_FAILURE_RETRY(read(l->fd, to, room));
    n = TEMP_FAILURE_RETRY(recvmsg(l->fd, &msg, MSG_PEEK));
    if (n <= 0)
        return n;
    if (!(msg.msg_flags & MSG_CTRUNC))
        return TEMP_FAILURE_RETRY(recv(l->fd, to, (gsize)n, 0));
    if (takes_fds(l, (gsize)n))
        return receive_with_fds(l, to, room);
    errno = ETOOMANYREFS;
    return -1;
}

/* Makes room in the input buffer: most frames fit the first size, and long ones get there in a few
 * steps. A frame may turn out to be secret, so no copy of it may be left behind. */
static gsize
in_room(Lines *l)
{
    gsize size = l->in_size == 0 ? IN_FIRST : l->in_size * 4;
    guint8 *in;

    if (l->in_len < l->in_size)
        return l->in_size - l->in_len;
    in = g_malloc(size);
    if (l->in_len > 0) {
        memcpy(in, l->in, l->in_len);
        explicit_bzero(l->in, l->in_len);
    }
    g_free(l->in);
    l->in = in;
    l->in_size = size;
    return l->in_size - l->in_len;
}

/* FALSE: nothing more to read for now, or ever. */
static gboolean
read_once(Lines *l)
{
    gsize room = in_room(l);
    gssize n = receive(l, l->in + l->in_len, room);

    if (n < 0 && errno == EAGAIN && !l->out_error)
        return FALSE;
    if (n < 0 && errno == ETOOMANYREFS)
        end_because(l, "the peer sent descriptors that nothing asked for");
    else if (n < 0)
        end_errno(l, errno);
    else if (n == 0 && l->in_len > 0)
        end_because(l, "the peer hung up in the middle of a message");
    else if (n == 0)
        end(l, NULL);
    if (n <= 0)
        return FALSE;
    l->in_len += n;
    deliver(l);
    /* After a failed write the end is near, and looked for: see out_fail. */
    return reading(l) && ((gsize)n == room || l->out_error);
}

static void
read_some(Lines *l)
{
    if (l->in_len > 0)
        deliver(l);
    for (int i = 0; i < READS_AT_ONCE && reading(l); i++)
        if (!read_once(l))
            return;
    if (reading(l) && l->out_error)
        wake(l);
}

/* ---- the source */

static gboolean
on_ready(GSource *source, GSourceFunc unused, gpointer unused_too)
{
    Lines *l = (Lines *)source;
    GIOCondition seen = l->tag ? g_source_query_unix_fd(source, l->tag) : 0;
    gboolean woken = g_source_get_ready_time(source) >= 0;

    if (l->closing) {
        gboolean late = g_source_get_ready_time(source) <= g_source_get_time(source);

        if (seen)
            out_flush(l);
        if (late || !l->out)
            lines_free(l);
        return G_SOURCE_CONTINUE;
    }
    if (woken)
        g_source_set_ready_time(source, -1);
    l->later = FALSE;
    if (l->out && seen)
        out_flush(l);
    if (l->out_error)
        out_tell_drained(l); /* nothing is queued any more: who waits for that may read the end */
    if (reading(l) && (woken || (seen & ~G_IO_OUT)))
        read_some(l);
    return G_SOURCE_CONTINUE;
}

static void
on_finalize(GSource *source)
{
    g_free(((Lines *)source)->in);
}

static GSourceFuncs source_funcs = { .dispatch = on_ready, .finalize = on_finalize };

static gboolean
fd_is_socket(int fd)
{
    int type;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

/* ---- the door */

Lines *
lines_new(int fd, gsize max, const LinesOps *ops, gpointer user)
{
    Lines *l = (Lines *)g_source_new(&source_funcs, sizeof(Lines));

    g_source_set_static_name(&l->source, "lines");
    /* Not for nested loops, which nobody runs: a source that may not recurse leaves and enters the
     * poll set around every dispatch, at three more system calls each time. */
    g_source_set_can_recurse(&l->source, TRUE);
    l->fd = fd;
    l->is_socket = fd_is_socket(fd);
    l->max = max;
    l->ops = ops;
    l->user = user;
    l->out_end = &l->out;
    fd_set_nonblock(fd, NULL);
    update_poll(l);
    g_source_attach(&l->source, NULL);
    return l;
}

static void
let_go(const Lines *l, int fd)
{
    if (l->discard)
        l->discard(fd, l->keeper);
    else
        fd_close(&fd);
}

/* With what was not read, descriptors of the peer's would be closed: see receive. Nothing more
 * comes after the shutdown. */
static void
close_stream(Lines *l)
{
    int fd = fd_steal(&l->fd);
    char byte;

    if (!l->is_socket || !l->discard) {
        fd_close(&fd);
        return;
    }
    shutdown(fd, SHUT_RD);
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
        let_go(l, fd);
    else
        fd_close(&fd);
}

void
lines_free(Lines *l)
{
    if (!l || gone(l))
        return;
    g_source_destroy(&l->source);
    close_stream(l);
    out_drop(l);
    g_clear_error(&l->out_error);
    for (int fd; (fd = lines_take_fd(l)) >= 0;)
        let_go(l, fd);
    if (l->free_keeper)
        l->free_keeper(l->keeper);
    g_clear_pointer(&l->in_fds, g_array_unref);
    g_source_unref(&l->source);
}

void
lines_on_discard(Lines *l, LinesDiscard discard, gpointer keeper, GDestroyNotify free_keeper)
{
    l->discard = discard;
    l->keeper = keeper;
    l->free_keeper = free_keeper;
}

int
lines_fd(const Lines *l)
{
    return l->fd;
}

void
lines_send(Lines *l, const void *data, gsize len)
{
    lines_send_with_fds(l, data, len, NULL, 0);
}

void
lines_send_bytes(Lines *l, GBytes *bytes)
{
    g_autoptr(GBytes) held = bytes;
    gsize len;
    const guint8 *data = g_bytes_get_data(held, &len);
    gssize done = !l->out_closed ? transmit_now(l, data, len, NULL, 0) : -1;
    LinesPiece *p;

    if (done < 0 || (gsize)done == len)
        return;
    p = g_new(LinesPiece, 1);
    *p = (LinesPiece){ .bytes = g_steal_pointer(&held), .at = data + done, .left = len - done };
    out_push(l, p);
}

void
lines_send_fd(Lines *l, int fd, guint8 filler)
{
    lines_send_with_fds(l, &filler, 1, &fd, 1);
}

static gboolean
piece_hold_fds(LinesPiece *p, const int *fds, gsize n)
{
    p->fds = g_new(int, n);
    for (; p->n_fds < n; p->n_fds++) {
        p->fds[p->n_fds] = fcntl(fds[p->n_fds], F_DUPFD_CLOEXEC, 0);
        if (p->fds[p->n_fds] < 0)
            return FALSE;
    }
    return TRUE;
}

void
lines_send_secret(Lines *l, const void *data, gsize len)
{
    gssize done = !l->out_closed ? transmit_now(l, data, len, NULL, 0) : -1;
    LinesPiece *p;

    if (done < 0 || (gsize)done == len)
        return;
    p = piece_copy((const guint8 *)data + done, len - done);
    p->secret = TRUE;
    out_push(l, p);
}

void
lines_wipe_input(Lines *l)
{
    l->wipe = TRUE;
}

void
lines_send_with_fds(Lines *l, const void *data, gsize len, const int *fds, gsize n_fds)
{
    gssize done = !l->out_closed ? transmit_now(l, data, len, fds, n_fds) : -1;
    LinesPiece *p;

    if (done < 0 || (gsize)done == len)
        return;
    p = piece_copy((const guint8 *)data + done, len - done);
    if (done == 0 && n_fds > 0 && !piece_hold_fds(p, fds, n_fds)) {
        out_fail(l, errno);
        piece_free(p);
        return;
    }
    out_push(l, p);
}

int
lines_take_fd(Lines *l)
{
    int fd;

    if (!l->in_fds || l->in_fds->len == 0)
        return -1;
    fd = g_array_index(l->in_fds, int, 0);
    g_array_remove_index(l->in_fds, 0);
    return fd;
}

void
lines_pause(Lines *l, gboolean paused)
{
    if (l->paused == paused || gone(l))
        return;
    l->paused = paused;
    update_poll(l);
    if (!paused && (l->in_len > 0 || l->out_error))
        wake(l);
}

gsize
lines_queued(const Lines *l)
{
    return l->queued;
}

void
lines_close_when_sent(Lines *l)
{
    if (gone(l))
        return;
    if (!l->out) {
        lines_free(l);
        return;
    }
    l->closing = TRUE;
    g_source_set_ready_time(&l->source, g_get_monotonic_time() + LAST_WORDS_S * G_TIME_SPAN_SECOND);
    update_poll(l);
}
