/* Counters. What the host counts is read from /proc and the links; what QEMU counts is asked in a
 * bounded query and kept, so that a QEMU that does not answer costs nobody more than a blink, once.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "ops.h"

#define ANSWER_MS 5

typedef struct BlockCounters {
    VmBlockStats stats;
    VmBlockInfo info;
    GArray *below; /* of VmBlockInfo: the images that it stands on, nearest first */
    gboolean has_info;
    int error; /* virDomainDiskErrorCode; 0: none */
} BlockCounters;

typedef struct Counters {
    GHashTable *blocks; /* alias of the disk -> BlockCounters */
    json_object *guest; /* balloon's guest-stats, or NULL */
    guint pending;      /* answers of the last refresh that have not come */
} Counters;

static void
block_free(gpointer block)
{
    g_array_unref(((BlockCounters *)block)->below);
    g_free(block);
}

static void
counters_free(gpointer counters)
{
    Counters *c = counters;

    g_hash_table_unref(c->blocks);
    json_object_put(c->guest);
    g_free(c);
}

/* NULL while nothing was asked. */
static Counters *
counters_find(const Run *run)
{
    return run->counters.data;
}

static Counters *
counters_get(Run *run)
{
    Counters *c = counters_find(run);

    if (c)
        return c;
    c = g_new0(Counters, 1);
    c->blocks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, block_free);
    run->counters = (RunPart){ c, counters_free };
    return c;
}

/* ---- QEMU's answers */

/* "virtio-disk0" of "/machine/peripheral/virtio-disk0/virtio-backend", or as it stands. */
static char *
alias_of(json_object *row)
{
    static const char *const prefix = "/machine/peripheral/";
    const char *name = json_str(row, "qdev");

    if (!name || !name[0])
        return NULL;
    if (g_str_has_prefix(name, prefix))
        name += strlen(prefix);
    return g_strndup(name, strcspn(name, "/"));
}

static BlockCounters *
block_of(Run *run, json_object *row)
{
    Counters *c = counters_get(run);
    g_autofree char *alias = alias_of(row);
    BlockCounters *b = alias ? g_hash_table_lookup(c->blocks, alias) : NULL;

    if (!b && alias) {
        b = g_new0(BlockCounters, 1);
        b->below = g_array_new(FALSE, TRUE, sizeof(VmBlockInfo));
        g_hash_table_insert(c->blocks, g_steal_pointer(&alias), b);
    }
    return b;
}

/* The image that many below a disk's own, which may be seen for the first time. */
static VmBlockInfo *
image_below(BlockCounters *b, guint depth)
{
    if (b->below->len <= depth)
        g_array_set_size(b->below, depth + 1);
    return &g_array_index(b->below, VmBlockInfo, depth);
}

static void
take_block_stats(Run *run, json_object *ret)
{
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i), *s = json_at(row, "stats");
        BlockCounters *b = block_of(run, row);

        if (!b || !s)
            continue;
        b->stats = (VmBlockStats){
            .rd_req = json_int(s, "rd_operations", 0),
            .rd_bytes = json_int(s, "rd_bytes", 0),
            .rd_ns = json_int(s, "rd_total_time_ns", 0),
            .wr_req = json_int(s, "wr_operations", 0),
            .wr_bytes = json_int(s, "wr_bytes", 0),
            .wr_ns = json_int(s, "wr_total_time_ns", 0),
            .flush_req = json_int(s, "flush_operations", 0),
            .flush_ns = json_int(s, "flush_total_time_ns", 0),
        };
        b->info.allocation = (guint64)json_int(s, "wr_highest_offset", 0);
        for (guint depth = 0; (row = json_at(row, "backing")); depth++)
            image_below(b, depth)->allocation = (guint64)json_int(json_at(row, "stats"),
                                                                  "wr_highest_offset", 0);
    }
}

static int
error_of(json_object *row)
{
    enum { NONE, UNSPECIFIED, NO_SPACE };
    const char *status = json_str(row, "io-status");

    if (!status || strcmp(status, "ok") == 0)
        return NONE;
    return strcmp(status, "nospace") == 0 ? NO_SPACE : UNSPECIFIED;
}

