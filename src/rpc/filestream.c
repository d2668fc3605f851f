/* A stream tied to a file: what lies on a disk may block, so that workers read and write it, a
 * piece at a time, and the loop holds at most a few pieces of each stream. Holes of files are holes
 * of sparse streams.
 */
#define _GNU_SOURCE 1 /* fallocate */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc_priv.h"

#define PIECE_SIZE (1 << 20)
/* With more than this waiting for a worker, the client is not read. */
#define QUEUE_MAX (4 * PIECE_SIZE)
#define NO_END    G_MAXUINT64

/* What a worker is given and returns: bytes, or a hole, from a place of the file on. */
typedef struct FilePiece {
    int fd;
    guint64 at;
    GByteArray *data;
    guint64 hole; /* bytes; with data NULL */
    guint64 more; /* that will come after it; NO_END: nobody knows */
    /* of reading */
    guint64 most;
    gboolean sparse, end;
} FilePiece;

struct FileStream {
    Stream *stream; /* NULL: ended, and a worker is still out */
    FileStreamSpec spec;
    guint64 left;     /* of the length; NO_END: no limit */
    GQueue queue;     /* of FilePiece: for the worker */
    gsize queued;     /* bytes in it */
    FilePiece *ready; /* read, for the client */
    gboolean busy;    /* a worker is out */
    gboolean starved; /* there is no room for more */
    gboolean end;     /* of the file, or of the client's bytes */
    guint8 sender[UUID_LEN];
    guint64 from; /* in the file */
    FileStreamDone done;
    gpointer user;
};

static void
piece_free(gpointer data)
{
    FilePiece *p = data;

    g_clear_pointer(&p->data, g_byte_array_unref);
    g_free(p);
}

/* ---- in workers */

/* left: of the piece. */
static gboolean
cannot_write(const FilePiece *p, gsize left, GError **err)
{
    guint64 more = p->more == NO_END ? left : left + p->more;

    if (errno != ENOSPC)
        return fail_errno(err, errno, "cannot write what the client sends");
    return fail_errno(
        err, ENOSPC, "no room for what the client sends: %s%" G_GUINT64_FORMAT " bytes are missing",
        p->more == NO_END ? "at least " : "", more);
}

static gboolean
write_data(const FilePiece *p, GError **err)
{
    guint64 at = p->at;

    for (gsize done = 0; done < p->data->len;) {
        gssize n = pwrite(p->fd, p->data->data + done, p->data->len - done, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_write(p, p->data->len - done, err);
        done += (gsize)n;
        at += (guint64)n;
    }
    return TRUE;
}

static gboolean
write_zeros(const FilePiece *p, guint64 end, GError **err)
{
    g_autoptr(GByteArray) zeros = g_byte_array_new();
    FilePiece part = *p;

    for (part.at = p->at; part.at < end; part.at += zeros->len) {
        g_byte_array_set_size(zeros, (guint)MIN(PIECE_SIZE, end - part.at));
        memset(zeros->data, 0, zeros->len);
        part.data = zeros;
        if (!write_data(&part, err))
            return FALSE;
    }
    return TRUE;
}

/* Within the file it is punched, where the file system can; past its end there is nothing to punch.
 */
static gboolean
write_hole(const FilePiece *p, GError **err)
{
    guint64 end = p->at + p->hole;
    struct stat st;

    if (fstat(p->fd, &st) < 0)
        return fail_errno(err, errno, "cannot look at the file");
    if (p->at < (guint64)st.st_size &&
        fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)p->at, (off_t)p->hole) <
            0 &&
        !write_zeros(p, MIN(end, (guint64)st.st_size), err))
        return FALSE;
    return end <= (guint64)st.st_size || ftruncate(p->fd, (off_t)end) == 0 ||
           fail_errno(err, errno, "cannot write what the client sends");
}

static gpointer
write_piece(gpointer in, GError **err)
{
    const FilePiece *p = in;

    if (p->data)
        write_data(p, err);
    else
        write_hole(p, err);
    return NULL;
}

