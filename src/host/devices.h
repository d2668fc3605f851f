/* Between devices.c and devices_scan.c. */
#pragma once

#include "host.h"

/* A device as it was found. */
typedef struct DeviceSeen {
    char *name, *path; /* path NULL: the machine itself */
    char *parent;      /* name of it; NULL: the machine has none */
    char *xml;
    guint32 kinds; /* DeviceKind */
} DeviceSeen;

/* All devices of the host, of DeviceSeen: in a worker, or before there is one to wait for. */
GPtrArray *devices_scan(void);
void device_seen_free(gpointer seen);
/* The subsystems of the kernel that devices are looked for in, ended by NULL. */
extern const char *const device_subsystems[];
