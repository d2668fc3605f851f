/* Rules of disks. Each looks at one disk; check_disks names it in front of the error. */
#include "check.h"

#include <string.h>

typedef struct DiskRule {
    const char *name;
    gboolean (*check)(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps,
                      GError **err);
} DiskRule;

static const char *
bus_of(const DiskDef *d)
{
    return word_of(disk_buses, d->bus) ? word_of(disk_buses, d->bus) : "";
}

static gboolean
is_ejectable(const DiskDef *d)
{
    return d->device == DISK_CDROM || d->device == DISK_FLOPPY;
}

static gboolean
is_readonly(const DiskDef *d)
{
    return d->readonly || d->device == DISK_CDROM;
}

/* ---- device and bus */

static gboolean
check_bus(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    if ((d->device == DISK_FLOPPY) != (d->bus == DISK_BUS_FDC))
        return fail(err, ERR_PLAIN, "bus '%s' does not go with device '%s'", bus_of(d),
                    word_of(disk_devices, d->device));
    if (d->device == DISK_CDROM && (d->bus == DISK_BUS_VIRTIO || d->bus == DISK_BUS_SD))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "bus '%s' has no cdrom, 'sata' and 'scsi' have",
                    bus_of(d));
    if (d->device == DISK_DISK && d->readonly &&
        (d->bus == DISK_BUS_IDE || d->bus == DISK_BUS_SATA))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "a disk on bus '%s' cannot be <readonly>",
                    bus_of(d));
    return d->bus != DISK_BUS_USB || d->device != DISK_CDROM || !disk_is_empty(d) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "a cdrom on bus 'usb' cannot be empty");
}

static gboolean
check_driver_name(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    return !d->driver.name || strcmp(d->driver.name, "qemu") == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "driver name '%s', only 'qemu' is supported",
                d->driver.name);
}

/* A lun hands SCSI commands through to a device of the host. */
static gboolean
lun_source_is_fine(const DiskDef *d)
{
    const DiskSource *s = &d->source;

    if (s->type == SOURCE_NETWORK)
        return s->net && s->net->protocol == PROTOCOL_ISCSI;
    return s->type == SOURCE_BLOCK || s->type == SOURCE_VOLUME;
}

static gboolean
check_lun(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    if (d->device != DISK_LUN)
        return TRUE;
    if (d->bus != DISK_BUS_SCSI)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "device 'lun' needs bus 'scsi', not '%s'",
                    bus_of(d));
    if (!lun_source_is_fine(d))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "device 'lun' needs a source of type 'block', or of protocol 'iscsi'");
    if (d->driver.format && d->driver.format != FORMAT_RAW)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "device 'lun' needs format 'raw', not '%s'",
                    word_of(disk_formats, d->driver.format));
    if (d->source.encryption || d->encryption)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "device 'lun' has no <encryption>");
    if (d->wwn || d->vendor || d->product || d->serial)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "device 'lun' shows the %s of the host's device",
                    d->wwn      ? "wwn"
                    : d->serial ? "serial"
                                : "vendor and product");
    return d->driver.copy_on_read != ON ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "device 'lun' has no 'copy_on_read'");
}

static gboolean
check_only_lun(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    if (d->sgio == SGIO_UNFILTERED)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "sgio 'unfiltered' is not supported any more");
    if (d->device == DISK_LUN)
        return TRUE;
    if (d->rawio)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'rawio' is of device 'lun' only");
    if (d->sgio)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'sgio' is of device 'lun' only");
    return !d->source.reservations ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "<reservations> is of device 'lun' only");
}

/* ---- what the guest sees */

static gboolean
check_target(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    if (d->tray && !is_ejectable(d))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'tray' is of cdrom and floppy only");
    if (d->rotation_rate &&
        (d->device != DISK_DISK ||
         !(BIT(d->bus) & (BIT(DISK_BUS_SCSI) | BIT(DISK_BUS_IDE) | BIT(DISK_BUS_SATA)))))
        return fail(err, ERR_PLAIN,
                    "'rotation_rate' is of disks on bus 'scsi', 'ide' and 'sata' only");
    return !d->model || d->bus == DISK_BUS_VIRTIO ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "model '%s' is of bus 'virtio' only, not of '%s'",
                word_of(virtio_models, d->model), bus_of(d));
}

static gboolean
is_printable(const char *text)
{
    for (; *text; text++)
        if (!g_ascii_isprint(*text))
            return FALSE;
    return TRUE;
}

static gboolean
is_wwn(const char *text)
{
    text += g_str_has_prefix(text, "0x") ? 2 : 0;
    return strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16;
}

