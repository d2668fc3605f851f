/* The one way to change a definition. An edit is a job of its domain and a flow: it is tried on
 * copies of the definitions that are meant, told to QEMU, written, and only then in force. A row
 * that fails, a cancel and a daemon that dies leave both definitions and QEMU as they were.
 *
 * The ledger has what is undone: what QEMU was told of, and the texts of both definitions as they
 * were before. Reads find the old definitions until the last rows are done.
 */
#include <string.h>

#include "vm.h"

#define EDIT_TRIES 8

static void submit(Edit *e);

static GPtrArray *kinds; /* of const EditKind, those that tell QEMU something */

void
edit_register(const EditKind *kind)
{
    if (!kinds)
        kinds = g_ptr_array_new();
    if (!g_ptr_array_find(kinds, kind, NULL))
        g_ptr_array_add(kinds, (gpointer)kind);
}

static const EditKind *
kind_find(const char *what)
{
    for (guint i = 0; kinds && what && i < kinds->len; i++)
        if (strcmp(((const EditKind *)kinds->pdata[i])->what, what) == 0)
            return kinds->pdata[i];
    return NULL;
}

/* ---- the copies */

typedef struct EditDifference {
    char *path; /* NULL: all that differs may */
} EditDifference;

static gboolean
look_at(const char *path, const Field *f, gpointer user)
{
    EditDifference *d = user;

    if (f->flags & F_HOT)
        return TRUE;
    d->path = g_strdup(path);
    return FALSE;
}

/* *ret_same: there is nothing to save. */
static gboolean
may_change_live(const DomainDef *from, const DomainDef *to, gboolean *ret_same, GError **err)
{
    EditDifference d = { 0 };
    g_autofree char *path = NULL;

    *ret_same = schema_compare(&domain_schema, from, to, look_at, &d);
    path = d.path;
    return !path || fail(err, ERR_OPERATION_UNSUPPORTED,
                         "domain '%s' runs, and '%s' cannot change while it does: change its "
                         "persistent definition (--config), which takes effect at its next start",
                         from->name, path);
}

static gboolean
try_live(Edit *e, GError **err)
{
    g_autoptr(DomainDef) copy = domain_copy(e->vm->run->live);

    e->live = TRUE;
    if (!e->kind->change(copy, e, err) ||
        (!e->kind->apply && !may_change_live(e->vm->run->live, copy, &e->same_live, err)))
        return FALSE;
    domain_free(e->new_live);
    e->new_live = g_steal_pointer(&copy);
    return TRUE;
}

static gboolean
settle(const Edit *e, DomainDef *def, GError **err)
{
    if (e->kind->flags & EDIT_WORDS || domain_settle(def, emulator_context(), err))
        return TRUE;
    /* The mistake is in an argument, not in XML. */
    if (err && e->kind->flags & EDIT_ARGUMENTS && error_is(*err, ERR_XML))
        (*err)->code = ERR_INVALID_ARG;
    return FALSE;
}

static gboolean
try_config(Edit *e, GError **err)
{
    g_autoptr(DomainDef) copy = define_copy(e->vm, err);

    e->live = FALSE;
    if (!copy || !e->kind->change(copy, e, err) || !settle(e, copy, err))
        return FALSE;
    domain_free(e->new_config);
    e->new_config = g_steal_pointer(&copy);
    return TRUE;
}

/* ---- rows */

/* The edit may have waited, so which definitions it is about is settled now. */
static gboolean
resolve(Edit *e, GError **err)
{
    e->impact = e->asked;
    if (e->kind->flags & EDIT_CONFIG_ALONE)
        e->impact = IMPACT_CONFIG;
    if (vm_find_uuid(e->vm->obj.uuid) != e->vm)
        return fail(err, ERR_NO_DOMAIN, "domain '%s' was undefined meanwhile", e->vm->obj.name);
    return vm_resolve_impact(e->vm, &e->impact, err) && (!e->kind->check || e->kind->check(e, err));
}

StepResult
edit_try(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);

    e->vm->edit = e;
    if (!resolve(e, err))
        return STEP_FAILED;
    if (!e->kind->change)
        return STEP_DONE;
    if (e->impact & IMPACT_LIVE && e->kind->tell && !vm_need_running(e->vm, err))
        return STEP_FAILED;
    return step_of((!(e->impact & IMPACT_LIVE) || try_live(e, err)) &&
                   (!(e->impact & IMPACT_CONFIG) || try_config(e, err)));
}

static void
on_told(json_object *ret, const GError *err, gpointer user)
{
    g_autofree FlowToken *token = user;

    flow_wake(*token, err);
}

static void
on_told_back(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (err)
        log_warning("domain '%s': QEMU was not told that a change is taken back: %s", vm->obj.name,
                    err->message);
    object_unref(vm);
}

void
edit_call(EditTell *t, const char *command, json_object *args)
{
    g_assert(!t->asked);
    t->asked = TRUE;
    if (t->back)
        qmp_call(t->vm->run->qmp, command, args, on_told_back, object_ref(t->vm));
    else
        qmp_call(t->vm->run->qmp, command, args, on_told, g_memdup2(&t->token, sizeof(t->token)));
}

