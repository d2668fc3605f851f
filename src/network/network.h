/* network: links of the host. Taps for virtual machines so far. */
#pragma once

#include "core/core.h"

/* ---- taps (netlink.c) -------------------------------------------------------------------- */

typedef struct TapSpec {
    const char *name;   /* "vnet%d": the kernel counts; or a name */
    const char *bridge; /* NULL: none */
    const guint8 *mac;  /* of the guest's card: the tap gets it with 0xfe in front; NULL: random */
    guint mtu;          /* 0: the bridge's */
    guint queues;       /* 0: 1 */
    gboolean vnet_hdr;
    gboolean existing; /* the link is there and stays as it is: no bridge, no mtu, not set up */
} TapSpec;

/* Makes a tap and opens its queues; brings it up. It lives as long as one of the descriptors, so a
 * daemon or QEMU that dies leaves no link behind. fds: gets one int a queue. */
gboolean tap_create(const TapSpec *spec, char **ret_name, GArray *fds, GError **err);
/* For a tap whose descriptors are in other hands. A link that is not there is success. */
gboolean tap_delete(const char *name, GError **err);

/* ---- links (netlink.c) ------------------------------------------------------------------- */

gboolean link_exists(const char *name);

typedef struct LinkStats {
    guint64 rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop;
} LinkStats;
/* As the host sees it: what a guest sends is received by its tap. */
gboolean link_stats(const char *name, LinkStats *ret_stats, GError **err);

/* Addresses of neighbours with this MAC address, as text: what the host has spoken with lately.
 * GPtrArray of char *; free with g_ptr_array_unref. */
GPtrArray *neighbours_of(const guint8 mac[6], GError **err);
