/* Volumes of volume groups. A new one has a tag that says whose it is until it is whole; by that
 * tag it is left out of lists, and found by whoever has to take it away again. */
#include "backend.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB 1024

static const char *
group_of(const VolumeChange *c)
{
    return c->pool->live->source.name;
}

/* "GROUP/NAME", as LVM wants a volume named; the caller frees it. */
static char *
full_name(const VolumeChange *c)
{
    return g_strdup_printf("%s/%s", group_of(c), c->def->name);
}

static char *
kib_text(guint64 bytes)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT "k", bytes / KIB + (bytes % KIB > 0));
}

static StepResult
ask_group(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    return pool_needs_active(c->pool, err) ? tool_ask(f, c, lvm_report_words(group_of(c)), err)
                                           : STEP_FAILED;
}

/* ---- in workers */

static gboolean
report_of(const VolumeWork *w, LvmReport *ret, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(w->def->path);

    return lvm_report_read(w->said, folder, w->tag, ret, err);
}

static VolumeDef *
find(const LvmReport *r, const char *name)
{
    EACH (VolumeDef, v, r->volumes)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static gboolean
is_thin(const LvmReport *r, const char *name)
{
    return g_ptr_array_find_with_equal_func(r->thin, name, g_str_equal, NULL);
}

static gpointer
work_look_for_group(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    const VolumeBacking *b = w->def->backing;
    g_autofree char *origin = b && b->path ? g_path_get_basename(b->path) : NULL;
    g_auto(LvmReport) r = { 0 };

    if (!report_of(w, &r, err))
        return NULL;
    if (find(&r, w->def->name)) {
        fail(err, ERR_OPERATION_INVALID, "volume target path '%s' already exists", w->def->path);
        return NULL;
    }
    w->thin_pool = g_steal_pointer(&r.pool);
    w->origin_is_thin = origin && is_thin(&r, origin);
    w->extent = r.extent;
    return g_steal_pointer(&w);
}

gboolean
volume_set_permissions(const char *path, const Permissions *p, GError **err)
{
    if (!p)
        return TRUE;
    if ((p->has_owner || p->has_group) &&
        chown(path, p->has_owner ? p->owner : (uid_t)-1, p->has_group ? p->group : (gid_t)-1) < 0)
        return fail_errno(err, errno, "cannot set the owner of '%s'", path);
    return !p->has_mode || chmod(path, p->mode) == 0 ||
           fail_errno(err, errno, "cannot set the mode of '%s'", path);
}

/* What LVM made of it, which rounds sizes up to whole extents. */
static gpointer
work_look_at_lv(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_auto(LvmReport) r = { 0 };
    VolumeDef *v;
    struct stat st;

    if (!report_of(w, &r, err))
        return NULL;
    if (!(v = find(&r, w->def->name))) {
        fail(err, ERR_NO_VOLUME, "no storage vol with matching path '%s'", w->def->path);
        return NULL;
    }
    if (w->tag && stat(v->path, &st) == 0 &&
        !volume_set_permissions(v->path, w->def->permissions, err))
        return NULL;
    w->space = r.space;
    w->extent = r.extent;
    w->origin_is_thin = is_thin(&r, v->name);
    volume_free(w->def);
    w->def = volume_copy(v);
    return volume_refresh(w->def, TRUE, err) ? g_steal_pointer(&w) : NULL;
}

static StepResult
look_at_lv(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_look_at_lv);
}

/* ---- create */

static gboolean
name_is_free(const VolumeChange *c, GError **err)
{
    const char *name = c->def->name;

    if (!g_hash_table_contains(c->pool->volumes->by_name, name))
        return TRUE;
    return c->source ? fail(err, ERR_INTERNAL, "storage volume name '%s' already in use.", name)
                     : fail(err, ERR_VOLUME_EXISTS, "'%s'", name);
}

/* A device has no head in which any of this could be. */
static gboolean
is_plain(const VolumeChange *c, GError **err)
{
    const VolumeDef *def = c->def;

    if (def->encryption)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "volume '%s': volumes of pools of type 'logical' are not encrypted yet",
                    def->name);
    if (def->compat || def->features || def->cluster_size || def->nocow)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "volume '%s' is a device: it has no 'compat', 'features', 'clusterSize' or "
                    "'nocow'",
                    def->name);
    if (c->flags & VOLUME_PREALLOCATE)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "metadata preallocation only available with qcow2");
    return !(c->flags & VOLUME_REFLINK) ||
           fail(err, ERR_INVALID_ARG, "blocks cannot be shared with a device (reflink)");
}

/* It must be of the same group. */
static gboolean
origin_is_there(const VolumeChange *c, GError **err)
{
    const VolumeBacking *b = c->def->backing;

    if (!b || !b->path)
        return TRUE;
    if (c->source)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "volume '%s' cannot be a snapshot of '%s' and a copy of '%s'", c->def->name,
                    b->path, c->source->name);
    EACH (VolumeDef, v, c->pool->volumes->list)
        if (strcmp(v->path, b->path) == 0)
            return TRUE;
    return fail(err, ERR_NO_VOLUME, "'%s' is no volume of storage pool '%s'", b->path,
                c->pool->obj.name);
}

