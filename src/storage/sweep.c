/* What is left of volumes that were being made when the host lost power: their ledgers were in
 * memory. The folders they were in say whose they are, by the first half of the UUID in the name: a
 * sum of the host's machine-id(5) and the daemon's own folder. */
#include "pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_LEN 8

static guint8 mark[MARK_LEN];
static gboolean has_mark;

/* Without an id of the host nothing is swept. */
void
making_mark_init(void)
{
    g_autofree char *id = NULL, *text = NULL, *sum = NULL;

    has_mark = g_file_get_contents("/etc/machine-id", &id, NULL, NULL) && strlen(id) >= 32;
    if (!has_mark)
        return;
    text = g_strdup_printf("vmd %s %s", g_strstrip(id), storage_paths->etc);
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    for (gsize i = 0; i < MARK_LEN; i++)
        mark[i] = (guint8)(g_ascii_xdigit_value(sum[2 * i]) << 4 |
                           g_ascii_xdigit_value(sum[2 * i + 1]));
    mark[6] = (mark[6] & 0x0f) | 0x80; /* RFC 9562: version 8, whose bits are the maker's */
}

void
making_uuid(guint8 ret_uuid[UUID_LEN])
{
    uuid_make(ret_uuid);
    if (has_mark)
        memcpy(ret_uuid, mark, MARK_LEN);
}

static gboolean
is_ours(int folder, const char *name)
{
    guint8 uuid[UUID_LEN];
    struct stat st;

    return g_str_has_prefix(name, MAKING_PREFIX) &&
           uuid_parse(name + strlen(MAKING_PREFIX), uuid) && memcmp(uuid, mark, MARK_LEN) == 0 &&
           fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid();
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DIR, closedir)

/* It has one file, or one empty folder. */
static void
empty(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_autoptr(DIR) dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (fd >= 0 && !dir)
        close(fd);
    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(fd, entry->d_name, 0) < 0)
            unlinkat(fd, entry->d_name, AT_REMOVEDIR);
}

gpointer
sweep_folder(gpointer in, gint *progress, GError **err)
{
    g_autoptr(PoolDef) def = in;
    g_autoptr(DIR) dir = has_mark ? opendir(def->path) : NULL;
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        g_atomic_int_inc(progress);
        if (!is_ours(dirfd(dir), entry->d_name))
            continue;
        empty(dirfd(dir), entry->d_name);
        if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) == 0)
            log_info("storage pool '%s': '%s' is removed: the making of a volume that a power "
                     "failure ended",
                     def->name, entry->d_name);
        else
            log_warning("storage pool '%s': cannot remove '%s': %s", def->name, entry->d_name,
                        g_strerror(errno));
    }
    return NULL;
}
