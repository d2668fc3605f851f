/* QEMU's events, a row each: their effect on the domain's state, and the events that clients get.
 */
#include <stdio.h>
#include <string.h>

#include "life.h"

typedef struct Heard {
    Vm *vm;
    json_object *data; /* may be NULL */
} Heard;

static const char *
said(const Heard *h, const char *name)
{
    return h->data ? json_str(h->data, name) : NULL;
}

static gint64
number(const Heard *h, const char *name)
{
    return h->data ? json_int(h->data, name, 0) : 0;
}

static gboolean
flag(const Heard *h, const char *name)
{
    return h->data && json_flag(h->data, name);
}

/* "balloon0" of "/machine/peripheral/balloon0/virtio-backend", and so on. */
static char *
alias_of_path(const char *path)
{
    static const char *const prefix = "/machine/peripheral/";
    const char *name = path && g_str_has_prefix(path, prefix) ? path + strlen(prefix) : NULL;

    return name ? g_strndup(name, strcspn(name, "/")) : NULL;
}

/* ---- running and not */

static void
on_stop(const Heard *h)
{
    if (h->vm->state != VM_RUNNING || h->vm->run->restarting)
        return;
    vm_enter(h->vm, VM_PAUSED, PAUSED_USER);
    vm_tell(h->vm, LIFECYCLE_SUSPENDED, SUSPENDED_PAUSED);
}

static gboolean
restarts_on_crash(const Vm *vm)
{
    int action = vm->run->live->on_crash;

    return action == CRASH_RESTART || action == CRASH_RENAME_RESTART ||
           action == CRASH_COREDUMP_RESTART;
}

/* A guest that panicked goes on because it was restarted, or because a client wants it to. */
static void
on_resume(const Heard *h)
{
    gboolean crashed = h->vm->state == VM_CRASHED;

    leave_resumed(h->vm);
    if (h->vm->state != VM_PAUSED && !crashed)
        return;
    vm_enter(h->vm, VM_RUNNING,
             crashed && restarts_on_crash(h->vm) ? RUNNING_CRASHED : RUNNING_UNPAUSED);
    vm_tell(h->vm, LIFECYCLE_RESUMED, 0);
}

/* The guest stands still; a reset and a push get it going as after power-on. */
static void
restart_guest(Vm *vm)
{
    qmp_call(vm->run->qmp, "system_reset", NULL, NULL, NULL);
    qmp_call(vm->run->qmp, "cont", NULL, NULL, NULL);
}

static void
on_shutdown(const Heard *h)
{
    Vm *vm = h->vm;
    Run *run = vm->run;
    gboolean by_guest = flag(h, "guest");
    gboolean by_signal = g_strcmp0(said(h, "reason"), "host-signal") == 0;
    gboolean reset = g_strcmp0(said(h, "reason"), "guest-reset") == 0;

    guest_heard(vm, GUEST_ENDS_SHUTDOWN);
    if (!by_signal && !reset &&
        (run->rebooting || (run->live->on_poweroff == ACTION_RESTART && !run->ending))) {
        run->rebooting = run->restarting = TRUE;
        vm_save_soon(vm);
        restart_guest(vm);
        return;
    }
    vm_enter(vm, VM_SHUTDOWN, 0);
    vm_tell(vm, LIFECYCLE_SHUTDOWN, by_guest ? SHUTDOWN_GUEST : SHUTDOWN_HOST);
    vm_stop(vm, (StopWhy){ SHUTOFF_SHUTDOWN, STOPPED_SHUTDOWN }, TRUE);
}

static void
on_reset(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_REBOOT);

    h->vm->run->rebooting = h->vm->run->restarting = FALSE;
    vm_save_soon(h->vm);
    guest_heard(h->vm, GUEST_ENDS_RESET);
    event_emit(&e);
}

static void
on_suspend(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_PMSUSPEND);

    guest_heard(h->vm, GUEST_ENDS_SUSPEND);
    vm_enter(h->vm, VM_PMSUSPENDED, 0);
    vm_tell(h->vm, LIFECYCLE_PMSUSPENDED, 0);
    event_emit(&e);
}

