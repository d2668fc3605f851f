#!/usr/bin/env python3
"""Names inside images: QEMU has nothing open that only an image's head names, in any format; what lies
below is opened by the daemon and said, and what cannot be said is refused by the names of disk, image
and member."""
import contextlib
import http.server
import json
import os
import pathlib
import struct
import subprocess
import threading
import time

from harness import domain, main, need, need_root, test, wait_for


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


def guests(d):
    """Pids of QEMUs that are guests: others serve images."""
    return [pid for pid in d.qemus() if b"qemu-system" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]


def refused(d, devices, *words):
    said = start(d, devices, status=None)
    assert not guests(d), "a QEMU runs"
    for word in words:
        assert word in said, f"{word!r} is not in {said}"
    return said


def nodes(d):
    """The -blockdev of the one QEMU, by node name."""
    pid, = guests(d)
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


# ---- on every kind of source

@contextlib.contextmanager
def on_file(d, image, kind):
    yield disk(image, kind)


@contextlib.contextmanager
def on_block_device(d, image, kind):
    need_root("for a loop device")
    device = subprocess.run([need("losetup"), "--find", "--show", image], check=True, capture_output=True,
                            text=True).stdout.strip()
    try:
        yield disk(device, kind).replace("type='file' device", "type='block' device").replace("source file", "source dev")
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


@contextlib.contextmanager
def on_volume(d, image, kind):
    folder = d.root / "pool"
    folder.mkdir(exist_ok=True)
    (folder / "volume").unlink(missing_ok=True)
    os.link(image, folder / "volume")
    if "images" not in d.vmsh("pool-list", "--name"):
        pool = f"<pool type='dir'><name>images</name><target><path>{folder}</path></target></pool>"
        d.vmsh("pool-create", d.write("pool.xml", pool))
    d.vmsh("pool-refresh", "images")
    yield disk("x", kind).replace("type='file' device", "type='volume' device").replace(
        "source file='x'", "source pool='images' volume='volume'")


@contextlib.contextmanager
def on_part_of_a_file(d, image, kind):
    """What the file begins with is another image, whose head names nothing."""
    whole, at = d.root / "whole", 1 << 20
    whole.write_bytes(qcow2().ljust(at, b"\0") + image.read_bytes() + bytes(512))
    size = (image.stat().st_size + 511) // 512 * 512
    part = f"<slices><slice type='storage' offset='{at}' size='{size}'/></slices>"
    yield disk(whole, kind, source=part)


@contextlib.contextmanager
def on_nbd_server(d, image, kind):
    socket = d.root / "nbd.sock"
    server = subprocess.Popen([need("qemu-nbd"), "-f", "raw", "-k", socket, "-t", "-x", "there", image])
    try:
        wait_for(socket.exists)
        yield (f"<disk type='network' device='disk'><driver name='qemu' type='{kind}'/><source protocol='nbd' "
               f"name='there'><host transport='unix' socket='{socket}'/></source><target dev='vda' bus='virtio'/></disk>")
    finally:
        server.kill()
        server.wait()
        socket.unlink()


