/* -blockdev: the nodes of an image and what is below it. Node names are libvirt-N-storage and
 * libvirt-N-format; the numbers stand in the live definition. Raw images need no format node.
 */
#include "args_block.h"

#include <string.h>

/* Properties of an image's nodes that come from its disk. */
typedef struct NodeLook {
    gboolean read_only;
    gboolean layered; /* a format node stands on the storage node */
    gboolean floppy;
    int format;        /* DiskFormat: what the storage node is read as */
    gboolean upgraded; /* what stands above writes though nobody has asked it to */
    const DiskDriver *driver;
    const char *what;
    const char *reservations; /* id of the helper; NULL: none */
    const AuthDef *auth;      /* in the older place, beside the source */
} NodeLook;

static char *
node_name(guint32 index, const char *layer)
{
    return g_strdup_printf("libvirt-%u-%s", index, layer);
}

/* ---- servers */

static const struct {
    int protocol;
    const char *driver;
    const char *port;
} protocols[] = {
    { PROTOCOL_NBD, "nbd", "10809" },
    { PROTOCOL_RBD, "rbd", "0" }, /* as the servers have it */
    { PROTOCOL_GLUSTER, "gluster", "24007" },
    { PROTOCOL_ISCSI, "iscsi", "3260" },
    { PROTOCOL_HTTP, "http", "80" },
    { PROTOCOL_HTTPS, "https", "443" },
    { PROTOCOL_FTP, "ftp", "21" },
    { PROTOCOL_FTPS, "ftps", "990" },
    { PROTOCOL_TFTP, "tftp", "69" },
    { PROTOCOL_SSH, "ssh", "22" },
    { PROTOCOL_NFS, "nfs", NULL },
};

static const char *
protocol_driver(int protocol)
{
    for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
        if (protocols[i].protocol == protocol)
            return protocols[i].driver;
    return NULL;
}

static const char *
host_port(int protocol, const SourceHost *h)
{
    if (h->port != NULL)
        return h->port;
    for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
        if (protocols[i].protocol == protocol)
            return protocols[i].port;
    return NULL;
}

static json_object *
server_json(int protocol, const SourceHost *h, gboolean typed)
{
    json_object *o = json_object_new_object();

    if (h->transport == TRANSPORT_UNIX)
        props_add(o, "s:type", typed ? "unix" : NULL, "s:path", h->socket, NULL);
    else
        props_add(o, "s:type", typed ? "inet" : NULL, "s:host", h->name, "s:port",
                  host_port(protocol, h), NULL);
    return o;
}

static json_object *
server_list(const NetworkSource *n, gboolean typed)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < list_length(n->hosts); i++)
        json_object_array_add(list,
                              server_json(n->protocol, LIST_AT(SourceHost, n->hosts, i), typed));
    return list;
}

/* An address of IPv6 is told from its port by brackets. */
static char *
host_and_port(int protocol, const SourceHost *h)
{
    gboolean bare_ipv6 = strchr(h->name, ':') != NULL && *h->name != '[';

    return g_strdup_printf(bare_ipv6 ? "[%s]:%s" : "%s:%s", h->name, host_port(protocol, h));
}

/* ---- one function a protocol */

static gboolean
net_nbd(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    props_add(o, "o:server", server_json(n->protocol, LIST_AT(SourceHost, n->hosts, 0), TRUE),
              "s:export", n->name, "n:reconnect-delay", n->reconnect_delay, NULL);
    return TRUE;
}

static gboolean
net_rbd(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    g_auto(GStrv) parts = g_strsplit(n->name ? n->name : "", "/", 3);
    guint count = g_strv_length(parts);

    if (count < 2)
        return fail(err, ERR_INTERNAL, "missing image name in '%s'", n->name ? n->name : "");
    props_add(o, "s:pool", parts[0], "s:namespace", count == 3 ? parts[1] : NULL, "s:image",
              parts[count - 1], "s:snapshot", n->snapshot, "s:conf", n->config, NULL);
    if (list_length(n->hosts) > 0)
        props_add(o, "o:server", server_list(n, FALSE), NULL);
    return TRUE;
}

