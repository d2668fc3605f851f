/* What commands about pools and about networks share (named.c): things with a name and a UUID.
 */
#pragma once

#include "vmsh/vmsh.h"

/* PoolRef and NetworkRef are both this. */
typedef struct NamedRef {
    const char *name;
    guint8 uuid[16];
} NamedRef;

typedef struct NamedKind {
    const char *word;  /* "network": also the option that names one */
    const char *title; /* "Network": what begins a sentence */
    gboolean (*lookup)(Shell *s, const char *text, NamedRef *ret_ref, GError **err);
    gint32 set_autostart;
} NamedKind;

/* The one that the option names. */
gboolean named_get(Shell *s, const Args *a, const NamedKind *kind, NamedRef *ret_ref, GError **err);
/* The commands that print its name and its UUID, and --disable or not of autostart. */
gboolean named_name(Shell *s, const Args *a, const NamedKind *kind, GError **err);
gboolean named_uuid(Shell *s, const Args *a, const NamedKind *kind, GError **err);
gboolean named_autostart(Shell *s, const Args *a, const NamedKind *kind, GError **err);
/* A list's --name and --uuid: one a line. refs: an array of PoolRef or NetworkRef. */
void named_list(Shell *s, const Args *a, gconstpointer refs, guint n);
