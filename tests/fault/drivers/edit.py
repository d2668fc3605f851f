"""A change of both definitions of a running domain and of its QEMU, then of its autostart."""
import os
import re
import subprocess

from harness import domain, need, need_own_network, wait_for

from . import Driver, driver

LIMITS = ("blkdeviotune", "e", "vda", "--live", "--config", "--total-iops-sec")


@driver("edit")
class Edit(Driver):
    learns = False

    def prepare(self):
        need("virsh")
        need_own_network()
        image = self.d.root / "edit.img"
        image.write_bytes(bytes(1 << 20))
        disk = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{image}'/>"
                "<target dev='vda' bus='virtio'/></disk>")
        self.d.vmsh("define", self.d.write("e.xml", domain("e", disk)))

    def runs(self):
        return self.d.vmsh("domstate", "e").strip() == "running"

    def change(self, status=0):
        if not self.runs():
            self.d.vmsh("start", "e")
        said = self.d.virsh(*LIMITS, "100", status=status)
        if status == 0 or (status is None and "error" not in said):
            self.d.vmsh("autostart", "e", status=status)

    def end(self, status=0):
        self.d.vmsh("autostart", "e", "--disable", status=status)
        self.d.virsh("blkdeviotune", "e", "vda", "--config", "--total-iops-sec", "0", status=status)
        self.d.vmsh("destroy", "e", status=status)

    def undo(self):
        """Both change back, and cannot be saved; the run is a fresh one, of which no definition is
        newer."""
        self.d.vmsh("destroy", "e")
        self.d.vmsh("start", "e")
        folder = self.d.root / "etc/vmd/qemu"
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
            self.d.virsh(*LIMITS, "0", status=None)
            self.d.vmsh("autostart", "e", "--disable", status=None)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)

    def limits(self):
        """Of the live definition, the persistent one, and of QEMU itself."""
        shown = [self.d.virsh("blkdeviotune", "e", "vda", which) for which in ("--live", "--config")]
        said = self.d.virsh("qemu-monitor-command", "e", '{"execute":"query-block"}')
        return {re.search(r"total_iops_sec\s*:\s*(\d+)", text)[1] for text in shown} | \
            set(re.findall(r'"iops":(\d+)', said))

    def stands(self):
        return self.runs() and self.limits() == {"100"}

    def clear(self):
        """All three are old, or all are new."""
        if self.runs():
            seen = []
            try:
                wait_for(lambda: seen.append(self.limits()) or len(seen[-1]) == 1, 20)
            except AssertionError:
                told = [line for line in self.d.tail(5000).splitlines() if "info: uid" not in line]
                raise AssertionError(f"live, next and QEMU's limit are not one: {seen[-1]}: {told}") from None
            self.end(status=None)

    def is_down(self):
        return (not self.runs() and "<iotune>" not in self.d.vmsh("dumpxml", "e") and
                not os.path.lexists(self.d.root / "etc/vmd/qemu/autostart/e.xml"))
