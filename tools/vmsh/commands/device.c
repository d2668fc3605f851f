/* Commands that reach a running guest's devices: console, keyboard, screen, monitor. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

static gboolean
domain_get_active(Shell *s, const Args *a, const char *complaint, DomainRef *ret_dom, GError **err)
{
    if (!domain_get(s, a, ret_dom, err))
        return FALSE;
    if (ret_dom->id != -1)
        return TRUE;
    hint(s, "'vmsh start %s' starts it", ret_dom->name);
    return refuse(err, "%s", complaint);
}

/* ---- console */

static const Option console_options[] = {
    DOMAIN_OPTION(complete_active),
    { "devname", OPTION_STRING, OPTION_NAMED, NULL, "character device name" },
    FLAG("force", "force console connection (disconnect already connected sessions)"),
    FLAG("resume", "resume a paused guest after connecting to console"),
    FLAG("safe", "only connect if safe console handling is supported"),
    OPTION_END,
};

static gboolean
run_console(Shell *s, const Args *a, GError **err)
{
    static const FlagBit bits[] = { { "force", CONSOLE_FORCE }, { "safe", CONSOLE_SAFE }, { 0 } };
    DomainRef dom;

    return domain_get_active(s, a, "The domain is not running", &dom, err) &&
           console_run(s, &dom, args_string(a, "devname"), args_bits(a, bits),
                       args_flag(a, "resume"), err);
}

/* ---- screenshot */

static const Option screenshot_options[] = {
    DOMAIN_OPTION(complete_active),
    { "file", OPTION_STRING, OPTION_NAMED, NULL, "where to store the screenshot" },
    { "screen", OPTION_NUMBER, OPTION_NAMED, NULL, "ID of a screen to take screenshot of" },
    OPTION_END,
};

static const char *
mime_suffix(const char *mime)
{
    static const char *const rows[][2] = { { "image/png", ".png" },
                                           { "image/x-portable-pixmap", ".ppm" },
                                           { "image/jpeg", ".jpg" } };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(mime, rows[i][0]) == 0)
            return rows[i][1];
    return "";
}

static char *
screenshot_path(const DomainRef *dom, const char *mime)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d-%H:%M:%S");

    return g_strdup_printf("%s-%s%s", dom->name, time, mime_suffix(mime));
}

static gboolean
write_all(int fd, GByteArray *data, const char *path, GError **err)
{
    while (data->len) {
        ssize_t n = write(fd, data->data, data->len);
        if (n < 0)
            return fail_errno(err, errno, "cannot write %s", path);
        g_byte_array_remove_range(data, 0, (guint)n);
    }
    return TRUE;
}

/* The stream's data into a file; a file that was not there before does not stay behind half
 * written. */
static gboolean
download(Shell *s, const char *path, GError **err)
{
    gboolean created = access(path, F_OK) < 0;
    fd_auto fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    gboolean ok = TRUE;

    if (fd < 0) {
        fail_errno(err, errno, "cannot create file %s", path);
        conn_stream_abort(s->conn, NULL);
        return FALSE;
    }
    while (ok && !conn_stream_ended(s->conn))
        ok = conn_wait(s->conn, NULL, 0, -1, err) &&
             write_all(fd, conn_stream_input(s->conn), path, err);
    ok = ok && write_all(fd, conn_stream_input(s->conn), path, err) &&
         conn_stream_finish(s->conn, err);
    if (!ok && created)
        unlink(path);
    return ok;
}