static void
take_sizes(VmBlockInfo *info, json_object *image)
{
    info->capacity = (guint64)json_int(image, "virtual-size", 0);
    info->physical = (guint64)json_int(image, "actual-size", 0);
}

static void
take_block_info(Run *run, json_object *ret)
{
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        json_object *image = json_at(row, "inserted.image");
        BlockCounters *b = block_of(run, row);

        if (b)
            b->error = error_of(row);
        if (!b || !image)
            continue;
        take_sizes(&b->info, image);
        b->has_info = TRUE;
        guint depth = 0;
        for (; (image = json_at(image, "backing-image")); depth++)
            take_sizes(image_below(b, depth), image);
        g_array_set_size(b->below, depth);
    }
}

static void
take_guest_stats(Run *run, json_object *ret)
{
    Counters *c = counters_get(run);

    json_object_put(c->guest);
    c->guest = json_object_get(ret);
}

/* ---- the bounded query */

typedef struct StatsRefresh {
    guint refs; /* the timer, the caller, and every call without an answer */
    guint waits;
    guint timer;
    VmRefreshed done; /* NULL: told */
    gpointer user;
} StatsRefresh;

typedef struct Query {
    guint group;
    const char *command;
    json_object *(*args)(const Run *run); /* NULL: none */
    gboolean (*wanted)(const Run *run);   /* NULL: always */
    void (*take)(Run *run, json_object *ret);
} Query;

typedef struct StatsAsked {
    StatsRefresh *refresh;
    const Query *query;
    Vm *vm;
} StatsAsked;

static gboolean
has_balloon(const Run *run)
{
    const BalloonDef *b = run->live->devices.balloon;

    return b && b->model != BALLOON_NONE && b->model != BALLOON_XEN && b->info.alias;
}

static gboolean
has_guest_stats(const Run *run)
{
    return has_balloon(run) && run->live->devices.balloon->stats_period > 0;
}

static json_object *
guest_stats_args(const Run *run)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s",
                                            run->live->devices.balloon->info.alias);

    return json_make("path", 's', path, "property", 's', "guest-stats", NULL);
}

static const Query queries[] = {
    { VM_STATS_BLOCK, "query-blockstats", NULL, NULL, take_block_stats },
    { VM_STATS_BLOCK, "query-block", NULL, NULL, take_block_info },
    { VM_STATS_BALLOON, "qom-get", guest_stats_args, has_guest_stats, take_guest_stats },
};

static void
refresh_unref(StatsRefresh *r)
{
    if (--r->refs == 0)
        g_free(r);
}

static void
tell(StatsRefresh *r)
{
    VmRefreshed done = r->done;

    r->done = NULL;
    if (r->timer) {
        g_source_remove(r->timer);
        r->timer = 0;
    }
    if (done)
        done(r->user);
}

static gboolean
on_late(gpointer data)
{
    StatsRefresh *r = data;

    r->timer = 0;
    tell(r);
    return G_SOURCE_REMOVE;
}

static void
on_answer(json_object *ret, const GError *err, gpointer user)
{
    g_autofree StatsAsked *a = user;
    StatsRefresh *r = a->refresh;
    Run *run = a->vm->run;

    if (run && counters_find(run) && counters_find(run)->pending > 0)
        counters_find(run)->pending--;
    if (ret && run)
        a->query->take(run, ret);
    object_unref(a->vm);
    if (--r->waits == 0)
        tell(r);
    refresh_unref(r);
}

static void
ask(StatsRefresh *r, Vm *vm, guint groups)
{
    Run *run = vm->run;
    Counters *c = counters_get(run);

    for (gsize i = 0; i < G_N_ELEMENTS(queries); i++) {
        const Query *q = &queries[i];
        StatsAsked *a;
        if (!(groups & q->group) || (q->wanted && !q->wanted(run)))
            continue;
        a = g_new(StatsAsked, 1);
        *a = (StatsAsked){ r, q, object_ref(vm) };
        r->refs++;
        r->waits++;
        c->pending++;
        qmp_call(run->qmp, q->command, q->args ? q->args(run) : NULL, on_answer, a);
    }
}

