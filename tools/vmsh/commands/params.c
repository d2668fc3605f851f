/* Commands that show and set typed parameters: each is a row here that says which options are which
 * parameters, and which two procedures ask for them and set them. */
#include <string.h>

#include "vmsh/vmsh.h"

#define UNLIMITED_KIB 9007199254740991ULL

typedef enum HowText {
    HOW_NUMBER, /* a number of the parameter's own type */
    HOW_SIZE,   /* the same, with a unit; a bare number counts in units of `unit` bytes */
    HOW_TEXT,
    HOW_MODE, /* one of numa_modes */
} HowText;

typedef struct Setting {
    const char *option;
    const char *field; /* the parameter's name */
    ValueType type;
    HowText how;
    guint64 unit; /* of HOW_SIZE, and what the daemon counts in */
} Setting;

static const char *const numa_modes[] = { "strict", "preferred", "interleave", "restrictive",
                                          NULL };

/* ---- from words to parameters */

static gboolean
parse_mode(const char *text, gint32 *ret_mode, GError **err)
{
    guint64 number;

    for (gint32 i = 0; numa_modes[i]; i++)
        if (strcmp(numa_modes[i], text) == 0) {
            *ret_mode = i;
            return TRUE;
        }
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &number, NULL))
        return refuse(err, "Invalid mode: %s", text);
    *ret_mode = (gint32)number;
    return TRUE;
}

static void
value_number(Value *v, guint64 number)
{
    if (v->type == VALUE_UINT || v->type == VALUE_INT)
        v->u = (guint32)number;
    else
        v->ul = number;
}

static gboolean
parse_size(const Args *a, const Setting *row, Value *ret_value, GError **err)
{
    guint64 bytes = 0;

    if (strcmp(args_string(a, row->option), "-1") == 0 && row->unit == 1024) {
        value_number(ret_value, UNLIMITED_KIB);
        return TRUE;
    }
    if (!args_size(a, row->option, row->unit, &bytes, err))
        return FALSE;
    value_number(ret_value, bytes / row->unit);
    return TRUE;
}

static gboolean
parse_setting(const Args *a, const Setting *row, TypedParam *ret_param, GError **err)
{
    const char *text = args_string(a, row->option);
    gboolean wide = row->type == VALUE_ULLONG;
    gint64 number = 0;

    ret_param->field = row->field;
    ret_param->value.type = row->type;
    switch (row->how) {
    case HOW_TEXT:
        ret_param->value.s = text;
        return TRUE;
    case HOW_MODE:
        return parse_mode(text, &ret_param->value.i, err);
    case HOW_SIZE:
        return parse_size(a, row, &ret_param->value, err);
    case HOW_NUMBER:
        if (!args_number(a, row->option, row->type == VALUE_INT ? G_MININT32 : 0,
                         wide                     ? G_MAXINT64
                         : row->type == VALUE_INT ? G_MAXINT32
                                                  : G_MAXUINT32,
                         &number, err))
            return FALSE;
        value_number(&ret_param->value, (guint64)number);
        return TRUE;
    }
    return TRUE;
}

/* Those of the rows whose options are there, in the command's arena. */
static gboolean
settings_parse(Shell *s, const Args *a, const Setting *rows, TypedParam **ret_params, guint *ret_n,
               GError **err)
{
    guint n = 0, most = 0;
    TypedParam *params;

    while (rows[most].option)
        most++;
    params = arena_new(&s->arena, TypedParam, most);
    for (const Setting *row = rows; row->option; row++)
        if (args_flag(a, row->option) && !parse_setting(a, row, &params[n++], err))
            return FALSE;
    *ret_params = params;
    *ret_n = n;
    return TRUE;
}

/* ---- from parameters to words */

static char *
param_text(const TypedParam *p)
{
    gboolean is_memory = g_str_has_suffix(p->field, "_limit") ||
                         g_str_has_suffix(p->field, "_guarantee");

    if (p->value.type == VALUE_ULLONG && p->value.ul == UNLIMITED_KIB && is_memory)
        return g_strdup("unlimited");
    if (strcmp(p->field, "numa_mode") == 0)
        return g_strdup(nth(numa_modes, G_N_ELEMENTS(numa_modes), p->value.i, "unknown"));
    return value_text(&p->value);
}

