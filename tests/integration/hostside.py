#!/usr/bin/env python3
"""What a VM takes from its host: links, ports, passwords, variables of the firmware, a TPM, consoles."""
import contextlib
import ctypes
import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import time

from harness import (can_passt, domain, firmware, guest, links, listening, main, need, need_own_network,
                     same, skip, test, wait_for)


def ip(*argv):
    subprocess.run(["ip", *argv], check=True)


def create(d, name, devices="", **how):
    d.virsh("create", "--paused", d.write(f"{name}.xml", domain(name, devices, **how)))


def gone(d, before):
    # What an earlier test left to the kernel may go meanwhile; nothing may have come.
    wait_for(lambda: not set(links()) - set(before), 5)
    assert not d.qemus()


@test
def taps_join_their_bridge(d):
    need_own_network()
    ip("link", "add", "br-test", "type", "bridge")
    ip("link", "set", "br-test", "mtu", "1400", "up")
    before = links()
    create(d, "a", "<interface type='bridge'><source bridge='br-test'/><model type='virtio'/>"
                   "<mac address='52:54:00:01:02:03'/></interface>"
                   "<interface type='ethernet'><target dev='eth-test'/><model type='e1000'/></interface>")
    made = set(links()) - set(before)
    assert len(made) == 2 and "eth-test" in made, made
    tap, = made - {"eth-test"}
    sys_net = pathlib.Path("/sys/class/net")
    assert os.path.basename(os.readlink(sys_net / tap / "master")) == "br-test"
    assert (sys_net / tap / "address").read_text().strip() == "fe:54:00:01:02:03"
    assert (sys_net / tap / "mtu").read_text().strip() == "1400"
    assert int((sys_net / tap / "flags").read_text(), 16) & 1, "the tap is not up"
    assert f"<target dev='{tap}'/>" in d.virsh("dumpxml", "a")
    assert tap in d.virsh("domiflist", "a") and "rx_bytes" in d.virsh("domifstat", "a", tap)
    d.kill()
    d.start()
    assert "rx_bytes" in d.virsh("domifstat", "a", tap)
    d.virsh("destroy", "a")
    gone(d, before)


def frames(name):
    """What `ethtool -c` calls rx-frames."""
    answer = ctypes.create_string_buffer(struct.pack("I", 0xe) + bytes(88))  # ETHTOOL_GCOALESCE
    request = struct.pack("16sP16x", name.encode(), ctypes.addressof(answer))
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8946, request)  # SIOCETHTOOL
    return struct.unpack_from("I", answer, 8)[0]


@test
def a_tap_is_as_its_interface_says(d):
    need_own_network()
    ip("link", "add", "br-port", "type", "bridge")
    bridged = "<interface type='bridge'><source bridge='br-port'/><target dev='{}'/>{}<model type='virtio'/></interface>"
    create(d, "a", bridged.format("alone", "<port isolated='yes'/>") +
           bridged.format("open", "<port isolated='no'/><coalesce><rx><frames max='7'/></rx></coalesce>") +
           bridged.format("plain", ""))

    def says(name, what):
        return pathlib.Path(f"/sys/class/net/{name}/brport/{what}").read_text().strip()

    assert [says(name, "isolated") for name in ("alone", "open", "plain")] == ["1", "0", "0"]
    assert [frames(name) for name in ("alone", "open", "plain")] == [0, 7, 0]
    assert "<port isolated='yes'/>" in d.vmsh("dumpxml", "a")


@test
def a_bridge_that_is_not_there_is_named(d):
    need_own_network()
    before = links()
    out = d.virsh("create", d.write("a.xml", domain(
        "a", "<interface type='bridge'><source bridge='br-none'/></interface>")), status=1)
    assert "br-none" in out, out
    gone(d, before)


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.recv(12)
        s.sendall(b"RFB 003.008\n")
        count = s.recv(1)[0]
        return list(s.recv(count))


@test
def ports_are_counted_and_locked(d):
    vnc = "<graphics type='vnc' autoport='yes'{}/><video><model type='vga'/></video>"
    create(d, "a", vnc.format(""))
    create(d, "b", vnc.format(" passwd='secret'"))
    shown = [d.virsh("domdisplay", n).strip() for n in ("a", "b")]
    ports = [5900 + int(s.rsplit(":", 1)[1]) for s in shown]
    assert len(set(ports)) == 2, shown
    assert 1 in greeting(ports[0])   # none
    assert greeting(ports[1]) == [2]  # a password
    assert "secret" not in d.virsh("dumpxml", "b")
    assert "secret" in d.virsh("dumpxml", "b", "--security-info")
    assert b"secret" not in b"".join(
        pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in d.qemus())
    d.kill()
    d.start()
    create(d, "c", vnc.format(""))
    assert d.virsh("domdisplay", "c").strip() not in shown


