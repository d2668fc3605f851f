#include "base/base.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Seen {
    int calls;
    int status;
    char *out, *errors;
    gsize out_len;
    Process **free_in_callback;
} Seen;

static void
seen_done(Seen *s)
{
    g_free(s->out);
    g_free(s->errors);
}
#define seen_auto __attribute__((cleanup(seen_done))) Seen

static void
on_done(Process *p, const ProcessEnd *end, gpointer user)
{
    Seen *s = user;

    if (s->free_in_callback)
        g_clear_pointer(s->free_in_callback, process_free);
    s->calls++;
    s->status = end->status;
    s->out = g_memdup2(end->out, end->out_len + 1);
    s->out_len = end->out_len;
    s->errors = g_strdup(end->errors);
}

static gboolean
on_alarm(gpointer user)
{
    *(gboolean *)user = TRUE;
    return G_SOURCE_REMOVE;
}

/* Runs the loop until the process ended, or for ms milliseconds. */
static void
run(const Seen *s, guint ms)
{
    gboolean late = FALSE;
    guint alarm = g_timeout_add(ms, on_alarm, &late);

    while (!(s && s->calls) && !late)
        g_main_context_iteration(NULL, TRUE);
    if (!late)
        g_source_remove(alarm);
}

static Process *
spawn(const ProcessSpec *spec, Seen *seen)
{
    g_autoptr(GError) err = NULL;
    Process *p = process_spawn(spec, on_done, seen, &err);

    if (!p)
        unit_fail("%s\n", err->message);
    return p;
}

#define SH(script)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        "bash", "-c", script, NULL                                                                 \
    }

static void
check_script(ProcessSpec spec, const char *script, int status, const char *out, const char *errors)
{
    seen_auto seen = { 0 };
    g_autoptr(Process) p = NULL;

    spec.argv = SH(script);
    p = spawn(&spec, &seen);
    run(&seen, 5000);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, status);
    assert_string_equal(seen.out, out);
    assert_string_equal(seen.errors, errors);
}

static void
test_output(void **state)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    ProcessSpec here = { .stdout_fd = -1, .stderr_fd = -1, .cwd = "/tmp" };
    ProcessSpec told = { .stdout_fd = -1, .stderr_fd = -1, .input = "a\nb\n" };
    const char *const env[] = { "ONLY=this", NULL };
    ProcessSpec bare = { .stdout_fd = -1, .stderr_fd = -1, .env = env };

    check_script(spec, "echo hi; echo oops >&2; exit 3", W_EXITCODE(3, 0), "hi\n", "oops");
    check_script(spec, "pwd; cat", 0, "/\n", "");
    check_script(here, "pwd", 0, "/tmp\n", "");
    check_script(told, "wc -l", 0, "2\n", "");
    check_script(bare, "echo $ONLY $HOME", 0, "this\n", "");
    check_script(spec, "kill -9 $$", 9, "", "");
}

/* Nothing of the daemon's reaches a child that is not on the list. */
static void
test_environment(void **state)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    g_autofree char *path = g_strdup_printf("%s\n", g_getenv("PATH"));

    g_setenv("LD_PRELOAD_NOT", "x", TRUE);
    g_setenv("VMD_SECRET", "x", TRUE);
    g_setenv("LANG", "tr_TR.UTF-8", TRUE);
    g_setenv("USER", "me", TRUE);
    g_unsetenv("LOGNAME");
    check_script(spec, "/usr/bin/env | sed 's/=.*//' | grep -v -x -e PWD -e SHLVL -e _ | sort", 0,
                 "HOME\nLC_ALL\nPATH\nUSER\n", "");
    check_script(spec, "echo $LC_ALL $USER", 0, "C me\n", "");
    check_script(spec, "echo $PATH", 0, path, "");
    g_unsetenv("PATH");
    check_script(spec, "case $PATH in */usr/bin*) echo yes;; esac", 0, "yes\n", "");
    g_setenv("PATH", g_strchomp(path), TRUE);
}

