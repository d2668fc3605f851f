#!/usr/bin/env python3
"""Interfaces of the host: its links as the kernel has them, in lists and in XML. They are looked at and
not changed."""
import re
import subprocess

from harness import main, need_own_network, same, test


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def may_run(*argv):
    """Whether the kernel here has such links."""
    return subprocess.run(argv, capture_output=True, timeout=30).returncode == 0


def rows(d, *options):
    return {line.split()[0]: line.split()[1:] for line in d.vmsh("iface-list", *options).splitlines()[2:] if line}


@test
def links_are_listed_with_their_state(d):
    need_own_network()
    before = d.steady_inventory()
    run("ip", "link", "add", "name", "one", "address", "52:54:00:00:01:01", "type", "veth", "peer", "name", "two")
    run("ip", "link", "add", "name", "span", "address", "52:54:00:00:01:02", "type", "bridge")
    run("ip", "tuntap", "add", "tap", "mode", "tap")
    try:
        every = rows(d, "--all")
        assert every["one"] == ["inactive", "52:54:00:00:01:01"] and "lo" in every and "tap" not in every, every
        assert "one" not in rows(d) and "one" in rows(d, "--inactive")
        for link in "one", "two":
            run("ip", "link", "set", link, "up")
        assert rows(d)["one"][0] == "active" and "one" not in rows(d, "--inactive")
        assert d.vmsh("iface-mac", "span").strip() == "52:54:00:00:01:02"
        assert d.vmsh("iface-name", "52:54:00:00:01:02").strip() == "span"
        xml = d.vmsh("iface-dumpxml", "one")
        assert "<interface type='ethernet' name='one'>" in xml and "state='up'" in xml, xml
        assert "<mac address='52:54:00:00:01:01'/>" in xml and "<mtu size='1500'/>" in xml, xml
        assert d.vmsh("iface-dumpxml", "52:54:00:00:01:01") == xml
        for out in (d.vmsh("iface-dumpxml", "nobody", status=1), d.vmsh("iface-mac", "tap", status=1),
                    d.vmsh("iface-name", "52:54:00:00:01:09", status=1)):
            assert "couldn't find interface" in out or "Interface not found" in out, out
        run("ip", "link", "set", "two", "address", "52:54:00:00:01:01")
        assert "have the MAC address" in d.vmsh("iface-name", "52:54:00:00:01:01", status=1)
    finally:
        for link in "one", "span", "tap":
            run("ip", "link", "del", link)
    same(before, d.steady_inventory())


@test
def bridges_bonds_and_vlans_are_told(d):
    need_own_network()
    run("ip", "link", "add", "name", "one", "type", "veth", "peer", "name", "two")
    run("ip", "link", "add", "name", "span", "type", "bridge", "forward_delay", "400", "stp_state", "1")
    run("ip", "link", "set", "one", "master", "span")
    try:
        xml = d.vmsh("iface-dumpxml", "span")
        assert "type='bridge'" in xml and re.search(r"<bridge stp='\w+' delay='\d+'>\s*"
                                                    r"<interface type='ethernet' name='one'>", xml), xml
        if may_run("ip", "link", "add", "link", "two", "name", "two.5", "type", "vlan", "id", "5"):
            xml = d.vmsh("iface-dumpxml", "two.5")
            assert "type='vlan'" in xml and "<vlan tag='5'>" in xml and "<interface name='two'/>" in xml, xml
        if may_run("ip", "link", "add", "bo", "type", "bond", "mode", "active-backup"):
            assert "type='bond'" in d.vmsh("iface-dumpxml", "bo")
            run("ip", "link", "del", "bo")
    finally:
        for link in "one", "span":
            run("ip", "link", "del", link)


@test
def stock_clients_see_them_and_change_nothing(d):
    assert "lo" in d.virsh("iface-list", "--all")
    assert d.virsh("iface-dumpxml", "lo").strip() == d.vmsh("iface-dumpxml", "lo").strip()
    assert d.virsh("iface-dumpxml", "lo", uri=d.ro_uri).strip()
    for command in ("iface-undefine", "iface-start", "iface-destroy"):
        assert "not supported" in d.virsh(command, "lo", status=1)
    assert "not supported" in d.virsh("iface-begin", status=1)


if __name__ == "__main__":
    main()