static void
on_suspend_disk(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_PMSUSPEND_DISK);

    guest_heard(h->vm, GUEST_ENDS_SUSPEND);
    event_emit(&e);
}

static void
on_wakeup(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_PMWAKEUP);

    if (h->vm->state == VM_PMSUSPENDED) {
        vm_enter(h->vm, VM_RUNNING, RUNNING_WAKEUP);
        vm_tell(h->vm, LIFECYCLE_STARTED, STARTED_WAKEUP);
    }
    event_emit(&e);
}

/* ---- crashes */

static void
crash_destroy(Vm *vm)
{
    vm_stop(vm, (StopWhy){ SHUTOFF_CRASHED, STOPPED_CRASHED }, FALSE);
}

static void
on_dumped(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (err)
        log_warning("domain '%s': core dump: %s", vm->obj.name, err->message);
    if (vm->run && vm->run->qmp && vm->state == VM_CRASHED) {
        if (vm->run->live->on_crash == CRASH_COREDUMP_RESTART)
            restart_guest(vm);
        else
            crash_destroy(vm);
    }
    object_unref(vm);
}

/* done gets the reference of vm that it must drop. */
static void
core_dump(Vm *vm, QmpAnswer done)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%d-%H:%M:%S");
    g_autofree char *folder = g_strconcat(qemu_paths->lib, "/qemu/dump", NULL);
    g_autofree char *path = g_strdup_printf("%s/%d-%.200s-%s", folder, vm->obj.id, vm->obj.name,
                                            when);
    g_autoptr(HostFd) out = host_fd_new(HOST_CREATE, path, "core dump");
    g_autoptr(GError) err = NULL;

    object_ref(vm);
    if (!dir_make(folder, 0700, &err) || !host_open(out, &err)) {
        done(NULL, err, vm);
        return;
    }
    qmp_call_with_fd(vm->run->qmp, "getfd", json_make("fdname", 's', "dump", NULL), out->fd, NULL,
                     NULL);
    qmp_call(vm->run->qmp, "dump-guest-memory",
             json_make("paging", 'b', FALSE, "protocol", 's', "fd:dump", NULL), done, vm);
}

static void
crash_dump(Vm *vm)
{
    core_dump(vm, on_dumped);
}

static void
crash_preserve(Vm *vm)
{
}

static void (*const crash_actions[])(Vm *vm) = {
    [CRASH_DESTROY] = crash_destroy,        [CRASH_RESTART] = restart_guest,
    [CRASH_RENAME_RESTART] = restart_guest, [CRASH_PRESERVE] = crash_preserve,
    [CRASH_COREDUMP_DESTROY] = crash_dump,  [CRASH_COREDUMP_RESTART] = crash_dump,
};

static void
act_on_crash(Vm *vm)
{
    int action = vm->run->live->on_crash;

    if (action > 0 && action < (int)G_N_ELEMENTS(crash_actions))
        crash_actions[action](vm);
    else
        crash_destroy(vm);
}

static void
on_panic(const Heard *h)
{
    Vm *vm = h->vm;

    if (vm->state == VM_CRASHED)
        return;
    vm_enter(vm, VM_CRASHED, CRASHED_PANICKED);
    vm_tell(vm, LIFECYCLE_CRASHED, 0);
    vmlog_line(vm, "panicked");
    act_on_crash(vm);
}

/* The daemon that heard it may have died before it could act. */
static void
missed_panic(const Heard *h)
{
    if (h->vm->state == VM_CRASHED)
        act_on_crash(h->vm);
    else
        on_panic(h);
}

/* ---- devices */

static const char *const watchdog_words[] = { "none",     "pause", "reset",     "poweroff",
                                              "shutdown", "debug", "inject-nmi" };

static int
index_of(const char *const *words, gsize n, const char *word)
{
    for (gsize i = 0; i < n; i++)
        if (g_strcmp0(words[i], word) == 0)
            return (int)i;
    return 0;
}

static gboolean
watchdog_dumps(const Vm *vm)
{
    GPtrArray *list = vm->run->live->devices.watchdogs;

    return list && list->len > 0 && ((WatchdogDef *)list->pdata[0])->action == WATCHDOG_DUMP;
}