class Ranges(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(self.server.image.read_bytes(), False)

    def do_GET(self):
        self.answer(self.server.image.read_bytes(), True)

    def answer(self, data, wanted):
        first, last = 0, len(data) - 1
        if "Range" in self.headers:
            first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        self.send_response(206 if "Range" in self.headers else 200)
        part = data[first:last + 1]
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.end_headers()
        if wanted:
            self.wfile.write(part)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def on_http_server(d, image, kind):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    server.image = image
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield (f"<disk type='network' device='disk'><driver name='qemu' type='{kind}'/><source protocol='http' "
               f"name='image'><host name='127.0.0.1' port='{server.server_port}'/></source>"
               "<target dev='vda' bus='virtio'/><readonly/></disk>")
    finally:
        server.shutdown()
        server.server_close()


def qemu_reads_http():
    """Its driver is in a package of its own (qemu-block-extra)."""
    said = subprocess.run(["qemu-img", "info", "http://127.0.0.1:1/none"], capture_output=True, text=True).stderr
    return "CURL" in said


HERE = (on_file, on_block_device, on_volume, on_part_of_a_file)
THERE = (on_nbd_server, on_http_server) if qemu_reads_http() else (on_nbd_server,)


def opened(d):
    """Names of all that the QEMU has open."""
    names = []
    for pid in guests(d):
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                names.append(os.readlink(entry))
    return names


def hostile_heads(d, secret):
    """(format, image that works but for what its head names, whether that is a word for what lies below)"""
    data = d.root / "data"
    image = make(d, "with-data", "qcow2", "-o", f"data_file={data}")
    yield "qcow2", with_name(image, data, secret), False
    for kind in ("qcow2", "qcow", "qed"):
        below = make(d, f"below-{kind}", "raw")
        image = make(d, f"top-{kind}", kind, "-b", below, "-F", "raw")
        yield kind, with_name(image, below, secret), True
    image = d.root / "extents"
    image.write_bytes(descriptor(f'RW 2048 FLAT "{secret}" 0').ljust(65536, b"\0"))
    yield "vmdk", image, False


def with_name(image, name, other):
    """The same with another name of the same length in its head."""
    old, new = str(name).encode(), str(other).encode()
    assert len(new) <= len(old)
    text = image.read_bytes()
    assert old in text
    image.write_bytes(text.replace(old, new.rjust(len(old), b"/")))
    return image


def trust_guests(d):
    """QEMU may open whatever the daemon may."""
    d.end()
    (d.root / "etc/vmd/vmd.conf").write_text("confine_guests = no\n")
    d.start()


def start_with_name_below(d, xml, on, secret):
    d.vmsh("create", d.write("g.xml", domain("g", xml)), "--paused")
    node = nodes(d)["libvirt-1-format"]
    if on in THERE:
        assert node["backing"] is None and str(secret) not in opened(d), node
    else:
        assert node["backing"], node
    d.vmsh("destroy", "g")


@test
def what_a_head_names_is_opened_on_no_kind_of_source(d):
    """Of what lies on this host the daemon has read the head. On a server QEMU alone reads it: that
    nothing lies below it is said, and one that has opened a data file gets no guest."""
    trust_guests(d)
    secret = d.root / "s"
    secret.write_bytes(bytes(1 << 20))
    tried = 0
    for kind, image, is_below in hostile_heads(d, secret):
        for on in HERE + THERE:
            with on(d, image, kind) as xml:
                if is_below:
                    start_with_name_below(d, xml, on, secret)
                else:
                    refused(d, xml, "'vda'", *([str(secret)] if on in HERE or kind == "qcow2" else []))
                tried += 1
    assert tried == 5 * len(HERE + THERE)


@test
def a_confined_qemu_opens_no_data_file_at_all(d):
    secret, data = d.root / "s", d.root / "data"
    image = make(d, "image", "qcow2", "-o", f"data_file={data}")
    secret.write_bytes(bytes(1 << 20))
    for on in THERE:
        with on(d, with_name(image, data, secret) if on == THERE[0] else image, "qcow2") as xml:
            refused(d, xml, str(secret), "Permission denied")


@test
def a_data_file_of_a_disk_that_is_plugged_in_is_seen(d):
    trust_guests(d)
    data = d.root / "data-of-it"
    image = make(d, "image", "qcow2", "-o", f"data_file={data}")
    d.vmsh("create", d.write("g.xml", domain("g", machine="pc")), "--paused")
    with on_nbd_server(d, image, "qcow2") as xml:
        said = d.vmsh("attach-device", "g", d.write("disk.xml", xml), "--live", status=1)
        assert "'vda'" in said and str(data) in said, said
        assert "vda" not in d.vmsh("domblklist", "g") and str(data) not in opened(d)


@test
def how_large_an_image_is_opens_nothing(d):
    image, fifo = d.root / "image", d.root / "fifo"
    os.mkfifo(fifo)
    image.write_bytes(qcow2(str(fifo), "raw", data=str(fifo)))
    d.virsh("define", d.write("g.xml", domain("g", disk(image, "qcow2"))))
    assert "1048576" in d.virsh("domblkinfo", "g", "vda", timeout=10)


main()