/* A QEMU that has not answered the last questions is not asked again: the wait would be in vain. */
static gboolean
answers(const Vm *vm)
{
    const Run *run = vm->run;

    return run && run->complete && !run->stopping && run->qmp &&
           !(counters_find(run) && counters_find(run)->pending > 0);
}

void
vm_refresh(GPtrArray *vms, guint groups, VmRefreshed done, gpointer user)
{
    StatsRefresh *r = g_new0(StatsRefresh, 1);

    *r = (StatsRefresh){ .refs = 1, .waits = 1, .done = done, .user = user };
    for (guint i = 0; i < vms->len; i++)
        if (answers(vms->pdata[i]))
            ask(r, vms->pdata[i], groups);
    if (--r->waits == 0)
        tell(r);
    else
        r->timer = g_timeout_add(ANSWER_MS, on_late, r);
    refresh_unref(r);
}

/* ---- processors, from /proc */

typedef struct ThreadTimes {
    char state;
    guint64 user_ns, system_ns, run_ns, wait_ns;
    int cpu;
} ThreadTimes;

/* /proc/PID/stat: fields 3 (state), 14, 15 (times), 39 (processor). */
static gboolean
read_stat(const char *folder, ThreadTimes *t)
{
    g_autofree char *path = g_strconcat(folder, "/stat", NULL), *text = NULL;
    unsigned long user, system;
    guint64 tick = 1000000000ULL / (guint64)sysconf(_SC_CLK_TCK);
    g_auto(GStrv) words = NULL;
    const char *rest;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(rest = strrchr(text, ')')))
        return FALSE;
    words = g_strsplit(rest + 2, " ", -1);
    if (g_strv_length(words) < 37)
        return FALSE;
    user = strtoul(words[11], NULL, 10);
    system = strtoul(words[12], NULL, 10);
    t->state = words[0][0];
    t->user_ns = user * tick;
    t->system_ns = system * tick;
    t->cpu = atoi(words[36]);
    return TRUE;
}

static void
read_schedstat(const char *folder, ThreadTimes *t)
{
    g_autofree char *path = g_strconcat(folder, "/schedstat", NULL), *text = NULL;
    unsigned long long ran = 0, waited = 0;

    if (g_file_get_contents(path, &text, NULL, NULL))
        sscanf(text, "%llu %llu", &ran, &waited);
    t->run_ns = ran;
    t->wait_ns = waited;
}

static gboolean
read_vcpu(const Run *run, guint number, ThreadTimes *t)
{
    pid_t tid = number < run->vcpu_tids->len ? g_array_index(run->vcpu_tids, pid_t, number) : 0;
    g_autofree char *folder = g_strdup_printf("/proc/%d/task/%d", (int)run->pid, (int)tid);

    *t = (ThreadTimes){ .cpu = -1 };
    if (tid == 0 || !read_stat(folder, t))
        return FALSE;
    read_schedstat(folder, t);
    return TRUE;
}

GArray *
vm_vcpus(Vm *vm, GError **err)
{
    enum { OFFLINE, RUNNING, BLOCKED };
    GArray *list;

    if (!vm->run || !vm->run->complete) {
        fail(err, ERR_NOT_RUNNING, "domain is not running");
        return NULL;
    }
    list = g_array_new(FALSE, TRUE, sizeof(VmVcpu));
    for (guint i = 0; i < vm->run->vcpu_tids->len; i++) {
        ThreadTimes t;
        gboolean there = read_vcpu(vm->run, i, &t);
        VmVcpu v = { i, there ? RUNNING : OFFLINE, t.user_ns + t.system_ns, t.cpu };
        g_array_append_val(list, v);
    }
    return list;
}

/* ---- memory */

static guint64
rss_kib(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid), *text = NULL;
    unsigned long long size = 0, resident = 0;

    if (g_file_get_contents(path, &text, NULL, NULL))
        sscanf(text, "%llu %llu", &size, &resident);
    return resident * (guint64)sysconf(_SC_PAGESIZE) / 1024;
}

