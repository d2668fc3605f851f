/* QMP calls that a row sends all at once; the row goes on after the last answer. In an undo QEMU
 * may hang, and may have done already what it is asked to do: there the wait is bounded, and an
 * error does not matter. */
#include "life.h"

#define UNDO_WAIT_MS 5000

struct Calls {
    Vm *vm;
    FlowToken token;
    guint waiting; /* answers, and 1 until calls_wait */
    gboolean undoing;
    guint timer;
    GError *err; /* the first refusal */
};

Calls *
calls_new(Vm *vm, gboolean undoing)
{
    Calls *c = g_new0(Calls, 1);

    *c = (Calls){ .vm = object_ref(vm), .waiting = 1, .undoing = undoing };
    return c;
}

static void
settle(Calls *c)
{
    if (--c->waiting > 0)
        return;
    if (c->token)
        flow_wake(c->token, c->err);
    if (c->timer)
        g_source_remove(c->timer);
    g_clear_error(&c->err);
    object_unref(c->vm);
    g_free(c);
}

static void
on_answer(json_object *ret, const GError *err, gpointer user)
{
    Calls *c = user;

    if (err && c->undoing)
        log_debug("domain '%s': %s", c->vm->obj.name, err->message);
    else if (err && !c->err)
        c->err = g_error_copy(err);
    settle(c);
}

void
calls_add(Calls *c, const char *command, json_object *args, int fd)
{
    c->waiting++;
    qmp_call_with_fd(c->vm->run->qmp, command, args, fd, on_answer, c);
}

void
calls_add_secret(Calls *c, const char *command, const char *arguments)
{
    c->waiting++;
    qmp_call_secret(c->vm->run->qmp, command, arguments, on_answer, c);
}

void
calls_drop(Calls *c)
{
    settle(c);
}

static gboolean
on_late(gpointer user)
{
    Calls *c = user;

    c->timer = 0;
    flow_wake(c->token, NULL);
    return G_SOURCE_REMOVE;
}

StepResult
calls_wait(Calls *c, Flow *f)
{
    if (c->waiting == 1 && !c->err) {
        settle(c);
        return STEP_DONE;
    }
    c->token = flow_wait(f);
    if (c->undoing)
        c->timer = g_timeout_add(UNDO_WAIT_MS, on_late, c);
    settle(c);
    return STEP_WAIT;
}
