/* Shared by the methods about domains. */
#pragma once

#include "qemu/qemu.h"
#include "rpc/rpc_priv.h"

/* Whether the domain runs. FALSE: it does not, and the call has been answered with an error. */
gboolean call_needs_active(Call *c, Vm *vm);
DomainRef domain_ref(Vm *vm); /* borrows the name */
void call_reply_vm(Call *c, Vm *vm);
gboolean domain_matches(gpointer vm, guint32 flags);
/* The domains that match flags of virConnectListAllDomainsFlags; 0: all. Free with
 * g_ptr_array_unref. */
GPtrArray *domains_matching(guint32 flags);
#define DOMAIN_LIST_FLAGS 0xffff
/* virDomainModificationImpact. */
enum { LIVE = 1, CONFIG = 2, IMPACT = LIVE | CONFIG };
/* Of virTypedParameterFlags: the client accepts parameters that are strings. */
enum { TYPED_STRINGS = 4 };
