/* Rules about the document as it was written, before anything is filled in: afterwards nobody can
 * tell what was written and what was added. */
#include "check.h"

#include <limits.h>
#include <string.h>

/* Files are called after a domain, and each must have a name that a file can have: NAME.xml and,
 * while it is written, NAME.xml.new; NAME.xml.once in autostart; NAME.xml.broken-1; NAME.log,
 * NAME-swtpm.log; and the longest, NAME_VARS.qcow2 with .part after it. */
#define NAME_BYTES_MAX (NAME_MAX - sizeof("_VARS.qcow2.part") + 1)

gboolean
domain_name_check(const char *name, GError **err)
{
    if (!*name)
        return fail(err, ERR_NO_NAME, "%s", "");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(err, ERR_XML, "name '%s' cannot name a file", name);
    if (strchr(name, '/'))
        return fail(err, ERR_XML, "name '%s' has a '/'", name);
    if (!xml_text_check("name", name, err))
        return FALSE;
    if (strchr(name, '\n'))
        return fail(err, ERR_XML_DETAIL, "name '%s' has a line break", name);
    if (strlen(name) > NAME_BYTES_MAX)
        return fail(
            err, ERR_XML,
            "name '%.32s...' is %zu bytes long; files are called after a domain, so %zu are "
            "the most",
            name, strlen(name), NAME_BYTES_MAX);
    return TRUE;
}

static gboolean
check_name(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (!domain_name_check(def->name, err))
        return FALSE;
    if (def->title && strchr(def->title, '\n'))
        return fail(err, ERR_XML, "title '%s' has a line break", def->title);
    return TRUE;
}

static gboolean
check_sysinfo_uuid(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint8 first[UUID_LEN] = { 0 };
    const guint8 *wanted = uuid_is_zero(def->uuid) ? first : def->uuid;

    EACH (SysinfoDef, s, def->sysinfos) {
        const SysinfoEntry *e = sysinfo_entry_find(s->system, "uuid");
        guint8 uuid[UUID_LEN];

        if (!e)
            continue;
        if (!uuid_parse(e->value, uuid))
            return fail(err, ERR_XML_DETAIL, "sysinfo: '%s' is no UUID", e->value);
        if (uuid_is_zero(first))
            memcpy(first, uuid, UUID_LEN);
        if (!uuid_is_zero(uuid) && memcmp(uuid, wanted, UUID_LEN) != 0)
            return fail(err, ERR_XML_DETAIL, "sysinfo: its uuid '%s' is not that of the domain",
                        e->value);
    }
    return TRUE;
}

static gboolean
check_cpu_written(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const CpuDef *cpu = def->cpu;
    gboolean custom = cpu && (!cpu->mode || cpu->mode == CPU_CUSTOM);

    if (!cpu)
        return TRUE;
    if (custom && !cpu->model && cpu->features)
        return fail(err, ERR_XML, "cpu: it has features but no <model>");
    if (custom && !cpu->model && cpu->vendor)
        return fail(err, ERR_XML, "cpu: it has vendor '%s' but no <model>", cpu->vendor);
    if (cpu->migratable && cpu->mode != CPU_HOST_PASSTHROUGH && cpu->mode != CPU_MAXIMUM)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "cpu: 'migratable' needs mode 'host-passthrough' or 'maximum'");
    return !cpu->numa || cpu->numa->cells || fail(err, ERR_XML, "cpu: <numa> has no <cell>");
}

/* ---- disks */

/* More would be thousands of controllers. */
#define MAX_TARGET_INDEX 2048

/* The name tells the device and, without an address, the seat. */
static gboolean
check_target_name(const DiskDef *d, GError **err)
{
    static const char *const prefixes[] = { "hd", "sd", "vd", "xvd", "ubd" };
    gboolean floppy = d->device == DISK_FLOPPY, fd = g_str_has_prefix(d->target, "fd");
    int index = disk_name_index(d->target);
    gboolean known = fd;

    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
        known = known || g_str_has_prefix(d->target, prefixes[i]);
    if (index < 0 && !d->info.address.type)
        return fail(err, ERR_XML,
                    "disk '%s': a target is named as 'vda', or the disk has an <address>",
                    d->target);
    if (d->device != DISK_CDROM && (floppy != fd || !known))
        return fail(err, ERR_PLAIN, "disk '%s': the target of a %s is named as '%s'", d->target,
                    floppy ? "floppy" : "disk", floppy ? "fda" : "vda");
    if (index < 0 || g_ascii_isdigit(d->target[strlen(d->target) - 1]))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk '%s': a target is named as 'vda', without a partition", d->target);
    return index < MAX_TARGET_INDEX || d->info.address.type ||
           fail(err, ERR_PLAIN, "disk '%s': the target is more than the %dth of its kind",
                d->target, MAX_TARGET_INDEX);
}

