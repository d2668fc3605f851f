/* Start, as a table. Each row does one thing to the host and knows how to take it back; what the
 * rows find out stands in the Run, and in the live definition where a client may read it. The same
 * undo column stops a VM and cleans up after a daemon that died half way.
 */
#include <string.h>

#include "life.h"
#include "network/network.h"

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
check_nodes(Flow *f, gpointer obj, GError **err)
{
    return step_of(nodes_check(((Vm *)obj)->run->live, err));
}

static StepResult
name_devices(Flow *f, gpointer obj, GError **err)
{
    Run *run = ((Vm *)obj)->run;

    run->start.files = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    aliases_assign(run_alter(run), run->dir);
    if (!args_files(run->live, run->start.emulator, run->dir, run->start.files, err))
        return STEP_FAILED;
    EACH (HostFd, h, run->start.files)
        h->owner = confine_owner(run);
    return STEP_DONE;
}

/* ---- the runtime folder */

static StepResult
make_folder(Flow *f, gpointer obj, GError **err)
{
    return step_of(confine_make_folder(((Vm *)obj)->run, err));
}

typedef struct FolderWait {
    Vm *vm;
    FlowToken token;
} FolderWait;

static gpointer
remove_tree(gpointer in, GError **err)
{
    dir_remove(in, err);
    return NULL;
}

static void
on_removed(gpointer out, const GError *err, gpointer user)
{
    g_autofree FolderWait *w = user;

    if (err)
        log_warning("domain '%s': %s", w->vm->obj.name, err->message);
    flow_wake(w->token, NULL);
    object_unref(w->vm);
}

/* A part of it is QEMU's, which may have put anything in there. It does not wait for what hangs
 * about the VM's images. */
static StepResult
remove_folder(Flow *f, gpointer obj)
{
    Vm *vm = obj;
    FolderWait *w = g_new(FolderWait, 1);

    vm->run->folder_goes = TRUE;
    *w = (FolderWait){ object_ref(vm), flow_wait(f) };
    offload(remove_tree, g_strdup(vm->run->dir), g_free, on_removed, w);
    return STEP_WAIT;
}

/* ---- ports of graphics */

#define PORT_FIRST      5900
#define PORT_LAST       65535
#define WEBSOCKET_FIRST 5700

static gboolean
lease_into(Vm *vm, guint16 from, gint32 *port, guint8 *has_port, GError **err)
{
    guint16 leased;

    if (!port_lease(vm, from, PORT_LAST, &leased, err))
        return FALSE;
    *port = leased;
    *has_port = TRUE;
    return TRUE;
}

static gboolean
listens_without_port(const GraphicsDef *g)
{
    const GraphicsListen *first = list_length(g->listens) ? g->listens->pdata[0] : NULL;

    return first && (first->type == LISTEN_SOCKET || first->type == LISTEN_NONE);
}

/* The address that its network has now. */
static gboolean
listen_in_networks(GraphicsDef *g, GError **err)
{
    for (guint i = 0; i < list_length(g->listens); i++) {
        GraphicsListen *l = g->listens->pdata[i];
        const char *address;

        if (l->type != LISTEN_NETWORK)
            continue;
        if (!(address = network_address(l->network, err)))
            return fail_prefix(err, "graphics: ");
        g_free(l->address);
        l->address = g_strdup(address);
        if (i == 0) {
            g_free(g->listen);
            g->listen = g_strdup(address);
        }
    }
    return TRUE;
}

static gboolean
lease_graphics(Vm *vm, GraphicsDef *g, GError **err)
{
    gboolean automatic = g->autoport == YES || g->port == -1;

    if (g->type != GRAPHICS_VNC && g->type != GRAPHICS_SPICE)
        return TRUE;
    if (listens_without_port(g))
        return TRUE;
    if (!listen_in_networks(g, err))
        return FALSE;
    if (!automatic) {
        port_note(vm, (guint16)MAX(g->port, 0));
        port_note(vm, (guint16)MAX(g->tls_port, 0));
    } else if (!lease_into(vm, PORT_FIRST, &g->port, &g->has_port, err)) {
        return FALSE;
    }
    if (g->websocket == -1 &&
        !lease_into(vm, WEBSOCKET_FIRST, &g->websocket, &g->has_websocket, err))
        return FALSE;
    return TRUE;
}

static StepResult
lease_ports(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    GPtrArray *graphics = run_alter(vm->run)->devices.graphics;

    for (guint i = 0; i < list_length(graphics); i++)
        if (!lease_graphics(vm, graphics->pdata[i], err))
            return STEP_FAILED;
    return step_of(vsock_choose(vm, err) && hostdevs_claim(vm, err));
}

