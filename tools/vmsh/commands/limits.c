/* Commands about what a domain may use of its host, and what becomes of it when it ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmsh/vmsh.h"

#define IMPACT_OPTIONS                                                                             \
    FLAG("config", "affect next boot"), FLAG("live", "affect running domain"),                     \
        FLAG("current", "affect current domain")

/* ---- pinning */

gboolean
host_cpu_count(Shell *s, guint *ret_n, GError **err)
{
    NodeGetCpuMapArgs args = { .need_map = 1 };
    NodeGetCpuMapRet ret;

    if (!call(s, PROC_NODE_GET_CPU_MAP, &args, &ret, err))
        return FALSE;
    *ret_n = (guint)CLAMP(ret.ret, 1, 16384);
    return TRUE;
}

/* "0-3,^2" as a map; "r" is every processor. */
gboolean
cpu_list_parse(Shell *s, const char *text, GByteArray *map, GError **err)
{
    g_autoptr(Bitmap) cpus = NULL;
    guint n;

    if (!host_cpu_count(s, &n, err))
        return FALSE;
    if (strcmp(text, "r") != 0 && (!(cpus = bitmap_parse(text, NULL)) || bitmap_count(cpus) == 0))
        return refuse(err, "Invalid cpulist '%s'", text);
    if (cpus && bitmap_last(cpus) >= (gint)n)
        return refuse(err, "Invalid cpulist '%s': the host's processors are 0 to %u", text, n - 1);
    g_byte_array_set_size(map, (n + 7) / 8);
    memset(map->data, 0, map->len);
    for (guint cpu = 0; cpu < n; cpu++)
        if (!cpus || bitmap_test(cpus, cpu))
            map->data[cpu / 8] |= (guint8)(1 << cpu % 8);
    return TRUE;
}

/* What a daemon answers is only as long as it says. */
static gboolean
maps_are_whole(guint32 bytes, gint32 n, gint32 maplen, GError **err)
{
    return (n >= 0 && bytes >= (guint64)n * (guint64)maplen) ||
           refuse(err, "the daemon tells of %d processors in %u bytes of %d each", n, bytes,
                  maplen);
}

