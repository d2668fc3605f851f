/* What /proc shows of another process: its threads, its open files. Nothing here waits, and a
 * process that has ended has neither. */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
proc_each_fd(pid_t pid, ProcFd each, gpointer user)
{
    g_autofree char *folder = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *target = g_file_read_link(path, NULL);
        if (target)
            each(pid, atoi(name), target, user);
    }
}

char *
proc_fd_says(pid_t pid, int fd, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fdinfo/%d", (int)pid, fd), *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(text, "\n", -1);
    for (int i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], name) && lines[i][strlen(name)] == ':')
            return g_strstrip(g_strdup(lines[i] + strlen(name) + 1));
    return NULL;
}

gboolean
proc_has_thread(pid_t pid, gint64 tid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%" G_GINT64_FORMAT, (int)pid, tid);

    return tid > 0 && tid <= G_MAXINT32 && access(path, F_OK) == 0;
}

/* utime and stime, fields 14 and 15; the command in field 2 may hold blanks and parentheses. */
guint64
proc_cpu_ns(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    unsigned long user = 0, sys = 0;
    const char *rest;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(rest = strrchr(text, ')')))
        return 0;
    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    return (guint64)(user + sys) * (1000000000ULL / (guint64)sysconf(_SC_CLK_TCK));
}

/* ---- pseudo-terminals */

#define PTS "/dev/pts/"

typedef struct PtySearch {
    const char *number;
    gboolean found;
} PtySearch;

static void
compare_pty(pid_t pid, int fd, const char *target, gpointer user)
{
    PtySearch *s = user;
    g_autofree char *number = NULL;

    if (s->found || !g_str_has_suffix(target, "/ptmx"))
        return;
    number = proc_fd_says(pid, fd, "tty-index");
    s->found = g_strcmp0(number, s->number) == 0;
}

gboolean
proc_has_pty(pid_t pid, const char *path)
{
    PtySearch s = { path + strlen(PTS), FALSE };

    if (!g_str_has_prefix(path, PTS) || !*s.number ||
        s.number[strspn(s.number, G_CSET_DIGITS)] != '\0')
        return FALSE;
    proc_each_fd(pid, compare_pty, &s);
    return s.found;
}
