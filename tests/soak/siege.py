#!/usr/bin/env python3
"""The daemon under siege, each test for VMD_SIEGE_SECONDS (3; 600 for the figures of docs/figures.md) and
on a sanitizer's build: eight clients that fuzz, eight that race for the same domains, a QEMU that lies in
every way that the stand-in has, and damaged files of runs and definitions. No abort, no growth over 64
MiB, nothing left over, and nobody else waits longer than 100 ms (20 without a sanitizer) in 99 of 100
calls.

    VMD_SIEGE_SECONDS=600 meson test -C BUILD --suite siege --timeout-multiplier 20 --verbose
"""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading
import time

# Of what was freed little is kept: what grows is seen.
os.environ["ASAN_OPTIONS"] = "detect_leaks=1:quarantine_size_mb=8:malloc_context_size=5"
HERE = pathlib.Path(__file__).resolve().parent
for folder in ("integration", "fault"):
    sys.path.insert(0, str(HERE.parent / folder))
import damage  # noqa: E402
import false_qemu  # noqa: E402
import methods  # noqa: E402
from harness import (QEMU, Failed, main, need_own_network, need_root, same, test, wait_for)  # noqa: E402
from storm import Storm, small, states_are_true  # noqa: E402

SECONDS = float(os.environ.get("VMD_SIEGE_SECONDS", "3"))
SEED = int(os.environ.get("VMD_SIEGE_SEED", "7"))
NOBODY = 65534
CLIENTS = 8
GROWS_MIB = 64
P99_MS, P99_SANITIZED_MS = 20, 100
# What a client of root's may do to the host itself.
OF_THE_HOST = ("NODE_ALLOC_PAGES", "NODE_SET_MEMORY_PARAMETERS", "CONNECT_CLOSE")


def prefer(pid, priority):
    """What is measured must not wait for those who besiege it: they may do so on another machine."""
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, priority)


