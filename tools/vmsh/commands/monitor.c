/* Commands that tell about domains: the list, one domain's sheet, states, statistics. */
#include <string.h>

#include "vmsh/list.h"

/* ---- list */

enum { LIST_ACTIVE = 1, LIST_INACTIVE = 2, LIST_SHUTOFF = 64 };

static const FlagBit list_bits[] = {
    { "inactive", LIST_INACTIVE },
    { "all", LIST_ACTIVE | LIST_INACTIVE },
    { "persistent", 4 },
    { "transient", 8 },
    { "state-running", 16 },
    { "state-paused", 32 },
    { "state-shutoff", LIST_SHUTOFF },
    { "state-other", 128 },
    { "with-managed-save", 256 },
    { "without-managed-save", 512 },
    { "autostart", 1024 },
    { "no-autostart", 2048 },
    { "with-snapshot", 4096 },
    { "without-snapshot", 8192 },
    { "with-checkpoint", 16384 },
    { "without-checkpoint", 32768 },
    { 0 },
};

static const Option list_options[] = {
    FLAG("inactive", "list inactive domains"),
    FLAG("all", "list inactive & active domains"),
    FLAG("transient", "list transient domains"),
    FLAG("persistent", "list persistent domains"),
    FLAG("with-snapshot", "list domains with existing snapshot"),
    FLAG("without-snapshot", "list domains without a snapshot"),
    FLAG("with-checkpoint", "list domains with existing checkpoint"),
    FLAG("without-checkpoint", "list domains without a checkpoint"),
    FLAG("state-running", "list domains in running state"),
    FLAG("state-paused", "list domains in paused state"),
    FLAG("state-shutoff", "list domains in shutoff state"),
    FLAG("state-other", "list domains in other states"),
    FLAG("autostart", "list domains with autostart enabled"),
    FLAG("no-autostart", "list domains with autostart disabled"),
    FLAG("with-managed-save", "list domains with managed save state"),
    FLAG("without-managed-save", "list domains without managed save"),
    FLAG("uuid", "list uuid's only"),
    FLAG("name", "list domain names only"),
    FLAG("id", "list domain IDs only"),
    FLAG("table", "list table (default)"),
    FLAG("managed-save", "mark inactive domains with managed save state"),
    FLAG("title", "show domain title"),
    { "columns", OPTION_STRING, OPTION_NAMED | OPTION_NAME_NEEDED, NULL,
      "(or -o) which columns, by commas: id, name, uuid, state, memory, max_memory, cpus, cpu_time, "
      "address, autostart, persistent, title" },
    OPTION_END,
};

/* Running ones first, by id; then the others, by name. */
static int
by_id_and_name(gconstpointer a, gconstpointer b)
{
    const DomainRef *one = a, *other = b;

    if ((one->id == -1) != (other->id == -1))
        return one->id == -1 ? 1 : -1;
    if (one->id != -1)
        return one->id < other->id ? -1 : one->id > other->id;
    return strcmp(one->name, other->name);
}

static gboolean
list_fetch(Shell *s, const Args *a, ConnectListAllDomainsRet *ret, GError **err)
{
    ConnectListAllDomainsArgs args = { .need_results = 1, .flags = args_bits(a, list_bits) };

    if (!(args.flags & (LIST_ACTIVE | LIST_INACTIVE)))
        args.flags |= args.flags & LIST_SHUTOFF ? LIST_INACTIVE : LIST_ACTIVE;
    doing(s, "Failed to list domains");
    if (!call(s, PROC_CONNECT_LIST_ALL_DOMAINS, &args, ret, err))
        return FALSE;
    if (ret->domains.n)
        qsort(ret->domains.v, ret->domains.n, sizeof(DomainRef), by_id_and_name);
    return TRUE;
}

