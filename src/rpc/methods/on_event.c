/* Registering for events, in the ways that three generations of clients do it. */
#include <string.h>

#include "rpc/rpc_priv.h"

/* ---- adding and removing */

static gboolean
same(const Registration *a, const Registration *b)
{
    return a->family == b->family && a->event == b->event &&
           (a->callback < 0) == (b->callback < 0) && a->by_object == b->by_object &&
           memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0 && g_strcmp0(a->name, b->name) == 0;
}

/* Names of node devices and of QEMU's events are shorter, and so are patterns for them. */
#define NAME_LENGTH_MAX 256

/* Takes r's name. *ret_callback: the id that its events carry. */
static gboolean
registration_add(Client *c, Registration *r, gint32 *ret_callback, GError **err)
{
    ClientState *state = &c->state;

    if (r->name && strlen(r->name) > NAME_LENGTH_MAX) {
        registration_clear(r);
        return fail(err, ERR_INVALID_ARG,
                    "the object's name in a registration for events has over %d bytes",
                    NAME_LENGTH_MAX);
    }
    if (!event_is_known(r->family, r->event)) {
        registration_clear(r);
        return fail(err, ERR_INTERNAL, "unknown event id %d", r->event);
    }
    for (guint i = 0; i < state->registrations->len; i++) {
        if (same(&g_array_index(state->registrations, Registration, i), r)) {
            registration_clear(r);
            return fail(err, ERR_INVALID_ARG, "event %d is already registered", r->event);
        }
    }
    if (!account_take(c->account, BUDGET_REGISTRATIONS, 1, err)) {
        registration_clear(r);
        return FALSE;
    }
    if (r->callback >= 0)
        r->callback = state->last_callback++;
    *ret_callback = r->callback;
    g_array_append_val(state->registrations, *r);
    return TRUE;
}

static void
registration_drop(Client *c, guint i)
{
    g_array_remove_index(c->state.registrations, i);
    account_give_back(c->account, BUDGET_REGISTRATIONS, 1);
}

static gboolean
registration_remove(Client *c, EventFamily family, gint32 callback, GError **err)
{
    const ClientState *state = &c->state;

    for (guint i = 0; i < state->registrations->len; i++) {
        const Registration *r = &g_array_index(state->registrations, Registration, i);
        if (r->family == family && r->callback == callback && callback >= 0) {
            registration_drop(c, i);
            return TRUE;
        }
    }
    return fail(err, ERR_INTERNAL, "no event callback has the id %d", callback);
}

static gboolean
legacy_remove(Client *c, int event, GError **err)
{
    const ClientState *state = &c->state;

    for (guint i = 0; i < state->registrations->len; i++) {
        const Registration *r = &g_array_index(state->registrations, Registration, i);
        if (r->family == EVENT_DOMAIN && r->callback < 0 && r->event == event) {
            registration_drop(c, i);
            return TRUE;
        }
    }
    return fail(err, ERR_INTERNAL, "event %d is not registered", event);
}

static void
deregister(Call *c, EventFamily family, gint32 callback)
{
    GError *err = NULL;

    call_end(c, registration_remove(call_client(c), family, callback, &err), &err);
}

/* All replies of the newer registrations are alike. */
G_STATIC_ASSERT(sizeof(ConnectDomainEventCallbackRegisterAnyRet) == sizeof(gint32));

static void
answer_callback(Call *c, Registration *r)
{
    GError *err = NULL;
    gint32 callback;
    Client *client = call_client(c);

    if (!registration_add(client, r, &callback, &err)) {
        call_fail(c, err);
        return;
    }
    call_reply(c, &callback);
    client_tell_missed(client);
}

static Registration
registration_for(EventFamily family, int event, const guint8 *uuid)
{
    Registration r = { .family = family, .event = event, .by_object = uuid != NULL };

    if (uuid)
        memcpy(r.uuid, uuid, sizeof(r.uuid));
    return r;
}

/* ---- domains, the oldest way: lifecycle only, no ids */

static void
domain_register_lifecycle(Call *c)
{
    Client *client = call_client(c);
    Registration r = { .callback = -1, .family = EVENT_DOMAIN, .event = DOMAIN_EVENT_LIFECYCLE };
    GError *err = NULL;
    gint32 callback;

    if (!registration_add(client, &r, &callback, &err)) {
        call_fail(c, err);
        return;
    }
    ConnectDomainEventRegisterRet out = { .cb_registered = 1 };
    call_reply(c, &out);
    client_tell_missed(client);
}

static void
domain_deregister_lifecycle(Call *c)
{
    GError *err = NULL;

    if (!legacy_remove(call_client(c), DOMAIN_EVENT_LIFECYCLE, &err)) {
        call_fail(c, err);
        return;
    }
    ConnectDomainEventDeregisterRet out = { .cb_registered = 0 };
    call_reply(c, &out);
}

/* ---- domains, the old way: an event id, no callback ids */

static void
domain_register_legacy(Call *c)
{
    const ConnectDomainEventRegisterAnyArgs *in = call_in(c);
    Registration r = { .callback = -1, .family = EVENT_DOMAIN, .event = in->event_id };
    GError *err = NULL;
    gint32 callback;

    if (!event_has_legacy(in->event_id)) {
        fail(&err, ERR_INTERNAL, "unknown event id %d", in->event_id);
        call_fail(c, err);
        return;
    }
    call_end(c, registration_add(call_client(c), &r, &callback, &err), &err);
}

static void
domain_deregister_legacy(Call *c)
{
    const ConnectDomainEventDeregisterAnyArgs *in = call_in(c);
    GError *err = NULL;

    call_end(c, legacy_remove(call_client(c), in->event_id, &err), &err);
}

