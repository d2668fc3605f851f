/* undefine: a domain's definition, and with it the volumes that its disks are. */
#include <string.h>

#include "vmsh/storage.h"

static const FlagBit bits[] = {
    { "managed-save", 1 << 0 },
    { "snapshots-metadata", 1 << 1 },
    { "nvram", 1 << 2 },
    { "keep-nvram", 1 << 3 },
    { "checkpoints-metadata", 1 << 4 },
    { "tpm", 1 << 5 },
    { "keep-tpm", 1 << 6 },
    { 0 },
};

static const Option options[] = {
    DOMAIN_OPTION(complete_domains),
    FLAG("managed-save", "remove domain managed state file"),
    { "storage", OPTION_STRING, OPTION_NAMED, NULL,
      "remove associated storage volumes (comma separated list of targets or source paths) (see "
      "domblklist)" },
    FLAG("remove-all-storage", "remove all associated storage volumes (use with caution)"),
    FLAG("delete-storage-volume-snapshots",
         "delete snapshots associated with volume(s), requires --remove-all-storage (must be "
         "supported by storage driver)"),
    FLAG("wipe-storage", "wipe data on the removed volumes"),
    FLAG("snapshots-metadata", "remove all domain snapshot metadata (vm must be inactive)"),
    FLAG("checkpoints-metadata", "remove all domain checkpoint metadata (vm must be inactive)"),
    FLAG("nvram", "remove nvram file"),
    FLAG("keep-nvram", "keep nvram file"),
    FLAG("tpm", "remove TPM state"),
    FLAG("keep-tpm", "keep TPM state"),
    OPTION_END,
};

/* ---- the volumes that are meant */

typedef struct Disk {
    char *target, *source;
    gboolean known; /* a pool has it */
    VolumeRef vol;
} Disk;

static void
disk_free(gpointer data)
{
    Disk *d = data;

    g_free(d->target);
    g_free(d->source);
    g_free(d);
}

static gboolean
volume_of_pool(Shell *s, const char *pool, const char *name, VolumeRef *ret_vol)
{
    StorageVolLookupByNameArgs args = { .name = name };
    StorageVolLookupByNameRet ret = { 0 };

    if (!pool_lookup(s, pool, &args.pool, NULL) ||
        !call(s, PROC_STORAGE_VOL_LOOKUP_BY_NAME, &args, &ret, NULL))
        return FALSE;
    *ret_vol = ret.vol;
    return TRUE;
}

static gboolean
volume_at(Shell *s, const char *path, VolumeRef *ret_vol)
{
    const StorageVolLookupByPathArgs args = { .path = path };
    StorageVolLookupByPathRet ret = { 0 };

    if (!call(s, PROC_STORAGE_VOL_LOOKUP_BY_PATH, &args, &ret, NULL))
        return FALSE;
    *ret_vol = ret.vol;
    return TRUE;
}

/* NULL: it has no source. */
static Disk *
disk_read(Shell *s, Doc *doc, Node *node)
{
    g_autofree char *pool = doc_text(doc, node, "./source/@pool");
    g_autofree char *volume = doc_text(doc, node, "./source/@volume");
    char *path = doc_text(doc, node, "./source/@file|./source/@dev");
    Disk *d;

    if (!path && !(pool && volume))
        return NULL;
    d = g_new0(Disk, 1);
    d->target = doc_text(doc, node, "./target/@dev");
    d->source = path ? path : g_strdup(volume);
    d->known = path ? volume_at(s, path, &d->vol) : volume_of_pool(s, pool, volume, &d->vol);
    return d;
}

/* Takes the word out of words when it names the disk. */
static gboolean
is_named(GPtrArray *words, const Disk *d)
{
    for (guint i = 0; i < words->len; i++)
        if (g_strcmp0(words->pdata[i], d->target) == 0 ||
            g_strcmp0(words->pdata[i], d->source) == 0) {
            g_ptr_array_remove_index(words, i);
            return TRUE;
        }
    return FALSE;
}

