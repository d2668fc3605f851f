/* What a definition has of its host that cannot be handed to a QEMU that is nobody: one function a
 * kind of device. Pure; each finding is a bit (ConfineNeed) and a sentence for people.
 */
#include <string.h>

#include "life.h"

typedef struct Look {
    guint needs;
    GString *reasons;
    const char *run_dir;
} Look;

static void G_GNUC_PRINTF(3, 4) found(Look *l, guint needs, const char *fmt, ...)
{
    va_list ap;

    l->needs |= needs;
    if (l->reasons->len > 0)
        g_string_append_c(l->reasons, '\n');
    va_start(ap, fmt);
    g_string_append_vprintf(l->reasons, fmt, ap);
    va_end(ap);
}

/* ---- character devices */

static void
look_at_char(Look *l, const CharSource *s, const char *what)
{
    const CharEnd *end = char_end(s, 0);

    if (s->type == CHAR_PIPE)
        found(l, NEED_USER, "%s: QEMU opens the pipe '%s' itself", what, end ? end->path : "");
    if (s->type == CHAR_UNIX && end && end->reconnect && end->reconnect->enabled == YES)
        found(l, NEED_USER, "%s: QEMU connects to '%s' again and again", what, end->path);
    if (s->type == CHAR_TCP && end && end->mode == CHAR_BIND && end->service &&
        g_ascii_strtoull(end->service, NULL, 10) < 1024)
        found(l, NEED_USER, "%s: QEMU listens on port %s", what, end->service);
}

static void
look_at_chars(Look *l, const DomainDef *def)
{
    const Devices *d = &def->devices;
    const struct {
        const GPtrArray *list;
        const char *what;
    } rows[] = { { d->serials, "serial port" },
                 { d->parallels, "parallel port" },
                 { d->channels, "channel" },
                 { d->consoles, "console" } };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        EACH (const CharDef, c, rows[i].list)
            look_at_char(l, &c->source, rows[i].what);
    EACH (const RedirDef, r, d->redirdevs)
        look_at_char(l, &r->source, "redirected device");
    EACH (const RngDef, r, d->rngs)
        if (r->backend == RNG_EGD)
            look_at_char(l, &r->source, "rng device");
}

static void
look_at_smartcards(Look *l, const DomainDef *def)
{
    EACH (const SmartcardDef, card, def->devices.smartcards) {
        if (card->mode == SMARTCARD_PASSTHROUGH)
            look_at_char(l, &card->source, "smartcard");
        else
            found(l, NEED_USER, "smartcard: QEMU reads certificates of the host");
    }
}

/* ---- disks */

/* Keys and passwords of the daemon's user, and ports that only root may send from. */
static gboolean
needs_account(int protocol)
{
    return protocol == PROTOCOL_RBD || protocol == PROTOCOL_SSH || protocol == PROTOCOL_NFS;
}

static void
look_at_source(Look *l, const DiskSource *s, const char *disk)
{
    if (s->reservations)
        found(l, NEED_USER, "disk '%s': QEMU connects to its helper for reservations", disk);
    if (s->type == SOURCE_DIR)
        found(l, NEED_USER, "disk '%s': QEMU reads the folder '%s' itself", disk, s->path);
    if (s->reconnect && s->reconnect->enabled == YES)
        found(l, NEED_USER, "disk '%s': QEMU connects to '%s' again and again", disk, s->path);
    if (s->type == SOURCE_NVME)
        found(l, NEED_USER | NEED_LOCKS, "disk '%s': QEMU drives the NVMe device itself", disk);
    if (s->type != SOURCE_NETWORK || !s->net)
        return;
    if (needs_account(s->net->protocol))
        found(l, NEED_USER, "disk '%s': QEMU logs in to its server as the daemon's user", disk);
    EACH (const SourceHost, h, s->net->hosts)
        if (h->transport == TRANSPORT_UNIX)
            found(l, NEED_USER, "disk '%s': QEMU connects to '%s' itself", disk, h->socket);
}

static void
look_at_disks(Look *l, const DomainDef *def)
{
    EACH (const DiskDef, disk, def->devices.disks) {
        look_at_source(l, &disk->source, disk->target);
        for (const BackingStore *b = disk->backing; b; b = b->backing)
            look_at_source(l, &b->source, disk->target);
    }
}

static void
look_at_filesystems(Look *l, const DomainDef *def)
{
    EACH (const FsDef, fs, def->devices.filesystems)
        if (fs->driver != FS_VIRTIOFS)
            found(l, NEED_USER | NEED_OWNER, "filesystem '%s': QEMU serves '%s' itself",
                  fs->target ? fs->target : "", fs->source ? fs->source : "");
}

/* ---- devices of the host */

