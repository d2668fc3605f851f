#!/usr/bin/env python3
"""Virtual networks: a client that takes a lease, asks for a name and reaches the world through the
host; what is healed, what a killed daemon leaves, and what a definition may not say."""
import contextlib
import functools
import json
import os
import pathlib
import re
import select
import signal
import subprocess

from harness import (VMSH, domain, links, main, need, need_own_network, same, skip, test, until_heard,
                     virsh_is_older, wait_for)

NAT = """<network><name>{name}</name><uuid>8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0a0{n}</uuid>
  <forward mode='{mode}'/><bridge name='br-{name}'/><domain name='{name}.test' localOnly='yes'/>
  <dns><host ip='10.77.{n}.9'><hostname>nine</hostname></host></dns>
  <ip address='10.77.{n}.1' netmask='255.255.255.0'><dhcp>
    <range start='10.77.{n}.100' end='10.77.{n}.199'/>
    <host mac='52:54:00:00:00:05' name='five' ip='10.77.{n}.5'/></dhcp></ip>
  <ip family='ipv6' address='fd00:77:{n}::1' prefix='64'/>
</network>"""
SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr replace $ip/$mask dev $interface
ip route replace default via $router
"""


def run(*argv, **how):
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True,
                          timeout=30, **how).stdout


def nft():
    return [e for e in json.loads(run("nft", "-j", "list", "ruleset"))["nftables"] if "table" in e]


class Host:
    """Another machine: a network namespace of its own, held by a process."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"],
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def run(self, *argv, **how):
        return run("nsenter", "-t", self.process.pid, "-n", *argv, **how)

    def ok(self, *argv):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", *map(str, argv)],
                              capture_output=True, text=True, timeout=30).returncode == 0

    def pings(self, address):
        return self.ok("busybox", "ping", "-c1", "-W1", address)

    def end(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def host(near, far, *, bridge=None, address=None):
    """A host whose link FAR is joined to NEAR here, which is in BRIDGE or has ADDRESS."""
    h = Host()
    try:
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", h.process.pid)
        h.run("ip", "link", "set", "lo", "up")
        h.run("ip", "link", "set", far, "address", "52:54:00:00:00:05", "up")
        run("ip", "link", "set", near, *(("master", bridge) if bridge else ()), "up")
        if address:
            run("ip", "addr", "add", address, "dev", near)
        yield h
    finally:
        subprocess.run(["ip", "link", "del", near], capture_output=True)
        h.end()


def take_lease(h, d):
    script = d.root / "udhcpc.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    h.run("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", "10", "-T", "1", "-s", script)


def network_test(function):
    """A test that leaves no network behind, so that one that fails does not fail the others."""
    @functools.wraps(function)
    def and_clean(d):
        needs()
        d.root.chmod(0o755)  # dnsmasq reads its hosts as nobody
        try:
            function(d)
        finally:
            if not d.answers():
                d.start()
            for name in d.virsh("net-list", "--name").split():
                d.virsh("net-destroy", name)
    return test(and_clean)


def needs():
    need_own_network()
    for program in ("dnsmasq", "nft", "busybox"):
        need(program)
    if "udhcpc" not in run("busybox", "--list").split():
        skip("busybox has no udhcpc")


def define(d, name, n=1, mode="nat"):
    d.virsh("net-define", d.write(f"{name}.xml", NAT.format(name=name, n=n, mode=mode)))


def world_of(d, h):
    """A server beyond the host, which answers with the address that it was asked from."""
    h.run("ip", "addr", "add", "203.0.113.9/24", "dev", "eth0")
    server = subprocess.Popen(["nsenter", "-t", str(h.process.pid), "-n", "socat",
                               "TCP-LISTEN:7,reuseaddr,fork", "SYSTEM:echo $SOCAT_PEERADDR"])
    wait_for(lambda: h.ok("socat", "-u", "OPEN:/dev/null", "TCP:127.0.0.1:7"))
    return server


def ask_world(h):
    return h.run("socat", "-T", "5", "-u", "TCP:203.0.113.9:7,connect-timeout=5", "STDOUT").strip()


@network_test
def a_guest_reaches_the_world(d):
    need("socat")
    d.virsh("capabilities")  # no emulator is looked at meanwhile
    before = d.inventory()
    define(d, "nat")
    d.virsh("net-start", "nat")
    with host("w0", "eth0", address="203.0.113.1/24") as world, \
            host("g0", "eth0", bridge="br-nat") as guest:
        server = world_of(d, world)
        try:
            take_lease(guest, d)
            assert "10.77.1.5/24" in guest.run("ip", "addr"), "the reservation is kept"
            assert ask_world(guest) == "203.0.113.1", "the world sees the host"
            world.run("ip", "route", "add", "10.77.0.0/16", "via", "203.0.113.1")
            assert not world.pings("10.77.1.5"), "the world cannot begin"
            answer = guest.run("busybox", "nslookup", "nine.nat.test", "10.77.1.1")
            assert "10.77.1.9" in answer, answer
            leases = d.virsh("net-dhcp-leases", "nat")
            assert re.search(r"52:54:00:00:00:05\s+ipv4\s+10\.77\.1\.5/24\s+five", leases), leases
            assert "10.77.1.5" in d.virsh("net-dhcp-leases", "nat", "52:54:00:00:00:05")
            assert "10.77.1.5" not in d.virsh("net-dhcp-leases", "nat", "52:54:00:00:00:06")
        finally:
            server.kill()
            server.wait()
    d.virsh("net-destroy", "nat")
    d.virsh("net-undefine", "nat")
    same(before, d.inventory(), "a network came and went")
    assert nft() == []


@network_test
def an_address_is_waited_for(d):
    define(d, "nat")
    d.vmsh("net-start", "nat")
    d.vmsh("define", d.write("w.xml", domain(
        "w", "<interface type='network'><mac address='52:54:00:00:00:05'/><source network='nat'/></interface>")))
    d.vmsh("start", "w", "--paused")
    with host("g0", "eth0", bridge="br-nat") as guest, \
            subprocess.Popen([VMSH, "-c", d.uri, "wait", "w", "address", "--timeout", "60"],
                             stdout=subprocess.PIPE, text=True) as waits:
        take_lease(guest, d)  # of that MAC address, in the guest's place
        assert waits.communicate(timeout=60)[0].split() == ["10.77.1.5"] and waits.returncode == 0
    assert d.vmsh("list", "-o", "name,address").split()[-2:] == ["w", "10.77.1.5"]
    d.vmsh("destroy", "w")
    d.vmsh("net-destroy", "nat")


@network_test
def modes(d):
    """(mode, guests see the world, under whose address, the world sees guests)"""
    need("socat")
    for mode, source in (("route", "10.77.1.5"), ("open", "10.77.1.5"), ("none", None)):
        xml = NAT.format(name=mode, n=1, mode=mode).replace("<forward mode='none'/>", "")
        d.virsh("net-create", d.write("m.xml", xml))
        with host("w0", "eth0", address="203.0.113.1/24") as world, \
                host("g0", "eth0", bridge=f"br-{mode}") as guest:
            server = world_of(d, world)
            world.run("ip", "route", "add", "10.77.0.0/16", "via", "203.0.113.1")
            guest.run("ip", "addr", "add", "10.77.1.5/24", "dev", "eth0")
            guest.run("ip", "route", "add", "default", "via", "10.77.1.1")
            try:
                # With spanning tree a new port listens for some seconds.
                wait_for(lambda: guest.pings("10.77.1.1"), 20)
                if source:
                    assert ask_world(guest) == source, mode
                    assert world.pings("10.77.1.5"), mode
                else:
                    assert not guest.pings("203.0.113.9"), mode
                    assert not world.pings("10.77.1.5"), mode
            finally:
                server.kill()
                server.wait()
        d.virsh("net-destroy", mode)
        assert mode not in d.virsh("net-list", "--all", "--name").split()


def dnsmasq_of(d):
    found = [int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")
             if f"--conf-file={d.root}".encode() in p.read_bytes()]
    return found[0] if found else None


@network_test
def a_network_outlives_its_daemon(d):
    define(d, "nat")
    d.virsh("net-autostart", "nat")
    d.virsh("net-start", "nat")
    live = d.virsh("net-dumpxml", "nat")
    first = wait_for(lambda: dnsmasq_of(d))
    d.kill()
    d.start()
    assert d.virsh("net-dumpxml", "nat") == live
    assert dnsmasq_of(d) == first
    assert "active" in d.virsh("net-list")
    os.kill(first, signal.SIGKILL)  # and it is watched by the new daemon
    wait_for(lambda: dnsmasq_of(d) not in (None, first))
    with host("g0", "eth0", bridge="br-nat") as guest:
        take_lease(guest, d)
    d.kill()
    os.kill(wait_for(lambda: dnsmasq_of(d)), signal.SIGKILL)  # while nobody looks
    d.start()
    wait_for(lambda: dnsmasq_of(d))
    d.virsh("net-destroy", "nat")
    assert dnsmasq_of(d) is None


@network_test
def changes_reach_what_runs(d):
    define(d, "nat")
    d.virsh("net-start", "nat")
    first = wait_for(lambda: dnsmasq_of(d))
    d.virsh("net-update", "nat", "modify", "ip-dhcp-host", "--live", "--config",
            "<host mac='52:54:00:00:00:05' name='five' ip='10.77.1.55'/>")
    d.virsh("net-update", "nat", "add", "dns-host", "--live",
            "<host ip='10.77.1.8'><hostname>eight</hostname></host>")
    assert dnsmasq_of(d) == first, "such changes need no new dnsmasq"
    with host("g0", "eth0", bridge="br-nat") as guest:
        take_lease(guest, d)
        assert "10.77.1.55/24" in guest.run("ip", "addr")
        assert "10.77.1.8" in guest.run("busybox", "nslookup", "eight.nat.test", "10.77.1.1")
    assert "eight" not in d.virsh("net-dumpxml", "nat", "--inactive")
    assert "10.77.1.55" in d.virsh("net-dumpxml", "nat", "--inactive")
    why = d.virsh("net-update", "nat", "add", "ip-dhcp-range", "<range start='1.2.3.4' end='1.2.3.5'/>",
                  "--live", status=1)
    assert "not entirely within network" in why


@network_test
def what_cannot_be(d):
    define(d, "nat")
    for name, xml, part in (
            ("other", NAT.format(name="other", n=1, mode="nat"), "already defined"),
            ("nat", NAT.format(name="nat", n=2, mode="nat"), "already exists"),
            ("two", NAT.format(name="two", n=3, mode="nat").replace("br-two", "br-nat"),
             "already in use by network 'nat'")):
        why = d.virsh("net-define", d.write("x.xml", xml), status=1)
        assert part in why, f"{name}: {why}"
    run("ip", "link", "add", "br-nat", "type", "bridge")
    assert "not its own" in d.virsh("net-start", "nat", status=1)
    assert "br-nat" in links(), "what is not ours stays"
    run("ip", "addr", "add", "10.77.1.200/16", "dev", "br-nat")
    run("ip", "link", "set", "br-nat", "name", "elsewhere", "down")
    assert "already in use by interface elsewhere" in d.virsh("net-start", "nat", status=1)
    run("ip", "link", "del", "elsewhere")
    d.virsh("net-start", "nat")
    assert "already active" in d.virsh("net-start", "nat", status=1)
    d.virsh("net-undefine", "nat")
    assert "no" in d.virsh("net-info", "nat").split("Persistent:")[1].split()[0]
    d.virsh("net-destroy", "nat")
    assert d.virsh("net-list", "--all", "--name").split() == []
    for part, xml in (("forward mode 'vepa'", "<forward mode='vepa'><interface dev='x'/></forward>"),
                      ("'floor'", "<bandwidth><inbound average='10' floor='5'/></bandwidth>"),
                      ("bridge 'none' does not exist", "<forward mode='bridge'/><bridge name='none'/>")):
        d.virsh("net-define", d.write("x.xml", f"<network><name>x</name>{xml}</network>"))
        why = d.virsh("net-start", "x", status=1)
        assert part in why, why
        d.virsh("net-undefine", "x")


@network_test
def users_write_about_them(d):
    if virsh_is_older():
        skip("virsh has no net-metadata yet")
    define(d, "nat")
    heard = subprocess.Popen(["virsh", "-c", d.uri, "net-event", "--event", "metadata-change", "--loop", "--timeout", "30"],
                             stdout=subprocess.PIPE, text=True)
    line = until_heard(heard, lambda: d.virsh("net-desc", "nat", "first", "--config"))
    assert "metadata-change" in line and "nat" in line, line
    heard.kill()
    heard.wait()
    d.virsh("net-desc", "nat", "--title", "A title", "--config")
    d.virsh("net-metadata", "nat", "--uri", "urn:a", "--key", "k", "--set", "<a><b/></a>", "--config")
    assert "live" not in d.virsh("net-desc", "nat", "--config")
    assert "not active" in d.virsh("net-desc", "nat", "live", "--live", status=1)
    d.kill()
    d.start()
    d.virsh("net-start", "nat")
    d.virsh("net-desc", "nat", "live", "--live")
    assert d.virsh("net-desc", "nat").strip() == "live"
    assert d.virsh("net-desc", "nat", "--config").strip() == "first"
    assert d.virsh("net-desc", "nat", "--title", "--live").strip() == "A title"
    assert re.sub(r"\s", "", d.virsh("net-metadata", "nat", "--uri", "urn:a")) == "<a><b/></a>"
    assert "<k:a xmlns:k" in d.virsh("net-dumpxml", "nat")
    assert "newlines" in d.virsh("net-desc", "nat", "--title", "a\nb", "--live", status=1)
    d.virsh("net-metadata", "nat", "--uri", "urn:a", "--remove", "--live", "--config")
    assert not d.virsh("net-metadata", "nat", "--uri", "urn:a", "--config", status=None).strip()
    assert "read only" in d.virsh("net-desc", "nat", "x", "--config", uri=d.ro_uri, status=1)
    d.virsh("net-destroy", "nat")


@network_test
def a_dnsmasq_that_will_not_start_says_why(d):
    d.virsh("capabilities")  # no emulator is looked at meanwhile
    before = d.inventory()
    xml = NAT.format(name="bad", n=1, mode="nat").replace(
        "<network>", "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>").replace(
        "</network>", "<dnsmasq:options><dnsmasq:option value='no-such-option'/></dnsmasq:options></network>")
    d.virsh("net-define", d.write("x.xml", xml))
    why = d.virsh("net-start", "bad", status=1)
    assert "dnsmasq will not start" in why and "bad option" in why, why
    d.virsh("net-undefine", "bad")
    same(before, d.inventory(), "a network that did not start")


@network_test
def a_domain_joins_a_network(d):
    define(d, "nat")
    nic = "<interface type='network'><source network='nat'/><model type='virtio'/></interface>"
    d.vmsh("define", d.write("a.xml", domain("a", nic)))
    assert "network 'nat' is not active" in d.vmsh("start", "a", status=1)
    d.virsh("net-start", "nat")
    d.vmsh("start", "a", "--paused")
    live = d.vmsh("dumpxml", "a")
    assert "bridge='br-nat'" in live and "type='network'" in live, live
    tap = re.search(r"<target dev='(\w+)'", live)[1]
    assert "br-nat" in os.readlink(f"/sys/class/net/{tap}/master")
    assert "br-nat" not in d.vmsh("dumpxml", "a", "--inactive")
    d.vmsh("destroy", "a")


@network_test
def a_portgroup_counts_by_name_or_as_the_default(d):
    groups = ("<portgroup name='plain'/><portgroup name='tagged' default='yes'><vlan><tag id='5'/></vlan></portgroup>")
    xml = NAT.format(name="nat", n=1, mode="nat").replace("</network>", groups + "</network>")
    d.vmsh("net-create", d.write("n.xml", xml))
    for group, starts in (("", False), ("portgroup='tagged'", False), ("portgroup='plain'", True)):
        nic = f"<interface type='network'><source network='nat' {group}/></interface>"
        name = f"a{len(group)}"
        d.vmsh("define", d.write("a.xml", domain(name, nic)))
        said = d.vmsh("start", name, "--paused", status=0 if starts else 1)
        assert starts or "portgroup 'tagged' of network 'nat' are not supported yet" in said, said
    d.vmsh("destroy", name)


@network_test
def a_display_listens_in_a_network(d):
    define(d, "nat")
    d.vmsh("define", d.write("a.xml", domain(
        "a", "<graphics type='vnc'><listen type='network' network='nat'/></graphics>")))
    assert "network 'nat' is not active" in d.vmsh("start", "a", status=1)
    d.virsh("net-start", "nat")
    d.vmsh("start", "a")
    assert d.vmsh("vncdisplay", "a").startswith("10.77.1.1:"), d.vmsh("vncdisplay", "a")
    assert "10.77.1.1:59" in run("ss", "-tlnH"), run("ss", "-tlnH")
    live = d.vmsh("dumpxml", "a")
    assert "<listen type='network' address='10.77.1.1' network='nat'/>" in live, live
    assert "listen='10.77.1.1'>" in live, live
    assert "10.77.1.1" not in d.vmsh("dumpxml", "a", "--inactive")
    d.vmsh("destroy", "a")


def words(text):
    return [line.split() for line in text.splitlines() if line.strip("- ")]


@network_test
def vmsh_says_it_as_virsh_does(d):
    path = d.write("nat.xml", NAT.format(name="nat", n=1, mode="nat"))
    assert f"Network nat defined from {path}" in d.vmsh("net-define", path)
    assert "Network nat marked as autostarted" in d.vmsh("net-autostart", "nat")
    assert d.vmsh("net-list").count("nat") == 0 and "inactive" in d.vmsh("net-list", "--all")
    assert "Network nat started" in d.vmsh("net-start", "nat")
    for asked in (["net-list", "--all"], ["net-list", "--uuid"], ["net-list", "--name"],
                  ["net-list", "--no-autostart"], ["net-info", "nat"], ["net-uuid", "nat"],
                  ["net-name", "8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0a01"], ["net-dumpxml", "nat"],
                  ["net-dumpxml", "nat", "--inactive"], ["net-dhcp-leases", "nat"]):
        assert words(d.vmsh(*asked)) == words(d.virsh(*asked)), asked
    host = "<host mac='52:54:00:00:00:07' ip='10.77.1.7'/>"
    assert "Updated network nat persistent config and live state" in d.vmsh(
        "net-update", "nat", "add", "ip-dhcp-host", host, "--live", "--config")
    assert "10.77.1.7" in d.vmsh("net-dumpxml", "nat") and "10.77.1.7" in d.vmsh(
        "net-dumpxml", "nat", "--inactive")
    assert "unrecognized section name 'x'" in d.vmsh("net-update", "nat", "add", "x", host, status=1)
    assert "can't update" in d.vmsh("net-update", "nat", "add", "forward", "<forward/>", status=1)
    assert "can't update" not in d.vmsh("net-update", "nat", "add", "forward-interface",
                                        "<interface dev='eth9'/>", "--config")
    assert "<interface dev='eth9'/>" in d.vmsh("net-dumpxml", "nat", "--inactive")
    assert json.loads(d.vmsh("net-list", "--json"))[0]["name"] == "nat"
    assert "Network nat destroyed" in d.vmsh("net-destroy", "nat")
    assert "Network nat has been undefined" in d.vmsh("net-undefine", "nat")
    assert "failed to get network 'nat'" in d.vmsh("net-info", "nat", status=1)
    assert f"Network nat created from {path}" in d.vmsh("net-create", path)


PORT = """<networkport><uuid>8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0c55</uuid><owner><name>x</name>
  <uuid>8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0c10</uuid></owner><mac address='52:54:00:09:09:09'/>{}</networkport>"""
MINE = "8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0c55"


@network_test
def ports_are_those_of_guests_and_of_clients(d):
    define(d, "nat")
    assert "not active" in d.vmsh("net-port-list", "nat", status=1)
    d.vmsh("net-start", "nat")
    nic = "<interface type='network'><mac address='52:54:00:00:01:0{}'/><source network='nat'/>{}</interface>"
    d.vmsh("define", d.write("p.xml", domain("p", nic.format(1, "<port isolated='yes'/>") + nic.format(2, ""), memory=32)))
    d.vmsh("start", "p", "--paused")

    def listed():
        return set(d.vmsh("net-port-list", "nat", "--uuid").split())
    guests = set(re.findall(r"portid='([^']+)'", d.vmsh("dumpxml", "p")))
    assert listed() == guests and len(guests) == 2
    assert "portid" not in d.vmsh("dumpxml", "p", "--inactive")
    shown = "".join(d.vmsh("net-port-dumpxml", "nat", u) for u in guests)
    for part in ("<name>p</name>", "<plug type='network' bridge='br-nat'/>", "<mac address='52:54:00:00:01:02'/>",
                 "<port isolated='yes'/>"):
        assert part in shown, shown
    some = min(guests)
    for asked in (["net-port-list", "nat"], ["net-port-list", "nat", "--uuid"], ["net-port-dumpxml", "nat", some]):
        assert words(d.vmsh(*asked)) == words(d.virsh(*asked)), asked
    assert "goes with it" in d.vmsh("net-port-delete", "nat", some, status=1)
    path = d.write("port.xml", PORT.format(""))
    assert f"Network port {MINE} created from {path}" in d.vmsh("net-port-create", "nat", path)
    assert "exists already" in d.vmsh("net-port-create", "nat", path, status=1)
    d.kill()
    d.start()
    assert listed() == guests | {MINE}
    assert "br-nat" in d.vmsh("net-port-dumpxml", "nat", MINE)
    assert f"Network port {MINE} deleted" in d.vmsh("net-port-delete", "nat", MINE)
    assert f"failed to get network port '{MINE}'" in d.vmsh("net-port-dumpxml", "nat", MINE, status=1)
    for more, said in (("<bandwidth><inbound average='9'/></bandwidth>", "'bandwidth' of a port"),
                       ("<plug type='bridge' bridge='x'/>", "Port reclaim not requested"),
                       ("<port isolated='yes'/>", "'port' of a port")):
        assert said in d.vmsh("net-port-create", "nat", d.write("port.xml", PORT.format(more)), status=1)
    assert "no mac" in d.vmsh("net-port-create", "nat", d.write("port.xml", re.sub("<mac.*/>", "", PORT.format(""))),
                              status=1)
    d.vmsh("net-port-create", "nat", d.write("port.xml", PORT.format("")))
    d.vmsh("destroy", "p")
    assert listed() == {MINE}
    d.vmsh("net-destroy", "nat")
    d.vmsh("net-start", "nat")
    assert listed() == set()


@network_test
def events_of_networks_are_told(d):
    define(d, "nat")
    watcher = subprocess.Popen([os.environ["VMSH"], "-c", d.uri, "net-event", "--event", "lifecycle", "--loop",
                                "--timeout", "20"], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(100):  # until it listens
            d.vmsh("net-start", "nat")
            d.vmsh("net-destroy", "nat")
            if select.select([watcher.stdout], [], [], 0.1)[0]:
                break
        assert watcher.stdout.readline().startswith("event 'lifecycle' for network nat: ")
    finally:
        watcher.kill()
        watcher.wait()


main()