static gboolean
run_screenshot(Shell *s, const Args *a, GError **err)
{
    DomainScreenshotArgs args = { 0 };
    DomainScreenshotRet ret;
    g_autofree char *path = g_strdup(args_string(a, "file"));
    gint64 screen = 0;

    if (!args_number(a, "screen", 0, G_MAXUINT32, &screen, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.screen = (guint32)screen;
    doing(s, "could not take a screenshot of %s", args.dom.name);
    if (!call(s, PROC_DOMAIN_SCREENSHOT, &args, &ret, err))
        return FALSE;
    if (!path)
        path = screenshot_path(&args.dom, ret.mime);
    if (!download(s, path, err))
        return FALSE;
    remark(s, "Screenshot saved to %s, with type of %s", path, ret.mime ? ret.mime : "unknown");
    return TRUE;
}

/* ---- keys */

static const Option send_key_options[] = {
    DOMAIN_OPTION(complete_active),
    { "codeset", OPTION_STRING, OPTION_NAMED, NULL, "the codeset of keycodes, default:linux" },
    { "holdtime", OPTION_NUMBER, OPTION_NAMED, NULL,
      "the time (in milliseconds) how long the keys will be held" },
    { "keycode", OPTION_REST, OPTION_REQUIRED, complete_keys, "the key code" },
    OPTION_END,
};

static gboolean
run_send_key(Shell *s, const Args *a, GError **err)
{
    enum { KEYS_MAX = 16 };
    const char *codeset = args_flag(a, "codeset") ? args_string(a, "codeset") : "linux";
    g_autofree const char **names = args_rest(a, "keycode");
    guint32 keys[KEYS_MAX];
    DomainSendKeyArgs args = { .codeset = (guint32)key_codeset(codeset), .keycodes.v = keys };
    gint64 hold = 0;

    if (key_codeset(codeset) < 0)
        return refuse(err, "unknown codeset: '%s'", codeset);
    if (!args_number(a, "holdtime", 0, G_MAXUINT32, &hold, err))
        return FALSE;
    for (const char **name = names; *name; name++) {
        if (args.keycodes.n == KEYS_MAX)
            return refuse(err, "too many keycodes: at most %d", KEYS_MAX);
        if (!key_code(codeset, *name, &keys[args.keycodes.n++]))
            return refuse(err, "invalid keycode: '%s'", *name);
    }
    args.holdtime = (guint32)hold;
    return domain_get(s, a, &args.dom, err) && call(s, PROC_DOMAIN_SEND_KEY, &args, NULL, err);
}

static gboolean
run_inject_nmi(Shell *s, const Args *a, GError **err)
{
    DomainInjectNmiArgs args = { 0 };

    return domain_get(s, a, &args.dom, err) && call(s, PROC_DOMAIN_INJECT_NMI, &args, NULL, err);
}

/* ---- displays */

static const Option domdisplay_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("include-password", "includes the password into the connection URI if available"),
    { "type", OPTION_STRING, 0, NULL,
      "select particular graphical display (e.g. \"vnc\", \"spice\", \"rdp\", \"dbus\")" },
    FLAG("all", "show all possible graphical displays"),
    OPTION_END,
};

/* The address to connect to: one that means "all of them" is this host's own name. */
static char *
listen_address(Doc *doc, Node *graphics)
{
    static const char *const anywhere[] = { "0.0.0.0", "::", "", NULL };
    g_autofree char *address = doc_text(doc, graphics, "listen/@address");

    if (!address)
        address = doc_text(doc, graphics, "@listen");
    if (!address || g_strv_contains(anywhere, address))
        return g_strdup("localhost");
    return strchr(address, ':') ? g_strdup_printf("[%s]", address) : g_steal_pointer(&address);
}

static char *
port_text(Doc *doc, Node *graphics, const char *type)
{
    g_autofree char *port = doc_text(doc, graphics, "@port");
    gint64 number = port ? g_ascii_strtoll(port, NULL, 10) : 0;

    if (number <= 0)
        return g_strdup("");
    /* VNC's displays are counted from its first port. */
    return g_strdup_printf(":%d", (int)(strcmp(type, "vnc") == 0 ? number - 5900 : number));
}

/* NULL: it listens nowhere. */
static char *
display_uri(Doc *doc, Node *graphics, gboolean with_password)
{
    g_autofree char *type = doc_text(doc, graphics, "@type");
    g_autofree char *password = with_password ? doc_text(doc, graphics, "@passwd") : NULL;
    g_autofree char *secret = password ? g_strdup_printf(":%s@", password) : g_strdup("");
    g_autofree char *socket = doc_text(doc, graphics, "@socket|listen/@socket");
    g_autofree char *tls = doc_text(doc, graphics, "@tlsPort");
    g_autofree char *address = listen_address(doc, graphics);
    g_autofree char *port = port_text(doc, graphics, type);

    if (socket)
        return g_strdup_printf("%s+unix://%s%s", type, secret, socket);
    if (!*port && (!tls || *tls == '-'))
        return NULL;
    return g_strdup_printf("%s://%s%s%s%s%s", type, secret, address, port,
                           tls && *tls != '-' ? "?tls-port=" : "", tls && *tls != '-' ? tls : "");
}

static gboolean
live_xml(Shell *s, const Args *a, guint flags, Doc **ret_doc, GError **err)
{
    DomainRef dom;
    const char *xml;

    if (!domain_get_active(s, a, "Domain is not running", &dom, err) ||
        !domain_xml(s, &dom, flags, &xml, err))
        return FALSE;
    *ret_doc = doc_parse(xml, err);
    return *ret_doc != NULL;
}

static gboolean
run_domdisplay(Shell *s, const Args *a, GError **err)
{
    gboolean secret = args_flag(a, "include-password"), all = args_flag(a, "all");
    const char *wanted = args_string(a, "type");
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) nodes = NULL;
    guint shown = 0;

    if (!live_xml(s, a, secret ? DUMP_SECURE : 0, &doc, err))
        return FALSE;
    nodes = doc_nodes(doc, NULL, "/domain/devices/graphics");
    for (guint i = 0; i < nodes->len && (all || !shown); i++) {
        g_autofree char *type = doc_text(doc, nodes->pdata[i], "@type");
        g_autofree char *uri = display_uri(doc, nodes->pdata[i], secret);
        if (!uri || (wanted && strcmp(wanted, type) != 0))
            continue;
        put(s, "%s%s", uri, all ? "\n" : "");
        shown++;
    }
    if (!shown)
        return wanted ? refuse(err, "No graphical display with type '%s' found", wanted)
                      : refuse(err, "No graphical display found");
    return TRUE;
}

