/* The interactive shell: readline with history and completion. It waits for the keyboard and the
 * connection together, so that keepalives are answered while nobody types. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmsh.h"

#include <readline/history.h>
#include <readline/readline.h>

enum { HISTORY_LINES = 500 };

/* readline's callbacks take no context. */
static Shell *the_shell;
static gboolean reading; /* a line is being typed */
static volatile sig_atomic_t interrupted;

/* ---- completion */

static char **
complete_options(const Command *c, GPtrArray *words)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const Option *o;

    for (guint i = 0; (o = command_option(c, i)); i++) {
        g_autofree char *name = g_strconcat("--", o->name, NULL);
        if (!g_ptr_array_find_with_equal_func(words, name, g_str_equal, NULL))
            g_strv_builder_add(names, name);
    }
    return g_strv_builder_end(names);
}

/* The words before the one that is being typed, of the last command on the line. */
static GPtrArray *
words_before(int start)
{
    g_autofree char *line = g_strndup(rl_line_buffer, (gsize)start);
    g_autoptr(GPtrArray) commands = line_split(line, NULL);
    g_autofree char *trimmed = g_strchomp(g_strdup(line));

    if (!commands || !commands->len || g_str_has_suffix(trimmed, ";"))
        return g_ptr_array_new();
    return g_ptr_array_ref(commands->pdata[commands->len - 1]);
}

/* What could stand there; *ret_files: a file name. */
static char **
candidates(Shell *s, GPtrArray *words, const char *text, gboolean *ret_files)
{
    const Command *c = words->len ? command_find(words->pdata[0]) : NULL;
    const Option *o;
    char **found;

    *ret_files = FALSE;
    if (!words->len)
        return complete_commands(s);
    if (!c)
        return NULL;
    if (g_str_has_prefix(text, "-"))
        return complete_options(c, words);
    o = option_expected((const char *const *)words->pdata, words->len);
    if (!o)
        return complete_options(c, words);
    *ret_files = !o->complete;
    if (!o->complete || !shell_connect(s, NULL)) /* what is there only the daemon knows */
        return NULL;
    arena_init(&s->arena, NULL, 0);
    found = o->complete(s);
    arena_done(&s->arena);
    return found;
}

/* readline's form: what all words begin with, the words, NULL; from malloc. */
static char **
matches_of(const char *const *words, guint n)
{
    char **matches = g_new0(char *, n + 2); /* readline frees them with free(3) */
    gsize common = strlen(words[0]);

    for (guint i = 0; i < n; i++) {
        gsize same = 0;
        while (same < common && words[i][same] == words[0][same])
            same++;
        common = same;
        matches[i + 1] = g_strdup(words[i]);
    }
    matches[0] = g_strndup(words[0], common);
    return matches;
}

static char **
on_complete(const char *text, int start, int end)
{
    g_autoptr(GPtrArray) words = words_before(start);
    g_auto(GStrv) all = NULL;
    GPtrArray *found = g_ptr_array_new();
    gboolean files;
    char **matches;

    all = candidates(the_shell, words, text, &files);
    for (char **word = all; word && *word; word++)
        if (g_str_has_prefix(*word, text))
            g_ptr_array_add(found, *word);
    rl_attempted_completion_over = !files;
    if (!found->len) {
        g_ptr_array_unref(found);
        return NULL;
    }
    matches = matches_of((const char *const *)found->pdata, found->len);
    g_ptr_array_unref(found);
    return matches;
}

gboolean
shell_complete(Shell *s, char **typed, guint n)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_auto(GStrv) all = NULL;
    const char *text = n ? typed[n - 1] : "";
    gboolean files;

    for (guint i = 0; i + 1 < n; i++)
        g_ptr_array_add(words, typed[i]);
    all = candidates(s, words, text, &files);
    for (char **word = all; word && *word; word++)
        if (g_str_has_prefix(*word, text))
            puts(*word);
    return files;
}

/* ---- history */

static char *
history_path(void)
{
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "vmsh", NULL);

    dir_make(folder, 0700, NULL);
    return g_build_filename(folder, "history", NULL);
}

/* ---- the loop */

static const char *
prompt(const Shell *s)
{
    return s->readonly ? "vmsh > " : "vmsh # ";
}

static void
on_line(char *line)
{
    Shell *s = the_shell;

    /* The terminal is the command's while it runs. */
    rl_callback_handler_remove();
    reading = FALSE;
    signal(SIGINT, SIG_DFL);
    if (!line) {
        s->quit = TRUE;
        putchar('\n');
        return;
    }
    if (*line) {
        add_history(line);
        shell_run_line(s, line);
    }
    free(line);
}

static void
on_interrupt(int sig)
{
    interrupted = 1;
}

/* Without SA_RESTART, so that the wait ends. */
static void
catch_interrupt(void)
{
    struct sigaction action = { .sa_handler = on_interrupt };

    sigaction(SIGINT, &action, NULL);
}

static void
drop_typed(void)
{
    interrupted = 0;
    rl_callback_sigcleanup();
    rl_free_line_state();
    rl_replace_line("", 0);
    putchar('\n');
    rl_on_new_line();
    rl_redisplay();
}

/* Until a key is pressed; meanwhile the connection is looked after. */
static void
wait_for_key(Shell *s)
{
    struct pollfd key = { .fd = STDIN_FILENO, .events = POLLIN };
    g_autoptr(GError) err = NULL;

    if (!s->conn)
        poll(&key, 1, -1);
    else if (!conn_wait(s->conn, &key, 1, -1, &err)) {
        fprintf(stderr, "\nerror: Disconnected from %s: %s\n", s->uri, err->message);
        shell_disconnect(s);
        rl_on_new_line();
        rl_redisplay();
    }
    if (interrupted)
        drop_typed();
    else if (key.revents)
        rl_callback_read_char();
}

static void
interact_terminal(Shell *s)
{
    g_autofree char *history = history_path();

    the_shell = s;
    rl_readline_name = "vmsh";
    rl_attempted_completion_function = on_complete;
    rl_basic_word_break_characters = " \t\n;\"'\\";
    using_history();
    stifle_history(HISTORY_LINES);
    read_history(history);
    while (!s->quit) {
        rl_callback_handler_install(prompt(s), on_line);
        reading = TRUE;
        catch_interrupt();
        while (reading)
            wait_for_key(s);
    }
    write_history(history);
}

/* Commands from a pipe or a file: no prompt. */
static void
interact_plain(Shell *s)
{
    size_t size = 0;
    char *text = NULL;

    while (!s->quit && !s->stopped && getline(&text, &size, stdin) >= 0)
        s->stopped = !shell_run_line(s, text) && s->stop_at_errors;
    free(text);
}

void
shell_interact(Shell *s)
{
    if (!isatty(STDIN_FILENO)) {
        interact_plain(s);
        return;
    }
    s->interactive = TRUE;
    remark(s, "Welcome to vmsh, the virtualization interactive terminal.\n\n"
              "Type:  'help' for help with commands\n"
              "       'quit' to quit\n\n");
    interact_terminal(s);
}
