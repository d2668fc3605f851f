/* Commands about storage pools, and what those about volumes share with them. */
#include <string.h>

#include "vmsh/named.h"
#include "vmsh/storage.h"

enum { INACTIVE = 1 << 0, ACTIVE = 1 << 1 };

/* ---- finding */

char **
complete_pools(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const ConnectListAllStoragePoolsArgs args = { .need_results = 1 };
    ConnectListAllStoragePoolsRet ret = { 0 };

    if (call(s, PROC_CONNECT_LIST_ALL_STORAGE_POOLS, &args, &ret, NULL))
        for (guint i = 0; i < ret.pools.n; i++)
            g_strv_builder_add(names, ret.pools.v[i].name);
    return g_strv_builder_end(names);
}

gboolean
pool_lookup(Shell *s, const char *text, PoolRef *ret_pool, GError **err)
{
    StoragePoolLookupByUuidArgs by_uuid;
    const StoragePoolLookupByNameArgs by_name = { .name = text };
    StoragePoolLookupByNameRet ret = { 0 };

    if (uuid_parse(text, by_uuid.uuid) &&
        call(s, PROC_STORAGE_POOL_LOOKUP_BY_UUID, &by_uuid, &ret, NULL)) {
        *ret_pool = ret.pool;
        return TRUE;
    }
    doing(s, "failed to get pool '%s'", text);
    if (!call(s, PROC_STORAGE_POOL_LOOKUP_BY_NAME, &by_name, &ret, err))
        return FALSE;
    *ret_pool = ret.pool;
    g_clear_pointer(&s->doing, g_free);
    return TRUE;
}

static gboolean
pool_get(Shell *s, const Args *a, PoolRef *ret_pool, GError **err)
{
    return pool_lookup(s, args_string(a, "pool"), ret_pool, err);
}

static const Option pool_options[] = { POOL_OPTION, OPTION_END };

/* ---- documents */

#define TEXT(name, doc)                                                                            \
    {                                                                                              \
        name, OPTION_STRING, OPTION_NAMED, NULL, doc                                               \
    }
#define AUTH_OPTIONS                                                                               \
    TEXT("auth-type", "auth type to be used for underlying storage"),                              \
        TEXT("auth-username", "auth username to be used for underlying storage"),                  \
        TEXT("secret-usage", "auth secret usage to be used for underlying storage"),               \
        TEXT("secret-uuid", "auth secret UUID to be used for underlying storage")
#define ADAPTER_OPTIONS                                                                            \
    TEXT("adapter-name", "adapter name to be used for underlying storage"),                        \
        TEXT("adapter-wwnn", "adapter wwnn to be used for underlying storage"),                    \
        TEXT("adapter-wwpn", "adapter wwpn to be used for underlying storage"),                    \
        TEXT("adapter-parent",                                                                     \
             "adapter parent scsi_hostN to be used for underlying vHBA storage"),                  \
        TEXT("adapter-parent-wwnn",                                                                \
             "adapter parent scsi_hostN wwnn to be used for underlying vHBA storage"),             \
        TEXT("adapter-parent-wwpn",                                                                \
             "adapter parent scsi_hostN wwpn to be used for underlying vHBA storage"),             \
        TEXT("adapter-parent-fabric-wwn",                                                          \
             "adapter parent scsi_hostN fabric_wwn to be used for underlying vHBA storage")
#define BUILD_OPTIONS                                                                              \
    FLAG("no-overwrite", "do not overwrite any existing data"),                                    \
        FLAG("overwrite", "overwrite any existing data")
#define START_OPTIONS FLAG("build", "build the pool as normal"), BUILD_OPTIONS