static void
test_status_text(void **state)
{
    g_autofree char *exited = process_status_text(W_EXITCODE(3, 0));
    g_autofree char *killed = process_status_text(9);
    g_autofree char *unknown = process_status_text(-1);

    assert_null(process_status_text(0));
    assert_string_equal(exited, "exited with status 3");
    assert_string_equal(killed, "killed by signal 9 (Killed)");
    assert_non_null(unknown);
}

static void
test_big_input(void **state)
{
    g_autofree char *input = g_strnfill(3 << 20, 'x');
    ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .input = input };

    check_script(spec, "sleep 0.05; wc -c", 0, "3145728\n", "");
}

static void
test_huge_output(void **state)
{
    seen_auto seen = { 0 };
    ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .out_max = 100000 };
    g_autoptr(Process) p = NULL;

    spec.argv = SH("head -c 5000000 /dev/zero; head -c 300000 /dev/zero | tr '\\0' e >&2");
    p = spawn(&spec, &seen);
    run(&seen, 10000);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.out_len, 100000);
    assert_non_null(strstr(seen.errors, "4900000 bytes of output past 100000 were dropped"));
    assert_true(strlen(seen.errors) < 70000);
}

static void
check_refused(const char *const *argv, const ProcessFd *fds, gsize n_fds, const char *cwd,
              int errnum, const char *mentions)
{
    seen_auto seen = { 0 };
    ProcessSpec spec = {
        .stdout_fd = -1, .stderr_fd = -1, .argv = argv, .fds = fds, .n_fds = n_fds, .cwd = cwd
    };
    g_autoptr(GError) err = NULL;
    WireError w;

    assert_null(process_spawn(&spec, on_done, &seen, &err));
    error_to_wire(err, &w);
    assert_int_equal(w.saved_errno, errnum);
    wire_error_done(&w);
    if (!strstr(err->message, mentions))
        unit_fail("%s\n", err->message);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(seen.calls, 0);
}

static void
test_refused(void **state)
{
    const ProcessFd closed = { 999, 5 };
    const ProcessFd twice[] = { { 0, 7 }, { 1, 7 } };
    const ProcessFd over_stdin = { 1, 0 };

    check_refused((const char *const[]){ "no-such-program", NULL }, NULL, 0, NULL, ENOENT,
                  "no-such-program");
    check_refused((const char *const[]){ "/no/such/program", NULL }, NULL, 0, NULL, ENOENT,
                  "cannot run '/no/such/program'");
    check_refused((const char *const[]){ "/etc/passwd", NULL }, NULL, 0, NULL, EACCES,
                  "/etc/passwd");
    check_refused(SH("true"), NULL, 0, "/no/folder", ENOENT, "cannot enter the folder of");
    check_refused(SH("true"), &closed, 1, NULL, EBADF, "pass a descriptor");
    check_refused(SH("true"), twice, 2, NULL, -1, "descriptor 7");
    check_refused(SH("true"), &over_stdin, 1, NULL, -1, "descriptor 0");
}

/* A program that cannot be run is heard of when its child has ended; one that can, is. */
static void
test_apart(void **state)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    seen_auto seen = { 0 };
    g_autoptr(Process) p = NULL;

    spec.argv = (const char *const[]){ "/etc/passwd", NULL };
    spec.apart = TRUE;
    p = spawn(&spec, &seen);
    run(&seen, 5000);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(WEXITSTATUS(seen.status), 127);
    assert_string_equal(seen.errors, "cannot run '/etc/passwd': Permission denied");
    check_script(spec, "echo here; echo there >&2; exit 3", W_EXITCODE(3, 0), "here\n", "there");
}

