/* Method rows: each says which procedure, on which kind of object, takes which flags, needs which
 * rights, and has which handler. The dispatcher (call.c) checks all of that, so no handler has to.
 */
#pragma once

#include "core/core.h"
#include "wire/wire.h"

typedef struct Call Call;
typedef struct Method Method;
typedef struct Network Network;
typedef struct NodeDevice NodeDevice;
typedef struct Nwfilter Nwfilter;
typedef struct Pool Pool;
typedef struct Secret Secret;
typedef struct Vm Vm;
typedef struct VolumeDef VolumeDef;

/* ---- the object that a call is about (methods/subject.c) ---------------------------------- */

typedef struct Found {
    gpointer object; /* begins with an Object; referenced. NULL: nothing found yet */
    gpointer part;   /* a part of that object: a volume of its pool; else NULL. Borrowed */
} Found;

/* A kind of object, and the kind of argument by which a call names it. */
typedef struct Subject {
    const char *word; /* "domain" */
    /* Type of the argument that names it; NULL: all arguments together name it. */
    const WireType *named_by;
    gboolean (*find)(gconstpointer name, Found *ret_found, GError **err);
    void (*run)(const Method *m, Call *c, const Found *found);
} Subject;

extern const Subject
    subject_none; /* the connection, the host, or an object that does not exist yet */
extern const Subject subject_domain;
extern const Subject subject_domain_name;
extern const Subject subject_domain_uuid;
extern const Subject subject_domain_id;
extern const Subject subject_network;
extern const Subject subject_network_name;
extern const Subject subject_network_uuid;
extern const Subject subject_node_device;
extern const Subject subject_nwfilter;
extern const Subject subject_nwfilter_name;
extern const Subject subject_nwfilter_uuid;
extern const Subject subject_pool;
extern const Subject subject_pool_name;
extern const Subject subject_pool_uuid;
extern const Subject subject_pool_path;
extern const Subject subject_active_pool;
extern const Subject subject_secret;
extern const Subject subject_secret_uuid;
extern const Subject subject_secret_usage;
extern const Subject subject_volume;
extern const Subject subject_volume_name;
extern const Subject subject_volume_key;
extern const Subject subject_volume_path;

/* ---- rows --------------------------------------------------------------------------------- */

/* When a call needs a right. */
typedef enum NeedWhen {
    NEED_ALWAYS,
    NEED_TO_WRITE,  /* when, by its arguments, a read-only client may not make the call */
    NEED_IF_FLAGS,  /* when one of Need.flags is set */
    NEED_TO_CHANGE, /* when the persistent definition may change: the flags say so, or let the
                       domain's state decide */
} NeedWhen;

typedef struct Need {
    Right right;
    NeedWhen when;
    guint32 flags;
} Need;

#define NEEDS_MAX 3

/* A handler. It answers the call by exactly one of call_reply and call_fail, now or later. When it
 * runs, the client is authenticated, all flags are known, the object exists and stays referenced
 * until the answer, and the client has the rights. */
typedef union MethodRun {
    void (*on_none)(Call *c);
    void (*on_domain)(Call *c, Vm *vm);
    void (*on_network)(Call *c, Network *n);
    void (*on_node_device)(Call *c, NodeDevice *d);
    void (*on_nwfilter)(Call *c, Nwfilter *f);
    void (*on_pool)(Call *c, Pool *pool);
    void (*on_secret)(Call *c, Secret *secret);
    void (*on_volume)(Call *c, Pool *pool, VolumeDef *volume);
} MethodRun;

struct Method {
    gint32 number;
    const Subject *subject;
    MethodRun run;
    guint32 flags; /* flags that the handler knows; others are refused. For arguments with a flags
                      field */
    Need needs[NEEDS_MAX];
    gboolean kept;   /* its answer depends on the arguments only, and may be a second old */
    gboolean errand; /* a worker or a program does the work: few such calls run at once */
    gboolean wiped;  /* arguments or answer are secret: no copy of them stays in memory */
};

