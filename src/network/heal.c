/* Healing: what an active network stands on is put right when somebody else has changed it.
 *
 * The kernel tells of changes (links, addresses, forwarding, tables of the packet filter), inotify
 * of files of leases. Such a word is only a reason to look: soon after it all active networks are
 * held against one picture of the host's links, row by row (cares). What is wrong is put right,
 * counted and logged with its cause. Whatever somebody undoes again and again is put right less and
 * less often. A network with a flow under way is left alone.
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "filter_priv.h"

#define SOON_MS      50
#define BUSY_MS      1000                  /* guests that were just being changed */
#define REST_TIMES   20                    /* of how long a look took */
#define LASTS_US     (30 * G_USEC_PER_SEC) /* what held so long was worth it */
#define IN_A_ROW     5
#define SLOWEST_S    60
#define OTHERS_TABLE "filter"
#define RULES_MAX    (4 << 20)

static struct Healer {
    HostWatch *watch;
    int inotify;
    guint inotify_source, timer;
    gint64 timer_at, rested; /* monotonic */
    NetworkPorts ports;
    gboolean began;
    gboolean lent; /* addresses, since the last look */
} healer = { .inotify = -1 };

/* The host's links as of this look; NULL: they must be looked at (again). */
typedef struct Seen {
    HostLinks *links;
} Seen;

static const HostLinks *
seen_links(Seen *seen)
{
    g_autoptr(GError) err = NULL;

    if (!seen->links && !(seen->links = host_links_look(&err)))
        log_warning("%s", err->message);
    return seen->links;
}

static const HostLink *
seen_link(Seen *seen, const char *name)
{
    const HostLinks *links = seen_links(seen);

    return links ? host_links_find(links, name) : NULL;
}

/* Our bridge; NULL: there is none of that name, or the links could not be listed. */
static const HostLink *
seen_bridge(const Network *n, Seen *seen)
{
    return n->live->bridge ? seen_link(seen, n->live->bridge->name) : NULL;
}

/* ---- the bridge, its addresses, the kernel's switches */

static char *
bridge_wrong(const Network *n, Seen *seen)
{
    const char *name = n->live->bridge->name;
    const HostLink *link = seen_bridge(n, seen);

    if (!seen->links)
        return NULL;
    if (!link)
        return g_strdup_printf("bridge '%s' was deleted", name);
    if (memcmp(link->mac, n->live->mac, sizeof link->mac) != 0)
        return g_strdup_printf("another link has the name of bridge '%s'", name);
    return NULL;
}

static gboolean
bridge_repair(Network *n, Seen *seen, GError **err)
{
    if (!network_set_bridge_up(n->live, err))
        return FALSE;
    dnsmasq_renew(n); /* its sockets are bound to the old one */
    return TRUE;
}

static char *
link_wrong(const Network *n, Seen *seen)
{
    const HostLink *link = seen_bridge(n, seen);

    return link && !link->up ? g_strdup_printf("bridge '%s' was down", n->live->bridge->name)
                             : NULL;
}

static gboolean
addresses_repair(Network *n, Seen *seen, GError **err)
{
    return network_set_switches(n->live, err) && network_set_addresses(n->live, err);
}

static char *
addresses_wrong(const Network *n, Seen *seen)
{
    const HostLink *link = seen_bridge(n, seen);

    EACH (const NetworkIp, ip, link ? n->live->ips : NULL) {
        int bits = network_prefix(ip->family, ip->address, ip->netmask, ip->prefix, ip->has_prefix);
        if (!host_links_has_address(seen->links, link, ip->address, (guint)bits))
            return g_strdup_printf("bridge '%s' had lost %s/%d", n->live->bridge->name, ip->address,
                                   bits);
    }
    return NULL;
}

static gboolean
is_off(const char *path)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) && atoi(text) == 0;
}

static char *
family_off(const Network *n, const char *family)
{
    g_autofree char *all = g_strdup_printf("/proc/sys/net/%s/conf/all/forwarding", family);
    g_autofree char *own = g_strdup_printf("/proc/sys/net/%s/conf/%s/forwarding", family,
                                           n->live->bridge->name);

    if (is_off(all))
        return g_strdup_printf("%s was 0", all);
    return is_off(own) ? g_strdup_printf("%s was 0", own) : NULL;
}

static char *
switches_wrong(const Network *n, Seen *seen)
{
    char *off = NULL;

    if (network_mode(n->live) == FORWARD_NONE || !seen_bridge(n, seen))
        return NULL;
    if (network_has_v4(n->live))
        off = family_off(n, "ipv4");
    if (!off && network_has_v6(n->live))
        off = family_off(n, "ipv6");
    return off;
}

static gboolean
switches_repair(Network *n, Seen *seen, GError **err)
{
    return network_set_switches(n->live, err);
}

