"""Storage pools that are folders, and the volumes found in them."""
import os
import pathlib
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET

from harness import main, need, skip, test, wait_for


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
    assert "fifo" not in listed and "folder" in listed
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
    d.virsh("pool-define-as", "../y", "dir", "--target", "/a", status=1)
    d.virsh("pool-define-as", "y", "rbd", "--source-host", "a", "--source-name", "b", status=1)
    d.virsh("pool-define-as", "y", "dir", "--target", folder / "none")
    assert "No such file" in d.virsh("pool-start", "y", status=1)
    d.virsh("-r", "pool-start", "x", uri=d.ro_uri, status=1)
    assert d.virsh("pool-list", "--name").split() == []


def etc(d):
    return d.root / "etc/vmd/storage"


@test
def what_cannot_be_read_is_listed_and_kept(d):
    folder = d.root / "images"
    folder.mkdir()
    for name in ("x", "y"):
        d.virsh("pool-define-as", name, "dir", "--target", folder / name)
        d.virsh("pool-build", name)
    d.virsh("pool-autostart", "x")
    d.end()
    torn = "<pool type='dir'><name>x</name>"
    (etc(d) / "x.xml").write_text(torn)
    (etc(d) / "autostart/odd.xml").symlink_to("nowhere")
    (etc(d) / "odd.xml").write_bytes(b"\0\xff")
    d.start()
    listed = d.virsh("pool-list", "--all", "--name").split()
    assert sorted(listed) == ["odd", "x", "y"], listed
    assert "inaccessible" in d.virsh("pool-info", "x")
    for command in ("pool-dumpxml", "pool-start", "pool-build", "pool-delete"):
        out = d.virsh(command, "x", status=1)
        assert "cannot be read" in out and "define it anew" in out, out
    assert "cannot be read" in d.virsh("pool-create-as", "x", "dir", "--target", "/a", status=1)
    assert (etc(d) / "x.xml").read_text() == torn
    assert "running" not in d.virsh("pool-info", "y")
    d.virsh("pool-start", "y")
    d.virsh("pool-define-as", "x", "dir", "--target", folder / "x")
    d.virsh("pool-start", "x")
    d.virsh("pool-undefine", "odd")
    assert not (etc(d) / "odd.xml").exists()
    restart(d)
    assert sorted(d.virsh("pool-list", "--name").split()) == ["x", "y"]
    assert "odd" not in d.virsh("pool-list", "--all", "--name")


@test
def a_folder_is_deleted(d):
    folder = d.root / "images"
    d.virsh("pool-define-as", "x", "dir", "--target", folder)
    d.virsh("pool-build", "x")
    d.virsh("pool-start", "x")
    assert "still active" in d.virsh("pool-delete", "x", status=1)
    d.virsh("pool-destroy", "x")
    (folder / "a").write_bytes(b"a")
    assert "not empty" in d.virsh("pool-delete", "x", status=1)
    (folder / "a").unlink()
    d.virsh("pool-delete", "x")
    assert not folder.exists()
    assert "x" in d.virsh("pool-list", "--all", "--name")


EVENTS = """
import libvirt, os, sys, threading, time
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)],
                 daemon=True).start()
c, folder, said = libvirt.open(sys.argv[1]), sys.argv[2], []
def say(*words):
    print(*words)
    said.append(words)
c.storagePoolEventRegisterAny(None, 0, lambda c, p, event, *a: say(p.name(), event), None)
c.storagePoolEventRegisterAny(None, 1, lambda c, p, *a: say(p.name(), "refreshed"), None)
p = c.storagePoolDefineXML(f"<pool type='dir'><name>x</name><target><path>{folder}</path></target></pool>")
p.build(0), p.create(0), p.refresh(0), p.destroy(), p.delete(0), p.undefine()
end = time.monotonic() + 10
while ("x", 1) not in said and time.monotonic() < end:  # the last of them
    time.sleep(0.02)
"""


@test
def events_tell_of_all_that(d):
    told = d.run("/usr/bin/python3", "-u", "-c", EVENTS, d.uri, d.root / "images")
    assert told.split("\n")[:-1] == ["x 0", "x 4", "x 2", "x refreshed", "x 3", "x 5", "x 1"], told


def hurt(d, fault, *command):
    """One fault of one row: the call fails, or the daemon dies in it and the next one settles it."""
    d.end()
    d.start(VMD_FAULT=fault)
    d.virsh(*command, status=None if "kill" in fault else 1)
    if "kill" in fault:
        assert d.wait_killed() == -9, fault
    else:
        d.end()
    d.start()


def shape(d):
    files = {str(p.relative_to(d.root)): p.read_bytes() for p in d.files() if p.is_file()
             and "storage" in p.parts}
    return files, d.virsh("pool-list", "--all"), (d.root / "images").exists()