static gboolean
net_gluster(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    const char *slash = n->name ? strchr(n->name, '/') : NULL;
    g_autofree char *volume = NULL;

    if (slash == NULL)
        return fail(err, ERR_INTERNAL, "missing volume or file name in gluster source '%s'",
                    n->name ? n->name : "");
    volume = g_strndup(n->name, (gsize)(slash - n->name));
    props_add(o, "s:volume", volume, "s:path", slash + 1, "o:server", server_list(n, TRUE),
              "i:debug", 4, NULL);
    return TRUE;
}

static gboolean
net_iscsi(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    g_auto(GStrv) parts = g_strsplit(n->name ? n->name : "", "/", 2);
    g_autofree char *portal = host_and_port(n->protocol, LIST_AT(SourceHost, n->hosts, 0));
    guint64 lun = 0;

    if (parts[0] == NULL ||
        (parts[1] != NULL && (!number_read(parts[1], 10, &lun) || lun > G_MAXINT32)))
        return fail(err, ERR_INTERNAL, "iSCSI source '%s' is not as TARGET/LUN, LUN being a number",
                    n->name ? n->name : "");
    props_add(o, "s:portal", portal, "s:target", parts[0], "i:lun", (int)lun, "s:transport", "tcp",
              "s:initiator-name", n->initiator, NULL);
    return TRUE;
}

/* Characters of a URL's path that need no escape (RFC 3986); a colon may be taken for the end of a
 * scheme. */
#define PATH_CHARS "!$&'()*+,;=@/"

static gboolean
net_curl(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    g_autofree char *place = host_and_port(n->protocol, LIST_AT(SourceHost, n->hosts, 0));
    g_autofree char *path = g_uri_escape_string(n->name != NULL ? n->name : "", PATH_CHARS, FALSE);
    g_autofree char *url = g_strconcat(protocol_driver(n->protocol), "://", place,
                                       *path == '/' || *path == 0 ? "" : "/", path,
                                       n->query != NULL ? "?" : "", n->query, NULL);

    if (list_length(n->cookies) > 0 && !args_is_native(a))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "disk source %s: cookies cannot be handed to QEMU without showing them", url);
    props_add(o, "s:url", url, NULL);
    if (n->ssl_verify != 0)
        props_add(o, "b:sslverify", n->ssl_verify == YES, NULL);
    props_add(o, "n:timeout", n->timeout, "u:readahead", n->readahead, NULL);
    return TRUE;
}

static gboolean
net_ssh(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    props_add(o, "s:path", n->name, "o:server",
              server_json(n->protocol, LIST_AT(SourceHost, n->hosts, 0), FALSE), "s:user",
              n->ssh_user, NULL);
    return TRUE;
}

static gboolean
net_nfs(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err)
{
    json_object *server = json_object_new_object();

    props_add(server, "s:host", LIST_AT(SourceHost, n->hosts, 0)->name, "s:type", "inet", NULL);
    props_add(o, "o:server", server, "s:path", n->name, NULL);
    if (n->nfs_user != NULL && g_ascii_isdigit(n->nfs_user[0] == '+' ? n->nfs_user[1] : 'x'))
        props_add(o, "i:user", atoi(n->nfs_user + 1), NULL);
    if (n->nfs_group != NULL && g_ascii_isdigit(n->nfs_group[0] == '+' ? n->nfs_group[1] : 'x'))
        props_add(o, "i:group", atoi(n->nfs_group + 1), NULL);
    return TRUE;
}

#define ANY_NUMBER G_MAXUINT

