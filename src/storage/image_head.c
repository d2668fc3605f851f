/* The heads of formats, each as QEMU reads it: where the two could differ, the name is found rather
 * once too often. Offsets are the formats' own.
 */
#include <string.h>

#include "image_priv.h"

#define NAME_MAX_BYTES 1023 /* of a name, in every format that has names */
#define SECTOR         512
#define SIZE_MAX_BYTES ((guint64)G_MAXINT64)

static guint64
number(const guint8 *at, guint bytes, gboolean big)
{
    guint64 n = 0;

    for (guint i = 0; i < bytes; i++)
        n = n << 8 | at[big ? i : bytes - 1 - i];
    return n;
}

static guint32
be32(const ImageSource *s, gsize at)
{
    return (guint32)number(s->head + at, 4, TRUE);
}

static guint
be16(const ImageSource *s, gsize at)
{
    return (guint)number(s->head + at, 2, TRUE);
}

static guint64
be64(const ImageSource *s, gsize at)
{
    return number(s->head + at, 8, TRUE);
}

static guint32
le32(const ImageSource *s, gsize at)
{
    return (guint32)number(s->head + at, 4, FALSE);
}

static guint64
le64(const ImageSource *s, gsize at)
{
    return number(s->head + at, 8, FALSE);
}

static gboolean
begins(const ImageSource *s, gsize at, const char *magic, gsize len)
{
    return at + len <= s->len && memcmp(s->head + at, magic, len) == 0;
}

static gboolean
broken(const ImageSource *s, const char *why, GError **err)
{
    return fail(err, ERR_OPERATION_FAILED, "image '%s': %s", s->name, why);
}

static gboolean
has_bytes(const ImageSource *s, gsize len, GError **err)
{
    return s->len >= len || broken(s, "its head is cut short", err);
}

static gboolean
set_capacity(const ImageSource *s, ImageHead *head, guint64 count, guint64 unit, GError **err)
{
    if (count > SIZE_MAX_BYTES / unit)
        return broken(s, "it says to be larger than a disk can be", err);
    head->capacity = count * unit;
    return TRUE;
}

/* As qcow and qcow2 number them. */
static int
crypt_method(guint32 method)
{
    return method == 0 ? 0 : method == 2 ? ENCRYPTION_LUKS : ENCRYPTION_QCOW;
}

/* Names end in documents, in logs and on screens: no byte that cannot be shown there. */
static gboolean
name_is_clean(const char *name)
{
    for (const char *p = name; *p; p++)
        if (g_ascii_iscntrl(*p))
            return FALSE;
    return g_utf8_validate(name, -1, NULL);
}

static gboolean
name_take(const ImageSource *s, const char *bytes, gsize len, char **ret_name, GError **err)
{
    g_autofree char *name = g_strndup(bytes, len);

    if (!name_is_clean(name))
        return broken(s, "it names a file by bytes that are no text", err);
    g_free(*ret_name);
    *ret_name = g_steal_pointer(&name);
    return TRUE;
}

static gboolean
name_read(const ImageSource *s, guint64 at, guint64 len, char **ret_name, GError **err)
{
    char bytes[NAME_MAX_BYTES];

    if (len > sizeof bytes)
        return broken(s, "it names a file by more than 1023 bytes", err);
    if (at > s->size || source_read(s, bytes, len, at) != (gssize)len)
        return broken(s, "it is cut short: the name of another file is not in it", err);
    return name_take(s, bytes, len, ret_name, err);
}

/* ---- qcow2 */

#define QCOW_MAGIC         "QFI\xfb"
#define QCOW2_V2_HEAD      72
#define QCOW2_V3_HEAD      104
#define QCOW2_DATA_FILE    (1u << 2) /* among the features that a reader must know */
#define QCOW2_EXTENDED_L2  (1u << 4)
#define QCOW2_LAZY         (1u << 0) /* among those that it need not know */
#define EXT_END            0
#define EXT_BACKING_FORMAT 0xe2792acau
#define EXT_DATA_FILE      0x44415441u
#define EXT_HEAD           8
#define EXTENSIONS_MAX     256

gboolean
qcow2_is(const ImageSource *s)
{
    return begins(s, 0, QCOW_MAGIC, 4) && be32(s, 4) >= 2;
}

typedef struct Extension {
    guint32 type;
    guint64 at, len;
} Extension;

static gboolean
extension_take(const ImageSource *s, const Extension *e, ImageHead *head, GError **err)
{
    if (e->type == EXT_DATA_FILE)
        return name_read(s, e->at, e->len, &head->data_file, err);
    return e->type != EXT_BACKING_FORMAT || name_read(s, e->at, e->len, &head->backing_format, err);
}

