/* The control group of a VM: on a host of systemd's a scope in machine.slice, else a folder below
 * one of the daemon's. In it are
 *     guest           memory, disks, number of tasks, and the processor time of all together
 *     guest/emulator  QEMU's other threads, and the helpers
 *     guest/vcpuN, guest/iothreadN
 * The last three kinds are threaded: their limits are of processor time alone. What weighs a VM
 * against others stands in the group itself, which is systemd's to write where it is a scope.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "group.h"
#include "life.h"

#define CALL_MS   10000
#define SCOPE_MS  30000
#define GONE_MS   2000
#define NAME_MAX_ 64
#define KEY       "group"

static const BusMethod start_unit = { SYSTEMD, MANAGER, "StartTransientUnit" };
static const BusMethod stop_unit = { SYSTEMD, MANAGER, "StopUnit" };
static const BusMethod job_removed = { SYSTEMD, MANAGER, "JobRemoved" };
static const BusMethod register_machine = { "org.freedesktop.machine1", "/org/freedesktop/machine1",
                                            "org.freedesktop.machine1.Manager",
                                            "RegisterMachineWithNetwork" };

/* What is kept with a run about its group. */
typedef struct Grouping {
    char *unit;          /* that systemd is asked for; NULL: none */
    Process *holder;     /* in the scope until QEMU is: a scope without processes ends */
    FlowToken token;     /* waits for systemd */
    guint timer;         /* for as long as that may take; 0: nothing waits */
    CgroupPlan *planned; /* what a worker has done; the row looks at that */
    char *group;         /* whose folder is watched */
    int events;          /* its memory.events; 0: not watched */
    guint source;        /* for that */
    gboolean ran_out;    /* the kernel has ended a process for want of memory, */
    char *most;          /* where this was in force: memory.max */
} Grouping;

static BusWatch *jobs;      /* of systemd */
static GHashTable *waiting; /* unit -> Grouping, borrowed */

/* ---- where groups are made */

typedef enum GroupKind { GROUP_NONE, GROUP_SCOPE, GROUP_FOLDER } GroupKind;

/* It may have to be made. */
static gboolean
can_have_groups(const char *place)
{
    g_autofree char *above = g_path_get_dirname(place);

    return cgroup_is_folder(access(place, F_OK) == 0 ? place : above);
}

/* *ret_base: of GROUP_FOLDER, the folder below which they are; the caller frees it. *ret_why: of
 * GROUP_NONE. */
static GroupKind
group_kind(char **ret_base, const char **ret_why)
{
    const char *asked = qemu_paths->groups, *mount = cgroup_mount();

    if (qemu_paths->session)
        *ret_why = "a user's own daemon makes no control groups";
    else if (g_strcmp0(asked, "none") == 0)
        *ret_why = "vmd.conf says control_groups = none";
    else if (asked && asked[0] == '/' && can_have_groups(asked))
        *ret_base = g_strdup(asked);
    else if (asked && asked[0] == '/')
        *ret_why =
            "the folder that vmd.conf names in control_groups is in no file system of control "
            "groups of version 2";
    else if (!mount)
        *ret_why = "this host has no controllers of version 2 in /sys/fs/cgroup";
    else if (access("/run/systemd/system", F_OK) == 0 && bus_is_there(NULL))
        return GROUP_SCOPE;
    else if (access("/run/systemd/system", F_OK) == 0)
        *ret_why = "systemd cannot be asked for a scope: this daemon has no message bus";
    else if (strcmp(qemu_paths->run, "/run/vmd") != 0)
        *ret_why = "this daemon's folders are not the system's, and control_groups names no folder";
    else
        *ret_base = g_build_filename(mount, "vmd", NULL);
    return *ret_base ? GROUP_FOLDER : GROUP_NONE;
}

