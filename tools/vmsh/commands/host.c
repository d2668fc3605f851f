/* Commands about the host and the daemon. */
#include <string.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

/* ---- what it is */

static gboolean
run_uri(Shell *s, const Args *a, GError **err)
{
    put(s, "%s\n", s->uri);
    return TRUE;
}

static gboolean
run_hostname(Shell *s, const Args *a, GError **err)
{
    ConnectGetHostnameRet ret;

    doing(s, "failed to get hostname");
    if (!call(s, PROC_CONNECT_GET_HOSTNAME, NULL, &ret, err))
        return FALSE;
    put(s, "%s\n", ret.hostname);
    return TRUE;
}

static const Option version_options[] = {
    FLAG("daemon", "report daemon version too"),
    OPTION_END,
};

static char *
version_text(guint64 version)
{
    return g_strdup_printf("%u.%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000),
                           (guint)(version % 1000));
}

static gboolean
run_version(Shell *s, const Args *a, GError **err)
{
    ConnectGetTypeRet type;
    ConnectGetLibVersionRet lib;
    ConnectGetVersionRet hypervisor;

    if (!call(s, PROC_CONNECT_GET_TYPE, NULL, &type, err) ||
        !call(s, PROC_CONNECT_GET_LIB_VERSION, NULL, &lib, err) ||
        !call(s, PROC_CONNECT_GET_VERSION, NULL, &hypervisor, err))
        return FALSE;
    g_autofree char *api = version_text(lib.lib_ver);
    g_autofree char *running = version_text(hypervisor.hv_ver);
    put(s, "Compiled against library: vmd " VMD_VERSION "\nUsing library: vmd " VMD_VERSION "\n");
    put(s, "Using API: %s %s\n", type.type, api);
    if (hypervisor.hv_ver)
        put(s, "Running hypervisor: %s %s\n", type.type, running);
    else
        put(s, "Cannot extract running %s hypervisor version\n", type.type);
    if (args_flag(a, "daemon"))
        put(s, "Running against daemon: %s\n", api);
    return TRUE;
}

static const Option capabilities_options[] = { XPATH_OPTIONS, OPTION_END };

static gboolean
run_capabilities(Shell *s, const Args *a, GError **err)
{
    ConnectGetCapabilitiesRet ret;

    doing(s, "failed to get capabilities");
    return call(s, PROC_CONNECT_GET_CAPABILITIES, NULL, &ret, err) &&
           doc_print(s, a, ret.capabilities, err);
}

static const Option domcapabilities_options[] = {
    { "virttype", OPTION_STRING, OPTION_NAMED, NULL, "virtualization type (/domain/@type)" },
    { "emulatorbin", OPTION_STRING, OPTION_NAMED, NULL,
      "path to emulator binary (/domain/devices/emulator)" },
    { "arch", OPTION_STRING, OPTION_NAMED, NULL, "domain architecture (/domain/os/type/@arch)" },
    { "machine", OPTION_STRING, OPTION_NAMED, NULL, "machine type (/domain/os/type/@machine)" },
    XPATH_OPTIONS,
    FLAG("disable-deprecated-features", "report host CPU model with deprecated features disabled"),
    OPTION_END,
};

static gboolean
run_domcapabilities(Shell *s, const Args *a, GError **err)
{
    ConnectGetDomainCapabilitiesArgs args = {
        .emulatorbin = args_string(a, "emulatorbin"),
        .arch = args_string(a, "arch"),
        .machine = args_string(a, "machine"),
        .virttype = args_string(a, "virttype"),
        .flags = args_flag(a, "disable-deprecated-features"),
    };
    ConnectGetDomainCapabilitiesRet ret;

    doing(s, "failed to get emulator capabilities");
    return call(s, PROC_CONNECT_GET_DOMAIN_CAPABILITIES, &args, &ret, err) &&
           doc_print(s, a, ret.capabilities, err);
}

static const Option maxvcpus_options[] = {
    { "type", OPTION_STRING, OPTION_NAMED, NULL, "domain type" },
    OPTION_END,
};

