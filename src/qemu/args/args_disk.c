/* Disks as the guest sees them. */
#include "args_block.h"

#include <string.h>

static const char *
disk_driver_name(const DiskDef *disk, const char *base)
{
    static const char *const ide[] = { NULL, "ide-hd", "ide-cd", NULL, "ide-hd" };
    static const char *const scsi[] = { NULL, "scsi-hd", "scsi-cd", NULL, "scsi-block" };

    return g_str_equal(base, "ide") ? ide[disk->device] : scsi[disk->device];
}

/* ---- where it sits, by bus */

static gboolean
place_ide(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    const DriveAddress *d = &disk->info.address.drive;
    const ControllerDef *c = args_controller(a->def, CONTROLLER_IDE, d->controller);
    g_autofree char *bus = g_strdup_printf(
        "%s.%u", c != NULL && c->index > 0 ? c->info.alias : "ide", d->bus);

    props_add(o, "s:driver", disk_driver_name(disk, "ide"), "s:bus", bus, "i:unit", (int)d->unit,
              NULL);
    return TRUE;
}

static gboolean
place_sata(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    const DriveAddress *d = &disk->info.address.drive;
    const ControllerDef *c = args_controller(a->def, CONTROLLER_SATA, d->controller);
    g_autofree char *bus = NULL;

    if (c == NULL || c->info.alias == NULL)
        return fail(err, ERR_INTERNAL, "disk '%s' needs sata controller %u", disk->target,
                    d->controller);
    bus = g_strdup_printf("%s.%u", c->index == 0 && domain_is_q35(a->def) ? "ide" : c->info.alias,
                          d->unit);
    props_add(o, "s:driver", disk_driver_name(disk, "ide"), "s:bus", bus, NULL);
    return TRUE;
}

/* The identity of a SCSI unit that the guest sees, unless the user has named one. */
static char *
scsi_id(const DiskDef *disk)
{
    return disk->serial != NULL ? g_strdup(disk->serial)
                                : g_strconcat("drive-", disk->info.alias, NULL);
}

static gboolean
place_scsi(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    const DriveAddress *d = &disk->info.address.drive;
    const ControllerDef *c = args_controller(a->def, CONTROLLER_SCSI, d->controller);
    g_autofree char *bus = NULL, *id = scsi_id(disk);

    if (c == NULL || c->info.alias == NULL)
        return fail(err, ERR_INTERNAL, "disk '%s' needs scsi controller %u", disk->target,
                    d->controller);
    /* that of the board has QEMU's name */
    bus = g_strconcat(c->model == MODEL_NCR53C90 ? "scsi" : c->info.alias, ".0", NULL);
    props_add(o, "s:driver", disk_driver_name(disk, "scsi"), "s:bus", bus, NULL);
    if (c->model == MODEL_LSILOGIC || c->model == MODEL_NONE_GIVEN || c->model == MODEL_NCR53C90 ||
        c->model == MODEL_DC390 || c->model == MODEL_AM53C974)
        props_add(o, "i:scsi-id", (int)d->unit, NULL);
    else
        props_add(o, "i:channel", (int)d->bus, "i:scsi-id", (int)d->target, "i:lun", (int)d->unit,
                  NULL);
    if (disk->device != DISK_LUN)
        props_add(o, "s:device_id", id, NULL);
    return TRUE;
}

static gboolean
place_virtio(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    const char *base = disk->source.type == SOURCE_VHOST_USER ? "vhost-user-blk" : "virtio-blk";
    g_autofree char *driver = virtio_driver(&disk->info, base, disk->model);
    g_autofree char *iothread = NULL;
    const DiskDriver *d = &disk->driver;

    if (d->iothread != 0)
        iothread = g_strdup_printf("iothread%u", d->iothread);
    props_add(o, "s:driver", driver, "s:iothread", iothread, NULL);
    if (list_length(d->iothread_maps) > 0)
        props_add(o, "o:iothread-vq-mapping", queue_map(d->iothread_maps), NULL);
    props_add(o, "B:ioeventfd", d->ioeventfd, "B:event_idx", d->event_idx, "n:num-queues",
              d->queues, "n:queue-size", d->queue_size, NULL);
    virtio_props(o, &d->virtio);
    return address_props(a, o, &disk->info, err);
}

