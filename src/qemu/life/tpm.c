/* A TPM as it leaves its factory: swtpm_setup gives a new one its endorsement key, certificates of
 * it and of the platform, and PCR banks. It works in a folder beside the state, which comes to its
 * place when the work is done: a state is there as a whole or not at all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "life.h"

#define STATE_KEY "state"
#define WORK      "setup-" /* and the UUID: the folder that swtpm_setup works in, beside the state */

/* A host that is slow makes progress all the same: it writes its log or its state. */
#define LOOK_S  5
#define STALL_S 300

const TpmDef *
tpm_emulated(const Run *run)
{
    GPtrArray *tpms = run->live->devices.tpms;
    const TpmDef *tpm = tpms && tpms->len > 0 ? tpms->pdata[0] : NULL;

    return tpm && tpm->backend == TPM_EMULATOR ? tpm : NULL;
}

char *
tpm_log_path(const Vm *vm)
{
    return vmlog_helper_path(vm, "swtpm");
}

/* ---- where the state is */

static gboolean
is_one_file(const TpmDef *tpm)
{
    return tpm->state && tpm->state->type == TPM_STATE_FILE;
}

/* A folder that the definition names is its writer's; without one the domain has a folder of ours.
 */
static char *
folder_of(const Vm *vm, const TpmDef *tpm)
{
    if (is_one_file(tpm))
        return g_path_get_dirname(tpm->state->path);
    return tpm->state ? g_strdup(tpm->state->path) : tpm_state_dir(vm);
}

static char *
work_of(const Vm *vm, const char *folder)
{
    char uuid[UUID_TEXT_LEN];
    g_autofree char *name = NULL;

    uuid_format(vm->obj.uuid, uuid);
    name = g_strconcat(WORK, uuid, NULL);
    return g_build_filename(folder, name, NULL);
}

/* In the folder of the state and in that of the work alike: swtpm chooses the name of the file,
 * unless the definition does. */
static char *
file_in(const char *folder, const TpmDef *tpm)
{
    g_autofree char *own = is_one_file(tpm) ? g_path_get_basename(tpm->state->path) : NULL;
    const char *usual = tpm->version == TPM_1_2 ? "tpm-00.permall" : "tpm2-00.permall";

    return g_build_filename(folder, own ? own : usual, NULL);
}

/* A folder of ours is the one that swtpm is started in: its user could not come by those above. */
char *
tpm_state_option(const Vm *vm)
{
    const TpmDef *tpm = tpm_emulated(vm->run);

    if (is_one_file(tpm))
        return g_strconcat("backend-uri=file://", tpm->state->path, NULL);
    return g_strdup_printf("dir=%s,mode=0600", tpm->state ? tpm->state->path : ".");
}

char *
tpm_state_place(const Vm *vm, gboolean *ret_others)
{
    const TpmDef *tpm = tpm_emulated(vm->run);

    *ret_others = tpm->state != NULL;
    return is_one_file(tpm) ? g_strdup(tpm->state->path) : folder_of(vm, tpm);
}

void
tpm_look(const DomainDef *live)
{
    EACH (const TpmDef, tpm, live->devices.tpms)
        if (tpm->state && tpm->state->path)
            access(tpm->state->path, F_OK);
}

/* ---- whose it is: that of the last run had another user */

/* Other files that an earlier swtpm may have left there do not matter. */
static gboolean
give_file(int folder, const char *name, guint32 uid, guint32 gid)
{
    fd_auto fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    return fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
           fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0;
}

gboolean
tpm_hand_over(const Vm *vm, GError **err)
{
    const Confined *c = &vm->run->confined;
    gboolean others, ok;
    g_autofree char *path = tpm_state_place(vm, &others);
    const struct dirent *entry;
    DIR *dir;
    int fd;

    if (others || geteuid() != 0)
        return TRUE;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !(dir = fdopendir(fd)))
        return fail_errno(err, errno, "TPM: cannot open '%s'", path);
    ok = fchown(fd, c->uid, c->gid) == 0;
    while (ok && (entry = readdir(dir)))
        ok = give_file(fd, entry->d_name, c->uid, c->gid);
    if (!ok)
        fail_errno(err, errno, "TPM: cannot give '%s' to swtpm's user", path);
    closedir(dir);
    return ok;
}

/* ---- whose certificates */

static gboolean
write_config(const char *folder, GError **err)
{
    g_autofree char *tool = g_find_program_in_path("swtpm_localca");
    g_autofree char *setup = g_build_filename(folder, "swtpm_setup.conf", NULL);
    g_autofree char *ca = g_build_filename(folder, "swtpm-localca.conf", NULL);
    g_autofree char *setup_text = g_strdup_printf(
        "create_certs_tool = %s\ncreate_certs_tool_config = %s\n"
        "create_certs_tool_options = /etc/swtpm-localca.options\nactive_pcr_banks = sha256\n",
        tool ? tool : "/usr/bin/swtpm_localca", ca);
    g_autofree char *ca_text = g_strdup_printf("statedir = %s\nsigningkey = %s/signkey.pem\n"
                                               "issuercert = %s/issuercert.pem\n"
                                               "certserial = %s/certserial\n",
                                               folder, folder, folder, folder);

    return dir_make(folder, 0700, err) && file_write(setup, setup_text, -1, 0600, err) &&
           file_write(ca, ca_text, -1, 0600, err);
}

