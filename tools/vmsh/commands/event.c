/* The event command: each kind of event is a row, with how it is told. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

#define WORD(words, i) nth(words, G_N_ELEMENTS(words), i, "unknown")

/* ---- what each kind tells beside its domain; NULL: nothing */

static char *
tell_lifecycle(gconstpointer message)
{
    static const char *const events[] = { "Defined",   "Undefined",   "Started",
                                          "Suspended", "Resumed",     "Stopped",
                                          "Shutdown",  "PMSuspended", "Crashed" };
    static const char *const details[][9] = {
        { "Added", "Updated", "Renamed", "Snapshot" },
        { "Removed", "Renamed" },
        { "Booted", "Migrated", "Restored", "Snapshot", "Event wakeup" },
        { "Paused", "Migrated", "I/O Error", "Watchdog", "Restored", "Snapshot", "API error",
          "Post-copy", "Post-copy Error" },
        { "Unpaused", "Migrated", "Snapshot", "Post-copy", "Post-copy Error" },
        { "Shutdown", "Destroyed", "Crashed", "Migrated", "Saved", "Failed", "Snapshot" },
        { "Finished", "Finished after guest request", "Finished after host request" },
        { "Memory", "Disk" },
        { "Panicked", "Crashloaded" },
    };
    const DomainEventCallbackLifecycleMsg *m = message;
    gboolean known = m->msg.event >= 0 && m->msg.event < (int)G_N_ELEMENTS(details);

    return g_strdup_printf("%s %s", WORD(events, m->msg.event),
                           known ? WORD(details[m->msg.event], m->msg.detail) : "unknown");
}

static char *
tell_rtc(gconstpointer message)
{
    const DomainEventCallbackRtcChangeMsg *m = message;

    return g_strdup_printf("%" G_GINT64_FORMAT, m->msg.offset);
}

static char *
tell_watchdog(gconstpointer message)
{
    static const char *const actions[] = { "none",     "pause", "reset",     "poweroff",
                                           "shutdown", "debug", "inject-nmi" };
    const DomainEventCallbackWatchdogMsg *m = message;

    return g_strdup(WORD(actions, m->msg.action));
}

static const char *const io_actions[] = { "none", "pause", "report" };

static char *
tell_io_error(gconstpointer message)
{
    const DomainEventCallbackIoErrorMsg *m = message;

    return g_strdup_printf("%s (%s) %s", m->msg.src_path, m->msg.dev_alias,
                           WORD(io_actions, m->msg.action));
}

static char *
tell_io_error_reason(gconstpointer message)
{
    const DomainEventCallbackIoErrorReasonMsg *m = message;

    return g_strdup_printf("%s (%s) %s due to %s", m->msg.src_path, m->msg.dev_alias,
                           WORD(io_actions, m->msg.action), m->msg.reason);
}

static char *
tell_graphics(gconstpointer message)
{
    static const char *const phases[] = { "connect", "initialize", "disconnect" };
    static const char *const families[] = { "IPv4", "IPv6", "unix" };
    const DomainEventCallbackGraphicsMsg *m = message;
    GString *s = g_string_new(NULL);

    g_string_append_printf(s, "%s local[%s %s %s] remote[%s %s %s] %s", WORD(phases, m->msg.phase),
                           WORD(families, m->msg.local.family), m->msg.local.node,
                           m->msg.local.service, WORD(families, m->msg.remote.family),
                           m->msg.remote.node, m->msg.remote.service, m->msg.auth_scheme);
    for (guint i = 0; i < m->msg.subject.n; i++)
        g_string_append_printf(s, " %s=%s", m->msg.subject.v[i].type, m->msg.subject.v[i].name);
    return g_string_free(s, FALSE);
}

static char *
block_job_text(const char *disk, int type, int status)
{
    static const char *const types[] = { "unknown",      "Block Pull",          "Block Copy",
                                         "Block Commit", "Active Block Commit", "Backup" };
    static const char *const statuses[] = { "completed", "failed", "canceled", "ready" };

    return g_strdup_printf("%s for %s %s", WORD(types, type), disk, WORD(statuses, status));
}

