#!/usr/bin/env python3
"""What the daemon's children get to know of it: a few variables, whatever its own environment holds."""
import os
import pathlib
import shutil
import subprocess

from harness import QEMU, can_passt, domain, main, need, need_own_network, test

COMMON = {"PATH", "HOME", "USER", "LOGNAME", "LC_ALL"}
OF_A_VM = {"VMD_RUN"}
OF_QEMU = OF_A_VM | {"XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ASKED_FOR"}

QEMU_NAMESPACE = ("<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
                  "<qemu:env name='ASKED_FOR' value='1'/><qemu:env name='VMD_RUN' value='else'/>"
                  "</qemu:commandline>")

# Each program in PATH is one that first notes its environment, in a file of its own; but for what is
# too confined to write one.
WRAPPER = """#!/bin/sh
cp /proc/$$/environ {seen}/{name}.$$
unset PWD OLDPWD  # the shell's own
exec {program} "$@"
"""


def wrap(d, names):
    (d.root / "bin").mkdir()
    (d.root / "seen").mkdir()
    for name in names:
        path = d.root / "bin" / name
        path.write_text(WRAPPER.format(name=name, seen=d.root / "seen", program=shutil.which(name)))
        path.chmod(0o755)


def environment(text):
    return dict(line.split("=", 1) for line in text.split("\0") if line)


def at_work(program):
    """The environments of those that run."""
    return [environment((p / "environ").read_text()) for p in pathlib.Path("/proc").glob("[0-9]*")
            if (p / "comm").read_text().strip() == program]


def seen(d):
    """{program: [environment, ...]} of all that ran."""
    found = {"swtpm": at_work("swtpm")}
    for path in (d.root / "seen").iterdir():
        found.setdefault(path.stem, []).append(environment(path.read_text()))
    return found


def run_one_of_each(d):
    """Starts a domain that needs every helper there is."""
    passt = "<interface type='user'><backend type='passt'/></interface>" if can_passt() else ""
    if passt:
        for words in ("link add br-env type bridge", "addr add 10.9.1.1/24 dev br-env",
                      "link set br-env up", "route add default via 10.9.1.2"):
            subprocess.run(["ip", *words.split()], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", d.root / "a.qcow2", "1M"], check=True)
    devices = (f"<emulator>{d.root}/bin/{os.path.basename(QEMU)}</emulator>{passt}"
               f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{d.root}/a.qcow2'/>"
               "<target dev='vda' bus='virtio'/></disk>"
               "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>")
    d.vmsh("define", d.write("a.xml", domain("a", devices, extra=QEMU_NAMESPACE)))
    d.vmsh("domblkinfo", "a", "vda")
    d.vmsh("start", "a")


@test
def a_child_knows_little_of_the_daemon(d):
    need("swtpm_setup")
    need_own_network()
    names = ["swtpm_setup", os.path.basename(QEMU)] + ["passt"] * bool(can_passt())
    wrap(d, names)
    d.end()
    d.start(PATH=f"{d.root}/bin:{os.environ['PATH']}", VMD_SECRET="x", LANG="de_DE.UTF-8", DISPLAY=":7",
            HOME="/root", USER="root", LD_LIBRARY_PATH="/nowhere", SDL_AUDIODRIVER="alsa",
            QEMU_AUDIO_DRV="alsa", XDG_RUNTIME_DIR="/run/user/0", XDG_DATA_HOME="/root/data",
            NOTIFY_SOCKET="", TMPDIR="/var/tmp")
    run_one_of_each(d)
    found = seen(d)
    assert set(found) == {*names, "swtpm"} and found["swtpm"], set(names) - set(found)
    for name, runs in found.items():
        may = COMMON | (OF_QEMU if "system" in name else OF_A_VM)
        for env in runs:
            if env.get("TMPDIR", "").startswith(str(d.root)):  # of swtpm_setup, not the daemon's own
                del env["TMPDIR"]
            assert not set(env) - may, f"{name} is told {sorted(set(env) - may)}"
            assert env["LC_ALL"] == "C" and env["PATH"].startswith(str(d.root)), (name, env)
    runs = [env for env in found[os.path.basename(QEMU)] if "VMD_RUN" in env]
    assert len(runs) == 1 and runs[0]["ASKED_FOR"] == "1", runs
    folder = str(d.root / "run/vmd/qemu" / d.vmsh("domuuid", "a").strip())
    for name in ("VMD_RUN", "HOME"):
        assert runs[0][name] == folder, runs
    assert runs[0]["XDG_CACHE_HOME"] == folder + "/.cache", runs


@test
def what_a_definition_asks_for_is_shown(d):
    for devices, words in (
            ("<graphics type='sdl' display=':3' xauth='/x'/>", "XAUTHORITY=/x DISPLAY=:3 "),
            ("<audio id='1' type='sdl' driver='pulseaudio'/>", "SDL_AUDIODRIVER=pulseaudio ")):
        said = d.vmsh("domxml-to-native", "qemu-argv", "--xml", d.write("n.xml", domain("n", devices)))
        assert words in said, said


main()
