/* A definition for another host: it has all that the host needs, without parts that an older daemon
 * would not know and makes by itself. These are the parts that libvirtd leaves out. */
#include "conf/board.h"
#include "conf/lists.h"

/* Removes the items of which drop holds. */
static void
list_sift(GPtrArray **list, const Schema *schema, gboolean (*drop)(gconstpointer item))
{
    for (guint i = list_length(*list); i-- > 0;) {
        gpointer item = (*list)->pdata[i];

        if (!drop(item))
            continue;
        list_remove(list, i);
        schema_free(schema, item);
    }
}

/* The only one of its kind, or NULL. */
static ControllerDef *
only_controller(const DomainDef *def, int type)
{
    ControllerDef *only = NULL;

    EACH (ControllerDef, c, def->devices.controllers) {
        if (c->type != type)
            continue;
        if (only)
            return NULL;
        only = c;
    }
    return only;
}

static void
drop_controller(DomainDef *def, ControllerDef *c)
{
    guint at;

    if (!g_ptr_array_find(def->devices.controllers, c, &at))
        return;
    list_remove(&def->devices.controllers, at);
    schema_free(&controller_schema, c);
}

/* Every i440fx of old had this bus and this controller. */
static void
drop_old_controllers(DomainDef *def)
{
    ControllerDef *usb = only_controller(def, CONTROLLER_USB);
    ControllerDef *pci = only_controller(def, CONTROLLER_PCI);

    if (!domain_is_i440fx(def))
        return;
    if (usb && usb->index == 0 && usb->model == MODEL_PIIX3_UHCI && !usb->info.alias)
        drop_controller(def, usb);
    if (pci && pci->index == 0 && pci->model == MODEL_PCI_ROOT && !pci->has_pcihole64)
        drop_controller(def, pci);
}

static gboolean
is_keyboard(gconstpointer item)
{
    const InputDef *i = item;

    return i->type == INPUT_KEYBOARD && i->bus == INPUT_PS2;
}

static gboolean
is_chip_set_watchdog(gconstpointer item)
{
    const WatchdogDef *w = item;

    return w->model == WATCHDOG_ITCO && w->action == WATCHDOG_RESET;
}

static void
drop_silence(DomainDef *def)
{
    const AudioDef *audio = list_item(def->devices.audios, 0);
    static const AudioDef silence = { .id = 1, .type = AUDIO_NONE };

    if (list_length(def->devices.audios) == 1 && schema_equal(&audio_schema, audio, &silence))
        list_drop(&def->devices.audios, &audio_schema);
}

/* Drops ports that were chosen on this host; the other host chooses its own. */
static void
settle_graphics(const DomainDef *def)
{
    EACH (GraphicsDef, g, def->devices.graphics) {
        const GraphicsListen *first = list_item(g->listens, 0);

        if (g->autoport == YES && g->has_port)
            g->port = -1;
        if (g->type == GRAPHICS_VNC && g->socket && first && first->type == LISTEN_SOCKET)
            list_drop(&g->listens, &graphics_listen_schema);
    }
}

/* The socket of a helper that is started anew. */
static void
settle_reservations(const DomainDef *def)
{
    EACH (DiskDef, disk, def->devices.disks) {
        ReservationsDef *r = disk->source.reservations;

        if (!r || r->managed != YES)
            continue;
        g_clear_pointer(&r->path, g_free);
        g_clear_pointer(&r->mode, g_free);
        r->type = 0;
    }
}

static void
drop_choice_of_firmware(OsDef *os)
{
    if (!os->loader || !os->loader->path)
        return; /* it is yet to be chosen */
    os->firmware = 0;
    list_drop(&os->firmware_features, &firmware_feature_schema);
}

DomainDef *
domain_migratable(const DomainDef *def)
{
    DomainDef *copy = domain_copy(def);

    drop_old_controllers(copy);
    list_sift(&copy->devices.inputs, &input_schema, is_keyboard);
    list_sift(&copy->devices.watchdogs, &watchdog_schema, is_chip_set_watchdog);
    drop_silence(copy);
    settle_graphics(copy);
    settle_reservations(copy);
    drop_choice_of_firmware(&copy->os);
    return copy;
}
