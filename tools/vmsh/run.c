/* Lines of commands: running them, what they say, what is said when one fails. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "vmsh.h"

/* ---- what commands say */

void
put(Shell *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (s->said)
        g_string_append_vprintf(s->said, fmt, ap);
    else
        vfprintf(stdout, fmt, ap);
    va_end(ap);
}

void
remark(Shell *s, const char *fmt, ...)
{
    va_list ap;

    if (s->quiet || s->json)
        return;
    va_start(ap, fmt);
    vfprintf(stdout, fmt, ap);
    va_end(ap);
}

void
doing(Shell *s, const char *fmt, ...)
{
    va_list ap;

    g_free(s->doing);
    va_start(ap, fmt);
    s->doing = g_strdup_vprintf(fmt, ap);
    va_end(ap);
}

void
hint(Shell *s, const char *fmt, ...)
{
    va_list ap;

    g_free(s->hint);
    va_start(ap, fmt);
    s->hint = g_strdup_vprintf(fmt, ap);
    va_end(ap);
}

static void
add_text(json_object *o, const char *key, const char *text)
{
    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

/* {"error": {"message": ..., "code": 42, "doing": ..., "hint": ...}}, on one line. */
static void
complain_json(const Shell *s, const WireError *wire)
{
    json_object *whole = json_object_new_object(), *error = json_object_new_object();

    add_text(error, "message", wire->message);
    json_object_object_add(error, "code", json_object_new_int(wire->code));
    add_text(error, "doing", s->doing);
    add_text(error, "hint", s->hint);
    json_object_object_add(whole, "error", error);
    fprintf(stderr, "%s\n",
            json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PLAIN |
                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(whole);
}

/* On a terminal, unless it is asked not to (no-color.org). */
static gboolean
has_colour(void)
{
    const char *no = g_getenv("NO_COLOR"), *term = g_getenv("TERM");

    return isatty(STDERR_FILENO) && !(no && *no) && g_strcmp0(term, "dumb") != 0;
}

static void
complain_words(const Shell *s, const WireError *wire)
{
    const char *error = has_colour() ? "\033[31merror:\033[0m" : "error:";

    if (s->doing)
        fprintf(stderr, "%s %s\n", error, s->doing);
    fprintf(stderr, "%s %s\n", error, wire->message);
    if (s->hint && !s->quiet)
        fprintf(stderr, "hint: %s\n", s->hint);
}

void
complain(Shell *s, const GError *err)
{
    WireError wire;

    error_to_wire(err, &wire);
    fflush(stdout);
    trace(s, TRACE_ERRORS, "%s%s%s", s->doing ? s->doing : "", s->doing ? ": " : "", wire.message);
    if (!s->hint && error_is(err, ERR_DENIED))
        hint(s, "this connection is read-only: leave out -r, or connect to vmd.sock");
    hint_by_words(s, wire.message);
    if ((s->json && !s->format) || s->json_always)
        complain_json(s, &wire);
    else
        complain_words(s, &wire);
    wire_error_done(&wire);
}

/* ---- the connection */

static void
hint_connect(Shell *s, const GError *err)
{
    gboolean session = strstr(s->uri, "/session") != NULL;
    WireError wire;

    error_to_wire(err, &wire);
    if (wire.saved_errno == ENOENT || wire.saved_errno == ECONNREFUSED)
        hint(s, session ? "no daemon answers there: start 'vmd --session'"
                        : "vmd does not run there: start it with 'systemctl start vmd', or run "
                          "'vmd' as root");
    else if (wire.saved_errno == EACCES || wire.saved_errno == EPERM)
        hint(s, session ? "HOME or XDG_RUNTIME_DIR names a folder of another user"
                        : "use sudo, or -c vmd:///session for virtual machines of your own");
    wire_error_done(&wire);
}

gboolean
shell_connect(Shell *s, GError **err)
{
    g_autoptr(GError) why = NULL;

    if (s->conn && conn_alive(s->conn))
        return TRUE;
    shell_disconnect(s);
    doing(s, "failed to connect to the hypervisor");
    s->conn = conn_open(s->uri, s->readonly, &s->keepalive, &why);
    if (s->conn) {
        trace(s, TRACE_CONNECTIONS, "connected to %s%s", s->uri, s->readonly ? ", read-only" : "");
        g_clear_pointer(&s->doing, g_free);
        return TRUE;
    }
    hint_connect(s, why);
    g_propagate_error(err, g_steal_pointer(&why));
    return FALSE;
}

void
shell_disconnect(Shell *s)
{
    g_clear_pointer(&s->conn, conn_free);
}

static gboolean
call_traced(Shell *s, guint32 program, gint32 procedure, gconstpointer args, gpointer ret,
            GError **err)
{
    gint64 start = g_get_monotonic_time();
    gboolean ok = conn_call(s->conn, program, procedure, args, &s->arena, ret, err);

    trace(s, TRACE_CALLS, "%s: %s after %.3f ms", procedure_find(program, procedure)->name,
          ok ? "answered" : "failed", (double)(g_get_monotonic_time() - start) / 1000);
    return ok;
}

gboolean
call(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, GError **err)
{
    return call_traced(s, PROGRAM_REMOTE, procedure, args, ret, err);
}

gboolean
call_vmd(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, GError **err)
{
    return call_traced(s, PROGRAM_VMD, procedure, args, ret, err);
}

gboolean
call_qemu(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, GError **err)
{
    return call_traced(s, PROGRAM_QEMU, procedure, args, ret, err);
}

/* ---- running commands */

static gboolean
command_run(Shell *s, const Args *a, GError **err)
{
    if (a->help) {
        g_autofree char *text = help_command(a->command);
        put(s, "%s", text);
        return TRUE;
    }
    if (!(a->command->flags & COMMAND_OFFLINE) && !shell_connect(s, err))
        return FALSE;
    return a->command->run(s, a, err);
}

/* What a command has said that knows no JSON of its own: a number, a text, or a list of its lines.
 */
static json_object *
said_json(const char *text)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(text));
    g_auto(GStrv) lines = g_strsplit(trimmed, "\n", -1);
    json_object *list;
    gint64 number;

    if (!*trimmed)
        return NULL;
    if (g_ascii_string_to_signed(trimmed, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return json_object_new_int64(number);
    if (!lines[1] || *trimmed == '<')
        return json_object_new_string(trimmed);
    list = json_object_new_array();
    for (char **line = lines; *line; line++)
        json_object_array_add(list, json_object_new_string(*line));
    return list;
}

static gboolean
command_run_json(Shell *s, const Args *a, GError **err)
{
    GString *said = s->said = g_string_new(NULL);
    gboolean ok = command_run(s, a, err);

    s->said = NULL;
    if (ok && !a->help)
        print_json(s, said_json(said->str));
    else
        put(s, "%s", said->str);
    g_string_free(said, TRUE);
    return ok;
}

static gboolean
shell_run_args(Shell *s, const Args *a)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) err = NULL;
    gboolean ok;

    arena_init(&s->arena, NULL, 0);
    s->format = command_has_format(a->command) ? args_string(a, "format") : NULL;
    s->json = s->json_always || s->format || args_flag(a, "json");
    if (s->json && !(a->command->flags & (COMMAND_JSON | COMMAND_TALKS | COMMAND_OFFLINE)))
        ok = command_run_json(s, a, &err);
    else
        ok = command_run(s, a, &err);
    if (s->format_error) {
        g_clear_error(&err);
        g_clear_pointer(&s->doing, g_free);
        err = g_steal_pointer(&s->format_error);
        ok = FALSE;
    }
    if (!ok && !s->silent_failure)
        complain(s, err);
    s->silent_failure = FALSE;
    g_clear_pointer(&s->doing, g_free);
    g_clear_pointer(&s->hint, g_free);
    arena_done(&s->arena);
    if (s->timing)
        put(s, "\n(Time: %.3f ms)\n\n", (double)(g_get_monotonic_time() - start) / 1000);
    else
        remark(s, "\n");
    s->json = FALSE;
    s->format = NULL;
    fflush(stdout);
    return ok;
}