/* A file that says its own name, at a number of our choice. */
static int
marked(int number)
{
    g_autofree char *text = g_strdup_printf("was %d", number);
    char path[] = "/tmp/unit-XXXXXX";
    fd_auto fd = mkstemp(path);

    unlink(path);
    assert_true(write(fd, text, strlen(text)) > 0 && lseek(fd, 0, SEEK_SET) == 0);
    assert_int_equal(fcntl(number, F_GETFD), -1);
    assert_int_equal(dup3(fd, number, O_CLOEXEC), number);
    return number;
}

static void
test_fd_overlap(void **state)
{
    fd_auto a = marked(40), b = marked(41), c = marked(42), d = marked(43), stray = marked(44);
    const ProcessFd fds[] = { { a, 41 }, { b, 40 }, { c, -1 }, { d, 60 }, { a, 45 } };
    ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .fds = fds, .n_fds = 5 };

    /* Not close-on-exec: a library of ours may leave such; it must not reach the child. */
    fcntl(stray, F_SETFD, 0);
    check_script(spec,
                 "cat <&41; echo; cat <&40; echo;"
                 "cat <&42; echo; cat <&60; echo;"
                 "for n in `seq 0 99`; do test -e /proc/$$/fd/$n && echo -n \"$n \"; done; true",
                 0,
                 "was 40\nwas 41\nwas 42\nwas 43\n"
                 "0 1 2 40 41 42 45 60 ",
                 "");
    assert_int_equal(lseek(a, 0, SEEK_CUR), 6);
}

static void
test_stdio_given(void **state)
{
    seen_auto seen = { 0 };
    fd_auto file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    ProcessSpec spec = { .stdout_fd = file, .stderr_fd = file };
    g_autoptr(Process) p = NULL;
    char buf[32] = "";

    spec.argv = SH("echo out; echo err >&2");
    p = spawn(&spec, &seen);
    run(&seen, 5000);
    assert_int_equal(pread(file, buf, sizeof(buf) - 1, 0), 8);
    assert_string_equal(buf, "out\nerr\n");
    assert_string_equal(seen.out, "");
}

static void
test_signals_fresh(void **state)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    sigset_t usr1;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    check_script(spec, "grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'", 0,
                 "SigBlk:0000000000000000\nSigIgn:0000000000000000\n", "");
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void
test_free_in_callback(void **state)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    Process *p;
    seen_auto seen = { .free_in_callback = &p };

    spec.argv = SH("echo still valid");
    p = spawn(&spec, &seen);
    run(&seen, 5000);
    assert_null(p);
    assert_string_equal(seen.out, "still valid\n");
}

static void
test_signal(void **state)
{
    seen_auto seen = { 0 };
    ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .detach = TRUE };
    g_autoptr(Process) p = NULL;
    g_autoptr(GError) err = NULL;

    spec.argv = (const char *const[]){ "sleep", "100", NULL };
    p = spawn(&spec, &seen);
    assert_int_equal(getsid(process_pid(p)), process_pid(p));
    assert_true(process_signal(p, SIGTERM, &err));
    run(&seen, 5000);
    assert_int_equal(seen.status, SIGTERM);
    assert_true(process_signal(p, SIGTERM, &err));
}

static gboolean
alive(pid_t pid)
{
    return process_start_time(pid) != 0;
}

static void
test_free_kills(void **state)
{
    seen_auto seen = { 0 };
    ProcessSpec spec = PROCESS_SPEC_INIT;
    Process *p;
    pid_t pid;

    spec.argv = (const char *const[]){ "sleep", "100", NULL };
    p = spawn(&spec, &seen);
    pid = process_pid(p);
    assert_true(alive(pid));
    process_free(p);
    for (int i = 0; i < 100 && alive(pid); i++)
        run(NULL, 10);
    assert_false(alive(pid));
    assert_int_equal(seen.calls, 0);
}

