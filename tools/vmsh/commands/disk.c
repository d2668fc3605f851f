/* Commands that tell about a domain's disks and network interfaces. */
#include <string.h>

#include "vmsh/vmsh.h"

static const Option inactive_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("inactive", "get inactive rather than running configuration"),
    OPTION_END,
};

static gboolean
get_doc(Shell *s, const Args *a, DomainRef *ret_dom, Doc **ret_doc, GError **err)
{
    const char *xml;

    if (!domain_get(s, a, ret_dom, err) ||
        !domain_xml(s, ret_dom, args_flag(a, "inactive") ? DUMP_INACTIVE : 0, &xml, err))
        return FALSE;
    *ret_doc = doc_parse(xml, err);
    return *ret_doc != NULL;
}

/* ---- disks */

static const char disk_source[] =
    "source/@file|source/@dev|source/@dir|source/@volume|source/@path|source/@name";

static const Option domblklist_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("inactive", "get inactive rather than running configuration"),
    FLAG("details", "additionally display the type and device value"),
    OPTION_END,
};

static gboolean
run_domblklist(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = {
        { "Type", "type" }, { "Device", "device" }, { "Target", "target" }, { "Source", "source" }
    };
    gboolean details = args_flag(a, "details");
    g_autoptr(Table) t = details ? table_new(columns, 4) : table_new(columns + 2, 2);
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) disks = NULL;
    DomainRef dom;

    if (!get_doc(s, a, &dom, &doc, err))
        return FALSE;
    disks = doc_nodes(doc, NULL, "/domain/devices/disk");
    for (guint i = 0; i < disks->len; i++) {
        g_autofree char *type = doc_text(doc, disks->pdata[i], "@type");
        g_autofree char *device = doc_text(doc, disks->pdata[i], "@device");
        g_autofree char *target = doc_text(doc, disks->pdata[i], "target/@dev");
        g_autofree char *source = doc_text(doc, disks->pdata[i], disk_source);
        const char *cells[] = { type, device, target, source };
        table_add_cells(t, details ? cells : cells + 2);
    }
    table_print(s, t);
    return TRUE;
}

static const Option domblkstat_options[] = {
    DOMAIN_OPTION(complete_active),
    { "device", OPTION_STRING, 0, NULL, "block device" },
    FLAG("human", "print a more human readable output"),
    OPTION_END,
};

/* In the order they are told. */
static const struct {
    const char *field, *shown, *human;
} block_stats[] = {
    { "rd_operations", "rd_req", "number of read operations" },
    { "rd_bytes", "rd_bytes", "number of bytes read" },
    { "wr_operations", "wr_req", "number of write operations" },
    { "wr_bytes", "wr_bytes", "number of bytes written" },
    { "errs", "errs", "error count" },
    { "flush_operations", "flush_operations", "number of flush operations" },
    { "rd_total_times", "rd_total_times", "total duration of reads (ns)" },
    { "wr_total_times", "wr_total_times", "total duration of writes (ns)" },
    { "flush_total_times", "flush_total_times", "total duration of flushes (ns)" },
};

static void
block_stat_add(Sheet *t, guint row, const char *device, gboolean human, gint64 value)
{
    g_autofree char *title = g_strdup_printf("%s:", block_stats[row].human);
    json_object *json = json_object_new_int64(value);

    if (human)
        sheet_add_line(t, block_stats[row].shown, json, " %-31s %" G_GINT64_FORMAT, title, value);
    else
        sheet_add_line(t, block_stats[row].shown, json, "%s %s %" G_GINT64_FORMAT, device,
                       block_stats[row].shown, value);
}

/* What older servers can tell. */
static gboolean
block_stats_plain(Shell *s, const DomainRef *dom, const char *device, gboolean human, Sheet *t,
                  GError **err)
{
    DomainBlockStatsArgs args = { .dom = *dom, .path = device };
    DomainBlockStatsRet ret;

    if (!call(s, PROC_DOMAIN_BLOCK_STATS, &args, &ret, err))
        return FALSE;
    const gint64 values[] = { ret.rd_req, ret.rd_bytes, ret.wr_req, ret.wr_bytes, ret.errs };
    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        if (values[i] >= 0)
            block_stat_add(t, i, device, human, values[i]);
    return TRUE;
}

