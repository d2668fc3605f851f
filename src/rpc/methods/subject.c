/* The object that a call is about: how its arguments name it, and how it is passed to the handler.
 */
#include <string.h>

#include "host/host.h"
#include "network/network.h"
#include "on_domain.h"
#include "storage/storage.h"

static gboolean
found(gpointer object, gpointer part, Found *ret_found)
{
    if (object)
        *ret_found = (Found){ object_ref(object), part };
    return object != NULL;
}

static void
run_on_none(const Method *m, Call *c, const Found *f)
{
    m->run.on_none(c);
}

static void
run_on_domain(const Method *m, Call *c, const Found *f)
{
    m->run.on_domain(c, f->object);
}

static void
run_on_network(const Method *m, Call *c, const Found *f)
{
    m->run.on_network(c, f->object);
}

static void
run_on_node_device(const Method *m, Call *c, const Found *f)
{
    m->run.on_node_device(c, f->object);
}

static void
run_on_nwfilter(const Method *m, Call *c, const Found *f)
{
    m->run.on_nwfilter(c, f->object);
}

static void
run_on_pool(const Method *m, Call *c, const Found *f)
{
    m->run.on_pool(c, f->object);
}

static void
run_on_volume(const Method *m, Call *c, const Found *f)
{
    m->run.on_volume(c, f->object, f->part);
}

static void
run_on_secret(const Method *m, Call *c, const Found *f)
{
    m->run.on_secret(c, f->object);
}

/* ---- none */

static gboolean
find_none(gconstpointer args, Found *ret_found, GError **err)
{
    return TRUE;
}

const Subject subject_none = { "none", NULL, find_none, run_on_none };

/* ---- domains */

static gboolean
find_domain(gconstpointer name, Found *ret_found, GError **err)
{
    const DomainRef *ref = name;
    char uuid[UUID_TEXT_LEN];

    if (found(vm_find_uuid(ref->uuid), NULL, ret_found))
        return TRUE;
    uuid_format(ref->uuid, uuid);
    return fail(err, ERR_NO_DOMAIN, "no domain with matching uuid '%s' (%s)", uuid, ref->name);
}

static gboolean
find_domain_name(gconstpointer args, Found *ret_found, GError **err)
{
    const DomainLookupByNameArgs *in = args;

    return found(vm_find_name(in->name), NULL, ret_found) ||
           fail(err, ERR_NO_DOMAIN, "no domain with matching name '%s'", in->name);
}

