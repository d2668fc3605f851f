/* Guests come up and go down with their host, in the order that their plans say: lower orders come
 * up first and go down last. */
#include "qemu/host_plans.h"

#include <unistd.h>

#include "host/host.h"
#include "qemu/ops/ops.h"

enum { READY_TIMEOUT = 120 };

static HostPlan defaults = { .order = HOST_ORDER_DEFAULT,
                             .timeout = 120,
                             .policy = DOWN_SHUTDOWN,
                             .ready_timeout = READY_TIMEOUT };

void
qemu_set_host_plan(const HostPlan *plan)
{
    defaults = *plan;
    if (!defaults.ready_timeout)
        defaults.ready_timeout = READY_TIMEOUT;
}

/* ---- a guest and its plan */

typedef struct PlannedGuest {
    Vm *vm; /* referenced */
    HostPlan plan;
    guint timer;  /* until its plug is pulled */
    gint64 until; /* monotonic: for how long others wait for it */
    gboolean forced;
} PlannedGuest;

/* Of a definition that cannot be read, or was written by hand, what is wrong has been said before.
 */
static PlannedGuest *
guest_new(Vm *vm)
{
    PlannedGuest *g = g_new0(PlannedGuest, 1);
    const DomainDef *def = vm_def(vm, NULL);
    g_autoptr(GError) err = NULL;

    g->vm = object_ref(vm);
    g->plan = defaults;
    if (def) {
        const Notes notes = NOTES_IN(def);
        if (!host_plan_read(&notes, &g->plan, &err))
            log_warning("domain '%s': %s", vm->obj.name, err->message);
    }
    return g;
}

static void
guest_free(PlannedGuest *g)
{
    g_clear_handle_id(&g->timer, g_source_remove);
    object_unref(g->vm);
    g_free(g);
}

static int
by_order(gconstpointer a, gconstpointer b, gpointer unused)
{
    guint left = ((const PlannedGuest *)a)->plan.order,
          right = ((const PlannedGuest *)b)->plan.order;

    return left < right ? -1 : left > right;
}

/* ---- up */

/* A host that boots has more to do than to start all its guests in one breath. */
#define AUTOSTART_AT_ONCE 4

static struct {
    GQueue waiting; /* of PlannedGuest, by order */
    guint starting; /* guests of that order whose start is not over */
    GQueue coming;  /* of PlannedGuest: started, but not yet what others wait for */
    guint look;     /* at those */
    guint order;
    gint64 not_before; /* no guest of a higher order; monotonic, in microseconds */
    guint timer;
} up = { .waiting = G_QUEUE_INIT, .coming = G_QUEUE_INIT };

static void start_more(void);

static void on_autostarted(Vm *vm, const GError *err, gpointer user);

static gboolean
on_delay_over(gpointer unused)
{
    up.timer = 0;
    start_more();
    return G_SOURCE_REMOVE;
}

static void
on_known(gpointer data)
{
    PlannedGuest *g = data;

    vm_start(g->vm, 0, "autostart", on_autostarted, g);
}