/* tag: virDomainMemoryStatTags; bulk: the word of bulk statistics. */
static const struct {
    int tag;
    const char *qemu, *bulk;
    guint shift; /* bytes to KiB */
} memory_rows[] = {
    { 0, "stats.stat-swap-in", "balloon.swap_in", 10 },
    { 1, "stats.stat-swap-out", "balloon.swap_out", 10 },
    { 2, "stats.stat-major-faults", "balloon.major_fault", 0 },
    { 3, "stats.stat-minor-faults", "balloon.minor_fault", 0 },
    { 4, "stats.stat-free-memory", "balloon.unused", 10 },
    { 5, "stats.stat-total-memory", "balloon.available", 10 },
    { 8, "stats.stat-available-memory", "balloon.usable", 10 },
    { 10, "stats.stat-disk-caches", "balloon.disk_caches", 10 },
    { 11, "stats.stat-htlb-pgalloc", "balloon.hugetlb_pgalloc", 0 },
    { 12, "stats.stat-htlb-pgfail", "balloon.hugetlb_pgfail", 0 },
};

enum { TAG_ACTUAL = 6, TAG_RSS = 7, TAG_LAST_UPDATE = 9 };

/* QEMU says -1, as an unsigned number too large for a signed one, for what the guest never told. */
static gboolean
guest_stat(const Run *run, gsize row, guint64 *ret_value)
{
    json_object *guest = counters_find(run) ? counters_find(run)->guest : NULL;
    json_object *value = guest ? json_at(guest, memory_rows[row].qemu) : NULL;
    guint64 v = value ? json_object_get_uint64(value) : 0;

    if (!value || json_object_get_int64(value) < 0 || v >= G_MAXINT64)
        return FALSE;
    *ret_value = v >> memory_rows[row].shift;
    return TRUE;
}

static guint64
last_update(const Run *run)
{
    json_object *guest = counters_find(run) ? counters_find(run)->guest : NULL;

    return guest ? (guint64)json_int(guest, "last-update", 0) : 0;
}

guint
vm_memory_stats(Vm *vm, VmMemoryStat *stats, guint max)
{
    VmInfo info;
    guint n = 0;
    guint64 value;

    if (!vm->run || !vm->run->complete || !vm_info(vm, &info, NULL))
        return 0;
    if (n < max)
        stats[n++] = (VmMemoryStat){ TAG_ACTUAL, info.memory_kib };
    for (gsize i = 0; i < G_N_ELEMENTS(memory_rows) && n < max; i++)
        if (guest_stat(vm->run, i, &value))
            stats[n++] = (VmMemoryStat){ memory_rows[i].tag, value };
    if (n < max && has_balloon(vm->run))
        stats[n++] = (VmMemoryStat){ TAG_LAST_UPDATE, last_update(vm->run) };
    if (n < max)
        stats[n++] = (VmMemoryStat){ TAG_RSS, rss_kib(vm->run->pid) };
    return n;
}

/* ---- disks */

static const BlockCounters *
counters_of(const Run *run, const DiskDef *disk)
{
    if (!counters_find(run) || !disk->info.alias)
        return NULL;
    return g_hash_table_lookup(counters_find(run)->blocks, disk->info.alias);
}

static void
add_block_stats(VmBlockStats *sum, const VmBlockStats *s)
{
    sum->rd_req += s->rd_req;
    sum->rd_bytes += s->rd_bytes;
    sum->rd_ns += s->rd_ns;
    sum->wr_req += s->wr_req;
    sum->wr_bytes += s->wr_bytes;
    sum->wr_ns += s->wr_ns;
    sum->flush_req += s->flush_req;
    sum->flush_ns += s->flush_ns;
}

gboolean
vm_block_stats(Vm *vm, const char *name, VmBlockStats *ret_stats, GError **err)
{
    VmBlockStats sum = { 0 };
    gboolean found = !name[0];
    GPtrArray *disks;

    if (!vm->run || !vm->run->complete)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    disks = vm->run->live->devices.disks;
    for (guint i = 0; disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];
        const BlockCounters *b = counters_of(vm->run, disk);
        if (name[0] && g_strcmp0(disk->target, name) != 0 &&
            g_strcmp0(disk->source.path, name) != 0)
            continue;
        found = TRUE;
        if (b)
            add_block_stats(&sum, &b->stats);
    }
    if (!found)
        return fail(err, ERR_INVALID_ARG, "invalid path: %s", name);
    *ret_stats = sum;
    return TRUE;
}

