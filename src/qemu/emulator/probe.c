/* Asking a QEMU binary what it can do. A QEMU without a machine is started for each accelerator and
 * asked over QMP; all questions are sent at once and answers are read as they come. The KVM one
 * answers what does not depend on the accelerator while the TCG one, beside it, expands the CPU
 * models. Both are killed when they have answered: they hold nothing.
 *
 * A host that is busy may need minutes for that, so it is progress that counts: a QEMU that says
 * nothing for long, or never comes to an end, is killed and named.
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emulator_priv.h"

#define ANSWER_MAX (16 << 20)
#define MONITOR_FD 3

typedef void (*ProbeReader)(const Answer *a);

typedef enum ProbePart {
    PART_COMMON = 1 << 0, /* asked once */
    PART_ACCEL = 1 << 1,  /* asked of every accelerator */
    PART_KVM = 1 << 2,
    PART_TCG = 1 << 3,
} ProbePart;

typedef struct ProbeQuestion {
    const char *command;
    const char *arguments; /* JSON, or NULL */
    guint parts;
    ProbeReader read; /* NULL: the answer does not matter */
} ProbeQuestion;

#define EXPAND(name) "{\"type\":\"static\",\"model\":{\"name\":\"" name "\"}}"
#define EXPAND_BOUND                                                                               \
    "{\"type\":\"static\",\"model\":{\"name\":\"host\",\"props\":{\"migratable\":false}}}"
#define EXPAND_HYPERV                                                                              \
    "{\"type\":\"full\",\"model\":{\"name\":\"host\",\"props\":{\"hv-passthrough\":true}}}"

static const ProbeQuestion questions[] = {
    { "qmp_capabilities", NULL, PART_ACCEL, NULL },
    { "query-kvm", NULL, PART_COMMON, NULL },
    { "query-version", NULL, PART_COMMON, read_version },
    { "query-target", NULL, PART_COMMON, read_target },
    { "query-machines", NULL, PART_COMMON, read_machines },
    { "query-cpu-definitions", NULL, PART_ACCEL, read_models },
    { "query-cpu-model-expansion", EXPAND("host"), PART_KVM, read_host },
    { "query-cpu-model-expansion", EXPAND_BOUND, PART_KVM, read_bound },
    { "query-cpu-model-expansion", EXPAND_HYPERV, PART_KVM, read_hyperv },
    { "query-cpu-model-expansion", EXPAND("max"), PART_TCG, read_host },
    { "qom-list-types", NULL, PART_COMMON, read_types },
    { "query-commands", NULL, PART_COMMON, read_commands },
    { "query-command-line-options", NULL, PART_COMMON, read_options },
    { "query-tpm-models", NULL, PART_COMMON, read_tpm_models },
    { "query-tpm-types", NULL, PART_COMMON, read_tpm_types },
    { "query-gic-capabilities", NULL, PART_COMMON, read_gics },
    { "query-sev-capabilities", NULL, PART_COMMON, read_sev },
    { "query-sgx-capabilities", NULL, PART_COMMON, read_sgx },
    { "query-qmp-schema", NULL, PART_COMMON, read_schema },
};

typedef struct Pending {
    ProbeReader read;
    guint parts;
    char *about;
} Pending;

/* One QEMU that is asked. */
typedef struct Talk {
    Probe *probe;
    Accel accel;
    Process *process; /* NULL: not started, or its end was seen */
    int fd;           /* -1: over */
    int words;        /* memfd with its stderr */
    guint source;
    GByteArray *in;
    gsize scanned;
    GString *out;   /* questions that are not sent yet */
    guint sender;   /* source: while there are some */
    GQueue pending; /* of Pending, oldest first */
} Talk;

struct Probe {
    Emulator *emulator;
    ProbeDone done;
    gpointer user;
    gboolean ended;
    GError *error;
    const ProbePatience *patience;
    gint64 begun, heard; /* monotonic: the last sign of progress */
    guint deadline;      /* source */
    guint end;           /* source */
    Talk talk[N_ACCELS];
};

static const char *const accel_names[N_ACCELS] = { "tcg", "kvm:tcg" };

static void
pending_free(Pending *p)
{
    g_free(p->about);
    g_free(p);
}