static void
test_adopt(void **state)
{
    seen_auto seen = { 0 };
    seen_auto again = { 0 };
    ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .detach = TRUE };
    g_autoptr(Process) p = NULL;
    g_autoptr(Process) adopted = NULL;
    g_autoptr(GError) err = NULL;
    guint64 started;

    spec.argv = (const char *const[]){ "sleep", "1", NULL };
    p = spawn(&spec, &seen);
    started = process_start_time(process_pid(p));
    assert_true(started > 0);
    assert_null(process_adopt(process_pid(p), started + 1, on_done, &again, &err));
    assert_non_null(strstr(err->message, "another one"));
    adopted = process_adopt(process_pid(p), started, on_done, &again, NULL);
    run(&again, 5000);
    run(&seen, 5000);
    assert_int_equal(seen.calls + again.calls, 2);
    g_clear_error(&err);
    assert_null(process_adopt(process_pid(p), 0, on_done, &again, &err));
    assert_non_null(strstr(err->message, "No such process"));
}

typedef struct Lasting {
    int tid;
    int over; /* once it may end */
} Lasting;

static gpointer
be_a_thread(gpointer data)
{
    Lasting *l = data;

    g_atomic_int_set(&l->tid, (int)syscall(SYS_gettid));
    while (!g_atomic_int_get(&l->over))
        g_thread_yield();
    return NULL;
}

/* The number of a thread is no process's. */
static void
test_adopt_thread(void **state)
{
    seen_auto seen = { 0 };
    g_autoptr(GError) err = NULL;
    Lasting one = { 0 };
    GThread *thread = g_thread_new("one", be_a_thread, &one);

    while (g_atomic_int_get(&one.tid) == 0)
        g_thread_yield();
    assert_null(process_adopt(one.tid, 4711, on_done, &seen, &err));
    assert_non_null(strstr(err->message, "No such process"));
    g_atomic_int_set(&one.over, TRUE);
    g_thread_join(thread);
}

/* Not knowing is no end: with no descriptor left the process is watched once there is one. */
static void
test_adopt_without_descriptors(void **state)
{
    seen_auto seen = { 0 };
    seen_auto again = { 0 };
    ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .detach = TRUE };
    g_autoptr(Process) p = NULL;
    g_autoptr(Process) adopted = NULL;
    g_autoptr(GError) err = NULL;
    struct rlimit before, none;
    guint64 started;

    spec.argv = (const char *const[]){ "sleep", "60", NULL };
    p = spawn(&spec, &seen);
    started = process_start_time(process_pid(p));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ 3, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    adopted = process_adopt(process_pid(p), started, on_done, &again, &err);
    if (adopted)
        assert_false(process_signal(adopted, SIGTERM, &err));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(adopted);
    assert_int_equal(again.calls, 0);
    assert_true(process_signal(adopted, SIGTERM, NULL));
    run(&again, 5000);
    assert_int_equal(again.calls, 1);
}

static void
run_to(const ProcessSpec *spec, const char *expected)
{
    seen_auto seen = { 0 };
    g_autoptr(Process) p = spawn(spec, &seen);

    assert_non_null(p);
    run(&seen, 5000);
    assert_int_equal(seen.status, 0);
    assert_string_equal(seen.out, expected);
}

static void
test_limits(void **state)
{
    const ProcessLimits limits = { .cpu_s = 7, .file_bytes = 8192, .files = 33 };
    ProcessSpec spec = PROCESS_SPEC_INIT;

    spec.limits = &limits;
    spec.argv = (const char *const[]){ "bash", "-c",
                                       "echo $(ulimit -t) $(ulimit -f) $(ulimit -n) $(ulimit -c)",
                                       NULL };
    run_to(&spec, "7 8 33 0\n");
}

/* The daemon may be spared where memory runs out; what it starts is not. */
static void
test_nobody_else_is_spared(void **state)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    fd_auto fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    spec.argv = (const char *const[]){ "cat", "/proc/self/oom_score_adj", NULL };
    if (write(fd, "-500", 4) < 0) /* root alone may be spared, and not in every container */
        return;
    run_to(&spec, "0\n");
}

