/* Waiting for events of objects other than domains: each kind is a row, each family of them a
 * command. */
#include <string.h>

#include "vmsh/storage.h"

typedef struct EventKind {
    const char *name;
    gint32 procedure;
    const WireType *type;
    /* "node device x: Created"; caller frees. */
    char *(*tell)(gconstpointer message);
} EventKind;

/* The index of a kind is the event's id. */
typedef struct FamilyWatched {
    const EventKind *kinds; /* ended by a zeroed row */
    /* Asks for one; object: what --secret or --device names, or NULL. */
    gboolean (*ask)(Shell *s, gint32 id, const char *object, gint32 *ret_callback, GError **err);
    gint32 forget; /* the procedure that ends it */
    const char *option;
} FamilyWatched;

/* ---- secrets */

static char *
secret_text(const StoredSecretRef *secret, const char *what)
{
    char uuid[UUID_TEXT_LEN];

    uuid_text(secret->uuid, uuid);
    return g_strconcat("secret ", uuid, what ? ": " : NULL, what, NULL);
}

static char *
tell_secret_life(gconstpointer message)
{
    static const char *const words[] = { "Defined", "Undefined" };
    const SecretEventLifecycleMsg *m = message;

    return secret_text(&m->secret, nth(words, G_N_ELEMENTS(words), m->event, "unknown"));
}

static char *
tell_secret_value(gconstpointer message)
{
    const SecretEventValueChangedMsg *m = message;

    return secret_text(&m->secret, NULL);
}

static const EventKind secret_kinds[] = {
    { "lifecycle", PROC_SECRET_EVENT_LIFECYCLE, &SecretEventLifecycleMsg_type, tell_secret_life },
    { "value-changed", PROC_SECRET_EVENT_VALUE_CHANGED, &SecretEventValueChangedMsg_type,
      tell_secret_value },
    { 0 },
};

static gboolean
ask_secret(Shell *s, gint32 id, const char *object, gint32 *ret_callback, GError **err)
{
    SecretLookupByUuidArgs by_uuid;
    SecretLookupByUuidRet found = { 0 };
    ConnectSecretEventRegisterAnyArgs args = { .event_id = id,
                                               .secret = object ? &found.secret : NULL };
    ConnectSecretEventRegisterAnyRet ret = { 0 };

    if (object && !uuid_parse(object, by_uuid.uuid))
        return refuse(err, "'%s' is no UUID", object);
    if ((object && !call(s, PROC_SECRET_LOOKUP_BY_UUID, &by_uuid, &found, err)) ||
        !call(s, PROC_CONNECT_SECRET_EVENT_REGISTER_ANY, &args, &ret, err))
        return FALSE;
    *ret_callback = ret.callback_id;
    return TRUE;
}

static const FamilyWatched secret_events = { secret_kinds, ask_secret,
                                             PROC_CONNECT_SECRET_EVENT_DEREGISTER_ANY, "secret" };

/* ---- networks */

static char *
tell_network_life(gconstpointer message)
{
    static const char *const words[] = { "Defined", "Undefined", "Started", "Stopped" };
    const NetworkEventLifecycleMsg *m = message;

    return g_strdup_printf("network %s: %s", m->net.name,
                           nth(words, G_N_ELEMENTS(words), m->event, "unknown"));
}

static char *
tell_network_metadata(gconstpointer message)
{
    static const char *const words[] = { "description", "title", "element" };
    const NetworkEventCallbackMetadataChangeMsg *m = message;

    return g_strdup_printf("network %s: %s%s%s", m->net.name,
                           nth(words, G_N_ELEMENTS(words), m->type, "unknown"), m->nsuri ? " " : "",
                           m->nsuri ? m->nsuri : "");
}

static const EventKind network_kinds[] = {
    { "lifecycle", PROC_NETWORK_EVENT_LIFECYCLE, &NetworkEventLifecycleMsg_type,
      tell_network_life },
    { "metadata-change", PROC_NETWORK_EVENT_CALLBACK_METADATA_CHANGE,
      &NetworkEventCallbackMetadataChangeMsg_type, tell_network_metadata },
    { 0 },
};

static gboolean
ask_network(Shell *s, gint32 id, const char *object, gint32 *ret_callback, GError **err)
{
    NetworkRef net;
    ConnectNetworkEventRegisterAnyArgs args = { .event_id = id, .net = object ? &net : NULL };
    ConnectNetworkEventRegisterAnyRet ret = { 0 };

    if ((object && !network_lookup(s, object, &net, err)) ||
        !call(s, PROC_CONNECT_NETWORK_EVENT_REGISTER_ANY, &args, &ret, err))
        return FALSE;
    *ret_callback = ret.callback_id;
    return TRUE;
}