static void
list_words(Shell *s, const Args *a, const DomainRef *dom)
{
    const char *gap = "";
    char uuid[37];

    uuid_text(dom->uuid, uuid);
    if (args_flag(a, "uuid")) {
        put(s, "%s", uuid);
        gap = " ";
    }
    if (args_flag(a, "id")) {
        if (dom->id == -1)
            put(s, "%s-", gap);
        else
            put(s, "%s%d", gap, dom->id);
        gap = " ";
    }
    if (args_flag(a, "name"))
        put(s, "%s%s", gap, dom->name);
    put(s, "\n");
}

/* "-1" when the domain went away after it was listed. */
static int
state_of(Shell *s, const DomainRef *dom)
{
    int state;

    return domain_state(s, dom, &state, NULL, NULL) ? state : -1;
}

static gint64
param_int(const DomainStatsRecord *r, const char *field, gint64 absent)
{
    for (guint i = 0; i < r->params.n; i++)
        if (strcmp(r->params.v[i].field, field) == 0)
            return r->params.v[i].value.i;
    return absent;
}

/* The states of all of them with one question; UUID to state. NULL: it is not answered. */
static GHashTable *
states_at_once(Shell *s, const ConnectListAllDomainsRet *list)
{
    enum { STATS_STATE = 1 };
    ConnectGetAllDomainStatsArgs args = { .stats = STATS_STATE };
    ConnectGetAllDomainStatsRet ret;
    GHashTable *states;

    args.doms.v = list->domains.v;
    args.doms.n = list->domains.n;
    if (!call(s, PROC_CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret, NULL))
        return NULL;
    states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < ret.ret_stats.n; i++) {
        char uuid[37];
        uuid_text(ret.ret_stats.v[i].dom.uuid, uuid);
        g_hash_table_insert(states, g_strdup(uuid),
                            GINT_TO_POINTER(param_int(&ret.ret_stats.v[i], "state.state", -1)));
    }
    return states;
}

static const char *
state_text(Shell *s, const Args *a, const DomainRef *dom, int state)
{
    DomainHasManagedSaveImageArgs args = { .dom = *dom };
    DomainHasManagedSaveImageRet ret;

    if (dom->id == -1 && args_flag(a, "managed-save") &&
        call(s, PROC_DOMAIN_HAS_MANAGED_SAVE_IMAGE, &args, &ret, NULL) && ret.result)
        return "saved";
    return domain_state_text(state);
}

static const char *
title_of(Shell *s, const DomainRef *dom)
{
    enum { METADATA_TITLE = 1 };
    DomainGetMetadataArgs args = { .dom = *dom, .type = METADATA_TITLE };
    DomainGetMetadataRet ret;

    return call(s, PROC_DOMAIN_GET_METADATA, &args, &ret, NULL) ? ret.metadata : "";
}

static void
list_table(Shell *s, const Args *a, const ConnectListAllDomainsRet *list)
{
    static const Column columns[] = { { "Id", "id", COLUMN_NUMBER },
                                      { "Name", "name" },
                                      { "State", "state" },
                                      { "Title", "title" } };
    gboolean titles = args_flag(a, "title");
    g_autoptr(Table) t = table_new(columns, titles ? 4 : 3);
    g_autoptr(GHashTable) states = list->domains.n > 1 ? states_at_once(s, list) : NULL;

    for (guint i = 0; i < list->domains.n; i++) {
        const DomainRef *dom = &list->domains.v[i];
        g_autofree char *id = dom->id == -1 ? NULL : g_strdup_printf("%d", dom->id);
        char uuid[37];
        gpointer known = NULL;
        int state;

        uuid_text(dom->uuid, uuid);
        if (states && g_hash_table_lookup_extended(states, uuid, NULL, &known))
            state = GPOINTER_TO_INT(known);
        else
            state = state_of(s, dom);
        if (state >= 0)
            table_add(t, id, dom->name, state_text(s, a, dom, state),
                      titles ? title_of(s, dom) : NULL);
    }
    table_print(s, t);
}

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    gboolean words = args_flag(a, "uuid") || args_flag(a, "name") || args_flag(a, "id");
    gboolean ids_alone = args_flag(a, "id") && !args_flag(a, "uuid") && !args_flag(a, "name");
    ConnectListAllDomainsRet list;

    if (!args_exclusive(a, "table", "name", err) || !args_exclusive(a, "table", "uuid", err) ||
        !args_exclusive(a, "table", "id", err) || !list_fetch(s, a, &list, err))
        return FALSE;
    if (args_flag(a, "columns"))
        return list_columns(s, args_string(a, "columns"), &list, err);
    if (!words || s->json) {
        list_table(s, a, &list);
        list_tell_others(s, list.domains.n == 0);
        return TRUE;
    }
    for (guint i = 0; i < list.domains.n; i++)
        if (!ids_alone || list.domains.v[i].id != -1)
            list_words(s, a, &list.domains.v[i]);
    return TRUE;
}