static gboolean
source_hold(Task *t, const VolumeChange *c, GError **err)
{
    Pool *pool = c->source ? pool_get_uuid(c->source_uuid, NULL) : NULL;

    if (pool && c->source->encryption)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "volume '%s' is encrypted: it is not copied onto a device yet",
                    c->source->path);
    return !pool || volume_hold(t, pool, c->source->name, TRUE, err);
}

static StepResult
create_check(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    VolumeDef *def = c->def;
    guint8 random[UUID_LEN];
    char text[UUID_TEXT_LEN];

    if (!pool_needs_active(c->pool, err) || !name_is_free(c, err) ||
        !volume_hold(obj, c->pool, def->name, FALSE, err) || !source_hold(obj, c, err) ||
        !is_plain(c, err) || !origin_is_there(c, err))
        return STEP_FAILED;
    volume_drop_devices(def);
    g_free(def->path);
    def->path = g_build_filename(c->pool->live->path, def->name, NULL);
    uuid_make(random);
    uuid_format(random, text);
    c->tag = g_strconcat(LVM_MAKING, text, NULL);
    return STEP_DONE;
}

static StepResult
look_for_group(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_look_for_group);
}

/* Before it is made, so that it is found however much of it there is. */
static StepResult
create_mark(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    return step_of(flow_note(f, c->tag, WORDS(group_of(c), c->def->name), err));
}

static StepResult
create_unmark(Flow *f, gpointer obj)
{
    g_autofree char *which = g_strconcat("lv_tags=", flow_key(f), NULL);
    Pool *pool;

    if (!flow_word(f, 1))
        return STEP_DONE;
    pool = volume_undo_pool(f, obj);
    volume_forget(pool, flow_word(f, 1));
    object_unref(pool);
    return program_undo(
        f, lvm_words("lvremove", "--force", "--yes", "--select", which, flow_word(f, 0), NULL),
        NULL);
}

/* Of a snapshot that is no thin one LVM keeps what is changed in a place of a fixed size. */
static void
add_snapshot(GPtrArray *argv, const VolumeChange *c)
{
    guint64 room = c->def->has_allocation ? c->def->allocation : c->def->capacity;
    g_autofree char *size = kib_text(MAX(room, c->extent));

    tool_add(argv, "--size");
    tool_add(argv, size);
}

static GPtrArray *
create_words(const VolumeChange *c)
{
    const VolumeDef *def = c->def;
    const VolumeBacking *b = def->backing;
    g_autofree char *origin = b && b->path ? g_path_get_basename(b->path) : NULL;
    g_autofree char *from = g_strdup_printf("%s/%s", group_of(c), origin ? origin : "");
    g_autofree char *size = kib_text(def->capacity);
    GPtrArray *argv = lvm_words("lvcreate", "--yes", "--addtag", c->tag, "--name", def->name, NULL);

    if (origin) {
        tool_add(argv, "--snapshot");
        if (c->origin_is_thin)
            tool_add(argv, "--setactivationskip=n");
        else
            add_snapshot(argv, c);
        tool_add(argv, from);
        return argv;
    }
    if (def->has_allocation && def->allocation < def->capacity) {
        tool_add(argv, "--virtualsize");
        tool_add(argv, size);
        tool_add(argv, c->thin_pool ? "--thinpool" : "--snapshot");
        if (c->thin_pool)
            tool_add(argv, c->thin_pool);
        else
            add_snapshot(argv, c);
    } else {
        tool_add(argv, "--size");
        tool_add(argv, size);
    }
    tool_add(argv, group_of(c));
    return argv;
}

static StepResult
create_make(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    return tool_run(f, c, create_words(c), err);
}

static StepResult
create_write(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    if (!c->source)
        return STEP_DONE;
    return tool_run(
        f, c,
        tool_words("qemu-img", "convert", "-p", "-n", "-O", "raw", c->image, c->def->path, NULL),
        err);
}

static StepResult
create_plan_end(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);

    return step_of(flow_note(f, c->def->key, WORDS(group_of(c), c->tag), err));
}

static StepResult
create_undo_end(Flow *f, gpointer obj)
{
    g_autofree char *which = g_strconcat("lv_uuid=", flow_key(f), NULL);
    const char *group = flow_word(f, 0), *tag = flow_word(f, 1);

    if (!tag)
        return STEP_DONE;
    return program_undo(f, lvm_words("lvchange", "--addtag", tag, "--select", which, group, NULL),
                        NULL);
}

static StepResult
create_end(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *name = full_name(c);

    return tool_run(f, c, lvm_words("lvchange", "--deltag", c->tag, name, NULL), err);
}