static const FamilyWatched network_events = { network_kinds, ask_network,
                                              PROC_CONNECT_NETWORK_EVENT_DEREGISTER_ANY,
                                              "network" };

/* ---- storage pools */

static char *
tell_pool_life(gconstpointer message)
{
    static const char *const words[] = { "Defined", "Undefined", "Started",
                                         "Stopped", "Created",   "Deleted" };
    const StoragePoolEventLifecycleMsg *m = message;

    return g_strdup_printf("storage pool %s: %s", m->pool.name,
                           nth(words, G_N_ELEMENTS(words), m->event, "unknown"));
}

static char *
tell_pool_refresh(gconstpointer message)
{
    const StoragePoolEventRefreshMsg *m = message;

    return g_strdup_printf("storage pool %s", m->pool.name);
}

static const EventKind pool_kinds[] = {
    { "lifecycle", PROC_STORAGE_POOL_EVENT_LIFECYCLE, &StoragePoolEventLifecycleMsg_type,
      tell_pool_life },
    { "refresh", PROC_STORAGE_POOL_EVENT_REFRESH, &StoragePoolEventRefreshMsg_type,
      tell_pool_refresh },
    { 0 },
};

static gboolean
ask_pool(Shell *s, gint32 id, const char *object, gint32 *ret_callback, GError **err)
{
    PoolRef pool;
    ConnectStoragePoolEventRegisterAnyArgs args = { .event_id = id, .pool = object ? &pool : NULL };
    ConnectStoragePoolEventRegisterAnyRet ret = { 0 };

    if ((object && !pool_lookup(s, object, &pool, err)) ||
        !call(s, PROC_CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, &args, &ret, err))
        return FALSE;
    *ret_callback = ret.callback_id;
    return TRUE;
}

static const FamilyWatched pool_events = { pool_kinds, ask_pool,
                                           PROC_CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY, "pool" };

/* ---- node devices */

static char *
tell_device_life(gconstpointer message)
{
    static const char *const words[] = { "Created", "Deleted", "Defined", "Undefined" };
    const NodeDeviceEventLifecycleMsg *m = message;

    return g_strdup_printf("node device %s: %s", m->dev.name,
                           nth(words, G_N_ELEMENTS(words), m->event, "unknown"));
}

static char *
tell_device_update(gconstpointer message)
{
    const NodeDeviceEventUpdateMsg *m = message;

    return g_strdup_printf("node device %s", m->dev.name);
}

static const EventKind device_kinds[] = {
    { "lifecycle", PROC_NODE_DEVICE_EVENT_LIFECYCLE, &NodeDeviceEventLifecycleMsg_type,
      tell_device_life },
    { "update", PROC_NODE_DEVICE_EVENT_UPDATE, &NodeDeviceEventUpdateMsg_type, tell_device_update },
    { 0 },
};

static gboolean
ask_device(Shell *s, gint32 id, const char *object, gint32 *ret_callback, GError **err)
{
    NodeDeviceRef device = { .name = object };
    ConnectNodeDeviceEventRegisterAnyArgs args = { .event_id = id, .dev = object ? &device : NULL };
    ConnectNodeDeviceEventRegisterAnyRet ret = { 0 };

    if (!call(s, PROC_CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY, &args, &ret, err))
        return FALSE;
    *ret_callback = ret.callback_id;
    return TRUE;
}

static const FamilyWatched device_events = { device_kinds, ask_device,
                                             PROC_CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY,
                                             "device" };

/* ---- the commands */

typedef struct ObjectWatch {
    Shell *shell;
    const EventKind *kind;
    gboolean timestamps;
    EventWait wait;
} ObjectWatch;

static void
on_event(Conn *c, gint32 procedure, guint32 program, const guint8 *payload, gsize len,
         gpointer user)
{
    ObjectWatch *w = user;
    g_autofree char *text = NULL, *time = w->timestamps ? event_time() : NULL;
    gpointer message;
    Arena arena;

    if (program != PROGRAM_REMOTE || procedure != w->kind->procedure ||
        (w->wait.count && !w->wait.loop))
        return;
    arena_init(&arena, NULL, 0);
    message = arena_alloc(&arena, 1, w->kind->type->size);
    if (xdr_decode(w->kind->type, payload, len, &arena, message, NULL)) {
        text = w->kind->tell(message);
        put(w->shell, "%s%sevent '%s' for %s\n", time ? time : "", time ? ": " : "", w->kind->name,
            text);
        fflush(stdout);
        w->wait.count++;
    }
    arena_done(&arena);
}

