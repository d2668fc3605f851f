"""Session mode: an ordinary user's own daemon, started by vmsh, with no privilege at all."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from harness import VMD, VMSH, domain, guest, main, need_root, test, wait_for
from terminal import Terminal

USER = "nobody"


class Session:
    """Somebody without any privilege, with a home and a copy of the binaries."""

    def __init__(self, runtime=True):
        need_root("to become somebody else")
        self.who = pwd.getpwnam(USER)
        self.home = tempfile.mkdtemp(prefix="vmd-session-")
        self.binaries = tempfile.mkdtemp(prefix="vmd-bin-")
        for program in (VMD, VMSH):  # the build folder may be closed to others
            shutil.copy(program, self.binaries)
        os.chmod(self.binaries, 0o755)
        self.env = {"HOME": self.home, "PATH": f"{self.binaries}:/usr/bin:/bin:/usr/sbin",
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        self.run = self.home + ("/run/vmd" if runtime else "/.cache/vmd")
        if runtime:
            os.mkdir(self.home + "/run")
            os.chown(self.home + "/run", self.who.pw_uid, self.who.pw_gid)
            self.env["XDG_RUNTIME_DIR"] = self.home + "/run"
        os.chown(self.home, self.who.pw_uid, self.who.pw_gid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_daemon()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.binaries, ignore_errors=True)

    def identity(self):
        return {"user": self.who.pw_uid, "group": self.who.pw_gid, "extra_groups": []}

    def command(self, *argv):
        return [f"{self.binaries}/vmsh", "-c", "vmd:///session", *argv]

    def vmsh(self, *argv, status=0, **env):
        done = subprocess.run(self.command(*argv), env={**self.env, **env}, text=True, timeout=60,
                              capture_output=True, cwd=self.home, **self.identity())
        assert done.returncode == status, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def define(self, text):
        path = self.home + "/own.xml"
        with open(path, "w") as f:
            f.write(text)
        return self.vmsh("define", path)

    def end_daemon(self, sig=signal.SIGTERM):
        with contextlib.suppress(FileNotFoundError):
            pid = int(pathlib.Path(self.run + "/vmd.pid").read_text())
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
            wait_for(lambda: is_over(pid), 10)


def is_over(pid):
    """Its sockets are closed: they are a while after /proc/PID/exe is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


USER_NETWORK = "<interface type='user'><model type='virtio'/></interface>"


@test
def a_user_runs_guests_without_privilege():
    with Session() as s:
        assert "session" in s.vmsh("uri")
        s.define(domain("own", "<serial type='pty'/>" + USER_NETWORK))
        s.vmsh("start", "own")
        assert s.vmsh("domstate", "own").strip() == "running"
        for made in ("/run/vmd/vmd.sock", "/.config/vmd/qemu/own.xml", "/.cache/vmd/log/qemu/own.log"):
            assert os.path.exists(s.home + made), made
        s.vmsh("destroy", "own")
        s.vmsh("undefine", "own")


@test
def it_talks_to_a_guest_without_a_runtime_folder():
    """As after su: what would be in XDG_RUNTIME_DIR is in the cache. The guest outlives the daemon,
    which the next command starts again."""
    kernel = guest()
    with Session(runtime=False) as s:
        images = shutil.copytree(kernel, s.home + "/images")
        s.define(domain("own", "<serial type='pty'/><console type='pty'/>" + USER_NETWORK, 256,
                        kernel=images))
        t = Terminal("setpriv", f"--reuid={s.who.pw_uid}", f"--regid={s.who.pw_gid}", "--clear-groups",
                     "--no-new-privs", "env", "-u", "XDG_RUNTIME_DIR", *s.command("start", "own", "--console"),
                     **s.env)
        t.until("# ", 120)
        t.type_until("echo $((6 * 7)) is it\r", "42 is it")
        t.type("\x1d")
        assert t.status() == 0
        assert os.path.exists(s.home + "/.cache/vmd/vmd.sock")
        s.end_daemon(signal.SIGKILL)
        assert s.vmsh("domstate", "own").strip() == "running"
        s.vmsh("destroy", "own")
        s.vmsh("undefine", "own")


@test
def a_folder_of_somebody_else_is_named():
    with Session() as s:
        closed = tempfile.mkdtemp(prefix="vmd-closed-")
        try:
            told = s.vmsh("list", status=1, XDG_RUNTIME_DIR=closed)
            assert "hint: HOME or XDG_RUNTIME_DIR names a folder of another user" in told, told
        finally:
            os.rmdir(closed)


main()
