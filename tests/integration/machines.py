#!/usr/bin/env python3
"""Guests of other architectures, each on the machine that is usual there: the definition is
completed, QEMU takes the command line, and it has the devices where the definition says."""
import re
import shutil
import xml.etree.ElementTree as ET

import harness
from harness import main, same, skip, test


def guest(d, arch, machine, devices="", extra=""):
    image = d.root / f"{arch}.img"
    image.write_bytes(bytes(1 << 20))
    return d.write(f"{arch}.xml", (
        f"<domain type='qemu'><name>{arch}</name><memory unit='MiB'>256</memory><vcpu>2</vcpu>"
        f"<os><type arch='{arch}' machine='{machine}'>hvm</type></os>{extra}<devices>"
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
        f"<source file='{image}'/><target dev='vda' bus='virtio'/></disk>"
        f"<interface type='user'><model type='virtio'/></interface>"
        f"<serial type='pty'/><rng model='virtio'><backend model='builtin'/></rng>"
        f"<memballoon model='virtio'/>{devices}</devices></domain>"))


def devices_of(d, name):
    """{id: (driver, its lines)} of what QEMU has plugged."""
    tree = d.virsh("qemu-monitor-command", name, "--hmp", "info qtree")
    found = {}
    for text in re.split(r"\n\s*dev: ", tree)[1:]:
        head = text.splitlines()[0]
        match = re.match(r'([^,]+), id "([^"]+)"', head)
        if match:
            found[match[2]] = (match[1], text)
    return found


def run(d, arch, machine, **how):
    """Starts it paused; the completed definition and QEMU's devices."""
    if not shutil.which(f"qemu-system-{arch}"):
        skip(f"qemu-system-{arch} is not installed")
    before = d.inventory()
    d.virsh("define", guest(d, arch, machine, **how))
    d.virsh("start", arch, "--paused")
    assert "paused" in d.virsh("domstate", arch)
    live = ET.fromstring(d.virsh("dumpxml", arch))
    found = devices_of(d, arch)
    d.virsh("destroy", arch)
    d.virsh("undefine", arch, "--nvram")
    after = d.inventory()
    for inventory in (before, after):
        del inventory["files"], inventory["descriptors"]  # the guest's log stays
    same(before, after, arch)
    return live, found


def sits_on(live, found, alias, kind):
    """The address that the definition gives a device is of that kind, and QEMU knows the device."""
    for device in live.find("devices"):
        name = device.find("alias")
        if name is not None and name.get("name") == alias:
            address = device.find("address")
            assert address is not None and address.get("type") == kind, ET.tostring(device)
            assert alias in found, (alias, sorted(found))
            return address
    raise AssertionError(f"no device {alias}")


@test
def arm_virt_has_express_ports_and_a_gic(d):
    live, found = run(d, "aarch64", "virt", extra="<cpu mode='maximum'/>",
                      devices="<graphics type='vnc'/><controller type='usb'/><input type='tablet'/>")
    assert live.find("features/gic") is not None
    assert live.find("devices/serial/target/model").get("name") == "pl011"
    for alias in ("virtio-disk0", "net0", "rng0", "balloon0"):
        address = sits_on(live, found, alias, "pci")
        assert int(address.get("bus"), 16) > 0, "an endpoint on the root bus cannot be unplugged"
    assert found["video0"][0] == "virtio-gpu-pci"
    assert found["usb"][0] == "qemu-xhci"


@test
def arm_devices_follow_one_that_is_mapped(d):
    live, found = run(d, "aarch64", "virt", devices=(
        f"<disk type='file' device='disk'><source file='{d.write('more.img', ' ' * 4096)}'/>"
        "<target dev='vdb' bus='virtio'/><address type='virtio-mmio'/></disk>"))
    for alias in ("virtio-disk0", "virtio-disk1", "net0", "rng0", "balloon0"):
        sits_on(live, found, alias, "virtio-mmio")
        assert found[alias][0].endswith("-device"), found[alias][0]


@test
def riscv_virt_starts(d):
    live, found = run(d, "riscv64", "virt")
    assert live.find("devices/serial/target/model").get("name") == "16550a"
    sits_on(live, found, "virtio-disk0", "pci")


@test
def pseries_has_bridges_and_a_virtual_bus(d):
    live, found = run(d, "ppc64", "pseries", devices=(
        "<controller type='pci' index='1' model='pci-root'/>"
        "<controller type='scsi' index='0'/><nvram/>"))
    assert found["pci.1"][0] == "spapr-pci-host-bridge"
    reg = sits_on(live, found, "serial0", "spapr-vio").get("reg")
    assert f"reg = {int(reg, 16)} " in found["serial0"][1], found["serial0"][1]
    assert sits_on(live, found, "scsi0", "spapr-vio").get("reg") == "0x00002000"


@test
def s390x_has_channels_and_numbered_pci(d):
    live, found = run(d, "s390x", "s390-ccw-virtio", devices=(
        "<interface type='user'><model type='virtio'/>"
        "<address type='pci'><zpci uid='0x17' fid='0x20'/></address></interface>"
        "<watchdog model='diag288'/>"))
    numbers = [int(sits_on(live, found, alias, "ccw").get("devno"), 16)
               for alias in ("virtio-disk0", "net0", "balloon0", "rng0")]
    assert numbers == [0, 1, 2, 3], numbers
    zpci = sits_on(live, found, "net1", "pci").find("zpci")
    assert (zpci.get("uid"), zpci.get("fid")) == ("0x0017", "0x00000020")
    assert found["zpci23"][0] == "zpci" and 'target = "net1"' in found["zpci23"][1]


@test
def capabilities_have_a_guest_for_each_emulator(d):
    told = {g.find("arch").get("name"): g.find("arch/emulator").text
            for g in ET.fromstring(d.virsh("capabilities")).findall("guest")}
    for arch, target in (("x86_64", "x86_64"), ("i686", "i386"), ("aarch64", "aarch64"),
                         ("armv7l", "arm"), ("armv6l", "arm"), ("riscv64", "riscv64"),
                         ("ppc64", "ppc64"), ("ppc64le", "ppc64le"), ("s390x", "s390x")):
        assert told.get(arch) == shutil.which(f"qemu-system-{target}"), (arch, told.get(arch))


@test
def another_build_probes_again(d):
    """It may ask more of the same QEMU, or keep more of what it says."""
    def kept():
        folder = d.root / "var/cache/vmd/capabilities"
        return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}

    d.virsh("domcapabilities")
    before = kept()
    assert before
    d.end()
    d.start()
    d.virsh("domcapabilities")
    assert kept() == before
    d.end()
    own, harness.VMD = harness.VMD, shutil.copy(harness.VMD, d.root / "vmd")
    try:
        d.start()
        d.virsh("domcapabilities")
    finally:
        harness.VMD = own
    assert kept() != before


main()
