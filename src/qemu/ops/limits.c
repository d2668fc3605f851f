/* How much of the host a domain may use, as typed parameters: processor time, memory, the speed of
 * disks and links. A row says where in the definition a parameter is, a kind how its rows are
 * reached. What of a running domain takes a control group is read from that, and refused where
 * there is none; limits of disks and of links change while it runs.
 */
#include <string.h>

#include "host/host.h"
#include "network/network.h"
#include "ops.h"

#define UNLIMITED_KIB 9007199254740991ULL /* what clients take for "no limit" */
#define QUOTA_MAX     17592186044415LL

typedef struct LimitRow {
    const char *name;
    ParamType type;
    gsize offset;    /* of 64 bits in the kind's struct; of a char * when it is a string */
    gint64 min, max; /* of what is above 0; max 0: any */
    guint group;     /* who is given takes the others of its group with it; 0: none */
} LimitRow;

#define AT(T, member) G_STRUCT_OFFSET(T, member)

static const LimitRow *
row_find(const LimitRow *rows, const char *name)
{
    for (; rows->name; rows++)
        if (strcmp(rows->name, name) == 0)
            return rows;
    return NULL;
}

static void
row_get(const LimitRow *row, gconstpointer at, Params *params)
{
    const guint8 *value = (const guint8 *)at + row->offset;
    const guint64 *number = (const guint64 *)value;
    const char *text;

    switch (row->type) {
    case PARAM_UINT:
        params_add_uint(params, (guint32)*number, "%s", row->name);
        break;
    case PARAM_LLONG:
        params_add_llong(params, (gint64)*number, "%s", row->name);
        break;
    case PARAM_ULLONG:
        params_add_ullong(params, *number, "%s", row->name);
        break;
    case PARAM_STRING:
        memcpy(&text, value, sizeof(text));
        params_add_string(params, text ? text : "", "%s", row->name);
        break;
    case PARAM_INT:
    case PARAM_DOUBLE:
    case PARAM_BOOLEAN:
        break; /* no row has one */
    }
}

static void
rows_get(const LimitRow *rows, gconstpointer at, Params *params)
{
    for (; rows->name; rows++)
        row_get(rows, at, params);
}

static gboolean
row_check(const LimitRow *row, const Param *p, GError **err)
{
    gint64 value = p->type == PARAM_UINT ? (gint64)p->u : p->l;

    if (p->type != row->type)
        return fail(err, ERR_INVALID_ARG, "parameter '%s' is of another type", p->name);
    if (row->type == PARAM_STRING || row->max == 0 || value == 0 ||
        (row->type == PARAM_LLONG && value < 0) || (value >= row->min && value <= row->max))
        return TRUE;
    return fail(err, ERR_INVALID_ARG,
                "value of '%s' is out of range [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]",
                p->name, row->min, row->max);
}

static void
row_set(const LimitRow *row, gpointer at, const Param *p)
{
    guint8 *member = (guint8 *)at + row->offset;

    if (row->type == PARAM_STRING) {
        g_free(*(char **)member);
        *(char **)member = p && p->s[0] ? g_strdup(p->s) : NULL;
    } else {
        *(guint64 *)member = !p ? 0 : p->type == PARAM_UINT ? p->u : p->ul;
    }
}

/* Nothing is changed unless every parameter is known and in its range. */
static gboolean
rows_set(const LimitRow *rows, gpointer at, const Params *params, GError **err)
{
    for (guint i = 0; i < params_count(params); i++) {
        const Param *p = params_get(params, i);
        const LimitRow *row = row_find(rows, p->name);

        if (!row)
            return fail(err, ERR_ARG_UNSUPPORTED, "parameter '%s' not supported", p->name);
        if (!row_check(row, p, err))
            return FALSE;
    }
    for (guint i = 0; i < params_count(params); i++) {
        guint group = row_find(rows, params_get(params, i)->name)->group;
        for (const LimitRow *row = rows; group && row->name; row++)
            if (row->group == group)
                row_set(row, at, params_find(params, row->name));
    }
    for (guint i = 0; i < params_count(params); i++)
        row_set(row_find(rows, params_get(params, i)->name), at, params_get(params, i));
    return TRUE;
}

