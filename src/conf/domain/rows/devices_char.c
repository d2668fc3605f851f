/* Rows of character devices: the host's end (source) and what the guest sees of serial and parallel
 * ports, consoles, channels, smartcards and redirected USB devices. */
#include "conf/rows.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- character sources */

const char *const char_types[] = { NULL,        "null",  "vc",           "pty",  "dev",  "file",
                                   "pipe",      "stdio", "udp",          "tcp",  "unix", "spicevmc",
                                   "spiceport", "nmdm",  "qemu-vdagent", "dbus", NULL };

const char *const char_modes[] = { NULL, "connect", "bind", NULL };
const char *const char_protocols[] = { NULL, "raw", "telnet", "telnets", "tls", NULL };
static const char *const mouse_modes[] = { NULL, "client", "server", NULL };

static const Field reconnect_fields[] = {
    ROW(ReconnectDef, "@enabled", F_ENUM, enabled, 0, yes_no,
        "Whether QEMU connects again when the connection is lost."),
    WHEN(ReconnectDef, enabled, BIT(YES)),
    ROW_HAS(ReconnectDef, "@timeout", F_U32, timeout, F_REQUIRED, NULL,
            "Seconds between two attempts to connect."),
    WHEN_END, ROW_END
};

const Schema reconnect_schema = { "reconnect", sizeof(ReconnectDef), reconnect_fields };

CHOICE(clipboard, "copypaste", yes_no, "Whether host and guest share a clipboard.");
CHOICE(mouse, "mode", mouse_modes,
       "Whether the host (client) or the guest (server) moves the pointer.");

static const Field char_end_fields[] = {
    ROW(CharEnd, "@mode", F_ENUM, mode, 0, char_modes,
        "Whether QEMU listens (bind) or connects (connect)."),
    ROW(CharEnd, "@path", F_STRING, path, 0, NULL,
        "Path of the host's file, device, pipe or UNIX socket."),
    ROW(CharEnd, "@host", F_STRING, host, 0, NULL,
        "Name or address of the host to connect to, or to listen at."),
    ROW(CharEnd, "@service", F_STRING, service, 0, NULL,
        "Port number or service name at that host."),
    ROW(CharEnd, "@channel", F_STRING, channel, 0, NULL,
        "Name of the SPICE port or D-Bus channel."),
    ROW(CharEnd, "@master", F_STRING, master, 0, NULL, "Path of the device on the host's side."),
    ROW(CharEnd, "@slave", F_STRING, slave, 0, NULL, "Path of the device on the guest's side."),
    ROW(CharEnd, "@append", F_ENUM, append, 0, on_off,
        "Whether output is added to what the file already holds; without it the file is "
        "emptied."),
    ROW(CharEnd, "@tls", F_ENUM, tls, 0, yes_no, "Whether the connection is encrypted with TLS."),
    ROW(CharEnd, "@path", F_STRING, live_path, F_LIVE | F_READ, NULL,
        "Path of the pseudo-terminal while the domain runs."),
    ROW(CharEnd, "clipboard", F_STRUCT, clipboard, 0, &clipboard_schema,
        "Whether host and guest share a clipboard."),
    ROW(CharEnd, "mouse", F_STRUCT, mouse, 0, &mouse_schema,
        "Whether the host or the guest moves the pointer."),
    ROW(CharEnd, "seclabel", F_LIST, seclabels, 0, &source_seclabel_schema,
        "Security labels of the host's file or socket."),
    ROW(CharEnd, "reconnect", F_PTR, reconnect, 0, &reconnect_schema,
        "Whether QEMU connects again when the peer has gone away."),
    ROW_END
};

static gboolean
char_end_settle(gpointer def, GError **err)
{
    return source_seclabels_settle(&((CharEnd *)def)->seclabels, err);
}

const Schema char_end_schema = { "source", sizeof(CharEnd), char_end_fields, char_end_settle };

