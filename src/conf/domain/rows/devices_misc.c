/* Rows of host devices, filesystems, memory devices and the small ones. */
#include "conf/lists.h"
#include "conf/rows.h"

#include <string.h>

/* ---- host devices */

static const char *const hostdev_modes[] = { NULL, "subsystem", "capabilities", NULL };
static const char *const hostdev_types[] = { NULL,   "usb",     "pci",  "scsi", "scsi_host",
                                             "mdev", "storage", "misc", "net",  NULL };
const char *const hostdev_models[] = {
    NULL,      "virtio", "virtio-transitional", "virtio-non-transitional", "vfio-pci", "vfio-ccw",
    "vfio-ap", NULL
};
const char *const hostdev_drivers[] = { NULL, "kvm", "vfio", "xen", NULL };
static const char *const sgios[] = { NULL, "filtered", "unfiltered", NULL };
static const char *const startup_policies[] = { NULL, "mandatory", "requisite", "optional", NULL };
static const char *const guest_resets[] = { NULL, "off", "uninitialized", "on", NULL };
static const char *const vhost_protocols[] = { NULL, "vhost", NULL };

/* "adapter" goes without saying. */
static gboolean
scsi_protocol_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    *(int *)at = word_find(source_protocols, text);
    return strcmp(text, "adapter") == 0 || *(int *)at == PROTOCOL_ISCSI;
}

static void
scsi_protocol_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append(out, word_of(source_protocols, *(const int *)at));
}

static const FieldType scsi_protocol = { "protocol", NULL, sizeof(int), scsi_protocol_parse,
                                         scsi_protocol_format };

#define USB_ID (&(const NumSpec){ 1, G_MAXUINT32, NUM_HEX, 4 })

static const Field usb_fields[] = {
    ROW_HAS(HostdevUsb, "vendor/@id", F_U32, vendor, F_REQUIRED | F_HELD, USB_ID,
            "Vendor ID of the USB device."),
    ROW_HAS(HostdevUsb, "product/@id", F_U32, product, F_REQUIRED | F_HELD, HEX(4, G_MAXUINT32),
            "Product ID of the USB device."),
    ROW_HAS(HostdevUsb, "address/@bus", F_U32, bus, 0, ANY_BASE, "Number of the host's USB bus."),
    ROW(HostdevUsb, "address/@port", F_STRING, port, F_LIVE, NULL,
        "Port of the host that the device is plugged into."),
    ROW_HAS(HostdevUsb, "address/@device", F_U32, device, 0, ANY_BASE,
            "Number of the device on the bus."),
    ROW_END
};

static gboolean
usb_settle(gpointer def, GError **err)
{
    const HostdevUsb *u = def;

    if (u->has_vendor != u->has_product)
        return fail(err, ERR_PLAIN, "USB device is given by 'vendor' and 'product' together");
    if (u->has_bus != u->has_device)
        return fail(err, ERR_XML, "'address' of a USB device needs both 'bus' and 'device'");
    return TRUE;
}

static const Schema usb_schema = { "source", sizeof(HostdevUsb), usb_fields, usb_settle };

static const Field scsi_fields[] = {
    ROW(HostdevScsi, "@protocol", F_OWN, protocol, 0, &scsi_protocol,
        "Whether the device is on an adapter of the host or on an iSCSI server."),
    WHEN(HostdevScsi, protocol, BIT(0)),
    ROW(HostdevScsi, "adapter/@name", F_STRING, adapter, F_REQUIRED | F_NONEMPTY, NULL,
        "Name of the host's SCSI adapter, such as scsi_host0."),
    ROW(HostdevScsi, "address/@bus", F_U32, address.bus, F_REQUIRED | F_ALWAYS, NULL,
        "Number of the bus on that adapter."),
    ROW(HostdevScsi, "address/@target", F_U32, address.target, F_REQUIRED | F_ALWAYS, NULL,
        "Number of the target on that bus."),
    ROW(HostdevScsi, "address/@unit", F_U32, address.unit, F_REQUIRED | F_ALWAYS, NULL,
        "Number of the unit (LUN) at that target."),
    WHEN(HostdevScsi, protocol, BIT(PROTOCOL_ISCSI)),
    ROW(HostdevScsi, "@name", F_STRING, name, F_REQUIRED, NULL,
        "Name (IQN) of the iSCSI target, a slash, and the number of the unit."),
    ROW(HostdevScsi, "host", F_LIST, hosts, 0, &source_host_schema,
        "Name and port of the iSCSI server."),
    ROW(HostdevScsi, "auth", F_PTR, auth, 0, &auth_schema,
        "User and secret to log in with at the server."),
    ROW(HostdevScsi, "initiator/iqn/@name", F_STRING, initiator, F_NONEMPTY, NULL,
        "Name (IQN) by which the host is known to the iSCSI server."),
    WHEN_END,
    ROW_END
};

/* Without a LUN it is the first one. */
static gboolean
scsi_settle(gpointer def, GError **err)
{
    HostdevScsi *s = def;

    if (s->name && !strchr(s->name, '/')) {
        g_autofree char *name = g_steal_pointer(&s->name);

        s->name = g_strconcat(name, "/0", NULL);
    }
    return s->protocol != PROTOCOL_ISCSI || (s->hosts && s->hosts->len == 1) ||
           fail(err, ERR_XML, "iSCSI hostdev needs exactly one 'host'");
}

static const Schema scsi_schema = { "source", sizeof(HostdevScsi), scsi_fields, scsi_settle };

static const Field vhost_fields[] = { ROW(HostdevVhost, "@protocol", F_ENUM, protocol, F_REQUIRED,
                                          vhost_protocols,
                                          "Kind of target; vhost is the only one."),
                                      ROW(HostdevVhost, "@wwpn", F_STRING, wwpn, F_REQUIRED, NULL,
                                          "World wide port name of the vhost target."),
                                      ROW_END };