static const struct {
    int protocol;
    guint hosts_min, hosts_max;
    gboolean unix_socket; /* a host may be one */
    gboolean (*put)(ArgsOut *a, json_object *o, const NetworkSource *n, GError **err);
    const char *user, *secret; /* members of a login; NULL: QEMU takes none with a password */
} net_rows[] = {
    { PROTOCOL_NBD, 1, 1, TRUE, net_nbd, NULL, NULL },
    { PROTOCOL_RBD, 0, ANY_NUMBER, FALSE, net_rbd, "s:user", "s:key-secret" },
    { PROTOCOL_GLUSTER, 1, ANY_NUMBER, TRUE, net_gluster, NULL, NULL },
    { PROTOCOL_ISCSI, 1, 1, FALSE, net_iscsi, "s:user", "s:password-secret" },
    { PROTOCOL_HTTP, 1, 1, FALSE, net_curl, "s:username", "s:password-secret" },
    { PROTOCOL_HTTPS, 1, 1, FALSE, net_curl, "s:username", "s:password-secret" },
    { PROTOCOL_FTP, 1, 1, FALSE, net_curl, "s:username", "s:password-secret" },
    { PROTOCOL_FTPS, 1, 1, FALSE, net_curl, "s:username", "s:password-secret" },
    { PROTOCOL_TFTP, 1, 1, FALSE, net_curl, NULL, NULL },
    { PROTOCOL_SSH, 1, 1, FALSE, net_ssh, NULL, NULL },
    { PROTOCOL_NFS, 1, 1, FALSE, net_nfs, NULL, NULL },
};

/* rbd asks for a key where it has one: cephx, or else nothing. */
static void
add_rbd_methods(json_object *o)
{
    json_object *methods = json_object_new_array();

    json_object_array_add(methods, json_object_new_string("cephx"));
    json_object_array_add(methods, json_object_new_string("none"));
    props_add(o, "o:auth-client-required", methods, NULL);
}

static gboolean
add_login(ArgsOut *a, json_object *o, guint row, const AuthDef *auth, const DiskSource *s,
          const char *what, GError **err)
{
    g_autofree char *id = g_strdup_printf("libvirt-%u-storage-auth-secret0", s->index);
    int protocol = net_rows[row].protocol;

    if (auth == NULL)
        return TRUE;
    if (net_rows[row].user == NULL && !args_is_native(a))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: QEMU logs in nowhere by protocol '%s'", what,
                    word_of(source_protocols, protocol));
    if (!args_secret(a, auth->secret, id, what, err))
        return FALSE;
    props_add(o, net_rows[row].user, auth->username, net_rows[row].secret, id, NULL);
    if (protocol == PROTOCOL_RBD)
        add_rbd_methods(o);
    return TRUE;
}

static gboolean
hosts_fit(guint row, const NetworkSource *n, const char *what, GError **err)
{
    const char *protocol = word_of(source_protocols, n->protocol);
    guint hosts = list_length(n->hosts);

    if (hosts < net_rows[row].hosts_min || hosts > net_rows[row].hosts_max)
        return fail(err, ERR_INTERNAL, "%s: protocol '%s' takes exactly one <host>, not %u", what,
                    protocol, hosts);
    for (guint i = 0; i < hosts; i++) {
        int transport = LIST_AT(SourceHost, n->hosts, i)->transport;

        if (transport == TRANSPORT_RDMA ||
            (transport == TRANSPORT_UNIX && !net_rows[row].unix_socket))
            return fail(err, ERR_INTERNAL, "%s: protocol '%s' is not supported over transport '%s'",
                        what, protocol, transport == TRANSPORT_UNIX ? "unix" : "rdma");
    }
    return TRUE;
}

static gboolean
source_network(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look, GError **err)
{
    const NetworkSource *n = s->net;
    const AuthDef *auth = s->auth != NULL ? s->auth : look->auth;

    for (guint i = 0; i < G_N_ELEMENTS(net_rows); i++) {
        if (net_rows[i].protocol != n->protocol)
            continue;
        if (!hosts_fit(i, n, look->what, err))
            return FALSE;
        props_add(o, "s:driver", protocol_driver(n->protocol), NULL);
        return net_rows[i].put(a, o, n, err) && add_login(a, o, i, auth, s, look->what, err);
    }
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "'%s' protocol is no longer supported by any hypervisor driver",
                word_of(source_protocols, n->protocol));
}

/* ---- sources on this host */

static gboolean
is_direct(const DiskDriver *driver)
{
    return driver != NULL && (driver->cache == CACHE_NONE || driver->cache == CACHE_DIRECTSYNC);
}

