/* The life of networks: their definitions, which are files of one store, and the jobs that start
 * and end them. What runs is found again by its ledger and by run/network/UUID.live.
 */
#include "network_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (8 << 20)

enum { TOLD_METADATA = 1 }; /* an event of its own */
enum { TOLD_DEFINED, TOLD_UNDEFINED, TOLD_STARTED, TOLD_STOPPED };

const Paths *network_paths;

static Registry *networks;
static Store *store;

const ObjectKind network_kind = { "network", "network", "VMD_NETWORK" };

/* ---- files */

static char *
file_below(const char *folder, const Network *n, const char *ending)
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(n->obj.uuid, uuid);
    return g_strdup_printf("%s/network/%s.%s", folder, uuid, ending);
}

char *
network_file(const Network *n, const char *ending)
{
    return file_below(network_paths->run, n, ending);
}

char *
network_state(const Network *n, const char *ending)
{
    return file_below(network_paths->lib, n, ending);
}

/* ---- finding */

Network *
network_get_name(const char *name, GError **err)
{
    Network *n = registry_find_name(networks, name);

    if (!n)
        fail(err, ERR_NO_NETWORK, "no network with matching name '%s'", name);
    return n;
}

Network *
network_get_uuid(const guint8 uuid[UUID_LEN], GError **err)
{
    Network *n = registry_find_uuid(networks, uuid);
    char text[UUID_TEXT_LEN];

    uuid_format(uuid, text);
    if (!n)
        fail(err, ERR_NO_NETWORK, "no network with matching uuid '%s'", text);
    return n;
}

GPtrArray *
network_list(void)
{
    return registry_list(networks);
}

static gboolean
needs_active(const Network *n, GError **err)
{
    return n->live || fail(err, ERR_OPERATION_INVALID, "network '%s' is not active", n->obj.name);
}

/* The definition that is meant, or why there is none. */
static NetworkDef *
def_of(const Network *n, gboolean inactive, GError **err)
{
    NetworkDef *def = n->live && !inactive ? n->live : n->def ? n->def : n->live;

    if (n->broken && def == NULL)
        fail(err, ERR_XML, "definition of network '%s' cannot be read: %s", n->obj.name, n->broken);
    return def;
}

char *
network_xml(Network *n, guint flags, GError **err)
{
    const NetworkDef *def = def_of(n, flags & NETWORK_XML_INACTIVE, err);

    return def ? network_format(def, def == n->live ? XML_LIVE : 0) : NULL;
}

const char *
network_bridge(const Network *n, GError **err)
{
    const NetworkDef *def = def_of(n, FALSE, err);

    if (!def)
        return NULL;
    if (!def->bridge || !def->bridge->name) {
        fail(err, ERR_INTERNAL, "network '%s' does not have a bridge name.", n->obj.name);
        return NULL;
    }
    return def->bridge->name;
}

/* ---- coming and going */

static void
tell(const Network *n, int what)
{
    Event event = { .family = EVENT_NETWORK, .name = n->obj.name, .object_id = -1 };

    memcpy(event.uuid, n->obj.uuid, UUID_LEN);
    event.n[0] = what;
    event_emit(&event);
}

static void
drop_run(Network *n)
{
    if (n->run) {
        dnsmasq_forget(n);
        heal_forget(n);
        ports_forget(n, FALSE);
    }
    g_clear_pointer(&n->run, g_free);
}

static void
network_destroyed(Object *o)
{
    Network *n = (Network *)o;

    drop_run(n);
    network_free(n->def);
    network_free(n->live);
    g_free(n->broken);
    object_done(o);
    g_free(n);
}

static Network *
network_add(const char *name, const guint8 uuid[UUID_LEN])
{
    Network *n = g_new0(Network, 1);

    object_init(&n->obj, &network_kind, name, uuid, network_destroyed);
    if (!registry_add(networks, &n->obj)) {
        object_unref(n);
        return NULL;
    }
    object_unref(n); /* the registry has it */
    return n;
}

Network *
network_find_for(const char *name, const guint8 uuid[UUID_LEN])
{
    Network *n = registry_find_uuid(networks, uuid);

    if (n || (n = network_add(name, uuid)))
        return n;
    n = registry_find_name(networks, name);
    if (n->live || !registry_set_uuid(networks, &n->obj, uuid))
        return NULL;
    if (n->def) {
        log_warning("network '%s': its definition has another UUID than what runs", name);
        memcpy(n->def->uuid, uuid, UUID_LEN);
    }
    return n;
}

