/* The images below a disk's own. QEMU must not open them by path, so the headers are read here and
 * what they name is written into the live definition as backing stores. Only qcow2 among the common
 * formats names others; the format of what it names must be said in it too, or QEMU (and we) would
 * have to guess, which a guest could use against its host.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "qemu_priv.h"

#define DEPTH_MAX     200
#define HEADER_MAX    4096
#define NAME_MAX_QCOW 1023

#define EXT_END            0
#define EXT_BACKING_FORMAT 0xe2792aca

static guint32
be32(const guint8 *p)
{
    return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

static guint64
be64(const guint8 *p)
{
    return (guint64)be32(p) << 32 | be32(p + 4);
}

typedef struct Below {
    char *name;   /* as written; NULL: nothing below */
    char *format; /* NULL: not said */
} Below;

static void
below_done(Below *b)
{
    g_clear_pointer(&b->name, g_free);
    g_clear_pointer(&b->format, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Below, below_done)

static char *
find_format(const guint8 *head, gsize len, guint32 version)
{
    gsize at = version >= 3 && len >= 104 ? be32(head + 100) : 72;

    while (at + 8 <= len) {
        guint32 type = be32(head + at), size = be32(head + at + 4);
        if (type == EXT_END || size > len - at - 8)
            return NULL;
        if (type == EXT_BACKING_FORMAT)
            return g_strndup((const char *)head + at + 8, size);
        at += 8 + (size + 7) / 8 * 8;
    }
    return NULL;
}

/* Anything that is not qcow2, or is cut short, has nothing below it. */
static gboolean
read_below(const char *path, Below *ret_below, GError **err)
{
    fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for a pipe */
    guint8 head[HEADER_MAX];
    gssize len;
    guint64 offset;
    guint32 size;

    if (fd < 0)
        return fail_errno(err, errno, "Cannot access storage file '%s'", path);
    if ((len = pread(fd, head, sizeof head, 0)) < 72 || memcmp(head, "QFI\xfb", 4) != 0)
        return TRUE;
    offset = be64(head + 8);
    size = be32(head + 16);
    if (offset == 0 || size == 0)
        return TRUE;
    if (size > NAME_MAX_QCOW)
        return fail(err, ERR_OPERATION_FAILED, "image '%s': the name of its backing file is broken",
                    path);
    ret_below->name = g_malloc0(size + 1);
    if (pread(fd, ret_below->name, size, (off_t)offset) != (gssize)size)
        return fail(err, ERR_OPERATION_FAILED, "image '%s' is cut short", path);
    ret_below->format = find_format(head, (gsize)len, be32(head + 4));
    return TRUE;
}

/* Relative to the folder of the image that names it; only files can be handed to QEMU. */
static char *
resolve(const char *path, const char *name, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(path);

    if (g_str_has_prefix(name, "file:"))
        name += strlen("file:");
    else if (g_str_has_prefix(name, "json:") || strstr(name, "://")) {
        fail(err, ERR_CONFIG_UNSUPPORTED,
             "image '%s' is backed by '%s': say so in the disk's <backingStore>", path, name);
        return NULL;
    }
    return g_path_is_absolute(name) ? g_strdup(name) : g_build_filename(folder, name, NULL);
}

static BackingStore *
backing_new(int type, const char *path, int format)
{
    BackingStore *b = schema_new(&backing_store_schema);

    b->format = format;
    b->source.type = type;
    b->source.path = g_strdup(path);
    return b;
}

/* Walks down from path, which has format, and hangs what it finds into *at. */
static gboolean
walk(const char *path, int format, BackingStore **at, GError **err)
{
    g_autofree char *here = g_strdup(path);

    for (int depth = 0; format == FORMAT_QCOW2; depth++) {
        g_auto(Below) below = { 0 };
        g_autofree char *next = NULL;

        if (depth == DEPTH_MAX)
            return fail(err, ERR_OPERATION_FAILED, "image '%s' has more than %d backing files",
                        path, DEPTH_MAX);
        if (!read_below(here, &below, err))
            return FALSE;
        if (!below.name)
            break;
        if (!below.format)
            return fail(err, ERR_OPERATION_FAILED,
                        "Requested operation is not valid: format of backing image '%s' of image "
                        "'%s' was not specified in the image metadata",
                        below.name, here);
        if (!(next = resolve(here, below.name, err)))
            return FALSE;
        format = word_find(disk_formats, below.format);
        *at = backing_new(SOURCE_FILE, next, format);
        at = &(*at)->backing;
        g_free(here);
        here = g_steal_pointer(&next);
    }
    *at = backing_new(SOURCE_NONE, NULL, FORMAT_NONE);
    return TRUE;
}

/* An explicit chain in the definition is believed; only where it stops the images are asked. */
static gboolean
fill_disk(DiskDef *disk, GError **err)
{
    const char *path = disk->source.path;
    int format = disk->driver.format;
    BackingStore **at = &disk->backing;

    if (disk->source.type != SOURCE_FILE && disk->source.type != SOURCE_BLOCK)
        return TRUE;
    while (*at && (*at)->source.type != SOURCE_NONE) {
        path = (*at)->source.path;
        format = (*at)->format;
        at = &(*at)->backing;
    }
    if (*at || !path)
        return TRUE;
    return walk(path, format, at, err);
}

gboolean
chain_fill(DomainDef *live, GError **err)
{
    GPtrArray *disks = live->devices.disks;

    for (guint i = 0; disks && i < disks->len; i++)
        if (!fill_disk(disks->pdata[i], err))
            return FALSE;
    return TRUE;
}
