/* passt: the network of an interface of type 'user' in a process of its own. It goes into the
 * background once it is ready, puts itself in a namespace where it sees nothing of the host's
 * files, and ends when QEMU does. One that ends before is followed by another: QEMU connects again
 * to where they listen. An old QEMU cannot; it has one end of a pair of sockets, and the daemon
 * keeps the other end for the next passt, so that QEMU's stays open.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "life.h"

static gboolean
uses_passt(const NetDef *net)
{
    return net->source.net_type == NET_USER && net_has_passt(net);
}

char *
passt_pid_path(const char *run_dir, const NetDef *net)
{
    return uses_passt(net) ? g_strdup_printf("%s/passt-%s.pid", run_dir, net->info.alias) : NULL;
}

/* ---- its command line: passt(1) */

static void
add(GPtrArray *argv, const char *option, char *value)
{
    g_ptr_array_add(argv, g_strdup(option));
    g_ptr_array_add(argv, value);
}

static void
add_ips(GPtrArray *argv, const NetDef *net)
{
    for (guint i = 0; net->ips && i < net->ips->len; i++) {
        const NetIp *ip = net->ips->pdata[i];

        add(argv, "--address", g_strdup(ip->address));
        if (ip->has_prefix && !strchr(ip->address, ':'))
            add(argv, "--netmask", g_strdup_printf("%u", ip->prefix));
    }
}

/* "22", "22-30", "22:2022", "~25" */
static void
put_range(GString *spec, const PortRange *r)
{
    g_string_append_printf(spec, "%s%u", r->exclude == YES ? "~" : "", r->start);
    if (r->end)
        g_string_append_printf(spec, "-%u", r->end);
    if (r->to)
        g_string_append_printf(spec, ":%u", r->to);
    if (r->to && r->end)
        g_string_append_printf(spec, "-%u", r->to + r->end - r->start);
}

static void
add_forward(GPtrArray *argv, const PortForward *forward)
{
    enum { TCP = 1 };
    g_autoptr(GString) spec = g_string_new(forward->address);
    gboolean first = TRUE;

    if (forward->dev)
        g_string_append_printf(spec, "%%%s", forward->dev);
    if (spec->len > 0)
        g_string_append_c(spec, '/');
    if (!forward->ranges || forward->ranges->len == 0)
        g_string_append(spec, "all");
    for (guint i = 0; forward->ranges && i < forward->ranges->len; i++, first = FALSE) {
        if (!first)
            g_string_append_c(spec, ',');
        put_range(spec, forward->ranges->pdata[i]);
    }
    add(argv, forward->proto == TCP ? "--tcp-ports" : "--udp-ports", g_strdup(spec->str));
}

static char *
log_path(const Vm *vm, const NetDef *net)
{
    g_autofree char *helper = g_strdup_printf("%s-passt", net->info.alias);

    return net->backend->log_file ? g_strdup(net->backend->log_file)
                                  : vmlog_helper_path(vm, helper);
}

/* fd: its end of the sockets; -1: it listens. */
static GPtrArray *
make_argv(const Vm *vm, const NetDef *net, int fd)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv, g_strdup("passt"));
    g_ptr_array_add(argv, g_strdup("--one-off"));
    g_ptr_array_add(argv, g_strdup("--quiet"));
    if (fd >= 0)
        add(argv, "--fd", g_strdup_printf("%d", fd));
    else
        add(argv, "--socket", args_passt_path(vm->run->dir, net));
    add(argv, "--pid", passt_pid_path(vm->run->dir, net));
    add(argv, "--log-file", log_path(vm, net));
    if (geteuid() == 0) /* 'nobody' may not write these */
        add(argv, "--runas", g_strdup("0"));
    if (net->source.dev)
        add(argv, "--interface", g_strdup(net->source.dev));
    if (net->mtu)
        add(argv, "--mtu", g_strdup_printf("%u", net->mtu));
    add_ips(argv, net);
    for (guint i = 0; net->forwards && i < net->forwards->len; i++)
        add_forward(argv, net->forwards->pdata[i]);
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* ---- each of them */

