/* rpc: the daemon's side of libvirt's remote protocol. Clients connect to two unix sockets, one of
 * them read-only; each call is decoded by the table of wire.h, answered by a handler in on_*.c, and
 * encoded by the same table.
 */
#pragma once

#include "budget.h"
#include "core/core.h"

typedef struct Server Server;

/* ---- who may do what (permit.c) */

typedef enum AccessWho { ACCESS_ALL, ACCESS_USER, ACCESS_GROUP } AccessWho;

/* "allow @web domain:start,domain:stop web-*" */
typedef struct AccessRule {
    gboolean allows;
    AccessWho who;
    guint32 id;    /* of the user or group */
    char **rights; /* globs of words of core/access.h, "domain:*" */
    char *objects; /* glob of names */
    char *text;    /* all of it */
    guint line;    /* of vmd.conf */
} AccessRule;

/* Asks the name service. Free with access_rule_free. NULL and ERR_INVALID_ARG: it makes no sense.
 */
AccessRule *access_rule_parse(const char *text, GError **err);
void access_rule_free(AccessRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AccessRule, access_rule_free)
/* How policies of polkit name a right, "org.libvirt.api.domain.start"; caller frees. */
char *permit_action(Right right);

/* Looked up when the settings were read. */
typedef struct ServerGroup {
    char *name; /* NULL or "": none is meant */
    guint32 gid;
    gboolean is_there; /* this host has it */
} ServerGroup;

/* What the admin may set. */
typedef struct ServerSettings {
    ServerGroup group;        /* who may change things beside root */
    guint rw_perms, ro_perms; /* of the sockets */
    gboolean readonly;        /* there is a socket for all others */
    gboolean compat;          /* sockets where clients of libvirt look for them */
    gboolean audit;           /* what clients change is logged */
    GPtrArray *rules;         /* of AccessRule: the first that fits decides; NULL: none */
    gboolean polkit;          /* asked where no rule fits */
    gboolean others_read;     /* whoever may nothing else may look */
    BudgetRow budgets[N_BUDGETS];
} ServerSettings;

/* Sockets that somebody else listens on for the daemon, and goes on with when it has ended; -1:
 * there is none. */
typedef struct ServerSockets {
    int rw, ro;
} ServerSockets;

/* Serves RUN/vmd.sock and, for the system's daemon, RUN/vmd-ro.sock: those given (they are taken,
 * with the group and mode that they have), others it makes. A socket file left by an earlier daemon
 * is replaced: the caller holds the lock that says there is none. paths and settings must live as
 * long as the server; settings NULL: as they are without vmd.conf; given NULL: none. */
Server *server_new(const Paths *paths, const ServerSettings *settings, const ServerSockets *given,
                   GError **err);
/* The settings have changed: group, permissions and budgets count from now on. */
void server_settings_changed(Server *s);
/* Listens anew where a socket of its own is not there any more. Those that were given are not its
 * own. */
gboolean server_listen_again(Server *s, GError **err);
/* Hangs up on everybody; pending calls run on without an audience. */
void server_free(Server *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)
guint server_n_clients(const Server *s);
/* Nobody is connected, or was since this was asked last, and no call is under way. */
gboolean server_is_idle(Server *s);

/* A line for each procedure that is done, to stdout: program, number, name, subject, flags ("-": it
 * has none) and rights. */
void methods_print(void);
