/* Character devices: the host's end as -chardev, the guest's as -device. */
#include "args_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- a chardev, one function a type: the options of -chardev, in its order */

typedef gboolean (*CharPut)(ArgsOut *a, json_object *o, const CharSource *source,
                            const CharEnd *end, const char *what, GError **err);

static const char *
text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void
add_server(json_object *o)
{
    props_add(o, "b:server", TRUE, "b:wait", FALSE, NULL);
}

static gboolean
char_plain(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
           const char *what, GError **err)
{
    return TRUE;
}

static gboolean
char_path(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
          const char *what, GError **err)
{
    props_add(o, "s:path", text_or_empty(end->path), NULL);
    return TRUE;
}

static gboolean
char_device(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
            const char *what, GError **err)
{
    props_add(o, "s:path", args_open(a, HOST_DEVICE, end->path, what), NULL);
    return TRUE;
}

/* What is handed over was emptied, if that is meant, and is cut when it grows too long: QEMU goes
 * on at its end, wherever that is by then. */
static int
writes_at_end(const ArgsOut *a, int append)
{
    return args_is_native(a) ? append : ON;
}

static gboolean
char_file(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
          const char *what, GError **err)
{
    HostKind kind = end->append == ON ? HOST_APPEND : HOST_CREATE;

    props_add(o, "s:path", args_open(a, kind, end->path, what), "B:append",
              writes_at_end(a, end->append), NULL);
    return TRUE;
}

/* Two ends: where to send to, and where to be heard. */
static gboolean
char_udp(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end, const char *what,
         GError **err)
{
    const CharEnd *to = char_end(source, CHAR_CONNECT), *from = char_end(source, CHAR_BIND);

    props_add(o, "s:host", text_or_empty(to ? to->host : NULL), "s:port",
              text_or_empty(to ? to->service : NULL), "s:localaddr",
              text_or_empty(from ? from->host : NULL), "s:localport",
              from && from->service ? from->service : "0", NULL);
    return TRUE;
}

static void
add_reconnect(ArgsOut *a, json_object *o, const CharEnd *end)
{
    const ReconnectDef *r = end->reconnect;
    guint64 seconds = r != NULL && r->enabled == YES ? r->timeout : 0;

    if (r == NULL || r->enabled == 0)
        return;
    if (emulator_able(a->e, ABLE_RECONNECT_MS))
        props_add(o, "U:reconnect-ms", seconds * 1000, NULL);
    else
        props_add(o, "U:reconnect", seconds, NULL);
}

static gboolean
char_tcp(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end, const char *what,
         GError **err)
{
    if (end->tls == YES)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: TLS for character devices is not set up",
                    what);
    props_add(o, "s:host", text_or_empty(end->host), "s:port", text_or_empty(end->service), NULL);
    if (source->protocol == CHAR_PROTOCOL_TELNET)
        props_add(o, "b:telnet", TRUE, NULL);
    if (end->mode == CHAR_BIND)
        add_server(o);
    else
        add_reconnect(a, o, end);
    return TRUE;
}

/* A socket that QEMU connects to again later must be given by its path. */
static gboolean
char_unix(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
          const char *what, GError **err)
{
    gboolean server = end->mode == CHAR_BIND;
    gboolean again = end->reconnect != NULL && end->reconnect->enabled == YES;

    if (args_is_native(a) || again)
        props_add(o, "s:path", text_or_empty(end->path), NULL);
    else
        props_add(o, "i:fd", args_fd(a, server ? HOST_LISTEN : HOST_CONNECT, end->path, what),
                  NULL);
    if (server)
        add_server(o);
    else if (args_is_native(a) || again)
        add_reconnect(a, o, end);
    return TRUE;
}

static gboolean
char_channel(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
             const char *what, GError **err)
{
    props_add(o, "s:name", text_or_empty(end->channel), NULL);
    return TRUE;
}

static gboolean
char_spicevmc(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
              const char *what, GError **err)
{
    props_add(o, "s:name",
              strcmp(what, "redirected device") == 0 ? "usbredir"
              : strcmp(what, "smartcard") == 0       ? "smartcard"
                                                     : "vdagent",
              NULL);
    return TRUE;
}

