/* Every command there is, by group. */
#include <string.h>

#include "vmsh.h"

const CommandGroup command_groups[] = {
    { "Domain Management",
      "domain",
      { domain_commands, undefine_commands, tuning_commands, metadata_commands, device_commands,
        attach_commands, memory_device_commands, vcpu_commands, limits_commands, params_commands,
        agent_commands, wait_commands, blockjob_commands, guest_commands } },
    { "Domain Monitoring",
      "monitor",
      { monitor_commands, disk_commands, graph_commands, logs_commands, top_commands } },
    { "Domain Events", "events", { event_commands, monitor_event_commands } },
    { "Host and Hypervisor",
      "host",
      { host_commands, job_commands, node_params_commands, pages_commands, cpu_commands } },
    { "Host Interface", "interface", { interface_commands } },
    { "Node Devices", "nodedev", { nodedev_commands, nodedev_event_commands } },
    { "Networking",
      "network",
      { network_commands, network_metadata_commands, network_event_commands } },
    { "Network Filters", "filter", { nwfilter_commands } },
    { "Secrets", "secret", { secret_commands, secret_event_commands } },
    { "Storage Pools", "pool", { pool_commands, pool_source_commands, pool_event_commands } },
    { "Storage Volumes", "volume", { volume_commands, volume_import_commands } },
    { "Moving from libvirt", "adopt", { adopt_commands } },
    { "vmsh itself", "vmsh", { self_commands } },
    { 0 },
};

const Command *
group_command(const CommandGroup *g, guint i)
{
    for (gsize t = 0; t < G_N_ELEMENTS(g->tables) && g->tables[t]; t++)
        for (const Command *c = g->tables[t]; c->name; c++)
            if (i-- == 0)
                return c;
    return NULL;
}

const Command *
command_find(const char *name)
{
    const Command *c;

    for (const CommandGroup *g = command_groups; g->title; g++)
        for (guint i = 0; (c = group_command(g, i)); i++)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

gboolean
command_has_format(const Command *c)
{
    for (const Option *o = c->options; o && o->name; o++)
        if (strcmp(o->name, "format") == 0)
            return FALSE;
    return !(c->flags & (COMMAND_TALKS | COMMAND_OFFLINE));
}

const Option *
command_option(const Command *c, guint i)
{
    static const Option json = FLAG("json", "answer in JSON");
    static const Option format = { "format", OPTION_STRING, OPTION_NAMED | OPTION_NAME_NEEDED, NULL,
                                   "answer in these words: {key} is a value of the JSON" };
    guint n = 0;

    for (const Option *o = c->options; o && o->name; o++)
        if (n++ == i)
            return o;
    if (c->flags & (COMMAND_TALKS | COMMAND_OFFLINE))
        return NULL;
    return i == n ? &json : i == n + 1 && command_has_format(c) ? &format : NULL;
}

char **
complete_commands(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const Command *c;

    for (const CommandGroup *g = command_groups; g->title; g++)
        for (guint i = 0; (c = group_command(g, i)); i++)
            g_strv_builder_add(names, c->name);
    return g_strv_builder_end(names);
}