static void
talk_done(Talk *t)
{
    if (t->source != 0)
        g_source_remove(t->source);
    t->source = 0;
    if (t->sender != 0)
        g_source_remove(t->sender);
    t->sender = 0;
    g_clear_pointer(&t->process, process_free);
    fd_close(&t->fd);
    fd_close(&t->words);
    g_clear_pointer(&t->in, g_byte_array_unref);
    if (t->out != NULL)
        g_string_free(g_steal_pointer(&t->out), TRUE);
    g_queue_clear_full(&t->pending, (GDestroyNotify)pending_free);
}

void
probe_free(Probe *p)
{
    if (p == NULL)
        return;
    for (guint i = 0; i < N_ACCELS; i++)
        talk_done(&p->talk[i]);
    if (p->deadline != 0)
        g_source_remove(p->deadline);
    if (p->end != 0)
        g_source_remove(p->end);
    emulator_free(p->emulator);
    g_clear_error(&p->error);
    g_free(p);
}

static gboolean
on_end(gpointer user)
{
    Probe *p = user;
    ProbeDone done = p->done;
    gpointer done_user = p->user;
    g_autoptr(Emulator) e = g_steal_pointer(&p->emulator);
    g_autoptr(GError) err = g_steal_pointer(&p->error);

    p->end = 0;
    probe_free(p);
    if (err != NULL)
        done(NULL, err, done_user);
    else
        done(g_steal_pointer(&e), NULL, done_user);
    return G_SOURCE_REMOVE;
}

/* Takes err. The outcome is told from the main loop, never from within the code that found it. */
static void
probe_end(Probe *p, GError *err)
{
    if (p->ended) {
        g_clear_error(&err);
        return;
    }
    p->ended = TRUE;
    p->error = err;
    for (guint i = 0; i < N_ACCELS; i++)
        talk_done(&p->talk[i]);
    if (err == NULL)
        read_finish(p->emulator);
    p->end = g_idle_add_full(G_PRIORITY_DEFAULT, on_end, p, NULL);
}

/* The text on the binary's stderr is the best cause to report. */
static void
talk_fail(Talk *t, const char *cause)
{
    char words[512] = "";
    gssize n = t->words >= 0 ? pread(t->words, words, sizeof(words) - 1, 0) : 0;
    GError *err = NULL;

    words[MAX(n, 0)] = 0;
    g_strchomp(words);
    fail(&err, ERR_INTERNAL, "cannot probe emulator %s: %s", t->probe->emulator->path,
         *words != 0 ? words : cause);
    probe_end(t->probe, err);
}

/* ---- asking */

/* QEMU reads slowly, and a socket's buffer takes few messages that are short: what is asked in one
 * turn of the loop is sent as one, and what does not fit waits. */
static gboolean
on_writable(int fd, GIOCondition condition, gpointer user)
{
    Talk *t = user;
    gssize n = send(t->fd, t->out->str, t->out->len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        talk_fail(t, "it does not take questions");
        return G_SOURCE_REMOVE;
    }
    g_string_erase(t->out, 0, MAX(n, 0));
    if (t->out->len > 0)
        return G_SOURCE_CONTINUE;
    t->sender = 0;
    return G_SOURCE_REMOVE;
}

static void
talk_ask(Talk *t, const ProbeQuestion *q, const char *arguments, const char *about)
{
    g_autofree char *text = arguments != NULL
                                ? g_strdup_printf("{\"execute\":\"%s\",\"arguments\":%s}\n",
                                                  q->command, arguments)
                                : g_strdup_printf("{\"execute\":\"%s\"}\n", q->command);
    Pending *pending = g_new0(Pending, 1);

    pending->read = q->read;
    pending->parts = q->parts;
    pending->about = g_strdup(about);
    g_queue_push_tail(&t->pending, pending);
    g_string_append(t->out, text);
    if (t->sender == 0)
        t->sender = g_unix_fd_add(t->fd, G_IO_OUT, on_writable, t);
}

