#!/usr/bin/env python3
"""Guests go down with their host and come up with it: as their metadata and vmd.conf say, order by
order."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

from harness import VMSH, domain, guest, main, need, test, wait_for

URI = "urn:vmd:host:1"


def planned(name, plan, **how):
    """A guest without anything to boot, or with kernel= a Linux that heeds its power button."""
    return domain(name, extra=f"<metadata><vmd:host xmlns:vmd='{URI}' {plan}/></metadata>", memory=how.pop("memory", 32),
                  **how)


def define(d, name, plan, **how):
    d.vmsh("define", d.write(f"{name}.xml", planned(name, plan, **how)))


def told(d, pattern):
    return re.findall(pattern, d.log.read_text())


def off(d, *names):
    return all(d.vmsh("domstate", name).strip() == "shut off" for name in names)


@test
def what_it_may_not_say_is_refused(d):
    for plan, words in (("order='-1'", "order '-1' of <host>"), ("order='10000'", "from 0 to 9999"),
                        ("timeout='0'", "timeout '0'"), ("delay='x'", "delay 'x'"),
                        ("policy='suspend'", "not shutdown, destroy or none"), ("when='x'", "<host> has no 'when'"),
                        ("ready='x'", "not started, agent or address"), ("ready_timeout='0'", "ready_timeout '0'")):
        said = d.vmsh("define", d.write("a.xml", planned("a", plan)), status=1)
        assert words in said, (plan, said)
    define(d, "a", "order='1' delay='2' timeout='3' policy='none'")
    for value, words in (("<host order='x'/>", "order 'x'"), ("<guest/>", "<host> alone"),
                         ("<host><a/></host>", "no elements")):
        said = d.vmsh("metadata", "a", URI, "--key", "vmd", "--set", value, "--config", status=1)
        assert words in said, (value, said)
    assert "order=\"1\"" in d.vmsh("metadata", "a", URI)
    d.vmsh("metadata", "a", URI, "--key", "vmd", "--set", "<host order='7'/>", "--config")
    assert "order=\"7\"" in d.vmsh("metadata", "a", URI)


@test
def the_highest_order_goes_first(d):
    """A guest that heeds its button, in the first group; then two at once that are deaf, or are not
    asked; one that the admin wants to be left alone."""
    console = d.root / "console"
    serial = f"<serial type='file'><source path='{console}'/></serial>"
    define(d, "heeds", "order='20' timeout='600'", devices=serial, memory=256, kernel=guest())
    define(d, "deaf", "order='10' timeout='1'")
    define(d, "pulled", "order='10' policy='destroy'")
    define(d, "left", "policy='none'")
    for name in ("heeds", "deaf", "pulled", "left"):
        d.vmsh("start", name)
    wait_for(lambda: "This is a guest of vmd" in console.read_text(errors="replace"), 240)
    said = d.vmsh("host-down", timeout=600)
    assert "1 guests went down, the plug of 2 was pulled, 1 run on" in said, said
    assert off(d, "heeds", "deaf", "pulled") and d.vmsh("domstate", "left").strip() == "running"
    assert "Power down" in console.read_text(errors="replace")
    lines = told(d, r"domain '(\w+)'(?:: (goes down|stopped)| (is not down))")
    events = [(name, what or late) for name, what, late in lines]
    assert events[0] == ("left", "goes down"), events
    assert events.index(("heeds", "stopped")) < events.index(("deaf", "goes down")), events
    assert events.index(("deaf", "is not down")) < events.index(("deaf", "stopped")), events
    assert ("deaf", "goes down") in events[3:5] and ("pulled", "goes down") in events[3:5], events


@test
def the_file_says_it_for_all_others(d):
    d.end()
    (d.root / "etc/vmd").mkdir(parents=True, exist_ok=True)
    conf = d.root / "etc/vmd/vmd.conf"
    conf.write_text("guest_down = destroy\n")
    d.start()
    define(d, "a", "order='1'")
    d.vmsh("start", "a")
    assert "the plug of 1 was pulled" in d.vmsh("host-down")
    conf.write_text("guest_down = none\n")
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: told(d, "guest_down was 'destroy' and is 'none'"))
    d.vmsh("start", "a")
    assert "1 run on" in d.vmsh("host-down")
    conf.write_text("guest_down = save\nguest_down_timeout = 0\n")
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: told(d, "'save' is not shutdown, destroy or none") and told(d, "0 seconds are no time"))


@test
def two_who_ask_at_once_get_one_answer(d):
    define(d, "a", "timeout='2'")
    d.vmsh("start", "a")
    asked = [subprocess.Popen([VMSH, "-c", d.uri, "host-down"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in asked:
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 0 and ", the plug of 1 was pulled" in said, said
    assert off(d, "a") and len(told(d, "domain 'a': goes down")) == 1


def begun(d):
    """When each guest's QEMU began, in seconds."""
    found = {}
    for pid in d.qemus(helpers=False):
        name = re.search(rb"guest=(\w+)", pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())[1].decode()
        ticks = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
        found[name] = ticks / os.sysconf("SC_CLK_TCK")
    return found


