/* The server: accepts connections within limits, and knows every client. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu/qemu.h"
#include "rpc_priv.h"

#define RETRY_SECONDS 1

static void server_accept(Server *s);

/* ---- accepting */

static gboolean
peer_creds(int fd, gboolean readonly, Creds *ret_creds, GError **err)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return fail_errno(err, errno, "cannot find out which process connects");
    if (vm_owns_user(cred.uid))
        return fail(err, ERR_AUTH_FAILED, "a QEMU (user %u) connects, and is not listened to",
                    cred.uid);
    *ret_creds = (Creds){
        .uid = cred.uid,
        .gid = cred.gid,
        .pid = cred.pid,
        .start_time = process_start_time(cred.pid),
        .readonly = readonly,
    };
    return TRUE;
}

/* The reserve for root and the group is not available on the read-only socket: it is full earlier.
 */
static gboolean
listener_full(const Listener *l)
{
    static const BudgetKind kinds[] = { BUDGET_CONNECTIONS, BUDGET_DESCRIPTORS };
    const Budgets *b = l->server->budgets;

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const BudgetRow *row = &b->rows[kinds[i]];
        if (b->counts[kinds[i]].used >= row->all - (l->readonly ? row->reserve : 0))
            return TRUE;
    }
    return FALSE;
}

static void
server_stop_accepting(Server *s)
{
    for (gsize i = 0; i < G_N_ELEMENTS(s->listeners); i++)
        g_clear_handle_id(&s->listeners[i].watch, g_source_remove);
}

static gboolean
on_retry(gpointer user)
{
    Server *s = user;

    s->retry = 0;
    server_accept(s);
    return G_SOURCE_REMOVE;
}

static void
accept_later(Server *s)
{
    if (!s->retry)
        s->retry = g_timeout_add_seconds(RETRY_SECONDS, on_retry, s);
}

/* Out of descriptors or memory: those who knock wait in the backlog while others leave. */
static void
accept_failed(Server *s, int errnum)
{
    if (errnum == EAGAIN || errnum == EINTR || errnum == ECONNABORTED)
        return;
    log_warning("cannot accept a client: %s", g_strerror(errnum));
    server_stop_accepting(s);
    accept_later(s);
}

/* A user with too many connections is hung up on at once, so that others are not kept waiting. What
 * it may have sent already is not read, and so is let go of as account_discard does. */
static void
admit(Server *s, int fd, const Creds *creds)
{
    g_autoptr(GError) err = NULL;
    Account *a = account_new(s->budgets, creds->uid, !creds->readonly || creds->uid == 0);

    if (account_check(a, BUDGET_CONNECTIONS, 1, &err) &&
        account_check(a, BUDGET_DESCRIPTORS, 1, &err)) {
        client_new(s, fd, creds, a);
        return;
    }
    log_warning("a connection of uid %u (pid %d) is refused: %s", (guint)creds->uid,
                (int)creds->pid, err->message);
    account_discard(fd, a);
    account_unref(a);
}

static gboolean
on_connection(gint listening, GIOCondition condition, gpointer user)
{
    Listener *l = user;
    Server *s = l->server;
    g_autoptr(GError) err = NULL;
    fd_auto fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    Creds creds;

    if (fd < 0) {
        accept_failed(s, errno);
        return l->watch ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
    }
    if (peer_creds(fd, l->readonly, &creds, &err))
        admit(s, fd_steal(&fd), &creds);
    else
        log_warning("%s", err->message);
    if (!listener_full(l))
        return G_SOURCE_CONTINUE;
    log_warning("%u clients: no more are let in at %s until one leaves", s->clients.length,
                l->path);
    l->watch = 0;
    accept_later(s);
    return G_SOURCE_REMOVE;
}

static void
server_accept(Server *s)
{
    for (gsize i = 0; i < G_N_ELEMENTS(s->listeners); i++) {
        Listener *l = &s->listeners[i];
        if (l->fd >= 0 && !l->watch && listener_full(l))
            accept_later(s);
        else if (l->fd >= 0 && !l->watch)
            l->watch = g_unix_fd_add(l->fd, G_IO_IN, on_connection, l);
    }
}

void
server_forget(Server *s, Client *c)
{
    g_queue_unlink(&s->clients, &c->link);
}

/* Calls that wait for room are looked at again after this time: once for all that end meanwhile. */
#define ROOM_MS 5

