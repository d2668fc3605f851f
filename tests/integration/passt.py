#!/usr/bin/env python3
"""passt ends before its guest does: another one takes its place, or the domain says that it has no
network."""
import os
import pathlib
import re
import signal
import subprocess
import time

from harness import (VMSH, can_passt, domain, links, listening, main, need, need_own_network, same, skip,
                     test, wait_for)

PORT = 22222
DEVICES = ("<interface type='user'><backend type='passt'/><portForward proto='tcp'>"
           f"<range start='{PORT}' to='22'/></portForward><model type='virtio'/></interface>")
WITHIN = 8


def prepare(d, **env):
    if not can_passt():
        skip("passt cannot run here")
    if subprocess.run(["/usr/bin/python3", "-c", "import libvirt"], capture_output=True).returncode:
        skip("python3-libvirt is not installed")
    need_own_network()
    if "br-passt" not in links():
        for words in ("link add br-passt type bridge", "addr add 10.9.2.1/24 dev br-passt",
                      "link set br-passt up", "route add default via 10.9.2.2"):
            subprocess.run(["ip", *words.split()], check=True)
    if env:
        d.end()
        d.start(**env)
    d.vmsh("define", d.write("a.xml", domain("a", DEVICES, memory=16)))


def passts():
    """Those that serve, not those that have only just begun."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "comm").read_text().startswith("passt") and \
                        "Z (zombie)" not in (entry / "status").read_text():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def kill_it():
    (pid,) = passts()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid not in passts())
    return pid


def comes_back(d, old):
    def is_back():
        now = passts()
        return len(now) == 1 and now != [old] and PORT in listening()
    wait_for(is_back, WITHIN)
    time.sleep(0.5)  # what was seen may have been on its way into the background
    (new,) = passts()
    time.sleep(1.5)  # and it has a QEMU: without one it would end, or listen on
    assert passts() == [new]
    # What a QEMU is connected by is of QEMU's network, which is none of the host's.
    seen = ["/proc/net/unix", *(f"/proc/{pid}/net/unix" for pid in d.qemus(helpers=False))]
    table = [line.split() for path in seen for line in pathlib.Path(path).read_text().splitlines()]
    waits = [line for line in table if line[-1].endswith("passt-net0.sock")]
    assert not waits or any(line[5] == "03" for line in waits), waits
    assert d.vmsh("domstate", "a").strip() == "running"
    assert not messages(d)


def messages(d):
    """What the domain has to tell of itself, as clients are told."""
    code = ("import libvirt, sys; "
            "print(*libvirt.openReadOnly(sys.argv[1]).lookupByName('a').messages(), sep='\\n')")
    return d.run("/usr/bin/python3", "-c", code, d.uri).strip()


@test
def another_one_takes_its_place(d):
    prepare(d)
    before = d.inventory()
    d.vmsh("start", "a")
    for _ in range(3):
        comes_back(d, kill_it())
    assert "is started again" in d.log.read_text()
    assert "is started again" in (d.root / "var/log/vmd/qemu/a.log").read_text()
    d.vmsh("destroy", "a")
    assert not passts() and PORT not in listening()
    same(before, d.inventory())


@test
def also_for_the_next_daemon(d):
    prepare(d)
    before = d.inventory()
    d.vmsh("start", "a")
    old = kill_it()
    comes_back(d, old)
    d.end()
    d.start()
    comes_back(d, kill_it())
    d.kill()
    d.start()
    comes_back(d, kill_it())
    d.vmsh("destroy", "a")
    assert not passts() and PORT not in listening()
    same(before, d.inventory())


@test
def one_that_ended_while_no_daemon_was_there(d):
    """A QEMU that connects again gets another one; of one that cannot that is told."""
    prepare(d)
    d.vmsh("start", "a")
    (qemu,) = d.qemus()
    again = b"passt-net0.sock" in pathlib.Path(f"/proc/{qemu}/cmdline").read_bytes()
    d.end()
    old = kill_it()
    d.start()
    if again:
        comes_back(d, old)
    else:
        wait_for(lambda: "no network" in d.log.read_text())
        assert "interface 'net0': no network" in messages(d)
        assert "interface 'net0': no network" in (d.root / "var/log/vmd/qemu/a.log").read_text()
    assert d.vmsh("domstate", "a").strip() == "running"
    d.vmsh("destroy", "a")
    assert not passts()
    d.vmsh("start", "a")
    comes_back(d, kill_it())


@test
def one_that_cannot_come_back_is_told_of(d):
    folder = d.root / "bin"
    folder.mkdir()
    wrapper = folder / "passt"
    wrapper.write_text(f"#!/bin/sh\n[ ! -e {d.root}/no ] || {{ echo 'out of sorts' >&2; exit 1; }}\n"
                       f"exec {need('passt')} \"$@\"\n")
    wrapper.chmod(0o755)
    prepare(d, PATH=f"{folder}:{os.environ['PATH']}")
    d.vmsh("start", "a")
    heard = subprocess.Popen([VMSH, "-c", d.uri, "event", "a", "--event", "control-error", "--timeout",
                              "20"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    (d.root / "no").touch()
    old = kill_it()
    wait_for(lambda: "out of sorts" in messages(d))
    assert "no network" in messages(d)
    assert "control-error" in heard.communicate(timeout=30)[0]
    assert d.vmsh("domstate", "a").strip() == "running"
    (d.root / "no").unlink()
    wait_for(lambda: passts() and PORT in listening(), 40)
    wait_for(lambda: "no network" not in messages(d))
    assert "works again" in d.log.read_text()
    assert old not in passts()
    (d.root / "no").touch()
    kill_it()
    wait_for(lambda: "no network" in messages(d))
    d.vmsh("destroy", "a")
    assert not passts() and not re.search("Sanitizer", d.tail())


main()