/* "naa." and sixteen hexadecimal digits. */
static gboolean
vhost_settle(gpointer def, GError **err)
{
    const char *wwpn = ((const HostdevVhost *)def)->wwpn;

    return (g_str_has_prefix(wwpn, "naa.") && strlen(wwpn) == 20 &&
            strspn(wwpn + 4, "0123456789abcdefABCDEF") == 16) ||
           fail(err, ERR_XML, "malformed 'wwpn': '%s'", wwpn);
}

static const Schema vhost_schema = { "source", sizeof(HostdevVhost), vhost_fields, vhost_settle };

static const Field hostdev_source_fields[] = {
    ROW(HostdevSource, "@startupPolicy", F_ENUM, startup_policy, F_DEFAULT, startup_policies,
        "Whether a start fails without the device, or goes on without it."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_USB)),
    ROW(HostdevSource, "@autoaddress", F_ENUM, autoaddress, F_LIVE, yes_no,
        "Whether the address was found by vendor and product."),
    ROW(HostdevSource, "@missing", F_ENUM, missing, F_LIVE, yes_no,
        "Whether the device was not there at the start."),
    ROW(HostdevSource, "@guestReset", F_ENUM, guest_reset, 0, guest_resets,
        "Whether the guest can reset the USB device."),
    ROW(HostdevSource, "", F_PTR, usb, 0, &usb_schema, NULL),
    WHEN(HostdevSource, type, BIT(HOSTDEV_PCI)),
    ROW(HostdevSource, "@writeFiltering", F_ENUM, write_filtering, 0, yes_no,
        "Whether writes of the guest to the device's configuration are filtered."),
    ROW(HostdevSource, "address", F_PTR, pci, 0, &pci_address_schema,
        "Address of the device on the host."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_SCSI)),
    ROW(HostdevSource, "", F_PTR, scsi, 0, &scsi_schema, NULL),
    WHEN(HostdevSource, type, BIT(HOSTDEV_SCSI_HOST)),
    ROW(HostdevSource, "", F_PTR, vhost, 0, &vhost_schema, NULL),
    WHEN(HostdevSource, type, BIT(HOSTDEV_MDEV)),
    ROW(HostdevSource, "address/@uuid", F_UUID, mdev_uuid,
        F_ERR(ERR_PLAIN) | F_MISSING(ERR_CONFIG_UNSUPPORTED), NULL, "UUID of the mediated device."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_STORAGE)),
    ROW(HostdevSource, "block", F_STRING, block, 0, NULL, "Path of the block device on the host."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_MISC)),
    ROW(HostdevSource, "char", F_STRING, chardev, 0, NULL,
        "Path of the character device on the host."),
    WHEN(HostdevSource, type, BIT(HOSTDEV_NET)),
    ROW(HostdevSource, "interface", F_STRING, interface, 0, NULL,
        "Name of the network interface on the host."),
    WHEN_END,
    ROW_END
};

static gboolean
hostdev_source_settle(gpointer def, GError **err)
{
    HostdevSource *s = def;

    if (s->type == HOSTDEV_PCI && !s->pci)
        s->pci = schema_new(&pci_address_schema);
    if (s->pci)
        s->pci->multifunction = 0;
    return TRUE;
}

static const Schema hostdev_source_schema = { "source", sizeof(HostdevSource),
                                              hostdev_source_fields, hostdev_source_settle };

static const Field hostdev_fields[] = {
    ROW(HostdevDef, "@mode", F_ENUM, mode, 0, hostdev_modes,
        "subsystem: the guest gets a device of the host; capabilities: for containers only."),
    ROW(HostdevDef, "@type", F_ENUM, source.type, F_REQUIRED, hostdev_types,
        "Kind of device that the guest gets."),
    ROW(HostdevDef, "@managed", F_OWN, managed, 0, &loose_yes_no,
        "Whether the device is taken from its driver at the start, and given back at the end."),
    ROW(HostdevDef, "@sgio", F_ENUM, sgio, 0, sgios,
        "Whether the kernel filters the guest's SCSI commands."),
    ROW(HostdevDef, "@rawio", F_ENUM, rawio, 0, yes_no,
        "Whether QEMU gets the capability CAP_SYS_RAWIO, to send any SCSI command."),
    ROW(HostdevDef, "@model", F_ENUM, model, 0, hostdev_models,
        "Model that the guest sees, of a mediated device or a vhost target."),
    ROW(HostdevDef, "@display", F_ENUM, display, 0, on_off,
        "Whether a mediated device shows its own display."),
    ROW(HostdevDef, "@ramfb", F_ENUM, ramfb, 0, on_off,
        "Whether the device's display shows the boot too."),
    WHEN(HostdevDef, source.type, BIT(HOSTDEV_PCI)),
    ROW(HostdevDef, "driver/@name", F_ENUM, driver_name, 0, hostdev_drivers,
        "How the device is assigned to the guest; vfio is the only way with QEMU."),
    ROW(HostdevDef, "driver/@model", F_STRING, driver_model, 0, NULL,
        "Driver of the host that the device is bound to."),
    WHEN(HostdevDef, source.type, ~BIT(HOSTDEV_PCI)),
    ROW_IGNORED("driver"),
    WHEN_END,
    ROW(HostdevDef, "source", F_STRUCT, source, F_REQUIRED, &hostdev_source_schema,
        "Address or name of the device on the host."),
    ROW(HostdevDef, "teaming", F_PTR, teaming, 0, &teaming_schema,
        "The other half of a pair of cards, which stays while this one is away."),
    WHEN(HostdevDef, source.type, BIT(HOSTDEV_SCSI)),
    ROW(HostdevDef, "readonly", F_FLAG, readonly, 0, NULL, "The guest cannot write to the device."),
    ROW(HostdevDef, "shareable", F_FLAG, shareable, 0, NULL,
        "Other domains may use the device at the same time."),
    WHEN_END,
    INFO(HostdevDef),
    ROW_END
};

