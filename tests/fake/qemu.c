/* A QEMU of ours, for tests: it answers a probe as a small x86_64 emulator would, and speaks QMP
 * for a domain that has it as its <emulator>. The word in the file "mode" beside it says how it
 * then misbehaves; without that file it behaves.
 *
 *     cp fake-qemu DIR/fake-qemu; echo silent >DIR/mode       fake-qemu --modes lists the words
 */
#include "attacks.h"

#include <fcntl.h>
#include <glib.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Mode Mode;

typedef struct Talk {
    int fd; /* the connection; -1: closed */
    int listener;
    const Mode *mode;
    json_object *id; /* of the command that is answered; NULL: it has none */
    guint heard;     /* commands */
} Talk;

struct Mode {
    const char *name;
    const char *at;       /* the command at which it strikes; "": the connection; "*": every one */
    void (*act)(Talk *t); /* in place of the greeting or the answer */
    void (*after)(Talk *t); /* once the guest runs */
};

static GPtrArray *ptys; /* of char *: "charserial0=/dev/pts/3" */

/* ---- saying */

static void
say_bytes(Talk *t, const char *data, gsize len)
{
    while (len > 0 && t->fd >= 0) {
        gssize n = send(t->fd, data, len, MSG_NOSIGNAL);

        if (n <= 0) {
            close(t->fd);
            t->fd = -1;
            return;
        }
        data += n;
        len -= (gsize)n;
    }
}

static void
say(Talk *t, const char *text)
{
    say_bytes(t, text, strlen(text));
}

static void
say_often(Talk *t, const char *text, gsize times)
{
    g_autoptr(GString) block = g_string_new(NULL);
    gsize in_block = MAX(1, (64 << 10) / strlen(text));

    for (gsize i = 0; i < in_block; i++)
        g_string_append(block, text);
    for (; times >= in_block && t->fd >= 0; times -= in_block)
        say_bytes(t, block->str, block->len);
    for (; times > 0 && t->fd >= 0; times--)
        say(t, text);
}

#define STAMP "\"timestamp\":{\"seconds\":1,\"microseconds\":2}"

static void
event(Talk *t, const char *name, const char *data)
{
    g_autofree char *text = g_strdup_printf("{\"event\":\"%s\",\"data\":%s," STAMP "}\r\n", name,
                                            data ? data : "{}");

    say(t, text);
}

static void
say_answer(Talk *t, const char *member, const char *value, const char *id)
{
    g_autofree char *text = g_strdup_printf("{\"%s\":%s%s%s}\r\n", member, value,
                                            id ? ",\"id\":" : "", id ? id : "");

    say(t, text);
}

static void
answer(Talk *t, const char *value)
{
    say_answer(t, "return", value, t->id ? json_object_to_json_string(t->id) : NULL);
}

static void
answer_error(Talk *t, const char *class)
{
    g_autofree char *text = g_strdup_printf("{\"class\":\"%s\",\"desc\":\"the fake one will not\"}",
                                            class);

    say_answer(t, "error", text, t->id ? json_object_to_json_string(t->id) : NULL);
}

static void
greet(Talk *t)
{
    say(t,
        "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10},\"package\":\"\"},"
        "\"capabilities\":[\"oob\"]}}\r\n");
}

/* ---- answers */

#define MODEL                                                                                      \
    "{\"model\":{\"name\":\"base\",\"props\":{\"vendor\":\"AuthenticAMD\",\"family\":15,"          \
    "\"model\":107,\"stepping\":1,\"cx16\":true,\"nx\":true}}}"

/* What the tests' domains have. */
#define TYPES                                                                                        \
    "[{\"name\":\"isa-serial\"},{\"name\":\"virtio-balloon-pci\"},{\"name\":\"iothread\"},"          \
    "{\"name\":\"memory-backend-ram\"},{\"name\":\"piix3-usb-uhci\"},{\"name\":\"virtio-blk-pci\"}," \
    "{\"name\":\"VGA\"},{\"name\":\"cirrus-vga\"},{\"name\":\"qemu-xhci\"},{\"name\":\"pcie-root-port\"}]"

