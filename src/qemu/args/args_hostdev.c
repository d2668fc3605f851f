/* Devices and folders of the host that a guest gets. */
#include "args_priv.h"

#include <stdio.h>
#include <string.h>

/* ---- PCI and mediated devices */

static gboolean
hostdev_pci(ArgsOut *a, const HostdevDef *h, GError **err)
{
    const PciAddress *p = h->source.pci;
    g_autofree char *host = NULL;
    json_object *o = props_new("vfio-pci");

    if (p == NULL)
        return fail(err, ERR_XML, "hostdev '%s' has no source address", h->info.alias);
    host = g_strdup_printf("%04x:%02x:%02x.%x", p->domain, p->bus, p->slot, p->function);
    props_add(o, "s:host", host, "s:id", h->info.alias, "n:bootindex", boot_index(a, &h->info, 0),
              NULL);
    if (h->teaming != NULL && h->teaming->persistent != NULL)
        props_add(o, "s:failover_pair_id", h->teaming->persistent, NULL);
    props_add(o, "w:display", h->display, NULL);
    rom_props(a, o, &h->info);
    return args_device_at(a, o, &h->info, err);
}

static gboolean
hostdev_mdev(ArgsOut *a, const HostdevDef *h, GError **err)
{
    char uuid[UUID_TEXT_LEN];
    g_autofree char *path = NULL;
    gboolean ramfb = h->ramfb == ON;
    const char *model = word_of(hostdev_models, h->model);
    const char *driver = g_strcmp0(model, "vfio-ccw") == 0  ? "vfio-ccw"
                         : g_strcmp0(model, "vfio-ap") == 0 ? "vfio-ap"
                         : ramfb                            ? "vfio-pci-nohotplug"
                                                            : "vfio-pci";
    json_object *o = props_new(driver);

    uuid_format(h->source.mdev_uuid, uuid);
    path = g_strconcat("/sys/bus/mdev/devices/", uuid, NULL);
    props_add(o, "s:id", h->info.alias, "s:sysfsdev", path, "w:display", h->display, NULL);
    if (ramfb)
        props_add(o, "b:ramfb", TRUE, NULL);
    props_add(o, "n:bootindex", boot_index(a, &h->info, 0), NULL);
    return args_device_at(a, o, &h->info, err);
}

/* ---- USB */

static gboolean
hostdev_usb(ArgsOut *a, const HostdevDef *h, GError **err)
{
    const HostdevUsb *u = h->source.usb;
    json_object *o = props_new("usb-host");

    if (u == NULL) {
        json_object_put(o);
        return fail(err, ERR_XML, "hostdev '%s' has no USB source", h->info.alias);
    }
    if (u->has_bus && u->has_device && (u->bus != 0 || u->device != 0)) {
        g_autofree char *path = g_strdup_printf("/dev/bus/usb/%03u/%03u", u->bus, u->device);

        props_add(o, "s:hostdevice", args_open(a, HOST_DEVICE, path, "USB device"), NULL);
    } else {
        props_add(o, "i:vendorid", (int)u->vendor, "i:productid", (int)u->product, NULL);
    }
    props_add(o, "s:id", h->info.alias, "n:bootindex", boot_index(a, &h->info, 0), NULL);
    if (h->source.guest_reset != 0) {
        enum { RESET_OFF = 1, RESET_UNINITIALIZED };

        props_add(o, "b:guest-reset", h->source.guest_reset != RESET_OFF, "b:guest-resets-all",
                  h->source.guest_reset > RESET_UNINITIALIZED, NULL);
    }
    return args_device_at(a, o, &h->info, err);
}

/* ---- SCSI */

/* The generic node of a logical unit, as the kernel numbers it. */
static char *
scsi_generic(const HostdevScsi *s, GError **err)
{
    guint host = 0;
    g_autofree char *folder = NULL;
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (s->adapter == NULL || sscanf(s->adapter, "scsi_host%u", &host) != 1) {
        fail(err, ERR_INTERNAL, "Cannot parse adapter '%s'", s->adapter ? s->adapter : "");
        return NULL;
    }
    folder = g_strdup_printf("/sys/bus/scsi/devices/%u:%u:%u:%u/scsi_generic", host, s->address.bus,
                             s->address.target, s->address.unit);
    dir = g_dir_open(folder, 0, NULL);
    name = dir != NULL ? g_dir_read_name(dir) : NULL;
    if (name == NULL) {
        fail(err, ERR_SYSTEM, "cannot open directory '%s': No such file or directory", folder);
        return NULL;
    }
    return g_strconcat("/dev/", name, NULL);
}

