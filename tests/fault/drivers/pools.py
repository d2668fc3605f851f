"""Changes of storage pools: one driver a table. The pool's folder lies where the inventory sees it."""
import atexit
import contextlib
import os
import subprocess

from harness import need, need_root, skip

from . import Driver, driver

XML = """<pool type='dir'><name>f</name><uuid>5a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0b02</uuid>
  <target><path>{path}</path><permissions><mode>0750</mode></permissions></target></pool>"""


class Pool(Driver):
    """A pool that is defined, off, and whose folder is there."""

    def prepare(self):
        need("virsh")
        self.folder = self.d.root / "var/lib/fault-pool/deep/images"
        self.xml = self.d.write("f.xml", XML.format(path=self.folder))
        self.make_folder()
        self.define()

    def make_folder(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "a.img").write_bytes(bytes(512))

    def remove_folder(self):
        """With the folders above it, up to the one that belongs to the daemon."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "a.img").unlink()
        for folder in (self.folder, *list(self.folder.parents)[:2]):
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()

    def define(self, status=0):
        self.d.virsh("pool-define", self.xml, status=status)

    def is_listed(self, *which):
        return "f" in self.d.virsh("pool-list", "--name", *which).split()

    def is_down(self):
        return not self.stands()

    def sees(self):
        return ("files",)


@driver("pool-define")
class Define(Pool):
    for_good = True

    def prepare(self):
        super().prepare()
        self.end()

    def change(self, status=0):
        self.define(status)

    def end(self, status=0):
        self.d.virsh("pool-undefine", "f", status=status)

    def stands(self):
        return self.is_listed("--all")


@driver("pool-undefine")
class Undefine(Pool):
    for_good = True

    def change(self, status=0):
        self.d.virsh("pool-undefine", "f", status=status)

    def end(self, status=0):
        self.define(status)

    def stands(self):
        return not self.is_listed("--all")


@driver("pool-autostart")
class Autostart(Pool):
    for_good = True

    def change(self, status=0):
        self.d.virsh("pool-autostart", "f", status=status)

    def end(self, status=0):
        """A daemon that began meanwhile has started it."""
        self.d.virsh("pool-autostart", "f", "--disable", status=status)
        if self.is_listed():
            self.d.virsh("pool-destroy", "f")

    def stands(self):
        return self.is_listed("--all", "--autostart")


FILE_SYSTEM = XML.replace("type='dir'", "type='fs'").replace(
    "<target>", "<source><device path='{device}'/><format type='ext2'/></source><target>")


class Mounted(Pool):
    """A pool on a file system of its own, so that a start has something to mount."""

    def prepare(self):
        need_root("to mount a file system")
        need("mkfs.ext2")
        image = self.d.root / "device.img"
        with open(image, "wb") as f:
            f.truncate(4 << 20)
        done = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True)
        if done.returncode:
            skip(f"no loop device: {done.stderr.strip()}")
        self.device = done.stdout.strip()
        atexit.register(subprocess.run, ["losetup", "-d", self.device], check=False)
        subprocess.run(["mkfs.ext2", "-q", self.device], check=True)
        super().prepare()
        self.xml = self.d.write("f.xml", FILE_SYSTEM.format(path=self.folder, device=self.device))
        self.define()


@driver("pool-start")
class Start(Mounted):
    def change(self, status=0):
        self.d.virsh("pool-start", "f", status=status)

    def end(self, status=0):
        self.d.virsh("pool-destroy", "f", status=status)

    def stands(self):
        return self.is_listed()


@driver("pool-refresh")
class Refresh(Start):
    """A pool whose folder could not be looked at is active no more. A daemon that begins refreshes what
    is active: so nothing is before the change."""
    for_good = True

    def change(self, status=0):
        self.d.virsh("pool-start", "f")
        self.d.virsh("pool-refresh", "f", status=status)


@driver("pool-build")
class Build(Pool):
    """Three folders of the path are missing."""
    for_good = True

    def prepare(self):
        super().prepare()
        self.remove_folder()

    def change(self, status=0):
        self.d.virsh("pool-build", "f", status=status)

    def end(self, status=0):
        self.remove_folder()

    def stands(self):
        return self.folder.exists()


@driver("pool-delete")
class Delete(Pool):
    """No row of it is undone: the folder is there or not, and the pool is defined in any case."""
    for_good = True

    def prepare(self):
        super().prepare()
        os.unlink(self.folder / "a.img")

    def change(self, status=0):
        self.d.virsh("pool-delete", "f", status=status)

    def end(self, status=0):
        self.folder.mkdir(exist_ok=True)

    def stands(self):
        return not self.folder.exists()
