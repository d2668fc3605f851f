/* Rows of storage pools and volumes, and what each type of pool is made of. */
#include "lists.h"
#include "rows.h"

#include <string.h>

const char *const pool_types[] = { NULL,      "dir",   "fs",       "netfs",
                                   "logical", "disk",  "iscsi",    "iscsi-direct",
                                   "scsi",    "mpath", "rbd",      "sheepdog",
                                   "gluster", "zfs",   "vstorage", NULL };
const char *const volume_types[] = { NULL,      "file",   "block", "dir",
                                     "network", "netdir", "ploop", NULL };
static const char *const adapter_types[] = { NULL, "scsi_host", "fc_host", NULL };
static const char *const refresh_words[] = { NULL, "default", "capacity", NULL };

static const char *const fs_formats[] = { NULL,      "auto",  "ext2", "ext3", "ext4", "ufs",
                                          "iso9660", "udf",   "gfs",  "gfs2", "vfat", "hfs+",
                                          "xfs",     "ocfs2", "vmfs", NULL };
static const char *const netfs_formats[] = { NULL, "auto", "nfs", "glusterfs", "cifs", NULL };
static const char *const lvm_formats[] = { NULL, "unknown", "lvm2", NULL };
static const char *const partition_tables[] = { NULL,  "unknown", "dos", "dvh",  "gpt", "mac",
                                                "bsd", "pc98",    "sun", "lvm2", NULL };
static const char *const file_formats[] = { NULL,  "raw",  "dir",   "bochs", "cloop", "dmg",
                                            "iso", "vpc",  "vdi",   "fat",   "vhd",   "ploop",
                                            "cow", "qcow", "qcow2", "qed",   "vmdk",  NULL };
static const char *const partition_formats[] = { NULL,        "none",       "linux",
                                                 "fat16",     "fat32",      "linux-swap",
                                                 "linux-lvm", "linux-raid", "extended",
                                                 NULL };

static const PoolShape kinds[N_POOL_TYPES] = {
    [POOL_DIR] = { 0, NULL, NULL, file_formats, NULL },
    [POOL_FS] = { PART_DEVICE, fs_formats, "auto", file_formats, NULL },
    [POOL_NETFS] = { PART_HOST | PART_DIR, netfs_formats, "auto", file_formats, NULL },
    [POOL_LOGICAL] = { PART_NAME | PART_DEVICE, lvm_formats, "lvm2", NULL, "/dev/" },
    [POOL_DISK] = { PART_DEVICE, partition_tables, "unknown", partition_formats, NULL },
    [POOL_ISCSI] = { PART_HOST | PART_DEVICE | PART_INITIATOR, NULL, NULL, NULL, NULL },
    [POOL_ISCSI_DIRECT] = { PART_HOST | PART_DEVICE | PART_INITIATOR | PART_NO_PATH, NULL, NULL,
                            NULL, NULL },
    [POOL_SCSI] = { PART_ADAPTER, NULL, NULL, NULL, NULL },
    [POOL_MPATH] = { 0, NULL, NULL, NULL, NULL },
    [POOL_RBD] = { PART_HOST | PART_NAME | PART_NO_PATH, NULL, NULL, NULL, NULL },
    [POOL_SHEEPDOG] = { PART_HOST | PART_NAME | PART_NO_PATH, NULL, NULL, NULL, NULL },
    [POOL_GLUSTER] = { PART_HOST | PART_NAME | PART_DIR | PART_NO_PATH, NULL, NULL, file_formats,
                       NULL },
    [POOL_ZFS] = { PART_NAME | PART_DEVICE, NULL, NULL, NULL, "/dev/zvol/" },
    [POOL_VSTORAGE] = { PART_NAME, NULL, NULL, file_formats, NULL },
};

const PoolShape *
pool_shape(int type)
{
    return &kinds[type];
}

/* ---- permissions */

static gboolean
mode_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    guint64 mode;

    if (!number_read(text, 8, &mode) || mode > 0777)
        return FALSE;
    *(guint32 *)at = (guint32)mode;
    return TRUE;
}

static void
mode_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append_printf(out, "0%o", *(const guint32 *)at);
}

static const FieldType octal_mode = { "octal mode", "octal mode", sizeof(guint32), mode_parse,
                                      mode_format };

