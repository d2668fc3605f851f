"""For each row of `vmd --list-refused` a document that it refuses and one that it must not: the tests
that show the rows at work share them."""

NAMESPACE = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
UUID = "0d0f1c5e-7c39-4f6a-8f53-6f3a4b1c2d3e"
SHARED = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
PCI = "<address domain='0' bus='6' slot='2' function='0'/>"
SCSI = "<adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/>"
# A firmware that no descriptor knows.
CODE, VARS = "/nowhere/code.fd", "/nowhere/vars.fd"


def disk(source, more="", kind="file", device="disk", attributes="", bus="virtio"):
    return (f"<disk type='{kind}' device='{device}' {attributes}><driver name='qemu' type='raw'/>"
            f"{source}<target dev='{'vda' if bus == 'virtio' else 'sda'}' bus='{bus}'/>{more}</disk>")


def image(inside="", attributes=""):
    return f"<source file='/nowhere.img' {attributes}>{inside}</source>"


def remote(protocol, inside="", attributes=""):
    return disk(f"<source protocol='{protocol}' name='pool/x' {attributes}><host name='h'/>{inside}</source>",
                kind="network")


def nvme(managed):
    return disk(f"<source type='pci' {managed} namespace='1'><address domain='0' bus='1' slot='0' "
                "function='0'/></source>", kind="nvme")


def lun(attributes):
    return disk("<source dev='/dev/sdz'/>", kind="block", device="lun", attributes=attributes, bus="scsi")


def hostdev(source, kind="pci", attributes="", more=""):
    return f"<hostdev mode='subsystem' type='{kind}' {attributes}><source>{source}</source>{more}</hostdev>"


def net(more="", kind="bridge", source="<source bridge='br0'/>", attributes=""):
    return f"<interface type='{kind}' {attributes}>{source}{more}<model type='virtio'/></interface>"


def tpm(inside="", attributes=""):
    return f"<tpm model='tpm-crb'><backend type='emulator' version='2.0' {attributes}>{inside}</backend></tpm>"


def folder(more, source="<source socket='/run/fs.sock'/>"):
    return f"<filesystem type='mount'><driver type='virtiofs'/>{more}{source}<target dir='x'/></filesystem>"


def spice(more="", attributes=""):
    return f"<graphics type='spice' port='5999' {attributes}>{more}</graphics>"


def slots(*enabled):
    return "<vcpus>" + "".join(
        f"<vcpu id='{n}' enabled='{'yes' if n in enabled else 'no'}' hotpluggable='{'no' if n == 0 else 'yes'}'/>"
        for n in range(3)) + "</vcpus>"


def label(kind, model, inside="", attributes=""):
    return f"<seclabel type='{kind}' model='{model}' {attributes}>{inside}</seclabel>"


LUKS = f"<encryption format='luks'><secret type='passphrase' uuid='{UUID}'/></encryption>"
ETHERNET = {"kind": "ethernet", "source": ""}

