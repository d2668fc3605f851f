/* Help in every form, out of the rows of the commands. */
#include <string.h>

#include "vmsh.h"

static const char *
option_type(const Option *o)
{
    return o->kind == OPTION_NUMBER ? "number" : "string";
}

/* ---- one command */

static void
synopsis_option(GString *s, const Option *o)
{
    const char *more = o->kind == OPTION_REST ? "..." : "";

    if (o->kind == OPTION_FLAG)
        g_string_append_printf(s, " [--%s]", o->name);
    else if (o->flags & OPTION_REQUIRED)
        g_string_append_printf(s, " <%s>%s", o->name, more);
    else if (o->flags & OPTION_NAMED)
        g_string_append_printf(s, " [--%s <%s>]%s", o->name, option_type(o), more);
    else
        g_string_append_printf(s, " [<%s>]%s", o->name, more);
}

static char *
synopsis(const Command *c)
{
    GString *s = g_string_new(c->name);
    const Option *o;

    for (guint i = 0; (o = command_option(c, i)); i++)
        synopsis_option(s, o);
    return g_string_free(s, FALSE);
}

static char *
option_usage(const Option *o)
{
    if (o->kind == OPTION_FLAG)
        return g_strdup_printf("--%s", o->name);
    return g_strdup_printf("%s--%s%s <%s>%s", o->flags & OPTION_NAMED ? "" : "[", o->name,
                           o->flags & OPTION_NAMED ? "" : "]", option_type(o),
                           o->kind == OPTION_REST ? "..." : "");
}

char *
help_command(const Command *c)
{
    g_autofree char *usage = synopsis(c);
    GString *s = g_string_new(NULL);
    const Option *o;

    g_string_append_printf(s, "  NAME\n    %s - %s\n\n  SYNOPSIS\n    %s\n", c->name, c->summary,
                           usage);
    if (c->text)
        g_string_append_printf(s, "\n  DESCRIPTION\n    %s\n", c->text);
    for (guint i = 0; (o = command_option(c, i)); i++) {
        g_autofree char *name = option_usage(o);
        g_string_append_printf(s, "%s    %-15s  %s\n", i ? "" : "\n  OPTIONS\n", name, o->doc);
    }
    return g_string_free(s, FALSE);
}

/* ---- all of them */

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const Command *const *)a)->name, (*(const Command *const *)b)->name);
}

static GPtrArray *
group_sorted(const CommandGroup *g)
{
    GPtrArray *commands = g_ptr_array_new();
    const Command *c;

    for (guint i = 0; (c = group_command(g, i)); i++)
        g_ptr_array_add(commands, (gpointer)c);
    g_ptr_array_sort(commands, by_name);
    return commands;
}

static void
append_commands(GString *s, const CommandGroup *g)
{
    g_autoptr(GPtrArray) commands = group_sorted(g);

    for (guint i = 0; i < commands->len; i++) {
        const Command *c = commands->pdata[i];
        g_string_append_printf(s, "    %-30s %s\n", c->name, c->summary);
    }
    g_string_append_c(s, '\n');
}

static void
append_group(GString *s, const CommandGroup *g, const char *colon)
{
    g_string_append_printf(s, " %s (help keyword '%s')%s\n", g->title, g->keyword, colon);
    append_commands(s, g);
}

void
help_all(Shell *s)
{
    g_autoptr(GString) text = g_string_new("Grouped commands:\n\n");

    for (const CommandGroup *g = command_groups; g->title; g++)
        append_group(text, g, ":");
    g_string_truncate(text, text->len - 1);
    put(s, "%s", text->str);
}

gboolean
help_topic(Shell *s, const char *topic, GError **err)
{
    const Command *c = command_find(topic);

    if (c) {
        g_autofree char *text = help_command(c);
        put(s, "%s", text);
        return TRUE;
    }
    for (const CommandGroup *g = command_groups; g->title; g++)
        if (strcmp(g->keyword, topic) == 0 || strcmp(g->title, topic) == 0) {
            g_autoptr(GString) text = g_string_new(NULL);
            append_group(text, g, ":");
            g_string_truncate(text, text->len - 1);
            put(s, "%s", text->str);
            return TRUE;
        }
    hint(s, "'help' lists the commands and their groups");
    return refuse(err, "command or command group '%s' doesn't exist", topic);
}

