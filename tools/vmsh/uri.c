/* What a connection URI means: which socket, on which host, opened by which name. Pure but for the
 * environment it is told to look at. */
#include <string.h>

#include "vmsh.h"

void
target_done(Target *t)
{
    g_clear_pointer(&t->name, g_free);
    g_clear_pointer(&t->user, g_free);
    g_clear_pointer(&t->host, g_free);
    g_clear_pointer(&t->socket, g_free);
    g_clear_pointer(&t->keyfile, g_free);
    g_clear_pointer(&t->netcat, g_free);
    g_clear_pointer(&t->command, g_free);
}

static gboolean
target_scheme(const char *scheme, Target *t, const char *uri, GError **err)
{
    static const char *const drivers[] = { "vmd", "qemu", NULL };
    g_auto(GStrv) parts = g_strsplit(scheme, "+", 2);
    const char *transport = parts[1] ? parts[1] : "";

    if (!g_strv_contains(drivers, parts[0]))
        return refuse(err, "%s: vmd serves vmd:// and qemu:// URIs, not %s://", uri, scheme);
    t->ssh = strcmp(transport, "ssh") == 0;
    if (!t->ssh && *transport && strcmp(transport, "unix") != 0)
        return refuse(err, "%s: the transport %s is not one of unix and ssh", uri, transport);
    return TRUE;
}

static gboolean
target_path(const char *path, Target *t, const char *uri, GError **err)
{
    t->session = strcmp(path, "/session") == 0;
    if (!t->session && strcmp(path, "/system") != 0)
        return refuse(err, "%s: the path is /system or /session, not '%s'", uri, path);
    t->name = g_strdup_printf("qemu://%s", path);
    return TRUE;
}

static gboolean
target_proxy(const char *value, Target *t, const char *uri, GError **err)
{
    static const char *const names[] = { "auto", "native", "netcat" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            t->proxy = (Proxy)i;
            return TRUE;
        }
    }
    return refuse(err, "%s: proxy is auto, native or netcat, not '%s'", uri, value);
}

static gboolean
target_param(const char *key, const char *value, Target *t, const char *uri, GError **err)
{
    const struct {
        const char *key;
        char **text;
        gboolean *truth;
    } params[] = {
        { "socket", &t->socket, NULL },       { "keyfile", &t->keyfile, NULL },
        { "name", &t->name, NULL },           { "netcat", &t->netcat, NULL },
        { "command", &t->command, NULL },     { "no_tty", NULL, &t->no_tty },
        { "no_verify", NULL, &t->no_verify },
    };
    /* Of other clients; they change nothing here. */
    static const char *const ignored[] = { "mode", "sshauth", "no_sanity", NULL };

    if (strcmp(key, "proxy") == 0)
        return target_proxy(value, t, uri, err);
    for (gsize i = 0; i < G_N_ELEMENTS(params); i++) {
        if (strcmp(key, params[i].key) != 0)
            continue;
        if (params[i].truth) {
            *params[i].truth = strcmp(value, "0") != 0;
        } else {
            g_free(*params[i].text);
            *params[i].text = g_strdup(value);
        }
        return TRUE;
    }
    return g_strv_contains(ignored, key) ||
           refuse(err, "%s: no parameter is called '%s'", uri, key);
}

static gboolean
target_params(const char *query, Target *t, const char *uri, GError **err)
{
    GUriParamsIter iter;
    g_autoptr(GError) why = NULL;

    g_uri_params_iter_init(&iter, query, -1, "&;", G_URI_PARAMS_NONE);
    for (;;) {
        g_autofree char *key = NULL, *value = NULL;

        if (!g_uri_params_iter_next(&iter, &key, &value, &why))
            return why ? refuse(err, "%s: %s", uri, why->message) : TRUE;
        if (!target_param(key, value, t, uri, err))
            return FALSE;
    }
}

static gboolean
target_fill(GUri *parsed, const char *uri, Target *t, GError **err)
{
    const char *query = g_uri_get_query(parsed), *host = g_uri_get_host(parsed);

    if (!target_scheme(g_uri_get_scheme(parsed), t, uri, err) ||
        !target_path(g_uri_get_path(parsed), t, uri, err) ||
        (query && !target_params(query, t, uri, err)))
        return FALSE;
    if (t->ssh && (!host || !*host))
        return refuse(err, "%s: ssh needs a host", uri);
    if (!t->ssh && host && *host)
        return refuse(err, "%s: to reach host %s, write %s+ssh://", uri, host,
                      g_str_has_prefix(uri, "vmd") ? "vmd" : "qemu");
    t->host = g_strdup(host);
    t->user = g_strdup(g_uri_get_user(parsed));
    t->port = MAX(g_uri_get_port(parsed), 0);
    return TRUE;
}