/* A stranger's end is noticed, without its status: one started by a process that is gone. */
static void
test_adopt_stranger(void **state)
{
    seen_auto seen = { 0 };
    g_autoptr(Process) p = NULL;
    int ends[2];
    pid_t pid = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    if (fork() == 0) {
        pid_t sleeper = fork();

        if (sleeper == 0)
            execlp("sleep", "sleep", "1", NULL);
        _exit(write(ends[1], &sleeper, sizeof(sleeper)) < 0);
    }
    assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
    assert_true(wait(NULL) > 0);
    close(ends[0]);
    close(ends[1]);
    p = process_adopt(pid, process_start_time(pid), on_done, &seen, NULL);
    assert_non_null(p);
    run(&seen, 5000);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, -1);
}

static void
test_grandchild_keeps_pipe(void **state)
{
    seen_auto seen = { 0 };
    ProcessSpec spec = PROCESS_SPEC_INIT;
    g_autoptr(Process) p = NULL;
    gint64 begun = g_get_monotonic_time(), took;

    spec.argv = SH("echo early; sleep 2.5 & exit 4");
    p = spawn(&spec, &seen);
    run(&seen, 5000);
    took = g_get_monotonic_time() - begun;
    assert_int_equal(seen.status, W_EXITCODE(4, 0));
    assert_string_equal(seen.out, "early\n");
    assert_in_range(took, 900000, 2400000);
}

/* A daemon that is killed leaves its detached children and takes the others along. */
static void
test_outlives(void **state)
{
    pid_t pids[2] = { 0 };
    int ends[2];
    pid_t daemon;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    daemon = fork();
    if (daemon == 0) {
        for (int i = 0; i < 2; i++) {
            ProcessSpec spec = { .stdout_fd = 1, .stderr_fd = 2, .detach = i == 1 };

            spec.argv = (const char *const[]){ "sleep", "100", NULL };
            pids[i] = process_pid(process_spawn(&spec, on_done, NULL, NULL));
        }
        if (write(ends[1], pids, sizeof(pids)) < 0)
            _exit(1);
        pause();
    }
    assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
    close(ends[0]);
    close(ends[1]);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    for (int i = 0; i < 100; i++) {
        g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pids[0]);
        g_autofree char *line = NULL;

        /* Reaped by whoever inherits it, or a zombie, which has no command line. */
        if (!file_read(path, 4096, &line, NULL, NULL) || !line[0])
            break;
        assert_int_not_equal(i, 99);
        g_usleep(10000);
    }
    assert_true(alive(pids[1]));
    kill(pids[1], SIGKILL);
}

/* Nothing of ours stays open, whatever happened above. */
static void
test_no_leak(void **state)
{
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (int i = 0; i < 20; i++) {
        seen_auto seen = { 0 };
        ProcessSpec spec = { .stdout_fd = -1, .stderr_fd = -1, .input = "x" };
        g_autoptr(Process) p = NULL;

        spec.argv = i % 2 ? SH("cat") : (const char *const[]){ "/nowhere", NULL };
        p = process_spawn(&spec, on_done, &seen, NULL);
        if (p)
            run(&seen, 5000);
    }
    close(lowest);
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), lowest);
    assert_int_equal(fcntl(lowest + 1, F_GETFD), -1);
    close(lowest);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_status_text),
        cmocka_unit_test(test_big_input),
        cmocka_unit_test(test_huge_output),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_fd_overlap),
        cmocka_unit_test(test_stdio_given),
        cmocka_unit_test(test_signals_fresh),
        cmocka_unit_test(test_free_in_callback),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_free_kills),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_adopt_stranger),
        cmocka_unit_test(test_adopt_thread),
        cmocka_unit_test(test_adopt_without_descriptors),
        cmocka_unit_test(test_grandchild_keeps_pipe),
        cmocka_unit_test(test_outlives),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nobody_else_is_spared),
        cmocka_unit_test(test_no_leak),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
