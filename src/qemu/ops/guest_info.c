/* Information about a guest from its agent, as typed parameters: users, system, disks and so on;
 * and the processors that it uses. */
#include <string.h>

#include "ops.h"

/* ---- one thing after the other */

enum { USERS_MAX = 256, DISKS_MAX = 256, INTERFACES_MAX = 256, PARAMS_MAX = 2048 };

/* A row for each bit of virDomainGuestInfoTypes. */
typedef struct InfoRow {
    GuestKind kind;
    gboolean (*read)(GuestTalk *t, json_object *ret, GError **err);
} InfoRow;

typedef struct InfoState {
    guint types; /* that are still to be asked for */
    gboolean all;
    const InfoRow *row;
} InfoState;

static void
add_text(Params *p, json_object *o, const char *path, const char *name)
{
    params_add_string(p, json_str(o, path), "%s", name);
}

static gboolean
read_users(GuestTalk *t, json_object *ret, GError **err)
{
    Params *p = &t->answer.params;

    if (!guest_array(ret, "users", USERS_MAX, err))
        return FALSE;
    params_add_uint(p, (guint)json_object_array_length(ret), "user.count");
    for (guint i = 0; i < json_object_array_length(ret); i++) {
        json_object *user = json_object_array_get_idx(ret, i);
        const char *name;
        gdouble seconds = json_object_get_double(json_at(user, "login-time"));

        if (!guest_text(user, "user", &name, err))
            return FALSE;
        params_add_string(p, name, "user.%u.name", i);
        params_add_string(p, json_str(user, "domain"), "user.%u.domain", i);
        params_add_ullong(p, seconds > 0 && seconds < 1e12 ? (guint64)(seconds * 1000) : 0,
                          "user.%u.login-time", i);
    }
    return TRUE;
}

static gboolean
read_system(GuestTalk *t, json_object *ret, GError **err)
{
    static const char *const names[] = {
        "id",      "name",    "pretty-name", "version",        "version-id",
        "machine", "variant", "variant-id",  "kernel-release", "kernel-version"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_strconcat("os.", names[i], NULL);
        add_text(&t->answer.params, ret, names[i], name);
    }
    return TRUE;
}

static gboolean
read_timezone(GuestTalk *t, json_object *ret, GError **err)
{
    add_text(&t->answer.params, ret, "zone", "timezone.name");
    params_add_int(&t->answer.params,
                   (gint32)CLAMP(json_int(ret, "offset", 0), G_MININT32, G_MAXINT32),
                   "timezone.offset");
    return TRUE;
}

static gboolean
read_name(GuestTalk *t, json_object *ret, GError **err)
{
    add_text(&t->answer.params, ret, "host-name", "hostname");
    return TRUE;
}

static void
add_fs_disk(Params *p, const DomainDef *live, json_object *row, guint fs, guint n)
{
    const DiskDef *disk = guest_disk(live, row);

    params_add_string(p, disk ? disk->target : NULL, "fs.%u.disk.%u.alias", fs, n);
    params_add_string(p, json_str(row, "serial"), "fs.%u.disk.%u.serial", fs, n);
    params_add_string(p, json_str(row, "dev"), "fs.%u.disk.%u.device", fs, n);
}

static void
add_bytes(Params *p, json_object *fs, const char *name, guint i)
{
    if (json_object_is_type(json_at(fs, name), json_type_int))
        params_add_ullong(p, (guint64)MAX(json_int(fs, name, 0), 0), "fs.%u.%s", i, name);
}

static gboolean
read_file_systems(GuestTalk *t, json_object *ret, GError **err)
{
    Params *p = &t->answer.params;

    if (!guest_array(ret, "file systems", DISKS_MAX, err) || !vm_need_running(t->vm, err))
        return FALSE;
    params_add_uint(p, (guint)json_object_array_length(ret), "fs.count");
    for (guint i = 0; i < json_object_array_length(ret); i++) {
        json_object *fs = json_object_array_get_idx(ret, i), *disks = json_at(fs, "disk");

        if (disks && !guest_array(disks, "disks", DISKS_MAX, err))
            return FALSE;
        params_add_string(p, json_str(fs, "name"), "fs.%u.name", i);
        params_add_string(p, json_str(fs, "mountpoint"), "fs.%u.mountpoint", i);
        params_add_string(p, json_str(fs, "type"), "fs.%u.fstype", i);
        add_bytes(p, fs, "total-bytes", i);
        add_bytes(p, fs, "used-bytes", i);
        params_add_uint(p, (guint)json_length(disks), "fs.%u.disk.count", i);
        for (guint j = 0; j < json_length(disks); j++)
            add_fs_disk(p, t->vm->run->live, json_object_array_get_idx(disks, j), i, j);
    }
    return TRUE;
}