static const Option active_only[] = { DOMAIN_OPTION(complete_active), OPTION_END };

static gboolean
run_vncdisplay(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) nodes = NULL;
    g_autofree char *address = NULL;
    g_autofree char *port = NULL;

    if (!live_xml(s, a, 0, &doc, err))
        return FALSE;
    nodes = doc_nodes(doc, NULL, "/domain/devices/graphics[@type='vnc']");
    port = nodes->len ? port_text(doc, nodes->pdata[0], "vnc") : NULL;
    if (!port || !*port)
        return refuse(err, "Failed to get VNC port. Is this domain using VNC?");
    address = listen_address(doc, nodes->pdata[0]);
    put(s, "%s%s\n", strcmp(address, "localhost") == 0 ? "" : address, port);
    return TRUE;
}

static gboolean
run_ttyconsole(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    g_autofree char *tty = NULL;

    if (!live_xml(s, a, 0, &doc, err))
        return FALSE;
    tty = doc_text(doc, NULL, "/domain/devices/console/@tty");
    if (!tty)
        return refuse(err, "its console is not a tty");
    put(s, "%s\n", tty);
    return TRUE;
}

/* ---- the monitor */

static const Option monitor_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("hmp", "command is in human monitor protocol"),
    FLAG("pretty", "pretty-print any qemu monitor protocol output"),
    FLAG("return-value", "extract the value of the 'return' key from the returned string"),
    { "cmd", OPTION_REST, OPTION_REQUIRED, NULL, "command" },
    OPTION_END,
};

static gboolean
print_monitor(Shell *s, const Args *a, const char *result, GError **err)
{
    json_object *whole, *shown;
    int style = args_flag(a, "pretty") ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
                                       : JSON_C_TO_STRING_PLAIN;

    if (!args_flag(a, "pretty") && !args_flag(a, "return-value")) {
        put(s, "%s\n", result);
        return TRUE;
    }
    whole = shown = json_tokener_parse(result);
    if (!whole)
        return refuse(err, "the monitor's answer is not JSON: %s", result);
    if (args_flag(a, "return-value") && !json_object_object_get_ex(whole, "return", &shown)) {
        json_object_put(whole);
        return refuse(err, "the monitor's answer has no 'return': %s", result);
    }
    put(s, "%s", json_object_to_json_string_ext(shown, style | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(whole);
    return TRUE;
}

static gboolean
run_monitor(Shell *s, const Args *a, GError **err)
{
    QemuDomainMonitorCommandArgs args = { .flags = args_flag(a, "hmp") };
    QemuDomainMonitorCommandRet ret;
    g_autofree char *cmd = args_rest_joined(a, "cmd");

    args.cmd = cmd;
    return args_exclusive(a, "hmp", "pretty", err) &&
           args_exclusive(a, "hmp", "return-value", err) && domain_get(s, a, &args.dom, err) &&
           call_qemu(s, PROC_QEMU_DOMAIN_MONITOR_COMMAND, &args, &ret, err) &&
           print_monitor(s, a, ret.result, err);
}

const Command device_commands[] = {
    { "console", "connect to the guest console", "Connect the virtual serial console for the guest",
      console_options, run_console, COMMAND_TALKS },
    { "domdisplay", "domain display connection URI",
      "Output the IP address and port number for the graphical display.", domdisplay_options,
      run_domdisplay },
    { "inject-nmi", "Inject NMI to the guest", "Inject NMI to the guest domain.", active_only,
      run_inject_nmi },
    { "qemu-monitor-command", "QEMU Monitor Command", "QEMU Monitor Command", monitor_options,
      run_monitor },
    { "screenshot", "take a screenshot of a current domain console and store it into a file",
      "screenshot of a current domain console", screenshot_options, run_screenshot },
    { "send-key", "Send keycodes to the guest",
      "Send keycodes (integers or symbolic names) to the guest", send_key_options, run_send_key },
    { "ttyconsole", "tty console", "Output the device for the TTY console.", active_only,
      run_ttyconsole },
    { "vncdisplay", "vnc display", "Output the IP address and port number for the VNC display.",
      active_only, run_vncdisplay },
    { 0 },
};
