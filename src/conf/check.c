/* Rules across rows: what a definition may not say. Pure: nothing is changed, nothing is asked. */
#include "conf.h"

#include <string.h>

static gboolean
check_name(const DomainDef *def, GError **err)
{
    if (strchr(def->name, '/'))
        return fail(err, ERR_XML, "name %s cannot contain '/'", def->name);
    if (strchr(def->name, '\n'))
        return fail(err, ERR_XML, "name %s cannot contain a newline", def->name);
    return TRUE;
}

static gboolean
check_virt_type(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    gboolean can = def->virt_type == VIRT_KVM ? caps->kvm : def->virt_type == VIRT_QEMU;

    return can || fail(err, ERR_CONFIG_UNSUPPORTED, "Emulator '%s' does not support virt type '%s'",
                       caps->path, word_of(virt_types, def->virt_type));
}

static gboolean
check_targets(const DomainDef *def, GError **err)
{
    const GPtrArray *disks = def->devices.disks;

    for (guint i = 0; disks && i < disks->len; i++) {
        const DiskDef *a = disks->pdata[i];

        for (guint k = 0; k < i; k++) {
            const DiskDef *b = disks->pdata[k];

            if (g_strcmp0(a->target, b->target) == 0)
                return fail(err, ERR_XML, "target '%s' duplicated for disk sources '%s' and '%s'",
                            a->target, disk_source_name(b), disk_source_name(a));
        }
    }
    return TRUE;
}

gboolean
domain_check(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return check_name(def, err) && check_virt_type(def, caps, err) && check_targets(def, err);
}
