/* Who may: the connection, the authority that answers at once, and the one that answers later. */
#include "core/core.h"

#include <string.h>

#include "unit.h"

static const Creds creds = { .uid = 7 };
static const Creds readonly = { .uid = 7, .readonly = TRUE };

static AccessAnswer answer;
static AccessToken asked[8];
static guint n_asked;
static guint n_again;

static AccessAnswer
say(const AccessQuestion *q, AccessToken token, gpointer user, GError **err)
{
    assert_int_equal(q->creds->uid, 7);
    asked[n_asked++] = token;
    return answer;
}

static void
again(gpointer user)
{
    n_again++;
}

static int
set_up(void **state)
{
    n_asked = n_again = 0;
    answer = ACCESS_ASK;
    access_set_authority(say, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    access_set_authority(NULL, NULL);
    return 0;
}

static Object
object_named(const char *name, guint8 last)
{
    Object o = { .name = (char *)name };

    o.uuid[UUID_LEN - 1] = last;
    return o;
}

static AccessAnswer
check(AccessCase *c, Right right, const Object *o)
{
    AccessQuestion q = { &creds, NULL, right, o };
    g_autoptr(GError) err = NULL;
    AccessAnswer got = access_check(c, &q, &err);

    assert_true((got == ACCESS_NO) == (err != NULL));
    if (err)
        assert_true(error_is(err, ERR_ACCESS_DENIED));
    return got;
}

static void
the_connection_decides_first(void **state)
{
    g_autoptr(GError) err = NULL;

    assert_true(access_may_write(&creds, "X", "root may", NULL));
    assert_false(access_may_write(&readonly, "X", "root may", &err));
    assert_true(error_is(err, ERR_DENIED));
    assert_string_equal(err->message, "read only access prevents X: root may");
}

static void
without_an_authority_all_rights_are_there(void **state)
{
    AccessCase c = { 0 };

    access_set_authority(NULL, NULL);
    assert_int_equal(check(&c, RIGHT_DOMAIN_DELETE, NULL), ACCESS_YES);
    access_case_done(&c);
}

static void
answers_at_once_are_not_kept(void **state)
{
    Object o = object_named("a", 1);
    AccessCase c = { 0 };

    answer = ACCESS_YES;
    assert_int_equal(check(&c, RIGHT_DOMAIN_START, &o), ACCESS_YES);
    answer = ACCESS_NO;
    assert_int_equal(check(&c, RIGHT_DOMAIN_START, &o), ACCESS_NO);
    assert_int_equal(check(&c, RIGHT_NONE, &o), ACCESS_YES); /* not asked */
    assert_int_equal(n_asked, 2);
    access_answer(asked[0], TRUE); /* of a question that is not out */
    assert_int_equal(n_again, 0);
    access_case_done(&c);
}

static void
a_late_answer_counts_for_its_right_and_object(void **state)
{
    Object a = object_named("a", 1), b = object_named("b", 2);
    AccessCase c = { .again = again };

    assert_int_equal(check(&c, RIGHT_DOMAIN_START, &a), ACCESS_ASK);
    access_answer(asked[0], TRUE);
    assert_int_equal(n_again, 1);
    assert_int_equal(check(&c, RIGHT_DOMAIN_START, &a), ACCESS_YES);
    assert_int_equal(n_asked, 1);
    assert_int_equal(check(&c, RIGHT_DOMAIN_STOP, &a), ACCESS_ASK);
    access_answer(asked[1], FALSE);
    assert_int_equal(check(&c, RIGHT_DOMAIN_STOP, &a), ACCESS_NO);
    assert_int_equal(check(&c, RIGHT_DOMAIN_START, &b), ACCESS_ASK);
    access_answer(asked[1], TRUE); /* answered before */
    assert_int_equal(n_again, 2);
    access_case_done(&c);
    access_answer(asked[2], TRUE); /* nobody waits any more */
    assert_int_equal(n_again, 2);
}

static void
two_cases_wait_side_by_side(void **state)
{
    AccessCase a = { .again = again }, b = { .again = again };

    assert_int_equal(check(&a, RIGHT_CONNECT_READ, NULL), ACCESS_ASK);
    assert_int_equal(check(&b, RIGHT_CONNECT_READ, NULL), ACCESS_ASK);
    access_answer(asked[1], FALSE);
    assert_int_equal(check(&b, RIGHT_CONNECT_READ, NULL), ACCESS_NO);
    access_answer(asked[0], TRUE);
    assert_int_equal(check(&a, RIGHT_CONNECT_READ, NULL), ACCESS_YES);
    access_case_done(&a);
    access_case_done(&b);
}

static void
every_right_has_words_of_its_own(void **state)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (Right r = RIGHT_NONE; r < N_RIGHTS; r++)
        assert_true(g_hash_table_add(seen, (gpointer)right_word(r)));
    assert_string_equal(right_word(RIGHT_POOL_START), "storage_pool:start");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_connection_decides_first), TEST(without_an_authority_all_rights_are_there),
        TEST(answers_at_once_are_not_kept), TEST(a_late_answer_counts_for_its_right_and_object),
        TEST(two_cases_wait_side_by_side),  TEST(every_right_has_words_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