enum { HOSTDEV_SUBSYSTEM = 1, HOSTDEV_CAPABILITIES };
#define CAPABILITIES (BIT(HOSTDEV_STORAGE) | BIT(HOSTDEV_MISC) | BIT(HOSTDEV_NET))

/* Which models a type of host device has. */
static gboolean
settle_hostdev_model(HostdevDef *h, GError **err)
{
    gboolean is_vfio = h->model >= HOSTDEV_MODEL_VFIO_PCI;

    if (h->source.type == HOSTDEV_MDEV && !is_vfio)
        return fail(err, ERR_XML, "Missing required attribute 'model' in element 'hostdev'");
    if (h->source.type == HOSTDEV_SCSI_HOST && is_vfio)
        return fail(err, ERR_XML, "vhost SCSI hostdev has no model '%s'", hostdev_models[h->model]);
    if (h->model && h->source.type != HOSTDEV_MDEV && h->source.type != HOSTDEV_SCSI_HOST)
        return fail(err, ERR_XML, "hostdev of type '%s' has no 'model'",
                    hostdev_types[h->source.type]);
    if (h->model == HOSTDEV_MODEL_VFIO_PCI && !h->display)
        h->display = OFF;
    return TRUE;
}

static gboolean
hostdev_settle(gpointer def, GError **err)
{
    HostdevDef *h = def;
    gboolean is_capability = (CAPABILITIES & BIT(h->source.type)) != 0;

    if (!h->mode)
        h->mode = HOSTDEV_SUBSYSTEM;
    if (is_capability != (h->mode == HOSTDEV_CAPABILITIES))
        return fail(err, ERR_XML, "hostdev of mode '%s' has no type '%s'", hostdev_modes[h->mode],
                    hostdev_types[h->source.type]);
    if (!is_capability && !h->managed)
        h->managed = NO;
    if (h->teaming && !h->teaming->type) {
        schema_free(&teaming_schema, h->teaming);
        h->teaming = NULL;
    }
    return settle_hostdev_model(h, err);
}

const Schema hostdev_schema = { "hostdev", sizeof(HostdevDef), hostdev_fields, hostdev_settle };

/* ---- filesystems */

static const char *const fs_types[] = { NULL,  "mount", "block",  "file", "template",
                                        "ram", "bind",  "volume", NULL };
static const char *const accessmodes[] = { NULL, "passthrough", "mapped", "squash", NULL };
static const char *const multidevs[] = { NULL, "remap", "forbid", "warn", NULL };
static const char *const fs_drivers[] = { NULL,    "path",     "handle", "loop", "nbd",
                                          "ploop", "virtiofs", "mtp",    NULL };
static const char *const wrpolicies[] = { NULL, "immediate", NULL };
static const char *const fs_caches[] = { NULL, "none", "always", NULL };
static const char *const sandboxes[] = { NULL, "namespace", "chroot", NULL };

static gboolean
octal_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    char *end;
    guint64 mode = g_ascii_strtoull(text, &end, 8);

    if (!g_ascii_isdigit(*text) || *end || mode > 0777)
        return FALSE;
    *(guint32 *)at = mode;
    return TRUE;
}

static void
octal_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append_printf(out, "%04o", *(const guint32 *)at);
}

static const FieldType file_mode = { "octal mode", "octal value up to 0777", 4, octal_parse,
                                     octal_format };

static const Field idmap_entry_fields[] = {
    ROW_HAS(IdmapEntry, "@start", F_U32, start, F_REQUIRED, NULL,
            "First ID in the guest that is mapped."),
    ROW_HAS(IdmapEntry, "@target", F_U32, target, F_REQUIRED, NULL,
            "First ID of the host that it is mapped to."),
    ROW_HAS(IdmapEntry, "@count", F_U32, count, F_REQUIRED, NULL,
            "Number of consecutive IDs that are mapped."),
    ROW_END
};
const Schema idmap_entry_schema = { "uid", sizeof(IdmapEntry), idmap_entry_fields };