static void
on_watchdog_dumped(json_object *ret, const GError *err, gpointer user)
{
    Vm *vm = user;

    if (err)
        log_warning("domain '%s': core dump: %s", vm->obj.name, err->message);
    if (vm->run && vm->run->qmp && vm->state == VM_PAUSED && vm->reason == PAUSED_WATCHDOG)
        qmp_call(vm->run->qmp, "cont", NULL, NULL, NULL);
    object_unref(vm);
}

/* A dump is a pause for QEMU: it stands still while its memory is written. */
static void
on_watchdog(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_WATCHDOG);

    e.n[0] = index_of(watchdog_words, G_N_ELEMENTS(watchdog_words), said(h, "action"));
    event_emit(&e);
    if (e.n[0] == 1 && h->vm->state == VM_RUNNING) {
        vm_enter(h->vm, VM_PAUSED, PAUSED_WATCHDOG);
        vm_tell(h->vm, LIFECYCLE_SUSPENDED, SUSPENDED_WATCHDOG);
        if (watchdog_dumps(h->vm))
            core_dump(h->vm, on_watchdog_dumped);
    }
}

static const DiskDef *
find_disk(const Heard *h, const char *alias)
{
    GPtrArray *disks = h->vm->run->live->devices.disks;

    for (guint i = 0; alias && disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];
        if (g_strcmp0(disk->info.alias, alias) == 0)
            return disk;
    }
    return NULL;
}

static const char *const io_words[] = { "ignore", "stop", "report" };

static void
on_io_error(const Heard *h)
{
    g_autofree char *alias = alias_of_path(said(h, "qom-path"));
    const DiskDef *disk;
    Event e = vm_event(h->vm, DOMAIN_EVENT_IO_ERROR);

    if (!alias)
        alias = g_strdup(said(h, "device"));
    disk = find_disk(h, alias);
    e.n[0] = index_of(io_words, G_N_ELEMENTS(io_words), said(h, "action"));
    e.n[0] = e.n[0] == 0 ? 0 : e.n[0]; /* none 0, pause 1, report 2 */
    e.s[0] = disk && disk->source.path ? disk->source.path : "";
    e.s[1] = alias ? alias : "";
    event_emit(&e);
    e.id = DOMAIN_EVENT_IO_ERROR_REASON;
    e.s[2] = flag(h, "nospace") ? "enospc" : "";
    event_emit(&e);
    if (e.n[0] == 1 && h->vm->state == VM_RUNNING) {
        vm_enter(h->vm, VM_PAUSED, PAUSED_IOERROR);
        vm_tell(h->vm, LIFECYCLE_SUSPENDED, SUSPENDED_IOERROR);
    }
}

/* The disk that has the image of that number, and the image's source. */
static const DiskDef *
find_image(const Heard *h, guint32 index, const DiskSource **ret_source)
{
    GPtrArray *disks = h->vm->run->live->devices.disks;

    for (guint i = 0; index > 0 && disks && i < disks->len; i++) {
        const DiskDef *disk = disks->pdata[i];

        *ret_source = &disk->source;
        if (disk->source.index == index)
            return disk;
        for (const BackingStore *s = disk->backing; s; s = s->backing) {
            *ret_source = &s->source;
            if (s->source.index == index)
                return disk;
        }
    }
    return NULL;
}

static void
on_threshold(const Heard *h)
{
    const char *node = said(h, "node-name");
    const DiskSource *source = NULL;
    const DiskDef *disk;
    g_autofree char *below = NULL;
    Event e = vm_event(h->vm, DOMAIN_EVENT_BLOCK_THRESHOLD);
    guint32 index;

    if (!node || sscanf(node, "libvirt-%9u-storage", &index) != 1 ||
        !(disk = find_image(h, index, &source)))
        return;
    below = g_strdup_printf("%s[%u]", disk->target, index);
    e.s[0] = source == &disk->source ? disk->target : below;
    e.s[1] = source->path;
    e.offset = number(h, "write-threshold");
    e.excess = (guint64)MAX(number(h, "amount-exceeded"), 0);
    event_emit(&e);
}

static void
on_rtc(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_RTC_CHANGE);

    e.offset = number(h, "offset");
    event_emit(&e);
}

