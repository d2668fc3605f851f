/* Events to clients: which message tells of which event, who wants it, and the message itself,
 * filled by its own rows: numbers from n[], strings from s[], in the order of the fields. */
#include <string.h>

#include "rpc_priv.h"

typedef struct EventRow {
    EventFamily family;
    int id;
    gint32 number; /* of the event procedure */
    gint32 legacy; /* of the one without callback id; 0: none */
} EventRow;

#define EVENT_ROW(family, id, name)                                                                \
    {                                                                                              \
        EVENT_##family, id, PROC_##name, 0                                                         \
    }
#define DOMAIN_ROW(id, name)                                                                       \
    {                                                                                              \
        EVENT_DOMAIN, DOMAIN_EVENT_##id, PROC_DOMAIN_EVENT_CALLBACK_##name,                        \
            PROC_DOMAIN_EVENT_##name                                                               \
    }
#define NEW_ROW(id, name)                                                                          \
    {                                                                                              \
        EVENT_DOMAIN, DOMAIN_EVENT_##id, PROC_##name, 0                                            \
    }

static const EventRow rows[] = {
    DOMAIN_ROW(LIFECYCLE, LIFECYCLE),
    DOMAIN_ROW(REBOOT, REBOOT),
    DOMAIN_ROW(RTC_CHANGE, RTC_CHANGE),
    DOMAIN_ROW(WATCHDOG, WATCHDOG),
    DOMAIN_ROW(IO_ERROR, IO_ERROR),
    DOMAIN_ROW(GRAPHICS, GRAPHICS),
    DOMAIN_ROW(IO_ERROR_REASON, IO_ERROR_REASON),
    DOMAIN_ROW(CONTROL_ERROR, CONTROL_ERROR),
    DOMAIN_ROW(BLOCK_JOB, BLOCK_JOB),
    DOMAIN_ROW(DISK_CHANGE, DISK_CHANGE),
    DOMAIN_ROW(TRAY_CHANGE, TRAY_CHANGE),
    DOMAIN_ROW(PMWAKEUP, PMWAKEUP),
    DOMAIN_ROW(PMSUSPEND, PMSUSPEND),
    DOMAIN_ROW(BALLOON_CHANGE, BALLOON_CHANGE),
    DOMAIN_ROW(PMSUSPEND_DISK, PMSUSPEND_DISK),
    DOMAIN_ROW(DEVICE_REMOVED, DEVICE_REMOVED),
    NEW_ROW(BLOCK_JOB_2, DOMAIN_EVENT_BLOCK_JOB_2),
    NEW_ROW(TUNABLE, DOMAIN_EVENT_CALLBACK_TUNABLE),
    NEW_ROW(AGENT_LIFECYCLE, DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE),
    NEW_ROW(DEVICE_ADDED, DOMAIN_EVENT_CALLBACK_DEVICE_ADDED),
    NEW_ROW(MIGRATION_ITERATION, DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION),
    NEW_ROW(JOB_COMPLETED, DOMAIN_EVENT_CALLBACK_JOB_COMPLETED),
    NEW_ROW(DEVICE_REMOVAL_FAILED, DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED),
    NEW_ROW(METADATA_CHANGE, DOMAIN_EVENT_CALLBACK_METADATA_CHANGE),
    NEW_ROW(BLOCK_THRESHOLD, DOMAIN_EVENT_BLOCK_THRESHOLD),
    NEW_ROW(MEMORY_FAILURE, DOMAIN_EVENT_MEMORY_FAILURE),
    NEW_ROW(MEMORY_DEVICE_SIZE_CHANGE, DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE),
    NEW_ROW(NIC_MAC_CHANGE, DOMAIN_EVENT_NIC_MAC_CHANGE),
    EVENT_ROW(NETWORK, 0, NETWORK_EVENT_LIFECYCLE),
    EVENT_ROW(NETWORK, 1, NETWORK_EVENT_CALLBACK_METADATA_CHANGE),
    EVENT_ROW(POOL, 0, STORAGE_POOL_EVENT_LIFECYCLE),
    EVENT_ROW(POOL, 1, STORAGE_POOL_EVENT_REFRESH),
    EVENT_ROW(NODE_DEVICE, 0, NODE_DEVICE_EVENT_LIFECYCLE),
    EVENT_ROW(NODE_DEVICE, 1, NODE_DEVICE_EVENT_UPDATE),
    EVENT_ROW(SECRET, 0, SECRET_EVENT_LIFECYCLE),
    EVENT_ROW(SECRET, 1, SECRET_EVENT_VALUE_CHANGED),
    EVENT_ROW(MONITOR, 0, QEMU_DOMAIN_MONITOR_EVENT),
};

static const EventRow *
row_find(EventFamily family, int id)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].family == family && (rows[i].id == id || family == EVENT_MONITOR))
            return &rows[i];
    return NULL;
}

