/* Shared by commands about pools and networks (named.c): objects with a name and a UUID. */
#pragma once

#include "vmsh/vmsh.h"

/* The form of both PoolRef and NetworkRef. */
typedef struct NamedRef {
    const char *name;
    guint8 uuid[16];
} NamedRef;

typedef struct NamedKind {
    const char *word;  /* "network": also the option that names one */
    const char *title; /* "Network": for the beginning of a sentence */
    gboolean (*lookup)(Shell *s, const char *text, NamedRef *ret_ref, GError **err);
    gint32 set_autostart;
} NamedKind;

/* The object that the option names. */
gboolean named_get(Shell *s, const Args *a, const NamedKind *kind, NamedRef *ret_ref, GError **err);
/* Handlers of the commands that print its name or UUID, and of autostart with and without
 * --disable. */
gboolean named_name(Shell *s, const Args *a, const NamedKind *kind, GError **err);
gboolean named_uuid(Shell *s, const Args *a, const NamedKind *kind, GError **err);
gboolean named_autostart(Shell *s, const Args *a, const NamedKind *kind, GError **err);
/* Prints a list with --name or --uuid, one object a line. refs: an array of PoolRef or NetworkRef.
 */
void named_list(Shell *s, const Args *a, gconstpointer refs, guint n);