gboolean
target_parse(const char *uri, Target *ret_target, GError **err)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GUri) parsed = g_uri_parse(uri, G_URI_FLAGS_HAS_PASSWORD, &why);
    Target t = { 0 };

    if (!parsed)
        return refuse(err, "'%s' is not a URI: %s", uri, why->message);
    if (!target_fill(parsed, uri, &t, err)) {
        target_done(&t);
        return FALSE;
    }
    *ret_target = t;
    return TRUE;
}

char *
uri_default(uid_t uid)
{
    static const char *const names[] = { "VMSH_DEFAULT_URI", "VIRSH_DEFAULT_CONNECT_URI",
                                         "LIBVIRT_DEFAULT_URI" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *uri = g_getenv(names[i]);
        if (uri && *uri)
            return g_strdup(uri);
    }
    return g_strdup(uid == 0 ? "vmd:///system" : "vmd:///session");
}

char *
target_socket(const Target *t, gboolean readonly)
{
    if (t->socket)
        return g_strdup(t->socket);
    if (t->session)
        return g_build_filename(g_get_user_runtime_dir(), "vmd", "vmd.sock", NULL);
    return g_strdup(readonly ? "/run/vmd/vmd-ro.sock" : "/run/vmd/vmd.sock");
}

/* ---- ssh */

/* Traditional netcats end with their input when told to; others do by themselves. */
static char *
remote_netcat(const Target *t, gboolean readonly)
{
    g_autofree char *socket = target_socket(t, readonly);
    g_autofree char *path = g_shell_quote(socket);
    g_autofree char *nc = g_shell_quote(t->netcat ? t->netcat : "nc");

    if (t->session && !t->socket) /* where that is, only the other host knows */
        return g_strdup("echo vmsh is not installed here >&2; exit 127");
    return g_strdup_printf("if %s -h 2>&1 | grep -q -e '-q'; then exec %s -q0 -U %s; fi; "
                           "exec %s -U %s",
                           nc, nc, path, nc, path);
}

static char *
remote_vmsh(const Target *t, gboolean readonly)
{
    g_autofree char *with = t->socket ? g_uri_escape_string(t->socket, "/", FALSE) : NULL;
    g_autofree char *uri = g_strconcat("vmd:///", t->session ? "session" : "system",
                                       with ? "?socket=" : NULL, with, NULL);
    g_autofree char *quoted = g_shell_quote(uri);

    return g_strdup_printf("exec vmsh%s --relay %s", readonly ? " -r" : "", quoted);
}

/* On the other host vmsh itself is asked to relay, for it knows where the socket is and can start
 * a session's daemon; where it is not installed, netcat does when the socket is known. */
static char *
remote_command(const Target *t, gboolean readonly)
{
    g_autofree char *vmsh = remote_vmsh(t, readonly);
    g_autofree char *netcat = remote_netcat(t, readonly);
    g_autofree char *either = g_strdup_printf("if command -v vmsh >/dev/null; then %s; fi; %s",
                                              vmsh, netcat);
    const char *const scripts[] = {
        [PROXY_AUTO] = either,
        [PROXY_NATIVE] = vmsh,
        [PROXY_NETCAT] = netcat,
    };
    g_autofree char *quoted = g_shell_quote(scripts[t->proxy]);

    return g_strdup_printf("sh -c %s", quoted);
}

char **
target_ssh_argv(const Target *t, gboolean readonly)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_autofree char *port = t->port ? g_strdup_printf("%d", t->port) : NULL;
    g_autofree char *command = remote_command(t, readonly);

    g_strv_builder_add(argv, t->command ? t->command : "ssh");
    if (port)
        g_strv_builder_add_many(argv, "-p", port, NULL);
    if (t->user)
        g_strv_builder_add_many(argv, "-l", t->user, NULL);
    if (t->keyfile)
        g_strv_builder_add_many(argv, "-i", t->keyfile, NULL);
    g_strv_builder_add_many(argv, "-T", "-e", "none", NULL);
    if (t->no_tty)
        g_strv_builder_add_many(argv, "-o", "BatchMode=yes", NULL);
    if (t->no_verify)
        g_strv_builder_add_many(argv, "-o", "StrictHostKeyChecking=no", NULL);
    g_strv_builder_add_many(argv, "--", t->host, command, NULL);
    return g_strv_builder_end(argv);
}
