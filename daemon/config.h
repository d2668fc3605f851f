/* vmd.conf: what the admin may set, a row each (config.c). The same rows are the parser, the manual
 * page and the sample.
 *
 *     # a comment
 *     log_level = debug
 *     unix_sock_group = "vmd"
 */
#pragma once

#include "conf/conf.h"
#include "rpc/rpc.h"

typedef struct Config {
    LogLevel log_level;
    LogFilters log_filters;
    gboolean confine_guests;
    guint output_limit; /* MiB; 0: none */
    guint idle_exit;    /* seconds; 0: never */
    HostPlan guests;    /* what their metadata does not say */
    ServerSettings server;
} Config;

void config_init(Config *c); /* as it is without a file */
void config_done(Config *c);

/* Path's settings, over those that are there without it. A file that is not there says nothing,
 * unless it must be. The error has a line for each mistake, "PATH:LINE: ...". */
gboolean config_read(const char *path, gboolean session, gboolean must_be, Config *ret_config,
                     GError **err);
/* Takes over from the file, read again, what counts at once, and logs each change; what a daemon
 * can take only when it starts is logged and stays. */
void config_replace(Config *c, Config *again);

/* ---- documents (confdoc.c) */

typedef struct ConfigDoc {
    const char *key, *says;
    char *range, *fallback; /* what it may be, and is without a file: "" for nothing */
    gboolean at_start;      /* counts when the daemon starts next, not when it reads again */
    gboolean system;        /* no user's own daemon has it */
} ConfigDoc;

void config_each(void (*tell)(const ConfigDoc *doc, gpointer user), gpointer user);
