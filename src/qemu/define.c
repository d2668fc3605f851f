/* Definitions: one XML file each, the symbolic links of autostart beside them. With thousands of
 * them only name and UUID are kept in memory; the rest is read when it is asked for, and dropped
 * again when it was not needed for a while.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu_priv.h"

#define FILE_MAX (64 << 20)
#define KEEP_MAX 256 /* parsed definitions of domains that are off */

static GQueue kept; /* of Vm with a def that could be dropped; oldest first, not referenced */
static guint trimmer;

static char *
def_path(const char *name)
{
    return g_strdup_printf("%s/qemu/%s.xml", qemu_paths->etc, name);
}

static char *
link_path(const char *name, AutostartKind kind)
{
    static const char *const endings[] = { [AUTOSTART_ALWAYS] = "", [AUTOSTART_ONCE] = ".once" };

    return g_strdup_printf("%s/qemu/autostart/%s.xml%s", qemu_paths->etc, name, endings[kind]);
}

/* ---- in memory for a while */

/* Callers keep what define_get returned no longer than their turn of the loop. */
static gboolean
trim(gpointer data)
{
    trimmer = 0;
    while (kept.length > KEEP_MAX) {
        Vm *vm = g_queue_pop_head(&kept);
        g_clear_pointer(&vm->def, domain_free);
    }
    return G_SOURCE_REMOVE;
}

void
define_keep(Vm *vm)
{
    g_queue_push_tail(&kept, vm);
    if (kept.length > KEEP_MAX && !trimmer)
        trimmer = g_idle_add_full(G_PRIORITY_HIGH_IDLE, trim, NULL, NULL);
}

void
define_forget(Vm *vm)
{
    g_queue_remove(&kept, vm);
}

static DomainDef *
read_def(const char *path, GError **err)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!file_read(path, FILE_MAX, &text, &len, err))
        return NULL;
    return domain_parse(text, (gssize)len, DEF_BARE, emulator_context(), err);
}

/* A file that was good when it was written and is not any more. */
static DomainDef *
stand_in(const Vm *vm)
{
    DomainDef *def = schema_new(&domain_schema);

    def->name = g_strdup(vm->obj.name);
    memcpy(def->uuid, vm->obj.uuid, UUID_LEN);
    return def;
}

DomainDef *
define_get(Vm *vm)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) err = NULL;

    if (vm->def)
        return vm->def;
    path = def_path(vm->obj.name);
    if (vm->persistent)
        vm->def = read_def(path, &err);
    if (err)
        log_error("definition of domain '%s': %s", vm->obj.name, err->message);
    if (!vm->def)
        vm->def = stand_in(vm);
    define_keep(vm);
    return vm->def;
}

gboolean
define_save(Vm *vm, GError **err)
{
    g_autofree char *path = def_path(vm->obj.name);
    g_autofree char *xml = domain_format(define_get(vm), DEF_SECURE);

    return file_write(path, xml, -1, 0600, err);
}

/* ---- all of them, at boot */

/* The text between <tag> and </tag> at the head of a file that domain_format wrote. */
static char *
head_text(const char *text, const char *tag)
{
    g_autofree char *open = g_strdup_printf("\n  <%s>", tag);
    g_autofree char *close = g_strdup_printf("</%s>", tag);
    const char *start = strstr(text, open), *end;

    if (!start)
        return NULL;
    start += strlen(open);
    end = strstr(start, close);
    return end ? g_strndup(start, (gsize)(end - start)) : NULL;
}

/* Name and UUID without parsing when the file looks as we write it, which is nearly always. */
static gboolean
glance(const char *path, const char *name, guint8 ret_uuid[UUID_LEN], DomainDef **ret_def,
       GError **err)
{
    g_autofree char *text = NULL, *said = NULL, *uuid = NULL;
    g_autoptr(DomainDef) def = NULL;
    gsize len;

    if (!file_read(path, FILE_MAX, &text, &len, err))
        return FALSE;
    said = head_text(text, "name");
    uuid = head_text(text, "uuid");
    if (g_str_has_prefix(text, "<domain ") && g_str_has_suffix(text, "</domain>\n") && said &&
        uuid && strcmp(said, name) == 0 && uuid_parse(uuid, ret_uuid))
        return TRUE;
    if (!(def = domain_parse(text, (gssize)len, DEF_BARE, emulator_context(), err)))
        return FALSE;
    if (g_strcmp0(def->name, name) != 0)
        return fail(err, ERR_XML, "it defines domain '%s'; its name should be %s.xml", def->name,
                    def->name);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    *ret_def = g_steal_pointer(&def);
    return TRUE;
}