/* ---- rules */

static char *
rules_wrong(const Network *n, Seen *seen)
{
    g_autofree char *now = NULL, *table = NULL;

    if (!n->run->rules || !n->run->rules_due)
        return NULL;
    n->run->rules_due = FALSE;
    now = firewall_listing(n->live->bridge->name);
    if (g_strcmp0(now, n->run->rules) == 0)
        return NULL;
    table = firewall_table(n->live->bridge->name);
    return g_strdup_printf(now ? "table 'inet %s' of the packet filter was changed"
                               : "table 'inet %s' of the packet filter was deleted",
                           table);
}

static gboolean
rules_repair(Network *n, Seen *seen, GError **err)
{
    if (network_set_rules(n, err))
        return TRUE;
    n->run->rules_due = TRUE;
    return FALSE;
}

static char *
others_wrong(const Network *n, Seen *seen)
{
    if (!n->run->others_due || network_mode(n->live) == FORWARD_NONE)
        return NULL;
    n->run->others_due = FALSE;
    return others_lack(n->live) ? g_strdup("chain 'DOCKER-USER' did not accept its packets") : NULL;
}

static gboolean
others_repair(Network *n, Seen *seen, GError **err)
{
    return others_accept(n->live, err);
}

/* ---- taps of guests */

typedef struct PortLook {
    const Network *network;
    Seen *seen;
    guint bridge; /* number of its link */
    gboolean put; /* what is off the bridge is put back */
    char *first;  /* that was off it; NULL: none is */
    GError *err;
} PortLook;

static gboolean
port_is_of(const NetworkPort *port, const Network *n)
{
    return port->network ? strcmp(port->network, n->obj.name) == 0
                         : g_strcmp0(port->bridge, n->live->bridge->name) == 0;
}

static void
look_at_port(const NetworkPort *port, gpointer user)
{
    PortLook *look = user;
    const char *bridge = look->network->live->bridge->name;
    const HostLink *link = port_is_of(port, look->network) ? seen_link(look->seen, port->link)
                                                           : NULL;

    if (!link || !link->is_tap || link->master == look->bridge || look->err)
        return;
    if (!look->first)
        look->first = g_strdup(port->link);
    if (look->put && link_set_bridge(port->link, bridge, &look->err) && port->isolated)
        port_isolate(port->link, &look->err);
}

static void heal_in(guint ms);

static void
look_at_ports(PortLook *look)
{
    const HostLink *bridge = seen_bridge(look->network, look->seen);

    if (!healer.ports || !bridge)
        return;
    look->bridge = bridge->index;
    if (!healer.ports(look_at_port, look))
        heal_in(BUSY_MS);
}

static char *
ports_wrong(const Network *n, Seen *seen)
{
    PortLook look = { .network = n, .seen = seen };
    g_autofree char *first = NULL;

    look_at_ports(&look);
    first = look.first;
    return first ? g_strdup_printf("link '%s' was not in bridge '%s'", first, n->live->bridge->name)
                 : NULL;
}

static gboolean
ports_repair(Network *n, Seen *seen, GError **err)
{
    PortLook look = { .network = n, .seen = seen, .put = TRUE };

    look_at_ports(&look);
    g_free(look.first);
    if (look.err)
        g_propagate_error(err, look.err);
    return look.err == NULL;
}

gboolean
heal_ports(Network *n, GError **err)
{
    Seen seen = { NULL };
    gboolean ok = !n->live->bridge || !n->live->bridge->name || ports_repair(n, &seen, err);

    host_links_free(seen.links);
    return ok;
}

void
network_on_ports(NetworkPorts ports)
{
    healer.ports = ports;
}

/* ---- leases */

static char *
leases_wrong(const Network *n, Seen *seen)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!n->run->leases_due)
        return NULL;
    n->run->leases_due = FALSE;
    text = dnsmasq_lost_leases(n, &len);
    return text ? g_strdup("its file of leases was removed") : NULL;
}

/* dnsmasq goes on to write to what has no name any more. Somebody may have put another file there:
 * then that is what counts. */
static gboolean
leases_repair(Network *n, Seen *seen, GError **err)
{
    g_autofree char *path = network_state(n, "leases"), *text = NULL;
    gsize len;

    text = dnsmasq_lost_leases(n, &len);
    if (text && access(path, F_OK) != 0 && !file_write_volatile(path, text, (gssize)len, 0644, err))
        return FALSE;
    dnsmasq_renew(n);
    return TRUE;
}

/* ---- all that is cared for, in the order in which it stands on each other */

