/* A report, for people, of how a QEMU is confined. The kernel is asked at that moment, so that the
 * report shows what is the case, not what was intended. */
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

static char *
capabilities_of(const char *status)
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
    return g_string_free(names, FALSE);
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
add_limit(const char *what, const char *is, gpointer user)
{
    add(user, "limit", g_strdup_printf("%s: %s", what, is), NULL);
}

static void
add_group(GArray *rows, const Run *run)
{
    add(rows, "control group", g_strdup(run->group ? run->group : "the daemon's"), NULL);
    group_each_limit(run, add_limit, rows);
}

/* ---- its helpers, a row each */

static gboolean
read_status(pid_t pid, char **ret_status, GError **err)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);

    return file_read(path, 1 << 16, ret_status, NULL, err);
}

static void
add_helper(GArray *rows, const char *name, pid_t pid, const char *files, const char *why)
{
    g_autofree char *status = NULL, *uid = NULL, *gid = NULL, *caps = NULL, *no_new = NULL;

    if (pid == 0 || !read_status(pid, &status, NULL)) {
        add(rows, name, g_strdup("does not run"), NULL);
        return;
    }
    uid = first_of(status, "Uid");
    gid = first_of(status, "Gid");
    caps = capabilities_of(status);
    no_new = first_of(status, "NoNewPrivs");
    add(rows, name,
        g_strdup_printf("user %s:%s, capabilities: %s, new privileges: %s, files: %s, network: %s",
                        uid, gid, *caps ? caps : "none", no_new[0] == '1' ? "never" : "possible",
                        files, confine_is_shared(pid, "net") ? "the host's" : "its own"),
        why);
}

static void
add_tpm(GArray *rows, const Vm *vm)
{
    gboolean wanted = confine_is_wanted(vm->run), others;
    g_autofree char *place = NULL;

    if (!tpm_emulated(vm->run))
        return;
    place = tpm_state_place(vm, &others);
    add_helper(rows, "swtpm", helpers_tpm_pid(vm),
               wanted && landlock_abi() > 0 ? "its own (Landlock)" : "all that its user may",
               wanted && others ? "its state is where the definition says" : NULL);
}

static void
add_passts(GArray *rows, const Run *run)
{
    EACH (const NetDef, net, run->live->devices.nets)
        if (net->source.net_type == NET_USER && net_has_passt(net))
            add_helper(rows, "passt", passt_pid(run, net->info.alias), "none (it shuts itself in)",
                       "it is the daemon's user in a namespace of users of its own");
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
    g_autofree char *status = NULL;
    GArray *rows;

    if (!vm_need_running(vm, err) || !read_status(vm->run->pid, &status, err))
        return NULL;
    rows = g_array_new(FALSE, TRUE, sizeof(VmConfinement));
    g_array_set_clear_func(rows, row_done);
    add_identity(rows, vm->run, status);
    add(rows, "capabilities", capabilities_of(status), NULL);
    add_gates(rows, vm->run, status);
    add_namespaces(rows, vm->run);
    add_group(rows, vm->run);
    add_tpm(rows, vm);
    add_passts(rows, vm->run);
    add_reasons(rows, vm->run);
    return rows;
}
