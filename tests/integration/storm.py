"""Several clients that do as they like with the same few domains, while a test does worse things to the
daemon and to QEMU."""
import contextlib
import json
import os
import random
import signal
import threading

from harness import domain, same, wait_for

OPERATIONS = ("define", "start", "start", "start", "create", "suspend", "resume", "reset", "destroy",
              "undefine")
# What a client may be told when it and others do all this at once.
EXPECTED = ("failed to get domain", "Domain not found", "is not running", "already", "is under way",
            "transient domain", "being stopped", "aborted", "undefined meanwhile",
            "no longer running", "monitor is not connected", "QEMU has ended")
GONE = ("cannot connect", "failed to connect", "Connection reset", "Broken pipe", "end of file", "hung up",
        "closed", "ended")


class Storm:
    """document(d, name): the XML of one of the domains. more: further commands, as lists of words with
    {name} and {file} in them."""

    def __init__(self, d, domains, workers, seed, document, more=()):
        self.d = d
        self.over = False
        self.odd = []
        self.done = 0
        self.names = [f"s{n}" for n in range(domains)]
        self.files = {name: d.write(f"{name}.xml", document(d, name)) for name in self.names}
        self.commands = [[what, "{file}" if what in ("define", "create") else "{name}"]
                         for what in OPERATIONS] + [list(words) for words in more]
        self.threads = [threading.Thread(target=self.work, args=(seed * 100 + k,), daemon=True)
                        for k in range(workers)]

    def begin(self):
        for thread in self.threads:
            thread.start()
        return self

    def work(self, seed):
        chance = random.Random(seed)
        while not self.over:
            name = chance.choice(self.names)
            words = [w.format(name=name, file=self.files[name]) for w in chance.choice(self.commands)]
            said = self.d.vmsh(*words, status=None)
            self.done += 1
            if "error:" in said and not any(w in said for w in EXPECTED + GONE):
                self.odd.append(f"{' '.join(words)}: {said}")

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client got no answer"
        assert not self.odd, "\n".join(self.odd[:5])


def kill_a_qemu(d, chance):
    qemus = d.qemus()
    if qemus:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(qemus), signal.SIGKILL)


def tidy(d):
    for line in d.vmsh("list", "--all", "--name").split():
        d.vmsh("destroy", line, status=None)
        d.vmsh("undefine", line, status=None)


def states_are_true(d):
    """What vmd says of each domain is what its QEMU says."""
    wait_for(lambda: len(d.qemus(helpers=False)) == len(d.vmsh("list", "--name").split()), 20)
    for name in d.vmsh("list", "--name").split():
        said = json.loads(d.vmsh("qemu-monitor-command", name, '{"execute":"query-status"}'))
        state = d.vmsh("domstate", name).strip()
        assert (said["return"]["status"] == "running") == (state == "running"), (name, said, state)


def settled(before, d):
    with contextlib.suppress(AssertionError):
        same(before, d.inventory())
        return True
    return False


def small(d, name, more=""):
    """A domain with a disk, a console and a display."""
    image = d.root / f"{name}.img"
    if not image.exists():
        image.write_bytes(bytes(1 << 20))
    return domain(name, memory=32, devices=(
        "<serial type='pty'/><graphics type='vnc' autoport='yes'/>"
        f"<disk type='file'><driver name='qemu' type='raw'/><source file='{image}'/>"
        f"<target dev='vda' bus='virtio'/></disk>{more}"))
