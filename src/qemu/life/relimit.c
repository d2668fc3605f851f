/* Limits of a guest that runs: changed, and read back from the kernel. */
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "life.h"

#define CALL_MS 10000

static const BusMethod set_properties = { SYSTEMD, MANAGER, "SetUnitProperties" };

/* ---- changes: a worker writes, then systemd is told of weights */

typedef struct Relimit {
    Vm *vm;          /* referenced */
    FlowToken token; /* 0: nobody waits */
    CgroupPlan *plan;
    sd_bus_message *weights; /* NULL: there are none to tell */
} Relimit;

static void
relimit_end(Relimit *r, const GError *err)
{
    if (r->token)
        flow_wake(r->token, err);
    else if (err)
        log_warning("domain '%s': limits are not as they were: %s", r->vm->obj.name, err->message);
    sd_bus_message_unref(r->weights);
    cgroup_plan_free(r->plan);
    object_unref(r->vm);
    g_free(r);
}

static void
on_weighed(sd_bus_message *reply, const GError *err, gpointer user)
{
    relimit_end(user, err);
}

static void
add_failed(const char *what, const char *why, gpointer user)
{
    GError **err = user;

    if (!*err)
        fail(err, ERR_OPERATION_FAILED, "'%s' could not be changed: %s", what, why);
}

static void
on_written(gpointer out, const GError *err, gpointer user)
{
    Relimit *r = user;
    g_autoptr(GError) why = err ? g_error_copy(err) : NULL;

    if (!why)
        cgroup_plan_each_failed(r->plan, add_failed, &why);
    if (why || !r->weights)
        relimit_end(r, why);
    else
        bus_send(g_steal_pointer(&r->weights), CALL_MS, on_weighed, r);
}

/* Each thread has a group of its own for it. */
static void
plan_threads(CgroupPlan *plan, const Run *run, const Limit *l)
{
    for (guint i = 0; l->of == LIMIT_OF_VCPU && i < run->vcpu_tids->len; i++) {
        g_autofree char *file = g_strdup_printf("guest/vcpu%u/%s", i, l->file);
        if (g_array_index(run->vcpu_tids, pid_t, i) > 0)
            cgroup_plan_write(plan, file, l->text, l->what);
    }
    for (guint i = 0; l->of == LIMIT_OF_IOTHREAD && i < run->iothreads->len; i++) {
        guint id = g_array_index(run->iothreads, Iothread, i).id;
        g_autofree char *file = g_strdup_printf("guest/iothread%u/%s", id, l->file);
        cgroup_plan_write(plan, file, l->text, l->what);
    }
}

static gboolean
may_hold(const Run *run, const DomainDef *def, const char *kind, GError **err)
{
    g_autoptr(GPtrArray) wanted = limits_of(def, FALSE, kind);

    EACH (const Limit, l, wanted) {
        g_autofree char *why = limit_why_not(l, run->group);
        if (why)
            return fail(err, ERR_OPERATION_UNSUPPORTED, "'%s' would not be in force: %s", l->what,
                        why);
    }
    return TRUE;
}

/* *ret_m: NULL where nothing weighs, or the group is none of systemd's. */
static gboolean
make_weights(const Run *run, const DomainDef *def, const char *kind, sd_bus_message **ret_m,
             GError **err)
{
    gboolean weighs = strcmp(kind, "cputune/") == 0 || strcmp(kind, "blkiotune/") == 0;
    sd_bus_message *m = NULL;

    *ret_m = NULL;
    if (!run->scope || !weighs)
        return TRUE;
    if (!(m = bus_message(&set_properties, err)))
        return FALSE;
    if (sd_bus_message_append(m, "sb", run->scope, TRUE) < 0 ||
        sd_bus_message_open_container(m, 'a', "(sv)") < 0 ||
        !group_append_weights(m, def, kind, TRUE) || sd_bus_message_close_container(m) < 0) {
        sd_bus_message_unref(m);
        return fail(err, ERR_SYSTEM, "cannot tell systemd what '%s' weighs", run->scope);
    }
    *ret_m = m;
    return TRUE;
}

/* Lifting what the host has no controller for is no change. */
static void
plan_kind(CgroupPlan *plan, const Run *run, const DomainDef *def, const char *kind)
{
    g_autoptr(GPtrArray) all = limits_of(def, TRUE, kind);

    EACH (const Limit, l, all) {
        g_autofree char *why_not = limit_why_not(l, run->group);
        if (why_not)
            continue;
        group_plan_limit(plan, run, l);
        plan_threads(plan, run, l);
    }
}

gboolean
group_change(EditTell *t, GError **err)
{
    Run *run = t->vm->run;
    sd_bus_message *weights = NULL;
    Relimit *r;

    if (!t->back && !may_hold(run, t->def, t->thing, err))
        return FALSE;
    if (!make_weights(run, t->def, t->thing, &weights, err))
        return FALSE;
    r = g_new(Relimit, 1);
    *r = (Relimit){ object_ref(t->vm), 0, cgroup_plan_new(run->group), weights };
    r->token = edit_wait(t);
    plan_kind(r->plan, run, t->def, t->thing);
    offload_for(&t->vm->obj, cgroup_plan_work, r->plan, NULL, on_written, r);
    return TRUE;
}

