/* How a daemon finds again what an earlier one left. SIGKILL may have struck anywhere: a start that
 * was not over is undone, a stop that had begun is finished, and a VM that runs is adopted; its
 * monitor tells the rest.
 *
 * A VM has left a ledger, a runtime folder with its status and its live definition, and a QEMU with
 * that folder in its environment. Each of them may be missing or damaged; as long as there is one,
 * the VM is found. A QEMU that runs is never ended because a file says too little.
 */
#include <stdio.h>
#include <string.h>

#include "host/host.h"
#include "life.h"

/* ---- a VM that runs */

/* Rows of changes that its daemon died in. The monitor is asked for before: an undo may need it. */
static void
undo_loose_changes(Vm *vm)
{
    static const JobSpec spec = { .kind = JOB_CHANGE, .what = "undo an interrupted change" };

    if (!ledger_loose(object_ledger(vm), NULL))
        return;
    log_warning("domain '%s': a change was interrupted and is undone", vm->obj.name);
    object_recover(vm, &spec, NULL);
}

static void
adopt(Vm *vm)
{
    Run *run = vm->run;

    run->process = process_adopt(run->pid, run->start_time, stop_on_exit, vm, NULL);
    if (run->process) {
        log_info("domain '%s': found its QEMU, process %d", vm->obj.name, (int)run->pid);
        passt_watch(vm);
        outputs_watch(vm);
        talk_resume(vm);
        undo_loose_changes(vm);
        update_recover(vm);
        return;
    }
    /* What it said last is lost with its monitor; "shut down" was saved when it was heard. */
    log_warning("domain '%s': its QEMU ended while the daemon was away", vm->obj.name);
    stop_check(vm);
}

/* ---- what is left of one VM */

typedef struct Remains {
    char *uuid; /* as text */
    char *dir;
    GPtrArray *marks;
    const Marked *qemu; /* NULL: none runs */
    json_object *status;
    DomainDef *live;
    gboolean has_live; /* also when live was given away */
    char *name;
    GString *doubt; /* what could not be read */
} Remains;

static void
remains_done(Remains *r)
{
    json_object_put(r->status);
    domain_free(r->live);
    g_free(r->uuid);
    g_free(r->dir);
    g_free(r->name);
    g_string_free(r->doubt, TRUE);
}

static void
doubt(Remains *r, const char *what, const char *why)
{
    g_string_append_printf(r->doubt, "%s%s %s", r->doubt->len ? "; " : "", what, why);
}

/* Out of the runtime folder, which goes with the VM. */
static void
set_aside(Remains *r, const char *name, const GError *why)
{
    g_autofree char *path = g_build_filename(r->dir, name, NULL);
    g_autofree char *kept = g_strdup_printf("%s.%s", r->dir, name);
    g_autofree char *text = g_strdup_printf("could not be read: %s", why->message);

    doubt(r, name, text);
    if (rename(path, kept) == 0)
        file_set_aside(kept, why->message);
    else
        log_error("'%s' cannot be read (%s), nor be moved", path, why->message);
}

static char *
find_name(const Remains *r)
{
    char *name = r->live ? g_strdup(r->live->name) : g_strdup(json_str(r->status, "name"));

    if (!name)
        name = ledger_object_name(&vm_kind, r->uuid);
    if (!name && r->qemu)
        name = found_name(r->qemu->pid);
    return name;
}

static void
read_live(Remains *r)
{
    g_autoptr(GError) err = NULL;
    gboolean changed = FALSE;
    char uuid[UUID_TEXT_LEN];

    r->live = live_read(r->dir, &changed, &err);
    if (r->live)
        uuid_format(r->live->uuid, uuid);
    if (r->live && strcmp(uuid, r->uuid) != 0) {
        fail(&err, ERR_XML, "it is of another domain");
        g_clear_pointer(&r->live, domain_free);
    }
    if (err)
        set_aside(r, "live.xml", err);
    else if (changed)
        doubt(r, "live.xml", "was changed after it was saved");
    r->has_live = r->live != NULL;
}

static void
remains_read(Remains *r, const char *uuid, GPtrArray *marks)
{
    g_autoptr(GError) no_status = NULL;

    *r = (Remains){ .uuid = g_strdup(uuid), .marks = marks, .doubt = g_string_new(NULL) };
    r->dir = g_strdup_printf("%s/qemu/%s", qemu_paths->run, uuid);
    r->qemu = marks_find(marks, r->dir, NULL);
    r->status = status_read(r->dir, &no_status);
    if (no_status)
        set_aside(r, "status", no_status);
    read_live(r);
    r->name = find_name(r);
}