static char *
tell_block_job(gconstpointer message)
{
    const DomainEventCallbackBlockJobMsg *m = message;

    return block_job_text(m->msg.path, m->msg.type, m->msg.status);
}

static char *
tell_block_job_2(gconstpointer message)
{
    const DomainEventBlockJob2Msg *m = message;

    return block_job_text(m->dst, m->type, m->status);
}

static char *
tell_disk(gconstpointer message)
{
    static const char *const reasons[] = { "changed", "dropped" };
    const DomainEventCallbackDiskChangeMsg *m = message;

    return g_strdup_printf("disk %s %s -> %s: %s", m->msg.dev_alias,
                           m->msg.old_src_path ? m->msg.old_src_path : "<null>",
                           m->msg.new_src_path ? m->msg.new_src_path : "<null>",
                           WORD(reasons, m->msg.reason));
}

static char *
tell_tray(gconstpointer message)
{
    static const char *const reasons[] = { "opened", "closed" };
    const DomainEventCallbackTrayChangeMsg *m = message;

    return g_strdup_printf("disk '%s': %s", m->msg.dev_alias, WORD(reasons, m->msg.reason));
}

static char *
tell_balloon(gconstpointer message)
{
    const DomainEventCallbackBalloonChangeMsg *m = message;

    return g_strdup_printf("%" G_GUINT64_FORMAT "KiB", m->msg.actual);
}

static char *
tell_removed(gconstpointer message)
{
    const DomainEventCallbackDeviceRemovedMsg *m = message;

    return g_strdup(m->msg.dev_alias);
}

static char *
tell_added(gconstpointer message)
{
    const DomainEventCallbackDeviceAddedMsg *m = message;

    return g_strdup(m->dev_alias);
}

static char *
tell_removal_failed(gconstpointer message)
{
    const DomainEventCallbackDeviceRemovalFailedMsg *m = message;

    return g_strdup(m->dev_alias);
}

static char *
params_text(const TypedParam *params, guint n)
{
    GString *s = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        g_autofree char *value = value_text(&params[i].value);
        g_string_append_printf(s, "\n\t%s: %s", params[i].field, value);
    }
    return g_string_free(s, FALSE);
}

static char *
tell_tunable(gconstpointer message)
{
    const DomainEventCallbackTunableMsg *m = message;

    return params_text(m->params.v, m->params.n);
}

static char *
tell_job(gconstpointer message)
{
    const DomainEventCallbackJobCompletedMsg *m = message;

    return params_text(m->params.v, m->params.n);
}

static char *
tell_agent(gconstpointer message)
{
    static const char *const states[] = { "unknown", "connected", "disconnected" };
    static const char *const reasons[] = { "unknown", "domain started", "channel event" };
    const DomainEventCallbackAgentLifecycleMsg *m = message;

    return g_strdup_printf("state: '%s' reason: '%s'", WORD(states, m->state),
                           WORD(reasons, m->reason));
}

static char *
tell_iteration(gconstpointer message)
{
    const DomainEventCallbackMigrationIterationMsg *m = message;

    return g_strdup_printf("iteration: '%d'", m->iteration);
}

static char *
tell_metadata(gconstpointer message)
{
    static const char *const types[] = { "description", "title", "element" };
    const DomainEventCallbackMetadataChangeMsg *m = message;

    return g_strdup_printf("type %s, uri %s", WORD(types, m->type), m->nsuri ? m->nsuri : "<null>");
}

static char *
tell_threshold(gconstpointer message)
{
    const DomainEventBlockThresholdMsg *m = message;

    return g_strdup_printf("dev: %s(%s) %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, m->dev,
                           m->path ? m->path : "", m->threshold, m->excess);
}

static char *
tell_memory_failure(gconstpointer message)
{
    static const char *const recipients[] = { "hypervisor", "guest" };
    static const char *const actions[] = { "ignore", "inject", "fatal", "reset" };
    const DomainEventMemoryFailureMsg *m = message;

    return g_strdup_printf(
        "\n\trecipient: %s\n\taction: %s\n\taction required: %d\n\trecursive: %d",
        WORD(recipients, m->recipient), WORD(actions, m->action), m->flags & 1,
        (m->flags & 2) != 0);
}

