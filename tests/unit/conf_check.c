/* Rules: each refuses what it is about, with the code that clients know and a text that names the
 * culprit, and lets its neighbour pass. Each case was asked of libvirtd once. */
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
    static const char *const devices[] = { "piix3-usb-uhci",   "qemu-xhci", "lsi53c895a",
                                           "ich9-ahci",        "VGA",       "pc-dimm",
                                           "nvdimm",           "tpm-tis",   "tpm-crb",
                                           "virtio-gpu-device" };

    (void)state;
    caps = caps_new();
    caps->path = g_strdup("/usr/bin/qemu-system-x86_64");
    caps->arch = g_strdup("x86_64");
    caps->tcg = caps->kvm = TRUE;
    add_machine("pc-i440fx-10.0", "pc");
    add_machine("pc-q35-10.0", "q35");
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
        g_hash_table_add(caps->devices, g_strdup(devices[i]));
    g_hash_table_add(caps->features, g_strdup("vnc"));
    g_hash_table_add(caps->features, g_strdup("swtpm"));
    return 0;
}

static int
drop_caps(void **state)
{
    (void)state;
    g_clear_pointer(&caps, caps_free);
    return 0;
}

/* ---- cases */

enum { FINE = -1 };

typedef struct Case {
    int want;         /* Err, or FINE */
    const char *says; /* what the error must name */
    const char *xml;  /* within <domain>, or with @ in front within its <devices> */
} Case;

static char *
document(const char *machine, const char *xml)
{
    gboolean device = *xml == '@';

    return g_strdup_printf(
        "<domain type='qemu'><name>t</name>%s%s<os><type arch='x86_64' machine='%s'>hvm</type>"
        "</os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>%s</devices>%s</domain>",
        strstr(xml, "<memory>") ? "" : "<memory>262144</memory>",
        strstr(xml, "<vcpu") ? "" : "<vcpu>4</vcpu>", machine, device ? xml + 1 : "",
        device ? "" : xml);
}

static void
try_case(const char *machine, const Case *c)
{
    g_autofree char *xml = document(machine, c->xml);
    g_autoptr(GError) err = NULL;
    g_autoptr(DomainDef) def = domain_parse(xml, -1, 0, &context, &err);

    if (c->want == FINE) {
        if (!def)
            unit_fail("%s: refused: %s\n", c->xml, err->message);
        return;
    }
    if (def)
        unit_fail("%s: accepted\n", c->xml);
    if (!error_is(err, (Err)c->want) && !(c->want == ERR_XML && error_is(err, ERR_XML_VALUE)))
        unit_fail("%s: code %d: %s\n", c->xml, err->code, err->message);
    if (!strstr(err->message, c->says))
        unit_fail("%s: '%s' is not in: %s\n", c->xml, c->says, err->message);
}

static void
try_cases(const char *machine, const Case *cases, gsize n)
{
    for (gsize i = 0; i < n; i++)
        try_case(machine, &cases[i]);
}
#define TRY(machine, cases) try_cases(machine, cases, G_N_ELEMENTS(cases))

#define UNSUPPORTED ERR_CONFIG_UNSUPPORTED

/* Elements said twice, and what is none of the elements that a closed one takes. */
static void
test_twice(void **state)
{
    static const Case cases[] = {
        { ERR_XML, "numatune", "<numatune/><numatune/>" },
        { ERR_XML, "resource", "<resource/><resource/>" },
        { ERR_PLAIN, "vcpupin 0",
          "<cputune><vcpupin vcpu='0' cpuset='0'/></cputune><cputune><vcpupin vcpu='0' "
          "cpuset='0'/></cputune>" },
        { ERR_XML, "cell 0 is there twice",
          "<cpu><numa><cell id='0' cpus='0' memory='1024'/></numa></cpu>"
          "<cpu><numa><cell id='0' cpus='1' memory='1024'/></numa></cpu>" },
        { FINE, "",
          "<cpu><numa><cell id='0' cpus='0' memory='1024'/></numa><numa><cell id='0' cpus='1' "
          "memory='1024'/></numa></cpu>" },
        { UNSUPPORTED, "'warp' is no feature (line 1)", "<features><warp/></features>" },
        { UNSUPPORTED, "Hyper-V", "<features><hyperv><warp state='on'/></hyperv></features>" },
        { UNSUPPORTED, "KVM", "<features><kvm><warp state='on'/></kvm></features>" },
        { ERR_XML, "unknown", "<features><msrs/></features>" },
        { ERR_PLAIN, "at least one", "<vcpu>0</vcpu>" },
        { ERR_XML, "'vcpu'", "<vcpu/>" },
    };

    (void)state;
    TRY("pc", cases);
}

static void
test_the_name_is_missed_first(void **state)
{
    static const char *const nameless[] = {
        "<domain/>", "<domain type='none'/>", "<domain type='qemu'><name/><uuid>x</uuid></domain>",
        "<domain><memory>1</memory><os><type>hvm</type></os></domain>"
    };

    for (gsize i = 0; i < G_N_ELEMENTS(nameless); i++) {
        g_autoptr(GError) err = NULL;

        assert_null(domain_parse(nameless[i], -1, 0, &context, &err));
        assert_true(error_is(err, ERR_NO_NAME));
    }
}

