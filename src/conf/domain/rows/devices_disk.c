/* Rows of disks and of where their bytes come from. */
#include "conf/conf.h"
#include "conf/lists.h"

#include <string.h>

const char *const source_types[] = { NULL,     "file", "block",     "dir",       "network",
                                     "volume", "nvme", "vhostuser", "vhostvdpa", NULL };
const char *const source_protocols[] = { NULL,    "nbd",  "rbd",   "sheepdog", "gluster",
                                         "iscsi", "http", "https", "ftp",      "ftps",
                                         "tftp",  "ssh",  "vxhs",  "nfs",      NULL };
#define FORMATS                                                                                    \
    "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow",      \
        "qcow", "qcow2", "qed", "vmdk", "luks"
const char *const disk_formats[] = { NULL, FORMATS, NULL };
/* "aio" is how drivers of old called raw images. */
static const char *const driver_formats[] = { NULL, FORMATS, "aio", NULL };
const char *const encryption_formats[] = { NULL,    "default",  "qcow", "luks",
                                           "luks2", "luks-any", NULL };
const char *const disk_devices[] = { NULL, "disk", "cdrom", "floppy", "lun", NULL };
const char *const disk_buses[] = { NULL,  "ide", "fdc",  "scsi", "virtio", "xen",
                                   "usb", "uml", "sata", "sd",   "nvme",   NULL };

static const char *const encryption_engines[] = { NULL, "qemu", "librbd", NULL };
static const char *const transports[] = { NULL, "tcp", "unix", "rdma", NULL };
static const char *const slice_types[] = { NULL, "storage", NULL };
static const char *const reservation_types[] = { NULL, "unix", NULL };
static const char *const nvme_types[] = { NULL, "pci", NULL };
static const char *const volume_modes[] = { NULL, "host", "direct", NULL };
static const char *const startup_policies[] = { NULL, "mandatory", "requisite", "optional", NULL };
static const char *const caches[] = { NULL,     "none", "writethrough", "writeback", "directsync",
                                      "unsafe", NULL };
static const char *const error_policies[] = { NULL, "stop", "report", "ignore", "enospace", NULL };
static const char *const ios[] = { NULL, "native", "threads", "io_uring", NULL };
static const char *const discards[] = { NULL, "unmap", "ignore", NULL };
static const char *const detect_zeroes[] = { NULL, "off", "on", "unmap", NULL };
static const char *const snapshots[] = { NULL, "no", "internal", "external", "manual", NULL };
static const char *const sgios[] = { NULL, "filtered", "unfiltered", NULL };
static const char *const trays[] = { NULL, "closed", "open", NULL };
static const char *const translations[] = { NULL, "none", "auto", "lba", NULL };
static const char *const mirror_jobs[] = { NULL, "copy", "active-commit", NULL };
static const char *const mirror_states[] = { NULL, "yes", "abort", "pivot", NULL };

#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

/* ---- secrets */

static const Field secret_ref_fields[] = {
    ROW(SecretRef, "@type", F_STRING, type, 0, NULL,
        "Kind of use that the secret was defined for."),
    ROW(SecretRef, "@usage", F_STRING, usage, 0, NULL,
        "Name by which the secret is found: what it was defined for."),
    ROW(SecretRef, "@uuid", F_UUID, uuid, 0, NULL, "UUID by which the secret is found."), ROW_END
};

static gboolean
secret_ref_settle(gpointer def, GError **err)
{
    const SecretRef *s = def;

    return !s->usage == !uuid_is_zero(s->uuid) ||
           fail(err, ERR_XML, "secret: it is named by either 'uuid' or 'usage'");
}

const Schema secret_ref_schema = { "secret", sizeof(SecretRef), secret_ref_fields,
                                   secret_ref_settle };

static const Field auth_fields[] = { ROW(AuthDef, "@username", F_STRING, username, F_NONEMPTY, NULL,
                                         "Name of the user to log in as."),
                                     ROW(AuthDef, "@type", F_STRING, type, F_READ, NULL,
                                         "Older spelling of secret/@type."),
                                     ROW(AuthDef, "secret", F_PTR, secret, 0, &secret_ref_schema,
                                         "Secret whose value is the password."),
                                     ROW_END };

static gboolean
auth_settle(gpointer def, GError **err)
{
    const AuthDef *a = def;

    if (!a->username)
        return fail(err, ERR_XML, "auth: 'username' is missing");
    return a->secret || fail(err, ERR_XML, "auth: <secret> is missing");
}

const Schema auth_schema = { "auth", sizeof(AuthDef), auth_fields, auth_settle };

