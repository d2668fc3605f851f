/* Rules of what the guest shows, plays and feels: graphics, video, audio, sound, input. */
#include "check.h"

#include <string.h>

/* ---- graphics */

static gboolean
has_graphics(const DomainDef *def, guint64 types)
{
    EACH (GraphicsDef, g, def->devices.graphics)
        if (types & BIT(g->type))
            return TRUE;
    return FALSE;
}

#define VNC_PASSWORD_MAX 8

static gboolean
check_graphics(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (GraphicsDef, g, def->devices.graphics) {
        if (!caps_has(caps, graphics_types[g->type]))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "graphics of type '%s' is not supported by %s",
                        graphics_types[g->type], caps->path);
        if (g->type == GRAPHICS_EGL_HEADLESS && has_graphics(def, ~BIT(GRAPHICS_EGL_HEADLESS)) &&
            !has_graphics(def, BIT(GRAPHICS_VNC) | BIT(GRAPHICS_SPICE)))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "graphics of type 'egl-headless' goes with 'vnc' and 'spice' only");
        if (g->type == GRAPHICS_VNC && g->passwd && strlen(g->passwd) > VNC_PASSWORD_MAX)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "graphics 'vnc': a password of %zu characters, VNC has %d",
                        strlen(g->passwd), VNC_PASSWORD_MAX);
        if (g->type == GRAPHICS_VNC && g->connected && g->connected != CONNECTED_KEEP)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "graphics 'vnc' supports connected='keep' only");
    }
    return TRUE;
}

/* ---- video */

static const char *const video_devices[] = {
    [VIDEO_VGA] = "VGA",     [VIDEO_CIRRUS] = "cirrus-vga",        [VIDEO_VMVGA] = "vmware-svga",
    [VIDEO_QXL] = "qxl",     [VIDEO_VIRTIO] = "virtio-gpu-device", [VIDEO_BOCHS] = "bochs-display",
    [VIDEO_RAMFB] = "ramfb",
};
#define SEVERAL_HEADS (BIT(VIDEO_QXL) | BIT(VIDEO_VIRTIO))
#define MIN_VRAM      1024
#define SECONDARY     (BIT(VIDEO_QXL) | BIT(VIDEO_VIRTIO))

gboolean
video_is_secondary(const VideoDef *v)
{
    return v->type == VIDEO_NONE || (SECONDARY & BIT(v->type));
}

static gboolean
check_video_type(const VideoDef *v, const EmulatorCaps *caps, GError **err)
{
    const char *device = v->type < (int)G_N_ELEMENTS(video_devices) ? video_devices[v->type] : NULL;

    return v->type == VIDEO_NONE || (device && caps_has_device(caps, device)) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "video model '%s' is not supported by %s",
                video_types[v->type], caps->path);
}

/* What only some models have. */
static gboolean
check_video_options(const VideoDef *v, GError **err)
{
    const VirtioOptions *o = &v->virtio;
    const char *type = video_types[v->type];

    if (v->vram && v->vram < MIN_VRAM && v->type == VIDEO_VGA)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'vram' of a video device is at least %d KiB",
                    MIN_VRAM);
    if (v->has_heads && v->heads != 1 && !(SEVERAL_HEADS & BIT(v->type)))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "video model '%s' has one head", type);
    if ((v->ram || v->vram64 || v->vgamem) && v->type != VIDEO_QXL)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'ram', 'vram64' and 'vgamem' are of video model 'qxl', not '%s'", type);
    if (v->type == VIDEO_VIRTIO)
        return TRUE;
    if (v->blob)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'blob' is of video model 'virtio', not '%s'",
                    type);
    if (v->driver_name == VIDEO_DRIVER_VHOST_USER)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "driver 'vhostuser' is of video model 'virtio', not '%s'", type);
    return !(o->iommu || o->ats || o->packed || o->page_per_vq) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "virtio options are of video model 'virtio', not '%s'",
                type);
}

static gboolean
check_acceleration(const DomainDef *def, const VideoDef *v, const EmulatorCaps *caps, GError **err)
{
    gboolean vhost_user = v->driver_name == VIDEO_DRIVER_VHOST_USER;

    if (v->accel2d == YES)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "QEMU has no 2D acceleration for video devices");
    if (v->rendernode && !vhost_user)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'rendernode' of a video device needs driver 'vhostuser'");
    if (v->accel3d == YES && !vhost_user && !caps_has_device(caps, "virtio-gpu-gl-device"))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "3D acceleration is not supported by %s",
                    caps->path);
    if (v->blob == ON && !(def->backing && def->backing->source == MEMORY_SOURCE_MEMFD))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'blob' of a video device needs memoryBacking with source 'memfd'");
    return TRUE;
}

