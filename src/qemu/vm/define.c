/* Definitions: one XML file each, which is what counts: whoever edits it by hand beside the daemon
 * finds the edit in the next dump. With thousands of them only name and UUID are kept in memory;
 * the rest is read when it is asked for, and dropped again when it was not needed for a while.
 *
 * What cannot be read is broken: the domain is listed, its file stays as it is, and who asks for
 * the definition is told why there is none.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define KEEP_MAX 256 /* parsed definitions of domains that are off */

/* A definition in memory, as its file was when it had this stamp. */
typedef struct Definition {
    DomainDef *def;    /* NULL: broken */
    GError *broken;    /* why */
    FileStamp stamp;   /* all zero: there was no file */
    gboolean complete; /* nothing is missing that define would have filled in */
    Vm *vm;            /* NULL: replaced */
    GList link;        /* in kept, where it may be dropped; else in dropped, or in none */
} Definition;

static Store *store;
static GQueue kept;    /* of Definition, oldest first */
static GQueue dropped; /* of Definition, until nobody can have it any more */
static guint trimmer;

/* ---- in memory for a while */

static void
definition_free(Definition *d)
{
    domain_free(d->def);
    g_clear_error(&d->broken);
    g_free(d);
}

/* A definition that was lent out is valid only until the end of the turn of the loop. */
static gboolean
trim(gpointer data)
{
    GList *link;

    trimmer = 0;
    while ((link = g_queue_pop_head_link(&dropped)))
        definition_free(link->data);
    while (kept.length > KEEP_MAX) {
        Definition *d = g_queue_pop_head_link(&kept)->data;
        d->vm->definition = NULL;
        definition_free(d);
    }
    return G_SOURCE_REMOVE;
}

static void
trim_soon(void)
{
    if (!trimmer)
        trimmer = g_idle_add_full(G_PRIORITY_HIGH_IDLE, trim, NULL, NULL);
}

/* A definition that is known to be broken is kept in memory, or it would be reported again and
 * again. */
static Definition *
definition_new(Vm *vm, DomainDef *def, const FileStamp *stamp)
{
    Definition *d = g_new0(Definition, 1);

    d->vm = vm;
    d->def = def;
    d->stamp = *stamp;
    d->link.data = d;
    if (def)
        g_queue_push_tail_link(&kept, &d->link);
    if (kept.length > KEEP_MAX)
        trim_soon();
    return d;
}

void
define_forget(Vm *vm)
{
    Definition *d = vm->definition;

    vm->definition = NULL;
    if (!d)
        return;
    if (d->def)
        g_queue_unlink(&kept, &d->link);
    d->vm = NULL;
    g_queue_push_tail_link(&dropped, &d->link);
    trim_soon();
}

/* ---- files */

static gboolean
check_domain(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN], GError **err)
{
    g_autoptr(DomainDef) def = domain_parse(text, (gssize)len, DEF_BARE, emulator_context(), err);

    if (!def)
        return FALSE;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    return TRUE;
}

static const StoreKind domains = { "domain", "domain", check_domain };

/* A file without a UUID is of the domain that has its name; a domain whose UUID nobody knew has the
 * one of its file. */
static gboolean
settle_uuid(Vm *vm, DomainDef *def, GError **err)
{
    const Vm *other;

    if (uuid_is_zero(def->uuid))
        memcpy(def->uuid, vm->obj.uuid, UUID_LEN);
    if (memcmp(def->uuid, vm->obj.uuid, UUID_LEN) == 0)
        return TRUE;
    if (!vm->uuid_made_up)
        return fail(err, ERR_XML, "it has another UUID than domain '%s'", vm->obj.name);
    if ((other = vm_find_uuid(def->uuid)))
        return fail(err, ERR_XML, "it has the UUID of domain '%s'", other->obj.name);
    return registry_set_uuid(qemu_vms, &vm->obj, def->uuid);
}

