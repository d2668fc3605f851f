/* What systemd and the daemon tell each other: descriptors, readiness, the watchdog. Without
 * systemd all of this is nothing. */
#pragma once

#include "rpc/rpc.h"

/* The sockets that it was started with, by their names: "vmd" and "vmd-ro". */
gboolean service_sockets(ServerSockets *ret_sockets, GError **err);
void service_ready(void);
void service_reloading(void); /* until service_ready */
void service_stopping(void);
/* The loop runs: says so as often as it is asked to. 0, or a source to remove. */
guint service_watch(void);
