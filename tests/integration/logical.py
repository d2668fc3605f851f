"""Pools that are volume groups. Here LVM has no device-mapper (groups.py): what is in its metadata is
looked at; guests, uploads, snapshots and thin volumes are the host test's."""
import xml.etree.ElementTree as ET

from groups import Lvm
from harness import main, test

MIB = 1 << 20
EXTENT = 4 * MIB


def pool_xml(d, lvm, name="vg"):
    devices = "".join(f"<device path='{device}'/>" for device in lvm.devices)
    return d.write("pool.xml", f"<pool type='logical'><name>p</name><source>{devices}"
                               f"<name>{name}</name></source></pool>")


def begin(d, **how):
    """A daemon with a group of its own that is started."""
    d.end()
    lvm = Lvm(d, **how)
    d.start(PATH=lvm.path)
    d.virsh("pool-define", pool_xml(d, lvm))
    d.virsh("pool-build", "p")
    d.virsh("pool-start", "p")
    return lvm


def volume(d, name):
    return ET.fromstring(d.virsh("vol-dumpxml", name, "p"))


@test
def a_group_lives(d):
    d.end()
    lvm = Lvm(d, disks=2)
    d.start(PATH=lvm.path)
    d.virsh("pool-define", pool_xml(d, lvm))
    assert "/dev/vg" in d.virsh("pool-dumpxml", "p")
    assert "not found" in d.virsh("pool-start", "p", status=1)
    d.virsh("pool-build", "p")
    assert lvm.groups() == ["vg"]
    assert "already exists" in d.virsh("pool-build", "p", status=1)
    d.virsh("pool-start", "p")
    live = ET.fromstring(d.virsh("pool-dumpxml", "p"))
    assert int(live.findtext("capacity")) == int(live.findtext("available")) == 2 * 31 * EXTENT
    assert "still active" in d.virsh("pool-delete", "p", status=1)
    d.end()
    d.start(PATH=lvm.path)
    assert "running" in d.virsh("pool-info", "p")
    d.virsh("pool-destroy", "p")
    d.virsh("pool-delete", "p")
    assert lvm.groups() == []
    assert lvm.run("pvs", "--noheadings") == "", "the devices are nobody's again"


@test
def what_is_on_a_device_stays_unless_it_is_overwritten(d):
    d.end()
    lvm = Lvm(d)
    d.run("mkfs.ext4", "-q", lvm.devices[0])
    d.start(PATH=lvm.path)
    d.virsh("pool-define", pool_xml(d, lvm))
    for flags in ((), ("--no-overwrite",)):
        said = d.virsh("pool-build", "p", *flags, status=1)
        assert "ext4 signature" in said, said
        assert "ext4" in d.run("blkid", "-p", lvm.devices[0])
    d.virsh("pool-build", "p", "--overwrite")
    assert lvm.groups() == ["vg"]


@test
def volumes_come_and_go(d):
    lvm = begin(d)
    d.virsh("vol-create-as", "p", "one", "10M")
    assert lvm.volumes("vg") == {"one": (3 * EXTENT, "")}, "whole extents, and no mark of the making"
    one = volume(d, "one")
    assert one.get("type") == "block" and one.findtext("target/path") == "/dev/vg/one"
    assert int(one.findtext("capacity")) == int(one.findtext("allocation")) == 3 * EXTENT
    device = one.find("source/device")
    assert device.get("path") == lvm.devices[0]
    assert [(e.get("start"), e.get("end")) for e in device] == [("0", str(3 * EXTENT))]
    key = one.findtext("key")
    assert key == lvm.run("lvs", "--noheadings", "-o", "lv_uuid", "vg/one").strip()
    assert d.virsh("vol-path", key).strip() == "/dev/vg/one"
    assert d.virsh("vol-pool", "/dev/vg/one").strip() == "p"
    assert int(ET.fromstring(d.virsh("pool-dumpxml", "p")).findtext("available")) == 28 * EXTENT
    assert "'one'" in d.virsh("vol-create-as", "p", "one", "10M", status=1)
    said = d.virsh("vol-create-as", "p", "large", "1G", status=1)
    assert "insufficient free space" in said, said
    d.virsh("vol-delete", "one", "p")
    assert lvm.volumes("vg") == {}
    assert int(ET.fromstring(d.virsh("pool-dumpxml", "p")).findtext("available")) == 31 * EXTENT


@test
def volumes_are_resized(d):
    lvm = begin(d)
    d.virsh("vol-create-as", "p", "one", "8M")
    d.virsh("vol-resize", "one", "13M", "--pool", "p")
    assert lvm.volumes("vg")["one"][0] == 4 * EXTENT
    assert int(volume(d, "one").findtext("capacity")) == 4 * EXTENT
    assert "shrink" in d.virsh("vol-resize", "one", "4M", "--pool", "p", status=1)
    d.virsh("vol-resize", "one", "4M", "--pool", "p", "--shrink")
    d.virsh("vol-resize", "one", "4M", "--pool", "p", "--delta")
    assert lvm.volumes("vg")["one"][0] == 2 * EXTENT


@test
def others_volumes_are_found(d):
    lvm = begin(d)
    lvm.run("lvcreate", "-an", "-Zn", "-Wn", "-n", "theirs", "-L", "4M", "vg")
    lvm.run("lvcreate", "-an", "-Zn", "-Wn", "-n", "half", "-L", "4M", "--addtag", "vmd_making_x", "vg")
    assert "target path '/dev/vg/theirs' already exists" in d.virsh("vol-create-as", "p", "theirs", "4M",
                                                                    status=1)
    d.virsh("pool-refresh", "p")
    listed = d.virsh("vol-list", "p")
    assert "theirs" in listed and "half" not in listed, listed
    lvm.run("lvremove", "-f", "-y", "vg/theirs")
    d.virsh("pool-refresh", "p")
    assert "theirs" not in d.virsh("vol-list", "p")


@test
def what_a_device_cannot_have_is_refused(d):
    begin(d)
    xml = "<volume><name>v</name><capacity unit='MiB'>4</capacity>{}</volume>"

    def refused(what, word, *flags):
        said = d.virsh("vol-create", "p", d.write("v.xml", xml.format(what)), *flags, status=1)
        assert word in said, said
    refused("<target><compat>1.1</compat></target>", "compat")
    refused("<target><nocow/></target>", "nocow")
    refused("<target><encryption format='luks'/></target>", "encrypted")
    refused("<backingStore><path>/dev/vg/none</path></backingStore>", "no volume of storage pool")
    refused("", "qcow2", "--prealloc-metadata")
    assert "no name of a volume group" in d.virsh(
        "pool-create", d.write("x.xml", "<pool type='logical'><name>x</name><source><name>-x</name>"
                                        "</source></pool>"), status=1)


@test
def groups_are_discovered(d):
    lvm = begin(d, disks=2)
    for virsh in (d.virsh, d.vmsh):
        found = ET.fromstring(virsh("find-storage-pool-sources", "logical"))
        assert [s.findtext("name") for s in found] == ["vg"]
        assert [e.get("path") for e in found.findall("source/device")] == lvm.devices
        assert found.find("source/format").get("type") == "lvm2"


main()