static const struct {
    const char *command, *value;
} answers[] = {
    { "query-kvm", "{\"enabled\":false,\"present\":true}" },
    { "query-version", "{\"qemu\":{\"micro\":0,\"minor\":0,\"major\":10},\"package\":\"\"}" },
    { "query-target", "{\"arch\":\"x86_64\"}" },
    { "query-machines",
      "[{\"name\":\"pc-i440fx-10.0\",\"alias\":\"pc\",\"is-default\":true,"
      "\"cpu-max\":255,\"acpi\":true,\"hotpluggable-cpus\":true,\"deprecated\":false,"
      "\"numa-mem-supported\":true,\"default-ram-id\":\"pc.ram\","
      "\"default-cpu-type\":\"qemu64-x86_64-cpu\"}]" },
    { "query-cpu-definitions", "[{\"name\":\"qemu64\",\"typename\":\"qemu64-x86_64-cpu\","
                               "\"deprecated\":false,\"unavailable-features\":[]}]" },
    { "query-cpu-model-expansion", MODEL },
    { "qom-list-types", TYPES },
    { "query-commands", "[{\"name\":\"query-vnc\"}]" },
    { "query-status", "{\"status\":\"running\",\"running\":true}" },
    { "query-balloon", "{\"actual\":67108864}" },
    { "qom-get", "[]" },
};

/* Lists that are empty here. */
static const char *const empty[] = {
    "query-command-line-options", "query-tpm-models",        "query-tpm-types",
    "query-gic-capabilities",     "query-qmp-schema",        "query-block",
    "query-blockstats",           "query-named-block-nodes", "qom-list"
};

static void
answer_cpus(Talk *t, int thread, const char *index)
{
    g_autofree char *text = g_strdup_printf(
        "[{\"cpu-index\":%s,\"thread-id\":%d,\"qom-path\":\"/machine/unattached/device[0]\"}]",
        index, thread);

    answer(t, text);
}

static void
answer_iothreads(Talk *t, int thread, const char *number)
{
    g_autofree char *text = g_strdup_printf(
        "[{\"id\":\"iothread1\",\"thread-id\":%d,\"poll-max-ns\":%s,\"poll-grow\":%s,"
        "\"poll-shrink\":%s}]",
        thread, number, number, number);

    answer(t, text);
}

static void
answer_chardevs(Talk *t)
{
    g_autoptr(GString) list = g_string_new("[");

    for (guint i = 0; i < ptys->len; i++) {
        g_auto(GStrv) words = g_strsplit(ptys->pdata[i], "=", 2);
        g_string_append_printf(
            list, "%s{\"label\":\"%s\",\"filename\":\"pty:%s\",\"frontend-open\":true}",
            i ? "," : "", words[0], words[1]);
    }
    g_string_append(list, "]");
    answer(t, list->str);
}

static void
answer_well(Talk *t, const char *command)
{
    if (strcmp(command, "query-cpus-fast") == 0)
        answer_cpus(t, getpid(), "0");
    else if (strcmp(command, "query-iothreads") == 0)
        answer_iothreads(t, getpid(), "0");
    else if (strcmp(command, "query-chardev") == 0)
        answer_chardevs(t);
    else if (strcmp(command, "quit") == 0)
        exit(0);
    else {
        const char *value = "{}";
        for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
            if (strcmp(answers[i].command, command) == 0)
                value = answers[i].value;
        for (gsize i = 0; i < G_N_ELEMENTS(empty); i++)
            if (strcmp(empty[i], command) == 0)
                value = "[]";
        answer(t, value);
    }
}

/* ---- misbehaviour: in place of a greeting or an answer */

static void
be_silent(Talk *t)
{
    for (;;)
        pause();
}

static void
half_a_greeting(Talk *t)
{
    say(t, "{\"QMP\":{\"version\":{\"qemu\"");
    be_silent(t);
}

