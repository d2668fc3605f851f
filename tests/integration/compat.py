#!/usr/bin/env python3
"""Clients of libvirt that name no socket, or nothing at all: they find the daemon at the names of
libvirt's daemons, where none of those listens."""
import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from harness import (OUTER_NETWORK, VMD, VMSH, Daemon, domain, main, need, need_root, skip, stopped, test, wait_for)
from terminal import Terminal

DAEMONS = ("libvirt", "virtqemud", "virtnetworkd", "virtstoraged", "virtsecretd", "virtnodedevd",
           "virtnwfilterd", "virtinterfaced")


def with_compat(d):
    d.end()
    (d.root / "etc/vmd/vmd.conf").write_text("compat_sockets = yes\n")
    return d


def names(d):
    folder = d.root / "run/libvirt"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@contextlib.contextmanager
def as_run_libvirt(d):
    """The folder where every client looks is ours meanwhile."""
    need_root("to have a /run of the test's own")
    if not OUTER_NETWORK:
        skip("a mount namespace of the test's own cannot be made here")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    try:
        os.mkdir("/run/libvirt")
        subprocess.run(["mount", "--bind", d.root / "run/libvirt", "/run/libvirt"], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", "/run"], check=True)


def virsh(*argv, status=0, **env):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LIBVIRT_", "XDG_"))}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([need("virsh"), *argv], capture_output=True, text=True, timeout=60,
                              env={**clean, "HOME": home, **env})
    assert done.returncode == status, (argv, done.stdout, done.stderr)
    return done.stdout + done.stderr


@test
def a_client_without_a_uri_finds_it(d):
    with_compat(d).start()
    d.vmsh("define", d.write("a.xml", domain("a")))  # answered when all sockets are there
    assert names(d) == sorted([f"{n}-sock" for n in DAEMONS] + [f"{n}-sock-ro" for n in DAEMONS])
    with as_run_libvirt(d):
        assert virsh("uri").strip() == "qemu:///system"
        assert " a " in virsh("list", "--all")
        assert " a " in virsh("-c", "qemu:///system", "list", "--all")
        for words in ("net-list", "pool-list", "secret-list", "nodedev-list", "nwfilter-list", "iface-list"):
            virsh(words)
        assert "read only" in virsh("-r", "undefine", "a", status=1)
        for path in (d.root / "run/libvirt").glob("virt*"):
            path.unlink()
        assert virsh("uri").strip() == "qemu:///system"
        assert " a " in virsh("list", "--all")
        virsh("undefine", "a")


@test
def none_are_there_unless_asked_for(d):
    assert not (d.root / "run/libvirt").exists()


@test
def they_go_with_the_daemon(d):
    with_compat(d).start()
    d.end()
    assert not (d.root / "run/libvirt").exists()
    d.start()
    wait_for(lambda: len(names(d)) == 2 * len(DAEMONS))
    d.kill()
    assert len(names(d)) == 2 * len(DAEMONS)
    d.start()  # what a killed one has left is replaced

    def is_served():
        with contextlib.suppress(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(d.root / "run/libvirt/virtinterfaced-sock"))
            return True
        return False
    wait_for(is_served)
    taken = d.root / "run/libvirt/libvirt-sock"
    taken.unlink()
    taken.write_text("somebody else's")
    d.end()
    assert names(d) == ["libvirt-sock"] and taken.read_text() == "somebody else's"


@test
def where_libvirt_listens_it_does_not(d):
    with_compat(d)
    folder = d.root / "run/libvirt"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(folder / "virtnetworkd-sock"))
        s.listen()
        d.start()
        wait_for(lambda: "serves" in d.log.read_text().splitlines()[-1])
        assert names(d) == ["virtnetworkd-sock"]
        assert f"a daemon of libvirt's listens at {folder}/virtnetworkd-sock: stop it" in d.log.read_text()
        d.vmsh("list")
        d.end()
        assert names(d) == ["virtnetworkd-sock"]


