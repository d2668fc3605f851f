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

#include "heal_priv.h"

#define SOON_MS       50
#define REST_TIMES    20 /* of how long a look took */
#define LEASES_EVENTS (IN_DELETE | IN_MOVED_FROM | IN_MODIFY)
#define TICK_S        1 /* for what nobody tells of */
#define OTHERS_TABLE  "filter"
#define RULES_MAX     (4 << 20)

static struct Healer {
    HostWatch *watch;
    int inotify;
    guint inotify_source, timer, tick;
    gint64 timer_at, rested; /* monotonic */
    gboolean began;
    gboolean lent; /* addresses, since the last look */
} healer = { .inotify = -1 };

static const HostLinks *
view_links(HostView *p)
{
    g_autoptr(GError) err = NULL;

    if (!p->links && !(p->links = host_links_look(&err)))
        log_warning("%s", err->message);
    return p->links;
}

const HostLink *
view_link(HostView *p, const char *name)
{
    const HostLinks *links = view_links(p);

    return links ? host_links_find(links, name) : NULL;
}

const HostLink *
view_bridge(HostView *p, const Network *n)
{
    return n->live->bridge ? view_link(p, n->live->bridge->name) : NULL;
}

/* ---- counting */

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
    log_warning("network '%s': %s; it is put right, repair number %u", n->obj.name, cause,
                m->times);
}

/* Somebody who does it again and again means it: then it is put right less and less often. */
static void
slow_down(Network *n, Care care)
{
    Mended *m = &n->run->mended[care];
    gint64 now = g_get_monotonic_time();
    guint over, wait_s;

    m->in_a_row = m->at && now - m->at < HEAL_LASTS_US ? m->in_a_row + 1 : 1;
    m->at = now;
    if (m->in_a_row < HEAL_IN_A_ROW)
        return;
    over = MIN(m->in_a_row - HEAL_IN_A_ROW, 6);
    wait_s = MIN(1u << over, HEAL_SLOWEST_S);
    m->before = now + wait_s * G_USEC_PER_SEC;
    m->at = m->before; /* the wait does not count as calm */
    log_warning(
        "network '%s': another program changes its %s again and again; the next repair is in "
        "%u s at the earliest",
        n->obj.name, cares[care].what, wait_s);
}

