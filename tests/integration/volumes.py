"""Volumes: made, copied, resized, wiped and deleted, by real workers and a real qemu-img."""
import json
import os
import re
import shutil
import subprocess
import time

from harness import main, need, need_root, skip, test, wait_for

MIB = 1 << 20


def pool(d, name="x"):
    need("qemu-img")
    folder = d.root / name
    folder.mkdir(exist_ok=True)
    d.virsh("pool-create-as", name, "dir", "--target", folder)
    return folder


def info(path):
    out = subprocess.run(["qemu-img", "info", "-U", "--output=json", path], check=True, capture_output=True)
    return json.loads(out.stdout)


def create(d, body, *more, status=0, into="x"):
    return d.virsh("vol-create", into, d.write("v.xml", f"<volume>{body}</volume>"), *more, status=status)


def left(folder):
    """What is there beside the volumes: nothing may be."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


@test
def raw_volumes_have_the_size_they_say(d):
    folder = pool(d)
    create(d, "<name>full</name><capacity>3000000</capacity>")
    create(d, "<name>thin</name><capacity>3000000</capacity><allocation>0</allocation>")
    create(d, "<name>more</name><capacity>1000</capacity><allocation>9000</allocation>")
    full, thin = (folder / "full").stat(), (folder / "thin").stat()
    assert (full.st_size, full.st_mode & 0o7777) == (3000000, 0o600) and full.st_blocks * 512 >= 3000000
    assert (thin.st_size, thin.st_blocks) == (3000000, 0)
    assert (folder / "more").stat().st_size == 9000
    assert left(folder) == []
    assert d.virsh("vol-list", "x").count(str(folder)) == 3


@test
def qcow2_is_made_as_asked(d):
    folder = pool(d)
    create(d, "<name>q</name><capacity>1025</capacity><target><format type='qcow2'/><compat>1.1</compat>"
              "<clusterSize unit='KiB'>128</clusterSize><features><lazy_refcounts/><extended_l2/></features>"
              "<permissions><mode>0640</mode><owner>1</owner><group>2</group></permissions></target>")
    seen, st = info(folder / "q"), (folder / "q").stat()
    assert seen["virtual-size"] == 2048 and seen["cluster-size"] == 128 * 1024
    data = seen["format-specific"]["data"]
    assert data["lazy-refcounts"] and data["extended-l2"] and data["compat"] == "1.1"
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o640, 1, 2)
    d.virsh("pool-refresh", "x")
    xml = d.virsh("vol-dumpxml", "q", "x")
    for word in ("<lazy_refcounts/>", "<extended_l2/>", "<clusterSize unit='B'>131072<", "<mode>0640<"):
        assert word in xml, xml
    d.virsh("vol-create-as", "x", "meta", "4M", "--allocation", "0", "--format", "qcow2", "--prealloc-metadata")
    assert (folder / "meta").stat().st_size > 4 * MIB
    assert "metadata" in d.virsh("vol-create-as", "x", "raw", "4M", "--prealloc-metadata", status=1)


@test
def other_formats_are_made(d):
    folder = pool(d)
    for kind in ("vmdk", "vdi", "vpc", "qed", "qcow"):
        d.virsh("vol-create-as", "x", kind, "4M", "--format", kind)
        assert info(folder / kind)["format"] == kind
        assert f"type='{kind}'" in d.virsh("vol-dumpxml", kind, "x")
    d.virsh("vol-create-as", "x", "folder", "0", "--format", "dir")
    assert (folder / "folder").is_dir() and "type='dir'" in d.virsh("vol-dumpxml", "folder", "x")
    assert "cow" in d.virsh("vol-create-as", "x", "cow", "4M", "--format", "cow", status=1)
    assert left(folder) == []


@test
def one_lies_on_another(d):
    folder = pool(d)
    d.virsh("vol-create-as", "x", "base", "5M", "--format", "qcow2")
    create(d, f"<name>top</name><target><format type='qcow2'/></target><backingStore>"
              f"<path>{folder}/base</path><format type='qcow2'/></backingStore>")
    seen = info(folder / "top")
    assert seen["virtual-size"] == 5 * MIB and seen["backing-filename"] == f"{folder}/base"
    assert seen["backing-filename-format"] == "qcow2"
    body = "<name>{}</name><capacity>1</capacity><target><format type='{}'/></target><backingStore>" \
           "<path>{}</path><format type='qcow2'/></backingStore>"
    assert "No such file" in create(d, body.format("a", "qcow2", "/nonexistent/base"), status=1)
    (folder / "odd").write_bytes(bytes(512))
    assert "not in qcow2 format" in create(d, body.format("a", "qcow2", folder / "odd"), status=1)
    assert "not supported" in create(d, body.format("a", "raw", folder / "base"), status=1)
    assert "no file of this host" in create(d, body.format("a", "qcow2", "nbd:127.0.0.1:1"), status=1)
    assert sorted(os.listdir(folder)) == ["base", "odd", "top"]


@test
def what_cannot_be_a_volume(d):
    folder = pool(d)
    d.virsh("vol-create-as", "x", "a", "1M")
    assert "exists already" in d.virsh("vol-create-as", "x", "a", "1M", status=1)
    (folder / "found").write_bytes(b"mine")
    said = d.virsh("vol-create-as", "x", "found", "1M", status=1)
    assert "already exists" in said or "exists already" in said, said  # the pool may have noticed it
    assert (folder / "found").read_bytes() == b"mine"
    for name in ("b/c", "..", ".", ".vmd-x"):
        d.virsh("vol-create-as", "x", name, "1M", status=1)
    assert "no secret" in create(d, "<name>s</name><capacity>1</capacity><target><encryption format='luks'>"
                                  "<secret type='passphrase' uuid='e78d4b51-a2af-485f-b0f5-afca709a80f4'/>"
                                  "</encryption></target>", status=1)
    assert "power of two" in create(d, "<name>s</name><capacity>1</capacity><target><format type='qcow2'/>"
                                       "<clusterSize>3072</clusterSize></target>", status=1)
    assert "are missing: No space left" in d.virsh("vol-create-as", "x", "h", "4000T", status=1)
    assert "btrfs" in create(d, "<name>s</name><capacity>1</capacity><target><nocow/></target>", status=1)
    d.virsh("-r", "vol-delete", "a", "x", uri=d.ro_uri, status=1)
    assert sorted(os.listdir(folder)) == ["a", "found"]
    d.virsh("pool-destroy", "x")


@test
def sizes_change(d):
    folder = pool(d)
    d.virsh("vol-create-as", "x", "r", "1M", "--allocation", "0")
    d.virsh("vol-create-as", "x", "q", "1M", "--format", "qcow2")
    d.virsh("vol-resize", "r", "2000001", "--pool", "x")
    assert (folder / "r").stat().st_size == 2000001
    d.virsh("vol-resize", "r", "1000", "--pool", "x", "--delta")
    assert "shrink" in d.virsh("vol-resize", "r", "1M", "--pool", "x", status=1)
    d.virsh("vol-resize", "r", "1M", "--pool", "x", "--shrink")
    d.virsh("vol-resize", "r", "2M", "--pool", "x", "--allocate")
    st = (folder / "r").stat()
    assert st.st_size == 2 * MIB and st.st_blocks * 512 >= 2 * MIB
    assert "allocation" in d.virsh("vol-resize", "r", "1M", "--pool", "x", "--shrink", status=1)
    d.virsh("vol-resize", "q", "2000001", "--pool", "x")
    assert info(folder / "q")["virtual-size"] == 2000384
    assert "shrink flag" in d.virsh("vol-resize", "q", "1M", "--pool", "x", status=1)
    d.virsh("vol-resize", "q", "1M", "--pool", "x", "--shrink")
    assert info(folder / "q")["virtual-size"] == MIB
    assert "raw" in d.virsh("vol-resize", "q", "4M", "--pool", "x", "--allocate", status=1)


@test
def content_is_copied(d):
    folder, other = pool(d), pool(d, "y")
    data = os.urandom(MIB) + bytes(MIB) + os.urandom(MIB)
    (folder / "r").write_bytes(data)
    d.virsh("pool-refresh", "x")
    body = "<volume><name>{}</name><target><format type='{}'/></target></volume>"
    for name, kind, source in (("q", "qcow2", "r"), ("back", "raw", "q"), ("again", "raw", "r"), ("v", "vmdk", "q")):
        d.virsh("vol-create-from", "y" if name != "q" else "x", d.write("v.xml", body.format(name, kind)),
                source, "--inputpool", "x")
    assert (other / "back").read_bytes() == data and (other / "again").read_bytes() == data
    assert info(other / "v")["format"] == "vmdk"
    d.virsh("vol-clone", "q", "copy", "--pool", "x")
    assert info(folder / "copy")["virtual-size"] == 3 * MIB
    bigger = "<volume><name>big</name><capacity unit='MiB'>8</capacity><target><format type='{}'/></target></volume>"
    d.virsh("vol-create-from", "x", d.write("v.xml", bigger.format("qcow2")), "r", "--inputpool", "x")
    assert info(folder / "big")["virtual-size"] == 8 * MIB
    assert "in use" in d.virsh("vol-clone", "q", "copy", "--pool", "x", status=1)
    assert left(folder) == left(other) == []


@test
def a_copy_reads_nothing_that_a_guest_made_up(d):
    folder = pool(d)
    outside = d.root / "outside"
    outside.write_bytes(b"secret" * 1000)
    for name, backing, kind in (("a", outside, "raw"), ("b", "nbd:127.0.0.1:1", "raw"), ("c", folder / "d", "qcow2"),
                                ("d", folder / "c", "qcow2")):
        subprocess.run(["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", kind,
                        folder / name, "1M"], check=True)
    d.virsh("pool-refresh", "x")
    for name, why in (("a", "no active pool"), ("b", "no file of this host"), ("c", "own backing chain")):
        out = d.virsh("vol-clone", name, "copy", "--pool", "x", status=1)
        assert why in out, out
    assert sorted(os.listdir(folder)) == ["a", "b", "c", "d"]


@test
def a_volume_is_wiped(d):
    folder = pool(d)
    (folder / "full").write_bytes(b"x" * 100000)
    d.virsh("pool-refresh", "x")
    d.virsh("vol-wipe", "full", "x")
    assert (folder / "full").read_bytes() == bytes(100000)
    d.virsh("vol-create-as", "x", "q", "1M", "--format", "qcow2")
    d.virsh("vol-wipe", "q", "x")
    assert not (folder / "q").read_bytes().strip(b"\0") and "raw" in d.virsh("vol-dumpxml", "q", "x")
    out = d.virsh("vol-wipe", "q", "x", "--algorithm", "dod", status=None)
    assert "wiped" in out or "scrub" in out, out
    assert "trim" in d.virsh("vol-wipe", "q", "x", "--algorithm", "trim", status=1)


@test
def a_volume_is_deleted(d):
    folder = pool(d)
    d.virsh("vol-create-as", "x", "a", "1M")
    d.virsh("vol-create-as", "x", "f", "0", "--format", "dir")
    (folder / "f/inside").write_bytes(b"")
    assert "not empty" in d.virsh("vol-delete", "f", "x", status=1)
    (folder / "f/inside").unlink()
    d.virsh("vol-delete", "f", "x")
    (folder / "a").unlink()
    d.virsh("vol-delete", "a", "x")
    assert os.listdir(folder) == [] and str(folder) not in d.virsh("vol-list", "x")


@test
def who_uses_a_volume_is_asked(d):
    need("qemu-system-x86_64")
    folder = pool(d)
    d.virsh("vol-create-as", "x", "base", "4M", "--format", "qcow2")
    create(d, f"<name>disk</name><target><format type='qcow2'/></target><backingStore>"
              f"<path>{folder}/base</path><format type='qcow2'/></backingStore>")
    xml = d.write("g.xml", f"""<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory>
      <os><type arch='x86_64'>hvm</type></os><devices><disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{folder}/disk'/><target dev='vda' bus='virtio'/></disk>
      </devices></domain>""")
    d.virsh("create", xml)
    for name in ("disk", "base"):
        for command in (("vol-delete", name, "x"), ("vol-wipe", name, "x"),
                        ("vol-resize", name, "1M", "--pool", "x", "--shrink")):
            assert "in use by domain 'guest'" in d.virsh(*command, status=1)
    assert "in use by domain 'guest'" in d.virsh("vol-clone", "disk", "copy", "--pool", "x", status=1)
    d.virsh("vol-clone", "base", "copy", "--pool", "x")
    d.virsh("destroy", "guest")
    d.virsh("vol-delete", "disk", "x")
    assert sorted(os.listdir(folder)) == ["base", "copy"]


@test
def a_disk_is_a_volume(d):
    need("qemu-system-x86_64")
    folder = pool(d)
    d.virsh("vol-create-as", "x", "disk", "4M", "--format", "qcow2")
    body = """<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory>
      <os><type arch='x86_64'>hvm</type></os><devices><disk type='volume' device='disk'>
      <driver name='qemu' type='qcow2'/><source pool='x' volume='{}'/><target dev='vda' bus='virtio'/></disk>
      </devices></domain>"""
    d.virsh("define", d.write("g.xml", body.format("disk")))
    d.virsh("start", "guest")

    def is_shown_as_volume():
        xml = d.virsh("dumpxml", "guest", "--security-info")
        return "<disk type='volume'" in xml and "<source pool='x' volume='disk' index='1'/>" in xml \
            and str(folder) not in xml
    assert is_shown_as_volume()
    assert "pool='x' volume='disk'" in d.virsh("dumpxml", "--inactive", "guest")
    assert "4194304" in d.virsh("domblkinfo", "guest", "vda") and "rd_req" in d.virsh("domblkstat", "guest", "vda")
    d.virsh("define", d.write("o.xml", body.format("disk").replace("guest", "other")))
    for _ in range(2):  # and once more for a daemon that finds it
        for command in (("vol-delete", "disk", "x"), ("vol-wipe", "disk", "x"),
                        ("vol-resize", "disk", "1M", "--pool", "x", "--shrink")):
            assert "in use by domain 'guest'" in d.virsh(*command, status=1)
        assert "domain 'guest'" in d.virsh("start", "other", status=1)
        d.kill()
        d.start()
        assert is_shown_as_volume()
    d.virsh("destroy", "guest")
    d.virsh("vol-delete", "disk", "x")
    assert "no storage vol" in d.virsh("start", "guest", status=1)
    d.virsh("pool-destroy", "x")
    assert "no storage pool" in d.virsh("start", "guest", status=1)


@test
def a_pool_starts_when_a_disk_needs_it(d):
    need("qemu-system-x86_64")
    folder = d.root / "p"
    folder.mkdir()
    d.virsh("pool-define-as", "p", "dir", "--target", folder)
    d.virsh("pool-start", "p")
    for name in ("one", "two", "cd"):
        d.virsh("vol-create-as", "p", name, "1M")
    d.virsh("pool-destroy", "p")
    disk = ("<disk type='volume' device='{}'><driver name='qemu' type='raw'/><source pool='p' volume='{}'/>"
            "<target dev='{}' bus='{}'/></disk>")
    d.virsh("define", d.write("g.xml", "<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory><os>"
                              "<type arch='x86_64' machine='q35'>hvm</type></os><devices>" +
                              "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>" +
                              disk.format("disk", "one", "vda", "virtio") + "</devices></domain>"))
    assert "not active" in d.virsh("start", "guest", status=1)
    d.virsh("pool-autostart", "p")
    d.virsh("start", "guest")
    assert "running" in d.virsh("pool-info", "p")
    d.virsh("pool-destroy", "p")
    plugged = d.write("d.xml", disk.format("disk", "two", "vdb", "virtio"))
    d.virsh("attach-device", "guest", plugged)
    assert "running" in d.virsh("pool-info", "p") and "volume='two'" in d.virsh("dumpxml", "guest")
    assert "in use by domain 'guest'" in d.virsh("vol-delete", "two", "p", status=1)
    medium = d.write("m.xml", disk.format("cdrom", "cd", "sda", "sata").replace("/></disk>", "/><readonly/></disk>"))
    d.virsh("update-device", "guest", medium)
    d.virsh("update-device", "guest", medium)  # the same medium: nothing to do
    assert "<source pool='p' volume='cd' index=" in d.virsh("dumpxml", "guest")
    d.kill()
    d.start()
    d.virsh("change-media", "guest", "sda", "--eject")
    assert "volume='cd'" not in d.virsh("dumpxml", "guest")
    d.virsh("vol-delete", "cd", "p")
    d.virsh("destroy", "guest")
    d.virsh("vol-delete", "two", "p")
    folder.joinpath("one").unlink()
    folder.rmdir()
    d.virsh("pool-destroy", "p")
    assert str(folder) in d.virsh("start", "guest", status=1)


@test
def an_image_is_imported(d):
    folder = pool(d)
    image = d.root / "cloud.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True)
    subprocess.run(["qemu-io", "-c", "write -P 5 1M 2M", image], check=True, capture_output=True)
    assert "of format qcow2" in d.vmsh("vol-import", "x", image)
    assert (folder / "cloud.img").read_bytes() == image.read_bytes()
    wait_for(lambda: "type='qcow2'" in d.vmsh("vol-dumpxml", "cloud.img", "--pool", "x"))
    assert "64.00 MiB" in d.vmsh("vol-info", "cloud.img", "--pool", "x")
    assert "cloud.img" in d.vmsh("vol-import", "x", image, status=1)  # it is there already
    raw = d.root / "raw"
    raw.write_bytes(b"\5" * 70000)
    d.vmsh("vol-import", "x", raw, "--name", "other")
    assert (folder / "other").read_bytes() == raw.read_bytes()
    top = d.root / "top.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", top], check=True)
    assert f"lies on '{image}'" in d.vmsh("vol-import", "x", top, status=1)
    bad = bytearray(image.read_bytes())
    bad[0x20000 + 8:0x20000 + 16] = bytes(8)  # a refcount block that is not there
    bad[0x10000:0x10008] = bytes(8)
    d.root.joinpath("bad").write_bytes(bad)
    assert "damaged" in d.vmsh("vol-import", "x", d.root / "bad", status=1)
    assert "is of format 'raw'" not in d.vmsh("vol-import", "x", image, "--format", "raw", "--name", "asraw")
    assert "no image" in d.vmsh("vol-import", "x", raw, "--format", "qcow2", status=1)
    assert "cannot read" in d.vmsh("vol-import", "x", d.root / "none", status=1)
    assert sorted(os.listdir(folder)) == ["asraw", "cloud.img", "other"] and left(folder) == []


@test
def kinds_of_pools_are_told(d):
    caps = d.virsh("pool-capabilities")
    assert "<pool type='dir' supported='yes'>" in caps and "<value>qcow2</value>" in caps
    assert "<pool type='fs' supported='yes'>" in caps and "<pool type='zfs' supported='no'>" in caps
    logical = "yes" if shutil.which("lvm") else "no"
    assert f"<pool type='logical' supported='{logical}'>" in caps
    assert "does not support source discovery" in d.virsh("find-storage-pool-sources", "dir", status=1)


@test
def a_full_disk_leaves_nothing(d):
    need_root("to mount a small file system")
    folder = d.root / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "t", folder], capture_output=True).returncode:
        skip("no tmpfs can be mounted here")
    try:
        d.virsh("pool-create-as", "x", "dir", "--target", folder)
        assert "No space left" in d.virsh("vol-create-as", "x", "a", "8M", status=1)
        (folder / "r").write_bytes(os.urandom(2 * MIB))
        d.virsh("pool-refresh", "x")
        assert "No space left" in d.virsh("vol-clone", "r", "b", "--pool", "x", status=1)
        body = "<volume><name>q</name><target><format type='qcow2'/></target></volume>"
        out = d.virsh("vol-create-from", "x", d.write("v.xml", body), "r", "--inputpool", "x", status=1)
        assert "No space left" in out, out
        assert "No space left" in d.virsh("vol-resize", "r", "8M", "--pool", "x", "--allocate", status=None) \
            or "Not enough space" in d.virsh("vol-resize", "r", "8M", "--pool", "x", "--allocate", status=1)
        assert os.listdir(folder) == ["r"] and (folder / "r").stat().st_size == 2 * MIB
        d.virsh("pool-destroy", "x")
    finally:
        d.end()
        subprocess.run(["umount", folder], check=True)


@test
def a_killed_daemon_leaves_no_half(d):
    """At any moment of a copy the volume is whole or not there; the pool stays active."""
    folder = pool(d)
    (folder / "r").write_bytes(os.urandom(16 * MIB))
    d.virsh("pool-refresh", "x")
    body = d.write("v.xml", "<volume><name>q</name><target><format type='qcow2'/></target></volume>")
    for moment in range(6):
        child = subprocess.Popen(["virsh", "-q", "-c", d.uri, "vol-create-from", "x", body, "r", "--inputpool", "x"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 * moment)
        d.kill()
        child.wait(20)
        d.start()
        assert "running" in d.virsh("pool-info", "x")
        wait_for(lambda: left(folder) == [])
        if (folder / "q").exists():
            assert subprocess.run(["qemu-img", "compare", "-q", folder / "q", folder / "r"]).returncode == 0
            d.virsh("vol-delete", "q", "x")
        assert os.listdir(folder) == ["r"]


STREAMS = """
import libvirt, os, sys
libvirt.registerErrorHandler(lambda *a: None, None)
c = libvirt.open(sys.argv[1])
v = c.storagePoolLookupByName("x").storageVolLookupByName("r")
path, data = v.path(), os.urandom(5 << 20)