/* The host's, as its administrator has set it up; a daemon below another root, and a user's, have
 * an authority of their own. *ret_path is NULL for the host's. */
static gboolean
find_config(char **ret_path, GError **err)
{
    g_autofree char *folder = g_strconcat(qemu_paths->lib, "/qemu/swtpm-ca", NULL);
    g_autofree char *path = g_build_filename(folder, "swtpm_setup.conf", NULL);

    *ret_path = NULL;
    if (!qemu_paths->session && strcmp(qemu_paths->lib, "/var/lib/vmd") == 0)
        return TRUE;
    if (access(path, F_OK) < 0 && !write_config(folder, err))
        return FALSE;
    *ret_path = g_steal_pointer(&path);
    return TRUE;
}

/* ---- how far it is */

static guint64
size_and_time(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0
               ? 0
               : (guint64)st.st_size + (guint64)st.st_mtim.tv_sec + (guint64)st.st_mtim.tv_nsec;
}

static guint64
progress_of(const Vm *vm)
{
    const TpmDef *tpm = tpm_emulated(vm->run);
    g_autofree char *log = tpm_log_path(vm), *folder = folder_of(vm, tpm);
    g_autofree char *work = work_of(vm, folder), *state = file_in(work, tpm);

    return size_and_time(log) + size_and_time(state);
}

static gboolean
on_look(gpointer user)
{
    Vm *vm = user;
    Run *run = vm->run;
    guint64 progress = progress_of(vm);
    gint64 now = g_get_monotonic_time();

    if (progress != run->tpm_progress) {
        run->tpm_progress = progress;
        run->tpm_progress_at = now;
    }
    if (now - run->tpm_progress_at < STALL_S * G_USEC_PER_SEC)
        return G_SOURCE_CONTINUE;
    run->timer = 0;
    process_signal(run->tpm, SIGKILL, NULL);
    return G_SOURCE_REMOVE;
}

static gboolean
has_stalled(const Run *run)
{
    return run->timer == 0;
}

/* ---- the work */

static gboolean
take_over(const Vm *vm, GError **err)
{
    const TpmDef *tpm = tpm_emulated(vm->run);
    g_autofree char *folder = folder_of(vm, tpm), *work = work_of(vm, folder);
    g_autofree char *from = file_in(work, tpm), *to = file_in(folder, tpm);

    if (rename(from, to) < 0)
        return fail_errno(err, errno, "TPM: swtpm_setup has made no '%s'", from);
    return dir_remove(work, err);
}

static void
on_set_up(Process *p, const ProcessEnd *end, gpointer user)
{
    Vm *vm = user;
    Run *run = vm->run;
    FlowToken token = run->tpm_wait;
    g_autofree char *why = process_status_text(end->status), *log = tpm_log_path(vm);
    g_autoptr(GError) err = NULL;

    if (has_stalled(run))
        fail(&err, ERR_TIMEOUT, "TPM: swtpm_setup did nothing for %d s; see %s", STALL_S, log);
    else if (why)
        fail(&err, ERR_OPERATION_FAILED, "TPM: swtpm_setup %s: %s; see %s", why, end->errors, log);
    g_clear_handle_id(&run->timer, g_source_remove);
    process_free(p);
    run->tpm = NULL;
    run->tpm_wait = 0;
    if (!err)
        take_over(vm, &err);
    flow_wake(token, err);
}

