/* DHCP, DNS and router advertisements of a network: one dnsmasq(8), its configuration, and its
 * life.
 *
 * dnsmasq tells whether it can serve by how its first process ends: with 0 once all sockets are
 * bound, else with its reason on stderr. The process that serves is known by its pid file. One that
 * dies unasked is started again, later each time it does not last.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network_priv.h"

#define PROGRAM       "dnsmasq"
#define LASTS_US      (10 * G_USEC_PER_SEC) /* who serves so long has started well */
#define RETRY_MS      200
#define RETRY_MOST_MS 30000
#define FILE_MAX      (1 << 20)
#define LEASES_MAX    (16 << 20)

/* ---- what is asked of it */

static gboolean
serves_dhcp(const NetworkDef *def, int family)
{
    EACH (const NetworkIp, ip, def->ips)
        if (network_family(ip->family) == family && ip->dhcp &&
            (ip->dhcp->ranges || ip->dhcp->hosts))
            return TRUE;
    return FALSE;
}

static gboolean
serves_dns(const NetworkDef *def)
{
    return !(def->dns && def->dns->enable == NO);
}

gboolean
dnsmasq_is_wanted(const NetworkDef *def)
{
    gboolean tftp = FALSE;

    EACH (const NetworkIp, ip, def->ips)
        tftp = tftp || ip->tftp_root;
    return network_owns_bridge(def) && def->ips &&
           (serves_dns(def) || serves_dhcp(def, AF_INET) || network_has_v6(def) || tftp);
}

/* ---- its configuration: dnsmasq(8); a line has no leading dashes */

static void G_GNUC_PRINTF(2, 3) line(GString *out, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_string_append_vprintf(out, fmt, ap);
    va_end(ap);
    g_string_append_c(out, '\n');
}

static void
put_lease_time(GString *out, const LeaseTime *lease)
{
    static const char units[] = { [1] = 's', [2] = 'm', [3] = 'h' };

    if (!lease)
        return;
    if (lease->expiry == 0)
        g_string_append(out, ",infinite");
    else
        g_string_append_printf(out, ",%" G_GUINT64_FORMAT "%c", lease->expiry, units[lease->unit]);
}

static void
put_forwarders(GString *out, const DnsDef *dns)
{
    gboolean plain = FALSE;

    EACH (const DnsForwarder, f, dns ? dns->forwarders : NULL) {
        g_autofree char *domain = f->domain ? g_strdup_printf("/%s/", f->domain) : g_strdup("");
        g_autofree char *port = f->port ? g_strdup_printf("#%u", f->port) : g_strdup("");
        line(out, "server=%s%s%s", domain, f->addr ? f->addr : "#", f->addr ? port : "");
        plain = plain || !f->domain;
    }
    if (plain)
        line(out, "no-resolv");
}

static void
put_records(GString *out, const NetworkDef *def)
{
    const DnsDef *dns = def->dns;

    EACH (const DnsTxt, txt, dns ? dns->txts : NULL)
        line(out, "txt-record=%s,%s", txt->name, txt->value ? txt->value : "");
    EACH (const DnsSrv, srv, dns ? dns->srvs : NULL) {
        const char *domain = srv->domain ? srv->domain : def->domain ? def->domain->name : NULL;
        GString *row = g_string_new(NULL);
        g_string_append_printf(row, "srv-host=_%s._%s", srv->service, srv->protocol);
        if (domain)
            g_string_append_printf(row, ".%s", domain);
        if (srv->target)
            g_string_append_printf(row, ",%s,%u,%u,%u", srv->target, srv->port ? srv->port : 1,
                                   srv->priority, srv->weight);
        line(out, "%s", row->str);
        g_string_free(row, TRUE);
    }
}

static void
put_dns(GString *out, const NetworkDef *def)
{
    const DnsDef *dns = def->dns;

    if (!serves_dns(def)) {
        line(out, "port=0");
        return;
    }
    if (network_mode(def) == FORWARD_NONE && !(dns && dns->forwarders))
        line(out, "no-resolv");
    put_forwarders(out, dns);
    if (dns && dns->forward_plain_names == NO) {
        line(out, "domain-needed");
        line(out, "local=//");
    }
    put_records(out, def);
}

static void
put_domain(GString *out, const NetworkDef *def)
{
    if (!def->domain)
        return;
    line(out, "domain=%s", def->domain->name);
    line(out, "expand-hosts");
    if (def->domain->local_only == YES)
        line(out, "local=/%s/", def->domain->name);
}

