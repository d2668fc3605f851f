/* Rules about sources of disks, and of their backing images: files, devices, servers, formats and
 * encryption. */
#include "check.h"

#include <string.h>

/* ---- servers */

typedef struct ProtocolRule {
    int protocol;
    gboolean two_parts; /* its name is POOL/IMAGE */
    gboolean gone;      /* QEMU does not know it any more */
    gboolean login;     /* it takes <auth> */
    const char *secret; /* of which type; NULL: any */
} ProtocolRule;

static const ProtocolRule protocols[] = {
    { PROTOCOL_RBD, TRUE, FALSE, TRUE, "ceph" },    { PROTOCOL_SHEEPDOG, FALSE, TRUE, FALSE, NULL },
    { PROTOCOL_GLUSTER, TRUE, FALSE, FALSE, NULL }, { PROTOCOL_ISCSI, FALSE, FALSE, TRUE, "iscsi" },
    { PROTOCOL_HTTP, FALSE, FALSE, TRUE, NULL },    { PROTOCOL_HTTPS, FALSE, FALSE, TRUE, NULL },
    { PROTOCOL_FTP, FALSE, FALSE, TRUE, NULL },     { PROTOCOL_FTPS, FALSE, FALSE, TRUE, NULL },
    { PROTOCOL_TFTP, FALSE, TRUE, FALSE, NULL },    { PROTOCOL_SSH, FALSE, FALSE, TRUE, NULL },
};

static const ProtocolRule *
protocol_rule(int protocol)
{
    static const ProtocolRule plain = { 0 };

    for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
        if (protocols[i].protocol == protocol)
            return &protocols[i];
    return &plain;
}

static gboolean
check_auth(const AuthDef *auth, int protocol, const char *what, GError **err)
{
    static const char *const types[] = { NULL,    "none", "volume", "ceph",
                                         "iscsi", "tls",  "vtpm",   NULL };
    const ProtocolRule *r = protocol_rule(protocol);
    const char *type = auth && auth->secret ? auth->secret->type : NULL;

    if (!auth || r->gone)
        return TRUE;
    if (!r->login)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: protocol '%s' takes no <auth>", what,
                    word_of(source_protocols, protocol));
    if (!type || !word_find(types, type))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: no secret is of type '%s'", what,
                    type ? type : "");
    return !r->secret || strcmp(type, r->secret) == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "%s: a secret of type '%s', '%s' needs type '%s'",
                what, type, word_of(source_protocols, protocol), r->secret);
}

static gboolean
check_nfs(const NetworkSource *n, const char *what, GError **err)
{
    const SourceHost *host = list_item(n->hosts, 0);

    if (list_length(n->hosts) != 1)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: nfs needs exactly one <host>, not %u", what,
                    list_length(n->hosts));
    if (host->port)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: the <host> of nfs has no 'port'", what);
    return !host->transport || host->transport == TRANSPORT_TCP ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "%s: nfs needs a <host> with transport 'tcp'", what);
}

/* RFC 6265. */
static gboolean
check_cookie(const CookieDef *c, const char *what, GError **err)
{
    static const char separators[] = "()<>@,;:\\\"/[]?={} \t";

    for (const char *p = c->name; *p; p++)
        if (!g_ascii_isgraph(*p) || strchr(separators, *p))
            return fail(err, ERR_XML, "%s: the name of cookie '%s' has a forbidden character", what,
                        c->name);
    for (const char *v = c->value ? c->value : ""; *v; v++)
        if (!g_ascii_isgraph(*v) || strchr(",;\\", *v))
            return fail(err, ERR_XML, "%s: the value of cookie '%s' has a forbidden character",
                        what, c->name);
    return TRUE;
}

static gboolean
check_cookies(const NetworkSource *n, const char *what, GError **err)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    if (n->protocol != PROTOCOL_HTTP && n->protocol != PROTOCOL_HTTPS)
        return TRUE;
    EACH (CookieDef, c, n->cookies) {
        if (!c->name || !check_cookie(c, what, err))
            return FALSE;
        if (!g_hash_table_add(names, c->name))
            return fail(err, ERR_XML, "%s: cookie '%s' is there twice", what, c->name);
    }
    return TRUE;
}

static gboolean
check_network(const NetworkSource *n, const char *what, GError **err)
{
    const ProtocolRule *r = protocol_rule(n->protocol);
    const char *protocol = word_of(source_protocols, n->protocol);

    if (r->gone)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: protocol '%s' is not supported by QEMU", what,
                    protocol);
    if (r->two_parts && (!n->name || !strchr(n->name, '/') || *n->name == '/'))
        return fail(err, ERR_XML, "%s: name '%s' of protocol '%s' must be as POOL/IMAGE", what,
                    n->name ? n->name : "", protocol);
    if (n->tls_hostname && n->protocol != PROTOCOL_NBD)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: 'tlsHostname' is of protocol 'nbd' only",
                    what);
    if (n->protocol == PROTOCOL_SSH && n->ssh_user && !n->keyfile && !n->agentsock)
        return fail(err, ERR_XML, "%s: <identity> needs a 'keyfile' or an 'agentsock'", what);
    if (n->protocol == PROTOCOL_NFS && !check_nfs(n, what, err))
        return FALSE;
    return check_cookies(n, what, err);
}

