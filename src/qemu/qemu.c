/* The room: what the daemon calls at its begin and its end, and autostart. */
#include <unistd.h>

#include "network/network.h"
#include "qemu/ops/ops.h"

void
qemu_register(void)
{
    flow_register(&start_table);
    flow_register(&edit_table);
    flow_register(&plug_table);
    flow_register(&unplug_table);
    flow_register(&gone_table);
    flow_register(&vcpus_table);
    flow_register(&update_table);
    limits_register();
    pin_register();
    tune_register();
}

gboolean
qemu_init(const Paths *paths, GError **err)
{
    g_autofree char *logs = g_strconcat(paths->log, "/qemu", NULL);

    qemu_vms = registry_new();
    network_on_ports(links_each_port);
    qemu_register();
    if (!dir_make(logs, 0700, err) || !capable_init(paths, err) || !define_load_all(err) ||
        !recover_all(err))
        return FALSE;
    vmlog_watch(TRUE);
    return TRUE;
}

/* A host that boots has more to do than to start all its guests in one breath. */
#define AUTOSTART_AT_ONCE 4

static GQueue to_start = G_QUEUE_INIT; /* of Vm, referenced */

static void start_next(void);

static void on_autostarted(Vm *vm, const GError *err, gpointer user);

static void
on_known(gpointer data)
{
    Vm *vm = data;

    vm_start(vm, 0, "autostart", on_autostarted, NULL);
    object_unref(vm);
}

static void
on_autostarted(Vm *vm, const GError *err, gpointer user)
{
    if (error_awaited(err)) {
        qemu_await(error_awaited(err), on_known, object_ref(vm));
        return;
    }
    if (err)
        log_error("autostart of domain '%s': %s", vm->obj.name, err->message);
    start_next();
}

static void
start_next(void)
{
    gboolean started = FALSE;
    Vm *vm;

    while (!started && (vm = g_queue_pop_head(&to_start))) {
        started = !vm->run && vm->persistent;
        if (started)
            vm_start(vm, 0, "autostart", on_autostarted, NULL);
        object_unref(vm);
    }
}

static void
on_mark_used(Vm *vm, const GError *err, gpointer user)
{
    if (err)
        log_warning("domain '%s': %s", vm->obj.name, err->message);
}

/* Whether it starts with this boot of the host; "once" is used up by it. */
static gboolean
is_wanted(Vm *vm)
{
    gboolean wanted = vm->autostart[AUTOSTART_ALWAYS] || vm->autostart[AUTOSTART_ONCE];
    g_autoptr(GError) err = NULL;

    if (wanted && !define_get(vm, &err)) {
        log_error("autostart of domain '%s': %s", vm->obj.name, err->message);
        return FALSE;
    }
    if (vm->autostart[AUTOSTART_ONCE])
        vm_set_autostart(vm, AUTOSTART_ONCE, FALSE, "autostart", on_mark_used, NULL);
    return wanted;
}

/* The folder is gone after a boot of the host, and this mark with it. */
void
qemu_autostart(void)
{
    g_autofree char *mark = g_strconcat(qemu_paths->run, "/qemu/autostarted", NULL);
    g_autoptr(GPtrArray) vms = NULL;

    if (access(mark, F_OK) == 0 || !file_write_volatile(mark, "", 0, 0600, NULL))
        return;
    vms = vm_list();
    for (guint i = 0; i < vms->len; i++)
        if (is_wanted(vms->pdata[i]))
            g_queue_push_tail(&to_start, object_ref(vms->pdata[i]));
    for (int i = 0; i < AUTOSTART_AT_ONCE; i++)
        start_next();
}

void
qemu_done(void)
{
    vmlog_watch(FALSE);
    network_on_ports(NULL);
    g_queue_clear_full(&to_start, object_unref);
    g_clear_pointer(&qemu_vms, registry_free);
    define_done();
    capable_done();
}