static gboolean
check_identity(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+ ";
    const guint wwn_buses = BIT(DISK_BUS_IDE) | BIT(DISK_BUS_SCSI);
    const guint product_buses = wwn_buses | BIT(DISK_BUS_SATA);

    if (d->serial && strspn(d->serial, safe) != strlen(d->serial))
        return fail(err, ERR_PLAIN, "serial '%s': letters, digits, space and '-_.+' are allowed",
                    d->serial);
    if (d->wwn && !is_wwn(d->wwn))
        return fail(err, ERR_PLAIN, "wwn '%s' is not 16 hexadecimal digits", d->wwn);
    if (d->wwn && !(BIT(d->bus) & wwn_buses))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "<wwn> is of bus 'ide' and 'scsi' only, not '%s'",
                    bus_of(d));
    if (d->vendor && !is_printable(d->vendor))
        return fail(err, ERR_XML, "vendor '%s' is not printable", d->vendor);
    if (d->product && !is_printable(d->product))
        return fail(err, ERR_XML, "product '%s' is not printable", d->product);
    if (d->vendor && (d->bus != DISK_BUS_SCSI || strlen(d->vendor) > 8))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "vendor '%s': a disk on bus 'scsi' may have one of 8 characters", d->vendor);
    if (d->product && !(BIT(d->bus) & product_buses))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "<product> is of bus 'scsi', 'ide' and 'sata' only, not '%s'", bus_of(d));
    return !d->product || d->bus != DISK_BUS_SCSI || strlen(d->product) <= 16 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "product '%s' has more than 16 characters",
                d->product);
}

static gboolean
check_geometry(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    const DiskGeometry *g = d->geometry;

    if (!g)
        return TRUE;
    if (g->cylinders && g->heads && g->secs && d->bus == DISK_BUS_USB)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "a disk on bus 'usb' has no <geometry>");
    return !g->trans || d->bus == DISK_BUS_IDE ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "geometry 'trans' is of bus 'ide' only, not of '%s'",
                bus_of(d));
}

/* ---- how it is served */

static gboolean
check_virtio_driver(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    const DiskDriver *v = &d->driver;
    const struct {
        const char *name;
        gboolean set;
    } rows[] = {
        { "queues", v->queues },        { "queue_size", v->queue_size },
        { "ioeventfd", v->ioeventfd },  { "event_idx", v->event_idx },
        { "iommu", v->virtio.iommu },   { "ats", v->virtio.ats },
        { "packed", v->virtio.packed }, { "page_per_vq", v->virtio.page_per_vq },
        { "iothread", v->iothread },    { "iothreads", list_length(v->iothread_maps) },
    };

    for (guint i = 0; d->bus != DISK_BUS_VIRTIO && i < G_N_ELEMENTS(rows); i++)
        if (rows[i].set)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "driver '%s' is of bus 'virtio' only, not of '%s'", rows[i].name,
                        bus_of(d));
    if (v->iothread && v->iothread_maps)
        return fail(err, ERR_XML, "driver has both 'iothread' and <iothreads>");
    if (v->iothread && !domain_has_iothread(def, v->iothread))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "driver names iothread %u, which the domain does not have", v->iothread);
    return iothread_maps_check(def, v->iothread_maps, v->queues, err);
}

static gboolean
check_driver(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    const DiskDriver *v = &d->driver;
    gboolean other = v->format != FORMAT_QCOW2;

    if (v->copy_on_read == ON && (is_readonly(d) || is_ejectable(d)))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "driver 'copy_on_read' needs a disk that can be written");
    if (v->io == DISK_IO_NATIVE && v->cache != CACHE_NONE && v->cache != CACHE_DIRECTSYNC)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "driver io 'native' needs cache 'none' or 'directsync'");
    if (v->rerror_policy == ERROR_POLICY_ENOSPACE)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "driver rerror_policy 'enospace': reading needs no space; 'stop', 'report' and "
                    "'ignore' are allowed");
    if (v->metadata_cache && other)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "<metadata_cache> is of format 'qcow2' only");
    if (v->discard_no_unref == ON && (other || is_readonly(d)))
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "driver 'discard_no_unref' needs format 'qcow2' and a disk that can be written");
    return TRUE;
}

static gboolean
check_transient(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    const guint sharing = BIT(DISK_BUS_VIRTIO) | BIT(DISK_BUS_SCSI) | BIT(DISK_BUS_USB);

    if (!d->transient)
        return TRUE;
    if (d->device != DISK_DISK || d->readonly || d->source.type != SOURCE_FILE || disk_is_empty(d))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "<transient> needs device 'disk', a source of type 'file' and no <readonly>");
    return d->transient_share != YES || (BIT(d->bus) & sharing) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "transient 'shareBacking': not on bus '%s'",
                bus_of(d));
}