static gboolean
place_usb(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    props_add(o, "s:driver", "usb-storage", NULL);
    return address_props(a, o, &disk->info, err);
}

static gboolean
place_floppy(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    props_add(o, "s:driver", "floppy", "i:unit", (int)disk->info.address.drive.unit, NULL);
    return TRUE;
}

static gboolean
place_nvme(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err)
{
    const ControllerDef *c = args_controller(a->def, CONTROLLER_NVME,
                                             disk->info.address.drive.controller);

    props_add(o, "s:driver", "nvme-ns", "s:bus", c != NULL ? c->info.alias : NULL, NULL);
    return TRUE;
}

static const struct {
    int bus;
    gboolean (*place)(ArgsOut *a, const DiskDef *disk, json_object *o, GError **err);
} places[] = {
    { DISK_BUS_IDE, place_ide },   { DISK_BUS_SATA, place_sata },
    { DISK_BUS_SCSI, place_scsi }, { DISK_BUS_VIRTIO, place_virtio },
    { DISK_BUS_USB, place_usb },   { DISK_BUS_FDC, place_floppy },
    { DISK_BUS_NVME, place_nvme },
};

/* ---- the device */

static gboolean
has_write_cache(const DiskDef *disk)
{
    return disk->device != DISK_LUN && disk->bus != DISK_BUS_FDC &&
           disk->source.type != SOURCE_VHOST_USER;
}

static const char *
write_cache(const DiskDef *disk)
{
    switch ((DiskCache)disk->driver.cache) {
    case CACHE_DEFAULT:
        return NULL;
    case CACHE_WRITETHROUGH:
    case CACHE_DIRECTSYNC:
        return "off";
    case CACHE_NONE:
    case CACHE_WRITEBACK:
    case CACHE_UNSAFE:
        return "on";
    }
    return NULL;
}

static void
error_props(const DiskDef *disk, json_object *o)
{
    static const char *const policies[] = { NULL, "stop", "report", "ignore", "enospc" };
    const DiskDriver *d = &disk->driver;
    const char *on_write = policies[CLAMP(d->error_policy, 0, 4)];
    const char *on_read = policies[CLAMP(d->rerror_policy, 0, 4)];

    /* Running out of space cannot happen while reading: that is an error like any other. */
    if (on_read == NULL && on_write != NULL && d->error_policy != ERROR_POLICY_ENOSPACE)
        on_read = on_write;
    props_add(o, "s:werror", on_write, "s:rerror", on_read, NULL);
}

/* Guests have always seen a blank of it behind a backslash. */
static char *
disk_serial(const DiskDef *disk)
{
    g_auto(GStrv) parts = disk->serial != NULL ? g_strsplit(disk->serial, " ", -1) : NULL;

    return parts != NULL ? g_strjoinv("\\ ", parts) : NULL;
}

static void
geometry_props(const DiskDef *disk, json_object *o)
{
    static const char *const trans[] = { NULL, "none", "auto", "lba" };
    const DiskGeometry *g = disk->geometry;

    if (g == NULL)
        return;
    props_add(o, "n:logical_block_size", g->logical_block, "n:physical_block_size",
              g->physical_block, "n:cyls", g->cylinders, "n:heads", g->heads, "n:secs", g->secs,
              "s:bios-chs-trans", trans[CLAMP(g->trans, 0, 3)], NULL);
    if (g->has_discard_granularity)
        props_add(o, "U:discard_granularity", g->discard_granularity, NULL);
}

static void
identity_props(const DiskDef *disk, json_object *o)
{
    if (disk->wwn != NULL)
        props_add(o, "U:wwn", g_ascii_strtoull(disk->wwn, NULL, 16), NULL);
    props_add(o, "n:rotation_rate", disk->rotation_rate, "s:vendor", disk->vendor, "s:product",
              disk->product, NULL);
}

