/* Commands about a domain's processors and its jobs. */
#include <string.h>

#include "vmsh.h"

/* ---- processors */

static const Option vcpuinfo_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("pretty", "return human readable output"),
    OPTION_END,
};

static void
print_affinity(Shell *s, const guint8 *map, guint n_cpus, gboolean pretty)
{
    g_autofree char *text = cpu_map_text(map, n_cpus, pretty);

    put(s, "%-15s %s", "CPU Affinity:", text);
    if (pretty)
        put(s, " (out of %u)", n_cpus);
    put(s, "\n");
}

static gboolean
host_cpus(Shell *s, guint *ret_n, GError **err)
{
    NodeGetInfoRet info;

    if (!call(s, PROC_NODE_GET_INFO, NULL, &info, err))
        return FALSE;
    *ret_n = MIN((guint)(info.nodes * info.sockets * info.cores * info.threads), 16384);
    return TRUE;
}

static void
print_vcpu(Shell *s, const VcpuInfo *v)
{
    static const char *const states[] = { "offline", "running", "idle" };

    put(s, "%-15s %u\n", "VCPU:", v->number);
    if (v->cpu >= 0)
        put(s, "%-15s %d\n", "CPU:", v->cpu);
    else
        put(s, "%-15s N/A\n", "CPU:");
    put(s, "%-15s %s\n", "State:", nth(states, G_N_ELEMENTS(states), v->state, "no state"));
    if (v->cpu_time)
        put(s, "%-15s %.1fs\n", "CPU time:", (double)v->cpu_time / 1e9);
}

static gboolean
vcpus_running(Shell *s, const DomainRef *dom, guint n_cpus, gboolean pretty, GError **err)
{
    DomainGetInfoArgs ask = { .dom = *dom };
    DomainGetInfoRet info;
    DomainGetVcpusArgs args = { .dom = *dom, .maplen = (gint32)((n_cpus + 7) / 8) };
    DomainGetVcpusRet ret;

    if (!call(s, PROC_DOMAIN_GET_INFO, &ask, &info, err))
        return FALSE;
    args.maxinfo = (gint32)info.nr_virt_cpu;
    if (!call(s, PROC_DOMAIN_GET_VCPUS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.info.n; i++) {
        if (i)
            put(s, "\n");
        print_vcpu(s, &ret.info.v[i]);
        if ((i + 1) * (guint)args.maplen <= ret.cpumaps.n)
            print_affinity(s, ret.cpumaps.v + i * (guint)args.maplen, n_cpus, pretty);
    }
    return TRUE;
}

static gboolean
vcpus_defined(Shell *s, const DomainRef *dom, guint n_cpus, gboolean pretty, GError **err)
{
    DomainGetInfoArgs ask = { .dom = *dom };
    DomainGetInfoRet info;
    DomainGetVcpuPinInfoArgs args = { .dom = *dom,
                                      .maplen = (gint32)((n_cpus + 7) / 8),
                                      .flags = CONFIG };
    DomainGetVcpuPinInfoRet ret;

    if (!call(s, PROC_DOMAIN_GET_INFO, &ask, &info, err))
        return FALSE;
    args.ncpumaps = (gint32)info.nr_virt_cpu;
    if (!call(s, PROC_DOMAIN_GET_VCPU_PIN_INFO, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < (guint)MAX(ret.num, 0); i++) {
        put(s, "%s%-15s %u\n%-15s N/A\n%-15s N/A\n%-15s N/A\n", i ? "\n" : "", "VCPU:", i,
            "CPU:", "State:", "CPU time");
        if ((i + 1) * (guint)args.maplen <= ret.cpumaps.n)
            print_affinity(s, ret.cpumaps.v + i * (guint)args.maplen, n_cpus, pretty);
    }
    return TRUE;
}

static gboolean
run_vcpuinfo(Shell *s, const Args *a, GError **err)
{
    gboolean pretty = args_flag(a, "pretty");
    DomainRef dom;
    guint n_cpus;

    if (!domain_get(s, a, &dom, err) || !host_cpus(s, &n_cpus, err))
        return FALSE;
    return dom.id == -1 ? vcpus_defined(s, &dom, n_cpus, pretty, err)
                        : vcpus_running(s, &dom, n_cpus, pretty, err);
}

enum { VCPU_LIVE = 1, VCPU_CONFIG = 2, VCPU_MAXIMUM = 4 };

static const FlagBit vcpu_bits[] = {
    { "live", VCPU_LIVE },
    { "config", VCPU_CONFIG },
    { "maximum", VCPU_MAXIMUM },
    { "guest", 8 },
    { 0 },
};

static const Option vcpucount_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("maximum", "get maximum count of vcpus"),
    FLAG("active", "get number of currently active vcpus"),
    FLAG("live", "get value from running domain"),
    FLAG("config", "get value to be used on next boot"),
    FLAG("current", "get value according to current domain state"),
    FLAG("guest", "retrieve vcpu count from the guest instead of the hypervisor"),
    OPTION_END,
};

static gboolean
count_vcpus(Shell *s, const DomainRef *dom, guint flags, int *ret_n, GError **err)
{
    DomainGetVcpusFlagsArgs args = { .dom = *dom, .flags = flags };
    DomainGetVcpusFlagsRet ret;

    if (!call(s, PROC_DOMAIN_GET_VCPUS_FLAGS, &args, &ret, err))
        return FALSE;
    *ret_n = ret.num;
    return TRUE;
}

static gboolean
print_counts(Shell *s, const DomainRef *dom, GError **err)
{
    static const struct {
        const char *what, *when;
        guint flags;
    } rows[] = {
        { "maximum", "config", VCPU_MAXIMUM | VCPU_CONFIG },
        { "maximum", "live", VCPU_MAXIMUM | VCPU_LIVE },
        { "current", "config", VCPU_CONFIG },
        { "current", "live", VCPU_LIVE },
    };
    gboolean any = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int n;
        /* A transient domain has no config, one that is off nothing live. */
        if (!count_vcpus(s, dom, rows[i].flags, &n, any || i < 3 ? NULL : err))
            continue;
        put(s, "%-12s %-12s %3d\n", rows[i].what, rows[i].when, n);
        any = TRUE;
    }
    return any;
}