static gboolean
put_scsi_node(ArgsOut *a, const HostdevDef *h, const char *node, GError **err)
{
    const HostdevScsi *s = h->source.scsi;
    json_object *o;
    g_autofree char *path = NULL, *key = g_strconcat(h->info.alias, "-secret0", NULL);

    if (list_length(s->hosts) > 0) {
        const SourceHost *host = LIST_AT(SourceHost, s->hosts, 0);
        g_auto(GStrv) parts = g_strsplit(s->name, "/", 2);
        g_autofree char *portal = g_strdup_printf("%s:%s", host->name,
                                                  host->port != NULL ? host->port : "3260");

        if (s->auth != NULL && !args_secret(a, s->auth->secret, key, "SCSI host device", err))
            return FALSE;
        o = props_new("iscsi");
        props_add(o, "s:portal", portal, "s:target", parts[0], "i:lun",
                  parts[1] != NULL ? atoi(parts[1]) : 0, "s:transport", "tcp", "s:initiator-name",
                  s->initiator, NULL);
        if (s->auth != NULL)
            props_add(o, "s:user", s->auth->username, "s:password-secret", key, NULL);
    } else {
        path = scsi_generic(s, err);
        if (path == NULL)
            return FALSE;
        o = props_new("host_device");
        props_add(o, "s:filename",
                  args_open(a, h->readonly ? HOST_READ : HOST_WRITE, path, "SCSI host device"),
                  NULL);
    }
    props_add(o, "s:node-name", node, "b:read-only", h->readonly, NULL);
    args_part(a, ADD_BLOCKDEV, o);
    return TRUE;
}

/* Numbers go on where those of the disks end. */
static guint
scsi_number(const DomainDef *def, const HostdevDef *h)
{
    const GPtrArray *disks = def->devices.disks, *list = def->devices.hostdevs;
    guint n = 0;

    for (guint i = 0; i < list_length(disks); i++)
        for (const BackingStore *b = LIST_AT(DiskDef, disks, i)->backing; b != NULL; b = b->backing)
            n = MAX(n, b->source.index);
    for (guint i = 0; i < list_length(disks); i++)
        n = MAX(n, LIST_AT(DiskDef, disks, i)->source.index);
    for (guint i = 0; i < list_length(list); i++) {
        n += LIST_AT(HostdevDef, list, i)->source.type == HOSTDEV_SCSI;
        if (LIST_AT(HostdevDef, list, i) == h)
            break;
    }
    return n;
}

static gboolean
hostdev_scsi(ArgsOut *a, const HostdevDef *h, GError **err)
{
    const DriveAddress *d = &h->info.address.drive;
    const ControllerDef *c = args_controller(a->def, CONTROLLER_SCSI, d->controller);
    g_autofree char *node = g_strdup_printf("libvirt-%u-backend", scsi_number(a->def, h));
    g_autofree char *bus = NULL;
    json_object *o;

    if (c == NULL || h->source.scsi == NULL)
        return fail(err, ERR_INTERNAL, "hostdev '%s' needs scsi controller %u", h->info.alias,
                    d->controller);
    if (!put_scsi_node(a, h, node, err))
        return FALSE;
    bus = g_strconcat(c->info.alias, ".0", NULL);
    o = props_new("scsi-generic");
    props_add(o, "s:drive", node, "s:id", h->info.alias, "s:bus", bus, NULL);
    if (c->model == MODEL_LSILOGIC || c->model == MODEL_NONE_GIVEN)
        props_add(o, "i:scsi-id", (int)d->unit, NULL);
    else
        props_add(o, "i:channel", (int)d->bus, "i:scsi-id", (int)d->target, "i:lun", (int)d->unit,
                  NULL);
    props_add(o, "n:bootindex", boot_index(a, &h->info, 0), NULL);
    args_device(a, o);
    return TRUE;
}

static gboolean
hostdev_vhost(ArgsOut *a, const HostdevDef *h, GError **err)
{
    g_autofree char *driver = virtio_driver(&h->info, "vhost-scsi", 0);
    g_autofree char *fd = g_strdup_printf(
        "%d", args_fd(a, HOST_DEVICE, "/dev/vhost-scsi", "vhost-scsi device"));
    json_object *o = props_new(driver);

    props_add(o, "s:wwpn", h->source.vhost != NULL ? h->source.vhost->wwpn : NULL, "s:vhostfd",
              args_is_native(a) ? "0" : fd, "s:id", h->info.alias, NULL);
    return args_device_at(a, o, &h->info, err);
}

static const struct {
    int type;
    gboolean (*put)(ArgsOut *a, const HostdevDef *h, GError **err);
} hostdev_rows[] = {
    { HOSTDEV_USB, hostdev_usb },   { HOSTDEV_PCI, hostdev_pci },
    { HOSTDEV_SCSI, hostdev_scsi }, { HOSTDEV_SCSI_HOST, hostdev_vhost },
    { HOSTDEV_MDEV, hostdev_mdev },
};

