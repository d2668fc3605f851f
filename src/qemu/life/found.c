/* What the host itself tells of a running QEMU whose files were lost or damaged: which sockets it
 * listens on, which helpers serve it, which images it has open, what its command line said. Nothing
 * here waits: /proc answers at once.
 */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/host.h"
#include "life.h"

/* ---- lines of its ledger */

typedef struct FoundLines {
    GArray *lines; /* of LedgerLine; keys and words are owned by texts */
    GPtrArray *texts;
    const DomainDef *live;
    GHashTable *listening; /* "socket:[INODE]" -> path */
} FoundLines;

static void
add_line(FoundLines *f, const char *step, const char *key, char **words)
{
    LedgerLine line = { step, key ? g_strdup(key) : NULL, words };

    g_ptr_array_add(f->texts, (gpointer)line.key);
    for (int i = 0; words && words[i]; i++)
        g_ptr_array_add(f->texts, words[i]);
    g_ptr_array_add(f->texts, words);
    g_array_append_val(f->lines, line);
}

static void
add_process(FoundLines *f, const char *step, const char *key, const Marked *m)
{
    char **words = g_new0(char *, 3);

    words[0] = g_strdup_printf("%d", (int)m->pid);
    words[1] = g_strdup_printf("%" G_GUINT64_FORMAT, m->start_time);
    add_line(f, step, key, words);
}

/* The key of a link is its interface, as long as one is known to have it. */
static const char *
interface_of(const FoundLines *f, const char *link)
{
    GPtrArray *nets = f->live->devices.nets;

    for (guint i = 0; i < list_length(nets); i++) {
        const NetDef *net = nets->pdata[i];
        if (g_strcmp0(net->ifname, link) == 0)
            return net->target_managed == NO ? NULL : net->info.alias;
    }
    return link;
}

static void
add_tap(FoundLines *f, pid_t pid, int fd)
{
    g_autofree char *link = proc_fd_says(pid, fd, "iff");
    const char *key = link ? interface_of(f, link) : NULL;
    char **words;

    if (!key)
        return;
    words = g_new0(char *, 3);
    words[0] = g_strdup_printf("%u", if_nametoindex(link));
    words[1] = g_strdup(link);
    add_line(f, "make links", key, words);
    words = g_new0(char *, 2);
    words[0] = g_strdup(link);
    add_line(f, "filter links", key, words); /* it may have none */
}

static void
add_of_fd(pid_t pid, int fd, const char *target, gpointer user)
{
    FoundLines *f = user;
    const char *path = g_hash_table_lookup(f->listening, target);

    if (path)
        add_line(f, "open files", path, NULL);
    else if (strcmp(target, "/dev/net/tun") == 0)
        add_tap(f, pid, fd);
}

/* Num RefCount Protocol Flags Type St Inode Path; the flag is __SO_ACCEPTCON. */
static GHashTable *
listening_sockets(void)
{
    GHashTable *sockets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/net/unix", &text, NULL, NULL))
        return sockets;
    lines = g_strsplit(text, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        unsigned int flags;
        unsigned long inode;
        int at = 0;
        if (sscanf(lines[i], "%*s %*s %*s %x %*s %*s %lu %n", &flags, &inode, &at) == 2 && at > 0 &&
            flags & 0x10000 && lines[i][at] == '/')
            g_hash_table_insert(sockets, g_strdup_printf("socket:[%lu]", inode),
                                g_strdup(lines[i] + at));
    }
    return sockets;
}

/* It wrote its pid where we told it to, and its command line says so. */
static void
add_passt(FoundLines *f, GPtrArray *marks, const char *run_dir)
{
    for (guint i = 0; i < list_length(f->live->devices.nets); i++) {
        const NetDef *net = f->live->devices.nets->pdata[i];
        g_autofree char *path = passt_pid_path(run_dir, net), *text = NULL;
        pid_t pid;

        if (!path || !g_file_get_contents(path, &text, NULL, NULL))
            continue;
        pid = (pid_t)atoi(text);
        for (guint k = 0; k < marks->len; k++) {
            const Marked *m = marks->pdata[k];
            if (m->pid == pid && strcmp(m->dir, run_dir) == 0)
                add_process(f, "start passt", net->info.alias, m);
        }
    }
}

void
found_restore(Vm *vm, GPtrArray *marks)
{
    const char *dir = vm->run->dir;
    const Marked *qemu = marks_find(marks, dir, NULL), *tpm = marks_find(marks, dir, "swtpm");
    FoundLines f = { .lines = g_array_new(FALSE, TRUE, sizeof(LedgerLine)),
                     .texts = g_ptr_array_new_with_free_func(g_free),
                     .live = vm->run->live,
                     .listening = listening_sockets() };

    add_line(&f, "make folder", NULL, NULL);
    if (vm->run->group || (qemu && group_find(qemu->pid, &vm->run->group, &vm->run->scope)))
        add_line(&f, "make group", "group", group_words(vm->run->group, vm->run->scope));
    if (tpm_emulated(vm->run))
        add_line(&f, "set up tpm", "state", NULL);
    if (tpm)
        add_process(&f, "start helpers", "swtpm", tpm);
    add_passt(&f, marks, dir);
    if (qemu) {
        proc_each_fd(qemu->pid, add_of_fd, &f);
        add_process(&f, "spawn qemu", NULL, qemu);
    }
    ledger_restore(object_ledger(vm), &start_table, (LedgerLine *)f.lines->data, f.lines->len);
    g_hash_table_unref(f.listening);
    g_array_unref(f.lines);
    g_ptr_array_unref(f.texts);
}

