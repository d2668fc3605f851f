/* The parts of a definition for which QEMU cannot be fully confined: one function for each kind of
 * device. Pure; each finding is a bit (ConfineNeed) and a sentence for people. */
#include <string.h>

#include "life.h"

typedef struct NeedsLook {
    Needs *to;
    const Emulator *emulator;
    const char *run_dir;
} NeedsLook;

static void
add_line(char **lines, const char *line)
{
    char *all = *lines ? g_strjoin("\n", *lines, line, NULL) : g_strdup(line);

    g_free(*lines);
    *lines = all;
}

void
needs_add(Needs *to, guint needs, const char *why)
{
    to->needs |= needs;
    add_line(&to->reasons, why);
}

/* Notes a path that QEMU opens itself. */
static void
opens(NeedsLook *l, const char *path)
{
    if (path && *path)
        add_line(&l->to->paths, path);
}

static void G_GNUC_PRINTF(3, 4) found(NeedsLook *l, guint needs, const char *fmt, ...)
{
    g_autofree char *why = NULL;
    va_list ap;

    va_start(ap, fmt);
    why = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    needs_add(l->to, needs, why);
}

/* ---- character devices */

static void
look_at_char(NeedsLook *l, const CharSource *s, const char *what)
{
    const CharEnd *end = char_end(s, 0);

    if (s->type == CHAR_PIPE)
        found(l, NEED_USER | NEED_FILES, "%s: QEMU opens the pipe '%s' itself", what,
              end ? end->path : "");
    if (s->type == CHAR_TCP || s->type == CHAR_UDP)
        found(l, NEED_NET, "%s: QEMU talks over the network itself", what);
    if (s->type == CHAR_UNIX && end && end->reconnect && end->reconnect->enabled == YES)
        found(l, NEED_USER, "%s: QEMU connects to '%s' again and again", what, end->path);
    if (s->type == CHAR_TCP && end && end->mode == CHAR_BIND && end->service &&
        g_ascii_strtoull(end->service, NULL, 10) < 1024)
        found(l, NEED_USER, "%s: QEMU listens on port %s", what, end->service);
}

