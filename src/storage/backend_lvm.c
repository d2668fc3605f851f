/* Pools that are volume groups of LVM, and what its report says of them. Programs are lvm(8)'s,
 * with its JSON (lvmreport(7)); reports are read in workers, and believed no more than other input.
 */
#include "backend.h"

#include <stdlib.h>
#include <string.h>

/* ---- command lines */

GPtrArray *
lvm_words(const char *command, ...)
{
    GPtrArray *argv = tool_words("lvm", command, NULL);
    va_list words;

    va_start(words, command);
    for (const char *word; (word = va_arg(words, const char *));)
        tool_add(argv, word);
    va_end(words);
    return argv;
}

/* One program tells all of a group, as of one moment. */
GPtrArray *
lvm_report_words(const char *group)
{
    GPtrArray *argv = lvm_words(
        "fullreport", "--reportformat", "json", "--units", "b", "--nosuffix", "--configreport",
        "vg", "-o", "vg_name,vg_size,vg_free,vg_extent_size", "--configreport", "pv", "-o",
        "pv_name", "--configreport", "lv", "-o",
        "lv_name,lv_uuid,lv_size,lv_attr,lv_tags,origin,origin_size,data_percent", "--configreport",
        "pvseg", "-o", "pvseg_start", "--configreport", "seg", "-o",
        "lv_name,seg_start_pe,seg_pe_ranges", NULL);

    if (group)
        tool_add(argv, group);
    return argv;
}

static GPtrArray *
survey(const PoolDef *def)
{
    return lvm_report_words(def->source.name);
}

static GPtrArray *
attach(const PoolDef *def)
{
    return lvm_words("vgchange", "-ay", def->source.name, NULL);
}

static GPtrArray *
let_go(const PoolDef *def)
{
    return lvm_words("vgchange", "-an", def->source.name, NULL);
}

static void
add_devices(GPtrArray *argv, const PoolDef *def)
{
    EACH (PoolDevice, device, def->source.devices)
        tool_add(argv, device->path);
}

/* Without --yes nothing that LVM finds on a device is wiped: it asks, and gets no answer. */
static GPtrArray *
format(const PoolDef *def, gboolean overwrite)
{
    GPtrArray *argv = lvm_words("vgcreate", NULL);

    if (overwrite)
        tool_add(argv, "--yes");
    tool_add(argv, def->source.name);
    add_devices(argv, def);
    return argv;
}

static GPtrArray *
remove_group(const PoolDef *def)
{
    return lvm_words("vgremove", "--force", "--yes", def->source.name, NULL);
}

static GPtrArray *
forget(const PoolDef *def)
{
    GPtrArray *argv;

    if (list_length(def->source.devices) == 0)
        return NULL;
    argv = lvm_words("pvremove", "--yes", NULL);
    add_devices(argv, def);
    return argv;
}

/* ---- what can be used */

static gboolean
check(const PoolDef *def, GError **err)
{
    const char *name = def->source.name;

    if (*name == '-' || strchr(name, '/') || strchr(name, '@'))
        return fail(err, ERR_XML, "storage pool '%s': '%s' is no name of a volume group", def->name,
                    name);
    return backend_has_program(def, "lvm", "lvm2", err);
}

static gboolean
format_check(const PoolDef *def, GError **err)
{
    EACH (PoolDevice, device, def->source.devices)
        if (device->path[0] != '/')
            return fail(err, ERR_XML, "storage pool '%s': device '%s' is no path", def->name,
                        device->path);
    if (list_length(def->source.devices) == 0)
        return fail(err, ERR_OPERATION_INVALID,
                    "storage pool '%s' names no device that a volume group could be made of: add "
                    "<device path=''/> to its <source>",
                    def->name);
    return check(def, err);
}

/* A group of which something is active already is used, and stays when the pool stops. */
static gpointer
look(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolDef) def = in;
    g_autoptr(GDir) dir = g_dir_open(def->path, 0, NULL);

    return dir && g_dir_read_name(dir) ? g_steal_pointer(&def) : NULL;
}

/* ---- the report */

void
lvm_report_done(LvmReport *r)
{
    g_clear_pointer(&r->volumes, g_ptr_array_unref);
    g_clear_pointer(&r->thin, g_ptr_array_unref);
    g_clear_pointer(&r->pool, g_free);
}