static const Field encryption_fields[] = {
    ROW(EncryptionDef, "@format", F_ENUM, format, F_REQUIRED | F_NONEMPTY | UNSUPPORTED,
        encryption_formats, "Format of the encryption."),
    ROW(EncryptionDef, "@engine", F_ENUM, engine, 0, encryption_engines,
        "Whether QEMU or librbd decrypts."),
    ROW(EncryptionDef, "secret", F_LIST, secrets, 0, &secret_ref_schema,
        "Secrets that hold the passphrase of the image."),
    ROW(EncryptionDef, "cipher/@name", F_STRING, cipher_name, 0, NULL,
        "Name of the cipher, such as aes."),
    ROW(EncryptionDef, "cipher/@size", F_U32, cipher_size, 0, NULL,
        "Length of the cipher's key, in bits."),
    ROW(EncryptionDef, "cipher/@mode", F_STRING, cipher_mode, 0, NULL,
        "Mode of the cipher, such as cbc or xts."),
    ROW(EncryptionDef, "cipher/@hash", F_STRING, cipher_hash, 0, NULL,
        "Hash that the cipher uses, such as sha256."),
    ROW(EncryptionDef, "ivgen/@name", F_STRING, ivgen_name, 0, NULL,
        "How initial vectors are made, such as plain64."),
    ROW(EncryptionDef, "ivgen/@hash", F_STRING, ivgen_hash, 0, NULL,
        "Hash for initial vectors, such as sha256."),
    ROW_END
};

static gboolean
encryption_settle(gpointer def, GError **err)
{
    const EncryptionDef *e = def;

    EACH (SecretRef, s, e->secrets) {
        if (!s->type || !*s->type)
            return fail(err, ERR_XML, "encryption: the 'type' of its secret is missing");
        if (strcmp(s->type, "passphrase") != 0)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "encryption: a secret of type '%s', it must be 'passphrase'", s->type);
    }
    return TRUE;
}

const Schema encryption_schema = { "encryption", sizeof(EncryptionDef), encryption_fields,
                                   encryption_settle };

/* ---- sources */

static const Field source_host_fields[] = {
    ROW(SourceHost, "@name", F_STRING, name, 0, NULL, "Name or address of the server."),
    ROW(SourceHost, "@port", F_STRING, port, 0, NULL,
        "TCP port of the server; without it the protocol's usual one."),
    ROW(SourceHost, "@transport", F_ENUM, transport, 0, transports,
        "Whether the server is reached by TCP, a UNIX socket or RDMA; without it TCP."),
    ROW(SourceHost, "@socket", F_STRING, socket, 0, NULL, "Path of the server's UNIX socket."),
    ROW_END
};

/* A port is a number, and 0 is none. */
static gboolean
port_settle(char **at, GError **err)
{
    guint64 port;

    if (!*at)
        return TRUE;
    if (!number_read(*at, 10, &port) || port > G_MAXUINT16)
        return fail(err, ERR_INVALID_ARG, "host: port '%s' is no number of 0-65535", *at);
    g_free(*at);
    *at = port ? g_strdup_printf("%u", (guint)port) : NULL;
    return TRUE;
}

static gboolean
source_host_settle(gpointer def, GError **err)
{
    SourceHost *h = def;
    gboolean socket = h->transport == TRANSPORT_UNIX;

    if (socket != (h->socket != NULL))
        return fail(err, ERR_XML, "host: 'socket' is of transport 'unix', and that alone");
    if (!socket && !h->name)
        return fail(err, ERR_XML, "host: its 'name' is missing");
    return port_settle(&h->port, err);
}

const Schema source_host_schema = { "host", sizeof(SourceHost), source_host_fields,
                                    source_host_settle };

static const Field cookie_fields[] = {
    ROW(CookieDef, "@name", F_STRING, name, F_REQUIRED | F_NONEMPTY, NULL,
        "Name of the HTTP cookie."),
    ROW(CookieDef, ".", F_STRING, value, F_SECRET | F_REQUIRED, NULL, "Value of the HTTP cookie."),
    ROW_END
};
static const Schema cookie_schema = { "cookie", sizeof(CookieDef), cookie_fields };

static const Field slice_fields[] = {
    ROW(SliceDef, "@type", F_ENUM, type, F_NONEMPTY, slice_types,
        "Kind of slice; storage (bytes of the file) is the only one."),
    ROW(SliceDef, "@offset", F_U64, offset, F_ALWAYS, NULL,
        "Bytes from the file's start to where the slice begins."),
    ROW(SliceDef, "@size", F_U64, size, F_REQUIRED | F_ALWAYS, NULL,
        "Length of the slice, in bytes."),
    ROW_END
};
static const Schema slice_schema = { "slice", sizeof(SliceDef), slice_fields };

static const Field reservations_fields[] = {
    ROW(ReservationsDef, "@managed", F_ENUM, managed, F_REQUIRED, yes_no,
        "Whether the daemon runs the helper."),
    ROW(ReservationsDef, "source/@type", F_ENUM, type, 0, reservation_types,
        "Kind of the helper's socket; unix is the only one."),
    ROW(ReservationsDef, "source/@path", F_STRING, path, 0, NULL, "Path of the helper's socket."),
    ROW(ReservationsDef, "source/@mode", F_STRING, mode, 0, NULL,
        "QEMU connects; client is the only mode."),
    ROW_END
};

