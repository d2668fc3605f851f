#!/usr/bin/env python3
"""Changes of a definition hold as a whole or not at all, and none is lost: beside other clients, with a
QEMU that hangs, without room on the disk, and when the daemon is killed in one."""
import contextlib
import os
import re
import signal
import subprocess
import threading
import time

from harness import OUTER_NETWORK, VMSH, domain, main, need, skip, stopped, test, wait_for

CLIENTS, EACH = 8, 5
LIMIT = ("blkdeviotune", "t", "vda", "--live", "--config", "--total-iops-sec")


def runs(d):
    """A domain with a disk, running; the pid of its QEMU."""
    need("virsh")
    image = d.root / "disk.img"
    image.write_bytes(bytes(1 << 20))
    disk = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{image}'/>"
            "<target dev='vda' bus='virtio'/></disk>")
    d.vmsh("define", d.write("t.xml", domain("t", disk)))
    d.vmsh("start", "t")
    d.virsh(*LIMIT, "100")
    assert limits(d) == ["100"] * 3
    return d.qemus()[0]


def limits(d):
    """Of the live definition, the persistent one, and of QEMU itself."""
    shown = [d.virsh("blkdeviotune", "t", "vda", which) for which in ("--live", "--config")]
    said = d.virsh("qemu-monitor-command", "t", '{"execute":"query-block"}')
    return [re.search(r"total_iops_sec\s*:\s*(\d+)", text)[1] for text in shown] + \
        re.findall(r'"iops":(\d+)', said)


def documents(d):
    return d.virsh("dumpxml", "t"), d.virsh("dumpxml", "t", "--inactive")


