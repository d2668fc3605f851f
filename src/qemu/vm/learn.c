/* What QEMU says of itself, written into the Run and the live definition. A guest that has broken
 * out of its QEMU says what it likes: the daemon acts on threads and opens terminals with rights of
 * its own, so each must be QEMU's, and numbers must be in their range. */
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "vm.h"

CharDef *
char_find_alias(GPtrArray *list, const char *alias)
{
    for (guint i = 0; list && i < list->len; i++) {
        CharDef *c = list->pdata[i];
        if (g_strcmp0(c->info.alias, alias) == 0)
            return c;
    }
    return NULL;
}

static void
set_path(CharDef *c, const char *path)
{
    CharEnd *end = char_end_need(&c->source);

    g_free(end->path);
    end->path = g_strdup(path);
}

void
consoles_learn(DomainDef *live, const char *label, const char *pty, gboolean open)
{
    GPtrArray *lists[] = { live->devices.consoles, live->devices.serials, live->devices.parallels,
                           live->devices.channels };
    const char *alias = g_str_has_prefix(label, "char") ? label + strlen("char") : label;

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        CharDef *c = char_find_alias(lists[i], alias);
        if (!c)
            continue;
        if (lists[i] == live->devices.channels && c->target_type == CHANNEL_VIRTIO)
            c->state = open ? CHANNEL_CONNECTED : CHANNEL_DISCONNECTED;
        if (pty && c->source.type == CHAR_PTY)
            set_path(c, pty);
        /* "tty" is from when a domain had one console. */
        if (pty && lists[i] == live->devices.consoles && c == lists[i]->pdata[0]) {
            g_free(c->tty);
            c->tty = g_strdup(pty);
        }
    }
}

/* The terminal behind "pty:/dev/pts/3"; NULL: it is none, or not QEMU's own. */
static const char *
own_pty(const Vm *vm, const char *label, const char *file)
{
    static const char *const prefix = "pty:";
    const char *path = file && g_str_has_prefix(file, prefix) ? file + strlen(prefix) : NULL;

    if (!path || proc_has_pty(vm->run->pid, path))
        return path;
    log_warning("domain '%s': QEMU names a terminal for '%s' that it has not opened", vm->obj.name,
                label);
    return NULL;
}

/* [{"label": "charserial0", "filename": "pty:/dev/pts/3", "frontend-open": true}] */
void
chardevs_learn(const Vm *vm, DomainDef *live, json_object *ret)
{
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        const char *label = json_str(row, "label");
        if (label)
            consoles_learn(live, label, own_pty(vm, label, json_str(row, "filename")),
                           json_flag(row, "frontend-open"));
    }
}

gboolean
take_chardevs(gpointer obj, json_object *ret, GError **err)
{
    Vm *vm = obj;

    chardevs_learn(vm, run_alter(vm->run), ret);
    return TRUE;
}

/* The thread that a row names; 0: it names none, or one that is not QEMU's. */
static pid_t
own_thread(const Vm *vm, json_object *row)
{
    gint64 tid = json_int(row, "thread-id", 0);

    if (tid == 0 || proc_has_thread(vm->run->pid, tid))
        return (pid_t)tid;
    log_warning("domain '%s': QEMU names a thread, %" G_GINT64_FORMAT ", that is not its own",
                vm->obj.name, tid);
    return 0;
}

gboolean
take_vcpus(gpointer obj, json_object *ret, GError **err)
{
    Vm *vm = obj;
    Run *run = vm->run;
    gint64 most = run->live->vcpus;

    g_array_set_size(run->vcpu_tids, 0);
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        gint64 index = json_int(row, "cpu-index", 0);
        if (index < 0 || index >= most)
            continue;
        if (index >= run->vcpu_tids->len)
            g_array_set_size(run->vcpu_tids, (guint)index + 1);
        g_array_index(run->vcpu_tids, pid_t, index) = own_thread(vm, row);
    }
    return TRUE;
}

static guint64
count(json_object *row, const char *name)
{
    return (guint64)MAX(json_int(row, name, 0), 0);
}

gboolean
take_iothreads(gpointer obj, json_object *ret, GError **err)
{
    static const char *const prefix = "iothread";
    Vm *vm = obj;
    Run *run = vm->run;

    g_array_set_size(run->iothreads, 0);
    for (gsize i = 0; i < json_length(ret); i++) {
        json_object *row = json_object_array_get_idx(ret, i);
        const char *name = json_str(row, "id");
        Iothread t = {
            .tid = own_thread(vm, row),
            .poll_max = count(row, "poll-max-ns"),
            .poll_grow = count(row, "poll-grow"),
            .poll_shrink = count(row, "poll-shrink"),
        };

        if (!t.tid || !name || !g_str_has_prefix(name, prefix))
            continue;
        t.id = (guint)atoi(name + strlen(prefix));
        g_array_append_val(run->iothreads, t);
    }
    return TRUE;
}

guint64
take_memory(const Run *run, json_object *data)
{
    guint64 kib = count(data, "actual") / 1024;

    return MIN(kib, run->live->memory);
}
