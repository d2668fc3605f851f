/* Shared by devices.c and devices_scan.c. */
#pragma once

#include "host.h"

/* A device as a scan found it. */
typedef struct DeviceSeen {
    char *name, *path; /* path in sysfs; NULL: the machine itself */
    char *parent;      /* name of the parent; NULL: the machine has none */
    char *xml;
    guint32 kinds; /* DeviceKind */
} DeviceSeen;

/* Finds all devices of the host. Blocks: for a worker, or for the start of the daemon. Returns an
 * array of DeviceSeen; free with g_ptr_array_unref. */
GPtrArray *devices_scan(void);
void device_seen_free(gpointer seen);
/* The kernel's subsystems in which devices are looked for, ended by NULL. */
extern const char *const device_subsystems[];
