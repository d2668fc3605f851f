"""The remote protocol against the real daemon: stock clients, and clients that misbehave."""
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time

import rpc
from harness import QEMU, SANITIZED, SHARED, VMD, main, skip, test, virsh_version, wait_for
from rpc import Client, optional, string


def rss_kib(d):
    """What the daemon holds; 0 under a sanitizer, which holds what was freed."""
    if d.is_sanitized():
        return 0
    with open(f"/proc/{d.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# ---- stock clients

def qemu_version():
    told = subprocess.run([QEMU or skip("no QEMU is installed"), "--version"], check=True,
                          capture_output=True, text=True).stdout
    return re.search(r"version (\d+\.\d+\.\d+)", told)[1]


@test
def virsh_connects(d):
    assert d.virsh("uri").strip() == d.uri
    assert d.virsh("hostname").strip() == socket.gethostname()
    version = d.virsh("version")
    for line in (f"Using library: libvirt {virsh_version()}", f"Using API: QEMU {virsh_version()}",
                 f"Running hypervisor: QEMU {qemu_version()}"):
        assert line in version, version
    assert "CPU(s):" in d.virsh("nodeinfo")
    assert "CPUs online:" in d.virsh("nodecpumap")
    assert "idle:" in d.virsh("nodecpustats")
    assert "total" in d.virsh("nodememstats")
    assert d.virsh("-r", "uri", uri=d.ro_uri).strip() == d.ro_uri


PYTHON_CLIENT = """
import libvirt, sys, threading
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)],
                 daemon=True).start()
c = libvirt.open(sys.argv[1])
c.setKeepAlive(1, 3)
assert c.getType() == "QEMU" and c.isSecure() and c.isAlive()
c.registerCloseCallback(lambda *a: None, None)
ids = [c.domainEventRegisterAny(None, n, lambda *a: None, None) for n in range(26)]
ids2 = [c.networkEventRegisterAny(None, n, lambda *a: None, None) for n in range(1)]
for i in ids: c.domainEventDeregisterAny(i)
for i in ids2: c.networkEventDeregisterAny(i)
c.domainEventRegister(lambda *a: None, None)
assert len(c.getInfo()) == 8
import time; time.sleep(2.5)
assert c.isAlive()
c.close()
print("fine")
"""


@test
def python_libvirt_connects(d):
    if subprocess.run(["/usr/bin/python3", "-c", "import libvirt"], capture_output=True).returncode:
        skip("python3-libvirt is not installed")
    assert "fine" in d.run("/usr/bin/python3", "-c", PYTHON_CLIENT, d.uri)


@test
def captured_sessions_decode(d):
    dissector = SHARED / "wire/decode.py"
    if not dissector.exists():
        skip(f"there is no {dissector}")
    between = d.root / "between.sock"
    proxy = subprocess.Popen([sys.executable, dissector, "proxy", "--quiet", "--listen", between,
                              "--connect", d.socket], stdout=subprocess.PIPE, text=True)
    try:
        wait_for(between.exists)
        uri = f"qemu+unix:///system?socket={between}"
        for command in ("uri", "nodeinfo", "nodecpumap", "nodememstats", "list --all", "net-list",
                        "version", "capabilities", "event --list"):
            d.virsh(*command.split(), uri=uri, status=None)
        d.run("/usr/bin/python3", "-c", PYTHON_CLIENT, uri, status=None)
    finally:
        proxy.terminate()
    out, _ = proxy.communicate(timeout=20)
    assert proxy.returncode == 0, out


# ---- opening

@test
def opening_has_rules(d):
    c = Client(d.socket, opened=False)
    assert struct.unpack(">II", c.call(rpc.AUTH_LIST).payload) == (1, 0)
    assert c.call(rpc.LIB_VERSION).error()[:2] == (1, 7)
    assert c.call(rpc.FEATURE, struct.pack(">i", 14)).error()[:2] == (1, 7)
    for uri, wanted in (("test:///default", (5, 0)), ("qemu:///nowhere", (1, 10)),
                        ("nonsense", (5, 0))):
        reply = c.call(rpc.OPEN, optional(uri) + struct.pack(">I", 0))
        assert reply.error()[:2] == wanted, reply.error()
    assert c.call(rpc.OPEN, optional("qemu:///system") + struct.pack(">I", 0)).status == rpc.OK
    assert c.call(rpc.OPEN, optional("qemu:///system") + struct.pack(">I", 0)).error()[:2] == (1, 7)
    assert struct.unpack(">Q", c.call(rpc.LIB_VERSION).payload) == (11003000,)
    assert c.call(rpc.CLOSE).status == rpc.OK
    assert c.is_closed()


@test
def an_empty_uri_is_ours(d):
    for uri in (None, ""):
        c = Client(d.socket, opened=False)
        assert c.call(rpc.OPEN, optional(uri) + struct.pack(">I", 0)).status == rpc.OK
        assert c.call(110).payload == string("qemu:///system")


# ---- what no client should send

@test
def wrong_lengths_end_the_connection(d):
    for length in (0, 4, 27, 33554432 + 5, 0x7fffffff, 0xffffffff):
        c = Client(d.socket)
        c.socket.sendall(struct.pack(">I", length) + b"\0" * 24)
        assert c.is_closed(), length
    Client(d.socket).call(rpc.LIB_VERSION)


@test
def half_a_message_harms_nobody(d):
    whole = Client(d.socket).pack(rpc.LIB_VERSION)
    waiting = []
    for cut in range(1, len(whole)):
        c = Client(d.socket)
        c.socket.sendall(whole[:cut])
        waiting.append(c)
        assert Client(d.socket).call(rpc.LIB_VERSION).status == rpc.OK
    for c in waiting[::2]:
        c.socket.close()
    assert Client(d.socket).call(rpc.LIB_VERSION).status == rpc.OK


@test
def unknown_numbers_are_refused_by_name(d):
    c = Client(d.socket)
    for number in (0, -1, 9999, 0x7fffffff, -0x80000000, 318):
        code, domain, text = c.call(number).error()
        assert (code, domain) == (39, 7) and text.startswith("unknown procedure"), (number, text)
    reply = c.call(1, program=0x12345678, version=3)
    assert reply.error()[:2] == (39, 7)
    assert (reply.program, reply.version) == (0x12345678, 3)
    assert c.call(rpc.LIB_VERSION, version=2).error()[:2] == (39, 7)
    assert c.call(rpc.LIB_VERSION, status=1).error()[:2] == (39, 7)
    for kind in (rpc.REPLY, rpc.EVENT, 7, 0xffffffff):
        assert c.call(rpc.LIB_VERSION, kind=kind).error()[:2] == (39, 7)
    assert c.call(rpc.LIB_VERSION).status == rpc.OK


@test
def what_is_not_done_is_unsupported(d):
    c = Client(d.socket)
    code, _, text = c.call(68, struct.pack(">I", 0)).error()
    assert code == 3 and "AUTH_SASL_START" in text, (code, text)
    assert c.call(rpc.LIB_VERSION).status == rpc.OK


@test
def arguments_that_do_not_decode(d):
    c = Client(d.socket)
    for payload in (b"", b"\0\0\0\1", struct.pack(">II", 1, 4194305), struct.pack(">II", 1, 50),
                    optional("a\0b") + b"\0\0\0\0"):
        assert c.call(316, payload).status == rpc.ERROR
        assert c.call(rpc.FEATURE, payload[:3]).error()[:2] == (39, 7)
    # More than the arguments is nobody's business.
    assert c.call(rpc.LIB_VERSION, b"x" * 1000).status == rpc.OK


@test
def descriptors_that_never_come(d):
    c = Client(d.socket)
    c.send(rpc.LIB_VERSION, struct.pack(">I", 2), kind=rpc.CALL_FDS)
    c.socket.sendall(b"\0\0")
    assert c.read().error()[:2] == (39, 7)
    c.send(rpc.LIB_VERSION, struct.pack(">I", 1), kind=rpc.CALL_FDS)
    with open("/dev/null") as null:
        socket.send_fds(c.socket, [b"\0"], [null.fileno()])
    assert c.read().status == rpc.OK
    assert c.call(rpc.LIB_VERSION).status == rpc.OK
    c.send(rpc.LIB_VERSION, struct.pack(">I", 33), kind=rpc.CALL_FDS)
    assert c.is_closed()


@test
def noise_does_not_grow_the_daemon(d):
    rng = random.Random(7)
    c = Client(d.socket)
    before = None
    for turn in range(20000):
        if turn == 2000:
            before = rss_kib(d)
        number = rng.randint(1, 453)
        if number == rpc.CLOSE:
            continue
        payload = rng.randbytes(rng.choice((0, 4, 8, 24, 64)))
        reply = c.call(number, payload)
        while reply.kind == rpc.EVENT:
            reply = c.read()
    grown = rss_kib(d) - before
    assert grown < 1024, f"grew by {grown} KiB"


# ---- flow

@test
def pipelined_calls_are_all_answered(d):
    c = Client(d.socket)
    first = c.serial + 1
    c.socket.sendall(b"".join(c.pack(rpc.LIB_VERSION) for _ in range(1000)))
    got = sorted(c.read().serial for _ in range(1000))
    assert got == list(range(first, first + 1000))


@test
def a_client_that_does_not_read_is_not_read(d):
    c = Client(d.socket)
    before = rss_kib(d)
    call = c.pack(rpc.CPU_MAP, struct.pack(">iiI", 1, 1, 0), serial=1)
    c.socket.setblocking(False)
    sent, stuck = 0, 0
    while stuck < 20:
        try:
            at = sent % len(call)
            sent += c.socket.send(call[at:] + call * 1000)
            stuck = 0
        except BlockingIOError:
            stuck += 1
            time.sleep(0.02)
        assert sent < 64 << 20, "it reads on and on"
    assert rss_kib(d) - before < 8192
    start = time.monotonic()
    assert Client(d.socket).call(rpc.LIB_VERSION).status == rpc.OK
    assert time.monotonic() - start < (SANITIZED if d.is_sanitized() else 1)


@test
def many_clients_at_once(d):
    clients = [Client(d.socket) for _ in range(200)]
    for c in clients:
        c.send(rpc.LIB_VERSION)
    assert all(c.read().status == rpc.OK for c in clients)


@test
def keepalive_works_both_ways(d):
    c = Client(d.socket)
    c.send(1, kind=rpc.EVENT, program=rpc.KEEPALIVE, serial=0)
    pong = c.read()
    assert (pong.program, pong.procedure, pong.kind) == (rpc.KEEPALIVE, 2, rpc.EVENT)
    assert struct.unpack(">i", c.call(rpc.FEATURE, struct.pack(">i", 10)).payload) == (1,)
    ping = c.read()
    assert (ping.program, ping.procedure, ping.serial) == (rpc.KEEPALIVE, 1, 0)


@test
def unknown_streams_are_ignored(d):
    c = Client(d.socket)
    for kind, status in ((rpc.STREAM, rpc.CONTINUE), (rpc.STREAM, rpc.OK), (rpc.STREAM, rpc.ERROR),
                         (rpc.HOLE, rpc.CONTINUE)):
        c.send(201, b"abcd", kind=kind, status=status, serial=77)
    assert c.call(rpc.LIB_VERSION).status == rpc.OK


# ---- events

@test
def registrations_have_ids_of_their_own(d):
    c = Client(d.socket)
    ids = [c.call(number, struct.pack(">iI", event, 0)).payload
           for number, events in ((316, range(28)), (313, range(2)), (368, range(2)),
                                  (374, range(2)), (380, range(2)))
           for event in events]
    assert len(set(ids)) == 36 and all(len(i) == 4 for i in ids)
    assert c.call(316, struct.pack(">iI", 3, 0)).error()[0] == 8
    assert c.call(316, struct.pack(">iI", 28, 0)).error()[0] == 1
    assert c.call(317, ids[5]).status == rpc.OK
    assert c.call(317, ids[5]).error()[0] == 1
    assert c.call(314, ids[6]).error()[0] == 1
    assert struct.unpack(">i", c.call(105).payload) == (1,)
    assert struct.unpack(">i", c.call(106).payload) == (0,)
    assert c.call(167, struct.pack(">i", 15)).status == rpc.OK
    assert c.call(167, struct.pack(">i", 16)).error()[0] == 1
    assert c.call(168, struct.pack(">i", 15)).status == rpc.OK


# ---- the daemon

@test
def a_second_daemon_is_refused_by_name(d):
    out = d.run(VMD, "--root", d.root, status=1)
    assert "already runs" in out and str(d.pid) in out, out
    assert Client(d.socket).call(rpc.LIB_VERSION).status == rpc.OK


@test
def sockets_have_their_modes(d):
    assert os.stat(d.socket).st_mode & 0o777 == 0o600
    # The daemon is taken for started once the first socket is there; this is the second.
    wait_for(lambda: os.path.exists(d.ro_socket) and os.stat(d.ro_socket).st_mode & 0o777 == 0o666)


@test
def a_killed_daemon_leaves_no_trouble(d):
    c = Client(d.socket)
    d.kill()
    assert c.is_closed()
    d.start()
    assert Client(d.socket).call(rpc.LIB_VERSION).status == rpc.OK


main()