gboolean
event_is_known(EventFamily family, int id)
{
    return row_find(family, id) != NULL;
}

gboolean
event_has_legacy(int id)
{
    const EventRow *row = row_find(EVENT_DOMAIN, id);

    return row && row->legacy;
}

/* ---- filling a message */

/* How much of the event's lists has gone into the message. */
typedef struct EventFill {
    const Event *event;
    gint32 callback;
    Arena *arena;
    guint n, s, wide;
} EventFill;

static gboolean fill_struct(EventFill *f, const WireType *t, gpointer message);

/* The object, in whatever kind of reference the message has. */
static gboolean
fill_object(EventFill *f, const WireType *t, gpointer at)
{
    const Event *e = f->event;

    if (t == &DomainRef_type) {
        DomainRef *ref = at;
        *ref = (DomainRef){ .name = e->name, .id = e->object_id };
        memcpy(ref->uuid, e->uuid, sizeof(ref->uuid));
    } else if (t == &NetworkRef_type || t == &PoolRef_type) {
        G_STATIC_ASSERT(sizeof(NetworkRef) == sizeof(PoolRef));
        NetworkRef *ref = at;
        ref->name = e->name;
        memcpy(ref->uuid, e->uuid, sizeof(ref->uuid));
    } else if (t == &NodeDeviceRef_type) {
        ((NodeDeviceRef *)at)->name = e->name;
    } else if (t == &StoredSecretRef_type) {
        StoredSecretRef *ref = at;
        ref->usage_type = e->object_id;
        ref->usage_id = e->name;
        memcpy(ref->uuid, e->uuid, sizeof(ref->uuid));
    } else {
        return FALSE;
    }
    return TRUE;
}

void
params_to_wire(const Params *params, Arena *a, TypedParam **ret_v, guint32 *ret_n)
{
    guint n = params ? params_count(params) : 0;
    TypedParam *v = arena_new(a, TypedParam, n);

    for (guint i = 0; i < n; i++) {
        const Param *p = params_get(params, i);
        v[i].field = p->name;
        v[i].value.type = (ValueType)p->type;
        if (p->type == PARAM_STRING)
            v[i].value.s = p->s;
        else
            v[i].value.ul = p->ul;
    }
    *ret_v = v;
    *ret_n = n;
}

void
params_from_wire(const TypedParam *v, guint32 n, Params *ret_params)
{
    params_init(ret_params);
    for (guint32 i = 0; i < n; i++) {
        const Value *value = &v[i].value;

        switch (value->type) {
        case VALUE_INT:
            params_add_int(ret_params, value->i, "%s", v[i].field);
            break;
        case VALUE_UINT:
            params_add_uint(ret_params, value->u, "%s", v[i].field);
            break;
        case VALUE_LLONG:
            params_add_llong(ret_params, value->l, "%s", v[i].field);
            break;
        case VALUE_ULLONG:
            params_add_ullong(ret_params, value->ul, "%s", v[i].field);
            break;
        case VALUE_DOUBLE:
            params_add_double(ret_params, value->d, "%s", v[i].field);
            break;
        case VALUE_BOOLEAN:
            params_add_boolean(ret_params, value->i != 0, "%s", v[i].field);
            break;
        case VALUE_STRING:
            params_add_string(ret_params, value->s, "%s", v[i].field);
            break;
        }
    }
}

static DomainEventGraphicsAddress
graphics_address(const EventAddress *from)
{
    return (DomainEventGraphicsAddress){ from->family, from->node, from->service };
}

static gboolean
fill_graphics(EventFill *f, DomainEventGraphicsMsg *message)
{
    const EventGraphics *g = f->event->graphics;

    fill_object(f, &DomainRef_type, &message->dom);
    if (!g)
        return TRUE;
    message->phase = g->phase;
    message->local = graphics_address(&g->local);
    message->remote = graphics_address(&g->remote);
    message->auth_scheme = g->auth_scheme;
    message->subject.n = (guint32)g->n_identities;
    message->subject.v = arena_new(f->arena, DomainEventGraphicsIdentity, g->n_identities);
    for (gsize i = 0; i < g->n_identities; i++)
        message->subject.v[i] = (DomainEventGraphicsIdentity){ g->identities[i].type,
                                                               g->identities[i].name };
    return TRUE;
}

static gint32
next_number(EventFill *f)
{
    return f->n < G_N_ELEMENTS(f->event->n) ? f->event->n[f->n++] : 0;
}

static const char *
next_string(EventFill *f)
{
    return f->s < G_N_ELEMENTS(f->event->s) ? f->event->s[f->s++] : NULL;
}

