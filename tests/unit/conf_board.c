/* Machines that are no PCs: what each refuses, with the code that clients know. Each case was asked
 * of libvirtd once. */
#include "unit.h"

#include "conf/conf.h"

typedef struct Host {
    const char *arch, *machine, *alias, *cpu;
    const char *devices[8];
} Host;

static const Host hosts[] = {
    { "aarch64", "virt-10.0", "virt", "cortex-a15", { "qemu-xhci", "pc-dimm", "pvpanic-pci" } },
    { "ppc64", "pseries-10.0", "pseries", "POWER10", { "qemu-xhci", "pc-dimm", "ich9-ahci" } },
    { "s390x", "s390-ccw-virtio-10.0", "s390-ccw-virtio", "qemu", { "vfio-ap", "vfio-ccw" } },
    { "riscv64", "virt", "virt", "rv64", { "qemu-xhci" } },
};

static EmulatorCaps *
caps_of(const Host *host)
{
    EmulatorCaps *caps = caps_new();
    MachineCaps *m = g_new0(MachineCaps, 1);

    caps->path = g_strdup_printf("/usr/bin/qemu-system-%s", host->arch);
    caps->arch = g_strdup(host->arch);
    caps->version = 10000000;
    caps->tcg = TRUE;
    m->name = g_strdup(host->machine);
    m->alias = g_strdup(host->alias);
    m->default_cpu = g_strdup(host->cpu);
    m->max_cpus = 64;
    m->is_default = TRUE;
    m->acpi = g_str_has_prefix(host->machine, "virt");
    g_ptr_array_add(caps->machines, m);
    for (gsize i = 0; i < G_N_ELEMENTS(host->devices) && host->devices[i]; i++)
        g_hash_table_add(caps->devices, g_strdup(host->devices[i]));
    return caps;
}

static const EmulatorCaps *
find_caps(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    (void)path, (void)arch, (void)virt_type, (void)err;
    return user;
}

enum { FINE = -1 };

typedef struct Case {
    const char *arch;
    int want;         /* Err, or FINE */
    const char *says; /* what the error must name */
    const char *xml;  /* within <domain>, or with @ in front within its <devices> */
} Case;

static DomainDef *
parse(const Host *host, const char *xml, GError **err)
{
    g_autoptr(EmulatorCaps) caps = caps_of(host);
    const ConfContext context = {
        .lookup = find_caps, .user = caps, .nvram_dir = "/nvram", .channel_dir = "/channel"
    };
    gboolean device = *xml == '@';
    g_autofree char *text = g_strdup_printf(
        "<domain type='qemu'><name>t</name><memory>262144</memory>%s<os><type arch='%s' "
        "machine='%s'>hvm</type></os><devices>%s</devices>%s</domain>",
        strstr(xml, "<vcpu") ? "" : "<vcpu>1</vcpu>", host->arch, host->alias,
        device ? xml + 1 : "", device ? "" : xml);

    return domain_parse(text, -1, 0, &context, err);
}

static const Host *
host_of(const char *arch)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        if (strcmp(hosts[i].arch, arch) == 0)
            return &hosts[i];
    g_assert_not_reached();
}

static void
try_case(const Case *c)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(DomainDef) def = parse(host_of(c->arch), c->xml, &err);

    if (c->want == FINE) {
        if (!def)
            unit_fail("%s: %s: refused: %s\n", c->arch, c->xml, err->message);
        return;
    }
    if (def)
        unit_fail("%s: %s: accepted\n", c->arch, c->xml);
    if (!error_is(err, (Err)c->want))
        unit_fail("%s: %s: code %d: %s\n", c->arch, c->xml, err->code, err->message);
    if (!strstr(err->message, c->says))
        unit_fail("%s: %s: '%s' is not in: %s\n", c->arch, c->xml, c->says, err->message);
}

#define UNSUPPORTED ERR_CONFIG_UNSUPPORTED
#define DISK(address)                                                                              \
    "<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/>" address  \
    "</disk>"
#define MDEV(model, more)                                                                          \
    "<hostdev mode='subsystem' type='mdev' model='" model "'><source><address "                    \
    "uuid='90c6c135-ad44-41d0-b1b7-bae47de48627'/></source>" more "</hostdev>"

