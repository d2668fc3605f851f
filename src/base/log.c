/* The log: to the journal's socket when stderr is the journal's stream, else lines on stderr. One
 * format: a level and a sentence. */
#include "base/base.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 4096,
    LINES_AT_ONCE = 100, /* of one cause, in WHILE_S */
    WHILE_S = 5,
    N_CAUSES = 256,
};

static const struct {
    const char *name;
    int priority;
} levels[] = {
    [LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
    [LOG_LEVEL_INFO] = { "info", LOG_INFO },
    [LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
    [LOG_LEVEL_ERROR] = { "error", LOG_ERR },
};

/* As log_filters of vmd.conf names them, and where their files are. */
static const struct {
    const char *name, *folder;
} rooms[LOG_ROOMS] = {
    { "base", "src/base/" },       { "conf", "src/conf/" }, { "core", "src/core/" },
    { "wire", "src/wire/" },       { "host", "src/host/" }, { "network", "src/network/" },
    { "storage", "src/storage/" }, { "qemu", "src/qemu/" }, { "rpc", "src/rpc/" },
    { "daemon", "daemon/" },
};

static LogLevel threshold = LOG_LEVEL_INFO;
static LogLevel lowest = LOG_LEVEL_INFO; /* of threshold and all filters */
static LogFilters filters;
static gboolean to_journal;

/* JOURNAL_STREAM is inherited by everything a service starts, so it counts only while it still
 * names the very file that stderr is. */
static gboolean
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    g_autofree char *ours = NULL;
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return FALSE;
    ours = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, ours) == 0;
}

/* GLib's own warnings, and those of libraries on it, in the same form. */
static GLogWriterOutput
on_glib_log(GLogLevelFlags flags, const GLogField *fields, gsize n_fields, gpointer user)
{
    LogLevel level = flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL) ? LOG_LEVEL_ERROR
                     : flags & G_LOG_LEVEL_WARNING                      ? LOG_LEVEL_WARNING
                     : flags & G_LOG_LEVEL_DEBUG                        ? LOG_LEVEL_DEBUG
                                                                        : LOG_LEVEL_INFO;

    for (gsize i = 0; i < n_fields; i++)
        if (strcmp(fields[i].key, "MESSAGE") == 0 && fields[i].length < 0)
            log_from("", level, "%s", (const char *)fields[i].value);
    return G_LOG_WRITER_HANDLED;
}

void
log_init(LogLevel least)
{
    static gboolean glib_told;

    log_set(least, &(LogFilters){ 0 });
    to_journal = stderr_is_journal();
    if (!glib_told)
        g_log_set_writer_func(on_glib_log, NULL, NULL);
    glib_told = TRUE;
}

gboolean
log_level_parse(const char *text, LogLevel *ret_level)
{
    for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (g_strcmp0(text, levels[i].name) != 0)
            continue;
        *ret_level = i;
        return TRUE;
    }
    return FALSE;
}

const char *
log_level_name(LogLevel level)
{
    return levels[level].name;
}

/* ---- filters: another threshold for what a room says */

void
log_set(LogLevel least, const LogFilters *f)
{
    threshold = lowest = least;
    filters = *f;
    for (gsize i = 0; i < LOG_ROOMS; i++)
        if (filters.set[i])
            lowest = MIN(lowest, filters.least[i]);
}

static gboolean
filter_parse(const char *word, LogFilters *f, GError **err)
{
    const char *colon = strchr(word, ':');
    gsize len = colon ? (gsize)(colon - word) : strlen(word);
    gsize room = 0;

    while (room < LOG_ROOMS &&
           (strlen(rooms[room].name) != len || strncmp(rooms[room].name, word, len) != 0))
        room++;
    if (room == LOG_ROOMS)
        return fail(err, ERR_INVALID_ARG,
                    "'%s' begins with no room: base, conf, core, wire, host, network, storage, "
                    "qemu, rpc or daemon",
                    word);
    if (!colon || !log_level_parse(colon + 1, &f->least[room]))
        return fail(err, ERR_INVALID_ARG, "'%s' is not ROOM:LEVEL, as in qemu:debug", word);
    f->set[room] = TRUE;
    return TRUE;
}

gboolean
log_filters_parse(const char *text, LogFilters *ret_filters, GError **err)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t,", -1);
    LogFilters f = { 0 };

    for (guint i = 0; words[i]; i++)
        if (*words[i] && !filter_parse(words[i], &f, err))
            return FALSE;
    *ret_filters = f;
    return TRUE;
}

char *
log_filters_format(const LogFilters *f)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < LOG_ROOMS; i++)
        if (f->set[i])
            g_string_append_printf(text, "%s%s:%s", text->len ? " " : "", rooms[i].name,
                                   levels[f->least[i]].name);
    return g_string_free(text, FALSE);
}

