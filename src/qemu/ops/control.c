/* What a client can do to a running guest: press buttons and keys, and send commands to QEMU. Each
 * is a row and a continuation; the effect on the guest is reported by an event. */
#include <string.h>

#include "ops.h"

/* ---- suspend and resume */

static gboolean
suspend_run(Ask *a, GError **err)
{
    VmState state = a->vm->state;

    if (state == VM_PMSUSPENDED)
        return fail(err, ERR_OPERATION_INVALID, "domain is pmsuspended");
    if (state == VM_PAUSED || state == VM_SHUTDOWN)
        ask_end(a, NULL);
    else
        ask_call(a, "stop", NULL, NULL);
    return TRUE;
}

void
vm_suspend(Vm *vm, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "suspend", .job = JOB_CHANGE, .run = suspend_run };

    vm_ask(vm, &kind, 0, NULL, NULL, who, done, user);
}

static gboolean
resume_run(Ask *a, GError **err)
{
    VmState state = a->vm->state;

    if (state == VM_PMSUSPENDED)
        return fail(err, ERR_OPERATION_INVALID, "domain is pmsuspended");
    if (state == VM_RUNNING)
        return fail(err, ERR_OPERATION_INVALID, "domain is already running");
    ask_call(a, "cont", NULL, NULL);
    return TRUE;
}

void
vm_resume(Vm *vm, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "resume", .job = JOB_CHANGE, .run = resume_run };

    vm_ask(vm, &kind, 0, NULL, NULL, who, done, user);
}

/* ---- the power and reset buttons */

enum { BY_ACPI = 1 << 0, BY_AGENT = 1 << 1 };

static gboolean
press_power(Ask *a, gboolean then_reboot)
{
    a->vm->run->rebooting = then_reboot;
    vm_save_soon(a->vm);
    ask_call(a, "system_powerdown", NULL, NULL);
    return TRUE;
}

/* A paused guest would never react to the button. */
static gboolean
shutdown_run(Ask *a, GError **err)
{
    if (a->vm->state != VM_RUNNING)
        return fail(err, ERR_OPERATION_INVALID, "domain is not running");
    return press_power(a, FALSE);
}

static gboolean
reboot_run(Ask *a, GError **err)
{
    return press_power(a, TRUE);
}

/* The power button, as its guest takes it: by its agent, by ACPI, or by ACPI where there is no
 * agent, or it fails. No job of the domain: an agent may take long, and others need not wait. */
typedef struct Button {
    const AskKind *kind;
    const char *mode;
    guint flags;
    char *who;
    VmDone done;
    gpointer user;
} Button;

static void
press_by_acpi(Vm *vm, Button *b)
{
    vm_ask(vm, b->kind, 0, NULL, NULL, b->who, b->done, b->user);
    g_free(b->who);
    g_free(b);
}

static void
on_agent_pressed(Vm *vm, json_object *ret, const GError *err, gpointer user)
{
    Button *b = user;

    if (err && b->flags != BY_AGENT) {
        press_by_acpi(vm, b);
        return;
    }
    b->done(vm, err, b->user);
    g_free(b->who);
    g_free(b);
}

static void
press(Vm *vm, const Button *how, Asker who)
{
    Button *b = g_memdup2(how, sizeof *how);

    b->who = g_strdup(who);
    if (b->flags == BY_ACPI || (b->flags != BY_AGENT && !guest_check(vm, NULL)))
        press_by_acpi(vm, b);
    else
        guest_shutdown(vm, b->mode, on_agent_pressed, b);
}

void
vm_shutdown(Vm *vm, guint flags, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "shutdown", .job = JOB_CHANGE, .run = shutdown_run };

    press(vm, &(Button){ &kind, "powerdown", flags, NULL, done, user }, who);
}

void
vm_reboot(Vm *vm, guint flags, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "reboot", .job = JOB_CHANGE, .run = reboot_run };

    press(vm, &(Button){ &kind, "reboot", flags, NULL, done, user }, who);
}

static void
after_reset(Ask *a, json_object *ret, const GError *err)
{
    if (!err && a->vm->state == VM_CRASHED)
        vm_enter(a->vm, VM_PAUSED, PAUSED_CRASHED);
    ask_end(a, err);
}

static gboolean
reset_run(Ask *a, GError **err)
{
    a->vm->run->rebooting = FALSE;
    vm_save_soon(a->vm);
    ask_call(a, "system_reset", NULL, after_reset);
    return TRUE;
}

void
vm_reset(Vm *vm, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "reset", .job = JOB_CHANGE, .run = reset_run };

    vm_ask(vm, &kind, 0, NULL, NULL, who, done, user);
}