/* ---- one domain */

static const Option domain_only[] = { DOMAIN_OPTION(complete_domains), OPTION_END };

static void
info_identity(Sheet *t, const DomainRef *dom)
{
    char uuid[37];

    uuid_text(dom->uuid, uuid);
    if (dom->id == -1)
        sheet_add_value(t, "Id", NULL, "-");
    else
        sheet_add_number(t, "Id", (guint64)dom->id, NULL);
    sheet_add(t, "Name", "%s", dom->name);
    sheet_add(t, "UUID", "%s", uuid);
}

static gboolean
info_state(Shell *s, Sheet *t, const DomainRef *dom, GError **err)
{
    DomainGetInfoArgs args = { .dom = *dom };
    DomainGetOsTypeRet os;
    DomainGetInfoRet info;

    if (call(s, PROC_DOMAIN_GET_OS_TYPE, &args, &os, NULL))
        sheet_add(t, "OS Type", "%s", os.type);
    if (!call(s, PROC_DOMAIN_GET_INFO, &args, &info, err))
        return FALSE;
    sheet_add(t, "State", "%s", domain_state_text((int)info.state));
    sheet_add_number(t, "CPU(s)", info.nr_virt_cpu, NULL);
    if (info.cpu_time)
        sheet_add_value(t, "CPU time", json_object_new_double((double)info.cpu_time / 1e9), "%.1fs",
                        (double)info.cpu_time / 1e9);
    if (info.max_mem == G_MAXULONG)
        sheet_add_value(t, "Max memory", NULL, "no limit");
    else
        sheet_add_number(t, "Max memory", info.max_mem, "KiB");
    sheet_add_number(t, "Used memory", info.memory, "KiB");
    return TRUE;
}

static void
info_settings(Shell *s, Sheet *t, const DomainRef *dom)
{
    DomainIsPersistentArgs args = { .dom = *dom };
    DomainIsPersistentRet persistent;
    DomainGetAutostartRet autostart, once;
    DomainHasManagedSaveImageArgs ask = { .dom = *dom };
    DomainHasManagedSaveImageRet saved;

    if (call(s, PROC_DOMAIN_IS_PERSISTENT, &args, &persistent, NULL))
        sheet_add_flag(t, "Persistent", persistent.persistent);
    if (call(s, PROC_DOMAIN_GET_AUTOSTART, &args, &autostart, NULL))
        sheet_add_value(t, "Autostart", json_object_new_boolean(autostart.autostart), "%s",
                        autostart.autostart ? "enable" : "disable");
    if (call(s, PROC_DOMAIN_GET_AUTOSTART_ONCE, &args, &once, NULL))
        sheet_add_value(t, "Autostart Once", json_object_new_boolean(once.autostart), "%s",
                        once.autostart ? "enable" : "disable");
    if (call(s, PROC_DOMAIN_HAS_MANAGED_SAVE_IMAGE, &ask, &saved, NULL))
        sheet_add_flag(t, "Managed save", saved.result);
    else
        sheet_add_value(t, "Managed save", NULL, "unknown");
}

