/* Commands about volumes of storage pools. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmsh/storage.h"

enum { PREALLOC = 1 << 0, REFLINK = 1 << 1, VALIDATE = 1 << 2 };

static const FlagBit create_bits[] = {
    { "prealloc-metadata", PREALLOC }, { "reflink", REFLINK }, { "validate", VALIDATE }, { 0 }
};

/* Of all pools, as the one that is meant may come later on the line. */
char **
complete_volumes(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const ConnectListAllStoragePoolsArgs args = { .need_results = 1 };
    ConnectListAllStoragePoolsRet pools = { 0 };

    if (!call(s, PROC_CONNECT_LIST_ALL_STORAGE_POOLS, &args, &pools, NULL))
        return g_strv_builder_end(names);
    for (guint i = 0; i < pools.pools.n; i++) {
        const StoragePoolListAllVolumesArgs of = { .pool = pools.pools.v[i], .need_results = 1 };
        StoragePoolListAllVolumesRet ret = { 0 };
        if (!call(s, PROC_STORAGE_POOL_LIST_ALL_VOLUMES, &of, &ret, NULL))
            continue; /* it is not active */
        for (guint k = 0; k < ret.vols.n; k++)
            g_strv_builder_add(names, ret.vols.v[k].name);
    }
    return g_strv_builder_end(names);
}

/* ---- finding */

static gboolean
by_name(Shell *s, const char *pool, const char *text, VolumeRef *ret_vol)
{
    StorageVolLookupByNameArgs args = { .name = text };
    StorageVolLookupByNameRet ret = { 0 };

    if (!pool_lookup(s, pool, &args.pool, NULL) ||
        !call(s, PROC_STORAGE_VOL_LOOKUP_BY_NAME, &args, &ret, NULL))
        return FALSE;
    *ret_vol = ret.vol;
    return TRUE;
}

static gboolean
by_key_or_path(Shell *s, const char *text, VolumeRef *ret_vol)
{
    const StorageVolLookupByKeyArgs args = { .key = text };
    StorageVolLookupByKeyRet ret = { 0 };

    if (!call(s, PROC_STORAGE_VOL_LOOKUP_BY_KEY, &args, &ret, NULL) &&
        !call(s, PROC_STORAGE_VOL_LOOKUP_BY_PATH, &args, &ret, NULL))
        return FALSE;
    *ret_vol = ret.vol;
    return TRUE;
}

static gboolean
volume_lookup(Shell *s, const char *text, const char *pool, VolumeRef *ret_vol, GError **err)
{
    if ((pool && by_name(s, pool, text, ret_vol)) || by_key_or_path(s, text, ret_vol)) {
        g_clear_pointer(&s->doing, g_free);
        return TRUE;
    }
    g_clear_pointer(&s->doing, g_free);
    doing(s, "failed to get vol '%s'", text);
    return pool ? refuse(err, "pool '%s' has no such volume", pool)
                : refuse(err, "specifying --pool might help");
}

gboolean
volume_get(Shell *s, const Args *a, VolumeRef *ret_vol, GError **err)
{
    return volume_lookup(s, args_string(a, "vol"), args_string(a, "pool"), ret_vol, err);
}

/* ---- making */

/* A call that makes or changes a volume, with a bar while it lasts. */
static gboolean
call_shown(Shell *s, gint32 procedure, gconstpointer args, gpointer ret, const char *kind,
           const char *pool, const char *volume, GError **err)
{
    ProgressBar bar;
    gboolean ok;

    progress_begin(s, &bar, kind, pool, volume);
    ok = call(s, procedure, args, ret, err);
    progress_end(&bar);
    return ok;
}

/* As a document names it; the caller's. */
static char *
volume_name_in(const char *xml)
{
    g_autoptr(Doc) doc = doc_parse(xml, NULL);
    char *name = doc ? doc_text(doc, NULL, "/volume/name") : NULL;

    return name ? name : g_strdup("");
}