static gboolean
add_disk(GuestTalk *t, json_object *row, guint i, GError **err)
{
    Params *p = &t->answer.params;
    json_object *below = json_at(row, "dependencies"), *address = json_at(row, "address");
    const DiskDef *disk = address ? guest_disk(t->vm->run->live, address) : NULL;

    if (below && !guest_array(below, "disks below", DISKS_MAX, err))
        return FALSE;
    params_add_string(p, json_str(row, "name"), "disk.%u.name", i);
    params_add_boolean(p, json_flag(row, "partition"), "disk.%u.partition", i);
    if (json_length(below) > 0)
        params_add_uint(p, (guint)json_length(below), "disk.%u.dependency.count", i);
    for (guint j = 0; j < json_length(below); j++) {
        json_object *name = json_object_array_get_idx(below, j);
        if (json_object_is_type(name, json_type_string))
            params_add_string(p, json_object_get_string(name), "disk.%u.dependency.%u.name", i, j);
    }
    params_add_string(p, json_str(address, "serial"), "disk.%u.serial", i);
    params_add_string(p, disk ? disk->target : NULL, "disk.%u.alias", i);
    params_add_string(p, json_str(row, "alias"), "disk.%u.guest_alias", i);
    params_add_string(p, json_str(address, "bus-type"), "disk.%u.guest_bus", i);
    return TRUE;
}

static gboolean
read_disks(GuestTalk *t, json_object *ret, GError **err)
{
    if (!guest_array(ret, "disks", DISKS_MAX, err) || !vm_need_running(t->vm, err))
        return FALSE;
    params_add_uint(&t->answer.params, (guint)json_object_array_length(ret), "disk.count");
    for (guint i = 0; i < json_object_array_length(ret); i++)
        if (!add_disk(t, json_object_array_get_idx(ret, i), i, err))
            return FALSE;
    return TRUE;
}

static gboolean
read_interfaces(GuestTalk *t, json_object *ret, GError **err)
{
    Params *p = &t->answer.params;

    if (!guest_array(ret, "interfaces", INTERFACES_MAX, err))
        return FALSE;
    params_add_uint(p, (guint)json_object_array_length(ret), "if.count");
    for (guint i = 0; i < json_object_array_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i), *all = json_at(row, "ip-addresses");

        if (all && !guest_array(all, "addresses", INTERFACES_MAX, err))
            return FALSE;
        params_add_string(p, json_str(row, "name"), "if.%u.name", i);
        params_add_string(p, json_str(row, "hardware-address"), "if.%u.hwaddr", i);
        params_add_uint(p, (guint)json_length(all), "if.%u.addr.count", i);
        for (guint j = 0; j < json_length(all); j++) {
            json_object *a = json_object_array_get_idx(all, j);

            params_add_string(p, json_str(a, "ip-address-type"), "if.%u.addr.%u.type", i, j);
            params_add_string(p, json_str(a, "ip-address"), "if.%u.addr.%u.addr", i, j);
            params_add_uint(p, (guint)CLAMP(json_int(a, "prefix", 0), 0, 128),
                            "if.%u.addr.%u.prefix", i, j);
        }
    }
    return TRUE;
}

static gboolean
read_load(GuestTalk *t, json_object *ret, GError **err)
{
    static const char *const names[][2] = { { "load1m", "load.1m" },
                                            { "load5m", "load.5m" },
                                            { "load15m", "load.15m" } };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        params_add_double(&t->answer.params, json_object_get_double(json_at(ret, names[i][0])),
                          "%s", names[i][1]);
    return TRUE;
}

static StepResult read_info(GuestTalk *t, json_object *ret, GError **err);
static StepResult cannot_info(GuestTalk *t, GError **err);

#define INFO(command, seconds)                                                                     \
    {                                                                                              \
        command, seconds, 0, read_info, cannot_info                                                \
    }

static const InfoRow info_rows[] = {
    { INFO("guest-get-users", 10), read_users },
    { INFO("guest-get-osinfo", 10), read_system },
    { INFO("guest-get-timezone", 10), read_timezone },
    { INFO("guest-get-host-name", 10), read_name },
    { INFO("guest-get-fsinfo", 60), read_file_systems },
    { INFO("guest-get-disks", 60), read_disks },
    { INFO("guest-network-get-interfaces", 10), read_interfaces },
    { INFO("guest-get-load", 10), read_load },
};