def begun(d, *words):
    """A client whose change waits for QEMU."""
    client = subprocess.Popen([need("virsh"), "-c", d.uri, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: "Unbounded" in d.virsh("domjobinfo", words[1]))
    return client


def ended(client, status=0):
    said = client.communicate(timeout=30)[0]
    assert client.returncode == status, said
    return said


@test
def edits_of_many_clients_are_all_there(d):
    runs(d)
    wrong = []

    def client(number):
        for i in range(EACH):
            words = ("metadata", "t", "--live", "--config", "--uri", f"http://x/{number}-{i}", "--key",
                     f"k{number}", "--set", "<a/>")
            done = subprocess.run(["virsh", "-c", d.uri, *words], capture_output=True, text=True)
            if done.returncode:
                wrong.append(done.stderr)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not wrong, wrong[:3]
    want = {f"http://x/{n}-{i}" for n in range(CLIENTS) for i in range(EACH)}
    for text in documents(d):
        assert set(re.findall(r"http://x/\d+-\d+", text)) == want


@test
def an_edit_waits_for_the_one_before(d):
    pid = runs(d)
    with stopped(pid):
        first = begun(d, *LIMIT, "200")
        second = subprocess.Popen([VMSH, "-c", d.uri, "desc", "t", "--config", "second"],
                                  stdout=subprocess.DEVNULL)
        assert 'total_iops_sec>100<' in d.virsh("dumpxml", "t")  # a read waits for nobody
        # A definition is not a job: what it says is not lost to the edit that began before.
        text = d.virsh("dumpxml", "t", "--inactive")
        d.vmsh("define", d.write("u.xml", text.replace("<memory", "<title>anew</title><memory")))
        assert second.poll() is None and "second" not in d.virsh("dumpxml", "t", "--inactive")
    ended(first)
    assert second.wait(30) == 0
    assert limits(d) == ["200"] * 3
    live, config = documents(d)
    assert "second" in config and "<title>anew</title>" in config
    assert "second" not in live


@test
def an_edit_gives_way_to_a_destroy(d):
    pid = runs(d)
    before = d.virsh("dumpxml", "t", "--inactive")
    with stopped(pid):
        first = begun(d, *LIMIT, "200")
        start = time.monotonic()
        d.vmsh("destroy", "t")
        assert time.monotonic() - start < 10
        ended(first, 1)
    assert d.virsh("dumpxml", "t", "--inactive") == before


@test
def an_edit_of_a_qemu_that_dies_fails(d):
    pid = runs(d)
    before = d.virsh("dumpxml", "t", "--inactive")
    with stopped(pid):
        first = begun(d, *LIMIT, "200")
        os.kill(pid, signal.SIGKILL)
        ended(first, 1)
    wait_for(lambda: d.vmsh("domstate", "t").strip() == "shut off")
    assert d.virsh("dumpxml", "t", "--inactive") == before
    d.vmsh("start", "t")


@test
def an_edit_is_aborted(d):
    pid = runs(d)
    before = documents(d)
    with stopped(pid):
        first = begun(d, *LIMIT, "200")
        d.virsh("domjobabort", "t")
        ended(first, 1)
    assert documents(d) == before
    wait_for(lambda: limits(d) == ["100"] * 3)


@test
def what_runs_keeps_the_rest(d):
    runs(d)
    before = documents(d)
    for words in (("attach-device", "t", d.write("sound.xml", "<sound model='ac97'/>")),
                  ("iothreadadd", "t", "1"), ("schedinfo", "t", "--set", "vcpu_quota=20000")):
        assert "--config" in d.virsh(*words, status=1), words
        assert "--config" in d.virsh(*words, "--live", "--config", status=1), words
    assert documents(d) == before


@contextlib.contextmanager
def without_room(folder):
    """Nothing can be written below the folder."""
    if os.geteuid() or not OUTER_NETWORK:
        skip("needs root in a mount namespace of its own")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@test
def what_cannot_be_saved_changes_nothing(d):
    """The persistent definition is written last, when QEMU was told and the live one is written."""
    runs(d)
    before = documents(d)
    changes = (LIMIT + ("200",), ("desc", "t", "--live", "--config", "new"),
               ("vcpupin", "t", "0", "0", "--live", "--config"), ("autostart", "t"),
               ("set-lifecycle-action", "t", "reboot", "destroy", "--live", "--config"))
    with without_room(d.root / "etc/vmd/qemu"):
        for words in changes:
            assert "Read-only" in d.virsh(*words, status=1), words
            assert documents(d) == before, words
    assert limits(d) == ["100"] * 3
    assert "disable" in d.virsh("dominfo", "t").split("Autostart:")[1].split("\n")[0]
    with without_room(d.root / "run/vmd/qemu"):
        for words in (c for c in changes if "--live" in c):
            assert "Read-only" in d.virsh(*words, status=1), words
    assert documents(d) == before and limits(d) == ["100"] * 3
    d.kill()
    d.start()
    assert documents(d) == before and limits(d) == ["100"] * 3
    d.virsh(*LIMIT, "300")
    assert limits(d) == ["300"] * 3


@test
def a_daemon_that_dies_in_an_edit_leaves_the_old(d):
    pid = runs(d)
    before = documents(d)
    with stopped(pid):
        first = begun(d, *LIMIT, "200")
        d.kill()
        first.communicate(timeout=30)
    d.start()
    wait_for(lambda: limits(d) == ["100"] * 3)
    assert documents(d) == before
    d.virsh(*LIMIT, "300")
    assert limits(d) == ["300"] * 3


def dies(d, fault, *words):
    d.end()
    d.start(VMD_FAULT=fault)
    d.vmsh(*words, status=None)
    assert d.wait_killed() == -9
    d.start()


@test
def a_domain_that_is_off_is_the_old_one_after_a_kill(d):
    d.vmsh("define", d.write("a.xml", domain("a")))
    d.vmsh("autostart", "a")
    before = d.vmsh("dumpxml", "a")
    for how in ("kill-before", "kill-intent", "kill-after"):
        for words in (("domrename", "a", "b"), ("desc", "a", "--config", "new")):
            dies(d, f"edit/write definition:{how}", *words)
            wait_for(lambda: d.vmsh("list", "--all", "--name").split() == ["a"])
            assert d.vmsh("dumpxml", "a") == before, (how, words)
            assert "shut off" in d.vmsh("domstate", "a")
            assert "enable" in d.vmsh("dominfo", "a").split("Autostart:")[1].split("\n")[0]
    assert not list((d.root / "run/vmd/qemu").glob("*.ledger"))
    dies(d, "edit/mark autostart:kill-commit", "domrename", "a", "b")
    assert d.vmsh("list", "--all", "--name").split() == ["b"]


main()
