#!/usr/bin/env python3
"""Every file that the daemon keeps is cut off, emptied, changed by a bit and removed while VMs run, and
a new daemon begins. No VM is forgotten or ended, what was lost is told, and at the end the host is
clean. VMD_DAMAGE_SEED chooses other bits."""
import contextlib
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import (QEMU, VMD, domain, main, need, need_own_network, same, test, wait_for)  # noqa: E402

SEED = int(os.environ.get("VMD_DAMAGE_SEED", "7"))
BITS = 6  # changed in each file, one at a time

KEPT = """
    <disk type='file' device='disk'><driver name='qemu' type='raw'/>
      <source file='{root}/{name}.img'/><target dev='vda' bus='virtio'/></disk>
    <interface type='ethernet'><model type='virtio'/></interface>
    <serial type='unix'><source mode='bind' path='{root}/{name}.sock'/></serial>
    <graphics type='vnc' autoport='yes'/>
"""
TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
# What nobody need hear of when it is lost.
HARMLESS = ("vmd.pid", "vmd.sock", "vmd-ro.sock", "autostarted", "swtpm")


def document(d, name, extra=""):
    (d.root / f"{name}.img").write_bytes(bytes(1 << 16))
    return d.write(f"{name}.xml", domain(name, KEPT.format(root=d.root, name=name) + extra, memory=32))


class Host:
    """Two VMs that run, one defined and one transient, and one that is off."""

    def __init__(self, d):
        self.d = d
        need("swtpm_setup")
        d.vmsh("define", document(d, "kept", TPM))
        d.vmsh("start", "kept")  # folders and caches that are made once
        d.vmsh("destroy", "kept")
        d.vmsh("undefine", "kept", "--tpm")
        self.empty = d.steady_inventory()
        d.vmsh("define", document(d, "kept", TPM))
        d.vmsh("define", d.write("off.xml", domain("off", memory=32)))
        d.vmsh("autostart", "kept")
        self.start()

    def start(self):
        """Whatever of the two does not run."""
        names = self.running()
        if "kept" not in names:
            self.d.vmsh("start", "kept")
        if "gone" not in names:
            self.d.vmsh("create", document(self.d, "gone"))
        self.qemus = self.d.qemus(helpers=False)
        assert len(self.qemus) == 2

    def running(self):
        return self.d.vmsh("list", "--name").split()

    def files(self):
        for top in ("run", "etc"):
            for path in sorted((self.d.root / top).rglob("*")):
                if not path.is_dir() and ".broken-" not in path.name:
                    yield path


def cut_off(path, where):
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * where)])