static gboolean
reservations_settle(gpointer def, GError **err)
{
    const ReservationsDef *r = def;

    if ((r->path || r->mode) && !r->type)
        return fail(err, ERR_XML, "reservations: the 'type' of <source> is missing");
    if (r->managed == NO && (!r->type || !r->path))
        return fail(err, ERR_XML, "reservations: those of another's helper need its <source>");
    return !r->mode || strcmp(r->mode, "client") == 0 ||
           fail(err, ERR_XML, "reservations: mode '%s', it must be 'client'", r->mode);
}

const Schema reservations_schema = { "reservations", sizeof(ReservationsDef), reservations_fields,
                                     reservations_settle };

static const Field nvme_fields[] = {
    ROW(NvmeSource, "@type", F_ENUM, type, F_REQUIRED, nvme_types,
        "How the device is found; pci (by its address) is the only way."),
    ROW(NvmeSource, "@managed", F_ENUM, managed, 0, yes_no,
        "Whether the device is taken from the host's driver at the start; without it yes."),
    ROW_HAS(NvmeSource, "@namespace", F_U32, ns, F_REQUIRED, NULL,
            "Number of the NVMe namespace, from 1."),
    ROW(NvmeSource, "address", F_STRUCT, address, F_REQUIRED, &pci_address_schema,
        "PCI address of the NVMe device."),
    ROW_END
};

static gboolean
nvme_settle(gpointer def, GError **err)
{
    NvmeSource *nvme = def;

    if (!nvme->managed)
        nvme->managed = YES;
    return nvme->ns || fail(err, ERR_CONFIG_UNSUPPORTED, "nvme: namespaces begin with 1");
}

static const Schema nvme_schema = { "source", sizeof(NvmeSource), nvme_fields, nvme_settle };

static const Field volume_fields[] = {
    ROW(VolumeSource, "@pool", F_STRING, pool, 0, NULL, "Name of the storage pool."),
    ROW(VolumeSource, "@volume", F_STRING, volume, 0, NULL, "Name of the volume in that pool."),
    ROW(VolumeSource, "@mode", F_ENUM, mode, 0, volume_modes,
        "Whether a volume of iSCSI is reached through the host's device or by QEMU itself."),
    ROW(VolumeSource, "@kind", F_ENUM, kind, F_SAVED, source_types,
        "Whether the volume is a file, a device, a folder or an image on a server."),
    ROW_END
};

static gboolean
volume_settle(gpointer def, GError **err)
{
    const VolumeSource *v = def;

    return !v->pool == !v->volume ||
           fail(err, ERR_XML, "source: a volume needs both 'pool' and 'volume'");
}

static const Schema volume_schema = { "source", sizeof(VolumeSource), volume_fields,
                                      volume_settle };

static const Field network_source_fields[] = {
    ROW(NetworkSource, "@protocol", F_ENUM, protocol, F_REQUIRED, source_protocols,
        "Protocol that QEMU speaks to the server."),
    WHEN(NetworkSource, protocol, BIT(PROTOCOL_NBD)),
    ROW(NetworkSource, "@name", F_STRING, name, F_NONEMPTY, NULL, "Name of the server's export."),
    WHEN(NetworkSource, protocol, ~BIT(PROTOCOL_NBD)),
    ROW(NetworkSource, "@name", F_STRING, name, 0, NULL,
        "Name of the image, or its path on the server."),
    WHEN_END,
    ROW(NetworkSource, "@query", F_STRING, query, 0, NULL,
        "Part of an http or https address after the question mark."),
    ROW(NetworkSource, "@tls", F_ENUM, tls, 0, yes_no,
        "Whether the connection is encrypted with TLS."),
    ROW(NetworkSource, "@tlsHostname", F_STRING, tls_hostname, 0, NULL,
        "Host name that the server's certificate must have."),
    ROW(NetworkSource, "host", F_LIST, hosts, 0, &source_host_schema,
        "Servers that have the image."),
    ROW(NetworkSource, "snapshot/@name", F_STRING, snapshot, F_NONEMPTY, NULL,
        "Name of the snapshot inside the image that is used."),
    ROW(NetworkSource, "config/@file", F_STRING, config, F_NONEMPTY, NULL,
        "Path of the configuration file of Ceph on the host."),
    ROW(NetworkSource, "initiator/iqn/@name", F_STRING, initiator, 0, NULL,
        "Name (IQN) by which the host is known to the iSCSI server."),
    WHEN(NetworkSource, protocol, BIT(PROTOCOL_HTTPS) | BIT(PROTOCOL_FTPS)),
    ROW(NetworkSource, "ssl/@verify", F_ENUM, ssl_verify, 0, yes_no,
        "Whether the certificate of an https or ftps server is verified."),
    WHEN(NetworkSource, protocol, ~(BIT(PROTOCOL_HTTPS) | BIT(PROTOCOL_FTPS))),
    ROW_IGNORED("ssl"),
    WHEN_END,
    ROW(NetworkSource, "cookies/cookie", F_LIST, cookies, F_SECRET, &cookie_schema,
        "Cookies that an http or https server gets."),
    ROW(NetworkSource, "readahead/@size", F_U64, readahead, F_NONEMPTY, NULL,
        "Number of bytes that QEMU reads ahead."),
    ROW(NetworkSource, "timeout/@seconds", F_U32, timeout, F_NONEMPTY, NULL,
        "Seconds until an answer that does not come is an error."),
    ROW(NetworkSource, "reconnect/@delay", F_U32, reconnect_delay, 0, NULL,
        "Seconds that requests are held while QEMU connects to an NBD server again."),
    WHEN(NetworkSource, protocol, BIT(PROTOCOL_SSH)),
    ROW(NetworkSource, "knownHosts/@path", F_STRING, known_hosts, F_REQUIRED | F_HELD, NULL,
        "Path of the file with the keys of known ssh servers."),
    ROW(NetworkSource, "identity/@username", F_STRING, ssh_user, F_REQUIRED | F_HELD, NULL,
        "Name of the user to log in as."),
    ROW(NetworkSource, "identity/@keyfile", F_STRING, keyfile, 0, NULL,
        "Path of the private key to log in with."),
    ROW(NetworkSource, "identity/@agentsock", F_STRING, agentsock, 0, NULL,
        "Path of the socket of the ssh agent to log in with."),
    WHEN(NetworkSource, protocol, BIT(PROTOCOL_NFS)),
    ROW(NetworkSource, "identity/@user", F_STRING, nfs_user, 0, NULL,
        "Name or number of the user on the NFS server to act as."),
    ROW(NetworkSource, "identity/@group", F_STRING, nfs_group, 0, NULL,
        "Name or number of the group on the NFS server to act as."),
    WHEN_END,
    ROW_END
};
static gboolean
network_source_settle(gpointer def, GError **err)
{
    const NetworkSource *n = def;

    return n->name || n->protocol == PROTOCOL_NBD ||
           fail(err, ERR_XML, "source: its 'name' is missing");
}