static const Field char_log_fields[] = {
    ROW(CharLog, "@file", F_STRING, file, 0, NULL,
        "Path of the file that gets a copy of all output."),
    ROW(CharLog, "@append", F_ENUM, append, 0, on_off,
        "Whether output is added to what the file already holds; without it the file is "
        "emptied."),
    ROW_END
};
const Schema char_log_schema = { "log", sizeof(CharLog), char_log_fields };

/* What a source of each type has; the rest of what was written means nothing. */
enum {
    END_PATH = 1 << 0,
    END_HOST = 1 << 1, /* and service */
    END_MODE = 1 << 2,
    END_CHANNEL = 1 << 3,
    END_NMDM = 1 << 4,
    END_APPEND = 1 << 5,
    END_TLS = 1 << 6,
    END_AGENT = 1 << 7,
    END_RECONNECT = 1 << 8,
    END_LIVE_PATH = 1 << 9,
};

static const guint end_has[] = {
    [CHAR_PTY] = END_LIVE_PATH,
    [CHAR_DEV] = END_PATH,
    [CHAR_FILE] = END_PATH | END_APPEND,
    [CHAR_PIPE] = END_PATH,
    [CHAR_UDP] = END_HOST | END_MODE,
    [CHAR_TCP] = END_HOST | END_MODE | END_TLS | END_RECONNECT,
    [CHAR_UNIX] = END_PATH | END_MODE | END_RECONNECT,
    [CHAR_SPICEPORT] = END_CHANNEL,
    [CHAR_NMDM] = END_NMDM, /* a null modem of BSD */
    [CHAR_VDAGENT] = END_AGENT,
    [CHAR_DBUS] = END_CHANNEL,
};

static void
end_drop_all(GPtrArray **list, const Schema *s)
{
    for (guint i = 0; *list && i < (*list)->len; i++)
        schema_free(s, (*list)->pdata[i]);
    g_clear_pointer(list, g_ptr_array_unref);
}

/* Only a live document says where a pty is. */
static void
end_keep_path(CharEnd *end, guint has)
{
    if (!(has & END_PATH) && !((has & END_LIVE_PATH) && end->live_path))
        g_clear_pointer(&end->path, g_free);
    g_clear_pointer(&end->live_path, g_free);
}

static void
end_keep(CharEnd *end, guint has)
{
    end_keep_path(end, has);
    if (!(has & END_HOST)) {
        g_clear_pointer(&end->host, g_free);
        g_clear_pointer(&end->service, g_free);
    }
    if (!(has & END_MODE))
        end->mode = 0;
    else if (!end->mode)
        end->mode = CHAR_CONNECT;
    if (!(has & END_CHANNEL))
        g_clear_pointer(&end->channel, g_free);
    if (!(has & END_NMDM)) {
        g_clear_pointer(&end->master, g_free);
        g_clear_pointer(&end->slave, g_free);
    }
    if (!(has & END_APPEND))
        end->append = 0;
    if (!(has & END_TLS))
        end->tls = 0;
    if (!(has & END_AGENT))
        end->clipboard = end->mouse = 0;
    if (end->reconnect && (!(has & END_RECONNECT) || !end->reconnect->enabled)) {
        schema_free(&reconnect_schema, end->reconnect);
        end->reconnect = NULL;
    }
    if (!end->path && !end->channel)
        end_drop_all(&end->seclabels, &source_seclabel_schema);
}

/* Of two ends with one mode the first counts; the one that is bound stands first. */
static void
settle_udp(GPtrArray *ends)
{
    for (guint i = 0; i < ends->len;) {
        CharEnd *end = ends->pdata[i];
        gboolean idle = end->mode == CHAR_BIND && !end->host && !end->service;

        if (!idle && !(i > 0 && ((CharEnd *)ends->pdata[0])->mode == end->mode)) {
            i++;
            continue;
        }
        schema_free(&char_end_schema, end);
        g_ptr_array_remove_index(ends, i);
    }
    if (ends->len == 2 && ((CharEnd *)ends->pdata[0])->mode != CHAR_BIND)
        g_ptr_array_insert(ends, 0, g_ptr_array_steal_index(ends, 1));
}