static void
info_security(Shell *s, Sheet *t, const DomainRef *dom)
{
    DomainGetSecurityLabelArgs args = { .dom = *dom };
    DomainGetSecurityLabelRet label;
    NodeGetSecurityModelRet model;

    if (!call(s, PROC_NODE_GET_SECURITY_MODEL, NULL, &model, NULL) || !model.model.n ||
        !*model.model.v)
        return;
    sheet_add(t, "Security model", "%.*s", (int)model.model.n, model.model.v);
    sheet_add(t, "Security DOI", "%.*s", (int)model.doi.n, model.doi.v);
    if (dom->id != -1 && call(s, PROC_DOMAIN_GET_SECURITY_LABEL, &args, &label, NULL) &&
        label.label.n && *label.label.v)
        sheet_add(t, "Security label", "%.*s (%s)", (int)label.label.n, label.label.v,
                  label.enforcing ? "enforcing" : "permissive");
}

static void
info_messages(Shell *s, Sheet *t, const DomainRef *dom)
{
    DomainGetMessagesArgs args = { .dom = *dom };
    DomainGetMessagesRet ret;

    if (call(s, PROC_DOMAIN_GET_MESSAGES, &args, &ret, NULL) && ret.msgs.n > 0)
        sheet_add_texts(t, "Messages", ret.msgs.v, ret.msgs.n);
}

/* What a domain's QEMU has of the host. */
static gboolean
run_confinement(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "What", "what", COLUMN_TEXT },
                                      { "Is", "is", COLUMN_TEXT },
                                      { "Why", "why", COLUMN_TEXT } };
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    VmdDomainConfinementArgs args = { 0 };
    VmdDomainConfinementRet ret = { 0 };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "failed to get the confinement of domain '%s'", args.dom.name);
    if (!call_vmd(s, PROC_VMD_DOMAIN_CONFINEMENT, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.rows.n; i++) {
        const VmdConfinement *r = &ret.rows.v[i];
        table_add(t, r->what, *r->is ? r->is : NULL, *r->why ? r->why : NULL);
    }
    table_print(s, t);
    return TRUE;
}

static gboolean
run_dominfo(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) t = sheet_new(16);
    DomainRef dom;

    if (!domain_get(s, a, &dom, err))
        return FALSE;
    info_identity(t, &dom);
    if (!info_state(s, t, &dom, err))
        return FALSE;
    info_settings(s, t, &dom);
    info_security(s, t, &dom);
    info_messages(s, t, &dom);
    sheet_print(s, t);
    return TRUE;
}

static const Option domstate_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("reason", "also print reason for the state"),
    OPTION_END,
};

static gboolean
run_domstate(Shell *s, const Args *a, GError **err)
{
    DomainRef dom;
    int state, reason;

    if (!domain_get(s, a, &dom, err) || !domain_state(s, &dom, &state, &reason, err))
        return FALSE;
    if (args_flag(a, "reason"))
        put(s, "%s (%s)\n", domain_state_text(state), domain_reason_text(state, reason));
    else
        put(s, "%s\n", domain_state_text(state));
    return TRUE;
}

static gboolean
run_domcontrol(Shell *s, const Args *a, GError **err)
{
    static const char *const states[] = { "ok", "background job", "occupied", "error" };
    static const char *const details[] = { "", "unknown", "monitor failure",
                                           "internal (locking) error" };
    enum { CONTROL_OK = 0, CONTROL_ERROR = 3 };
    DomainGetControlInfoArgs args = { 0 };
    DomainGetControlInfoRet ret;
    const char *state;

    if (!domain_get(s, a, &args.dom, err) ||
        !call(s, PROC_DOMAIN_GET_CONTROL_INFO, &args, &ret, err))
        return FALSE;
    state = nth(states, G_N_ELEMENTS(states), (int)ret.state, "unknown");
    if (ret.state == CONTROL_OK)
        put(s, "%s\n", state);
    else if (ret.state == CONTROL_ERROR)
        put(s, "%s: %s\n", state, nth(details, G_N_ELEMENTS(details), (int)ret.details, "unknown"));
    else
        put(s, "%s (%.3fs)\n", state, (double)ret.state_time / 1000);
    return TRUE;
}

