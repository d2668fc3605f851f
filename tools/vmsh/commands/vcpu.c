/* Commands about a domain's processors and its jobs. */
#include <string.h>

#include "vmsh/vmsh.h"

/* ---- processors */

static const Option vcpuinfo_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("pretty", "return human readable output"),
    OPTION_END,
};

static void
add_affinity(Sheet *t, const guint8 *map, guint n_cpus, gboolean pretty)
{
    g_autofree char *text = cpu_map_text(map, n_cpus, pretty);

    if (pretty)
        sheet_add(t, "CPU Affinity", "%s (out of %u)", text, n_cpus);
    else
        sheet_add(t, "CPU Affinity", "%s", text);
}

/* Several processors: a blank line between their sheets, or a list of objects. */
static void
print_sheets(Shell *s, const GPtrArray *sheets)
{
    json_object *list;

    if (s->json) {
        list = json_object_new_array();
        for (guint i = 0; i < sheets->len; i++)
            json_object_array_add(list, sheet_json(sheets->pdata[i]));
        print_json(s, list);
        return;
    }
    for (guint i = 0; i < sheets->len; i++) {
        if (i)
            put(s, "\n");
        sheet_print(s, sheets->pdata[i]);
    }
}

static void
sheet_unref(gpointer sheet)
{
    sheet_free(sheet);
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

enum { SHEET_WIDTH = 16 };

static Sheet *
running_vcpu(const VcpuInfo *v)
{
    static const char *const states[] = { "offline", "running", "idle" };
    Sheet *t = sheet_new(SHEET_WIDTH);

    sheet_add_number(t, "VCPU", v->number, NULL);
    if (v->cpu >= 0)
        sheet_add_number(t, "CPU", (guint64)v->cpu, NULL);
    else
        sheet_add_value(t, "CPU", NULL, "N/A");
    sheet_add(t, "State", "%s", nth(states, G_N_ELEMENTS(states), v->state, "no state"));
    if (v->cpu_time)
        sheet_add_value(t, "CPU time", json_object_new_double((double)v->cpu_time / 1e9), "%.1fs",
                        (double)v->cpu_time / 1e9);
    return t;
}

static Sheet *
defined_vcpu(guint number)
{
    Sheet *t = sheet_new(SHEET_WIDTH);

    sheet_add_number(t, "VCPU", number, NULL);
    sheet_add_value(t, "CPU", NULL, "N/A");
    sheet_add_value(t, "State", NULL, "N/A");
    sheet_add_line(t, "cpu_time", NULL, "%-15s N/A", "CPU time");
    return t;
}

static gboolean
vcpus_running(Shell *s, const DomainRef *dom, int n, guint n_cpus, gboolean pretty, GError **err)
{
    guint maplen = (n_cpus + 7) / 8;
    DomainGetVcpusArgs args = { .dom = *dom, .maxinfo = n, .maplen = (gint32)maplen };
    DomainGetVcpusRet ret;
    g_autoptr(GPtrArray) sheets = g_ptr_array_new_with_free_func(sheet_unref);

    if (!call(s, PROC_DOMAIN_GET_VCPUS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.info.n; i++) {
        Sheet *t = running_vcpu(&ret.info.v[i]);
        if ((i + 1) * maplen <= ret.cpumaps.n)
            add_affinity(t, ret.cpumaps.v + i * maplen, n_cpus, pretty);
        g_ptr_array_add(sheets, t);
    }
    print_sheets(s, sheets);
    return TRUE;
}

static gboolean
vcpus_defined(Shell *s, const DomainRef *dom, int n, guint n_cpus, gboolean pretty, GError **err)
{
    guint maplen = (n_cpus + 7) / 8;
    DomainGetVcpuPinInfoArgs args = {
        .dom = *dom, .ncpumaps = n, .maplen = (gint32)maplen, .flags = CONFIG
    };
    DomainGetVcpuPinInfoRet ret;
    g_autoptr(GPtrArray) sheets = g_ptr_array_new_with_free_func(sheet_unref);

    if (!call(s, PROC_DOMAIN_GET_VCPU_PIN_INFO, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < (guint)MAX(ret.num, 0); i++) {
        Sheet *t = defined_vcpu(i);
        if ((i + 1) * maplen <= ret.cpumaps.n)
            add_affinity(t, ret.cpumaps.v + i * maplen, n_cpus, pretty);
        g_ptr_array_add(sheets, t);
    }
    print_sheets(s, sheets);
    return TRUE;
}

static gboolean
run_vcpuinfo(Shell *s, const Args *a, GError **err)
{
    gboolean pretty = args_flag(a, "pretty");
    DomainGetInfoArgs args;
    DomainGetInfoRet info;
    guint n_cpus;

    if (!domain_get(s, a, &args.dom, err) || !host_cpus(s, &n_cpus, err) ||
        !call(s, PROC_DOMAIN_GET_INFO, &args, &info, err))
        return FALSE;
    return args.dom.id == -1
               ? vcpus_defined(s, &args.dom, (int)info.nr_virt_cpu, n_cpus, pretty, err)
               : vcpus_running(s, &args.dom, (int)info.nr_virt_cpu, n_cpus, pretty, err);
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
        const char *what, *when, *key;
        guint flags;
    } rows[] = {
        { "maximum", "config", "maximum_config", VCPU_MAXIMUM | VCPU_CONFIG },
        { "maximum", "live", "maximum_live", VCPU_MAXIMUM | VCPU_LIVE },
        { "current", "config", "current_config", VCPU_CONFIG },
        { "current", "live", "current_live", VCPU_LIVE },
    };
    g_autoptr(Sheet) t = sheet_new(0);
    g_autoptr(GError) why = NULL;
    gboolean any = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int n;
        /* A transient domain has no config, one that is off nothing live. */
        g_clear_error(&why);
        if (!count_vcpus(s, dom, rows[i].flags, &n, &why))
            continue;
        sheet_add_line(t, rows[i].key, json_object_new_int(n), "%-12s %-12s %3d", rows[i].what,
                       rows[i].when, n);
        any = TRUE;
    }
    if (any)
        sheet_print(s, t);
    else
        g_propagate_error(err, g_steal_pointer(&why));
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
add_job_row(Sheet *t, guint row, const TypedParam *p)
{
    g_autofree char *text = value_text(&p->value);
    g_autofree char *size = p->value.type == VALUE_ULLONG ? text_human_size(p->value.ul)
                                                          : g_strdup(text);
    json_object *json = value_json(&p->value);

    if (!job_rows[row].unit)
        sheet_add_line(t, p->field, json, "%-17s %s", job_rows[row].title, size);
    else
        sheet_add_line(t, p->field, json, "%-17s %-12s %s", job_rows[row].title, text,
                       job_rows[row].unit);
}

static void
add_job(Sheet *t, const DomainGetJobStatsRet *r)
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

    if (operation) {
        const char *text = nth(operations, G_N_ELEMENTS(operations), operation->value.i, "Unknown");
        sheet_add_line(t, "operation", json_object_new_string(text), "%-17s %-12s",
                       "Operation:", text);
    }
    for (guint row = 0; row < G_N_ELEMENTS(job_rows); row++) {
        const TypedParam *p = param_find(r, job_rows[row].field);
        if (p && p->value.ul)
            add_job_row(t, row, p);
    }
    if (why)
        sheet_add_line(t, "errmsg", value_json(&why->value), "%-17s %s",
                       "Error message:", why->value.s);
}

static void
add_job_raw(Sheet *t, const DomainGetJobStatsRet *r)
{
    for (guint i = 0; i < r->params.n; i++) {
        const TypedParam *p = &r->params.v[i];
        g_autofree char *text = value_text(&p->value);
        sheet_add_line(t, p->field, value_json(&p->value), "%s: %s", p->field, text);
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
    g_autoptr(Sheet) t = sheet_new(0);
    const char *type;

    if (!domain_get(s, a, &args.dom, err) || !call(s, PROC_DOMAIN_GET_JOB_STATS, &args, &ret, err))
        return FALSE;
    type = nth(types, G_N_ELEMENTS(types), ret.type, "Unknown");
    sheet_add_line(t, "type", json_object_new_string(type), "%-17s %-12s", "Job type:", type);
    if (args_flag(a, "rawstats"))
        add_job_raw(t, &ret);
    else if (ret.type != JOB_NONE && (ret.type < JOB_FAILED || args_flag(a, "anystats")))
        add_job(t, &ret);
    sheet_print(s, t);
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
      domjobinfo_options, run_domjobinfo, COMMAND_JSON },
    { "vcpucount", "domain vcpu counts", "Returns the number of virtual CPUs used by the domain.",
      vcpucount_options, run_vcpucount, COMMAND_JSON },
    { "vcpuinfo", "detailed domain vcpu information",
      "Returns basic information about the domain virtual CPUs.", vcpuinfo_options, run_vcpuinfo,
      COMMAND_JSON },
    { 0 },
};
