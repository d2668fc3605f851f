/* Defaults of displays: video cards, the audio backend. */
#include "fill.h"

#include <string.h>

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
    default_int(&video->type, f->board->video);
    if (video->type == VIDEO_NONE) {
        video->primary = video->blob = 0;
        video->heads = video->has_heads = 0;
        return;
    }
    if (video->type == VIDEO_QXL)
        fill_qxl(video);
    if (has_vram(video))
        default_u32(&video->vram, 16 * 1024);
    if (!video->has_heads)
        video->heads = video->has_heads = 1;
}

/* One card is the primary one, and comes first: the one that says so, else the first. */
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
 * nothing. SDL and D-Bus bring their own. Of several displays the last one decides. */
static int
default_audio(const GPtrArray *graphics)
{
    int type = list_length(graphics) ? 0 : AUDIO_NONE;

    EACH (GraphicsDef, g, graphics) {
        if (g->type == GRAPHICS_VNC)
            type = AUDIO_NONE;
        else if (g->type == GRAPHICS_SPICE)
            type = AUDIO_SPICE;
        else if (g->type == GRAPHICS_SDL)
            type = 0;
    }
    return type;
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
    fill_videos(f);
    fill_audios(&f->def->devices);
    return TRUE;
}