static const Option vcpupin_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "vcpu", OPTION_NUMBER, OPTION_NAMED, NULL, "vcpu number" },
    { "cpulist", OPTION_STRING, OPTION_NAMED, NULL,
      "host cpu number(s) to set, or omit option to query" },
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
vcpupin_show(Shell *s, const DomainRef *dom, gint64 vcpu, guint flags, GError **err)
{
    static const Column columns[] = { { "VCPU", "vcpu", COLUMN_NUMBER },
                                      { "CPU Affinity", "affinity", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    DomainGetVcpuPinInfoArgs args = { .dom = *dom, .ncpumaps = 16384, .flags = flags };
    DomainGetVcpuPinInfoRet ret;
    guint cpus;

    if (!host_cpu_count(s, &cpus, err))
        return FALSE;
    args.maplen = (gint32)(cpus + 7) / 8;
    if (!call(s, PROC_DOMAIN_GET_VCPU_PIN_INFO, &args, &ret, err) ||
        !maps_are_whole(ret.cpumaps.n, ret.num, args.maplen, err))
        return FALSE;
    if (vcpu >= ret.num)
        return refuse(err, "vcpu %" G_GINT64_FORMAT " is out of range: the domain has %d, from 0",
                      vcpu, ret.num);
    for (gint32 i = 0; i < ret.num; i++) {
        g_autofree char *text = cpu_map_text(ret.cpumaps.v + (gsize)i * (gsize)args.maplen, cpus,
                                             TRUE);
        g_autofree char *number = g_strdup_printf("%d", i);
        if (vcpu < 0 || vcpu == i)
            table_add(table, number, text);
    }
    table_print(s, table);
    return TRUE;
}

static gboolean
run_vcpupin(Shell *s, const Args *a, GError **err)
{
    const char *list = args_string(a, "cpulist");
    g_autoptr(GByteArray) map = g_byte_array_new();
    DomainPinVcpuFlagsArgs args = { 0 };
    gint64 vcpu = -1;

    if (!args_number(a, "vcpu", 0, G_MAXINT32, &vcpu, err) || !domain_impact(a, &args.flags, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (!list)
        return vcpupin_show(s, &args.dom, vcpu, args.flags, err);
    if (vcpu < 0)
        return refuse(err, "vcpupin: Missing vCPU number in pin mode.");
    if (!cpu_list_parse(s, list, map, err))
        return FALSE;
    args.vcpu = (guint32)vcpu;
    args.cpumap.v = map->data;
    args.cpumap.n = map->len;
    return call(s, PROC_DOMAIN_PIN_VCPU_FLAGS, &args, NULL, err);
}

static const Option emulatorpin_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "cpulist", OPTION_STRING, OPTION_NAMED, NULL,
      "host cpu number(s) to set, or omit option to query" },
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
emulatorpin_show(Shell *s, const DomainRef *dom, guint flags, GError **err)
{
    DomainGetEmulatorPinInfoArgs args = { .dom = *dom, .flags = flags };
    DomainGetEmulatorPinInfoRet ret;
    g_autofree char *text = NULL;
    guint cpus;

    if (!host_cpu_count(s, &cpus, err))
        return FALSE;
    args.maplen = (gint32)(cpus + 7) / 8;
    if (!call(s, PROC_DOMAIN_GET_EMULATOR_PIN_INFO, &args, &ret, err) ||
        !maps_are_whole(ret.cpumaps.n, 1, args.maplen, err))
        return FALSE;
    text = cpu_map_text(ret.cpumaps.v, cpus, TRUE);
    if (s->json)
        print_json(s, json_object_new_string(text));
    else
        put(s, "emulator: CPU Affinity\n----------------------------------\n       *: %s\n", text);
    return TRUE;
}

static gboolean
run_emulatorpin(Shell *s, const Args *a, GError **err)
{
    const char *list = args_string(a, "cpulist");
    g_autoptr(GByteArray) map = g_byte_array_new();
    DomainPinEmulatorArgs args = { 0 };

    if (!domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (!list)
        return emulatorpin_show(s, &args.dom, args.flags, err);
    if (!cpu_list_parse(s, list, map, err))
        return FALSE;
    args.cpumap.v = map->data;
    args.cpumap.n = map->len;
    return call(s, PROC_DOMAIN_PIN_EMULATOR, &args, NULL, err);
}

/* ---- processor time */

static const Option schedinfo_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "weight", OPTION_NUMBER, OPTION_NAMED, NULL, "weight for XEN_CREDIT" },
    { "cap", OPTION_NUMBER, OPTION_NAMED, NULL, "cap for XEN_CREDIT" },
    FLAG("current", "get/set current scheduler info"),
    FLAG("config", "get/set value to be used on next boot"),
    FLAG("live", "get/set value from running domain"),
    { "set", OPTION_REST, 0, NULL, "parameter=value" },
    OPTION_END,
};

/* Puts the number of "name=value" into the parameter of that name. */
static gboolean
schedinfo_parse(const char *text, const DomainGetSchedulerParametersRet *known, TypedParam *ret_p,
                GError **err)
{
    const char *equals = strchr(text, '=');
    char *end;

    for (guint32 i = 0; equals && i < known->params.n; i++) {
        const TypedParam *p = &known->params.v[i];
        if (strlen(p->field) != (gsize)(equals - text) ||
            strncmp(p->field, text, strlen(p->field)) != 0)
            continue;
        *ret_p = *p;
        errno = 0;
        ret_p->value.l = g_ascii_strtoll(equals + 1, &end, 10);
        if (!equals[1] || *end || errno != 0)
            return refuse(err, "Invalid value for field '%s': expected a number", p->field);
        return TRUE;
    }
    return refuse(err, "invalid scheduler option: %.*s", (int)strcspn(text, "="), text);
}

static gboolean
schedinfo_set(Shell *s, const DomainRef *dom, guint flags, const char *const *words,
              const DomainGetSchedulerParametersRet *known, GError **err)
{
    DomainSetSchedulerParametersFlagsArgs args = { .dom = *dom, .flags = flags };
    guint n = g_strv_length((char **)words);
    g_autofree TypedParam *params = g_new0(TypedParam, n);

    for (guint i = 0; i < n; i++)
        if (!schedinfo_parse(words[i], known, &params[i], err))
            return FALSE;
    args.params.v = params;
    args.params.n = n;
    return call(s, PROC_DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS, &args, NULL, err);
}

static gboolean
run_schedinfo(Shell *s, const Args *a, GError **err)
{
    DomainGetSchedulerParametersFlagsArgs args = { .nparams = 16 };
    DomainGetSchedulerParametersRet ret; /* the same struct as with flags */
    DomainGetSchedulerTypeArgs type_args;
    DomainGetSchedulerTypeRet type;
    g_autofree const char **words = args_rest(a, "set");
    g_autoptr(Sheet) t = sheet_new(0);

    if (!domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    type_args.dom = args.dom;
    if (!call(s, PROC_DOMAIN_GET_SCHEDULER_TYPE, &type_args, &type, err))
        return FALSE;
    if (!s->json)
        put(s, "%-15s: %s\n", "Scheduler", type.type);
    if (args_flag(a, "weight") || args_flag(a, "cap")) /* of Xen's scheduler alone */
        return refuse(err, "invalid scheduler option: %s",
                      args_flag(a, "weight") ? "weight" : "cap");
    if (!call(s, PROC_DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS, &args, &ret, err))
        return FALSE;
    if (words && words[0] &&
        (!schedinfo_set(s, &args.dom, args.flags, words, &ret, err) ||
         !call(s, PROC_DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS, &args, &ret, err)))
        return FALSE;
    for (guint32 i = 0; i < ret.params.n; i++) {
        const TypedParam *p = &ret.params.v[i];
        g_autofree char *text = value_text(&p->value);
        sheet_add_line(t, p->field, value_json(&p->value), "%-15s: %s", p->field, text);
    }
    sheet_print(s, t);
    return TRUE;
}

static const Option cpu_stats_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("total", "Show total statistics only"),
    { "start", OPTION_NUMBER, OPTION_NAMED, NULL, "Show statistics from this CPU" },
    { "count", OPTION_NUMBER, OPTION_NAMED, NULL, "Number of shown CPUs at most" },
    OPTION_END,
};

/* One processor's, or the sum's. */
static void
add_times(Sheet *t, const char *title, const TypedParam *params, guint n)
{
    json_object *times = json_object_new_object();
    g_autoptr(GString) text = g_string_new(title);
    g_autofree char *key = g_ascii_strdown(title, (gssize)strcspn(title, ":"));

    for (guint i = 0; i < n; i++) {
        const TypedParam *p = &params[i];
        g_string_append_printf(text,
                               "\n\t%-15s %6" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT " seconds",
                               p->field, p->value.ul / 1000000000, p->value.ul % 1000000000);
        json_object_object_add(times, p->field, value_json(&p->value));
    }
    sheet_add_line(t, key, times, "%s", text->str);
}

static gboolean
cpu_stats_total(Shell *s, DomainGetCpuStatsArgs *args, Sheet *t, GError **err)
{
    DomainGetCpuStatsRet ret = { 0 };

    args->start_cpu = -1;
    args->ncpus = 1;
    if (!call(s, PROC_DOMAIN_GET_CPU_STATS, args, &ret, err))
        return FALSE;
    add_times(t, "Total:", ret.params.v, ret.params.n);
    return TRUE;
}

static gboolean
cpu_stats_each(Shell *s, DomainGetCpuStatsArgs *args, Sheet *t, GError **err)
{
    DomainGetCpuStatsRet ret = { 0 };
    guint each;

    hint(s, "'vmsh cpu-stats --total' sums over the host's processors");
    if (!call(s, PROC_DOMAIN_GET_CPU_STATS, args, &ret, err))
        return FALSE;
    each = (guint)MAX(ret.nparams, 1);
    for (guint i = 0; (i + 1) * each <= ret.params.n; i++) {
        g_autofree char *title = g_strdup_printf("CPU%u:", (guint)args->start_cpu + i);
        add_times(t, title, ret.params.v + i * each, each);
    }
    return TRUE;
}

static gboolean
run_cpu_stats(Shell *s, const Args *a, GError **err)
{
    DomainGetCpuStatsArgs args = { .nparams = 16 };
    gboolean some = args_flag(a, "start") || args_flag(a, "count");
    gboolean total = args_flag(a, "total");
    g_autoptr(Sheet) t = sheet_new(0);
    gint64 start = 0, count = 128;

    if (!args_number(a, "start", 0, G_MAXINT32, &start, err) ||
        !args_number(a, "count", 0, 128, &count, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to retrieve CPU statistics for domain '%s'", args.dom.name);
    args.start_cpu = (gint32)start;
    args.ncpus = (guint32)count;
    if (((some || !total) && !cpu_stats_each(s, &args, t, err)) ||
        ((total || !some) && !cpu_stats_total(s, &args, t, err)))
        return FALSE;
    sheet_print(s, t);
    return TRUE;
}

/* ---- lifecycle */

static const char *const lifecycle_types[] = { "poweroff", "reboot", "crash", NULL };
static const char *const lifecycle_actions[] = { "destroy",  "restart",          "rename-restart",
                                                 "preserve", "coredump-destroy", "coredump-restart",
                                                 NULL };

static char **
complete_types(Shell *s)
{
    return g_strdupv((char **)lifecycle_types);
}

static char **
complete_actions(Shell *s)
{
    return g_strdupv((char **)lifecycle_actions);
}

static const Option lifecycle_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "type", OPTION_STRING, OPTION_REQUIRED, complete_types, "lifecycle type to modify" },
    { "action", OPTION_STRING, OPTION_REQUIRED, complete_actions, "lifecycle action to set" },
    IMPACT_OPTIONS,
    OPTION_END,
};

static gboolean
word_number(const char *const *words, const char *word, guint32 *ret_number)
{
    for (guint32 i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_number = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
run_set_lifecycle_action(Shell *s, const Args *a, GError **err)
{
    const char *type = args_string(a, "type"), *action = args_string(a, "action");
    DomainSetLifecycleActionArgs args = { 0 };

    if (!word_number(lifecycle_types, type, &args.type))
        return refuse(err, "Invalid lifecycle type '%s'.", type);
    if (!word_number(lifecycle_actions, action, &args.action))
        return refuse(err, "Invalid lifecycle action '%s'.", action);
    if (!domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Unable to change lifecycle action.");
    return call(s, PROC_DOMAIN_SET_LIFECYCLE_ACTION, &args, NULL, err);
}

static const Option pmwakeup_options[] = {
    DOMAIN_OPTION(complete_active),
    OPTION_END,
};

static gboolean
run_dompmwakeup(Shell *s, const Args *a, GError **err)
{
    DomainPmWakeupArgs args = { 0 };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Domain '%s' could not be woken up", args.dom.name);
    if (!call(s, PROC_DOMAIN_PM_WAKEUP, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' successfully woken up", args.dom.name);
    return TRUE;
}

const Command limits_commands[] = {
    { "cpu-stats", "show domain cpu statistics",
      "Display per-CPU and total statistics about the domain's CPUs", cpu_stats_options,
      run_cpu_stats, COMMAND_JSON },
    { "dompmwakeup", "wakeup a domain from pmsuspended state",
      "Wakeup a domain that was previously suspended by power management.", pmwakeup_options,
      run_dompmwakeup },
    { "emulatorpin", "control or query domain emulator affinity",
      "Pin domain emulator threads to host physical CPUs.", emulatorpin_options, run_emulatorpin,
      COMMAND_JSON },
    { "schedinfo", "show/set scheduler parameters", "Show/Set scheduler parameters.",
      schedinfo_options, run_schedinfo, COMMAND_JSON },
    { "set-lifecycle-action", "change lifecycle actions",
      "Change lifecycle actions for the guest domain.", lifecycle_options,
      run_set_lifecycle_action },
    { "vcpupin", "control or query domain vcpu affinity", "Pin domain VCPUs to host physical CPUs.",
      vcpupin_options, run_vcpupin, COMMAND_JSON },
    { 0 },
};
