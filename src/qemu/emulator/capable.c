/* The emulators of this host: which binary serves an architecture, what it can do, from memory, the
 * cache on disk or a probe. The binary is looked at by a worker and a probe runs beside everything
 * else; whoever asks meanwhile waits for the end of that, and nobody else does. The default
 * emulator is made ready once the loop has nothing else to do.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "emulator_priv.h"
#include "firmware.h"
#include "host/host.h"
#include "hostcaps.h"

const Paths *qemu_paths;

enum {
    FRESH_MS = 1000,   /* how long a look at a binary is believed */
    RETRY_MS = 30000,  /* how long a binary that has failed is not asked again, unless it changes */
    LOOK_MS = 30000,   /* for the file system */
    PROBES_MAX = 16,   /* at once */
    ENTRIES_KEPT = 64, /* before those that came to nothing go */
};

/* A host that is busy, or starts QEMU from a slow disk, takes its time. */
static const ProbePatience patience = { .silent_ms = 120000, .total_ms = 600000 };

/* What is quick to look at, and tells whether the identity must be worked out again. */
typedef struct Stamp {
    struct timespec changed;
    off_t size;
    ino_t inode;
    gboolean kvm;
} Stamp;

typedef struct EmulatorWaiter {
    EmulatorFound done; /* NULL: known */
    QemuKnown known;
    gpointer user;
    guint64 ticket; /* later ones have higher numbers */
} EmulatorWaiter;

typedef struct EmulatorEntry {
    char *path;
    Stamp stamp;
    Emulator *emulator; /* NULL: not known yet */
    gboolean looking;   /* an errand is out */
    guint late;         /* source: when that has been out for too long */
    Probe *probe;       /* NULL: none runs */
    char *identity;     /* of the emulator, or of the binary that is being probed */
    GQueue waiters;     /* of EmulatorWaiter */
    GError *failure;    /* of the last look or probe; NULL: none */
    gint64 failed_at;   /* monotonic */
    gint64 looked_at;   /* monotonic: since when the emulator or the failure is believed */
} EmulatorEntry;

/* An emulator on its way to the cache. */
typedef struct EmulatorSaving {
    char *file, *text;
} EmulatorSaving;

static struct {
    char *folder;        /* of the cache; NULL: not initialised */
    GHashTable *entries; /* path: EmulatorEntry */
    GPtrArray *retired;  /* Emulators of binaries that have changed; somebody may hold them */
    guint warm;          /* source */
    guint probes;        /* that run */
    guint64 last_ticket;
    ConfContext context;
    char *nvram, *channels;
} capable;

/* ---- binaries */

typedef struct Arch {
    const char *name;   /* as documents say it */
    const char *target; /* as the binary's name says it */
    guint bits;
} Arch;

/* In the order in which clients are told of them. */
static const Arch arches[] = {
    { "alpha", "alpha", 64 },
    { "armv6l", "arm", 32 },
    { "armv7l", "arm", 32 },
    { "aarch64", "aarch64", 64 },
    { "i686", "i386", 32 },
    { "loongarch64", "loongarch64", 64 },
    { "m68k", "m68k", 32 },
    { "microblaze", "microblaze", 32 },
    { "microblazeel", "microblazeel", 32 },
    { "mips", "mips", 32 },
    { "mipsel", "mipsel", 32 },
    { "mips64", "mips64", 64 },
    { "mips64el", "mips64el", 64 },
    { "ppc", "ppc", 32 },
    { "ppc64", "ppc64", 64 },
    { "ppc64le", "ppc64le", 64 },
    { "riscv32", "riscv32", 32 },
    { "riscv64", "riscv64", 64 },
    { "s390x", "s390x", 64 },
    { "sh4", "sh4", 32 },
    { "sh4eb", "sh4eb", 32 },
    { "sparc", "sparc", 32 },
    { "sparc64", "sparc64", 64 },
    { "x86_64", "x86_64", 64 },
    { "xtensa", "xtensa", 32 },
    { "xtensaeb", "xtensaeb", 32 },
};

static const Arch *
arch_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(arches); i++)
        if (g_str_equal(arches[i].name, name))
            return &arches[i];
    return NULL;
}

