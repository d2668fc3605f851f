/* The audit log: who did what to which object, with which result. There is one message for each
 * call that changes things, also for one that fails or is refused. In the journal it has fields;
 * elsewhere it is a line of the log. */
#pragma once

#include "core/core.h"
#include "wire/wire.h"

typedef struct Audit {
    const Procedure *procedure;
    const Creds *creds;
    guint64 client;
    const Object *object;  /* the object that the call named; NULL: none */
    gconstpointer in, out; /* arguments and answer, decoded; NULL: none */
    const GError *err;     /* NULL: the call succeeded */
} Audit;

void audit_log(const Audit *a);