/* A socket without a path is the daemon's own, and is listened on. */
static gboolean
check_reconnect(const CharSource *s, const CharEnd *end, GError **err)
{
    if (!end->reconnect || end->reconnect->enabled != YES)
        return TRUE;
    if (end->mode == CHAR_BIND || (s->type == CHAR_UNIX && !end->path))
        return fail(err, ERR_PLAIN, "'reconnect' goes with mode 'connect' only");
    return end->reconnect->timeout ||
           fail(err, ERR_INVALID_ARG, "timeout of 'reconnect' cannot be 0");
}

static gboolean
settle_ends(CharSource *s, GError **err)
{
    static const CharEnd empty;
    guint has = s->type < (int)G_N_ELEMENTS(end_has) ? end_has[s->type] : 0;
    guint most = s->type == CHAR_UDP ? 2 : 1;

    if (!s->ends)
        return TRUE;
    if (s->ends->len > most)
        return fail(err, ERR_XML, "a character device of type '%s' has at most %u 'source'",
                    char_types[s->type], most);
    for (guint i = 0; i < s->ends->len; i++) {
        CharEnd *end = s->ends->pdata[i];

        end_keep(end, has);
        if (!check_reconnect(s, end, err))
            return FALSE;
    }
    if (s->type == CHAR_UDP)
        settle_udp(s->ends);
    else if (s->type == CHAR_UNIX && !char_end(s, 0)->path)
        end_drop_all(&s->ends, &char_end_schema);
    else if (memcmp(char_end(s, 0), &empty, sizeof(empty)) == 0)
        end_drop_all(&s->ends, &char_end_schema);
    return TRUE;
}

static gboolean
char_source_settle(gpointer def, GError **err)
{
    CharSource *s = def;

    if (s->log && !s->log->file) {
        schema_free(&char_log_schema, s->log);
        s->log = NULL;
    }
    if (!s->type)
        s->type = CHAR_PTY;
    if (!settle_ends(s, err))
        return FALSE;
    if (s->type == CHAR_TCP && !s->protocol)
        s->protocol = CHAR_PROTOCOL_RAW;
    return TRUE;
}

static const Field char_source_fields[] = {
    ROW(CharSource, "source", F_LIST, ends, 0, &char_end_schema,
        "File, device, address or socket at the host's end."),
    WHEN(CharSource, type, BIT(CHAR_TCP)),
    ROW(CharSource, "protocol/@type", F_ENUM, protocol, F_ONCE, char_protocols,
        "Protocol on a TCP connection: raw, telnet, telnets or tls."),
    WHEN(CharSource, type, ~BIT(CHAR_TCP)),
    { .path = "protocol", .kind = F_IGNORED, .flags = F_ONCE },
    WHEN_END,
    ROW(CharSource, "log", F_PTR, log, F_ONCE, &char_log_schema,
        "File that all output is copied to."),
    ROW_END
};
const Schema char_source_schema = { "source", sizeof(CharSource), char_source_fields,
                                    char_source_settle };

static const Field char_backend_fields[] = {
    ROW(CharSource, "@type", F_ENUM, type, F_REQUIRED | UNSUPPORTED, char_types,
        "Kind of connection at the host's end, such as pty, file or tcp."),
    ROW(CharSource, "", F_STRUCT, type, 0, &char_source_schema, NULL), ROW_END
};
const Schema char_backend_schema = { "backend", sizeof(CharSource), char_backend_fields };

CharEnd *
char_end(const CharSource *s, int mode)
{
    for (guint i = 0; s->ends && i < s->ends->len; i++) {
        CharEnd *end = s->ends->pdata[i];

        if (!mode || end->mode == mode)
            return end;
    }
    return NULL;
}

CharEnd *
char_end_need(CharSource *s)
{
    if (!s->ends)
        s->ends = g_ptr_array_new();
    if (s->ends->len == 0)
        g_ptr_array_add(s->ends, schema_new(&char_end_schema));
    return s->ends->pdata[0];
}
/* ---- serial, parallel, console, channel */

