/* Commands that ask the agent in a guest. */
#include <string.h>

#include "vmsh/vmsh.h"

static const Option domain_only[] = { DOMAIN_OPTION(complete_active), OPTION_END };

/* ---- file systems */

static const Option freeze_options[] = {
    DOMAIN_OPTION(complete_active),
    { "mountpoint", OPTION_REST, 0, NULL, "mountpoint path to be frozen" },
    OPTION_END,
};

static const Option thaw_options[] = {
    DOMAIN_OPTION(complete_active),
    { "mountpoint", OPTION_REST, 0, NULL, "mountpoint path to be thawed" },
    OPTION_END,
};

/* Both take and give the same. */
static gboolean
freeze_or_thaw(Shell *s, const Args *a, gint32 procedure, const char *verb, const char *told,
               GError **err)
{
    g_autofree const char **mountpoints = args_rest(a, "mountpoint");
    DomainFsfreezeArgs args = { 0 };
    DomainFsfreezeRet ret = { 0 };

    args.mountpoints.v = mountpoints;
    args.mountpoints.n = g_strv_length((char **)mountpoints);
    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Unable to %s filesystems", verb);
    if (!call(s, procedure, &args, &ret, err))
        return FALSE;
    put(s, "%s %d filesystem(s)\n", told, ret.filesystems);
    return TRUE;
}

static gboolean
run_fsfreeze(Shell *s, const Args *a, GError **err)
{
    return freeze_or_thaw(s, a, PROC_DOMAIN_FSFREEZE, "freeze", "Froze", err);
}

static gboolean
run_fsthaw(Shell *s, const Args *a, GError **err)
{
    return freeze_or_thaw(s, a, PROC_DOMAIN_FSTHAW, "thaw", "Thawed", err);
}

static const Option trim_options[] = {
    DOMAIN_OPTION(complete_active),
    { "minimum", OPTION_NUMBER, OPTION_NAMED, NULL,
      "Just a hint to ignore contiguous free ranges smaller than this (Bytes)" },
    { "mountpoint", OPTION_STRING, OPTION_NAMED, NULL, "which mount point to trim" },
    OPTION_END,
};

static gboolean
run_fstrim(Shell *s, const Args *a, GError **err)
{
    DomainFstrimArgs args = { .mount_point = args_string(a, "mountpoint") };
    gint64 minimum = 0;

    if (!args_number(a, "minimum", 0, G_MAXINT64, &minimum, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.minimum = (guint64)minimum;
    doing(s, "Unable to invoke fstrim");
    return call(s, PROC_DOMAIN_FSTRIM, &args, NULL, err);
}

static gboolean
run_fsinfo(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "Mountpoint", "mountpoint", COLUMN_TEXT },
                                      { "Name", "name", COLUMN_TEXT },
                                      { "Type", "type", COLUMN_TEXT },
                                      { "Target", "target", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    DomainGetFsinfoArgs args = { 0 };
    DomainGetFsinfoRet ret = { 0 };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Unable to get filesystem information");
    if (!call(s, PROC_DOMAIN_GET_FSINFO, &args, &ret, err))
        return FALSE;
    if (!ret.info.n && !s->json) {
        put(s, "No filesystems are mounted in the domain");
        return TRUE;
    }
    for (guint i = 0; i < ret.info.n; i++) {
        const DomainFsinfo *f = &ret.info.v[i];
        g_autoptr(GString) targets = g_string_new(NULL);

        for (guint j = 0; j < f->dev_aliases.n; j++)
            g_string_append_printf(targets, "%s%s", j ? "," : "", f->dev_aliases.v[j]);
        table_add(table, f->mountpoint, f->name, f->fstype, targets->str);
    }
    table_print(s, table);
    return TRUE;
}

/* ---- name and time */

static const Option hostname_options[] = {
    DOMAIN_OPTION(complete_active),
    { "source", OPTION_STRING, OPTION_NAMED, NULL, "address source: 'lease' or 'agent'" },
    OPTION_END,
};

static gboolean
run_hostname(Shell *s, const Args *a, GError **err)
{
    static const char *const sources[] = { "", "lease", "agent", NULL };
    const char *source = args_string(a, "source");
    DomainGetHostnameArgs args = { 0 };
    DomainGetHostnameRet ret = { 0 };

    if (source && !(source[0] && g_strv_contains(sources, source)))
        return refuse(err, "Unknown data source '%s'", source);
    if (source)
        args.flags = strcmp(source, "lease") == 0 ? 1 : 2;
    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "failed to get hostname");
    if (!call(s, PROC_DOMAIN_GET_HOSTNAME, &args, &ret, err))
        return FALSE;
    put(s, "%s\n", ret.hostname);
    return TRUE;
}

static const Option time_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("now", "set to the time of the host running vmsh"),
    FLAG("pretty", "print domain's time in human readable form"),
    FLAG("sync", "instead of setting given time, synchronize from domain's RTC"),
    { "time", OPTION_NUMBER, OPTION_NAMED, NULL, "time to set" },
    OPTION_END,
};