static void
load_one(const char *name)
{
    g_autofree char *path = def_path(name);
    g_autoptr(GError) err = NULL;
    guint8 uuid[UUID_LEN];
    DomainDef *def = NULL;
    Vm *vm = glance(path, name, uuid, &def, &err) ? vm_add(name, uuid, &err) : NULL;

    if (!vm) {
        domain_free(def);
        file_set_aside(path, err->message);
        return;
    }
    vm->persistent = TRUE;
    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS; kind++) {
        g_autofree char *link = link_path(name, kind);
        vm->autostart[kind] = access(link, F_OK) == 0;
    }
    if ((vm->def = def))
        define_keep(vm);
}

gboolean
define_load_all(GError **err)
{
    g_autofree char *folder = g_strconcat(qemu_paths->etc, "/qemu", NULL);
    g_autofree char *autostart = g_strconcat(folder, "/autostart", NULL);
    g_autoptr(GPtrArray) names = NULL;

    if (!dir_make(folder, 0700, err) || !dir_make(autostart, 0700, err) ||
        !(names = state_names(folder, ".xml", err)))
        return FALSE;
    dir_sweep(folder);
    for (guint i = 0; i < names->len; i++)
        load_one(names->pdata[i]);
    return TRUE;
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

static void
replace_def(Vm *vm, DomainDef *def)
{
    if (vm->def) {
        define_forget(vm);
        domain_free(vm->def);
    }
    vm->def = def;
    define_keep(vm);
}

gboolean
define_change(Vm *vm, DomainDef *def, GError **err)
{
    g_autoptr(DomainDef) changed = def;
    g_autofree char *path = def_path(vm->obj.name);
    g_autofree char *text = domain_format(changed, DEF_SECURE);

    if (!file_write(path, text, -1, 0600, err))
        return FALSE;
    replace_def(vm, g_steal_pointer(&changed));
    if (vm->run)
        vm->run->outdated = TRUE;
    return TRUE;
}

gboolean
vm_define(const char *xml, guint flags, Vm **ret_vm, GError **err)
{
    enum { VALIDATE = 1 };
    g_autoptr(DomainDef) def = NULL;
    g_autofree char *path = NULL, *text = NULL;
    gboolean updated;
    Vm *vm;

    def = domain_parse(xml, -1, flags & VALIDATE ? DEF_VALIDATE : 0, emulator_context(), err);
    if (!def || !define_may_have(def, &vm, err))
        return FALSE;
    path = def_path(def->name);
    text = domain_format(def, DEF_SECURE);
    if (!file_write(path, text, -1, 0600, err))
        return FALSE;
    updated = vm && vm->persistent;
    if (!vm && !(vm = vm_add(def->name, def->uuid, err)))
        return FALSE;
    replace_def(vm, g_steal_pointer(&def));
    vm->persistent = TRUE;
    if (vm->run)
        vm->run->outdated = TRUE;
    vm_tell(vm, LIFECYCLE_DEFINED, updated ? 1 : 0);
    *ret_vm = vm;
    return TRUE;
}

/* ---- undefine */

enum {
    UNDEFINE_MANAGED_SAVE = 1 << 0,
    UNDEFINE_NVRAM = 1 << 2,
    UNDEFINE_KEEP_NVRAM = 1 << 3,
    UNDEFINE_TPM = 1 << 5,
    UNDEFINE_KEEP_TPM = 1 << 6,
};

static gboolean
drop_nvram(Vm *vm, guint flags, GError **err)
{
    const NvramDef *nvram = define_get(vm)->os.nvram;
    const char *path = nvram ? nvram->path ? nvram->path : nvram->source.path : NULL;

    if (!path || access(path, F_OK) < 0 || flags & UNDEFINE_KEEP_NVRAM)
        return TRUE;
    if (!(flags & UNDEFINE_NVRAM))
        return fail(err, ERR_OPERATION_INVALID, "cannot undefine domain with nvram");
    return file_remove(path, err);
}

static gboolean
drop_tpm(Vm *vm, guint flags, GError **err)
{
    char uuid[UUID_TEXT_LEN];
    g_autofree char *path = NULL;

    uuid_format(vm->obj.uuid, uuid);
    path = g_strdup_printf("%s/qemu/swtpm/%s", qemu_paths->lib, uuid);
    if (flags & UNDEFINE_KEEP_TPM)
        return TRUE;
    return dir_remove(path, err);
}

static gboolean
drop_links(const char *name, GError **err)
{
    gboolean ok = TRUE;

    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS && ok; kind++) {
        g_autofree char *link = link_path(name, kind);
        ok = file_remove(link, err);
    }
    return ok;
}

