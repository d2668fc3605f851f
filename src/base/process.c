/* Child processes: started by vfork(2) or, apart, by fork(2), watched by a pidfd in the main loop,
 * their output captured with a bound. No SIGCHLD handler is used, and SIGCHLD must not be ignored.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OUT_MAX = 1 << 20,
    ERRORS_MAX = 1 << 16,
    DRAIN_MS = 1000,   /* how long a grandchild may keep a captured pipe open */
    ADOPT_MS = 500,    /* between two tries to watch a process while the daemon lacks descriptors */
    READS_AT_ONCE = 8, /* so that a child that never stops talking does not stop the loop */
};

/* One end of the pipe that is a child's stdout or stderr. */
typedef struct Capture {
    Process *owner;
    int fd; /* -1: not captured, or at its end */
    guint source;
    GString *text;
    gsize max;
    gsize dropped;
} Capture;

struct Process {
    pid_t pid;
    int pidfd;
    gboolean ours;  /* a child that nobody else ends: killed by process_free */
    gboolean leads; /* a process group, which is killed with it */
    gboolean exited;
    int status;
    guint64 start_time; /* of one that is adopted and not watched yet */
    guint exit_source, drain_source, adopt_source;
    Capture out, errors;
    ProcessDone done;
    gpointer user;
};

/* ---- the child's side ----
 * It shares our memory until exec (or, apart, has a copy of it in which any lock may be held), so
 * everything is laid out beforehand and only system calls are made; a failure is told by writing to
 * the plan, or to stderr. */

typedef struct Plan {
    const char *program;
    char *const *argv, *const *env;
    const char *cwd;
    gboolean detach, apart;
    const ProcessLimits *limits;
    const Confine *confine;
    int group;
    pid_t parent;
    ProcessFd *fds; /* 0, 1, 2 and the caller's, ascending by target */
    gsize n_fds;
    sigset_t mask;
    const char *step; /* of a failure */
    int errnum;
} Plan;

static void
child_say(const Plan *plan, const char *step, int errnum)
{
    const char *words[] = { "cannot ", step, " '", plan->program, "': ", strerrordesc_np(errnum),
                            "\n" };

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i] && write(2, words[i], strlen(words[i])) < 0)
            return;
}

static void G_GNUC_NORETURN
child_fail(Plan *plan, const char *step)
{
    plan->step = step;
    plan->errnum = errno;
    if (plan->apart)
        child_say(plan, step, plan->errnum);
    _exit(127);
}

/* Sources below the highest target may be in the way of another row, so they go above it first.
 * The copies are close-on-exec. */
static void
child_place_fds(Plan *plan)
{
    ProcessFd *fds = plan->fds;
    int top = fds[plan->n_fds - 1].as;

    for (gsize i = 0; i < plan->n_fds; i++) {
        if (fds[i].fd > top || fds[i].fd == fds[i].as)
            continue;
        fds[i].fd = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, top + 1);
        if (fds[i].fd < 0)
            child_fail(plan, "pass a descriptor to");
    }
    for (gsize i = 0; i < plan->n_fds; i++) {
        int r = fds[i].fd == fds[i].as ? fcntl(fds[i].fd, F_SETFD, 0) : dup2(fds[i].fd, fds[i].as);

        if (r < 0)
            child_fail(plan, "pass a descriptor to");
    }
}

/* Closes all other descriptors: for a child that outlives the daemon only at exec, because the
 * daemon's lock is among them and tells the next daemon that a child is being started; for any
 * other child now, because it may hang in exec and must not hold the daemon's sockets open. */
static void
child_close_rest(Plan *plan)
{
    int how = plan->apart && !plan->detach ? 0 : CLOSE_RANGE_CLOEXEC;
    guint next = 0;

    for (gsize i = 0; i < plan->n_fds; i++) {
        guint kept = plan->fds[i].as;

        if (kept > next && close_range(next, kept - 1, how) < 0)
            child_fail(plan, "close descriptors for");
        next = kept + 1;
    }
    if (close_range(next, ~0U, how) < 0)
        child_fail(plan, "close descriptors for");
}

/* Resets signals: the handlers are the daemon's, and ignored signals would stay ignored after exec.
 */