#define SOURCE_OPTIONS                                                                             \
    { "name", OPTION_STRING, OPTION_REQUIRED, NULL, "name of the pool" },                          \
        { "type", OPTION_STRING, OPTION_REQUIRED, NULL, "type of the pool" },                      \
        FLAG("print-xml", "print XML document, but don't define/create"),                          \
        { "source-host", OPTION_STRING, OPTION_NAMED, NULL, "host of the underlying storage" },    \
        { "source-path", OPTION_STRING, OPTION_NAMED, NULL, "path of the underlying storage" },    \
        { "source-dev", OPTION_STRING, OPTION_NAMED, NULL, "device of the underlying storage" },   \
        { "source-name", OPTION_STRING, OPTION_NAMED, NULL, "name of the underlying storage" },    \
        { "target", OPTION_STRING, OPTION_NAMED, NULL, "where the pool is on this host" },         \
        { "source-format", OPTION_STRING, OPTION_NAMED, NULL,                                      \
          "format of the underlying storage" },                                                    \
        AUTH_OPTIONS, ADAPTER_OPTIONS,                                                             \
        TEXT("source-protocol-ver", "nfsvers value for NFS pool mount option"),                    \
        TEXT("source-initiator", "initiator iqn for underlying storage")

static void
leaf(XmlOut *x, const Args *a, const char *option, const char *name, const char *attribute)
{
    if (args_string(a, option))
        xml_leaf(x, name, attribute, args_string(a, option), NULL);
}