void
params_print(Shell *s, const TypedParam *params, guint n, const char *format)
{
    g_autoptr(Sheet) t = sheet_new(0);

    for (guint i = 0; i < n; i++) {
        g_autofree char *text = param_text(&params[i]);
        gboolean as_text = params[i].value.type != VALUE_STRING &&
                           (strcmp(text, "unlimited") == 0 ||
                            strcmp(params[i].field, "numa_mode") == 0);

        sheet_add_line(t, params[i].field,
                       as_text ? json_object_new_string(text) : value_json(&params[i].value),
                       format, params[i].field, text);
    }
    sheet_print(s, t);
}

/* Without it, a daemon tells only of what is a number. */
enum { STRINGS_TOO = 4 };

#define COLON_FORMAT "%-15s: %s"

/* ---- memory, block devices and nodes of a domain */

typedef struct Tune {
    const Setting *rows;
    gint32 get, set;
    guint most;
    const char *what; /* "memory parameters" */
} Tune;

static gboolean
run_tune(Shell *s, const Args *a, const Tune *tune, GError **err)
{
    DomainGetMemoryParametersArgs get = { .nparams = (gint32)tune->most };
    DomainSetMemoryParametersArgs set;
    DomainGetMemoryParametersRet ret = { 0 };

    if (!domain_impact(a, &get.flags, err) ||
        !settings_parse(s, a, tune->rows, &set.params.v, &set.params.n, err) ||
        !domain_get(s, a, &get.dom, err))
        return FALSE;
    set.dom = get.dom;
    set.flags = get.flags;
    get.flags |= STRINGS_TOO;
    doing(s, "Unable to %s %s", set.params.n ? "change" : "get number of", tune->what);
    if (set.params.n)
        return call(s, tune->set, &set, NULL, err);
    if (!call(s, tune->get, &get, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, COLON_FORMAT);
    return TRUE;
}

#define IMPACT_OPTIONS                                                                             \
    FLAG("config", "affect next boot"), FLAG("live", "affect running domain"),                     \
        FLAG("current", "affect current domain")
#define NUMBER(name, doc)                                                                          \
    {                                                                                              \
        name, OPTION_NUMBER, OPTION_NAMED, NULL, doc                                               \
    }
#define TEXT(name, doc)                                                                            \
    {                                                                                              \
        name, OPTION_STRING, OPTION_NAMED, NULL, doc                                               \
    }

static const Option memtune_options[] = {
    DOMAIN_OPTION(complete_domains),
    NUMBER("hard-limit", "Max memory, as scaled integer (default KiB)"),
    NUMBER("soft-limit", "Memory during contention, as scaled integer (default KiB)"),
    NUMBER("swap-hard-limit", "Max memory plus swap, as scaled integer (default KiB)"),
    NUMBER("min-guarantee", "Min guaranteed memory, as scaled integer (default KiB)"),
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
run_memtune(Shell *s, const Args *a, GError **err)
{
    static const Setting rows[] = {
        { "hard-limit", "hard_limit", VALUE_ULLONG, HOW_SIZE, 1024 },
        { "soft-limit", "soft_limit", VALUE_ULLONG, HOW_SIZE, 1024 },
        { "swap-hard-limit", "swap_hard_limit", VALUE_ULLONG, HOW_SIZE, 1024 },
        { "min-guarantee", "min_guarantee", VALUE_ULLONG, HOW_SIZE, 1024 },
        { 0 },
    };
    static const Tune tune = { rows, PROC_DOMAIN_GET_MEMORY_PARAMETERS,
                               PROC_DOMAIN_SET_MEMORY_PARAMETERS, 16, "memory parameters" };

    return run_tune(s, a, &tune, err);
}

static const Option blkiotune_options[] = {
    DOMAIN_OPTION(complete_domains),
    NUMBER("weight", "IO Weight"),
    TEXT("device-weights", "per-device IO Weights, in the form of /path/to/device,weight,..."),
    TEXT("device-read-iops-sec",
         "per-device read I/O limit per second, in the form of /path/to/device,read_iops_sec,..."),
    TEXT("device-write-iops-sec", "per-device write I/O limit per second, in the form of "
                                  "/path/to/device,write_iops_sec,..."),
    TEXT("device-read-bytes-sec",
         "per-device bytes read per second, in the form of /path/to/device,read_bytes_sec,..."),
    TEXT("device-write-bytes-sec",
         "per-device bytes wrote per second, in the form of /path/to/device,write_bytes_sec,..."),
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
run_blkiotune(Shell *s, const Args *a, GError **err)
{
    static const Setting rows[] = {
        { "weight", "weight", VALUE_UINT, HOW_NUMBER, 0 },
        { "device-weights", "device_weight", VALUE_STRING, HOW_TEXT, 0 },
        { "device-read-iops-sec", "device_read_iops_sec", VALUE_STRING, HOW_TEXT, 0 },
        { "device-write-iops-sec", "device_write_iops_sec", VALUE_STRING, HOW_TEXT, 0 },
        { "device-read-bytes-sec", "device_read_bytes_sec", VALUE_STRING, HOW_TEXT, 0 },
        { "device-write-bytes-sec", "device_write_bytes_sec", VALUE_STRING, HOW_TEXT, 0 },
        { 0 },
    };
    static const Tune tune = { rows, PROC_DOMAIN_GET_BLKIO_PARAMETERS,
                               PROC_DOMAIN_SET_BLKIO_PARAMETERS, 16, "blkio parameters" };

    return run_tune(s, a, &tune, err);
}

static char **
complete_numa_modes(Shell *s)
{
    return g_strdupv((char **)numa_modes);
}

static const Option numatune_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "mode", OPTION_STRING, OPTION_NAMED, complete_numa_modes,
      "NUMA mode, one of strict, preferred and interleave or a number from the "
      "virDomainNumatuneMemMode enum" },
    TEXT("nodeset", "NUMA node selections to set"),
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
run_numatune(Shell *s, const Args *a, GError **err)
{
    static const Setting rows[] = {
        { "mode", "numa_mode", VALUE_INT, HOW_MODE, 0 },
        { "nodeset", "numa_nodeset", VALUE_STRING, HOW_TEXT, 0 },
        { 0 },
    };
    static const Tune tune = { rows, PROC_DOMAIN_GET_NUMA_PARAMETERS,
                               PROC_DOMAIN_SET_NUMA_PARAMETERS, 16, "numa parameters" };

    return run_tune(s, a, &tune, err);
}

/* ---- one disk */

#define RATE_OPTIONS(more, max, duration)                                                          \
    NUMBER("total-bytes-sec" more, duration "total " max),                                         \
        NUMBER("read-bytes-sec" more, duration "read " max),                                       \
        NUMBER("write-bytes-sec" more, duration "write " max)

static const Option blkdeviotune_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "device", OPTION_STRING, OPTION_REQUIRED, NULL, "block device" },
    TEXT("group-name", "group name to share I/O quota between multiple drives"),
    RATE_OPTIONS("", "throughput limit, as scaled integer (default bytes)", ""),
    NUMBER("total-iops-sec", "total I/O operations limit per second"),
    NUMBER("read-iops-sec", "read I/O operations limit per second"),
    NUMBER("write-iops-sec", "write I/O operations limit per second"),
    RATE_OPTIONS("-max", "max, as scaled integer (default bytes)", ""),
    NUMBER("total-iops-sec-max", "total I/O operations max"),
    NUMBER("read-iops-sec-max", "read I/O operations max"),
    NUMBER("write-iops-sec-max", "write I/O operations max"),
    NUMBER("size-iops-sec", "I/O size in bytes"),
    RATE_OPTIONS("-max-length", "max bytes", "duration in seconds to allow "),
    NUMBER("total-iops-sec-max-length", "duration in seconds to allow total I/O operations max"),
    NUMBER("read-iops-sec-max-length", "duration in seconds to allow read I/O operations max"),
    NUMBER("write-iops-sec-max-length", "duration in seconds to allow write I/O operations max"),
    IMPACT_OPTIONS,
    OPTION_END,
};

