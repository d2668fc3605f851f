/* Start, as a table. Each row does one thing to the host and knows how to take it back; what the
 * rows find out stands in the Run, and in the live definition where a client may read it. The same
 * undo column stops a VM and cleans up after a daemon that died half way.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cpu.h"
#include "network/network.h"
#include "qemu_priv.h"

#define LEN(list) ((list) ? (list)->len : 0)

/* ---- the emulator: who it is and what it will open */

typedef struct EmulatorWait {
    Vm *vm;
    FlowToken token;
} EmulatorWait;

static void
on_emulator(const Emulator *e, const GError *err, gpointer user)
{
    g_autofree EmulatorWait *w = user;

    if (flow_waits(w->token) && e)
        w->vm->run->start.emulator = e;
    flow_wake(w->token, err);
}

static StepResult
find_emulator(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    EmulatorWait *w = g_new(EmulatorWait, 1);

    *w = (EmulatorWait){ vm, flow_wait(f) };
    emulator_get(vm->run->live->devices.emulator, on_emulator, w);
    return STEP_WAIT;
}

static StepResult
check_cpu(Flow *f, gpointer obj, GError **err)
{
    const Run *run = ((Vm *)obj)->run;

    return step_of(cpu_check_start(run->live, run->start.emulator, err));
}

static StepResult
name_devices(Flow *f, gpointer obj, GError **err)
{
    Run *run = ((Vm *)obj)->run;

    run->start.files = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    aliases_assign(run->live, run->dir);
    return step_of(args_files(run->live, run->start.emulator, run->dir, run->start.files, err));
}

/* ---- the runtime folder */

static StepResult
make_folder(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;

    /* Only the ledger is left to say whose it is when the daemon dies before "save status". */
    return step_of(flow_note(f, vm->obj.name, err) && dir_make(vm->run->dir, 0700, err));
}

