/* Counters of QEMU: what its answers mean, how long they are waited for, and that they are outside
 * input. A socket of the test's is the monitor's far end. */
#include "vm_world.h"

#include "qemu/ops/ops.h"

static guint refreshed, events;

static const char document[] =
    "<domain type='qemu'><name>a</name><uuid>6ba7b810-9dad-41d1-80b4-00c04fd430c8</uuid>"
    "<memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>"
    "<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/one'/>"
    "<target dev='vda' bus='virtio'/></disk><disk type='file' device='disk'>"
    "<driver name='qemu' type='raw'/><source file='/two'/><target dev='vdb' bus='virtio'/></disk>"
    "<memballoon model='virtio'><stats period='5'/></memballoon></devices></domain>";

/* ---- the far end */

static guint asked; /* calls that have no answer yet */

static gboolean
say(const char *text)
{
    return send(far_end, text, strlen(text), MSG_NOSIGNAL) == (gssize)strlen(text);
}

/* How many calls have no answer yet. */
static guint
hear(void)
{
    static char text[65536];
    gssize n;

    while (g_main_context_iteration(NULL, FALSE))
        continue;
    n = recv(far_end, text, sizeof text - 1, MSG_DONTWAIT);
    text[MAX(n, 0)] = '\0';
    for (char *at = text; (at = strstr(at, "\"execute\":")); at++)
        asked++;
    return asked;
}

/* Answers come in the order of their calls. */
static void
answer(const char *ret)
{
    g_autofree char *text = g_strdup_printf("{\"return\":%s}\n", ret);

    assert_true(asked-- > 0);
    assert_true(say(text));
}

/* The first call is the only one with an id. */
static void
greet(void)
{
    static const char call[] = "{\"execute\":\"qmp_capabilities\",\"id\":";
    char text[4096] = "";
    g_autofree char *said = NULL;

    while (g_main_context_iteration(NULL, FALSE))
        continue;
    assert_true(recv(far_end, text, sizeof text - 1, MSG_DONTWAIT) > 0);
    assert_true(g_str_has_prefix(text, call));
    said = g_strdup_printf("{\"QMP\":{\"version\":{},\"capabilities\":[]}}\n"
                           "{\"return\":{},\"id\":%d}\n",
                           atoi(text + strlen(call)));
    assert_true(say(said));
}

static void
on_event(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros, gpointer user)
{
    events++;
}

static void
on_ended(Qmp *q, const GError *err, gpointer user)
{
    assert_null(err);
}

/* What was said until now: an event behind it is. */
static void
wait_until_heard(void)
{
    guint before = events;

    assert_true(say("{\"event\":\"X\",\"timestamp\":{\"seconds\":1,\"microseconds\":2}}\n"));
    while (events == before)
        g_main_context_iteration(NULL, TRUE);
}

static int
set_up(void **state)
{
    static const QmpOps ops = { on_event, on_ended };

    vm_world_begin(document);
    vm_world_run(&ops);
    greet();
    wait_until_heard();
    return 0;
}

static int
tear_down(void **state)
{
    asked = 0;
    vm_world_end();
    return 0;
}

static void
on_refreshed(gpointer user)
{
    refreshed++;
}

/* ---- asking */

/* Asks for groups; returns once QEMU has heard it, or nothing was asked. */
static guint
refresh(guint groups)
{
    g_autoptr(GPtrArray) vms = g_ptr_array_new();

    g_ptr_array_add(vms, vm);
    refreshed = 0;
    vm_refresh(vms, groups, on_refreshed, NULL);
    return hear();
}

static void
wait_until_refreshed(void)
{
    while (refreshed == 0)
        g_main_context_iteration(NULL, TRUE);
    assert_int_equal(refreshed, 1);
}

static void
take(guint groups, const char *first, const char *second)
{
    guint calls = refresh(groups);

    assert_int_equal(calls, second ? 2 : 1);
    answer(first);
    if (second)
        answer(second);
    wait_until_refreshed();
    wait_until_heard();
}

#define STATS                                                                                      \
    "[{\"qdev\":\"/machine/peripheral/virtio-disk0/virtio-backend\",\"stats\":{"                   \
    "\"rd_operations\":1,\"rd_bytes\":512,\"rd_total_time_ns\":3,\"wr_operations\":4,"             \
    "\"wr_bytes\":5,\"wr_total_time_ns\":6,\"flush_operations\":7,\"flush_total_time_ns\":8,"      \
    "\"wr_highest_offset\":9},\"backing\":{\"stats\":{\"wr_highest_offset\":77}}},"                \
    "{\"qdev\":\"virtio-disk1\",\"stats\":{\"rd_operations\":100,\"rd_bytes\":200}}]"
#define INFO                                                                                       \
    "[{\"qdev\":\"virtio-disk0\",\"io-status\":\"nospace\",\"inserted\":{\"image\":{"              \
    "\"virtual-size\":1048576,\"actual-size\":4096,\"backing-image\":{\"virtual-size\":2,"         \
    "\"actual-size\":1}}}},{\"qdev\":\"virtio-disk1\",\"io-status\":\"ok\"}]"

static guint64
number_of(guint groups, const char *name)
{
    guint64 value = G_MAXUINT64;
    const Param *found;
    Params p;

    params_init(&p);
    vm_stats(vm, groups, &p);
    found = params_find(&p, name);
    if (found)
        value = found->type == PARAM_UINT ? found->u : found->ul;
    params_done(&p);
    return value;
}

