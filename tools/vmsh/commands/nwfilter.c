/* Commands about filters of packets. */
#include "vmsh/vmsh.h"

static char **complete_nwfilters(Shell *s);

#define NWFILTER_OPTION                                                                            \
    {                                                                                              \
        "nwfilter", OPTION_STRING, OPTION_REQUIRED, complete_nwfilters,                            \
            "network filter name or uuid"                                                          \
    }

static gboolean
list_nwfilters(Shell *s, ConnectListAllNwfiltersRet *ret, GError **err)
{
    const ConnectListAllNwfiltersArgs args = { .need_results = 1 };

    return call(s, PROC_CONNECT_LIST_ALL_NWFILTERS, &args, ret, err);
}

static char **
complete_nwfilters(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    ConnectListAllNwfiltersRet ret = { 0 };

    if (list_nwfilters(s, &ret, NULL))
        for (guint i = 0; i < ret.filters.n; i++)
            g_strv_builder_add(names, ret.filters.v[i].name);
    return g_strv_builder_end(names);
}

static gboolean
nwfilter_get(Shell *s, const Args *a, NwfilterRef *ret_filter, GError **err)
{
    const char *text = args_string(a, "nwfilter");
    NwfilterLookupByUuidArgs by_uuid;
    const NwfilterLookupByNameArgs by_name = { .name = text };
    NwfilterLookupByNameRet ret = { 0 };

    doing(s, "failed to get nwfilter '%s'", text);
    if (!(uuid_parse(text, by_uuid.uuid) &&
          call(s, PROC_NWFILTER_LOOKUP_BY_UUID, &by_uuid, &ret, NULL)) &&
        !call(s, PROC_NWFILTER_LOOKUP_BY_NAME, &by_name, &ret, err))
        return FALSE;
    *ret_filter = ret.nwfilter;
    g_clear_pointer(&s->doing, g_free);
    return TRUE;
}

/* A daemon of old has no flags. */
static gboolean
define(Shell *s, const char *xml, gboolean validate, NwfilterRef *ret_filter, GError **err)
{
    const NwfilterDefineXmlArgs args = { .xml = xml };
    const NwfilterDefineXmlFlagsArgs with_flags = { .xml = xml, .flags = 1 };
    NwfilterDefineXmlRet ret = { 0 };
    gboolean ok = validate ? call(s, PROC_NWFILTER_DEFINE_XML_FLAGS, &with_flags, &ret, err)
                           : call(s, PROC_NWFILTER_DEFINE_XML, &args, &ret, err);

    if (ok)
        *ret_filter = ret.nwfilter;
    return ok;
}

static const Option define_options[] = {
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL,
      "file containing an XML network filter description" },
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_define(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    g_autofree char *xml = NULL;
    NwfilterRef filter;

    if (!xml_file(path, &xml, err))
        return FALSE;
    doing(s, "Failed to define network filter from %s", path);
    if (!define(s, xml, args_flag(a, "validate"), &filter, err))
        return FALSE;
    remark(s, "Network filter %s defined from %s\n", filter.name, path);
    return TRUE;
}

static const Option nwfilter_options[] = { NWFILTER_OPTION, OPTION_END };

static gboolean
run_undefine(Shell *s, const Args *a, GError **err)
{
    NwfilterUndefineArgs args;

    if (!nwfilter_get(s, a, &args.nwfilter, err))
        return FALSE;
    doing(s, "Failed to undefine network filter %s", args_string(a, "nwfilter"));
    if (!call(s, PROC_NWFILTER_UNDEFINE, &args, NULL, err))
        return FALSE;
    remark(s, "Network filter %s undefined\n", args_string(a, "nwfilter"));
    return TRUE;
}

static gboolean
get_xml(Shell *s, const Args *a, const char **ret_xml, NwfilterRef *ret_filter, GError **err)
{
    NwfilterGetXmlDescArgs args = { 0 };
    NwfilterGetXmlDescRet ret = { 0 };

    if (!nwfilter_get(s, a, &args.nwfilter, err) ||
        !call(s, PROC_NWFILTER_GET_XML_DESC, &args, &ret, err))
        return FALSE;
    *ret_filter = args.nwfilter;
    *ret_xml = ret.xml;
    return TRUE;
}

static const Option dumpxml_options[] = { NWFILTER_OPTION, XPATH_OPTIONS, OPTION_END };

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    NwfilterRef filter;
    const char *xml;

    return get_xml(s, a, &xml, &filter, err) && doc_print(s, a, xml, err);
}

static gboolean
apply_edit(Shell *s, const char *text, gboolean validate, gpointer user, GError **err)
{
    NwfilterRef filter;

    return define(s, text, validate, &filter, err);
}