/* NULL: it is not the definition of vm. *ret_bare: it has no UUID. */
static DomainDef *
read_def(Vm *vm, FileStamp *ret_stamp, gboolean *ret_bare, GError **err)
{
    g_autoptr(DomainDef) def = NULL;
    g_autofree char *text = NULL;
    gsize len;

    text = store_text(store, vm->obj.name, &len, ret_stamp, err);
    if (!text || !(def = domain_parse(text, (gssize)len, DEF_BARE, emulator_context(), err)))
        return NULL;
    if (strcmp(def->name, vm->obj.name) != 0) {
        fail(err, ERR_XML, "it defines domain '%s'", def->name);
        return NULL;
    }
    *ret_bare = uuid_is_zero(def->uuid);
    return settle_uuid(vm, def, err) ? g_steal_pointer(&def) : NULL;
}

/* Takes why. before: the reason that was told already; NULL: none was. */
static void
note_broken(Vm *vm, GError *why, const FileStamp *stamp, const char *before)
{
    g_autofree char *path = store_path(store, vm->obj.name);
    g_autofree char *text = g_strdup_printf(
        "the definition of domain '%s', '%s', is broken: %s; mend the file, define the domain anew "
        "or undefine it",
        vm->obj.name, path, why->message);

    g_error_free(why);
    vm->definition = definition_new(vm, NULL, stamp);
    fail(&vm->definition->broken, ERR_OPERATION_INVALID, "%s", text);
    if (g_strcmp0(before, text) != 0)
        log_error("%s", text);
}

/* The file is there as it was, or is missing as it was. */
static gboolean
is_current(const Vm *vm)
{
    FileStamp now = { 0 };

    store_stamp(store, vm->obj.name, &now);
    return file_stamp_equal(&now, &vm->definition->stamp);
}

/* def, which is written again, has a UUID that its file has not. Where that cannot be, another one
 * is made next time. */
static void
save_uuid(const Vm *vm, const DomainDef *def, FileStamp *ret_stamp)
{
    g_autofree char *text = domain_format(def, DEF_SECURE);
    g_autoptr(GError) err = NULL;

    if (store_put(store, vm->obj.name, text, &err))
        store_stamp(store, vm->obj.name, ret_stamp);
    else
        log_warning("domain '%s': its new UUID cannot be saved: %s", vm->obj.name, err->message);
}

static void
load(Vm *vm)
{
    const Definition *old = vm->definition;
    g_autofree char *before = old && old->broken ? g_strdup(old->broken->message) : NULL;
    FileStamp stamp = { 0 };
    GError *why = NULL;
    gboolean bare;
    DomainDef *def;

    define_forget(vm);
    store_stamp(store, vm->obj.name, &stamp); /* of what cannot be opened */
    if (!(def = read_def(vm, &stamp, &bare, &why))) {
        note_broken(vm, why, &stamp, before);
        return;
    }
    vm->uuid_made_up = FALSE;
    if (bare)
        save_uuid(vm, def, &stamp);
    vm->definition = definition_new(vm, def, &stamp);
}

const DomainDef *
define_get(Vm *vm, GError **err)
{
    if (!vm->persistent) {
        fail(err, ERR_OPERATION_INVALID, "domain '%s' is transient: it has no definition on disk",
             vm->obj.name);
        return NULL;
    }
    if (!vm->definition || !is_current(vm))
        load(vm);
    if (!vm->definition->def && err)
        *err = g_error_copy(vm->definition->broken);
    return vm->definition->def;
}

DomainDef *
define_copy(Vm *vm, GError **err)
{
    const DomainDef *def = define_get(vm, err);

    return def ? domain_copy(def) : NULL;
}

/* Takes def, which its file says now. secret: the file shows what only DEF_SECURE shows. */
static void
take_def(Vm *vm, DomainDef *def, gboolean complete, gboolean secret)
{
    FileStamp stamp = { 0 };

    define_forget(vm);
    store_stamp(store, vm->obj.name, &stamp);
    vm->definition = definition_new(vm, def, &stamp);
    vm->definition->complete = complete;
    vm->shown = stamp;
    vm->shown_secret = secret;
}