/* How much of a hole begins there. */
static guint64
hole_at(const FilePiece *p)
{
    off_t data = lseek(p->fd, (off_t)p->at, SEEK_DATA), end;

    if (data < 0 && errno == ENXIO) {
        end = lseek(p->fd, 0, SEEK_END);
        return end > 0 && (guint64)end > p->at ? MIN((guint64)end - p->at, p->most) : 0;
    }
    return data > 0 && (guint64)data > p->at ? MIN((guint64)data - p->at, p->most) : 0;
}

static gpointer
read_piece(gpointer in, GError **err)
{
    FilePiece *p = in;
    guint64 most = MIN(p->most, PIECE_SIZE);
    off_t hole = p->sparse ? lseek(p->fd, (off_t)p->at, SEEK_HOLE) : -1;
    gssize n;

    if (p->sparse && (p->hole = hole_at(p)) > 0)
        return NULL;
    if (hole > 0 && (guint64)hole > p->at)
        most = MIN(most, (guint64)hole - p->at);
    p->data = g_byte_array_sized_new((guint)most);
    g_byte_array_set_size(p->data, (guint)most);
    n = most ? TEMP_FAILURE_RETRY(pread(p->fd, p->data->data, most, (off_t)p->at)) : 0;
    if (n < 0)
        fail_errno(err, errno, "cannot read what the client asked for");
    g_byte_array_set_size(p->data, (guint)MAX(n, 0));
    p->end = n == 0;
    return NULL;
}

/* ---- the stream's end */

static void
free_when_idle(FileStream *s)
{
    if (s->stream || s->busy)
        return;
    g_queue_clear_full(&s->queue, piece_free);
    g_clear_pointer(&s->ready, piece_free);
    fd_close(&s->spec.fd);
    s->done(s->user);
    g_free(s);
}

static void
fail_stream(FileStream *s, GError *err)
{
    stream_fail(g_steal_pointer(&s->stream), err);
    free_when_idle(s);
}

static void
finish_stream(FileStream *s)
{
    stream_finish(g_steal_pointer(&s->stream));
    free_when_idle(s);
}

/* ---- from the client to the file */

static void send_next(FileStream *s);

static void
on_written(gpointer out, const GError *err, gpointer user)
{
    FileStream *s = user;

    s->busy = FALSE;
    if (!s->stream)
        free_when_idle(s);
    else if (err)
        fail_stream(s, g_error_copy(err));
    else
        send_next(s);
}

static void
send_next(FileStream *s)
{
    FilePiece *p = s->busy ? NULL : g_queue_pop_head(&s->queue);

    if (p) {
        s->busy = TRUE;
        s->queued -= p->data ? p->data->len : 0;
        offload_as(s->sender, write_piece, p, piece_free, on_written, s);
    }
    stream_pause(s->stream, s->queued > QUEUE_MAX);
    if (s->end && !s->busy)
        finish_stream(s);
}

/* FALSE: the client sends more than it said; the stream has failed. */
static gboolean
count(FileStream *s, guint64 len)
{
    GError *err = NULL;

    if (len > s->left || s->spec.offset > G_MAXINT64 - len) {
        fail(&err, ERR_INVALID_ARG, "more bytes are sent than the %" G_GUINT64_FORMAT " announced",
             s->spec.length);
        fail_stream(s, err);
        return FALSE;
    }
    if (s->left != NO_END)
        s->left -= len;
    return TRUE;
}

static FilePiece *
piece_new(const FileStream *s)
{
    FilePiece *p = g_new0(FilePiece, 1);

    p->fd = s->spec.fd;
    p->at = s->spec.offset;
    p->more = s->left;
    return p;
}

static void
on_data(Stream *stream, const guint8 *data, gsize len, gpointer user)
{
    FileStream *s = user;
    FilePiece *last = g_queue_peek_tail(&s->queue);

    if (!count(s, len))
        return;
    if (!last || !last->data || last->data->len + len > PIECE_SIZE) {
        last = piece_new(s);
        last->data = g_byte_array_sized_new(PIECE_SIZE);
        g_queue_push_tail(&s->queue, last);
    }
    g_byte_array_append(last->data, data, (guint)len);
    last->more = s->left;
    s->spec.offset += len;
    s->queued += len;
    send_next(s);
}