/* The zone of reverse names that a whole number of labels of the address makes. */
static void
put_local_ptr(GString *out, const NetworkIp *ip, guint bits)
{
    g_auto(GStrv) parts = g_strsplit(ip->address, ".", -1);
    g_autoptr(GString) zone = g_string_new(NULL);

    if (ip->local_ptr != YES || network_family(ip->family) != AF_INET || bits % 8)
        return;
    for (guint i = MIN(bits / 8, g_strv_length(parts)); i-- > 0;)
        g_string_append_printf(zone, "%s.", parts[i]);
    line(out, "local=/%sin-addr.arpa/", zone->str);
}

static void
put_ranges(GString *out, const NetworkIp *ip, guint bits)
{
    gboolean v6 = network_family(ip->family) == AF_INET6;

    EACH (const DhcpRange, range, ip->dhcp->ranges) {
        g_string_append_printf(out, "dhcp-range=%s,%s", range->start, range->end);
        if (v6)
            g_string_append_printf(out, ",%u", bits);
        put_lease_time(out, range->lease);
        g_string_append_c(out, '\n');
    }
    /* Reservations alone: a range that gives nothing else out. */
    if (!ip->dhcp->ranges && ip->dhcp->hosts)
        line(out, "dhcp-range=%s,static%s", ip->address, v6 ? ",64" : "");
    if (!v6 && ip->dhcp->bootp)
        line(out, "dhcp-boot=%s%s%s", ip->dhcp->bootp->file, ip->dhcp->bootp->server ? ",," : "",
             ip->dhcp->bootp->server ? ip->dhcp->bootp->server : "");
}

static void
put_ip(GString *out, const NetworkDef *def, const NetworkIp *ip)
{
    guint bits = (guint)network_prefix(ip->family, ip->address, ip->netmask, ip->prefix,
                                       ip->has_prefix);

    if (ip->dhcp && (ip->dhcp->ranges || ip->dhcp->hosts))
        put_ranges(out, ip, bits);
    else if (network_family(ip->family) == AF_INET6)
        line(out, "dhcp-range=%s,ra-only", ip->address);
    if (ip->tftp_root) {
        line(out, "enable-tftp");
        line(out, "tftp-root=%s", ip->tftp_root);
    }
    put_local_ptr(out, ip, bits);
}

/* A guest that can reach nobody is told no router. */
static void
put_dhcp(GString *out, const Network *n, const NetworkDef *def)
{
    g_autofree char *hosts = network_file(n, "dhcp-hosts");
    g_autofree char *leases = network_state(n, "leases");

    EACH (const NetworkIp, ip, def->ips)
        put_ip(out, def, ip);
    if (serves_dhcp(def, AF_INET) || serves_dhcp(def, AF_INET6)) {
        line(out, "dhcp-no-override");
        line(out, "dhcp-authoritative");
        line(out, "dhcp-hostsfile=%s", hosts);
        line(out, "dhcp-leasefile=%s", leases);
        line(out, "dhcp-lease-max=65536");
        line(out, "no-ping"); /* nobody else gives addresses out on a bridge that we made */
        if (network_mode(def) == FORWARD_NONE)
            line(out, "dhcp-option=3");
        if (def->mtu && serves_dhcp(def, AF_INET))
            line(out, "dhcp-option=26,%u", def->mtu);
    }
    if (network_has_v6(def)) {
        line(out, "enable-ra");
        if (network_mode(def) == FORWARD_NONE)
            line(out, "ra-param=*,0,0");
    }
}

char *
dnsmasq_conf(const Network *n)
{
    const NetworkDef *def = n->live;
    g_autofree char *pid = network_file(n, "pid"), *names = network_file(n, "names");
    GString *out = g_string_new("# Made by vmd at each start of the network; changes are lost.\n");

    line(out, "strict-order");
    line(out, "pid-file=%s", pid);
    line(out, "except-interface=lo");
    line(out, "bind-dynamic");
    line(out, "interface=%s", def->bridge->name);
    line(out, "user=%s", geteuid() == 0 ? "nobody" : "");
    put_dns(out, def);
    if (serves_dns(def))
        line(out, "addn-hosts=%s", names);
    put_domain(out, def);
    put_dhcp(out, n, def);
    EACH (const DnsmasqOption, option, def->dnsmasq)
        line(out, "%s", option->value);
    return g_string_free(out, FALSE);
}

