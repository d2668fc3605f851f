/* Who may do what. First the socket decides: a read-only connection changes nothing. Then an
 * authority, where one is set, is asked for every right that a call needs on its object. The
 * authority answers at once or later; after a late answer the call starts from the top and finds
 * the answer here. */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "base/base.h"

typedef struct Object Object;

/* The process at the other end of a connection. */
typedef struct Creds {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    guint64 start_time; /* of pid; see process_start_time */
    gboolean readonly;
} Creds;

/* RIGHT(kind of object, action, and the words by which policies name them). */
#define RIGHTS(RIGHT)                                                                              \
    RIGHT(CONNECT, GETATTR, "connect", "getattr")                                                  \
    RIGHT(CONNECT, READ, "connect", "read")                                                        \
    RIGHT(CONNECT, WRITE, "connect", "write")                                                      \
    RIGHT(CONNECT, SEARCH_DOMAINS, "connect", "search_domains")                                    \
    RIGHT(CONNECT, SEARCH_NETWORKS, "connect", "search_networks")                                  \
    RIGHT(CONNECT, SEARCH_NODE_DEVICES, "connect", "search_node_devices")                          \
    RIGHT(CONNECT, SEARCH_NWFILTERS, "connect", "search_nwfilters")                                \
    RIGHT(CONNECT, SEARCH_NWFILTER_BINDINGS, "connect", "search_nwfilter_bindings")                \
    RIGHT(CONNECT, SEARCH_INTERFACES, "connect", "search_interfaces")                              \
    RIGHT(CONNECT, SEARCH_SECRETS, "connect", "search_secrets")                                    \
    RIGHT(CONNECT, SEARCH_STORAGE_POOLS, "connect", "search_storage_pools")                        \
    RIGHT(CONNECT, DETECT_STORAGE_POOLS, "connect", "detect_storage_pools")                        \
    RIGHT(DOMAIN, GETATTR, "domain", "getattr")                                                    \
    RIGHT(DOMAIN, READ, "domain", "read")                                                          \
    RIGHT(DOMAIN, READ_SECURE, "domain", "read_secure")                                            \
    RIGHT(DOMAIN, WRITE, "domain", "write")                                                        \
    RIGHT(DOMAIN, SAVE, "domain", "save")                                                          \
    RIGHT(DOMAIN, DELETE, "domain", "delete")                                                      \
    RIGHT(DOMAIN, START, "domain", "start")                                                        \
    RIGHT(DOMAIN, STOP, "domain", "stop")                                                          \
    RIGHT(DOMAIN, RESET, "domain", "reset")                                                        \
    RIGHT(DOMAIN, SUSPEND, "domain", "suspend")                                                    \
    RIGHT(DOMAIN, INIT_CONTROL, "domain", "init_control")                                          \
    RIGHT(DOMAIN, PM_CONTROL, "domain", "pm_control")                                              \
    RIGHT(DOMAIN, INJECT_NMI, "domain", "inject_nmi")                                              \
    RIGHT(DOMAIN, SEND_INPUT, "domain", "send_input")                                              \
    RIGHT(DOMAIN, SCREENSHOT, "domain", "screenshot")                                              \
    RIGHT(DOMAIN, OPEN_DEVICE, "domain", "open_device")                                            \
    RIGHT(DOMAIN, OPEN_GRAPHICS, "domain", "open_graphics")                                        \
    RIGHT(DOMAIN, SET_TIME, "domain", "set_time")                                                  \
    RIGHT(DOMAIN, SET_PASSWORD, "domain", "set_password")                                          \
    RIGHT(DOMAIN, FS_FREEZE, "domain", "fs_freeze")                                                \
    RIGHT(DOMAIN, FS_TRIM, "domain", "fs_trim")                                                    \
    RIGHT(NETWORK, GETATTR, "network", "getattr")                                                  \
    RIGHT(NETWORK, READ, "network", "read")                                                        \
    RIGHT(NETWORK, WRITE, "network", "write")                                                      \
    RIGHT(NETWORK, SAVE, "network", "save")                                                        \
    RIGHT(NETWORK, DELETE, "network", "delete")                                                    \
    RIGHT(NETWORK, START, "network", "start")                                                      \
    RIGHT(NETWORK, STOP, "network", "stop")                                                        \
    RIGHT(NETWORK, SEARCH_PORTS, "network", "search_ports")                                        \
    RIGHT(NWFILTER, GETATTR, "nwfilter", "getattr")                                                \
    RIGHT(NWFILTER, READ, "nwfilter", "read")                                                      \
    RIGHT(NWFILTER, WRITE, "nwfilter", "write")                                                    \
    RIGHT(NWFILTER, SAVE, "nwfilter", "save")                                                      \
    RIGHT(NWFILTER, DELETE, "nwfilter", "delete")                                                  \
    RIGHT(NWFILTER_BINDING, GETATTR, "nwfilter_binding", "getattr")                                \
    RIGHT(NWFILTER_BINDING, READ, "nwfilter_binding", "read")                                      \
    RIGHT(NWFILTER_BINDING, CREATE, "nwfilter_binding", "create")                                  \
    RIGHT(NWFILTER_BINDING, DELETE, "nwfilter_binding", "delete")                                  \
    RIGHT(NETWORK_PORT, GETATTR, "network_port", "getattr")                                        \
    RIGHT(NETWORK_PORT, READ, "network_port", "read")                                              \
    RIGHT(NETWORK_PORT, WRITE, "network_port", "write")                                            \
    RIGHT(NETWORK_PORT, CREATE, "network_port", "create")                                          \
    RIGHT(NETWORK_PORT, DELETE, "network_port", "delete")                                          \
    RIGHT(NODE_DEVICE, GETATTR, "node_device", "getattr")                                          \
    RIGHT(NODE_DEVICE, READ, "node_device", "read")                                                \
    RIGHT(INTERFACE, GETATTR, "interface", "getattr")                                              \
    RIGHT(INTERFACE, READ, "interface", "read")                                                    \
    RIGHT(POOL, GETATTR, "storage_pool", "getattr")                                                \
    RIGHT(POOL, READ, "storage_pool", "read")                                                      \
    RIGHT(POOL, WRITE, "storage_pool", "write")                                                    \
    RIGHT(POOL, SAVE, "storage_pool", "save")                                                      \
    RIGHT(POOL, DELETE, "storage_pool", "delete")                                                  \
    RIGHT(POOL, START, "storage_pool", "start")                                                    \
    RIGHT(POOL, STOP, "storage_pool", "stop")                                                      \
    RIGHT(POOL, REFRESH, "storage_pool", "refresh")                                                \
    RIGHT(POOL, FORMAT, "storage_pool", "format")                                                  \
    RIGHT(POOL, SEARCH_VOLUMES, "storage_pool", "search_storage_vols")                             \
    RIGHT(VOLUME, GETATTR, "storage_vol", "getattr")                                               \
    RIGHT(VOLUME, READ, "storage_vol", "read")                                                     \
    RIGHT(VOLUME, CREATE, "storage_vol", "create")                                                 \
    RIGHT(VOLUME, DELETE, "storage_vol", "delete")                                                 \
    RIGHT(VOLUME, RESIZE, "storage_vol", "resize")                                                 \
    RIGHT(VOLUME, FORMAT, "storage_vol", "format")                                                 \
    RIGHT(VOLUME, DATA_READ, "storage_vol", "data_read")                                           \
    RIGHT(VOLUME, DATA_WRITE, "storage_vol", "data_write")                                         \
    RIGHT(SECRET, GETATTR, "secret", "getattr")                                                    \
    RIGHT(SECRET, READ, "secret", "read")                                                          \
    RIGHT(SECRET, READ_SECURE, "secret", "read_secure")                                            \
    RIGHT(SECRET, WRITE, "secret", "write")                                                        \
    RIGHT(SECRET, SAVE, "secret", "save")                                                          \
    RIGHT(SECRET, DELETE, "secret", "delete")

