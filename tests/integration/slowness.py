"""What the tests of slow files and slow emulators share: a server of files that can be stopped, and
how long reads take beside something."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from harness import SANITIZED, need_root, skip, wait_for

try:
    import libvirt
except ImportError:
    libvirt = None

CALLS = 1000
WORST_MS = 10.0


def p99_ms(calls):
    times = []
    for i in range(CALLS):
        start = time.perf_counter()
        with contextlib.suppress(libvirt.libvirtError):  # an error is an answer as well
            calls[i % len(calls)]()
        times.append(time.perf_counter() - start)
    return sorted(times)[CALLS * 99 // 100] * 1000


def connect(d):
    if libvirt is None:
        skip("python3-libvirt is not installed")
    libvirt.registerErrorHandler(lambda *what: None, None)
    return libvirt.open(d.uri)


@contextlib.contextmanager
def mounted(d, count=10):
    """A folder of slow_files.py, and its process."""
    need_root("to mount")
    if not os.path.exists("/dev/fuse"):
        skip("there is no /dev/fuse")
    if subprocess.run([sys.executable, "-c", "import fusepy"], capture_output=True).returncode:
        skip("python3-fusepy is not installed")
    path = d.root / "far"
    path.mkdir()
    server = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("slow_files.py"), path,
                               str(count)])
    try:
        wait_for(lambda: os.path.ismount(path))
        yield path, server.pid
    finally:
        server.send_signal(signal.SIGCONT)
        d.end()
        subprocess.run(["umount", "-l", path], check=False)
        server.wait(10)


@contextlib.contextmanager
def meanwhile(d, work):
    """Repeats WORK with a connection of its own beside what the block does."""
    over = threading.Event()

    def repeat():
        c = libvirt.open(d.uri)
        while not over.is_set():
            with contextlib.suppress(libvirt.libvirtError):
                work(c)
        c.close()
    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def check_quick(d, what, calls):
    worst = p99_ms(calls)
    print(f"# {what}: p99 {worst:.2f} ms")
    assert worst < WORST_MS * (SANITIZED if d.is_sanitized() else 1), f"{what}: p99 {worst:.1f} ms"