static const struct {
    const char *name, *value, *doc;
} usage_rows[] = {
    { "-c | --connect", "URI", "hypervisor connection URI" },
    { "-d | --debug", "NUM", "0 tells of every call, 1 of connections, 4 of errors alone" },
    { "-e | --escape", "CHAR", "the key that leaves a console, ^] unless told" },
    { "--errexit", NULL, "stop at the first error, of a script on standard input as well" },
    { "-h | --help", NULL, "this help" },
    { "-j | --json", NULL, "answer in JSON, and tell of errors in it; sizes are in bytes" },
    { "-k | --keepalive-interval", "NUM", "seconds between keepalives, 0 for none" },
    { "-K | --keepalive-count", "NUM", "keepalives that may stay unanswered" },
    { "-l | --log", "FILE", "add errors, and what -d tells, to a file" },
    { "-q | --quiet", NULL, "print answers and errors alone" },
    { "-r | --readonly", NULL, "connect readonly" },
    { "-t | --timing", NULL, "print how long each command took" },
    { "-v | --version", NULL, "version" },
    { "-V | --version", "long", "version, and what this vmsh can reach" },
    { "     --man", NULL, "print the manual page" },
};

char *
help_version(void)
{
    return g_strdup("vmsh, the command line of vmd " VMD_VERSION "\n\n"
                    " Protocol:   libvirt's remote protocol, and its QEMU program\n"
                    " Transports: unix, ssh\n"
                    " URIs:       vmd:// and qemu://, system and session\n");
}

char *
help_usage(void)
{
    GString *s = g_string_new("\nvmsh [options]... [<command_string>]\n"
                              "vmsh [options]... <command> [args...]\n\n  options:\n");

    for (gsize i = 0; i < G_N_ELEMENTS(usage_rows); i++) {
        g_autofree char *left = g_strdup_printf("%s%s%s", usage_rows[i].name,
                                                usage_rows[i].value ? "=" : "",
                                                usage_rows[i].value ? usage_rows[i].value : "");
        g_string_append_printf(s, "    %-32s %s\n", left, usage_rows[i].doc);
    }
    g_string_append(s, "\n  URIs: vmd:///system, vmd:///session, vmd+ssh://user@host/system,\n"
                       "        qemu+unix:///system?socket=PATH; the default is VMSH_DEFAULT_URI,\n"
                       "        LIBVIRT_DEFAULT_URI, or vmd:///system for root and\n"
                       "        vmd:///session for others\n\n"
                       "  commands (non interactive mode):\n\n");
    for (const CommandGroup *g = command_groups; g->title; g++)
        append_group(s, g, "");
    g_string_append(s, "\n  (specify help <group> for details about the commands in the group)\n"
                       "\n  (specify help <command> for details about the command)\n\n");
    return g_string_free(s, FALSE);
}

/* ---- the manual page */

/* Text as roff takes it. */
static void
append_roff(GString *s, const char *text)
{
    if (*text == '.' || *text == '\'')
        g_string_append(s, "\\&");
    for (; *text; text++)
        if (*text == '\\')
            g_string_append(s, "\\e");
        else if (*text == '-')
            g_string_append(s, "\\-");
        else if (*text == '\n')
            for (g_string_append_c(s, '\n'); text[1] == ' ';)
                text++;
        else
            g_string_append_c(s, *text);
}

static void
append_item(GString *s, const char *name, const char *doc)
{
    g_string_append(s, ".TP\n.B ");
    append_roff(s, name);
    g_string_append_c(s, '\n');
    append_roff(s, doc);
    g_string_append_c(s, '\n');
}

static void
man_command(GString *s, const Command *c)
{
    g_autofree char *usage = synopsis(c);
    gboolean indented = FALSE;
    const Option *o;

    append_item(s, usage, c->text ? c->text : c->summary);
    for (guint i = 0; (o = command_option(c, i)); i++) {
        g_autofree char *name = option_usage(o);
        if (strcmp(o->name, "domain") == 0 || strcmp(o->name, "json") == 0 ||
            (strcmp(o->name, "format") == 0 && command_has_format(c)))
            continue;
        if (!indented)
            g_string_append(s, ".RS\n");
        indented = TRUE;
        append_item(s, name, o->doc);
    }
    if (indented)
        g_string_append(s, ".RE\n");
}