@test
def the_screen_can_be_seen(d):
    create(d, "a", "<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>")
    d.virsh("resume", "a")
    shot = d.root / "shot"
    wait_for(lambda: "failed" not in d.virsh("screenshot", "a", shot, status=None))
    assert shot.read_bytes()[:4] in (b"\x89PNG", b"P6\n7"), shot.read_bytes()[:4]
    d.virsh("send-key", "a", "KEY_LEFTCTRL", "KEY_LEFTALT", "KEY_DELETE")


@test
def a_tpm_has_a_helper(d):
    need("swtpm_setup")
    create(d, "a", "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>")
    assert len(d.qemus()) == 2, d.qemus()
    d.kill()
    d.start()
    d.virsh("destroy", "a")
    wait_for(lambda: not d.qemus(), 5)


@test
def the_firmware_keeps_its_variables(d):
    text = domain("a").replace("</os>", firmware() + "</os>")
    template = text.split("template='")[1].split("'")[0]
    d.virsh("define", d.write("a.xml", text))
    d.virsh("start", "--paused", "a")
    made = list((d.root / "var/lib/vmd/qemu/nvram").iterdir())
    assert len(made) == 1 and made[0].stat().st_size == os.path.getsize(template), made
    d.virsh("destroy", "a")
    out = d.virsh("undefine", "a", status=1)
    assert "nvram" in out, out
    d.virsh("undefine", "--nvram", "a")
    assert not made[0].exists()


@contextlib.contextmanager
def console(d, name):
    """A function that types a line every other second until the console answers so."""
    process = subprocess.Popen(
        ["script", "-qec", f"virsh -c '{d.uri}' console {name}", "/dev/null"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.set_blocking(process.stdout.fileno(), False)
    heard = b""

    def hears(what):
        nonlocal heard
        heard += process.stdout.read() or b""
        return what in heard

    def talk(line, answer):
        end = time.monotonic() + 120
        while not hears(answer):
            assert time.monotonic() < end, heard[-500:]
            process.stdin.write(line + b"\r")
            process.stdin.flush()
            time.sleep(2)

    try:
        wait_for(lambda: hears(b"Connected to domain"), 20)
        yield talk
    finally:
        process.kill()
        process.wait()


SERIAL = "<serial type='pty'/><console type='pty'/>"


@test
def a_console_speaks_both_ways(d):
    kernel = guest()
    d.virsh("create", d.write("a.xml", domain("a", SERIAL, memory=256, kernel=kernel)))
    with console(d, "a") as talk:
        talk(b"echo sum=$((6*7))", b"sum=42")
        busy = d.run("script", "-qec", f"virsh -c '{d.uri}' console a", "/dev/null", status=None)
        assert "Active console session exists" in busy, busy


PASST = """<interface type='user'><backend type='passt' logFile='{log}'/>{more}
<portForward proto='tcp' address='127.0.0.1'><range start='{port}' to='22'/>
<range start='7790' end='7799'/><range start='7795' exclude='yes'/></portForward>
<model type='virtio'/></interface>"""


@test
def passt_is_the_network_of_a_user(d):
    if not can_passt():
        skip("passt is not installed, or no user namespace can be made here")
    need_own_network()
    kernel = guest()
    ip("link", "add", "br-passt", "type", "bridge")
    ip("addr", "add", "10.9.0.1/24", "dev", "br-passt")
    ip("link", "set", "br-passt", "up")
    ip("route", "add", "default", "via", "10.9.0.2")
    try:
        d.virsh("domcapabilities")
        before = d.inventory()
        nets = PASST.format(log=d.root / "passt.log", port=7722, more="") + PASST.replace(
            "<range start='7790' end='7799'/><range start='7795' exclude='yes'/>", "").format(
            log=d.root / "passt2.log", port=7723, more="<ip address='10.9.0.77' family='ipv4' prefix='24'/>")
        d.virsh("create", d.write("a.xml", domain("a", SERIAL + nets, memory=256, kernel=kernel)))
        ports = set(listening()) - set(before["listening"])
        assert ports == {7722, 7723, *range(7790, 7800)} - {7795}, ports
        with console(d, "a") as talk:
            talk(b"ip link set eth1 up && echo up=$((6*7))", b"up=42")  # once its driver is there
            talk(b"udhcpc -nqi eth1 -s /bin/true 2>&1 | cut -d, -f1",
                 b"lease of 10.9.0.77 obtained")
        d.kill()
        d.start()
        d.virsh("destroy", "a")
        same(before, d.inventory())
        wrong = PASST.format(log=d.root / "passt.log", port=7722, more="<source dev='nosuch'/>")
        said = d.virsh("create", d.write("b.xml", domain("b", nets + wrong)), status=1)
        assert "passt exited with status 1" in said and "nosuch" in said, said
        same(before, d.inventory())
    finally:
        ip("link", "del", "br-passt")


main()
