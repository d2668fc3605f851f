/* Words that are nearly right. */
#include "base/base.h"
#include "unit.h"

static void
distances(void **state)
{
    assert_int_equal(word_distance("", ""), 0);
    assert_int_equal(word_distance("abc", ""), 3);
    assert_int_equal(word_distance("", "abc"), 3);
    assert_int_equal(word_distance("list", "list"), 0);
    assert_int_equal(word_distance("lsit", "list"), 1); /* two letters swapped */
    assert_int_equal(word_distance("lst", "list"), 1);
    assert_int_equal(word_distance("liist", "list"), 1);
    assert_int_equal(word_distance("lost", "list"), 1);
    assert_int_equal(word_distance("List", "list"), 0);
    assert_int_equal(word_distance("kitten", "sitting"), 3);
    assert_int_equal(word_distance("ca", "abc"), 3);
}

static void
too_long_is_far(void **state)
{
    char text[200];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(word_distance(text, "list"), G_MAXUINT);
    assert_int_equal(word_distance("list", text), G_MAXUINT);
    text[64] = '\0';
    assert_int_equal(word_distance(text, ""), 64);
}

static void
the_nearest_is_found(void **state)
{
    static const char *const words[] = { "list", "source", "start", "console", NULL };
    static const char *const none[] = { NULL };

    assert_string_equal(nearest_word("sorce", words), "source");
    assert_string_equal(nearest_word("satrt", words), "start");
    assert_string_equal(nearest_word("consoel", words), "console");
    assert_null(nearest_word("frobnicate", words));
    assert_null(nearest_word("x", words));
    assert_null(nearest_word("", words));
    assert_null(nearest_word("list", none));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(too_long_is_far),
        cmocka_unit_test(the_nearest_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
