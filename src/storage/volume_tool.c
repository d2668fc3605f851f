/* Programs that work on volumes: qemu-img and scrub. They end with the daemon, and with the flow
 * that waits for them. */
#include "volume_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

/* An image may be as large as it likes, and take as long. */
static const ProcessLimits limits = { .files = 256 };

GPtrArray *
tool_words(const char *program, ...)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    va_list words;

    tool_add(argv, program);
    va_start(words, program);
    for (const char *word; (word = va_arg(words, const char *));)
        tool_add(argv, word);
    va_end(words);
    return argv;
}

void
tool_add(GPtrArray *argv, const char *word)
{
    g_ptr_array_add(argv, g_strdup(word));
}

/* The name of the volume for errors: a volume in the making is called by its final name. */
static char *
told(const VolumeChange *c, const char *errors)
{
    g_autofree char *folder = g_path_get_dirname(c->def->path);
    g_auto(GStrv) pieces = c->folder ? g_strsplit(errors, c->folder, -1) : NULL;

    return pieces ? g_strjoinv(folder, pieces) : g_strdup(errors);
}

/* ---- how much is missing */

static void
on_no_room(Pool *pool, gpointer out, const GError *err, gboolean wanted, gpointer user)
{
}

/* What was written is still there: a worker tells what was free, and the row fails with that. */
static void
tell_missing(VolumeChange *c, guint64 needed)
{
    VolumeWork *w = volume_work_new(c);
    const ErrandSpec spec = {
        .work = work_no_room, .in = w, .back = on_no_room, .token = c->tool_wait
    };

    w->size = needed;
    w->trouble = g_steal_pointer(&c->tool_error);
    errand_send(c->pool, &spec);
}

static void
on_measured(Process *p, const ProcessEnd *end, gpointer user)
{
    VolumeChange *c = user;
    json_object *o = end->status == 0 ? json_tokener_parse(end->out) : NULL;
    gint64 needed = json_int(o, "required", 0);

    json_object_put(o);
    process_free(p);
    c->tool = NULL;
    if (g_atomic_int_get(&c->pace->stop))
        flow_wake(c->tool_wait, NULL);
    else
        tell_missing(c, (guint64)MAX(needed, 0));
}

static Process *
spawn(const VolumeChange *c, const GPtrArray *argv, ProcessDone done, GError **err)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    const ProcessFd key = { c->key, -1 };

    spec.argv = (const char *const *)argv->pdata;
    spec.limits = &limits;
    spec.input = c->tool_input;
    spec.out_max = c->tool_keeps ? REPORT_MAX : 0;
    spec.fds = &key;
    spec.n_fds = c->key >= 0 ? 1 : 0;
    return process_spawn(&spec, done, (gpointer)c, err);
}

/* FALSE: it is no matter of room. */
static gboolean
found_no_room(VolumeChange *c, const char *why, const char *errors)
{
    g_autoptr(GPtrArray) argv = NULL;

    if (!c->folder || !strstr(errors, g_strerror(ENOSPC)))
        return FALSE;
    g_free(c->tool_error);
    c->tool_error = g_strdup_printf("volume '%s': %s %s: %s", c->def->name, c->tool_name, why,
                                    errors);
    argv = c->source ? create_measure_words(c) : NULL;
    if (argv)
        g_ptr_array_add(argv, NULL);
    c->tool = argv ? spawn(c, argv, on_measured, NULL) : NULL;
    if (!c->tool)
        tell_missing(c, c->def->capacity);
    return TRUE;
}

/* ---- running one */

/* QEMU finds the rounds of a key by measuring its own thread. Until 9.1 it gave up where the kernel
 * booked a short run as system time, which happens by chance on a busy host: the next try differs.
 */
#define MEASURE_TRIES 20

static void on_ended(Process *p, const ProcessEnd *end, gpointer user);

static gboolean
is_tried_again(VolumeChange *c, const char *errors)
{
    if (!strstr(errors, "Unable to get accurate CPU usage") || ++c->tool_tries >= MEASURE_TRIES)
        return FALSE;
    c->tool = spawn(c, c->tool_argv, on_ended, NULL);
    return c->tool != NULL;
}

static void
on_ended(Process *p, const ProcessEnd *end, gpointer user)
{
    VolumeChange *c = user;
    g_autofree char *why = process_status_text(end->status), *errors = told(c, end->errors);
    FlowToken token = c->tool_wait;
    gboolean failed = why && !g_atomic_int_get(&c->pace->stop);
    g_autoptr(GError) err = NULL;

    process_free(p);
    c->tool = NULL;
    if (failed && is_tried_again(c, errors))
        return;
    secret_file_wipe(&c->key);
    if (failed && found_no_room(c, why, errors))
        return;
    if (failed)
        fail(&err, ERR_INTERNAL, "volume '%s': %s %s: %s", c->def->name, c->tool_name, why, errors);
    if (!why && c->tool_keeps) {
        g_free(c->said);
        c->said = g_strndup(end->out, end->out_len);
    }
    c->tool_keeps = FALSE;
    if (!why && c->tool_tells) {
        __atomic_store_n(&c->pace->total, c->image_size, __ATOMIC_RELAXED);
        __atomic_store_n(&c->pace->done, c->image_size, __ATOMIC_RELAXED);
    }
    flow_wake(token, err);
}

StepResult
tool_run(Flow *f, VolumeChange *c, GPtrArray *argv, GError **err)
{
    c->tool_name = g_intern_string(argv->pdata[0]);
    c->tool_tells = c->tool_name[0] == 'q' &&
                    g_ptr_array_find_with_equal_func(argv, "-p", g_str_equal, NULL);
    g_clear_pointer(&c->tool_argv, g_ptr_array_unref);
    c->tool_argv = argv;
    g_ptr_array_add(argv, NULL);
    c->tool_tries = 0;
    c->tool = spawn(c, argv, on_ended, err);
    g_clear_pointer(&c->tool_input, g_free);
    if (!c->tool) {
        secret_file_wipe(&c->key);
        return STEP_FAILED;
    }
    c->tool_wait = flow_wait(f);
    return STEP_WAIT;
}

StepResult
tool_ask(Flow *f, VolumeChange *c, GPtrArray *argv, GError **err)
{
    c->tool_keeps = TRUE;
    return tool_run(f, c, argv, err);
}

/* A tool of an earlier daemon has ended with that daemon. */
StepResult
tool_stop(Flow *f, gpointer obj)
{
    VolumeChange *c = flow_user(f);

    volume_stop(f);
    if (!c || !c->tool)
        return STEP_DONE;
    process_signal(c->tool, SIGKILL, NULL);
    c->tool_wait = flow_wait(f);
    return STEP_WAIT;
}

/* The newest "(12.34/100%)" of its lines, which end in carriage returns. */
int
tool_progress(const VolumeChange *c)
{
    const char *said = c->tool && c->tool_tells ? process_output(c->tool) : NULL;
    const char *last = said ? strrchr(said, '(') : NULL, *end = last ? strchr(last, '/') : NULL;

    if (last && !end) /* it is being said */
        for (last--; last > said && *last != '('; last--)
            ;
    if (last && *last == '(')
        return (int)CLAMP(g_ascii_strtod(last + 1, NULL) * 100, 0, 10000);
    return said ? 0 : -1;
}