static gboolean
wakeup_run(Ask *a, GError **err)
{
    if (a->vm->state != VM_PMSUSPENDED)
        return fail(err, ERR_OPERATION_INVALID, "Unable to wake up domain: it is not suspended");
    ask_call(a, "system_wakeup", NULL, NULL);
    return TRUE;
}

void
vm_pm_wakeup(Vm *vm, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "wake up", .job = JOB_CHANGE, .run = wakeup_run };

    vm_ask(vm, &kind, 0, NULL, NULL, who, done, user);
}

static gboolean
nmi_run(Ask *a, GError **err)
{
    ask_call(a, "inject-nmi", NULL, NULL);
    return TRUE;
}

void
vm_inject_nmi(Vm *vm, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "inject NMI into", .job = JOB_CHANGE, .run = nmi_run };

    vm_ask(vm, &kind, 0, NULL, NULL, who, done, user);
}

/* ---- keys */

typedef struct Keys {
    guint codeset, hold_ms, n;
    guint key[];
} Keys;

#define KEYS_MAX 16

static gboolean
keys_run(Ask *a, GError **err)
{
    const Keys *k = a->data;
    json_object *list = json_object_new_array();

    for (guint i = 0; i < k->n; i++) {
        guint number = key_number(k->codeset, k->key[i]);
        if (number == 0) {
            json_object_put(list);
            return fail(err, ERR_INTERNAL, "cannot translate keycode %u of codeset %u to QEMU's",
                        k->key[i], k->codeset);
        }
        json_object_array_add(list,
                              json_make("type", 's', "number", "data", 'i', (gint64)number, NULL));
    }
    ask_call(a, "send-key",
             json_make("keys", 'o', list, "hold-time", 'i', (gint64)(k->hold_ms ? k->hold_ms : 50),
                       NULL),
             NULL);
    return TRUE;
}

void
vm_send_key(Vm *vm, guint codeset, guint hold_ms, const guint *keys, guint n_keys, Asker who,
            VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "send keys to", .job = JOB_CHANGE, .run = keys_run };
    guint n = MIN(n_keys, KEYS_MAX);
    Keys *k = g_malloc0(sizeof(Keys) + n * sizeof(guint));

    *k = (Keys){ .codeset = codeset, .hold_ms = hold_ms, .n = n };
    for (guint i = 0; i < n; i++)
        k->key[i] = keys[i];
    vm_ask(vm, &kind, 0, k, g_free, who, done, user);
}

/* ---- QEMU's monitor, from a client of the qemu program */

typedef struct MonitorWords {
    char *command;
    char *text; /* the answer */
    VmText done;
    gpointer user;
} MonitorWords;

static void
words_free(gpointer data)
{
    MonitorWords *w = data;

    g_free(w->command);
    g_free(w->text);
    g_free(w);
}

static void
after_command(Ask *a, json_object *ret, const GError *err)
{
    MonitorWords *w = a->data;

    if (ret)
        w->text = g_strdup(json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PLAIN));
    ask_end(a, err);
}

static void
after_human_command(Ask *a, json_object *ret, const GError *err)
{
    MonitorWords *w = a->data;

    if (ret)
        w->text = g_strdup(json_object_get_string(ret));
    ask_end(a, err);
}

static gboolean
command_run(Ask *a, GError **err)
{
    enum { HUMAN = 1 };
    MonitorWords *w = a->data;
    json_object *o, *args;

    a->vm->run->taint |= TAINT_CUSTOM_MONITOR;
    vm_save_soon(a->vm);
    if (a->flags & HUMAN) {
        ask_call(a, "human-monitor-command", json_make("command-line", 's', w->command, NULL),
                 after_human_command);
        return TRUE;
    }
    o = json_tokener_parse(w->command);
    if (!o || !json_str(o, "execute")) {
        json_object_put(o);
        return fail(err, ERR_INVALID_ARG, "monitor command is no JSON object with 'execute'");
    }
    args = json_object_get(json_at(o, "arguments"));
    ask_call_raw(a, json_str(o, "execute"), args, after_command);
    json_object_put(o);
    return TRUE;
}

static void
on_command_done(Vm *vm, const GError *err, gpointer user)
{
    MonitorWords *w = user;

    w->done(err ? NULL : w->text, err, w->user);
}

void
vm_monitor_command(Vm *vm, const char *command, guint flags, Asker who, VmText done, gpointer user)
{
    static const AskKind kind = { .what = "ask QEMU of", .job = JOB_LOOK, .run = command_run };
    MonitorWords *w = g_new0(MonitorWords, 1);

    *w = (MonitorWords){ .command = g_strdup(command), .done = done, .user = user };
    vm_ask(vm, &kind, flags, w, words_free, who, on_command_done, w);
}
