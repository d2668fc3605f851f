#!/usr/bin/env python3
"""What only a running QEMU can show of drives: disks that forget, copies of what is read, limits where
there is no medium, folders as disks."""
import hashlib
import json
import os
import signal
import subprocess

from harness import main, need, test


def image(d, kind, size="8M", backing=None, name="disk"):
    path = d.root / f"{name}.{kind}"
    below = ["-b", str(backing), "-F", "qcow2"] if backing else []
    subprocess.run([need("qemu-img"), "create", "-q", "-f", kind, *below, str(path),
                    *([] if backing else [size])], check=True)
    return path


def disk(inner, path, kind, driver="", target="<target dev='vda' bus='virtio'/>"):
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'{driver}/>"
            f"<source file='{path}'/>{target}{inner}</disk>")


# The guest lets others write its disk: these tests are the other.
SHARES = ("<qemu:override><qemu:device alias='virtio-disk0'><qemu:frontend>"
          "<qemu:property name='share-rw' type='bool' value='true'/>"
          "</qemu:frontend></qemu:device></qemu:override>")


# One with a display may make sockets: through one of its own these tests see what it would.
VNC = "<graphics type='vnc' autoport='yes' listen='127.0.0.1'/>"


def guest(d, devices, machine="q35", name="g", more=""):
    return d.write(f"{name}.xml", (
        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
        f"<name>{name}</name><memory unit='MiB'>64</memory>"
        f"<os><type arch='x86_64' machine='{machine}'>hvm</type></os>"
        f"<devices>{devices}{VNC}</devices>{more}</domain>"))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def qmp(d, domain, command, **arguments):
    d.virsh("qemu-monitor-command", domain, json.dumps({"execute": command, "arguments": arguments}))


def export(d, name, node, writable):
    """The URL under which QEMU shows what a guest would see."""
    uuid = d.virsh("domuuid", name).strip()
    path = d.root / "run/vmd/qemu" / uuid / "own" / f"{name}.nbd"  # the one folder that is QEMU's
    qmp(d, name, "nbd-server-start", addr={"type": "unix", "data": {"path": f"own/{name}.nbd"}})
    qmp(d, name, "block-export-add",
        **{"type": "nbd", "id": "x", "node-name": node, "name": "x", "writable": writable})
    return f"nbd+unix:///x?socket={path}"


def qemu_io(url, *commands):
    words = [word for command in commands for word in ("-c", command)]
    reads = ["-r"] if all(command.startswith("read") for command in commands) else []
    r = subprocess.run(["qemu-io", *reads, "-f", "raw", *words, url], capture_output=True, text=True)
    said = r.stdout + r.stderr
    assert r.returncode == 0 and "verification failed" not in said, said


def forgets(d, kind):
    path = image(d, kind)
    qemu_io_file(path, kind, "write -P 7 3M 64k")
    before, folder = digest(path), set(os.listdir(d.root))
    d.virsh("create", guest(d, disk("<transient/>", path, kind), more=SHARES), "--paused")
    url = export(d, "g", "libvirt-1-overlay", True)
    qemu_io(url, "write -P 0x5a 1M 64k", "read -P 0x5a 1M 64k", "read -P 0 2M 64k",
            "read -P 7 3M 64k", "write -P 8 7M 1M", "flush")
    assert set(os.listdir(d.root)) - folder <= {"g.xml"}, "a file with a name was left"
    d.virsh("destroy", "g")
    assert digest(path) == before, "the disk has what its guest wrote"


def qemu_io_file(path, kind, command):
    subprocess.run(["qemu-io", "-f", kind, "-c", command, str(path)], check=True,
                   capture_output=True)


@test
def a_raw_disk_that_forgets(d):
    forgets(d, "raw")


@test
def a_qcow2_disk_that_forgets(d):
    forgets(d, "qcow2")


@test
def what_is_forgotten_is_gone_when_the_daemon_is_killed(d):
    path = image(d, "qcow2")
    before, folder = digest(path), set(os.listdir(d.root))
    d.virsh("define", guest(d, disk("<transient/>", path, "qcow2"), more=SHARES))
    d.virsh("start", "g", "--paused")
    d.kill()
    d.start()
    qemu_io(export(d, "g", "libvirt-1-overlay", True), "write -P 0x77 0 64k")
    for pid in d.qemus():
        os.kill(pid, signal.SIGKILL)
    d.virsh("undefine", "g")
    assert digest(path) == before
    assert not [f for f in set(os.listdir(d.root)) - folder if "vmd-" in f or "TRANSIENT" in f]


@test
def two_guests_may_forget_upon_one_image(d):
    path = image(d, "qcow2")
    shared = disk("<transient shareBacking='yes'/>", path, "qcow2")
    d.virsh("create", guest(d, shared, name="a", more=SHARES), "--paused")
    d.virsh("create", guest(d, shared, name="b", more=SHARES), "--paused")
    qemu_io(export(d, "a", "libvirt-1-overlay", True), "write -P 1 0 64k")
    qemu_io(export(d, "b", "libvirt-1-overlay", True), "read -P 0 0 64k")
    refused = d.virsh("create", guest(d, disk("", path, "qcow2"), name="c"), status=None)
    assert "in use by domain" in refused, refused


@test
def what_is_read_is_copied(d):
    below = image(d, "qcow2")
    qemu_io_file(below, "qcow2", "write -P 9 0 64k")
    top = image(d, "qcow2", backing=below, name="top")
    d.virsh("create", guest(d, disk("", top, "qcow2", " copy_on_read='on'")), "--paused")
    qemu_io(export(d, "g", "libvirt-CoR-vda", False), "read -P 9 0 64k")
    d.virsh("qemu-monitor-command", "g", "--hmp", "qemu-io libvirt-1-format flush")
    d.virsh("destroy", "g")
    mapped = subprocess.run(["qemu-img", "map", str(top)], check=True, capture_output=True, text=True)
    assert str(top) in mapped.stdout.splitlines()[1], mapped.stdout


@test
def a_raw_image_takes_copies_too(d):
    d.virsh("create", guest(d, disk("", image(d, "raw"), "raw", " copy_on_read='on'")), "--paused")


@test
def a_drive_without_a_medium_has_limits_of_nothing(d):
    d.virsh("create", guest(d, (
        "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/>"
        "<iotune><read_iops_sec>1</read_iops_sec></iotune></disk>")), "--paused")
    assert "<read_iops_sec>1</read_iops_sec>" in d.virsh("dumpxml", "g")


@test
def limits_that_qemu_refuses_are_told(d):
    path = image(d, "raw")
    limits = "<iotune><total_iops_sec_max>9</total_iops_sec_max></iotune>"
    refused = d.virsh("create", guest(d, disk(limits, path, "raw")), "--paused", status=None)
    assert "block_set_io_throttle" in refused, refused


@test
def a_folder_is_a_floppy(d):
    folder = d.root / "folder"
    folder.mkdir()
    (folder / "driver.txt").write_text("x\n")
    d.virsh("create", guest(d, (
        "<disk type='dir' device='floppy'><driver name='qemu' type='fat'/>"
        f"<source dir='{folder}'/><target dev='fda' bus='fdc'/><readonly/></disk>"), "pc"), "--paused")
    assert "libvirt-1-format" in d.virsh("qemu-monitor-command", "g", "--hmp", "info block")


main()
