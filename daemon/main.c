/* vmd: options, folders, the lock, the sockets, the loop. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/core.h"
#include "host/host.h"
#include "network/network.h"
#include "qemu/qemu.h"
#include "rpc/rpc.h"
#include "storage/storage.h"

typedef struct Options {
    char *root;
    gboolean session;
    gboolean version;
    gboolean list_methods, list_refused, list_steps;
    char *log_level;
} Options;

/* ---- one daemon a root */

static void
lock_holder(int fd, char *ret_text, gsize size)
{
    ssize_t n = pread(fd, ret_text, size - 1, 0);

    ret_text[MAX(n, 0)] = '\0';
    g_strchomp(ret_text);
}

#define LOCK_WAIT_MS 2000

/* A daemon that was killed while it started a QEMU leaves a child that holds the lock until it has
 * become that QEMU: only then can recovery find it, so the boot waits for that. */
static gboolean
lock_wait(int fd)
{
    for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms++) {
        if (errno != EWOULDBLOCK || ms == LOCK_WAIT_MS)
            return FALSE;
        g_usleep(1000);
    }
    return TRUE;
}

/* The descriptor is kept until the process ends: the lock goes with it. */
static gboolean
lock_take(const char *run, int *ret_fd, GError **err)
{
    g_autofree char *path = g_build_filename(run, "vmd.pid", NULL);
    fd_auto fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    char text[32];

    if (fd < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    if (!lock_wait(fd)) {
        if (errno != EWOULDBLOCK)
            return fail_errno(err, errno, "cannot lock %s", path);
        lock_holder(fd, text, sizeof(text));
        return fail(err, ERR_BUSY, "vmd already runs here: process %s holds %s", text, path);
    }
    g_snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    *ret_fd = fd_steal(&fd);
    return TRUE;
}

/* ---- the loop */

/* What a signal is to the daemon. Those of a fault of the program itself stay as they are, and so
 * do those that stop and continue a process; all others are heard and logged, for a signal that
 * nobody expected must not end the daemon of running machines. */
typedef enum Heed { HEED_END, HEED_RELOAD, HEED_NOTHING } Heed;

static Heed
heed_of(int number)
{
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT)
        return HEED_END;
    return number == SIGHUP ? HEED_RELOAD : HEED_NOTHING;
}

static const int left_alone[] = { SIGKILL, SIGSTOP, SIGTSTP,  SIGCONT, SIGTTIN, SIGTTOU,
                                  SIGCHLD, SIGURG,  SIGWINCH, SIGILL,  SIGTRAP, SIGABRT,
                                  SIGBUS,  SIGFPE,  SIGSEGV,  SIGSYS,  SIGPIPE };

/* 32 and 33 are the C library's own. */
static void
heeded_set(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    for (int n = 1; n < SIGSYS; n++)
        sigaddset(ret_set, n);
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaddset(ret_set, n);
    for (gsize i = 0; i < G_N_ELEMENTS(left_alone); i++)
        sigdelset(ret_set, left_alone[i]);
}

static gboolean
on_signal(gint fd, GIOCondition condition, gpointer user)
{
    static const char *const words[] = {
        [HEED_END] = "ends", [HEED_RELOAD] = "has nothing to read again", [HEED_NOTHING] = "goes on"
    };
    struct signalfd_siginfo info;
    const char *name;
    Heed heed;

    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return G_SOURCE_CONTINUE;
    heed = heed_of((int)info.ssi_signo);
    name = sigabbrev_np((int)info.ssi_signo);
    log_info("heard signal %u (%s%s) of process %u: %s", info.ssi_signo, name ? "SIG" : "real-time",
             name ? name : "", info.ssi_pid, words[heed]);
    if (heed == HEED_END)
        g_main_loop_quit(user);
    return G_SOURCE_CONTINUE;
}

/* By descriptor: g_unix_signal_add would cost a thread, and knows a few signals only. What comes
 * before the loop runs waits for it. */
static gboolean
signals_block(int *ret_fd, GError **err)
{
    sigset_t set;

    heeded_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret_fd >= 0 || fail_errno(err, errno, "cannot watch signals");
}