/* *ret_network: the one that has the definition's name and UUID, or NULL for a new one. */
static gboolean
may_have(const NetworkDef *def, Network **ret_network, GError **err)
{
    Network *same_uuid = registry_find_uuid(networks, def->uuid);
    Network *same_name = registry_find_name(networks, def->name);
    char uuid[UUID_TEXT_LEN];

    if (same_uuid && same_uuid != same_name) {
        uuid_format(def->uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "network '%s' is already defined with uuid %s",
                    same_uuid->obj.name, uuid);
    }
    if (same_name && !same_uuid && !same_name->broken) {
        uuid_format(same_name->obj.uuid, uuid);
        return fail(err, ERR_OPERATION_FAILED, "network '%s' already exists with uuid %s",
                    def->name, uuid);
    }
    *ret_network = same_uuid;
    return TRUE;
}

/* A bridge has one network. */
static gboolean
bridge_is_free(const NetworkDef *def, const Network *except, GError **err)
{
    g_autoptr(GPtrArray) all = network_list();

    for (guint i = 0; def->bridge && def->bridge->name && i < all->len; i++) {
        const Network *n = all->pdata[i];
        const NetworkDef *other = n->live ? n->live : n->def;
        if (n != except && other && other->bridge &&
            g_strcmp0(other->bridge->name, def->bridge->name) == 0)
            return fail(err, ERR_INTERNAL, "bridge name '%s' already in use by network '%s'.",
                        def->bridge->name, n->obj.name);
    }
    return TRUE;
}

/* A MAC address of the range that QEMU's guests have, for the bridge: without one of its own a
 * bridge takes that of its lowest port, and changes it whenever guests come and go. */
static void
give_mac(NetworkDef *def)
{
    static const guint8 none[6];
    guint32 random = g_random_int();
    const guint8 mac[6] = {
        0x52, 0x54, 0x00, (guint8)(random >> 16), (guint8)(random >> 8), (guint8)random
    };

    if (network_owns_bridge(def) && memcmp(def->mac, none, sizeof none) == 0)
        memcpy(def->mac, mac, sizeof mac);
}

static gboolean
complete(NetworkDef *def, Network *n, GError **err)
{
    if (!bridge_is_free(def, n, err))
        return FALSE;
    give_mac(def);
    if (!network_owns_bridge(def) || def->bridge->name)
        return TRUE;
    def->bridge->name = n && n->def && n->def->bridge && n->def->bridge->name
                            ? g_strdup(n->def->bridge->name)
                            : network_free_bridge(n);
    return def->bridge->name || fail(err, ERR_INTERNAL, "all names of bridges are taken");
}

/* ---- definitions */

static gboolean
check_text(const char *text, gsize len, char **ret_name, guint8 ret_uuid[UUID_LEN], GError **err)
{
    g_autoptr(NetworkDef) def = network_parse(text, (gssize)len, 0, err);

    if (!def)
        return FALSE;
    *ret_name = g_strdup(def->name);
    memcpy(ret_uuid, def->uuid, UUID_LEN);
    return TRUE;
}

static const StoreKind store_kind = { "network", "network", check_text };

static void
keep(Network *n, NetworkDef *def)
{
    network_free(n->def);
    n->def = def;
    n->persistent = TRUE;
    g_clear_pointer(&n->broken, g_free);
}

typedef gboolean (*NetworkChange)(NetworkDef *def, gpointer how, GError **err);

/* A definition on its way to the disk. They follow each other: each may be given a bridge that no
 * other has, and a change begins with what the one before it has left. */
typedef struct NetworkSaving {
    const struct SavingKind *kind;
    NetworkDef *def;          /* to be written; NULL: nothing, or it counts now */
    Network *n;               /* referenced; NULL: not yet */
    const NetworkDef *before; /* of which def is a changed copy */
    guint flags;              /* CHANGE_*, of a change */
    NetworkChange change;
    gpointer how; /* owned */
    GError *late; /* what failed after the file was in place */
    NetworkDone done;
    gpointer user;
} NetworkSaving;

typedef struct SavingKind {
    gboolean (*prepare)(NetworkSaving *s, GError **err); /* once its turn has come */
    gboolean (*may)(gpointer saving, GError **err);
    void (*taken)(gpointer saving);
} SavingKind;

static GQueue savings;

static void save_next(void);