#define RATES(option, field)                                                                       \
    { "total-" option, "total_" field, VALUE_ULLONG, HOW_SIZE, 1 },                                \
        { "read-" option, "read_" field, VALUE_ULLONG, HOW_SIZE, 1 },                              \
    {                                                                                              \
        "write-" option, "write_" field, VALUE_ULLONG, HOW_SIZE, 1                                 \
    }

static const Setting blkdeviotune_rows[] = {
    { "group-name", "group_name", VALUE_STRING, HOW_TEXT, 0 },
    RATES("bytes-sec", "bytes_sec"),
    RATES("iops-sec", "iops_sec"),
    RATES("bytes-sec-max", "bytes_sec_max"),
    RATES("iops-sec-max", "iops_sec_max"),
    { "size-iops-sec", "size_iops_sec", VALUE_ULLONG, HOW_SIZE, 1 },
    RATES("bytes-sec-max-length", "bytes_sec_max_length"),
    RATES("iops-sec-max-length", "iops_sec_max_length"),
    { 0 },
};

static gboolean
run_blkdeviotune(Shell *s, const Args *a, GError **err)
{
    DomainGetBlockIoTuneArgs get = { .disk = args_string(a, "device"), .nparams = 32 };
    DomainSetBlockIoTuneArgs set = { .disk = get.disk };
    DomainGetBlockIoTuneRet ret = { 0 };

    if (!domain_impact(a, &get.flags, err) ||
        !settings_parse(s, a, blkdeviotune_rows, &set.params.v, &set.params.n, err) ||
        !domain_get(s, a, &get.dom, err))
        return FALSE;
    set.dom = get.dom;
    set.flags = get.flags;
    get.flags |= STRINGS_TOO;
    doing(s, "Unable to %s block I/O throttle parameters",
          set.params.n ? "change" : "get number of");
    if (set.params.n)
        return call(s, PROC_DOMAIN_SET_BLOCK_IO_TUNE, &set, NULL, err);
    if (!call(s, PROC_DOMAIN_GET_BLOCK_IO_TUNE, &get, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, COLON_FORMAT);
    return TRUE;
}

/* ---- one interface */

static const Option domiftune_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "interface", OPTION_STRING, OPTION_REQUIRED, NULL, "interface device (MAC Address)" },
    TEXT("inbound", "control domain's incoming traffics"),
    TEXT("outbound", "control domain's outgoing traffics"),
    IMPACT_OPTIONS,
    OPTION_END,
};