@test
def a_change_that_fails_is_none(d):
    ways = ("before", "after", "kill-before", "kill-after", "kill-intent")
    target = ("dir", "--target", d.root / "images")
    d.virsh("pool-define-as", "other", "dir", "--target", d.root / "other")
    for row, command in (("pool-define/write definition", ("pool-define-as", "x", *target)),
                         ("pool-autostart/mark", ("pool-autostart", "other")),
                         ("pool-undefine/remove definition", ("pool-undefine", "other")),
                         ("pool-build/make folder", ("pool-build", "x")),
                         ("pool-start/enter", ("pool-start", "x"))):
        if row.startswith("pool-build"):
            d.virsh("pool-define-as", "x", *target)
        if row.startswith("pool-start"):
            d.virsh("pool-build", "x")
        before = shape(d)
        for way in ways:
            hurt(d, f"{row}:{way}", *command)
            assert shape(d) == before, (row, way, shape(d), before)
        if row.startswith("pool-start"):
            hurt(d, f"{row}:kill-commit", *command)
            assert "running" in d.virsh("pool-info", "x")
            hurt(d, f"{row}:undo-kill", "pool-destroy", "x")
            assert shape(d) == before, (row, shape(d), before)


@test
def a_build_that_fails_leaves_nothing(d):
    blocked = d.write("y.xml", f"<pool type='dir'><name>y</name><target><path>{d.root}/a/b/c</path>"
                               "<permissions><mode>0750</mode><owner>1</owner></permissions>"
                               "</target></pool>")
    d.virsh("pool-define", blocked)
    d.end()
    d.start(VMD_FAULT="pool-build/make folder:after")
    assert "fault" in d.virsh("pool-build", "y", status=1)
    assert not (d.root / "a").exists()
    (d.root / "a/b/c").mkdir(parents=True, mode=0o711)
    before = (d.root / "a/b/c").stat()
    d.end()
    d.start(VMD_FAULT="pool-build/make folder:after")
    d.virsh("pool-build", "y", status=1)
    after = (d.root / "a/b/c").stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    d.virsh("pool-build", "y")
    assert (d.root / "a/b/c").stat().st_uid == 1


@test
def a_volume_is_found_however_its_path_is_written(d):
    folder = d.root / "images"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    d.virsh("pool-create-as", "x", "dir", "--target", folder)
    assert d.virsh("vol-pool", f"/{folder}//a").strip() == "x"
    (folder / "a").write_bytes(b"a" * 5000)
    # A look that takes long is answered from memory, so a busy machine may ask again.
    wait_for(lambda: "4.88 KiB" in d.virsh("vol-info", folder / "a"))
    (folder / "a").unlink()
    wait_for(lambda: "no storage vol with matching path" in d.virsh("vol-info", folder / "a", status=None))


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


def listed(d):
    return d.virsh("vol-list", "x").split()


def watched(d, folder):
    d.virsh("pool-define-as", "x", "dir", "--target", folder)
    d.virsh("pool-start", "x")


@test
def changes_of_others_are_noticed(d):
    folder = d.root / "images"
    folder.mkdir()
    watched(d, folder)
    with subprocess.Popen([need("virsh"), "-c", d.uri, "pool-event", "--pool", "x", "--event", "refresh",
                           "--timeout", "60"], stdout=subprocess.PIPE, text=True) as told:
        wait_for(lambda: (folder / f"n{time.monotonic()}").touch() or told.poll() is not None, 30, 0.3)
        assert "events received: 1" in told.stdout.read()
    (folder / "a.img").write_bytes(b"a" * 4096)
    wait_for(lambda: "a.img" in listed(d))
    wait_for(lambda: int(ET.fromstring(d.virsh("vol-dumpxml", "a.img", "x")).findtext("physical")) == 4096)
    (folder / "a.img").rename(folder / "b.img")
    wait_for(lambda: "b.img" in listed(d) and "a.img" not in listed(d))
    (folder / "b.img").unlink()
    wait_for(lambda: "b.img" not in listed(d))
    for n in range(1000):
        (folder / f"many{n}").touch()
    wait_for(lambda: sum(name.startswith("many") for name in listed(d)) == 1000, 30)


@test
def a_folder_that_comes_back_is_watched_again(d):
    folder = d.root / "images"
    folder.mkdir()
    watched(d, folder)
    folder.rename(d.root / "away")
    assert "No such file" in d.virsh("pool-refresh", "x", status=1)
    folder.mkdir()
    d.virsh("pool-refresh", "x")
    (folder / "new.img").touch()
    wait_for(lambda: "new.img" in listed(d))
    d.virsh("pool-destroy", "x")
    (folder / "newer.img").touch()
    d.virsh("pool-start", "x")
    wait_for(lambda: "newer.img" in listed(d))
    (folder / "newest.img").touch()
    wait_for(lambda: "newest.img" in listed(d))


@test
def what_a_power_failure_left_is_swept(d):
    """The making of a volume ends with its daemon, and all that is in /run goes as well."""
    if not pathlib.Path("/etc/machine-id").exists():
        skip("this host has no machine-id")
    folder = d.root / "images"
    theirs = folder / ".vmd-0b7c9f2e-6a4d-4c1b-9f0e-2d3c4b5a6978"
    theirs.mkdir(parents=True)
    (theirs / "v.img").touch()
    d.end()
    d.start(VMD_FAULT="volume-create/write image:kill-before")
    watched(d, folder)
    d.virsh("pool-autostart", "x")
    d.virsh("vol-create-as", "x", "v.img", "1M", status=None)
    assert d.wait_killed() == -9
    left = [path for path in folder.iterdir() if path != theirs]
    assert len(left) == 1 and left[0].name.startswith(".vmd-") and (left[0] / "v.img").exists()
    shutil.rmtree(d.root / "run")
    d.start()
    wait_for(lambda: not left[0].exists())
    assert (theirs / "v.img").exists(), "that of another daemon stays"
    assert "v.img" not in listed(d)


main()