def up(data, offset=0, length=0):
    s = c.newStream()
    v.upload(s, offset, length, 0)
    for i in range(0, len(data), 65536):
        s.send(data[i:i + 65536])
    s.finish()

def down(offset=0, length=0):
    s, got = c.newStream(), bytearray()
    v.download(s, offset, length, 0)
    while part := s.recv(262144):
        got += part
    s.finish()
    return bytes(got)

def refused(what, why):
    try:
        what()
    except libvirt.libvirtError as e:
        assert why in str(e), e
    else:
        raise AssertionError(f"not refused: {why}")

up(data)
assert down() == open(path, "rb").read() and down()[:len(data)] == data
assert down(5, 100) == data[5:105] and down(1 << 40) == b""
up(b"y" * 1000, 5000, 1000)
assert down(5000, 1000) == b"y" * 1000
refused(lambda: up(b"x" * 100000, 0, 500), "more bytes")
assert os.stat(path).st_size == 20 << 20

s, parts = c.newStream(), []
v.download(s, 0, 0, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
s.sparseRecvAll(lambda s, data, o: parts.append(len(data)), lambda s, hole, o: parts.append(-hole), None)
s.finish()
assert sum(map(abs, parts)) == 20 << 20 and min(parts) == -(15 << 20), parts

w = c.storagePoolLookupByName("x").createXML(
    "<volume><name>w</name><capacity unit='MiB'>20</capacity></volume>")
todo = [data, 15 << 20]

def section(s, o):
    if not todo:
        return [True, 0]
    return [False, todo[0]] if isinstance(todo[0], int) else [True, len(todo[0])]

def take(s, n, o):
    if not todo:
        return b""
    part, rest = todo[0][:n], todo[0][n:]
    todo[:1] = [rest] if rest else []
    return part

def skip(s, n, o):
    todo.pop(0)
    return 0

s = c.newStream()
w.upload(s, 0, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
s.sparseSendAll(take, section, skip, None)
s.finish()
assert open(w.path(), "rb").read() == data + bytes(15 << 20)
assert os.stat(w.path()).st_blocks * 512 < 6 << 20, "the hole is none"

s = c.newStream()
v.upload(s, 0, 0, 0)
refused(lambda: v.delete(0), "in use by task '")
refused(lambda: v.wipe(0), "in use by task '")
refused(lambda: v.download(c.newStream(), 0, 0, 0), "in use by task '")
s.abort()
"""


@test
def bytes_come_and_go(d):
    folder = pool(d)
    d.virsh("vol-create-as", "x", "r", "20M", "--allocation", "0")
    d.run("/usr/bin/python3", "-c", STREAMS, d.uri)
    wait_for(lambda: "deleted" in d.virsh("vol-delete", "r", "x", status=None))
    assert os.listdir(folder) == ["w"]
    data = d.root / "data"
    data.write_bytes(os.urandom(3 * MIB + 1))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", d.root / "q", "7M"], check=True)
    for size in ("3", "0"):
        d.virsh("vol-upload", "w", data, "--pool", "x")
        d.virsh("vol-download", "w", d.root / "back", "--pool", "x", "--length", str(3 * MIB + 1))
        assert (d.root / "back").read_bytes() == data.read_bytes(), size
    d.virsh("vol-create-as", "x", "q", "0")
    d.virsh("vol-upload", "q", d.root / "q", "--pool", "x")
    wait_for(lambda: "7.00 MiB" in d.virsh("vol-info", "q", "--pool", "x"))


def sparse_goes_both_ways(d, folder):
    """Data between holes, and a hole at the end: their places stay what they are."""
    data, back = d.root / "sparse", d.root / "sparse-back"
    with open(data, "wb") as f:
        for at in (1 * MIB, 3 * MIB):
            f.seek(at)
            f.write(os.urandom(70000))
        f.truncate(8 * MIB)
    d.vmsh("vol-create-as", "x", "holes", "8M", "--allocation", "0")
    d.vmsh("vol-upload", "holes", data, "--pool", "x", "--sparse")
    d.vmsh("vol-download", "holes", back, "--pool", "x", "--sparse")
    for path in (folder / "holes", back):
        assert path.read_bytes() == data.read_bytes(), path
        assert path.stat().st_blocks * 512 < MIB, (path, path.stat())
    d.vmsh("vol-download", "holes", back, "--pool", "x", "--sparse", "--offset", str(MIB + 5), "--length", str(3 * MIB))
    assert back.read_bytes() == data.read_bytes()[MIB + 5:4 * MIB + 5]
    part = d.root / "part"
    d.vmsh("vol-upload", "holes", data, "--pool", "x", "--sparse", "--offset", "5", "--length", str(2 * MIB))
    d.vmsh("vol-download", "holes", part, "--pool", "x", "--offset", "5", "--length", str(2 * MIB))
    assert part.read_bytes() == data.read_bytes()[:2 * MIB]
    d.vmsh("vol-delete", "holes", "--pool", "x")


@test
def vmsh_says_the_same(d):
    folder = pool(d)
    d.vmsh("vol-create-as", "x", "base", "5M", "--format", "qcow2")
    d.vmsh("vol-create-as", "x", "top", "5M", "--format", "qcow2", "--backing-vol", "base",
           "--backing-vol-format", "qcow2")
    assert info(folder / "top")["backing-filename"] == f"{folder}/base"
    d.vmsh("vol-create-as", "x", "raw", "8M", "--allocation", "0")
    data = d.root / "data"
    data.write_bytes(os.urandom(5 * MIB + 7))
    d.vmsh("vol-upload", "raw", data, "--pool", "x")
    d.vmsh("vol-download", "raw", d.root / "back", "--pool", "x", "--length", str(5 * MIB + 7))
    assert (d.root / "back").read_bytes() == data.read_bytes()
    sparse_goes_both_ways(d, folder)
    d.vmsh("vol-clone", "top", "copy", "--pool", "x")
    d.vmsh("vol-resize", "copy", "8M", "--pool", "x")
    assert "shrink" in d.vmsh("vol-resize", "copy", "1M", "--pool", "x", status=1)
    for words in (("vol-info", "copy", "--pool", "x"), ("vol-list", "x"), ("vol-list", "x", "--details"),
                  ("vol-path", "copy", "--pool", "x"), ("vol-key", folder / "copy"), ("vol-name", folder / "copy"),
                  ("vol-pool", folder / "copy"), ("pool-list",), ("pool-list", "--details"), ("pool-info", "x"),
                  ("pool-dumpxml", "x"), ("pool-uuid", "x")):
        assert d.vmsh(*words).strip() == d.virsh(*words).strip(), words
    d.vmsh("vol-wipe", "raw", "--pool", "x")
    for name in ("raw", "copy", "top", "base"):
        d.vmsh("vol-delete", name, "--pool", "x")
    d.vmsh("pool-destroy", "x")
    d.vmsh("pool-define-as", "y", "dir", "--target", d.root / "y")
    for verb in ("build", "start", "refresh", "autostart", "destroy", "delete", "undefine"):
        d.vmsh(f"pool-{verb}", "y")
    assert not (d.root / "y").exists() and d.vmsh("pool-list", "--all", "--name").split() == []


@test
def virt_install_makes_its_disk(d):
    need("virt-install")
    folder = d.root / "images"
    d.virsh("pool-define-as", "default", "dir", "--target", folder)
    d.virsh("pool-build", "default")
    d.virsh("pool-start", "default")
    out = d.run("virt-install", "--connect", d.uri, "--import", "--name", "made", "--memory", "64", "--vcpus", "1",
                "--disk", "size=1,pool=default", "--network", "none", "--osinfo", "detect=on,require=off",
                "--virt-type", "qemu", "--noautoconsole", "--graphics", "none", timeout=120,
                env={"HOME": str(d.root)})
    assert "Domain creation completed" in out, out
    disk = re.search(r"<source file='([^']+)'", d.virsh("dumpxml", "made"))[1]
    assert info(disk)["virtual-size"] == 1 << 30 and "in use" in d.virsh("vol-delete", disk, status=1)


main()