# Each: keywords of document() that make one that is refused, and one beside it that is not, where the
# row looks at more than whether the thing is there.
SAMPLES = {
    ("encryption/@engine", 0): (
        {"devices": remote("rbd", LUKS.replace("'luks'", "'luks' engine='librbd'"))}, {"devices": disk(image(LUKS))}),
    ("source/@fdgroup", 0): ({"devices": disk(image(attributes="fdgroup='g'"))},),
    ("source/@namespace", 0): ({"devices": nvme("managed='yes'")}, {"devices": nvme("managed='no'")}),
    ("source/@tls", 0): ({"devices": remote("nbd", attributes="tls='yes'")},
                         {"devices": remote("nbd", attributes="tls='no'")}),
    ("source/cookies/cookie", 0): ({"devices": remote(
        "https", "<cookies><cookie name='a'>b</cookie></cookies>")},),
    ("source/identity/@keyfile", 0): ({"devices": remote("ssh", "<identity username='u' keyfile='/k'/>")},
                                      {"devices": remote("ssh", "<identity username='u'/>")}),
    ("source/identity/@agentsock", 0): ({"devices": remote(
        "ssh", "<identity username='u' agentsock='/k'/>")},),
    ("source/knownHosts/@path", 0): ({"devices": remote("ssh", "<knownHosts path='/k'/>")},),
    ("source/seclabel/label", 0): (
        {"devices": disk(image("<seclabel model='dac' relabel='yes'><label>0:0</label></seclabel>"))},
        {"devices": disk(image("<seclabel model='selinux' relabel='no'/>"))}),
    ("disk/@rawio", 0): ({"devices": lun("rawio='yes'")}, {"devices": lun("rawio='no'")}),
    ("hostdev/@rawio", 0): ({"devices": hostdev(SCSI, "scsi", "rawio='yes'")},
                            {"devices": hostdev(SCSI, "scsi", "rawio='no'")}),
    ("hostdev/@managed", 0): ({"devices": hostdev(PCI, attributes="managed='yes'")},
                              {"devices": hostdev(PCI, attributes="managed='no'")}),
    ("hostdev/driver/@model", 0): ({"devices": hostdev(PCI, more="<driver model='vfio-pci'/>")},
                                   {"devices": hostdev(PCI, more="<driver name='vfio'/>")}),
    ("interface/@type", 0): ({"devices": net(kind="direct", source="<source dev='eth0' mode='bridge'/>")},
                             {"devices": net(**ETHERNET)}),
    ("interface/vlan", 0): ({"devices": net("<vlan><tag id='42'/></vlan>")},),
    ("interface/virtualport", 0): ({"devices": net("<virtualport type='openvswitch'/>")},),
    ("interface/bandwidth", 0): (
        {"devices": net("<bandwidth><inbound average='1000'/></bandwidth>", kind="user", source="")},
        {"devices": net("<bandwidth><inbound average='1000'/></bandwidth>")}),
    ("bandwidth/inbound/@floor", 0): (
        {"devices": net("<bandwidth><inbound floor='1000'/></bandwidth>", kind="network",
                        source="<source network='n'/>")},
        {"devices": net("<bandwidth><inbound average='1000'/></bandwidth>")}),
    ("interface/script/@path", 0): ({"devices": net("<script path='/bin/true'/>", **ETHERNET)},),
    ("interface/downscript/@path", 0): ({"devices": net("<downscript path='/bin/true'/>", **ETHERNET)},),
    ("source/ip", 0): ({"devices": net(
        kind="ethernet", source="<source><ip address='10.9.8.7' prefix='24'/></source>")},),
    ("source/route", 0): ({"devices": net(
        kind="ethernet", source="<source><route address='10.9.8.0' prefix='24' gateway='10.9.8.1'/></source>")},),
    ("interface/backend/@tap", 0): ({"devices": net("<backend tap='/dev/other'/>")},
                                    {"devices": net("<backend tap='/dev/net/tun'/>")}),
    ("interface/backend/@vhost", 0): ({"devices": net("<backend vhost='/dev/other'/>")},
                                      {"devices": net("<backend vhost='/dev/vhost-net'/>")}),
    ("backend/encryption/@secret", 0): ({"devices": tpm(f"<encryption secret='{UUID}'/>")}, {"devices": tpm()}),
    ("backend/profile", 0): ({"devices": tpm("<profile source='default-v1'/>")},),
    ("backend/active_pcr_banks", 0): ({"devices": tpm("<active_pcr_banks><sha256/></active_pcr_banks>")},),
    ("filesystem/binary/@path", 0): ({"devices": folder("<binary path='/x'/>"), "elements": SHARED},
                                     {"devices": folder(""), "elements": SHARED}),
    ("filesystem/binary/@xattr", 0): ({"devices": folder("<binary xattr='on'/>"), "elements": SHARED},),
    ("filesystem/binary/cache/@mode", 0): (
        {"devices": folder("<binary><cache mode='always'/></binary>"), "elements": SHARED},),
    ("filesystem/binary/sandbox/@mode", 0): (
        {"devices": folder("<binary><sandbox mode='chroot'/></binary>"), "elements": SHARED},),
    ("filesystem/binary/lock/@posix", 0): (
        {"devices": folder("<binary><lock posix='on'/></binary>"), "elements": SHARED},),
    ("filesystem/binary/lock/@flock", 0): (
        {"devices": folder("<binary><lock flock='on'/></binary>"), "elements": SHARED},),
    ("filesystem/binary/thread_pool/@size", 0): (
        {"devices": folder("<binary><thread_pool size='3'/></binary>"), "elements": SHARED},),
    ("filesystem/binary/openfiles/@max", 0): (
        {"devices": folder("<binary><openfiles max='300'/></binary>"), "elements": SHARED},),
    ("filesystem/idmap/uid", 0): (
        {"devices": folder("<idmap><uid start='0' target='1000' count='10'/>"
                            "<gid start='0' target='1000' count='10'/></idmap>"), "elements": SHARED},),
    ("graphics/@defaultMode", 0): ({"devices": spice(attributes="defaultMode='secure'")},
                                   {"devices": spice(attributes="defaultMode='any'")}),
    ("graphics/channel/@mode", 0): ({"devices": spice("<channel name='main' mode='secure'/>")},
                                    {"devices": spice("<channel name='main' mode='any'/>")}),
    ("devices/lease", 0): ({"devices": "<lease><lockspace>a</lockspace><key>k</key>"
                                       "<target path='/nowhere'/></lease>"},),
    ("/cputune/cachetune", 0): ({"elements": "<cputune><cachetune vcpus='0'><cache id='0' level='3' type='both' "
                                             "size='1' unit='MiB'/></cachetune></cputune>", "kind": "kvm"},),
    ("/cputune/memorytune", 0): ({"elements": "<cputune><memorytune vcpus='0'><node id='0' bandwidth='60'/>"
                                              "</memorytune></cputune>", "kind": "kvm"},),
    ("/resource/partition", 0): ({"elements": "<resource><partition>/vms</partition></resource>"},
                                 {"elements": "<resource><partition>/machine</partition></resource>"}),
    ("/resource/fibrechannel/@appid", 0): ({"elements": "<resource><fibrechannel appid='x'/></resource>"},),
    ("/numatune/memnode/@mode", 0): (
        {"elements": "<cpu><numa><cell id='0' cpus='0-2' memory='64' unit='MiB'/></numa></cpu><numatune>"
                     "<memory mode='restrictive' nodeset='0'/><memnode cellid='0' mode='restrictive' nodeset='0'/>"
                     "</numatune>"},),
    ("/numatune/memory/@placement", 0): (
        {"elements": "<numatune><memory mode='strict' placement='auto'/></numatune>",
         "vcpu": "placement='static' cpuset='0'"},),
    ("/vcpu/@placement", 0): ({"vcpu": "placement='auto'"}, {"vcpu": "placement='static'"}),
    ("/vcpus/vcpu", 0): ({"vcpu": "current='2'", "elements": slots(0, 2)},
                         {"vcpu": "current='2'", "elements": slots(0, 1)}),
    ("/clock/@timezone", 0): ({"elements": "<clock offset='timezone' timezone='Nowhere/Else'/>"},
                              {"elements": "<clock offset='timezone' timezone='Asia/Tokyo'/>"}),
    ("/cpu/@deprecated_features", 0): ({"elements": "<cpu mode='host-model' deprecated_features='off'/>"},),
    ("/perf/event/@enabled", 0): ({"elements": "<perf><event name='cpu_cycles' enabled='yes'/></perf>"},
                                  {"elements": "<perf><event name='cpu_cycles' enabled='no'/></perf>"}),
    ("/idmap", 0): ({"elements": "<idmap><uid start='0' target='1000' count='10'/>"
                                 "<gid start='0' target='1000' count='10'/></idmap>"},),
    ("/seclabel/@model", 0): (
        {"elements": label("static", "selinux", "<label>a:b:c:s0</label>", "relabel='no'")},
        {"elements": label("none", "selinux")}),
    ("/seclabel/baselabel", 0): (
        {"elements": label("dynamic", "dac", "<baselabel>0:0</baselabel>", "relabel='yes'")},
        {"elements": label("dynamic", "dac", attributes="relabel='yes'")}),
    ("/launchSecurity", 0): ({"elements": "<launchSecurity type='sev'><policy>0x1</policy></launchSecurity>"},),
    ("nvram/@templateFormat", 0): (
        {"boot": f"<loader readonly='yes' type='pflash'>{CODE}</loader>"
                 f"<nvram template='{VARS}' templateFormat='qcow2' format='raw'>/nowhere.fd</nvram>"},
        {"boot": f"<loader readonly='yes' type='pflash'>{CODE}</loader>"
                 f"<nvram template='{VARS}' templateFormat='raw' format='raw'>/nowhere.fd</nvram>"}),
    ("bios/@useserial", 0): ({"boot": "<bios useserial='yes'/>", "devices": "<serial type='null'/>"},),
    ("qemu:capabilities/qemu:add", 0): (
        {"elements": "<qemu:capabilities><qemu:add capability='x'/></qemu:capabilities>"},),
    ("qemu:capabilities/qemu:del", 0): (
        {"elements": "<qemu:capabilities><qemu:del capability='x'/></qemu:capabilities>"},),
}