static StepResult
remove_folder(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    g_autoptr(GError) err = NULL;

    if (!dir_remove(vm->run->dir, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
    return STEP_DONE;
}

/* ---- ports of graphics */

#define PORT_FIRST      5900
#define PORT_LAST       65535
#define WEBSOCKET_FIRST 5700

static gboolean
lease_into(Run *run, guint16 from, gint32 *port, guint8 *has_port, GError **err)
{
    guint16 leased;

    if (!port_lease(run, from, PORT_LAST, &leased, err))
        return FALSE;
    *port = leased;
    *has_port = TRUE;
    return TRUE;
}

static void
note_fixed(Run *run, gint32 port)
{
    guint16 p = (guint16)port;

    if (port > 0)
        g_array_append_val(run->ports, p);
}

static gboolean
listens_without_port(const GraphicsDef *g)
{
    const GraphicsListen *first = LEN(g->listens) ? g->listens->pdata[0] : NULL;

    return first && (first->type == LISTEN_SOCKET || first->type == LISTEN_NONE);
}

static gboolean
lease_graphics(Run *run, GraphicsDef *g, GError **err)
{
    gboolean automatic = g->autoport == YES || g->port == -1;

    if (g->type != GRAPHICS_VNC && g->type != GRAPHICS_SPICE)
        return TRUE;
    if (listens_without_port(g))
        return TRUE;
    if (!automatic) {
        note_fixed(run, g->port);
        note_fixed(run, g->tls_port);
    } else if (!lease_into(run, PORT_FIRST, &g->port, &g->has_port, err)) {
        return FALSE;
    }
    if (g->websocket == -1 &&
        !lease_into(run, WEBSOCKET_FIRST, &g->websocket, &g->has_websocket, err))
        return FALSE;
    return TRUE;
}

static StepResult
lease_ports(Flow *f, gpointer obj, GError **err)
{
    Run *run = ((Vm *)obj)->run;
    GPtrArray *graphics = run->live->devices.graphics;

    for (guint i = 0; i < LEN(graphics); i++)
        if (!lease_graphics(run, graphics->pdata[i], err))
            return STEP_FAILED;
    return step_of(vsock_choose(run->live->devices.vsock, err));
}

/* ---- links */

static void
host_net_free(HostNet *n)
{
    for (guint i = 0; i < n->taps->len; i++)
        fd_close(&g_array_index(n->taps, int, i));
    for (guint i = 0; i < n->vhosts->len; i++)
        fd_close(&g_array_index(n->vhosts, int, i));
    g_array_unref(n->taps);
    g_array_unref(n->vhosts);
    g_free(n);
}

static HostNet *
host_net_new(void)
{
    HostNet *n = g_new0(HostNet, 1);

    n->taps = g_array_new(FALSE, FALSE, sizeof(int));
    n->vhosts = g_array_new(FALSE, FALSE, sizeof(int));
    return n;
}

static gboolean
net_is_virtio(const NetDef *net)
{
    return net->model && g_str_has_prefix(net->model, "virtio");
}

/* vhost only speeds things up: a host without it does without, unless it was asked for. */
static gboolean
open_vhosts(const NetDef *net, HostNet *host, GError **err)
{
    enum { BACKEND_QEMU = 1, BACKEND_VHOST };

    if (!net_is_virtio(net) || net->driver.name == BACKEND_QEMU)
        return TRUE;
    for (guint i = 0; i < host->taps->len; i++) {
        g_autoptr(HostFd) h = host_fd_new(HOST_DEVICE, "/dev/vhost-net", "interface");
        if (!host_open(h, net->driver.name == BACKEND_VHOST ? err : NULL))
            return net->driver.name != BACKEND_VHOST;
        g_array_append_val(host->vhosts, h->fd);
        h->fd = -1;
    }
    return TRUE;
}

/* A name that we count is counted anew at every start. */
static gboolean
name_is_ours(const char *name)
{
    return !name || g_str_has_prefix(name, "vnet");
}

static gboolean
make_link(NetDef *net, HostNet *host, GError **err)
{
    TapSpec spec = {
        .name = name_is_ours(net->ifname) ? "vnet%d" : net->ifname,
        .bridge = net->source.net_type == NET_BRIDGE ? net->source.bridge : NULL,
        .mac = net->mac,
        .mtu = net->mtu,
        .queues = net->driver.queues,
        .vnet_hdr = net_is_virtio(net),
        .existing = net->source.net_type == NET_ETHERNET && net->target_managed == NO,
    };
    g_autofree char *name = NULL;

    if (!tap_create(&spec, &name, host->taps, err))
        return FALSE;
    g_free(net->ifname);
    net->ifname = g_steal_pointer(&name);
    return open_vhosts(net, host, err);
}

static gboolean
note_links(Flow *f, const Run *run, GError **err)
{
    GPtrArray *nets = run->live->devices.nets;
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < LEN(nets); i++) {
        const NetDef *net = nets->pdata[i];
        if ((net->source.net_type == NET_BRIDGE || net->source.net_type == NET_ETHERNET) &&
            net->target_managed != NO && net->ifname)
            g_string_append_printf(names, "%s ", net->ifname);
    }
    return flow_note(f, names->str, err);
}

/* vmd has no networks yet, nor taps on the host's cards. */
static gboolean
can_link(const NetDef *net, GError **err)
{
    int type = net->source.net_type;

    if (type == NET_VHOST_USER && net_has_passt(net))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "interface '%s': type 'vhostuser' cannot have passt yet, 'user' can",
                    net->info.alias);
    if (type != NET_NETWORK && type != NET_DIRECT)
        return TRUE;
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "interface '%s': type '%s' cannot be started yet, 'bridge' and 'user' can",
                net->info.alias, net_types[type]);
}

static StepResult
make_links(Flow *f, gpointer obj, GError **err)
{
    Run *run = ((Vm *)obj)->run;
    GPtrArray *nets = run->live->devices.nets;

    run->start.nets = g_ptr_array_new_with_free_func((GDestroyNotify)host_net_free);
    for (guint i = 0; i < LEN(nets); i++) {
        NetDef *net = nets->pdata[i];
        HostNet *host = host_net_new();

        g_ptr_array_add(run->start.nets, host);
        if (!can_link(net, err))
            return STEP_FAILED;
        if ((net->source.net_type == NET_BRIDGE || net->source.net_type == NET_ETHERNET) &&
            !make_link(net, host, err))
            return STEP_FAILED;
    }
    return step_of(note_links(f, run, err));
}

/* A tap goes with its last descriptor, which QEMU had; this is for one that is held elsewhere. */
static StepResult
delete_links(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    g_auto(GStrv) names = g_strsplit(flow_detail(f) ? flow_detail(f) : "", " ", -1);

    g_clear_pointer(&vm->run->start.nets, g_ptr_array_unref);
    for (int i = 0; names[i]; i++) {
        g_autoptr(GError) err = NULL;
        if (names[i][0] && !tap_delete(names[i], &err))
            log_warning("domain '%s': %s", vm->obj.name, err->message);
    }
    return STEP_DONE;
}

/* ---- QEMU itself */

static char *
monitor_path(const Run *run)
{
    return g_build_filename(run->dir, "monitor", NULL);
}