static const struct {
    const char *what;
    gboolean others; /* also where the bridge is not the network's own */
    char *(*wrong)(const Network *n, Seen *seen); /* NULL: nothing is. Caller frees */
    gboolean (*repair)(Network *n, Seen *seen, GError **err);
} cares[N_CARES] = {
    [CARE_BRIDGE] = { "bridge", FALSE, bridge_wrong, bridge_repair },
    [CARE_LINK] = { "link", FALSE, link_wrong, addresses_repair },
    [CARE_ADDRESSES] = { "addresses", FALSE, addresses_wrong, addresses_repair },
    [CARE_SWITCHES] = { "forwarding", FALSE, switches_wrong, switches_repair },
    [CARE_RULES] = { "rules", FALSE, rules_wrong, rules_repair },
    [CARE_OTHERS] = { "others", FALSE, others_wrong, others_repair },
    [CARE_PORTS] = { "ports", TRUE, ports_wrong, ports_repair },
    [CARE_LEASES] = { "leases", FALSE, leases_wrong, leases_repair },
    [CARE_DNSMASQ] = { "dnsmasq", FALSE, NULL, NULL }, /* dnsmasq.c */
};

static void
note(Mended *m, const char *cause)
{
    m->times++;
    m->when = g_get_real_time();
    if (m->cause != cause) {
        g_free(m->cause);
        m->cause = g_strdup(cause);
    }
}

void
heal_count(Network *n, Care care, const char *cause)
{
    Mended *m = &n->run->mended[care];

    note(m, cause);
    log_warning("network '%s': %s; it is put right (for the %u. time)", n->obj.name, cause,
                m->times);
}

/* Somebody who does it again and again means it: then it is put right less and less often. */
static void
slow_down(Network *n, Care care)
{
    Mended *m = &n->run->mended[care];
    gint64 now = g_get_monotonic_time();
    guint over, wait_s;

    m->in_a_row = m->at && now - m->at < LASTS_US ? m->in_a_row + 1 : 1;
    m->at = now;
    if (m->in_a_row < IN_A_ROW)
        return;
    over = MIN(m->in_a_row - IN_A_ROW, 6);
    wait_s = MIN(2u << over, SLOWEST_S);
    m->before = now + wait_s * G_USEC_PER_SEC;
    m->at = m->before; /* the wait does not count as calm */
    log_warning("network '%s': somebody changes its %s again and again; it is next put right in "
                "%u s, if need be",
                n->obj.name, cares[care].what, wait_s);
}

static void
care_for(Network *n, Care care, Seen *seen)
{
    Mended *m = &n->run->mended[care];
    gint64 left = m->before - g_get_monotonic_time();
    g_autofree char *cause = NULL;
    g_autoptr(GError) err = NULL;

    if (left > 0) {
        heal_in((guint)(left / 1000) + 1);
        return;
    }
    if (!(cause = cares[care].wrong(n, seen)))
        return;
    if (cares[care].repair(n, seen, &err)) {
        heal_count(n, care, cause);
    } else {
        log_error("network '%s': %s, and that cannot be put right now: %s", n->obj.name, cause,
                  err->message);
        heal_in(BUSY_MS);
    }
    slow_down(n, care);
    g_clear_pointer(&seen->links, host_links_free);
}

/* ---- looking */

static gboolean
is_ours_to_heal(const Network *n)
{
    return n->live && n->run && !n->run->stopping && !n->obj.flow &&
           ledger_committed(object_ledger((gpointer)n), &network_start_table) &&
           !ledger_unwinding(object_ledger((gpointer)n));
}

static void
look(void)
{
    g_autoptr(GPtrArray) all = network_list();
    Seen seen = { NULL };
    guint again_ms = filters_heal();

    if (again_ms)
        heal_in(again_ms);
    if (healer.lent)
        filters_learn();
    healer.lent = FALSE;
    for (guint i = 0; i < all->len; i++) {
        Network *n = all->pdata[i];
        gboolean has_bridge = n->live && n->live->bridge && n->live->bridge->name;

        for (Care care = 0; has_bridge && is_ours_to_heal(n) && care < N_CARES; care++)
            if (cares[care].wrong && (cares[care].others || network_owns_bridge(n->live)))
                care_for(n, care, &seen);
    }
    host_links_free(seen.links);
}

static gboolean
on_time(gpointer user)
{
    gint64 began = g_get_monotonic_time(), now;

    healer.timer = 0;
    look();
    now = g_get_monotonic_time();
    healer.rested = now + MIN((now - began) * REST_TIMES, G_USEC_PER_SEC);
    return G_SOURCE_REMOVE;
}

static void
heal_in(guint ms)
{
    gint64 now = g_get_monotonic_time(),
           at = MAX(now + ms * G_GINT64_CONSTANT(1000), healer.rested);

    if (!healer.began || (healer.timer && healer.timer_at <= at))
        return;
    if (healer.timer)
        g_source_remove(healer.timer);
    healer.timer_at = at;
    healer.timer = g_timeout_add((guint)((at - now) / 1000), on_time, NULL);
}