/* A Vm that is only there for what runs, when its definition is not (any more). */
static Vm *
find_or_stand_in(const Remains *r, const guint8 uuid[UUID_LEN], GError **err)
{
    Vm *vm = vm_find_uuid(uuid);

    if (!vm && r->name)
        vm = define_find_broken(r->name, uuid);
    if (vm && r->name && strcmp(r->name, vm->obj.name) != 0)
        log_warning("domain '%s' was called '%s' when it was started", vm->obj.name, r->name);
    return vm ? vm : vm_add(r->name && !vm_find_name(r->name) ? r->name : r->uuid, uuid, err);
}

/* ---- a start that was not finished */

static void
on_undone(gpointer obj, const GError *err, gpointer user)
{
    Vm *vm = obj;

    log_warning("domain '%s': its start was interrupted and is undone", vm->obj.name);
    vm_run_over(vm);
    vm_enter(vm, VM_SHUTOFF, SHUTOFF_FAILED);
    registry_set_id(qemu_vms, &vm->obj, -1);
    if (!vm->persistent)
        vm_remove(vm);
}

/* A job: who asks for a start or an end meanwhile waits for it. */
static void
undo_start(Vm *vm)
{
    static const JobSpec spec = { .kind = JOB_STOP, .what = "undo an interrupted start" };

    vm->state = VM_PAUSED;
    object_unwind(vm, &spec, on_undone);
}

/* ---- a VM whose start was finished */

/* Nothing is known but that it runs: its monitor tells more. */
static void
apply_nothing(Vm *vm)
{
    Run *run = vm->run;

    registry_set_id(qemu_vms, &vm->obj, vm_next_id());
    run->started = g_get_real_time();
    run_alter(run)->id = (guint32)vm->obj.id;
    vm->state = VM_RUNNING;
    vm->reason = RUNNING_UNKNOWN;
}

static gboolean
apply_status(Vm *vm, Remains *r)
{
    g_autoptr(GError) err = NULL;

    if (!r->status || status_apply(vm, r->status, &err))
        return r->status != NULL;
    set_aside(r, "status", err);
    return FALSE;
}

/* Finds QEMU by its mark, because a file may be wrong. */
static void
point_at_qemu(Vm *vm, const Remains *r)
{
    Run *run = vm->run;

    if (!r->qemu)
        return;
    run->pid = r->qemu->pid;
    run->start_time = r->qemu->start_time;
}

/* Makes doubts about a recovered VM visible in "dommessages", and saves them for the next daemon.
 */
