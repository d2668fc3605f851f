/* What list has beyond virsh's columns (commands/list_columns.c). */
#pragma once

#include "vmsh/vmsh.h"

/* "name,state,memory": these columns of those domains. */
gboolean list_columns(Shell *s, const char *text, const ConnectListAllDomainsRet *list,
                      GError **err);
