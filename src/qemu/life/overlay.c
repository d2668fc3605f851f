/* The overlay of a transient disk, which takes the guest's writes: an empty qcow2 image without a
 * name, in the folder of the disk's own image. It is gone with the last process that has it open,
 * however that ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "life.h"
#include "storage/storage.h"

#define CLUSTER_BITS  16
#define CLUSTER_BYTES (1u << CLUSTER_BITS)
/* Bytes that one entry of the first table maps: a cluster full of entries of 8 bytes, each for a
 * cluster. */
#define L1_ENTRY_BYTES ((guint64)CLUSTER_BYTES / 8 * CLUSTER_BYTES)
#define SIZE_MAX_BYTES (G_GUINT64_CONSTANT(1) << 50)
#define SECTOR         512

/* The header as it is in the file, big-endian. The table of reference counts is the second cluster,
 * its only block the third, and the tables that map the guest's clusters follow. */
typedef struct Qcow2Header {
    guint8 magic[4];
    guint32 version;
    guint64 backing_offset;
    guint32 backing_len, cluster_bits;
    guint64 size;
    guint32 encryption, l1_entries;
    guint64 l1_offset, refcounts_offset;
    guint32 refcounts_clusters, snapshots;
    guint64 snapshots_offset, incompatible, compatible, autoclear;
    guint32 refcount_order, header_len;
    guint64 end_of_extensions;
} Qcow2Header;
G_STATIC_ASSERT(sizeof(Qcow2Header) == 112);

/* How many bytes the guest sees. */
static gboolean
image_size(const HostFd *h, guint64 *ret_size, GError **err)
{
    g_auto(ImageHead) head = { 0 };
    struct stat st;
    fd_auto fd = image_open(h->path, O_RDONLY, IMAGE_FILES, &st, err);

    if (fd < 0)
        return FALSE;
    if (!image_read(fd, h->format, h->path, &head, err))
        return fail_prefix(err, "%s: ", h->what);
    *ret_size = (head.capacity + SECTOR - 1) / SECTOR * SECTOR;
    return *ret_size <= SIZE_MAX_BYTES ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "%s: '%s' is too large for a transient disk", h->what,
                h->path);
}

static gboolean
write_at(int fd, gconstpointer data, gsize len, off_t at)
{
    return pwrite(fd, data, len, at) == (gssize)len;
}

static gboolean
write_empty_qcow2(int fd, guint64 size)
{
    guint64 l1_entries = MAX((size + L1_ENTRY_BYTES - 1) / L1_ENTRY_BYTES, 1);
    guint64 clusters = 3 + (l1_entries * 8 + CLUSTER_BYTES - 1) / CLUSTER_BYTES;
    const Qcow2Header head = {
        .version = GUINT32_TO_BE(3),
        .magic = { 'Q', 'F', 'I', 0xfb },
        .cluster_bits = GUINT32_TO_BE(CLUSTER_BITS),
        .size = GUINT64_TO_BE(size),
        .l1_entries = GUINT32_TO_BE((guint32)l1_entries),
        .l1_offset = GUINT64_TO_BE(3 * CLUSTER_BYTES),
        .refcounts_offset = GUINT64_TO_BE(CLUSTER_BYTES),
        .refcounts_clusters = GUINT32_TO_BE(1),
        .refcount_order = GUINT32_TO_BE(4), /* 16 bits each */
        .header_len = GUINT32_TO_BE(G_STRUCT_OFFSET(Qcow2Header, end_of_extensions)),
    };
    const guint64 block = GUINT64_TO_BE(2 * CLUSTER_BYTES);
    g_autofree guint16 *counts = g_new(guint16, clusters);

    for (guint64 i = 0; i < clusters; i++)
        counts[i] = GUINT16_TO_BE(1);
    return ftruncate(fd, (off_t)(clusters * CLUSTER_BYTES)) == 0 &&
           write_at(fd, &head, sizeof head, 0) &&
           write_at(fd, &block, sizeof block, CLUSTER_BYTES) &&
           write_at(fd, counts, clusters * sizeof *counts, 2 * CLUSTER_BYTES);
}

/* Some file systems cannot make a file without a name: it has one for a moment. */
static int
open_unnamed(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_autofree char *name = NULL;

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    name = g_build_filename(folder, ".vmd-XXXXXX", NULL);
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

gboolean
overlay_open(HostFd *h, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(h->path);
    fd_auto fd = -1;
    guint64 size = 0;

    if (!image_size(h, &size, err))
        return FALSE;
    fd = open_unnamed(folder);
    if (fd < 0 || !write_empty_qcow2(fd, size))
        return fail_errno(err, errno, "%s: cannot keep the changes of a transient disk in '%s'",
                          h->what, folder);
    h->fd = fd_steal(&fd);
    return TRUE;
}