/* ---- statistics */

static const FlagBit stats_groups[] = {
    { "state", 1 },      { "cpu-total", 2 },   { "balloon", 4 }, { "vcpu", 8 },
    { "interface", 16 }, { "block", 32 },      { "perf", 64 },   { "iothread", 128 },
    { "memory", 256 },   { "dirtyrate", 512 }, { "vm", 1024 },   { 0 },
};
static const FlagBit stats_flags[] = {
    { "list-active", 1 },    { "list-inactive", 2 },  { "list-persistent", 4 },
    { "list-transient", 8 }, { "list-running", 16 },  { "list-paused", 32 },
    { "list-shutoff", 64 },  { "list-other", 128 },   { "nowait", 1u << 29 },
    { "backing", 1u << 30 }, { "enforce", 1u << 31 }, { 0 },
};

static const Option domstats_options[] = {
    FLAG("state", "report domain state"),
    FLAG("cpu-total", "report domain physical cpu usage"),
    FLAG("balloon", "report domain balloon statistics"),
    FLAG("vcpu", "report domain virtual cpu information"),
    FLAG("interface", "report domain network interface information"),
    FLAG("block", "report domain block device statistics"),
    FLAG("perf", "report domain perf event statistics"),
    FLAG("iothread", "report domain IOThread information"),
    FLAG("memory", "report domain memory usage"),
    FLAG("dirtyrate", "report domain dirty rate information"),
    FLAG("vm", "report hypervisor-specific statistics"),
    FLAG("list-active", "list only active domains"),
    FLAG("list-inactive", "list only inactive domains"),
    FLAG("list-persistent", "list only persistent domains"),
    FLAG("list-transient", "list only transient domains"),
    FLAG("list-running", "list only running domains"),
    FLAG("list-paused", "list only paused domains"),
    FLAG("list-shutoff", "list only shutoff domains"),
    FLAG("list-other", "list only domains in other states"),
    FLAG("raw", "do not pretty-print the fields"),
    FLAG("enforce", "enforce requested stats parameters"),
    FLAG("backing", "add backing chain information to block stats"),
    FLAG("nowait", "report only stats that are accessible instantly"),
    { "domain", OPTION_REST, 0, complete_domains, "list of domains to get stats for" },
    OPTION_END,
};

static json_object *
stats_json(const ConnectGetAllDomainStatsRet *ret)
{
    json_object *all = json_object_new_array();

    for (guint i = 0; i < ret->ret_stats.n; i++) {
        const DomainStatsRecord *r = &ret->ret_stats.v[i];
        json_object *one = json_object_new_object(), *stats = json_object_new_object();
        json_object_object_add(one, "name", json_object_new_string(r->dom.name));
        for (guint k = 0; k < r->params.n; k++)
            json_object_object_add(stats, r->params.v[k].field, value_json(&r->params.v[k].value));
        json_object_object_add(one, "stats", stats);
        json_object_array_add(all, one);
    }
    return all;
}

static void
stats_print(Shell *s, const DomainStatsRecord *r, gboolean first)
{
    put(s, "%sDomain: '%s'\n", first ? "" : "\n", r->dom.name);
    for (guint k = 0; k < r->params.n; k++) {
        g_autofree char *value = value_text(&r->params.v[k].value);
        put(s, "  %s=%s\n", r->params.v[k].field, value);
    }
}

static gboolean
stats_domains(Shell *s, const Args *a, ConnectGetAllDomainStatsArgs *args, GError **err)
{
    g_autofree const char **names = args_rest(a, "domain");
    guint n = g_strv_length((char **)names);

    args->doms.v = arena_new(&s->arena, DomainRef, n);
    for (guint i = 0; i < n; i++)
        if (!domain_lookup(s, names[i], BY_ANY, &args->doms.v[args->doms.n++], err))
            return FALSE;
    return TRUE;
}