/* The bus may be left to the name. */
static gboolean
may_be_removable(const DiskDef *d)
{
    gboolean scsi = d->bus ? d->bus == DISK_BUS_SCSI : g_str_has_prefix(d->target, "sd");

    return d->bus == DISK_BUS_USB || (scsi && (!d->device || d->device == DISK_DISK));
}

static gboolean
check_disks_written(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (DiskDef, d, def->devices.disks) {
        gboolean ejectable = d->device == DISK_CDROM || d->device == DISK_FLOPPY;

        if (!d->target)
            return fail(err, ERR_NO_TARGET, "%s", disk_source_name(d));
        if (!check_target_name(d, err))
            return FALSE;
        if (d->removable && !may_be_removable(d))
            return fail(err, ERR_XML,
                        "disk '%s': 'removable' is of disks on bus 'usb' and 'scsi' only",
                        d->target);
        if ((d->auth && d->source.auth) || (d->encryption && d->source.encryption))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "disk '%s': it has two <%s>", d->target,
                        d->auth && d->source.auth ? "auth" : "encryption");
        if (disk_is_empty(d) && !ejectable && d->device != DISK_LUN &&
            !(d->source.type == SOURCE_VOLUME && d->has_source))
            return fail(err, ERR_NO_SOURCE, "%s", d->target);
    }
    return TRUE;
}

/* ---- processors, clock */

static gboolean
check_vcpus_written(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (def->has_vcpus && def->vcpus == 0)
        return fail(err, ERR_PLAIN, "vcpu: a domain has at least one, <vcpu> says 0");
    return def->vcpus_current <= MAX(def->vcpus, 1) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "vcpu: 'current' is %u, above the maximum of %u",
                def->vcpus_current, MAX(def->vcpus, 1));
}

/* The vcpus must be in order, or have no order at all. */
static gboolean
check_vcpu_slots_written(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint enabled = 0, ordered = 0;

    EACH (VcpuSlot, slot, def->vcpu_slots) {
        if (slot->id >= MAX(def->vcpus, 1))
            return fail(err, ERR_XML, "vcpus: vcpu %u, the domain has only %u", slot->id,
                        MAX(def->vcpus, 1));
        enabled += slot->enabled == YES ? 1 : 0;
        ordered += slot->enabled == YES && slot->order ? 1 : 0;
    }
    return ordered == 0 || ordered == enabled ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "vcpus: %u have an 'order', %u have none", ordered,
                enabled - ordered);
}

/* ---- firmware */

static gboolean
check_firmware_features(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    int secure_boot = 0, enrolled_keys = 0;

    EACH (FirmwareFeature, f, def->os.firmware_features)
        *(f->name == FIRMWARE_SECURE_BOOT ? &secure_boot : &enrolled_keys) = f->enabled;
    if (def->os.firmware_features && !def->os.firmware)
        return fail(err, ERR_XML_DETAIL,
                    "os: features of a firmware need the attribute 'firmware' of <os>");
    return enrolled_keys != YES || secure_boot != NO ||
           fail(err, ERR_XML_DETAIL,
                "os: firmware feature 'enrolled-keys' needs 'secure-boot', which is not enabled");
}

static gboolean
check_firmware_written(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const LoaderDef *l = def->os.loader;
    const NvramDef *n = def->os.nvram;

    if (!def->os.firmware && (l || n) && !(l && l->path && *l->path))
        return fail(err, ERR_XML_DETAIL,
                    "os: <loader> needs a path, or <os> the attribute 'firmware'");
    if (def->os.firmware == FIRMWARE_BIOS && n)
        return fail(err, ERR_XML_DETAIL, "os: firmware 'bios' has no <nvram>");
    if (def->os.firmware == FIRMWARE_BIOS && l && l->stateless == NO)
        return fail(err, ERR_XML_DETAIL, "os: firmware 'bios' is always stateless");
    return !(l && l->stateless == YES && n) ||
           fail(err, ERR_XML_DETAIL, "os: a loader with stateless 'yes' has no <nvram>");
}

/* ---- security labels */

static gboolean
check_seclabel(const SeclabelDef *l, guint n, GError **err)
{
    const char *model = l->model ? l->model : "";

    if (l->type == SECLABEL_NONE && l->relabel == YES)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "seclabel '%s': type 'none' does not go with relabel 'yes'", model);
    if (l->type == SECLABEL_DYNAMIC && l->relabel == NO)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "seclabel '%s': type 'dynamic' does not go with relabel 'no'", model);
    if (g_strcmp0(l->model, "none") == 0)
        return TRUE;
    if (n > 1 && !l->model)
        return fail(err, ERR_XML, "seclabel: of several labels each must name its 'model'");
    if (l->type == SECLABEL_STATIC && !(l->label && *l->label))
        return fail(err, ERR_XML, "seclabel '%s': a static one must have a <label>", model);
    return l->model || l->type == SECLABEL_NONE || (l->type == SECLABEL_DYNAMIC && !l->baselabel) ||
           fail(err, ERR_XML, "seclabel: its 'model' is missing");
}

