/* Displays, VNC and SPICE, video cards, audio backends, sound cards. */
#include "args_priv.h"

#include <string.h>

#define PORT_BASE 5900

/* ---- audio backends */

/* A device or display that names no backend plays on the first. */
static guint
audio_id(const ArgsOut *a, guint asked)
{
    const GPtrArray *list = a->def->devices.audios;

    if (asked != 0)
        return asked;
    return list_length(list) > 0 && LIST_AT(AudioDef, list, 0)->id != 0
               ? LIST_AT(AudioDef, list, 0)->id
               : 1;
}

static char *
audio_name(const ArgsOut *a, guint asked)
{
    return g_strdup_printf("audio%u", audio_id(a, asked));
}

static void
add_yes_no(json_object *o, const char *name, int value)
{
    if (value != 0)
        props_add(o, name, value == YES, NULL);
}

static json_object *
audio_side(const AudioSide *side)
{
    json_object *o;

    if (side == NULL)
        return NULL;
    o = json_object_new_object();
    add_yes_no(o, "b:mixing-engine", side->mixing_engine);
    add_yes_no(o, "b:fixed-settings", side->fixed_settings);
    props_add(o, "n:voices", side->voices, "n:buffer-length", side->buffer_length, "n:frequency",
              side->frequency, "n:channels", side->channels, "s:format",
              word_of(audio_formats, side->format), "s:dev", side->dev, "s:name", side->name,
              "s:stream-name", side->stream_name, "s:server-name", side->server_name,
              "s:client-name", side->client_name, "s:connect-ports", side->connect_ports,
              "n:latency", side->latency, "n:buffer-count", side->buffer_count, NULL);
    add_yes_no(o, "b:try-poll", side->try_poll);
    add_yes_no(o, "b:exact-name", side->exact_name);
    return o;
}

static void
put_audio(ArgsOut *a, const AudioDef *audio)
{
    static const char *const drivers[] = {
        [AUDIO_NONE] = "none", [AUDIO_ALSA] = "alsa",         [AUDIO_COREAUDIO] = "coreaudio",
        [AUDIO_JACK] = "jack", [AUDIO_OSS] = "oss",           [AUDIO_PULSEAUDIO] = "pa",
        [AUDIO_SDL] = "sdl",   [AUDIO_SPICE] = "spice",       [AUDIO_FILE] = "wav",
        [AUDIO_DBUS] = "dbus", [AUDIO_PIPEWIRE] = "pipewire",
    };
    g_autofree char *id = audio_name(a, audio->id);
    json_object *o = json_object_new_object();

    props_add(o, "s:id", id, "s:driver", drivers[audio->type], "n:timer-period",
              audio->timer_period, NULL);
    add_yes_no(o, "b:try-mmap", audio->try_mmap);
    add_yes_no(o, "b:exclusive", audio->exclusive);
    if (audio->has_dsp_policy)
        props_add(o, "i:dsp-policy", audio->dsp_policy, NULL);
    props_add(o, "s:server", audio->type == AUDIO_PULSEAUDIO ? audio->server_name : NULL, "s:path",
              audio->path, "o:in", audio_side(audio->input), "o:out", audio_side(audio->output),
              NULL);
    args_json(a, "-audiodev", o);
}

gboolean
args_put_audios(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.audios;

    for (guint i = 0; i < list_length(list); i++)
        put_audio(a, LIST_AT(AudioDef, list, i));
    return TRUE;
}

/* ---- local displays */

static const char *
yes_on(int value)
{
    return value == YES ? "on" : "off";
}