/* -1 is the largest number, and means what is not said. */
static gboolean
id_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    guint64 id = G_MAXUINT32;

    if (strcmp(text, "-1") != 0 && (!number_read(text, 10, &id) || id > G_MAXUINT32))
        return FALSE;
    *(guint32 *)at = (guint32)id;
    return TRUE;
}

static void
id_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append_printf(out, "%u", *(const guint32 *)at);
}

static const FieldType user_or_group = { "number of a user or group", "integer value",
                                         sizeof(guint32), id_parse, id_format };

static const Field permissions_fields[] = {
    ROW_HAS(Permissions, "mode", F_OWN, mode, 0, &octal_mode, "Permission bits, in octal."),
    ROW_HAS(Permissions, "owner", F_OWN, owner, F_TEXT, &user_or_group,
            "Number of the user that owns it; -1: unchanged."),
    ROW_HAS(Permissions, "group", F_OWN, group, F_TEXT, &user_or_group,
            "Number of the group that owns it; -1: unchanged."),
    ROW(Permissions, "label", F_STRING, label, 0, NULL, "Security label of the file or folder."),
    ROW_END
};

static gboolean
permissions_settle(gpointer data, GError **err)
{
    Permissions *p = data;

    p->has_owner = p->has_owner && p->owner != G_MAXUINT32;
    p->has_group = p->has_group && p->group != G_MAXUINT32;
    return TRUE;
}
static const Schema permissions_schema = { "permissions", sizeof(Permissions), permissions_fields,
                                           permissions_settle };

/* ---- where a pool comes from */

static const Field host_fields[] = {
    ROW(PoolHost, "@name", F_STRING, name, F_REQUIRED, NULL, "Name or address of the server."),
    ROW(PoolHost, "@port", F_U32, port, 0, RANGE(0, 65535),
        "Port of the server; without it the protocol's usual one."),
    ROW_END
};
static const Schema host_schema = { "host", sizeof(PoolHost), host_fields };

static const Field extent_fields[] = { ROW(PoolExtent, "@start", F_U64, start, F_ALWAYS, NULL,
                                           "First byte of the extent on the device."),
                                       ROW(PoolExtent, "@end", F_U64, end, F_ALWAYS, NULL,
                                           "Byte of the device that the extent ends at."),
                                       ROW_END };
static const Schema extent_schema = { "freeExtent", sizeof(PoolExtent), extent_fields };
static const Schema volume_extent_schema = { "extent", sizeof(PoolExtent), extent_fields };

static const Field device_fields[] = {
    ROW(PoolDevice, "@path", F_STRING, path, F_REQUIRED, NULL,
        "Path of a device, or the name of an iSCSI target."),
    ROW(PoolDevice, "@part_separator", F_ENUM, part_separator, 0, yes_no,
        "Whether names of partitions have a p before their number."),
    ROW(PoolDevice, "freeExtent", F_LIST, free, F_LIVE, &extent_schema,
        "Parts of the device that are not used."),
    ROW_END
};
static const Schema device_schema = { "device", sizeof(PoolDevice), device_fields };

static const Field adapter_parent_fields[] = {
    ROW(AdapterParent, "@unique_id", F_U32, unique_id, F_ALWAYS, NULL,
        "Number of the port at that PCI address."),
    ROW(AdapterParent, "address", F_STRUCT, address, F_ALWAYS, &pci_address_schema,
        "PCI address of the adapter."),
    ROW_END
};
static const Schema adapter_parent_schema = { "parentaddr", sizeof(AdapterParent),
                                              adapter_parent_fields };

static const Field adapter_fields[] = {
    ROW(PoolAdapter, "@type", F_ENUM, type, 0, adapter_types,
        "Kind of SCSI adapter: scsi_host or fc_host."),
    ROW(PoolAdapter, "@name", F_STRING, name, 0, NULL,
        "Name of the adapter on this host, such as scsi_host5."),
    ROW(PoolAdapter, "@parent", F_STRING, parent, 0, NULL,
        "Name of the adapter that the virtual adapter is made on."),
    ROW(PoolAdapter, "@managed", F_ENUM, managed, 0, yes_no,
        "Whether the virtual adapter is deleted when the pool stops."),
    ROW(PoolAdapter, "@parent_wwnn", F_STRING, parent_wwnn, 0, NULL,
        "Parent adapter, found by its world wide node name."),
    ROW(PoolAdapter, "@parent_wwpn", F_STRING, parent_wwpn, 0, NULL,
        "Parent adapter, found by its world wide port name."),
    ROW(PoolAdapter, "@parent_fabric_wwn", F_STRING, parent_fabric_wwn, 0, NULL,
        "Parent adapter, found by the world wide name of its fabric."),
    ROW(PoolAdapter, "@wwnn", F_STRING, wwnn, 0, NULL,
        "World wide node name of the virtual adapter."),
    ROW(PoolAdapter, "@wwpn", F_STRING, wwpn, 0, NULL,
        "World wide port name of the virtual adapter."),
    ROW(PoolAdapter, "parentaddr", F_PTR, stable, 0, &adapter_parent_schema,
        "PCI address by which the adapter is found."),
    ROW_END
};

