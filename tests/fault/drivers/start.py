"""Start and stop: a VM with something of all that a host can be left with, a tap on a bridge, helpers,
ports, sockets, files, descriptors. Stop is the undo of start."""
import atexit
import os
import pathlib
import subprocess

from harness import can_passt, domain, firmware, need, need_own_network

from . import Driver, driver

DEVICES = """
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='{root}/disk.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><source bridge='br-fault'/><model type='virtio'/>
      <bandwidth><inbound average='900'/><outbound average='900'/></bandwidth>
      <filterref filter='fault'/></interface>
    <interface type='ethernet'><target dev='eth-fault'/></interface>
    <interface type='user'><model type='virtio'/></interface>
    <serial type='pty'><log file='{root}/serial.log'/></serial><console type='pty'/>
    <serial type='unix'><source mode='bind' path='{root}/serial.sock'/></serial>
    <serial type='tcp'><source mode='bind' host='127.0.0.1' service='4777'/></serial>
    <parallel type='file'><source path='{root}/parallel.out'/></parallel>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' passwd='secret'/>
    <video><model type='vga'/></video>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
"""
PASST = "<interface type='user'><backend type='passt' logFile='{root}/passt.log'/></interface>"
BRIDGE = ("link add br-fault type bridge", "addr add 10.9.0.1/24 dev br-fault", "link set br-fault up",
          "route add default via 10.9.0.2")


CGROUP = pathlib.Path("/sys/fs/cgroup")  # nothing is mounted there in a namespace of a test's own
BASE = CGROUP / f"vmd-fault-{os.urandom(6).hex()}"  # other namespaces see it, too


def can_group():
    """Whether there is a folder of the host's groups for these tests alone; it goes with them."""
    if BASE.is_dir():
        return True
    if subprocess.run(["mount", "-t", "cgroup2", "none", CGROUP], capture_output=True).returncode:
        return False
    BASE.mkdir()
    atexit.register(BASE.rmdir)
    return True


FILTER = "<filter name='fault'><rule action='drop' direction='out'><mac protocolid='rarp'/></rule></filter>"


def filters():
    """Chains of links with a filter."""
    listed = subprocess.run(["nft", "list", "tables", "bridge"], check=True, capture_output=True, text=True)
    chains = subprocess.run(["nft", "list", "chains", "bridge"], check=True, capture_output=True, text=True)
    speeds = subprocess.run(["nft", "list", "tables", "netdev"], check=True, capture_output=True, text=True)
    return {"filters": (listed.stdout + chains.stdout + speeds.stdout).splitlines()}


@driver("start")
class Start(Driver):
    learns = True

    def prepare(self):
        need("swtpm_setup")
        need("nft")
        need_own_network()
        if not os.path.exists("/sys/class/net/br-fault"):
            for words in BRIDGE:
                subprocess.run(["ip", *words.split()], check=True)
        if can_group():
            self.d.end()
            (self.d.root / "etc/vmd/vmd.conf").write_text(f"control_groups = {BASE}\n")
            self.d.start()
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", self.d.root / "disk.qcow2", "1M"],
                       check=True)
        self.d.vmsh("nwfilter-define", self.d.write("filter.xml", FILTER))
        devices = (DEVICES + (PASST if can_passt() else "")).format(root=self.d.root)
        xml = domain("f", devices).replace("</os>", firmware() + "</os>")
        self.d.vmsh("define", self.d.write("f.xml", xml))

    def change(self, status=0):
        self.d.vmsh("start", "f", "--paused", status=status)

    def end(self, status=0):
        self.d.vmsh("destroy", "f", status=status)

    def state(self):
        return self.d.vmsh("domstate", "f").strip()

    def stands(self):
        return self.state() in ("paused", "running")

    def is_down(self):
        return self.state() == "shut off"

    def sees(self):
        return ("processes", "links", "listening", "files", "sockets", "descriptors", "filters",
                *(["groups"] if can_group() else []))

    def more(self):
        groups = sorted(str(p.relative_to(BASE)) for p in BASE.rglob("*") if p.is_dir())
        return {**filters(), "groups": [g.replace(g.split("-")[1], "N") for g in groups]}

    def reaches(self, step):
        return (step != "start passt" or can_passt()) and (step != "make group" or can_group())