/* Only QEMU of x86-64 has a word for it. */
static void
test_migratable(void **state)
{
    static const Case other[] = {
        { UNSUPPORTED, "migratable", "<cpu mode='host-passthrough' migratable='on'/>" },
        { FINE, "", "<cpu mode='host-passthrough' migratable='off'/>" },
        { FINE, "", "<cpu mode='host-passthrough'/>" },
    };
    static const Case x86_64[] = {
        { FINE, "", "<cpu mode='host-passthrough' migratable='on'/>" },
    };
    char *arch = caps->arch;

    TRY("pc", x86_64);
    caps->arch = (char *)"i686";
    TRY("pc", other);
    caps->arch = arch;
}

static void
test_domain(void **state)
{
    static const Case cases[] = {
        { FINE, "", "" },
        { ERR_XML, "line break", "<title>a\nb</title>" },
        { ERR_XML, "no memory", "<memory>0</memory>" },
        { ERR_XML, "maxMemory", "<maxMemory slots='2'>1000</maxMemory>" },
        { UNSUPPORTED, "min_guarantee", "<memtune><min_guarantee>1</min_guarantee></memtune>" },
        { UNSUPPORTED, "anonymous",
          "<memoryBacking><hugepages/><source type='anonymous'/></memoryBacking>" },
        { ERR_XML_DETAIL, "whole domain",
          "<memoryBacking><hugepages><page size='2' unit='M'/><page size='1' unit='G'/>"
          "</hugepages></memoryBacking>" },
        { ERR_XML_DETAIL, "cell 1",
          "<memoryBacking><hugepages><page size='2' unit='M' nodeset='1'/></hugepages>"
          "</memoryBacking>" },
        { UNSUPPORTED, "/dev/sda",
          "<blkiotune><device><path>/dev/sda</path><weight>200</weight></device><device><path>/dev/sda</path><weight>200</weight>"
          "</device></blkiotune>" },
        { UNSUPPORTED, "hpt", "<features><hpt resizing='enabled'/></features>" },
        { UNSUPPORTED, "TSEG",
          "<features><smm state='on'><tseg unit='MiB'>16</tseg></smm></features>" },
        { ERR_XML, "1000", "<features><kvm><dirty-ring state='on' size='1000'/></kvm></features>" },
        { ERR_XML, "4094",
          "<features><hyperv><spinlocks state='on' retries='4094'/></hyperv></features>" },
        { FINE, "",
          "<features><hyperv><spinlocks state='on' retries='4095'/></hyperv></features>" },
        { UNSUPPORTED, "preserve", "<on_reboot>preserve</on_reboot>" },
        { UNSUPPORTED, "on_reboot",
          "<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>" },
        { ERR_XML_DETAIL, "13/01/2020",
          "<sysinfo type='smbios'><bios><entry name='date'>13/01/2020</entry></bios></sysinfo>" },
        { UNSUPPORTED, "opt/ovmf/a",
          "<sysinfo type='fwcfg'><entry name='opt/ovmf/a'>v</entry></sysinfo>" },
        { UNSUPPORTED, "bootloader", "<bootloader>/b</bootloader>" },
        { UNSUPPORTED, "bootloader 'x'", "<bootloader_args>x</bootloader_args>" },
        { FINE, "", "<bootloader_args/>" },
        { ERR_XML_DETAIL, "not that of the domain",
          "<uuid>11111111-2222-3333-4444-555555555501</uuid><sysinfo type='smbios'><system><entry "
          "name='uuid'>11111111-2222-3333-4444-555555555502</entry></system></sysinfo>" },
        { FINE, "",
          "<uuid>aaaaaaaa-2222-3333-4444-555555555501</uuid><sysinfo type='smbios'><system><entry "
          "name='uuid'> AAAAAAAA222233334444555555555501</entry></system></sysinfo>" },
        { UNSUPPORTED, "uid", "<idmap><uid start='0' target='1' count='1'/></idmap>" },
        { ERR_XML, "model", "<seclabel/>" },
        { ERR_XML, "label", "<seclabel type='static' model='dac'/>" },
        { ERR_XML, "cmt",
          "<perf><event name='cmt' enabled='yes'/><event name='cmt' enabled='yes'/></perf>" },
        { UNSUPPORTED, "sev", "<launchSecurity type='sev'><policy>1</policy></launchSecurity>" },
    };

    (void)state;
    TRY("pc", cases);
}

static void
test_clock(void **state)
{
    static const Case cases[] = {
        { UNSUPPORTED, "platform", "<clock offset='utc'><timer name='platform'/></clock>" },
        { UNSUPPORTED, "pit",
          "<clock offset='utc'><timer name='pit' tickpolicy='merge'/></clock>" },
        { FINE, "", "<clock offset='utc'><timer name='pit' tickpolicy='delay'/></clock>" },
        { UNSUPPORTED, "track", "<clock offset='utc'><timer name='rtc' track='boot'/></clock>" },
        { FINE, "", "<clock offset='utc'><timer name='rtc' track='wall'/></clock>" },
        { UNSUPPORTED, "frequency",
          "<clock offset='utc'><timer name='hpet' frequency='1'/></clock>" },
        { FINE, "", "<clock offset='utc'><timer name='tsc' frequency='1'/></clock>" },
        { ERR_XML, "catchup",
          "<clock offset='utc'><timer name='rtc' tickpolicy='delay'><catchup slew='1'/></timer>"
          "</clock>" },
        { UNSUPPORTED, "kvmclock",
          "<clock offset='utc'><timer name='kvmclock' tickpolicy='delay'><catchup limit='1'/>"
          "</timer></clock>" },
        { ERR_XML, "catchup",
          "<clock offset='utc'><timer name='platform'><catchup limit='1'/></timer></clock>" },
        { FINE, "", "<clock offset='utc'><timer name='hpet'><catchup/></timer></clock>" },
        { FINE, "", "<clock offset='variable' adjustment='x'/>" },
        { FINE, "", "<clock offset='utc' adjustment=''/>" },
        { UNSUPPORTED, "253402300800", "<clock offset='absolute' start='253402300800'/>" },
        { ERR_XML, "'x'", "<clock offset='utc' adjustment='x'/>" },
    };

    (void)state;
    TRY("pc", cases);
}