static void
put_local(ArgsOut *a, const GraphicsDef *g)
{
    g_autoptr(GString) s = g_string_new(NULL);

    switch ((GraphicsType)g->type) {
    case GRAPHICS_SDL:
        g_string_append(s, "sdl");
        if (g->gl != 0)
            g_string_append_printf(s, ",gl=%s", yes_on(g->gl));
        if (g->fullscreen == YES)
            args_add(a, "-full-screen");
        break;
    case GRAPHICS_EGL_HEADLESS:
        g_string_append(s, "egl-headless");
        if (g->rendernode != NULL)
            g_string_append_printf(s, ",rendernode=%s", g->rendernode);
        break;
    case GRAPHICS_DBUS:
        g_string_append(s, "dbus");
        if (g->p2p == YES)
            g_string_append(s, ",p2p=on");
        else if (g->dbus_address != NULL)
            g_string_append_printf(s, ",addr=%s", g->dbus_address);
        if (g->gl != 0)
            g_string_append_printf(s, ",gl=%s", yes_on(g->gl));
        if (g->rendernode != NULL)
            g_string_append_printf(s, ",rendernode=%s", g->rendernode);
        if (g->audio_id != 0)
            g_string_append_printf(s, ",audiodev=audio%u", g->audio_id);
        break;
    case GRAPHICS_VNC:
    case GRAPHICS_SPICE:
    case GRAPHICS_RDP:
    case GRAPHICS_DESKTOP:
        return;
    }
    args_pair(a, "-display", s->str);
}

/* Where there is none to see, QEMU is told early. */
gboolean
args_put_displays(ArgsOut *a, GError **err)
{
    if (list_length(a->def->devices.graphics) == 0)
        args_pair(a, "-display", "none");
    return TRUE;
}

/* ---- VNC */

static const GraphicsListen *
first_listen(const GraphicsDef *g)
{
    return list_length(g->listens) > 0 ? LIST_AT(GraphicsListen, g->listens, 0) : NULL;
}

const char *
args_listen_address(const GraphicsDef *g)
{
    const GraphicsListen *l = first_listen(g);

    if (l != NULL && l->address != NULL)
        return l->address;
    return g->listen != NULL ? g->listen : "127.0.0.1";
}

/* display-update came with QEMU 7.1, and says nothing of websockets. */
gboolean
args_vnc_is_handed(const GraphicsDef *g, const Emulator *emulator)
{
    const GraphicsListen *l = first_listen(g);

    if (g->type != GRAPHICS_VNC || emulator == NULL || emulator_version(emulator) < 7001000 ||
        g->has_websocket || (l != NULL && l->type == LISTEN_NONE))
        return FALSE;
    return l != NULL && l->type == LISTEN_SOCKET
               ? l->socket != NULL
               : g->socket == NULL && g_hostname_is_ip_address(args_listen_address(g));
}

/* VNC begins on a socket that only QEMU can reach; the daemon hands the real one over later. */
static void
vnc_handed(ArgsOut *a, const GraphicsDef *g, GString *s)
{
    const GraphicsListen *l = first_listen(g);

    if (l != NULL && l->type == LISTEN_SOCKET)
        args_fd_later(a, HOST_LISTEN, l->socket, "graphics");
    g_string_append(s, "vnc=unix:own/vnc");
}

static void
vnc_address(ArgsOut *a, const GraphicsDef *g, GString *s)
{
    const GraphicsListen *l = first_listen(g);
    const char *socket = l != NULL && l->type == LISTEN_SOCKET ? l->socket : g->socket;
    const char *address = args_listen_address(g);
    gint32 port = g->port > 0 ? g->port : PORT_BASE;

    if (l != NULL && l->type == LISTEN_NONE) {
        g_string_append(s, "none");
        return;
    }
    if (!args_is_native(a) && args_vnc_is_handed(g, a->e)) {
        vnc_handed(a, g, s);
        return;
    }
    if (socket != NULL) {
        g_autofree char *path = args_escape(args_own_path(a, socket));

        g_string_append_printf(s, "vnc=unix:%s", path);
        return;
    }
    g_string_append_printf(s, strchr(address, ':') != NULL ? "[%s]:%d" : "%s:%d", address,
                           port - PORT_BASE);
    if (g->has_websocket)
        g_string_append_printf(s, ",websocket=%d", g->websocket);
}

/* QEMU's servers have one place each. */
static gboolean
listens_once(const GraphicsDef *g, const char *name, GError **err)
{
    guint n = list_length(g->listens);

    return n <= 1 ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "QEMU's %s server listens at one place, 'graphics' has %u 'listen'", name, n);
}

