/* What is added to a definition: controllers, their order, and every device's seat. Each case was
 * asked of libvirtd once. */
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

static void
add_machine(const char *name, const char *alias)
{
    MachineCaps *m = g_new0(MachineCaps, 1);

    m->name = g_strdup(name);
    m->alias = g_strdup(alias);
    m->default_cpu = g_strdup("qemu64");
    m->max_cpus = 255;
    m->acpi = TRUE;
    m->is_default = strcmp(alias, "pc") == 0;
    g_ptr_array_add(caps->machines, m);
}

static int
make_caps(void **state)
{
    static const char *const devices[] = { "piix3-usb-uhci", "qemu-xhci",  "lsi53c895a",
                                           "rtl8139",        "cirrus-vga", "VGA",
                                           "virtio-gpu-pci" };

    (void)state;
    caps = caps_new();
    caps->path = g_strdup("/usr/bin/qemu-system-x86_64");
    caps->arch = g_strdup("x86_64");
    caps->tcg = TRUE;
    add_machine("pc-i440fx-10.0", "pc");
    add_machine("pc-q35-10.0", "q35");
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
define(const char *machine, const char *devices, GError **err)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='qemu'><name>t</name><memory>262144</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='%s'>hvm</type></os><features><acpi/></features>"
        "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>%s</devices></domain>",
        machine, devices);
    g_autoptr(DomainDef) def = domain_parse(xml, -1, DEF_BARE, &context, err);

    if (!def || !domain_fill(def, caps, &context, err))
        return NULL;
    return g_steal_pointer(&def);
}

/* ---- seats as text: "controller 01.0, disk 04.0" */

static void
put_address(GString *out, const Address *a)
{
    switch ((AddressType)a->type) {
    case ADDRESS_PCI:
        if (a->pci.bus)
            g_string_append_printf(out, "%u:", a->pci.bus);
        g_string_append_printf(out, "%x.%u%s", a->pci.slot, a->pci.function,
                               a->pci.multifunction == ON ? "+" : "");
        break;
    case ADDRESS_USB:
        g_string_append_printf(out, "usb%u-%s", a->usb.bus, a->usb.port);
        break;
    case ADDRESS_DRIVE:
        g_string_append_printf(out, "%u:%u:%u", a->drive.controller, a->drive.bus, a->drive.unit);
        break;
    case ADDRESS_VIRTIO_SERIAL:
        g_string_append_printf(out, "port%u:%u", a->vserial.controller, a->vserial.port);
        break;
    case ADDRESS_CCID:
        g_string_append_printf(out, "ccid%u:%u", a->ccid.controller, a->ccid.slot);
        break;
    default:
        g_string_append(out, "-");
    }
}

static gboolean
put_seat(DeviceInfo *info, const Schema *schema, gpointer device, gpointer user)
{
    const ControllerDef *c = schema == &controller_schema ? device : NULL;
    GString *out = user;

    if (info->address.type == ADDRESS_NONE && !c)
        return TRUE;
    if (out->len > 0)
        g_string_append(out, ", ");
    if (c)
        g_string_append_printf(out, "%s%u", word_of(controller_types, c->type), c->index);
    else
        g_string_append(out, schema->name);
    if (info->address.type != ADDRESS_NONE) {
        g_string_append_c(out, ' ');
        put_address(out, &info->address);
    }
    return TRUE;
}

static char *
seats(DomainDef *def)
{
    GString *out = g_string_new(NULL);

    domain_each_device(def, put_seat, out);
    return g_string_free(out, FALSE);
}

/* ---- cases */

#define BARE       "<controller type='usb' model='none'/><memballoon model='none'/>"
#define NET(model) "<interface type='user'><model type='" model "'/></interface>"
#define NET_AT(model, bus, slot)                                                                   \
    "<interface type='user'><model type='" model "'/><address type='pci' bus='" bus                \
    "' slot='" slot "'/></interface>"
#define DISK(target, bus)                                                                          \
    "<disk type='file' device='disk'><source file='/i'/><target dev='" target "' bus='" bus        \
    "'/></disk>"
#define PCI(index, model) "<controller type='pci' index='" index "' model='" model "'/>"
#define SCSI(model)       "<controller type='scsi' model='" model "'/>"
#define TABLET            "<input type='tablet' bus='usb'/>"