static guint
disk_boot_index(ArgsOut *a, const DiskDef *disk)
{
    static const int devs[] = { 0, BOOT_HD, BOOT_CDROM, BOOT_FD, BOOT_HD };

    return boot_index(a, &disk->info, devs[disk->device]);
}

static gboolean
put_disk_device(ArgsOut *a, const DiskDef *disk, const char *node, guint bootindex, GError **err)
{
    json_object *o = json_object_new_object();
    gboolean ok = FALSE, found = FALSE;
    g_autofree char *serial = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(places) && !found; i++) {
        found = places[i].bus == disk->bus;
        ok = found && places[i].place(a, disk, o, err);
    }
    if (!ok) {
        json_object_put(o);
        return found ? FALSE
                     : fail(err, ERR_CONFIG_UNSUPPORTED, "disk '%s': bus '%s' is not supported",
                            disk->target, word_of(disk_buses, disk->bus));
    }
    if (disk->shareable)
        props_add(o, "b:share-rw", TRUE, NULL);
    props_add(o, disk->source.type == SOURCE_VHOST_USER ? "s:chardev" : "s:drive", node, "s:id",
              disk->info.alias, "n:bootindex", disk->bus == DISK_BUS_FDC ? 0 : bootindex,
              "s:loadparm", boot_parameter(a, &disk->info), NULL);
    geometry_props(disk, o);
    identity_props(disk, o);
    if (disk->bus == DISK_BUS_USB || disk->removable != 0)
        props_add(o, "b:removable", disk->removable == ON, NULL);
    serial = disk_serial(disk);
    props_add(o, "s:write-cache", has_write_cache(disk) ? write_cache(disk) : NULL, "s:serial",
              serial, NULL);
    error_props(disk, o);
    args_device(a, o);
    return TRUE;
}

/* ---- special ones */

static gboolean
put_vhost_user(ArgsOut *a, const DiskDef *disk, char **ret_node, GError **err)
{
    g_autofree char *id = g_strconcat("chr-vu-", disk->info.alias, NULL);
    CharEnd end = { .mode = CHAR_CONNECT,
                    .path = disk->source.path,
                    .reconnect = disk->source.reconnect };

    if (!args_socket(a, &end, id, "vhost-user disk", err))
        return FALSE;
    *ret_node = g_steal_pointer(&id);
    return TRUE;
}

/* An SD card has no -device of its own on the boards that take one, and -drive cannot say what an
 * image stands on. */
static gboolean
put_sd(ArgsOut *a, const DiskDef *disk, GError **err)
{
    gboolean alone = !args_is_native(a) && block_has_backing(disk->driver.format);
    g_autofree char *name = disk->source.path != NULL
                                ? args_escape(
                                      args_open(a, HOST_WRITE, disk->source.path, "SD card"))
                                : NULL;

    if (alone && disk->backing != NULL && disk->backing->source.type != SOURCE_NONE)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk '%s': the image of an SD card cannot have one below it", disk->target);
    if (disk->source.encryption != NULL || disk->encryption != NULL)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk '%s': the image of an SD card cannot be encrypted", disk->target);
    if (name == NULL)
        return TRUE;
    if (!args_is_native(a))
        args_format(a, &disk->source, disk->driver.format);
    args_pairf(a, "-drive", "file=%s,format=%s,if=sd,index=0%s", name,
               disk->driver.format > 0 ? word_of(disk_formats, disk->driver.format) : "raw",
               alone ? ",backing=" : "");
    return TRUE;
}

