/* Rules of character devices: ports and models, what carries them, who needs SPICE. */
#include "check.h"

#define SERIAL_KINDS (SERIAL_ISA_DEBUG + 1)

/* Which target a model of a serial port is of. */
static const int target_of_model[] = {
    [SERIAL_MODEL_ISA] = SERIAL_ISA,
    [SERIAL_MODEL_USB] = SERIAL_USB,
    [SERIAL_MODEL_PCI] = SERIAL_PCI,
    [SERIAL_MODEL_SPAPR_VTY] = SERIAL_SPAPR_VIO,
    [SERIAL_MODEL_PL011] = SERIAL_SYSTEM,
    [SERIAL_MODEL_SCLP] = SERIAL_SCLP,
    [SERIAL_MODEL_SCLPLM] = SERIAL_SCLP,
    [SERIAL_MODEL_16550A] = SERIAL_SYSTEM,
    [SERIAL_MODEL_DEBUGCON] = SERIAL_ISA_DEBUG,
};

/* And which address a target may have; words of an arch that has it, NULL: any. */
static const struct {
    int address;
    const char *address_name;
    const char *arch;
} serial_rules[SERIAL_KINDS] = {
    [SERIAL_ISA] = { ADDRESS_ISA, "isa", NULL },
    [SERIAL_USB] = { ADDRESS_USB, "usb", NULL },
    [SERIAL_PCI] = { ADDRESS_PCI, "pci", NULL },
    [SERIAL_SPAPR_VIO] = { ADDRESS_SPAPR_VIO, "spapr-vio", "ppc64" },
    [SERIAL_SCLP] = { ADDRESS_CCW, "ccw", "s390x" },
    [SERIAL_ISA_DEBUG] = { ADDRESS_ISA, "isa", NULL },
};

static gboolean
check_serial(const DomainDef *def, const CharDef *serial, GError **err)
{
    int target = serial->target_type, type = serial->info.address.type;
    const char *arch = serial_rules[target].arch;

    if (serial->target_model && target_of_model[serial->target_model] != target)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "serial model '%s' needs target type '%s', not '%s'",
                    serial_models[serial->target_model],
                    serial_targets[target_of_model[serial->target_model]],
                    target ? serial_targets[target] : "none");
    if (target && type && serial_rules[target].address && type != serial_rules[target].address)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "serial target type '%s' needs address type '%s'",
                    serial_targets[target], serial_rules[target].address_name);
    if (target == SERIAL_SYSTEM && serial->target_model &&
        (board_of(def)->serial != target || board_of(def)->serial_model != serial->target_model))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "serial model '%s' is not that of machine '%s'",
                    serial_models[serial->target_model], def->os.machine);
    return !arch || g_str_has_prefix(def->os.arch, arch) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "serial target type '%s' is of architecture %s",
                serial_targets[target], arch);
}

/* Port 0 is also what is written when it does not matter. */
static gboolean
check_isa_ports(const GPtrArray *serials, GError **err)
{
    EACH (CharDef, a, serials) {
        if (a->target_type != SERIAL_ISA || a->port <= 0)
            continue;
        EACH (CharDef, b, serials)
            if (a != b && b->target_type == SERIAL_ISA && a->port == b->port)
                return fail(err, ERR_PLAIN, "two of 'serial' have target port %d", a->port);
    }
    return TRUE;
}

static gboolean
check_serials(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (CharDef, serial, def->devices.serials)
        if (!check_serial(def, serial, err))
            return FALSE;
    return check_isa_ports(def->devices.serials, err);
}

static gboolean
check_consoles(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (CharDef, console, def->devices.consoles) {
        int target = console->target_type;
        gboolean sclp = target == CONSOLE_SCLP || target == CONSOLE_SCLPLM;

        if (sclp && caps_has_device(caps, target == CONSOLE_SCLP ? "sclpconsole" : "sclplmconsole"))
            continue;
        if (sclp || (target && target != CONSOLE_SERIAL && target != CONSOLE_VIRTIO))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "console target type '%s' is not supported by %s", console_targets[target],
                        caps->path);
    }
    return TRUE;
}

/* ---- sources */

static gboolean
has_spice(const DomainDef *def)
{
    EACH (GraphicsDef, g, def->devices.graphics)
        if (g->type == GRAPHICS_SPICE)
            return TRUE;
    return FALSE;
}

/* What a source of each type needs. */
enum { PATH = 1 << 0, HOST = 1 << 1, SERVICE = 1 << 2, CHANNEL = 1 << 3 };