/* As libvirt names them: machined takes letters, digits, '.', '-' and '_', 64 of them. */
static char *
machine_name(const Vm *vm, int id)
{
    GString *name = g_string_new(NULL);

    g_string_printf(name, "qemu-%d-", id);
    for (const char *c = vm->obj.name; *c && name->len < NAME_MAX_; c++) {
        char before = name->str[name->len - 1];
        if (g_ascii_isalnum(*c) || *c == '_' ||
            ((*c == '.' || *c == '-') && before != '.' && before != '-'))
            g_string_append_c(name, *c);
    }
    while (name->str[name->len - 1] == '-' || name->str[name->len - 1] == '.')
        g_string_truncate(name, name->len - 1);
    return g_string_free(name, FALSE);
}

/* '-' separates slices, so systemd writes it as a number where it is part of a name. */
static char *
unit_name(const Vm *vm, int id)
{
    g_autofree char *machine = machine_name(vm, id);
    g_auto(GStrv) parts = g_strsplit(machine, "-", -1);
    g_autofree char *escaped = g_strjoinv("\\x2d", parts);

    return g_strdup_printf("machine-%s.scope", escaped);
}

/* ---- limits that are not in force */

typedef struct Unmet {
    Vm *vm;
    GString *text; /* NULL: they are warned of */
} Unmet;

static void
add_unmet(const char *what, const char *why, gpointer user)
{
    Unmet *u = user;

    if (!u->text) {
        g_autofree char *text = g_strdup_printf("is not in force: %s", why);
        vm_trouble(u->vm, what, text);
        limit_forget(run_alter(u->vm->run), what);
    } else {
        g_string_append_printf(u->text, "%s'%s' would not be in force: %s",
                               u->text->len ? "; " : "", what, why);
    }
}

/* Of what each calls add_unmet for. FALSE and an error: there is something, and the start is
 * refused. */
static gboolean
settle_unmet(Vm *vm, void (*each)(Vm *vm, CgroupFailed failed, gpointer user, gconstpointer data),
             gconstpointer data, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Unmet u = { vm, qemu_paths->limits_warn ? NULL : text };

    each(vm, add_unmet, &u, data);
    return text->len == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "domain '%s': %s ('limits = warn' in vmd.conf starts it all the same)",
                vm->obj.name, text->str);
}

/* All limits of a VM that gets no group. */
static void
each_wanted(Vm *vm, CgroupFailed failed, gpointer user, gconstpointer why)
{
    g_autoptr(GPtrArray) all = limits_of(vm->run->live, FALSE, NULL);

    EACH (const Limit, l, all)
        failed(l->what, why, user);
}

/* ---- systemd's scope */

static void
wait_no_more(Grouping *s)
{
    if (waiting && s->unit && g_hash_table_lookup(waiting, s->unit) == s)
        g_hash_table_remove(waiting, s->unit);
    if (s->timer)
        g_source_remove(s->timer);
    s->timer = 0;
    s->token = 0;
    g_clear_pointer(&s->holder, process_free);
}

static void
stop_watching(Grouping *s)
{
    if (s->source)
        g_source_remove(s->source);
    if (s->events > 0)
        close(s->events);
    s->source = 0;
    s->events = 0;
}

static void
grouping_free(gpointer data)
{
    Grouping *s = data;

    wait_no_more(s);
    stop_watching(s);
    cgroup_plan_free(s->planned);
    g_free(s->unit);
    g_free(s->group);
    g_free(s->most);
    g_free(s);
}

static Grouping *
grouping_of(Run *run)
{
    if (!run->grouping.data)
        run->grouping = (RunPart){ g_new0(Grouping, 1), grouping_free };
    return run->grouping.data;
}

void
group_let_go(Run *run)
{
    if (run->grouping.data)
        wait_no_more(run->grouping.data);
}

static void
scope_wake(Grouping *s, const GError *err)
{
    FlowToken token = s->token;

    if (s->timer)
        g_source_remove(s->timer);
    s->timer = 0;
    s->token = 0;
    if (token)
        flow_wake(token, err);
}

