"""Changes of volumes: one driver a table. The pool's folder lies where the inventory sees it."""
import contextlib

from harness import need

from . import Driver, driver

XML = """<pool type='dir'><name>v</name><uuid>5a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0b03</uuid>
  <target><path>{path}</path></target></pool>"""


class Volume(Driver):
    """A pool that is active, with a volume to change in it."""
    for_good = True
    SIZE = 1 << 20

    def prepare(self):
        need("virsh")
        need("qemu-img")
        self.folder = self.d.root / "var/lib/fault-volumes"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "there.img"
        self.reset()
        self.d.virsh("pool-define", self.d.write("v.xml", XML.format(path=self.folder)))
        self.d.virsh("pool-autostart", "v")
        self.d.virsh("pool-start", "v", status=None)

    def reset(self):
        self.file.write_bytes(b"v" * self.SIZE)

    def is_down(self):
        return not self.stands()

    def refresh(self):
        """The volume came or went without the daemon."""
        self.d.virsh("pool-refresh", "v", status=None)

    def more(self):
        with contextlib.suppress(FileNotFoundError):
            return {"volume": (self.file.stat().st_size, self.file.read_bytes()[:1])}
        return {"volume": None}


class Made(Volume):
    def end(self, status=0):
        self.d.virsh("vol-delete", "new", "v", status=status)

    def stands(self):
        return (self.folder / "new").exists()

    def sees(self):
        return ("files",)


@driver("volume-create")
class Clone(Made):
    """A copy in another format, and larger: all rows have something to do."""

    def change(self, status=0):
        new = self.d.write("new.xml", "<volume><name>new</name><capacity unit='MiB'>2</capacity>"
                                      "<target><format type='qcow2'/></target></volume>")
        self.d.virsh("vol-create-from", "v", new, "there.img", "--inputpool", "v", status=status)


@driver("volume-delete")
class Delete(Volume):
    def change(self, status=0):
        self.d.virsh("vol-delete", "there.img", "v", status=status)

    def end(self, status=0):
        self.reset()
        self.refresh()

    def stands(self):
        return not self.file.exists()

    def sees(self):
        return ("files",)


@driver("volume-resize")
class Resize(Volume):
    def change(self, status=0):
        self.d.virsh("vol-resize", "there.img", "3M", "--pool", "v", status=status)

    def end(self, status=0):
        self.d.virsh("vol-resize", "there.img", str(self.SIZE), "--pool", "v", "--shrink", status=status)

    def stands(self):
        return self.file.stat().st_size != self.SIZE

    def sees(self):
        return ("volume",)


@driver("volume-wipe")
class Wipe(Volume):
    """No row of it is undone: what is overwritten is gone."""

    def change(self, status=0):
        self.d.virsh("vol-wipe", "there.img", "v", status=status)

    def end(self, status=0):
        self.reset()

    def stands(self):
        return self.file.read_bytes()[:1] != b"v"

    def sees(self):
        return ("volume",)
