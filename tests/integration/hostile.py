"""What a user without rights can do on the read-only socket: nothing that others notice. Each mode of
hostile_client.py is one attack; measured are the calls of a client of root's, the daemon's memory, its
descriptors and its children."""
import contextlib
import json
import os
import re
import shutil
import struct
import subprocess
import threading
import time

import rpc
from harness import SANITIZED, SOURCE, domain, main, need, need_root, test, wait_for

NOBODY = 65534
VOL_DOWNLOAD = 209
P99_MS = 20.0
BUSY_MACHINE = 4    # times what the same calls take with nobody about
MEASURED_S = 3.0
QUARANTINE_MIB = 256  # of what was freed, that AddressSanitizer keeps
GROWS_MIB = 48      # of what is not a leak: buffers, the heap's own ways


class Others:
    """A client of root's like any other: a call every 5 ms, and how long each waits."""

    def __init__(self, d):
        self.client = rpc.Client(d.socket)
        self.waits, self.over = [], False
        self.thread = threading.Thread(target=self.call)
        self.thread.start()

    def call(self):
        while not self.over:
            start = time.perf_counter()
            assert self.client.call(rpc.LIB_VERSION).status == rpc.OK
            self.waits.append((time.perf_counter() - start) * 1000)
            time.sleep(0.005)

    def end(self):
        self.over = True
        self.thread.join()
        waits = sorted(self.waits)
        return waits[len(waits) * 99 // 100]


def p99_ms(d):
    others = Others(d)
    time.sleep(MEASURED_S)
    return others.end()


@contextlib.contextmanager
def attack(d, mode, *args):
    """The attack is under way, and ends with the block."""
    for name in ("hostile_client.py", "rpc.py"):
        shutil.copy(SOURCE / "tests/integration" / name, d.root)
    os.chmod(d.root, 0o755)
    p = subprocess.Popen(["/usr/bin/python3", d.root / "hostile_client.py", d.ro_socket, mode, *args],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         user=NOBODY, group=NOBODY, extra_groups=[])
    try:
        yield p
    finally:
        p.kill()
        p.communicate()


def under_way(p):
    assert p.stdout.readline() == "ready\n", "the attack fails by itself"


def rss_mib(d):
    with open(f"/proc/{d.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def counted(d, budget):
    rows = {row["budget"]: row for row in json.loads(d.vmsh("daemon-status", "--json"))}
    return rows[budget]


def held_up(d, mode, *args):
    """The p99 of others while the attack begins and goes on; it must be what it is without."""
    need_root("to be another user")
    warm = rpc.Client(d.socket)
    warm.socket.settimeout(120)
    assert warm.call(7).status == rpc.OK  # what emulators can do is known
    alone = p99_ms(d)
    with attack(d, mode, *args) as p:
        others = Others(d)
        under_way(p)
        time.sleep(MEASURED_S)
        p99 = others.end()
    limit = max(P99_MS, BUSY_MACHINE * alone) * (SANITIZED if d.is_sanitized() else 1)
    print(f"# {mode}: p99 of others {p99:.1f} ms, {alone:.1f} ms alone")
    assert p99 < limit, f"{mode}: p99 of others {p99:.1f} ms, {alone:.1f} ms alone"


def grown_mib(d, mode):
    """How much larger the daemon is at its largest."""
    need_root("to be another user")
    before = most = rss_mib(d)
    with attack(d, mode) as p:
        waiter = threading.Thread(target=under_way, args=(p,))
        waiter.start()
        end = time.monotonic() + MEASURED_S
        while waiter.is_alive() or time.monotonic() < end:
            most = max(most, rss_mib(d))
            time.sleep(0.02)
    print(f"# {mode}: the daemon grows by {most - before:.0f} MiB")
    if not d.is_sanitized():
        return most - before
    return (most - before - QUARANTINE_MIB) / SANITIZED


def fds(d):
    return len(os.listdir(f"/proc/{d.pid}/fd"))


# ---- descriptors

@test
def closing_what_lingers_holds_nobody_up(d):
    before = fds(d)
    held_up(d, "lingering")
    wait_for(lambda: fds(d) <= before + 4, 60)


@test
def a_circle_of_descriptors_ends(d):
    need_root("to be another user")
    before = fds(d)
    with attack(d, "circle") as p:
        under_way(p)
    wait_for(lambda: fds(d) <= before + 4)


@test
def descriptors_that_come_unasked_are_not_kept(d):
    need_root("to be another user")
    before = fds(d)
    with attack(d, "descriptors") as p:
        under_way(p)
        time.sleep(0.5)
        assert fds(d) < before + 150, f"{fds(d) - before} descriptors"
    wait_for(lambda: fds(d) <= before + 4)


@test
def a_stream_is_a_descriptor_of_its_client(d):
    """One of root's, that opens one after the other and reads none; of several pools, since each has
    tasks of its own to spare."""
    volumes = []
    for name in ("one", "two", "three"):
        (d.root / name).mkdir()
        (d.root / name / "v").write_bytes(bytes(64 << 20))
        d.vmsh("pool-create", d.write("pool.xml", f"<pool type='dir'><name>{name}</name><target><path>{d.root / name}"
                                                  "</path></target></pool>"))
        volumes.append(rpc.string(name) + rpc.string("v") + rpc.string(str(d.root / name / "v")))
    before, c = fds(d), rpc.Client(d.socket)
    for opened in range(400):
        reply = c.call(VOL_DOWNLOAD, volumes[opened % 3] + struct.pack(">QQI", 0, 0, 0))
        while reply.kind == rpc.STREAM:
            reply = c.read()
        if reply.status == rpc.ERROR:
            break
    assert "budget 'descriptors'" in reply.error()[2] and 200 < opened < 260, (opened, reply.error())
    assert counted(d, "descriptors")["used"] > opened
    c.socket.close()
    wait_for(lambda: fds(d) <= before + 4 and counted(d, "descriptors")["used"] < 10)


# ---- memory

@test
def half_messages_are_refused_by_their_header(d):
    assert grown_mib(d, "halves") < GROWS_MIB


@test
def half_messages_share_one_budget(d):
    assert grown_mib(d, "small_halves") < 24


@test
def names_in_registrations_are_short(d):
    assert grown_mib(d, "names") < 24


@test
def the_deaf_are_not_spoken_to(d):
    assert grown_mib(d, "deaf") < 3 * GROWS_MIB


# ---- connections, programs, lines

@test
def silent_connections_lock_nobody_out(d):
    need_root("to be another user")
    with attack(d, "silent") as p:
        under_way(p)
        start = time.monotonic()
        assert rpc.Client(d.socket).call(rpc.LIB_VERSION).status == rpc.OK
        assert rpc.Client(d.ro_socket).call(rpc.LIB_VERSION).status == rpc.OK
        assert time.monotonic() - start < 5
        assert fds(d) < 1000
        # Of a daemon that is slow the kernel itself turns many away.
        wait_for(lambda: counted(d, "connections")["refused"] > 500, 30)
        connections = counted(d, "connections")
        assert connections["used"] < 1000, connections


@test
def looking_at_an_image_runs_no_program(d):
    need_root("to be another user")
    image = d.write("disk.qcow2", "")
    subprocess.run([need("qemu-img"), "create", "-qf", "qcow2", image, "1M"], check=True)
    disk = (f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{image}'/>"
            "<target dev='vda' bus='virtio'/></disk>")
    d.vmsh("define", d.write("disk.xml", domain("disk", disk)))
    uuid = d.vmsh("domuuid", "disk").strip().replace("-", "")
    most = 0
    with attack(d, "children", uuid) as p:
        under_way(p)
        end = time.monotonic() + MEASURED_S
        while time.monotonic() < end:
            with open(f"/proc/{d.pid}/task/{d.pid}/children") as children:
                most = max(most, len(children.read().split()))
    assert most == 0, f"{most} children at once"


@test
def lines_of_one_cause_are_counted(d):
    need_root("to be another user")
    with attack(d, "noise") as p:
        under_way(p)
    wait_for(lambda: "more lines like this" in d.log.read_text(errors="replace"), 20)
    lines = d.log.read_text(errors="replace").count("\n")
    assert lines < 1000, f"{lines} lines"


# ---- time

@test
def capabilities_hold_nobody_up(d):
    held_up(d, "capabilities")


@test
def node_information_holds_nobody_up(d):
    held_up(d, "node_info")


@test
def a_baseline_of_many_cpus_holds_nobody_up(d):
    held_up(d, "big_baseline")


@test
def connections_that_come_and_go_hold_nobody_up(d):
    held_up(d, "churn")


@test
def the_cpu_map_holds_nobody_up(d):
    held_up(d, "cpu_map")


@test
def statistics_of_many_hold_nobody_up(d):
    c = rpc.Client(d.socket)
    for i in range(300):
        xml = (f"<domain type='qemu'><name>d{i}</name><memory>65536</memory><os><type arch='x86_64' "
               "machine='pc'>hvm</type></os></domain>")
        assert c.call(350, rpc.string(xml) + struct.pack(">I", 0)).status == rpc.OK
    held_up(d, "stats")


main()
