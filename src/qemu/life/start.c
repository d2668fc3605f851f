/* Start as a job: its input, the effect of its end on the domain, and the events. */
#include <string.h>

#include "life.h"

typedef struct Starting {
    DomainDef *def; /* to run instead of the persistent one; NULL: that one */
    char *written;  /* the document that def was read from */
} Starting;

static void
starting_free(gpointer data)
{
    Starting *s = data;

    domain_free(s->def);
    g_free(s->written);
    g_free(s);
}

/* Drops what the daemon needed only for the start, and descriptors of which QEMU has copies: image
 * locks depend on those. */
static void
drop_scaffold(Run *run)
{
    g_clear_pointer(&run->start.files, g_ptr_array_unref);
    g_clear_pointer(&run->start.nets, g_ptr_array_unref);
    fd_close(&run->start.monitor_fd);
    g_clear_pointer(&run->start.first_cpu, g_free);
    if (run->start.watch)
        g_source_remove(run->start.watch);
    run->start.watch = 0;
    run->start.emulator = NULL;
    group_let_go(run);
}

static void
start_failed(Vm *vm, Ask *a, const GError *why)
{
    g_autoptr(GError) err = NULL;

    if (vm->run->lost) {
        g_autofree char *words = start_last_words(vm);
        Event e = vm_event(vm, DOMAIN_EVENT_CONTROL_ERROR);
        g_autofree char *ran_out = group_ran_out(vm->run);
        if (ran_out)
            fail(&err, ERR_OPERATION_FAILED, "domain '%s': %s", vm->obj.name, ran_out);
        else if (vm->run->wrong)
            fail(&err, ERR_PLAIN, "domain '%s': %s", vm->obj.name, vm->run->wrong);
        else
            start_words_fail(vm, words, &err);
        event_emit(&e);
    } else {
        err = g_error_copy(why);
        if (vm->run->pid && !strstr(err->message, vm->obj.name))
            g_prefix_error(&err, "domain '%s': ", vm->obj.name);
    }
    vmlog_line(vm, "shutting down, reason=failed");
    vm_run_over(vm);
    registry_set_id(qemu_vms, &vm->obj, -1);
    vm_enter(vm, VM_SHUTOFF, SHUTOFF_FAILED);
    if (!vm->persistent) /* made for this run, or undefined during it */
        vm_remove(vm);
    ask_end(a, err);
}

static void
announce(Vm *vm)
{
    if (vm->run->flags & VM_START_PAUSED) {
        vm_enter(vm, VM_PAUSED, PAUSED_USER);
        vm_tell(vm, LIFECYCLE_STARTED, STARTED_BOOTED);
        vm_tell(vm, LIFECYCLE_SUSPENDED, SUSPENDED_PAUSED);
    } else {
        vm_enter(vm, VM_RUNNING, RUNNING_BOOTED);
        vm_tell(vm, LIFECYCLE_RESUMED, 0);
        vm_tell(vm, LIFECYCLE_STARTED, STARTED_BOOTED);
    }
}

static void
on_started(gpointer obj, const GError *err, gpointer user)
{
    Vm *vm = obj;
    Ask *a = user;

    if (err) {
        start_failed(vm, a, err);
        return;
    }
    drop_scaffold(vm->run);
    vm->run->complete = TRUE;
    group_register(vm);
    announce(vm);
    log_info("domain '%s': started as QEMU process %d", vm->obj.name, (int)vm->run->pid);
    ask_end(a, NULL);
    /* QEMU may have ended between its last answer and now. */
    stop_check(vm);
}

/* The group of groups that a domain's own one belongs to; an ordinary user's daemon has none. */
static void
name_partition(DomainDef *live)
{
    if (qemu_paths->session)
        return;
    if (live->resource == NULL)
        live->resource = g_new0(ResourceDef, 1);
    if (live->resource->partition == NULL)
        live->resource->partition = g_strdup("/machine");
}

static gboolean
start_run(Ask *a, GError **err)
{
    Vm *vm = a->vm;
    Starting *s = a->data;
    DomainDef *live;

    if (vm->run)
        return fail(err, ERR_OPERATION_INVALID, "domain is already running");
    /* The domain may have been removed while the job waited. */
    if (vm_find_uuid(vm->obj.uuid) != vm || (!s->def && !vm->persistent))
        return fail(err, ERR_NO_DOMAIN, "domain '%s' was undefined meanwhile", vm->obj.name);
    if (!s->def && !define_complete(vm, err))
        return FALSE;
    if (!refused_check(s->def ? s->def : define_get(vm, NULL), s->written, err))
        return FALSE;
    live = s->def ? g_steal_pointer(&s->def) : define_copy(vm, NULL);
    vm->run = run_new(vm, live);
    vm->run->flags = a->flags;
    vm->run->started = g_get_real_time();
    registry_set_id(qemu_vms, &vm->obj, vm_next_id());
    live->id = (guint32)vm->obj.id;
    name_partition(live);
    vm_enter(vm, VM_PAUSED, PAUSED_STARTING_UP);
    flow_run(&start_table, vm, on_started, a);
    return TRUE;
}

static void
start_cancel(Ask *a, Err code, const char *why)
{
    if (a->vm->obj.flow)
        flow_cancel(a->vm->obj.flow, code, why);
}

static const AskKind start_kind = { .what = "start",
                                    .job = JOB_START,
                                    .operation = 1,
                                    .when_off = TRUE,
                                    .run = start_run,
                                    .cancel = start_cancel };

void
vm_start(Vm *vm, guint flags, Asker who, VmDone done, gpointer user)
{
    vm_ask(vm, &start_kind, flags, g_new0(Starting, 1), starting_free, who, done, user);
}

/* ---- transient domains */

typedef struct Creation {
    VmDone done;
    gpointer user;
} Creation;

static void
on_created(Vm *vm, const GError *err, gpointer user)
{
    g_autofree Creation *c = user;

    if (err && !vm->persistent && !vm->run) /* it was refused before there was anything to undo */
        vm_remove(vm);
    c->done(err ? NULL : vm, err, c->user);
}

/* The Vm that def will run as: the one of that name and UUID, or a new one. */
static Vm *
find_or_add(const DomainDef *def, GError **err)
{
    Vm *vm;

    if (!define_may_have(def, &vm, err))
        return NULL;
    if (vm && vm->run) {
        fail(err, ERR_OPERATION_INVALID, "domain is already active as '%s'", vm->obj.name);
        return NULL;
    }
    return vm ? vm : vm_add(def->name, def->uuid, err);
}

void
vm_create(const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(DomainDef) def = domain_parse_noting(
        xml, -1, flags & VM_START_VALIDATE ? DEF_VALIDATE : 0, emulator_context(), unknown, &err);
    Vm *vm = def ? find_or_add(def, &err) : NULL;
    Creation *c;
    Starting *s;

    if (!vm) {
        done(NULL, err, user);
        return;
    }
    vm_note_unknown(vm, g_steal_pointer(&unknown), FALSE);
    c = g_new(Creation, 1);
    *c = (Creation){ done, user };
    s = g_new0(Starting, 1);
    *s = (Starting){ g_steal_pointer(&def), g_strdup(xml) };
    vm_ask(vm, &start_kind, flags, s, starting_free, who, on_created, c);
}
