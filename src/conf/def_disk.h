/* Disks and where their bytes come from. Included by conf.h only. */
#pragma once

#include "def_common.h"

typedef enum SourceType {
    SOURCE_NONE,
    SOURCE_FILE,
    SOURCE_BLOCK,
    SOURCE_DIR,
    SOURCE_NETWORK,
    SOURCE_VOLUME,
    SOURCE_NVME,
    SOURCE_VHOST_USER,
    SOURCE_VHOST_VDPA,
    N_SOURCE_TYPES
} SourceType;
extern const char *const source_types[];

typedef enum SourceProtocol {
    PROTOCOL_NONE,
    PROTOCOL_NBD,
    PROTOCOL_RBD,
    PROTOCOL_SHEEPDOG,
    PROTOCOL_GLUSTER,
    PROTOCOL_ISCSI,
    PROTOCOL_HTTP,
    PROTOCOL_HTTPS,
    PROTOCOL_FTP,
    PROTOCOL_FTPS,
    PROTOCOL_TFTP,
    PROTOCOL_SSH,
    PROTOCOL_VXHS,
    PROTOCOL_NFS,
} SourceProtocol;
extern const char *const source_protocols[];

typedef enum DiskFormat {
    FORMAT_NONE,
    FORMAT_RAW,
    FORMAT_DIR,
    FORMAT_BOCHS,
    FORMAT_CLOOP,
    FORMAT_DMG,
    FORMAT_ISO,
    FORMAT_VPC,
    FORMAT_VDI,
    FORMAT_FAT,
    FORMAT_VHD,
    FORMAT_PLOOP,
    FORMAT_COW,
    FORMAT_QCOW,
    FORMAT_QCOW2,
    FORMAT_QED,
    FORMAT_VMDK,
    FORMAT_LUKS,
} DiskFormat;
extern const char *const disk_formats[];

typedef struct SecretRef {
    char *type;
    guint8 uuid[16];
    char *usage;
} SecretRef;
extern const Schema secret_ref_schema;

typedef struct AuthDef {
    char *username;
    char *type; /* old spelling */
    SecretRef *secret;
} AuthDef;
extern const Schema auth_schema;

typedef struct EncryptionDef {
    int format;         /* word of encryption_formats */
    int engine;         /* qemu 1, librbd 2 */
    GPtrArray *secrets; /* SecretRef */
    char *cipher_name, *cipher_mode, *cipher_hash, *ivgen_name, *ivgen_hash;
    guint32 cipher_size;
} EncryptionDef;
extern const char *const encryption_formats[];
enum {
    ENCRYPTION_DEFAULT = 1,
    ENCRYPTION_QCOW,
    ENCRYPTION_LUKS,
    ENCRYPTION_LUKS2,
    ENCRYPTION_LUKS_ANY
};
extern const Schema encryption_schema;

typedef struct SourceHost {
    char *name;
    char *port;
    int transport; /* tcp 1, unix 2, rdma 3 */
    char *socket;
} SourceHost;
enum { TRANSPORT_TCP = 1, TRANSPORT_UNIX, TRANSPORT_RDMA };
extern const Schema source_host_schema;

typedef struct CookieDef {
    char *name;
    char *value;
} CookieDef;

typedef struct SliceDef {
    int type; /* storage 1 */
    guint64 offset, size;
} SliceDef;

typedef struct ReservationsDef {
    int managed; /* YES, NO */
    int type;    /* unix 1 */
    char *path;
    char *mode;
} ReservationsDef;
extern const Schema reservations_schema;

typedef struct NvmeSource {
    int type; /* pci 1 */
    guint32 ns;
    guint8 has_ns; /* namespace */
    int managed;   /* YES, NO */
    PciAddress address;
} NvmeSource;

/* What only network sources have. */
typedef struct NetworkSource {
    int protocol; /* SourceProtocol */
    char *name;
    char *query;
    int tls; /* YES, NO */
    char *tls_hostname;
    GPtrArray *hosts; /* SourceHost */
    char *snapshot;
    char *config;
    char *initiator;
    int ssl_verify;     /* YES, NO */
    GPtrArray *cookies; /* CookieDef */
    guint64 readahead;
    guint32 timeout;
    char *known_hosts;
    char *ssh_user, *keyfile, *agentsock; /* <identity> of ssh */
    char *nfs_user, *nfs_group;           /* and of nfs */
    guint32 reconnect_delay;              /* nbd */
} NetworkSource;

typedef struct VolumeSource {
    char *pool;
    char *volume;
    int mode; /* host 1, direct 2 */
    int kind; /* live: SourceType of what it is, whose path the source has */
} VolumeSource;

typedef struct DataStore DataStore;

/* What <source> holds. Its type is an attribute of the element around it, whose rows put it here.
 */
typedef struct DiskSource {
    int type;   /* SourceType */
    char *path; /* but of network and nvme; of a volume: live */
    NetworkSource *net;
    VolumeSource *volume;
    NvmeSource *nvme;
    int vhost_type;          /* vhostuser: unix 1 */
    ReconnectDef *reconnect; /* vhostuser */
    int startup_policy;      /* mandatory 1, requisite 2, optional 3 */
    guint32 index;           /* live */
    char *fdgroup;
    GPtrArray *slices; /* SliceDef */
    AuthDef *auth;
    EncryptionDef *encryption;
    ReservationsDef *reservations;
    DataStore *data_store;
    GPtrArray *seclabels; /* SeclabelDef */
} DiskSource;
extern const Schema disk_source_schema;
extern const Schema data_store_schema;