/* ---- its document */

/* The file itself, when it is known to be the document that its definition is formatted to. A file
 * that has changed since has another stamp. NULL: it is not known. */
static char *
shown_text(const Vm *vm, gboolean secure)
{
    const FileStamp none = { 0 };
    g_autofree char *text = NULL;
    FileStamp now;
    gsize len;

    if (file_stamp_equal(&vm->shown, &none) || (vm->shown_secret && !secure) ||
        !(text = store_text(store, vm->obj.name, &len, &now, NULL)))
        return NULL;
    return file_stamp_equal(&now, &vm->shown) ? g_steal_pointer(&text) : NULL;
}

/* text is what the definition is formatted to with its secrets: perhaps its file says just that. */
static void
learn_shown(Vm *vm, const char *text, gboolean secret)
{
    g_autofree char *file = NULL;
    FileStamp stamp;
    gsize len;

    if (!(file = store_text(store, vm->obj.name, &len, &stamp, NULL)) || strcmp(file, text) != 0)
        return;
    vm->shown = stamp;
    vm->shown_secret = secret;
}

char *
define_text(Vm *vm, gboolean secure, GError **err)
{
    char *text = vm->persistent ? shown_text(vm, secure) : NULL;
    const DomainDef *def;
    gboolean secret;

    if (text || !(def = define_get(vm, err)))
        return text;
    text = domain_format_noting(def, DEF_SECURE, &secret);
    learn_shown(vm, text, secret);
    if (!secret || secure)
        return text;
    g_free(text);
    return domain_format(def, 0);
}

/* def is written, and read back, before it counts. *ret_secret: its file shows secrets. */
static gboolean
save_def(const char *name, const DomainDef *def, gboolean *ret_secret, GError **err)
{
    g_autofree char *text = domain_format_noting(def, DEF_SECURE, ret_secret);

    return store_put(store, name, text, err);
}

/* ---- a change of one (edit.c) */

static void
tell_renamed(Vm *vm, const char *old_name)
{
    Event gone = vm_event(vm, DOMAIN_EVENT_LIFECYCLE);

    gone.name = old_name;
    gone.n[0] = LIFECYCLE_UNDEFINED;
    gone.n[1] = 1;
    event_emit(&gone);
    vm_tell(vm, LIFECYCLE_DEFINED, 2);
}

void
define_take(Vm *vm, DomainDef *def, gboolean complete, gboolean secret)
{
    g_autofree char *old_name = g_strdup(vm->obj.name);
    gboolean renamed = strcmp(old_name, def->name) != 0;

    complete |= vm->definition && vm->definition->complete;
    if (renamed)
        registry_rename(qemu_vms, &vm->obj, def->name);
    take_def(vm, def, complete, secret);
    if (renamed)
        tell_renamed(vm, old_name);
}

static char *
sum_of(const char *text)
{
    return g_strdup_printf("%08x", bytes_sum(text, strlen(text)));
}

/* An argument of a call may be more than a document can say: who reads it at the next boot would
 * find the domain broken. */
static gboolean
can_be_read(const char *text, GError **err)
{
    g_autoptr(DomainDef) again = domain_parse(text, -1, DEF_BARE, emulator_context(), err);

    if (!again)
        g_prefix_error(err, "the definition could not be read any more after this change: ");
    return again != NULL;
}

Rewrite *
rewrite_new(Vm *vm, const DomainDef *def, GError **err)
{
    gsize len;
    FileStamp stamp;
    char *before = store_text(store, vm->obj.name, &len, &stamp, err);
    Rewrite *w = before ? g_new(Rewrite, 1) : NULL;

    if (!w)
        return NULL;
    *w = (Rewrite){ g_strdup(vm->obj.name), g_strdup(def->name), before, .stamp = stamp };
    w->after = domain_format_noting(def, DEF_SECURE, &w->secret);
    w->sum = sum_of(w->after);
    if (!can_be_read(w->after, err))
        g_clear_pointer(&w, rewrite_free);
    return w;
}

