/* Objects, registries, UUIDs, events, typed parameters. */
#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

static int alive;
static const ObjectKind kind = { "thing", "things" };

static void
thing_destroy(Object *o)
{
    alive--;
    object_done(o);
    g_free(o);
}

static Object *
thing_new(const char *name, guint8 first)
{
    Object *o = g_new0(Object, 1);
    guint8 uuid[UUID_LEN] = { first };

    object_init(o, &kind, name, uuid, thing_destroy);
    alive++;
    return o;
}

static void
uuids_are_read_and_written(void **state)
{
    guint8 uuid[UUID_LEN], again[UUID_LEN];
    char text[UUID_TEXT_LEN];

    assert_true(uuid_parse("c7a5fdbd-edaf-9455-926a-d65c16db1809", uuid));
    uuid_format(uuid, text);
    assert_string_equal(text, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
    assert_true(uuid_parse(" C7A5FDBDEDAF9455926AD65C16DB1809 ", again));
    assert_memory_equal(uuid, again, UUID_LEN);
    assert_false(uuid_parse("c7a5fdbd-edaf-9455-926a-d65c16db180", uuid));
    assert_false(uuid_parse("c7a5fdbd-edaf-9455-926a-d65c16db180999", uuid));
    assert_false(uuid_parse("", uuid));
    uuid_make(uuid);
    assert_int_equal(uuid[6] >> 4, 4);
    assert_int_equal(uuid[8] >> 6, 2);
}

static void
names_and_uuids_are_unique(void **state)
{
    Registry *r = registry_new();
    Object *a = thing_new("a", 1), *b = thing_new("b", 2);
    Object *same_name = thing_new("a", 3), *same_uuid = thing_new("c", 2);

    assert_true(registry_add(r, a));
    assert_true(registry_add(r, b));
    assert_false(registry_add(r, same_name));
    assert_false(registry_add(r, same_uuid));
    assert_ptr_equal(registry_find_name(r, "b"), b);
    assert_ptr_equal(registry_find_uuid(r, a->uuid), a);

    registry_set_id(r, b, 7);
    assert_ptr_equal(registry_find_id(r, 7), b);
    assert_null(registry_find_id(r, -1));
    assert_false(registry_rename(r, a, "b"));
    assert_true(registry_rename(r, a, "d"));
    assert_null(registry_find_name(r, "a"));
    assert_ptr_equal(registry_find_name(r, "d"), a);

    registry_remove(r, b);
    registry_remove(r, b);
    assert_null(registry_find_id(r, 7));
    assert_int_equal(registry_size(r), 1);
    object_unref(a);
    object_unref(b);
    object_unref(same_name);
    object_unref(same_uuid);
    assert_int_equal(alive, 1);
    registry_free(r);
    assert_int_equal(alive, 0);
}

static guint ids[2];
static int heard;

static void
hear_once(const Event *event, gpointer user)
{
    heard++;
    event_unsubscribe(ids[0]);
}

static void
hear(const Event *event, gpointer user)
{
    heard += 10;
}

static void
a_subscriber_may_leave_while_it_hears(void **state)
{
    Event event = { .family = EVENT_DOMAIN };

    ids[0] = event_subscribe(hear_once, NULL);
    ids[1] = event_subscribe(hear, NULL);
    event_emit(&event);
    event_emit(&event);
    assert_int_equal(heard, 21);
    event_unsubscribe(ids[1]);
    event_emit(&event);
    assert_int_equal(heard, 21);
}

static void
params_keep_their_types(void **state)
{
    Params p;

    params_init(&p);
    params_add_ullong(&p, 42, "block.%u.rd.bytes", 3u);
    params_add_string(&p, "vda", "block.3.name");
    params_add_string(&p, NULL, "block.3.path");
    assert_int_equal(params_count(&p), 2);
    assert_int_equal(params_find(&p, "block.3.rd.bytes")->ul, 42);
    assert_string_equal(params_get(&p, 1)->s, "vda");
    assert_null(params_find(&p, "block.3.path"));
    params_done(&p);
    params_done(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_are_read_and_written),
        cmocka_unit_test(names_and_uuids_are_unique),
        cmocka_unit_test(a_subscriber_may_leave_while_it_hears),
        cmocka_unit_test(params_keep_their_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
