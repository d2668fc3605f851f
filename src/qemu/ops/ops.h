/* qemu/ops: what can be asked of a domain, beyond its start and its end. Inside this wing only. */
#pragma once

#include "qemu/life/life.h"

/* So that a later daemon can take back what QEMU was told: once. */
void limits_register(void);
void pin_register(void);
void tune_register(void);

/* QEMU's number of a key (keys.c); 0: there is none. */
guint key_number(guint codeset, guint key);

/* The interface of that device name or MAC address; NULL with an error. */
const NetDef *net_find(const DomainDef *def, const char *name, GError **err);
/* The disk of that target or source, likewise. */
const DiskDef *disk_find(const DomainDef *def, const char *name, GError **err);
