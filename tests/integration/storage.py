"""Storage pools that are folders, and the volumes found in them."""
import os
import subprocess

from harness import main, need, test


def image(folder, name="disk.qcow2", size="64M", kind="qcow2"):
    need("qemu-img")
    folder.mkdir(exist_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, folder / name, size], check=True)
    return folder / name


def restart(d):
    d.end()
    d.start()


@test
def pool_life(d):
    disk = image(d.root / "images")
    d.virsh("pool-define-as", "x", "dir", "--target", disk.parent)
    assert "not active" in d.virsh("vol-list", "x", status=1)
    d.virsh("pool-start", "x")
    assert "already active" in d.virsh("pool-start", "x", status=1)
    assert "disk.qcow2" in d.virsh("vol-list", "x")
    assert "running" in d.virsh("pool-info", "x")
    assert "x" in d.virsh("pool-list")
    d.virsh("pool-autostart", "x")
    before = d.virsh("pool-dumpxml", "--inactive", "x")
    restart(d)
    assert "running" in d.virsh("pool-info", "x")
    assert d.virsh("pool-dumpxml", "--inactive", "x") == before
    assert "disk.qcow2" in d.virsh("vol-list", "x")
    assert "still active" in d.virsh("pool-undefine", "x", status=1)
    d.virsh("pool-destroy", "x")
    assert "not active" in d.virsh("pool-refresh", "x", status=1)
    d.virsh("pool-undefine", "x")
    assert "no storage pool" in d.virsh("pool-info", "x", status=1)
    restart(d)
    assert "x" not in d.virsh("pool-list", "--all", "--name").split()


@test
def a_folder_is_built(d):
    folder = d.root / "deep/images"
    d.virsh("pool-define-as", "x", "dir", "--target", folder)
    assert "No such file" in d.virsh("pool-start", "x", status=1)
    d.virsh("pool-build", "x")
    assert folder.stat().st_mode & 0o7777 == 0o711
    d.virsh("pool-start", "x")
    assert "already active" in d.virsh("pool-build", "x", status=1)
    mine = d.write("y.xml", f"<pool type='dir'><name>y</name><target><path>{d.root}/y</path>"
                            "<permissions><mode>0750</mode><owner>1</owner><group>2</group>"
                            "</permissions></target></pool>")
    d.virsh("pool-define", mine)
    d.virsh("pool-build", "y")
    made = (d.root / "y").stat()
    assert (made.st_mode & 0o7777, made.st_uid, made.st_gid) == (0o750, 1, 2)


@test
def marked_pools_start(d):
    folder = d.root / "images"
    folder.mkdir()
    for name in ("marked", "plain"):
        (folder / name).mkdir()
        d.virsh("pool-define-as", name, "dir", "--target", folder / name)
    d.virsh("pool-autostart", "marked")
    restart(d)
    assert d.virsh("pool-list", "--name").split() == ["marked"]
    d.virsh("pool-autostart", "marked", "--disable")
    d.virsh("pool-destroy", "marked")
    restart(d)
    assert d.virsh("pool-list", "--name").split() == []


@test
def transient_pools_leave(d):
    disk = image(d.root / "images")
    d.virsh("pool-create-as", "t", "dir", "--target", disk.parent)
    assert "transient" in d.virsh("pool-autostart", "t", status=1)
    restart(d)
    assert "no" in d.virsh("pool-info", "t").split("Persistent:")[1].split()[0]
    d.virsh("pool-destroy", "t")
    assert d.virsh("pool-list", "--all", "--name").split() == []
    d.virsh("pool-create-as", "t", "dir", "--target", disk.parent)
    d.end()
    disk.unlink()
    disk.parent.rmdir()
    d.start()
    assert d.virsh("pool-list", "--all", "--name").split() == []


@test
def volumes_are_what_they_are(d):
    disk = image(d.root / "images")
    image(disk.parent, "plain.img", "1M", "raw")
    (disk.parent / "short.qcow2").write_bytes(b"QFI\xfb")
    (disk.parent / "folder").mkdir()
    os.mkfifo(disk.parent / "fifo")
    d.virsh("pool-create-as", "x", "dir", "--target", disk.parent)
    listed = d.virsh("vol-list", "x")
    assert "plain.img" in listed and "short.qcow2" in listed
    assert "fifo" not in listed and "folder" not in listed
    xml = d.virsh("vol-dumpxml", "disk.qcow2", "x")
    assert "<capacity unit='bytes'>67108864</capacity>" in xml and "<format type='qcow2'/>" in xml
    assert f"<physical unit='bytes'>{disk.stat().st_size}</physical>" in xml
    xml = d.virsh("vol-dumpxml", "plain.img", "x")
    assert "<capacity unit='bytes'>1048576</capacity>" in xml and "<format type='raw'/>" in xml
    assert "raw" in d.virsh("vol-dumpxml", "short.qcow2", "x")
    assert "64.00 MiB" in d.virsh("vol-info", disk)
    assert d.virsh("vol-pool", disk).strip() == "x"
    assert d.virsh("vol-key", "disk.qcow2", "x").strip() == str(disk)
    assert d.virsh("vol-path", "disk.qcow2", "--pool", "x").strip() == str(disk)
    image(disk.parent, "late.qcow2")
    assert "late" not in d.virsh("vol-list", "x")
    d.virsh("pool-refresh", "x")
    assert "late" in d.virsh("vol-list", "x")
    assert "not found" in d.virsh("vol-info", disk.parent / "nothing", status=1)


@test
def what_cannot_be_a_pool(d):
    folder = d.root / "images"
    folder.mkdir()
    d.virsh("pool-define-as", "x", "dir", "--target", folder)
    assert "already exists" in d.virsh("pool-define-as", "x", "dir", "--target", "/a", status=1)
    assert "conflict" in d.virsh("pool-define-as", "y", "dir", "--target", folder, status=1)
    assert "target path" in d.virsh("pool-define-as", "y", "dir", status=1)
    assert "absolute" in d.virsh("pool-define-as", "y", "dir", "--target", "a", status=1)
    d.virsh("pool-define-as", "../y", "dir", "--target", "/a", status=1)
    d.virsh("pool-define-as", "y", "rbd", "--source-host", "a", "--source-name", "b", status=1)
    d.virsh("pool-define-as", "y", "dir", "--target", folder / "none")
    assert "No such file" in d.virsh("pool-start", "y", status=1)
    d.virsh("-r", "pool-start", "x", uri=d.ro_uri, status=1)
    assert d.virsh("pool-list", "--name").split() == []


@test
def virt_install_manages_the_folder(d):
    need("virt-install")
    disk = image(d.root / "some")
    out = d.run("virt-install", "--connect", d.uri, "--import", "--name", "imported", "--memory",
                "64", "--vcpus", "1", "--disk", f"path={disk},format=qcow2", "--network", "user",
                "--osinfo", "detect=on,require=off", "--virt-type", "qemu", "--noautoconsole",
                "--graphics", "vnc", timeout=120, env={"HOME": str(d.root)})
    assert "Domain creation completed" in out, out
    assert "running" in d.virsh("domstate", "imported")
    assert str(disk) in d.virsh("dumpxml", "imported")
    assert "yes" in d.virsh("pool-info", "some").split("Autostart:")[1].split()[0]
    assert d.virsh("vol-pool", disk).strip() == "some"


main()
