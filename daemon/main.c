/* vmd: options, settings, folders, the lock, the sockets, the loop. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config.h"
#include "core/core.h"
#include "host/host.h"
#include "network/network.h"
#include "qemu/qemu.h"
#include "rpc/rpc.h"
#include "service.h"
#include "storage/storage.h"

typedef struct Options {
    char *root;
    gboolean session;
    gboolean version;
    gboolean list_methods, list_refused, list_steps, check_config;
    char *log_level, *config;
} Options;

typedef struct Daemon {
    const Options *options;
    Paths paths;
    char *config_path;
    Config config;
    ServerSockets sockets; /* the sockets that the daemon was started with */
    Server *server;
    GMainLoop *loop;
    guint idle_timer;
    gboolean reading, read_again; /* the settings */
} Daemon;

/* ---- one daemon a root */

static void
lock_holder(int fd, char *ret_text, gsize size)
{
    ssize_t n = pread(fd, ret_text, size - 1, 0);

    ret_text[MAX(n, 0)] = '\0';
    g_strchomp(ret_text);
}

#define LOCK_WAIT_MS 2000

/* Waits for the lock. A daemon that was killed while it started a QEMU leaves a child that holds
 * the lock until it has become that QEMU. Recovery can find the QEMU only after that. */
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

/* The descriptor is kept until the process ends: the lock goes with it. Nobody else may open the
 * file, for whoever can could lock it; and it is not where a run folder that is wiped would take it
 * along, but for a session, whose run folder is its user's alone while data may lie on a server. */
