/* vol-upload and vol-download: what is in a volume, through the connection's stream. With --sparse
 * holes travel as holes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmsh/storage.h"

#define CHUNK     (256 * 1024)
#define QUEUE_MAX (2 * CHUNK)

enum { SPARSE_STREAM = 1 };

const Option transfer_options[] = {
    VOL_OPTION,
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file" },
    OF_POOL_OPTION,
    { "offset", OPTION_NUMBER, OPTION_NAMED, NULL, "offset in the volume" },
    { "length", OPTION_NUMBER, OPTION_NAMED, NULL, "amount of data" },
    FLAG("sparse", "preserve sparseness of volume"),
    OPTION_END,
};

static gboolean
range_get(const Args *a, guint64 *ret_offset, guint64 *ret_length, GError **err)
{
    gint64 offset = 0, length = 0;

    if (!args_number(a, "offset", 0, G_MAXINT64, &offset, err) ||
        !args_number(a, "length", 0, G_MAXINT64, &length, err))
        return FALSE;
    *ret_offset = (guint64)offset;
    *ret_length = (guint64)length;
    return TRUE;
}

/* ---- to the volume */

typedef struct Upload {
    Shell *s;
    int fd;
    guint64 left, sent, total; /* total 0: unknown */
    ProgressBar bar;
} Upload;

/* What is left of it, of a regular file; else 0. */
static guint64
file_left(int fd)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    struct stat st;

    return at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > at
               ? (guint64)(st.st_size - at)
               : 0;
}

static void
count_sent(Upload *u, guint64 n)
{
    u->left -= n;
    u->sent += n;
    progress_sent(&u->bar, u->sent, u->total);
}

/* From its position to the file's end, or as much of it. */
static gboolean
send_data(Upload *u, guint64 most, GError **err)
{
    g_autofree guint8 *bytes = g_malloc(CHUNK);
    guint64 left = MIN(most, u->left);

    while (left > 0 && !conn_stream_ended(u->s->conn)) {
        gssize n = TEMP_FAILURE_RETRY(read(u->fd, bytes, MIN(CHUNK, left)));
        if (n < 0)
            return fail_errno(err, errno, "cannot read the file");
        if (n == 0)
            break;
        conn_stream_send(u->s->conn, bytes, (gsize)n);
        left -= (guint64)n;
        count_sent(u, (guint64)n);
        while (conn_queued(u->s->conn) > QUEUE_MAX)
            if (!conn_wait(u->s->conn, NULL, 0, -1, err))
                return FALSE;
    }
    return TRUE;
}

/* Where data begins at or behind it; the file's end if none does. */
static off_t
next_data(int fd, off_t at)
{
    off_t data = lseek(fd, at, SEEK_DATA);

    return data < 0 && errno == ENXIO ? lseek(fd, 0, SEEK_END) : data;
}

static gboolean
send_with_holes(Upload *u, GError **err)
{
    while (u->left > 0 && !conn_stream_ended(u->s->conn)) {
        off_t at = lseek(u->fd, 0, SEEK_CUR), data = next_data(u->fd, at), end;
        guint64 hole;

        if (at < 0 || data < 0)
            return fail_errno(err, errno, "cannot find the holes of the file");
        hole = MIN((guint64)MAX(data - at, 0), u->left);
        if (hole > 0) {
            conn_stream_send_hole(u->s->conn, (gint64)hole);
            count_sent(u, hole);
        }
        end = lseek(u->fd, data, SEEK_HOLE);
        if (end <= data || u->left == 0)
            break;
        lseek(u->fd, data, SEEK_SET);
        if (!send_data(u, (guint64)(end - data), err))
            return FALSE;
    }
    return TRUE;
}

static gboolean
send_file(Shell *s, const char *volume, int fd, guint64 length, gboolean sparse, GError **err)
{
    guint64 total = file_left(fd);
    Upload u = { .s = s,
                 .fd = fd,
                 .left = length ? length : G_MAXUINT64,
                 .total = length && total ? MIN(length, total) : total };
    gboolean ok;

    progress_begin(s, &u.bar, "upload", "", volume);
    ok = (sparse ? send_with_holes(&u, err) : send_data(&u, u.left, err)) &&
         conn_stream_finish(s->conn, err);
    progress_end(&u.bar);
    return ok;
}

gboolean
volume_send_file(Shell *s, const char *volume, int fd, guint64 length, GError **err)
{
    return send_file(s, volume, fd, length, FALSE, err);
}

gboolean
volume_upload(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    gboolean sparse = args_flag(a, "sparse");
    StorageVolUploadArgs args = { .flags = sparse ? SPARSE_STREAM : 0 };
    fd_auto fd = -1;

    if (!range_get(a, &args.offset, &args.length, err) || !volume_get(s, a, &args.vol, err))
        return FALSE;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, errno, "cannot read %s", path);
    doing(s, "cannot upload to volume %s", args_string(a, "vol"));
    return call(s, PROC_STORAGE_VOL_UPLOAD, &args, NULL, err) &&
           send_file(s, args.vol.name, fd, args.length, sparse, err);
}