typedef struct Case {
    const char *name, *machine, *devices;
    const char *seats; /* NULL: refused */
    const char *error;
} Case;

static const Case cases[] = {
    { "an empty board", "pc", "", "usb0 1.2, pci0, memballoon 2.0", NULL },
    { "an empty express board: ports for two, one to spare", "q35", "",
      "usb0 1:0.0, sata0 1f.2, pci0, pci1 1.0+, pci2 1.1, pci3 1.2, memballoon 2:0.0", NULL },
    { "no port where nobody needs one", "q35", BARE, "usb0, sata0 1f.2, pci0", NULL },
    { "written ports are enough", "q35",
      BARE PCI("0", "pcie-root") PCI("1", "pcie-root-port") NET("virtio"),
      "usb0, pci0, pci1 1.0, sata0 1f.2, interface 1:0.0", NULL },
    { "a conventional card needs a bridge on a port", "q35", BARE NET("e1000"),
      "usb0, sata0 1f.2, pci0, pci1 1.0+, pci2 1:0.0, pci3 1.1, interface 2:1.0", NULL },
    { "bridges up to the bus that is named", "q35", BARE NET_AT("e1000", "3", "5"),
      "usb0, sata0 1f.2, pci0, pci1 1.0+, pci2 1:0.0, pci3 2:1.0, pci4 1.1, interface 3:5.0",
      NULL },
    { "ports up to the bus that is named", "q35", BARE NET_AT("virtio", "3", "0"),
      "usb0, sata0 1f.2, pci0, pci1 1.0+, pci2 1.1, pci3 1.2, interface 3:0.0", NULL },
    { "a port that carries a bridge", "q35", BARE NET_AT("e1000", "1", "5"),
      "usb0, sata0 1f.2, pci0, pci1 1.0+, pci2 1:0.0, pci3 1.1, interface 2:5.0", NULL },
    { "the first card's slot", "q35", BARE "<video><model type='vga'/></video>",
      "usb0, sata0 1f.2, pci0, video 1.0", NULL },
    { "the first card's slot is taken", "pc",
      BARE NET_AT("virtio", "0", "2") NET("virtio") "<video><model type='vga'/></video>",
      "usb0, pci0, interface 2.0, interface 4.0, video 3.0", NULL },
    { "functions of one slot", "q35",
      BARE PCI("0", "pcie-root")
          NET_AT("virtio", "0",
                 "5") "<interface type='user'><model type='virtio'/><address type='pci' slot='5' "
                      "function='3'/></interface>",
      "usb0, pci0, sata0 1f.2, interface 5.0+, interface 5.3", NULL },
    { "two cards in one seat", "pc", BARE NET_AT("virtio", "0", "5") NET_AT("virtio", "0", "5"),
      NULL, "Attempted double use of PCI Address 0000:00:05.0" },
    { "the board's own seat", "pc", BARE NET_AT("virtio", "0", "1"), NULL,
      "Attempted double use of PCI Address 0000:00:01.0" },
    { "a USB 2 controller on the board", "q35",
      "<memballoon model='none'/><controller type='usb' index='0' model='ich9-uhci1'/>"
      "<controller type='usb' index='0' model='ich9-ehci1'/>",
      "usb0 1d.7, usb0 1d.0+, sata0 1f.2, pci0", NULL },
    { "numbers and order", "pc",
      BARE SCSI("lsilogic") "<controller type='scsi' index='0' model='virtio-scsi'/>" SCSI(
          "am53c974"),
      "usb0, scsi0 3.0, scsi1 2.0, scsi2 4.0, pci0", NULL },
    { "controllers for disks", "pc",
      BARE DISK("sdh", "scsi") DISK("hdb", "ide") DISK("fda", "fdc") DISK("sdb", "sata"),
      "disk 1:0:0, disk 0:0:1, disk 0:0:0, disk 0:0:1, usb0, pci0, scsi0 2.0, scsi1 3.0, fdc0, "
      "ide0 1.1, sata0 4.0",
      NULL },
    { "one IDE controller", "pc", BARE DISK("hde", "ide"), NULL,
      "Only 1 IDE controller is supported" },
    { "disks in order on their bus", "pc",
      BARE DISK("vdb", "virtio") DISK("sdb", "scsi") DISK("vda", "virtio") DISK("sda", "scsi"),
      "disk 3.0, disk 4.0, disk 0:0:0, disk 0:0:1, usb0, pci0, scsi0 2.0", NULL },
    { "a disk whose name tells the bus has its seat first and stands with the others", "pc",
      BARE "<disk type='file'><source file='/i'/><target dev='vdb'/></disk>" DISK("sda", "scsi")
          DISK("vda", "virtio"),
      "disk 4.0, disk 3.0, disk 0:0:0, usb0, pci0, scsi0 2.0", NULL },
    { "no name of a disk", "pc", BARE DISK("vd{", "virtio"), NULL,
      "Unknown disk name 'vd{' and no address specified" },
    { "ports of a USB controller", "pc", TABLET TABLET,
      "usb0 1.2, pci0, input usb0-1, input usb0-2, memballoon 2.0", NULL },
    { "a hub when they run out", "pc", TABLET TABLET TABLET,
      "usb0 1.2, pci0, input usb0-2, input usb0-1.1, input usb0-1.2, hub usb0-1, memballoon 2.0",
      NULL },
    { "USB is off", "pc", BARE TABLET, NULL,
      "USB is disabled for this domain, but USB devices are present in the domain XML" },
    { "no hub there", "pc",
      "<input type='tablet' bus='usb'><address type='usb' bus='0' port='1.3'/></input>", NULL,
      "there is no hub at port 1 in USB address bus: 0 port: 1.3" },
    { "channels", "pc",
      BARE "<controller type='virtio-serial' index='0' ports='2'/>"
           "<channel type='pty'><target type='virtio' name='a'/></channel>"
           "<channel type='pty'><target type='virtio' name='b'/></channel>",
      "usb0, virtio-serial0 2.0, virtio-serial1 3.0, pci0, channel port0:1, channel port1:1",
      NULL },
};

