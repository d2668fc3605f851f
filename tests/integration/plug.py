#!/usr/bin/env python3
"""Devices that come to a guest that runs, and leave it: live, persistent and both at once. What a
guest must let go is booted; all else is a machine that stands still."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

from harness import (Console, PORTS, ROOT, VMSH, domain, guest, main, need, need_own_network, same, skip,
                     test, unattended, until_heard, wait_for)

try:
    import libvirt
except ImportError:
    libvirt = None

def image(d, name="disk.img", kind="raw", backing=None):
    path = d.root / name
    below = ["-b", str(backing), "-F", "qcow2"] if backing else []
    subprocess.run([need("qemu-img"), "create", "-q", "-f", kind, *below, str(path),
                    *([] if backing else ["8M"])], check=True)
    return path


def disk(path, target="vdb", bus="virtio", kind="raw", inner=""):
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>"
            f"<source file='{path}'/><target dev='{target}' bus='{bus}'/>{inner}</disk>")


# A port whose power nobody has switched on lets go of its card at once: no guest is asked. The
# firmware, which is all that runs here, leaves it as it is.
def begin(d, devices="", name="g", paused=False, **how):
    """A defined domain that runs. Without a kernel it has no say in what leaves it."""
    seats = ROOT + PORTS if how.get("machine", "q35") == "q35" else ""
    text = domain(name, seats + devices, **how)
    if seats and not how.get("kernel"):
        text = unattended(text)
    d.vmsh("define", d.write(f"{name}.xml", text))
    d.vmsh("start", name, *(["--paused"] if paused else []))


def dump(d, *flags, name="g"):
    return ET.fromstring(d.vmsh("dumpxml", name, *flags))


def change(d, verb, xml, *flags, name="g", **how):
    return d.vmsh(verb, name, d.write("device.xml", xml), *(flags or ("--live",)), **how)


def targets(d, *flags):
    return [t.get("dev") for t in dump(d, *flags).findall("devices/disk/target")]


def qmp(d, command, name="g", **arguments):
    said = d.vmsh("qemu-monitor-command", name, json.dumps({"execute": command,
                                                            "arguments": arguments}))
    return json.loads(said).get("return")


def look(d):
    """The host, beside what the daemon reads of it by itself now and then."""
    seen = d.inventory(at_rest=False)
    seen["descriptors"] = [f for f in seen["descriptors"] if not f.startswith("/sys/")]
    return seen


def until_as_before(d, before):
    with contextlib.suppress(AssertionError):
        wait_for(lambda: in_qemu(d) == before)
    same(before, in_qemu(d))


def in_qemu(d):
    """What QEMU has, but for what a start brings: devices, nodes, descriptor sets."""
    return {"devices": sorted(e["name"] for e in qmp(d, "qom-list", path="/machine/peripheral")),
            "nodes": sorted(n["node-name"] for n in qmp(d, "query-named-block-nodes")),
            "netdevs": d.vmsh("qemu-monitor-command", "g", "--hmp", "info network"),
            "chardevs": sorted(c["label"] for c in qmp(d, "query-chardev")),
            "objects": sorted(e["name"] for e in qmp(d, "qom-list", path="/objects")),
            "sets": sorted(s["fdset-id"] for s in qmp(d, "query-fdsets")),
            "files": sorted(os.readlink(f) for pid in d.qemus(helpers=False)
                            for f in pathlib.Path(f"/proc/{pid}/fd").iterdir()
                            if os.path.isabs(os.readlink(f)))}


class Heard:
    """Device events of one daemon, as words, in their order."""
    turning = None
    KINDS = {"DEVICE_ADDED": "added", "DEVICE_REMOVED": "removed",
             "DEVICE_REMOVAL_FAILED": "failed"}

    def __init__(self, d):
        if not libvirt:
            skip("python3-libvirt is not installed")
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.words = []
        if not Heard.turning:
            libvirt.virEventRegisterDefaultImpl()
            Heard.turning = threading.Thread(target=self.turn, daemon=True)
            Heard.turning.start()
        self.connection = libvirt.open(d.uri)
        for name, word in self.KINDS.items():
            self.connection.domainEventRegisterAny(
                None, getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name}"), self.device, word)

    def turn(self):
        while True:
            libvirt.virEventRunDefaultImpl()

    def device(self, connection, dom, alias, word):
        self.words.append(f"{word} {alias}")

    def code(self, call, *args):
        try:
            getattr(self.connection.lookupByName("g"), call)(*args)
        except libvirt.libvirtError as e:
            return e.get_error_code()
        return 0

    def close(self):
        self.connection.close()


@test
def a_disk_comes_and_goes(d):
    """Its chain with it; QEMU and the host are as before, and so is the document."""
    below = image(d, "below.qcow2", "qcow2")
    top = image(d, "top.qcow2", "qcow2", below)
    begin(d)
    heard = Heard(d)
    before, host, shown = in_qemu(d), look(d), d.vmsh("dumpxml", "g")
    for xml, alias in ((disk(top, kind="qcow2"), "virtio-disk1"),
                       (disk(image(d)), "virtio-disk1")):
        assert "Device attached successfully" in change(d, "attach-device", xml)
        found = dump(d).find("devices/disk")
        assert found.find("alias").get("name") == alias
        assert found.find("address").get("type") == "pci", ET.tostring(found)
        assert alias in in_qemu(d)["devices"]
        assert targets(d, "--inactive") == []
        assert "Device detached successfully" in change(d, "detach-device", xml)
        assert targets(d) == []
        same(before, in_qemu(d))
        same(host, look(d))
        assert d.vmsh("dumpxml", "g") == shown
    wait_for(lambda: heard.words == ["added virtio-disk1", "removed virtio-disk1"] * 2)
    heard.close()


@test
def a_scsi_disk_brings_its_controller(d):
    """Which stays when the disk has gone, as it does with libvirt."""
    begin(d, machine="pc")
    heard = Heard(d)
    one, two = disk(image(d, "1.img"), "sda", "scsi"), disk(image(d, "2.img"), "sdb", "scsi")
    change(d, "attach-device", one)
    assert [c.get("index") for c in dump(d).findall("devices/controller[@type='scsi']")] == ["0"]
    between = in_qemu(d)
    assert {"scsi0", "scsi0-0-0"} <= set(between["devices"]), between["devices"]
    change(d, "attach-device", two)
    assert targets(d) == ["sda", "sdb"]
    change(d, "detach-device", two)
    same(between, in_qemu(d))
    d.vmsh("detach-disk", "g", "sda", "--live")
    assert targets(d) == [] and "scsi0" in in_qemu(d)["devices"]
    wait_for(lambda: heard.words == ["added scsi0-0-0", "added scsi0-0-1", "removed scsi0-0-1",
                                     "removed scsi0-0-0"])
    heard.close()


@test
def a_disk_on_virtio_scsi(d):
    begin(d, "<controller type='scsi' model='virtio-scsi'/>")
    before = in_qemu(d)
    change(d, "attach-device", disk(image(d), "sda", "scsi", inner="<serial>S1</serial>"))
    assert "scsi0-0-0-0" in in_qemu(d)["devices"]
    change(d, "detach-device", disk(d.root / "disk.img", "sda", "scsi"))
    same(before, in_qemu(d))


@test
def both_definitions_by_one_call(d):
    begin(d)
    xml = disk(image(d))
    change(d, "attach-device", xml, "--live", "--config")
    assert targets(d) == targets(d, "--inactive") == ["vdb"]
    assert dump(d, "--inactive").find("devices/disk/alias") is None
    assert "has such a <disk> 'vdb' already" in change(d, "attach-device", xml, status=1)
    change(d, "detach-device", xml, "--live", "--config")
    assert targets(d) == targets(d, "--inactive") == []
    change(d, "attach-device", xml, "--persistent")  # both, for it runs
    change(d, "detach-device", xml, "--config")
    assert targets(d) == ["vdb"] and targets(d, "--inactive") == []
    assert "no such <disk>" in change(d, "detach-device", xml, "--live", "--config", status=1)
    assert targets(d) == ["vdb"]


@test
def a_device_is_detached_by_its_alias(d):
    begin(d)
    change(d, "attach-device", disk(image(d), inner="<alias name='ua-mine'/>"), "--live", "--config")
    before = in_qemu(d)["devices"]
    assert "ua-mine" in before
    d.vmsh("detach-device-alias", "g", "ua-mine", "--live", "--config")
    wait_for(lambda: targets(d) == targets(d, "--inactive") == [])
    assert "no device with alias" in d.vmsh("detach-device-alias", "g", "ua-mine", "--live", status=1)


@test
def what_fails_leaves_nothing(d):
    """QEMU refuses the device, somebody else has the image, the image is none, the ports are taken."""
    shared, mine, odd = image(d, "shared.img"), image(d, "mine.img"), image(d, "odd.img")
    odd.chmod(0)
    d.vmsh("create", d.write("o.xml", domain("o", disk(shared, "vda"))), "--paused")
    begin(d)
    before, host, shown = in_qemu(d), look(d), d.vmsh("dumpxml", "g")
    for xml, why in (
            (disk(mine, inner="<blockio logical_block_size='513'/>"), "logical_block_size"),
            (disk(mine, kind="qcow2"), "qcow2"),
            (disk(shared), "in use by domain 'o'"),
            (disk(d.root / "none.img"), "none.img"),
            (disk(mine, "sdb", "sata"), "disk bus 'sata' cannot be hotplugged"),
            (disk(mine, "fda", "fdc").replace("'disk'", "'floppy'"), "hotplug isn't supported")):
        said = change(d, "attach-device", xml, "--live", "--config", status=1)
        assert why in said, said
        assert d.vmsh("dumpxml", "g") == shown and targets(d, "--inactive") == []
        same(before, in_qemu(d))
        same(host, look(d))
    for n in range(7):
        said = change(d, "attach-device", disk(image(d, f"{n}.img"), f"vd{'bcdefgh'[n]}"), status=None)
    assert "No more available PCI slots" in said, said
    said = change(d, "attach-device", "<controller type='scsi' model='virtio-scsi'/>", status=1)
    assert "No more available PCI slots" in said, said
    for target in targets(d):
        d.vmsh("detach-disk", "g", target, "--live")
    same(before, in_qemu(d))
    for path in (d.root / "run/vmd/qemu").glob("*/status"):
        wait_for(lambda saved=path: "mine.img" not in saved.read_text())
    change(d, "attach-device", disk(mine))  # nobody holds it


@test
def the_daemon_finds_what_was_plugged(d):
    """And what left while it was away; a stop takes the rest along."""
    host = d.steady_inventory()
    begin(d)
    before = in_qemu(d)
    change(d, "attach-device", disk(image(d, "1.img"), "vdb"))
    change(d, "attach-device", disk(image(d, "2.img"), "vdc"))
    shown = d.vmsh("dumpxml", "g")
    d.kill()
    d.start()
    assert d.vmsh("dumpxml", "g") == shown
    assert "in use by domain 'g'" in d.vmsh(
        "create", d.write("o.xml", domain("o", disk(d.root / "1.img"))), status=1)
    d.kill()
    monitor = next((d.root / "run/vmd/qemu").glob("*/monitor"))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(monitor))
        s.sendall(b'{"execute":"qmp_capabilities"}{"execute":"device_del","arguments":'
                  b'{"id":"virtio-disk1"}}')
        heard = b""
        while heard.count(b'"DEVICE_DELETED"') < 2:
            heard += s.recv(4096)
    d.start()
    wait_for(lambda: targets(d) == ["vdc"])
    wait_for(lambda: not any("1.img" in f for f in in_qemu(d)["files"]))
    d.vmsh("create", d.write("o.xml", domain("o", disk(d.root / "1.img"))), "--paused")
    d.vmsh("destroy", "o")
    change(d, "detach-device", disk(d.root / "2.img", "vdc"))
    same(before, in_qemu(d))
    change(d, "attach-device", disk(d.root / "2.img", "vdc"))
    d.vmsh("destroy", "g")
    d.vmsh("undefine", "g")
    same(host, d.steady_inventory())


@test
def a_guest_that_stands_still(d):
    """An old QEMU closes no descriptor of a guest that stands still: it does when it goes on."""
    begin(d)
    d.vmsh("suspend", "g")
    before = in_qemu(d)
    change(d, "attach-device", disk(image(d)))
    change(d, "detach-device", disk(d.root / "disk.img"))
    assert targets(d) == []
    d.vmsh("resume", "g")
    until_as_before(d, before)


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


def bridges():
    need_own_network()
    for name in ("br-one", "br-two"):
        if name not in os.listdir("/sys/class/net"):
            ip("link", "add", name, "type", "bridge")
            ip("link", "set", name, "up")


def ports(bridge):
    return sorted(os.listdir(f"/sys/class/net/{bridge}/brif"))


MAC = "52:54:00:12:00:01"


def card(source="<source bridge='br-one'/>", kind="bridge", inner="", mac=MAC):
    return (f"<interface type='{kind}'><mac address='{mac}'/>{source}<model type='virtio'/>{inner}"
            "</interface>")


@test
def a_card_comes_and_goes(d):
    bridges()
    begin(d, "<controller type='usb' model='none'/>")  # without USB: its row has no seat, and a name
    heard = Heard(d)
    before, host, shown = in_qemu(d), look(d), d.vmsh("dumpxml", "g")
    for xml, tap in ((card(), True), (card("", "ethernet"), True), (card("", "user"), False),
                     (card(inner="<driver queues='2'/>"), True),
                     (card(inner="<link state='down'/>"), True)):
        change(d, "attach-device", xml)
        net = dump(d).find("devices/interface")
        assert net.find("alias").get("name") == "net0"
        assert "net0" in in_qemu(d)["devices"]
        assert (net.find("target") is not None) == tap, ET.tostring(net)
        if "br-one" in xml:
            assert ports("br-one") == [net.find("target").get("dev")]
        change(d, "detach-device", xml)
        assert dump(d).find("devices/interface") is None
        wait_for(lambda: ports("br-one") == [])
        same(before, in_qemu(d))
        same(host, look(d))
        assert d.vmsh("dumpxml", "g") == shown
    wait_for(lambda: heard.words == ["added net0", "removed net0"] * 5)
    heard.close()


@test
def a_card_of_both_definitions(d):
    """It has one address, though the document has none; a stop takes the tap along."""
    bridges()
    host = d.steady_inventory()
    begin(d)
    change(d, "attach-device", "<interface type='bridge'><source bridge='br-one'/><model type='virtio'/>"
                               "</interface>", "--live", "--config")
    macs = [dump(d, *flags).find("devices/interface/mac").get("address")
            for flags in ((), ("--inactive",))]
    assert macs[0] == macs[1]
    d.kill()
    d.start()
    assert len(ports("br-one")) == 1
    d.vmsh("detach-interface", "g", "bridge", "--live")
    wait_for(lambda: ports("br-one") == [])
    change(d, "attach-device", card())
    d.vmsh("destroy", "g")
    d.vmsh("undefine", "g")
    assert ports("br-one") == []
    same(host, d.steady_inventory())


@test
def a_card_that_cannot_come(d):
    bridges()
    begin(d)
    before, host = in_qemu(d), look(d)
    for xml, why in ((card("<source bridge='br-none'/>"), "br-none"),
                     (card("<source dev='lo' mode='bridge'/>", "direct"), "not implemented"),
                     (card("<source network='none'/>", "network"), "network"),
                     (card(inner="<vlan><tag id='5'/></vlan>"), "vlan"),
                     (card(inner="<driver rx_queue_size='7'/>"), "")):
        assert why in change(d, "attach-device", xml, "--live", "--config", status=1), xml
        assert dump(d).find("devices/interface") is None
        same(before, in_qemu(d))
        same(host, look(d))


@test
def a_card_is_updated(d):
    bridges()
    begin(d, card() + card("", "user", mac="52:54:00:12:00:02"))
    tap = ports("br-one")[0]

    def link():
        return d.vmsh("qemu-monitor-command", "g", "--hmp", "info network")
    d.vmsh("domif-setlink", "g", MAC, "down", "--config")
    assert d.vmsh("domif-getlink", "g", MAC) != f"{MAC} down\n"
    d.vmsh("domif-setlink", "g", MAC, "down")
    assert d.vmsh("domif-getlink", "g", MAC) == f"{MAC} down\n"
    change(d, "update-device", card("<source bridge='br-two'/>", inner="<link state='up'/>"))
    assert (ports("br-one"), ports("br-two")) == ([], [tap])
    net = dump(d).find("devices/interface")
    assert net.find("source").get("bridge") == "br-two" and net.find("target").get("dev") == tap
    assert dump(d, "--inactive").find("devices/interface/source").get("bridge") == "br-one"
    for xml, why in ((card(inner="<mtu size='1400'/>"), "mtu"),
                     (card().replace("virtio", "e1000"), "model"),
                     (card("", "user"), "network type"),
                     (card("<source bridge='br-none'/>"), "br-none")):
        assert why in change(d, "update-device", xml, status=1), xml
    assert ports("br-two") == [tap]
    d.vmsh("destroy", "g")


@test
def a_medium_is_changed(d):
    begin(d, "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
             "<target dev='sda' bus='sata'/><readonly/></disk>")
    one, two = image(d, "one.iso"), image(d, "two.iso")
    empty, shown = in_qemu(d), d.vmsh("dumpxml", "g")

    def media():
        inside = [dev.get("inserted", {}).get("image", {}).get("filename")
                  for dev in qmp(d, "query-block")]
        found = dump(d).find("devices/disk/source")
        return [f for f in inside if f], None if found is None else found.get("file")
    d.vmsh("change-media", "g", "sda", one, "--insert", "--live")
    assert media()[1] == str(one) and len(media()[0]) == 1
    first = in_qemu(d)
    assert "has media" in d.vmsh("change-media", "g", "sda", two, "--insert", status=1)
    d.vmsh("change-media", "g", "sda", two, "--update", "--live", "--config")
    assert media()[1] == str(two)
    assert dump(d, "--inactive").find("devices/disk/source").get("file") == str(two)
    assert not any("one.iso" in f for f in in_qemu(d)["files"]), in_qemu(d)["files"]
    assert len(in_qemu(d)["nodes"]) == len(first["nodes"])
    d.vmsh("create", d.write("o.xml", domain("o", disk(one, "vda"))), "--paused")  # nobody's now
    said = d.vmsh("change-media", "g", "sda", one, "--update", "--live", status=1)
    assert "in use by domain 'o'" in said and media()[1] == str(two)
    d.vmsh("destroy", "o")
    d.vmsh("change-media", "g", "sda", d.root / "none.iso", "--update", "--live", status=1)
    assert media()[1] == str(two)
    d.vmsh("change-media", "g", "sda", "--eject", "--live")
    assert media() == ([], None)
    until_as_before(d, empty)
    assert d.vmsh("dumpxml", "g") == shown
    d.vmsh("change-media", "g", "sda", two, "--insert", "--live")
    d.vmsh("change-media", "g", "sda", "--eject", "--live", "--force")
    until_as_before(d, empty)


@test
def a_drive_that_is_attached_again_gets_the_medium(d):
    begin(d, "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>")
    path = image(d, "one.iso")
    drive = ("<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>{}"
             "<target dev='sda' bus='sata'/><readonly/></disk>")
    change(d, "attach-device", drive.format(f"<source file='{path}'/>"))
    assert dump(d).find("devices/disk/source").get("file") == str(path)
    change(d, "attach-device", drive.format(""))
    assert dump(d).find("devices/disk/source") is None and len(targets(d)) == 1


@test
def a_floppy_has_no_tray(d):
    begin(d, "<disk type='file' device='floppy'><driver name='qemu' type='raw'/>"
             "<target dev='fda' bus='fdc'/></disk>", machine="pc")
    path = d.root / "floppy.img"
    path.write_bytes(bytes(1440 << 10))
    empty = in_qemu(d)
    for _ in range(2):
        d.vmsh("change-media", "g", "fda", path, "--insert", "--live")
        assert dump(d).find("devices/disk/source").get("file") == str(path)
        d.vmsh("change-media", "g", "fda", "--eject", "--live")
        until_as_before(d, empty)


@test
def a_disk_is_not_another_one(d):
    begin(d)
    change(d, "attach-device", disk(image(d)))
    said = change(d, "update-device", disk(image(d, "other.img")), status=1)
    assert "only in removable drives" in said, said
    change(d, "update-device", disk(d.root / "disk.img"))  # nothing is changed


SMALL = (
    ("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>", "rng0"),
    ("<rng model='virtio'><backend model='builtin'/></rng>", "rng0"),
    ("<input type='tablet' bus='usb'/>", "input{}"),
    ("<input type='keyboard' bus='virtio'/>", "input{}"),
    ("<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
     "channel0"),
    ("<channel type='pty'><target type='virtio' name='a.b'/></channel>", "channel0"),
    ("<channel type='unix'><source mode='bind' path='{root}/own.sock'/>"
     "<target type='virtio' name='a.b'/></channel>", "channel0"),
    ("<serial type='pty'><target type='usb-serial' port='0'><model name='usb-serial'/></target>"
     "</serial>", "serial0"),
    ("<serial type='file'><source path='{root}/out'/><target type='usb-serial' port='0'>"
     "<model name='usb-serial'/></target></serial>", "serial0"),
    ("<console type='pty'><target type='virtio' port='0'/></console>", "console0"),
    ("<redirdev bus='usb' type='unix'><source mode='connect' path='{root}/redir.sock'/></redirdev>",
     "redir0"),
)


@test
def small_devices(d):
    """Each is there for QEMU and in the document, and gone with all that it had."""
    begin(d, "<controller type='virtio-serial' index='0'/><controller type='usb' model='qemu-xhci'/>")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(d.root / "redir.sock"))
        listening.listen()
        before, host, shown = in_qemu(d), look(d), d.vmsh("dumpxml", "g")
        first = len(re.findall("<input ", shown))
        for xml, alias in SMALL:
            xml, alias = xml.format(root=d.root), alias.format(first)
            change(d, "attach-device", xml)
            assert alias in in_qemu(d)["devices"], (xml, in_qemu(d)["devices"])
            assert f"<alias name='{alias}'/>" in d.vmsh("dumpxml", "g"), xml
            if "type='pty'" in xml:
                assert re.search(r"<source path='/dev/pts/\d+'/>", d.vmsh("dumpxml", "g")), xml
            made = re.search(r"mode='bind' path='([^']*)'", d.vmsh("dumpxml", "g"))
            if made:
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(made[1])
            d.vmsh("detach-device-alias", "g", alias, "--live")
            wait_for(lambda: alias not in in_qemu(d)["devices"])
            assert wait_for(lambda: f"'{alias}'" not in d.vmsh("dumpxml", "g")), xml
            until_as_before(d, before)
            assert d.vmsh("dumpxml", "g") == shown, xml
            (d.root / "out").unlink(missing_ok=True)
            with contextlib.suppress(AssertionError):
                wait_for(lambda: look(d) == host, 3)
            same(host, look(d))


@test
def a_watchdog_comes(d):
    begin(d, machine="pc")
    change(d, "attach-device", "<watchdog model='i6300esb' action='pause'/>", "--live", "--config")
    assert "watchdog0" in in_qemu(d)["devices"]
    assert dump(d).find("devices/watchdog").get("action") == "pause"


@test
def a_controller_that_is_used_stays(d):
    begin(d)
    change(d, "attach-device", "<controller type='scsi' index='0' model='virtio-scsi'/>")
    before = in_qemu(d)
    change(d, "attach-device", disk(image(d), "sda", "scsi"))
    said = change(d, "detach-device", "<controller type='scsi' index='0'/>", status=1)
    assert "device is busy" in said, said
    d.vmsh("detach-disk", "g", "sda", "--live")
    same(before, in_qemu(d))
    change(d, "detach-device", "<controller type='scsi' index='0'/>")
    wait_for(lambda: "scsi0" not in in_qemu(d)["devices"])
    assert dump(d).find("devices/controller[@type='scsi']") is None


@test
def what_no_running_guest_takes(d):
    begin(d)
    before, shown = in_qemu(d), d.vmsh("dumpxml", "g")
    for xml in ("<controller type='usb' model='qemu-xhci' index='5'/>", "<sound model='ich9'/>",
                "<input type='mouse' bus='ps2'/>", "<serial type='pty'/>", "<parallel type='pty'/>",
                "<video><model type='vga'/></video>", "<tpm model='tpm-crb'><backend type='emulator'/></tpm>",
                "<graphics type='vnc'/>", "<memballoon model='virtio'/>", "<iommu model='intel'/>"):
        change(d, "attach-device", xml, "--live", status=1)
        same(before, in_qemu(d))
        assert d.vmsh("dumpxml", "g") == shown


def boot(d, devices=""):
    begin(d, "<serial type='pty'/>" + devices, memory=256, kernel=guest())
    return Console(d)


@test
def a_guest_uses_a_disk_and_lets_it_go(d):
    console = boot(d)
    heard = Heard(d)
    path = image(d)
    before = in_qemu(d)
    for n in range(3):
        change(d, "attach-device", disk(path))
        console.until("ls /sys/block", "vda")
        console.run(f"echo round {n} | dd of=/dev/vda bs=512 conv=sync; sync")
        assert path.read_bytes().startswith(f"round {n}".encode())
        assert "Device detached" in change(d, "detach-device", disk(path))
        wait_for(lambda: targets(d) == [], 30)
        until_as_before(d, before)
        wait_for(lambda: "vda" not in console.run("ls /sys/block"))
    wait_for(lambda: heard.words == ["added virtio-disk1", "removed virtio-disk1"] * 3)
    heard.close()


@test
def a_guest_gets_memory(d):
    """And gives it back."""
    numa = ("<maxMemory slots='4' unit='MiB'>1024</maxMemory>"
            "<cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa></cpu>")
    text = domain("g", ROOT + PORTS + "<serial type='pty'/>", memory=256, kernel=guest())
    d.vmsh("define", d.write("g.xml", text.replace("<vcpu>", numa + "<vcpu>")))
    d.vmsh("start", "g")
    console = Console(d)
    before, shown = in_qemu(d), d.vmsh("dumpxml", "g")
    xml = "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>"
    change(d, "attach-device", xml, "--live", "--config")
    assert dump(d).find("memory").text == dump(d, "--inactive").find("memory").text == str(384 << 10)
    assert dump(d).find("devices/memory/alias").get("name") == "dimm0"
    console.until("ls /sys/devices/system/memory; cat /sys/devices/system/memory/*/state", "memory32")
    d.vmsh("detach-device-alias", "g", "dimm0", "--live")
    wait_for(lambda: "dimm0" not in d.vmsh("dumpxml", "g"), 30)
    until_as_before(d, before)
    assert d.vmsh("dumpxml", "g") == shown


@test
def a_guest_that_does_not_listen(d):
    """The call returns, a second one is answered, and what the device holds is held until it goes."""
    console = boot(d)
    path = image(d)
    before = in_qemu(d)
    change(d, "attach-device", disk(path))
    console.until("ls /sys/block", "vda")
    d.vmsh("suspend", "g")  # before it can hear
    began = time.monotonic()
    change(d, "detach-device", disk(path))
    assert 4 < time.monotonic() - began < 10
    assert targets(d) == ["vdb"]
    change(d, "detach-device", disk(path), status=None)  # some QEMUs say that they are about it
    assert targets(d) == ["vdb"]
    assert "in use by domain 'g'" in d.vmsh(
        "create", d.write("o.xml", domain("o", disk(path))), status=1)
    d.kill()
    d.start()
    assert targets(d) == ["vdb"]
    d.vmsh("resume", "g")
    wait_for(lambda: targets(d) == [], 30)
    until_as_before(d, before)


def counts(d):
    """Of the live definition, the persistent one, QEMU, and the threads that are known."""
    live, config = (int(d.vmsh("vcpucount", "g", "--active", how)) for how in ("--live", "--config"))
    return live, config, len(qmp(d, "query-cpus-fast")), d.vmsh("vcpuinfo", "g").count("VCPU:")


def begin_with_processors(d, kernel=None, devices=""):
    text = domain("g", devices, memory=256 if kernel else 64, kernel=kernel)
    d.vmsh("define", d.write("g.xml", text.replace("<vcpu>1", "<vcpu current='1'>4")))
    d.vmsh("start", "g")


@test
def processors_come_to_a_guest_that_runs(d):
    begin_with_processors(d)
    assert counts(d) == (1, 1, 1, 1)
    d.vmsh("setvcpus", "g", "2", "--live", "--config")
    assert counts(d) == (2, 2, 2, 2)
    slots = dump(d).findall("vcpus/vcpu")
    assert [s.get("enabled") for s in slots] == ["yes", "yes", "no", "no"], slots
    assert [s.get("hotpluggable") for s in slots] == ["no", "yes", "yes", "yes"], slots
    d.vmsh("setvcpu", "g", "3", "--enable", "--live")
    assert counts(d) == (3, 2, 3, 3)
    assert dump(d).find("vcpu").get("current") == "3"
    for words, why in ((("setvcpus", "g", "5", "--live"), "greater than max allowable"),
                       (("setvcpus", "g", "3", "--maximum"), "config"),
                       (("setvcpu", "g", "0", "--disable", "--live"), "can't be modified"),
                       (("setvcpu", "g", "3", "--enable", "--live"), "already in requested state"),
                       (("setvcpu", "g", "9", "--enable", "--live"), "not present")):
        said = d.vmsh(*words, status=1)
        assert why in said, said
    d.kill()
    d.start()
    assert counts(d) == (3, 2, 3, 3)
    # No system runs in the guest that could let one go.
    said = d.vmsh("setvcpu", "g", "3", "--disable", "--live", status=1)
    assert "device_del" in said, said
    assert counts(d) == (3, 2, 3, 3)
    d.vmsh("destroy", "g")
    d.vmsh("start", "g")
    assert counts(d) == (2, 2, 2, 2)
    d.vmsh("setvcpus", "g", "1", "--config")
    assert "hotpluggable" in d.vmsh("setvcpus", "g", "1", "--live", status=1)


@test
def what_qemu_has_is_what_is_shown(d):
    """One that QEMU was given behind the daemon's back, and while it was away."""
    begin_with_processors(d)
    free = [seat for seat in qmp(d, "query-hotpluggable-cpus") if "qom-path" not in seat]
    for number, seat in enumerate(reversed(free[1:]), 1):
        qmp(d, "device_add", driver=seat["type"], id=f"vcpu{number}", **seat["props"])
    d.kill()
    d.start()
    wait_for(lambda: counts(d) == (3, 1, 3, 3))