static gboolean
block_stats_flags(Shell *s, const DomainRef *dom, const char *device, gboolean human, Sheet *t,
                  GError **err)
{
    enum { PARAMS_MAX = 16 };
    DomainBlockStatsFlagsArgs args = { .dom = *dom, .path = device, .nparams = PARAMS_MAX };
    DomainBlockStatsFlagsRet ret;
    g_autoptr(GError) why = NULL;

    if (!call(s, PROC_DOMAIN_BLOCK_STATS_FLAGS, &args, &ret, &why)) {
        if (error_is(why, ERR_NO_SUPPORT))
            return block_stats_plain(s, dom, device, human, t, err);
        g_propagate_error(err, g_steal_pointer(&why));
        return FALSE;
    }
    for (guint row = 0; row < G_N_ELEMENTS(block_stats); row++)
        for (guint i = 0; i < ret.params.n; i++)
            if (strcmp(ret.params.v[i].field, block_stats[row].field) == 0)
                block_stat_add(t, row, device, human, ret.params.v[i].value.l);
    return TRUE;
}

static gboolean
run_domblkstat(Shell *s, const Args *a, GError **err)
{
    const char *device = args_flag(a, "device") ? args_string(a, "device") : "";
    gboolean human = args_flag(a, "human");
    g_autoptr(Sheet) t = sheet_new(0);
    DomainRef dom;

    if (!domain_get(s, a, &dom, err))
        return FALSE;
    doing(s, "Failed to get block stats for domain '%s' device '%s'", dom.name, device);
    if (!block_stats_flags(s, &dom, device, human, t, err))
        return FALSE;
    if (human && *device && !s->json)
        put(s, "Device: %s\n", device);
    sheet_print(s, t);
    return TRUE;
}

static const Option threshold_options[] = {
    DOMAIN_OPTION(complete_active),
    { "dev", OPTION_STRING, OPTION_REQUIRED, NULL, "device to set threshold for" },
    { "threshold", OPTION_NUMBER, OPTION_REQUIRED, NULL,
      "threshold as a scaled number (by default bytes)" },
    OPTION_END,
};

static gboolean
run_threshold(Shell *s, const Args *a, GError **err)
{
    DomainSetBlockThresholdArgs args = { .dev = args_string(a, "dev") };
    guint64 bytes = 0;

    if (!args_size(a, "threshold", 1, &bytes, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.threshold = bytes;
    return call(s, PROC_DOMAIN_SET_BLOCK_THRESHOLD, &args, NULL, err);
}

static const Option domblkinfo_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "device", OPTION_STRING, 0, NULL, "block device" },
    FLAG("human", "Human readable output"),
    FLAG("all", "display all block devices info"),
    OPTION_END,
};

static char *
size_text(guint64 bytes, gboolean human)
{
    return human ? text_human_size(bytes) : g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
}

static void
block_info_row(Shell *s, Table *t, const DomainRef *dom, const char *target, gboolean empty,
               gboolean human)
{
    DomainGetBlockInfoArgs args = { .dom = *dom, .path = target };
    DomainGetBlockInfoRet ret;
    g_autofree char *capacity = NULL;
    g_autofree char *allocation = NULL;
    g_autofree char *physical = NULL;

    if (!empty && call(s, PROC_DOMAIN_GET_BLOCK_INFO, &args, &ret, NULL)) {
        capacity = size_text(ret.capacity, human);
        allocation = size_text(ret.allocation, human);
        physical = size_text(ret.physical, human);
    }
    table_add(t, target, capacity, allocation, physical);
}

static gboolean
block_info_all(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "Target", "target" },
                                      { "Capacity", "capacity", COLUMN_NUMBER },
                                      { "Allocation", "allocation", COLUMN_NUMBER },
                                      { "Physical", "physical", COLUMN_NUMBER } };
    gboolean human = args_flag(a, "human") && !s->json;
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) disks = NULL;
    DomainRef dom;

    if (!get_doc(s, a, &dom, &doc, err))
        return FALSE;
    disks = doc_nodes(doc, NULL, "/domain/devices/disk");
    for (guint i = 0; i < disks->len; i++) {
        g_autofree char *target = doc_text(doc, disks->pdata[i], "target/@dev");
        g_autofree char *source = doc_text(doc, disks->pdata[i], disk_source);
        block_info_row(s, t, &dom, target, !source, human);
    }
    table_print(s, t);
    return TRUE;
}

static gboolean
run_domblkinfo(Shell *s, const Args *a, GError **err)
{
    DomainGetBlockInfoArgs args = { .path = args_string(a, "device") };
    DomainGetBlockInfoRet ret;
    g_autoptr(Sheet) t = sheet_new(16);
    static const char *const titles[] = { "Capacity", "Allocation", "Physical" };

    if (args_flag(a, "all"))
        return block_info_all(s, a, err);
    if (!args.path)
        return refuse(err, "command 'domblkinfo' requires either <device> or --all");
    if (!domain_get(s, a, &args.dom, err) || !call(s, PROC_DOMAIN_GET_BLOCK_INFO, &args, &ret, err))
        return FALSE;
    const guint64 sizes[] = { ret.capacity, ret.allocation, ret.physical };
    for (guint i = 0; i < G_N_ELEMENTS(titles); i++) {
        g_autofree char *human = text_human_size(sizes[i]);
        if (args_flag(a, "human") && !s->json)
            sheet_add(t, titles[i], "%s", human);
        else
            sheet_add_number(t, titles[i], sizes[i], NULL);
    }
    sheet_print(s, t);
    return TRUE;
}

