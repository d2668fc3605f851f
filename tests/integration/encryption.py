#!/usr/bin/env python3
"""Secrets at work: volumes that are made encrypted, guests that read and write them, logins at servers.
No value shows in a command line, a log, a document or a file of the daemon's, nor stays in memory."""
import base64
import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import threading

from harness import main, need, same, skip, test, wait_for

UUID = "5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6c{:02d}"
KEY = b"a passphrase that nobody else has: 4711, \"quoted\" \xc3\xa4"
MIB = 1 << 20


def secret(d, n, usage, value=KEY, private="yes"):
    d.vmsh("secret-define", d.write("s.xml", f"<secret private='{private}'><uuid>{UUID.format(n)}</uuid>{usage}</secret>"))
    if value:
        d.root.joinpath("value").write_bytes(value)
        d.vmsh("secret-set-value", UUID.format(n), "--file", d.root / "value", "--plain")
        d.root.joinpath("value").unlink()


def luks(n=1, more=""):
    return f"<encryption format='luks'><secret type='passphrase' uuid='{UUID.format(n)}'/>{more}</encryption>"


def pool(d):
    need("qemu-img")
    folder = d.root / "x"
    folder.mkdir()
    d.virsh("pool-create-as", "x", "dir", "--target", folder)
    return folder


def create(d, name, kind, encryption, *more, status=0, command=("vol-create", "x")):
    body = (f"<volume><name>{name}</name><capacity unit='MiB'>4</capacity><allocation>0</allocation><target>"
            f"<format type='{kind}'/>{encryption}</target></volume>")
    return d.virsh(*command, d.write("v.xml", body), *more, status=status)


def make(d, path, kind):
    """An image as the daemon would have made it, but that its key is derived quickly."""
    key, into = d.root / "key", "" if kind == "raw" else "encrypt."
    key.write_bytes(KEY)

    def is_made():  # see MEASURE_TRIES of storage/volume_tool.c
        return subprocess.run([need("qemu-img"), "create", "-q", "-f", "luks" if kind == "raw" else kind, "--object",
                               f"secret,id=k,format=raw,file={key}", "-o",
                               (f"{into}format=luks," if into else "") + f"{into}key-secret=k,{into}iter-time=10",
                               str(path), "4M"]).returncode == 0
    wait_for(is_made)
    key.unlink()


def image_io(path, kind, *commands, value=KEY):
    """qemu-io on an image as who has the key sees it."""
    key = path.parent.parent / "key"
    key.write_bytes(value)
    opened = {"driver": "luks", "key-secret": "k"} if kind == "raw" else \
        {"driver": "qcow2", "encrypt": {"format": "luks", "key-secret": "k"}}
    opened["file"] = {"driver": "file", "filename": str(path), "locking": "off"}
    done = subprocess.run([need("qemu-io"), "--object", f"secret,id=k,format=raw,file={key}",
                           *(word for command in commands for word in ("-c", command)),
                           "json:" + json.dumps(opened)], capture_output=True, text=True)
    key.unlink()
    return done.stdout + done.stderr


def disk(source, kind="qcow2", target="vda", type="volume", more=""):
    return (f"<disk type='{type}' device='disk'><driver name='qemu' type='{kind}'/>{source}"
            f"<target dev='{target}' bus='virtio'/>{more}</disk>")


def guest(d, *disks, name="guest"):
    return d.write("g.xml", f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os>"
                            "<type arch='x86_64' machine='q35'>hvm</type></os><devices>"
                            f"{''.join(disks)}</devices></domain>")


def monitor(d, command, **arguments):
    said = d.virsh("qemu-monitor-command", "guest", json.dumps({"execute": command, "arguments": arguments}))
    return json.loads(said)["return"]


def guest_reads(d, node, command):
    """What qemu-io says of a node of the guest's: QEMU prints that where its log goes."""
    before = vm_log(d)
    d.virsh("qemu-monitor-command", "guest", "--hmp", f"qemu-io {node} \"{command}\"")
    return wait_for(lambda: vm_log(d)[len(before):])