static const Schema network_source_schema = { "source", sizeof(NetworkSource),
                                              network_source_fields, network_source_settle };

static const char *const vhost_user_types[] = { NULL, "unix", NULL };

/* Types whose own rows have elements: attributes come before those. */
#define WITH_ELEMENTS (BIT(SOURCE_NETWORK) | BIT(SOURCE_NVME) | BIT(SOURCE_VHOST_USER))

static const Field disk_source_fields[] = {
    WHEN(DiskSource, type, WITH_ELEMENTS),
    ROW(DiskSource, "@startupPolicy", F_ENUM, startup_policy, 0, startup_policies, TOLD_BELOW),
    ROW(DiskSource, "@index", F_U32, index, F_LIVE, NULL, TOLD_BELOW),
    WHEN(DiskSource, type, BIT(SOURCE_NONE) | BIT(SOURCE_FILE)),
    ROW(DiskSource, "@file", F_STRING, path, F_NONEMPTY, NULL, "Path of the image on the host."),
    ROW(DiskSource, "@fdgroup", F_STRING, fdgroup, 0, NULL,
        "Name of a group of descriptors that the client has handed in."),
    WHEN(DiskSource, type, BIT(SOURCE_BLOCK)),
    ROW(DiskSource, "@dev", F_STRING, path, F_NONEMPTY, NULL,
        "Path of the block device on the host."),
    WHEN(DiskSource, type, BIT(SOURCE_DIR)),
    ROW(DiskSource, "@dir", F_STRING, path, F_NONEMPTY, NULL,
        "Path of the folder that the guest sees as a FAT disk."),
    WHEN(DiskSource, type, BIT(SOURCE_VHOST_VDPA)),
    ROW(DiskSource, "@dev", F_STRING, path, F_REQUIRED, NULL,
        "Path of the vhost-vdpa device on the host."),
    WHEN(DiskSource, type, BIT(SOURCE_NETWORK)),
    ROW(DiskSource, "", F_PTR, net, 0, &network_source_schema,
        "Protocol, server and name of an image on a server."),
    WHEN(DiskSource, type, BIT(SOURCE_VOLUME)),
    ROW(DiskSource, "", F_PTR, volume, 0, &volume_schema,
        "Name of a volume, and the pool that has it."),
    ROW(DiskSource, "@path", F_STRING, path, F_SAVED, NULL,
        "Path of the volume on the host while the domain runs."),
    WHEN(DiskSource, type, BIT(SOURCE_NVME)),
    ROW(DiskSource, "", F_PTR, nvme, 0, &nvme_schema,
        "Address and namespace of an NVMe device of the host."),
    WHEN(DiskSource, type, BIT(SOURCE_VHOST_USER)),
    ROW(DiskSource, "@type", F_ENUM, vhost_type, F_REQUIRED, vhost_user_types,
        "Kind of the server's socket; unix is the only one."),
    ROW(DiskSource, "@path", F_STRING, path, F_REQUIRED, NULL, "Path of the server's socket."),
    ROW(DiskSource, "reconnect", F_PTR, reconnect, 0, &reconnect_schema,
        "Whether QEMU connects again when the server has gone away."),
    WHEN(DiskSource, type, ~WITH_ELEMENTS),
    ROW(DiskSource, "@startupPolicy", F_ENUM, startup_policy, 0, startup_policies,
        "Whether a start fails without the source, or goes on without the disk."),
    ROW(DiskSource, "@index", F_U32, index, F_LIVE, NULL,
        "Number of the image in the chain of images, while the domain runs."),
    WHEN_END,
    ROW(DiskSource, "slices/slice", F_LIST, slices, F_NEAR, &slice_schema,
        "The part of the file that the guest sees."),
    ROW(DiskSource, "auth", F_PTR, auth, 0, &auth_schema, "How QEMU logs in at the server."),
    ROW(DiskSource, "encryption", F_PTR, encryption, 0, &encryption_schema,
        "How the image is encrypted."),
    ROW(DiskSource, "reservations", F_PTR, reservations, 0, &reservations_schema,
        "Persistent reservations of a SCSI disk, and the helper that makes them."),
    ROW(DiskSource, "dataStore", F_PTR, data_store, 0, &data_store_schema,
        "File that holds the guest's data of a qcow2 image."),
    ROW(DiskSource, "seclabel", F_LIST, seclabels, 0, &source_seclabel_schema,
        "Security labels of the image."),
    ROW_END
};

