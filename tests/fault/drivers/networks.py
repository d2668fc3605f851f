"""A network with all that one leaves on a host: a bridge, addresses, rules, dnsmasq."""
import subprocess

from harness import need, need_own_network

from . import Driver, driver

XML = """<network><name>f</name><uuid>8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0b01</uuid><forward mode='nat'/>
  <bridge name='br-f'/>
  <bandwidth><inbound average='900'/><outbound average='900'/></bandwidth><ip address='10.78.1.1' netmask='255.255.255.0'><dhcp>
  <range start='10.78.1.100' end='10.78.1.199'/></dhcp></ip></network>"""


@driver("network start")
class Start(Driver):
    learns = True

    def prepare(self):
        need_own_network()
        need("dnsmasq")
        need("nft")
        # A chain for others' rules, as Docker has it.
        for words in ("add table ip filter", "add chain ip filter DOCKER-USER"):
            subprocess.run(["nft", *words.split()], check=True)
        self.d.virsh("net-define", self.d.write("f.xml", XML))

    def change(self, status=0):
        self.d.virsh("net-start", "f", status=status)

    def end(self, status=0):
        self.d.virsh("net-destroy", "f", status=status)

    def stands(self):
        return "f" in self.d.virsh("net-list", "--name").split()

    def is_down(self):
        return not self.stands()

    def sees(self):
        return "processes", "links", "files", "tables"

    def more(self):
        """The tables of the packet filter, and others' rules."""
        listed = [subprocess.run(["nft", "list", *words], check=True, capture_output=True, text=True).stdout
                  for words in (["tables"], ["chain", "ip", "filter", "DOCKER-USER"])]
        return {"tables": "".join(listed).splitlines()}
