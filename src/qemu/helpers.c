/* What a VM needs beside QEMU: its own copy of the firmware's variables, and swtpm. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu_priv.h"

/* ---- the firmware's variables */

static const char *
nvram_path(const NvramDef *nvram)
{
    return nvram->path ? nvram->path : nvram->source.path;
}

static gboolean
copy_file(const char *from, const char *to, GError **err)
{
    g_autofree char *part = g_strconcat(to, ".part", NULL);
    fd_auto in = open(from, O_RDONLY | O_CLOEXEC);
    fd_auto out = -1;
    struct stat st;
    gssize n = 1;

    if (in < 0 || fstat(in, &st) < 0)
        return fail_errno(err, errno, "cannot open template '%s' of the firmware's variables",
                          from);
    out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (out >= 0 && n > 0)
        n = sendfile(out, in, NULL, (gsize)st.st_size);
    if (out < 0 || n < 0 || fsync(out) < 0 || rename(part, to) < 0) {
        fail_errno(err, errno, "cannot make '%s'", to);
        unlink(part);
        return FALSE;
    }
    return TRUE;
}

/* The guest's settings outlive every run: there is nothing to undo. */
static gboolean
make_nvram(const Run *run, GError **err)
{
    const NvramDef *nvram = run->live->os.nvram;
    const char *path = nvram ? nvram_path(nvram) : NULL;
    g_autofree char *folder = NULL;

    if (!path || !nvram->template)
        return TRUE;
    if (access(path, F_OK) == 0 && !(run->flags & VM_START_RESET_NVRAM))
        return TRUE;
    folder = g_path_get_dirname(path);
    return dir_make(folder, 0700, err) && copy_file(nvram->template, path, err);
}

/* ---- swtpm */

char *
helpers_tpm_socket(const char *run_dir)
{
    return g_build_filename(run_dir, "swtpm", NULL);
}

static const TpmDef *
emulated_tpm(const Run *run)
{
    GPtrArray *tpms = run->live->devices.tpms;
    const TpmDef *tpm = tpms && tpms->len > 0 ? tpms->pdata[0] : NULL;

    return tpm && tpm->backend == TPM_EMULATOR ? tpm : NULL;
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

static char *
make_state(Vm *vm, GError **err)
{
    char uuid[UUID_TEXT_LEN];
    g_autofree char *dir = NULL;

    uuid_format(vm->obj.uuid, uuid);
    dir = g_strdup_printf("%s/qemu/swtpm/%s", qemu_paths->lib, uuid);
    return dir_make(dir, 0700, err) ? g_steal_pointer(&dir) : NULL;
}

/* It listens on a socket that is there before it runs, so nobody has to wait for it. */
static gboolean
run_tpm(Vm *vm, const TpmDef *tpm, GError **err)
{
    Run *run = vm->run;
    g_autofree char *path = helpers_tpm_socket(run->dir), *state = make_state(vm, err);
    g_autofree char *log = g_strdup_printf("file=%s/qemu/%s-swtpm.log", qemu_paths->log,
                                           vm->obj.name);
    g_autoptr(HostFd) sock = host_fd_new(HOST_LISTEN, path, "TPM");
    g_autofree char *ctrl = NULL, *where = NULL;
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), RUN_MARK, run->dir, TRUE);

    if (!state || !host_open(sock, err))
        return FALSE;
    ctrl = g_strdup_printf("type=unixio,fd=%d", sock->fd);
    where = g_strdup_printf("dir=%s,mode=0600", state);
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
    const TpmDef *tpm = emulated_tpm(vm->run);
    g_autofree char *note = NULL;

    if (!make_nvram(vm->run, err))
        return STEP_FAILED;
    if (!tpm)
        return STEP_DONE;
    if (!run_tpm(vm, tpm, err))
        return STEP_FAILED;
    note = note_process(process_pid(vm->run->tpm));
    return step_of(flow_note(f, note, err));
}

/* It ends by itself when QEMU's connection closes; one that never had it is told to. */
StepResult
helpers_stop(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    Run *run = vm->run;
    pid_t pid;
    guint64 start_time;

    if (!run->tpm && (note_read(flow_detail(f), &pid, &start_time) ||
                      (emulated_tpm(run) && note_find(run->dir, "swtpm", &pid, &start_time))))
        run->tpm = process_adopt(pid, start_time, on_tpm_exit, vm, NULL);
    if (!run->tpm)
        return STEP_DONE;
    run->tpm_wait = flow_wait(f);
    process_signal(run->tpm, SIGTERM, NULL);
    return STEP_WAIT;
}