/* ---- from the volume */

typedef struct Download {
    Shell *s;
    int fd;
    gboolean regular; /* a file, in which there can be holes */
    guint64 got, total;
    ProgressBar bar;
    GError *error;
} Download;

static gboolean
write_all(int fd, const guint8 *bytes, gsize len, GError **err)
{
    while (len > 0) {
        gssize n = TEMP_FAILURE_RETRY(write(fd, bytes, len));
        if (n < 0)
            return fail_errno(err, errno, "cannot write the file");
        bytes += n;
        len -= (gsize)n;
    }
    return TRUE;
}

static gboolean
take_data(Download *d, GError **err)
{
    GByteArray *input = conn_stream_input(d->s->conn);
    gboolean ok = write_all(d->fd, input->data, input->len, err);

    d->got += input->len;
    progress_sent(&d->bar, d->got, d->total);
    g_byte_array_set_size(input, 0);
    return ok;
}

static gboolean
write_zeros(int fd, guint64 n, GError **err)
{
    static const guint8 zeros[4096];

    for (; n > 0; n -= MIN(n, sizeof(zeros)))
        if (!write_all(fd, zeros, MIN(n, sizeof(zeros)), err))
            return FALSE;
    return TRUE;
}

/* The file is new or empty, so what is skipped is a hole; a device has what it had. */
static gboolean
take_hole(Download *d, gint64 length, GError **err)
{
    if (length < 0)
        return fail(err, ERR_RPC, "the daemon sends a hole of %" G_GINT64_FORMAT " bytes", length);
    d->got += (guint64)length;
    if (!d->regular)
        return write_zeros(d->fd, (guint64)length, err);
    return lseek(d->fd, length, SEEK_CUR) >= 0 ||
           fail_errno(err, errno, "cannot leave a hole in the file");
}

/* What came before it is written first. */
static void
on_hole(gint64 length, gpointer user)
{
    Download *d = user;

    if (!d->error && take_data(d, &d->error))
        take_hole(d, length, &d->error);
}

static gboolean
receive_all(Download *d, GError **err)
{
    gboolean ended;

    do {
        ended = conn_stream_ended(d->s->conn);
        if (!d->error)
            take_data(d, &d->error);
        if (d->error) {
            g_propagate_error(err, g_steal_pointer(&d->error));
            return FALSE;
        }
        if (!ended && !conn_wait(d->s->conn, NULL, 0, -1, err))
            return FALSE;
    } while (!ended);
    return conn_stream_check(d->s->conn, err) && conn_stream_finish(d->s->conn, err);
}

/* A hole at its end takes no write. */
static gboolean
set_end(const Download *d, GError **err)
{
    off_t end = d->regular ? lseek(d->fd, 0, SEEK_CUR) : -1;

    return end < 0 || ftruncate(d->fd, end) == 0 ||
           fail_errno(err, errno, "cannot leave a hole in the file");
}

/* How much will come, for who looks on; 0: unknown. */
static guint64
volume_bytes(Shell *s, const StorageVolDownloadArgs *range)
{
    const StorageVolGetInfoFlagsArgs args = { .vol = range->vol, .flags = 1 };
    StorageVolGetInfoFlagsRet ret = { 0 };
    guint64 left;

    if (!call(s, PROC_STORAGE_VOL_GET_INFO_FLAGS, &args, &ret, NULL))
        return 0;
    left = ret.allocation > range->offset ? ret.allocation - range->offset : 0;
    return range->length ? MIN(left, range->length) : left;
}

static gboolean
receive_file(Shell *s, int fd, const StorageVolDownloadArgs *range, GError **err)
{
    struct stat st;
    Download d = { .s = s, .fd = fd, .regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) };
    gboolean ok;

    progress_begin(s, &d.bar, "download", range->vol.pool, range->vol.name);
    if (d.bar.on)
        d.total = volume_bytes(s, range);
    conn_on_hole(s->conn, on_hole, &d);
    ok = call(s, PROC_STORAGE_VOL_DOWNLOAD, range, NULL, err) && receive_all(&d, err) &&
         set_end(&d, err);
    conn_on_hole(s->conn, NULL, NULL);
    progress_end(&d.bar);
    g_clear_error(&d.error);
    return ok;
}

/* What has begun to come and did not end is no copy of the volume. */
gboolean
volume_download(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    StorageVolDownloadArgs args = { .flags = args_flag(a, "sparse") ? SPARSE_STREAM : 0 };
    gboolean is_new = TRUE;
    fd_auto fd = -1;

    if (!range_get(a, &args.offset, &args.length, err) || !volume_get(s, a, &args.vol, err))
        return FALSE;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST) {
        is_new = FALSE;
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    }
    if (fd < 0)
        return fail_errno(err, errno, "cannot create %s", path);
    doing(s, "cannot download from volume %s", args_string(a, "vol"));
    if (receive_file(s, fd, &args, err))
        return TRUE;
    if (is_new)
        unlink(path);
    return FALSE;
}