static gboolean
run_domstats(Shell *s, const Args *a, GError **err)
{
    ConnectGetAllDomainStatsArgs args = { .stats = args_bits(a, stats_groups),
                                          .flags = args_bits(a, stats_flags) };
    ConnectGetAllDomainStatsRet ret;

    if (!stats_domains(s, a, &args, err) ||
        !call(s, PROC_CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret, err))
        return FALSE;
    if (s->json)
        print_json(s, stats_json(&ret));
    else
        for (guint i = 0; i < ret.ret_stats.n; i++)
            stats_print(s, &ret.ret_stats.v[i], i == 0);
    return TRUE;
}

static const Option dommemstat_options[] = {
    DOMAIN_OPTION(complete_active),
    { "period", OPTION_NUMBER, OPTION_NAMED, NULL, "period in seconds to set collection" },
    FLAG("config", "affect next boot"),
    FLAG("live", "affect running domain"),
    FLAG("current", "affect current domain"),
    OPTION_END,
};

static gboolean
memstat_period(Shell *s, const DomainRef *dom, gint64 period, guint flags, GError **err)
{
    DomainSetMemoryStatsPeriodArgs args = { .dom = *dom, .period = (gint32)period, .flags = flags };

    doing(s, "Unable to change balloon collection period.");
    return call(s, PROC_DOMAIN_SET_MEMORY_STATS_PERIOD, &args, NULL, err);
}

static gboolean
run_dommemstat(Shell *s, const Args *a, GError **err)
{
    static const char *const tags[] = {
        "swap_in",        "swap_out",    "major_fault", "minor_fault",
        "unused",         "available",   "actual",      "rss",
        "usable",         "last_update", "disk_caches", "hugetlb_pgalloc",
        "hugetlb_pgfail",
    };
    DomainMemoryStatsArgs args = { .max_stats = G_N_ELEMENTS(tags) };
    DomainMemoryStatsRet ret;
    g_autoptr(Sheet) t = sheet_new(0);
    gint64 period = -1;
    guint flags;

    if (!domain_impact(a, &flags, err) || !args_number(a, "period", 0, G_MAXINT32, &period, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (period >= 0)
        return memstat_period(s, &args.dom, period, flags, err);
    doing(s, "Failed to get memory statistics for domain %s", args.dom.name);
    if (!call(s, PROC_DOMAIN_MEMORY_STATS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.stats.n; i++) {
        const char *tag = nth(tags, G_N_ELEMENTS(tags), ret.stats.v[i].tag, NULL);
        if (tag)
            sheet_add_line(t, tag, json_object_new_uint64(ret.stats.v[i].val),
                           "%s %" G_GUINT64_FORMAT, tag, ret.stats.v[i].val);
    }
    sheet_print(s, t);
    return TRUE;
}

const Command monitor_commands[] = {
    { "confinement", "what the QEMU of a domain has of the host",
      "As whom QEMU runs and what it sees, as the kernel tells it; and, with their reasons, the "
      "exceptions that this domain takes.",
      domain_only, run_confinement, COMMAND_JSON },
    { "domcontrol", "domain control interface state",
      "Returns state of a control interface to the domain.", domain_only, run_domcontrol },
    { "dominfo", "domain information", "Returns basic information about the domain.", domain_only,
      run_dominfo, COMMAND_JSON },
    { "dommemstat", "get memory statistics for a domain",
      "Get memory statistics for a running domain.", dommemstat_options, run_dommemstat,
      COMMAND_JSON },
    { "domstate", "domain state", "Returns state about a domain.", domstate_options, run_domstate },
    { "domstats", "get statistics about one or multiple domains",
      "Gets statistics about one or more (or all) domains", domstats_options, run_domstats,
      COMMAND_JSON },
    { "list", "list domains", "Returns list of domains.", list_options, run_list, COMMAND_JSON },
    { 0 },
};
