/* What list says beyond virsh's. */
#pragma once

#include "vmsh/vmsh.h"

/* Prints these columns ("name,state,memory") of those domains (commands/list_columns.c). */
gboolean list_columns(Shell *s, const char *text, const ConnectListAllDomainsRet *list,
                      GError **err);

/* Tells on stderr of daemons beside this one which have other domains; where that is a terminal, or
 * nothing was listed (others.c). */
void list_tell_others(Shell *s, gboolean is_empty);