static gboolean
is_in_scope(const Grouping *s)
{
    g_autofree char *path = s->holder ? cgroup_of("", process_pid(s->holder), NULL) : NULL;
    g_autofree char *end = g_strconcat("/", s->unit, NULL);

    return path && g_str_has_suffix(path, end);
}

/* Signals that came while the bus was away are made good by looking. */
static void
on_bus_again(void)
{
    g_autoptr(GList) all = g_hash_table_get_values(waiting);

    for (GList *l = all; l; l = l->next)
        if (is_in_scope(l->data))
            scope_wake(l->data, NULL);
}

static void
on_job_removed(sd_bus_message *m, gpointer user)
{
    const char *job, *unit, *result;
    Grouping *s;
    g_autoptr(GError) err = NULL;
    guint32 id;

    if (!m) {
        on_bus_again();
        return;
    }
    if (!bus_read(m, NULL, "uoss", &id, &job, &unit, &result) ||
        !(s = g_hash_table_lookup(waiting, unit)))
        return;
    if (strcmp(result, "done") != 0)
        fail(&err, ERR_OPERATION_FAILED, "systemd has not made the scope '%s': %s", unit, result);
    scope_wake(s, err);
}

static gboolean
on_late(gpointer user)
{
    Grouping *s = user;
    g_autoptr(GError) err = NULL;

    s->timer = 0;
    fail(&err, ERR_TIMEOUT, "systemd has not made the scope '%s' in %d s", s->unit,
         SCOPE_MS / 1000);
    scope_wake(s, err);
    return G_SOURCE_REMOVE;
}

static void
on_asked(sd_bus_message *reply, const GError *err, gpointer user)
{
    g_autofree char *unit = user;
    Grouping *s = g_hash_table_lookup(waiting, unit);
    g_autoptr(GError) why = NULL;

    if (!err || !s)
        return;
    fail(&why, ERR_OPERATION_FAILED, "cannot make the scope '%s': %s", unit, err->message);
    scope_wake(s, why);
}

gboolean
group_append_weights(sd_bus_message *m, const DomainDef *def, const char *kind, gboolean all)
{
    g_autoptr(GPtrArray) limits = limits_of(def, all, kind);
    gboolean ok = TRUE;

    EACH (const Limit, l, limits) {
        guint64 weight = g_ascii_strtoull(l->text, NULL, 10); /* "default": 0 */
        if (l->of != LIMIT_OF_GROUP)
            continue;
        if (l->device)
            ok &= sd_bus_message_append(m, "(sv)", "IODeviceWeight", "a(st)", 1, l->device,
                                        weight ? weight : WEIGHT_DEFAULT) >= 0;
        else
            ok &= sd_bus_message_append(
                      m, "(sv)", strcmp(l->controller, "cpu") == 0 ? "CPUWeight" : "IOWeight", "t",
                      MIN(weight, WEIGHT_MAX)) >= 0;
    }
    return ok;
}

static gboolean
ask_for_scope(Vm *vm, Grouping *s, GError **err)
{
    g_autofree char *says = g_strdup_printf("Virtual machine %s", vm->obj.name);
    sd_bus_message *m = bus_message(&start_unit, err);
    gboolean ok;

    if (!m)
        return FALSE;
    ok = sd_bus_message_append(m, "ss", s->unit, "fail") >= 0 &&
         sd_bus_message_open_container(m, 'a', "(sv)") >= 0 &&
         sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s", says, "Slice",
                               "s", "machine.slice", "Delegate", "b", TRUE, "PIDs", "au", 1,
                               (guint32)process_pid(s->holder), "Before", "as", 1,
                               "vmd-guests.service", "CollectMode", "s", "inactive-or-failed",
                               "TasksMax", "t", G_MAXUINT64) >= 0 &&
         group_append_weights(m, vm->run->live, NULL, FALSE) &&
         sd_bus_message_close_container(m) >= 0 && sd_bus_message_append(m, "a(sa(sv))", 0) >= 0;
    if (!ok) {
        sd_bus_message_unref(m);
        return fail(err, ERR_SYSTEM, "cannot ask systemd for the scope '%s'", s->unit);
    }
    bus_send(m, CALL_MS, on_asked, g_strdup(s->unit));
    return TRUE;
}

