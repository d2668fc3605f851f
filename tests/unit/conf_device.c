/* One device more, less, or changed: which one is meant, and what becomes of the definition. The
 * answers were asked of libvirtd once. */
#include "unit.h"

#include "conf/conf.h"

static EmulatorCaps *caps;

static const EmulatorCaps *
find_caps(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    (void)path, (void)arch, (void)virt_type, (void)user, (void)err;
    return caps;
}

static const ConfContext context = { .lookup = find_caps,
                                     .nvram_dir = "/nvram",
                                     .channel_dir = "/channel" };

static int
make_caps(void **state)
{
    static const char *const devices[] = { "piix3-usb-uhci", "lsi53c895a", "rtl8139", "VGA",
                                           "AC97",           "virtio-rng" };
    MachineCaps *m = g_new0(MachineCaps, 1);

    (void)state;
    caps = caps_new();
    caps->path = g_strdup("/usr/bin/qemu-system-x86_64");
    caps->arch = g_strdup("x86_64");
    caps->tcg = TRUE;
    *m = (MachineCaps){ .name = g_strdup("pc-i440fx-10.0"),
                        .alias = g_strdup("pc"),
                        .default_cpu = g_strdup("qemu64"),
                        .max_cpus = 255,
                        .acpi = TRUE,
                        .is_default = TRUE };
    g_ptr_array_add(caps->machines, m);
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
        g_hash_table_add(caps->devices, g_strdup(devices[i]));
    return 0;
}

static int
drop_caps(void **state)
{
    (void)state;
    g_clear_pointer(&caps, caps_free);
    return 0;
}

static DomainDef *
define(const char *devices)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='qemu'><name>t</name><memory>262144</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
        "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>%s</devices></domain>",
        devices);
    g_autoptr(GError) err = NULL;
    DomainDef *def = domain_parse(xml, -1, 0, &context, &err);

    if (!def)
        unit_fail("%s: %s", devices, err->message);
    return def;
}

typedef enum Verb { ATTACH, DETACH, UPDATE } Verb;

/* Changes *def; gives the wire's number of the error, 0 when it went well. */
static int
change(DomainDef **def, Verb verb, const char *xml)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(DomainDef) changed = NULL;
    Device device = { 0 };
    WireError wire;
    int code = 0;

    if (device_parse(xml, -1, 0, &device, &err))
        changed = verb == ATTACH   ? domain_attach(*def, &device, &context, &err)
                  : verb == DETACH ? domain_detach(*def, &device, &context, &err)
                                   : domain_update(*def, &device, &context, &err);
    device_done(&device);
    if (changed) {
        domain_free(*def);
        *def = g_steal_pointer(&changed);
    } else {
        error_to_wire(err, &wire);
        code = wire.code;
        wire_error_done(&wire);
    }
    return code;
}

#define DISK(file, dev)                                                                            \
    "<disk type='file'><source file='" file "'/><target dev='" dev "' bus='virtio'/></disk>"
#define NET(mac, rest) "<interface type='user'><mac address='" mac "'/>" rest "</interface>"
#define MAC_1          "52:54:00:00:00:01"
#define MAC_2          "52:54:00:00:00:02"

static char *
targets(const DomainDef *def)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; def->devices.disks && i < def->devices.disks->len; i++)
        g_string_append_printf(text, "%s ", ((DiskDef *)def->devices.disks->pdata[i])->target);
    return g_string_free(text, FALSE);
}

static void
disks_stand_in_order(void **state)
{
    g_autoptr(DomainDef) def = define(DISK("/a", "vda") DISK("/c", "vdc"));
    g_autofree char *two = NULL, *three = NULL;

    (void)state;
    assert_int_equal(change(&def, ATTACH, DISK("/b", "vdb")), 0);
    assert_int_equal(change(&def, ATTACH, DISK("/x", "vdb")), 55);
    three = targets(def);
    assert_string_equal(three, "vda vdb vdc ");
    assert_int_equal(change(&def, DETACH, "<disk><target dev='vda'/></disk>"), 0);
    assert_int_equal(change(&def, DETACH, "<disk><target dev='vda'/></disk>"), 99);
    two = targets(def);
    assert_string_equal(two, "vdb vdc ");
}