static const Option active_only[] = { DOMAIN_OPTION(complete_active), OPTION_END };

static gboolean
run_domblkerror(Shell *s, const Args *a, GError **err)
{
    static const char *const errors[] = { "no error", "unspecified error", "no space" };
    enum { ERRORS_MAX = 256 };
    DomainGetDiskErrorsArgs args = { .maxerrors = ERRORS_MAX };
    DomainGetDiskErrorsRet ret;

    if (!domain_get(s, a, &args.dom, err) ||
        !call(s, PROC_DOMAIN_GET_DISK_ERRORS, &args, &ret, err))
        return FALSE;
    if (!ret.errors.n)
        put(s, "No errors found\n");
    for (guint i = 0; i < ret.errors.n; i++)
        put(s, "%s: %s\n", ret.errors.v[i].disk,
            nth(errors, G_N_ELEMENTS(errors), ret.errors.v[i].error, "unknown error"));
    return TRUE;
}

/* ---- interfaces */

static gboolean
run_domiflist(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "Interface", "interface" },
                                      { "Type", "type" },
                                      { "Source", "source" },
                                      { "Model", "model" },
                                      { "MAC", "mac" } };
    static const char *const paths[] = {
        "target/@dev",
        "@type",
        "source/@bridge|source/@dev|source/@network|source/@name|source/@path",
        "model/@type",
        "mac/@address",
    };
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) nics = NULL;
    DomainRef dom;

    if (!get_doc(s, a, &dom, &doc, err))
        return FALSE;
    nics = doc_nodes(doc, NULL, "/domain/devices/interface");
    for (guint i = 0; i < nics->len; i++) {
        g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
        for (guint k = 0; k < G_N_ELEMENTS(paths); k++)
            g_ptr_array_add(cells, doc_text(doc, nics->pdata[i], paths[k]));
        table_add_cells(t, (const char *const *)cells->pdata);
    }
    table_print(s, t);
    return TRUE;
}

static const Option domifstat_options[] = {
    DOMAIN_OPTION(complete_active),
    { "interface", OPTION_STRING, OPTION_REQUIRED, NULL,
      "interface device specified by name or MAC Address" },
    OPTION_END,
};

/* The device that has this MAC address; NULL: it is none. */
static char *
device_of_mac(Shell *s, const Args *a, const char *mac)
{
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GPtrArray) nics = NULL;
    DomainRef dom;

    if (strlen(mac) != strlen("52:54:00:00:00:00") || !get_doc(s, a, &dom, &doc, NULL))
        return NULL;
    nics = doc_nodes(doc, NULL, "/domain/devices/interface");
    for (guint i = 0; i < nics->len; i++) {
        g_autofree char *its = doc_text(doc, nics->pdata[i], "mac/@address");
        if (its && g_ascii_strcasecmp(its, mac) == 0)
            return doc_text(doc, nics->pdata[i], "target/@dev");
    }
    return NULL;
}

static gboolean
run_domifstat(Shell *s, const Args *a, GError **err)
{
    static const char *const names[] = { "rx_bytes", "rx_packets", "rx_errs", "rx_drop",
                                         "tx_bytes", "tx_packets", "tx_errs", "tx_drop" };
    const char *wanted = args_string(a, "interface");
    g_autofree char *device = device_of_mac(s, a, wanted);
    DomainInterfaceStatsArgs args = { .device = device ? device : wanted };
    DomainInterfaceStatsRet ret;
    g_autoptr(Sheet) t = sheet_new(0);

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to get interface stats %s %s", args.dom.name, wanted);
    if (!call(s, PROC_DOMAIN_INTERFACE_STATS, &args, &ret, err))
        return FALSE;
    const gint64 values[] = { ret.rx_bytes, ret.rx_packets, ret.rx_errs, ret.rx_drop,
                              ret.tx_bytes, ret.tx_packets, ret.tx_errs, ret.tx_drop };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (values[i] >= 0)
            sheet_add_line(t, names[i], json_object_new_int64(values[i]), "%s %s %" G_GINT64_FORMAT,
                           wanted, names[i], values[i]);
    sheet_print(s, t);
    return TRUE;
}

/* ---- addresses of interfaces */