/* ---- processor time */

#define PERIOD(name, member)                                                                       \
    {                                                                                              \
        name, PARAM_ULLONG, AT(CputuneDef, member), 1000, 1000000, 0                               \
    }
#define QUOTA(name, member)                                                                        \
    {                                                                                              \
        name, PARAM_LLONG, AT(CputuneDef, member), 1000, QUOTA_MAX, 0                              \
    }

static const LimitRow scheduler_rows[] = {
    { "cpu_shares", PARAM_ULLONG, AT(CputuneDef, shares), 0, 262144, 0 },
    PERIOD("vcpu_period", period),
    QUOTA("vcpu_quota", quota),
    PERIOD("emulator_period", emulator_period),
    QUOTA("emulator_quota", emulator_quota),
    PERIOD("global_period", global_period),
    QUOTA("global_quota", global_quota),
    PERIOD("iothread_period", iothread_period),
    QUOTA("iothread_quota", iothread_quota),
    { 0 },
};

#define DEFAULT_SHARES 1024

static gboolean
scheduler_get(const DomainDef *def, const char *device, Params *params, GError **err)
{
    CputuneDef tune = { 0 };

    if (def->cputune)
        tune = *def->cputune;
    if (!tune.has_shares)
        tune.shares = DEFAULT_SHARES;
    rows_get(scheduler_rows, &tune, params);
    return TRUE;
}

static gboolean
scheduler_set(DomainDef *def, const char *device, const Params *params, GError **err)
{
    if (!def->cputune)
        def->cputune = schema_new(&cputune_schema);
    if (!rows_set(scheduler_rows, def->cputune, params, err))
        return FALSE;
    def->cputune->has_shares = def->cputune->shares != 0;
    return TRUE;
}

/* ---- memory */

static const LimitRow memory_rows[] = {
    { "hard_limit", PARAM_ULLONG, AT(MemtuneDef, hard_limit), 0, 0, 0 },
    { "soft_limit", PARAM_ULLONG, AT(MemtuneDef, soft_limit), 0, 0, 0 },
    { "swap_hard_limit", PARAM_ULLONG, AT(MemtuneDef, swap_hard_limit), 0, 0, 0 },
    { 0 },
};

/* "No limit" is 0 here and the largest number that clients know there. */
static void
swap_unlimited(MemtuneDef *m, guint64 from, guint64 to)
{
    guint64 *const limits[] = { &m->hard_limit, &m->soft_limit, &m->swap_hard_limit };

    for (gsize i = 0; i < G_N_ELEMENTS(limits); i++)
        if (*limits[i] == from || (from > 0 && *limits[i] > from))
            *limits[i] = to;
}

static gboolean
memory_get(const DomainDef *def, const char *device, Params *params, GError **err)
{
    MemtuneDef m = { 0 };

    if (def->memtune)
        m = *def->memtune;
    swap_unlimited(&m, 0, UNLIMITED_KIB);
    rows_get(memory_rows, &m, params);
    return TRUE;
}

static gboolean
memory_set(DomainDef *def, const char *device, const Params *params, GError **err)
{
    MemtuneDef *m = def->memtune;

    if (!m)
        m = def->memtune = g_new0(MemtuneDef, 1);
    if (!rows_set(memory_rows, m, params, err))
        return FALSE;
    swap_unlimited(m, UNLIMITED_KIB, 0);
    return !m->swap_hard_limit || (m->hard_limit && m->hard_limit <= m->swap_hard_limit) ||
           fail(err, ERR_INVALID_ARG,
                "memory hard_limit tunable value must be lower than or equal to swap_hard_limit");
}