static StepResult
next_info(GuestTalk *t)
{
    InfoState *s = t->data;

    for (guint i = 0; i < G_N_ELEMENTS(info_rows); i++) {
        if (!(s->types & (1u << i)))
            continue;
        s->types &= ~(1u << i);
        s->row = &info_rows[i];
        guest_ask(t, &s->row->kind, NULL);
        return STEP_WAIT;
    }
    return STEP_DONE;
}

static StepResult
read_info(GuestTalk *t, json_object *ret, GError **err)
{
    const InfoState *s = t->data;

    if (!s->row->read(t, ret, err))
        return STEP_FAILED;
    if (params_count(&t->answer.params) > PARAMS_MAX)
        return step_of(fail(err, ERR_INTERNAL,
                            "the guest agent tells more than %d parameters: ask for less at once",
                            PARAMS_MAX));
    return next_info(t);
}

/* A client that asks for everything gets what the agent knows. */
static StepResult
cannot_info(GuestTalk *t, GError **err)
{
    const InfoState *s = t->data;

    if (s->all)
        return next_info(t);
    return step_of(
        fail(err, ERR_AGENT_FAILED,
             "unable to execute QEMU agent command '%s': the agent in the guest does not "
             "know it, or may not",
             s->row->kind.command));
}

void
vm_guest_info(Vm *vm, guint types, VmGuestDone done, gpointer user)
{
    GuestTalk *t = guest_talk(vm, done, user);
    InfoState *s = g_new0(InfoState, 1);
    GError *err = NULL;

    t->data = s;
    t->free_data = g_free;
    *s = (InfoState){ .types = types ? types : VM_GUEST_INFO_ALL, .all = types == 0 };
    if (types & ~(guint)VM_GUEST_INFO_ALL) {
        fail(&err, ERR_INVALID_ARG, "unsupported guest information types '0x%x'",
             types & ~(guint)VM_GUEST_INFO_ALL);
        guest_refuse(t, err);
        return;
    }
    next_info(t);
}

/* ---- processors */

enum { VCPUS_MAX = 4096 };

/* What is wanted of them, and what the agent said. */
typedef struct Vcpus {
    gboolean maximum;
    Bitmap *wanted; /* that change; NULL: as many as count */
    gboolean on;
    guint count;
    guint asked; /* of the agent, to change */
    Bitmap *all, *online, *offlinable;
} Vcpus;

static void
vcpus_free(gpointer data)
{
    Vcpus *v = data;

    bitmap_free(v->wanted);
    bitmap_free(v->all);
    bitmap_free(v->online);
    bitmap_free(v->offlinable);
    g_free(v);
}

static gboolean
learn_vcpus(Vcpus *v, json_object *ret, GError **err)
{
    v->all = bitmap_new();
    v->online = bitmap_new();
    v->offlinable = bitmap_new();
    if (!guest_array(ret, "processors", VCPUS_MAX, err))
        return FALSE;
    for (gsize i = 0; i < json_object_array_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        gint64 id = json_int(row, "logical-id", -1);

        if (id < 0 || id >= VCPUS_MAX)
            return fail(err, ERR_INTERNAL,
                        "the guest agent tells of a processor without a number "
                        "that could be one");
        bitmap_set(v->all, (guint)id);
        if (json_flag(row, "online"))
            bitmap_set(v->online, (guint)id);
        if (json_flag(row, "can-offline"))
            bitmap_set(v->offlinable, (guint)id);
    }
    return TRUE;
}

static void
add_bitmap(Params *p, const Bitmap *b, const char *name)
{
    g_autofree char *text = bitmap_format(b);

    params_add_string(p, text, "%s", name);
}

static StepResult
read_vcpus(GuestTalk *t, json_object *ret, GError **err)
{
    Vcpus *v = t->data;

    if (!learn_vcpus(v, ret, err))
        return STEP_FAILED;
    add_bitmap(&t->answer.params, v->all, "vcpus");
    add_bitmap(&t->answer.params, v->online, "online");
    add_bitmap(&t->answer.params, v->offlinable, "offlinable");
    t->answer.number = bitmap_count(v->maximum ? v->all : v->online);
    return STEP_DONE;
}

static GuestTalk *
vcpus_talk(Vm *vm, const Vcpus *how, VmGuestDone done, gpointer user)
{
    GuestTalk *t = guest_talk(vm, done, user);

    t->data = g_memdup2(how, sizeof *how);
    t->free_data = vcpus_free;
    return t;
}

