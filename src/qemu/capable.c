/* The emulators of this host: which binary serves an architecture, what it can do, from memory, the
 * cache on disk or a probe. A probe runs beside everything else; who asks meanwhile waits for it.
 * The default emulator is made ready once the loop has nothing else to do.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "emulator.h"
#include "firmware.h"
#include "hostcaps.h"

#define RETRY_SECONDS 30

/* What is quick to look at, and tells whether the identity must be worked out again. */
typedef struct Stamp {
    struct timespec changed;
    off_t size;
    ino_t inode;
    gboolean kvm;
} Stamp;

typedef struct Waiter {
    EmulatorFound done;
    gpointer user;
} Waiter;

typedef struct Entry {
    char *path;
    Stamp stamp;
    Emulator *emulator; /* NULL: not known yet */
    Probe *probe;       /* NULL: none runs */
    char *identity;     /* of the binary that is being probed */
    GQueue waiters;     /* of Waiter */
    GError *failure;    /* of the last probe; NULL: none */
    gint64 failed_at;   /* monotonic */
} Entry;

static struct {
    char *folder;        /* of the cache; NULL: not initialised */
    GHashTable *entries; /* path: Entry */
    GPtrArray *retired;  /* Emulators of binaries that have changed; somebody may hold them */
    guint warm;          /* source */
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

/* ---- entries */

static void
entry_free(Entry *e)
{
    probe_free(e->probe);
    emulator_free(e->emulator);
    g_queue_clear_full(&e->waiters, g_free);
    g_clear_error(&e->failure);
    g_free(e->identity);
    g_free(e->path);
    g_free(e);
}

static Entry *
entry_of(const char *path)
{
    Entry *e = g_hash_table_lookup(capable.entries, path);

    if (e == NULL) {
        e = g_new0(Entry, 1);
        e->path = g_strdup(path);
        g_hash_table_insert(capable.entries, e->path, e);
    }
    return e;
}

static gboolean
stamp_take(const char *path, Stamp *ret_stamp, GError **err)
{
    Stamp stamp = { .kvm = access("/dev/kvm", R_OK | W_OK) == 0 };
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

static char *
cache_file(const char *path)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);

    return g_strdup_printf("%s/%s.json", capable.folder, sum);
}

/* A binary that hangs must not be waited for by everyone who asks: it has failed for a while, or
 * until it changes. */
static gboolean
entry_fails(Entry *e, const Stamp *stamp, GError **err)
{
    if (e->failure == NULL)
        return FALSE;
    if (!stamp_equal(stamp, &e->stamp) ||
        g_get_monotonic_time() - e->failed_at > RETRY_SECONDS * G_USEC_PER_SEC) {
        g_clear_error(&e->failure);
        return FALSE;
    }
    g_propagate_error(err, g_error_copy(e->failure));
    return TRUE;
}

static void
entry_failed(Entry *e, const GError *err)
{
    g_clear_error(&e->failure);
    e->failure = g_error_copy(err);
    e->failed_at = g_get_monotonic_time();
}

/* From memory, or from the cache on disk; FALSE without an error: it must be probed. */
static gboolean
entry_ready(Entry *e, GError **err)
{
    g_autofree char *identity = NULL, *file = NULL;
    Stamp stamp;

    if (!stamp_take(e->path, &stamp, err) || entry_fails(e, &stamp, err))
        return FALSE;
    if (e->emulator != NULL && stamp_equal(&stamp, &e->stamp))
        return TRUE;
    identity = emulator_identity(e->path, err);
    if (identity == NULL)
        return FALSE;
    e->stamp = stamp;
    if (e->emulator != NULL && g_str_equal(e->emulator->identity, identity))
        return TRUE;
    if (e->emulator != NULL)
        g_ptr_array_add(capable.retired, g_steal_pointer(&e->emulator));
    file = cache_file(e->path);
    e->emulator = emucache_load(e->path, identity, file);
    g_free(e->identity);
    e->identity = g_steal_pointer(&identity);
    return e->emulator != NULL;
}

static void
entry_probed(Entry *e, Emulator *emulator)
{
    g_autofree char *file = cache_file(e->path);
    g_autoptr(GError) err = NULL;

    e->emulator = emulator;
    emulator->identity = g_strdup(e->identity);
    if (!emucache_save(emulator, file, &err))
        log_warning("%s", err->message);
    /* The answers were a few megabytes; an idle daemon should not keep their room. */
    malloc_trim(0);
}

static void
on_probed(Emulator *emulator, const GError *err, gpointer user)
{
    Entry *e = user;
    Waiter *w;

    e->probe = NULL;
    if (emulator != NULL)
        entry_probed(e, emulator);
    else
        entry_failed(e, err);
    while ((w = g_queue_pop_head(&e->waiters)) != NULL) {
        w->done(e->emulator, err, w->user);
        g_free(w);
    }
}

void
emulator_get(const char *path, EmulatorFound done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    Entry *e = entry_of(path);
    Waiter *w;

    if (e->probe == NULL && entry_ready(e, &err)) {
        done(e->emulator, NULL, user);
        return;
    }
    if (e->probe == NULL && err == NULL)
        e->probe = probe_start(path, on_probed, e, &err);
    if (err != NULL) {
        done(NULL, err, user);
        return;
    }
    w = g_new(Waiter, 1);
    *w = (Waiter){ done, user };
    g_queue_push_tail(&e->waiters, w);
}

static Emulator *
entry_now(const char *path, GError **err)
{
    g_autoptr(GError) error = NULL;
    Entry *e = entry_of(path);
    Emulator *emulator;

    if (e->probe == NULL && entry_ready(e, &error))
        return e->emulator;
    /* One that runs beside is nearer its end, but its answers come through the loop that is held
     * up here: a second one is quicker than to re-enter the loop. */
    emulator = error == NULL ? probe_now(path, &error) : NULL;
    if (emulator == NULL) {
        if (e->failure == NULL)
            entry_failed(e, error);
        g_propagate_error(err, g_steal_pointer(&error));
        return NULL;
    }
    if (e->probe != NULL) {
        g_clear_pointer(&e->probe, probe_free);
        on_probed(emulator, NULL, e);
    } else {
        entry_probed(e, emulator);
    }
    return e->emulator;
}

const Emulator *
emulator_get_now(const char *path, GError **err)
{
    return entry_now(path, err);
}

guint64
emulator_version(const Emulator *e)
{
    return e->version;
}

/* ---- what conf asks */

static const EmulatorCaps *
lookup_caps(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    g_autofree char *own = NULL;
    const EmulatorCaps *caps;
    Emulator *e;

    if (path == NULL) {
        path = own = emulator_binary(arch != NULL ? arch : emulator_host_arch(), err);
        if (path == NULL)
            return NULL;
    }
    e = entry_now(path, err);
    if (e == NULL)
        return NULL;
    /* without KVM the rules say so, after what is wrong with the document itself */
    caps = virt_type == VIRT_KVM ? emulator_caps(e, TRUE) : NULL;
    return caps != NULL ? caps : emulator_caps(e, FALSE);
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
