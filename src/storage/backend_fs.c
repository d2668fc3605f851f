/* Pools that are file systems: of a device of this host (fs), of a server (netfs). They are mounted
 * at the pool's path, where a folder must be. A mount that is there already is used, and stays.
 */
#include "backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MOUNTS "/proc/self/mountinfo"

/* ---- what is mounted; in a worker */

/* The kernel's spelling: "\040" is a blank (proc(5)). */
static char *
unescape(const char *text)
{
    return g_strcompress(text);
}

typedef struct Mount {
    char *source;
    char *type;
    dev_t dev;
} Mount;

static void
mount_clear(Mount *m)
{
    g_free(m->source);
    g_free(m->type);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Mount, mount_clear)

/* A line is "36 35 98:0 /root /where options fields - type source options". */
static gboolean
mount_read(const char *line, const char *path, Mount *ret)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    guint n = g_strv_length(words), dash = 6, major, minor;
    g_autofree char *where = n > 9 ? unescape(words[4]) : NULL;

    while (dash < n && strcmp(words[dash], "-") != 0)
        dash++;
    if (!where || dash + 2 >= n || strcmp(where, path) != 0 ||
        sscanf(words[2], "%u:%u", &major, &minor) != 2)
        return FALSE;
    mount_clear(ret);
    *ret = (Mount){ unescape(words[dash + 2]), g_strdup(words[dash + 1]), makedev(major, minor) };
    return TRUE;
}

/* The path with no links in it, but for its last part: that may lie on a server. */
static char *
real_path(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path), *name = g_path_get_basename(path);
    char *real = realpath(folder, NULL);
    char *whole = real ? g_build_filename(real, name, NULL) : g_strdup(path);

    free(real);
    return whole;
}

/* The one on top; FALSE: nothing is mounted there. */
static gboolean
mount_find(const char *path, Mount *ret, GError **err)
{
    g_autofree char *real = real_path(path), *text = NULL;
    g_auto(GStrv) lines = NULL;
    gboolean found = FALSE;

    if (!g_file_get_contents(MOUNTS, &text, NULL, NULL))
        return fail(err, ERR_INTERNAL, "cannot read '%s'", MOUNTS);
    lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i]; i++)
        found |= mount_read(lines[i], real, ret);
    return found;
}

static char *
server_source(const PoolDef *def)
{
    const PoolHost *host = list_item(def->source.hosts, 0);
    gboolean bare_ipv6 = strchr(host->name, ':') && host->name[0] != '[';

    if (g_strcmp0(def->source.format, "cifs") == 0)
        return g_strdup_printf("//%s/%s", host->name,
                               def->source.dir + (def->source.dir[0] == '/'));
    return g_strdup_printf(bare_ipv6 ? "[%s]:%s" : "%s:%s", host->name, def->source.dir);
}

static char *
source_of(const PoolDef *def)
{
    if (def->type == POOL_NETFS)
        return server_source(def);
    return g_strdup(((const PoolDevice *)list_item(def->source.devices, 0))->path);
}

/* A device may have several names. */
static gboolean
is_source(const PoolDef *def, const Mount *m)
{
    g_autofree char *source = source_of(def);
    struct stat a, b;

    if (strcmp(source, m->source) == 0)
        return TRUE;
    if (def->type == POOL_NETFS || stat(source, &a) < 0 || !S_ISBLK(a.st_mode))
        return FALSE;
    return a.st_rdev == m->dev ||
           (stat(m->source, &b) == 0 && S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev);
}

static gpointer
look(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolDef) def = in;
    g_auto(Mount) m = { 0 };

    if (!mount_find(def->path, &m, err))
        return NULL;
    if (is_source(def, &m))
        return g_steal_pointer(&def);
    fail(err, ERR_OPERATION_INVALID, "storage pool '%s': at '%s' is '%s' mounted", def->name,
         def->path, m.source);
    return NULL;
}

/* A busy one goes out of sight, and ends with the last who uses it. */
static gpointer
detach(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolDef) def = in;
    g_auto(Mount) m = { 0 };

    if (!mount_find(def->path, &m, NULL) || !is_source(def, &m))
        return g_steal_pointer(&def);
    if (umount2(def->path, UMOUNT_NOFOLLOW) == 0)
        return g_steal_pointer(&def);
    if (errno == EBUSY && umount2(def->path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0) {
        log_warning(
            "storage pool '%s': '%s' is still in use; it is unmounted when its last user closes it",
            def->name, def->path);
        return g_steal_pointer(&def);
    }
    fail_errno(err, errno, "cannot unmount '%s'", def->path);
    return NULL;
}