const char *const serial_targets[] = { NULL,          "isa-serial",       "usb-serial",
                                       "pci-serial",  "spapr-vio-serial", "system-serial",
                                       "sclp-serial", "isa-debug",        NULL };
const char *const serial_models[] = { NULL,        "isa-serial",   "usb-serial",  "pci-serial",
                                      "spapr-vty", "pl011",        "sclpconsole", "sclplmconsole",
                                      "16550a",    "isa-debugcon", NULL };
const char *const console_targets[] = { NULL,  "serial", "xen",  "uml",    "virtio",
                                        "lxc", "openvz", "sclp", "sclplm", NULL };
static const char *const channel_targets[] = { NULL, "guestfwd", "virtio", "xen", NULL };
static const char *const channel_states[] = { NULL, "connected", "disconnected", NULL };

#define CHAR_TYPE                                                                                  \
    ROW(CharDef, "@type", F_ENUM, source.type, UNSUPPORTED | F_ALWAYS, char_types,                 \
        "Kind of connection at the host's end, such as pty, file or tcp.")
#define CHAR_TTY                                                                                   \
    ROW(CharDef, "@tty", F_STRING, tty, F_LIVE, NULL,                                              \
        "Path of the pseudo-terminal while the domain runs.")
#define CHAR_SOURCE ROW(CharDef, "", F_STRUCT, source, 0, &char_source_schema, NULL)
#define CHAR_PORT                                                                                  \
    ROW_HAS(CharDef, "target/@port", F_I32, port, 0, NULL,                                         \
            "Number of the port, from 0, among the ports of its kind.")

static const Field serial_fields[] = {
    CHAR_TYPE,
    CHAR_SOURCE,
    ROW(CharDef, "target/@type", F_ENUM, target_type, UNSUPPORTED, serial_targets,
        "Kind of serial port that the guest sees."),
    CHAR_PORT,
    ROW(CharDef, "target/model/@name", F_ENUM, target_model, UNSUPPORTED | F_NONEMPTY,
        serial_models, "Name of the QEMU device that emulates the port."),
    INFO(CharDef),
    ROW_END
};

static gboolean
char_settle(gpointer def, GError **err)
{
    CharDef *c = def;

    if (c->port < 0) {
        c->port = 0;
        c->has_port = 0;
    }
    return TRUE;
}

const Schema serial_schema = { "serial", sizeof(CharDef), serial_fields, char_settle };

static const Field parallel_fields[] = { CHAR_TYPE, CHAR_SOURCE, CHAR_PORT, INFO(CharDef),
                                         ROW_END };
const Schema parallel_schema = { "parallel", sizeof(CharDef), parallel_fields, char_settle };

static const Field console_fields[] = { CHAR_TYPE,
                                        CHAR_TTY,
                                        CHAR_SOURCE,
                                        ROW(CharDef, "target/@type", F_ENUM, target_type,
                                            UNSUPPORTED, console_targets,
                                            "Kind of device that the guest has its console on."),
                                        CHAR_PORT,
                                        INFO(CharDef),
                                        ROW_END };
const Schema console_schema = { "console", sizeof(CharDef), console_fields, char_settle };

static const Field channel_fields[] = {
    CHAR_TYPE,
    CHAR_SOURCE,
    ROW(CharDef, "target", F_FLAG, has_target, F_REQUIRED | F_READ, NULL,
        "What the channel is in the guest."),
    ROW(CharDef, "target/@type", F_ENUM, target_type,
        UNSUPPORTED | F_MISSING(ERR_CONFIG_UNSUPPORTED), channel_targets,
        "Whether the channel is a virtio port, a port of Xen, or a forwarded address "
        "(guestfwd)."),
    WHEN(CharDef, target_type, BIT(CHANNEL_GUESTFWD)),
    ROW(CharDef, "target/@address", F_STRING, address, F_REQUIRED, NULL,
        "IP address in the guest that connections are forwarded from."),
    ROW(CharDef, "target/@port", F_STRING, guest_port, F_REQUIRED, NULL,
        "TCP port at that address."),
    WHEN(CharDef, target_type, BIT(CHANNEL_VIRTIO) | BIT(CHANNEL_XEN)),
    ROW(CharDef, "target/@name", F_STRING, name, 0, NULL,
        "Name of the port in the guest, such as org.qemu.guest_agent.0."),
    ROW(CharDef, "target/@state", F_ENUM, state, F_LIVE, channel_states,
        "Whether the guest has opened the channel."),
    WHEN_END,
    INFO(CharDef),
    ROW_END
};