static gboolean
vnc_check(const GraphicsDef *g, GError **err)
{
    const GraphicsListen *l = first_listen(g);
    gboolean fixed = g->autoport != YES && l != NULL && l->type != LISTEN_NONE &&
                     l->type != LISTEN_SOCKET;

    if (!listens_once(g, "VNC", err))
        return FALSE;
    return !fixed || (g->port >= PORT_BASE && g->port <= G_MAXUINT16) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "port %d of 'graphics' is out of range: QEMU's VNC server takes %d to %d", g->port,
                PORT_BASE, G_MAXUINT16);
}

static gboolean
put_vnc(ArgsOut *a, const GraphicsDef *g, GError **err)
{
    static const char *const shares[] = { NULL, "allow-exclusive", "force-shared", "ignore" };
    g_autoptr(GString) s = g_string_new(NULL);
    g_autofree char *audio = audio_name(a, g->audio_id);

    if (!vnc_check(g, err))
        return FALSE;
    vnc_address(a, g, s);
    if (g->share_policy > 0 && g->share_policy < (int)G_N_ELEMENTS(shares))
        g_string_append_printf(s, ",share=%s", shares[g->share_policy]);
    if (g->passwd != NULL)
        g_string_append(s, ",password=on");
    if (g->power_control != 0)
        g_string_append_printf(s, ",power-control=%s", yes_on(g->power_control));
    if (list_length(a->def->devices.audios) > 0)
        g_string_append_printf(s, ",audiodev=%s", audio);
    args_pair(a, "-vnc", s->str);
    if (g->keymap != NULL)
        args_pair(a, "-k", g->keymap);
    return TRUE;
}

/* ---- SPICE */

static void
spice_switch(GString *s, const char *name, const char *const *words, int value)
{
    if (value > 0)
        g_string_append_printf(s, ",%s=%s", name, words[value]);
}

static void
spice_options(const SpiceOptions *o, GString *s)
{
    static const char *const compressions[] = { NULL,  "auto_glz", "auto_lz", "quic",
                                                "glz", "lz",       "off" };
    static const char *const automatic[] = { NULL, "auto", "never", "always" };
    static const char *const on_offs[] = { NULL, "on", "off" };
    static const char *const streams[] = { NULL, "filter", "all", "off" };
    enum { MOUSE_CLIENT = 2 };

    if (o == NULL)
        return;
    spice_switch(s, "image-compression", compressions, o->image_compression);
    spice_switch(s, "jpeg-wan-compression", automatic, o->jpeg);
    spice_switch(s, "zlib-glz-wan-compression", automatic, o->zlib);
    spice_switch(s, "playback-compression", on_offs, o->playback);
    spice_switch(s, "streaming-video", streams, o->streaming);
    if (o->mouse != 0)
        g_string_append_printf(s, ",agent-mouse=%s", o->mouse == MOUSE_CLIENT ? "on" : "off");
    if (o->copypaste == NO)
        g_string_append(s, ",disable-copy-paste=on");
    if (o->filetransfer == NO)
        g_string_append(s, ",disable-agent-file-xfer=on");
}

static gboolean
put_spice(ArgsOut *a, const GraphicsDef *g, GError **err)
{
    const GraphicsListen *l = first_listen(g);
    g_autoptr(GString) s = g_string_new(NULL);

    if (!emulator_able(a->e, ABLE_SPICE))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "spice graphics are not supported with this QEMU");
    if (!listens_once(g, "SPICE", err))
        return FALSE;
    if (l != NULL && l->type == LISTEN_SOCKET)
        g_string_append_printf(s, "unix=on,addr=%s",
                               l->socket != NULL ? args_own_path(a, l->socket) : "");
    else if (l != NULL && l->type == LISTEN_NONE)
        g_string_append(s, "port=0");
    else
        g_string_append_printf(s, "port=%d,addr=%s", MAX(g->port, 0), args_listen_address(g));
    if (g->passwd == NULL)
        g_string_append(s, ",disable-ticketing=on");
    spice_options(&g->spice, s);
    if (g->gl == YES)
        g_string_append_printf(s, ",gl=on%s%s", g->rendernode ? ",rendernode=" : "",
                               g->rendernode ? g->rendernode : "");
    g_string_append(s, ",seamless-migration=on");
    args_pair(a, "-spice", s->str);
    if (g->keymap != NULL)
        args_pair(a, "-k", g->keymap);
    return TRUE;
}