/* A row is ON_...(procedure, handler), then FLAGS and a MAY. */
#define ON(p, how, kind)          .number = PROC_##p, .subject = &subject_##how, .run.on_##kind
#define ON_NONE(p, f)             ON(p, none, none) = f
#define ON_DOMAIN(p, f)           ON(p, domain, domain) = f
#define ON_DOMAIN_BY(how, p, f)   ON(p, domain_##how, domain) = f
#define ON_NETWORK(p, f)          ON(p, network, network) = f
#define ON_NETWORK_BY(how, p, f)  ON(p, network_##how, network) = f
#define ON_NODE_DEVICE(p, f)      ON(p, node_device, node_device) = f
#define ON_NWFILTER(p, f)         ON(p, nwfilter, nwfilter) = f
#define ON_NWFILTER_BY(how, p, f) ON(p, nwfilter_##how, nwfilter) = f
#define ON_POOL(p, f)             ON(p, pool, pool) = f
#define ON_POOL_BY(how, p, f)     ON(p, pool_##how, pool) = f
#define ON_ACTIVE_POOL(p, f)      ON(p, active_pool, pool) = f
#define ON_VOLUME(p, f)           ON(p, volume, volume) = f
#define ON_VOLUME_BY(how, p, f)   ON(p, volume_##how, volume) = f
#define ON_SECRET(p, f)           ON(p, secret, secret) = f
#define ON_SECRET_BY(how, p, f)   ON(p, secret_##how, secret) = f
#define FLAGS(bits)               .flags = (bits)
#define KEPT                      .kept = TRUE
#define SENDS_ERRAND              .errand = TRUE
#define WIPED                     .wiped = TRUE
#define MAY_ALL                   .needs = { { RIGHT_NONE } }
#define MAY(right)                .needs = { { RIGHT_##right } }
#define MAY_BOTH(a, b)            .needs = { { RIGHT_##a }, { RIGHT_##b } }
/* The second right is needed too where the call changes something. */
#define MAY_OR_WRITE(a, b) .needs = { { RIGHT_##a }, { RIGHT_##b, NEED_TO_WRITE } }
#define MAY_IF(a, bits, b) .needs = { { RIGHT_##a }, { RIGHT_##b, NEED_IF_FLAGS, (bits) } }
/* For calls with the flags live (1) and persistent (2): changing the persistent definition also
 * takes the right to save. */
#define MAY_CHANGE .needs = { { RIGHT_DOMAIN_WRITE }, { RIGHT_DOMAIN_SAVE, NEED_TO_CHANGE } }

/* A procedure of a program, in an array by number. */
typedef struct Slot {
    const Method *method;   /* NULL: vmd does not implement it */
    guint32 subject_offset; /* offset of the object's name in the arguments */
    gint32 flags_offset;    /* offset of the flags; -1: the arguments have none */
} Slot;

/* Of all procedures of a program that these tables (a list that ends with NULL) have; rows that do
 * not fit their procedures end the program. */
Slot *slots_load(guint32 program, const Method *const *tables);
void slot_set(Slot *slot, guint32 program, const Method *m);

/* ---- the tables of methods/, each ended by a zeroed row ----------------------------------- */

/* All of a program (rpc.c); ended by NULL. */
typedef const Method *const *(*MethodsOf)(guint32 program);
const Method *const *methods_of(guint32 program);

extern const Method host_methods[];
extern const Method memory_methods[];
extern const Method event_methods[];
extern const Method domain_methods[];
extern const Method device_methods[];
extern const Method lifecycle_methods[];
extern const Method stats_methods[];
extern const Method tuning_methods[];
extern const Method agent_methods[];
extern const Method console_methods[];
extern const Method emulator_methods[];
extern const Method network_methods[];
extern const Method interface_methods[];
extern const Method node_device_methods[];
extern const Method nwfilter_methods[];
extern const Method storage_methods[];
extern const Method secret_methods[];
/* Tables of the QEMU program. */
extern const Method qemu_event_methods[];
extern const Method qemu_methods[];
extern const Method qemu_agent_methods[];
/* Tables of vmd's own program. */
extern const Method daemon_methods[];
extern const Method vmd_network_methods[];
extern const Method vmd_domain_methods[];
