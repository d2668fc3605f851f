/* What is on disk of a running VM, and how the next daemon finds it again. SIGKILL may have struck
 * anywhere: a start that was not over is undone, a stop that had begun is finished, and a VM that
 * runs is adopted by pid and start time; its monitor tells the rest.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_priv.h"

#define STATUS_MAX (16 << 20)

/* ---- the status file */

static json_object *
images_to_json(const Run *run)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < run->images->len; i++) {
        const Image *m = &g_array_index(run->images, Image, i);
        json_object_array_add(list, json_make("path", 's', m->path, "dev", 'i', (gint64)m->dev,
                                              "ino", 'i', (gint64)m->ino, "write", 'b', m->write,
                                              "shared", 'b', m->shared, NULL));
    }
    return list;
}

static json_object *
numbers_to_json(const Run *run, gboolean ports)
{
    json_object *list = json_object_new_array();
    const GArray *from = ports ? run->ports : run->vcpu_tids;

    for (guint i = 0; i < from->len; i++)
        json_object_array_add(list, json_object_new_int(ports ? g_array_index(from, guint16, i)
                                                              : g_array_index(from, pid_t, i)));
    return list;
}

/* "complete" is what makes the difference between a VM and a start that was interrupted. */
static json_object *
status_to_json(const Vm *vm)
{
    const Run *run = vm->run;

    return json_make("name", 's', vm->obj.name, "id", 'i', (gint64)vm->obj.id, "pid", 'i',
                     (gint64)run->pid, "start_time", 'i', (gint64)run->start_time, "started", 'i',
                     run->started, "flags", 'i', (gint64)run->flags, "complete", 'b', run->complete,
                     "stopping", 'b', run->stopping, "why_reason", 'i', (gint64)run->why.reason,
                     "why_detail", 'i', (gint64)run->why.detail, "state", 'i', (gint64)vm->state,
                     "reason", 'i', (gint64)vm->reason, "rebooting", 'b', run->rebooting,
                     "outdated", 'b', run->outdated, "taint", 'i', (gint64)run->taint, "images",
                     'o', images_to_json(run), "ports", 'o', numbers_to_json(run, TRUE), "vcpus",
                     'o', numbers_to_json(run, FALSE), NULL);
}

gboolean
status_save(Vm *vm, GError **err)
{
    g_autofree char *path = g_build_filename(vm->run->dir, "status", NULL);
    json_object *o = status_to_json(vm);
    gboolean ok = file_write_volatile(
        path, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY), -1, 0600, err);

    json_object_put(o);
    return ok;
}

gboolean
live_save(Vm *vm, GError **err)
{
    g_autofree char *path = g_build_filename(vm->run->dir, "live.xml", NULL);
    g_autofree char *xml = domain_format(vm->run->live, DEF_LIVE | DEF_SECURE);

    return file_write_volatile(path, xml, -1, 0600, err);
}

static void
images_from_json(Run *run, json_object *list)
{
    for (gsize i = 0; i < json_length(list); i++) {
        json_object *o = json_object_array_get_idx(list, i);
        Image m = { .path = g_strdup(json_str(o, "path")),
                    .dev = (guint64)json_int(o, "dev", 0),
                    .ino = (guint64)json_int(o, "ino", 0),
                    .write = json_flag(o, "write"),
                    .shared = json_flag(o, "shared") };
        if (!m.path)
            continue;
        g_array_append_val(run->images, m);
    }
}

static void
numbers_from_json(Run *run, json_object *ports, json_object *vcpus)
{
    for (gsize i = 0; i < json_length(ports); i++) {
        guint16 p = (guint16)json_object_get_int(json_object_array_get_idx(ports, i));
        g_array_append_val(run->ports, p);
    }
    for (gsize i = 0; i < json_length(vcpus); i++) {
        pid_t p = json_object_get_int(json_object_array_get_idx(vcpus, i));
        g_array_append_val(run->vcpu_tids, p);
    }
}