/* ---- where its memory lies */

static gboolean
numa_get(const DomainDef *def, const char *device, Params *params, GError **err)
{
    const NumatuneDef *n = def->numatune;
    g_autofree char *nodes = n && n->nodes ? bitmap_format(n->nodes) : NULL;

    /* The wire counts the modes from 0. */
    params_add_int(params, n && n->mode ? n->mode - 1 : 0, "numa_mode");
    params_add_string(params, nodes ? nodes : "", "numa_nodeset");
    return TRUE;
}

static gboolean
numa_set_mode(NumatuneDef *n, const Param *p, GError **err)
{
    if (p->type != PARAM_INT)
        return fail(err, ERR_INVALID_ARG, "parameter '%s' is of another type", p->name);
    if (p->i < 0 || p->i > NUMA_RESTRICTIVE - 1)
        return fail(err, ERR_INVALID_ARG, "unsupported numatune mode: '%d'", p->i);
    n->mode = p->i + 1;
    return TRUE;
}

static gboolean
numa_set_nodes(NumatuneDef *n, const Param *p, GError **err)
{
    g_autoptr(Bitmap) nodes = NULL;

    if (p->type != PARAM_STRING)
        return fail(err, ERR_INVALID_ARG, "parameter '%s' is of another type", p->name);
    if (!(nodes = bitmap_parse(p->s, NULL)) || bitmap_count(nodes) == 0)
        return fail(err, ERR_INVALID_ARG, "numa_nodeset '%s' names no nodes", p->s);
    bitmap_free(n->nodes);
    n->nodes = g_steal_pointer(&nodes);
    n->placement = PLACEMENT_STATIC;
    return TRUE;
}

static gboolean
numa_set(DomainDef *def, const char *device, const Params *params, GError **err)
{
    NumatuneDef *n = def->numatune;

    if (!n)
        n = def->numatune = schema_new(&numatune_schema);
    for (guint i = 0; i < params_count(params); i++) {
        const Param *p = params_get(params, i);
        gboolean mode = strcmp(p->name, "numa_mode") == 0;

        if (!mode && strcmp(p->name, "numa_nodeset") != 0)
            return fail(err, ERR_ARG_UNSUPPORTED, "parameter '%s' not supported", p->name);
        if (!(mode ? numa_set_mode : numa_set_nodes)(n, p, err))
            return FALSE;
    }
    if (!n->mode)
        n->mode = NUMA_STRICT;
    if (!n->nodes)
        return fail(err, ERR_INVALID_ARG, "a numa_mode needs a numa_nodeset");
    n->has_memory = TRUE;
    return TRUE;
}

/* ---- the speed of one link */

/* Both directions in one piece. */
typedef struct Rates {
    BandwidthRate in, out;
} Rates;

#define RATE(name, member)                                                                         \
    {                                                                                              \
        name, PARAM_UINT, AT(Rates, member), 0, 0, 0                                               \
    }

static const LimitRow interface_rows[] = {
    RATE("inbound.average", in.average),   RATE("inbound.peak", in.peak),
    RATE("inbound.burst", in.burst),       RATE("inbound.floor", in.floor),
    RATE("outbound.average", out.average), RATE("outbound.peak", out.peak),
    RATE("outbound.burst", out.burst),     { 0 },
};

static Rates
rates_of(const NetDef *net)
{
    const BandwidthDef *b = net->bandwidth;
    Rates rates = { 0 };

    if (b && b->inbound)
        rates.in = *b->inbound;
    if (b && b->outbound)
        rates.out = *b->outbound;
    return rates;
}

static void
rate_put(BandwidthRate **at, const BandwidthRate *rate)
{
    g_free(*at);
    *at = NULL;
    if (!rate->average && !rate->floor)
        return;
    *at = g_memdup2(rate, sizeof(*rate));
    (*at)->has_average = rate->average > 0;
    (*at)->has_floor = rate->floor > 0;
}