static const guint needs[] = {
    [CHAR_DEV] = PATH,          [CHAR_FILE] = PATH,          [CHAR_PIPE] = PATH,
    [CHAR_UDP] = SERVICE,       [CHAR_TCP] = HOST | SERVICE, [CHAR_UNIX] = PATH,
    [CHAR_SPICEPORT] = CHANNEL, [CHAR_DBUS] = CHANNEL,
};

static gboolean
check_end(const CharSource *s, const char *what, GError **err)
{
    static const CharEnd none;
    const CharEnd *end = char_end(s, s->type == CHAR_UDP ? CHAR_CONNECT : 0);
    guint need = s->type < (int)G_N_ELEMENTS(needs) ? needs[s->type] : 0;
    const char *lacks = NULL;

    if (!end)
        end = &none;
    if ((need & PATH) && !end->path)
        lacks = "path";
    else if ((need & HOST) && !end->host)
        lacks = "host";
    else if ((need & SERVICE) && !end->service)
        lacks = "service";
    else if ((need & CHANNEL) && !end->channel)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s of type '%s' needs attribute 'channel' in its 'source'", what,
                    char_types[s->type]);
    if (s->type == CHAR_NMDM && end != &none && !(end->master && end->slave))
        lacks = "master' and 'slave";
    return !lacks || fail(err, ERR_PLAIN, "%s of type '%s' needs attribute '%s' in its 'source'",
                          what, char_types[s->type], lacks);
}

/* The socket of a virtio channel may be left to the daemon, who makes one at every start. */
static gboolean
makes_its_path(const CharDef *c, const GPtrArray *list, const DomainDef *def)
{
    return list == def->devices.channels && c->source.type == CHAR_UNIX &&
           c->target_type != CHANNEL_GUESTFWD;
}

static gboolean
check_source(const DomainDef *def, const CharSource *s, const char *what, GError **err)
{
    if (s->type == CHAR_TCP && s->protocol != CHAR_PROTOCOL_RAW &&
        s->protocol != CHAR_PROTOCOL_TELNET)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: tcp protocol '%s' is not supported", what,
                    char_protocols[s->protocol]);
    if ((s->type == CHAR_SPICEVMC || s->type == CHAR_SPICEPORT) && !has_spice(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s of type '%s' needs graphics of type 'spice'",
                    what, char_types[s->type]);
    return TRUE;
}

static gboolean
check_sources_of(const DomainDef *def, const GPtrArray *list, const char *what, GError **err)
{
    EACH (CharDef, c, list) {
        if (c->source.type == CHAR_SPICEVMC && list != def->devices.channels)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "%s cannot be of type 'spicevmc'", what);
        if (!makes_its_path(c, list, def) && !check_end(&c->source, what, err))
            return FALSE;
        if (!check_source(def, &c->source, what, err))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_whole_source(const DomainDef *def, const CharSource *s, const char *what, GError **err)
{
    return check_end(s, what, err) && check_source(def, s, what, err);
}

static gboolean
check_card_seat(const Address *a, GError **err)
{
    if (a->type != ADDRESS_NONE && a->type != ADDRESS_CCID)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "smartcard: its <address> is of type 'ccid'");
    return a->type == ADDRESS_NONE || (a->ccid.controller == 0 && a->ccid.slot == 0) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "smartcard: slot %u of controller %u, QEMU has slot 0 of controller 0 only",
                a->ccid.slot, a->ccid.controller);
}

static gboolean
check_sources(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const Devices *d = &def->devices;

    if (!check_sources_of(def, d->serials, "serial", err) ||
        !check_sources_of(def, d->parallels, "parallel", err) ||
        !check_sources_of(def, d->consoles, "console", err) ||
        !check_sources_of(def, d->channels, "channel", err))
        return FALSE;
    if (list_length(d->smartcards) > 1)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "QEMU has one smartcard reader, not %u",
                    list_length(d->smartcards));
    EACH (SmartcardDef, seated, d->smartcards)
        if (!check_card_seat(&seated->info.address, err))
            return FALSE;
    EACH (SmartcardDef, card, d->smartcards)
        if (card->mode == SMARTCARD_PASSTHROUGH &&
            !check_whole_source(def, &card->source, "smartcard", err))
            return FALSE;
    EACH (RedirDef, redir, d->redirdevs)
        if (!check_whole_source(def, &redir->source, "redirdev", err))
            return FALSE;
    EACH (RngDef, rng, d->rngs)
        if (rng->backend == RNG_EGD && !check_whole_source(def, &rng->source, "rng", err))
            return FALSE;
    return TRUE;
}

const Rule char_rules[] = {
    { "serial", check_serials },
    { "console/target", check_consoles },
    { "serial, channel, redirdev, smartcard, rng: source", check_sources },
    { NULL },
};
