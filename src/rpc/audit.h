/* Who did what to which object, with which result: a message for each call that changes things,
 * also for one that fails or is refused. In the journal it has fields, elsewhere it is a line of
 * the log.
 */
#pragma once

#include "core/core.h"
#include "wire/wire.h"

typedef struct Audit {
    const Procedure *procedure;
    const Creds *creds;
    guint64 client;
    const Object *object;  /* that was found for the call; else NULL */
    gconstpointer in, out; /* arguments and answer, decoded; NULL where there are none */
    const GError *err;     /* NULL: it is done */
} Audit;

void audit_log(const Audit *a);