gboolean
define_stamp(const Vm *vm, FileStamp *ret_stamp)
{
    return store_stamp(store, vm->obj.name, ret_stamp);
}

void
rewrite_free(Rewrite *w)
{
    if (!w)
        return;
    g_free(w->old_name);
    g_free(w->new_name);
    g_free(w->before);
    g_free(w->after);
    g_free(w->sum);
    g_free(w);
}

StepResult
rewrite_do(Flow *f, const Rewrite *w, void (*taken)(gpointer user), gpointer user, GError **err)
{
    if (strcmp(w->old_name, w->new_name) == 0)
        return store_write_row(f, store, w->old_name, w->after, &w->stamp, taken, user);
    return step_of(store_rename(store, w->old_name, w->new_name, w->after, err));
}

gboolean
rewrite_undo(Vm *vm, const char *old_name, const char *new_name, const char *before,
             const char *sum, GError **err)
{
    gsize len;
    g_autofree char *now = store_text(store, new_name, &len, NULL, NULL);
    g_autofree char *now_sum = now ? sum_of(now) : NULL;

    if (g_strcmp0(now_sum, sum) != 0)
        return TRUE;
    if (strcmp(old_name, new_name) == 0)
        return store_put(store, old_name, before, err);
    if (!store_rename(store, new_name, old_name, before, err))
        return FALSE;
    if (strcmp(vm->obj.name, new_name) == 0)
        registry_rename(qemu_vms, &vm->obj, old_name);
    define_forget(vm);
    return TRUE;
}

/* ---- what define fills in */

/* A file that somebody else has written may lack what the emulator decides, and break a rule. */
gboolean
define_complete(Vm *vm, GError **err)
{
    const DomainDef *def = define_get(vm, err);
    g_autoptr(DomainDef) whole = NULL;
    gboolean secret;

    if (!def)
        return FALSE;
    if (vm->definition->complete)
        return TRUE;
    whole = domain_copy(def);
    if (!domain_settle(whole, emulator_context(), err))
        return FALSE;
    if (domain_equal(whole, def)) {
        vm->definition->complete = TRUE;
        return TRUE;
    }
    log_info("domain '%s': what its definition does not say is filled in", vm->obj.name);
    if (!save_def(vm->obj.name, whole, &secret, err))
        return FALSE;
    take_def(vm, g_steal_pointer(&whole), TRUE, secret);
    return TRUE;
}

/* ---- all of them, at boot */

static void
on_found(const StoreFound *found, gpointer user)
{
    g_autoptr(GError) err = NULL;
    gboolean bare = uuid_is_zero(found->uuid);
    FileStamp stamp = { 0 };
    guint8 uuid[UUID_LEN];
    Vm *vm;

    memcpy(uuid, found->uuid, UUID_LEN);
    if (bare)
        uuid_make(uuid);
    if (!(vm = vm_add(found->name, uuid, &err))) {
        log_error("%s", err->message);
        return;
    }
    vm->persistent = TRUE;
    vm->uuid_made_up = found->made_up;
    memcpy(vm->autostart, found->autostart, sizeof(vm->autostart));
    store_stamp(store, vm->obj.name, &stamp);
    if (found->broken)
        note_broken(vm, g_error_copy(found->broken), &stamp, NULL);
    else if (bare)
        load(vm);
}

gboolean
define_load_all(GError **err)
{
    g_autofree char *folder = g_strconcat(qemu_paths->etc, "/qemu", NULL);

    store = store_open(&domains, folder, err);
    return store && store_load(store, on_found, NULL, err);
}

void
define_done(void)
{
    if (trimmer)
        g_source_remove(trimmer);
    trim(NULL);
    g_clear_pointer(&store, store_free);
}

/* ---- define */

