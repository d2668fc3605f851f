"""A hostile client kit: hostile_client.py SOCKET MODE, run as a user without rights. It prints "ready"
when its attack is under way, goes on until its input ends, and leaves without a word."""
import array
import os
import resource
import socket
import struct
import sys
import threading

import rpc

SOCKET, MODE = sys.argv[1:3]
MANY = 20000
BASELINE_CPU = 162


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(SOCKET)
    return s


def send_descriptors(s, fds, data=b"\0"):
    try:
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
    except OSError:
        pass


def lingering():
    """The last close of what is sent waits for the other end, which never answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    keep = []
    for _ in range(8):
        slow = socket.create_connection(listening.getsockname())
        keep.append(listening.accept()[0])
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 12))
        slow.setblocking(False)
        try:
            while slow.send(bytes(65536)):
                pass
        except BlockingIOError:
            pass
        s = connect()
        send_descriptors(s, [slow.fileno()])
        slow.close()
        keep.append(s)
    return keep


def circle():
    """A connection that is sent into itself."""
    null = os.open("/dev/null", os.O_RDONLY)
    for _ in range(20):
        s = connect()
        send_descriptors(s, [s.fileno()] + [null] * 252)
        s.close()


def descriptors():
    null = os.open("/dev/null", os.O_RDONLY)
    keep = [connect() for _ in range(83)]
    for s in keep:
        send_descriptors(s, [null] * 253)
    return keep


def announced(size, sent):
    keep = []
    for _ in range(150):
        try:
            s = connect()
            s.sendall(struct.pack(">IIIiIII", size, rpc.REMOTE, 1, rpc.AUTH_LIST, 0, 1, 0))
            for _ in range(0, sent, 65536):
                s.sendall(bytes(min(sent, 65536)))
        except OSError:
            pass
        keep.append(s)
    return keep


def halves():
    """Messages of 32 MiB that never end."""
    return announced((32 << 20) + 4, 31 << 20)


def small_halves():
    """The same of messages that a client may send."""
    return announced(125 << 10, 120 << 10)


def silent():
    keep = []
    for _ in range(5600):
        try:
            keep.append(connect())
        except OSError:
            pass
    return keep


def names():
    """Registrations for events of things with long names."""
    keep = []
    for _ in range(20):
        try:
            c = rpc.Client(SOCKET)
            for i in range(60):
                name = struct.pack(">I", 1) + rpc.string(f"{i}" + "n" * 50000)
                c.send(374, struct.pack(">i", 0) + name)
            keep.append(c)
        except (OSError, EOFError):
            pass
    return keep


def churn():
    """Connections that come and go as fast as they can."""
    def come_and_go():
        while True:
            try:
                connect().close()
            except OSError:
                pass
    for _ in range(4):
        threading.Thread(target=come_and_go, daemon=True).start()
    return []


def pipeline(c, calls):
    try:
        while True:
            c.socket.sendall(calls)
    except OSError:
        pass


def read_all(c):
    try:
        while c.socket.recv(1 << 20):
            pass
    except OSError:
        pass


def busy(number, payload=b""):
    """Calls that are cheap to send and dear to answer."""
    c = rpc.Client(SOCKET)
    c.socket.settimeout(None)
    calls = b"".join(c.pack(number, payload) for _ in range(300))
    threading.Thread(target=pipeline, args=(c, calls), daemon=True).start()
    threading.Thread(target=read_all, args=(c,), daemon=True).start()
    return c


def deaf():
    """Forty clients that ask much and read nothing."""
    keep = []
    for _ in range(40):
        c = rpc.Client(SOCKET)
        c.socket.settimeout(None)
        calls = b"".join(c.pack(7) for _ in range(300))
        threading.Thread(target=pipeline, args=(c, calls), daemon=True).start()
        keep.append(c)
    return keep


def noise():
    """Connections that end with what the daemon writes a line about."""
    for _ in range(3000):
        try:
            s = connect()
            s.sendall(struct.pack(">I", 3))
            s.close()
        except OSError:
            pass


def children():
    """Sixty clients whose calls send a worker each."""
    uuid = bytes.fromhex(sys.argv[3])
    dom = rpc.string("disk") + uuid + struct.pack(">i", -1)
    keep = []
    for _ in range(60):
        c = rpc.Client(SOCKET)
        for _ in range(10):
            c.send(194, dom + rpc.string("vda") + struct.pack(">I", 0))
        keep.append(c)
    return keep


def big_baseline():
    """As many and as large descriptions of CPUs as one message takes, another one each time."""
    words = "vmx svm avx512f pcid x2apic avx2 bmi1 bmi2 erms invpcid rtm hle smap adx smep fsgsbase xsave avx"
    cpu = "<cpu><arch>x86_64</arch><model>EPYC</model>%s</cpu>" % "".join(
        f"<feature name='{word}'/>" for word in words.split())
    cpus = 250
    c = rpc.Client(SOCKET)
    c.socket.settimeout(None)
    calls = [c.pack(BASELINE_CPU, struct.pack(">I", cpus) + rpc.string(cpu + " " * n) * cpus + struct.pack(">I", 1))
             for n in range(8)]
    threading.Thread(target=pipeline, args=(c, b"".join(calls)), daemon=True).start()
    threading.Thread(target=read_all, args=(c,), daemon=True).start()
    return c


MODES = {
    "lingering": lingering, "circle": circle, "descriptors": descriptors, "halves": halves,
    "small_halves": small_halves, "silent": silent, "names": names, "deaf": deaf, "noise": noise,
    "children": children,
    "big_baseline": big_baseline, "churn": churn,
    "capabilities": lambda: busy(7), "node_info": lambda: busy(6),
    "stats": lambda: busy(344, struct.pack(">III", 0, 0, 0)),
    "cpu_map": lambda: busy(rpc.CPU_MAP, struct.pack(">iiI", 1, 1, 0)),
}

resource.setrlimit(resource.RLIMIT_NOFILE, (MANY, MANY))
kept = MODES[MODE]()
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