static void
test_seats(void **state)
{
    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        g_autoptr(GError) err = NULL;
        g_autoptr(DomainDef) def = define(c->machine, c->devices, &err);
        g_autofree char *got = def ? seats(def) : NULL;

        if (g_strcmp0(got, c->seats) != 0)
            unit_fail("%s: %s\n  not %s\n", c->name, got ? got : err->message, c->seats);
        if (c->error && g_strcmp0(err->message, c->error) != 0)
            unit_fail("%s: %s\n", c->name, err->message);
    }
}

/* The root's 30 slots, then a bridge that takes one of them. */
static void
test_full_bus(void **state)
{
    static const struct {
        guint cards;
        const char *last;
    } counts[] = { { 28, "1e.0" }, { 29, "1:1.0" }, { 58, "1:1e.0" }, { 60, "2:2.0" } };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autoptr(GString) devices = g_string_new("<controller type='usb' model='none'/>");
        g_autoptr(GError) err = NULL;
        g_autoptr(DomainDef) def = NULL;
        g_autoptr(GString) at = g_string_new(NULL);

        for (guint n = 0; n < counts[i].cards; n++)
            g_string_append(devices, NET("e1000"));
        def = define("pc", devices->str, &err);
        assert_non_null(def);
        put_address(at, &def->devices.balloon->info.address);
        assert_string_equal(at->str, counts[i].last);
    }
}

static void
test_twice_is_once(void **state)
{
    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(DomainDef) def = define(cases[i].machine, cases[i].devices, NULL);
        g_autofree char *once = NULL, *twice = NULL;

        if (!def)
            continue;
        once = domain_format(def, 0);
        assert_true(domain_fill(def, caps, &context, NULL));
        twice = domain_format(def, 0);
        assert_string_equal(once, twice);
    }
}

/* Rules that ask the machine's row come before the architecture is filled in. */
static void
test_no_arch(void **state)
{
    static const char xml[] =
        "<domain type='qemu'><name>t</name><memory>262144</memory>"
        "<os><type machine='q35'>hvm</type></os>"
        "<devices><controller type='pci' index='5' model='pcie-root'/></devices></domain>";
    g_autoptr(GError) err = NULL;

    (void)state;
    assert_null(domain_parse(xml, -1, 0, &context, &err));
    assert_non_null(strstr(err->message, "index 5"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seats),
        cmocka_unit_test(test_full_bus),
        cmocka_unit_test(test_twice_is_once),
        cmocka_unit_test(test_no_arch),
    };

    return cmocka_run_group_tests(tests, make_caps, drop_caps);
}
