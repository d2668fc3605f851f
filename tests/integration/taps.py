#!/usr/bin/env python3
"""Links of guests: their names, and what becomes of links that were there before."""
import fcntl
import os
import pathlib
import re
import signal
import struct
import subprocess
import uuid

from harness import domain, links, main, need_own_network, need_root, test, wait_for


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def prepare():
    need_root("for links")
    need_own_network()
    if "br-tap" not in links():
        ip("link", "add", "br-tap", "type", "bridge")
        ip("link", "set", "br-tap", "up")


def bridge(target=""):
    return f"<interface type='bridge'><source bridge='br-tap'/>{target}<model type='virtio'/></interface>"


def ethernet(target=""):
    return f"<interface type='ethernet'>{target}</interface>"


def start(d, name, devices, **how):
    known = f"<uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}</uuid><memory"
    d.vmsh("define", d.write("t.xml", domain(name, devices, memory=16).replace("<memory", known, 1)))
    return d.vmsh("start", name, **how)


def names(d, name):
    return re.findall(r"<target dev='([^']*)'", d.vmsh("dumpxml", name))


@test
def a_tap_that_was_there_is_used_or_refused(d):
    """It is never deleted, whatever the definition says of it."""
    prepare()
    ip("tuntap", "add", "mode", "tap", "name", "mine")
    number = open("/sys/class/net/mine/ifindex").read()
    for devices in (bridge("<target dev='mine'/>"), ethernet("<target dev='mine'/>"),
                    ethernet("<target dev='mine' managed='yes'/>")):
        said = start(d, "a", devices, status=1)
        assert "'net0': The mine interface already exists" in said, said
        assert open("/sys/class/net/mine/ifindex").read() == number
    start(d, "a", ethernet("<target dev='mine' managed='no'/>"))
    assert names(d, "a") == ["mine"]
    d.kill()
    d.start()
    d.vmsh("destroy", "a")
    assert open("/sys/class/net/mine/ifindex").read() == number
    ip("link", "del", "mine")
    said = start(d, "a", ethernet("<target dev='mine' managed='no'/>"), status=1)
    assert "there is no link 'mine'" in said and "mine" not in links(), said
    ip("link", "add", "veth-a", "type", "veth", "peer", "name", "veth-b")
    said = start(d, "a", ethernet("<target dev='veth-a' managed='no'/>"), status=1)
    assert "cannot open link 'veth-a' as a tap" in said, said
    said = start(d, "a", bridge("<target dev='veth-a'/>"), status=1)
    assert "veth-a" in said and "veth-a" in links(), said
    ip("link", "del", "veth-a")


@test
def a_name_that_is_too_long_is_refused_by_name(d):
    prepare()
    before = links()
    for devices in (bridge("<target dev='tap-of-guest-number-1'/>"),
                    ethernet("<target dev='tap-of-guest-number-1'/>"),
                    ethernet("<target dev='tap-of-guest-number-1' managed='no'/>")):
        said = start(d, "a", devices, status=1)
        assert "'tap-of-guest-number-1' is too long" in said and "15" in said, said
    said = start(d, "a", "<interface type='bridge'><source bridge='bridge-of-guest-number-1'/></interface>",
                 status=1)
    assert "bridge-of-guest-number-1" in said, said
    assert links() == before
    start(d, "a", bridge("<target dev='fifteen-letters'/>"))
    assert names(d, "a") == ["fifteen-letters"]
    d.vmsh("destroy", "a")
    for odd in ("a/b", ".."):
        assert f"'{odd}'" in start(d, "a", bridge(f"<target dev='{odd}'/>"), status=1)
    said = start(d, "a", bridge("<target dev='twice'/>") * 2, status=1)
    assert "already exists" in said and links() == before, said
    start(d, "a", bridge("<target dev='own%d'/>") * 2)
    assert names(d, "a") == ["own0", "own1"]
    d.vmsh("destroy", "a")
    assert links() == before


def number(d, name):
    (link,) = names(d, name)
    assert re.fullmatch(r"vnet\d+", link), link
    return int(link[4:])


@test
def counted_names_count_on(d):
    prepare()
    ip("link", "add", "vnet2", "type", "bridge")
    given = []
    for target in ("", "<target dev='vnet0'/>", "", "<target dev='vnetx'/>"):
        start(d, "a", bridge(target))
        given.append(number(d, "a"))
        d.vmsh("destroy", "a")
    assert given == [0, 1, 3, 4], given
    start(d, "a", bridge())
    d.kill()
    d.start()
    start(d, "b", bridge())
    assert (number(d, "a"), number(d, "b")) == (5, 6)
    ip("link", "del", "vnet2")


@test
def an_undo_takes_its_own_link_alone(d):
    """Somebody has put another one in the place of the guest's, under its name."""
    prepare()
    start(d, "a", bridge("<target dev='swapped'/>"))
    ip("link", "set", "swapped", "down")
    ip("link", "set", "swapped", "name", "elsewhere")
    ip("link", "add", "swapped", "type", "bridge")
    d.vmsh("destroy", "a")
    wait_for(lambda: "elsewhere" not in links())
    assert "swapped" in links()
    ip("link", "del", "swapped")


def make_tap(name, number):
    """Somebody's own, under that name and number, that stays."""
    with open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, 0x400454da, struct.pack("I", number))  # TUNSETIFINDEX
        fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1002))  # TUNSETIFF: a tap
        fcntl.ioctl(tun, 0x400454cb, 1)  # TUNSETPERSIST


@test
def a_link_is_known_by_whose_it_is(d):
    """Another one has its name and its number by the time of the undo."""
    prepare()
    start(d, "a", bridge("<target dev='known'/>"))
    what = pathlib.Path("/sys/class/net/known")
    uuid_text = d.vmsh("domuuid", "a").strip()
    assert (what / "ifalias").read_text().strip() == f"vmd:{uuid_text}:net0"
    number = int((what / "ifindex").read_text())
    d.kill()
    for qemu in d.qemus():
        os.kill(qemu, signal.SIGKILL)
    wait_for(lambda: not what.exists())
    make_tap("known", number)
    d.start()
    wait_for(lambda: d.vmsh("domstate", "a").strip() == "shut off")
    assert int((what / "ifindex").read_text()) == number
    assert "is not the tap that was made, and stays" in d.tail()
    ip("link", "del", "known")


main()