static void
usb_is_switched_off_by_number(void **state)
{
    g_autoptr(DomainDef) def = define("");
    g_autoptr(DomainDef) again = NULL;
    g_autofree char *xml = NULL;
    g_autoptr(GError) err = NULL;

    (void)state;
    assert_int_equal(change(&def, ATTACH, "<controller type='usb' model='none'/>"), 0);
    assert_int_equal(change(&def, ATTACH, "<controller type='usb' model='none'/>"), 35);
    assert_int_equal(change(&def, ATTACH, "<input type='tablet' bus='usb'/>"), 67);
    xml = domain_format(def, 0);
    again = domain_parse(xml, -1, 0, &context, &err);
    if (!again)
        unit_fail("%s: %s", xml, err->message);
    assert_true(domain_equal(def, again));
}

/* A refused change leaves nothing of itself. */
static void
refused_changes_change_nothing(void **state)
{
    static const struct {
        Verb verb;
        int code;
        const char *xml;
    } rows[] = {
        { ATTACH, 55, DISK("/x", "vda") },
        { UPDATE, 8, DISK("/x", "vdz") },
        { ATTACH, 27, "<sound model='ac97'><address type='pci' slot='1'/></sound>" },
        { ATTACH, 84, "<graphics type='vnc'/>" },
        { ATTACH, 84, "<console type='pty'/>" },
        { ATTACH, 67, "<smartcard mode='host'/>" },
        { ATTACH, 67,
          "<smartcard mode='host'><address type='ccid' controller='1' slot='0'/></smartcard>" },
        { ATTACH, 84,
          "<smartcard mode='host'><address type='ccid' controller='0' slot='0'/></smartcard>" },
        { UPDATE, 67, "<smartcard mode='host'/>" },
        { DETACH, 84, "<smartcard mode='host'/>" },
        { DETACH, 55, "<console type='pty'/>" },
        { DETACH, 8, "<serial type='pty'/>" },
        { DETACH, 9, "<vsock/>" },
        { UPDATE, 84, "<sound model='ac97'/>" },
        { ATTACH, 67, "<redirfilter><usbdev allow='no'/></redirfilter>" },
        { ATTACH, 1, "<controller type='pci' index='1' model='pci-bridge'/>" },
        { ATTACH, 35, "<memory model='dimm'><target><size>1024</size></target></memory>" },
        { ATTACH, 35, "<disk" },
    };
    g_autoptr(DomainDef) def = define(DISK("/a", "vda") "<serial type='pty'/>");
    g_autofree char *before = domain_format(def, 0);

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int code = change(&def, rows[i].verb, rows[i].xml);
        g_autofree char *after = domain_format(def, 0);

        if (code != rows[i].code)
            unit_fail("%s: %d, not %d", rows[i].xml, code, rows[i].code);
        assert_string_equal(before, after);
    }
}

static void
interfaces_are_told_apart(void **state)
{
    g_autoptr(DomainDef) def = define(NET(MAC_1, "") NET(MAC_2, "") NET(MAC_2, ""));
    const NetDef *last = def->devices.nets->pdata[2];
    g_autofree char *seat = g_strdup_printf(NET(MAC_2, "<address type='pci' slot='%u'/>"),
                                            last->info.address.pci.slot);

    (void)state;
    assert_int_equal(change(&def, DETACH, NET("52:54:00:00:00:03", "")), 99);
    assert_int_equal(change(&def, DETACH, NET(MAC_2, "")), 9);
    assert_int_equal(change(&def, DETACH, seat), 0);
    assert_int_equal(change(&def, DETACH, seat), 99);
    assert_int_equal(change(&def, DETACH, NET(MAC_2, "")), 0);
    assert_int_equal(change(&def, DETACH, "<interface type='user'/>"), 0);
    assert_null(def->devices.nets);
}

