#!/usr/bin/env python3
"""Devices of the host: what sysfs has and what is told of it, how they hang together, and that clients
hear of those that come, go and change."""
import os
import pathlib
import re
import shutil
import subprocess
import time

from harness import VMSH, main, need_own_network, skip, test, until_heard, virsh_is_older, wait_for

SYS = pathlib.Path("/sys/bus")


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def names(d, *options):
    return d.vmsh("nodedev-list", *options).split()


def pci_names():
    return sorted("pci_" + re.sub(r"[:.]", "_", e.name) for e in (SYS / "pci/devices").iterdir()) \
        if (SYS / "pci/devices").is_dir() else []


@test
def the_machine_and_its_cards_are_listed(d):
    assert names(d, "--cap", "system") == ["computer"]
    assert names(d, "--cap", "pci") == pci_names()
    disks = [e.name for e in pathlib.Path("/sys/block").iterdir() if re.match(r"(vd|sd|nvme|sr)", e.name)]
    assert sorted(n.split("_")[1] for n in names(d, "--cap", "storage")) == sorted(disks)
    assert not any("loop" in n for n in names(d))
    assert set(names(d, "--cap", "pci,system")) == {"computer", *pci_names()}
    assert names(d, "--inactive") == [] and names(d, "--persistent") == ["computer"]
    assert "Invalid capability" in d.vmsh("nodedev-list", "--cap", "odd", status=1)
    xml = d.vmsh("nodedev-dumpxml", "computer")
    assert "<capability type='system'>" in xml and "<uuid>" in xml and "<parent>" not in xml, xml
    assert "no node device with matching name 'nobody'" in d.vmsh("nodedev-dumpxml", "nobody", status=1)
    assert "is not persistent" in d.vmsh("nodedev-dumpxml", "--inactive", names(d, "--cap", "net")[0], status=1)


@test
def what_is_said_of_a_card_is_so(d):
    cards = pci_names()
    if not cards:
        skip("this host has no PCI")
    for name in cards:
        xml = d.vmsh("nodedev-dumpxml", name)
        path = pathlib.Path(re.search(r"<path>(.*)</path>", xml)[1])
        domain, bus, slot, function = re.match(r"(\w+):(\w+):(\w+)\.(\w)", path.name).groups()
        for element, value in (("domain", domain), ("bus", bus), ("slot", slot), ("function", function)):
            assert f"<{element}>{int(value, 16)}</{element}>" in xml, xml
        for element, file in (("vendor", "vendor"), ("product", "device")):
            assert f"<{element} id='{(path / file).read_text().strip()}'" in xml, xml
        if (path / "driver").exists():
            assert f"<name>{(path / 'driver').resolve().name}</name>" in xml, xml


@test
def they_hang_together(d):
    every = names(d)
    for name in every:
        info = dict(line.split(":", 1) for line in d.vmsh("nodedev-info", name).splitlines() if ":" in line)
        parent = info["Parent"].strip()
        assert parent in every if name != "computer" else not parent, info
        assert info["Active"].strip() == "yes"
    tree = d.vmsh("nodedev-list", "--tree")
    assert tree.splitlines()[0] == "computer"
    assert sorted(re.findall(r"\w+", tree.replace("|", " "))) == sorted(every)


@test
def links_come_and_go_and_are_heard_of(d):
    need_own_network()
    heard = subprocess.Popen([VMSH, "-c", d.uri, "nodedev-event", "--event", "lifecycle", "--loop",
                              "--timeout", "400"], stdout=subprocess.PIPE, text=True)

    def blink():
        run("ip", "link", "add", "blink", "type", "bridge")
        time.sleep(0.3)
        run("ip", "link", "del", "blink")
    try:
        until_heard(heard, blink)
        run("ip", "link", "add", "here", "address", "52:54:00:01:02:03", "type", "bridge")
        name = "net_here_52_54_00_01_02_03"
        if not os.path.exists("/sys/class/net/here"):
            skip("the sysfs that is mounted here is of another network")
        wait_for(lambda: name in names(d), 90)  # the next walk rests twenty times as long as the last took
        xml = d.vmsh("nodedev-dumpxml", name)
        assert "<interface>here</interface>" in xml and "<link state='down'/>" in xml, xml
        run("ip", "link", "set", "here", "up")
        wait_for(lambda: "state='down'" not in d.vmsh("nodedev-dumpxml", name)
                 or "<feature" in d.vmsh("nodedev-dumpxml", name), 90)
        run("ip", "link", "set", "here", "address", "52:54:00:01:02:04")
        wait_for(lambda: "net_here_52_54_00_01_02_04" in names(d) and name not in names(d), 90)
        run("ip", "link", "del", "here")
        wait_for(lambda: "net_here_52_54_00_01_02_04" not in names(d), 90)
        heard.terminate()
        said = heard.communicate()[0]
        for what in (f"{name}: Created", f"{name}: Deleted", "net_here_52_54_00_01_02_04: Deleted"):
            assert what in said, said
    finally:
        heard.kill()
        heard.wait()


@test
def stock_clients_see_the_same(d):
    assert d.virsh("nodedev-list").split() == names(d)
    for name in names(d):
        assert d.virsh("nodedev-dumpxml", name).strip() == d.vmsh("nodedev-dumpxml", name).strip()
        assert d.virsh("nodedev-dumpxml", name, uri=d.ro_uri).strip()
    if not virsh_is_older():
        assert d.virsh("nodedev-info", "computer") == d.vmsh("nodedev-info", "computer")
    assert "not supported" in d.virsh("nodedev-reset", names(d)[-1], status=1)
    assert d.vmsh("nodedev-event", "--list").split() == d.virsh("nodedev-event", "--list").split()


@test
def documents_are_as_the_schema_has_them(d):
    schemas = pathlib.Path("/usr/share/libvirt/schemas")
    if not schemas.is_dir() or not shutil.which("xmllint"):
        skip("there are no schemas of libvirt's, or no xmllint")
    for command, schema, every in (("nodedev-dumpxml", "nodedev.rng", names(d)),
                                   ("iface-dumpxml", "interface.rng", ["lo"])):
        for name in every:
            path = d.write("document.xml", d.vmsh(command, name))
            d.run("xmllint", "--noout", "--relaxng", schemas / schema, path)


if __name__ == "__main__":
    main()