static void
counters_are_of_their_disk(void **state)
{
    VmBlockStats one, all;

    take(VM_STATS_BLOCK, STATS, INFO);
    assert_true(vm_block_stats(vm, "vda", &one, NULL));
    assert_int_equal(one.rd_req, 1);
    assert_int_equal(one.rd_bytes, 512);
    assert_int_equal(one.rd_ns, 3);
    assert_int_equal(one.wr_req, 4);
    assert_int_equal(one.wr_bytes, 5);
    assert_int_equal(one.wr_ns, 6);
    assert_int_equal(one.flush_req, 7);
    assert_int_equal(one.flush_ns, 8);
    assert_true(vm_block_stats(vm, "/two", &one, NULL));
    assert_int_equal(one.rd_req, 100);
    assert_true(vm_block_stats(vm, "", &all, NULL));
    assert_int_equal(all.rd_req, 101);
    assert_false(vm_block_stats(vm, "vdz", &one, NULL));
    assert_int_equal(number_of(VM_STATS_BLOCK, "block.count"), 2);
    assert_int_equal(number_of(VM_STATS_BLOCK, "block.0.rd.bytes"), 512);
    assert_int_equal(number_of(VM_STATS_BLOCK, "block.0.capacity"), 1048576);
    assert_int_equal(number_of(VM_STATS_BLOCK, "block.0.allocation"), 9);
    assert_int_equal(number_of(VM_STATS_BLOCK, "block.0.physical"), 4096);
    g_autoptr(GArray) errors = vm_disk_errors(vm);
    assert_int_equal(errors->len, 1);
    assert_string_equal(g_array_index(errors, VmDiskError, 0).disk, "vda");
    assert_int_equal(g_array_index(errors, VmDiskError, 0).error, 2);
}

static void
the_balloon_is_asked_as_its_period_says(void **state)
{
    take(VM_STATS_BALLOON,
         "{\"last-update\":42,\"stats\":{\"stat-free-memory\":10240,\"stat-major-faults\":3}}",
         NULL);
    assert_int_equal(number_of(VM_STATS_BALLOON, "balloon.unused"), 10);
    assert_int_equal(number_of(VM_STATS_BALLOON, "balloon.major_fault"), 3);
    assert_int_equal(number_of(VM_STATS_BALLOON, "balloon.last-update"), 42);
    vm->run->live->devices.balloon->stats_period = 0;
    assert_int_equal(refresh(VM_STATS_BALLOON), 0);
    assert_int_equal(refreshed, 1);
}

/* It keeps what it last said, and nobody waits for it again until it has spoken. */
static void
one_that_does_not_answer_is_waited_for_once(void **state)
{
    VmBlockStats one;
    gint64 began;

    take(VM_STATS_BLOCK, STATS, INFO);
    began = g_get_monotonic_time();
    assert_int_equal(refresh(VM_STATS_BLOCK), 2);
    wait_until_refreshed();
    assert_true(g_get_monotonic_time() - began >= 4000);
    assert_true(vm_block_stats(vm, "vda", &one, NULL));
    assert_int_equal(one.rd_bytes, 512);
    for (guint i = 0; i < 3; i++) {
        assert_int_equal(refresh(VM_STATS_BLOCK), 2); /* those of before: none came */
        assert_int_equal(refreshed, 1);               /* at once */
    }
    answer("[{\"qdev\":\"virtio-disk0\",\"stats\":{\"rd_bytes\":1000}}]");
    answer("[]");
    wait_until_heard();
    assert_true(vm_block_stats(vm, "vda", &one, NULL));
    assert_int_equal(one.rd_bytes, 1000);
    take(VM_STATS_BLOCK, STATS, INFO);
}

static void
answers_that_make_no_sense_are_read_over(void **state)
{
    static const char *const odd[] = {
        "[]",
        "{}",
        "7",
        "\"x\"",
        "null",
        "[7,null,\"x\",[],{}]",
        "[{\"qdev\":7,\"stats\":[]},{\"qdev\":\"\",\"stats\":{}},{\"qdev\":\"virtio-disk0\"}]",
        "[{\"qdev\":\"virtio-disk0\",\"stats\":7,\"inserted\":{\"image\":[]},\"io-status\":9,\"backing\":3}]",
        "[{\"qdev\":\"virtio-disk0\",\"stats\":{\"rd_bytes\":\"many\"},\"backing\":{\"stats\":4}}]",
        "[{\"qdev\":\"nobody\",\"stats\":{\"rd_bytes\":1}},{\"qdev\":\"/machine/peripheral/\",\"stats\":{}}]",
    };
    VmBlockStats one;

    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
        for (gsize j = 0; j < G_N_ELEMENTS(odd); j++)
            take(VM_STATS_BLOCK, odd[i], odd[j]);
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
        take(VM_STATS_BALLOON, odd[i], NULL);
    assert_int_equal(number_of(VM_STATS_BLOCK, "block.count"), 2);
    take(VM_STATS_BLOCK, STATS, INFO);
    assert_true(vm_block_stats(vm, "vda", &one, NULL));
    assert_int_equal(one.rd_bytes, 512);
}

static void
one_that_has_ended_is_not_asked(void **state)
{
    vm->run->stopping = TRUE;
    assert_int_equal(refresh(VM_STATS_BLOCK | VM_STATS_BALLOON), 0);
    assert_int_equal(refreshed, 1);
    vm->run->stopping = FALSE;
    assert_int_equal(refresh(VM_STATS_BLOCK), 2);
    fd_close(&far_end); /* what it was asked is answered by its end */
    wait_until_refreshed();
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(counters_are_of_their_disk),
        TEST(the_balloon_is_asked_as_its_period_says),
        TEST(one_that_does_not_answer_is_waited_for_once),
        TEST(answers_that_make_no_sense_are_read_over),
        TEST(one_that_has_ended_is_not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
