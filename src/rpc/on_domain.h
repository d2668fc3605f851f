/* What the methods about domains share. */
#pragma once

#include "qemu/qemu.h"
#include "rpc_priv.h"

/* The VM that the call's arguments begin with; NULL: there is none, and the call is answered. */
Vm *call_vm(Call *c);
/* FALSE: it is off, and the call is answered. */
gboolean call_needs_active(Call *c, Vm *vm);
DomainRef domain_ref(Vm *vm); /* borrows the name */
void call_reply_vm(Call *c, Vm *vm);
/* FALSE: there are others than the known, and the call is answered. */
gboolean call_flags_ok(Call *c, guint32 flags, guint32 known);
/* virConnectListAllDomainsFlags; 0: all. Free with g_ptr_array_unref. */
GPtrArray *domains_matching(guint32 flags);
#define DOMAIN_LIST_FLAGS 0xffff
/* Of virTypedParameterFlags: the client can read parameters that are strings. */
enum { TYPED_STRINGS = 4 };
