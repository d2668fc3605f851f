#!/usr/bin/env python3
"""Sockets that somebody else made and handed over, as systemd does, and what the daemon tells whoever
started it: ready, reloading, stopping, and that its loop runs."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from harness import SOURCE, VMD, domain, main, need_root, skip, stopped, test, wait_for

# Becomes the program with the descriptors from 3 on, as whose LISTEN_PID is its own.
AS_SYSTEMD = """
import os, sys
n = int(sys.argv[1])
for i in range(n):
    os.set_inheritable(3 + i, True)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(n)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """What systemd is to the daemon."""

    def __init__(self, d):
        self.d = d
        run = d.root / "run/vmd"
        run.mkdir(parents=True, exist_ok=True)
        self.given = {}
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(d.root / "notify"))

    def listen(self, name, path, kind=socket.SOCK_STREAM, mode=0o600):
        path.unlink(missing_ok=True)
        s = socket.socket(socket.AF_UNIX, kind)
        s.bind(str(path))
        os.chmod(path, mode)
        if kind == socket.SOCK_STREAM:
            s.listen()
        self.given[name] = s
        return s

    def both(self):
        self.listen("vmd", self.d.socket)
        self.listen("vmd-ro", self.d.ro_socket, mode=0o666)
        return self

    def popen(self, *options, names=None, **env):
        fds = [s.fileno() for s in self.given.values()]

        def in_place():
            high = [os.dup(os.dup2(fd, 100 + i)) for i, fd in enumerate(fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(fds), 256)
        env = {**os.environ, "LISTEN_FDNAMES": ":".join(names or self.given), "NOTIFY_SOCKET":
               str(self.d.root / "notify"), **env}
        with open(self.d.log, "ab") as log:
            return subprocess.Popen(["/usr/bin/python3", "-c", AS_SYSTEMD, str(len(fds)), VMD, "--root",
                                     str(self.d.root), *options], stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log, env=env, close_fds=False, preexec_fn=in_place)

    def start(self, *options, **env):
        self.d.process = self.popen(*options, **env)
        self.expect("READY=1")

    def refused(self, **how):
        self.d.log.write_text("")
        assert self.popen(**how).wait(60) == 1
        return self.d.log.read_text()

    def expect(self, word, seconds=60):
        self.notify.settimeout(seconds)
        while True:
            said = self.notify.recv(4096).decode().splitlines()
            if any(line.startswith(word) for line in said):
                return said


def no_runner(d):
    d.end()
    d.log.write_text("")
    return Manager(d)


@test
def given_sockets_are_served_and_stay(d):
    m = no_runner(d).both()
    early = socket.socket(socket.AF_UNIX)  # somebody who connects before the daemon is there
    early.connect(str(d.socket))
    m.start()
    d.vmsh("define", d.write("a.xml", domain("a")))
    assert "read only" in d.vmsh("undefine", "a", uri=d.ro_uri, status=1)
    assert "a" in d.vmsh("list", "--all", uri=d.ro_uri)
    inodes = d.socket.stat().st_ino, d.ro_socket.stat().st_ino
    os.kill(d.pid, signal.SIGHUP)
    m.expect("RELOADING=1")
    m.expect("READY=1")
    assert d.socket.stat().st_mode & 0o777 == 0o600
    d.process.send_signal(signal.SIGTERM)
    m.expect("STOPPING=1")
    d.end()
    assert inodes == (d.socket.stat().st_ino, d.ro_socket.stat().st_ino)
    asking = subprocess.Popen([os.environ["VMSH"], "-c", d.uri, "list", "--all"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(lambda: pathlib.Path("/proc/net/unix").read_text().count(f"{d.socket}\n") == 2)  # it queues
    m.start()
    assert " a " in asking.communicate(timeout=60)[0]
    early.close()


@test
def a_socket_that_is_not_given_is_made(d):
    need_root("to be the system's daemon")
    m = no_runner(d)
    m.listen("vmd", d.socket)
    m.start()
    d.vmsh("list", uri=d.ro_uri)
    d.end()
    assert d.socket.exists() and not d.ro_socket.exists()


@test
def what_is_no_socket_of_ours_is_refused(d):
    m = no_runner(d)
    m.listen("vmd.socket", d.socket)
    assert "came as 'vmd.socket'; its FileDescriptorName= must be" in m.refused()
    m.given = {"vmd": m.given["vmd.socket"]}
    m.listen("other", d.root / "other")
    assert "two descriptors came as 'vmd'" in m.refused(names=["vmd", "vmd"])
    m.given = {}
    m.listen("vmd", d.root / "datagrams", socket.SOCK_DGRAM)
    assert "no UNIX stream socket that listens" in m.refused()
    m.given = {"vmd": socket.socket(socket.AF_UNIX)}
    assert "no UNIX stream socket that listens" in m.refused()
    with open("/dev/null", "rb") as null:
        m.given = {"vmd": null}
        assert "no UNIX stream socket that listens" in m.refused()


@test
def children_get_none_of_it(d):
    m = no_runner(d).both()
    m.start()
    d.vmsh("define", d.write("a.xml", domain("a")))
    d.vmsh("start", "a")
    inodes = {os.fstat(s.fileno()).st_ino for s in m.given.values()}
    (qemu,) = d.qemus()
    for entry in pathlib.Path(f"/proc/{qemu}/fd").iterdir():
        assert entry.stat().st_ino not in inodes, entry.readlink()
    environment = pathlib.Path(f"/proc/{qemu}/environ").read_bytes()
    for word in (b"LISTEN_", b"NOTIFY_", b"WATCHDOG_"):
        assert word not in environment


@test
def the_loop_feeds_the_watchdog(d):
    m = no_runner(d).both()
    m.start(WATCHDOG_USEC="300000")
    for _ in range(5):
        m.expect("WATCHDOG=1", 10)
    with stopped(d.pid):
        m.notify.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while m.notify.recv(4096):  # what it said before it was stopped
                pass
        m.notify.settimeout(1)
        try:
            assert not m.notify.recv(4096)
        except TimeoutError:
            pass
    m.expect("WATCHDOG=1", 10)


@test
def it_ends_when_it_is_idle_and_was_asked_to(d):
    m = no_runner(d).both()
    conf = d.root / "etc/vmd/vmd.conf"
    conf.write_text("idle_exit = 1\n")
    m.start()
    d.vmsh("define", d.write("a.xml", domain("a")))
    d.vmsh("start", "a", "--paused")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(d.socket))
        d.vmsh("destroy", "a")
        try:
            assert not d.process.wait(3)
        except subprocess.TimeoutExpired:
            pass  # somebody is there
    assert d.wait_killed(30) == 0
    assert "no client was connected for 1 seconds" in d.log.read_text()
    m.start()
    d.vmsh("start", "a", "--paused")
    try:
        assert not d.process.wait(4)
    except subprocess.TimeoutExpired:
        pass  # a machine runs
    conf.write_text("")
    os.kill(d.pid, signal.SIGHUP)
    m.expect("RELOADING=1")
    d.vmsh("destroy", "a")


@test
def the_units_are_good():
    if not shutil.which("systemd-analyze"):
        skip("systemd-analyze is not installed")
    units = pathlib.Path(os.environ["VMD_TEST_BUILD"], "data")
    folder = pathlib.Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True,
                                         text=True).stdout.strip())
    try:
        for who, options in (("", []), ("user", ["--user"])):
            where = folder / (who or "system")
            where.mkdir()
            text = (units / who / "vmd.service").read_text()
            (where / "vmd.service").write_text(re.sub(r"(?<==)\S+/vmd\b", VMD, text))
            for path in (SOURCE / "data" / who).glob("*.socket"):
                shutil.copy(path, where)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", *options,
                                   *map(str, sorted(where.iterdir()))], capture_output=True, text=True,
                                  timeout=60, env={**os.environ, "XDG_RUNTIME_DIR": str(folder)})
            said = "\n".join(line for line in done.stderr.splitlines() if str(folder) in line or "vmd" in line)
            assert done.returncode == 0 and not said, (done.returncode, done.stderr)
    finally:
        shutil.rmtree(folder)


main()