def vm_log(d):
    return next(p for p in d.root.rglob("guest.log")).read_text(errors="replace")


def nodes(d):
    return {n["node-name"]: n for n in monitor(d, "query-named-block-nodes")}


def memory_has(pid, what):
    count = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, mode = line.split()[:2]
            start, end = (int(n, 16) for n in where.split("-"))
            if mode[:2] == "rw" and end - start < 1 << 30:
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    mem.seek(start)
                    count += what in mem.read(end - start)
    return count


def is_told_nowhere(d, qemu):
    """Neither the value nor base64 of it."""
    words = (KEY, base64.b64encode(KEY)[:-4])
    kept = d.root / "etc/vmd/secrets"
    for path in d.root.rglob("*"):
        if path.is_file() and kept not in path.parents:
            text = path.read_bytes()
            assert not any(word in text for word in words), path
    for name in ("cmdline", "environ"):
        text = pathlib.Path(f"/proc/{qemu}/{name}").read_bytes()
        assert not any(word in text for word in words), name
    for fd in pathlib.Path(f"/proc/{qemu}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if "memfd:secret" in os.readlink(fd):
                assert fd.stat().st_size == 0
    assert not any("memfd:secret" in kind for kind in d.kept_descriptors())


@test
def volumes_are_made_encrypted(d):
    folder = pool(d)
    secret(d, 1, "<usage type='volume'><volume>a</volume></usage>")
    secret(d, 2, "", value=None)
    create(d, "out", "raw", luks(more="<cipher name='aes' size='256' mode='cbc' hash='sha256'/>"
                                      "<ivgen name='plain64'/>"))
    create(d, "in", "qcow2", luks().replace(f"uuid='{UUID.format(1)}'", "usage='a'"))
    seen = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", folder / "out"], check=True,
                                     capture_output=True).stdout)
    data = seen["format-specific"]["data"]
    assert (data["cipher-alg"], data["cipher-mode"], data["ivgen-alg"]) == ("aes-256", "cbc", "plain64"), seen
    for name, kind in (("out", "raw"), ("in", "qcow2")):
        xml = d.virsh("vol-dumpxml", name, "x")
        assert "<encryption format='luks'>" in xml and f"<format type='{kind}'/>" in xml, xml
        assert (UUID.format(1) if name == "out" else "usage='a'") in xml, xml
        assert "<capacity unit='bytes'>4194304</capacity>" in xml, xml
        assert (folder / name).stat().st_mode & 0o7777 == 0o600
    assert "wrote" in image_io(folder / "in", "qcow2", "write -P 7 0 64k")
    d.virsh("pool-refresh", "x")
    for name in ("out", "in"):
        assert "<encryption format='luks'" in d.virsh("vol-dumpxml", name, "x")
        assert "encrypted" in d.virsh("vol-resize", name, "8M", "--pool", "x", status=1)
    assert "does not have a value" in create(d, "no", "raw", luks(2), status=1)
    assert "no secret with matching uuid" in create(d, "no", "qcow2", luks(3), status=1)
    assert "'qcow'" in create(d, "no", "raw", luks().replace("'luks'", "'qcow'"), status=1)
    assert "vmdk" in create(d, "no", "vmdk", luks(), status=1)
    assert sorted(os.listdir(folder)) == ["in", "out"]
    assert KEY.decode() not in d.tail(1000)


