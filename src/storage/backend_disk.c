/* Pools that are partition tables, and what sfdisk(8) says of them in JSON. Sizes of partitions and
 * their places are whole sectors; new ones begin at whole MiB. */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fs.h>

#define MIB 1048576

/* Types by the words of documents. Those of gpt are UUIDs. */
static const struct {
    const char *word, *dos, *gpt;
} types[] = {
    { "none", "83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4" },
    { "linux", "83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4" },
    { "fat16", "6", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" },
    { "fat32", "c", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" },
    { "linux-swap", "82", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F" },
    { "linux-lvm", "8e", "E6D6D379-F507-44C2-A23C-238F2A3DF928" },
    { "linux-raid", "fd", "A19D880F-05FC-4D3B-A006-743F0F84911E" },
    { "extended", "5", NULL },
    { "extended", "f", NULL },
};

const char *
disk_type_of(const char *word, gboolean is_gpt)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(types[i].word, word) == 0)
            return is_gpt ? types[i].gpt : types[i].dos;
    return NULL;
}

/* What no document has a word for is "none". */
static const char *
word_of_type(const char *type, gboolean is_gpt)
{
    for (gsize i = 1; i < G_N_ELEMENTS(types); i++)
        if (g_strcmp0(is_gpt ? types[i].gpt : types[i].dos, type) == 0)
            return types[i].word;
    return "none";
}

/* ---- command lines */

const char *
disk_device(const PoolDef *def)
{
    return ((const PoolDevice *)list_item(def->source.devices, 0))->path;
}

GPtrArray *
disk_report_words(const char *device)
{
    return tool_words("sfdisk", "--json", device, NULL);
}

static GPtrArray *
survey(const PoolDef *def)
{
    return disk_report_words(disk_device(def));
}

static const char *
label_of(const PoolDef *def)
{
    return strcmp(def->source.format, "unknown") == 0 ? "dos" : def->source.format;
}

static GPtrArray *
format(const PoolDef *def, gboolean overwrite)
{
    return tool_words("sfdisk", "--quiet", "--wipe", "always", "--label", label_of(def),
                      disk_device(def), NULL);
}

static char *
format_input(const PoolDef *def)
{
    return g_strdup_printf("label: %s\n", label_of(def));
}

/* ---- what can be used */

static gboolean
check(const PoolDef *def, GError **err)
{
    g_autofree char *folder = NULL;
    const char *device;

    if (list_length(def->source.devices) != 1)
        return fail(err, ERR_INTERNAL,
                    "storage pool '%s': a partition table is on one device, not "
                    "%u",
                    def->name, list_length(def->source.devices));
    device = disk_device(def);
    folder = g_path_get_dirname(device);
    if (device[0] != '/')
        return fail(err, ERR_XML, "storage pool '%s': device '%s' is no path", def->name, device);
    if (strcmp(folder, def->path) != 0)
        return fail(err, ERR_NO_SUPPORT,
                    "storage pool '%s': its target path must be '%s', where the device and its "
                    "partitions are; other names of partitions are not supported yet",
                    def->name, folder);
    if (strcmp(label_of(def), "dos") != 0 && strcmp(label_of(def), "gpt") != 0)
        return fail(err, ERR_NO_SUPPORT,
                    "storage pool '%s': partition tables of format '%s' are not supported yet, "
                    "'dos' and 'gpt' are",
                    def->name, def->source.format);
    return backend_has_program(def, "sfdisk", "fdisk", err);
}

/* ---- the report */

void
disk_report_done(DiskReport *r)
{
    g_clear_pointer(&r->parts, g_ptr_array_unref);
}

static void
part_free(gpointer data)
{
    DiskPart *p = data;

    g_free(p->node);
    g_free(p->type);
    g_free(p);
}

/* The number at the end of "/dev/sda1", "/dev/loop0p1". */
static guint
number_of(const char *node)
{
    gsize len = strlen(node), at = len;

    while (at > 0 && g_ascii_isdigit(node[at - 1]))
        at--;
    return at < len ? (guint)g_ascii_strtoull(node + at, NULL, 10) : 0;
}

static gint
by_start(gconstpointer a, gconstpointer b)
{
    const DiskPart *const *x = a, *const *y = b;

    return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

/* The first of those that are logical has the number 5 (sfdisk(8)). */
enum { FIRST_LOGICAL = 5 };

static void
part_read(json_object *o, DiskReport *r)
{
    const char *node = json_str(o, "node"), *type = json_str(o, "type");
    gint64 start = json_int(o, "start", -1), size = json_int(o, "size", -1);
    DiskPart *p;

    if (!node || node[0] != '/' || !type || start < 0 || size <= 0 || size > G_MAXINT64 / 4096 ||
        start > G_MAXINT64 / 4096 || !number_of(node))
        return;
    p = g_new0(DiskPart, 1);
    *p = (DiskPart){ .node = g_strdup(node),
                     .type = g_strdup(type),
                     .number = number_of(node),
                     .start = (guint64)start,
                     .size = (guint64)size };
    p->is_extended = !r->is_gpt && strcmp(word_of_type(type, FALSE), "extended") == 0;
    p->is_logical = !r->is_gpt && p->number >= FIRST_LOGICAL;
    g_ptr_array_add(r->parts, p);
}

gboolean
disk_report_read(const char *said, guint64 bytes, DiskReport *ret, GError **err)
{
    static const JsonBudget budget = { 1 << 20, 20000, 8 };
    g_autofree char *wrong = NULL;
    json_object *o = json_parse_bounded(said, strlen(said), &budget, &wrong);
    json_object *table = json_at(o, "partitiontable"), *parts = json_at(table, "partitions");
    const char *label = json_str(table, "label");
    gint64 sector = json_int(table, "sectorsize", 512);

    if (!label || sector < 512 || sector > 4096) {
        json_object_put(o);
        return fail(err, ERR_INTERNAL, "the report of sfdisk is not as it should be: %s",
                    wrong ? wrong : "it has no 'partitiontable'");
    }
    *ret = (DiskReport){ .is_gpt = strcmp(label, "gpt") == 0,
                         .is_dos = strcmp(label, "dos") == 0,
                         .sector = (guint64)sector,
                         .parts = g_ptr_array_new_with_free_func(part_free) };
    ret->first = (guint64)MAX(json_int(table, "firstlba", MIB / sector), 1);
    ret->end = (guint64)MAX(json_int(table, "lastlba", (gint64)(bytes / (guint64)sector) - 1), 0) +
               1;
    for (gsize i = 0; i < json_length(parts); i++)
        part_read(json_object_array_get_idx(parts, i), ret);
    g_ptr_array_sort(ret->parts, by_start);
    json_object_put(o);
    return TRUE;
}

const DiskPart *
disk_extended(const DiskReport *r)
{
    EACH (DiskPart, p, r->parts)
        if (p->is_extended)
            return p;
    return NULL;
}

/* The head of a logical partition lies before it. */
void
disk_free_each(const DiskReport *r, gboolean logical, DiskFree each, gpointer user)
{
    const DiskPart *extended = disk_extended(r);
    guint64 step = MIB / r->sector, head = logical ? step : 0;
    guint64 at = logical ? extended->start : r->first;
    guint64 end = logical ? extended->start + extended->size : r->end;

    for (guint i = 0; i <= r->parts->len; i++) {
        const DiskPart *p = i < r->parts->len ? r->parts->pdata[i] : NULL;
        guint64 from = (at + head + step - 1) / step * step, to = p ? p->start : end;

        if (p && p->is_logical != logical)
            continue;
        to = MIN(to, end);
        to -= p ? MIN(head, to) : 0;
        if (to > from && to - from >= step)
            each(from, to, user);
        at = p ? MAX(at, p->start + p->size) : at;
    }
}

/* ---- for the pool */

static VolumeDef *
volume_of(const PoolDef *def, const DiskReport *r, const DiskPart *p)
{
    VolumeDef *v = schema_new(&volume_def_schema);

    v->type = VOLUME_BLOCK;
    v->name = g_path_get_basename(p->node);
    v->path = g_strdup(p->node);
    v->key = g_strdup(p->node);
    v->format = g_strdup(word_of_type(p->type, r->is_gpt));
    v->capacity = v->allocation = v->physical = p->size * r->sector;
    volume_add_extent(v, disk_device(def), p->start * r->sector, (p->start + p->size) * r->sector);
    return v;
}

GPtrArray *
disk_volumes_of(const PoolDef *def, const DiskReport *r)
{
    GPtrArray *volumes = g_ptr_array_new_with_free_func((GDestroyNotify)volume_free);

    EACH (DiskPart, p, r->parts)
        g_ptr_array_add(volumes, volume_of(def, r, p));
    return volumes;
}

guint64
disk_bytes(const char *device, GError **err)
{
    fd_auto fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    guint64 bytes = 0;

    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0 || bytes == 0)
        fail_errno(err, fd < 0 || errno ? errno : EINVAL, "cannot tell the size of '%s'", device);
    return bytes;
}

typedef struct Sum {
    const DiskReport *report;
    PoolDef *def;
    guint64 bytes;
} Sum;

static void
add_free(guint64 from, guint64 to, gpointer user)
{
    Sum *s = user;
    guint64 sector = s->report->sector;

    s->bytes += (to - from) * sector;
    pool_add_free(s->def, from * sector, to * sector);
}

/* Makes sizes and free parts of the device those of the report. */
void
disk_space_take(PoolDef *def, const DiskReport *r)
{
    Sum sum = { r, def, 0 };
    PoolSpace space = { (r->end - r->first) * r->sector, 0 };

    pool_drop_free(def);
    disk_free_each(r, FALSE, add_free, &sum);
    if (disk_extended(r))
        disk_free_each(r, TRUE, add_free, &sum);
    space.available = sum.bytes;
    space_take(def, &space);
}

static gpointer
read_survey(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolSurvey) s = in;
    g_auto(DiskReport) r = { 0 };
    guint64 bytes = disk_bytes(disk_device(s->def), err);
    g_autoptr(GPtrArray) volumes = NULL;
    PoolScan *scan;

    if (!bytes || !disk_report_read(s->said, bytes, &r, err))
        return NULL;
    if (strcmp(s->def->source.format, "unknown") != 0 &&
        !(strcmp(s->def->source.format, "gpt") == 0 ? r.is_gpt : r.is_dos)) {
        fail(err, ERR_OPERATION_INVALID,
             "storage pool '%s': the partition table on '%s' is not of format '%s'", s->def->name,
             disk_device(s->def), s->def->source.format);
        return NULL;
    }
    volumes = disk_volumes_of(s->def, &r);
    EACH (VolumeDef, v, volumes)
        volume_refresh(v, TRUE, NULL);
    disk_space_take(s->def, &r);
    scan = g_new0(PoolScan, 1);
    *scan = (PoolScan){ g_steal_pointer(&s->def), volumes_new(g_steal_pointer(&volumes)) };
    return scan;
}

static gboolean
format_check(const PoolDef *def, GError **err)
{
    return check(def, err);
}

static GPtrArray *
probe(const PoolDef *def)
{
    return tool_words("blkid", "-p", "-o", "export", "--", disk_device(def), NULL);
}

const PoolBackend backend_disk = {
    .type = POOL_DISK,
    .volumes = &disk_volumes,
    .check = check,
    .read = read_survey,
    .survey = survey,
    .probe = probe,
    .format = format,
    .format_input = format_input,
    .format_check = format_check,
    .is_formatted = TRUE,
};
