/* Text in the user's editor, again and again until it is taken. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmsh.h"

/* ---- the editor */

/* The connection is looked after meanwhile: editing takes longer than keepalives are waited for. */
static int
wait_for_editor(Shell *s, pid_t pid)
{
    struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
    int status;

    while (end.fd >= 0 && !end.revents && s->conn && conn_alive(s->conn))
        conn_wait(s->conn, &end, 1, -1, NULL);
    fd_close(&end.fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static gboolean
run_editor(Shell *s, const char *path, GError **err)
{
    const char *visual = g_getenv("VISUAL"), *editor = g_getenv("EDITOR");
    const char *program = visual && *visual ? visual : editor && *editor ? editor : "vi";
    g_autofree char *quoted = g_shell_quote(path);
    g_autofree char *command = g_strdup_printf("%s %s", program, quoted);
    char *argv[] = { (char *)"sh", (char *)"-c", command, NULL };
    g_autofree char *how = NULL;
    g_autoptr(GError) why = NULL;
    GPid pid;

    fflush(stdout);
    if (!g_spawn_async(NULL, argv, NULL,
                       G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                           G_SPAWN_CHILD_INHERITS_STDIN,
                       NULL, NULL, &pid, &why))
        return refuse(err, "cannot run the editor: %s", why->message);
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    how = process_status_text(wait_for_editor(s, pid));
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    return how ? refuse(err, "the editor '%s' %s", program, how) : TRUE;
}

static gboolean
write_all(int fd, const char *text, GError **err)
{
    gsize len = strlen(text);

    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0)
            return fail_errno(err, errno, "cannot write the text to edit");
        text += n;
        len -= (gsize)n;
    }
    return TRUE;
}

gboolean
edit_text(Shell *s, const char *text, const char *suffix, char **ret_text, GError **err)
{
    g_autofree char *path = g_strdup_printf("%s/vmshXXXXXX%s", g_get_tmp_dir(), suffix);
    fd_auto fd = mkostemps(path, (int)strlen(suffix), O_CLOEXEC);
    g_autofree char *edited = NULL;
    gboolean ok;

    if (fd < 0)
        return fail_errno(err, errno, "cannot make %s", path);
    ok = write_all(fd, text, err) && run_editor(s, path, err) &&
         file_read(path, 64 << 20, &edited, NULL, err);
    unlink(path);
    if (ok)
        *ret_text = strcmp(edited, text) == 0 ? NULL : g_steal_pointer(&edited);
    return ok;
}

/* ---- until it is taken */

static const char choices[] = "y - yes, start editor again\n"
                              "n - no, throw away my changes\n"
                              "i - turn off validation and try to redefine again\n"
                              "f - force, try to redefine again\n"
                              "? - print this help\n";

/* One of y, n, i, f; n at the end of the input. */
static char
ask(Shell *s)
{
    for (;;) {
        char answer[64];

        put(s, "Failed. Try again? [y,n,i,f,?]: ");
        fflush(stdout);
        if (!fgets(answer, sizeof(answer), stdin))
            return 'n';
        char c = g_ascii_tolower(answer[0]);
        if (c && strchr("ynif", c))
            return c;
        if (c == '?')
            put(s, "%s", choices);
    }
}

/* What to do about an error: the next round's settings, or FALSE to give up with it. */
static gboolean
ask_about(Shell *s, GError **why, gboolean *validate, gboolean *edit, GError **err)
{
    char choice = 'n';

    if (isatty(STDIN_FILENO)) {
        complain(s, *why);
        choice = ask(s);
        if (choice == 'n') {
            g_clear_error(why);
            g_clear_pointer(&s->doing, g_free);
            return refuse(err, "the changes are thrown away");
        }
    }
    if (choice == 'n') {
        g_propagate_error(err, g_steal_pointer(why));
        return FALSE;
    }
    g_clear_error(why);
    *edit = choice == 'y';
    if (choice == 'i')
        *validate = FALSE;
    return TRUE;
}

gboolean
edit_and_apply(Shell *s, const char *text, const char *suffix, gboolean validate, EditApply apply,
               gpointer user, gboolean *ret_changed, GError **err)
{
    g_autofree char *current = g_strdup(text);
    gboolean edit = TRUE, changed = FALSE;

    for (;;) {
        g_autoptr(GError) why = NULL;
        g_autofree char *edited = NULL;

        if (edit && !edit_text(s, current, suffix, &edited, err))
            return FALSE;
        if (edited) {
            g_free(current);
            current = g_steal_pointer(&edited);
            changed = TRUE;
        }
        *ret_changed = changed;
        if (!changed || (shell_connect(s, &why) && apply(s, current, validate, user, &why)))
            return TRUE;
        if (!ask_about(s, &why, &validate, &edit, err))
            return FALSE;
    }
}
