/* The message bus (D-Bus): one connection of the daemon, through which it asks other services of
 * the host, such as systemd, logind, machined or polkit.
 *
 * Nothing here waits: messages are queued, answers come from the main loop, and a service that does
 * not answer is given up at a deadline. A host without a bus is an error only when something is
 * asked. Messages from the bus are outside input: read them with bus_read, or check what
 * sd_bus_message_read(3) returns. */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

typedef enum BusKind {
    BUS_NONE,   /* there is no bus: every question fails */
    BUS_SYSTEM, /* $DBUS_SYSTEM_BUS_ADDRESS, else /run/dbus/system_bus_socket */
    BUS_USER,   /* $DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus */
} BusKind;

/* Sets the bus to use. The connection is made when it is first needed, and made again when it was
 * lost. */
void bus_init(BusKind kind);
/* Ends all calls: each done that still waits gets an error. All watches must have been freed
 * before. */
void bus_done(void);
/* Whether there is a connection, or one can be made now. A service may be missing all the same. */
gboolean bus_is_there(GError **err);

/* Names of a method; the strings are constants. */
typedef struct BusMethod {
    const char *service; /* "org.freedesktop.systemd1" */
    const char *path, *interface, *member;
} BusMethod;

/* Gets the end of a call; it is never called before the function that made the call returns. reply:
 * the answer, borrowed, which may be an error of the service (sd_bus_message_get_error(3) has its
 * name); NULL: there is no bus, or no answer came before the deadline or the service's end
 * (ERR_TIMEOUT). err: NULL when the method succeeded. */
typedef void (*BusDone)(sd_bus_message *reply, const GError *err, gpointer user);

/* Makes a message for bus_send; append its arguments with sd_bus_message_append(3). The caller
 * frees it with sd_bus_message_unref. NULL and an error: there is no bus. */
sd_bus_message *bus_message(const BusMethod *method, GError **err);
/* Sends m and takes the caller's reference. ms: the deadline in milliseconds, above 0. done may be
 * NULL. */
void bus_send(sd_bus_message *m, guint ms, BusDone done, gpointer user);
/* bus_message and bus_send in one, with arguments as sd_bus_message_append(3) takes them; types ""
 * for none. Without a bus, or for arguments that D-Bus does not know, done gets the error. */
void bus_call(const BusMethod *method, guint ms, BusDone done, gpointer user, const char *types,
              ...);
/* sd_bus_message_read(3) with an error that names sender and message. */
gboolean bus_read(sd_bus_message *m, GError **err, const char *types, ...);

/* m: the signal, borrowed; NULL: the connection has been made (again), and signals from the time
 * before it were missed. */
typedef void (*BusHeard)(sd_bus_message *m, gpointer user);
typedef struct BusWatch BusWatch;
/* Listens to signals from now on; member NULL: to all of the interface. It connects to the bus, and
 * tries again from time to time while there is none. */
BusWatch *bus_watch(const BusMethod *from, BusHeard heard, gpointer user);
/* Frees it; NULL is fine. Must not be called from within its own BusHeard. */
void bus_unwatch(BusWatch *w);
