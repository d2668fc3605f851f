/* Turns QEMU's last words of a failed start into errors that say what to do. A row knows one of
 * QEMU's sentences; a sentence that no row knows is passed on as QEMU's. */
#include <string.h>

#include "life.h"

typedef struct WordsRow {
    const char *pattern;
    const char *text; /* with \1 of the pattern; NULL: */
    char *(*say)(Vm *vm, const GMatchInfo *match);
} WordsRow;

/* The other domain that listens at that port, or NULL. */
static const char *
port_owner(const Vm *vm, int port)
{
    g_autoptr(GPtrArray) all = registry_list(qemu_vms);

    for (guint i = 0; i < all->len; i++) {
        Vm *other = all->pdata[i];
        GPtrArray *graphics = other->run && other != vm && other->run->live
                                  ? other->run->live->devices.graphics
                                  : NULL;
        for (guint j = 0; j < list_length(graphics); j++) {
            const GraphicsDef *g = graphics->pdata[j];
            if (g->port == port || g->tls_port == port || g->websocket == port)
                return other->obj.name;
        }
    }
    return NULL;
}

char *
start_port_taken(const Vm *vm, int port)
{
    const char *owner = port_owner(vm, port);
    g_autofree char *by = owner ? g_strdup_printf("domain '%s'", owner)
                                : g_strdup("another program");

    return g_strdup_printf(
        "VNC port %d is taken by %s; name another port, or write autoport='yes' in <graphics>",
        port, by);
}

static char *
say_vnc_port(Vm *vm, const GMatchInfo *match)
{
    enum { FIRST = 5900 };
    g_autofree char *display = g_match_info_fetch(match, 1);

    return start_port_taken(vm, FIRST + (int)g_ascii_strtoll(display, NULL, 10));
}

static char *
say_memory(Vm *vm, const GMatchInfo *match)
{
    return g_strdup_printf("this host cannot give it %" G_GUINT64_FORMAT
                           " MiB of memory; write less in <memory>",
                           vm->run->live->memory / 1024);
}

static char *
say_cpu(Vm *vm, const GMatchInfo *match)
{
    const Emulator *e = vm->run->start.emulator;
    g_autofree char *model = g_match_info_fetch(match, 1);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *near;

    for (guint i = 0; e && i < e->models->len; i++)
        g_ptr_array_add(names, (gpointer)g_array_index(e->models, CpuModel, i).name);
    g_ptr_array_add(names, NULL);
    near = nearest_word(model, (const char *const *)names->pdata);
    return g_strdup_printf("cpu: there is no model '%s'%s%s%s; 'vmsh cpu-models %s' lists them",
                           model, near ? "; did you mean '" : "", near ? near : "",
                           near ? "'?" : "", vm->run->live->os.arch);
}

static const WordsRow rows[] = {
    { "-vnc [^\\s,]*:(\\d+).*Failed to find an available port", NULL, say_vnc_port },
    { "-vnc ([^\\s,]*):\\d+.*Failed to bind socket: Cannot assign requested address",
      "VNC: this host has no address '\\1'; name one that it has in <listen address=''>, or leave it "
      "out",
      NULL },
    { "\"driver\":\"([^\"]+)\".*\"id\":\"([^\"]+)\".*is not a valid device model name",
      "device '\\2': QEMU has no model '\\1'; 'vmsh domcapabilities' tells what it has", NULL },
    { "vfio \\S*/([0-9a-f]{4}:[0-9a-f:.]+): no such host device",
      "hostdev: this host has no PCI device '\\1'; 'vmsh nodedev-list --cap pci' lists them",
      NULL },
    { "cannot set up guest memory|Cannot allocate memory", NULL, say_memory },
    { "unable to find CPU model '([^']+)'", NULL, say_cpu },
    { "Could not access KVM kernel module: ([^\\n]+)",
      "/dev/kvm: \\1; join the group kvm, or write type='qemu' in <domain>", NULL },
    { "Failed to get \"?(write|shared \"write\"|consistent read)\"? lock",
      "an image is in use by another process; end that, or write <shareable/> in the <disk> of both",
      NULL },
};

/* The last line that is not empty, without QEMU's time stamp and name. */
static char *
last_line(const char *words)
{
    g_auto(GStrv) lines = g_strsplit(words, "\n", -1);
    const char *line = words;
    const char *name;

    for (guint i = 0; lines[i]; i++)
        if (*g_strstrip(lines[i]))
            line = lines[i];
    name = strstr(line, ": ");
    if (name && g_ascii_isdigit(*line) && strstr(line, "qemu-system-"))
        line = name + 2;
    return g_strdup(line);
}

static char *
explain(Vm *vm, const char *words)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GRegex) regex = g_regex_new(rows[i].pattern, G_REGEX_DOTALL, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (regex && g_regex_match(regex, words, 0, &match))
            return rows[i].say ? rows[i].say(vm, match)
                               : g_match_info_expand_references(match, rows[i].text, NULL);
    }
    return NULL;
}

gboolean
start_words_fail(Vm *vm, const char *words, GError **err)
{
    g_autofree char *text = explain(vm, words);
    g_autofree char *last = text ? NULL : last_line(words);

    if (!*words)
        return fail(err, ERR_PLAIN,
                    "domain '%s': QEMU closed its monitor during the start without a message; its "
                    "log has the command line",
                    vm->obj.name);
    if (text)
        return fail(err, ERR_PLAIN, "domain '%s': %s", vm->obj.name, text);
    return fail(err, ERR_PLAIN,
                "domain '%s': QEMU ended while it started, and said: %s; its log has all of it",
                vm->obj.name, last);
}