static void
on_holder_end(Process *p, const ProcessEnd *end, gpointer user)
{
    Grouping *s = user;

    process_free(p);
    s->holder = NULL;
}

static gboolean
begin_scope(Flow *f, Vm *vm, GError **err)
{
    static const char *const argv[] = { "sleep", "infinity", NULL };
    Grouping *s = grouping_of(vm->run);
    ProcessSpec spec = { .argv = argv, .stdout_fd = STDERR_FILENO, .stderr_fd = STDERR_FILENO };

    s->unit = unit_name(vm, vm->obj.id);
    if (!flow_note(f, KEY, WORDS("scope", s->unit), err))
        return FALSE;
    if (!waiting)
        waiting = g_hash_table_new(g_str_hash, g_str_equal);
    if (!jobs)
        jobs = bus_watch(&job_removed, on_job_removed, NULL);
    if (!(s->holder = process_spawn(&spec, on_holder_end, s, err)))
        return FALSE;
    g_hash_table_insert(waiting, s->unit, s);
    s->timer = g_timeout_add(SCOPE_MS, on_late, s);
    return ask_for_scope(vm, s, err);
}

/* The scope stands when systemd has moved the holder there. */
static gboolean
enter_scope(Flow *f, Vm *vm, GError **err)
{
    Grouping *s = grouping_of(vm->run);
    g_autofree char *path = NULL;

    g_hash_table_remove(waiting, s->unit);
    if (!s->holder || !is_in_scope(s))
        return fail(err, ERR_OPERATION_FAILED, "systemd has made no scope '%s'", s->unit);
    path = cgroup_of(cgroup_mount(), process_pid(s->holder), err);
    if (!path || !flow_note(f, KEY, WORDS("scope", s->unit, path), err))
        return FALSE;
    vm->run->group = g_steal_pointer(&path);
    vm->run->scope = g_strdup(s->unit);
    return TRUE;
}

/* ---- the row "make group" */

typedef struct PlanWait {
    Vm *vm; /* referenced */
    CgroupPlan *plan;
    FlowToken token;
} PlanWait;

/* The row looks at what became of its plan. */
static void
on_planned(gpointer out, const GError *err, gpointer user)
{
    PlanWait *w = user;

    if (flow_waits(w->token) && !err) {
        Grouping *s = grouping_of(w->vm->run);
        cgroup_plan_free(s->planned);
        s->planned = g_steal_pointer(&w->plan);
    }
    flow_wake(w->token, err);
    cgroup_plan_free(w->plan);
    object_unref(w->vm);
    g_free(w);
}

static void
run_plan(Vm *vm, CgroupPlan *plan, FlowToken token)
{
    PlanWait *w = g_new(PlanWait, 1);

    *w = (PlanWait){ object_ref(vm), plan, token };
    offload_for(&vm->obj, cgroup_plan_work, plan, NULL, on_planned, w);
}

static gboolean
begin_folder(Flow *f, Vm *vm, const char *base, GError **err)
{
    static const char *const controllers[] = { "cpu", "cpuset", "io", "memory", "pids" };
    g_autofree char *name = machine_name(vm, vm->obj.id), *above = g_path_get_dirname(base);
    CgroupPlan *plan = cgroup_plan_new(base);

    vm->run->group = g_build_filename(base, name, NULL);
    if (!flow_note(f, KEY, WORDS("folder", name, vm->run->group), err))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(controllers); i++) {
        g_autofree char *on = g_strconcat("+", controllers[i], NULL);
        if (!cgroup_has(base, controllers[i]) && cgroup_has(above, controllers[i]))
            cgroup_plan_write(plan, "../cgroup.subtree_control", on, "controllers");
    }
    cgroup_plan_make(plan, "");
    for (guint i = 0; i < G_N_ELEMENTS(controllers); i++) {
        g_autofree char *on = g_strconcat("+", controllers[i], NULL);
        cgroup_plan_write(plan, "cgroup.subtree_control", on, "controllers");
    }
    cgroup_plan_make(plan, name);
    run_plan(vm, plan, flow_wait_again(f));
    return TRUE;
}