static const Option create_options[] = {
    POOL_OPTION,
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file containing an XML vol description" },
    FLAG("prealloc-metadata", "preallocate metadata (for qcow2 instead of full allocation)"),
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_create(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL, *name = NULL;
    StorageVolCreateXmlArgs args = { .flags = args_bits(a, create_bits) };
    StorageVolCreateXmlRet ret = { 0 };

    if (!pool_lookup(s, args_string(a, "pool"), &args.pool, err) ||
        !xml_file(args_string(a, "file"), &xml, err))
        return FALSE;
    args.xml = xml;
    name = volume_name_in(xml);
    doing(s, "Failed to create vol from %s", args_string(a, "file"));
    if (!call_shown(s, PROC_STORAGE_VOL_CREATE_XML, &args, &ret, "create", args.pool.name, name,
                    err))
        return FALSE;
    remark(s, "Vol %s created from %s\n", ret.vol.name, args_string(a, "file"));
    return TRUE;
}

static const Option create_as_options[] = {
    POOL_OPTION,
    { "name", OPTION_STRING, OPTION_REQUIRED, NULL, "name of the volume" },
    { "capacity", OPTION_STRING, OPTION_REQUIRED, NULL,
      "size of the vol, as scaled integer (default bytes)" },
    { "allocation", OPTION_STRING, OPTION_NAMED, NULL,
      "initial allocation size, as scaled integer (default bytes)" },
    { "format", OPTION_STRING, OPTION_NAMED, NULL, "file format type raw,qcow,qcow2,qed,vmdk" },
    { "backing-vol", OPTION_STRING, OPTION_NAMED, NULL, "the volume that it lies on" },
    { "backing-vol-format", OPTION_STRING, OPTION_NAMED, NULL, "format of that volume" },
    FLAG("prealloc-metadata", "preallocate metadata (for qcow2 instead of full allocation)"),
    FLAG("print-xml", "print XML document, but don't create"),
    OPTION_END,
};

static gboolean
add_backing(Shell *s, const Args *a, XmlOut *x, GError **err)
{
    StorageVolGetPathArgs args = { 0 };
    StorageVolGetPathRet ret = { 0 };

    if (!args_string(a, "backing-vol"))
        return TRUE;
    if (!volume_lookup(s, args_string(a, "backing-vol"), args_string(a, "pool"), &args.vol, err) ||
        !call(s, PROC_STORAGE_VOL_GET_PATH, &args, &ret, err))
        return FALSE;
    xml_open(x, "backingStore", NULL);
    xml_text(x, "path", ret.name, NULL);
    if (args_string(a, "backing-vol-format"))
        xml_leaf(x, "format", "type", args_string(a, "backing-vol-format"), NULL);
    xml_close(x, "backingStore");
    return TRUE;
}

static gboolean
volume_document(Shell *s, const Args *a, char **ret_xml, GError **err)
{
    XmlOut x = { g_string_new(NULL), 0 };
    guint64 capacity = 0, allocation = 0;
    gboolean ok = args_size(a, "capacity", 1, &capacity, err) &&
                  args_size(a, "allocation", 1, &allocation, err);

    xml_open(&x, "volume", NULL);
    xml_text(&x, "name", args_string(a, "name"), NULL);
    xml_text(&x, "capacity", xml_number(capacity), NULL);
    if (args_string(a, "allocation"))
        xml_text(&x, "allocation", xml_number(allocation), NULL);
    if (args_string(a, "format")) {
        xml_open(&x, "target", NULL);
        xml_leaf(&x, "format", "type", args_string(a, "format"), NULL);
        xml_close(&x, "target");
    }
    ok = ok && add_backing(s, a, &x, err);
    xml_close(&x, "volume");
    *ret_xml = g_string_free(x.text, FALSE);
    return ok;
}

static gboolean
run_create_as(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL;
    StorageVolCreateXmlArgs args = { .flags = args_bits(a, create_bits) };
    StorageVolCreateXmlRet ret = { 0 };

    if (!volume_document(s, a, &xml, err))
        return FALSE;
    if (args_flag(a, "print-xml")) {
        put(s, "%s", xml);
        return TRUE;
    }
    if (!pool_lookup(s, args_string(a, "pool"), &args.pool, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to create vol %s", args_string(a, "name"));
    if (!call_shown(s, PROC_STORAGE_VOL_CREATE_XML, &args, &ret, "create", args.pool.name,
                    args_string(a, "name"), err))
        return FALSE;
    remark(s, "Vol %s created\n", ret.vol.name);
    return TRUE;
}

/* ---- copying */

static const Option create_from_options[] = {
    POOL_OPTION,
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file containing an XML vol description" },
    VOL_OPTION,
    { "inputpool", OPTION_STRING, OPTION_NAMED, complete_pools,
      "pool name or uuid of the input volume's pool" },
    FLAG("prealloc-metadata", "preallocate metadata (for qcow2 instead of full allocation)"),
    FLAG("reflink", "share blocks with the input volume"),
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_create_from(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL, *name = NULL;
    StorageVolCreateXmlFromArgs args = { .flags = args_bits(a, create_bits) };
    StorageVolCreateXmlFromRet ret = { 0 };

    if (!pool_lookup(s, args_string(a, "pool"), &args.pool, err) ||
        !volume_lookup(s, args_string(a, "vol"), args_string(a, "inputpool"), &args.clonevol,
                       err) ||
        !xml_file(args_string(a, "file"), &xml, err))
        return FALSE;
    args.xml = xml;
    name = volume_name_in(xml);
    doing(s, "Failed to create vol from %s", args_string(a, "file"));
    if (!call_shown(s, PROC_STORAGE_VOL_CREATE_XML_FROM, &args, &ret, "clone", args.pool.name, name,
                    err))
        return FALSE;
    remark(s, "Vol %s created from input vol %s\n", ret.vol.name, args.clonevol.name);
    return TRUE;
}

static const Option clone_options[] = {
    VOL_OPTION,
    { "newname", OPTION_STRING, OPTION_REQUIRED, NULL, "clone name" },
    OF_POOL_OPTION,
    FLAG("prealloc-metadata", "preallocate metadata (for qcow2 instead of full allocation)"),
    FLAG("reflink", "share blocks with the volume"),
    FLAG("print-xml", "print XML document rather than clone the volume"),
    OPTION_END,
};

/* The format of the volume, and what it lies on. */
static gboolean
clone_document(Shell *s, const VolumeRef *vol, const char *name, char **ret_xml, GError **err)
{
    const StorageVolGetXmlDescArgs args = { .vol = *vol };
    StorageVolGetXmlDescRet ret = { 0 };
    XmlOut x = { g_string_new(NULL), 0 };

    if (!call(s, PROC_STORAGE_VOL_GET_XML_DESC, &args, &ret, err)) {
        g_string_free(x.text, TRUE);
        return FALSE;
    }
    g_autoptr(Doc) doc = doc_parse(ret.xml, err);
    g_autofree char *capacity = doc ? doc_text(doc, NULL, "/volume/capacity") : NULL;
    g_autofree char *allocation = doc ? doc_text(doc, NULL, "/volume/allocation") : NULL;
    g_autofree char *format = doc ? doc_text(doc, NULL, "/volume/target/format/@type") : NULL;
    g_autofree char *below = doc ? doc_text(doc, NULL, "/volume/backingStore/path") : NULL;
    g_autofree char *kind = doc ? doc_text(doc, NULL, "/volume/backingStore/format/@type") : NULL;

    xml_open(&x, "volume", NULL);
    xml_text(&x, "name", name, NULL);
    xml_text(&x, "capacity", capacity, NULL);
    xml_text(&x, "allocation", allocation, NULL);
    xml_open(&x, "target", NULL);
    if (format)
        xml_leaf(&x, "format", "type", format, NULL);
    xml_close(&x, "target");
    if (below) {
        xml_open(&x, "backingStore", NULL);
        xml_text(&x, "path", below, NULL);
        if (kind)
            xml_leaf(&x, "format", "type", kind, NULL);
        xml_close(&x, "backingStore");
    }
    xml_close(&x, "volume");
    *ret_xml = g_string_free(x.text, FALSE);
    return doc != NULL;
}

static gboolean
run_clone(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL;
    StorageVolCreateXmlFromArgs args = { .flags = args_bits(a, create_bits) };
    StorageVolCreateXmlFromRet ret = { 0 };

    if (!volume_get(s, a, &args.clonevol, err) ||
        !clone_document(s, &args.clonevol, args_string(a, "newname"), &xml, err))
        return FALSE;
    if (args_flag(a, "print-xml")) {
        put(s, "%s", xml);
        return TRUE;
    }
    if (!pool_lookup(s, args.clonevol.pool, &args.pool, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to clone vol from %s", args.clonevol.name);
    if (!call_shown(s, PROC_STORAGE_VOL_CREATE_XML_FROM, &args, &ret, "clone", args.pool.name,
                    args_string(a, "newname"), err))
        return FALSE;
    remark(s, "Vol %s cloned from %s\n", ret.vol.name, args.clonevol.name);
    return TRUE;
}

/* ---- changing */

static const Option vol_options[] = { VOL_OPTION, OF_POOL_OPTION, OPTION_END };

static const Option delete_options[] = {
    VOL_OPTION, OF_POOL_OPTION,
    FLAG("delete-snapshots",
         "delete snapshots associated with volume (must be supported by storage driver)"),
    OPTION_END
};

static gboolean
run_delete(Shell *s, const Args *a, GError **err)
{
    enum { WITH_SNAPSHOTS = 2 };
    StorageVolDeleteArgs args = { .flags = args_flag(a, "delete-snapshots") ? WITH_SNAPSHOTS : 0 };

    if (!volume_get(s, a, &args.vol, err))
        return FALSE;
    doing(s, "Failed to delete vol %s", args_string(a, "vol"));
    if (!call(s, PROC_STORAGE_VOL_DELETE, &args, NULL, err))
        return FALSE;
    remark(s, "Vol %s deleted\n", args_string(a, "vol"));
    return TRUE;
}

static const Option resize_options[] = {
    VOL_OPTION,
    { "capacity", OPTION_STRING, OPTION_REQUIRED, NULL,
      "new capacity for the vol, as scaled integer (default bytes)" },
    OF_POOL_OPTION,
    FLAG("allocate", "allocate the new capacity, rather than leaving it sparse"),
    FLAG("delta", "use capacity as a delta to current size, rather than the new size"),
    FLAG("shrink", "allow the resize to shrink the volume"),
    OPTION_END,
};

static const FlagBit resize_bits[] = { { "allocate", 1 }, { "delta", 2 }, { "shrink", 4 }, { 0 } };

static gboolean
run_resize(Shell *s, const Args *a, GError **err)
{
    StorageVolResizeArgs args = { .flags = args_bits(a, resize_bits) };
    const char *how = args_flag(a, "delta") ? "by" : "to";

    if (!args_size(a, "capacity", 1, &args.capacity, err) || !volume_get(s, a, &args.vol, err))
        return FALSE;
    doing(s, "Failed to change size of volume '%s' %s %s", args.vol.name, how,
          args_string(a, "capacity"));
    if (!call(s, PROC_STORAGE_VOL_RESIZE, &args, NULL, err))
        return FALSE;
    remark(s, "Size of volume '%s' successfully changed %s %s\n", args.vol.name, how,
           args_string(a, "capacity"));
    return TRUE;
}

static const char *const algorithms[] = { "zero",    "nnsa",     "dod",       "bsi",
                                          "gutmann", "schneier", "pfitzner7", "pfitzner33",
                                          "random",  "trim" };

static const Option wipe_options[] = {
    VOL_OPTION,
    OF_POOL_OPTION,
    { "algorithm", OPTION_STRING, OPTION_NAMED, NULL, "perform selected wiping algorithm" },
    OPTION_END,
};

static gboolean
run_wipe(Shell *s, const Args *a, GError **err)
{
    const char *how = args_string(a, "algorithm") ? args_string(a, "algorithm") : algorithms[0];
    StorageVolWipePatternArgs args = { 0 };

    while (args.algorithm < G_N_ELEMENTS(algorithms) &&
           strcmp(algorithms[args.algorithm], how) != 0)
        args.algorithm++;
    if (args.algorithm == G_N_ELEMENTS(algorithms))
        return refuse(err, "Unsupported algorithm '%s'", how);
    if (!volume_get(s, a, &args.vol, err))
        return FALSE;
    doing(s, "Failed to wipe vol %s", args_string(a, "vol"));
    if (!call_shown(s, PROC_STORAGE_VOL_WIPE_PATTERN, &args, NULL, "wipe", args.vol.pool,
                    args.vol.name, err))
        return FALSE;
    remark(s, "Vol %s wiped\n", args_string(a, "vol"));
    return TRUE;
}

/* ---- reading */

static const Option dumpxml_options[] = { VOL_OPTION, OF_POOL_OPTION, XPATH_OPTIONS, OPTION_END };

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    StorageVolGetXmlDescArgs args = { 0 };
    StorageVolGetXmlDescRet ret = { 0 };

    return volume_get(s, a, &args.vol, err) &&
           call(s, PROC_STORAGE_VOL_GET_XML_DESC, &args, &ret, err) &&
           doc_print(s, a, ret.xml, err);
}

static const char *
type_text(int type)
{
    static const char *const words[] = { "file", "block", "dir", "network", "netdir", "ploop" };

    return nth(words, G_N_ELEMENTS(words), type, "unknown");
}

static const Option info_options[] = {
    VOL_OPTION,
    OF_POOL_OPTION,
    FLAG("bytes", "sizes are represented in bytes rather than pretty units"),
    FLAG("physical", "return the physical size of the volume in allocation field"),
    OPTION_END,
};

static gboolean
run_info(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Sheet) sheet = sheet_new(16);
    gboolean plain = args_flag(a, "bytes"), physical = args_flag(a, "physical");
    StorageVolGetInfoFlagsArgs args = { .flags = physical };
    StorageVolGetInfoFlagsRet ret = { 0 };

    if (!volume_get(s, a, &args.vol, err) ||
        !call(s, PROC_STORAGE_VOL_GET_INFO_FLAGS, &args, &ret, err))
        return FALSE;
    sheet_add(sheet, "Name", "%s", args.vol.name);
    sheet_add(sheet, "Type", "%s", type_text(ret.type));
    sheet_add_size(sheet, "Capacity", ret.capacity, plain);
    sheet_add_size(sheet, physical ? "Physical" : "Allocation", ret.allocation, plain);
    sheet_print(s, sheet);
    return TRUE;
}

static const Option list_options[] = { POOL_OPTION,
                                       FLAG("details", "display extended details for volumes"),
                                       OPTION_END };

/* One that has gone meanwhile has no details. */
static void
add_volume(Shell *s, Table *table, const VolumeRef *vol, gboolean details)
{
    const StorageVolGetInfoArgs args = { .vol = *vol };
    StorageVolGetPathRet path = { 0 };
    StorageVolGetInfoRet info = { 0 };
    g_autofree char *capacity = NULL, *allocation = NULL;

    if (!call(s, PROC_STORAGE_VOL_GET_PATH, &args, &path, NULL))
        path.name = vol->key;
    if (!details) {
        table_add(table, vol->name, path.name);
        return;
    }
    if (call(s, PROC_STORAGE_VOL_GET_INFO, &args, &info, NULL)) {
        capacity = size_cell(info.capacity);
        allocation = size_cell(info.allocation);
    }
    table_add(table, vol->name, path.name, capacity ? type_text(info.type) : NULL, capacity,
              allocation);
}

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = {
        { "Name", "name", COLUMN_TEXT },
        { "Path", "path", COLUMN_TEXT },
        { "Type", "type", COLUMN_TEXT },
        { "Capacity", "capacity", COLUMN_NUMBER },
        { "Allocation", "allocation", COLUMN_NUMBER },
    };
    gboolean details = args_flag(a, "details");
    g_autoptr(Table) table = table_new(columns, details ? G_N_ELEMENTS(columns) : 2);
    StoragePoolListAllVolumesArgs args = { .need_results = 1 };
    StoragePoolListAllVolumesRet ret = { 0 };

    if (!pool_lookup(s, args_string(a, "pool"), &args.pool, err))
        return FALSE;
    doing(s, "Failed to list volumes");
    if (!call(s, PROC_STORAGE_POOL_LIST_ALL_VOLUMES, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.vols.n; i++)
        add_volume(s, table, &ret.vols.v[i], details);
    table_print(s, table);
    return TRUE;
}

static gboolean
run_path(Shell *s, const Args *a, GError **err)
{
    StorageVolGetPathArgs args = { 0 };
    StorageVolGetPathRet ret = { 0 };

    if (!volume_get(s, a, &args.vol, err) || !call(s, PROC_STORAGE_VOL_GET_PATH, &args, &ret, err))
        return FALSE;
    put(s, "%s\n", ret.name);
    return TRUE;
}

static gboolean
run_key(Shell *s, const Args *a, GError **err)
{
    VolumeRef vol;

    if (!volume_get(s, a, &vol, err))
        return FALSE;
    put(s, "%s\n", vol.key);
    return TRUE;
}

static const Option name_options[] = {
    { "vol", OPTION_STRING, OPTION_REQUIRED, NULL, "volume key or path" }, OPTION_END
};

static gboolean
run_name(Shell *s, const Args *a, GError **err)
{
    VolumeRef vol;

    if (!volume_get(s, a, &vol, err))
        return FALSE;
    put(s, "%s\n", vol.name);
    return TRUE;
}

static const Option vol_pool_options[] = {
    { "vol", OPTION_STRING, OPTION_REQUIRED, NULL, "volume key or path" },
    FLAG("uuid", "return the pool uuid rather than pool name"),
    OPTION_END,
};

static gboolean
run_pool(Shell *s, const Args *a, GError **err)
{
    StoragePoolLookupByVolumeArgs args = { 0 };
    StoragePoolLookupByVolumeRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (!volume_get(s, a, &args.vol, err) ||
        !call(s, PROC_STORAGE_POOL_LOOKUP_BY_VOLUME, &args, &ret, err))
        return FALSE;
    uuid_text(ret.pool.uuid, uuid);
    put(s, "%s\n", args_flag(a, "uuid") ? uuid : ret.pool.name);
    return TRUE;
}

const Command volume_commands[] = {
    { "vol-clone", "clone a volume.", "Clone an existing volume within the parent pool.",
      clone_options, run_clone },
    { "vol-create", "create a vol from an XML file", "Create a vol.", create_options, run_create },
    { "vol-create-as", "create a volume from a set of args", "Create a vol.", create_as_options,
      run_create_as },
    { "vol-create-from", "create a vol, using another volume as input",
      "Create a vol from an existing volume.", create_from_options, run_create_from },
    { "vol-delete", "delete a vol", "Delete a given vol.", delete_options, run_delete },
    { "vol-download", "download volume contents to a file", "Download volume contents to a file",
      transfer_options, volume_download },
    { "vol-dumpxml", "vol information in XML",
      "Output the vol information as an XML dump to stdout.", dumpxml_options, run_dumpxml },
    { "vol-info", "storage vol information", "Returns basic information about the storage vol.",
      info_options, run_info, COMMAND_JSON },
    { "vol-key", "returns the volume key for a given volume name or path", NULL, vol_options,
      run_key },
    { "vol-list", "list vols", "Returns list of vols by pool.", list_options, run_list,
      COMMAND_JSON },
    { "vol-name", "returns the volume name for a given volume key or path", NULL, name_options,
      run_name },
    { "vol-path", "returns the volume path for a given volume name or key", NULL, vol_options,
      run_path },
    { "vol-pool", "returns the storage pool for a given volume key or path", NULL, vol_pool_options,
      run_pool },
    { "vol-resize", "resize a vol",
      "Resizes a storage volume. One that is in use by a running domain is not resized.",
      resize_options, run_resize },
    { "vol-upload", "upload file contents to a volume", "Upload file contents to a volume",
      transfer_options, volume_upload },
    { "vol-wipe", "wipe a vol",
      "Ensure data previously on a volume is not accessible to future reads", wipe_options,
      run_wipe },
    { 0 },
};
