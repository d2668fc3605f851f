#!/usr/bin/env python3
"""Every row of every flow fails, is cancelled and is killed: the host is clean after.

The rows come from the daemon itself (vmd --list-steps), so a new row is covered the day it is added.
VMD_FAULT=TABLE/STEP:HOW makes that row misbehave once; see docs/flows.md. The VM has something of all
that a host can be left with: a tap on a bridge, a helper, ports, sockets, files, descriptors."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import (VMD, can_passt, domain, firmware, main, need, need_own_network,  # noqa: E402
                     same, test, wait_for)

FAILS = ("before", "after", "cancel")
KILLS = ("kill-before", "kill-after")
UNDO_KILL = "undo-kill"

DEVICES = """
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='{root}/disk.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><source bridge='br-fault'/><model type='virtio'/></interface>
    <interface type='ethernet'><target dev='eth-fault'/></interface>
    <interface type='user'><model type='virtio'/></interface>
    <serial type='pty'><log file='{root}/serial.log'/></serial><console type='pty'/>
    <serial type='unix'><source mode='bind' path='{root}/serial.sock'/></serial>
    <serial type='tcp'><source mode='bind' host='127.0.0.1' service='4777'/></serial>
    <parallel type='file'><source path='{root}/parallel.out'/></parallel>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' passwd='secret'/>
    <video><model type='vga'/></video>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
"""
PASST = "<interface type='user'><backend type='passt' logFile='{root}/passt.log'/></interface>"


def rows():
    """(table, step, has an undo) of every row."""
    listed = subprocess.run([VMD, "--list-steps"], check=True, capture_output=True, text=True).stdout
    found = []
    for line in listed.splitlines():
        name, undo = line.rsplit("\t", 1)
        table, step = name.split("/", 1)
        found.append((table, step, undo == "undo"))
    assert found, "vmd --list-steps names no row"
    return found


def settled(d):
    """After a fault: nothing is under way, and the domain is down."""
    def down():
        state = d.vmsh("domstate", "f").strip()
        if state in ("running", "paused"):
            d.vmsh("destroy", "f", status=None)
        return state == "shut off"
    wait_for(down, 20)


def hurt(d, fault, how, before):
    """One fault, on a daemon of its own that is started and ended here."""
    d.start(VMD_FAULT=fault)
    struck = "fault:"
    if how in FAILS:
        d.vmsh("start", "f", status=1)
        assert struck in d.log.read_text(), f"{fault}: the row was never reached"
        settled(d)
    else:
        d.vmsh("start", "f", status=None)
        if how == UNDO_KILL and d.process.poll() is None:
            d.vmsh("destroy", "f", status=None)
        assert d.wait_killed() == -9, f"{fault}: the daemon was not killed"
        d.start()
        settled(d)
    same(before, d.inventory(), fault)
    d.vmsh("start", "f", "--paused")  # and it is as good as new
    d.vmsh("destroy", "f")
    same(before, d.inventory(), f"{fault}, then started and destroyed")
    d.end()
    d.log.write_text("")


def prepare(d):
    need("swtpm")
    need_own_network()
    if not os.path.exists("/sys/class/net/br-fault"):
        for words in ("link add br-fault type bridge", "addr add 10.9.0.1/24 dev br-fault",
                      "link set br-fault up", "route add default via 10.9.0.2"):
            subprocess.run(["ip", *words.split()], check=True)
    d.end()
    d.start()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", d.root / "disk.qcow2", "1M"], check=True)
    devices = DEVICES + (PASST if can_passt() else "")
    xml = domain("f", devices.format(root=d.root)).replace("</os>", firmware() + "</os>")
    d.vmsh("define", d.write("f.xml", xml))
    clean = d.inventory()
    d.vmsh("start", "f", "--paused")  # the caches are warm, the log file is there
    there = d.inventory(at_rest=False)
    for kind in ("processes", "links", "listening", "files", "sockets", "descriptors"):
        assert there[kind] != clean[kind], f"the inventory does not see the {kind} of a VM"
    d.vmsh("destroy", "f")
    before = d.inventory()
    d.end()
    d.log.write_text("")
    return before


def add_tests():
    for how in (*FAILS, *KILLS, UNDO_KILL):
        def every_row(d, how=how):
            before = prepare(d)
            for table, step, undo in rows():
                assert table == "start", f"nothing here makes the rows of '{table}' run"
                if how == UNDO_KILL and not undo:
                    continue
                hurt(d, f"{table}/{step}:{how}", how, before)
        every_row.__name__ = f"every_row_of_start_{how.replace('-', '_')}"
        test(every_row)


add_tests()
main()
