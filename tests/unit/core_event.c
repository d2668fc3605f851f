/* Events: who has subscribed hears them in order, also while others come and go, and who comes late
 * hears what was missed. */
#include "core/core.h"

#include "unit.h"

static char heard[64];

static void
hear(const Event *event, gpointer user)
{
    gsize len = strlen(heard);

    g_snprintf(heard + len, sizeof(heard) - len, "%s%d ", (const char *)user, event->n[0]);
}

static void
emit(int what)
{
    Event e = { .family = EVENT_POOL, .name = "p", .object_id = -1 };

    e.n[0] = what;
    event_emit(&e);
}

static int
set_up(void **state)
{
    heard[0] = '\0';
    return 0;
}

static void
all_subscribers_hear_in_order(void **state)
{
    guint a = event_subscribe(hear, "a"), b = event_subscribe(hear, "b");

    emit(1);
    event_unsubscribe(a);
    emit(2);
    event_unsubscribe(b);
    emit(3);
    event_unsubscribe(b); /* twice is harmless */
    assert_string_equal(heard, "a1 b1 b2 ");
}

static guint other;

static void
leave(const Event *event, gpointer user)
{
    hear(event, user);
    event_unsubscribe(other);
}

static void
one_may_leave_while_all_are_told(void **state)
{
    guint first = event_subscribe(leave, "a");

    other = event_subscribe(hear, "b");
    emit(1);
    assert_string_equal(heard, "a1 ");
    event_unsubscribe(first);
    emit(2);
    assert_string_equal(heard, "a1 ");
}

static void
told_within_an_event(const Event *event, gpointer user)
{
    hear(event, user);
    if (event->n[0] == 1)
        emit(2);
}

static void
an_event_may_cause_another(void **state)
{
    guint id = event_subscribe(told_within_an_event, "a");

    emit(1);
    assert_string_equal(heard, "a1 a2 ");
    event_unsubscribe(id);
}

static void
who_comes_late_hears_what_was_missed(void **state)
{
    g_autofree char *name = g_strdup("gone");
    Event e = { .family = EVENT_DOMAIN, .name = name, .object_id = 7 };
    guint id = event_subscribe(hear, "a");

    e.n[0] = 5;
    event_emit_missed(&e);
    event_unsubscribe(id);
    name[0] = '\0'; /* it was copied */
    event_replay(hear, "late");
    assert_string_equal(heard, "a5 late5 ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_subscribers_hear_in_order, set_up),
        cmocka_unit_test_setup(one_may_leave_while_all_are_told, set_up),
        cmocka_unit_test_setup(an_event_may_cause_another, set_up),
        cmocka_unit_test_setup(who_comes_late_hears_what_was_missed, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
