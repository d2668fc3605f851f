#!/usr/bin/env python3
"""Names inside images: QEMU has nothing open that only an image's head names, in any format; what lies
below is opened by the daemon and said, and what cannot be said is refused by the names of disk, image
and member."""
import json
import os
import pathlib
import struct
import subprocess
import time

from harness import domain, main, need, test


def make(d, name, kind, *options, size="1M"):
    path = d.root / name
    subprocess.run([need("qemu-img"), "create", "-q", "-f", kind, *options, str(path),
                    *([size] if size else [])], check=True)
    return path


def qcow2(below=None, kind=None, data=None, version=3):
    """The head of an image, which is enough to be looked at."""
    head = bytearray(1024)
    name = (below or "").encode()
    struct.pack_into(">4sIQIIQ", head, 0, b"QFI\xfb", version, 512 if name else 0, len(name), 16, 1 << 20)
    head[512:512 + len(name)] = name
    at = 104 if version == 3 else 72
    if version == 3:
        struct.pack_into(">I", head, 100, 104)
        struct.pack_into(">Q", head, 72, 4 if data else 0)
    for number, text in ((0xe2792aca, kind), (0x44415441, data)):
        if text:
            struct.pack_into(f">II{len(text)}s", head, at, number, len(text), text.encode())
            at += 8 + (len(text) + 7) // 8 * 8
    return bytes(head)


def qcow(below):
    return qcow2(below, version=1)


def qed(below):
    head, name = bytearray(1024), below.encode()
    struct.pack_into("<4sIIIQ", head, 0, b"QED", 65536, 4, 1, 5)
    struct.pack_into("<QII", head, 48, 1 << 20, 512, len(name))
    head[512:512 + len(name)] = name
    return bytes(head)


def descriptor(*lines):
    return "\n".join(("# Disk DescriptorFile", "version=1", "CID=fffffffe", "parentCID=ffffffff",
                      'createType="monolithicFlat"', *lines, "")).encode()


def disk(path, kind, inner="", source=""):
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>"
            f"<source file='{path}'>{source}</source>{inner}<target dev='vda' bus='virtio'/></disk>")


def start(d, devices, status=0, name="g"):
    return d.virsh("create", d.write(f"{name}.xml", domain(name, devices)), "--paused", status=status)


def refused(d, devices, *words):
    said = start(d, devices, status=None)
    assert not d.qemus(), "a QEMU runs"
    for word in words:
        assert word in said, f"{word!r} is not in {said}"
    return said


def nodes(d):
    """The -blockdev of the one QEMU, by node name."""
    pid, = d.qemus()
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    given = [json.loads(words[i + 1]) for i, word in enumerate(words) if word == "-blockdev"]
    return {node["node-name"]: node for node in given}


@test
def what_cannot_be_said_is_refused_by_name(d):
    image, secret = d.root / "image", d.root / "secret"
    secret.write_bytes(b"PRECIOUS" * 8192)
    secret.chmod(0o600)
    extent = f'RW 128 FLAT "{secret}" 0'
    sparse = bytearray(512) + descriptor(extent)
    struct.pack_into("<4sIIQQQQ", sparse, 0, b"KDMV", 1, 3, 0, 128, 1, 20)
    for kind, head in (("qcow2", qcow2(data=str(secret))), ("vmdk", descriptor(extent)),
                       ("vmdk", bytes(sparse))):
        image.write_bytes(head)
        refused(d, disk(image, kind), "disk 'vda'", str(image), str(secret))
    assert secret.read_bytes() == b"PRECIOUS" * 8192


@test
def an_image_below_is_looked_at_as_well(d):
    secret, below = d.root / "secret", d.root / "below"
    secret.write_bytes(bytes(65536))
    below.write_bytes(qcow2(data=str(secret)))
    top = make(d, "top", "qcow2", "-u", "-F", "qcow2", "-b", str(below))
    refused(d, disk(top, "qcow2"), "disk 'vda'", str(below), str(secret))
    said = f"<backingStore type='file'><format type='qcow2'/><source file='{below}'/></backingStore>"
    refused(d, disk(top, "qcow2", said), "disk 'vda'", str(below), str(secret))


@test
def a_data_file_that_the_definition_names_is_opened(d):
    data = d.root / "data"
    image = make(d, "image", "qcow2", "-o", f"data_file={data},data_file_raw=on")
    store = f"<dataStore type='file'><format type='raw'/><source file='{data}'/></dataStore>"
    start(d, disk(image, "qcow2", source=store))
    assert nodes(d)["libvirt-1-format"]["data-file"]


@test
def names_that_are_no_files_are_refused(d):
    image = d.root / "image"
    for name in ('json:{"driver":"file","filename":"/etc/shadow"}', "nbd:localhost:1", "fat:/etc",
                 "blkdebug::/etc/shadow", "https://localhost/x", "nbd+unix:///x?socket=/y"):
        for kind, head in (("qcow2", qcow2(name, "raw")), ("qcow2", qcow2(name, "raw", version=2)),
                           ("qcow", qcow(name)), ("qed", qed(name))):
            image.write_bytes(head)
            refused(d, disk(image, kind), "disk 'vda'", str(image), name)