/* Names stand for a version of themselves ("EPYC" for "EPYC-v1"): only versions are expanded. */
static void
ask_expansions(Talk *t)
{
    static const ProbeQuestion expand = { "query-cpu-model-expansion", NULL, PART_TCG,
                                          read_expansion };
    Emulator *e = t->probe->emulator;

    for (guint i = 0; i < e->models->len && t->fd >= 0; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);
        g_autofree char *arguments = NULL;

        if (m->alias_of != NULL || g_str_equal(m->name, "host") || g_str_equal(m->name, "max"))
            continue;
        arguments = g_strdup_printf(EXPAND("%s"), m->name);
        talk_ask(t, &expand, arguments, m->name);
    }
}

static gboolean talk_start(Talk *t, guint parts, GError **err);

/* The first QEMU has said which accelerator it got: the other one is asked beside it. */
static void
on_accel(Talk *t, json_object *ret)
{
    Probe *p = t->probe;
    GError *err = NULL;

    p->emulator->kvm = json_flag(ret, "enabled");
    if (p->emulator->kvm && !talk_start(&p->talk[ACCEL_TCG], PART_ACCEL | PART_TCG, &err))
        probe_end(p, err);
}

/* ---- hearing */

/* The first QEMU is asked before it is known which accelerator it has. */
static gboolean
wanted_from(const Pending *pending, Accel accel)
{
    return pending->parts & (PART_COMMON | PART_ACCEL | (accel == ACCEL_KVM ? PART_KVM : PART_TCG));
}

static void
talk_answer(Talk *t, json_object *message)
{
    Pending *pending;
    Answer a = { .emulator = t->probe->emulator,
                 .accel = t->probe->emulator->kvm ? t->accel : ACCEL_TCG,
                 .ret = json_at(message, "return") };

    if (a.ret == NULL && json_at(message, "error") == NULL)
        return; /* the greeting, or an event */
    pending = g_queue_pop_head(&t->pending);
    if (pending == NULL)
        return;
    a.about = pending->about;
    if (pending->read != NULL && wanted_from(pending, a.accel))
        pending->read(&a);
    if (pending->read == read_models && a.accel == ACCEL_TCG)
        ask_expansions(t);
    pending_free(pending);
}

static void
talk_line(Talk *t, const char *line, gsize len)
{
    json_tokener *tokener = json_tokener_new();
    json_object *message = json_tokener_parse_ex(tokener, line, (int)len);

    if (message == NULL) {
        talk_fail(t, "its monitor does not speak JSON");
    } else if (t->accel == ACCEL_KVM && json_at(message, "return.present") != NULL) {
        pending_free(g_queue_pop_head(&t->pending));
        on_accel(t, json_at(message, "return"));
    } else {
        talk_answer(t, message);
    }
    json_object_put(message);
    json_tokener_free(tokener);
}

static void
talk_lines(Talk *t)
{
    guint8 *end;

    while (t->fd >= 0 && (end = memchr(t->in->data + t->scanned, '\n', t->in->len - t->scanned))) {
        gsize len = (gsize)(end - t->in->data);

        talk_line(t, (const char *)t->in->data, len);
        if (t->fd < 0)
            return;
        g_byte_array_remove_range(t->in, 0, (guint)len + 1);
        t->scanned = 0;
    }
    if (t->fd >= 0)
        t->scanned = t->in->len;
}

static gboolean
all_answered(const Probe *p)
{
    for (guint i = 0; i < N_ACCELS; i++)
        if (p->talk[i].fd >= 0 && p->talk[i].pending.length > 0)
            return FALSE;
    return TRUE;
}

/* Takes the bytes that are read in one turn of the loop. */
static void
talk_take(Talk *t, const guint8 *data, gsize len)
{
    t->probe->heard = g_get_monotonic_time();
    if (t->in->len + len > ANSWER_MAX) {
        talk_fail(t, "an answer is too long");
        return;
    }
    g_byte_array_append(t->in, data, (guint)len);
    talk_lines(t);
    if (!t->probe->ended && all_answered(t->probe))
        probe_end(t->probe, NULL);
}