/* Several labels of one source must be of different security models. */
static gboolean
check_label_models(const GPtrArray *labels, GError **err)
{
    for (guint i = 1; i < list_length(labels); i++) {
        const char *model = ((const SeclabelDef *)list_item(labels, i))->model;

        for (guint k = 0; k < i; k++)
            if (g_strcmp0(model, ((const SeclabelDef *)list_item(labels, k))->model) == 0)
                return fail(err, ERR_XML_DETAIL, "seclabel: model '%s' is there twice",
                            model ? model : "");
    }
    return TRUE;
}

static gboolean
check_seclabels(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint n = list_length(def->seclabels);

    if (!check_label_models(def->seclabels, err))
        return FALSE;
    for (guint i = 0; i < n; i++)
        if (!check_seclabel(list_item(def->seclabels, i), n, err))
            return FALSE;
    return TRUE;
}

static gboolean
check_source_labels(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const Devices *d = &def->devices;
    const GPtrArray *const chars[] = { d->serials, d->parallels, d->consoles, d->channels };

    EACH (DiskDef, disk, d->disks)
        if (!check_label_models(disk->source.seclabels, err))
            return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(chars); i++)
        EACH (CharDef, c, chars[i])
            EACH (CharEnd, end, c->source.ends)
                if (!check_label_models(end->seclabels, err))
                    return FALSE;
    return TRUE;
}

/* ---- boot order */

typedef struct Boots {
    GHashTable *orders;
    GError **err;
} Boots;

static gboolean
note_boot_order(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    Boots *b = user;

    return !info->boot_order || g_hash_table_add(b->orders, GUINT_TO_POINTER(info->boot_order)) ||
           fail(b->err, ERR_CONFIG_UNSUPPORTED, "%s: boot order %u is that of another device too",
                schema->name, info->boot_order);
}

static gboolean
check_boot_order(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) orders = g_hash_table_new(NULL, NULL);
    Boots b = { orders, err };

    if (!domain_each_device((DomainDef *)def, note_boot_order, &b))
        return FALSE;
    return !def->os.boots || g_hash_table_size(orders) == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "os: <boot dev> does not go with <boot order> of devices");
}

/* ---- NUMA */

static gboolean
check_numatune_nodes(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const NumatuneDef *n = def->numatune;
    gboolean says = n && (n->mode || n->placement || n->nodes || !n->has_memory);
    gboolean auto_placed = says && (n->placement == PLACEMENT_AUTO ||
                                    (!n->placement && def->vcpu_placement == PLACEMENT_AUTO));

    if (!n)
        return TRUE;
    if ((n->mode || n->placement) && !n->nodes && !auto_placed)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "numatune: <memory> with placement 'static' needs a 'nodeset'");
    if (n->nodes && bitmap_count(n->nodes) == 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "numatune: the 'nodeset' of <memory> is empty");
    return !n->memnodes || !auto_placed || (!n->placement && n->nodes) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "numatune: <memnode> does not go with placement 'auto'");
}

/* ---- machine */

static gboolean
check_arch(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->os.arch || arch_is_known(def->os.arch) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "os: there is no architecture '%s'", def->os.arch);
}

/* ---- addresses */

/* A machine gets all controllers up to the one that an address of a drive names; none can have more
 * than this. */
#define MAX_CONTROLLER 2047

static gboolean
check_controller_number(DeviceInfo *info, const Schema *schema, gpointer device G_GNUC_UNUSED,
                        gpointer user)
{
    const Address *a = &info->address;

    return a->type != ADDRESS_DRIVE || a->drive.controller <= MAX_CONTROLLER ||
           fail(user, ERR_PLAIN, "%s: its <address> names controller %u, which is above %d",
                schema->name, a->drive.controller, MAX_CONTROLLER);
}

static gboolean
check_controller_numbers(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return domain_each_device((DomainDef *)def, check_controller_number, err);
}

const Rule written_rules[] = {
    { "address/@controller", check_controller_numbers },
    { "os/type/@arch", check_arch },
    { "name, title", check_name },
    { "sysinfo/system/entry 'uuid'", check_sysinfo_uuid },
    { "cpu", check_cpu_written },
    { "disk/source, disk/target", check_disks_written },
    { "vcpu/@current", check_vcpus_written },
    { "vcpus/vcpu/@id, @order", check_vcpu_slots_written },
    { "os/firmware", check_firmware_features },
    { "os/@firmware, os/loader, os/nvram", check_firmware_written },
    { "seclabel", check_seclabels },
    { "source/seclabel", check_source_labels },
    { "numatune/memory", check_numatune_nodes },
    { NULL },
};

/* Checked after the lists of devices. */
const Rule boot_written_rules[] = {
    { "boot/@order", check_boot_order },
    { NULL },
};
