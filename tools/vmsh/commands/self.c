/* Commands about vmsh itself: help, the connection, the working directory, echo. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

static const Option cd_options[] = {
    { "dir", OPTION_STRING, 0, NULL, "directory to switch to (default: home or else root)" },
    OPTION_END,
};

static gboolean
run_cd(Shell *s, const Args *a, GError **err)
{
    const char *dir = args_string(a, "dir") ? args_string(a, "dir") : g_get_home_dir();

    if (chdir(dir) < 0)
        return refuse(err, "cd: %s: %s", g_strerror(errno), dir);
    return TRUE;
}

static gboolean
run_pwd(Shell *s, const Args *a, GError **err)
{
    g_autofree char *dir = g_get_current_dir();

    put(s, "%s\n", dir);
    return TRUE;
}

static const Option connect_options[] = {
    { "name", OPTION_STRING, 0, NULL, "hypervisor connection URI" },
    FLAG("readonly", "read-only connection"),
    OPTION_END,
};

static gboolean
run_connect(Shell *s, const Args *a, GError **err)
{
    const char *uri = args_string(a, "name");

    shell_disconnect(s);
    if (uri) {
        g_free(s->uri);
        s->uri = g_strdup(uri);
    }
    s->readonly = args_flag(a, "readonly");
    return shell_connect(s, err);
}

static const Option echo_options[] = {
    FLAG("shell", "escape for shell use"),
    FLAG("xml", "escape for XML use"),
    FLAG("split", "split each argument on ','; ',,' is an escape sequence"),
    FLAG("err", "output to stderr"),
    { "prefix", OPTION_STRING, OPTION_NAMED, NULL, "prefix the message" },
    { "string", OPTION_REST, 0, NULL, "arguments to echo" },
    OPTION_END,
};

/* Quoted when a shell would read it as anything but one plain word. */
static char *
shell_word(const char *text)
{
    static const char plain[] = "%+,-./:=@_";

    for (const char *p = text; *p; p++)
        if (!g_ascii_isalnum(*p) && !strchr(plain, *p))
            return g_shell_quote(text);
    return *text ? g_strdup(text) : g_strdup("''");
}

/* "a,b,,c": a and b,c, each with the end of its line. */
static char *
split_text(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        if (*p != ',') {
            g_string_append_c(out, *p);
        } else if (p[1] == ',') {
            g_string_append_c(out, ',');
            p++;
        } else {
            g_string_append_c(out, '\n');
        }
    }
    g_string_append_c(out, '\n');
    return g_string_free(out, FALSE);
}

static gboolean
run_echo(Shell *s, const Args *a, GError **err)
{
    g_autofree const char **words = args_rest(a, "string");
    const char *prefix = args_string(a, "prefix");
    g_autoptr(GString) text = g_string_new(prefix);

    if (!args_exclusive(a, "shell", "split", err) || !args_exclusive(a, "xml", "split", err))
        return FALSE;

    for (const char **word = words; *word; word++) {
        g_autofree char *parts = args_flag(a, "split") ? split_text(*word) : g_strdup(*word);
        g_autofree char *xml = args_flag(a, "xml") ? g_markup_escape_text(parts, -1)
                                                   : g_strdup(parts);
        g_autofree char *shown = args_flag(a, "shell") ? shell_word(xml) : g_strdup(xml);
        g_string_append_printf(text, "%s%s", text->len ? " " : "", shown);
    }
    if (args_flag(a, "err"))
        fprintf(stderr, "%s\n", text->str);
    else
        put(s, "%s", text->str);
    return TRUE;
}

static gboolean
run_quit(Shell *s, const Args *a, GError **err)
{
    s->quit = TRUE;
    return TRUE;
}

static const char help_doc[] = "Prints global help, command specific help, or help for a group of "
                               "related commands";

static const Option help_options[] = {
    { "command", OPTION_STRING, 0, complete_commands, help_doc },
    OPTION_END,
};

static gboolean
run_help(Shell *s, const Args *a, GError **err)
{
    const char *topic = args_string(a, "command");

    if (topic)
        return help_topic(s, topic, err);
    help_all(s);
    return TRUE;
}

const Command self_commands[] = {
    { "cd", "change the current directory", "Change the current directory.", cd_options, run_cd,
      COMMAND_OFFLINE },
    { "connect", "(re)connect to hypervisor",
      "Connect to local hypervisor. This is built-in command after shell start up.",
      connect_options, run_connect, COMMAND_OFFLINE },
    { "echo", "echo arguments. Used for internal testing.",
      "Echo back arguments, possibly with quoting. Used for internal testing.", echo_options,
      run_echo, COMMAND_OFFLINE },
    { "exit", "quit this interactive terminal", NULL, NULL, run_quit, COMMAND_OFFLINE },
    { "help", "print help", help_doc, help_options, run_help, COMMAND_OFFLINE },
    { "pwd", "print the current directory", "Print the current directory.", NULL, run_pwd,
      COMMAND_OFFLINE },
    { "quit", "quit this interactive terminal", NULL, NULL, run_quit, COMMAND_OFFLINE },
    { 0 },
};