typedef struct Passt {
    Vm *vm;
    char *alias;
    Process *starting; /* until it is in the background */
    Process *process;  /* that one there */
    FlowToken token;   /* of who waits for it to be ready, or to be gone */
    int fd;         /* its end of the sockets, for the next one; -1: it listens, or that is lost */
    gint64 begun;   /* monotonic */
    guint failures; /* in a row */
    guint timer;    /* until it is started again */
} Passt;

static void
passt_free(gpointer data)
{
    Passt *p = data;

    g_clear_handle_id(&p->timer, g_source_remove);
    process_free(p->starting);
    process_free(p->process);
    fd_close(&p->fd);
    g_free(p->alias);
    g_free(p);
}

static Passt *
passt_find(const Run *run, const char *alias)
{
    for (guint i = 0; i < list_length(run->passts); i++) {
        Passt *p = run->passts->pdata[i];
        if (g_strcmp0(p->alias, alias) == 0)
            return p;
    }
    return NULL;
}

static Passt *
passt_new(Vm *vm, const char *alias)
{
    Passt *p = g_new0(Passt, 1);

    *p = (Passt){ .vm = vm, .alias = g_strdup(alias), .fd = -1 };
    if (!vm->run->passts)
        vm->run->passts = g_ptr_array_new_with_free_func(passt_free);
    g_ptr_array_add(vm->run->passts, p);
    return p;
}

static const NetDef *
net_of(const Passt *p)
{
    GPtrArray *nets = p->vm->run->live->devices.nets;

    for (guint i = 0; i < list_length(nets); i++) {
        const NetDef *net = nets->pdata[i];
        if (g_strcmp0(net->info.alias, p->alias) == 0 && uses_passt(net))
            return net;
    }
    return NULL;
}

static void
wake(Passt *p, const GError *err)
{
    FlowToken token = p->token;

    p->token = 0;
    flow_wake(token, err);
}

/* ---- the one that serves */

static void fall_back(Passt *p, const char *why);

static void
on_end(Process *process, const ProcessEnd *end, gpointer user)
{
    Passt *p = user;

    process_free(process);
    p->process = NULL;
    if (p->token)
        wake(p, NULL);
    else
        fall_back(p, NULL);
}

static gboolean
pid_read(const Run *run, const NetDef *net, pid_t *ret_pid, GError **err)
{
    g_autofree char *path = passt_pid_path(run->dir, net), *text = NULL;
    guint64 pid;

    if (!file_read(path, 32, &text, NULL, err))
        return FALSE;
    if (!g_ascii_string_to_unsigned(g_strchomp(text), 10, 2, G_MAXINT32, &pid, NULL))
        return fail(err, ERR_INTERNAL, "'%s' does not hold the number of a process", path);
    *ret_pid = (pid_t)pid;
    return TRUE;
}

/* The socket that it has made, to whom QEMU is. The folder is the daemon's. */
static gboolean
hand_over(const Passt *p, GError **err)
{
    const Confined *c = &p->vm->run->confined;
    g_autofree char *path = args_passt_path(p->vm->run->dir, net_of(p));

    return p->fd >= 0 || confine_owner(p->vm->run) == 0 || lchown(path, c->uid, c->gid) == 0 ||
           fail_errno(err, errno, "cannot give '%s' to QEMU's user", path);
}

/* passt is in the background now: the process that was started has written the pid of its own and
 * ended. */
static gboolean
passt_adopt(Passt *p, GError **err)
{
    pid_t pid;

    if (!pid_read(p->vm->run, net_of(p), &pid, err) || !hand_over(p, err))
        return FALSE;
    p->process = process_adopt(pid, process_start_time(pid), on_end, p, err);
    return p->process != NULL;
}

static void
on_ready(Process *process, const ProcessEnd *end, gpointer user)
{
    Passt *p = user;
    g_autofree char *why = process_status_text(end->status);
    g_autoptr(GError) err = NULL;

    if (why)
        fail(&err, ERR_OPERATION_FAILED, "passt %s: %s", why, end->errors);
    process_free(process);
    p->starting = NULL;
    if (!err)
        passt_adopt(p, &err);
    if (p->token) {
        wake(p, err);
    } else if (err) {
        fall_back(p, err->message);
    } else {
        g_autofree char *of = g_strdup_printf("interface '%s'", p->alias);
        vm_trouble(p->vm, of, NULL);
    }
}