static gboolean
adapter_settle(gpointer data, GError **err)
{
    PoolAdapter *a = data;

    if (a->type == 0 && (a->wwnn || a->wwpn || a->parent))
        return fail(err, ERR_XML, "'adapter' with 'wwnn', 'wwpn' or 'parent' needs type='fc_host'");
    if (a->type == 0)
        a->type = ADAPTER_HOST;
    if (a->type == ADAPTER_HOST && !a->name == !a->stable)
        return fail(err, ERR_XML,
                    "an 'adapter' of the host needs a 'name' or a 'parentaddr', not both");
    if (a->type == ADAPTER_FC && (!a->wwnn || !a->wwpn))
        return fail(err, ERR_XML, "an 'adapter' of type fc_host needs 'wwnn' and 'wwpn'");
    return TRUE;
}
static const Schema adapter_schema = { "adapter", sizeof(PoolAdapter), adapter_fields,
                                       adapter_settle };

static const Field pool_auth_fields[] = {
    ROW(AuthDef, "@type", F_STRING, type, F_REQUIRED, NULL, "Kind of login: chap or ceph."),
    ROW(AuthDef, "@username", F_STRING, username, F_REQUIRED | F_NONEMPTY, NULL,
        "Name of the user to log in as."),
    ROW(AuthDef, "secret", F_PTR, secret, F_REQUIRED, &secret_ref_schema,
        "Secret whose value is the password."),
    ROW_END
};

static gboolean
pool_auth_settle(gpointer data, GError **err)
{
    const AuthDef *auth = data;

    return strcmp(auth->type, "chap") == 0 || strcmp(auth->type, "ceph") == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "unknown auth type '%s'", auth->type);
}
static const Schema pool_auth_schema = { "auth", sizeof(AuthDef), pool_auth_fields,
                                         pool_auth_settle };

static const Field pool_source_fields[] = {
    ROW(PoolSource, "host", F_LIST, hosts, 0, &host_schema, "Name and port of the server."),
    ROW(PoolSource, "device", F_LIST, devices, 0, &device_schema,
        "Devices that the pool is made of."),
    ROW(PoolSource, "dir/@path", F_STRING, dir, 0, NULL,
        "Path of the folder, on the server or on this host."),
    ROW(PoolSource, "adapter", F_PTR, adapter, 0, &adapter_schema, "SCSI adapter of the host."),
    ROW(PoolSource, "name", F_STRING, name, 0, NULL,
        "Name of the source: a volume group, or a pool of the server."),
    ROW(PoolSource, "initiator/iqn/@name", F_STRING, initiator, 0, NULL,
        "Name (IQN) by which the host is known to the iSCSI server."),
    ROW(PoolSource, "format/@type", F_STRING, format, 0, NULL,
        "Format of the device, or kind of the server."),
    ROW(PoolSource, "auth", F_PTR, auth, 0, &pool_auth_schema,
        "User and secret to log in with at the server."),
    ROW(PoolSource, "vendor/@name", F_STRING, vendor, 0, NULL,
        "Name of the storage's maker; a remark without effect."),
    ROW(PoolSource, "product/@name", F_STRING, product, 0, NULL,
        "Name of the storage product; a remark without effect."),
    ROW(PoolSource, "protocol/@ver", F_STRING, protocol, 0, NULL,
        "Version of the NFS protocol to use."),
    ROW_END
};
static const Schema pool_source_schema = { "source", sizeof(PoolSource), pool_source_fields };

/* ---- pools */

static const XmlNamespace namespaces[] = {
    { "fs", "http://libvirt.org/schemas/storagepool/fs/1.0" },
    { "rbd", "http://libvirt.org/schemas/storagepool/rbd/1.0" },
    { 0 },
};