static gboolean
check_shareable(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    return !d->shareable || is_readonly(d) || !d->driver.format || d->driver.format == FORMAT_RAW ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "<shareable>: an image of format '%s' has one writer only, 'raw' may have more",
                word_of(disk_formats, d->driver.format));
}

/* ---- limits */

static gboolean
check_totals(const IotuneDef *t, GError **err)
{
    const struct {
        const char *name;
        guint64 total, read, write;
    } rows[] = {
        { "bytes_sec", t->total_bytes_sec, t->read_bytes_sec, t->write_bytes_sec },
        { "iops_sec", t->total_iops_sec, t->read_iops_sec, t->write_iops_sec },
        { "bytes_sec_max", t->total_bytes_sec_max, t->read_bytes_sec_max, t->write_bytes_sec_max },
        { "iops_sec_max", t->total_iops_sec_max, t->read_iops_sec_max, t->write_iops_sec_max },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const guint64 most = G_GUINT64_CONSTANT(1000000000000000); /* QEMU's */

        if (rows[i].total && (rows[i].read || rows[i].write))
            return fail(err, ERR_XML, "iotune: total_%s and read_%s or write_%s exclude each other",
                        rows[i].name, rows[i].name, rows[i].name);
        if (rows[i].total > most || rows[i].read > most || rows[i].write > most)
            return fail(err, ERR_ARG_UNSUPPORTED, "iotune: %s is above %" G_GUINT64_FORMAT,
                        rows[i].name, most);
    }
    return TRUE;
}

static gboolean
check_iotune(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    if (!d->iotune)
        return TRUE;
    if (d->iotune->group_name && !iotune_has_limits(d->iotune))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "iotune: group '%s' has no limits",
                    d->iotune->group_name);
    EACH (DiskDef, other, def->devices.disks) {
        if (other == d)
            break;
        if (other->iotune && d->iotune->group_name &&
            g_strcmp0(other->iotune->group_name, d->iotune->group_name) == 0 &&
            !schema_equal(&iotune_schema, other->iotune, d->iotune))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "iotune: group '%s' has other limits on disk '%s'", d->iotune->group_name,
                        other->target);
    }
    return check_totals(d->iotune, err);
}

static gboolean
has_group(const DomainDef *def, const char *name)
{
    EACH (ThrottleGroup, g, def->throttle_groups)
        if (g_strcmp0(g->limits.group_name, name) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
check_filters(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    if (d->throttle_filters && d->iotune)
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "<throttlefilters> and <iotune> exclude each "
                    "other");
    if (d->throttle_filters && d->device == DISK_CDROM)
        return fail(err, ERR_OPERATION_UNSUPPORTED, "a cdrom has no <throttlefilters>");
    EACH (ThrottleFilter, f, d->throttle_filters) {
        if (!has_group(def, f->group))
            return fail(err, ERR_XML, "throttlefilter: group '%s' is not in <throttlegroups>",
                        f->group);
        if (!g_hash_table_add(names, f->group))
            return fail(err, ERR_XML, "throttlefilter: group '%s' is there twice", f->group);
    }
    return TRUE;
}

/* ---- sources */

static gboolean
check_startup_policy(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    if (!d->source.startup_policy)
        return TRUE;
    if (d->source.type == SOURCE_NETWORK || d->source.type == SOURCE_VHOST_USER)
        return fail(err, ERR_XML, "'startupPolicy' is not of sources of type '%s'",
                    word_of(source_types, d->source.type));
    return d->source.startup_policy != STARTUP_REQUISITE || is_ejectable(d) ||
           fail(err, ERR_XML, "startupPolicy 'requisite' is of cdrom and floppy only");
}

static gboolean
check_sources(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    DiskSource whole = d->source;

    /* The older place of these two is the disk itself. */
    whole.encryption = d->encryption ? d->encryption : d->source.encryption;
    whole.auth = d->auth ? d->auth : d->source.auth;
    if (!source_check(&whole, d->driver.format, "source", err))
        return FALSE;
    if (d->source.type == SOURCE_DIR && !disk_is_empty(d) && !is_readonly(d))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "a source of type 'dir' needs <readonly>");
    if (d->source.type == SOURCE_VHOST_VDPA && !caps_has(caps, "virtio-blk-vhost-vdpa"))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "a source of type 'vhostvdpa' is not supported by '%s'", caps->path);
    for (const BackingStore *b = d->backing; b && b->source.type; b = b->backing)
        if (!source_check(&b->source, b->format, "backingStore", err))
            return FALSE;
    return TRUE;
}

