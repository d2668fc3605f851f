#!/usr/bin/env python3
"""Devices that come, go and change in the persistent definition; processors and memory."""
import re
import xml.etree.ElementTree as ET

from harness import Failed, domain, main, need, test, wait_for

MAC = "52:54:00:aa:00:01"
DEVICES = ("<disk type='file' device='disk'><source file='/tmp/a.img'/>"
           "<target dev='vda' bus='virtio'/></disk>"
           "<disk type='file' device='cdrom'><source file='/tmp/a.iso'/>"
           "<target dev='sda' bus='sata'/></disk>"
           f"<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"
           "<serial type='pty'/>")

# What libvirtd 11.3 answers to the same: the error code of a document that it refuses.
MISSING, INVALID, UNSUPPORTED, BAD_XML, BAD_ARG, FAILED, CONFIG = 99, 55, 84, 27, 8, 9, 67


def define(d, devices=DEVICES, **how):
    d.vmsh("define", d.write("a.xml", domain("a", devices=devices, **how)))


def dump(d):
    return ET.fromstring(d.vmsh("dumpxml", "a", "--inactive"))


def change(d, verb, xml, *flags, **how):
    return d.vmsh(verb, "a", d.write("device.xml", xml), *(flags or ("--config",)), **how)


class Client:
    """python-libvirt, for what vmsh does not print: error codes and events."""

    def __init__(self, d):
        import libvirt
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.error = libvirt.libvirtError
        self.domain = libvirt.open(d.uri).lookupByName("a")

    def code(self, call, *args):
        try:
            getattr(self.domain, call)(*args)
        except self.error as e:
            return e.get_error_code()
        return 0


def client(d):
    try:
        return Client(d)
    except ImportError:
        need("python3-libvirt")


@test
def disks(d):
    """They stand in the order of their targets, and get a seat nobody has."""
    define(d)
    for target in ("vdc", "vdb", "sdb"):
        bus = "sata" if target == "sdb" else "virtio"
        d.vmsh("attach-disk", "a", f"/tmp/{target}.img", target, "--targetbus", bus, "--config")
    assert [t.get("dev") for t in dump(d).iter("target") if t.get("bus")] == \
        ["vda", "vdb", "vdc", "sda", "sdb"], d.vmsh("dumpxml", "a")
    seats = [tuple(sorted(a.attrib.items())) for a in dump(d).findall("devices/*/address")]
    assert len(set(seats)) == len(seats)
    assert "Disk detached successfully" in d.vmsh("detach-disk", "a", "vdb", "--config")
    assert "No disk found" in d.vmsh("detach-disk", "a", "vdb", "--config", status=1)
    d.end()
    d.start()
    assert [t.get("dev") for t in dump(d).iter("target") if t.get("bus")] == \
        ["vda", "vdc", "sda", "sdb"]


@test
def media(d):
    define(d)

    def source():
        found = dump(d).find("devices/disk[@device='cdrom']/source")
        return None if found is None else found.get("file") or found.get("dev")

    seat = dump(d).find("devices/disk[@device='cdrom']/address").attrib
    d.vmsh("change-media", "a", "sda", "--eject", "--config")
    assert source() is None
    assert "doesn't have media" in d.vmsh("change-media", "a", "sda", "--eject", status=1)
    d.vmsh("change-media", "a", "sda", "/tmp/b.iso", "--insert", "--config")
    assert source() == "/tmp/b.iso"
    d.vmsh("change-media", "a", "sda", "/dev/sr0", "--block", "--config")
    assert source() == "/dev/sr0"
    assert dump(d).find("devices/disk[@device='cdrom']/address").attrib == seat
    assert "not removable" in d.vmsh("change-media", "a", "vda", "/tmp/b.iso", status=1)


@test
def interfaces(d):
    define(d)
    d.vmsh("domif-setlink", "a", MAC, "down", "--config")
    assert d.vmsh("domif-getlink", "a", MAC, "--config") == f"{MAC} down\n"
    d.vmsh("attach-interface", "a", "bridge", "br7", "--model", "e1000", "--mac",
           "52:54:00:aa:00:02", "--inbound", "100,200,300", "--config")
    net = dump(d).findall("devices/interface")[1]
    assert net.find("source").get("bridge") == "br7" and net.find("model").get("type") == "e1000"
    assert net.find("bandwidth/inbound").attrib == {"average": "100", "peak": "200", "burst": "300"}
    change(d, "attach-device", "<interface type='user'><mac address='52:54:00:aa:00:02'/></interface>")
    twice = "<interface type='user'><mac address='52:54:00:aa:00:02'/>{}</interface>"
    assert "tell them apart" in change(d, "detach-device", twice.format(""), status=1)
    seat = ET.tostring(dump(d).findall("devices/interface")[2].find("address"), encoding="unicode")
    change(d, "detach-device", twice.format(seat))
    assert len(dump(d).findall("devices/interface")) == 2
    d.vmsh("detach-interface", "a", "bridge", "--config")
    assert [n.get("type") for n in dump(d).findall("devices/interface")] == ["user"]