StepResult
group_make(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    g_autofree char *base = NULL;
    const char *why = NULL;

    if (grouping_of(vm->run)->unit)
        return step_of(enter_scope(f, vm, err));
    if (vm->run->group) {
        g_clear_pointer(&grouping_of(vm->run)->planned, cgroup_plan_free);
        return STEP_DONE;
    }
    switch (group_kind(&base, &why)) {
    case GROUP_NONE:
        return step_of(settle_unmet(vm, each_wanted, why, err));
    case GROUP_FOLDER:
        return begin_folder(f, vm, base, err) ? STEP_WAIT : STEP_FAILED;
    case GROUP_SCOPE:
        break;
    }
    if (!begin_scope(f, vm, err))
        return STEP_FAILED;
    grouping_of(vm->run)->token = flow_wait_again(f);
    return STEP_WAIT;
}

/* ---- its undo */

typedef struct GroupEnd {
    Vm *vm; /* referenced */
    char *path;
    FlowToken token;
} GroupEnd;

static void
end_free(GroupEnd *e)
{
    object_unref(e->vm);
    g_free(e->path);
    g_free(e);
}

static void
on_gone(gpointer out, const GError *err, gpointer user)
{
    GroupEnd *e = user;

    if (err)
        log_warning("domain '%s': %s", e->vm->obj.name, err->message);
    flow_wake(e->token, NULL);
    end_free(e);
}

static gpointer
remove_folder(gpointer path, GError **err)
{
    cgroup_remove(path, err);
    return NULL;
}

static gpointer
await_scope_end(gpointer path, GError **err)
{
    if (!cgroup_wait_gone(path, GONE_MS))
        fail(err, ERR_TIMEOUT, "systemd has not removed the scope at '%s' in %d s", (char *)path,
             GONE_MS / 1000);
    return NULL;
}

/* A scope that has ended by itself, because nothing was in it any more, is no unit any more. Where
 * it stays, await_scope_end says so. */
static void
on_stopped(sd_bus_message *reply, const GError *err, gpointer user)
{
    GroupEnd *e = user;
    const sd_bus_error *said = reply ? sd_bus_message_get_error(reply) : NULL;

    if (err && !(said && sd_bus_error_has_name(said, SYSTEMD ".NoSuchUnit")))
        log_info("domain '%s': its scope was not ended: %s", e->vm->obj.name, err->message);
    if (!e->path) {
        on_gone(NULL, NULL, e);
        return;
    }
    offload_for(&e->vm->obj, await_scope_end, g_strdup(e->path), g_free, on_gone, e);
}

/* A ledger may be damaged. What it names is ended only when it can be this domain's, by its name
 * and by what it is. */
static gboolean
is_own_folder(const Vm *vm, const char *name, const char *path)
{
    g_autofree char *base = path ? g_path_get_basename(path) : NULL, *own = NULL;
    int id;

    if (sscanf(name, "qemu-%d-", &id) != 1)
        return FALSE;
    own = machine_name(vm, id);
    return strcmp(name, own) == 0 && g_strcmp0(base, own) == 0 &&
           (access(path, F_OK) < 0 || cgroup_is_folder(path));
}

static gboolean
is_own_unit(const Vm *vm, const char *name)
{
    g_autofree char *own = NULL;
    int id;

    if (sscanf(name, "machine-qemu\\x2d%d", &id) != 1)
        return FALSE;
    own = unit_name(vm, id);
    return strcmp(name, own) == 0;
}

