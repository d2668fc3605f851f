/* Processes that a daemon started and another one finds: by pid and start time, as a ledger names
 * them, or by a mark in their environment where it could not.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "life.h"

gboolean
note_process(Flow *f, const char *key, pid_t pid, GError **err)
{
    g_autofree char *id = g_strdup_printf("%d", (int)pid);
    g_autofree char *since = g_strdup_printf("%" G_GUINT64_FORMAT, process_start_time(pid));

    return flow_note(f, key, WORDS(id, since), err);
}

gboolean
note_read(const Flow *f, pid_t *ret_pid, guint64 *ret_start_time)
{
    guint64 pid;

    if (!flow_word(f, 1) ||
        !g_ascii_string_to_unsigned(flow_word(f, 0), 10, 2, G_MAXINT32, &pid, NULL) ||
        !g_ascii_string_to_unsigned(flow_word(f, 1), 10, 1, G_MAXUINT64, ret_start_time, NULL))
        return FALSE;
    *ret_pid = (pid_t)pid;
    return TRUE;
}

/* ---- marks */

static char *
proc_read(const char *pid, const char *name, gsize *ret_len)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/%s", pid, name);
    char *text = NULL;

    return g_file_get_contents(path, &text, ret_len, NULL) ? text : NULL;
}

/* The value of an environment variable of a process, or NULL. */
static char *
env_of(const char *pid, const char *name)
{
    gsize len, n = strlen(name);
    g_autofree char *text = proc_read(pid, "environ", &len);

    for (gsize i = 0; text && i < len; i += strlen(text + i) + 1)
        if (strncmp(text + i, name, n) == 0 && text[i + n] == '=')
            return g_strdup(text + i + n + 1);
    return NULL;
}

static char *
program_of(const char *pid)
{
    gsize len;
    char *text = proc_read(pid, "comm", &len);

    return text ? g_strchomp(text) : NULL;
}

static void
marked_free(gpointer data)
{
    Marked *m = data;

    g_free(m->dir);
    g_free(m->program);
    g_free(m);
}

/* A process that is about to end has no environment any more. */
static Marked *
marked_read(const char *pid)
{
    g_autofree char *dir = env_of(pid, RUN_MARK);
    Marked *m;

    if (!dir)
        return NULL;
    m = g_new0(Marked, 1);
    *m = (Marked){ .pid = (pid_t)atoi(pid), .dir = g_steal_pointer(&dir) };
    m->start_time = process_start_time(m->pid);
    m->program = program_of(pid);
    return m;
}

GPtrArray *
marks_list(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(marked_free);
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (proc && (name = g_dir_read_name(proc))) {
        Marked *m = g_ascii_isdigit(name[0]) ? marked_read(name) : NULL;
        if (m)
            g_ptr_array_add(list, m);
    }
    return list;
}

/* QEMU has whatever name its emulator has; it is none of the helpers. */
static gboolean
is_helper(const char *program)
{
    static const char *const helpers[] = { "swtpm", "passt", "certtool" };

    for (gsize i = 0; i < G_N_ELEMENTS(helpers); i++)
        if (g_str_has_prefix(program, helpers[i]))
            return TRUE;
    return FALSE;
}

/* The oldest: what QEMU itself started has its environment. */
const Marked *
marks_find(GPtrArray *marks, const char *run_dir, const char *program)
{
    const Marked *found = NULL;

    for (guint i = 0; i < marks->len; i++) {
        const Marked *m = marks->pdata[i];
        if (strcmp(m->dir, run_dir) != 0 || !m->program)
            continue;
        if (!(program ? g_str_has_prefix(m->program, program) : !is_helper(m->program)))
            continue;
        if (!found || m->start_time < found->start_time)
            found = m;
    }
    return found;
}

gboolean
mark_find(const char *run_dir, const char *program, pid_t *ret_pid, guint64 *ret_start_time)
{
    g_autoptr(GPtrArray) marks = marks_list();
    const Marked *m = marks_find(marks, run_dir, program);

    if (!m)
        return FALSE;
    *ret_pid = m->pid;
    *ret_start_time = m->start_time;
    return TRUE;
}

gboolean
mark_is(pid_t pid, const char *run_dir, const char *program)
{
    g_autofree char *text = g_strdup_printf("%d", (int)pid), *comm = program_of(text);
    g_autofree char *dir = env_of(text, RUN_MARK);

    return comm && g_str_has_prefix(comm, program) && (!dir || strcmp(dir, run_dir) == 0);
}
