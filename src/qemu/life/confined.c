/* What a QEMU has of its host, for people: asked of the kernel when it is asked for, so that it is
 * what is, and not what was meant.
 */
#include <string.h>

#include "life.h"

static void
row_done(gpointer data)
{
    VmConfinement *r = data;

    g_free(r->is);
    g_free(r->why);
}

static void
add(GArray *rows, const char *what, char *is, const char *why)
{
    const VmConfinement row = { what, is, g_strdup(why) };

    g_array_append_val(rows, row);
}

/* The first word behind "Uid:", and all of them. */
static char *
status_of(const char *status, const char *key)
{
    g_autofree char *start = g_strdup_printf("\n%s:", key);
    const char *at = strstr(status, start);

    if (!at)
        return g_strdup("");
    at += strlen(start);
    return g_strstrip(g_strndup(at, strcspn(at, "\n")));
}

static char *
first_of(const char *status, const char *key)
{
    char *words = status_of(status, key);

    words[strcspn(words, " \t")] = '\0';
    return words;
}

/* ---- the rows */

static const char *const whose[N_CONFINE_HOWS] = {
    [CONFINE_UNKNOWN] = "it was started by a daemon that confined nothing",
    [CONFINE_NOT] = "it was asked not to be confined",
    [CONFINE_CHOSEN] = "the definition names it",
    [CONFINE_DAEMON] = "the daemon's",
};

static void
add_identity(GArray *rows, const Run *run, const char *status)
{
    g_autofree char *uid = first_of(status, "Uid"), *gid = first_of(status, "Gid");

    add(rows, "user", g_strdup_printf("%s:%s", uid, gid), whose[run->confined.how]);
    add(rows, "groups", status_of(status, "Groups"), run->confined.group ? "/dev/kvm" : NULL);
}

static const char *const capability_names[] = {
    [0] = "chown",           [1] = "dac_override",
    [2] = "dac_read_search", [3] = "fowner",
    [4] = "fsetid",          [5] = "kill",
    [6] = "setgid",          [7] = "setuid",
    [8] = "setpcap",         [10] = "net_bind_service",
    [12] = "net_admin",      [13] = "net_raw",
    [14] = "ipc_lock",       [17] = "sys_rawio",
    [19] = "sys_ptrace",     [21] = "sys_admin",
    [23] = "sys_nice",       [24] = "sys_resource",
    [27] = "mknod",
};

static void
add_capabilities(GArray *rows, const char *status)
{
    g_autofree char *text = first_of(status, "CapPrm");
    guint64 caps = g_ascii_strtoull(text, NULL, 16);
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < 64; i++) {
        if (!(caps >> i & 1))
            continue;
        if (i < G_N_ELEMENTS(capability_names) && capability_names[i])
            g_string_append_printf(names, "%s%s", names->len ? " " : "", capability_names[i]);
        else
            g_string_append_printf(names, "%s%u", names->len ? " " : "", i);
    }
    add(rows, "capabilities", g_string_free(names, FALSE), NULL);
}

static void
add_gates(GArray *rows, const Run *run, const char *status)
{
    g_autofree char *no_new = first_of(status, "NoNewPrivs"),
                    *seccomp = first_of(status, "Seccomp");
    gint32 abi = run->confined.landlock;

    add(rows, "new privileges", g_strdup(no_new[0] == '1' ? "never" : "by programs that have them"),
        NULL);
    add(rows, "system calls", g_strdup(seccomp[0] == '2' ? "filtered" : "all"), NULL);
    add(rows, "files",
        abi > 0    ? g_strdup_printf("its own (Landlock, ABI %d)", abi)
        : abi == 0 ? g_strdup("all that its user may")
                   : g_strdup("unknown"),
        NULL);
}

static void
add_namespaces(GArray *rows, const Run *run)
{
    static const char *const names[][2] = { { "network", "net" },
                                            { "shared memory", "ipc" },
                                            { "host name", "uts" } };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        add(rows, names[i][0],
            g_strdup(confine_is_shared(run->pid, names[i][1]) ? "the host's" : "its own"), NULL);
}

static void
add_reasons(GArray *rows, const Run *run)
{
    const char *reasons = run->confined.has.reasons;
    g_auto(GStrv) lines = g_strsplit(reasons ? reasons : "", "\n", 1000);

    for (guint i = 0; lines[i]; i++)
        add(rows, "exception", g_strdup(""), lines[i]);
}

GArray *
vm_confinement(Vm *vm, GError **err)
{
    g_autofree char *path = NULL, *status = NULL;
    GArray *rows;

    if (!vm_need_running(vm, err))
        return NULL;
    path = g_strdup_printf("/proc/%d/status", (int)vm->run->pid);
    if (!file_read(path, 1 << 16, &status, NULL, err))
        return NULL;
    rows = g_array_new(FALSE, TRUE, sizeof(VmConfinement));
    g_array_set_clear_func(rows, row_done);
    add_identity(rows, vm->run, status);
    add_capabilities(rows, status);
    add_gates(rows, vm->run, status);
    add_namespaces(rows, vm->run);
    add_reasons(rows, vm->run);
    return rows;
}