gboolean
args_put_graphics(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.graphics;

    EACH (const GraphicsDef, g, list) {
        put_local(a, g);
        if (g->type == GRAPHICS_VNC && !put_vnc(a, g, err))
            return FALSE;
        if (g->type == GRAPHICS_SPICE && !put_spice(a, g, err))
            return FALSE;
        if (g->type == GRAPHICS_RDP || g->type == GRAPHICS_DESKTOP)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "%s graphics are not supported with this QEMU",
                        g->type == GRAPHICS_RDP ? "rdp" : "desktop");
    }
    return TRUE;
}

/* ---- video */

static const struct {
    int type;
    const char *primary, *secondary; /* secondary NULL: it can only be the first */
} video_rows[] = {
    { VIDEO_VGA, "VGA", "secondary-vga" },  { VIDEO_CIRRUS, "cirrus-vga", NULL },
    { VIDEO_VMVGA, "vmware-svga", NULL },   { VIDEO_QXL, "qxl-vga", "qxl" },
    { VIDEO_BOCHS, "bochs-display", NULL }, { VIDEO_RAMFB, "ramfb", NULL },
};

/* The virtio card has a VGA half on machines that have one; it is the first card's. */
static char *
virtio_video(const ArgsOut *a, const VideoDef *v)
{
    gboolean gl = v->accel3d == YES;

    if (v->primary == YES && v->info.address.type == ADDRESS_PCI &&
        emulator_has_type(a->e, "virtio-vga"))
        return g_strdup(gl ? "virtio-vga-gl" : "virtio-vga");
    if (gl)
        return virtio_driver(&v->info, "virtio-gpu-gl", 0);
    return virtio_driver(&v->info, "virtio-gpu", 0);
}

static char *
video_driver(const ArgsOut *a, const VideoDef *v)
{
    if (v->type == VIDEO_VIRTIO)
        return virtio_video(a, v);
    for (guint i = 0; i < G_N_ELEMENTS(video_rows); i++)
        if (video_rows[i].type == v->type)
            return g_strdup(v->primary == YES || video_rows[i].secondary == NULL
                                ? video_rows[i].primary
                                : video_rows[i].secondary);
    return NULL;
}

static void
video_memory(const VideoDef *v, json_object *o)
{
    switch ((VideoType)v->type) {
    case VIDEO_VGA:
    case VIDEO_VMVGA:
        props_add(o, "n:vgamem_mb", v->vram / 1024, NULL);
        break;
    case VIDEO_BOCHS:
        props_add(o, "u:vgamem", (guint64)v->vram * 1024, NULL);
        break;
    case VIDEO_QXL:
        props_add(o, "n:max_outputs", v->heads, "u:ram_size", (guint64)v->ram * 1024, "u:vram_size",
                  (guint64)v->vram * 1024, "i:vram64_size_mb", (int)(v->vram64 / 1024),
                  "n:vgamem_mb", v->vgamem / 1024, NULL);
        break;
    case VIDEO_VIRTIO:
        props_add(o, "n:max_outputs", v->heads, "B:blob", v->blob, NULL);
        break;
    case VIDEO_CIRRUS:
    case VIDEO_XEN:
    case VIDEO_VBOX:
    case VIDEO_PARALLELS:
    case VIDEO_GOP:
    case VIDEO_NONE:
    case VIDEO_RAMFB:
        break;
    }
}