/* They lie between the head and the name of the backing file, or the end of the first cluster. */
static gboolean
extensions_read(const ImageSource *s, guint64 at, guint64 end, ImageHead *head, GError **err)
{
    for (guint i = 0; at < end; i++) {
        guint8 bytes[EXT_HEAD];
        Extension e;

        if (i == EXTENSIONS_MAX)
            return broken(s, "its head has too many extensions", err);
        if (source_read(s, bytes, sizeof bytes, at) != sizeof bytes)
            return at >= s->size || broken(s, "its head is cut short", err);
        e = (Extension){ (guint32)number(bytes, 4, TRUE), at + EXT_HEAD,
                         number(bytes + 4, 4, TRUE) };
        if (e.type == EXT_END)
            return TRUE;
        if (e.len > end - at)
            return broken(s, "an extension of its head is larger than the head", err);
        if (!extension_take(s, &e, head, err))
            return FALSE;
        at = e.at + (e.len + 7) / 8 * 8;
    }
    return TRUE;
}

static gboolean
qcow2_check(const ImageSource *s, guint32 version, GError **err)
{
    guint32 cluster_bits = be32(s, 20);

    if (version > 3)
        return broken(s, "it is of a version of qcow2 that is not known", err);
    if (!has_bytes(s, version == 3 ? QCOW2_V3_HEAD : QCOW2_V2_HEAD, err))
        return FALSE;
    if (cluster_bits < 9 || cluster_bits > 21)
        return broken(s, "its clusters have a size that qcow2 does not have", err);
    if (be64(s, 8) > (1u << cluster_bits))
        return broken(s, "the name of its backing file is not where it should be", err);
    return version == 2 || (be32(s, 100) >= QCOW2_V3_HEAD && be32(s, 100) <= 1u << cluster_bits) ||
           broken(s, "its head is of a size that makes no sense", err);
}

gboolean
qcow2_read(const ImageSource *s, ImageHead *head, GError **err)
{
    guint32 version = be32(s, 4);
    guint64 name = be64(s, 8), end;

    if (!qcow2_check(s, version, err) || !set_capacity(s, head, be64(s, 24), 1, err))
        return FALSE;
    end = name ? name : (guint64)1 << be32(s, 20);
    if (name && !name_read(s, name, be32(s, 16), &head->backing, err))
        return FALSE;
    head->encryption = crypt_method(be32(s, 32));
    head->has_data = version == 3 && be64(s, 72) & QCOW2_DATA_FILE;
    head->cluster_size = (guint64)1 << be32(s, 20);
    head->is_v3 = version == 3;
    head->extended_l2 = version == 3 && be64(s, 72) & QCOW2_EXTENDED_L2;
    head->lazy_refcounts = version == 3 && be64(s, 80) & QCOW2_LAZY;
    return extensions_read(s, version == 3 ? be32(s, 100) : QCOW2_V2_HEAD, end, head, err);
}

/* ---- qcow, the first of the two */

gboolean
qcow_is(const ImageSource *s)
{
    return begins(s, 0, QCOW_MAGIC, 4) && be32(s, 4) == 1;
}

gboolean
qcow_read(const ImageSource *s, ImageHead *head, GError **err)
{
    if (!has_bytes(s, 48, err) || !set_capacity(s, head, be64(s, 24), 1, err))
        return FALSE;
    head->encryption = crypt_method(be32(s, 36));
    return be64(s, 8) == 0 || be32(s, 16) == 0 ||
           name_read(s, be64(s, 8), be32(s, 16), &head->backing, err);
}

/* ---- qed */

#define QED_BACKING     (1u << 0)
#define QED_BACKING_RAW (1u << 2)

gboolean
qed_is(const ImageSource *s)
{
    return begins(s, 0, "QED\0", 4);
}

gboolean
qed_read(const ImageSource *s, ImageHead *head, GError **err)
{
    guint64 features = le64(s, 16);

    if (!has_bytes(s, 64, err) || !set_capacity(s, head, le64(s, 48), 1, err))
        return FALSE;
    if (!(features & QED_BACKING))
        return TRUE;
    if (features & QED_BACKING_RAW)
        head->backing_format = g_strdup("raw");
    return name_read(s, le32(s, 56), le32(s, 60), &head->backing, err);
}

/* ---- vmdk */

#define VMDK_DESCRIPTOR_AT    512
#define VMDK_DESCRIPTOR_BYTES (20 * SECTOR)
#define VMDK_PARENT           "parentFileNameHint"

/* A file that is only a descriptor names all that make up the disk. */
gboolean
vmdk_is(const ImageSource *s)
{
    return begins(s, 0, "KDMV", 4) || begins(s, 0, "COWD", 4) ||
           g_strstr_len((const char *)s->head, (gssize)s->len, "# Disk DescriptorFile") != NULL;
}

/* The words between the first two quotes after at; NULL: there are none. */
static char *
quoted(const char *at)
{
    const char *from = strchr(at, '"'), *to = from ? strchr(from + 1, '"') : NULL;

    return to ? g_strndup(from + 1, (gsize)(to - from - 1)) : NULL;
}