gboolean
define_may_have(const DomainDef *def, Vm **ret_vm, GError **err)
{
    Vm *same_uuid = vm_find_uuid(def->uuid), *same_name = vm_find_name(def->name);
    char uuid[UUID_TEXT_LEN];

    if (same_uuid && strcmp(same_uuid->obj.name, def->name) != 0) {
        uuid_format(def->uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "domain '%s' is already defined with uuid %s",
                    same_uuid->obj.name, uuid);
    }
    if (!same_uuid && same_name) {
        uuid_format(same_name->obj.uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "domain '%s' already exists with uuid %s", def->name,
                    uuid);
    }
    *ret_vm = same_uuid;
    return TRUE;
}

static gboolean
is_broken(Vm *vm)
{
    return vm->persistent && !define_get(vm, NULL);
}

/* A new definition takes the place of one that cannot be read, whatever its UUID was. */
static gboolean
may_define(const DomainDef *def, Vm **ret_vm, GError **err)
{
    Vm *named = vm_find_name(def->name);

    if (!named || named->run || vm_find_uuid(def->uuid) || !is_broken(named))
        return define_may_have(def, ret_vm, err);
    *ret_vm = named;
    return TRUE;
}

Vm *
define_find_broken(const char *name, const guint8 uuid[UUID_LEN])
{
    Vm *vm = vm_find_name(name);

    if (!vm || !vm->uuid_made_up || !registry_set_uuid(qemu_vms, &vm->obj, uuid))
        return NULL;
    vm->uuid_made_up = FALSE;
    return vm;
}

/* A definition on its way to the disk. */
typedef struct Defining {
    DomainDef *def;     /* NULL: it counts now, and vm has it */
    GPtrArray *unknown; /* what its document has that nobody knows */
    gboolean secret;
    Vm *vm; /* referenced; NULL: not yet */
    VmDone done;
    gpointer user;
} Defining;

/* Somebody may have taken the name or the UUID meanwhile. */
static gboolean
may_be_taken(gpointer user, GError **err)
{
    const Defining *d = user;
    Vm *vm;

    return may_define(d->def, &vm, err);
}

static void
set_outdated(Run *run)
{
    run->outdated = TRUE;
    run->tpm_fate = TPM_FATE_AS_DEFINED;
}

static void
on_taken(gpointer user)
{
    Defining *d = user;
    gboolean updated;
    Vm *vm = NULL;

    /* may_be_taken has said yes in this turn, so there is nothing for these two to refuse. */
    if (!may_define(d->def, &vm, NULL) || (!vm && !(vm = vm_add(d->def->name, d->def->uuid, NULL))))
        return;
    updated = vm->persistent;
    d->vm = object_ref(vm);
    registry_set_uuid(qemu_vms, &vm->obj, d->def->uuid);
    vm->uuid_made_up = FALSE;
    take_def(vm, g_steal_pointer(&d->def), TRUE, d->secret);
    vm->persistent = TRUE;
    vm_note_unknown(vm, g_steal_pointer(&d->unknown), FALSE);
    if (vm->run)
        set_outdated(vm->run);
    vm_tell(vm, LIFECYCLE_DEFINED, updated ? 1 : 0);
}

static void
on_defined(const GError *err, gpointer user)
{
    g_autofree Defining *d = user;

    d->done(d->vm, err, d->user);
    domain_free(d->def);
    g_clear_pointer(&d->unknown, g_ptr_array_unref);
    object_unref(d->vm);
}

void
vm_define(const char *xml, guint flags, VmDone done, gpointer user)
{
    enum { VALIDATE = 1 };
    Defining *d = g_new0(Defining, 1);
    const StoreWrite how = {
        .may = may_be_taken, .taken = on_taken, .done = on_defined, .user = d
    };
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    Vm *vm;

    *d = (Defining){ .done = done, .user = user };
    d->unknown = g_ptr_array_new_with_free_func(g_free);
    d->def = domain_parse_noting(xml, -1, flags & VALIDATE ? DEF_VALIDATE : 0, emulator_context(),
                                 d->unknown, &err);
    if (!d->def || !may_define(d->def, &vm, &err)) {
        on_defined(err, d);
        return;
    }
    text = domain_format_noting(d->def, DEF_SECURE, &d->secret);
    store_write(store, d->def->name, text, &how);
}