static gboolean
fill_field(EventFill *f, const WireField *field, gpointer at)
{
    switch (field->kind) {
    case W_I32:
        *(gint32 *)at = strcmp(field->name, "callback_id") == 0 ? f->callback : next_number(f);
        return TRUE;
    case W_U32:
        *(gint32 *)at = f->event->family == EVENT_MONITOR ? (gint32)f->event->micros
                                                          : next_number(f);
        return TRUE;
    case W_I64:
        *(gint64 *)at = f->event->family == EVENT_MONITOR ? f->event->seconds : f->event->offset;
        return TRUE;
    case W_U64:
        *(guint64 *)at = f->wide++ == 0 ? (guint64)f->event->offset : f->event->excess;
        return TRUE;
    case W_STR:
    case W_OPT_STR:
        *(const char **)at = next_string(f);
        return TRUE;
    case W_REF:
        return fill_object(f, field->type, at) || fill_struct(f, field->type, at);
    case W_LIST:
        if (field->type == &TypedParam_type) {
            struct {
                TypedParam *v;
                guint32 n;
            } *list = at;
            params_to_wire(f->event->params, f->arena, &list->v, &list->n);
        }
        return TRUE;
    case W_OPT_I32:
    case W_UUID:
    case W_OPT:
    case W_I32S:
    case W_U32S:
    case W_U64S:
    case W_STRS:
    case W_BYTES:
    case W_CHARS:
    case W_TEXT:
    case W_VALUE:
        return FALSE; /* no event has one */
    }
    return FALSE;
}

static gboolean
fill_struct(EventFill *f, const WireType *t, gpointer message)
{
    if (t == &DomainEventGraphicsMsg_type)
        return fill_graphics(f, (DomainEventGraphicsMsg *)message);
    for (guint32 i = 0; i < t->n_fields; i++)
        if (!fill_field(f, &t->fields[i], (guint8 *)message + t->fields[i].offset))
            return FALSE;
    return TRUE;
}

static void
send_event(Client *c, const EventRow *row, const Registration *r, const Event *event)
{
    guint32 program = row->family == EVENT_MONITOR ? PROGRAM_QEMU : PROGRAM_REMOTE;
    gint32 number = r->callback < 0 ? row->legacy : row->number;
    const WireType *t = procedure_find(program, number)->args;
    WireBuf *out = &c->server->out;
    WireHeader h = {
        .program = program,
        .version = 1,
        .procedure = number,
        .kind = MSG_EVENT,
        .serial = 1,
    };
    guint8 room[1024] __attribute__((aligned(16)));
    g_autoptr(GError) err = NULL;
    Arena a;
    EventFill f = { .event = event, .callback = r->callback, .arena = &a };

    arena_init(&a, room, sizeof(room));
    gpointer message = arena_alloc(&a, 1, t->size);
    wire_begin(out, &h);
    if (fill_struct(&f, t, message) && xdr_encode(out, t, message, &err) && wire_end(out, &err))
        client_send(c, out);
    else
        log_error("event %d.%d cannot be sent: %s", event->family, event->id,
                  err ? err->message : "its message has a field of another kind");
    arena_done(&a);
}

/* ---- who wants it */

static gboolean
name_matches(const Registration *r, const char *name)
{
    if (!r->name)
        return TRUE;
    if (r->flags & 1)
        return g_regex_match_simple(r->name, name, r->flags & 2 ? G_REGEX_CASELESS : 0, 0);
    return (r->flags & 2 ? g_ascii_strcasecmp(r->name, name) : strcmp(r->name, name)) == 0;
}

static gboolean
wants(const Registration *r, const Event *event)
{
    if (r->family != event->family)
        return FALSE;
    if (r->by_object && memcmp(r->uuid, event->uuid, sizeof(r->uuid)) != 0)
        return FALSE;
    if (r->family == EVENT_MONITOR)
        return name_matches(r, event->s[0]);
    return r->event == event->id && name_matches(r, event->name);
}

void
client_on_event(Client *c, const Event *event)
{
    const EventRow *row = row_find(event->family, event->id);
    const GArray *all = c->state.registrations;

    for (guint i = 0; row && !c->dropped && i < all->len; i++) {
        const Registration *r = &g_array_index(all, Registration, i);
        if (wants(r, event) && (r->callback >= 0 || row->legacy))
            send_event(c, row, r, event);
    }
}

/* Clients know a callback only after they have read the reply to its registration, and register
 * several in a row. */
#define MISSED_MS 200

static void
replay_one(const Event *event, gpointer user)
{
    client_on_event(user, event);
}

static gboolean
replay(gpointer data)
{
    Client *c = data;

    c->missed_timer = 0;
    event_replay(replay_one, c);
    return G_SOURCE_REMOVE;
}

void
client_tell_missed(Client *c)
{
    if (!c->told_missed)
        c->missed_timer = g_timeout_add(MISSED_MS, replay, c);
    c->told_missed = TRUE;
}