/* ---- the monitor: everything that a row wants to know is asked at once */

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
    talk_watch(vm);
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

    return cpu_guest_learn(run_alter(run), run->start.emulator, ret, err);
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

/* Until the guest's balloon driver has reacted, the guest has all of its memory. */
static gboolean
take_balloon(gpointer obj, json_object *ret, GError **err)
{
    Run *run = ((Vm *)obj)->run;

    run->balloon_kib = take_memory(run, ret);
    if (run->balloon_kib > 0)
        run_alter(run)->current_memory = run->balloon_kib;
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

static gboolean
has_images(gpointer obj)
{
    const DomainDef *live = ((Vm *)obj)->run->live;

    return list_length(live->devices.disks) > 0 || live->os.loader || live->os.nvram;
}

static gboolean
take_nodes(gpointer obj, json_object *ret, GError **err)
{
    return opened_check(((Vm *)obj)->run->live, ret, err);
}

static StepResult
read_back(Flow *f, gpointer obj, GError **err)
{
    static const QmpRow rows[] = {
        { "query-named-block-nodes", has_images, opened_args, take_nodes, FALSE },
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

    for (guint i = 0; i < list_length(graphics); i++) {
        const GraphicsDef *g = graphics->pdata[i];
        if (g->type == type && g->passwd)
            return g;
    }
    return NULL;
}

static gboolean
locks_vnc(gpointer obj)
{
    return find_locked(obj, GRAPHICS_VNC) != NULL;
}

static gboolean
locks_spice(gpointer obj)
{
    return find_locked(obj, GRAPHICS_SPICE) != NULL;
}

/* An empty password lets nobody in: a server that asks for a password and has none refuses all. One
 * that had been told the empty password would let in whoever sends it. */
static gboolean
has_key(gpointer obj, int type)
{
    const GraphicsDef *g = find_locked(obj, type);

    return g && *g->passwd;
}

static gboolean
has_vnc_key(gpointer obj)
{
    return has_key(obj, GRAPHICS_VNC);
}

static gboolean
has_spice_key(gpointer obj)
{
    return has_key(obj, GRAPHICS_SPICE);
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
        { "set_password", has_vnc_key, vnc_password, NULL, FALSE },
        { "expire_password", locks_vnc, vnc_expiry, NULL, FALSE },
        { "set_password", has_spice_key, spice_password, NULL, FALSE },
        { "expire_password", locks_spice, spice_expiry, NULL, FALSE },
        { 0 },
    };
    Vm *vm = obj;

    if (!locks_vnc(vm) && !locks_spice(vm))
        return STEP_DONE;
    qmp_batch(vm->run->qmp, rows, vm, flow_wait(f));
    return STEP_WAIT;
}

/* ---- the end of it */

static StepResult
save_status(Flow *f, gpointer obj, GError **err)
{
    confine_verify(obj);
    outputs_watch(obj);
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
    { "check nodes", check_nodes, NULL },
    { "start pools", volumes_wake_pools, NULL },
    { "look at images", images_look, NULL },
    { "choose user", confine_choose, NULL },
    { "name devices", name_devices, NULL },
    { "make folder", make_folder, remove_folder },
    { "lease ports", lease_ports, NULL },
    { "make links", links_make, links_delete, STEP_KEYED },
    { "limit links", links_slow, links_hasten, STEP_KEYED },
    { "filter links", links_filter, links_unfilter, STEP_KEYED },
    { "make group", group_make, group_remove, STEP_KEYED },
    { "limit group", group_limit, NULL },
    { "make variables", nvram_make, NULL },
    { "set up tpm", tpm_set_up, tpm_take_back, STEP_KEYED },
    { "start helpers", helpers_start, helpers_stop, STEP_KEYED },
    { "start passt", passt_start, passt_stop, STEP_KEYED },
    { "open files", files_open, files_close, STEP_KEYED },
    { "claim images", images_claim, NULL },
    { "spawn qemu", spawn_qemu, stop_qemu },
    { "greet monitor", greet_monitor, NULL },
    { "wipe secrets", keys_forget, NULL },
    { "read back", read_back, NULL },
    { "place threads", group_place_threads, NULL },
    { "pin threads", pin_threads, NULL },
    { "set passwords", set_passwords, NULL },
    { "hand over displays", displays_hand_over, NULL },
    { "tell devices", tell_devices, NULL },
    { "save status", save_status, NULL },
    { "run guest", run_guest, NULL },
    { 0 },
};

const FlowTable start_table = { "start", start_steps };