static gboolean
lock_take(const Paths *paths, int *ret_fd, GError **err)
{
    g_autofree char *path = g_build_filename(paths->session ? paths->run : paths->lib, "vmd.lock",
                                             NULL);
    fd_auto fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    char text[32];

    if (fd < 0 || fchmod(fd, 0600) < 0)
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

/* For people and scripts; that it is there says that the run folder is. */
static char *
pid_path(const Daemon *d)
{
    return g_build_filename(d->paths.run, "vmd.pid", NULL);
}

static gboolean
pid_write(const Daemon *d, GError **err)
{
    g_autofree char *path = pid_path(d), *text = g_strdup_printf("%d\n", (int)getpid());

    return file_write_volatile(path, text, -1, 0644, err);
}

/* ---- the run folder, which somebody may wipe */

#define LOOK_S 2

/* What runs goes on without it; the next daemon, and clients, need what is in it. The file goes
 * last: without it there is another look. */
static gboolean
look_at_run(gpointer user)
{
    Daemon *d = user;
    g_autofree char *path = pid_path(d);
    g_autoptr(GError) err = NULL;
    gboolean all;

    if (access(path, F_OK) == 0 || errno != ENOENT)
        return G_SOURCE_CONTINUE;
    log_warning("somebody has emptied %s: what belongs in it is made anew", d->paths.run);
    if (!paths_make(&d->paths, &err) || !server_listen_again(d->server, &err)) {
        log_error("%s", err->message);
        return G_SOURCE_CONTINUE;
    }
    all = storage_save_runs();
    all = network_save_runs() && all;
    all = qemu_save_runs() && all;
    if (all && !pid_write(d, &err))
        log_error("%s", err->message);
    return G_SOURCE_CONTINUE;
}

/* ---- the loop */

/* How the daemon reacts to a signal. Signals that report a fault of the program itself keep their
 * effect, and so do those that stop and continue a process. All others are caught and logged,
 * because an unexpected signal must not end the daemon of running machines. */
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

/* All signals that the daemon catches. 32 and 33 belong to the C library. */
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

static void reload(Daemon *d);

static gboolean
on_signal(gint fd, GIOCondition condition, gpointer user)
{
    static const char *const words[] = {
        [HEED_END] = "ends", [HEED_RELOAD] = "reads its settings again", [HEED_NOTHING] = "goes on"
    };
    Daemon *d = user;
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
        g_main_loop_quit(d->loop);
    else if (heed == HEED_RELOAD)
        reload(d);
    return G_SOURCE_CONTINUE;
}

/* Signals are read from a descriptor: g_unix_signal_add would cost a thread, and knows only a few
 * signals. A signal that arrives before the loop runs is read when it does. */
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

/* ---- settings */

static gboolean
read_config(Daemon *d, Config *ret_config, GError **err)
{
    const Options *o = d->options;

    return config_read(d->config_path, d->paths.session, o->config != NULL, ret_config, err);
}

/* The command line has precedence over the file. */
static gboolean
set_log(const Daemon *d, GError **err)
{
    const char *asked = d->options->log_level;
    LogLevel level = d->config.log_level;

    if (asked && !log_level_parse(asked, &level))
        return fail(err, ERR_INVALID_ARG, "%s is not a log level: debug, info, warning or error",
                    asked);
    log_set(level, &d->config.log_filters);
    return TRUE;
}

/* One line of the log for each mistake. */
static void
log_mistakes(const GError *why)
{
    g_auto(GStrv) lines = g_strsplit(why->message, "\n", -1);

    for (guint i = 0; lines[i]; i++)
        log_error("%s", lines[i]);
    log_error("the settings stay as they were");
}

static gboolean
on_idle_timer(gpointer user)
{
    Daemon *d = user;
    g_autoptr(GPtrArray) vms = vm_list();
    gboolean is_idle = server_is_idle(d->server);

    for (guint i = 0; i < vms->len; i++)
        is_idle &= !vm_is_active(vms->pdata[i]);
    if (!is_idle)
        return G_SOURCE_CONTINUE;
    log_info("idle: nothing runs, and no client was connected for %u seconds; the daemon ends",
             d->config.idle_exit);
    g_main_loop_quit(d->loop);
    return G_SOURCE_CONTINUE;
}

/* A daemon may end when idle only if a client's connection starts it again. */
static void
set_idle_timer(Daemon *d)
{
    g_clear_handle_id(&d->idle_timer, g_source_remove);
    if (d->config.idle_exit && d->sockets.rw >= 0)
        d->idle_timer = g_timeout_add_seconds(d->config.idle_exit, on_idle_timer, d);
}

/* Reading the settings takes files and the name service, so a worker does it on copies. */
typedef struct Reading {
    char *path;
    gboolean session, must_be;
} Reading;

static void
reading_free(gpointer data)
{
    Reading *r = data;

    g_free(r->path);
    g_free(r);
}

static gpointer
read_in_worker(gpointer in, GError **err)
{
    const Reading *r = in;
    Config *again = g_new0(Config, 1);

    if (config_read(r->path, r->session, r->must_be, again, err))
        return again;
    g_free(again);
    return NULL;
}

static void
take_settings(Daemon *d, Config *again)
{
    config_replace(&d->config, again);
    set_log(d, NULL);
    set_idle_timer(d);
    qemu_set_host_plan(&d->config.guests);
    server_settings_changed(d->server);
}

static void
on_read(gpointer out, const GError *err, gpointer user)
{
    Daemon *d = user;
    g_autofree Config *again = out;

    d->reading = FALSE;
    if (err)
        log_mistakes(err);
    else
        take_settings(d, again);
    if (d->read_again)
        reload(d);
    else
        service_ready();
}

/* A reload that is asked for while the file is being read may mean a later version: the file is
 * read once more. */
static void
reload(Daemon *d)
{
    Reading *r;

    service_reloading();
    d->read_again = d->reading;
    if (d->reading)
        return;
    d->reading = TRUE;
    r = g_new0(Reading, 1);
    *r = (Reading){ g_strdup(d->config_path), d->paths.session, d->options->config != NULL };
    offload(read_in_worker, r, reading_free, on_read, d);
}

static int
check_config(Daemon *d)
{
    g_autoptr(GError) err = NULL;
    Config c;

    if (!read_config(d, &c, &err)) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    config_done(&c);
    printf("%s: %s\n", d->config_path,
           g_file_test(d->config_path, G_FILE_TEST_EXISTS) ? "good" : "not there, and need not be");
    return 0;
}

/* ---- boot */

static gboolean
serve(Daemon *d, GError **err)
{
    guint watch, look;

    d->server = server_new(&d->paths, &d->config.server, &d->sockets, err);
    if (!d->server)
        return FALSE;
    watch = service_watch();
    set_idle_timer(d);
    network_autostart();
    qemu_autostart();
    service_ready();
    log_info("vmd " VMD_VERSION " serves %s", d->paths.run);
    look = g_timeout_add_seconds(LOOK_S, look_at_run, d);
    g_main_loop_run(d->loop);
    g_source_remove(look);
    service_stopping();
    g_clear_handle_id(&watch, g_source_remove);
    g_clear_handle_id(&d->idle_timer, g_source_remove);
    server_close(d->server);
    return TRUE;
}

/* The rooms come up from the bottom and go down from the top. */
static gboolean
boot(Daemon *d, int signals, GError **err)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    gboolean ok;

    d->loop = loop;
    g_unix_fd_add(signals, G_IO_IN, on_signal, d);
    if (!tasks_init(&d->paths, err) || !storage_init(&d->paths, err))
        return FALSE;
    devices_init();
    ok = network_init(&d->paths, err) && qemu_init(&d->paths, err);
    if (ok) {
        tasks_settle();
        ok = serve(d, err);
        qemu_done();
    }
    network_done();
    devices_done();
    storage_done();
    /* Last, for until now a room may have answered a call. */
    g_clear_pointer(&d->server, server_free);
    return ok;
}