static gboolean
char_vdagent(ArgsOut *a, json_object *o, const CharSource *source, const CharEnd *end,
             const char *what, GError **err)
{
    enum { MOUSE_CLIENT = 1 };

    props_add(o, "s:name", "vdagent", NULL);
    if (end != NULL && end->clipboard != 0)
        props_add(o, "b:clipboard", end->clipboard == YES, NULL);
    if (end != NULL && end->mouse != 0)
        props_add(o, "b:mouse", end->mouse == MOUSE_CLIENT, NULL);
    return TRUE;
}

typedef struct CharRow {
    int type;
    const char *backend;
    gboolean needs_end;
    CharPut put;
} CharRow;

static const CharRow char_rows[] = {
    { CHAR_NULL, "null", FALSE, char_plain },
    { CHAR_VC, "vc", FALSE, char_plain },
    { CHAR_PTY, "pty", FALSE, char_plain },
    { CHAR_STDIO, "stdio", FALSE, char_plain },
    { CHAR_DEV, "serial", TRUE, char_device },
    { CHAR_FILE, "file", TRUE, char_file },
    { CHAR_PIPE, "pipe", TRUE, char_path },
    { CHAR_UDP, "udp", FALSE, char_udp },
    { CHAR_TCP, "socket", TRUE, char_tcp },
    { CHAR_UNIX, "socket", TRUE, char_unix },
    { CHAR_SPICEVMC, "spicevmc", FALSE, char_spicevmc },
    { CHAR_SPICEPORT, "spiceport", TRUE, char_channel },
    { CHAR_VDAGENT, "qemu-vdagent", FALSE, char_vdagent },
    { CHAR_DBUS, "dbus", TRUE, char_channel },
};

static void
add_log(ArgsOut *a, json_object *o, const CharLog *log, const char *what)
{
    HostKind kind = log->append == OFF ? HOST_CREATE : HOST_APPEND;

    props_add(o, "s:logfile", args_open(a, kind, log->file, what), "B:logappend",
              writes_at_end(a, log->append), NULL);
}

static const CharRow *
char_row(int type)
{
    for (guint i = 0; i < G_N_ELEMENTS(char_rows); i++)
        if (char_rows[i].type == type)
            return &char_rows[i];
    return NULL;
}

gboolean
args_chardev(ArgsOut *a, const CharSource *source, const char *id, const char *what, GError **err)
{
    const CharRow *row = char_row(source->type);
    const CharEnd *end = char_end(source, 0);
    const char *backend;
    json_object *o;

    if (!row)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: character device type '%s' is not supported",
                    what, word_of(char_types, source->type));
    if (row->needs_end && end == NULL)
        return fail(err, ERR_XML, "%s: its character device has no source", what);
    backend = source->type == CHAR_DEV && strcmp(what, "parallel port") == 0 ? "parallel"
                                                                             : row->backend;
    o = json_object_new_object();
    props_add(o, "s:backend", backend, "s:id", id, NULL);
    if (!row->put(a, o, source, end, what, err)) {
        json_object_put(o);
        return FALSE;
    }
    if (source->log != NULL && source->log->file != NULL)
        add_log(a, o, source->log, what);
    args_part(a, ADD_CHARDEV, o);
    return TRUE;
}

gboolean
args_socket(ArgsOut *a, CharEnd *end, const char *id, const char *what, GError **err)
{
    g_autoptr(GPtrArray) ends = g_ptr_array_new();
    CharSource source = { .type = CHAR_UNIX, .ends = ends };

    g_ptr_array_add(ends, end);
    return args_chardev(a, &source, id, what, err);
}

static gboolean
put_backend(ArgsOut *a, const CharSource *source, const char *alias, const char *what,
            char **ret_id, GError **err)
{
    g_autofree char *id = g_strconcat("char", alias, NULL);

    if (!args_chardev(a, source, id, what, err))
        return FALSE;
    *ret_id = g_steal_pointer(&id);
    return TRUE;
}

/* ---- the monitor */

gboolean
args_put_monitor(ArgsOut *a, GError **err)
{
    if (a->in->monitor_fd >= 0)
        args_pairf(a, "-chardev", "socket,id=charmonitor,fd=%d,server=on,wait=off",
                   a->in->monitor_fd);
    else
        args_pairf(a, "-chardev", "socket,id=charmonitor,path=%s/monitor.sock,server=on,wait=off",
                   a->in->run_dir != NULL ? a->in->run_dir : "");
    args_pair(a, "-mon", "chardev=charmonitor,id=monitor,mode=control");
    return TRUE;
}