static gboolean
serve(const Paths *paths, GMainLoop *loop, GError **err)
{
    g_autoptr(Server) server = server_new(paths, err);

    if (!server)
        return FALSE;
    network_autostart();
    qemu_autostart();
    sd_notify(0, "READY=1");
    log_info("vmd " VMD_VERSION " serves %s", paths->run);
    g_main_loop_run(loop);
    sd_notify(0, "STOPPING=1");
    return TRUE;
}

/* The rooms come up from the bottom and go down from the top. */
static gboolean
boot(const Paths *paths, int signals, GError **err)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    gboolean ok;

    g_unix_fd_add(signals, G_IO_IN, on_signal, loop);
    if (!storage_init(paths, err))
        return FALSE;
    devices_init();
    ok = network_init(paths, err) && qemu_init(paths, err);
    if (ok) {
        ok = serve(paths, loop, err);
        qemu_done();
    }
    network_done();
    devices_done();
    storage_done();
    return ok;
}

static gboolean
fault_set(GError **err)
{
    const char *fault = g_getenv("VMD_FAULT");

    return !fault || flow_set_fault(fault, err);
}

static gboolean
run(const Options *o, GError **err)
{
    LogLevel level = LOG_LEVEL_INFO;
    Paths paths = { 0 };
    fd_auto lock = -1, signals = -1;
    gboolean ok;

    if (o->log_level && !log_level_parse(o->log_level, &level))
        return fail(err, ERR_INVALID_ARG, "%s is not a log level: debug, info, warning or error",
                    o->log_level);
    log_init(level);
    if (o->session)
        paths_init_session(&paths);
    else
        paths_init_system(&paths, o->root ? o->root : "");
    objects_init(&paths);
    ok = signals_block(&signals, err) && fault_set(err) && paths_make(&paths, err) &&
         lock_take(paths.run, &lock, err) && boot(&paths, signals, err);
    paths_done(&paths);
    return ok;
}

static void
print_step(const FlowTable *table, const Step *step, gpointer user)
{
    const char *undo = step->undo ? "undo" : "-";

    printf("%s/%s\t%s\n", table->name, step->name, step->flags & STEP_KEYED ? "keyed" : undo);
}

static void
print_refused(const char *path, const char *why, gpointer user)
{
    printf("%s\t%s\n", path, why);
}

int
main(int argc, char **argv)
{
    Options o = { .session = getuid() != 0 };
    const GOptionEntry entries[] = {
        { "root", 0, 0, G_OPTION_ARG_FILENAME, &o.root,
          "Keep sockets, state, definitions and data below DIR", "DIR" },
        { "session", 0, 0, G_OPTION_ARG_NONE, &o.session,
          "Be the daemon of this user alone, for root as well", NULL },
        { "list-steps", 0, 0, G_OPTION_ARG_NONE, &o.list_steps,
          "Print the steps of every flow and exit", NULL },
        { "list-methods", 0, 0, G_OPTION_ARG_NONE, &o.list_methods,
          "Print the procedures that are done, and exit", NULL },
        { "list-refused", 0, 0, G_OPTION_ARG_NONE, &o.list_refused,
          "Print what a domain cannot be started with and exit", NULL },
        { "log-level", 0, 0, G_OPTION_ARG_STRING, &o.log_level,
          "Least important message to log: debug, info, warning, error", "LEVEL" },
        { "version", 0, 0, G_OPTION_ARG_NONE, &o.version, "Print the version and exit", NULL },
        { NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- manage QEMU virtual machines");
    g_autoptr(GError) err = NULL;
    int status;

    network_register();
    storage_register();
    qemu_register();
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &err) || argc > 1) {
        fprintf(stderr, "vmd: %s; see vmd --help\n", err ? err->message : "unexpected argument");
        status = 2;
    } else if (o.version) {
        puts("vmd " VMD_VERSION);
        status = 0;
    } else if (o.list_methods) {
        methods_print();
        status = 0;
    } else if (o.list_steps) {
        flow_list(print_step, NULL);
        status = 0;
    } else if (o.list_refused) {
        qemu_list_refused(print_refused, NULL);
        status = 0;
    } else {
        o.session &= o.root == NULL;
        status = run(&o, &err) ? 0 : 1;
        if (err)
            fprintf(stderr, "vmd: %s\n", err->message);
    }
    g_free(o.root);
    g_free(o.log_level);
    return status;
}
