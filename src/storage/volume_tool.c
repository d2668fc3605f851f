/* Programs that work on volumes: qemu-img and scrub. They end with the daemon, and with the flow
 * that waits for them. */
#include "volume_priv.h"

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

/* What is being made is told by the name that it would have had. */
static char *
told(const VolumeChange *c, const char *errors)
{
    g_autofree char *folder = g_path_get_dirname(c->def->path);
    g_auto(GStrv) pieces = c->folder ? g_strsplit(errors, c->folder, -1) : NULL;

    return pieces ? g_strjoinv(folder, pieces) : g_strdup(errors);
}

static void
on_ended(Process *p, const ProcessEnd *end, gpointer user)
{
    VolumeChange *c = user;
    g_autofree char *why = process_status_text(end->status), *errors = told(c, end->errors);
    FlowToken token = c->tool_wait;
    g_autoptr(GError) err = NULL;

    if (why && !g_atomic_int_get(c->stop))
        fail(&err, ERR_INTERNAL, "volume '%s': %s %s: %s", c->def->name, c->tool_name, why, errors);
    process_free(p);
    c->tool = NULL;
    secret_file_wipe(&c->key);
    flow_wake(token, err);
}

StepResult
tool_run(Flow *f, VolumeChange *c, GPtrArray *argv, GError **err)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    const ProcessFd key = { c->key, -1 };

    g_ptr_array_add(argv, NULL);
    spec.argv = (const char *const *)argv->pdata;
    spec.limits = &limits;
    spec.fds = &key;
    spec.n_fds = c->key >= 0 ? 1 : 0;
    c->tool_name = strcmp(argv->pdata[0], "scrub") == 0 ? "scrub" : "qemu-img";
    c->tool = process_spawn(&spec, on_ended, c, err);
    g_ptr_array_unref(argv);
    if (!c->tool) {
        secret_file_wipe(&c->key);
        return STEP_FAILED;
    }
    c->tool_wait = flow_wait(f);
    return STEP_WAIT;
}

/* That of an earlier daemon has ended with it. */
StepResult
tool_stop(Flow *f, gpointer obj)
{
    VolumeChange *c = volume_change_of(obj);

    volume_stop(obj);
    if (!c || !c->tool)
        return STEP_DONE;
    process_signal(c->tool, SIGKILL, NULL);
    c->tool_wait = flow_wait(f);
    return STEP_WAIT;
}
