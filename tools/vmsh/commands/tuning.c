/* Commands that describe a domain and change its memory and processors. */
#include <string.h>

#include "vmsh/vmsh.h"

/* ---- description and title */

enum { METADATA_DESCRIPTION, METADATA_TITLE, METADATA_ELEMENT };

static const Option desc_options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("live", "modify/get running state"),
    FLAG("config", "modify/get persistent configuration"),
    FLAG("current", "modify/get current state configuration"),
    FLAG("title", "modify/get the title instead of description"),
    FLAG("edit", "open an editor to modify the description"),
    { "new-desc", OPTION_REST, 0, NULL, "message" },
    OPTION_END,
};

/* *ret_text is NULL when there is none. */
static gboolean
metadata_get(Shell *s, const DomainRef *dom, int type, const char *uri, guint flags,
             const char **ret_text, GError **err)
{
    DomainGetMetadataArgs args = { .dom = *dom, .type = type, .uri = uri, .flags = flags };
    DomainGetMetadataRet ret;
    g_autoptr(GError) why = NULL;

    *ret_text = NULL;
    if (call(s, PROC_DOMAIN_GET_METADATA, &args, &ret, &why)) {
        *ret_text = ret.metadata;
        return TRUE;
    }
    if (error_is(why, ERR_NO_METADATA))
        return TRUE;
    g_propagate_error(err, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
desc_show(Shell *s, const DomainRef *dom, int type, guint flags, GError **err)
{
    const char *text;

    if (!metadata_get(s, dom, type, NULL, flags, &text, err))
        return FALSE;
    if (text && *text)
        put(s, "%s", text);
    else
        remark(s, "No %s for domain: %s", type == METADATA_TITLE ? "title" : "description",
               dom->name);
    return TRUE;
}

/* *ret_text is NULL when the user has left it as it was. */
static gboolean
desc_edited(Shell *s, const DomainSetMetadataArgs *set, const char *given, char **ret_text,
            GError **err)
{
    const char *text = given;

    if (!given && !metadata_get(s, &set->dom, set->type, NULL, set->flags, &text, err))
        return FALSE;
    if (!edit_text(s, text ? text : "", ".txt", ret_text, err))
        return FALSE;
    if (*ret_text)
        g_strchomp(*ret_text);
    return TRUE;
}

static gboolean
run_desc(Shell *s, const Args *a, GError **err)
{
    gboolean title = args_flag(a, "title");
    const char *what = title ? "title" : "description";
    DomainSetMetadataArgs args = { .type = title ? METADATA_TITLE : METADATA_DESCRIPTION };
    g_autofree char *text = args_rest_joined(a, "new-desc");

    if (!domain_impact(a, &args.flags, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (!text && !args_flag(a, "edit"))
        return desc_show(s, &args.dom, args.type, args.flags, err);
    if (args_flag(a, "edit")) {
        g_autofree char *given = g_steal_pointer(&text);
        if (!desc_edited(s, &args, given, &text, err))
            return FALSE;
        if (!text) {
            remark(s, "Domain %s not changed", what);
            return TRUE;
        }
    }
    args.metadata = *text ? text : NULL;
    doing(s, "Failed to set new domain %s", what);
    if (!shell_connect(s, err) || !call(s, PROC_DOMAIN_SET_METADATA, &args, NULL, err))
        return FALSE;
    remark(s, "Domain %s updated successfully", what);
    return TRUE;
}

/* ---- metadata of others */

static const Option metadata_options[] = {
    DOMAIN_OPTION(complete_domains),
    { "uri", OPTION_STRING, OPTION_REQUIRED, NULL, "URI of the namespace" },
    FLAG("live", "modify/get running state"),
    FLAG("config", "modify/get persistent configuration"),
    FLAG("current", "modify/get current state configuration"),
    FLAG("edit", "use an editor to change the metadata"),
    { "key", OPTION_STRING, OPTION_NAMED, NULL, "key to be used as a namespace identifier" },
    { "set", OPTION_STRING, OPTION_NAMED, NULL, "new metadata to set" },
    FLAG("remove", "remove the metadata corresponding to an uri"),
    OPTION_END,
};

static gboolean
metadata_apply(Shell *s, const char *text, gboolean validate, gpointer user, GError **err)
{
    DomainSetMetadataArgs *args = user;

    args->metadata = text;
    return call(s, PROC_DOMAIN_SET_METADATA, args, NULL, err);
}

static gboolean
metadata_edit(Shell *s, DomainSetMetadataArgs *args, GError **err)
{
    const char *text;
    gboolean changed;

    if (!metadata_get(s, &args->dom, args->type, args->uri, args->flags, &text, err) ||
        !edit_and_apply(s, text ? text : "\n", ".xml", FALSE, metadata_apply, args, &changed, err))
        return FALSE;
    remark(s, "%s\n", changed ? "Metadata modified" : "Metadata not changed");
    return TRUE;
}

static gboolean
metadata_show(Shell *s, const DomainSetMetadataArgs *args, GError **err)
{
    const char *text;

    if (!metadata_get(s, &args->dom, args->type, args->uri, args->flags, &text, err))
        return FALSE;
    put(s, "%s\n", text ? text : "");
    return TRUE;
}

static gboolean
run_metadata(Shell *s, const Args *a, GError **err)
{
    gboolean remove = args_flag(a, "remove"), edit = args_flag(a, "edit");
    DomainSetMetadataArgs args = { .type = METADATA_ELEMENT,
                                   .uri = args_string(a, "uri"),
                                   .key = args_string(a, "key"),
                                   .metadata = args_string(a, "set") };

    if (!args_exclusive(a, "edit", "set", err) || !args_exclusive(a, "edit", "remove", err) ||
        !args_exclusive(a, "set", "remove", err) || !domain_impact(a, &args.flags, err))
        return FALSE;
    if ((edit || args.metadata) && !args.key)
        return refuse(err, "namespace key is required when modifying metadata");
    if (!domain_get(s, a, &args.dom, err))
        return FALSE;
    if (edit)
        return metadata_edit(s, &args, err);
    if (!args.metadata && !remove)
        return metadata_show(s, &args, err);
    if (!call(s, PROC_DOMAIN_SET_METADATA, &args, NULL, err))
        return FALSE;
    remark(s, "%s\n", remove ? "Metadata removed" : "Metadata modified");
    return TRUE;
}

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

const Command tuning_commands[] = {
    { "desc", "show or set domain's description or title",
      "Allows setting or modifying the description or title of a domain.", desc_options, run_desc },
    { "metadata", "show or set domain's custom XML metadata",
      "Shows or modifies the XML metadata of a domain.", metadata_options, run_metadata },
    { "setmaxmem", "change maximum memory limit",
      "Change the maximum memory allocation limit in the guest domain.", setmem_options,
      run_setmaxmem },
    { "setmem", "change memory allocation",
      "Change the current memory allocation in the guest domain.", setmem_options, run_setmem },
    { "setvcpus", "change number of virtual CPUs",
      "Change the number of virtual CPUs in the guest domain.", setvcpus_options, run_setvcpus },
    { 0 },
};