static gboolean
has_source(const Args *a)
{
    static const char *const options[] = {
        "source-host",      "source-path", "source-dev",   "source-name",  "source-format",
        "source-initiator", "auth-type",   "adapter-name", "adapter-wwnn", "source-protocol-ver"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
        if (args_string(a, options[i]))
            return TRUE;
    return FALSE;
}

static void
auth_xml(XmlOut *x, const Args *a)
{
    const char *usage = args_string(a, "secret-usage"), *uuid = args_string(a, "secret-uuid");

    if (!args_string(a, "auth-type"))
        return;
    xml_open(x, "auth", "type", args_string(a, "auth-type"), "username",
             args_string(a, "auth-username"), NULL);
    if (usage || uuid)
        xml_leaf(x, "secret", usage ? "usage" : "uuid", usage ? usage : uuid, NULL);
    xml_close(x, "auth");
}

static void
adapter_xml(XmlOut *x, const Args *a)
{
    static const char *const options[] = { "adapter-parent",      "adapter-parent-wwnn",
                                           "adapter-parent-wwpn", "adapter-parent-fabric-wwn",
                                           "adapter-wwnn",        "adapter-wwpn" };
    static const char *const attributes[] = { "parent",      "parent_wwnn",
                                              "parent_wwpn", "parent_fabric_wwn",
                                              "wwnn",        "wwpn" };
    g_autoptr(GString) text = g_string_new("<adapter type='fc_host'");

    if (!args_string(a, "adapter-wwnn")) {
        if (args_string(a, "adapter-name"))
            xml_leaf(x, "adapter", "type", "scsi_host", "name", args_string(a, "adapter-name"),
                     NULL);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
        if (args_string(a, options[i])) {
            g_autofree char *value = g_markup_escape_text(args_string(a, options[i]), -1);
            g_string_append_printf(text, " %s='%s'", attributes[i], value);
        }
    g_string_append_printf(x->text, "    %s/>\n", text->str);
}

static char *
pool_document(const Args *a)
{
    XmlOut x = { g_string_new(NULL), 0 };

    xml_open(&x, "pool", "type", args_string(a, "type"), NULL);
    xml_text(&x, "name", args_string(a, "name"), NULL);
    if (has_source(a)) {
        xml_open(&x, "source", NULL);
        leaf(&x, a, "source-host", "host", "name");
        leaf(&x, a, "source-path", "dir", "path");
        leaf(&x, a, "source-dev", "device", "path");
        adapter_xml(&x, a);
        auth_xml(&x, a);
        if (args_string(a, "source-initiator")) {
            xml_open(&x, "initiator", NULL);
            leaf(&x, a, "source-initiator", "iqn", "name");
            xml_close(&x, "initiator");
        }
        xml_text(&x, "name", args_string(a, "source-name"), NULL);
        leaf(&x, a, "source-format", "format", "type");
        leaf(&x, a, "source-protocol-ver", "protocol", "ver");
        xml_close(&x, "source");
    }
    if (args_string(a, "target")) {
        xml_open(&x, "target", NULL);
        xml_text(&x, "path", args_string(a, "target"), NULL);
        xml_close(&x, "target");
    }
    xml_close(&x, "pool");
    return g_string_free(x.text, FALSE);
}

static const Option define_options[] = {
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file containing an XML pool description" },
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_define(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL;
    StoragePoolDefineXmlArgs args = { .flags = args_flag(a, "validate") };
    StoragePoolDefineXmlRet ret = { 0 };

    if (!xml_file(args_string(a, "file"), &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to define pool from %s", args_string(a, "file"));
    if (!call(s, PROC_STORAGE_POOL_DEFINE_XML, &args, &ret, err))
        return FALSE;
    remark(s, "Pool %s defined from %s\n", ret.pool.name, args_string(a, "file"));
    return TRUE;
}

static const Option create_options[] = {
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file containing an XML pool description" },
    FLAG("validate", "validate the XML against the schema"),
    START_OPTIONS,
    OPTION_END,
};

/* Of a start; a build has bits of its own. */
static const FlagBit start_bits[] = {
    { "build", 1 << 0 }, { "overwrite", 1 << 1 }, { "no-overwrite", 1 << 2 }, { 0 }
};

static gboolean
run_create(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL;
    StoragePoolCreateXmlArgs args = { .flags = (args_flag(a, "validate") ? 1 << 3 : 0) |
                                               args_bits(a, start_bits) };
    StoragePoolCreateXmlRet ret = { 0 };

    if (!args_exclusive(a, "overwrite", "no-overwrite", err) ||
        !xml_file(args_string(a, "file"), &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to create pool from %s", args_string(a, "file"));
    if (!call(s, PROC_STORAGE_POOL_CREATE_XML, &args, &ret, err))
        return FALSE;
    remark(s, "Pool %s created from %s\n", ret.pool.name, args_string(a, "file"));
    return TRUE;
}

static const Option define_as_options[] = { SOURCE_OPTIONS, OPTION_END };
static const Option create_as_options[] = { SOURCE_OPTIONS, START_OPTIONS, OPTION_END };

/* Both procedures take and give the same. */
static gboolean
make_as(Shell *s, const Args *a, gint32 procedure, const char *how, GError **err)
{
    g_autofree char *xml = pool_document(a);
    const StoragePoolDefineXmlArgs args = { .xml = xml, .flags = args_bits(a, start_bits) };
    StoragePoolDefineXmlRet ret = { 0 };

    if (!args_exclusive(a, "overwrite", "no-overwrite", err))
        return FALSE;
    if (args_flag(a, "print-xml")) {
        put(s, "%s", xml);
        return TRUE;
    }
    doing(s, "Failed to %s pool %s", how, args_string(a, "name"));
    if (!call(s, procedure, &args, &ret, err))
        return FALSE;
    remark(s, "Pool %s %sd\n", ret.pool.name, how);
    return TRUE;
}

static gboolean
run_define_as(Shell *s, const Args *a, GError **err)
{
    return make_as(s, a, PROC_STORAGE_POOL_DEFINE_XML, "define", err);
}

static gboolean
run_create_as(Shell *s, const Args *a, GError **err)
{
    return make_as(s, a, PROC_STORAGE_POOL_CREATE_XML, "create", err);
}

static const Option dumpxml_options[] = { POOL_OPTION,
                                          FLAG("inactive", "show inactive defined XML"),
                                          XPATH_OPTIONS, OPTION_END };

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    StoragePoolGetXmlDescArgs args = { .flags = args_flag(a, "inactive") };
    StoragePoolGetXmlDescRet ret = { 0 };

    return pool_get(s, a, &args.pool, err) &&
           call(s, PROC_STORAGE_POOL_GET_XML_DESC, &args, &ret, err) &&
           doc_print(s, a, ret.xml, err);
}

static gboolean
apply_edited(Shell *s, const char *text, gboolean validate, gpointer user, GError **err)
{
    const StoragePoolDefineXmlArgs args = { .xml = text, .flags = validate };
    StoragePoolDefineXmlRet ret = { 0 };

    return call(s, PROC_STORAGE_POOL_DEFINE_XML, &args, &ret, err);
}

static gboolean
run_edit(Shell *s, const Args *a, GError **err)
{
    StoragePoolGetXmlDescArgs args = { .flags = INACTIVE };
    StoragePoolGetXmlDescRet ret = { 0 };
    gboolean changed;

    if (!pool_get(s, a, &args.pool, err) ||
        !call(s, PROC_STORAGE_POOL_GET_XML_DESC, &args, &ret, err) ||
        !edit_and_apply(s, ret.xml, ".xml", FALSE, apply_edited, NULL, &changed, err))
        return FALSE;
    remark(s,
           changed ? "Pool %s XML configuration edited.\n"
                   : "Pool %s XML configuration not changed.\n",
           args.pool.name);
    return TRUE;
}

/* ---- a pool's life */

static const Option build_options[] = { POOL_OPTION, BUILD_OPTIONS, OPTION_END };
static const Option start_options[] = { POOL_OPTION, START_OPTIONS, OPTION_END };

typedef struct PoolAction {
    const char *verb, *told;
    gint32 procedure;
    const FlagBit *bits; /* may be NULL */
} PoolAction;

static const FlagBit build_bits[] = { { "no-overwrite", 1 << 2 }, { "overwrite", 1 << 3 }, { 0 } };

/* Their arguments are the pool, and flags that most have none of. */
static gboolean
change(Shell *s, const Args *a, const PoolAction *c, GError **err)
{
    StoragePoolCreateArgs args = { .flags = c->bits ? args_bits(a, c->bits) : 0 };

    if (!args_exclusive(a, "overwrite", "no-overwrite", err) || !pool_get(s, a, &args.pool, err))
        return FALSE;
    doing(s, "Failed to %s pool %s", c->verb, args.pool.name);
    if (!call(s, c->procedure, &args, NULL, err))
        return FALSE;
    remark(s, "Pool %s %s\n", args.pool.name, c->told);
    return TRUE;
}

#define CHANGE(function, verb, told, procedure, bits)                                              \
    static gboolean function(Shell *s, const Args *a, GError **err)                                \
    {                                                                                              \
        static const PoolAction c = { verb, told, PROC_STORAGE_POOL_##procedure, bits };           \
        return change(s, a, &c, err);                                                              \
    }
CHANGE(run_build, "build", "built", BUILD, build_bits)
CHANGE(run_start, "start", "started", CREATE, start_bits)
CHANGE(run_destroy, "destroy", "destroyed", DESTROY, NULL)
CHANGE(run_delete, "delete", "deleted", DELETE, NULL)
CHANGE(run_undefine, "undefine", "has been undefined", UNDEFINE, NULL)
CHANGE(run_refresh, "refresh", "refreshed", REFRESH, NULL)

static const Option autostart_options[] = { POOL_OPTION, FLAG("disable", "disable autostarting"),
                                            OPTION_END };

static gboolean
lookup(Shell *s, const char *text, NamedRef *ret_ref, GError **err)
{
    PoolRef pool;

    if (!pool_lookup(s, text, &pool, err))
        return FALSE;
    memcpy(ret_ref, &pool, sizeof *ret_ref);
    return TRUE;
}

static const NamedKind kind = { "pool", "Pool", lookup, PROC_STORAGE_POOL_SET_AUTOSTART };

static gboolean
run_autostart(Shell *s, const Args *a, GError **err)
{
    return named_autostart(s, a, &kind, err);
}

static gboolean
run_name(Shell *s, const Args *a, GError **err)
{
    return named_name(s, a, &kind, err);
}

static gboolean
run_uuid(Shell *s, const Args *a, GError **err)
{
    return named_uuid(s, a, &kind, err);
}

/* ---- what is known of them */

typedef struct PoolFacts {
    StoragePoolGetInfoRet info;
    StoragePoolGetAutostartRet autostart;
    StoragePoolIsPersistentRet persistent;
} PoolFacts;

static const char *
state_text(guint state)
{
    static const char *const words[] = { "inactive", "building", "running", "degraded",
                                         "inaccessible" };

    return nth(words, G_N_ELEMENTS(words), (int)state, "unknown");
}

static gboolean
facts_get(Shell *s, const PoolRef *pool, PoolFacts *ret_facts, GError **err)
{
    const StoragePoolGetInfoArgs args = { .pool = *pool };

    return call(s, PROC_STORAGE_POOL_GET_INFO, &args, &ret_facts->info, err) &&
           call(s, PROC_STORAGE_POOL_GET_AUTOSTART, &args, &ret_facts->autostart, err) &&
           call(s, PROC_STORAGE_POOL_IS_PERSISTENT, &args, &ret_facts->persistent, err);
}

void
sheet_add_size(Sheet *sheet, const char *title, guint64 bytes, gboolean plain)
{
    if (plain)
        sheet_add_number(sheet, title, bytes, NULL);
    else
        sheet_add_bytes(sheet, title, bytes);
}

static const Option info_options[] = { POOL_OPTION, FLAG("bytes", "return pool info in bytes"),
                                       OPTION_END };

static gboolean
run_info(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) sheet = sheet_new(16);
    gboolean plain = args_flag(a, "bytes");
    PoolRef pool;
    PoolFacts f = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (!pool_get(s, a, &pool, err) || !facts_get(s, &pool, &f, err))
        return FALSE;
    uuid_text(pool.uuid, uuid);
    sheet_add(sheet, "Name", "%s", pool.name);
    sheet_add(sheet, "UUID", "%s", uuid);
    sheet_add(sheet, "State", "%s", state_text(f.info.state));
    sheet_add_flag(sheet, "Persistent", f.persistent.persistent);
    sheet_add_flag(sheet, "Autostart", f.autostart.autostart);
    if (f.info.state != 0) {
        sheet_add_size(sheet, "Capacity", f.info.capacity, plain);
        sheet_add_size(sheet, "Allocation", f.info.allocation, plain);
        sheet_add_size(sheet, "Available", f.info.available, plain);
    }
    sheet_print(s, sheet);
    return TRUE;
}

static const Option list_options[] = {
    FLAG("inactive", "list inactive pools"),
    FLAG("all", "list inactive & active pools"),
    FLAG("transient", "list transient pools"),
    FLAG("persistent", "list persistent pools"),
    FLAG("autostart", "list pools with autostart enabled"),
    FLAG("no-autostart", "list pools with autostart disabled"),
    { "type", OPTION_STRING, OPTION_NAMED, NULL,
      "only list pool of specified type(s) (if supported)" },
    FLAG("details", "display extended details for pools"),
    FLAG("uuid", "list UUIDs only"),
    FLAG("name", "list names only"),
    OPTION_END,
};

static const FlagBit list_bits[] = { { "persistent", 1 << 2 },
                                     { "transient", 1 << 3 },
                                     { "autostart", 1 << 4 },
                                     { "no-autostart", 1 << 5 },
                                     { 0 } };

/* Each is one bit, from 1 << 6. */
static const char *const pool_types[] = { "dir",     "fs",   "netfs",    "logical",     "disk",
                                          "iscsi",   "scsi", "mpath",    "rbd",         "sheepdog",
                                          "gluster", "zfs",  "vstorage", "iscsi-direct" };

static gboolean
type_bits(const char *text, guint *flags, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);

    for (guint i = 0; words[i]; i++) {
        gsize type = 0;
        while (type < G_N_ELEMENTS(pool_types) && strcmp(pool_types[type], words[i]) != 0)
            type++;
        if (type == G_N_ELEMENTS(pool_types))
            return refuse(err, "Invalid pool type '%s'", words[i]);
        *flags |= 1U << (6 + type);
    }
    return TRUE;
}

static void
add_pool(Table *table, const PoolRef *pool, const PoolFacts *f, gboolean details)
{
    g_autofree char *capacity = size_cell(f->info.capacity);
    g_autofree char *allocation = size_cell(f->info.allocation);
    g_autofree char *available = size_cell(f->info.available);
    const char *state = f->info.state == 2 ? "active" : state_text(f->info.state);
    const char *autostart = f->autostart.autostart ? "yes" : "no";

    if (details)
        table_add(table, pool->name, f->info.state == 2 ? "running" : state, autostart,
                  f->persistent.persistent ? "yes" : "no", f->info.state ? capacity : NULL,
                  f->info.state ? allocation : NULL, f->info.state ? available : NULL);
    else
        table_add(table, pool->name, state, autostart);
}

static gboolean
print_pools(Shell *s, const ConnectListAllStoragePoolsRet *ret, gboolean details, GError **err)
{
    static const Column columns[] = {
        { "Name", "name", COLUMN_TEXT },
        { "State", "state", COLUMN_TEXT },
        { "Autostart", "autostart", COLUMN_FLAG },
        { "Persistent", "persistent", COLUMN_FLAG },
        { "Capacity", "capacity", COLUMN_NUMBER },
        { "Allocation", "allocation", COLUMN_NUMBER },
        { "Available", "available", COLUMN_NUMBER },
    };
    g_autoptr(Table) table = table_new(columns, details ? G_N_ELEMENTS(columns) : 3);

    for (guint i = 0; i < ret->pools.n; i++) {
        PoolFacts f = { 0 };
        if (!facts_get(s, &ret->pools.v[i], &f, err))
            return FALSE;
        add_pool(table, &ret->pools.v[i], &f, details);
    }
    table_print(s, table);
    return TRUE;
}

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    ConnectListAllStoragePoolsArgs args = { .need_results = 1 };
    ConnectListAllStoragePoolsRet ret = { 0 };

    if (!args_exclusive(a, "all", "inactive", err))
        return FALSE;
    args.flags = args_bits(a, list_bits);
    if (!args_flag(a, "all"))
        args.flags |= args_flag(a, "inactive") ? INACTIVE : ACTIVE;
    if (args_flag(a, "type") && !type_bits(args_string(a, "type"), &args.flags, err))
        return FALSE;
    doing(s, "Failed to list pools");
    if (!call(s, PROC_CONNECT_LIST_ALL_STORAGE_POOLS, &args, &ret, err))
        return FALSE;
    if (!args_flag(a, "name") && !args_flag(a, "uuid"))
        return print_pools(s, &ret, args_flag(a, "details"), err);
    named_list(s, a, ret.pools.v, ret.pools.n);
    return TRUE;
}

const Command pool_commands[] = {
    { "pool-autostart", "autostart a pool", "Configure a pool to be automatically started at boot.",
      autostart_options, run_autostart },
    { "pool-build", "build a pool", "Build a given pool: make its folder.", build_options,
      run_build },
    { "pool-create", "create a pool from an XML file", "Create a pool.", create_options,
      run_create },
    { "pool-create-as", "create a pool from a set of args", "Create a pool.", create_as_options,
      run_create_as },
    { "pool-define", "define an inactive persistent storage pool or modify an existing one",
      "Define or modify a persistent storage pool.", define_options, run_define },
    { "pool-define-as", "define a pool from a set of args", "Define a pool.", define_as_options,
      run_define_as },
    { "pool-delete", "delete a pool", "Delete a given pool: its folder, which must be empty.",
      pool_options, run_delete },
    { "pool-destroy", "destroy (stop) a pool",
      "Forcefully stop a given pool. Raw data in the pool is untouched", pool_options,
      run_destroy },
    { "pool-dumpxml", "pool information in XML",
      "Output the pool information as an XML dump to stdout.", dumpxml_options, run_dumpxml },
    { "pool-edit", "edit XML configuration for a storage pool",
      "Edit the XML configuration for a storage pool.", pool_options, run_edit, COMMAND_TALKS },
    { "pool-info", "storage pool information", "Returns basic information about the storage pool.",
      info_options, run_info, COMMAND_JSON },
    { "pool-list", "list pools", "Returns list of pools.", list_options, run_list, COMMAND_JSON },
    { "pool-name", "convert a pool UUID to pool name", NULL, pool_options, run_name },
    { "pool-refresh", "refresh a pool", "Refresh a given pool.", pool_options, run_refresh },
    { "pool-start", "start a (previously defined) inactive pool", "Start a pool.", start_options,
      run_start },
    { "pool-undefine", "undefine an inactive pool",
      "Undefine the configuration for an inactive pool.", pool_options, run_undefine },
    { "pool-uuid", "convert a pool name to pool UUID", NULL, pool_options, run_uuid },
    { 0 },
};
