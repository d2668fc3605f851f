/* What QEMU tells by itself: what becomes of the domain, what clients hear; and what may be said
 * that makes no sense. */
#include "vm_world.h"

static GString *heard; /* "3.0 " of a lifecycle, "#9 0 vda " of others */
static guint subscription;

static const char document[] =
    "<domain type='qemu'><name>a</name><uuid>6ba7b810-9dad-41d1-80b4-00c04fd430c8</uuid>"
    "<memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>"
    "<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/img'/>"
    "<target dev='vda' bus='virtio'/></disk><disk type='file' device='cdrom'>"
    "<target dev='sda' bus='sata'/><address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>"
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>";

static void
on_event(const Event *e, gpointer user)
{
    if (e->family != EVENT_DOMAIN)
        return;
    if (e->id == DOMAIN_EVENT_LIFECYCLE) {
        g_string_append_printf(heard, "%d.%d ", e->n[0], e->n[1]);
        return;
    }
    g_string_append_printf(heard, "#%d", e->id);
    for (gsize i = 0; i < G_N_ELEMENTS(e->s) && e->s[i]; i++)
        g_string_append_printf(heard, " %s", e->s[i]);
    if (e->id == DOMAIN_EVENT_GRAPHICS)
        g_string_append_printf(heard, " %d %s", e->graphics->phase, e->graphics->remote.node);
    else
        g_string_append_printf(heard, " %d", e->offset ? (int)e->offset : e->n[0]);
    g_string_append_c(heard, ' ');
}