static gboolean
source_file(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look, GError **err)
{
    static const char *const aio[] = { NULL, "native", "threads", "io_uring" };
    int io = look->driver != NULL ? look->driver->io : 0;
    const char *(*open_image)(ArgsOut *, HostKind, const char *,
                              const char *) = is_direct(look->driver) ? args_open_direct
                                                                      : args_open;
    const char *name = NULL;

    /* A node that may turn from reading to writing opens its file once for each. */
    if (look->read_only || (look->layered && !look->upgraded))
        name = open_image(a, HOST_READ, s->path, look->what);
    if (!look->read_only)
        name = open_image(a, HOST_WRITE, s->path, look->what);
    if (!args_is_native(a))
        args_format(a, s, look->format);
    props_add(o, "s:driver", disk_source_kind(s) == SOURCE_BLOCK ? "host_device" : "file",
              "s:filename", name, "s:aio", io > 0 && io < (int)G_N_ELEMENTS(aio) ? aio[io] : NULL,
              NULL);
    return TRUE;
}

static gboolean
source_dir(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look, GError **err)
{
    props_add(o, "s:driver", "vvfat", "s:dir", s->path, "b:floppy", look->floppy, "b:rw",
              !look->read_only, NULL);
    return TRUE;
}

static gboolean
source_nvme(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look, GError **err)
{
    const PciAddress *p = &s->nvme->address;
    g_autofree char *device = g_strdup_printf("%04x:%02x:%02x.%x", p->domain, p->bus, p->slot,
                                              p->function);

    props_add(o, "s:driver", "nvme", "s:device", device, "i:namespace", (int)s->nvme->ns, NULL);
    return TRUE;
}

static gboolean
source_volume(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look, GError **err)
{
    if (s->path != NULL)
        return source_file(a, o, s, look, err);
    return fail(err, ERR_NO_POOL, "no storage pool with matching name '%s'", s->volume->pool);
}

static gboolean
source_vdpa(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look, GError **err)
{
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "vhostvdpa disk is not supported with this QEMU binary");
}

typedef gboolean (*SourcePut)(ArgsOut *a, json_object *o, const DiskSource *s, const NodeLook *look,
                              GError **err);

static const SourcePut source_rows[N_SOURCE_TYPES] = {
    [SOURCE_FILE] = source_file,       [SOURCE_BLOCK] = source_file,    [SOURCE_DIR] = source_dir,
    [SOURCE_NETWORK] = source_network, [SOURCE_VOLUME] = source_volume, [SOURCE_NVME] = source_nvme,
    [SOURCE_VHOST_VDPA] = source_vdpa,
};

/* ---- nodes */

static json_object *
cache_json(const DiskDriver *driver)
{
    static const struct {
        gboolean set, direct, no_flush;
    } modes[] = {
        [CACHE_DEFAULT] = { FALSE, FALSE, FALSE },     [CACHE_NONE] = { TRUE, TRUE, FALSE },
        [CACHE_WRITETHROUGH] = { TRUE, FALSE, FALSE }, [CACHE_WRITEBACK] = { TRUE, FALSE, FALSE },
        [CACHE_DIRECTSYNC] = { TRUE, TRUE, FALSE },    [CACHE_UNSAFE] = { TRUE, FALSE, TRUE },
    };
    int mode = driver != NULL ? driver->cache : CACHE_DEFAULT;
    json_object *o;

    if (mode < 0 || mode >= (int)G_N_ELEMENTS(modes) || !modes[mode].set)
        return NULL;
    o = json_object_new_object();
    props_add(o, "b:direct", modes[mode].direct, "b:no-flush", modes[mode].no_flush, NULL);
    return o;
}

/* Properties that the topmost node of an image gets from <driver>. */
static void
guest_props(json_object *o, const NodeLook *look)
{
    static const char *const discards[] = { NULL, "unmap", "ignore" };
    static const char *const zeroes[] = { NULL, "off", "on", "unmap" };
    const DiskDriver *d = look->driver;
    int detect = d != NULL ? d->detect_zeroes : 0;

    if (detect == DETECT_ZEROES_UNMAP && d->discard != DISCARD_UNMAP)
        detect = DETECT_ZEROES_ON;
    props_add(o, "b:read-only", look->read_only, NULL);
    if (d != NULL)
        props_add(o, "s:discard", discards[CLAMP(d->discard, 0, 2)], "s:detect-zeroes",
                  zeroes[CLAMP(detect, 0, 3)], NULL);
}

