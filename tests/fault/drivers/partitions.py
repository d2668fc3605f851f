"""Changes of volumes that are partitions."""
import atexit
import json
import subprocess

from harness import need, need_root, skip

from . import Driver, driver

XML = """<pool type='disk'><name>t</name><uuid>5a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0b06</uuid>
  <source><device path='{device}'/><format type='gpt'/></source><target><path>/dev</path></target></pool>"""
VOLUME = """<volume><name>{name}</name><capacity unit='MiB'>{size}</capacity>
  <target><format type='linux'/></target></volume>"""


class Table(Driver):
    """A pool that is active, with a partition in it."""
    for_good = True

    def prepare(self):
        need_root("to use loop devices")
        need("virsh")
        need("sfdisk")
        image = self.d.root / "table.img"
        with open(image, "wb") as f:
            f.truncate(32 << 20)
        done = subprocess.run(["losetup", "-P", "-f", "--show", image], capture_output=True, text=True)
        if done.returncode:
            skip(f"no loop device: {done.stderr.strip()}")
        self.device = done.stdout.strip()
        atexit.register(subprocess.run, ["losetup", "-d", self.device], check=False)
        self.d.virsh("pool-define", self.d.write("t.xml", XML.format(device=self.device)))
        self.d.virsh("pool-autostart", "t")
        self.d.virsh("pool-build", "t")
        self.d.virsh("pool-start", "t")
        self.make(1, 4)

    def name(self, number):
        return f"{self.device.removeprefix('/dev/')}p{number}"

    def make(self, number, size, status=0):
        xml = VOLUME.format(name=self.name(number), size=size)
        self.d.virsh("vol-create", "t", self.d.write("new.xml", xml), status=status)

    def delete(self, number, status=0):
        self.d.virsh("vol-delete", self.name(number), "t", status=status)

    def parts(self):
        said = subprocess.run(["sfdisk", "--json", self.device], check=True, capture_output=True, text=True)
        return {p["node"]: (p["start"], p["size"])
                for p in json.loads(said.stdout)["partitiontable"].get("partitions", [])}

    def is_down(self):
        return not self.stands()

    def sees(self):
        return ("partitions",)

    def more(self):
        return {"partitions": self.parts()}


@driver("part-create")
class Create(Table):
    def change(self, status=0):
        self.make(2, 8, status)

    def end(self, status=0):
        self.d.virsh("pool-refresh", "t", status=None)
        self.delete(2, status)

    def stands(self):
        return f"{self.device}p2" in self.parts()


@driver("part-delete")
class Delete(Table):
    def change(self, status=0):
        self.delete(1, status)

    def end(self, status=0):
        self.d.virsh("pool-refresh", "t", status=None)
        self.make(1, 4, status)

    def stands(self):
        return f"{self.device}p1" not in self.parts()