/* The numbers that the command line says, the same in the child. */
static GArray *
collect_fds(const Run *run)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(ProcessFd));
    ProcessFd row = { run->start.monitor_fd, -1 };

    g_array_append_val(fds, row);
    for (guint i = 0; i < run->start.files->len; i++) {
        row.fd = ((HostFd *)run->start.files->pdata[i])->fd;
        g_array_append_val(fds, row);
    }
    for (guint i = 0; i < run->start.nets->len; i++) {
        const HostNet *n = run->start.nets->pdata[i];
        for (guint j = 0; j < n->taps->len; j++) {
            row.fd = g_array_index(n->taps, int, j);
            g_array_append_val(fds, row);
        }
        for (guint j = 0; j < n->vhosts->len; j++) {
            row.fd = g_array_index(n->vhosts, int, j);
            g_array_append_val(fds, row);
        }
    }
    return fds;
}

/* What QEMU needs to find its modules and its audio, and the mark that note_find looks for. */
static char **
make_env(const Run *run)
{
    g_auto(GStrv) env = g_get_environ();

    env = g_environ_setenv(env, "LC_ALL", "C", TRUE);
    env = g_environ_setenv(env, RUN_MARK, run->dir, TRUE);
    return g_steal_pointer(&env);
}

static gboolean
run_emulator(Vm *vm, const char *const *argv, int log_fd, GError **err)
{
    Run *run = vm->run;
    g_auto(GStrv) env = make_env(run);
    g_autoptr(GArray) fds = collect_fds(run);
    ProcessSpec spec = {
        .argv = argv,
        .env = (const char *const *)env,
        .fds = (const ProcessFd *)fds->data,
        .n_fds = fds->len,
        .stdout_fd = log_fd,
        .stderr_fd = log_fd,
        .detach = TRUE,
    };

    run->process = process_spawn(&spec, stop_on_exit, vm, err);
    if (!run->process)
        return FALSE;
    run->pid = process_pid(run->process);
    run->start_time = process_start_time(run->pid);
    return TRUE;
}

static StepResult
spawn_qemu(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    g_autofree char *path = monitor_path(run), *note = NULL;
    g_autoptr(HostFd) monitor = host_fd_new(HOST_LISTEN, path, "monitor");
    g_autoptr(GPtrArray) argv = NULL;
    fd_auto log_fd = -1;
    ArgsIn in = {
        .def = run->live,
        .emulator = run->start.emulator,
        .files = run->start.files,
        .nets = run->start.nets,
        .run_dir = run->dir,
    };

    if (!host_open(monitor, err))
        return STEP_FAILED;
    in.monitor_fd = run->start.monitor_fd = fd_steal(&monitor->fd);
    if (!(argv = args_build(&in, err)) || (log_fd = vmlog_open(vm, err)) < 0)
        return STEP_FAILED;
    vmlog_header(log_fd, run->start.emulator, (const char *const *)argv->pdata);
    run->start.log_from = lseek(log_fd, 0, SEEK_END);
    if (!run_emulator(vm, (const char *const *)argv->pdata, log_fd, err))
        return STEP_FAILED;
    note = note_process(run->pid);
    fd_close(&run->start.monitor_fd);
    return step_of(flow_note(f, note, err));
}

char *
start_last_words(Vm *vm)
{
    Run *run = vm->run;
    g_autoptr(GString) words = NULL;
    g_autofree char *text = vmlog_read_from(vm, run->start.log_from);

    words = g_string_new(text[0] ? text : "QEMU said nothing");
    for (guint i = LEN(run->start.files); i-- > 0;) {
        const HostFd *h = run->start.files->pdata[i];
        g_autofree char *set = g_strdup_printf("/dev/fdset/%u", h->set);
        if (h->set)
            g_string_replace(words, set, h->path, 0);
    }
    return g_string_free(g_steal_pointer(&words), FALSE);
}

/* ---- the monitor: everything that a row wants to know is asked at once */

gboolean
monitor_connect(Vm *vm, GError **err)
{
    g_autofree char *path = monitor_path(vm->run);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        return fail_errno(err, errno, "cannot connect to QEMU's monitor at %s", path);
    vm->run->qmp = qmp_new(fd_steal(&fd), &vm_qmp_ops, vm);
    return TRUE;
}

/* [{"label": "charserial0", "filename": "pty:/dev/pts/3", "frontend-open": true}] */
gboolean
take_chardevs(gpointer obj, json_object *ret, GError **err)
{
    Vm *vm = obj;

    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        const char *label = json_str(row, "label"), *file = json_str(row, "filename");
        gboolean pty = file && g_str_has_prefix(file, "pty:");
        if (label)
            consoles_learn(vm->run->live, label, pty ? file + strlen("pty:") : NULL,
                           json_flag(row, "frontend-open"));
    }
    return TRUE;
}