enum { AVERAGE, PEAK, BURST, FLOOR, N_RATES };

static const char *const rate_fields[][N_RATES] = {
    { "inbound.average", "inbound.peak", "inbound.burst", "inbound.floor" },
    { "outbound.average", "outbound.peak", "outbound.burst", "outbound.floor" },
};

/* "average,peak,burst,floor": what is left out is 0. */
static gboolean
rates_parse(const char *option, const char *text, guint32 ret_rates[N_RATES], GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", N_RATES + 1);

    memset(ret_rates, 0, N_RATES * sizeof(*ret_rates));
    for (guint i = 0; words[i]; i++) {
        guint64 number = 0;

        if (i == N_RATES ||
            (*words[i] && !g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT32, &number, NULL)))
            return refuse(err, "%s: '%s' is not average,peak,burst%s in whole numbers", option,
                          text, strcmp(option, "inbound") == 0 ? ",floor" : "");
        ret_rates[i] = (guint32)number;
    }
    if (!ret_rates[AVERAGE] && (ret_rates[PEAK] || ret_rates[BURST]) && !ret_rates[FLOOR])
        return refuse(err, "%s average is mandatory", option);
    return (strcmp(option, "inbound") == 0 || !ret_rates[FLOOR]) ||
           refuse(err, "outbound floor is unsupported yet");
}