static const Field mount_option_fields[] = { ROW(PoolOption, "@name", F_STRING, name, F_REQUIRED,
                                                 NULL, "Option that mount gets after -o."),
                                             ROW_END };
static const Schema mount_option_schema = { "fs:option", sizeof(PoolOption), mount_option_fields };

static const Field rbd_option_fields[] = {
    ROW(PoolOption, "@name", F_STRING, name, F_REQUIRED, NULL, "Name of an option of librados."),
    ROW(PoolOption, "@value", F_STRING, value, F_REQUIRED, NULL, "Value of that option."), ROW_END
};
static const Schema rbd_option_schema = { "rbd:option", sizeof(PoolOption), rbd_option_fields };

static const Field pool_fields[] = {
    ROW(PoolDef, "@type", F_ENUM, type, F_REQUIRED, pool_types,
        "Kind of pool, such as dir, fs or netfs."),
    ROW(PoolDef, "name", F_STRING, name, 0, NULL,
        "Name of the pool; without it that of its source."),
    ROW(PoolDef, "uuid", F_UUID, uuid, 0, NULL,
        "UUID of the pool; without it a random one is made."),
    ROW(PoolDef, "capacity", F_SIZE, capacity, F_LIVE | F_ALWAYS, &size_bytes,
        "Size of the pool, in bytes."),
    ROW(PoolDef, "allocation", F_SIZE, allocation, F_LIVE | F_ALWAYS, &size_bytes,
        "Bytes of the pool that are in use."),
    ROW(PoolDef, "available", F_SIZE, available, F_LIVE | F_ALWAYS, &size_bytes,
        "Bytes of the pool that are free."),
    ROW(PoolDef, "features/cow/@state", F_ENUM, cow, 0, yes_no,
        "Whether the file system of the pool copies data when it is overwritten (btrfs)."),
    ROW(PoolDef, "source", F_STRUCT, source, F_ALWAYS, &pool_source_schema,
        "Device, server or folder that the pool's data comes from."),
    ROW(PoolDef, "target/path", F_STRING, path, 0, NULL, "Path of the pool on this host."),
    ROW(PoolDef, "target/permissions", F_PTR, permissions, F_FILLED, &permissions_schema,
        "Owner and mode of the folder that a build of the pool makes."),
    ROW(PoolDef, "refresh/volume/@allocation", F_ENUM, refresh, 0, refresh_words,
        "Whether a volume's allocation is what it takes on disk, or its capacity."),
    ROW(PoolDef, "fs:mount_opts/fs:option", F_LIST, mount_options, 0, &mount_option_schema,
        "Options that mount gets."),
    ROW(PoolDef, "rbd:config_opts/rbd:option", F_LIST, rbd_options, 0, &rbd_option_schema,
        "Options that librados gets."),
    ROW_END
};

/* The name that one of both has is the other's too. */
static gboolean
pool_name(PoolDef *def, GError **err)
{
    if (!def->name && !def->source.name)
        return fail(err, ERR_XML, "missing pool source name element");
    if (!def->name)
        def->name = g_strdup(def->source.name);
    if (strchr(def->name, '/'))
        return fail(err, ERR_XML, "name '%s' of a pool cannot contain '/'", def->name);
    if (strchr(def->name, '\n') || *def->name == '.' || !*def->name)
        return fail(err, ERR_XML,
                    "name '%s' of a pool may not be empty, begin with '.' or have a line break",
                    def->name);
    return TRUE;
}

/* Slashes that say nothing go: those after a slash and at the end. Two at the beginning stay, as
 * POSIX leaves their meaning to the system. */
static void
path_tidy(char *path)
{
    gsize first = path ? strspn(path, "/") : 0, len = 0;

    if (!path)
        return;
    for (const char *from = path; *from; from++)
        if (*from != '/' || len == 0 || path[len - 1] != '/' || (first == 2 && len == 1))
            path[len++] = *from;
    while (len > 1 && path[len - 1] == '/')
        len--;
    path[len] = '\0';
}

static gboolean
source_format(PoolDef *def, const PoolShape *kind, GError **err)
{
    PoolSource *s = &def->source;

    if (!kind->formats) {
        g_clear_pointer(&s->format, g_free);
        return TRUE;
    }
    if (!s->format)
        s->format = g_strdup(kind->format);
    return word_find(kind->formats, s->format) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "unknown pool format type %s", s->format);
}