guint
emulator_arches(void)
{
    return G_N_ELEMENTS(arches);
}

const char *
emulator_arch(guint i, guint *ret_bits)
{
    *ret_bits = arches[i].bits;
    return arches[i].name;
}

const char *
emulator_host_arch(void)
{
    static char machine[65];
    struct utsname un;

    if (*machine == 0 && uname(&un) == 0)
        g_strlcpy(machine, un.machine, sizeof(machine));
    return machine;
}

char *
emulator_binary(const char *arch, GError **err)
{
    /* Where distributions for one architecture only put theirs. */
    static const char *const native[] = { "/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm", NULL };
    const Arch *a = arch_find(arch);
    g_autofree char *name = NULL;
    char *path;

    if (a == NULL) {
        fail(err, ERR_INVALID_ARG, "unknown architecture: %s", arch);
        return NULL;
    }
    name = g_strconcat("qemu-system-", a->target, NULL);
    path = g_find_program_in_path(name);
    for (guint i = 0; path == NULL && native[i] != NULL; i++)
        if (g_str_equal(arch, emulator_host_arch()) && access(native[i], X_OK) == 0)
            path = g_strdup(native[i]);
    if (path == NULL)
        fail(err, ERR_CONFIG_UNSUPPORTED, "unable to find any emulator to serve '%s' architecture",
             arch);
    return path;
}

/* ---- looking at a binary, which may lie on a server that does not answer: a worker's errand */

typedef struct LookIn {
    char *path, *file;    /* of the binary, of its cache */
    char *known_identity; /* of what is in memory; NULL: nothing is */
    Stamp known_stamp;
} LookIn;

typedef struct LookOut {
    Stamp stamp;
    char *identity;   /* NULL: as known */
    Emulator *cached; /* NULL: as known, or not in the cache */
} LookOut;

static void
look_in_free(gpointer data)
{
    LookIn *in = data;

    g_free(in->path);
    g_free(in->file);
    g_free(in->known_identity);
    g_free(in);
}

static void
look_out_free(LookOut *out)
{
    if (out == NULL)
        return;
    emulator_free(out->cached);
    g_free(out->identity);
    g_free(out);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LookOut, look_out_free)

static gboolean
stamp_take(const char *path, Stamp *ret_stamp, GError **err)
{
    Stamp stamp = { .kvm = kvm_answers() };
    struct stat st;

    if (stat(path, &st) < 0) {
        int errnum = errno;

        return fail_errno(err, errnum, "Cannot check QEMU binary %s", path);
    }
    stamp.changed = st.st_ctim;
    stamp.size = st.st_size;
    stamp.inode = st.st_ino;
    *ret_stamp = stamp;
    return TRUE;
}

static gboolean
stamp_equal(const Stamp *a, const Stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->size == b->size && a->inode == b->inode && a->kvm == b->kvm;
}

static gpointer
look(gpointer data, GError **err)
{
    const LookIn *in = data;
    g_autoptr(LookOut) out = g_new0(LookOut, 1);

    if (!stamp_take(in->path, &out->stamp, err))
        return NULL;
    if (in->known_identity != NULL && stamp_equal(&out->stamp, &in->known_stamp))
        return g_steal_pointer(&out);
    if ((out->identity = emulator_identity(in->path, err)) == NULL)
        return NULL;
    if (g_strcmp0(out->identity, in->known_identity) != 0)
        out->cached = emucache_load(in->path, out->identity, in->file);
    return g_steal_pointer(&out);
}

/* ---- entries */

static void
entry_free(EmulatorEntry *e)
{
    probe_free(e->probe);
    if (e->late != 0)
        g_source_remove(e->late);
    emulator_free(e->emulator);
    g_queue_clear_full(&e->waiters, g_free);
    g_clear_error(&e->failure);
    g_free(e->identity);
    g_free(e->path);
    g_free(e);
}

/* In one turn of the loop time stands still: what was known when a call began is known to its end.
 */
static gint64
age_ms(gint64 since)
{
    GSource *turn = g_main_current_source();

    return ((turn ? g_source_get_time(turn) : g_get_monotonic_time()) - since) / 1000;
}