static void
on_hole(Stream *stream, gint64 length, gpointer user)
{
    FileStream *s = user;
    FilePiece *p;

    if (!count(s, (guint64)length))
        return;
    p = piece_new(s);
    p->hole = (guint64)length;
    g_queue_push_tail(&s->queue, p);
    s->spec.offset += (guint64)length;
    send_next(s);
}

static void
on_all_sent(Stream *stream, gpointer user)
{
    FileStream *s = user;

    s->end = TRUE;
    send_next(s);
}

/* ---- from the file to the client */

static void read_next(FileStream *s);

static void
give_ready(FileStream *s)
{
    FilePiece *p = s->ready;

    if (!p || s->starved)
        return;
    s->ready = NULL;
    if (p->end)
        stream_send_end(s->stream);
    else if (!p->data)
        stream_send_hole(s->stream, (gint64)p->hole);
    else
        s->starved = !stream_send(s->stream, p->data->data, p->data->len);
    s->end = p->end;
    piece_free(p);
}

static void
on_read(gpointer out, const GError *err, gpointer user)
{
    FileStream *s = user;

    s->busy = FALSE;
    if (!s->stream) {
        free_when_idle(s);
        return;
    }
    if (err) {
        fail_stream(s, g_error_copy(err));
        return;
    }
    s->spec.offset += s->ready->data ? s->ready->data->len : s->ready->hole;
    if (s->left != NO_END)
        s->left -= s->ready->data ? s->ready->data->len : s->ready->hole;
    give_ready(s);
    read_next(s);
}

/* One piece ahead of what the client has room for. */
static void
read_next(FileStream *s)
{
    FilePiece *p;

    if (s->busy || s->ready || s->end)
        return;
    p = piece_new(s);
    p->most = s->left;
    p->sparse = s->spec.sparse;
    s->ready = p;
    s->busy = TRUE;
    offload_as(s->sender, read_piece, p, NULL, on_read, s);
}

static void
on_room(Stream *stream, gpointer user)
{
    FileStream *s = user;

    s->starved = FALSE;
    if (!s->busy)
        give_ready(s);
    read_next(s);
}

static void
on_all_read(Stream *stream, gpointer user)
{
    finish_stream(user);
}

static void
on_abort(Stream *stream, gpointer user)
{
    FileStream *s = user;

    s->stream = NULL;
    free_when_idle(s);
}

static const StreamOps upload_ops = { .data = on_data, .finish = on_all_sent, .abort = on_abort };
static const StreamOps sparse_upload_ops = {
    .data = on_data, .hole = on_hole, .finish = on_all_sent, .abort = on_abort
};
static const StreamOps download_ops = { .finish = on_all_read, .abort = on_abort, .room = on_room };

void
file_stream_look(const FileStream *s, guint64 *ret_done, guint64 *ret_total)
{
    guint64 size = s->spec.size > s->from ? s->spec.size - s->from : 0;

    *ret_done = s->spec.offset - s->from;
    *ret_total = s->spec.length ? s->spec.length : size;
}

/* A worker that is still out ends it when it is back. */
void
file_stream_abort(FileStream *s, const GError *why)
{
    if (s->stream)
        fail_stream(s, g_error_copy(why));
}

FileStream *
call_stream_file(Call *c, const FileStreamSpec *spec, FileStreamDone done, gpointer user)
{
    gboolean upload = (call_flags(c) & PROC_UPLOAD) != 0;
    const StreamOps *ops = spec->sparse ? &sparse_upload_ops : &upload_ops;
    FileStream *s = g_new0(FileStream, 1);

    s->spec = *spec;
    s->from = spec->offset;
    s->left = spec->length ? spec->length : NO_END;
    s->done = done;
    s->user = user;
    uuid_make(s->sender);
    s->stream = call_open_stream(c, upload ? ops : &download_ops, s);
    if (!s->stream) {
        free_when_idle(s);
        return NULL;
    }
    if (!upload)
        read_next(s);
    return s;
}
