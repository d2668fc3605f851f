/* Volumes that are partitions. A new one is known by its number and its first sector: only a
 * partition that has both is taken away again. */
#include "backend.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB 1048576
/* For udev, which makes the device of a partition that the kernel knows. */
#define NODE_WAIT_US (5 * G_USEC_PER_SEC)

static const char *
device_of(const VolumeChange *c)
{
    return disk_device(c->pool->live);
}

static StepResult
ask_table(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    return pool_needs_active(c->pool, err) ? tool_ask(f, c, disk_report_words(device_of(c)), err)
                                           : STEP_FAILED;
}

/* ---- in workers */

static gboolean
report_of(const VolumeWork *w, DiskReport *ret, GError **err)
{
    const char *device = disk_device(w->pool_def);
    guint64 bytes = disk_bytes(device, err);

    return bytes && disk_report_read(w->said, bytes, ret, err);
}

static const DiskPart *
find(const DiskReport *r, const char *path)
{
    EACH (DiskPart, p, r->parts)
        if (strcmp(p->node, path) == 0)
            return p;
    return NULL;
}

static gboolean
has_number(const DiskReport *r, guint number)
{
    EACH (DiskPart, p, r->parts)
        if (p->number == number)
            return TRUE;
    return FALSE;
}

/* Numbers of primary partitions of dos; logical ones are numbered without a gap. */
enum { PRIMARIES = 4, GPT_MAX = 128, FIRST_LOGICAL = 5, LOGICAL_MAX = 60 };

static guint
free_number(const DiskReport *r, gboolean logical)
{
    guint first = logical ? FIRST_LOGICAL : 1;
    guint last = logical ? LOGICAL_MAX : r->is_gpt ? GPT_MAX : PRIMARIES;

    for (guint n = first; n <= last; n++)
        if (!has_number(r, n))
            return n;
    return 0;
}

typedef struct Room {
    guint64 wanted, from; /* sectors; from 0: none is large enough */
} Room;

static void
take_room(guint64 from, guint64 to, gpointer user)
{
    Room *room = user;

    if (!room->from && to - from >= room->wanted)
        room->from = from;
}

static char *
node_name(const PoolDef *def, guint number)
{
    const PoolDevice *device = list_item(def->source.devices, 0);
    gboolean digit = g_ascii_isdigit(device->path[strlen(device->path) - 1]);

    return g_strdup_printf("%s%s%u", device->path,
                           device->part_separator == YES || digit ? "p" : "", number);
}

/* FALSE without an error: there is no room of that kind. */
static gboolean
find_place(VolumeWork *w, const DiskReport *r, gboolean logical)
{
    Room room = { 0 };
    guint number = free_number(r, logical);
    guint64 step = MIB / r->sector;

    room.wanted = MAX((w->def->capacity / MIB + (w->def->capacity % MIB > 0)) * step, step);
    if (!number || (logical && !disk_extended(r)))
        return FALSE;
    disk_free_each(r, logical, take_room, &room);
    w->number = number;
    w->start = room.from;
    w->size = room.wanted;
    return room.from > 0;
}

static gboolean
place(VolumeWork *w, const DiskReport *r, GError **err)
{
    gboolean is_extended = strcmp(w->def->format, "extended") == 0;
    const char *type = disk_type_of(w->def->format, r->is_gpt);

    if (!type)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "volume '%s': a partition table of format 'gpt' has no partition of type '%s'",
                    w->def->name, w->def->format);
    if (is_extended && disk_extended(r))
        return fail(err, ERR_INTERNAL, "extended partition already exists");
    g_free(w->tag);
    w->tag = g_strdup(type);
    return (!is_extended && !r->is_gpt && find_place(w, r, TRUE)) || find_place(w, r, FALSE) ||
           fail(err, ERR_OPERATION_FAILED,
                "no free part of '%s' is large enough for %" G_GUINT64_FORMAT
                " bytes, or there is no number left for a partition",
                disk_device(w->pool_def), w->def->capacity);
}

static gpointer
work_find_place(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_auto(DiskReport) r = { 0 };
    g_autofree char *node = NULL, *name = NULL;

    if (!report_of(w, &r, err) || !place(w, &r, err))
        return NULL;
    node = node_name(w->pool_def, w->number);
    name = g_path_get_basename(node);
    if (strcmp(name, w->def->name) != 0) {
        fail(err, ERR_INVALID_ARG, "invalid partition name '%s', expected '%s'", w->def->name,
             name);
        return NULL;
    }
    g_free(w->def->path);
    w->def->path = g_steal_pointer(&node);
    return g_steal_pointer(&w);
}

