#!/usr/bin/env python3
"""SIGKILL at random moments under eight busy clients, again and again: the host is as it was before.
VMD_KILLS names how many (the option "kills" of the build; 300 take four minutes), VMD_KILLS_SEED makes
another storm."""
import contextlib
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import QEMU, main, need_own_network, same, test, wait_for  # noqa: E402
from storm import Storm, kill_a_qemu, small, states_are_true, tidy  # noqa: E402

KILLS = int(os.environ.get("VMD_KILLS", "60"))
SEED = int(os.environ.get("VMD_KILLS_SEED", "7"))
DOMAINS, CLIENTS = 6, 8

MORE = """<interface type='ethernet'><model type='virtio'/></interface>
    <serial type='unix'><source mode='bind' path='{root}/{name}.sock'/></serial>"""
TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
# Changes of definitions and other reads and writes, beside what every storm does.
COMMANDS = (("setmaxmem", "{name}", "40960", "--config"), ("desc", "{name}", "--config", "one"),
            ("autostart", "{name}"), ("autostart", "{name}", "--disable"), ("dumpxml", "{name}"),
            ("list", "--all"), ("shutdown", "{name}"))


def document(d, name):
    tpm = TPM if name in ("s0", "s1") else ""
    return small(d, name, MORE.format(root=d.root, name=name) + tpm)


@test
def the_daemon_is_killed_at_any_moment(d):
    need_own_network()
    chance = random.Random(SEED)
    d.vmsh("create", d.write("first.xml", document(d, "s0")))  # what only the first start brings
    d.vmsh("destroy", "s0")
    d.kill()
    d.start()
    before = look(d)
    storm = Storm(d, DOMAINS, CLIENTS, SEED, document, COMMANDS).begin()
    for _ in range(KILLS):
        time.sleep(chance.random() * 0.5)
        d.kill()
        if chance.random() < 0.1:
            kill_a_qemu(d, chance)
        d.start()
    storm.end()
    print(f"# {KILLS} kills, {storm.done} commands of {CLIENTS} clients")
    assert storm.done > KILLS
    damaged = [line for line in d.log.read_text(errors="replace").splitlines()
               if "found again in part" in line or "cannot be read" in line]
    assert not damaged, damaged
    states_are_true(d)
    tidy(d)
    assert d.vmsh("list", "--all", "--name").split() == []
    with contextlib.suppress(AssertionError):
        wait_for(lambda: look(d) == before, 20)
    same(before, look(d))


def look(d):
    """The host but for the state of TPMs, which is a guest's and outlives its runs."""
    seen = d.steady_inventory()
    seen["files"] = [f for f in seen["files"] if not f.startswith("var/lib/vmd/qemu/swtpm")]
    return seen


if QEMU:
    main()
else:
    print("1..0 # SKIP no QEMU")
