/* Lines of commands: running them, what they say, what is said when one fails. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "vmsh.h"

/* ---- what commands say */

void
put(Shell *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
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

void
complain(Shell *s, const GError *err)
{
    WireError wire;

    error_to_wire(err, &wire);
    fflush(stdout);
    if (s->doing)
        fprintf(stderr, "error: %s\n", s->doing);
    fprintf(stderr, "error: %s\n", wire.message);
    trace(s, TRACE_ERRORS, "%s%s%s", s->doing ? s->doing : "", s->doing ? ": " : "", wire.message);
    if (!s->hint && error_is(err, ERR_DENIED))
        hint(s, "this connection is read-only: leave out -r, or connect to vmd.sock");
    if (s->hint && !s->quiet)
        fprintf(stderr, "hint: %s\n", s->hint);
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
        hint(s, session ? "nothing serves it: start 'vmd --session'"
                        : "vmd does not run there: start it with 'systemctl start vmd', or run "
                          "'vmd' as root");
    else if (wire.saved_errno == EACCES || wire.saved_errno == EPERM)
        hint(s, session ? "HOME or XDG_RUNTIME_DIR names a folder of somebody else"
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

static gboolean
shell_run_args(Shell *s, const Args *a)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) err = NULL;
    gboolean ok;

    arena_init(&s->arena, NULL, 0);
    s->json = s->json_always || args_flag(a, "json");
    ok = command_run(s, a, &err);
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

static Args *
shell_bind(Shell *s, const char *const *words, guint n, GError **err)
{
    Args *a = args_bind(words, n, err);

    if (!a && !command_find(words[0]))
        hint(s, "'vmsh help' lists the commands");
    else if (!a)
        hint(s, "'vmsh help %s' tells its options", words[0]);
    return a;
}

gboolean
shell_run_words(Shell *s, const char *const *words, guint n)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Args) a = shell_bind(s, words, n, &err);

    return a ? shell_run_args(s, a) : shell_complain(s, err);
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
    for (guint i = 0; i < bound->len && !s->quit; i++)
        ok = shell_run_args(s, bound->pdata[i]);
    return ok;
}