static void
on_balloon(const Heard *h)
{
    Event e = vm_event(h->vm, DOMAIN_EVENT_BALLOON_CHANGE);
    guint64 kib = take_memory(h->vm->run, h->data);

    if (kib == 0)
        return;
    e.offset = (gint64)kib;
    h->vm->run->balloon_kib = kib;
    run_alter(h->vm->run)->current_memory = kib;
    event_emit(&e);
}

static void
on_tray(const Heard *h)
{
    g_autofree char *alias = g_strdup(said(h, "id"));
    DiskDef *disk = (DiskDef *)find_disk(h, alias);
    Event e = vm_event(h->vm, DOMAIN_EVENT_TRAY_CHANGE);

    if (!disk)
        return;
    run_alter(h->vm->run);
    disk->tray = flag(h, "tray-open") ? 2 : 1;
    e.n[0] = flag(h, "tray-open") ? 0 : 1;
    e.s[0] = alias;
    event_emit(&e);
}

/* Of a device without a name of its own QEMU tells the path; of a processor that it emulates only
 * that the interrupt controller in it is gone. */
static char *
name_of_device(const Heard *h)
{
    static const char *const named = "/machine/peripheral/";
    const char *path = said(h, "path");
    g_autofree char *of = NULL;

    if (said(h, "device") || !path)
        return g_strdup(said(h, "device"));
    of = g_str_has_suffix(path, "/lapic") ? g_path_get_dirname(path) : g_strdup(path);
    return g_strdup(g_str_has_prefix(of, named) ? of + strlen(named) : of);
}

static void
on_removed(const Heard *h)
{
    g_autofree char *name = name_of_device(h);

    if (name)
        leave_heard(h->vm, name, TRUE);
}

static void
on_not_removed(const Heard *h)
{
    g_autofree char *name = name_of_device(h);

    if (name)
        leave_heard(h->vm, name, FALSE);
}

static void
on_memory_failure(const Heard *h)
{
    static const char *const recipients[] = { "hypervisor", "guest" };
    static const char *const actions[] = { "ignore", "inject", "fatal", "reset" };
    Event e = vm_event(h->vm, DOMAIN_EVENT_MEMORY_FAILURE);

    e.n[0] = index_of(recipients, G_N_ELEMENTS(recipients), said(h, "recipient"));
    e.n[1] = index_of(actions, G_N_ELEMENTS(actions), said(h, "action"));
    e.n[2] = (flag(h, "flags.action-required") ? 1 : 0) | (flag(h, "flags.recursive") ? 2 : 0);
    event_emit(&e);
}

/* The agent's channel: libvirt's clients wait for this before they talk to the agent. */
static void
on_port(const Heard *h)
{
    GPtrArray *channels = run_alter(h->vm->run)->devices.channels;
    gboolean open = flag(h, "open");

    for (guint i = 0; channels && i < channels->len; i++) {
        CharDef *c = channels->pdata[i];
        Event e = vm_event(h->vm, DOMAIN_EVENT_AGENT_LIFECYCLE);

        if (g_strcmp0(c->info.alias, said(h, "id")) != 0)
            continue;
        c->state = open ? CHANNEL_CONNECTED : CHANNEL_DISCONNECTED;
        e.n[0] = c->state;
        e.n[1] = 2; /* channel */
        if (g_strcmp0(c->name, GUEST_CHANNEL) != 0)
            continue;
        if (!open)
            guest_left(h->vm);
        event_emit(&e);
    }
}

/* ---- graphics clients */

typedef struct GraphicsRow {
    const char *name;
    int phase; /* connect 0, initialize 1, disconnect 2 */
} GraphicsRow;

static EventAddress
address_of(json_object *o)
{
    static const char *const families[] = { "ipv4", "ipv6", "unix" };
    EventAddress a = { 0 };

    a.family = index_of(families, G_N_ELEMENTS(families), json_str(o, "family"));
    a.node = json_str(o, "host");
    a.service = json_str(o, "service") ? json_str(o, "service") : json_str(o, "port");
    return a;
}