static gboolean
disk_source_settle(gpointer def, GError **err)
{
    DiskSource *s = def;

    if (s->reconnect && !s->reconnect->enabled) {
        schema_free(&reconnect_schema, s->reconnect);
        s->reconnect = NULL;
    }
    return source_seclabels_settle(&s->seclabels, err);
}

const Schema disk_source_schema = { "source", sizeof(DiskSource), disk_source_fields,
                                    disk_source_settle };

static const Field data_store_fields[] = {
    ROW(DataStore, "@type", F_ENUM, source.type, F_REQUIRED, source_types,
        "Whether the data is in a file, on a device or on a server."),
    ROW(DataStore, "format/@type", F_ENUM, format, F_REQUIRED, disk_formats,
        "Format of the data; raw is the only one."),
    ROW(DataStore, "source", F_STRUCT, source, 0, &disk_source_schema,
        "File, device or server that holds the data."),
    ROW_END
};
const Schema data_store_schema = { "dataStore", sizeof(DataStore), data_store_fields };

/* An empty element ends the chain. */
static const Field backing_store_fields[] = {
    ROW(BackingStore, "@type", F_ENUM, source.type, 0, source_types,
        "Whether the image is in a file, on a device or on a server."),
    ROW(BackingStore, "@index", F_U32, index, F_LIVE, NULL,
        "Number of the image in the chain of images, while the domain runs."),
    WHEN(BackingStore, source.type, ~BIT(SOURCE_NONE)),
    ROW(BackingStore, "format/@type", F_ENUM, format, 0, disk_formats,
        "Format of the backing image."),
    ROW(BackingStore, "format/metadata_cache/max_size", F_SIZE, metadata_cache, 0, &size_bytes,
        "Size of the cache for the image's metadata."),
    ROW(BackingStore, "source", F_STRUCT, source, F_REQUIRED | F_ALWAYS, &disk_source_schema,
        "File, device or server that holds the backing image."),
    ROW(BackingStore, "backingStore", F_PTR, backing, 0, &backing_store_schema,
        "Image that this one is based on."),
    WHEN_END,
    ROW_END
};
static gboolean
backing_store_settle(gpointer def, GError **err)
{
    const BackingStore *b = def;

    return !b->source.type || b->format ||
           fail(err, ERR_XML, "backingStore: its <format> is missing");
}

const Schema backing_store_schema = { "backingStore", sizeof(BackingStore), backing_store_fields,
                                      backing_store_settle };

static const Field mirror_fields[] = {
    ROW(MirrorDef, "@type", F_ENUM, source.type, 0, source_types,
        "Whether the copy is in a file, on a device or on a server."),
    ROW(MirrorDef, "@job", F_ENUM, job, 0, mirror_jobs,
        "Block job that makes the copy: copy or active-commit."),
    ROW(MirrorDef, "@ready", F_ENUM, ready, 0, mirror_states,
        "Whether the copy has caught up with the disk, or the job is being ended."),
    ROW_IGNORED("@file"), /* what older daemons write beside the elements */
    ROW_IGNORED("@format"),
    ROW(MirrorDef, "format/@type", F_ENUM, format, 0, disk_formats, "Format of the copy's image."),
    ROW_IGNORED("format/metadata_cache"),
    ROW(MirrorDef, "source", F_STRUCT, source, 0, &disk_source_schema,
        "File, device or server that holds the copy."),
    ROW(MirrorDef, "backingStore", F_PTR, backing, 0, &backing_store_schema,
        "Image that the copy is based on."),
    ROW_END
};
static const Schema mirror_schema = { "mirror", sizeof(MirrorDef), mirror_fields };

