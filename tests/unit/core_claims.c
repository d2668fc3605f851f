/* Claims: who may hold what beside whom, and who is told so. */
#include "core/core.h"
#include "unit.h"

static const ObjectKind domain_kind = { "domain", "qemu" };
static const ObjectKind pool_kind = { "storage pool", "storage" };

static void
destroy(Object *o)
{
    object_done(o);
    g_free(o);
}

static Object *
new_owner(const ObjectKind *kind, const char *name)
{
    static guint8 uuid[UUID_LEN];
    Object *o = g_new0(Object, 1);

    uuid[0]++;
    object_init(o, kind, name, uuid, destroy);
    return o;
}

static gboolean
take(Owner who, ClaimKind kind, const char *key, gboolean reads, gboolean shares, GError **err)
{
    Claim c = { kind, (char *)key, NULL, reads, shares, who };

    return claim_take(&c, err);
}

static void
one_holds_it_alone(void **state)
{
    Object *a = new_owner(&domain_kind, "a"), *b = new_owner(&pool_kind, "b");
    g_autoptr(GError) err = NULL;

    assert_null(claim_find(CLAIM_CID, "3"));
    assert_true(take(OWNER(a), CLAIM_CID, "3", FALSE, FALSE, NULL));
    assert_true(take(OWNER(b), CLAIM_PORT, "3", FALSE, FALSE, NULL)); /* something else */
    assert_ptr_equal(claim_find(CLAIM_CID, "3")->owner.object, a);
    assert_false(take(OWNER(b), CLAIM_CID, "3", FALSE, FALSE, &err));
    assert_string_equal(err->message, "CID '3' is in use by domain 'a'");
    assert_true(error_is(err, ERR_OPERATION_FAILED));
    claims_drop(OWNER(a));
    assert_true(take(OWNER(b), CLAIM_CID, "3", FALSE, FALSE, NULL));
    object_unref(a);
    object_unref(b); /* with what it holds */
    assert_null(claim_find(CLAIM_CID, "3"));
    assert_null(claim_find(CLAIM_PORT, "3"));
}

static void
who_may_stand_beside_whom(void **state)
{
    enum { ALONE, READS, SHARES, BOTH };
    static const gboolean beside[4][4] = {
        [ALONE] = { FALSE, FALSE, FALSE, FALSE },
        [READS] = { FALSE, TRUE, FALSE, TRUE },
        [SHARES] = { FALSE, FALSE, TRUE, TRUE },
        [BOTH] = { FALSE, TRUE, TRUE, TRUE },
    };
    Object *a = new_owner(&domain_kind, "a"), *b = new_owner(&domain_kind, "b");

    for (int first = ALONE; first <= BOTH; first++) {
        for (int second = ALONE; second <= BOTH; second++) {
            assert_true(take(OWNER(a), CLAIM_IMAGE, "8:1", first & READS, first & SHARES, NULL));
            assert_int_equal(
                take(OWNER(b), CLAIM_IMAGE, "8:1", second & READS, second & SHARES, NULL),
                beside[first][second]);
            claims_drop(OWNER(a));
            claims_drop(OWNER(b));
        }
    }
    object_unref(a);
    object_unref(b);
}

static void
nobody_is_in_his_own_way(void **state)
{
    Object *a = new_owner(&domain_kind, "a"), *b = new_owner(&domain_kind, "b");

    assert_true(take(OWNER(a), CLAIM_IMAGE, "8:1", FALSE, FALSE, NULL));
    assert_true(take(OWNER(a), CLAIM_IMAGE, "8:1", FALSE, FALSE, NULL));
    claim_drop(CLAIM_IMAGE, "8:1", OWNER(a));
    assert_false(take(OWNER(b), CLAIM_IMAGE, "8:1", FALSE, FALSE, NULL)); /* held once more */
    claim_drop(CLAIM_IMAGE, "8:1", OWNER(a));
    claim_drop(CLAIM_IMAGE, "8:1", OWNER(a)); /* there is none: fine */
    assert_true(take(OWNER(b), CLAIM_IMAGE, "8:1", FALSE, FALSE, NULL));
    object_unref(a);
    object_unref(b);
}

static void
an_error_says_what_and_who_and_what_may_be_done(void **state)
{
    Object *a = new_owner(&domain_kind, "a");
    Claim image = { CLAIM_IMAGE, "8:1", "/var/a.img", FALSE, FALSE, OWNER(a) };
    const Owner upload = { .words = "the upload of client 12" };
    g_autofree char *words = g_strdup(upload.words);
    g_autoptr(GError) err = NULL;

    assert_true(claim_take(&image, NULL));
    image.owner = upload;
    assert_false(claim_take(&image, &err));
    assert_string_equal(err->message,
                        "image '/var/a.img' is in use by domain 'a'; mark the disk <shareable/> in "
                        "both, or <readonly/>, if that is meant");
    g_clear_error(&err);
    claims_drop(OWNER(a));
    assert_true(claim_take(&image, NULL));
    image.owner = (Owner){ .words = words }; /* the same, by its text */
    assert_true(claim_take(&image, NULL));
    assert_false(take(OWNER(a), CLAIM_IMAGE, "8:1", TRUE, FALSE, &err));
    assert_non_null(strstr(err->message, "is in use by the upload of client 12;"));
    claims_drop(upload);
    assert_null(claim_find(CLAIM_IMAGE, "8:1"));
    object_unref(a);
}

static void
they_are_saved_and_there_again(void **state)
{
    Object *a = new_owner(&domain_kind, "a"), *b = new_owner(&domain_kind, "b");
    Claim image = { CLAIM_IMAGE, "8:1", "/var/a.img", TRUE, TRUE, OWNER(a) };
    g_autoptr(GPtrArray) all = NULL, none = NULL;
    json_object *saved, *again, *bad;

    assert_true(take(OWNER(a), CLAIM_PORT, "5900", FALSE, FALSE, NULL) && claim_take(&image, NULL));
    saved = claims_to_json(OWNER(a));
    claims_drop(OWNER(a));
    assert_true(take(OWNER(b), CLAIM_PORT, "5900", FALSE, FALSE, NULL));
    assert_true(claims_from_json(OWNER(a), saved, NULL)); /* also what another has by now */
    again = claims_to_json(OWNER(a));
    assert_true(json_object_equal(saved, again));
    all = claims_list((Owner){ 0 });
    assert_int_equal(all->len, 3);
    assert_string_equal(((Claim *)all->pdata[0])->label, "/var/a.img");
    bad = json_tokener_parse("[{\"kind\":\"soul\",\"key\":\"1\"}]");
    assert_false(claims_from_json(OWNER(a), bad, NULL));
    json_object_put(saved);
    json_object_put(again);
    json_object_put(bad);
    object_unref(a);
    object_unref(b);
    none = claims_list((Owner){ 0 });
    assert_int_equal(none->len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holds_it_alone),
        cmocka_unit_test(who_may_stand_beside_whom),
        cmocka_unit_test(nobody_is_in_his_own_way),
        cmocka_unit_test(an_error_says_what_and_who_and_what_may_be_done),
        cmocka_unit_test(they_are_saved_and_there_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