/* ---- the guest's end */

/* Ports of the board itself: they are there, only their other end is named. */
static gboolean
serial_is_onboard(const CharDef *c)
{
    return c->target_type == SERIAL_SYSTEM || c->target_type == 0;
}

static const char *
serial_driver(const CharDef *c)
{
    static const char *const by_target[] = {
        [SERIAL_ISA] = "isa-serial",   [SERIAL_USB] = "usb-serial",
        [SERIAL_PCI] = "pci-serial",   [SERIAL_SPAPR_VIO] = "spapr-vty",
        [SERIAL_SCLP] = "sclpconsole", [SERIAL_ISA_DEBUG] = "isa-debugcon",
    };
    const char *model = word_of(serial_models, c->target_model);

    if (model != NULL)
        return model;
    return c->target_type > 0 && c->target_type < (int)G_N_ELEMENTS(by_target)
               ? by_target[c->target_type]
               : "isa-serial";
}

static gboolean
put_serial(ArgsOut *a, const CharDef *c, GError **err)
{
    g_autofree char *id = NULL;
    const char *driver = serial_driver(c);
    json_object *o;

    if (!put_backend(a, &c->source, c->info.alias, "serial port", &id, err))
        return FALSE;
    if (serial_is_onboard(c)) {
        args_pairf(a, "-serial", "chardev:%s", id);
        return TRUE;
    }
    o = props_new(driver);
    props_add(o, "s:chardev", id, "s:id", c->info.alias, NULL);
    if (strcmp(driver, "isa-serial") == 0)
        props_add(o, "i:index", c->has_port ? c->port : 0, NULL);
    return args_device_at(a, o, &c->info, err);
}

static gboolean
put_parallel(ArgsOut *a, const CharDef *c, GError **err)
{
    g_autofree char *id = NULL;
    json_object *o;

    if (!put_backend(a, &c->source, c->info.alias, "parallel port", &id, err))
        return FALSE;
    o = props_new("isa-parallel");
    props_add(o, "s:chardev", id, "s:id", c->info.alias, NULL);
    return args_device_at(a, o, &c->info, err);
}

static gboolean
put_guestfwd(ArgsOut *a, const CharDef *c, const char *id)
{
    g_autofree char *text = g_strdup_printf("tcp:%s:%s-chardev:%s", c->address, c->guest_port, id);
    json_object *o = json_object_new_object(), *list = json_object_new_array(),
                *forward = json_object_new_object();

    props_add(forward, "s:str", text, NULL);
    json_object_array_add(list, forward);
    props_add(o, "s:type", "user", "o:guestfwd", list, "s:id", c->info.alias, NULL);
    args_part(a, ADD_NETDEV, o);
    return TRUE;
}

static gboolean
put_channel(ArgsOut *a, const CharDef *c, GError **err)
{
    g_autofree char *id = NULL;
    const char *name = c->name;
    json_object *o;

    if (!put_backend(a, &c->source, c->info.alias, "channel", &id, err))
        return FALSE;
    if (c->target_type == CHANNEL_GUESTFWD)
        return put_guestfwd(a, c, id);
    /* The agents have the names that the guest looks for. */
    if (name == NULL && (c->source.type == CHAR_SPICEVMC || c->source.type == CHAR_VDAGENT))
        name = "com.redhat.spice.0";
    o = props_new("virtserialport");
    if (!address_props(a, o, &c->info, err)) {
        json_object_put(o);
        return FALSE;
    }
    props_add(o, "s:chardev", id, "s:id", c->info.alias, "s:name", name, NULL);
    args_device(a, o);
    return TRUE;
}

/* The first console of type serial is the first serial port, told once more. */
static gboolean
put_console(ArgsOut *a, const CharDef *c, GError **err)
{
    static const char *const drivers[] = { [CONSOLE_VIRTIO] = "virtconsole",
                                           [CONSOLE_SCLP] = "sclpconsole",
                                           [CONSOLE_SCLPLM] = "sclplmconsole" };
    g_autofree char *id = NULL;
    json_object *o;

    if (c->target_type == CONSOLE_SERIAL || c->target_type == 0)
        return TRUE;
    if (c->target_type >= (int)G_N_ELEMENTS(drivers) || drivers[c->target_type] == NULL)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "unsupported console target type %s",
                    word_of(console_targets, c->target_type));
    if (!put_backend(a, &c->source, c->info.alias, "console", &id, err))
        return FALSE;
    o = props_new(drivers[c->target_type]);
    if (!address_props(a, o, &c->info, err)) {
        json_object_put(o);
        return FALSE;
    }
    props_add(o, "s:chardev", id, "s:id", c->info.alias, NULL);
    args_device(a, o);
    return TRUE;
}

