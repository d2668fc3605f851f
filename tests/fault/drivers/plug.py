"""A disk, a card and a channel that come to a guest that runs and leave it, in both definitions, by the
client's will or by themselves. The guest runs while the driver is asked: its inventory is compared at rest."""
import json
import os
import subprocess

from harness import Failed, domain, need, need_own_network, wait_for

from . import Driver, driver
from .start import FILTER, filters

SEATS = ("<controller type='pci' index='0' model='pcie-root'/>" +
         "".join(f"<controller type='pci' index='{n}' model='pcie-root-port'/>" for n in range(1, 7)))
# A port whose power nobody has switched on lets go of its card at once.
NATIVE = ("<qemu:commandline><qemu:arg value='-global'/>"
          "<qemu:arg value='ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'/></qemu:commandline>")
SCHEMA = " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"


class Plugged(Driver):
    """A disk in the definition of a domain, and in its run."""
    for_good = True
    target, bus, alias = "vdb", "virtio", "virtio-disk1"

    def prepare(self):
        image, top = self.d.root / "below.qcow2", self.d.root / "plug.qcow2"
        for words in ((str(image), "8M"), ("-b", str(image), "-F", "qcow2", str(top))):
            subprocess.run([need("qemu-img"), "create", "-q", "-f", "qcow2", *words], check=True)
        text = domain("p", SEATS + (
            "<controller type='scsi' model='virtio-scsi'/><controller type='virtio-serial' index='0'/>"))
        self.d.vmsh("define", self.d.write("p.xml", text.replace("<domain", "<domain" + SCHEMA)
                                           .replace("</domain>", NATIVE + "</domain>")))
        self.disk = self.d.write("disk.xml", (
            f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{top}'/>"
            f"<target dev='{self.target}' bus='{self.bus}'/></disk>"))

    def runs(self):
        return self.d.vmsh("domstate", "p").strip() == "running"

    def begin(self):
        if not self.runs():
            self.d.vmsh("start", "p")

    def plug(self, status=0):
        return self.d.vmsh("attach-device", "p", self.disk, "--live", "--config", status=status)

    def unplug(self, status=0):
        return self.d.vmsh("detach-device", "p", self.disk, "--live", "--config", status=status)

    def has(self, *flags):
        return f"dev='{self.target}'" in self.d.vmsh("dumpxml", "p", *flags)

    def ask(self, command, **arguments):
        said = self.d.vmsh("qemu-monitor-command", "p",
                           json.dumps({"execute": command, "arguments": arguments}))
        return json.loads(said)["return"]

    def in_qemu(self):
        pid = self.d.qemus(helpers=False)[0]
        return (sum(n["name"] == self.alias for n in self.ask("qom-list", path="/machine/peripheral")),
                len(self.ask("query-named-block-nodes")), len(self.ask("query-fdsets")),
                sum(".qcow2" in os.readlink(f"/proc/{pid}/fd/{f}") for f in os.listdir(f"/proc/{pid}/fd")))

    def claims(self):
        return any("plug.qcow2" in path.read_text()
                   for path in (self.d.root / "run/vmd/qemu").glob("*/status"))

    def is_out(self):
        return not self.has() and self.in_qemu() == (0, 0, 0, 0) and not self.claims()

    def is_in(self):
        return self.has() and self.in_qemu()[0] == 1 and self.claims()

    def settles(self):
        """A change that was cut off is there as a whole, or not at all."""
        wait_for(lambda: self.is_in() or self.is_out(), 20)

    def clear(self):
        if not self.runs():
            return
        self.settles()
        if self.is_in():
            self.d.vmsh("detach-device", "p", self.disk, "--live")
        if self.has("--inactive"):
            self.d.vmsh("detach-device", "p", self.disk, "--config")
        self.d.vmsh("destroy", "p")

    def end(self, status=0):
        if self.runs():
            self.unplug(status=status)
            self.d.vmsh("destroy", "p", status=status)

    def is_down(self):
        return not self.runs() and not self.has("--inactive")


CARD = ("<interface type='bridge'><mac address='52:54:00:12:00:01'/><source bridge='br-plug'/>"
        "<model type='virtio'/><bandwidth><outbound average='900'/></bandwidth>"
        "<filterref filter='fault'/></interface>")
