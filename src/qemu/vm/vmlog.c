/* The log of one VM: what was started and what QEMU said. QEMU writes into the file itself, so that
 * nothing is lost while the daemon is away; a log that grew too long is therefore copied aside and
 * cut, not moved. The folder is watched: whoever writes fast is cut often, by a worker. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vm.h"

#define LOG_MAX     (2 << 20)
#define LOG_BACKUPS 3
#define LOOK_MS     100 /* after the first write that was heard */
#define QUOTE_MAX   4096

static char *
log_path(const Vm *vm)
{
    return g_strdup_printf("%s/qemu/%s.log", qemu_paths->log, vm->obj.name);
}

/* Lines written between the copy and the cut are lost: a few microseconds, every 2 MiB; and what
 * came faster than it could be looked at. */
static void
rotate(const char *folder, const char *name)
{
    fd_auto dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir >= 0 && file_rotate(dir, name, LOG_MAX, LOG_BACKUPS) < 0 && errno != ENOENT)
        log_warning("cannot cut %s/%s: %s", folder, name, strerror(errno));
}

/* ---- the watch */

static struct {
    int inotify;  /* -1: off */
    guint source; /* 0: somebody has written, and is looked at soon or just now */
    guint timer;
} watch = { .inotify = -1 };

static gboolean on_written(int fd, GIOCondition condition, gpointer unused);

/* The same folder twice is one watch. */
static void
watch_folder(const char *folder)
{
    if (watch.inotify >= 0 &&
        inotify_add_watch(watch.inotify, folder, IN_MODIFY | IN_ONLYDIR | IN_DONT_FOLLOW) < 0)
        log_warning("cannot watch the logs in '%s': %s", folder, strerror(errno));
}

static gpointer
look_at_logs(gpointer in, GError **err)
{
    g_autoptr(GDir) dir = g_dir_open(in, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_suffix(name, ".log"))
            rotate(in, name);
    return NULL;
}

static void
on_looked(gpointer out, const GError *err, gpointer unused)
{
    if (watch.inotify >= 0 && !watch.source)
        watch.source = g_unix_fd_add(watch.inotify, G_IO_IN, on_written, NULL);
}

static gboolean
on_time(gpointer unused)
{
    watch.timer = 0;
    offload(look_at_logs, g_strconcat(qemu_paths->log, "/qemu", NULL), g_free, on_looked, NULL);
    return G_SOURCE_REMOVE;
}

/* What is heard is only that somebody writes: until they were looked at, nobody listens. */
static gboolean
on_written(int fd, GIOCondition condition, gpointer unused)
{
    char events[4096];

    while (read(fd, events, sizeof events) > 0)
        ;
    watch.source = 0;
    watch.timer = g_timeout_add(LOOK_MS, on_time, NULL);
    return G_SOURCE_REMOVE;
}

void
vmlog_watch(gboolean on)
{
    g_autofree char *folder = g_strconcat(qemu_paths->log, "/qemu", NULL);

    g_clear_handle_id(&watch.source, g_source_remove);
    g_clear_handle_id(&watch.timer, g_source_remove);
    fd_close(&watch.inotify);
    if (!on)
        return;
    watch.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch.inotify >= 0 && dir_make(folder, 0700, NULL))
        watch_folder(folder);
    on_time(NULL); /* what an earlier daemon has left */
}

/* ---- writing and reading */

static int
open_log(const Vm *vm, int flags)
{
    g_autofree char *path = log_path(vm);

    return open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
}

int
vmlog_open(Vm *vm, GError **err)
{
    g_autofree char *path = log_path(vm), *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int fd;

    if (!dir_make(folder, 0700, err)) /* somebody may have tidied up */
        return -1;
    fd = open_log(vm, O_CREAT);
    if (fd < 0) {
        fail_errno(err, errno, "cannot open log %s", path);
        return -1;
    }
    rotate(folder, name);
    watch_folder(folder);
    return fd;
}

static void
write_text(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        log_debug("cannot write a VM's log: %s", strerror(errno));
}

static char *
stamp(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");

    return g_strdup_printf("%s.%03d+0000", seconds, g_date_time_get_microsecond(now) / 1000);
}

/* An option and its value on one line, quoted so that a shell can run it. */
static void
format_argv(GString *text, const char *const *argv)
{
    for (int i = 0; argv[i]; i++) {
        g_autofree char *quoted = g_shell_quote(argv[i]);
        gboolean plain = strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789-_=.,:/+@%") == strlen(argv[i]);
        if (i > 0)
            g_string_append(text, argv[i][0] == '-' ? " \\\n" : " ");
        g_string_append(text, plain && argv[i][0] ? argv[i] : quoted);
    }
    g_string_append_c(text, '\n');
}

void
vmlog_header(int fd, const Emulator *e, const char *const *argv)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *when = stamp();
    guint64 v = emulator_version(e);
    struct utsname host;

    uname(&host);
    g_string_printf(text,
                    "%s: starting up vmd version: %s, qemu version: %u.%u.%u, kernel: %s, "
                    "hostname: %s\n",
                    when, VMD_VERSION, (guint)(v / 1000000), (guint)(v / 1000 % 1000),
                    (guint)(v % 1000), host.release, host.nodename);
    format_argv(text, argv);
    write_text(fd, text->str);
}

void
vmlog_line(Vm *vm, const char *fmt, ...)
{
    g_autofree char *when = stamp(), *words = NULL, *line = NULL;
    fd_auto fd = open_log(vm, 0);
    va_list ap;

    if (fd < 0)
        return;
    va_start(ap, fmt);
    words = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    line = g_strdup_printf("%s: %s\n", when, words);
    write_text(fd, line);
}

char *
vmlog_read_from(Vm *vm, gint64 offset)
{
    g_autofree char *path = log_path(vm);
    fd_auto fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = g_malloc0(QUOTE_MAX + 1);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return text;
    if (pread(fd, text, QUOTE_MAX, MAX(offset, st.st_size - QUOTE_MAX)) < 0)
        text[0] = '\0';
    return g_strchomp(text);
}

/* A name of a domain fits into that of a file with most helpers, but a device may be called
 * anything.
 */
char *
vmlog_helper_path(const Vm *vm, const char *helper)
{
    g_autofree char *file = g_strdup_printf("%s-%.200s.log", vm->obj.name, helper);
    char uuid[UUID_TEXT_LEN];

    if (strlen(file) > NAME_MAX) {
        uuid_format(vm->obj.uuid, uuid);
        g_free(file);
        file = g_strdup_printf("%s-%.200s.log", uuid, helper);
    }
    return g_strdup_printf("%s/qemu/%s", qemu_paths->log, file);
}

void
vmlog_remove_helper(const Vm *vm, const char *helper)
{
    g_autofree char *path = vmlog_helper_path(vm, helper);

    unlink(path);
}

void
vmlog_remove(const Vm *vm)
{
    g_autofree char *path = log_path(vm);

    unlink(path);
    for (int i = 0; i < LOG_BACKUPS; i++) {
        g_autofree char *backup = g_strdup_printf("%s.%d", path, i);
        unlink(backup);
    }
}