static gboolean
rates_add(Shell *s, const Args *a, const char *option, guint row,
          DomainSetInterfaceParametersArgs *set, GError **err)
{
    guint32 rates[N_RATES];

    if (!args_flag(a, option))
        return TRUE;
    if (!rates_parse(option, args_string(a, option), rates, err))
        return FALSE;
    for (guint i = 0; i < N_RATES; i++)
        if (i == AVERAGE || rates[i]) {
            TypedParam *p = &set->params.v[set->params.n++];
            p->field = rate_fields[row][i];
            p->value.type = VALUE_UINT;
            p->value.u = rates[i];
        }
    return TRUE;
}

static gboolean
run_domiftune(Shell *s, const Args *a, GError **err)
{
    DomainGetInterfaceParametersArgs get = { .device = args_string(a, "interface"), .nparams = 16 };
    DomainSetInterfaceParametersArgs set = { .device = get.device };
    DomainGetInterfaceParametersRet ret = { 0 };

    set.params.v = arena_new(&s->arena, TypedParam, 2 * N_RATES);
    if (!domain_impact(a, &get.flags, err) || !rates_add(s, a, "inbound", 0, &set, err) ||
        !rates_add(s, a, "outbound", 1, &set, err) || !domain_get(s, a, &get.dom, err))
        return FALSE;
    set.dom = get.dom;
    set.flags = get.flags;
    doing(s, "Unable to %s interface parameters", set.params.n ? "set" : "get number of");
    if (set.params.n)
        return call(s, PROC_DOMAIN_SET_INTERFACE_PARAMETERS, &set, NULL, err);
    if (!call(s, PROC_DOMAIN_GET_INTERFACE_PARAMETERS, &get, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, COLON_FORMAT);
    return TRUE;
}

/* ---- the host's shared memory */

static const Option node_memory_options[] = {
    NUMBER("shm-pages-to-scan",
           "number of pages to scan before the shared memory service goes to sleep"),
    NUMBER("shm-sleep-millisecs",
           "number of millisecs the shared memory service should sleep before next scan"),
    NUMBER("shm-merge-across-nodes", "Specifies if pages from different numa nodes can be merged"),
    OPTION_END,
};

static gboolean
run_node_memory_tune(Shell *s, const Args *a, GError **err)
{
    static const Setting rows[] = {
        { "shm-pages-to-scan", "shm_pages_to_scan", VALUE_UINT, HOW_NUMBER, 0 },
        { "shm-sleep-millisecs", "shm_sleep_millisecs", VALUE_UINT, HOW_NUMBER, 0 },
        { "shm-merge-across-nodes", "shm_merge_across_nodes", VALUE_UINT, HOW_NUMBER, 0 },
        { 0 },
    };
    const NodeGetMemoryParametersArgs get = { .nparams = 64 };
    NodeSetMemoryParametersArgs set = { 0 };
    NodeGetMemoryParametersRet ret = { 0 };

    if (!settings_parse(s, a, rows, &set.params.v, &set.params.n, err))
        return FALSE;
    doing(s, "Unable to %s memory parameters", set.params.n ? "change" : "get number of");
    if (set.params.n)
        return call(s, PROC_NODE_SET_MEMORY_PARAMETERS, &set, NULL, err);
    if (!call(s, PROC_NODE_GET_MEMORY_PARAMETERS, &get, &ret, err))
        return FALSE;
    if (!s->json)
        put(s, "Shared memory:\n");
    params_print(s, ret.params.v, ret.params.n, "\t%-15s %s");
    return TRUE;
}

/* ---- I/O threads */

static const Option iothread_options[] = { DOMAIN_OPTION(complete_domains), IMPACT_OPTIONS,
                                           OPTION_END };

static gboolean
run_iothreadinfo(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "IOThread ID", "id", COLUMN_NUMBER },
                                      { "CPU Affinity", "affinity", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    DomainGetIothreadInfoArgs args = { 0 };
    DomainGetIothreadInfoRet ret = { 0 };
    guint cpus;

    if (!domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err) ||
        !host_cpu_count(s, &cpus, err))
        return FALSE;
    doing(s, "Unable to get domain IOThreads information");
    if (!call(s, PROC_DOMAIN_GET_IOTHREAD_INFO, &args, &ret, err))
        return FALSE;
    if (!ret.info.n && !s->json) {
        put(s, "No IOThreads found for the domain\n");
        return TRUE;
    }
    for (guint i = 0; i < ret.info.n; i++) {
        const DomainIothreadInfo *t = &ret.info.v[i];
        g_autofree char *id = g_strdup_printf("%u", t->iothread_id);
        g_autofree char *text = cpu_map_text(t->cpumap.v, MIN(cpus, t->cpumap.n * 8), TRUE);
        table_add(table, id, text);
    }
    table_print(s, table);
    return TRUE;
}

