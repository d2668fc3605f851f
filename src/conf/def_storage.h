/* Storage pools and their volumes. Included by conf.h only. The elements are described in libvirt's
 * "Storage pool and volume XML format".
 */
#pragma once

#include "def_disk.h"

typedef enum PoolType {
    POOL_DIR = 1,
    POOL_FS,
    POOL_NETFS,
    POOL_LOGICAL,
    POOL_DISK,
    POOL_ISCSI,
    POOL_ISCSI_DIRECT,
    POOL_SCSI,
    POOL_MPATH,
    POOL_RBD,
    POOL_SHEEPDOG,
    POOL_GLUSTER,
    POOL_ZFS,
    POOL_VSTORAGE,
    N_POOL_TYPES
} PoolType;
extern const char *const pool_types[];

typedef enum VolumeType {
    VOLUME_FILE = 1,
    VOLUME_BLOCK,
    VOLUME_FOLDER,
    VOLUME_NETWORK,
    VOLUME_NETFOLDER,
    VOLUME_PLOOP
} VolumeType;
extern const char *const volume_types[];

/* Owner and mode. A -1 in a document means that it is not given. */
typedef struct Permissions {
    guint32 mode, owner, group;
    guint8 has_mode, has_owner, has_group;
    char *label;
} Permissions;

typedef struct PoolHost {
    char *name;
    guint32 port; /* 0: the protocol's own */
} PoolHost;

typedef struct PoolExtent {
    guint64 start, end; /* bytes */
} PoolExtent;

typedef struct PoolDevice {
    char *path;
    int part_separator; /* YES, NO */
    GPtrArray *free;    /* PoolExtent; of an active disk pool */
} PoolDevice;

typedef enum AdapterType { ADAPTER_HOST = 1, ADAPTER_FC } AdapterType;

typedef struct AdapterParent {
    guint32 unique_id;
    PciAddress address;
} AdapterParent;

typedef struct PoolAdapter {
    int type;                                                     /* AdapterType */
    char *name;                                                   /* scsi_host: "scsi_host3" */
    AdapterParent *stable;                                        /* scsi_host: by where it is */
    char *parent, *parent_wwnn, *parent_wwpn, *parent_fabric_wwn; /* fc_host */
    int managed;                                                  /* YES, NO */
    char *wwnn, *wwpn;
} PoolAdapter;

typedef struct PoolSource {
    GPtrArray *hosts;   /* PoolHost */
    GPtrArray *devices; /* PoolDevice */
    char *dir;
    PoolAdapter *adapter;
    char *name;
    char *initiator; /* IQN */
    char *format;    /* a word of its type's; NULL: it has none */
    AuthDef *auth;
    char *vendor, *product;
    char *protocol; /* version of NFS */
} PoolSource;

typedef struct PoolOption {
    char *name, *value; /* value: of rbd alone */
} PoolOption;

typedef struct PoolDef {
    int type; /* PoolType */
    char *name;
    guint8 uuid[UUID_LEN];
    guint64 capacity, allocation, available; /* bytes, while it is active */
    int cow;                                 /* YES, NO: copy on write of the file system */
    PoolSource source;
    char *path;               /* without a trailing slash */
    Permissions *permissions; /* NULL: as they are */
    int refresh;              /* which allocation volumes report: default 1, capacity 2 */
    GPtrArray *mount_options; /* PoolOption */
    GPtrArray *rbd_options;   /* PoolOption */
} PoolDef;

typedef struct VolumeDevice {
    char *path;
    GPtrArray *extents; /* PoolExtent */
} VolumeDevice;

typedef struct VolumeFeatures {
    gboolean lazy_refcounts, extended_l2;
} VolumeFeatures;

typedef struct VolumeBacking {
    char *path;
    char *format; /* as of a volume; NULL: not said */
    Permissions *permissions;
    char *atime, *mtime, *ctime, *btime;
} VolumeBacking;

typedef struct VolumeDef {
    int type; /* VolumeType */
    char *name, *key;
    GPtrArray *devices; /* VolumeDevice: where it lies on the disks of its pool */
    guint64 capacity, allocation, physical; /* bytes */
    guint8 has_capacity, has_allocation;
    char *path;
    char *format; /* a word that its pool's type has: PoolShape.volume_formats; NULL: none */
    Permissions *permissions;
    char *atime, *mtime, *ctime, *btime; /* "1795242040.229710286" */
    EncryptionDef *encryption;
    char *compat;
    guint64 cluster_size; /* bytes; 0: not said */
    gboolean nocow;
    VolumeFeatures *features;
    VolumeBacking *backing;
} VolumeDef;

extern const Schema pool_schema, volume_def_schema, volume_backing_schema;

/* What a type of pool consists of, and what its volumes are. */
typedef struct PoolShape {
    guint parts;                /* PoolParts that its <source> may have */
    const char *const *formats; /* words of the pool's formats; NULL: none */
    const char *format;         /* where none is said */
    const char *const *volume_formats;
    const char *path; /* where none is said; NULL: it must be said, or there is none */
} PoolShape;
typedef enum PoolParts {
    PART_HOST = 1 << 0,
    PART_DEVICE = 1 << 1,
    PART_DIR = 1 << 2,
    PART_ADAPTER = 1 << 3,
    PART_NAME = 1 << 4,
    PART_INITIATOR = 1 << 5,
    PART_NO_PATH = 1 << 6, /* <target> has no path */
} PoolParts;
const PoolShape *pool_shape(int type);

/* Reads the document of a pool. live: also the fields that only an active pool has; validate:
 * refuse unknown elements. Free with pool_def_free. */
PoolDef *pool_parse(const char *xml, gssize len, gboolean live, gboolean validate, GError **err);
char *pool_format(const PoolDef *def, gboolean live);
PoolDef *pool_copy(const PoolDef *def);
/* The free parts of the pool's first device, in bytes; pool_take_space copies them and the sizes of
 * an active pool from another definition of it. */
void pool_add_free(PoolDef *def, guint64 start, guint64 end);
void pool_drop_free(PoolDef *def);
void pool_take_space(PoolDef *def, const PoolDef *from);
void pool_def_free(PoolDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PoolDef, pool_def_free)
/* Reads a <source> alone, as clients pass it when they ask for the sources of a type. */
PoolSource *pool_source_parse(const char *xml, GError **err);
void pool_source_free(PoolSource *source);

/* Reads the document of a volume that is to be made in a pool of that type. */
VolumeDef *volume_parse(const char *xml, int pool_type, gboolean validate, GError **err);
/* The same for a volume that gets a copy of another's content: its capacity may be left out. */
VolumeDef *volume_parse_copy(const char *xml, int pool_type, gboolean validate, GError **err);
char *volume_format(const VolumeDef *def);
VolumeDef *volume_copy(const VolumeDef *def);
void volume_free(VolumeDef *def);
void volume_drop_devices(VolumeDef *def); /* drops the devices that a document names */
/* Adds a part of a device that the volume lies on, from byte start to byte end. */
void volume_add_extent(VolumeDef *def, const char *device, guint64 start, guint64 end);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VolumeDef, volume_free)