static gboolean
run_edit(Shell *s, const Args *a, GError **err)
{
    g_autofree char *text = NULL, *name = NULL;
    NwfilterRef filter;
    const char *xml;
    gboolean changed;

    if (!get_xml(s, a, &xml, &filter, err))
        return FALSE;
    text = g_strdup(xml);
    name = g_strdup(filter.name);
    if (!edit_and_apply(s, text, ".xml", FALSE, apply_edit, NULL, &changed, err))
        return FALSE;
    if (changed)
        remark(s, "Network filter %s XML configuration edited.\n", name);
    else
        remark(s, "Network filter %s XML configuration not changed.\n", name);
    return TRUE;
}

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "UUID", "uuid", COLUMN_TEXT },
                                      { "Name", "name", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    ConnectListAllNwfiltersRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    doing(s, "Failed to list network filters");
    if (!list_nwfilters(s, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.filters.n; i++) {
        uuid_text(ret.filters.v[i].uuid, uuid);
        table_add(table, uuid, ret.filters.v[i].name);
    }
    table_print(s, table);
    return TRUE;
}

/* ---- where they are in force */

static char **
complete_bindings(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const ConnectListAllNwfilterBindingsArgs args = { .need_results = 1 };
    ConnectListAllNwfilterBindingsRet ret = { 0 };

    if (call(s, PROC_CONNECT_LIST_ALL_NWFILTER_BINDINGS, &args, &ret, NULL))
        for (guint i = 0; i < ret.bindings.n; i++)
            g_strv_builder_add(names, ret.bindings.v[i].portdev);
    return g_strv_builder_end(names);
}

static gboolean
run_binding_list(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "Port Dev", "port", COLUMN_TEXT },
                                      { "Filter", "filter", COLUMN_TEXT } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    const ConnectListAllNwfilterBindingsArgs args = { .need_results = 1 };
    ConnectListAllNwfilterBindingsRet ret = { 0 };

    doing(s, "Failed to list network filter bindings");
    if (!call(s, PROC_CONNECT_LIST_ALL_NWFILTER_BINDINGS, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.bindings.n; i++)
        table_add(table, ret.bindings.v[i].portdev, ret.bindings.v[i].filtername);
    table_print(s, table);
    return TRUE;
}

static const Option binding_options[] = { { "binding", OPTION_STRING, OPTION_REQUIRED,
                                            complete_bindings, "network filter binding port dev" },
                                          XPATH_OPTIONS,
                                          OPTION_END };

static gboolean
run_binding_dumpxml(Shell *s, const Args *a, GError **err)
{
    const NwfilterBindingLookupByPortDevArgs by_port = { .name = args_string(a, "binding") };
    NwfilterBindingLookupByPortDevRet found = { 0 };
    NwfilterBindingGetXmlDescArgs args = { 0 };
    NwfilterBindingGetXmlDescRet ret = { 0 };

    doing(s, "failed to get nwfilter binding '%s'", by_port.name);
    if (!call(s, PROC_NWFILTER_BINDING_LOOKUP_BY_PORT_DEV, &by_port, &found, err))
        return FALSE;
    args.nwfilter = found.nwfilter;
    return call(s, PROC_NWFILTER_BINDING_GET_XML_DESC, &args, &ret, err) &&
           doc_print(s, a, ret.xml, err);
}

static const Option binding_file_options[] = {
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL,
      "file containing an XML network filter binding description" },
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_binding_create(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    g_autofree char *xml = NULL;
    NwfilterBindingCreateXmlArgs args = { .flags = args_flag(a, "validate") };
    NwfilterBindingCreateXmlRet ret = { 0 };

    if (!xml_file(path, &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to create network filter from %s", path);
    if (!call(s, PROC_NWFILTER_BINDING_CREATE_XML, &args, &ret, err))
        return FALSE;
    remark(s, "Network filter binding on %s created from %s\n", ret.nwfilter.portdev, path);
    return TRUE;
}

static const Option binding_delete_options[] = {
    { "binding", OPTION_STRING, OPTION_REQUIRED, complete_bindings,
      "network filter binding port dev" },
    OPTION_END,
};

static gboolean
run_binding_delete(Shell *s, const Args *a, GError **err)
{
    const NwfilterBindingLookupByPortDevArgs by_port = { .name = args_string(a, "binding") };
    NwfilterBindingLookupByPortDevRet found = { 0 };
    NwfilterBindingDeleteArgs args = { 0 };

    doing(s, "failed to get nwfilter binding '%s'", by_port.name);
    if (!call(s, PROC_NWFILTER_BINDING_LOOKUP_BY_PORT_DEV, &by_port, &found, err))
        return FALSE;
    args.nwfilter = found.nwfilter;
    doing(s, "Failed to delete network filter binding %s", by_port.name);
    if (!call(s, PROC_NWFILTER_BINDING_DELETE, &args, NULL, err))
        return FALSE;
    remark(s, "Network filter binding on %s deleted\n", by_port.name);
    return TRUE;
}

const Command nwfilter_commands[] = {
    { "nwfilter-binding-create", "create a network filter binding from an XML file",
      "Create a new network filter binding.", binding_file_options, run_binding_create, 0 },
    { "nwfilter-binding-delete", "delete a network filter binding",
      "Delete a given network filter binding.", binding_delete_options, run_binding_delete, 0 },
    { "nwfilter-binding-dumpxml", "network filter information in XML",
      "Output the network filter binding information as an XML dump to stdout.", binding_options,
      run_binding_dumpxml, 0 },
    { "nwfilter-binding-list", "list network filter bindings",
      "Returns list of network filter bindings.", NULL, run_binding_list, COMMAND_JSON },
    { "nwfilter-define", "define or update a network filter from an XML file",
      "Define a new network filter or update an existing one.", define_options, run_define, 0 },
    { "nwfilter-dumpxml", "network filter information in XML",
      "Output the network filter information as an XML dump to stdout.", dumpxml_options,
      run_dumpxml, 0 },
    { "nwfilter-edit", "edit XML configuration for a network filter",
      "Edit the XML configuration for a network filter.", nwfilter_options, run_edit,
      COMMAND_TALKS },
    { "nwfilter-list", "list network filters", "Returns list of network filters.", NULL, run_list,
      COMMAND_JSON },
    { "nwfilter-undefine", "undefine a network filter", "Undefine a given network filter.",
      nwfilter_options, run_undefine, 0 },
    { 0 },
};