/* What the type has no such part of. */
static void
source_drop(PoolSource *s, guint parts)
{
    if (!(parts & PART_HOST))
        list_drop(&s->hosts, &host_schema);
    if (!(parts & PART_DEVICE))
        list_drop(&s->devices, &device_schema);
    if (!(parts & PART_DIR))
        g_clear_pointer(&s->dir, g_free);
    if (!(parts & PART_NAME))
        g_clear_pointer(&s->name, g_free);
    if (!(parts & PART_INITIATOR))
        g_clear_pointer(&s->initiator, g_free);
    if (!(parts & PART_ADAPTER)) {
        schema_free(&adapter_schema, s->adapter);
        s->adapter = NULL;
    }
}

/* What the type needs of its source. A volume group may be there without its devices being told. */
static gboolean
source_settle(PoolDef *def, const PoolShape *kind, GError **err)
{
    PoolSource *s = &def->source;
    guint parts = kind->parts;

    source_drop(s, parts);
    if (parts & PART_NAME && !s->name)
        s->name = g_strdup(def->name);
    if (parts & PART_HOST && !s->hosts)
        return fail(err, ERR_XML, "missing storage pool source host name");
    path_tidy(s->dir);
    if (parts & PART_DIR && !s->dir && def->type == POOL_NETFS)
        return fail(err, ERR_XML, "missing storage pool source path");
    if (parts & PART_DEVICE && !(parts & PART_NAME) && !s->devices)
        return fail(err, ERR_XML, "missing storage pool source device name");
    if (parts & PART_ADAPTER && !s->adapter)
        return fail(err, ERR_XML, "missing storage pool source adapter");
    if (def->cow && def->type != POOL_DIR && def->type != POOL_FS)
        return fail(err, ERR_NO_SUPPORT, "cow feature may only be used for 'fs' and 'dir' pools");
    return source_format(def, kind, err);
}

static gboolean
path_settle(PoolDef *def, const PoolShape *kind, GError **err)
{

    if (kind->parts & PART_NO_PATH) {
        g_clear_pointer(&def->path, g_free);
        schema_free(&permissions_schema, def->permissions);
        def->permissions = NULL;
        return TRUE;
    }
    if (kind->path) {
        g_free(def->path);
        def->path = g_strconcat(kind->path, def->source.name, NULL);
    }
    if (!def->path || !*def->path)
        return fail(err, ERR_XML, "missing storage pool target path");
    path_tidy(def->path);
    return TRUE;
}

static gboolean
pool_settle(gpointer data, GError **err)
{
    PoolDef *def = data;
    const PoolShape *kind = pool_shape(def->type);

    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
    return pool_name(def, err) && source_settle(def, kind, err) && path_settle(def, kind, err);
}

const Schema pool_schema = { "pool", sizeof(PoolDef), pool_fields, pool_settle };

PoolDef *
pool_parse(const char *xml, gssize len, gboolean live, gboolean validate, GError **err)
{
    guint flags = (live ? XML_LIVE : 0) | (validate ? XML_VALIDATE : 0);

    return xml_parse(&pool_schema, namespaces, xml, len, flags, err);
}

char *
pool_format(const PoolDef *def, gboolean live)
{
    return xml_format(&pool_schema, namespaces, def, live ? XML_LIVE : 0);
}

PoolDef *
pool_copy(const PoolDef *def)
{
    return schema_copy(&pool_schema, def);
}

static PoolDevice *
first_device(const PoolDef *def)
{
    return list_item(def->source.devices, 0);
}

void
pool_add_free(PoolDef *def, guint64 start, guint64 end)
{
    PoolExtent *extent = schema_new(&extent_schema);

    *extent = (PoolExtent){ start, end };
    list_append(&first_device(def)->free, extent);
}

void
pool_drop_free(PoolDef *def)
{
    list_drop(&first_device(def)->free, &extent_schema);
}

void
pool_take_space(PoolDef *def, const PoolDef *from)
{
    def->capacity = from->capacity;
    def->allocation = from->allocation;
    def->available = from->available;
    pool_drop_free(def);
    EACH (PoolExtent, extent, first_device(from)->free)
        pool_add_free(def, extent->start, extent->end);
}

void
pool_def_free(PoolDef *def)
{
    schema_free(&pool_schema, def);
}

PoolSource *
pool_source_parse(const char *xml, GError **err)
{
    return xml_parse(&pool_source_schema, NULL, xml, -1, 0, err);
}