#define TWO_CELLS                                                                                  \
    "<cell id='0' cpus='0-1' memory='131072'/><cell id='1' cpus='2-3' memory='131072'/>"

static void
test_processors(void **state)
{
    static const Case cases[] = {
        { UNSUPPORTED, "256", "<vcpu>256</vcpu>" },
        { UNSUPPORTED, "'current' is 3", "<vcpu current='3'>2</vcpu>" },
        { UNSUPPORTED, "seats for 2", "<cpu><topology sockets='1' cores='2' threads='1'/></cpu>" },
        { FINE, "", "<cpu><topology sockets='2' cores='2' threads='1'/></cpu>" },
        { ERR_XML, "<model>", "<cpu mode='custom'><feature name='vmx'/></cpu>" },
        { ERR_XML, "vmx",
          "<cpu><model>qemu64</model><feature policy='require' name='vmx'/><feature "
          "policy='disable' name='vmx'/></cpu>" },
        { ERR_XML, "short", "<cpu><model vendor_id='short'>qemu64</model></cpu>" },
        { UNSUPPORTED, "migratable", "<cpu mode='host-model' migratable='on'/>" },
        { UNSUPPORTED, "level 3", "<cpu><model>qemu64</model><cache mode='emulate'/></cpu>" },
        { UNSUPPORTED, "bits",
          "<cpu><model>qemu64</model><maxphysaddr mode='passthrough' bits='42'/></cpu>" },
        { ERR_PLAIN, "vcpu 7",
          "<cpu><numa><cell id='0' cpus='0-7' memory='262144'/></numa></cpu>" },
        { UNSUPPORTED, "share",
          "<cpu><numa><cell id='0' cpus='0-2' memory='131072'/><cell id='1' cpus='2-3' "
          "memory='131072'/></numa></cpu>" },
        { ERR_XML, "cell 2",
          "<cpu><numa><cell id='0' cpus='0-1' memory='131072'/><cell id='2' cpus='2-3' "
          "memory='131072'/></numa></cpu>" },
        { ERR_XML, "cell 7",
          "<cpu><numa><cell id='0' cpus='0-3' memory='262144'><distances><sibling id='7' "
          "value='20'/></distances></cell></numa></cpu>" },
        { ERR_XML, "cell 5",
          "<cpu><numa>" TWO_CELLS "<interconnects><latency initiator='5' target='0' "
          "type='access' value='5'/></interconnects></numa></cpu>" },
        { UNSUPPORTED, "hotpluggable",
          "<vcpu current='1'>2</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/><vcpu "
          "id='1' enabled='no' hotpluggable='no'/></vcpus>" },
    };

    (void)state;
    TRY("pc", cases);
}

static void
test_tuning(void **state)
{
    static const Case cases[] = {
        { ERR_XML, "iothread 1",
          "<iothreadids><iothread id='1'/><iothread id='1'/></iothreadids>" },
        { UNSUPPORTED, "thread_pool_max",
          "<iothreadids><iothread id='1' thread_pool_min='5' thread_pool_max='3'/></iothreadids>" },
        { ERR_PLAIN, "vcpupin 0",
          "<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='0' cpuset='1'/></cputune>" },
        { UNSUPPORTED, "iothread 1", "<cputune><iothreadpin iothread='1' cpuset='0'/></cputune>" },
        { FINE, "",
          "<iothreads>1</iothreads><cputune><iothreadpin iothread='1' cpuset='0'/></cputune>" },
        { UNSUPPORTED, "global_period", "<cputune><global_period>999</global_period></cputune>" },
        { FINE, "", "<cputune><global_period>1000</global_period></cputune>" },
        { ERR_XML_DETAIL, "vcpusched",
          "<cputune><vcpusched vcpus='0-1' scheduler='idle'/><vcpusched vcpus='1' "
          "scheduler='batch'/></cputune>" },
        { ERR_XML, "cache 0",
          "<cputune><cachetune vcpus='0-1'><cache id='0' level='3' type='code' size='3'/><cache "
          "id='0' level='3' type='both' size='3'/></cachetune></cputune>" },
        { UNSUPPORTED, "kvm",
          "<cputune><memorytune vcpus='0'><node id='0' bandwidth='20'/></memorytune></cputune>" },
        { UNSUPPORTED, "nodeset", "<numatune><memory mode='strict'/></numatune>" },
        { ERR_XML, "<numa>",
          "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>" },
        { ERR_XML, "restrictive",
          "<numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' mode='restrictive' "
          "nodeset='0'/></numatune><cpu><numa>" TWO_CELLS "</numa></cpu>" },
    };

    (void)state;
    TRY("pc", cases);
}

