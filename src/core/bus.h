/* The message bus (D-Bus): one connection of the daemon's, for whoever asks something of another
 * service of the host, such as systemd, logind, machined or polkit.
 *
 * Nothing here waits: messages are queued, answers come from the main loop, and a service that does
 * not answer is given up at a deadline. A host without a bus is no error until somebody asks. What
 * comes over the bus is outside input: read it with bus_read, or check what sd_bus_message_read(3)
 * returns.
 */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

typedef enum BusKind {
    BUS_NONE,   /* nobody is asked */
    BUS_SYSTEM, /* $DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket */
    BUS_USER,   /* $DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus */
} BusKind;

/* Which bus is meant from now on. It is connected to when it is first needed, and again when the
 * connection has been lost. */
void bus_init(BusKind kind);
/* Whoever still waits for an answer is told that there will be none; watches must be gone. */
void bus_done(void);
/* Whether there is a connection, or one can be begun now. A service may be missing all the same. */
gboolean bus_is_there(GError **err);

/* What is called: constants. */
typedef struct BusMethod {
    const char *service; /* "org.freedesktop.systemd1" */
    const char *path, *interface, *member;
} BusMethod;

/* reply: borrowed; what was answered, an error of the service's included
 * (sd_bus_message_get_error(3) has its name); NULL: nothing was, for there is no bus, or nobody
 * answered before the deadline or the service's end (ERR_TIMEOUT). err: NULL when the call was
 * done. Never called before the call that asks returns. */
typedef void (*BusDone)(sd_bus_message *reply, const GError *err, gpointer user);

/* A message for bus_send, its arguments to be appended with sd_bus_message_append(3). Caller frees
 * with sd_bus_message_unref. NULL and an error: there is no bus. */
sd_bus_message *bus_message(const BusMethod *method, GError **err);
/* Takes m. ms: the deadline, above 0. done may be NULL. */
void bus_send(sd_bus_message *m, guint ms, BusDone done, gpointer user);
/* Both, with arguments as sd_bus_message_append(3) takes them; types "" for none. Without a bus, or
 * for arguments that D-Bus does not know, it is done that hears of it. */
void bus_call(const BusMethod *method, guint ms, BusDone done, gpointer user, const char *types,
              ...);
/* sd_bus_message_read(3), with an error that names who sent what. */
gboolean bus_read(sd_bus_message *m, GError **err, const char *types, ...);

/* m: the signal, borrowed; NULL: the connection is there (again), and what was told while it was
 * not was missed. */
typedef void (*BusHeard)(sd_bus_message *m, gpointer user);
typedef struct BusWatch BusWatch;
/* Hears signals from now on, member NULL: all of the interface's. Connects, and tries again now and
 * then as long as there is no bus. */
BusWatch *bus_watch(const BusMethod *from, BusHeard heard, gpointer user);
void bus_unwatch(BusWatch *w); /* frees it; NULL is fine. Not from within its own BusHeard */
