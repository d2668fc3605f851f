/* What vmsh tells about itself: with -d on standard error, with -l in a file that is added to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmsh.h"

gboolean
trace_open(Shell *s, const char *path)
{
    if (s->log)
        fclose(s->log);
    s->log = fopen(path, "ae");
    if (s->log)
        return TRUE;
    fprintf(stderr, "error: cannot open the log file %s: %s\n", path, g_strerror(errno));
    return FALSE;
}

void
trace_close(Shell *s)
{
    if (s->log)
        fclose(s->log);
    s->log = NULL;
}

void
trace(Shell *s, TraceLevel level, const char *fmt, ...)
{
    static const char *const words[] = {
        [TRACE_CALLS] = "debug",
        [TRACE_CONNECTIONS] = "info",
        [TRACE_ERRORS] = "error",
    };
    g_autofree char *text = NULL;
    va_list ap;

    if (level < s->trace_level)
        return;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (level != TRACE_ERRORS) /* which are told anyway */
        fprintf(stderr, "%s: %s\n", words[level], text);
    if (s->log) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *when = g_date_time_format_iso8601(now);
        fprintf(s->log, "%s %s: %s\n", when, words[level], text);
        fflush(s->log);
    }
}