static gboolean
spawn(Passt *p, GError **err)
{
    const NetDef *net = net_of(p);
    g_autoptr(GPtrArray) argv = make_argv(p->vm, net, p->fd);
    g_auto(GStrv) env = g_environ_setenv(process_env(), RUN_MARK, p->vm->run->dir, TRUE);
    ProcessFd fds[] = { { p->fd, -1 } };
    ProcessSpec spec = PROCESS_SPEC_INIT;
    fd_auto group = -1;

    if (!group_open(p->vm->run, &group, err))
        return FALSE;
    spec.group = MAX(group, 0);
    spec.argv = (const char *const *)argv->pdata;
    spec.env = (const char *const *)env;
    spec.fds = fds;
    spec.n_fds = p->fd >= 0 ? 1 : 0;
    p->begun = g_get_monotonic_time();
    p->starting = process_spawn(&spec, on_ready, p, err);
    return p->starting || fail_prefix(err, "interface '%s': ", p->alias);
}

/* ---- one that ends before QEMU does */

#define SOON_MS    200
#define LATEST_MS  60000
#define HEALTHY_US (10 * G_USEC_PER_SEC)

/* The QEMU of an earlier daemon may be one that has only an end of sockets. */
static gboolean
can_go_on(const Passt *p)
{
    g_autofree char *path = args_passt_path(p->vm->run->dir, net_of(p));

    return p->fd >= 0 || access(path, F_OK) == 0;
}

/* The data that the guest sent to the dead passt ends somewhere in a packet; the new one must begin
 * with a whole one. */
static void
drain(int fd)
{
    char bytes[65536];

    for (int i = 0; i < 64; i++)
        if (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
            return;
}

static gboolean
start_again(gpointer user)
{
    Passt *p = user;
    Run *run = p->vm->run;
    g_autoptr(GError) err = NULL;

    if (run->process && !run->complete) /* its start looks at other things first */
        return G_SOURCE_CONTINUE;
    p->timer = 0;
    /* The passt has ended with its QEMU, or with a device that was unplugged. */
    if (!run->process || run->stopping || run->ending || !net_of(p))
        return G_SOURCE_REMOVE;
    log_warning("domain '%s': the passt of interface '%s' has ended and is started again",
                p->vm->obj.name, p->alias);
    vmlog_line(p->vm, "the passt of interface '%s' has ended and is started again", p->alias);
    if (p->fd >= 0)
        drain(p->fd);
    if (!spawn(p, &err))
        fall_back(p, err->message);
    return G_SOURCE_REMOVE;
}

/* Reports that the interface has no network: for a while, or as long as this QEMU runs. */
static void
tell(Passt *p, const char *why)
{
    g_autofree char *of = g_strdup_printf("interface '%s'", p->alias);
    g_autofree char *text = g_strdup_printf("no network: %s", why);
    Event e = vm_event(p->vm, DOMAIN_EVENT_CONTROL_ERROR);

    vm_trouble(p->vm, of, text);
    event_emit(&e);
}

/* Called when the passt has ended, or (why) could not be started. It is started again at once, and
 * later and later after each failure. */
static void
fall_back(Passt *p, const char *why)
{
    Run *run = p->vm->run;
    gboolean healthy = !why && g_get_monotonic_time() - p->begun > HEALTHY_US;
    guint ms;

    if (!run->process || run->stopping || run->ending)
        return;
    if (net_of(p) && !can_go_on(p)) {
        tell(p,
             "its passt has ended, and this QEMU cannot connect to another one; there will be one "
             "at the domain's next start");
        return;
    }
    if (why)
        tell(p, why);
    p->failures = healthy ? 0 : MIN(p->failures + 1, 10);
    ms = p->failures < 2 ? SOON_MS : MIN(1000U << (p->failures - 2), LATEST_MS);
    g_clear_handle_id(&p->timer, g_source_remove);
    p->timer = g_timeout_add(ms, start_again, p);
}

/* ---- start */

/* net/stream.c of QEMU 8.0 */
static gboolean
connects_again(const Emulator *e)
{
    return emulator_version(e) >= 8000000;
}

static gboolean
make_sockets(Passt *p, HostNet *host, GError **err)
{
    int pair[2];

    if (connects_again(p->vm->run->start.emulator))
        return TRUE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "interface '%s': cannot make sockets", p->alias);
    g_array_append_val(host->taps, pair[0]);
    p->fd = pair[1];
    return TRUE;
}