static gboolean
time_set(Shell *s, const Args *a, DomainSetTimeArgs *args, GError **err)
{
    enum { SYNC = 1 };
    gint64 now = g_get_real_time();

    if (args_flag(a, "now")) {
        args->seconds = now / G_USEC_PER_SEC;
        args->nseconds = (guint32)(now % G_USEC_PER_SEC) * 1000;
    }
    args->flags = args_flag(a, "sync") ? SYNC : 0;
    return args_number(a, "time", 0, G_MAXINT64, &args->seconds, err) &&
           call(s, PROC_DOMAIN_SET_TIME, args, NULL, err);
}

static gboolean
run_time(Shell *s, const Args *a, GError **err)
{
    DomainGetTimeArgs get = { 0 };
    DomainSetTimeArgs set = { 0 };
    DomainGetTimeRet ret = { 0 };
    g_autoptr(Sheet) t = sheet_new(0);
    g_autoptr(GDateTime) when = NULL;
    g_autofree char *text = NULL;

    if (!args_exclusive(a, "time", "now", err) || !args_exclusive(a, "time", "sync", err) ||
        !args_exclusive(a, "now", "sync", err) || !args_exclusive(a, "pretty", "sync", err) ||
        !args_exclusive(a, "pretty", "now", err) || !domain_get(s, a, &get.dom, err))
        return FALSE;
    set.dom = get.dom;
    if (args_flag(a, "time") || args_flag(a, "now") || args_flag(a, "sync"))
        return time_set(s, a, &set, err);
    if (!call(s, PROC_DOMAIN_GET_TIME, &get, &ret, err))
        return FALSE;
    when = g_date_time_new_from_unix_utc(ret.seconds);
    text = args_flag(a, "pretty") && when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S")
                                          : g_strdup_printf("%" G_GINT64_FORMAT, ret.seconds);
    sheet_add_line(t, "time", json_object_new_int64(ret.seconds), "Time: %s", text);
    sheet_print(s, t);
    return TRUE;
}

/* ---- sleep */

static const char *const targets[] = { "mem", "disk", "hybrid", NULL };

static char **
complete_targets(Shell *s)
{
    return g_strdupv((char **)targets);
}

static const Option suspend_options[] = {
    DOMAIN_OPTION(complete_active),
    { "target", OPTION_STRING, OPTION_REQUIRED, complete_targets,
      "mem(Suspend-to-RAM), disk(Suspend-to-Disk), hybrid(Hybrid-Suspend)" },
    { "duration", OPTION_NUMBER, OPTION_NAMED, NULL, "duration in seconds" },
    OPTION_END,
};

