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
#include "qemu/qemu.h"
#include "rpc/rpc.h"
#include "storage/storage.h"

typedef struct Options {
    char *root;
    gboolean session;
    gboolean version;
    gboolean list_steps;
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

static gboolean
on_signal(gint fd, GIOCondition condition, gpointer user)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) == sizeof(info))
        log_info("ends on signal %u of process %u", info.ssi_signo, info.ssi_pid);
    g_main_loop_quit(user);
    return G_SOURCE_REMOVE;
}

/* By descriptor: g_unix_signal_add would cost a thread. */
static gboolean
signals_watch(GMainLoop *loop, int *ret_fd, GError **err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*ret_fd < 0)
        return fail_errno(err, errno, "cannot watch signals");
    g_unix_fd_add(*ret_fd, G_IO_IN, on_signal, loop);
    return TRUE;
}

static gboolean
serve(const Paths *paths, GMainLoop *loop, GError **err)
{
    static const ServerLimits limits = SERVER_LIMITS_INIT;
    g_autoptr(Server) server = server_new(paths, &limits, err);

    if (!server)
        return FALSE;
    qemu_autostart();
    sd_notify(0, "READY=1");
    log_info("vmd " VMD_VERSION " serves %s", paths->run);
    g_main_loop_run(loop);
    sd_notify(0, "STOPPING=1");
    return TRUE;
}

/* The rooms come up from the bottom and go down from the top. */
static gboolean
boot(const Paths *paths, GError **err)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    fd_auto signals = -1;
    gboolean ok;

    if (!signals_watch(loop, &signals, err) || !storage_init(paths, err))
        return FALSE;
    ok = qemu_init(paths, err);
    if (ok) {
        ok = serve(paths, loop, err);
        qemu_done();
    }
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
    fd_auto lock = -1;
    gboolean ok;

    if (o->log_level && !log_level_parse(o->log_level, &level))
        return fail(err, ERR_INVALID_ARG, "%s is not a log level: debug, info, warning or error",
                    o->log_level);
    log_init(level);
    if (o->session)
        paths_init_session(&paths);
    else
        paths_init_system(&paths, o->root ? o->root : "");
    ok = fault_set(err) && paths_make(&paths, err) && lock_take(paths.run, &lock, err) &&
         boot(&paths, err);
    paths_done(&paths);
    return ok;
}

static void
print_step(const char *table, const Step *step, gpointer user)
{
    printf("%s/%s\t%s\n", table, step->name, step->undo ? "undo" : "-");
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
        { "log-level", 0, 0, G_OPTION_ARG_STRING, &o.log_level,
          "Least important message to log: debug, info, warning, error", "LEVEL" },
        { "version", 0, 0, G_OPTION_ARG_NONE, &o.version, "Print the version and exit", NULL },
        { NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- manage QEMU virtual machines");
    g_autoptr(GError) err = NULL;
    int status;

    qemu_register();
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &err) || argc > 1) {
        fprintf(stderr, "vmd: %s; see vmd --help\n", err ? err->message : "unexpected argument");
        status = 2;
    } else if (o.version) {
        puts("vmd " VMD_VERSION);
        status = 0;
    } else if (o.list_steps) {
        flow_list(print_step, NULL);
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