#define DISK(attributes, inner) "<disk type='file' " attributes ">" inner "</disk>"
#define FILE_A                  "<source file='/a'/>"
#define VDA                     FILE_A "<target dev='vda' bus='virtio'/>"
#define SDA                     FILE_A "<target dev='sda' bus='scsi'/>"
#define DRIVE_0                 "<address type='drive' controller='0' bus='0' target='0' unit='0'/>"

static void
test_disks(void **state)
{
    static const Case cases[] = {
        { FINE, "", "@" DISK("", VDA) },
        { ERR_NO_TARGET, "/a", "@" DISK("", FILE_A) },
        { ERR_NO_SOURCE, "vda", "@" DISK("", "<target dev='vda' bus='virtio'/>") },
        { ERR_XML, "bogus", "@" DISK("", FILE_A "<target dev='bogus' bus='virtio'/>") },
        { UNSUPPORTED, "vda1", "@" DISK("", FILE_A "<target dev='vda1' bus='virtio'/>") },
        { ERR_PLAIN, "2048th", "@" DISK("", FILE_A "<target dev='sdaaaa' bus='scsi'/>") },
        { ERR_XML, "vda", "@" DISK("", VDA) DISK("", VDA) },
        { ERR_PLAIN, "fdc", "@" DISK("", FILE_A "<target dev='hda' bus='fdc'/>") },
        { UNSUPPORTED, "cdrom", "@" DISK("device='cdrom'", VDA) },
        { UNSUPPORTED, "readonly",
          "@" DISK("", FILE_A "<target dev='hda' bus='ide'/><readonly/>") },
        { FINE, "", "@" DISK("", SDA "<readonly/>") },
        { ERR_PLAIN, "a,b", "@" DISK("", VDA "<serial>a,b</serial>") },
        { UNSUPPORTED, "vendor", "@" DISK("", VDA "<vendor>abc</vendor>") },
        { UNSUPPORTED, "wwn", "@" DISK("", VDA "<wwn>5000c50015ea71ac</wwn>") },
        { UNSUPPORTED, "queues", "@" DISK("", "<driver name='qemu' queues='2'/>" SDA) },
        { UNSUPPORTED, "directsync", "@" DISK("", "<driver name='qemu' io='native'/>" VDA) },
        { FINE, "", "@" DISK("", "<driver name='qemu' io='native' cache='none'/>" VDA) },
        { UNSUPPORTED, "qcow2",
          "@" DISK("", "<driver name='qemu' type='qcow2'/>" VDA "<shareable/>") },
        { UNSUPPORTED, "'cow'", "@" DISK("", "<driver name='qemu' type='cow'/>" VDA) },
        { UNSUPPORTED, "iothread 5", "@" DISK("", "<driver name='qemu' iothread='5'/>" VDA) },
        { ERR_XML, "total_bytes_sec",
          "@" DISK("", VDA "<iotune><total_bytes_sec>5</total_bytes_sec><read_bytes_sec>5"
                           "</read_bytes_sec></iotune>") },
        { ERR_XML, "'g'",
          "@" DISK("", VDA "<throttlefilters><throttlefilter group='g'/></throttlefilters>") },
        { UNSUPPORTED, "lun", "@" DISK("device='lun'", SDA) },
        { UNSUPPORTED, "sda",
          "@" DISK("", SDA DRIVE_0) DISK("", FILE_A "<target dev='sdb' bus='scsi'/>" DRIVE_0) },
        { UNSUPPORTED, "virtio", "@" DISK("", VDA DRIVE_0) },
        { UNSUPPORTED, "shared memory",
          "@<disk type='vhostuser'><source type='unix' path='/s'/><target dev='vda' "
          "bus='virtio'/></disk>" },
    };

    (void)state;
    TRY("pc", cases);
}

#define LUN(type, source)                                                                          \
    "@<controller type='scsi' model='virtio-scsi'/><disk type='" type "' device='lun'>" source     \
    "<target dev='sda' bus='scsi'/></disk>"
#define DRIVE(type, source)                                                                        \
    "@<disk type='" type "' device='cdrom'>" source "<target dev='hda'/></disk>"

/* Sources that say nothing, and names that say more than they should. */
static void
test_drives(void **state)
{
    static const Case cases[] = {
        { FINE, "", LUN("block", "<source/>") },
        { UNSUPPORTED, "'lun'", LUN("block", "") },
        { UNSUPPORTED, "'lun'", LUN("file", "<source/>") },
        { FINE, "", DRIVE("dir", "") },
        { UNSUPPORTED, "'fat'", DRIVE("dir", "<source/>") },
        { ERR_XML, "'protocol'", DRIVE("network", "<source/>") },
        { ERR_XML, "'dev'", DRIVE("vhostvdpa", "<source/>") },
        { FINE, "", "@<disk type='volume'><source/><target dev='hda'/></disk>" },
        { ERR_NO_SOURCE, "hda", "@<disk type='block'><source/><target dev='hda'/></disk>" },
        { ERR_XML, "'source'",
          "@<disk type='file'><source file='/a'/><backingStore type='file'><format type='raw'/>"
          "</backingStore><target dev='hda'/></disk>" },
        { FINE, "", "@" DISK("", FILE_A "<target dev='sda' removable='off'/>") },
        { ERR_XML, "removable",
          "@" DISK("device='cdrom'", FILE_A "<target dev='sda' removable='on'/>") },
        { ERR_XML, "removable",
          "@" DISK("", FILE_A "<target dev='sda' bus='sata' removable='on'/>") },
        { FINE, "", "@" DISK("", FILE_A "<target dev='ioemu:hda'/>") },
        { ERR_XML, "target",
          "@" DISK("", FILE_A "<target dev='ioemu:hda'/>") DISK("", FILE_A "<target dev='hda'/>") },
        { ERR_XML, "''", "@" DISK("", FILE_A "<target dev='ioemu:'/>") },
    };

    (void)state;
    TRY("pc", cases);
}