static void
child_reset_signals(Plan *plan)
{
    const struct sigaction fresh = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &fresh, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

const ProcessLimits process_tool_limits = { .cpu_s = 60, .file_bytes = 64 << 20, .files = 1024 };

static void
child_limit(Plan *plan, int what, guint64 most)
{
    struct rlimit limit;

    if (most == 0)
        return;
    if (getrlimit(what, &limit) < 0)
        child_fail(plan, "limit");
    limit.rlim_max = MIN(limit.rlim_max, most);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(what, &limit) < 0)
        child_fail(plan, "limit");
}

/* Gives the child the default OOM score: the kernel may spare the daemon, but need not spare its
 * children. An error does not matter. */
static void
child_take_place(Plan *plan)
{
    const struct rlimit no_core = { 0, 0 };
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    char score[8];

    if (fd >= 0 && read(fd, score, sizeof score) > 0 && score[0] == '-' && write(fd, "0", 1) < 0)
        errno = 0;
    if (fd >= 0)
        close(fd);
    if (!plan->limits)
        return;
    setrlimit(RLIMIT_CORE, &no_core);
    child_limit(plan, RLIMIT_CPU, plan->limits->cpu_s);
    child_limit(plan, RLIMIT_FSIZE, plan->limits->file_bytes);
    child_limit(plan, RLIMIT_NOFILE, plan->limits->files);
}

static void G_GNUC_NORETURN
child_run(Plan *plan)
{
    const char *step = NULL;

    if (plan->detach)
        setsid();
    else if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != plan->parent)
        _exit(127);
    else if (plan->apart)
        setpgid(0, 0);
    if (plan->group > 0 && write(plan->group, "0", 1) != 1)
        child_fail(plan, "enter the control group of");
    child_place_fds(plan);
    child_close_rest(plan);
    if (chdir(plan->cwd) < 0)
        child_fail(plan, "enter the folder of");
    child_take_place(plan);
    if (plan->confine && !confine_enter(plan->confine, &step))
        child_fail(plan, step);
    child_reset_signals(plan);
    execve(plan->program, plan->argv, plan->env);
    child_fail(plan, "run");
}

/* Starts the child. Signals are blocked meanwhile, because a handler of the daemon must not run in
 * the child. vfork(2) stops the daemon until the program is executed; _Fork(3) does not, but copies
 * page tables. */
static pid_t
run_plan(Plan *plan)
{
    sigset_t all;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &plan->mask);
    pid = plan->apart ? _Fork() : vfork();
    if (pid == 0)
        child_run(plan);
    if (pid < 0)
        plan->step = "fork for", plan->errnum = errno;
    sigprocmask(SIG_SETMASK, &plan->mask, NULL);
    return pid;
}

/* ---- laying out the plan */

static int
by_target(gconstpointer a, gconstpointer b)
{
    return ((const ProcessFd *)a)->as - ((const ProcessFd *)b)->as;
}

static gboolean
plan_fds(Plan *plan, const ProcessSpec *spec, const int stdio[3], GError **err)
{
    plan->n_fds = 3 + spec->n_fds;
    plan->fds = g_new(ProcessFd, plan->n_fds);
    for (int i = 0; i < 3; i++)
        plan->fds[i] = (ProcessFd){ stdio[i], i };
    for (gsize i = 0; i < spec->n_fds; i++) {
        ProcessFd f = spec->fds[i];

        plan->fds[3 + i] = (ProcessFd){ f.fd, f.as < 0 ? f.fd : f.as };
    }
    qsort(plan->fds, plan->n_fds, sizeof(ProcessFd), by_target);
    for (gsize i = 1; i < plan->n_fds; i++)
        if (plan->fds[i].as < 0 || plan->fds[i].as == plan->fds[i - 1].as)
            return fail(err, ERR_INTERNAL, "descriptor %d of '%s' is given twice", plan->fds[i].as,
                        spec->argv[0]);
    return TRUE;
}

/* A file in memory rather than a pipe: it never fills up, so nothing waits. */
static int
input_open(const char *input)
{
    fd_auto fd = -1;
    gsize len;

    if (!input)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    len = strlen(input);
    fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || TEMP_FAILURE_RETRY(pwrite(fd, input, len, 0)) != (gssize)len)
        return -1;
    return fd_steal(&fd);
}