static void
status_apply(Vm *vm, json_object *o)
{
    Run *run = vm->run;
    gint64 state = json_int(o, "state", VM_PAUSED);

    registry_set_id(qemu_vms, &vm->obj, (int)json_int(o, "id", -1));
    vm_id_used(vm->obj.id);
    run->pid = (pid_t)json_int(o, "pid", 0);
    run->start_time = (guint64)json_int(o, "start_time", 0);
    run->started = json_int(o, "started", 0);
    run->flags = (guint)json_int(o, "flags", 0);
    run->complete = json_flag(o, "complete");
    run->stopping = json_flag(o, "stopping");
    run->rebooting = json_flag(o, "rebooting");
    run->outdated = json_flag(o, "outdated");
    run->why = (StopWhy){ (int)json_int(o, "why_reason", 0), (int)json_int(o, "why_detail", 0) };
    run->taint = (guint)json_int(o, "taint", 0);
    images_from_json(run, json_at(o, "images"));
    numbers_from_json(run, json_at(o, "ports"), json_at(o, "vcpus"));
    vm->state = state > VM_NOSTATE && state < N_VM_STATES ? (VmState)state : VM_PAUSED;
    vm->reason = (int)json_int(o, "reason", 0);
}

static json_object *
read_status(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "status", NULL);
    g_autofree char *text = NULL;

    return file_read(path, STATUS_MAX, &text, NULL, NULL) ? json_tokener_parse(text) : NULL;
}

static DomainDef *
read_live(const char *dir, GError **err)
{
    g_autofree char *path = g_build_filename(dir, "live.xml", NULL);
    g_autofree char *text = NULL;
    gsize len;

    if (!file_read(path, STATUS_MAX, &text, &len, err))
        return NULL;
    return domain_parse(text, (gssize)len, DEF_BARE | DEF_LIVE, emulator_context(), err);
}

/* ---- processes of an earlier daemon */

char *
note_process(pid_t pid)
{
    return g_strdup_printf("%d %" G_GUINT64_FORMAT, (int)pid, process_start_time(pid));
}

gboolean
note_read(const char *note, pid_t *ret_pid, guint64 *ret_start_time)
{
    g_auto(GStrv) words = g_strsplit(note ? note : "", " ", 2);

    if (g_strv_length(words) != 2)
        return FALSE;
    *ret_pid = (pid_t)g_ascii_strtoll(words[0], NULL, 10);
    *ret_start_time = g_ascii_strtoull(words[1], NULL, 10);
    return *ret_pid > 1;
}

static gboolean
env_has(const char *pid, const char *mark)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/environ", pid);
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return FALSE;
    for (gsize i = 0; i < len; i += strlen(text + i) + 1)
        if (strcmp(text + i, mark) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
runs_program(const char *pid, const char *program)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/comm", pid);
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) && g_str_has_prefix(text, program);
}

gboolean
note_find(const char *run_dir, const char *program, pid_t *ret_pid, guint64 *ret_start_time)
{
    g_autofree char *mark = g_strdup_printf("%s=%s", RUN_MARK, run_dir);
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (proc && (name = g_dir_read_name(proc))) {
        if (!g_ascii_isdigit(name[0]) || !env_has(name, mark) || !runs_program(name, program))
            continue;
        *ret_pid = (pid_t)atoi(name);
        *ret_start_time = process_start_time(*ret_pid);
        return TRUE;
    }
    return FALSE;
}

/* ---- a VM that runs */

static void
on_state(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run && !vm->run->stopping)
        events_reconcile(vm, json_str(ret, "status"));
    if (!vm->run || !vm->run->ending)
        vm->catching_up = FALSE;
    object_unref(vm);
}

static void
on_balloon_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        vm->run->balloon_kib = (guint64)json_int(ret, "actual", 0) / 1024;
    object_unref(vm);
}

static void
on_chardevs_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        take_chardevs(vm, ret, NULL);
    object_unref(vm);
}

static void
on_vcpus_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        take_vcpus(vm, ret, NULL);
    object_unref(vm);
}

static void
on_iothreads_now(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (!err && vm->run)
        take_iothreads(vm, ret, NULL);
    object_unref(vm);
}

/* Its answers come whenever QEMU gets to them; until then the saved state stands. */
static void
resume_talk(Vm *vm)
{
    g_autoptr(GError) err = NULL;

    if (!monitor_connect(vm, &err)) {
        log_warning("domain '%s': %s", vm->obj.name, err->message);
        vm_stop(vm, (StopWhy){ SHUTOFF_CRASHED, STOPPED_FAILED }, FALSE);
        return;
    }
    qmp_call(vm->run->qmp, "query-status", NULL, on_state, object_ref(vm));
    qmp_call(vm->run->qmp, "query-balloon", NULL, on_balloon_now, object_ref(vm));
    qmp_call(vm->run->qmp, "query-cpus-fast", NULL, on_vcpus_now, object_ref(vm));
    qmp_call(vm->run->qmp, "query-iothreads", NULL, on_iothreads_now, object_ref(vm));
    qmp_call(vm->run->qmp, "query-chardev", NULL, on_chardevs_now, object_ref(vm));
}