static gboolean
run_vcpucount(Shell *s, const Args *a, GError **err)
{
    guint flags = args_bits(a, vcpu_bits);
    DomainRef dom;
    int n;

    if (!args_exclusive(a, "maximum", "active", err) || !args_exclusive(a, "live", "config", err) ||
        !args_exclusive(a, "current", "live", err) ||
        !args_exclusive(a, "current", "config", err) || !domain_get(s, a, &dom, err))
        return FALSE;
    if (!flags && !args_flag(a, "active") && !args_flag(a, "current"))
        return print_counts(s, &dom, err);
    if (!count_vcpus(s, &dom, flags, &n, err))
        return FALSE;
    put(s, "%d\n", n);
    return TRUE;
}

/* ---- jobs */

static const Option domjobinfo_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("completed", "return statistics of a recently completed job"),
    FLAG("keep-completed", "don't destroy statistics of a recently completed job when reading"),
    FLAG("anystats", "print statistics for any kind of job (even failed ones)"),
    FLAG("rawstats", "print the raw data as the daemon tells it"),
    OPTION_END,
};

static const struct {
    const char *field, *title, *unit; /* unit NULL: bytes; "": a plain number */
} job_rows[] = {
    { "time_elapsed", "Time elapsed:", "ms" },
    { "time_elapsed_net", "Time elapsed w/o network:", "ms" },
    { "time_remaining", "Time remaining:", "ms" },
    { "data_processed", "Data processed:", NULL },
    { "data_remaining", "Data remaining:", NULL },
    { "data_total", "Data total:", NULL },
    { "memory_processed", "Memory processed:", NULL },
    { "memory_remaining", "Memory remaining:", NULL },
    { "memory_total", "Memory total:", NULL },
    { "memory_bps", "Memory bandwidth:", NULL },
    { "memory_dirty_rate", "Dirty rate:", "pages/s" },
    { "memory_page_size", "Page size:", "bytes" },
    { "memory_iteration", "Iteration:", "" },
    { "disk_processed", "File processed:", NULL },
    { "disk_remaining", "File remaining:", NULL },
    { "disk_total", "File total:", NULL },
    { "memory_constant", "Constant pages:", "" },
    { "memory_normal", "Normal pages:", "" },
    { "memory_normal_bytes", "Normal data:", NULL },
    { "downtime", "Total downtime:", "ms" },
    { "setup_time", "Setup time:", "ms" },
    { "auto_converge_throttle", "Auto converge throttle:", "" },
    { "disk_temp_used", "Temporary disk space use:", NULL },
    { "disk_temp_total", "Temporary disk space total:", NULL },
};