static gboolean
channel_settle(gpointer def, GError **err)
{
    CharDef *c = def;
    struct in_addr ipv4;
    guint64 port;
    char text[INET_ADDRSTRLEN];

    if (c->target_type != CHANNEL_GUESTFWD)
        return TRUE;
    if (!number_read(c->guest_port, 10, &port) || port > G_MAXUINT32)
        return fail(err, ERR_XML, "Invalid value for attribute 'port' in element 'target': '%s'",
                    c->guest_port);
    g_free(c->guest_port);
    c->guest_port = g_strdup_printf("%u", (guint)port);
    if (g_hostname_is_ip_address(c->address) && strchr(c->address, ':'))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "guestfwd: '%s' is no IPv4 address", c->address);
    if (!inet_aton(c->address, &ipv4))
        return fail(err, ERR_SYSTEM, "'%s' is no address for a guestfwd channel", c->address);
    g_free(c->address);
    c->address = g_strdup(inet_ntop(AF_INET, &ipv4, text, sizeof(text)));
    return TRUE;
}

const Schema channel_schema = { "channel", sizeof(CharDef), channel_fields, channel_settle };

/* ---- smartcard, redirdev */

static const char *const smartcard_modes[] = { NULL, "host", "host-certificates", "passthrough",
                                               NULL };
enum { N_CERTIFICATES = 3 };
enum { REDIR_USB = 1 };
static const char *const redir_buses[] = { NULL, "usb", NULL };

static const Field smartcard_fields[] = {
    ROW(SmartcardDef, "@mode", F_ENUM, mode, F_REQUIRED, smartcard_modes,
        "Whether the card is the host's, made of certificates, or a viewer's."),
    WHEN(SmartcardDef, mode, BIT(SMARTCARD_HOST_CERTIFICATES)),
    ROW(SmartcardDef, "certificate", F_STRINGS, certificates, 0, NULL,
        "Names of three certificates of the host's database."),
    ROW(SmartcardDef, "database", F_STRING, database, 0, NULL,
        "Path of the folder with the NSS database."),
    WHEN(SmartcardDef, mode, BIT(SMARTCARD_PASSTHROUGH)),
    ROW(SmartcardDef, "@type", F_ENUM, source.type, UNSUPPORTED | F_REQUIRED, char_types,
        "Kind of connection at the host's end, such as spicevmc or tcp."),
    ROW(SmartcardDef, "", F_STRUCT, source, 0, &char_source_schema, NULL),
    WHEN_END,
    INFO(SmartcardDef),
    ROW_END
};

static gboolean
smartcard_settle(gpointer def, GError **err)
{
    const SmartcardDef *card = def;

    if (card->mode != SMARTCARD_HOST_CERTIFICATES)
        return TRUE;
    if (!card->certificates || g_strv_length(card->certificates) != N_CERTIFICATES)
        return fail(err, ERR_XML, "smartcard of mode 'host-certificates' needs %d 'certificate'",
                    N_CERTIFICATES);
    if (card->database && !g_path_is_absolute(card->database))
        return fail(err, ERR_XML, "'database' of a smartcard is no absolute path: %s",
                    card->database);
    return TRUE;
}

const Schema smartcard_schema = { "smartcard", sizeof(SmartcardDef), smartcard_fields,
                                  smartcard_settle };

