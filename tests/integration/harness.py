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
import contextlib
import os
import pathlib
import shutil
import signal
import socket
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


class Skip(Exception):
    """The machine lacks something; the reason is printed."""


def skip(why):
    raise Skip(why)


def need(program):
    return shutil.which(program) or skip(f"{program} is not installed")


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
        assert self.process.poll() is None, f"vmd ended with {self.process.returncode}:\n{self.tail()}"
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.socket))
            return True
        return False

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
            if sig == signal.SIGTERM and status != 0:
                raise AssertionError(f"vmd ended with {status}:\n{self.tail()}")

    def wait_killed(self, seconds=20):
        """Waits for the daemon to die by itself (a kill fault); forgets it."""
        self.process.wait(seconds)
        status, self.process = self.process.returncode, None
        return status

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

    def qemus(self):
        """Pids of the QEMUs (and their helpers) that live below this root."""
        mine = str(self.root).encode()
        pids = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes()
                    if words.startswith((b"/usr/bin/qemu-", b"qemu-", b"swtpm")) or (
                            QEMU and words.startswith(QEMU.encode())):
                        opened = b" ".join(os.readlink(f).encode() for f in (entry / "fd").iterdir())
                        if mine in words or mine in opened:
                            pids.append(int(entry.name))
        return sorted(pids)

    def inventory(self):
        """What a VM could leave behind on this host, as comparable text."""
        found = {"qemus": self.qemus(), "links": links(), "files": [], "descriptors": None,
                 "listening": listening()}
        for folder in ("run/vmd", "var/lib/vmd"):
            for path in sorted((self.root / folder).rglob("*")):
                found["files"].append(str(path.relative_to(self.root)))
        if self.process:
            found["descriptors"] = descriptors(self.pid)
        return found


def same(before, after, what=""):
    """Two inventories are equal, or the difference is told."""
    for key, value in before.items():
        assert after[key] == value, f"{what}: {key}: before {value}, after {after[key]}"


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


def descriptors(pid):
    """Kinds of the open descriptors of a process, clients' connections left out."""
    kinds = []
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            kind = os.readlink(entry)
            kinds.append(kind.split(":")[0] if kind.startswith(("socket:", "pipe:")) else kind)
    return sorted(kinds)


def guest():
    """Folder with vmlinuz and initrd of a small Linux, made once."""
    if not (GUEST / "vmlinuz").exists() or not (GUEST / "initrd").exists():
        need("busybox")
        need("cpio")
        made = subprocess.run(["bash", "-c", '. tools/deps.sh && build_guest "$1"', "-", str(GUEST)],
                              cwd=SOURCE, capture_output=True, text=True)
        if made.returncode != 0:
            skip(f"no guest could be made: {made.stderr.strip()[-200:]}")
    return GUEST


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
    except BaseException:
        print("# daemon log:\n" + "\n".join(f"#   {line}" for line in daemon.tail().splitlines()))
        raise
    finally:
        daemon.clean()


def main():
    """Runs the tests named on the command line, or all, and prints TAP."""
    chosen = [t for t in TESTS if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
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