static const Option iothreadpin_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "iothread", OPTION_NUMBER, OPTION_REQUIRED, NULL, "IOThread ID number" },
    { "cpulist", OPTION_STRING, OPTION_REQUIRED, NULL, "host cpu number(s) to set" },
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
run_iothreadpin(Shell *s, const Args *a, GError **err)
{
    g_autoptr(GByteArray) map = g_byte_array_new();
    DomainPinIothreadArgs args = { 0 };
    gint64 id = 0;

    if (!args_number(a, "iothread", 0, G_MAXUINT32, &id, err) ||
        !domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err) ||
        !cpu_list_parse(s, args_string(a, "cpulist"), map, err))
        return FALSE;
    args.iothreads_id = (guint32)id;
    args.cpumap.v = map->data;
    args.cpumap.n = map->len;
    return call(s, PROC_DOMAIN_PIN_IOTHREAD, &args, NULL, err);
}

#define ID_OPTION(doc)                                                                             \
    {                                                                                              \
        "id", OPTION_NUMBER, OPTION_REQUIRED, NULL, doc                                            \
    }

static const Option iothreadadd_options[] = { DOMAIN_OPTION(complete_domains),
                                              ID_OPTION("iothread for the new IOThread"),
                                              IMPACT_OPTIONS, OPTION_END };
static const Option iothreaddel_options[] = { DOMAIN_OPTION(complete_domains),
                                              ID_OPTION("iothread_id for the IOThread to delete"),
                                              IMPACT_OPTIONS, OPTION_END };

