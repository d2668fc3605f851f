/* The helper process of a VM with an emulated TPM: swtpm. */
#include <fcntl.h>
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

static int
open_log(const char *path, GError **err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        fail_errno(err, errno, "cannot open '%s'", path);
    return fd;
}

/* A NULL spec: it is the daemon's user, with all that that may. */
static gboolean
confine_tpm(const Vm *vm, const char *program, const char *place, gboolean others,
            Confine *ret_spec, GError **err)
{
    return !confine_is_wanted(vm->run) ||
           (tpm_hand_over(vm, err) &&
            confine_helper(vm->run, program, place, others, ret_spec, err));
}

static gboolean
spawn_tpm(Vm *vm, const char *const *argv, int sock, int log, GError **err)
{
    Run *run = vm->run;
    gboolean others;
    g_auto(GStrv) env = g_environ_setenv(process_env(), RUN_MARK, run->dir, TRUE);
    g_autofree char *program = g_find_program_in_path(argv[0]),
                    *place = tpm_state_place(vm, &others);
    ProcessFd fds[] = { { sock, -1 }, { log, -1 } };
    Confine confine = { 0 };
    fd_auto group = -1;
    ProcessSpec spec = { .argv = argv,
                         .env = (const char *const *)env,
                         .fds = fds,
                         .n_fds = G_N_ELEMENTS(fds),
                         .cwd = others ? NULL : place,
                         .stdout_fd = STDERR_FILENO,
                         .stderr_fd = STDERR_FILENO,
                         .detach = TRUE };

    if (!group_open(run, &group, err) ||
        !confine_tpm(vm, program ? program : argv[0], place, others, &confine, err))
        return FALSE;
    spec.group = MAX(group, 0);
    if (confine_is_wanted(run))
        spec.confine = &confine;
    run->tpm = process_spawn(&spec, on_tpm_exit, vm, err);
    if (confine.landlock > 0)
        close(confine.landlock);
    return run->tpm != NULL;
}

/* swtpm listens on a socket that is made before it runs, so nothing has to wait for it. */
static gboolean
run_tpm(Vm *vm, const TpmDef *tpm, GError **err)
{
    g_autofree char *path = helpers_tpm_socket(vm->run->dir), *where = tpm_state_option(vm);
    g_autofree char *log_path = tpm_log_path(vm), *log = NULL, *ctrl = NULL;
    g_autoptr(HostFd) sock = host_fd_new(HOST_LISTEN, path, "TPM");
    fd_auto log_fd = open_log(log_path, err);

    if (log_fd < 0 || !host_open(sock, err))
        return fail_prefix(err, "TPM emulator: ");
    ctrl = g_strdup_printf("type=unixio,fd=%d", sock->fd);
    log = tpm->debug ? g_strdup_printf("fd=%d,level=%u", log_fd, tpm->debug)
                     : g_strdup_printf("fd=%d", log_fd);
    const char *argv[] = {
        "swtpm", "socket", "--ctrl", ctrl,          "--tpmstate",
        where,   "--log",  log,      "--terminate", tpm->version == TPM_1_2 ? NULL : "--tpm2",
        NULL
    };
    return spawn_tpm(vm, argv, sock->fd, log_fd, err) || fail_prefix(err, "TPM emulator: ");
}

pid_t
helpers_tpm_pid(const Vm *vm)
{
    guint64 start_time;
    pid_t pid;

    if (!tpm_emulated(vm->run))
        return 0;
    if (vm->run->tpm)
        return process_pid(vm->run->tpm);
    return mark_find(vm->run->dir, "swtpm", &pid, &start_time) ? pid : 0;
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

/* swtpm ends by itself when QEMU's connection closes; one that never had a connection is ended
 * here. */
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
