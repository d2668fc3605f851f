/* The daemon's side of systemd: descriptors of sockets, readiness, the watchdog (sd_notify(3),
 * sd_listen_fds(3)). Without systemd these do nothing. */
#pragma once

#include "rpc/rpc.h"

/* The sockets that systemd passed to the daemon, by their names: "vmd" and "vmd-ro". FALSE and an
 * error: they are none that vmd can use. */
gboolean service_sockets(ServerSockets *ret_sockets, GError **err);
void service_ready(void);
void service_reloading(void); /* reloading lasts until service_ready */
void service_stopping(void);
/* Sends the watchdog's messages from the main loop as often as systemd asks for them. Returns a
 * source to remove, or 0. */
guint service_watch(void);