static gboolean
put_disk(ArgsOut *a, const DiskDef *disk, guint bootindex, GError **err)
{
    g_autofree char *node = NULL;

    if (disk->bus == DISK_BUS_FDC && guest_is_pseries(a->def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "disk '%s': machine '%s' has no floppy drive",
                    disk->target, a->def->os.machine);
    if (disk->bus == DISK_BUS_SD)
        return put_sd(a, disk, err);
    /* one that leaves its image to others comes when the guest is there already */
    if (disk->transient_share == YES && args_is_native(a))
        return TRUE;
    if (disk->source.type == SOURCE_VHOST_USER) {
        if (!put_vhost_user(a, disk, &node, err))
            return FALSE;
    } else if (!disk_is_empty(disk) && !block_put_disk(a, disk, &node, err)) {
        return FALSE;
    }
    return put_disk_device(a, disk, node, bootindex, err);
}

/* Floppies boot by properties of their controller. */
static void
put_floppy_boot(ArgsOut *a, const guint *bootindex)
{
    static const char *const names[] = { "bootindexA", "bootindexB" };
    json_object *o = domain_is_q35(a->def) ? props_new("isa-fdc") : NULL;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (bootindex[i] == 0)
            continue;
        if (o != NULL)
            json_object_object_add(o, names[i], json_object_new_int((int)bootindex[i]));
        else
            args_pairf(a, "-global", "isa-fdc.%s=%u", names[i], bootindex[i]);
    }
    if (o != NULL)
        args_device(a, o);
}

static void
put_throttle_groups(ArgsOut *a)
{
    for (guint i = 0; i < list_length(a->def->throttle_groups); i++) {
        const IotuneDef *t = &LIST_AT(ThrottleGroup, a->def->throttle_groups, i)->limits;
        g_autofree char *id = g_strconcat("throttle-", t->group_name, NULL);
        json_object *o = json_object_new_object(), *limits = json_object_new_object();

        props_add(
            limits, "u:bps-total", t->total_bytes_sec, "u:bps-read", t->read_bytes_sec,
            "u:bps-write", t->write_bytes_sec, "u:iops-total", t->total_iops_sec, "u:iops-read",
            t->read_iops_sec, "u:iops-write", t->write_iops_sec, "u:bps-total-max",
            t->total_bytes_sec_max, "u:bps-read-max", t->read_bytes_sec_max, "u:bps-write-max",
            t->write_bytes_sec_max, "u:iops-total-max", t->total_iops_sec_max, "u:iops-read-max",
            t->read_iops_sec_max, "u:iops-write-max", t->write_iops_sec_max, "u:iops-size",
            t->size_iops_sec, "u:bps-total-max-length", t->total_bytes_sec_max_length,
            "u:bps-read-max-length", t->read_bytes_sec_max_length, "u:bps-write-max-length",
            t->write_bytes_sec_max_length, "u:iops-total-max-length", t->total_iops_sec_max_length,
            "u:iops-read-max-length", t->read_iops_sec_max_length, "u:iops-write-max-length",
            t->write_iops_sec_max_length, NULL);
        props_add(o, "s:qom-type", "throttle-group", "s:id", id, "o:limits", limits, NULL);
        args_part(a, ADD_OBJECT, o);
    }
}

gboolean
args_put_disks(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.disks;
    g_autofree guint *bootindex = g_new0(guint, list_length(list) + 1);
    guint floppy[2] = { 0 };
    gboolean any_floppy = FALSE;

    for (guint i = 0; i < list_length(list); i++) {
        const DiskDef *disk = LIST_AT(DiskDef, list, i);

        bootindex[i] = disk_boot_index(a, disk);
        if (disk->bus == DISK_BUS_FDC) {
            any_floppy = TRUE;
            floppy[MIN(disk->info.address.drive.unit, 1)] = bootindex[i];
        }
    }
    if (!a->only)
        put_throttle_groups(a);
    if (any_floppy && !a->only)
        put_floppy_boot(a, floppy);
    for (guint i = 0; i < list_length(list); i++) {
        const DiskDef *disk = LIST_AT(DiskDef, list, i);

        if (is_asked(a, disk) && !put_disk(a, disk, bootindex[i], err))
            return FALSE;
    }
    return TRUE;
}