#define NETWORK(attributes, inner)                                                                 \
    "@<disk type='network'><source protocol=" attributes ">" inner "</source><target dev='vda' "   \
    "bus='virtio'/></disk>"

static void
test_servers(void **state)
{
    static const Case cases[] = {
        { FINE, "", NETWORK("'nbd'", "<host name='h'/>") },
        { ERR_XML, "name", NETWORK("'iscsi'", "<host name='h'/>") },
        { ERR_XML, "POOL/IMAGE", NETWORK("'rbd' name='a'", "<host name='h'/>") },
        { UNSUPPORTED, "sheepdog", NETWORK("'sheepdog' name='a'", "<host name='h'/>") },
        { UNSUPPORTED, "exactly one", NETWORK("'nfs' name='a'", "") },
        { ERR_XML, "socket", NETWORK("'nbd'", "<host transport='unix'/>") },
        { ERR_INVALID_ARG, "'x'", NETWORK("'nbd'", "<host name='h' port='x'/>") },
        { ERR_INVALID_ARG, "65536", NETWORK("'nbd'", "<host name='h' port='65536'/>") },
        { FINE, "", NETWORK("'nbd'", "<host name='h' port=' +1'/>") },
        { FINE, "", NETWORK("'http' name=''", "<host name='h'/>") },
        { ERR_XML, "POOL/IMAGE", NETWORK("'gluster' name='/a/b'", "<host name='h'/>") },
        { UNSUPPORTED, "'port'", NETWORK("'nfs' name='a'", "<host name='h' port='1'/>") },
        { UNSUPPORTED, "ceph",
          NETWORK("'iscsi' name='a/1'", "<host name='h'/><auth username='u'><secret type='ceph' "
                                        "usage='s'/></auth>") },
        { ERR_XML, "twice",
          NETWORK("'http' name='a'", "<host name='h'/><cookies><cookie name='c'>1</cookie><cookie "
                                     "name='c'>2</cookie></cookies>") },
    };

    (void)state;
    TRY("pc", cases);
}

#define TPM(model, attributes, inner)                                                              \
    "@<tpm model='tpm-" model "'><backend type='emulator' " attributes ">" inner "</backend></tpm>"

static void
test_tpms(void **state)
{
    static const Case cases[] = {
        { FINE, "", TPM("crb", "", "") },
        { UNSUPPORTED, "tpm-crb", TPM("crb", "version='1.2'", "") },
        { ERR_XML, "version", TPM("tis", "version='default'", "") },
        { FINE, "", TPM("tis", "", "<active_pcr_banks/><profile name='p'/><source path='/s'/>") },
        { ERR_XML, "'profile'", TPM("tis", "version='1.2'", "<profile source='p'/>") },
        { ERR_XML, "'profile'", TPM("tis", "", "<profile source=''/>") },
        { ERR_XML, "banks", TPM("tis", "", "<active_pcr_banks><sha1/></active_pcr_banks>") },
        { UNSUPPORTED, "'md5'",
          TPM("tis", "version='2.0'", "<active_pcr_banks><sha1/><md5/></active_pcr_banks>") },
        { ERR_XML, "'path'", TPM("tis", "", "<source type='dir'/>") },
    };

    (void)state;
    TRY("q35", cases);
}

#define LABEL(attributes, inner) "<seclabel " attributes ">" inner "</seclabel>"

static void
test_seclabels(void **state)
{
    static const Case cases[] = {
        { FINE, "", LABEL("type='none'", "<label>l</label><baselabel>b</baselabel>") },
        { UNSUPPORTED, "'none'", LABEL("type='none' model='none' relabel='yes'", "") },
        { UNSUPPORTED, "'dynamic'",
          LABEL("type='dynamic' relabel='no'", "<baselabel>b</baselabel>") },
        { FINE, "", LABEL("type='dynamic'", "<label>l</label>") },
        { ERR_XML, "'model'", LABEL("type='dynamic'", "<baselabel>b</baselabel>") },
        { ERR_XML, "<label>", LABEL("type='static' model='dac'", "<baselabel>b</baselabel>") },
        { FINE, "", LABEL("type='static' model='none'", "") },
    };

    (void)state;
    TRY("pc", cases);
}

#define LEASE(inner) "@<lease>" inner "<target path='/l'/></lease>"
#define FS(type, inner)                                                                            \
    "@<filesystem type='" type "'>" inner "<source dir='/s'/><target dir='t'/></filesystem>"