/* ---- undefine */

typedef struct Undefining {
    Vm *vm; /* referenced */
    guint flags;
    VmDone done;
    gpointer user;
} Undefining;

static void
on_undefined(const GError *err, gpointer user)
{
    g_autofree Undefining *u = user;

    u->done(u->vm, err, u->user);
    object_unref(u->vm);
}

static gboolean
may_undefine(const Vm *vm, guint flags, GError **err)
{
    if (!vm->persistent)
        return fail(err, ERR_OPERATION_INVALID, "cannot undefine transient domain");
    return remains_check(flags, err);
}

static gboolean
undefine(Vm *vm, guint flags, GError **err)
{
    if (!may_undefine(vm, flags, err) || !remains_undefine(vm, define_get(vm, NULL), flags, err) ||
        !store_remove(store, vm->obj.name, err))
        return FALSE;
    vm->persistent = FALSE;
    memset(vm->autostart, 0, sizeof(vm->autostart));
    vm_tell(vm, LIFECYCLE_UNDEFINED, 0);
    define_forget(vm);
    if (!vm->run)
        vm_remove(vm);
    return TRUE;
}

static void
on_nvram_settled(gpointer out, const GError *err, gpointer user)
{
    Undefining *u = user;
    g_autoptr(GError) why = NULL;

    if (!err && undefine(u->vm, u->flags, &why))
        store_settle(store, on_undefined, u);
    else
        on_undefined(err ? err : why, u);
}

void
vm_undefine(Vm *vm, guint flags, VmDone done, gpointer user)
{
    Undefining *u = g_new(Undefining, 1);
    g_autoptr(GError) err = NULL;

    *u = (Undefining){ object_ref(vm), flags, done, user };
    if (!may_undefine(vm, flags, &err))
        on_undefined(err, u);
    else if (!remains_settle_nvram(vm, define_get(vm, NULL), flags, on_nvram_settled, u))
        on_nvram_settled(NULL, NULL, u);
}

/* ---- rename, autostart */

gboolean
define_mark(Vm *vm, AutostartKind kind, gboolean on, GError **err)
{
    if (!store_set_autostart(store, vm->obj.name, kind, on, err))
        return FALSE;
    vm->autostart[kind] = on;
    return TRUE;
}

StepResult
define_settle(Flow *f)
{
    return store_settle_row(f, store);
}

static gboolean
may_autostart(const Edit *e, GError **err)
{
    return define_get(e->vm, err) != NULL;
}

void
vm_set_autostart(Vm *vm, AutostartKind mark, gboolean on, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "mark for autostart",
                                   .flags = EDIT_AUTOSTART | EDIT_CONFIG_ALONE,
                                   .check = may_autostart };
    Edit *e = edit_new(vm, &kind, IMPACT_CONFIG, NULL, NULL);

    e->mark = mark;
    e->mark_on = on;
    edit_run(e, who, done, user);
}

static gboolean
may_rename(const Edit *e, GError **err)
{
    const char *name = e->data;
    Vm *vm = e->vm;

    if (vm->run)
        return fail(err, ERR_OPERATION_INVALID, "cannot rename active domain");
    if (!domain_name_check(name, err))
        return FALSE;
    if (strcmp(name, vm->obj.name) == 0)
        return fail(err, ERR_OPERATION_INVALID, "Can't rename domain to itself");
    return !vm_find_name(name) ||
           fail(err, ERR_OPERATION_INVALID, "domain with name '%s' already exists", name);
}

static gboolean
put_name(DomainDef *def, const Edit *e, GError **err)
{
    g_free(def->name);
    def->name = g_strdup(e->data);
    return TRUE;
}

void
vm_rename(Vm *vm, const char *name, Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "rename",
                                   .flags = EDIT_WORDS | EDIT_CONFIG_ALONE,
                                   .check = may_rename,
                                   .change = put_name };

    edit_run(edit_new(vm, &kind, IMPACT_CONFIG, g_strdup(name), g_free), who, done, user);
}