static gboolean
put_storage(ArgsOut *a, const DiskSource *s, const char *name, const NodeLook *look, GError **err)
{
    SourcePut put = s->type > 0 && s->type < N_SOURCE_TYPES ? source_rows[s->type] : NULL;
    json_object *o = json_object_new_object();

    if (put == NULL)
        fail(err, ERR_CONFIG_UNSUPPORTED, "%s: source type '%s' is not supported", look->what,
             word_of(source_types, s->type));
    if (put == NULL || !put(a, o, s, look, err)) {
        json_object_put(o);
        return FALSE;
    }
    props_add(o, "s:pr-manager", look->reservations, "s:node-name", name, NULL);
    /* QEMU asks twice for the lock when it opens a descriptor anew because of a filter. */
    if (look->layered)
        props_add(o, "b:auto-read-only", !look->upgraded || args_is_native(a), "s:discard", "unmap",
                  NULL);
    else
        guest_props(o, look);
    props_add(o, "o:cache", cache_json(look->driver), NULL);
    args_part(a, ADD_BLOCKDEV, o);
    return TRUE;
}

static const char *
format_driver(int format)
{
    static const struct {
        int format;
        const char *driver;
    } rows[] = {
        { FORMAT_NONE, "raw" },    { FORMAT_RAW, "raw" },     { FORMAT_ISO, "raw" },
        { FORMAT_DIR, "raw" },     { FORMAT_FAT, "raw" },     { FORMAT_BOCHS, "bochs" },
        { FORMAT_CLOOP, "cloop" }, { FORMAT_DMG, "dmg" },     { FORMAT_VPC, "vpc" },
        { FORMAT_VHD, "vpc" },     { FORMAT_VDI, "vdi" },     { FORMAT_PLOOP, "parallels" },
        { FORMAT_QCOW, "qcow" },   { FORMAT_QCOW2, "qcow2" }, { FORMAT_QED, "qed" },
        { FORMAT_VMDK, "vmdk" },   { FORMAT_LUKS, "luks" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].format == format)
            return rows[i].driver;
    return NULL;
}

gboolean
block_has_backing(int format)
{
    return format == FORMAT_QCOW || format == FORMAT_QCOW2 || format == FORMAT_QED ||
           format == FORMAT_VMDK;
}

/* Whether the storage node is all that is needed. A folder is shown through a layer of its own. */
static gboolean
is_raw(int format)
{
    return format != FORMAT_FAT && g_strcmp0(format_driver(format), "raw") == 0;
}

/* An image as documents describe it, be it the top one or a backing image. */
typedef struct BlockImage {
    const DiskSource *source;
    int format;
    guint64 metadata_cache;
    const BackingStore *backing;
    const EncryptionDef *encryption;
    gboolean top;
} BlockImage;

static gboolean
has_format_node(const BlockImage *image)
{
    return image->encryption != NULL || !is_raw(image->format);
}

static gboolean put_image(ArgsOut *a, const BlockImage *image, const NodeLook *look,
                          char **ret_node, GError **err);

static gboolean
put_slice(ArgsOut *a, const BlockImage *image, char **storage)
{
    const SliceDef *slice = list_length(image->source->slices) > 0
                                ? LIST_AT(SliceDef, image->source->slices, 0)
                                : NULL;
    g_autofree char *name = node_name(image->source->index, "slice-sto");
    json_object *o;

    if (slice == NULL)
        return TRUE;
    o = props_new("raw");
    props_add(o, "U:offset", slice->offset, "U:size", slice->size, "s:file", *storage,
              "s:node-name", name, "b:auto-read-only", TRUE, "s:discard", "unmap", NULL);
    args_part(a, ADD_BLOCKDEV, o);
    g_free(*storage);
    *storage = g_steal_pointer(&name);
    return TRUE;
}