static gboolean
has_blockio(const DiskDef *d)
{
    const DiskGeometry *g = d->geometry;

    return g && (g->logical_block || g->physical_block || g->has_discard_granularity);
}

/* The server of a vhost-user disk does all that QEMU does for others. */
static gboolean
check_vhost_user(const DomainDef *def, const DiskDef *d, const EmulatorCaps *caps, GError **err)
{
    const DiskDriver *v = &d->driver;
    const struct {
        const char *name;
        gboolean set;
    } rows[] = {
        { "snapshot", d->snapshot && d->snapshot != DISK_SNAPSHOT_NO },
        { "readonly", d->readonly },
        { "shareable", d->shareable },
        { "transient", d->transient },
        { "serial", d->serial != NULL },
        { "wwn", d->wwn != NULL },
        { "vendor", d->vendor != NULL },
        { "product", d->product != NULL },
        { "auth", d->source.auth || d->auth },
        { "geometry", d->geometry && d->geometry->cylinders },
        { "blockio", has_blockio(d) },
        { "backingStore", d->backing && d->backing->source.type },
        { "encryption", d->source.encryption || d->encryption },
        { "driver cache", v->cache != CACHE_DEFAULT },
        { "driver io", v->io },
        { "driver error_policy", v->error_policy || v->rerror_policy },
        { "driver ioeventfd", v->ioeventfd },
        { "driver copy_on_read", v->copy_on_read },
        { "driver discard", v->discard },
        { "driver iothread", v->iothread || v->iothread_maps },
        { "driver detect_zeroes", v->detect_zeroes },
        { "driver metadata_cache", v->metadata_cache != 0 },
        { "iotune", d->iotune != NULL },
        { "bus other than 'virtio'", d->bus != DISK_BUS_VIRTIO },
    };

    if (d->source.type != SOURCE_VHOST_USER)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].set)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "a disk of type 'vhostuser' has no %s",
                        rows[i].name);
    return domain_shares_memory(def) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "a disk of type 'vhostuser' needs shared memory: <memoryBacking> with <access "
                "mode='shared'/>");
}

static const DiskRule rules[] = {
    { "disk/source of vhostuser", check_vhost_user },
    { "disk/@device, disk/target/@bus", check_bus },
    { "disk/driver/@name", check_driver_name },
    { "disk of device 'lun'", check_lun },
    { "disk/@rawio, disk/@sgio, reservations", check_only_lun },
    { "disk/target", check_target },
    { "disk/serial, wwn, vendor, product", check_identity },
    { "disk/geometry", check_geometry },
    { "disk/source/@startupPolicy", check_startup_policy },
    { "disk/source, disk/backingStore", check_sources },
    { "disk/driver of virtio", check_virtio_driver },
    { "disk/driver", check_driver },
    { "disk/transient", check_transient },
    { "disk/shareable", check_shareable },
    { "disk/iotune", check_iotune },
    { "disk/throttlefilters", check_filters },
};

static gboolean
check_disks(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (DiskDef, d, def->devices.disks)
        for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
            if (!rules[i].check(def, d, caps, err))
                return fail_prefix(err, "disk '%s': ", d->target);
    return TRUE;
}

static gboolean
check_targets(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) targets = g_hash_table_new(g_str_hash, g_str_equal);

    EACH (DiskDef, d, def->devices.disks)
        if (!g_hash_table_add(targets, d->target))
            return fail(err, ERR_XML, "disk '%s': another disk has this target", d->target);
    return TRUE;
}

static gboolean
check_throttle_groups(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    EACH (ThrottleGroup, g, def->throttle_groups) {
        if (!g->limits.group_name)
            return fail(err, ERR_XML, "throttlegroup: its <group_name> is missing");
        if (!g_hash_table_add(names, g->limits.group_name))
            return fail(err, ERR_XML, "throttlegroup: '%s' is there twice", g->limits.group_name);
        if (!check_totals(&g->limits, err))
            return fail_prefix(err, "throttlegroup '%s': ", g->limits.group_name);
    }
    return TRUE;
}

const Rule disk_rules[] = {
    { "throttlegroups", check_throttle_groups },
    { "disk", check_disks },
    { NULL },
};

const Rule disk_pair_rules[] = {
    { "disk/target/@dev", check_targets },
    { NULL },
};
