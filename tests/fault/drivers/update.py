"""Devices of a guest that runs change: a medium in a drive, then an interface's bridge and link."""
import json
import os
import re
import subprocess

from harness import Failed, domain, need_own_network, wait_for

from . import Driver, driver

MAC = "52:54:00:12:00:01"
CARD = ("<interface type='bridge'><mac address='" + MAC + "'/><source bridge='br-{}'/>"
        "<model type='virtio'/><link state='{}'/><filterref filter='f-{}'/>"
        "<bandwidth><inbound average='{}'/><outbound average='900'/></bandwidth></interface>")
DRIVE = ("<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{}'/>"
         "<target dev='sda' bus='sata'/><readonly/></disk>")


@driver("update")
class Update(Driver):
    for_good = True

    def prepare(self):
        need_own_network()
        for name in ("br-old", "br-new"):
            if not os.path.exists(f"/sys/class/net/{name}"):
                subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
        for number, word in enumerate(("old", "new")):
            self.d.vmsh("nwfilter-define", self.d.write("filter.xml", (
                f"<filter name='f-{word}'><rule action='drop' direction='out'>"
                f"<mac protocolid='0x123{number}'/></rule></filter>")))
        self.files = {}
        for word in ("old", "new"):
            path = self.d.root / f"{word}.iso"
            path.write_bytes(bytes(1 << 20))
            self.files[word] = (self.d.write(f"{word}-drive.xml", DRIVE.format(path)), self.d.write(
                f"{word}-card.xml", CARD.format(word, *(("down", "new", 500) if word == "new" else ("up", "old", 900)))))
        self.d.vmsh("define", self.d.write("u.xml", domain(
            "u", DRIVE.format(self.d.root / "old.iso") + CARD.format("old", "up", "old", 900))))

    def runs(self):
        return self.d.vmsh("domstate", "u").strip() == "running"

    def update(self, word, *flags):
        """How many of the two have failed."""
        failed, both = 0, list(self.files[word])
        with open(f"/proc/{self.d.pid}/environ") as environ:
            if re.search("update/(swap filter|(move|limit|tell) link):", environ.read()):  # of the card alone
                both.reverse()
        for path in both:
            try:
                self.d.vmsh("update-device", "u", path, *flags)
            except Failed:
                failed += 1
        return failed

    def change(self, status=0):
        if not self.runs():
            self.d.vmsh("start", "u")
        failed = self.update("new", "--live", "--config")
        assert status is None or failed == status, f"{failed} of both have failed"

    def end(self, status=0):
        if self.runs():
            self.d.vmsh("destroy", "u", status=status)
        self.update("old", "--config")

    def ask(self, command, **arguments):
        said = self.d.vmsh("qemu-monitor-command", "u",
                           json.dumps({"execute": command, "arguments": arguments}))
        return json.loads(said)["return"]

    def medium(self):
        """Of each: what the documents say, what QEMU has open, what the daemon has claimed."""
        pid = self.d.qemus(helpers=False)[0]
        opened = {os.path.basename(os.readlink(f"/proc/{pid}/fd/{f}"))
                  for f in os.listdir(f"/proc/{pid}/fd")}
        claimed = "".join(path.read_text() for path in (self.d.root / "run/vmd/qemu").glob("*/status"))
        nodes = len(self.ask("query-named-block-nodes"))
        return {word for word in ("old", "new") for seen in (opened, re.findall(r"\w+\.iso", claimed))
                if f"{word}.iso" in seen} | set(re.findall(r"(\w+)\.iso", self.d.vmsh("dumpxml", "u"))) | \
            ({f"{nodes} nodes"} if nodes != 1 else set())

    def link(self):
        """Where the card is, and whether its cable is in."""
        shown = self.d.vmsh("dumpxml", "u")
        tap = re.search(r"<target dev='(vnet\d+)'", shown)[1]
        bridge = os.path.basename(os.readlink(f"/sys/class/net/{tap}/master"))[3:]
        up = self.d.vmsh("qemu-monitor-command", "u", "--hmp", "info qtree")
        queue = subprocess.run(["tc", "class", "show", "dev", tap], check=True, capture_output=True,
                               text=True).stdout
        rules = subprocess.run(["nft", "list", "chain", "bridge", "vmd-filter", f"{tap}/out"], check=True,
                               capture_output=True, text=True).stdout
        return {bridge, "new" if "0x1231" in rules else "old" if "0x1230" in rules else rules,
                re.search(r"filterref filter='f-(\w+)'", shown)[1], re.search(r"<source bridge='br-(\w+)'", shown)[1],
                "new" if "rate 4Mbit" in queue else "old" if "rate 7200Kbit" in queue else queue,
                "new" if "average='500'" in shown else "old",
                "new" if "link state='down'" in shown else "old"} | (set() if up else {"dead"})

    def stands(self):
        return self.runs() and {"new"} in (self.medium(), self.link())

    def clear(self):
        """Each is old, or new."""
        if self.runs():
            wait_for(lambda: len(self.medium()) == 1 and len(self.link()) == 1, 20)
        self.end(status=None)

    def is_down(self):
        return not self.runs() and "new" not in self.d.vmsh("dumpxml", "u", "--inactive")

    def reaches(self, step):
        """Media and cards have no sockets."""
        return step != "open files"
