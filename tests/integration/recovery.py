#!/usr/bin/env python3
"""The daemon is killed in the middle of everything, again and again, and begins again. VMD_STORM names
the rounds, VMD_STORM_SEED makes another storm."""
import fcntl
import json
import os
import random
import signal
import threading
import time

from harness import QEMU, VMD, Daemon, domain, main, same, test, wait_for

ROUNDS = int(os.environ.get("VMD_STORM", "12"))
SEED = int(os.environ.get("VMD_STORM_SEED", "7"))
DOMAINS = 6
WORKERS = 4
OPERATIONS = ("define", "start", "start", "start", "create", "suspend", "resume", "reset", "destroy",
              "undefine")
# What a client may be told when it and others do all this at once.
EXPECTED = ("failed to get domain", "Domain not found", "is not running", "already", "is under way",
            "cannot undefine transient", "being stopped", "aborted", "undefined meanwhile",
            "no longer running", "monitor is not connected")
GONE = ("cannot connect", "failed to connect", "Connection reset", "Broken pipe", "end of file", "hung up",
        "closed", "ended")


def document(d, number):
    image = d.root / f"{number}.img"
    if not image.exists():
        image.write_bytes(bytes(1 << 20))
    return domain(f"s{number}", memory=32, devices=(
        "<serial type='pty'/><graphics type='vnc' autoport='yes'/>"
        f"<disk type='file'><driver name='qemu' type='raw'/><source file='{image}'/>"
        "<target dev='vda' bus='virtio'/></disk>"))


class Storm:
    """Several clients that do as they like with the same few domains."""

    def __init__(self, d):
        self.d = d
        self.over = False
        self.odd = []
        self.done = 0
        self.files = [d.write(f"s{n}.xml", document(d, n)) for n in range(DOMAINS)]
        self.threads = [threading.Thread(target=self.work, args=(SEED * 100 + k,), daemon=True)
                        for k in range(WORKERS)]
        for thread in self.threads:
            thread.start()

    def work(self, seed):
        chance = random.Random(seed)
        while not self.over:
            number = chance.randrange(DOMAINS)
            what = chance.choice(OPERATIONS)
            target = self.files[number] if what in ("define", "create") else f"s{number}"
            said = self.d.vmsh(what, target, status=None)
            self.done += 1
            if "error:" in said and not any(w in said for w in EXPECTED + GONE):
                self.odd.append(f"{what}: {said}")

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client got no answer"


def tidy(d):
    for line in d.vmsh("list", "--all", "--name").split():
        d.vmsh("destroy", line, status=None)
        d.vmsh("undefine", line, status=None)


def states_are_true(d):
    """What vmd says of each domain is what its QEMU says."""
    names = d.vmsh("list", "--name").split()
    assert len(d.qemus()) == len(names), (d.qemus(), names)
    for name in names:
        said = json.loads(d.vmsh("qemu-monitor-command", name, '{"execute":"query-status"}'))
        state = d.vmsh("domstate", name).strip()
        assert (said["return"]["status"] == "running") == (state == "running"), (name, said, state)


@test
def a_storm_of_crashes_leaves_nothing(d):
    chance = random.Random(SEED)
    # What only the first start brings is not what is left at the end.
    d.vmsh("create", d.write("first.xml", document(d, 0)))
    d.vmsh("destroy", "s0")
    d.kill()
    d.start()
    before = d.inventory()
    storm = Storm(d)
    for _ in range(ROUNDS):
        time.sleep(chance.random() * 0.6)
        d.kill()
        if chance.random() < 0.3 and d.qemus():
            os.kill(chance.choice(d.qemus()), signal.SIGKILL)
        d.start()
    storm.end()
    assert storm.done > ROUNDS
    assert not storm.odd, "\n".join(storm.odd[:5])
    wait_for(lambda: len(d.qemus()) == len(d.vmsh("list", "--name").split()))
    states_are_true(d)
    tidy(d)
    assert d.vmsh("list", "--all", "--name").split() == []
    assert not list((d.root / "etc/vmd/qemu").glob("*.xml*"))
    wait_for(lambda: settled(before, d))


def settled(before, d):
    try:
        same(before, d.inventory())
    except AssertionError:
        return False
    return True


@test
def a_start_does_not_outlive_its_domain(d):
    """It waits for the end of a domain that was undefined meanwhile."""
    d.vmsh("define", d.write("a.xml", domain("a", memory=32)))
    d.vmsh("start", "a")
    qemu = d.qemus()[0]
    os.kill(qemu, signal.SIGSTOP)
    said = {}
    ending = threading.Thread(target=lambda: said.update(
        destroy=d.vmsh("destroy", "--graceful", "a", status=None)))
    ending.start()
    time.sleep(0.3)
    d.vmsh("undefine", "a")
    starting = threading.Thread(target=lambda: said.update(start=d.vmsh("start", "a", status=None)))
    starting.start()
    time.sleep(0.3)
    os.kill(qemu, signal.SIGCONT)
    ending.join(20)
    starting.join(20)
    assert "error" not in said["destroy"], said
    assert "error" in said["start"], said
    assert d.vmsh("list", "--all", "--name").split() == [] and not d.qemus()


@test
def a_failed_run_of_an_undefined_domain_goes(d):
    d.vmsh("define", d.write("a.xml", domain("a", memory=32)))
    d.end()
    d.start(VMD_FAULT="start/save status:after")
    d.vmsh("start", "a", status=1)
    assert "a" in d.vmsh("list", "--all")
    bad = domain("t", memory=32, devices="<disk type='file'><source file='/nowhere'/>"
                                         "<target dev='vda'/></disk>")
    d.vmsh("create", d.write("t.xml", bad), status=1)
    assert "t" not in d.vmsh("list", "--all", "--name").split()


@test
def a_boot_waits_for_what_the_last_daemon_left():
    """A child that is about to become a QEMU has the lock until it is one."""
    d = Daemon()
    try:
        d.start()
        d.kill()
        with open(d.root / "run/vmd/vmd.pid") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            threading.Timer(0.5, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
            began = time.monotonic()
            d.start()
            assert time.monotonic() - began > 0.4
        assert "vmd already runs here" in d.run(VMD, "--root", d.root, status=1)
    finally:
        d.clean()


if QEMU:
    main()
else:
    print("1..0 # SKIP no QEMU")