static void
wait_for_node(const char *path, const char *name)
{
    g_autofree char *known = g_build_filename("/sys/class/block", name, NULL);
    gint64 end = g_get_monotonic_time() + NODE_WAIT_US;

    while (access(known, F_OK) == 0 && access(path, F_OK) < 0 && g_get_monotonic_time() < end)
        g_usleep(20000);
}

static gboolean
is_same_place(const VolumeDef *v, const DiskReport *r, const DiskPart *p)
{
    const VolumeDevice *device = list_item(v->devices, 0);
    const PoolExtent *extent = device ? list_item(device->extents, 0) : NULL;

    return extent && extent->start == p->start * r->sector;
}

/* What is there now; the pool's free parts as well. */
static gpointer
work_look_at_table(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_auto(DiskReport) r = { 0 };
    g_autoptr(GPtrArray) volumes = NULL;
    struct stat st;

    if (!report_of(w, &r, err))
        return NULL;
    disk_space_take(w->pool_def, &r);
    volumes = disk_volumes_of(w->pool_def, &r);
    EACH (VolumeDef, v, volumes) {
        if (strcmp(v->path, w->def->path) != 0)
            continue;
        wait_for_node(v->path, v->name);
        if (stat(v->path, &st) == 0 && !volume_set_permissions(v->path, w->def->permissions, err))
            return NULL;
        volume_free(w->def);
        w->def = volume_copy(v);
        return volume_refresh(w->def, TRUE, err) ? g_steal_pointer(&w) : NULL;
    }
    fail(err, ERR_NO_VOLUME, "no storage vol with matching path '%s'", w->def->path);
    return NULL;
}

/* The same of one that is to go: it must be the one that is known. */
static gpointer
work_check_place(gpointer in, gint *progress, GError **err)
{
    g_autoptr(VolumeWork) w = in;
    g_auto(DiskReport) r = { 0 };
    const DiskPart *p;
    struct stat st;

    if (!report_of(w, &r, err))
        return NULL;
    p = find(&r, w->def->path);
    if (!p || !is_same_place(w->def, &r, p)) {
        fail(err, ERR_OPERATION_INVALID,
             "partition '%s' is not where it was: refresh the storage pool first", w->def->path);
        return NULL;
    }
    w->number = p->number;
    EACH (DiskPart, other, r.parts)
        if (p->is_extended && other->is_logical) {
            fail(err, ERR_OPERATION_INVALID,
                 "volume '%s' has the partition '%s' in it; delete that first", w->def->name,
                 other->node);
            return NULL;
        }
    if (stat(w->def->path, &st) == 0)
        w->mark = file_mark(&st);
    return g_steal_pointer(&w);
}

/* ---- create */

static StepResult
create_check(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    VolumeDef *def = c->def;

    if (!pool_needs_active(c->pool, err) || !volume_hold(obj, c->pool, def->name, FALSE, err))
        return STEP_FAILED;
    if (def->encryption || (def->backing && def->backing->path) || def->compat || def->features ||
        def->cluster_size || def->nocow || c->flags)
        return step_of(fail(err, ERR_CONFIG_UNSUPPORTED,
                            "volume '%s' is a partition: it has no encryption, 'backingStore', "
                            "options of images or preallocation",
                            def->name));
    volume_drop_devices(def);
    return STEP_DONE;
}

static StepResult
create_find_place(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_find_place);
}

static char *
number_text(guint64 n)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, n);
}

static StepResult
create_plan(Flow *f, gpointer obj, GError **err)
{
    const VolumeChange *c = flow_user(f);
    g_autofree char *number = number_text(c->number), *start = number_text(c->start);

    return step_of(flow_note(f, c->def->path, WORDS(device_of(c), number, start), err));
}

/* ---- and its undo: looks whether it is there, then deletes it */

typedef struct PartUndo {
    Pool *pool; /* referenced */
    char *node, *device, *number;
    guint64 start;
    FlowToken token;
} PartUndo;

static void
unmake_over(PartUndo *u, const char *trouble)
{
    g_autofree char *name = g_path_get_basename(u->node);

    if (trouble)
        log_warning("partition '%s' is left over: %s", u->node, trouble);
    else
        volume_forget(u->pool, name);
    flow_wake(u->token, NULL);
    object_unref(u->pool);
    g_free(u->node);
    g_free(u->device);
    g_free(u->number);
    g_free(u);
}

