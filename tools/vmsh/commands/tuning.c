/* Commands that change a domain's memory and processors. */
#include <string.h>

#include "vmsh/vmsh.h"

/* ---- memory and processors */

static const Option setmem_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "size", OPTION_NUMBER, OPTION_REQUIRED, NULL,
      "new memory size, as scaled integer (default KiB)" },
    FLAG("config", "affect next boot"),
    FLAG("live", "affect running domain"),
    FLAG("current", "affect current domain"),
    OPTION_END,
};

static gboolean
set_memory(Shell *s, const Args *a, guint more, GError **err)
{
    DomainSetMemoryFlagsArgs args = { 0 };
    guint64 bytes = 0;

    if (!domain_impact(a, &args.flags, err) || !args_size(a, "size", 1024, &bytes, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.memory = (bytes + 1023) / 1024;
    args.flags |= more;
    return call(s, PROC_DOMAIN_SET_MEMORY_FLAGS, &args, NULL, err);
}

static gboolean
run_setmem(Shell *s, const Args *a, GError **err)
{
    return set_memory(s, a, 0, err);
}

static gboolean
run_setmaxmem(Shell *s, const Args *a, GError **err)
{
    enum { MEMORY_MAXIMUM = 4 };

    doing(s, "Unable to change MaxMemorySize");
    return set_memory(s, a, MEMORY_MAXIMUM, err);
}

static const Option setvcpus_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "count", OPTION_NUMBER, OPTION_REQUIRED, NULL, "number of virtual CPUs" },
    FLAG("maximum", "set maximum limit on next boot"),
    FLAG("config", "affect next boot"),
    FLAG("live", "affect running domain"),
    FLAG("current", "affect current domain"),
    FLAG("guest", "modify cpu state in the guest"),
    FLAG("hotpluggable", "make added vcpus hot(un)pluggable"),
    OPTION_END,
};

static gboolean
run_setvcpus(Shell *s, const Args *a, GError **err)
{
    static const FlagBit bits[] = {
        { "maximum", 4 }, { "guest", 8 }, { "hotpluggable", 16 }, { 0 }
    };
    DomainSetVcpusFlagsArgs args = { 0 };
    gint64 count = 0;

    if (!domain_impact(a, &args.flags, err) ||
        !args_number(a, "count", 1, G_MAXINT32, &count, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.nvcpus = (guint32)count;
    args.flags |= args_bits(a, bits);
    return call(s, PROC_DOMAIN_SET_VCPUS_FLAGS, &args, NULL, err);
}

static const Option setvcpu_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "vcpulist", OPTION_STRING, OPTION_REQUIRED, NULL, "ids of vcpus to manipulate" },
    FLAG("enable", "enable cpus specified by cpumap"),
    FLAG("disable", "disable cpus specified by cpumap"),
    FLAG("config", "affect next boot"),
    FLAG("live", "affect running domain"),
    FLAG("current", "affect current domain"),
    OPTION_END,
};

static gboolean
run_setvcpu(Shell *s, const Args *a, GError **err)
{
    DomainSetVcpuArgs args = { .cpumap = args_string(a, "vcpulist"),
                               .state = args_flag(a, "enable") };

    if (!args_exclusive(a, "enable", "disable", err) || !domain_impact(a, &args.flags, err))
        return FALSE;
    if (!args_flag(a, "enable") && !args_flag(a, "disable"))
        return refuse(err, "one of --enable or --disable is required");
    return domain_get(s, a, &args.dom, err) && call(s, PROC_DOMAIN_SET_VCPU, &args, NULL, err);
}

const Command tuning_commands[] = {
    { "setmaxmem", "change maximum memory limit",
      "Change the maximum memory allocation limit in the guest domain.", setmem_options,
      run_setmaxmem },
    { "setmem", "change memory allocation",
      "Change the current memory allocation in the guest domain.", setmem_options, run_setmem },
    { "setvcpu", "attach/detach vcpu or groups of threads", "Add or remove vcpus", setvcpu_options,
      run_setvcpu },
    { "setvcpus", "change number of virtual CPUs",
      "Change the number of virtual CPUs in the guest domain.", setvcpus_options, run_setvcpus },
    { 0 },
};
