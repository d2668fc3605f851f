/* Rules of filters as expressions of nftables (libnftables-json(5)): what is compared with what. */
#include "unit.h"

#include "network/filter_priv.h"

/* The expressions of the rule's one match, as text; NULL: nftables cannot. */
static char *
expressions(const char *match, gboolean reversed, GError **err)
{
    g_autofree char *xml = g_strdup_printf(
        "<filter name='f'><rule action='drop' direction='in'>%s</rule></filter>", match);
    NwfilterDef *def = nwfilter_parse(xml, -1, 0, err);
    const FilterEntry *rule;
    json_object *list;
    char *text;

    if (!def)
        unit_fail("%s: %s\n", xml, err && *err ? (*err)->message : "refused");
    rule = def->entries->pdata[0];
    list = filter_match_expressions(rule->matches->pdata[0], reversed, err);
    text = list ? g_strdup(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN)) : NULL;
    json_object_put(list);
    nwfilter_def_free(def);
    return text;
}

static void
has(const char *match, gboolean reversed, const char *part)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = expressions(match, reversed, &err);

    if (!text)
        unit_fail("%s: %s\n", match, err->message);
    if (!strstr(text, part))
        unit_fail("%s: no %s in %s\n", match, part, text);
}

#define IS(op, protocol, field, right)                                                             \
    "{\"match\":{\"op\":\"" op "\",\"left\":{\"payload\":{\"protocol\":\"" protocol                \
    "\",\"field\":\"" field "\"}},\"right\":" right "}}"

static void
a_packet_must_be_of_its_protocol(void **state)
{
    has("<arp opcode='1'/>", FALSE, IS("==", "ether", "type", "2054"));
    has("<rarp opcode='1'/>", FALSE, IS("==", "ether", "type", "32821"));
    has("<ipv6/>", FALSE, IS("==", "ether", "type", "34525"));
    has("<tcp/>", FALSE, IS("==", "ether", "type", "2048"));
    has("<tcp/>", FALSE,
        "{\"match\":{\"op\":\"==\",\"left\":{\"meta\":{\"key\":\"l4proto\"}},\"right\":6}}");
    has("<stp/>", FALSE, IS("==", "ether", "daddr", "\"01:80:c2:00:00:00\""));
    g_autofree char *any = expressions("<mac/>", FALSE, NULL);
    assert_string_equal(any, "[]");
}

static void
addresses_are_of_a_network(void **state)
{
    has("<ip srcipaddr='10.7.3.4'/>", FALSE, IS("==", "ip", "saddr", "\"10.7.3.4\""));
    has("<ip srcipaddr='10.7.3.4' srcipmask='16'/>", FALSE,
        IS("==", "ip", "saddr", "{\"prefix\":{\"addr\":\"10.7.0.0\",\"len\":16}}"));
    has("<ipv6 dstipaddr='2001:db8::7' dstipmask='32'/>", FALSE,
        IS("==", "ip6", "daddr", "{\"prefix\":{\"addr\":\"2001:db8::\",\"len\":32}}"));
    has("<udp srcipfrom='10.0.0.1' srcipto='10.0.0.9'/>", FALSE,
        IS("==", "ip", "saddr", "{\"range\":[\"10.0.0.1\",\"10.0.0.9\"]}"));
    has("<arp arpsrcipaddr='10.0.0.1'/>", FALSE, "\"right\":167772161");
    has("<mac srcmacaddr='52:54:00:11:22:33' srcmacmask='ff:ff:ff:00:00:00'/>", FALSE,
        "\"right\":\"52:54:00:00:00:00\"");
}

static void
what_must_not_be_is_turned_around(void **state)
{
    has("<mac match='no' srcmacaddr='52:54:00:11:22:33'/>", FALSE,
        IS("!=", "ether", "saddr", "\"52:54:00:11:22:33\""));
    /* but of what protocol it is stays as it is */
    has("<udp match='no' dstportstart='68'/>", FALSE, IS("==", "ether", "type", "2048"));
    has("<udp match='no' dstportstart='68'/>", FALSE, IS("!=", "th", "dport", "68"));
}

static void
packets_of_the_other_way_have_their_ends_swapped(void **state)
{
    const char *match = "<tcp srcipaddr='10.0.0.1' dstportstart='22' dstportend='80'/>";

    has(match, FALSE, IS("==", "ip", "saddr", "\"10.0.0.1\""));
    has(match, FALSE, IS("==", "th", "dport", "{\"range\":[22,80]}"));
    has(match, TRUE, IS("==", "ip", "daddr", "\"10.0.0.1\""));
    has(match, TRUE, IS("==", "th", "sport", "{\"range\":[22,80]}"));
}

static void
what_nftables_cannot_is_named(void **state)
{
    static const char *const odd[][2] = {
        { "<all ipset='bad' ipsetflags='src'/>", "'ipset' (bad) of <all>" },
        { "<arp gratuitous='true'/>", "'gratuitous' (true) of <arp>" },
        { "<tcp option='77'/>", "'option' (77) of <tcp>" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
        g_autoptr(GError) err = NULL;
        g_autofree char *text = expressions(odd[i][0], FALSE, &err);
        assert_null(text);
        assert_true(err && err->code == ERR_CONFIG_UNSUPPORTED);
        if (!strstr(err->message, odd[i][1]))
            unit_fail("%s: %s\n", odd[i][0], err->message);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_must_be_of_its_protocol),
        cmocka_unit_test(addresses_are_of_a_network),
        cmocka_unit_test(what_must_not_be_is_turned_around),
        cmocka_unit_test(packets_of_the_other_way_have_their_ends_swapped),
        cmocka_unit_test(what_nftables_cannot_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
