/* The connection to the message bus, as a source of the main loop. sd-bus keeps the queues; here
 * are who waits for an answer and who listens, so that both outlive a connection that is lost. */
#include "core.h"

#include <errno.h>
#include <string.h>

#define TURN_MOST     32 /* messages before others get their turn of the loop */
#define AGAIN_SECONDS 30 /* between looks whether there is a bus for those who listen */

typedef struct BusSource {
    GSource base;
    gpointer tag; /* of the descriptor */
} BusSource;

/* Somebody waits for an answer. */
typedef struct BusCall {
    BusDone done;
    gpointer user;
    sd_bus_slot *slot; /* NULL: it was never sent */
    char *what;        /* "Inhibit of org.freedesktop.login1" */
    GError *err;       /* why it was never sent */
} BusCall;

struct BusWatch {
    BusMethod from;
    BusHeard heard;
    gpointer user;
    sd_bus_slot *slot; /* NULL: not connected */
};

static struct {
    BusKind kind;
    sd_bus *bus; /* NULL: not connected */
    GSource *source;
    GPtrArray *calls;   /* of BusCall */
    GPtrArray *watches; /* of BusWatch */
    guint again;        /* timer of the next try; 0: none */
    guint unsent;       /* idle source for calls that could not be sent */
} the;

static void lose(int errnum);
static gboolean connect_to_bus(GError **err);

/* ---- the loop */

static gboolean
is_due(void)
{
    guint64 at;

    return sd_bus_get_timeout(the.bus, &at) > 0 && at <= (guint64)g_get_monotonic_time();
}

static gboolean
on_prepare(GSource *source, gint *ret_timeout)
{
    int events = sd_bus_get_events(the.bus);
    guint64 at;

    *ret_timeout = -1;
    if (events < 0)
        return TRUE;
    g_source_modify_unix_fd(source, ((BusSource *)source)->tag, (GIOCondition)events);
    if (sd_bus_get_timeout(the.bus, &at) > 0 && at != G_MAXUINT64) {
        gint64 us = (gint64)at - g_get_monotonic_time();
        *ret_timeout = (gint)CLAMP(us / 1000 + 1, 0, G_MAXINT);
        return us <= 0;
    }
    return FALSE;
}

static gboolean
on_check(GSource *source)
{
    return g_source_query_unix_fd(source, ((BusSource *)source)->tag) != 0 || is_due();
}