static gboolean
interface_get(const DomainDef *def, const char *device, Params *params, GError **err)
{
    const NetDef *net = net_find(def, device, err);
    Rates rates;

    if (!net)
        return FALSE;
    rates = rates_of(net);
    rows_get(interface_rows, &rates, params);
    return TRUE;
}

static gboolean
interface_set(DomainDef *def, const char *device, const Params *params, GError **err)
{
    NetDef *net = (NetDef *)net_find(def, device, err);
    Rates rates;

    if (!net)
        return FALSE;
    if (net->source.net_type == NET_USER)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "the speed of an interface of type 'user' has no limit that could be set");
    rates = rates_of(net);
    if (!rows_set(interface_rows, &rates, params, err))
        return FALSE;
    if (!net->bandwidth)
        net->bandwidth = schema_new(&bandwidth_schema);
    rate_put(&net->bandwidth->inbound, &rates.in);
    rate_put(&net->bandwidth->outbound, &rates.out);
    if (!net->bandwidth->inbound && !net->bandwidth->outbound) {
        schema_free(&bandwidth_schema, net->bandwidth);
        net->bandwidth = NULL;
    }
    return TRUE;
}

/* ---- the speed of one disk */

#define TUNE(member, group)                                                                        \
    {                                                                                              \
#member, PARAM_ULLONG, AT(IotuneDef, member), 0, G_MAXINT64, group                         \
    }
enum { GROUP_BYTES = 1, GROUP_IOPS, GROUP_BYTES_MAX, GROUP_IOPS_MAX };

static const LimitRow block_rows[] = {
    TUNE(total_bytes_sec, GROUP_BYTES),
    TUNE(read_bytes_sec, GROUP_BYTES),
    TUNE(write_bytes_sec, GROUP_BYTES),
    TUNE(total_iops_sec, GROUP_IOPS),
    TUNE(read_iops_sec, GROUP_IOPS),
    TUNE(write_iops_sec, GROUP_IOPS),
    TUNE(total_bytes_sec_max, GROUP_BYTES_MAX),
    TUNE(read_bytes_sec_max, GROUP_BYTES_MAX),
    TUNE(write_bytes_sec_max, GROUP_BYTES_MAX),
    TUNE(total_iops_sec_max, GROUP_IOPS_MAX),
    TUNE(read_iops_sec_max, GROUP_IOPS_MAX),
    TUNE(write_iops_sec_max, GROUP_IOPS_MAX),
    TUNE(size_iops_sec, 0),
    { "group_name", PARAM_STRING, AT(IotuneDef, group_name), 0, 0, 0 },
    TUNE(total_bytes_sec_max_length, 0),
    TUNE(read_bytes_sec_max_length, 0),
    TUNE(write_bytes_sec_max_length, 0),
    TUNE(total_iops_sec_max_length, 0),
    TUNE(read_iops_sec_max_length, 0),
    TUNE(write_iops_sec_max_length, 0),
    { 0 },
};

static gboolean
block_get(const DomainDef *def, const char *device, Params *params, GError **err)
{
    static const IotuneDef none;
    const DiskDef *disk = NULL;

    /* Clients count the parameters without a disk in mind. */
    if (device && device[0] && !(disk = disk_find(def, device, err)))
        return FALSE;
    rows_get(block_rows, disk && disk->iotune ? disk->iotune : &none, params);
    return TRUE;
}

static gboolean
block_set(DomainDef *def, const char *device, const Params *params, GError **err)
{
    DiskDef *disk = (DiskDef *)disk_find(def, device, err);

    if (!disk)
        return FALSE;
    if (!disk->iotune)
        disk->iotune = schema_new(&iotune_schema);
    return rows_set(block_rows, disk->iotune, params, err);
}

/* ---- the disks' share of the host's disks: "/dev/sda,500,/dev/sdb,300" */

