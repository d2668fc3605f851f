/* QEMU's process: how it is begun and how it is ended, the row "spawn qemu" and its undo side by
 * side, and its monitor's socket.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "life.h"

#define GRACE_MS 5000 /* for a QEMU that should end by itself */

static char *
monitor_path(const Run *run)
{
    return g_build_filename(run->dir, "monitor", NULL);
}

/* The numbers that the command line says, the same in the child. */
static GArray *
collect_fds(const Run *run)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(ProcessFd));
    ProcessFd row = { run->start.monitor_fd, -1 };

    g_array_append_val(fds, row);
    for (guint i = 0; i < run->start.files->len; i++) {
        const HostFd *h = run->start.files->pdata[i];
        row.fd = h->fd;
        if (!h->by_monitor)
            g_array_append_val(fds, row);
    }
    for (guint i = 0; i < run->start.nets->len; i++) {
        const HostNet *n = run->start.nets->pdata[i];
        for (guint j = 0; j < n->taps->len; j++) {
            row.fd = g_array_index(n->taps, int, j);
            g_array_append_val(fds, row);
        }
        for (guint j = 0; j < n->vhosts->len; j++) {
            row.fd = g_array_index(n->vhosts, int, j);
            g_array_append_val(fds, row);
        }
    }
    return fds;
}

/* QEMU's libraries keep what they like in the VM's own folder, not in the daemon's home. The mark
 * is what mark_find looks for. */
static char **
make_env(const Run *run)
{
    static const char *const folders[][2] = { { "HOME", "" },
                                              { "XDG_DATA_HOME", "/.local/share" },
                                              { "XDG_CACHE_HOME", "/.cache" },
                                              { "XDG_CONFIG_HOME", "/.config" } };
    char **env = process_env();

    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_strconcat(run->dir, folders[i][1], NULL);
        env = g_environ_setenv(env, folders[i][0], path, TRUE);
    }
    env = args_env(run->live, env);
    return g_environ_setenv(env, RUN_MARK, run->dir, TRUE);
}

static gboolean
run_emulator(Vm *vm, const char *const *argv, int log_fd, GError **err)
{
    Run *run = vm->run;
    g_auto(GStrv) env = make_env(run);
    g_autoptr(GArray) fds = collect_fds(run);
    const gboolean confined = confine_is_wanted(run);
    Confine confine = { 0 };
    fd_auto ruleset = -1;
    fd_auto group = -1;
    ProcessSpec spec = {
        .argv = argv,
        .env = (const char *const *)env,
        .fds = (const ProcessFd *)fds->data,
        .n_fds = fds->len,
        .stdout_fd = log_fd,
        .stderr_fd = log_fd,
        .detach = TRUE,
        .apart = TRUE,
        .cwd = run->dir, /* what is in there QEMU finds whoever it is */
        .confine = confined ? &confine : NULL,
    };

    if (!group_open(run, &group, err) || (confined && !confine_spec(run, &confine, err)))
        return FALSE;
    spec.group = MAX(group, 0);
    ruleset = confine.landlock > 0 ? confine.landlock : -1;
    run->process = process_spawn(&spec, stop_on_exit, vm, err);
    if (!run->process)
        return FALSE;
    run->pid = process_pid(run->process);
    run->start_time = process_start_time(run->pid);
    return TRUE;
}

StepResult
spawn_qemu(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    g_autofree char *path = monitor_path(run);
    g_autoptr(HostFd) monitor = host_fd_new(HOST_LISTEN, path, "monitor");
    g_autoptr(GPtrArray) argv = NULL;
    fd_auto log_fd = -1;
    ArgsIn in = {
        .def = run->live,
        .emulator = run->start.emulator,
        .files = run->start.files,
        .nets = run->start.nets,
        .run_dir = run->dir,
    };

    if (!host_open(monitor, err))
        return STEP_FAILED;
    in.monitor_fd = run->start.monitor_fd = fd_steal(&monitor->fd);
    if (!(argv = args_build(&in, err)) || (log_fd = vmlog_open(vm, err)) < 0)
        return STEP_FAILED;
    vmlog_header(log_fd, run->start.emulator, (const char *const *)argv->pdata);
    confine_tell(vm);
    run->start.log_from = lseek(log_fd, 0, SEEK_END);
    if (!run_emulator(vm, (const char *const *)argv->pdata, log_fd, err))
        return STEP_FAILED;
    fd_close(&run->start.monitor_fd);
    return step_of(note_process(f, NULL, run->pid, err));
}

char *
start_last_words(Vm *vm)
{
    Run *run = vm->run;
    g_autoptr(GString) words = NULL;
    g_autofree char *text = vmlog_read_from(vm, run->start.log_from);

    words = g_string_new(text);
    for (guint i = list_length(run->start.files); i-- > 0;) {
        const HostFd *h = run->start.files->pdata[i];
        g_autofree char *set = g_strdup_printf("/dev/fdset/%u", h->set);
        if (h->set)
            g_string_replace(words, set, h->path, 0);
    }
    return g_string_free(g_steal_pointer(&words), FALSE);
}

gboolean
monitor_connect(Vm *vm, GError **err)
{
    g_autofree char *path = monitor_path(vm->run);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        return fail_errno(err, errno, "cannot connect to QEMU's monitor at %s", path);
    vm->run->qmp = qmp_new(fd_steal(&fd), &vm_qmp_ops, vm);
    return TRUE;
}

/* ---- the undo of "spawn qemu" */

static gboolean
kill_late(gpointer data)
{
    Vm *vm = data;

    vm->run->timer = 0;
    log_warning("domain '%s': QEMU does not end by itself; killing it", vm->obj.name);
    process_signal(vm->run->process, SIGKILL, NULL);
    return G_SOURCE_REMOVE;
}

/* Found again by its line in the ledger, or by its mark where the daemon died before it could say
 * who that is. */
static Process *
find_again(Vm *vm, const Flow *f)
{
    pid_t pid;
    guint64 start_time;

    if (!note_read(f, &pid, &start_time) && !mark_find(vm->run->dir, NULL, &pid, &start_time))
        return NULL;
    return process_adopt(pid, start_time, stop_on_exit, vm, NULL);
}

StepResult
stop_qemu(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    Run *run = vm->run;

    if (!run->process)
        run->process = find_again(vm, f);
    if (!run->process)
        return STEP_DONE;
    if (run->qmp && qmp_has_ended(run->qmp))
        run->lost = TRUE; /* its end is what failed the flow */
    run->exit_wait = flow_wait(f);
    process_signal(run->process, run->graceful ? SIGTERM : SIGKILL, NULL);
    if (run->graceful)
        stop_timer(run, GRACE_MS, kill_late, vm);
    return STEP_WAIT;
}
