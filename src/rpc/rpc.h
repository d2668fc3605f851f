/* rpc: the daemon's side of libvirt's remote protocol. Clients connect to two unix sockets, one of
 * which is read-only. Each call is decoded by the table of wire.h, answered by a handler in
 * methods/on_*.c, and its reply is encoded by the same table. */
#pragma once

#include "budget.h"
#include "core/core.h"

typedef struct Server Server;

/* ---- who may do what (permit.c) */

typedef enum AccessWho { ACCESS_ALL, ACCESS_USER, ACCESS_GROUP } AccessWho;

/* A rule of vmd.conf: "allow @web domain:start,domain:stop web-*" */
typedef struct AccessRule {
    gboolean allows;
    AccessWho who;
    guint32 id;    /* number of the user or group */
    char **rights; /* patterns for the words of core/access.h: "domain:*" */
    char *objects; /* pattern for names of objects */
    char *text;    /* the whole rule */
    guint line;    /* line in vmd.conf */
} AccessRule;

/* Reads a rule; asks the name service for the user or group, which may block. Free with
 * access_rule_free. NULL and ERR_INVALID_ARG: the text is no rule. */
AccessRule *access_rule_parse(const char *text, GError **err);
void access_rule_free(AccessRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AccessRule, access_rule_free)
/* The name by which polkit's policies know a right: "org.libvirt.api.domain.start". The caller
 * frees it. */
char *permit_action(Right right);

/* The group that manages, looked up when the settings were read. */
typedef struct ServerGroup {
    char *name; /* NULL or "": there is no such group */
    guint32 gid;
    gboolean is_there; /* the host has a group of that name */
} ServerGroup;

/* The settings of vmd.conf that the server uses. */
typedef struct ServerSettings {
    ServerGroup group;        /* its members may change things, like root */
    guint rw_perms, ro_perms; /* permission bits of the sockets */
    gboolean readonly;        /* there is a read-only socket for all users */
    gboolean compat;          /* there are also sockets where clients of libvirt look for them */
    gboolean audit;           /* changes by clients are logged */
    GPtrArray *rules;         /* of AccessRule: the first one that matches decides; NULL: none */
    gboolean polkit;          /* polkit is asked where no rule matches */
    gboolean others_read;     /* users without any other right may read */
    BudgetRow budgets[N_BUDGETS];
} ServerSettings;

/* Sockets that another process (systemd) has opened for the daemon and keeps open after its end;
 * -1: none. */
typedef struct ServerSockets {
    int rw, ro;
} ServerSockets;

/* Serves RUN/vmd.sock and, for the system's daemon, RUN/vmd-ro.sock. The given sockets are used as
 * they are, with their group and mode; the server owns them from then on. Others are made, and
 * replace a socket file that an earlier daemon has left: the caller holds the lock that keeps a
 * second daemon out. paths and settings must live as long as the server; settings NULL: the
 * defaults; given NULL: no sockets. Free with server_free. */
Server *server_new(const Paths *paths, const ServerSettings *settings, const ServerSockets *given,
                   GError **err);
/* Applies changed settings: group, permissions and budgets hold from now on. */
void server_settings_changed(Server *s);
/* Listens again where a socket file that the server has made is gone; given sockets are left alone.
 */
gboolean server_listen_again(Server *s, GError **err);
/* Hangs up on all clients; pending calls run on, and their answers are dropped. */
void server_close(Server *s);
/* The same; from then on nobody may answer a pending call any more. */
void server_free(Server *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)
guint server_n_clients(const Server *s);
/* Whether no client is connected, none has been since the last time this was asked, and no call is
 * under way. */
gboolean server_is_idle(Server *s);

/* Prints a line for each procedure that vmd implements to stdout: program, number, name, subject,
 * flags ("-": none) and rights. */
void methods_print(void);
