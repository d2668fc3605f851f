#!/usr/bin/env python3
"""The service as users run it: a whole Debian host in QEMU, with systemd as PID 1 and KVM (AMD's,
which TCG emulates). Debian's packages of vmd are installed into it; inside.sh, in there, is the test and prints
TAP on the second serial port. Skips where the machine cannot be made.

    machine.py BUILD_DIR         of which the packages are made, if it has none yet

VMD_TEST_HOST names the folder that keeps the machine's base image (/var/tmp/vmd-test-host).
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
HERE = SOURCE / "tests/host"
CACHE = pathlib.Path(os.environ.get("VMD_TEST_HOST", "/var/tmp/vmd-test-host"))
PACKAGES = """systemd systemd-sysv systemd-container udev dbus linux-image-amd64 qemu-system-x86 qemu-utils
    libvirt-clients libglib2.0-0 libxml2 libjson-c5 libnl-3-200 libnl-route-3-200 libnftables1 libsystemd0
    libreadline8 python3 procps iproute2 kmod openssh-server polkitd lvm2 thin-provisioning-tools fdisk""".split()
BOOT_SECONDS = 900
# What the base system is made to do at every boot: run what the second disk says, and go down.
UNIT = """[Unit]
Description=The test on the second disk
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /mnt && /mnt/inside.sh >/dev/ttyS1 2>&1; systemctl poweroff'
"""


def skip(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def need(*programs):
    for program in programs:
        shutil.which(program) or skip(f"{program} is not installed")


def run(*argv, **how):
    return subprocess.run([str(a) for a in argv], check=True, **how)


def base_image():
    """A root file system with a kernel, made once for a list of packages."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        key = hashlib.sha256(" ".join([*PACKAGES, UNIT]).encode()).hexdigest()[:16]
        image = CACHE / f"root-{key}.img"
        if not image.exists():
            for old in CACHE.glob("*.img"):
                old.unlink()
            make_image(image)
        return image


def make_image(image):
    with tempfile.TemporaryDirectory(prefix="vmd-host-", dir="/var/tmp") as work:
        root, unit = pathlib.Path(work, "root"), pathlib.Path(work, "unit")
        unit.write_text(UNIT, encoding="ascii")
        made = subprocess.run(
            ["bash", "-c", '. tools/deps.sh && make_debian "$@"', "-", str(root),
             f"--include={','.join(PACKAGES)}",
             f"--customize-hook=copy-in {unit} /etc/systemd/system",
             "--customize-hook=cd \"$1/etc/systemd/system\" && mv unit vmd-test.service"
             " && mkdir -p multi-user.target.wants"
             " && ln -s ../vmd-test.service multi-user.target.wants"],
            cwd=SOURCE, capture_output=True, text=True)
        if made.returncode != 0:
            skip(f"no Debian could be made: {made.stderr.strip().splitlines()[-1:]}")
        for name in ("vmlinuz", "initrd.img"):
            shutil.copy(root / name, CACHE / name)
        part = image.with_suffix(".part")
        run("mke2fs", "-q", "-t", "ext4", "-d", root, part, "4G", stdout=subprocess.DEVNULL)
        part.rename(image)


def packages(build, tree):
    """tree/debs: what tools/package makes; tree/next: the same as a later version."""
    made = pathlib.Path(build, "packages")
    run(SOURCE / "tools/package", made, stdout=subprocess.DEVNULL)
    now, later = tree / "debs", tree / "next"
    now.mkdir()
    later.mkdir()
    for deb in sorted(made.glob("*.deb")):
        if "-dbgsym" in deb.name:
            continue
        shutil.copy(deb, now)
        version, unpacked = deb.name.split("_")[1], tree / "unpacked"
        run("dpkg-deb", "-R", deb, unpacked)
        control = unpacked / "DEBIAN/control"
        control.write_text(control.read_text().replace(version, f"{version}+next"))
        run("dpkg-deb", "-b", unpacked, later, stdout=subprocess.DEVNULL)
        shutil.rmtree(unpacked)
        (later / "version").write_text(f"{version}+next")


def payload(build, work):
    """The second disk: vmd's packages, a guest's kernel, the test."""
    tree = work / "payload"
    tree.mkdir()
    packages(build, tree)
    guest = tree / "guest"
    run("bash", "-c", '. tools/deps.sh && build_guest "$1"', "-", guest, cwd=SOURCE,
        stdout=subprocess.DEVNULL)
    for name in (*HERE.glob("*.sh"), SOURCE / "tools/console-talk",
                 pathlib.Path(build, "tools/kvm-probe")):
        shutil.copy(name, tree)
    run("mke2fs", "-q", "-t", "ext4", "-d", tree, work / "payload.img", "256M",
        stdout=subprocess.DEVNULL)
    return work / "payload.img"


def boot(disk, second, work):
    """Runs the machine until it powers off; returns what it said on the second serial port."""
    said = work / "said"
    argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
            "-m", "2048", "-display", "none", "-nodefaults", "-no-reboot",
            "-kernel", CACHE / "vmlinuz", "-initrd", CACHE / "initrd.img",
            "-append", "root=/dev/vda rw console=ttyS0 quiet",
            "-drive", f"file={disk},if=virtio,cache=unsafe",
            "-drive", f"file={second},if=virtio,format=raw,readonly=on",
            "-serial", f"file:{work / 'console'}", "-serial", f"file:{said}"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        run(*argv, timeout=BOOT_SECONDS, stdin=subprocess.DEVNULL)
    text = said.read_text(errors="replace").replace("\r", "")
    if "boot is over" not in text:
        console = (work / "console").read_text(errors="replace")
        print("# the machine did not come to its end; its console ends with:")
        print("".join(f"# {line}\n" for line in console.splitlines()[-30:]))
    return text


def main():
    if os.getuid() != 0:
        skip("only root can make the machine")
    need("mmdebstrap", "qemu-system-x86_64", "qemu-img", "mke2fs", "cpio", "busybox")
    image = base_image()
    with tempfile.TemporaryDirectory(prefix="vmd-host-", dir="/var/tmp") as folder:
        work = pathlib.Path(folder)
        disk, second = work / "disk.qcow2", payload(sys.argv[1], work)
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "raw", disk)
        text = boot(disk, second, work) + boot(disk, second, work)
    n = 0
    for line in text.splitlines():
        if line.startswith(("ok ", "not ok ")):
            n += 1
            good, rest = line.split("ok ", 1)
            print(f"{good}ok {n} {rest}")
        else:
            print(f"# {line}")
    print(f"1..{max(n, 1)}")
    if text.count("boot is over") != 2:
        print(f"not ok {n + 1} both boots came to their end")
        sys.exit(1)


main()
