/* Budgets: per connection, per user, all together, and what is kept for root. */
#include "rpc/budget.h"
#include "unit.h"

#define KIND BUDGET_REGISTRATIONS

static Budgets *b;

static int
set_up(void **state)
{
    b = budgets_new();
    b->rows[KIND] = (BudgetRow){ "registrations", .young = 2, .client = 5, .trusted = 50,
                                 .user = 8,       .all = 20,  .reserve = 6 };
    return 0;
}

static int
tear_down(void **state)
{
    assert_int_equal(b->counts[KIND].used, 0);
    assert_int_equal(g_hash_table_size(b->users), 0);
    g_clear_pointer(&b, budgets_unref);
    return 0;
}

static Account *
grown(uid_t uid, gboolean trusted)
{
    Account *a = account_new(b, uid, trusted);

    account_opened(a);
    account_age(a, G_USEC_PER_SEC);
    return a;
}

static guint
take_all(Account *a)
{
    guint n = 0;

    while (account_take(a, KIND, 1, NULL))
        n++;
    return n;
}

static void
a_young_connection_holds_little(void **state)
{
    Account *a = account_new(b, 1000, FALSE);

    assert_int_equal(take_all(a), 2);
    account_opened(a);
    assert_int_equal(take_all(a), 0);
    account_age(a, G_USEC_PER_SEC);
    assert_int_equal(take_all(a), 3);
    account_unref(a);
}

static void
one_that_was_never_opened_stays_young(void **state)
{
    Account *a = account_new(b, 1000, FALSE);

    account_age(a, G_USEC_PER_SEC);
    assert_int_equal(take_all(a), 2);
    account_unref(a);
}

static void
connections_of_a_user_share(void **state)
{
    Account *first = grown(1000, FALSE), *second = grown(1000, FALSE), *other = grown(1001, FALSE);

    assert_int_equal(take_all(first), 5);
    assert_int_equal(take_all(second), 3);
    assert_int_equal(take_all(other), 5);
    account_give_back(first, KIND, 4);
    assert_int_equal(take_all(second), 2); /* five of its own, one of first's, eight in all */
    account_unref(first);
    account_unref(second);
    account_unref(other);
}

static void
part_is_kept_for_root(void **state)
{
    Account *a[3], *root = grown(0, TRUE);
    g_autoptr(GError) err = NULL;
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(a); i++) {
        a[i] = grown(1000 + i, FALSE);
        n += take_all(a[i]);
    }
    assert_int_equal(n, 14); /* all but the reserve */
    assert_int_equal(take_all(root), 6);
    assert_false(account_take(root, KIND, 1, &err));
    assert_true(error_is(err, ERR_BUSY));
    assert_non_null(strstr(err->message, "registrations"));
    assert_int_equal(b->counts[KIND].most, 20);
    assert_int_equal(b->counts[KIND].refused, 5);
    for (guint i = 0; i < G_N_ELEMENTS(a); i++)
        account_unref(a[i]);
    account_unref(root);
}

static void
what_a_call_holds_outlives_its_client(void **state)
{
    Account *a = grown(1000, FALSE), *of_call = account_ref(a);

    account_charge(of_call, KIND, 1);
    account_unref(a);
    assert_int_equal(b->counts[KIND].used, 1);
    account_unref(of_call);
}

/* In a round all connections of a user have 2 ms; those that came too late begin the next one. */
static void
connections_take_turns(void **state)
{
    Account *a = grown(1000, FALSE);

    assert_true(account_may_run(a, 1, 100));
    account_ran(a, 1, 1000);
    assert_true(account_may_run(a, 2, 100));
    account_ran(a, 2, 1500);
    assert_false(account_may_run(a, 3, 100));
    assert_false(account_may_run(a, 1, 101));
    assert_false(account_may_run(a, 2, 101));
    assert_true(account_may_run(a, 3, 101));
    account_ran(a, 3, 100);
    assert_true(account_may_run(a, 1, 102)); /* there was time left: all begin again */
    account_unref(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_young_connection_holds_little),       TEST(one_that_was_never_opened_stays_young),
        TEST(connections_of_a_user_share),           TEST(part_is_kept_for_root),
        TEST(what_a_call_holds_outlives_its_client), TEST(connections_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