const DiskDef *
disk_find(const DomainDef *def, const char *name, GError **err)
{
    GPtrArray *disks = def->devices.disks;

    for (guint i = 0; disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];
        if (g_strcmp0(disk->target, name) == 0 || g_strcmp0(disk->source.path, name) == 0)
            return disk;
    }
    fail(err, ERR_INVALID_ARG, "disk '%s' not found in domain '%s'", name, def->name);
    return NULL;
}

gboolean
vm_has_disk(Vm *vm, const char *name, GError **err)
{
    const DomainDef *def = vm_def(vm, err);

    return def && disk_find(def, name, err) != NULL;
}

GArray *
vm_disk_errors(Vm *vm)
{
    GArray *errors = g_array_new(FALSE, FALSE, sizeof(VmDiskError));
    GPtrArray *disks = vm->run ? vm->run->live->devices.disks : NULL;

    for (guint i = 0; disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];
        const BlockCounters *b = counters_of(vm->run, disk);
        VmDiskError e = { disk->target, b ? b->error : 0 };
        if (e.error)
            g_array_append_val(errors, e);
    }
    return errors;
}

/* ---- links */

const NetDef *
net_find(const DomainDef *def, const char *name, GError **err)
{
    GPtrArray *nets = def->devices.nets;

    for (guint i = 0; nets && i < nets->len; i++) {
        const NetDef *net = nets->pdata[i];
        g_autofree char *mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", net->mac[0],
                                               net->mac[1], net->mac[2], net->mac[3], net->mac[4],
                                               net->mac[5]);
        if (g_strcmp0(net->ifname, name) == 0 || g_ascii_strcasecmp(mac, name) == 0)
            return net;
    }
    fail(err, ERR_INVALID_ARG, "'%s' is not a known interface", name);
    return NULL;
}

/* The host's end hears what the guest says: its counters are the guest's, the other way round. */
static gboolean
read_net(const char *ifname, VmNetStats *ret_stats, GError **err)
{
    LinkStats s;

    if (!link_stats(ifname, &s, err))
        return FALSE;
    *ret_stats = (VmNetStats){
        .rx_bytes = (gint64)s.tx_bytes,
        .rx_packets = (gint64)s.tx_packets,
        .rx_errs = (gint64)s.tx_errs,
        .rx_drop = (gint64)s.tx_drop,
        .tx_bytes = (gint64)s.rx_bytes,
        .tx_packets = (gint64)s.rx_packets,
        .tx_errs = (gint64)s.rx_errs,
        .tx_drop = (gint64)s.rx_drop,
    };
    return TRUE;
}

gboolean
vm_net_stats(Vm *vm, const char *device, VmNetStats *ret_stats, GError **err)
{
    const NetDef *net;

    if (!vm->run || !vm->run->complete)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    net = net_find(vm->run->live, device, err);
    if (!net)
        return FALSE;
    if (!net->ifname)
        return fail(err, ERR_INTERNAL, "Interface name not provided");
    return read_net(net->ifname, ret_stats, err);
}

/* ---- bulk */

static void
stats_state(Vm *vm, guint groups, Params *p)
{
    params_add_int(p, (gint32)vm->state, "state.state");
    params_add_int(p, vm->reason, "state.reason");
}

/* Of a VM in a group: of all of its processes; else of QEMU. */
static gboolean
read_times(const Run *run, guint64 *ret_user, guint64 *ret_system)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d", (int)run->pid);
    ThreadTimes t;

    if (group_times(run, ret_user, ret_system))
        return TRUE;
    if (!read_stat(folder, &t))
        return FALSE;
    *ret_user = t.user_ns;
    *ret_system = t.system_ns;
    return TRUE;
}

gboolean
vm_cpu_times(Vm *vm, guint64 *ret_user, guint64 *ret_system, GError **err)
{
    return (vm->run && vm->run->complete && read_times(vm->run, ret_user, ret_system)) ||
           fail(err, ERR_NOT_RUNNING, "domain is not running");
}

