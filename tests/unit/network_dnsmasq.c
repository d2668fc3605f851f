/* What dnsmasq(8) is told of a network, and what its file of leases says: no process, no link. */
#include "unit.h"

#include <netinet/in.h>

#include "network/network_priv.h"

static Paths paths;
static char *root;
static Network network;

static int
set_up(void **state)
{
    root = g_dir_make_tmp("vmd-unit-XXXXXX", NULL);
    paths_init_system(&paths, root);
    assert_true(paths_make(&paths, NULL));
    network_paths = &paths;
    memset(network.obj.uuid, 7, UUID_LEN);
    network.obj.name = (char *)"n";
    return 0;
}

static int
tear_down(void **state)
{
    g_clear_pointer(&network.live, network_free);
    assert_true(dir_remove(root, NULL));
    paths_done(&paths);
    g_clear_pointer(&root, g_free);
    return 0;
}

static void
is_live(const char *inside)
{
    g_autofree char *xml = g_strdup_printf(
        "<network><name>n</name><bridge name='br-n'/>%s</network>", inside);
    g_autoptr(GError) err = NULL;

    g_clear_pointer(&network.live, network_free);
    network.live = network_parse(xml, -1, 0, &err);
    if (!network.live)
        unit_fail("%s: %s\n", xml, err->message);
}

/* Whether the configuration has that line. */
static gboolean
says(const char *line)
{
    g_autofree char *conf = dnsmasq_conf(&network);
    g_auto(GStrv) lines = g_strsplit(conf, "\n", -1);

    return g_strv_contains((const char *const *)lines, line);
}

static void
addresses_are_served(void **state)
{
    is_live(
        "<forward mode='nat'/><ip address='10.7.0.1' netmask='255.255.0.0'><dhcp>"
        "<range start='10.7.1.0' end='10.7.1.9'><lease expiry='12' unit='hours'/></range></dhcp></ip>");
    assert_true(dnsmasq_is_wanted(network.live));
    assert_true(says("interface=br-n"));
    assert_true(says("except-interface=lo"));
    assert_true(says("bind-dynamic"));
    assert_true(says("dhcp-range=10.7.1.0,10.7.1.9,12h"));
    assert_false(says("dhcp-option=3")); /* it has a router to tell */
    assert_false(says("no-resolv"));
    is_live("<ip address='10.7.0.1' prefix='24'><dhcp><host mac='52:54:00:00:00:01' ip='10.7.0.9'/>"
            "</dhcp></ip>");
    assert_true(says("dhcp-range=10.7.0.1,static"));
    assert_true(says("dhcp-option=3"));
    assert_true(says("no-resolv"));
}

static void
addresses_of_ipv6_are_served(void **state)
{
    is_live("<ip family='ipv6' address='2001:db8:7::1' prefix='64'/>");
    assert_true(says("dhcp-range=2001:db8:7::1,ra-only"));
    assert_true(says("ra-param=*,0,0"));
    is_live("<forward mode='route'/><ip family='ipv6' address='2001:db8:7::1' prefix='64'><dhcp>"
            "<range start='2001:db8:7::100' end='2001:db8:7::1ff'/></dhcp></ip>");
    assert_true(says("dhcp-range=2001:db8:7::100,2001:db8:7::1ff,64"));
    assert_true(says("enable-ra"));
    assert_false(says("ra-param=*,0,0"));
}

static void
names_are_served_or_not(void **state)
{
    is_live(
        "<domain name='lab.example' localOnly='yes'/><dns forwardPlainNames='no'>"
        "<forwarder domain='example.net' addr='203.0.113.9' port='5353'/><txt name='about' value='a lab'/>"
        "<srv service='ldap' protocol='tcp' target='dir.lab.example' port='389' priority='1' weight='2'/>"
        "<host ip='10.7.0.5'><hostname>printer</hostname><hostname>paper</hostname></host></dns>"
        "<ip address='10.7.0.1' prefix='16' localPtr='yes'/>");
    assert_true(says("domain=lab.example"));
    assert_true(says("local=/lab.example/"));
    assert_true(says("domain-needed"));
    assert_true(says("server=/example.net/203.0.113.9#5353"));
    assert_true(says("txt-record=about,a lab"));
    assert_true(says("srv-host=_ldap._tcp.lab.example,dir.lab.example,389,1,2"));
    assert_true(says("local=/7.10.in-addr.arpa/"));
    g_autofree char *names = dnsmasq_names(network.live);
    assert_string_equal(names, "10.7.0.5\tprinter\tpaper\n");
    is_live("<dns enable='no'/><ip address='10.7.0.1' prefix='24'/>");
    assert_false(dnsmasq_is_wanted(network.live));
    assert_true(says("port=0"));
}