static const struct {
    const char *name;
    gsize offset; /* in BlkioDevice */
    gboolean wide;
} blkio_rows[] = {
    { "device_weight", AT(BlkioDevice, weight), FALSE },
    { "device_read_iops_sec", AT(BlkioDevice, read_iops), FALSE },
    { "device_write_iops_sec", AT(BlkioDevice, write_iops), FALSE },
    { "device_read_bytes_sec", AT(BlkioDevice, read_bytes), TRUE },
    { "device_write_bytes_sec", AT(BlkioDevice, write_bytes), TRUE },
};

static guint64
blkio_number(const BlkioDevice *d, guint row)
{
    const guint8 *at = (const guint8 *)d + blkio_rows[row].offset;

    return blkio_rows[row].wide ? *(const guint64 *)at : *(const guint32 *)at;
}

static gboolean
blkio_get(const DomainDef *def, const char *device, Params *params, GError **err)
{
    const BlkiotuneDef *b = def->blkiotune;
    GPtrArray *devices = b ? b->devices : NULL;

    params_add_uint(params, b ? b->weight : 0, "weight");
    for (guint row = 0; row < G_N_ELEMENTS(blkio_rows); row++) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; devices && i < devices->len; i++) {
            const BlkioDevice *d = devices->pdata[i];
            if (blkio_number(d, row))
                g_string_append_printf(text, "%s%s,%" G_GUINT64_FORMAT, text->len ? "," : "",
                                       d->path, blkio_number(d, row));
        }
        params_add_string(params, text->str, "%s", blkio_rows[row].name);
    }
    return TRUE;
}

static BlkioDevice *
blkio_device(BlkiotuneDef *b, const char *path)
{
    BlkioDevice *d;

    if (!b->devices)
        b->devices = g_ptr_array_new();
    for (guint i = 0; i < b->devices->len; i++) {
        d = b->devices->pdata[i];
        if (g_strcmp0(d->path, path) == 0)
            return d;
    }
    d = g_new0(BlkioDevice, 1);
    d->path = g_strdup(path);
    g_ptr_array_add(b->devices, d);
    return d;
}

/* Devices that are not named keep their values; 0 removes a limit. */
static gboolean
blkio_set_devices(BlkiotuneDef *b, guint row, const char *text, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    guint n = g_strv_length(words);

    for (guint i = 0; i < n; i += 2) {
        guint64 number, most = blkio_rows[row].wide ? G_MAXUINT64 : G_MAXUINT32;
        guint8 *at;

        if (i + 1 == n || words[i][0] != '/' ||
            !g_ascii_string_to_unsigned(words[i + 1], 10, 0, most, &number, NULL))
            return fail(err, ERR_INVALID_ARG, "unable to parse blkio device '%s' '%s'",
                        blkio_rows[row].name, text);
        at = (guint8 *)blkio_device(b, words[i]) + blkio_rows[row].offset;
        if (blkio_rows[row].wide)
            *(guint64 *)at = number;
        else
            *(guint32 *)at = (guint32)number;
    }
    return TRUE;
}

static gboolean
blkio_set_one(BlkiotuneDef *b, const Param *p, GError **err)
{
    if (strcmp(p->name, "weight") == 0 && p->type == PARAM_UINT) {
        b->weight = p->u;
        return TRUE;
    }
    for (guint row = 0; row < G_N_ELEMENTS(blkio_rows); row++)
        if (strcmp(p->name, blkio_rows[row].name) == 0 && p->type == PARAM_STRING)
            return blkio_set_devices(b, row, p->s, err);
    return fail(err, ERR_ARG_UNSUPPORTED, "parameter '%s' of this type not supported", p->name);
}

static gboolean
blkio_set(DomainDef *def, const char *device, const Params *params, GError **err)
{
    if (!def->blkiotune)
        def->blkiotune = g_new0(BlkiotuneDef, 1);
    for (guint i = 0; i < params_count(params); i++)
        if (!blkio_set_one(def->blkiotune, params_get(params, i), err))
            return FALSE;
    return TRUE;
}