static const Field filesystem_fields[] = {
    ROW(FsDef, "@type", F_ENUM, type, 0, fs_types,
        "Kind of source: mount is a folder of the host."),
    ROW(FsDef, "@accessmode", F_ENUM, accessmode, F_NONEMPTY, accessmodes,
        "How the host stores the owner and mode that a file has in the guest."),
    ROW(FsDef, "@model", F_ENUM, model, 0, virtio_models,
        "Variant of virtio that the file system speaks."),
    ROW(FsDef, "@multidevs", F_ENUM, multidevs, F_DEFAULT, multidevs,
        "What happens when files below the folder are on several devices of the host."),
    ROW_HAS(FsDef, "@fmode", F_OWN, fmode, 0, &file_mode,
            "Permission bits, in octal, of files that the guest makes."),
    ROW_HAS(FsDef, "@dmode", F_OWN, dmode, 0, &file_mode,
            "Permission bits, in octal, of folders that the guest makes."),
    ROW(FsDef, "driver/@type", F_ENUM, driver, 0, fs_drivers,
        "Whether QEMU offers the folder (path, handle), or a virtiofsd process."),
    ROW(FsDef, "driver/@format", F_ENUM, driver_format, UNSUPPORTED, disk_formats,
        "Format of the image of a container's file system."),
    ROW(FsDef, "driver/@wrpolicy", F_ENUM, wrpolicy, 0, wrpolicies,
        "Whether writes reach the host's disk at once (immediate)."),
    WHEN(FsDef, driver, BIT(FS_VIRTIOFS)),
    ROW(FsDef, "driver/@queue", F_U32, queue, 0, NULL,
        "Number of requests that the virtiofs queue holds."),
    WHEN(FsDef, driver, ~BIT(FS_VIRTIOFS)),
    ROW_IGNORED("driver/@queue"),
    WHEN_END,
    VIRTIO(FsDef),
    WHEN(FsDef, driver, BIT(FS_VIRTIOFS)),
    ROW(FsDef, "binary/@path", F_STRING, binary, 0, NULL,
        "Path of the virtiofsd program to start."),
    ROW(FsDef, "binary/@xattr", F_ENUM, xattr, 0, on_off,
        "Whether the guest can use extended attributes."),
    ROW(FsDef, "binary/cache/@mode", F_ENUM, cache, F_DEFAULT, fs_caches,
        "Whether the guest may keep the content of files in its cache."),
    ROW(FsDef, "binary/sandbox/@mode", F_ENUM, sandbox, 0, sandboxes,
        "How virtiofsd confines itself: by a namespace or by chroot."),
    ROW(FsDef, "binary/lock/@posix", F_ENUM, posix_lock, 0, on_off,
        "Whether POSIX locks reach the host."),
    ROW(FsDef, "binary/lock/@flock", F_ENUM, flock, 0, on_off, "Whether BSD locks reach the host."),
    ROW_HAS(FsDef, "binary/thread_pool/@size", F_I32, thread_pool, 0, NULL,
            "Largest number of threads of virtiofsd."),
    ROW(FsDef, "binary/openfiles/@max", F_U64, openfiles, 0, NULL,
        "Largest number of files that virtiofsd may have open."),
    WHEN_END,
    ROW(FsDef, "idmap/uid", F_LIST, uids, 0, &idmap_entry_schema,
        "Users of the guest and the users of the host that stand for them."),
    ROW(FsDef, "idmap/gid", F_LIST, gids, 0, &idmap_entry_schema,
        "Groups of the guest and the groups of the host that stand for them."),
    ROW(FsDef, "source/@socket", F_STRING, socket, 0, NULL,
        "Path of the UNIX socket of a virtiofsd that runs already."),
    WHEN(FsDef, type, BIT(0) | BIT(FS_MOUNT) | BIT(FS_BIND)),
    ROW(FsDef, "source/@dir", F_STRING, source, 0, NULL,
        "Path of the host's folder that the guest can mount."),
    WHEN(FsDef, type, BIT(FS_BLOCK)),
    ROW(FsDef, "source/@dev", F_STRING, source, 0, NULL, "Path of the block device on the host."),
    WHEN(FsDef, type, BIT(FS_FILE)),
    ROW(FsDef, "source/@file", F_STRING, source, 0, NULL, "Path of the image file on the host."),
    WHEN(FsDef, type, BIT(FS_TEMPLATE)),
    ROW(FsDef, "source/@name", F_STRING, source, 0, NULL,
        "Name of a container's template; without effect on QEMU."),
    WHEN(FsDef, type, BIT(FS_RAM)),
    ROW(FsDef, "source/@usage", F_STRING, source, F_REQUIRED, NULL,
        "Size of a container's file system in memory."),
    WHEN_END,
    ROW(FsDef, "target/@dir", F_STRING, target, F_NONEMPTY, NULL,
        "Tag by which the guest mounts the folder."),
    ROW(FsDef, "readonly", F_FLAG, readonly, 0, NULL, "The guest cannot write to the file system."),
    ROW_REFUSED("space_hard_limit", "Most space that a container may use."),
    ROW_REFUSED("space_soft_limit", "Space above which a container is warned."),
    INFO(FsDef),
    ROW_END
};

static gboolean
filesystem_settle(gpointer def, GError **err)
{
    FsDef *fs = def;

    if (!fs->type)
        fs->type = FS_MOUNT;
    if (!fs->accessmode && !fs->socket)
        fs->accessmode = FS_PASSTHROUGH;
    fs->has_fmode &= fs->fmode != 0;
    fs->has_dmode &= fs->dmode != 0;
    if (!fs->uids || !fs->gids) { /* each needs the other */
        list_drop(&fs->uids, &idmap_entry_schema);
        list_drop(&fs->gids, &idmap_entry_schema);
    }
    if (!fs->driver)
        fs->driver_format = fs->wrpolicy = 0;
    if (!fs->target)
        return fail(err, ERR_NO_TARGET, "%s", fs->source ? fs->source : "");
    if (!fs->source && !fs->socket && fs->type != FS_RAM && fs->type != FS_VOLUME)
        return fail(err, ERR_NO_SOURCE, "%s", fs->target);
    return TRUE;
}

const Schema filesystem_schema = { "filesystem", sizeof(FsDef), filesystem_fields,
                                   filesystem_settle };

/* ---- watchdog, balloon, rng, tpm */

const char *const watchdog_models[] = { NULL, "i6300esb", "ib700", "diag288", "itco", NULL };
const char *const watchdog_actions[] = { NULL,   "reset", "shutdown",   "poweroff", "pause",
                                         "none", "dump",  "inject-nmi", NULL };

static const Field watchdog_fields[] = {
    ROW(WatchdogDef, "@model", F_ENUM, model, F_REQUIRED, watchdog_models,
        "Model of the watchdog that the guest sees."),
    ROW(WatchdogDef, "@action", F_ENUM, action, 0, watchdog_actions,
        "What happens with the guest when it stops resetting the watchdog."),
    INFO(WatchdogDef), ROW_END
};

static gboolean
watchdog_settle(gpointer def, GError **err)
{
    WatchdogDef *w = def;

    if (!w->action)
        w->action = WATCHDOG_RESET;
    return TRUE;
}

const Schema watchdog_schema = { "watchdog", sizeof(WatchdogDef), watchdog_fields,
                                 watchdog_settle };

static const char *const balloon_models[] = {
    NULL, "virtio", "xen", "none", "virtio-transitional", "virtio-non-transitional", NULL
};