static void
test_leases_and_filesystems(void **state)
{
    static const Case cases[] = {
        { ERR_PLAIN, "'lockspace'", LEASE("<key>k</key>") },
        { ERR_PLAIN, "'lockspace'", LEASE("<lockspace></lockspace><key>k</key>") },
        { ERR_XML, "'key'", LEASE("<lockspace/>") },
        { ERR_PLAIN, "containers", FS("mount", "<driver type='nbd'/>") },
        { ERR_PLAIN, "containers", FS("bind", "<driver type='loop'/>") },
        { UNSUPPORTED, "'mount'", FS("bind", "<driver type='handle'/>") },
        { ERR_XML, "usage", FS("ram", "") },
        { FINE, "", FS("mount", "<driver type='path' queue='x'/>") },
        { ERR_XML, "queue", FS("mount", "<driver type='virtiofs' queue='x'/>") },
    };

    (void)state;
    TRY("pc", cases);
}

static void
test_controllers(void **state)
{
    static const Case pc[] = {
        { ERR_XML, "'scsi'",
          "@<controller type='scsi' index='0'/><controller type='scsi' "
          "index='0'/>" },
        { UNSUPPORTED, "index 1", "@<controller type='ide' index='1'/>" },
        { UNSUPPORTED, "buslogic", "@<controller type='scsi' index='0' model='buslogic'/>" },
        { UNSUPPORTED, "ich6", "@<controller type='sata' index='0' model='ich6'/>" },
        { UNSUPPORTED, "16", "@<controller type='usb' index='0' model='qemu-xhci' ports='16'/>" },
        { ERR_XML_DETAIL, "master", "@<controller type='usb' index='0' model='ich9-uhci1'/>" },
        { UNSUPPORTED, "none",
          "@<controller type='usb' index='0' model='none'/><hub type='usb'/>" },
        { ERR_XML_DETAIL, "none",
          "@<controller type='usb' model='none'/><controller type='usb'/>" },
        { ERR_XML_DETAIL, "none",
          "@<controller type='usb' model='none'/><controller type='usb' model='none'/>" },
        { ERR_XML_DETAIL, "none",
          "@<controller type='usb' index='1' model='none'/><controller type='usb' index='2' "
          "model='none'/>" },
        { UNSUPPORTED, "none",
          "@<controller type='usb' index='1' model='none'/><input type='tablet' bus='usb'/>" },
        { ERR_XML, "pci-root", "@<controller type='pci' index='0' model='pcie-root'/>" },
        { UNSUPPORTED, "q35", "@<controller type='pci' index='1' model='pcie-expander-bus'/>" },
        { UNSUPPORTED, "chassis",
          "@<controller type='pci' index='1' model='pci-bridge'><target chassis='1'/>"
          "</controller>" },
        { UNSUPPORTED, "queues",
          "@<controller type='scsi' index='0' model='lsilogic'><driver queues='2'/>"
          "</controller>" },
    };
    static const Case q35[] = {
        { UNSUPPORTED, "IDE", "@<controller type='ide' index='0'/>" },
        { ERR_XML, "pcie-root", "@<controller type='pci' index='0' model='pci-root'/>" },
        { UNSUPPORTED, "i440fx", "@<controller type='pci' index='1' model='pci-expander-bus'/>" },
        { ERR_XML, "NUMA",
          "@<controller type='pci' index='1' model='pcie-expander-bus'><target busNr='200'>"
          "<node>0</node></target></controller>" },
    };

    (void)state;
    TRY("pc", pc);
    TRY("q35", q35);
}

#define NET(inner) "<interface type='user'><model type='virtio'/>" inner "</interface>"

static void
test_devices(void **state)
{
    static const Case cases[] = {
        { UNSUPPORTED, "boot order 1", "@" NET("<boot order='1'/>") NET("<boot order='1'/>") },
        { ERR_XML, "'scsi'",
          "@" NET("<boot order='1'/>")
              NET("<boot order='1'/>") "<controller type='scsi' index='0'/>"
                                       "<controller type='scsi' index='0'/>" },
        { ERR_XML, "one iommu",
          "@" NET("<boot order='1'/>") NET("<boot order='1'/>") "<iommu model='intel'/>"
                                                                "<iommu model='intel'/>" },
        { UNSUPPORTED, "ua-x", "@" NET("<alias name='ua-x'/>") NET("<alias name='ua-x'/>") },
        { UNSUPPORTED, "rom", "@" NET("<rom enabled='no' file='/r'/>") },
        { UNSUPPORTED, "unassigned", "@" NET("<address type='unassigned'/>") },
        { UNSUPPORTED, "ACPI", "@<input type='tablet' bus='usb'><acpi index='5'/></input>" },
        { ERR_XML, "'usb'", "@<input type='tablet' bus='usb'><address type='drive'/></input>" },
        { ERR_XML, "taken",
          "@<channel type='pty'><target type='virtio' name='a'/><address type='virtio-serial' "
          "controller='0' bus='0' port='1'/></channel><channel type='pty'><target type='virtio' "
          "name='b'/><address type='virtio-serial' controller='0' bus='0' port='1'/></channel>" },
        { ERR_XML, "port 31",
          "@<channel type='pty'><target type='virtio' name='a'/><address type='virtio-serial' "
          "controller='0' bus='0' port='31'/></channel>" },
    };

    (void)state;
    TRY("pc", cases);
}