static void
on_saved(const GError *err, gpointer user)
{
    g_autofree NetworkSaving *s = user;

    s->done(s->n, err ? err : s->late, s->user);
    network_free(s->def);
    object_unref(s->n);
    g_clear_error(&s->late);
    g_free(s->how);
    g_queue_pop_head(&savings);
    save_next();
}

static void
save_next(void)
{
    NetworkSaving *s = g_queue_peek_head(&savings);
    g_autofree char *xml = NULL;
    g_autoptr(GError) err = NULL;
    StoreWrite how;

    if (!s)
        return;
    if (!s->kind->prepare(s, &err) || !s->def) {
        on_saved(err, s);
        return;
    }
    xml = network_format(s->def, 0);
    how = (StoreWrite){ s->kind->may, s->kind->taken, on_saved, s };
    store_write(store, s->def->name, xml, &how);
}

static void
save(const NetworkSaving *saving)
{
    g_queue_push_tail(&savings, g_memdup2(saving, sizeof(*saving)));
    if (savings.length == 1)
        save_next();
}

static gboolean
define_prepare(NetworkSaving *s, GError **err)
{
    Network *n;

    return may_have(s->def, &n, err) && complete(s->def, n, err);
}

/* A network that is started without a definition may have come meanwhile. */
static gboolean
may_define(gpointer saving, GError **err)
{
    const NetworkSaving *s = saving;
    Network *n;

    return may_have(s->def, &n, err);
}

static void
define_taken(gpointer saving)
{
    NetworkSaving *s = saving;
    Network *n = registry_find_uuid(networks, s->def->uuid);

    if (!n && (n = registry_find_name(networks, s->def->name))) { /* broken, its UUID made up */
        registry_remove(networks, &n->obj);
        n = NULL;
    }
    if (!n)
        n = network_add(s->def->name, s->def->uuid);
    s->n = object_ref(n);
    keep(n, g_steal_pointer(&s->def));
    tell(n, TOLD_DEFINED);
}

static const SavingKind a_definition = { define_prepare, may_define, define_taken };

void
network_define(const char *xml, guint flags, NetworkDone done, gpointer user)
{
    guint xml_flags = flags & NETWORK_DEFINE_VALIDATE ? XML_VALIDATE : 0;
    g_autoptr(GError) err = NULL;
    NetworkDef *def = network_parse(xml, -1, xml_flags, &err);
    const NetworkSaving s = { .kind = &a_definition, .def = def, .done = done, .user = user };

    if (def && store_name_check(&store_kind, def->name, &err)) {
        save(&s);
        return;
    }
    network_free(def);
    done(NULL, err, user);
}

/* Removes the leases of a network that is gone. */
static void
drop_state(const Network *n)
{
    g_autofree char *leases = network_state(n, "leases");

    file_remove(leases, NULL);
}

/* A network that waits until the disk has what was changed. */
typedef struct Settling {
    Network *n; /* referenced */
    NetworkDone done;
    gpointer user;
} Settling;

static void
on_settled(const GError *err, gpointer user)
{
    g_autofree Settling *s = user;

    s->done(s->n, err, s->user);
    object_unref(s->n);
}

static gboolean
undefine(Network *n, GError **err)
{
    if (!n->persistent)
        return fail(err, ERR_OPERATION_INVALID, "can't undefine transient network");
    if (!store_remove(store, n->obj.name, err))
        return FALSE;
    n->persistent = n->autostart = FALSE;
    g_clear_pointer(&n->def, network_free);
    g_clear_pointer(&n->broken, g_free);
    tell(n, TOLD_UNDEFINED);
    if (!n->live) {
        drop_state(n);
        registry_remove(networks, &n->obj);
    }
    return TRUE;
}

/* failure: what was wrong with the change; NULL: it is made. */
static void
settle(Network *n, const GError *failure, NetworkDone done, gpointer user)
{
    Settling *s = g_new(Settling, 1);

    *s = (Settling){ object_ref(n), done, user };
    if (failure)
        on_settled(failure, s);
    else
        store_settle(store, on_settled, s);
}

void
network_undefine(Network *n, NetworkDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;

    object_ref(n);
    undefine(n, &err);
    settle(n, err, done, user);
    object_unref(n);
}

static gboolean
mark(Network *n, gboolean on, GError **err)
{
    if (!n->persistent)
        return fail(err, ERR_OPERATION_INVALID, "cannot set autostart for transient network");
    if (!store_set_autostart(store, n->obj.name, AUTOSTART_ALWAYS, on, err))
        return FALSE;
    n->autostart = on;
    return TRUE;
}