static void
stats_cpu(Vm *vm, guint groups, Params *p)
{
    guint64 user, system;

    if (!vm->run || !read_times(vm->run, &user, &system))
        return;
    params_add_ullong(p, user + system, "cpu.time");
    params_add_ullong(p, user, "cpu.user");
    params_add_ullong(p, system, "cpu.system");
}

static void
stats_balloon(Vm *vm, guint groups, Params *p)
{
    VmInfo info;
    guint64 value;

    if (!vm_info(vm, &info, NULL))
        return;
    params_add_ullong(p, info.memory_kib, "balloon.current");
    params_add_ullong(p, info.max_memory_kib, "balloon.maximum");
    if (!vm->run || !vm->run->complete)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(memory_rows); i++)
        if (guest_stat(vm->run, i, &value))
            params_add_ullong(p, value, "%s", memory_rows[i].bulk);
    if (has_balloon(vm->run))
        params_add_ullong(p, last_update(vm->run), "balloon.last-update");
    params_add_ullong(p, rss_kib(vm->run->pid), "balloon.rss");
}

static void
stats_vcpu(Vm *vm, guint groups, Params *p)
{
    const DomainDef *def = vm_def(vm, NULL);

    if (!def)
        return;
    params_add_uint(p, def->vcpus_current ? def->vcpus_current : def->vcpus, "vcpu.current");
    params_add_uint(p, def->vcpus, "vcpu.maximum");
    for (guint i = 0; vm->run && i < vm->run->vcpu_tids->len; i++) {
        ThreadTimes t;
        if (!read_vcpu(vm->run, i, &t))
            continue;
        params_add_int(p, 1, "vcpu.%u.state", i);
        params_add_ullong(p, t.user_ns + t.system_ns, "vcpu.%u.time", i);
        params_add_ullong(p, 0, "vcpu.%u.wait", i);
        params_add_ullong(p, t.wait_ns, "vcpu.%u.delay", i);
    }
}

static void
stats_one_net(const NetDef *net, guint i, Params *p)
{
    VmNetStats s;

    params_add_string(p, net->ifname, "net.%u.name", i);
    if (!read_net(net->ifname, &s, NULL))
        return;
    params_add_ullong(p, (guint64)s.rx_bytes, "net.%u.rx.bytes", i);
    params_add_ullong(p, (guint64)s.rx_packets, "net.%u.rx.pkts", i);
    params_add_ullong(p, (guint64)s.rx_errs, "net.%u.rx.errs", i);
    params_add_ullong(p, (guint64)s.rx_drop, "net.%u.rx.drop", i);
    params_add_ullong(p, (guint64)s.tx_bytes, "net.%u.tx.bytes", i);
    params_add_ullong(p, (guint64)s.tx_packets, "net.%u.tx.pkts", i);
    params_add_ullong(p, (guint64)s.tx_errs, "net.%u.tx.errs", i);
    params_add_ullong(p, (guint64)s.tx_drop, "net.%u.tx.drop", i);
}

static void
stats_net(Vm *vm, guint groups, Params *p)
{
    GPtrArray *nets = vm->run && vm->run->complete ? vm->run->live->devices.nets : NULL;

    if (!vm->run || !vm->run->complete)
        return;
    params_add_uint(p, nets ? nets->len : 0, "net.count");
    for (guint i = 0; nets && i < nets->len; i++) {
        const NetDef *net = nets->pdata[i];
        if (net->ifname)
            stats_one_net(net, i, p);
    }
}

static void
stats_sizes(const VmBlockInfo *info, guint i, Params *p)
{
    params_add_ullong(p, info->allocation, "block.%u.allocation", i);
    params_add_ullong(p, info->capacity, "block.%u.capacity", i);
    params_add_ullong(p, info->physical, "block.%u.physical", i);
}

