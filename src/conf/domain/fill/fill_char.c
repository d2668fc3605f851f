/* Character devices: ports, targets, and the console that the first serial port is as well. */
#include "fill.h"

#include <string.h>

/* A port whose target type says ISA takes the first numbers of the bus. */
static gboolean
number_isa_ports(const GPtrArray *serials, GError **err)
{
    enum { ISA_PORTS = 4 };
    gboolean taken[ISA_PORTS] = { FALSE };
    gint32 next = 0;

    EACH (CharDef, named, serials)
        if (named->target_type == SERIAL_ISA && named->has_port && named->port >= 0 &&
            named->port < ISA_PORTS)
            taken[named->port] = TRUE;
    EACH (CharDef, c, serials) {
        if (c->target_type != SERIAL_ISA || (c->has_port && c->port >= 0))
            continue;
        while (next < ISA_PORTS && taken[next])
            next++;
        if (next == ISA_PORTS)
            return fail(err, ERR_PLAIN, "serial: the ISA bus has %d ports", ISA_PORTS);
        taken[next] = TRUE;
        c->port = next;
        c->has_port = TRUE;
    }
    return TRUE;
}

static void
number_ports(GPtrArray *list)
{
    gint32 next = 0;

    EACH (CharDef, c, list)
        if (c->has_port)
            next = MAX(next, c->port + 1);
    EACH (CharDef, d, list) {
        if (d->has_port && d->port >= 0)
            continue;
        d->port = next++;
        d->has_port = TRUE;
    }
}

static const char *const target_models[] = {
    [SERIAL_ISA] = "isa-serial",   [SERIAL_USB] = "usb-serial",
    [SERIAL_PCI] = "pci-serial",   [SERIAL_SPAPR_VIO] = "spapr-vty",
    [SERIAL_SCLP] = "sclpconsole", [SERIAL_ISA_DEBUG] = "isa-debugcon",
};

static void
fill_serial_target(const Fill *f, CharDef *serial)
{
    default_int(&serial->target_type, f->board->serial);
    /* how any port was once written */
    if (serial->target_type == SERIAL_ISA && f->board->serial != SERIAL_ISA) {
        serial->target_type = f->board->serial;
        serial->target_model = 0;
    }
    if (serial->target_type == SERIAL_SYSTEM && f->board->serial == SERIAL_SYSTEM)
        default_int(&serial->target_model, f->board->serial_model);
    if (!serial->target_model && (gsize)serial->target_type < G_N_ELEMENTS(target_models) &&
        target_models[serial->target_type])
        serial->target_model = word_find(serial_models, target_models[serial->target_type]);
}

/* Here one more than those before it. */
static void
number_parallels(GPtrArray *list)
{
    gint32 next = 0;

    EACH (CharDef, c, list) {
        if (!c->has_port || c->port < 0)
            c->port = next;
        c->has_port = TRUE;
        next = MAX(next, c->port + 1);
    }
}

static void
copy_source(CharDef *to, const CharDef *from, const Schema *schema)
{
    g_autofree CharDef *copy = schema_copy(schema, from);
    CharSource old = to->source;

    to->source = copy->source;
    copy->source = old;
    schema_done(schema, copy);
}

static gboolean
is_board_serial(const CharDef *serial)
{
    return !serial->target_type || serial->target_type == SERIAL_ISA ||
           serial->target_type == SERIAL_SPAPR_VIO || serial->target_type == SERIAL_SYSTEM ||
           serial->target_type == SERIAL_SCLP;
}

/* The first console and the first serial port are the same device, written twice. */
static void
pair_console(Fill *f)
{
    Devices *devices = &f->def->devices;
    CharDef *serial = list_item(devices->serials, 0);
    CharDef *console = list_item(devices->consoles, 0);

    if (console && console->target_type == CONSOLE_SERIAL) {
        if (!serial) {
            serial = list_grow(&devices->serials, &serial_schema);
            copy_source(serial, console, &console_schema);
            serial->has_port = TRUE;
            fill_serial_target(f, serial);
            serial->info = console->info;
            memset(&console->info, 0, sizeof(console->info));
        } else {
            copy_source(console, serial, &serial_schema);
            schema_done(&device_info_schema, &console->info);
            memset(&console->info, 0, sizeof(console->info));
        }
    } else if (serial && is_board_serial(serial)) {
        console = schema_new(&console_schema);
        console->target_type = CONSOLE_SERIAL;
        copy_source(console, serial, &serial_schema);
        list_insert(&devices->consoles, 0, console);
    }
}