void
network_set_autostart(Network *n, gboolean on, NetworkDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;

    mark(n, on, &err);
    settle(n, err, done, user);
}

/* ---- start and end */

typedef struct NetworkAsked {
    NetworkDone done;
    gpointer user;
    gboolean transient; /* goes again when its start fails */
} NetworkAsked;

static NetworkAsked *
ask_new(NetworkDone done, gpointer user)
{
    NetworkAsked *ask = g_new0(NetworkAsked, 1);

    ask->done = done;
    ask->user = user;
    return ask;
}

/* Nothing of it is left: a network that is not kept goes. */
void
network_forget_run(Network *n)
{
    if (n->run)
        ports_forget(n, TRUE);
    drop_run(n);
    g_clear_pointer(&n->live, network_free);
    if (n->persistent)
        return;
    drop_state(n);
    registry_remove(networks, &n->obj);
}

static void
on_start(gpointer o, const GError *err, gpointer user)
{
    g_autofree NetworkAsked *ask = user;
    g_autoptr(Network) n = object_ref(o);

    if (err)
        network_forget_run(n);
    else
        tell(n, TOLD_STARTED);
    heal_soon(); /* what has happened meanwhile */
    if (ask->done)
        ask->done(err && ask->transient ? NULL : n, err, ask->user);
}

static void
start_def(Network *n, NetworkDef *def, const char *asker, NetworkAsked *ask)
{
    const JobSpec spec = { .kind = JOB_START, .what = "start", .owner = asker, .user = ask };

    n->live = def;
    n->run = g_new0(NetworkRun, 1);
    object_run(n, &spec, &network_start_table, on_start);
}

static gboolean
may_start(const Network *n, GError **err)
{
    if (n->live)
        return fail(err, ERR_OPERATION_INVALID, "network '%s' is already active", n->obj.name);
    return def_of(n, TRUE, err) != NULL;
}

void
network_start(Network *n, const char *asker, NetworkDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;

    if (may_start(n, &err))
        start_def(n, network_copy(n->def), asker, ask_new(done, user));
    else if (done)
        done(n, err, user);
}

void
network_create(const char *xml, guint flags, const char *asker, NetworkDone done, gpointer user)
{
    guint xml_flags = flags & NETWORK_DEFINE_VALIDATE ? XML_VALIDATE : 0;
    g_autoptr(GError) err = NULL;
    g_autoptr(NetworkDef) def = network_parse(xml, -1, xml_flags, &err);
    Network *n = NULL;
    NetworkAsked *ask;

    if (!def || !may_have(def, &n, &err) || (n && !may_start(n, &err)) || !complete(def, n, &err)) {
        done(NULL, err, user);
        return;
    }
    ask = ask_new(done, user);
    ask->transient = n == NULL;
    if (!n)
        n = network_add(def->name, def->uuid);
    start_def(n, g_steal_pointer(&def), asker, ask);
}

static void
on_stop(gpointer o, const GError *err, gpointer user)
{
    g_autofree NetworkAsked *ask = user;
    g_autoptr(Network) n = object_ref(o);

    if (!err) {
        network_forget_run(n);
        tell(n, TOLD_STOPPED);
    }
    if (ask->done)
        ask->done(n, err, ask->user);
}

void
network_destroy(Network *n, const char *asker, NetworkDone done, gpointer user)
{
    const JobSpec spec = {
        .kind = JOB_STOP, .what = "destroy", .owner = asker, .user = ask_new(done, user)
    };
    g_autoptr(GError) err = NULL;

    if (needs_active(n, &err)) {
        object_unwind(n, &spec, on_stop);
        return;
    }
    g_free(spec.user);
    done(n, err, user);
}

/* ---- changes */

enum { CHANGE_LIVE = 1, CHANGE_CONFIG = 2 };

static gboolean
meant(const Network *n, guint *flags, GError **err)
{
    if (*flags == 0)
        *flags = n->live ? CHANGE_LIVE : CHANGE_CONFIG;
    if (*flags & CHANGE_LIVE && !needs_active(n, err))
        return FALSE;
    if (*flags & CHANGE_CONFIG && !n->persistent)
        return fail(err, ERR_OPERATION_INVALID,
                    "can't change persistent config of a transient network");
    return !(*flags & CHANGE_CONFIG) || def_of(n, TRUE, err);
}

/* The live definition has changed: what runs follows it. */
static gboolean
follow(Network *n, GError **err)
{
    heal_learn(); /* reservations */
    return network_save_live(n, err) && dnsmasq_reload(n, err);
}

