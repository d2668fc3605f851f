/* The room: what the daemon calls at its begin and its end. */
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

void
qemu_done(void)
{
    vmlog_watch(FALSE);
    outputs_init(FALSE);
    network_on_ports(NULL, NULL);
    host_plans_done();
    g_clear_pointer(&qemu_vms, registry_free);
    define_done();
    capable_done();
}