static gboolean
put_hostdev(ArgsOut *a, const HostdevDef *h, GError **err)
{
    enum { SUBSYSTEM = 1 };

    for (guint i = 0; h->mode == SUBSYSTEM && i < G_N_ELEMENTS(hostdev_rows); i++)
        if (hostdev_rows[i].type == h->source.type)
            return hostdev_rows[i].put(a, h, err);
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "hostdev mode 'capabilities' is not supported in QEMU");
}

gboolean
args_put_hostdevs(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.hostdevs;

    EACH_DEVICE (a, HostdevDef, hostdev, list)
        if (!put_hostdev(a, hostdev, err))
            return FALSE;
    return TRUE;
}

/* ---- filesystems */

static gboolean
fs_9p(ArgsOut *a, const FsDef *fs, GError **err)
{
    static const char *const models[] = { NULL, "passthrough", "mapped", "none" };
    static const char *const multidevs[] = { NULL, "remap", "forbid", "warn" };
    gboolean handle = fs->driver == FS_HANDLE;
    g_autofree char *driver = virtio_driver(&fs->info, "virtio-9p", fs->model);
    g_autofree char *id = g_strconcat("fsdev-", fs->info.alias, NULL);
    g_autofree char *path = args_escape(fs->source != NULL ? fs->source : "");
    g_autoptr(GString) s = g_string_new(handle ? "handle" : "local");
    json_object *o;

    if (!handle && fs->accessmode)
        g_string_append_printf(s, ",security_model=%s", models[CLAMP(fs->accessmode, 1, 3)]);
    if (fs->multidevs > 0 && fs->multidevs < (int)G_N_ELEMENTS(multidevs))
        g_string_append_printf(s, ",multidevs=%s", multidevs[fs->multidevs]);
    if (fs->has_fmode)
        g_string_append_printf(s, ",fmode=%04o", fs->fmode);
    if (fs->has_dmode)
        g_string_append_printf(s, ",dmode=%04o", fs->dmode);
    if (fs->wrpolicy != 0)
        g_string_append(s, ",writeout=immediate");
    g_string_append_printf(s, ",id=%s,path=%s", id, path);
    if (fs->readonly)
        g_string_append(s, ",readonly=on");
    args_pair(a, "-fsdev", s->str);
    o = props_new(driver);
    virtio_props(o, &fs->virtio);
    props_add(o, "s:id", fs->info.alias, "s:fsdev", id, "s:mount_tag", fs->target, NULL);
    return args_device_at(a, o, &fs->info, err);
}

static gboolean
fs_virtiofs(ArgsOut *a, const FsDef *fs, GError **err)
{
    g_autofree char *id = g_strconcat("chr-vu-", fs->info.alias, NULL);
    g_autofree char *own = g_strdup_printf("%s/%s-fs.sock", a->in->run_dir ? a->in->run_dir : "",
                                           fs->info.alias);
    g_autofree char *driver = virtio_driver(&fs->info, "vhost-user-fs", fs->model);
    CharEnd end = { .path = fs->socket != NULL ? fs->socket : own, .mode = CHAR_CONNECT };
    json_object *o;

    if (fs->socket == NULL && !args_is_native(a))
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "filesystem '%s': vmd does not start virtiofsd; start it and name its socket in "
            "<source socket='...'/>",
            fs->target);
    if (!args_socket(a, &end, id, "filesystem", err))
        return FALSE;
    o = props_new(driver);
    virtio_props(o, &fs->virtio);
    props_add(o, "s:id", fs->info.alias, "s:chardev", id, "n:queue-size", fs->queue, "s:tag",
              fs->target, "n:bootindex", fs->info.boot_order, NULL);
    return args_device_at(a, o, &fs->info, err);
}

static gboolean
fs_mtp(ArgsOut *a, const FsDef *fs, GError **err)
{
    json_object *o = props_new("usb-mtp");

    props_add(o, "s:id", fs->info.alias, "s:rootdir", fs->source, "s:desc", fs->target,
              "b:readonly", fs->readonly, NULL);
    return args_device_at(a, o, &fs->info, err);
}

gboolean
args_put_filesystems(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.filesystems;

    EACH_DEVICE (a, FsDef, fs, list) {
        gboolean ok = fs->driver == FS_VIRTIOFS ? fs_virtiofs(a, fs, err)
                      : fs->driver == FS_MTP    ? fs_mtp(a, fs, err)
                                                : fs_9p(a, fs, err);

        if (!ok)
            return FALSE;
    }
    return TRUE;
}