FlowToken
edit_wait(EditTell *t)
{
    g_assert(!t->asked);
    t->asked = TRUE;
    return t->back ? 0 : t->token;
}

static StepResult
tell_qemu(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);
    g_autofree char *thing = NULL;
    EditTell t;

    if (!e->new_live || !e->kind->tell)
        return STEP_DONE;
    thing = e->kind->thing ? e->kind->thing(e) : g_strdup("it");
    if (!flow_note(f, thing, WORDS(e->kind->what), err))
        return STEP_FAILED;
    t = (EditTell){ .vm = e->vm, .def = e->new_live, .thing = thing, .token = flow_wait(f) };
    if (!e->kind->tell(&t, err))
        return STEP_FAILED;
    e->waited = t.asked;
    return t.asked ? STEP_WAIT : STEP_DONE;
}

/* The live definition in memory is the old one. QEMU gets to it after what it was told before, so
 * nobody waits for it: it may hang. */
static StepResult
tell_qemu_back(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    const EditKind *kind = kind_find(flow_word(f, 0));
    g_autoptr(GError) err = NULL;
    EditTell t = { .vm = vm, .thing = flow_key(f), .back = TRUE };

    t.def = vm->run ? vm->run->live : NULL;
    if (t.def && kind && !vm->run->stopping && !kind->tell(&t, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return STEP_DONE;
}

gboolean
edit_save_live(const Edit *e, GError **err)
{
    g_autoptr(DomainDef) now = domain_copy(e->vm->run->live);

    e->kind->apply(now, e);
    return live_write(e->vm->run->dir, now, err);
}

/* Events that arrived while QEMU was asked have changed the live definition, and not the copy. */
StepResult
edit_write_live(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);
    g_autofree char *before = NULL;

    if (!e->new_live || e->same_live)
        return STEP_DONE;
    if (e->waited && !e->kind->apply && !try_live(e, err))
        return STEP_FAILED;
    before = domain_format(e->vm->run->live, DEF_LIVE | DEF_SECURE | DEF_SAVED);
    return step_of(
        flow_note(f, "live", WORDS(before), err) &&
        (e->kind->apply ? edit_save_live(e, err) : live_write(e->vm->run->dir, e->new_live, err)));
}

StepResult
edit_write_live_back(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    g_autoptr(GError) err = NULL;
    const char *text = flow_word(f, 0);
    DomainDef *before;

    if (!vm->run || !text)
        return STEP_DONE;
    if (!vm->edit) { /* of an earlier daemon, and what was read is the new one */
        before = domain_parse(text, -1, DEF_BARE | DEF_LIVE | DEF_SAVED, emulator_context(), &err);
        if (before)
            run_put(vm->run, before);
    }
    if (err || !live_save(vm, &err))
        log_warning("domain '%s': its live definition is not as it was: %s", vm->obj.name,
                    err->message);
    return STEP_DONE;
}

StepResult
edit_mark_outdated(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);
    Run *run = e->vm->run;

    if (!run || run->outdated || !e->new_config)
        return STEP_DONE;
    if (!flow_note(f, "outdated", WORDS("yes"), err))
        return STEP_FAILED;
    run->outdated = TRUE;
    return step_of(!run->complete || status_save(e->vm, err));
}

StepResult
edit_unmark_outdated(Flow *f, gpointer obj)
{
    Vm *vm = obj;

    if (vm->run)
        vm->run->outdated = FALSE;
    vm_save_soon(vm);
    return STEP_DONE;
}

static void
on_placed(gpointer user)
{
    Edit *e = user;

    define_stamp(e->vm, &e->placed);
}

/* Somebody may have defined it anew while QEMU was asked. */
StepResult
edit_write_definition(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);
    g_autoptr(Rewrite) w = NULL;

    if (!e->new_config)
        return STEP_DONE;
    if (e->waited && !try_config(e, err))
        return STEP_FAILED;
    if (!(w = rewrite_new(e->vm, e->new_config, err)))
        return STEP_FAILED;
    e->secret = w->secret;
    e->based_on = w->stamp;
    if (!flow_note(f, "definition", WORDS(w->old_name, w->new_name, w->before, w->sum), err))
        return STEP_FAILED;
    return rewrite_do(f, w, on_placed, e, err);
}

StepResult
edit_write_definition_back(Flow *f, gpointer obj)
{
    g_autoptr(GError) err = NULL;

    if (flow_word(f, 3) && !rewrite_undo(obj, flow_word(f, 0), flow_word(f, 1), flow_word(f, 2),
                                         flow_word(f, 3), &err))
        log_error("domain '%s': its definition is not as it was: %s", ((Vm *)obj)->obj.name,
                  err->message);
    return STEP_DONE;
}

static const char *const mark_words[] = { "always", "once" };