static void
tell_graphics(const Heard *h, int phase)
{
    struct EventIdentity ids[2];
    EventGraphics g = { .phase = phase, .identities = ids };
    json_object *client = h->data ? json_at(h->data, "client") : NULL;
    json_object *server = h->data ? json_at(h->data, "server") : NULL;
    Event e = vm_event(h->vm, DOMAIN_EVENT_GRAPHICS);

    if (!client || !server)
        return;
    g.local = address_of(server);
    g.remote = address_of(client);
    g.auth_scheme = json_str(server, "auth") ? json_str(server, "auth") : "";
    if (json_str(client, "x509_dname"))
        ids[g.n_identities++] = (struct EventIdentity){ "x509dname",
                                                        json_str(client, "x509_dname") };
    if (json_str(client, "sasl_username"))
        ids[g.n_identities++] = (struct EventIdentity){ "saslUsername",
                                                        json_str(client, "sasl_username") };
    e.graphics = &g;
    event_emit(&e);
}

static void
on_graphics_connect(const Heard *h)
{
    tell_graphics(h, 0);
}

static void
on_graphics_start(const Heard *h)
{
    tell_graphics(h, 1);
}

static void
on_graphics_end(const Heard *h)
{
    tell_graphics(h, 2);
}

/* ---- the rows */

static const struct {
    const char *name;
    void (*heard)(const Heard *h);
} rows[] = {
    { "STOP", on_stop },
    { "RESUME", on_resume },
    { "SHUTDOWN", on_shutdown },
    { "RESET", on_reset },
    { "SUSPEND", on_suspend },
    { "SUSPEND_DISK", on_suspend_disk },
    { "WAKEUP", on_wakeup },
    { "GUEST_PANICKED", on_panic },
    { "WATCHDOG", on_watchdog },
    { "BLOCK_IO_ERROR", on_io_error },
    { "BLOCK_WRITE_THRESHOLD", on_threshold },
    { "RTC_CHANGE", on_rtc },
    { "BALLOON_CHANGE", on_balloon },
    { "DEVICE_TRAY_MOVED", on_tray },
    { "DEVICE_DELETED", on_removed },
    { "DEVICE_UNPLUG_GUEST_ERROR", on_not_removed },
    { "MEMORY_FAILURE", on_memory_failure },
    { "VSERPORT_CHANGE", on_port },
    { "VNC_CONNECTED", on_graphics_connect },
    { "VNC_INITIALIZED", on_graphics_start },
    { "VNC_DISCONNECTED", on_graphics_end },
    { "SPICE_CONNECTED", on_graphics_connect },
    { "SPICE_INITIALIZED", on_graphics_start },
    { "SPICE_DISCONNECTED", on_graphics_end },
};

static void
tell_monitor(Vm *vm, const char *name, json_object *data, gint64 seconds, guint micros)
{
    Event e = vm_event(vm, 0);

    e.family = EVENT_MONITOR;
    e.s[0] = name;
    e.s[1] = data ? json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN) : NULL;
    e.seconds = seconds;
    e.micros = micros;
    event_emit(&e);
}

void
events_on_qemu(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
               gpointer user)
{
    Vm *vm = user;
    Heard h = { vm, data };

    tell_monitor(vm, name, data, seconds, micros);
    /* Until start is over its rows speak for the guest. */
    if (!vm->run->complete || vm->run->stopping)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            rows[i].heard(&h);
            return;
        }
    }
}

/* ---- after an absence */

static const struct {
    const char *run_state;
    void (*missed)(const Heard *h);
} missed_rows[] = {
    { "running", on_resume },           { "paused", on_stop },         { "shutdown", on_shutdown },
    { "guest-panicked", missed_panic }, { "io-error", on_stop },       { "watchdog", on_stop },
    { "suspended", on_suspend },        { "internal-error", on_stop },
};

void
events_reconcile(Vm *vm, const char *run_state)
{
    json_object *by_guest = json_make("guest", 'b', TRUE, NULL);
    Heard h = { vm, by_guest };

    for (gsize i = 0; i < G_N_ELEMENTS(missed_rows); i++)
        if (g_strcmp0(missed_rows[i].run_state, run_state) == 0 &&
            !(vm->state == VM_PMSUSPENDED && missed_rows[i].missed == on_suspend))
            missed_rows[i].missed(&h);
    json_object_put(by_guest);
}