/* Both take the same. */
static gboolean
change_iothreads(Shell *s, const Args *a, gint32 procedure, GError **err)
{
    DomainAddIothreadArgs args = { 0 };
    gint64 id = 0;

    if (!args_number(a, "id", 1, G_MAXUINT32, &id, err) || !domain_impact(a, &args.flags, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.iothread_id = (guint32)id;
    return call(s, procedure, &args, NULL, err);
}

static gboolean
run_iothreadadd(Shell *s, const Args *a, GError **err)
{
    return change_iothreads(s, a, PROC_DOMAIN_ADD_IOTHREAD, err);
}

static gboolean
run_iothreaddel(Shell *s, const Args *a, GError **err)
{
    return change_iothreads(s, a, PROC_DOMAIN_DEL_IOTHREAD, err);
}

static const Option iothreadset_options[] = {
    DOMAIN_OPTION(complete_domains),
    ID_OPTION("iothread id of existing IOThread"),
    NUMBER("poll-max-ns", "set the maximum IOThread polling time in ns"),
    NUMBER("poll-grow", "set the value to increase the IOThread polling time"),
    NUMBER("poll-shrink", "set the value for reduction of the IOThread polling time"),
    NUMBER("thread-pool-min", "lower boundary for worker thread pool"),
    NUMBER("thread-pool-max", "upper boundary for worker thread pool"),
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
run_iothreadset(Shell *s, const Args *a, GError **err)
{
    static const Setting rows[] = {
        { "poll-max-ns", "poll_max_ns", VALUE_ULLONG, HOW_NUMBER, 0 },
        { "poll-grow", "poll_grow", VALUE_UINT, HOW_NUMBER, 0 },
        { "poll-shrink", "poll_shrink", VALUE_UINT, HOW_NUMBER, 0 },
        { "thread-pool-min", "thread_pool_min", VALUE_INT, HOW_NUMBER, 0 },
        { "thread-pool-max", "thread_pool_max", VALUE_INT, HOW_NUMBER, 0 },
        { 0 },
    };
    DomainSetIothreadParamsArgs args = { 0 };
    gint64 id = 0;

    if (!args_number(a, "id", 1, G_MAXUINT32, &id, err) || !domain_impact(a, &args.flags, err) ||
        !settings_parse(s, a, rows, &args.params.v, &args.params.n, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (!args.params.n)
        return refuse(err, "Not enough arguments passed, nothing to set");
    args.iothread_id = (guint32)id;
    return call(s, PROC_DOMAIN_SET_IOTHREAD_PARAMS, &args, NULL, err);
}

/* ---- protected guests */

static gboolean
run_nodesevinfo(Shell *s, const Args *a, GError **err)
{
    const NodeGetSevInfoArgs args = { .nparams = 64 };
    NodeGetSevInfoRet ret = { 0 };

    doing(s, "Unable to get host SEV information");
    if (!call(s, PROC_NODE_GET_SEV_INFO, &args, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, "%-18s: %s");
    return TRUE;
}

static const Option launch_options[] = { DOMAIN_OPTION(complete_active), OPTION_END };

static gboolean
run_domlaunchsecinfo(Shell *s, const Args *a, GError **err)
{
    DomainGetLaunchSecurityInfoArgs args = { 0 };
    DomainGetLaunchSecurityInfoRet ret = { 0 };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Unable to get launch security parameters");
    if (!call(s, PROC_DOMAIN_GET_LAUNCH_SECURITY_INFO, &args, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, COLON_FORMAT);
    return TRUE;
}

const Command params_commands[] = {
    { "blkdeviotune", "Set or query a block device I/O tuning parameters.",
      "Set or query disk I/O parameters such as block throttling.", blkdeviotune_options,
      run_blkdeviotune, COMMAND_JSON },
    { "blkiotune", "Get or set blkio parameters",
      "Get or set the current blkio parameters for a guest domain.", blkiotune_options,
      run_blkiotune, COMMAND_JSON },
    { "domiftune", "get/set parameters of a virtual interface",
      "Get/set parameters of a domain's virtual interface.", domiftune_options, run_domiftune,
      COMMAND_JSON },
    { "domlaunchsecinfo", "Get domain launch security info",
      "Get the launch security parameters for a guest domain", launch_options, run_domlaunchsecinfo,
      COMMAND_JSON },
    { "iothreadadd", "add an IOThread to the guest domain", "Add an IOThread to the guest domain.",
      iothreadadd_options, run_iothreadadd },
    { "iothreaddel", "delete an IOThread from the guest domain",
      "Delete an IOThread from the guest domain.", iothreaddel_options, run_iothreaddel },
    { "iothreadinfo", "view domain IOThreads",
      "Returns basic information about the domain IOThreads.", iothread_options, run_iothreadinfo,
      COMMAND_JSON },
    { "iothreadpin", "control domain IOThread affinity",
      "Pin domain IOThreads to host physical CPUs.", iothreadpin_options, run_iothreadpin },
    { "iothreadset", "modifies an existing IOThread of the guest domain",
      "Modifies an existing IOThread of the guest domain.", iothreadset_options, run_iothreadset },
    { "memtune", "Get or set memory parameters",
      "Get or set the current memory parameters for a guest domain.", memtune_options, run_memtune,
      COMMAND_JSON },
    { "numatune", "Get or set numa parameters",
      "Get or set the current numa parameters for a guest domain.", numatune_options, run_numatune,
      COMMAND_JSON },
    { 0 },
};

const Command node_params_commands[] = {
    { "node-memory-tune", "Get or set node memory parameters", "Get or set node memory parameters",
      node_memory_options, run_node_memory_tune, COMMAND_JSON },
    { "nodesevinfo", "node SEV information", "Returns basic SEV information about the node.", NULL,
      run_nodesevinfo, COMMAND_JSON },
    { 0 },
};