static const TypedParam *
param_find(const DomainGetJobStatsRet *r, const char *field)
{
    for (guint i = 0; i < r->params.n; i++)
        if (strcmp(r->params.v[i].field, field) == 0)
            return &r->params.v[i];
    return NULL;
}

static void
print_job_row(Shell *s, guint row, const TypedParam *p)
{
    g_autofree char *text = value_text(&p->value);
    g_autofree char *size = p->value.type == VALUE_ULLONG ? text_human_size(p->value.ul)
                                                          : g_strdup(text);

    if (!job_rows[row].unit)
        put(s, "%-17s %s\n", job_rows[row].title, size);
    else
        put(s, "%-17s %-12s %s\n", job_rows[row].title, text, job_rows[row].unit);
}

static void
print_job(Shell *s, const DomainGetJobStatsRet *r)
{
    static const char *const operations[] = {
        "Unknown",
        "Start",
        "Save",
        "Restore",
        "Incoming migration",
        "Outgoing migration",
        "Snapshot",
        "Snapshot revert",
        "Dump",
        "Backup",
        "Snapshot delete",
    };
    const TypedParam *operation = param_find(r, "operation"), *why = param_find(r, "errmsg");

    if (operation)
        put(s, "%-17s %-12s\n",
            "Operation:", nth(operations, G_N_ELEMENTS(operations), operation->value.i, "Unknown"));
    for (guint row = 0; row < G_N_ELEMENTS(job_rows); row++) {
        const TypedParam *p = param_find(r, job_rows[row].field);
        if (p && p->value.ul)
            print_job_row(s, row, p);
    }
    if (why)
        put(s, "%-17s %s\n", "Error message:", why->value.s);
}

static void
print_job_raw(Shell *s, const DomainGetJobStatsRet *r)
{
    for (guint i = 0; i < r->params.n; i++) {
        g_autofree char *text = value_text(&r->params.v[i].value);
        put(s, "%s: %s\n", r->params.v[i].field, text);
    }
}

static gboolean
run_domjobinfo(Shell *s, const Args *a, GError **err)
{
    static const char *const types[] = { "None",      "Bounded", "Unbounded",
                                         "Completed", "Failed",  "Cancelled" };
    static const FlagBit bits[] = { { "completed", 1 }, { "keep-completed", 1 | 2 }, { 0 } };
    enum { JOB_NONE = 0, JOB_FAILED = 4 };
    DomainGetJobStatsArgs args = { .flags = args_bits(a, bits) };
    DomainGetJobStatsRet ret;

    if (!domain_get(s, a, &args.dom, err) || !call(s, PROC_DOMAIN_GET_JOB_STATS, &args, &ret, err))
        return FALSE;
    put(s, "%-17s %-12s\n", "Job type:", nth(types, G_N_ELEMENTS(types), ret.type, "Unknown"));
    if (args_flag(a, "rawstats"))
        print_job_raw(s, &ret);
    else if (ret.type != JOB_NONE && (ret.type < JOB_FAILED || args_flag(a, "anystats")))
        print_job(s, &ret);
    return TRUE;
}

static const Option domjobabort_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("postcopy", "interrupt post-copy migration"),
    OPTION_END,
};

static gboolean
run_domjobabort(Shell *s, const Args *a, GError **err)
{
    DomainAbortJobFlagsArgs args = { .flags = args_flag(a, "postcopy") };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    return call(s, args.flags ? PROC_DOMAIN_ABORT_JOB_FLAGS : PROC_DOMAIN_ABORT_JOB, &args, NULL,
                err);
}

const Command vcpu_commands[] = {
    { "domjobabort", "abort active domain job", "Aborts the currently running domain job",
      domjobabort_options, run_domjobabort },
    { "domjobinfo", "domain job information", "Returns information about jobs running on a domain.",
      domjobinfo_options, run_domjobinfo },
    { "vcpucount", "domain vcpu counts", "Returns the number of virtual CPUs used by the domain.",
      vcpucount_options, run_vcpucount },
    { "vcpuinfo", "detailed domain vcpu information",
      "Returns basic information about the domain virtual CPUs.", vcpuinfo_options, run_vcpuinfo },
    { 0 },
};
