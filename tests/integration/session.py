"""Session mode: an ordinary user's own daemon, started by vmsh, with no privilege at all."""
import os
import pwd
import shutil
import subprocess
import tempfile

from harness import VMD, VMSH, domain, main, need_root, test, wait_for

USER = "nobody"


@test
def a_user_runs_guests_without_privilege():
    need_root("to become somebody else")
    who = pwd.getpwnam(USER)
    home = tempfile.mkdtemp(prefix="vmd-session-")
    binaries = tempfile.mkdtemp(prefix="vmd-bin-")
    for program in (VMD, VMSH):  # the build folder may be closed to others
        shutil.copy(program, binaries)
    os.chmod(binaries, 0o755)
    env = {"HOME": home, "PATH": f"{binaries}:/usr/bin:/bin:/usr/sbin", "XDG_RUNTIME_DIR": home + "/run",
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
    os.mkdir(home + "/run")
    with open(home + "/own.xml", "w") as f:
        f.write(domain("own", "<serial type='pty'/><interface type='user'><model type='virtio'/>"
                       "</interface>"))
    for root, dirs, files in os.walk(home):
        for name in ("", *dirs, *files):
            os.chown(os.path.join(root, name), who.pw_uid, who.pw_gid)

    def vmsh(*argv, status=0):
        done = subprocess.run([f"{binaries}/vmsh", "-c", "vmd:///session", *argv], env=env, text=True,
                              capture_output=True, timeout=60, cwd=home, user=who.pw_uid,
                              group=who.pw_gid, extra_groups=[])
        assert done.returncode == status, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    try:
        assert "vmd" in vmsh("uri") or "session" in vmsh("uri")
        vmsh("define", home + "/own.xml")
        vmsh("start", "own")
        assert vmsh("domstate", "own").strip() == "running"
        assert os.path.exists(home + "/run/vmd/vmd.sock")
        vmsh("destroy", "own")
        vmsh("undefine", "own")
    finally:
        pid_file = home + "/run/vmd/vmd.pid"
        if os.path.exists(pid_file):
            pid = int(open(pid_file).read())
            os.kill(pid, 15)
            wait_for(lambda: not os.path.exists(f"/proc/{pid}/exe") or
                     open(f"/proc/{pid}/stat").read().split()[2] == "Z", 10)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(binaries, ignore_errors=True)


main()