static gboolean
find_kind(const FamilyWatched *family, const char *name, gint32 *ret_id, GError **err)
{
    if (!name)
        return refuse(err, "either --list or --event <type> is required");
    for (gint32 id = 0; family->kinds[id].name; id++)
        if (strcmp(family->kinds[id].name, name) == 0) {
            *ret_id = id;
            return TRUE;
        }
    return refuse(err, "unknown event type %s", name);
}

static gboolean
watch(Shell *s, const Args *a, const FamilyWatched *family, gint32 id, GError **err)
{
    ObjectWatch w = { .shell = s,
                      .kind = &family->kinds[id],
                      .timestamps = args_flag(a, "timestamp"),
                      .wait = { .loop = args_flag(a, "loop") } };
    gint64 seconds = 0;
    gint32 callback;
    gboolean ok;

    if (!args_number(a, "timeout", 1, G_MAXINT32 / 1000, &seconds, err))
        return FALSE;
    conn_on_event(s->conn, on_event, &w);
    ok = family->ask(s, id, args_string(a, family->option), &callback, err);
    if (ok) {
        if (seconds)
            w.wait.end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
        ok = event_wait(s, &w.wait, err);
        if (conn_alive(s->conn))
            call(s, family->forget, &callback, NULL, NULL);
    }
    conn_on_event(s->conn, NULL, NULL);
    /* Nothing is wrong, and yet the status says that nothing came. */
    s->silent_failure = ok && !w.wait.count;
    return ok && w.wait.count;
}

static gboolean
run(Shell *s, const Args *a, const FamilyWatched *family, GError **err)
{
    gint32 id = 0;

    if (args_flag(a, "list")) {
        for (const EventKind *kind = family->kinds; kind->name; kind++)
            put(s, "%s\n", kind->name);
        return TRUE;
    }
    return find_kind(family, args_string(a, "event"), &id, err) && watch(s, a, family, id, err);
}

static gboolean
run_secret(Shell *s, const Args *a, GError **err)
{
    return run(s, a, &secret_events, err);
}

static gboolean
run_network(Shell *s, const Args *a, GError **err)
{
    return run(s, a, &network_events, err);
}

static gboolean
run_pool(Shell *s, const Args *a, GError **err)
{
    return run(s, a, &pool_events, err);
}

static gboolean
run_device(Shell *s, const Args *a, GError **err)
{
    return run(s, a, &device_events, err);
}

#define OPTIONS(name, doc)                                                                         \
    { name, OPTION_STRING, OPTION_NAMED, NULL, doc },                                              \
        { "event", OPTION_STRING, OPTION_NAMED, NULL, "which event type to wait for" },            \
        FLAG("loop", "loop until timeout or interrupt, rather than one-shot"),                     \
        { "timeout", OPTION_NUMBER, OPTION_NAMED, NULL, "timeout seconds" },                       \
        FLAG("list", "list valid event types"),                                                    \
        FLAG("timestamp", "show timestamp for each printed event"), OPTION_END

static const Option secret_options[] = { OPTIONS("secret", "filter by secret name or uuid") };
static const Option network_options[] = { OPTIONS("network", "filter by network name or uuid") };
static const Option pool_options[] = { OPTIONS("pool", "filter by storage pool name or uuid") };
static const Option device_options[] = { OPTIONS("device", "filter by node device name") };

const Command secret_event_commands[] = {
    { "secret-event", "Secret Events", "List event types, or wait for secret events to occur",
      secret_options, run_secret, COMMAND_TALKS },
    { 0 },
};

const Command network_event_commands[] = {
    { "net-event", "Network Events", "List event types, or wait for network events to occur",
      network_options, run_network, COMMAND_TALKS },
    { 0 },
};

const Command pool_event_commands[] = {
    { "pool-event", "Storage Pool Events",
      "List event types, or wait for storage pool events to occur", pool_options, run_pool,
      COMMAND_TALKS },
    { 0 },
};

const Command nodedev_event_commands[] = {
    { "nodedev-event", "Node Device Events",
      "List event types, or wait for node device events to occur", device_options, run_device,
      COMMAND_TALKS },
    { 0 },
};