@test
def a_threshold_is_told_when_it_is_passed(d):
    below = image(d, "below.qcow2", "qcow2")
    top = image(d, "top.qcow2", "qcow2", below)
    begin(d, disk(top, "vda", kind="qcow2") + disk(image(d), "vdb"))
    heard = subprocess.Popen([VMSH, "-c", d.uri, "event", "g", "--event", "block-threshold", "--loop"],
                             stdout=subprocess.PIPE, text=True)
    try:
        for number, target in enumerate(("vda", "vdb")):
            def passes(of=target, alias=f"virtio-disk{number}"):
                d.vmsh("domblkthreshold", "g", of, "1M")
                d.vmsh("qemu-monitor-command", "g", "--hmp",
                       f"qemu-io -d /machine/peripheral/{alias}/virtio-backend \"write 0 4M\"")
            said = until_heard(heard, passes)
            assert f"dev: {target}" in said and "1048576" in said, said
    finally:
        heard.kill()
        heard.wait()
    number = dump(d).find("devices/disk/backingStore/source").get("index")
    d.vmsh("domblkthreshold", "g", f"vda[{number}]", "4096")
    nodes = qmp(d, "query-named-block-nodes")
    assert [n["write_threshold"] for n in nodes if n["node-name"] == f"libvirt-{number}-storage"] == [4096]
    for wrong in ("vdz", "vda[99]", "vda[x]"):
        assert "vd" in d.vmsh("domblkthreshold", "g", wrong, "4096", status=1)


main()
