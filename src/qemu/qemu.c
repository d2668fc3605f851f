/* The room's start and end, as the daemon calls them. */
#include "network/network.h"
#include "qemu/host_plans.h"
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
    network_on_ports(links_each_port, links_revive);
    qemu_register();
    outputs_init(TRUE);
    if (!dir_make(logs, 0700, err) || !capable_init(paths, err) || !define_load_all(err) ||
        !recover_all(err))
        return FALSE;
    vmlog_watch(TRUE);
    return TRUE;
}

static gboolean
save_run(Vm *vm, GError **err)
{
    return confine_make_folder(vm->run, err) && live_save(vm, err) && status_save(vm, err);
}

gboolean
qemu_save_runs(void)
{
    g_autoptr(GPtrArray) all = registry_list(qemu_vms);
    gboolean done = registry_save_ledgers(qemu_vms);

    EACH (Vm, vm, all) {
        g_autoptr(GError) err = NULL;

        if (vm->run && vm->run->complete && !vm->run->stopping && !save_run(vm, &err))
            log_error("domain '%s': %s", vm->obj.name, err->message);
    }
    return done;
}

void
qemu_done(void)
{
    vmlog_watch(FALSE);
    outputs_init(FALSE);
    network_on_ports(NULL, NULL);
    host_plans_done();
    g_clear_pointer(&qemu_vms, registry_free);
    group_done();
    define_done();
    capable_done();
}