#define NIC(type, inner) "@<interface type='" type "'>" inner "</interface>"
#define TABLET(port)     "@<input type='tablet' bus='usb'><address type='usb' port='" port "'/></input>"
#define DIMM(size)       "<memory model='dimm'><target><size>" size "</size></target></memory>"

#define HOST_NIC(source, seat)                                                                     \
    "@<interface type='hostdev'><source>" source "</source>" seat "</interface>"
#define CACHETUNE(vcpus, more)                                                                     \
    "<cputune><cachetune vcpus='" vcpus "'><cache id='0' level='3' type='both' size='3' "          \
    "unit='MiB'/>" more "</cachetune></cputune>"

static void
test_parts(void **state)
{
    static const Case cases[] = {
        { FINE, "", NIC("ethernet", "<target dev='t' managed='no'/>") },
        { UNSUPPORTED, "'bridge'",
          NIC("bridge", "<source bridge='b'/><target dev='t' managed='no'/>") },
        { ERR_XML, "switchid", NIC("vds", "<source switchid='x'/>") },
        { FINE, "", TABLET("0") },
        { FINE, "", TABLET("1.0") },
        { ERR_PLAIN, "port", TABLET("") },
        { ERR_PLAIN, "port", TABLET("1.") },
        { ERR_PLAIN, "port", TABLET("1.1.1.1.1") },
        { ERR_PLAIN, "port", TABLET("4294967296") },
        { UNSUPPORTED, "one head", "@<video><model type='vga' heads='0'/></video>" },
        { FINE, "", "@<video><model type='none' heads='2'/></video>" },
        { UNSUPPORTED, "'rom'",
          "@<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source><rom bar='on'/></hostdev>" },
        { FINE, "",
          "@<parallel type='pty'><target port='1'/></parallel><parallel type='pty'><target "
          "port='1'/></parallel>" },
        { ERR_PLAIN, "port 1",
          "@<serial type='pty'><target type='isa-serial' port='1'/></serial><serial "
          "type='pty'><target type='isa-serial' port='1'/></serial>" },
        { ERR_PLAIN, "isa", "@<controller type='isa'/>" },
        { UNSUPPORTED, "'ccid'",
          "@<smartcard mode='host'><address type='pci' bus='0' slot='5'/></smartcard>" },
        { UNSUPPORTED, "controller 1",
          "@<smartcard mode='host'><address type='ccid' controller='1' slot='0'/></smartcard>" },
        { ERR_XML, "pstore",
          "@<pstore backend='acpi-erst'><path>/p</path><size>0</size></pstore>" },
        { ERR_XML, "cell 1",
          "<cpu><numa><cell id='0' cpus='0' memory='1024'/><cell cpus='1' memory='1024'/><cell "
          "id='1' cpus='2' memory='1024'/></numa></cpu>" },
        { FINE, "",
          "@<channel type='pty'><target type='virtio' name='c'/><address type='virtio-serial' "
          "controller='65536' bus='0' port='1'/></channel>" },
        { ERR_PLAIN, "controller 65536",
          "@<disk type='file'><source file='/a'/><target dev='sda' bus='scsi'/><address "
          "type='drive' controller='65536' bus='0' target='0' unit='0'/></disk>" },
        { ERR_XML, "'index'", "@<controller type='scsi' index='2147483648'/>" },
        { FINE, "", HOST_NIC("<address type='usb' bus='1' device='2'/>", "") },
        { ERR_XML, "'device'", HOST_NIC("<address type='usb' bus='1'/>", "") },
        { UNSUPPORTED, "'drive'", HOST_NIC("<address type='drive'/>", "") },
        { UNSUPPORTED, "'usb'",
          HOST_NIC("<address type='usb' bus='1' device='2'/>", "<address type='pci' slot='7'/>") },
        { ERR_PLAIN, "'pci'",
          HOST_NIC("<address type='pci' bus='1' slot='1'/>",
                   "<address type='usb' bus='0' port='1'/>") },
        { UNSUPPORTED, "USB devices",
          HOST_NIC("<address type='usb' bus='1' device='2'/>", "") "<controller type='usb' "
                                                                   "model='none'/>" },
        { UNSUPPORTED, "SGX",
          "@<memory model='sgx-epc'><target><size unit='MiB'>16</size></target></memory></devices>"
          "<maxMemory slots='4' unit='GiB'>4</maxMemory><devices>" },
        { ERR_XML, "label",
          "@<memory model='nvdimm'><source><path>/n</path></source><target><size>0</size></target>"
          "</memory></devices><maxMemory slots='4' unit='GiB'>4</maxMemory><devices>" },
        { UNSUPPORTED, "'aio'",
          "@<filesystem><driver type='loop' format='aio'/><source dir='/b'/><target "
          "dir='x'/></filesystem>" },
        { ERR_XML, "'abc'", CACHETUNE("abc", "") },
        { ERR_XML, "empty", CACHETUNE("", "") },
        { ERR_XML, "'0-'", CACHETUNE("0", "<monitor level='3' vcpus='0-'/>") },
        { ERR_XML, "'x'",
          "<cputune><memorytune vcpus='x'><node id='0' bandwidth='60'/></memorytune></cputune>" },
        { ERR_XML, "free port",
          "@<controller type='virtio-serial' index='0' ports='1'/><channel type='pty'><target "
          "type='virtio' name='c'/><address type='virtio-serial' controller='0' bus='0'/>"
          "</channel>" },
        { UNSUPPORTED, "password", "@<graphics type='vnc' passwd='123456789'/>" },
        { UNSUPPORTED, "'order'",
          "<vcpu current='2'>3</vcpu><vcpus><vcpu id='0' enabled='yes' order='1'/><vcpu id='1' "
          "enabled='yes'/></vcpus>" },
        { ERR_XML, "same device",
          "@<interface type='hostdev'><source><address type='pci' bus='3' slot='7'/></source>"
          "</interface><interface type='hostdev'><source><address type='pci' bus='3' slot='7'/>"
          "</source></interface>" },
        { ERR_XML, "prefix", NIC("user", "<ip family='ipv4' address='10.0.0.2' prefix='1'/>") },
        { ERR_XML, "'key'", "@<lease><target path='/p'/></lease>" },
        { UNSUPPORTED, "'iscsi'",
          "@<hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.x/1'><host "
          "name='h'/><auth username='u'><secret type='ceph' usage='s'/></auth></source>"
          "</hostdev>" },
        { UNSUPPORTED, "ps2",
          "<features><ps2 state='off'/></features><devices><input type='mouse' bus='ps2'/>"
          "</devices>" },
        { ERR_XML_DETAIL, "'dac' is there twice",
          "@<serial type='file'><source path='/s'><seclabel model='dac' relabel='no'/><seclabel "
          "model='dac' relabel='no'/></source></serial>" },
        { ERR_INVALID_ARG, "empty", "<numatune><memory nodeset='&#9;'/></numatune>" },
        { UNSUPPORTED, "ncr53c90", "@<controller type='scsi' model='ncr53c90'/>" },
        { ERR_XML, "larger", "@" DIMM("262145") },
        { ERR_XML, "take all of <memory>", "@" DIMM("262144") },
        { ERR_XML, "iothreads", "<iothreads>4294967295</iothreads>" },
    };

    (void)state;
    TRY("pc", cases);
}