/* Files in the folder itself, when nothing is mounted there, are not the pool's. */
static gpointer
scan(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolDef) def = in;
    g_autoptr(GError) why = NULL;
    PoolDef *there = look(pool_copy(def), progress, &why);

    if (there) {
        pool_def_free(there);
        return scan_folder(g_steal_pointer(&def), progress, err);
    }
    if (why)
        g_propagate_error(err, g_steal_pointer(&why));
    else
        fail(err, ERR_OPERATION_INVALID, "nothing is mounted at '%s' of storage pool '%s'",
             def->path, def->name);
    return NULL;
}

/* ---- mounting */

/* libvirt's own, so that no file of a pool is a device or a program with rights. */
#define USUAL_OPTIONS "nodev,nosuid,noexec"

static char *
options_of(const PoolDef *def)
{
    GString *o = g_string_new(USUAL_OPTIONS);

    if (def->type == POOL_NETFS && def->source.protocol)
        g_string_append_printf(o, ",nfsvers=%s", def->source.protocol);
    EACH (PoolOption, option, def->mount_options)
        g_string_append_printf(o, ",%s", option->name);
    return g_string_free(o, FALSE);
}

static GPtrArray *
attach(const PoolDef *def)
{
    g_autofree char *source = source_of(def), *options = options_of(def);
    GPtrArray *argv = tool_words("mount", NULL);

    if (strcmp(def->source.format, "auto") != 0) {
        tool_add(argv, "-t");
        tool_add(argv, def->source.format);
    }
    tool_add(argv, "-o");
    tool_add(argv, options);
    tool_add(argv, "--");
    tool_add(argv, source);
    tool_add(argv, def->path);
    return argv;
}

gboolean
backend_has_program(const PoolDef *def, const char *program, const char *of, GError **err)
{
    g_autofree char *path = g_find_program_in_path(program);
    g_autofree char *beside = path ? NULL : g_strdup_printf("/usr/sbin/%s", program);

    return path || g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE) ||
           fail(err, ERR_OPERATION_FAILED,
                "storage pool '%s' needs the program '%s', which is not installed (%s)", def->name,
                program, of);
}

static gboolean
check_fs(const PoolDef *def, GError **err)
{
    return list_length(def->source.devices) == 1 ||
           fail(err, ERR_INTERNAL, "storage pool '%s': a file system is on one device, not %u",
                def->name, list_length(def->source.devices));
}

static gboolean
check_netfs(const PoolDef *def, GError **err)
{
    static const struct {
        const char *format, *program, *of;
    } rows[] = {
        { "auto", "mount.nfs", "nfs-common" },
        { "nfs", "mount.nfs", "nfs-common" },
        { "cifs", "mount.cifs", "cifs-utils" },
        { "glusterfs", "mount.glusterfs", "glusterfs-client" },
    };

    if (list_length(def->source.hosts) != 1)
        return fail(err, ERR_INTERNAL, "storage pool '%s': a file system is of one host, not %u",
                    def->name, list_length(def->source.hosts));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(def->source.format, rows[i].format) == 0)
            return backend_has_program(def, rows[i].program, rows[i].of, err);
    return TRUE;
}

/* ---- making one */

static gboolean
format_check(const PoolDef *def, GError **err)
{
    g_autofree char *program = g_strconcat("mkfs.", def->source.format, NULL);

    if (strcmp(def->source.format, "auto") == 0)
        return fail(err, ERR_OPERATION_INVALID,
                    "storage pool '%s' does not say which file system is to be made: its source's "
                    "format is 'auto'",
                    def->name);
    return backend_has_program(def, program, "the tools of that file system", err);
}

/* Low-level probing says so of everything that is known, of partition tables as well (blkid(8)). */
static GPtrArray *
probe(const PoolDef *def)
{
    g_autofree char *source = source_of(def);

    return tool_words("blkid", "-p", "-o", "export", "--", source, NULL);
}

static GPtrArray *
format(const PoolDef *def, gboolean overwrite)
{
    g_autofree char *source = source_of(def);
    GPtrArray *argv = tool_words("mkfs", "-t", def->source.format, NULL);

    if (g_str_has_prefix(def->source.format, "ext"))
        tool_add(argv, "-F");
    else if (strcmp(def->source.format, "xfs") == 0)
        tool_add(argv, "-f");
    tool_add(argv, source);
    return argv;
}

const PoolBackend backend_fs = {
    .type = POOL_FS,
    .is_watched = TRUE,
    .check = check_fs,
    .look = look,
    .detach = detach,
    .scan = scan,
    .attach = attach,
    .probe = probe,
    .format = format,
    .format_check = format_check,
};

const PoolBackend backend_netfs = {
    .type = POOL_NETFS,
    .check = check_netfs,
    .look = look,
    .detach = detach,
    .scan = scan,
    .attach = attach,
};
