/* Secrets: the struct of <secret>, which does not hold the secret's value. Included by conf.h only.
 * The element is described in libvirt's "Secret XML format". */
#pragma once

/* virSecretUsageType. */
typedef enum SecretUsage {
    SECRET_FOR_NONE,
    SECRET_FOR_VOLUME, /* the id is the path of the volume */
    SECRET_FOR_CEPH,
    SECRET_FOR_ISCSI,
    SECRET_FOR_TLS,
    SECRET_FOR_VTPM,
    SECRET_FOR_NONE_BY_WORD, /* the word for it, in documents only */
} SecretUsage;
extern const char *const secret_usages[];

typedef struct SecretUse {
    int type; /* SecretUsage */
    char *id;
} SecretUse;

typedef struct SecretDef {
    int ephemeral, is_private; /* YES, NO */
    guint8 uuid[UUID_LEN];
    char *description;
    SecretUse *use; /* NULL: for nothing in particular */
} SecretDef;

extern const Schema secret_schema;

/* Reads a document. flags: XML_VALIDATE. */
SecretDef *secret_parse(const char *xml, gssize len, guint flags, GError **err);
char *secret_format(const SecretDef *def); /* caller frees */
void secret_def_free(SecretDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SecretDef, secret_def_free)
SecretUsage secret_usage(const SecretDef *def);
const char *secret_usage_id(const SecretDef *def); /* "": none */