gboolean
take_vcpus(gpointer obj, json_object *ret, GError **err)
{
    Run *run = ((Vm *)obj)->run;
    gint64 most = run->live->vcpus;

    g_array_set_size(run->vcpu_tids, 0);
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        gint64 index = json_int(row, "cpu-index", 0);
        if (index < 0 || index >= most)
            continue;
        if (index >= run->vcpu_tids->len)
            g_array_set_size(run->vcpu_tids, (guint)index + 1);
        g_array_index(run->vcpu_tids, pid_t, index) = (pid_t)json_int(row, "thread-id", 0);
    }
    return TRUE;
}

static gboolean
meet_vcpus(gpointer obj, json_object *ret, GError **err)
{
    Run *run = ((Vm *)obj)->run;

    if (json_length(ret) > 0)
        run->start.first_cpu = g_strdup(json_str(json_object_array_get_idx(ret, 0), "qom-path"));
    return take_vcpus(obj, ret, err);
}

static StepResult
greet_monitor(Flow *f, gpointer obj, GError **err)
{
    static const QmpRow rows[] = { { "query-cpus-fast", NULL, NULL, meet_vcpus, FALSE }, { 0 } };
    Vm *vm = obj;

    if (!monitor_connect(vm, err))
        return STEP_FAILED;
    qmp_batch(vm->run->qmp, rows, vm, flow_wait(f));
    return STEP_WAIT;
}

/* ---- what the guest's machine turned out to be */

static gboolean
knows_first_cpu(gpointer obj)
{
    return ((Vm *)obj)->run->start.first_cpu != NULL;
}

static json_object *
cpu_words_args(gpointer obj)
{
    return json_make("path", 's', ((Vm *)obj)->run->start.first_cpu, "property", 's',
                     "feature-words", NULL);
}

static gboolean
take_cpu_words(gpointer obj, json_object *ret, GError **err)
{
    Run *run = ((Vm *)obj)->run;

    return cpu_guest_learn(run->live, run->start.emulator, ret, err);
}

static gboolean
has_balloon(gpointer obj)
{
    const BalloonDef *b = ((Vm *)obj)->run->live->devices.balloon;

    return b && b->model != BALLOON_NONE && b->model != BALLOON_XEN;
}

/* The guest begins with all its memory and gives some back. */
static gboolean
wants_balloon(gpointer obj)
{
    const DomainDef *live = ((Vm *)obj)->run->live;

    return has_balloon(obj) && live->current_memory && live->current_memory < live->memory;
}

static json_object *
balloon_args(gpointer obj)
{
    const DomainDef *live = ((Vm *)obj)->run->live;

    return json_make("value", 'i', (gint64)live->current_memory * 1024, NULL);
}

/* Until the guest's driver has taken it, it has all of it. */
static gboolean
take_balloon(gpointer obj, json_object *ret, GError **err)
{
    Run *run = ((Vm *)obj)->run;

    run->balloon_kib = (guint64)json_int(ret, "actual", 0) / 1024;
    if (run->balloon_kib > 0)
        run->live->current_memory = run->balloon_kib;
    return TRUE;
}

static gboolean
wants_balloon_stats(gpointer obj)
{
    const BalloonDef *b = ((Vm *)obj)->run->live->devices.balloon;

    return has_balloon(obj) && b->stats_period > 0;
}

static json_object *
balloon_stats_args(gpointer obj)
{
    const BalloonDef *b = ((Vm *)obj)->run->live->devices.balloon;
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", b->info.alias);

    return json_make("path", 's', path, "property", 's', "guest-stats-polling-interval", "value",
                     'i', (gint64)b->stats_period, NULL);
}

static gboolean
ends_on_reboot(gpointer obj)
{
    return ((Vm *)obj)->run->live->on_reboot == ACTION_DESTROY;
}

static json_object *
reboot_args(gpointer obj)
{
    return json_make("reboot", 's', "shutdown", NULL);
}

static StepResult
read_back(Flow *f, gpointer obj, GError **err)
{
    static const QmpRow rows[] = {
        { "query-chardev", NULL, NULL, take_chardevs, FALSE },
        { "qom-get", knows_first_cpu, cpu_words_args, take_cpu_words, TRUE },
        { "query-iothreads", NULL, NULL, take_iothreads, FALSE },
        { "set-action", ends_on_reboot, reboot_args, NULL, FALSE },
        { "balloon", wants_balloon, balloon_args, NULL, TRUE },
        { "query-balloon", wants_balloon, NULL, take_balloon, TRUE },
        { "qom-set", wants_balloon_stats, balloon_stats_args, NULL, TRUE },
        { 0 },
    };
    Vm *vm = obj;

    qmp_batch(vm->run->qmp, rows, vm, flow_wait(f));
    return STEP_WAIT;
}