/* RW 4192256 SPARSE "disk-s001.vmdk" */
static gboolean
extent_find(const ImageSource *s, const char *text, ImageHead *head, GError **err)
{
    static const char *const access[] = { "RW ", "RDONLY ", "NOACCESS " };
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);

    for (guint i = 0; lines[i]; i++) {
        g_autofree char *name = quoted(lines[i]);

        for (gsize j = 0; name && j < G_N_ELEMENTS(access); j++)
            if (g_str_has_prefix(lines[i], access[j]))
                return name_take(s, name, strlen(name), &head->extent, err);
    }
    return broken(s, "it has no head of a vmdk image and names no extent", err);
}

static gboolean
vmdk_parent(const ImageSource *s, const char *text, ImageHead *head, GError **err)
{
    const char *at = strstr(text, VMDK_PARENT);
    g_autofree char *name = at ? quoted(at) : NULL;

    if (!name || !*name)
        return TRUE;
    head->backing_format = g_strdup("vmdk");
    return name_take(s, name, strlen(name), &head->backing, err);
}

/* Up to its first zero; a text. */
static char *
descriptor_read(const ImageSource *s, guint64 at)
{
    char *text = g_malloc0(VMDK_DESCRIPTOR_BYTES + 1);

    if (source_read(s, text, VMDK_DESCRIPTOR_BYTES, at) < 0)
        *text = '\0';
    return text;
}

/* An image without a capacity is one whose descriptor counts. */
gboolean
vmdk_read(const ImageSource *s, ImageHead *head, GError **err)
{
    gboolean sparse = begins(s, 0, "KDMV", 4), old = begins(s, 0, "COWD", 4);
    guint64 sectors = old ? le32(s, 12) : le64(s, 12), at = le64(s, 28);
    g_autofree char *text = NULL;

    if (!sparse && !old) {
        text = descriptor_read(s, 0);
        return extent_find(s, text, head, err);
    }
    if (!has_bytes(s, VMDK_DESCRIPTOR_AT, err) || !set_capacity(s, head, sectors, SECTOR, err))
        return FALSE;
    if (sparse && sectors == 0) {
        text = descriptor_read(s, MIN(at, s->size / SECTOR) * SECTOR);
        return extent_find(s, text, head, err);
    }
    text = descriptor_read(s, VMDK_DESCRIPTOR_AT);
    return vmdk_parent(s, text, head, err);
}

/* ---- vdi, vpc, ploop, luks: whose content is in them, or is nowhere */

gboolean
vdi_is(const ImageSource *s)
{
    return begins(s, 64, "\x7f\x10\xda\xbe", 4);
}

#define VDI_DIFFERENCE 4

gboolean
vdi_read(const ImageSource *s, ImageHead *head, GError **err)
{
    if (!has_bytes(s, SECTOR, err) || !set_capacity(s, head, le64(s, 368), 1, err))
        return FALSE;
    return le32(s, 76) != VDI_DIFFERENCE ||
           broken(s, "it is a difference to another image, which QEMU cannot open", err);
}

/* A fixed image has its footer only at the end; a dynamic one has a copy at the beginning. */
static gboolean
vpc_foot(const ImageSource *s, guint8 foot[SECTOR])
{
    if (begins(s, 0, "conectix", 8)) {
        memcpy(foot, s->head, SECTOR);
        return TRUE;
    }
    return s->size >= SECTOR && source_read(s, foot, SECTOR, s->size - SECTOR) == SECTOR &&
           memcmp(foot, "conectix", 8) == 0;
}

gboolean
vpc_is(const ImageSource *s)
{
    return begins(s, 0, "conectix", 8);
}

#define VPC_DIFFERENCE 4

gboolean
vpc_read(const ImageSource *s, ImageHead *head, GError **err)
{
    guint8 foot[SECTOR];

    if (!vpc_foot(s, foot))
        return broken(s, "Image is not in vpc format", err);
    if (!set_capacity(s, head, number(foot + 48, 8, TRUE), 1, err))
        return FALSE;
    return number(foot + 60, 4, TRUE) != VPC_DIFFERENCE ||
           broken(s, "it is a difference to another image, which QEMU cannot open", err);
}

gboolean
ploop_is(const ImageSource *s)
{
    return begins(s, 0, "WithoutFreeSpace", 16) || begins(s, 0, "WithouFreSpacExt", 16);
}

gboolean
ploop_read(const ImageSource *s, ImageHead *head, GError **err)
{
    return has_bytes(s, 64, err) && set_capacity(s, head, le64(s, 36), SECTOR, err);
}

/* cryptsetup's on-disk format, version 1: after the hash name and before the digest stands where
 * the guest's bytes begin. */
#define LUKS1_HEAD 592

gboolean
luks_is(const ImageSource *s)
{
    return begins(s, 0, "LUKS\xba\xbe", 6);
}

gboolean
luks_read(const ImageSource *s, ImageHead *head, GError **err)
{
    guint64 offset = (guint64)be32(s, 104) * 512;

    head->encryption = ENCRYPTION_LUKS;
    if (be16(s, 6) == 1 && s->len >= LUKS1_HEAD && offset <= s->size)
        head->capacity = s->size - offset;
    return TRUE;
}