@test
def a_key_that_could_not_be_measured_is_measured_again(d):
    """QEMU gives up where the kernel booked its short run as system time."""
    (d.root / "bin").mkdir()
    shim = d.write("bin/qemu-img", f"""#!/bin/sh
echo "$1" >>{d.root}/tries
[ $(wc -l <{d.root}/tries) -gt "$(cat {d.root}/fails)" ] && exec {need("qemu-img")} "$@"
echo "qemu-img: out: Unable to get accurate CPU usage" >&2
exit 1
""")
    shim.chmod(0o755)
    d.kill()
    d.start(PATH=f"{d.root}/bin:{os.environ['PATH']}")
    folder = pool(d)
    secret(d, 1, "<usage type='volume'><volume>a</volume></usage>")
    d.write("fails", "3")
    create(d, "out", "raw", luks())
    assert (d.root / "tries").read_text().split() == ["create"] * 4
    d.write("fails", "1000")
    assert "accurate CPU usage" in create(d, "no", "qcow2", luks(), status=1)
    assert len((d.root / "tries").read_text().split()) < 100
    assert os.listdir(folder) == ["out"]


@test
def copies_are_encrypted_on_their_way(d):
    folder = pool(d)
    secret(d, 1, "<usage type='volume'><volume>a</volume></usage>")
    (folder / "plain").write_bytes(b"\7" * MIB)
    d.virsh("pool-refresh", "x")
    for name, kind in (("out", "raw"), ("in", "qcow2")):
        create(d, name, kind, luks(), "plain", "--inputpool", "x", command=("vol-create-from", "x"))
        said = image_io(folder / name, kind, "read -P 7 0 1M", "read 1M 3M")  # as large as was asked
        assert "read 1048576" in said and "read 3145728" in said and "failed" not in said, said
        assert b"\7" * 512 not in (folder / name).read_bytes()
    for name in ("out", "in"):
        assert "is encrypted" in create(d, "no", "qcow2", "", name, "--inputpool", "x",
                                        command=("vol-create-from", "x"), status=1)
    d.virsh("vol-clone", "out", "again", "--pool", "x")
    assert (folder / "again").read_bytes() == (folder / "out").read_bytes()


@test
def guests_have_encrypted_disks(d):
    need("qemu-system-x86_64")
    folder = pool(d)
    secret(d, 1, "<usage type='volume'><volume>a</volume></usage>")
    for name, kind in (("out", "raw"), ("in", "qcow2"), ("more", "qcow2")):
        make(d, folder / name, kind)
        image_io(folder / name, kind, "write -P 7 0 64k")
    d.virsh("pool-refresh", "x")
    before = d.steady_inventory()
    d.virsh("define", guest(
        d, disk(f"<source pool='x' volume='out'>{luks()}</source>", "raw"),
        disk(f"<source file='{folder}/in'/>", target="vdb", type="file", more=luks())))
    d.virsh("start", "guest")
    qemu, = d.qemus()
    assert "libvirt-2-format-encryption-secret0" in pathlib.Path(f"/proc/{qemu}/cmdline").read_text()
    is_told_nowhere(d, qemu)
    said = {name: nodes(d)[name] for name in ("libvirt-2-format", "libvirt-1-format")}
    assert [n["drv"] for n in said.values()] == ["luks", "qcow2"] and all(n["encrypted"] for n in said.values())
    said = guest_reads(d, "libvirt-2-format", "read -P 7 0 64k")
    assert "failed" not in said and "read 65536" in said, said

    plugged = d.write("d.xml", disk(f"<source pool='x' volume='more'>{luks()}</source>", target="vdc"))
    d.virsh("attach-device", "guest", plugged)
    secrets = [o["name"] for o in monitor(d, "qom-list", path="/objects") if "secret" in o["name"]]
    assert len(secrets) == 3, secrets
    is_told_nowhere(d, qemu)
    if not d.is_sanitized():
        assert not memory_has(d.pid, base64.b64encode(KEY)[4:-4])
    assert nodes(d)["libvirt-3-format"]["encrypted"]
    assert "in use by domain 'guest'" in d.virsh("vol-delete", "more", "x", status=1)
    d.kill()
    d.start()
    is_told_nowhere(d, qemu)
    d.virsh("destroy", "guest")
    d.virsh("undefine", "guest")
    same(before, d.steady_inventory())