/* The backing image: the name of a node, an explicit end, or (NULL) nothing. */
static gboolean
put_backing(ArgsOut *a, const BlockImage *image, const NodeLook *look, char **ret_node,
            GError **err)
{
    const BackingStore *b = image->backing;
    BlockImage below;
    DiskDriver driver = { 0 };
    NodeLook under = { .read_only = TRUE, .what = look->what, .driver = &driver };

    *ret_node = NULL;
    if (b == NULL || b->source.type == SOURCE_NONE)
        return TRUE;
    if (look->driver != NULL) {
        driver.cache = look->driver->cache;
        driver.io = look->driver->io;
        driver.discard = look->driver->discard;
    }
    below = (BlockImage){ .source = &b->source,
                          .format = b->format,
                          .metadata_cache = b->metadata_cache,
                          .backing = b->backing,
                          .encryption = b->source.encryption };
    return put_image(a, &below, &under, ret_node, err);
}

static gboolean
put_data_store(ArgsOut *a, const BlockImage *image, const NodeLook *look, char **ret_node,
               GError **err)
{
    const DataStore *d = image->source->data_store;
    g_autofree char *name = NULL;
    NodeLook plain = *look;

    if (d == NULL)
        return TRUE;
    plain.layered = FALSE;
    plain.format = FORMAT_RAW;
    name = node_name(d->source.index, "storage");
    if (!put_storage(a, &d->source, name, &plain, err))
        return FALSE;
    *ret_node = g_steal_pointer(&name);
    return TRUE;
}

/* A raw image that is encrypted is a container of LUKS to QEMU; one of qcow2 has the guest's bytes
 * encrypted in it. */
static gboolean
add_encryption(ArgsOut *a, json_object *o, const BlockImage *image, const char *what, GError **err)
{
    const EncryptionDef *e = image->encryption;
    g_autofree char *id = g_strdup_printf("libvirt-%u-format-encryption-secret0",
                                          image->source->index);
    json_object *encrypt;

    if (e == NULL)
        return TRUE;
    if (list_length(e->secrets) != 1)
        return fail(err, ERR_NO_SECRET, "%s: no secret for its encryption", what);
    if (!args_secret(a, LIST_AT(SecretRef, e->secrets, 0), id, what, err))
        return FALSE;
    if (image->format != FORMAT_QCOW2) {
        props_add(o, "s:key-secret", id, NULL);
        return TRUE;
    }
    encrypt = json_object_new_object();
    props_add(encrypt, "s:format", "luks", "s:key-secret", id, NULL);
    props_add(o, "o:encrypt", encrypt, NULL);
    return TRUE;
}

static gboolean
put_format(ArgsOut *a, const BlockImage *image, const NodeLook *look, const char *storage,
           const char *data, const char *backing, char **ret_node, GError **err)
{
    const char *driver = image->encryption != NULL && is_raw(image->format)
                             ? "luks"
                             : format_driver(image->format);
    g_autofree char *name = node_name(image->source->index, "format");
    json_object *o;

    if (driver == NULL)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'%s' storage format is not supported",
                    word_of(disk_formats, image->format));
    if (image->format == FORMAT_LUKS)
        return fail(err, ERR_NO_SECRET, "%s: no secret for its encryption", look->what);
    o = json_object_new_object();
    props_add(o, "s:node-name", name, NULL);
    guest_props(o, look);
    props_add(o, "o:cache", cache_json(look->driver), "s:driver", driver, "u:cache-size",
              image->metadata_cache, NULL);
    if (!add_encryption(a, o, image, look->what, err)) {
        json_object_put(o);
        return FALSE;
    }
    if (image->top && look->driver != NULL && image->format == FORMAT_QCOW2)
        props_add(o, "B:discard-no-unref", look->driver->discard_no_unref, NULL);
    props_add(o, "s:data-file", data, "s:file", storage, "s:backing", backing, NULL);
    if (backing == NULL && block_has_backing(image->format) &&
        (image->backing != NULL || !args_is_native(a)))
        json_object_object_add(o, "backing", NULL);
    args_part(a, ADD_BLOCKDEV, o);
    *ret_node = g_steal_pointer(&name);
    return TRUE;
}