/* ---- with callback ids */

static void
domain_register(Call *c)
{
    const ConnectDomainEventCallbackRegisterAnyArgs *in = call_in(c);
    Registration r = registration_for(EVENT_DOMAIN, in->event_id, in->dom ? in->dom->uuid : NULL);

    answer_callback(c, &r);
}

static void
domain_deregister(Call *c)
{
    const ConnectDomainEventCallbackDeregisterAnyArgs *in = call_in(c);

    deregister(c, EVENT_DOMAIN, in->callback_id);
}

static void
network_register(Call *c)
{
    const ConnectNetworkEventRegisterAnyArgs *in = call_in(c);
    Registration r = registration_for(EVENT_NETWORK, in->event_id, in->net ? in->net->uuid : NULL);

    answer_callback(c, &r);
}

static void
network_deregister(Call *c)
{
    const ConnectNetworkEventDeregisterAnyArgs *in = call_in(c);

    deregister(c, EVENT_NETWORK, in->callback_id);
}

static void
pool_register(Call *c)
{
    const ConnectStoragePoolEventRegisterAnyArgs *in = call_in(c);
    Registration r = registration_for(EVENT_POOL, in->event_id, in->pool ? in->pool->uuid : NULL);

    answer_callback(c, &r);
}

static void
pool_deregister(Call *c)
{
    const ConnectStoragePoolEventDeregisterAnyArgs *in = call_in(c);

    deregister(c, EVENT_POOL, in->callback_id);
}

static void
node_device_register(Call *c)
{
    const ConnectNodeDeviceEventRegisterAnyArgs *in = call_in(c);
    Registration r = registration_for(EVENT_NODE_DEVICE, in->event_id, NULL);

    r.name = in->dev ? g_strdup(in->dev->name) : NULL;
    answer_callback(c, &r);
}

static void
node_device_deregister(Call *c)
{
    const ConnectNodeDeviceEventDeregisterAnyArgs *in = call_in(c);

    deregister(c, EVENT_NODE_DEVICE, in->callback_id);
}

static void
secret_register(Call *c)
{
    const ConnectSecretEventRegisterAnyArgs *in = call_in(c);
    Registration r = registration_for(EVENT_SECRET, in->event_id,
                                      in->secret ? in->secret->uuid : NULL);

    answer_callback(c, &r);
}

static void
secret_deregister(Call *c)
{
    const ConnectSecretEventDeregisterAnyArgs *in = call_in(c);

    deregister(c, EVENT_SECRET, in->callback_id);
}

/* ---- QEMU's own events */

static void
monitor_register(Call *c)
{
    const QemuConnectDomainMonitorEventRegisterArgs *in = call_in(c);
    Registration r = registration_for(EVENT_MONITOR, 0, in->dom ? in->dom->uuid : NULL);

    r.name = g_strdup(in->event);
    r.flags = in->flags;
    answer_callback(c, &r);
}

static void
monitor_deregister(Call *c)
{
    const QemuConnectDomainMonitorEventDeregisterArgs *in = call_in(c);

    deregister(c, EVENT_MONITOR, in->callback_id);
}

/* ---- the connection itself */

static void
close_register(Call *c)
{
    ClientState *state = &call_client(c)->state;
    GError *err = NULL;

    if (state->close_callback) {
        fail(&err, ERR_INTERNAL, "a close callback is already registered");
        call_fail(c, err);
        return;
    }
    state->close_callback = TRUE;
    call_reply_none(c);
}

static void
close_unregister(Call *c)
{
    ClientState *state = &call_client(c)->state;
    GError *err = NULL;

    if (!state->close_callback) {
        fail(&err, ERR_INTERNAL, "no close callback is registered");
        call_fail(c, err);
        return;
    }
    state->close_callback = FALSE;
    call_reply_none(c);
}

const Method event_methods[] = {
    { ON_NONE(CONNECT_DOMAIN_EVENT_REGISTER, domain_register_lifecycle),
      MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_DOMAIN_EVENT_DEREGISTER, domain_deregister_lifecycle), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_DOMAIN_EVENT_REGISTER_ANY, domain_register_legacy),
      MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_DOMAIN_EVENT_DEREGISTER_ANY, domain_deregister_legacy), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, domain_register),
      MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, domain_deregister), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_NETWORK_EVENT_REGISTER_ANY, network_register), MAY(CONNECT_SEARCH_NETWORKS) },
    { ON_NONE(CONNECT_NETWORK_EVENT_DEREGISTER_ANY, network_deregister), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, pool_register),
      MAY(CONNECT_SEARCH_STORAGE_POOLS) },
    { ON_NONE(CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY, pool_deregister), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY, node_device_register),
      MAY(CONNECT_SEARCH_NODE_DEVICES) },
    { ON_NONE(CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY, node_device_deregister),
      MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_SECRET_EVENT_REGISTER_ANY, secret_register), MAY(CONNECT_SEARCH_SECRETS) },
    { ON_NONE(CONNECT_SECRET_EVENT_DEREGISTER_ANY, secret_deregister), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_REGISTER_CLOSE_CALLBACK, close_register), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_UNREGISTER_CLOSE_CALLBACK, close_unregister), MAY(CONNECT_GETATTR) },
    { 0 },
};

/* The name is a regular expression (1), in any case (2). */
enum { PATTERN_FLAGS = 3 };

const Method qemu_event_methods[] = {
    { ON_NONE(QEMU_CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, monitor_register), FLAGS(PATTERN_FLAGS),
      MAY_BOTH(CONNECT_SEARCH_DOMAINS, CONNECT_WRITE) },
    { ON_NONE(QEMU_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, monitor_deregister),
      MAY(CONNECT_WRITE) },
    { 0 },
};
