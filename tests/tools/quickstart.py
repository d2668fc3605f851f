#!/usr/bin/env python3
"""tools/quickstart as a user runs it, below a root of the test's own: it works, it cleans up after
itself, and where it fails or is interrupted nothing of it is left running."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import SOURCE, VMD, guest, main, need_root, skip, test  # noqa: E402

ENV = {**os.environ, "VMD_BUILD": str(pathlib.Path(VMD).parents[1])}


def running(root):
    """What runs with something below ROOT in its words or open: pid and command line."""
    found, mine = {}, str(root)
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                opened = [os.readlink(f) for f in (entry / "fd").iterdir()]
                if mine in words or any(mine in name for name in opened):
                    found[int(entry.name)] = words[:400]
    return found


@contextlib.contextmanager
def place(kernel=None, initrd=None):
    """A root with a guest in it, its kernel or its initrd replaced by other bytes."""
    need_root("for vmd's system mode")
    shutil.which("qemu-system-x86_64") or skip("qemu-system-x86_64 is not installed")
    made = guest()
    root = pathlib.Path(tempfile.mkdtemp(prefix="vmd-quickstart-"))
    folder = root / "var/lib/vmd/quickstart"
    folder.mkdir(parents=True)
    for name, other in ("vmlinuz", kernel), ("initrd", initrd):
        if other:
            (folder / name).write_bytes(other)
        else:
            shutil.copy(made / name, folder)
    try:
        yield root
    finally:
        for pid in running(root):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(root)


def quickstart(root, *options):
    return subprocess.run([*command(root), *options], env=ENV, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL)


def command(root):
    return [SOURCE / "tools/quickstart", "--root", root]


def nothing_runs(root, done):
    left = running(root)
    assert not left, f"left running: {left}\n{done.stdout}\n{done.stderr}"


def fails(root, why, *options):
    done = quickstart(root, *options)
    assert done.returncode == 1 and why in done.stdout + done.stderr, \
        f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    nothing_runs(root, done)


@test
def a_guest_is_shown_and_left_running_until_cleaned_up():
    with place() as root:
        for _ in range(2):  # the second finds a daemon and a guest of the first
            done = quickstart(root)
            assert done.returncode == 0 and "the answer is 42, says" in done.stdout, \
                f"{done.stdout}\n{done.stderr}"
            words = " ".join(running(root).values())
            assert "daemon/vmd" in words and "guest=demo" in words, words
        done = quickstart(root, "--clean-up")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        nothing_runs(root, done)
        assert not list(root.glob("etc/vmd/qemu/demo*")), "the definition is still there"


@test
def a_kernel_that_is_none_leaves_nothing():
    with place(kernel=b"no kernel" * 1000) as root:
        fails(root, "demo", "--clean-up")


@test
def a_guest_that_panics_leaves_nothing():
    with place(initrd=b"no initrd" * 1000) as root:
        fails(root, "the console ended before")


@test
def a_guest_whose_daemon_died_is_ended():
    with place() as root:
        with subprocess.Popen(command(root) + ["--clean-up"], env=ENV, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                if line.startswith("Connected to"):
                    break
            os.kill(int((root / "run/vmd/vmd.pid").read_text()), signal.SIGKILL)
            said = process.stdout.read()
        assert process.returncode == 1, f"{process.returncode}: {said}"
        assert not running(root), f"left running: {running(root)}"


@test
def a_signal_leaves_nothing():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with place() as root:
            # Who runs the tests beside something else has perhaps told this one to ignore them.
            process = subprocess.Popen(command(root), env=ENV, text=True, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       preexec_fn=lambda number=number: signal.signal(number, signal.SIG_DFL))
            with process:
                for line in process.stdout:
                    if line.startswith("Connected to"):
                        break
                process.send_signal(number)
                said = process.stdout.read()
            assert process.returncode == 128 + number, f"{process.returncode}: {said}"
            assert not running(root), f"left running: {running(root)}"


main()
