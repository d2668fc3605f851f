/* The columns of list beyond virsh's (commands/list_columns.c). */
#pragma once

#include "vmsh/vmsh.h"

/* Prints these columns ("name,state,memory") of those domains. */
gboolean list_columns(Shell *s, const char *text, const ConnectListAllDomainsRet *list,
                      GError **err);