/* ---- disks */

static const Field iothread_queue_fields[] = { ROW(IothreadQueue, "@id", F_U32, id,
                                                   F_ALWAYS | F_REQUIRED, NULL,
                                                   "Number of the queue, from 0."),
                                               ROW_END };
static const Schema iothread_queue_schema = { "queue", sizeof(IothreadQueue),
                                              iothread_queue_fields };

static const Field iothread_map_fields[] = {
    ROW(IothreadMap, "@id", F_U32, id, F_REQUIRED | F_ALWAYS, NULL,
        "Number of the iothread, from 1."),
    ROW(IothreadMap, "queue", F_LIST, queues, 0, &iothread_queue_schema,
        "Queues that the iothread serves."),
    ROW_END
};
const Schema iothread_map_schema = { "iothread", sizeof(IothreadMap), iothread_map_fields };

static const Field disk_driver_fields[] = {
    ROW(DiskDriver, "driver/@name", F_STRING, name, 0, NULL,
        "Name of the driver; qemu is the only one."),
    ROW(DiskDriver, "driver/@type", F_ENUM, format, UNSUPPORTED, driver_formats,
        "Format of the image; without it raw."),
    ROW(DiskDriver, "driver/@cache", F_ENUM, cache, F_DEFAULT, caches,
        "Whether and how QEMU uses the host's page cache."),
    ROW(DiskDriver, "driver/@error_policy", F_ENUM, error_policy, 0, error_policies,
        "What happens with the guest at an error of writing."),
    ROW(DiskDriver, "driver/@rerror_policy", F_ENUM, rerror_policy, 0, error_policies,
        "What happens with the guest at an error of reading."),
    ROW(DiskDriver, "driver/@io", F_ENUM, io, 0, ios,
        "How QEMU submits I/O to the host: by threads, native or io_uring."),
    ROW(DiskDriver, "driver/@ioeventfd", F_ENUM, ioeventfd, 0, on_off,
        "Whether a thread other than the vcpu's takes the guest's notifications."),
    ROW(DiskDriver, "driver/@event_idx", F_ENUM, event_idx, 0, on_off,
        "Whether host and guest notify each other less often."),
    ROW(DiskDriver, "driver/@copy_on_read", F_ENUM, copy_on_read, 0, on_off,
        "Whether blocks read from the backing image are copied into the image."),
    ROW(DiskDriver, "driver/@discard", F_ENUM, discard, 0, discards,
        "Whether blocks that the guest discards are given back to the host."),
    ROW(DiskDriver, "driver/@iothread", F_U32, iothread, 0, NULL,
        "Number of the iothread that does the disk's I/O."),
    ROW(DiskDriver, "driver/@detect_zeroes", F_ENUM, detect_zeroes, 0, detect_zeroes,
        "Whether blocks of zeroes are written as holes, or given back."),
    ROW(DiskDriver, "driver/@queues", F_U32, queues, 0, NULL, "Number of request queues."),
    ROW(DiskDriver, "driver/@queue_size", F_U32, queue_size, 0, NULL,
        "Number of requests that a queue holds."),
    ROW(DiskDriver, "driver/@discard_no_unref", F_ENUM, discard_no_unref, 0, on_off,
        "Whether qcow2 clusters stay allocated in the image when the guest discards them."),
    ROW(DiskDriver, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL),
    ROW(DiskDriver, "driver/iothreads/iothread", F_LIST, iothread_maps, 0, &iothread_map_schema,
        "Iothreads that serve the disk's queues."),
    ROW(DiskDriver, "driver/metadata_cache/max_size", F_SIZE, metadata_cache, 0, &size_bytes,
        "Size of the cache for the image's metadata."),
    ROW_END
};

static gboolean
disk_driver_settle(gpointer def, GError **err)
{
    DiskDriver *d = def;

    if (d->format > FORMAT_LUKS)
        d->format = FORMAT_RAW;
    return TRUE;
}

static const Schema disk_driver_schema = { "driver", sizeof(DiskDriver), disk_driver_fields,
                                           disk_driver_settle };

#define LIMIT(name, doc) ROW(IotuneDef, #name, F_U64, name, F_HOT, NULL, doc)