static const Field redirdev_fields[] = {
    ROW(RedirDef, "@bus", F_ENUM, bus, UNSUPPORTED | F_ALWAYS, redir_buses,
        "Bus of the device; usb is the only one."),
    ROW(RedirDef, "@type", F_ENUM, source.type, UNSUPPORTED | F_MISSING(ERR_PLAIN), char_types,
        "Kind of connection at the host's end, such as spicevmc or tcp."),
    ROW(RedirDef, "", F_STRUCT, source, 0, &char_source_schema, NULL), INFO(RedirDef), ROW_END
};

static gboolean
redirdev_settle(gpointer def, GError **err)
{
    RedirDef *redir = def;

    if (!redir->bus)
        redir->bus = REDIR_USB;
    return TRUE;
}

const Schema redirdev_schema = { "redirdev", sizeof(RedirDef), redirdev_fields, redirdev_settle };

static const Field redirfilter_rule_fields[] = {
    ROW(RedirFilterRule, "@class", F_STRING, class_, 0, NULL,
        "USB class that the rule is for; -1: any."),
    ROW(RedirFilterRule, "@vendor", F_STRING, vendor, 0, NULL,
        "Vendor that the rule is for; -1: any."),
    ROW(RedirFilterRule, "@product", F_STRING, product, 0, NULL,
        "Product that the rule is for; -1: any."),
    ROW(RedirFilterRule, "@version", F_STRING, version, 0, NULL,
        "Version that the rule is for, such as 2.05; -1: any."),
    ROW(RedirFilterRule, "@allow", F_ENUM, allow, F_REQUIRED, yes_no,
        "Whether such a device may be redirected."),
    ROW_END
};

/* Puts a number of a USB descriptor into hexadecimal digits; any is NULL. */
static gboolean
settle_code(char **at, const char *what, int digits, GError **err)
{
    g_autofree char *text = g_steal_pointer(at);
    guint64 n;
    char *end;

    if (!text || strcmp(text, "-1") == 0)
        return TRUE;
    n = g_ascii_strtoull(text, &end, 0);
    if (!g_ascii_isdigit(*text) || *end || n > G_MAXINT32)
        return fail(err, ERR_XML, "invalid USB %s '%s' in element 'usbdev'", what, text);
    if (digits == 2 && n > 0xff)
        return fail(err, ERR_PLAIN, "invalid USB %s '%s' in element 'usbdev'", what, text);
    *at = g_strdup_printf("0x%0*" G_GINT64_MODIFIER "X", digits, n);
    return TRUE;
}

/* Two decimal digits of the minor number: "2.5" is 2.50. */
static gboolean
settle_version(char **at, GError **err)
{
    g_autofree char *text = g_steal_pointer(at);
    guint64 major, minor = 0;
    char *dot, *end = NULL;

    if (!text || strcmp(text, "-1") == 0)
        return TRUE;
    major = g_ascii_strtoull(text, &dot, 10);
    if (g_ascii_isdigit(*text) && *dot == '.' && g_ascii_isdigit(dot[1]))
        minor = g_ascii_strtoull(dot + 1, &end, 10);
    if (!end || *end || major > 99 || minor > 99)
        return fail(err, ERR_XML, "invalid USB version '%s' in element 'usbdev'", text);
    *at = g_strdup_printf("%u.%02u", (guint)major, (guint)(end == dot + 2 ? minor * 10 : minor));
    return TRUE;
}

static gboolean
redirfilter_rule_settle(gpointer def, GError **err)
{
    RedirFilterRule *r = def;

    return settle_code(&r->class_, "class", 2, err) && settle_code(&r->vendor, "vendor", 4, err) &&
           settle_code(&r->product, "product", 4, err) && settle_version(&r->version, err);
}

static const Schema redirfilter_rule_schema = { "usbdev", sizeof(RedirFilterRule),
                                                redirfilter_rule_fields, redirfilter_rule_settle };

static const Field redirfilter_fields[] = {
    ROW(RedirFilter, "usbdev", F_LIST, rules, 0, &redirfilter_rule_schema,
        "Rules of what may be redirected; the first one that matches counts."),
    ROW_END
};
const Schema redirfilter_schema = { "redirfilter", sizeof(RedirFilter), redirfilter_fields };