/* ---- the kinds */

static const struct {
    gboolean (*get)(const DomainDef *def, const char *device, Params *params, GError **err);
    gboolean (*set)(DomainDef *def, const char *device, const Params *params, GError **err);
    const char *needs; /* of a running one, from its control group; NULL: nothing */
    const char *group; /* where its limits begin, in a definition; NULL: no group holds them */
} kinds[] = {
    [VM_LIMITS_SCHEDULER] = { scheduler_get, scheduler_set, "cpu", "cputune/" },
    [VM_LIMITS_BLKIO] = { blkio_get, blkio_set, "io", "blkiotune/" },
    [VM_LIMITS_MEMORY] = { memory_get, memory_set, "memory", "memtune/" },
    [VM_LIMITS_NUMA] = { numa_get, numa_set, "cpuset", "numatune/" },
    [VM_LIMITS_INTERFACE] = { interface_get, interface_set, NULL, NULL },
    [VM_LIMITS_BLOCK] = { block_get, block_set, NULL, NULL },
};

/* Whether the guest's group can hold it to limits of that kind. */
static gboolean
has_controller(const Vm *vm, VmLimits kind, GError **err)
{
    const char *group = vm->run->group, *needs = kinds[kind].needs;

    if (!needs || (group && cgroup_has(group, needs)))
        return TRUE;
    return fail(err, ERR_OPERATION_INVALID,
                "domain '%s' runs without a %s%s%s; its persistent definition can be asked for and "
                "changed (--config)",
                vm->obj.name, group ? "controller '" : "control group (cgroup)", group ? needs : "",
                group ? "' in its control group (cgroup)" : "");
}

/* Where its memory lies is known without a group, too. */
static gboolean
get_live(Vm *vm, VmLimits kind, const char *device, Params *params, GError **err)
{
    g_autoptr(DomainDef) now = NULL;

    if (!kinds[kind].group || (kind == VM_LIMITS_NUMA && !vm->run->group))
        return kinds[kind].get(vm->run->live, device, params, err);
    if (kind != VM_LIMITS_NUMA && !has_controller(vm, kind, err))
        return FALSE;
    now = domain_copy(vm->run->live);
    group_in_force(vm->run, now);
    return kinds[kind].get(now, device, params, err);
}

gboolean
vm_limits(Vm *vm, VmLimits kind, const char *device, guint impact, Params *params, GError **err)
{
    const DomainDef *def;

    if (impact == (IMPACT_LIVE | IMPACT_CONFIG))
        return fail(
            err, ERR_INVALID_ARG,
            "name one definition, live or config: the limits of both cannot be read at once");
    if (!vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (impact & IMPACT_LIVE)
        return get_live(vm, kind, device, params, err);
    def = define_get(vm, err);
    return def && kinds[kind].get(def, device, params, err);
}

/* ---- changing them */

typedef struct LimitChange {
    VmLimits kind;
    char *device;
    Params params;
} LimitChange;

static void
change_free(gpointer data)
{
    LimitChange *c = data;

    params_done(&c->params);
    g_free(c->device);
    g_free(c);
}

/* QEMU itself binds memory, but for the mode that leaves it to the group. */
static gboolean
may_limit(const Edit *e, GError **err)
{
    VmLimits kind = ((LimitChange *)e->data)->kind;
    const NumatuneDef *n = e->vm->run ? e->vm->run->live->numatune : NULL;

    if (!(e->impact & IMPACT_LIVE))
        return TRUE;
    if (kind == VM_LIMITS_NUMA && !(n && n->mode == NUMA_RESTRICTIVE))
        return fail(err, ERR_OPERATION_INVALID,
                    "domain '%s': a cgroup moves memory of a guest only where its definition says "
                    "numatune mode 'restrictive'; --config changes the persistent one",
                    e->vm->obj.name);
    return has_controller(e->vm, kind, err);
}

static gboolean
put_limits(DomainDef *def, const Edit *e, GError **err)
{
    const LimitChange *c = e->data;

    return kinds[c->kind].set(def, c->device, &c->params, err);
}

static char *
limited_device(const Edit *e)
{
    return g_strdup(((LimitChange *)e->data)->device);
}

/* Only a disk's get as far as QEMU. */
static gboolean
tell_disk_limits(EditTell *t, GError **err)
{
    const DiskDef *disk = disk_find(t->def, t->thing, err);

    if (!disk)
        return FALSE;
    edit_call(t, "block_set_io_throttle", tell_limits(disk));
    return TRUE;
}

/* The kernel is told at once. */
static gboolean
tell_link_limits(EditTell *t, GError **err)
{
    const NetDef *net = net_find(t->def, t->thing, err);
    const BandwidthDef *b = net ? net->bandwidth : NULL;

    if (!net)
        return FALSE;
    if (!link_is_tap(net))
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "the speed of interface '%s' cannot be limited: only interfaces with a tap have limits",
            net->info.alias);
    if (b && b->inbound && b->inbound->floor && !t->back)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'floor' of interface '%s': vmd does not divide a network's speed between its "
                    "interfaces yet",
                    net->info.alias);
    return link_limit(net->ifname, b, err);
}

