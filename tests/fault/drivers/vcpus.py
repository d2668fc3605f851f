"""A processor that comes to a guest that runs, in both definitions. Nothing in it could let one go: what is
taken back while QEMU has it stays, and is shown."""
import json

from harness import domain, wait_for

from . import Driver, driver


@driver("vcpus")
class Vcpus(Driver):
    for_good = True

    def prepare(self):
        self.d.vmsh("define", self.d.write("v.xml", domain("v").replace("<vcpu>1", "<vcpu current='1'>2")))

    def runs(self):
        return self.d.vmsh("domstate", "v").strip() == "running"

    def count(self, how):
        return int(self.d.vmsh("vcpucount", "v", "--active", how))

    def in_qemu(self):
        said = self.d.vmsh("qemu-monitor-command", "v", json.dumps({"execute": "query-cpus-fast"}))
        return len(json.loads(said)["return"])

    def change(self, status=0):
        if not self.runs():
            self.d.vmsh("start", "v")
        self.d.vmsh("setvcpus", "v", "2", "--live", "--config", status=status)

    def end(self, status=0):
        if self.runs():
            self.d.vmsh("destroy", "v", status=status)
        if self.count("--config") == 2:
            self.d.vmsh("setvcpus", "v", "1", "--config", status=status)

    def stands(self):
        return self.runs() and self.count("--live") == self.count("--config") == 2

    def clear(self):
        """A change that was taken back is not in the persistent definition."""
        if self.runs():
            wait_for(lambda: self.count("--live") == self.in_qemu(), 20)
            assert self.in_qemu() >= self.count("--config")
        self.end(status=None)

    def is_down(self):
        return not self.runs() and self.count("--config") == 1