static gboolean
capture_open(Capture *c, gsize max, int *ret_child_end, GError **err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail_errno(err, errno, "cannot make a pipe");
    c->fd = ends[0];
    *ret_child_end = ends[1];
    c->max = max;
    c->text = g_string_new(NULL);
    return fd_set_nonblock(c->fd, err);
}

/* ---- waiting for the end */

static void
source_remove(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

static void
capture_close(Capture *c)
{
    source_remove(&c->source);
    fd_close(&c->fd);
}

static void
capture_done(Capture *c)
{
    capture_close(c);
    if (c->text)
        g_string_free(g_steal_pointer(&c->text), TRUE);
}

static void
stop_watching(Process *p)
{
    source_remove(&p->exit_source);
    source_remove(&p->drain_source);
    source_remove(&p->adopt_source);
    capture_close(&p->out);
    capture_close(&p->errors);
}

static GString *
capture_take(Capture *c)
{
    return c->text ? g_steal_pointer(&c->text) : g_string_new(NULL);
}

/* The callback may free the process, so its arguments must not live in it. */
static void
finish(Process *p)
{
    g_autoptr(GString) out = capture_take(&p->out);
    g_autoptr(GString) errors = capture_take(&p->errors);
    ProcessEnd end;

    if (p->out.dropped)
        g_string_append_printf(errors, "%zu bytes of output past %zu were dropped\n",
                               p->out.dropped, p->out.max);
    while (errors->len > 0 && errors->str[errors->len - 1] == '\n')
        g_string_truncate(errors, errors->len - 1);
    end = (ProcessEnd){ p->status, out->str, out->len, errors->str };
    stop_watching(p);
    p->done(p, &end, p->user);
}

static void
finish_if_drained(Process *p)
{
    if (p->exited && p->out.fd < 0 && p->errors.fd < 0)
        finish(p);
}

static void
capture_add(Capture *c, const char *data, gsize len)
{
    gsize fits = MIN(len, c->max - c->text->len);

    g_string_append_len(c->text, data, fits);
    c->dropped += len - fits;
}

static gboolean
on_output(int fd, GIOCondition condition, gpointer user)
{
    Capture *c = user;
    char buf[8192];

    for (int i = 0; i < READS_AT_ONCE; i++) {
        gssize n = TEMP_FAILURE_RETRY(read(fd, buf, sizeof(buf)));

        if (n < 0 && errno == EAGAIN)
            return G_SOURCE_CONTINUE;
        if (n <= 0) {
            capture_close(c);
            finish_if_drained(c->owner);
            return G_SOURCE_REMOVE;
        }
        capture_add(c, buf, n);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
on_drain_timeout(gpointer user)
{
    Process *p = user;

    p->drain_source = 0;
    finish(p);
    return G_SOURCE_REMOVE;
}

/* The status as from waitpid(2); -1 when the process is not the daemon's child. */
static int
reap(int pidfd)
{
    siginfo_t si = { 0 };

    if (TEMP_FAILURE_RETRY(waitid(P_PIDFD, pidfd, &si, WEXITED | WNOHANG)) < 0 || si.si_pid == 0)
        return -1;
    if (si.si_code == CLD_EXITED)
        return W_EXITCODE(si.si_status, 0);
    return W_EXITCODE(0, si.si_status) | (si.si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

static gboolean
on_exit_ready(int fd, GIOCondition condition, gpointer user)
{
    Process *p = user;

    p->exit_source = 0;
    p->exited = TRUE;
    p->status = reap(fd);
    if (p->out.fd >= 0 || p->errors.fd >= 0)
        p->drain_source = g_timeout_add(DRAIN_MS, on_drain_timeout, p);
    finish_if_drained(p);
    return G_SOURCE_REMOVE;
}

static gboolean
on_forgotten_exit(int fd, GIOCondition condition, gpointer user)
{
    reap(fd);
    close(fd);
    return G_SOURCE_REMOVE;
}

static void
watch(Process *p)
{
    Capture *captures[] = { &p->out, &p->errors };

    p->exit_source = g_unix_fd_add(p->pidfd, G_IO_IN, on_exit_ready, p);
    for (gsize i = 0; i < G_N_ELEMENTS(captures); i++) {
        Capture *c = captures[i];

        c->owner = p;
        if (c->fd >= 0)
            c->source = g_unix_fd_add(c->fd, G_IO_IN, on_output, c);
    }
}

/* ---- the door */

static Process *
process_new(ProcessDone done, gpointer user)
{
    Process *p = g_new0(Process, 1);

    p->pidfd = p->out.fd = p->errors.fd = -1;
    p->done = done;
    p->user = user;
    return p;
}

static gboolean
start(Process *p, Plan *plan, GError **err)
{
    pid_t pid = run_plan(plan);

    if (plan->step) {
        if (pid > 0)
            TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
        return fail_errno(err, plan->errnum, "cannot %s '%s'", plan->step, plan->program);
    }
    p->pid = pid;
    p->pidfd = pidfd_open(pid, 0);
    if (p->pidfd >= 0)
        return TRUE;
    fail_errno(err, errno, "cannot watch '%s'", plan->program);
    kill(pid, SIGKILL);
    TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
    return FALSE;
}

/* Opens pipes for the outputs that the spec does not direct elsewhere; the caller closes the
 * child's ends. */
static gboolean
open_outputs(Process *p, const ProcessSpec *spec, int *out_end, int *errors_end, GError **err)
{
    gsize max = spec->out_max ? spec->out_max : OUT_MAX;

    return (spec->stdout_fd >= 0 || capture_open(&p->out, max, out_end, err)) &&
           (spec->stderr_fd >= 0 || capture_open(&p->errors, ERRORS_MAX, errors_end, err));
}

/* A path is left to execve(2), which tells better than ENOENT what is wrong with it. */
static char *
program_find(const char *name)
{
    return strchr(name, '/') ? g_strdup(name) : g_find_program_in_path(name);
}

char **
process_env(void)
{
    static const char *const names[] = { "PATH", "HOME", "USER", "LOGNAME" };
    char **env = g_environ_setenv(NULL, "LC_ALL", "C", TRUE);

    env = g_environ_setenv(env, "PATH",
                           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_getenv(names[i]))
            env = g_environ_setenv(env, names[i], g_getenv(names[i]), TRUE);
    return env;
}

Process *
process_spawn(const ProcessSpec *spec, ProcessDone done, gpointer user, GError **err)
{
    g_autoptr(Process) p = process_new(done, user);
    g_autofree char *program = program_find(spec->argv[0]);
    g_auto(GStrv) env = spec->env ? NULL : process_env();
    g_autofree ProcessFd *fds = NULL;
    fd_auto in = -1, out_end = -1, errors_end = -1;
    Plan plan = { .program = program,
                  .argv = (char *const *)spec->argv,
                  .env = env ? env : (char *const *)spec->env,
                  .cwd = spec->cwd ? spec->cwd : "/",
                  .detach = spec->detach,
                  .apart = spec->apart,
                  .limits = spec->limits,
                  .confine = spec->confine,
                  .group = spec->group,
                  .parent = getpid() };
    gboolean planned;

    if (!program) {
        fail_errno(err, ENOENT, "cannot run '%s'", spec->argv[0]);
        return NULL;
    }
    in = input_open(spec->input);
    if (in < 0) {
        fail_errno(err, errno, "cannot give '%s' its input", program);
        return NULL;
    }
    if (!open_outputs(p, spec, &out_end, &errors_end, err))
        return NULL;
    planned = plan_fds(&plan, spec,
                       (int[3]){ in, out_end < 0 ? spec->stdout_fd : out_end,
                                 errors_end < 0 ? spec->stderr_fd : errors_end },
                       err);
    fds = plan.fds;
    if (!planned || !start(p, &plan, err))
        return NULL;
    p->ours = !spec->detach;
    p->leads = spec->apart && !spec->detach;
    watch(p);
    return g_steal_pointer(&p);
}

/* ---- a process of an earlier daemon */

typedef enum {
    ADOPT_GONE,    /* it ended, or its number is another process's */
    ADOPT_UNKNOWN, /* the kernel did not say: no descriptor is left, or no memory */
    ADOPT_WATCHED,
} Adopted;

static Adopted
try_adopt(Process *p, GError **err)
{
    fd_auto pidfd = pidfd_open(p->pid, 0);
    guint64 now = 0;

    /* Asked after the pidfd is held: from here on the number cannot mean another process. */
    if (pidfd >= 0)
        now = process_start_time(p->pid);
    if (pidfd < 0 || (now == 0 && pidfd_send_signal(pidfd, 0, NULL, 0) == 0)) {
        int code = pidfd < 0 ? errno : EAGAIN;

        if (code == EINVAL || code == ENOENT) /* the number is a thread's: no process has it */
            code = ESRCH;
        fail_errno(err, code, "cannot watch process %d", (int)p->pid);
        return code == ESRCH ? ADOPT_GONE : ADOPT_UNKNOWN;
    }
    if (now == 0 || now != p->start_time) {
        fail_errno(err, ESRCH, "process %d is another one by now", (int)p->pid);
        return ADOPT_GONE;
    }
    p->pidfd = fd_steal(&pidfd);
    watch(p);
    return ADOPT_WATCHED;
}

static gboolean
on_adopt_again(gpointer user)
{
    Process *p = user;

    switch (try_adopt(p, NULL)) {
    case ADOPT_UNKNOWN:
        return G_SOURCE_CONTINUE;
    case ADOPT_GONE:
        p->adopt_source = 0;
        p->exited = TRUE;
        p->status = -1;
        finish(p);
        break;
    case ADOPT_WATCHED:
        p->adopt_source = 0;
        break;
    }
    return G_SOURCE_REMOVE;
}

Process *
process_adopt(pid_t pid, guint64 start_time, ProcessDone done, gpointer user, GError **err)
{
    g_autoptr(Process) p = process_new(done, user);
    g_autoptr(GError) why = NULL;

    p->pid = pid;
    p->start_time = start_time;
    switch (try_adopt(p, &why)) {
    case ADOPT_GONE:
        g_propagate_error(err, g_steal_pointer(&why));
        return NULL;
    case ADOPT_UNKNOWN:
        log_warning("process %d is watched as soon as that can be: %s", (int)pid, why->message);
        p->adopt_source = g_timeout_add(ADOPT_MS, on_adopt_again, p);
        break;
    case ADOPT_WATCHED:
        break;
    }
    return g_steal_pointer(&p);
}

const char *
process_output(const Process *p)
{
    return p->out.text ? p->out.text->str : "";
}

pid_t
process_pid(const Process *p)
{
    return p->pid;
}

guint64
process_start_time(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *stat = NULL;
    const char *at;

    if (!file_read(path, 4096, &stat, NULL, NULL))
        return 0;
    /* Field 2 is the program's own name and may hold anything; field 3 follows the last ')'. */
    at = strrchr(stat, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? g_ascii_strtoull(at, NULL, 10) : 0;
}

gboolean
process_signal(Process *p, int sig, GError **err)
{
    if (p->adopt_source && try_adopt(p, NULL) == ADOPT_WATCHED)
        source_remove(&p->adopt_source);
    if (p->exited || pidfd_send_signal(p->pidfd, sig, NULL, 0) == 0 || errno == ESRCH)
        return TRUE;
    return fail_errno(err, errno, "cannot send signal %d to process %d", sig, (int)p->pid);
}

/* A process that still runs is reaped when it ends: waiting for it here could block. */
void
process_free(Process *p)
{
    if (!p)
        return;
    stop_watching(p);
    if (p->pidfd >= 0 && !p->exited) {
        if (p->leads)
            kill(-p->pid, SIGKILL); /* not reaped yet, so the number is its group's still */
        if (p->ours)
            pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
        g_unix_fd_add(fd_steal(&p->pidfd), G_IO_IN, on_forgotten_exit, NULL);
    }
    fd_close(&p->pidfd);
    capture_done(&p->out);
    capture_done(&p->errors);
    g_free(p);
}

char *
process_status_text(int status)
{
    if (status == -1)
        return g_strdup("ended with unknown status");
    if (WIFSIGNALED(status))
        return g_strdup_printf("killed by signal %d (%s)", WTERMSIG(status),
                               strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return g_strdup_printf("exited with status %d", WEXITSTATUS(status));
    return NULL;
}