def document(name, devices="", elements="", boot="", vcpu="", kind="qemu", emulator="", other=None):
    """A domain in which each tag of what is given stands on a line of its own."""
    text = (f"<domain type='{kind}' {NAMESPACE}><name>{name}</name><memory unit='MiB'>64</memory>"
            f"<vcpu {vcpu}>3</vcpu><iothreads>1</iothreads>"
            f"<os><type arch='x86_64' machine='q35'>hvm</type>{boot}</os>{elements}"
            f"<features><acpi/></features><devices>{emulator}{devices}</devices></domain>")
    return text.replace("><", ">\n<")


def lines_of(element, attribute, text):
    start = (f"<{element} ", f"<{element}>", f"<{element}/>")
    return [number for number, line in enumerate(text.splitlines(), 1)
            if line.strip().startswith(start) and (not attribute or f" {attribute}=" in line)]


def name_and_lines(path, text):
    """What the refusal must say of a path: the name of the element or attribute, and on which lines of
    the text that stands. What a dump leaves out as a secret leads to the element around it."""
    steps = path.strip("/").split("/")
    attribute = steps[-1][1:] if steps[-1].startswith("@") else ""
    elements = steps[:-1] if attribute else steps[:]
    lines = []
    while elements and not lines:
        lines = lines_of(elements.pop(), attribute, text)
    return f"'{attribute or steps[-1]}'", lines