static void
talk_hear(Talk *t)
{
    guint8 buf[16384];
    gssize n = TEMP_FAILURE_RETRY(recv(t->fd, buf, sizeof(buf), MSG_DONTWAIT));

    if (n > 0)
        talk_take(t, buf, (gsize)n);
    else if (n == 0 || errno != EAGAIN)
        talk_fail(t, "it ended before it had answered");
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer user)
{
    Talk *t = user;

    talk_hear(t);
    return t->fd >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* ---- starting */

static void
on_exit_seen(Process *process, const ProcessEnd *end, gpointer user)
{
    /* The monitor's end of file tells; what it wrote is read first. */
}

static gboolean
talk_spawn(Talk *t, int theirs, GError **err)
{
    g_autofree char *accel = g_strdup_printf("none,accel=%s", accel_names[t->accel]);
    g_autofree char *chardev = g_strdup_printf("socket,id=mon,fd=%d", MONITOR_FD);
    const char *argv[] = { t->probe->emulator->path,
                           "-S",
                           "-no-user-config",
                           "-nodefaults",
                           "-display",
                           "none",
                           "-machine",
                           accel,
                           "-chardev",
                           chardev,
                           "-mon",
                           "chardev=mon,mode=control",
                           NULL };
    const ProcessFd fds[] = { { theirs, MONITOR_FD } };
    ProcessSpec spec = PROCESS_SPEC_INIT;

    spec.argv = argv;
    spec.fds = fds;
    spec.n_fds = 1;
    spec.stdout_fd = t->words;
    spec.stderr_fd = t->words;
    spec.apart = TRUE;
    spec.limits = &process_tool_limits;
    t->process = process_spawn(&spec, on_exit_seen, t, err);
    return t->process != NULL;
}

static gboolean
talk_start(Talk *t, guint parts, GError **err)
{
    int pair[2];
    fd_auto theirs = -1;

    t->words = memfd_create("probe", MFD_CLOEXEC);
    if (t->words < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_errno(err, errno, "cannot talk to emulator %s", t->probe->emulator->path);
    t->fd = pair[0];
    theirs = pair[1];
    t->in = g_byte_array_new();
    t->out = g_string_new(NULL);
    if (!talk_spawn(t, theirs, err))
        return FALSE;
    t->source = g_unix_fd_add(t->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, t);
    for (guint i = 0; i < G_N_ELEMENTS(questions) && t->fd >= 0; i++) {
        if (questions[i].parts & parts)
            talk_ask(t, &questions[i], questions[i].arguments, NULL);
    }
    return TRUE;
}

static guint
ms_since(gint64 then)
{
    return (guint)((g_get_monotonic_time() - then) / 1000);
}

static void
probe_late(Probe *p, guint ms, const char *what)
{
    GError *err = NULL;

    fail(&err, ERR_TIMEOUT, "emulator %s %s in %.0f s of being probed; it was killed",
         p->emulator->path, what, ms / 1000.0);
    log_warning("%s", err->message);
    probe_end(p, err);
}

static gboolean
on_deadline(gpointer user)
{
    Probe *p = user;
    guint silent = ms_since(p->heard), all = ms_since(p->begun);

    p->deadline = 0;
    if (silent >= p->patience->silent_ms)
        probe_late(p, silent, "said nothing");
    else if (all >= p->patience->total_ms)
        probe_late(p, all, "came to no end");
    else
        p->deadline = g_timeout_add(
            MIN(p->patience->silent_ms - silent, p->patience->total_ms - all), on_deadline, p);
    return G_SOURCE_REMOVE;
}

static Probe *
probe_new(const char *path, const ProbePatience *patience)
{
    Probe *p = g_new0(Probe, 1);

    p->emulator = emulator_new(path);
    p->patience = patience;
    p->begun = p->heard = g_get_monotonic_time();
    for (guint i = 0; i < N_ACCELS; i++)
        p->talk[i] = (Talk){ .probe = p, .accel = i, .fd = -1, .words = -1 };
    return p;
}

Probe *
probe_start(const char *path, const ProbePatience *patience, ProbeDone done, gpointer user,
            GError **err)
{
    Probe *p = probe_new(path, patience);

    p->done = done;
    p->user = user;
    if (!talk_start(&p->talk[ACCEL_KVM], PART_COMMON | PART_ACCEL | PART_KVM | PART_TCG, err)) {
        probe_free(p);
        return NULL;
    }
    p->deadline = g_timeout_add(MIN(patience->silent_ms, patience->total_ms), on_deadline, p);
    return p;
}