/* What the emulator's default machine takes; NULL: it is not told. */
static char *
machine_vcpus(Shell *s, const char *type)
{
    ConnectGetDomainCapabilitiesArgs args = { .virttype = type };
    ConnectGetDomainCapabilitiesRet ret;
    g_autoptr(Doc) doc = NULL;

    if (!call(s, PROC_CONNECT_GET_DOMAIN_CAPABILITIES, &args, &ret, NULL))
        return NULL;
    doc = doc_parse(ret.capabilities, NULL);
    return doc ? doc_text(doc, NULL, "/domainCapabilities/vcpu/@max") : NULL;
}

static gboolean
run_maxvcpus(Shell *s, const Args *a, GError **err)
{
    ConnectGetMaxVcpusArgs args = { .type = args_string(a, "type") };
    ConnectGetMaxVcpusRet ret;
    g_autofree char *most = machine_vcpus(s, args.type);

    if (most) {
        put(s, "%s\n", most);
        return TRUE;
    }
    if (!call(s, PROC_CONNECT_GET_MAX_VCPUS, &args, &ret, err))
        return FALSE;
    put(s, "%d\n", ret.max_vcpus);
    return TRUE;
}

/* ---- what it has */

static gboolean
run_nodeinfo(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) t = sheet_new(21);
    g_autofree char *model = NULL;
    NodeGetInfoRet r;

    doing(s, "failed to get node information");
    if (!call(s, PROC_NODE_GET_INFO, NULL, &r, err))
        return FALSE;
    model = g_strndup(r.model, sizeof(r.model));
    sheet_add(t, "CPU model", "%s", model);
    sheet_add_number(t, "CPU(s)", (guint64)r.cpus, NULL);
    if (r.mhz)
        sheet_add_number(t, "CPU frequency", (guint64)r.mhz, "MHz");
    sheet_add_number(t, "CPU socket(s)", (guint64)r.sockets, NULL);
    sheet_add_number(t, "Core(s) per socket", (guint64)r.cores, NULL);
    sheet_add_number(t, "Thread(s) per core", (guint64)r.threads, NULL);
    sheet_add_number(t, "NUMA cell(s)", (guint64)r.nodes, NULL);
    sheet_add_number(t, "Memory size", r.memory, "KiB");
    sheet_print(s, t);
    return TRUE;
}

static const Option cpumap_options[] = {
    FLAG("pretty", "return human readable output"),
    OPTION_END,
};

static gboolean
run_nodecpumap(Shell *s, const Args *a, GError **err)
{
    NodeGetCpuMapArgs args = { .need_map = 1, .need_online = 1 };
    NodeGetCpuMapRet ret;
    g_autoptr(Sheet) t = sheet_new(16);
    g_autofree char *map = NULL;

    doing(s, "Unable to get cpu map");
    if (!call(s, PROC_NODE_GET_CPU_MAP, &args, &ret, err))
        return FALSE;
    map = cpu_map_text(ret.cpumap.v, MIN((guint)ret.ret, ret.cpumap.n * 8), args_flag(a, "pretty"));
    sheet_add_number(t, "CPUs present", (guint64)ret.ret, NULL);
    sheet_add_number(t, "CPUs online", ret.online, NULL);
    sheet_add(t, "CPU map", "%s", map);
    sheet_print(s, t);
    return TRUE;
}

static const Option memstats_options[] = {
    { "cell", OPTION_NUMBER, OPTION_NAMED, NULL, "prints specified cell statistics only." },
    OPTION_END,
};

