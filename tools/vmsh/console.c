/* A guest's console in this terminal, until the escape key or its end. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "vmsh.h"

static volatile sig_atomic_t told_to_end;

static void
on_end(int sig)
{
    told_to_end = 1;
}

/* ---- the terminal */

static gboolean
terminal_raw(struct termios *ret_before, GError **err)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, ret_before) < 0)
        return fail_errno(err, errno, "cannot read the terminal's settings");
    raw = *ret_before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0)
        return fail_errno(err, errno, "cannot change the terminal's settings");
    return TRUE;
}

/* A terminal left raw is a broken one: what ends a process must come by here. */
static void
catch_endings(void (*handler)(int))
{
    static const int endings[] = { SIGTERM, SIGHUP, SIGQUIT, SIGINT };
    struct sigaction action = { .sa_handler = handler };

    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
        sigaction(endings[i], &action, NULL);
}

/* ---- both ways */

static gboolean
show(GByteArray *data, GError **err)
{
    while (data->len) {
        ssize_t n = write(STDOUT_FILENO, data->data, data->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "cannot write to the terminal");
        g_byte_array_remove_range(data, 0, (guint)n);
    }
    return TRUE;
}

/* FALSE when the user leaves, or the terminal is gone. */
static gboolean
type(Shell *s)
{
    char keys[1024];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
    const char *escape;

    if (n < 0 && errno == EINTR)
        return TRUE;
    if (n <= 0)
        return FALSE;
    escape = memchr(keys, s->escape, (gsize)n);
    conn_stream_send(s->conn, keys, escape ? (gsize)(escape - keys) : (gsize)n);
    return !escape;
}

static gboolean
talk(Shell *s, GError **err)
{
    enum { QUEUE_MAX = 65536 };

    while (!told_to_end) {
        struct pollfd keyboard = { .fd = STDIN_FILENO };

        if (conn_queued(s->conn) < QUEUE_MAX)
            keyboard.events = POLLIN;
        if (!conn_wait(s->conn, &keyboard, 1, -1, err) || !show(conn_stream_input(s->conn), err))
            return FALSE;
        if (keyboard.revents && !type(s))
            return TRUE;
        if (conn_stream_ended(s->conn))
            return TRUE;
    }
    return TRUE;
}

static gboolean
talk_raw(Shell *s, GError **err)
{
    struct termios before;
    gboolean ok;

    told_to_end = 0;
    if (!terminal_raw(&before, err))
        return FALSE;
    catch_endings(on_end);
    ok = talk(s, err);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    catch_endings(SIG_DFL);
    put(s, "\n");
    return ok;
}

static void
greet(Shell *s, const DomainRef *dom)
{
    remark(s, "Connected to domain '%s'\n", dom->name);
    if (s->escape < ' ')
        remark(s, "Escape character is ^%c (Ctrl + %c)\n", s->escape + '@', s->escape + '@');
    else
        remark(s, "Escape character is %c\n", s->escape);
    fflush(stdout);
}

gboolean
console_run(Shell *s, const DomainRef *dom, const char *device, guint flags, gboolean resume,
            GError **err)
{
    DomainOpenConsoleArgs args = { .dom = *dom, .dev_name = device, .flags = flags };
    DomainResumeArgs go = { .dom = *dom };

    if (!isatty(STDIN_FILENO))
        return refuse(err, "Cannot run interactive console without a controlling TTY");
    if (!call(s, PROC_DOMAIN_OPEN_CONSOLE, &args, NULL, err))
        return FALSE;
    greet(s, dom);
    if (resume && !call(s, PROC_DOMAIN_RESUME, &go, NULL, err))
        return FALSE;
    return talk_raw(s, err) && (conn_stream_ended(s->conn) ? conn_stream_check(s->conn, err)
                                                           : conn_stream_abort(s->conn, err));
}