static gboolean
has_failed(const EmulatorEntry *e)
{
    return e->failure != NULL && age_ms(e->failed_at) < RETRY_MS;
}

/* A client may name any number of paths: what has come to nothing is not kept for ever. */
static gboolean
is_forgettable(gpointer path, gpointer entry, gpointer user)
{
    const EmulatorEntry *e = entry;

    return e->emulator == NULL && !e->looking && e->probe == NULL && !has_failed(e);
}

static EmulatorEntry *
entry_of(const char *path)
{
    EmulatorEntry *e = g_hash_table_lookup(capable.entries, path);

    if (e != NULL)
        return e;
    if (g_hash_table_size(capable.entries) >= ENTRIES_KEPT)
        g_hash_table_foreach_remove(capable.entries, is_forgettable, NULL);
    e = g_new0(EmulatorEntry, 1);
    e->path = g_strdup(path);
    g_hash_table_insert(capable.entries, e->path, e);
    return e;
}

static char *
cache_file(const char *path)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);

    return g_strdup_printf("%s/%s.json", capable.folder, sum);
}

/* Tells those who wait: the failure, or the emulator. Who is told may ask again at once, and then
 * waits for the next answer. */
static void
entry_settle(EmulatorEntry *e)
{
    g_autoptr(GError) err = e->failure != NULL ? g_error_copy(e->failure) : NULL;
    guint64 last = capable.last_ticket;
    EmulatorWaiter *w;

    while ((w = g_queue_peek_head(&e->waiters)) != NULL && w->ticket <= last) {
        g_queue_pop_head(&e->waiters);
        if (w->done != NULL)
            w->done(err == NULL ? e->emulator : NULL, err, w->user);
        else
            w->known(w->user);
        g_free(w);
    }
}

/* It is told to all who ask for a while, or until the binary changes: nobody waits for it twice. */
static void
entry_failed(EmulatorEntry *e, const GError *err)
{
    g_clear_error(&e->failure);
    e->failure = g_error_copy(err);
    e->failed_at = e->looked_at = g_get_monotonic_time();
    entry_settle(e);
}

static void
entry_take(EmulatorEntry *e, Emulator *emulator)
{
    if (e->emulator != NULL)
        g_ptr_array_add(capable.retired, e->emulator);
    e->emulator = emulator;
}

/* ---- probing */

static gpointer
save_cache(gpointer data, GError **err)
{
    const EmulatorSaving *s = data;

    file_write_volatile(s->file, s->text, -1, 0644, err);
    return NULL;
}

static void
saving_free(gpointer data)
{
    EmulatorSaving *s = data;

    g_free(s->file);
    g_free(s->text);
    g_free(s);
}

static void
on_saved(gpointer out, const GError *err, gpointer user)
{
    if (err != NULL)
        log_warning("%s", err->message);
}

static void
on_probed(Emulator *emulator, const GError *err, gpointer user)
{
    EmulatorEntry *e = user;
    EmulatorSaving *s;

    e->probe = NULL;
    capable.probes--;
    if (emulator == NULL) {
        entry_failed(e, err);
        return;
    }
    emulator->identity = g_strdup(e->identity);
    entry_take(e, emulator);
    e->looked_at = g_get_monotonic_time();
    s = g_new(EmulatorSaving, 1);
    *s = (EmulatorSaving){ cache_file(e->path), emucache_text(emulator) };
    offload(save_cache, s, saving_free, on_saved, NULL);
    /* The answers were a few megabytes; an idle daemon should not keep their room. */
    malloc_trim(0);
    entry_settle(e);
}

static void
entry_probe(EmulatorEntry *e)
{
    g_autoptr(GError) err = NULL;

    if (capable.probes >= PROBES_MAX)
        fail(&err, ERR_BUSY, "emulator %s cannot be probed now, for %d others are: try again",
             e->path, PROBES_MAX);
    else
        e->probe = probe_start(e->path, &patience, on_probed, e, &err);
    if (e->probe != NULL)
        capable.probes++;
    else
        entry_failed(e, err);
}

