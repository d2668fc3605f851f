/* Variables that a definition adds to QEMU's environment. */
#include "args_priv.h"

#include "host/host.h"

static void
set(char ***env, const char *name, const char *value)
{
    if (value)
        *env = g_environ_setenv(*env, name, value, TRUE);
}

/* A sound server of the user's session is found by the session's own folder. */
static void
set_audio(char ***env, const AudioDef *audio)
{
    switch ((AudioType)audio->type) {
    case AUDIO_SDL:
        set(env, "SDL_AUDIODRIVER", audio->driver ? sdl_drivers[audio->driver] : NULL);
        set(env, "XDG_RUNTIME_DIR", g_getenv("XDG_RUNTIME_DIR"));
        break;
    case AUDIO_PIPEWIRE:
        set(env, "PIPEWIRE_RUNTIME_DIR", audio->runtime_dir);
        set(env, "XDG_RUNTIME_DIR", g_getenv("XDG_RUNTIME_DIR"));
        break;
    case AUDIO_PULSEAUDIO:
    case AUDIO_JACK:
        set(env, "XDG_RUNTIME_DIR", g_getenv("XDG_RUNTIME_DIR"));
        break;
    case AUDIO_NONE:
    case AUDIO_ALSA:
    case AUDIO_COREAUDIO:
    case AUDIO_OSS:
    case AUDIO_SPICE:
    case AUDIO_FILE:
    case AUDIO_DBUS:
        break;
    }
}

/* "localtime" of -rtc is that of the zone, over its changes of summer and winter too. */
static void
set_zone(char ***env, const ClockDef *clock)
{
    g_autofree char *rules = clock->offset == CLOCK_TIMEZONE ? zone_rules(clock->timezone, NULL)
                                                             : NULL;

    set(env, "TZ", rules);
}

char **
args_env(const DomainDef *def, char **env)
{
    const GPtrArray *graphics = def->devices.graphics, *audios = def->devices.audios;
    const GPtrArray *own = def->qemu ? def->qemu->envs : NULL;

    set_zone(&env, &def->clock);
    for (guint i = 0; graphics && i < graphics->len; i++) {
        const GraphicsDef *g = graphics->pdata[i];
        if (g->type != GRAPHICS_SDL)
            continue;
        set(&env, "XAUTHORITY", g->xauth);
        set(&env, "DISPLAY", g->display);
    }
    for (guint i = 0; audios && i < audios->len; i++)
        set_audio(&env, audios->pdata[i]);
    for (guint i = 0; own && i < own->len; i++) {
        const QemuEnv *e = own->pdata[i];
        set(&env, e->name, e->value ? e->value : "");
    }
    return env;
}