static Process *
spawn(GPtrArray *argv, ProcessDone done, gpointer user)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    g_autoptr(GPtrArray) words = argv;
    g_autoptr(GError) err = NULL;
    Process *p;

    g_ptr_array_add(words, NULL);
    spec.argv = (const char *const *)words->pdata;
    spec.limits = &process_tool_limits;
    if (!(p = process_spawn(&spec, done, user, &err)))
        log_warning("%s", err->message);
    return p;
}

static void
on_unmade(Process *p, const ProcessEnd *end, gpointer user)
{
    g_autofree char *why = process_status_text(end->status);
    g_autofree char *trouble = why ? g_strdup_printf("sfdisk %s: %s", why, end->errors) : NULL;

    process_free(p);
    unmake_over(user, trouble);
}

static void
on_looked(Process *p, const ProcessEnd *end, gpointer user)
{
    PartUndo *u = user;
    g_auto(DiskReport) r = { 0 };
    const DiskPart *part = NULL;

    if (end->status == 0 && disk_report_read(end->out, MIB, &r, NULL))
        part = find(&r, u->node);
    process_free(p);
    if (!part || part->start != u->start) {
        unmake_over(u, NULL);
        return;
    }
    if (!spawn(
            tool_words("sfdisk", "--quiet", "--no-reread", "--delete", u->device, u->number, NULL),
            on_unmade, u))
        unmake_over(u, "sfdisk cannot be run");
}

static StepResult
create_unplan(Flow *f, gpointer obj)
{
    PartUndo *u;

    if (!flow_word(f, 2))
        return STEP_DONE;
    u = g_new(PartUndo, 1);
    *u = (PartUndo){ volume_undo_pool(f, obj),
                     g_strdup(flow_key(f)),
                     g_strdup(flow_word(f, 0)),
                     g_strdup(flow_word(f, 1)),
                     g_ascii_strtoull(flow_word(f, 2), NULL, 10),
                     flow_wait(f) };
    if (!spawn(disk_report_words(u->device), on_looked, u))
        unmake_over(u, "sfdisk cannot be run");
    return STEP_WAIT;
}

static StepResult
create_make(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);

    g_free(c->tool_input);
    c->tool_input = g_strdup_printf("%s : start=%" G_GUINT64_FORMAT ", size=%" G_GUINT64_FORMAT
                                    ", type=%s\n",
                                    c->def->path, c->start, c->found->size, c->tag);
    return tool_run(
        f, c, tool_words("sfdisk", "--quiet", "--append", "--no-reread", device_of(c), NULL), err);
}

static StepResult
look_at_table(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_look_at_table);
}

static const Step create_steps[] = {
    { "may be made", create_check, NULL },
    { "ask table", ask_table, tool_stop },
    { "find place", create_find_place, NULL },
    { "plan partition", create_plan, create_unplan, STEP_KEYED },
    { "make partition", create_make, tool_stop },
    { "ask again", ask_table, tool_stop },
    { "look at partition", look_at_table, NULL },
    { 0 },
};
const FlowTable part_create_table = { "part-create", create_steps, .for_good = TRUE };
static const TaskKind part_create = { "create", "bytes", &part_create_table, .holds = TRUE };

/* ---- delete */

static StepResult
delete_check(Flow *f, gpointer obj, GError **err)
{
    return step_of(volume_is_there(obj, flow_user(f), err));
}

static StepResult
delete_look(Flow *f, gpointer obj, GError **err)
{
    return volume_errand(f, obj, work_check_place);
}

static StepResult
delete_run(Flow *f, gpointer obj, GError **err)
{
    VolumeChange *c = flow_user(f);
    g_autofree char *number = number_text(c->number);

    return tool_run(
        f, c,
        tool_words("sfdisk", "--quiet", "--no-reread", "--delete", device_of(c), number, NULL),
        err);
}

static const Step delete_steps[] = {
    { "may be deleted", delete_check, NULL },      { "ask table", ask_table, tool_stop },
    { "look at partition", delete_look, NULL },    { "take image", volume_claim_found, NULL },
    { "delete partition", delete_run, tool_stop }, { 0 },
};
const FlowTable part_delete_table = { "part-delete", delete_steps, .for_good = TRUE };
static const TaskKind part_delete = { "delete", "bytes", &part_delete_table, .holds = TRUE };

const VolumeKinds disk_volumes = { .create = &part_create, .remove = &part_delete };
