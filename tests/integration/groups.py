"""Volume groups of LVM on a file of the test's own, also where the kernel has no device-mapper: then
LVM is told so (--driverloaded n), and volumes are what its metadata says, without devices. The host
test has the devices."""
import atexit
import json
import os
import pathlib
import subprocess

from harness import need, need_root, skip

CONF = """devices {{ use_devicesfile = 0  dir = "/dev"  filter = [ {accept} "r|.*|" ] }}
backup {{ backup_dir = "{folder}/backup"  archive = 0 }}
global {{ locking_dir = "{folder}/lock" }}
activation {{ udev_sync = 0  udev_rules = 0 }}
"""
WRAPPER = """#!/bin/sh
export LVM_SYSTEM_DIR={folder} LVM_SUPPRESS_FD_WARNINGS=1
command=$1
shift
exec {lvm} "$command" --driverloaded n "$@"
"""


class Lvm:
    """lvm(8) that knows the loop devices of this test alone; first in the PATH of what is started
    after it."""

    def __init__(self, d, disks=1, mebibytes=128):
        need_root("to use loop devices")
        need("losetup")
        lvm = need("lvm")
        self.folder = pathlib.Path(d.root) / "lvm"
        (self.folder / "bin").mkdir(parents=True)
        self.devices = [self.attach(n, mebibytes) for n in range(disks)]
        accept = " ".join(f'"a|^{device}$|",' for device in self.devices)
        (self.folder / "lvm.conf").write_text(CONF.format(folder=self.folder, accept=accept))
        self.program = self.folder / "bin/lvm"
        self.program.write_text(WRAPPER.format(folder=self.folder, lvm=lvm))
        self.program.chmod(0o755)
        self.path = f"{self.program.parent}:{os.environ['PATH']}"

    def attach(self, n, mebibytes):
        image = self.folder / f"{n}.img"
        with open(image, "wb") as f:
            f.truncate(mebibytes << 20)
        done = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True)
        if done.returncode:
            skip(f"no loop device: {done.stderr.strip()}")
        atexit.register(subprocess.run, ["losetup", "-d", done.stdout.strip()], check=False)
        return done.stdout.strip()

    def run(self, *words):
        return subprocess.run([self.program, *map(str, words)], check=True, capture_output=True,
                              text=True).stdout

    def volumes(self, group):
        """{name: (bytes, tags)}"""
        said = json.loads(self.run("lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o",
                                   "lv_name,lv_size,lv_tags", group))
        return {row["lv_name"]: (int(row["lv_size"]), row["lv_tags"]) for row in said["report"][0]["lv"]}

    def groups(self):
        said = json.loads(self.run("vgs", "--reportformat", "json", "-o", "vg_name"))
        return [row["vg_name"] for row in said["report"][0]["vg"]]