static gboolean
on_room_timer(gpointer user)
{
    Server *s = user;
    GList *next;

    s->room_timer = 0;
    calls_unpark(s);
    if (s->parked.length > 0)
        server_ask_room(s);
    for (GList *l = s->clients.head; l; l = next) {
        next = l->next;
        client_update_flow(l->data);
    }
    return G_SOURCE_REMOVE;
}

void
server_ask_room(Server *s)
{
    if (!s->room_timer)
        s->room_timer = g_timeout_add(ROOM_MS, on_room_timer, s);
}

guint
server_n_clients(const Server *s)
{
    return s->clients.length;
}

gboolean
server_is_idle(Server *s)
{
    gboolean is_new = s->last_idle != s->last_client;

    s->last_idle = s->last_client;
    return !is_new && s->clients.length == 0 && s->budgets->counts[BUDGET_CALLS].used == 0;
}

/* ---- who may */

/* The file itself is asked, for it may be systemd's; the name service is not. */
static void
find_who_may(Server *s)
{
    const ServerGroup *group = &s->settings->group;
    const char *path = s->listeners[0].path;
    g_autofree char *name = NULL;
    struct stat st;
    gboolean known = stat(path, &st) == 0;

    g_free(s->who_may);
    g_clear_pointer(&s->managers, g_free);
    s->manager_gid = known && st.st_mode & S_IWGRP ? st.st_gid : 0;
    name = group->is_there && group->gid == s->manager_gid
               ? g_strdup(group->name)
               : g_strdup_printf("%u", (guint)s->manager_gid);
    if (s->manager_gid)
        s->managers = g_strdup_printf("root and members of the group %s may", name);
    if (known && st.st_mode & S_IWOTH)
        s->who_may = g_strdup_printf("connect to %s for that", path);
    else
        s->who_may = g_strdup_printf("%s, at %s", s->managers ? s->managers : "only root may",
                                     path);
}

/* ---- the server */

static void
on_event(const Event *event, gpointer user)
{
    Server *s = user;

    for (GList *l = s->clients.head; l; l = l->next)
        client_on_event(l->data, event);
}

static const ServerSettings *
settings_without_file(void)
{
    static ServerSettings settings = {
        .rw_perms = 0600, .ro_perms = 0666, .readonly = TRUE, .audit = TRUE, .others_read = TRUE
    };

    memcpy(settings.budgets, budget_defaults, sizeof(settings.budgets));
    return &settings;
}

Server *
server_open(const Paths *paths, const ServerSettings *settings, const ServerSockets *given,
            MethodsOf methods, GError **err)
{
    const ServerSockets none = { -1, -1 };
    g_autoptr(Server) s = g_new0(Server, 1);

    s->paths = paths;
    s->settings = settings ? settings : settings_without_file();
    s->budgets = budgets_new();
    budgets_set(s->budgets, s->settings->budgets);
    s->remote = slots_load(PROGRAM_REMOTE, methods(PROGRAM_REMOTE));
    s->qemu = slots_load(PROGRAM_QEMU, methods(PROGRAM_QEMU));
    s->own = slots_load(PROGRAM_VMD, methods(PROGRAM_VMD));
    if (!listeners_open(s, given ? given : &none, err))
        return NULL;
    find_who_may(s);
    permit_set(s);
    s->subscription = event_subscribe(on_event, s);
    server_accept(s);
    return g_steal_pointer(&s);
}

gboolean
server_listen_again(Server *s, GError **err)
{
    gboolean ok = listeners_again(s, err);

    server_accept(s);
    return ok;
}

void
server_settings_changed(Server *s)
{
    budgets_set(s->budgets, s->settings->budgets);
    listeners_permit(s);
    find_who_may(s);
    permit_set(s);
    server_accept(s);
}

void
server_close(Server *s)
{
    access_set_authority(NULL, NULL);
    if (s->subscription)
        event_unsubscribe(s->subscription);
    s->subscription = 0;
    listeners_close(s);
    while (s->clients.head)
        client_free(s->clients.head->data);
    server_stop_accepting(s);
    g_clear_handle_id(&s->retry, g_source_remove);
    g_clear_handle_id(&s->room_timer, g_source_remove);
}

void
server_free(Server *s)
{
    if (!s)
        return;
    server_close(s);
    kept_clear(s);
    budgets_unref(s->budgets);
    wire_buf_done(&s->out);
    g_free(s->who_may);
    g_free(s->managers);
    g_free(s->remote);
    g_free(s->qemu);
    g_free(s->own);
    g_free(s);
}