static GPtrArray *
make_argv(const Vm *vm, const char *config, const char *work)
{
    const TpmDef *tpm = tpm_emulated(vm->run);
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    char uuid[UUID_TEXT_LEN];
    g_autofree char *log = tpm_log_path(vm), *id = NULL, *file = file_in(work, tpm);
    g_autofree char *state = g_strconcat(is_one_file(tpm) ? "file://" : "",
                                         is_one_file(tpm) ? file : work, NULL);
    const char *const always[] = { "--createek", "--create-ek-cert", "--create-platform-cert",
                                   "--lock-nvram", "--not-overwrite" };

    uuid_format(vm->obj.uuid, uuid);
    id = g_strdup_printf("%s:%s", vm->obj.name, uuid);
    g_ptr_array_add(argv, g_strdup("swtpm_setup"));
    if (config) {
        g_ptr_array_add(argv, g_strdup("--config"));
        g_ptr_array_add(argv, g_strdup(config));
    }
    if (tpm->version != TPM_1_2)
        g_ptr_array_add(argv, g_strdup("--tpm2"));
    const char *const pairs[] = { "--tpm-state", state, "--vmid", id, "--logfile", log };
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        g_ptr_array_add(argv, g_strdup(pairs[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(always); i++)
        g_ptr_array_add(argv, g_strdup(always[i]));
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* Temporary files of its own, whose names it forgets when it is killed, go with the folder. */
static gboolean
spawn(Vm *vm, const char *work, GError **err)
{
    Run *run = vm->run;
    g_autofree char *config = NULL;
    g_autoptr(GPtrArray) argv = NULL;
    g_auto(GStrv) env = g_environ_setenv(process_env(), RUN_MARK, run->dir, TRUE);
    ProcessSpec spec = PROCESS_SPEC_INIT;

    env = g_environ_setenv(env, "TMPDIR", work, TRUE);
    if (!dir_remove(work, err) || !dir_make(work, 0700, err) || !find_config(&config, err))
        return FALSE;
    argv = make_argv(vm, config, work);
    spec.argv = (const char *const *)argv->pdata;
    spec.env = (const char *const *)env;
    spec.limits = &process_tool_limits;
    run->tpm = process_spawn(&spec, on_set_up, vm, err);
    return run->tpm || fail_prefix(err, "TPM: ");
}

/* On disk before anything is made: the folder of the work, and that of the state where it is not
 * somebody's already. */
static gboolean
note_folders(Flow *f, const TpmDef *tpm, const char *folder, const char *work, GError **err)
{
    gboolean ours = !tpm->state || !g_file_test(folder, G_FILE_TEST_EXISTS);

    return flow_note(f, STATE_KEY, WORDS(work, ours ? folder : NULL), err);
}

/* swtpm and swtpm_setup split their options at commas. */
static gboolean
check_path(const TpmDef *tpm, GError **err)
{
    const char *path = tpm->state ? tpm->state->path : NULL;

    if (path && !g_path_is_absolute(path))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "TPM: its state '%s' is not an absolute path",
                    path);
    return !path || !strchr(path, ',') ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "TPM: swtpm takes no ',' in the path of its state '%s'", path);
}

StepResult
tpm_set_up(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    const TpmDef *tpm = tpm_emulated(run);
    g_autofree char *folder = NULL, *work = NULL, *state = NULL;

    if (!tpm)
        return STEP_DONE;
    if (!check_path(tpm, err))
        return STEP_FAILED;
    folder = folder_of(vm, tpm);
    work = work_of(vm, folder);
    if (!note_folders(f, tpm, folder, work, err) || !dir_make(folder, 0700, err))
        return STEP_FAILED;
    state = file_in(folder, tpm);
    if (access(state, F_OK) == 0)
        return STEP_DONE;
    if (!spawn(vm, work, err))
        return STEP_FAILED;
    log_debug("domain '%s': its TPM is set up", vm->obj.name);
    run->tpm_progress_at = g_get_monotonic_time();
    run->timer = g_timeout_add_seconds(LOOK_S, on_look, vm);
    run->tpm_wait = flow_wait(f);
    return STEP_WAIT;
}

/* ---- and back */

static void
on_gone(Process *p, const ProcessEnd *end, gpointer user)
{
    Vm *vm = user;
    FlowToken token = vm->run->tpm_wait;

    process_free(p);
    vm->run->tpm = NULL;
    vm->run->tpm_wait = 0;
    flow_wake(token, NULL);
}

/* swtpm_setup, then what it has left: a swtpm of its own that nobody tells to end. */
static gboolean
find_one(Vm *vm)
{
    Run *run = vm->run;
    pid_t pid;
    guint64 start_time;

    g_clear_handle_id(&run->timer, g_source_remove);
    /* swtpm_setup is found again by its mark, so that this daemon does as the next one would. */
    g_clear_pointer(&run->tpm, process_free);
    if (!mark_find(run->dir, "swtpm", &pid, &start_time))
        return FALSE;
    run->tpm = process_adopt(pid, start_time, on_gone, vm, NULL);
    return run->tpm != NULL;
}

/* Removes an unfinished state; a complete one stays, unless the domain is gone. */
StepResult
tpm_take_back(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    const char *work = flow_word(f, 0), *folder = flow_word(f, 1);
    g_autoptr(GError) err = NULL;

    if (work && access(work, F_OK) == 0) {
        if (find_one(vm)) {
            vm->run->tpm_wait = flow_wait_again(f);
            process_signal(vm->run->tpm, SIGKILL, NULL);
            return STEP_WAIT;
        }
        if (!dir_remove(work, &err))
            log_warning("domain '%s': %s", vm->obj.name, err->message);
    }
    if (folder)
        rmdir(folder); /* where nothing is in it */
    remains_end(vm);
    return STEP_DONE;
}