static gboolean
put_video(ArgsOut *a, const VideoDef *v, GError **err)
{
    enum { DRIVER_VHOSTUSER = 2 };
    g_autofree char *driver = video_driver(a, v);
    json_object *o;

    if (v->type == VIDEO_NONE)
        return TRUE;
    if (driver == NULL || v->driver_name == DRIVER_VHOSTUSER)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "domain configuration does not support video model '%s'",
                    word_of(video_types, v->type));
    o = props_new(driver);
    if (v->type == VIDEO_VIRTIO)
        virtio_props(o, &v->virtio);
    props_add(o, "s:id", v->info.alias, NULL);
    video_memory(v, o);
    props_add(o, "n:xres", v->res_x, "n:yres", v->res_y, NULL);
    return args_device_at(a, o, &v->info, err);
}

gboolean
args_put_videos(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.videos;

    EACH_DEVICE (a, VideoDef, video, list)
        if (!put_video(a, video, err))
            return FALSE;
    return TRUE;
}

/* ---- sound */

static const struct {
    int model;
    const char *driver;
    gboolean plays; /* itself; else its codecs do */
} sound_rows[] = {
    { SOUND_SB16, "sb16", TRUE },
    { SOUND_ES1370, "ES1370", TRUE },
    { SOUND_AC97, "AC97", TRUE },
    { SOUND_ICH6, "intel-hda", FALSE },
    { SOUND_ICH9, "ich9-intel-hda", FALSE },
    { SOUND_USB, "usb-audio", TRUE },
    { SOUND_VIRTIO, "virtio-sound", TRUE },
};

static void
put_codec(ArgsOut *a, const SoundDef *sound, guint cad, int type, const char *audio)
{
    static const char *const drivers[] = { NULL, "hda-duplex", "hda-micro", "hda-output" };
    g_autofree char *id = g_strdup_printf("%s-codec%u", sound->info.alias, cad);
    g_autofree char *bus = g_strconcat(sound->info.alias, ".0", NULL);
    json_object *o = props_new(drivers[CLAMP(type, 1, 3)]);

    props_add(o, "s:id", id, "s:bus", bus, "i:cad", (int)cad, "s:audiodev", audio, NULL);
    args_device(a, o);
}

static void
put_codecs(ArgsOut *a, const SoundDef *sound, const char *audio)
{
    if (list_length(sound->codecs) == 0)
        put_codec(a, sound, 0, 1, audio);
    for (guint i = 0; i < list_length(sound->codecs); i++)
        put_codec(a, sound, i, LIST_AT(SoundCodec, sound->codecs, i)->type, audio);
}

static gboolean
put_sound_device(ArgsOut *a, const SoundDef *sound, const char *driver, gboolean plays,
                 GError **err)
{
    g_autofree char *audio = audio_name(a, sound->audio_id);
    g_autofree char *virtio = sound->model == SOUND_VIRTIO
                                  ? virtio_driver(&sound->info, driver, VIRTIO_MODEL_DEFAULT)
                                  : NULL;
    json_object *o = props_new(virtio != NULL ? virtio : driver);

    if (sound->model == SOUND_VIRTIO)
        virtio_props(o, &sound->virtio);
    props_add(o, "s:id", sound->info.alias, "s:audiodev", plays ? audio : NULL, NULL);
    if (sound->model == SOUND_USB)
        add_yes_no(o, "b:multi", sound->multichannel);
    if (sound->model == SOUND_VIRTIO)
        props_add(o, "n:streams", sound->streams, NULL);
    if (!address_props(a, o, &sound->info, err)) {
        json_object_put(o);
        return FALSE;
    }
    args_device(a, o);
    if (!plays)
        put_codecs(a, sound, audio);
    return TRUE;
}

static gboolean
put_sound(ArgsOut *a, const SoundDef *sound, GError **err)
{
    if (sound->model == SOUND_PCSPK)
        return TRUE; /* a property of the machine */
    for (guint i = 0; i < G_N_ELEMENTS(sound_rows); i++)
        if (sound_rows[i].model == sound->model)
            return put_sound_device(a, sound, sound_rows[i].driver, sound_rows[i].plays, err);
    return fail(err, ERR_CONFIG_UNSUPPORTED, "sound card model is not supported by QEMU");
}

gboolean
args_put_sounds(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.sounds;

    EACH_DEVICE (a, SoundDef, sound, list)
        if (!put_sound(a, sound, err))
            return FALSE;
    return TRUE;
}