static const char *const address_sources[] = { "lease", "agent", "arp", NULL };

static char **
complete_sources(Shell *s)
{
    return g_strdupv((char **)address_sources);
}

static const Option domifaddr_options[] = {
    DOMAIN_OPTION(complete_active),
    { "interface", OPTION_STRING, 0, NULL, "network interface name" },
    FLAG("full", "always display names and MACs of interfaces"),
    { "source", OPTION_STRING, OPTION_NAMED, complete_sources,
      "address source: 'lease', 'agent', or 'arp'" },
    OPTION_END,
};

static gboolean
address_source(const char *word, guint32 *ret_source, GError **err)
{
    *ret_source = 0;
    if (!word)
        return TRUE;
    while (address_sources[*ret_source] && strcmp(address_sources[*ret_source], word) != 0)
        ++*ret_source;
    return address_sources[*ret_source] || refuse(err, "Unknown data source '%s'", word);
}

/* Names and MACs stand in the first line of an interface, with full in every one. */
static void
put_interface(Shell *s, const DomainInterface *iface, gboolean full, json_object *list)
{
    static const char *const protocols[] = { "ipv4", "ipv6" };

    for (guint32 i = 0; i < iface->addrs.n; i++) {
        const DomainIpAddr *a = &iface->addrs.v[i];
        const char *protocol = nth(protocols, G_N_ELEMENTS(protocols), a->type, "unknown");
        gboolean named = full || i == 0;
        json_object *o;

        if (!s->json) {
            put(s, " %-10s %-17s    %-12s %s/%u\n", named ? iface->name : "-",
                named && iface->hwaddr ? iface->hwaddr : "-", protocol, a->addr, a->prefix);
            continue;
        }
        o = json_object_new_object();
        json_object_object_add(o, "name", json_object_new_string(iface->name));
        json_object_object_add(o, "mac",
                               iface->hwaddr ? json_object_new_string(iface->hwaddr) : NULL);
        json_object_object_add(o, "protocol", json_object_new_string(protocol));
        json_object_object_add(o, "address", json_object_new_string(a->addr));
        json_object_object_add(o, "prefix", json_object_new_int64(a->prefix));
        json_object_array_add(list, o);
    }
}

static gboolean
run_domifaddr(Shell *s, const Args *a, GError **err)
{
    const char *wanted = args_string(a, "interface");
    DomainInterfaceAddressesArgs args = { 0 };
    DomainInterfaceAddressesRet ret;
    json_object *list;

    if (!address_source(args_string(a, "source"), &args.source, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to query for interfaces addresses");
    if (!call(s, PROC_DOMAIN_INTERFACE_ADDRESSES, &args, &ret, err))
        return FALSE;
    list = json_object_new_array();
    if (!s->json)
        put(s, " %-10s %-20s %-8s     %s\n%s\n", "Name", "MAC address", "Protocol", "Address",
            "---------------------------------------------------------------------"
            "----------");
    for (guint32 i = 0; i < ret.ifaces.n; i++)
        if (!wanted || strcmp(wanted, ret.ifaces.v[i].name) == 0)
            put_interface(s, &ret.ifaces.v[i], args_flag(a, "full"), list);
    if (s->json)
        print_json(s, list);
    else
        json_object_put(list);
    return TRUE;
}

const Command disk_commands[] = {
    { "domblkerror", "Show errors on block devices", "Show block device errors", active_only,
      run_domblkerror },
    { "domblkinfo", "domain block device size information",
      "Get block device size info for a domain.", domblkinfo_options, run_domblkinfo,
      COMMAND_JSON },
    { "domblklist", "list all domain blocks", "Get the summary of block devices for a domain.",
      domblklist_options, run_domblklist, COMMAND_JSON },
    { "domblkstat", "get device block stats for a domain",
      "Get device block stats for a running domain. See man page or use --human for explanation of "
      "fields",
      domblkstat_options, run_domblkstat, COMMAND_JSON },
    { "domblkthreshold",
      "set the threshold for block-threshold event for a given block device or it's "
      "backing chain element",
      "An event tells once when more than that is written into its file.", threshold_options,
      run_threshold },
    { "domifaddr", "Get network interfaces' addresses for a running domain",
      "Get network interfaces' addresses for a running domain", domifaddr_options, run_domifaddr,
      COMMAND_JSON },
    { "domiflist", "list all domain virtual interfaces",
      "Get the summary of virtual interfaces for a domain.", inactive_options, run_domiflist,
      COMMAND_JSON },
    { "domifstat", "get network interface stats for a domain",
      "Get network interface stats for a running domain.", domifstat_options, run_domifstat,
      COMMAND_JSON },
    { 0 },
};