StepResult
group_remove(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    const char *kind = flow_word(f, 0), *name = flow_word(f, 1), *path = flow_word(f, 2);
    GroupEnd *e;

    group_let_go(vm->run);
    if (!name)
        return STEP_DONE;
    if (strcmp(kind, "folder") == 0 ? !is_own_folder(vm, name, path) : !is_own_unit(vm, name)) {
        log_warning(
            "domain '%s': its ledger names the control group '%s', which is not its own: it "
            "is left alone",
            vm->obj.name, name);
        return STEP_DONE;
    }
    e = g_new(GroupEnd, 1);
    *e = (GroupEnd){ object_ref(vm), g_strdup(path), flow_wait(f) };
    if (strcmp(kind, "folder") == 0)
        offload_for(&vm->obj, remove_folder, g_strdup(path ? path : ""), g_free, on_gone, e);
    else
        bus_call(&stop_unit, CALL_MS, on_stopped, e, "ss", name, "replace");
    return STEP_WAIT;
}

/* ---- the row "limit group" */

/* Controllers that are there are handed down; threads have processor time alone. */
static void
plan_groups(CgroupPlan *plan, const char *folder)
{
    static const char *const controllers[] = { "cpu", "cpuset", "io", "memory", "pids" };

    for (guint i = 0; i < G_N_ELEMENTS(controllers); i++) {
        g_autofree char *on = g_strconcat("+", controllers[i], NULL);
        if (cgroup_has(folder, controllers[i]))
            cgroup_plan_write(plan, "cgroup.subtree_control", on, NULL);
    }
    cgroup_plan_make(plan, "guest/emulator");
    cgroup_plan_write(plan, "guest/emulator/cgroup.type", "threaded", NULL);
    if (cgroup_has(folder, "cpu"))
        cgroup_plan_write(plan, "guest/cgroup.subtree_control", "+cpu", NULL);
    if (cgroup_has(folder, "pids"))
        cgroup_plan_write(plan, "guest/pids.max", GROUP_TASKS_MAX, NULL);
}

static void
each_failed(Vm *vm, CgroupFailed failed, gpointer user, gconstpointer plan)
{
    cgroup_plan_each_failed(plan, failed, user);
}

/* What the host has no controller for, and numbers that the kernel does not take. */
static void
each_impossible(Vm *vm, CgroupFailed failed, gpointer user, gconstpointer unused)
{
    g_autoptr(GPtrArray) all = limits_of(vm->run->live, FALSE, NULL);

    EACH (const Limit, l, all) {
        g_autofree char *why = limit_why_not(l, vm->run->group);
        if (why)
            failed(l->what, why, user);
    }
}

void
group_plan_limit(CgroupPlan *plan, const Run *run, const Limit *l)
{
    const char *file = l->file;
    const gboolean bfq = l->of == LIMIT_OF_GROUP && strcmp(l->controller, "io") == 0 &&
                         cgroup_has_file(run->group, "io.bfq.weight");

    if (l->of == LIMIT_OF_GUEST || (l->of == LIMIT_OF_GROUP && !run->scope))
        cgroup_plan_write_of(plan, bfq ? "io.bfq.weight" : file, l->device, l->text, l->what);
}

static CgroupPlan *
plan_all(const Run *run, const Grouping *s)
{
    CgroupPlan *plan = cgroup_plan_new(run->group);
    g_autoptr(GPtrArray) all = limits_of(run->live, FALSE, NULL);

    cgroup_plan_make(plan, "guest");
    if (run->scope) { /* where groups are below, processes are not */
        g_autofree char *pid = g_strdup_printf("%d", (int)process_pid(s->holder));
        cgroup_plan_write(plan, "guest/cgroup.procs", pid, NULL);
    }
    plan_groups(plan, run->group);
    EACH (const Limit, l, all)
        group_plan_limit(plan, run, l);
    return plan;
}

/* What a plan that the row has waited for could not do. */
static StepResult
settle_planned(Vm *vm, GError **err)
{
    g_autoptr(CgroupPlan) plan = g_steal_pointer(&grouping_of(vm->run)->planned);

    return step_of(settle_unmet(vm, each_failed, plan, err));
}

