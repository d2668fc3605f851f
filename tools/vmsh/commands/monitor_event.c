/* qemu-monitor-event: what QEMU says of itself, as it says it. */
#include "vmsh/vmsh.h"

static const Option options[] = {
    { "domain", OPTION_STRING, OPTION_NAMED, complete_active, "filter by domain name, id or uuid" },
    { "event", OPTION_STRING, OPTION_NAMED, NULL, "filter by event name" },
    FLAG("pretty", "pretty-print any JSON output"),
    FLAG("loop", "loop until timeout or interrupt, rather than one-shot"),
    { "timeout", OPTION_NUMBER, OPTION_NAMED, NULL, "timeout seconds" },
    FLAG("regex", "treat event as a regex rather than literal filter"),
    FLAG("no-case", "treat event case-insensitively"),
    FLAG("timestamp", "show timestamp for each printed event"),
    OPTION_END,
};

typedef struct MonitorWatch {
    Shell *shell;
    gboolean timestamps, pretty;
    EventWait wait;
} MonitorWatch;

static void
put_event(const MonitorWatch *w, const QemuDomainMonitorEventMsg *m)
{
    json_object *details = w->pretty && m->details ? json_tokener_parse(m->details) : NULL;
    const char *text = details ? json_object_to_json_string_ext(details, JSON_C_TO_STRING_PRETTY)
                               : m->details;
    g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(m->seconds);
    g_autofree char *time = when ? g_date_time_format(when, "%Y-%m-%d %H:%M:%S") : NULL;

    if (w->timestamps && time)
        put(w->shell, "%s.%03u+0000: ", time, m->micros / 1000);
    put(w->shell, "event %s for domain '%s': %s\n", m->event, m->dom.name, text ? text : "<null>");
    json_object_put(details);
    fflush(stdout);
}

static void
on_event(Conn *c, gint32 procedure, guint32 program, const guint8 *payload, gsize len,
         gpointer user)
{
    MonitorWatch *w = user;
    QemuDomainMonitorEventMsg m = { 0 };
    Arena arena;

    if (program != PROGRAM_QEMU || procedure != PROC_QEMU_DOMAIN_MONITOR_EVENT ||
        (w->wait.count && !w->wait.loop))
        return;
    arena_init(&arena, NULL, 0);
    if (xdr_decode(&QemuDomainMonitorEventMsg_type, payload, len, &arena, &m, NULL)) {
        put_event(w, &m);
        w->wait.count++;
    }
    arena_done(&arena);
}

static gboolean
run(Shell *s, const Args *a, GError **err)
{
    static const FlagBit bits[] = { { "regex", 1 }, { "no-case", 2 }, { 0 } };
    MonitorWatch w = {
        s, args_flag(a, "timestamp"), args_flag(a, "pretty"), { .loop = args_flag(a, "loop") }
    };
    QemuConnectDomainMonitorEventRegisterArgs args = { .event = args_string(a, "event"),
                                                       .flags = args_bits(a, bits) };
    QemuConnectDomainMonitorEventRegisterRet ret = { 0 };
    DomainRef dom;
    gint64 seconds = 0;
    gboolean ok;

    if (!args_number(a, "timeout", 1, G_MAXINT32 / 1000, &seconds, err) ||
        (args_flag(a, "domain") && !domain_get(s, a, &dom, err)))
        return FALSE;
    args.dom = args_flag(a, "domain") ? &dom : NULL;
    if (seconds)
        w.wait.end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    conn_on_event(s->conn, on_event, &w);
    ok = call_qemu(s, PROC_QEMU_CONNECT_DOMAIN_MONITOR_EVENT_REGISTER, &args, &ret, err) &&
         event_wait(s, &w.wait, err);
    if (ok && conn_alive(s->conn))
        call_qemu(s, PROC_QEMU_CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER, &ret.callback_id, NULL,
                  NULL);
    conn_on_event(s->conn, NULL, NULL);
    /* Nothing is wrong, and yet the status says that nothing came. */
    s->silent_failure = ok && !w.wait.count;
    return ok && w.wait.count;
}

const Command monitor_event_commands[] = {
    { "qemu-monitor-event", "QEMU Monitor Events", "Listen for QEMU Monitor Events", options, run,
      COMMAND_TALKS },
    { 0 },
};
