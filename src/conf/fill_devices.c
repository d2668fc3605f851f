/* Defaults of the other devices, and the devices that every machine has though nobody wrote them
 * down: mouse and keyboard, an audio backend, the balloon, the watchdog of q35. */
#include "fill.h"

#include <string.h>

/* ---- what everyone has */

static gboolean
has_input(const Fill *f, int type, int bus)
{
    EACH (InputDef, input, f->def->devices.inputs)
        if (input->type == type && input->bus == bus)
            return TRUE;
    return FALSE;
}

/* The keyboard controller is part of a PC, unless <ps2 state='off'/> leaves it out. */
static void
add_ps2_inputs(Fill *f)
{
    const FeaturesDef *features = f->def->features;

    if (!f->i440fx && !f->q35 && !f->isapc)
        return;
    if (features && features->ps2 == OFF)
        return;
    for (int type = INPUT_MOUSE; type <= INPUT_KEYBOARD; type += INPUT_KEYBOARD - INPUT_MOUSE) {
        InputDef *input;

        if (has_input(f, type, INPUT_PS2))
            continue;
        input = list_grow(&f->def->devices.inputs, &input_schema);
        input->type = type;
        input->bus = INPUT_PS2;
    }
}

static void
add_audio(Fill *f)
{
    Devices *d = &f->def->devices;
    AudioDef *audio;

    EACH (GraphicsDef, graphics, d->graphics)
        if (graphics->type == GRAPHICS_DBUS)
            return;
    if (d->audios)
        return;
    audio = list_grow(&d->audios, &audio_schema);
    audio->type = AUDIO_NONE;
    audio->id = 1;
}

static void
add_balloon(Fill *f)
{
    Devices *d = &f->def->devices;

    if (!d->balloon)
        d->balloon = schema_new(&memballoon_schema);
    if (!d->balloon->model)
        d->balloon->model = BALLOON_VIRTIO;
}

static void
add_watchdog(Fill *f)
{
    Devices *d = &f->def->devices;
    WatchdogDef *watchdog;

    EACH (WatchdogDef, w, d->watchdogs) {
        if (!w->action)
            w->action = WATCHDOG_RESET;
        if (w->model == WATCHDOG_ITCO)
            return;
    }
    if (!f->q35)
        return;
    watchdog = list_grow(&d->watchdogs, &watchdog_schema);
    watchdog->model = WATCHDOG_ITCO;
    watchdog->action = WATCHDOG_RESET;
}

gboolean
fill_devices(Fill *f G_GNUC_UNUSED, GError **err G_GNUC_UNUSED)
{
    return TRUE;
}

gboolean
fill_implicit_devices(Fill *f, GError **err G_GNUC_UNUSED)
{
    add_ps2_inputs(f);
    add_audio(f);
    add_balloon(f);
    add_watchdog(f);
    return TRUE;
}