static gboolean
fault_set(GError **err)
{
    const char *fault = g_getenv("VMD_FAULT");

    return !fault || flow_set_fault(fault, err);
}

/* A daemon with --root is no service of the host (there may be many of them), so it uses no message
 * bus. */
static BusKind
bus_of(const Daemon *d)
{
    const char *said = d->paths.session ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS";

    if (d->options->root && !g_getenv(said))
        return BUS_NONE;
    return d->paths.session ? BUS_USER : BUS_SYSTEM;
}

static gboolean
run(Daemon *d, GError **err)
{
    fd_auto lock = -1, signals = -1;
    gboolean ok;

    log_init(LOG_LEVEL_INFO);
    if (!read_config(d, &d->config, err))
        return FALSE;
    d->paths.trusting = !d->config.confine_guests;
    d->paths.groups = g_strdup(d->config.groups);
    d->paths.limits_warn = d->config.limits_warn;
    d->paths.output_max = (gint64)d->config.output_limit << 20;
    bus_init(bus_of(d));
    qemu_set_host_plan(&d->config.guests);
    objects_init(&d->paths);
    ok = set_log(d, err) && service_sockets(&d->sockets, err) && signals_block(&signals, err) &&
         fault_set(err) && paths_make(&d->paths, err) && lock_take(&d->paths, &lock, err) &&
         pid_write(d, err) && boot(d, signals, err);
    bus_done();
    config_done(&d->config);
    return ok;
}

static int
daemon_run(const Options *o)
{
    Daemon d = { .options = o };
    g_autoptr(GError) err = NULL;
    int status;

    if (o->session && !o->root)
        paths_init_session(&d.paths);
    else
        paths_init_system(&d.paths, o->root ? o->root : "");
    d.config_path = o->config ? g_strdup(o->config)
                              : g_build_filename(d.paths.etc, "vmd.conf", NULL);
    if (o->check_config)
        status = check_config(&d);
    else
        status = run(&d, &err) ? 0 : 1;
    if (err)
        fprintf(stderr, "vmd: %s\n", err->message);
    paths_done(&d.paths);
    g_free(d.config_path);
    return status;
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
        { "config", 0, 0, G_OPTION_ARG_FILENAME, &o.config,
          "Read settings from FILE, not from vmd.conf in the folder of definitions", "FILE" },
        { "check-config", 0, 0, G_OPTION_ARG_NONE, &o.check_config,
          "Look for mistakes in the settings and exit", NULL },
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
        status = daemon_run(&o);
    }
    g_free(o.root);
    g_free(o.log_level);
    g_free(o.config);
    return status;
}