static gboolean
run_nodememstats(Shell *s, const Args *a, GError **err)
{
    NodeGetMemoryStatsArgs args = { 0 };
    NodeGetMemoryStatsRet ret;
    g_autoptr(Sheet) t = sheet_new(0);
    gint64 cell = -1;

    if (!args_number(a, "cell", -1, G_MAXINT32, &cell, err))
        return FALSE;
    args.cell_num = (gint32)cell;
    doing(s, "Unable to get memory stats");
    /* The first answer tells how many there are, and the daemon wants to hear just that. */
    if (!call(s, PROC_NODE_GET_MEMORY_STATS, &args, &ret, err))
        return FALSE;
    args.nparams = ret.nparams;
    if (!call(s, PROC_NODE_GET_MEMORY_STATS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.params.n; i++)
        sheet_add_line(
            t, ret.params.v[i].field, json_object_new_uint64(ret.params.v[i].value * 1024),
            "%-7s: %20" G_GUINT64_FORMAT " KiB", ret.params.v[i].field, ret.params.v[i].value);
    sheet_print(s, t);
    return TRUE;
}

static const Option cpustats_options[] = {
    { "cpu", OPTION_NUMBER, OPTION_NAMED, NULL, "prints specified cpu statistics only." },
    FLAG("percent", "prints by percentage during 1 second."),
    OPTION_END,
};

enum { CPU_USER, CPU_KERNEL, CPU_IDLE, CPU_IOWAIT, CPU_INTR, CPU_USAGE, N_CPU };

static const struct {
    const char *field, *title;
} cpu_rows[N_CPU] = {
    [CPU_USER] = { "user", "user" }, [CPU_KERNEL] = { "kernel", "system" },
    [CPU_IDLE] = { "idle", "idle" }, [CPU_IOWAIT] = { "iowait", "iowait" },
    [CPU_INTR] = { "intr", "intr" }, [CPU_USAGE] = { "utilization", "usage" },
};

typedef struct CpuTimes {
    gboolean there[N_CPU];
    guint64 time[N_CPU];
} CpuTimes;

static gboolean
cpu_times(Shell *s, int cpu, CpuTimes *ret, GError **err)
{
    NodeGetCpuStatsArgs args = { .cpu_num = cpu };
    NodeGetCpuStatsRet r;

    if (!call(s, PROC_NODE_GET_CPU_STATS, &args, &r, err))
        return FALSE;
    args.nparams = r.nparams;
    if (!call(s, PROC_NODE_GET_CPU_STATS, &args, &r, err))
        return FALSE;
    *ret = (CpuTimes){ 0 };
    for (guint i = 0; i < r.params.n; i++)
        for (guint row = 0; row < N_CPU; row++)
            if (strcmp(r.params.v[i].field, cpu_rows[row].field) == 0) {
                ret->there[row] = TRUE;
                ret->time[row] = r.params.v[i].value;
            }
    return TRUE;
}

static void
add_percent(Sheet *t, const char *title, double percent)
{
    g_autofree char *text = g_strdup_printf("%s:", title);

    sheet_add_line(t, title, json_object_new_double(percent), "%-15s %5.1f%%", text, percent);
}

/* What became of one second. */
static void
cpu_percent(Sheet *t, const CpuTimes *before, const CpuTimes *after)
{
    double spent[N_CPU], total = 0, busy;

    if (after->there[CPU_USAGE]) {
        add_percent(t, "usage", (double)after->time[CPU_USAGE]);
        return;
    }
    for (guint row = CPU_USER; row <= CPU_INTR; row++)
        total += spent[row] = (double)(after->time[row] - before->time[row]);
    if (total <= 0)
        return;
    busy = spent[CPU_USER] + spent[CPU_KERNEL] + spent[CPU_INTR];
    add_percent(t, "usage", busy * 100 / total);
    for (guint row = CPU_USER; row <= CPU_INTR; row++)
        if (after->there[row])
            add_percent(t, cpu_rows[row].title, spent[row] * 100 / total);
}

static gboolean
run_nodecpustats(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) t = sheet_new(0);
    CpuTimes now, before;
    gint64 cpu = -1;

    if (!args_number(a, "cpu", -1, G_MAXINT32, &cpu, err))
        return FALSE;
    doing(s, "Unable to get node cpu stats");
    if (!cpu_times(s, (int)cpu, &now, err))
        return FALSE;
    if (args_flag(a, "percent")) {
        before = now;
        g_usleep(G_USEC_PER_SEC);
        if (!cpu_times(s, (int)cpu, &now, err))
            return FALSE;
        cpu_percent(t, &before, &now);
    }
    for (guint row = 0; row < N_CPU && !args_flag(a, "percent"); row++)
        if (now.there[row]) {
            g_autofree char *title = g_strdup_printf("%s:", cpu_rows[row].title);
            sheet_add_line(t, cpu_rows[row].title, json_object_new_uint64(now.time[row]),
                           "%-15s %20" G_GUINT64_FORMAT, title, now.time[row]);
        }
    sheet_print(s, t);
    return TRUE;
}

