/* The devices of the host as clients see them: read from memory, as of the last walk through sysfs
 * (devices_scan.c). The kernel tells of changes; then a worker walks again, and what is new, gone
 * or different is told.
 */
#include "devices.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOLD_LIFE, TOLD_UPDATE };
enum { LIFE_CREATED, LIFE_DELETED };

/* Changes come in bursts. A walk that took long is not begun again at once. */
#define REST_MS     100
#define REST_TIMES  20
#define REST_MS_MAX 60000
/* Of the kernel alone (a host without udev), and of udev when it has done its part. */
enum { KERNEL_GROUP = 1, UDEV_GROUP = 2 };
#define UDEV_RUNS "/run/udev/control"

typedef struct Watch {
    int fd;
    guint source;
} Watch;

static struct Devices {
    Registry *registry;
    Watch devices, links;
    guint rest;        /* timer until the next walk */
    gboolean walking;  /* a worker is out */
    gboolean again;    /* and something has changed since */
    gint64 walk_began; /* monotonic */
    gint64 rested;     /* monotonic: when the next one may begin */
} devices;

static const ObjectKind device_kind = { "node device", "device", "VMD_DEVICE" };

/* ---- finding */

NodeDevice *
device_get_name(const char *name, GError **err)
{
    NodeDevice *d = registry_find_name(devices.registry, name);

    if (!d)
        fail(err, ERR_NO_NODE_DEVICE, "no node device with matching name '%s'", name);
    return d;
}

GPtrArray *
devices_list(void)
{
    return registry_list(devices.registry);
}

static const char *const kind_words[] = {
    "system",      "pci",        "usb_device", "usb",     "net",      "scsi_host",
    "scsi_target", "scsi",       "storage",    "fc_host", "vports",   "scsi_generic",
    "drm",         "mdev_types", "mdev",       "ccw",     "css",      "vdpa",
    "ap_card",     "ap_queue",   "ap_matrix",  "vpd",     "ccwgroup", NULL,
};

guint32
device_kind_find(const char *word)
{
    for (guint i = 0; kind_words[i]; i++)
        if (strcmp(kind_words[i], word) == 0)
            return 1u << i;
    return 0;
}

const char *
device_kind_word(guint i)
{
    return i < G_N_ELEMENTS(kind_words) ? kind_words[i] : NULL;
}

/* ---- coming and going */

static void
tell(const NodeDevice *d, int id, int what)
{
    Event event = { .family = EVENT_NODE_DEVICE, .id = id, .name = d->obj.name, .object_id = -1 };

    memcpy(event.uuid, d->obj.uuid, UUID_LEN);
    event.n[0] = what;
    event_emit(&event);
}

static void
device_destroyed(Object *o)
{
    NodeDevice *d = (NodeDevice *)o;

    g_free(d->parent);
    g_free(d->xml);
    object_done(o);
    g_free(d);
}

static void
device_take(NodeDevice *d, DeviceSeen *seen)
{
    g_free(d->parent);
    g_free(d->xml);
    d->parent = g_steal_pointer(&seen->parent);
    d->xml = g_steal_pointer(&seen->xml);
    d->kinds = seen->kinds;
}

static NodeDevice *
device_add(const char *name)
{
    NodeDevice *d = g_new0(NodeDevice, 1);
    guint8 uuid[UUID_LEN];

    uuid_of_text(name, uuid);
    object_init(&d->obj, &device_kind, name, uuid, device_destroyed);
    if (!registry_add(devices.registry, &d->obj))
        g_clear_pointer(&d, object_unref);
    else
        object_unref(d); /* the registry has it */
    return d;
}

static void
note_seen(DeviceSeen *seen, gboolean first)
{
    NodeDevice *d = registry_find_name(devices.registry, seen->name);
    gboolean is_new = d == NULL;

    if (!is_new && strcmp(d->xml, seen->xml) == 0)
        return;
    if (is_new && !(d = device_add(seen->name)))
        return;
    device_take(d, seen);
    if (!first)
        tell(d, is_new ? TOLD_LIFE : TOLD_UPDATE, is_new ? LIFE_CREATED : 0);
}