/* Run again when one of the passts is ready. */
StepResult
passt_start(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    GPtrArray *nets = run->live->devices.nets;

    for (guint i = 0; i < list_length(nets); i++) {
        const NetDef *net = nets->pdata[i];
        const char *alias = net->info.alias;
        Passt *p = uses_passt(net) ? passt_find(run, alias) : NULL;

        if (!uses_passt(net))
            continue;
        if (p) {
            if (p->process && !note_process(f, alias, process_pid(p->process), err))
                return STEP_FAILED;
            continue;
        }
        p = passt_new(vm, alias);
        if (!flow_note(f, alias, WORDS(NULL), err) ||
            !make_sockets(p, run->start.nets->pdata[i], err) || !spawn(p, err))
            return STEP_FAILED;
        p->token = flow_wait_again(f);
        return STEP_WAIT;
    }
    return STEP_DONE;
}

/* ---- found again */

/* The newest is named by the file that it wrote itself, the first one by the ledger. */
static void
passt_find_process(Passt *p, const Flow *f)
{
    const NetDef *net = net_of(p);
    guint64 start_time;
    pid_t pid;

    if (net && pid_read(p->vm->run, net, &pid, NULL) && mark_is(pid, p->vm->run->dir, "passt"))
        p->process = process_adopt(pid, process_start_time(pid), on_end, p, NULL);
    else if (f && (note_read(f, &pid, &start_time) ||
                   mark_find(p->vm->run->dir, "passt", &pid, &start_time)))
        p->process = process_adopt(pid, start_time, on_end, p, NULL);
}

/* "--fd 12" of its command line; -1: there is none. */
static int
fd_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid), *text = NULL;
    gsize len = 0;
    gboolean next = FALSE;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return -1;
    for (gsize i = 0; i < len; i += strlen(text + i) + 1) {
        if (next)
            return (int)g_ascii_strtoll(text + i, NULL, 10);
        next = strcmp(text + i, "--fd") == 0;
    }
    return -1;
}

/* The old daemon's copy went with it. Where the kernel does not give us another one, nobody can
 * take its place any more. */
static void
take_fd(Passt *p)
{
    int theirs = p->process ? fd_of(process_pid(p->process)) : -1;
    fd_auto pidfd = theirs >= 0 ? pidfd_open(process_pid(p->process), 0) : -1;

    if (pidfd >= 0)
        p->fd = pidfd_getfd(pidfd, theirs, 0);
}

void
passt_watch(Vm *vm)
{
    GPtrArray *nets = vm->run->live->devices.nets;

    for (guint i = 0; i < list_length(nets); i++) {
        const NetDef *net = nets->pdata[i];
        Passt *p;

        if (!uses_passt(net))
            continue;
        p = passt_new(vm, net->info.alias);
        passt_find_process(p, NULL);
        take_fd(p);
        if (!p->process)
            fall_back(p, NULL);
    }
}

pid_t
passt_pid(const Run *run, const char *alias)
{
    const Passt *p = passt_find(run, alias);

    return p && p->process ? process_pid(p->process) : 0;
}

/* ---- stop */

/* One that was not ready when the daemon died has died with it, or ends with the daemon's end of
 * its sockets. */
StepResult
passt_stop(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    Passt *p = passt_find(vm->run, flow_key(f));

    if (!p)
        p = passt_new(vm, flow_key(f));
    g_clear_handle_id(&p->timer, g_source_remove);
    g_clear_pointer(&p->starting, process_free);
    fd_close(&p->fd);
    if (!p->process)
        passt_find_process(p, f);
    if (!p->process) {
        g_ptr_array_remove(vm->run->passts, p);
        return STEP_DONE;
    }
    p->token = flow_wait_again(f);
    process_signal(p->process, SIGTERM, NULL);
    return STEP_WAIT;
}