static char *
tell_memory_device(gconstpointer message)
{
    const DomainEventMemoryDeviceSizeChangeMsg *m = message;

    return g_strdup_printf("\n\talias: '%s'\n\tsize: '%" G_GUINT64_FORMAT "'", m->alias, m->size);
}

static char *
tell_mac(gconstpointer message)
{
    const DomainEventNicMacChangeMsg *m = message;

    return g_strdup_printf("\n\talias: '%s'\n\told MAC: %s\n\tnew MAC: %s", m->alias, m->old_mac,
                           m->new_mac);
}

/* The index is the event's id. */
#define EVENT(name, what, T, dom, tell)                                                            \
    {                                                                                              \
        name, PROC_DOMAIN_EVENT_##what, &T##_type, G_STRUCT_OFFSET(T, dom), tell                   \
    }
#define EVENT_IN(name, what, T, tell)                                                              \
    EVENT(name, CALLBACK_##what, DomainEventCallback##T##Msg, msg.dom, tell)

static const struct {
    const char *name;
    gint32 procedure;
    const WireType *type;
    gsize dom;
    char *(*tell)(gconstpointer message);
} events[] = {
    EVENT_IN("lifecycle", LIFECYCLE, Lifecycle, tell_lifecycle),
    EVENT_IN("reboot", REBOOT, Reboot, NULL),
    EVENT_IN("rtc-change", RTC_CHANGE, RtcChange, tell_rtc),
    EVENT_IN("watchdog", WATCHDOG, Watchdog, tell_watchdog),
    EVENT_IN("io-error", IO_ERROR, IoError, tell_io_error),
    EVENT_IN("graphics", GRAPHICS, Graphics, tell_graphics),
    EVENT_IN("io-error-reason", IO_ERROR_REASON, IoErrorReason, tell_io_error_reason),
    EVENT_IN("control-error", CONTROL_ERROR, ControlError, NULL),
    EVENT_IN("block-job", BLOCK_JOB, BlockJob, tell_block_job),
    EVENT_IN("disk-change", DISK_CHANGE, DiskChange, tell_disk),
    EVENT_IN("tray-change", TRAY_CHANGE, TrayChange, tell_tray),
    EVENT_IN("pm-wakeup", PMWAKEUP, Pmwakeup, NULL),
    EVENT_IN("pm-suspend", PMSUSPEND, Pmsuspend, NULL),
    EVENT_IN("balloon-change", BALLOON_CHANGE, BalloonChange, tell_balloon),
    EVENT_IN("pm-suspend-disk", PMSUSPEND_DISK, PmsuspendDisk, NULL),
    EVENT_IN("device-removed", DEVICE_REMOVED, DeviceRemoved, tell_removed),
    EVENT("block-job-2", BLOCK_JOB_2, DomainEventBlockJob2Msg, dom, tell_block_job_2),
    EVENT("tunable", CALLBACK_TUNABLE, DomainEventCallbackTunableMsg, dom, tell_tunable),
    EVENT("agent-lifecycle", CALLBACK_AGENT_LIFECYCLE, DomainEventCallbackAgentLifecycleMsg, dom,
          tell_agent),
    EVENT("device-added", CALLBACK_DEVICE_ADDED, DomainEventCallbackDeviceAddedMsg, dom,
          tell_added),
    EVENT("migration-iteration", CALLBACK_MIGRATION_ITERATION,
          DomainEventCallbackMigrationIterationMsg, dom, tell_iteration),
    EVENT("job-completed", CALLBACK_JOB_COMPLETED, DomainEventCallbackJobCompletedMsg, dom,
          tell_job),
    EVENT("device-removal-failed", CALLBACK_DEVICE_REMOVAL_FAILED,
          DomainEventCallbackDeviceRemovalFailedMsg, dom, tell_removal_failed),
    EVENT("metadata-change", CALLBACK_METADATA_CHANGE, DomainEventCallbackMetadataChangeMsg, dom,
          tell_metadata),
    EVENT("block-threshold", BLOCK_THRESHOLD, DomainEventBlockThresholdMsg, dom, tell_threshold),
    EVENT("memory-failure", MEMORY_FAILURE, DomainEventMemoryFailureMsg, dom, tell_memory_failure),
    EVENT("memory-device-size-change", MEMORY_DEVICE_SIZE_CHANGE,
          DomainEventMemoryDeviceSizeChangeMsg, dom, tell_memory_device),
    EVENT("nic-mac-change", NIC_MAC_CHANGE, DomainEventNicMacChangeMsg, dom, tell_mac),
};

/* ---- the command */

typedef struct EventWatch {
    Shell *shell;
    gboolean timestamps;
    EventWait wait;
} EventWatch;

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
    interrupted = 1;
}

