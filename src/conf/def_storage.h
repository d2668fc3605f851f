/* Storage pools and their volumes. Included by conf.h only. */
#pragma once

#include "base/base.h"

typedef enum PoolType { POOL_DIR = 1 } PoolType;
typedef enum VolumeType { VOLUME_FILE = 1 } VolumeType;
typedef enum VolumeFormat { VOLUME_RAW = 1, VOLUME_QCOW2 } VolumeFormat;

typedef struct Permissions {
    guint32 mode, owner, group;
    char *label;
} Permissions;

typedef struct PoolSource {
    char *name;
    char *dir;
} PoolSource;

typedef struct PoolDef {
    int type; /* PoolType */
    char *name;
    guint8 uuid[UUID_LEN];
    guint64 capacity, allocation, available; /* bytes, while it is active */
    PoolSource source;
    char *path;               /* absolute, without a trailing slash */
    Permissions *permissions; /* NULL: as they are */
} PoolDef;

/* What a scan found; nobody writes one so far. */
typedef struct VolumeDef {
    int type; /* VolumeType */
    char *name, *key;
    guint64 capacity, allocation, physical; /* bytes */
    char *path;
    int format; /* VolumeFormat */
    Permissions permissions;
    char *atime, *mtime, *ctime; /* "1795242040.229710286" */
} VolumeDef;

extern const Schema pool_schema, volume_def_schema;

/* live: with what only an active pool has. */
PoolDef *pool_parse(const char *xml, gssize len, gboolean live, gboolean validate, GError **err);
char *pool_format(const PoolDef *def, gboolean live);
PoolDef *pool_copy(const PoolDef *def);
void pool_def_free(PoolDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PoolDef, pool_def_free)

char *volume_format(const VolumeDef *def);
void volume_free(VolumeDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VolumeDef, volume_free)