static gboolean
put_image(ArgsOut *a, const BlockImage *image, const NodeLook *look, char **ret_node, GError **err)
{
    g_autofree char *storage = node_name(image->source->index, "storage");
    g_autofree char *data = NULL, *backing = NULL;
    NodeLook own = *look;

    own.format = image->format;
    own.layered = has_format_node(image) || list_length(image->source->slices) > 0;
    if (!put_backing(a, image, look, &backing, err) ||
        !put_data_store(a, image, look, &data, err) ||
        !put_storage(a, image->source, storage, &own, err) || !put_slice(a, image, &storage))
        return FALSE;
    if (!has_format_node(image)) {
        *ret_node = g_steal_pointer(&storage);
        return TRUE;
    }
    return put_format(a, image, look, storage, data, backing, ret_node, err);
}

/* Filters above the image: limits that disks share, then copy-on-read. */
static void
put_filters(ArgsOut *a, const DiskDef *disk, char **node)
{
    const GPtrArray *filters = disk->throttle_filters;

    for (guint i = 0; i < list_length(filters); i++) {
        g_autofree char *group = g_strconcat("throttle-",
                                             LIST_AT(ThrottleFilter, filters, i)->group, NULL);
        g_autofree char *name = g_strdup_printf("libvirt-%s-filter%u", disk->target, i);
        json_object *o = props_new("throttle");

        props_add(o, "s:node-name", name, "s:throttle-group", group, "s:file", *node, NULL);
        args_part(a, ADD_BLOCKDEV, o);
        g_free(*node);
        *node = g_steal_pointer(&name);
    }
    if (disk->driver.copy_on_read == ON) {
        g_autofree char *name = g_strconcat("libvirt-CoR-", disk->target, NULL);
        json_object *o = props_new("copy-on-read");

        props_add(o, "s:node-name", name, "s:file", *node, "s:discard", "unmap", NULL);
        args_part(a, ADD_BLOCKDEV, o);
        g_free(*node);
        *node = g_steal_pointer(&name);
    }
}

static void
put_helper(ArgsOut *a, const char *id, const char *path)
{
    json_object *o = json_object_new_object();

    props_add(o, "s:qom-type", "pr-manager-helper", "s:id", id, "s:path", path, NULL);
    args_part(a, ADD_OBJECT, o);
}

/* Persistent reservations go through a helper, which has the privilege that QEMU has not. */
static gboolean
put_reservations(ArgsOut *a, const DiskDef *disk, char **ret_id, GError **err)
{
    const ReservationsDef *r = disk->source.reservations;
    g_autofree char *path = NULL;

    if (r == NULL)
        return TRUE;
    if (r->managed == NO) {
        *ret_id = g_strconcat("pr-helper-", disk->info.alias, NULL);
        put_helper(a, *ret_id, r->path);
        return TRUE;
    }
    if (!args_is_native(a))
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "disk '%s': vmd does not start qemu-pr-helper; start it, and name its socket in "
            "<reservations managed='no'>",
            disk->target);
    *ret_id = g_strdup("pr-helper0");
    path = g_strdup_printf("%s/pr-helper0.sock", a->in->run_dir != NULL ? a->in->run_dir : "");
    if (!a->reservations)
        put_helper(a, *ret_id, path);
    a->reservations = TRUE;
    return TRUE;
}

/* A disk that forgets: what the guest writes goes into an image of its own, which nobody needs once
 * the guest is gone, and nothing waits for it to be on disk. */
static gboolean
put_overlay(ArgsOut *a, const DiskDef *disk, const NodeLook *look, char **node, GError **err)
{
    g_autofree char *storage = node_name(disk->source.index, "overlay-file");
    g_autofree char *name = node_name(disk->source.index, "overlay");
    json_object *o = props_new("file"), *cache;
    NodeLook top = *look;

    if (disk->source.encryption != NULL || disk->encryption != NULL) {
        json_object_put(o);
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: a transient disk of an encrypted image is not supported: the guest's "
                    "changes would not be encrypted",
                    look->what);
    }
    if (!is_raw(disk->driver.format) && disk->driver.format != FORMAT_QCOW2) {
        json_object_put(o);
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "%s: an image of format '%s' cannot be a transient disk, 'raw' and 'qcow2' can",
                    look->what, word_of(disk_formats, disk->driver.format));
    }
    props_add(o, "s:filename",
              args_open_overlay(a, disk->source.path, disk->driver.format, look->what),
              "s:node-name", storage, "s:discard", "unmap", NULL);
    args_part(a, ADD_BLOCKDEV, o);
    o = props_new("qcow2");
    cache = json_object_new_object();
    props_add(cache, "b:direct", FALSE, "b:no-flush", TRUE, NULL);
    props_add(o, "s:node-name", name, NULL);
    top.read_only = FALSE;
    guest_props(o, &top);
    props_add(o, "s:file", storage, "s:backing", *node, "o:cache", cache, NULL);
    args_part(a, ADD_BLOCKDEV, o);
    g_free(*node);
    *node = g_steal_pointer(&name);
    return TRUE;
}

