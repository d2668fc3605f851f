/* Time zones: what the host's database says of them. */
#include "host/host.h"
#include "unit.h"

#include <time.h>

/* The hour that a clock with these rules shows. */
static int
hour_with(const char *tz, time_t at)
{
    struct tm tm;

    g_setenv("TZ", tz, TRUE);
    tzset();
    localtime_r(&at, &tm);
    return tm.tm_hour;
}

static void
rules_are_those_of_the_zone(void **state)
{
    static const char *const zones[] = { "Asia/Tokyo",   "Europe/Berlin", "America/New_York",
                                         "Asia/Kolkata", "UTC",           "Etc/GMT+5" };

    if (!g_file_test("/usr/share/zoneinfo/Asia/Tokyo", G_FILE_TEST_EXISTS))
        skip();
    for (gsize i = 0; i < G_N_ELEMENTS(zones); i++) {
        g_autoptr(GError) err = NULL;
        g_autofree char *rules = zone_rules(zones[i], &err);

        assert_non_null(rules);
        for (int month = 0; month < 24; month++) { /* of 2026 and 2027, in summer and in winter */
            time_t at = 1767225600 + month * 2629800;
            assert_int_equal(hour_with(rules, at), hour_with(zones[i], at));
        }
    }
}

static void
what_is_no_zone_is_refused(void **state)
{
    static const char *const names[] = {
        "", "/etc/passwd", "../../../etc/passwd", "Nowhere/Else", "Europe", "tzdata.zi", "A;b"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) err = NULL;

        assert_null(zone_rules(names[i], &err));
        assert_non_null(err);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_those_of_the_zone),
        cmocka_unit_test(what_is_no_zone_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
