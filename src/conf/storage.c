/* Rows of storage pools and volumes. */
#include "rows.h"

#include <string.h>

static const char *const pool_types[] = { NULL, "dir", NULL };
static const char *const volume_types[] = { NULL, "file", NULL };
static const char *const volume_formats[] = { NULL, "raw", "qcow2", NULL };

/* ---- permissions */

static gboolean
mode_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    guint64 mode;

    if (!g_ascii_string_to_unsigned(text, 8, 0, 07777, &mode, NULL))
        return FALSE;
    *(guint32 *)at = (guint32)mode;
    return TRUE;
}

static void
mode_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append_printf(out, "%04o", *(const guint32 *)at);
}

static const FieldType octal_mode = { "octal mode", "Expected octal mode", sizeof(guint32),
                                      mode_parse, mode_format };

static const Field permissions_fields[] = {
    ROW(Permissions, "mode", F_OWN, mode, F_ALWAYS, &octal_mode, "Bits of access."),
    ROW(Permissions, "owner", F_U32, owner, F_ALWAYS, NULL, "User."),
    ROW(Permissions, "group", F_U32, group, F_ALWAYS, NULL, "Group."),
    ROW(Permissions, "label", F_STRING, label, 0, NULL, "Security label."), ROW_END
};
static const Schema permissions_schema = { "permissions", sizeof(Permissions), permissions_fields };

/* ---- pools */

static const Field pool_source_fields[] = {
    ROW(PoolSource, "dir/@path", F_STRING, dir, 0, NULL, "Means nothing to a folder."),
    ROW(PoolSource, "name", F_STRING, name, 0, NULL, "Means nothing to a folder."), ROW_END
};
static const Schema pool_source_schema = { "source", sizeof(PoolSource), pool_source_fields };

static const Field pool_fields[] = {
    ROW(PoolDef, "@type", F_ENUM, type, UNSUPPORTED | F_REQUIRED, pool_types, "Kind of pool."),
    ROW(PoolDef, "name", F_STRING, name, F_MISSING(ERR_NO_NAME), NULL, "Name."),
    ROW(PoolDef, "uuid", F_UUID, uuid, 0, NULL, "UUID."),
    ROW(PoolDef, "capacity", F_SIZE, capacity, F_LIVE | F_ALWAYS, &size_bytes, "Of the folder."),
    ROW(PoolDef, "allocation", F_SIZE, allocation, F_LIVE | F_ALWAYS, &size_bytes, "In use."),
    ROW(PoolDef, "available", F_SIZE, available, F_LIVE | F_ALWAYS, &size_bytes, "Free."),
    ROW(PoolDef, "source", F_STRUCT, source, F_ALWAYS, &pool_source_schema, "Where it comes from."),
    ROW(PoolDef, "target/path", F_STRING, path, 0, NULL, "The folder."),
    ROW(PoolDef, "target/permissions", F_PTR, permissions, 0, &permissions_schema, "Access."),
    ROW_END
};

static gboolean
pool_settle(gpointer data, GError **err)
{
    PoolDef *def = data;
    gsize len = def->path ? strlen(def->path) : 0;

    if (strchr(def->name, '/') || strchr(def->name, '\n') || *def->name == '.' || !*def->name)
        return fail(err, ERR_XML,
                    "name '%s' cannot contain '/' or a line break, begin with '.', or be empty",
                    def->name);
    if (len == 0)
        return fail(err, ERR_XML, "missing storage pool target path");
    if (*def->path != '/')
        return fail(err, ERR_XML, "pool '%s': target path '%s' is not absolute", def->name,
                    def->path);
    while (len > 1 && def->path[len - 1] == '/')
        def->path[--len] = '\0';
    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
    return TRUE;
}

const Schema pool_schema = { "pool", sizeof(PoolDef), pool_fields, pool_settle };

PoolDef *
pool_parse(const char *xml, gssize len, gboolean live, gboolean validate, GError **err)
{
    guint flags = (live ? XML_LIVE : 0) | (validate ? XML_VALIDATE : 0);

    return xml_parse(&pool_schema, NULL, xml, len, flags, err);
}

char *
pool_format(const PoolDef *def, gboolean live)
{
    return xml_format(&pool_schema, NULL, def, live ? XML_LIVE : 0);
}

PoolDef *
pool_copy(const PoolDef *def)
{
    return schema_copy(&pool_schema, def);
}

void
pool_def_free(PoolDef *def)
{
    schema_free(&pool_schema, def);
}

/* ---- volumes */

static const Field volume_fields[] = {
    ROW(VolumeDef, "@type", F_ENUM, type, 0, volume_types, "Kind of volume."),
    ROW(VolumeDef, "name", F_STRING, name, 0, NULL, "Name within its pool."),
    ROW(VolumeDef, "key", F_STRING, key, 0, NULL, "Name within the host."),
    ROW(VolumeDef, "capacity", F_SIZE, capacity, F_ALWAYS, &size_bytes, "As a guest sees it."),
    ROW(VolumeDef, "allocation", F_SIZE, allocation, F_ALWAYS, &size_bytes, "In use."),
    ROW(VolumeDef, "physical", F_SIZE, physical, F_ALWAYS, &size_bytes, "Length of the file."),
    ROW(VolumeDef, "target/path", F_STRING, path, 0, NULL, "Where it is."),
    ROW(VolumeDef, "target/format/@type", F_ENUM, format, 0, volume_formats, "Image format."),
    ROW(VolumeDef, "target/permissions", F_STRUCT, permissions, F_ALWAYS, &permissions_schema,
        "Access."),
    ROW(VolumeDef, "target/timestamps/atime", F_STRING, atime, 0, NULL, "Last read."),
    ROW(VolumeDef, "target/timestamps/mtime", F_STRING, mtime, 0, NULL, "Last written."),
    ROW(VolumeDef, "target/timestamps/ctime", F_STRING, ctime, 0, NULL, "Last changed."),
    ROW_END
};
const Schema volume_def_schema = { "volume", sizeof(VolumeDef), volume_fields };

char *
volume_format(const VolumeDef *def)
{
    return xml_format(&volume_def_schema, NULL, def, 0);
}

void
volume_free(VolumeDef *def)
{
    schema_free(&volume_def_schema, def);
}
