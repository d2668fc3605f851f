"""Pools that are partition tables on loop devices. Where the kernel makes no devices of their partitions,
the table is all there is to look at; the host test has the devices."""
import atexit
import json
import subprocess
import xml.etree.ElementTree as ET

from harness import main, need, need_root, skip, test

MIB = 1 << 20


def loop(d, mebibytes=64):
    need_root("to use loop devices")
    need("sfdisk")
    image = d.root / "disk.img"
    with open(image, "wb") as f:
        f.truncate(mebibytes * MIB)
    done = subprocess.run(["losetup", "-P", "-f", "--show", image], capture_output=True, text=True)
    if done.returncode:
        skip(f"no loop device: {done.stderr.strip()}")
    atexit.register(subprocess.run, ["losetup", "-d", done.stdout.strip()], check=False)
    return done.stdout.strip()


def table(device):
    """{number: (first MiB, MiB, type)}"""
    said = subprocess.run(["sfdisk", "--json", device], check=True, capture_output=True, text=True).stdout
    parts = json.loads(said)["partitiontable"].get("partitions", [])
    return {int(p["node"].rsplit("p", 1)[1]): (p["start"] / 2048, p["size"] / 2048, p["type"]) for p in parts}


def define(d, device, kind, name="p"):
    d.virsh("pool-define", d.write(f"{name}.xml",
            f"<pool type='disk'><name>{name}</name><source><device path='{device}'/><format type='{kind}'/>"
            f"</source><target><path>/dev</path></target></pool>"))


def begin(d, kind):
    device = loop(d)
    define(d, device, kind)
    d.virsh("pool-build", "p")
    d.virsh("pool-start", "p")
    return device


def make(d, device, number, size, kind="linux", status=0):
    name = f"{device.removeprefix('/dev/')}p{number}"
    xml = d.write("v.xml", f"<volume><name>{name}</name><capacity unit='bytes'>{size}</capacity>"
                           f"<target><format type='{kind}'/></target></volume>")
    return d.virsh("vol-create", "p", xml, status=status)


def free(d):
    pool = ET.fromstring(d.virsh("pool-dumpxml", "p"))
    return [(int(e.get("start")) // MIB, int(e.get("end")) // MIB) for e in pool.iter("freeExtent")]


@test
def a_table_is_built(d):
    device = loop(d)
    define(d, device, "gpt")
    assert "partition table" in d.virsh("pool-start", "p", status=1)
    d.virsh("pool-build", "p")
    d.virsh("pool-start", "p")
    pool = ET.fromstring(d.virsh("pool-dumpxml", "p"))
    assert 62 * MIB < int(pool.findtext("available")) <= int(pool.findtext("capacity")) < 64 * MIB
    assert free(d) == [(1, 63)]
    assert "conflict" in d.virsh("pool-define-as", "other", "disk", "--source-dev", device, "--target", "/dev",
                                 status=1)
    d.virsh("pool-destroy", "p")
    for flags in ((), ("--no-overwrite",)):
        assert "has something on it" in d.virsh("pool-build", "p", *flags, status=1)
    assert "is not deleted" in d.virsh("pool-delete", "p", status=1)
    d.virsh("pool-undefine", "p")
    define(d, device, "dos")
    assert "not of format 'dos'" in d.virsh("pool-start", "p", status=1)
    d.virsh("pool-build", "p", "--overwrite")
    d.virsh("pool-start", "p")
    d.end()
    d.start()
    assert "running" in d.virsh("pool-info", "p")


@test
def partitions_come_and_go(d):
    device = begin(d, "gpt")
    make(d, device, 1, 10 * MIB)
    make(d, device, 2, 5 * MIB + 1, "linux-swap")
    parts = table(device)
    assert parts[1][:2] == (1, 10) and parts[2][:2] == (11, 6), parts
    assert parts[1][2].startswith("0FC63DAF") and parts[2][2].startswith("0657FD6D")
    name = f"{device.removeprefix('/dev/')}p2"
    volume = ET.fromstring(d.virsh("vol-dumpxml", name, "p"))
    assert volume.findtext("target/path") == f"{device}p2" and int(volume.findtext("capacity")) == 6 * MIB
    assert volume.find("target/format").get("type") == "linux-swap"
    extent = volume.find("source/device/extent")
    assert (int(extent.get("start")), int(extent.get("end"))) == (11 * MIB, 17 * MIB)
    assert free(d) == [(17, 63)]
    said = make(d, device, 7, 4 * MIB, status=1)
    assert f"expected '{name[:-1]}3'" in said, said
    assert "large enough" in make(d, device, 3, 64 * MIB, status=1)
    d.virsh("vol-delete", f"{name[:-1]}1", "p")
    assert list(table(device)) == [2]
    make(d, device, 1, 12 * MIB)
    assert table(device)[1][:2] == (17, 12), "where it fits"
    d.virsh("pool-refresh", "p")
    assert free(d) == [(1, 11), (29, 63)]
    assert "extended" in make(d, device, 3, MIB, "extended", status=1)
    d.virsh("vol-resize", name, "20M", "--pool", "p", status=1)
    assert "not active" not in d.virsh("vol-clone", name, "x", "--pool", "p", status=1)


@test
def logical_ones_lie_in_the_extended_one(d):
    device = begin(d, "dos")
    make(d, device, 1, 10 * MIB)
    make(d, device, 2, 30 * MIB, "extended")
    make(d, device, 5, 8 * MIB, "linux-lvm")
    make(d, device, 6, 8 * MIB)
    make(d, device, 3, 20 * MIB)
    parts = table(device)
    assert parts[2][:2] == (11, 30) and parts[5][:2] == (12, 8) and parts[6][:2] == (21, 8), parts
    assert parts[3][:2] == (41, 20) and parts[5][2] == "8e"
    assert "already exists" in make(d, device, 4, MIB, "extended", status=1)
    base = device.removeprefix("/dev/")
    assert "in it" in d.virsh("vol-delete", f"{base}p2", "p", status=1)
    assert "extended" in d.virsh("vol-wipe", f"{base}p2", "p", status=1)
    d.virsh("vol-delete", f"{base}p6", "p")
    assert sorted(table(device)) == [1, 2, 3, 5]


@test
def what_moved_is_not_deleted(d):
    device = begin(d, "gpt")
    make(d, device, 1, 4 * MIB)
    subprocess.run(["sfdisk", "-q", "--no-reread", "--delete", device, "1"], check=True)
    subprocess.run(["sfdisk", "-q", "--no-reread", "--append", device], input="start=40960, size=2048", text=True,
                   check=True)
    name = f"{device.removeprefix('/dev/')}p1"
    assert "not where it was" in d.virsh("vol-delete", name, "p", status=1)
    assert list(table(device)) == [1]
    d.virsh("pool-refresh", "p")
    d.virsh("vol-delete", name, "p")
    assert not table(device)


@test
def what_cannot_be_had_is_refused(d):
    device = begin(d, "gpt")
    for kind, path, word in (("mac", "/dev", "'mac'"), ("gpt", "/dev/disk/by-id", "target path must be '/dev'")):
        xml = d.write("x.xml", f"<pool type='disk'><name>x</name><source><device path='{device}x'/>"
                               f"<format type='{kind}'/></source><target><path>{path}</path></target></pool>")
        said = d.virsh("pool-create", xml, status=1)
        assert word in said, said
    xml = d.write("v.xml", "<volume><name>v</name><capacity unit='MiB'>4</capacity><target><encryption "
                           "format='luks'/></target></volume>")
    assert "is a partition" in d.virsh("vol-create", "p", xml, status=1)


main()
