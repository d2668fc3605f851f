#!/usr/bin/env python3
"""How fast interfaces and networks are: <bandwidth> measured, in both directions, at the start of a
guest, when it is plugged, and changed while it runs; what is left of it afterwards, and what of the
admin's own stays."""
import contextlib
import json
import re
import socket
import threading
import xml.etree.ElementTree as ET

from harness import *

MAC = "52:54:00:12:00:01"
TEN = 1250  # kilobytes a second: 10 Mbit/s
NETWORK = """<network><name>n</name><bridge name='br-speed' stp='off' delay='0'/>{bandwidth}
  <ip address='10.88.0.1' netmask='255.255.255.0'/>
  <portgroup name='slow'>{group}</portgroup></network>"""


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def bandwidth(inbound=None, outbound=None, more=""):
    inside = "".join(f"<{name} average='{rate}'{more}/>" for name, rate in
                     (("inbound", inbound), ("outbound", outbound)) if rate)
    return f"<bandwidth>{inside}</bandwidth>"


def card(inner="", source="<source network='n'/>", kind="network", model="virtio"):
    return (f"<interface type='{kind}'><mac address='{MAC}'/>{source}<model type='{model}'/>{inner}"
            "</interface>")


def define_network(d, of_all="", of_group=""):
    d.vmsh("net-define", d.write("n.xml", NETWORK.format(bandwidth=of_all, group=of_group)))
    d.vmsh("net-start", "n")


def say(*argv):
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def rules():
    return say("nft", "-j", "list", "ruleset")["nftables"]


def kinds(link):
    return [(q["kind"], q["handle"]) for q in say("tc", "-j", "qdisc", "show", "dev", link)]


BITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def limits(link):
    """What the kernel holds it to, in kilobytes a second: to the guest, from the guest."""
    classes = subprocess.run(["tc", "class", "show", "dev", link], check=True, capture_output=True, text=True)
    into = [int(n) * BITS[unit] // 8000
            for n, unit in re.findall(r"^class htb 766d:1 .*\brate (\d+)([KMG]?)bit", classes.stdout, re.M)]
    out = [e["limit"]["rate"] for r in rules() if r.get("rule", {}).get("table") == f"vmd-speed-{link}"
           for e in r["rule"]["expr"] if "limit" in e]
    return into[0] if into else None, [rate // 1000 for rate in out]


def tables():
    return [r["table"]["name"] for r in rules() if "vmd-speed" in r.get("table", {}).get("name", "")]


def told(d, *flags):
    """domiftune's words as numbers."""
    said = d.vmsh("domiftune", "g", MAC, *flags)
    return {words[0].rstrip(":"): int(words[-1]) for words in map(str.split, said.splitlines()) if words}


def tap(d):
    return ET.fromstring(d.vmsh("dumpxml", "g")).find("devices/interface/target").get("dev")


class Meter:
    """Two streams for ever: what is sent to whoever connects to port 5001, and what comes to 5002."""

    def __init__(self):
        self.got = 0
        self.doors = [self.listen(5001, self.send), self.listen(5002, self.receive)]

    def listen(self, port, serve):
        door = socket.create_server(("10.88.0.1", port))
        threading.Thread(target=self.accept, args=(door, serve), daemon=True).start()
        return door

    @staticmethod
    def accept(door, serve):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()

    @staticmethod
    def send(peer):
        with contextlib.suppress(OSError):
            while True:
                peer.sendall(bytes(65536))

    def receive(self, peer):
        with contextlib.suppress(OSError):
            while data := peer.recv(65536):
                self.got += len(data)

    @staticmethod
    def rate(count, seconds=3):
        """Bytes a second once the bucket is empty."""
        time.sleep(1)
        before, begun = count(), time.monotonic()
        time.sleep(seconds)
        return (count() - before) / (time.monotonic() - begun)

    def from_guest(self):
        return self.rate(lambda: self.got)

    def to_guest(self, link):
        path = pathlib.Path(f"/sys/class/net/{link}/statistics/tx_bytes")
        return self.rate(lambda: int(path.read_text()))

    def end(self):
        for door in self.doors:
            door.shutdown(socket.SHUT_RDWR)  # whoever waits at it lets it go
            door.close()


def near(rate, kilobytes):
    print(f"# {rate * 8 / 1e6:.2f} Mbit/s for {kilobytes * 8 / 1000:.2f}")
    assert 0.9 <= rate / (kilobytes * 1000) <= 1.1, (rate, kilobytes)


@test
def a_guest_is_held_to_it(d):
    need_own_network()
    define_network(d)
    xml = domain("g", "<serial type='pty'/>" + card(bandwidth(TEN, TEN)), 256, kernel=guest())
    d.vmsh("define", d.write("g.xml", xml))
    d.vmsh("start", "g")
    link, meter = tap(d), Meter()
    assert limits(link) == (TEN, [TEN])
    shell = Console(d)
    shell.run("ifconfig eth0 10.88.0.2 up")
    shell.run("nc 10.88.0.1 5001 >/dev/null & true")
    near(meter.to_guest(link), TEN)
    shell.run("killall nc; nc 10.88.0.1 5002 </dev/zero & true")
    near(meter.from_guest(), TEN)
    d.vmsh("domiftune", "g", MAC, "--live", "--outbound", "500")
    assert told(d, "--live")["outbound.average"] == 500 and told(d, "--config")["outbound.average"] == TEN
    near(meter.from_guest(), 500)
    d.vmsh("domiftune", "g", MAC, "--live", "--inbound", "250")
    shell.run("killall nc; nc 10.88.0.1 5001 >/dev/null & true")
    near(meter.to_guest(link), 250)
    meter.end()
    d.vmsh("destroy", "g")
    assert tables() == []
    d.vmsh("net-destroy", "n")


class Host:
    """Another machine on the bridge: a network namespace that a process holds."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"],
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()
        ip("link", "add", "other", "type", "veth", "peer", "name", "eth0", "netns", str(self.process.pid))
        ip("link", "set", "other", "master", "br-speed", "up")
        self.run("ip", "addr", "add", "10.88.0.3/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def begin(self, *argv, **how):
        return subprocess.Popen(["nsenter", "-t", str(self.process.pid), "-n", *argv], **how)

    def run(self, *argv):
        assert self.begin(*argv).wait() == 0


@test
def a_network_is_held_to_it(d):
    need_own_network()
    define_network(d, bandwidth(TEN, TEN))
    assert limits("br-speed") == (TEN, [TEN])
    other, meter = Host(), Meter()
    with open("/dev/zero") as zero:
        taker = other.begin("busybox", "nc", "10.88.0.1", "5001", stdout=subprocess.DEVNULL)
        near(meter.to_guest("br-speed"), TEN)
        taker.kill()
        giver = other.begin("busybox", "nc", "10.88.0.1", "5002", stdin=zero)
        near(meter.from_guest(), TEN)
        giver.kill()
    meter.end()
    other.process.kill()
    # A bridge that somebody deletes comes back as it was.
    ip("link", "del", "br-speed")
    wait_for(lambda: "br-speed" in links() and limits("br-speed") == (TEN, [TEN]))
    d.kill()
    d.start()
    d.vmsh("net-destroy", "n")
    assert tables() == []
    d.vmsh("net-undefine", "n")
    floor = "<bandwidth><inbound average='1000' floor='10'/></bandwidth>"
    d.vmsh("net-define", d.write("n.xml", NETWORK.format(bandwidth=floor, group="")))
    assert "'floor'" in d.vmsh("net-start", "n", status=1)


@test
def it_comes_and_goes_with_the_interface(d):
    need_own_network()
    define_network(d, of_group=bandwidth(300, None))
    before = links()
    d.vmsh("define", d.write("g.xml", unattended(domain("g", ROOT + PORTS))))
    d.vmsh("start", "g")
    slow = d.write("slow.xml", card(source="<source network='n' portgroup='slow'/>"))
    d.vmsh("attach-device", "g", slow, "--live")
    assert limits(tap(d)) == (300, [])
    assert told(d)["inbound.average"] == 300
    own = d.write("own.xml", card(bandwidth(100, 200, " peak='400' burst='64'")))
    d.vmsh("update-device", "g", own, "--live")
    assert limits(tap(d)) == (100, [400, 200]), limits(tap(d))
    assert told(d)["outbound.peak"] == 400 and told(d)["outbound.burst"] == 64
    d.kill()
    d.start()
    assert limits(tap(d)) == (100, [400, 200])
    d.vmsh("update-device", "g", d.write("none.xml", card()), "--live")
    assert limits(tap(d)) == (None, [])
    d.vmsh("domiftune", "g", MAC, "--live", "--outbound", "7")
    assert tables() == [f"vmd-speed-{tap(d)}"]
    d.vmsh("domiftune", "g", MAC, "--live", "--outbound", "0")
    assert limits(tap(d)) == (None, []) and "bandwidth" not in d.vmsh("dumpxml", "g")
    d.vmsh("domiftune", "g", MAC, "--live", "--outbound", "7")
    link = tap(d)
    d.vmsh("detach-interface", "g", "network", "--live")
    wait_for(lambda: link not in links())
    wait_for(lambda: tables() == [])
    for kind, source in (("user", ""), ("network", "<source network='n'/>")):
        limit = bandwidth(10) if kind == "user" else "<bandwidth><inbound floor='5'/></bandwidth>"
        said = d.vmsh("attach-device", "g", d.write("no.xml", card(limit, source, kind)), "--live",
                      status=1)
        assert ("'bandwidth'" if kind == "user" else "'floor'") in said, said
    d.vmsh("destroy", "g")
    d.vmsh("undefine", "g")
    assert links() == before and tables() == []
    d.vmsh("net-destroy", "n")


@test
def what_the_admin_has_set_stays(d):
    need_own_network()
    ip("tuntap", "add", "mine", "mode", "tap")
    ip("link", "set", "mine", "up")
    subprocess.run("tc qdisc add dev mine root handle 5: htb; tc qdisc add dev mine ingress", shell=True, check=True)
    before = kinds("mine")
    text = domain("g", card(bandwidth(TEN, TEN), "<target dev='mine' managed='no'/>", "ethernet"))
    d.vmsh("define", d.write("g.xml", text))
    said = d.vmsh("start", "g", status=1)
    assert "'mine' has a queueing discipline that vmd did not set" in said, said
    d.vmsh("undefine", "g")
    d.vmsh("define", d.write("g.xml", text.replace(f"<inbound average='{TEN}'/>", "")))
    d.vmsh("start", "g")
    assert limits("mine") == (None, [TEN])
    said = d.vmsh("domiftune", "g", MAC, "--live", "--inbound", "7", status=1)
    assert "that vmd did not set and leaves alone" in said and told(d)["inbound.average"] == 0, said
    assert limits("mine") == (None, [TEN])
    d.vmsh("destroy", "g")
    assert kinds("mine") == before == [("htb", "5:"), ("ingress", "ffff:")], kinds("mine")
    assert tables() == []
    ip("link", "del", "mine")


if QEMU:
    main()
else:
    print("1..0 # SKIP no QEMU")