static void
tell_tuned(const Edit *e)
{
    const LimitChange *c = e->data;
    const DiskDef *disk = NULL;
    Event event = vm_event(e->vm, DOMAIN_EVENT_TUNABLE);
    Params params;

    if (e->impact & IMPACT_LIVE && e->vm->run)
        disk = disk_find(e->vm->run->live, c->device, NULL);
    if (!disk)
        return;
    params_init(&params);
    params_add_string(&params, disk->target, "blkdeviotune.disk");
    for (const LimitRow *row = block_rows; disk->iotune && row->name; row++) {
        guint64 *number = (guint64 *)((guint8 *)disk->iotune + row->offset);
        if (row->type == PARAM_ULLONG && *number)
            params_add_ullong(&params, *number, "blkdeviotune.%s", row->name);
    }
    event.params = &params;
    event_emit(&event);
    params_done(&params);
}

static char *
limited_kind(const Edit *e)
{
    return g_strdup(kinds[((LimitChange *)e->data)->kind].group);
}

static const EditKind limit_kind = { .what = "set limits",
                                     .flags = EDIT_ARGUMENTS,
                                     .check = may_limit,
                                     .change = put_limits,
                                     .tell = group_change,
                                     .thing = limited_kind };
static const EditKind limit_disk_kind = { .what = "limit a disk",
                                          .flags = EDIT_ARGUMENTS,
                                          .check = may_limit,
                                          .change = put_limits,
                                          .tell = tell_disk_limits,
                                          .thing = limited_device,
                                          .done = tell_tuned };

static const EditKind limit_link_kind = { .what = "limit an interface",
                                          .flags = EDIT_ARGUMENTS,
                                          .change = put_limits,
                                          .tell = tell_link_limits,
                                          .thing = limited_device };

void
limits_register(void)
{
    edit_register(&limit_kind);
    edit_register(&limit_link_kind);
    edit_register(&limit_disk_kind);
}

void
vm_set_limits(Vm *vm, VmLimits kind, const char *device, Params *params, guint impact, Asker who,
              VmDone done, gpointer user)
{
    const EditKind *edit = kind == VM_LIMITS_BLOCK       ? &limit_disk_kind
                           : kind == VM_LIMITS_INTERFACE ? &limit_link_kind
                                                         : &limit_kind;
    LimitChange *c = g_new(LimitChange, 1);

    *c = (LimitChange){ kind, g_strdup(device), *params };
    *params = (Params){ 0 };
    edit_run(edit_new(vm, edit, impact, c, change_free), who, done, user);
}