/* When a console is removed, the others keep their numbers until the definition is read again. */
static void
number_consoles(Devices *devices)
{
    const CharDef *serial = list_item(devices->serials, 0);
    gint32 n = 0, next = 0;

    EACH (CharDef, console, devices->consoles) {
        if (console->target_type == CONSOLE_SERIAL && serial)
            console->port = serial->port;
        else if (!console->has_port)
            console->port = MAX(n, next);
        console->has_port = TRUE;
        n++;
        if (console->target_type != CONSOLE_SERIAL)
            next = MAX(next, console->port + 1);
    }
}

/* ---- channels */

/* "domain-NAME" or "ID-NAME": a folder for one run of one domain. */
static gboolean
is_run_folder(const char *name)
{
    gsize digits = strspn(name, "0123456789");

    return g_str_has_prefix(name, "domain-") || (digits > 0 && name[digits] == '-');
}

/* Whether a daemon chose this path: FOLDER/[target/] and DOMAIN.NAME or a run's folder and NAME. A
 * definition does not keep it; the next start chooses again. */
static gboolean
is_chosen_path(const char *folder, const char *path, const char *name)
{
    const char *rest = path, *slash;
    gsize length;

    if (!folder || !g_str_has_prefix(path, folder) || path[strlen(folder)] != '/')
        return FALSE;
    rest += strlen(folder) + 1;
    if (g_str_has_prefix(rest, "target/"))
        rest += strlen("target/");
    slash = strchr(rest, '/');
    if (slash)
        return is_run_folder(rest) && strcmp(slash + 1, name) == 0;
    length = strlen(rest) - MIN(strlen(rest), strlen(name));
    return length > 1 && rest[length - 1] == '.' && strcmp(rest + length, name) == 0;
}

static gboolean
fill_channel(const Fill *f, CharDef *channel, GError **err)
{
    const char *const folders[] = { f->context->channel_dir, "/var/lib/libvirt/qemu/channel",
                                    "/run/libvirt/qemu/channel" };
    const CharEnd *end = char_end(&channel->source, 0);
    gboolean chosen = end && !end->path;

    if (channel->source.type != CHAR_UNIX || channel->target_type != CHANNEL_VIRTIO || !end)
        return TRUE;
    chosen = chosen || path_is_of_a_run(end->path);
    for (gsize i = 0; i < G_N_ELEMENTS(folders) && !chosen && channel->name; i++)
        chosen = is_chosen_path(folders[i], end->path, channel->name);
    if (chosen && end->reconnect && end->reconnect->enabled == YES)
        return fail(err, ERR_PLAIN,
                    "channel '%s': <reconnect> needs a socket with a path; vmd makes the socket of "
                    "this channel",
                    channel->name ? channel->name : "");
    if (chosen)
        list_drop(&channel->source.ends, &char_end_schema);
    return TRUE;
}

/* Fills in the bus of a redirected device. */
static void
fill_redirdev(RedirDef *redir)
{
    CharEnd *end;

    if (redir->source.type != CHAR_DBUS)
        return;
    end = char_end_need(&redir->source);
    if (!end->channel)
        end->channel = g_strdup("org.qemu.usbredir");
}

gboolean
fill_chars(Fill *f, GError **err)
{
    Devices *devices = &f->def->devices;

    if (!number_isa_ports(devices->serials, err))
        return FALSE;
    number_ports(devices->serials);
    number_parallels(devices->parallels);
    EACH (CharDef, serial, devices->serials)
        fill_serial_target(f, serial);
    EACH (CharDef, console, devices->consoles) {
        default_int(&console->target_type, CONSOLE_SERIAL);
        if (console != devices->consoles->pdata[0] && console->target_type == CONSOLE_SERIAL)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "Only the first console can be a serial port");
    }
    pair_console(f);
    number_consoles(devices);
    EACH (RedirDef, redir, devices->redirdevs)
        fill_redirdev(redir);
    EACH (CharDef, channel, devices->channels)
        if (!fill_channel(f, channel, err))
            return FALSE;
    return TRUE;
}