static const Field iotune_fields[] = {
    LIMIT(total_bytes_sec, "Most bytes a second, read and written; 0: no limit."),
    LIMIT(read_bytes_sec, "Most bytes a second that are read; 0: no limit."),
    LIMIT(write_bytes_sec, "Most bytes a second that are written; 0: no limit."),
    LIMIT(total_iops_sec, "Most requests a second, reads and writes; 0: no limit."),
    LIMIT(read_iops_sec, "Most reads a second; 0: no limit."),
    LIMIT(write_iops_sec, "Most writes a second; 0: no limit."),
    LIMIT(total_bytes_sec_max, "Most bytes a second during a burst, read and written."),
    LIMIT(read_bytes_sec_max, "Most bytes a second that are read during a burst."),
    LIMIT(write_bytes_sec_max, "Most bytes a second that are written during a burst."),
    LIMIT(total_iops_sec_max, "Most requests a second during a burst, reads and writes."),
    LIMIT(read_iops_sec_max, "Most reads a second during a burst."),
    LIMIT(write_iops_sec_max, "Most writes a second during a burst."),
    LIMIT(size_iops_sec,
          "Number of bytes up to which a request counts as one; a larger one counts as several."),
    ROW(IotuneDef, "group_name", F_STRING, group_name, F_HOT, NULL,
        "Name of the group of disks that share the limits."),
    LIMIT(total_bytes_sec_max_length,
          "Longest time of a burst of total_bytes_sec_max, in seconds."),
    LIMIT(read_bytes_sec_max_length, "Longest time of a burst of read_bytes_sec_max, in seconds."),
    LIMIT(write_bytes_sec_max_length,
          "Longest time of a burst of write_bytes_sec_max, in seconds."),
    LIMIT(total_iops_sec_max_length, "Longest time of a burst of total_iops_sec_max, in seconds."),
    LIMIT(read_iops_sec_max_length, "Longest time of a burst of read_iops_sec_max, in seconds."),
    LIMIT(write_iops_sec_max_length, "Longest time of a burst of write_iops_sec_max, in seconds."),
    ROW_END
};
const Schema iotune_schema = { "iotune", sizeof(IotuneDef), iotune_fields };

gboolean
iotune_has_limits(const IotuneDef *t)
{
    static const IotuneDef none;
    IotuneDef bare = *t;

    bare.group_name = NULL;
    return !schema_equal(&iotune_schema, &bare, &none);
}

static const Field throttle_filter_fields[] = {
    ROW(ThrottleFilter, "@group", F_STRING, group, F_REQUIRED, NULL,
        "Name of the group whose limits the disk shares."),
    ROW_END
};
static const Schema throttle_filter_schema = { "throttlefilter", sizeof(ThrottleFilter),
                                               throttle_filter_fields };

static const Field geometry_fields[] = {
    ROW(DiskGeometry, "geometry/@cyls", F_U32, cylinders, 0, NULL,
        "Number of cylinders that the guest sees."),
    ROW(DiskGeometry, "geometry/@heads", F_U32, heads, 0, NULL,
        "Number of heads that the guest sees."),
    ROW(DiskGeometry, "geometry/@secs", F_U32, secs, 0, NULL,
        "Number of sectors of a track that the guest sees."),
    ROW(DiskGeometry, "geometry/@trans", F_ENUM, trans, 0, translations,
        "How the BIOS translates the geometry."),
    ROW(DiskGeometry, "blockio/@logical_block_size", F_U32, logical_block, 0, NULL,
        "Smallest block that the guest can read or write, in bytes."),
    ROW(DiskGeometry, "blockio/@physical_block_size", F_U32, physical_block, 0, NULL,
        "Block that the guest should read and write at once, in bytes."),
    ROW_HAS(DiskGeometry, "blockio/@discard_granularity", F_U64, discard_granularity, 0, NULL,
            "Smallest block that the guest can discard, in bytes."),
    ROW_END
};
static const Schema geometry_schema = { "geometry", sizeof(DiskGeometry), geometry_fields };