/* Numbers are strings in it; what is none is 0. */
static guint64
number(json_object *o, const char *name)
{
    const char *text = json_str(o, name);

    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static json_object *
parse(const char *said, GError **err)
{
    static const JsonBudget budget = { REPORT_MAX, 2000000, 8 };
    g_autofree char *wrong = NULL;
    json_object *o = json_parse_bounded(said, strlen(said), &budget, &wrong);

    if (o && json_length(json_at(o, "report")) > 0)
        return o;
    json_object_put(o);
    fail(err, ERR_INTERNAL, "the report of lvm is not as it should be: %s",
         wrong ? wrong : "it has no 'report'");
    return NULL;
}

static json_object *
item(json_object *array, gsize n)
{
    return n < json_length(array) ? json_object_array_get_idx(array, n) : NULL;
}

/* "[name]" is one that LVM keeps for itself. */
static char *
origin_path(json_object *lv, const char *folder)
{
    const char *origin = json_str(lv, "origin");

    if (!origin || !*origin || *origin == '[' || g_str_has_suffix(origin, "_vorigin"))
        return NULL;
    return g_build_filename(folder, origin, NULL);
}

/* The first letter of lv_attr (lvs(8)). */
enum { THIN_POOL = 't', THIN = 'V', SNAPSHOT = 's', MERGING_SNAPSHOT = 'S', CACHE_POOL = 'C' };

static VolumeDef *
volume_read(json_object *lv, char kind, const char *folder)
{
    VolumeDef *v = schema_new(&volume_def_schema);
    guint64 size = number(lv, "lv_size"), origin_size = number(lv, "origin_size");
    const char *used = json_str(lv, "data_percent");
    g_autofree char *origin = origin_path(lv, folder);

    v->type = VOLUME_BLOCK;
    v->name = g_strdup(json_str(lv, "lv_name"));
    v->key = g_strdup(json_str(lv, "lv_uuid"));
    v->path = g_build_filename(folder, v->name, NULL);
    v->capacity = v->allocation = v->physical = size;
    if ((kind == SNAPSHOT || kind == MERGING_SNAPSHOT) && origin_size)
        v->capacity = v->physical = origin_size;
    else if (kind == THIN && used && *used)
        v->allocation = MIN(size, (guint64)((double)size * g_ascii_strtod(used, NULL) / 100));
    if (origin) {
        v->backing = schema_new(&volume_backing_schema);
        v->backing->path = g_steal_pointer(&origin);
    }
    return v;
}

static gboolean
is_shown(json_object *lv, const char *tag)
{
    const char *tags = json_str(lv, "lv_tags");
    g_auto(GStrv) words = g_strsplit(tags ? tags : "", ",", -1);

    if (tag && g_strv_contains((const char *const *)words, tag))
        return TRUE;
    for (gsize i = 0; words[i]; i++)
        if (g_str_has_prefix(words[i], LVM_MAKING))
            return FALSE;
    return TRUE;
}

static void
lv_read(json_object *lv, const char *folder, const char *tag, double *room, LvmReport *r)
{
    const char *name = json_str(lv, "lv_name"), *attr = json_str(lv, "lv_attr");
    const char *used = json_str(lv, "data_percent");
    double left;

    if (!name || !*name || strchr(name, '/') || !json_str(lv, "lv_uuid") || !attr)
        return;
    if (attr[0] == THIN_POOL) {
        left = (double)number(lv, "lv_size") * (1 - (used ? g_ascii_strtod(used, NULL) : 0) / 100);
        if (r->pool && left <= *room)
            return;
        *room = left;
        g_free(r->pool);
        r->pool = g_strdup(name);
        return;
    }
    if (attr[0] == CACHE_POOL || !is_shown(lv, tag))
        return;
    if (attr[0] == THIN)
        g_ptr_array_add(r->thin, g_strdup(name));
    g_ptr_array_add(r->volumes, volume_read(lv, attr[0], folder));
}

/* "/dev/sda:0-3 /dev/sdb:7-9": physical extents, both ends are part of it. */
static void
extents_read(VolumeDef *v, const char *ranges, guint64 extent)
{
    g_auto(GStrv) words = g_strsplit(ranges, " ", -1);

    for (gsize i = 0; words[i]; i++) {
        char *colon = strrchr(words[i], ':'), *dash;
        guint64 first, last;

        if (words[i][0] != '/' || !colon)
            continue;
        first = g_ascii_strtoull(colon + 1, &dash, 10);
        last = *dash == '-' ? g_ascii_strtoull(dash + 1, NULL, 10) : first;
        *colon = '\0';
        if (last >= first)
            volume_add_extent(v, words[i], first * extent, (last + 1) * extent);
    }
}

static void
segments_read(json_object *segments, LvmReport *r)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);

    EACH (VolumeDef, v, r->volumes)
        g_hash_table_insert(by_name, v->name, v);
    for (gsize i = 0; i < json_length(segments); i++) {
        json_object *seg = item(segments, i);
        const char *name = json_str(seg, "lv_name"), *ranges = json_str(seg, "seg_pe_ranges");
        VolumeDef *v = name ? g_hash_table_lookup(by_name, name) : NULL;

        if (v && ranges)
            extents_read(v, ranges, r->extent);
    }
}

