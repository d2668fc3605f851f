"""What the tests against a real daemon share: a daemon of one's own below a temporary root, stock
clients and vmsh pointed at it, an inventory of the host, and a runner that prints TAP.

    from harness import Daemon, test, main, skip

    @test
    def a_domain_is_defined(d):          # d: a fresh Daemon, running
        d.vmsh("define", d.write("a.xml", domain("a")))
        assert "a" in d.vmsh("list", "--all")

    main()

The environment names what is tested: VMD and VMSH (the binaries; meson sets them), VMD_TEST_QEMU (an
emulator other than the one in PATH).
"""
import collections
import contextlib
import functools
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[2]
VMD = os.environ.get("VMD", str(SOURCE / "build/daemon/vmd"))
VMSH = os.environ.get("VMSH", str(SOURCE / "build/tools/vmsh"))
QEMU = os.environ.get("VMD_TEST_QEMU") or shutil.which("qemu-system-x86_64")
SHARED = SOURCE.parent / "shared"
GUEST = pathlib.Path(os.environ.get("VMD_TEST_GUEST", "/var/tmp/vmd-test-guest"))

OUTER_NETWORK = os.environ.get("VMD_TEST_OUTER_NETWORK")  # a descriptor, where ours is our own

# What a sanitizer finds ends the program, whoever runs the tests.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:quarantine_size_mb=64")
os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
SANITIZER = re.compile(r"runtime error:|==\d+==ERROR: \w+Sanitizer")


class Skip(Exception):
    """The machine lacks something; the reason is printed."""


def skip(why):
    raise Skip(why)


def need(program):
    return shutil.which(program) or skip(f"{program} is not installed")


def need_root(what):
    if os.geteuid() != 0:
        skip(f"needs root {what}")


@functools.cache
def can_passt():
    """passt shuts itself into a user namespace, which cannot be made in every container."""
    return shutil.which("passt") and not subprocess.run(
        ["unshare", "--user", "true"], capture_output=True).returncode


@functools.cache
def virsh_version():
    """"11.3.0"."""
    told = subprocess.run([need("virsh"), "--version"], check=True, capture_output=True, text=True)
    return told.stdout.strip()


# vmsh has the words of this virsh.
WORDS_OF = "11.3"


def virsh_is_older():
    def number(version):
        return [int(n) for n in version.split(".")[:2]]
    return number(virsh_version()) < number(WORDS_OF)


def same_words(ours, theirs):
    """Whether vmsh prints what virsh prints: to the letter, or, where virsh is older, its lines in
    its order with perhaps some in between that it did not have yet."""
    if not virsh_is_older():
        return ours == theirs
    lines = iter(ours.splitlines())
    return all(line in lines for line in theirs.splitlines() if line)


@contextlib.contextmanager
def stopped(pid):
    """A process that hangs meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def wait_for(what, seconds=10.0, every=0.02):
    """Calls WHAT until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {getattr(what, '__name__', what)}")
        time.sleep(every)


