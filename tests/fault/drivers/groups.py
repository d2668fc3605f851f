"""Changes of volumes of a volume group. LVM has no device-mapper here (integration/groups.py): the
inventory is what its metadata says."""
from groups import Lvm
from harness import need

from . import Driver, driver

XML = """<pool type='logical'><name>l</name><uuid>5a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0b05</uuid>
  <source>{devices}<name>vmdfault</name></source></pool>"""
EXTENT = 4 << 20


class Group(Driver):
    """A pool that is active, with a volume to change in it."""
    for_good = True

    def prepare(self):
        need("virsh")
        self.d.end()
        self.lvm = Lvm(self.d)
        start = self.d.start
        self.d.start = lambda **env: start(PATH=self.lvm.path, **env)
        self.d.start()
        device = f"<device path='{self.lvm.devices[0]}'/>"
        self.d.virsh("pool-define", self.d.write("l.xml", XML.format(devices=device)))
        self.d.virsh("pool-autostart", "l")
        self.d.virsh("pool-build", "l")
        self.d.virsh("pool-start", "l")
        self.d.virsh("vol-create-as", "l", "there", str(2 * EXTENT))

    def size(self, name):
        return self.lvm.volumes("vmdfault").get(name, (None,))[0]

    def is_down(self):
        return not self.stands()

    def sees(self):
        return ("volumes",)

    def more(self):
        return {"volumes": self.lvm.volumes("vmdfault")}


@driver("lv-create")
class Create(Group):
    def change(self, status=0):
        self.d.virsh("vol-create-as", "l", "new", "4M", status=status)

    def end(self, status=0):
        self.d.virsh("pool-refresh", "l", status=None)
        self.d.virsh("vol-delete", "new", "l", status=status)

    def stands(self):
        return self.size("new") is not None


@driver("lv-delete")
class Delete(Group):
    def change(self, status=0):
        self.d.virsh("vol-delete", "there", "l", status=status)

    def end(self, status=0):
        self.d.virsh("pool-refresh", "l", status=None)
        self.d.virsh("vol-create-as", "l", "there", str(2 * EXTENT), status=status)

    def stands(self):
        return self.size("there") is None


@driver("lv-resize")
class Resize(Group):
    def change(self, status=0):
        self.d.virsh("vol-resize", "there", str(3 * EXTENT), "--pool", "l", status=status)

    def end(self, status=0):
        self.d.virsh("vol-resize", "there", str(2 * EXTENT), "--pool", "l", "--shrink", status=status)

    def stands(self):
        return self.size("there") != 2 * EXTENT