static gboolean
check_videos(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *videos = def->devices.videos;

    EACH (VideoDef, v, videos) {
        if (!check_video_type(v, caps, err))
            return FALSE;
        if (v->type == VIDEO_NONE && list_length(videos) > 1)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "video model 'none' goes with no other video device");
        if (v->primary != YES && !video_is_secondary(v))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "video model '%s' can only be the primary video device",
                        video_types[v->type]);
        if (!check_video_options(v, err) || !check_acceleration(def, v, caps, err))
            return FALSE;
    }
    return TRUE;
}

/* ---- audio and sound */

static gboolean
check_audio_side(const AudioSide *side, const char *name, GError **err)
{
    if (!side)
        return TRUE;
    if ((side->frequency || side->channels || side->format) && side->fixed_settings != YES)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "'settings' of audio '%s' need fixedSettings='yes'", name);
    return side->fixed_settings != YES || side->mixing_engine == YES ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "fixedSettings of audio '%s' need mixingEngine='yes'",
                name);
}

static const AudioDef *
find_audio(const DomainDef *def, guint32 id)
{
    EACH (AudioDef, a, def->devices.audios)
        if (a->id == id)
            return a;
    return NULL;
}

static gboolean
check_audios(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (AudioDef, a, def->devices.audios) {
        if (a->type == AUDIO_SPICE && !has_graphics(def, BIT(GRAPHICS_SPICE)))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "audio of type 'spice' needs graphics of type 'spice'");
        if (!check_audio_side(a->input, "input", err) ||
            !check_audio_side(a->output, "output", err))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_audio_ref(const DomainDef *def, guint32 id, const char *who, GError **err)
{
    return !id || find_audio(def, id) ||
           fail(err, ERR_XML, "%s names audio id %u, which does not exist", who, id);
}

static gboolean
check_audio_ids(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (AudioDef, a, def->devices.audios)
        if (find_audio(def, a->id) != a)
            return fail(err, ERR_XML, "audio id %u is used twice", a->id);
    EACH (GraphicsDef, g, def->devices.graphics) {
        const AudioDef *audio = find_audio(def, g->audio_id);

        if (g->type != GRAPHICS_DBUS && !check_audio_ref(def, g->audio_id, "graphics", err))
            return FALSE;
        if (g->type == GRAPHICS_DBUS && audio && audio->type != AUDIO_DBUS)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "graphics of type 'dbus' names audio id %u, which is not of type 'dbus'",
                        g->audio_id);
    }
    EACH (SoundDef, s, def->devices.sounds)
        if (!check_audio_ref(def, s->audio_id, "sound", err))
            return FALSE;
    return TRUE;
}

static gboolean
check_sounds(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (SoundDef, s, def->devices.sounds)
        if (s->model == SOUND_ICH7)
            return fail(err, ERR_PLAIN, "sound model 'ich7' is not known to QEMU");
    return TRUE;
}

/* ---- input */

static gboolean
check_inputs(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (InputDef, i, def->devices.inputs) {
        if (i->bus == INPUT_XEN)
            return fail(err, ERR_PLAIN, "input bus 'xen' is not known to QEMU");
        if (i->bus == INPUT_PS2 && i->type == INPUT_TABLET)
            return fail(err, ERR_PLAIN, "bus 'ps2' has no input of type 'tablet'");
        if (i->model && i->bus != INPUT_VIRTIO)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "input model '%s' needs bus 'virtio'",
                        virtio_models[i->model]);
        if (i->model > VIRTIO_MODEL_VIRTIO)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "input of type '%s' has no model '%s'",
                        input_types[i->type], virtio_models[i->model]);
    }
    return TRUE;
}

const Rule display_rules[] = {
    { "graphics", check_graphics }, { "video", check_videos }, { "audio", check_audios },
    { "sound", check_sounds },      { "input", check_inputs }, { NULL },
};

const Rule display_pair_rules[] = {
    { "audio/@id", check_audio_ids },
    { NULL },
};
