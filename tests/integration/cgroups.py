#!/usr/bin/env python3
"""Control groups of guests, in a cgroup file system of the host's: who is in which, what a start says of
limits that this host cannot hold, what is left. That they hold is measured in tests/host."""
import os
import pathlib
import re
import subprocess

from harness import QEMU, domain, main, need_own_network, skip, test, wait_for

LIMITS = {"memtune/hard_limit": "<memtune><hard_limit>400000</hard_limit></memtune>",
          "cputune/shares": "<cputune><shares>200</shares></cputune>",
          "cputune/quota": "<cputune><quota>20000</quota></cputune>",
          "cputune/global_quota": "<cputune><global_quota>20000</global_quota></cputune>",
          "cputune/emulator_quota": "<cputune><emulator_quota>20000</emulator_quota></cputune>",
          "cputune/iothread_quota": "<iothreads>1</iothreads><cputune><iothread_quota>20000</iothread_quota></cputune>",
          "blkiotune/weight": "<blkiotune><weight>300</weight></blkiotune>",
          "blkiotune/device": "<blkiotune><device><path>/dev/null</path><read_bytes_sec>4096</read_bytes_sec>"
                              "</device></blkiotune>",
          "numatune/memory/@mode": "<numatune><memory mode='restrictive' nodeset='0'/></numatune>"}


def settings(d, *rows):
    d.end()
    (d.root / "etc/vmd/vmd.conf").write_text("".join(f"{row}\n" for row in rows))
    d.start()


class Groups:
    """A folder of the host's cgroup file system, which no other test has."""

    def __init__(self, d):
        need_own_network()  # and so a mount namespace
        self.mount = d.root / "groups"
        self.mount.mkdir()
        if subprocess.run(["mount", "-t", "cgroup2", "none", self.mount], capture_output=True).returncode:
            skip("no cgroup file system of version 2 can be mounted here")
        self.base = self.mount / f"vmd-test-{os.getpid()}-{d.root.name}"
        try:
            self.base.mkdir()
        except OSError as e:
            subprocess.run(["umount", self.mount], check=True)
            skip(f"no control group can be made here: {e}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for folder, _, _ in os.walk(self.base, topdown=False):
            os.rmdir(folder)
        subprocess.run(["umount", self.mount], check=True)

    def all(self):
        return sorted(str(p.relative_to(self.base)) for p in self.base.rglob("*") if p.is_dir())

    def of(self, pid, tid=None):
        line = pathlib.Path(f"/proc/{pid}/task/{tid or pid}/cgroup").read_text().splitlines()[-1]
        return line.split(self.base.name + "/", 1)[-1]

    def has(self, controller):
        return controller in (self.base / "cgroup.controllers").read_text().split()


def pid_of(d, name="g"):
    found = [p for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()
             and f"guest={name}," in (p / "cmdline").read_text(errors="replace")]
    assert len(found) == 1, found
    return int(found[0].name)


def define(d, extra="", name="g"):
    d.vmsh("define", d.write(f"{name}.xml", domain(name, extra=extra)))


@test
def a_guest_is_in_a_group_of_its_own(d):
    with Groups(d) as groups:
        settings(d, f"control_groups = {groups.base}")
        define(d, "<iothreads>1</iothreads>")
        define(d, name="a.b c'd-")
        d.vmsh("start", "g")
        d.vmsh("start", "a.b c'd-")
        assert {"qemu-1-g", "qemu-1-g/guest", "qemu-1-g/guest/emulator", "qemu-2-a.bcd"} <= set(groups.all())
        pid = pid_of(d)
        assert groups.of(pid) == "qemu-1-g/guest/emulator"
        assert f"{groups.base}/qemu-1-g" in d.vmsh("confinement", "g")
        d.kill()
        d.start()
        assert groups.of(pid) == "qemu-1-g/guest/emulator"
        d.vmsh("destroy", "a.b c'd-")
        assert not [g for g in groups.all() if g.startswith("qemu-2")]
        (d.root / "run/vmd/qemu").joinpath(d.vmsh("domuuid", "g").strip(), "status").unlink()
        next((d.root / "run/vmd/qemu").glob("*.ledger")).unlink()
        d.kill()
        d.start()  # of both, the group is the one that says whose it is
        d.vmsh("destroy", "g")
        assert groups.all() == []


@test
def what_the_kernel_cannot_hold_is_refused_by_name(d):
    with Groups(d) as groups:
        for place, why in ((groups.base, "has no controller"), ("none", "control_groups = none"),
                           ("auto", "control")):
            settings(d, f"control_groups = {place}")
            for what, element in LIMITS.items():
                if place == groups.base and groups.has({"m": "memory", "c": "cpu", "b": "io", "n": "cpuset"}[what[0]]):
                    continue
                define(d, element)
                said = d.vmsh("start", "g", status=1)
                assert f"'{what}' would not be in force" in said and why in said, said
                assert groups.all() == []
                d.vmsh("undefine", "g")


@test
def a_folder_that_is_none_of_groups_stays_empty(d):
    plain = d.root / "plain"
    plain.mkdir()
    settings(d, f"control_groups = {plain}")
    define(d, LIMITS["memtune/hard_limit"])
    said = d.vmsh("start", "g", status=1)
    assert "'memtune/hard_limit' would not be in force" in said and "no file system of control groups" in said, said
    d.vmsh("undefine", "g")
    define(d)
    d.vmsh("start", "g")
    d.vmsh("destroy", "g")
    assert os.listdir(plain) == []


@test
def or_warned_of_and_not_shown(d):
    with Groups(d) as groups:
        if groups.has("memory"):
            skip("this host has controllers of version 2")
        settings(d, f"control_groups = {groups.base}", "limits = warn")
        for what, element in LIMITS.items():
            define(d, element)
            d.vmsh("start", "g")
            assert f"{what}: is not in force" in d.vmsh("dominfo", "g"), d.vmsh("dominfo", "g")
            shown = d.vmsh("dumpxml", "g")
            number = re.search(r">(\d+)</(?!iothreads)", element)
            assert not number or number[1] not in shown, shown
            assert "restrictive" not in shown
            d.vmsh("destroy", "g")
            d.vmsh("undefine", "g")


if QEMU:
    main()
else:
    print("1..0 # SKIP no QEMU")