static gboolean
on_dispatch(GSource *source, GSourceFunc unused, gpointer user)
{
    sd_bus *bus = sd_bus_ref(the.bus);
    int rc = 1;

    for (int i = 0; i < TURN_MOST && rc > 0 && the.bus == bus; i++)
        rc = sd_bus_process(bus, NULL);
    if (rc < 0 && the.bus == bus)
        lose(-rc);
    sd_bus_unref(bus);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { .prepare = on_prepare,
                                     .check = on_check,
                                     .dispatch = on_dispatch };

/* ---- there is a connection, or none */

static int
on_signal(sd_bus_message *m, void *user, sd_bus_error *unused)
{
    BusWatch *w = user;

    w->heard(m, w->user);
    return 0;
}

static int
on_listens(sd_bus_message *m, void *user, sd_bus_error *unused)
{
    BusWatch *w = user;

    if (sd_bus_message_is_method_error(m, NULL))
        log_warning("signals of %s are not heard: %s", w->from.service,
                    sd_bus_message_get_error(m)->message);
    else
        w->heard(NULL, w->user);
    return 1; /* ours: without it sd-bus ends the connection */
}

static void
listen_for(BusWatch *w)
{
    int rc = sd_bus_match_signal_async(the.bus, &w->slot, w->from.service, w->from.path,
                                       w->from.interface, w->from.member, on_signal, on_listens, w);

    if (rc < 0)
        log_warning("signals of %s are not heard: %s", w->from.service, g_strerror(-rc));
}

static gboolean
on_again(gpointer user)
{
    if (!connect_to_bus(NULL))
        return G_SOURCE_CONTINUE;
    the.again = 0;
    return G_SOURCE_REMOVE;
}

static void
try_again_later(void)
{
    if (!the.again && the.watches->len > 0 && the.kind != BUS_NONE)
        the.again = g_timeout_add_seconds(AGAIN_SECONDS, on_again, NULL);
}

static void
call_free(BusCall *c)
{
    sd_bus_slot_unref(c->slot);
    g_clear_error(&c->err);
    g_free(c->what);
    g_free(c);
}

/* Each call leaves the list before its done is called, because that may make another call. */
static void
end_all(GPtrArray *calls, const char *why)
{
    for (guint i = 0; i < calls->len; i++) {
        BusCall *c = calls->pdata[i];
        g_autoptr(GError) err = NULL;

        fail(&err, ERR_SYSTEM, "%s: %s", c->what, why);
        if (c->done)
            c->done(NULL, err, c->user);
        call_free(c);
    }
    g_ptr_array_unref(calls);
}

static void
drop_connection(void)
{
    for (guint i = 0; i < the.watches->len; i++) {
        BusWatch *w = the.watches->pdata[i];
        w->slot = sd_bus_slot_unref(w->slot);
    }
    if (the.source)
        g_source_destroy(the.source);
    g_clear_pointer(&the.source, g_source_unref);
    the.bus = sd_bus_close_unref(the.bus);
}

static void
lose(int errnum)
{
    g_autofree char *why = g_strdup_printf("the message bus was lost: %s", g_strerror(errnum));
    GPtrArray *calls = g_steal_pointer(&the.calls);

    log_warning("%s", why);
    the.calls = g_ptr_array_new();
    drop_connection();
    try_again_later();
    end_all(calls, why);
}

/* A host without a bus is no error in itself; the caller decides. */
static gboolean
connect_to_bus(GError **err)
{
    int rc;

    if (the.bus)
        return TRUE;
    if (the.kind == BUS_NONE)
        return fail(err, ERR_SYSTEM, "this daemon asks no message bus");
    rc = the.kind == BUS_USER ? sd_bus_open_user_with_description(&the.bus, "vmd")
                              : sd_bus_open_system_with_description(&the.bus, "vmd");
    if (rc < 0)
        return fail(err, ERR_SYSTEM, "there is no message bus: %s", g_strerror(-rc));
    the.source = g_source_new(&source_funcs, sizeof(BusSource));
    g_source_set_name(the.source, "bus");
    ((BusSource *)the.source)->tag = g_source_add_unix_fd(the.source, sd_bus_get_fd(the.bus),
                                                          G_IO_IN);
    g_source_attach(the.source, NULL);
    for (guint i = 0; i < the.watches->len; i++)
        listen_for(the.watches->pdata[i]);
    return TRUE;
}

void
bus_init(BusKind kind)
{
    the.kind = kind;
    the.calls = g_ptr_array_new();
    the.watches = g_ptr_array_new();
}

void
bus_done(void)
{
    if (!the.calls)
        return;
    the.kind = BUS_NONE;
    g_clear_handle_id(&the.again, g_source_remove);
    g_clear_handle_id(&the.unsent, g_source_remove);
    drop_connection();
    end_all(g_steal_pointer(&the.calls), "the daemon ends");
    g_clear_pointer(&the.watches, g_ptr_array_unref);
}

gboolean
bus_is_there(GError **err)
{
    return the.calls ? connect_to_bus(err)
                     : fail(err, ERR_SYSTEM, "this daemon asks no message bus");
}

/* ---- calls */

static int
on_reply(sd_bus_message *m, void *user, sd_bus_error *unused)
{
    BusCall *c = user;
    const sd_bus_error *said = sd_bus_message_get_error(m);
    g_autoptr(GError) err = NULL;
    /* The word of sd-bus for a deadline and for a lost connection, and of the bus for a service
     * that ended. */
    gboolean nobody = said && sd_bus_error_has_name(said, SD_BUS_ERROR_NO_REPLY);

    if (said)
        fail(&err, nobody ? ERR_TIMEOUT : ERR_OPERATION_FAILED, "%s: %s", c->what,
             said->message ? said->message : said->name);
    g_ptr_array_remove(the.calls, c);
    if (c->done)
        c->done(nobody ? NULL : m, err, c->user);
    call_free(c);
    return 1;
}

static gboolean
on_unsent(gpointer user)
{
    g_autoptr(GPtrArray) unsent = g_ptr_array_new();

    the.unsent = 0;
    for (guint i = the.calls->len; i-- > 0;)
        if (((BusCall *)the.calls->pdata[i])->err)
            g_ptr_array_insert(unsent, 0, g_ptr_array_remove_index(the.calls, i));
    for (guint i = 0; i < unsent->len; i++) {
        BusCall *c = unsent->pdata[i];

        if (c->done)
            c->done(NULL, c->err, c->user);
        call_free(c);
    }
    return G_SOURCE_REMOVE;
}

static BusCall *
call_new(const char *member, const char *service, BusDone done, gpointer user)
{
    BusCall *c = g_new0(BusCall, 1);

    g_assert(the.calls); /* bus_init */
    *c = (BusCall){ .done = done, .user = user };
    c->what = g_strdup_printf("'%s' of %s", member, service);
    g_ptr_array_add(the.calls, c);
    return c;
}

static void
call_fail(BusCall *c, GError *why)
{
    c->err = why;
    if (!the.unsent)
        the.unsent = g_idle_add(on_unsent, NULL);
}

sd_bus_message *
bus_message(const BusMethod *method, GError **err)
{
    sd_bus_message *m = NULL;
    int rc;

    if (!bus_is_there(err))
        return NULL;
    rc = sd_bus_message_new_method_call(the.bus, &m, method->service, method->path,
                                        method->interface, method->member);
    if (rc < 0)
        fail(err, ERR_SYSTEM, "cannot send '%s' to %s over the message bus: %s", method->member,
             method->service, g_strerror(-rc));
    return m;
}

void
bus_send(sd_bus_message *m, guint ms, BusDone done, gpointer user)
{
    BusCall *c = call_new(sd_bus_message_get_member(m), sd_bus_message_get_destination(m), done,
                          user);
    GError *err = NULL;
    int rc = the.bus ? sd_bus_call_async(the.bus, &c->slot, m, on_reply, c, (guint64)ms * 1000)
                     : -ENOTCONN;

    if (rc < 0) {
        fail(&err, ERR_SYSTEM, "cannot send %s over the message bus: %s", c->what, g_strerror(-rc));
        call_fail(c, err);
    }
    sd_bus_message_unref(m);
}

void
bus_call(const BusMethod *method, guint ms, BusDone done, gpointer user, const char *types, ...)
{
    GError *err = NULL;
    sd_bus_message *m = bus_message(method, &err);
    va_list args;
    int rc = 0;

    va_start(args, types);
    if (m && *types)
        rc = sd_bus_message_appendv(m, types, args);
    va_end(args);
    if (m && rc < 0) {
        fail(&err, ERR_SYSTEM, "cannot send '%s' to %s over the message bus: %s", method->member,
             method->service, g_strerror(-rc));
        m = sd_bus_message_unref(m);
    }
    if (m)
        bus_send(m, ms, done, user);
    else
        call_fail(call_new(method->member, method->service, done, user), err);
}

gboolean
bus_read(sd_bus_message *m, GError **err, const char *types, ...)
{
    va_list args;
    int rc;

    va_start(args, types);
    rc = sd_bus_message_readv(m, types, args);
    va_end(args);
    if (rc > 0)
        return TRUE;
    return fail(err, ERR_OPERATION_FAILED,
                "%s sent an answer of the wrong form over the message bus ('%s' instead of '%s')",
                sd_bus_message_get_sender(m) ?: "somebody",
                sd_bus_message_get_signature(m, TRUE) ?: "", types);
}

/* ---- who listens */

BusWatch *
bus_watch(const BusMethod *from, BusHeard heard, gpointer user)
{
    BusWatch *w = g_new0(BusWatch, 1);

    g_assert(the.watches); /* bus_init */
    *w = (BusWatch){ .from = *from, .heard = heard, .user = user };
    if (the.bus)
        listen_for(w);
    g_ptr_array_add(the.watches, w);
    if (!connect_to_bus(NULL))
        try_again_later();
    return w;
}

void
bus_unwatch(BusWatch *w)
{
    if (!w)
        return;
    if (the.watches)
        g_ptr_array_remove(the.watches, w);
    sd_bus_slot_unref(w->slot);
    g_free(w);
}