static int
set_up(void **state)
{
    static const QmpOps none = { NULL, NULL };

    vm_world_begin(document);
    vm_world_run(&none);
    heard = g_string_new(NULL);
    subscription = event_subscribe(on_event, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    event_unsubscribe(subscription);
    vm_world_end();
    g_string_free(heard, TRUE);
    return 0;
}

static void
qemu_says(const char *name, const char *data)
{
    json_object *o = data ? json_tokener_parse(data) : NULL;

    g_string_truncate(heard, 0);
    events_on_qemu(vm->run->qmp, name, o, 1, 2, vm);
    json_object_put(o);
}

/* What the daemon has told QEMU meanwhile. */
static gboolean
was_told(const char *command)
{
    g_autofree char *wanted = g_strdup_printf("\"execute\":\"%s\"", command);
    char text[4096] = "";
    gssize n;

    while (g_main_context_iteration(NULL, FALSE))
        continue;
    n = recv(far_end, text, sizeof text - 1, MSG_DONTWAIT);
    text[MAX(n, 0)] = '\0';
    return strstr(text, wanted) || strstr(text, command);
}

#define PERIPHERAL "/machine/peripheral/"

typedef struct Case {
    VmState before;
    const char *name, *data;
    const char *heard;
    VmState after;
} Case;

static void
each_means_what_it_says(void **state)
{
    static const Case cases[] = {
        { VM_RUNNING, "STOP", NULL, "3.0 ", VM_PAUSED },
        { VM_CRASHED, "STOP", NULL, "", VM_CRASHED },
        { VM_PAUSED, "RESUME", NULL, "4.0 ", VM_RUNNING },
        { VM_RUNNING, "RESUME", NULL, "", VM_RUNNING },
        { VM_CRASHED, "RESUME", NULL, "4.0 ", VM_RUNNING },
        { VM_RUNNING, "RESET", "{\"guest\":true}", "#1 0 ", VM_RUNNING },
        { VM_RUNNING, "SUSPEND", NULL, "7.0 #12 0 ", VM_PMSUSPENDED },
        { VM_PMSUSPENDED, "WAKEUP", NULL, "2.4 #11 0 ", VM_RUNNING },
        { VM_RUNNING, "WAKEUP", NULL, "#11 0 ", VM_RUNNING },
        { VM_RUNNING, "RTC_CHANGE", "{\"offset\":7}", "#2 7 ", VM_RUNNING },
        { VM_RUNNING, "WATCHDOG", "{\"action\":\"reset\"}", "#3 2 ", VM_RUNNING },
        { VM_RUNNING, "WATCHDOG", "{\"action\":\"pause\"}", "#3 1 3.3 ", VM_PAUSED },
        { VM_RUNNING, "BLOCK_IO_ERROR",
          "{\"qom-path\":\"" PERIPHERAL "virtio-disk0/virtio-backend\",\"action\":\"report\"}",
          "#4 /img virtio-disk0 2 #6 /img virtio-disk0  2 ", VM_RUNNING },
        { VM_RUNNING, "BLOCK_IO_ERROR",
          "{\"device\":\"virtio-disk0\",\"action\":\"stop\",\"nospace\":true}",
          "#4 /img virtio-disk0 1 #6 /img virtio-disk0 enospc 1 3.2 ", VM_PAUSED },
        { VM_RUNNING, "DEVICE_TRAY_MOVED", "{\"id\":\"sata0-0-0\",\"tray-open\":true}",
          "#10 sata0-0-0 0 ", VM_RUNNING },
        { VM_RUNNING, "DEVICE_TRAY_MOVED", "{\"id\":\"sata0-0-0\",\"tray-open\":false}",
          "#10 sata0-0-0 1 ", VM_RUNNING },
        { VM_RUNNING, "VSERPORT_CHANGE", "{\"id\":\"channel0\",\"open\":true}", "#18 1 ",
          VM_RUNNING },
        { VM_RUNNING, "VSERPORT_CHANGE", "{\"id\":\"channel0\",\"open\":false}", "#18 2 ",
          VM_RUNNING },
        { VM_RUNNING, "MEMORY_FAILURE",
          "{\"recipient\":\"guest\",\"action\":\"inject\",\"flags\":{\"action-required\":true}}",
          "#25 1 ", VM_RUNNING },
        { VM_RUNNING, "VNC_CONNECTED",
          "{\"server\":{\"host\":\"::1\",\"service\":\"5900\",\"family\":\"ipv6\"},"
          "\"client\":{\"host\":\"::2\",\"service\":\"9\",\"family\":\"ipv6\"}}",
          "#5 0 ::2 ", VM_RUNNING },
        { VM_RUNNING, "SUSPEND_DISK", NULL, "#14 0 ", VM_RUNNING },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        vm_enter(vm, cases[i].before, 0);
        qemu_says(cases[i].name, cases[i].data);
        if (strcmp(heard->str, cases[i].heard) != 0 || vm->state != cases[i].after)
            unit_fail("%s: heard '%s', is %d\n", cases[i].name, heard->str, (int)vm->state);
    }
}

/* Of things that there are not, of another kind, or with nothing in it. */
static void
what_makes_no_sense_harms_nobody(void **state)
{
    static const char *const names[] = {
        "RTC_CHANGE",     "WATCHDOG",
        "BLOCK_IO_ERROR", "BLOCK_WRITE_THRESHOLD",
        "BALLOON_CHANGE", "DEVICE_TRAY_MOVED",
        "DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR",
        "MEMORY_FAILURE", "VSERPORT_CHANGE",
        "VNC_CONNECTED",  "SPICE_DISCONNECTED",
        "NO_SUCH_EVENT",  "",
        "RESUME",
    };
    static const char *const data[] = {
        NULL,
        "{}",
        "[]",
        "7",
        "\"x\"",
        "{\"offset\":\"x\",\"action\":7,\"qom-path\":[],\"node-name\":{},\"actual\":\"many\",\"id\":3,"
        "\"device\":[],\"path\":7,\"recipient\":{},\"open\":\"yes\",\"client\":7,\"server\":[],\"flags\":9}",
        "{\"offset\":-9223372036854775808,\"action\":\"\",\"qom-path\":\"/machine/peripheral/\","
        "\"node-name\":\"libvirt-4294967295-storage\",\"actual\":-1,\"id\":\"\",\"device\":\"\","
        "\"path\":\"/machine/peripheral/\",\"client\":{},\"server\":{}}",
        "{\"node-name\":\"libvirt-0-storage\",\"device\":\"nobody\",\"id\":\"nobody\",\"actual\":0}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(data); j++) {
            vm_enter(vm, VM_RUNNING, 0);
            qemu_says(names[i], data[j]);
            assert_int_equal(vm->state, VM_RUNNING);
        }
    assert_non_null(vm->run);
}

static void
a_start_that_is_not_over_speaks_for_itself(void **state)
{
    vm->run->complete = FALSE;
    vm_enter(vm, VM_RUNNING, 0);
    qemu_says("STOP", NULL);
    assert_string_equal(heard->str, "");
    assert_int_equal(vm->state, VM_RUNNING);
}

static void
a_crash_is_answered_as_the_definition_asks(void **state)
{
    static const struct {
        int action;
        const char *told;
    } cases[] = { { CRASH_PRESERVE, NULL }, { CRASH_RESTART, "system_reset" } };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        run_alter(vm->run)->on_crash = cases[i].action;
        vm_enter(vm, VM_RUNNING, 0);
        qemu_says("GUEST_PANICKED", "{\"action\":\"pause\"}");
        assert_string_equal(heard->str, "8.0 ");
        assert_int_equal(vm->state, VM_CRASHED);
        assert_int_equal(was_told("system_reset"), cases[i].told != NULL);
        qemu_says("GUEST_PANICKED", NULL); /* once is enough */
        assert_string_equal(heard->str, "");
        qemu_says("RESUME", NULL);
        assert_int_equal(vm->reason, cases[i].told ? RUNNING_CRASHED : RUNNING_UNPAUSED);
    }
}

