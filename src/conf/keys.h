/* Keys of hash tables, so that a check of every item of a list against every other takes no loop
 * within a loop. Inside conf only. */
#pragma once

#include <string.h>

#include "conf/conf.h"

static inline guint
drive_address_hash(gconstpointer address)
{
    const DriveAddress *a = address;

    return ((a->controller * 31 + a->bus) * 31 + a->target) * 31 + a->unit;
}

static inline gboolean
drive_address_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(DriveAddress)) == 0;
}

static inline guint
pci_address_hash(const PciAddress *a)
{
    return ((a->domain * 31 + a->bus) * 31 + a->slot) * 31 + a->function;
}