static void
an_update_keeps_the_seat(void **state)
{
    g_autoptr(DomainDef) def = define(NET(MAC_1, "<address type='pci' slot='9'/>"));
    const NetDef *net;

    (void)state;
    assert_int_equal(change(&def, UPDATE, NET(MAC_1, "<model type='virtio'/><link state='down'/>")),
                     0);
    net = def->devices.nets->pdata[0];
    assert_int_equal(net->info.address.pci.slot, 9);
    assert_int_equal(net->link_state, 2);
    assert_string_equal(net->model, "virtio");
}

static void
an_update_keeps_the_order(void **state)
{
    g_autoptr(DomainDef) def = define(DISK("/a", "vda") DISK("/b", "vdb") DISK("/c", "vdc"));
    g_autofree char *order = NULL;

    (void)state;
    assert_int_equal(
        change(&def, UPDATE, "<disk type='file'><source file='/new'/><target dev='vdb'/></disk>"),
        0);
    order = targets(def);
    assert_string_equal(order, "vda vdb vdc ");
}

static void
consoles_follow_serials(void **state)
{
    g_autoptr(DomainDef) def = define("<serial type='pty'/>");

    (void)state;
    assert_int_equal(def->devices.consoles->len, 1);
    assert_int_equal(change(&def, DETACH, "<serial type='pty'><target port='0'/></serial>"), 0);
    assert_null(def->devices.consoles);
    assert_int_equal(change(&def, ATTACH, "<serial type='pty'/>"), 0);
    assert_int_equal(def->devices.consoles->len, 1);
}

static void
aliases_name_devices(void **state)
{
    g_autoptr(DomainDef) def = define("<sound model='ac97'><alias name='ua-s'/></sound>");
    g_autoptr(DomainDef) without = domain_detach_alias(def, "ua-s", &context, NULL);
    g_autoptr(GError) err = NULL;

    (void)state;
    assert_non_null(without);
    assert_null(without->devices.sounds);
    assert_null(domain_detach_alias(without, "ua-s", &context, &err));
    assert_true(error_is(err, ERR_PLAIN));
}

static void
live_devices_are_known_by_their_aliases(void **state)
{
    g_autoptr(DomainDef) less = define(DISK("/a", "vda") DISK("/c", "vdc"));
    g_autoptr(DomainDef) more = define(DISK("/a", "vda") DISK("/b", "vdb") DISK("/c", "vdc"));
    static const char *const names[] = { "d0", "d1", "d2" };
    g_autoptr(GArray) missing = NULL;
    g_autofree char *order = NULL;
    Device found;

    (void)state;
    for (guint i = 0; i < 3; i++)
        ((DiskDef *)more->devices.disks->pdata[i])->info.alias = g_strdup(names[i]);
    ((DiskDef *)less->devices.disks->pdata[0])->info.alias = g_strdup("d0");
    ((DiskDef *)less->devices.disks->pdata[1])->info.alias = g_strdup("d2");
    missing = domain_missing(less, more);
    assert_int_equal(missing->len, 1);
    assert_string_equal(device_alias(&g_array_index(missing, Device, 0)), "d1");
    domain_add_missing(less, more);
    domain_add_missing(less, more); /* twice is as once */
    order = targets(less);
    assert_string_equal(order, "vda vdb vdc ");
    assert_true(domain_find_alias(less, "d1", &found));
    assert_ptr_equal(found.schema, &disk_schema);
    domain_remove_alias(less, "d1");
    assert_false(domain_find_alias(less, "d1", NULL));
    domain_remove_alias(less, "d0");
    domain_remove_alias(less, "d2");
    assert_null(less->devices.disks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks_stand_in_order),
        cmocka_unit_test(usb_is_switched_off_by_number),
        cmocka_unit_test(refused_changes_change_nothing),
        cmocka_unit_test(interfaces_are_told_apart),
        cmocka_unit_test(an_update_keeps_the_seat),
        cmocka_unit_test(an_update_keeps_the_order),
        cmocka_unit_test(consoles_follow_serials),
        cmocka_unit_test(aliases_name_devices),
        cmocka_unit_test(live_devices_are_known_by_their_aliases),
    };

    return cmocka_run_group_tests(tests, make_caps, drop_caps);
}