static const Step create_steps[] = {
    { "may be made", create_check, NULL },
    { "ask group", ask_group, tool_stop },
    { "look for room", look_for_group, NULL },
    { "look at source", volume_look_at_source, NULL },
    { "take images", volume_claim_source, NULL },
    { "mark volume", create_mark, create_unmark, STEP_KEYED },
    { "make volume", create_make, tool_stop },
    { "write volume", create_write, tool_stop },
    { "ask again", ask_group, tool_stop },
    { "look at volume", look_at_lv, NULL },
    { "plan end", create_plan_end, create_undo_end, STEP_KEYED },
    { "unmark volume", create_end, tool_stop },
    { 0 },
};
const FlowTable lv_create_table = { "lv-create", create_steps, .for_good = TRUE };

static const TaskKind lv_create = { "create", "bytes", &lv_create_table, .holds = TRUE,
                                    .look = volume_create_look };
static const TaskKind lv_clone = { "clone", "bytes", &lv_create_table, .holds = TRUE,
                                   .look = volume_create_look };

/* ---- delete */

/* LVM would take snapshots along. */
static gboolean
has_no_snapshots(const VolumeChange *c, GError **err)
{
    EACH (VolumeDef, v, c->pool->volumes->list)
        if (v->backing && g_strcmp0(v->backing->path, c->def->path) == 0)
            return fail(err, ERR_OPERATION_INVALID,
                        "volume '%s' has the snapshot '%s', which would be gone with it; delete "
                        "that first",
                        c->def->name, v->name);
    return TRUE;
}

static StepResult
delete_look(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    return volume_is_there(obj, c, err) && has_no_snapshots(c, err)
               ? volume_errand(f, obj, work_look_at_any)
               : STEP_FAILED;
}

static StepResult
delete_remove(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *name = full_name(c);

    return tool_run(f, c, lvm_words("lvremove", "--force", "--yes", name, NULL), err);
}

/* Nothing undoes the removal. */
static const Step delete_steps[] = {
    { "look at volume", delete_look, NULL },
    { "take image", volume_claim_found, NULL },
    { "remove volume", delete_remove, tool_stop },
    { 0 },
};
const FlowTable lv_delete_table = { "lv-delete", delete_steps, .for_good = TRUE };

static const TaskKind lv_delete = { "delete", "bytes", &lv_delete_table, .holds = TRUE };

/* ---- resize */

static StepResult
resize_check(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    const VolumeDef *def = c->def;

    if (!c->origin_is_thin && (def->backing || def->allocation != def->capacity))
        return step_of(fail(err, ERR_OPERATION_UNSUPPORTED,
                            "volume '%s' is a snapshot, whose size is that of its origin",
                            def->name));
    if (!volume_wanted_size(c, err))
        return STEP_FAILED;
    if (c->size < def->capacity && !(c->flags & RESIZE_SHRINK))
        return step_of(fail(err, ERR_INVALID_ARG,
                            "Can't shrink capacity of volume '%s' below current capacity without "
                            "shrink flag explicitly specified",
                            def->name));
    if (c->extent)
        c->size = (c->size / c->extent + (c->size % c->extent > 0)) * c->extent;
    return STEP_DONE;
}

/* What is cut off is lost, so only a growth is taken back. */
static StepResult
resize_note(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);
    g_autofree char *name = full_name(c);
    g_autofree char *old = g_strdup_printf("%" G_GUINT64_FORMAT "b", c->def->capacity);

    return step_of(c->size <= c->def->capacity || flow_note(f, name, WORDS(old), err));
}

static StepResult
resize_back(Flow *f, gpointer obj)
{
    const char *old = flow_word(f, 0);
    StepResult result;
    Pool *pool;

    if (!old)
        return STEP_DONE;
    pool = volume_undo_pool(f, obj);
    result = program_undo(f, lvm_words("lvresize", "--yes", "--size", old, flow_key(f), NULL),
                          pool);
    object_unref(pool);
    return result;
}

/* LVM takes no change for a mistake. */
static StepResult
resize_run(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *name = full_name(c), *size = kib_text(c->size);

    if (c->size == c->def->capacity)
        return STEP_DONE;
    return tool_run(f, c, lvm_words("lvresize", "--yes", "--size", size, name, NULL), err);
}

static const Step resize_steps[] = {
    { "look at volume", volume_look_at_it, NULL },
    { "take image", volume_claim_found, NULL },
    { "ask group", ask_group, tool_stop },
    { "look at group", look_at_lv, NULL },
    { "may be resized", resize_check, NULL },
    { "note size", resize_note, resize_back, STEP_KEYED },
    { "resize volume", resize_run, tool_stop },
    { "ask again", ask_group, tool_stop },
    { "look again", look_at_lv, NULL },
    { 0 },
};
const FlowTable lv_resize_table = { "lv-resize", resize_steps, .for_good = TRUE };

static const TaskKind lv_resize = { "resize", "bytes", &lv_resize_table, .holds = TRUE };

const VolumeKinds lvm_volumes = { &lv_create, &lv_clone, &lv_delete, &lv_resize };
