/* vmd.conf: the settings of the daemon, a row each (config.c). The same rows make the parser, the
 * manual page and the sample.
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
    char *groups;         /* where control groups are made: "auto", "none" or a folder */
    gboolean limits_warn; /* a limit that the host cannot hold is warned of, not refused */
    guint output_limit;   /* MiB; 0: none */
    guint idle_exit;      /* seconds; 0: never */
    HostPlan guests;      /* for guests whose metadata has no plan */
    ServerSettings server;
} Config;

void config_init(Config *c); /* sets the defaults */
void config_done(Config *c);

/* Reads the settings of the file at path over the defaults. A missing file is fine unless must_be.
 * The error has a line for each mistake: "PATH:LINE: ...". */
gboolean config_read(const char *path, gboolean session, gboolean must_be, Config *ret_config,
                     GError **err);
/* Takes over the settings of a file that was read again (again) as far as they can change while the
 * daemon runs, and logs each change; one that needs a restart is logged and not taken over. */
void config_replace(Config *c, Config *again);

/* ---- documents (confdoc.c) */

typedef struct ConfigDoc {
    const char *key, *says;
    char *range, *fallback; /* possible values, and the default; "": none */
    gboolean at_start;      /* takes effect only when the daemon starts, not on a reload */
    gboolean system;        /* only the system's daemon has it */
} ConfigDoc;

void config_each(void (*tell)(const ConfigDoc *doc, gpointer user), gpointer user);