static void
care_for(Network *n, Care care, HostView *p)
{
    Mended *m = &n->run->mended[care];
    gint64 left = m->before - g_get_monotonic_time();
    g_autofree char *cause = NULL;
    g_autoptr(GError) err = NULL;

    if (left > 0) {
        heal_in((guint)(left / 1000) + 1);
        return;
    }
    if (!(cause = cares[care].wrong(n, p)))
        return;
    if (cares[care].repair(n, p, &err)) {
        heal_count(n, care, cause);
    } else {
        log_error("network '%s': %s, and that cannot be put right now: %s", n->obj.name, cause,
                  err->message);
        heal_in(BUSY_MS);
    }
    slow_down(n, care);
    g_clear_pointer(&p->links, host_links_free);
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
on_speed_healed(const char *link, const char *cause)
{
    g_autoptr(GPtrArray) all = network_list();
    gboolean counted = FALSE;

    for (guint i = 0; i < all->len; i++) {
        Network *n = all->pdata[i];
        const BridgeDef *bridge = n->live && n->run ? n->live->bridge : NULL;
        if (!bridge || (g_strcmp0(bridge->name, link) != 0 && !ports_have(n, link)))
            continue;
        heal_count(n, CARE_SPEED, cause);
        counted = TRUE;
    }
    if (!counted)
        log_warning("%s; it is put right", cause);
}

/* Told once for each network whose guests have filters, and once where none of them are in one. */
static void
look_at_filters(const GPtrArray *all)
{
    g_autofree char *cause = NULL;
    guint again_ms = filters_heal(&cause);
    gboolean counted = FALSE;

    if (again_ms)
        heal_in(again_ms);
    for (guint i = 0; cause && i < all->len; i++) {
        Network *n = all->pdata[i];
        const BridgeDef *bridge = n->live && n->run ? n->live->bridge : NULL;
        if (!bridge || !bridge->name || !filters_have(bridge->name))
            continue;
        heal_count(n, CARE_FILTERS, cause);
        counted = TRUE;
    }
    if (cause && !counted)
        log_warning("%s; it is put right", cause);
}

static void
look(void)
{
    g_autoptr(GPtrArray) all = network_list();
    HostView p = { NULL };
    guint again_ms = speed_heal(on_speed_healed);

    if (again_ms)
        heal_in(again_ms);
    look_at_filters(all);
    if (healer.lent)
        filters_learn();
    healer.lent = FALSE;
    for (guint i = 0; i < all->len; i++) {
        Network *n = all->pdata[i];
        gboolean has_bridge = n->live && n->live->bridge && n->live->bridge->name;

        for (Care care = 0; has_bridge && is_ours_to_heal(n) && care < N_CARES; care++)
            if (cares[care].wrong && (cares[care].others || network_owns_bridge(n->live)))
                care_for(n, care, &p);
    }
    ports_heal_others(&p);
    host_links_free(p.links);
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

void
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
doubt_routes(guint link)
{
    g_autoptr(GPtrArray) all = network_list();

    for (guint i = 0; i < all->len; i++) {
        const Network *n = all->pdata[i];
        if (!n->run || (link && n->run->link != link))
            continue;
        n->run->routes_due = TRUE;
        heal_soon();
    }
}

static void
on_host_changed(const HostNews *news, gpointer user)
{
    switch (news->what) {
    case CHANGED_LINKS:
        heal_soon();
        break;
    case CHANGED_ROUTES:
        doubt_routes(news->link);
        break;
    case CHANGED_QUEUES:
        speed_doubt_link(news->link);
        break;
    case CHANGED_RULES:
        if (!news->table || strcmp(news->table, FILTER_TABLE) == 0) {
            filters_doubt();
            heal_soon();
        }
        speed_doubt_table(news->table);
        doubt_rules(news->table);
        break;
    }
}

/* ---- what nobody tells of: a process that is stopped, some of the kernel's switches */

static gboolean
on_tick(gpointer user)
{
    g_autoptr(GPtrArray) all = network_list();
    HostView p = { NULL };

    for (guint i = 0; i < all->len; i++) {
        Network *n = all->pdata[i];
        g_autofree char *stopped = NULL;

        if (!n->live || !n->live->bridge || !network_owns_bridge(n->live) || !is_ours_to_heal(n))
            continue;
        if ((stopped = dnsmasq_unstop(n)))
            heal_count(n, CARE_DNSMASQ, stopped);
        care_for(n, CARE_V6, &p);
    }
    host_links_free(p.links);
    return G_SOURCE_CONTINUE;
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
    else if (!(e->mask & IN_IGNORED))
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

/* The one of that name; a watch of one that was removed lasts as long as anybody has a file of it
 * open, and says nothing. */
static gboolean
watch_folder(GError **err)
{
    g_autofree char *folder = g_strconcat(network_paths->lib, "/network", NULL);

    return inotify_add_watch(healer.inotify, folder, LEASES_EVENTS) >= 0 ||
           fail_errno(err, errno, "files of leases in %s are not watched", folder);
}

gboolean
heal_leases_folder(GError **err)
{
    g_autofree char *folder = g_strconcat(network_paths->lib, "/network", NULL);

    if (access(folder, F_OK) == 0)
        return TRUE;
    log_warning("%s was removed; it is made again", folder);
    return dir_make(folder, 0755, err) && watch_folder(err);
}

static void
watch_leases(void)
{
    g_autoptr(GError) err = NULL;

    healer.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (healer.inotify < 0)
        fail_errno(&err, errno, "files of leases are not watched");
    if (err || !watch_folder(&err)) {
        log_warning("%s", err->message);
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

/* For a network that an earlier daemon has started: everything may have changed since. */
void
heal_adopt(Network *n)
{
    g_autofree char *path = network_file(n, "rules");

    ports_adopt(n);
    file_read_regular(path, RULES_MAX, &n->run->rules, &(gsize){ 0 }, NULL, NULL);
    if (!n->run->rules && network_owns_bridge(n->live) && network_mode(n->live) != FORWARD_OPEN)
        n->run->rules = g_strdup("");
    n->run->rules_due = n->run->others_due = n->run->leases_due = n->run->routes_due = TRUE;
    if (n->live->bridge && n->live->bridge->name && n->live->bandwidth)
        link_limit_again(n->live->bridge->name, n->live->bandwidth);
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
    healer.tick = g_timeout_add_seconds(TICK_S, on_tick, NULL);
    heal_soon();
}

void
heal_done(void)
{
    healer.began = FALSE;
    g_clear_handle_id(&healer.timer, g_source_remove);
    g_clear_handle_id(&healer.tick, g_source_remove);
    speed_done();
    g_clear_handle_id(&healer.inotify_source, g_source_remove);
    fd_close(&healer.inotify);
    g_clear_pointer(&healer.watch, host_watch_free);
}