char *
event_time(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *day = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");

    return g_strdup_printf("%s.%03d+0000", day, g_date_time_get_microsecond(now) / 1000);
}

static void
print_event(EventWatch *w, gsize row, gconstpointer message)
{
    const DomainRef *dom = (gconstpointer)((const guint8 *)message + events[row].dom);
    g_autofree char *detail = events[row].tell ? events[row].tell(message) : NULL;
    g_autofree char *time = event_time();

    if (w->shell->json) {
        json_object *o = json_object_new_object();
        json_object_object_add(o, "time", json_object_new_string(time));
        json_object_object_add(o, "event", json_object_new_string(events[row].name));
        json_object_object_add(o, "domain", json_object_new_string(dom->name));
        if (detail)
            json_object_object_add(o, "detail", json_object_new_string(g_strstrip(detail)));
        put(w->shell, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        json_object_put(o);
    } else {
        put(w->shell, "%s%sevent '%s' for domain '%s'%s%s\n", w->timestamps ? time : "",
            w->timestamps ? ": " : "", events[row].name, dom->name,
            !detail           ? ""
            : *detail == '\n' ? ":"
                              : ": ",
            detail ? detail : "");
    }
    fflush(stdout);
}

static void
on_event(Conn *c, gint32 procedure, guint32 program, const guint8 *payload, gsize len,
         gpointer user)
{
    EventWatch *w = user;
    Arena arena;

    if (program != PROGRAM_REMOTE || (w->wait.count && !w->wait.loop))
        return;
    arena_init(&arena, NULL, 0);
    for (gsize row = 0; row < G_N_ELEMENTS(events); row++) {
        gpointer message;
        if (events[row].procedure != procedure)
            continue;
        message = arena_alloc(&arena, 1, events[row].type->size);
        if (xdr_decode(events[row].type, payload, len, &arena, message, NULL)) {
            print_event(w, row, message);
            w->wait.count++;
        }
    }
    arena_done(&arena);
}

/* Asks for one kind, or for every kind there is (row < 0): a daemon may be older than vmsh. */
static gboolean
subscribe(Shell *s, int row, DomainRef *dom, GArray *callbacks, GError **err)
{
    gsize first = row < 0 ? 0 : (gsize)row, end = row < 0 ? G_N_ELEMENTS(events) : first + 1;

    for (gsize id = first; id < end; id++) {
        ConnectDomainEventCallbackRegisterAnyArgs args = { .event_id = (gint32)id, .dom = dom };
        ConnectDomainEventCallbackRegisterAnyRet ret;

        if (call(s, PROC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &args, &ret,
                 row < 0 ? NULL : err))
            g_array_append_val(callbacks, ret.callback_id);
        else if (row >= 0 || !conn_alive(s->conn))
            return row >= 0 ? FALSE : refuse(err, "the connection to vmd is lost");
    }
    return TRUE;
}

static void
unsubscribe(Shell *s, const GArray *callbacks)
{
    for (guint i = 0; i < callbacks->len && conn_alive(s->conn); i++) {
        ConnectDomainEventCallbackDeregisterAnyArgs args = {
            .callback_id = g_array_index(callbacks, gint32, i),
        };
        call(s, PROC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, &args, NULL, NULL);
    }
}

static gboolean
is_over(const EventWait *w)
{
    return interrupted || (w->count && !w->loop) || (w->end && g_get_monotonic_time() >= w->end);
}

gboolean
event_wait(Shell *s, EventWait *w, GError **err)
{
    struct sigaction action = { .sa_handler = on_interrupt }, before;
    gboolean ok = TRUE;

    interrupted = 0;
    sigaction(SIGINT, &action, &before);
    while (ok && !is_over(w)) {
        gint64 left = w->end ? (w->end - g_get_monotonic_time()) / 1000 + 1 : -1;
        ok = conn_wait(s->conn, NULL, 0, (int)MIN(left, G_MAXINT), err);
    }
    sigaction(SIGINT, &before, NULL);
    if (!ok)
        return FALSE;
    if (interrupted)
        remark(s, "event loop interrupted\n");
    else if (w->loop || !w->count)
        remark(s, "event loop timed out\n");
    remark(s, "events received: %u\n", w->count);
    return TRUE;
}

static char **
complete_events(Shell *s)
{
    char **names = g_new0(char *, G_N_ELEMENTS(events) + 1);

    for (gsize i = 0; i < G_N_ELEMENTS(events); i++)
        names[i] = g_strdup(events[i].name);
    return names;
}

static const Option event_options[] = {
    { "domain", OPTION_STRING, OPTION_NAMED, complete_domains,
      "filter by domain name, id or uuid" },
    { "event", OPTION_STRING, OPTION_NAMED, complete_events, "which event type to wait for" },
    FLAG("all", "wait for all events instead of just one type"),
    FLAG("loop", "loop until timeout or interrupt, rather than one-shot"),
    { "timeout", OPTION_NUMBER, OPTION_NAMED, NULL, "timeout seconds" },
    FLAG("list", "list valid event types"),
    FLAG("timestamp", "show timestamp for each printed event"),
    OPTION_END,
};

/* -1 for --all. */
static gboolean
event_wanted(const Args *a, int *ret_row, GError **err)
{
    const char *name = args_string(a, "event");

    *ret_row = -1;
    if (!name && !args_flag(a, "all"))
        return refuse(err, "one of --list, --all, or --event <type> is required");
    if (!name)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(events); i++)
        if (strcmp(events[i].name, name) == 0) {
            *ret_row = (int)i;
            return TRUE;
        }
    return refuse(err, "unknown event type %s", name);
}