/* ---- formats */

static gboolean
names_nothing(const DiskSource *s)
{
    return !s->path && !s->net && !s->volume && !s->nvme;
}

/* An empty drive keeps the format of its last medium, which need not be checked. */
static gboolean
check_format(const DiskSource *s, int format, const char *what, GError **err)
{
    const char *name = word_of(disk_formats, format);

    if (format == FORMAT_LUKS)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: format 'luks' is 'raw' with <encryption format='luks'>", what);
    if (format == FORMAT_COW)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: format 'cow' is not supported by QEMU", what);
    if (format == FORMAT_ISO)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: format 'iso' is 'raw' to QEMU", what);
    if (format == FORMAT_DIR)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: format 'dir': a folder has type 'dir' and "
                    "format 'fat'",
                    what);
    if (format == FORMAT_FAT && s->type != SOURCE_DIR && s->type != SOURCE_VOLUME &&
        !names_nothing(s))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: format 'fat' is of sources of type 'dir' only", what);
    return s->type != SOURCE_DIR || !format || format == FORMAT_FAT ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "%s: a source of type 'dir' has format 'fat', not '%s'", what, name);
}

static gboolean
is_rbd(const DiskSource *s)
{
    return s->type == SOURCE_NETWORK && s->net && s->net->protocol == PROTOCOL_RBD;
}

static gboolean
check_qemu_encryption(const EncryptionDef *e, int format, const char *what, GError **err)
{
    if (e->format != ENCRYPTION_LUKS)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: encryption format '%s' needs engine 'librbd', QEMU itself has 'luks'",
                    what, word_of(encryption_formats, e->format));
    if (list_length(e->secrets) > 1)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: QEMU's encryption takes one <secret>, not %u",
                    what, list_length(e->secrets));
    return !format || format == FORMAT_RAW || format == FORMAT_QCOW2 ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "%s: images of format '%s' have no encryption, 'raw' and 'qcow2' do", what,
                word_of(disk_formats, format));
}

static gboolean
check_encryption(const EncryptionDef *e, const DiskSource *s, int format, const char *what,
                 GError **err)
{
    if (!e)
        return TRUE;
    if (e->cipher_name)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: <cipher> is for making a volume, the image itself knows it", what);
    if (e->format == ENCRYPTION_DEFAULT || e->format == ENCRYPTION_QCOW)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: encryption format '%s' is not supported any more, 'luks' is", what,
                    word_of(encryption_formats, e->format));
    if (e->engine != ENGINE_LIBRBD)
        return check_qemu_encryption(e, format, what, err);
    return is_rbd(s) || fail(err, ERR_CONFIG_UNSUPPORTED,
                             "%s: encryption engine 'librbd' is of protocol 'rbd' only", what);
}

/* ---- labels */

gboolean
source_labels_check(const GPtrArray *seclabels, const char *what, GError **err)
{
    EACH (SeclabelDef, one, seclabels)
        if (seclabels->len > 1 && !one->model)
            return fail(err, ERR_XML, "%s: of several <seclabel> each must name its 'model'", what);
    for (guint i = 0; i < list_length(seclabels); i++) {
        const SeclabelDef *l = list_item(seclabels, i);
        const char *model = l->model ? l->model : "";

        if (l->relabel == YES && !l->label)
            return fail(err, ERR_XML, "%s: seclabel '%s' with relabel 'yes' needs a <label>", what,
                        model);
        if (l->relabel == NO && l->label)
            return fail(err, ERR_XML, "%s: seclabel '%s' with relabel 'no' has a <label>", what,
                        model);
        for (guint k = 0; k < i; k++)
            if (g_strcmp0(l->model, ((SeclabelDef *)list_item(seclabels, k))->model) == 0)
                return fail(err, ERR_XML_DETAIL, "%s: seclabel model '%s' is there twice", what,
                            model);
    }
    return TRUE;
}

gboolean
source_check(const DiskSource *s, int format, const char *what, GError **err)
{
    if (s->type == SOURCE_NETWORK && s->net &&
        (!check_auth(s->auth, s->net->protocol, what, err) || !check_network(s->net, what, err)))
        return FALSE;
    if (s->data_store && format && format != FORMAT_QCOW2)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: <dataStore> is of images of format 'qcow2' only", what);
    if (s->data_store && s->data_store->format != FORMAT_RAW)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: <dataStore> must have format 'raw'", what);
    return check_format(s, format, what, err) &&
           check_encryption(s->encryption, s, format, what, err) &&
           source_labels_check(s->seclabels, what, err);
}