@test
def a_users_own_daemon_has_them_too():
    need_root("to become somebody else")
    who = pwd.getpwnam("nobody")
    home = pathlib.Path(tempfile.mkdtemp(prefix="vmd-compat-"))
    try:
        vmd = shutil.copy(VMD, home)
        for folder in ("run", "config/vmd"):
            (home / folder).mkdir(parents=True)
        (home / "config/vmd/vmd.conf").write_text("compat_sockets = yes\n")
        subprocess.run(["chown", "-R", str(who.pw_uid), home], check=True)
        env = {"HOME": str(home), "PATH": "/usr/bin:/bin:/usr/sbin", "XDG_RUNTIME_DIR": f"{home}/run",
               "XDG_CONFIG_HOME": f"{home}/config", "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        identity = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        with open(home / "log", "wb") as log:
            daemon = subprocess.Popen([vmd], env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      **identity)
        try:
            wait_for(lambda: (home / "run/libvirt/virtinterfaced-sock").exists(), 30)
            assert (home / "run/libvirt").stat().st_mode & 0o777 == 0o700
            assert not list((home / "run/libvirt").glob("*-ro"))
            done = subprocess.run([need("virsh"), "uri"], env=env, capture_output=True, text=True, timeout=60,
                                  cwd="/", **identity)
            assert done.stdout.strip() == "qemu:///session", done
        finally:
            daemon.terminate()
            assert daemon.wait(30) == 0, (home / "log").read_text()
    finally:
        shutil.rmtree(home)


@test
def a_list_tells_of_other_daemons(d):
    """Of a session's and of libvirt's, which is here another vmd at its names; never for long."""
    with_compat(d).start()
    other = with_compat(Daemon().start())
    try:
        other.start()
        for name in ("here", "there"):
            other.vmsh("define", other.write(f"{name}.xml", domain(name)))
        with as_run_libvirt(other):
            run = pathlib.Path("/run")
            (run / "vmd").symlink_to(d.root / "run/vmd")
            env = {"XDG_RUNTIME_DIR": str(other.root / "run")}

            def listed(*words):
                return d.vmsh(*words, "list", uri="vmd:///system", env=env)
            note = "note: vmd:///session has 2 domains that are not listed here: 'vmsh -c vmd:///session list --all'"
            said = listed()
            assert note in said and "libvirt" not in said, said
            (run / "libvirtd.pid").write_text(f"{other.pid}\n")
            assert "note: libvirt's qemu:///system has 2 domains" in listed()
            assert "note" not in listed("-q") and "note" not in listed("--json")
            d.vmsh("define", other.root / "here.xml")  # with an UUID of its own
            d.vmsh("create", other.write("g.xml", domain("g")))
            assert "note" not in listed()  # no terminal, and something to see
            t = Terminal(VMSH, "-c", "vmd:///system", "list", **env)
            t.until(note, 30)
            assert t.status() == 0
            d.vmsh("destroy", "g")
            with stopped(other.pid):
                began = time.monotonic()
                assert "note" not in listed() and time.monotonic() - began < 10
            other.vmsh("undefine", "here")
            assert "has 1 domain that is not" in listed()
    finally:
        other.clean()


@test
def a_client_that_comes_by_ssh_is_relayed(d):
    """What a client of libvirt's runs on the far side, as it asks for it there."""
    with_compat(d).start()
    d.vmsh("define", d.write("a.xml", domain("a")))
    folder = d.root / "bin"
    folder.mkdir()
    (folder / "vmd-ssh-helper").symlink_to(VMSH)  # as it is installed
    (folder / "virt-ssh-helper").symlink_to("vmd-ssh-helper")
    assert " a " not in d.run(folder / "vmd-ssh-helper", "qemu:///nowhere", status=1)
    ssh = d.write("ssh", "#!/bin/sh\nfor last in \"$@\"; do :; done\nexec sh -c \"$last\"\n")
    ssh.chmod(0o755)
    with as_run_libvirt(d):
        (pathlib.Path("/run") / "vmd").symlink_to(d.root / "run/vmd")
        path = f"{folder}:{os.environ['PATH']}"
        for more in ("", "&proxy=native"):
            uri = f"qemu+ssh://somebody@host/system?command={ssh}{more}"
            assert " a " in virsh("-c", uri, "list", "--all", PATH=path), more


main()