static gboolean
watch(Shell *s, const Args *a, int row, gint64 seconds, GError **err)
{
    EventWatch w = { .shell = s,
                     .timestamps = args_flag(a, "timestamp"),
                     .wait = { .loop = args_flag(a, "loop") } };
    g_autoptr(GArray) callbacks = g_array_new(FALSE, FALSE, sizeof(gint32));
    DomainRef dom;
    gboolean ok;

    if (args_flag(a, "domain") && !domain_get(s, a, &dom, err))
        return FALSE;
    if (seconds)
        w.wait.end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    conn_on_event(s->conn, on_event, &w);
    ok = subscribe(s, row, args_flag(a, "domain") ? &dom : NULL, callbacks, err) &&
         event_wait(s, &w.wait, err);
    unsubscribe(s, callbacks);
    conn_on_event(s->conn, NULL, NULL);
    /* Nothing is wrong, and yet the status says that nothing came. */
    s->silent_failure = ok && !w.wait.count;
    return ok && w.wait.count;
}

static gboolean
run_event(Shell *s, const Args *a, GError **err)
{
    gint64 seconds = 0;
    int row;

    if (args_flag(a, "list")) {
        for (gsize i = 0; i < G_N_ELEMENTS(events); i++)
            put(s, "%s\n", events[i].name);
        return TRUE;
    }
    return event_wanted(a, &row, err) &&
           args_number(a, "timeout", 1, G_MAXINT32 / 1000, &seconds, err) &&
           watch(s, a, row, seconds, err);
}

const Command event_commands[] = {
    { "event", "Domain Events", "List event types, or wait for domain events to occur",
      event_options, run_event, COMMAND_JSON },
    { 0 },
};