typedef enum Right {
    RIGHT_NONE, /* everybody may */
#define RIGHT(object, verb, ...) RIGHT_##object##_##verb,
    RIGHTS(RIGHT)
#undef RIGHT
        N_RIGHTS
} Right;

/* "domain:start"; "none" for RIGHT_NONE. */
const char *right_word(Right right);

/* FALSE and ERR_DENIED when the connection is read-only. what: the procedure's name. who: says who
 * may call it, such as "root alone may, at /run/vmd/vmd.sock". */
gboolean access_may_write(const Creds *creds, const char *what, const char *who, GError **err);

typedef enum AccessAnswer { ACCESS_NO, ACCESS_YES, ACCESS_ASK } AccessAnswer;

typedef struct AccessQuestion {
    const Creds *creds;
    const GArray *groups; /* of gid_t: supplementary groups; NULL: none */
    Right right;
    const Object *object; /* NULL: the connection, or an object that does not exist yet */
} AccessQuestion;

/* Answers one question. ACCESS_ASK: the authority will call access_answer with this token, once,
 * now or later. ACCESS_NO: *err may say why. */
typedef guint64 AccessToken;
typedef AccessAnswer (*AccessAuthority)(const AccessQuestion *q, AccessToken token, gpointer user,
                                        GError **err);

/* Sets the authority; NULL (as at the start): none, only the socket decides. */
void access_set_authority(AccessAuthority authority, gpointer user);
/* The late answer to a question; it is ignored when the call that asked is gone. */
void access_answer(AccessToken token, gboolean yes);

/* The questions of one call, with their late answers, and the function that restarts the call.
 * Zeroed but for again and user; emptied by access_case_done. */
typedef struct AccessCase {
    void (*again)(
        gpointer user); /* starts the call from the top: access_check now knows the answer */
    gpointer user;
    GArray *told;        /* late answers; NULL: none */
    AccessToken waiting; /* 0: no question is unanswered */
} AccessCase;

void access_case_done(AccessCase *c);
/* Asks for one right. ACCESS_NO sets *err (ERR_ACCESS_DENIED); after ACCESS_ASK, again will be
 * called. */
AccessAnswer access_check(AccessCase *c, const AccessQuestion *q, GError **err);