/* ---- looking */

static gboolean
on_late_look(gpointer user)
{
    EmulatorEntry *e = user;
    g_autoptr(GError) err = NULL;

    e->late = 0;
    fail(&err, ERR_TIMEOUT, "emulator %s: the file system that it is on does not answer", e->path);
    if (!has_failed(e))
        log_warning("%s", err->message);
    entry_failed(e, err);
    return G_SOURCE_REMOVE;
}

static void
entry_looked(EmulatorEntry *e, LookOut *out)
{
    gboolean fails = has_failed(e) && stamp_equal(&out->stamp, &e->stamp);

    e->stamp = out->stamp;
    e->looked_at = g_get_monotonic_time();
    if (!fails)
        g_clear_error(&e->failure);
    if (out->identity != NULL &&
        (e->emulator == NULL || g_strcmp0(out->identity, e->identity) != 0)) {
        g_free(e->identity);
        e->identity = g_steal_pointer(&out->identity);
        entry_take(e, g_steal_pointer(&out->cached));
    }
    if (fails || e->emulator != NULL)
        entry_settle(e);
    else
        entry_probe(e);
}

/* user: the path. The entry may be gone with the room, and another one may be there. */
static void
on_looked(gpointer result, const GError *err, gpointer user)
{
    g_autofree char *path = user;
    g_autoptr(LookOut) out = result;
    EmulatorEntry *e = capable.entries != NULL ? g_hash_table_lookup(capable.entries, path) : NULL;

    if (e == NULL || !e->looking)
        return;
    e->looking = FALSE;
    if (e->late != 0)
        g_source_remove(e->late);
    e->late = 0;
    if (out == NULL)
        entry_failed(e, err);
    else
        entry_looked(e, out);
}

static void
entry_look(EmulatorEntry *e)
{
    LookIn *in = g_new0(LookIn, 1);

    in->path = g_strdup(e->path);
    in->file = cache_file(e->path);
    in->known_identity = e->emulator != NULL ? g_strdup(e->identity) : NULL;
    in->known_stamp = e->stamp;
    e->looking = TRUE;
    e->late = g_timeout_add(LOOK_MS, on_late_look, e);
    offload(look, in, look_in_free, on_looked, g_strdup(e->path));
}

/* Makes sure that those who wait will be told. A look that is late already is not waited for. */
static void
entry_seek(EmulatorEntry *e)
{
    if (!e->looking && e->probe == NULL)
        entry_look(e);
    else if (e->looking && e->late == 0)
        e->late = g_timeout_add(0, on_late_look, e);
}

/* ---- the door */

static guint64
entry_wait(EmulatorEntry *e, const EmulatorWaiter *waiter)
{
    EmulatorWaiter *w = g_memdup2(waiter, sizeof(*waiter));

    w->ticket = ++capable.last_ticket;
    g_queue_push_tail(&e->waiters, w);
    entry_seek(e);
    return w->ticket;
}

void
emulator_get(const char *path, EmulatorFound done, gpointer user)
{
    const EmulatorWaiter w = { .done = done, .user = user };

    entry_wait(entry_of(path), &w);
}

guint64
qemu_await(const char *awaited, QemuKnown known, gpointer user)
{
    const EmulatorWaiter w = { .known = known, .user = user };

    return entry_wait(entry_of(awaited), &w);
}

static gint
has_not_ticket(gconstpointer waiter, gconstpointer ticket)
{
    return ((const EmulatorWaiter *)waiter)->ticket != *(const guint64 *)ticket;
}

void
qemu_await_end(guint64 ticket)
{
    GHashTableIter i;
    gpointer entry;

    if (capable.entries == NULL)
        return;
    g_hash_table_iter_init(&i, capable.entries);
    while (g_hash_table_iter_next(&i, NULL, &entry)) {
        GQueue *waiters = &((EmulatorEntry *)entry)->waiters;
        GList *link = g_queue_find_custom(waiters, &ticket, has_not_ticket);

        if (link != NULL) {
            g_free(link->data);
            g_queue_delete_link(waiters, link);
        }
    }
}