static void
reservations_are_lines_of_a_file(void **state)
{
    is_live("<ip address='10.7.0.1' prefix='24'><dhcp>"
            "<host mac='52:54:00:77:00:01' name='one' ip='10.7.0.11'><lease expiry='0'/></host>"
            "<host name='two' ip='10.7.0.12'/></dhcp></ip>"
            "<ip family='ipv6' address='2001:db8:7::1' prefix='64'><dhcp>"
            "<host id='0:1:a:b' name='six' ip='2001:db8:7::66'/></dhcp></ip>");
    g_autofree char *hosts = dnsmasq_hosts(network.live);
    assert_string_equal(hosts, "52:54:00:77:00:01,10.7.0.11,one,infinite\n"
                               "10.7.0.12,two\n"
                               "id:0:1:a:b,six,[2001:db8:7::66]\n");
}

/* ---- what it has lent */

static GPtrArray *
lent(const char *text, const char *mac)
{
    g_autofree char *path = network_state(&network, "leases"), *folder = g_path_get_dirname(path);
    GPtrArray *leases;

    assert_true(dir_make(folder, 0700, NULL));
    assert_true(g_file_set_contents(path, text, -1, NULL));
    leases = network_leases(&network, mac, NULL);
    assert_non_null(leases);
    return leases;
}

static void
leases_are_read(void **state)
{
    const char *text = "4102444800 52:54:00:00:00:01 10.7.0.20 one 01:52:54:00:00:00:01\n"
                       "0 52:54:00:00:00:02 10.7.0.21 * *\n"
                       "100 52:54:00:00:00:03 10.7.0.22 past *\n"
                       "duid 00:01:00:01\n"
                       "4102444800 1234 2001:db8:7::9 six 00:01:02\n";

    is_live("<ip address='10.7.0.1' netmask='255.255.0.0'/>"
            "<ip family='ipv6' address='2001:db8:7::1' prefix='64'/>");
    g_autoptr(GPtrArray) all = lent(text, NULL), one = lent(text, "52:54:00:00:00:01");
    assert_int_equal(all->len, 3);
    assert_int_equal(one->len, 1);
    const NetworkLease *first = one->pdata[0], *second = all->pdata[1], *six = all->pdata[2];
    assert_string_equal(first->address, "10.7.0.20");
    assert_string_equal(first->hostname, "one");
    assert_int_equal(first->prefix, 16);
    assert_int_equal(second->expiry, 0);
    assert_null(second->hostname);
    assert_null(second->clientid);
    assert_true(six->v6);
    assert_null(six->mac);
    assert_string_equal(six->iaid, "1234");
    assert_int_equal(six->prefix, 64);
}

/* The file is another program's. */
static void
what_is_no_lease_is_read_over(void **state)
{
    static const char *const texts[] = { "",
                                         "\n\n\n",
                                         "duid",
                                         "x y z",
                                         "1 2 3 4",
                                         " 1 2 3 4 5\n",
                                         "-1 2 3 4 5\n",
                                         "* * * * *\n",
                                         "\x01\xff",
                                         "1",
                                         "duid \nduid \n",
                                         "12345" };

    is_live("<ip address='10.7.0.1' prefix='24'/>");
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GPtrArray) leases = lent(texts[i], NULL);
        assert_int_equal(leases->len, 0);
    }
}

static void
one_that_is_not_active_has_none(void **state)
{
    g_autoptr(GError) err = NULL;

    assert_null(network_leases(&network, NULL, &err));
    assert_true(err && err->code == ERR_OPERATION_INVALID);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_served),
        TEST(addresses_of_ipv6_are_served),
        TEST(names_are_served_or_not),
        TEST(reservations_are_lines_of_a_file),
        TEST(leases_are_read),
        TEST(what_is_no_lease_is_read_over),
        TEST(one_that_is_not_active_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