def until_heard(process, poke, seconds=10.0):
    """Does POKE again and again until PROCESS, which listens for what it does, says something: its
    first line."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        poke()
        if select.select([process.stdout], [], [], 0.1)[0]:
            return process.stdout.readline()
    raise AssertionError(f"nothing was heard within {seconds} s")


SANITIZED = 4


class Failed(AssertionError):
    """A command ended with another status than expected."""


class Daemon:
    """vmd below a root of its own."""

    def __init__(self, root=None):
        self.root = pathlib.Path(root or tempfile.mkdtemp(prefix="vmd-test-"))
        self.socket = self.root / "run/vmd/vmd.sock"
        self.ro_socket = self.root / "run/vmd/vmd-ro.sock"
        self.process = None
        self.log = self.root / "daemon.log"

    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.socket}"

    @property
    def ro_uri(self):
        return f"qemu+unix:///system?socket={self.ro_socket}"

    @property
    def pid(self):
        return self.process.pid

    def start(self, **env):
        assert self.process is None
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [VMD, "--root", str(self.root)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **env})
        wait_for(self.answers, 30)
        return self

    def answers(self):
        """It does, and not what is left of one that was killed: a child that it had just forked keeps
        the old socket open until it becomes another program, and who connects to that is cut off."""
        assert self.process.poll() is None, f"vmd ended with {self.process.returncode}:\n{self.tail()}"
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.socket))
            peer = s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return struct.unpack("3i", peer)[0] == self.pid
        return False

    def is_sanitized(self):
        """A sanitizer's build keeps what was freed, and is slower by some SANITIZED times."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        size = int(re.search(r"VmSize:\s*(\d+)", status)[1])
        return size > 1 << 30  # KiB: its shadow is as large as all memory could be

    def tail(self, lines=30):
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def kill(self):
        """SIGKILL, as a crash would."""
        self.end(signal.SIGKILL)

    def end(self, sig=signal.SIGTERM):
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(sig)
            try:
                status = self.process.wait(20)
            finally:
                self.process = None
            self.check_log()
            if sig == signal.SIGTERM and status != 0:
                raise AssertionError(f"vmd ended with {status}:\n{self.tail()}")

    def wait_killed(self, seconds=20):
        """Waits for the daemon to die by itself (a kill fault); forgets it."""
        self.process.wait(seconds)
        status, self.process = self.process.returncode, None
        self.check_log()
        return status

    def check_log(self):
        """No sanitizer has a word in it."""
        lines = self.tail(100000).splitlines()
        found = [n for n, line in enumerate(lines) if SANITIZER.search(line)]
        assert not found, "the daemon's log has\n" + "\n".join(lines[found[0]:found[0] + 60])

    def clean(self):
        """Ends the daemon and every QEMU it has left, removes the root."""
        try:
            self.end()
        finally:
            for pid in self.qemus():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *argv, status=0, stdin=None, timeout=60, env=None):
        """Runs a command, checks its status (None: any), returns what it printed."""
        done = subprocess.run([str(a) for a in argv], input=stdin, text=True, timeout=timeout,
                              capture_output=True, env={**os.environ, **(env or {})})
        out = done.stdout + done.stderr
        if SANITIZER.search(out):
            raise Failed(f"{' '.join(map(str, argv))}: {out}")
        if status is not None and done.returncode != status:
            raise Failed(f"{' '.join(map(str, argv))}: status {done.returncode}\n{out}")
        return out

    def vmsh(self, *argv, uri=None, **how):
        return self.run(VMSH, "-c", uri or self.uri, *argv, **how)

    def virsh(self, *argv, uri=None, **how):
        return self.run(need("virsh"), "-c", uri or self.uri, *argv, **how)

    def write(self, name, text):
        path = self.root / name
        path.write_text(text)
        return path

    def qemus(self, helpers=True):
        """Pids of the QEMUs (and of swtpm beside them) that live below this root."""
        mine = str(self.root).encode()
        programs = (b"/usr/bin/qemu-", b"qemu-", mine, *([b"swtpm"] if helpers else []))
        pids = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes()
                    if words.startswith(programs) or (QEMU and words.startswith(QEMU.encode())):
                        opened = b" ".join(os.readlink(f).encode() for f in (entry / "fd").iterdir())
                        if mine in words or mine in opened:
                            pids.append(int(entry.name))
        return sorted(pids)

    def inventory(self, at_rest=True):
        """What a VM could leave behind on this host, as comparable text: taken once the daemon
        watches no process any more (QEMUs that end, probes of emulators), or never gets there."""
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not at_rest or self.is_at_rest(), 30)
        return {"processes": self.processes(), "links": links(), "listening": listening(),
                "files": sorted(str(path.relative_to(self.root)) for path in self.files()),
                "sockets": [name for name in unix_sockets() if str(self.root) in name],
                "mounts": sorted(line.split()[1] for line in pathlib.Path("/proc/mounts").open()),
                "descriptors": self.kept_descriptors() if self.process else None}

    def kept_descriptors(self):
        """Those that stay open: a worker reads now and then what devices the host has."""
        kept = collections.Counter(descriptors(self.pid))
        for _ in range(100):
            time.sleep(0.02)
            now = collections.Counter(descriptors(self.pid))
            if now == kept and not any(kind == "/" or kind.startswith(("/sys/", "/usr/")) for kind in kept):
                break
            kept &= now
        return sorted(kept.elements())

    def steady_inventory(self):
        """The same once the last client's connection is closed: what others are compared with."""
        seen = [self.inventory()]

        def is_steady():
            time.sleep(0.1)
            seen.append(self.inventory())
            return seen[-1] == seen[-2]
        wait_for(is_steady)
        return seen[-1]

    def files(self):
        """The daemon's own, and the sockets anywhere below its root."""
        for path in self.root.rglob("*"):
            top = path.relative_to(self.root).parts
            if top[0] in ("run", "etc") or top[:2] == ("var", "lib") or path.is_socket():
                yield path

    def is_at_rest(self):
        return not self.processes() and not (
            self.process and "anon_inode:[pidfd]" in descriptors(self.pid))

    def processes(self):
        """Command lines of what runs for this daemon: its children, and all that has something
        below its root in its words or open."""
        mine, found = str(self.root), []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in (os.getpid(), self.process and self.pid):
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_text(errors="replace").split("\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                opened = (os.readlink(f) for f in (entry / "fd").iterdir())
                if (self.process and parent == self.pid) or any(mine in w for w in words) \
                        or any(mine in o for o in opened):
                    found.append(" ".join(words[:4]))
        return sorted(found)


def same(before, after, what=""):
    """Two inventories are equal, or the difference is told."""
    for key, value in before.items():
        if after[key] != value:
            gone = list(value or [])
            more = [x for x in after[key] or [] if x not in gone or gone.remove(x)]
            raise AssertionError(f"{what}: {key}: missing {gone}, left behind {more}")


def links():
    return sorted(os.listdir("/sys/class/net"))


def listening():
    """Listening TCP ports of this namespace."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return sorted(ports)


def unix_sockets():
    """Names of the UNIX sockets of this namespace, abstract ones with an @."""
    lines = pathlib.Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]
    return sorted({line.split(maxsplit=7)[7] for line in lines if len(line.split(maxsplit=7)) > 7})


def descriptors(pid):
    """Kinds of the open descriptors of a process, clients' connections left out."""
    kinds = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            kind = os.readlink(entry)
            kinds.append(kind.split(":")[0] if kind.startswith(("socket:", "pipe:")) else kind)
    return sorted(kinds)


def outside(script, *words):
    """Runs words of tools/deps.sh where Debian's archive can be reached."""
    way = ["nsenter", f"--net=/proc/self/fd/{OUTER_NETWORK}"] if OUTER_NETWORK else []
    made = subprocess.run([*way, "bash", "-c", f". tools/deps.sh && {script}", "-", *words],
                          cwd=SOURCE, capture_output=True, text=True,
                          pass_fds=[int(OUTER_NETWORK)] if OUTER_NETWORK else [])
    if made.returncode != 0:
        skip(f"{script}: {made.stderr.strip()[-200:]}")


def guest():
    """Folder with vmlinuz, initrd and agent of a small Linux, made once by whoever needs it first."""
    outside('build_guest "$1" agent', GUEST)
    return GUEST


def unpacked(*packages):
    """Folder with the content of Debian's packages, which are not installed."""
    folder = GUEST.parent / "-".join(["vmd-test", *packages])
    outside('unpack_packages "$@"', folder, *packages)
    return folder


def firmware():
    """UEFI with variables of its own, as elements of <os>."""
    code = next((p for p in ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd")
                 if os.path.exists(p)), None) or skip("no OVMF is installed")
    return (f"<loader readonly='yes' type='pflash'>{code}</loader>"
            f"<nvram template='{code.replace('CODE', 'VARS')}'/>")


def domain(name, devices="", memory=64, machine="q35", extra="", kernel=None):
    """A small TCG guest; with kernel=guest() it boots to a shell on its serial console."""
    boot = ""
    if kernel:
        boot = (f"<kernel>{kernel}/vmlinuz</kernel><initrd>{kernel}/initrd</initrd>"
                "<cmdline>console=ttyS0 quiet panic=-1</cmdline>")
    emulator = f"<emulator>{os.environ['VMD_TEST_QEMU']}</emulator>" \
        if os.environ.get("VMD_TEST_QEMU") else ""
    return (f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>{memory}</memory>"
            f"<vcpu>1</vcpu><os><type arch='x86_64' machine='{machine}'>hvm</type>{boot}</os>"
            f"<features><acpi/><apic/></features><on_crash>destroy</on_crash>{extra}"
            f"<devices>{emulator}{devices}</devices></domain>")


PORTS = "".join(f"<controller type='pci' index='{n}' model='pcie-root-port'/>" for n in range(1, 7))
ROOT = "<controller type='pci' index='0' model='pcie-root'/>"


def unattended(text):
    """A q35 with PORTS whose guest, which does not listen, has no say in what leaves it."""
    native = ("<qemu:commandline><qemu:arg value='-global'/>"
              "<qemu:arg value='ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'/></qemu:commandline>")
    return text.replace("<domain", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'") \
        .replace("</domain>", native + "</domain>")


class Console:
    """The shell of a guest on its serial console."""

    def __init__(self, d, name="g"):
        path = re.search(r"<serial.*?<source path='([^']+)'", d.vmsh("dumpxml", name), re.S)[1]
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self.seen = ""
        self.expect("/ # ", 180)

    def expect(self, what, seconds=60):
        end = time.monotonic() + seconds
        while what not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], \
                f"no {what!r} in {self.seen[-800:]!r}"
            self.seen += os.read(self.fd, 4096).decode(errors="replace")
        before, self.seen = self.seen.split(what, 1)
        return before

    def run(self, command, seconds=60):
        """What it prints."""
        os.write(self.fd, f"{command}; echo do''ne\r".encode())
        return self.expect("done", seconds).split("\n", 1)[1].replace("\r", "")

    def until(self, command, what, seconds=60):
        end = time.monotonic() + seconds
        while what not in (said := self.run(command)):
            assert time.monotonic() < end, said
            time.sleep(0.2)


TESTS = []


def test(function):
    """Marks a test. It gets a running daemon of its own when it takes an argument."""
    TESTS.append(function)
    return function


def run_one(function):
    if function.__code__.co_argcount == 0:
        function()
        return
    daemon = Daemon()
    try:
        daemon.start()
        function(daemon)
    except Skip:
        raise
    except BaseException:
        print("# daemon log:\n" + "\n".join(f"#   {line}" for line in daemon.tail().splitlines()))
        raise
    finally:
        daemon.clean()


def enter_namespaces():
    """Runs this program again in namespaces of its own, where they can be made: neither the host's
    links and ports nor another test are in its way, and what it leaves running ends with it."""
    if OUTER_NETWORK:
        return
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        return
    outer = os.open("/proc/self/ns/net", os.O_RDONLY)  # the guest's kernel comes over it
    os.set_inheritable(outer, True)
    os.environ["VMD_TEST_OUTER_NETWORK"] = str(outer)
    init = ["tini", "-s", "--"] if shutil.which("tini") else []
    os.execvp("unshare", [*unshare, "sh", "-c",
                          "mount -t sysfs none /sys && ip link set lo up && exec \"$@\"", "-", *init,
                          sys.executable, *sys.argv])


def need_own_network():
    if not OUTER_NETWORK:
        skip("a network namespace of one's own cannot be made here")


def main():
    """Runs the tests named on the command line, or all, and prints TAP."""
    enter_namespaces()
    mine = [t for t in TESTS if t.__module__ == "__main__"]  # others' come with what is imported of them
    chosen = [t for t in mine if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}")
    for number, function in enumerate(chosen, 1):
        try:
            run_one(function)
            print(f"ok {number} {function.__name__}", flush=True)
        except Skip as why:
            print(f"ok {number} {function.__name__} # SKIP {why}", flush=True)
        except Exception:
            print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
            print(f"not ok {number} {function.__name__}", flush=True)
