/* Functions on single devices. Inside conf only; included by device*.c. */
#pragma once

#include "conf/conf.h"

/* The DeviceInfo of a device, borrowed; NULL: its kind has none. */
DeviceInfo *device_info(const Schema *s, gpointer device);

/* ---- which of a definition's devices a document means (device_same.c) */

/* Whether `have`, a device of a definition, is the device that `want` describes. Parts that clients
 * leave out of `want` do not count, such as its address in the guest. */
typedef gboolean (*DeviceSame)(gconstpointer have, gconstpointer want);

gboolean disk_same(gconstpointer have, gconstpointer want);
gboolean controller_same(gconstpointer have, gconstpointer want);
gboolean lease_same(gconstpointer have, gconstpointer want);
gboolean filesystem_same(gconstpointer have, gconstpointer want);
gboolean net_same(gconstpointer have, gconstpointer want);
gboolean serial_same(gconstpointer have, gconstpointer want); /* also parallel */
gboolean console_same(gconstpointer have, gconstpointer want);
gboolean channel_same(gconstpointer have, gconstpointer want);
gboolean input_same(gconstpointer have, gconstpointer want);
gboolean graphics_same(gconstpointer have, gconstpointer want);
gboolean sound_same(gconstpointer have, gconstpointer want);
gboolean hostdev_same(gconstpointer have, gconstpointer want);
gboolean redirdev_same(gconstpointer have, gconstpointer want);
gboolean watchdog_same(gconstpointer have, gconstpointer want);
gboolean rng_same(gconstpointer have, gconstpointer want);
gboolean shmem_same(gconstpointer have, gconstpointer want);
gboolean memory_same(gconstpointer have, gconstpointer want);
gboolean vsock_same(gconstpointer have, gconstpointer want);
/* For kinds of which a domain has one at most. */
gboolean any_same(gconstpointer have, gconstpointer want);