static const GuestKind look_kind = { "guest-get-vcpus", 10, 0, read_vcpus };

void
vm_guest_vcpus(Vm *vm, VmGuestDone done, gpointer user)
{
    guest_ask(vcpus_talk(vm, &(Vcpus){ 0 }, done, user), &look_kind, NULL);
}

void
vm_guest_count_vcpus(Vm *vm, gboolean maximum, VmGuestDone done, gpointer user)
{
    guest_ask(vcpus_talk(vm, &(Vcpus){ .maximum = maximum }, done, user), &look_kind, NULL);
}

/* An agent stops at the first that it cannot change. */
static StepResult
after_change(GuestTalk *t, json_object *ret, GError **err)
{
    const Vcpus *v = t->data;
    gint64 n = json_object_is_type(ret, json_type_int) ? json_object_get_int64(ret) : -1;

    return step_of(n == v->asked ||
                   fail(err, ERR_INTERNAL,
                        "the guest agent changed %" G_GINT64_FORMAT " of %u processors", MAX(n, 0),
                        v->asked));
}

static StepResult
change_vcpus(GuestTalk *t, const Bitmap *which, gboolean on, GError **err)
{
    static const GuestKind kind = { "guest-set-vcpus", 60, 0, after_change };
    Vcpus *v = t->data;
    json_object *list;

    v->asked = bitmap_count(which);
    if (v->asked == 0)
        return STEP_DONE;
    list = json_object_new_array();
    for (int id = bitmap_next(which, -1); id >= 0; id = bitmap_next(which, id))
        json_object_array_add(list,
                              json_make("logical-id", 'i', (gint64)id, "online", 'b', on, NULL));
    guest_ask(t, &kind, json_make("vcpus", 'o', list, NULL));
    return STEP_WAIT;
}

static StepResult
change_wanted(GuestTalk *t, json_object *ret, GError **err)
{
    Vcpus *v = t->data;

    if (!learn_vcpus(v, ret, err))
        return STEP_FAILED;
    if (!bitmap_contains(v->all, v->wanted))
        return step_of(fail(err, ERR_INVALID_ARG, "requested vcpus are not there in the guest"));
    for (int id = bitmap_next(v->wanted, -1); !v->on && id >= 0; id = bitmap_next(v->wanted, id))
        if (!bitmap_test(v->offlinable, (guint)id))
            return step_of(fail(err, ERR_INVALID_ARG, "vCPU '%d' is not offlinable", id));
    return change_vcpus(t, v->wanted, v->on, err);
}

void
vm_guest_set_vcpus(Vm *vm, const Bitmap *vcpus, gboolean on, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-get-vcpus", 10, 0, change_wanted };

    guest_ask(vcpus_talk(vm, &(Vcpus){ .wanted = bitmap_copy(vcpus), .on = on }, done, user), &kind,
              NULL);
}

/* The lowest ones come first, the highest ones go first. */
static StepResult
change_count(GuestTalk *t, json_object *ret, GError **err)
{
    Vcpus *v = t->data;
    g_autoptr(Bitmap) which = bitmap_new();
    guint now;

    if (!learn_vcpus(v, ret, err))
        return STEP_FAILED;
    now = bitmap_count(v->online);
    for (int id = 0; id <= bitmap_last(v->all) && now < v->count; id++)
        if (bitmap_test(v->all, (guint)id) && !bitmap_test(v->online, (guint)id)) {
            bitmap_set(which, (guint)id);
            now++;
        }
    for (int id = bitmap_last(v->all); id >= 0 && now > v->count; id--)
        if (bitmap_test(v->online, (guint)id) && bitmap_test(v->offlinable, (guint)id)) {
            bitmap_set(which, (guint)id);
            now--;
        }
    if (now < v->count)
        return step_of(fail(err, ERR_INVALID_ARG, "the guest has %u processors, not %u",
                            bitmap_count(v->all), v->count));
    if (now > v->count)
        return step_of(fail(err, ERR_INVALID_ARG,
                            "the guest can do without some of its processors, and needs %u", now));
    return change_vcpus(t, which, bitmap_count(v->online) < v->count, err);
}

void
vm_guest_use_vcpus(Vm *vm, guint count, VmGuestDone done, gpointer user)
{
    static const GuestKind kind = { "guest-get-vcpus", 10, 0, change_count };

    guest_ask(vcpus_talk(vm, &(Vcpus){ .count = count }, done, user), &kind, NULL);
}