/* ---- what is in force */

/* KiB; 0: no limit, or none that could be read. */
static guint64
read_kib(const char *group, const char *file)
{
    g_autofree char *text = cgroup_read(group, file);
    guint64 bytes;

    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &bytes, NULL) ? bytes / 1024
                                                                                      : 0;
}

/* "20000 100000", or "max 100000". */
static void
read_quota(const char *group, const char *thread, gint64 *ret_quota, guint64 *ret_period)
{
    g_autofree char *file = g_strconcat("guest/", thread, "cpu.max", NULL);
    g_autofree char *text = cgroup_read(group, file);
    g_auto(GStrv) words = g_strsplit(text ? text : "max 0", " ", 2);

    *ret_quota = strcmp(words[0], "max") == 0 ? -1 : g_ascii_strtoll(words[0], NULL, 10);
    *ret_period = words[1] ? g_ascii_strtoull(words[1], NULL, 10) : 0;
}

static void
read_processors(const Run *run, CputuneDef *c)
{
    g_autofree char *weight = cgroup_read(run->group, "cpu.weight");
    guint vcpu = 0;

    c->shares = weight ? g_ascii_strtoull(weight, NULL, 10) : 0;
    c->has_shares = c->shares > 0;
    read_quota(run->group, "", &c->global_quota, &c->global_period);
    read_quota(run->group, "emulator/", &c->emulator_quota, &c->emulator_period);
    while (vcpu + 1 < run->vcpu_tids->len && !g_array_index(run->vcpu_tids, pid_t, vcpu))
        vcpu++;
    {
        g_autofree char *name = g_strdup_printf("vcpu%u/", vcpu);
        read_quota(run->group, name, &c->quota, &c->period);
    }
    c->iothread_quota = -1;
    if (run->iothreads->len) {
        g_autofree char *name = g_strdup_printf("iothread%u/",
                                                g_array_index(run->iothreads, Iothread, 0).id);
        read_quota(run->group, name, &c->iothread_quota, &c->iothread_period);
    }
}

static void
read_memory(const Run *run, MemtuneDef *m)
{
    g_autofree char *swap = cgroup_read(run->group, "guest/memory.swap.max");

    m->hard_limit = read_kib(run->group, "guest/memory.max");
    m->soft_limit = read_kib(run->group, "guest/memory.high");
    m->swap_hard_limit = swap && strcmp(swap, "max") != 0
                             ? m->hard_limit + read_kib(run->group, "guest/memory.swap.max")
                             : 0;
}

/* "default 100", or "100". Speeds of devices are as the worker has written them. */
static void
read_disks(const Run *run, BlkiotuneDef *b)
{
    g_autofree char *bfq = cgroup_read(run->group, "io.bfq.weight");
    g_autofree char *io = bfq ? NULL : cgroup_read(run->group, "io.weight");
    const char *text = bfq ? bfq : io ? io : "0";

    if (g_str_has_prefix(text, "default "))
        text += strlen("default ");
    b->weight = (guint32)strtoul(text, NULL, 10);
}

void
group_in_force(const Run *run, DomainDef *ret_def)
{
    if (!ret_def->cputune)
        ret_def->cputune = schema_new(&cputune_schema);
    if (!ret_def->memtune)
        ret_def->memtune = g_new0(MemtuneDef, 1);
    if (!ret_def->blkiotune)
        ret_def->blkiotune = g_new0(BlkiotuneDef, 1);
    read_processors(run, ret_def->cputune);
    read_memory(run, ret_def->memtune);
    read_disks(run, ret_def->blkiotune);
    if (ret_def->numatune && ret_def->numatune->mode == NUMA_RESTRICTIVE) {
        g_autofree char *nodes = cgroup_read(run->group, "guest/cpuset.mems");
        Bitmap *read = nodes ? bitmap_parse(nodes, NULL) : NULL;
        if (read) {
            bitmap_free(ret_def->numatune->nodes);
            ret_def->numatune->nodes = read;
        }
    }
}

gboolean
group_times(const Run *run, guint64 *ret_user, guint64 *ret_system)
{
    guint64 user, system;

    if (!run->group || !cgroup_read_key(run->group, "guest/cpu.stat", "user_usec", &user) ||
        !cgroup_read_key(run->group, "guest/cpu.stat", "system_usec", &system))
        return FALSE;
    *ret_user = user * 1000;
    *ret_system = system * 1000;
    return TRUE;
}

void
group_each_limit(const Run *run, void (*each)(const char *what, const char *is, gpointer user),
                 gpointer user)
{
    g_autoptr(GPtrArray) limits = limits_of(run->live, FALSE, NULL);

    EACH (const Limit, l, limits) {
        gboolean threads = l->of == LIMIT_OF_VCPU || l->of == LIMIT_OF_IOTHREAD;
        g_autofree char *is = run->group && !threads ? cgroup_read(run->group, l->file) : NULL;
        each(l->what, is ? is : l->text, user);
    }
}