/* ---- free memory */

static const Option freecell_options[] = {
    { "cellno", OPTION_NUMBER, OPTION_NAMED, NULL, "NUMA cell number" },
    FLAG("all", "show free memory for all NUMA cells"),
    OPTION_END,
};

static gboolean
cells_free(Shell *s, int first, int n, NodeGetCellsFreeMemoryRet *ret, GError **err)
{
    NodeGetCellsFreeMemoryArgs args = { .start_cell = first, .maxcells = n };

    return call(s, PROC_NODE_GET_CELLS_FREE_MEMORY, &args, ret, err);
}

static gboolean
freecell_all(Shell *s, Sheet *t, GError **err)
{
    NodeGetInfoRet info;
    NodeGetCellsFreeMemoryRet ret;
    guint64 total = 0;

    if (!call(s, PROC_NODE_GET_INFO, NULL, &info, err) || !cells_free(s, 0, info.nodes, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.cells.n; i++) {
        g_autofree char *key = g_strdup_printf("%u", i);
        sheet_add_line(t, key, json_object_new_uint64(ret.cells.v[i]),
                       "%5u: %10" G_GUINT64_FORMAT " KiB", i, ret.cells.v[i] / 1024);
        total += ret.cells.v[i] / 1024;
    }
    sheet_add_line(t, "total", json_object_new_uint64(total * 1024),
                   "--------------------\n%5s: %10" G_GUINT64_FORMAT " KiB", "Total", total);
    return TRUE;
}

static gboolean
freecell_one(Shell *s, Sheet *t, int cell, GError **err)
{
    NodeGetCellsFreeMemoryRet ret;
    g_autofree char *key = g_strdup_printf("%d", cell);

    if (!cells_free(s, cell, 1, &ret, err))
        return FALSE;
    if (!ret.cells.n)
        return refuse(err, "no NUMA cell %d", cell);
    sheet_add_line(t, key, json_object_new_uint64(ret.cells.v[0]), "%d: %" G_GUINT64_FORMAT " KiB",
                   cell, ret.cells.v[0] / 1024);
    return TRUE;
}

static gboolean
freecell_total(Shell *s, Sheet *t, GError **err)
{
    NodeGetFreeMemoryRet ret;

    if (!call(s, PROC_NODE_GET_FREE_MEMORY, NULL, &ret, err))
        return FALSE;
    sheet_add_line(t, "total", json_object_new_uint64(ret.free_mem),
                   "Total: %" G_GUINT64_FORMAT " KiB", ret.free_mem / 1024);
    return TRUE;
}

static gboolean
run_freecell(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) t = sheet_new(0);
    gint64 cell = -1;
    gboolean ok;

    if (!args_exclusive(a, "all", "cellno", err) ||
        !args_number(a, "cellno", 0, G_MAXINT32, &cell, err))
        return FALSE;
    if (args_flag(a, "all"))
        ok = freecell_all(s, t, err);
    else
        ok = cell >= 0 ? freecell_one(s, t, (int)cell, err) : freecell_total(s, t, err);
    if (ok)
        sheet_print(s, t);
    return ok;
}

static const Option sysinfo_options[] = { XPATH_OPTIONS, OPTION_END };

static gboolean
run_sysinfo(Shell *s, const Args *a, GError **err)
{
    ConnectGetSysinfoArgs args = { 0 };
    ConnectGetSysinfoRet ret;

    doing(s, "failed to get sysinfo");
    return call(s, PROC_CONNECT_GET_SYSINFO, &args, &ret, err) && doc_print(s, a, ret.sysinfo, err);
}

