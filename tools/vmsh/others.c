/* Who lists the machines of one daemon may look for one of another: system or session, vmd's or
 * libvirt's. Only daemons that run are asked, for nothing is to start by being listed, and none of
 * them for longer than a moment. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "vmsh/list.h"

#define PATIENCE_US (G_USEC_PER_SEC / 4)

/* Below the folder where its state is. */
typedef struct Instance {
    gboolean session;
    const char *pid, *socket;
    const char *name, *command;
} Instance;

static const Instance instances[] = {
    { FALSE, "vmd/vmd.pid", "vmd/vmd-ro.sock", "vmd:///system", "vmsh -r -c vmd:///system" },
    { TRUE, "vmd/vmd.pid", "vmd/vmd.sock", "vmd:///session", "vmsh -c vmd:///session" },
    { FALSE, "libvirtd.pid", "libvirt/libvirt-sock-ro", "libvirt's qemu:///system",
      "virsh -r -c qemu:///system" },
    { FALSE, "virtqemud.pid", "libvirt/virtqemud-sock-ro", "libvirt's qemu:///system",
      "virsh -r -c qemu:///system" },
    { TRUE, "libvirt/libvirtd.pid", "libvirt/libvirt-sock", "libvirt's qemu:///session",
      "virsh -c qemu:///session" },
    { TRUE, "libvirt/virtqemud.pid", "libvirt/virtqemud-sock", "libvirt's qemu:///session",
      "virsh -c qemu:///session" },
};

static char *
path_of(const Instance *i, const char *name)
{
    return g_build_filename(i->session ? g_get_user_runtime_dir() : "/run", name, NULL);
}

static gboolean
is_running(const Instance *i)
{
    g_autofree char *path = path_of(i, i->pid), *text = NULL;
    gint64 pid;

    return file_read(path, 32, &text, NULL, NULL) &&
           g_ascii_string_to_signed(g_strstrip(text), 10, 1, G_MAXINT, &pid, NULL) &&
           (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static gboolean
list_domains(Conn *c, Arena *arena, ConnectListAllDomainsRet *ret)
{
    const ConnectListAllDomainsArgs args = { .need_results = 1 };

    return conn_call(c, PROGRAM_REMOTE, PROC_CONNECT_LIST_ALL_DOMAINS, &args, arena, ret, NULL);
}

static guint
count_more(const ConnectListAllDomainsRet *theirs, const ConnectListAllDomainsRet *ours)
{
    guint n = 0;

    for (guint i = 0; i < theirs->domains.n; i++) {
        guint j = 0;

        while (j < ours->domains.n &&
               memcmp(theirs->domains.v[i].uuid, ours->domains.v[j].uuid, 16) != 0)
            j++;
        n += j == ours->domains.n;
    }
    return n;
}

/* How many domains it has that are not among ours. */
static guint
look(const Instance *i, const ConnectListAllDomainsRet *ours)
{
    static const KeepAlive none = { 0 };
    g_autofree char *path = path_of(i, i->socket);
    g_autoptr(Conn) c = conn_try(path, g_get_monotonic_time() + PATIENCE_US);
    ConnectListAllDomainsRet theirs = { 0 };
    guint n = 0;
    Arena arena;

    if (!c)
        return 0;
    arena_init(&arena, NULL, 0);
    if (conn_start(c, i->session ? "qemu:///session" : "qemu:///system", !i->session, &none,
                   NULL) &&
        list_domains(c, &arena, &theirs))
        n = count_more(&theirs, ours);
    arena_done(&arena);
    return n;
}

void
list_tell_others(Shell *s, gboolean is_empty)
{
    ConnectListAllDomainsRet ours = { 0 };
    gboolean known = FALSE;
    Target t = { 0 };

    if (s->quiet || s->json || !(is_empty || isatty(STDERR_FILENO)) ||
        !target_parse(s->uri, &t, NULL))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(instances) && !t.ssh && !t.socket; i++) {
        const Instance *other = &instances[i];
        guint n;

        if (!is_running(other) || (!known && !list_domains(s->conn, &s->arena, &ours)))
            continue;
        known = TRUE;
        n = look(other, &ours);
        if (n)
            fprintf(stderr, "note: %s has %u %s not listed here: '%s list --all'\n", other->name, n,
                    n == 1 ? "domain that is" : "domains that are", other->command);
    }
    target_done(&t);
}
