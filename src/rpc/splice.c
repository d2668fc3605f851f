/* A stream that is copied to or from a descriptor: consoles, channels, files. It reads from the
 * descriptor when the client has room, writes to it when it has room, and slows the other side down
 * otherwise. */
#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#include "rpc_priv.h"

/* More than this for the descriptor, and the client is not read until it has drained. */
#define SINK_QUEUE_MAX (128 * 1024)
#define READ_SIZE      (64 * 1024)

typedef struct Splice {
    Stream *stream; /* NULL: ended */
    int fd;
    guint in, out;       /* watches */
    GByteArray *pending; /* for the descriptor */
    gboolean upload, download;
    gboolean ending; /* the client sends no more: finish when pending is written */
    GDestroyNotify done;
    gpointer user;
} Splice;

static void splice_watch_out(Splice *p);
static void splice_watch_in(Splice *p);

static void
splice_free(Splice *p)
{
    g_clear_handle_id(&p->in, g_source_remove);
    g_clear_handle_id(&p->out, g_source_remove);
    fd_close(&p->fd);
    g_byte_array_unref(p->pending);
    if (p->done)
        p->done(p->user);
    g_free(p);
}

static void
splice_fail(Splice *p, int errnum, const char *what)
{
    GError *err = NULL;

    fail_errno(&err, errnum, "%s", what);
    stream_fail(p->stream, err);
    splice_free(p);
}

static void
splice_slow_down(Splice *p)
{
    stream_pause(p->stream, p->pending->len > SINK_QUEUE_MAX);
}

/* Writes what fits. p may be gone afterwards. */
static void
splice_flush(Splice *p)
{
    while (p->pending->len > 0) {
        ssize_t n = write(p->fd, p->pending->data, p->pending->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            splice_fail(p, errno, "cannot write what the client sends");
            return;
        }
        g_byte_array_remove_range(p->pending, 0, (guint)n);
    }
    splice_slow_down(p);
    if (p->pending->len > 0)
        splice_watch_out(p);
    if (p->ending && p->pending->len == 0) {
        stream_finish(p->stream);
        splice_free(p);
    }
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer user)
{
    Splice *p = user;

    p->out = 0;
    splice_flush(p);
    return G_SOURCE_REMOVE;
}

static void
splice_watch_out(Splice *p)
{
    if (!p->out)
        p->out = g_unix_fd_add(p->fd, G_IO_OUT, on_writable, p);
}

/* A pty whose other end is closed reads as EIO: that is its end of file. */
static gboolean
on_readable(gint fd, GIOCondition condition, gpointer user)
{
    Splice *p = user;
    static guint8 bytes[READ_SIZE];
    ssize_t n = read(p->fd, bytes, sizeof(bytes));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n > 0 && stream_send(p->stream, bytes, (gsize)n))
        return G_SOURCE_CONTINUE;
    p->in = 0;
    if (n == 0 || (n < 0 && errno == EIO))
        stream_send_end(p->stream);
    else if (n < 0)
        splice_fail(p, errno, "cannot read what the client asked for");
    return G_SOURCE_REMOVE;
}

static void
splice_watch_in(Splice *p)
{
    if (!p->in)
        p->in = g_unix_fd_add(p->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, p);
}

/* ---- what the stream says */

static void
on_data(Stream *s, const guint8 *data, gsize len, gpointer user)
{
    Splice *p = user;

    if (!p->upload)
        return;
    g_byte_array_append(p->pending, data, (guint)len);
    if (p->out)
        splice_slow_down(p);
    else
        splice_flush(p);
}

static void
on_finish(Stream *s, gpointer user)
{
    Splice *p = user;

    p->ending = TRUE;
    if (!p->out)
        splice_flush(p);
}

static void
on_abort(Stream *s, gpointer user)
{
    splice_free(user);
}

static void
on_room(Stream *s, gpointer user)
{
    splice_watch_in(user);
}

static const StreamOps splice_ops = {
    .data = on_data,
    .finish = on_finish,
    .abort = on_abort,
    .room = on_room,
};

gboolean
call_splice(Call *c, int fd, GDestroyNotify done, gpointer user)
{
    fd_auto mine = fd;
    Splice *p;

    if (!call_client(c) || !fd_set_nonblock(mine, NULL))
        return FALSE;
    p = g_new0(Splice, 1);
    p->stream = call_open_stream(c, &splice_ops, p);
    p->fd = fd_steal(&mine);
    p->pending = g_byte_array_new();
    p->upload = (call_flags(c) & PROC_UPLOAD) != 0;
    p->download = (call_flags(c) & PROC_DOWNLOAD) != 0;
    p->done = done;
    p->user = user;
    if (p->download)
        splice_watch_in(p);
    return TRUE;
}