static const Field disk_fields[] = {
    ROW(DiskDef, "@type", F_ENUM, source.type, 0, source_types,
        "Whether the bytes are in a file, on a device, on a server or in a volume."),
    ROW(DiskDef, "@device", F_ENUM, device, 0, disk_devices,
        "Whether the guest sees a disk, a CD drive, a floppy drive or a SCSI unit of the host."),
    ROW(DiskDef, "@model", F_ENUM, model, 0, virtio_models,
        "Variant of virtio that the disk speaks."),
    ROW(DiskDef, "@rawio", F_ENUM, rawio, 0, yes_no,
        "Whether QEMU gets the capability CAP_SYS_RAWIO, to send any SCSI command."),
    ROW(DiskDef, "@sgio", F_ENUM, sgio, 0, sgios,
        "Whether the kernel filters the guest's SCSI commands."),
    ROW(DiskDef, "@snapshot", F_ENUM, snapshot, 0, snapshots,
        "Whether and where a snapshot of the domain includes the disk."),
    ROW(DiskDef, "", F_STRUCT, driver, 0, &disk_driver_schema, NULL),
    ROW(DiskDef, "auth", F_PTR, auth, 0, &auth_schema,
        "Login at the server; an older place of source/auth."),
    ROW(DiskDef, "source", F_FLAG, has_source, F_READ, NULL, NULL),
    ROW(DiskDef, "source", F_STRUCT, source, 0, &disk_source_schema,
        "File, device, server or volume that holds the disk's data."),
    ROW(DiskDef, "backingStore", F_PTR, backing, 0, &backing_store_schema,
        "Image that the disk's image is based on."),
    ROW(DiskDef, "", F_PTR, geometry, 0, &geometry_schema, NULL),
    ROW(DiskDef, "mirror", F_PTR, mirror, F_LIVE, &mirror_schema,
        "Copy of the disk that a block job is making, while the domain runs."),
    ROW(DiskDef, "target/@dev", F_STRING, target, 0, NULL,
        "Name of the disk, such as vda, sdb or hdc; the guest may call it otherwise."),
    ROW(DiskDef, "target/@bus", F_ENUM, bus, 0, disk_buses,
        "Bus that the disk is on; without it the name tells."),
    ROW(DiskDef, "target/@tray", F_ENUM, tray, 0, trays, "Whether the tray of a drive is open."),
    ROW(DiskDef, "target/@removable", F_ENUM, removable, F_READ, on_off, NULL),
    WHEN(DiskDef, bus, BIT(DISK_BUS_USB)),
    ROW(DiskDef, "target/@removable", F_ENUM, removable, F_WRITE, on_off,
        "Whether the guest may take a USB disk out."),
    WHEN_END,
    ROW(DiskDef, "target/@rotation_rate", F_U32, rotation_rate, 0, RANGE(0, 65535),
        "Turns a minute that the guest reads; 1: the disk does not rotate."),
    ROW(DiskDef, "iotune", F_PTR, iotune, F_FILLED | F_HOT, &iotune_schema,
        "Limits of bytes and requests a second of the disk."),
    ROW(DiskDef, "throttlefilters/throttlefilter", F_LIST, throttle_filters, 0,
        &throttle_filter_schema, "Throttle groups whose limits the disk shares."),
    ROW(DiskDef, "readonly", F_FLAG, readonly, 0, NULL, "The guest cannot write to the disk."),
    ROW(DiskDef, "shareable", F_FLAG, shareable, 0, NULL,
        "Other domains may write the image at the same time."),
    ROW(DiskDef, "transient", F_FLAG, transient, 0, NULL,
        "What the guest writes is thrown away when it stops."),
    ROW(DiskDef, "transient/@shareBacking", F_ENUM, transient_share, 0, yes_no,
        "Whether other domains may use the image at the same time."),
    ROW(DiskDef, "serial", F_STRING, serial, 0, NULL, "Serial number that the guest reads."),
    ROW(DiskDef, "wwn", F_STRING, wwn, 0, NULL,
        "World wide name that the guest reads, 16 hexadecimal digits."),
    ROW(DiskDef, "vendor", F_STRING, vendor, 0, NULL,
        "Vendor that the guest reads of a SCSI disk."),
    ROW(DiskDef, "product", F_STRING, product, 0, NULL,
        "Product that the guest reads of a SCSI disk."),
    ROW(DiskDef, "encryption", F_PTR, encryption, 0, &encryption_schema,
        "Encryption of the image; an older place of source/encryption."),
    ROW(DiskDef, "", F_STRUCT, info, 0, &device_info_schema, NULL),
    ROW_END
};

static gboolean
disk_settle(gpointer def, GError **err)
{
    static const char prefix[] = "ioemu:"; /* of the time when QEMU was Xen's helper */
    DiskDef *disk = def;
    char *target = disk->target;

    if (target && g_str_has_prefix(target, prefix))
        memmove(target, target + strlen(prefix), strlen(target + strlen(prefix)) + 1);
    if (disk->transient_share == NO)
        disk->transient_share = 0;
    return TRUE;
}

const Schema disk_schema = { "disk", sizeof(DiskDef), disk_fields, disk_settle };

const char *
disk_source_name(const DiskDef *disk)
{
    const DiskSource *s = &disk->source;

    if (s->type == SOURCE_NETWORK && s->net && s->net->name)
        return s->net->name;
    if (s->type == SOURCE_VOLUME && s->volume && s->volume->volume)
        return s->volume->volume;
    if (s->type != SOURCE_NETWORK && s->type != SOURCE_VOLUME && s->path)
        return s->path;
    return disk->target ? disk->target : "";
}

int
disk_source_kind(const DiskSource *s)
{
    return s->type == SOURCE_VOLUME && s->volume && s->path ? s->volume->kind : s->type;
}

gboolean
disk_is_empty(const DiskDef *disk)
{
    const DiskSource *s = &disk->source;

    return !s->path && !s->net && !s->volume && !s->nvme;
}

/* "vdab" is 27: the letters behind the prefix count in base 26; a partition's number may follow.
 * -1: no such name. */
int
disk_name_index(const char *target)
{
    static const char *const prefixes[] = { "fd", "hd", "vd", "sd", "xvd", "ubd" };
    int index = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        const char *p = target;

        if (!target || !g_str_has_prefix(target, prefixes[i]))
            continue;
        for (p += strlen(prefixes[i]); g_ascii_islower(*p) && index < 1 << 24; p++)
            index = index * 26 + (*p - 'a' + 1);
        p += strspn(p, "0123456789");
        return *p ? -1 : index - 1;
    }
    return -1;
}
