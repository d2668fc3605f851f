/* Commands about what pools could be made of. */
#include "vmsh/storage.h"

static gboolean
run_capabilities(Shell *s, const Args *a, GError **err)
{
    const ConnectGetStoragePoolCapabilitiesArgs args = { 0 };
    ConnectGetStoragePoolCapabilitiesRet ret = { 0 };

    doing(s, "failed to get storage pool capabilities");
    if (!call(s, PROC_CONNECT_GET_STORAGE_POOL_CAPABILITIES, &args, &ret, err))
        return FALSE;
    put(s, "%s\n", ret.capabilities);
    return TRUE;
}

static gboolean
find_sources(Shell *s, const char *type, const char *spec, GError **err)
{
    const ConnectFindStoragePoolSourcesArgs args = { .type = type, .src_spec = spec };
    ConnectFindStoragePoolSourcesRet ret = { 0 };

    doing(s, "Failed to find any %s pool sources", type);
    if (!call(s, PROC_CONNECT_FIND_STORAGE_POOL_SOURCES, &args, &ret, err))
        return FALSE;
    put(s, "%s\n", ret.xml);
    return TRUE;
}

static const Option find_options[] = {
    { "type", OPTION_STRING, OPTION_REQUIRED, NULL, "type of storage pool sources to discover" },
    { "srcSpec", OPTION_STRING, OPTION_NAMED, NULL,
      "optional file of source xml to query for pools" },
    OPTION_END,
};

static gboolean
run_find(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "srcSpec");
    g_autofree char *spec = NULL;

    return (!path || xml_file(path, &spec, err)) &&
           find_sources(s, args_string(a, "type"), spec, err);
}

static const Option find_as_options[] = {
    { "type", OPTION_STRING, OPTION_REQUIRED, NULL, "type of storage pool sources to find" },
    { "host", OPTION_STRING, OPTION_NAMED, NULL, "optional host to query" },
    { "port", OPTION_STRING, OPTION_NAMED, NULL, "optional port to query" },
    { "initiator", OPTION_STRING, OPTION_NAMED, NULL, "optional initiator IQN to use for query" },
    OPTION_END,
};

static gboolean
run_find_as(Shell *s, const Args *a, GError **err)
{
    const char *host = args_string(a, "host"), *initiator = args_string(a, "initiator");
    XmlOut x = { g_string_new(NULL), 0 };
    g_autofree char *spec = NULL;

    xml_open(&x, "source", NULL);
    if (host && args_string(a, "port"))
        xml_leaf(&x, "host", "name", host, "port", args_string(a, "port"), NULL);
    else if (host)
        xml_leaf(&x, "host", "name", host, NULL);
    if (initiator) {
        xml_open(&x, "initiator", NULL);
        xml_leaf(&x, "iqn", "name", initiator, NULL);
        xml_close(&x, "initiator");
    }
    xml_close(&x, "source");
    spec = g_string_free(x.text, FALSE);
    return find_sources(s, args_string(a, "type"), host || initiator ? spec : NULL, err);
}

const Command pool_source_commands[] = {
    { "find-storage-pool-sources", "discover potential storage pool sources",
      "Returns XML <sources> document.", find_options, run_find },
    { "find-storage-pool-sources-as", "find potential storage pool sources",
      "Returns XML <sources> document.", find_as_options, run_find_as },
    { "pool-capabilities", "storage pool capabilities",
      "Returns capabilities of storage pool support.", NULL, run_capabilities },
    { 0 },
};