CHANNEL = ("<channel type='unix'><source mode='bind' path='{}/plug.sock'/>"
           "<target type='virtio' name='plug'/></channel>")
# What a document of it has, what QEMU calls it, and the rows that only it makes do something.
OTHERS = {"card": ("br-plug", "net0", ("plug/make link:", "plug/limit link:", "plug/filter link:")),
          "channel": ("plug.sock", "channel0", ("plug/open files:",))}


@driver("plug")
class Plug(Plugged):
    """A disk, a card and a channel, the one first whose row is struck."""
    learns = True

    def prepare(self):
        need_own_network()
        if not os.path.exists("/sys/class/net/br-plug"):
            subprocess.run(["ip", "link", "add", "br-plug", "type", "bridge"], check=True)
        super().prepare()
        self.d.vmsh("nwfilter-define", self.d.write("filter.xml", FILTER))
        self.others = {"card": self.d.write("card.xml", CARD),
                       "channel": self.d.write("channel.xml", CHANNEL.format(self.d.root))}

    def order(self):
        with open(f"/proc/{self.d.pid}/environ") as environ:
            fault = environ.read()
        first = [name for name in OTHERS if any(row in fault for row in OTHERS[name][2])]
        last = [self.others[name] for name in OTHERS if name not in first]
        return [self.others[name] for name in first] + [self.disk] + last

    def change(self, status=0):
        self.begin()
        failed = 0
        for path in self.order():
            try:
                self.d.vmsh("attach-device", "p", path, "--live", "--config")
            except Failed:
                failed += 1
        assert status is None or failed == status, f"{failed} have failed"

    def shown(self, name, *flags):
        return OTHERS[name][0] in self.d.vmsh("dumpxml", "p", *flags)

    def count(self, name):
        """Of the document, QEMU and the host: how many have it."""
        there = any(n["name"] == OTHERS[name][1] for n in self.ask("qom-list", path="/machine/peripheral"))
        made = os.listdir("/sys/class/net/br-plug/brif") if name == "card" else \
            [f for f in os.listdir(self.d.root) if f == "plug.sock"]
        return self.shown(name) + there + len(made)

    def more(self):
        return filters()

    def is_committed(self):
        """One of them: the daemon dies with the first."""
        return self.is_in() or any(self.count(name) == 3 for name in OTHERS)

    def stands(self):
        return self.runs() and self.is_committed()

    def end(self, status=0):
        for name in self.others if self.runs() else ():
            self.d.vmsh("detach-device", "p", self.others[name], "--live", "--config", status=status)
        super().end(status)

    def clear(self):
        for name in self.others if self.runs() else ():
            wait_for(lambda n=name: self.count(n) in (0, 3), 20)
            if self.count(name):
                self.d.vmsh("detach-device", "p", self.others[name], "--live")
            if self.shown(name, "--inactive"):
                self.d.vmsh("detach-device", "p", self.others[name], "--config")
        super().clear()

    def is_down(self):
        return super().is_down() and not any(self.shown(name, "--inactive") for name in OTHERS)


@driver("unplug")
class Unplug(Plugged):
    """The disk came with the start, on a bus that asks no guest."""
    target, bus, alias = "sda", "scsi", "scsi0-0-0-0"

    def begin(self):
        if not self.runs():
            self.d.vmsh("attach-device", "p", self.disk, "--config")
            self.d.vmsh("start", "p")

    def change(self, status=0):
        self.begin()
        self.unplug(status)

    def end(self, status=0):
        if self.runs():
            self.d.vmsh("destroy", "p", status=status)

    def stands(self):
        return self.runs() and self.is_out() and not self.has("--inactive")


@driver("device-gone")
class Gone(Unplug):
    """QEMU's word alone: the command has no part in it, and what fails is done again."""

    def stands(self):
        return self.runs() and self.is_out()

    def change(self, status=0):
        self.begin()
        try:
            self.ask("device_del", id=self.alias)
        except AssertionError:
            assert status is None  # the daemon has died of what it heard
        if status is not None:
            wait_for(lambda: not self.has(), 20)
            self.d.vmsh("detach-device", "p", self.disk, "--config")