@test
def console_follows_the_first_serial(d):
    define(d)
    assert [c.find("target").get("type") for c in dump(d).iter("console")] == ["serial"]
    change(d, "attach-device", "<serial type='file'><source path='/tmp/l'/></serial>")
    assert [s.find("target").get("port") for s in dump(d).iter("serial")] == ["0", "1"]
    change(d, "detach-device", "<serial type='pty'><target port='0'/></serial>")
    assert [c.get("type") for c in dump(d).iter("console")] == ["file"]
    change(d, "detach-device",
           "<serial type='file'><source path='/tmp/l'/><target port='1'/></serial>")
    assert not list(dump(d).iter("console")) and not list(dump(d).iter("serial"))
    change(d, "attach-device", "<serial type='pty'/>")
    assert len(list(dump(d).iter("console"))) == 1


@test
def every_kind(d):
    """Each is attached, and taken away by the same words."""
    define(d)
    before = d.vmsh("dumpxml", "a")
    for xml in (
            "<controller type='scsi' index='0' model='virtio-scsi'/>",
            "<lease><lockspace>s</lockspace><key>k</key><target path='/x'/></lease>",
            "<filesystem type='mount'><source dir='/srv'/><target dir='tag'/></filesystem>",
            "<parallel type='pty'><target port='0'/></parallel>",
            "<input type='keyboard' bus='virtio'/>",
            "<input type='tablet'/>",
            "<sound model='ich9'/>",
            "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/>"
            "</source></hostdev>",
            "<redirdev bus='usb' type='tcp'><source mode='connect' host='h' service='4000'/></redirdev>",
            "<watchdog model='i6300esb'/>",
            "<rng model='virtio'><backend model='random'/></rng>",
            "<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>",
            "<vsock><cid auto='yes'/></vsock>",
            "<iommu model='intel'/>"):
        change(d, "attach-device", xml)
        assert d.vmsh("dumpxml", "a") != before, xml
        change(d, "detach-device", xml)
        after = d.vmsh("dumpxml", "a")
        # a controller or a port that came for it may stay
        assert len(after) >= len(before) or after == before, xml
        before = after


@test
def codes(d):
    """Clients go by them."""
    define(d)
    c = client(d)
    attach, detach, update = "attachDeviceFlags", "detachDeviceFlags", "updateDeviceFlags"
    disk = "<disk type='file'><source file='/x'/><target dev='{}' bus='virtio'/></disk>"
    sound = "<sound model='ac97'/>"
    vnc = "<graphics type='vnc'/>"
    for expected, call, xml, flags in (
            (INVALID, attach, disk.format("vda"), 2),
            (MISSING, detach, disk.format("vdz"), 2),
            (BAD_ARG, update, disk.format("vdz"), 2),
            (INVALID, attach, disk.format("vdb"), 1),
            (INVALID, attach, disk.format("vdb"), 3),
            (BAD_ARG, attach, disk.format("vdb"), 4),
            (0, update, disk.format("vda"), 6),
            (MISSING, detach, sound, 2),
            (UNSUPPORTED, update, sound, 2),
            (UNSUPPORTED, attach, vnc, 2),
            (BAD_ARG, update, vnc, 2),
            (CONFIG, attach, "<frob/>", 2),
            (INVALID, attach, "<controller type='pci' index='0' model='pcie-root'/>", 2),
            (MISSING, detach, "<controller type='scsi' index='3'/>", 2),
            (BAD_ARG, detach, "<serial type='pty'><target port='7'/></serial>", 2),
            (INVALID, attach, "<serial type='pty'><target port='0'/></serial>", 2),
            (UNSUPPORTED, attach, "<console type='pty'/>", 2),
            (INVALID, detach, "<console type='pty'/>", 2),
            (FAILED, detach, "<vsock/>", 2),
            (MISSING, detach, "<interface type='user'><mac address='52:54:00:aa:00:0f'/></interface>", 2),
            (BAD_XML, attach, "<interface type='user'><address type='pci' bus='0' slot='0x1f' function='2'/>"
                              "</interface>", 2)):
        assert c.code(call, xml, flags) == expected, (call, xml, c.code(call, xml, flags))
    assert c.code("attachDevice", disk.format("vdb")) == INVALID
    assert c.code("detachDeviceAlias", "ua-none", 2) == 1