static const Field memballoon_fields[] = {
    ROW(BalloonDef, "@model", F_ENUM, model, F_REQUIRED, balloon_models,
        "Model of the balloon that the guest sees; none: the guest has no balloon."),
    ROW(BalloonDef, "@autodeflate", F_ENUM, autodeflate, 0, on_off,
        "Whether the guest gets memory back before it runs out of it."),
    ROW(BalloonDef, "@freePageReporting", F_ENUM, free_page_reporting, 0, on_off,
        "Whether the guest tells the host which of its pages are free."),
    ROW(BalloonDef, "stats/@period", F_I32, stats_period, F_HOT, ANY_BASE_SIGNED,
        "Seconds between two updates of the memory statistics; 0: none."),
    INFO(BalloonDef),
    VIRTIO(BalloonDef),
    ROW_END
};

/* A period below 0 is none; what is not there is nowhere. */
static gboolean
memballoon_settle(gpointer def, GError **err)
{
    BalloonDef *balloon = def;

    if ((gint32)balloon->stats_period < 0)
        balloon->stats_period = 0;
    if (balloon->model == BALLOON_NONE)
        balloon->info.address.type = ADDRESS_NONE;
    return TRUE;
}

const Schema memballoon_schema = { "memballoon", sizeof(BalloonDef), memballoon_fields,
                                   memballoon_settle };

static const char *const rng_backends[] = { NULL, "random", "egd", "builtin", NULL };

static const Field rng_fields[] = {
    ROW(RngDef, "@model", F_ENUM, model, F_REQUIRED, virtio_models,
        "Model of the random number generator that the guest sees."),
    ROW(RngDef, "rate/@bytes", F_U32, rate_bytes, F_NONEMPTY, NULL,
        "Most bytes of random data that the guest gets in a period."),
    ROW(RngDef, "rate/@period", F_U32, rate_period, F_NONEMPTY, NULL,
        "Length of the period, in milliseconds; without it 1000."),
    ROW(RngDef, "backend/@model", F_ENUM, backend, F_REQUIRED | F_ONCE, rng_backends,
        "Where the random numbers come from."),
    WHEN(RngDef, backend, BIT(RNG_RANDOM)),
    ROW(RngDef, "backend", F_STRING, random_device, 0, NULL,
        "Path of the host's device that the random numbers come from."),
    WHEN(RngDef, backend, BIT(RNG_EGD)),
    ROW(RngDef, "backend", F_STRUCT, source, 0, &char_backend_schema,
        "Address of the daemon (EGD) that the random numbers come from."),
    WHEN_END,
    VIRTIO(RngDef),
    INFO(RngDef),
    ROW_END
};

static gboolean
rng_settle(gpointer def, GError **err)
{
    RngDef *rng = def;

    if (!rng->rate_bytes)
        rng->rate_period = 0;
    if (rng->backend == RNG_RANDOM && !rng->random_device)
        rng->random_device = g_strdup("/dev/random");
    return TRUE;
}

const Schema rng_schema = { "rng", sizeof(RngDef), rng_fields, rng_settle };

const char *const tpm_models[] = {
    NULL, "tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy", NULL
};
static const char *const tpm_backends[] = { NULL, "passthrough", "emulator", "external", NULL };
static const char *const tpm_versions[] = { NULL, "1.2", "2.0", NULL };
static const char *const tpm_state_types[] = { NULL, "file", "dir", NULL };
static const char *const tpm_removals[] = { NULL, "check", "fips-host", NULL };

static const Field tpm_banks_fields[] = {
    ROW(TpmBanks, "sha1", F_FLAG, sha1, 0, NULL, "The bank of SHA-1 is active."),
    ROW(TpmBanks, "sha256", F_FLAG, sha256, 0, NULL, "The bank of SHA-256 is active."),
    ROW(TpmBanks, "sha384", F_FLAG, sha384, 0, NULL, "The bank of SHA-384 is active."),
    ROW(TpmBanks, "sha512", F_FLAG, sha512, 0, NULL, "The bank of SHA-512 is active."), ROW_END
};
static const Schema tpm_banks_schema = { "active_pcr_banks", sizeof(TpmBanks),
                                         tpm_banks_fields,   NULL,
                                         "PCR bank",         SEVERAL_LAST_FIELD };

static const Field tpm_state_fields[] = {
    ROW(TpmState, "@type", F_ENUM, type, 0, tpm_state_types,
        "Whether the state is kept in a file or in a folder."),
    ROW(TpmState, "@path", F_STRING, path, F_REQUIRED, NULL,
        "Absolute path of the folder or file of the state, which outlives the domain."),
    ROW_END
};
static const Schema tpm_state_schema = { "source", sizeof(TpmState), tpm_state_fields };

static const Field tpm_profile_fields[] = {
    ROW(TpmProfile, "@source", F_STRING, source, 0, NULL,
        "Name of the swtpm profile that a new TPM is made with."),
    ROW(TpmProfile, "@removeDisabled", F_ENUM, remove_disabled, 0, tpm_removals,
        "Whether algorithms that the host's crypto library has disabled are left out."),
    ROW(TpmProfile, "@name", F_STRING, name, 0, NULL, "Name of the swtpm profile in use."), ROW_END
};
static const Schema tpm_profile_schema = { "profile", sizeof(TpmProfile), tpm_profile_fields };

static const Field tpm_emulator_fields[] = {
    ROW(TpmDef, "@version", F_ENUM, version, 0, tpm_versions,
        "Version of the TPM standard; without it 1.2 for tpm-tis on x86, else 2.0."),
    ROW(TpmDef, "@persistent_state", F_ENUM, persistent_state, F_ERR(ERR_PLAIN), yes_no,
        "Whether the state stays when the domain is undefined."),
    ROW(TpmDef, "@debug", F_U32, debug, 0, NULL,
        "How much swtpm logs; without it only errors, from 5 on what the TPM does too."),
    ROW(TpmDef, "encryption/@secret", F_UUID, encryption, F_ERR(ERR_PLAIN) | F_NONEMPTY, NULL,
        "UUID of the secret that the TPM's state is encrypted with."),
    ROW(TpmDef, "active_pcr_banks", F_PTR, pcr_banks, F_FILLED, &tpm_banks_schema,
        "Banks of PCRs (measurement registers) that are active, by hash."),
    ROW(TpmDef, "source", F_PTR, state, 0, &tpm_state_schema,
        "Where the state is kept; without it in a folder of the domain's own."),
    ROW(TpmDef, "profile", F_PTR, profile, 0, &tpm_profile_schema,
        "Set of algorithms that the TPM offers."),
    ROW_END
};
static const Schema tpm_emulator_schema = { "backend", sizeof(TpmDef), tpm_emulator_fields };