static gboolean
find_domain_uuid(gconstpointer args, Found *ret_found, GError **err)
{
    const DomainLookupByUuidArgs *in = args;
    char uuid[UUID_TEXT_LEN];

    if (found(vm_find_uuid(in->uuid), NULL, ret_found))
        return TRUE;
    uuid_format(in->uuid, uuid);
    return fail(err, ERR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
}

static gboolean
find_domain_id(gconstpointer args, Found *ret_found, GError **err)
{
    const DomainLookupByIdArgs *in = args;

    return found(vm_find_id(in->id), NULL, ret_found) ||
           fail(err, ERR_NO_DOMAIN, "no domain with matching id %d", in->id);
}

const Subject subject_domain = { "domain", &DomainRef_type, find_domain, run_on_domain };
const Subject subject_domain_name = { "domain", NULL, find_domain_name, run_on_domain };
const Subject subject_domain_uuid = { "domain", NULL, find_domain_uuid, run_on_domain };
const Subject subject_domain_id = { "domain", NULL, find_domain_id, run_on_domain };

/* ---- networks */

static gboolean
find_network(gconstpointer name, Found *ret_found, GError **err)
{
    const NetworkRef *ref = name;

    return found(network_get_uuid(ref->uuid, err), NULL, ret_found);
}

static gboolean
find_network_name(gconstpointer args, Found *ret_found, GError **err)
{
    const NetworkLookupByNameArgs *in = args;

    return found(network_get_name(in->name, err), NULL, ret_found);
}

static gboolean
find_network_uuid(gconstpointer args, Found *ret_found, GError **err)
{
    const NetworkLookupByUuidArgs *in = args;

    return found(network_get_uuid(in->uuid, err), NULL, ret_found);
}

const Subject subject_network = { "network", &NetworkRef_type, find_network, run_on_network };
const Subject subject_network_name = { "network", NULL, find_network_name, run_on_network };
const Subject subject_network_uuid = { "network", NULL, find_network_uuid, run_on_network };

/* ---- devices of the host */

/* The name comes first in the arguments of all calls about one. */
static gboolean
find_node_device(gconstpointer args, Found *ret_found, GError **err)
{
    const NodeDeviceLookupByNameArgs *in = args;

    return found(device_get_name(in->name, err), NULL, ret_found);
}

const Subject subject_node_device = { "node_device", NULL, find_node_device, run_on_node_device };

/* ---- filters of packets */

static gboolean
find_nwfilter(gconstpointer name, Found *ret_found, GError **err)
{
    const NwfilterRef *ref = name;

    return found(nwfilter_get_uuid(ref->uuid, err), NULL, ret_found);
}

static gboolean
find_nwfilter_name(gconstpointer args, Found *ret_found, GError **err)
{
    const NwfilterLookupByNameArgs *in = args;

    return found(nwfilter_get_name(in->name, err), NULL, ret_found);
}

static gboolean
find_nwfilter_uuid(gconstpointer args, Found *ret_found, GError **err)
{
    const NwfilterLookupByUuidArgs *in = args;

    return found(nwfilter_get_uuid(in->uuid, err), NULL, ret_found);
}

const Subject subject_nwfilter = { "nwfilter", &NwfilterRef_type, find_nwfilter, run_on_nwfilter };
const Subject subject_nwfilter_name = { "nwfilter", NULL, find_nwfilter_name, run_on_nwfilter };
const Subject subject_nwfilter_uuid = { "nwfilter", NULL, find_nwfilter_uuid, run_on_nwfilter };

/* ---- pools */

static gboolean
find_pool(gconstpointer name, Found *ret_found, GError **err)
{
    const PoolRef *ref = name;

    return found(pool_get_uuid(ref->uuid, err), NULL, ret_found);
}

static gboolean
find_active_pool(gconstpointer name, Found *ret_found, GError **err)
{
    const PoolRef *ref = name;
    Pool *pool = pool_get_uuid(ref->uuid, err);

    return pool && pool_needs_active(pool, err) && found(pool, NULL, ret_found);
}

static gboolean
find_pool_name(gconstpointer args, Found *ret_found, GError **err)
{
    const StoragePoolLookupByNameArgs *in = args;

    return found(pool_get_name(in->name, err), NULL, ret_found);
}

static gboolean
find_pool_uuid(gconstpointer args, Found *ret_found, GError **err)
{
    const StoragePoolLookupByUuidArgs *in = args;

    return found(pool_get_uuid(in->uuid, err), NULL, ret_found);
}

static gboolean
find_pool_path(gconstpointer args, Found *ret_found, GError **err)
{
    const StoragePoolLookupByTargetPathArgs *in = args;

    return found(pool_get_path(in->path, err), NULL, ret_found);
}

const Subject subject_pool = { "pool", &PoolRef_type, find_pool, run_on_pool };
const Subject subject_active_pool = { "pool", &PoolRef_type, find_active_pool, run_on_pool };
const Subject subject_pool_name = { "pool", NULL, find_pool_name, run_on_pool };
const Subject subject_pool_uuid = { "pool", NULL, find_pool_uuid, run_on_pool };
const Subject subject_pool_path = { "pool", NULL, find_pool_path, run_on_pool };

/* ---- volumes */

static gboolean
find_volume(gconstpointer name, Found *ret_found, GError **err)
{
    const VolumeRef *ref = name;
    Pool *pool = pool_get_name(ref->pool, err);
    VolumeDef *volume = NULL;

    if (pool && pool_needs_active(pool, err))
        volume = volume_get_name(pool, ref->name, err);
    return volume && found(pool, volume, ret_found);
}

static gboolean
find_volume_name(gconstpointer args, Found *ret_found, GError **err)
{
    const StorageVolLookupByNameArgs *in = args;
    Pool *pool = pool_get_uuid(in->pool.uuid, err);
    VolumeDef *volume = NULL;

    if (pool && pool_needs_active(pool, err))
        volume = volume_get_name(pool, in->name, err);
    return volume && found(pool, volume, ret_found);
}

static gboolean
find_volume_key(gconstpointer args, Found *ret_found, GError **err)
{
    const StorageVolLookupByKeyArgs *in = args;
    Pool *pool = NULL;
    VolumeDef *volume = volume_get_key(in->key, &pool, err);

    return found(pool, volume, ret_found);
}

static gboolean
find_volume_path(gconstpointer args, Found *ret_found, GError **err)
{
    const StorageVolLookupByPathArgs *in = args;
    Pool *pool = NULL;
    VolumeDef *volume = volume_get_path(in->path, &pool, err);

    return found(pool, volume, ret_found);
}

const Subject subject_volume = { "volume", &VolumeRef_type, find_volume, run_on_volume };
const Subject subject_volume_name = { "volume", NULL, find_volume_name, run_on_volume };
const Subject subject_volume_key = { "volume", NULL, find_volume_key, run_on_volume };
const Subject subject_volume_path = { "volume", NULL, find_volume_path, run_on_volume };

/* ---- secrets */

static gboolean
find_secret(gconstpointer name, Found *ret_found, GError **err)
{
    const StoredSecretRef *ref = name;

    return found(secret_get_uuid(ref->uuid, err), NULL, ret_found);
}

static gboolean
find_secret_uuid(gconstpointer args, Found *ret_found, GError **err)
{
    const SecretLookupByUuidArgs *in = args;

    return found(secret_get_uuid(in->uuid, err), NULL, ret_found);
}

static gboolean
find_secret_usage(gconstpointer args, Found *ret_found, GError **err)
{
    const SecretLookupByUsageArgs *in = args;

    return found(secret_get_usage(in->usage_type, in->usage_id, err), NULL, ret_found);
}

const Subject subject_secret = { "secret", &StoredSecretRef_type, find_secret, run_on_secret };
const Subject subject_secret_uuid = { "secret", NULL, find_secret_uuid, run_on_secret };
const Subject subject_secret_usage = { "secret", NULL, find_secret_usage, run_on_secret };