static gboolean
shell_complain(Shell *s, const GError *err)
{
    complain(s, err);
    g_clear_pointer(&s->hint, g_free);
    return FALSE;
}

static gboolean
null_or_equal(gconstpointer a, gconstpointer b)
{
    return a && b && strcmp(a, b) == 0;
}

/* A word that is none: which one was meant. */
static void
hint_words(Shell *s, const char *const *words, guint n)
{
    const Command *c = command_find(words[0]);
    g_auto(GStrv) known = c ? NULL : complete_commands(s);
    g_autoptr(GPtrArray) options = g_ptr_array_new();
    const char *near = NULL;
    const Option *o;

    if (!c) {
        near = nearest_word(words[0], (const char *const *)known);
        if (near)
            hint(s, "did you mean '%s'? 'vmsh help' lists the commands", near);
        else
            hint(s, "'vmsh help' lists the commands");
        return;
    }
    for (guint i = 0; (o = command_option(c, i)); i++)
        g_ptr_array_add(options, (gpointer)o->name);
    g_ptr_array_add(options, NULL);
    for (guint i = 1; i < n && !near; i++)
        if (g_str_has_prefix(words[i], "--") &&
            !g_ptr_array_find_with_equal_func(options, words[i] + 2, null_or_equal, NULL))
            near = nearest_word(words[i] + 2, (const char *const *)options->pdata);
    if (near)
        hint(s, "did you mean --%s? 'vmsh help %s' tells its options", near, c->name);
    else
        hint(s, "'vmsh help %s' tells its options", c->name);
}