static const Field tpm_socket_fields[] = {
    ROW(TpmSocket, "@type", F_ENUM, type, UNSUPPORTED | F_REQUIRED | F_NONEMPTY, char_types,
        "Kind of socket; unix is the only one."),
    ROW(TpmSocket, "@mode", F_ENUM, mode, 0, char_modes,
        "Who opens the connection; connect (QEMU does) is the only mode."),
    ROW(TpmSocket, "@path", F_STRING, path, F_REQUIRED, NULL,
        "Path of the UNIX socket on which the emulator listens."),
    ROW_END
};

static gboolean
tpm_socket_settle(gpointer def, GError **err)
{
    TpmSocket *s = def;

    if (!s->mode)
        s->mode = CHAR_CONNECT;
    if (s->type != CHAR_UNIX)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "external TPM is reached by a unix socket only");
    return s->mode == CHAR_CONNECT || fail(err, ERR_XML, "external TPM needs mode 'connect'");
}

static const Schema tpm_socket_schema = { "source", sizeof(TpmSocket), tpm_socket_fields,
                                          tpm_socket_settle };

static const Field tpm_fields[] = {
    ROW(TpmDef, "@model", F_ENUM, model, 0, tpm_models, "Model of the TPM that the guest sees."),
    ROW(TpmDef, "backend/@type", F_ENUM, backend, F_REQUIRED | F_ONCE, tpm_backends,
        "Whether the TPM is the host's, an emulator that vmd starts, or one that runs already."),
    WHEN(TpmDef, backend, BIT(TPM_EMULATOR)),
    ROW(TpmDef, "backend", F_STRUCT, model, 0, &tpm_emulator_schema,
        "Settings of swtpm, the emulator that vmd starts."),
    WHEN(TpmDef, backend, BIT(TPM_PASSTHROUGH)),
    ROW(TpmDef, "backend/device/@path", F_STRING, device, F_NONEMPTY, NULL,
        "Path of the host's TPM device; without it /dev/tpm0."),
    WHEN(TpmDef, backend, BIT(TPM_EXTERNAL)),
    ROW(TpmDef, "backend/source", F_PTR, socket, F_REQUIRED | F_ONCE, &tpm_socket_schema,
        "Socket of the emulator that runs already."),
    WHEN_END,
    INFO(TpmDef),
    ROW_END
};

static gboolean
tpm_settle(gpointer def, GError **err)
{
    TpmDef *tpm = def;

    if (tpm->persistent_state == NO)
        tpm->persistent_state = 0;
    if (tpm->state && !tpm->state->type) {
        schema_free(&tpm_state_schema, tpm->state);
        tpm->state = NULL;
    }
    if (tpm->profile && !tpm->profile->source && !tpm->profile->name) {
        schema_free(&tpm_profile_schema, tpm->profile);
        tpm->profile = NULL;
    }
    if (tpm->backend == TPM_PASSTHROUGH && !tpm->device)
        tpm->device = g_strdup("/dev/tpm0");
    return TRUE;
}

const Schema tpm_schema = { "tpm", sizeof(TpmDef), tpm_fields, tpm_settle };

/* ---- panic, shmem, memory */

const char *const panic_models[] = { NULL, "isa", "pseries", "hyperv", "s390", "pvpanic", NULL };

static const Field panic_fields[] = {
    ROW(PanicDef, "@model", F_ENUM, model, UNSUPPORTED, panic_models,
        "Model of the device through which the guest reports that it has crashed."),
    INFO(PanicDef), ROW_END
};
const Schema panic_schema = { "panic", sizeof(PanicDef), panic_fields };

static const char *const shmem_roles[] = { NULL, "master", "peer", NULL };
static const char *const shmem_models[] = { NULL, "ivshmem", "ivshmem-plain", "ivshmem-doorbell",
                                            NULL };
#define MIB 1048576
static const SizeSpec shmem_bytes = { 1, 1, NULL, 0 }, shmem_size = { 1, MIB, "M", 0 };

static const Field shmem_fields[] = {
    ROW(ShmemDef, "@name", F_STRING, name, F_REQUIRED, NULL,
        "Name of the shared memory on the host."),
    ROW(ShmemDef, "@role", F_ENUM, role, 0, shmem_roles,
        "Whether the memory's content is migrated (master) or not (peer)."),
    ROW(ShmemDef, "model/@type", F_ENUM, model, 0, shmem_models,
        "Model of the shared memory device that the guest sees."),
    ROW(ShmemDef, "size", F_SIZE, bytes, F_READ, &shmem_bytes, "Size of the shared memory."),
    ROW(ShmemDef, "size", F_SIZE, size, F_WRITE, &shmem_size, NULL),
    ROW(ShmemDef, "server", F_FLAG, has_server, 0, NULL,
        "Whether the memory comes from an ivshmem server."),
    ROW(ShmemDef, "server/@path", F_STRING, server, 0, NULL,
        "Path of the UNIX socket of the ivshmem server."),
    ROW(ShmemDef, "msi", F_FLAG, msi, 0, NULL, "Whether the guests can interrupt each other."),
    ROW(ShmemDef, "msi/@vectors", F_U32, msi_vectors, 0, NULL,
        "Number of interrupt vectors of the device."),
    ROW(ShmemDef, "msi/@ioeventfd", F_ENUM, msi_ioeventfd, 0, on_off,
        "Whether interrupts are sent by another thread than the vcpu's."),
    INFO(ShmemDef),
    ROW_END
};