static void
drop_gone(GHashTable *there)
{
    g_autoptr(GPtrArray) all = devices_list();

    for (guint i = 0; i < all->len; i++) {
        NodeDevice *d = all->pdata[i];
        if (g_hash_table_contains(there, d->obj.name))
            continue;
        tell(d, TOLD_LIFE, LIFE_DELETED);
        registry_remove(devices.registry, &d->obj);
    }
}

static void
apply(GPtrArray *all, gboolean first)
{
    g_autoptr(GHashTable) there = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < all->len; i++)
        g_hash_table_add(there, ((DeviceSeen *)all->pdata[i])->name);
    drop_gone(there);
    for (guint i = 0; i < all->len; i++)
        note_seen(all->pdata[i], first);
}

/* ---- walking again */

static gpointer
walk(gpointer in, GError **err)
{
    return devices_scan();
}

static void walk_later(void);

static void
on_walked(gpointer out, const GError *err, gpointer user)
{
    g_autoptr(GPtrArray) all = out;
    gint64 now = g_get_monotonic_time(), took = now - devices.walk_began;

    devices.walking = FALSE;
    devices.rested = now + MIN(took * REST_TIMES, REST_MS_MAX * 1000);
    if (!devices.registry) /* the room is closed */
        return;
    if (all)
        apply(all, FALSE);
    if (devices.again)
        walk_later();
}

static gboolean
on_rested(gpointer user)
{
    devices.rest = 0;
    devices.walking = TRUE;
    devices.again = FALSE;
    devices.walk_began = g_get_monotonic_time();
    offload(walk, NULL, NULL, on_walked, NULL);
    return G_SOURCE_REMOVE;
}

static void
walk_later(void)
{
    gint64 left = (devices.rested - g_get_monotonic_time()) / 1000;

    devices.again = TRUE;
    if (!devices.walking && !devices.rest)
        devices.rest = g_timeout_add((guint)CLAMP(left, REST_MS, REST_MS_MAX), on_rested, NULL);
}

/* ---- the kernel tells */

static gboolean
is_about_us(const char *message, gsize len)
{
    for (const char *const *name = device_subsystems; *name; name++) {
        g_autofree char *line = g_strconcat("SUBSYSTEM=", *name, NULL);
        if (memmem(message, len, line, strlen(line) + 1))
            return TRUE;
    }
    return FALSE;
}

/* The content of a message is not used: it is only a reason to look. */
static gboolean
on_message(gint fd, GIOCondition condition, gpointer user)
{
    const Watch *w = user;
    char message[16384];
    gssize len;

    for (int i = 0; i < 64; i++) {
        len = recv(fd, message, sizeof message, MSG_DONTWAIT);
        if (len < 0 && errno == ENOBUFS)
            walk_later();
        if (len <= 0)
            break;
        if (w == &devices.links || is_about_us(message, (gsize)len))
            walk_later();
    }
    return G_SOURCE_CONTINUE;
}

static void
watch_open(Watch *w, int protocol, guint groups)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };

    w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        log_warning("changes of the host's devices are not heard of: %s", g_strerror(errno));
        fd_close(&w->fd);
        return;
    }
    w->source = g_unix_fd_add(w->fd, G_IO_IN, on_message, w);
}

static void
watch_close(Watch *w)
{
    g_clear_handle_id(&w->source, g_source_remove);
    fd_close(&w->fd);
}

/* ---- the room */

/* The watches come first, so that nothing falls between them and the walk. */
void
devices_init(void)
{
    gboolean udev = g_file_test(UDEV_RUNS, G_FILE_TEST_EXISTS);
    g_autoptr(GPtrArray) all = NULL;

    devices.registry = registry_new();
    watch_open(&devices.devices, NETLINK_KOBJECT_UEVENT, udev ? UDEV_GROUP : KERNEL_GROUP);
    watch_open(&devices.links, NETLINK_ROUTE, RTMGRP_LINK);
    all = devices_scan();
    apply(all, TRUE);
}

void
devices_done(void)
{
    watch_close(&devices.devices);
    watch_close(&devices.links);
    g_clear_handle_id(&devices.rest, g_source_remove);
    g_clear_pointer(&devices.registry, registry_free);
}