@test
def what_lies_below_is_no_pipe_and_no_device(d):
    image, fifo = d.root / "image", d.root / "fifo"
    os.mkfifo(fifo)
    for name, why in ((fifo, "a pipe"), ("/dev/null", "a character device"), (d.root, "a folder")):
        image.write_bytes(qcow2(str(name), "raw"))
        before = time.monotonic()
        refused(d, disk(image, "qcow2"), str(name), why)
        assert time.monotonic() - before < 5


@test
def the_end_of_a_chain_is_said_in_every_format(d):
    for kind in ("qcow2", "qcow", "qed", "vmdk"):
        image = make(d, f"image.{kind}", kind)
        start(d, disk(image, kind))
        node = nodes(d)["libvirt-1-format"]
        assert "backing" in node and node["backing"] is None, node
        d.virsh("destroy", "g")


@test
def every_format_stands_on_what_its_head_names(d):
    below = make(d, "below", "raw")
    for kind in ("qcow2", "qcow", "qed"):
        top = make(d, f"top.{kind}", kind, "-b", str(below), "-F", "raw")
        start(d, disk(top, kind))
        assert nodes(d)["libvirt-1-format"]["backing"] == "libvirt-2-storage", nodes(d)
        d.virsh("destroy", "g")
    below = make(d, "below.vmdk", "vmdk")
    top = make(d, "top.vmdk", "vmdk", "-b", str(below), "-F", "vmdk")
    start(d, disk(top, "vmdk"))
    assert nodes(d)["libvirt-1-format"]["backing"] == "libvirt-2-format", nodes(d)


@test
def a_format_is_never_guessed(d):
    below = d.root / "below"
    below.write_bytes(qcow2("/etc/shadow", "raw"))
    top = d.root / "top"
    top.write_bytes(qcow2(str(below)))
    refused(d, disk(top, "qcow2"), str(top), str(below), "was not specified")
    top.write_bytes(qcow2(str(below), "vhdx"))
    refused(d, disk(top, "qcow2"), str(top), str(below), "'vhdx'")


@test
def a_raw_disk_is_raw_whatever_its_guest_writes(d):
    image = d.root / "image"
    image.write_bytes(qcow2("/etc/shadow", "raw", data="/etc/shadow").ljust(65536, b"\0"))
    start(d, disk(image, "raw"))
    assert [node["driver"] for node in nodes(d).values()] == ["file"], nodes(d)


@test
def a_circle_is_told(d):
    one, two = d.root / "one", d.root / "two"
    one.write_bytes(qcow2(str(two), "qcow2"))
    two.write_bytes(qcow2("./one", "qcow2"))
    refused(d, disk(one, "qcow2"), "disk 'vda'", "in its own backing chain")


@test
def a_chain_of_10000_is_told(d):
    for n in range(10000):
        (d.root / f"{n}.q").write_bytes(qcow2(f"{n + 1}.q", "qcow2"))
    before = time.monotonic()
    refused(d, disk(d.root / "0.q", "qcow2"), "disk 'vda'", "at most 200")
    assert time.monotonic() - before < 5


@test
def heads_that_make_no_sense_are_refused(d):
    image = d.root / "image"
    whole = qcow2("/x", "raw")
    for head, why in ((b"", "not in qcow2 format"), (whole[:80], "cut short"),
                      (whole[:24] + b"\xff" * 8 + whole[32:], "larger than a disk"),
                      (whole[:16] + b"\xff" * 4 + whole[20:], "more than 1023")):
        image.write_bytes(head)
        refused(d, disk(image, "qcow2"), "disk 'vda'", str(image), why)


@test
def firmware_names_nothing_either(d):
    secret, variables = d.root / "secret", d.root / "vars"
    secret.write_bytes(bytes(65536))
    variables.write_bytes(qcow2(data=str(secret)))
    code = make(d, "code", "raw", size="64K")
    xml = domain("g").replace("</os>", (
        f"<loader readonly='yes' type='pflash'>{code}</loader>"
        f"<nvram format='qcow2'>{variables}</nvram></os>"))
    said = d.virsh("create", d.write("g.xml", xml), status=None)
    assert str(variables) in said and str(secret) in said and not d.qemus(), said


@test
def how_large_an_image_is_opens_nothing(d):
    image, fifo = d.root / "image", d.root / "fifo"
    os.mkfifo(fifo)
    image.write_bytes(qcow2(str(fifo), "raw", data=str(fifo)))
    d.virsh("define", d.write("g.xml", domain("g", disk(image, "qcow2"))))
    assert "1048576" in d.virsh("domblkinfo", "g", "vda", timeout=10)


main()