/* ---- what it holds */

static gboolean
is_shareable(const DomainDef *live, const char *path)
{
    for (guint i = 0; i < list_length(live->devices.disks); i++) {
        const DiskDef *disk = live->devices.disks->pdata[i];
        if (g_strcmp0(disk->source.path, path) == 0)
            return disk->shareable;
    }
    return FALSE;
}

/* Without asking a server for what the kernel knows. */
static gboolean
identify(pid_t pid, int fd, HostFd *h)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", (int)pid, fd);
    struct statx st;

    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0)
        return FALSE;
    if (!S_ISREG(st.stx_mode) && !S_ISBLK(st.stx_mode))
        return FALSE;
    h->dev = S_ISBLK(st.stx_mode) ? 0 : makedev(st.stx_dev_major, st.stx_dev_minor);
    h->ino = S_ISBLK(st.stx_mode) ? makedev(st.stx_rdev_major, st.stx_rdev_minor) : st.stx_ino;
    return TRUE;
}

static void
claim_of_fd(pid_t pid, int fd, const char *target, gpointer user)
{
    Vm *vm = user;
    g_autofree char *flags = proc_fd_says(pid, fd, "flags");
    int mode = flags ? (int)strtol(flags, NULL, 8) & O_ACCMODE : O_WRONLY;
    g_autoptr(GError) err = NULL;
    HostFd h = { .kind = mode == O_RDONLY ? HOST_READ : HOST_WRITE, .path = (char *)target };

    if (mode == O_WRONLY || target[0] != '/' || !identify(pid, fd, &h))
        return;
    h.shared = is_shareable(vm->run->live, target);
    if (!image_claim(vm, &h, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
}

void
found_claims(Vm *vm)
{
    GPtrArray *graphics = vm->run->live->devices.graphics;

    proc_each_fd(vm->run->pid, claim_of_fd, vm);
    for (guint i = 0; i < list_length(graphics); i++) {
        const GraphicsDef *g = graphics->pdata[i];
        port_note(vm, (guint16)MAX(g->port, 0));
        port_note(vm, (guint16)MAX(g->tls_port, 0));
        port_note(vm, (guint16)MAX(g->websocket, 0));
    }
}

/* ---- its definition */

static char **
command_line(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid), *text = NULL;
    GPtrArray *words = g_ptr_array_new();
    gsize len = 0;

    g_file_get_contents(path, &text, &len, NULL);
    for (gsize i = 0; i < len; i += strlen(text + i) + 1)
        g_ptr_array_add(words, g_strdup(text + i));
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

static const char *
word_after(char **words, const char *option)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], option) == 0)
            return words[i + 1];
    return NULL;
}

/* "a,,b" is "a,b"; a single comma ends the value. */
static char *
first_value(const char *text)
{
    GString *value = g_string_new(NULL);

    for (; *text && !(text[0] == ',' && text[1] != ','); text++) {
        g_string_append_c(value, *text);
        text += text[0] == ',';
    }
    return g_string_free(value, FALSE);
}

char *
found_name(pid_t pid)
{
    g_auto(GStrv) words = command_line(pid);
    const char *said = word_after(words, "-name");

    return said && g_str_has_prefix(said, "guest=") ? first_value(said + strlen("guest=")) : NULL;
}

static void
read_emulator(DomainDef *def, char **words)
{
    const char *arch = words[0] ? strstr(words[0], "qemu-system-") : NULL;
    const char *machine = word_after(words, "-machine"), *accel = word_after(words, "-accel");

    def->devices.emulator = g_strdup(words[0]);
    def->os.type = g_strdup("hvm");
    def->os.arch = g_strdup(arch ? arch + strlen("qemu-system-") : "x86_64");
    def->os.machine = machine ? first_value(machine) : NULL;
    def->virt_type = accel && g_str_has_prefix(accel, "kvm") ? VIRT_KVM : VIRT_QEMU;
}

/* A minimal definition of a domain that runs. */
static DomainDef *
from_command_line(const Vm *vm, pid_t pid)
{
    g_auto(GStrv) words = command_line(pid);
    const char *memory = word_after(words, "-m"), *vcpus = word_after(words, "-smp");
    DomainDef *def = schema_new(&domain_schema);

    def->name = g_strdup(vm->obj.name);
    memcpy(def->uuid, vm->obj.uuid, UUID_LEN);
    read_emulator(def, words);
    if (memory && g_str_has_prefix(memory, "size="))
        def->memory = g_ascii_strtoull(memory + strlen("size="), NULL, 10);
    def->current_memory = def->memory;
    def->vcpus = vcpus ? (guint32)g_ascii_strtoull(vcpus, NULL, 10) : 1;
    return def;
}

DomainDef *
found_live(Vm *vm, pid_t pid)
{
    DomainDef *live = define_copy(vm, NULL);

    if (!live)
        live = from_command_line(vm, pid);
    aliases_assign(live, vm->run->dir);
    return live;
}