void
pool_source_free(PoolSource *source)
{
    schema_free(&pool_source_schema, source);
}

/* ---- volumes */

static const Field volume_device_fields[] = {
    ROW(VolumeDevice, "@path", F_STRING, path, 0, NULL, "Path of the pool's device."),
    ROW(VolumeDevice, "extent", F_LIST, extents, 0, &volume_extent_schema,
        "Parts of that device that the volume uses."),
    ROW_END
};
static const Schema volume_device_schema = { "device", sizeof(VolumeDevice), volume_device_fields };

static const Field qcow2_features_fields[] = {
    ROW(VolumeFeatures, "lazy_refcounts", F_FLAG, lazy_refcounts, 0, NULL,
        "A qcow2 image writes its reference counts late."),
    ROW(VolumeFeatures, "extended_l2", F_FLAG, extended_l2, 0, NULL,
        "A qcow2 image has subclusters."),
    ROW_END
};
static const Schema qcow2_features_schema = { "features", sizeof(VolumeFeatures),
                                              qcow2_features_fields };

static const Field backing_fields[] = {
    ROW(VolumeBacking, "path", F_STRING, path, 0, NULL, "Path of the backing image."),
    ROW(VolumeBacking, "format/@type", F_STRING, format, 0, NULL, "Format of the backing image."),
    ROW(VolumeBacking, "permissions", F_PTR, permissions, 0, &permissions_schema,
        "Owner and mode of the backing image."),
    ROW(VolumeBacking, "timestamps/atime", F_STRING, atime, 0, NULL,
        "Time when the backing image was last read."),
    ROW(VolumeBacking, "timestamps/mtime", F_STRING, mtime, 0, NULL,
        "Time when the backing image was last written."),
    ROW(VolumeBacking, "timestamps/ctime", F_STRING, ctime, 0, NULL,
        "Time when the backing image or its attributes last changed."),
    ROW(VolumeBacking, "timestamps/btime", F_STRING, btime, 0, NULL,
        "Time when the backing image was made."),
    ROW_END
};
const Schema volume_backing_schema = { "backingStore", sizeof(VolumeBacking), backing_fields };

static const SizeSpec cluster_bytes = { 1, 1, "B", 0 };

static const Field volume_fields[] = {
    ROW(VolumeDef, "@type", F_ENUM, type, UNSUPPORTED, volume_types,
        "Kind of volume: file, block, dir or network."),
    ROW(VolumeDef, "name", F_STRING, name, F_MISSING(ERR_XML), NULL,
        "Name of the volume within its pool."),
    ROW(VolumeDef, "key", F_STRING, key, 0, NULL, "Key of the volume, which no other volume has."),
    ROW(VolumeDef, "source/device", F_LIST, devices, 0, &volume_device_schema,
        "Devices of the pool that the volume is on."),
    ROW_HAS(VolumeDef, "capacity", F_SIZE, capacity, F_ALWAYS, &size_bytes,
            "Size of the volume as a guest sees it, in bytes."),
    ROW_HAS(VolumeDef, "allocation", F_SIZE, allocation, F_ALWAYS, &size_bytes,
            "Bytes that the volume takes on disk."),
    ROW(VolumeDef, "physical", F_SIZE, physical, 0, &size_bytes,
        "Length of the volume's file, in bytes."),
    ROW(VolumeDef, "target/path", F_STRING, path, 0, NULL, "Path of the volume on this host."),
    ROW(VolumeDef, "target/format/@type", F_STRING, format, 0, NULL,
        "Format of the volume's image."),
    ROW(VolumeDef, "target/permissions", F_PTR, permissions, 0, &permissions_schema,
        "Owner and mode of the volume."),
    ROW(VolumeDef, "target/timestamps/atime", F_STRING, atime, 0, NULL,
        "Time when the volume was last read."),
    ROW(VolumeDef, "target/timestamps/mtime", F_STRING, mtime, 0, NULL,
        "Time when the volume was last written."),
    ROW(VolumeDef, "target/timestamps/ctime", F_STRING, ctime, 0, NULL,
        "Time when the volume or its attributes last changed."),
    ROW(VolumeDef, "target/timestamps/btime", F_STRING, btime, 0, NULL,
        "Time when the volume was made."),
    ROW(VolumeDef, "target/encryption", F_PTR, encryption, 0, &encryption_schema,
        "Format and secret of the volume's encryption."),
    ROW(VolumeDef, "target/compat", F_STRING, compat, 0, NULL,
        "Version of the qcow2 format: 0.10 or 1.1."),
    ROW(VolumeDef, "target/clusterSize", F_SIZE, cluster_size, 0, &cluster_bytes,
        "Bytes that qcow2 allocates at once."),
    ROW(VolumeDef, "target/nocow", F_FLAG, nocow, 0, NULL,
        "Whether the file system is told not to copy data when it is overwritten (btrfs)."),
    ROW(VolumeDef, "target/features", F_PTR, features, 0, &qcow2_features_schema,
        "Features of the qcow2 image."),
    ROW(VolumeDef, "backingStore", F_PTR, backing, 0, &volume_backing_schema,
        "Image that the volume is based on."),
    ROW_END
};
const Schema volume_def_schema = { "volume", sizeof(VolumeDef), volume_fields };