static void
look_at_hostdevs(Look *l, const DomainDef *def)
{
    EACH (const HostdevDef, h, def->devices.hostdevs) {
        const HostdevUsb *u = h->source.usb;
        int type = h->source.type;

        if (type == HOSTDEV_PCI || type == HOSTDEV_MDEV)
            found(l, NEED_USER | NEED_LOCKS, "hostdev '%s': QEMU opens the device in /dev/vfio",
                  h->info.alias);
        if (type == HOSTDEV_USB && u && !(u->has_bus && u->has_device))
            found(l, NEED_USER, "hostdev '%s': QEMU looks for the USB device", h->info.alias);
    }
    EACH (const NetDef, net, def->devices.nets) {
        if (net->source.net_type == NET_HOSTDEV)
            found(l, NEED_USER | NEED_LOCKS, "interface '%s': QEMU opens the device in /dev/vfio",
                  net->info.alias);
        if (net->source.reconnect && net->source.reconnect->enabled == YES)
            found(l, NEED_USER, "interface '%s': QEMU connects to '%s' again and again",
                  net->info.alias, net->source.path);
        if (net->source.net_type == NET_VDPA)
            found(l, NEED_LOCKS, "interface '%s': the device locks the guest's memory",
                  net->info.alias);
    }
}

static void
look_at_inputs(Look *l, const DomainDef *def)
{
    EACH (const InputDef, input, def->devices.inputs)
        if (input->type == INPUT_PASSTHROUGH || input->type == INPUT_EVDEV)
            found(l, NEED_USER, "input: QEMU opens '%s' itself", input->evdev ? input->evdev : "");
    EACH (const TpmDef, tpm, def->devices.tpms)
        if (tpm->backend == TPM_PASSTHROUGH)
            found(l, NEED_USER, "TPM: QEMU opens '%s' itself", tpm->device ? tpm->device : "");
}

/* ---- what is seen and heard */

static gboolean
is_below(const char *path, const char *folder)
{
    gsize len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static void
look_at_graphics(Look *l, const DomainDef *def)
{
    EACH (const GraphicsDef, g, def->devices.graphics) {
        const GraphicsListen *listen = list_item(g->listens, 0);
        gboolean local = g->type == GRAPHICS_SDL || g->type == GRAPHICS_EGL_HEADLESS ||
                         (g->type == GRAPHICS_DBUS && g->p2p != YES);

        if (local || g->gl == YES)
            found(l, NEED_USER, "graphics '%s': QEMU opens the display or its card itself",
                  word_of(graphics_types, g->type));
        if (listen && listen->type == LISTEN_SOCKET && listen->socket &&
            !is_below(listen->socket, l->run_dir))
            found(l, NEED_USER, "graphics '%s': QEMU makes the socket '%s' itself",
                  word_of(graphics_types, g->type), listen->socket);
    }
    EACH (const AudioDef, audio, def->devices.audios)
        if (audio->type != AUDIO_NONE && audio->type != AUDIO_SPICE && audio->type != 0)
            found(l, NEED_USER, "audio: QEMU talks to the host's sound itself");
}

/* ---- memory */

static gboolean
memory_has_file(const DomainDef *def)
{
    const MemoryBacking *b = def->backing;

    return b && (b->hugepages || b->source == MEMORY_SOURCE_FILE ||
                 (b->access == MEMORY_SHARED && b->source == 0));
}

static void
look_at_memory(Look *l, const DomainDef *def)
{
    EACH (const MemoryDevice, m, def->devices.memories)
        if (m->path)
            found(l, NEED_USER, "memory: QEMU opens '%s' itself", m->path);
    EACH (const ShmemDef, s, def->devices.shmems)
        if (s->model != SHMEM_DOORBELL)
            found(l, NEED_USER, "shmem '%s': QEMU opens '/dev/shm/%s' itself", s->name, s->name);
    if (def->devices.pstore)
        found(l, NEED_USER, "pstore: QEMU opens '%s' itself", def->devices.pstore->path);
    if (memory_has_file(def) && def->max_memory_slots > 0)
        found(l, NEED_USER, "memory: QEMU makes the files of memory that is plugged");
    if (def->backing && def->backing->locked)
        found(l, NEED_LOCKS, "memory: the guest's is locked");
}

/* ---- words of the user's own */

static void
look_at_words(Look *l, const DomainDef *def)
{
    EACH (const QemuArg, arg, def->qemu ? def->qemu->args : NULL)
        if (strchr(arg->value, '/')) {
            found(l, NEED_USER, "qemu:commandline: it may name a file: '%s'", arg->value);
            return;
        }
}

/* ---- all */

guint
needs_of(const DomainDef *def, const char *run_dir, char **ret_reasons)
{
    static void (*const looks[])(Look * l, const DomainDef *def) = {
        look_at_chars,  look_at_smartcards, look_at_disks,  look_at_filesystems, look_at_hostdevs,
        look_at_inputs, look_at_graphics,   look_at_memory, look_at_words,
    };
    Look l = { .reasons = g_string_new(NULL), .run_dir = run_dir };

    for (gsize i = 0; i < G_N_ELEMENTS(looks); i++)
        looks[i](&l, def);
    *ret_reasons = g_string_free(l.reasons, l.reasons->len == 0);
    return l.needs;
}
