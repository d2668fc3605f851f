/* Consoles and channels: the host's end of a character device, for one client at a time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops.h"

/* One that is open. */
typedef struct ConsoleSeat {
    guint64 ticket;
    char *path;
    int fd; /* the caller's, until the ticket is handed back */
} ConsoleSeat;

typedef struct Consoles {
    GArray *seats;
    guint64 last_ticket;
} Consoles;

static void
seat_done(gpointer seat)
{
    g_free(((ConsoleSeat *)seat)->path);
}

static void
consoles_free(gpointer consoles)
{
    Consoles *c = consoles;

    g_array_unref(c->seats);
    g_free(c);
}

static Consoles *
consoles_get(Run *run)
{
    Consoles *c = run->consoles.data;

    if (c)
        return c;
    c = g_new0(Consoles, 1);
    c->seats = g_array_new(FALSE, FALSE, sizeof(ConsoleSeat));
    g_array_set_clear_func(c->seats, seat_done);
    run->consoles = (RunPart){ c, consoles_free };
    return c;
}

static gboolean
find_seat(const Consoles *c, const char *path, guint *ret_index)
{
    for (guint i = 0; i < c->seats->len; i++) {
        if (strcmp(g_array_index(c->seats, ConsoleSeat, i).path, path) == 0) {
            *ret_index = i;
            return TRUE;
        }
    }
    return FALSE;
}

/* The client that has the console reads an end of file from now on; the descriptor's number stays
 * its to close. */
static void
evict(Consoles *c, guint index)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
        close(ends[0]);
        dup3(ends[1], g_array_index(c->seats, ConsoleSeat, index).fd, O_CLOEXEC);
        close(ends[1]);
    }
    g_array_remove_index(c->seats, index);
}

/* ---- which device */

static CharDef *
find_console(const DomainDef *live, const char *name)
{
    GPtrArray *lists[] = { live->devices.consoles, live->devices.serials, live->devices.parallels };

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        CharDef *c = NULL;
        if (name)
            c = char_find_alias(lists[i], name);
        else if (lists[i] && lists[i]->len > 0 && lists[i] != live->devices.parallels)
            c = lists[i]->pdata[0];
        if (c)
            return c;
    }
    return NULL;
}

static CharDef *
find_channel(const DomainDef *live, const char *name)
{
    GPtrArray *list = live->devices.channels;

    for (guint i = 0; list && i < list->len; i++) {
        CharDef *c = list->pdata[i];
        if (!name || g_strcmp0(c->name, name) == 0 || g_strcmp0(c->info.alias, name) == 0)
            return c;
    }
    return NULL;
}

/* ---- open and close */

static int
open_end(const CharDef *c, const char *what, GError **err)
{
    const CharEnd *end = char_end(&c->source, 0);
    g_autoptr(HostFd) h = NULL;

    if (!end || !end->path || (c->source.type != CHAR_PTY && c->source.type != CHAR_UNIX)) {
        fail(err, ERR_INTERNAL, "character device %s is not using a PTY or UNIX socket", what);
        return -1;
    }
    h = host_fd_new(c->source.type == CHAR_PTY ? HOST_DEVICE : HOST_CONNECT, end->path, what);
    if (!host_open(h, err) || !fd_set_nonblock(h->fd, err))
        return -1;
    return fd_steal(&h->fd);
}

static gboolean
take_seat(Run *run, const CharDef *c, const char *kind, guint flags, int *ret_fd,
          guint64 *ret_ticket, GError **err)
{
    enum { FORCE = 1 };
    Consoles *all = consoles_get(run);
    const CharEnd *end = char_end(&c->source, 0);
    const char *what = c->info.alias ? c->info.alias : "console";
    ConsoleSeat seat = { 0 };
    guint index;

    if (end && end->path && find_seat(all, end->path, &index)) {
        if (!(flags & FORCE))
            return fail(err, ERR_OPERATION_FAILED, "Active %s exists for this domain", kind);
        evict(all, index);
    }
    if ((seat.fd = open_end(c, what, err)) < 0)
        return FALSE;
    seat.path = g_strdup(end->path);
    seat.ticket = ++all->last_ticket;
    g_array_append_val(all->seats, seat);
    *ret_fd = seat.fd;
    *ret_ticket = seat.ticket;
    return TRUE;
}

gboolean
vm_console_open(Vm *vm, const char *name, guint flags, int *ret_fd, guint64 *ret_ticket,
                GError **err)
{
    const CharDef *c;

    if (!vm_need_running(vm, err))
        return FALSE;
    c = find_console(vm->run->live, name && name[0] ? name : NULL);
    if (!c)
        return fail(err, ERR_INTERNAL, "cannot find character device %s",
                    name ? name : "for a console");
    return take_seat(vm->run, c, "console session", flags, ret_fd, ret_ticket, err);
}

gboolean
vm_channel_open(Vm *vm, const char *name, guint flags, int *ret_fd, guint64 *ret_ticket,
                GError **err)
{
    const CharDef *c;

    if (!vm_need_running(vm, err))
        return FALSE;
    c = find_channel(vm->run->live, name && name[0] ? name : NULL);
    if (!c)
        return fail(err, ERR_INTERNAL, "cannot find channel %s", name ? name : "");
    return take_seat(vm->run, c, "channel stream", flags, ret_fd, ret_ticket, err);
}

void
vm_console_close(Vm *vm, guint64 ticket)
{
    Consoles *c = vm->run ? vm->run->consoles.data : NULL;

    for (guint i = 0; c && i < c->seats->len; i++) {
        if (g_array_index(c->seats, ConsoleSeat, i).ticket == ticket) {
            g_array_remove_index(c->seats, i);
            return;
        }
    }
}
