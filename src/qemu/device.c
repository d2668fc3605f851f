/* Devices that come, go and change after a domain was defined: in the persistent definition. */
#include "qemu_priv.h"

#include "storage/storage.h"

/* What is done, to which definition, with what it is done. */
typedef DomainDef *(*Change)(const DomainDef *def, const char *text, GError **err);

/* A disk that is added has its volume already. */
static gboolean
check_volume(const Device *device, GError **err)
{
    const DiskDef *disk = device->schema == &disk_schema ? device->def : NULL;
    const VolumeSource *v = disk && disk->source.type == SOURCE_VOLUME ? disk->source.volume : NULL;
    Pool *pool;

    if (!v || !v->pool)
        return TRUE;
    return (pool = pool_get_name(v->pool, err)) && pool_needs_active(pool, err) &&
           volume_get_name(pool, v->volume, err);
}

static DomainDef *
with_device(const DomainDef *def, const char *xml, GError **err)
{
    Device device = { 0 };
    DomainDef *changed;

    if (!device_parse(xml, -1, 0, &device, err))
        return NULL;
    changed = check_volume(&device, err) ? domain_attach(def, &device, emulator_context(), err)
                                         : NULL;
    device_done(&device);
    return changed;
}

static DomainDef *
without_device(const DomainDef *def, const char *xml, GError **err)
{
    Device device = { 0 };
    DomainDef *changed;

    if (!device_parse(xml, -1, 0, &device, err))
        return NULL;
    changed = domain_detach(def, &device, emulator_context(), err);
    device_done(&device);
    return changed;
}

static DomainDef *
with_changed_device(const DomainDef *def, const char *xml, GError **err)
{
    Device device = { 0 };
    DomainDef *changed;

    if (!device_parse(xml, -1, 0, &device, err))
        return NULL;
    changed = domain_update(def, &device, emulator_context(), err);
    device_done(&device);
    return changed;
}

static DomainDef *
without_alias(const DomainDef *def, const char *alias, GError **err)
{
    return domain_detach_alias(def, alias, emulator_context(), err);
}

static gboolean
change_device(Vm *vm, Change change, const char *text, guint flags, GError **err)
{
    guint impact = flags;
    DomainDef *def;

    if (!vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (impact & IMPACT_LIVE)
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "domain '%s' runs, and hot-plug is not there yet: change its persistent "
                    "definition (--config), which takes effect at its next start",
                    vm->obj.name);
    def = change(define_get(vm), text, err);
    if (!def || !define_change(vm, def, err))
        return FALSE;
    vm_tell(vm, LIFECYCLE_DEFINED, 1);
    return TRUE;
}

static void
answer_change(Vm *vm, Change change, const char *text, guint flags, VmDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;

    change_device(vm, change, text, flags, &err);
    done(vm, err, user);
}

void
vm_attach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    answer_change(vm, with_device, xml, flags, done, user);
}

void
vm_detach_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    answer_change(vm, without_device, xml, flags, done, user);
}

void
vm_update_device(Vm *vm, const char *xml, guint flags, Asker who, VmDone done, gpointer user)
{
    answer_change(vm, with_changed_device, xml, flags, done, user);
}

void
vm_detach_alias(Vm *vm, const char *alias, guint flags, Asker who, VmDone done, gpointer user)
{
    answer_change(vm, without_alias, alias, flags, done, user);
}