@test
def a_start_without_the_key_leaves_nothing(d):
    need("qemu-system-x86_64")
    folder = pool(d)
    secret(d, 1, "<usage type='volume'><volume>a</volume></usage>")
    make(d, folder / "out", "raw")
    d.virsh("vol-create-as", "x", "plain", "1M", "--format", "qcow2")
    source = "<source file='{}/{}'>{}</source>"
    d.virsh("define", guest(d, disk(source.format(folder, "out", luks(2)), "raw", type="file"), name="none"))
    d.virsh("define", guest(d, disk(source.format(folder, "out", luks(3)), "raw", type="file"), name="wrong"))
    d.virsh("define", guest(d, disk(source.format(folder, "plain", luks(1)), type="file"), name="plain"))
    secret(d, 3, "", b"another")
    before = d.steady_inventory()
    assert "no secret with matching uuid" in d.virsh("start", "none", status=1)
    assert "Invalid password" in d.virsh("start", "wrong", status=1)
    d.virsh("start", "plain", status=1)
    same(before, d.steady_inventory())
    d.virsh("define", guest(d, "<disk type='file' device='disk'><target dev='vda' bus='virtio'/>"
                               f"<source file='{folder}/plain'/><driver name='qemu' type='qcow2'/></disk>"))
    d.virsh("start", "guest")
    for n, why in ((2, "no secret"), (3, "Invalid password")):
        text = disk(source.format(folder, "out", luks(n)), "raw", "vdb", "file")
        assert why in d.virsh("attach-device", "guest", d.write("d.xml", text), status=1)
    assert not [o for o in monitor(d, "qom-list", path="/objects") if "secret" in o["name"]]
    d.virsh("destroy", "guest")
    d.virsh("undefine", "guest")
    same(before, d.steady_inventory())


class Server(http.server.BaseHTTPRequestHandler):
    """One file, for who logs in with the key."""
    data = bytes(range(256)) * 4096
    want = "Basic " + base64.b64encode(b"me:" + KEY.replace(b":", b"")).decode()
    protocol_version = "HTTP/1.1"

    def answer(self, with_data):
        if self.headers.get("Authorization") != self.want:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=\"x\"")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data, start = self.data, 0
        if self.headers.get("Range"):
            start, end = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
            data = data[start:end + 1]
        self.send_response(206 if self.headers.get("Range") else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        if self.headers.get("Range"):
            self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{len(self.data)}")
        self.end_headers()
        if with_data:
            self.wfile.write(data)

    def do_GET(self):
        self.answer(True)

    def do_HEAD(self):
        self.answer(False)

    def log_message(self, *args):
        pass


@test
def qemu_logs_in_at_a_server(d):
    need("qemu-system-x86_64")
    if not list(pathlib.Path("/usr/lib").glob("*/qemu/block-curl.so")):
        skip("QEMU has no curl (qemu-block-extra)")
    secret(d, 1, "<usage type='iscsi'><target>t</target></usage>", KEY.replace(b":", b""))
    secret(d, 2, "<usage type='iscsi'><target>u</target></usage>", b"another")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = (f"<source protocol='http' name='disk.img'><host name='127.0.0.1' port='{server.server_port}'/>"
              "<auth username='me'><secret type='iscsi' usage='{}'/></auth></source>")
    body = disk(source, "raw", type="network", more="<readonly/>")
    d.virsh("define", guest(d, body.format("t")))
    d.virsh("start", "guest")
    said = guest_reads(d, "libvirt-1-storage", "read -P 65 65 1")
    assert "failed" not in said and "read 1/1" in said, said
    assert "write_attr" not in d.tail(1000)  # what is written is a document
    qemu, = d.qemus()
    is_told_nowhere(d, qemu)
    plugged = d.write("d.xml", body.format("t").replace("vda", "vdb"))
    d.virsh("attach-device", "guest", plugged)
    plugged = d.write("d.xml", body.format("u").replace("vda", "vdc"))
    d.virsh("attach-device", "guest", plugged, status=1)
    d.virsh("destroy", "guest")
    wait_for(lambda: not d.qemus())
    server.shutdown()


main()