void
heal_soon(void)
{
    heal_in(SOON_MS);
}

/* ---- hearing */

void
heal_learn(void)
{
    healer.lent = TRUE;
    heal_soon();
}

static void
doubt_rules(const char *table)
{
    g_autoptr(GPtrArray) all = network_list();

    for (guint i = 0; i < all->len; i++) {
        const Network *n = all->pdata[i];
        g_autofree char *own = n->run && n->live && n->live->bridge && n->live->bridge->name
                                   ? firewall_table(n->live->bridge->name)
                                   : NULL;
        gboolean ours = own && (!table || strcmp(table, own) == 0);
        gboolean others = own && (!table || strcmp(table, OTHERS_TABLE) == 0);

        if (!ours && !others)
            continue;
        n->run->rules_due |= ours;
        n->run->others_due |= others;
        heal_soon();
    }
}

static void
on_host_changed(HostChange what, const char *table, gpointer user)
{
    if (what == CHANGED_RULES && (!table || strcmp(table, FILTER_TABLE) == 0)) {
        filters_doubt();
        heal_soon();
    }
    if (what == CHANGED_RULES)
        doubt_rules(table);
    else
        heal_soon();
}

static void
doubt_leases(const char *file)
{
    g_autoptr(GPtrArray) all = network_list();

    for (guint i = 0; i < all->len; i++) {
        const Network *n = all->pdata[i];
        g_autofree char *path = network_state(n, "leases"), *own = g_path_get_basename(path);
        if (n->run && (!file || strcmp(file, own) == 0)) {
            n->run->leases_due = TRUE;
            heal_soon();
        }
    }
}

static void
hear_of_file(const struct inotify_event *e)
{
    if (e->mask & IN_MODIFY)
        heal_learn();
    else
        doubt_leases(e->mask & IN_Q_OVERFLOW || e->len == 0 ? NULL : e->name);
}

static gboolean
on_leases(gint fd, GIOCondition condition, gpointer user)
{
    char buffer[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
    gssize len;

    while ((len = read(fd, buffer, sizeof buffer)) > 0)
        for (const char *at = buffer; at < buffer + len;) {
            const struct inotify_event *e = (const struct inotify_event *)at;
            hear_of_file(e);
            at += sizeof *e + e->len;
        }
    return G_SOURCE_CONTINUE;
}

static void
watch_leases(void)
{
    g_autofree char *folder = g_strconcat(network_paths->lib, "/network", NULL);

    healer.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (healer.inotify < 0 ||
        inotify_add_watch(healer.inotify, folder, IN_DELETE | IN_MOVED_FROM | IN_MODIFY) < 0) {
        log_warning("files of leases are not watched: %s", g_strerror(errno));
        fd_close(&healer.inotify);
        return;
    }
    healer.inotify_source = g_unix_fd_add(healer.inotify, G_IO_IN, on_leases, NULL);
}

/* ---- what clients ask */

GArray *
network_repairs(const Network *n, GError **err)
{
    GArray *rows;

    if (!n->live || !n->run) {
        fail(err, ERR_OPERATION_INVALID, "network '%s' is not active", n->obj.name);
        return NULL;
    }
    rows = g_array_new(FALSE, FALSE, sizeof(NetworkRepair));
    for (Care care = 0; care < N_CARES; care++) {
        const Mended *m = &n->run->mended[care];
        const NetworkRepair row = { cares[care].what, m->times, m->when / G_USEC_PER_SEC,
                                    m->cause };
        g_array_append_val(rows, row);
    }
    return rows;
}

/* ---- begin and end */

/* Of a network that an earlier daemon has started: all of it may have changed. */
void
heal_adopt(Network *n)
{
    g_autofree char *path = network_file(n, "rules");

    file_read_regular(path, RULES_MAX, &n->run->rules, &(gsize){ 0 }, NULL, NULL);
    if (!n->run->rules && network_owns_bridge(n->live) && network_mode(n->live) != FORWARD_OPEN)
        n->run->rules = g_strdup("");
    n->run->rules_due = n->run->others_due = n->run->leases_due = TRUE;
}

void
heal_forget(Network *n)
{
    g_clear_pointer(&n->run->rules, g_free);
    for (Care care = 0; care < N_CARES; care++)
        g_clear_pointer(&n->run->mended[care].cause, g_free);
}

void
heal_init(void)
{
    healer.began = TRUE;
    healer.rested = 0;
    healer.watch = host_watch_new(on_host_changed, NULL);
    watch_leases();
    heal_soon();
}

void
heal_done(void)
{
    healer.began = FALSE;
    g_clear_handle_id(&healer.timer, g_source_remove);
    g_clear_handle_id(&healer.inotify_source, g_source_remove);
    fd_close(&healer.inotify);
    g_clear_pointer(&healer.watch, host_watch_free);
}