@test
def by_alias(d):
    define(d)
    change(d, "attach-device", "<rng model='virtio'><backend model='random'/>"
                               "<alias name='ua-dice'/></rng>")
    d.vmsh("detach-device-alias", "a", "ua-dice", "--config")
    assert dump(d).find("devices/rng") is None


@test
def while_it_runs(d):
    """The running machine stays; the next has the device."""
    define(d, devices="<interface type='user'><model type='virtio'/></interface>")
    d.vmsh("start", "a", "--paused")
    told = change(d, "attach-device", "<sound model='ac97'/>", "--live", status=1)
    assert "--config" in told
    change(d, "attach-device", "<sound model='ac97'/>", "--config")
    assert "<sound" in d.vmsh("dumpxml", "a", "--inactive")
    assert "<sound" not in d.vmsh("dumpxml", "a")
    d.vmsh("destroy", "a")
    d.vmsh("start", "a", "--paused")
    assert "<sound" in d.vmsh("dumpxml", "a")
    d.vmsh("destroy", "a")


@test
def an_event_tells(d):
    need("virsh")
    import subprocess
    define(d)
    listener = subprocess.Popen(["virsh", "-c", d.uri, "event", "--domain", "a", "--event",
                                 "lifecycle", "--timeout", "20"], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: "lifecycle" in told(d, listener))
    assert "Updated" in listener.communicate(timeout=30)[0]


def told(d, listener):
    """Changes until the listener, whose registration cannot be seen, has heard one."""
    verb = "detach-device" if "<sound" in d.vmsh("dumpxml", "a") else "attach-device"
    change(d, verb, "<sound model='ac97'/>")
    return "lifecycle" if listener.poll() is not None else ""


@test
def processors(d):
    define(d)
    d.vmsh("setvcpus", "a", "4", "--maximum", "--config")
    assert dump(d).find("vcpu").attrib.get("current") == "1" and dump(d).find("vcpu").text == "4"
    d.vmsh("setvcpus", "a", "3", "--config")
    assert dump(d).find("vcpu").get("current") == "3"
    assert d.vmsh("vcpucount", "a", "--active", "--config").strip() == "3"
    assert d.vmsh("vcpucount", "a", "--maximum", "--config").strip() == "4"
    assert "more than" in d.vmsh("setvcpus", "a", "5", "--config", status=1)
    d.vmsh("setvcpus", "a", "2", "--maximum", "--config")
    assert "current" not in dump(d).find("vcpu").attrib
    c = client(d)
    assert c.code("setVcpusFlags", 1, 4) == BAD_ARG and c.code("setVcpus", 1) == INVALID
    assert c.code("vcpusFlags", 3) == BAD_ARG and c.code("maxVcpus") == INVALID


@test
def memory(d):
    define(d, memory=128)
    d.vmsh("setmem", "a", "64M", "--config")
    assert dump(d).find("currentMemory").text == "65536" and dump(d).find("memory").text == "131072"
    assert "more than" in d.vmsh("setmem", "a", "256M", "--config", status=1)
    d.vmsh("setmaxmem", "a", "32M", "--config")
    assert dump(d).find("currentMemory").text == dump(d).find("memory").text == "32768"
    c = client(d)
    assert c.code("setMemory", 1024) == INVALID and c.code("setMaxMemory", 65536) == 0
    assert c.code("setMemoryStatsPeriod", 5, 2) == 0 and c.code("setMemoryStatsPeriod", -1, 2) == BAD_ARG
    assert dump(d).find("devices/memballoon/stats").get("period") == "5"


@test
def a_balloon_moves(d):
    define(d, devices="", memory=128)
    d.vmsh("start", "a", "--paused")
    d.vmsh("setmem", "a", "96M", "--live")
    assert "with config alone" in d.vmsh("setmaxmem", "a", "256M", "--live", status=1)
    c = client(d)
    assert c.code("setMemoryStatsPeriod", 3, 3) == 0
    for how in ((), ("--inactive",)):
        assert re.search("<stats period='3'/>", d.vmsh("dumpxml", "a", *how))
    assert c.code("setMaxMemory", 65536) == INVALID
    try:
        d.vmsh("setmem", "a", "1G", "--live")
        raise AssertionError("more than there is")
    except Failed:
        d.vmsh("destroy", "a")


main()