static void
garbage(Talk *t)
{
    say(t, "QEMU 10.0.0 monitor - type 'help' for more information\r\n(qemu) \r\n");
}

static void
bytes(Talk *t)
{
    say_bytes(t, "{\"QMP\":\0\xff\xfe\x80 \"\0}\r\n", 20);
}

static void
not_objects(Talk *t)
{
    greet(t);
    say(t, "[]\r\n7\r\nnull\r\n\"QMP\"\r\n");
}

static void
empty_objects(Talk *t)
{
    say(t, "{}\r\n");
    greet(t);
    say(t, "{}\r\n{\"id\":null}\r\n");
}

static void
odd_types(Talk *t)
{
    static const char *const odd[] = { "7",
                                       "\"text\"",
                                       "[]",
                                       "[7,[],{}]",
                                       "{\"actual\":\"x\"}",
                                       "[{\"cpu-index\":\"x\",\"thread-id\":[]}]",
                                       "null",
                                       "1e999" };

    answer(t, odd[t->heard % G_N_ELEMENTS(odd)]);
}

static void
answer_twice(Talk *t)
{
    answer(t, "{}");
    answer(t, "{}");
}

static void
wrong_id(Talk *t)
{
    say_answer(t, "return", "{}", "\"another\"");
}

static void
both(Talk *t)
{
    g_autofree char *id = g_strdup_printf("%s", t->id ? json_object_to_json_string(t->id) : "0");
    g_autofree char *text = g_strdup_printf(
        "{\"return\":{},\"error\":{\"class\":7,\"desc\":{}},\"id\":%s}\r\n", id);

    say(t, text);
}

static void
refuse(Talk *t)
{
    answer_error(t, "GenericError");
}

static void
die(Talk *t)
{
    fprintf(stderr, "fake-qemu: could not go on\n");
    exit(1);
}

static void
crash(Talk *t)
{
    abort();
}

static void
close_monitor(Talk *t)
{
    close(t->fd);
    close(t->listener);
    t->fd = t->listener = -1;
    pause();
}

static void
stop_oneself(Talk *t)
{
    kill(getpid(), SIGSTOP);
}

static void
answer_slowly(Talk *t)
{
    g_usleep(300 * 1000);
    answer(t, "{}");
}

static void
huge_answer(Talk *t)
{
    say(t, "{\"return\":\"");
    say_often(t, "x", 30 << 20);
    say(t, "\"}\r\n");
}

static void
deep(Talk *t)
{
    say(t, "{\"return\":");
    say_often(t, "[", 200000);
    say_often(t, "]", 200000);
    say(t, "}\r\n");
}

static void
strange_threads(Talk *t)
{
    answer_cpus(t, getppid() > 1 ? getppid() : 1, "0");
}

static void
strange_iothread(Talk *t)
{
    answer_iothreads(t, 1, "0");
}

static void
strange_indexes(Talk *t)
{
    answer_cpus(t, getpid(), "4611686018427387904");
}

static void
strange_pty(Talk *t)
{
    answer(t,
           "[{\"label\":\"charserial0\",\"filename\":\"pty:/etc/passwd\",\"frontend-open\":true}]");
}

/* A terminal that somebody has, but not this process. */
static void
pty_of_another(Talk *t)
{
    answer(
        t,
        "[{\"label\":\"charserial0\",\"filename\":\"pty:/dev/pts/4000000\",\"frontend-open\":true}]");
}

static void
words_in_a_pty(Talk *t)
{
    answer(t, "[{\"label\":\"charserial0\",\"filename\":\"pty:/dev/pts/\\u0001<&\\ud800\"}]");
}

static void
balloon_below_zero(Talk *t)
{
    answer(t, "{\"actual\":-4096}");
}

static void
balloon_above_all(Talk *t)
{
    answer(t, "{\"actual\":9223372036854775807}");
}

static void
iothread_below_zero(Talk *t)
{
    answer_iothreads(t, getpid(), "-1");
}