static void
stats_one_block(const BlockCounters *b, guint i, Params *p)
{
    const VmBlockStats *s = &b->stats;

    params_add_ullong(p, (guint64)s->rd_req, "block.%u.rd.reqs", i);
    params_add_ullong(p, (guint64)s->rd_bytes, "block.%u.rd.bytes", i);
    params_add_ullong(p, (guint64)s->rd_ns, "block.%u.rd.times", i);
    params_add_ullong(p, (guint64)s->wr_req, "block.%u.wr.reqs", i);
    params_add_ullong(p, (guint64)s->wr_bytes, "block.%u.wr.bytes", i);
    params_add_ullong(p, (guint64)s->wr_ns, "block.%u.wr.times", i);
    params_add_ullong(p, (guint64)s->flush_req, "block.%u.fl.reqs", i);
    params_add_ullong(p, (guint64)s->flush_ns, "block.%u.fl.times", i);
    if (b->has_info) /* else an empty drive */
        stats_sizes(&b->info, i, p);
}

/* The images below a disk's own, as rows of their own. Returns how many. */
static guint
stats_below(const DiskDef *disk, const BlockCounters *b, guint i, Params *p)
{
    guint n = 0;

    for (const BackingStore *s = disk->backing; s && s->source.type; s = s->backing, n++) {
        params_add_string(p, disk->target, "block.%u.name", i + n);
        params_add_string(p, s->source.path, "block.%u.path", i + n);
        if (s->source.index)
            params_add_uint(p, s->source.index, "block.%u.backingIndex", i + n);
        if (b && n < b->below->len)
            stats_sizes(&g_array_index(b->below, VmBlockInfo, n), i + n, p);
    }
    return n;
}

static guint
count_block_rows(const GPtrArray *disks, guint groups)
{
    guint n = 0;

    for (guint i = 0; disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];
        n++;
        for (const BackingStore *s = disk->backing; groups & VM_STATS_BACKING && s; s = s->backing)
            n += s->source.type ? 1 : 0;
    }
    return n;
}

static void
stats_block(Vm *vm, guint groups, Params *p)
{
    const DomainDef *def = vm_def(vm, NULL);
    const GPtrArray *disks = def ? def->devices.disks : NULL;
    guint row = 0;

    params_add_uint(p, count_block_rows(disks, groups), "block.count");
    for (guint i = 0; disks && i < disks->len; i++, row++) {
        const DiskDef *disk = disks->pdata[i];
        const BlockCounters *b = vm->run ? counters_of(vm->run, disk) : NULL;

        params_add_string(p, disk->target, "block.%u.name", row);
        params_add_string(p, disk->source.path, "block.%u.path", row);
        if (disk->source.index)
            params_add_uint(p, disk->source.index, "block.%u.backingIndex", row);
        if (b)
            stats_one_block(b, row, p);
        if (groups & VM_STATS_BACKING)
            row += stats_below(disk, b, row + 1, p);
    }
}

static void
stats_iothread(Vm *vm, guint groups, Params *p)
{
    GArray *threads = vm->run && vm->run->complete ? vm->run->iothreads : NULL;

    if (!threads || threads->len == 0)
        return;
    params_add_uint(p, threads->len, "iothread.count");
    for (guint i = 0; i < threads->len; i++) {
        const Iothread *t = &g_array_index(threads, Iothread, i);
        params_add_ullong(p, t->poll_max, "iothread.%u.poll-max-ns", t->id);
        params_add_ullong(p, t->poll_grow, "iothread.%u.poll-grow", t->id);
        params_add_ullong(p, t->poll_shrink, "iothread.%u.poll-shrink", t->id);
    }
}

static const struct {
    guint group;
    void (*add)(Vm *vm, guint groups, Params *p);
} bulk_rows[] = {
    { VM_STATS_STATE, stats_state },       { VM_STATS_CPU_TOTAL, stats_cpu },
    { VM_STATS_BALLOON, stats_balloon },   { VM_STATS_VCPU, stats_vcpu },
    { VM_STATS_INTERFACE, stats_net },     { VM_STATS_BLOCK, stats_block },
    { VM_STATS_IOTHREAD, stats_iothread },
};

void
vm_stats(Vm *vm, guint groups, Params *params)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bulk_rows); i++)
        if (groups & bulk_rows[i].group)
            bulk_rows[i].add(vm, groups, params);
}