static gboolean
disks_find(Shell *s, const Args *a, const DomainRef *dom, GPtrArray *disks, GError **err)
{
    g_auto(GStrv)
        list = g_strsplit(args_flag(a, "storage") ? args_string(a, "storage") : "", ",", -1);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GPtrArray) nodes = NULL;
    g_autoptr(Doc) doc = NULL;
    const char *xml;

    for (char **word = list; *word; word++)
        g_ptr_array_add(words, *word);
    if (!domain_xml(s, dom, DUMP_INACTIVE, &xml, err) || !(doc = doc_parse(xml, err)))
        return FALSE;
    nodes = doc_nodes(doc, NULL, "/domain/devices/disk");
    for (guint i = 0; i < nodes->len; i++) {
        Disk *d = disk_read(s, doc, nodes->pdata[i]);

        if (d && (args_flag(a, "remove-all-storage") || is_named(words, d)))
            g_ptr_array_add(disks, d);
        else if (d)
            disk_free(d);
    }
    return words->len == 0 || refuse(err, "Volume '%s' was not found in domain's definition.",
                                     (const char *)words->pdata[0]);
}

/* ---- taking them away */

static gboolean
volume_wipe(Shell *s, const Disk *d, GError **err)
{
    const StorageVolWipeArgs args = { .vol = d->vol };

    doing(s, "Failed to wipe volume '%s'(%s)", d->target, d->source);
    remark(s, "Wiping volume '%s'(%s) ... ", d->target, d->source);
    fflush(stdout);
    if (!call(s, PROC_STORAGE_VOL_WIPE, &args, NULL, err))
        return FALSE;
    remark(s, "Done.\n");
    return TRUE;
}

static gboolean
volume_remove(Shell *s, const Args *a, const Disk *d, GError **err)
{
    enum { WITH_SNAPSHOTS = 2 };
    const StorageVolDeleteArgs args = {
        .vol = d->vol,
        .flags = args_flag(a, "delete-storage-volume-snapshots") ? WITH_SNAPSHOTS : 0,
    };

    if (!d->known) {
        remark(s, "Storage volume '%s'(%s) is not managed by a pool. Remove it manually.\n",
               d->target, d->source);
        return TRUE;
    }
    if (args_flag(a, "wipe-storage") && !volume_wipe(s, d, err))
        return FALSE;
    doing(s, "Failed to remove storage volume '%s'(%s)", d->target, d->source);
    if (!call(s, PROC_STORAGE_VOL_DELETE, &args, NULL, err))
        return FALSE;
    remark(s, "Volume '%s'(%s) removed.\n", d->target, d->source);
    return TRUE;
}

static gboolean
options_check(const Args *a, GError **err)
{
    gboolean some = args_flag(a, "storage") || args_flag(a, "remove-all-storage");

    if (!args_exclusive(a, "nvram", "keep-nvram", err) ||
        !args_exclusive(a, "tpm", "keep-tpm", err) ||
        !args_exclusive(a, "storage", "remove-all-storage", err))
        return FALSE;
    if (args_flag(a, "delete-storage-volume-snapshots") && !args_flag(a, "remove-all-storage"))
        return refuse(err, "'--delete-storage-volume-snapshots' requires '--remove-all-storage'");
    return !args_flag(a, "wipe-storage") || some ||
           refuse(err, "'--wipe-storage' requires '--storage <string>' or '--remove-all-storage'");
}

static gboolean
run_undefine(Shell *s, const Args *a, GError **err)
{
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(disk_free);
    gboolean some = args_flag(a, "storage") || args_flag(a, "remove-all-storage");
    DomainUndefineFlagsArgs args = { .flags = args_bits(a, bits) };

    if (!options_check(a, err) || !domain_get(s, a, &args.dom, err))
        return FALSE;
    if (some && args.dom.id != -1)
        return refuse(err, "Storage volume deletion is supported only on stopped domains");
    if (some && !disks_find(s, a, &args.dom, disks, err))
        return FALSE;
    doing(s, "Failed to undefine domain '%s'", args.dom.name);
    if (!call(s, PROC_DOMAIN_UNDEFINE_FLAGS, &args, NULL, err))
        return FALSE;
    remark(s, "Domain '%s' has been undefined\n", args.dom.name);
    for (guint i = 0; i < disks->len; i++)
        if (!volume_remove(s, a, disks->pdata[i], err))
            return FALSE;
    return TRUE;
}

const Command undefine_commands[] = {
    { "undefine", "undefine a domain",
      "Undefine an inactive domain, or convert persistent to transient.", options, run_undefine },
    { 0 },
};