static void
test_features(void **state)
{
    static const Case cases[] = {
        { "aarch64", FINE, "", "<features><gic version='3'/><ras state='on'/></features>" },
        { "riscv64", UNSUPPORTED, "gic", "<features><gic version='2'/></features>" },
        { "aarch64", UNSUPPORTED, "UEFI", "<features><acpi/></features>" },
        { "riscv64", FINE, "", "<features><acpi/><aia value='aplic'/></features>" },
        { "ppc64", UNSUPPORTED, "acpi", "<features><acpi/></features>" },
        { "ppc64", FINE, "", "<features><cfpc value='fixed'/><htm state='on'/></features>" },
        { "aarch64", UNSUPPORTED, "cfpc", "<features><cfpc value='fixed'/></features>" },
        { "ppc64", UNSUPPORTED, "aia", "<features><aia value='none'/></features>" },
        { "ppc64", UNSUPPORTED, "pmu", "<features><pmu state='off'/></features>" },
        { "s390x", UNSUPPORTED, "hyperv",
          "<features><hyperv><relaxed state='on'/></hyperv></features>" },
        { "aarch64", UNSUPPORTED, "vmport", "<features><vmport state='off'/></features>" },
        { "aarch64", UNSUPPORTED, "suspend-to-mem", "<pm><suspend-to-mem enabled='no'/></pm>" },
        { "aarch64", UNSUPPORTED, "sve",
          "<cpu><model>max</model><feature policy='disable' name='sve'/><feature "
          "policy='require' name='sve256'/></cpu>" },
        { "ppc64", UNSUPPORTED, "cores",
          "<vcpu current='3'>8</vcpu><cpu><topology sockets='2' cores='1' threads='4'/></cpu>" },
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        try_case(&cases[i]);
}

static void
test_addresses(void **state)
{
    static const Case cases[] = {
        { "s390x", FINE, "", "@" DISK("<address type='ccw' cssid='0xfe' ssid='0' devno='7'/>") },
        { "s390x", ERR_PLAIN, "all of", "@" DISK("<address type='ccw' cssid='0xfe'/>") },
        { "s390x", ERR_PLAIN, "cssid",
          "@" DISK("<address type='ccw' cssid='0xff' ssid='0' devno='7'/>") },
        { "aarch64", UNSUPPORTED, "ccw",
          "@" DISK("<address type='ccw' cssid='0xfe' ssid='0' devno='7'/>") },
        { "s390x", ERR_XML, "uid",
          "@" DISK("<address type='pci' slot='4'><zpci uid='0'/></address>") },
        { "s390x", FINE, "",
          "@" DISK("<address type='pci' slot='4'><zpci uid='0xffff' fid='0'/></address>") },
        { "aarch64", UNSUPPORTED, "zpci",
          "@" DISK("<address type='pci' bus='1' slot='0'><zpci uid='1'/></address>") },
        { "ppc64", UNSUPPORTED, "virtio-mmio", "@" DISK("<address type='virtio-mmio'/>") },
        { "ppc64", ERR_XML, "0x30002000",
          "@<serial type='pty'><address type='spapr-vio' reg='0x30002000'/></serial>"
          "<serial type='pty'><address type='spapr-vio' reg='0x30002000'/></serial>" },
        { "ppc64", UNSUPPORTED, "0xffffffff",
          "@<serial type='pty'><address type='spapr-vio' reg='0x100000000'/></serial>" },
        { "ppc64", UNSUPPORTED, "target index 31",
          "@<controller type='pci' index='1' model='pci-root'><target index='31'/></controller>" },
        { "ppc64", UNSUPPORTED, "0 goes with 0",
          "@<controller type='pci' index='1' model='pci-root'><target index='0'/></controller>" },
        { "aarch64", ERR_XML, "pcie-root", "@<controller type='pci' index='0' model='pci-root'/>" },
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        try_case(&cases[i]);
}

static void
test_devices(void **state)
{
    static const Case cases[] = {
        { "ppc64", UNSUPPORTED, "parallel", "@<parallel type='pty'/>" },
        { "aarch64", UNSUPPORTED, "IDE", "@<controller type='ide' index='0'/>" },
        { "s390x", UNSUPPORTED, "SATA", "@<controller type='sata' index='0'/>" },
        { "aarch64", UNSUPPORTED, "would be 'usb'", "@<input type='keyboard' bus='ps2'/>" },
        { "s390x", UNSUPPORTED, "would be 'virtio'", "@<input type='keyboard' bus='ps2'/>" },
        { "aarch64", FINE, "", "@<panic/>" },
        { "riscv64", UNSUPPORTED, "panic", "@<panic/>" },
        { "ppc64", UNSUPPORTED, "no address",
          "@<panic model='pseries'><address type='isa' iobase='0x505'/></panic>" },
        { "aarch64", UNSUPPORTED, "isa", "@<panic model='isa'/>" },
        { "s390x", FINE, "", "@" MDEV("vfio-ap", "") },
        { "s390x", UNSUPPORTED, "cannot boot", "@" MDEV("vfio-ap", "<boot order='1'/>") },
        { "s390x", UNSUPPORTED, "only one", "@" MDEV("vfio-ap", "") MDEV("vfio-ap", "") },
        { "aarch64", UNSUPPORTED, "vfio-ccw", "@" MDEV("vfio-ccw", "") },
        { "riscv64", UNSUPPORTED, "maxMemory", "<maxMemory slots='2'>524288</maxMemory>" },
        { "aarch64", UNSUPPORTED, "16550a",
          "@<serial type='pty'><target type='system-serial'><model name='16550a'/></target>"
          "</serial>" },
        { "aarch64", UNSUPPORTED, "nvram", "@<nvram/>" },
    };

    (void)state;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        try_case(&cases[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