gboolean
network_save_runs(void)
{
    g_autoptr(GPtrArray) all = registry_list(networks);
    gboolean done = registry_save_ledgers(networks);

    EACH (Network, n, all) {
        g_autoptr(GError) err = NULL;

        if (n->live && !n->obj.flow && !follow(n, &err))
            log_error("network '%s': %s", n->obj.name, err->message);
    }
    return done;
}

static gboolean
put_live(Network *n, NetworkDef *def, GError **err)
{
    NetworkDef *old = n->live;

    n->live = def;
    if (follow(n, err)) {
        network_free(old);
        return TRUE;
    }
    n->live = old;
    network_free(def);
    follow(n, NULL);
    return FALSE;
}

static gboolean
change_live(const NetworkSaving *s, GError **err)
{
    g_autoptr(NetworkDef) live = network_copy(s->n->live);

    return s->change(live, s->how, err) && put_live(s->n, g_steal_pointer(&live), err);
}

/* Tried on copies of what is meant; the file first, for it is what can fail. */
static gboolean
change_prepare(NetworkSaving *s, GError **err)
{
    g_autoptr(NetworkDef) live = NULL;

    if (!meant(s->n, &s->flags, err))
        return FALSE;
    if (s->flags == CHANGE_LIVE)
        return change_live(s, err);
    if (s->flags & CHANGE_LIVE && !s->change(live = network_copy(s->n->live), s->how, err))
        return FALSE;
    s->before = s->n->def;
    s->def = network_copy(s->before);
    return s->change(s->def, s->how, err);
}

static gboolean
may_change(gpointer saving, GError **err)
{
    const NetworkSaving *s = saving;

    return s->n->def == s->before ||
           fail(err, ERR_OPERATION_FAILED, "network '%s' was undefined meanwhile", s->n->obj.name);
}

static void
change_taken(gpointer saving)
{
    NetworkSaving *s = saving;

    keep(s->n, g_steal_pointer(&s->def));
    if (s->flags & CHANGE_LIVE && s->n->live) /* it may have ended meanwhile */
        change_live(s, &s->late);
}

static const SavingKind a_change = { change_prepare, may_change, change_taken };

/* how is taken over. */
static void
change(Network *n, guint flags, NetworkChange what, gpointer how, NetworkDone done, gpointer user)
{
    const NetworkSaving s = { .kind = &a_change,
                              .n = object_ref(n),
                              .flags = flags,
                              .change = what,
                              .how = how,
                              .done = done,
                              .user = user };

    save(&s);
}

typedef struct Update {
    guint command, section;
    int parent;
    const char *xml;
} Update;

static gboolean
apply_update(NetworkDef *def, gpointer how, GError **err)
{
    const Update *u = how;

    return network_update(def, u->command, u->section, u->parent, u->xml, err);
}

void
network_change(Network *n, guint command, guint section, int parent, const char *xml, guint flags,
               NetworkDone done, gpointer user)
{
    const Update u = { command, section, parent, xml };

    change(n, flags, apply_update, g_memdup2(&u, sizeof(u)), done, user);
}

/* ---- what users write about it */

char *
network_metadata(Network *n, int type, const char *uri, guint flags, GError **err)
{
    static const char *const names[] = { "description", "title", "metadata" };
    const NetworkDef *def;
    char *text;

    if (type < NOTE_DESCRIPTION || type > NOTE_ELEMENT) {
        fail(err, ERR_INVALID_ARG, "unknown metadata type %d", type);
        return NULL;
    }
    if (!meant(n, &flags, err))
        return NULL;
    if (!(def = flags & CHANGE_LIVE ? n->live : def_of(n, TRUE, err)))
        return NULL;
    if (!(text = notes_get(&NOTES_IN(def), type, uri)))
        fail(err, ERR_NO_NETWORK_METADATA,
             "Requested metadata element is not present: no %s in network '%s'", names[type],
             n->obj.name);
    return text;
}

typedef struct NetworkRemark {
    int type;
    const char *value, *key, *uri;
    NetworkDone done;
    gpointer user;
} NetworkRemark;

static gboolean
apply_remark(NetworkDef *def, gpointer how, GError **err)
{
    const NetworkRemark *r = how;

    return notes_set(&NOTES_AT(def), r->type, r->value, r->key, r->uri, err);
}

