/* What a VM needs beside QEMU: swtpm. */
#include <signal.h>
#include <unistd.h>

#include "life.h"

char *
helpers_tpm_socket(const char *run_dir)
{
    return g_build_filename(run_dir, "swtpm", NULL);
}

static void
on_tpm_exit(Process *p, const ProcessEnd *end, gpointer user)
{
    Vm *vm = user;
    FlowToken token = vm->run->tpm_wait;

    process_free(p);
    vm->run->tpm = NULL;
    vm->run->tpm_wait = 0;
    flow_wake(token, NULL);
}

/* It listens on a socket that is there before it runs, so nobody has to wait for it. */
static gboolean
run_tpm(Vm *vm, const TpmDef *tpm, GError **err)
{
    Run *run = vm->run;
    g_autofree char *path = helpers_tpm_socket(run->dir), *where = tpm_state_option(vm);
    g_autofree char *log_path = tpm_log_path(vm), *log = NULL;
    g_autoptr(HostFd) sock = host_fd_new(HOST_LISTEN, path, "TPM");
    g_autofree char *ctrl = NULL;
    g_auto(GStrv) env = g_environ_setenv(process_env(), RUN_MARK, run->dir, TRUE);

    if (!host_open(sock, err))
        return FALSE;
    ctrl = g_strdup_printf("type=unixio,fd=%d", sock->fd);
    log = tpm->debug ? g_strdup_printf("file=%s,level=%u", log_path, tpm->debug)
                     : g_strconcat("file=", log_path, NULL);
    const char *argv[] = {
        "swtpm", "socket", "--ctrl", ctrl,          "--tpmstate",
        where,   "--log",  log,      "--terminate", tpm->version == TPM_1_2 ? NULL : "--tpm2",
        NULL
    };
    ProcessFd fds[] = { { sock->fd, -1 } };
    ProcessSpec spec = { .argv = argv,
                         .env = (const char *const *)env,
                         .fds = fds,
                         .n_fds = G_N_ELEMENTS(fds),
                         .stdout_fd = STDERR_FILENO,
                         .stderr_fd = STDERR_FILENO,
                         .detach = TRUE };
    run->tpm = process_spawn(&spec, on_tpm_exit, vm, err);
    return run->tpm || fail_prefix(err, "TPM emulator: ");
}

StepResult
helpers_start(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    const TpmDef *tpm = tpm_emulated(vm->run);

    if (!tpm)
        return STEP_DONE;
    return step_of(flow_note(f, "swtpm", WORDS(NULL), err) && run_tpm(vm, tpm, err) &&
                   note_process(f, "swtpm", process_pid(vm->run->tpm), err));
}

/* It ends by itself when QEMU's connection closes; one that never had it is told to. */
StepResult
helpers_stop(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    Run *run = vm->run;
    pid_t pid;
    guint64 start_time;

    if (!run->tpm &&
        (note_read(f, &pid, &start_time) || mark_find(run->dir, "swtpm", &pid, &start_time)))
        run->tpm = process_adopt(pid, start_time, on_tpm_exit, vm, NULL);
    if (!run->tpm)
        return STEP_DONE;
    run->tpm_wait = flow_wait(f);
    process_signal(run->tpm, SIGTERM, NULL);
    return STEP_WAIT;
}
