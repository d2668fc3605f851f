/* A bar on a terminal's stderr, for what takes longer than a second: how far the work is that the
 * call waits for. */
#include <string.h>
#include <unistd.h>

#include "vmsh.h"

#define SHOWN_AFTER_US G_USEC_PER_SEC
#define AGAIN_US       (G_USEC_PER_SEC / 4)
#define WIDTH          24

char *
task_speed_text(const VmdTaskProgress *p)
{
    g_autofree char *size = text_human_size(p->speed);

    return strcmp(p->unit, "bytes") == 0
               ? g_strdup_printf("%s/s", size)
               : g_strdup_printf("%" G_GUINT64_FORMAT " %s/s", p->speed, p->unit);
}

/* FALSE: it is too early, or nobody sees it. */
static gboolean
is_due(ProgressBar *b)
{
    gint64 now = g_get_monotonic_time();

    if (!b->on || now - b->began < SHOWN_AFTER_US || now - b->drawn < AGAIN_US)
        return FALSE;
    b->drawn = now;
    return TRUE;
}

static void
draw(ProgressBar *b, const VmdTaskProgress *p)
{
    g_autofree char *speed = p->speed ? task_speed_text(p) : g_strdup("");
    guint64 part = p->total ? MIN(p->done, p->total) * 1000 / p->total : 0;
    char bar[WIDTH + 1];
    int width;

    memset(bar, '-', WIDTH);
    memset(bar, '#', part * WIDTH / 1000);
    bar[WIDTH] = '\0';
    if (p->total)
        width = fprintf(stderr, "\r%s of %s [%s] %3d %% %s", b->kind, b->thing, bar,
                        (int)(part / 10), speed);
    else
        width = fprintf(stderr, "\r%s of %s, %d s %s", b->kind, b->thing,
                        (int)((b->drawn - b->began) / G_USEC_PER_SEC), speed);
    if (width < b->width) /* what is longer is painted over */
        fprintf(stderr, "%*s", b->width - width, "");
    b->width = MAX(width, b->width);
    fflush(stderr);
}

/* The daemon is asked beside the call that waits. One that cannot say is not asked again. */
static void
on_waiting(gpointer user)
{
    ProgressBar *b = user;
    VmdTasksRet r = { 0 };
    Arena arena;

    if (!is_due(b))
        return;
    arena_init(&arena, NULL, 0);
    b->on = conn_call(b->shell->conn, PROGRAM_VMD, PROC_VMD_TASKS, NULL, &arena, &r, NULL);
    for (guint i = 0; b->on && i < r.tasks.n; i++) {
        const VmdTask *t = &r.tasks.v[i];
        if (strcmp(t->kind, b->kind) == 0 && strcmp(t->subject, b->pool) == 0 &&
            g_strcmp0(t->thing, b->thing) == 0)
            draw(b, &t->progress);
    }
    arena_done(&arena);
}

void
progress_begin(Shell *s, ProgressBar *b, const char *kind, const char *pool, const char *thing)
{
    *b = (ProgressBar){ .shell = s,
                        .kind = kind,
                        .pool = pool,
                        .thing = thing,
                        .on = isatty(STDERR_FILENO) && !s->quiet && !s->json,
                        .began = g_get_monotonic_time() };
    if (b->on)
        conn_on_waiting(s->conn, on_waiting, b);
}

void
progress_end(ProgressBar *b)
{
    conn_on_waiting(b->shell->conn, NULL, NULL);
    if (b->width)
        fprintf(stderr, "\r%*s\r", b->width, "");
    b->on = FALSE;
}

void
progress_sent(ProgressBar *b, guint64 done, guint64 total)
{
    gint64 passed = MAX(g_get_monotonic_time() - b->began, 1);
    const VmdTaskProgress p = { "bytes", done, total,
                                (guint64)((double)done * G_USEC_PER_SEC / (double)passed) };

    if (is_due(b))
        draw(b, &p);
}