static gboolean
run_pmsuspend(Shell *s, const Args *a, GError **err)
{
    DomainPmSuspendForDurationArgs args = { 0 };
    gint64 duration = 0;

    if (!args_number(a, "duration", 0, G_MAXINT64, &duration, err))
        return FALSE;
    while (targets[args.target] && strcmp(targets[args.target], args_string(a, "target")) != 0)
        args.target++;
    if (!targets[args.target])
        return refuse(err, "Invalid target: %s", args_string(a, "target"));
    args.duration = (guint64)duration;
    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Domain '%s' could not be suspended", args.dom.name);
    if (!call(s, PROC_DOMAIN_PM_SUSPEND_FOR_DURATION, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' successfully suspended", args.dom.name);
    return TRUE;
}

/* ---- what it knows of itself */

static const Option info_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("user", "report active users"),
    FLAG("os", "report operating system information"),
    FLAG("timezone", "report timezone information"),
    FLAG("hostname", "report hostname"),
    FLAG("filesystem", "report filesystem information"),
    FLAG("disk", "report disk information"),
    FLAG("interface", "report interface information"),
    FLAG("load", "report load averages information"),
    OPTION_END,
};

static gboolean
run_guestinfo(Shell *s, const Args *a, GError **err)
{
    static const FlagBit bits[] = {
        { "user", 1 << 0 },      { "os", 1 << 1 },         { "timezone", 1 << 2 },
        { "hostname", 1 << 3 },  { "filesystem", 1 << 4 }, { "disk", 1 << 5 },
        { "interface", 1 << 6 }, { "load", 1 << 7 },       { 0 }
    };
    DomainGetGuestInfoArgs args = { .types = args_bits(a, bits) };
    DomainGetGuestInfoRet ret = { 0 };

    if (!domain_get(s, a, &args.dom, err) || !call(s, PROC_DOMAIN_GET_GUEST_INFO, &args, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, "%-20s: %s");
    return TRUE;
}

static const Option vcpus_options[] = {
    DOMAIN_OPTION(complete_active),
    { "cpulist", OPTION_STRING, OPTION_NAMED, NULL, "list of cpus to enable or disable" },
    FLAG("enable", "enable cpus specified by cpulist"),
    FLAG("disable", "disable cpus specified by cpulist"),
    OPTION_END,
};

static gboolean
run_guestvcpus(Shell *s, const Args *a, GError **err)
{
    gboolean enable = args_flag(a, "enable"), disable = args_flag(a, "disable");
    DomainSetGuestVcpusArgs set = { .cpumap = args_string(a, "cpulist"), .state = enable };
    DomainGetGuestVcpusArgs get = { 0 };
    DomainGetGuestVcpusRet ret = { 0 };

    if (!args_exclusive(a, "enable", "disable", err))
        return FALSE;
    if ((enable || disable) && !set.cpumap)
        return refuse(err, "options --enable and --disable require option --cpulist");
    if (set.cpumap && !enable && !disable)
        return refuse(err, "One of options --enable or --disable is required by option --cpulist");
    if (!domain_get(s, a, &get.dom, err))
        return FALSE;
    set.dom = get.dom;
    if (set.cpumap)
        return call(s, PROC_DOMAIN_SET_GUEST_VCPUS, &set, NULL, err);
    if (!call(s, PROC_DOMAIN_GET_GUEST_VCPUS, &get, &ret, err))
        return FALSE;
    params_print(s, ret.params.v, ret.params.n, "%-15s: %s");
    return TRUE;
}

/* ---- users */

#define USER_OPTION(doc)                                                                           \
    {                                                                                              \
        "user", OPTION_STRING, OPTION_REQUIRED, NULL, doc                                          \
    }

static const Option password_options[] = {
    DOMAIN_OPTION(complete_active),
    USER_OPTION("the username"),
    { "password", OPTION_STRING, OPTION_REQUIRED, NULL, "the new password" },
    FLAG("encrypted", "the password is already encrypted"),
    OPTION_END,
};

static gboolean
run_password(Shell *s, const Args *a, GError **err)
{
    DomainSetUserPasswordArgs args = { .user = args_string(a, "user"),
                                       .password = args_string(a, "password"),
                                       .flags = args_flag(a, "encrypted") };

    if (!domain_get(s, a, &args.dom, err) ||
        !call(s, PROC_DOMAIN_SET_USER_PASSWORD, &args, NULL, err))
        return FALSE;
    remark(s, "Password set successfully for %s in %s", args.user, args.dom.name);
    return TRUE;
}

static const Option get_keys_options[] = { DOMAIN_OPTION(complete_active),
                                           USER_OPTION("user to list authorized keys for"),
                                           OPTION_END };

static gboolean
run_get_keys(Shell *s, const Args *a, GError **err)
{
    DomainAuthorizedSshKeysGetArgs args = { .user = args_string(a, "user") };
    DomainAuthorizedSshKeysGetRet ret = { 0 };

    if (!domain_get(s, a, &args.dom, err) ||
        !call(s, PROC_DOMAIN_AUTHORIZED_SSH_KEYS_GET, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.keys.n; i++)
        put(s, "%s\n", ret.keys.v[i]);
    return TRUE;
}

static const Option set_keys_options[] = {
    DOMAIN_OPTION(complete_active),
    USER_OPTION("user to set authorized keys for"),
    { "file", OPTION_STRING, 0, NULL, "optional file to read keys from" },
    FLAG("reset", "clear out authorized keys file before adding new keys"),
    FLAG("remove", "remove keys from the authorized keys file"),
    OPTION_END,
};

static gboolean
run_set_keys(Shell *s, const Args *a, GError **err)
{
    enum { APPEND = 1, REMOVE = 2 };
    const char *path = args_string(a, "file");
    DomainAuthorizedSshKeysSetArgs args = { .user = args_string(a, "user") };
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!args_exclusive(a, "reset", "remove", err))
        return FALSE;
    if (!path && !args_flag(a, "reset"))
        return refuse(err, "Option --file is required%s",
                      args_flag(a, "remove") ? " by option --remove" : "");
    if (path && !xml_file(path, &text, err))
        return FALSE;
    lines = g_strsplit(text ? g_strchomp(text) : "", "\n", -1);
    args.keys.v = (const char **)lines;
    args.keys.n = g_strv_length(lines);
    if (path && !args.keys.n)
        return refuse(err, "File %s contains no keys", path);
    if (args_flag(a, "remove"))
        args.flags = REMOVE;
    else if (!args_flag(a, "reset"))
        args.flags = APPEND;
    return domain_get(s, a, &args.dom, err) &&
           call(s, PROC_DOMAIN_AUTHORIZED_SSH_KEYS_SET, &args, NULL, err);
}

/* ---- any of its commands */

static const Option command_options[] = {
    DOMAIN_OPTION(complete_active),
    { "timeout", OPTION_NUMBER, OPTION_NAMED, NULL, "timeout seconds. must be positive." },
    FLAG("async", "execute command without waiting for timeout"),
    FLAG("block", "execute command without timeout"),
    FLAG("pretty", "pretty-print the output"),
    { "cmd", OPTION_REST, OPTION_REQUIRED, NULL, "command" },
    OPTION_END,
};

static void
print_answer(Shell *s, const Args *a, const char *text)
{
    json_object *whole = args_flag(a, "pretty") ? json_tokener_parse(text) : NULL;

    put(s, "%s\n", whole ? json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PRETTY) : text);
    json_object_put(whole);
}

static gboolean
run_command(Shell *s, const Args *a, GError **err)
{
    enum { WAIT_FOREVER = -2, WAIT_DEFAULT = -1, WAIT_NOT = 0 };
    QemuDomainAgentCommandArgs args = { 0 };
    QemuDomainAgentCommandRet ret = { 0 };
    g_autofree char *cmd = args_rest_joined(a, "cmd");
    gint64 timeout = WAIT_DEFAULT;

    if (!args_exclusive(a, "timeout", "async", err) ||
        !args_exclusive(a, "timeout", "block", err) || !args_exclusive(a, "async", "block", err) ||
        !args_number(a, "timeout", 1, G_MAXINT32, &timeout, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (args_flag(a, "async"))
        timeout = WAIT_NOT;
    else if (args_flag(a, "block"))
        timeout = WAIT_FOREVER;
    args.cmd = cmd;
    args.timeout = (gint32)timeout;
    if (!call_qemu(s, PROC_QEMU_DOMAIN_AGENT_COMMAND, &args, &ret, err))
        return FALSE;
    if (ret.result)
        print_answer(s, a, ret.result);
    return TRUE;
}

static const Option timeout_options[] = {
    DOMAIN_OPTION(complete_active),
    { "timeout", OPTION_NUMBER, OPTION_NAMED, NULL, "timeout seconds." },
    OPTION_END,
};

static gboolean
run_timeout(Shell *s, const Args *a, GError **err)
{
    enum { BLOCK = -2 };
    DomainAgentSetResponseTimeoutArgs args = { 0 };
    DomainAgentSetResponseTimeoutRet ret = { 0 };
    gint64 timeout = BLOCK;

    if (!args_number(a, "timeout", G_MININT32, G_MAXINT32, &timeout, err) ||
        !domain_get(s, a, &args.dom, err))
        return FALSE;
    args.timeout = (gint32)timeout;
    return call(s, PROC_DOMAIN_AGENT_SET_RESPONSE_TIMEOUT, &args, &ret, err);
}

const Command agent_commands[] = {
    { "domfsfreeze", "Freeze domain's mounted filesystems.", "Freeze domain's mounted filesystems.",
      freeze_options, run_fsfreeze },
    { "domfsinfo", "Get information of domain's mounted filesystems.",
      "Get information of domain's mounted filesystems.", domain_only, run_fsinfo, COMMAND_JSON },
    { "domfsthaw", "Thaw domain's mounted filesystems.", "Thaw domain's mounted filesystems.",
      thaw_options, run_fsthaw },
    { "domfstrim", "Invoke fstrim on domain's mounted filesystems.",
      "Invoke fstrim on domain's mounted filesystems.", trim_options, run_fstrim },
    { "domhostname", "print the domain's hostname", NULL, hostname_options, run_hostname },
    { "dompmsuspend", "suspend a domain gracefully using power management functions",
      "Suspends a running domain using guest OS's power management. (Note: This requires a guest "
      "agent configured and running in the guest OS).",
      suspend_options, run_pmsuspend },
    { "domtime", "domain time", "Gets or sets the domain's system time", time_options, run_time,
      COMMAND_JSON },
    { "get-user-sshkeys", "list authorized SSH keys for given user (via agent)",
      "Use the guest agent to query authorized SSH keys for given user", get_keys_options,
      run_get_keys },
    { "guest-agent-timeout", "Set the guest agent timeout",
      "Set the number of seconds to wait for a response from the guest agent.", timeout_options,
      run_timeout },
    { "guestinfo", "query information about the guest (via agent)",
      "Use the guest agent to query various information from guest's point of view", info_options,
      run_guestinfo, COMMAND_JSON },
    { "guestvcpus", "query or modify state of vcpu in the guest (via agent)",
      "Use the guest agent to query or set cpu state from guest's point of view", vcpus_options,
      run_guestvcpus, COMMAND_JSON },
    { "qemu-agent-command", "QEMU Guest Agent Command",
      "Run an arbitrary qemu guest agent command; use at your own risk", command_options,
      run_command },
    { "set-user-password", "set the user password inside the domain",
      "changes the password of the specified user inside the domain", password_options,
      run_password },
    { "set-user-sshkeys", "manipulate authorized SSH keys file for given user (via agent)",
      "Append, reset or remove specified key from the authorized keys file for given user",
      set_keys_options, run_set_keys },
    { 0 },
};
