/* Rows of secrets. */
#include "rows.h"

const char *const secret_usages[] = {
    NULL, "volume", "ceph", "iscsi", "tls", "vtpm", "none", NULL
};

static const Field use_fields[] = {
    ROW(SecretUse, "@type", F_ENUM, type, F_REQUIRED, secret_usages,
        "Kind of use that the secret is for."),
    WHEN(SecretUse, type, BIT(SECRET_FOR_VOLUME)),
    ROW(SecretUse, "volume", F_STRING, id, F_NONEMPTY, NULL,
        "Path of the encrypted volume that the secret opens."),
    WHEN(SecretUse, type, BIT(SECRET_FOR_CEPH) | BIT(SECRET_FOR_TLS) | BIT(SECRET_FOR_VTPM)),
    ROW(SecretUse, "name", F_STRING, id, F_NONEMPTY, NULL,
        "Name by which definitions refer to the secret."),
    WHEN(SecretUse, type, BIT(SECRET_FOR_ISCSI)),
    ROW(SecretUse, "target", F_STRING, id, F_NONEMPTY, NULL,
        "Name by which definitions refer to the secret."),
    WHEN_END,
    ROW_END
};

static gboolean
use_settle(gpointer data, GError **err)
{
    static const char *const lacks[] = {
        [SECRET_FOR_VOLUME] = "volume usage specified, but volume path is missing",
        [SECRET_FOR_CEPH] = "Ceph usage specified, but name is missing",
        [SECRET_FOR_ISCSI] = "iSCSI usage specified, but target is missing",
        [SECRET_FOR_TLS] = "TLS usage specified, but name is missing",
        [SECRET_FOR_VTPM] = "vTPM usage specified, but name is missing",
    };
    SecretUse *use = data;

    if (use->type == SECRET_FOR_NONE_BY_WORD)
        use->type = SECRET_FOR_NONE;
    if (use->type != SECRET_FOR_NONE && (!use->id || !*use->id))
        return fail(err, ERR_PLAIN, "%s", lacks[use->type]);
    return TRUE;
}
static const Schema use_schema = { "usage", sizeof(SecretUse), use_fields, use_settle };

static const Field secret_fields[] = {
    ROW(SecretDef, "@ephemeral", F_ENUM, ephemeral, 0, yes_no,
        "Whether the secret is kept in memory only, and never on disk."),
    ROW(SecretDef, "@private", F_ENUM, is_private, 0, yes_no,
        "Whether the value is given to guests only, and to no client."),
    ROW(SecretDef, "uuid", F_UUID, uuid, F_ERR(ERR_PLAIN), NULL,
        "UUID of the secret; without it a random one is made."),
    ROW(SecretDef, "description", F_STRING, description, 0, NULL,
        "Description of the secret, for people."),
    ROW(SecretDef, "usage", F_PTR, use, F_FILLED, &use_schema, "What the secret is used for."),
    ROW_END
};

static gboolean
secret_settle(gpointer data, GError **err)
{
    SecretDef *def = data;

    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
    def->ephemeral = def->ephemeral == YES ? YES : NO;
    def->is_private = def->is_private == YES ? YES : NO;
    return TRUE;
}
const Schema secret_schema = { "secret", sizeof(SecretDef), secret_fields, secret_settle };

SecretUsage
secret_usage(const SecretDef *def)
{
    return def->use ? (SecretUsage)def->use->type : SECRET_FOR_NONE;
}

const char *
secret_usage_id(const SecretDef *def)
{
    return def->use && def->use->id ? def->use->id : "";
}

SecretDef *
secret_parse(const char *xml, gssize len, guint flags, GError **err)
{
    return xml_parse(&secret_schema, NULL, xml, len, flags, err);
}

char *
secret_format(const SecretDef *def)
{
    return xml_format(&secret_schema, NULL, def, 0);
}

void
secret_def_free(SecretDef *def)
{
    schema_free(&secret_schema, def);
}