/* Whether the host has heard of an address of one of its interfaces. */
static gboolean
has_address(const Vm *vm)
{
    const GPtrArray *nets = vm->run->live->devices.nets;

    for (guint i = 0; nets && i < nets->len; i++) {
        const NetDef *net = nets->pdata[i];
        g_autoptr(GPtrArray) found = neighbours_of(net->mac, NULL);
        if (found && found->len > 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_ready(const PlannedGuest *g)
{
    switch (g->plan.ready) {
    case READY_STARTED:
    case N_GUEST_READY:
        break;
    case READY_AGENT:
        return guest_check(g->vm, NULL);
    case READY_ADDRESS:
        return has_address(g->vm);
    }
    return TRUE;
}

/* From now on its delay counts. */
static void
came_up(PlannedGuest *g)
{
    up.not_before = MAX(up.not_before,
                        g_get_monotonic_time() + (gint64)g->plan.delay * G_USEC_PER_SEC);
    guest_free(g);
}

/* Nobody tells of an address, so it is looked for. */
static gboolean
on_look_at_coming(gpointer unused)
{
    for (GList *l = up.coming.head, *next; l; l = next) {
        PlannedGuest *g = l->data;
        gboolean late = g_get_monotonic_time() >= g->until;

        next = l->next;
        if (vm_is_active(g->vm) && !late && !is_ready(g))
            continue;
        if (late || !vm_is_active(g->vm))
            log_warning("domain '%s': %s: guests of a higher order do not wait for it any longer",
                        g->vm->obj.name,
                        !vm_is_active(g->vm)           ? "is off again"
                        : g->plan.ready == READY_AGENT ? "has no agent yet"
                                                       : "has no address yet");
        g_queue_delete_link(&up.coming, l);
        came_up(g);
    }
    if (!g_queue_is_empty(&up.coming))
        return G_SOURCE_CONTINUE;
    up.look = 0;
    start_more();
    return G_SOURCE_REMOVE;
}

static void
wait_until_ready(PlannedGuest *g)
{
    enum { LOOK_MS = 250 };

    g->until = g_get_monotonic_time() + (gint64)g->plan.ready_timeout * G_USEC_PER_SEC;
    g_queue_push_tail(&up.coming, g);
    if (!up.look)
        up.look = g_timeout_add(LOOK_MS, on_look_at_coming, NULL);
}

static void
on_autostarted(Vm *vm, const GError *err, gpointer user)
{
    PlannedGuest *g = user;

    if (error_awaited(err)) {
        qemu_await(error_awaited(err), on_known, g);
        return;
    }
    up.starting--;
    if (err) {
        log_error("autostart of domain '%s': %s", g->vm->obj.name, err->message);
        guest_free(g);
    } else if (g->plan.ready != READY_STARTED) {
        wait_until_ready(g);
    } else {
        came_up(g);
    }
    start_more();
}

/* Whether that guest's turn has come. */
static gboolean
may_start(const PlannedGuest *g)
{
    gint64 left = up.not_before - g_get_monotonic_time();

    if (g->plan.order == up.order)
        return up.starting < AUTOSTART_AT_ONCE;
    if (up.starting > 0 || !g_queue_is_empty(&up.coming))
        return FALSE;
    if (left <= 0)
        return TRUE;
    if (!up.timer)
        up.timer = g_timeout_add((guint)(left / 1000 + 1), on_delay_over, NULL);
    return FALSE;
}

static void
start_more(void)
{
    PlannedGuest *g;

    while ((g = g_queue_peek_head(&up.waiting)) && may_start(g)) {
        g_queue_pop_head(&up.waiting);
        up.order = g->plan.order;
        if (g->vm->run || !g->vm->persistent) {
            guest_free(g);
            continue;
        }
        log_info("domain '%s': starts with the host, order %u", g->vm->obj.name, g->plan.order);
        up.starting++;
        vm_start(g->vm, 0, "autostart", on_autostarted, g);
    }
}

static void
on_mark_used(Vm *vm, const GError *err, gpointer user)
{
    if (err)
        log_warning("domain '%s': %s", vm->obj.name, err->message);
}

/* Whether it starts with this boot of the host; "once" is used up by it. */
static gboolean
is_wanted(Vm *vm)
{
    gboolean wanted = vm->autostart[AUTOSTART_ALWAYS] || vm->autostart[AUTOSTART_ONCE];
    g_autoptr(GError) err = NULL;

    if (wanted && !define_get(vm, &err)) {
        log_error("autostart of domain '%s': %s", vm->obj.name, err->message);
        return FALSE;
    }
    if (vm->autostart[AUTOSTART_ONCE])
        vm_set_autostart(vm, AUTOSTART_ONCE, FALSE, "autostart", on_mark_used, NULL);
    return wanted;
}

/* The folder is gone after a boot of the host, and this mark with it. */
void
qemu_autostart(void)
{
    g_autofree char *mark = g_strconcat(qemu_paths->run, "/qemu/autostarted", NULL);
    g_autoptr(GPtrArray) vms = NULL;

    if (access(mark, F_OK) == 0 || !file_write_volatile(mark, "", 0, 0600, NULL))
        return;
    vms = vm_list();
    for (guint i = 0; i < vms->len; i++)
        if (is_wanted(vms->pdata[i]))
            g_queue_insert_sorted(&up.waiting, guest_new(vms->pdata[i]), by_order, NULL);
    start_more();
}

/* ---- down */

typedef struct PlanWaiter {
    HostDownDone done;
    gpointer user;
} PlanWaiter;

static struct {
    GArray *waiters; /* of PlanWaiter; NULL: the host does not go down */
    char *who;
    GQueue waiting; /* of PlannedGuest, by order */
    GQueue asked;   /* of PlannedGuest: of the highest order, until they are off */
    guint events, look;
    HostDown told;
} down = { .waiting = G_QUEUE_INIT, .asked = G_QUEUE_INIT };

static void look_later(void);

static void
leave(PlannedGuest *g)
{
    down.told.left++;
    guest_free(g);
    look_later();
}

/* It may be off by now, and its entry gone with it: then nobody is left to be told. */
static void
on_pulled(Vm *vm, const GError *err, gpointer user)
{
    GList *l = g_queue_find(&down.asked, user);

    if (!err || !l)
        return;
    log_error("domain '%s' runs on: %s", vm->obj.name, err->message);
    g_queue_delete_link(&down.asked, l);
    leave(user);
}

static void
pull(PlannedGuest *g)
{
    g_clear_handle_id(&g->timer, g_source_remove);
    g->forced = TRUE;
    vm_destroy(g->vm, 0, down.who, on_pulled, g);
}

static gboolean
on_late(gpointer user)
{
    PlannedGuest *g = user;

    g->timer = 0;
    log_warning("domain '%s' is not down after %u seconds: its plug is pulled", g->vm->obj.name,
                g->plan.timeout);
    pull(g);
    return G_SOURCE_REMOVE;
}

static void
on_pressed(Vm *vm, const GError *err, gpointer user)
{
    PlannedGuest *g = user;

    if (!err || !g_queue_find(&down.asked, g) || g->forced || !vm_is_active(vm))
        return;
    log_warning("domain '%s': %s: its plug is pulled", vm->obj.name, err->message);
    pull(g);
}

static void
ask_guest(PlannedGuest *g)
{
    log_info("domain '%s': goes down with the host, order %u: %s", g->vm->obj.name, g->plan.order,
             down_policy_word(g->plan.policy));
    switch (g->plan.policy) {
    case DOWN_SHUTDOWN:
        g_queue_push_tail(&down.asked, g);
        g->timer = g_timeout_add_seconds(g->plan.timeout, on_late, g);
        vm_shutdown(g->vm, 0, down.who, on_pressed, g);
        break;
    case DOWN_DESTROY:
        g_queue_push_tail(&down.asked, g);
        pull(g);
        break;
    case DOWN_NONE:
    case N_DOWN_POLICIES:
        leave(g);
        break;
    }
}

static void
down_over(void)
{
    g_autoptr(GArray) waiters = g_steal_pointer(&down.waiters);
    HostDown told = down.told;

    event_unsubscribe(down.events);
    g_clear_pointer(&down.who, g_free);
    log_info("guests are down: %u off, %u by force, %u left", told.off, told.forced, told.left);
    for (guint i = 0; i < waiters->len; i++) {
        const PlanWaiter *w = &g_array_index(waiters, PlanWaiter, i);
        w->done(&told, w->user);
    }
}

static void
forget_those_off(void)
{
    for (GList *l = down.asked.head, *next; l; l = next) {
        PlannedGuest *g = l->data;
        next = l->next;
        if (vm_is_active(g->vm))
            continue;
        down.told.off += !g->forced;
        down.told.forced += g->forced;
        g_queue_delete_link(&down.asked, l);
        guest_free(g);
    }
}

/* Those of one order are asked when all of the one before are off. */
static gboolean
on_look(gpointer unused)
{
    PlannedGuest *g;
    guint order;

    down.look = 0;
    forget_those_off();
    if (!g_queue_is_empty(&down.asked))
        return G_SOURCE_REMOVE;
    if (g_queue_is_empty(&down.waiting)) {
        down_over();
        return G_SOURCE_REMOVE;
    }
    order = ((const PlannedGuest *)g_queue_peek_tail(&down.waiting))->plan.order;
    while ((g = g_queue_peek_tail(&down.waiting)) && g->plan.order == order)
        ask_guest(g_queue_pop_tail(&down.waiting));
    look_later(); /* some may have been off already */
    return G_SOURCE_REMOVE;
}

/* Not amid an event or an answer. */
static void
look_later(void)
{
    if (!down.look)
        down.look = g_idle_add(on_look, NULL);
}

static void
on_event(const Event *event, gpointer unused)
{
    if (event->family == EVENT_DOMAIN && event->id == DOMAIN_EVENT_LIFECYCLE &&
        event->n[0] == LIFECYCLE_STOPPED)
        look_later();
}

static void
stop_coming_up(void)
{
    g_queue_clear_full(&up.waiting, (GDestroyNotify)guest_free);
    g_queue_clear_full(&up.coming, (GDestroyNotify)guest_free);
    g_clear_handle_id(&up.look, g_source_remove);
    g_clear_handle_id(&up.timer, g_source_remove);
}

void
qemu_host_down(const char *who, HostDownDone done, gpointer user)
{
    const PlanWaiter waiter = { done, user };
    g_autoptr(GPtrArray) vms = NULL;

    if (down.waiters) {
        g_array_append_val(down.waiters, waiter);
        return;
    }
    stop_coming_up();
    down.waiters = g_array_new(FALSE, FALSE, sizeof(PlanWaiter));
    g_array_append_val(down.waiters, waiter);
    down.who = g_strdup(who);
    down.told = (HostDown){ 0 };
    down.events = event_subscribe(on_event, NULL);
    vms = vm_list();
    for (guint i = 0; i < vms->len; i++)
        if (vm_is_active(vms->pdata[i]))
            g_queue_insert_sorted(&down.waiting, guest_new(vms->pdata[i]), by_order, NULL);
    look_later();
}

void
host_plans_done(void)
{
    stop_coming_up();
    if (!down.waiters)
        return;
    event_unsubscribe(down.events);
    g_clear_handle_id(&down.look, g_source_remove);
    g_queue_clear_full(&down.waiting, (GDestroyNotify)guest_free);
    g_queue_clear_full(&down.asked, (GDestroyNotify)guest_free);
    g_clear_pointer(&down.waiters, g_array_unref);
    g_clear_pointer(&down.who, g_free);
}