/* A version of qcow2: two numbers and a dot. */
static gboolean
compat_check(const char *compat, GError **err)
{
    gsize major = strspn(compat, "0123456789");
    gsize minor = compat[major] == '.' ? strspn(compat + major + 1, "0123456789") : 0;

    return (major > 0 && minor > 0 && !compat[major + 1 + minor]) ||
           fail(err, ERR_XML, "forbidden characters in 'compat' attribute");
}

static gboolean
volume_complete(VolumeDef *v, const PoolShape *kind, gboolean is_copy, GError **err)
{
    if (strchr(v->name, '/'))
        return fail(err, ERR_OPERATION_INVALID, "name '%s' of a volume cannot contain '/'",
                    v->name);
    if (!v->has_capacity && !is_copy && !(v->backing && v->backing->path))
        return fail(err, ERR_XML, "missing capacity element");
    if (!v->has_allocation)
        v->allocation = v->capacity;
    if (!kind->volume_formats)
        g_clear_pointer(&v->format, g_free);
    else if (!v->format)
        v->format = g_strdup(kind->volume_formats[1]);
    else if (!word_find(kind->volume_formats, v->format))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "unknown volume format type %s", v->format);
    if (v->backing && v->backing->format && kind->volume_formats &&
        !word_find(kind->volume_formats, v->backing->format))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "unknown volume format type %s",
                    v->backing->format);
    if (v->features && !v->compat)
        v->compat = g_strdup("1.1");
    if (v->compat && !compat_check(v->compat, err))
        return FALSE;
    return !v->features || !v->features->lazy_refcounts || strcmp(v->compat, "0.10") != 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "lazy_refcounts not supported with compat level 0.10");
}

static VolumeDef *
parse(const char *xml, int pool_type, gboolean is_copy, gboolean validate, GError **err)
{
    guint flags = validate ? XML_VALIDATE : 0;
    g_autoptr(VolumeDef) v = xml_parse(&volume_def_schema, NULL, xml, -1, flags, err);

    if (!v || !volume_complete(v, pool_shape(pool_type), is_copy, err))
        return NULL;
    return g_steal_pointer(&v);
}

VolumeDef *
volume_parse(const char *xml, int pool_type, gboolean validate, GError **err)
{
    return parse(xml, pool_type, FALSE, validate, err);
}

VolumeDef *
volume_parse_copy(const char *xml, int pool_type, gboolean validate, GError **err)
{
    return parse(xml, pool_type, TRUE, validate, err);
}

char *
volume_format(const VolumeDef *def)
{
    return xml_format(&volume_def_schema, NULL, def, 0);
}

VolumeDef *
volume_copy(const VolumeDef *def)
{
    return schema_copy(&volume_def_schema, def);
}

void
volume_free(VolumeDef *def)
{
    schema_free(&volume_def_schema, def);
}

void
volume_drop_devices(VolumeDef *def)
{
    list_drop(&def->devices, &volume_device_schema);
}

static VolumeDevice *
device_of(VolumeDef *def, const char *path)
{
    VolumeDevice *device;

    EACH (VolumeDevice, known, def->devices)
        if (g_strcmp0(known->path, path) == 0)
            return known;
    device = schema_new(&volume_device_schema);
    device->path = g_strdup(path);
    list_append(&def->devices, device);
    return device;
}

void
volume_add_extent(VolumeDef *def, const char *device, guint64 start, guint64 end)
{
    PoolExtent *extent = schema_new(&volume_extent_schema);

    *extent = (PoolExtent){ start, end };
    list_append(&device_of(def, device)->extents, extent);
}