gboolean
vm_undefine(Vm *vm, guint flags, GError **err)
{
    g_autofree char *path = def_path(vm->obj.name);

    if (!vm->persistent)
        return fail(err, ERR_OPERATION_INVALID, "cannot undefine transient domain");
    if (flags & UNDEFINE_NVRAM && flags & UNDEFINE_KEEP_NVRAM)
        return fail(err, ERR_OPERATION_INVALID, "cannot both keep and delete nvram");
    if (flags & UNDEFINE_TPM && flags & UNDEFINE_KEEP_TPM)
        return fail(err, ERR_OPERATION_INVALID, "cannot both keep and delete TPM");
    if (!vm->run && (!drop_nvram(vm, flags, err) || !drop_tpm(vm, flags, err)))
        return FALSE;
    if (!drop_links(vm->obj.name, err) || !file_remove(path, err))
        return FALSE;
    object_ref(vm);
    vm->persistent = FALSE;
    memset(vm->autostart, 0, sizeof(vm->autostart));
    vm_tell(vm, LIFECYCLE_UNDEFINED, 0);
    define_forget(vm);
    g_clear_pointer(&vm->def, domain_free);
    if (!vm->run)
        vm_remove(vm);
    object_unref(vm);
    return TRUE;
}

/* ---- rename, autostart */

static gboolean
point_autostart(const char *name, AutostartKind kind, GError **err)
{
    g_autofree char *path = def_path(name), *link = link_path(name, kind);

    if (symlink(path, link) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "cannot make autostart link %s", link);
    return TRUE;
}

gboolean
vm_set_autostart(Vm *vm, AutostartKind kind, gboolean on, GError **err)
{
    g_autofree char *link = link_path(vm->obj.name, kind);

    if (!vm->persistent)
        return fail(err, ERR_OPERATION_INVALID, "cannot set autostart for transient domain");
    if (on ? !point_autostart(vm->obj.name, kind, err) : !file_remove(link, err))
        return FALSE;
    vm->autostart[kind] = on;
    return TRUE;
}

static gboolean
point_again(const Vm *vm, const char *name, GError **err)
{
    gboolean ok = TRUE;

    for (AutostartKind kind = 0; kind < AUTOSTART_KINDS && ok; kind++)
        ok = !vm->autostart[kind] || point_autostart(name, kind, err);
    return ok;
}

gboolean
vm_rename(Vm *vm, const char *name, GError **err)
{
    g_autofree char *old_path = def_path(vm->obj.name), *path = def_path(name);
    g_autofree char *old_name = g_strdup(vm->obj.name);
    DomainDef *def;
    Event gone;

    if (vm->run)
        return fail(err, ERR_OPERATION_INVALID, "cannot rename active domain");
    if (!vm->persistent)
        return fail(err, ERR_OPERATION_INVALID, "cannot rename a transient domain");
    if (!domain_name_check(name, err))
        return FALSE;
    if (strcmp(name, old_name) == 0)
        return fail(err, ERR_OPERATION_INVALID, "Can't rename domain to itself");
    if (vm_find_name(name))
        return fail(err, ERR_OPERATION_INVALID, "domain with name '%s' already exists", name);
    def = define_get(vm);
    g_free(def->name);
    def->name = g_strdup(name);
    registry_rename(qemu_vms, &vm->obj, name);
    if (!define_save(vm, err) || !point_again(vm, name, err)) {
        drop_links(name, NULL);
        file_remove(path, NULL);
        registry_rename(qemu_vms, &vm->obj, old_name);
        g_free(def->name);
        def->name = g_strdup(old_name);
        return FALSE;
    }
    drop_links(old_name, NULL);
    file_remove(old_path, NULL);
    gone = vm_event(vm, DOMAIN_EVENT_LIFECYCLE);
    gone.name = old_name;
    gone.n[0] = LIFECYCLE_UNDEFINED;
    gone.n[1] = 1;
    event_emit(&gone);
    vm_tell(vm, LIFECYCLE_DEFINED, 2);
    return TRUE;
}