static StepResult
mark_autostart(Flow *f, gpointer obj, GError **err)
{
    Edit *e = flow_user(f);
    Vm *vm = obj;

    if (!(e->kind->flags & EDIT_AUTOSTART) || vm->autostart[e->mark] == e->mark_on)
        return STEP_DONE;
    if (!flow_note(f, mark_words[e->mark], WORDS(e->mark_on ? "off" : "on"), err) ||
        !define_mark(vm, e->mark, e->mark_on, err))
        return STEP_FAILED;
    return define_settle(f);
}

static StepResult
mark_autostart_back(Flow *f, gpointer obj)
{
    AutostartKind mark = g_strcmp0(flow_key(f), mark_words[AUTOSTART_ONCE]) == 0 ? AUTOSTART_ONCE
                                                                                 : AUTOSTART_ALWAYS;
    gboolean on = g_strcmp0(flow_word(f, 0), "on") == 0;
    Vm *vm = obj;
    g_autoptr(GError) err = NULL;

    if (vm->persistent && !define_mark(vm, mark, on, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return STEP_DONE;
}

static const Step edit_steps[] = {
    { "try change", edit_try, NULL },
    { "tell qemu", tell_qemu, tell_qemu_back, STEP_KEYED },
    { "write live definition", edit_write_live, edit_write_live_back, STEP_KEYED },
    { "mark outdated", edit_mark_outdated, edit_unmark_outdated, STEP_KEYED },
    { "write definition", edit_write_definition, edit_write_definition_back, STEP_KEYED },
    { "mark autostart", mark_autostart, mark_autostart_back, STEP_KEYED },
    { 0 },
};
const FlowTable edit_table = { "edit", edit_steps, .for_good = TRUE };

/* ---- it holds */

static gboolean
is_file_of(const Vm *vm, const FileStamp *stamp)
{
    FileStamp now;

    return define_stamp(vm, &now) && file_stamp_equal(&now, stamp);
}

static const FileStamp no_file = { 0 };

/* While the disk was waited for, somebody may have put another definition in its place, or none. */
static gboolean
is_still_defined(const Edit *e)
{
    return file_stamp_equal(&e->placed, &no_file) || is_file_of(e->vm, &e->placed);
}

static void
commit(Edit *e)
{
    Vm *vm = e->vm;

    if (e->new_live && e->kind->apply && vm->run) {
        e->kind->apply(run_alter(vm->run), e);
    } else if (e->new_live && !e->same_live && vm->run) {
        run_put(vm->run, g_steal_pointer(&e->new_live));
    }
    if (e->new_config && is_still_defined(e))
        define_take(vm, g_steal_pointer(&e->new_config), !(e->kind->flags & EDIT_WORDS), e->secret);
    if (e->kind->done)
        e->kind->done(e);
}

static void
edit_free(Edit *e)
{
    domain_free(e->new_live);
    domain_free(e->new_config);
    if (e->free_data)
        e->free_data(e->data);
    g_free(e->who);
    object_unref(e->vm);
    g_free(e);
}

/* Somebody undefined or defined the domain before the edit's file took its place: the edit was
 * taken back, and is tried on what is there now. A device that was plugged and left again is not
 * plugged twice. */
static gboolean
is_overtaken(const Edit *e, const GError *err)
{
    return error_is(err, ERR_OPERATION_FAILED) && !e->kind->table && e->tries < EDIT_TRIES &&
           !file_stamp_equal(&e->based_on, &no_file) && file_stamp_equal(&e->placed, &no_file) &&
           !is_file_of(e->vm, &e->based_on);
}

static void
try_again(Edit *e)
{
    g_clear_pointer(&e->new_live, domain_free);
    g_clear_pointer(&e->new_config, domain_free);
    e->waited = FALSE;
    e->based_on = e->placed = no_file;
    e->tries++;
    submit(e);
}

static void
on_edited(gpointer obj, const GError *err, gpointer user)
{
    Edit *e = user;

    if (e->vm->edit == e)
        e->vm->edit = NULL;
    if (err && is_overtaken(e, err)) {
        try_again(e);
        return;
    }
    if (!err)
        commit(e);
    if (e->on_done)
        e->on_done(e->vm, err, e->user);
    edit_free(e);
}

Edit *
edit_new(Vm *vm, const EditKind *kind, guint impact, gpointer data, GDestroyNotify free_data)
{
    Edit *e = g_new0(Edit, 1);

    *e = (Edit){ .kind = kind, .vm = object_ref(vm), .data = data, .free_data = free_data };
    e->asked = impact & (IMPACT_LIVE | IMPACT_CONFIG);
    return e;
}

static void
submit(Edit *e)
{
    JobSpec spec = { .kind = JOB_CHANGE, .what = e->kind->what, .owner = e->who, .user = e };

    object_run(e->vm, &spec, e->kind->table ? e->kind->table : &edit_table, on_edited);
}

void
edit_run(Edit *e, Asker who, VmDone done, gpointer user)
{
    e->who = g_strdup(who);
    e->on_done = done;
    e->user = user;
    submit(e);
}