/* ---- misbehaviour of a guest that runs */

static void
then_panic_suspend(Talk *t)
{
    event(t, "GUEST_PANICKED", NULL);
    event(t, "SUSPEND", NULL);
}

static void
then_panic_shutdown(Talk *t)
{
    event(t, "GUEST_PANICKED", NULL);
    event(t, "SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
}

static void
then_suspend_panic(Talk *t)
{
    event(t, "SUSPEND", NULL);
    event(t, "GUEST_PANICKED", NULL);
}

static void
then_shutdown_resume(Talk *t)
{
    event(t, "SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
    event(t, "RESUME", NULL);
    event(t, "SUSPEND", NULL);
    event(t, "WAKEUP", NULL);
    event(t, "SHUTDOWN", NULL);
}

static void
then_unknown(Talk *t)
{
    event(t, "NOBODY_KNOWS_THIS", "[1,2,3]");
    say(t, "{\"event\":7}\r\n{\"event\":null}\r\n{\"event\":\"\"}\r\n");
}

/* Every event that is known, with data of every other kind. */
static void
then_odd_events(Talk *t)
{
    static const char *const names[] = { "STOP",
                                         "RESET",
                                         "SUSPEND_DISK",
                                         "WAKEUP",
                                         "WATCHDOG",
                                         "BLOCK_IO_ERROR",
                                         "RTC_CHANGE",
                                         "BALLOON_CHANGE",
                                         "DEVICE_TRAY_MOVED",
                                         "DEVICE_DELETED",
                                         "MEMORY_FAILURE",
                                         "VSERPORT_CHANGE",
                                         "VNC_CONNECTED",
                                         "SPICE_DISCONNECTED",
                                         "JOB_STATUS_CHANGE",
                                         "RESUME" };
    static const char *const data[] = {
        "7",
        "null",
        "[]",
        "\"\\u0001\\ud800\"",
        ("{\"client\":7,\"server\":{\"host\":{}},\"actual\":-1,"
         "\"id\":[],\"device\":{},\"action\":8,\"flags\":\"x\"}"),
        "{\"client\":{},\"server\":{},\"actual\":9223372036854775807}"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(data); k++)
            event(t, names[i], data[k]);
}

static void
then_flood(Talk *t)
{
    while (t->fd >= 0)
        say_often(t, "{\"event\":\"RTC_CHANGE\",\"data\":{\"offset\":1}," STAMP "}\r\n", 100000);
}

/* Each changes a state that is saved and told. */
static void
then_state_flood(Talk *t)
{
    while (t->fd >= 0)
        say_often(t, "{\"event\":\"STOP\"," STAMP "}\r\n{\"event\":\"RESUME\"," STAMP "}\r\n",
                  100000);
}

static void
then_huge_event(Talk *t)
{
    say(t, "{\"event\":\"X\",\"data\":{\"text\":\"");
    say_often(t, "x", 30 << 20);
    say(t, "\"}}\r\n");
}

static void
then_many_members(Talk *t)
{
    while (t->fd >= 0) {
        say(t, "{\"event\":\"X\",\"data\":[");
        say_often(t, "{},", 300000);
        say(t, "{}]}\r\n");
    }
}

static void
then_endless(Talk *t)
{
    say(t, "{\"event\":\"");
    say_often(t, "x", 1000000);
    while (t->fd >= 0) {
        say(t, "y");
        g_usleep(200);
    }
}

/* A child keeps the monitor open when it is gone. */
static void
then_leave_a_child(Talk *t)
{
    g_usleep(300 * 1000); /* the start is over then */
    if (fork() == 0) {
        sleep(6);
        _exit(0);
    }
    _exit(0);
}

static void
then_stop(Talk *t)
{
    stop_oneself(t);
}

static void
then_close(Talk *t)
{
    close_monitor(t);
}

static void
then_garbage(Talk *t)
{
    garbage(t);
}

static void
deaf_to_signals(Talk *t)
{
    signal(SIGTERM, SIG_IGN);
}

static const Mode modes[] = {
    /* how it greets */
    { "silent", "", be_silent, NULL },
    { "half-greeting", "", half_a_greeting, NULL },
    { "garbage", "", garbage, NULL },
    { "bytes", "", bytes, NULL },
    { "not-objects", "", not_objects, NULL },
    { "dies-at-once", "", die, NULL },
    { "closes-monitor", "", close_monitor, NULL },
    { "stops", "", stop_oneself, NULL },
    { "empty-objects", "", empty_objects, NULL },
    /* how it answers */
    { "no-answer", "query-cpus-fast", be_silent, NULL },
    { "late-silence", "query-chardev", be_silent, NULL },
    { "dies", "query-cpus-fast", die, NULL },
    { "crashes", "query-chardev", crash, NULL },
    { "dies-at-cont", "cont", die, NULL },
    { "refuses-cont", "cont", refuse, NULL },
    { "refuses-all", "*", refuse, NULL },
    { "odd-types", "*", odd_types, NULL },
    { "twice", "*", answer_twice, NULL },
    { "wrong-id", "*", wrong_id, NULL },
    { "both", "*", both, NULL },
    { "slow", "*", answer_slowly, NULL },
    { "huge-answer", "query-chardev", huge_answer, NULL },
    { "deep", "query-chardev", deep, NULL },
    { "strange-threads", "query-cpus-fast", strange_threads, NULL },
    { "strange-iothread", "query-iothreads", strange_iothread, NULL },
    { "strange-indexes", "query-cpus-fast", strange_indexes, NULL },
    { "strange-pty", "query-chardev", strange_pty, NULL },
    { "pty-of-another", "query-chardev", pty_of_another, NULL },
    { "words-in-a-pty", "query-chardev", words_in_a_pty, NULL },
    { "balloon-below-zero", "query-balloon", balloon_below_zero, NULL },
    { "balloon-above-all", "query-balloon", balloon_above_all, NULL },
    { "iothread-below-zero", "query-iothreads", iothread_below_zero, NULL },
    /* how it takes a device */
    { "refuses-nodes", "blockdev-add", refuse, NULL },
    { "dies-at-nodes", "blockdev-add", die, NULL },
    { "refuses-devices", "device_add", refuse, NULL },
    { "dies-at-devices", "device_add", die, NULL },
    { "hangs-at-devices", "device_add", be_silent, NULL },
    /* what it does later */
    { "panic-suspend", NULL, NULL, then_panic_suspend },
    { "panic-shutdown", NULL, NULL, then_panic_shutdown },
    { "suspend-panic", NULL, NULL, then_suspend_panic },
    { "shutdown-resume", NULL, NULL, then_shutdown_resume },
    { "unknown-events", NULL, NULL, then_unknown },
    { "odd-events", NULL, NULL, then_odd_events },
    { "flood", NULL, NULL, then_flood },
    { "state-flood", NULL, NULL, then_state_flood },
    { "huge-event", NULL, NULL, then_huge_event },
    { "many-members", NULL, NULL, then_many_members },
    { "endless-event", NULL, NULL, then_endless },
    { "leaves-a-child", NULL, NULL, then_leave_a_child },
    { "stops-later", NULL, NULL, then_stop },
    { "closes-later", NULL, NULL, then_close },
    { "garbage-later", NULL, NULL, then_garbage },
    { "deaf", NULL, NULL, deaf_to_signals },
    { 0 },
};

/* ---- the conversation */

static void
on_command(Talk *t, json_object *message)
{
    json_object *name = NULL;
    const char *command;
    const Mode *m = t->mode;

    json_object_object_get_ex(message, "execute", &name);
    command = name ? json_object_get_string(name) : "";
    t->id = NULL;
    json_object_object_get_ex(message, "id", &t->id);
    t->heard++;
    if (m && m->at && *m->at && (strcmp(m->at, "*") == 0 || strcmp(m->at, command) == 0) &&
        strcmp(command, "qmp_capabilities") != 0)
        m->act(t);
    else
        answer_well(t, command);
    if (strcmp(command, "cont") == 0 && m && m->after)
        m->after(t);
}

static void
serve(Talk *t)
{
    g_autoptr(GString) in = g_string_new(NULL);
    char buffer[4096];
    gssize n;

    if (t->mode && t->mode->at && !*t->mode->at)
        t->mode->act(t);
    else
        greet(t);
    while (t->fd >= 0 && (n = recv(t->fd, buffer, sizeof buffer, 0)) > 0) {
        char *end;
        g_string_append_len(in, buffer, n);
        while (t->fd >= 0 && (end = strchr(in->str, '\n'))) {
            json_object *message;
            *end = '\0';
            if ((message = json_tokener_parse(in->str)))
                on_command(t, message);
            json_object_put(message);
            g_string_erase(in, 0, end + 1 - in->str);
        }
    }
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

/* ---- the command line */

static const char *
after(char **argv, const char *option, const char *prefix)
{
    for (; argv[0] && argv[1]; argv++)
        if (strcmp(argv[0], option) == 0 && g_str_has_prefix(argv[1], prefix))
            return argv[1];
    return NULL;
}

static void
open_ptys(char **argv)
{
    ptys = g_ptr_array_new_with_free_func(g_free);
    for (; argv[0] && argv[1]; argv++) {
        int fd;
        if (strcmp(argv[0], "-chardev") != 0 || !g_str_has_prefix(argv[1], "pty,id="))
            continue;
        fd = posix_openpt(O_RDWR | O_NOCTTY);
        if (fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0)
            g_ptr_array_add(ptys,
                            g_strdup_printf("%s=%s", argv[1] + strlen("pty,id="), ptsname(fd)));
    }
}

static const Mode *
find_mode(const char *program)
{
    g_autofree char *folder = g_path_get_dirname(program);
    g_autofree char *path = g_build_filename(folder, "mode", NULL), *word = NULL;

    if (!g_file_get_contents(path, &word, NULL, NULL))
        return NULL;
    g_strstrip(word);
    for (const Mode *m = modes; m->name; m++)
        if (strcmp(m->name, word) == 0)
            return m;
    fprintf(stderr, "fake-qemu: no mode '%s'\n", word);
    exit(2);
}

static int
monitor_fd(char **argv)
{
    const char *said = after(argv, "-chardev", "socket,id=charmonitor,");
    const char *fd;

    if (!said)
        said = after(argv, "-chardev", "socket,id=mon,");
    fd = said ? strstr(said, "fd=") : NULL;
    return fd ? atoi(fd + strlen("fd=")) : -1;
}

/* In the place of swtpm: what it tries stands in the folder of its state. */
static int
be_swtpm(void)
{
    g_autofree char *text = NULL;

    if (g_file_get_contents("attacks", &text, NULL, NULL))
        attacks_run(g_strstrip(text));
    pause();
    return 0;
}

int
main(int argc, char **argv)
{
    Talk t = { .fd = -1, .listener = -1 };
    int fd = monitor_fd(argv), listens = 0;
    socklen_t len = sizeof listens;

    if (argc == 2 && strcmp(argv[1], "--modes") == 0) {
        for (const Mode *m = modes; m->name; m++)
            puts(m->name);
        return 0;
    }
    if (g_str_has_suffix(argv[0], "swtpm"))
        return be_swtpm();
    signal(SIGCHLD, SIG_IGN);
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
        return 2;
    if (!listens) { /* a probe, which it answers as it should */
        t.fd = fd;
        serve(&t);
        return 0;
    }
    t.mode = find_mode(argv[0]);
    t.listener = fd;
    open_ptys(argv);
    if (g_getenv("VMD_ATTACKS"))
        attacks_run(g_getenv("VMD_ATTACKS"));
    while (t.listener >= 0 && (t.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        serve(&t);
    return 0;
}