/* A data file beside a qcow2 image. */
struct DataStore {
    int format; /* DiskFormat */
    DiskSource source;
};

/* One image below another. source.type 0: the end of the chain, said explicitly by <backingStore/>.
 */
typedef struct BackingStore BackingStore;
struct BackingStore {
    guint32 index; /* live */
    int format;
    guint64 metadata_cache; /* bytes */
    DiskSource source;
    BackingStore *backing;
};
extern const Schema backing_store_schema;

typedef struct MirrorDef {
    int job;   /* copy 1, active-commit 2 */
    int ready; /* yes 1, abort 2, pivot 3 */
    int format;
    DiskSource source;
    BackingStore *backing;
} MirrorDef;

typedef enum DiskDevice { DISK_DISK = 1, DISK_CDROM, DISK_FLOPPY, DISK_LUN } DiskDevice;
extern const char *const disk_devices[];

typedef enum DiskBus {
    DISK_BUS_NONE,
    DISK_BUS_IDE,
    DISK_BUS_FDC,
    DISK_BUS_SCSI,
    DISK_BUS_VIRTIO,
    DISK_BUS_XEN,
    DISK_BUS_USB,
    DISK_BUS_UML,
    DISK_BUS_SATA,
    DISK_BUS_SD,
    DISK_BUS_NVME,
} DiskBus;
extern const char *const disk_buses[];

typedef enum DiskCache {
    CACHE_DEFAULT,
    CACHE_NONE,
    CACHE_WRITETHROUGH,
    CACHE_WRITEBACK,
    CACHE_DIRECTSYNC,
    CACHE_UNSAFE,
} DiskCache;

enum { DISK_IO_NATIVE = 1, DISK_IO_THREADS, DISK_IO_URING };
enum { STARTUP_MANDATORY = 1, STARTUP_REQUISITE, STARTUP_OPTIONAL };
enum { DISK_SNAPSHOT_NO = 1, DISK_SNAPSHOT_INTERNAL, DISK_SNAPSHOT_EXTERNAL, DISK_SNAPSHOT_MANUAL };
enum { SGIO_FILTERED = 1, SGIO_UNFILTERED };
enum { ENGINE_QEMU = 1, ENGINE_LIBRBD };
enum { DISCARD_UNMAP = 1, DISCARD_IGNORE };
enum { DETECT_ZEROES_OFF = 1, DETECT_ZEROES_ON, DETECT_ZEROES_UNMAP };
enum { ERROR_POLICY_STOP = 1, ERROR_POLICY_REPORT, ERROR_POLICY_IGNORE, ERROR_POLICY_ENOSPACE };

typedef struct IothreadQueue {
    guint32 id;
} IothreadQueue;

typedef struct IothreadMap {
    guint32 id;
    GPtrArray *queues; /* IothreadQueue */
} IothreadMap;

/* Attributes of <driver>. */
typedef struct DiskDriver {
    char *name; /* "qemu" */
    int format; /* DiskFormat */
    int cache, error_policy, rerror_policy, io, ioeventfd, event_idx, copy_on_read, discard;
    int detect_zeroes, discard_no_unref;
    guint32 queues, queue_size, iothread;
    guint64 metadata_cache; /* bytes */
    VirtioOptions virtio;
    GPtrArray *iothread_maps; /* IothreadMap */
} DiskDriver;

extern const Schema iothread_map_schema;

typedef struct IotuneDef {
    guint64 total_bytes_sec, read_bytes_sec, write_bytes_sec;
    guint64 total_iops_sec, read_iops_sec, write_iops_sec;
    guint64 total_bytes_sec_max, read_bytes_sec_max, write_bytes_sec_max;
    guint64 total_iops_sec_max, read_iops_sec_max, write_iops_sec_max;
    guint64 size_iops_sec;
    char *group_name;
    guint64 total_bytes_sec_max_length, read_bytes_sec_max_length, write_bytes_sec_max_length;
    guint64 total_iops_sec_max_length, read_iops_sec_max_length, write_iops_sec_max_length;
} IotuneDef;
extern const Schema iotune_schema;
gboolean iotune_has_limits(const IotuneDef *t); /* any beside its group's name */

typedef struct DiskGeometry {
    guint32 cylinders, heads, secs;
    int trans; /* none 1, auto 2, lba 3 */
    guint32 logical_block, physical_block;
    guint64 discard_granularity;
    guint8 has_discard_granularity;
} DiskGeometry;
enum { TRANSLATION_NONE = 1, TRANSLATION_AUTO, TRANSLATION_LBA };

typedef struct ThrottleFilter {
    char *group;
} ThrottleFilter;

typedef struct DiskDef {
    int device; /* DiskDevice */
    int model;  /* VirtioModel */
    int rawio, sgio, snapshot;
    DiskDriver driver;
    DiskSource source;   /* its type is the disk's */
    gboolean has_source; /* the element was there, even if it said nothing */
    BackingStore *backing;
    MirrorDef *mirror; /* live */
    char *target;
    int bus;       /* DiskBus */
    int tray;      /* closed 1, open 2 */
    int removable; /* ON, OFF */
    guint32 rotation_rate;
    gboolean readonly, shareable, transient;
    int transient_share; /* YES, NO */
    AuthDef *auth;       /* the older place; the source has another */
    DiskGeometry *geometry;
    IotuneDef *iotune;
    GPtrArray *throttle_filters; /* ThrottleFilter */
    char *serial, *wwn, *vendor, *product;
    EncryptionDef *encryption; /* the older place */
    DeviceInfo info;
} DiskDef;
extern const Schema disk_schema;
