#!/usr/bin/env python3
"""A QEMU that does as it likes (tests/fake/qemu.c), in every way that it has: the daemon goes on,
others are answered at once, nothing grows, nothing is left over, and who starts it is told which
domain it was and why."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from harness import SANITIZED, domain, main, need_own_network, same, test, wait_for

FAKE = os.environ.get("VMD_FAKE_QEMU", "build/tests/fake/fake-qemu")
DEVICES = "<serial type='pty'/><video><model type='none'/></video>"
EXTRA = ("<iothreads>1</iothreads><cputune><vcpupin vcpu='0' cpuset='0'/>"
         "<iothreadpin iothread='1' cpuset='0'/></cputune>")
GROWTH = 64  # MiB
WAIT = 0.020  # more than with nothing amiss, of a read but for one of twenty; a sanitizer's build: 0.1
WORST = 0.200  # of all of them

# What a start says of it; the modes that are not here start.
HANGS = "does not answer"
FAILS = {
    "silent": HANGS, "half-greeting": HANGS, "stops": HANGS, "no-answer": HANGS, "late-silence": HANGS,
    "garbage": "what is no JSON", "bytes": "what is no JSON", "not-objects": "what is no JSON",
    "dies-at-once": "could not go on", "dies": "could not go on", "dies-at-cont": "could not go on",
    "crashes": "closed its monitor", "closes-monitor": "closed its monitor",
    "refuses-cont": "'cont'", "refuses-all": "query-cpus-fast",
    "huge-answer": "a message of more than", "deep": "a message of more than",
    "both": "unable to execute",
}
# Those whose guest has ended by itself, for the daemon: it is shut off soon.
ENDS = ("panic-shutdown", "shutdown-resume", "leaves-a-child", "panic-suspend", "suspend-panic")
# Those whose monitor is lost, while their process lives: they run, and that is told.
LOST = {"closes-later": "monitor", "garbage-later": "what is no JSON", "huge-event": "more than",
        "many-members": "more than", "endless-event": None}


def modes():
    return subprocess.run([FAKE, "--modes"], check=True, capture_output=True, text=True).stdout.split()


def make(d, mode):
    """A domain whose emulator does that; its name is the mode's."""
    folder = d.root / "fake" / mode
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(FAKE, folder / "fake-qemu")
    (folder / "mode").write_text(mode)
    xml = domain(mode, f"<emulator>{folder}/fake-qemu</emulator>{DEVICES}", machine="pc", extra=EXTRA)
    d.vmsh("define", d.write(f"{mode}.xml", re.sub(r"<emulator>(?!.*fake)[^<]*</emulator>", "", xml)))


def size(d):
    """MiB of memory that the daemon has."""
    status = pathlib.Path(f"/proc/{d.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s*(\d+)", status)[1]) >> 10


