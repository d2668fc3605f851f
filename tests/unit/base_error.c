#include "base/base.h"
#include "unit.h"

static void
check_wire(const GError *err, int code, int from, const char *message, const char *detail)
{
    WireError w;

    error_to_wire(err, &w);
    assert_int_equal(w.code, code);
    assert_int_equal(w.from, from);
    assert_string_equal(w.message, message);
    assert_string_equal(w.detail, detail);
    wire_error_done(&w);
    wire_error_done(&w);
}

static void
test_sentences(void **state)
{
    static const struct {
        Err err;
        const char *detail;
        int code, from;
        const char *message;
    } cases[] = {
        { ERR_INVALID_ARG, "no such flag", 8, 0, "invalid argument: no such flag" },
        { ERR_XML, "no name", 27, 0, "XML error: no name" },
        { ERR_XML, "", 27, 0, "XML description is invalid or not well formed" },
        { ERR_XML_VALUE, "port", 27, 5, "XML error: port" },
        { ERR_XML_DETAIL, "line 3: <x>", 35, 0, "line 3: <x>" },
        { ERR_DENIED, "read only access prevents virDomainDestroy", 29, 0,
          "operation forbidden: read only access prevents virDomainDestroy" },
        { ERR_DOMAIN_EXISTS, "'a'", 28, 0, "domain 'a' exists already" },
        { ERR_NO_SUPPORT, "", 3, 0, "this function is not supported by the connection driver" },
        { ERR_INVALID_CONN, "", 6, 0, "invalid connection pointer in" },
        { ERR_AUTH_UNAVAILABLE, "no agent", 94, 60, "authentication unavailable: no agent" },
        { ERR_RPC, "unknown procedure: 9", 39, 7, "unknown procedure: 9" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) err = NULL;

        assert_false(fail(&err, cases[i].err, "%s", cases[i].detail));
        assert_true(error_is(err, cases[i].err));
        check_wire(err, cases[i].code, cases[i].from, cases[i].message, cases[i].detail);
    }
}

/* No row was forgotten, and what goes out comes back the same. */
static void
test_there_and_back(void **state)
{
    for (int e = 0; e < N_ERRS; e++) {
        for (int with = 0; with < 2; with++) {
            g_autoptr(GError) err = NULL;
            g_autoptr(GError) back = NULL;
            WireError w, again;

            fail(&err, e, "%s", with ? "detail: of it" : "");
            error_to_wire(err, &w);
            assert_int_not_equal(w.code, 0);
            assert_non_null(strstr(w.format, "%1$s"));
            assert_int_equal(w.saved_errno, -1);
            error_from_wire(&back, w.code, w.message);
            error_to_wire(back, &again); /* two codes may share a number */
            assert_int_equal(again.code, w.code);
            assert_string_equal(back->message, err->message);
            wire_error_done(&w);
            wire_error_done(&again);
        }
    }
}

static void
test_from_a_stranger(void **state)
{
    g_autoptr(GError) unknown = NULL;
    g_autoptr(GError) other_words = NULL;
    g_autoptr(GError) mute = NULL;

    error_from_wire(&unknown, 109, "checkpoint inconsistent: x");
    check_wire(unknown, 39, 7, "checkpoint inconsistent: x", "checkpoint inconsistent: x");
    error_from_wire(&other_words, 42, "Domäne nicht gefunden");
    assert_true(error_is(other_words, ERR_NO_DOMAIN));
    assert_string_equal(other_words->message, "Domäne nicht gefunden");
    error_from_wire(&mute, 42, NULL);
    assert_true(error_is(mute, ERR_NO_DOMAIN));
}

static void
test_errno(void **state)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GError) copy = NULL;
    WireError w;

    assert_false(fail_errno(&err, ENOENT, "cannot open '%s'", "/x"));
    assert_false(fail_prefix(&err, "disk '%s': ", "vda"));
    copy = g_error_copy(err);
    error_to_wire(copy, &w);
    assert_int_equal(w.code, 38);
    assert_int_equal(w.saved_errno, ENOENT);
    assert_string_equal(w.message, "disk 'vda': cannot open '/x': No such file or directory");
    wire_error_done(&w);
}

static void
test_nobody_listens(void **state)
{
    GError *none = NULL;

    assert_false(fail(NULL, ERR_XML, "x"));
    assert_false(fail_errno(NULL, EIO, "x"));
    assert_false(fail_prefix(NULL, "x"));
    assert_false(fail_prefix(&none, "x"));
    assert_null(none);
    assert_false(error_is(NULL, ERR_XML));
}

static void
test_foreign(void **state)
{
    g_autoptr(GError) err = g_error_new(G_FILE_ERROR, 3, "boo");

    check_wire(err, 1, 0, "internal error: boo", "boo");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),       cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_from_a_stranger), cmocka_unit_test(test_errno),
        cmocka_unit_test(test_nobody_listens),  cmocka_unit_test(test_foreign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