StepResult
group_limit(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    Grouping *s = grouping_of(run);

    if (!run->group)
        return STEP_DONE;
    if (s->planned) {
        group_watch(vm);
        return settle_planned(vm, err);
    }
    if (run->scope && !s->holder)
        return step_of(fail(err, ERR_OPERATION_FAILED, "the holder of the scope has ended"));
    if (!settle_unmet(vm, each_impossible, NULL, err))
        return STEP_FAILED;
    run_plan(vm, plan_all(run, s), flow_wait_again(f));
    return STEP_WAIT;
}

gboolean
group_open(const Run *run, int *ret_fd, GError **err)
{
    g_autofree char *path = NULL;
    int fd;

    *ret_fd = -1;
    if (!run->group)
        return TRUE;
    path = g_build_filename(run->group, "guest/emulator/cgroup.procs", NULL);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, errno, "cannot open '%s'", path);
    *ret_fd = fd;
    return TRUE;
}

/* ---- who runs out of memory
 *
 * The kernel tells of it before it ends a process, and the group may be gone when its end is heard.
 */

static gboolean
counts(const char *events, const char *line)
{
    const char *at = strstr(events, line);

    return at && g_ascii_strtoull(at + strlen(line), NULL, 10) > 0;
}

static gboolean
read_events(Grouping *s)
{
    char text[1024];
    gssize n = s->events > 0 ? pread(s->events, text, sizeof text - 1, 0) : -1;

    if (n < 0)
        return FALSE;
    text[n] = '\0';
    if (!s->ran_out && (counts(text, "\noom ") || counts(text, "\noom_kill "))) {
        s->ran_out = TRUE;
        s->most = cgroup_read(s->group, "guest/memory.max");
    }
    return TRUE;
}

static gboolean
on_events(gint fd, GIOCondition condition, gpointer user)
{
    Grouping *s = user;

    if (read_events(s))
        return G_SOURCE_CONTINUE;
    s->source = 0;
    return G_SOURCE_REMOVE;
}

void
group_watch(Vm *vm)
{
    Grouping *s = grouping_of(vm->run);
    g_autofree char *path = NULL;

    if (!vm->run->group || s->events > 0)
        return;
    s->group = g_strdup(vm->run->group);
    path = g_build_filename(vm->run->group, "guest/memory.events", NULL);
    s->events = MAX(open(path, O_RDONLY | O_CLOEXEC), 0);
    if (read_events(s)) /* and from then on the kernel tells of changes */
        s->source = g_unix_fd_add(s->events, G_IO_PRI, on_events, s);
}

char *
group_ran_out(Run *run)
{
    Grouping *s = run->grouping.data;

    if (!s)
        return NULL;
    read_events(s);
    if (!s->ran_out)
        return NULL;
    return s->most && strcmp(s->most, "max") != 0
               ? g_strdup_printf("the kernel has ended it: it needed more memory than its "
                                 "hard_limit, %s bytes (virsh memtune)",
                                 s->most)
               : g_strdup("the kernel has ended it: the host had no memory left");
}

/* ---- the row "place threads" */

static void
plan_thread(CgroupPlan *plan, const char *name, const Limit *l, pid_t tid)
{
    g_autofree char *folder = g_strconcat("guest/", name, NULL);
    g_autofree char *type = g_strconcat(folder, "/cgroup.type", NULL);
    g_autofree char *threads = g_strconcat(folder, "/cgroup.threads", NULL);
    g_autofree char *id = g_strdup_printf("%d", (int)tid);

    cgroup_plan_make(plan, folder);
    cgroup_plan_write(plan, type, "threaded", NULL);
    if (l) {
        g_autofree char *file = g_build_filename(folder, l->file, NULL);
        cgroup_plan_write(plan, file, l->text, l->what);
    }
    cgroup_plan_write(plan, threads, id, l ? l->what : "threads");
}

static const Limit *
find_limit(const GPtrArray *limits, LimitOf of)
{
    EACH (const Limit, l, limits)
        if (l->of == of)
            return l;
    return NULL;
}