static const char man_head[] =
    ".TH VMSH 1 " VMD_DATE " \"vmd " VMD_VERSION "\"\n"
    ".SH NAME\nvmsh \\- manage virtual machines under vmd\n"
    ".SH SYNOPSIS\n.B vmsh\n[\\fIoptions\\fR] [\\fIcommand\\fR [\\fIargs\\fR...]]\n"
    ".SH DESCRIPTION\n"
    "vmsh is the command line of vmd. Its commands, options and answers are those of virsh. Without "
    "a command it is an interactive shell with history and completion; one argument may hold "
    "several commands with ; between them. Options of a command are named or stand in their order; "
    "every answer is printed as JSON with \\-\\-json, and with \\-\\-format in words of one's own, a line "
    "for each row: {key} stands for a value of that JSON.\n"
    ".SH OPTIONS\n";

static const char man_tail[] =
    ".SH URIS\n"
    ".TP\n.B vmd:///system\nthe host's daemon, the default of root: /run/vmd/vmd.sock\n"
    ".TP\n.B vmd:///session\none's own daemon, the default of everybody else: "
    "$XDG_RUNTIME_DIR/vmd/vmd.sock. It is started when it does not run.\n"
    ".TP\n.B qemu+unix:///system?socket=PATH\na daemon elsewhere\n"
    ".TP\n.B vmd+ssh://user@host/system\nthe daemon of another host, where vmsh or nc relays. It may "
    "be followed by ?name=value&...: socket (its path there), proxy (native: vmsh relays, netcat: nc "
    "does, auto: whichever there is), netcat (its program there), command (in place of ssh), keyfile, "
    "no_verify=1 (unknown hosts are taken), no_tty=1 (nothing is asked for)\n"
    ".PP\nqemu:// URIs mean the same as vmd:// ones.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B VMSH_DEFAULT_URI, VIRSH_DEFAULT_CONNECT_URI, LIBVIRT_DEFAULT_URI\nthe URI when \\-c is not "
    "given; the first that is set\n"
    ".TP\n.B NO_COLOR\nset: errors have no colour, on terminals either\n"
    ".TP\n.B VISUAL, EDITOR\nwhat edit runs\n"
    ".TP\n.B LIBVIRT_AUTOSTART\n0: never start a session's daemon\n"
    ".SH EXIT STATUS\n0, or 1 when the last command failed.\n";

/* mandoc(1) wants lines of text that an editor shows whole. A blank that something follows which
 * roff would take for a request is not where a line may end. */
static void
wrap_roff(GString *s)
{
    enum { WIDTH = 80 };
    gsize line = 0, blank = 0;

    for (gsize i = 0; i < s->len; i++) {
        const char *after = &s->str[i + 1];
        if (s->str[i] == '\n') {
            line = i + 1;
            blank = 0;
        } else if (s->str[i] == ' ' && *after != '.' && *after != '\'' && *after != ' ') {
            blank = i;
        }
        if (i - line < WIDTH || !blank || s->str[line] == '.')
            continue;
        s->str[blank] = '\n';
        line = blank + 1;
        blank = 0;
    }
}

char *
help_man_page(void)
{
    GString *s = g_string_new(man_head);

    for (gsize i = 0; i < G_N_ELEMENTS(usage_rows); i++) {
        g_autofree char *name = g_strdup(usage_rows[i].name);
        append_item(s, g_strstrip(name), usage_rows[i].doc);
    }
    for (const CommandGroup *g = command_groups; g->title; g++) {
        g_autofree char *title = g_ascii_strup(g->title, -1);
        g_autoptr(GPtrArray) commands = group_sorted(g);
        g_string_append_printf(s, ".SH %s\n", title);
        for (guint i = 0; i < commands->len; i++)
            man_command(s, commands->pdata[i]);
    }
    g_string_append(s, man_tail);
    wrap_roff(s);
    return g_string_free(s, FALSE);
}
