#!/usr/bin/env python3
"""Clients that come over ssh, to an sshd of the test's own that is as it comes: on the other side are
vmd and sshd and nothing of libvirt's. A test has a /run, accounts and homes of its own."""
import contextlib
import os
import pathlib
import pty
import select
import shutil
import subprocess
import time

from harness import OUTER_NETWORK, VMSH, domain, main, need, need_root, skip, test, unpacked, wait_for

PORT = 2222
BIN = pathlib.Path("/run/bin")
ME, FAR = pathlib.Path("/run/me"), pathlib.Path("/run/far")  # the homes of both sides
SSHD = f"""Port {PORT}
ListenAddress 127.0.0.1
HostKey /run/host_key
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH=/run/bin
"""
# A disk that answers on the serial port what is typed there: in from 3f8 when 3fd says so, and out.
ECHO = bytes.fromhex("bafd03 ec a801 74f8 baf803 ec ee ebf1").ljust(510, b"\0") + b"\x55\xaa"


def run(*argv):
    subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.DEVNULL)


def make_key(path):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path)


def place(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


def know_host(name="[127.0.0.1]"):
    (ME / ".ssh").mkdir(exist_ok=True)
    key = pathlib.Path("/run/host_key.pub").read_text()
    (ME / ".ssh/known_hosts").write_text(f"{name}:{PORT} {key}")


@contextlib.contextmanager
def accounts():
    """root's home is ME, and there is a far user: for who looks from here."""
    users = "".join(line for line in pathlib.Path("/etc/passwd").open()
                    if not line.startswith(("root:", "sshd:", "far:")))
    place(pathlib.Path("/run/passwd"),
          f"root:x:0:0::{ME}:/bin/sh\nsshd:x:4240:65534::/run/sshd:/usr/sbin/nologin\n"
          f"far:x:4242:4242::{FAR}:/bin/sh\n{users}")
    place(pathlib.Path("/run/group"), pathlib.Path("/etc/group").read_text() + "far:x:4242:\n")
    for name in ("passwd", "group"):
        run("mount", "--bind", f"/run/{name}", f"/etc/{name}")
    try:
        yield
    finally:
        for name in ("passwd", "group"):
            run("umount", "-l", f"/etc/{name}")


@contextlib.contextmanager
def far_host(d):
    """A host that has vmd and sshd, where the user FAR manages machines."""
    need_root("to have a /run of the test's own")
    if not OUTER_NETWORK:
        skip("namespaces of the test's own cannot be made here")
    for program in ("ssh", "ssh-keygen"):
        need(program)
    programs = unpacked("openssh-server")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    try:
        for folder in (BIN, ME, FAR, FAR / ".ssh", pathlib.Path("/run/sshd")):
            folder.mkdir()
        shutil.copy(VMSH, BIN / "vmsh")
        for name in ("sh", "grep", "nc"):
            (BIN / name).symlink_to(need(name))
        (BIN / "vmd-ssh-helper").symlink_to("vmsh")  # as it is installed
        (BIN / "virt-ssh-helper").symlink_to("vmd-ssh-helper")
        for key in ("/run/host_key", "/run/other_key", ME / "key", ME / "wrong"):
            make_key(key)
        shutil.copy(ME / "key.pub", FAR / ".ssh/authorized_keys")
        know_host()
        with accounts():
            serve_far_users(d)
            with sshd(programs / "usr/sbin/sshd"):
                yield
    finally:
        run("umount", "-R", "-l", "/run")


def serve_far_users(d):
    d.end()
    (d.root / "etc/vmd/vmd.conf").write_text("unix_sock_group = far\ncompat_sockets = yes\n")
    d.start()
    for name in ("vmd", "libvirt"):
        os.mkdir(f"/run/{name}")
        run("mount", "--bind", d.root / "run" / name, f"/run/{name}")


@contextlib.contextmanager
def sshd(program):
    settings = place(pathlib.Path("/run/sshd_config"), SSHD)
    log = pathlib.Path("/run/sshd.log")
    with open(log, "w", encoding="utf-8") as out, \
            subprocess.Popen([program, "-D", "-e", "-f", settings], stderr=out) as process:
        try:
            wait_for(lambda: "listening" in log.read_text(), 30)
            yield
        finally:
            process.terminate()


def uri(more="", driver="qemu", path="system"):
    return f"{driver}+ssh://far@127.0.0.1:{PORT}/{path}?keyfile={ME}/key&no_tty=1{more}"


def ask(d, client, where, *words, status=0):
    """What a client here says, which knows nothing but its home."""
    argv = [VMSH] if client == "vmsh" else [need("virsh")]
    return d.run(*argv, "-c", where, *words, status=status, env={"HOME": str(ME)})


WAYS = ("", "&socket=/run/vmd/vmd.sock", "&proxy=auto", "&proxy=native", "&proxy=netcat",
        "&proxy=netcat&socket=/run/vmd/vmd.sock", "&proxy=netcat&netcat=/run/bin/nc", "&mode=legacy")


@test
def every_way_leads_there(d):
    with far_host(d):
        d.vmsh("define", d.write("a.xml", domain("a")))
        for more in WAYS:
            assert " a " in ask(d, "virsh", uri(more), "list", "--all"), more
        for more in ("", "&socket=/run/vmd/vmd.sock", "&proxy=native", "&proxy=netcat"):
            assert " a " in ask(d, "vmsh", uri(more, "vmd"), "list", "--all"), more
        # One's own keys and a host of a name, with no parameter at all.
        (ME / "key").rename(ME / ".ssh/id_ed25519")
        know_host("[localhost]")
        for client in ("virsh", "vmsh"):
            where = f"qemu+ssh://far@localhost:{PORT}/system"
            assert " a " in ask(d, client, where, "list", "--all")
            told = ask(d, client, where, "-r", "undefine", "a", status=1)
            assert "read only" in told or "read-only" in told, told


@test
def what_ssh_says_reaches_the_user(d):
    with far_host(d):
        def told(more, what, where=uri):
            for client in ("virsh", "vmsh"):
                said = ask(d, client, where(more), "list", status=1)
                assert what in said, (client, more, said)

        told(f"&keyfile={ME}/wrong", "Permission denied (publickey)")
        told("", "Connection refused", lambda more: uri(more).replace(str(PORT), "2223"))
        (ME / ".ssh/known_hosts").unlink()
        told("", "Host key verification failed")
        for client in ("virsh", "vmsh"):
            assert "Id" in ask(d, client, uri("&no_verify=1"), "list"), client
            (ME / ".ssh/known_hosts").unlink()
        other = pathlib.Path("/run/other_key.pub").read_text()
        (ME / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{PORT} {other}")
        told("", "REMOTE HOST IDENTIFICATION HAS CHANGED")
        know_host()
        for name in ("virt-ssh-helper", "vmsh"):
            (BIN / name).rename(BIN / f"no-{name}")
        told("&proxy=native", "not found")
        assert "Id" in ask(d, "vmsh", uri(), "list")  # nc does
        d.end()
        told("&proxy=netcat", "No such file")


def talk(argv):
    """Types into a console until it answers."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], [str(a) for a in argv], {**os.environ, "HOME": str(ME)})
    said, end = b"", time.monotonic() + 60
    try:
        while b"vmd" not in said.split(b"Escape character")[-1]:
            assert time.monotonic() < end, said
            if select.select([fd], [], [], 0.3)[0]:
                said += os.read(fd, 4096)
            elif b"Escape character" in said:
                os.write(fd, b"vmd")
        os.write(fd, b"\x1d")
        with contextlib.suppress(OSError):
            while os.read(fd, 4096):
                pass
    finally:
        os.close(fd)
    assert os.waitpid(pid, 0)[1] == 0, said


@test
def consoles_and_volumes_go_through(d):
    (d.root / "pool").mkdir()
    disk = d.root / "pool/echo.img"
    disk.write_bytes(ECHO + os.urandom(3 << 20))
    with far_host(d):
        d.vmsh("pool-create-as", "p", "dir", "--target", d.root / "pool")
        d.vmsh("define", d.write("e.xml", domain("e", "<serial type='pty'/><console type='pty'/>"
               "<video><model type='vga'/></video><graphics type='vnc'/>"
               f"<disk type='file'><source file='{disk}'/><target dev='hda' bus='sata'/></disk>")))
        for client, where in (("virsh", uri()), ("vmsh", uri(driver="vmd"))):
            out = d.root / f"{client}.img"
            ask(d, client, where, "vol-download", "echo.img", out, "--pool", "p")
            assert out.read_bytes() == disk.read_bytes(), client
        d.vmsh("start", "e")
        for client, where in (("virsh", uri()), (VMSH, uri(driver="vmd"))):
            talk([client, "-c", where, "console", "e"])
        shot = d.root / "shot"
        ask(d, "virsh", uri(), "screenshot", "e", shot)
        assert shot.read_bytes()[:2] in (b"P6", b"\x89P")


main()