@test
def they_come_up_in_order_and_wait_for_each_other(d):
    for name, plan in (("last", ""), ("second", "order='20'"), ("first", "order='10' delay='2'"), ("too", "order='10'")):
        define(d, name, plan)
        d.vmsh("autostart", name)
    d.end()
    (d.root / "run/vmd/qemu/autostarted").unlink(missing_ok=True)
    d.start()
    wait_for(lambda: len(d.qemus(helpers=False)) == 4, 60)
    order = told(d, r"domain '(\w+)': starts with the host, order (\d+)")
    assert [number for _, number in order] == ["10", "10", "20", "500"], order
    assert [name for name, _ in order[2:]] == ["second", "last"], order
    at = begun(d)
    assert at["second"] - at["first"] >= 2 and at["last"] >= at["second"], at


def with_agent(d):
    """A Linux whose channel somebody opens, which is all that is asked here."""
    need("cpio")
    folder, tree = d.root / "kernel", d.root / "kernel/tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/rc").write_text("#!/bin/sh\nfor m in $(cat /agent/order); do [ ! -e /agent/$m.ko ] || insmod /agent/$m.ko; "
                                 "done\nfor p in /sys/class/virtio-ports/*; do sleep 100000 3<>/dev/${p##*/} & done\n")
    (tree / "etc/rc").chmod(0o755)
    packed = subprocess.run("find . | cpio -o -H newc --quiet | gzip", shell=True, check=True, capture_output=True,
                            cwd=tree).stdout
    shutil.copy(guest() / "vmlinuz", folder)
    (folder / "initrd").write_bytes((guest() / "initrd").read_bytes() + (guest() / "agent").read_bytes() + packed)
    return folder


@test
def others_wait_until_one_is_ready(d):
    """For an agent; and for an address that never comes not for ever."""
    channel = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    define(d, "base", "order='10' ready='agent' ready_timeout='600'", devices="<serial type='pty'/>" + channel,
           memory=256, kernel=with_agent(d))
    define(d, "never", "order='20' ready='address' ready_timeout='1'")
    define(d, "last", "order='30'")
    for name in ("base", "never", "last"):
        d.vmsh("autostart", name)
    d.end()
    (d.root / "run/vmd/qemu/autostarted").unlink(missing_ok=True)
    d.start()
    wait_for(lambda: len(d.qemus(helpers=False)) == 3, 400)
    lines = d.log.read_text()
    assert "'never': has no address yet: guests of a higher order do not wait for it" in lines, lines
    assert "'base': has no agent" not in lines
    at = begun(d)
    assert at["never"] - at["base"] > 1 and at["last"] - at["never"] >= 1, at


main()