static void
look_at_chars(NeedsLook *l, const DomainDef *def)
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
look_at_smartcards(NeedsLook *l, const DomainDef *def)
{
    EACH (const SmartcardDef, card, def->devices.smartcards) {
        if (card->mode == SMARTCARD_PASSTHROUGH)
            look_at_char(l, &card->source, "smartcard");
        else
            found(l, NEED_USER | NEED_FILES, "smartcard: QEMU reads certificates of the host");
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
look_at_source(NeedsLook *l, const DiskSource *s, const char *disk)
{
    if (s->reservations)
        found(l, NEED_USER, "disk '%s': QEMU connects to its helper for reservations", disk);
    if (s->type == SOURCE_DIR) {
        found(l, NEED_USER, "disk '%s': QEMU reads the folder '%s' itself", disk, s->path);
        opens(l, s->path);
    }
    if (s->reconnect && s->reconnect->enabled == YES)
        found(l, NEED_USER, "disk '%s': QEMU connects to '%s' again and again", disk, s->path);
    if (s->type == SOURCE_NVME)
        found(l, NEED_USER | NEED_LOCKS | NEED_FILES, "disk '%s': QEMU drives the NVMe device",
              disk);
    if (s->type != SOURCE_NETWORK || !s->net)
        return;
    found(l, NEED_NET, "disk '%s': QEMU talks to its server itself", disk);
    if (needs_account(s->net->protocol))
        found(l, NEED_USER | NEED_FILES,
              "disk '%s': QEMU logs in to its server as the daemon's user", disk);
    EACH (const SourceHost, h, s->net->hosts)
        if (h->transport == TRANSPORT_UNIX)
            found(l, NEED_USER, "disk '%s': QEMU connects to '%s' itself", disk, h->socket);
}

static void
look_at_disks(NeedsLook *l, const DomainDef *def)
{
    EACH (const DiskDef, disk, def->devices.disks) {
        look_at_source(l, &disk->source, disk->target);
        for (const BackingStore *b = disk->backing; b; b = b->backing)
            look_at_source(l, &b->source, disk->target);
    }
}

static void
look_at_filesystems(NeedsLook *l, const DomainDef *def)
{
    EACH (const FsDef, fs, def->devices.filesystems) {
        if (fs->driver == FS_VIRTIOFS)
            continue;
        found(l, NEED_USER | NEED_OWNER, "filesystem '%s': QEMU serves '%s' itself",
              fs->target ? fs->target : "", fs->source ? fs->source : "");
        opens(l, fs->source);
    }
}

/* ---- devices of the host */

static void
look_at_hostdevs(NeedsLook *l, const DomainDef *def)
{
    EACH (const HostdevDef, h, def->devices.hostdevs) {
        const HostdevUsb *u = h->source.usb;
        int type = h->source.type;

        if (type == HOSTDEV_SCSI && h->source.scsi && h->source.scsi->protocol)
            found(l, NEED_NET, "hostdev '%s': QEMU talks to its server itself", h->info.alias);
        if (type == HOSTDEV_PCI || type == HOSTDEV_MDEV)
            found(l, NEED_USER | NEED_LOCKS | NEED_FILES,
                  "hostdev '%s': QEMU opens the device in /dev/vfio", h->info.alias);
        if (type == HOSTDEV_USB && u && !(u->has_bus && u->has_device))
            found(l, NEED_USER | NEED_FILES, "hostdev '%s': QEMU looks for the USB device",
                  h->info.alias);
    }
    EACH (const NetDef, net, def->devices.nets) {
        if (net->source.net_type == NET_HOSTDEV)
            found(l, NEED_USER | NEED_LOCKS | NEED_FILES,
                  "interface '%s': QEMU opens the device in /dev/vfio", net->info.alias);
        if (net->source.reconnect && net->source.reconnect->enabled == YES)
            found(l, NEED_USER, "interface '%s': QEMU connects to '%s' again and again",
                  net->info.alias, net->source.path);
        if (net->source.net_type == NET_VDPA)
            found(l, NEED_LOCKS, "interface '%s': the device locks the guest's memory",
                  net->info.alias);
    }
}

static void
look_at_inputs(NeedsLook *l, const DomainDef *def)
{
    EACH (const InputDef, input, def->devices.inputs) {
        if (input->type != INPUT_PASSTHROUGH && input->type != INPUT_EVDEV)
            continue;
        found(l, NEED_USER, "input: QEMU opens '%s' itself", input->evdev ? input->evdev : "");
        opens(l, input->evdev);
    }
    EACH (const TpmDef, tpm, def->devices.tpms)
        if (tpm->backend == TPM_PASSTHROUGH)
            found(l, NEED_USER | NEED_FILES, "TPM: QEMU opens the host's itself");
}

/* ---- what is seen and heard */

static gboolean
is_below(const char *path, const char *folder)
{
    gsize len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

enum { DISPLAY = NEED_USER | NEED_NET | NEED_FILES | NEED_IPC };

static void
look_at_display(NeedsLook *l, const GraphicsDef *g)
{
    const GraphicsListen *listen = list_item(g->listens, 0);
    const char *kind = word_of(graphics_types, g->type);
    gboolean local = g->type == GRAPHICS_SDL || g->type == GRAPHICS_EGL_HEADLESS ||
                     (g->type == GRAPHICS_DBUS && g->p2p != YES);
    gboolean listens = (g->type == GRAPHICS_VNC || g->type == GRAPHICS_SPICE) &&
                       !(listen && listen->type == LISTEN_NONE) &&
                       !args_vnc_is_handed(g, l->emulator);

    if (local || g->gl == YES)
        found(l, DISPLAY, "graphics '%s': QEMU opens the display or its card itself", kind);
    if (!listens)
        return;
    if (!listen || listen->type != LISTEN_SOCKET)
        found(l, NEED_NET, "graphics '%s': QEMU listens on its port itself", kind);
    else if (listen->socket && !is_below(listen->socket, l->run_dir))
        found(l, NEED_USER | NEED_FILES, "graphics '%s': QEMU makes the socket '%s' itself", kind,
              listen->socket);
}

static void
look_at_graphics(NeedsLook *l, const DomainDef *def)
{
    EACH (const GraphicsDef, g, def->devices.graphics)
        look_at_display(l, g);
    EACH (const AudioDef, audio, def->devices.audios)
        if (audio->type != AUDIO_NONE && audio->type != AUDIO_SPICE && audio->type != 0)
            found(l, DISPLAY, "audio: QEMU talks to the host's sound itself");
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
look_at_memory(NeedsLook *l, const DomainDef *def)
{
    EACH (const MemoryDevice, m, def->devices.memories)
        if (m->path)
            found(l, NEED_USER | NEED_FILES, "memory: QEMU opens '%s' itself", m->path);
    EACH (const ShmemDef, s, def->devices.shmems)
        if (s->model != SHMEM_DOORBELL)
            found(l, NEED_USER | NEED_FILES, "shmem '%s': QEMU opens '/dev/shm/%s' itself", s->name,
                  s->name);
    if (def->devices.pstore)
        found(l, NEED_USER | NEED_FILES, "pstore: QEMU opens '%s' itself",
              def->devices.pstore->path);
    if (memory_has_file(def) && def->max_memory_slots > 0)
        found(l, NEED_USER | NEED_FILES, "memory: QEMU makes the files of memory that is plugged");
    if (def->backing && def->backing->locked)
        found(l, NEED_LOCKS, "memory: the guest's is locked");
}

/* ---- words of the user's own */

static void
look_at_words(NeedsLook *l, const DomainDef *def)
{
    const GPtrArray *args = def->qemu ? def->qemu->args : NULL;

    if (list_length(args) > 0)
        found(l, NEED_NET, "qemu:commandline: its words may mean the network");
    EACH (const QemuArg, arg, args) {
        if (!strchr(arg->value, '/'))
            continue;
        found(l, NEED_USER | NEED_FILES, "qemu:commandline: '%s' may be a file", arg->value);
        return;
    }
}

/* ---- networks */

static void
look_at_nets(NeedsLook *l, const DomainDef *def)
{
    EACH (const NetDef, net, def->devices.nets) {
        const char *alias = net->info.alias ? net->info.alias : "";

        switch ((NetType)net->source.net_type) {
        case NET_USER:
            if (!net_has_passt(net))
                found(l, NEED_SLIRP, "interface '%s': QEMU is its way to the network", alias);
            break;
        case NET_SERVER:
        case NET_CLIENT:
        case NET_MCAST:
        case NET_UDP:
            found(l, NEED_NET, "interface '%s': QEMU talks over the network itself", alias);
            break;
        case NET_NONE:
        case NET_ETHERNET:
        case NET_NETWORK:
        case NET_BRIDGE:
        case NET_INTERNAL:
        case NET_DIRECT:
        case NET_HOSTDEV:
        case NET_VHOST_USER:
        case NET_VDPA:
        case NET_NULL:
        case NET_VDS:
            break;
        }
    }
}

/* ---- all */

void
needs_of(const DomainDef *def, const Emulator *emulator, const char *run_dir, Needs *to)
{
    static void (*const looks[])(NeedsLook * l, const DomainDef *def) = {
        look_at_chars,  look_at_smartcards, look_at_disks,  look_at_filesystems, look_at_hostdevs,
        look_at_inputs, look_at_graphics,   look_at_memory, look_at_nets,        look_at_words,
    };
    NeedsLook l = { .to = to, .emulator = emulator, .run_dir = run_dir };

    for (gsize i = 0; i < G_N_ELEMENTS(looks); i++)
        looks[i](&l, def);
}

void
needs_done(Needs *n)
{
    g_clear_pointer(&n->reasons, g_free);
    g_clear_pointer(&n->paths, g_free);
}