static void
tell_doubt(Vm *vm, const Remains *r)
{
    g_autoptr(GError) err = NULL;

    if (r->doubt->len == 0)
        return;
    g_free(vm->run->doubt);
    vm->run->doubt = g_strdup(r->doubt->str);
    log_warning("domain '%s' was found again in part: %s", vm->obj.name, r->doubt->str);
    if (!live_save(vm, &err) || !status_save(vm, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
}

/* Its daemon died between the end of the start and saving the state that it led to: QEMU was told
 * to go on, and may not be able to say so now. */
static void
settle_start(Vm *vm)
{
    if (vm->state != VM_PAUSED || vm->reason != PAUSED_STARTING_UP)
        return;
    if (vm->run->flags & VM_START_PAUSED) {
        vm->reason = PAUSED_USER;
        return;
    }
    vm->state = VM_RUNNING;
    vm->reason = RUNNING_BOOTED;
}

static void
take_up(Vm *vm, Remains *r)
{
    Run *run = vm->run;
    gboolean known = apply_status(vm, r);

    if (!known)
        apply_nothing(vm);
    point_at_qemu(vm, r);
    run->complete = TRUE;
    settle_start(vm);
    group_watch(vm);
    run->stopping |= ledger_unwinding(object_ledger(vm));
    if (!known) {
        found_claims(vm);
        confine_found(vm);
        if (!run->group)
            group_find(run->pid, &run->group, &run->scope);
    }
    if (known && json_flag(r->status, "persistent") && !vm->persistent)
        log_warning("domain '%s': its definition is gone, it is transient now", vm->obj.name);
    if (!run->stopping)
        tell_doubt(vm, r);
    vm->catching_up = TRUE;
    if (run->stopping) {
        run->stopping = FALSE;
        vm_stop(vm, run->why, FALSE);
    } else {
        adopt(vm);
    }
}

/* ---- which of them it is */

/* Names of taps are not used twice in a row. */
static void
remember_links(const DomainDef *live)
{
    const GPtrArray *nets = live->devices.nets;

    for (guint i = 0; nets && i < nets->len; i++)
        tap_name_used(((const NetDef *)nets->pdata[i])->ifname);
}

/* Says what is missing; the files themselves are made anew. */
static void
doubt_what_is_missing(Remains *r)
{
    if (!r->status && !strstr(r->doubt->str, "status"))
        doubt(r, "status", "is missing");
    if (!r->has_live && !strstr(r->doubt->str, "live.xml"))
        doubt(r, "live.xml", "is missing");
}

/* Nothing runs, and its ledger is of a change of its definition. */
static gboolean
was_edited(const Vm *vm, const Remains *r)
{
    const Ledger *l = object_ledger((gpointer)vm);

    return vm->persistent && !r->qemu && !r->status && !r->has_live && ledger_loose(l, NULL) &&
           !ledger_loose(l, &start_table) && !ledger_committed(l, &start_table);
}

static void
recover_vm(Vm *vm, Remains *r)
{
    Ledger *l = object_ledger(vm);
    gboolean committed = ledger_committed(l, &start_table);
    gboolean complete = committed || json_flag(r->status, "run.complete");
    gboolean lost = ledger_broken(l) || ledger_empty(l);
    gboolean cut_off = lost || (complete && (!committed || ledger_loose(l, &start_table)));

    if (was_edited(vm, r)) {
        undo_loose_changes(vm);
        return;
    }
    vm->run = run_new(vm, g_steal_pointer(&r->live));
    if (!vm->run->live)
        run_put(vm->run, found_live(vm, r->qemu ? r->qemu->pid : 0));
    remember_links(vm->run->live);
    if (ledger_broken(l))
        doubt(r, "its ledger could not be read:", ledger_broken(l));
    else if (cut_off)
        doubt(r, "its ledger", lost ? "is missing" : "is cut off");
    if (cut_off)
        found_restore(vm, r->marks);
    links_filter_again(vm);
    links_limit_again(vm);
    if (complete || (cut_off && r->qemu)) {
        if (!ledger_unwinding(l)) /* else its folder may be gone in part */
            doubt_what_is_missing(r);
        take_up(vm, r);
    } else {
        undo_start(vm);
    }
}

static void
recover_one(const char *name, GPtrArray *marks)
{
    g_autoptr(GError) err = NULL;
    guint8 uuid[UUID_LEN];
    Remains r;
    Vm *vm;

    if (!uuid_parse(name, uuid)) {
        log_warning("%s/qemu/%s belongs to no domain", qemu_paths->run, name);
        return;
    }
    remains_read(&r, name, marks);
    vm = find_or_stand_in(&r, uuid, &err);
    if (vm)
        recover_vm(vm, &r);
    else
        log_error("domain %s: cannot be recovered: %s", name, err->message);
    remains_done(&r);
}

/* ---- all of them */

static void
add_name(GHashTable *names, const char *name)
{
    g_hash_table_add(names, g_strdup(name));
}

static void
add_folders(GHashTable *names, const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            add_name(names, name);
    }
}

static void
add_marks(GHashTable *names, const char *folder, GPtrArray *marks)
{
    for (guint i = 0; i < marks->len; i++) {
        const Marked *m = marks->pdata[i];
        g_autofree char *above = g_path_get_dirname(m->dir), *name = g_path_get_basename(m->dir);
        if (strcmp(above, folder) == 0)
            add_name(names, name);
    }
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

gboolean
recover_all(GError **err)
{
    g_autofree char *folder = g_strconcat(qemu_paths->run, "/qemu", NULL);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) ledgers = NULL, marks = NULL;
    g_autoptr(GList) sorted = NULL;

    if (!dir_make(folder, 0700, err) || !(ledgers = ledger_names(&vm_kind, err)))
        return FALSE;
    dir_sweep(folder);
    marks = marks_list();
    for (guint i = 0; i < ledgers->len; i++)
        add_name(names, ledgers->pdata[i]);
    add_folders(names, folder);
    add_marks(names, folder, marks);
    sorted = g_list_sort(g_hash_table_get_keys(names), by_text);
    for (GList *name = sorted; name; name = name->next)
        recover_one(name->data, marks);
    filters_sweep();
    return TRUE;
}