class Others:
    """Somebody else who reads all the time, over one connection."""

    def __init__(self, d):
        self.d, self.waits, self.over = d, [], False
        self.shell = subprocess.Popen([os.environ["VMSH"], "-c", d.uri], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1)
        self.quiet = sorted(self.ask() for _ in range(100))
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def ask(self):
        began = time.monotonic()
        self.shell.stdin.write("list --all --name\necho done\n")
        for line in self.shell.stdout:
            if line.strip().endswith("done"):
                break
        return time.monotonic() - began

    def work(self):
        while not self.over:
            self.waits.append(self.ask())
            time.sleep(0.005)

    def end(self):
        self.over = True
        self.thread.join(10)
        self.shell.stdin.close()
        self.shell.wait(10)

    def look_on(self):
        """Until there is enough to judge by."""
        wait_for(lambda: len(self.waits) >= 100, 60)

    def check(self, what):
        """The machine is busy with other things as well: some may be slower."""
        self.look_on()
        waits = sorted(self.waits)
        self.waits.clear()
        times = 5 if self.d.is_sanitized() else 1
        for wait, bound in ((waits[-1 - len(waits) // 20], WAIT), (waits[-1], WORST)):
            bound = bound * times + self.quiet[-1 - len(self.quiet) // 20]
            assert wait < bound, f"{what}: somebody else waited {wait * 1000:.0f} ms"


def state(d, name):
    return d.vmsh("domstate", name).strip()


def messages(d, name):
    return d.vmsh("dominfo", name).partition("Messages:")[2]


def watch_a_run(d, mode):
    """The guest was started: what then is to be seen of it."""
    if mode in ENDS:
        wait_for(lambda: state(d, mode) in ("shut off", "pmsuspended", "crashed"), 20)
    elif mode in LOST:
        if LOST[mode]:
            wait_for(lambda: LOST[mode] in messages(d, mode), 20)
        assert state(d, mode) == "running", f"{mode}: {state(d, mode)}"
    assert "<name>" in d.vmsh("dumpxml", mode)


def misbehave(d, mode, others):
    said = d.vmsh("start", mode, status=None, timeout=300)
    if mode in FAILS:
        assert "error:" in said and FAILS[mode] in said and mode in said, f"{mode}: {said}"
        assert state(d, mode) == "shut off"
    else:
        assert "error:" not in said, f"{mode}: {said}"
        watch_a_run(d, mode)
        others.look_on()
        d.vmsh("destroy", mode, status=None)
        wait_for(lambda: state(d, mode) == "shut off", 20)
    others.check(mode)
    assert d.process.poll() is None, f"{mode}: {d.tail()}"


def prepared(d, names):
    """What the host looks like with all of them defined, and the daemon's size."""
    need_own_network()
    for name in names:
        make(d, name)
    make(d, "good")
    (d.root / "fake/good/mode").unlink()
    d.vmsh("start", "good")
    pty = re.search(r"<source path='(/dev/pts/\d+)'/>", d.vmsh("dumpxml", "good"))
    assert pty, "the terminal that it has is not told"
    d.vmsh("destroy", "good")
    return d.steady_inventory(), size(d)


def nothing_is_left(d, before):
    seen, of_size = before
    growth = size(d) - of_size
    assert growth < GROWTH * (SANITIZED if d.is_sanitized() else 1), f"the daemon grew by {growth} MiB"
    same(seen, d.steady_inventory())


@test
def every_mode_that_answers_at_once(d):
    names = [m for m in modes() if FAILS.get(m) != HANGS]
    assert len(modes()) >= 25
    before = prepared(d, names)
    others = Others(d)
    for mode in names:
        misbehave(d, mode, others)
    others.end()
    nothing_is_left(d, before)


@test
def starts_that_hang_have_a_deadline(d):
    """All at once, for each takes a minute."""
    names = [m for m in modes() if FAILS.get(m) == HANGS]
    before = prepared(d, names)
    others = Others(d)
    said = {}

    def start(mode):
        said[mode] = d.vmsh("start", mode, status=1, timeout=200)
    threads = [threading.Thread(target=start, args=(m,)) for m in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
    for mode in names:
        assert mode in said and HANGS in said[mode] and mode in said[mode], f"{mode}: {said.get(mode)}"
    others.check("starts that hang")
    others.end()
    nothing_is_left(d, before)


@test
def threads_and_terminals_of_others_are_left_alone(d):
    need_own_network()
    for mode in ("strange-threads", "strange-iothread", "strange-pty", "pty-of-another", "words-in-a-pty"):
        make(d, mode)
        before = {pid: os.sched_getaffinity(pid) for pid in (1, os.getpid(), d.pid)}
        d.vmsh("start", mode)
        assert before == {pid: os.sched_getaffinity(pid) for pid in before}, mode
        xml = d.vmsh("dumpxml", mode)
        if "pty" in mode:
            assert "<source path=" not in xml and "tty=" not in xml, f"{mode}: {xml}"
        assert "not its own" in d.tail() or "has not opened" in d.tail(), mode
        d.vmsh("destroy", mode)


@test
def numbers_stay_in_their_range(d):
    need_own_network()
    for mode in ("balloon-below-zero", "balloon-above-all"):
        make(d, mode)
        d.vmsh("start", mode)
        used = re.search(r"Used memory: +(\d+)", d.vmsh("dominfo", mode))
        assert used and 0 < int(used[1]) <= 64 << 10, f"{mode}: {used}"
        d.vmsh("destroy", mode)


# What a plug says of it, and the state after.
PLUGS = {"refuses-nodes": ("'blockdev-add': the fake one", "running"),
         "refuses-devices": ("'device_add': the fake one", "running"),
         "dies-at-nodes": ("is no longer running", "shut off"),
         "dies-at-devices": ("is no longer running", "shut off")}


@test
def a_plug_that_breaks_off_is_taken_back(d):
    """In the middle of its answers: neither definition has the disk, and its image is free."""
    image = d.root / "plugged.img"
    image.write_bytes(bytes(1 << 20))
    before = d.steady_inventory()
    for mode, (word, after) in PLUGS.items():
        make(d, mode)
        d.vmsh("start", mode)
        said = d.vmsh("attach-disk", mode, image, "vdb", "--live", "--config", status=1)
        assert word in said, f"{mode}: {said}"
        wait_for(lambda: state(d, mode) == after, 20)
        for flags in ([], ["--inactive"]):
            assert str(image) not in d.vmsh("dumpxml", mode, *flags), f"{mode}: the disk is still there"
        if after == "running":
            d.vmsh("destroy", mode)
        d.vmsh("undefine", mode)
    same(before, d.steady_inventory())


@test
def a_plug_that_hangs_ends_with_a_destroy(d):
    mode = "hangs-at-devices"
    image = d.root / "plugged.img"
    image.write_bytes(bytes(1 << 20))
    before = d.steady_inventory()
    make(d, mode)
    d.vmsh("start", mode)
    plug = subprocess.Popen([os.environ["VMSH"], "-c", d.uri, "attach-disk", mode, str(image), "vdb", "--live"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: any("plug%20in" in p.read_text() for p in d.root.glob("run/vmd/qemu/*.ledger")), 20)
    assert plug.poll() is None and str(image) not in d.vmsh("dumpxml", mode)
    d.vmsh("destroy", mode)
    assert plug.wait(20) == 1, plug.stdout.read()
    assert state(d, mode) == "shut off"
    d.vmsh("undefine", mode)
    same(before, d.steady_inventory())


@test
def what_lives_is_found_again(d):
    """Its monitor is silent, shut or full of nonsense when the next daemon begins."""
    need_own_network()
    for mode in ("stops-later", "closes-later", "garbage-later", "deaf"):
        make(d, mode)
        d.vmsh("start", mode)
        qemu = d.qemus()
        d.kill()
        d.start()
        assert qemu == d.qemus() and qemu, mode
        assert state(d, mode) == "running", f"{mode}: {state(d, mode)}"
        time_of_trouble = 5
        end = time.monotonic() + time_of_trouble
        while time.monotonic() < end:
            assert state(d, mode) == "running" and d.qemus() == qemu, f"{mode}: {d.tail()}"
            time.sleep(0.5)
        if mode == "closes-later":
            assert "monitor" in messages(d, mode)
        for pid in qemu:
            os.kill(pid, signal.SIGCONT)
        d.vmsh("destroy", mode)
        wait_for(lambda: not d.qemus(), 10)


if __name__ == "__main__":
    main()
