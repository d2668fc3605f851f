/* passt: the network of an interface of type 'user' in a process of its own. QEMU has one end of a
 * pair of sockets, passt the other, and it ends when QEMU's is closed. It goes into the background
 * once it is ready, and puts itself in a namespace where it sees nothing of the host's files.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qemu_priv.h"

static gboolean
uses_passt(const NetDef *net)
{
    return net->source.net_type == NET_USER && net_has_passt(net);
}

static char *
pid_path(const Run *run, const NetDef *net)
{
    return g_strdup_printf("%s/passt-%s.pid", run->dir, net->info.alias);
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
    if (net->backend->log_file)
        return g_strdup(net->backend->log_file);
    return g_strdup_printf("%s/qemu/%s-%s-passt.log", qemu_paths->log, vm->obj.name,
                           net->info.alias);
}

static GPtrArray *
make_argv(const Vm *vm, const NetDef *net, int fd)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv, g_strdup("passt"));
    g_ptr_array_add(argv, g_strdup("--one-off"));
    g_ptr_array_add(argv, g_strdup("--quiet"));
    add(argv, "--fd", g_strdup_printf("%d", fd));
    add(argv, "--pid", pid_path(vm->run, net));
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

/* ---- start */

/* The one that was waited for is ready, or gone. */
static void
passt_over(Vm *vm, Process *p, const GError *err)
{
    FlowToken token = vm->run->passt_wait;

    process_free(p);
    vm->run->passt = NULL;
    vm->run->passt_wait = 0;
    flow_wake(token, err);
}

static void
on_ready(Process *p, const ProcessEnd *end, gpointer user)
{
    g_autofree char *why = process_status_text(end->status);
    g_autoptr(GError) err = NULL;

    if (why)
        fail(&err, ERR_OPERATION_FAILED, "passt %s: %s", why, end->errors);
    passt_over(user, p, err);
}

static gboolean
spawn(Vm *vm, const NetDef *net, HostNet *host, GError **err)
{
    g_autoptr(GPtrArray) argv = NULL;
    fd_auto theirs = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "interface '%s': cannot make sockets", net->info.alias);
    theirs = pair[1];
    g_array_append_val(host->taps, pair[0]);
    argv = make_argv(vm, net, theirs);

    ProcessFd fds[] = { { theirs, -1 } };
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = (const char *const *)argv->pdata;
    spec.fds = fds;
    spec.n_fds = G_N_ELEMENTS(fds);
    vm->run->passt = process_spawn(&spec, on_ready, vm, err);
    return vm->run->passt || fail_prefix(err, "interface '%s': ", net->info.alias);
}

/* Those that are ready, for the undo. */
static gboolean
note_ready(Flow *f, const Run *run, GError **err)
{
    GPtrArray *nets = run->live->devices.nets;
    g_autoptr(GString) notes = g_string_new(NULL);

    for (guint i = 0; nets && i < nets->len; i++) {
        const HostNet *host = run->start.nets->pdata[i];
        g_autofree char *path = pid_path(run, nets->pdata[i]), *text = NULL, *note = NULL;

        if (!uses_passt(nets->pdata[i]) || host->taps->len == 0)
            continue;
        if (!file_read(path, 32, &text, NULL, err))
            return FALSE;
        note = note_process((pid_t)g_ascii_strtoll(text, NULL, 10));
        g_string_append_printf(notes, "%s;", note);
    }
    return notes->len == 0 || flow_note(f, notes->str, err);
}

/* Asked again when one of them is ready. */
StepResult
passt_start(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    GPtrArray *nets = vm->run->live->devices.nets;

    if (!note_ready(f, vm->run, err))
        return STEP_FAILED;
    for (guint i = 0; nets && i < nets->len; i++) {
        HostNet *host = vm->run->start.nets->pdata[i];

        if (!uses_passt(nets->pdata[i]) || host->taps->len > 0)
            continue;
        if (!spawn(vm, nets->pdata[i], host, err))
            return STEP_FAILED;
        vm->run->passt_wait = flow_wait_again(f);
        return STEP_WAIT;
    }
    return STEP_DONE;
}

/* ---- stop */

static void
on_gone(Process *p, const ProcessEnd *end, gpointer user)
{
    passt_over(user, p, NULL);
}

/* Asked again when one of them is gone. One that was never noted ends with the daemon's end of its
 * sockets. */
StepResult
passt_stop(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    Run *run = vm->run;
    g_auto(GStrv) notes = g_strsplit(flow_detail(f) ? flow_detail(f) : "", ";", -1);
    pid_t pid;
    guint64 start_time;

    g_clear_pointer(&run->passt, process_free);
    for (guint i = 0; notes[i]; i++) {
        if (!note_read(notes[i], &pid, &start_time) ||
            !(run->passt = process_adopt(pid, start_time, on_gone, vm, NULL)))
            continue;
        run->passt_wait = flow_wait_again(f);
        process_signal(run->passt, SIGTERM, NULL);
        return STEP_WAIT;
    }
    return STEP_DONE;
}