gboolean
args_put_serials(ArgsOut *a, GError **err)
{
    const Devices *d = &a->def->devices;
    const struct {
        const GPtrArray *list;
        gboolean (*put)(ArgsOut *a, const CharDef *c, GError **err);
    } rows[] = { { d->serials, put_serial },
                 { d->parallels, put_parallel },
                 { d->channels, put_channel },
                 { d->consoles, put_console } };

    for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
        EACH_DEVICE (a, CharDef, c, rows[r].list)
            if (!rows[r].put(a, c, err))
                return FALSE;
    return TRUE;
}

/* ---- smartcards and redirected USB */

static gboolean
put_smartcard(ArgsOut *a, const SmartcardDef *card, GError **err)
{
    g_autofree char *id = NULL;
    json_object *o;

    if (card->mode == SMARTCARD_PASSTHROUGH) {
        if (!put_backend(a, &card->source, card->info.alias, "smartcard", &id, err))
            return FALSE;
        o = props_new("ccid-card-passthru");
        props_add(o, "s:chardev", id, NULL);
    } else {
        gboolean certificates = card->mode == SMARTCARD_HOST_CERTIFICATES;

        o = props_new("ccid-card-emulated");
        props_add(o, "s:backend", certificates ? "certificates" : "nss-emulated", NULL);
        for (guint i = 0;
             certificates && i < 3 && card->certificates != NULL && card->certificates[i] != NULL;
             i++) {
            g_autofree char *key = g_strdup_printf("s:cert%u", i + 1);

            props_add(o, key, card->certificates[i], NULL);
        }
        if (certificates)
            props_add(o, "s:db", card->database != NULL ? card->database : "/etc/pki/nssdb", NULL);
    }
    props_add(o, "s:id", card->info.alias, NULL);
    return args_device_at(a, o, &card->info, err);
}

gboolean
args_put_smartcards(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.smartcards;

    EACH_DEVICE (a, SmartcardDef, card, list)
        if (!put_smartcard(a, card, err))
            return FALSE;
    return TRUE;
}

/* "2.56" as a descriptor has it: 0x0256; any is -1. */
static char *
usb_bcd(const char *version)
{
    const char *dot = version ? strchr(version, '.') : NULL;

    if (!dot)
        return g_strdup("-1");
    return g_strdup_printf("0x%02d%s", atoi(version), dot + 1);
}

static char *
redir_filter(const RedirFilter *filter)
{
    GString *s;

    if (filter == NULL || list_length(filter->rules) == 0)
        return NULL;
    s = g_string_new(NULL);
    for (guint i = 0; i < filter->rules->len; i++) {
        const RedirFilterRule *r = LIST_AT(RedirFilterRule, filter->rules, i);
        g_autofree char *version = usb_bcd(r->version);

        g_string_append_printf(s, "%s%s:%s:%s:%s:%d", i > 0 ? "|" : "",
                               r->class_ != NULL ? r->class_ : "-1",
                               r->vendor != NULL ? r->vendor : "-1",
                               r->product != NULL ? r->product : "-1", version, r->allow == YES);
    }
    return g_string_free(s, FALSE);
}

gboolean
args_put_redirdevs(ArgsOut *a, GError **err)
{
    const GPtrArray *list = a->def->devices.redirdevs;

    EACH_DEVICE (a, RedirDef, r, list) {
        g_autofree char *id = NULL, *filter = redir_filter(a->def->devices.redirfilter);
        json_object *o;

        if (!put_backend(a, &r->source, r->info.alias, "redirected device", &id, err))
            return FALSE;
        o = props_new("usb-redir");
        props_add(o, "s:chardev", id, "s:id", r->info.alias, "s:filter", filter, "n:bootindex",
                  r->info.boot_order, NULL);
        if (!args_device_at(a, o, &r->info, err))
            return FALSE;
    }
    return TRUE;
}