static Emulator *
entry_find(EmulatorEntry *e, gboolean believed, GError **err)
{
    if (believed && e->failure != NULL) {
        g_propagate_error(err, g_error_copy(e->failure));
        return NULL;
    }
    if (believed && e->emulator != NULL)
        return e->emulator;
    entry_seek(e);
    fail_awaited(err, e->path, "emulator %s is being probed", e->path);
    return NULL;
}

static gboolean
is_fresh(const EmulatorEntry *e)
{
    return age_ms(e->looked_at) < FRESH_MS;
}

const Emulator *
emulator_known(const char *path, GError **err)
{
    EmulatorEntry *e = entry_of(path);

    return entry_find(e, e->emulator != NULL || is_fresh(e), err);
}

guint64
emulator_version(const Emulator *e)
{
    return e->version;
}

/* ---- what conf asks */

/* Without KVM the rules say so, after what is wrong with the document itself. */
static const EmulatorCaps *
caps_of(Emulator *e, int virt_type)
{
    const EmulatorCaps *caps = virt_type == VIRT_KVM ? emulator_caps(e, TRUE) : NULL;

    return caps != NULL ? caps : emulator_caps(e, FALSE);
}

const EmulatorCaps *
emulator_known_caps(const char *path, int virt_type, GError **err)
{
    EmulatorEntry *entry = entry_of(path);
    Emulator *e = entry_find(entry, entry->emulator != NULL || is_fresh(entry), err);

    return e != NULL ? caps_of(e, virt_type) : NULL;
}

static const EmulatorCaps *
lookup_caps(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    g_autofree char *own = NULL;
    EmulatorEntry *entry;
    Emulator *e;

    if (path == NULL) {
        path = own = emulator_binary(arch != NULL ? arch : emulator_host_arch(), err);
        if (path == NULL)
            return NULL;
    }
    entry = entry_of(path);
    e = entry_find(entry, is_fresh(entry), err);
    return e != NULL ? caps_of(e, virt_type) : NULL;
}

const ConfContext *
emulator_context(void)
{
    return &capable.context;
}

/* ---- life */

static void
on_warm(const Emulator *e, const GError *err, gpointer user)
{
    if (err != NULL)
        log_warning("%s", err->message);
}

static gboolean
warm_up(gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = emulator_binary(emulator_host_arch(), &err);

    capable.warm = 0;
    if (path == NULL)
        log_warning("%s", err->message);
    else
        emulator_get(path, on_warm, NULL);
    return G_SOURCE_REMOVE;
}

gboolean
capable_init(const Paths *paths, GError **err)
{
    g_autofree char *folder = g_build_filename(paths->cache, "capabilities", NULL);
    g_autofree char *ram = g_build_filename(paths->lib, "qemu", "ram", NULL);

    if (!dir_make(folder, 0755, err) || !dir_make(ram, 0700, err))
        return FALSE;
    cpuid_places(); /* workers read that table */
    qemu_paths = paths;
    capable.folder = g_steal_pointer(&folder);
    capable.entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                            (GDestroyNotify)entry_free);
    capable.retired = g_ptr_array_new_with_free_func((GDestroyNotify)emulator_free);
    capable.nvram = g_build_filename(paths->lib, "qemu", "nvram", NULL);
    capable.channels = g_build_filename(paths->run, "channel", NULL);
    capable.context = (ConfContext){ .lookup = lookup_caps,
                                     .firmwares = firmware_caps_list,
                                     .session = paths->session,
                                     .nvram_dir = capable.nvram,
                                     .channel_dir = capable.channels };
    capable.warm = g_idle_add_full(G_PRIORITY_LOW, warm_up, NULL, NULL);
    return TRUE;
}

void
capable_done(void)
{
    if (capable.warm != 0)
        g_source_remove(capable.warm);
    capable.warm = 0;
    g_clear_pointer(&capable.entries, g_hash_table_unref);
    g_clear_pointer(&capable.retired, g_ptr_array_unref);
    g_clear_pointer(&capable.folder, g_free);
    g_clear_pointer(&capable.nvram, g_free);
    g_clear_pointer(&capable.channels, g_free);
}