char *
dnsmasq_hosts(const NetworkDef *def)
{
    GString *out = g_string_new(NULL);

    EACH (const NetworkIp, ip, def->ips) {
        gboolean v6 = network_family(ip->family) == AF_INET6;
        EACH (const DhcpHost, host, ip->dhcp ? ip->dhcp->hosts : NULL) {
            if (v6 && host->id)
                g_string_append_printf(out, "id:%s,", host->id);
            if (host->mac)
                g_string_append_printf(out, "%s,", host->mac);
            if (v6)
                g_string_append_printf(out, "%s%s[%s]", host->name ? host->name : "",
                                       host->name ? "," : "", host->ip);
            else
                g_string_append_printf(out, "%s%s%s", host->ip, host->name ? "," : "",
                                       host->name ? host->name : "");
            put_lease_time(out, host->lease);
            g_string_append_c(out, '\n');
        }
    }
    return g_string_free(out, FALSE);
}

char *
dnsmasq_names(const NetworkDef *def)
{
    GString *out = g_string_new(NULL);

    EACH (const DnsHost, host, def->dns ? def->dns->hosts : NULL) {
        g_autofree char *names = g_strjoinv("\t", host->names);
        line(out, "%s\t%s", host->ip, names);
    }
    return g_string_free(out, FALSE);
}

/* ---- files */

static gboolean
write_one(const Network *n, const char *ending, char *text, GError **err)
{
    g_autofree char *path = network_file(n, ending), *owned = text;

    /* dnsmasq reads its hosts again when it is nobody. */
    return file_write_volatile(path, owned, -1, 0644, err);
}

static gboolean
write_files(const Network *n, GError **err)
{
    return write_one(n, "conf", dnsmasq_conf(n), err) &&
           write_one(n, "dhcp-hosts", dnsmasq_hosts(n->live), err) &&
           write_one(n, "names", dnsmasq_names(n->live), err);
}

static void
remove_files(const Network *n)
{
    static const char *const endings[] = { "conf", "dhcp-hosts", "names", "pid" };

    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autofree char *path = network_file(n, endings[i]);
        unlink(path);
    }
}

/* ---- its life */

static void start_again(Network *n);
static gboolean try_again(gpointer user);

/* Waits for a pid file; NULL members while nothing is waited for. */
struct Serving {
    int watch; /* inotify */
    guint source;
    FlowToken token; /* of the start; 0: it was started again */
};

static void
serving_done(Network *n)
{
    Serving *s = n->run->serving;

    if (!s)
        return;
    g_source_remove(s->source);
    fd_close(&s->watch);
    g_free(s);
    n->run->serving = NULL;
}

void
dnsmasq_forget(Network *n)
{
    serving_done(n);
    if (n->run->restart)
        g_source_remove(n->run->restart);
    n->run->restart = 0;
    g_clear_pointer(&n->run->dnsmasq, process_free);
}

static char *
log_path(const Network *n)
{
    return g_strdup_printf("%s/network/%s.log", network_paths->log, n->obj.name);
}

/* dnsmasq's output since it was spawned, for an error. */
static char *
last_words(const Network *n)
{
    g_autofree char *path = log_path(n), *text = NULL;
    gsize len = 0;

    if (!file_read(path, FILE_MAX, &text, &len, NULL))
        return g_strdup("it said nothing");
    return g_strstrip(g_strdup(*text ? text : "it said nothing"));
}

/* Called when dnsmasq is ready, or has ended before that. */
static void
served(Network *n, const GError *err)
{
    FlowToken token = n->run->serving->token;

    serving_done(n);
    n->run->started = g_get_monotonic_time();
    if (token)
        flow_wake(token, err);
}

/* Called when dnsmasq has ended without being asked to. */
static void
died(Network *n, const ProcessEnd *end)
{
    NetworkRun *run = n->run;
    g_autofree char *how = end->status == -1 ? NULL : process_status_text(end->status);
    g_autofree char *cause = g_strdup_printf("its dnsmasq has ended (%s)", how ? how : "unasked");

    if (run->serving) {
        g_autofree char *words = last_words(n);
        log_warning("network '%s': its dnsmasq will not start again: %s", n->obj.name, words);
        serving_done(n);
    } else {
        heal_count(n, CARE_DNSMASQ, cause);
    }
    if (g_get_monotonic_time() - run->started > LASTS_US)
        run->failures = 0;
    start_again(n);
}