static Args *
shell_bind(Shell *s, const char *const *words, guint n, GError **err)
{
    Args *a = args_bind(words, n, err);

    if (!a)
        hint_words(s, words, n);
    return a;
}

/* Once for each domain that is meant. All are tried, unless errors stop what runs. */
static gboolean
shell_run_many(Shell *s, Args *a)
{
    g_autoptr(GError) err = NULL;
    g_auto(GStrv) names = NULL;
    gboolean ok = TRUE;

    if (!args_names_many(a))
        return shell_run_args(s, a);
    names = shell_expand(s, a, &err);
    if (!names)
        return shell_complain(s, err);
    for (char **name = names; *name && (ok || !s->stop_at_errors); name++) {
        args_set(a, "domain", *name);
        ok = shell_run_args(s, a) && ok;
    }
    return ok;
}

gboolean
shell_run_words(Shell *s, const char *const *words, guint n)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Args) a = shell_bind(s, words, n, &err);

    return a ? shell_run_many(s, a) : shell_complain(s, err);
}

static void
args_unref(gpointer a)
{
    args_free(a);
}

gboolean
shell_run_line(Shell *s, const char *line)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GPtrArray) commands = line_split(line, &err);
    g_autoptr(GPtrArray) bound = g_ptr_array_new_with_free_func(args_unref);
    gboolean ok = TRUE;

    /* Nothing runs before all of the line is understood. */
    for (guint i = 0; commands && i < commands->len; i++) {
        GPtrArray *words = commands->pdata[i];
        Args *a = shell_bind(s, (const char *const *)words->pdata, words->len, &err);
        if (!a)
            return shell_complain(s, err);
        g_ptr_array_add(bound, a);
    }
    if (!commands)
        return shell_complain(s, err);
    for (guint i = 0; i < bound->len && !s->quit && (ok || !s->stop_at_errors); i++)
        ok = shell_run_many(s, bound->pdata[i]);
    return ok;
}
