/* Events: what happened, reported to all subscribers. The ids are the API's event ids
 * (virDomainEventID and its companions), one number space for each family. */
#pragma once

#include <glib.h>

#include "params.h"

typedef enum EventFamily {
    EVENT_DOMAIN,
    EVENT_NETWORK,
    EVENT_POOL,
    EVENT_NODE_DEVICE,
    EVENT_SECRET,
    EVENT_MONITOR, /* QEMU's own events, for the qemu program; id is not used */
    N_EVENT_FAMILIES
} EventFamily;

/* virDomainEventID. */
typedef enum DomainEventId {
    DOMAIN_EVENT_LIFECYCLE = 0,
    DOMAIN_EVENT_REBOOT = 1,
    DOMAIN_EVENT_RTC_CHANGE = 2,
    DOMAIN_EVENT_WATCHDOG = 3,
    DOMAIN_EVENT_IO_ERROR = 4,
    DOMAIN_EVENT_GRAPHICS = 5,
    DOMAIN_EVENT_IO_ERROR_REASON = 6,
    DOMAIN_EVENT_CONTROL_ERROR = 7,
    DOMAIN_EVENT_BLOCK_JOB = 8,
    DOMAIN_EVENT_DISK_CHANGE = 9,
    DOMAIN_EVENT_TRAY_CHANGE = 10,
    DOMAIN_EVENT_PMWAKEUP = 11,
    DOMAIN_EVENT_PMSUSPEND = 12,
    DOMAIN_EVENT_BALLOON_CHANGE = 13,
    DOMAIN_EVENT_PMSUSPEND_DISK = 14,
    DOMAIN_EVENT_DEVICE_REMOVED = 15,
    DOMAIN_EVENT_BLOCK_JOB_2 = 16,
    DOMAIN_EVENT_TUNABLE = 17,
    DOMAIN_EVENT_AGENT_LIFECYCLE = 18,
    DOMAIN_EVENT_DEVICE_ADDED = 19,
    DOMAIN_EVENT_MIGRATION_ITERATION = 20,
    DOMAIN_EVENT_JOB_COMPLETED = 21,
    DOMAIN_EVENT_DEVICE_REMOVAL_FAILED = 22,
    DOMAIN_EVENT_METADATA_CHANGE = 23,
    DOMAIN_EVENT_BLOCK_THRESHOLD = 24,
    DOMAIN_EVENT_MEMORY_FAILURE = 25,
    DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE = 26,
    DOMAIN_EVENT_NIC_MAC_CHANGE = 27,
    N_DOMAIN_EVENTS
} DomainEventId;

/* virDomainEventType: the first number of LIFECYCLE; its second one is the detail enum of that
 * type. */
typedef enum Lifecycle {
    LIFECYCLE_DEFINED = 0,
    LIFECYCLE_UNDEFINED = 1,
    LIFECYCLE_STARTED = 2,
    LIFECYCLE_SUSPENDED = 3,
    LIFECYCLE_RESUMED = 4,
    LIFECYCLE_STOPPED = 5,
    LIFECYCLE_SHUTDOWN = 6,
    LIFECYCLE_PMSUSPENDED = 7,
    LIFECYCLE_CRASHED = 8,
} Lifecycle;

/* One event. The object is named by value: it may be gone when the event is read. Strings are
 * borrowed for the time of the emit. Members that an id does not use are zero. The members are the
 * fields of the wire message in its order: numbers in n[], strings in s[]; that is all the
 * encoder needs:
 *   LIFECYCLE        n: event, detail            REBOOT, PMSUSPEND_DISK: none
 *   RTC_CHANGE       offset: seconds             WATCHDOG         n: action
 *   IO_ERROR         n: action       s: path, alias
 *   IO_ERROR_REASON  n: action       s: path, alias, reason
 *   BLOCK_JOB(_2)    n: type, status s: path (target in _2)
 *   DISK_CHANGE      n: reason       s: old path, new path, alias (paths may be NULL)
 *   TRAY_CHANGE      n: reason       s: alias
 *   PMWAKEUP, PMSUSPEND n: reason    BALLOON_CHANGE   offset: KiB
 *   DEVICE_REMOVED, DEVICE_ADDED, DEVICE_REMOVAL_FAILED  s: alias
 *   AGENT_LIFECYCLE  n: state, reason            MIGRATION_ITERATION n: iteration
 *   METADATA_CHANGE  n: type         s: uri (may be NULL)
 *   TUNABLE, JOB_COMPLETED  params
 *   BLOCK_THRESHOLD  s: dev, path (may be NULL)  offset: threshold   excess
 *   MEMORY_FAILURE   n: recipient, action, flags
 *   MEMORY_DEVICE_SIZE_CHANGE s: alias           offset: size
 *   GRAPHICS         graphics
 *   other families' LIFECYCLE   n: event, detail; EVENT_MONITOR  s: event, details; seconds, micros
 */
typedef struct EventAddress {
    int family; /* virDomainEventGraphicsAddressType */
    const char *node;
    const char *service;
} EventAddress;

typedef struct EventGraphics {
    int phase;
    EventAddress local;
    EventAddress remote;
    const char *auth_scheme;
    gsize n_identities;
    const struct EventIdentity {
        const char *type;
        const char *name;
    } * identities;
} EventGraphics;

typedef struct Event {
    EventFamily family;
    int id;
    const char *name;
    guint8 uuid[16];
    int object_id;
    int n[3];
    const char *s[3];
    gint64 offset;
    guint64 excess;
    gint64 seconds;
    guint micros;
    const Params *params;
    const EventGraphics *graphics;
} Event;

typedef void (*EventFn)(const Event *event, gpointer user);

/* Called in order of subscription, from within event_emit. A subscriber may unsubscribe itself.
 * event_subscribe returns the id for event_unsubscribe. */
guint event_subscribe(EventFn fn, gpointer user);
void event_unsubscribe(guint id);
void event_emit(const Event *event);
/* The same for an event that happened while no daemon ran. It is kept for half a minute, and
 * event_replay tells it to clients that come back in that time. Only name, ids and n[] are kept. */
void event_emit_missed(const Event *event);
void event_replay(EventFn fn, gpointer user);