gboolean
block_put_disk(ArgsOut *a, const DiskDef *disk, char **ret_node, GError **err)
{
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->target), *helper = NULL;
    NodeLook look = { .read_only = disk->readonly || disk->device == DISK_CDROM,
                      .floppy = disk->device == DISK_FLOPPY,
                      .upgraded = disk->driver.copy_on_read == ON,
                      .driver = &disk->driver,
                      .what = what,
                      .auth = disk->auth };
    BlockImage image = { .source = &disk->source,
                         .format = disk->driver.format,
                         .metadata_cache = disk->driver.metadata_cache,
                         .backing = disk->backing,
                         .encryption = disk->source.encryption != NULL ? disk->source.encryption
                                                                       : disk->encryption,
                         .top = TRUE };

    gboolean forgets = disk->transient && !args_is_native(a);

    if (!put_reservations(a, disk, &helper, err))
        return FALSE;
    look.reservations = helper;
    look.read_only |= forgets;
    if (!put_image(a, &image, &look, ret_node, err) ||
        (forgets && !put_overlay(a, disk, &look, ret_node, err)))
        return FALSE;
    if (disk->shareable && disk->source.path != NULL)
        args_share(a, disk->source.path);
    put_filters(a, disk, ret_node);
    return TRUE;
}

/* ---- firmware in flash */

static gboolean
put_flash(ArgsOut *a, const char *name, const DiskSource *source, int format, gboolean read_only,
          gboolean always_layered, GError **err)
{
    g_autofree char *storage = g_strconcat("libvirt-", name, "-storage", NULL);
    g_autofree char *node = g_strconcat("libvirt-", name, "-format", NULL);
    NodeLook look = { .read_only = read_only, .format = format, .what = "firmware" };
    json_object *o;

    look.layered = always_layered || !is_raw(format);
    if (!put_storage(a, source, storage, &look, err))
        return FALSE;
    if (!look.layered)
        return TRUE;
    o = json_object_new_object();
    props_add(o, "s:node-name", node, "b:read-only", read_only, "s:driver", format_driver(format),
              "s:file", storage, NULL);
    if (block_has_backing(format)) /* whatever the guest has written into its head */
        json_object_object_add(o, "backing", NULL);
    args_part(a, ADD_BLOCKDEV, o);
    return TRUE;
}

/* Whether the firmware is read-only: as the document says; otherwise code that stores nothing, and
 * the host's own file, are. */
static gboolean
is_read_only(const LoaderDef *loader)
{
    return loader->readonly ? loader->readonly == YES
                            : loader->stateless == YES || path_is_installed(loader->path);
}

gboolean
args_put_firmware(ArgsOut *a, GError **err)
{
    const LoaderDef *loader = a->def->os.loader;
    const NvramDef *nvram = a->def->os.nvram;
    DiskSource code = { .type = SOURCE_FILE }, variables = { .type = SOURCE_FILE };

    if (loader == NULL || loader->type != LOADER_PFLASH || loader->path == NULL)
        return TRUE;
    code.path = loader->path;
    if (!put_flash(a, "pflash0", &code, loader->format, is_read_only(loader), TRUE, err))
        return FALSE;
    if (nvram == NULL || (nvram->path == NULL && nvram->source.type == SOURCE_NONE))
        return TRUE;
    variables.path = nvram->path;
    return put_flash(a, "pflash1", nvram->path != NULL ? &variables : &nvram->source, nvram->format,
                     FALSE, FALSE, err);
}