def change_bit(path, bit):
    text = bytearray(path.read_bytes())
    text[bit // 8 % len(text)] ^= 1 << bit % 8
    path.write_bytes(text)


def damages(path, chance):
    """(what, how) of all that can be done to a file."""
    yield "removed", path.unlink
    if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size == 0:
        return
    yield "emptied", lambda: cut_off(path, 0)
    for where in (0.3, 0.6, 0.95):
        yield f"cut off at {where}", lambda where=where: cut_off(path, where)
    for bit in (chance.randrange(path.stat().st_size * 8) for _ in range(BITS)):
        yield f"bit {bit} changed", lambda bit=bit: change_bit(path, bit)


def name_of(path):
    """The same for every VM."""
    return path.name.split(".")[-1] if path.name.endswith(".ledger") else path.name


def is_told(d, path, what):
    """The log says so, unless nothing was lost: a blank that changed, a mark that was empty."""
    log = d.log.read_text(errors="replace")
    return (any(word in log for word in ("found again in part", "cannot be read", "is transient now",
                                         "broken", "was called", "monitor"))
            or path.name in HARMLESS or path.name == "off.xml" and what == "removed" or "autostart" in path.parts or "bit" in what)


def hurt(host, path, what, how):
    """The daemon is killed, one file damaged, the daemon begins again."""
    d = host.d
    where = f"{path.relative_to(d.root)} {what}"
    d.kill()
    d.log.write_text("")
    held = path.read_bytes() if path.is_file() and "etc" in path.parts else None
    link = os.readlink(path) if path.is_symlink() else None
    how()
    d.start()
    for qemu in host.qemus:
        assert is_alive(qemu), f"{where}: QEMU was ended\n{d.tail()}"
    names = wait_for(lambda: len(host.running()) == 2 and host.running())
    # A file whose every trace of a name was damaged leaves the UUID as the name, never nothing.
    assert set(names) == {"kept", "gone"}, f"{where}: {names}\n{d.tail()}"
    for name in names:
        assert d.vmsh("domstate", name).strip() in ("running", "paused"), where
        d.vmsh("dumpxml", name)
    assert is_told(d, path, what), f"{where}: was not told\n{d.tail()}"
    put_back(path, held, link)


def put_back(path, held, link):
    """The user's own files, as a backup would."""
    if link:
        with contextlib.suppress(FileExistsError):
            path.symlink_to(link)
    elif held is not None:
        path.write_bytes(held)


def is_alive(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def end(host):
    """Everything is taken down again as if nothing had happened."""
    d = host.d
    d.end()
    d.start()
    for name in host.running():
        d.vmsh("destroy", name)
    for name in d.vmsh("list", "--all", "--name").split():
        d.vmsh("undefine", name, "--tpm")
    after = d.steady_inventory()
    after["files"] = [f for f in after["files"] if ".broken-" not in f]
    same(host.empty, after)


def add_test(title, wanted):
    def damaged(d):
        need_own_network()
        chance = random.Random(SEED)
        host = Host(d)
        seen = 0
        for path in [p for p in host.files() if wanted(p)]:
            for what, how in list(damages(path, chance)):
                if not os.path.lexists(path):
                    continue  # it is not made anew: a monitor's socket, a link
                seen += 1
                hurt(host, path, what, how)
        assert seen, "no such file"
        end(host)
    damaged.__name__ = title
    test(damaged)


add_test("ledgers", lambda p: p.name.endswith(".ledger"))
add_test("statuses", lambda p: p.name == "status")
add_test("live_definitions", lambda p: p.name == "live.xml")
add_test("other_files_of_a_run", lambda p: "run" in p.parts and name_of(p) not in (
    "ledger", "status", "live.xml", "monitor"))
add_test("definitions", lambda p: "etc" in p.parts)


@test
def a_monitor_that_cannot_be_reached(d):
    """The VM stays, can be looked at and ended."""
    need_own_network()
    host = Host(d)
    for path in (d.root / "run/vmd/qemu").glob("*/monitor"):
        hurt(host, path, "removed", path.unlink)
    assert "monitor" in d.vmsh("domcontrol", "kept", status=None)
    end(host)


@test
def everything_at_once(d):
    """No file of the run is left: what runs is found all the same."""
    need_own_network()
    host = Host(d)
    d.kill()
    d.log.write_text("")
    for path in list((d.root / "run/vmd/qemu").rglob("*")):
        if path.is_file() and path.name != "autostarted":
            path.unlink()
    d.start()
    assert all(is_alive(q) for q in host.qemus), d.tail()
    assert set(host.running()) == {"kept", "gone"}, d.tail()
    info = d.vmsh("dominfo", "gone")
    assert "32768 KiB" in info and "1" in info, info
    # Nobody else may write its image meanwhile.
    other = domain("other", f"<disk type='file'><driver name='qemu' type='raw'/><source file="
                            f"'{d.root}/gone.img'/><target dev='vda' bus='virtio'/></disk>", memory=32)
    assert "is in use by domain 'gone'" in d.vmsh("create", d.write("other.xml", other), status=1)
    end(host)


@test
def a_run_folder_that_is_wiped(d):
    """While the daemon runs: it is made anew, there is no second daemon, and the next one knows all."""
    need_own_network()
    host = Host(d)
    d.vmsh("pool-create-as", "images", "dir", "--target", str(d.root))
    for path in sorted((d.root / "run").iterdir()):
        shutil.rmtree(path)
    assert "already runs" in d.run(VMD, "--root", d.root, status=1)
    lock = d.root / "var/lib/vmd/vmd.lock"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    wait_for(lambda: "made anew" in d.log.read_text() and (d.root / "run/vmd/vmd.pid").exists())
    assert set(host.running()) == {"kept", "gone"}
    assert stat.S_IMODE(d.ro_socket.stat().st_mode) == 0o666
    d.vmsh("suspend", "gone")
    d.kill()
    d.start()
    assert all(is_alive(q) for q in host.qemus), d.tail()
    assert set(host.running()) == {"kept", "gone"}, d.tail()
    assert "images" in d.vmsh("pool-list", "--name")
    for name in host.running():
        assert "monitor" in d.vmsh("domcontrol", name, status=None)
        assert "<address type='pci'" in d.vmsh("dumpxml", name)
    d.vmsh("pool-destroy", "images")
    end(host)


@test
def a_qemu_of_somebody_else(d):
    """It says in its environment that it is of another daemon, or of none: nobody touches it."""
    sleeper = subprocess.Popen(["sleep", "600"], env={"VMD_RUN": "/run/vmd/qemu/of-another-daemon"})
    odd = subprocess.Popen(["sleep", "600"], env={"VMD_RUN": f"{d.root}/run/vmd/qemu/no-uuid"})
    try:
        d.kill()
        d.start()
        assert d.vmsh("list", "--all", "--name").split() == []
        assert sleeper.poll() is None and odd.poll() is None
    finally:
        for process in (sleeper, odd):
            process.kill()
            process.wait()


if __name__ == "__main__":
    if QEMU:
        main()
    else:
        print("1..0 # SKIP no QEMU")