static void
on_ended(Process *p, const ProcessEnd *end, gpointer user)
{
    Network *n = user;
    NetworkRun *run = n->run;

    g_clear_pointer(&run->dnsmasq, process_free);
    if (run->serving && run->serving->token) {
        g_autofree char *words = last_words(n);
        g_autoptr(GError) err = NULL;
        fail(&err, ERR_OPERATION_FAILED, "network '%s': dnsmasq will not start: %s", n->obj.name,
             words);
        served(n, err);
    } else if (run->exit_wait) {
        FlowToken token = run->exit_wait;
        run->exit_wait = 0;
        flow_wake(token, NULL);
    } else if (run->renewing && !run->stopping) {
        run->renewing = FALSE;
        serving_done(n);
        try_again(n);
    } else if (!run->stopping) {
        died(n, end);
    }
}

static gboolean
on_file(gint fd, GIOCondition condition, gpointer user)
{
    Network *n = user;
    g_autofree char *path = network_file(n, "pid");
    char events[4096];

    while (read(fd, events, sizeof events) > 0)
        continue;
    if (access(path, F_OK) == 0)
        served(n, NULL);
    return G_SOURCE_CONTINUE; /* serving_done has removed it where that is over */
}

/* Called before dnsmasq is spawned, so that its pid file cannot be missed. */
static gboolean
expect_serving(Network *n, GError **err)
{
    g_autofree char *folder = g_strconcat(network_paths->run, "/network", NULL);
    g_autofree char *pid = network_file(n, "pid");
    fd_auto watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    unlink(pid);
    if (watch < 0 || inotify_add_watch(watch, folder, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return fail_errno(err, errno, "cannot watch %s", folder);
    n->run->serving = g_new0(Serving, 1);
    n->run->serving->watch = fd_steal(&watch);
    n->run->serving->source = g_unix_fd_add(n->run->serving->watch, G_IO_IN, on_file, n);
    return TRUE;
}

static gboolean
spawn(Network *n, GError **err)
{
    g_autofree char *conf = network_file(n, "conf"), *path = log_path(n);
    g_autofree char *option = g_strconcat("--conf-file=", conf, NULL);
    const char *const argv[] = { PROGRAM, option, "--keep-in-foreground", NULL };
    fd_auto log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    ProcessSpec spec = { .argv = argv, .stdout_fd = log, .stderr_fd = log, .detach = TRUE };

    if (log < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    if (!expect_serving(n, err))
        return FALSE;
    n->run->dnsmasq = process_spawn(&spec, on_ended, n, err);
    if (!n->run->dnsmasq)
        serving_done(n);
    return n->run->dnsmasq != NULL;
}

/* The intent before, the process after: a daemon that dies in between leaves the intent, and the
 * undo looks for the process. */
static gboolean
note_process(Flow *f, Process *p, GError **err)
{
    g_autofree char *pid = g_strdup_printf("%d", (int)process_pid(p));
    g_autofree char *start = g_strdup_printf("%" G_GUINT64_FORMAT,
                                             process_start_time(process_pid(p)));

    return flow_note(f, PROGRAM, WORDS(pid, start), err);
}

StepResult
dnsmasq_start(Flow *f, gpointer obj, GError **err)
{
    Network *n = obj;

    if (!dnsmasq_is_wanted(n->live))
        return STEP_DONE;
    if (!flow_note(f, PROGRAM, WORDS(NULL), err) || !write_files(n, err) || !spawn(n, err) ||
        !note_process(f, n->run->dnsmasq, err))
        return STEP_FAILED;
    n->run->serving->token = flow_wait(f);
    return STEP_WAIT;
}

/* A dnsmasq with our configuration. */
static gboolean
is_ours(const Network *n, const char *pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", pid), *text = NULL;
    g_autofree char *conf = network_file(n, "conf");
    g_autofree char *option = g_strconcat("--conf-file=", conf, NULL);
    gsize len = 0, first;

    if (!g_file_get_contents(path, &text, &len, NULL))
        return FALSE;
    first = strlen(text) + 1;
    return first < len && strcmp(text + first, option) == 0;
}

static pid_t
find_process(const Network *n)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (proc && (name = g_dir_read_name(proc)))
        if (g_ascii_isdigit(name[0]) && is_ours(n, name))
            return (pid_t)atoi(name);
    return 0;
}

StepResult
dnsmasq_stop(Flow *f, gpointer obj)
{
    Network *n = obj;
    NetworkRun *run = n->run;
    pid_t pid;

    run->stopping = TRUE;
    serving_done(n);
    if (!run->dnsmasq && (pid = find_process(n)))
        run->dnsmasq = process_adopt(pid, process_start_time(pid), on_ended, n, NULL);
    if (run->restart)
        g_source_remove(run->restart);
    run->restart = 0;
    if (run->dnsmasq) {
        process_signal(run->dnsmasq, SIGKILL, NULL); /* it keeps its leases on disk at all times */
        run->exit_wait = flow_wait_again(f);
        return STEP_WAIT;
    }
    remove_files(n);
    return STEP_DONE;
}

/* ---- again */

static gboolean
try_again(gpointer user)
{
    Network *n = user;
    g_autoptr(GError) err = NULL;

    n->run->restart = 0;
    if (!write_files(n, &err) || !spawn(n, &err)) {
        log_error("network '%s': %s", n->obj.name, err->message);
        start_again(n);
    }
    return G_SOURCE_REMOVE;
}

static void
start_again(Network *n)
{
    NetworkRun *run = n->run;
    guint ms = RETRY_MS << MIN(run->failures, 8);

    run->failures++;
    if (!run->stopping && !run->restart)
        run->restart = g_timeout_add(MIN(ms, RETRY_MOST_MS), try_again, n);
}

void
dnsmasq_adopt(Network *n)
{
    pid_t pid = find_process(n);

    n->run->started = g_get_monotonic_time();
    if (pid)
        n->run->dnsmasq = process_adopt(pid, process_start_time(pid), on_ended, n, NULL);
    if (n->run->dnsmasq)
        return;
    heal_count(n, CARE_DNSMASQ, "its dnsmasq ended while the daemon was away");
    start_again(n);
}

void
dnsmasq_renew(Network *n)
{
    NetworkRun *run = n->run;

    if (!run->dnsmasq)
        return; /* a new one comes in any case */
    run->renewing = TRUE;
    process_signal(run->dnsmasq, SIGKILL, NULL); /* it keeps its leases on disk at all times */
}

/* ---- stopped */

/* The letter that proc(5) has for what it is doing; 0: it has ended. */
static char
state_of(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;
    const char *end;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(end = strrchr(text, ')')))
        return 0;
    return end[1] ? end[2] : 0;
}

/* One that is being traced ('t') has a debugger, whose business it is. */
char *
dnsmasq_unstop(Network *n)
{
    NetworkRun *run = n->run;
    gboolean again = run->was_stopped;

    run->was_stopped = run->dnsmasq && state_of(process_pid(run->dnsmasq)) == 'T';
    if (!run->was_stopped)
        return NULL;
    if (again)
        dnsmasq_renew(n);
    else
        process_signal(run->dnsmasq, SIGCONT, NULL);
    return g_strdup(again ? "its dnsmasq was stopped again" : "its dnsmasq was stopped");
}

/* ---- leases that lost their name */

typedef struct Lost {
    char *target; /* as /proc shows it */
    char *text;
    gsize len;
} Lost;

static void
look_at_fd(pid_t pid, int fd, const char *target, gpointer user)
{
    Lost *lost = user;
    g_autofree char *path = NULL;

    if (lost->text || strcmp(target, lost->target) != 0)
        return;
    path = g_strdup_printf("/proc/%d/fd/%d", (int)pid, fd);
    file_read(path, LEASES_MAX, &lost->text, &lost->len, NULL);
}

char *
dnsmasq_lost_leases(const Network *n, gsize *ret_len)
{
    g_autofree char *path = network_state(n, "leases");
    Lost lost = { .target = g_strconcat(path, " (deleted)", NULL) };

    if (n->run->dnsmasq)
        proc_each_fd(process_pid(n->run->dnsmasq), look_at_fd, &lost);
    g_free(lost.target);
    *ret_len = lost.len;
    return lost.text;
}

gboolean
dnsmasq_reload(Network *n, GError **err)
{
    g_autofree char *path = network_file(n, "conf"), *before = NULL;
    g_autofree char *after = dnsmasq_conf(n);
    gsize len;

    if (!dnsmasq_is_wanted(n->live) || !n->run)
        return TRUE;
    if (!file_read_regular(path, FILE_MAX, &before, &len, NULL, NULL))
        before = g_strdup("");
    if (!write_files(n, err))
        return FALSE;
    if (n->run->dnsmasq && strcmp(before, after) == 0)
        return process_signal(n->run->dnsmasq, SIGHUP, err);
    if (n->run->dnsmasq)
        return process_signal(n->run->dnsmasq, SIGKILL, err); /* on_ended starts it anew */
    return TRUE;
}