static gboolean
shmem_settle(gpointer def, GError **err)
{
    ShmemDef *s = def;

    if (s->bytes && (s->bytes < MIB || (s->bytes & (s->bytes - 1)) != 0))
        return fail(err, ERR_XML, "size of shmem '%s' is no power of two of at least 1 MiB",
                    s->name);
    if (s->bytes)
        s->size = s->bytes / MIB;
    s->bytes = 0;
    if (s->msi && !s->has_server)
        return fail(err, ERR_XML, "'msi' of shmem '%s' needs a 'server'", s->name);
    if (s->msi && !s->msi_ioeventfd)
        s->msi_ioeventfd = ON;
    return TRUE;
}

const Schema shmem_schema = { "shmem", sizeof(ShmemDef), shmem_fields, shmem_settle };

const char *const memory_models[] = { NULL,         "dimm",    "nvdimm", "virtio-pmem",
                                      "virtio-mem", "sgx-epc", NULL };
static const char *const accesses[] = { NULL, "shared", "private", NULL };

static const Field memory_fields[] = {
    ROW(MemoryDevice, "@model", F_ENUM, model, F_REQUIRED, memory_models,
        "Kind of memory module that the guest sees."),
    ROW(MemoryDevice, "@access", F_ENUM, access, 0, accesses,
        "Whether other processes of the host can share the memory (shared) or not (private)."),
    ROW(MemoryDevice, "@discard", F_ENUM, discard, 0, yes_no,
        "Whether the content of the memory is thrown away when QEMU ends."),
    ROW(MemoryDevice, "uuid", F_UUID, uuid, F_ERR(ERR_PLAIN), NULL,
        "UUID of an NVDIMM of pSeries."),
    WHEN(MemoryDevice, model, BIT(MEMORY_NVDIMM) | BIT(MEMORY_VIRTIO_PMEM)),
    ROW(MemoryDevice, "source/path", F_STRING, path, 0, NULL,
        "File or device whose content the memory is."),
    WHEN(MemoryDevice, model, BIT(MEMORY_NVDIMM)),
    ROW(MemoryDevice, "source/alignsize", F_SIZE, align_size, 0, &size_kib,
        "Alignment at which the file is mapped."),
    ROW(MemoryDevice, "source/pmem", F_FLAG, pmem, 0, NULL,
        "The file is on persistent memory of the host."),
    WHEN(MemoryDevice, model, BIT(MEMORY_DIMM) | BIT(MEMORY_VIRTIO_MEM) | BIT(MEMORY_SGX_EPC)),
    ROW(MemoryDevice, "source/nodemask", F_BITMAP, source_nodes, 0, NULL,
        "NUMA nodes of the host that the memory comes from."),
    WHEN(MemoryDevice, model, BIT(MEMORY_DIMM) | BIT(MEMORY_VIRTIO_MEM)),
    ROW(MemoryDevice, "source/pagesize", F_SIZE, page_size, 0, &size_kib,
        "Size of the host's pages that the memory is made of."),
    WHEN(MemoryDevice, model, BIT(MEMORY_VIRTIO_MEM)),
    ROW(MemoryDevice, "target/@dynamicMemslots", F_ENUM, dynamic_slots, 0, yes_no,
        "Whether a virtio-mem device takes memory slots of the hypervisor only as it grows."),
    WHEN_END,
    ROW(MemoryDevice, "target/size", F_SIZE, size, F_REQUIRED | F_ALWAYS, &size_kib,
        "Size of the memory module; for virtio-mem the largest size."),
    ROW_HAS(MemoryDevice, "target/node", F_U32, node, 0, NULL,
            "NUMA cell of the guest that the memory belongs to."),
    WHEN(MemoryDevice, model, BIT(MEMORY_NVDIMM)),
    ROW(MemoryDevice, "target/label/size", F_SIZE, label_size, 0, &size_kib,
        "Size of the area for labels, at the end of an NVDIMM."),
    ROW(MemoryDevice, "target/readonly", F_FLAG, readonly, 0, NULL,
        "The guest cannot write to the memory."),
    WHEN(MemoryDevice, model, BIT(MEMORY_VIRTIO_MEM)),
    ROW(MemoryDevice, "target/block", F_SIZE, block, 0, &size_kib,
        "Unit by which virtio-mem grows and shrinks."),
    ROW(MemoryDevice, "target/requested", F_SIZE, requested, F_ALWAYS, &size_kib,
        "Amount of memory that the guest is asked to use of it."),
    ROW(MemoryDevice, "target/current", F_SIZE, current, F_LIVE, &size_kib,
        "Amount of the memory that the guest uses now, while the domain runs."),
    WHEN(MemoryDevice, model, BIT(MEMORY_VIRTIO_MEM) | BIT(MEMORY_VIRTIO_PMEM)),
    ROW(MemoryDevice, "target/address/@base", F_U64, target_base, 0, HEX_BARE(G_MAXUINT64),
        "Guest physical address that the memory begins at."),
    WHEN_END,
    INFO(MemoryDevice),
    ROW_END
};

static gboolean
memory_settle(gpointer def, GError **err)
{
    MemoryDevice *m = def;

    if (m->model == MEMORY_VIRTIO_PMEM && !m->access)
        m->access = MEMORY_SHARED;
    return TRUE;
}

const Schema memory_schema = { "memory", sizeof(MemoryDevice), memory_fields, memory_settle };

gboolean
memory_has_node(const MemoryDevice *m)
{
    return m->model == MEMORY_DIMM || m->model == MEMORY_NVDIMM || m->model == MEMORY_VIRTIO_MEM;
}

/* ---- iommu, vsock, crypto, pstore, lease, nvram */

const char *const iommu_models[] = { NULL, "intel", "smmuv3", "virtio", "amd", NULL };