static void
an_end_that_is_a_reboot_is_none(void **state)
{
    vm->run->rebooting = TRUE;
    vm_enter(vm, VM_RUNNING, 0);
    qemu_says("SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}");
    assert_string_equal(heard->str, "");
    assert_true(was_told("system_reset"));
    qemu_says("STOP", NULL); /* of that reset, not the user's doing */
    assert_int_equal(vm->state, VM_RUNNING);
    qemu_says("RESET", NULL);
    assert_false(vm->run->rebooting);
    assert_string_equal(heard->str, "#1 0 ");
}

/* A daemon that was away is told the state alone. */
static void
what_was_missed_is_told(void **state)
{
    static const struct {
        VmState known;
        const char *is;
        const char *heard;
        VmState after;
    } cases[] = {
        { VM_RUNNING, "running", "", VM_RUNNING },
        { VM_RUNNING, "paused", "3.0 ", VM_PAUSED },
        { VM_RUNNING, "io-error", "3.0 ", VM_PAUSED },
        { VM_PAUSED, "running", "4.0 ", VM_RUNNING },
        { VM_RUNNING, "suspended", "7.0 #12 0 ", VM_PMSUSPENDED },
        { VM_PMSUSPENDED, "suspended", "", VM_PMSUSPENDED },
        { VM_RUNNING, "no such state", "", VM_RUNNING },
        { VM_RUNNING, NULL, "", VM_RUNNING },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        vm_enter(vm, cases[i].known, 0);
        g_string_truncate(heard, 0);
        events_reconcile(vm, cases[i].is);
        if (strcmp(heard->str, cases[i].heard) != 0 || vm->state != cases[i].after)
            unit_fail("%s: heard '%s', is %d\n", cases[i].is, heard->str, (int)vm->state);
    }
}

/* The text is kept between changes; each event here is one. */
static void
the_document_shows_each_change_at_once(void **state)
{
    static const struct {
        const char *name, *data, *shown;
    } cases[] = {
        { "BALLOON_CHANGE", "{\"actual\":16777216}", "<currentMemory unit='KiB'>16384<" },
        { "DEVICE_TRAY_MOVED", "{\"id\":\"sata0-0-0\",\"tray-open\":true}", " tray='open'" },
        { "VSERPORT_CHANGE", "{\"id\":\"channel0\",\"open\":true}", " state='connected'" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *before = vm_xml(vm, 0, NULL), *again = vm_xml(vm, 0, NULL);
        g_autofree char *after = NULL, *fresh = NULL;

        assert_string_equal(before, again);
        assert_null(strstr(before, cases[i].shown));
        qemu_says(cases[i].name, cases[i].data);
        after = vm_xml(vm, 0, NULL);
        fresh = domain_format(vm->run->live, DEF_LIVE);
        assert_non_null(strstr(after, cases[i].shown));
        assert_string_equal(after, fresh);
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_means_what_it_says),
        TEST(what_makes_no_sense_harms_nobody),
        TEST(a_start_that_is_not_over_speaks_for_itself),
        TEST(a_crash_is_answered_as_the_definition_asks),
        TEST(an_end_that_is_a_reboot_is_none),
        TEST(what_was_missed_is_told),
        TEST(the_document_shows_each_change_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
