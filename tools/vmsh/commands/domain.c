/* Commands that define domains and move them through their lives. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

#define FILE_OPTION                                                                                \
    {                                                                                              \
        "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file with a domain's XML"                   \
    }

gboolean
xml_file(const char *path, char **ret_text, GError **err)
{
    enum { MOST = 64 << 20 };

    if (strcmp(path, "-") == 0)
        path = "/dev/stdin";
    if (access(path, R_OK) < 0)
        return fail_errno(err, errno, "Failed to open file '%s'", path);
    return file_read(path, MOST, ret_text, NULL, err);
}

/* Calls a procedure whose message is a domain alone. */
static gboolean
domain_do(Shell *s, const Args *a, gint32 procedure, const char *verb, const char *done,
          GError **err)
{
    DomainSuspendArgs args;

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to %s domain '%s'", verb, args.dom.name);
    if (!call(s, procedure, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' %s\n", args.dom.name, done);
    return TRUE;
}

static const Option domain_only[] = { DOMAIN_OPTION(complete_domains), OPTION_END };
static const Option active_only[] = { DOMAIN_OPTION(complete_active), OPTION_END };

/* ---- define, create */

static const Option define_options[] = {
    FILE_OPTION,
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_define(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    DomainDefineXmlFlagsArgs args = { .flags = args_flag(a, "validate") };
    DomainDefineXmlFlagsRet ret;
    g_autofree char *xml = NULL;

    if (!xml_file(path, &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to define domain from %s", path);
    if (!call(s, PROC_DOMAIN_DEFINE_XML_FLAGS, &args, &ret, err))
        return FALSE;
    remark(s, "Domain '%s' defined from %s\n", ret.dom.name, path);
    domain_warn(s, &ret.dom);
    return TRUE;
}

enum { START_PAUSED = 1 };

static const FlagBit create_bits[] = {
    { "paused", START_PAUSED },
    { "autodestroy", 2 },
    { "bypass-cache", 4 },
    { "force-boot", 8 },
    { "validate", 16 },
    { "reset-nvram", 32 },
    { 0 },
};

static const Option create_options[] = {
    FILE_OPTION,
    FLAG("console", "attach to console after creation"),
    FLAG("paused", "leave the guest paused after creation"),
    FLAG("autodestroy", "automatically destroy the guest when vmsh disconnects"),
    FLAG("validate", "validate the XML against the schema"),
    FLAG("reset-nvram", "re-initialize NVRAM from its pristine template"),
    OPTION_END,
};

static gboolean
console_if_asked(Shell *s, const Args *a, const DomainRef *dom, GError **err)
{
    g_clear_pointer(&s->doing, g_free);
    return !args_flag(a, "console") || console_run(s, dom, NULL, 0, FALSE, err);
}

static gboolean
run_create(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    DomainCreateXmlArgs args = { .flags = args_bits(a, create_bits) };
    DomainCreateXmlRet ret;
    g_autofree char *xml = NULL;

    if (!xml_file(path, &xml, err))
        return FALSE;
    args.xml_desc = xml;
    doing(s, "Failed to create domain from %s", path);
    if (!call(s, PROC_DOMAIN_CREATE_XML, &args, &ret, err))
        return FALSE;
    remark(s, "Domain '%s' created from %s\n", ret.dom.name, path);
    domain_warn(s, &ret.dom);
    return console_if_asked(s, a, &ret.dom, err);
}

/* ---- start and stop */

static const Option start_options[] = {
    { "domain", OPTION_STRING, OPTION_REQUIRED, complete_inactive, "name of the inactive domain" },
    FLAG("console", "attach to console after creation"),
    FLAG("paused", "leave the guest paused after creation"),
    FLAG("autodestroy", "automatically destroy the guest when vmsh disconnects"),
    FLAG("bypass-cache", "avoid file system cache when loading"),
    FLAG("force-boot", "force fresh boot by discarding any managed save"),
    FLAG("reset-nvram", "re-initialize NVRAM from its pristine template"),
    OPTION_END,
};

static gboolean
run_start(Shell *s, const Args *a, GError **err)
{
    DomainCreateWithFlagsArgs args = { .flags = args_bits(a, create_bits) };
    DomainCreateWithFlagsRet ret;

    if (!domain_lookup(s, args_string(a, "domain"), BY_NAME | BY_UUID, &args.dom, err))
        return FALSE;
    if (args.dom.id != -1)
        return refuse(err, "Domain is already active: '%s' runs as id %d", args.dom.name,
                      args.dom.id);
    doing(s, "Failed to start domain '%s'", args.dom.name);
    if (!call(s, PROC_DOMAIN_CREATE_WITH_FLAGS, &args, &ret, err))
        return FALSE;
    remark(s, "Domain '%s' started\n", args.dom.name);
    return console_if_asked(s, a, &ret.dom, err);
}

static const Option destroy_options[] = {
    DOMAIN_OPTION(complete_active),
    FLAG("graceful", "terminate gracefully"),
    FLAG("remove-logs", "remove domain logs"),
    OPTION_END,
};

static gboolean
run_destroy(Shell *s, const Args *a, GError **err)
{
    static const FlagBit bits[] = { { "graceful", 1 }, { "remove-logs", 2 }, { 0 } };
    DomainDestroyFlagsArgs args = { .flags = args_bits(a, bits) };

    if (!args.flags)
        return domain_do(s, a, PROC_DOMAIN_DESTROY, "destroy", "destroyed", err);
    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to destroy domain '%s'", args.dom.name);
    if (!call(s, PROC_DOMAIN_DESTROY_FLAGS, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' destroyed\n", args.dom.name);
    return TRUE;
}

static char **
complete_modes(Shell *s)
{
    return g_strsplit("acpi,agent,initctl,signal,paravirt", ",", -1);
}

static const Option mode_options[] = {
    DOMAIN_OPTION(complete_active),
    { "mode", OPTION_STRING, 0, complete_modes,
      "shutdown mode: acpi|agent|initctl|signal|paravirt" },
    OPTION_END,
};

/* A list of modes, by commas; the bits of shutdown and reboot are the same. */
static gboolean
shutdown_modes(const Args *a, guint *ret_bits, GError **err)
{
    static const char *const modes[] = { "acpi", "agent", "initctl", "signal", "paravirt" };
    const char *text = args_string(a, "mode");
    g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);
    guint bits = 0;

    for (char **word = words; *word; word++) {
        guint i = 0;
        while (i < G_N_ELEMENTS(modes) && strcmp(modes[i], *word) != 0)
            i++;
        if (i == G_N_ELEMENTS(modes))
            return refuse(err,
                          "Unknown mode %s value, expecting 'acpi', 'agent', 'initctl', 'signal', "
                          "or 'paravirt'",
                          *word);
        bits |= 1u << i;
    }
    *ret_bits = bits;
    return TRUE;
}

static gboolean
run_shutdown(Shell *s, const Args *a, GError **err)
{
    DomainShutdownFlagsArgs args = { 0 };

    if (!shutdown_modes(a, &args.flags, err))
        return FALSE;
    if (!args.flags)
        return domain_do(s, a, PROC_DOMAIN_SHUTDOWN, "shutdown", "is being shutdown", err);
    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to shutdown domain '%s'", args.dom.name);
    if (!call(s, PROC_DOMAIN_SHUTDOWN_FLAGS, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' is being shutdown\n", args.dom.name);
    return TRUE;
}

static gboolean
run_reboot(Shell *s, const Args *a, GError **err)
{
    DomainRebootArgs args = { 0 };

    if (!shutdown_modes(a, &args.flags, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to reboot domain '%s'", args.dom.name);
    if (!call(s, PROC_DOMAIN_REBOOT, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' is being rebooted\n", args.dom.name);
    return TRUE;
}

static gboolean
run_reset(Shell *s, const Args *a, GError **err)
{
    DomainResetArgs args = { 0 };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to reset domain '%s'", args.dom.name);
    if (!call(s, PROC_DOMAIN_RESET, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' was reset\n", args.dom.name);
    return TRUE;
}

static gboolean
run_suspend(Shell *s, const Args *a, GError **err)
{
    return domain_do(s, a, PROC_DOMAIN_SUSPEND, "suspend", "suspended", err);
}

static gboolean
run_resume(Shell *s, const Args *a, GError **err)
{
    return domain_do(s, a, PROC_DOMAIN_RESUME, "resume", "resumed", err);
}

static const Option autostart_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("disable", "disable autostarting"),
    FLAG("once", "control next boot state"),
    OPTION_END,
};

static gboolean
run_autostart(Shell *s, const Args *a, GError **err)
{
    gboolean on = !args_flag(a, "disable"), once = args_flag(a, "once");
    gint32 procedure = once ? PROC_DOMAIN_SET_AUTOSTART_ONCE : PROC_DOMAIN_SET_AUTOSTART;
    const char *how = once ? "autostarted on next boot" : "autostarted";
    DomainSetAutostartArgs args = { .autostart = on };

    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    doing(s, "Failed to %s domain '%s' as %s", on ? "mark" : "unmark", args.dom.name, how);
    if (!call(s, procedure, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' %s as %s\n", args.dom.name, on ? "marked" : "unmarked", how);
    return TRUE;
}

/* ---- names */

static gboolean
run_domid(Shell *s, const Args *a, GError **err)
{
    DomainRef dom;

    if (!domain_lookup(s, args_string(a, "domain"), BY_NAME | BY_UUID, &dom, err))
        return FALSE;
    if (dom.id == -1)
        put(s, "-\n");
    else
        put(s, "%d\n", dom.id);
    return TRUE;
}

static gboolean
run_domname(Shell *s, const Args *a, GError **err)
{
    DomainRef dom;

    if (!domain_lookup(s, args_string(a, "domain"), BY_ID | BY_UUID, &dom, err))
        return FALSE;
    put(s, "%s\n", dom.name);
    return TRUE;
}

static gboolean
run_domuuid(Shell *s, const Args *a, GError **err)
{
    DomainRef dom;
    char uuid[37];

    if (!domain_lookup(s, args_string(a, "domain"), BY_ID | BY_NAME, &dom, err))
        return FALSE;
    uuid_text(dom.uuid, uuid);
    put(s, "%s\n", uuid);
    return TRUE;
}

static const Option domrename_options[] = {
    { "domain", OPTION_STRING, OPTION_REQUIRED, complete_inactive, "domain name or uuid" },
    { "new-name", OPTION_STRING, OPTION_REQUIRED, NULL, "new domain name" },
    OPTION_END,
};

static gboolean
run_domrename(Shell *s, const Args *a, GError **err)
{
    DomainRenameArgs args = { .new_name = args_string(a, "new-name") };
    DomainRenameRet ret;

    if (!domain_lookup(s, args_string(a, "domain"), BY_NAME | BY_UUID, &args.dom, err) ||
        !call(s, PROC_DOMAIN_RENAME, &args, &ret, err))
        return FALSE;
    remark(s, "Domain successfully renamed\n");
    return TRUE;
}

/* ---- XML */

static const Option dumpxml_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("inactive", "show inactive defined XML"),
    FLAG("security-info", "include security sensitive information in XML dump"),
    FLAG("update-cpu", "update guest CPU according to host CPU"),
    FLAG("migratable", "provide XML suitable for migrations"),
    XPATH_OPTIONS,
    OPTION_END,
};

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    static const FlagBit bits[] = {
        { "inactive", DUMP_INACTIVE },
        { "security-info", DUMP_SECURE },
        { "update-cpu", DUMP_UPDATE_CPU },
        { "migratable", DUMP_MIGRATABLE },
        { 0 },
    };
    DomainRef dom;
    const char *xml;

    return domain_get(s, a, &dom, err) && domain_xml(s, &dom, args_bits(a, bits), &xml, err) &&
           doc_print(s, a, xml, err);
}

static const Option edit_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("skip-validate", "skip validation of the XML against the schema"),
    OPTION_END,
};

typedef struct DomainEdit {
    DomainRef dom;
    const char *before;
    gboolean told; /* that somebody else has changed it: a second try means it */
} DomainEdit;

static gboolean
edit_apply(Shell *s, const char *text, gboolean validate, gpointer user, GError **err)
{
    DomainEdit *e = user;
    DomainDefineXmlFlagsArgs args = { .xml = text, .flags = validate };
    DomainDefineXmlFlagsRet ret;
    const char *now;

    if (!e->told && domain_xml(s, &e->dom, DUMP_SECURE | DUMP_INACTIVE, &now, NULL) &&
        strcmp(now, e->before) != 0) {
        e->told = TRUE;
        return refuse(err, "the XML configuration was changed by another user meanwhile");
    }
    return call(s, PROC_DOMAIN_DEFINE_XML_FLAGS, &args, &ret, err);
}

static gboolean
run_edit(Shell *s, const Args *a, GError **err)
{
    DomainEdit e = { 0 };
    gboolean changed;

    if (!domain_get(s, a, &e.dom, err) ||
        !domain_xml(s, &e.dom, DUMP_SECURE | DUMP_INACTIVE, &e.before, err) ||
        !edit_and_apply(s, e.before, ".xml", !args_flag(a, "skip-validate"), edit_apply, &e,
                        &changed, err))
        return FALSE;
    remark(s, "Domain '%s' XML configuration %s.\n", e.dom.name,
           changed ? "edited" : "not changed");
    if (changed)
        domain_warn(s, &e.dom);
    return TRUE;
}

static const Option native_options[] = {
    { "format", OPTION_STRING, OPTION_REQUIRED, NULL, "target config data type format" },
    { "domain", OPTION_STRING, OPTION_NAMED, complete_domains, "domain name, id or uuid" },
    { "xml", OPTION_STRING, OPTION_NAMED, NULL, "xml data file to export from" },
    OPTION_END,
};

static gboolean
native_source(Shell *s, const Args *a, const char **ret_xml, char **ret_owned, GError **err)
{
    const char *path = args_string(a, "xml");
    guint flags = s->readonly ? 0 : DUMP_SECURE;
    DomainRef dom;

    if (!args_flag(a, "domain") == !path)
        return refuse(err, "name what to convert by --domain or --xml");
    if (!path)
        return domain_get(s, a, &dom, err) && domain_xml(s, &dom, flags, ret_xml, err);
    if (!xml_file(path, ret_owned, err))
        return FALSE;
    *ret_xml = *ret_owned;
    return TRUE;
}

static gboolean
run_native(Shell *s, const Args *a, GError **err)
{
    ConnectDomainXmlToNativeArgs args = { .native_format = args_string(a, "format") };
    ConnectDomainXmlToNativeRet ret;
    g_autofree char *owned = NULL;

    if (!native_source(s, a, &args.domain_xml, &owned, err) ||
        !call(s, PROC_CONNECT_DOMAIN_XML_TO_NATIVE, &args, &ret, err))
        return FALSE;
    put(s, "%s", ret.native_config);
    return TRUE;
}

static const Option domid_options[] = {
    { "domain", OPTION_STRING, OPTION_REQUIRED, complete_domains, "domain name or uuid" },
    OPTION_END,
};
static const Option domname_options[] = {
    { "domain", OPTION_STRING, OPTION_REQUIRED, complete_domains, "domain id or uuid" },
    OPTION_END,
};
static const Option domuuid_options[] = {
    { "domain", OPTION_STRING, OPTION_REQUIRED, complete_domains, "domain id or name" },
    OPTION_END,
};

const Command domain_commands[] = {
    { "autostart", "autostart a domain", "Configure a domain to be automatically started at boot.",
      autostart_options, run_autostart, COMMAND_MANY },
    { "create", "create a domain from an XML file", "Create a domain.", create_options,
      run_create },
    { "define", "define (but don't start) a domain from an XML file", "Define a domain.",
      define_options, run_define },
    { "destroy", "destroy (stop) a domain",
      "Forcefully stop a given domain, but leave its resources intact.", destroy_options,
      run_destroy, COMMAND_MANY },
    { "domid", "convert a domain name or UUID to domain id", NULL, domid_options, run_domid },
    { "domname", "convert a domain id or UUID to domain name", NULL, domname_options, run_domname },
    { "domrename", "rename a domain", "Rename an inactive domain.", domrename_options,
      run_domrename },
    { "domuuid", "convert a domain name or id to domain UUID", NULL, domuuid_options, run_domuuid },
    { "domxml-to-native", "Convert domain XML to native config",
      "Convert domain XML config to a native guest configuration format.", native_options,
      run_native },
    { "dumpxml", "domain information in XML",
      "Output the domain information as an XML dump to stdout.", dumpxml_options, run_dumpxml },
    { "edit", "edit XML configuration for a domain", "Edit the XML configuration for a domain.",
      edit_options, run_edit, COMMAND_TALKS },
    { "reboot", "reboot a domain", "Run a reboot command in the target domain.", mode_options,
      run_reboot, COMMAND_MANY },
    { "reset", "reset a domain", "Reset the target domain as if by power button", active_only,
      run_reset, COMMAND_MANY },
    { "resume", "resume a domain", "Resume a previously suspended domain.", domain_only, run_resume,
      COMMAND_MANY },
    { "shutdown", "gracefully shutdown a domain", "Run shutdown in the target domain.",
      mode_options, run_shutdown, COMMAND_MANY },
    { "start", "start a (previously defined) inactive domain",
      "Start a domain, either from the last managedsave\n"
      "    state, or via a fresh boot if no managedsave state\n    is present.",
      start_options, run_start, COMMAND_MANY },
    { "suspend", "suspend a domain", "Suspend a running domain.", active_only, run_suspend,
      COMMAND_MANY },
    { 0 },
};