static CgroupPlan *
plan_threads(const Run *run)
{
    CgroupPlan *plan = cgroup_plan_new(run->group);
    g_autoptr(GPtrArray) all = limits_of(run->live, FALSE, "cputune/");

    if (!cgroup_has(run->group, "cpu"))
        return plan;
    for (guint i = 0; i < run->vcpu_tids->len; i++) {
        g_autofree char *name = g_strdup_printf("vcpu%u", i);
        pid_t tid = g_array_index(run->vcpu_tids, pid_t, i);
        if (tid > 0)
            plan_thread(plan, name, find_limit(all, LIMIT_OF_VCPU), tid);
    }
    for (guint i = 0; i < run->iothreads->len; i++) {
        const Iothread *t = &g_array_index(run->iothreads, Iothread, i);
        g_autofree char *name = g_strdup_printf("iothread%u", t->id);
        plan_thread(plan, name, find_limit(all, LIMIT_OF_IOTHREAD), t->tid);
    }
    return plan;
}

StepResult
group_place_threads(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;

    if (!vm->run->group)
        return STEP_DONE;
    if (grouping_of(vm->run)->planned)
        return settle_planned(vm, err);
    group_let_go(vm->run); /* QEMU is in the scope and holds it from here on */
    run_plan(vm, plan_threads(vm->run), flow_wait_again(f));
    return STEP_WAIT;
}

/* ---- the host's list of machines */

static void
on_registered(sd_bus_message *reply, const GError *err, gpointer user)
{
    g_autofree char *name = user;
    const sd_bus_error *said = reply ? sd_bus_message_get_error(reply) : NULL;

    if (err && !(said && sd_bus_error_has_name(said, SD_BUS_ERROR_SERVICE_UNKNOWN)))
        log_info("'%s' is not in machinectl's list: %s", name, err->message);
}

/* Nothing waits for machined, which forgets the machine when its scope ends. */
void
group_register(const Vm *vm)
{
    g_autofree char *name = machine_name(vm, vm->obj.id);
    sd_bus_message *m = vm->run->scope ? bus_message(&register_machine, NULL) : NULL;
    gboolean ok;

    if (!m)
        return;
    ok = sd_bus_message_append(m, "s", name) >= 0 &&
         sd_bus_message_append_array(m, 'y', vm->obj.uuid, UUID_LEN) >= 0 &&
         sd_bus_message_append(m, "ssusai", "vmd", "vm", (guint32)vm->run->pid, "", 0) >= 0;
    if (ok)
        bus_send(m, CALL_MS, on_registered, g_steal_pointer(&name));
    else
        sd_bus_message_unref(m);
}

/* ---- a daemon that comes back, and one that ends */

gboolean
group_find(pid_t pid, char **ret_group, char **ret_scope)
{
    static const char end[] = "/guest/emulator";
    const char *mount = cgroup_mount(), *why = NULL;
    g_autofree char *path = cgroup_of("", pid, NULL), *base = NULL, *name = NULL;

    if (!path || !g_str_has_suffix(path, end))
        return FALSE;
    path[strlen(path) - strlen(end)] = '\0';
    name = g_path_get_basename(path);
    if (g_str_has_suffix(name, ".scope") && mount) {
        *ret_group = g_strconcat(mount, path, NULL);
        *ret_scope = g_steal_pointer(&name);
        return TRUE;
    }
    if (group_kind(&base, &why) != GROUP_FOLDER)
        return FALSE;
    *ret_group = g_build_filename(base, name, NULL);
    *ret_scope = NULL;
    return TRUE;
}

char **
group_words(const char *group, const char *scope)
{
    char **words = g_new0(char *, 4);

    words[0] = g_strdup(scope ? "scope" : "folder");
    words[1] = scope ? g_strdup(scope) : g_path_get_basename(group);
    words[2] = g_strdup(group);
    return words;
}

void
group_done(void)
{
    g_clear_pointer(&jobs, bus_unwatch);
}