gboolean
lvm_report_read(const char *said, const char *folder, const char *tag, LvmReport *ret, GError **err)
{
    json_object *o = parse(said, err), *one, *vg, *lvs;
    double room = 0;

    if (!o)
        return FALSE;
    *ret = (LvmReport){ .volumes = g_ptr_array_new_with_free_func((GDestroyNotify)volume_free),
                        .thin = g_ptr_array_new_with_free_func(g_free) };
    one = item(json_at(o, "report"), 0);
    vg = item(json_at(one, "vg"), 0);
    ret->space = (PoolSpace){ number(vg, "vg_size"), number(vg, "vg_free") };
    ret->extent = number(vg, "vg_extent_size");
    lvs = json_at(one, "lv");
    for (gsize i = 0; i < json_length(lvs); i++)
        lv_read(item(lvs, i), folder, tag, &room, ret);
    segments_read(json_at(one, "seg"), ret);
    json_object_put(o);
    return TRUE;
}

static gpointer
read_survey(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolSurvey) s = in;
    g_auto(LvmReport) r = { 0 };
    PoolScan *scan;

    if (!lvm_report_read(s->said, s->def->path, NULL, &r, err))
        return NULL;
    EACH (VolumeDef, v, r.volumes)
        volume_refresh(v, TRUE, NULL);
    space_take(s->def, &r.space);
    scan = g_new(PoolScan, 1);
    *scan = (PoolScan){ g_steal_pointer(&s->def), volumes_new(g_steal_pointer(&r.volumes)) };
    return scan;
}

/* ---- groups that are there */

/* Devices that are in no group are told without a name of one. */
static void
source_write(XmlOut *x, json_object *one)
{
    json_object *pvs = json_at(one, "pv");
    const char *name = json_str(item(json_at(one, "vg"), 0), "vg_name");

    if (!name || !*name)
        return;
    xml_open(x, "source", NULL);
    for (gsize i = 0; i < json_length(pvs); i++) {
        const char *path = json_str(item(pvs, i), "pv_name");

        if (path)
            xml_leaf(x, "device", "path", path, NULL);
    }
    xml_text(x, "name", name, NULL);
    xml_leaf(x, "format", "type", "lvm2", NULL);
    xml_close(x, "source");
}

char *
lvm_sources(const char *said, GError **err)
{
    json_object *o = parse(said, err), *report = json_at(o, "report");
    XmlOut x = { g_string_new(NULL), 0 };

    xml_open(&x, "sources", NULL);
    for (gsize i = 0; i < json_length(report); i++)
        source_write(&x, item(report, i));
    xml_close(&x, "sources");
    if (!o) {
        g_string_free(x.text, TRUE);
        return NULL;
    }
    json_object_put(o);
    return g_string_free(x.text, FALSE);
}

const PoolBackend backend_logical = {
    .type = POOL_LOGICAL,
    .volumes = &lvm_volumes,
    .check = check,
    .look = look,
    .read = read_survey,
    .survey = survey,
    .attach = attach,
    .let_go = let_go,
    .format = format,
    .format_check = format_check,
    .is_formatted = TRUE,
    .remove = remove_group,
    .forget = forget,
};