/* How far the daemon's budgets are used. */
static gboolean
run_daemon_status(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = {
        { "Budget", "budget", COLUMN_TEXT },     { "Used", "used", COLUMN_NUMBER },
        { "Most", "most", COLUMN_NUMBER },       { "Limit", "limit", COLUMN_NUMBER },
        { "Kept", "kept", COLUMN_NUMBER },       { "Slowed", "slowed", COLUMN_NUMBER },
        { "Refused", "refused", COLUMN_NUMBER }, { "Dropped", "dropped", COLUMN_NUMBER },
    };
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    VmdDaemonStatusRet r;

    doing(s, "failed to get the daemon's status");
    if (!call_vmd(s, PROC_VMD_DAEMON_STATUS, NULL, &r, err))
        return FALSE;
    for (guint i = 0; i < r.budgets.n; i++) {
        const VmdBudget *b = &r.budgets.v[i];
        const guint64 numbers[] = { b->used,   b->most,    b->all,    b->reserve,
                                    b->slowed, b->refused, b->dropped };
        char cells[G_N_ELEMENTS(numbers)][24];
        const char *row[G_N_ELEMENTS(numbers) + 1] = { b->name };
        for (gsize k = 0; k < G_N_ELEMENTS(numbers); k++) {
            g_snprintf(cells[k], sizeof(cells[k]), "%" G_GUINT64_FORMAT, numbers[k]);
            row[k + 1] = numbers[k] == G_MAXUINT64 ? NULL : cells[k];
        }
        table_add_cells(t, row);
    }
    table_print(s, t);
    return TRUE;
}

/* What vmd-guests.service does as the host goes down. */
static gboolean
run_host_down(Shell *s, const Args *a, GError **err)
{
    VmdHostDownRet r;

    doing(s, "failed to end the guests");
    if (!call_vmd(s, PROC_VMD_HOST_DOWN, NULL, &r, err))
        return FALSE;
    put(s, "%u guests went down, the plug of %u was pulled, %u run on\n", r.off, r.forced, r.left);
    return TRUE;
}

const Command host_commands[] = {
    { "capabilities", "capabilities", "Returns capabilities of hypervisor/driver.",
      capabilities_options, run_capabilities },
    { "daemon-status", "how far the daemon's budgets are used",
      "What clients hold of the daemon, the most they ever held, what all may hold and what of that "
      "is kept for root and the group; and how often clients were slowed, refused and dropped.",
      NULL, run_daemon_status, COMMAND_JSON },
    { "domcapabilities", "domain capabilities",
      "Returns capabilities of emulator with respect to host and vmd.", domcapabilities_options,
      run_domcapabilities },
    { "freecell", "NUMA free memory", "display available free memory for the NUMA cell.",
      freecell_options, run_freecell, COMMAND_JSON },
    { "host-down", "end all guests, as when the host goes down",
      "Ends every running domain as its metadata and vmd.conf say, order by order, and returns when "
      "that is over. What the host does when it goes down.",
      NULL, run_host_down },
    { "hostname", "print the hypervisor hostname", NULL, NULL, run_hostname },
    { "maxvcpus", "connection vcpu maximum",
      "Show maximum number of virtual CPUs for guests on this connection.", maxvcpus_options,
      run_maxvcpus },
    { "nodecpumap", "node cpu map",
      "Displays the node's total number of CPUs, the number of online CPUs and the list of online "
      "CPUs.",
      cpumap_options, run_nodecpumap, COMMAND_JSON },
    { "nodecpustats", "Prints cpu stats of the node.",
      "Returns cpu stats of the node, in nanoseconds.", cpustats_options, run_nodecpustats,
      COMMAND_JSON },
    { "nodeinfo", "node information", "Returns basic information about the node.", NULL,
      run_nodeinfo, COMMAND_JSON },
    { "nodememstats", "Prints memory stats of the node.",
      "Returns memory stats of the node, in kilobytes.", memstats_options, run_nodememstats,
      COMMAND_JSON },
    { "sysinfo", "print the hypervisor sysinfo",
      "output an XML string for the hypervisor sysinfo, if available", sysinfo_options,
      run_sysinfo },
    { "uri", "print the hypervisor canonical URI", NULL, NULL, run_uri },
    { "version", "show version", "Display the system version information.", version_options,
      run_version },
    { 0 },
};