static void
on_remarked(Network *n, const GError *err, gpointer user)
{
    const NetworkRemark *r = user;
    Event event = { .family = EVENT_NETWORK,
                    .id = TOLD_METADATA,
                    .name = n->obj.name,
                    .object_id = -1,
                    .n = { r->type },
                    .s = { r->uri } };

    memcpy(event.uuid, n->obj.uuid, UUID_LEN);
    if (!err)
        event_emit(&event);
    r->done(n, err, r->user);
}

void
network_set_metadata(Network *n, int type, const char *value, const char *key, const char *uri,
                     guint flags, NetworkDone done, gpointer user)
{
    const NetworkRemark remark = { type, value, key, uri, done, user };
    g_autoptr(GError) err = NULL;
    NetworkRemark *r;

    if (!notes_check(type, value, key, uri, &err)) {
        done(n, err, user);
        return;
    }
    r = g_memdup2(&remark, sizeof(remark));
    change(n, flags, apply_remark, r, on_remarked, r);
}

/* ---- for interfaces of guests */

/* The one of that name; for who names none, the one that is meant for them. */
static const Portgroup *
portgroup_of(const NetworkDef *def, const char *name)
{
    EACH (const Portgroup, group, def->portgroups)
        if (name ? strcmp(group->name, name) == 0 : group->is_default == YES)
            return group;
    return NULL;
}

gboolean
network_plug(const char *name, const char *portgroup, NetworkPlug *ret_plug, GError **err)
{
    const Network *n = network_get_name(name, err);
    const Portgroup *group;

    if (!n || !needs_active(n, err))
        return FALSE;
    group = portgroup_of(n->live, portgroup);
    if (group && (group->vlan || group->vport))
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "'vlan' and 'virtualport' of portgroup '%s' of network '%s' are not supported yet",
            group->name, name);
    *ret_plug = (NetworkPlug){ n->live->bridge->name, n->live->mtu,
                               group ? group->bandwidth : NULL };
    return TRUE;
}

const char *
network_address(const char *name, GError **err)
{
    const Network *n = network_get_name(name, err);

    if (!n || !needs_active(n, err))
        return NULL;
    EACH (const NetworkIp, ip, n->live->ips)
        if (ip->address)
            return ip->address;
    fail(err, ERR_CONFIG_UNSUPPORTED, "network '%s' has no address of the host", name);
    return NULL;
}

/* ---- the room */

void
network_register(void)
{
    flow_register(&network_start_table);
}

static void
load_one(const StoreFound *found, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    Network *n = network_add(found->name, found->uuid);
    gsize len;

    if (!n) {
        log_warning("network '%s': another one has its UUID; its file is left alone", found->name);
        return;
    }
    n->persistent = TRUE;
    n->autostart = found->autostart[AUTOSTART_ALWAYS];
    if (found->broken)
        err = g_error_copy(found->broken);
    else if ((text = store_text(store, found->name, &len, NULL, &err)))
        n->def = network_parse(text, (gssize)len, 0, &err);
    if (n->def)
        return;
    n->broken = g_strdup(err->message);
    log_warning("definition of network '%s' cannot be read: %s", found->name, n->broken);
}

gboolean
network_init(const Paths *paths, GError **err)
{
    g_autofree char *folder = g_strconcat(paths->etc, "/network", NULL);
    g_autofree char *state = g_strconcat(paths->lib, "/network", NULL);
    g_autofree char *run = g_strconcat(paths->run, "/network", NULL);
    g_autofree char *logs = g_strconcat(paths->log, "/network", NULL);

    network_paths = paths;
    networks = registry_new();
    network_register();
    if (!filters_init(paths, err) || !dir_make(state, 0755, err) || !dir_make(run, 0755, err) ||
        !dir_make(logs, 0700, err) || !(store = store_open(&store_kind, folder, err)) ||
        !store_load(store, load_one, NULL, err) || !networks_recover(run, err))
        return FALSE;
    heal_init();
    return TRUE;
}

static void
on_autostarted(Network *n, const GError *err, gpointer user)
{
    if (err)
        log_error("autostart of network '%s': %s", n->obj.name, err->message);
}

void
network_autostart(void)
{
    g_autoptr(GPtrArray) all = network_list();

    for (guint i = 0; i < all->len; i++) {
        Network *n = all->pdata[i];
        if (n->autostart && !n->live)
            network_start(n, "autostart", on_autostarted, NULL);
    }
}

void
network_done(void)
{
    heal_done();
    g_clear_pointer(&networks, registry_free);
    g_clear_pointer(&store, store_free);
    filters_done();
}