/* ---- passwords: by the monitor, so that no command line shows them */

static const GraphicsDef *
find_locked(Vm *vm, int type)
{
    GPtrArray *graphics = vm->run->live->devices.graphics;

    for (guint i = 0; i < LEN(graphics); i++) {
        const GraphicsDef *g = graphics->pdata[i];
        if (g->type == type && g->passwd)
            return g;
    }
    return NULL;
}

static gboolean
wants_vnc(gpointer obj)
{
    return find_locked(obj, GRAPHICS_VNC) != NULL;
}

static gboolean
wants_spice(gpointer obj)
{
    return find_locked(obj, GRAPHICS_SPICE) != NULL;
}

static const char *const connected_words[] = { NULL, "fail", "disconnect", "keep" };

static json_object *
password_args(const char *protocol, const GraphicsDef *g)
{
    return json_make("protocol", 's', protocol, "password", 's', g->passwd, "connected", 's',
                     connected_words[g->connected], NULL);
}

static json_object *
vnc_password(gpointer obj)
{
    return password_args("vnc", find_locked(obj, GRAPHICS_VNC));
}

static json_object *
spice_password(gpointer obj)
{
    return password_args("spice", find_locked(obj, GRAPHICS_SPICE));
}

/* passwdValidTo is UTC, "2026-11-21T12:00:00". */
static json_object *
expiry_args(const char *protocol, const GraphicsDef *g)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime)
        when = g->passwd_valid_to ? g_date_time_new_from_iso8601(g->passwd_valid_to, utc) : NULL;
    g_autofree char *text = when ? g_strdup_printf("%" G_GINT64_FORMAT, g_date_time_to_unix(when))
                                 : g_strdup("never");

    return json_make("protocol", 's', protocol, "time", 's', text, NULL);
}

static json_object *
vnc_expiry(gpointer obj)
{
    return expiry_args("vnc", find_locked(obj, GRAPHICS_VNC));
}

static json_object *
spice_expiry(gpointer obj)
{
    return expiry_args("spice", find_locked(obj, GRAPHICS_SPICE));
}

static StepResult
set_passwords(Flow *f, gpointer obj, GError **err)
{
    static const QmpRow rows[] = {
        { "set_password", wants_vnc, vnc_password, NULL, FALSE },
        { "expire_password", wants_vnc, vnc_expiry, NULL, FALSE },
        { "set_password", wants_spice, spice_password, NULL, FALSE },
        { "expire_password", wants_spice, spice_expiry, NULL, FALSE },
        { 0 },
    };
    Vm *vm = obj;

    if (!wants_vnc(vm) && !wants_spice(vm))
        return STEP_DONE;
    qmp_batch(vm->run->qmp, rows, vm, flow_wait(f));
    return STEP_WAIT;
}

/* ---- the end of it */

static StepResult
save_status(Flow *f, gpointer obj, GError **err)
{
    return step_of(live_save(obj, err) && status_save(obj, err));
}

static StepResult
run_guest(Flow *f, gpointer obj, GError **err)
{
    static const QmpRow rows[] = { { "cont", NULL, NULL, NULL, FALSE }, { 0 } };
    Vm *vm = obj;

    if (vm->run->flags & VM_START_PAUSED)
        return STEP_DONE;
    qmp_batch(vm->run->qmp, rows, vm, flow_wait(f));
    return STEP_WAIT;
}

static const Step start_steps[] = {
    { "find emulator", find_emulator, NULL },
    { "check cpu", check_cpu, NULL },
    { "look at images", images_look, NULL },
    { "name devices", name_devices, NULL },
    { "make folder", make_folder, remove_folder },
    { "lease ports", lease_ports, NULL },
    { "make links", make_links, delete_links },
    { "start helpers", helpers_start, helpers_stop },
    { "start passt", passt_start, passt_stop },
    { "open files", files_open, files_close },
    { "claim images", images_claim, NULL },
    { "spawn qemu", spawn_qemu, stop_qemu },
    { "greet monitor", greet_monitor, NULL },
    { "read back", read_back, NULL },
    { "pin threads", pin_threads, NULL },
    { "set passwords", set_passwords, NULL },
    { "tell devices", tell_devices, NULL },
    { "save status", save_status, NULL },
    { "run guest", run_guest, NULL },
    { 0 },
};

const FlowTable start_table = { "start", start_steps };