static void
adopt(Vm *vm)
{
    Run *run = vm->run;

    run->process = process_adopt(run->pid, run->start_time, stop_on_exit, vm, NULL);
    if (run->process) {
        log_info("domain '%s': found its QEMU, process %d", vm->obj.name, (int)run->pid);
        resume_talk(vm);
        return;
    }
    /* What it said last is lost with its monitor; "shut down" was saved when it was heard. */
    log_warning("domain '%s': its QEMU ended while the daemon was away", vm->obj.name);
    stop_check(vm);
}

/* ---- one ledger */

static gboolean
parse_ledger_name(const char *name, guint8 ret_uuid[UUID_LEN])
{
    if (uuid_parse(name, ret_uuid))
        return TRUE;
    log_warning("%s/qemu/%s.ledger belongs to no domain", qemu_paths->run, name);
    return FALSE;
}

/* A Vm that is only there for its undo, when the definition is not (any more). */
static Vm *
find_or_stand_in(const guint8 uuid[UUID_LEN], const char *name, GError **err)
{
    Vm *vm = vm_find_uuid(uuid);
    char text[UUID_TEXT_LEN];

    uuid_format(uuid, text);
    return vm ? vm : vm_add(name && !vm_find_name(name) ? name : text, uuid, err);
}

static void
on_undone(gpointer obj, const GError *err, gpointer user)
{
    Vm *vm = obj;

    log_warning("domain '%s': its start was interrupted and is undone", vm->obj.name);
    run_free(g_steal_pointer(&vm->run));
    vm_enter(vm, VM_SHUTOFF, SHUTOFF_FAILED);
    registry_set_id(qemu_vms, &vm->obj, -1);
    if (!vm->persistent)
        vm_remove(vm);
}

static void
undo_start(Vm *vm)
{
    vm->state = VM_PAUSED;
    flow_unwind(vm->run->ledger, vm, on_undone, NULL, &vm->flow);
}

static void
recover_run(Vm *vm, json_object *status)
{
    Run *run = vm->run;

    if (!status || !json_flag(status, "complete")) {
        run->live = run->live ? run->live : domain_copy(define_get(vm));
        undo_start(vm);
        return;
    }
    status_apply(vm, status);
    vm->catching_up = TRUE;
    if (run->stopping) {
        run->stopping = FALSE;
        run->pid = 0; /* the ledger's note tells whom to end */
        vm_stop(vm, run->why, FALSE);
    } else {
        adopt(vm);
    }
}

static void
recover_one(const char *name)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *dir = g_strdup_printf("%s/qemu/%s", qemu_paths->run, name);
    guint8 uuid[UUID_LEN];
    json_object *status;
    DomainDef *live;
    Vm *vm;

    if (!parse_ledger_name(name, uuid))
        return;
    status = read_status(dir);
    live = status ? read_live(dir, &err) : NULL;
    if (status && !live)
        log_warning("domain %s: live definition: %s", name, err->message);
    g_clear_error(&err);
    vm = find_or_stand_in(uuid, live ? live->name : NULL, &err);
    if (!vm || !(vm->run = run_new(vm, live, &err))) {
        log_error("domain %s: cannot be recovered: %s", name, err->message);
        domain_free(live);
    } else {
        if (!live && status)
            vm->run->live = domain_copy(define_get(vm));
        recover_run(vm, status);
    }
    json_object_put(status);
}

gboolean
recover_all(GError **err)
{
    g_autofree char *folder = g_strconcat(qemu_paths->run, "/qemu", NULL);
    g_autoptr(GPtrArray) names = NULL;

    if (!dir_make(folder, 0700, err) || !(names = state_names(folder, ".ledger", err)))
        return FALSE;
    dir_sweep(folder);
    for (guint i = 0; i < names->len; i++)
        recover_one(names->pdata[i]);
    return TRUE;
}