class Program:
    """One of the programs beside this one, until its input ends."""

    def __init__(self, d, name, *args, priority=10, **how):
        for path in (HERE / name, HERE.parent / "integration/rpc.py"):
            shutil.copy(path, d.root)
        os.chmod(d.root, 0o755)
        self.process = subprocess.Popen(
            ["/usr/bin/python3", d.root / name, *map(str, args)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, **how)
        prefer(self.process.pid, priority)
        assert self.process.stdout.readline() == "ready\n", f"{name} did not begin"

    def end(self):
        said, _ = self.process.communicate(timeout=60)
        return said.split()


def rss_mib(d):
    with contextlib.suppress(OSError, AttributeError):
        status = pathlib.Path(f"/proc/{d.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
    return 0


class Siege:
    """What is measured while it lasts. The first tenth is for what is made once; that may be too little
    of less than a minute, of which more is allowed."""

    def __init__(self, d):
        self.d, self.most, self.first = d, 0, 0
        self.began = time.monotonic()
        self.meter = Program(d, "meter.py", d.socket, priority=-5)
        prefer(d.pid, 0)

    def lasts(self):
        passed = time.monotonic() - self.began
        if passed < SECONDS / 10:
            self.first = max(self.first, rss_mib(self.d))
        self.most = max(self.most, rss_mib(self.d))
        return passed < SECONDS

    def wait(self):
        while self.lasts():
            assert self.d.process.poll() is None, self.d.tail()
            time.sleep(0.1)

    def end(self, what):
        count, median, p99, longest, floor = self.meter.end()
        grown = max(self.most - self.first, 0)
        print(f"# {SECONDS:.0f} s, {what}: it grew by {grown:.0f} MiB; {count} calls of somebody else: "
              f"median {median} ms, p99 {p99} ms, longest {longest} ms; p99 of a process that only answers: "
              f"{floor} ms", flush=True)
        limit = P99_SANITIZED_MS if self.d.is_sanitized() else P99_MS
        assert grown < GROWS_MIB * (1 if SECONDS >= 60 else 4), f"it grew by {grown:.0f} MiB"
        assert float(p99) < limit + float(floor), f"others' p99 is {p99} ms, of which {floor} are the machine's"


# ---- clients that fuzz

WORDS = ("", "well", "nobody", "s0", "vda", "vnet0", "qemu:///system", "hda", "0-3", "a" * 300, "{root}/one",
         "{root}/images", "default", "52:54:00:00:00:01", "cpu_shares", "vcpu_quota", "total_bytes_sec",
         '{"execute":"query-status"}', "info status", "http://example.org/ns", "%s%n", "../../etc/passwd")


def tell_protocol(d):
    """Into a file, for clients that may not read this tree."""
    procedures, fields = methods.wire()
    done = {(m.program, m.number): m.name for m in methods.methods()}
    objects = methods.world(d)
    documents = [small(d, "well"), small(d, "s0"), methods.NETWORK, methods.FILTER.format(methods.UUID_TEXT),
                 methods.SECRET.format(methods.UUID_TEXT), methods.POOL.format(d.root / "images"),
                 "<disk type='file'><source file='{root}/one'/><target dev='vdb'/></disk>",
                 "<interface type='ethernet'/>", "<capabilities/>",
                 "<volume><name>two</name><capacity>4096</capacity></volume>",
                 "<cpu><arch>x86_64</arch><model>qemu64</model></cpu>"]
    table = {
        "procedures": [[int(program, 16), number, args] for (program, number), (args, _, _)
                       in procedures.items() if done.get((program, number), "-") not in OF_THE_HOST],
        "fields": fields,
        "words": [word.replace("{root}", str(d.root)) for word in (*WORDS, *documents)],
        "uuids": [a.names["uuid"].hex() for a in objects.values() if "uuid" in a.names] + ["00" * 16, "ab" * 16],
    }
    return d.write("protocol.json", json.dumps(table))


def clean(d):
    """Whatever they have made; says what was refused."""
    said = []
    for what, names, end, forget in (
            ("domain", ("list", "--all", "--name"), "destroy", ("undefine",)),
            ("network", ("net-list", "--all", "--name"), "net-destroy", ("net-undefine",)),
            ("pool", ("pool-list", "--all", "--name"), "pool-destroy", ("pool-undefine",)),
            ("filter", ("nwfilter-list",), None, ("nwfilter-undefine",)),
            ("secret", ("secret-list",), None, ("secret-undefine",))):
        lines = d.vmsh(*names).splitlines()
        lines = lines if names[-1] == "--name" else [line.split()[0] for line in lines[2:] if line.strip()]
        for name in filter(str.strip, lines):
            if end:
                d.vmsh(end, "--", name.strip(), status=None)
            said.append(d.vmsh(*forget, "--", name.strip(), status=None))
    return " ".join(text.strip() for text in said)


def left_alone(d, before, kept=(), remove=None):
    """The host is as it was; kept: beginnings of files' names that stay; remove: what takes away
    that a call whose client had gone was still at work on."""
    def look():
        seen = d.steady_inventory()
        seen["files"] = [f for f in seen["files"] if not f.startswith(tuple(kept))]
        return seen
    before["files"] = [f for f in before["files"] if not f.startswith(tuple(kept))]

    said = ""

    def is_as_before():
        nonlocal said
        said = remove(d) if remove else ""
        return look() == before
    with contextlib.suppress(AssertionError):
        wait_for(is_as_before, 30, 0.5)
    same(before, look(), said)


@test
def clients_that_fuzz(d):
    need_own_network()
    need_root("to be another user")
    tell_protocol(d)
    d.vmsh("start", "well")
    clean(d)
    shutil.rmtree(d.root / "images")
    before = d.steady_inventory()
    table = tell_protocol(d)
    siege = Siege(d)
    clients = [Program(d, "fuzz_client.py", d.socket if n % 2 else d.ro_socket, SEED * 100 + n, table,
                       **({} if n % 2 else {"user": NOBODY, "group": NOBODY, "extra_groups": []}))
               for n in range(CLIENTS)]
    siege.wait()
    calls, answers = (sum(map(int, column)) for column in zip(*(c.end() for c in clients)))
    siege.end(f"{CLIENTS} clients, {calls} calls, {answers} answers and events")
    assert answers > 100, "nothing was answered"
    left_alone(d, before, remove=clean)


# ---- clients that race

RACES = (("setmaxmem", "{name}", "40960", "--config"), ("desc", "{name}", "--config", "one"),
         ("autostart", "{name}"), ("autostart", "{name}", "--disable"), ("dumpxml", "{name}"),
         ("list", "--all"), ("shutdown", "{name}"), ("domstats", "{name}"))


@test
def clients_that_race_for_the_same_domains(d):
    need_own_network()
    d.vmsh("create", d.write("first.xml", small(d, "s0")))
    d.vmsh("destroy", "s0")
    before = d.steady_inventory()
    siege = Siege(d)
    storm = Storm(d, 2, CLIENTS, SEED, small, RACES).begin()
    siege.wait()
    storm.end()
    states_are_true(d)
    siege.end(f"{CLIENTS} clients, {storm.done} commands")
    assert storm.done > CLIENTS
    left_alone(d, before, remove=clean)


# ---- a QEMU that lies

def lie(d, mode):
    """One life of that stand-in. What it says and does is false_qemu's to judge: here it must end."""
    d.vmsh("start", mode, status=None, timeout=300)
    d.vmsh("dumpxml", mode)
    d.vmsh("domstats", mode, status=None)
    time.sleep(0.3)
    d.vmsh("destroy", mode, status=None, timeout=120)


def lie_on(d, names, over, faults):
    chance = random.Random(f"{SEED} {names}")
    while not over.is_set():
        mode = chance.choice(names)
        try:
            lie(d, mode)
        except (Failed, subprocess.TimeoutExpired) as error:
            faults.append(f"{mode}: {error}")


@test
def a_qemu_that_lies_in_every_way(d):
    """Those that hang take a minute each, and have somebody to themselves, as soon as there is the time."""
    modes = false_qemu.modes()
    hang = [m for m in modes if false_qemu.FAILS.get(m) == false_qemu.HANGS]
    quick = [m for m in modes if m not in hang]
    before, _ = false_qemu.prepared(d, modes)
    over, faults = threading.Event(), []
    siege = Siege(d)
    parts = [quick[n::4] for n in range(4)] + ([[m] for m in hang] if SECONDS >= 60 else [])
    threads = [threading.Thread(target=lie_on, args=(d, part, over, faults)) for part in parts]
    for thread in threads:
        thread.start()
    siege.wait()
    over.set()
    for thread in threads:
        thread.join(300)
    assert not faults, faults[:5]
    siege.end(f"{len(modes)} modes")
    wait_for(lambda: d.vmsh("list", "--name").split() == [], 60)
    left_alone(d, before)


# ---- damaged files

@test
def damaged_files_of_every_kind(d):
    """Of a run and of definitions, one after the other; each time a daemon begins."""
    need_own_network()
    chance = random.Random(SEED)
    host = damage.Host(d)
    siege = Siege(d)
    count = 0
    while siege.lasts():
        kinds = {}
        for path in host.files():
            if damage.name_of(path) != "monitor":
                kinds.setdefault((path.parts[-2] if "etc" in path.parts else "", damage.name_of(path)), []).append(path)
        path = chance.choice(kinds[chance.choice(sorted(kinds))])
        choices = list(damage.damages(path, chance))
        if choices:
            damage.hurt(host, path, *chance.choice(choices))
            count += 1
    siege.end(f"{count} damages")
    damage.end(host)


if __name__ == "__main__":
    if QEMU:
        main()
    else:
        print("1..0 # SKIP no QEMU")