/* What is judged before the machine is known. */
static void
test_without_arch(void **state)
{
    static const char xml[] =
        "<domain type='qemu'><name>t</name><memory>262144</memory><os><type>hvm</type></os>"
        "<devices><controller type='pci' index='3' model='pci-root'/></devices></domain>";
    g_autoptr(GError) err = NULL;

    (void)state;
    assert_null(domain_parse(xml, -1, 0, &context, &err));
    assert_true(error_is(err, ERR_XML));
}

/* What says nothing is not kept: what is defined from the dump is the same. */
static void
test_what_is_kept(void **state)
{
    static const struct {
        const char *xml, *kept, *dropped;
    } cases[] = {
        { TPM("crb", "", "<active_pcr_banks/><source path='/s'/>"),
          "<backend type='emulator' "
          "version='2.0'/>",
          "pcr" },
        { TPM("crb", "",
              "<active_pcr_banks><sha1/></active_pcr_banks><active_pcr_banks><sha512/>"
              "</active_pcr_banks>"),
          "<sha512/>", "sha256" },
        { TPM("tis", "", "<profile removeDisabled='check'/>"), "'1.2'", "profile" },
        { TPM("tis", "", "<profile name='p'/>"), "<profile name='p'/>", "removeDisabled" },
        { "@<video><model type='virtio' heads='0'/></video>", "type='virtio'", "heads" },
        { "@<video><model type='vga'/></video>", "heads='1'", "heads='0'" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = document("q35", cases[i].xml), *dump = NULL;
        g_autoptr(GError) err = NULL;
        g_autoptr(DomainDef) def = domain_parse(xml, -1, 0, &context, &err);

        if (!def)
            unit_fail("%s: refused: %s\n", cases[i].xml, err->message);
        dump = domain_format(def, 0);
        if (!strstr(dump, cases[i].kept) || strstr(dump, cases[i].dropped))
            unit_fail("%s: dumped as %s\n", cases[i].xml, dump);
    }
}

/* A moment later it may not be known, as its file has to be looked at again. */
static const EmulatorCaps *
find_caps_once(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    guint *asked = user;

    return (*asked)++ == 0 ? find_caps(path, arch, virt_type, NULL, err) : NULL;
}

static void
an_emulator_is_asked_for_once(void **state)
{
    guint asked = 0;
    ConfContext once = context;
    g_autoptr(GError) err = NULL;
    g_autoptr(DomainDef) def = NULL;

    once.lookup = find_caps_once;
    once.user = &asked;
    def = domain_parse("<domain type='qemu'><name>m</name><memory>65536</memory><os>"
                       "<type arch='x86_64' machine='q35'>hvm</type></os></domain>",
                       -1, 0, &once, &err);
    assert_null(err);
    assert_non_null(def);
    assert_int_equal(asked, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_emulator_is_asked_for_once),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_the_name_is_missed_first),
        cmocka_unit_test(test_migratable),
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_tuning),
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_drives),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_tpms),
        cmocka_unit_test(test_seclabels),
        cmocka_unit_test(test_leases_and_filesystems),
        cmocka_unit_test(test_controllers),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_without_arch),
        cmocka_unit_test(test_what_is_kept),
    };

    return cmocka_run_group_tests(tests, make_caps, drop_caps);
}
