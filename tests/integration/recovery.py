#!/usr/bin/env python3
"""The daemon is killed in the middle of everything, again and again, and begins again. VMD_STORM names
the rounds, VMD_STORM_SEED makes another storm."""
import difflib
import fcntl
import os
import random
import signal
import struct
import threading
import time
import uuid

import rpc
from harness import QEMU, VMD, Daemon, domain, main, test, wait_for
from storm import Storm, kill_a_qemu, settled, small, states_are_true, tidy

ROUNDS = int(os.environ.get("VMD_STORM", "12"))
SEED = int(os.environ.get("VMD_STORM_SEED", "7"))
DOMAINS = 6
WORKERS = 4
DOMAIN_CREATE = 9


@test
def a_storm_of_crashes_leaves_nothing(d):
    chance = random.Random(SEED)
    # What only the first start brings is not what is left at the end.
    d.vmsh("create", d.write("first.xml", small(d, "s0")))
    d.vmsh("destroy", "s0")
    d.kill()
    d.start()
    before = d.inventory()
    storm = Storm(d, DOMAINS, WORKERS, SEED, small).begin()
    for _ in range(ROUNDS):
        time.sleep(chance.random() * 0.6)
        d.kill()
        if chance.random() < 0.3:
            kill_a_qemu(d, chance)
        d.start()
    storm.end()
    assert storm.done > ROUNDS
    states_are_true(d)
    tidy(d)
    assert d.vmsh("list", "--all", "--name").split() == []
    assert not list((d.root / "etc/vmd/qemu").glob("*.xml*"))
    wait_for(lambda: settled(before, d))


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


KEPT = {
    "console": "<console type='pty'/>",
    "ports": "<serial type='pty'/><serial type='null'/><parallel type='null'/>"
             "<console type='pty'><target type='virtio'/></console>",
    "channels": "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
                "<channel type='pty'><target type='virtio' name='x'/></channel>",
    "display": "<graphics type='vnc' port='-1' websocket='-1' passwd='x' listen='127.0.0.1'/>"
               "<video><model type='virtio'/></video><input type='tablet'/><sound model='ich9'/>",
    "display's socket": "<graphics type='vnc'><listen type='socket'/></graphics>",
    "drives": "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
              "<interface type='user'><model type='e1000'/></interface>",
    "odds": "<watchdog model='i6300esb'/><memballoon model='virtio'><stats period='5'/></memballoon>"
            "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
}


@test
def a_new_daemon_says_what_the_old_one_said(d):
    for name, devices in KEPT.items():
        d.vmsh("define", d.write("k.xml", domain(name, devices, memory=16)))
        d.vmsh("start", name, "--paused")
    asked = [(words, name) for name in KEPT for words in (
        ["dumpxml"], ["dumpxml", "--inactive"], ["domstate", "--reason"], ["domid"])]
    before = {(name, *words): d.vmsh(*words, name) for words, name in asked}
    d.kill()
    d.start()
    for words, name in asked:
        said = d.vmsh(*words, name)
        assert said == before[name, *words], "\n".join(difflib.unified_diff(
            before[name, *words].splitlines(), said.splitlines(), f"{name}: {words}", lineterm=""))


@test
def a_start_that_was_answered_stays(d):
    """However soon after its answer the daemon dies."""
    names = [f"a{n}" for n in range(6)]
    for name in names:
        d.vmsh("define", d.write(f"{name}.xml", domain(name, memory=16, machine="pc")))
    client = rpc.Client(d.socket)
    for name in names:
        subject = rpc.string(name) + uuid.UUID(d.vmsh("domuuid", name).strip()).bytes + struct.pack(">i", -1)
        assert client.call(DOMAIN_CREATE, subject).status == rpc.OK
        d.process.send_signal(signal.SIGKILL)
        d.kill()
        d.start()
        assert d.vmsh("domstate", name).strip() == "running", d.tail()
        client = rpc.Client(d.socket)
    assert sorted(d.vmsh("list", "--name").split()) == names


@test
def a_boot_waits_for_what_the_last_daemon_left():
    """A child that is about to become a QEMU has the lock until it is one."""
    d = Daemon()
    try:
        d.start()
        d.kill()
        with open(d.root / "var/lib/vmd/vmd.lock") as lock:
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
