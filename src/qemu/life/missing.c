/* startupPolicy: whether a start fails or goes on without a disk's source or a USB device of the
 * host that is missing. Runs on a copy of the definition, in a worker, because it looks at files.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "life.h"

#define USB_DEVICES "/sys/bus/usb/devices"

/* ---- disks */

static gboolean
file_is_there(const DiskSource *s, GError **err)
{
    int kind = disk_source_kind(s);
    struct stat st;

    if (kind != SOURCE_FILE && kind != SOURCE_BLOCK && kind != SOURCE_DIR)
        return TRUE;
    return !s->path || stat(s->path, &st) == 0 ||
           fail_errno(err, errno, "Cannot access storage file '%s'", s->path);
}

/* Whether a disk's image and all its backing images exist. An image that exists but is broken is an
 * error, whatever the policy. */
static gboolean
disk_is_there(DiskDef *disk, GError **err)
{
    if (!file_is_there(&disk->source, err) || !chain_fill_disk(disk, err))
        return FALSE;
    for (const BackingStore *b = disk->backing; b; b = b->backing)
        if (!file_is_there(&b->source, err))
            return FALSE;
    return TRUE;
}

static void
disk_empty(DiskDef *disk)
{
    VolumeSource *volume = disk->source.volume;

    g_clear_pointer(&disk->source.path, g_free);
    if (volume) {
        g_free(volume->pool);
        g_free(volume->volume);
        g_clear_pointer(&disk->source.volume, g_free);
    }
    schema_free(&backing_store_schema, disk->backing);
    disk->backing = NULL;
}

/* A drive for disks that come and go stays, with nothing in it. */
static gboolean
settle_disk(DomainDef *live, DiskDef *disk, GError **err)
{
    g_autoptr(GError) why = NULL;

    if (disk->source.startup_policy != STARTUP_OPTIONAL || disk_is_there(disk, &why))
        return TRUE;
    if (!error_is(why, ERR_SYSTEM)) {
        g_propagate_error(err, g_steal_pointer(&why));
        return FALSE;
    }
    if (disk->device == DISK_CDROM || disk->device == DISK_FLOPPY) {
        disk_empty(disk);
        return TRUE;
    }
    g_ptr_array_remove(live->devices.disks, disk);
    schema_free(&disk_schema, disk);
    return TRUE;
}

/* ---- USB devices */

static gboolean
file_says(const char *folder, const char *name, int base, guint32 number)
{
    g_autofree char *path = g_build_filename(USB_DEVICES, folder, name, NULL);
    g_autofree char *text = NULL;
    guint64 n;

    return g_file_get_contents(path, &text, NULL, NULL) &&
           number_read(g_strchomp(text), base, &n) && n == number;
}

static gboolean
usb_is_there(const HostdevUsb *u)
{
    g_autoptr(GDir) devices = g_dir_open(USB_DEVICES, 0, NULL);
    const char *name;

    while (devices && (name = g_dir_read_name(devices)))
        if ((!u->has_vendor || file_says(name, "idVendor", 16, u->vendor)) &&
            (!u->has_product || file_says(name, "idProduct", 16, u->product)) &&
            (!u->has_bus || u->bus == 0 || file_says(name, "busnum", 10, u->bus)) &&
            (!u->has_device || u->device == 0 || file_says(name, "devnum", 10, u->device)))
            return TRUE;
    return FALSE;
}

static gboolean
settle_usb(DomainDef *live, HostdevDef *h, GError **err)
{
    const HostdevUsb *u = h->source.usb;

    if (h->source.type != HOSTDEV_USB || !h->source.startup_policy || !u || usb_is_there(u))
        return TRUE;
    if (h->source.startup_policy != STARTUP_OPTIONAL)
        return fail(err, ERR_OPERATION_FAILED,
                    "USB device %04x:%04x of bus %u, number %u, is not there; startupPolicy "
                    "'optional' starts without it",
                    u->vendor, u->product, u->bus, u->device);
    g_ptr_array_remove(live->devices.hostdevs, h);
    schema_free(&hostdev_schema, h);
    return TRUE;
}

/* Upwards, for an item may leave its list. */
gboolean
missing_settle(DomainDef *live, GError **err)
{
    GPtrArray *disks = live->devices.disks, *hostdevs = live->devices.hostdevs;

    for (guint i = list_length(disks); i-- > 0;)
        if (!settle_disk(live, disks->pdata[i], err))
            return FALSE;
    for (guint i = list_length(hostdevs); i-- > 0;)
        if (!settle_usb(live, hostdevs->pdata[i], err))
            return FALSE;
    return TRUE;
}

/* ---- telling */

enum { CHANGE_MISSING_ON_START, DROP_MISSING_ON_START };

static const DiskDef *
find_target(const DomainDef *def, const char *target)
{
    for (guint i = 0; i < list_length(def->devices.disks); i++) {
        const DiskDef *disk = def->devices.disks->pdata[i];
        if (strcmp(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

void
missing_tell(Vm *vm, const DomainDef *before, const DomainDef *live)
{
    g_autoptr(DomainDef) named = domain_copy(before);

    aliases_assign(named, vm->run->dir);
    for (guint i = 0; i < list_length(named->devices.disks); i++) {
        const DiskDef *old = named->devices.disks->pdata[i], *now = find_target(live, old->target);
        Event e = vm_event(vm, DOMAIN_EVENT_DISK_CHANGE);

        if (!old->source.path || (now && now->source.path))
            continue;
        log_warning("domain '%s': disk '%s' starts without '%s', which is not there", vm->obj.name,
                    old->target, old->source.path);
        e.n[0] = now ? CHANGE_MISSING_ON_START : DROP_MISSING_ON_START;
        e.s[0] = old->source.path;
        e.s[2] = old->info.alias;
        event_emit(&e);
    }
}