static const Field iommu_fields[] = {
    ROW(IommuDef, "@model", F_ENUM, model, F_REQUIRED, iommu_models,
        "Model of the IOMMU that the guest sees."),
    ROW(IommuDef, "driver/@intremap", F_ENUM, intremap, 0, on_off,
        "Whether interrupts are remapped."),
    ROW(IommuDef, "driver/@caching_mode", F_ENUM, caching_mode, 0, on_off,
        "Whether the guest tells of every mapping, which devices assigned by VFIO need."),
    ROW(IommuDef, "driver/@eim", F_ENUM, eim, 0, on_off,
        "Whether more than 255 vcpus can be interrupted."),
    ROW(IommuDef, "driver/@iotlb", F_ENUM, iotlb, 0, on_off,
        "Whether devices can keep translations of their own."),
    ROW(IommuDef, "driver/@aw_bits", F_U32, aw_bits, 0, NULL,
        "Width of an address of a device, in bits."),
    ROW(IommuDef, "driver/@dma_translation", F_ENUM, dma_translation, 0, on_off,
        "Whether addresses of DMA are translated; off: only interrupts are remapped."),
    ROW(IommuDef, "driver/@xtsup", F_ENUM, xtsup, 0, on_off,
        "Whether AMD's IOMMU supports x2APIC."),
    ROW(IommuDef, "driver/@passthrough", F_ENUM, passthrough, 0, on_off,
        "Whether devices can be mapped without translation."),
    INFO(IommuDef),
    ROW_END
};
const Schema iommu_schema = { "iommu", sizeof(IommuDef), iommu_fields };

static const Field vsock_fields[] = {
    ROW(VsockDef, "@model", F_ENUM, model, F_DEFAULT, virtio_models,
        "Variant of virtio that the vsock device speaks."),
    ROW(VsockDef, "cid/@auto", F_ENUM, auto_cid, 0, yes_no,
        "Whether a free context ID (CID) is chosen at each start."),
    ROW(VsockDef, "cid/@address", F_U32, cid, 0, NULL, "Context ID (CID) of the guest, from 3."),
    INFO(VsockDef),
    VIRTIO(VsockDef),
    ROW_END
};

#define FIRST_CID 3

static gboolean
vsock_settle(gpointer def, GError **err)
{
    VsockDef *v = def;

    if (!v->model)
        v->model = VIRTIO_MODEL_VIRTIO;
    if (!v->auto_cid)
        v->auto_cid = v->cid ? NO : YES;
    return !v->cid || v->cid >= FIRST_CID ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "vsock: the CIDs of guests begin with %d", FIRST_CID);
}

const Schema vsock_schema = { "vsock", sizeof(VsockDef), vsock_fields, vsock_settle };

static const char *const crypto_models[] = { NULL, "virtio", NULL };
static const char *const crypto_types[] = { NULL, "qemu", NULL };
static const char *const crypto_backends[] = { NULL, "builtin", "lkcf", NULL };

static const Field crypto_fields[] = {
    ROW(CryptoDef, "@model", F_ENUM, model, F_REQUIRED, crypto_models,
        "Model of the device; virtio is the only one."),
    ROW(CryptoDef, "@type", F_ENUM, type, F_REQUIRED, crypto_types,
        "Kind of the device; qemu is the only one."),
    ROW(CryptoDef, "backend/@model", F_ENUM, backend, F_REQUIRED | F_ONCE, crypto_backends,
        "What does the encryption on the host: QEMU's own code, or the kernel."),
    ROW(CryptoDef, "backend/@queues", F_U32, queues, 0, NULL,
        "Number of queues of the crypto device."),
    VIRTIO(CryptoDef),
    INFO(CryptoDef),
    ROW_END
};
const Schema crypto_schema = { "crypto", sizeof(CryptoDef), crypto_fields };

static const char *const pstore_backends[] = { NULL, "acpi-erst", NULL };

static const Field pstore_fields[] = {
    ROW(PstoreDef, "@backend", F_ENUM, backend, F_REQUIRED, pstore_backends,
        "Where the guest's last messages are kept; acpi-erst is the only place."),
    ROW(PstoreDef, "path", F_STRING, path, 0, NULL,
        "Path of the host's file that holds the messages."),
    ROW(PstoreDef, "size", F_SIZE, size, F_REQUIRED, &size_kib,
        "Size of the file that holds the messages."),
    INFO(PstoreDef), ROW_END
};
static gboolean
pstore_settle(gpointer def, GError **err)
{
    return ((const PstoreDef *)def)->size > 0 || fail(err, ERR_XML, "pstore: its size is 0");
}

const Schema pstore_schema = { "pstore", sizeof(PstoreDef), pstore_fields, pstore_settle };

static const Field lease_fields[] = { ROW(LeaseDef, "lockspace", F_STRING, lockspace, 0, NULL,
                                          "Name of the lock space that the lease is in."),
                                      ROW(LeaseDef, "key", F_STRING, key, F_REQUIRED, NULL,
                                          "Name of the lease within the lock space."),
                                      ROW(LeaseDef, "target/@path", F_STRING, path, F_REQUIRED,
                                          NULL, "Path of the file that holds the lease."),
                                      ROW(LeaseDef, "target/@offset", F_U64, offset, 0, NULL,
                                          "Offset of the lease in the file, in bytes."),
                                      ROW_END };

static gboolean
lease_settle(gpointer def, GError **err)
{
    const LeaseDef *l = def;

    return (l->lockspace && *l->lockspace) ||
           fail(err, ERR_PLAIN, "lease '%s' has no 'lockspace'", l->key);
}

const Schema lease_schema = { "lease", sizeof(LeaseDef), lease_fields, lease_settle };

static const Field nvram_device_fields[] = { INFO(NvramDevice), ROW_END };
const Schema nvram_device_schema = { "nvram", sizeof(NvramDevice), nvram_device_fields };
