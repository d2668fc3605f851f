/* Defaults of displays: graphics and where they listen, video cards, the audio backend. */
#include "fill.h"

#include <string.h>

/* ---- graphics */

/* Whether a daemon made this socket for one run: DOMAIN's folder below its own. */
static gboolean
is_generated_socket(const char *path)
{
    static const char folder[] = "/var/lib/libvirt/qemu/domain-";

    return path && g_str_has_prefix(path, folder);
}

static void
listen_on_socket(GraphicsDef *g)
{
    GraphicsListen *listen;

    list_drop(&g->listens, &graphics_listen_schema);
    listen = list_grow(&g->listens, &graphics_listen_schema);
    listen->type = LISTEN_SOCKET;
    listen->socket = g_strdup(g->socket);
}

static void
fill_listens(GraphicsDef *g)
{
    GraphicsListen *first;

    if (is_generated_socket(g->socket))
        g_clear_pointer(&g->socket, g_free);
    if (g->socket)
        listen_on_socket(g);
    if (!g->listens) {
        first = list_grow(&g->listens, &graphics_listen_schema);
        first->type = LISTEN_ADDRESS;
        first->address = g_strdup(g->listen);
    }
    first = g->listens->pdata[0];
    if (is_generated_socket(first->socket))
        g_clear_pointer(&first->socket, g_free);
    if (first->type == LISTEN_ADDRESS && !first->address)
        first->address = g_strdup(g->listen);
    set_text(&g->listen, first->type == LISTEN_ADDRESS ? first->address : NULL);
    set_text(&g->socket, first->type == LISTEN_SOCKET ? first->socket : NULL);
}

static void
drop_ports(GraphicsDef *g)
{
    g->autoport = 0;
    g->port = g->tls_port = g->websocket = 0;
    g->has_port = g->has_tls_port = g->has_websocket = FALSE;
}

static void
fill_vnc_port(GraphicsDef *g)
{
    default_int(&g->autoport, !g->has_port || g->port == -1 ? YES : NO);
    if (g->autoport == YES)
        g->port = -1;
    else if (g->port == -1)
        g->port = 0;
    g->has_port = g->port != 0;
}

/* With autoport neither port is kept: which of the two there are depends on TLS at start. */
static void
fill_spice_ports(GraphicsDef *g)
{
    if (g->has_port && g->port == -1 && (!g->has_tls_port || g->tls_port == -1))
        g->autoport = YES;
    default_int(&g->autoport, NO);
    if (g->autoport == YES)
        g->has_port = g->has_tls_port = FALSE;
    if (!g->has_port)
        g->port = 0;
    if (!g->has_tls_port)
        g->tls_port = 0;
}

static void
fill_one_graphics(GraphicsDef *g)
{
    const GraphicsListen *first;

    if (g->type != GRAPHICS_VNC && g->type != GRAPHICS_SPICE && g->type != GRAPHICS_RDP)
        return;
    fill_listens(g);
    first = g->listens->pdata[0];
    if (first->type == LISTEN_NONE || first->type == LISTEN_SOCKET)
        drop_ports(g);
    else if (g->type == GRAPHICS_VNC)
        fill_vnc_port(g);
    else if (g->type == GRAPHICS_SPICE)
        fill_spice_ports(g);
}

/* ---- video */

static gboolean
has_vram(const VideoDef *video)
{
    static const guint64 with = BIT(VIDEO_VGA) | BIT(VIDEO_CIRRUS) | BIT(VIDEO_VMVGA) |
                                BIT(VIDEO_BOCHS) | BIT(VIDEO_XEN) | BIT(VIDEO_QXL);

    return (with & BIT(video->type)) != 0;
}

/* QXL has three more memories, in KiB. */
static void
fill_qxl(VideoDef *video)
{
    default_u32(&video->ram, 64 * 1024);
    default_u32(&video->vram, 64 * 1024);
    default_u32(&video->vgamem, 16 * 1024);
}

static void
fill_video(Fill *f, VideoDef *video)
{
    default_int(&video->type, f->x86 ? VIDEO_CIRRUS : VIDEO_VIRTIO);
    if (video->type == VIDEO_NONE) {
        video->primary = 0;
        return;
    }
    if (video->type == VIDEO_QXL)
        fill_qxl(video);
    if (has_vram(video))
        default_u32(&video->vram, 16 * 1024);
    default_u32(&video->heads, 1);
}

/* One card is the primary one: the one that says so, else the first; and it comes first. */
static void
choose_primary(GPtrArray *videos)
{
    guint primary = 0;

    for (guint i = 0; i < list_length(videos); i++) {
        VideoDef *video = videos->pdata[i];

        if (video->primary == YES && primary == 0)
            primary = i;
        video->primary = 0;
    }
    if (list_length(videos) == 0)
        return;
    g_ptr_array_insert(videos, 0, g_ptr_array_steal_index(videos, primary));
    ((VideoDef *)videos->pdata[0])->primary = YES;
}

static void
fill_videos(Fill *f)
{
    Devices *d = &f->def->devices;

    if (d->graphics && !d->videos)
        list_grow(&d->videos, &video_schema);
    choose_primary(d->videos);
    EACH (VideoDef, video, d->videos)
        fill_video(f, video);
}

/* ---- audio */

/* A guest without a display, or with one that carries no sound, still has a backend: that of
 * nothing. SDL and D-Bus bring their own. */
static int
default_audio(const GPtrArray *graphics)
{
    if (!graphics)
        return AUDIO_NONE;
    EACH (GraphicsDef, g, graphics) {
        if (g->type == GRAPHICS_VNC)
            return AUDIO_NONE;
        if (g->type == GRAPHICS_SPICE)
            return AUDIO_SPICE;
    }
    return 0;
}

static void
fill_audios(Devices *d)
{
    int type = default_audio(d->graphics);
    AudioDef *audio;

    if (d->audios || !type)
        return;
    audio = list_grow(&d->audios, &audio_schema);
    audio->type = type;
    audio->id = 1;
}

gboolean
fill_graphics(Fill *f, GError **err G_GNUC_UNUSED)
{
    EACH (GraphicsDef, g, f->def->devices.graphics)
        fill_one_graphics(g);
    fill_videos(f);
    fill_audios(&f->def->devices);
    return TRUE;
}