static LogLevel
threshold_of(const char *file)
{
    for (gsize i = 0; i < LOG_ROOMS; i++)
        if (filters.set[i] && strstr(file, rooms[i].folder))
            return filters.least[i];
    return threshold;
}

/* One writev, so that lines of processes sharing stderr do not mix. */
static void
to_stderr(LogLevel level, char *text)
{
    const struct iovec parts[] = {
        { (char *)levels[level].name, strlen(levels[level].name) },
        { (char *)": ", 2 },
        { text, strlen(text) },
        { (char *)"\n", 1 },
    };

    while (writev(STDERR_FILENO, parts, G_N_ELEMENTS(parts)) < 0 && errno == EINTR)
        ;
}

/* Text of clients and of programs must not look like lines of ours, nor fill the disk. */
static void
clean_line(char *text)
{
    for (char *p = text; *p; p++)
        if (g_ascii_iscntrl(*p))
            *p = ' ';
    if (strlen(text) > LINE_MAX_BYTES)
        text[LINE_MAX_BYTES] = '\0';
}

static void
write_line(LogLevel level, char *text)
{
    clean_line(text);
    if (!to_journal || sd_journal_print(levels[level].priority, "%s", text) < 0)
        to_stderr(level, text);
}

/* ---- lines of one cause: so many in a while, then a count. A cause is the place that logs, known
 * by its format, unless it says otherwise. */

typedef struct Cause {
    const char *what;
    LogLevel level;
    gint64 since; /* monotonic */
    guint n;
} Cause;

static Cause causes[N_CAUSES];
G_LOCK_DEFINE_STATIC(causes);

static void
tell_left_out(const Cause *cause)
{
    g_autofree char *text = NULL;

    if (cause->n <= LINES_AT_ONCE)
        return;
    text = g_strdup_printf("%u more lines like this were left out: %s", cause->n - LINES_AT_ONCE,
                           cause->what);
    write_line(cause->level, text);
}

static gboolean
on_while_over(gpointer slot)
{
    Cause *cause = slot;
    Cause was;

    G_LOCK(causes);
    was = *cause;
    *cause = (Cause){ 0 };
    G_UNLOCK(causes);
    tell_left_out(&was);
    return G_SOURCE_REMOVE;
}

/* Whether a message may be logged. Two causes that share a slot share one bound. */
static gboolean
may_say(LogLevel level, const LogCause *by)
{
    Cause *cause = &causes[((gsize)by->place / 8 + by->number) % N_CAUSES];
    gint64 now = g_get_monotonic_time();
    gboolean yes;

    G_LOCK(causes);
    if (now - cause->since > WHILE_S * G_USEC_PER_SEC && cause->n <= LINES_AT_ONCE)
        *cause = (Cause){ .what = by->what, .since = now };
    cause->level = MAX(cause->level, level);
    yes = ++cause->n <= LINES_AT_ONCE;
    if (cause->n == LINES_AT_ONCE + 1)
        g_timeout_add_seconds(WHILE_S, on_while_over, cause);
    G_UNLOCK(causes);
    return yes;
}

static gboolean
is_told(const char *file, LogLevel level, const LogCause *cause)
{
    if (level < lowest || level < threshold_of(file))
        return FALSE;
    return level == LOG_LEVEL_DEBUG || may_say(level, cause);
}

void
log_from(const char *file, LogLevel level, const char *fmt, ...)
{
    int errnum = errno;
    g_autofree char *text = NULL;
    va_list ap;

    if (!is_told(file, level, &(LogCause){ fmt, 0, fmt }))
        return;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    write_line(level, text);
    errno = errnum;
}

static void
add_field(GArray *parts, char *text)
{
    struct iovec part = { text, strlen(text) };

    g_array_append_val(parts, part);
}

/* Sends a message to the journal. FALSE: the journal cannot be reached. */
static gboolean
to_journal_with(LogLevel level, const char *text, const LogField *fields)
{
    g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(struct iovec));
    int rc;

    add_field(parts, g_strconcat("MESSAGE=", text, NULL));
    add_field(parts, g_strdup_printf("PRIORITY=%d", levels[level].priority));
    for (; fields->name || fields->value; fields++)
        if (fields->name && fields->value)
            add_field(parts, g_strconcat(fields->name, "=", fields->value, NULL));
    rc = sd_journal_sendv((struct iovec *)(gpointer)parts->data, (int)parts->len);
    for (guint i = 0; i < parts->len; i++)
        g_free(g_array_index(parts, struct iovec, i).iov_base);
    return rc >= 0;
}

void
log_event(const char *file, LogLevel level, const LogCause *cause, const LogField *fields,
          const char *fmt, ...)
{
    int errnum = errno;
    g_autofree char *text = NULL;
    va_list ap;

    if (!is_told(file, level, cause))
        return;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    clean_line(text);
    if (!to_journal || !to_journal_with(level, text, fields))
        to_stderr(level, text);
    errno = errnum;
}
