/* Control groups of version 2. The kernel answers a read at once; a change may take its time, so
 * changes are laid out as a plan that a worker carries out.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILE_MAX  (1 << 16)
#define REMOVE_MS 2000
#define LOOK_US   2000

gboolean
cgroup_is_folder(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

const char *
cgroup_mount(void)
{
    static const char *const place = "/sys/fs/cgroup";

    return cgroup_is_folder(place) ? place : NULL;
}

/* "0::/machine.slice/a.scope" */
char *
cgroup_of(const char *mount, pid_t pid, GError **err)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", (int)pid), *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!file_read(path, FILE_MAX, &text, NULL, err))
        return NULL;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        if (g_str_has_prefix(lines[i], "0::/"))
            return g_strconcat(mount, lines[i] + strlen("0::"), NULL);
    fail(err, ERR_SYSTEM, "process %d is in no group of version 2", (int)pid);
    return NULL;
}

char *
cgroup_read(const char *folder, const char *file)
{
    g_autofree char *path = g_build_filename(folder, file, NULL);
    char *text = NULL;

    return file_read(path, FILE_MAX, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

gboolean
cgroup_has_file(const char *folder, const char *file)
{
    g_autofree char *path = g_build_filename(folder, file, NULL);

    return access(path, F_OK) == 0;
}

gboolean
cgroup_has(const char *folder, const char *controller)
{
    g_autofree char *text = cgroup_read(folder, "cgroup.controllers");
    g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);

    return g_strv_contains((const char *const *)words, controller);
}

gboolean
cgroup_read_key(const char *folder, const char *file, const char *key, guint64 *ret_number)
{
    g_autofree char *text = cgroup_read(folder, file);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    gsize n = strlen(key);

    for (guint i = 0; lines[i]; i++)
        if (strncmp(lines[i], key, n) == 0 && lines[i][n] == ' ')
            return g_ascii_string_to_unsigned(lines[i] + n + 1, 10, 0, G_MAXUINT64, ret_number,
                                              NULL);
    return FALSE;
}

/* ---- plans */

typedef struct Change {
    char *file; /* NULL: make a group */
    char *name; /* of the group */
    char *device, *text, *what;
    GError *failed;
} Change;

struct CgroupPlan {
    char *folder;
    GPtrArray *changes;
};

static void
change_free(gpointer data)
{
    Change *c = data;

    g_free(c->file);
    g_free(c->name);
    g_free(c->device);
    g_free(c->text);
    g_free(c->what);
    g_clear_error(&c->failed);
    g_free(c);
}

CgroupPlan *
cgroup_plan_new(const char *folder)
{
    CgroupPlan *plan = g_new(CgroupPlan, 1);

    *plan = (CgroupPlan){ g_strdup(folder), g_ptr_array_new_with_free_func(change_free) };
    return plan;
}

void
cgroup_plan_free(CgroupPlan *plan)
{
    if (!plan)
        return;
    g_ptr_array_unref(plan->changes);
    g_free(plan->folder);
    g_free(plan);
}

guint
cgroup_plan_length(const CgroupPlan *plan)
{
    return plan->changes->len;
}

void
cgroup_plan_make(CgroupPlan *plan, const char *name)
{
    Change *c = g_new0(Change, 1);

    c->name = g_strdup(name);
    g_ptr_array_add(plan->changes, c);
}

void
cgroup_plan_write_of(CgroupPlan *plan, const char *file, const char *device, const char *text,
                     const char *what)
{
    Change *c = g_new0(Change, 1);

    *c = (Change){ .file = g_strdup(file),
                   .device = g_strdup(device),
                   .text = g_strdup(text),
                   .what = g_strdup(what) };
    g_ptr_array_add(plan->changes, c);
}

void
cgroup_plan_write(CgroupPlan *plan, const char *file, const char *text, const char *what)
{
    cgroup_plan_write_of(plan, file, NULL, text, what);
}

static char *
device_text(const Change *c, GError **err)
{
    struct stat st;

    if (stat(c->device, &st) < 0) {
        fail_errno(err, errno, "cannot look at '%s'", c->device);
        return NULL;
    }
    if (!S_ISBLK(st.st_mode)) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "'%s' is no block device", c->device);
        return NULL;
    }
    return g_strdup_printf("%u:%u %s", major(st.st_rdev), minor(st.st_rdev), c->text);
}

/* The kernel takes a text in one write or not at all. */
static gboolean
put(const char *path, const char *text, GError **err)
{
    fd_auto fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    gsize n = strlen(text);

    if (fd < 0 && errno == ENOENT)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "this host's kernel has no '%s' here", path);
    if (fd < 0 || write(fd, text, n) != (gssize)n)
        return fail_errno(err, errno, "cannot write '%s' into '%s'", text, path);
    return TRUE;
}

static gboolean
change_do(const CgroupPlan *plan, const Change *c, GError **err)
{
    g_autofree char *path = g_build_filename(plan->folder, c->file ? c->file : c->name, NULL);
    g_autofree char *text = NULL;

    if (!c->file)
        return mkdir(path, 0755) == 0 || errno == EEXIST ||
               fail_errno(err, errno, "cannot make the control group '%s'", path);
    if (c->device && !(text = device_text(c, err)))
        return FALSE;
    return put(path, text ? text : c->text, err);
}

gboolean
cgroup_plan_run(CgroupPlan *plan, GError **err)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        Change *c = plan->changes->pdata[i];

        if (!change_do(plan, c, c->what ? &c->failed : err) && !c->what)
            return FALSE;
    }
    return TRUE;
}

gpointer
cgroup_plan_work(gpointer plan, GError **err)
{
    return cgroup_plan_run(plan, err) ? plan : NULL;
}

void
cgroup_plan_each_failed(const CgroupPlan *plan, CgroupFailed each, gpointer user)
{
    for (guint i = 0; i < plan->changes->len; i++) {
        const Change *c = plan->changes->pdata[i];
        if (c->failed)
            each(c->what, c->failed->message, user);
    }
}

/* ---- the end of a group */

/* The deepest first; groups that somebody else has removed meanwhile are fine. */
static gboolean
remove_all(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !remove_all(path))
            return FALSE;
    }
    return rmdir(folder) == 0 || errno == ENOENT;
}

gboolean
cgroup_remove(const char *folder, GError **err)
{
    gint64 end = g_get_monotonic_time() + REMOVE_MS * 1000;
    g_autofree char *kill = g_build_filename(folder, "cgroup.kill", NULL);

    while (!remove_all(folder)) {
        if (errno != EBUSY || g_get_monotonic_time() > end)
            return fail_errno(err, errno, "cannot remove the control group '%s'", folder);
        put(kill, "1", NULL); /* kernels before 5.14 have none: then what ends by itself does */
        g_usleep(LOOK_US);
    }
    return TRUE;
}

gboolean
cgroup_wait_gone(const char *folder, guint ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;

    while (access(folder, F_OK) == 0) {
        if (g_get_monotonic_time() > end)
            return FALSE;
        g_usleep(LOOK_US);
    }
    return TRUE;
}
